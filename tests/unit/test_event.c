/* Events of sessions: watches and wakes across processes, batches that are kept until acknowledged, replies of
 * asynchronous batches, the word that the server ended a session, datagrams from outside. */
#include "op/deliver.h"
#include "session/event.h"
#include "session/wait.h"
#include "store/wake.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN                                                                                       \
    "<folderOpen id=\"o\" folder=\"%s\" mailbox=\"INBOX\"><field>FLAGS</field></folderOpen>"
#define NOTIFY "<folderReport folder=\"in\" mode=\"notify\"/>"

static op_rig_t *rig;
static ximss_table_t *table;
static ximss_session_t *session;

static void start(void)
{
    rig = op_rig_make();
    table = rig->context.table;
    op_rig_append(rig, "user@example.org", "INBOX", "Subject: a\n\nb\n", OP_RIG_NOW);
    session = op_rig_session(rig, "user@example.org");
}

static void open_in(void)
{
    assert_has(op_rig_runf(rig, session, OPEN, "in"), "mode=\"init\"");
}

static const char *poll(apr_int64_t ack)
{
    ximss_delivery_t document;

    assert_ok(ximss_deliver_poll(&rig->context, session, ack, &document, test_pool));
    return document.data != NULL ? document.data : "";
}

static void append(void)
{
    op_rig_append(rig, "user@example.org", "INBOX", "Subject: c\n\nd\n", OP_RIG_NOW);
}

/* The mailbox that the one watch in state PENDING is of; 0: none. */
static apr_int64_t watched(int pending)
{
    ximss_watch_t watches[XIMSS_WATCH_MOST];
    int count = ximss_watch_list(table, session, pending, watches);

    ck_assert_int_le(count, 1);
    return count == 1 ? watches[0].mailbox : 0;
}

static void changed_elsewhere(const char *account, const apr_int64_t *mailboxes, int count)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        ximss_event_changed(table, account, mailboxes, count);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(test_another_process)
{
    ximss_wait_t wait;
    apr_int64_t mailboxes[2];

    start();
    open_in();
    mailboxes[0] = watched(0) + 1;
    mailboxes[1] = watched(0);
    ck_assert_int_eq(ximss_wait_begin(&wait, table, session->url_id, 1000, 0), 1);
    changed_elsewhere(session->account_id, mailboxes, 1);
    changed_elsewhere("another", mailboxes, 2);
    ck_assert_int_eq(watched(1), 0);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_NOTHING);
    changed_elsewhere(session->account_id, mailboxes, 2);
    ck_assert_int_eq(watched(1), mailboxes[1]);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_EVENT);
    changed_elsewhere(session->account_id, mailboxes, 2);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_NOTHING);
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\">" NOTIFY "</XIMSS>");
    changed_elsewhere(session->account_id, mailboxes, -1);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_EVENT);
    ck_assert_str_eq(poll(1), "");
}
END_TEST

/* Nobody says that something changed: the counters do. */
START_TEST(test_counters)
{
    start();
    open_in();
    ck_assert_str_eq(poll(0), "");
    append();
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\">" NOTIFY "</XIMSS>");
    append();
    ck_assert_str_eq(poll(1), "");
    op_rig_run(rig, session, "<folderSync id=\"s\" folder=\"in\"/>");
    ck_assert_str_eq(poll(1), "");
    append();
    op_rig_run(rig, session, "<folderReopen id=\"r\" folder=\"in\"/>");
    ck_assert_str_eq(poll(1), "");
    append();
    ck_assert_str_eq(poll(1), "<XIMSS respSeq=\"2\">" NOTIFY "</XIMSS>");
    op_rig_run(rig, session, "<folderClose id=\"c\" folder=\"in\"/>");
    append();
    ck_assert_str_eq(poll(2), "");
}
END_TEST

START_TEST(test_kept)
{
    start();
    open_in();
    append();
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\">" NOTIFY "</XIMSS>");
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\">" NOTIFY "</XIMSS>");
    op_rig_run(rig, session, "<folderSync id=\"s\" folder=\"in\"/>");
    append();
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\">" NOTIFY "</XIMSS>");
    ck_assert_str_eq(poll(-1), "<XIMSS respSeq=\"2\">" NOTIFY "</XIMSS>");
    ck_assert_str_eq(poll(7), "");
    ck_assert_str_eq(poll(0), "");
}
END_TEST

