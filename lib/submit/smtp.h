/* SMTP (RFC 5321) to one relay. Internal to lib/submit: callers use ximss_transport_send, which has checked
 * the addresses. */
#ifndef XIMSS_SUBMIT_SMTP_H
#define XIMSS_SUBMIT_SMTP_H

#include "submit/transport.h"

/* As ximss_transport_send, by route->host. One connection; at most 100 recipients a transaction. */
const ximss_error_t *ximss_smtp_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                     apr_pool_t *pool);

#endif
