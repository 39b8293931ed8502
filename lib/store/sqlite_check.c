/* Checking an account, and making again whatever is derived from the raw mail: structure, header cache,
 * sort keys, references, counters, blocks. A repair moves the epoch of each mailbox, as rows may have
 * got other keys. */
#include "store/sqlite_check.h"

#include <apr_strings.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <string.h>

/* A blob's row, as check_blob selects it. */
typedef struct blob_row_t {
    apr_int64_t id;
    apr_int64_t refs;
    apr_int64_t size;
    unsigned char sha256[32];
    const char *structure;
    apr_size_t structure_length;
    apr_int64_t rows;
} blob_row_t;

void ximss_check_fault(ximss_sqlite_check_t *check, int mended, apr_pool_t *pool, const char *fmt,
                       ...)
{
    va_list args;

    check->result->damaged++;
    check->result->repaired += mended;
    if (check->run->report == NULL) {
        return;
    }
    va_start(args, fmt);
    check->run->report(check->run->baton, apr_pvsprintf(pool, fmt, args));
    va_end(args);
}

const ximss_error_t *ximss_check_ask(ximss_sqlite_check_t *check, int number,
                                     const apr_int64_t *argument, apr_int64_t *values, int width,
                                     apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;
    int i;

    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, number, pool));
    if (argument != NULL) {
        ximss_sqlite_bind(stmt, argument, 1);
    }
    XIMSS_TRY(ximss_sqlite_step(check->db, stmt, &row, pool));
    if (!row) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no row: %s", sqlite3_sql(stmt));
    }
    for (i = 0; i < width; i++) {
        values[i] = sqlite3_column_int64(stmt, i);
    }
    return ximss_sqlite_run(check->db, stmt, pool);
}

/* ---- the file ---- */

static const ximss_error_t *check_file(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;
    int rc = sqlite3_prepare_v2(
        check->db->db, ximss_control_query_sql[XIMSS_CONTROL_QUERY_INTEGRITY], -1, &stmt, NULL);

    if (rc != SQLITE_OK) {
        return ximss_sqlite_error(check->db, rc, "integrity check", pool);
    }
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *line = ximss_sqlite_text(stmt, 0, pool);

        if (line != NULL && strcmp(line, "ok") != 0) {
            ximss_check_fault(check, 0, pool, "file: %s", line);
        }
    }
    row = rc == SQLITE_DONE;
    sqlite3_finalize(stmt);
    return row ? NULL : ximss_sqlite_error(check->db, rc, "integrity check", pool);
}

/* ---- blobs ---- */

static const ximss_error_t *next_blob(ximss_sqlite_check_t *check, apr_int64_t after,
                                      blob_row_t *blob, int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, XIMSS_ACCOUNT_QUERY_CHECK_BLOB, pool));
    ximss_sqlite_bind(stmt, &after, 1);
    XIMSS_TRY(ximss_sqlite_step(check->db, stmt, found, pool));
    if (!*found) {
        return NULL;
    }
    memset(blob, 0, sizeof(*blob));
    blob->id = sqlite3_column_int64(stmt, 0);
    XIMSS_TRY(ximss_sqlite_ascends(check->db, after, blob->id, pool));
    blob->refs = sqlite3_column_int64(stmt, 1);
    blob->size = sqlite3_column_int64(stmt, 2);
    if (sqlite3_column_bytes(stmt, 3) == (int)sizeof(blob->sha256)) {
        memcpy(blob->sha256, sqlite3_column_blob(stmt, 3), sizeof(blob->sha256));
    }
    blob->structure_length = (apr_size_t)sqlite3_column_bytes(stmt, 4);
    blob->structure = blob->structure_length > 0
                          ? apr_pmemdup(pool, sqlite3_column_blob(stmt, 4), blob->structure_length)
                          : "";
    blob->rows = sqlite3_column_int64(stmt, 5);
    return ximss_sqlite_run(check->db, stmt, pool);
}

