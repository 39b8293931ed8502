/* What belongs to an account as a whole: transactions of its handle, usage, log-in times, preferences; and
 * the table of the mail provider. */
#include "store/sqlite_mail.h"

/* ---- transactions ---- */

static const ximss_error_t *begin(ximss_account_t *account, int write, apr_pool_t *pool)
{
    return ximss_sqlite_begin(ximss_sqlite_of(account), write, pool);
}

static const ximss_error_t *commit(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_sqlite_commit(ximss_sqlite_of(account), pool);
}

static void rollback(ximss_account_t *account)
{
    ximss_sqlite_rollback(ximss_sqlite_of(account));
}

static ximss_transaction_t transaction(ximss_account_t *account)
{
    return ximss_sqlite_of(account)->transaction;
}

static const ximss_error_t *savepoint(ximss_account_t *account, ximss_savepoint_t what,
                                      apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);

    if (db->savepoint == (what == XIMSS_SAVEPOINT_SET)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "savepoint out of turn");
    }
    if (what == XIMSS_SAVEPOINT_SET) {
        XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_SAVEPOINT, pool));
        db->savepoint = 1;
        return NULL;
    }
    if (what == XIMSS_SAVEPOINT_UNDO) {
        XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_SAVEPOINT_UNDO, pool));
    }
    XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_SAVEPOINT_RELEASE, pool));
    db->savepoint = 0;
    return NULL;
}

static void tidy(ximss_account_t *account)
{
    ximss_sqlite_purge(account);
    ximss_sqlite_tidy(ximss_sqlite_of(account));
}

static void time_limit(ximss_account_t *account, int seconds)
{
    ximss_sqlite_time_limit(ximss_sqlite_of(account), seconds);
}

/* ---- data ---- */

const ximss_error_t *ximss_sqlite_counters_get(ximss_sqlite_t *db,
                                               ximss_sqlite_counters_t *counters, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_ACCOUNT_GET, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "%s has no account row", db->path);
    }
    counters->bytes = sqlite3_column_int64(stmt, 0);
    counters->quota = sqlite3_column_int64(stmt, 1);
    counters->modseq = sqlite3_column_int64(stmt, 2);
    counters->next_blob = sqlite3_column_int64(stmt, 3);
    counters->next_mailbox = sqlite3_column_int64(stmt, 4);
    counters->uid_validity = sqlite3_column_int64(stmt, 5);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_counters_set(ximss_sqlite_t *db,
                                               const ximss_sqlite_counters_t *counters,
                                               apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {counters->bytes,        counters->quota,
                                   counters->modseq,       counters->next_blob,
                                   counters->next_mailbox, counters->uid_validity};

    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_ACCOUNT_SET, numbers, 6, pool);
}

static const ximss_error_t *usage(ximss_account_t *account, apr_int64_t *used, apr_int64_t *quota,
                                  apr_pool_t *pool)
{
    ximss_sqlite_counters_t counters;

    XIMSS_TRY(ximss_sqlite_counters_get(ximss_sqlite_of(account), &counters, pool));
    *used = counters.bytes;
    *quota = counters.quota;
    return NULL;
}

/* Kinds of rows in table login. */
enum { LOGIN_NEWEST, LOGIN_PREVIOUS, LOGIN_FAILED };

