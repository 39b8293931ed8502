/* What keeps a client informed about an open folder: its watch in shared memory, and its name for the message. */
#ifndef XIMSS_OP_WATCH_H
#define XIMSS_OP_WATCH_H

#include "op/call.h"
#include "view/folder.h"

/* Before the mailbox is read for a new view of FOLDER: keeps tombstones from being purged until the batch has settled
 * the folder, and notes how far its changes are. XIMSS_E_LIMIT. */
const ximss_error_t *ximss_op_watch_begin(ximss_call_t *call, const char *folder,
                                          ximss_changes_t *before);

/* After the view of FOLDER was made from what was read: its client is told of all that changed since BEFORE. */
const ximss_error_t *ximss_op_watch_set(ximss_call_t *call, const ximss_folder_t *folder,
                                        const ximss_changes_t *before);

/* Has the client told that there is more for it. */
void ximss_op_watch_fire(ximss_call_t *call, const char *folder);

/* Ends it with the folder, once the batch is settled. */
void ximss_op_watch_remove(ximss_call_t *call, const char *folder);

/* After a batch, or what its process left of it: the watches follow the folders that there are now in the locked
 * SESSION. Returns how many had changed. */
int ximss_op_watch_settle(ximss_table_t *table, const ximss_session_t *session, apr_pool_t *pool);

#endif
