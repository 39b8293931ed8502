/* Events are taken once, whenever the process dies that takes them: a child does it and is killed at each of its system
 * calls in turn. */
#include "op/deliver.h"
#include "op/replay.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER   "user@example.org"
#define NOTIFY "<folderReport folder=\"F\" mode=\"notify\"/>"

static op_rig_t *rig;
static ximss_session_t *session;
static apr_int64_t acknowledged;

static void start(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, USER);
    op_rig_run(rig, session, "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    acknowledged = 0;
}

static const char *poll(void)
{
    ximss_delivery_t document;

    assert_ok(ximss_deliver_poll(&rig->context, session, acknowledged, &document, test_pool));
    return document.data != NULL ? document.data : "";
}

static void take_poll(void)
{
    poll();
}

static void take_reply(void)
{
    ximss_delivery_t taken;

    assert_ok(ximss_deliver_take(&rig->context, session, 1, &taken, test_pool));
}

/* The stored reply of batch SEQ, which is run when there is none. */
static const char *reply_of(apr_int64_t seq)
{
    const char *document = "<XIMSS><noop id=\"n\"/></XIMSS>";
    ximss_xml_t *out = ximss_xml_create(1 << 20, test_pool);
    ximss_replay_verdict_t verdict;
    const ximss_element_t *root;
    ximss_reply_text_t stored;

    assert_ok(ximss_replay_begin(&rig->context, session, seq, &verdict, &stored, test_pool));
    if (verdict == XIMSS_REPLAY_RUN) {
        assert_ok(ximss_xml_parse(&root, document, strlen(document), &rig->limits, test_pool));
        assert_ok(ximss_batch_run(&rig->context, &rig->peer, session, root, out, test_pool));
    }
    return apr_pstrmemdup(test_pool, stored.data, stored.length);
}

/* Runs TAKE in a child that dies at its system call NUMBER. Returns 0 when it did not come to that many. */
static int die_in(void (*take)(void), int number)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        take();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    /* each call stops it twice: before and after it */
    for (; number > 0; number--) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
            return 0;
        }
    }
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return 1;
}

/* Whether round NUMBER is enough: valgrind makes system calls of its own, and the whole takes too long there. */
static int is_enough(int number)
{
    return getenv("XIMSS_UNDER") != NULL && number >= 8;
}

/* Has a notification and the answer of an asynchronous batch wait. */
static const char *make_events(int round)
{
    ximss_delivery_t answer;

    op_rig_run(rig, session, "<folderSync id=\"s\" folder=\"F\"/>");
    op_rig_append(rig, USER, "INBOX", "Subject: x\n\ny\n", OP_RIG_NOW);
    answer.data = apr_psprintf(test_pool, "<response id=\"async%d\"/>", round);
    answer.length = strlen(answer.data);
    assert_ok(ximss_deliver_add(&rig->context, session, &answer, test_pool));
    return answer.data;
}

START_TEST(test_reply)
{
    int round = 0;
    int died = 1;

    start();
    while (died && !is_enough(round)) {
        const char *answer;
        const char *got;

        reply_of(++round);
        answer = make_events(round);
        died = die_in(take_reply, round);
        got = apr_pstrcat(test_pool, reply_of(round), poll(), NULL);
        ck_assert_msg(op_rig_count(got, answer) == 1 && op_rig_count(got, NOTIFY) == 1,
                      "death at %d: %s", round, got);
        acknowledged = session->resp_seq;
        ck_assert_str_eq(poll(), "");
    }
    ck_assert(round > 20 || is_enough(round));
}
END_TEST

START_TEST(test_poll)
{
    int round = 0;
    int died = 1;

    start();
    while (died && !is_enough(round)) {
        const char *answer = make_events(++round);
        const char *got;

        died = die_in(take_poll, round);
        got = poll();
        ck_assert_msg(op_rig_count(got, answer) == 1 && op_rig_count(got, NOTIFY) == 1,
                      "death at %d: %s", round, got);
        ck_assert_int_eq(session->resp_seq, round);
        ck_assert_str_eq(poll(), got);
        acknowledged = session->resp_seq;
        ck_assert_str_eq(poll(), "");
    }
    ck_assert(round > 20 || is_enough(round));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "taking");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_reply);
    tcase_add_test(tcase, test_poll);
}
