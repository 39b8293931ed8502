/* The machine's sendmail(1). Internal to lib/submit: callers use ximss_transport_send, which has checked the
 * addresses. */
#ifndef XIMSS_SUBMIT_SENDMAIL_H
#define XIMSS_SUBMIT_SENDMAIL_H

#include "submit/transport.h"

/* As ximss_transport_send, by the program route->sendmail: one process for all recipients with the same
 * wishes for reports. No shell, an environment of our own; the program has ended when it returns. */
const ximss_error_t *ximss_sendmail_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                         apr_pool_t *pool);

#endif
