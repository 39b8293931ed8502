/* Inside of the SQLite backend: a database handle with its lock, transaction and prepared statements; what
 * its files share. See STRUCTURE for the rules of the files. */
#ifndef XIMSS_STORE_SQLITE_H
#define XIMSS_STORE_SQLITE_H

#include "store/account_query.h"
#include "store/control_query.h"
#include "store/directory_query.h"
#include "store/provider.h"
#include "store/wake.h"

#include <apr_hash.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

/* Longest account id, and so the longest key of a lock. */
#define XIMSS_SQLITE_ID_MAX 63

/* Bytes of one frame of the log: a page and its header. */
#define XIMSS_SQLITE_FRAME (4096 + 24)

typedef struct ximss_sqlite_lock_t ximss_sqlite_lock_t;
typedef struct ximss_sqlite_store_t ximss_sqlite_store_t;

/* Which kind of database a handle is on. */
typedef struct ximss_sqlite_kind_t {
    const char *const *sql; /* its statements */
    int statements;
    const char *const *steps; /* its schema, and how many steps that has */
    int version;
} ximss_sqlite_kind_t;

extern const ximss_sqlite_kind_t ximss_sqlite_kind_account;
extern const ximss_sqlite_kind_t ximss_sqlite_kind_directory;

/* One connection. Used by one thread at a time. */
typedef struct ximss_sqlite_t {
    ximss_sqlite_store_t *store;
    const ximss_sqlite_kind_t *kind;
    apr_pool_t *pool; /* lives as long as the handle; nothing is allocated from it in use */
    const char *path;
    const char *lock_path;
    const char *lock_key;
    const char *changes_path; /* NULL: its changes are not counted */
    sqlite3 *db;              /* NULL: must be opened again */
    sqlite3_stmt **prepared;
    sqlite3_stmt *control[XIMSS_CONTROL_QUERY_COUNT];
    dev_t device; /* of the file that is open */
    ino_t inode;
    ximss_transaction_t transaction;
    int savepoint;             /* one is set */
    int broken;                /* an error says not to use the connection again */
    int unsettled;             /* a COMMIT has not ended well, see ximss_sqlite_commit */
    ximss_sqlite_lock_t *lock; /* held */
    int lock_file;
    ximss_wake_t changed; /* by the transaction that is open */
    int frames;           /* in the log after our last commit */
    apr_int64_t deadline; /* of reads, monotonic milliseconds; 0: none */
} ximss_sqlite_t;

/* A handle on an account. */
typedef struct ximss_sqlite_account_t {
    ximss_account_t base; /* first */
    ximss_sqlite_t db;
    const char *id;
    struct ximss_sqlite_account_t *newer; /* in the list of idle handles */
    struct ximss_sqlite_account_t *older;
} ximss_sqlite_account_t;

static inline ximss_sqlite_t *ximss_sqlite_of(ximss_account_t *account)
{
    return &((ximss_sqlite_account_t *)account)->db;
}

/* A connection to the directory, in the list of idle ones. */
typedef struct ximss_sqlite_directory_t {
    ximss_sqlite_t db;
    struct ximss_sqlite_directory_t *next;
} ximss_sqlite_directory_t;

struct ximss_sqlite_store_t {
    ximss_store_t base; /* first */
    apr_pool_t *pool;
    const char *data_dir;
    ximss_store_options_t options;
    pthread_mutex_t mutex; /* guards what follows */
    ximss_sqlite_account_t *newest;
    ximss_sqlite_account_t *oldest;
    int idle;
    ximss_sqlite_directory_t *directories;
    apr_hash_t *locks; /* lock_key -> ximss_sqlite_lock_t, those in use */
    ximss_sqlite_lock_t *spare_locks;
};

/* ---- sqlite_lock.c: the write lock ---- */

/* Takes the write lock of DB, waiting WAIT_MS at most (XIMSS_E_BUSY). XIMSS_E_NOT_FOUND when the account's
 * folder is gone. */
const ximss_error_t *ximss_sqlite_lock_take(ximss_sqlite_t *db, int wait_ms, apr_pool_t *pool);
void ximss_sqlite_lock_drop(ximss_sqlite_t *db);

/* ---- sqlite_connection.c: open, close, transactions, checkpoints ---- */

/* Opens db->path, which exists; brings an older schema up to date. XIMSS_E_NOT_FOUND. */
const ximss_error_t *ximss_sqlite_open(ximss_sqlite_t *db, apr_pool_t *pool);

/* Makes the database at db->path; its schema is there when this returns NULL. */
const ximss_error_t *ximss_sqlite_make(ximss_sqlite_t *db, apr_pool_t *pool);

