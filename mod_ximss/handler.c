/* The router. It reads the unparsed URI itself, so that no setting of the site (AllowEncodedSlashes,
 * MergeSlashes, "%2e%2e") touches folder names, and hides the secrets of the URI before any other module
 * sees the request (ARCHITECTURE.md, "How a request runs"). */
#include "mod_ximss/handler.h"
#include "base/hex.h"

#include "mod_ximss/log.h"
#include "mod_ximss/request.h"
#include "mod_ximss/shm.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_request.h>
#include <string.h>

APLOG_USE_MODULE(ximss);

#define REALM_LOGIN   "XIMSSLogin"
#define REALM_SESSION "Session"
#define ID_SHOWN      6 /* characters of a urlID that logs may show: the slot, not the secret */

/* clang-format off */
static const ximss_url_route_t routes[] = {
    {REALM_LOGIN,   "",         "GET, POST", ximss_handle_login},
    {REALM_SESSION, "",         "GET",       ximss_handle_poll},
    {REALM_SESSION, "get",      "GET",       ximss_handle_poll},
    {REALM_SESSION, "sync",     "GET, POST", ximss_handle_sync},
    {REALM_SESSION, "async",    "GET, POST", ximss_handle_async},
    {REALM_SESSION, "KILL",     "GET, POST", ximss_handle_kill},
    {REALM_SESSION, "MIME",     "GET, HEAD", ximss_handle_mime},
    {REALM_SESSION, "UPLOAD",   "POST",      ximss_handle_upload},
    {REALM_SESSION, "DOWNLOAD", "GET, HEAD", ximss_handle_download},
    {REALM_SESSION, "FORMAT",   "GET",       ximss_handle_missing},
    {REALM_SESSION, "FILE",     "GET",       ximss_handle_missing}};
/* clang-format on */

static const ximss_url_route_t *find_route(const char *realm, const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].realm, realm) == 0 && ap_cstr_casecmp(routes[i].name, name) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

/* ---- reading the URI ---- */

/* The path of an unparsed URI: after scheme and authority of the absolute form (RFC 9112, 3.2.2). */
static const char *path_of(const char *uri)
{
    const char *authority = strstr(uri, "://");

    if (uri[0] == '/' || authority == NULL) {
        return uri;
    }
    authority += 3;
    return authority + strcspn(authority, "/?#");
}

/* Decodes the LENGTH bytes of a segment; NULL for a bad escape or NUL. */
static const char *decode_segment(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *decoded = apr_palloc(pool, length + 1);
    apr_size_t used = 0;
    apr_size_t i;

    for (i = 0; i < length; i++) {
        if (text[i] == '%') {
            int byte = i + 2 < length ? ximss_hex_byte(text[i + 1], text[i + 2]) : -1;

            if (byte <= 0) {
                return NULL;
            }
            decoded[used++] = (char)byte;
            i += 2;
        }
        else {
            decoded[used++] = text[i];
        }
    }
    decoded[used] = '\0';
    return decoded;
}

/* Takes the next segment off *PATH ("/a/b" gives "a"); *RAW is where it stood. NULL as decode_segment. */
static const char *next_segment(const char **path, apr_pool_t *pool)
{
    const char *start = *path + 1;
    apr_size_t length = strcspn(start, "/?#");

    *path = start + length;
    return decode_segment(start, length, pool);
}

static const char *realm_of(const char **path, apr_pool_t *pool)
{
    const char *realm = path[0][0] == '/' ? next_segment(path, pool) : NULL;

    if (realm != NULL && ap_cstr_casecmp(realm, REALM_LOGIN) == 0) {
        return REALM_LOGIN;
    }
    if (realm != NULL && ap_cstr_casecmp(realm, REALM_SESSION) == 0) {
        return REALM_SESSION;
    }
    return NULL;
}

/* Reads the segments that are left into REQUEST; the first is the name of the route. */
static const char *read_rest(ximss_request_t *request, const char *path)
{
    apr_pool_t *pool = request->r->pool;
    const char *name = "";

    if (path[0] == '/') {
        name = next_segment(&path, pool);
        request->malformed = name == NULL;
    }
    while (path[0] == '/' && !request->malformed) {
        const char *segment = next_segment(&path, pool);

        request->malformed = segment == NULL;
        APR_ARRAY_PUSH(request->segments, const char *) = segment;
    }
    return name;
}

/* What logs may show of a urlID, whatever stands in its place. */
static const char *shown_id(const char *url_id, apr_pool_t *pool)
{
    apr_size_t digits = strspn(url_id, "0123456789");

    return apr_pstrcat(pool, apr_pstrmemdup(pool, url_id, digits < ID_SHOWN ? digits : ID_SHOWN),
                       "-***", NULL);
}

