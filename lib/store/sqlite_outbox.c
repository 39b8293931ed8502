/* The outbox: messages with a reference to their raw mail, and recipients. */
#include "store/sqlite_mail.h"

#include <apr_strings.h>

#define HOUR 3600

/* ---- adding ---- */

static const ximss_error_t *hold_bytes(ximss_sqlite_t *db, const ximss_digest_t *digest,
                                       apr_int64_t *blob, apr_pool_t *pool)
{
    ximss_sqlite_counters_t counters;

    XIMSS_TRY(ximss_sqlite_counters_get(db, &counters, pool));
    XIMSS_TRY(ximss_sqlite_blob_put(db, digest, &counters, blob, pool));
    return ximss_sqlite_counters_set(db, &counters, pool);
}

static const ximss_error_t *insert_recipient(ximss_sqlite_t *db, apr_int64_t message,
                                             ximss_outbox_recipient_t *recipient, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {message, recipient->notify, recipient->due};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_OUTBOX_RECIPIENT_INSERT, pool));
    ximss_sqlite_bind(stmt, numbers, 3);
    sqlite3_bind_text(stmt, 4, recipient->address, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    recipient->id = sqlite3_last_insert_rowid(db->db);
    return NULL;
}

static const ximss_error_t *add(ximss_account_t *account, ximss_outbox_message_t *message,
                                const ximss_digest_t *digest, apr_array_header_t *recipients,
                                apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    apr_int64_t numbers[] = {0, message->time};
    sqlite3_stmt *stmt;
    int i;

    XIMSS_TRY(hold_bytes(db, digest, &message->blob, pool));
    numbers[0] = message->blob;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_OUTBOX_INSERT, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_text(stmt, 3, message->sender, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    message->id = sqlite3_last_insert_rowid(db->db);
    message->size = (apr_int64_t)digest->length;
    for (i = 0; i < recipients->nelts; i++) {
        XIMSS_TRY(insert_recipient(db, message->id,
                                   &APR_ARRAY_IDX(recipients, i, ximss_outbox_recipient_t), pool));
    }
    return NULL;
}

/* ---- reading ---- */

static const ximss_error_t *list(ximss_account_t *account, apr_int64_t now, int all,
                                 apr_array_header_t **messages, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *messages = apr_array_make(pool, 8, sizeof(ximss_outbox_message_t));
    XIMSS_TRY(ximss_sqlite_use(
        &stmt, db, all ? XIMSS_ACCOUNT_QUERY_OUTBOX_LIST : XIMSS_ACCOUNT_QUERY_OUTBOX_LIST_DUE,
        pool));
    if (!all) {
        ximss_sqlite_bind(stmt, &now, 1);
    }
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        ximss_outbox_message_t *message = apr_array_push(*messages);

        message->id = sqlite3_column_int64(stmt, 0);
        message->blob = sqlite3_column_int64(stmt, 1);
        message->time = sqlite3_column_int64(stmt, 2);
        message->sender = ximss_sqlite_text(stmt, 3, pool);
        message->size = sqlite3_column_int64(stmt, 4);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

static void read_recipient(ximss_outbox_recipient_t *recipient, sqlite3_stmt *stmt,
                           apr_pool_t *pool)
{
    recipient->id = sqlite3_column_int64(stmt, 0);
    recipient->notify = (unsigned int)sqlite3_column_int(stmt, 1);
    recipient->state = (ximss_outbox_state_t)sqlite3_column_int(stmt, 2);
    recipient->attempts = sqlite3_column_int(stmt, 3);
    recipient->due = sqlite3_column_int64(stmt, 4);
    recipient->report = sqlite3_column_int64(stmt, 5);
    recipient->address = ximss_sqlite_text(stmt, 6, pool);
    recipient->status = ximss_sqlite_text(stmt, 7, pool);
    recipient->text = ximss_sqlite_text(stmt, 8, pool);
    recipient->remote = ximss_sqlite_text(stmt, 9, pool);
}

static const ximss_error_t *recipients(ximss_account_t *account, apr_int64_t id,
                                       apr_array_header_t **rows, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *rows = apr_array_make(pool, 8, sizeof(ximss_outbox_recipient_t));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_OUTBOX_RECIPIENTS, pool));
    ximss_sqlite_bind(stmt, &id, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        read_recipient(apr_array_push(*rows), stmt, pool);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *due(ximss_account_t *account, apr_int64_t *time, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int found;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_OUTBOX_DUE, pool));
    XIMSS_TRY(ximss_sqlite_number(db, stmt, time, &found, pool));
    if (!found) {
        *time = -1;
    }
    return NULL;
}

/* ---- changing ---- */

static const ximss_error_t *save(ximss_account_t *account,
                                 const ximss_outbox_recipient_t *recipient, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {recipient->id, recipient->state, recipient->attempts,
                                   recipient->due, recipient->report};
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_OUTBOX_RECIPIENT_SAVE, pool));
    ximss_sqlite_bind(stmt, numbers, 5);
    sqlite3_bind_text(stmt, 6, recipient->status, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 7, recipient->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 8, recipient->remote, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *remove_recipient(ximss_account_t *account, apr_int64_t recipient,
                                             apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    apr_int64_t message;
    apr_int64_t blob;
    int found;

    XIMSS_TRY(ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_OUTBOX_RECIPIENT_MESSAGE, &recipient,
                               &message, &found, pool));
    if (!found) {
        return NULL;
    }
    XIMSS_TRY(
        ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_OUTBOX_RECIPIENT_DELETE, &recipient, 1, pool));
    XIMSS_TRY(
        ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_OUTBOX_EMPTY, &message, &blob, &found, pool));
    if (!found) {
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_OUTBOX_DELETE, &message, 1, pool));
    return ximss_sqlite_blob_drop(db, blob, pool);
}

static const ximss_error_t *charge(ximss_account_t *account, apr_int64_t now, apr_int64_t *messages,
                                   apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    apr_int64_t numbers[] = {now / HOUR, 1};
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_SUBMISSION_GET, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (row) {
        if (sqlite3_column_int64(stmt, 0) == numbers[0]) {
            numbers[1] = sqlite3_column_int64(stmt, 1) + 1;
        }
        XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    }
    *messages = numbers[1];
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_SUBMISSION_PUT, numbers, 2, pool);
}

const ximss_outbox_provider_t ximss_sqlite_outbox = {
    .add = add,
    .list = list,
    .recipients = recipients,
    .save = save,
    .remove = remove_recipient,
    .due = due,
    .charge = charge,
    .hint_get = ximss_sqlite_hint_get,
    .hint_put = ximss_sqlite_hint_put,
    .hint_list = ximss_sqlite_hint_list,
    .hint_settle = ximss_sqlite_hint_settle,
};
