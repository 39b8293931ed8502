/* The dispatch table and what the dispatcher answers before any handler runs. */
#include "op/handlers.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <ctype.h>
#include <string.h>

/* Requests of the protocol text; P before login, S in a session. */
static const struct {
    const char *name;
    const char *phases;
} protocol[] = {
    {"listFeatures", "P"},
    {"readStrings", "PS"},
    {"starttls", "P"},
    {"recoverPassword", "P"},
    {"signup", "P"},
    {"login", "P"},
    {"auth", "P"},
    {"noop", "S"},
    {"bye", "S"},
    {"passwordModify", "S"},
    {"clearUploaded", "S"},
    {"readTime", "S"},
    {"readStatus", "S"},
    {"listKnownValues", "S"},
    {"skinList", "S"},
    {"skinFileList", "S"},
    {"skinFileRead", "S"},
    {"cliExecute", "S"},
    {"retrieveXML", "S"},
    {"retrieveURL", "S"},
    {"spellerList", "S"},
    {"spellerCheck", "S"},
    {"mailboxCreate", "S"},
    {"mailboxRename", "S"},
    {"mailboxRemove", "S"},
    {"mailboxList", "S"},
    {"mailboxSubList", "S"},
    {"mailboxSubUpdate", "S"},
    {"mailboxAliasList", "S"},
    {"mailboxAliasUpdate", "S"},
    {"mailboxRightsGet", "S"},
    {"mailboxACLList", "S"},
    {"mailboxACLUpdate", "S"},
    {"folderOpen", "S"},
    {"folderBrowse", "S"},
    {"folderSync", "S"},
    {"messageCopy", "S"},
    {"messageMove", "S"},
    {"messageMark", "S"},
    {"messageRemove", "S"},
    {"folderExpunge", "S"},
    {"folderClose", "S"},
    {"folderReopen", "S"},
    {"emptyTrash", "S"},
    {"folderRead", "S"},
    {"messageAppend", "S"},
    {"messageSubmit", "S"},
    {"messageRedirect", "S"},
    {"messageForward", "S"},
    {"messageConfirm", "S"},
    {"accountRightsGet", "S"},
    {"accountACLList", "S"},
    {"accountACLUpdate", "S"},
    {"SMIMEUnlock", "S"},
    {"SMIMELock", "S"},
    {"SMIMEModifyPassword", "S"},
};

START_TEST(test_table_is_the_list)
{
    int documented = 0;
    size_t i;
    for (i = 0; i < sizeof(protocol) / sizeof(protocol[0]); i++) {
        const ximss_op_t *op = ximss_op_find(protocol[i].name);
        ck_assert_msg(op != NULL, "%s is missing", protocol[i].name);
        ck_assert_str_eq(op->name, protocol[i].name);
        ck_assert_int_eq(!!(op->flags & XIMSS_OP_PRELOGIN),
                         strchr(protocol[i].phases, 'P') != NULL);
        ck_assert_int_eq(!!(op->flags & XIMSS_OP_SESSION), strchr(protocol[i].phases, 'S') != NULL);
        ck_assert(!(op->flags & XIMSS_OP_EXTENSION));
    }
    for (i = 0; i < (size_t)ximss_ops_count; i++) {
        documented += !(ximss_ops[i].flags & XIMSS_OP_EXTENSION);
    }
    ck_assert_int_eq(documented, 56);
}
END_TEST

START_TEST(test_find_in_any_case)
{
    int i;
    for (i = 0; i < ximss_ops_count; i++) {
        char *name = apr_pstrdup(test_pool, ximss_ops[i].name);
        char *c;
        ck_assert_ptr_eq(ximss_op_find(name), &ximss_ops[i]);
        for (c = name; *c != '\0'; c++) {
            *c = (char)toupper((unsigned char)*c);
        }
        ck_assert_ptr_eq(ximss_op_find(name), &ximss_ops[i]);
        for (c = name; *c != '\0'; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        ck_assert_ptr_eq(ximss_op_find(name), &ximss_ops[i]);
        ck_assert(i == 0 || apr_cstr_casecmp(ximss_ops[i - 1].name, ximss_ops[i].name) < 0);
        ck_assert(ximss_ops[i].handler != NULL);
    }
    ck_assert_ptr_null(ximss_op_find(""));
    ck_assert_ptr_null(ximss_op_find("noopx"));
    ck_assert_ptr_null(ximss_op_find("zzz"));
}
END_TEST

START_TEST(test_errors)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    const char *reply = op_rig_run(
        rig, session,
        "<noop id=\"1\"/><myCommand id=\"2\"/><noop/><NOOP ID=\"4\"/><folderOpen id=\"5\"/>"
        "<login id=\"6\" authData=\"a\" password=\"b\"/><skinList id=\"7\"/><noop id=\"\"/>");
    ck_assert_str_eq(
        reply,
        "<XIMSS><response id=\"1\"/>"
        "<response errorNum=\"500\" errorText=\"unknown command\" id=\"2\"/>"
        "<response errorNum=\"501\" errorText=\"a request needs an &quot;id&quot; of at most 1024 "
        "bytes\"/>"
        "<response id=\"4\"/>"
        "<response errorNum=\"501\" errorText=\"attribute &quot;folder&quot; is missing\" "
        "id=\"5\"/>"
        "<response errorNum=\"530\" errorText=\"this command is not allowed after login\" "
        "id=\"6\"/>"
        "<response errorNum=\"500\" errorText=\"this command is not supported by this server\" "
        "id=\"7\"/>"
        "<response errorNum=\"501\" errorText=\"a request needs an &quot;id&quot; of at most 1024 "
        "bytes\"/></XIMSS>");
}
END_TEST

