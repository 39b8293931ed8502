/* messageMark, messageCopy, messageMove, messageRemove, folderExpunge, emptyTrash, folderSync through the
 * dispatcher: shapes, errors, and that a failed request changes nothing. */
#include "unit/op_rig.h"
#include "unit/suite.h"

#include "view/sync.h"

#include <apr_strings.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define USER "user@example.org"

static op_rig_t *rig;
static ximss_session_t *session;

static const char *run(const char *xml)
{
    return op_rig_run(rig, session, xml);
}

/* COUNT messages in INBOX, UID n with Subject "n", and folder "f" on it by UID, showing FLAGS and Subject. */
static void start(int count)
{
    int i;
    rig = op_rig_make();
    session = op_rig_session(rig, USER);
    for (i = 1; i <= count; i++) {
        op_rig_append(rig, USER, "INBOX", apr_psprintf(test_pool, "Subject: %d\n\nbody\n", i),
                      i * 1000);
    }
    run("<folderOpen id=\"1\" folder=\"f\" mailbox=\"INBOX\"><field>FLAGS</field>"
        "<field>Subject</field></folderOpen>");
}

/* "UID FLAGS Subject;" for each message that is in MAILBOX now. */
static const char *content(const char *mailbox)
{
    const char *reply = op_rig_runf(
        rig, session,
        "<folderOpen id=\"1\" folder=\" c\" mailbox=\"%s\"><field>FLAGS</field>"
        "<field>Subject</field></folderOpen><folderBrowse id=\"2\" folder=\" c\"><index from=\"0\" "
        "till=\"999\"/></folderBrowse><folderClose id=\"3\" folder=\" c\"/>",
        mailbox);
    const char *text = "";
    const ximss_element_t *report;
    const ximss_element_t *root;
    assert_ok(ximss_xml_parse(&root, reply, strlen(reply), &rig->limits, test_pool));
    for (report = ximss_element_child(root, "folderReport"); report != NULL;
         report = ximss_element_next(report, "folderReport")) {
        if (ximss_element_attr(report, "mode") == NULL) {
            text =
                apr_psprintf(test_pool, "%s%s %s %s;", text, ximss_element_attr(report, "UID"),
                             ximss_element_text(ximss_element_child(report, "FLAGS"), test_pool),
                             ximss_element_text(ximss_element_child(report, "Subject"), test_pool));
        }
    }
    return text;
}

/* Writes a preference into the database: no request does yet. */
static void set_pref(const char *name, const char *value)
{
    const char *path =
        apr_psprintf(test_pool, "%s/data/accounts/%s/mail.db", rig->dir, session->account_id);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "INSERT OR REPLACE INTO pref (name, value) VALUES (?1, ?2)",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* ---- messageMark ---- */

START_TEST(test_mark)
{
    start(3);
    ck_assert_str_eq(run("<messageMark id=\"1\" folder=\"f\" flags=\"Read,Flagged,Deleted\">"
                         "<UID>2</UID></messageMark>"),
                     "<XIMSS><response id=\"1\"/></XIMSS>");
    run("<messageMark id=\"1\" folder=\"f\" "
        "flags=\"Answered,Draft,Redirected,MDNSent,Hidden,Service,"
        "Media,Junk,Label1,Label2,Label3,project-x\"><index>0</index></messageMark>");
    ck_assert_str_eq(content("INBOX"),
                     "1 Recent,Answered,Draft,Redirected,MDNSent,Hidden,Service,Media,Junk,Label1,"
                     "Label2,Label3,project-x 1;2 Recent,Seen,Flagged,Deleted 2;3 Recent 3;");
    run("<messageMark id=\"1\" folder=\"f\" "
        "flags=\"Unanswered,Undraft,Unredirected,MDNNotSent,Unhidden,"
        "NotService,NotMedia,NotJunk,-project-x\"><index>0</index></messageMark>"
        "<messageMark id=\"2\" folder=\"f\" "
        "flags=\"Unseen,Undeleted,Seen\"><UID>2</UID></messageMark>");
    assert_has(content("INBOX"), "2 Recent,Seen,Flagged 2;");
}
END_TEST

START_TEST(test_mark_errors)
{
    static const struct {
        const char *request;
        const char *answer;
    } cases[] = {
        {"<messageMark id=\"1\" folder=\"f\"><UID>1</UID></messageMark>", "errorNum=\"501\""},
        {"<messageMark id=\"1\" flags=\"Seen\"><UID>1</UID></messageMark>", "errorNum=\"501\""},
        {"<messageMark id=\"1\" folder=\"x\" flags=\"Seen\"><UID>1</UID></messageMark>",
         "errorNum=\"512\""},
        {"<messageMark id=\"1\" folder=\"f\" flags=\"Recent\"><UID>1</UID></messageMark>",
         "errorNum=\"501\""},
        {"<messageMark id=\"1\" folder=\"f\" flags=\"a!b\"><UID>1</UID></messageMark>",
         "errorNum=\"501\""},
        {"<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"/>", "errorNum=\"501\""},
        {"<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>x</UID></messageMark>",
         "errorNum=\"501\""},
        {"<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>1</UID><index>0</index>"
         "</messageMark>",
         "errorNum=\"501\""},
    };
    size_t i;
    start(1);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_has(run(cases[i].request), cases[i].answer);
    }
    ck_assert_str_eq(content("INBOX"), "1 Recent 1;");
}
END_TEST

