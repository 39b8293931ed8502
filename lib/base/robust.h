/* Robust mutexes in memory that processes share: the death of a holder frees them. */
#ifndef XIMSS_BASE_ROBUST_H
#define XIMSS_BASE_ROBUST_H

#include <pthread.h>

/* Makes a process-shared, robust mutex in shared memory. Returns 0 or an errno. */
int ximss_robust_init(pthread_mutex_t *mutex);

/* Takes MUTEX without waiting. Returns 0, else EBUSY or another errno. *ORPHANED (may be NULL) is 1 when
 * its last holder died in it: what it guards must be checked before use. Dying during that check leaves
 * the mutex orphaned for the next one. */
int ximss_robust_try(pthread_mutex_t *mutex, int *orphaned);

/* The same, waiting at most WAIT_MS: ETIMEDOUT after that. Steps of the wall clock do not count. */
int ximss_robust_lock(pthread_mutex_t *mutex, int wait_ms, int *orphaned);

/* Gives MUTEX back; by the thread that took it. */
void ximss_robust_unlock(pthread_mutex_t *mutex);

#endif
