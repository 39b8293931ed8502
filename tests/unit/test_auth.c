/* Logins: throttling by a clock of the test, equal treatment of unknown users, the pair that succeeded before,
 * records, renewal of verifiers, domains, and memory that survives processes. The store is a small one of this
 * file, so that its failures can be chosen. */
#include "auth/auth.h"
#include "auth/password.h"
#include "auth/shared.h"
#include "base/log.h"
#include "base/robust.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <crypt.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HASH_SLOTS = 2 };

static apr_pool_t *pool;

/* ---- the store ---- */

struct ximss_account_t {
    int number;
};

typedef struct fake_t {
    ximss_account_entry_t entry;
    ximss_account_t handle;
    apr_int64_t last_login;
    int logins;
    int failures;
    char failed_from[64];
} fake_t;

static fake_t fakes[3];
static ximss_error_code_t record_fails; /* XIMSS_E_COUNT: it does not */
static int updates;
static apr_uint64_t stamp;

apr_uint64_t ximss_account_stamp(ximss_store_t *store, const char *id, apr_pool_t *p)
{
    (void)store, (void)id, (void)p;
    return stamp;
}

const ximss_error_t *ximss_account_find(ximss_store_t *store, const char *name,
                                        ximss_account_entry_t **entry, apr_pool_t *p)
{
    apr_size_t i;

    (void)store;
    *entry = NULL;
    if (strchr(name, ' ') != NULL) {
        return ximss_error(p, XIMSS_E_BAD_REQUEST, NULL);
    }
    for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
        if (strcmp(fakes[i].entry.name, name) == 0) {
            *entry = apr_pmemdup(p, &fakes[i].entry, sizeof(fakes[i].entry));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_account_update(ximss_store_t *store, const ximss_account_entry_t *entry,
                                          apr_pool_t *p)
{
    apr_size_t i;

    (void)store;
    (void)p;
    for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
        if (strcmp(fakes[i].entry.name, entry->name) == 0) {
            fakes[i].entry.verifier = apr_pstrdup(pool, entry->verifier);
            updates++;
        }
    }
    return NULL;
}

const ximss_error_t *ximss_domain_exists(ximss_store_t *store, const char *name, int *exists,
                                         apr_pool_t *p)
{
    (void)store;
    if (strchr(name, ' ') != NULL) {
        return ximss_error(p, XIMSS_E_BAD_REQUEST, NULL);
    }
    *exists = strcmp(name, "example.org") == 0 || strcmp(name, "example.net") == 0;
    return NULL;
}

const ximss_error_t *ximss_account_checkout(ximss_account_t **account, ximss_store_t *store,
                                            const char *id, apr_pool_t *p)
{
    apr_size_t i;

    (void)store;
    for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
        if (strcmp(fakes[i].entry.id, id) == 0) {
            *account = &fakes[i].handle;
            return NULL;
        }
    }
    return ximss_error(p, XIMSS_E_NOT_FOUND, NULL);
}

void ximss_account_return(ximss_account_t *account)
{
    (void)account;
}

const ximss_error_t *ximss_account_record_login(ximss_account_t *account, const ximss_login_t *now,
                                                int failed, ximss_login_t *previous, apr_pool_t *p)
{
    fake_t *fake = &fakes[account->number];

    if (record_fails != XIMSS_E_COUNT) {
        return ximss_error(p, record_fails, NULL);
    }
    if (failed) {
        fake->failures++;
        apr_cpystrn(fake->failed_from, now->address, sizeof(fake->failed_from));
        return NULL;
    }
    previous->when = fake->last_login;
    previous->address = "";
    fake->last_login = now->when;
    fake->logins++;
    return NULL;
}

/* ---- fixture ---- */

static ximss_auth_t *auth;
static void *memory;
static apr_size_t memory_size;
static apr_int64_t test_time;

static apr_int64_t test_clock(void)
{
    return test_time;
}

