/* The reading end of an import: from the records of the walk to messages in chunks. */
#ifndef XIMSS_XIMSSCTL_FEED_H
#define XIMSS_XIMSSCTL_FEED_H

#include "ximssctl/caller.h"
#include "ximssctl/pipeline.h"

typedef struct ximss_feed_t {
    int line; /* to the process that walks */
    const ximss_limits_t *limits;
    apr_int64_t empty;                   /* zero-byte messages */
    apr_int64_t failed;                  /* messages and folders that could not be read */
    int fatal;                           /* a PATH is wrong, or the walk broke off */
    char problem[XIMSS_CALLER_TEXT_MAX]; /* the first one */
    /* used by the reading thread only: */
    ximss_pipeline_t *pipeline;
    ximss_chunk_t *chunk;
} ximss_feed_t;

/* Reads everything (BATON is an ximss_feed_t); a reader for ximss_pipeline_start. */
void ximss_feed_run(ximss_pipeline_t *pipeline, void *baton);

/* Date and flags in the name of a Maildir file. */
void ximss_feed_maildir_name(const char *name, ximss_chunk_message_t *message);

/* Flags in the Status and X-Status fields of a message of an mbox. */
unsigned int ximss_feed_status_flags(const char *data, apr_size_t length);

#endif
