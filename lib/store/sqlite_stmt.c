/* Prepared statements of a connection: made at first use, kept as long as it is open; and the one place
 * that turns a result code of SQLite into an error. */
#include "store/sqlite.h"

#include <apr_strings.h>
#include <string.h>

static ximss_error_code_t code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return XIMSS_E_BUSY;
    case SQLITE_INTERRUPT:
    case SQLITE_TOOBIG:
        return XIMSS_E_LIMIT;
    default:
        return XIMSS_E_INTERNAL;
    }
}

const ximss_error_t *ximss_sqlite_error(ximss_sqlite_t *db, int rc, const char *what,
                                        apr_pool_t *pool)
{
    const char *text = db->db != NULL ? sqlite3_errmsg(db->db) : sqlite3_errstr(rc);
    const ximss_error_t *error =
        ximss_error_detail(pool, code_of(rc), "%s: %s: %s (%d)", db->path, what, text, rc);

    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        db->broken = 1;
        break;
    case SQLITE_IOERR:
        db->broken = !db->unsettled;
        break;
    default:
        break;
    }
    if (db->transaction == XIMSS_TRANSACTION_WRITE) {
        ximss_sqlite_rollback(db);
    }
    return error;
}

static const ximss_error_t *prepare(sqlite3_stmt **stmt, ximss_sqlite_t *db, const char *sql,
                                    apr_pool_t *pool)
{
    if (db->db == NULL) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "%s is not open", db->path);
    }
    if (*stmt == NULL) {
        int rc = sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);

        if (rc != SQLITE_OK) {
            return ximss_sqlite_error(db, rc, sql, pool);
        }
    }
    else if (sqlite3_stmt_busy(*stmt)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a walk inside the same walk: %s", sql);
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_use(sqlite3_stmt **stmt, ximss_sqlite_t *db, int number,
                                      apr_pool_t *pool)
{
    XIMSS_TRY(prepare(&db->prepared[number], db, db->kind->sql[number], pool));
    *stmt = db->prepared[number];
    return NULL;
}

const ximss_error_t *ximss_sqlite_step(ximss_sqlite_t *db, sqlite3_stmt *stmt, int *row,
                                       apr_pool_t *pool)
{
    int rc = sqlite3_step(stmt);

    *row = rc == SQLITE_ROW;
    if (*row) {
        return NULL;
    }
    if (rc != SQLITE_DONE) {
        const ximss_error_t *error = ximss_sqlite_error(db, rc, sqlite3_sql(stmt), pool);

        sqlite3_reset(stmt);
        return error;
    }
    sqlite3_reset(stmt);
    return NULL;
}

const ximss_error_t *ximss_sqlite_run(ximss_sqlite_t *db, sqlite3_stmt *stmt, apr_pool_t *pool)
{
    int row = 1;

    while (row) {
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_do(ximss_sqlite_t *db, int number, const apr_int64_t *numbers,
                                     int count, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, number, pool));
    ximss_sqlite_bind(stmt, numbers, count);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_number(ximss_sqlite_t *db, sqlite3_stmt *stmt, apr_int64_t *value,
                                         int *found, apr_pool_t *pool)
{
    int row;

    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (found != NULL) {
        *found = row;
    }
    else if (!row) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "%s: no row: %s", db->path,
                                  sqlite3_sql(stmt));
    }
    if (!row) {
        return NULL;
    }
    *value = sqlite3_column_int64(stmt, 0);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_ask(ximss_sqlite_t *db, int number, const apr_int64_t *numbers,
                                      apr_int64_t *value, int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, number, pool));
    ximss_sqlite_bind(stmt, numbers, sqlite3_bind_parameter_count(stmt));
    return ximss_sqlite_number(db, stmt, value, found, pool);
}

const ximss_error_t *ximss_sqlite_piece_copy(ximss_sqlite_t *db, const ximss_sqlite_piece_t *piece,
                                             char *target, int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    const char *bytes;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, piece->statement, pool));
    ximss_sqlite_bind(stmt, &piece->id, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, found, pool));
    if (!*found) {
        return NULL;
    }
    bytes = sqlite3_column_blob(stmt, 0);
    if (bytes == NULL || piece->from + piece->length > sqlite3_column_bytes(stmt, 0)) {
        sqlite3_reset(stmt);
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "%s: piece %" APR_INT64_T_FMT " is short: %s", db->path,
                                  piece->id, sqlite3_sql(stmt));
    }
    memcpy(target, bytes + piece->from, (apr_size_t)piece->length);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_ascends(ximss_sqlite_t *db, apr_int64_t after, apr_int64_t next,
                                          apr_pool_t *pool)
{
    return after < next ? NULL
                        : ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                             "%s is damaged: row %" APR_INT64_T_FMT
                                             " follows row %" APR_INT64_T_FMT,
                                             db->path, next, after);
}

const ximss_error_t *ximss_sqlite_control(ximss_sqlite_t *db, int number, apr_pool_t *pool)
{
    XIMSS_TRY(prepare(&db->control[number], db, ximss_control_query_sql[number], pool));
    return ximss_sqlite_run(db, db->control[number], pool);
}

void ximss_sqlite_bind(sqlite3_stmt *stmt, const apr_int64_t *numbers, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        sqlite3_bind_int64(stmt, i + 1, numbers[i]);
    }
}

const char *ximss_sqlite_text(sqlite3_stmt *stmt, int column, apr_pool_t *pool)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text == NULL
               ? NULL
               : apr_pstrmemdup(pool, text, (apr_size_t)sqlite3_column_bytes(stmt, column));
}
