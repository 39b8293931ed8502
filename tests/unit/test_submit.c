/* Requests that send mail, through the dispatcher: who may send what to whom, what is stored in one commit, who has
 * it when the reply is there, and what the messages look like. */
#include "op/handlers.h"
#include "op/submission.h"
#include "submit/transport.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

#define USER  "user@example.org"
#define OTHER "other@example.org"

static op_rig_t *rig;
static ximss_session_t *session;

static void start(void)
{
    rig = op_rig_make();
    op_rig_account(rig, OTHER);
    session = op_rig_session(rig, USER);
}

static const char *run(const char *xml)
{
    return op_rig_run(rig, session, xml);
}

/* A submission of EMAIL's children. */
static const char *submit(const char *attributes, const char *body)
{
    return op_rig_runf(rig, session, "<messageSubmit id=\"1\" %s>%s</messageSubmit>", attributes,
                       body);
}

#define EMAIL(inside)                                                                              \
    "<EMail><Subject>hello</Subject>" inside                                                       \
    "<MIME type=\"text\" subtype=\"plain\">Text.&#10;</MIME></EMail>"
#define FROM "<From realName=\"A. User\">user@example.org</From>"

static const char done[] = "<response id=\"1\"/>";

static void assert_done(const char *reply)
{
    assert_has(reply, done);
}

static void assert_error(const char *reply, int number)
{
    assert_has(reply, apr_psprintf(test_pool, "errorNum=\"%d\"", number));
}

static int count(const char *name, const char *mailbox)
{
    ximss_mailbox_t *found;
    apr_pool_t *pool;
    int messages;
    const ximss_error_t *error;

    apr_pool_create(&pool, rig->pool);
    error = ximss_mailbox_find(op_rig_handle(rig, name, pool), mailbox, &found, pool);
    messages = error == NULL ? (int)found->messages : -1;
    apr_pool_destroy(pool);
    return messages;
}

/* The bytes of message UID. */
static const char *read_message(const char *name, const char *mailbox, apr_uint32_t uid)
{
    ximss_mailbox_t *found;
    ximss_message_t row;
    ximss_account_t *account;
    const char *data;
    apr_pool_t *pool;
    const char *text;

    apr_pool_create(&pool, rig->pool);
    account = op_rig_handle(rig, name, pool);
    assert_ok(ximss_mailbox_find(account, mailbox, &found, pool));
    assert_ok(ximss_op_message(account, NULL, found->id, uid, &row, pool));
    assert_ok(ximss_blob_read(account, row.blob, 0, (apr_size_t)row.size, &data, pool));
    text = apr_pstrmemdup(test_pool, data, (apr_size_t)row.size);
    apr_pool_destroy(pool);
    return text;
}

/* The recipients in USER's outbox, "sender>address/notify ". */
static const char *outbox(void)
{
    apr_array_header_t *messages;
    const char *text = "";
    ximss_account_t *account;
    apr_pool_t *pool;
    int i;
    int j;

    apr_pool_create(&pool, rig->pool);
    account = op_rig_handle(rig, USER, pool);
    assert_ok(ximss_outbox_list(account, 0, 1, &messages, pool));
    for (i = 0; i < messages->nelts; i++) {
        const ximss_outbox_message_t *message = &APR_ARRAY_IDX(messages, i, ximss_outbox_message_t);
        apr_array_header_t *rows;

        assert_ok(ximss_outbox_recipients(account, message->id, &rows, pool));
        for (j = 0; j < rows->nelts; j++) {
            const ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, j, ximss_outbox_recipient_t);

            text = apr_psprintf(test_pool, "%s%s>%s/%u ", text, message->sender, row->address,
                                row->notify);
        }
    }
    apr_pool_destroy(pool);
    return text;
}

