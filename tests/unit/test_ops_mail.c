/* Mailboxes, folders and messages through the dispatcher, on small stores with odd mail. */
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define USER "user@example.org"

static const char plain[] = "From: \"John H. Smith\" <john@example.com>, jane@example.com\r\n"
                            "To: user@example.org\r\n"
                            "Cc: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\n"
                            "Subject: =?utf-8?b?R3LDvMOfZQ==?= & <tags>\r\n"
                            "Date: Tue, 14 Nov 2023 10:00:00 +0500\r\n"
                            "X-Priority: 1 (Highest)\r\n"
                            "X-Odd: one\r\n"
                            "Message-ID: <1@example.com>\r\n"
                            "\r\n"
                            "Hello\r\n";

static op_rig_t *rig;
static ximss_session_t *session;

static void start(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, USER);
}

static const char *run(const char *xml)
{
    return op_rig_run(rig, session, xml);
}

static apr_uint32_t append(const char *raw, apr_int64_t date)
{
    return op_rig_append(rig, USER, "INBOX", raw, date);
}

/* ---- mailboxes ---- */

START_TEST(test_mailbox_list)
{
    const char *reply;
    start();
    append("Subject: x\n\nb\n", 86400);
    run("<mailboxCreate id=\"1\" mailbox=\"A/B/C\" mailboxClass=\"IPF.Contact\"/>"
        "<mailboxCreate id=\"2\" mailbox=\"A/B\"/>"
        "<mailboxCreate id=\"3\" mailbox=\"Dir/\"/>"
        "<mailboxCreate id=\"4\" mailbox=\"Notes\" mailboxClass=\"IPF.StickyNote\"/>");
    ck_assert_str_eq(
        op_rig_run(rig, session, "<mailboxList id=\"1\" filter=\"INBOX\"/>"),
        apr_psprintf(
            test_pool,
            "<XIMSS><mailbox CLASS=\"\" id=\"1\" INTERNALSIZE=\"14\" mailbox=\"INBOX\" "
            "MEDIA=\"0\" MESSAGES=\"1\" OLDEST=\"19700102000000\" UIDNEXT=\"2\" %s "
            "UNSEEN=\"1\" UNSEENMEDIA=\"0\"/><response id=\"1\"/></XIMSS>",
            apr_pstrmemdup(
                test_pool, strstr(run("<mailboxList id=\"1\" filter=\"INBOX\"/>"), "UIDVALIDITY"),
                strcspn(strstr(run("<mailboxList id=\"1\" filter=\"INBOX\"/>"), "UIDVALIDITY"),
                        " "))));
    reply = run("<mailboxList id=\"1\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 6);
    assert_has(reply, "<mailbox id=\"1\" mailbox=\"A\" pureFolder=\"yes\"/>");
    assert_has(reply, "<mailbox id=\"1\" mailbox=\"Dir\" pureFolder=\"yes\"/>");
    assert_has(reply, "isFolder=\"yes\" mailbox=\"A/B\"");
    ck_assert_int_eq(op_rig_count(reply, "isFolder"), 1);
    assert_not(reply, "rights");
    reply = run("<mailboxList id=\"1\" filter=\"%\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 4);
    reply = run("<mailBoxList id=\"1\" filter=\"%/%\" pureFolder=\"yes\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 1);
    reply = run("<mailboxList id=\"1\" pureFolder=\"no\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 4);
    assert_not(reply, "pureFolder");
}
END_TEST

START_TEST(test_mailbox_list_by_class)
{
    const char *reply;
    start();
    run("<mailboxCreate id=\"1\" mailbox=\"A/B\" mailboxClass=\"IPF.Contact\"/>"
        "<mailboxCreate id=\"2\" mailbox=\"A\"/>"
        "<mailboxCreate id=\"3\" mailbox=\"Mail\"/>");
    reply = run("<mailboxList id=\"1\" mailboxClass=\"IPF.Contact\"/>");
    /* A is a mail box, but the way to A/B leads through it. */
    assert_has(reply, "<mailbox id=\"1\" mailbox=\"A\" pureFolder=\"yes\"/>");
    assert_has(reply, "<mailbox CLASS=\"IPF.Contact\" id=\"1\"");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 2);
    reply = run("<mailboxList id=\"1\" mailboxClass=\"\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox CLASS=\"\""), 3);
    assert_not(reply, "A/B");
    reply = run("<mailboxList id=\"1\" mailboxClass=\"IPF.Contact\" pureFolder=\"no\"/>");
    ck_assert_int_eq(op_rig_count(reply, "<mailbox "), 1);
}
END_TEST

START_TEST(test_mailbox_changes)
{
    const char *reply;
    start();
    reply = run("<mailboxCreate id=\"1\" mailbox=\"A/B\"/>"
                "<mailboxRename id=\"2\" mailbox=\"A\" newName=\"X\" children=\"yes\"/>"
                "<mailboxRemove id=\"3\" mailbox=\"nothing\"/>"
                "<mailboxCreate id=\"4\" mailbox=\"X/B\"/>"
                "<mailboxRemove id=\"5\" mailbox=\"X/B\"/>"
                "<mailboxRename id=\"6\" mailbox=\"X\"/>"
                "<mailboxRemove id=\"7\" mailbox=\"inbox\"/>");
    assert_has(reply, "<response id=\"1\"/><response id=\"2\"/><response errorNum=\"510\" "
                      "errorText=\"mailbox is not found\" id=\"3\"/><response errorNum=\"511\"");
    assert_has(reply, "<response id=\"5\"/><response errorNum=\"501\"");
    assert_has(reply, "<response errorNum=\"516\"");
}
END_TEST

START_TEST(test_own_and_foreign_names)
{
    const char *reply;
    start();
    op_rig_account(rig, "other@example.org");
    reply = run("<mailboxCreate id=\"1\" mailbox=\"~user@example.org/Mine\"/>"
                "<folderOpen id=\"2\" folder=\"f\" mailbox=\"~USER/Mine\"/>"
                "<folderOpen id=\"3\" folder=\"g\" mailbox=\"~other@example.org/INBOX\"/>"
                "<mailboxRemove id=\"4\" mailbox=\"~other/INBOX\" />"
                "<mailboxRename id=\"5\" mailbox=\"Mine\" newName=\"~other@example.org/Mine\"/>"
                "<mailboxList id=\"6\" filter=\"~other@example.org/%\"/>"
                "<mailboxCreate id=\"7\" mailbox=\"~user@example.orgx/Mine\"/>"
                "<mailboxCreate id=\"8\" mailbox=\"~use/Mine\"/>"
                "<mailboxCreate id=\"9\" mailbox=\"~\"/>"
                "<mailboxCreate id=\"10\" mailbox=\"~user\"/>");
    assert_has(reply, "<response id=\"1\"/>");
    assert_has(reply, "<response id=\"2\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"516\" errorText=\"mailbox access denied\""),
                     8);
}
END_TEST

/* ---- folders ---- */

START_TEST(test_open_and_browse)
{
    const char *reply;
    start();
    append(plain, 1700000000);
    append("Subject: second\n\nx\n", -1);
    reply = run("<folderOpen id=\"A1\" folder=\"INBOX\" sortField=\"Date\" sortOrder=\"desc\">"
                "<field>FLAGS</field><field>From</field><field>E-from</field><field>E-Cc</field>"
                "<field>SUBJECT</field><field>Date</field><field>Pty</field><field>UID</field>"
                "<field>SIZE</field><field>INTERNALDATE</field><field> X-Odd </field>"
                "<field>X-None</field></folderOpen>"
                "<folderBrowse id=\"A2\" folder=\"INBOX\"><index from=\"0\" till=\"1\"/>"
                "</folderBrowse>");
    assert_has(reply, "<XIMSS><folderReport folder=\"INBOX\" id=\"A1\" messages=\"2\" "
                      "mode=\"init\" UIDNext=\"3\" UIDValidity=\"");
    assert_has(reply, "unseen=\"2\"/><response id=\"A1\"/>");
    assert_has(
        reply,
        "<folderReport folder=\"INBOX\" id=\"A2\" index=\"0\" UID=\"1\"><FLAGS>Recent</FLAGS>"
        "<From>John H. Smith, jane@example.com</From>"
        "<E-from realName=\"John H. Smith\">john@example.com</E-from>"
        "<E-from>jane@example.com</E-from>"
        "<E-Cc realName=\"J\xc3\xbcrgen\">j@example.com</E-Cc>"
        "<SUBJECT>Gr\xc3\xbc\xc3\x9f"
        "e &amp; &lt;tags&gt;</SUBJECT>"
        "<Date localTime=\"20231114T060000\">20231114T050000Z</Date><Pty>High</Pty><UID>1</UID>");
    assert_has(reply, "<INTERNALDATE localTime=\"20231114T231320\">20231114T221320Z</INTERNALDATE>"
                      "<X-Odd>one</X-Odd></folderReport>");
    assert_has(
        reply,
        "<folderReport folder=\"INBOX\" id=\"A2\" index=\"1\" UID=\"2\"><FLAGS>Recent</FLAGS>"
        "<SUBJECT>second</SUBJECT><UID>2</UID><SIZE>19</SIZE>"
        "<INTERNALDATE localTime=\"19700101T005959\">19691231T235959Z</INTERNALDATE>"
        "</folderReport><response id=\"A2\"/></XIMSS>");
}
END_TEST

START_TEST(test_browse_sets)
{
    const char *reply;
    int i;
    start();
    for (i = 0; i < 10; i++) {
        append("Subject: m\n\nx\n", i);
    }
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\" sortOrder=\"desc\"/>");
    /* Clamped at both ends; UIDs 10..1 stand at 0..9. */
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><index from=\"8\" till=\"5000000000\"/>"
                "<index from=\"-3\" till=\"0\"/><index>-1</index><index>77</index>"
                "<index from=\"5\" till=\"4\"/></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "<folderReport"), 3);
    assert_has(reply, "index=\"8\" UID=\"2\"/>");
    assert_has(reply, "index=\"9\" UID=\"1\"/>");
    assert_has(reply, "index=\"0\" UID=\"10\"/>");
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><uid>4</uid><UID>9</UID><UID>99</UID>"
                "<UID>99999999999</UID><UID>0</UID></folderBrowse>");
    ck_assert_str_eq(reply, "<XIMSS><folderReport folder=\"F\" id=\"1\" index=\"6\" UID=\"4\"/>"
                            "<folderReport folder=\"F\" id=\"1\" index=\"1\" UID=\"9\"/>"
                            "<response id=\"1\"/></XIMSS>");
    reply =
        run("<folderBrowse id=\"1\" folder=\"F\"><UID from=\"3\" till=\"5\"/><UID>4</UID>"
            "<UID from=\"9\" till=\"2\"/><UID from=\"10\" till=\"900000000000\"/></folderBrowse>");
    ck_assert_str_eq(reply, "<XIMSS><folderReport folder=\"F\" id=\"1\" index=\"0\" UID=\"10\"/>"
                            "<folderReport folder=\"F\" id=\"1\" index=\"5\" UID=\"5\"/>"
                            "<folderReport folder=\"F\" id=\"1\" index=\"6\" UID=\"4\"/>"
                            "<folderReport folder=\"F\" id=\"1\" index=\"7\" UID=\"3\"/>"
                            "<response id=\"1\"/></XIMSS>");
    reply = run("<folderBrowse id=\"1\" folder=\"F\"/>"
                "<folderBrowse id=\"2\" folder=\"F\"><index>x</index></folderBrowse>"
                "<folderBrowse id=\"3\" folder=\"F\"><index>1</index><UID>1</UID></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"501\""), 3);
}
END_TEST

