/* Sending by SMTP to a scripted server: every step refused, dropped or unanswered; TLS and login. */
#include "submit/transport.h"
#include "unit/smtp_sink.h"
#include "unit/suite.h"

#include <apr_base64.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

static const char message[] = "From: a@x.example\nSubject: hi\n\nHello\n.\nend";

static sink_t sink;
static ximss_route_t route;
static ximss_envelope_t envelope;

static ximss_recipient_t *add(const char *address)
{
    ximss_recipient_t *recipient = apr_array_push(envelope.recipients);
    memset(recipient, 0, sizeof(*recipient));
    recipient->address = address;
    return recipient;
}

static ximss_recipient_t *recipient(int number)
{
    return &APR_ARRAY_IDX(envelope.recipients, number, ximss_recipient_t);
}

static void set_up(void)
{
    static const ximss_route_t usual = XIMSS_ROUTE_DEFAULT;
    sink_init(&sink);
    route = usual;
    route.kind = XIMSS_ROUTE_SMTP;
    route.host = "127.0.0.1";
    route.local_name = "client.example";
    memset(&envelope, 0, sizeof(envelope));
    envelope.sender = "a@x.example";
    envelope.data = message;
    envelope.length = sizeof(message) - 1;
    envelope.recipients = apr_array_make(test_pool, 4, sizeof(ximss_recipient_t));
}

/* Sends to the sink and ends it; every recipient has a result. */
static void run(void)
{
    sink_start(&sink);
    route.port = sink.port;
    ck_assert_ptr_null(ximss_transport_send(&route, &envelope, test_pool));
    sink_stop(&sink);
    for (int i = 0; i < envelope.recipients->nelts; i++) {
        ck_assert_int_ne(recipient(i)->result, XIMSS_PENDING);
        ck_assert_ptr_nonnull(recipient(i)->status);
        ck_assert_ptr_nonnull(recipient(i)->text);
    }
}

static void check(int number, ximss_result_t result, const char *status, const char *text)
{
    ck_assert_int_eq(recipient(number)->result, result);
    ck_assert_str_eq(recipient(number)->status, status);
    if (strstr(recipient(number)->text, text) == NULL) {
        ck_abort_msg("\"%s\" is not in \"%s\"", text, recipient(number)->text);
    }
}

START_TEST(message_arrives)
{
    add("b@y.example");
    add("c@y.example");
    run();
    check(0, XIMSS_SENT, "2.0.0", "250 2.0.0 queued as 1");
    check(1, XIMSS_SENT, "2.0.0", "250 2.0.0 queued as 1");
    ck_assert_str_eq(recipient(0)->remote, "127.0.0.1");
    ck_assert_str_eq(sink.commands, "EHLO client.example\n"
                                    "MAIL FROM:<a@x.example> SIZE=50 RET=HDRS\n"
                                    "RCPT TO:<b@y.example>\nRCPT TO:<c@y.example>\nDATA\nQUIT\n");
    ck_assert_str_eq(sink.data,
                     "From: a@x.example\r\nSubject: hi\r\n\r\nHello\r\n..\r\nend\r\n.\r\n");
}
END_TEST

START_TEST(recipients_have_results_of_their_own)
{
    add("550@y.example");
    add("b@y.example");
    add("452@y.example");
    add("552@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.0.0", "550 says so");
    check(1, XIMSS_SENT, "2.0.0", "queued");
    check(2, XIMSS_TEMPORARY, "4.0.0", "452 says so");
    check(3, XIMSS_TEMPORARY, "4.0.0", "552 says so");
    ck_assert_int_eq(sink.messages, 1);
}
END_TEST

START_TEST(nobody_accepted_means_no_data)
{
    add("550@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.0.0", "550 says so");
    ck_assert_ptr_null(strstr(sink.commands, "DATA"));
}
END_TEST

typedef struct refusal_t {
    sink_step_t step;
    const char *answer;
    ximss_result_t result;
    const char *status;
} refusal_t;

