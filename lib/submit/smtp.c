/* Mail transactions: MAIL and RCPT in windows (RFC 2920), then DATA by itself, so that no message is ever on its
 * way when nobody was accepted. Each recipient gets the answer that decided about it. */
#include "submit/smtp.h"
#include "base/hex.h"
#include "base/text.h"
#include "submit/result.h"
#include "submit/smtp_client.h"
#include "submit/wire.h"

#include <apr_strings.h>
#include <string.h>

/* A server must take 100 recipients (RFC 5321, 4.5.3.1.8). The window is small enough that no side's socket
 * buffer fills while the other one writes. */
enum { BATCH = 100, WINDOW = 20, CHUNK = 65536 };

typedef struct transaction_t {
    ximss_smtp_t *smtp;
    ximss_envelope_t *envelope;
    apr_size_t size; /* of the message on the wire */
    int has_8bit;
    ximss_recipient_t *recipients[BATCH];
    int count;
    int accepted[BATCH]; /* whether RCPT was */
    int utf8;            /* an address needs SMTPUTF8 */
    char *chunk;         /* CHUNK bytes */
    apr_pool_t *pool;    /* of the results */
} transaction_t;

/* TEXT as xtext (RFC 3461, 4). */
static const char *encode_xtext(const char *text, apr_pool_t *pool)
{
    char *xtext = apr_palloc(pool, strlen(text) * 3 + 1);
    char *out = xtext;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte > ' ' && byte < 0x7f && byte != '+' && byte != '=') {
            *out++ = *text;
        }
        else {
            *out++ = '+';
            out = ximss_hex_write(out, *text);
        }
    }
    *out = '\0';
    return xtext;
}

/* --- results ------------------------------------------------------------------------------------ */

/* The enhanced status code of the last reply, or one of RESULT's class that says no more than that. */
static const char *reply_status(const ximss_smtp_t *smtp, ximss_result_t result)
{
    static const char *const unsaid[] = {
        [XIMSS_SENT] = "2.0.0", [XIMSS_TEMPORARY] = "4.0.0", [XIMSS_PERMANENT] = "5.0.0"};
    const char *status = smtp->reply.status;
    return *status == *unsaid[result] ? status : unsaid[result];
}

static void finish(transaction_t *transaction, ximss_recipient_t *recipient, ximss_result_t result)
{
    const ximss_smtp_t *smtp = transaction->smtp;
    ximss_outcome_t outcome = {result, reply_status(smtp, result),
                               ximss_smtp_reply_text(smtp, smtp->pool), smtp->route->host};
    ximss_recipient_finish(recipient, &outcome, transaction->pool);
}

/* What a reply that refuses means. */
static ximss_result_t refusal(const ximss_smtp_t *smtp)
{
    return smtp->reply.code / 100 == 5 ? XIMSS_PERMANENT : XIMSS_TEMPORARY;
}

/* Writes OUTCOME to those of the transaction that have none yet. */
static void finish_rest(transaction_t *transaction, const ximss_outcome_t *outcome)
{
    for (int i = 0; i < transaction->count; i++) {
        if (transaction->recipients[i]->result == XIMSS_PENDING) {
            ximss_recipient_finish(transaction->recipients[i], outcome, transaction->pool);
        }
    }
}

/* The same with the last reply. */
static void finish_rest_by_reply(transaction_t *transaction, ximss_result_t result)
{
    for (int i = 0; i < transaction->count; i++) {
        if (transaction->recipients[i]->result == XIMSS_PENDING) {
            finish(transaction, transaction->recipients[i], result);
            transaction->recipients[i]->dsn_passed =
                result == XIMSS_SENT && transaction->smtp->features.dsn;
        }
    }
}

/* --- the envelope ------------------------------------------------------------------------------- */

static const char *mail_command(const transaction_t *transaction, apr_pool_t *pool)
{
    const ximss_smtp_features_t *offered = &transaction->smtp->features;
    const ximss_envelope_t *envelope = transaction->envelope;
    const char *line = apr_pstrcat(pool, "MAIL FROM:<", envelope->sender, ">", NULL);
    if (offered->size) {
        line = apr_psprintf(pool, "%s SIZE=%" APR_SIZE_T_FMT, line, transaction->size);
    }
    if (transaction->has_8bit) {
        line = apr_pstrcat(pool, line, " BODY=8BITMIME", NULL);
    }
    if (transaction->utf8) {
        line = apr_pstrcat(pool, line, " SMTPUTF8", NULL);
    }
    if (offered->dsn) {
        line = apr_pstrcat(pool, line, " RET=HDRS", NULL);
        if (envelope->envid != NULL) {
            line = apr_pstrcat(pool, line, " ENVID=", encode_xtext(envelope->envid, pool), NULL);
        }
    }
    return apr_pstrcat(pool, line, "\r\n", NULL);
}

