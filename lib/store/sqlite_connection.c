/* A connection to one database of the store: its settings, schema upgrades, transactions under the write
 * lock, and checkpoints. Nothing here or elsewhere opens a database file but SQLite: a close() of
 * another descriptor would drop the locks of this process. stat(2) opens none. */
#include "base/clock.h"
#include "base/log.h"
#include "store/account_schema.h"
#include "store/directory_schema.h"
#include "store/sqlite.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Log sizes in bytes: checkpoint above the first (in httpd) or second (elsewhere: imports); above the
 * third, readers that still need the log are waited for, so that it starts anew. */
#define LOG_SERVER  (4 * 1024 * 1024)
#define LOG_COMMAND (16 * 1024 * 1024)
#define LOG_LARGE   (64 * 1024 * 1024)

/* Longest wait of a checkpoint for readers, for a common log and for a large one. */
#define CHECKPOINT_WAIT_MS 100
#define LARGE_WAIT_MS      2000

/* Free pages before the file is made shorter. */
#define FREE_PAGES 1000

/* Steps of the virtual machine between two looks at the clock. */
#define PROGRESS_STEPS 1000

const ximss_sqlite_kind_t ximss_sqlite_kind_account = {
    .sql = ximss_account_query_sql,
    .statements = XIMSS_ACCOUNT_QUERY_COUNT,
    .steps = ximss_account_schema_steps,
    .version = XIMSS_ACCOUNT_SCHEMA_STEPS,
};

const ximss_sqlite_kind_t ximss_sqlite_kind_directory = {
    .sql = ximss_directory_query_sql,
    .statements = XIMSS_DIRECTORY_QUERY_COUNT,
    .steps = ximss_directory_schema_steps,
    .version = XIMSS_DIRECTORY_SCHEMA_STEPS,
};

static int on_commit(void *baton, sqlite3 *db, const char *name, int frames)
{
    ximss_sqlite_t *self = baton;

    (void)db;
    (void)name;
    self->frames = frames;
    return SQLITE_OK;
}

/* Interrupts reads only: an interrupted write would roll back the work of requests before it. */
static int on_progress(void *baton)
{
    const ximss_sqlite_t *db = baton;

    return db->transaction != XIMSS_TRANSACTION_WRITE && ximss_clock_ms() > db->deadline;
}

static void set_progress(ximss_sqlite_t *db)
{
    sqlite3_progress_handler(db->db, db->deadline != 0 ? PROGRESS_STEPS : 0, on_progress, db);
}

static const ximss_error_t *execute(ximss_sqlite_t *db, const char *sql, apr_pool_t *pool)
{
    int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? NULL : ximss_sqlite_error(db, rc, sql, pool);
}

/* The settings that every connection has; the wait for locks first, as even those may need it. */
static const ximss_error_t *configure(ximss_sqlite_t *db, apr_pool_t *pool)
{
    int cache = db->store->options.server || db->kind == &ximss_sqlite_kind_directory
                    ? XIMSS_CONTROL_QUERY_CACHE_SMALL
                    : XIMSS_CONTROL_QUERY_CACHE_LARGE;
    const int settings[] = {XIMSS_CONTROL_QUERY_SYNCHRONOUS, XIMSS_CONTROL_QUERY_AUTOCHECKPOINT,
                            XIMSS_CONTROL_QUERY_TEMP_STORE, cache};
    apr_size_t i;

    sqlite3_busy_timeout(db->db, db->store->options.lock_wait_ms);
    sqlite3_extended_result_codes(db->db, 1);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        XIMSS_TRY(execute(db, ximss_control_query_sql[settings[i]], pool));
    }
    sqlite3_wal_hook(db->db, on_commit, db); /* after the pragma, which sets its own hook */
    set_progress(db);
    return NULL;
}

static int identify(ximss_sqlite_t *db, dev_t *device, ino_t *inode)
{
    struct stat info;

    if (stat(db->path, &info) != 0) {
        return 0;
    }
    *device = info.st_dev;
    *inode = info.st_ino;
    return 1;
}

static const ximss_error_t *gone(ximss_sqlite_t *db, apr_pool_t *pool)
{
    return ximss_error_detail(pool, XIMSS_E_NOT_FOUND, "%s is gone", db->path);
}

