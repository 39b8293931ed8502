/* Waiting for events of a session: a word in the slot that tells the newest wait, counters, a futex. No lock, and
 * nothing held. */
#include "session/wait.h"
#include "base/clock.h"

#include "session/slot.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MAX_MS = 3600 * 1000,
    SLICE_MS =
        250 /* a waiter looks at least that often: a lost wake costs this, not the whole wait */
};

static void sleep_on(ximss_slot_mark_t *mark, apr_uint32_t word, apr_int64_t ms)
{
    struct timespec limit;

    if (ms > SLICE_MS) {
        ms = SLICE_MS;
    }
    limit.tv_sec = 0;
    limit.tv_nsec = (long)ms * 1000000L;
    syscall(SYS_futex, &mark->word, FUTEX_WAIT, word, &limit, NULL, 0);
}

static ximss_slot_mark_t *mark_of(const ximss_wait_t *wait)
{
    return &wait->table->marks[wait->slot];
}

static int gone(const ximss_wait_t *wait)
{
    const ximss_slot_mark_t *mark = mark_of(wait);

    return atomic_load(&mark->state) != XIMSS_SLOT_LIVE ||
           atomic_load(&mark->generation) != wait->generation || ximss_slot_doomed(mark);
}

/* Becomes the newest wait; the one before sees that its number is over. */
static void enter(ximss_wait_t *wait, int wait_ms, int place)
{
    ximss_table_t *table = wait->table;
    ximss_slot_mark_t *mark = mark_of(wait);
    apr_uint64_t before = atomic_load(&mark->poll);
    apr_uint32_t until = (apr_uint32_t)((table->clock() + wait_ms) / 1000 + 1);

    do {
        wait->poll = XIMSS_POLL_MAKE(XIMSS_POLL_NUMBER(before) + 1, place, until);
    } while (!atomic_compare_exchange_weak(&mark->poll, &before, wait->poll));
    atomic_store(&mark->activity, table->clock());
    ximss_slot_nudge(table, wait->slot, before);
}

int ximss_wait_begin(ximss_wait_t *wait, ximss_table_t *table, const char *url_id, int wait_ms,
                     int place)
{
    wait->table = table;
    if (!ximss_slot_find(table, url_id, &wait->slot, &wait->generation) ||
        ximss_slot_expired(table, wait->slot)) {
        return 0;
    }
    enter(wait, wait_ms < 0 ? 0 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms, place);
    return 1;
}

ximss_wait_state_t ximss_wait_look(const ximss_wait_t *wait)
{
    const ximss_slot_mark_t *mark = mark_of(wait);

    if (gone(wait)) {
        return XIMSS_WAIT_LOST;
    }
    /* first: an event belongs to the newest wait */
    if (atomic_load(&mark->poll) != wait->poll) {
        return XIMSS_WAIT_TAKEN;
    }
    if (atomic_load(&mark->events) != atomic_load(&mark->seen)) {
        return XIMSS_WAIT_EVENT;
    }
    return atomic_load(&wait->table->stopped) ? XIMSS_WAIT_STOPPED : XIMSS_WAIT_NOTHING;
}

ximss_wait_state_t ximss_wait_take(const ximss_wait_t *wait)
{
    ximss_slot_mark_t *mark = mark_of(wait);
    apr_uint32_t events = atomic_load(&mark->events);
    ximss_wait_state_t state = ximss_wait_look(wait);

    if (state == XIMSS_WAIT_EVENT) {
        atomic_store(&mark->seen, events);
    }
    return state;
}

void ximss_wait_block(const ximss_wait_t *wait, apr_int64_t wait_ms)
{
    /* real time: tests that move the table's clock must not stretch a wait */
    apr_int64_t deadline = ximss_clock_ms() + wait_ms;

    for (;;) {
        apr_uint32_t word = atomic_load(&mark_of(wait)->word);
        apr_int64_t left = deadline - ximss_clock_ms();

        if (left <= 0 || ximss_wait_look(wait) != XIMSS_WAIT_NOTHING) {
            return;
        }
        sleep_on(mark_of(wait), word, left);
    }
}

void ximss_wait_end(const ximss_wait_t *wait)
{
    ximss_slot_mark_t *mark = mark_of(wait);
    apr_uint64_t mine = wait->poll;

    if (!gone(wait)) {
        atomic_compare_exchange_strong(&mark->poll, &mine, XIMSS_POLL_OVER(mine));
        atomic_store(&mark->activity, wait->table->clock());
    }
}
