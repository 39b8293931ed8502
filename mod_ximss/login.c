/* /XIMSSLogin/: documents before login, and the login by query, form or Basic. */
#include "mod_ximss/request.h"
#include "mod_ximss/session.h"

#include "op/alert.h"
#include "op/ops.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>

#define BODY_BYTES     65536 /* nobody has logged in yet: no document needs more */
#define CLIENT_VERSION "6.1" /* the protocol level that clients of the original expect */
#define CHALLENGE      "Basic realm=\"XIMSS\", charset=\"UTF-8\""

/* ---- documents ---- */

static int run_document(ximss_request_t *request, const ximss_body_t *body)
{
    apr_pool_t *pool = request->r->pool;
    ximss_xml_t *out = ximss_xml_create(request->config->limits.reply_bytes, pool);
    const ximss_peer_t peer = ximss_request_peer(request);
    const ximss_element_t *root;
    const ximss_error_t *error = ximss_body_parse(request, body, &root);

    if (error == NULL) {
        error = ximss_batch_run(request->context, &peer, NULL, root, out, pool);
    }
    if (error != NULL) {
        return ximss_reply_error(request, error);
    }
    return ximss_reply_root(request, HTTP_OK, out);
}

/* ---- parameters ---- */

/* Why a login request is refused before any password is looked at; NULL when it is not. */
static const char *refusal(const ximss_request_t *request, const apr_table_t *query)
{
    if (!request->config->get_login &&
        (apr_table_get(query, "password") != NULL || apr_table_get(query, "authData") != NULL)) {
        return "passwords in the URL are not accepted here";
    }
    return NULL;
}

static ximss_login_request_t read_login(const ximss_request_t *request,
                                        const apr_table_t *parameters)
{
    request_rec *r = request->r;
    const ximss_peer_t peer = ximss_request_peer(request);
    ximss_login_request_t login = {.use_cookie = -1};

    login.credentials.user_name = apr_table_get(parameters, "userName");
    login.credentials.password = apr_table_get(parameters, "password");
    login.credentials.domain = apr_table_get(parameters, "domain");
    login.credentials.host = peer.host;
    login.credentials.fallback = request->config->default_domain;
    login.credentials.address = peer.address;
    login.session_id = apr_table_get(parameters, "sessionid");
    login.kill_old = ximss_parameter_on(parameters, "killOld");
    login.disable_ip_watch = ximss_parameter_on(parameters, "DisableIPWatch");
    if (ximss_parameter_on(parameters, "DisableUseCookie")) {
        login.use_cookie = 0;
    }
    else if (ximss_parameter_on(parameters, "EnableUseCookie")) {
        login.use_cookie = 1;
    }
    if (login.session_id != NULL && login.session_id[0] == '\0') {
        login.session_id = NULL;
    }
    if (login.credentials.password == NULL && login.session_id == NULL) {
        const char *user;
        const char *password;

        if (ap_get_basic_auth_components(r, &user, &password) == APR_SUCCESS) {
            login.credentials.user_name = user;
            login.credentials.password = password;
        }
    }
    return login;
}

static const ximss_error_t *try_login(ximss_request_t *request, const apr_table_t *parameters,
                                      const ximss_login_request_t *login, ximss_session_t **session,
                                      const char **real_name)
{
    apr_pool_t *pool = request->r->pool;

    if (ximss_parameter_on(parameters, "loginAsGuest") && login->credentials.password == NULL) {
        return ximss_error(pool, XIMSS_E_NOT_SUPPORTED,
                           "anonymous sessions are not supported by this server");
    }
    if (login->session_id == NULL &&
        (login->credentials.user_name == NULL || login->credentials.password == NULL)) {
        return ximss_error(pool, XIMSS_E_BAD_LOGIN, NULL);
    }
    if (login->session_id != NULL) {
        int vouches;

        XIMSS_TRY(ximss_cookie_vouches(request, login->session_id, &vouches));
        if (!vouches) {
            return ximss_error(pool, XIMSS_E_BAD_LOGIN, NULL);
        }
    }
    XIMSS_TRY(ximss_login(request->context, login, session, real_name, pool));
    return ximss_cookie_make(request, *session);
}

static int reply_session(ximss_request_t *request, const ximss_session_t *session,
                         const char *real_name)
{
    ximss_xml_t *out = ximss_xml_create(request->config->limits.reply_bytes, request->r->pool);

    ximss_xml_start(out, "session");
    ximss_xml_attr(out, "urlID", session->url_id);
    ximss_xml_attr(out, "userName", session->user_name);
    ximss_xml_attr(out, "realName", real_name);
    ximss_xml_attr(out, "version", CLIENT_VERSION);
    ximss_xml_end(out);
    ximss_alert_write_waiting(request->context, session, out, request->r->pool);
    return ximss_reply_root(request, HTTP_OK, out);
}

static int reply_failure(ximss_request_t *request, const apr_table_t *parameters,
                         const ximss_login_request_t *login, const ximss_error_t *error)
{
    request_rec *r = request->r;
    const char *as_xml = apr_table_get(parameters, "errorAsXML");

    if (as_xml != NULL && as_xml[0] != '\0') {
        ximss_xml_t *out = ximss_xml_create(request->config->limits.reply_bytes, r->pool);

        ximss_response_write(out, NULL, error);
        return ximss_reply_root(request, HTTP_OK, out);
    }
    if (error->code == XIMSS_E_LIMIT) {
        /* too many sessions: the request itself is not too large */
        apr_table_setn(r->headers_out, "Retry-After", "30");
        return ximss_reply_text(request, HTTP_SERVICE_UNAVAILABLE, error->text);
    }
    if (error->code != XIMSS_E_BAD_LOGIN && error->code != XIMSS_E_ACCOUNT_MOVED &&
        error->code != XIMSS_E_NOT_SUPPORTED) {
        return ximss_reply_error(request, error);
    }
    /* A browser sends what the user typed into its own dialogue only after this challenge. */
    if (apr_table_get(r->headers_in, "Authorization") != NULL ||
        (login->credentials.user_name == NULL && login->session_id == NULL)) {
        apr_table_setn(r->headers_out, "WWW-Authenticate", CHALLENGE);
        return ximss_reply_text(request, HTTP_UNAUTHORIZED, error->text);
    }
    return ximss_reply_text(request, HTTP_FORBIDDEN, error->text);
}

int ximss_handle_login(ximss_request_t *request)
{
    apr_pool_t *pool = request->r->pool;
    apr_table_t *parameters = ximss_parameters_make(pool);
    const ximss_error_t *error = NULL;
    ximss_login_request_t login;
    ximss_session_t *session;
    const char *real_name;
    const char *refused;
    apr_size_t limit = request->config->limits.request_bytes;
    ximss_body_t body;
    int status;

    status = ximss_body_read(request, limit < BODY_BYTES ? limit : BODY_BYTES, &body, pool);
    if (status != OK) {
        return ximss_reply_text(request, status, "the body cannot be read or is too large");
    }
    if (ximss_body_is_xml(&body)) {
        return run_document(request, &body);
    }
    ximss_parameters_read(parameters, request->query, pool);
    refused = refusal(request, parameters);
    ximss_parameters_read(parameters, body.data, pool);
    login = read_login(request, parameters);
    if (refused != NULL) {
        error = ximss_error(pool, XIMSS_E_NOT_SUPPORTED, "%s", refused);
    }
    else {
        error = try_login(request, parameters, &login, &session, &real_name);
    }
    if (error != NULL) {
        return reply_failure(request, parameters, &login, error);
    }
    return reply_session(request, session, real_name);
}
