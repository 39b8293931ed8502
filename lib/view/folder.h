/* An open folder of a session: a fixed view of a mailbox, kept in files of the session's folder. */
#ifndef XIMSS_VIEW_FOLDER_H
#define XIMSS_VIEW_FOLDER_H

#include "base/limits.h"
#include "session/table.h"
#include "store/store.h"

/* What a view is made from (folderOpen, folderReopen). */
typedef struct ximss_view_spec_t {
    const char *sort_field; /* NULL: UID */
    int descending;
    const char *filter;       /* NULL: none */
    const char *filter_field; /* NULL: everything */
    apr_uint32_t uid_min;     /* 0: none */
} ximss_view_spec_t;

typedef enum ximss_step_kind_t {
    XIMSS_STEP_REMOVED,
    XIMSS_STEP_ADDED,
    XIMSS_STEP_UPDATED
} ximss_step_kind_t;

/* One report of folderSync: INDEX is right when all steps before it were done. */
typedef struct ximss_step_t {
    ximss_step_kind_t kind;
    apr_uint32_t uid;
    apr_int64_t index;
} ximss_step_t;

typedef struct ximss_folder_t {
    const char *name;
    const char *mailbox_name;
    const char *account_id; /* whose mailbox it is */
    apr_int64_t mailbox;
    apr_uint32_t uid_validity;
    apr_int64_t epoch;
    apr_int64_t modseq; /* M: the view is created <= M < gone */
    ximss_view_spec_t spec;
    apr_array_header_t *fields; /* const char *: viewer fields in the order asked */
    apr_int64_t number;         /* of its kind in the session, never used again */
    apr_int64_t messages;       /* rows of the view */
    apr_int64_t unseen;
    ximss_order_t order;        /* of a lazy view */
    apr_array_header_t *blocks; /* ximss_block_t: a lazy view; NULL: */
    const apr_uint32_t *uids;   /* an array of MESSAGES UIDs in view order, mapped from its file */
    const apr_uint32_t *unseen_uids; /* UNSEEN of them, by UID: of an array view that is no order */
    /* A sync with a limit stopped on the way to the view of MODSEQ: uids is what the client has, the rest is
     * true of the end. */
    apr_array_header_t *pending;     /* ximss_step_t that are left; NULL: none */
    apr_array_header_t *next_blocks; /* of a view that will be lazy again */
} ximss_folder_t;

/* What evaluating filters needs beside the store. */
typedef struct ximss_view_env_t {
    const ximss_limits_t *limits;
    apr_int64_t recent_since; /* messages stored later are Recent */
} ximss_view_env_t;

/* Builds the view of MAILBOX by folder->spec into FOLDER (messages, unseen, modseq, blocks or uids), from
 * one read transaction. Without filter and with an indexed order it costs the same for any size. A filter on
 * flags or headers reads rows, on bodies the mail; XIMSS_E_LIMIT after limits->search_seconds,
 * XIMSS_E_BAD_REQUEST for a FLAGS list that is wrong. */
const ximss_error_t *ximss_view_build(ximss_folder_t *folder, ximss_account_t *account,
                                      const ximss_mailbox_t *mailbox, const ximss_view_env_t *env,
                                      apr_pool_t *pool);

/* Whether FOLDER's view is one that an index gives: lazy, once no steps are left. */
int ximss_view_is_order(const ximss_folder_t *folder);

/* Whether a view of SPEC is lazy. Sets *ORDER to its order. */
int ximss_view_spec_lazy(const ximss_view_spec_t *spec, ximss_order_t *order);

/* The UIDs at FROM..TILL (inclusive, inside the view) of the view, in POOL. */
const ximss_error_t *ximss_view_uids(const ximss_folder_t *folder, ximss_account_t *account,
                                     apr_int64_t from, apr_int64_t till, apr_uint32_t **uids,
                                     apr_pool_t *pool);

/* The position of UID in the view, -1 when it is not in it. */
const ximss_error_t *ximss_view_index(const ximss_folder_t *folder, ximss_account_t *account,
                                      apr_uint32_t uid, apr_int64_t *index, apr_pool_t *pool);

/* Whether MESSAGE (a row of the folder's mailbox) is in the view and still there. */
int ximss_view_has(const ximss_folder_t *folder, const ximss_message_t *message);

/* ---- the files ---- */

/* The name, inside the session's folder, of the file of the open folder NAME. */
const char *ximss_folder_file(const char *name, apr_pool_t *pool);

/* Writes FOLDER to the file PATH; reads it from there: *FOLDER is NULL when there is no such file, or it is of
 * another folder than NAME. */
const ximss_error_t *ximss_folder_write(const ximss_folder_t *folder, const char *path,
                                        apr_pool_t *pool);
const ximss_error_t *ximss_folder_read(ximss_folder_t **folder, const char *path, const char *name,
                                       apr_pool_t *pool);

/* The open folder called NAME; *FOLDER is NULL when there is none. In POOL. */
const ximss_error_t *ximss_folder_load(ximss_folder_t **folder, const char *dir, const char *name,
                                       apr_pool_t *pool);

#endif
