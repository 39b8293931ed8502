/* A wait from its beginning to its end. */
#include "unit/waits.h"

int session_wait(ximss_table_t *table, const char *url_id, int wait_ms)
{
    ximss_wait_state_t state;
    ximss_wait_t wait;

    if (!ximss_wait_begin(&wait, table, url_id, wait_ms, 0)) {
        return 0;
    }
    ximss_wait_block(&wait, wait_ms);
    state = ximss_wait_take(&wait);
    ximss_wait_end(&wait);
    return state != XIMSS_WAIT_LOST;
}
