/* Both kinds of report: their frame is one, their middle parts differ. */
#include "submit/report.h"
#include "base/random.h"
#include "base/text.h"
#include "mime/buffer.h"
#include "mime/header_out.h"
#include "mime/structure.h"
#include "submit/wire.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

enum { RANDOM_LENGTH = 24, LINE_WIDTH = 76 };

typedef struct report_t {
    ximss_out_t out;
    const ximss_reported_t *about;
    char boundary[RANDOM_LENGTH + 8];
    apr_pool_t *pool;
} report_t;

/* --- the frame ---------------------------------------------------------------------------------- */

static void put(report_t *report, const char *text)
{
    ximss_buffer_add(&report->out, text, strlen(text));
}

static int is_ascii(const char *text, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return 0;
        }
    }
    return 1;
}

/* No decoder gives "=_", so nothing that is encoded holds the boundary, and nobody else can guess it. */
static const ximss_error_t *start(report_t *report, const ximss_reported_t *about, apr_pool_t *pool)
{
    memcpy(report->boundary, "=_ximss", 7);
    if (!ximss_random_text(report->boundary + 7, RANDOM_LENGTH)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no randomness for a boundary");
    }
    ximss_buffer_init(&report->out, 8192, pool);
    report->about = about;
    report->pool = pool;
    return NULL;
}

/* TYPE is that of the report: "delivery-status" or "disposition-notification". */
static const ximss_error_t *put_frame(report_t *report, const char *type)
{
    const ximss_reported_t *about = report->about;
    apr_array_header_t *params = apr_array_make(report->pool, 2, sizeof(ximss_param_t));
    ximss_param_t *param = apr_array_push(params);
    const char *id = ximss_message_id(about->now, about->host, report->pool);
    param->name = "report-type";
    param->value = type;
    param = apr_array_push(params);
    param->name = "boundary";
    param->value = report->boundary;
    if (id == NULL) {
        return ximss_error_detail(report->pool, XIMSS_E_INTERNAL, "no randomness for a Message-ID");
    }
    ximss_header_date(&report->out, "Date", about->now, about->zone);
    ximss_header_raw_token(&report->out, "Message-ID", id);
    ximss_header_raw_token(&report->out, "Auto-Submitted", "auto-replied");
    ximss_header_raw_token(&report->out, "MIME-Version", "1.0");
    ximss_header_params(&report->out, "Content-Type", "multipart/report", params);
    ximss_header_raw_token(&report->out, "Content-Transfer-Encoding", "8bit");
    put(report, "\r\nThis is a report in parts, for mail programs.\r\n");
    return NULL;
}

static void put_address(report_t *report, const char *field, const ximss_address_t *address)
{
    apr_array_header_t *list = apr_array_make(report->pool, 1, sizeof(*address));
    APR_ARRAY_PUSH(list, ximss_address_t) = *address;
    ximss_header_addresses(&report->out, field, list);
}

static void put_part(report_t *report, const char *type, const char *encoding)
{
    put(report, apr_pstrcat(report->pool, "\r\n--", report->boundary, "\r\n", NULL));
    put(report, apr_pstrcat(report->pool, "Content-Type: ", type,
                            "\r\nContent-Transfer-Encoding: ", encoding, "\r\n\r\n", NULL));
}

static void finish(report_t *report, const char **data, apr_size_t *length)
{
    put(report, apr_pstrcat(report->pool, "\r\n--", report->boundary, "--\r\n", NULL));
    *length = report->out.length;
    *data = ximss_buffer_string(&report->out);
}

/* --- text for people ---------------------------------------------------------------------------- */

/* TEXT in lines of about LINE_WIDTH, parted at blanks, each behind INDENT. Controls are blanks. */
static void put_wrapped(report_t *report, const char *indent, const char *text)
{
    apr_size_t left = strlen(text);
    text = ximss_text_clean(text, &left, report->pool);
    while (left > 0) {
        apr_size_t width = left;
        if (left > LINE_WIDTH) {
            width = LINE_WIDTH;
            while (width > 0 && text[width] != ' ') {
                width--;
            }
            width = width > 0 ? width : ximss_text_cut(text, left, LINE_WIDTH);
        }
        put(report, indent);
        for (apr_size_t i = 0; i < width; i++) {
            ximss_buffer_put(&report->out, apr_iscntrl(text[i]) ? ' ' : text[i]);
        }
        put(report, "\r\n");
        width += width < left && text[width] == ' ';
        text += width;
        left -= width;
    }
}

/* TEXT with lines of its own. */
static void put_lines(report_t *report, const char *text)
{
    while (*text != '\0') {
        apr_size_t length = strcspn(text, "\n");
        if (length == 0) {
            put(report, "\r\n");
        }
        put_wrapped(report, "", apr_pstrmemdup(report->pool, text, length));
        text += length + (text[length] == '\n');
    }
}

