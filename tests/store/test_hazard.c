/* What can go wrong around the store's files: killed writers, two processes at work, accounts deleted or
 * replaced under an open handle, a disk that is full, a damaged file. */
#include "store/fixture.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_ROUNDS 30

/* ---- children that write ---- */

/* Appends COUNT messages of 3 to 30 KB from number FROM on, a commit each, and tells FILE each number that
 * is committed. In a child: leaves by _exit. */
static void write_forever(int file, unsigned int from, unsigned int count)
{
    ximss_append_t append = {0, 0, {0, ""}};
    ximss_account_t *account;
    apr_pool_t *pool;
    unsigned int i;

    apr_pool_create(&pool, test_pool);
    fixture_reopen();
    account = test_account;
    append.mailbox = fixture_mailbox(account, "INBOX")->id;
    for (i = from; i < from + count; i++) {
        const ximss_digest_t *digest = fixture_digest(i, 3000 + i * 97 % 27000, pool);
        apr_uint32_t uid;

        append.internal_date = fixture_date(i);
        if (ximss_account_begin_write(account, pool) != NULL ||
            ximss_message_append(account, &append, digest, &uid, pool) != NULL ||
            ximss_account_commit(account, pool) != NULL) {
            _exit(2);
        }
        if (write(file, &i, sizeof(i)) != (ssize_t)sizeof(i)) {
            _exit(3);
        }
        ximss_account_tidy(account);
        apr_pool_clear(pool);
    }
    _exit(0);
}

static pid_t start_writer(int *file, unsigned int from, unsigned int count)
{
    int ends[2];
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        write_forever(ends[1], from, count);
    }
    close(ends[1]);
    *file = ends[0];
    return child;
}

static int read_number(int file, unsigned int *number)
{
    ssize_t got;

    do {
        got = read(file, number, sizeof(*number));
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(*number);
}

/* Message NUMBER is there, byte for byte. */
static void find_message(unsigned int number)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    const ximss_digest_t *digest;
    apr_pool_t *pool;
    int known;

    apr_pool_create(&pool, test_pool);
    digest = fixture_digest(number, 3000 + number * 97 % 27000, pool);
    must(ximss_message_known(test_account, inbox, digest->sha256, &known, pool));
    ck_assert_msg(known, "message %u was acknowledged and is lost", number);
    apr_pool_destroy(pool);
}

/* One writer, killed after some acknowledgements; returns how many there were. */
static unsigned int kill_round(unsigned int round, unsigned int *seed)
{
    unsigned int wanted = fixture_random(seed) % 60;
    unsigned int numbers[1000];
    unsigned int count = 0;
    unsigned int i;
    int status;
    int file;
    pid_t child;

    fixture_close();
    child = start_writer(&file, round * 1000, 1000);
    while (count < wanted && read_number(file, &numbers[count])) {
        count++;
    }
    /* Somewhere in the next transaction, or in a checkpoint. */
    for (i = fixture_random(seed) % 200000; i > 0; i--) {
        __asm__ volatile("");
    }
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || count == 1000, "the writer failed with %d", status);
    while (count < 1000 && read_number(file, &numbers[count])) {
        count++;
    }
    close(file);
    fixture_reopen();
    for (i = 0; i < count; i++) {
        find_message(numbers[i]);
    }
    return count;
}

START_TEST(killed_writers)
{
    apr_int64_t acknowledged = 0;
    apr_int64_t messages;
    unsigned int seed = 7;
    unsigned int round;

    for (round = 0; round < KILL_ROUNDS; round++) {
        acknowledged += kill_round(round, &seed);
        if (round % 6 == 5) {
            ck_assert_int_eq(fixture_check(test_account, 0), 0);
        }
    }
    messages = fixture_mailbox(test_account, "INBOX")->messages;
    ck_assert_int_ge(messages, acknowledged);
    /* A commit whose acknowledgement was not sent any more: one a round at most. */
    ck_assert_int_le(messages, acknowledged + KILL_ROUNDS);
}
END_TEST

/* Writers that commit and checkpoint beside each other, while this process reads and checks. */
START_TEST(two_processes)
{
    unsigned int number;
    unsigned int count = 0;
    pid_t children[2];
    int files[2];
    int status;
    int i;

    fixture_close();
    children[0] = start_writer(&files[0], 1000, 250);
    children[1] = start_writer(&files[1], 5000, 250);
    fixture_reopen();
    while (read_number(files[0], &number)) {
        find_message(number);
        if (count++ % 50 == 0) {
            ck_assert_int_eq(fixture_check(test_account, 0), 0);
        }
    }
    while (read_number(files[1], &number)) {
        find_message(number);
        count++;
    }
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
        close(files[i]);
    }
    ck_assert_int_eq(count, 500);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 500);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->uid_next, 501);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

