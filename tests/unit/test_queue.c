/* The queue with a transport of the test's own, which notes what it is given: what is sent, tried again, given up,
 * held and reported; and that no crash at any step loses or doubles a message. */
#include "op/handlers.h"
#include "submit/queue.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER  "user@example.org"
#define OTHER "other@example.org"

/* Shared with children that are killed. */
typedef struct world_t {
    apr_int64_t now;
    int steps;   /* times that the clock was read */
    int kill_at; /* the process dies when it is read for that time; 0: never */
    int kill_after_send;
    int sent[3]; /* how often each of r0, r1, r2@example.com was sent to */
    int calls;
    int most; /* recipients of one call */
} world_t;

static op_rig_t *rig;
static world_t *world;
static ximss_queue_t queue;
static ximss_queue_progress_t result;
static const ximss_route_t route = {.kind = XIMSS_ROUTE_SMTP};

static apr_int64_t read_clock(void)
{
    if (++world->steps == world->kill_at) {
        kill(getpid(), SIGKILL);
    }
    return world->now;
}

/* What the fake transport answers for a recipient: by the first word of its address. */
static void answer(ximss_recipient_t *recipient)
{
    recipient->status = "2.0.0";
    recipient->text = "taken";
    recipient->remote = "relay";
    if (strncmp(recipient->address, "later", 5) == 0) {
        recipient->result = XIMSS_TEMPORARY;
        recipient->status = "4.2.0";
        recipient->text = "come back";
    }
    else if (strncmp(recipient->address, "never", 5) == 0) {
        recipient->result = XIMSS_PERMANENT;
        recipient->status = "5.1.1";
        recipient->text = "nobody here";
    }
    else if (strncmp(recipient->address, "lost", 4) == 0) {
        recipient->result = XIMSS_UNKNOWN;
        recipient->status = "4.4.2";
        recipient->text = "connection lost";
    }
    else if (strncmp(recipient->address, "dead", 4) == 0) {
        recipient->result = XIMSS_TEMPORARY;
        recipient->status = "4.4.1";
        recipient->text = "no connection";
        recipient->remote = NULL;
    }
    else {
        recipient->result = XIMSS_SENT;
        if (recipient->address[0] == 'r') {
            world->sent[recipient->address[1] - '0']++;
        }
    }
}

static const ximss_error_t *send_fake(const ximss_route_t *given, ximss_envelope_t *envelope,
                                      apr_pool_t *pool)
{
    int i;

    (void)pool;
    read_clock(); /* to die before anything is sent */
    ck_assert_ptr_eq(given, &route);
    world->calls++;
    if (envelope->recipients->nelts > world->most) {
        world->most = envelope->recipients->nelts;
    }
    for (i = 0; i < envelope->recipients->nelts; i++) {
        answer(&APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t));
    }
    if (world->kill_after_send) {
        kill(getpid(), SIGKILL);
    }
    return NULL;
}

static void start(void)
{
    rig = op_rig_make();
    op_rig_account(rig, OTHER);
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(world, MAP_FAILED);
    memset(world, 0, sizeof(*world));
    world->now = OP_RIG_NOW;
    queue = (ximss_queue_t){.store = rig->context.store,
                            .data_dir = apr_pstrcat(test_pool, rig->dir, "/data", NULL),
                            .limits = &rig->limits,
                            .patience = {.first_pause = 100, .longest_pause = 400, .give_up = 1000},
                            .clock = read_clock,
                            .route = &route,
                            .send = send_fake,
                            .threads = 2};
}