static const char *notify_words(unsigned int notify, apr_pool_t *pool)
{
    const char *words = apr_pstrcat(pool, notify & XIMSS_NOTIFY_SUCCESS ? ",SUCCESS" : "",
                                    notify & XIMSS_NOTIFY_FAILURE ? ",FAILURE" : "", NULL);
    return notify & XIMSS_NOTIFY_NEVER ? "NEVER" : words + 1;
}

static const char *rcpt_command(const transaction_t *transaction,
                                const ximss_recipient_t *recipient, apr_pool_t *pool)
{
    const char *line = apr_pstrcat(pool, "RCPT TO:<", recipient->address, ">", NULL);
    if (transaction->smtp->features.dsn) {
        if (recipient->notify != 0) {
            line = apr_pstrcat(pool, line, " NOTIFY=", notify_words(recipient->notify, pool), NULL);
        }
        if (recipient->orcpt != NULL && ximss_text_is_ascii(recipient->orcpt) &&
            strchr(recipient->orcpt, ';') != NULL) {
            const char *type_end = strchr(recipient->orcpt, ';') + 1;
            line = apr_pstrcat(
                pool, line, " ORCPT=",
                apr_pstrmemdup(pool, recipient->orcpt, (apr_size_t)(type_end - recipient->orcpt)),
                encode_xtext(type_end, pool), NULL);
        }
    }
    return apr_pstrcat(pool, line, "\r\n", NULL);
}

static void take_rcpt_reply(transaction_t *transaction, int number)
{
    ximss_smtp_t *smtp = transaction->smtp;
    transaction->accepted[number] = smtp->reply.code / 100 == 2;
    if (!transaction->accepted[number]) {
        /* 552 is what some servers say for too many recipients (RFC 5321, 4.5.3.1.10). */
        finish(transaction, transaction->recipients[number],
               smtp->reply.code == 552 ? XIMSS_TEMPORARY : refusal(smtp));
    }
}

/* Sends the commands FIRST to LAST (0 is MAIL, n the recipient n - 1) in one piece and reads their replies. */
static const ximss_error_t *send_window(transaction_t *transaction, int first, int last,
                                        apr_pool_t *pool)
{
    ximss_smtp_t *smtp = transaction->smtp;
    const char *lines = "";
    int refused = 0;
    for (int i = first; i <= last; i++) {
        lines =
            apr_pstrcat(pool, lines,
                        i == 0 ? mail_command(transaction, pool)
                               : rcpt_command(transaction, transaction->recipients[i - 1], pool),
                        NULL);
    }
    XIMSS_TRY(ximss_smtp_put(smtp, lines));
    for (int i = first; i <= last; i++) {
        XIMSS_TRY(ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds));
        if (i == 0 && smtp->reply.code / 100 != 2) {
            finish_rest_by_reply(transaction, refusal(smtp));
            refused = 1;
        }
        else if (i > 0 && !refused) {
            take_rcpt_reply(transaction, i - 1);
        }
    }
    return NULL;
}

static int count_accepted(const transaction_t *transaction)
{
    int count = 0;
    for (int i = 0; i < transaction->count; i++) {
        count += transaction->accepted[i];
    }
    return count;
}

static int anyone_pending(const transaction_t *transaction)
{
    for (int i = 0; i < transaction->count; i++) {
        if (transaction->recipients[i]->result == XIMSS_PENDING) {
            return 1;
        }
    }
    return 0;
}

static const ximss_error_t *send_envelope(transaction_t *transaction)
{
    int window = transaction->smtp->features.pipelining ? WINDOW : 1;
    apr_pool_t *pool;
    const ximss_error_t *error = NULL;
    apr_pool_create(&pool, transaction->smtp->pool);
    for (int i = 0; i <= transaction->count && error == NULL; i += window) {
        int last = i + window - 1 < transaction->count ? i + window - 1 : transaction->count;
        error = send_window(transaction, i, last, pool);
        if (!anyone_pending(transaction)) {
            break;
        }
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return error;
}

/* --- the message -------------------------------------------------------------------------------- */

static const ximss_error_t *send_data(transaction_t *transaction)
{
    ximss_smtp_t *smtp = transaction->smtp;
    ximss_wire_t wire;
    apr_size_t length;
    ximss_wire_init(&wire, transaction->envelope->data, transaction->envelope->length,
                    XIMSS_WIRE_SMTP);
    while ((length = ximss_wire_read(&wire, transaction->chunk, CHUNK)) > 0) {
        XIMSS_TRY(ximss_net_write(smtp->net, transaction->chunk, length,
                                  smtp->route->reply_milliseconds));
    }
    return NULL;
}

/* From the final dot on, a lost connection leaves it unknown whether the server has the message; if the dot
 * could not be sent, it has it not. */
static const ximss_error_t *end_data(transaction_t *transaction)
{
    ximss_smtp_t *smtp = transaction->smtp;
    XIMSS_TRY(ximss_smtp_put(smtp, ".\r\n"));
    const ximss_error_t *error = ximss_smtp_get_reply(smtp, smtp->route->end_milliseconds);
    if (error != NULL) {
        ximss_outcome_t unknown = {
            XIMSS_UNKNOWN, "4.4.2",
            apr_pstrcat(smtp->pool, "after the whole message was sent: ", error->text, NULL), NULL};
        finish_rest(transaction, &unknown);
        return error;
    }
    finish_rest_by_reply(transaction, smtp->reply.code / 100 == 2   ? XIMSS_SENT
                                      : smtp->reply.code / 100 == 5 ? XIMSS_PERMANENT
                                                                    : XIMSS_TEMPORARY);
    return NULL;
}

static const ximss_error_t *send_message(transaction_t *transaction)
{
    ximss_smtp_t *smtp = transaction->smtp;
    if (count_accepted(transaction) == 0) {
        XIMSS_TRY(ximss_smtp_put(smtp, "RSET\r\n"));
        return ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds);
    }
    XIMSS_TRY(ximss_smtp_put(smtp, "DATA\r\n"));
    XIMSS_TRY(ximss_smtp_get_reply(smtp, smtp->route->reply_milliseconds));
    if (smtp->reply.code != 354) {
        finish_rest_by_reply(transaction, refusal(smtp));
        return NULL;
    }
    XIMSS_TRY(send_data(transaction));
    return end_data(transaction);
}

