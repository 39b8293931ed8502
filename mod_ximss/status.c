/* The part of mod_status' page that is ours. */
#include "mod_ximss/status.h"

#include "mod_ximss/shm.h"
#include "mod_ximss/wait.h"

#include <apr_optional_hooks.h>
#include <http_protocol.h>
#include <mod_status.h>

static int show_status(request_rec *r, int flags)
{
    ximss_table_t *table = ximss_shm_table();

    if (table == NULL) {
        return DECLINED;
    }
    if ((flags & AP_STATUS_SHORT) != 0) {
        ap_rprintf(r, "XimssSessions: %d\nXimssSessionSlots: %d\nXimssPollsOfChild: %d\n",
                   ximss_table_count(table), ximss_shm_slots(), ximss_wait_count());
    }
    else {
        ap_rprintf(
            r, "<hr />\n<h1>XIMSS</h1>\n<p>%d of %d sessions, %d polls wait in this child</p>\n",
            ximss_table_count(table), ximss_shm_slots(), ximss_wait_count());
    }
    return OK;
}

void ximss_status_register(apr_pool_t *pool)
{
    APR_OPTIONAL_HOOK(ap, status_hook, show_status, NULL, NULL, APR_HOOK_MIDDLE);
    (void)pool;
}