/* Many pages, many single UIDs. */
START_TEST(test_browse_large)
{
    ximss_account_t *account;
    ximss_digest_t *digest;
    const char *raw = "Subject: m\n\nx\n";
    ximss_append_t row = {.flags = {0, ""}};
    ximss_mailbox_t *inbox;
    const char *request = "";
    const char *reply;
    apr_uint32_t uid;
    int i;
    start();
    account = op_rig_handle(rig, USER, rig->pool);
    digest = ximss_digest_make(raw, strlen(raw), &rig->limits, test_pool);
    assert_ok(ximss_account_begin_write(account, test_pool));
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, test_pool));
    row.mailbox = inbox->id;
    for (i = 0; i < 1000; i++) {
        assert_ok(ximss_message_append(account, &row, digest, &uid, test_pool));
    }
    assert_ok(ximss_account_commit(account, test_pool));
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"><field>FLAGS</field></folderOpen>");
    reply =
        run("<folderBrowse id=\"1\" folder=\"F\"><index from=\"0\" till=\"999\"/></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "<folderReport"), 1000);
    for (i = 0; i < 1000; i++) {
        assert_has(reply, apr_psprintf(test_pool, "index=\"%d\" UID=\"%d\"><FLAGS>", i, i + 1));
    }
    for (i = 1; i <= 1000; i += 7) {
        request = apr_psprintf(test_pool, "%s<UID>%d</UID>", request, i);
    }
    reply =
        op_rig_runf(rig, session, "<folderBrowse id=\"1\" folder=\"F\">%s</folderBrowse>", request);
    ck_assert_int_eq(op_rig_count(reply, "<folderReport"), 143);
}
END_TEST