/* The schema version of the file; one that no program of ours can have written is an error. */
static const ximss_error_t *version_get(ximss_sqlite_t *db, int *version, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db->db, ximss_control_query_sql[XIMSS_CONTROL_QUERY_USER_VERSION],
                                -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        *version = rc == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : 0;
        sqlite3_finalize(stmt);
    }
    if (rc != SQLITE_ROW) {
        return ximss_sqlite_error(db, rc, "schema version", pool);
    }
    if (*version < 0 || *version > db->kind->version) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "%s has schema %d, this program knows %d",
                                  db->path, *version, db->kind->version);
    }
    return NULL;
}

/* Ends a transaction without any error to report: there is nothing left to undo when it fails. */
static void undo(ximss_sqlite_t *db)
{
    sqlite3_stmt **stmt = &db->control[XIMSS_CONTROL_QUERY_ROLLBACK];

    if (*stmt == NULL &&
        sqlite3_prepare_v3(db->db, ximss_control_query_sql[XIMSS_CONTROL_QUERY_ROLLBACK], -1,
                           SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
        db->broken = 1;
        return;
    }
    if (sqlite3_step(*stmt) != SQLITE_DONE && !sqlite3_get_autocommit(db->db)) {
        db->broken = 1;
    }
    sqlite3_reset(*stmt);
}

/* What only an empty database takes. Whoever made the file may have been killed before this. */
static const ximss_error_t *shape(ximss_sqlite_t *db, apr_pool_t *pool)
{
    const int settings[] = {XIMSS_CONTROL_QUERY_PAGE_SIZE, XIMSS_CONTROL_QUERY_AUTO_VACUUM,
                            XIMSS_CONTROL_QUERY_JOURNAL_WAL};
    apr_size_t i;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        XIMSS_TRY(execute(db, ximss_control_query_sql[settings[i]], pool));
    }
    return NULL;
}

/* Runs the steps that are missing, in one transaction; the write lock is held. */
static const ximss_error_t *upgrade_locked(ximss_sqlite_t *db, apr_pool_t *pool)
{
    int version;

    XIMSS_TRY(version_get(db, &version, pool));
    if (version == 0) {
        XIMSS_TRY(shape(db, pool));
    }
    XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_BEGIN_WRITE, pool));
    for (; version < db->kind->version; version++) {
        const ximss_error_t *error = execute(db, db->kind->steps[version], pool);

        if (error != NULL) {
            undo(db);
            return error;
        }
    }
    return ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_COMMIT, pool);
}

static const ximss_error_t *upgrade(ximss_sqlite_t *db, apr_pool_t *pool)
{
    int held = db->lock != NULL;
    const ximss_error_t *error;
    int version;

    XIMSS_TRY(version_get(db, &version, pool));
    if (version == db->kind->version) {
        return NULL;
    }
    if (!held) {
        XIMSS_TRY(ximss_sqlite_lock_take(db, db->store->options.lock_wait_ms, pool));
    }
    error = upgrade_locked(db, pool);
    if (!held) {
        ximss_sqlite_lock_drop(db);
    }
    return error;
}