/* The bytes of the newest message in the outbox. */
static const char *outbox_data(void)
{
    const ximss_outbox_message_t *message;
    apr_array_header_t *messages;
    ximss_account_t *account;
    const char *data;
    apr_pool_t *pool;

    apr_pool_create(&pool, rig->pool);
    account = op_rig_handle(rig, USER, pool);
    assert_ok(ximss_outbox_list(account, 0, 1, &messages, pool));
    ck_assert_int_gt(messages->nelts, 0);
    message = &APR_ARRAY_IDX(messages, messages->nelts - 1, ximss_outbox_message_t);
    assert_ok(ximss_blob_read(account, message->blob, 0, (apr_size_t)message->size, &data, pool));
    data = apr_pstrmemdup(test_pool, data, (apr_size_t)message->size);
    apr_pool_destroy(pool);
    return data;
}

/* ---- messageSubmit ---- */

START_TEST(submit_to_an_account_here)
{
    const char *got;

    start();
    run("<mailboxCreate id=\"1\" mailbox=\"Sent\"/>");
    assert_done(submit("targetMailbox=\"Sent\" flags=\"Seen\"",
                       EMAIL(FROM "<To>other@example.org</To><Bcc>user@example.org</Bcc>")));
    ck_assert_int_eq(count(OTHER, "INBOX"), 1);
    ck_assert_int_eq(count(USER, "INBOX"), 1);
    ck_assert_int_eq(count(USER, "Sent"), 1);
    ck_assert_str_eq(outbox(), "");
    got = read_message(OTHER, "INBOX", 1);
    assert_has(got, "Return-Path: <user@example.org>");
    assert_has(got, "To: other@example.org");
    assert_has(got, "From: \"A. User\" <user@example.org>");
    assert_has(got, "Text.");
    assert_not(got, "Bcc");
    got = read_message(USER, "Sent", 1);
    assert_not(got, "Return-Path");
    assert_not(got, "Bcc");
}
END_TEST

START_TEST(submit_elsewhere)
{
    apr_array_header_t *hints;

    start();
    assert_done(submit("", EMAIL("<To>a@example.com</To><Cc>b@example.com</Cc>"
                                 "<Bcc>A@EXAMPLE.com, c@example.com</Bcc>")));
    ck_assert_str_eq(outbox(),
                     "user@example.org>a@example.com/0 user@example.org>b@example.com/0 "
                     "user@example.org>A@EXAMPLE.com/0 user@example.org>c@example.com/0 ");
    assert_has(outbox_data(), "From: \"A. User\" <user@example.org>");
    assert_not(outbox_data(), "c@example.com");
    assert_ok(ximss_outbox_hints(rig->context.store, OP_RIG_NOW, &hints, test_pool));
    ck_assert_int_eq(hints->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(hints, 1, ximss_outbox_hint_t).account, session->account_id);
}
END_TEST

START_TEST(submit_by_envelope)
{
    start();
    assert_done(submit("useDSN=\"yes\"",
                       "<Envelope-To> a@example.com </Envelope-To>"
                       "<Envelope-To>other@example.org</Envelope-To>"
                       "<Envelope-To>a@Example.Com</Envelope-To>" EMAIL(
                           "<To>nobody@example.org</To><Bcc>b@example.com</Bcc>")));
    ck_assert_str_eq(outbox(), "user@example.org>a@example.com/6 ");
    ck_assert_int_eq(count(OTHER, "INBOX"), 1);
    assert_has(read_message(OTHER, "INBOX", 1), "To: nobody@example.org");
    assert_not(read_message(OTHER, "INBOX", 1), "b@example.com");
    /* the report that it was delivered there */
    ck_assert_int_eq(count(USER, "INBOX"), 1);
    assert_has(read_message(USER, "INBOX", 1), "other@example.org");
}
END_TEST

