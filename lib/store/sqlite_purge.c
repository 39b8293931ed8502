/* Purging of tombstones that no view needs any more. A view of modseq M needs those with gone > M. Views are
 * known to httpd only, so httpd only purges; which tombstones may go is asked after the write lock was
 * taken, when every view that is not known yet will be as new as the mailbox (ARCHITECTURE.md, "Tombstones"). */
#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite_mail.h"

/* Rows that go in one transaction, and milliseconds after which no other one begins: the lock is not held for long,
 * nor a thread of the server. */
#define ROWS_MOST 512
#define TIME_MS   100

/* Longest wait for the lock: who comes later has to purge, too. */
#define LOCK_WAIT_MS 20

/* Up to which modseq tombstones of MAILBOX may go, 0: none. */
static const ximss_error_t *find_bound(ximss_account_t *account, apr_int64_t mailbox,
                                       apr_int64_t *bound, apr_pool_t *pool)
{
    const ximss_store_options_t *options = &account->store->options;
    const ximss_sqlite_account_t *self = (const ximss_sqlite_account_t *)account;
    apr_int64_t oldest = options->oldest_view(options->oldest_view_baton, self->id, mailbox);
    ximss_mailbox_t *found;

    XIMSS_TRY(ximss_sqlite_mailbox_find(account, NULL, mailbox, &found, pool));
    *bound = found == NULL || oldest < 0 ? 0 : oldest < found->modseq ? oldest : found->modseq;
    return NULL;
}

/* The next mailbox after *MAILBOX of which more tombstones may go than are kept; *BOUND is 0 when there is none. */
static const ximss_error_t *find_next(ximss_account_t *account, apr_int64_t *mailbox,
                                      apr_int64_t *bound, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    apr_int64_t least = account->store->options.tombstones;
    int found;

    *bound = 0;
    for (;;) {
        apr_int64_t numbers[3] = {*mailbox, 0, least};
        apr_int64_t count;

        XIMSS_TRY(
            ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_PURGE_NEXT, numbers, mailbox, &found, pool));
        if (!found) {
            return NULL;
        }
        XIMSS_TRY(ximss_sqlite_ascends(db, numbers[0], *mailbox, pool));
        XIMSS_TRY(find_bound(account, *mailbox, &numbers[1], pool));
        numbers[0] = *mailbox;
        XIMSS_TRY(
            ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_PURGE_COUNT, numbers, &count, NULL, pool));
        if (count >= least) {
            *bound = numbers[1];
            return NULL;
        }
    }
}

/* Deletes rows of MAILBOX up to BOUND; *MORE: there may be others. */
static const ximss_error_t *delete_rows(ximss_sqlite_t *db, apr_int64_t mailbox, apr_int64_t bound,
                                        int *more, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {mailbox, bound, ROWS_MOST};

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_PURGE_ROWS, numbers, 3, pool));
    *more = sqlite3_changes(db->db) == ROWS_MOST;
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_PURGE_MARK, numbers, 2, pool);
}

/* One transaction's worth. What may go is asked again, now that nobody else commits. */
static const ximss_error_t *purge_some(ximss_account_t *account, apr_int64_t mailbox, int *more,
                                       apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    const ximss_error_t *error;
    apr_int64_t bound;

    *more = 0;
    XIMSS_TRY(ximss_sqlite_begin_write(db, LOCK_WAIT_MS, pool));
    error = find_bound(account, mailbox, &bound, pool);
    if (error == NULL && bound > 0) {
        error = delete_rows(db, mailbox, bound, more, pool);
    }
    if (error == NULL) {
        error = ximss_sqlite_commit(db, pool);
    }
    if (error != NULL) {
        ximss_sqlite_rollback(db);
    }
    return error;
}

static const ximss_error_t *purge(ximss_account_t *account, apr_pool_t *pool)
{
    apr_int64_t end = ximss_clock_ms() + TIME_MS;
    apr_int64_t mailbox = 0;
    apr_int64_t bound;
    int more;

    for (;;) {
        XIMSS_TRY(find_next(account, &mailbox, &bound, pool));
        if (bound == 0) {
            return NULL;
        }
        do {
            XIMSS_TRY(purge_some(account, mailbox, &more, pool));
            if (ximss_clock_ms() > end) {
                return NULL;
            }
        } while (more);
    }
}

void ximss_sqlite_purge(ximss_account_t *account)
{
    const ximss_sqlite_t *db = ximss_sqlite_of(account);
    const ximss_error_t *error;
    apr_pool_t *pool;

    if (account->store->options.oldest_view == NULL || db->db == NULL ||
        db->transaction != XIMSS_TRANSACTION_NONE) {
        return;
    }
    apr_pool_create(&pool, db->pool);
    error = purge(account, pool);
    if (error != NULL && error->code != XIMSS_E_BUSY && error->code != XIMSS_E_NOT_FOUND) {
        ximss_log(XIMSS_LOG_WARN, 3202, "no purge: %s", ximss_error_log_line(error, pool));
    }
    apr_pool_destroy(pool);
}
