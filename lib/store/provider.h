/* What a backend of the store implements: two structs of callbacks that speak mail. store.c checks names,
 * transactions and arguments before it calls one, so a backend starts from valid input. What each call
 * means to its caller, its errors included, is said in store.h; here stands what a backend must add.
 *
 * Threads: a store is used by any thread at once; an account handle by one at a time.
 * Locking: what changes an account runs between begin(write) and commit or rollback, under the account's
 * write lock, which excludes every other process and thread. Reading never waits for a writer.
 * Errors: an error of the file or database itself (XIMSS_E_INTERNAL, XIMSS_E_BUSY) inside a write
 * transaction may end that transaction with everything undone, and transaction() then says NONE. Any other
 * error leaves the call without effect and the transaction open.
 * Memory: results are in POOL, which comes last. */
#ifndef XIMSS_STORE_PROVIDER_H
#define XIMSS_STORE_PROVIDER_H

#include "store/files.h"
#include "store/outbox.h"
#include "store/store.h"

/* What an account's handle has open. */
typedef enum ximss_transaction_t {
    XIMSS_TRANSACTION_NONE,
    XIMSS_TRANSACTION_READ,
    XIMSS_TRANSACTION_WRITE
} ximss_transaction_t;

/* What happens to the one savepoint of a write transaction. */
typedef enum ximss_savepoint_t {
    XIMSS_SAVEPOINT_SET,
    XIMSS_SAVEPOINT_RELEASE,
    XIMSS_SAVEPOINT_UNDO /* back to where it was set; it is gone after that */
} ximss_savepoint_t;

/* Domains, accounts and their handles. Changes take the directory's own write lock, and are on stable
 * storage when the call returns. Nobody holds two write locks. */
typedef struct ximss_directory_provider_t {
    /* Opens the backend on DATA_DIR; *STORE is the backend's struct that begins with ximss_store_t, whose
     * members the caller fills. Closed with POOL. */
    const ximss_error_t *(*open)(ximss_store_t **store, const char *data_dir,
                                 const ximss_store_options_t *options, apr_pool_t *pool);

    /* Names are folded already. A domain that is there: XIMSS_E_ACCOUNT_EXISTS. */
    const ximss_error_t *(*domain_create)(ximss_store_t *store, const char *name, apr_pool_t *pool);
    /* XIMSS_E_NOT_FOUND; XIMSS_E_ACCOUNT_EXISTS when it holds an account. */
    const ximss_error_t *(*domain_delete)(ximss_store_t *store, const char *name, apr_pool_t *pool);
    const ximss_error_t *(*domain_list)(ximss_store_t *store, apr_array_header_t **names,
                                        apr_pool_t *pool);
    const ximss_error_t *(*domain_exists)(ximss_store_t *store, const char *name, int *exists,
                                          apr_pool_t *pool);

    /* Makes the account's place with its INBOX first and its name last, so that a crash between leaves no
     * name without mail. DOMAIN is the part of ENTRY->name after "@". */
    const ximss_error_t *(*account_create)(ximss_store_t *store, const ximss_account_entry_t *entry,
                                           const char *domain, const char **id, apr_pool_t *pool);
    const ximss_error_t *(*account_find)(ximss_store_t *store, const char *name,
                                         ximss_account_entry_t **entry, apr_pool_t *pool);
    const ximss_error_t *(*account_list)(ximss_store_t *store, const char *domain,
                                         apr_array_header_t **entries, apr_pool_t *pool);
    /* Whether the account's place is there, at the cost of a system call. */
    int (*account_present)(ximss_store_t *store, const char *id, apr_pool_t *pool);
    /* The quota is also told to the account itself, which append asks. */
    const ximss_error_t *(*account_update)(ximss_store_t *store, const ximss_account_entry_t *entry,
                                           apr_pool_t *pool);
    /* NEW_NAME is in DOMAIN. Ends the account's sessions. XIMSS_E_NOT_FOUND without account or domain,
     * XIMSS_E_ACCOUNT_EXISTS. */
    const ximss_error_t *(*account_rename)(ximss_store_t *store, const char *name,
                                           const char *new_name, const char *domain,
                                           apr_pool_t *pool);
    /* Gives the account a stamp it never had, and tells its sessions to look. */
    const ximss_error_t *(*account_restamp)(ximss_store_t *store, const char *id, apr_pool_t *pool);
    apr_uint64_t (*account_stamp)(ximss_store_t *store, const char *id, apr_pool_t *pool);
    /* Takes the account's write lock; after it, each write through any older handle of any process gives
     * XIMSS_E_NOT_FOUND. May be repeated after a crash. */
    const ximss_error_t *(*account_delete)(ximss_store_t *store, const char *name,
                                           apr_pool_t *pool);

    /* A handle nobody else uses now; *ACCOUNT is the backend's struct that begins with ximss_account_t,
     * whose members the caller fills. It belongs to the caller until give_back. */
    const ximss_error_t *(*checkout)(ximss_account_t **account, ximss_store_t *store,
                                     const char *id, apr_pool_t *pool);
    /* Rolls back what is open, ends a time limit, and keeps the handle for the next checkout. */
    void (*give_back)(ximss_account_t *account);

    /* Counters that move before and after each commit that changes messages; cheap, opens no account. The
     * backend calls options.changed after the commit. */
    const ximss_error_t *(*changes)(ximss_store_t *store, const char *id, ximss_changes_t *changes,
                                    apr_pool_t *pool);
} ximss_directory_provider_t;