static void *thread_body(void *baton)
{
    unsigned int from = *(unsigned int *)baton;
    const ximss_error_t *error = NULL;
    apr_pool_t *pool;
    unsigned int i;

    apr_pool_create(&pool, NULL);
    for (i = from; i < from + 40 && error == NULL; i++) {
        ximss_append_t append = {1, 0, {0, ""}};
        ximss_account_t *account;
        apr_uint32_t uid;

        error = ximss_account_checkout(&account, test_store, test_id, pool);
        if (error == NULL) {
            error = ximss_account_begin_write(account, pool);
        }
        if (error == NULL) {
            error = ximss_message_append(account, &append, fixture_digest(i, 0, pool), &uid, pool);
        }
        if (error == NULL) {
            error = ximss_account_commit(account, pool);
            ximss_account_tidy(account);
        }
        apr_pool_clear(pool); /* gives the handle back */
    }
    apr_pool_destroy(pool);
    return error == NULL ? NULL : baton;
}

START_TEST(threads)
{
    unsigned int from[] = {100, 200, 300, 400};
    pthread_t threads_[4];
    void *failed;
    int i;

    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->id, 1);
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads_[i], NULL, thread_body, &from[i]), 0);
    }
    for (i = 0; i < 4; i++) {
        pthread_join(threads_[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 160);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* ---- accounts that go, or change, under an open handle ---- */

static ximss_store_t *second_store(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, test_pool);
    return fixture_open(1, 1000, pool);
}

START_TEST(deleted_account)
{
    ximss_account_entry_t entry = {NULL, "user@example.org", NULL, "*", -1, 1, 0};
    ximss_store_t *other = second_store();
    ximss_account_t *again;
    const char *id;

    must(ximss_account_delete(other, "user@example.org", test_pool));
    must_fail(ximss_account_begin_write(test_account, test_pool), XIMSS_E_NOT_FOUND);
    must(ximss_account_create(other, &entry, &id, test_pool));
    ck_assert_str_ne(id, test_id);
    must_fail(ximss_account_begin_write(test_account, test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_checkout(&again, test_store, test_id, test_pool), XIMSS_E_NOT_FOUND);
    ximss_account_return(test_account);
    must_fail(ximss_account_checkout(&again, test_store, test_id, test_pool), XIMSS_E_NOT_FOUND);
    must(ximss_account_checkout(&again, test_store, id, test_pool));
    must(ximss_account_begin_write(again, test_pool));
    fixture_append(again, fixture_mailbox(again, "INBOX")->id, 1, 0);
    must(ximss_account_commit(again, test_pool));
    ximss_account_return(again);
}
END_TEST

START_TEST(delete_waits_for_a_writer)
{
    ximss_store_t *other = second_store();
    ximss_account_entry_t *entry;

    must(ximss_account_begin_write(test_account, test_pool));
    must_fail(ximss_account_delete(other, "user@example.org", test_pool), XIMSS_E_BUSY);
    ximss_account_rollback(test_account);
    must(ximss_account_find(other, "user@example.org", &entry, test_pool));
    ck_assert_ptr_nonnull(entry);
    must(ximss_account_delete(other, "user@example.org", test_pool));
}
END_TEST

static const char *file_of(const char *id, const char *name)
{
    return apr_pstrcat(test_pool, test_dir, "/accounts/", id, "/", name, NULL);
}

/* What a restore does: other files take the place of an account's. */
static void replace_files(const char *from, const char *to)
{
    ck_assert_int_eq(rename(file_of(from, "mail.db"), file_of(to, "mail.db")), 0);
    ck_assert_int_eq(rename(file_of(from, "mail.db-wal"), file_of(to, "mail.db-wal")), 0);
    ck_assert_int_eq(unlink(file_of(to, "mail.db-shm")), 0);
}

START_TEST(replaced_account)
{
    ximss_account_entry_t entry = {NULL, "other@example.org", NULL, "*", -1, 1, 0};
    ximss_store_t *other = second_store();
    ximss_account_t *account;
    apr_pool_t *pool;
    const char *id;
    int i;

    must(ximss_account_create(other, &entry, &id, test_pool));
    apr_pool_create(&pool, test_pool);
    other = fixture_open(1, 1000, pool);
    must(ximss_account_checkout(&account, other, id, pool));
    must(ximss_account_begin_write(account, pool));
    for (i = 0; i < 5; i++) {
        fixture_append(account, fixture_mailbox(account, "INBOX")->id, (unsigned int)i, 0);
    }
    must(ximss_account_commit(account, pool));
    ximss_account_return(account);
    apr_pool_destroy(pool);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 0);
    replace_files(id, test_id);
    must(ximss_account_begin_write(test_account, test_pool));
    ck_assert_int_eq(fixture_append(test_account, 1, 77, 0), 6);
    must(ximss_account_commit(test_account, test_pool));
    fixture_reopen();
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 6);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(replaced_by_rubbish)
{
    ximss_mailbox_t *mailbox;
    FILE *file = fopen(file_of(test_id, "rubbish"), "wb");
    int i;

    ck_assert_ptr_nonnull(file);
    for (i = 0; i < 3000; i++) {
        fputs("no database", file);
    }
    fclose(file);
    ck_assert_int_eq(rename(file_of(test_id, "rubbish"), file_of(test_id, "mail.db")), 0);
    ck_assert_int_eq(unlink(file_of(test_id, "mail.db-wal")), 0);
    ck_assert_int_eq(unlink(file_of(test_id, "mail.db-shm")), 0);
    must_fail(ximss_account_begin_write(test_account, test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_account_begin_read(test_account, test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_mailbox_find(test_account, "INBOX", &mailbox, test_pool), XIMSS_E_INTERNAL);
    ximss_account_tidy(test_account);
    ximss_account_time_limit(test_account, 1);
    must_fail(ximss_account_begin_write(test_account, test_pool), XIMSS_E_INTERNAL);
    ximss_account_return(test_account);
    must_fail(ximss_account_checkout(&test_account, test_store, test_id, test_pool),
              XIMSS_E_INTERNAL);
}
END_TEST

/* Whoever made the directory was killed before it held anything. */
START_TEST(half_made_directory)
{
    const char *path;
    struct stat info;
    int file;

    fixture_close();
    test_dir = apr_pstrcat(test_pool, test_dir, "/accounts", NULL);
    path = apr_pstrcat(test_pool, test_dir, "/directory.db", NULL);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(file, 0);
    close(file);
    must(ximss_domain_create(second_store(), "example.com", test_pool));
    ck_assert_int_eq(stat(apr_pstrcat(test_pool, path, "-wal", NULL), &info), 0);
    ck_assert_int_gt(info.st_size, 0);
    test_dir = apr_pstrmemdup(test_pool, test_dir, strlen(test_dir) - strlen("/accounts"));
}
END_TEST

/* ---- no room ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Appends until that fails; returns how many commits went well. */
static int fill_up(const ximss_error_t **error)
{
    int commits = 0;
    apr_uint32_t uid;

    *error = NULL;
    while (commits < 1000) {
        const ximss_append_t append = {1, 0, {0, ""}};
        const ximss_digest_t *digest = fixture_digest((unsigned int)commits, 20000, test_pool);

        *error = ximss_account_begin_write(test_account, test_pool);
        if (*error == NULL) {
            *error = ximss_message_append(test_account, &append, digest, &uid, test_pool);
        }
        if (*error == NULL) {
            *error = ximss_account_commit(test_account, test_pool);
        }
        if (*error != NULL) {
            return commits;
        }
        commits++;
    }
    return commits;
}

START_TEST(full_disk)
{
    const ximss_error_t *error;
    int commits;

    signal(SIGXFSZ, SIG_IGN);
    limit_files(1500000);
    commits = fill_up(&error);
    ck_assert_int_gt(commits, 3);
    ck_assert_int_lt(commits, 1000);
    must_fail(error, XIMSS_E_INTERNAL);
    ck_assert_int_eq(ximss_account_in_transaction(test_account), 0);
    ck_assert_int_eq(ximss_account_in_write(test_account), 0);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, commits);
    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, 1, 9999, 0);
    must(ximss_account_commit(test_account, test_pool));
    fixture_reopen();
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, commits + 1);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* ---- damage ---- */

static char *read_file(const char *path, apr_size_t *length)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    char *data;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &info), 0);
    *length = (apr_size_t)info.st_size;
    data = apr_palloc(test_pool, *length);
    ck_assert_int_eq(fread(data, 1, *length, file), *length);
    fclose(file);
    return data;
}