/* ---- sets ---- */

START_TEST(test_sets)
{
    start(6);
    /* UIDs and indices outside are no errors; overlapping ranges count once. */
    assert_has(run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>77</UID><UID>0</UID>"
                   "<UID>99999999999999999999</UID><UID>-3</UID></messageMark>"
                   "<messageMark id=\"2\" folder=\"f\" flags=\"Seen\"><index from=\"6\" "
                   "till=\"99999999999\"/><index from=\"3\" till=\"1\"/></messageMark>"),
               "<response id=\"1\"/><response id=\"2\"/>");
    assert_not(content("INBOX"), "Seen");
    run("<messageRemove id=\"1\" folder=\"f\" mode=\"Immediately\"><index>2</index></messageRemove>"
        "<messageCopy id=\"2\" folder=\"f\" targetMailbox=\"T\" mailboxClass=\"\">"
        "<index from=\"4\" till=\"100\"/><index from=\"1\" "
        "till=\"4\"/><index>1</index></messageCopy>");
    ck_assert_str_eq(content("T"), "1 Recent 2;2 Recent 4;3 Recent 5;4 Recent 6;");
    run("<messageCopy id=\"2\" folder=\"f\" targetMailbox=\"T2\" mailboxClass=\"\"><UID>5</UID>"
        "<UID from=\"0\" till=\"2\"/><UID>1</UID><UID from=\"9\" till=\"6\"/></messageCopy>");
    ck_assert_str_eq(content("T2"), "1 Recent 1;2 Recent 2;3 Recent 5;");
}
END_TEST

/* The view shows messages 1 to 3; 4 came later. */
START_TEST(test_sets_and_new_mail)
{
    start(3);
    op_rig_append(rig, USER, "INBOX", "Subject: 4\n\nnew\n", 5000);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Flagged\"><UID from=\"1\" till=\"100\"/>"
        "</messageMark><messageMark id=\"2\" folder=\"f\" flags=\"Seen\"><index from=\"0\" "
        "till=\"100\"/></messageMark>");
    assert_has(content("INBOX"), "3 Recent,Seen,Flagged 3;4 Recent 4;");
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Flagged\"><UID>4</UID></messageMark>");
    assert_has(content("INBOX"), "4 Recent,Flagged 4;");
}
END_TEST