/* The keys and cached fields of the rows of a blob. */
static const ximss_error_t *write_rows(ximss_sqlite_check_t *check, const blob_row_t *blob,
                                       const ximss_digest_t *digest, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {blob->id, (apr_int64_t)digest->length, digest->date};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, XIMSS_ACCOUNT_QUERY_REPAIR_ROWS, pool));
    ximss_sqlite_bind(stmt, numbers, 3);
    if (!digest->date_valid) {
        sqlite3_bind_null(stmt, 3);
    }
    sqlite3_bind_text(stmt, 4, digest->key_from, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, digest->key_to, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 6, digest->key_subject, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 7, digest->fields_length > 0 ? digest->fields : "",
                        digest->fields_length, SQLITE_STATIC);
    return ximss_sqlite_run(check->db, stmt, pool);
}

static const ximss_error_t *write_blob(ximss_sqlite_check_t *check, const blob_row_t *blob,
                                       const ximss_digest_t *digest, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {blob->id, (apr_int64_t)digest->length};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, XIMSS_ACCOUNT_QUERY_REPAIR_BLOB, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_blob64(stmt, 3, digest->structure_length > 0 ? digest->structure : "",
                        digest->structure_length, SQLITE_STATIC);
    return ximss_sqlite_run(check->db, stmt, pool);
}

/* Makes again what is derived from the sound bytes DATA. */
static const ximss_error_t *derive(ximss_sqlite_check_t *check, const blob_row_t *blob,
                                   const char *data, apr_pool_t *pool)
{
    const ximss_digest_t *digest =
        ximss_digest_make(data, (apr_size_t)blob->size, check->run->limits, pool);

    if (digest->structure_length != blob->structure_length ||
        memcmp(digest->structure, blob->structure, blob->structure_length) != 0) {
        ximss_check_fault(check, 1, pool, "blob %" APR_INT64_T_FMT ": its structure was wrong",
                          blob->id);
    }
    XIMSS_TRY(write_blob(check, blob, digest, pool));
    return write_rows(check, blob, digest, pool);
}

static const ximss_error_t *check_references(ximss_sqlite_check_t *check, const blob_row_t *blob,
                                             apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {blob->id, blob->rows + 1};

    if (blob->refs == blob->rows && blob->rows > 0) {
        return NULL;
    }
    ximss_check_fault(check, check->run->repair, pool,
                      "blob %" APR_INT64_T_FMT ": %" APR_INT64_T_FMT
                      " references, %" APR_INT64_T_FMT " rows",
                      blob->id, blob->refs, blob->rows);
    if (!check->run->repair) {
        return NULL;
    }
    /* One too many, and dropped: then a blob without rows goes. */
    XIMSS_TRY(ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_REFS, numbers, 2, pool));
    return ximss_sqlite_blob_drop(check->db, blob->id, pool);
}

static const ximss_error_t *check_blob(ximss_sqlite_check_t *check, const blob_row_t *blob,
                                       apr_pool_t *pool)
{
    unsigned char sha256[32];
    const ximss_error_t *error;
    const char *data;

    error =
        ximss_sqlite_blob_read(check->account, blob->id, 0, (apr_size_t)blob->size, &data, pool);
    if (error != NULL) {
        ximss_check_fault(check, 0, pool, "blob %" APR_INT64_T_FMT ": its mail cannot be read",
                          blob->id);
        return check->db->broken ? error : NULL;
    }
    SHA256((const unsigned char *)data, (size_t)blob->size, sha256);
    if (memcmp(sha256, blob->sha256, sizeof(sha256)) != 0) {
        ximss_check_fault(check, 0, pool, "blob %" APR_INT64_T_FMT ": its mail was altered",
                          blob->id);
    }
    else if (check->run->repair) {
        XIMSS_TRY(derive(check, blob, data, pool));
    }
    else if (blob->structure_length == 0) {
        ximss_check_fault(check, 0, pool, "blob %" APR_INT64_T_FMT ": it has no structure",
                          blob->id);
    }
    return check_references(check, blob, pool);
}

