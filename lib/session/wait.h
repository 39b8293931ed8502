/* A wait for the events of one session, without any lock. How the waiting is done is the caller's choice: it looks
 * again whenever it is woken, be it by ximss_wait_block or by the waker of its process. */
#ifndef XIMSS_SESSION_WAIT_H
#define XIMSS_SESSION_WAIT_H

#include "session/table.h"
#include "session/waker.h"

typedef struct ximss_wait_t {
    ximss_table_t *table;
    apr_uint32_t slot;
    apr_uint64_t generation;
    apr_uint64_t poll; /* our value in the slot: another one there is a newer wait */
} ximss_wait_t;

typedef enum ximss_wait_state_t {
    XIMSS_WAIT_NOTHING,
    XIMSS_WAIT_EVENT,   /* there may be something */
    XIMSS_WAIT_STOPPED, /* the process stops */
    XIMSS_WAIT_TAKEN,   /* a newer wait took over; events are its own */
    XIMSS_WAIT_LOST     /* the session is gone */
} ximss_wait_state_t;

/* Sets through which waker this process and those whose waits it ends are told. */
void ximss_table_set_waker(ximss_table_t *table, ximss_waker_t *waker);

/* Begins a wait of at most WAIT_MS in the session of URL_ID and so ends the one before. PLACE of the waker is woken for
 * it; 0: none. Returns 0 when the session is gone. */
int ximss_wait_begin(ximss_wait_t *wait, ximss_table_t *table, const char *url_id, int wait_ms,
                     int place);

/* What there is; any thread. A begin or a wake is seen by every look that starts after it. */
ximss_wait_state_t ximss_wait_look(const ximss_wait_t *wait);

/* The same, and takes the event: what is looked up after this call is at least as new as the event. */
ximss_wait_state_t ximss_wait_take(const ximss_wait_t *wait);

/* Blocks until there is something, or for WAIT_MS. */
void ximss_wait_block(const ximss_wait_t *wait, apr_int64_t wait_ms);

/* Ends it. */
void ximss_wait_end(const ximss_wait_t *wait);

#endif
