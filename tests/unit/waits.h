/* Waiting for events of a session as simple as can be. */
#ifndef XIMSS_UNIT_WAITS_H
#define XIMSS_UNIT_WAITS_H

#include "session/wait.h"

/* Blocks until the session of URL_ID has an event that no wait has taken so far, ends, or WAIT_MS passed; another wait
 * ends this one. Returns 0 when the session is gone. */
int session_wait(ximss_table_t *table, const char *url_id, int wait_ms);

#endif
