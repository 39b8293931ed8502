/* Reading message rows: chosen ones, a whole view, or what changed. */
#include "store/sqlite_mail.h"

/* A walk that is under way. */
typedef struct walk_t {
    ximss_sqlite_t *db;
    ximss_message_fn_t fn;
    void *baton;
    apr_pool_t *pool;
    apr_pool_t *scratch;
} walk_t;

/* The columns that message_row, message_scan and message_changes select; texts are SQLite's. */
static void read_message(sqlite3_stmt *stmt, ximss_message_t *message)
{
    message->uid = (apr_uint32_t)sqlite3_column_int64(stmt, 0);
    message->flags.bits = (unsigned int)sqlite3_column_int64(stmt, 1);
    message->flags.keywords = (const char *)sqlite3_column_text(stmt, 2);
    message->size = sqlite3_column_int64(stmt, 3);
    message->internal_date = sqlite3_column_int64(stmt, 4);
    message->stored = sqlite3_column_int64(stmt, 5);
    message->date = sqlite3_column_int64(stmt, 6);
    message->created = sqlite3_column_int64(stmt, 7);
    message->gone = sqlite3_column_int64(stmt, 8);
    message->modseq = sqlite3_column_int64(stmt, 9);
    message->blob = sqlite3_column_int64(stmt, 10);
    message->fields = sqlite3_column_blob(stmt, 11);
    message->fields_length = (apr_size_t)sqlite3_column_bytes(stmt, 11);
    message->key_from = (const char *)sqlite3_column_text(stmt, 12);
    message->key_to = (const char *)sqlite3_column_text(stmt, 13);
    message->key_subject = (const char *)sqlite3_column_text(stmt, 14);
    if (message->flags.keywords == NULL) {
        message->flags.keywords = "";
    }
    if (message->fields == NULL) {
        message->fields = "";
    }
}

/* Gives each row of STMT to the callback; the statement is at its start again in any case. */
static const ximss_error_t *give_rows(const walk_t *walk, sqlite3_stmt *stmt)
{
    int row;

    XIMSS_TRY(ximss_sqlite_step(walk->db, stmt, &row, walk->pool));
    while (row) {
        const ximss_error_t *error;
        ximss_message_t message;

        read_message(stmt, &message);
        error = walk->fn(walk->baton, &message, walk->scratch);
        if (error != NULL) {
            /* It may live in the scratch pool. */
            error = ximss_error_wrap(walk->pool, error, "walk");
            sqlite3_reset(stmt);
            return error;
        }
        apr_pool_clear(walk->scratch);
        XIMSS_TRY(ximss_sqlite_step(walk->db, stmt, &row, walk->pool));
    }
    return NULL;
}

static const ximss_error_t *give_uids(const walk_t *walk, const ximss_uids_t *uids)
{
    apr_size_t i;

    for (i = 0; i < uids->count; i++) {
        const apr_int64_t id = uids->mailbox << 32 | uids->uids[i];
        sqlite3_stmt *stmt;

        XIMSS_TRY(ximss_sqlite_use(&stmt, walk->db, XIMSS_ACCOUNT_QUERY_MESSAGE_ROW, walk->pool));
        ximss_sqlite_bind(stmt, &id, 1);
        XIMSS_TRY(give_rows(walk, stmt));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_message_rows(ximss_account_t *account, const ximss_uids_t *uids,
                                               ximss_message_fn_t fn, void *baton, apr_pool_t *pool)
{
    walk_t walk = {&((ximss_sqlite_account_t *)account)->db, fn, baton, pool, NULL};
    const ximss_error_t *error;
    int own;

    XIMSS_TRY(ximss_sqlite_enter(walk.db, &own, pool));
    apr_pool_create(&walk.scratch, pool);
    error = give_uids(&walk, uids);
    ximss_sqlite_leave(walk.db, own);
    if (error == NULL) {
        apr_pool_destroy(walk.scratch);
    }
    return error;
}

const ximss_error_t *ximss_sqlite_message_walk(ximss_account_t *account,
                                               const ximss_selection_t *selection,
                                               ximss_message_fn_t fn, void *baton, apr_pool_t *pool)
{
    walk_t walk = {&((ximss_sqlite_account_t *)account)->db, fn, baton, pool, NULL};
    const apr_int64_t numbers[] = {selection->mailbox, selection->at, selection->uid_min};
    int number =
        selection->changed ? XIMSS_ACCOUNT_QUERY_MESSAGE_CHANGES : XIMSS_ACCOUNT_QUERY_MESSAGE_SCAN;
    const ximss_error_t *error;
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, walk.db, number, pool));
    ximss_sqlite_bind(stmt, numbers, selection->changed ? 2 : 3);
    apr_pool_create(&walk.scratch, pool);
    error = give_rows(&walk, stmt);
    if (error == NULL) {
        apr_pool_destroy(walk.scratch);
    }
    return error;
}
