/* Inside of the SQLite backend: what the files of its mail provider offer each other. */
#ifndef XIMSS_STORE_SQLITE_MAIL_H
#define XIMSS_STORE_SQLITE_MAIL_H

#include "store/sqlite.h"

/* The account's own counters; whoever changes them reads and writes them inside one transaction. */
typedef struct ximss_sqlite_counters_t {
    apr_int64_t bytes;
    apr_int64_t quota;
    apr_int64_t modseq;
    apr_int64_t next_blob;
    apr_int64_t next_mailbox;
    apr_int64_t uid_validity;
} ximss_sqlite_counters_t;

/* sqlite_account.c */
const ximss_error_t *ximss_sqlite_counters_get(ximss_sqlite_t *db,
                                               ximss_sqlite_counters_t *counters, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_counters_set(ximss_sqlite_t *db,
                                               const ximss_sqlite_counters_t *counters,
                                               apr_pool_t *pool);

/* The sort keys of one row. */
typedef struct ximss_sqlite_keys_t {
    apr_int64_t mailbox;
    apr_uint32_t uid;
    apr_int64_t internal_date;
    apr_int64_t date;
    apr_int64_t size;
    const char *from;
    const char *to;
    const char *subject;
} ximss_sqlite_keys_t;

/* sqlite_order.c: the blocks of a new mailbox; a row more; a row less. */
const ximss_error_t *ximss_sqlite_rank_create(ximss_sqlite_t *db, apr_int64_t mailbox,
                                              apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_rank_add(ximss_sqlite_t *db, const ximss_sqlite_keys_t *keys,
                                           apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_rank_subtract(ximss_sqlite_t *db, const ximss_sqlite_keys_t *keys,
                                                apr_pool_t *pool);

/* The same for a check: how many blocks of an order count wrongly; all blocks of a mailbox made again. */
const ximss_error_t *ximss_sqlite_rank_verify(ximss_sqlite_t *db, apr_int64_t mailbox, int order,
                                              apr_int64_t *wrong, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_rank_rebuild(ximss_sqlite_t *db, apr_int64_t mailbox,
                                               apr_pool_t *pool);

/* sqlite_blob.c: one reference more, making the blob if it is new (counters->next_blob); one less. */
const ximss_error_t *ximss_sqlite_blob_put(ximss_sqlite_t *db, const ximss_digest_t *digest,
                                           ximss_sqlite_counters_t *counters, apr_int64_t *blob,
                                           apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_blob_hold(ximss_sqlite_t *db, apr_int64_t blob, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_blob_drop(ximss_sqlite_t *db, apr_int64_t blob, apr_pool_t *pool);

/* ---- methods, see provider.h ---- */

const ximss_error_t *ximss_sqlite_batch_get(ximss_account_t *account, apr_int64_t session,
                                            ximss_batch_row_t *row, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_batch_put(ximss_account_t *account, const ximss_batch_row_t *row,
                                            apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_alert_put(ximss_account_t *account, ximss_alert_t *alert,
                                            apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_alert_list(ximss_account_t *account, apr_int64_t after,
                                             apr_array_header_t **alerts, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_alert_confirm(ximss_account_t *account, apr_int64_t last,
                                                apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_delivery_put(ximss_account_t *account,
                                               const ximss_delivery_key_t *key, int *is_new,
                                               apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_mailbox_find(ximss_account_t *account, const char *name,
                                               apr_int64_t id, ximss_mailbox_t **mailbox,
                                               apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_mailbox_create(ximss_account_t *account, const char *name,
                                                 int pure, const char *mail_class,
                                                 apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_mailbox_rename(ximss_account_t *account, const char *name,
                                                 const char *new_name, int children,
                                                 apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_mailbox_remove(ximss_account_t *account, const char *name,
                                                 int children, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_mailbox_list(ximss_account_t *account,
                                               apr_array_header_t **mailboxes, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_append(ximss_account_t *account,
                                                 const ximss_append_t *append,
                                                 const ximss_digest_t *digest, apr_uint32_t *uid,
                                                 apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_known(ximss_account_t *account, apr_int64_t mailbox,
                                                const unsigned char *sha256, int *known,
                                                apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_rows(ximss_account_t *account, const ximss_uids_t *uids,
                                               ximss_message_fn_t fn, void *baton,
                                               apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_walk(ximss_account_t *account,
                                               const ximss_selection_t *selection,
                                               ximss_message_fn_t fn, void *baton,
                                               apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_mark(ximss_account_t *account, const ximss_uids_t *uids,
                                               const ximss_flag_change_t *change,
                                               apr_size_t *changed, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_expunge(ximss_account_t *account,
                                                  const ximss_uids_t *uids, apr_size_t *removed,
                                                  apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_message_copy(ximss_account_t *account, const ximss_uids_t *uids,
                                               apr_int64_t target, apr_size_t *copied,
                                               apr_pool_t *pool);
void ximss_sqlite_purge(ximss_account_t *account);
const ximss_error_t *ximss_sqlite_blob_structure(ximss_account_t *account, apr_int64_t blob,
                                                 const char **data, apr_size_t *length,
                                                 apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_blob_read(ximss_account_t *account, apr_int64_t blob,
                                            apr_int64_t offset, apr_size_t length,
                                            const char **data, apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_order_blocks(ximss_account_t *account, apr_int64_t mailbox,
                                               ximss_order_t order, apr_array_header_t **blocks,
                                               apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_order_uids(ximss_account_t *account, const ximss_slice_t *slice,
                                             apr_uint32_t *uids, apr_size_t *found,
                                             apr_pool_t *pool);
const ximss_error_t *ximss_sqlite_check(ximss_account_t *account, const ximss_check_run_t *run,
                                        ximss_check_t *result, apr_pool_t *pool);

#endif
