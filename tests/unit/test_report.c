/* Reports about delivery and disposition: what they say, and that nobody's text adds a field or a part. */
#include "mime/structure.h"
#include "submit/report.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static const char original[] =
    "Received: x\nFrom: A <a@x.example>\nSubject: hello\n world\n\nthe body\n";

static ximss_reported_t about(const char *data, apr_size_t length)
{
    ximss_reported_t reported = {data, length, "mx.example", 1000000000, ximss_zone_get("UTC")};
    return reported;
}

static ximss_dsn_t usual_dsn(void)
{
    ximss_dsn_t dsn = {.action = XIMSS_DSN_FAILED, .sender = "a@x.example", .arrival = 999999000};
    apr_array_header_t *recipients = apr_array_make(test_pool, 2, sizeof(ximss_recipient_t));
    ximss_recipient_t *first = apr_array_push(recipients);
    memset(first, 0, sizeof(*first));
    first->address = "b@y.example";
    first->orcpt = "rfc822;b@list.example";
    first->status = "5.1.1";
    first->text = "550 5.1.1 no such user";
    first->remote = "relay.example";
    dsn.message = about(original, strlen(original));
    dsn.recipients = recipients;
    return dsn;
}

static const char *make_dsn(const ximss_dsn_t *dsn)
{
    const char *data;
    apr_size_t length;
    ck_assert_ptr_null(ximss_dsn_make(&data, &length, dsn, test_pool));
    ck_assert_uint_eq(strlen(data), length);
    return data;
}

/* Every line ends with CRLF and has at most 998 bytes. */
static void check_lines(const char *data)
{
    while (*data != '\0') {
        apr_size_t length = strcspn(data, "\r\n");
        ck_assert_uint_le(length, 998);
        ck_assert_int_eq(strncmp(data + length, "\r\n", 2), 0);
        data += length + 2;
    }
}

static void has(const char *data, const char *part)
{
    if (strstr(data, part) == NULL) {
        ck_abort_msg("\"%s\" is not in\n%s", part, data);
    }
}

static void lacks(const char *data, const char *part)
{
    if (strstr(data, part) != NULL) {
        ck_abort_msg("\"%s\" is in\n%s", part, data);
    }
}

/* The parts below the report as our own parser sees them: "type/subtype type/subtype ...". */
static const char *parts(const char *data)
{
    const ximss_part_t *top = ximss_structure_parse(data, strlen(data), &limits, test_pool);
    const char *list = apr_pstrcat(test_pool, top->type, "/", top->subtype, NULL);
    for (const ximss_part_t *part = top->children; part != NULL; part = part->next) {
        list = apr_pstrcat(test_pool, list, " ", part->type, "/", part->subtype, NULL);
    }
    return list;
}

START_TEST(failure_is_reported)
{
    ximss_dsn_t dsn = usual_dsn();
    const char *data = make_dsn(&dsn);
    check_lines(data);
    ck_assert_str_eq(parts(data), "multipart/report text/plain message/delivery-status "
                                  "text/rfc822-headers");
    has(data, "From: \"Mail Delivery System\" <MAILER-DAEMON@mx.example>\r\n");
    has(data, "To: a@x.example\r\n");
    has(data, "Auto-Submitted: auto-replied\r\n");
    has(data, "Date: Sun, 9 Sep 2001 01:46:40 +0000\r\n");
    has(data, "report-type=\"delivery-status\"");
    has(data, "\r\nReporting-MTA: dns; mx.example\r\nArrival-Date: ");
    has(data,
        "\r\n\r\nOriginal-Recipient: rfc822;b@list.example\r\n"
        "Final-Recipient: rfc822; b@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Remote-MTA: dns; relay.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n");
    has(data, "\r\n<b@y.example>\r\n    550 5.1.1 no such user\r\n");
    has(data, "Received: x\r\nFrom: A <a@x.example>\r\nSubject: hello\r\n world\r\n\r\n--");
    lacks(data, "the body");
}
END_TEST