/* Sets of more than one piece. */
START_TEST(test_many)
{
    apr_pool_t *pool;
    ximss_account_t *handle;
    ximss_mailbox_t *inbox;
    ximss_append_t append = {.flags = {0, ""}};
    ximss_digest_t *digest;
    apr_uint32_t uid;
    int i;
    start(0);
    apr_pool_create(&pool, rig->pool);
    handle = op_rig_handle(rig, USER, pool);
    digest = ximss_digest_make("Subject: x\n\n", 12, &rig->limits, pool);
    assert_ok(ximss_account_begin_write(handle, pool));
    assert_ok(ximss_mailbox_find(handle, "INBOX", &inbox, pool));
    append.mailbox = inbox->id;
    for (i = 0; i < 9000; i++) {
        assert_ok(ximss_message_append(handle, &append, digest, &uid, pool));
    }
    assert_ok(ximss_account_commit(handle, pool));
    apr_pool_destroy(pool);
    run("<folderSync id=\"1\" folder=\"f\"/>");
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID from=\"2\" "
        "till=\"8999\"/></messageMark>");
    assert_has(run("<mailboxList id=\"1\" filter=\"INBOX\"/>"), "UNSEEN=\"2\"");
    run("<messageMove id=\"1\" folder=\"f\" targetMailbox=\"T\" mailboxClass=\"\">"
        "<index from=\"0\" till=\"8500\"/></messageMove>");
    assert_has(run("<mailboxList id=\"1\" filter=\"T\"/>"), "MESSAGES=\"8501\"");
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Deleted\"><UID from=\"1\" till=\"8997\"/>"
        "</messageMark><folderExpunge id=\"2\" folder=\"f\"/>");
    assert_has(run("<mailboxList id=\"1\" filter=\"INBOX\"/>"), "MESSAGES=\"3\"");
}
END_TEST

/* ---- messageCopy, messageMove ---- */

START_TEST(test_copy_targets)
{
    const char *reply;
    start(2);
    reply = run("<messageCopy id=\"1\" folder=\"f\" targetMailbox=\"T\"><UID>1</UID></messageCopy>"
                "<messageCopy id=\"2\" folder=\"f\" targetMailbox=\"~user@example.org/T\" "
                "mailboxClass=\"IPF.Note\"><UID>1</UID></messageCopy>"
                "<messageCopy id=\"3\" folder=\"f\" targetMailbox=\"~other@example.org/T\" "
                "mailboxClass=\"\"><UID>1</UID></messageCopy>"
                "<messageCopy id=\"4\" folder=\"f\" targetMailbox=\"T\" encrypt=\"YES\">"
                "<UID>1</UID></messageCopy>"
                "<messageCopy id=\"5\" folder=\"f\" targetMailbox=\"T\" encrypt=\"no\">"
                "<UID>1</UID></messageCopy>"
                "<messageCopy id=\"6\" folder=\"f\"><UID>1</UID></messageCopy>"
                "<messageMove id=\"7\" folder=\"f\" targetMailbox=\"a//b\" mailboxClass=\"\">"
                "<UID>1</UID></messageMove>");
    assert_has(reply, "errorNum=\"510\" errorText=\"mailbox is not found\" id=\"1\"");
    assert_has(reply, "<response id=\"2\"/>");
    assert_has(reply, "<response errorNum=\"516\"");
    assert_has(reply, "<response errorNum=\"523\"");
    assert_has(reply, "<response id=\"5\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"501\""), 2);
    assert_has(run("<mailboxList id=\"1\" filter=\"T\"/>"), "CLASS=\"IPF.Note\"");
    ck_assert_str_eq(content("T"), "1 Recent 1;2 Recent 1;");
    /* A pure folder becomes a mailbox only when one may be created. */
    reply = run("<mailboxCreate id=\"1\" mailbox=\"P/\"/><messageCopy id=\"2\" folder=\"f\" "
                "targetMailbox=\"P\"><UID>1</UID></messageCopy><messageCopy id=\"3\" folder=\"f\" "
                "targetMailbox=\"P\" mailboxClass=\"\"><UID>1</UID></messageCopy>");
    assert_has(reply, "errorNum=\"510\"");
    assert_has(reply, "<response id=\"3\"/>");
}
END_TEST