static const ximss_error_t *read_login(ximss_sqlite_t *db, int kind, ximss_login_t *login,
                                       apr_pool_t *pool)
{
    const apr_int64_t key = kind;
    sqlite3_stmt *stmt;
    int row;

    login->when = 0;
    login->address = "";
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_LOGIN_GET, pool));
    ximss_sqlite_bind(stmt, &key, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return NULL;
    }
    login->when = sqlite3_column_int64(stmt, 0);
    login->address = ximss_sqlite_text(stmt, 1, pool);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *write_login(ximss_sqlite_t *db, int kind, const ximss_login_t *login,
                                        apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {kind, login->when};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_LOGIN_PUT, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_text(stmt, 3, login->address != NULL ? login->address : "", -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *login_get(ximss_account_t *account, ximss_login_t *newest,
                                      ximss_login_t *previous, ximss_login_t *failed,
                                      apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);

    XIMSS_TRY(read_login(db, LOGIN_NEWEST, newest, pool));
    XIMSS_TRY(read_login(db, LOGIN_PREVIOUS, previous, pool));
    return read_login(db, LOGIN_FAILED, failed, pool);
}

static const ximss_error_t *login_put(ximss_account_t *account, const ximss_login_t *now,
                                      int failed, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    ximss_login_t newest;

    if (failed) {
        return write_login(db, LOGIN_FAILED, now, pool);
    }
    XIMSS_TRY(read_login(db, LOGIN_NEWEST, &newest, pool));
    if (newest.when != 0) {
        XIMSS_TRY(write_login(db, LOGIN_PREVIOUS, &newest, pool));
    }
    return write_login(db, LOGIN_NEWEST, now, pool);
}

static const ximss_error_t *pref(ximss_account_t *account, const char *name, const char **value,
                                 apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *value = NULL;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_PREF_GET, pool));
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return NULL;
    }
    *value = ximss_sqlite_text(stmt, 0, pool);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *pref_list(ximss_account_t *account, apr_array_header_t **prefs,
                                      apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *prefs = apr_array_make(pool, 16, sizeof(ximss_pref_t));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_PREF_LIST, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        ximss_pref_t *each = apr_array_push(*prefs);

        each->name = ximss_sqlite_text(stmt, 0, pool);
        each->value = ximss_sqlite_text(stmt, 1, pool);
        each->is_xml = sqlite3_column_int(stmt, 2);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *pref_put(ximss_account_t *account, const ximss_pref_t *own,
                                     apr_pool_t *pool)
{
    const apr_int64_t form = own->is_xml;
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    if (own->value == NULL) {
        XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_PREF_DELETE, pool));
        sqlite3_bind_text(stmt, 1, own->name, -1, SQLITE_STATIC);
        return ximss_sqlite_run(db, stmt, pool);
    }
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_PREF_PUT, pool));
    ximss_sqlite_bind(stmt, &form, 1);
    sqlite3_bind_text(stmt, 2, own->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, own->value, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *pref_total(ximss_account_t *account, apr_int64_t *count,
                                       apr_int64_t *bytes, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_PREF_TOTAL, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    *count = sqlite3_column_int64(stmt, 0);
    *bytes = sqlite3_column_int64(stmt, 1);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_mail_provider_t ximss_sqlite_mail = {
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .transaction = transaction,
    .savepoint = savepoint,
    .tidy = tidy,
    .time_limit = time_limit,
    .usage = usage,
    .login_put = login_put,
    .login_get = login_get,
    .pref = pref,
    .pref_list = pref_list,
    .pref_put = pref_put,
    .pref_total = pref_total,
    .batch_get = ximss_sqlite_batch_get,
    .batch_put = ximss_sqlite_batch_put,
    .alert_put = ximss_sqlite_alert_put,
    .alert_list = ximss_sqlite_alert_list,
    .alert_confirm = ximss_sqlite_alert_confirm,
    .delivery_put = ximss_sqlite_delivery_put,
    .mailbox_find = ximss_sqlite_mailbox_find,
    .mailbox_create = ximss_sqlite_mailbox_create,
    .mailbox_rename = ximss_sqlite_mailbox_rename,
    .mailbox_remove = ximss_sqlite_mailbox_remove,
    .mailbox_list = ximss_sqlite_mailbox_list,
    .append = ximss_sqlite_message_append,
    .known = ximss_sqlite_message_known,
    .rows = ximss_sqlite_message_rows,
    .walk = ximss_sqlite_message_walk,
    .mark = ximss_sqlite_message_mark,
    .expunge = ximss_sqlite_message_expunge,
    .copy = ximss_sqlite_message_copy,
    .blob_structure = ximss_sqlite_blob_structure,
    .blob_read = ximss_sqlite_blob_read,
    .order_blocks = ximss_sqlite_order_blocks,
    .order_uids = ximss_sqlite_order_uids,
    .check = ximss_sqlite_check,
};
