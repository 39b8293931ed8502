/* The parked polls of this child, and the thread that signals them. Knows no request and no connection: a waiter is two
 * descriptors, a wait and two times. */
#ifndef XIMSS_MOD_XIMSS_WAITERS_H
#define XIMSS_MOD_XIMSS_WAITERS_H

#include "session/wait.h"

/* How many there may be, and how many may be signalled and not yet taken up by a worker: a burst that needed more
 * workers than there are would block the listener. */
typedef struct ximss_waiters_options_t {
    ximss_waker_t *waker;
    int place;
    int most;
    int in_flight;
} ximss_waiters_options_t;

/* Makes the table and starts the thread. Returns 0 or an errno. */
int ximss_waiters_start(const ximss_waiters_options_t *options);

/* From a stopping child, perhaps in a signal handler: GRACEFUL signals all waiters, else none is signalled any more,
 * as the workers are leaving. */
void ximss_waiters_stop(int graceful);

/* Ends the thread. What is called later does nothing. */
void ximss_waiters_quit(void);

/* Whether they run. */
int ximss_waiters_running(void);

/* Adds WAIT until DEADLINE: SIGNAL becomes readable when it must be looked at, after NUDGE_MS at the latest, or
 * when the peer of CLIENT is gone. Returns its number, 0 when there are too many. */
int ximss_waiters_add(const ximss_wait_t *wait, int client, int signal, apr_int64_t deadline,
                      int nudge_ms);

/* A worker, or whoever closes the connection, has it now; CLIENT is not watched any more. Returns whether the
 * peer was gone. */
int ximss_waiters_take(int number);

/* It waits again. */
void ximss_waiters_again(int number);

/* It is over. */
void ximss_waiters_drop(int number);

/* How many there are. */
int ximss_waiters_count(void);

#endif
