/* The session table in shared memory: fixed slots, indices and never pointers, one robust process-shared
 * mutex a session. Any process that maps it may use it. */
#ifndef XIMSS_SESSION_TABLE_H
#define XIMSS_SESSION_TABLE_H

#include "base/error.h"

#include <apr_pools.h>

#define XIMSS_URL_ID_LENGTH    27 /* 6 digits, "-", 20 characters */
#define XIMSS_ACCOUNT_ID_MAX   40
#define XIMSS_ACCOUNT_NAME_MAX 512
#define XIMSS_ADDRESS_MAX      46 /* INET6_ADDRSTRLEN */
#define XIMSS_ZONE_MAX         64

typedef struct ximss_table_t ximss_table_t; /* this process's view of the segment; any thread */

/* What a batch may change of a session, as it was when nothing of the batch was true. */
typedef struct ximss_progress_before_t {
    int folders;
    int idle_timeout;
    apr_int64_t next_folder;
    char zone[XIMSS_ZONE_MAX];
} ximss_progress_before_t;

/* How far the numbered batches of a session are (op/replay.h); a number of -1 is none. */
typedef struct ximss_progress_t {
    apr_int64_t last;    /* the newest batch that is complete */
    apr_int64_t partial; /* the newest one, when it is complete in part only */
    apr_int64_t running; /* the one that runs, or ran when its process died */
    int busy;            /* a batch runs, numbered or not */
    apr_int64_t serial;  /* of the next staged file (op/stage.h) */
    ximss_progress_before_t before;
} ximss_progress_t;

/* Most open folders of a session that are watched. */
#define XIMSS_WATCH_MOST 64

/* What takes events. */
typedef enum ximss_taker_t { XIMSS_TAKER_NONE, XIMSS_TAKER_REPLY, XIMSS_TAKER_POLL } ximss_taker_t;

/* Events that are being taken (op/deliver.c): as long as BY is set, the file that tells of them is written, and
 * whoever finds it goes on, so that the death of a process loses no event and sends none twice. */
typedef struct ximss_receipt_t {
    ximss_taker_t by;
    apr_int64_t resp_seq;   /* of a poll's batch */
    apr_int64_t async_next; /* what becomes of the members of the session */
    apr_int64_t alert_seen;
    apr_int64_t alert_counter;
    int watched;
    apr_uint64_t watches[XIMSS_WATCH_MOST]; /* keys of the folders that were told of */
} ximss_receipt_t;

/* Why a session ends: bye and KILL, or the server's own will, of which the client is told. */
enum { XIMSS_ENDED_BY_CLIENT = 1, XIMSS_ENDED_BY_SERVER = 2 };

/* What a session is, as a request sees it. Changes are stored by writing through the pointer while the
 * session is locked. Only plain data: it lies in shared memory. */
typedef struct ximss_session_t {
    char url_id[XIMSS_URL_ID_LENGTH + 1];
    char account_id[XIMSS_ACCOUNT_ID_MAX];
    char user_name[XIMSS_ACCOUNT_NAME_MAX]; /* user@domain */
    char address[XIMSS_ADDRESS_MAX];        /* client address at login */
    char cookie[32];                        /* secret, "" when none was made */
    char zone[XIMSS_ZONE_MAX];              /* TimeZone preference; "" of the machine */
    int ip_watch;
    int use_cookie;
    int cookie_seen;            /* the client has sent it back once */
    int idle_timeout;           /* seconds */
    apr_uint64_t account_stamp; /* of the account when the session began */
    apr_int64_t created;        /* seconds since 1970 */
    apr_int64_t previous_login; /* seconds, 0: never: what arrived later is Recent */
    int folders;                /* open folders (their files lie in the session's folder) */
    apr_int64_t next_folder;    /* number of the next folder file */
    apr_int64_t resp_seq;       /* number of the last batch of events delivered, 0: none yet */
    int resp_kept;              /* that batch is kept: it may have to be sent again */
    apr_int64_t async_first;    /* number of the first stored reply of an async batch */
    apr_int64_t async_next;     /* behind the last of them */
    apr_int64_t async_bytes;    /* of them all */
    apr_int64_t async_seq;      /* number of the last such batch that had one, -1: none */
    apr_int64_t alert_seen;     /* newest alert that was shown, or that the login shows */
    apr_int64_t alert_counter;  /* of changes, when alerts were looked for */
    ximss_progress_t progress;
    ximss_receipt_t taking;
    int ended; /* XIMSS_ENDED_...: the slot is freed at unlock */
} ximss_session_t;