/* Puts a message of USER's into the outbox, for the blank separated RECIPIENTS. */
static apr_int64_t submit(const char *sender, unsigned int notify, const char *recipients)
{
    apr_array_header_t *rows = apr_array_make(test_pool, 4, sizeof(ximss_outbox_recipient_t));
    ximss_outbox_message_t message = {.time = world->now, .sender = sender};
    const char *raw = "From: user@example.org\r\nSubject: sent\r\n\r\ntext\r\n";
    char *names = apr_pstrdup(test_pool, recipients);
    ximss_account_entry_t *entry;
    ximss_account_t *account;
    apr_pool_t *pool;
    char *rest;
    char *name;

    apr_pool_create(&pool, rig->pool);
    for (name = apr_strtok(names, " ", &rest); name != NULL; name = apr_strtok(NULL, " ", &rest)) {
        const ximss_outbox_recipient_t row = {.address = name, .notify = notify, .due = world->now};

        APR_ARRAY_PUSH(rows, ximss_outbox_recipient_t) = row;
    }
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, pool));
    assert_ok(ximss_outbox_announce(rig->context.store, entry->id, world->now, world->now, pool));
    account = op_rig_handle(rig, USER, pool);
    assert_ok(ximss_account_begin_write(account, pool));
    assert_ok(ximss_outbox_add(
        account, &message, ximss_digest_make(raw, strlen(raw), &rig->limits, pool), rows, pool));
    assert_ok(ximss_account_commit(account, pool));
    apr_pool_destroy(pool);
    return message.id;
}

static void run(void)
{
    assert_ok(ximss_queue_run(&queue, &result, test_pool));
}

/* The recipients that are left of all messages, as "address:state:attempts ". */
static const char *left(void)
{
    static const char *const states[] = {"waiting", "sending", "held", "failed", "done", "relayed"};
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
        apr_array_header_t *rows;

        assert_ok(ximss_outbox_recipients(
            account, APR_ARRAY_IDX(messages, i, ximss_outbox_message_t).id, &rows, pool));
        for (j = 0; j < rows->nelts; j++) {
            const ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, j, ximss_outbox_recipient_t);

            text = apr_psprintf(test_pool, "%s%s:%s:%d ", text, row->address, states[row->state],
                                row->attempts);
        }
    }
    apr_pool_destroy(pool);
    return text;
}

static int count_messages(const char *name)
{
    ximss_mailbox_t *inbox;
    apr_pool_t *pool;
    int count;

    apr_pool_create(&pool, rig->pool);
    assert_ok(ximss_mailbox_find(op_rig_handle(rig, name, pool), "INBOX", &inbox, pool));
    count = (int)inbox->messages;
    apr_pool_destroy(pool);
    return count;
}

/* The bytes of message UID of NAME's INBOX. */
static const char *read_message(const char *name, apr_uint32_t uid)
{
    ximss_mailbox_t *inbox;
    ximss_message_t row;
    ximss_account_t *account;
    const char *data;
    apr_pool_t *pool;
    const char *text;

    apr_pool_create(&pool, rig->pool);
    account = op_rig_handle(rig, name, pool);
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, pool));
    assert_ok(ximss_op_message(account, NULL, inbox->id, uid, &row, pool));
    assert_ok(ximss_blob_read(account, row.blob, 0, (apr_size_t)row.size, &data, pool));
    text = apr_pstrmemdup(test_pool, data, (apr_size_t)row.size);
    apr_pool_destroy(pool);
    return text;
}

/* ---- one attempt ---- */

START_TEST(sends_together)
{
    start();
    submit(USER, 0, "r0@example.com r1@example.com other@example.org r2@example.com");
    run();
    ck_assert_int_eq(world->calls, 1);
    ck_assert_int_eq(world->most, 3);
    ck_assert_int_eq(result.count.sent, 4);
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(count_messages(OTHER), 1);
    ck_assert_int_eq(count_messages(USER), 0);
    run();
    ck_assert_int_eq(world->calls, 1);
}
END_TEST

START_TEST(nothing_is_due)
{
    start();
    run();
    ck_assert_int_eq(world->calls, 0);
    submit(USER, 0, "r0@example.com");
    world->now--;
    run();
    ck_assert_int_eq(world->calls, 0);
    world->now++;
    run();
    ck_assert_int_eq(world->sent[0], 1);
}
END_TEST