static void make_account(int number, const char *name, const char *password)
{
    const char *verifier = NULL;

    ck_assert_ptr_null(ximss_password_hash(password, &verifier, pool));
    memset(&fakes[number], 0, sizeof(fakes[number]));
    fakes[number].handle.number = number;
    fakes[number].entry.name = name;
    fakes[number].entry.id = apr_psprintf(pool, "id%d", number);
    fakes[number].entry.verifier = verifier;
    fakes[number].entry.enabled = 1;
}

static void setup(void)
{
    pool = test_pool;
    ximss_log_set(NULL, NULL, XIMSS_LOG_ERROR);
    memory_size = ximss_auth_size(HASH_SLOTS);
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_ptr_null(ximss_auth_init(memory, memory_size, HASH_SLOTS, pool));
    ck_assert_ptr_null(ximss_auth_attach(&auth, memory, memory_size, NULL, pool));
    ximss_auth_set_clock(auth, test_clock);
    test_time = 1000;
    record_fails = XIMSS_E_COUNT;
    updates = 0;
    make_account(0, "ann@example.org", "right");
    make_account(1, "ben@example.org", "right");
    make_account(2, "off@example.org", "right");
    fakes[2].entry.enabled = 0;
}

static void teardown(void)
{
    munmap(memory, memory_size);
}

static const ximss_error_t *attempt(const char *name, const char *password, const char *address)
{
    ximss_credentials_t credentials = {
        .user_name = name, .password = password, .fallback = "example.org", .address = address};
    ximss_account_entry_t *entry;
    ximss_login_t previous;
    const ximss_error_t *error = ximss_auth_login(auth, &credentials, &entry, &previous, pool);

    ck_assert((error == NULL) == (entry != NULL));
    ck_assert(error == NULL || error->code == XIMSS_E_BAD_LOGIN);
    return error;
}

static int passes(const char *name, const char *address)
{
    return attempt(name, "right", address) == NULL;
}

/* Whether a wrong password is hashed; else it was refused at once. */
static int tried(const char *name, const char *address)
{
    apr_uint64_t before = ximss_password_runs();

    ck_assert_ptr_nonnull(attempt(name, "wrong", address));
    return ximss_password_runs() - before == 1;
}

static void fail_times(int times, const char *name, const char *address)
{
    while (times-- > 0) {
        ck_assert(tried(name, address));
    }
}

/* ---- tests ---- */

START_TEST(right_and_wrong)
{
    ck_assert(passes("ann@example.org", "192.0.2.1"));
    ck_assert(passes("ann", "192.0.2.1"));
    ck_assert(passes("ANN@Example.ORG", "192.0.2.1"));
    ck_assert_ptr_nonnull(attempt("ann", "Right", "192.0.2.1"));
    ck_assert_ptr_nonnull(attempt("ann", "", "192.0.2.1"));
    ck_assert_ptr_nonnull(attempt("ann", NULL, "192.0.2.1"));
    ck_assert_ptr_nonnull(attempt(NULL, NULL, NULL));
}
END_TEST

/* Equal treatment: the same error, the same text, one hash, nothing written, whoever it is. */
START_TEST(unknown_equals_wrong)
{
    static const char *const names[] = {
        "ann", "nobody", "nobody@nowhere", "off",        "",
        "@",   "a@b@c",  "bad name",       "\xff\xfe@x", "ann@nowhere.x"};
    const char *text = attempt("ben", "wrong", "192.0.2.200")->text;
    char *longest = apr_pcalloc(pool, 5001);
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *address = apr_psprintf(pool, "192.0.2.%d", (int)i);
        apr_uint64_t before = ximss_password_runs();
        const ximss_error_t *error = attempt(names[i], "wrong", address);

        ck_assert_ptr_nonnull(error);
        ck_assert_str_eq(error->text, text);
        ck_assert_uint_eq(ximss_password_runs(), before + 1);
    }
    memset(longest, 'x', 5000);
    ck_assert(tried(longest, "192.0.2.100"));
    ck_assert_int_eq(fakes[0].failures, 0);
    ck_assert(!passes("off", "192.0.2.101")); /* disabled, though the password is right */
}
END_TEST

