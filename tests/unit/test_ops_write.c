/* messageAppend through the dispatcher: where the mail goes, what it replaces, and what a failure leaves. */
#include "session/upload.h"
#include "store/files.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <string.h>

#define USER "user@example.org"
#define MAIL "<EMail><Subject>s</Subject><MIME>text</MIME></EMail>"

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

static const char *append(const char *attributes, const char *mail)
{
    return op_rig_runf(rig, session, "<messageAppend id=\"1\" %s>%s</messageAppend>", attributes,
                       mail);
}

/* Opens MAILBOX as the folder F, and closes it again. */
static const char *look(const char *mailbox)
{
    return op_rig_runf(
        rig, session,
        "<folderOpen id=\"o\" folder=\"F\" mailbox=\"%s\"><field>FLAGS</field>"
        "<field>Subject</field><field>INTERNALDATE</field></folderOpen>"
        "<folderBrowse id=\"b\" folder=\"F\"><index from=\"0\" till=\"9\"/></folderBrowse>"
        "<folderRead id=\"r\" folder=\"F\" UID=\"1\"/>"
        "<folderClose id=\"c\" folder=\"F\"/>",
        mailbox);
}

START_TEST(to_a_mailbox)
{
    const char *reply;
    start();
    assert_has(append("targetMailbox=\"Sent\"", MAIL), "errorNum=\"510\"");
    assert_has(append("targetMailbox=\"Sent\" mailboxClass=\"\" flags=\"Seen,Answered\" "
                      "internalDate=\"20200102T030405Z\"",
                      MAIL),
               "<XIMSS><response id=\"1\"/></XIMSS>");
    reply = look("Sent");
    assert_has(reply, "<FLAGS>Recent,Seen,Answered</FLAGS>");
    assert_has(reply, ">20200102T030405Z</INTERNALDATE>");
    assert_has(reply, "type=\"text\">text</MIME>");
    append("targetMailbox=\"New\" mailboxClass=\"IPF.StickyNote\"", MAIL);
    assert_has(run("<mailboxList id=\"1\" filter=\"New\"/>"), "CLASS=\"IPF.StickyNote\"");
    reply = append("targetMailbox=\"~user/INBOX\"", MAIL);
    assert_not(reply, "errorNum");
    assert_has(append("targetMailbox=\"~other/INBOX\"", MAIL), "errorNum=\"516\"");
}
END_TEST

START_TEST(to_a_folder)
{
    const char *reply;
    start();
    assert_has(append("folder=\"INBOX\"", MAIL), "errorNum=\"512\"");
    run("<folderOpen id=\"1\" folder=\"In\" mailbox=\"INBOX\"/>");
    assert_has(append("folder=\"In\" targetMailbox=\"Nowhere\" report=\"uid\"", MAIL),
               "<messageAdded folder=\"In\" id=\"1\" UID=\"1\"/><response id=\"1\"/>");
    assert_has(append("folder=\"In\"", MAIL), "<XIMSS><response id=\"1\"/></XIMSS>");
    /* replaced in the same commit; the old one need not be there */
    reply = append("folder=\"In\" replacesUID=\"1\" report=\"uid\"", MAIL);
    assert_has(reply, "UID=\"3\"");
    reply = append("folder=\"In\" replacesUID=\"1\" report=\"uid\"", MAIL);
    assert_has(reply, "UID=\"4\"");
    assert_has(append("folder=\"In\" replacesUID=\"1\" checkOld=\"yes\" report=\"uid\"", MAIL),
               "<XIMSS><response errorNum=\"514\"");
    assert_has(append("folder=\"In\" replacesUID=\"2\" checkOld=\"yes\" report=\"uid\"", MAIL),
               "UID=\"5\"");
    reply = run("<folderReopen id=\"1\" folder=\"In\"/><folderBrowse id=\"2\" folder=\"In\">"
                "<index from=\"0\" till=\"9\"/></folderBrowse>");
    assert_not(reply, "UID=\"1\"");
    assert_not(reply, "UID=\"2\"");
    assert_has(reply, "UID=\"3\"");
    assert_has(reply, "UID=\"4\"");
    assert_has(reply, "UID=\"5\"");
}
END_TEST

