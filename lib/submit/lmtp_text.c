/* LMTP: the text of a message, and its delivery to each recipient (RFC 2033, 4.2). */
#include "base/log.h"
#include "submit/lmtp_state.h"

#include <string.h>

/* ---- delivery ---- */

/* Whether an address of the same account had the message. */
static int was_served(const ximss_lmtp_t *lmtp, const ximss_lmtp_recipient_t *recipient)
{
    const ximss_lmtp_recipient_t *other = (const void *)lmtp->recipients->elts;

    for (; other < recipient; other++) {
        if (other->done && strcmp(other->account, recipient->account) == 0) {
            return 1;
        }
    }
    return 0;
}

static void deliver(ximss_lmtp_t *lmtp, const ximss_delivery_t *delivery,
                    ximss_lmtp_recipient_t *recipient)
{
    const ximss_lmtp_server_t *server = lmtp->server;
    const ximss_error_t *error;

    if (was_served(lmtp, recipient)) {
        ximss_lmtp_reply(lmtp, "250 2.0.0 delivered, once for this account");
        return;
    }
    ximss_lmtp_flush(lmtp);
    if (lmtp->over) {
        return;
    }
    error = server->deliver(server->mail, delivery, recipient->address, lmtp->scratch);
    if (error != NULL) {
        ximss_lmtp_refuse(lmtp, error);
        return;
    }
    recipient->done = 1;
    ximss_lmtp_reply(lmtp, "250 2.0.0 delivered");
}

static void deliver_to_all(ximss_lmtp_t *lmtp)
{
    const ximss_received_t received = {lmtp->client, lmtp->server->address, lmtp->server->name,
                                       lmtp->utf8 ? "UTF8LMTP" : "LMTP"};
    ximss_delivery_t delivery = {.sender = lmtp->sender, .received = &received};
    const ximss_error_t *error = ximss_spool_read(lmtp->spool, &delivery.data, &delivery.length);
    int i;

    if (error != NULL && error->code == XIMSS_E_INTERNAL) {
        ximss_log(XIMSS_LOG_ERROR, 5502, "a message from %s is put off: %s", lmtp->server->address,
                  ximss_error_log_line(error, lmtp->scratch));
    }
    delivery.time = lmtp->server->clock();
    for (i = 0; i < lmtp->recipients->nelts && !lmtp->over; i++) {
        apr_pool_clear(lmtp->scratch);
        if (error != NULL) {
            ximss_lmtp_refuse(lmtp, error);
        }
        else {
            deliver(lmtp, &delivery, &APR_ARRAY_IDX(lmtp->recipients, i, ximss_lmtp_recipient_t));
        }
    }
    ximss_lmtp_reset(lmtp);
}

/* ---- text ---- */

/* Where the text goes on behind BYTE, which is added to it unless it belongs to a dot that is not text. A byte that
 * a dot hid was held back: it is added first. *END is set behind the last line. */
static ximss_lmtp_text_t next_state(ximss_lmtp_t *lmtp, char byte, int *end)
{
    switch (lmtp->text) {
    case XIMSS_LMTP_LINE:
        if (byte == '.') {
            return XIMSS_LMTP_DOT;
        }
        break;
    case XIMSS_LMTP_DOT:
        if (byte == '\r') {
            return XIMSS_LMTP_DOT_CR;
        }
        break;
    case XIMSS_LMTP_DOT_CR:
        if (byte == '\n') {
            *end = 1;
            return XIMSS_LMTP_LINE;
        }
        ximss_spool_write(lmtp->spool, "\r", 1);
        break;
    case XIMSS_LMTP_CR:
        if (byte == '\n') {
            ximss_spool_write(lmtp->spool, "\n", 1);
            return XIMSS_LMTP_LINE;
        }
        break;
    case XIMSS_LMTP_TEXT:
        break;
    }
    ximss_spool_write(lmtp->spool, &byte, 1);
    return byte == '\r' ? XIMSS_LMTP_CR : XIMSS_LMTP_TEXT;
}

/* Adds what comes before the next CR. */
static apr_size_t take_run(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length)
{
    const char *cr = memchr(bytes, '\r', length);
    apr_size_t run = cr != NULL ? (apr_size_t)(cr - bytes) : length;

    ximss_spool_write(lmtp->spool, bytes, run);
    return run;
}

apr_size_t ximss_lmtp_text(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length)
{
    apr_size_t taken = 0;
    int end = 0;

    while (taken < length && !end) {
        if (lmtp->text == XIMSS_LMTP_TEXT) {
            taken += take_run(lmtp, bytes + taken, length - taken);
        }
        if (taken < length) {
            lmtp->text = next_state(lmtp, bytes[taken++], &end);
        }
    }
    if (end) {
        deliver_to_all(lmtp);
    }
    return taken;
}
