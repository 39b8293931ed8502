/* How a request waits for events of its session. */
#ifndef XIMSS_MOD_XIMSS_WAIT_H
#define XIMSS_MOD_XIMSS_WAIT_H

#include "session/wait.h"

#include <httpd.h>

/* Looks whether the request of BATON can be answered now; it must be when LAST. Returns 1 when it did, and sets
 * *ANSWER to what the handler returns. */
typedef int ximss_wait_try_t(void *baton, int last, int *answer);

/* Sets how many requests of this child may block at a time; negative: half of its threads. At most a third of
 * H2MaxWorkers of them may be streams of HTTP/2, which block its threads, too. */
void ximss_wait_init(int most);

/* Whether R is a stream of HTTP/2. */
int ximss_wait_is_stream(const request_rec *r);

/* Runs WAIT of R, which has begun, until DEADLINE of its clock: tries at each wake. Parks R if it can, else blocks;
 * a LAST try at once when too many block already. Ends early when the client goes. Returns what the handler returns. */
int ximss_wait_run(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
                   ximss_wait_try_t *try_it, void *baton);

/* Marks R, whose client did not wait for the answer: nothing is sent, the log says 499. */
void ximss_wait_gone(request_rec *r);

/* Requests of this child that wait now. */
int ximss_wait_count(void);

#endif