START_TEST(tries_again)
{
    start();
    submit(USER, 0, "later0@example.com r0@example.com");
    run();
    ck_assert_str_eq(left(), "later0@example.com:waiting:1 ");
    ck_assert_int_eq(result.count.waiting, 1);
    world->now += 79; /* the first pause is 100, give or take a fifth */
    run();
    ck_assert_str_eq(left(), "later0@example.com:waiting:1 ");
    world->now += 42;
    run();
    ck_assert_str_eq(left(), "later0@example.com:waiting:2 ");
    world->now += 159; /* twice as long */
    run();
    ck_assert_str_eq(left(), "later0@example.com:waiting:2 ");
    world->now += 82;
    run();
    ck_assert_str_eq(left(), "later0@example.com:waiting:3 ");
    ck_assert_int_eq(count_messages(USER), 0);
    world->now = OP_RIG_NOW + 1000;
    run();
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(result.count.failed, 1);
    ck_assert_int_eq(count_messages(USER), 1);
    ck_assert_int_eq(world->sent[0], 1);
}
END_TEST

START_TEST(fails_for_good)
{
    start();
    submit(USER, 0, "never0@example.com never1@example.com r0@example.com nobody@example.org");
    run();
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(result.count.failed, 3);
    /* one report for those here, and one for those elsewhere */
    ck_assert_int_eq(count_messages(USER), 2);
    assert_has(read_message(USER, 1), "Final-Recipient: rfc822; never0@example.com");
    assert_has(read_message(USER, 1), "Final-Recipient: rfc822; never1@example.com");
    assert_has(read_message(USER, 1), "Action: failed");
    assert_has(read_message(USER, 1), "Status: 5.1.1");
    assert_has(read_message(USER, 1), "nobody here");
    assert_has(read_message(USER, 1), "Return-Path: <>");
    assert_has(read_message(USER, 2), "Final-Recipient: rfc822; nobody@example.org");
}
END_TEST

START_TEST(reports_as_asked)
{
    start();
    submit(USER, XIMSS_NOTIFY_NEVER, "never0@example.com");
    submit(USER, XIMSS_NOTIFY_SUCCESS, "never0@example.com");
    submit("", 0, "never0@example.com nobody@example.org");
    run();
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(count_messages(USER), 0);
    submit(USER, XIMSS_NOTIFY_SUCCESS | XIMSS_NOTIFY_FAILURE, "other@example.org");
    run();
    ck_assert_int_eq(count_messages(USER), 1);
    assert_has(read_message(USER, 1), "Final-Recipient: rfc822; other@example.org");
    assert_has(read_message(USER, 1), "Action: delivered");
    submit(USER, XIMSS_NOTIFY_SUCCESS, "r0@example.com");
    run();
    ck_assert_int_eq(count_messages(USER), 2);
    assert_has(read_message(USER, 2), "Action: relayed");
    ck_assert_str_eq(left(), "");
}
END_TEST

START_TEST(holds_what_nobody_knows)
{
    start();
    submit(USER, 0, "lost0@example.com");
    run();
    ck_assert_str_eq(left(), "lost0@example.com:held:1 ");
    ck_assert_int_eq(result.count.held, 1);
    world->now += 5000;
    run();
    ck_assert_int_eq(world->calls, 1);
    ck_assert_str_eq(left(), "lost0@example.com:held:1 ");
}
END_TEST

/* A relay that is not reached is asked once a run, however many messages wait. */
START_TEST(asks_a_dead_relay_once)
{
    start();
    submit(USER, 0, "dead0@example.com");
    submit(USER, 0, "r0@example.com");
    queue.threads = 1;
    run();
    ck_assert_int_eq(world->calls, 1);
    ck_assert_str_eq(left(), "dead0@example.com:waiting:1 r0@example.com:waiting:0 ");
    world->now += 130;
    run();
    ck_assert_int_eq(world->calls, 2);
    world->now = OP_RIG_NOW + 1001;
    run();
    ck_assert_int_eq(world->calls, 3);
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(count_messages(USER), 2);
}
END_TEST