static void write_damaged(const char *path, const char *data, apr_size_t length, unsigned int *seed)
{
    char *copy = malloc(length);
    unsigned int flips = 1 + fixture_random(seed) % 12;
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    memcpy(copy, data, length);
    while (flips-- > 0) {
        apr_size_t page = fixture_random(seed) % (length / 4096);
        apr_size_t at = fixture_random(seed) % (fixture_random(seed) % 2 == 0 ? 120 : 4096);

        copy[page * 4096 + at] = (char)fixture_random(seed);
    }
    if (fixture_random(seed) % 10 == 0) {
        length -= fixture_random(seed) % length;
    }
    ck_assert_int_eq(fwrite(copy, 1, length, file), length);
    fclose(file);
    free(copy);
}

static const ximss_error_t *read_row(void *baton, const ximss_message_t *message,
                                     apr_pool_t *scratch)
{
    ximss_account_t *account = baton;
    const char *data;
    apr_size_t length;

    (void)ximss_blob_structure(account, message->blob, &data, &length, scratch);
    if (message->size > 0 && message->size < 10000000) {
        (void)ximss_blob_read(account, message->blob, 0, (apr_size_t)message->size, &data, scratch);
    }
    return NULL;
}

/* Everything that reads and writes; errors are welcome, crashes are not. */
static void use_all(ximss_account_t *account, apr_pool_t *pool)
{
    const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    const ximss_append_t append = {1, 0, {0, ""}};
    const apr_uint32_t uids[] = {1, 5, 9, 13};
    apr_array_header_t *list;
    apr_uint32_t found[50];
    ximss_check_t result;
    apr_size_t count;
    apr_uint32_t uid;
    int order;

    (void)ximss_mailbox_list(account, &list, pool);
    (void)ximss_message_scan(account, 1, 1000000, 0, read_row, account, pool);
    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        (void)ximss_order_blocks(account, 1, (ximss_order_t)order, &list, pool);
        (void)ximss_order_uids(account, 1, (ximss_order_t)order, 1000000, NULL, 10, 50, found,
                               &count, pool);
    }
    if (ximss_account_begin_write(account, pool) == NULL) {
        if (ximss_message_append(account, &append, fixture_digest(5000, 0, pool), &uid, pool) ==
                NULL &&
            ximss_message_expunge(account, 1, uids, 4, &count, pool) == NULL) {
            (void)ximss_account_commit(account, pool);
        }
        ximss_account_rollback(account);
    }
    (void)ximss_account_check(account, 0, &limits, NULL, NULL, &result, pool);
    (void)ximss_account_check(account, 1, &limits, NULL, NULL, &result, pool);
}