/* Unknown names are throttled as existing ones are. */
START_TEST(five_free_then_refused)
{
    static const char *const names[] = {"ann", "nobody"};
    int i;

    for (i = 0; i < 2; i++) {
        fail_times(5, names[i], apr_psprintf(pool, "192.0.2.%d", i));
        ck_assert(!tried(names[i], apr_psprintf(pool, "198.51.100.%d", i)));
    }
    ck_assert(!passes("ann", "203.0.113.1")); /* the right one is refused, too */
    ck_assert(passes("ben", "203.0.113.1"));
}
END_TEST

START_TEST(address_counts_over_accounts)
{
    int i;

    for (i = 0; i < 5; i++) {
        ck_assert(tried(apr_psprintf(pool, "user%d", i), "192.0.2.1"));
    }
    ck_assert(!tried("another", "192.0.2.1"));
    ck_assert(!passes("ann", "192.0.2.1"));
    ck_assert(passes("ann", "192.0.2.2"));
}
END_TEST

START_TEST(while_grows_and_ends)
{
    int delay;

    fail_times(5, "ann", "192.0.2.1");
    for (delay = 2; delay <= 512; delay *= 2) {
        test_time += delay - 1;
        ck_assert(!tried("ann", "192.0.2.1"));
        test_time += 1;
        ck_assert(tried("ann", "192.0.2.1"));
    }
    for (delay = 0; delay < 3; delay++) { /* at its most */
        test_time += XIMSS_THROTTLE_DELAY_MAX - 1;
        ck_assert(!tried("ann", "192.0.2.1"));
        test_time += 1;
        ck_assert(tried("ann", "192.0.2.1"));
    }
    test_time += XIMSS_THROTTLE_FORGET + 1;
    fail_times(5, "ann", "192.0.2.1");
    ck_assert(!tried("ann", "192.0.2.1"));
    test_time += 2;
    ck_assert(passes("ann", "192.0.2.1"));
}
END_TEST

START_TEST(pair_that_succeeded_passes)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    ximss_throttle_keys_t keys;
    int i;

    ck_assert(passes("ann", "192.0.2.1"));
    fail_times(5, "ann", "198.51.100.1");
    ck_assert(!passes("ann", "198.51.100.1"));
    ck_assert(!passes("ben", "198.51.100.1"));
    ck_assert(passes("ann", "192.0.2.1"));

    /* and its own failures do not lock it out at once */
    fail_times(20, "ann", "192.0.2.1");
    ck_assert(passes("ann", "192.0.2.1"));

    /* but nobody guesses for ever from there */
    ximss_throttle_keys(throttle, "ann@example.org", "192.0.2.1", &keys);
    for (i = 0; i < XIMSS_THROTTLE_FREE_KNOWN; i++) {
        ck_assert_int_eq(ximss_throttle_judge(throttle, &keys, test_time, 0), XIMSS_VERDICT_FAILED);
    }
    ck_assert(!tried("ann", "192.0.2.1"));
    ck_assert(!passes("ann", "192.0.2.1"));
    test_time += 2;
    ck_assert(passes("ann", "192.0.2.1"));
}
END_TEST

START_TEST(success_resets_account_and_pair)
{
    int round;

    for (round = 0; round < 3; round++) {
        fail_times(4, "ann", "192.0.2.1");
        ck_assert(passes("ann", "192.0.2.1"));
    }
    ck_assert(passes("ann", "198.51.100.1"));
    /* her own slips were forgiven to the address, too */
    fail_times(4, "nobody", "192.0.2.1");
    ck_assert(passes("ben", "192.0.2.1"));
}
END_TEST