START_TEST(wrong_attributes)
{
    static const char *const bad[] = {
        "",
        "folder=\"In\" replacesUID=\"x\"",
        "folder=\"In\" replacesUID=\"1\" checkOld=\"no\"",
        "folder=\"In\" checkOld=\"yes\"",
        "folder=\"In\" report=\"all\"",
        "targetMailbox=\"INBOX\" replacesUID=\"1\"",
        "targetMailbox=\"INBOX\" report=\"uid\"",
        "targetMailbox=\"INBOX\" flags=\"a(b\"",
        "targetMailbox=\"INBOX\" internalDate=\"yesterday\"",
        "targetMailbox=\"a//b\" mailboxClass=\"\"",
    };
    start();
    run("<folderOpen id=\"1\" folder=\"In\" mailbox=\"INBOX\"/>");
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *reply = append(bad[i], MAIL);
        ck_assert_msg(op_rig_has(reply, "errorNum=\"501\""), "%s: %s", bad[i], reply);
    }
    assert_has(append("targetMailbox=\"INBOX\"", ""), "errorNum=\"521\"");
    assert_has(append("targetMailbox=\"INBOX\"", "<EMail sign=\"yes\"/>"), "errorNum=\"523\"");
    assert_has(append("targetMailbox=\"INBOX\"", "<EMail><MIME uploadID=\"a\"/></EMail>"),
               "errorNum=\"519\"");
    assert_has(append("targetMailbox=\"INBOX\"", "<EMail><MIME fileName=\"a\"/></EMail>"),
               "errorNum=\"519\"");
    assert_has(
        append("targetMailbox=\"INBOX\"", "<EMail><copyMIME folder=\"INBOX\" UID=\"7\"/></EMail>"),
        "errorNum=\"514\"");
    assert_has(
        append("targetMailbox=\"INBOX\"", "<EMail><copyMIME folder=\"None\" UID=\"7\"/></EMail>"),
        "errorNum=\"510\"");
    assert_has(run("<folderReopen id=\"1\" folder=\"In\"/>"), "messages=\"0\"");
}
END_TEST

START_TEST(drafts_keep_bcc)
{
    start();
    append("targetMailbox=\"INBOX\" flags=\"Draft\"",
           "<EMail><Bcc>hidden@example.org</Bcc></EMail>");
    assert_has(look("INBOX"), "<Bcc>hidden@example.org</Bcc>");
    append("targetMailbox=\"A\" mailboxClass=\"\" flags=\"Seen\"",
           "<EMail><Bcc>hidden@example.org</Bcc></EMail>");
    assert_not(look("A"), "hidden@");
}
END_TEST

static void put_upload(const char *id, const char *data)
{
    ximss_upload_t what = {.id = id,
                           .type = "text",
                           .subtype = "csv",
                           .charset = "iso-8859-1",
                           .file_name = "n.csv",
                           .size = (apr_int64_t)strlen(data)};
    ximss_uploading_t *uploading;
    assert_ok(ximss_upload_begin(&uploading, rig->context.table, session, &what, &rig->limits,
                                 test_pool));
    assert_ok(ximss_upload_write(uploading, data, strlen(data)));
    assert_ok(ximss_upload_finish(uploading));
}

static void put_file(const char *name, const char *data)
{
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);
    ximss_file_write_t write = {
        .name = name, .size = (apr_int64_t)strlen(data), .now = OP_RIG_NOW, .limits = &rig->limits};
    assert_ok(ximss_account_begin_write(account, test_pool));
    assert_ok(ximss_file_write(account, &write, data, test_pool));
    assert_ok(ximss_account_commit(account, test_pool));
}

START_TEST(sources)
{
    const char *reply;
    start();
    put_upload("att", "a;\xe9\n");
    put_file("private/f.txt", "stored");
    op_rig_append(rig, USER, "INBOX", "Subject: inner\r\n\r\nbody\r\n", 0);
    reply = append("targetMailbox=\"Out\" mailboxClass=\"\"",
                   "<EMail><MIME type=\"multipart\" subtype=\"mixed\"><MIME uploadID=\"att\"/>"
                   "<MIME type=\"text\" subtype=\"plain\" fileName=\"private/f.txt\" "
                   "disposition-filename=\"g.txt\"/>"
                   "<copyMIME folder=\"INBOX\" UID=\"1\"/>"
                   "<copyMIME folder=\"INBOX\" UID=\"1\" partID=\"01\"/></MIME></EMail>");
    assert_not(reply, "errorNum");
    reply = look("Out");
    assert_has(reply, "subtype=\"csv\" type=\"text\" Type-name=\"n.csv\">a;\xc3\xa9\n</MIME>");
    assert_has(reply, "Disposition-filename=\"g.txt\"");
    assert_has(reply, ">stored</MIME>");
    assert_has(reply, "<Subject>inner</Subject>");
    ck_assert_int_eq(op_rig_count(reply, ">body\n</MIME>"), 2);
    assert_has(append("targetMailbox=\"Out\"",
                      "<EMail><MIME type=\"text\" fileName=\"private\"/></EMail>"),
               "errorNum=\"519\"");
}
END_TEST