START_TEST(test_many_folders)
{
    int i;

    start();
    rig->limits.folders = XIMSS_WATCH_MOST + 1;
    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        assert_has(op_rig_runf(rig, session, OPEN, apr_itoa(test_pool, i)), "mode=\"init\"");
    }
    assert_has(op_rig_runf(rig, session, OPEN, "in"), "more than 64 open folders");
    append();
    ck_assert_int_eq(op_rig_count(poll(0), "notify"), XIMSS_WATCH_MOST);
    op_rig_run(rig, session, "<folderClose id=\"c\" folder=\"7\"/>");
    assert_has(op_rig_runf(rig, session, OPEN, "a&lt;&quot;&amp;"), "mode=\"init\"");
    append();
    ck_assert_str_eq(
        poll(1), "<XIMSS respSeq=\"2\"><folderReport folder=\"a&lt;&quot;&amp;\" mode=\"notify\"/>"
                 "</XIMSS>");
}
END_TEST

static const ximss_error_t *add(const char *text)
{
    const ximss_delivery_t reply = {text, strlen(text)};

    return ximss_deliver_add(&rig->context, session, &reply, test_pool);
}

START_TEST(test_async)
{
    ximss_delivery_t taken;

    start();
    open_in();
    append();
    assert_ok(add("<a/>"));
    assert_ok(add("<b/>"));
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\"><a/><b/>" NOTIFY "</XIMSS>");
    assert_ok(add("<c/>"));
    assert_ok(ximss_deliver_take(&rig->context, session, 0, &taken, test_pool));
    ck_assert_str_eq(taken.data, "<c/>");
    assert_ok(ximss_deliver_take(&rig->context, session, 0, &taken, test_pool));
    ck_assert_ptr_null(taken.data);
    ck_assert_str_eq(poll(1), "");
}
END_TEST

START_TEST(test_seconds)
{
    ck_assert_int_eq(ximss_deliver_seconds(NULL), 20);
    ck_assert_int_eq(ximss_deliver_seconds(""), 20);
    ck_assert_int_eq(ximss_deliver_seconds("0"), 0);
    ck_assert_int_eq(ximss_deliver_seconds("-5"), 0);
    ck_assert_int_eq(ximss_deliver_seconds("60"), 60);
    ck_assert_int_eq(ximss_deliver_seconds("120"), 120);
    ck_assert_int_eq(ximss_deliver_seconds("121"), 120);
    ck_assert_int_eq(ximss_deliver_seconds("4294967296"), 120);
    ck_assert_int_eq(ximss_deliver_seconds("99999999999999999999999"), 120);
    ck_assert_int_eq(ximss_deliver_seconds("-99999999999999999999999"), 0);
}
END_TEST

START_TEST(test_async_never_taken)
{
    const ximss_error_t *error = NULL;
    apr_int64_t seq;
    char url_id[XIMSS_URL_ID_LENGTH + 1];
    int i;

    start();
    for (i = 0; i < 1000 && error == NULL; i++) {
        error = add("<a/>");
    }
    assert_ok(error);
    error = add("<a/>");
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_LIMIT);
    ck_assert_int_eq(session->ended, XIMSS_ENDED_BY_SERVER);
    memcpy(url_id, session->url_id, sizeof(url_id));
    ck_assert_int_eq(ximss_event_take_bye(table, url_id, &seq), 0);
}
END_TEST

/* What a session of its own, which is not locked, leaves behind. */
static int says_bye(int ended, const char **url_id)
{
    ximss_session_t fresh = {.account_id = "abc", .idle_timeout = 60, .resp_seq = 0};
    ximss_session_t *locked;
    apr_int64_t seq = 0;
    int told;

    assert_ok(ximss_session_create(table, &fresh, test_pool));
    *url_id = apr_pstrdup(test_pool, fresh.url_id);
    assert_ok(ximss_session_lock(&locked, table, fresh.url_id, 0, test_pool));
    locked->resp_seq = 41;
    locked->ended = ended;
    ximss_session_unlock(table, locked);
    told = ximss_event_take_bye(table, *url_id, &seq);
    ck_assert(!told || seq == 42);
    return told;
}

START_TEST(test_bye)
{
    const char *url_id;
    apr_int64_t seq;

    start();
    ck_assert_int_eq(says_bye(XIMSS_ENDED_BY_SERVER, &url_id), 1);
    ck_assert_int_eq(ximss_event_take_bye(table, url_id, &seq), 0);
    ck_assert_int_eq(says_bye(XIMSS_ENDED_BY_CLIENT, &url_id), 0);
    ck_assert_int_eq(ximss_event_take_bye(table, "999999-aaaaaaaaaaaaaaaaaaaa", &seq), 0);
    ck_assert_int_eq(ximss_event_take_bye(table, "", &seq), 0);
}
END_TEST