/* An attacker with an account of his own does not get more guesses at others by logging in between. */
START_TEST(own_account_does_not_wash_address)
{
    int i;

    ck_assert(passes("ben", "192.0.2.1"));
    for (i = 0; i < 5; i++) {
        ck_assert(tried(apr_psprintf(pool, "victim%d", i), "192.0.2.1"));
        ck_assert(tried("ben", "192.0.2.1"));
        ck_assert(passes("ben", "192.0.2.1"));
    }
    ck_assert(!tried("ann", "192.0.2.1"));
    ck_assert(!passes("ann", "192.0.2.1"));
}
END_TEST

START_TEST(address_forms)
{
    fail_times(5, "nobody", "2001:db8:1:2::1");
    ck_assert(!tried("other", "2001:db8:1:2:3:4:5:6"));
    ck_assert(tried("other", "2001:db8:1:3::1"));
    fail_times(5, "nobody2", "192.0.2.77");
    ck_assert(!tried("other", "::ffff:192.0.2.77"));
    ck_assert(tried("other", "::ffff:192.0.2.78"));
}
END_TEST

/* Attempts side by side: all were admitted, each is judged in its turn. */
START_TEST(judged_in_turn)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    ximss_throttle_keys_t keys;
    int i;

    ximss_throttle_keys(throttle, "ann@example.org", "192.0.2.1", &keys);
    ck_assert(ximss_throttle_admit(throttle, &keys, test_time));
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(ximss_throttle_judge(throttle, &keys, test_time, 0), XIMSS_VERDICT_FAILED);
    }
    ck_assert_int_eq(ximss_throttle_judge(throttle, &keys, test_time, 0), XIMSS_VERDICT_REFUSED);
    ck_assert_int_eq(ximss_throttle_judge(throttle, &keys, test_time, 1), XIMSS_VERDICT_REFUSED);
}
END_TEST

/* A flood of names and addresses neither fills the tables nor washes out an account under attack. */
START_TEST(flood)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    ximss_throttle_keys_t keys;
    int i;

    fail_times(5, "ann", "192.0.2.1");
    for (i = 0; i < 50000; i++) {
        const char *text = apr_psprintf(pool, "flood%d", i);

        ximss_throttle_keys(throttle, text, text, &keys);
        ck_assert_int_eq(ximss_throttle_judge(throttle, &keys, test_time, 0), XIMSS_VERDICT_FAILED);
    }
    ck_assert(!tried("ann", "192.0.2.2"));
    ck_assert(!tried("nobody", "192.0.2.1"));
    ck_assert(passes("ben", "192.0.2.3"));
}
END_TEST

