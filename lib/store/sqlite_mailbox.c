/* Mailboxes and pure folders. Each parent of a name exists, as a pure folder at least. A mailbox that held
 * messages never becomes a pure folder: a row with a new id takes its name, so that an id stands for one
 * set of messages for ever. */
#include "store/sqlite_mail.h"

#include <apr_strings.h>
#include <string.h>

/* Longest name in bytes. */
#define NAME_MAX_BYTES 1000

static ximss_mailbox_t *read_mailbox(sqlite3_stmt *stmt, apr_pool_t *pool)
{
    ximss_mailbox_t *mailbox = apr_pcalloc(pool, sizeof(*mailbox));

    mailbox->id = sqlite3_column_int64(stmt, 0);
    mailbox->name = ximss_sqlite_text(stmt, 1, pool);
    mailbox->mail_class = ximss_sqlite_text(stmt, 2, pool);
    mailbox->pure = sqlite3_column_int(stmt, 3);
    mailbox->uid_validity = (apr_uint32_t)sqlite3_column_int64(stmt, 4);
    mailbox->uid_next = (apr_uint32_t)sqlite3_column_int64(stmt, 5);
    mailbox->messages = sqlite3_column_int64(stmt, 6);
    mailbox->unseen = sqlite3_column_int64(stmt, 7);
    mailbox->bytes = sqlite3_column_int64(stmt, 8);
    mailbox->media = sqlite3_column_int64(stmt, 9);
    mailbox->unseen_media = sqlite3_column_int64(stmt, 10);
    mailbox->modseq = sqlite3_column_int64(stmt, 11);
    mailbox->epoch = sqlite3_column_int64(stmt, 12);
    mailbox->purged = sqlite3_column_int64(stmt, 13);
    return mailbox;
}

static const ximss_error_t *find(ximss_sqlite_t *db, const char *name, apr_int64_t id,
                                 ximss_mailbox_t **mailbox, apr_pool_t *pool)
{
    int number =
        name != NULL ? XIMSS_ACCOUNT_QUERY_MAILBOX_BY_NAME : XIMSS_ACCOUNT_QUERY_MAILBOX_BY_ID;
    sqlite3_stmt *stmt;
    int row;

    *mailbox = NULL;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, number, pool));
    if (name != NULL) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    }
    else {
        sqlite3_bind_int64(stmt, 1, id);
    }
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return NULL;
    }
    *mailbox = read_mailbox(stmt, pool);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_mailbox_find(ximss_account_t *account, const char *name,
                                               apr_int64_t id, ximss_mailbox_t **mailbox,
                                               apr_pool_t *pool)
{
    return find(ximss_sqlite_of(account), name, id, mailbox, pool);
}

const ximss_error_t *ximss_sqlite_mailbox_list(ximss_account_t *account,
                                               apr_array_header_t **mailboxes, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *mailboxes = apr_array_make(pool, 16, sizeof(ximss_mailbox_t *));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_LIST, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        ximss_mailbox_t *mailbox = read_mailbox(stmt, pool);

        mailbox->oldest = sqlite3_column_int64(stmt, 14);
        APR_ARRAY_PUSH(*mailboxes, ximss_mailbox_t *) = mailbox;
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

/* ---- making ---- */

/* Gives out the next id and UIDValidity. */
static const ximss_error_t *next_identity(ximss_sqlite_t *db, ximss_sqlite_counters_t *counters,
                                          apr_int64_t *id, apr_pool_t *pool)
{
    const apr_int64_t now = apr_time_sec(apr_time_now());

    XIMSS_TRY(ximss_sqlite_counters_get(db, counters, pool));
    /* Ids share 63 bits with UIDs. */
    if (counters->next_mailbox > 0x7fffffff) {
        return ximss_error(pool, XIMSS_E_LIMIT, "too many mailboxes were ever made");
    }
    *id = counters->next_mailbox++;
    counters->uid_validity = counters->uid_validity < now ? now : counters->uid_validity + 1;
    counters->modseq++;
    return ximss_sqlite_counters_set(db, counters, pool);
}

const ximss_error_t *ximss_sqlite_mailbox_insert(ximss_sqlite_t *db, const char *name, int pure,
                                                 const char *mail_class, apr_pool_t *pool)
{
    ximss_sqlite_counters_t counters;
    sqlite3_stmt *stmt;
    apr_int64_t id = 0;

    XIMSS_TRY(next_identity(db, &counters, &id, pool));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_INSERT, pool));
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, mail_class, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, pure);
    sqlite3_bind_int64(stmt, 5, counters.uid_validity);
    sqlite3_bind_int64(stmt, 6, counters.modseq);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    return pure ? NULL : ximss_sqlite_rank_create(db, id, pool);
}

