/* The mail store as operations see it. One account is one database; a handle on it is checked out,
 * used by one thread, and returned. What a backend implements is in provider.h. */
#ifndef XIMSS_STORE_STORE_H
#define XIMSS_STORE_STORE_H

#include "base/error.h"
#include "mime/digest.h"
#include "mime/flags.h"

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct ximss_store_t ximss_store_t;     /* one a process; any thread */
typedef struct ximss_account_t ximss_account_t; /* a handle on one account; one thread at a time */

typedef struct ximss_store_options_t {
    int handle_cache; /* open handles that are kept, default 128 */
    int lock_wait_ms; /* longest wait for an account's write lock, default 5000 */
    int server;       /* nonzero in httpd */
    int tombstones;   /* of a mailbox, that are kept for lack of work, default 256 */
    /* Called after each commit that changed COUNT mailboxes (-1: perhaps all), with the account's id; fast,
     * and it cannot fail. NULL: the processes of httpd that listen are told. */
    void (*changed)(void *baton, const char *id, const apr_int64_t *mailboxes, int count);
    void *changed_baton;
    /* The smallest modseq of all views of MAILBOX that anybody has, APR_INT64_MAX when there is none, below 0 when that
     * is not known now. Asked under the write lock: a view that is made later is as new as the mailbox. Only
     * httpd knows. NULL: tombstones are never purged. */
    apr_int64_t (*oldest_view)(void *baton, const char *id, apr_int64_t mailbox);
    void *oldest_view_baton;
} ximss_store_options_t;

/* Opens the store in DATA_DIR (made, mode 0700, if missing) with the backend called PROVIDER ("sqlite").
 * In httpd: after fork only. Closed with POOL, which must outlive every checked-out handle. */
const ximss_error_t *ximss_store_open(ximss_store_t **store, const char *provider,
                                      const char *data_dir, const ximss_store_options_t *options,
                                      apr_pool_t *pool);

/* ---- who changed what ---- */

#define XIMSS_CHANGE_COUNTERS 511

/* Counters that move when messages of a mailbox change: read them before a view and after it, and compare.
 * Several mailboxes may share one. */
typedef struct ximss_changes_t {
    apr_uint64_t all;
    apr_uint64_t some[XIMSS_CHANGE_COUNTERS];
} ximss_changes_t;

/* The counters of the account with ID, without opening it. XIMSS_E_NOT_FOUND when it is gone. */
const ximss_error_t *ximss_account_changes(ximss_store_t *store, const char *id,
                                           ximss_changes_t *changes, apr_pool_t *pool);

/* In place of a mailbox: alerts of the account. */
#define XIMSS_CHANGE_ALERT 0

/* That of MAILBOX. */
apr_uint64_t ximss_changes_of(const ximss_changes_t *changes, apr_int64_t mailbox);

/* ---- directory: domains and accounts ---- */

typedef struct ximss_account_entry_t {
    const char *id;        /* names the account's folder; random, never reused */
    const char *name;      /* user@domain, lower case */
    const char *real_name; /* NULL if none */
    const char *verifier;  /* crypt(3) string */
    apr_int64_t quota;     /* bytes, -1: none */
    int enabled;
    apr_uint64_t stamp; /* set by ximss_auth_login: that of before the verifier was read */
} ximss_account_entry_t;

/* Names are ASCII or UTF-8, at most 255 bytes, without control characters, blanks, "/" and "@"; folded
 * to lower case. Wrong names: XIMSS_E_BAD_REQUEST; a domain that is missing: XIMSS_E_NOT_FOUND; there
 * already: XIMSS_E_ACCOUNT_EXISTS. */
const ximss_error_t *ximss_domain_create(ximss_store_t *store, const char *name, apr_pool_t *pool);
const ximss_error_t *ximss_domain_delete(ximss_store_t *store, const char *name,
                                         apr_pool_t *pool); /* must hold no account */
const ximss_error_t *ximss_domain_list(ximss_store_t *store, apr_array_header_t **names,
                                       apr_pool_t *pool); /* const char *, sorted */
const ximss_error_t *ximss_domain_exists(ximss_store_t *store, const char *name, int *exists,
                                         apr_pool_t *pool);

/* Creates the account and its folder with an INBOX only. ENTRY->id is ignored and set in *ID. */
const ximss_error_t *ximss_account_create(ximss_store_t *store, const ximss_account_entry_t *entry,
                                          const char **id, apr_pool_t *pool);