/* What is said before the envelope is about the relay, not about the message: always temporary. */
static const refusal_t refusals[] = {
    {SINK_GREETING, "554 no service", XIMSS_TEMPORARY, "4.4.2"},
    {SINK_GREETING, "421 too busy", XIMSS_TEMPORARY, "4.4.2"},
    {SINK_GREETING, "HTTP/1.1 400 Bad Request", XIMSS_TEMPORARY, "4.4.2"},
    {SINK_MAIL, "550 5.7.1 not you", XIMSS_PERMANENT, "5.7.1"},
    {SINK_MAIL, "451 4.3.0 later", XIMSS_TEMPORARY, "4.3.0"},
    {SINK_MAIL, "421 going", XIMSS_TEMPORARY, "4.0.0"},
    {SINK_RCPT, "550-5.1.1 no such\r\n550 5.1.1 user", XIMSS_PERMANENT, "5.1.1"},
    {SINK_RCPT, "450 4.2.0 grey", XIMSS_TEMPORARY, "4.2.0"},
    {SINK_RCPT, "nonsense", XIMSS_TEMPORARY, "4.4.2"},
    {SINK_DATA, "554 no", XIMSS_PERMANENT, "5.0.0"},
    {SINK_DATA, "451 wait", XIMSS_TEMPORARY, "4.0.0"},
    {SINK_DOT, "554 5.6.0 spam", XIMSS_PERMANENT, "5.6.0"},
    {SINK_DOT, "552 5.3.4 too big", XIMSS_PERMANENT, "5.3.4"},
    {SINK_DOT, "451 4.3.0 disk", XIMSS_TEMPORARY, "4.3.0"},
    {SINK_DOT, "nonsense", XIMSS_UNKNOWN, "4.4.2"},
};

START_TEST(refusals_are_told)
{
    const refusal_t *refusal = &refusals[_i];
    sink.answers[refusal->step] = refusal->answer;
    add("b@y.example");
    add("c@y.example");
    run();
    check(0, refusal->result, refusal->status, "");
    check(1, refusal->result, refusal->status, "");
}
END_TEST

START_TEST(helo_serves_old_servers)
{
    sink.answers[SINK_EHLO] = "502 what?";
    add("b@y.example");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_str_eq(sink.commands,
                     "EHLO client.example\nHELO client.example\nMAIL FROM:<a@x.example>\n"
                     "RCPT TO:<b@y.example>\nDATA\nQUIT\n");
}
END_TEST

static ximss_result_t after(sink_step_t step)
{
    return step == SINK_DOT ? XIMSS_UNKNOWN : XIMSS_TEMPORARY;
}

/* A server that goes away, or falls silent, at each step: before the final dot the message is not sent,
 * after it nobody knows. */
START_TEST(lost_connections_are_told)
{
    sink_step_t step = (sink_step_t)(_i / 2);
    if (step == SINK_STARTTLS || step == SINK_AUTH) {
        return;
    }
    sink.drop = _i % 2 == 0 ? step : SINK_STEPS;
    sink.hang = _i % 2 == 1 ? step : SINK_STEPS;
    if (_i % 2 == 1) {
        route.reply_milliseconds = 100;
        route.end_milliseconds = 100;
    }
    if (step == SINK_BODY) {
        /* more than the sockets' buffers hold: else it is sent before the server goes */
        envelope.length = 32 << 20;
        envelope.data = apr_pcalloc(test_pool, envelope.length);
        sink.features = "DSN";
    }
    add("b@y.example");
    add("550@y.example");
    run();
    check(0, after(step), "4.4.2", "");
    if (step > SINK_RCPT) {
        check(1, XIMSS_PERMANENT, "5.0.0", "550 says so");
    }
    else {
        check(1, XIMSS_TEMPORARY, "4.4.2", "");
    }
}
END_TEST

