/* Numbered batches run exactly once: repeats, order of numbers, and processes that are killed at any moment. */
#include "op/replay.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER "user@example.org"

static op_rig_t *rig;
static ximss_session_t *session;

/* Runs XML as batch SEQ as the server does; returns its reply. */
static const char *run_on(const ximss_context_t *context, ximss_session_t *on, apr_int64_t seq,
                          const char *xml, ximss_replay_verdict_t *verdict, apr_pool_t *pool)
{
    const char *document = apr_pstrcat(pool, "<XIMSS>", xml, "</XIMSS>", NULL);
    ximss_xml_t *out = ximss_xml_create(1 << 20, pool);
    const ximss_element_t *root;
    ximss_reply_text_t before;
    apr_size_t length = 0;
    const char *data;

    assert_ok(ximss_replay_begin(context, on, seq, verdict, &before, pool));
    if (*verdict == XIMSS_REPLAY_RUN) {
        assert_ok(ximss_xml_parse(&root, document, strlen(document), context->limits, pool));
        assert_ok(ximss_batch_run(context, &rig->peer, on, root, out, pool));
    }
    data = ximss_xml_data(out, &length);
    return apr_pstrcat(pool, apr_pstrmemdup(pool, before.data, before.length),
                       apr_pstrmemdup(pool, data, length), NULL);
}

static const char *run(apr_int64_t seq, const char *xml, ximss_replay_verdict_t expected)
{
    ximss_replay_verdict_t verdict;
    apr_pool_t *pool;
    const char *reply;

    apr_pool_create(&pool, rig->pool);
    reply = apr_pstrdup(test_pool, run_on(&rig->context, session, seq, xml, &verdict, pool));
    apr_pool_destroy(pool);
    ck_assert_int_eq(verdict, expected);
    return reply;
}

static void start(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, USER);
}

START_TEST(test_numbers)
{
    ck_assert_int_eq(ximss_replay_number(NULL), -1);
    ck_assert_int_eq(ximss_replay_number("0"), 0);
    ck_assert_int_eq(ximss_replay_number("1234567890123"), APR_INT64_C(1234567890123));
    ck_assert_int_eq(ximss_replay_number(""), -2);
    ck_assert_int_eq(ximss_replay_number("-1"), -2);
    ck_assert_int_eq(ximss_replay_number("1x"), -2);
    ck_assert_int_eq(ximss_replay_number("99999999999999999999999"), -2);
}
END_TEST

START_TEST(test_repeat)
{
    const char *reply;

    start();
    /* Some clients begin with 0, some with 1, some anywhere. */
    reply = run(0, "<mailboxCreate id=\"1\" mailbox=\"A\"/><noop id=\"2\"/>", XIMSS_REPLAY_RUN);
    ck_assert_str_eq(reply, "<response id=\"1\"/><response id=\"2\"/>");
    ck_assert_str_eq(run(0, "<bye id=\"9\"/>", XIMSS_REPLAY_STORED), reply);
    ck_assert_str_eq(run(0, "", XIMSS_REPLAY_STORED), reply);
    /* Errors are replies, too. */
    reply = run(1, "<mailboxCreate id=\"3\" mailbox=\"A\"/>", XIMSS_REPLAY_RUN);
    assert_has(reply, "errorNum=\"511\"");
    ck_assert_str_eq(run(1, "<mailboxCreate id=\"3\" mailbox=\"B\"/>", XIMSS_REPLAY_STORED), reply);
    run(0, "<noop id=\"1\"/>", XIMSS_REPLAY_LATE);
    /* One without number leaves the numbers alone. */
    assert_has(run(-1, "<noop id=\"4\"/>", XIMSS_REPLAY_RUN), "<response id=\"4\"/>");
    ck_assert_str_eq(run(1, "", XIMSS_REPLAY_STORED), reply);
    run(1000, "<noop id=\"5\"/>", XIMSS_REPLAY_RUN);
    run(999, "<noop id=\"5\"/>", XIMSS_REPLAY_LATE);
    assert_not(run(1001, "<mailboxList id=\"1\" filter=\"%\"/>", XIMSS_REPLAY_RUN), "\"B\"");
}
END_TEST