START_TEST(damaged_file)
{
    const char *path = file_of(test_id, "mail.db");
    unsigned int seed = 99;
    apr_size_t length;
    char *data;
    int i;

    for (i = 0; i < 60; i++) {
        must(ximss_account_begin_write(test_account, test_pool));
        fixture_append(test_account, 1, (unsigned int)i, 0);
        must(ximss_account_commit(test_account, test_pool));
        ximss_account_tidy(test_account);
    }
    fixture_close();
    data = read_file(path, &length);
    for (i = 0; i < 80; i++) {
        ximss_account_t *account;
        ximss_store_t *store;
        apr_pool_t *pool;

        write_damaged(path, data, length, &seed);
        (void)unlink(file_of(test_id, "mail.db-wal"));
        (void)unlink(file_of(test_id, "mail.db-shm"));
        apr_pool_create(&pool, NULL);
        store = fixture_open(1, 1000, pool);
        if (ximss_account_checkout(&account, store, test_id, pool) == NULL) {
            use_all(account, pool);
            ximss_account_return(account);
        }
        apr_pool_destroy(pool);
    }
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *tcase = fixture_case(suite, "hazard");

    tcase_add_test(tcase, killed_writers);
    tcase_add_test(tcase, two_processes);
    tcase_add_test(tcase, threads);
    tcase_add_test(tcase, deleted_account);
    tcase_add_test(tcase, delete_waits_for_a_writer);
    tcase_add_test(tcase, replaced_account);
    tcase_add_test(tcase, replaced_by_rubbish);
    tcase_add_test(tcase, half_made_directory);
    tcase_add_test(tcase, full_disk);
    tcase_add_test(tcase, damaged_file);
}