static void claim_session(ximss_request_t *request, const char *path)
{
    request_rec *r = request->r;
    const char *name;
    const char *shown;

    if (path[0] == '/') {
        request->url_id = next_segment(&path, r->pool);
        request->malformed = request->url_id == NULL;
    }
    shown = apr_pstrcat(r->pool, "/" REALM_SESSION "/",
                        shown_id(request->malformed ? "" : request->url_id, r->pool), NULL);
    ximss_log_hide(r, ximss_log_mask_uri(apr_pstrcat(r->pool, shown, path, NULL), r->pool));
    name = request->malformed ? NULL : read_rest(request, path);
    if (!request->malformed) {
        request->route = find_route(REALM_SESSION, name);
    }
    r->uri =
        apr_pstrcat(r->pool, shown, "/", request->route != NULL ? request->route->name : "", NULL);
}

/* Leaves R in HTTP/1.1: mod_http2 would make its first stream of the URI as it is seen from now on, and a poll can be
 * parked here. */
static void refuse_upgrade(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");

    if (upgrade != NULL && ap_find_token(r->pool, upgrade, "h2c")) {
        apr_table_unset(r->headers_in, "Upgrade");
    }
}

/* Claims R when it is for one of our realms. From here on its URI, as all other modules see it, is the
 * canonical name of the route without secrets; <Location> sections match that. */
int ximss_handler_post_read(request_rec *r)
{
    const ximss_config_t *config = ximss_config_get(r->server);
    const char *path = r->unparsed_uri != NULL ? path_of(r->unparsed_uri) : "";
    const char *realm = config->engine && r->prev == NULL ? realm_of(&path, r->pool) : NULL;
    ximss_request_t *request;
    const char *query;
    const char *name;

    if (config->engine) {
        ximss_log_hide_early(r);
    }
    if (realm == NULL) {
        return DECLINED;
    }
    refuse_upgrade(r);
    request = apr_pcalloc(r->pool, sizeof(*request));
    request->r = r;
    request->config = config;
    request->url_id = "";
    request->segments = apr_array_make(r->pool, 4, sizeof(const char *));
    query = strchr(path, '?');
    request->query = query != NULL ? apr_pstrdup(r->pool, query + 1) : NULL;
    if (strcmp(realm, REALM_LOGIN) == 0) {
        name = read_rest(request, path);
        request->route = name != NULL && name[0] == '\0' ? find_route(REALM_LOGIN, "") : NULL;
        ximss_log_hide(
            r, ximss_log_mask_uri(apr_pstrcat(r->pool, "/" REALM_LOGIN, path, NULL), r->pool));
        r->uri = apr_pstrdup(r->pool, "/" REALM_LOGIN "/");
    }
    else {
        claim_session(request, path);
    }
    r->parsed_uri.path = r->uri;
    ap_set_module_config(r->request_config, &ximss_module, request);
    return DECLINED;
}

ximss_request_t *ximss_request_get(const request_rec *r)
{
    return r->main == NULL ? ap_get_module_config(r->request_config, &ximss_module) : NULL;
}

int ximss_handler_pre_translate(request_rec *r)
{
    return ximss_request_get(r) != NULL ? DONE : DECLINED;
}

int ximss_handler_claimed(request_rec *r)
{
    return ximss_request_get(r) != NULL ? OK : DECLINED;
}

/* Where a handler is set, mod_dir serves no fallback. */
int ximss_handler_fixups(request_rec *r)
{
    if (ximss_request_get(r) == NULL) {
        return DECLINED;
    }
    r->handler = "ximss";
    return OK;
}

/* ---- running ---- */

static int is_allowed(const request_rec *r, const char *allow)
{
    const char *found = strstr(allow, r->method);
    apr_size_t length = strlen(r->method);

    return found != NULL && length > 0 && (found == allow || found[-1] == ' ') &&
           (found[length] == '\0' || found[length] == ',');
}

int ximss_handler_run(request_rec *r)
{
    ximss_request_t *request = ximss_request_get(r);

    if (request == NULL) {
        return DECLINED;
    }
    ximss_reply_headers(request);
    if (request->malformed) {
        return ximss_reply_text(request, HTTP_BAD_REQUEST, "the URL is malformed");
    }
    if (r->method_number == M_OPTIONS) {
        return ximss_reply_options(request);
    }
    if (request->route == NULL) {
        return ximss_reply_text(request, HTTP_NOT_FOUND, "no such URL");
    }
    if (!is_allowed(r, request->route->allow)) {
        apr_table_setn(r->headers_out, "Allow",
                       apr_pstrcat(r->pool, request->route->allow, ", OPTIONS", NULL));
        return ximss_reply_text(request, HTTP_METHOD_NOT_ALLOWED, "wrong method");
    }
    request->context = ximss_shm_context(r->server);
    if (request->context == NULL) {
        apr_table_setn(r->headers_out, "Retry-After", "5");
        return ximss_reply_text(request, HTTP_SERVICE_UNAVAILABLE,
                                "the mail store is not available");
    }
    ximss_shm_sweep_if_due(r->pool);
    return request->route->handler(request);
}