/* *ENTRY is NULL when there is no such account (not an error). */
const ximss_error_t *ximss_account_find(ximss_store_t *store, const char *name,
                                        ximss_account_entry_t **entry, apr_pool_t *pool);
const ximss_error_t *ximss_account_list(ximss_store_t *store, const char *domain /* NULL: all */,
                                        apr_array_header_t **entries, apr_pool_t *pool);
/* Replaces real_name, verifier, quota, enabled of the account called ENTRY->name. */
const ximss_error_t *ximss_account_update(ximss_store_t *store, const ximss_account_entry_t *entry,
                                          apr_pool_t *pool);
/* Whether the account with ID, once called NAME, was deleted since: a system call where it was not. A store that
 * cannot be read proves nothing. */
int ximss_account_deleted(ximss_store_t *store, const char *id, const char *name, apr_pool_t *pool);
/* Gives the account called NAME the name NEW_NAME, which is free and in a domain that exists, and ends its sessions. */
const ximss_error_t *ximss_account_rename(ximss_store_t *store, const char *name,
                                          const char *new_name, apr_pool_t *pool);
/* Ends all sessions of the account with ID: they are of another stamp from now on, and their polls are woken. */
const ximss_error_t *ximss_account_end_sessions(ximss_store_t *store, const char *id,
                                                apr_pool_t *pool);
/* The stamp of the account with ID, at the cost of a system call: a session that began with another one is over. Read
 * it before a password is checked. 0 before sessions were ended for the first time, and when it cannot be read. */
apr_uint64_t ximss_account_stamp(ximss_store_t *store, const char *id, apr_pool_t *pool);
/* Deletes name and folder, under the account's write lock. */
const ximss_error_t *ximss_account_delete(ximss_store_t *store, const char *name, apr_pool_t *pool);

/* ---- handles and transactions ---- */

/* Checks out a handle on the account with ID; it goes back with POOL (an open transaction is rolled back)
 * or by ximss_account_return. XIMSS_E_NOT_FOUND when the account is gone. */
const ximss_error_t *ximss_account_checkout(ximss_account_t **account, ximss_store_t *store,
                                            const char *id, apr_pool_t *pool);
void ximss_account_return(ximss_account_t *account);

/* Begins a read transaction (one consistent snapshot). Calls outside a transaction make their own. */
const ximss_error_t *ximss_account_begin_read(ximss_account_t *account, apr_pool_t *pool);

/* Takes the account's write lock (XIMSS_E_BUSY after the wait) and begins a write transaction. An open
 * read transaction is ended first. Parse, hash and wait before this, not inside. */
const ximss_error_t *ximss_account_begin_write(ximss_account_t *account, apr_pool_t *pool);

/* Ends the transaction; a write is on stable storage when this returns NULL, and the lock is free. */
const ximss_error_t *ximss_account_commit(ximss_account_t *account, apr_pool_t *pool);
void ximss_account_rollback(ximss_account_t *account);

/* Whether a transaction is open (a failed write may have ended it: then all of it is undone). */
int ximss_account_in_transaction(ximss_account_t *account);
int ximss_account_in_write(ximss_account_t *account);

/* A savepoint around one request of a batch. */
const ximss_error_t *ximss_account_savepoint(ximss_account_t *account, apr_pool_t *pool);
const ximss_error_t *ximss_account_savepoint_release(ximss_account_t *account, apr_pool_t *pool);
void ximss_account_savepoint_undo(ximss_account_t *account);

/* Upkeep; call when no reply waits for it, never inside a transaction. Purges tombstones that no view needs any more,
 * some at a time, and checkpoints the log when it is over its size. Failure is logged only. */
void ximss_account_tidy(ximss_account_t *account);

/* Interrupts reads that run longer than SECONDS from now with XIMSS_E_LIMIT; 0 ends that. */
void ximss_account_time_limit(ximss_account_t *account, int seconds);

/* ---- account data ---- */

typedef struct ximss_login_t {
    apr_int64_t when; /* seconds, 0: never */
    const char *address;
} ximss_login_t;

/* Bytes of mail and files stored and the quota (-1: none). */
const ximss_error_t *ximss_account_usage(ximss_account_t *account, apr_int64_t *used,
                                         apr_int64_t *quota, apr_pool_t *pool);

