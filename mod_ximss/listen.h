/* Word of changes from programs outside httpd, for the sessions of all children. */
#ifndef XIMSS_MOD_XIMSS_LISTEN_H
#define XIMSS_MOD_XIMSS_LISTEN_H

#include "session/table.h"

/* Starts a thread of this child that listens in DATA_DIR, until POOL goes or ximss_listen_stop. Without it, changes
 * from outside are found when the next poll starts. */
const ximss_error_t *ximss_listen_start(const char *data_dir, ximss_table_t *table,
                                        apr_pool_t *pool);

/* Ends all of them; may be called more than once. */
void ximss_listen_stop(void);

#endif
