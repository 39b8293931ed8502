/* queue.conf: what is written is read, what is wrong is named, and passwords are kept apart. */
#include "submit/queue_config.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir;

static const char *path_of(const char *name)
{
    return apr_pstrcat(test_pool, dir, "/", name, NULL);
}

static apr_status_t clean_up(void *data)
{
    (void)data;
    remove(path_of("queue.conf"));
    remove(path_of("login"));
    rmdir(dir);
    return APR_SUCCESS;
}

static void start(void)
{
    const char *top = getenv("TMPDIR");
    char *made = apr_pstrcat(test_pool, top != NULL ? top : "/tmp", "/ximss-queue-XXXXXX", NULL);

    dir = mkdtemp(made);
    ck_assert_ptr_nonnull(dir);
    apr_pool_pre_cleanup_register(test_pool, NULL, clean_up);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void read_ok(ximss_queue_config_t *config)
{
    ck_assert_ptr_null(ximss_queue_config_read(config, dir, test_pool));
}

START_TEST(what_is_written_is_read)
{
    ximss_queue_config_t config = {.relay = "relay.example.org",
                                   .port = 2525,
                                   .tls = XIMSS_TLS_STARTTLS,
                                   .ca_file = "/etc/ca with blanks.pem",
                                   .auth_file = "/etc/auth",
                                   .local_name = "mail.example.org",
                                   .patience = {1, 2, 3},
                                   .message_bytes = 4096};
    ximss_queue_config_t again;
    struct stat info;

    start();
    ck_assert_ptr_null(ximss_queue_config_write(&config, dir, -1, -1, test_pool));
    ck_assert_int_eq(stat(path_of("queue.conf"), &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    read_ok(&again);
    ck_assert_ptr_null(again.sendmail);
    ck_assert_str_eq(again.relay, config.relay);
    ck_assert_int_eq(again.port, 2525);
    ck_assert_int_eq(again.tls, XIMSS_TLS_STARTTLS);
    ck_assert_str_eq(again.ca_file, config.ca_file);
    ck_assert_str_eq(again.auth_file, config.auth_file);
    ck_assert_str_eq(again.local_name, config.local_name);
    ck_assert_int_eq(again.patience.first_pause, 1);
    ck_assert_int_eq(again.patience.longest_pause, 2);
    ck_assert_int_eq(again.patience.give_up, 3);
    ck_assert_int_eq(again.message_bytes, 4096);
    config.relay = NULL;
    config.sendmail = "/usr/lib/sendmail";
    ck_assert_ptr_null(ximss_queue_config_write(&config, dir, -1, -1, test_pool));
    read_ok(&again);
    ck_assert_ptr_null(again.relay);
    ck_assert_str_eq(again.sendmail, config.sendmail);
}
END_TEST

START_TEST(no_file_is_the_default)
{
    ximss_queue_config_t config;

    start();
    read_ok(&config);
    ck_assert_int_eq(config.patience.give_up, 345600);
    ck_assert_ptr_null(config.relay);
}
END_TEST

static const char *const wrong[] = {
    "relay\n",     "port x\n",     "port 70000\n",          "port -1\n",
    "tls maybe\n", "nonsense 1\n", "give-up 99999999999\n", "give-up 4d\n",
    "sendmail \n",
};

START_TEST(wrong_lines_are_named)
{
    ximss_queue_config_t config;
    const ximss_error_t *error;

    start();
    write_file("queue.conf", apr_pstrcat(test_pool, "# comment\n\nport 1\n", wrong[_i], NULL),
               0600);
    error = ximss_queue_config_read(&config, dir, test_pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error->text, "line 4"));
}
END_TEST

/* The route of CONFIG, which has one. */
static const ximss_route_t *route_of(const ximss_queue_config_t *config)
{
    const ximss_route_t *route;

    ck_assert_ptr_null(ximss_queue_config_route(config, &route, test_pool));
    ck_assert_ptr_nonnull(route);
    return route;
}

START_TEST(routes)
{
    ximss_queue_config_t config = {.sendmail = "/usr/lib/sendmail"};
    const ximss_route_t *route;

    start();
    ck_assert_int_eq(route_of(&config)->kind, XIMSS_ROUTE_SENDMAIL);
    config.relay = "relay.example.org";
    ck_assert_int_eq(route_of(&config)->kind, XIMSS_ROUTE_SMTP);
    ck_assert_int_eq(route_of(&config)->port, 25);
    ck_assert_ptr_nonnull(route_of(&config)->local_name);
    config.tls = XIMSS_TLS_STARTTLS;
    ck_assert_int_eq(route_of(&config)->port, 587);
    config.tls = XIMSS_TLS_SMTPS;
    ck_assert_int_eq(route_of(&config)->port, 465);
    config.port = 26;
    ck_assert_int_eq(route_of(&config)->port, 26);
    config.relay = config.sendmail = NULL;
    ck_assert_ptr_null(ximss_queue_config_route(&config, &route, test_pool));
    ck_assert_ptr_null(route);
}
END_TEST

START_TEST(logins)
{
    ximss_queue_config_t config = {.relay = "relay.example.org"};
    const ximss_route_t *route;

    start();
    config.auth_file = path_of("login");
    ck_assert_ptr_nonnull(ximss_queue_config_route(&config, &route, test_pool));
    write_file("login", "user@example.org:pass:word\r\n", 0640);
    ck_assert_str_eq(route_of(&config)->user, "user@example.org");
    ck_assert_str_eq(route_of(&config)->password, "pass:word");
    write_file("login", "user@example.org:pass:word\n", 0644);
    ck_assert_ptr_nonnull(ximss_queue_config_route(&config, &route, test_pool));
    write_file("login", "no colon\n", 0600);
    ck_assert_ptr_nonnull(ximss_queue_config_route(&config, &route, test_pool));
    write_file("login", "", 0600);
    ck_assert_ptr_nonnull(ximss_queue_config_route(&config, &route, test_pool));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *file = suite_case(suite, "queue.conf");

    tcase_add_test(file, what_is_written_is_read);
    tcase_add_test(file, no_file_is_the_default);
    tcase_add_loop_test(file, wrong_lines_are_named, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(file, routes);
    tcase_add_test(file, logins);
}