/* --- what the server cannot take ---------------------------------------------------------------- */

static int needs_utf8(const transaction_t *transaction, const ximss_recipient_t *recipient)
{
    return !ximss_text_is_ascii(transaction->envelope->sender) ||
           !ximss_text_is_ascii(recipient->address);
}

/* Refuses for the server what it could only damage or send back later. */
static void refuse_unsuitable(transaction_t *transaction)
{
    static const ximss_outcome_t no_8bit = {
        XIMSS_PERMANENT, "5.6.3",
        "the message has 8-bit text, and the mail server takes none (no 8BITMIME)", NULL};
    static const ximss_outcome_t too_big = {
        XIMSS_PERMANENT, "5.3.4", "the message is bigger than the mail server takes", NULL};
    static const ximss_outcome_t no_utf8 = {
        XIMSS_PERMANENT, "5.6.7",
        "the address is not ASCII, and the mail server takes no such addresses (no SMTPUTF8)",
        NULL};
    const ximss_smtp_features_t *offered = &transaction->smtp->features;
    const apr_array_header_t *all = transaction->envelope->recipients;
    if (transaction->has_8bit && !offered->eight_bit) {
        ximss_recipients_finish(transaction->envelope, &no_8bit, transaction->pool);
    }
    if (offered->limit > 0 && transaction->size > (apr_uint64_t)offered->limit) {
        ximss_recipients_finish(transaction->envelope, &too_big, transaction->pool);
    }
    for (int i = 0; i < all->nelts && !offered->utf8; i++) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(all, i, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING && needs_utf8(transaction, recipient)) {
            ximss_recipient_finish(recipient, &no_utf8, transaction->pool);
        }
    }
}

/* Gathers the next recipients that wait, from *AT on. */
static void gather(transaction_t *transaction, int *at)
{
    const apr_array_header_t *all = transaction->envelope->recipients;
    transaction->count = 0;
    transaction->utf8 = 0;
    memset(transaction->accepted, 0, sizeof(transaction->accepted));
    for (; *at < all->nelts && transaction->count < BATCH; ++*at) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(all, *at, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING) {
            transaction->recipients[transaction->count++] = recipient;
            transaction->utf8 |= needs_utf8(transaction, recipient);
        }
    }
}

/* The size and kind of the message as it will go out. */
static void measure(transaction_t *transaction)
{
    ximss_wire_t wire;
    apr_size_t length;
    ximss_wire_init(&wire, transaction->envelope->data, transaction->envelope->length,
                    XIMSS_WIRE_SMTP);
    while ((length = ximss_wire_read(&wire, transaction->chunk, CHUNK)) > 0) {
        transaction->size += length;
    }
    transaction->has_8bit = wire.has_8bit;
}

/* All transactions; an error ends the connection. */
static const ximss_error_t *run(transaction_t *transaction)
{
    int at = 0;
    measure(transaction);
    refuse_unsuitable(transaction);
    for (gather(transaction, &at); transaction->count > 0; gather(transaction, &at)) {
        XIMSS_TRY(send_envelope(transaction));
        XIMSS_TRY(send_message(transaction));
    }
    ximss_smtp_quit(transaction->smtp);
    return NULL;
}

const ximss_error_t *ximss_smtp_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                     apr_pool_t *pool)
{
    apr_pool_t *scratch;
    transaction_t transaction = {.envelope = envelope, .pool = pool};
    apr_pool_create(&scratch, pool);
    transaction.chunk = apr_palloc(scratch, CHUNK);
    const ximss_error_t *error = ximss_smtp_connect(&transaction.smtp, route, scratch);
    if (error == NULL) {
        error = run(&transaction);
    }
    if (error != NULL) {
        ximss_outcome_t later = {XIMSS_TEMPORARY, transaction.smtp->status, error->text, NULL};
        ximss_recipients_finish(envelope, &later, pool);
    }
    apr_pool_destroy(scratch);
    return NULL;
}
