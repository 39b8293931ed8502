/* The bytes of one message while they come in: in memory as long as they are few, then in a file without a name. */
#ifndef XIMSS_SUBMIT_SPOOL_H
#define XIMSS_SUBMIT_SPOOL_H

#include "base/error.h"

typedef struct ximss_spool_t ximss_spool_t; /* one thread at a time */

/* An empty spool of at most LIMIT bytes; its file, which a crash leaves nothing of, is made in DIR if it comes to that.
 * It goes with POOL. */
ximss_spool_t *ximss_spool_make(const char *dir, apr_size_t limit, apr_pool_t *pool);

/* Adds LENGTH bytes. XIMSS_E_LIMIT: they are too many; XIMSS_E_INTERNAL: the file cannot be written. After an error
 * all that follows gets the same one, and is dropped. */
const ximss_error_t *ximss_spool_write(ximss_spool_t *spool, const char *bytes, apr_size_t length);

/* All that was written, until POOL of the spool goes; nothing may be written after it. */
const ximss_error_t *ximss_spool_read(ximss_spool_t *spool, const char **data, apr_size_t *length);

#endif