/* Records a login and gives the one before; or a failed login. Each is a short write of its own. */
const ximss_error_t *ximss_account_record_login(ximss_account_t *account, const ximss_login_t *now,
                                                int failed, ximss_login_t *previous,
                                                apr_pool_t *pool);
/* What PrevLogin and LastFailedLogin of readStatus show: the login before the newest, the last failure. */
const ximss_error_t *ximss_account_logins(ximss_account_t *account, ximss_login_t *previous,
                                          ximss_login_t *failed, apr_pool_t *pool);

/* A preference of the account's own. What is no text is the XML of an array or dictionary. */
typedef struct ximss_pref_t {
    const char *name;
    const char *value; /* NULL, for pref_put: the account has none */
    int is_xml;
} ximss_pref_t;

/* All of them (ximss_pref_t), by name. */
const ximss_error_t *ximss_account_prefs(ximss_account_t *account, apr_array_header_t **prefs,
                                         apr_pool_t *pool);
/* Sets or forgets one, as it is: prefs.h has the rules. Needs a write transaction. */
const ximss_error_t *ximss_account_pref_put(ximss_account_t *account, const ximss_pref_t *pref,
                                            apr_pool_t *pool);

/* A preference as stored, NULL if the account has no text of its own (see prefs.h for defaults). */
const ximss_error_t *ximss_account_pref(ximss_account_t *account, const char *name,
                                        const char **value, apr_pool_t *pool);

/* How far a numbered batch of a session is (op/replay.h): STEP of its requests have been answered and are true.
 * The rows of sessions that are over go by their age. */
typedef struct ximss_batch_row_t {
    apr_int64_t session;
    apr_int64_t seq; /* -1: none is known */
    apr_int64_t step;
    apr_int64_t time; /* seconds */
} ximss_batch_row_t;
const ximss_error_t *ximss_account_batch_get(ximss_account_t *account, apr_int64_t session,
                                             ximss_batch_row_t *row, apr_pool_t *pool);
/* Needs a write transaction. */
const ximss_error_t *ximss_account_batch_put(ximss_account_t *account, const ximss_batch_row_t *row,
                                             apr_pool_t *pool);

/* A message of the administrator to the user. */
typedef struct ximss_alert_t {
    apr_int64_t id;   /* grows, is never reused */
    apr_int64_t time; /* seconds: when it was posted */
    int confirmed;    /* it was sent to a client */
    const char *text;
} ximss_alert_t;
/* Posts an alert: a short write of its own. Not UTF-8, empty, or over 4096 bytes: XIMSS_E_BAD_REQUEST. */
const ximss_error_t *ximss_account_alert_post(ximss_account_t *account, const char *text,
                                              apr_int64_t now, apr_pool_t *pool);
/* The alerts (ximss_alert_t) with ids above AFTER, oldest first; old confirmed ones are forgotten. */
const ximss_error_t *ximss_account_alerts(ximss_account_t *account, apr_int64_t after,
                                          apr_array_header_t **alerts, apr_pool_t *pool);
/* Confirms those up to LAST: a short write of its own. */
const ximss_error_t *ximss_account_alerts_confirm(ximss_account_t *account, apr_int64_t last,
                                                  apr_pool_t *pool);

/* What one account of this server sent to one recipient here. */
typedef struct ximss_delivery_key_t {
    const char *origin; /* id of the sender's account */
    apr_int64_t number; /* the sender's own, never used twice */
    const char *recipient;
    apr_int64_t time; /* seconds: now */
} ximss_delivery_key_t;
/* Notes KEY; *IS_NEW is 0 when it was noted before. Keys of some months ago are forgotten. Needs a write
 * transaction. */
const ximss_error_t *ximss_account_delivery_put(ximss_account_t *account,
                                                const ximss_delivery_key_t *key, int *is_new,
                                                apr_pool_t *pool);

/* ---- mailboxes ---- */

typedef struct ximss_mailbox_t {
    apr_int64_t id;
    const char *name;       /* UTF-8, "/" between levels */
    const char *mail_class; /* "" for mail */
    int pure;               /* a pure folder: no messages */
    apr_uint32_t uid_validity;
    apr_uint32_t uid_next;
    apr_int64_t messages;
    apr_int64_t unseen;
    apr_int64_t bytes;
    apr_int64_t media;
    apr_int64_t unseen_media;
    apr_int64_t
        oldest; /* smallest INTERNALDATE, seconds; only mailbox_list and when messages > 0 */
    apr_int64_t modseq; /* of its latest change */
    apr_int64_t epoch;  /* changes when derived data was rebuilt: older views are void */
    apr_int64_t purged; /* views of a smaller modseq are void: their tombstones are gone */
} ximss_mailbox_t;

