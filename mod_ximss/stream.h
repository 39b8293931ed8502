/* Answers that are never in memory as a whole: buckets whose bytes are read when they are sent. */
#ifndef XIMSS_MOD_XIMSS_STREAM_H
#define XIMSS_MOD_XIMSS_STREAM_H

#include "mod_ximss/request.h"

/* Where the bytes come from. */
typedef struct ximss_stream_t {
    apr_int64_t length;
    /* Gives some bytes from OFFSET on, at least one and at most LENGTH, in POOL; *READ says how many. An error ends
     * the connection, as the status was sent before. */
    const ximss_error_t *(*read)(void *baton, apr_int64_t offset, apr_size_t length,
                                 const char **data, apr_size_t *read, apr_pool_t *pool);
    void *baton; /* lives as long as the request; used by one thread at a time */
} ximss_stream_t;

/* Registers the filter that this needs. */
void ximss_stream_register(void);

/* Sends STREAM, which lives as long as the request, or the ranges of it that were asked for; a piece at a time, as
 * fast as the client takes them. */
int ximss_reply_stream(ximss_request_t *request, const ximss_stream_t *stream);

#endif