/* Which rows a walk gives: created <= AT < gone, or (CHANGED) tombstones too with modseq > AT. */
typedef struct ximss_selection_t {
    apr_int64_t mailbox;
    apr_int64_t at;
    int changed;
    apr_uint32_t uid_min;
} ximss_selection_t;

/* UIDs of one mailbox as callers give them. */
typedef struct ximss_uids_t {
    apr_int64_t mailbox;
    const apr_uint32_t *uids;
    apr_size_t count;
} ximss_uids_t;

/* A piece of an order. */
typedef struct ximss_slice_t {
    apr_int64_t mailbox;
    ximss_order_t order;
    apr_int64_t modseq;
    const ximss_block_t *block; /* NULL: from the first row */
    apr_size_t skip;
    apr_size_t count;
} ximss_slice_t;

/* What a check is asked to do. */
typedef struct ximss_check_run_t {
    int repair;
    const ximss_limits_t *limits;
    void (*report)(void *baton, const char *line);
    void *baton;
} ximss_check_run_t;

/* One account. "Writes" marks what store.c calls inside a write transaction only. */
typedef struct ximss_mail_provider_t {
    /* Transactions. begin(write) waits for the lock (XIMSS_E_BUSY), and then finds out whether the account
     * was deleted (XIMSS_E_NOT_FOUND) or replaced (the handle follows) since the handle was opened. It is
     * called without any transaction open. A commit that fails has undone everything. */
    const ximss_error_t *(*begin)(ximss_account_t *account, int write, apr_pool_t *pool);
    const ximss_error_t *(*commit)(ximss_account_t *account, apr_pool_t *pool);
    void (*rollback)(ximss_account_t *account);
    ximss_transaction_t (*transaction)(ximss_account_t *account);
    const ximss_error_t *(*savepoint)(ximss_account_t *account, ximss_savepoint_t what,
                                      apr_pool_t *pool); /* writes */
    /* Purges tombstones up to what options.oldest_view says, asked while nobody else can commit, and keeps the
     * modseq up to which they are gone in the mailbox. */
    void (*tidy)(ximss_account_t *account);
    void (*time_limit)(ximss_account_t *account, int seconds);

    /* Data of the account. */
    const ximss_error_t *(*usage)(ximss_account_t *account, apr_int64_t *used, apr_int64_t *quota,
                                  apr_pool_t *pool);
    const ximss_error_t *(*login_put)(ximss_account_t *account, const ximss_login_t *now,
                                      int failed, apr_pool_t *pool); /* writes */
    const ximss_error_t *(*login_get)(ximss_account_t *account, ximss_login_t *newest,
                                      ximss_login_t *previous, ximss_login_t *failed,
                                      apr_pool_t *pool);
    const ximss_error_t *(*pref)(ximss_account_t *account, const char *name, const char **value,
                                 apr_pool_t *pool);
    const ximss_error_t *(*pref_list)(ximss_account_t *account, apr_array_header_t **prefs,
                                      apr_pool_t *pool);
    const ximss_error_t *(*pref_put)(ximss_account_t *account, const ximss_pref_t *pref,
                                     apr_pool_t *pool); /* writes */
    /* How many there are, and the bytes of their names and values. */
    const ximss_error_t *(*pref_total)(ximss_account_t *account, apr_int64_t *count,
                                       apr_int64_t *bytes, apr_pool_t *pool);

    const ximss_error_t *(*batch_get)(ximss_account_t *account, apr_int64_t session,
                                      ximss_batch_row_t *row, apr_pool_t *pool);
    /* May forget rows of some days ago. */
    const ximss_error_t *(*batch_put)(ximss_account_t *account, const ximss_batch_row_t *row,
                                      apr_pool_t *pool); /* writes */
    /* Sets ALERT->id; may forget confirmed ones of long ago. */
    const ximss_error_t *(*alert_put)(ximss_account_t *account, ximss_alert_t *alert,
                                      apr_pool_t *pool); /* writes */
    const ximss_error_t *(*alert_list)(ximss_account_t *account, apr_int64_t after,
                                       apr_array_header_t **alerts, apr_pool_t *pool);
    const ximss_error_t *(*alert_confirm)(ximss_account_t *account, apr_int64_t last,
                                          apr_pool_t *pool); /* writes */

    /* *IS_NEW: whether KEY was not there. May forget those of months ago. */
    const ximss_error_t *(*delivery_put)(ximss_account_t *account, const ximss_delivery_key_t *key,
                                         int *is_new, apr_pool_t *pool); /* writes */

    /* Mailboxes; names are checked, and a leading INBOX is in capitals. *MAILBOX is NULL if there is
     * none. NAME NULL: by ID. */
    const ximss_error_t *(*mailbox_find)(ximss_account_t *account, const char *name, apr_int64_t id,
                                         ximss_mailbox_t **mailbox, apr_pool_t *pool);
    const ximss_error_t *(*mailbox_create)(ximss_account_t *account, const char *name, int pure,
                                           const char *mail_class, apr_pool_t *pool); /* writes */
    const ximss_error_t *(*mailbox_rename)(ximss_account_t *account, const char *name,
                                           const char *new_name, int children,
                                           apr_pool_t *pool); /* writes */
    const ximss_error_t *(*mailbox_remove)(ximss_account_t *account, const char *name, int children,
                                           apr_pool_t *pool); /* writes */
    const ximss_error_t *(*mailbox_list)(ximss_account_t *account, apr_array_header_t **mailboxes,
                                         apr_pool_t *pool);

    /* Messages. A call that changes anything takes one new modseq for all that it changes. */
    const ximss_error_t *(*append)(ximss_account_t *account, const ximss_append_t *append,
                                   const ximss_digest_t *digest, apr_uint32_t *uid,
                                   apr_pool_t *pool); /* writes */
    const ximss_error_t *(*known)(ximss_account_t *account, apr_int64_t mailbox,
                                  const unsigned char *sha256, int *known, apr_pool_t *pool);
    const ximss_error_t *(*rows)(ximss_account_t *account, const ximss_uids_t *uids,
                                 ximss_message_fn_t fn, void *baton, apr_pool_t *pool);
    const ximss_error_t *(*walk)(ximss_account_t *account, const ximss_selection_t *selection,
                                 ximss_message_fn_t fn, void *baton, apr_pool_t *pool);
    const ximss_error_t *(*mark)(ximss_account_t *account, const ximss_uids_t *uids,
                                 const ximss_flag_change_t *change, apr_size_t *changed,
                                 apr_pool_t *pool); /* writes */
    const ximss_error_t *(*expunge)(ximss_account_t *account, const ximss_uids_t *uids,
                                    apr_size_t *removed, apr_pool_t *pool); /* writes */
    const ximss_error_t *(*copy)(ximss_account_t *account, const ximss_uids_t *uids,
                                 apr_int64_t target, apr_size_t *copied,
                                 apr_pool_t *pool); /* writes */
    const ximss_error_t *(*blob_structure)(ximss_account_t *account, apr_int64_t blob,
                                           const char **data, apr_size_t *length, apr_pool_t *pool);
    const ximss_error_t *(*blob_read)(ximss_account_t *account, apr_int64_t blob,
                                      apr_int64_t offset, apr_size_t length, const char **data,
                                      apr_pool_t *pool);

    /* Orders: kept by append, copy and expunge; (key, UID) by number or by bytes. */
    const ximss_error_t *(*order_blocks)(ximss_account_t *account, apr_int64_t mailbox,
                                         ximss_order_t order, apr_array_header_t **blocks,
                                         apr_pool_t *pool);
    const ximss_error_t *(*order_uids)(ximss_account_t *account, const ximss_slice_t *slice,
                                       apr_uint32_t *uids, apr_size_t *found, apr_pool_t *pool);

    /* Called without a transaction; makes its own. */
    const ximss_error_t *(*check)(ximss_account_t *account, const ximss_check_run_t *run,
                                  ximss_check_t *result, apr_pool_t *pool);
} ximss_mail_provider_t;

