/* From the connection to a server that is ready for mail: greeting, EHLO, STARTTLS, AUTH. */
#include "submit/smtp_client.h"
#include "base/clock.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <string.h>

enum {
    QUIT_MILLISECONDS = 2000,
    SECRET_BEGIN = 8 /* bytes by which an encoded secret is known again when it was cut */
};

#define smtp_error(smtp, ...) ximss_error((smtp)->pool, XIMSS_E_SUBMISSION, __VA_ARGS__)

const ximss_error_t *ximss_smtp_get_reply(ximss_smtp_t *smtp, int milliseconds)
{
    apr_int64_t deadline = ximss_clock_ms() + milliseconds;
    ximss_reply_state_t state = XIMSS_REPLY_MORE;
    ximss_smtp_reply_init(&smtp->reply);
    while (state == XIMSS_REPLY_MORE) {
        apr_size_t used;
        if (smtp->in_at == smtp->in_length) {
            smtp->in_at = 0;
            smtp->in_length = 0;
            XIMSS_TRY(
                ximss_net_read(smtp->net, smtp->in, sizeof(smtp->in), &smtp->in_length, deadline));
        }
        state = ximss_smtp_reply_read(&smtp->reply, smtp->in + smtp->in_at,
                                      smtp->in_length - smtp->in_at, &used);
        smtp->in_at += used;
    }
    return state == XIMSS_REPLY_DONE ? NULL
                                     : smtp_error(smtp, "the server's answer is not one of SMTP");
}

const ximss_error_t *ximss_smtp_put(ximss_smtp_t *smtp, const char *lines)
{
    return ximss_net_write(smtp->net, lines, strlen(lines), smtp->route->reply_milliseconds);
}

const char *ximss_smtp_reply_text(const ximss_smtp_t *smtp, apr_pool_t *pool)
{
    const ximss_smtp_reply_t *reply = &smtp->reply;
    char *text = apr_psprintf(pool, "%d %s%s%s", reply->code, reply->status,
                              *reply->status != '\0' ? " " : "", reply->text);
    for (char *at = strchr(text, '\n'); at != NULL; at = strchr(at, '\n')) {
        *at = ' ';
    }
    return text;
}

/* Sends a command and reads the reply, which must be of the class CLASS (2 or 3); WHAT: what was tried. */
static const ximss_error_t *expect(ximss_smtp_t *smtp, const char *command, int class,
                                   const char *what)
{
    if (command != NULL) {
        XIMSS_TRY(ximss_smtp_put(smtp, command));
    }
    XIMSS_TRY(ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds));
    if (smtp->reply.code / 100 != class) {
        return smtp_error(smtp, "%s: %s", what, ximss_smtp_reply_text(smtp, smtp->pool));
    }
    return NULL;
}

/* EHLO, and HELO for a server that does not know it. */
static const ximss_error_t *say_hello(ximss_smtp_t *smtp)
{
    const char *name = smtp->route->local_name != NULL ? smtp->route->local_name : "localhost";
    smtp->status = "4.4.2";
    XIMSS_TRY(ximss_smtp_put(smtp, apr_pstrcat(smtp->pool, "EHLO ", name, "\r\n", NULL)));
    XIMSS_TRY(ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds));
    if (smtp->reply.code / 100 == 2) {
        ximss_smtp_features_read(&smtp->features, &smtp->reply);
        return NULL;
    }
    memset(&smtp->features, 0, sizeof(smtp->features));
    return expect(smtp, apr_pstrcat(smtp->pool, "HELO ", name, "\r\n", NULL), 2,
                  "the server refuses to talk");
}

static const ximss_error_t *start_tls(ximss_smtp_t *smtp)
{
    smtp->status = "4.7.5";
    return ximss_net_start_tls(smtp->net, smtp->route->host, smtp->route->ca_file,
                               smtp->route->connect_milliseconds);
}

/* What came in clear behind the answer to STARTTLS is not the server's: someone put it there. */
static const ximss_error_t *upgrade(ximss_smtp_t *smtp)
{
    smtp->status = "4.7.4";
    if (!smtp->features.starttls) {
        return smtp_error(smtp, "the server does not offer STARTTLS");
    }
    XIMSS_TRY(expect(smtp, "STARTTLS\r\n", 2, "the server refuses STARTTLS"));
    if (smtp->in_at != smtp->in_length) {
        return smtp_error(smtp, "the server sent more than the answer to STARTTLS");
    }
    XIMSS_TRY(start_tls(smtp));
    return say_hello(smtp);
}