START_TEST(dead_hosts_are_temporary)
{
    add("b@y.example");
    sink_start(&sink);
    route.port = sink.port;
    sink_stop(&sink);
    ck_assert_ptr_null(ximss_transport_send(&route, &envelope, test_pool));
    check(0, XIMSS_TEMPORARY, "4.4.1", "127.0.0.1 port");
    recipient(0)->result = XIMSS_PENDING;
    route.host = "a-label-of-more-than-sixty-three-bytes-which-no-name-server-is-asked-for.example";
    ck_assert_ptr_null(ximss_transport_send(&route, &envelope, test_pool));
    check(0, XIMSS_TEMPORARY, "4.4.1", route.host);
}
END_TEST

START_TEST(reports_are_asked_for)
{
    ximss_recipient_t *first = add("b@y.example");
    first->notify = XIMSS_NOTIFY_SUCCESS | XIMSS_NOTIFY_FAILURE;
    first->orcpt = "rfc822;b+c=d@y.example";
    add("d@y.example")->notify = XIMSS_NOTIFY_NEVER;
    envelope.envid = "id 1+2";
    run();
    ck_assert_ptr_nonnull(strstr(sink.commands, " RET=HDRS ENVID=id+201+2B2\n"));
    ck_assert_ptr_nonnull(strstr(sink.commands, "RCPT TO:<b@y.example> NOTIFY=SUCCESS,FAILURE "
                                                "ORCPT=rfc822;b+2Bc+3Dd@y.example\n"));
    ck_assert_ptr_nonnull(strstr(sink.commands, "RCPT TO:<d@y.example> NOTIFY=NEVER\n"));
    ck_assert_int_eq(recipient(0)->dsn_passed, 1);
}
END_TEST

START_TEST(nothing_is_used_that_is_not_offered)
{
    sink.features = "HELP";
    add("b@y.example")->notify = XIMSS_NOTIFY_SUCCESS;
    add("\xc3\xa9@y.example");
    run();
    ck_assert_str_eq(sink.commands, "EHLO client.example\nMAIL FROM:<a@x.example>\n"
                                    "RCPT TO:<b@y.example>\nDATA\nQUIT\n");
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_int_eq(recipient(0)->dsn_passed, 0);
    check(1, XIMSS_PERMANENT, "5.6.7", "SMTPUTF8");
}
END_TEST

START_TEST(international_addresses_pass)
{
    add("\xc3\xa9@y.example");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_ptr_nonnull(strstr(sink.commands, " SMTPUTF8"));
    ck_assert_ptr_nonnull(strstr(sink.commands, "RCPT TO:<\xc3\xa9@y.example>"));
}
END_TEST

START_TEST(eight_bit_text_needs_a_server_for_it)
{
    envelope.data = "Subject: x\n\n\xe9\n";
    envelope.length = strlen(envelope.data);
    add("b@y.example");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_ptr_nonnull(strstr(sink.commands, " BODY=8BITMIME"));
    set_up();
    envelope.data = "Subject: x\n\n\xe9\n";
    envelope.length = strlen(envelope.data);
    sink.features = "PIPELINING";
    add("b@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.6.3", "8BITMIME");
    ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
}
END_TEST

START_TEST(too_big_messages_are_not_sent)
{
    sink.features = "SIZE 49";
    add("b@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.3.4", "bigger");
    ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
}
END_TEST

/* More than one transaction, and more than one window. */
START_TEST(many_recipients_are_parted)
{
    for (int i = 0; i < 250; i++) {
        add(i % 10 == 3 ? "550@y.example" : apr_psprintf(test_pool, "b%d@y.example", i));
    }
    run();
    ck_assert_int_eq(sink.messages, 3);
    for (int i = 0; i < 250; i++) {
        ck_assert_int_eq(recipient(i)->result, i % 10 == 3 ? XIMSS_PERMANENT : XIMSS_SENT);
        ck_assert_int_eq(strstr(sink.commands, recipient(i)->address) != NULL, 1);
    }
}
END_TEST