START_TEST(waits_without_a_way_out)
{
    start();
    queue.route = NULL;
    submit(USER, 0, "r0@example.com other@example.org");
    run();
    ck_assert_int_eq(count_messages(OTHER), 1);
    ck_assert_str_eq(left(), "r0@example.com:waiting:0 ");
    ck_assert_int_eq(world->calls, 0);
}
END_TEST

/* What keeps one message back, here that its mail is lost, keeps no other one back. */
START_TEST(a_damaged_message_is_left_alone)
{
    ximss_account_entry_t *entry;
    sqlite3 *db;

    start();
    submit(USER, 0, "r0@example.com");
    submit(USER, 0, "r1@example.com");
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, test_pool));
    ck_assert_int_eq(
        sqlite3_open(
            apr_pstrcat(test_pool, queue.data_dir, "/accounts/", entry->id, "/mail.db", NULL), &db),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "UPDATE outbox SET blob = 99 WHERE id = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_changes(db), 1);
    sqlite3_close(db);
    run();
    ck_assert_int_eq(world->sent[1], 1);
    ck_assert_int_eq(world->sent[0], 0);
    ck_assert_str_eq(left(), "r0@example.com:waiting:0 ");
    run();
    ck_assert_int_eq(world->calls, 1);
}
END_TEST

/* An account that is full is tried ever more rarely, too. */
START_TEST(waits_for_a_full_account)
{
    ximss_account_entry_t *entry;

    start();
    op_rig_append(rig, OTHER, "INBOX", apr_psprintf(test_pool, "\r\n%0900d", 0), 0);
    assert_ok(ximss_account_find(rig->context.store, OTHER, &entry, test_pool));
    entry->quota = 910;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    submit(USER, 0, "other@example.org");
    run();
    ck_assert_str_eq(left(), "other@example.org:waiting:1 ");
    world->now += 121;
    run();
    ck_assert_str_eq(left(), "other@example.org:waiting:2 ");
    entry->quota = -1;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
    world->now += 241;
    run();
    ck_assert_str_eq(left(), "");
    ck_assert_int_eq(count_messages(OTHER), 2);
}
END_TEST

/* ---- the hint ---- */

START_TEST(looks_at_all_daily)
{
    ximss_outbox_hint_t *hint;
    apr_array_header_t *hints;

    start();
    run();
    submit(USER, 0, "r0@example.com");
    assert_ok(ximss_outbox_hints(rig->context.store, world->now, &hints, test_pool));
    ck_assert_int_eq(hints->nelts, 1);
    hint = &APR_ARRAY_IDX(hints, 0, ximss_outbox_hint_t);
    assert_ok(ximss_outbox_settle(rig->context.store, hint, -1, world->now + 3600, test_pool));
    run();
    ck_assert_int_eq(world->calls, 0);
    world->now += 86400;
    run();
    ck_assert_int_eq(world->sent[0], 1);
}
END_TEST

START_TEST(tells_when_it_is_due)
{
    apr_int64_t seconds;

    start();
    assert_ok(ximss_queue_idle(rig->context.store, world->now, 30, &seconds, test_pool));
    ck_assert_int_eq(seconds, 0);
    run();
    assert_ok(ximss_queue_idle(rig->context.store, world->now, 30, &seconds, test_pool));
    ck_assert_int_eq(seconds, 30);
    world->now += 10;
    submit(USER, 0, "r0@example.com");
    assert_ok(ximss_queue_idle(rig->context.store, world->now - 10, 30, &seconds, test_pool));
    ck_assert_int_eq(seconds, 10);
}
END_TEST

