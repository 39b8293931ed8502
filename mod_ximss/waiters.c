/* Parked polls: a fixed array, chains by slot and by time, a queue of those that are due. All under one mutex that is
 * held shortly; one thread waits for wakes, for clients that go, and for the time. */
#include "mod_ximss/waiters.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    TICK_MS = 100, /* also how late a wake is whose writer was killed between bit and descriptor */
    WHEEL = 512,   /* ticks of the wheel: a longer time goes round */
    EVENTS = 64,
    STACK = 262144
};

#define KEY_WAKER UINT64_MAX

typedef enum state_t { FREE, PARKED, READY, SIGNALLED, TAKEN } state_t;

/* A place in a doubly linked chain of waiters; 0 ends it. */
typedef struct link_t {
    int next;
    int before;
} link_t;

typedef struct waiter_t {
    state_t state;
    uint32_t generation; /* of its use: what epoll tells of an earlier one is dropped */
    ximss_wait_t wait;
    int client;
    int signal;
    int nudge_ms;
    int gone;
    apr_int64_t deadline;
    apr_int64_t due;
    link_t slot; /* of the same session slot */
    link_t line; /* of one tick while PARKED, of the queue while READY, of the free ones */
} waiter_t;

static struct {
    pthread_mutex_t mutex;
    pthread_t thread;
    ximss_waiters_options_t options;
    waiter_t *waiters; /* 1..most */
    int *slots;        /* first waiter of each slot */
    int wheel[WHEEL];
    apr_int64_t tick; /* the last one that was looked at */
    int free;
    int ready_first;
    int ready_last;
    int in_flight;
    int stop_told;
    int epoll;
    atomic_int count;
    atomic_int running;
    atomic_int quit;
    atomic_int stopping;
    atomic_int silent;
} self = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static waiter_t *get(int number)
{
    return &self.waiters[number];
}

/* ---- chains ---- */

static int *wheel_of(const waiter_t *waiter)
{
    return &self.wheel[waiter->due / TICK_MS % WHEEL];
}

static void chain(int *first, int number)
{
    link_t *line = &get(number)->line;

    line->before = 0;
    line->next = *first;
    if (*first != 0) {
        get(*first)->line.before = number;
    }
    *first = number;
}

static void unchain(int *first, int number)
{
    const link_t *line = &get(number)->line;

    if (line->next != 0) {
        get(line->next)->line.before = line->before;
    }
    if (line->before != 0) {
        get(line->before)->line.next = line->next;
    }
    else {
        *first = line->next;
    }
}

static void join_slot(int number)
{
    waiter_t *waiter = get(number);
    int *first = &self.slots[waiter->wait.slot];

    waiter->slot.before = 0;
    waiter->slot.next = *first;
    if (*first != 0) {
        get(*first)->slot.before = number;
    }
    *first = number;
}

static void leave_slot(int number)
{
    const waiter_t *waiter = get(number);

    if (waiter->slot.next != 0) {
        get(waiter->slot.next)->slot.before = waiter->slot.before;
    }
    if (waiter->slot.before != 0) {
        get(waiter->slot.before)->slot.next = waiter->slot.next;
    }
    else {
        self.slots[waiter->wait.slot] = waiter->slot.next;
    }
}

static void join_ready(int number)
{
    link_t *line = &get(number)->line;

    line->next = 0;
    line->before = self.ready_last;
    if (self.ready_last != 0) {
        get(self.ready_last)->line.next = number;
    }
    else {
        self.ready_first = number;
    }
    self.ready_last = number;
}

static void leave_ready(int number)
{
    if (self.ready_last == number) {
        self.ready_last = get(number)->line.before;
    }
    unchain(&self.ready_first, number);
}

/* ---- states; the mutex is held ---- */

/* Signals as many as may be. */
static void pump(void)
{
    static const uint64_t one = 1;

    while (self.ready_first != 0 && self.in_flight < self.options.in_flight &&
           !atomic_load(&self.silent)) {
        int number = self.ready_first;
        ssize_t written;

        leave_ready(number);
        get(number)->state = SIGNALLED;
        self.in_flight++;
        written = write(get(number)->signal, &one, sizeof(one));
        (void)written; /* fails only where the count is full, so it is readable */
    }
}

