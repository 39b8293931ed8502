/* Service operations (protocol text, Service Operations). */
#include "mime/content.h"
#include "op/handlers.h"

#include <apr_cstr.h>
#include <apr_strings.h>

/* Bounds of the idle time that a client may ask for, in seconds. */
#define IDLE_MIN 60
#define IDLE_MAX 86400

/* Failed logins that one readStatus records at most. */
#define FAILURES_MAX 16

const ximss_error_t *ximss_op_noop(ximss_call_t *call)
{
    (void)call;
    return NULL;
}

const ximss_error_t *ximss_op_bye(ximss_call_t *call)
{
    call->session->ended = 1;
    return NULL;
}

/* The attributes gmtTime and localTime; by the protocol text without a Z. */
static void write_times(ximss_call_t *call, apr_int64_t seconds)
{
    ximss_xml_attr(call->out, "gmtTime", ximss_time_gmt(seconds, call->pool));
    ximss_xml_attr(call->out, "localTime", ximss_time_local(seconds, call->zone, call->pool));
}

const ximss_error_t *ximss_op_read_time(ximss_call_t *call)
{
    ximss_call_message(call, "currentTime");
    write_times(call, call->context->clock());
    ximss_xml_end(call->out);
    return NULL;
}

static void write_login(ximss_call_t *call, const char *name, const ximss_login_t *login)
{
    if (login->when == 0) {
        return;
    }
    ximss_xml_start(call->out, name);
    write_times(call, login->when);
    ximss_xml_attr(call->out, "ip", login->address);
    ximss_xml_end(call->out);
}

/* Failed logins are recorded late (auth.h): those of this account now, then the snapshot is taken anew. */
static const ximss_error_t *record_failures(ximss_call_t *call)
{
    ximss_account_rollback(call->account);
    (void)ximss_auth_record_failures(call->context->auth, call->session->account_id, FAILURES_MAX,
                                     call->pool);
    return ximss_account_begin_read(call->account, call->pool);
}

const ximss_error_t *ximss_op_read_status(ximss_call_t *call)
{
    apr_int64_t used;
    apr_int64_t quota;
    ximss_login_t previous;
    ximss_login_t failed;
    XIMSS_TRY(record_failures(call));
    XIMSS_TRY(ximss_account_usage(call->account, &used, &quota, call->pool));
    XIMSS_TRY(ximss_account_logins(call->account, &previous, &failed, call->pool));
    ximss_call_message(call, "currentStatus");
    ximss_xml_start(call->out, "messageStore");
    ximss_xml_attr_int(call->out, "used", used);
    if (quota >= 0) {
        ximss_xml_attr_int(call->out, "limit", quota);
    }
    ximss_xml_end(call->out);
    write_login(call, "PrevLogin", &previous);
    write_login(call, "LastFailedLogin", &failed);
    /* None of these services is built, so no account has them. */
    ximss_xml_element(call->out, "RulesAllowed", "No");
    ximss_xml_element(call->out, "SignalRulesAllowed", "No");
    ximss_xml_element(call->out, "RPOPAllowed", "NO");
    ximss_xml_element(call->out, "PWDAllowed", "NO");
    ximss_xml_end(call->out);
    return NULL;
}

static void write_name(ximss_call_t *call, const char *element, const char *name)
{
    ximss_xml_start(call->out, element);
    ximss_xml_attr(call->out, "name", name);
    ximss_xml_end(call->out);
}

const ximss_error_t *ximss_op_list_known_values(ximss_call_t *call)
{
    apr_array_header_t *zones = ximss_zone_list(call->pool);
    int i;
    ximss_call_message(call, "knownValues");
    write_name(call, "tzid", "HostOS");
    for (i = 0; i < zones->nelts; i++) {
        write_name(call, "tzid", APR_ARRAY_IDX(zones, i, const char *));
    }
    for (i = 0; ximss_charset_names[i] != NULL; i++) {
        write_name(call, "charset", ximss_charset_names[i]);
    }
    ximss_xml_end(call->out);
    return NULL;
}

/* Unknown options succeed and do nothing. */
const ximss_error_t *ximss_op_set_session_option(ximss_call_t *call)
{
    const char *name = ximss_element_attr(call->request, "name");
    apr_int64_t seconds;
    if (apr_cstr_casecmp(name, "idleTimeout") != 0) {
        return NULL;
    }
    XIMSS_TRY(ximss_op_number(call, "value", APR_INT32_MAX, IDLE_MAX, &seconds));
    call->session->idle_timeout = (int)(seconds < IDLE_MIN   ? IDLE_MIN
                                        : seconds > IDLE_MAX ? IDLE_MAX
                                                             : seconds);
    return NULL;
}

const ximss_error_t *ximss_op_set_client_name(ximss_call_t *call)
{
    (void)call;
    return NULL;
}
