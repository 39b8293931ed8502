/* The steps that take a message out of the outbox: to accounts of this server, to the outside, and the reports to its
 * sender. Each step is true once its commit is, may be repeated after a crash, and leaves the rest to the next run of
 * the queue. */
#ifndef XIMSS_SUBMIT_SENDING_H
#define XIMSS_SUBMIT_SENDING_H

#include "base/limits.h"
#include "store/outbox.h"
#include "submit/transport.h"

/* When to try again, in seconds. */
typedef struct ximss_patience_t {
    int first_pause; /* after the first attempt; each further pause is twice as long, give or take a fifth */
    int longest_pause;
    int give_up; /* age of the message at which an attempt that fails is the last one */
} ximss_patience_t;

#define XIMSS_PATIENCE_DEFAULT                                                                     \
    {                                                                                              \
        .first_pause = 300, .longest_pause = 14400, .give_up = 345600                              \
    }

/* What happened to recipients. */
typedef struct ximss_sending_counts_t {
    int sent;
    int failed; /* for good */
    int waiting;
    int held;
} ximss_sending_counts_t;

typedef struct ximss_sending_t {
    ximss_store_t *store;
    const ximss_limits_t *limits;
    ximss_patience_t patience;
    apr_int64_t (*clock)(void); /* seconds since 1970 */
    const char *account_id;     /* of the sender */
    ximss_account_t *account;   /* the same; no transaction is open */
    ximss_outbox_message_t message;
    const char *data;             /* its bytes; NULL: read when they are needed */
    ximss_sending_counts_t count; /* counted up */
} ximss_sending_t;

/* Delivers to those waiting and due recipients that are accounts of this server, or would be if they were there, and
 * marks their rows. Errors: the account could not be read or written, and the rows wait as before. Needs no lock of
 * the queue: each delivery is done once, whoever repeats it. */
const ximss_error_t *ximss_sending_local(ximss_sending_t *sending, apr_pool_t *pool);

/* How mail leaves. */
typedef const ximss_error_t *(*ximss_send_fn_t)(const ximss_route_t *route,
                                                ximss_envelope_t *envelope, apr_pool_t *pool);
typedef struct ximss_exit_t {
    const ximss_route_t *route; /* NULL: none is known, and mail waits */
    ximss_send_fn_t send;       /* ximss_transport_send */
    const char *
        down; /* why nothing gets out in this run: set, in POOL, when the relay was not reached, and then
                         nobody tries again; NULL at first */
    apr_pool_t *pool;
} ximss_exit_t;

/* Hands the message to WAY for those waiting and due recipients that are not local: marked before as being sent, and
 * after that as what became of it. A crash between leaves them marked. Only for the holder of the queue's lock. */
const ximss_error_t *ximss_sending_remote(ximss_sending_t *sending, ximss_exit_t *way,
                                          apr_pool_t *pool);

/* Sends the reports that are due into the sender's INBOX: once each, whoever repeats it. */
const ximss_error_t *ximss_sending_report(ximss_sending_t *sending, apr_pool_t *pool);

/* Holds the recipients that a crash left marked as being sent. Only for the holder of the queue's lock, before it
 * sends anything of that account. */
const ximss_error_t *ximss_sending_hold(ximss_sending_t *sending, apr_pool_t *pool);

#endif