START_TEST(test_folder_life)
{
    const char *reply;
    start();
    reply = run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>"
                "<folderOpen id=\"2\" folder=\"F\" mailbox=\"INBOX\"/>"
                "<folderOpen id=\"3\" folder=\"G\" mailbox=\"inbox\"/>"
                "<folderOpen id=\"4\" folder=\"H\" mailbox=\"none\"/>"
                "<folderClose id=\"5\" folder=\"H\"/><folderBrowse id=\"6\" folder=\"H\"/>"
                "<folderReopen id=\"7\" folder=\"H\"/>"
                "<folderRead id=\"8\" folder=\"H\" UID=\"1\"/>"
                "<folderOpen id=\"9\" folder=\"\"/>");
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"513\" errorText=\"folder has "
                      "already been opened\" id=\"2\"/>");
    assert_has(reply, "<response id=\"3\"/><response errorNum=\"510\"");
    ck_assert_int_eq(
        op_rig_count(reply, "errorNum=\"512\" errorText=\"folder has not been opened\""), 4);
    assert_has(reply, "errorNum=\"501\"");
    ck_assert_int_eq(session->folders, 2);
    run("<folderClose id=\"1\" folder=\"F\"/><folderOpen id=\"2\" folder=\"F\" "
        "mailbox=\"INBOX\"/>");
    ck_assert_int_eq(session->folders, 2);
    rig->limits.folders = 2;
    reply = run("<folderOpen id=\"1\" folder=\"X\" mailbox=\"INBOX\"/>");
    assert_has(reply, "errorNum=\"502\" errorText=\"more than 2 open folders\"");
    assert_not(run("<folderClose id=\"1\" folder=\"F\"/>"
                   "<folderOpen id=\"2\" folder=\"X\" mailbox=\"INBOX\"/>"),
               "errorNum");
}
END_TEST