/* Makes the parents of NAME that are missing. */
static const ximss_error_t *make_parents(ximss_sqlite_t *db, const char *name, apr_pool_t *pool)
{
    const char *slash = name;

    while ((slash = strchr(slash, '/')) != NULL) {
        const char *parent = apr_pstrmemdup(pool, name, (apr_size_t)(slash - name));
        ximss_mailbox_t *found;

        XIMSS_TRY(find(db, parent, 0, &found, pool));
        if (found == NULL) {
            XIMSS_TRY(ximss_sqlite_mailbox_insert(db, parent, 1, "", pool));
        }
        slash++;
    }
    return NULL;
}

/* Turns a pure folder, which never held a message, into a mailbox. */
static const ximss_error_t *fill(ximss_sqlite_t *db, apr_int64_t id, const char *mail_class,
                                 apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_FILL, pool));
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_text(stmt, 2, mail_class, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    return ximss_sqlite_rank_create(db, id, pool);
}

const ximss_error_t *ximss_sqlite_mailbox_create(ximss_account_t *account, const char *name,
                                                 int pure, const char *mail_class, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    ximss_mailbox_t *found;

    XIMSS_TRY(find(db, name, 0, &found, pool));
    if (found != NULL && (pure || !found->pure)) {
        return ximss_error(pool, XIMSS_E_MAILBOX_EXISTS, NULL);
    }
    if (found != NULL) {
        return fill(db, found->id, mail_class, pool);
    }
    XIMSS_TRY(make_parents(db, name, pool));
    return ximss_sqlite_mailbox_insert(db, name, pure, mail_class, pool);
}

/* ---- renaming ---- */

/* Statement NUMBER with ?1 = NAME. */
static const ximss_error_t *use_name(sqlite3_stmt **stmt, ximss_sqlite_t *db, int number,
                                     const char *name, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_sqlite_use(stmt, db, number, pool));
    sqlite3_bind_text(*stmt, 1, name, -1, SQLITE_STATIC);
    return NULL;
}

/* *LONGEST is the longest name below NAME in bytes, 0 when there is none. */
static const ximss_error_t *longest_child(ximss_sqlite_t *db, const char *name,
                                          apr_int64_t *longest, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_name(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_LONGEST_CHILD, name, pool));
    return ximss_sqlite_number(db, stmt, longest, NULL, pool);
}

static const ximss_error_t *check_rename(ximss_sqlite_t *db, const char *name, const char *new_name,
                                         apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    ximss_mailbox_t *target;

    if (strncmp(new_name, name, length) == 0 && new_name[length] == '/') {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "can't move/copy folder into itself");
    }
    XIMSS_TRY(find(db, new_name, 0, &target, pool));
    return target == NULL ? NULL : ximss_error(pool, XIMSS_E_MAILBOX_EXISTS, NULL);
}

