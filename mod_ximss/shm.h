/* What all children share, and what one child has open. */
#ifndef XIMSS_MOD_XIMSS_SHM_H
#define XIMSS_MOD_XIMSS_SHM_H

#include "op/call.h"

#include <httpd.h>

/* Hooks of the life cycle: make the segment in the parent, open the store in each child. */
int ximss_shm_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *server);
void ximss_shm_child_init(apr_pool_t *pchild, server_rec *server);
void ximss_shm_child_stopping(apr_pool_t *pchild, int graceful);

/* The context of SERVER in this child; NULL when its store cannot be opened now (the log says why). Any
 * thread. */
const ximss_context_t *ximss_shm_context(const server_rec *server);

/* The session table of this child, NULL when there is none. */
ximss_table_t *ximss_shm_table(void);

/* The slots of the table that was made, which a reload of the configuration does not change. */
int ximss_shm_slots(void);

/* Sweeps idle sessions when that is due and no watchdog does it. */
void ximss_shm_sweep_if_due(apr_pool_t *pool);

#endif