/* A poll that finds the session locked is woken when it is not any more. */
START_TEST(test_locked)
{
    ximss_session_t fresh = {.account_id = "abc", .idle_timeout = 60};
    ximss_session_t *locked;
    ximss_session_t *second;
    ximss_wait_t wait;
    pid_t child;
    int status;
    int busy;

    start();
    assert_ok(ximss_session_create(table, &fresh, test_pool));
    ck_assert_int_eq(ximss_wait_begin(&wait, table, fresh.url_id, 1000, 0), 1);
    assert_ok(ximss_session_lock(&locked, table, fresh.url_id, 0, test_pool));
    child = fork();
    if (child == 0) {
        second = NULL;
        _exit(ximss_event_lock(&second, table, fresh.url_id, &busy, test_pool) == NULL &&
                      second == NULL && busy
                  ? 0
                  : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_NOTHING);
    ximss_session_unlock(table, locked);
    ck_assert_int_eq(ximss_wait_take(&wait), XIMSS_WAIT_EVENT);
    assert_ok(ximss_event_lock(&second, table, fresh.url_id, &busy, test_pool));
    ck_assert_ptr_nonnull(second);
    ck_assert_int_eq(busy, 0);
    second->ended = XIMSS_ENDED_BY_CLIENT;
    ximss_session_unlock(table, second);
    ck_assert_int_eq(ximss_wait_look(&wait), XIMSS_WAIT_LOST);
}
END_TEST

/* Also where no folder is open. */
START_TEST(test_deleted_account)
{
    start();
    ck_assert_str_eq(poll(0), "");
    assert_ok(ximss_account_delete(rig->context.store, "user@example.org", test_pool));
    ck_assert_str_eq(poll(0), "");
    ck_assert_int_eq(session->ended, XIMSS_ENDED_BY_SERVER);
}
END_TEST

/* An alert is shown once, by every session of the account. */
START_TEST(test_alert)
{
    start();
    assert_ok(ximss_account_alert_post(op_rig_handle(rig, "user@example.org", rig->pool), "<hello>",
                                       OP_RIG_NOW, test_pool));
    ck_assert_str_eq(poll(0), "<XIMSS respSeq=\"1\"><alert gmtTime=\"20231114T221320\" "
                              "localTime=\"20231114T231320\">&lt;hello&gt;</alert></XIMSS>");
    ck_assert_str_eq(poll(1), "");
}
END_TEST

static void *shut(void *baton)
{
    ximss_wake_shut(*(const int *)baton, rig->dir);
    return NULL;
}

START_TEST(test_datagram)
{
    const ximss_wake_t sent = {.account = "abc", .mailboxes = {3, 4}, .count = 2};
    ximss_wake_t wrong = {.account = "abc", .count = XIMSS_WAKE_MAILBOXES + 1};
    ximss_wake_t got;
    pthread_t thread;
    int descriptor;

    start();
    ximss_wake_send(rig->dir, &sent); /* nobody listens */
    assert_ok(ximss_wake_open(&descriptor, rig->dir, test_pool));
    ximss_wake_send(rig->dir, &sent);
    ck_assert_int_eq(ximss_wake_receive(descriptor, &got), 1);
    ck_assert_str_eq(got.account, "abc");
    ck_assert_int_eq(got.count, 2);
    ck_assert_int_eq(got.mailboxes[1], 4);
    ximss_wake_send(rig->dir, &wrong);
    ck_assert_int_eq(ximss_wake_receive(descriptor, &got), 0);
    memset(wrong.account, 'a', sizeof(wrong.account));
    wrong.count = 0;
    ximss_wake_send(rig->dir, &wrong);
    ck_assert_int_eq(ximss_wake_receive(descriptor, &got), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, shut, &descriptor), 0);
    ck_assert_int_eq(ximss_wake_receive(descriptor, &got), -1);
    pthread_join(thread, NULL);
    close(descriptor);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "event");

    tcase_add_test(tcase, test_another_process);
    tcase_add_test(tcase, test_counters);
    tcase_add_test(tcase, test_kept);
    tcase_add_test(tcase, test_many_folders);
    tcase_add_test(tcase, test_async);
    tcase_add_test(tcase, test_async_never_taken);
    tcase_add_test(tcase, test_seconds);
    tcase_add_test(tcase, test_bye);
    tcase_add_test(tcase, test_locked);
    tcase_add_test(tcase, test_deleted_account);
    tcase_add_test(tcase, test_alert);
    tcase_add_test(tcase, test_datagram);
}