/* The outbox of an account, see outbox.h; and the hint, which is the directory's: changes of it are as those of
 * ximss_directory_provider_t. */
typedef struct ximss_outbox_provider_t {
    const ximss_error_t *(*add)(ximss_account_t *account, ximss_outbox_message_t *message,
                                const ximss_digest_t *digest, apr_array_header_t *recipients,
                                apr_pool_t *pool); /* writes */
    const ximss_error_t *(*list)(ximss_account_t *account, apr_int64_t now, int all,
                                 apr_array_header_t **messages, apr_pool_t *pool);
    const ximss_error_t *(*recipients)(ximss_account_t *account, apr_int64_t id,
                                       apr_array_header_t **recipients, apr_pool_t *pool);
    const ximss_error_t *(*save)(ximss_account_t *account,
                                 const ximss_outbox_recipient_t *recipient,
                                 apr_pool_t *pool); /* writes */
    const ximss_error_t *(*remove)(ximss_account_t *account, apr_int64_t recipient,
                                   apr_pool_t *pool); /* writes */
    const ximss_error_t *(*due)(ximss_account_t *account, apr_int64_t *due, apr_pool_t *pool);
    /* The messages of the hour that NOW lies in, this one included. */
    const ximss_error_t *(*charge)(ximss_account_t *account, apr_int64_t now, apr_int64_t *messages,
                                   apr_pool_t *pool); /* writes */

    /* *FOUND: there is one, in HINT->due and stamp. */
    const ximss_error_t *(*hint_get)(ximss_store_t *store, ximss_outbox_hint_t *hint, int *found,
                                     apr_pool_t *pool);
    /* Makes the hint, or moves one that is there to HINT->stamp, and to HINT->due if that is earlier. */
    const ximss_error_t *(*hint_put)(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                     apr_pool_t *pool);
    const ximss_error_t *(*hint_list)(ximss_store_t *store, apr_int64_t now,
                                      apr_array_header_t **hints, apr_pool_t *pool);
    /* If the hint is still as HINT says: moves it to NEXT, or (-1) removes it. */
    const ximss_error_t *(*hint_settle)(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                        apr_int64_t next, apr_pool_t *pool);
} ximss_outbox_provider_t;

