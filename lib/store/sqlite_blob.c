/* Raw mail: each distinct message is kept once an account, in pieces, so that a part of a large one is
 * read without the rest; counted by the live rows that name it. */
#include "store/sqlite_mail.h"

#include <apr_strings.h>
#include <string.h>

/* Bytes of a piece. */
#define PIECE 262144

static const ximss_error_t *insert_pieces(ximss_sqlite_t *db, apr_int64_t blob,
                                          const ximss_digest_t *digest, apr_pool_t *pool)
{
    apr_size_t offset;

    for (offset = 0; offset < digest->length; offset += PIECE) {
        const apr_int64_t id = (blob << 16) + (apr_int64_t)(offset / PIECE);
        apr_size_t rest = digest->length - offset;
        sqlite3_stmt *stmt;

        XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_RAW_INSERT, pool));
        ximss_sqlite_bind(stmt, &id, 1);
        sqlite3_bind_blob(stmt, 2, digest->data + offset, (int)(rest < PIECE ? rest : PIECE),
                          SQLITE_STATIC);
        XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    }
    return NULL;
}

static const ximss_error_t *insert_blob(ximss_sqlite_t *db, const ximss_digest_t *digest,
                                        apr_int64_t blob, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {blob, (apr_int64_t)digest->length};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_BLOB_INSERT, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_blob(stmt, 3, digest->sha256, sizeof(digest->sha256), SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 4, digest->structure_length > 0 ? digest->structure : "",
                        digest->structure_length, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    return insert_pieces(db, blob, digest, pool);
}

static const ximss_error_t *find_blob(ximss_sqlite_t *db, const unsigned char *sha256,
                                      apr_int64_t *blob, int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_BLOB_BY_SHA256, pool));
    sqlite3_bind_blob(stmt, 1, sha256, 32, SQLITE_STATIC);
    return ximss_sqlite_number(db, stmt, blob, found, pool);
}

const ximss_error_t *ximss_sqlite_blob_put(ximss_sqlite_t *db, const ximss_digest_t *digest,
                                           ximss_sqlite_counters_t *counters, apr_int64_t *blob,
                                           apr_pool_t *pool)
{
    int found;

    XIMSS_TRY(find_blob(db, digest->sha256, blob, &found, pool));
    if (found) {
        return ximss_sqlite_blob_hold(db, *blob, pool);
    }
    *blob = counters->next_blob++;
    return insert_blob(db, digest, *blob, pool);
}

const ximss_error_t *ximss_sqlite_blob_hold(ximss_sqlite_t *db, apr_int64_t blob, apr_pool_t *pool)
{
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_BLOB_HOLD, &blob, 1, pool);
}

const ximss_error_t *ximss_sqlite_blob_drop(ximss_sqlite_t *db, apr_int64_t blob, apr_pool_t *pool)
{
    apr_int64_t refs;
    int found;

    XIMSS_TRY(ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_BLOB_DROP, &blob, &refs, &found, pool));
    if (!found || refs > 0) {
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_BLOB_DELETE, &blob, 1, pool));
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_RAW_DELETE, &blob, 1, pool);
}

static const ximss_error_t *no_blob(ximss_sqlite_t *db, apr_int64_t blob, apr_pool_t *pool)
{
    return ximss_error_detail(pool, XIMSS_E_NO_MESSAGE, "%s has no blob %" APR_INT64_T_FMT,
                              db->path, blob);
}

const ximss_error_t *ximss_sqlite_blob_structure(ximss_account_t *account, apr_int64_t blob,
                                                 const char **data, apr_size_t *length,
                                                 apr_pool_t *pool)
{
    ximss_sqlite_t *db = &((ximss_sqlite_account_t *)account)->db;
    sqlite3_stmt *stmt;
    const void *bytes;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_BLOB_STRUCTURE, pool));
    ximss_sqlite_bind(stmt, &blob, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return no_blob(db, blob, pool);
    }
    bytes = sqlite3_column_blob(stmt, 0);
    *length = (apr_size_t)sqlite3_column_bytes(stmt, 0);
    *data = *length > 0 ? apr_pmemdup(pool, bytes, *length) : "";
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *copy_piece(ximss_sqlite_t *db, const ximss_sqlite_piece_t *piece,
                                       char *target, apr_pool_t *pool)
{
    int found;

    XIMSS_TRY(ximss_sqlite_piece_copy(db, piece, target, &found, pool));
    return found ? NULL
                 : ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                      "%s: raw piece %" APR_INT64_T_FMT " is missing", db->path,
                                      piece->id);
}