static const ximss_error_t *connect_file(ximss_sqlite_t *db, int flags, apr_pool_t *pool)
{
    int rc = sqlite3_open_v2(
        db->path, &db->db,
        flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

    if (rc != SQLITE_OK) {
        return ximss_sqlite_error(db, rc, "open", pool);
    }
    db->frames = 0;
    db->broken = 0;
    db->unsettled = 0;
    return NULL;
}

static const ximss_error_t *open_steps(ximss_sqlite_t *db, apr_pool_t *pool)
{
    dev_t device;
    ino_t inode;

    if (!identify(db, &db->device, &db->inode)) {
        return gone(db, pool);
    }
    XIMSS_TRY(connect_file(db, 0, pool));
    XIMSS_TRY(configure(db, pool));
    XIMSS_TRY(upgrade(db, pool));
    if (!identify(db, &device, &inode)) {
        return gone(db, pool);
    }
    if (device != db->device || inode != db->inode) {
        return ximss_error_detail(pool, XIMSS_E_BUSY, "%s was replaced while it was opened",
                                  db->path);
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_open(ximss_sqlite_t *db, apr_pool_t *pool)
{
    const ximss_error_t *error = open_steps(db, pool);

    if (error != NULL) {
        ximss_sqlite_lock_t *lock = db->lock;

        db->lock = NULL; /* whoever took it drops it */
        ximss_sqlite_close(db);
        db->lock = lock;
    }
    return error;
}

/* The log takes the mode of the database file, so that is set before there is a log. */
static const ximss_error_t *make_steps(ximss_sqlite_t *db, apr_pool_t *pool)
{
    XIMSS_TRY(connect_file(db, SQLITE_OPEN_CREATE, pool));
    if (chmod(db->path, 0600) != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), db->path);
    }
    XIMSS_TRY(configure(db, pool));
    XIMSS_TRY(upgrade(db, pool));
    return identify(db, &db->device, &db->inode) ? NULL : gone(db, pool);
}

const ximss_error_t *ximss_sqlite_make(ximss_sqlite_t *db, apr_pool_t *pool)
{
    const ximss_error_t *error = make_steps(db, pool);

    if (error != NULL) {
        ximss_sqlite_close(db);
    }
    return error;
}

/* Commits nothing, over what a COMMIT that failed left in the log. */
static void write_over(ximss_sqlite_t *db)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, db->pool);
    if (ximss_sqlite_lock_take(db, CHECKPOINT_WAIT_MS, pool) == NULL) {
        db->unsettled =
            sqlite3_exec(db->db, ximss_control_query_sql[XIMSS_CONTROL_QUERY_WRITE_OVER], NULL,
                         NULL, NULL) != SQLITE_OK;
        ximss_sqlite_lock_drop(db);
    }
    apr_pool_destroy(pool);
}

static void finalize(sqlite3_stmt **statements, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

void ximss_sqlite_close(ximss_sqlite_t *db)
{
    if (db->db == NULL) {
        return;
    }
    ximss_sqlite_rollback(db);
    if (db->unsettled) {
        write_over(db);
    }
    finalize(db->prepared, db->kind->statements);
    finalize(db->control, XIMSS_CONTROL_QUERY_COUNT);
    sqlite3_close_v2(db->db);
    db->db = NULL;
}

const ximss_error_t *ximss_sqlite_follow(ximss_sqlite_t *db, apr_pool_t *pool)
{
    dev_t device;
    ino_t inode;

    if (!identify(db, &device, &inode)) {
        return gone(db, pool);
    }
    if (db->db != NULL && !db->broken && device == db->device && inode == db->inode) {
        return NULL;
    }
    if (db->db != NULL) {
        finalize(db->prepared, db->kind->statements);
        finalize(db->control, XIMSS_CONTROL_QUERY_COUNT);
        sqlite3_close_v2(db->db);
        db->db = NULL;
    }
    return ximss_sqlite_open(db, pool);
}

const ximss_error_t *ximss_sqlite_begin_write(ximss_sqlite_t *db, int wait_ms, apr_pool_t *pool)
{
    const ximss_error_t *error;

    XIMSS_TRY(ximss_sqlite_lock_take(db, wait_ms, pool));
    error = ximss_sqlite_follow(db, pool);
    if (error == NULL) {
        error = ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_BEGIN_WRITE, pool);
    }
    if (error != NULL) {
        ximss_sqlite_lock_drop(db);
        return error;
    }
    db->transaction = XIMSS_TRANSACTION_WRITE;
    return NULL;
}

const ximss_error_t *ximss_sqlite_begin(ximss_sqlite_t *db, int write, apr_pool_t *pool)
{
    if (write) {
        return ximss_sqlite_begin_write(db, db->store->options.lock_wait_ms, pool);
    }
    XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_BEGIN_READ, pool));
    db->transaction = XIMSS_TRANSACTION_READ;
    return NULL;
}

/* A COMMIT may fail at its last step, when all of it is in the log. No connection sees it there, and the next commit
 * takes its place; but if the last connection were closed before, the next one would find it, and take it for
 * committed. So the connection is kept, and a commit of nothing tried at once, and again before it is closed. */
const ximss_error_t *ximss_sqlite_commit(ximss_sqlite_t *db, apr_pool_t *pool)
{
    ximss_wake_t changed = db->changed;
    const ximss_error_t *error;

    ximss_sqlite_change_count(db);
    db->unsettled = 1;
    error = ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_COMMIT, pool);
    if (error != NULL) {
        write_over(db);
        return error;
    }
    db->unsettled = 0;
    ximss_sqlite_change_count(db);
    ximss_sqlite_change_forget(db);
    db->transaction = XIMSS_TRANSACTION_NONE;
    db->savepoint = 0;
    ximss_sqlite_lock_drop(db);
    ximss_sqlite_change_tell(db->store, db->lock_key, &changed);
    return NULL;
}