static const ximss_error_t *check_blobs(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    blob_row_t blob = {0, 0, 0, {0}, NULL, 0, 0};
    apr_pool_t *iteration;
    int found = 1;

    apr_pool_create(&iteration, pool);
    while (found) {
        const ximss_error_t *error;

        apr_pool_clear(iteration);
        error = next_blob(check, blob.id, &blob, &found, iteration);
        if (error == NULL && found) {
            error = check_blob(check, &blob, iteration);
        }
        if (error != NULL) {
            return error;
        }
    }
    apr_pool_destroy(iteration);
    return NULL;
}

/* The row of a blob that is lost though its bytes are there: made again, its sha256 of what is there. The
 * rest is derived after that. */
static const ximss_error_t *restore_blob(ximss_sqlite_check_t *check, apr_int64_t blob,
                                         apr_pool_t *pool)
{
    unsigned char sha256[32];
    sqlite3_stmt *stmt;
    apr_int64_t size;
    const char *data;

    XIMSS_TRY(ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_LOST, &blob, 1, pool));
    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_BLOB_SIZE, &blob, &size, 1, pool));
    XIMSS_TRY(ximss_sqlite_blob_read(check->account, blob, 0, (apr_size_t)size, &data, pool));
    SHA256((const unsigned char *)data, (size_t)size, sha256);
    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, XIMSS_ACCOUNT_QUERY_REPAIR_SHA256, pool));
    sqlite3_bind_int64(stmt, 1, blob);
    sqlite3_bind_blob(stmt, 2, sha256, sizeof(sha256), SQLITE_STATIC);
    return ximss_sqlite_run(check->db, stmt, pool);
}

static const ximss_error_t *check_lost(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    apr_int64_t blob = 0;
    apr_pool_t *iteration;
    int found = 1;

    apr_pool_create(&iteration, pool);
    while (found) {
        apr_int64_t after = blob;

        apr_pool_clear(iteration);
        XIMSS_TRY(ximss_sqlite_ask(check->db, XIMSS_ACCOUNT_QUERY_CHECK_LOST, &after, &blob, &found,
                                   iteration));
        if (found) {
            XIMSS_TRY(ximss_sqlite_ascends(check->db, after, blob, iteration));
            ximss_check_fault(check, check->run->repair, iteration,
                              "blob %" APR_INT64_T_FMT ": its row is lost", blob);
            if (check->run->repair) {
                XIMSS_TRY(restore_blob(check, blob, iteration));
            }
        }
    }
    apr_pool_destroy(iteration);
    return NULL;
}

static const ximss_error_t *check_orphans(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    apr_int64_t rows;
    apr_int64_t pieces;

    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_ORPHANS, NULL, &rows, 1, pool));
    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_PIECES, NULL, &pieces, 1, pool));
    if (rows > 0) {
        ximss_check_fault(check, 0, pool, "%" APR_INT64_T_FMT " messages have lost their mail",
                          rows);
    }
    if (pieces > 0) {
        ximss_check_fault(check, check->run->repair, pool,
                          "%" APR_INT64_T_FMT " raw pieces belong to no blob", pieces);
        if (check->run->repair) {
            return ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_PIECES, NULL, 0, pool);
        }
    }
    return NULL;
}

/* ---- mailboxes ---- */

static const ximss_error_t *check_counters(ximss_sqlite_check_t *check,
                                           const ximss_mailbox_t *mailbox, apr_pool_t *pool)
{
    const apr_int64_t stored[] = {mailbox->messages, mailbox->unseen, mailbox->bytes,
                                  mailbox->media, mailbox->unseen_media};
    apr_int64_t numbers[8] = {mailbox->id};

    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_COUNTERS, &mailbox->id, numbers + 1,
                              5, pool));
    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_HIGHEST, &mailbox->id, numbers + 6,
                              2, pool));
    check->result->messages += numbers[1];
    if (memcmp(numbers + 1, stored, sizeof(stored)) != 0 || numbers[6] >= mailbox->uid_next ||
        numbers[7] > mailbox->modseq) {
        ximss_check_fault(check, check->run->repair, pool, "mailbox %s: its counters were wrong",
                          mailbox->name);
    }
    return check->run->repair
               ? ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_MAILBOX, numbers, 8, pool)
               : NULL;
}

