/* Tombstones: they go when no folder shows them any more, not before, and the file keeps its size. */
#include "session/event.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <sys/stat.h>

#define USER "user@example.org"

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

static void append(const char *raw)
{
    op_rig_append(rig, USER, "INBOX", raw, OP_RIG_NOW);
}

static const ximss_error_t *count_row(void *baton, const ximss_message_t *message,
                                      apr_pool_t *scratch)
{
    (void)message, (void)scratch;
    (*(int *)baton)++;
    return NULL;
}

/* How many rows message UID of INBOX has. */
static int rows_of(apr_uint32_t uid)
{
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);
    ximss_mailbox_t *inbox;
    int rows = 0;
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, test_pool));
    assert_ok(ximss_message_rows(account, inbox->id, &uid, 1, count_row, &rows, test_pool));
    ximss_account_return(account);
    return rows;
}

static void remove_message(int uid)
{
    assert_has(op_rig_runf(rig, session,
                           "<messageRemove id=\"r\" folder=\"F\" mode=\"immediately\">"
                           "<UID>%d</UID></messageRemove>",
                           uid),
               "<response id=\"r\"/>");
}

/* A tombstone goes when the last folder that shows it has synced, is reopened or closed. */
START_TEST(test_tombstones)
{
    int i;
    start();
    for (i = 0; i < 6; i++) {
        append("Subject: x\n\ny\n");
    }
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>"
        "<folderOpen id=\"2\" folder=\"G\" mailbox=\"INBOX\" filter=\"\"/>"
        "<mailboxCreate id=\"3\" mailbox=\"Box\"/><folderOpen id=\"4\" folder=\"Box\"/>");
    remove_message(1);
    ck_assert_int_eq(rows_of(1), 1);
    run("<folderSync id=\"1\" folder=\"F\"/>");
    ck_assert_int_eq(rows_of(1), 1);
    run("<folderSync id=\"1\" folder=\"G\"/>");
    ck_assert_int_eq(rows_of(1), 0);
    remove_message(2);
    run("<folderSync id=\"1\" folder=\"F\"/><folderReopen id=\"2\" folder=\"G\"/>");
    ck_assert_int_eq(rows_of(2), 0);
    remove_message(3);
    run("<folderSync id=\"1\" folder=\"F\"/><folderClose id=\"2\" folder=\"G\"/>");
    /* a close reads nothing of the account: whoever comes next purges */
    run("<folderSync id=\"1\" folder=\"F\"/>");
    ck_assert_int_eq(rows_of(3), 0);
    remove_message(4);
    remove_message(5);
    /* what a limit leaves is reported without the rows */
    assert_has(run("<folderSync id=\"1\" folder=\"F\" limit=\"1\"/>"), "UID=\"5\"");
    ck_assert_int_eq(rows_of(4) + rows_of(5), 0);
    assert_has(run("<folderBrowse id=\"1\" folder=\"F\"><index>0</index></folderBrowse>"),
               "index=\"0\" UID=\"4\"/>");
    assert_has(run("<folderSync id=\"1\" folder=\"F\"/>"),
               "index=\"0\" messages=\"1\" mode=\"removed\" UID=\"4\"");
    assert_has(run("<folderBrowse id=\"1\" folder=\"F\"><index>0</index></folderBrowse>"),
               "index=\"0\" UID=\"6\"");
}
END_TEST

/* A folder that was not opened after all, or one that was closed, keeps no tombstones. */
START_TEST(test_tombstones_of_failed_opens)
{
    const char *reply;
    start();
    append("Subject: x\n\ny\n");
    append("Subject: y\n\ny\n");
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    reply = run("<folderOpen id=\"1\" folder=\"none\" mailbox=\"none\"/>"
                "<folderOpen id=\"2\" folder=\"bad\" mailbox=\"INBOX\" filter=\"bad/flag\" "
                "filterField=\"FLAGS\"/><folderSync id=\"3\" folder=\"missing\"/>"
                "<folderOpen id=\"4\" folder=\"twice\" mailbox=\"INBOX\"/>"
                "<folderClose id=\"5\" folder=\"twice\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum"), 3);
    remove_message(1);
    run("<folderSync id=\"1\" folder=\"F\"/>");
    ck_assert_int_eq(rows_of(1), 0);
}
END_TEST

/* What a process held when it died stays held until the session's next batch. */
START_TEST(test_death_in_an_open)
{
    ximss_session_t *other;
    start();
    other = op_rig_session(rig, USER);
    append("Subject: x\n\ny\n");
    append("Subject: y\n\ny\n");
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    ck_assert(ximss_watch_hold(rig->context.table, other, ximss_watch_key("G")));
    remove_message(1);
    run("<folderSync id=\"1\" folder=\"F\"/>");
    ck_assert_int_eq(rows_of(1), 1);
    op_rig_run(rig, other, "<noop id=\"1\"/>");
    run("<folderSync id=\"1\" folder=\"F\"/>");
    ck_assert_int_eq(rows_of(1), 0);
}
END_TEST

static apr_int64_t no_view(void *baton, const char *id, apr_int64_t mailbox)
{
    (void)baton, (void)id, (void)mailbox;
    return APR_INT64_MAX;
}