/* XIMSS_E_NO_MAILBOX when there is none. INBOX is matched in any letter case. */
const ximss_error_t *ximss_mailbox_find(ximss_account_t *account, const char *name,
                                        ximss_mailbox_t **mailbox, apr_pool_t *pool);
const ximss_error_t *ximss_mailbox_get(ximss_account_t *account, apr_int64_t id,
                                       ximss_mailbox_t **mailbox, apr_pool_t *pool);

/* Creates it, and missing parents as pure folders. "NAME/" makes a pure folder. A pure folder that is
 * there becomes a mailbox when NAME is asked for. Bad names (empty levels, "~" first, control characters,
 * over 1000 bytes, not UTF-8) and classes over 255 bytes: XIMSS_E_BAD_REQUEST; there already:
 * XIMSS_E_MAILBOX_EXISTS. Needs a write transaction, as all that follow and change. */
const ximss_error_t *ximss_mailbox_create(ximss_account_t *account, const char *name,
                                          const char *mail_class, apr_pool_t *pool);

/* Renames it; with CHILDREN what is below, too. Without, the children stay and their parent becomes a pure
 * folder. Renaming INBOX leaves a new empty INBOX. Into its own subtree: XIMSS_E_BAD_REQUEST. */
const ximss_error_t *ximss_mailbox_rename(ximss_account_t *account, const char *name,
                                          const char *new_name, int children, apr_pool_t *pool);

/* Removes it with its messages. INBOX: XIMSS_E_DENIED. */
const ximss_error_t *ximss_mailbox_remove(ximss_account_t *account, const char *name, int children,
                                          apr_pool_t *pool);

/* All mailboxes and pure folders (ximss_mailbox_t *), sorted by name (bytes), INBOX first. */
const ximss_error_t *ximss_mailbox_list(ximss_account_t *account, apr_array_header_t **mailboxes,
                                        apr_pool_t *pool);

/* ---- messages ---- */

typedef struct ximss_message_t {
    apr_uint32_t uid;
    ximss_flags_t flags;       /* stored ones: no Recent */
    apr_int64_t size;          /* raw bytes */
    apr_int64_t internal_date; /* seconds */
    apr_int64_t stored;        /* seconds: when it came into this mailbox (for Recent) */
    apr_int64_t date;          /* Date field, else internal_date */
    apr_int64_t created;       /* modseq of its arrival */
    apr_int64_t gone;          /* modseq of its removal, 0: it is there */
    apr_int64_t modseq;        /* of its latest change */
    apr_int64_t blob;          /* for ximss_blob_* */
    const char *fields;        /* packed common header fields, see digest.h */
    apr_size_t fields_length;
    const char *key_from; /* what the orders by text compare; tombstones keep theirs */
    const char *key_to;
    const char *key_subject;
} ximss_message_t;

/* Appends what was digested. XIMSS_E_OVER_QUOTA, XIMSS_E_LIMIT. */
typedef struct ximss_append_t {
    apr_int64_t mailbox;
    apr_int64_t internal_date;
    ximss_flags_t flags;
} ximss_append_t;
const ximss_error_t *ximss_message_append(ximss_account_t *account, const ximss_append_t *append,
                                          const ximss_digest_t *digest, apr_uint32_t *uid,
                                          apr_pool_t *pool);

/* Whether a live message of MAILBOX has these bytes. */
const ximss_error_t *ximss_message_known(ximss_account_t *account, apr_int64_t mailbox,
                                         const unsigned char *sha256, int *known, apr_pool_t *pool);

/* Called for each row; MESSAGE is valid during the call only. An error ends the walk. SCRATCH is cleared
 * after each call. */
typedef const ximss_error_t *(*ximss_message_fn_t)(void *baton, const ximss_message_t *message,
                                                   apr_pool_t *scratch);

/* The rows of UIDS (COUNT of them), in that order; unknown UIDs are skipped, tombstones are given. */
const ximss_error_t *ximss_message_rows(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        ximss_message_fn_t fn, void *baton, apr_pool_t *pool);

