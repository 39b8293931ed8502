/* LMTP: the commands (RFC 5321, 4.1, as RFC 2033 changes them). */
#include "base/text.h"
#include "submit/lmtp_state.h"
#include "submit/path.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char no_path[] = "501 5.1.7 an address is <user@domain>";
static const char out_of_turn[] = "503 5.5.1 not now";

/* ---- LHLO ---- */

static void do_lhlo(ximss_lmtp_t *lmtp, const char *args)
{
    if (*args == '\0' || !ximss_text_is_ascii(args)) {
        ximss_lmtp_wrong(lmtp, "501 5.5.4 LHLO takes the client's name");
        return;
    }
    ximss_lmtp_reset(lmtp);
    apr_cpystrn(lmtp->client, args, sizeof(lmtp->client));
    ximss_lmtp_reply(lmtp, "250-%.200s", lmtp->server->name);
    ximss_lmtp_reply(lmtp, "250-PIPELINING");
    ximss_lmtp_reply(lmtp, "250-ENHANCEDSTATUSCODES");
    ximss_lmtp_reply(lmtp, "250-8BITMIME");
    ximss_lmtp_reply(lmtp, "250-SMTPUTF8");
    ximss_lmtp_reply(lmtp, "250 SIZE %" APR_SIZE_T_FMT, lmtp->server->message_bytes);
}

/* ---- MAIL ---- */

/* The path behind "FROM:" or "TO:"; *REST is what follows it. NULL: there is none. */
static const char *read_path(ximss_lmtp_t *lmtp, const char *args, const char *label,
                             const char **rest)
{
    const char *path;

    if (strncasecmp(args, label, strlen(label)) != 0) {
        return NULL;
    }
    args += strlen(label);
    *rest = args + strspn(args, " ");
    path = ximss_path_read(rest, lmtp->scratch);
    return path != NULL && (**rest == '\0' || **rest == ' ') ? path : NULL;
}

static const char *read_size(ximss_lmtp_t *lmtp, const char *value)
{
    char *end;

    if (!apr_isdigit(*value) || strlen(value) > 20) {
        return "501 5.5.4 SIZE takes a number";
    }
    lmtp->size = apr_strtoi64(value, &end, 10);
    if (*end != '\0') {
        return "501 5.5.4 SIZE takes a number";
    }
    return lmtp->size <= (apr_int64_t)lmtp->server->message_bytes
               ? NULL
               : "552 5.3.4 the message is too large";
}

/* Reads one parameter of MAIL; NULL, or the reply that refuses it. */
static const char *read_parameter(ximss_lmtp_t *lmtp, const char *text)
{
    if (strncasecmp(text, "SIZE=", 5) == 0) {
        return read_size(lmtp, text + 5);
    }
    if (strcasecmp(text, "SMTPUTF8") == 0) {
        lmtp->utf8 = 1;
        return NULL;
    }
    if (strcasecmp(text, "BODY=7BIT") == 0 || strcasecmp(text, "BODY=8BITMIME") == 0) {
        return NULL;
    }
    return "555 5.5.4 unknown parameter";
}

static const char *read_parameters(ximss_lmtp_t *lmtp, const char *text)
{
    const char *refusal = NULL;

    text += strspn(text, " ");
    while (refusal == NULL && *text != '\0') {
        apr_size_t length = strcspn(text, " ");

        refusal = read_parameter(lmtp, apr_pstrmemdup(lmtp->scratch, text, length));
        text += length;
        text += strspn(text, " ");
    }
    return refusal;
}

static void do_mail(ximss_lmtp_t *lmtp, const char *args)
{
    const char *refusal;
    const char *path;
    const char *rest;

    if (lmtp->client[0] == '\0' || lmtp->sender != NULL) {
        ximss_lmtp_wrong(lmtp, out_of_turn);
        return;
    }
    path = read_path(lmtp, args, "FROM:", &rest);
    refusal = path != NULL ? read_parameters(lmtp, rest) : no_path;
    if (refusal == NULL && !lmtp->utf8 && !ximss_text_is_ascii(path)) {
        refusal = "553 5.6.7 the address needs SMTPUTF8";
    }
    if (refusal != NULL) {
        ximss_lmtp_wrong(lmtp, refusal);
        ximss_lmtp_reset(lmtp);
        return;
    }
    lmtp->sender = apr_pstrdup(lmtp->transaction, path);
    lmtp->recipients = apr_array_make(lmtp->transaction, 4, sizeof(ximss_lmtp_recipient_t));
    ximss_lmtp_reply(lmtp, "250 2.1.0 ok");
}

