/* Logins against the real store: how names are folded there, and what it records. test_auth.c has the rest. */
#include "auth/auth.h"
#include "auth/password.h"
#include "base/log.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <crypt.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH_SLOTS = 1 };

static char data_dir[] = "/tmp/ximss-auth-XXXXXX";
static ximss_store_t *store;
static ximss_auth_t *auth;
static apr_pool_t *store_pool;

static void set_up(void)
{
    const ximss_store_options_t options = {.handle_cache = 4, .lock_wait_ms = 5000, .server = 1};
    apr_size_t size = ximss_auth_size(HASH_SLOTS);
    void *memory = apr_pcalloc(test_pool, size);

    ximss_log_set(NULL, NULL, XIMSS_LOG_ERROR);
    memcpy(data_dir + sizeof(data_dir) - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(data_dir));
    apr_pool_create(&store_pool, test_pool);
    ck_assert_ptr_null(ximss_store_open(&store, "sqlite", data_dir, &options, store_pool));
    ck_assert_ptr_null(ximss_domain_create(store, "example.org", test_pool));
    ck_assert_ptr_null(ximss_auth_init(memory, size, HASH_SLOTS, test_pool));
    ck_assert_ptr_null(ximss_auth_attach(&auth, memory, size, store, test_pool));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void tear_down(void)
{
    apr_pool_destroy(store_pool);
    ck_assert_int_eq(nftw(data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_account(const char *name, const char *verifier)
{
    const ximss_account_entry_t entry = {
        .name = name, .verifier = verifier, .quota = -1, .enabled = 1};
    const char *id;

    ck_assert_ptr_null(ximss_account_create(store, &entry, &id, test_pool));
}

static ximss_account_entry_t *login(const char *name, const char *password, const char *address,
                                    ximss_login_t *previous)
{
    const ximss_credentials_t credentials = {
        .user_name = name, .password = password, .host = "Example.org", .address = address};
    ximss_account_entry_t *entry;
    const ximss_error_t *error = ximss_auth_login(auth, &credentials, &entry, previous, test_pool);

    ck_assert(error == NULL || error->code == XIMSS_E_BAD_LOGIN);
    return error == NULL ? entry : NULL;
}

static const char *verifier_of(const char *password)
{
    const char *verifier;

    ck_assert_ptr_null(ximss_password_hash(password, &verifier, test_pool));
    return verifier;
}

START_TEST(letter_case)
{
    static const char *const names[] = {"J\xc3\x96RG@EXAMPLE.ORG", "j\xc3\xb6rg", "J\xc3\xb6rg"};
    ximss_login_t previous;
    apr_size_t i;

    make_account("J\xc3\xb6rg@Example.Org", verifier_of("demo"));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_ptr_nonnull(login(names[i], "demo", "192.0.2.1", &previous));
        ck_assert_ptr_null(login(names[i], "DEMO", "192.0.2.1", &previous));
    }
}
END_TEST

/* No letter case gives more attempts at one account. */
START_TEST(letter_case_shares_the_count)
{
    static const char *const names[] = {"ann", "Ann", "aNn", "anN", "ANN"};
    ximss_login_t previous;
    apr_size_t i;

    make_account("ann@example.org", verifier_of("demo"));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        login(names[i], "wrong", apr_psprintf(test_pool, "192.0.2.%d", (int)i), &previous);
    }
    ck_assert_ptr_null(login("ann", "demo", "192.0.2.100", &previous));
}
END_TEST

START_TEST(records)
{
    ximss_login_t previous;
    ximss_login_t failed;
    ximss_account_entry_t *entry;
    ximss_account_t *account;

    make_account("ann@example.org", verifier_of("demo"));
    ck_assert_ptr_nonnull(login("ann", "demo", "192.0.2.1", &previous));
    ck_assert_int_eq(previous.when, 0);
    ck_assert_ptr_null(login("ann", "wrong", "192.0.2.2", &previous));
    ck_assert_int_eq(ximss_auth_record_failures(auth, NULL, 10, test_pool), 1);
    entry = login("ann", "demo", "192.0.2.3", &previous);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_gt(previous.when, 0);
    ck_assert_str_eq(previous.address, "192.0.2.1");

    ck_assert_ptr_null(ximss_account_checkout(&account, store, entry->id, test_pool));
    ck_assert_ptr_null(ximss_account_logins(account, &previous, &failed, test_pool));
    ximss_account_return(account);
    ck_assert_str_eq(previous.address, "192.0.2.1");
    ck_assert_str_eq(failed.address, "192.0.2.2");
    ck_assert_int_gt(failed.when, 0);
}
END_TEST

START_TEST(renewed_verifier)
{
    static struct crypt_data data;
    ximss_account_entry_t *entry;
    ximss_login_t previous;

    make_account("ann@example.org", apr_pstrdup(test_pool, crypt_r("demo", "$6$abcdefgh", &data)));
    ck_assert_ptr_nonnull(login("ann", "demo", "192.0.2.1", &previous));
    ck_assert_ptr_null(ximss_account_find(store, "ann@example.org", &entry, test_pool));
    ck_assert_int_eq(strncmp(entry->verifier, "$y$", 3), 0);
    ck_assert_ptr_nonnull(login("ann", "demo", "192.0.2.1", &previous));
    ck_assert_ptr_null(login("ann", "wrong", "192.0.2.1", &previous));
}
END_TEST

/* An account without a password of its own lets nobody in. */
START_TEST(no_password)
{
    ximss_login_t previous;

    make_account("ann@example.org", NULL);
    ck_assert_ptr_null(login("ann", "", "192.0.2.1", &previous));
    ck_assert_ptr_null(login("ann", "*", "192.0.2.1", &previous));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tests = suite_case(suite, "auth with the store");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, letter_case);
    tcase_add_test(tests, letter_case_shares_the_count);
    tcase_add_test(tests, records);
    tcase_add_test(tests, renewed_verifier);
    tcase_add_test(tests, no_password);
}