START_TEST(test_open_creates)
{
    const char *reply;
    start();
    reply = run("<folderOpen id=\"1\" folder=\"A/B\" mailboxClass=\"IPF.Contact\"/>"
                "<folderOpen id=\"2\" folder=\"pure\" mailbox=\"A\"/>"
                "<folderOpen id=\"3\" folder=\"pure\" mailbox=\"A\" mailboxClass=\"\"/>"
                "<folderOpen id=\"4\" folder=\"again\" mailbox=\"A/B\" mailboxClass=\"\"/>"
                "<mailboxList id=\"5\" filter=\"A*\"/>"
                "<folderOpen id=\"6\" folder=\"bad\" mailbox=\"A//B\" mailboxClass=\"\"/>"
                "<folderOpen id=\"7\" folder=\"bad\" mailbox=\"New\" mailboxClass=\"\">"
                "<field>not a name</field></folderOpen><mailboxList id=\"8\" filter=\"New\"/>");
    assert_has(reply, "messages=\"0\" mode=\"init\" UIDNext=\"1\"");
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"510\"");
    assert_has(reply, "<response id=\"3\"/>");
    assert_has(reply, "<response id=\"4\"/>");
    assert_has(reply, "CLASS=\"IPF.Contact\" id=\"5\" INTERNALSIZE=\"0\" mailbox=\"A/B\"");
    assert_has(reply, "isFolder=\"yes\" mailbox=\"A\"");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"501\""), 2);
    /* A request that is wrong creates nothing. */
    assert_not(reply, "mailbox=\"New\"");
}
END_TEST

START_TEST(test_filters_and_uid_min)
{
    const char *reply;
    const char *validity;
    start();
    append(plain, 0);
    append("Subject: second\n\nHello too\n", 0);
    append("Subject: third\n\nx\n", 0);
    reply = run("<folderOpen id=\"1\" folder=\"a\" mailbox=\"INBOX\" filter=\"J\xc3\x9cRGEN\" "
                "filterField=\"Cc\"/>");
    assert_has(reply, "messages=\"1\"");
    validity = strstr(reply, "UIDValidity=\"") + 13;
    validity = apr_pstrmemdup(test_pool, validity, strcspn(validity, "\""));
    reply = op_rig_runf(
        rig, session,
        "<folderOpen id=\"1\" folder=\"b\" mailbox=\"INBOX\" filter=\"hello\" "
        "filterField=\"body\"/>"
        "<folderOpen id=\"2\" folder=\"c\" mailbox=\"INBOX\" filter=\"Unseen\" "
        "filterField=\"flags\"/>"
        "<folderOpen id=\"3\" folder=\"d\" mailbox=\"INBOX\" UIDMin=\"2\" UIDValidity=\"%s\"/>"
        "<folderOpen id=\"4\" folder=\"e\" mailbox=\"INBOX\" UIDMin=\"2\" UIDValidity=\"1\"/>"
        "<folderOpen id=\"5\" folder=\"f\" mailbox=\"INBOX\" UIDMin=\"2\"/>"
        "<folderOpen id=\"6\" folder=\"g\" mailbox=\"INBOX\" UIDMin=\"x\"/>"
        "<folderOpen id=\"7\" folder=\"h\" mailbox=\"INBOX\" filter=\"bad/flag\" "
        "filterField=\"FLAGS\"/>"
        "<folderOpen id=\"8\" folder=\"i\" mailbox=\"INBOX\" filter=\"\" filterField=\"X-odd\"/>",
        validity);
    assert_has(reply, "folder=\"b\" id=\"1\" messages=\"2\"");
    assert_has(reply, "folder=\"c\" id=\"2\" messages=\"3\"");
    assert_has(reply, "folder=\"d\" id=\"3\" messages=\"2\"");
    assert_has(reply, "folder=\"e\" id=\"4\" messages=\"3\"");
    assert_has(reply, "folder=\"f\" id=\"5\" messages=\"3\"");
    assert_has(reply, "folder=\"i\" id=\"8\" messages=\"1\"");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"501\""), 2);
}
END_TEST

START_TEST(test_reopen)
{
    const char *reply;
    start();
    append("Subject: b\n\nx\n", 0);
    append("Subject: a\n\nx\n", 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"><field>Subject</field></folderOpen>");
    append("Subject: c\n\nx\n", 0);
    reply = run("<folderReopen id=\"1\" folder=\"F\" sortField=\"Subject\"/>"
                "<folderBrowse id=\"2\" folder=\"F\"><index from=\"0\" till=\"9\"/></folderBrowse>"
                "<folderReopen id=\"3\" folder=\"F\" sortField=\"Subject\" sortOrder=\"DESC\">"
                "<field>SIZE</field></folderReopen>"
                "<folderBrowse id=\"4\" folder=\"F\"><index>0</index></folderBrowse>");
    assert_has(reply, "id=\"1\" messages=\"3\" mode=\"init\"");
    assert_has(reply, "index=\"0\" UID=\"2\"><Subject>a</Subject>");
    assert_has(reply, "index=\"2\" UID=\"3\"><Subject>c</Subject>");
    assert_has(reply, "id=\"4\" index=\"0\" UID=\"3\"><SIZE>14</SIZE></folderReport>");
    ck_assert_int_eq(session->folders, 1);
}
END_TEST

static const ximss_error_t *try_fetch(const char *folder, apr_uint32_t uid, const char *part_id,
                                      ximss_part_data_t **part)
{
    const ximss_part_query_t query = {session,
                                      ximss_session_folder(rig->context.table, session, test_pool),
                                      folder, uid, part_id};
    return ximss_part_fetch(&rig->context, &query, part, test_pool);
}

