/* Login: credentials or a live session become a new session. */
#include "op/alert.h"
#include "op/handlers.h"
#include "op/ops.h"
#include "store/prefs.h"

#include <apr_base64.h>
#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

/* Longest wait for the session that a login names by its urlID. */
#define OLD_SESSION_WAIT_MS 5000

/* What a login is about to become. */
typedef struct ximss_newcomer_t {
    const ximss_account_entry_t *entry;
    apr_int64_t previous_login;
    apr_uint64_t stamp;
} ximss_newcomer_t;

int ximss_session_is_over(const ximss_context_t *context, const ximss_session_t *session,
                          apr_pool_t *pool)
{
    apr_uint64_t stamp = ximss_account_stamp(context->store, session->account_id, pool);

    return (stamp != 0 && stamp != session->account_stamp) ||
           ximss_account_deleted(context->store, session->account_id, session->user_name, pool);
}

static const ximss_error_t *bad_login(apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_BAD_LOGIN, NULL);
}

/* Whether USER, as a client writes it, means the account OWNER; a name without a domain is looked up in the
 * owner's. Nobody becomes another by naming himself beside a urlID that is not his. */
static int names_owner(const char *user, const ximss_account_entry_t *owner, ximss_store_t *store,
                       apr_pool_t *pool)
{
    ximss_account_entry_t *named;
    const char *at = strrchr(owner->name, '@');
    if (user == NULL || user[0] == '\0') {
        return 1;
    }
    if (strchr(user, '@') == NULL && at != NULL) {
        user = apr_pstrcat(pool, user, at, NULL);
    }
    return ximss_account_find(store, user, &named, pool) == NULL && named != NULL &&
           strcmp(named->id, owner->id) == 0;
}

/* Who owns the live session URL_ID. A watched session vouches only for its own client address. */
static const ximss_error_t *newcomer_by_session(ximss_newcomer_t *newcomer,
                                                const ximss_context_t *context,
                                                const ximss_login_request_t *request,
                                                apr_pool_t *pool)
{
    ximss_session_t *locked;
    ximss_session_t old;
    ximss_account_entry_t *entry;
    XIMSS_TRY(ximss_session_lock(&locked, context->table, request->session_id, OLD_SESSION_WAIT_MS,
                                 pool));
    if (locked == NULL) {
        return bad_login(pool);
    }
    old = *locked;
    ximss_session_unlock(context->table, locked);
    if (old.ip_watch && (request->credentials.address == NULL ||
                         strcmp(old.address, request->credentials.address) != 0)) {
        return bad_login(pool);
    }
    XIMSS_TRY(ximss_account_find(context->store, old.user_name, &entry, pool));
    if (entry == NULL || !entry->enabled || strcmp(entry->id, old.account_id) != 0 ||
        !names_owner(request->credentials.user_name, entry, context->store, pool) ||
        ximss_session_is_over(context, &old, pool)) {
        return bad_login(pool);
    }
    newcomer->entry = entry;
    newcomer->stamp = old.account_stamp;
    newcomer->previous_login = old.previous_login;
    return NULL;
}

static const ximss_error_t *newcomer_by_password(ximss_newcomer_t *newcomer,
                                                 const ximss_context_t *context,
                                                 const ximss_login_request_t *request,
                                                 apr_pool_t *pool)
{
    ximss_account_entry_t *entry;
    ximss_login_t previous;
    XIMSS_TRY(ximss_auth_login(context->auth, &request->credentials, &entry, &previous, pool));
    newcomer->entry = entry;
    newcomer->stamp = entry->stamp;
    newcomer->previous_login = previous.when;
    return NULL;
}

static const ximss_error_t *pref_is_yes(ximss_account_t *account, const char *name, int *yes,
                                        apr_pool_t *pool)
{
    const char *value;
    XIMSS_TRY(ximss_prefs_get(account, name, &value, pool));
    *yes = value != NULL && apr_cstr_casecmp(value, "YES") == 0;
    return NULL;
}

/* Fills in what the account's preferences decide. */
static const ximss_error_t *apply_prefs(ximss_session_t *session, ximss_account_t *account,
                                        const ximss_login_request_t *request, apr_pool_t *pool)
{
    XIMSS_TRY(pref_is_yes(account, "IPWatch", &session->ip_watch, pool));
    XIMSS_TRY(pref_is_yes(account, "UseCookie", &session->use_cookie, pool));
    if (request->disable_ip_watch) {
        session->ip_watch = 0;
    }
    if (request->use_cookie >= 0) {
        session->use_cookie = request->use_cookie;
    }
    return ximss_op_session_zone(session, account, pool);
}

