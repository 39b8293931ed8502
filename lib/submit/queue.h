/* The queue: sees to the outboxes of all accounts that have something due. One run at a time, in a process of its own
 * (ximssctl queue run). */
#ifndef XIMSS_SUBMIT_QUEUE_H
#define XIMSS_SUBMIT_QUEUE_H

#include "submit/sending.h"

/* What a run has done up to now. */
typedef struct ximss_queue_progress_t {
    int accounts; /* that have something due */
    int done;     /* of them */
    ximss_sending_counts_t count;
} ximss_queue_progress_t;

typedef struct ximss_queue_t {
    ximss_store_t *store;
    const char *data_dir;
    const ximss_limits_t *limits;
    ximss_patience_t patience;
    apr_int64_t (*clock)(void);
    const ximss_route_t *route; /* NULL: none is known */
    ximss_send_fn_t send;
    int threads; /* accounts that are seen to at a time */
    /* Called after each account, by one thread at a time; NULL. */
    void (*progress)(const ximss_queue_progress_t *progress);
} ximss_queue_t;

/* Sees once to all accounts that are due, and once a day to all there are. *RESULT is what was done. XIMSS_E_BUSY:
 * another run is going on. What fails for one account is logged, and tried again in the next run. */
const ximss_error_t *ximss_queue_run(const ximss_queue_t *queue, ximss_queue_progress_t *result,
                                     apr_pool_t *pool);

/* Seconds until something is due, at most MOST. */
const ximss_error_t *ximss_queue_idle(ximss_store_t *store, apr_int64_t now, int most,
                                      apr_int64_t *seconds, apr_pool_t *pool);

#endif