static ximss_part_data_t *fetch(const char *folder, apr_uint32_t uid, const char *part_id)
{
    ximss_part_data_t *part;
    assert_ok(try_fetch(folder, uid, part_id, &part));
    return part;
}

static int fetch_error(const char *folder, apr_uint32_t uid, const char *part_id)
{
    ximss_part_data_t *part;
    const ximss_error_t *error = try_fetch(folder, uid, part_id, &part);
    ck_assert_ptr_nonnull(error);
    return (int)error->code;
}

/* What others do to the mailbox meanwhile. */
START_TEST(test_changes_behind_the_view)
{
    ximss_account_t *account;
    ximss_mailbox_t *inbox;
    apr_uint32_t uid = 2;
    apr_size_t removed;
    const char *reply;
    start();
    append("Subject: one\n\nx\n", 0);
    append("Subject: two\n\nx\n", 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"><field>Subject</field>"
        "<field>SIZE</field></folderOpen>"
        "<folderOpen id=\"2\" folder=\"Array\" mailbox=\"INBOX\" sortOrder=\"desc\" "
        "filter=\"\"><field>UID</field></folderOpen>"
        "<mailboxCreate id=\"3\" mailbox=\"Box\"/><folderOpen id=\"4\" folder=\"Box\"/>");
    append("Subject: three\n\nx\n", 0);
    account = op_rig_handle(rig, USER, rig->pool);
    assert_ok(ximss_account_begin_write(account, test_pool));
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, test_pool));
    assert_ok(ximss_message_expunge(account, inbox->id, &uid, 1, &removed, test_pool));
    assert_ok(ximss_account_commit(account, test_pool));
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><index from=\"0\" till=\"9\"/></folderBrowse>"
                "<folderRead id=\"2\" folder=\"F\" UID=\"2\"/>"
                "<folderRead id=\"3\" folder=\"F\" UID=\"3\"/>"
                "<folderRead id=\"4\" folder=\"F\" UID=\"1\"/>");
    assert_has(reply,
               "index=\"0\" UID=\"1\"><Subject>one</Subject><SIZE>16</SIZE></folderReport>"
               "<folderReport folder=\"F\" id=\"1\" index=\"1\" UID=\"2\"/><response id=\"1\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"514\""), 2);
    assert_has(reply, "<response id=\"4\"/>");
    ck_assert_int_eq(fetch_error("F", 2, NULL), XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fetch_error("INBOX", 2, NULL), XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fetch_error("F", 3, NULL), XIMSS_E_NO_MESSAGE);
    ck_assert_uint_eq(fetch("INBOX", 3, NULL)->length, 18);
    reply = run(
        "<folderBrowse id=\"1\" folder=\"Array\"><index from=\"0\" till=\"9\"/></folderBrowse>");
    assert_has(reply, "index=\"0\" UID=\"2\"/><folderReport folder=\"Array\" id=\"1\" index=\"1\" "
                      "UID=\"1\"><UID>1</UID></folderReport>");
    reply = run(
        "<mailboxRename id=\"1\" mailbox=\"Box\" newName=\"Moved\"/>"
        "<folderBrowse id=\"2\" folder=\"Box\"><index>0</index></folderBrowse>"
        "<mailboxRemove id=\"3\" mailbox=\"Moved\"/>"
        "<folderBrowse id=\"4\" folder=\"Box\"><index>0</index></folderBrowse>"
        "<folderReopen id=\"5\" folder=\"Box\"/><mailboxCreate id=\"6\" mailbox=\"Moved\"/>"
        "<folderRead id=\"7\" folder=\"Box\" UID=\"1\"/><folderClose id=\"8\" folder=\"Box\"/>");
    assert_has(reply, "<response id=\"1\"/><response id=\"2\"/><response id=\"3\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"510\""), 3);
    assert_has(reply, "<response id=\"6\"/>");
    assert_has(reply, "<response id=\"8\"/>");
}
END_TEST

/* An empty mailbox that is removed stays as the way to those below it. */
START_TEST(test_mailbox_became_pure)
{
    const char *reply;
    start();
    reply = run("<mailboxCreate id=\"1\" mailbox=\"A\"/><mailboxCreate id=\"2\" mailbox=\"A/B\"/>"
                "<folderOpen id=\"3\" folder=\"A\"/><mailboxRemove id=\"4\" mailbox=\"A\"/>"
                "<mailboxList id=\"5\" filter=\"A\"/>"
                "<folderBrowse id=\"6\" folder=\"A\"><index>0</index></folderBrowse>"
                "<folderReopen id=\"7\" folder=\"A\"/>");
    assert_has(reply, "<response id=\"4\"/><mailbox id=\"5\" mailbox=\"A\" pureFolder=\"yes\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"510\""), 2);
}
END_TEST

static void count_line(void *baton, const char *line)
{
    (void)line;
    ++*(int *)baton;
}

/* After a rebuild the positions of a view mean nothing any more. */
START_TEST(test_rebuilt_mailbox)
{
    ximss_account_t *account;
    ximss_check_t result;
    const char *reply;
    int lines = 0;
    start();
    append("Subject: one\n\nx\n", 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    account = op_rig_handle(rig, USER, rig->pool);
    assert_ok(
        ximss_account_check(account, 1, &rig->limits, count_line, &lines, &result, test_pool));
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><index>0</index></folderBrowse>"
                "<folderRead id=\"2\" folder=\"F\" UID=\"1\"/>"
                "<folderReopen id=\"3\" folder=\"F\"/>"
                "<folderBrowse id=\"4\" folder=\"F\"><index>0</index></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"512\" errorText=\"the mailbox was rebuilt"),
                     2);
    assert_has(reply, "<response id=\"3\"/>");
    assert_has(reply, "id=\"4\" index=\"0\" UID=\"1\"/>");
}
END_TEST

