/* What mod_status shows of us. */
#ifndef XIMSS_MOD_XIMSS_STATUS_H
#define XIMSS_MOD_XIMSS_STATUS_H

#include <apr_pools.h>

/* Adds our part to the status page, where mod_status is loaded. */
void ximss_status_register(apr_pool_t *pool);

#endif