static const ximss_error_t *set_name(ximss_sqlite_t *db, apr_int64_t id, const char *name,
                                     apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_NAME, pool));
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *move_children(ximss_sqlite_t *db, const char *name,
                                          const char *new_name, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_name(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_MOVE_CHILDREN, name, pool));
    sqlite3_bind_text(stmt, 2, new_name, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_error_t *ximss_sqlite_mailbox_rename(ximss_account_t *account, const char *name,
                                                 const char *new_name, int children,
                                                 apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    ximss_mailbox_t *mailbox;
    apr_int64_t longest;

    XIMSS_TRY(find(db, name, 0, &mailbox, pool));
    if (mailbox == NULL) {
        return ximss_error(pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    XIMSS_TRY(check_rename(db, name, new_name, pool));
    XIMSS_TRY(longest_child(db, name, &longest, pool));
    if (children &&
        longest - (apr_int64_t)strlen(name) + (apr_int64_t)strlen(new_name) > NAME_MAX_BYTES) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "a mailbox name would become too long");
    }
    XIMSS_TRY(set_name(db, mailbox->id, new_name, pool));
    if (children) {
        XIMSS_TRY(move_children(db, name, new_name, pool));
    }
    if (strcmp(name, "INBOX") == 0) {
        XIMSS_TRY(ximss_sqlite_mailbox_insert(db, name, 0, mailbox->mail_class, pool));
    }
    else if (!children && longest > 0) {
        XIMSS_TRY(ximss_sqlite_mailbox_insert(db, name, 1, "", pool));
    }
    return make_parents(db, new_name, pool);
}

/* ---- removing ---- */

static const ximss_error_t *drop_blobs(ximss_sqlite_t *db, apr_int64_t mailbox, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MESSAGE_BLOBS, pool));
    ximss_sqlite_bind(stmt, &mailbox, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        const ximss_error_t *error =
            ximss_sqlite_blob_drop(db, sqlite3_column_int64(stmt, 0), pool);

        if (error != NULL) {
            sqlite3_reset(stmt);
            return error;
        }
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

/* Deletes the row of a mailbox with all its messages, tombstones too: no view of its id can be wrong
 * after that, as the id never comes back. */
static const ximss_error_t *erase(ximss_sqlite_t *db, apr_int64_t id, apr_pool_t *pool)
{
    const int deletions[] = {XIMSS_ACCOUNT_QUERY_MESSAGE_DELETE_ALL,
                             XIMSS_ACCOUNT_QUERY_RANK_DELETE_ALL,
                             XIMSS_ACCOUNT_QUERY_MAILBOX_DELETE};
    ximss_sqlite_counters_t counters;
    ximss_mailbox_t *mailbox;
    apr_size_t i;

    XIMSS_TRY(find(db, NULL, id, &mailbox, pool));
    if (mailbox == NULL) {
        return ximss_error(pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    ximss_sqlite_change_note(db, id);
    XIMSS_TRY(drop_blobs(db, id, pool));
    XIMSS_TRY(ximss_sqlite_counters_get(db, &counters, pool));
    counters.bytes -= mailbox->bytes;
    counters.modseq++;
    XIMSS_TRY(ximss_sqlite_counters_set(db, &counters, pool));
    for (i = 0; i < sizeof(deletions) / sizeof(deletions[0]); i++) {
        XIMSS_TRY(ximss_sqlite_do(db, deletions[i], &id, 1, pool));
    }
    return NULL;
}

static const ximss_error_t *list_children(ximss_sqlite_t *db, const char *name,
                                          apr_array_header_t *ids, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(use_name(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_CHILDREN, name, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        APR_ARRAY_PUSH(ids, apr_int64_t) = sqlite3_column_int64(stmt, 0);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *erase_children(ximss_sqlite_t *db, const apr_array_header_t *ids,
                                           apr_pool_t *pool)
{
    int i;

    for (i = 0; i < ids->nelts; i++) {
        XIMSS_TRY(erase(db, APR_ARRAY_IDX(ids, i, apr_int64_t), pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_mailbox_remove(ximss_account_t *account, const char *name,
                                                 int children, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    apr_array_header_t *ids = apr_array_make(pool, 8, sizeof(apr_int64_t));
    ximss_mailbox_t *mailbox;

    XIMSS_TRY(find(db, name, 0, &mailbox, pool));
    if (mailbox == NULL) {
        return ximss_error(pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    XIMSS_TRY(list_children(db, name, ids, pool));
    if (!children && ids->nelts > 0 && mailbox->pure) {
        return ximss_error(pool, XIMSS_E_DENIED, "the folder holds mailboxes");
    }
    XIMSS_TRY(erase(db, mailbox->id, pool));
    if (children) {
        return erase_children(db, ids, pool);
    }
    return ids->nelts > 0 ? ximss_sqlite_mailbox_insert(db, name, 1, "", pool) : NULL;
}
