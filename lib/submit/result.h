/* How the transports write results. Internal to lib/submit. */
#ifndef XIMSS_SUBMIT_RESULT_H
#define XIMSS_SUBMIT_RESULT_H

#include "submit/transport.h"

/* Longest text of a result in bytes. */
#define XIMSS_RESULT_TEXT_MAX 1000

typedef struct ximss_outcome_t {
    ximss_result_t result;
    const char *status;
    const char *text;   /* any bytes */
    const char *remote; /* may be NULL */
} ximss_outcome_t;

/* Writes OUTCOME into RECIPIENT; texts are cleaned, cut, and copied to POOL. */
void ximss_recipient_finish(ximss_recipient_t *recipient, const ximss_outcome_t *outcome,
                            apr_pool_t *pool);

/* The same for every recipient of ENVELOPE that is XIMSS_PENDING. */
void ximss_recipients_finish(ximss_envelope_t *envelope, const ximss_outcome_t *outcome,
                             apr_pool_t *pool);

#endif