/* --- the message -------------------------------------------------------------------------------- */

/* Where the header ends: behind the line before the first empty one. */
static apr_size_t header_length(const ximss_reported_t *about)
{
    apr_size_t at = 0;
    while (at < about->length && at < XIMSS_REPORT_HEADER_MAX) {
        const char *line = about->data + at;
        const char *end = memchr(line, '\n', about->length - at);
        apr_size_t length = end != NULL ? (apr_size_t)(end - line) + 1 : about->length - at;
        if (line[0] == '\n' || (line[0] == '\r' && length == 2) ||
            at + length > XIMSS_REPORT_HEADER_MAX) {
            break;
        }
        at += length;
    }
    return at;
}

/* The message, or its header, as the last part. */
static void put_message(report_t *report, int full)
{
    const ximss_reported_t *about = report->about;
    ximss_wire_t wire;
    char piece[4096];
    apr_size_t got;
    full = full && about->length <= XIMSS_REPORT_MESSAGE_MAX;
    apr_size_t length = full ? about->length : header_length(about);
    put_part(report, full ? "message/rfc822" : "text/rfc822-headers",
             is_ascii(about->data, length) ? "7bit" : "8bit");
    ximss_wire_init(&wire, about->data, length, XIMSS_WIRE_CRLF);
    while ((got = ximss_wire_read(&wire, piece, sizeof(piece))) > 0) {
        ximss_buffer_add(&report->out, piece, got);
    }
}

/* --- fields for programs ------------------------------------------------------------------------ */

/* ADDRESS with its type. What is not ASCII is written as RFC 6533, 3 says for readers of ASCII. */
static const char *typed_address(const char *address, apr_pool_t *pool)
{
    apr_size_t length = strlen(address);
    if (is_ascii(address, length)) {
        return apr_pstrcat(pool, "rfc822; ", address, NULL);
    }
    ximss_buffer_t buffer;
    const char *text = ximss_text_clean(address, &length, pool);
    ximss_buffer_init(&buffer, length * 4, pool);
    for (apr_size_t at = 0; at < length;) {
        unsigned char byte = (unsigned char)text[at++];
        unsigned int point = byte;
        while (byte >= 0xc0 && at < length && ((unsigned char)text[at] & 0xc0) == 0x80) {
            point = (point << 6) | ((unsigned char)text[at++] & 0x3f);
        }
        point &= byte >= 0xf0 ? 0x1fffff : byte >= 0xe0 ? 0xffff : byte >= 0xc0 ? 0x7ff : 0x7f;
        if (point < 0x80 && point > ' ' && strchr("\\+=", (int)point) == NULL) {
            ximss_buffer_put(&buffer, (char)point);
        }
        else {
            const char *escape = apr_psprintf(pool, "\\x{%X}", point);
            ximss_buffer_add(&buffer, escape, strlen(escape));
        }
    }
    return apr_pstrcat(pool, "utf-8; ", ximss_buffer_string(&buffer), NULL);
}

/* --- delivery status ---------------------------------------------------------------------------- */

typedef struct wording_t {
    const char *action; /* of RFC 3464, 2.3.3 */
    const char *subject;
    const char *text;
} wording_t;

static const wording_t wordings[] = {
    [XIMSS_DSN_FAILED] =
        {"failed", "Your message could not be delivered",
         "Your message could not be delivered to the recipients below. It will not "
         "be tried again."},
    [XIMSS_DSN_DELIVERED] =
        {"delivered", "Your message was delivered",
         "Your message was delivered to the mailboxes of the recipients below."},
    [XIMSS_DSN_RELAYED] =
        {"relayed", "Your message was passed on",
         "Your message was passed on to the mail servers of the recipients below, "
         "which do not report about successful delivery."},
};

static void put_dsn_text(report_t *report, const ximss_dsn_t *dsn)
{
    put_part(report, "text/plain; charset=utf-8", "8bit");
    put_wrapped(report, "", wordings[dsn->action].text);
    for (int i = 0; i < dsn->recipients->nelts; i++) {
        const ximss_recipient_t *recipient =
            &APR_ARRAY_IDX(dsn->recipients, i, const ximss_recipient_t);
        put(report, "\r\n");
        put_wrapped(report, "", apr_pstrcat(report->pool, "<", recipient->address, ">", NULL));
        if (dsn->action == XIMSS_DSN_FAILED) {
            put_wrapped(report, "    ", recipient->text);
        }
    }
}

/* The answer of a mail server begins with its code. */
static int is_smtp_reply(const char *text)
{
    return apr_isdigit(text[0]) && apr_isdigit(text[1]) && apr_isdigit(text[2]) &&
           (text[3] == ' ' || text[3] == '\0');
}