/* Rolls back and closes; DB may be opened again. */
void ximss_sqlite_close(ximss_sqlite_t *db);

/* Opens DB again if its file was replaced since. XIMSS_E_NOT_FOUND when the file is gone. Without a
 * transaction only; before a write, under the lock. */
const ximss_error_t *ximss_sqlite_follow(ximss_sqlite_t *db, apr_pool_t *pool);

const ximss_error_t *ximss_sqlite_begin(ximss_sqlite_t *db, int write, apr_pool_t *pool);
/* The same for a write, waiting WAIT_MS for the lock at most. */
const ximss_error_t *ximss_sqlite_begin_write(ximss_sqlite_t *db, int wait_ms, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_commit(ximss_sqlite_t *db, apr_pool_t *pool);
void ximss_sqlite_rollback(ximss_sqlite_t *db);
void ximss_sqlite_tidy(ximss_sqlite_t *db);
void ximss_sqlite_time_limit(ximss_sqlite_t *db, int seconds);

/* Begins a read transaction unless one is open; *OWN tells whether to end it by ximss_sqlite_leave. */
const ximss_error_t *ximss_sqlite_enter(ximss_sqlite_t *db, int *own, apr_pool_t *pool);
void ximss_sqlite_leave(ximss_sqlite_t *db, int own);

/* ---- sqlite_change.c: word of changes ---- */

/* Notes that the transaction changes messages of MAILBOX; forgets what was noted. */
void ximss_sqlite_change_note(ximss_sqlite_t *db, apr_int64_t mailbox);
void ximss_sqlite_change_forget(ximss_sqlite_t *db);

/* Moves the counters of what was noted; the write lock is held. */
void ximss_sqlite_change_count(ximss_sqlite_t *db);

/* Tells that CHANGED is committed to the account with ID. */
void ximss_sqlite_change_tell(ximss_sqlite_store_t *store, const char *id, ximss_wake_t *changed);

const ximss_error_t *ximss_sqlite_changes(ximss_store_t *base, const char *id,
                                          ximss_changes_t *changes, apr_pool_t *pool);

/* ---- sqlite_stmt.c: statements ---- */

/* Statement NUMBER of the kind's own, ready for binding. One that is being stepped through further up
 * the stack is XIMSS_E_INTERNAL. */
const ximss_error_t *ximss_sqlite_use(sqlite3_stmt **stmt, ximss_sqlite_t *db, int number,
                                      apr_pool_t *pool);

/* Steps: *ROW says whether there is a row. At the end and on errors the statement is reset. */
const ximss_error_t *ximss_sqlite_step(ximss_sqlite_t *db, sqlite3_stmt *stmt, int *row,
                                       apr_pool_t *pool);

/* Steps to the end, ignoring rows. */
const ximss_error_t *ximss_sqlite_run(ximss_sqlite_t *db, sqlite3_stmt *stmt, apr_pool_t *pool);

/* Runs statement NUMBER, which takes COUNT NUMBERS and nothing else, to the end. */
const ximss_error_t *ximss_sqlite_do(ximss_sqlite_t *db, int number, const apr_int64_t *numbers,
                                     int count, apr_pool_t *pool);

/* Runs to the end; *VALUE is the first column of the first row, *FOUND (may be NULL) whether there was
 * one; without a row and with FOUND NULL: XIMSS_E_INTERNAL. */
const ximss_error_t *ximss_sqlite_number(ximss_sqlite_t *db, sqlite3_stmt *stmt, apr_int64_t *value,
                                         int *found, apr_pool_t *pool);

/* The same for statement NUMBER, which takes as many of NUMBERS as it has parameters. */
const ximss_error_t *ximss_sqlite_ask(ximss_sqlite_t *db, int number, const apr_int64_t *numbers,
                                      apr_int64_t *value, int *found, apr_pool_t *pool);

/* LENGTH bytes from FROM on of the piece with ID, which STATEMENT selects. */
typedef struct ximss_sqlite_piece_t {
    int statement;
    apr_int64_t id;
    apr_int64_t from;
    apr_int64_t length;
} ximss_sqlite_piece_t;

/* Copies them to TARGET; *FOUND: there is such a piece. XIMSS_E_INTERNAL: it is too short. */
const ximss_error_t *ximss_sqlite_piece_copy(ximss_sqlite_t *db, const ximss_sqlite_piece_t *piece,
                                             char *target, int *found, apr_pool_t *pool);

/* For walks that ask for the row after the last one: XIMSS_E_INTERNAL unless AFTER < NEXT. A damaged file may answer
 * with rows that were there before, for ever. */
const ximss_error_t *ximss_sqlite_ascends(ximss_sqlite_t *db, apr_int64_t after, apr_int64_t next,
                                          apr_pool_t *pool);

/* Runs control statement NUMBER. */
const ximss_error_t *ximss_sqlite_control(ximss_sqlite_t *db, int number, apr_pool_t *pool);

/* The error for RC. Inside a write transaction it ends that transaction, undoing all of it. */
const ximss_error_t *ximss_sqlite_error(ximss_sqlite_t *db, int rc, const char *what,
                                        apr_pool_t *pool);

/* Binds COUNT numbers to ?1, ?2, ... */
void ximss_sqlite_bind(sqlite3_stmt *stmt, const apr_int64_t *numbers, int count);

/* The text of a column, in POOL; NULL for NULL. */
const char *ximss_sqlite_text(sqlite3_stmt *stmt, int column, apr_pool_t *pool);

/* sqlite_mailbox.c: makes a mailbox (or pure folder) of that name, which is free. */
const ximss_error_t *ximss_sqlite_mailbox_insert(ximss_sqlite_t *db, const char *name, int pure,
                                                 const char *mail_class, apr_pool_t *pool);

/* ---- sqlite_hint.c: who has mail to send, see ximss_outbox_provider_t ---- */
const ximss_error_t *ximss_sqlite_hint_get(ximss_store_t *store, ximss_outbox_hint_t *hint,
                                           int *found, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_hint_put(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                           apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_hint_list(ximss_store_t *store, apr_int64_t now,
                                            apr_array_header_t **hints, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_hint_settle(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                              apr_int64_t next, apr_pool_t *pool);

/* sqlite.c: opening the store; handles on accounts. */
const ximss_error_t *ximss_sqlite_store_open(ximss_store_t **store, const char *data_dir,
                                             const ximss_store_options_t *options,
                                             apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_account_checkout(ximss_account_t **account, ximss_store_t *store,
                                                   const char *id, apr_pool_t *pool);
void ximss_sqlite_account_give_back(ximss_account_t *account);
/* Closes the idle handles on the account with ID. */
void ximss_sqlite_account_forget(ximss_sqlite_store_t *store, const char *id);
/* A handle on the account with ID in DIR that is not open; the caller closes db and destroys db.pool. */
ximss_sqlite_account_t *ximss_sqlite_account_make(ximss_sqlite_store_t *store, const char *id,
                                                  const char *dir);

/* ---- sqlite_directory.c: connections to the directory ---- */

/* A connection of one's own; WRITE: inside a write transaction. */
const ximss_error_t *ximss_sqlite_directory_take(ximss_sqlite_directory_t **result,
                                                 ximss_store_t *base, int write, apr_pool_t *pool);
/* Gives it back, rolling back what is open. */
void ximss_sqlite_directory_give(ximss_sqlite_directory_t *directory);
/* Gives it back, committing first when ERROR is NULL. */
const ximss_error_t *ximss_sqlite_directory_finish(ximss_sqlite_directory_t *directory,
                                                   const ximss_error_t *error, apr_pool_t *pool);

/* ---- sqlite_folder.c ---- */

/* Makes the folder of a new account with its files and INBOX; *ID is its new id. */
const ximss_error_t *ximss_sqlite_folder_create(ximss_sqlite_store_t *store, apr_int64_t quota,
                                                const char **id, apr_pool_t *pool);
/* Tells the account its quota. */
const ximss_error_t *ximss_sqlite_folder_quota(ximss_store_t *store, const char *id,
                                               apr_int64_t quota, apr_pool_t *pool);
/* Puts the folder out of reach, under the account's write lock; none is there: not an error. And back. */
const ximss_error_t *ximss_sqlite_folder_retire(ximss_sqlite_store_t *store, const char *id,
                                                apr_pool_t *pool);
void ximss_sqlite_folder_restore(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool);
/* Whether the folder is there under its own name. */
int ximss_sqlite_folder_present(ximss_store_t *store, const char *id, apr_pool_t *pool);

/* The stamp of the account's sessions: the identity of a file that is replaced. */
const ximss_error_t *ximss_sqlite_folder_restamp(ximss_store_t *store, const char *id,
                                                 apr_pool_t *pool);
apr_uint64_t ximss_sqlite_folder_stamp(ximss_store_t *store, const char *id, apr_pool_t *pool);

/* Removes the folder, retired or not. */
void ximss_sqlite_folder_remove(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool);

extern const ximss_directory_provider_t ximss_sqlite_directory;
extern const ximss_mail_provider_t ximss_sqlite_mail;
extern const ximss_outbox_provider_t ximss_sqlite_outbox;
extern const ximss_file_provider_t ximss_sqlite_files;

#endif
