/* Watches of open folders. The counter of changes moves before and after each commit: if it is the same before the
 * view was read and after the watch was set, nothing was committed in between, and what is committed
 * later finds the watch. */
#include "op/watch.h"

#include "op/deliver.h"
#include "session/event.h"

static const char *session_dir(const ximss_call_t *call)
{
    return ximss_session_folder(call->context->table, call->session, call->pool);
}

const ximss_error_t *ximss_op_watch_begin(ximss_call_t *call, ximss_changes_t *before)
{
    return ximss_account_changes(call->context->store, call->session->account_id, before,
                                 call->pool);
}

const ximss_error_t *ximss_op_watch_set(ximss_call_t *call, const ximss_folder_t *folder,
                                        const ximss_changes_t *before)
{
    ximss_table_t *table = call->context->table;
    ximss_watch_t watch = {.key = ximss_watch_key(folder->name), .mailbox = folder->mailbox};
    ximss_changes_t after;

    watch.counter = ximss_changes_of(before, folder->mailbox);
    XIMSS_TRY(ximss_deliver_name(session_dir(call), folder->name, call->pool));
    if (!ximss_watch_set(table, call->session, &watch)) {
        return ximss_error(call->pool, XIMSS_E_LIMIT, "more than %d open folders",
                           XIMSS_WATCH_MOST);
    }
    XIMSS_TRY(ximss_op_watch_begin(call, &after));
    if (ximss_changes_of(&after, folder->mailbox) != watch.counter) {
        ximss_watch_notify(table, call->session, watch.key);
    }
    return NULL;
}

void ximss_op_watch_fire(ximss_call_t *call, const char *folder)
{
    ximss_watch_notify(call->context->table, call->session, ximss_watch_key(folder));
}

void ximss_op_watch_remove(ximss_call_t *call, const char *folder)
{
    ximss_watch_remove(call->context->table, call->session, ximss_watch_key(folder));
    ximss_deliver_unname(session_dir(call), folder, call->pool);
}
