/* LMTP into a store. */
#ifndef XIMSS_SUBMIT_LMTP_STORE_H
#define XIMSS_SUBMIT_LMTP_STORE_H

#include "submit/lmtp.h"

typedef struct ximss_lmtp_store_t {
    ximss_store_t *store;
    const ximss_limits_t *limits;
} ximss_lmtp_store_t;

/* Makes SERVER, whose other members are the caller's, take mail for the accounts of STORE, which outlives it. Deliveries
 * and faults are logged. */
void ximss_lmtp_into_store(ximss_lmtp_server_t *server, ximss_lmtp_store_t *store);

#endif