static const struct {
    const char *attributes;
    const char *body;
    int number;
} refused[] = {
    {"", "", 501},
    {"", EMAIL(FROM), 522},
    {"", EMAIL("<From>other@example.org</From><To>a@example.com</To>"), 522},
    {"", EMAIL("<From>user@example.com</From><To>a@example.com</To>"), 522},
    {"", EMAIL("<From>user</From><To>a@example.com</To>"), 522},
    {"", EMAIL("<From>user@example.org, boss@example.com</From><To>a@example.com</To>"), 522},
    {"", EMAIL("<From>user+x, boss@example.org</From><To>a@example.com</To>"), 522},
    {"", EMAIL("<From>boss@example.com &lt;user@example.org&gt;</From><To>a@example.com</To>"),
     522},
    {"", EMAIL("<From/><To>a@example.com</To>"), 522},
    {"", EMAIL(FROM "<From>other@example.org</From><To>a@example.com</To>"), 522},
    {"", EMAIL(FROM "<sender>other@example.org</sender><To>a@example.com</To>"), 522},
    {"", EMAIL("<To>a@example.com</To><Cc>nobody@example.org</Cc>"), 522},
    {"", EMAIL("<To>a</To>"), 522},
    {"", "<Envelope-To>a b@example.com</Envelope-To>" EMAIL(""), 522},
    {"", "<Envelope-To>&lt;a@example.com&gt;</Envelope-To>" EMAIL(""), 522},
    {"", "<Envelope-To>a@example.com&#13;&#10;RCPT TO:x</Envelope-To>" EMAIL(""), 522},
    {"", "<Envelope-To/>" EMAIL("<To>a@example.com</To>"), 522},
    {"targetMailbox=\"None\"", EMAIL("<To>a@example.com</To>"), 510},
    {"targetMailbox=\"INBOX\" flags=\"a;b\"", EMAIL("<To>a@example.com</To>"), 501},
    {"", "<EMail sign=\"yes\"><To>a@example.com</To></EMail>", 523},
    {"", "<EMail encrypt=\"yes\"><To>a@example.com</To></EMail>", 523},
    {"",
     "<Envelope-To>a@example.com</Envelope-To><EMail><MIME type=\"text\"/><MIME "
     "type=\"text\"/></EMail>",
     521},
};

START_TEST(submit_is_refused)
{
    start();
    assert_error(submit(refused[_i].attributes, refused[_i].body), refused[_i].number);
    ck_assert_str_eq(outbox(), "");
    ck_assert_int_eq(count(USER, "INBOX"), 0);
}
END_TEST

START_TEST(submit_rewrites_the_sender)
{
    start();
    rig->context.rewrite_sender = 1;
    assert_done(submit("", EMAIL("<From realName=\"The Boss\">boss@example.com</From>"
                                 "<To>a@example.com</To>")));
    assert_has(outbox_data(), "From: \"The Boss\" <user@example.org>");
    assert_not(outbox_data(), "boss@example.com");
    ck_assert_str_eq(outbox(), "user@example.org>a@example.com/0 ");
}
END_TEST

START_TEST(submit_from_a_sub_address)
{
    start();
    assert_done(submit("", EMAIL("<From>user+lists@Example.ORG</From><To>a@example.com</To>")));
    assert_has(outbox_data(), "From: user+lists@Example.ORG");
    ck_assert_str_eq(outbox(), "user+lists@Example.ORG>a@example.com/0 ");
}
END_TEST

START_TEST(submit_is_limited)
{
    start();
    rig->limits.recipients = 2;
    assert_error(submit("", EMAIL("<To>a@example.com</To><To>b@example.com</To>"
                                  "<To>c@example.com</To>")),
                 502);
    assert_done(submit("", EMAIL("<To>a@example.com</To><To>b@example.com</To>"
                                 "<Bcc>b@example.com</Bcc>")));
    rig->limits.submissions_hour = 2;
    assert_done(submit("", EMAIL("<To>a@example.com</To>")));
    assert_error(submit("targetMailbox=\"INBOX\"", EMAIL("<To>a@example.com</To>")), 502);
    ck_assert_int_eq(count(USER, "INBOX"), 0);
    rig->limits.message_bytes = 100;
    assert_error(submit("", EMAIL("<To>a@example.com</To>")), 502);
}
END_TEST