START_TEST(records)
{
    ximss_credentials_t credentials = {
        .user_name = "ann@example.org", .password = "right", .address = "192.0.2.1"};
    ximss_account_entry_t *entry;
    ximss_login_t previous;

    ck_assert_ptr_null(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
    ck_assert_int_eq(previous.when, 0);
    ck_assert_str_eq(entry->id, "id0");
    ck_assert_ptr_null(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
    ck_assert_int_gt(previous.when, 0);
    ck_assert_int_eq(fakes[0].logins, 2);

    /* many failures, one record, of the last; none of unknown users or throttled attempts */
    fail_times(3, "ben", "192.0.2.2");
    fail_times(2, "ben", "192.0.2.3");
    ck_assert(!tried("ben", "192.0.2.4"));
    fail_times(1, "nobody", "192.0.2.5");
    ck_assert_int_eq(fakes[1].failures, 0);
    ck_assert_int_eq(ximss_auth_record_failures(auth, "id0", 9, pool), 0);
    ck_assert_int_eq(ximss_auth_record_failures(auth, NULL, 9, pool), 1);
    ck_assert_int_eq(ximss_auth_record_failures(auth, NULL, 9, pool), 0);
    ck_assert_int_eq(fakes[1].failures, 1);
    ck_assert_str_eq(fakes[1].failed_from, "192.0.2.3");

    /* a login does it for its own account */
    fail_times(1, "ann", "192.0.2.6");
    ck_assert(passes("ann", "192.0.2.1"));
    ck_assert_int_eq(fakes[0].failures, 1);
}
END_TEST

START_TEST(record_trouble)
{
    fail_times(1, "ann", "192.0.2.1");
    record_fails = XIMSS_E_BUSY;
    ck_assert(passes("ann", "192.0.2.1")); /* an import locks nobody out */
    ck_assert_int_eq(ximss_auth_record_failures(auth, NULL, 9, pool), 0);
    record_fails = XIMSS_E_COUNT;
    ck_assert_int_eq(ximss_auth_record_failures(auth, NULL, 9, pool), 1);
    record_fails = XIMSS_E_OVER_QUOTA;
    ck_assert(passes("ann", "192.0.2.1"));
    record_fails = XIMSS_E_NOT_FOUND;
    ck_assert(!passes("ann", "192.0.2.1"));
}
END_TEST

/* More accounts fail than are kept: the oldest give way. */
START_TEST(pending_is_bounded)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    ximss_throttle_pending_t failure;
    int i;
    int taken = 0;

    memset(&failure, 0, sizeof(failure));
    for (i = 1; i <= 3 * XIMSS_THROTTLE_PENDING; i++) {
        apr_snprintf(failure.account_id, sizeof(failure.account_id), "id%d", i);
        failure.when = i;
        ximss_throttle_note(throttle, &failure);
    }
    while (ximss_throttle_take(throttle, NULL, &failure)) {
        ck_assert_int_gt(failure.when, 2 * XIMSS_THROTTLE_PENDING);
        taken++;
    }
    ck_assert_int_eq(taken, XIMSS_THROTTLE_PENDING);
}
END_TEST

START_TEST(weak_verifier_is_renewed)
{
    static struct crypt_data data;
    const char *weak = apr_pstrdup(pool, crypt_r("right", "$6$abcdefgh", &data));

    fakes[0].entry.verifier = weak;
    ck_assert_ptr_nonnull(attempt("ann", "wrong", "192.0.2.1"));
    ck_assert_int_eq(updates, 0);
    ck_assert(passes("ann", "192.0.2.1"));
    ck_assert_int_eq(updates, 1);
    ck_assert_int_eq(strncmp(fakes[0].entry.verifier, "$y$", 3), 0);
    ck_assert(passes("ann", "192.0.2.1"));
    ck_assert_int_eq(updates, 1);
}
END_TEST

START_TEST(domains)
{
    static const struct {
        const char *domain;
        const char *host;
        const char *fallback;
        const char *expected;
    } rows[] = {{"Example.COM", "example.org", "example.net", "example.com"},
                {NULL, "EXAMPLE.org", "example.net", "example.org"},
                {"", "example.org.", NULL, "example.org"},
                {NULL, "www.example.org", "example.net", "example.net"},
                {NULL, "bad host", "example.net", "example.net"},
                {NULL, "127.0.0.1", NULL, NULL},
                {NULL, ".", NULL, NULL},
                {NULL, NULL, "", NULL}};
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *result = "unset";

        ck_assert_ptr_null(
            ximss_auth_domain(NULL, rows[i].domain, rows[i].host, rows[i].fallback, &result, pool));
        if (rows[i].expected == NULL) {
            ck_assert_ptr_null(result);
        }
        else {
            ck_assert_str_eq(result, rows[i].expected);
        }
    }
}
END_TEST

