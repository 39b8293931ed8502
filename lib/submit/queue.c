/* A run of the queue. Threads take accounts from one list; each account is seen to by one of them, message after
 * message. The lock makes sure of more than order: only who holds it can tell that a row marked as being sent was left
 * by a crash. */
#include "submit/queue.h"

#include "base/log.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <unistd.h>

#define DAY        86400
#define BUSY_PAUSE 30 /* seconds until an account that could not be seen to is tried again */

/* What the threads share. */
typedef struct run_t {
    const ximss_queue_t *queue;
    apr_array_header_t *hints; /* ximss_outbox_hint_t */
    pthread_mutex_t mutex;     /* guards what follows, and progress() */
    int next;
    ximss_queue_progress_t progress;
} run_t;

/* ---- the lock ---- */

/* Takes the lock; it goes when *FILE is closed. */
static const ximss_error_t *lock(const char *data_dir, int *file, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, data_dir, "/queue.lock", NULL);
    int reason;

    *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*file < 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), path);
    }
    if (flock(*file, LOCK_EX | LOCK_NB) == 0) {
        return NULL;
    }
    reason = errno;
    close(*file);
    return reason == EWOULDBLOCK
               ? ximss_error(pool, XIMSS_E_BUSY, "another run of the queue is going on")
               : ximss_error_apr(pool, APR_FROM_OS_ERROR(reason), path);
}

/* ---- one account ---- */

static const ximss_error_t *see_to_message(ximss_sending_t *sending, ximss_exit_t *way,
                                           apr_pool_t *pool)
{
    sending->data = NULL;
    XIMSS_TRY(ximss_sending_local(sending, pool));
    XIMSS_TRY(ximss_sending_remote(sending, way, pool));
    return ximss_sending_report(sending, pool);
}

/* Runs through what is due; *DUE is when something is again, -1: never. A message that cannot be seen to, damaged
 * perhaps, keeps no other one back. */
static const ximss_error_t *see_to_outbox(ximss_sending_t *sending, ximss_exit_t *way,
                                          apr_int64_t *due, apr_pool_t *pool)
{
    const ximss_error_t *failure = NULL;
    apr_array_header_t *messages;
    apr_pool_t *iteration;
    int i;

    XIMSS_TRY(ximss_sending_hold(sending, pool));
    XIMSS_TRY(ximss_outbox_list(sending->account, sending->clock(), 0, &messages, pool));
    apr_pool_create(&iteration, pool);
    for (i = 0; i < messages->nelts; i++) {
        const ximss_error_t *error;

        apr_pool_clear(iteration);
        sending->message = APR_ARRAY_IDX(messages, i, ximss_outbox_message_t);
        error = see_to_message(sending, way, iteration);
        if (error != NULL) {
            failure =
                ximss_error_detail(pool, error->code, "message %" APR_INT64_T_FMT ": %s",
                                   sending->message.id, ximss_error_log_line(error, iteration));
        }
    }
    apr_pool_destroy(iteration);
    ximss_account_tidy(sending->account);
    return failure != NULL ? failure : ximss_outbox_due(sending->account, due, pool);
}

static const ximss_error_t *see_to_account(const ximss_queue_t *queue,
                                           const ximss_outbox_hint_t *hint, ximss_exit_t *way,
                                           ximss_sending_counts_t *count, apr_pool_t *pool)
{
    ximss_sending_t sending = {.store = queue->store,
                               .limits = queue->limits,
                               .patience = queue->patience,
                               .clock = queue->clock,
                               .account_id = hint->account};
    const ximss_error_t *error =
        ximss_account_checkout(&sending.account, queue->store, hint->account, pool);
    apr_int64_t due = -1;

    if (error == NULL) {
        error = see_to_outbox(&sending, way, &due, pool);
    }
    *count = sending.count;
    if (error != NULL && error->code != XIMSS_E_NOT_FOUND) {
        ximss_log(error->code == XIMSS_E_BUSY ? XIMSS_LOG_INFO : XIMSS_LOG_WARN,
                  error->code == XIMSS_E_BUSY ? 0 : 7104, "queue: account %s: %s", hint->account,
                  ximss_error_log_line(error, pool));
        due = queue->clock() + BUSY_PAUSE;
    }
    return ximss_outbox_settle(queue->store, hint, due, queue->clock(), pool);
}

/* ---- all that are due ---- */

static const ximss_outbox_hint_t *take_hint(run_t *run)
{
    const ximss_outbox_hint_t *hint = NULL;

    pthread_mutex_lock(&run->mutex);
    if (run->next < run->hints->nelts) {
        hint = &APR_ARRAY_IDX(run->hints, run->next, ximss_outbox_hint_t);
        run->next++;
    }
    pthread_mutex_unlock(&run->mutex);
    return hint;
}

static void add_progress(run_t *run, const ximss_sending_counts_t *count)
{
    ximss_sending_counts_t *sum = &run->progress.count;

    pthread_mutex_lock(&run->mutex);
    run->progress.done++;
    sum->sent += count->sent;
    sum->failed += count->failed;
    sum->waiting += count->waiting;
    sum->held += count->held;
    if (run->queue->progress != NULL) {
        run->queue->progress(&run->progress);
    }
    pthread_mutex_unlock(&run->mutex);
}

