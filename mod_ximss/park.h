/* Waits without a thread: the connection is parked in the event MPM (ARCHITECTURE.md, "Polls"). */
#ifndef XIMSS_MOD_XIMSS_PARK_H
#define XIMSS_MOD_XIMSS_PARK_H

#include "mod_ximss/wait.h"

#include <httpd.h>

/* Registers the hooks of the life cycle and of connections. */
void ximss_park_register(void);

/* The place of the waker by which a wait of R is told, 0 when R cannot be parked. */
int ximss_park_place(const request_rec *r);

/* Parks R until DEADLINE, as ximss_wait_run waits. Returns 1 when the handler must return SUSPENDED: from then on R
 * belongs to others. 0: it cannot. */
int ximss_park(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
               ximss_wait_try_t *try_it, void *baton);

#endif
