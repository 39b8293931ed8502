/* Robust mutexes in shared memory: one place knows how the death of a holder shows. A mutex is marked
 * consistent as soon as it is ours: the mark of the dead holder would come again if we died, too, and
 * leaving it out by an early return would make the mutex useless for ever. */
#include "base/robust.h"

#include <errno.h>
#include <time.h>

int ximss_robust_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int status = pthread_mutexattr_init(&attributes);

    if (status != 0) {
        return status;
    }
    status = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (status == 0) {
        status = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    if (status == 0) {
        status = pthread_mutex_init(mutex, &attributes);
    }
    pthread_mutexattr_destroy(&attributes);
    return status;
}

static int settle(pthread_mutex_t *mutex, int status, int *orphaned)
{
    if (orphaned != NULL) {
        *orphaned = status == EOWNERDEAD;
    }
    if (status == EOWNERDEAD) {
        status = pthread_mutex_consistent(mutex);
    }
    return status;
}

int ximss_robust_try(pthread_mutex_t *mutex, int *orphaned)
{
    return settle(mutex, pthread_mutex_trylock(mutex), orphaned);
}

int ximss_robust_lock(pthread_mutex_t *mutex, int wait_ms, int *orphaned)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    if (wait_ms > 0) {
        deadline.tv_sec += wait_ms / 1000;
        deadline.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    }
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    return settle(mutex, pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline), orphaned);
}

void ximss_robust_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
}
