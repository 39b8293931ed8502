/* See fixture.h. */
#include "store/fixture.h"
#include "mime/structure.h"
#include "store/provider.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

apr_pool_t *test_pool;
const char *test_dir;
ximss_store_t *test_store;
const char *test_id;
ximss_account_t *test_account;

static apr_pool_t *store_pool;

void fixture_must(const ximss_error_t *error, const char *what, int line)
{
    if (error != NULL) {
        ck_abort_msg("line %d: %s: %s (%s)", line, what, error->text,
                     ximss_error_log_line(error, test_pool));
    }
}

void fixture_must_fail(const ximss_error_t *error, ximss_error_code_t code, const char *what,
                       int line)
{
    ck_assert_msg(error != NULL, "line %d: %s did not fail", line, what);
    ck_assert_msg(error->code == code, "line %d: %s: error %d instead of %d: %s", line, what,
                  (int)error->code, (int)code, ximss_error_log_line(error, test_pool));
}

apr_int64_t fixture_oldest_view = -1;

static apr_int64_t oldest_view(void *baton, const char *id, apr_int64_t mailbox)
{
    (void)id;
    ck_assert_int_gt(mailbox, 0);
    return *(const apr_int64_t *)baton;
}

ximss_store_t *fixture_open(int server, int lock_wait_ms, apr_pool_t *pool)
{
    const ximss_store_options_t options = {.handle_cache = 8,
                                           .lock_wait_ms = lock_wait_ms,
                                           .server = server,
                                           .tombstones = 2,
                                           .oldest_view = server ? oldest_view : NULL,
                                           .oldest_view_baton = &fixture_oldest_view};
    const char *provider = getenv("XIMSS_STORE_PROVIDER");
    ximss_store_t *store;

    must(ximss_store_open(&store, provider != NULL ? provider : ximss_providers[0]->name, test_dir,
                          &options, pool));
    return store;
}

void fixture_close(void)
{
    if (store_pool != NULL) {
        apr_pool_destroy(store_pool);
        store_pool = NULL;
    }
}

void fixture_reopen(void)
{
    apr_pool_t *account_pool;

    fixture_close();
    apr_pool_create(&store_pool, NULL);
    test_store = fixture_open(1, 5000, store_pool);
    apr_pool_create(&account_pool, store_pool);
    must(ximss_account_checkout(&test_account, test_store, test_id, account_pool));
}

static void set_up(void)
{
    ximss_account_entry_t entry = {NULL, "user@example.org", "A User", "*", -1, 1, 0};
    const char *base = getenv("TMPDIR");
    char *name;

    apr_pool_create(&test_pool, NULL);
    name = apr_pstrcat(test_pool, base != NULL ? base : "/tmp", "/ximss-store-XXXXXX", NULL);
    test_dir = mkdtemp(name);
    ck_assert_ptr_nonnull(test_dir);
    apr_pool_create(&store_pool, NULL);
    test_store = fixture_open(1, 5000, store_pool);
    must(ximss_domain_create(test_store, "example.org", test_pool));
    must(ximss_account_create(test_store, &entry, &test_id, test_pool));
    fixture_reopen();
}

static void remove_tree(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, path, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
        const char *child = apr_pstrcat(pool, path, "/", info.name, NULL);

        if (strcmp(info.name, ".") == 0 || strcmp(info.name, "..") == 0) {
            continue;
        }
        if (info.filetype == APR_DIR) {
            remove_tree(child, pool);
        }
        else {
            remove(child);
        }
    }
    apr_dir_close(dir);
    remove(path);
}

static void tear_down(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, NULL);
    test_dir = apr_pstrdup(pool, test_dir);
    fixture_close();
    apr_pool_destroy(test_pool);
    remove_tree(test_dir, pool);
    apr_pool_destroy(pool);
}

TCase *fixture_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 240);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static const char *const people[] = {"",      "ada",  "bob", "carol",
                                     "čeněk", "дима", "zoë", "ada lovelace"};

ximss_digest_t *fixture_digest(unsigned int number, apr_size_t size, apr_pool_t *pool)
{
    ximss_digest_t *digest = apr_pcalloc(pool, sizeof(*digest));
    apr_size_t wanted = size > 0 ? size : 200 + number * 37 % 700;
    char *data = apr_palloc(pool, wanted + 1);
    int used = apr_snprintf(data, wanted + 1, "Subject: message %u\r\n\r\n", number);

    memset(data + used, 'a' + (char)(number % 26), wanted - (apr_size_t)used);
    data[wanted] = '\0';
    digest->data = data;
    digest->length = wanted;
    SHA256((const unsigned char *)data, wanted, digest->sha256);
    digest->structure = apr_psprintf(pool, "structure of %u", number);
    digest->structure_length = strlen(digest->structure);
    digest->fields = apr_psprintf(pool, "fields of %u", number);
    digest->fields_length = strlen(digest->fields);
    digest->date_valid = number % 5 != 0;
    digest->date = 1000000000 - (apr_int64_t)(number * 7919u % 100u) * 86400 * 365;
    digest->key_from = people[number * 13u % 8u];
    digest->key_to = people[number * 7u % 3u];
    digest->key_subject = apr_psprintf(pool, "subject %u", number * 31u % 50u);
    digest->message_id = "";
    digest->media = number % 11 == 0;
    return digest;
}

apr_int64_t fixture_date(unsigned int number)
{
    return 1500000000 + (apr_int64_t)(number * 101u % 977u) * 60;
}

apr_uint32_t fixture_append(ximss_account_t *account, apr_int64_t mailbox, unsigned int number,
                            unsigned int bits)
{
    const ximss_append_t append = {mailbox, fixture_date(number), {bits, ""}};
    apr_pool_t *pool;
    apr_uint32_t uid;

    apr_pool_create(&pool, test_pool);
    must(ximss_message_append(account, &append, fixture_digest(number, 0, pool), &uid, pool));
    apr_pool_destroy(pool);
    return uid;
}

ximss_mailbox_t *fixture_mailbox(ximss_account_t *account, const char *name)
{
    ximss_mailbox_t *mailbox;

    must(ximss_mailbox_find(account, name, &mailbox, test_pool));
    return mailbox;
}

static void print_line(void *baton, const char *line)
{
    (void)baton;
    if (getenv("XIMSS_TEST_VERBOSE") != NULL) {
        fprintf(stderr, "# %s\n", line);
    }
}

apr_int64_t fixture_check(ximss_account_t *account, int repair)
{
    const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_check_t result;
    apr_pool_t *pool;

    apr_pool_create(&pool, test_pool);
    must(ximss_account_check(account, repair, &limits, print_line, NULL, &result, pool));
    apr_pool_destroy(pool);
    return result.damaged;
}

unsigned int fixture_random(unsigned int *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

int main(void)
{
    SRunner *runner;
    Suite *suite;
    int failed;

    apr_initialize();
    suite = suite_create("store");
    fixture_fill(suite);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void fixture_spoil(const char *sql)
{
    const char *path = apr_pstrcat(test_pool, test_dir, "/accounts/", test_id, "/mail.db", NULL);
    sqlite3 *db;

    fixture_close();
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_gt(sqlite3_total_changes(db), 0);
    sqlite3_close(db);
    fixture_reopen();
}
