/* Checking and repairing an account of the SQLite backend: each kind of derived data is spoilt by hand, found,
 * and made again from the raw mail. */
#include "store/fixture.h"

#include <apr_strings.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MESSAGES 30

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static const char *raw_message(int number)
{
    return apr_psprintf(test_pool,
                        "From: Person %d <p%d@example.org>\r\nTo: all@example.org\r\n"
                        "Subject: number %d\r\nDate: Tue, 1 Jul 2003 10:%02d:00 +0200\r\n"
                        "\r\nText of %d\r\n",
                        number % 4, number % 4, number, number, number);
}

static void fill(void)
{
    int i;

    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 0; i < MESSAGES; i++) {
        const ximss_append_t append = {1, fixture_date((unsigned int)i), {0, ""}};
        const char *raw = raw_message(i);
        apr_uint32_t uid;

        must(ximss_message_append(test_account, &append,
                                  ximss_digest_make(raw, strlen(raw), &limits, test_pool), &uid,
                                  test_pool));
    }
    must(ximss_account_commit(test_account, test_pool));
}

static void order_of(ximss_order_t order, apr_uint32_t *uids)
{
    apr_size_t found;

    must(ximss_order_uids(test_account, 1, order, 1000000, NULL, 0, MESSAGES, uids, &found,
                          test_pool));
    ck_assert_int_eq(found, MESSAGES);
}

static const char *const found_by_check[] = {
    "UPDATE mailbox SET messages = messages + 1",
    "UPDATE mailbox SET unseen = 0",
    "UPDATE mailbox SET bytes = 7",
    "UPDATE mailbox SET uid_next = 3",
    "UPDATE mailbox SET modseq = 0",
    "UPDATE account SET bytes = 7",
    "UPDATE account SET next_blob = 2",
    "UPDATE account SET next_mailbox = 1",
    "UPDATE blob SET refs = 5 WHERE id = 3",
    "UPDATE blob SET refs = 0 WHERE id = 3",
    "UPDATE rank SET live = live + 1 WHERE kind = 4",
    "DELETE FROM rank",
    "INSERT INTO raw (id, data) VALUES (99 << 16, 'x')",
    "INSERT INTO blob (id, refs, size, sha256, structure) VALUES (99, 0, 0, "
    "x'e3b0c44298fc1c149afbf4c8996f"
    "b92427ae41e4649b934ca495991b7852b855', 'x'); UPDATE account SET next_blob = 100",
    "UPDATE blob SET structure = x'' WHERE id = 2",
    "DELETE FROM blob WHERE id = 4",
    "DELETE FROM blob",
};

START_TEST(mended)
{
    apr_uint32_t before[MESSAGES];
    apr_uint32_t after[MESSAGES];
    apr_int64_t epoch;

    fill();
    order_of(XIMSS_ORDER_FROM, before);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    epoch = fixture_mailbox(test_account, "INBOX")->epoch;
    fixture_spoil(found_by_check[_i]);
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    ck_assert_int_gt(fixture_check(test_account, 1), 0);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    ck_assert_int_gt(fixture_mailbox(test_account, "INBOX")->epoch, epoch);
    order_of(XIMSS_ORDER_FROM, after);
    ck_assert_int_eq(memcmp(before, after, sizeof(before)), 0);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, MESSAGES);
}
END_TEST

static const ximss_error_t *see_fields(void *baton, const ximss_message_t *message,
                                       apr_pool_t *scratch)
{
    (void)scratch;
    *(apr_size_t *)baton += message->fields_length;
    return NULL;
}