START_TEST(test_unsupported_are_not_unknown)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    int i;
    for (i = 0; i < ximss_ops_count; i++) {
        const ximss_op_t *op = &ximss_ops[i];
        if (op->handler == ximss_op_unsupported) {
            const char *reply = op_rig_runf(rig, op->flags & XIMSS_OP_SESSION ? session : NULL,
                                            "<%s id=\"x\"/>", op->name);
            assert_has(reply, "errorNum=\"500\" errorText=\"this command is not supported");
        }
    }
}
END_TEST

START_TEST(test_before_login)
{
    op_rig_t *rig = op_rig_make();
    const char *reply = op_rig_run(rig, NULL,
                                   "<listFeatures id=\"a\"/><readStrings id=\"b\"/>"
                                   "<mailboxList id=\"c\"/><noop id=\"d\"/>");
    assert_has(reply, "<XIMSS><features domain=\"example.org\" id=\"a\">");
    assert_has(reply, "<sasl>PLAIN</sasl>");
    assert_has(reply, "<domain>example.org</domain>");
    assert_not(reply, "starttls");
    assert_has(reply, "<strings id=\"b\" language=\"\"/><response id=\"b\"/>");
    assert_has(reply, "<response errorNum=\"530\" errorText=\"this command is not allowed before "
                      "login\" id=\"c\"/>");
    ck_assert_int_eq(op_rig_count(reply, "errorNum=\"530\""), 2);
}
END_TEST

START_TEST(test_nonces_differ)
{
    op_rig_t *rig = op_rig_make();
    const char *first = strstr(op_rig_run(rig, NULL, "<listFeatures id=\"a\"/>"), "<nonce>");
    const char *second = strstr(op_rig_run(rig, NULL, "<listFeatures id=\"a\"/>"), "<nonce>");
    ck_assert(strcspn(first + 7, "<") >= 17); /* 96 bits */
    ck_assert_str_ne(first, second);
}
END_TEST

START_TEST(test_login)
{
    op_rig_t *rig = op_rig_make();
    const char *reply = op_rig_run(
        rig, NULL,
        "<login id=\"1\" authData=\"user\" password=\"secret\"/>"
        "<login id=\"2\" authData=\"user@example.org\" password=\"wrong\"/>"
        /* NUL user@example.org NUL secret */
        "<login id=\"3\" method=\"plain\" authData=\"AHVzZXJAZXhhbXBsZS5vcmcAc2VjcmV0\"/>"
        "<login id=\"4\" method=\"PLAIN\" authData=\"????\"/>"
        "<login id=\"5\" method=\"CRAM-MD5\" authData=\"x\"/>"
        "<login id=\"6\" authData=\"user\"/>");
    assert_has(reply, "<XIMSS><session id=\"1\" realName=\"A. User\" urlID=\"");
    assert_has(reply, "userName=\"user@example.org\"/><response id=\"1\"/>");
    assert_has(reply, "<response errorNum=\"515\" errorText=\"incorrect password or account name\" "
                      "id=\"2\"/>");
    assert_has(reply, "<response id=\"3\"/>");
    assert_has(reply, "is not SASL PLAIN\" id=\"4\"/>");
    assert_has(reply, "<response errorNum=\"500\" errorText=\"this login method is not supported\" "
                      "id=\"5\"/>");
    assert_has(reply, "attribute &quot;password&quot; is missing\" id=\"6\"/>");
}
END_TEST