static void make_ready(int number)
{
    waiter_t *waiter = get(number);

    if (waiter->state == PARKED) {
        unchain(wheel_of(waiter), number);
        waiter->state = READY;
        join_ready(number);
    }
}

static void park(int number)
{
    waiter_t *waiter = get(number);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT};
    apr_int64_t now = ximss_clock_ms();
    apr_int64_t nudge = now + waiter->nudge_ms;

    /* a whole tick: all of one place of the wheel are due when it is looked at, or a round later */
    waiter->due =
        ((nudge < waiter->deadline ? nudge : waiter->deadline) + TICK_MS - 1) / TICK_MS * TICK_MS;
    /* not earlier than the next tick, which would be a round of the wheel later */
    if (waiter->due < (self.tick + 1) * TICK_MS) {
        waiter->due = (self.tick + 1) * TICK_MS;
    }
    waiter->gone = 0;
    waiter->state = PARKED;
    chain(wheel_of(waiter), number);
    event.data.u64 = (uint64_t)waiter->generation << 32 | (uint32_t)number;
    /* a client that is not watched is found gone when it is answered */
    (void)epoll_ctl(self.epoll, EPOLL_CTL_ADD, waiter->client, &event);
    /* an event before it stood in the chain found nobody */
    if (ximss_wait_look(&waiter->wait) != XIMSS_WAIT_NOTHING) {
        make_ready(number);
        pump();
    }
}

static void take(int number)
{
    waiter_t *waiter = get(number);

    switch (waiter->state) {
    case PARKED:
        unchain(wheel_of(waiter), number);
        break;
    case READY:
        leave_ready(number);
        break;
    case SIGNALLED:
        self.in_flight--;
        break;
    default:
        return;
    }
    waiter->state = TAKEN;
    /* now, as the descriptor may be closed and be another one's by the time the request ends */
    (void)epoll_ctl(self.epoll, EPOLL_CTL_DEL, waiter->client, NULL);
    pump();
}

/* ---- calls from workers ---- */

int ximss_waiters_add(const ximss_wait_t *wait, int client, int signal, apr_int64_t deadline,
                      int nudge_ms)
{
    int number = 0;

    if (!atomic_load(&self.running)) {
        return 0;
    }
    pthread_mutex_lock(&self.mutex);
    number = self.free;
    if (number != 0) {
        waiter_t *waiter = get(number);

        self.free = waiter->line.next;
        waiter->generation++;
        waiter->wait = *wait;
        waiter->client = client;
        waiter->signal = signal;
        waiter->deadline = deadline;
        waiter->nudge_ms = nudge_ms;
        atomic_fetch_add(&self.count, 1);
        join_slot(number);
        park(number);
    }
    pthread_mutex_unlock(&self.mutex);
    return number;
}

int ximss_waiters_take(int number)
{
    int gone = 0;

    if (atomic_load(&self.running)) {
        pthread_mutex_lock(&self.mutex);
        take(number);
        gone = get(number)->gone;
        pthread_mutex_unlock(&self.mutex);
    }
    return gone;
}

void ximss_waiters_again(int number)
{
    if (atomic_load(&self.running)) {
        pthread_mutex_lock(&self.mutex);
        park(number);
        pthread_mutex_unlock(&self.mutex);
    }
}

void ximss_waiters_drop(int number)
{
    if (!atomic_load(&self.running)) {
        return;
    }
    pthread_mutex_lock(&self.mutex);
    take(number);
    leave_slot(number);
    get(number)->state = FREE;
    get(number)->line.next = self.free;
    self.free = number;
    atomic_fetch_sub(&self.count, 1);
    pthread_mutex_unlock(&self.mutex);
}

int ximss_waiters_count(void)
{
    return atomic_load(&self.count);
}

int ximss_waiters_running(void)
{
    return atomic_load(&self.running);
}

