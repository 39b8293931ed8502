/* Checking the outbox of an account. */
#include "store/sqlite_check.h"

/* What a repair removes names nobody, or no mail. */
const ximss_error_t *ximss_check_outbox(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    const int repair = check->run->repair;
    apr_int64_t counts[3]; /* without mail, without recipients, recipients without a message */

    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_OUTBOX, NULL, counts, 3, pool));
    if (counts[0] > 0) {
        ximss_check_fault(check, 0, pool,
                          "%" APR_INT64_T_FMT " messages to be sent have lost their mail",
                          counts[0]);
    }
    if (counts[1] + counts[2] == 0) {
        return NULL;
    }
    ximss_check_fault(check, repair, pool,
                      "outbox: %" APR_INT64_T_FMT " messages without recipients, %" APR_INT64_T_FMT
                      " recipients without a message",
                      counts[1], counts[2]);
    if (!repair) {
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_OUTBOX, NULL, 0, pool));
    return ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_OUTBOX_RECIPIENTS, NULL, 0, pool);
}
