/* What the steps out of the outbox share: transactions, and the marking of rows. Internal to lib/submit. */
#ifndef XIMSS_SUBMIT_SENDING_ROWS_H
#define XIMSS_SUBMIT_SENDING_ROWS_H

#include "submit/deliver.h"
#include "submit/sending.h"

/* What became of a recipient. */
typedef struct ximss_row_outcome_t {
    apr_int64_t recipient;
    ximss_result_t result;
    const char *status;
    const char *text;
    const char *remote; /* NULL: none */
    int dsn_passed;
} ximss_row_outcome_t;

/* Outcomes to be marked, and which rows they are for: those in that state. */
typedef struct ximss_row_outcomes_t {
    apr_array_header_t *list; /* ximss_row_outcome_t, by recipient */
    ximss_outbox_state_t expected;
    int attempts; /* that are to be counted */
} ximss_row_outcomes_t;

/* An empty list of them. */
ximss_row_outcomes_t ximss_row_outcomes(ximss_outbox_state_t expected, int attempts,
                                        apr_pool_t *pool);

typedef const ximss_error_t *(*ximss_sending_fn_t)(ximss_sending_t *sending, void *baton,
                                                   apr_pool_t *pool);

/* Runs FN in one write transaction of the sender's account. */
const ximss_error_t *ximss_sending_write(ximss_sending_t *sending, ximss_sending_fn_t fn,
                                         void *baton, apr_pool_t *pool);

/* Sees to it that sending->data is there. */
const ximss_error_t *ximss_sending_data(ximss_sending_t *sending, apr_pool_t *pool);

/* Writes into the rows what OUTCOMES say. */
const ximss_error_t *ximss_sending_mark(ximss_sending_t *sending, ximss_row_outcomes_t *outcomes,
                                        apr_pool_t *pool);

/* Delivers to RECIPIENT of this server: DELIVERY has its sender, its bytes and its number among those of the account. */
const ximss_error_t *ximss_sending_deliver(ximss_sending_t *sending, ximss_delivery_t *delivery,
                                           const char *recipient, apr_pool_t *pool);

#endif