START_TEST(test_move)
{
    start(3);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen,key\"><UID>2</UID></messageMark>"
        "<messageMove id=\"1\" folder=\"f\" targetMailbox=\"T\" mailboxClass=\"\"><UID>2</UID>"
        "</messageMove>");
    ck_assert_str_eq(content("T"), "1 Recent,Seen,key 2;");
    ck_assert_str_eq(content("INBOX"), "1 Recent 1;3 Recent 3;");
    /* Into the same mailbox: new UIDs. */
    run("<messageMove id=\"1\" folder=\"f\" targetMailbox=\"INBOX\"><UID from=\"1\" till=\"99\"/>"
        "</messageMove>");
    ck_assert_str_eq(content("INBOX"), "4 Recent 1;5 Recent 3;");
    run("<messageCopy id=\"1\" folder=\"f\" targetMailbox=\"inbox\"><UID>4</UID><UID>6</UID>"
        "<UID>7</UID></messageCopy>");
    ck_assert_str_eq(content("INBOX"), "4 Recent 1;5 Recent 3;6 Recent 1;");
}
END_TEST

/* What a request did before it failed is undone, and others of the batch stay. */
START_TEST(test_atomic)
{
    ximss_account_entry_t *entry;
    const char *reply;
    start(3);
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, test_pool));
    entry->quota = 60;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    reply = run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>1</UID></messageMark>"
                "<messageMove id=\"2\" folder=\"f\" targetMailbox=\"T\" mailboxClass=\"\">"
                "<UID from=\"1\" till=\"3\"/></messageMove>"
                "<messageMark id=\"3\" folder=\"f\" flags=\"Flagged\"><UID>2</UID></messageMark>");
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"517\"");
    assert_has(reply, "<response id=\"3\"/>");
    ck_assert_str_eq(content("INBOX"), "1 Recent,Seen 1;2 Recent,Flagged 2;3 Recent 3;");
    assert_not(run("<mailboxList id=\"1\"/>"), "mailbox=\"T\"");
}
END_TEST

/* ---- messageRemove, folderExpunge, emptyTrash ---- */

START_TEST(test_remove_modes)
{
    const char *reply;
    start(5);
    run("<messageRemove id=\"1\" folder=\"f\"><UID>1</UID></messageRemove>");
    ck_assert_str_eq(content("Trash"), "1 Recent 1;");
    run("<messageRemove id=\"1\" folder=\"f\" mode=\"MARK\"><UID>2</UID></messageRemove>"
        "<messageRemove id=\"1\" folder=\"f\" mode=\"immediately\"><UID>3</UID></messageRemove>"
        "<messageRemove id=\"1\" folder=\"f\" mode=\"move to trash\"><UID>4</UID></messageRemove>");
    reply = run("<messageRemove id=\"1\" folder=\"f\" mode=\"gently\"><UID>5</UID></messageRemove>"
                "<messageRemove id=\"2\" folder=\"x\"><UID>5</UID></messageRemove>"
                "<messageRemove id=\"3\" folder=\"f\"/>");
    assert_has(reply, "errorNum=\"501\"");
    assert_has(reply, "errorNum=\"512\"");
    ck_assert_int_eq(op_rig_count(reply, "errorNum"), 3);
    ck_assert_str_eq(content("INBOX"), "2 Recent,Deleted 2;5 Recent 5;");
    ck_assert_str_eq(content("Trash"), "1 Recent 1;2 Recent 4;");
    /* In the Trash itself they go for good. */
    run("<folderOpen id=\"1\" folder=\"t\" mailbox=\"Trash\"/>"
        "<messageRemove id=\"2\" folder=\"t\"><UID>1</UID></messageRemove>");
    ck_assert_str_eq(content("Trash"), "2 Recent 4;");
}
END_TEST