static const ximss_error_t *read_prefs(ximss_session_t *session, const ximss_context_t *context,
                                       const ximss_login_request_t *request, apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    XIMSS_TRY(ximss_account_checkout(&account, context->store, session->account_id, pool));
    error = ximss_account_begin_read(account, pool);
    if (error == NULL) {
        error = apply_prefs(session, account, request, pool);
        if (error == NULL) {
            error = ximss_alert_newest(account, &session->alert_seen, pool);
        }
        ximss_account_rollback(account);
    }
    ximss_account_return(account);
    return error;
}

/* Ends the session that the login named, once there is a new one. Its client learns it by its poll. */
static const ximss_error_t *kill_old(const ximss_context_t *context, const char *url_id,
                                     apr_pool_t *pool)
{
    ximss_session_t *old;
    XIMSS_TRY(ximss_session_lock(&old, context->table, url_id, OLD_SESSION_WAIT_MS, pool));
    if (old != NULL) {
        old->ended = XIMSS_ENDED_BY_SERVER;
        ximss_session_unlock(context->table, old);
    }
    return NULL;
}

const ximss_error_t *ximss_login(const ximss_context_t *context,
                                 const ximss_login_request_t *request, ximss_session_t **session,
                                 const char **real_name, apr_pool_t *pool)
{
    ximss_newcomer_t newcomer;
    ximss_session_t *fresh = apr_pcalloc(pool, sizeof(*fresh));
    const char *address = request->credentials.address;
    if (request->session_id != NULL) {
        XIMSS_TRY(newcomer_by_session(&newcomer, context, request, pool));
    }
    else {
        XIMSS_TRY(newcomer_by_password(&newcomer, context, request, pool));
    }
    if (strlen(newcomer.entry->id) >= sizeof(fresh->account_id) ||
        strlen(newcomer.entry->name) >= sizeof(fresh->user_name)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "account name or id is too long");
    }
    apr_cpystrn(fresh->account_id, newcomer.entry->id, sizeof(fresh->account_id));
    apr_cpystrn(fresh->user_name, newcomer.entry->name, sizeof(fresh->user_name));
    apr_cpystrn(fresh->address, address != NULL ? address : "", sizeof(fresh->address));
    fresh->previous_login = newcomer.previous_login;
    fresh->account_stamp = newcomer.stamp;
    XIMSS_TRY(read_prefs(fresh, context, request, pool));
    XIMSS_TRY(ximss_session_create(context->table, fresh, pool));
    if (request->session_id != NULL && request->kill_old) {
        XIMSS_TRY(kill_old(context, request->session_id, pool));
    }
    *session = fresh;
    *real_name = newcomer.entry->real_name;
    return NULL;
}

/* SASL PLAIN (RFC 4616): authorization name, NUL, user name, NUL, password. */
static const ximss_error_t *decode_plain(ximss_credentials_t *credentials, const char *auth_data,
                                         apr_pool_t *pool)
{
    char *text = apr_palloc(pool, (apr_size_t)apr_base64_decode_len(auth_data) + 1);
    int length = apr_base64_decode(text, auth_data);
    const char *user;
    const char *password;
    text[length] = '\0';
    user = memchr(text, '\0', (size_t)length);
    password = user != NULL ? memchr(user + 1, '\0', (size_t)(text + length - (user + 1))) : NULL;
    if (password == NULL || memchr(password + 1, '\0', (size_t)(text + length - (password + 1)))) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "attribute \"authData\" is not SASL PLAIN");
    }
    credentials->user_name = user + 1;
    credentials->password = password + 1;
    return NULL;
}

static const ximss_error_t *read_credentials(ximss_call_t *call, ximss_credentials_t *credentials)
{
    const char *method = ximss_element_attr(call->request, "method");
    const char *auth_data = ximss_element_attr(call->request, "authData");
    if (method != NULL && apr_cstr_casecmp(method, "PLAIN") == 0) {
        return decode_plain(credentials, auth_data, call->pool);
    }
    if (method != NULL && *method != '\0') {
        return ximss_error(call->pool, XIMSS_E_NOT_SUPPORTED, "this login method is not supported");
    }
    credentials->user_name = auth_data;
    return ximss_call_attr(call, "password", &credentials->password);
}

const ximss_error_t *ximss_op_login(ximss_call_t *call)
{
    ximss_login_request_t request = {.use_cookie = -1};
    ximss_session_t *session;
    const char *real_name;
    XIMSS_TRY(read_credentials(call, &request.credentials));
    request.credentials.domain = ximss_element_attr(call->request, "domain");
    request.credentials.host = call->peer->host;
    request.credentials.fallback = call->context->default_domain;
    request.credentials.address = call->peer->address;
    XIMSS_TRY(ximss_login(call->context, &request, &session, &real_name, call->pool));
    ximss_call_message(call, "session");
    ximss_xml_attr(call->out, "urlID", session->url_id);
    ximss_xml_attr(call->out, "userName", session->user_name);
    ximss_xml_attr(call->out, "realName", real_name);
    ximss_xml_end(call->out);
    ximss_alert_write_waiting(call->context, session, call->out, call->pool);
    return NULL;
}
