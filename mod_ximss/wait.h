/* How a request waits for events of its session. */
#ifndef XIMSS_MOD_XIMSS_WAIT_H
#define XIMSS_MOD_XIMSS_WAIT_H

#include "session/table.h"

/* Sets how many requests of this child may wait at a time; negative: half of its threads. */
void ximss_wait_init(int most);

/* Waits for the session of URL_ID without any lock: until an event, its end, another wait on it, or WAIT_MS.
 * At once when too many wait already. Returns 0 when the session is gone. */
int ximss_wait_session(ximss_table_t *table, const char *url_id, int wait_ms);

/* Requests of this child that wait now. */
int ximss_wait_count(void);

#endif