/* What the rows cut off is found all the same. */
START_TEST(test_filter_long_fields)
{
    apr_array_header_t *parts;
    const char *reply;
    int i;
    start();
    parts = apr_array_make(test_pool, 1000, sizeof(const char *));
    APR_ARRAY_PUSH(parts, const char *) = "Subject: ";
    for (i = 0; i < 500; i++) {
        APR_ARRAY_PUSH(parts, const char *) = "ten bytes.";
    }
    APR_ARRAY_PUSH(parts, const char *) = " the end\nTo: first@x.org";
    for (i = 0; i < 500; i++) {
        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(test_pool, ",\n A. Name %d <a%d@example.org>", i, i);
    }
    APR_ARRAY_PUSH(parts, const char *) = ",\n \"Mr. Last\" <last@y.org>\n\nx\n";
    append(apr_array_pstrcat(test_pool, parts, 0), 0);
    reply = run("<folderOpen id=\"1\" folder=\"1\" mailbox=\"INBOX\" filter=\"THE END\" "
                "filterField=\"Subject\"/>"
                "<folderOpen id=\"2\" folder=\"2\" mailbox=\"INBOX\" filter=\"last@y\" "
                "filterField=\"E-To\"/>"
                "<folderOpen id=\"3\" folder=\"3\" mailbox=\"INBOX\" filter=\"mr. last\" "
                "filterField=\"To\"/>"
                "<folderOpen id=\"4\" folder=\"4\" mailbox=\"INBOX\" filter=\"nobody\" "
                "filterField=\"To\"/>");
    ck_assert_int_eq(op_rig_count(reply, "messages=\"1\""), 3);
    ck_assert_int_eq(op_rig_count(reply, "messages=\"0\""), 1);
}
END_TEST

START_TEST(test_odd_names)
{
    static const char *const names[] = {"a/b/c",    "it's &quot;quoted&quot; &amp; &lt;more&gt;",
                                        "100%* _x", "\xf0\x9f\x93\xa7\xe2\x9c\x93",
                                        " blank ",  "..",
                                        "-",        NULL};
    char *longest = apr_palloc(test_pool, 501);
    int i;
    start();
    memset(longest, 'l', 500);
    longest[500] = '\0';
    for (i = 0; i < 8; i++) {
        const char *name = names[i] != NULL ? names[i] : longest;
        const char *reply = op_rig_runf(
            rig, session,
            "<folderOpen id=\"1\" folder=\"%s\" "
            "mailboxClass=\"\"><field>Subject</field></folderOpen>"
            "<folderBrowse id=\"2\" folder=\"%s\"><index from=\"0\" till=\"3\"/></folderBrowse>"
            "<folderReopen id=\"3\" folder=\"%s\"/><mailboxList id=\"4\"/>"
            "<folderClose id=\"5\" folder=\"%s\"/>",
            name, name, name, name);
        ck_assert_msg(!op_rig_has(reply, "errorNum"), "%s", reply);
        assert_has(reply, apr_psprintf(test_pool, "<folderReport folder=\"%s\" id=\"1\"",
                                       apr_pstrcat(test_pool, name, NULL)));
        assert_has(reply, apr_psprintf(test_pool, " mailbox=\"%s\"", name));
    }
    ck_assert_int_eq(session->folders, 0);
    assert_has(op_rig_runf(rig, session,
                           "<folderOpen id=\"1\" folder=\"%s%s%s\" mailbox=\"INBOX\"/>", longest,
                           longest, longest),
               "errorNum=\"501\"");
}
END_TEST

/* ---- messages ---- */

START_TEST(test_read)
{
    const char *reply;
    start();
    append(plain, 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    reply = run("<folderRead id=\"1\" folder=\"F\" uid=\"1\" totalSizeLimit=\"-1\"/>");
    assert_has(reply, "<XIMSS><folderMessage folder=\"F\" id=\"1\" UID=\"1\"><EMail>");
    assert_has(reply, "<From realName=\"John H. Smith\">john@example.com</From>"
                      "<From>jane@example.com</From>");
    assert_has(reply, "timeShift=\"18000\"");
    assert_has(reply, ">Hello\n</MIME></EMail></folderMessage><response id=\"1\"/></XIMSS>");
    /* Reading changes no flag. */
    assert_has(run("<mailboxList id=\"1\"/>"), "UNSEEN=\"1\"");
    reply = run("<folderRead id=\"1\" folder=\"F\" UID=\"1\" mode=\"replyNone\"/>"
                "<folderRead id=\"2\" folder=\"F\" UID=\"x\"/>"
                "<folderRead id=\"3\" folder=\"F\" UID=\"9\"/>"
                "<folderRead id=\"4\" folder=\"F\" UID=\"1\" partID=\"07\"/>"
                "<folderRead id=\"5\" folder=\"F\" UID=\"1\" totalSizeLimit=\"x\"/>"
                "<folderRead id=\"6\" folder=\"F\" UID=\"4294967297\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"501\""), 4);
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"514\""), 2);
    assert_not(reply, "folderMessage");
}
END_TEST

