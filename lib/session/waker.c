/* Bitmaps and eventfds. No flag saves a write to the descriptor: a process that is killed between flag and write would
 * leave the other one deaf. */
#include "session/waker.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct place_t {
    _Atomic pid_t pid; /* 0: free */
    int fd;
} place_t;

struct ximss_waker_t {
    int processes;
    uint32_t slots;
    uint32_t words; /* of one bitmap */
    _Atomic uint64_t *bits;
    place_t places[];
};

static _Atomic uint64_t *bits_of(const ximss_waker_t *waker, int place)
{
    return waker->bits + (size_t)(place - 1) * waker->words;
}

static int make_descriptors(ximss_waker_t *waker, int processes)
{
    for (; waker->processes < processes; waker->processes++) {
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

        if (fd < 0) {
            return 0;
        }
        waker->places[waker->processes].fd = fd;
    }
    return 1;
}

ximss_waker_t *ximss_waker_make(int processes, uint32_t slots)
{
    size_t words = ((size_t)slots + 63) / 64;
    size_t head = sizeof(ximss_waker_t) + (size_t)processes * sizeof(place_t);
    size_t size;
    ximss_waker_t *waker;

    head = (head + 63) & ~(size_t)63;
    size = head + (size_t)processes * words * sizeof(uint64_t);
    waker = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (waker == MAP_FAILED) {
        return NULL;
    }
    waker->slots = slots;
    waker->words = (uint32_t)words;
    waker->bits = (_Atomic uint64_t *)(void *)((char *)waker + head);
    if (!make_descriptors(waker, processes)) {
        int why = errno;

        while (waker->processes > 0) {
            close(waker->places[--waker->processes].fd);
        }
        munmap(waker, size);
        errno = why;
        return NULL;
    }
    return waker;
}

int ximss_waker_processes(const ximss_waker_t *waker)
{
    return waker->processes;
}

uint32_t ximss_waker_slots(const ximss_waker_t *waker)
{
    return waker->slots;
}

static void discard(void *baton, uint32_t slot)
{
    (void)baton, (void)slot;
}

int ximss_waker_claim(ximss_waker_t *waker)
{
    int i;

    for (i = 0; i < waker->processes; i++) {
        pid_t before = atomic_load(&waker->places[i].pid);

        /* the parent may not have seen the death yet, or have died itself */
        if (before != 0 && (kill(before, 0) == 0 || errno != ESRCH)) {
            continue;
        }
        if (atomic_compare_exchange_strong(&waker->places[i].pid, &before, getpid())) {
            ximss_waker_drain(waker, i + 1);
            ximss_waker_take(waker, i + 1, discard, NULL);
            return i + 1;
        }
    }
    return 0;
}

void ximss_waker_release(ximss_waker_t *waker, pid_t pid)
{
    int i;

    for (i = 0; i < waker->processes; i++) {
        pid_t expected = pid;

        atomic_compare_exchange_strong(&waker->places[i].pid, &expected, 0);
    }
}

int ximss_waker_fd(const ximss_waker_t *waker, int place)
{
    return waker->places[place - 1].fd;
}

void ximss_waker_wake(ximss_waker_t *waker, int place, uint32_t slot)
{
    if (place < 1 || place > waker->processes || slot >= waker->slots) {
        return;
    }
    atomic_fetch_or(&bits_of(waker, place)[slot / 64], UINT64_C(1) << (slot % 64));
    ximss_waker_kick(waker, place);
}

void ximss_waker_kick(const ximss_waker_t *waker, int place)
{
    static const uint64_t one = 1;
    ssize_t written = write(waker->places[place - 1].fd, &one, sizeof(one));

    (void)written; /* fails only where the count is full, so it is readable */
}

void ximss_waker_drain(const ximss_waker_t *waker, int place)
{
    uint64_t count;
    ssize_t taken = read(waker->places[place - 1].fd, &count, sizeof(count));

    (void)taken; /* nothing there: fine */
}

void ximss_waker_take(ximss_waker_t *waker, int place, void (*told)(void *baton, uint32_t slot),
                      void *baton)
{
    _Atomic uint64_t *bits = bits_of(waker, place);
    uint32_t i;

    for (i = 0; i < waker->words; i++) {
        uint64_t word = atomic_load_explicit(&bits[i], memory_order_relaxed);

        if (word == 0) {
            continue;
        }
        for (word = atomic_exchange(&bits[i], 0); word != 0; word &= word - 1) {
            told(baton, i * 64 + (uint32_t)__builtin_ctzll(word));
        }
    }
}
