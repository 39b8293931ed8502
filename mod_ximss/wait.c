/* The only file that knows how a request waits: for now the thread blocks, and few may. */
#include "mod_ximss/wait.h"

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

int ximss_wait_session(ximss_table_t *table, const char *url_id, int wait_ms)
{
    int live;

    if (apr_atomic_inc32(&waiting) >= most_waiting) {
        wait_ms = 0;
    }
    live = ximss_session_wait(table, url_id, wait_ms);
    apr_atomic_dec32(&waiting);
    return live;
}

int ximss_wait_count(void)
{
    return (int)apr_atomic_read32(&waiting);
}