START_TEST(bad_addresses_never_leave)
{
    static const char *const bad[] = {"b@y.example>\r\nRCPT TO:<evil@y.example",
                                      "b\n@y.example",
                                      "b c@y.example",
                                      "b@y.example SIZE=1",
                                      "b@",
                                      "@y.example",
                                      "b",
                                      "",
                                      "<b@y.example>",
                                      "b,c@y.example",
                                      "\"b>\"@y.example",
                                      "\"b\r\n\"@y.example",
                                      "\"b\\\"@y.example",
                                      "b@y.example\x7f",
                                      "\xff@y.example",
                                      "b@-y.example"};
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        add(bad[i]);
    }
    add("\"b c\"@[127.0.0.1]");
    add(apr_psprintf(test_pool, "reply+%0200d@y.example", 1));
    add(apr_psprintf(test_pool, "reply+%0300d@y.example", 1));
    run();
    check(17, XIMSS_SENT, "2.0.0", "");
    check(18, XIMSS_PERMANENT, "5.1.3", "malformed");
    for (int i = 0; i < (int)(sizeof(bad) / sizeof(*bad)); i++) {
        check(i, XIMSS_PERMANENT, "5.1.3", "malformed");
    }
    ck_assert_str_eq(sink.commands, apr_psprintf(test_pool,
                                                 "EHLO client.example\n"
                                                 "MAIL FROM:<a@x.example> SIZE=50 RET=HDRS\n"
                                                 "RCPT TO:<\"b c\"@[127.0.0.1]>\n"
                                                 "RCPT TO:<reply+%0200d@y.example>\nDATA\nQUIT\n",
                                                 1));
    set_up();
    add("b@y.example");
    envelope.sender = "a@x.example\r\nRSET";
    run();
    check(0, XIMSS_PERMANENT, "5.1.7", "sender");
    ck_assert_ptr_null(strstr(sink.commands, "RSET\n"));
}
END_TEST

START_TEST(finished_recipients_are_left_alone)
{
    add("b@y.example");
    add("done@y.example")->result = XIMSS_SENT;
    recipient(1)->status = "2.0.0";
    recipient(1)->text = "before";
    run();
    ck_assert_str_eq(recipient(1)->text, "before");
    ck_assert_ptr_null(strstr(sink.commands, "done@"));
}
END_TEST

/* --- TLS and login ------------------------------------------------------------------------------ */

static char *ca_file;

static void with_tls(const char *name)
{
    apr_file_t *file;
    ca_file = apr_pstrdup(test_pool, "/tmp/ximss-ca.XXXXXX");
    ck_assert_int_eq(apr_file_mktemp(&file, ca_file, 0, test_pool), APR_SUCCESS);
    sink.tls = sink_tls(name, ca_file);
    sink.features = "STARTTLS|AUTH LOGIN PLAIN";
    route.ca_file = ca_file;
    route.tls = XIMSS_TLS_STARTTLS;
    add("b@y.example");
}

static void end_tls(void)
{
    SSL_CTX_free(sink.tls);
    unlink(ca_file);
}

START_TEST(starttls_is_checked_and_used)
{
    with_tls("127.0.0.1");
    run();
    end_tls();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_int_eq(sink.tls_used, 1);
    ck_assert_ptr_nonnull(strstr(sink.commands, "STARTTLS\nEHLO client.example\nMAIL"));
}
END_TEST

START_TEST(smtps_is_checked_and_used)
{
    with_tls("localhost");
    route.host = "localhost";
    route.tls = XIMSS_TLS_SMTPS;
    sink.smtps = 1;
    run();
    end_tls();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_int_eq(sink.tls_used, 1);
}
END_TEST

START_TEST(other_certificates_are_refused)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        set_up();
        with_tls("other.example");
        route.host = hosts[i];
        run();
        end_tls();
        check(0, XIMSS_TEMPORARY, "4.7.5", "certificate");
        ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
    }
    set_up();
    with_tls("127.0.0.1");
    SSL_CTX_free(sink_tls("127.0.0.1", ca_file)); /* another authority */
    run();
    end_tls();
    check(0, XIMSS_TEMPORARY, "4.7.5", "certificate");
    ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
}
END_TEST

