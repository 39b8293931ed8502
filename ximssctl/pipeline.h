/* Import in three steps that run beside each other: one thread reads messages into chunks, some digest
 * them, and the caller writes them, in the order read. The number of chunks bounds the memory. */
#ifndef XIMSS_XIMSSCTL_PIPELINE_H
#define XIMSS_XIMSSCTL_PIPELINE_H

#include "mime/digest.h"

#include <apr_pools.h>

/* A chunk is one transaction: as long as nobody minds to wait for it, as short as memory allows. */
enum { XIMSS_CHUNK_MESSAGES = 1000, XIMSS_CHUNK_BYTES = 8 * 1024 * 1024 };

typedef struct ximss_chunk_message_t {
    const char *path;
    const char *data;
    apr_size_t length;
    int date_valid; /* of a Maildir name or a "From " line */
    apr_int64_t date;
    unsigned int flags;
    ximss_digest_t *digest;
} ximss_chunk_message_t;

typedef struct ximss_chunk_t {
    apr_pool_t *pool; /* holds everything of the chunk; one thread at a time */
    ximss_chunk_message_t messages[XIMSS_CHUNK_MESSAGES];
    int count;
    apr_size_t bytes;
    int state;
} ximss_chunk_t;

typedef struct ximss_pipeline_t ximss_pipeline_t;

/* Starts READER in a thread of its own, and the digesting threads. NULL when that fails. */
ximss_pipeline_t *ximss_pipeline_start(void (*reader)(ximss_pipeline_t *pipeline, void *baton),
                                       void *baton, const ximss_limits_t *limits, apr_pool_t *pool);

/* For the reader: an empty chunk to fill, NULL when nobody wants more; and the way to hand it on. */
ximss_chunk_t *ximss_pipeline_fresh(ximss_pipeline_t *pipeline);
void ximss_pipeline_put(ximss_pipeline_t *pipeline, ximss_chunk_t *chunk);

/* For the writer: the next chunk, digested, NULL after the last; and the way to give it back. */
ximss_chunk_t *ximss_pipeline_take(ximss_pipeline_t *pipeline);
void ximss_pipeline_give_back(ximss_pipeline_t *pipeline, ximss_chunk_t *chunk);

/* Ends all threads, whether they are done or not; the reader must not be blocked elsewhere. */
void ximss_pipeline_stop(ximss_pipeline_t *pipeline);

#endif