/* A repeated folderSync reports the same, and the view has moved on once. */
START_TEST(test_repeat_reads)
{
    const char *reply;

    start();
    op_rig_append(rig, USER, "INBOX", "Subject: 1\n\nx\n", 1);
    run(1, "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>", XIMSS_REPLAY_RUN);
    assert_has(run(1, "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>", XIMSS_REPLAY_STORED),
               "messages=\"1\"");
    ck_assert_int_eq(session->folders, 1);
    op_rig_append(rig, USER, "INBOX", "Subject: 2\n\nx\n", 2);
    reply = run(2, "<folderSync id=\"2\" folder=\"F\"/>", XIMSS_REPLAY_RUN);
    assert_has(reply, "mode=\"added\"");
    ck_assert_str_eq(run(2, "<folderSync id=\"2\" folder=\"F\"/>", XIMSS_REPLAY_STORED), reply);
    assert_not(run(3, "<folderSync id=\"3\" folder=\"F\"/>", XIMSS_REPLAY_RUN), "mode=\"added\"");
}
END_TEST

/* What folders a batch opens, moves on and closes is seen by its own requests at once. */
START_TEST(test_folders_in_a_batch)
{
    const char *reply;

    start();
    op_rig_append(rig, USER, "INBOX", "Subject: 1\n\nx\n", 1);
    reply = run(1,
                "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>"
                "<folderBrowse id=\"2\" folder=\"F\"><index>0</index></folderBrowse>"
                "<folderOpen id=\"3\" folder=\"F\" mailbox=\"INBOX\"/>"
                "<folderClose id=\"4\" folder=\"F\"/>"
                "<folderBrowse id=\"5\" folder=\"F\"><index>0</index></folderBrowse>"
                "<folderOpen id=\"6\" folder=\"F\" mailbox=\"INBOX\"/>"
                "<messageMark id=\"7\" folder=\"F\" flags=\"Seen\"><UID>1</UID></messageMark>"
                "<folderSync id=\"8\" folder=\"F\"/><folderSync id=\"9\" folder=\"F\"/>",
                XIMSS_REPLAY_RUN);
    assert_has(reply, "UID=\"1\"/><response id=\"2\"/><response errorNum=\"513\"");
    assert_has(reply, "<response id=\"4\"/><response errorNum=\"512\"");
    assert_has(reply, "mode=\"updated\" UID=\"1\" unseen=\"0\"/><response id=\"8\"/>"
                      "<response id=\"9\"/>");
    ck_assert_int_eq(session->folders, 1);
    reply = run(2, "<folderClose id=\"1\" folder=\"F\"/><folderClose id=\"2\" folder=\"F\"/>",
                XIMSS_REPLAY_RUN);
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"512\"");
    ck_assert_int_eq(session->folders, 0);
}
END_TEST

START_TEST(test_amend)
{
    const ximss_reply_text_t more = {"<alert>x</alert>", 16};

    start();
    run(5, "<noop id=\"1\"/>", XIMSS_REPLAY_RUN);
    assert_ok(ximss_replay_amend(&rig->context, session, &more, test_pool));
    assert_ok(ximss_replay_amended(&rig->context, session, test_pool));
    assert_ok(ximss_replay_amended(&rig->context, session, test_pool));
    ck_assert_str_eq(run(5, "", XIMSS_REPLAY_STORED), "<response id=\"1\"/><alert>x</alert>");
}
END_TEST

/* ---- death ---- */

/* Runs batch SEQ by hand up to the moment after its commit (or before, when not COMMITTED), and dies there. */
static void die(apr_int64_t seq, int complete, int committed)
{
    const ximss_replay_step_t step = {1, complete, {"<response id=\"1\"/>", 18}};
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);
    ximss_replay_verdict_t verdict;
    ximss_reply_text_t before;
    ximss_replay_t replay;
    ximss_stage_t stage;

    ximss_stage_init(&stage, ximss_session_folder(rig->context.table, session, test_pool),
                     &session->progress.serial, test_pool);
    assert_ok(ximss_replay_begin(&rig->context, session, seq, &verdict, &before, test_pool));
    ck_assert_int_eq(verdict, XIMSS_REPLAY_RUN);
    assert_ok(ximss_replay_start(&replay, &rig->context, session, &stage, test_pool));
    session->folders += 3;
    assert_ok(ximss_account_begin_write(account, test_pool));
    assert_ok(ximss_replay_prepare(&replay, &step, account, test_pool));
    if (committed) {
        assert_ok(ximss_account_commit(account, test_pool));
    }
    ximss_account_return(account);
}

