/* The plain blocking wait of a poll: a futex on the slot's word, no lock, nothing held. */
#include "session/slot.h"
#include "session/table.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MAX_MS = 3600 * 1000,
    SLICE_MS =
        250 /* a waiter looks at least that often: a lost wake costs this, not the whole wait */
};

/* What one wait knows of its session. */
typedef struct wait_t {
    ximss_slot_mark_t *mark;
    apr_uint64_t generation;
    apr_uint64_t poll; /* our value of mark->poll */
} wait_t;

/* Real time: tests that move the table's clock must not stretch a wait. */
static apr_int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

static int gone(const wait_t *wait)
{
    return atomic_load(&wait->mark->state) != XIMSS_SLOT_LIVE ||
           atomic_load(&wait->mark->generation) != wait->generation ||
           ximss_slot_doomed(wait->mark);
}

/* Becomes the newest wait; the one before sees that its number is over. */
static void enter(ximss_table_t *table, wait_t *wait, int wait_ms)
{
    apr_uint64_t before = atomic_load(&wait->mark->poll);
    apr_uint64_t until = (apr_uint64_t)(table->clock() + wait_ms) / 1000 + 1;

    do {
        wait->poll = ((before >> 32) + 1) << 32 | (until & UINT64_C(0xffffffff));
    } while (!atomic_compare_exchange_weak(&wait->mark->poll, &before, wait->poll));
    atomic_store(&wait->mark->activity, table->clock());
    ximss_slot_nudge(wait->mark);
}

static void leave(ximss_table_t *table, wait_t *wait)
{
    apr_uint64_t mine = wait->poll;

    atomic_compare_exchange_strong(&wait->mark->poll, &mine, mine & ~UINT64_C(0xffffffff));
    atomic_store(&wait->mark->activity, table->clock());
}

/* Whether the wait is over; an event that ends it is taken. */
static int over(const ximss_table_t *table, const wait_t *wait)
{
    ximss_slot_mark_t *mark = wait->mark;
    apr_uint32_t events;

    /* first: an event belongs to the newest wait */
    if (atomic_load(&mark->poll) != wait->poll) {
        return 1;
    }
    events = atomic_load(&mark->events);
    if (events != atomic_load(&mark->seen)) {
        atomic_store(&mark->seen, events);
        return 1;
    }
    return atomic_load(&table->stopped);
}

int ximss_session_wait(ximss_table_t *table, const char *url_id, int wait_ms)
{
    apr_uint32_t number;
    apr_int64_t deadline;
    wait_t wait;
    int lost;

    if (!ximss_slot_find(table, url_id, &number, &wait.generation) ||
        ximss_slot_expired(table, number)) {
        return 0;
    }
    wait_ms = wait_ms < 0 ? 0 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms;
    wait.mark = &table->marks[number];
    deadline = now_ms() + wait_ms;
    enter(table, &wait, wait_ms);
    for (;;) {
        apr_uint32_t word = atomic_load(&wait.mark->word);
        apr_int64_t left = deadline - now_ms();

        lost = gone(&wait);
        if (lost || over(table, &wait) || left <= 0) {
            break;
        }
        sleep_on(wait.mark, word, left);
    }
    if (!lost) {
        leave(table, &wait);
    }
    return !lost;
}
