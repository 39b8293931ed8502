/* Sending by sendmail(1), played by shell scripts. */
#include "submit/transport.h"
#include "unit/suite.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static ximss_route_t route;
static ximss_envelope_t envelope;

static const char *path_of(const char *name)
{
    return apr_pstrcat(test_pool, folder, "/", name, NULL);
}

static void write_file(const char *name, const char *text, int mode)
{
    apr_file_t *file;
    ck_assert_int_eq(apr_file_open(&file, path_of(name), APR_WRITE | APR_CREATE | APR_TRUNCATE,
                                   APR_FPROT_OS_DEFAULT, test_pool),
                     APR_SUCCESS);
    apr_file_write_full(file, text, strlen(text), NULL);
    apr_file_close(file);
    ck_assert_int_eq(chmod(path_of(name), (mode_t)mode), 0);
}

static const char *read_file(const char *name)
{
    apr_file_t *file;
    apr_size_t length = 100000;
    char *text = apr_pcalloc(test_pool, length + 1);
    if (apr_file_open(&file, path_of(name), APR_READ, 0, test_pool) != APR_SUCCESS) {
        return "";
    }
    apr_file_read(file, text, &length);
    apr_file_close(file);
    return text;
}

/* A sendmail that runs SCRIPT in the test's folder. */
static void play(const char *script)
{
    write_file("sendmail",
               apr_pstrcat(test_pool, "#!/bin/sh\ncd ", folder, "\n", script, "\n", NULL), 0755);
}

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
    apr_cpystrn(folder, "/tmp/ximss-sendmail.XXXXXX", sizeof(folder));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    route = usual;
    route.sendmail = path_of("sendmail");
    memset(&envelope, 0, sizeof(envelope));
    envelope.sender = "a@x.example";
    envelope.data = "From: a@x.example\r\n\r\nhello\r\n.\r\nend\rx";
    envelope.length = strlen(envelope.data);
    envelope.recipients = apr_array_make(test_pool, 4, sizeof(ximss_recipient_t));
}

static void tear_down(void)
{
    static const char *const names[] = {"sendmail", "arguments", "input", "environment", "exim4"};
    for (apr_size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        unlink(path_of(names[i]));
    }
    rmdir(folder);
}

static void run(void)
{
    ck_assert_ptr_null(ximss_transport_send(&route, &envelope, test_pool));
}

static void check(int number, ximss_result_t result, const char *status, const char *text)
{
    ck_assert_int_eq(recipient(number)->result, result);
    ck_assert_str_eq(recipient(number)->status, status);
    if (strstr(recipient(number)->text, text) == NULL) {
        ck_abort_msg("\"%s\" is not in \"%s\"", text, recipient(number)->text);
    }
}

#define RECORD "printf '%s\\n' \"$@\" >>arguments; cat >input; env >environment"

START_TEST(message_and_arguments_arrive)
{
    play(RECORD);
    add("b@y.example");
    add("\"b $(touch x)\"@y.example");
    ck_assert_int_eq(setenv("MAIL_CONFIG", "/elsewhere", 1), 0);
    run();
    check(0, XIMSS_SENT, "2.0.0", "taken");
    ck_assert_str_eq(read_file("arguments"),
                     "-i\n-f\na@x.example\n--\nb@y.example\n\"b $(touch x)\"@y.example\n");
    ck_assert_str_eq(read_file("input"), "From: a@x.example\n\nhello\n.\nend\nx\n");
    ck_assert_ptr_null(strstr(read_file("environment"), "MAIL_CONFIG"));
    ck_assert_ptr_nonnull(strstr(read_file("environment"), "LC_ALL=C"));
}
END_TEST

START_TEST(reports_are_asked_for)
{
    play(RECORD);
    add("b@y.example")->notify = XIMSS_NOTIFY_SUCCESS | XIMSS_NOTIFY_FAILURE;
    add("c@y.example")->notify = XIMSS_NOTIFY_NEVER;
    add("d@y.example");
    add("e@y.example")->notify = XIMSS_NOTIFY_NEVER;
    envelope.envid = "id1";
    envelope.sender = "";
    run();
    ck_assert_str_eq(read_file("arguments"),
                     "-i\n-f\n<>\n-N\nsuccess,failure\n-R\nhdrs\n-V\nid1\n--\nb@y.example\n"
                     "-i\n-f\n<>\n-N\nnever\n-R\nhdrs\n-V\nid1\n--\nc@y.example\ne@y.example\n"
                     "-i\n-f\n<>\n--\nd@y.example\n");
    ck_assert_int_eq(recipient(0)->dsn_passed, 1);
    ck_assert_int_eq(recipient(2)->dsn_passed, 0);
}
END_TEST

