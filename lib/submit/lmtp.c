/* LMTP: the connection, cut into lines, and replies. */
#include "submit/lmtp_state.h"

#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>

/* Longest reply, with its line end: all of ours are shorter. */
enum { REPLY_MAX = 512 };

void ximss_lmtp_flush(ximss_lmtp_t *lmtp)
{
    if (lmtp->out_length > 0 &&
        !lmtp->server->send(lmtp->server->client, lmtp->out, lmtp->out_length)) {
        lmtp->over = 1;
    }
    lmtp->out_length = 0;
}

void ximss_lmtp_reply(ximss_lmtp_t *lmtp, const char *fmt, ...)
{
    va_list args;

    if (sizeof(lmtp->out) - lmtp->out_length < REPLY_MAX) {
        ximss_lmtp_flush(lmtp);
    }
    va_start(args, fmt);
    lmtp->out_length +=
        (apr_size_t)apr_vsnprintf(lmtp->out + lmtp->out_length, REPLY_MAX - 2, fmt, args);
    va_end(args);
    memcpy(lmtp->out + lmtp->out_length, "\r\n", 2);
    lmtp->out_length += 2;
}

void ximss_lmtp_wrong(ximss_lmtp_t *lmtp, const char *reply)
{
    ximss_lmtp_reply(lmtp, "%s", reply);
    if (++lmtp->errors >= XIMSS_LMTP_ERRORS_MAX) {
        ximss_lmtp_end(lmtp, "421 4.7.0 too many errors");
    }
}

void ximss_lmtp_refuse(ximss_lmtp_t *lmtp, const ximss_error_t *error)
{
    char *text = apr_pstrndup(lmtp->scratch, error->text, 200);
    char *c;

    for (c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    ximss_lmtp_reply(lmtp, "%s %s", ximss_deliver_status(error), text);
}

void ximss_lmtp_reset(ximss_lmtp_t *lmtp)
{
    apr_pool_clear(lmtp->transaction);
    lmtp->sender = NULL;
    lmtp->utf8 = 0;
    lmtp->size = 0;
    lmtp->recipients = NULL;
    lmtp->spool = NULL;
}

static int has_control(const char *text, apr_size_t length)
{
    apr_size_t i;

    for (i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return 1;
        }
    }
    return 0;
}

/* Runs the line that is whole now, its LF included. */
static void run_line(ximss_lmtp_t *lmtp)
{
    apr_size_t length = lmtp->line_length - 1;
    int overlong = lmtp->overlong;

    lmtp->line_length = 0;
    lmtp->overlong = 0;
    apr_pool_clear(lmtp->scratch);
    if (overlong) {
        ximss_lmtp_wrong(lmtp, "500 5.5.2 line too long");
    }
    else if (length == 0 || lmtp->line[length - 1] != '\r') {
        ximss_lmtp_wrong(lmtp, "500 5.5.2 a line ends with CR LF");
    }
    else if (has_control(lmtp->line, length - 1)) {
        ximss_lmtp_wrong(lmtp, "500 5.5.2 control characters in a command");
    }
    else {
        lmtp->line[length - 1] = '\0';
        ximss_lmtp_command(lmtp, lmtp->line);
    }
}

/* Takes bytes up to the next line end, and returns how many; what is too long is dropped. */
static apr_size_t take_line(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    apr_size_t taken = end != NULL ? (apr_size_t)(end - bytes) + 1 : length;
    apr_size_t kept = taken;

    if (kept > XIMSS_LMTP_LINE_MAX - lmtp->line_length) {
        kept = XIMSS_LMTP_LINE_MAX - lmtp->line_length;
        lmtp->overlong = 1;
    }
    memcpy(lmtp->line + lmtp->line_length, bytes, kept);
    lmtp->line_length += kept;
    if (end != NULL) {
        run_line(lmtp);
    }
    return taken;
}

ximss_lmtp_t *ximss_lmtp_start(const ximss_lmtp_server_t *server, apr_pool_t *pool)
{
    ximss_lmtp_t *lmtp = apr_pcalloc(pool, sizeof(*lmtp));

    lmtp->server = server;
    apr_pool_create(&lmtp->transaction, pool);
    apr_pool_create(&lmtp->scratch, pool);
    ximss_lmtp_reply(lmtp, "220 %.200s LMTP", server->name);
    ximss_lmtp_flush(lmtp);
    return lmtp;
}

int ximss_lmtp_feed(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length)
{
    while (length > 0 && !lmtp->over) {
        apr_size_t taken = lmtp->spool != NULL ? ximss_lmtp_text(lmtp, bytes, length)
                                               : take_line(lmtp, bytes, length);

        bytes += taken;
        length -= taken;
    }
    ximss_lmtp_flush(lmtp);
    return !lmtp->over;
}

int ximss_lmtp_is_idle(const ximss_lmtp_t *lmtp)
{
    return lmtp->sender == NULL;
}

void ximss_lmtp_end(ximss_lmtp_t *lmtp, const char *reply)
{
    if (!lmtp->over) {
        ximss_lmtp_reply(lmtp, "%s", reply);
        ximss_lmtp_flush(lmtp);
        lmtp->over = 1;
    }
}
