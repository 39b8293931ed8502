/* Events in shared memory (ARCHITECTURE.md, "Events"): watches of open folders as atomic words in the slot. Nothing is
 * lost by a race: a watch is set after the folder's view was read, with the counter of changes of before
 * that, and whoever sets it compares the counter once more (op/watch.c). */
#include "session/event.h"

#include "session/slot.h"

#include <string.h>

apr_uint64_t ximss_watch_key(const char *folder)
{
    return ximss_slot_account(folder);
}

static ximss_slot_event_t *event_of(ximss_table_t *table, const ximss_session_t *session)
{
    return &table->events[ximss_slot_number(table, session)];
}

/* The watch of KEY, NULL when there is none. */
static ximss_slot_watch_t *find(ximss_slot_event_t *event, apr_uint64_t key)
{
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        ximss_slot_watch_t *watch = &event->watches[i];

        if (atomic_load(&watch->state) != XIMSS_WATCH_FREE && atomic_load(&watch->key) == key) {
            return watch;
        }
    }
    return NULL;
}

static ximss_slot_watch_t *find_free(ximss_slot_event_t *event)
{
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        if (atomic_load(&event->watches[i].state) == XIMSS_WATCH_FREE) {
            return &event->watches[i];
        }
    }
    return NULL;
}

/* The watch of KEY, held if it is a new one; NULL when there are too many. */
static ximss_slot_watch_t *find_or_make(ximss_slot_event_t *event, apr_uint64_t key)
{
    ximss_slot_watch_t *watch = find(event, key);

    if (watch == NULL) {
        watch = find_free(event);
        if (watch != NULL) {
            atomic_store(&watch->key, key);
            atomic_store(&watch->view, XIMSS_VIEW_CHANGING);
            atomic_store(&watch->state, XIMSS_WATCH_HELD);
        }
    }
    return watch;
}

int ximss_watch_hold(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key)
{
    ximss_slot_watch_t *watch = find_or_make(event_of(table, session), key);

    if (watch == NULL) {
        return 0;
    }
    atomic_store(&watch->view, XIMSS_VIEW_CHANGING);
    return 1;
}

int ximss_watch_held(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t *keys)
{
    const ximss_slot_event_t *event = event_of(table, session);
    int count = 0;
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        const ximss_slot_watch_t *watch = &event->watches[i];

        if (atomic_load(&watch->state) != XIMSS_WATCH_FREE &&
            atomic_load(&watch->view) == XIMSS_VIEW_CHANGING) {
            keys[count++] = atomic_load(&watch->key);
        }
    }
    return count;
}

void ximss_watch_settle(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key,
                        apr_int64_t mailbox, apr_int64_t modseq)
{
    ximss_slot_watch_t *watch = find(event_of(table, session), key);

    if (watch == NULL) {
        return;
    }
    if (atomic_load(&watch->mailbox) != mailbox) {
        /* the name stood for another mailbox in a batch that was undone: its client has to sync */
        atomic_store(&watch->mailbox, mailbox);
        atomic_store(&watch->state, XIMSS_WATCH_PENDING);
        ximss_session_wake(table, session);
    }
    atomic_store(&watch->view, modseq);
}

/* The smaller of OLDEST and the views of MAILBOX in the slot. */
static apr_int64_t oldest_of(const ximss_slot_event_t *event, apr_int64_t mailbox,
                             apr_int64_t oldest)
{
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        const ximss_slot_watch_t *watch = &event->watches[i];
        int there = atomic_load(&watch->state) != XIMSS_WATCH_FREE;
        int before = atomic_load(&watch->mailbox) == mailbox;
        apr_int64_t view = atomic_load(&watch->view);
        int after = atomic_load(&watch->mailbox) == mailbox;

        /* the mailbox changes only while the folder is held, so one of the two is that of VIEW */
        if (there && view < oldest && (view == XIMSS_VIEW_CHANGING || before || after)) {
            oldest = view;
        }
    }
    return oldest;
}

apr_int64_t ximss_event_oldest_view(ximss_table_t *table, const char *account_id,
                                    apr_int64_t mailbox)
{
    apr_uint64_t account = ximss_slot_account(account_id);
    apr_int64_t oldest = APR_INT64_MAX;
    apr_uint32_t i;

    for (i = 0; i < table->head->slots; i++) {
        if (atomic_load(&table->marks[i].account) == account &&
            atomic_load(&table->marks[i].state) == XIMSS_SLOT_LIVE) {
            oldest = oldest_of(&table->events[i], mailbox, oldest);
        }
    }
    return oldest;
}

int ximss_watch_set(ximss_table_t *table, const ximss_session_t *session,
                    const ximss_watch_t *watch)
{
    ximss_slot_watch_t *place = find_or_make(event_of(table, session), watch->key);

    if (place == NULL) {
        return 0;
    }
    atomic_store(&place->mailbox, watch->mailbox);
    atomic_store(&place->counter, watch->counter);
    atomic_store(&place->state, XIMSS_WATCH_ARMED);
    return 1;
}

void ximss_watch_remove(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key)
{
    ximss_slot_watch_t *watch = find(event_of(table, session), key);

    if (watch != NULL) {
        atomic_store(&watch->state, XIMSS_WATCH_FREE);
    }
}

/* Returns 1 when the client knew nothing of it. */
static int fire(ximss_slot_watch_t *watch)
{
    apr_uint32_t armed = XIMSS_WATCH_ARMED;

    return atomic_compare_exchange_strong(&watch->state, &armed, XIMSS_WATCH_PENDING);
}