typedef struct ximss_table_options_t {
    int sessions;         /* slots */
    int sessions_account; /* most sessions of one account */
    int idle_timeout;     /* seconds */
} ximss_table_options_t;

/* Bytes of shared memory that OPTIONS need; 0 when they overflow. */
apr_size_t ximss_table_size(const ximss_table_options_t *options);

/* Makes the table in SIZE zeroed bytes at MEMORY (by the parent, before fork). Memory that holds a whole table
 * of the same version and shape already (graceful restart) is kept with its sessions and takes over the other
 * OPTIONS; anything else in it is refused. */
const ximss_error_t *ximss_table_init(void *memory, apr_size_t size,
                                      const ximss_table_options_t *options, apr_pool_t *pool);

/* Attaches to a table that was made; RUNTIME_DIR is where session folders lie. *TABLE lives as long as POOL and
 * stays good in children made by fork. */
const ximss_error_t *ximss_table_attach(ximss_table_t **table, void *memory, apr_size_t size,
                                        const char *runtime_dir, apr_pool_t *pool);

/* Makes a session from the fields set in FRESH and its folder s<slot>-<generation>. Filled in there, too:
 * a random url_id, created, the counters, and idle_timeout when it is not positive. XIMSS_E_LIMIT when the table
 * or the account's share is full. */
const ximss_error_t *ximss_session_create(ximss_table_t *table, ximss_session_t *fresh,
                                          apr_pool_t *pool);

/* Finds the session of URL_ID (constant-time compare) and locks it, waiting at most WAIT_MS; at most two
 * requests wait for one session, more get XIMSS_E_BUSY. *SESSION is NULL when there is none (lost). Touches
 * its activity. After the death of a holder the session is checked, and dropped when it is not sound. */
const ximss_error_t *ximss_session_lock(ximss_session_t **session, ximss_table_t *table,
                                        const char *url_id, int wait_ms, apr_pool_t *pool);

/* Copies the session of URL_ID without locking it, for requests that change nothing in it and must not wait for
 * those that do; *DIR, in POOL, is its folder. What a request changes later (options, counters) may be as it was a
 * moment ago; the rest never changes. Touches its activity. Returns 0 when it is lost. */
int ximss_session_peek(ximss_table_t *table, const char *url_id, ximss_session_t *copy,
                       const char **dir, apr_pool_t *pool);

/* Unlocks it; when session->ended was set, the slot is freed, waiters are woken, its folder is removed. */
void ximss_session_unlock(ximss_table_t *table, ximss_session_t *session);

/* The folder of a locked session's files (views), in POOL; exists. */
const char *ximss_session_folder(ximss_table_t *table, const ximss_session_t *session,
                                 apr_pool_t *pool);

/* Wakes whoever waits for this session. The session needs not be locked. */
void ximss_session_wake(ximss_table_t *table, const ximss_session_t *session);

/* Wakes every waiter of this process and makes further waits return at once (child is stopping). Only
 * atomics and system calls: safe in a signal handler. */
void ximss_table_stop_waits(ximss_table_t *table);

/* Ends sessions that are idle too long, all of ACCOUNT_ID when it is given (deleted, renamed; one that is locked
 * now ends at its unlock); removes folders without a live session when FILES. Returns how many ended. */
int ximss_table_sweep(ximss_table_t *table, const char *account_id, int files, apr_pool_t *pool);

/* Live sessions now. */
int ximss_table_count(ximss_table_t *table);

/* For tests: takes the milliseconds by which idle time is measured from CLOCK (NULL: the monotonic clock of the
 * machine). Call it before threads and forks. */
void ximss_table_set_clock(ximss_table_t *table, apr_int64_t (*clock)(void));

#endif
