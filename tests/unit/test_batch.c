/* Batches as transactions: one commit for writes that follow each other, nothing half done. */
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

START_TEST(test_writes_and_reads)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    const char *reply = op_rig_run(rig, session,
                                   "<mailboxCreate id=\"1\" mailbox=\"A\"/>"
                                   "<mailboxList id=\"2\" filter=\"A\"/>"
                                   "<mailboxCreate id=\"3\" mailbox=\"A\"/>"
                                   "<mailboxCreate id=\"4\" mailbox=\"B\"/>"
                                   "<noop id=\"5\"/>"
                                   "<mailboxRename id=\"6\" mailbox=\"A\" newName=\"C\"/>");
    /* A list in the middle of a transaction shows what was written before it. */
    assert_has(reply, "<response id=\"1\"/><mailbox CLASS=\"\" id=\"2\"");
    assert_has(reply, "<response id=\"2\"/><response errorNum=\"511\"");
    assert_has(reply, "<response id=\"4\"/><response id=\"5\"/><response id=\"6\"/>");
    reply = op_rig_run(rig, session, "<mailboxList id=\"1\"/>");
    assert_has(reply, "mailbox=\"B\"");
    assert_has(reply, "mailbox=\"C\"");
    assert_not(reply, "mailbox=\"A\"");
}
END_TEST

/* What a failed request wrote goes, what others wrote stays. */
START_TEST(test_savepoints)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    const char *reply = op_rig_run(rig, session,
                                   "<mailboxCreate id=\"1\" mailbox=\"A/B/C\"/>"
                                   "<mailboxCreate id=\"2\" mailbox=\"X/Y//Z\"/>"
                                   "<mailboxRemove id=\"3\" mailbox=\"INBOX\"/>"
                                   "<mailboxCreate id=\"4\" mailbox=\"D\"/>");
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"501\"");
    assert_has(reply, "<response errorNum=\"516\"");
    assert_has(reply, "<response id=\"4\"/>");
    reply = op_rig_run(rig, session, "<mailboxList id=\"1\"/>");
    assert_has(reply, "mailbox=\"A/B/C\"");
    assert_has(reply, "mailbox=\"D\"");
    assert_not(reply, "mailbox=\"X");
}
END_TEST

START_TEST(test_busy_account)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    ximss_account_t *other = op_rig_handle(rig, "user@example.org", rig->pool);
    const char *reply;
    assert_ok(ximss_account_begin_write(other, test_pool));
    reply =
        op_rig_run(rig, session,
                   "<noop id=\"1\"/><mailboxCreate id=\"2\" mailbox=\"A\"/>"
                   "<mailboxList id=\"3\"/><folderOpen id=\"4\" folder=\"N\" mailboxClass=\"\"/>"
                   "<folderOpen id=\"5\" folder=\"INBOX\"/>");
    ximss_account_rollback(other);
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"503\"");
    assert_has(reply, "<response id=\"3\"/><response errorNum=\"503\"");
    assert_has(reply, "<response id=\"5\"/>");
    ck_assert_int_eq(session->folders, 1);
    assert_not(op_rig_run(rig, session, "<mailboxCreate id=\"1\" mailbox=\"A\"/>"), "errorNum");
}
END_TEST

/* No file may grow: the commit fails, and every request of it says so. */
START_TEST(test_failed_commit)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    struct rlimit tight = {64, RLIM_INFINITY};
    struct rlimit loose = {RLIM_INFINITY, RLIM_INFINITY};
    const char *reply;
    op_rig_run(rig, session, "<mailboxCreate id=\"1\" mailbox=\"Before\"/>");
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    reply = op_rig_run(rig, session,
                       "<noop id=\"1\"/><mailboxCreate id=\"2\" mailbox=\"A\"/>"
                       "<mailboxList id=\"3\"/><mailboxCreate id=\"4\" mailbox=\"A\"/>"
                       "<mailboxCreate id=\"5\" mailbox=\"B\"/><noop id=\"6\"/>"
                       "<mailboxList id=\"7\"/>");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &loose), 0);
    ck_assert_int_eq(op_rig_count(reply, "<response"), 7);
    assert_has(reply, "<XIMSS><response id=\"1\"/><response errorNum=\"5");
    assert_not(reply, "<response id=\"2\"/>");
    /* The list had shown what was undone then: it fails, too. */
    assert_not(reply, "<response id=\"3\"/>");
    assert_not(reply, "mailbox=\"A\"");
    assert_not(reply, "<response id=\"5\"/>");
    assert_has(reply, "<response errorNum=\"511\"");
    assert_has(reply, "<response id=\"6\"/>");
    assert_has(reply, "<response id=\"7\"/>");
    /* And the account is as sound as before. */
    reply =
        op_rig_run(rig, session, "<mailboxList id=\"1\"/><mailboxCreate id=\"2\" mailbox=\"A\"/>");
    assert_has(reply, "mailbox=\"Before\"");
    assert_not(reply, "mailbox=\"A\"");
    assert_has(reply, "<response id=\"2\"/>");
}
END_TEST

/* A deleted account: each request answers, nothing crashes. */
START_TEST(test_account_gone)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session;
    const char *reply;
    op_rig_account(rig, "gone@example.org");
    session = op_rig_session(rig, "gone@example.org");
    assert_ok(ximss_account_delete(rig->context.store, "gone@example.org", test_pool));
    reply = op_rig_run(
        rig, session,
        "<noop id=\"1\"/><mailboxList id=\"2\"/>"
        "<mailboxCreate id=\"3\" mailbox=\"A\"/><folderOpen id=\"4\" folder=\"INBOX\"/>");
    assert_has(reply, "<response id=\"1\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum="), 3);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "batch");
    tcase_add_test(tcase, test_writes_and_reads);
    tcase_add_test(tcase, test_savepoints);
    tcase_add_test(tcase, test_busy_account);
    tcase_add_test(tcase, test_failed_commit);
    tcase_add_test(tcase, test_account_gone);
}
