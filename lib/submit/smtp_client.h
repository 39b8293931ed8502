/* One connection to a relay: greeting, TLS and login done, ready for transactions. Internal to lib/submit. */
#ifndef XIMSS_SUBMIT_SMTP_CLIENT_H
#define XIMSS_SUBMIT_SMTP_CLIENT_H

#include "submit/net.h"
#include "submit/smtp_reply.h"
#include "submit/transport.h"

typedef struct ximss_smtp_t {
    const ximss_route_t *route;
    ximss_net_t *net;
    ximss_smtp_features_t features;
    ximss_smtp_reply_t reply; /* the last one */
    const char *status;       /* enhanced status code for a failure of the step that is on */
    char in[4096];            /* read from the net, not yet from here */
    apr_size_t in_length;
    apr_size_t in_at;
    apr_pool_t *pool;
} ximss_smtp_t;

/* Connects and says hello. Whatever fails says nothing about a message: smtp->status and the error's text
 * tell what it was. SMTP and what it points to live in POOL, and the connection with it. */
const ximss_error_t *ximss_smtp_connect(ximss_smtp_t **smtp, const ximss_route_t *route,
                                        apr_pool_t *pool);

/* Reads the next reply into smtp->reply. Errors: the connection is of no use any more. */
const ximss_error_t *ximss_smtp_get_reply(ximss_smtp_t *smtp, int milliseconds);

/* Sends LINES, whole lines with their ends. */
const ximss_error_t *ximss_smtp_put(ximss_smtp_t *smtp, const char *lines);

/* The last reply on one line with its codes, in POOL. */
const char *ximss_smtp_reply_text(const ximss_smtp_t *smtp, apr_pool_t *pool);

/* Says goodbye; there is nobody to tell that it failed. */
void ximss_smtp_quit(ximss_smtp_t *smtp);

#endif
