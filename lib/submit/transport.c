/* What all transports share: the check of addresses before any of them sees one, and results. */
#include "submit/transport.h"
#include "base/text.h"
#include "mime/addr_spec.h"
#include "submit/result.h"
#include "submit/sendmail.h"
#include "submit/smtp.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* RFC 5321, 4.5.3.1 has 64 bytes of local part, but reply and bounce addresses of large senders have more. */
enum { LOCAL_MAX = 256, DOMAIN_MAX = 255 };

void ximss_recipient_finish(ximss_recipient_t *recipient, const ximss_outcome_t *outcome,
                            apr_pool_t *pool)
{
    apr_size_t length = strlen(outcome->text);
    const char *clean = ximss_text_clean(outcome->text, &length, pool);
    length = ximss_text_cut(clean, length, XIMSS_RESULT_TEXT_MAX);
    char *text = apr_pstrmemdup(pool, clean, length);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = ' ';
        }
    }
    recipient->result = outcome->result;
    recipient->status = apr_pstrdup(pool, outcome->status);
    recipient->text = text;
    recipient->remote = apr_pstrdup(pool, outcome->remote);
}

void ximss_recipients_finish(ximss_envelope_t *envelope, const ximss_outcome_t *outcome,
                             apr_pool_t *pool)
{
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING) {
            ximss_recipient_finish(recipient, outcome, pool);
        }
    }
}

/* The end of the quoted string at TEXT, NULL if it is none. Angle brackets are legal in it, and refused: servers
 * disagree about where such a path ends. */
static const char *quoted_end(const char *text)
{
    const char *end = ximss_addr_quoted_end(text);
    return end != NULL && strcspn(text, "<>") >= (apr_size_t)(end - text) ? end : NULL;
}

/* Whether TEXT is a domain, or an address literal in brackets. */
static int is_domain(const char *text)
{
    apr_size_t length = strlen(text);
    int literal = length > 2 && text[0] == '[' && text[length - 1] == ']';
    for (apr_size_t i = literal; i < length - literal; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (!(byte >= 0x80 || apr_isalnum(byte) || strchr("-._", byte) != NULL ||
              (literal && byte == ':'))) {
            return 0;
        }
    }
    return length > 0 && length <= DOMAIN_MAX && text[0] != '.' && text[0] != '-';
}

/* Whether ADDRESS can stand in a command and in an argument list without being anything else. */
static int is_address(const char *address)
{
    const char *end = *address == '"' ? quoted_end(address) : ximss_addr_local_end(address);
    return end != NULL && *end == '@' && end - address <= LOCAL_MAX && is_domain(end + 1) &&
           ximss_text_ok(address, strlen(address));
}

static void refuse_bad_addresses(ximss_envelope_t *envelope, apr_pool_t *pool)
{
    static const ximss_outcome_t bad_sender = {XIMSS_PERMANENT, "5.1.7",
                                               "the sender's address is malformed", NULL};
    static const ximss_outcome_t bad_recipient = {XIMSS_PERMANENT, "5.1.3",
                                                  "the recipient's address is malformed", NULL};
    if (*envelope->sender != '\0' && !is_address(envelope->sender)) {
        ximss_recipients_finish(envelope, &bad_sender, pool);
    }
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING && !is_address(recipient->address)) {
            ximss_recipient_finish(recipient, &bad_recipient, pool);
        }
    }
}

static int anyone_pending(const ximss_envelope_t *envelope)
{
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        if (APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t).result == XIMSS_PENDING) {
            return 1;
        }
    }
    return 0;
}

/* Whoever closes a connection or pipe while we write must not end this process: the signal is blocked for
 * this thread, and taken away if it came. */
static void hold_sigpipe(sigset_t *before, int *was_pending)
{
    sigset_t pipe_only;
    sigset_t pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    *was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, before);
}

static void release_sigpipe(const sigset_t *before, int was_pending)
{
    static const struct timespec none = {0, 0};
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!was_pending) {
        sigtimedwait(&pipe_only, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

const ximss_error_t *ximss_transport_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                          apr_pool_t *pool)
{
    sigset_t before;
    int was_pending;
    refuse_bad_addresses(envelope, pool);
    if (!anyone_pending(envelope)) {
        return NULL;
    }
    hold_sigpipe(&before, &was_pending);
    const ximss_error_t *error = route->kind == XIMSS_ROUTE_SMTP
                                     ? ximss_smtp_send(route, envelope, pool)
                                     : ximss_sendmail_send(route, envelope, pool);
    release_sigpipe(&before, was_pending);
    return error;
}
