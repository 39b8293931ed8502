/* Operations on stored files, as clients send them. */
#include "session/upload.h"
#include "store/files.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <string.h>

static op_rig_t *rig;
static ximss_session_t *session;

static void begin(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, "user@example.org");
}

static const char *run(const char *xml)
{
    return op_rig_run(rig, session, xml);
}

#define assert_reply(xml, inside) ck_assert_str_eq(run(xml), "<XIMSS>" inside "</XIMSS>")
#define assert_done(xml)          assert_reply(xml, "<response id=\"1\"/>")
#define assert_error(xml, number)                                                                  \
    assert_has(run(xml), "<XIMSS><response errorNum=\"" number "\" errorText=\"")

#define NOW "20231114T221320"

static void make_files(void)
{
    assert_done("<fileDirCreate id=\"1\" fileName=\"docs/\"/>");
    assert_done("<fileWrite id=\"1\" fileName=\"/docs/a.txt\">h\xc3\xa9llo\n</fileWrite>");
    assert_done("<fileWrite id=\"1\" fileName=\"b\"/>");
}

START_TEST(test_list)
{
    begin();
    make_files();
    assert_has(run("<fileList id=\"1\"/>"),
               "<fileInfo fileName=\"b\" id=\"1\" size=\"0\" timeModified=\"" NOW "\"/>"
               "<fileInfo fileName=\"docs\" id=\"1\" timeModified=\"" NOW "\" type=\"directory\"/>"
               "<fileInfo fileName=\"private\" id=\"1\" timeModified=\"");
    assert_reply("<fileList id=\"1\" directory=\"/docs/\"/>",
                 "<fileInfo directory=\"/docs/\" fileName=\"a.txt\" id=\"1\" size=\"7\" "
                 "timeModified=\"" NOW "\"/><response id=\"1\"/>");
    assert_reply(
        "<fileList id=\"1\" directory=\"~user@example.org/docs\" position=\"0\" limit=\"0\"/>",
        "<fileInfo directory=\"~user@example.org/docs\" fileName=\"a.txt\" id=\"1\" "
        "size=\"7\" timeModified=\"" NOW "\"/><response id=\"1\"/>");
    assert_reply("<fileList id=\"1\" directory=\"\" position=\"1\" limit=\"1\"/>",
                 "<fileInfo fileName=\"docs\" id=\"1\" timeModified=\"" NOW
                 "\" type=\"directory\"/><response id=\"1\"/>");
    assert_reply("<fileList id=\"1\" fileName=\"/docs/a.txt\"/>",
                 "<fileInfo fileName=\"/docs/a.txt\" id=\"1\" size=\"7\" timeModified=\"" NOW
                 "\"/><response id=\"1\"/>");
    assert_reply("<fileList id=\"1\" fileName=\"docs/\"/>",
                 "<fileInfo fileName=\"docs/\" id=\"1\" timeModified=\"" NOW
                 "\" type=\"directory\"/><response id=\"1\"/>");
    assert_error("<fileList id=\"1\" directory=\"no\"/>", "519");
    assert_error("<fileList id=\"1\" directory=\"b\"/>", "519");
    assert_error("<fileList id=\"1\" fileName=\"no\"/>", "519");
    assert_error("<fileList id=\"1\" position=\"-1\"/>", "501");
}
END_TEST

START_TEST(test_dir_info)
{
    ximss_account_entry_t entry = {NULL, "user@example.org", NULL, "*", 1000, 1, 0};
    begin();
    make_files();
    assert_reply("<fileDirInfo id=\"1\"/>",
                 "<fileDirInfo files=\"2\" filesLimit=\"10000\" id=\"1\" size=\"7\"/>"
                 "<response id=\"1\"/>");
    assert_reply("<fileDirInfo id=\"1\" directory=\"docs/\"/>",
                 "<fileDirInfo directory=\"docs/\" files=\"1\" id=\"1\" size=\"7\"/>"
                 "<response id=\"1\"/>");
    assert_ok(ximss_account_update(rig->context.store, &entry, test_pool));
    op_rig_append(rig, "user@example.org", "INBOX", "Subject: x\r\n\r\n", OP_RIG_NOW);
    assert_reply("<fileDirInfo id=\"1\" directory=\"/\"/>",
                 "<fileDirInfo files=\"2\" filesLimit=\"10000\" id=\"1\" size=\"7\" "
                 "sizeLimit=\"986\"/><response id=\"1\"/>");
    assert_error("<fileDirInfo id=\"1\" directory=\"no\"/>", "519");
    assert_has(run("<readStatus id=\"1\"/>"), "<messageStore limit=\"1000\" used=\"21\"/>");
    assert_error(
        apr_psprintf(test_pool, "<fileWrite id=\"1\" fileName=\"c\">%0980d</fileWrite>", 1), "517");
    assert_error("<fileRead id=\"1\" fileName=\"c\"/>", "519");
}
END_TEST