START_TEST(test_remove_preferences)
{
    start(4);
    set_pref("DeleteMode", "Mark");
    run("<messageRemove id=\"1\" folder=\"f\"><UID>1</UID></messageRemove>");
    set_pref("DeleteMode", "immediately");
    run("<messageRemove id=\"1\" folder=\"f\"><UID>2</UID></messageRemove>");
    set_pref("DeleteMode", "nonsense");
    set_pref("TrashBox", "My/Bin");
    run("<messageRemove id=\"1\" folder=\"f\"><UID>3</UID></messageRemove>");
    ck_assert_str_eq(content("INBOX"), "1 Recent,Deleted 1;4 Recent 4;");
    ck_assert_str_eq(content("My/Bin"), "1 Recent 3;");
    set_pref("TrashBox", "");
    assert_has(run("<messageRemove id=\"1\" folder=\"f\"><UID>4</UID></messageRemove>"),
               "errorNum=\"510\"");
    assert_has(run("<emptyTrash id=\"1\"/>"), "<response id=\"1\"/>");
    set_pref("TrashBox", "~other@example.org/Bin");
    assert_has(run("<messageRemove id=\"1\" folder=\"f\"><UID>4</UID></messageRemove>"),
               "errorNum=\"516\"");
    assert_has(content("INBOX"), "4 Recent 4;");
}
END_TEST

START_TEST(test_expunge)
{
    start(3);
    run("<folderOpen id=\"1\" folder=\"none\" mailbox=\"INBOX\" filter=\"9\" "
        "filterField=\"Subject\"/>"
        "<messageMark id=\"2\" folder=\"f\" "
        "flags=\"Deleted\"><UID>1</UID><UID>3</UID></messageMark>");
    op_rig_append(rig, USER, "INBOX", "Subject: 4\n\nnew\n", 5000);
    /* All that are marked, also those that came later or that the folder does not show. */
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Deleted\"><UID>4</UID></messageMark>");
    assert_has(run("<folderExpunge id=\"1\" folder=\"none\"/>"), "<response id=\"1\"/>");
    ck_assert_str_eq(content("INBOX"), "2 Recent 2;");
    assert_has(run("<folderExpunge id=\"1\" folder=\"x\"/>"), "errorNum=\"512\"");
}
END_TEST

START_TEST(test_empty_trash)
{
    start(3);
    assert_has(run("<emptyTrash id=\"1\"/>"), "<response id=\"1\"/>");
    assert_not(run("<mailboxList id=\"1\"/>"), "Trash");
    run("<messageRemove id=\"1\" folder=\"f\"><UID from=\"1\" till=\"2\"/></messageRemove>");
    assert_has(run("<emptyTrash id=\"1\"/>"), "<response id=\"1\"/>");
    ck_assert_str_eq(content("Trash"), "");
    ck_assert_str_eq(content("INBOX"), "3 Recent 3;");
}
END_TEST

/* ---- folderSync ---- */

START_TEST(test_sync_shape)
{
    start(3);
    ck_assert_str_eq(run("<folderSync id=\"s\" folder=\"f\"/>"),
                     "<XIMSS><response id=\"s\"/></XIMSS>");
    op_rig_append(rig, USER, "INBOX", "Subject: 4\n\nnew\n", 5000);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>3</UID></messageMark>"
        "<messageRemove id=\"1\" folder=\"f\"><UID from=\"1\" till=\"2\"/></messageRemove>");
    ck_assert_str_eq(
        run("<folderSync id=\"s\" folder=\"f\"/>"),
        "<XIMSS>"
        "<folderReport folder=\"f\" id=\"s\" index=\"1\" messages=\"2\" mode=\"removed\" UID=\"2\" "
        "unseen=\"1\"/>"
        "<folderReport folder=\"f\" id=\"s\" index=\"0\" messages=\"1\" mode=\"removed\" UID=\"1\" "
        "unseen=\"1\"/>"
        "<folderReport folder=\"f\" id=\"s\" index=\"1\" messages=\"2\" mode=\"added\" UID=\"4\" "
        "unseen=\"1\"><FLAGS>Recent</FLAGS><Subject>4</Subject></folderReport>"
        "<folderReport folder=\"f\" id=\"s\" index=\"0\" mode=\"updated\" UID=\"3\" unseen=\"1\">"
        "<FLAGS>Recent,Seen</FLAGS><Subject>3</Subject></folderReport>"
        "<response id=\"s\"/></XIMSS>");
    ck_assert_str_eq(run("<folderSync id=\"s\" folder=\"f\"/>"),
                     "<XIMSS><response id=\"s\"/></XIMSS>");
}
END_TEST

