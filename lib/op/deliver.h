/* Asynchronous messages of a session: what is pending, batches of them that are kept until the client has
 * acknowledged them, replies of asynchronous requests. The session is locked throughout. */
#ifndef XIMSS_OP_DELIVER_H
#define XIMSS_OP_DELIVER_H

#include "op/call.h"

/* Text of a document, in a pool. */
typedef struct ximss_delivery_t {
    const char *data; /* NULL: nothing */
    apr_size_t length;
} ximss_delivery_t;

/* How many seconds a poll may wait that asks for MAX_WAIT (NULL: it does not say): 20 by default, 0 to 120. */
int ximss_deliver_seconds(const char *max_wait);

/* What a poll with ackSeq ACK (-1: none given) delivers: the whole document. The same again as long as it is not
 * acknowledged. A session whose account is gone is ended. */
const ximss_error_t *ximss_deliver_poll(const ximss_context_t *context, ximss_session_t *session,
                                        apr_int64_t ack, ximss_delivery_t *document,
                                        apr_pool_t *pool);

/* Takes all that is pending, as elements to be added to a reply: it counts as delivered. NUMBERED: they are added to
 * the stored reply of the last batch, too; a process that dies meanwhile has done either all or nothing. */
const ximss_error_t *ximss_deliver_take(const ximss_context_t *context, ximss_session_t *session,
                                        int numbered, ximss_delivery_t *elements, apr_pool_t *pool);

/* Goes on with what a process left that died while it took events. */
const ximss_error_t *ximss_deliver_finish(const ximss_context_t *context, ximss_session_t *session,
                                          apr_pool_t *pool);

/* Has ELEMENTS, the reply of an asynchronous batch, delivered after what is pending. A session whose client never
 * takes what it asked for is ended. */
const ximss_error_t *ximss_deliver_add(const ximss_context_t *context, ximss_session_t *session,
                                       const ximss_delivery_t *elements, apr_pool_t *pool);

/* Keeps the name of an open folder for its messages; gives the one with KEY, NULL when there is none, and returns 0
 * when that cannot be read; forgets it. DIR is the session's folder. */
const ximss_error_t *ximss_deliver_name(const char *dir, const char *folder, apr_pool_t *pool);
int ximss_deliver_named(const char *dir, apr_uint64_t key, const char **name, apr_pool_t *pool);
void ximss_deliver_unname(const char *dir, apr_uint64_t key, apr_pool_t *pool);

#endif