/* Whoever takes the offer away, or puts commands behind the answer, gets no mail. */
START_TEST(starttls_cannot_be_stripped)
{
    with_tls("127.0.0.1");
    sink.features = "AUTH PLAIN";
    run();
    end_tls();
    check(0, XIMSS_TEMPORARY, "4.7.4", "STARTTLS");
    set_up();
    with_tls("127.0.0.1");
    sink.answers[SINK_STARTTLS] = "454 not now";
    run();
    end_tls();
    check(0, XIMSS_TEMPORARY, "4.7.4", "454 not now");
    set_up();
    with_tls("127.0.0.1");
    sink.answers[SINK_STARTTLS] = "220 go\r\n250 injected";
    run();
    end_tls();
    check(0, XIMSS_TEMPORARY, "4.7.4", "more than the answer");
    ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
}
END_TEST

START_TEST(login_is_plain_or_by_steps)
{
    char decoded[64];
    route.user = "user";
    route.password = "secret";
    sink.features = "AUTH LOGIN PLAIN";
    add("b@y.example");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    const char *sent = strstr(sink.commands, "AUTH PLAIN ");
    ck_assert_ptr_nonnull(sent);
    int length = apr_base64_decode(decoded, apr_pstrmemdup(test_pool, sent + 11, 16));
    ck_assert_int_eq(length, 12);
    ck_assert_mem_eq(decoded, "\0user\0secret", 12);
    recipient(0)->result = XIMSS_PENDING;
    sink_init(&sink);
    sink.features = "AUTH LOGIN";
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_ptr_nonnull(strstr(sink.commands, "AUTH LOGIN\ndXNlcg==\nc2VjcmV0\nMAIL"));
}
END_TEST

START_TEST(refused_logins_are_temporary)
{
    route.user = "user";
    route.password = "wrong";
    sink.features = "AUTH PLAIN";
    sink.answers[SINK_AUTH] = "535 5.7.8 no";
    add("b@y.example");
    run();
    check(0, XIMSS_TEMPORARY, "4.7.8", "535 5.7.8 no");
    recipient(0)->result = XIMSS_PENDING;
    sink_init(&sink);
    run();
    check(0, XIMSS_TEMPORARY, "4.7.8", "offers no login");
    ck_assert_ptr_null(strstr(sink.commands, "MAIL"));
}
END_TEST

/* A server that says what it refuses is not quoted. */
START_TEST(refused_secrets_are_not_told)
{
    route.user = "user";
    route.password = "secret";
    sink.features = _i == 0 ? "AUTH PLAIN" : "AUTH LOGIN";
    sink.answers[SINK_AUTH] =
        _i == 0 ? "500 5.5.1 unknown: AUTH PLAIN AHVzZXIAc2Vj..." : "535 5.7.8 wrong: C2VJCMV0";
    add("b@y.example");
    run();
    check(0, XIMSS_TEMPORARY, "4.7.8", _i == 0 ? "login: 500 5.5.1" : "login: 535 5.7.8");
    ck_assert_ptr_null(strstr(recipient(0)->text, "wrong"));
    ck_assert_ptr_null(strstr(recipient(0)->text, "AHVz"));
}
END_TEST

/* --- smuggling ---------------------------------------------------------------------------------- */

/* Ends of a message as this or that server reads them, with commands behind. */
static const char smuggler[] =
    "From: a@x.example\r\nSubject: smuggled\r.\rMAIL FROM:<evil@x.example>\r\n\r\nbody\n.\n"
    "MAIL FROM:<evil@x.example>\nRCPT TO:<b@y.example>\nDATA\nFrom: evil@x.example\n\nevil\n\r\n.\n"
    "MAIL FROM:<evil@x.example>\r\n\r.\r\nMAIL FROM:<evil@x.example>\r\nx\n.\r\nMAIL "
    "FROM:<evil@x.example>\r"
    ".\rMAIL FROM:<evil@x.example>\r\n.\rMAIL FROM:<evil@x.example>\r\r.\n.\r\n.\r\nMAIL "
    "FROM:<evil@x.example>";

