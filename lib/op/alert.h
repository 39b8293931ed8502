/* Alerts: messages of the administrator to the users of an account (protocol text, alert). */
#ifndef XIMSS_OP_ALERT_H
#define XIMSS_OP_ALERT_H

#include "op/call.h"

/* What a new session need not show: alerts up to the newest of now, which its login shows. */
const ximss_error_t *ximss_alert_newest(ximss_account_t *account, apr_int64_t *newest,
                                        apr_pool_t *pool);

/* Writes the alerts that waited for the login that made SESSION, which needs not be locked. */
void ximss_alert_write_waiting(const ximss_context_t *context, const ximss_session_t *session,
                               ximss_xml_t *out, apr_pool_t *pool);

/* Writes the alerts that SESSION has not shown. *LAST is what its alert_seen is once they are delivered. */
const ximss_error_t *ximss_alert_write_new(const ximss_context_t *context,
                                           const ximss_session_t *session, ximss_xml_t *out,
                                           apr_int64_t *last, apr_pool_t *pool);

#endif