START_TEST(test_death_at_commit)
{
    const char *xml =
        "<mailboxCreate id=\"1\" mailbox=\"A\"/><mailboxCreate id=\"2\" mailbox=\"B\"/>";

    start();
    die(1, 1, 1);
    ck_assert_str_eq(run(1, xml, XIMSS_REPLAY_STORED), "<response id=\"1\"/>");
    ck_assert_int_eq(session->folders, 3);
    die(2, 1, 0);
    ck_assert_str_eq(run(2, xml, XIMSS_REPLAY_RUN), "<response id=\"1\"/><response id=\"2\"/>");
    ck_assert_int_eq(session->folders, 3);
    /* One that is done in part goes on where it was: the first request is not run again. */
    die(3, 0, 1);
    assert_has(run(3, xml, XIMSS_REPLAY_RUN), "<response id=\"1\"/><response errorNum=\"511\"");
    ck_assert_int_eq(session->folders, 6);
    assert_has(run(3, "", XIMSS_REPLAY_STORED), "<response id=\"1\"/><response errorNum=\"511\"");
    /* Another batch may come instead. */
    die(4, 0, 1);
    run(3, "", XIMSS_REPLAY_LATE);
    run(-1, "<noop id=\"1\"/>", XIMSS_REPLAY_RUN);
    ck_assert_str_eq(run(5, "<noop id=\"1\"/>", XIMSS_REPLAY_RUN), "<response id=\"1\"/>");
    run(4, xml, XIMSS_REPLAY_LATE);
}
END_TEST

#define ROUNDS 600

/* What the processes of the test share. */
typedef struct shared_t {
    ximss_context_t context;
    char url_id[XIMSS_URL_ID_LENGTH + 1];
} shared_t;

static void share(shared_t *shared)
{
    const ximss_table_options_t options = {
        .sessions = 4, .sessions_account = 4, .idle_timeout = 86400};
    apr_size_t size = ximss_table_size(&options);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ximss_session_t fresh = {.previous_login = 1};
    ximss_account_entry_t *entry;

    ck_assert_ptr_ne(memory, MAP_FAILED);
    assert_ok(ximss_table_init(memory, size, &options, rig->pool));
    shared->context = rig->context;
    assert_ok(ximss_table_attach(&shared->context.table, memory, size,
                                 apr_pstrcat(rig->pool, rig->dir, "/runtime", NULL), rig->pool));
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, rig->pool));
    apr_cpystrn(fresh.account_id, entry->id, sizeof(fresh.account_id));
    apr_cpystrn(fresh.user_name, entry->name, sizeof(fresh.user_name));
    assert_ok(ximss_session_create(shared->context.table, &fresh, rig->pool));
    apr_cpystrn(shared->url_id, fresh.url_id, sizeof(shared->url_id));
}

/* Runs batch SEQ in this process, from the lock to the unlock. */
static const char *request(const ximss_context_t *context, const char *url_id, apr_int64_t seq,
                           const char *xml, apr_pool_t *pool)
{
    ximss_replay_verdict_t verdict;
    ximss_session_t *locked;
    const char *reply;

    assert_ok(ximss_session_lock(&locked, context->table, url_id, 5000, pool));
    ck_assert_ptr_nonnull(locked);
    reply = run_on(context, locked, seq, xml, &verdict, pool);
    ck_assert_int_ne(verdict, XIMSS_REPLAY_LATE);
    ximss_session_unlock(context->table, locked);
    return reply;
}

static void open_handle(const ximss_context_t *context, apr_pool_t *pool)
{
    ximss_account_entry_t *entry;
    ximss_account_t *account;

    assert_ok(ximss_account_find(context->store, USER, &entry, pool));
    assert_ok(ximss_account_checkout(&account, context->store, entry->id, pool));
    ximss_account_return(account);
}