START_TEST(domain_of_login)
{
    ximss_credentials_t credentials = {.user_name = "ann", .password = "right", .address = "::1"};
    ximss_account_entry_t *entry;
    ximss_login_t previous;

    ck_assert_ptr_nonnull(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
    credentials.host = "example.org";
    ck_assert_ptr_null(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
    credentials.domain = "example.net";
    ck_assert_ptr_nonnull(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
    credentials.user_name = "ann@example.org"; /* what is in the name comes first */
    ck_assert_ptr_null(ximss_auth_login(auth, &credentials, &entry, &previous, pool));
}
END_TEST

/* A process that dies while it hashes or counts leaves its slot and the table to others. */
START_TEST(killed_holders)
{
    int i;

    for (i = 0; i < HASH_SLOTS; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            ximss_auth_slot_take(auth);
            ximss_robust_lock(&auth->shared->throttle.mutex, 1000, NULL);
            kill(getpid(), SIGKILL);
        }
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    }
    ck_assert(passes("ann", "192.0.2.1"));
}
END_TEST

START_TEST(slots_are_limited)
{
    int first = ximss_auth_slot_take(auth);
    int second = ximss_auth_slot_take(auth);

    ck_assert_int_ne(first, second);
    ck_assert_int_eq(ximss_robust_try(&auth->shared->slots[0], NULL), EBUSY);
    ck_assert_int_eq(ximss_robust_try(&auth->shared->slots[1], NULL), EBUSY);
    ximss_auth_slot_give(auth, first);
    ck_assert_int_eq(ximss_auth_slot_take(auth), first);
    ximss_auth_slot_give(auth, first);
    ximss_auth_slot_give(auth, second);
}
END_TEST

START_TEST(kept_and_refused_memory)
{
    ximss_auth_t *other;
    char *bytes = apr_pcalloc(pool, memory_size);

    fail_times(5, "ann", "192.0.2.1");
    ck_assert_ptr_null(ximss_auth_init(memory, memory_size, HASH_SLOTS, pool));
    ck_assert(!tried("ann", "192.0.2.1"));
    ck_assert_ptr_nonnull(ximss_auth_init(memory, memory_size, HASH_SLOTS - 1, pool));
    ck_assert_ptr_nonnull(ximss_auth_init(bytes, memory_size - 1, HASH_SLOTS, pool));
    ck_assert_ptr_nonnull(ximss_auth_attach(&other, bytes, memory_size, NULL, pool));
    ck_assert_ptr_nonnull(ximss_auth_attach(&other, memory, memory_size - 1, NULL, pool));
    bytes[100] = 1;
    ck_assert_ptr_nonnull(ximss_auth_init(bytes, memory_size, HASH_SLOTS, pool));
    ck_assert_uint_eq(ximss_auth_size(0), 0);
    ck_assert_uint_eq(ximss_auth_size(1025), 0);
}
END_TEST

static void add_throttle(TCase *tests)
{
    tcase_add_test(tests, five_free_then_refused);
    tcase_add_test(tests, address_counts_over_accounts);
    tcase_add_test(tests, while_grows_and_ends);
    tcase_add_test(tests, pair_that_succeeded_passes);
    tcase_add_test(tests, success_resets_account_and_pair);
    tcase_add_test(tests, own_account_does_not_wash_address);
    tcase_add_test(tests, address_forms);
    tcase_add_test(tests, judged_in_turn);
    tcase_add_test(tests, flood);
}

static void add_login(TCase *tests)
{
    tcase_add_test(tests, right_and_wrong);
    tcase_add_test(tests, unknown_equals_wrong);
    tcase_add_test(tests, records);
    tcase_add_test(tests, record_trouble);
    tcase_add_test(tests, pending_is_bounded);
    tcase_add_test(tests, weak_verifier_is_renewed);
    tcase_add_test(tests, domains);
    tcase_add_test(tests, domain_of_login);
    tcase_add_test(tests, killed_holders);
    tcase_add_test(tests, slots_are_limited);
    tcase_add_test(tests, kept_and_refused_memory);
}

void suite_fill(Suite *suite)
{
    TCase *throttle = suite_case(suite, "throttle");
    TCase *login = suite_case(suite, "login");

    tcase_add_checked_fixture(throttle, setup, teardown);
    tcase_add_checked_fixture(login, setup, teardown);
    add_throttle(throttle);
    add_login(login);
}
