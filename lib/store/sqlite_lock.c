/* The write lock of a database: a timed mutex among the threads of this process, then flock(2) on the lock
 * file among processes. The file is opened for each acquisition, so that the lock dies with its holder
 * and belongs to one open file description; it is never unlinked while its folder lives. */
#include "base/clock.h"
#include "store/sqlite.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct ximss_sqlite_lock_t {
    pthread_mutex_t mutex;
    int users; /* holder and waiters */
    char key[XIMSS_SQLITE_ID_MAX + 1];
    ximss_sqlite_lock_t *next; /* spare */
};

/* The mutex for KEY, counted. Entries are used again, as the store's pool cannot shrink. */
static ximss_sqlite_lock_t *acquire_entry(ximss_sqlite_store_t *store, const char *key)
{
    ximss_sqlite_lock_t *lock;

    pthread_mutex_lock(&store->mutex);
    lock = apr_hash_get(store->locks, key, APR_HASH_KEY_STRING);
    if (lock == NULL) {
        lock = store->spare_locks;
        if (lock != NULL) {
            store->spare_locks = lock->next;
        }
        else {
            lock = apr_pcalloc(store->pool, sizeof(*lock));
            pthread_mutex_init(&lock->mutex, NULL);
        }
        apr_cpystrn(lock->key, key, sizeof(lock->key));
        apr_hash_set(store->locks, lock->key, APR_HASH_KEY_STRING, lock);
    }
    lock->users++;
    pthread_mutex_unlock(&store->mutex);
    return lock;
}

static void release_entry(ximss_sqlite_store_t *store, ximss_sqlite_lock_t *lock)
{
    pthread_mutex_lock(&store->mutex);
    lock->users--;
    if (lock->users == 0) {
        apr_hash_set(store->locks, lock->key, APR_HASH_KEY_STRING, NULL);
        lock->next = store->spare_locks;
        store->spare_locks = lock;
    }
    pthread_mutex_unlock(&store->mutex);
}

static int lock_mutex(ximss_sqlite_lock_t *lock, apr_int64_t deadline)
{
    struct timespec until;

    until.tv_sec = (time_t)(deadline / 1000);
    until.tv_nsec = (long)(deadline % 1000) * 1000000;
    return pthread_mutex_clocklock(&lock->mutex, CLOCK_MONOTONIC, &until) == 0;
}

/* flock until DEADLINE, asking ever more rarely; 0 or errno. */
static int lock_file(int file, apr_int64_t deadline)
{
    long pause = 500000;

    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        struct timespec wait = {0, pause};

        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        if (ximss_clock_ms() >= deadline) {
            return EWOULDBLOCK;
        }
        nanosleep(&wait, NULL);
        pause = pause < 10000000 ? pause * 2 : pause;
    }
    return 0;
}

static const ximss_error_t *lock_error(ximss_sqlite_t *db, int code, apr_pool_t *pool)
{
    if (code == ENOENT) {
        return ximss_error_detail(pool, XIMSS_E_NOT_FOUND, "%s is gone", db->lock_path);
    }
    if (code == EWOULDBLOCK) {
        return ximss_error_detail(pool, XIMSS_E_BUSY, "%s is held by another", db->lock_path);
    }
    return ximss_error_apr(pool, APR_FROM_OS_ERROR(code), db->lock_path);
}

const ximss_error_t *ximss_sqlite_lock_take(ximss_sqlite_t *db, int wait_ms, apr_pool_t *pool)
{
    apr_int64_t deadline = ximss_clock_ms() + wait_ms;
    ximss_sqlite_lock_t *lock = acquire_entry(db->store, db->lock_key);
    int file;
    int code;

    if (!lock_mutex(lock, deadline)) {
        release_entry(db->store, lock);
        return lock_error(db, EWOULDBLOCK, pool);
    }
    file = open(db->lock_path, O_RDWR | O_CLOEXEC);
    code = file < 0 ? errno : lock_file(file, deadline);
    if (code != 0) {
        if (file >= 0) {
            close(file);
        }
        pthread_mutex_unlock(&lock->mutex);
        release_entry(db->store, lock);
        return lock_error(db, code, pool);
    }
    db->lock = lock;
    db->lock_file = file;
    return NULL;
}

void ximss_sqlite_lock_drop(ximss_sqlite_t *db)
{
    ximss_sqlite_lock_t *lock = db->lock;

    if (lock == NULL) {
        return;
    }
    close(db->lock_file);
    db->lock_file = -1;
    db->lock = NULL;
    pthread_mutex_unlock(&lock->mutex);
    release_entry(db->store, lock);
}