/* In one batch: the view moves on between its requests. */
START_TEST(test_sync_in_a_batch)
{
    const char *reply;
    start(3);
    reply = run("<messageRemove id=\"1\" folder=\"f\"><index>0</index></messageRemove>"
                "<folderBrowse id=\"2\" folder=\"f\"><index>0</index></folderBrowse>"
                "<folderSync id=\"3\" folder=\"f\"/>"
                "<folderBrowse id=\"4\" folder=\"f\"><index>0</index></folderBrowse>"
                "<messageRemove id=\"5\" folder=\"f\"><index>0</index></messageRemove>"
                "<folderSync id=\"6\" folder=\"f\"/>");
    assert_has(reply, "<folderReport folder=\"f\" id=\"2\" index=\"0\" UID=\"1\"/>");
    ck_assert_int_eq(op_rig_count(reply, "mode=\"removed\" UID=\"1\""), 1);
    assert_has(reply, "id=\"4\" index=\"0\" UID=\"2\"><FLAGS>");
    assert_has(reply, "id=\"6\" index=\"0\" messages=\"1\" mode=\"removed\" UID=\"2\"");
}
END_TEST

START_TEST(test_sync_errors)
{
    start(1);
    run("<folderOpen id=\"1\" folder=\"g\" mailbox=\"G\" mailboxClass=\"\"/>"
        "<mailboxRemove id=\"2\" mailbox=\"G\"/>");
    assert_has(run("<folderSync id=\"1\" folder=\"g\"/>"), "errorNum=\"510\"");
    assert_has(run("<messageMark id=\"1\" folder=\"g\" flags=\"Seen\"><UID>1</UID></messageMark>"),
               "errorNum=\"510\"");
    assert_has(run("<folderSync id=\"1\" folder=\"x\"/>"), "errorNum=\"512\"");
    assert_has(run("<folderSync id=\"1\"/>"), "errorNum=\"501\"");
    assert_has(run("<folderSync id=\"1\" folder=\"f\" limit=\"-1\"/>"), "errorNum=\"501\"");
    assert_has(run("<folderSync id=\"1\" folder=\"f\" limit=\"many\"/>"), "errorNum=\"501\"");
}
END_TEST

/* A reply that is too large leaves the view as it was; with a limit it goes in pieces. */
START_TEST(test_sync_too_large)
{
    int i;
    start(0);
    for (i = 0; i < 40; i++) {
        op_rig_append(rig, USER, "INBOX", apr_psprintf(test_pool, "Subject: %0999d\n\n", i), 1);
    }
    rig->limits.reply_bytes = 30000;
    assert_has(run("<folderSync id=\"1\" folder=\"f\"/>"), "errorNum=\"502\"");
    assert_has(run("<folderSync id=\"1\" folder=\"f\" limit=\"10\"/>"),
               "index=\"9\" messages=\"10\"");
    assert_has(run("<folderSync id=\"1\" folder=\"f\" limit=\"20\"/>"),
               "index=\"29\" messages=\"30\"");
    /* The rest, and then what is new. */
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>1</UID></messageMark>");
    assert_has(run("<folderSync id=\"1\" folder=\"f\" limit=\"11\"/>"),
               "index=\"0\" mode=\"updated\" UID=\"1\" unseen=\"39\"");
    ck_assert_str_eq(run("<folderSync id=\"1\" folder=\"f\"/>"),
                     "<XIMSS><response id=\"1\"/></XIMSS>");
}
END_TEST