/* A request that fails later in the batch takes nothing back, and one that fails itself sends nothing. */
START_TEST(submit_in_a_batch)
{
    const char *reply;

    start();
    reply = op_rig_runf(rig, session,
                        "<mailboxCreate id=\"0\" mailbox=\"A\"/>"
                        "<messageSubmit id=\"1\" targetMailbox=\"None\">%s</messageSubmit>"
                        "<messageSubmit id=\"2\" targetMailbox=\"A\">%s</messageSubmit>"
                        "<mailboxRemove id=\"3\" mailbox=\"None\"/>",
                        EMAIL("<To>other@example.org</To>"), EMAIL("<To>other@example.org</To>"));
    assert_has(reply, "<response id=\"0\"/>");
    assert_has(reply, "errorNum=\"510\" errorText=\"mailbox is not found\" id=\"1\"");
    assert_has(reply, "<response id=\"2\"/>");
    ck_assert_int_eq(count(OTHER, "INBOX"), 1);
    ck_assert_int_eq(count(USER, "A"), 1);
    ck_assert_str_eq(outbox(), "");
}
END_TEST

/* What no value of a request may do: end a field and begin another. */
static const char *const nasty[] = {
    "<From realName=\"%s\">user@example.org</From><To>a@example.com</To>",
    "<To realName=\"%s\">a@example.com</To>",
    "<To>a@example.com</To><Cc realName=\"%s\">b@example.com</Cc>",
    "<To>a@example.com</To><Subject>%s</Subject>",
    "<To>a@example.com</To><X-Mailer>%s</X-Mailer>",
    "<To>a@example.com</To><In-Reply-To>%s</In-Reply-To>",
    "<To>a@example.com</To><Message-ID>%s</Message-ID>",
    "<To>a@example.com</To><Organization>%s</Organization>",
};

START_TEST(submit_cannot_inject)
{
    const char *value = "x&#13;&#10;Evil: 1&#10;Evil: 2&#13;Evil: 3 =?utf-8?q?=0D=0AEvil:_4?= "
                        "=?utf-8?b?DQpFdmlsOiA1?=&#10;&#10;Evil body";
    const char *place = strstr(nasty[_i], "%s");
    const char *data;
    const char *at;

    start();
    submit("", apr_pstrcat(test_pool, "<EMail>",
                           apr_pstrmemdup(test_pool, nasty[_i], (apr_size_t)(place - nasty[_i])),
                           value, place + 2, "</EMail>", NULL));
    if (*outbox() == '\0') {
        return; /* refused: that is fine, too */
    }
    data = outbox_data();
    for (at = strstr(data, "Evil"); at != NULL; at = strstr(at + 1, "Evil")) {
        ck_assert_msg(at[-1] != '\n' && at[-1] != '\r', "in %s", data);
    }
    ck_assert_str_eq(outbox(),
                     _i == 2 ? "user@example.org>a@example.com/0 user@example.org>b@example.com/0 "
                             : "user@example.org>a@example.com/0 ");
}
END_TEST

/* An account that cannot take the mail now gets it later: the row waits. */
START_TEST(submit_to_a_full_account)
{
    ximss_account_entry_t *entry;

    start();
    assert_ok(ximss_account_find(rig->context.store, OTHER, &entry, test_pool));
    entry->quota = 200;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    op_rig_append(rig, OTHER, "INBOX",
                  "Subject: x\r\n\r\n0123456789012345678901234567890123456789"
                  "0123456789012345678901234567890123456789012345678901234567"
                  "8901234567890123456789\r\n",
                  0);
    entry->quota = 1000;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    op_rig_append(rig, OTHER, "INBOX", apr_psprintf(test_pool, "Subject: y\r\n\r\n%0700d\r\n", 0),
                  0);
    assert_done(submit("", EMAIL("<To>other@example.org</To>")));
    ck_assert_int_eq(count(OTHER, "INBOX"), 2);
    ck_assert_str_eq(outbox(), "user@example.org>other@example.org/0 ");
}
END_TEST