static const char nested[] =
    "Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n"
    "--b\r\nContent-Type: application/octet-stream; name=\"a.bin\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--b--\r\n";

START_TEST(test_read_parts)
{
    const char *reply;
    start();
    append(nested, 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    reply = run("<folderRead id=\"1\" folder=\"F\" UID=\"1\" partID=\"01\"/>"
                "<folderRead id=\"2\" folder=\"F\" UID=\"1\" partID=\"03\"/>"
                "<folderRead id=\"3\" folder=\"F\" UID=\"1\" partID=\"03-01\"/>"
                "<folderRead id=\"4\" folder=\"F\" UID=\"1\" totalSizeLimit=\"0\"/>");
    assert_has(reply, "<folderMessage folder=\"F\" id=\"1\" partID=\"01\" UID=\"1\"><MIME ");
    assert_has(reply, ">first</MIME></folderMessage>");
    assert_has(reply, "id=\"2\" partID=\"03\" UID=\"1\"><EMail partID=\"03\">");
    assert_has(reply, "<Subject>inner</Subject>");
    assert_has(reply, ">inside</MIME></folderMessage><response id=\"3\"/>");
    ck_assert_int_eq(op_rig_count(reply, ">first<"), 1);
}
END_TEST

START_TEST(test_part_fetch)
{
    ximss_part_data_t *part;
    const char *etag;
    start();
    append(nested, 0);
    append(plain, 0);
    part = fetch("INBOX", 1, NULL);
    ck_assert_str_eq(part->media_type, "message/rfc822");
    ck_assert_uint_eq(part->length, sizeof(nested) - 1);
    ck_assert_mem_eq(part->data, nested, part->length);
    etag = part->etag;
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\" filter=\"outer\" "
        "filterField=\"Subject\"/>");
    part = fetch("F", 1, "02");
    ck_assert_str_eq(part->media_type, "application/octet-stream");
    ck_assert_str_eq(part->file_name, "a.bin");
    ck_assert_uint_eq(part->length, 4);
    ck_assert_mem_eq(part->data, "\0\1\2\3", 4);
    ck_assert_str_ne(part->etag, etag);
    ck_assert_str_eq(fetch("INBOX", 1, "2")->etag, part->etag);
    part = fetch("F", 1, "01");
    ck_assert_str_eq(part->charset, "utf-8");
    ck_assert_mem_eq(part->data, "first", 5);
    part = fetch("F", 1, "03");
    ck_assert_uint_eq(part->length, 24);
    ck_assert_mem_eq(part->data, "Subject: inner\r\n\r\ninside", 24);
    part = fetch("INBOX", 2, "01");
    ck_assert_str_eq(part->media_type, "text/plain");
    ck_assert_int_eq(fetch_error("F", 2, NULL), XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fetch_error("INBOX", 3, NULL), XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fetch_error("INBOX", 1, "09"), XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fetch_error("none", 1, NULL), XIMSS_E_NO_MAILBOX);
    ck_assert_int_eq(fetch_error("~other@example.org/INBOX", 1, NULL), XIMSS_E_DENIED);
}
END_TEST

/* Mail that breaks rules is listed and read like any other. */
START_TEST(test_odd_mail)
{
    static const char *const odd[] = {
        "",
        "\n",
        "\r\n\r\n",
        "no header at all",
        "\n\nbody only\n",
        "Subject:\n\n",
        ":\n:\n\nx",
        "Date: Thu, 01 Jan 1903 00:00:00 +0000\nSubject: early\n\nx\n",
        "Date: Fri, 01 Jan 2106 00:00:00 +0000\nSubject: late\n\nx\n",
        "Date: not a date\nFrom: @@@<<>>\nTo: ,,,;\nSubject: \xff\xfe\x01\x08 "
        "\xed\xa0\x80\n\n\x01\xff\n",
        "From: =?x?q?=?= <>\nSubject: =?utf-8?b?////?=\nContent-Type: \xff/\x01; a=\"\n\n",
        "Content-Type: multipart/mixed; boundary=\"\"\n\n----\n--\n",
    };
    const char *reply;
    size_t i;
    start();
    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        append(odd[i], i % 2 ? -9999999999 : 99999999999);
    }
    reply =
        run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\" sortField=\"Date\">"
            "<field>FLAGS</field><field>From</field><field>E-To</field><field>Subject</field>"
            "<field>Date</field><field>INTERNALDATE</field><field>Content-Type</field>"
            "<field>X-Unknown</field><field>Pty</field></folderOpen>"
            "<folderBrowse id=\"2\" folder=\"F\"><index from=\"0\" till=\"99\"/></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "</folderReport>"), 12);
    assert_not(reply, "errorNum");
    assert_has(reply, "<Date localTime=\"19030101T0");
    assert_has(reply, ">19030101T000000Z</Date>");
    assert_has(reply, ">21060101T000000Z</Date>");
    assert_has(reply, ">16530210T061321Z</INTERNALDATE>");
    assert_has(reply, ">51381116T094639Z</INTERNALDATE>");
    for (i = 1; i <= 12; i++) {
        reply = op_rig_runf(rig, session, "<folderRead id=\"1\" folder=\"F\" UID=\"%d\"/>", (int)i);
        assert_has(reply, "<EMail");
        assert_has(reply, "<response id=\"1\"/>");
    }
}
END_TEST