/* What a limit leaves comes first, as it was; newer changes follow when there is room for more. */
START_TEST(test_sync_limit)
{
    const char *reply;
    start(9);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID from=\"1\" "
        "till=\"3\"/></messageMark>");
    reply = run("<folderSync id=\"s\" folder=\"f\" limit=\"1\"/>");
    assert_has(reply, "index=\"0\" mode=\"updated\" UID=\"1\" unseen=\"6\"");
    ck_assert_int_eq(op_rig_count(reply, "<folderReport"), 1);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID from=\"1\" "
        "till=\"9\"/></messageMark>");
    assert_has(run("<folderSync id=\"s\" folder=\"f\" limit=\"2\"/>"),
               "index=\"2\" mode=\"updated\" UID=\"3\" unseen=\"6\"");
    ck_assert_int_eq(
        op_rig_count(run("<folderSync id=\"s\" folder=\"f\" limit=\"0\"/>"), "unseen=\"0\""), 6);
    /* Removals after removals, additions after additions. */
    run("<messageRemove id=\"1\" folder=\"f\"><UID from=\"1\" till=\"3\"/></messageRemove>");
    run("<folderSync id=\"s\" folder=\"f\" limit=\"1\"/>");
    run("<messageRemove id=\"1\" folder=\"f\"><UID from=\"4\" till=\"6\"/></messageRemove>");
    reply = run("<folderSync id=\"s\" folder=\"f\" limit=\"4\"/>");
    assert_has(reply, "index=\"0\" messages=\"6\" mode=\"removed\" UID=\"1\"");
    assert_has(reply, "index=\"1\" messages=\"4\" mode=\"removed\" UID=\"5\"");
    assert_has(
        run("<folderBrowse id=\"1\" folder=\"f\"><index>0</index><index>1</index></folderBrowse>"),
        "index=\"0\" UID=\"4\"/><folderReport folder=\"f\" id=\"1\" index=\"1\" UID=\"7\">");
    run("<messageCopy id=\"1\" folder=\"f\" targetMailbox=\"INBOX\"><UID>7</UID><UID>8</UID>"
        "</messageCopy>");
    reply = run("<folderSync id=\"s\" folder=\"f\" limit=\"2\"/>");
    assert_has(reply, "index=\"0\" messages=\"3\" mode=\"removed\" UID=\"4\"");
    assert_has(reply, "index=\"3\" messages=\"4\" mode=\"added\" UID=\"10\"");
    run("<messageCopy id=\"1\" folder=\"f\" targetMailbox=\"INBOX\"><UID>9</UID><UID>8</UID>"
        "</messageCopy>");
    reply = run("<folderSync id=\"s\" folder=\"f\" limit=\"2\"/>");
    assert_has(reply, "index=\"5\" messages=\"6\" mode=\"added\" UID=\"12\"");
    reply = run("<folderSync id=\"s\" folder=\"f\" limit=\"2\"/>");
    assert_has(reply, "index=\"6\" messages=\"7\" mode=\"added\" UID=\"13\"");
    ck_assert_int_eq(op_rig_count(reply, "<folderReport"), 1);
}
END_TEST

/* A file that cannot be written is an error, and nothing is lost. */
START_TEST(test_sync_no_file)
{
    const char *reply;
    const char *block;
    start(1);
    block = apr_psprintf(test_pool, "%s/stage-%" APR_INT64_T_FMT,
                         ximss_session_folder(rig->context.table, session, test_pool),
                         session->progress.serial);
    ck_assert_int_eq(symlink("/nowhere/at/all", block), 0);
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Seen\"><UID>1</UID></messageMark>");
    reply = run("<folderSync id=\"1\" folder=\"f\"/>");
    assert_has(reply, "errorNum=\"590\"");
    assert_not(reply, "folderReport");
    assert_has(run("<folderSync id=\"1\" folder=\"f\"/>"), "mode=\"updated\"");
}
END_TEST