/* ---- the thread ---- */

static void on_slot(void *baton, uint32_t slot)
{
    int number;

    (void)baton;
    for (number = self.slots[slot]; number != 0; number = get(number)->slot.next) {
        if (ximss_wait_look(&get(number)->wait) != XIMSS_WAIT_NOTHING) {
            make_ready(number);
        }
    }
}

static void on_client(uint64_t key)
{
    int number = (int)(uint32_t)key;

    if (get(number)->state != FREE && get(number)->generation == (uint32_t)(key >> 32)) {
        get(number)->gone = 1;
        make_ready(number);
    }
}

static void expire(apr_int64_t now)
{
    apr_int64_t last = now / TICK_MS;

    if (last - self.tick > WHEEL) {
        self.tick = last - WHEEL; /* each place once will do */
    }
    while (self.tick < last) {
        int number = self.wheel[++self.tick % WHEEL];

        while (number != 0) {
            int next = get(number)->line.next;

            if (get(number)->due <= now) {
                make_ready(number);
            }
            number = next;
        }
    }
}

static void tell_stop(void)
{
    int number;

    self.stop_told = 1;
    for (number = 1; number <= self.options.most; number++) {
        make_ready(number);
    }
}

static void *run(void *unused)
{
    struct epoll_event events[EVENTS];

    (void)unused;
    while (!atomic_load(&self.quit)) {
        int got = epoll_wait(self.epoll, events, EVENTS, TICK_MS);
        int i;

        pthread_mutex_lock(&self.mutex);
        for (i = 0; i < got; i++) {
            if (events[i].data.u64 == KEY_WAKER) {
                ximss_waker_drain(self.options.waker, self.options.place);
            }
            else {
                on_client(events[i].data.u64);
            }
        }
        ximss_waker_take(self.options.waker, self.options.place, on_slot, NULL);
        expire(ximss_clock_ms());
        if (atomic_load(&self.stopping) && !self.stop_told) {
            tell_stop();
        }
        pump();
        pthread_mutex_unlock(&self.mutex);
    }
    return NULL;
}

/* ---- start and end ---- */

static int start_thread(void)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int status;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    /* httpd's signals are for its own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&self.thread, &attributes, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return status;
}

static void make_free(int most)
{
    int number;

    for (number = most; number >= 1; number--) {
        get(number)->line.next = self.free;
        self.free = number;
    }
}

int ximss_waiters_start(const ximss_waiters_options_t *options)
{
    struct epoll_event event = {.events = EPOLLIN};
    int status;

    self.options = *options;
    self.tick = ximss_clock_ms() / TICK_MS;
    self.waiters = calloc((size_t)options->most + 1, sizeof(*self.waiters));
    self.slots = calloc(ximss_waker_slots(options->waker), sizeof(*self.slots));
    self.epoll = epoll_create1(EPOLL_CLOEXEC);
    event.data.u64 = KEY_WAKER;
    if (self.waiters == NULL || self.slots == NULL) {
        return ENOMEM;
    }
    if (self.epoll < 0 || epoll_ctl(self.epoll, EPOLL_CTL_ADD,
                                    ximss_waker_fd(options->waker, options->place), &event) != 0) {
        return errno;
    }
    make_free(options->most);
    status = start_thread();
    atomic_store(&self.running, status == 0);
    return status;
}

void ximss_waiters_stop(int graceful)
{
    if (!atomic_load(&self.running)) {
        return;
    }
    if (graceful) {
        atomic_store(&self.stopping, 1);
    }
    else {
        atomic_store(&self.silent, 1);
    }
    ximss_waker_kick(self.options.waker, self.options.place);
}

void ximss_waiters_quit(void)
{
    if (!atomic_load(&self.running)) {
        return;
    }
    atomic_store(&self.running, 0);
    atomic_store(&self.quit, 1);
    ximss_waker_kick(self.options.waker, self.options.place);
    pthread_join(self.thread, NULL);
    /* the memory goes with the process: a request may end later still */
}