START_TEST(test_recent)
{
    const char *reply;
    start();
    append("Subject: x\n\nx\n", 0);
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"><field>FLAGS</field></folderOpen>");
    session->previous_login = (apr_int64_t)1 << 40; /* nothing has come since */
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><index>0</index></folderBrowse>");
    assert_has(reply, "<FLAGS/>");
}
END_TEST

/* Nothing that one user can name reaches the other. */
START_TEST(test_two_users)
{
    ximss_session_t *other;
    const char *reply;
    start();
    op_rig_account(rig, "other@example.org");
    other = op_rig_session(rig, "other@example.org");
    op_rig_append(rig, "other@example.org", "INBOX", "Subject: secret\n\nx\n", 0);
    op_rig_run(rig, other,
               "<mailboxCreate id=\"1\" mailbox=\"Private\"/>"
               "<folderOpen id=\"2\" folder=\"mine\" mailbox=\"INBOX\"/>");
    reply = run("<mailboxList id=\"1\"/><folderOpen id=\"2\" folder=\"mine\" mailbox=\"Private\"/>"
                "<folderBrowse id=\"3\" folder=\"mine\"><index>0</index></folderBrowse>"
                "<folderRead id=\"4\" folder=\"mine\" UID=\"1\"/>"
                "<folderOpen id=\"5\" folder=\"x\" mailbox=\"INBOX\"/>"
                "<folderRead id=\"6\" folder=\"x\" UID=\"1\"/>"
                "<folderOpen id=\"7\" folder=\"y\" mailbox=\"~other@example.org/Private\"/>"
                "<folderOpen id=\"8\" folder=\"z\" mailbox=\"../other/INBOX\"/>"
                "<folderOpen id=\"9\" folder=\"../mine\" mailbox=\"INBOX\"/>");
    assert_not(reply, "Private");
    assert_not(reply, "secret");
    assert_has(reply, "errorNum=\"510\"");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"512\""), 2);
    assert_has(reply, "errorNum=\"514\"");
    assert_has(reply, "errorNum=\"516\"");
    ck_assert_int_eq(fetch_error("mine", 1, NULL), XIMSS_E_NO_MAILBOX);
    ck_assert_int_eq(fetch_error("INBOX", 1, NULL), XIMSS_E_NO_MESSAGE);
    assert_has(op_rig_run(rig, other, "<folderRead id=\"1\" folder=\"mine\" UID=\"1\"/>"), "EMail");
}
END_TEST

/* Overwrites every file in DIR with one byte. */
static void damage_files(const char *dir)
{
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    int damaged = 0;
    while ((entry = readdir(open_dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            FILE *file = fopen(apr_pstrcat(test_pool, dir, "/", entry->d_name, NULL), "w");
            fputc('x', file);
            damaged += fclose(file) == 0;
        }
    }
    closedir(open_dir);
    ck_assert_int_gt(damaged, 0);
}

/* A damaged folder file is an error of that request and can be closed. */
START_TEST(test_damaged_folder)
{
    const char *reply;
    start();
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    damage_files(ximss_session_folder(rig->context.table, session, test_pool));
    reply = run("<folderBrowse id=\"1\" folder=\"F\"><index>0</index></folderBrowse>"
                "<folderClose id=\"2\" folder=\"F\"/>"
                "<folderOpen id=\"3\" folder=\"F\" mailbox=\"INBOX\"/>");
    assert_has(reply, "errorNum=\"590\" errorText=\"internal error\"");
    assert_has(reply, "<response id=\"2\"/>");
    assert_has(reply, "<response id=\"3\"/>");
    ck_assert_int_eq(session->folders, 1);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "mail");
    tcase_add_test(tcase, test_mailbox_list);
    tcase_add_test(tcase, test_mailbox_list_by_class);
    tcase_add_test(tcase, test_mailbox_changes);
    tcase_add_test(tcase, test_own_and_foreign_names);
    tcase_add_test(tcase, test_open_and_browse);
    tcase_add_test(tcase, test_browse_sets);
    tcase_add_test(tcase, test_browse_large);
    tcase_add_test(tcase, test_folder_life);
    tcase_add_test(tcase, test_open_creates);
    tcase_add_test(tcase, test_filters_and_uid_min);
    tcase_add_test(tcase, test_reopen);
    tcase_add_test(tcase, test_changes_behind_the_view);
    tcase_add_test(tcase, test_mailbox_became_pure);
    tcase_add_test(tcase, test_rebuilt_mailbox);
    tcase_add_test(tcase, test_filter_long_fields);
    tcase_add_test(tcase, test_odd_names);
    tcase_add_test(tcase, test_read);
    tcase_add_test(tcase, test_read_parts);
    tcase_add_test(tcase, test_part_fetch);
    tcase_add_test(tcase, test_odd_mail);
    tcase_add_test(tcase, test_recent);
    tcase_add_test(tcase, test_two_users);
    tcase_add_test(tcase, test_damaged_folder);
}