void ximss_watch_notify(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key)
{
    ximss_slot_watch_t *watch = find(event_of(table, session), key);

    if (watch != NULL && fire(watch)) {
        ximss_session_wake(table, session);
    }
}

int ximss_watch_list(ximss_table_t *table, const ximss_session_t *session, int pending,
                     ximss_watch_t *watches)
{
    ximss_slot_event_t *event = event_of(table, session);
    apr_uint32_t wanted = pending ? XIMSS_WATCH_PENDING : XIMSS_WATCH_ARMED;
    int count = 0;
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        const ximss_slot_watch_t *watch = &event->watches[i];

        if (atomic_load(&watch->state) == wanted) {
            watches[count].key = atomic_load(&watch->key);
            watches[count].mailbox = atomic_load(&watch->mailbox);
            watches[count].counter = atomic_load(&watch->counter);
            count++;
        }
    }
    return count;
}

void ximss_watch_told(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key)
{
    ximss_slot_watch_t *watch = find(event_of(table, session), key);
    apr_uint32_t pending = XIMSS_WATCH_PENDING;

    if (watch != NULL) {
        atomic_compare_exchange_strong(&watch->state, &pending, XIMSS_WATCH_TOLD);
    }
}

/* ---- telling ---- */

static int has(const apr_int64_t *mailboxes, int count, apr_int64_t mailbox)
{
    int i;

    for (i = 0; i < count; i++) {
        if (mailboxes[i] == mailbox) {
            return 1;
        }
    }
    return count < 0;
}

/* Whether anything in the slot was fired. */
static int fire_slot(ximss_slot_event_t *event, const apr_int64_t *mailboxes, int count)
{
    int fired = 0;
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        ximss_slot_watch_t *watch = &event->watches[i];

        if (atomic_load(&watch->state) == XIMSS_WATCH_ARMED &&
            has(mailboxes, count, atomic_load(&watch->mailbox))) {
            fired |= fire(watch);
        }
    }
    return fired;
}

void ximss_event_changed(ximss_table_t *table, const char *account_id, const apr_int64_t *mailboxes,
                         int count)
{
    apr_uint64_t account = ximss_slot_account(account_id);
    apr_uint32_t i;

    /* a look at each slot's account (1 us for 1,000 slots, 10 for 10,000, 35 with cold caches) costs less than keeping
     * a chain of them sound over kills; a slot that changes its session meanwhile is told of nothing worse than no
     * change */
    for (i = 0; i < table->head->slots; i++) {
        if (atomic_load_explicit(&table->marks[i].account, memory_order_relaxed) == account &&
            atomic_load(&table->marks[i].state) == XIMSS_SLOT_LIVE &&
            (fire_slot(&table->events[i], mailboxes, count) || has(mailboxes, count, 0))) {
            ximss_session_wake(table, &table->slots[i].session);
        }
    }
}

/* ---- the end ---- */

void ximss_slot_clear_events(ximss_table_t *table, apr_uint32_t number)
{
    ximss_slot_event_t *event = &table->events[number];
    int i;

    for (i = 0; i < XIMSS_WATCH_MOST; i++) {
        atomic_store(&event->watches[i].state, XIMSS_WATCH_FREE);
    }
}

void ximss_slot_leave_bye(ximss_table_t *table, apr_uint32_t number)
{
    const ximss_session_t *session = &table->slots[number].session;
    ximss_slot_mark_t *mark = &table->marks[number];

    /* not of a right length: never made, or a process died while it wrote it */
    if (memchr(session->url_id, '\0', sizeof(session->url_id)) !=
            session->url_id + XIMSS_URL_ID_LENGTH ||
        session->ended == XIMSS_ENDED_BY_CLIENT) {
        return;
    }
    atomic_store(&mark->bye_seq, (apr_uint32_t)session->resp_seq + 1);
    atomic_store(&mark->bye, ximss_slot_account(session->url_id));
}

int ximss_event_take_bye(ximss_table_t *table, const char *url_id, apr_int64_t *seq)
{
    apr_int64_t slot = ximss_slot_of(url_id);
    apr_uint64_t secret = ximss_slot_account(url_id);

    if (slot < 0 || slot >= (apr_int64_t)table->head->slots) {
        return 0;
    }
    *seq = (apr_int64_t)atomic_load(&table->marks[slot].bye_seq);
    return atomic_compare_exchange_strong(&table->marks[slot].bye, &secret, 0);
}

const ximss_error_t *ximss_event_lock(ximss_session_t **session, ximss_table_t *table,
                                      const char *url_id, int *busy, apr_pool_t *pool)
{
    const ximss_error_t *error = ximss_session_lock(session, table, url_id, 0, pool);
    apr_uint64_t generation;
    apr_uint32_t number;

    *busy = 0;
    if (error == NULL || error->code != XIMSS_E_BUSY ||
        !ximss_slot_find(table, url_id, &number, &generation)) {
        return error;
    }
    /* first the word that it was missed, then another look: whoever unlocks after that look sees it */
    atomic_store(&table->events[number].missed, 1);
    error = ximss_session_lock(session, table, url_id, 0, pool);
    if (error != NULL && error->code == XIMSS_E_BUSY) {
        *busy = 1;
        return NULL;
    }
    return error;
}

void ximss_slot_unlocked(ximss_table_t *table, apr_uint32_t number)
{
    if (atomic_load(&table->events[number].missed) != 0 &&
        atomic_exchange(&table->events[number].missed, 0) != 0) {
        ximss_session_wake(table, &table->slots[number].session);
    }
}
