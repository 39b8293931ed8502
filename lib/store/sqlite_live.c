/* What an account keeps so that things are done once: how far the numbered batches of sessions are, alerts, and
 * deliveries. */
#include "store/sqlite_mail.h"

/* Ages in seconds at which rows go: of batches, longer than a client repeats one; of confirmed alerts, longer
 * than a live session takes to show them; of deliveries, longer than a queue tries. */
#define BATCH_AGE    (3 * 86400)
#define ALERT_AGE    (3 * 86400)
#define DELIVERY_AGE (90 * 86400)

const ximss_error_t *ximss_sqlite_batch_get(ximss_account_t *account, apr_int64_t session,
                                            ximss_batch_row_t *row, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int found;

    row->session = session;
    row->seq = -1;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_BATCH_GET, pool));
    ximss_sqlite_bind(stmt, &session, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &found, pool));
    if (!found) {
        return NULL;
    }
    row->seq = sqlite3_column_int64(stmt, 0);
    row->step = sqlite3_column_int64(stmt, 1);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_batch_put(ximss_account_t *account, const ximss_batch_row_t *row,
                                            apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {row->session, row->seq, row->step, row->time};
    const apr_int64_t oldest = row->time - BATCH_AGE;
    ximss_sqlite_t *db = ximss_sqlite_of(account);

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_BATCH_SET, numbers, 4, pool));
    if (sqlite3_changes(db->db) > 0) {
        return NULL;
    }
    /* the first write of a session is the time to look for rows of old ones */
    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_BATCH_PURGE, &oldest, 1, pool));
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_BATCH_INSERT, numbers, 4, pool);
}

const ximss_error_t *ximss_sqlite_alert_put(ximss_account_t *account, ximss_alert_t *alert,
                                            apr_pool_t *pool)
{
    const apr_int64_t oldest = alert->time - ALERT_AGE;
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_ALERT_PURGE, &oldest, 1, pool));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_ALERT_INSERT, pool));
    ximss_sqlite_bind(stmt, &alert->time, 1);
    sqlite3_bind_text(stmt, 2, alert->text, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    alert->id = sqlite3_last_insert_rowid(db->db);
    ximss_sqlite_change_note(db, XIMSS_CHANGE_ALERT);
    return NULL;
}

const ximss_error_t *ximss_sqlite_alert_list(ximss_account_t *account, apr_int64_t after,
                                             apr_array_header_t **alerts, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *alerts = apr_array_make(pool, 4, sizeof(ximss_alert_t));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_ALERT_LIST, pool));
    ximss_sqlite_bind(stmt, &after, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        ximss_alert_t *alert = apr_array_push(*alerts);

        alert->id = sqlite3_column_int64(stmt, 0);
        alert->time = sqlite3_column_int64(stmt, 1);
        alert->confirmed = sqlite3_column_int(stmt, 2);
        alert->text = ximss_sqlite_text(stmt, 3, pool);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_alert_confirm(ximss_account_t *account, apr_int64_t last,
                                                apr_pool_t *pool)
{
    return ximss_sqlite_do(ximss_sqlite_of(account), XIMSS_ACCOUNT_QUERY_ALERT_CONFIRM, &last, 1,
                           pool);
}

const ximss_error_t *ximss_sqlite_delivery_put(ximss_account_t *account,
                                               const ximss_delivery_key_t *key, int *is_new,
                                               apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {key->number, key->time};
    const apr_int64_t oldest = key->time - DELIVERY_AGE;
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_DELIVERY_PURGE, &oldest, 1, pool));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_DELIVERY_INSERT, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_text(stmt, 3, key->origin, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, key->recipient, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    *is_new = sqlite3_changes(db->db) > 0;
    return NULL;
}