/* ---- RCPT ---- */

static void add_recipient(ximss_lmtp_t *lmtp, const char *address)
{
    const ximss_lmtp_server_t *server = lmtp->server;
    ximss_lmtp_recipient_t *recipient;
    const ximss_error_t *error;
    const char *account;

    if (lmtp->recipients->nelts >= XIMSS_LMTP_RECIPIENTS_MAX) {
        ximss_lmtp_reply(lmtp, "452 4.5.3 too many recipients");
        return;
    }
    error = server->recipient(server->mail, address, lmtp->size, &account, lmtp->scratch);
    if (error != NULL) {
        ximss_lmtp_refuse(lmtp, error);
        return;
    }
    recipient = apr_array_push(lmtp->recipients);
    recipient->address = apr_pstrdup(lmtp->transaction, address);
    recipient->account = apr_pstrdup(lmtp->transaction, account);
    recipient->done = 0;
    ximss_lmtp_reply(lmtp, "250 2.1.5 ok");
}

static void do_rcpt(ximss_lmtp_t *lmtp, const char *args)
{
    const char *path;
    const char *rest;

    if (lmtp->sender == NULL) {
        ximss_lmtp_wrong(lmtp, out_of_turn);
        return;
    }
    path = read_path(lmtp, args, "TO:", &rest);
    if (path == NULL || *path == '\0') {
        ximss_lmtp_wrong(lmtp, no_path);
    }
    else if (rest[strspn(rest, " ")] != '\0') {
        ximss_lmtp_wrong(lmtp, "555 5.5.4 unknown parameter");
    }
    else if (!lmtp->utf8 && !ximss_text_is_ascii(path)) {
        ximss_lmtp_wrong(lmtp, "553 5.6.7 the address needs SMTPUTF8");
    }
    else {
        add_recipient(lmtp, path);
    }
}

/* ---- the others ---- */

static void do_data(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    if (lmtp->sender == NULL || lmtp->recipients->nelts == 0) {
        ximss_lmtp_wrong(lmtp, "503 5.5.1 no valid recipients");
        return;
    }
    lmtp->spool =
        ximss_spool_make(lmtp->server->spool_dir, lmtp->server->message_bytes, lmtp->transaction);
    lmtp->text = XIMSS_LMTP_LINE;
    ximss_lmtp_reply(lmtp, "354 end with CR LF . CR LF");
}

static void do_rset(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    ximss_lmtp_reset(lmtp);
    ximss_lmtp_reply(lmtp, "250 2.0.0 ok");
}

static void do_noop(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    ximss_lmtp_reply(lmtp, "250 2.0.0 ok");
}

static void do_vrfy(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    ximss_lmtp_reply(lmtp, "252 2.5.0 RCPT will tell");
}

static void do_quit(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    ximss_lmtp_end(lmtp, "221 2.0.0 bye");
}

static void do_helo(ximss_lmtp_t *lmtp, const char *args)
{
    (void)args;
    ximss_lmtp_wrong(lmtp, "500 5.5.1 this is LMTP: say LHLO");
}

static const struct {
    const char *name;
    int bare; /* takes nothing */
    void (*run)(ximss_lmtp_t *lmtp, const char *args);
} commands[] = {
    {"LHLO", 0, do_lhlo}, {"MAIL", 0, do_mail}, {"RCPT", 0, do_rcpt}, {"DATA", 1, do_data},
    {"RSET", 1, do_rset}, {"NOOP", 0, do_noop}, {"VRFY", 0, do_vrfy}, {"QUIT", 1, do_quit},
    {"EHLO", 0, do_helo}, {"HELO", 0, do_helo},
};

void ximss_lmtp_command(ximss_lmtp_t *lmtp, const char *line)
{
    apr_size_t length = strcspn(line, " ");
    const char *args = line + length + strspn(line + length, " ");
    apr_size_t i;

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (length == strlen(commands[i].name) &&
            strncasecmp(line, commands[i].name, length) == 0) {
            if (commands[i].bare && *args != '\0') {
                ximss_lmtp_wrong(lmtp, "501 5.5.4 the command takes no parameter");
                return;
            }
            commands[i].run(lmtp, args);
            return;
        }
    }
    ximss_lmtp_wrong(lmtp, "500 5.5.1 unknown command");
}