/* Runs batch SEQ in a child that is killed after DELAY nanoseconds from its start. */
static void request_killed(const shared_t *shared, apr_int64_t seq, const char *xml, long delay)
{
    const ximss_store_options_t options = {.handle_cache = 2, .lock_wait_ms = 2000, .server = 1};
    const struct timespec moment = {0, delay};
    int ready[2];
    char byte;
    pid_t child;

    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        ximss_context_t context = shared->context;
        apr_pool_t *pool;

        apr_pool_create(&pool, NULL);
        /* A store of its own, and the handle open: what is left is the batch. */
        assert_ok(ximss_store_open(&context.store, "sqlite",
                                   apr_pstrcat(pool, rig->dir, "/data", NULL), &options, pool));
        open_handle(&context, pool);
        (void)!write(ready[1], "r", 1);
        request(&context, shared->url_id, seq, xml, pool);
        _exit(0);
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1);
    close(ready[0]);
    nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static const char *round_xml(int round)
{
    return apr_psprintf(
        test_pool,
        "<folderSync id=\"1\" folder=\"F\"/>"
        "<messageCopy id=\"2\" folder=\"F\" targetMailbox=\"INBOX\"><UID>1</UID></messageCopy>"
        "<folderSync id=\"3\" folder=\"F\"/><noop id=\"4\"/>"
        "<messageMark id=\"5\" folder=\"F\" flags=\"%s\"><UID>1</UID></messageMark>"
        "<folderSync id=\"6\" folder=\"F\"/>%s",
        round % 2 == 0 ? "Flagged" : "Unflagged",
        round % 2 == 0 ? "<folderOpen id=\"7\" folder=\"G\" mailbox=\"INBOX\"/>"
                       : "<folderClose id=\"7\" folder=\"G\"/>");
}

/* Whatever was done before the death, the repeat makes the whole true, once. */
static void check_round(const shared_t *shared, int round, apr_pool_t *pool)
{
    const char *xml = round_xml(round);
    const char *reply = request(&shared->context, shared->url_id, round, xml, pool);

    ck_assert_int_eq(op_rig_count(reply, "<response id="), 7);
    ck_assert_int_eq(op_rig_count(reply, "mode=\"added\""), 1);
    ck_assert_int_eq(op_rig_count(reply, "mode=\"updated\""), 1);
    assert_has(reply, apr_psprintf(pool, " index=\"%d\" messages=\"%d\" mode=\"added\"", round + 1,
                                   round + 2));
    ck_assert_str_eq(request(&shared->context, shared->url_id, round, xml, pool), reply);
}

/* The files of the session that only a running batch has. */
static int count_leftovers(const char *dir)
{
    const char *command = apr_psprintf(test_pool, "%s/runtime", dir);
    apr_dir_t *runtime;
    apr_dir_t *folder;
    apr_finfo_t info;
    int count = 0;

    ck_assert_int_eq(apr_dir_open(&runtime, command, test_pool), APR_SUCCESS);
    while (apr_dir_read(&info, APR_FINFO_NAME, runtime) == APR_SUCCESS) {
        if (info.name[0] == '.') {
            continue;
        }
        ck_assert_int_eq(
            apr_dir_open(&folder, apr_pstrcat(test_pool, command, "/", info.name, NULL), test_pool),
            APR_SUCCESS);
        while (apr_dir_read(&info, APR_FINFO_NAME, folder) == APR_SUCCESS) {
            count += strncmp(info.name, "stage-", 6) == 0 || strcmp(info.name, "reply.new") == 0;
        }
        apr_dir_close(folder);
    }
    apr_dir_close(runtime);
    return count;
}

START_TEST(test_killed)
{
    shared_t shared;
    apr_pool_t *pool;
    apr_time_t begin;
    unsigned long span;
    int round;

    rig = op_rig_make();
    apr_pool_create(&pool, rig->pool);
    op_rig_append(rig, USER, "INBOX", "Subject: 1\n\nx\n", 1);
    share(&shared);
    request(&shared.context, shared.url_id, -1,
            "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>", pool);
    begin = apr_time_now();
    check_round(&shared, 0, pool);
    span = (unsigned long)(apr_time_now() - begin) * 1300 + 200000;
    srandom((unsigned)begin);
    for (round = 1; round < ROUNDS; round++) {
        request_killed(&shared, round, round_xml(round),
                       (long)((unsigned long)random() % span % 999999999));
        apr_pool_clear(pool);
        check_round(&shared, round, pool);
    }
    ck_assert_int_eq(count_leftovers(rig->dir), 0);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "replay");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_numbers);
    tcase_add_test(tcase, test_repeat);
    tcase_add_test(tcase, test_repeat_reads);
    tcase_add_test(tcase, test_folders_in_a_batch);
    tcase_add_test(tcase, test_amend);
    tcase_add_test(tcase, test_death_at_commit);
    tcase_add_test(tcase, test_killed);
}