static const char *base64(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)length));
    apr_base64_encode(text, bytes, (int)length);
    return text;
}

static const char refused[] = "the server refuses the login";

/* Sends COMMAND and SECRET, as expect. There are servers that say what they refuse: what they say goes into logs and to
 * senders, the secret must not. */
static const ximss_error_t *expect_secret(ximss_smtp_t *smtp, const char *command,
                                          const char *secret, int class)
{
    apr_pool_t *pool = smtp->pool;
    const char *begin = apr_pstrndup(pool, secret, SECRET_BEGIN);
    XIMSS_TRY(ximss_smtp_put(smtp, apr_pstrcat(pool, command, secret, "\r\n", NULL)));
    XIMSS_TRY(ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds));
    if (smtp->reply.code / 100 == class) {
        return NULL;
    }
    if (strcasestr(smtp->reply.text, begin) != NULL) {
        return smtp_error(smtp, "%s: %d %s", refused, smtp->reply.code, smtp->reply.status);
    }
    return smtp_error(smtp, "%s: %s", refused, ximss_smtp_reply_text(smtp, pool));
}

static const ximss_error_t *log_in_plain(ximss_smtp_t *smtp, const char *user, const char *password)
{
    apr_size_t user_length = strlen(user);
    apr_size_t length = user_length + strlen(password) + 2;
    char *secret = apr_palloc(smtp->pool, length + 1);
    secret[0] = '\0';
    memcpy(secret + 1, user, user_length + 1);
    memcpy(secret + user_length + 2, password, length - user_length - 1);
    return expect_secret(smtp, "AUTH PLAIN ", base64(secret, length, smtp->pool), 2);
}

static const ximss_error_t *log_in_by_steps(ximss_smtp_t *smtp, const char *user,
                                            const char *password)
{
    apr_pool_t *pool = smtp->pool;
    XIMSS_TRY(expect(smtp, "AUTH LOGIN\r\n", 3, refused));
    XIMSS_TRY(expect_secret(smtp, "", base64(user, strlen(user), pool), 3));
    return expect_secret(smtp, "", base64(password, strlen(password), pool), 2);
}

static const ximss_error_t *log_in(ximss_smtp_t *smtp)
{
    const char *user = smtp->route->user;
    const char *password = smtp->route->password != NULL ? smtp->route->password : "";
    smtp->status = "4.7.8";
    if (!ximss_net_is_private(smtp->net)) {
        return smtp_error(smtp, "a login needs TLS: the password would be sent in clear");
    }
    if (smtp->features.auth_plain) {
        return log_in_plain(smtp, user, password);
    }
    if (smtp->features.auth_login) {
        return log_in_by_steps(smtp, user, password);
    }
    return smtp_error(smtp, "the server offers no login by AUTH PLAIN or LOGIN");
}

const ximss_error_t *ximss_smtp_connect(ximss_smtp_t **connected, const ximss_route_t *route,
                                        apr_pool_t *pool)
{
    ximss_smtp_t *smtp = apr_pcalloc(pool, sizeof(*smtp));
    *connected = smtp;
    smtp->route = route;
    smtp->pool = pool;
    smtp->status = "4.4.1";
    XIMSS_TRY(
        ximss_net_open(&smtp->net, route->host, route->port, route->connect_milliseconds, pool));
    if (route->tls == XIMSS_TLS_SMTPS) {
        XIMSS_TRY(start_tls(smtp));
    }
    smtp->status = "4.4.2";
    XIMSS_TRY(expect(smtp, NULL, 2, "the server refuses to talk"));
    XIMSS_TRY(say_hello(smtp));
    if (route->tls == XIMSS_TLS_STARTTLS) {
        XIMSS_TRY(upgrade(smtp));
    }
    if (route->user != NULL) {
        XIMSS_TRY(log_in(smtp));
    }
    smtp->status = "4.4.2";
    return NULL;
}

void ximss_smtp_quit(ximss_smtp_t *smtp)
{
    if (ximss_smtp_put(smtp, "QUIT\r\n") == NULL) {
        int wait = smtp->route->reply_milliseconds;
        (void)ximss_smtp_get_reply(smtp, wait < QUIT_MILLISECONDS ? wait : QUIT_MILLISECONDS);
    }
}