static void enable_user(op_rig_t *rig, int enabled)
{
    ximss_account_entry_t *entry;
    assert_ok(ximss_account_find(rig->context.store, "user@example.org", &entry, test_pool));
    entry->enabled = enabled;
    assert_ok(ximss_account_update(rig->context.store, entry, test_pool));
}

START_TEST(test_login_by_session)
{
    op_rig_t *rig = op_rig_make();
    ximss_login_request_t request = {.use_cookie = -1};
    ximss_session_t *first;
    ximss_session_t *second;
    ximss_session_t *locked;
    const char *real_name;
    request.credentials.user_name = "user@example.org";
    request.credentials.password = "secret";
    request.credentials.address = "192.0.2.1";
    assert_ok(ximss_login(&rig->context, &request, &first, &real_name, test_pool));
    ck_assert_int_eq(first->ip_watch, 1);
    ck_assert_int_eq(first->use_cookie, 0);
    ck_assert_str_eq(first->user_name, "user@example.org");
    memset(&request.credentials, 0, sizeof(request.credentials));
    request.session_id = first->url_id;
    request.use_cookie = 1;
    request.disable_ip_watch = 1;
    /* From elsewhere the watched session opens nothing. */
    request.credentials.address = "192.0.2.2";
    ck_assert_int_eq(ximss_login(&rig->context, &request, &second, &real_name, test_pool)->code,
                     XIMSS_E_BAD_LOGIN);
    request.credentials.address = "192.0.2.1";
    /* Nor for somebody who gives another name. */
    request.credentials.user_name = "other@example.org";
    ck_assert_int_eq(ximss_login(&rig->context, &request, &second, &real_name, test_pool)->code,
                     XIMSS_E_BAD_LOGIN);
    request.credentials.user_name = "User";
    assert_ok(ximss_login(&rig->context, &request, &second, &real_name, test_pool));
    request.credentials.user_name = NULL;
    assert_ok(ximss_login(&rig->context, &request, &second, &real_name, test_pool));
    ck_assert_str_ne(first->url_id, second->url_id);
    ck_assert_str_eq(second->account_id, first->account_id);
    ck_assert_int_eq(second->ip_watch, 0);
    ck_assert_int_eq(second->use_cookie, 1);
    enable_user(rig, 0);
    ck_assert_int_eq(ximss_login(&rig->context, &request, &second, &real_name, test_pool)->code,
                     XIMSS_E_BAD_LOGIN);
    enable_user(rig, 1);
    request.kill_old = 1;
    assert_ok(ximss_login(&rig->context, &request, &second, &real_name, test_pool));
    assert_ok(ximss_session_lock(&locked, rig->context.table, first->url_id, 0, test_pool));
    ck_assert_ptr_null(locked);
    ck_assert_int_eq(ximss_login(&rig->context, &request, &second, &real_name, test_pool)->code,
                     XIMSS_E_BAD_LOGIN);
}
END_TEST

START_TEST(test_limits)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    char *id = apr_palloc(test_pool, 1030);
    const char *reply;
    rig->limits.batch_requests = 3;
    op_rig_run(rig, session, "<noop id=\"1\"/><noop id=\"2\"/><noop id=\"3\"/>");
    ck_assert_int_eq(
        op_rig_try(rig, session,
                   "<mailboxCreate id=\"1\" mailbox=\"A\"/><noop id=\"2\"/><noop id=\"3\"/>"
                   "<noop id=\"4\"/>",
                   &reply)
            ->code,
        XIMSS_E_LIMIT);
    assert_not(op_rig_run(rig, session, "<mailboxList id=\"1\"/>"), "mailbox=\"A\"");
    memset(id, 'i', 1025);
    id[1025] = '\0';
    assert_has(op_rig_runf(rig, session, "<noop id=\"%s\"/>", id), "errorNum=\"501\"");
    id[1024] = '\0';
    assert_not(op_rig_runf(rig, session, "<noop id=\"%s\"/>", id), "errorNum");
    /* A reply that is too large is the error of that request only. */
    rig->limits.reply_bytes = 4096;
    reply = op_rig_run(rig, session, "<noop id=\"1\"/><listKnownValues id=\"2\"/><noop id=\"3\"/>");
    assert_has(reply, "<response id=\"1\"/><response errorNum=\"502\"");
    assert_has(reply, "<response id=\"3\"/>");
    /* Some of it is kept for the responses that follow. */
    memset(id, 'l', 1000);
    id[1000] = '\0';
    reply = op_rig_runf(rig, session, "<readStrings id=\"1\" language=\"%s%s%s%.700s\"/>", id, id,
                        id, id);
    assert_has(reply, "<XIMSS><response errorNum=\"502\"");
}
END_TEST