/* The reply to a fileRead of "f": TYPE is an attribute or "". */
#define DATA(position, size, slice, type, body)                                                    \
    "<fileData fileName=\"f\" id=\"1\" position=\"" position "\" size=\"" size "\" slice=\"" slice \
    "\" timeModified=\"" NOW "\"" type body "<response id=\"1\"/>"

START_TEST(test_read_text)
{
    begin();
    assert_done("<fileWrite id=\"1\" fileName=\"f\" type=\"text\">a&lt;\xc3\xa9\xe2\x82\xac&#13;"
                "\xf0\x9f\x90\x87z</fileWrite>");
    assert_reply(
        "<fileRead id=\"1\" fileName=\"f\"/>",
        DATA("0", "13", "13", "", ">a&lt;\xc3\xa9\xe2\x82\xac&#13;\xf0\x9f\x90\x87z</fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" type=\"log\" position=\"2\" limit=\"2\"/>",
                 DATA("2", "13", "2", " type=\"log\"", ">\xc3\xa9</fileData>"));
    /* a slice ends before a character that would be cut */
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"1\" limit=\"2\"/>",
                 DATA("1", "13", "1", "", ">&lt;</fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"2\" limit=\"4\"/>",
                 DATA("2", "13", "2", "", ">\xc3\xa9</fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"7\" limit=\"4\"/>",
                 DATA("7", "13", "1", "", ">&#13;</fileData>"));
    /* one that begins inside of a character, or holds less than one, is bytes */
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"3\" limit=\"1\"/>",
                 DATA("3", "13", "1", "", "><base64>qQ==</base64></fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"8\" limit=\"3\"/>",
                 DATA("8", "13", "3", "", "><base64>8J+Q</base64></fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"12\" limit=\"100\"/>",
                 DATA("12", "13", "1", "", ">z</fileData>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" position=\"99\" limit=\"1\"/>",
                 DATA("13", "13", "0", "", "/>"));
    assert_reply("<fileRead id=\"1\" fileName=\"f\" type=\"binary\" limit=\"1\"/>",
                 DATA("0", "13", "1", " type=\"binary\"", "><base64>YQ==</base64></fileData>"));
    assert_error("<fileRead id=\"1\" fileName=\"f\" limit=\"x\"/>", "501");
    assert_error("<fileRead id=\"1\" fileName=\"f\" position=\"99999999999999999999\"/>", "501");
    assert_error("<fileRead id=\"1\" fileName=\"private\"/>", "519");
    assert_error("<fileRead id=\"1\" fileName=\"no\"/>", "519");
    assert_error("<fileRead id=\"1\" fileName=\"no\"/>", "519");
}
END_TEST

START_TEST(test_bytes)
{
    begin();
    assert_done("<fileWrite id=\"1\" fileName=\"f\">old</fileWrite>");
    assert_done("<fileWrite id=\"1\" fileName=\"f\"><base64>\nAP8\n=</base64></fileWrite>");
    assert_reply("<fileRead id=\"1\" fileName=\"f\"/>",
                 DATA("0", "2", "2", "", "><base64>AP8=</base64></fileData>"));
    assert_error("<fileWrite id=\"1\" fileName=\"f\"><base64>A!P8=</base64></fileWrite>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"f\"><base64>AP8==</base64></fileWrite>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"f\"><base64>A</base64></fileWrite>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"f\"><base64>AP=8</base64></fileWrite>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"f\"><other/></fileWrite>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"f\" position=\"1\">x</fileWrite>", "500");
    assert_reply("<fileRead id=\"1\" fileName=\"f\"/>",
                 DATA("0", "2", "2", "", "><base64>AP8=</base64></fileData>"));
    assert_done("<fileWrite id=\"1\" fileName=\"f\"><base64/></fileWrite>");
    assert_reply("<fileRead id=\"1\" fileName=\"f\"/>", DATA("0", "0", "0", "", "/>"));
}
END_TEST

START_TEST(test_vcard)
{
    begin();
    assert_done("<fileWrite id=\"1\" fileName=\"f\" type=\"vcard\"><vCard><FN><VALUE>A</VALUE></FN>"
                "<EMAIL><VALUE>a@d</VALUE><HOME/></EMAIL></vCard></fileWrite>");
    assert_reply("<fileRead id=\"1\" fileName=\"f\" type=\"vcard\"/>",
                 DATA("0", "59", "59", " type=\"vcard\"",
                      "><vCard><FN><VALUE>A</VALUE></FN><EMAIL><HOME/><USERID>a@d</USERID>"
                      "<VALUE>a@d</VALUE></EMAIL></vCard></fileData>"));
    assert_reply(
        "<fileRead id=\"1\" fileName=\"f\"/>",
        DATA("0", "59", "59", "",
             ">BEGIN:VCARD\nVERSION:3.0\nFN:A\nEMAIL;TYPE=HOME:a@d\nEND:VCARD\n</fileData>"));
    assert_done("<fileWrite id=\"1\" fileName=\"f\" type=\"vcard\">no card</fileWrite>");
    assert_reply("<fileRead id=\"1\" fileName=\"f\" type=\"vcard\"/>",
                 DATA("0", "7", "7", " type=\"vcard\"", ">no card</fileData>"));
}
END_TEST

/* More than one step of encoding, and a file that no reply can hold. */
START_TEST(test_large)
{
    char *text = apr_palloc(test_pool, 150001);
    const char *reply;
    memset(text, 'x', 150000);
    text[150000] = '\0';
    begin();
    assert_done(
        apr_pstrcat(test_pool, "<fileWrite id=\"1\" fileName=\"f\">", text, "</fileWrite>", NULL));
    assert_has(run("<fileRead id=\"1\" fileName=\"f\"/>"), text);
    reply = run("<fileRead id=\"1\" fileName=\"f\" type=\"binary\"/>");
    ck_assert_int_eq(op_rig_count(reply, "eHh4"), 50000);
    rig->limits.reply_bytes = 200000;
    assert_error("<fileRead id=\"1\" fileName=\"f\"/>", "502");
    assert_has(run("<fileRead id=\"1\" fileName=\"f\" limit=\"100000\"/>"), "slice=\"100000\"");
    rig->limits.file_bytes = 1024;
    assert_error(
        apr_pstrcat(test_pool, "<fileWrite id=\"1\" fileName=\"g\">", text, "</fileWrite>", NULL),
        "502");
}
END_TEST

START_TEST(test_store)
{
    ximss_upload_t what = {.id = "u1", .type = "text", .subtype = "plain", .size = 100000};
    ximss_uploading_t *uploading;
    char *bytes = apr_palloc(test_pool, 100000);
    int i;
    begin();
    for (i = 0; i < 100000; i++) {
        bytes[i] = (char)('a' + i % 26);
    }
    assert_ok(ximss_upload_begin(&uploading, rig->context.table, session, &what, &rig->limits,
                                 test_pool));
    assert_ok(ximss_upload_write(uploading, bytes, 100000));
    assert_ok(ximss_upload_finish(uploading));
    assert_done("<fileStore id=\"1\" fileName=\"private/f\" uploadID=\"u1\"/>");
    assert_has(run("<fileRead id=\"1\" fileName=\"private/f\" position=\"99990\"/>"),
               ">uvwxyzabcd</fileData>");
    assert_error("<fileStore id=\"1\" fileName=\"g\" uploadID=\"u2\"/>", "519");
    assert_error("<fileStore id=\"1\" fileName=\"no/g\" uploadID=\"u1\"/>", "519");
    assert_error("<fileStore id=\"1\" fileName=\"g\"/>", "501");
    rig->limits.file_bytes = 99999;
    assert_error("<fileStore id=\"1\" fileName=\"g\" uploadID=\"u1\"/>", "502");
    assert_error("<fileList id=\"1\" fileName=\"g\"/>", "519");
}
END_TEST

START_TEST(test_names)
{
    begin();
    make_files();
    assert_done("<fileRename id=\"1\" fileName=\"docs/a.txt\" newName=\"/private/c\"/>");
    assert_done("<fileRename id=\"1\" fileName=\"docs\" newName=\"~user/private/docs\"/>");
    assert_has(run("<fileList id=\"1\" directory=\"private\"/>"), "fileName=\"docs\"");
    assert_error("<fileRename id=\"1\" fileName=\"b\" newName=\"private/c\"/>", "524");
    assert_error("<fileDirCreate id=\"1\" fileName=\"b\"/>", "524");
    assert_error("<fileDirCreate id=\"1\" fileName=\"x/y\"/>", "519");
    assert_error("<fileWrite id=\"1\" fileName=\"private\">x</fileWrite>", "524");
    assert_error("<fileRemove id=\"1\" fileName=\"private\"/>", "516");
    assert_done("<fileRemove id=\"1\" fileName=\"private/docs/\"/>");
    assert_done("<fileRemove id=\"1\" fileName=\"b\"/>");
    assert_error("<fileRemove id=\"1\" fileName=\"b\"/>", "519");
    assert_error("<fileRemove id=\"1\" fileName=\"../b\"/>", "501");
    assert_error("<fileWrite id=\"1\" fileName=\"a//b\">x</fileWrite>", "501");
    assert_error("<fileDirCreate id=\"1\"/>", "501");
}
END_TEST

/* Files of others are refused alike whether they are there or not. */
static const struct {
    const char *before;
    const char *after;
} of_others[] = {
    {"<fileRead id=\"1\" fileName=\"", "\"/>"},
    {"<fileList id=\"1\" directory=\"", "\"/>"},
    {"<fileList id=\"1\" fileName=\"", "\"/>"},
    {"<fileDirInfo id=\"1\" directory=\"", "\"/>"},
    {"<fileWrite id=\"1\" fileName=\"", "\">x</fileWrite>"},
    {"<fileRename id=\"1\" fileName=\"b\" newName=\"", "\"/>"},
    {"<fileRename id=\"1\" fileName=\"", "\" newName=\"c\"/>"},
    {"<fileRemove id=\"1\" fileName=\"", "\"/>"},
    {"<fileDirCreate id=\"1\" fileName=\"", "\"/>"},
    {"<fileAttrRead id=\"1\" fileName=\"", "\"/>"},
    {"<fileAttrWrite id=\"1\" fileName=\"", "\"/>"},
};

static const char *ask_other(int i, const char *name)
{
    return run(apr_pstrcat(test_pool, of_others[i].before, name, of_others[i].after, NULL));
}

START_TEST(test_others)
{
    const char *there;
    begin();
    op_rig_account(rig, "other@example.org");
    session = op_rig_session(rig, "other@example.org");
    make_files();
    session = op_rig_session(rig, "user@example.org");
    make_files();
    there = ask_other(_i, "~other@example.org/docs/a.txt");
    assert_has(there, "<response errorNum=\"516\" errorText=\"file access denied\"");
    ck_assert_str_eq(there, ask_other(_i, "~nobody@example.org/x"));
    ck_assert_str_eq(there, ask_other(_i, "~other"));
}
END_TEST

START_TEST(test_attributes)
{
    begin();
    make_files();
    assert_reply("<fileAttrRead id=\"1\" fileName=\"b\"/>",
                 "<fileAttrData fileName=\"b\" id=\"1\"/><response id=\"1\"/>");
    assert_done("<fileAttrWrite id=\"1\" fileName=\"b\"> <ACL><subKey key=\"x@y\">lr</subKey></ACL>"
                "<accesspwd><key>se&amp;cret</key></accesspwd></fileAttrWrite>");
    assert_done("<fileWrite id=\"1\" fileName=\"b\">new</fileWrite>");
    assert_done("<fileRename id=\"1\" fileName=\"b\" newName=\"docs/c\"/>");
    assert_reply("<fileAttrRead id=\"1\" fileName=\"docs/c\"/>",
                 "<fileAttrData fileName=\"docs/c\" id=\"1\"><ACL><subKey key=\"x@y\">lr</subKey>"
                 "</ACL><accessPwd><key>se&amp;cret</key></accessPwd></fileAttrData>"
                 "<response id=\"1\"/>");
    assert_done("<fileAttrWrite id=\"1\" fileName=\"docs\"><ACL/></fileAttrWrite>");
    assert_has(run("<fileAttrRead id=\"1\" fileName=\"docs\"/>"), "><ACL/></fileAttrData>");
    assert_done("<fileAttrWrite id=\"1\" fileName=\"docs/c\"/>");
    assert_reply("<fileAttrRead id=\"1\" fileName=\"docs/c\"/>",
                 "<fileAttrData fileName=\"docs/c\" id=\"1\"/><response id=\"1\"/>");
    assert_error("<fileAttrRead id=\"1\" fileName=\"no\"/>", "519");
    assert_error("<fileAttrWrite id=\"1\" fileName=\"no\"><ACL/></fileAttrWrite>", "519");
    rig->limits.pref_bytes = 20;
    assert_error("<fileAttrWrite id=\"1\" fileName=\"docs\"><ACL><subKey key=\"x\">lrwi</subKey>"
                 "</ACL></fileAttrWrite>",
                 "502");
    assert_has(run("<fileAttrRead id=\"1\" fileName=\"docs\"/>"), "><ACL/></fileAttrData>");
}
END_TEST

START_TEST(test_subscriptions)
{
    begin();
    assert_done("<fileSubUpdate id=\"1\"><fileSubscription fileName=\"~o@d/b\" mode=\"add\"/>"
                "<fileSubscription fileName=\"/a\" mode=\"add\"/></fileSubUpdate>");
    assert_reply("<fileSubList id=\"1\"/>",
                 "<fileSubscription fileName=\"/a\" id=\"1\"/>"
                 "<fileSubscription fileName=\"~o@d/b\" id=\"1\"/><response id=\"1\"/>");
    assert_done("<fileSubUpdate id=\"1\"><fileSubscription fileName=\"/a\"/></fileSubUpdate>");
    assert_error("<fileSubUpdate id=\"1\"><fileSubscription fileName=\"c\" mode=\"add\"/>"
                 "<fileSubscription/></fileSubUpdate>",
                 "501");
    rig->limits.files = 1;
    assert_error("<fileSubUpdate id=\"1\"><fileSubscription fileName=\"c\" mode=\"add\"/>"
                 "</fileSubUpdate>",
                 "502");
    assert_reply("<fileSubList id=\"1\"/>",
                 "<fileSubscription fileName=\"~o@d/b\" id=\"1\"/><response id=\"1\"/>");
}
END_TEST

/* What one batch writes, it reads; a later failure of another request does not undo it. */
START_TEST(test_batch)
{
    begin();
    ck_assert_str_eq(run("<fileWrite id=\"1\" fileName=\"f\">abc</fileWrite>"
                         "<fileDirCreate id=\"2\" fileName=\"f\"/>"
                         "<fileRead id=\"1\" fileName=\"f\"/>"),
                     "<XIMSS><response id=\"1\"/><response errorNum=\"524\" errorText=\"a file or "
                     "directory of this name already exists\" id=\"2\"/>" DATA(
                         "0", "3", "3", "", ">abc</fileData>") "</XIMSS>");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *files = suite_case(suite, "files");
    tcase_add_test(files, test_list);
    tcase_add_test(files, test_dir_info);
    tcase_add_test(files, test_read_text);
    tcase_add_test(files, test_bytes);
    tcase_add_test(files, test_vcard);
    tcase_add_test(files, test_large);
    tcase_add_test(files, test_store);
    tcase_add_test(files, test_names);
    tcase_add_loop_test(files, test_others, 0, (int)(sizeof(of_others) / sizeof(of_others[0])));
    tcase_add_test(files, test_attributes);
    tcase_add_test(files, test_subscriptions);
    tcase_add_test(files, test_batch);
}
