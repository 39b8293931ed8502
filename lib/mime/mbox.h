/* Splits an mbox file into messages (RFC 4155; mboxo and mboxrd quoting undone). */
#ifndef XIMSS_MIME_MBOX_H
#define XIMSS_MIME_MBOX_H

#include <apr_pools.h>

typedef struct ximss_mbox_t ximss_mbox_t;

typedef struct ximss_mbox_message_t {
    const char *data; /* without the "From " line, quoting undone; valid until the next call */
    apr_size_t length;
    int date_valid;   /* of the "From " line */
    apr_int64_t date; /* seconds since 1970, GMT */
} ximss_mbox_message_t;

/* Starts on LENGTH bytes at DATA (for instance a mapped file), which must outlive the reader. */
ximss_mbox_t *ximss_mbox_open(const char *data, apr_size_t length, apr_pool_t *pool);

/* The next message; 0 at the end. A "From " line starts a message only at the start of the file or
 * after an empty line, and only with a date at its end (the strict rule), or, when the first one has no
 * date, with a single word; Content-Length is ignored. The
 * empty line before the next "From " line is not part of the message. */
int ximss_mbox_next(ximss_mbox_t *mbox, ximss_mbox_message_t *message);

/* The offset in the file up to which messages were given, for progress. */
apr_size_t ximss_mbox_offset(const ximss_mbox_t *mbox);

#endif