/* ---- messageRedirect, messageForward ---- */

static const char original[] = "Return-Path: <john@example.com>\n"
                               "Delivered-To: a@example.com\n"
                               "Received: from x by y; Tue, 14 Nov 2023 10:00:00 +0500\n"
                               "From: John <john@example.com>\n"
                               "To: user@example.org\n"
                               "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n"
                               "Message-ID: <1@example.com>\n"
                               "\n"
                               "Hello \r bare\n.\nend";

static void open_inbox(void)
{
    op_rig_append(rig, USER, "INBOX", original, OP_RIG_NOW);
    run("<folderOpen id=\"9\" folder=\"in\" mailbox=\"INBOX\"><field>FLAGS</field></folderOpen>");
}

START_TEST(redirect)
{
    const char *data;
    const char *rest;

    start();
    open_inbox();
    assert_done(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"1\">"
                    "<To realName=\"Recipient &quot;One&quot;\">a@example.com</To>"
                    "<To>b@example.com</To></messageRedirect>"));
    ck_assert_str_eq(outbox(),
                     "user@example.org>a@example.com/0 user@example.org>b@example.com/0 ");
    data = outbox_data();
    rest = strstr(data, "Received: ");
    ck_assert_ptr_nonnull(rest);
    ck_assert_str_eq(rest, strstr(original, "Received: "));
    ck_assert_ptr_null(strstr(data, "Return-Path"));
    ck_assert_ptr_null(strstr(data, "Delivered-To"));
    assert_has(data, "Resent-Date: Tue, 14 Nov 2023 23:13:20 +0100\r\n");
    assert_has(data, "Resent-From: \"A. User\" <user@example.org>\r\n");
    assert_has(data, "Resent-To: \"Recipient \\\"One\\\"\" <a@example.com>, b@example.com\r\n");
    assert_has(data, "Resent-Message-ID: <");
}
END_TEST

START_TEST(redirect_of_odd_mail)
{
    start();
    op_rig_append(rig, USER, "INBOX", "From x Tue Nov 14 10:00:00 2023\nSubject: a\n\nb\n", 0);
    op_rig_append(rig, USER, "INBOX", "Subject: a\rTo: b\r\rtext\r", 0);
    run("<folderOpen id=\"9\" folder=\"in\" mailbox=\"INBOX\"/>");
    assert_done(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"1\"><To>a@example.com</To>"
                    "</messageRedirect>"));
    assert_has(outbox_data(), ">\r\nSubject: a\n\nb\n");
    assert_done(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"2\"><To>a@example.com</To>"
                    "</messageRedirect>"));
    assert_has(outbox_data(), ">\r\nSubject: a\r\nTo: b\r\n\r\ntext\r\n");
}
END_TEST

START_TEST(redirect_is_refused)
{
    start();
    open_inbox();
    assert_error(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"1\"/>"), 501);
    assert_error(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"2\"><To>a@example.com</To>"
                     "</messageRedirect>"),
                 514);
    assert_error(run("<messageRedirect id=\"1\" folder=\"out\" UID=\"1\"><To>a@example.com</To>"
                     "</messageRedirect>"),
                 512);
    assert_error(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"1\"><To>a</To>"
                     "</messageRedirect>"),
                 522);
    ck_assert_str_eq(outbox(), "");
}
END_TEST

/* No value makes a field of its own. */
START_TEST(redirect_cannot_inject)
{
    start();
    open_inbox();
    assert_done(run("<messageRedirect id=\"1\" folder=\"in\" UID=\"1\">"
                    "<To realName=\"x&#13;&#10;Evil: 1&#10;Evil: 2 =?utf-8?q?=0D=0AEvil:_3?=\">"
                    "a@example.com</To></messageRedirect>"));
    assert_not(outbox_data(), "\nEvil");
    assert_not(outbox_data(), "\rEvil");
}
END_TEST