/* A batch copies from what it appended itself. */
START_TEST(within_a_batch)
{
    const char *reply;
    start();
    reply =
        run("<messageAppend id=\"1\" targetMailbox=\"A\" mailboxClass=\"\">" MAIL "</messageAppend>"
            "<messageAppend id=\"2\" targetMailbox=\"A\"><EMail>"
            "<copyMIME folder=\"A\" UID=\"1\"/></EMail></messageAppend>"
            "<messageAppend id=\"3\" targetMailbox=\"A\"><EMail><Date>x</Date></EMail>"
            "</messageAppend>"
            "<messageAppend id=\"4\" targetMailbox=\"A\">" MAIL "</messageAppend>");
    assert_has(reply, "<response id=\"1\"/><response id=\"2\"/><response errorNum=\"521\"");
    assert_has(reply, "<response id=\"4\"/>");
    assert_has(look("A"), "messages=\"3\"");
}
END_TEST

/* The part tree of a message that parts are copied from is read once, and what all of them take is limited. */
START_TEST(copies_of_a_message_with_a_large_header)
{
    const char *raw = apr_psprintf(test_pool, "Subject: %01500d\r\n\r\ntext\r\n", 0);
    start();
    rig->limits.message_bytes = 4000;
    op_rig_append(rig, USER, "INBOX", raw, 0);
    op_rig_append(rig, USER, "INBOX", apr_pstrcat(test_pool, "X: y\r\n", raw, NULL), 0);
    op_rig_append(rig, USER, "INBOX", apr_pstrcat(test_pool, "X: z\r\n", raw, NULL), 0);
#define PART(uid) "<copyMIME folder=\"INBOX\" UID=\"" uid "\" partID=\"01\"/>"
    assert_not(append("targetMailbox=\"INBOX\"",
                      "<EMail><MIME type=\"multipart\" subtype=\"mixed\">" PART("1") PART("2")
                          PART("1") PART("2") PART("1") PART("2") PART("1") "</MIME></EMail>"),
               "errorNum");
    assert_has(append("targetMailbox=\"INBOX\"",
                      "<EMail><MIME type=\"multipart\" subtype=\"mixed\">" PART("1") PART("2")
                          PART("3") "</MIME></EMail>"),
               "errorNum=\"502\"");
}
END_TEST

/* What is wrong with a mail is said without the lock. */
START_TEST(composed_before_the_lock)
{
    ximss_account_t *other;
    const char *reply;
    start();
    other = op_rig_handle(rig, USER, rig->pool);
    assert_ok(ximss_account_begin_write(other, test_pool));
    reply = append("targetMailbox=\"INBOX\"", "<EMail><Date>x</Date></EMail>");
    assert_has(reply, "errorNum=\"521\"");
    reply = append("targetMailbox=\"INBOX\"", MAIL);
    assert_has(reply, "errorNum=\"503\"");
    ximss_account_rollback(other);
    assert_not(append("targetMailbox=\"INBOX\"", MAIL), "errorNum");
}
END_TEST

START_TEST(over_quota)
{
    ximss_account_entry_t *entry;
    start();
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, test_pool));
    entry->quota = 1000;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    run("<folderOpen id=\"1\" folder=\"In\" mailbox=\"INBOX\"/>");
    assert_has(append("folder=\"In\" report=\"uid\"",
                      apr_pstrcat(test_pool, "<EMail><MIME>", apr_psprintf(test_pool, "%0400d", 0),
                                  "</MIME></EMail>", NULL)),
               "UID=\"1\"");
    /* nothing is removed when the new one has no place */
    assert_has(append("folder=\"In\" replacesUID=\"1\"",
                      apr_pstrcat(test_pool, "<EMail><MIME>", apr_psprintf(test_pool, "%02000d", 0),
                                  "</MIME></EMail>", NULL)),
               "errorNum=\"517\"");
    assert_has(run("<folderReopen id=\"1\" folder=\"In\"/>"), "messages=\"1\"");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "write");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, to_a_mailbox);
    tcase_add_test(tcase, to_a_folder);
    tcase_add_test(tcase, wrong_attributes);
    tcase_add_test(tcase, drafts_keep_bcc);
    tcase_add_test(tcase, sources);
    tcase_add_test(tcase, within_a_batch);
    tcase_add_test(tcase, copies_of_a_message_with_a_large_header);
    tcase_add_test(tcase, composed_before_the_lock);
    tcase_add_test(tcase, over_quota);
}