START_TEST(test_bye_ends_the_batch)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    ck_assert_str_eq(op_rig_run(rig, session, "<noop id=\"1\"/><bye id=\"2\"/><noop id=\"3\"/>"),
                     "<XIMSS><response id=\"1\"/><response id=\"2\"/></XIMSS>");
    ck_assert_int_eq(session->ended, 1);
}
END_TEST

START_TEST(test_service)
{
    op_rig_t *rig = op_rig_make();
    ximss_session_t *session = op_rig_session(rig, "user@example.org");
    const char *reply;
    ck_assert_str_eq(op_rig_run(rig, session, "<readTime id=\"1\"/>"),
                     "<XIMSS><currentTime gmtTime=\"20231114T221320\" id=\"1\" "
                     "localTime=\"20231114T231320\"/><response id=\"1\"/></XIMSS>");
    ck_assert_str_eq(op_rig_run(rig, session, ""), "<XIMSS/>");
    reply = op_rig_run(rig, session, "<listKnownValues id=\"1\"/>");
    assert_has(reply, "<knownValues id=\"1\"><tzid name=\"HostOS\"/>");
    assert_has(reply, "<tzid name=\"Europe/Berlin\"/>");
    assert_has(reply, "<charset name=\"");
    reply = op_rig_run(rig, session, "<readStatus id=\"1\"/>");
    assert_has(reply, "<currentStatus id=\"1\"><messageStore used=\"0\"/>");
    assert_has(reply, "<PWDAllowed>NO</PWDAllowed></currentStatus><response id=\"1\"/>");
    assert_not(reply, "PrevLogin");
    op_rig_run(rig, NULL, "<login id=\"1\" authData=\"user\" password=\"secret\"/>");
    op_rig_run(rig, NULL, "<login id=\"1\" authData=\"user\" password=\"wrong\"/>");
    op_rig_run(rig, NULL, "<login id=\"1\" authData=\"user\" password=\"secret\"/>");
    op_rig_append(rig, "user@example.org", "INBOX", "Subject: x\n\nbody\n", 1);
    reply = op_rig_run(rig, session, "<readStatus id=\"1\"/>");
    assert_has(reply, "<messageStore used=\"17\"/><PrevLogin gmtTime=\"20");
    assert_has(reply, "ip=\"192.0.2.1\"");
    assert_has(reply, "<LastFailedLogin gmtTime=\"20");
    op_rig_run(rig, session, "<setClientName id=\"1\" name=\"test\"/>");
    reply = op_rig_run(rig, session,
                       "<setSessionOption id=\"1\" name=\"idleTimeout\" value=\"3600\"/>"
                       "<setSessionOption id=\"2\" name=\"reportMailboxChanges\" value=\"yes\"/>"
                       "<setSessionOption id=\"3\" name=\"idleTimeout\" value=\"never\"/>");
    assert_has(reply, "<response id=\"1\"/><response id=\"2\"/><response errorNum=\"501\"");
    ck_assert_int_eq(session->idle_timeout, 3600);
    op_rig_run(rig, session, "<setSessionOption id=\"1\" name=\"idletimeout\" value=\"1\"/>");
    ck_assert_int_eq(session->idle_timeout, 60);
    op_rig_run(rig, session, "<setSessionOption id=\"1\" name=\"idleTimeout\" value=\"86401\"/>");
    ck_assert_int_eq(session->idle_timeout, 86400);
    op_rig_run(rig, session,
               "<setSessionOption id=\"1\" name=\"idleTimeout\" value=\"2147483647\"/>");
    ck_assert_int_eq(session->idle_timeout, 86400);
    reply = op_rig_run(rig, session,
                       "<setSessionOption id=\"1\" name=\"idleTimeout\" value=\"2147483648\"/>");
    assert_has(reply, "errorNum=\"501\"");
    ck_assert_int_eq(session->idle_timeout, 86400);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "ops");
    tcase_add_test(tcase, test_table_is_the_list);
    tcase_add_test(tcase, test_find_in_any_case);
    tcase_add_test(tcase, test_errors);
    tcase_add_test(tcase, test_unsupported_are_not_unknown);
    tcase_add_test(tcase, test_before_login);
    tcase_add_test(tcase, test_nonces_differ);
    tcase_add_test(tcase, test_login);
    tcase_add_test(tcase, test_login_by_session);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_bye_ends_the_batch);
    tcase_add_test(tcase, test_service);
}