START_TEST(forward)
{
    const char *data;

    start();
    op_rig_append(rig, USER, "INBOX",
                  "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Odd: 1\r\n\r\nHello\r\n", OP_RIG_NOW);
    run("<folderOpen id=\"9\" folder=\"in\" mailbox=\"INBOX\"/>");
    assert_done(run("<messageForward id=\"1\" folder=\"in\" UID=\"1\">"
                    "<To realName=\"A &amp; B\">a@example.com</To></messageForward>"));
    ck_assert_str_eq(outbox(), "user@example.org>a@example.com/0 ");
    data = outbox_data();
    assert_has(data, "From: \"A. User\" <user@example.org>\r\n");
    assert_has(data, "To: \"A & B\" <a@example.com>\r\n");
    assert_has(data, "Subject: Fwd: =?UTF-8?");
    assert_has(data, "Content-Type: multipart/mixed;");
    assert_has(data, "Content-Type: message/rfc822\r\n");
    assert_has(data, "\r\n\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Odd: 1\r\n\r\nHello\r\n");
}
END_TEST

START_TEST(forward_keeps_one_prefix)
{
    start();
    op_rig_append(rig, USER, "INBOX", "Subject: FWD: again\n\nx\n", OP_RIG_NOW);
    run("<folderOpen id=\"9\" folder=\"in\" mailbox=\"INBOX\"/>");
    assert_done(run("<messageForward id=\"1\" folder=\"in\" UID=\"1\"><To>a@example.com</To>"
                    "</messageForward>"));
    assert_has(outbox_data(), "\nSubject: FWD: again\r\n");
}
END_TEST

/* ---- messageConfirm ---- */

#define CONFIRM(type) "<messageConfirm id=\"1\" folder=\"in\" UID=\"1\" type=\"" type "\"/>"

/* Opens an INBOX with a message that has FIELDS. */
static void open_with(const char *fields)
{
    start();
    op_rig_append(rig, USER, "INBOX",
                  apr_pstrcat(test_pool, fields,
                              "From: John <john@example.com>\nTo: user@example.org\nSubject: "
                              "read me\nMessage-ID: <1@example.com>\n\ntext\n",
                              NULL),
                  OP_RIG_NOW);
    run("<folderOpen id=\"9\" folder=\"in\" mailbox=\"INBOX\"><field>FLAGS</field></folderOpen>");
}

#define ASKS "Return-Path: <john@example.com>\nDisposition-Notification-To: J <john@Example.com>\n"

START_TEST(confirm)
{
    const char *data;

    open_with(ASKS);
    assert_done(run(CONFIRM("auto")));
    ck_assert_str_eq(outbox(), ">john@Example.com/1 ");
    data = outbox_data();
    assert_has(data, "message/disposition-notification");
    assert_has(data, "Original-Message-ID: <1@example.com>");
    assert_has(data, "automatic-action/MDN-sent-automatically; displayed");
    assert_has(data, "From: \"A. User\" <user@example.org>\r\n");
    assert_has(run("<folderBrowse id=\"2\" folder=\"in\"><index from=\"0\" till=\"0\"/>"
                   "</folderBrowse>"),
               "MDNSent");
    assert_error(run(CONFIRM("manual")), 522);
}
END_TEST