void ximss_sqlite_rollback(ximss_sqlite_t *db)
{
    if (db->db != NULL && !sqlite3_get_autocommit(db->db)) {
        undo(db);
    }
    ximss_sqlite_change_forget(db);
    db->transaction = XIMSS_TRANSACTION_NONE;
    db->savepoint = 0;
    ximss_sqlite_lock_drop(db);
}

const ximss_error_t *ximss_sqlite_enter(ximss_sqlite_t *db, int *own, apr_pool_t *pool)
{
    *own = db->transaction == XIMSS_TRANSACTION_NONE;
    return *own ? ximss_sqlite_begin(db, 0, pool) : NULL;
}

void ximss_sqlite_leave(ximss_sqlite_t *db, int own)
{
    if (own) {
        ximss_sqlite_rollback(db);
    }
}

static apr_int64_t free_pages(ximss_sqlite_t *db, apr_pool_t *pool)
{
    sqlite3_stmt **stmt = &db->control[XIMSS_CONTROL_QUERY_FREELIST_COUNT];
    apr_int64_t pages = 0;

    if (*stmt == NULL &&
        sqlite3_prepare_v2(db->db, ximss_control_query_sql[XIMSS_CONTROL_QUERY_FREELIST_COUNT], -1,
                           stmt, NULL) != SQLITE_OK) {
        return 0;
    }
    return ximss_sqlite_number(db, *stmt, &pages, NULL, pool) == NULL ? pages : 0;
}

/* The checkpoint itself; the write lock is held, so nobody commits beside it. Only FULL and TRUNCATE:
 * PASSIVE can lose commits in SQLite before 3.51.3. */
static const ximss_error_t *checkpoint(ximss_sqlite_t *db, apr_int64_t size, apr_pool_t *pool)
{
    int large = size > LOG_LARGE;
    int logged;
    int copied;
    int rc;

    XIMSS_TRY(ximss_sqlite_follow(db, pool));
    if (free_pages(db, pool) > FREE_PAGES) {
        XIMSS_TRY(ximss_sqlite_control(db, XIMSS_CONTROL_QUERY_VACUUM_SOME, pool));
    }
    sqlite3_busy_timeout(db->db, large ? LARGE_WAIT_MS : CHECKPOINT_WAIT_MS);
    rc = sqlite3_wal_checkpoint_v2(db->db, NULL,
                                   large ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_FULL,
                                   &logged, &copied);
    sqlite3_busy_timeout(db->db, db->store->options.lock_wait_ms);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        return ximss_sqlite_error(db, rc, "checkpoint", pool);
    }
    if (rc == SQLITE_OK) {
        db->frames = 0;
    }
    return NULL;
}

void ximss_sqlite_tidy(ximss_sqlite_t *db)
{
    apr_int64_t size = (apr_int64_t)db->frames * XIMSS_SQLITE_FRAME;
    const ximss_error_t *error;
    apr_pool_t *pool;

    if (db->db == NULL || db->transaction != XIMSS_TRANSACTION_NONE ||
        size < (db->store->options.server ? LOG_SERVER : LOG_COMMAND)) {
        return;
    }
    apr_pool_create(&pool, db->pool);
    error = ximss_sqlite_lock_take(db, CHECKPOINT_WAIT_MS, pool);
    if (error == NULL) {
        error = checkpoint(db, size, pool);
        ximss_sqlite_lock_drop(db);
    }
    if (error != NULL && error->code != XIMSS_E_BUSY) {
        ximss_log(XIMSS_LOG_WARN, 3201, "no checkpoint: %s", ximss_error_log_line(error, pool));
    }
    apr_pool_destroy(pool);
}

void ximss_sqlite_time_limit(ximss_sqlite_t *db, int seconds)
{
    if (seconds <= 0 && db->deadline == 0) {
        return;
    }
    db->deadline = seconds > 0 ? ximss_clock_ms() + (apr_int64_t)seconds * 1000 : 0;
    if (db->db != NULL) {
        set_progress(db);
    }
}