static const ximss_error_t *check_orders(ximss_sqlite_check_t *check,
                                         const ximss_mailbox_t *mailbox, apr_pool_t *pool)
{
    int order;

    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        apr_int64_t wrong;

        XIMSS_TRY(ximss_sqlite_rank_verify(check->db, mailbox->id, order, &wrong, pool));
        if (wrong > 0) {
            ximss_check_fault(check, check->run->repair, pool,
                              "mailbox %s: %" APR_INT64_T_FMT " blocks of order %d count wrongly",
                              mailbox->name, wrong, order);
        }
    }
    return NULL;
}

/* Runs CHECK_ONE for each mailbox that can hold messages. */
static const ximss_error_t *each_mailbox(ximss_sqlite_check_t *check,
                                         const ximss_error_t *(*check_one)(ximss_sqlite_check_t *,
                                                                           const ximss_mailbox_t *,
                                                                           apr_pool_t *),
                                         apr_pool_t *pool)
{
    apr_array_header_t *mailboxes;
    apr_pool_t *iteration;
    int i;

    XIMSS_TRY(ximss_sqlite_mailbox_list(check->account, &mailboxes, pool));
    apr_pool_create(&iteration, pool);
    for (i = 0; i < mailboxes->nelts; i++) {
        const ximss_mailbox_t *mailbox = APR_ARRAY_IDX(mailboxes, i, ximss_mailbox_t *);

        apr_pool_clear(iteration);
        if (!mailbox->pure) {
            XIMSS_TRY(check_one(check, mailbox, iteration));
        }
    }
    apr_pool_destroy(iteration);
    return NULL;
}

static const ximss_error_t *rebuild_orders(ximss_sqlite_check_t *check,
                                           const ximss_mailbox_t *mailbox, apr_pool_t *pool)
{
    return ximss_sqlite_rank_rebuild(check->db, mailbox->id, pool);
}

/* ---- the account ---- */

static const ximss_error_t *check_account(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    apr_int64_t values[8];

    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_ACCOUNT, NULL, values, 8, pool));
    if (values[0] == values[4] && values[1] > values[5] && values[2] > values[6] &&
        values[3] >= values[7]) {
        return NULL;
    }
    ximss_check_fault(check, check->run->repair, pool, "account: its counters were wrong");
    return check->run->repair
               ? ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_ACCOUNT, values + 4, 4, pool)
               : NULL;
}

/* Orders are looked at before the keys are made again, so that what they counted is judged. */
static const ximss_error_t *check_all(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    XIMSS_TRY(check_file(check, pool));
    if (check->result->damaged > 0 && check->run->repair) {
        apr_int64_t before = check->result->damaged;

        XIMSS_TRY(ximss_sqlite_control(check->db, XIMSS_CONTROL_QUERY_REINDEX, pool));
        XIMSS_TRY(check_file(check, pool));
        if (check->result->damaged == before) {
            check->result->repaired += before;
        }
    }
    XIMSS_TRY(each_mailbox(check, check_orders, pool));
    XIMSS_TRY(check_lost(check, pool));
    XIMSS_TRY(ximss_check_outbox(check, pool));
    XIMSS_TRY(check_blobs(check, pool));
    XIMSS_TRY(check_orphans(check, pool));
    XIMSS_TRY(each_mailbox(check, check_counters, pool));
    if (check->run->repair) {
        XIMSS_TRY(each_mailbox(check, rebuild_orders, pool));
    }
    XIMSS_TRY(ximss_check_files(check, pool));
    return check_account(check, pool);
}

const ximss_error_t *ximss_sqlite_check(ximss_account_t *account, const ximss_check_run_t *run,
                                        ximss_check_t *result, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    ximss_sqlite_check_t check = {db, account, run, result};
    const ximss_error_t *error;

    XIMSS_TRY(ximss_sqlite_begin(db, run->repair, pool));
    error = check_all(&check, pool);
    if (error == NULL && run->repair) {
        error = ximss_sqlite_commit(db, pool);
    }
    ximss_sqlite_rollback(db);
    if (error == NULL) {
        ximss_sqlite_tidy(db);
    }
    return error;
}
