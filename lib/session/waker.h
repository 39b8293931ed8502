/* How a session's event reaches the process in which its poll is parked: a bit for the slot in that process' bitmap
 * in shared memory, and its eventfd. Both are hints: the truth is in the slot. Knows nothing of httpd. */
#ifndef XIMSS_SESSION_WAKER_H
#define XIMSS_SESSION_WAKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { XIMSS_WAKER_MOST = 4095 }; /* places: their number stands in twelve bits of a slot */

typedef struct ximss_waker_t ximss_waker_t; /* in shared memory, at one address in all processes */

/* Makes places for PROCESSES processes to be woken for SLOTS slots, in shared memory of its own. By the parent,
 * before fork. NULL, and errno, when memory or descriptors do not suffice. */
ximss_waker_t *ximss_waker_make(int processes, uint32_t slots);

/* The shape that was made. */
int ximss_waker_processes(const ximss_waker_t *waker);
uint32_t ximss_waker_slots(const ximss_waker_t *waker);

/* Takes a place for this process, with no bit set: 1 and up, 0 when all are taken. */
int ximss_waker_claim(ximss_waker_t *waker);

/* Frees the place of process PID, if it has one: by itself, or by the parent after its death. */
void ximss_waker_release(ximss_waker_t *waker, pid_t pid);

/* The descriptor that becomes readable when PLACE is woken; nonblocking. */
int ximss_waker_fd(const ximss_waker_t *waker, int place);

/* Wakes PLACE for SLOT. Atomics and a system call only: never waits, safe in a signal handler. A place that is not
 * taken, or was taken over by another process, is harmless: whoever has it looks and finds nothing. */
void ximss_waker_wake(ximss_waker_t *waker, int place, uint32_t slot);

/* Wakes PLACE for no slot. */
void ximss_waker_kick(const ximss_waker_t *waker, int place);

/* Clears the descriptor's count. */
void ximss_waker_drain(const ximss_waker_t *waker, int place);

/* Takes the bits of PLACE, and calls TOLD for each slot in them. */
void ximss_waker_take(ximss_waker_t *waker, int place, void (*told)(void *baton, uint32_t slot),
                      void *baton);

#endif