START_TEST(whole_message_is_returned_when_asked_for)
{
    ximss_dsn_t dsn = usual_dsn();
    dsn.full = 1;
    const char *data = make_dsn(&dsn);
    check_lines(data);
    ck_assert_str_eq(parts(data),
                     "multipart/report text/plain message/delivery-status message/rfc822");
    has(data, "world\r\n\r\nthe body\r\n");
    char *big = apr_palloc(test_pool, XIMSS_REPORT_MESSAGE_MAX + 10);
    memset(big, 'x', XIMSS_REPORT_MESSAGE_MAX + 10);
    memcpy(big, "A: b\n\n", 6);
    dsn.message = about(big, XIMSS_REPORT_MESSAGE_MAX + 10);
    data = make_dsn(&dsn);
    ck_assert_str_eq(parts(data), "multipart/report text/plain message/delivery-status "
                                  "text/rfc822-headers");
    has(data, "\r\n\r\nA: b\r\n\r\n--");
    /* success never returns it */
    dsn = usual_dsn();
    dsn.full = 1;
    dsn.action = XIMSS_DSN_DELIVERED;
    lacks(make_dsn(&dsn), "the body");
}
END_TEST

START_TEST(each_action_has_its_words)
{
    static const char *const actions[] = {"failed", "delivered", "relayed"};
    ximss_dsn_t dsn = usual_dsn();
    dsn.action = (ximss_dsn_action_t)_i;
    const char *data = make_dsn(&dsn);
    check_lines(data);
    has(data, apr_psprintf(test_pool, "\r\nAction: %s\r\n", actions[_i]));
}
END_TEST

/* What servers and messages say is text and nothing else. */
START_TEST(no_text_adds_fields_or_parts)
{
    static const char evil[] =
        "550 x\r\nAction: delivered\r\n\r\n--=_ximss\r\nBcc: evil@x.example\r\n"
        "=?utf-8?q?=0D=0ABcc:=20evil=40x.example?= \xff\xc3\xa9 \x01";
    ximss_dsn_t dsn = usual_dsn();
    ximss_recipient_t *recipient = &APR_ARRAY_IDX(dsn.recipients, 0, ximss_recipient_t);
    recipient->text = evil;
    recipient->address = "b@y.example\r\nAction: delivered";
    recipient->orcpt = evil;
    recipient->remote = evil;
    recipient->status = "5.1.1\r\nAction: delivered";
    const char *data = make_dsn(&dsn);
    check_lines(data);
    ck_assert_str_eq(parts(data), "multipart/report text/plain message/delivery-status "
                                  "text/rfc822-headers");
    lacks(data, "\r\nAction: delivered");
    lacks(data, "\r\nBcc:");
    has(data, "\r\nAction: failed\r\n");
    const char *address = "evil\r\nBcc: evil@x.example";
    dsn.sender = address;
    dsn.message.host = address;
    lacks(make_dsn(&dsn), "\r\nBcc:");
}
END_TEST

START_TEST(international_addresses_are_escaped)
{
    ximss_dsn_t dsn = usual_dsn();
    ximss_recipient_t *recipient = &APR_ARRAY_IDX(dsn.recipients, 0, ximss_recipient_t);
    recipient->address = "b\xc3\xa9+\xf0\x9f\x98\x80@y.example";
    has(make_dsn(&dsn), "\r\nFinal-Recipient: utf-8; b\\x{E9}\\x{2B}\\x{1F600}@y.example\r\n");
}
END_TEST

/* Odd messages: none, a header without an end, no header, bare CRs, 8-bit bytes, a header of megabytes. */
START_TEST(any_message_is_returned_safely)
{
    static const char *const messages[] = {
        "", "A: b", "\n\nbody", "A: b\rBcc: c\n\nbody\r.\r", "A: \xe9\n\nbody", "\r\nbody"};
    ximss_dsn_t dsn = usual_dsn();
    for (apr_size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        for (dsn.full = 0; dsn.full < 2; dsn.full++) {
            dsn.message = about(messages[i], strlen(messages[i]));
            const char *data = make_dsn(&dsn);
            check_lines(data);
            ck_assert_str_eq(
                parts(data),
                dsn.full ? "multipart/report text/plain message/delivery-status message/rfc822"
                         : "multipart/report text/plain message/delivery-status "
                           "text/rfc822-headers");
            lacks(data, "\nBcc:");
        }
    }
    char *big = apr_palloc(test_pool, 4 << 20);
    for (apr_size_t i = 0; i < 4 << 20; i += 8) {
        memcpy(big + i, "A: bcde\n", 8);
    }
    dsn.full = 0;
    dsn.message = about(big, 4 << 20);
    ck_assert_uint_lt(strlen(make_dsn(&dsn)), 2 * XIMSS_REPORT_HEADER_MAX);
}
END_TEST