static void check_smuggling(const char *data, apr_size_t length)
{
    for (int lax = 0; lax < 2; lax++) {
        set_up();
        sink.lax = lax;
        envelope.data = data;
        envelope.length = length;
        add("b@y.example");
        run();
        check(0, XIMSS_SENT, "2.0.0", "");
        ck_assert_int_eq(sink.messages, 1);
        ck_assert_str_eq(strstr(sink.commands, "DATA\n"), "DATA\nQUIT\n");
    }
}

START_TEST(nothing_is_smuggled)
{
    /* the rest of it, too: that puts each trick near the start of a header */
    for (apr_size_t at = 0; at < sizeof(smuggler) - 1; at += 5) {
        check_smuggling(smuggler + at, sizeof(smuggler) - 1 - at);
    }
}
END_TEST

/* Every hostile message of the corpora that the sink has room for, where they are. */
START_TEST(corpora_are_not_smuggled)
{
    const char *folder = suite_source("../shared/corpora/made-nasty");
    apr_dir_t *dir;
    apr_finfo_t info;
    if (apr_dir_open(&dir, folder, test_pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_SIZE, dir) == APR_SUCCESS) {
        apr_file_t *file;
        apr_size_t length = (apr_size_t)info.size;
        if (strstr(info.name, ".eml") == NULL || length == 0 || length > 100000) {
            continue;
        }
        char *data = apr_palloc(test_pool, length);
        const char *path = apr_pstrcat(test_pool, folder, "/", info.name, NULL);
        ck_assert_int_eq(apr_file_open(&file, path, APR_READ, 0, test_pool), APR_SUCCESS);
        ck_assert_int_eq(apr_file_read_full(file, data, length, NULL), APR_SUCCESS);
        apr_file_close(file);
        check_smuggling(data, length);
    }
    apr_dir_close(dir);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "smtp");
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, message_arrives);
    tcase_add_test(tcase, recipients_have_results_of_their_own);
    tcase_add_test(tcase, nobody_accepted_means_no_data);
    tcase_add_loop_test(tcase, refusals_are_told, 0, sizeof(refusals) / sizeof(*refusals));
    tcase_add_test(tcase, helo_serves_old_servers);
    tcase_add_loop_test(tcase, lost_connections_are_told, 0, 2 * SINK_STEPS);
    tcase_add_test(tcase, dead_hosts_are_temporary);
    tcase_add_test(tcase, reports_are_asked_for);
    tcase_add_test(tcase, nothing_is_used_that_is_not_offered);
    tcase_add_test(tcase, international_addresses_pass);
    tcase_add_test(tcase, eight_bit_text_needs_a_server_for_it);
    tcase_add_test(tcase, too_big_messages_are_not_sent);
    tcase_add_test(tcase, many_recipients_are_parted);
    tcase_add_test(tcase, bad_addresses_never_leave);
    tcase_add_test(tcase, finished_recipients_are_left_alone);
    tcase_add_test(tcase, starttls_is_checked_and_used);
    tcase_add_test(tcase, smtps_is_checked_and_used);
    tcase_add_test(tcase, other_certificates_are_refused);
    tcase_add_test(tcase, starttls_cannot_be_stripped);
    tcase_add_test(tcase, login_is_plain_or_by_steps);
    tcase_add_test(tcase, refused_logins_are_temporary);
    tcase_add_loop_test(tcase, refused_secrets_are_not_told, 0, 2);
    tcase_add_test(tcase, nothing_is_smuggled);
    tcase_add_test(tcase, corpora_are_not_smuggled);
}