static void put_recipient_fields(report_t *report, const ximss_dsn_t *dsn,
                                 const ximss_recipient_t *recipient)
{
    ximss_out_t *out = &report->out;
    apr_pool_t *pool = report->pool;
    put(report, "\r\n");
    if (recipient->orcpt != NULL) {
        ximss_header_text(out, "Original-Recipient", recipient->orcpt);
    }
    ximss_header_text(out, "Final-Recipient", typed_address(recipient->address, pool));
    ximss_header_raw_token(out, "Action", wordings[dsn->action].action);
    ximss_header_raw_token(out, "Status", recipient->status);
    if (recipient->remote != NULL) {
        ximss_header_text(out, "Remote-MTA", apr_pstrcat(pool, "dns; ", recipient->remote, NULL));
    }
    ximss_header_text(out, "Diagnostic-Code",
                      apr_pstrcat(pool, is_smtp_reply(recipient->text) ? "smtp; " : "x-ximss; ",
                                  recipient->text, NULL));
}

static void put_dsn_fields(report_t *report, const ximss_dsn_t *dsn)
{
    put_part(report, "message/delivery-status", "7bit");
    ximss_header_text(&report->out, "Reporting-MTA",
                      apr_pstrcat(report->pool, "dns; ", report->about->host, NULL));
    ximss_header_date(&report->out, "Arrival-Date", dsn->arrival, report->about->zone);
    for (int i = 0; i < dsn->recipients->nelts; i++) {
        put_recipient_fields(report, dsn, &APR_ARRAY_IDX(dsn->recipients, i, ximss_recipient_t));
    }
}

const ximss_error_t *ximss_dsn_make(const char **data, apr_size_t *length, const ximss_dsn_t *dsn,
                                    apr_pool_t *pool)
{
    report_t report;
    ximss_address_t from = {"Mail Delivery System", NULL};
    ximss_address_t to = {NULL, dsn->sender};
    from.addr = apr_pstrcat(pool, "MAILER-DAEMON@", dsn->message.host, NULL);
    XIMSS_TRY(start(&report, &dsn->message, pool));
    put_address(&report, "From", &from);
    put_address(&report, "To", &to);
    ximss_header_text(&report.out, "Subject", wordings[dsn->action].subject);
    XIMSS_TRY(put_frame(&report, "delivery-status"));
    put_dsn_text(&report, dsn);
    put_dsn_fields(&report, dsn);
    put_message(&report, dsn->full && dsn->action == XIMSS_DSN_FAILED);
    finish(&report, data, length);
    return NULL;
}

/* --- disposition -------------------------------------------------------------------------------- */

static const char own_text[] =
    "This is a receipt for the message below: it was displayed on the recipient's computer.\n"
    "That does not say that it was read or understood.\n";

static void put_mdn_fields(report_t *report, const ximss_mdn_t *mdn)
{
    ximss_out_t *out = &report->out;
    put_part(report, "message/disposition-notification", "7bit");
    ximss_header_text(out, "Reporting-UA",
                      apr_pstrcat(report->pool, report->about->host, "; mod_ximss", NULL));
    if (mdn->original_recipient != NULL) {
        ximss_header_text(out, "Original-Recipient", mdn->original_recipient);
    }
    ximss_header_text(out, "Final-Recipient", typed_address(mdn->from->addr, report->pool));
    if (*mdn->message_id != '\0') {
        ximss_header_raw_token(out, "Original-Message-ID", mdn->message_id);
    }
    ximss_header_raw_token(out, "Disposition",
                           mdn->action == XIMSS_MDN_MANUAL
                               ? "manual-action/MDN-sent-manually; displayed"
                               : "automatic-action/MDN-sent-automatically; displayed");
}

const ximss_error_t *ximss_mdn_make(const char **data, apr_size_t *length, const ximss_mdn_t *mdn,
                                    apr_pool_t *pool)
{
    report_t report;
    XIMSS_TRY(start(&report, &mdn->message, pool));
    put_address(&report, "From", mdn->from);
    put_address(&report, "To", mdn->to);
    ximss_header_text(&report.out, "Subject", apr_pstrcat(pool, "Displayed: ", mdn->subject, NULL));
    if (*mdn->message_id != '\0') {
        ximss_header_raw_token(&report.out, "In-Reply-To", mdn->message_id);
        ximss_header_raw_token(&report.out, "References", mdn->message_id);
    }
    XIMSS_TRY(put_frame(&report, "disposition-notification"));
    put_part(&report, "text/plain; charset=utf-8", "8bit");
    put_lines(&report, mdn->text != NULL ? mdn->text : own_text);
    put_mdn_fields(&report, mdn);
    put_message(&report, 0);
    finish(&report, data, length);
    return NULL;
}