/* All rows with created <= MODSEQ < gone and uid >= UID_MIN, by UID. */
const ximss_error_t *ximss_message_scan(ximss_account_t *account, apr_int64_t mailbox,
                                        apr_int64_t modseq, apr_uint32_t uid_min,
                                        ximss_message_fn_t fn, void *baton, apr_pool_t *pool);

/* All rows, tombstones too, with modseq > SINCE, by UID: what folderSync is made of. */
const ximss_error_t *ximss_message_changes(ximss_account_t *account, apr_int64_t mailbox,
                                           apr_int64_t since, ximss_message_fn_t fn, void *baton,
                                           apr_pool_t *pool);

/* Changes flags of the live ones among UIDS; only real changes count. *CHANGED may be NULL. */
const ximss_error_t *ximss_message_mark(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        const ximss_flag_change_t *change, apr_size_t *changed,
                                        apr_pool_t *pool);

/* Removes the live ones among UIDS; tombstones stay. */
const ximss_error_t *ximss_message_expunge(ximss_account_t *account, apr_int64_t mailbox,
                                           const apr_uint32_t *uids, apr_size_t count,
                                           apr_size_t *removed, apr_pool_t *pool);

/* Copies the live ones among UIDS to mailbox TARGET of the same account, as rows, in the order given. */
const ximss_error_t *ximss_message_copy(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        apr_int64_t target, apr_size_t *copied, apr_pool_t *pool);

/* The packed structure of a stored message, in POOL. */
const ximss_error_t *ximss_blob_structure(ximss_account_t *account, apr_int64_t blob,
                                          const char **data, apr_size_t *length, apr_pool_t *pool);

/* LENGTH raw bytes from OFFSET, in POOL; fewer at the end never happens: outside is XIMSS_E_INTERNAL. */
const ximss_error_t *ximss_blob_read(ximss_account_t *account, apr_int64_t blob, apr_int64_t offset,
                                     apr_size_t length, const char **data, apr_pool_t *pool);

/* ---- orders: what makes opening a view cheap ---- */

/* The indexed orders. Each is (key, UID); descending is its exact reverse. */
typedef enum ximss_order_t {
    XIMSS_ORDER_UID,
    XIMSS_ORDER_INTERNALDATE,
    XIMSS_ORDER_DATE, /* Date field, else internal date */
    XIMSS_ORDER_SIZE,
    XIMSS_ORDER_FROM,
    XIMSS_ORDER_TO,
    XIMSS_ORDER_SUBJECT,
    XIMSS_ORDER_COUNT
} ximss_order_t;

/* A run of the order: it begins at (key, uid) and reaches to the next block; COUNT rows of it are live at
 * the moment of the reading transaction. */
typedef struct ximss_block_t {
    apr_int64_t number; /* key of the orders by number */
    const char *text;   /* key of the orders by text, NULL for the others */
    apr_uint32_t uid;
    apr_int64_t count;
} ximss_block_t;

/* The blocks of an order (ximss_block_t), first to last: at most some hundred for 100,000 rows, kept by
 * every append and expunge. With the mailbox's modseq M of the same transaction they fix a view for ever:
 * block i holds exactly COUNT rows with created <= M < gone. */
const ximss_error_t *ximss_order_blocks(ximss_account_t *account, apr_int64_t mailbox,
                                        ximss_order_t order, apr_array_header_t **blocks,
                                        apr_pool_t *pool);

/* Up to COUNT UIDs in order with created <= MODSEQ < gone, after skipping SKIP from the start of BLOCK
 * (NULL: from the first row). */
const ximss_error_t *ximss_order_uids(ximss_account_t *account, apr_int64_t mailbox,
                                      ximss_order_t order, apr_int64_t modseq,
                                      const ximss_block_t *block, apr_size_t skip, apr_size_t count,
                                      apr_uint32_t *uids, apr_size_t *found, apr_pool_t *pool);

/* ---- upkeep ---- */

typedef struct ximss_check_t {
    apr_int64_t messages; /* looked at */
    apr_int64_t damaged;  /* faults found */
    apr_int64_t repaired;
} ximss_check_t;

/* Checks one account: the file, sha256 of each blob, counters, orders, references. REPAIR: everything
 * derived is made again from the raw mail, and the epochs move. REPORT is called with one line a fault. */
const ximss_error_t *ximss_account_check(ximss_account_t *account, int repair,
                                         const ximss_limits_t *limits,
                                         void (*report)(void *baton, const char *line), void *baton,
                                         ximss_check_t *result, apr_pool_t *pool);

#endif