static void *work(void *baton)
{
    run_t *run = baton;
    ximss_exit_t way = {.route = run->queue->route, .send = run->queue->send};
    const ximss_outbox_hint_t *hint;
    apr_pool_t *pool;
    apr_pool_t *iteration;

    apr_pool_create(&pool, NULL);
    apr_pool_create(&iteration, pool);
    way.pool = pool;
    while ((hint = take_hint(run)) != NULL) {
        ximss_sending_counts_t count = {0, 0, 0, 0};
        const ximss_error_t *error;

        error = see_to_account(run->queue, hint, &way, &count, iteration);
        if (error != NULL) {
            ximss_log(XIMSS_LOG_WARN, 7105, "queue: hint of account %s: %s", hint->account,
                      ximss_error_log_line(error, iteration));
        }
        add_progress(run, &count);
        apr_pool_clear(iteration);
    }
    apr_pool_destroy(pool);
    return NULL;
}

/* Runs through the hints with the threads asked for; this one is one of them. */
static void work_all(run_t *run, apr_pool_t *pool)
{
    const int most =
        run->queue->threads < run->hints->nelts ? run->queue->threads : run->hints->nelts;
    pthread_t *threads = apr_palloc(pool, sizeof(*threads) * (apr_size_t)(most > 0 ? most : 1));
    int started = 0;

    while (started + 1 < most && pthread_create(&threads[started], NULL, work, run) == 0) {
        started++;
    }
    work(run);
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
}

/* ---- the daily look at all accounts ---- */

static const ximss_error_t *look_at(const ximss_queue_t *queue, const ximss_account_entry_t *entry,
                                    apr_pool_t *pool)
{
    ximss_account_t *account;
    apr_int64_t due = -1;

    XIMSS_TRY(ximss_account_checkout(&account, queue->store, entry->id, pool));
    XIMSS_TRY(ximss_outbox_due(account, &due, pool));
    ximss_account_return(account);
    return due < 0 ? NULL
                   : ximss_outbox_announce(queue->store, entry->id, due, queue->clock(), pool);
}

/* Makes the hints again: nobody needs to rely on their being right. */
static const ximss_error_t *look_at_all(const ximss_queue_t *queue, const ximss_outbox_hint_t *hint,
                                        apr_pool_t *pool)
{
    apr_array_header_t *entries;
    apr_pool_t *iteration;
    int i;

    XIMSS_TRY(ximss_account_list(queue->store, NULL, &entries, pool));
    apr_pool_create(&iteration, pool);
    for (i = 0; i < entries->nelts; i++) {
        const ximss_account_entry_t *entry = APR_ARRAY_IDX(entries, i, ximss_account_entry_t *);
        const ximss_error_t *error;

        apr_pool_clear(iteration);
        error = look_at(queue, entry, iteration);
        if (error != NULL && error->code != XIMSS_E_NOT_FOUND) {
            ximss_log(XIMSS_LOG_WARN, 7106, "queue: outbox of %s: %s", entry->name,
                      ximss_error_log_line(error, iteration));
        }
    }
    apr_pool_destroy(iteration);
    return ximss_outbox_settle(queue->store, hint, queue->clock() + DAY, queue->clock(), pool);
}

/* The hints that are due. */
static const ximss_error_t *read_hints(const ximss_queue_t *queue, apr_array_header_t **hints,
                                       apr_pool_t *pool)
{
    XIMSS_TRY(ximss_outbox_hints(queue->store, queue->clock(), hints, pool));
    if ((*hints)->nelts == 0 || *APR_ARRAY_IDX(*hints, 0, ximss_outbox_hint_t).account != '\0') {
        return NULL;
    }
    XIMSS_TRY(look_at_all(queue, &APR_ARRAY_IDX(*hints, 0, ximss_outbox_hint_t), pool));
    return ximss_outbox_hints(queue->store, queue->clock(), hints, pool);
}

const ximss_error_t *ximss_queue_run(const ximss_queue_t *queue, ximss_queue_progress_t *result,
                                     apr_pool_t *pool)
{
    run_t run = {.queue = queue, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const ximss_error_t *error;
    int file;

    XIMSS_TRY(lock(queue->data_dir, &file, pool));
    error = read_hints(queue, &run.hints, pool);
    if (error == NULL) {
        run.progress.accounts = run.hints->nelts;
        work_all(&run, pool);
        *result = run.progress;
    }
    close(file);
    return error;
}

const ximss_error_t *ximss_queue_idle(ximss_store_t *store, apr_int64_t now, int most,
                                      apr_int64_t *seconds, apr_pool_t *pool)
{
    apr_array_header_t *hints;
    int i;

    *seconds = most;
    XIMSS_TRY(ximss_outbox_hints(store, now + most, &hints, pool));
    for (i = 0; i < hints->nelts; i++) {
        const apr_int64_t left = APR_ARRAY_IDX(hints, i, ximss_outbox_hint_t).due - now;

        if (left < *seconds) {
            *seconds = left > 0 ? left : 0;
        }
    }
    return NULL;
}