/* Exim would take -N for "do not deliver". */
START_TEST(exim_is_not_asked_for_reports)
{
    play(RECORD);
    ck_assert_int_eq(rename(path_of("sendmail"), path_of("exim4")), 0);
    ck_assert_int_eq(symlink("exim4", path_of("sendmail")), 0);
    add("b@y.example")->notify = XIMSS_NOTIFY_SUCCESS;
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    ck_assert_str_eq(read_file("arguments"), "-i\n-f\na@x.example\n--\nb@y.example\n");
    ck_assert_int_eq(recipient(0)->dsn_passed, 0);
}
END_TEST

typedef struct code_t {
    const char *script;
    ximss_result_t result;
    const char *status;
} code_t;

static const code_t codes[] = {
    {"cat >input; exit 64", XIMSS_TEMPORARY, "4.3.5"},
    {"cat >input; exit 65", XIMSS_PERMANENT, "5.6.0"},
    {"cat >input; exit 67", XIMSS_PERMANENT, "5.1.1"},
    {"cat >input; exit 68", XIMSS_PERMANENT, "5.1.2"},
    {"cat >input; exit 69", XIMSS_PERMANENT, "5.0.0"},
    {"cat >input; exit 75", XIMSS_TEMPORARY, "4.3.0"},
    {"cat >input; exit 77", XIMSS_PERMANENT, "5.7.0"},
    {"cat >input; exit 1", XIMSS_TEMPORARY, "4.3.0"},
    {"cat >input; kill -9 $$", XIMSS_UNKNOWN, "4.3.0"},
};

START_TEST(exit_codes_are_understood)
{
    play(codes[_i].script);
    add("b@y.example");
    run();
    check(0, codes[_i].result, codes[_i].status, "");
}
END_TEST

START_TEST(complaints_are_kept_and_bounded)
{
    play("cat >input; echo 'fatal: b@y.example: no such user' >&2; i=0\n"
         "while [ $i -lt 2000 ]; do echo 'more and more of it, longer than any pipe' >&2; "
         "i=$((i+1)); done; exit 67");
    add("b@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.1.1", "(exit code 67): fatal: b@y.example: no such user more");
    ck_assert_uint_le(strlen(recipient(0)->text), 1000);
}
END_TEST

/* A program that reads nothing of a message that no pipe can hold. */
START_TEST(unread_messages_are_not_sent)
{
    envelope.length = 4 << 20;
    char *data = apr_palloc(test_pool, envelope.length);
    memset(data, 'x', envelope.length);
    envelope.data = data;
    add("b@y.example");
    play("exit 0");
    run();
    check(0, XIMSS_TEMPORARY, "4.3.0", "did not read");
    recipient(0)->result = XIMSS_PENDING;
    play("cat >input");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    struct stat info;
    ck_assert_int_eq(stat(path_of("input"), &info), 0);
    ck_assert_int_eq(info.st_size, (4 << 20) + 1);
}
END_TEST

START_TEST(slow_programs_are_ended)
{
    route.end_milliseconds = 200;
    add("b@y.example");
    play("cat >input; exec sleep 1000");
    run();
    check(0, XIMSS_UNKNOWN, "4.3.0", "too long");
    recipient(0)->result = XIMSS_PENDING;
    envelope.length = 4 << 20;
    envelope.data = apr_pcalloc(test_pool, envelope.length);
    play("exec sleep 1000");
    run();
    check(0, XIMSS_TEMPORARY, "4.3.0", "too long");
}
END_TEST

/* What a program leaves behind with its standard error does not hold us up. */
START_TEST(leftovers_are_not_waited_for)
{
    add("b@y.example");
    play("cat >input; sleep 1000 & echo $! >arguments");
    run();
    check(0, XIMSS_SENT, "2.0.0", "");
    pid_t pid = (pid_t)strtol(read_file("arguments"), NULL, 10);
    ck_assert_int_gt(pid, 1);
    kill(pid, SIGKILL);
}
END_TEST

START_TEST(missing_programs_are_temporary)
{
    add("b@y.example");
    run();
    check(0, XIMSS_TEMPORARY, "4.3.5", "sendmail");
}
END_TEST

START_TEST(options_are_no_addresses)
{
    play(RECORD);
    add("-oQ/tmp@y.example");
    run();
    check(0, XIMSS_PERMANENT, "5.1.3", "begin with -");
    add("b@y.example");
    envelope.sender = "-oQ/tmp@y.example";
    run();
    check(1, XIMSS_PERMANENT, "5.1.3", "begin with -");
    ck_assert_str_eq(read_file("arguments"), "");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "sendmail");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, message_and_arguments_arrive);
    tcase_add_test(tcase, reports_are_asked_for);
    tcase_add_test(tcase, exim_is_not_asked_for_reports);
    tcase_add_loop_test(tcase, exit_codes_are_understood, 0, sizeof(codes) / sizeof(*codes));
    tcase_add_test(tcase, complaints_are_kept_and_bounded);
    tcase_add_test(tcase, unread_messages_are_not_sent);
    tcase_add_test(tcase, slow_programs_are_ended);
    tcase_add_test(tcase, leftovers_are_not_waited_for);
    tcase_add_test(tcase, missing_programs_are_temporary);
    tcase_add_test(tcase, options_are_no_addresses);
}
