/* The long poll: what a poll answers. */
#ifndef XIMSS_MOD_XIMSS_POLL_H
#define XIMSS_MOD_XIMSS_POLL_H

#include "mod_ximss/handler.h"

/* Answers the poll REQUEST if there is something to deliver, or the session is lost, or this is the LAST look
 * (its time is over, or the child stops): then with <XIMSS/>. Returns 1 when it answered, and sets *ANSWER
 * to what the handler returns. It runs at each wake, in any thread. */
int ximss_poll_try(ximss_request_t *request, int last, int *answer);

/* Answers REQUEST, whose session is gone: by <bye/> if it is a poll, the server ended the session, and no poll
 * was told so; else as a lost session. Returns what the handler returns. */
int ximss_poll_lost(ximss_request_t *request);

#endif