START_TEST(derived_again)
{
    apr_uint32_t before[3][MESSAGES];
    apr_uint32_t after[3][MESSAGES];
    const char *structure;
    const char *again;
    apr_size_t length[2];
    apr_size_t fields[2] = {0, 0};

    fill();
    order_of(XIMSS_ORDER_FROM, before[0]);
    order_of(XIMSS_ORDER_SUBJECT, before[1]);
    order_of(XIMSS_ORDER_DATE, before[2]);
    must(ximss_message_scan(test_account, 1, 1000000, 0, see_fields, &fields[0], test_pool));
    must(ximss_blob_structure(test_account, 5, &structure, &length[0], test_pool));
    fixture_spoil("UPDATE message SET key_from = 'x', key_subject = '', date = 0, fields = 'f';"
                  "UPDATE blob SET structure = 'y'");
    ck_assert_int_eq(fixture_check(test_account, 1), MESSAGES);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    order_of(XIMSS_ORDER_FROM, after[0]);
    order_of(XIMSS_ORDER_SUBJECT, after[1]);
    order_of(XIMSS_ORDER_DATE, after[2]);
    ck_assert_int_eq(memcmp(before, after, sizeof(before)), 0);
    must(ximss_message_scan(test_account, 1, 1000000, 0, see_fields, &fields[1], test_pool));
    ck_assert_int_eq(fields[0], fields[1]);
    must(ximss_blob_structure(test_account, 5, &again, &length[1], test_pool));
    ck_assert_int_eq(length[0], length[1]);
    ck_assert_int_eq(memcmp(structure, again, length[0]), 0);
}
END_TEST

static const char *const beyond_repair[] = {
    "UPDATE raw SET data = 'other' || substr(data, 6) WHERE id = 4 << 16",
    "DELETE FROM raw WHERE id = 4 << 16",
};

START_TEST(lost)
{
    ximss_check_t result;

    fill();
    fixture_spoil(beyond_repair[_i]);
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    must(ximss_account_check(test_account, 1, &limits, NULL, NULL, &result, test_pool));
    ck_assert_int_gt(result.damaged, result.repaired);
    ck_assert_int_eq(result.messages, MESSAGES);
    /* What is left works, and stays known as damaged. */
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, 1, 1, 0);
    must(ximss_account_commit(test_account, test_pool));
}
END_TEST

/* Makes the table of blobs, which is one page, give its rows in a circle: the pointers (SQLite file format, 1.6) to the
 * middle and the last of its ROWS cells change places, so that the last one is found in the middle, and before others. */
static void bend(const char *path, int rows)
{
    unsigned char pointers[2 * MESSAGES];
    unsigned char *middle = pointers + 2 * ((rows - 1) / 2);
    unsigned char *last = pointers + 2 * (rows - 1);
    unsigned char kept[2];
    sqlite3_stmt *stmt;
    sqlite3 *db;
    FILE *file;
    long page;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'blob'", -1, &stmt,
                       NULL);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    page = (sqlite3_column_int(stmt, 0) - 1) * 4096L;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, page, SEEK_SET), 0);
    ck_assert_int_eq(fgetc(file), 13); /* a leaf */
    ck_assert_int_eq(fseek(file, page + 8, SEEK_SET), 0);
    ck_assert_uint_eq(fread(pointers, 2, (size_t)rows, file), (size_t)rows);
    memcpy(kept, middle, 2);
    memcpy(middle, last, 2);
    memcpy(last, kept, 2);
    ck_assert_int_eq(fseek(file, page + 8, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(pointers, 2, (size_t)rows, file), (size_t)rows);
    fclose(file);
}

START_TEST(circle)
{
    const struct rlimit cpu = {20, 20}; /* seconds: of a check that does not end */
    const char *path = apr_pstrcat(test_pool, test_dir, "/accounts/", test_id, "/mail.db", NULL);
    ximss_check_t result = {0, 0, 0};
    int i;

    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 0; i < 20; i++) {
        fixture_append(test_account, 1, (unsigned int)i, 0);
    }
    must(ximss_account_commit(test_account, test_pool));
    fixture_close();
    bend(path, 20);
    fixture_reopen();
    setrlimit(RLIMIT_CPU, &cpu);
    must_fail(ximss_account_check(test_account, 0, &limits, NULL, NULL, &result, test_pool),
              XIMSS_E_INTERNAL);
    ck_assert_int_gt(result.damaged, 0);
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *tcase = fixture_case(suite, "sqlite_check");

    tcase_add_loop_test(tcase, mended, 0, (int)(sizeof(found_by_check) / sizeof(char *)));
    tcase_add_test(tcase, derived_again);
    tcase_add_test(tcase, circle);
    tcase_add_loop_test(tcase, lost, 0, (int)(sizeof(beyond_repair) / sizeof(char *)));
}
