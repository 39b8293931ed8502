/* The hint of who has mail to send: rows of the directory. */
#include "store/sqlite.h"

/* Statement NUMBER for the account of HINT, with its due and stamp. */
static const ximss_error_t *use(sqlite3_stmt **stmt, ximss_sqlite_directory_t *directory,
                                int number, const ximss_outbox_hint_t *hint, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_sqlite_use(stmt, &directory->db, number, pool));
    sqlite3_bind_text(*stmt, 1, hint->account, -1, SQLITE_STATIC);
    if (number != XIMSS_DIRECTORY_QUERY_OUTBOX_GET) {
        sqlite3_bind_int64(*stmt, 2, hint->due);
        sqlite3_bind_int64(*stmt, 3, hint->stamp);
    }
    return NULL;
}

static const ximss_error_t *get(ximss_sqlite_directory_t *directory, ximss_outbox_hint_t *hint,
                                int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use(&stmt, directory, XIMSS_DIRECTORY_QUERY_OUTBOX_GET, hint, pool));
    XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, found, pool));
    if (!*found) {
        return NULL;
    }
    hint->due = sqlite3_column_int64(stmt, 0);
    hint->stamp = sqlite3_column_int64(stmt, 1);
    return ximss_sqlite_run(&directory->db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_hint_get(ximss_store_t *store, ximss_outbox_hint_t *hint,
                                           int *found, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = get(directory, hint, found, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}

static const ximss_error_t *change(ximss_store_t *store, int number,
                                   const ximss_outbox_hint_t *hint, apr_int64_t next,
                                   apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    error = use(&stmt, directory, number, hint, pool);
    if (error == NULL && number == XIMSS_DIRECTORY_QUERY_OUTBOX_SETTLE) {
        sqlite3_bind_int64(stmt, 4, next);
    }
    if (error == NULL) {
        error = ximss_sqlite_run(&directory->db, stmt, pool);
    }
    return ximss_sqlite_directory_finish(directory, error, pool);
}

const ximss_error_t *ximss_sqlite_hint_put(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                           apr_pool_t *pool)
{
    return change(store, XIMSS_DIRECTORY_QUERY_OUTBOX_PUT, hint, 0, pool);
}

const ximss_error_t *ximss_sqlite_hint_settle(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                              apr_int64_t next, apr_pool_t *pool)
{
    return change(
        store, next < 0 ? XIMSS_DIRECTORY_QUERY_OUTBOX_DELETE : XIMSS_DIRECTORY_QUERY_OUTBOX_SETTLE,
        hint, next, pool);
}

static const ximss_error_t *list(ximss_sqlite_directory_t *directory, apr_int64_t now,
                                 apr_array_header_t *hints, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, &directory->db, XIMSS_DIRECTORY_QUERY_OUTBOX_LIST, pool));
    ximss_sqlite_bind(stmt, &now, 1);
    XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    while (row) {
        ximss_outbox_hint_t *hint = apr_array_push(hints);

        hint->account = ximss_sqlite_text(stmt, 0, pool);
        hint->due = sqlite3_column_int64(stmt, 1);
        hint->stamp = sqlite3_column_int64(stmt, 2);
        XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_hint_list(ximss_store_t *store, apr_int64_t now,
                                            apr_array_header_t **hints, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    *hints = apr_array_make(pool, 8, sizeof(ximss_outbox_hint_t));
    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = list(directory, now, *hints, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}