/* What filters and orders by flags let go and take in. */
START_TEST(test_sync_flags_views)
{
    const char *reply;
    start(4);
    run("<folderOpen id=\"1\" folder=\"unseen\" mailbox=\"INBOX\" filter=\"Unseen\" "
        "filterField=\"FLAGS\" sortField=\"Subject\" sortOrder=\"desc\"/>"
        "<folderOpen id=\"2\" folder=\"key\" mailbox=\"INBOX\" filter=\"work\" "
        "filterField=\"FLAGS\"/>"
        "<folderOpen id=\"3\" folder=\"flags\" mailbox=\"INBOX\" sortField=\"FLAGS\"/>"
        "<messageMark id=\"4\" folder=\"f\" flags=\"Seen,work\"><UID>1</UID><UID>3</UID>"
        "</messageMark>");
    reply = run("<folderSync id=\"s\" folder=\"unseen\"/>");
    assert_has(reply, "index=\"3\" messages=\"3\" mode=\"removed\" UID=\"1\" unseen=\"2\"/>");
    assert_has(reply, "index=\"1\" messages=\"2\" mode=\"removed\" UID=\"3\" unseen=\"2\"/>");
    ck_assert_int_eq(op_rig_count(reply, "folderReport"), 2);
    reply = run("<folderSync id=\"s\" folder=\"key\"/>");
    assert_has(reply, "index=\"0\" messages=\"1\" mode=\"added\" UID=\"1\" unseen=\"0\"");
    assert_has(reply, "index=\"1\" messages=\"2\" mode=\"added\" UID=\"3\" unseen=\"0\"");
    reply = run("<folderSync id=\"s\" folder=\"flags\"/>");
    assert_has(reply, "index=\"2\" messages=\"3\" mode=\"removed\" UID=\"3\" unseen=\"2\"/>");
    assert_has(reply, "index=\"3\" messages=\"4\" mode=\"added\" UID=\"3\" unseen=\"2\"");
    run("<messageMark id=\"1\" folder=\"f\" flags=\"Unseen,-work\"><UID>3</UID></messageMark>");
    assert_has(run("<folderSync id=\"s\" folder=\"unseen\"/>"),
               "index=\"1\" messages=\"3\" mode=\"added\" UID=\"3\" unseen=\"3\"");
    assert_has(run("<folderSync id=\"s\" folder=\"key\"/>"),
               "index=\"1\" messages=\"1\" mode=\"removed\" UID=\"3\" unseen=\"0\"");
}
END_TEST

/* ---- steps that do not fit ---- */

START_TEST(test_bad_steps)
{
    static const apr_uint32_t uids[] = {1, 2, 3};
    static const ximss_step_t bad[] = {
        {XIMSS_STEP_REMOVED, 1, 3}, {XIMSS_STEP_REMOVED, 1, 1},  {XIMSS_STEP_ADDED, 9, 4},
        {XIMSS_STEP_ADDED, 9, -1},  {XIMSS_STEP_REMOVED, 1, -1},
    };
    size_t i;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        apr_size_t length = 3;
        apr_uint32_t *result;
        ck_assert_ptr_nonnull(ximss_steps_apply(uids, &length, &bad[i], 1, &result, test_pool));
    }
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "changes");
    tcase_add_test(tcase, test_mark);
    tcase_add_test(tcase, test_mark_errors);
    tcase_add_test(tcase, test_sets);
    tcase_add_test(tcase, test_sets_and_new_mail);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_copy_targets);
    tcase_add_test(tcase, test_move);
    tcase_add_test(tcase, test_atomic);
    tcase_add_test(tcase, test_remove_modes);
    tcase_add_test(tcase, test_remove_preferences);
    tcase_add_test(tcase, test_expunge);
    tcase_add_test(tcase, test_empty_trash);
    tcase = suite_case(suite, "sync");
    tcase_add_test(tcase, test_sync_shape);
    tcase_add_test(tcase, test_sync_in_a_batch);
    tcase_add_test(tcase, test_sync_errors);
    tcase_add_test(tcase, test_sync_too_large);
    tcase_add_test(tcase, test_sync_limit);
    tcase_add_test(tcase, test_sync_no_file);
    tcase_add_test(tcase, test_sync_flags_views);
    tcase_add_test(tcase, test_bad_steps);
}
