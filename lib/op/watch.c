/* Watches of open folders. The counter of changes moves before and after each commit: if it is the same before the
 * view was read and after the watch was set, nothing was committed in between, and what is committed
 * later finds the watch.
 *
 * A watch also tells whoever purges tombstones which ones its folder needs (ARCHITECTURE.md, "Tombstones"). */
#include "op/watch.h"

#include "op/deliver.h"
#include "session/event.h"

static const char *session_dir(const ximss_call_t *call)
{
    return ximss_session_folder(call->context->table, call->session, call->pool);
}

static const ximss_error_t *too_many(const ximss_call_t *call)
{
    return ximss_error(call->pool, XIMSS_E_LIMIT, "more than %d open folders", XIMSS_WATCH_MOST);
}

static const ximss_error_t *read_changes(const ximss_call_t *call, ximss_changes_t *changes)
{
    return ximss_account_changes(call->context->store, call->session->account_id, changes,
                                 call->pool);
}

const ximss_error_t *ximss_op_watch_begin(ximss_call_t *call, const char *folder,
                                          ximss_changes_t *before)
{
    if (!ximss_watch_hold(call->context->table, call->session, ximss_watch_key(folder))) {
        return too_many(call);
    }
    return read_changes(call, before);
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
        return too_many(call);
    }
    XIMSS_TRY(read_changes(call, &after));
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
    ximss_watch_hold(call->context->table, call->session, ximss_watch_key(folder));
}

/* The folder of KEY, which stays held when its files cannot be read. */
static void settle(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key,
                   apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(table, session, pool);
    const char *name;
    ximss_folder_t *folder = NULL;

    if (!ximss_deliver_named(dir, key, &name, pool) ||
        (name != NULL && ximss_folder_load(&folder, dir, name, pool) != NULL)) {
        return;
    }
    if (folder != NULL) {
        ximss_watch_settle(table, session, key, folder->mailbox, folder->modseq);
        return;
    }
    ximss_watch_remove(table, session, key);
    ximss_deliver_unname(dir, key, pool);
}

int ximss_op_watch_settle(ximss_table_t *table, const ximss_session_t *session, apr_pool_t *pool)
{
    apr_uint64_t keys[XIMSS_WATCH_MOST];
    int count = ximss_watch_held(table, session, keys);
    apr_pool_t *scratch;
    int i;

    if (count == 0) {
        return 0;
    }
    apr_pool_create(&scratch, pool);
    for (i = 0; i < count; i++) {
        apr_pool_clear(scratch);
        settle(table, session, keys[i], scratch);
    }
    apr_pool_destroy(scratch);
    return count;
}