START_TEST(one_run_at_a_time)
{
    const ximss_error_t *error;
    int file;

    start();
    file =
        open(apr_pstrcat(test_pool, queue.data_dir, "/queue.lock", NULL), O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(flock(file, LOCK_EX), 0);
    submit(USER, 0, "r0@example.com");
    error = ximss_queue_run(&queue, &result, test_pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_BUSY);
    ck_assert_int_eq(world->calls, 0);
    close(file);
    run();
    ck_assert_int_eq(world->calls, 1);
}
END_TEST

/* ---- crashes ---- */

/* Runs the queue in a process of its own, on a store of its own; returns whether it was killed. */
static int run_child(void)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const ximss_store_options_t options = {.handle_cache = 4, .lock_wait_ms = 2000};
        const ximss_error_t *error;

        error = ximss_store_open(&queue.store, "sqlite", queue.data_dir, &options, test_pool);
        if (error == NULL) {
            error = ximss_queue_run(&queue, &result, test_pool);
        }
        _exit(error != NULL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* Killed at each reading of the clock in turn, which stands between any two steps. Then the queue runs undisturbed:
 * nobody got the message twice, and who did not get it once is held. */
START_TEST(survives_a_kill_at_each_step)
{
    int killed = 1;
    int at;

    for (at = 1; killed; at++) {
        const char *rest;
        int i;

        start();
        queue.threads = 1;
        submit(USER, XIMSS_NOTIFY_SUCCESS | XIMSS_NOTIFY_FAILURE,
               "r0@example.com r1@example.com never0@example.com other@example.org");
        world->steps = 0;
        world->kill_at = at;
        killed = run_child();
        world->kill_at = 0;
        run();
        world->now += 200;
        run();
        rest = left();
        ck_assert_int_eq(count_messages(OTHER), 1);
        for (i = 0; i < 2; i++) {
            const int held = op_rig_has(rest, apr_psprintf(test_pool, "r%d@example.com:held", i));

            ck_assert_msg(world->sent[i] <= 1, "doubled at step %d", at);
            ck_assert_msg(world->sent[i] == 1 || held, "lost at step %d: %s", at, rest);
        }
        assert_not(rest, ":waiting");
        assert_not(rest, ":sending");
        assert_not(rest, ":failed");
        assert_not(rest, ":done");
        assert_not(rest, ":relayed");
        /* reports: other@ delivered; never0 failed, r0 and r1 relayed: or those three are held */
        ck_assert_int_eq(count_messages(USER), *rest == '\0' ? 3 : 1);
    }
    ck_assert_int_gt(at, 10);
}
END_TEST

START_TEST(holds_after_a_kill_between_sending_and_marking)
{
    start();
    submit(USER, 0, "r0@example.com later0@example.com");
    world->kill_after_send = 1;
    ck_assert(run_child());
    ck_assert_str_eq(left(), "r0@example.com:sending:1 later0@example.com:sending:1 ");
    world->kill_after_send = 0;
    run();
    ck_assert_str_eq(left(), "r0@example.com:held:1 later0@example.com:held:1 ");
    ck_assert_int_eq(world->sent[0], 1);
    world->now += 86400 * 10;
    run();
    ck_assert_int_eq(world->calls, 1);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *attempt = suite_case(suite, "attempt");
    TCase *hint = suite_case(suite, "hint");
    TCase *crash = suite_case(suite, "crash");

    tcase_add_test(attempt, sends_together);
    tcase_add_test(attempt, nothing_is_due);
    tcase_add_test(attempt, tries_again);
    tcase_add_test(attempt, fails_for_good);
    tcase_add_test(attempt, reports_as_asked);
    tcase_add_test(attempt, holds_what_nobody_knows);
    tcase_add_test(attempt, asks_a_dead_relay_once);
    tcase_add_test(attempt, waits_without_a_way_out);
    tcase_add_test(attempt, a_damaged_message_is_left_alone);
    tcase_add_test(attempt, waits_for_a_full_account);
    tcase_add_test(hint, looks_at_all_daily);
    tcase_add_test(hint, tells_when_it_is_due);
    tcase_add_test(hint, one_run_at_a_time);
    tcase_set_timeout(crash, 60);
    tcase_add_test(crash, survives_a_kill_at_each_step);
    tcase_add_test(crash, holds_after_a_kill_between_sending_and_marking);
}