static const struct {
    const char *fields;
    const char *type;
    int number; /* 0: done */
} confirmations[] = {
    {ASKS, "manual", 0},
    {ASKS, "both", 501},
    {"", "manual", 522},
    {"Disposition-Notification-To: john@example.com\n", "auto", 522},
    {"Disposition-Notification-To: john@example.com\n", "manual", 0},
    {"Return-Path: <>\nDisposition-Notification-To: john@example.com\n", "auto", 522},
    {"Return-Path: <jane@example.com>\nDisposition-Notification-To: john@example.com\n", "auto",
     522},
    {"Return-Path: <John@example.com>\nDisposition-Notification-To: john@example.com\n", "auto",
     522},
    {"Return-Path: <jane@example.com>\nDisposition-Notification-To: john@example.com\n", "manual",
     0},
    {"Disposition-Notification-To: john@example.com, jane@example.com\n", "manual", 522},
    {"Disposition-Notification-To: x\n", "manual", 522},
    {"Disposition-Notification-To: =?utf-8?q?a=0D=0ABcc:v?= <john@example.com>\n", "manual", 0},
    {"Disposition-Notification-To: <john@example.com\r\n Bcc: x@example.com>\n", "manual", 522},
    {"List-Id: <x.example.com>\n" ASKS, "manual", 522},
    {"Precedence: bulk\n" ASKS, "auto", 522},
    {"Auto-Submitted: auto-generated\n" ASKS, "manual", 522},
    {"Auto-Submitted: no\n" ASKS, "auto", 0},
    {"Content-Type: multipart/report; boundary=x\n" ASKS, "manual", 522},
};

START_TEST(confirm_where_it_is_safe)
{
    const char *reply;

    open_with(confirmations[_i].fields);
    reply =
        op_rig_runf(rig, session, "<messageConfirm id=\"1\" folder=\"in\" UID=\"1\" type=\"%s\"/>",
                    confirmations[_i].type);
    if (confirmations[_i].number == 0) {
        assert_done(reply);
        ck_assert_int_eq(op_rig_count(outbox(), ">"), 1);
        assert_not(outbox_data(), "\nBcc");
    }
    else {
        assert_error(reply, confirmations[_i].number);
        ck_assert_str_eq(outbox(), "");
    }
}
END_TEST

START_TEST(confirm_as_the_user_wants)
{
    open_with(ASKS);
    run("<prefsStore id=\"1\"><SendMDNMode>Manually</SendMDNMode></prefsStore>");
    assert_error(run(CONFIRM("auto")), 522);
    run("<prefsStore id=\"1\"><SendMDNMode>Never</SendMDNMode></prefsStore>");
    assert_error(run(CONFIRM("manual")), 522);
    run("<prefsStore id=\"1\"><SendMDNMode>Manually</SendMDNMode></prefsStore>");
    assert_done(run(CONFIRM("manual")));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *submission = suite_case(suite, "submit");
    TCase *resent = suite_case(suite, "resend");
    TCase *confirmation = suite_case(suite, "confirm");

    tcase_add_test(submission, submit_to_an_account_here);
    tcase_add_test(submission, submit_elsewhere);
    tcase_add_test(submission, submit_by_envelope);
    tcase_add_loop_test(submission, submit_is_refused, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(submission, submit_rewrites_the_sender);
    tcase_add_test(submission, submit_from_a_sub_address);
    tcase_add_test(submission, submit_is_limited);
    tcase_add_test(submission, submit_in_a_batch);
    tcase_add_loop_test(submission, submit_cannot_inject, 0, sizeof(nasty) / sizeof(nasty[0]));
    tcase_add_test(submission, submit_to_a_full_account);
    tcase_add_test(resent, redirect);
    tcase_add_test(resent, redirect_of_odd_mail);
    tcase_add_test(resent, redirect_is_refused);
    tcase_add_test(resent, redirect_cannot_inject);
    tcase_add_test(resent, forward);
    tcase_add_test(resent, forward_keeps_one_prefix);
    tcase_add_test(confirmation, confirm);
    tcase_add_loop_test(confirmation, confirm_where_it_is_safe, 0,
                        sizeof(confirmations) / sizeof(confirmations[0]));
    tcase_add_test(confirmation, confirm_as_the_user_wants);
}
