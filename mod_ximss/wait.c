/* A wait is parked where that can be done; else it blocks a thread, and few may. */
#include "mod_ximss/wait.h"

#include "mod_ximss/park.h"
#include "mod_ximss/waiters.h"

#include <ap_mpm.h>
#include <apr_atomic.h>

static volatile apr_uint32_t waiting;
static apr_uint32_t most_waiting;

void ximss_wait_init(int most)
{
    int threads = 1;

    if (most < 0) {
        ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
        most = threads > 1 ? threads / 2 : 1;
    }
    most_waiting = (apr_uint32_t)most;
}

int ximss_wait_run(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
                   ximss_wait_try_t *try_it, void *baton)
{
    int too_many;
    int answer;

    if (ximss_park(r, wait, deadline, try_it, baton)) {
        return SUSPENDED;
    }
    too_many = apr_atomic_inc32(&waiting) >= most_waiting;
    while (!try_it(baton, too_many || ximss_wait_clock() >= deadline, &answer)) {
        ximss_wait_block(wait, deadline - ximss_wait_clock());
    }
    apr_atomic_dec32(&waiting);
    return answer;
}

int ximss_wait_count(void)
{
    return (int)apr_atomic_read32(&waiting) + ximss_waiters_count();
}
