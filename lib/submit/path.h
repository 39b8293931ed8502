/* Paths of SMTP and LMTP envelopes (RFC 5321, 4.1.2). */
#ifndef XIMSS_SUBMIT_PATH_H
#define XIMSS_SUBMIT_PATH_H

#include <apr_pools.h>

/* Reads "<user@domain>", "<>" or one with a source route, which is ignored, at *TEXT, which it moves behind the path.
 * Quotes of the local part stay. The address is in POOL; NULL: this is no path. Characters beyond ASCII are UTF-8. */
const char *ximss_path_read(const char **text, apr_pool_t *pool);

#endif
