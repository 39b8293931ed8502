/* Ends sessions from outside: idle ones, those of an account, those whose process died. */
#include "base/robust.h"
#include "session/slot.h"
#include "session/table.h"

#include <errno.h>

/* Marks the slot's session as one that must end when it is of ACCOUNT. Needs no lock: the mark names the
 * generation, so a session that takes the slot meanwhile is not hit. */
static int doom(ximss_table_t *table, apr_uint32_t number, apr_uint64_t account)
{
    ximss_slot_mark_t *mark = &table->marks[number];
    apr_uint64_t generation = atomic_load(&mark->generation);

    if (atomic_load(&mark->account) != account || atomic_load(&mark->state) != XIMSS_SLOT_LIVE ||
        atomic_load(&mark->generation) != generation || ximss_slot_doomed(mark)) {
        return 0;
    }
    atomic_store(&mark->doomed, generation);
    ximss_slot_nudge(table, number, atomic_load(&mark->poll));
    return 1;
}

static int candidate(ximss_table_t *table, apr_uint32_t number)
{
    ximss_slot_mark_t *mark = &table->marks[number];

    return atomic_load(&mark->state) == XIMSS_SLOT_MAKING || ximss_slot_doomed(mark) ||
           ximss_slot_expired(table, number);
}

int ximss_table_sweep(ximss_table_t *table, const char *account_id, int files, apr_pool_t *pool)
{
    apr_uint64_t account = account_id != NULL ? ximss_slot_account(account_id) : 0;
    apr_uint32_t i;
    int ended = 0;

    (void)pool;
    for (i = 0; i < table->head->slots; i++) {
        ximss_slot_mark_t *mark = &table->marks[i];
        int doomed_now = account_id != NULL && doom(table, i, account);

        ended += doomed_now;
        /* a slot that is locked is in use: not idle, and its holder ends it when it is doomed */
        if (atomic_load(&mark->state) != XIMSS_SLOT_FREE && candidate(table, i)) {
            int live = atomic_load(&mark->state) == XIMSS_SLOT_LIVE;
            int status = ximss_slot_try(table, i);

            if (status == 0) {
                ximss_robust_unlock(&table->slots[i].mutex);
            }
            else if (status == ESRCH) {
                ended += live && !doomed_now;
            }
        }
    }
    if (files) {
        ximss_slot_folder_sweep(table);
    }
    return ended;
}
