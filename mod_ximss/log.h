/* Log lines of the library in httpd's error log, and secrets kept out of the access log. */
#ifndef XIMSS_MOD_XIMSS_LOG_H
#define XIMSS_MOD_XIMSS_LOG_H

#include <httpd.h>

/* Sends the library's log lines to SERVER's error log. */
void ximss_log_start(server_rec *server);

/* URI with every urlID cut to its first part and every query value hidden that is not known to be harmless. In
 * POOL. */
const char *ximss_log_mask_uri(const char *uri, apr_pool_t *pool);

/* TEXT with every urlID in it cut, in POOL; TEXT itself when there is none. */
const char *ximss_log_mask_ids(const char *text, apr_pool_t *pool);

/* Hides what R would show in logs and the status page: the request line, URI and query become those of
 * MASKED. */
void ximss_log_hide(request_rec *r, const char *masked);

/* Hides secrets in the request line and the referrer, which nobody but loggers needs whole. Returns whether
 * there were any in the line. */
int ximss_log_hide_early(request_rec *r);

/* Hook in front of all loggers: hides what was not hidden before (requests that failed early). */
int ximss_log_transaction(request_rec *r);

#endif
