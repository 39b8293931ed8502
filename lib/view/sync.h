/* What folderSync reports: the steps that lead from the view a client has to the mailbox as it is. */
#ifndef XIMSS_VIEW_SYNC_H
#define XIMSS_VIEW_SYNC_H

#include "view/folder.h"

typedef struct ximss_sync_t {
    apr_int64_t limit;         /* set by the caller: report at most so many steps */
    apr_array_header_t *steps; /* ximss_step_t: removals, additions, updates */
    int count;                 /* the first COUNT of them are to be reported */
    apr_int64_t unseen;        /* at the end: what every report says */
    ximss_folder_t *next;      /* FOLDER after those reports */
} ximss_sync_t;

/* Finds the steps from FOLDER, which is not changed, to MAILBOX, which was read in the same transaction. What
 * an earlier sync with a limit left comes first. Costs words for each message of an array and about a
 * block for each change of a lazy view; rows are read for changes only. XIMSS_E_LIMIT when a filter takes
 * too long. */
const ximss_error_t *ximss_view_sync(ximss_sync_t *sync, const ximss_folder_t *folder,
                                     ximss_account_t *account, const ximss_mailbox_t *mailbox,
                                     const ximss_view_env_t *env, apr_pool_t *pool);

/* Does COUNT steps to the array UIDS of *LENGTH, which is not changed; *RESULT in POOL. XIMSS_E_INTERNAL when
 * they do not fit it. */
const ximss_error_t *ximss_steps_apply(const apr_uint32_t *uids, apr_size_t *length,
                                       const ximss_step_t *steps, apr_size_t count,
                                       apr_uint32_t **result, apr_pool_t *pool);

#endif