/* Folders that whoever purged did not know of are as good as closed. */
START_TEST(test_purged_by_a_stranger)
{
    const ximss_store_options_t options = {
        .server = 1, .tombstones = 1, .oldest_view = no_view, .lock_wait_ms = 1000};
    ximss_account_entry_t *entry;
    ximss_account_t *account;
    ximss_store_t *stranger;
    const char *reply;
    start();
    append("Subject: x\n\ny\n");
    append("Subject: y\n\ny\n");
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>"
        "<folderOpen id=\"2\" folder=\"G\" mailbox=\"INBOX\"/>");
    remove_message(1);
    run("<folderSync id=\"1\" folder=\"F\"/>");
    assert_ok(ximss_store_open(&stranger, "sqlite", apr_pstrcat(test_pool, rig->dir, "/data", NULL),
                               &options, rig->pool));
    assert_ok(ximss_account_find(stranger, USER, &entry, rig->pool));
    assert_ok(ximss_account_checkout(&account, stranger, entry->id, rig->pool));
    ximss_account_tidy(account);
    ximss_account_return(account);
    ck_assert_int_eq(rows_of(1), 0);
    reply = run("<folderBrowse id=\"1\" folder=\"G\"><index>0</index></folderBrowse>"
                "<folderSync id=\"2\" folder=\"G\"/>"
                "<folderSync id=\"3\" folder=\"F\"/><folderReopen id=\"4\" folder=\"G\"/>"
                "<folderBrowse id=\"5\" folder=\"G\"><index>0</index></folderBrowse>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"512\""), 2);
    assert_has(reply, "<response id=\"3\"/>");
    assert_has(reply, "index=\"0\" UID=\"2\"/><response id=\"5\"/>");
}
END_TEST

/* COUNT small messages in one transaction. */
static void append_many(int count)
{
    const char *raw = "Subject: the same\n\nbody\n";
    ximss_append_t append = {.internal_date = OP_RIG_NOW, .flags = {0, ""}};
    ximss_account_t *account;
    ximss_mailbox_t *inbox;
    ximss_digest_t *digest;
    apr_uint32_t uid;
    apr_pool_t *pool;
    apr_pool_create(&pool, rig->pool);
    account = op_rig_handle(rig, USER, pool);
    digest = ximss_digest_make(raw, strlen(raw), &rig->limits, pool);
    assert_ok(ximss_account_begin_write(account, pool));
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, pool));
    append.mailbox = inbox->id;
    for (; count > 0; count--) {
        assert_ok(ximss_message_append(account, &append, digest, &uid, pool));
    }
    assert_ok(ximss_account_commit(account, pool));
    apr_pool_destroy(pool);
}

/* Rows of INBOX, tombstones too. */
static int all_rows(void)
{
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);
    ximss_mailbox_t *inbox;
    int rows = 0;
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, test_pool));
    assert_ok(ximss_message_changes(account, inbox->id, 0, count_row, &rows, test_pool));
    ximss_account_return(account);
    return rows;
}

static apr_int64_t file_size(void)
{
    const char *path =
        apr_pstrcat(test_pool, rig->dir, "/data/accounts/", session->account_id, "/mail.db", NULL);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_size;
}

/* Each upkeep purges some; on a slow machine few. */
static void purge_all(void)
{
    int i;
    for (i = 0; i < 200 && all_rows() > 0; i++) {
        run("<folderReopen id=\"1\" folder=\"F\"/>");
    }
    ck_assert_int_eq(all_rows(), 0);
}

/* 100,000 messages come and go, some thousands at a time, then 20,000 at once; 5,000 under valgrind. The rows of
 * so many take tens of megabytes. */
START_TEST(test_file_does_not_grow)
{
    int some = getenv("XIMSS_UNDER") != NULL ? 200 : 4000;
    int i;
    start();
    run("<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    for (i = 0; i < 20; i++) {
        append_many(some);
        run("<folderSync id=\"1\" folder=\"F\"/>"
            "<messageMark id=\"2\" folder=\"F\" flags=\"Deleted\"><index from=\"0\" "
            "till=\"4000\"/></messageMark>"
            "<folderExpunge id=\"3\" folder=\"F\"/><folderSync id=\"4\" folder=\"F\"/>");
        purge_all();
        ck_assert_int_lt(file_size(), 8 * 1024 * 1024);
    }
    append_many(5 * some);
    assert_has(run("<folderSync id=\"1\" folder=\"F\" limit=\"1\"/>"
                   "<folderReopen id=\"2\" folder=\"F\"/>"
                   "<messageRemove id=\"3\" folder=\"F\" mode=\"immediately\"><index from=\"0\" "
                   "till=\"20000\"/></messageRemove><folderReopen id=\"4\" folder=\"F\"/>"),
               "<response id=\"4\"/>");
    purge_all();
    ck_assert_int_lt(file_size(), 4 * 1024 * 1024);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "tombstones");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, test_tombstones);
    tcase_add_test(tcase, test_tombstones_of_failed_opens);
    tcase_add_test(tcase, test_death_in_an_open);
    tcase_add_test(tcase, test_purged_by_a_stranger);
    tcase_add_test(tcase, test_file_does_not_grow);
}
