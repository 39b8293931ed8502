/* Each session shows what was posted while it lived; a login shows what nobody was shown before. */
#include "op/alert.h"

#include "base/log.h"

/* Which alerts are written. */
typedef struct range_t {
    apr_int64_t after;
    apr_int64_t last;
    int confirmed_too;
} range_t;

const ximss_error_t *ximss_alert_newest(ximss_account_t *account, apr_int64_t *newest,
                                        apr_pool_t *pool)
{
    apr_array_header_t *alerts;

    XIMSS_TRY(ximss_account_alerts(account, 0, &alerts, pool));
    *newest = alerts->nelts > 0 ? APR_ARRAY_IDX(alerts, alerts->nelts - 1, ximss_alert_t).id : 0;
    return NULL;
}

static void write_alert(ximss_xml_t *out, const ximss_alert_t *alert, const ximss_zone_t *zone,
                        apr_pool_t *pool)
{
    ximss_xml_start(out, "alert");
    ximss_xml_attr(out, "gmtTime", ximss_time_gmt(alert->time, pool));
    ximss_xml_attr(out, "localTime", ximss_time_local(alert->time, zone, pool));
    ximss_xml_text(out, alert->text);
    ximss_xml_end(out);
}

/* Writes the alerts of RANGE and confirms them; range->last is set to the newest one looked at. */
static const ximss_error_t *write_range(ximss_account_t *account, const ximss_session_t *session,
                                        range_t *range, ximss_xml_t *out, apr_pool_t *pool)
{
    const ximss_zone_t *zone = ximss_zone_get(session->zone);
    apr_array_header_t *alerts;
    apr_int64_t last = range->after;
    int unconfirmed = 0;
    int i;

    XIMSS_TRY(ximss_account_alerts(account, range->after, &alerts, pool));
    for (i = 0; i < alerts->nelts; i++) {
        const ximss_alert_t *alert = &APR_ARRAY_IDX(alerts, i, ximss_alert_t);

        if (alert->id > range->last) {
            break;
        }
        if (range->confirmed_too || !alert->confirmed) {
            write_alert(out, alert, zone, pool);
        }
        unconfirmed += !alert->confirmed;
        last = alert->id;
    }
    range->last = last;
    return unconfirmed > 0 ? ximss_account_alerts_confirm(account, last, pool) : NULL;
}

static const ximss_error_t *write_alerts(const ximss_context_t *context,
                                         const ximss_session_t *session, range_t *range,
                                         ximss_xml_t *out, apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_account_checkout(&account, context->store, session->account_id, pool));
    error = write_range(account, session, range, out, pool);
    ximss_account_return(account);
    return error;
}

void ximss_alert_write_waiting(const ximss_context_t *context, const ximss_session_t *session,
                               ximss_xml_t *out, apr_pool_t *pool)
{
    range_t range = {0, session->alert_seen, 0};
    const ximss_error_t *error;

    if (session->alert_seen == 0) {
        return;
    }
    error = write_alerts(context, session, &range, out, pool);
    if (error != NULL) {
        /* the user is logged in all the same */
        ximss_log(XIMSS_LOG_WARN, 5004, "alerts of %s: %s", session->user_name,
                  ximss_error_log_line(error, pool));
    }
}

const ximss_error_t *ximss_alert_write_new(const ximss_context_t *context,
                                           const ximss_session_t *session, ximss_xml_t *out,
                                           apr_int64_t *last, apr_pool_t *pool)
{
    range_t range = {session->alert_seen, APR_INT64_MAX, 1};

    XIMSS_TRY(write_alerts(context, session, &range, out, pool));
    *last = range.last;
    return NULL;
}