static ximss_mdn_t usual_mdn(void)
{
    static const ximss_address_t from = {"B\xc3\xa9", "b@y.example"};
    static const ximss_address_t to = {NULL, "a@x.example"};
    ximss_mdn_t mdn = {.from = &from,
                       .to = &to,
                       .message_id = "<1@x.example>",
                       .subject = "hello",
                       .original_recipient = "rfc822;b@list.example"};
    mdn.message = about(original, strlen(original));
    return mdn;
}

static const char *make_mdn(const ximss_mdn_t *mdn)
{
    const char *data;
    apr_size_t length;
    ck_assert_ptr_null(ximss_mdn_make(&data, &length, mdn, test_pool));
    ck_assert_uint_eq(strlen(data), length);
    check_lines(data);
    return data;
}

START_TEST(disposition_is_reported)
{
    ximss_mdn_t mdn = usual_mdn();
    const char *data = make_mdn(&mdn);
    ck_assert_str_eq(parts(data), "multipart/report text/plain message/disposition-notification "
                                  "text/rfc822-headers");
    has(data, "To: a@x.example\r\nSubject: Displayed: hello\r\n");
    has(data, "<b@y.example>\r\n");
    has(data, "Auto-Submitted: auto-replied\r\n");
    has(data, "\r\nOriginal-Recipient: rfc822;b@list.example\r\n"
              "Final-Recipient: rfc822; b@y.example\r\nOriginal-Message-ID: <1@x.example>\r\n"
              "Disposition: manual-action/MDN-sent-manually; displayed\r\n");
    has(data, "That does not say that it was read");
    mdn.action = XIMSS_MDN_AUTOMATIC;
    mdn.text = "Gelesen:\n\nsch\xc3\xb6n\n";
    mdn.message_id = "";
    data = make_mdn(&mdn);
    has(data, "Disposition: automatic-action/MDN-sent-automatically; displayed\r\n");
    has(data, "\r\nGelesen:\r\n\r\nsch\xc3\xb6n\r\n");
    lacks(data, "Message-ID: <>");
    lacks(data, "In-Reply-To");
}
END_TEST

START_TEST(nothing_is_injected_into_a_disposition)
{
    static const char evil[] = "x\r\nBcc: evil@x.example\r\n\r\nbody=?utf-8?q?=0D=0ABcc:=20e=40x?=";
    ximss_mdn_t mdn = usual_mdn();
    mdn.subject = evil;
    mdn.message_id = evil;
    mdn.original_recipient = evil;
    mdn.text = evil;
    const char *data = make_mdn(&mdn);
    ck_assert_str_eq(parts(data), "multipart/report text/plain message/disposition-notification "
                                  "text/rfc822-headers");
    /* the text for people may say what it wants; it is behind the first empty line */
    const char *header =
        apr_pstrmemdup(test_pool, data, (apr_size_t)(strstr(data, "\r\n\r\n") - data));
    lacks(header, "\r\nBcc:");
    has(header, "Content-Type: multipart/report");
    const char *fields = strstr(data, "Content-Type: message/disposition-notification");
    lacks(fields, "\r\nBcc:");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "report");
    tcase_add_test(tcase, failure_is_reported);
    tcase_add_test(tcase, whole_message_is_returned_when_asked_for);
    tcase_add_loop_test(tcase, each_action_has_its_words, 0, 3);
    tcase_add_test(tcase, no_text_adds_fields_or_parts);
    tcase_add_test(tcase, international_addresses_are_escaped);
    tcase_add_test(tcase, any_message_is_returned_safely);
    tcase_add_test(tcase, disposition_is_reported);
    tcase_add_test(tcase, nothing_is_injected_into_a_disposition);
}