static const ximss_error_t *read_pieces(ximss_sqlite_t *db, apr_int64_t blob, apr_int64_t offset,
                                        apr_size_t length, char *target, apr_pool_t *pool)
{
    apr_int64_t end = offset + (apr_int64_t)length;

    while (offset < end) {
        apr_int64_t from = offset % PIECE;
        apr_int64_t step = end - offset < PIECE - from ? end - offset : PIECE - from;
        const ximss_sqlite_piece_t piece = {XIMSS_ACCOUNT_QUERY_RAW_READ,
                                            (blob << 16) + offset / PIECE, from, step};

        XIMSS_TRY(copy_piece(db, &piece, target, pool));
        target += step;
        offset += step;
    }
    return NULL;
}

/* A damaged size must not make us ask for memory: the last piece of what is read must be there. */
static const ximss_error_t *check_last_piece(ximss_sqlite_t *db, apr_int64_t blob, apr_int64_t end,
                                             apr_pool_t *pool)
{
    const apr_int64_t id = (blob << 16) + (end - 1) / PIECE;
    apr_int64_t length;
    int found;

    XIMSS_TRY(ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_RAW_LENGTH, &id, &length, &found, pool));
    return found ? NULL
                 : ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                      "%s: the end of blob %" APR_INT64_T_FMT " is missing",
                                      db->path, blob);
}

/* The size and the bytes come from one snapshot. */
static const ximss_error_t *read_blob(ximss_sqlite_t *db, apr_int64_t blob, apr_int64_t offset,
                                      apr_size_t length, const char **data, apr_pool_t *pool)
{
    apr_int64_t size;
    char *target;
    int found;

    XIMSS_TRY(ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_BLOB_SIZE, &blob, &size, &found, pool));
    if (!found) {
        return no_blob(db, blob, pool);
    }
    if (offset < 0 || offset > size || length > (apr_uint64_t)(size - offset)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "%s: blob %" APR_INT64_T_FMT " is read outside of it", db->path,
                                  blob);
    }
    if (length > PIECE) {
        XIMSS_TRY(check_last_piece(db, blob, offset + (apr_int64_t)length, pool));
    }
    target = apr_palloc(pool, length + 1);
    target[length] = '\0';
    *data = target;
    return read_pieces(db, blob, offset, length, target, pool);
}

const ximss_error_t *ximss_sqlite_blob_read(ximss_account_t *account, apr_int64_t blob,
                                            apr_int64_t offset, apr_size_t length,
                                            const char **data, apr_pool_t *pool)
{
    ximss_sqlite_t *db = &((ximss_sqlite_account_t *)account)->db;
    const ximss_error_t *error;
    int own;

    XIMSS_TRY(ximss_sqlite_enter(db, &own, pool));
    error = read_blob(db, blob, offset, length, data, pool);
    ximss_sqlite_leave(db, own);
    return error;
}

const ximss_error_t *ximss_sqlite_message_known(ximss_account_t *account, apr_int64_t mailbox,
                                                const unsigned char *sha256, int *known,
                                                apr_pool_t *pool)
{
    ximss_sqlite_t *db = &((ximss_sqlite_account_t *)account)->db;
    apr_int64_t numbers[2] = {0, mailbox};
    apr_int64_t one;

    XIMSS_TRY(find_blob(db, sha256, &numbers[0], known, pool));
    if (!*known) {
        return NULL;
    }
    return ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_MESSAGE_KNOWN, numbers, &one, known, pool);
}
