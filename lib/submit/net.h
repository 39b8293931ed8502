/* A client's connection, in clear or by TLS, with a time limit on every step. Internal to lib/submit.
 * Errors are XIMSS_E_SUBMISSION with a text for whoever looks at the queue. One thread. */
#ifndef XIMSS_SUBMIT_NET_H
#define XIMSS_SUBMIT_NET_H

#include "base/error.h"

#include <apr_pools.h>

typedef struct ximss_net_t ximss_net_t;

/* Connects to PORT of HOST, a name or an address; each of its addresses gets MILLISECONDS. Closed with POOL. */
const ximss_error_t *ximss_net_open(ximss_net_t **net, const char *host, int port, int milliseconds,
                                    apr_pool_t *pool);

/* Goes on by TLS 1.2 or later, once the server has shown a certificate for HOST from one of the authorities
 * in CA_FILE (PEM; NULL: those of the system). */
const ximss_error_t *ximss_net_start_tls(ximss_net_t *net, const char *host, const char *ca_file,
                                         int milliseconds);

/* Whether nobody but this machine can read along: TLS, or the loopback address. */
int ximss_net_is_private(const ximss_net_t *net);

/* Writes all LENGTH bytes. After an error the other side has not got the last of them. */
const ximss_error_t *ximss_net_write(ximss_net_t *net, const char *data, apr_size_t length,
                                     int milliseconds);

/* Reads what comes first, at least one byte, until DEADLINE (ximss_clock_ms). The end of the connection is an
 * error. */
const ximss_error_t *ximss_net_read(ximss_net_t *net, char *data, apr_size_t room,
                                    apr_size_t *length, apr_int64_t deadline);

#endif