/* Bytes of a piece of a file; the last may be shorter. */
#define XIMSS_FILE_PIECE 262144

/* The file storage of an account. Names are checked, and so is all that can be refused (files.h). */
typedef struct ximss_file_provider_t {
    /* *FILE is NULL if there is none. */
    const ximss_error_t *(*find)(ximss_account_t *account, const char *name, ximss_file_t **file,
                                 apr_pool_t *pool);
    const ximss_error_t *(*list)(ximss_account_t *account, const char *directory,
                                 const ximss_file_slice_t *slice, apr_array_header_t **files,
                                 apr_pool_t *pool);
    const ximss_error_t *(*total)(ximss_account_t *account, const char *directory,
                                  apr_int64_t *files, apr_int64_t *bytes, apr_pool_t *pool);
    const ximss_error_t *(*directories)(ximss_account_t *account, apr_int64_t *count,
                                        apr_pool_t *pool);

    /* Bytes: a new content, its pieces one by one, reading inside of it (XIMSS_E_NOT_FOUND: it is gone). */
    const ximss_error_t *(*content)(ximss_account_t *account, apr_int64_t *content,
                                    apr_pool_t *pool); /* writes */
    const ximss_error_t *(*piece)(ximss_account_t *account, apr_int64_t content, apr_int64_t number,
                                  const char *data, apr_size_t length,
                                  apr_pool_t *pool); /* writes */
    const ximss_error_t *(*read)(ximss_account_t *account, apr_int64_t content, apr_int64_t offset,
                                 apr_size_t length, const char **data, apr_pool_t *pool);

    /* Puts FILE (without its attributes) where nothing is or in place of the file OLD, whose bytes go and whose
     * attributes stay. The account's bytes and the storage's counters follow. */
    const ximss_error_t *(*put)(ximss_account_t *account, const ximss_file_t *file,
                                const ximss_file_t *old, apr_pool_t *pool); /* writes */
    const ximss_error_t *(*remove)(ximss_account_t *account, const ximss_file_t *file,
                                   apr_pool_t *pool); /* writes */
    /* With all that is below a directory; bytes and levels of the longest names below it. */
    const ximss_error_t *(*rename)(ximss_account_t *account, const ximss_file_t *file,
                                   const char *new_name, apr_pool_t *pool); /* writes */
    const ximss_error_t *(*longest)(ximss_account_t *account, const char *directory,
                                    apr_int64_t *bytes, apr_int64_t *levels, apr_pool_t *pool);

    const ximss_error_t *(*attributes)(ximss_account_t *account, const char *name, const char *text,
                                       apr_pool_t *pool); /* writes */
    const ximss_error_t *(*subscriptions)(ximss_account_t *account, apr_array_header_t **names,
                                          apr_pool_t *pool);
    const ximss_error_t *(*subscribe)(ximss_account_t *account, const char *name, int add,
                                      apr_pool_t *pool); /* writes */
} ximss_file_provider_t;

/* A backend: compiled in, listed once in store.c. */
typedef struct ximss_provider_t {
    const char *name;
    const ximss_directory_provider_t *directory;
    const ximss_mail_provider_t *mail;
    const ximss_outbox_provider_t *outbox;
    const ximss_file_provider_t *files;
} ximss_provider_t;

extern const ximss_provider_t ximss_provider_sqlite;

/* The backends, NULL-terminated. */
extern const ximss_provider_t *const ximss_providers[];

/* A backend's own structs begin with these. */
struct ximss_store_t {
    const ximss_provider_t *provider;
    ximss_store_options_t options;
};

struct ximss_account_t {
    ximss_store_t *store;
    apr_pool_t *pool; /* goes back with it; NULL: not checked out */
};

#endif
