/* The library's log lines into httpd's error log; urlIDs and passwords kept out of every log. */
#include "mod_ximss/log.h"

#include "base/log.h"
#include "mod_ximss/config.h"
#include "mod_ximss/handler.h"
#include "session/table.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_log.h>
#include <scoreboard.h>
#include <string.h>

APLOG_USE_MODULE(ximss);

#define ID_DIGITS 6
#define HIDDEN    "***"

/* ---- library lines ---- */

static const int httpd_levels[] = {[XIMSS_LOG_ERROR] = APLOG_ERR,
                                   [XIMSS_LOG_WARN] = APLOG_WARNING,
                                   [XIMSS_LOG_INFO] = APLOG_INFO,
                                   [XIMSS_LOG_DEBUG] = APLOG_DEBUG};

static void log_line(void *baton, ximss_log_level_t level, const char *line)
{
    ap_log_error(APLOG_MARK, httpd_levels[level], 0, (server_rec *)baton, "%s", line);
}

/* Whether any server of this configuration serves us: else nothing of the site is touched. */
static int started;

void ximss_log_start(server_rec *server)
{
    ximss_log_level_t level = XIMSS_LOG_WARN;

    if (APLOG_IS_LEVEL(server, APLOG_DEBUG)) {
        level = XIMSS_LOG_DEBUG;
    }
    else if (APLOG_IS_LEVEL(server, APLOG_INFO)) {
        level = XIMSS_LOG_INFO;
    }
    ximss_log_set(log_line, server, level);
    started = 1;
}

/* ---- urlIDs ---- */

/* Whether a urlID stands at TEXT: six digits, "-", twenty letters or digits. */
static int is_id(const char *text)
{
    int i;

    for (i = 0; i < ID_DIGITS; i++) {
        if (!apr_isdigit(text[i])) {
            return 0;
        }
    }
    if (text[ID_DIGITS] != '-') {
        return 0;
    }
    for (i = ID_DIGITS + 1; i < XIMSS_URL_ID_LENGTH; i++) {
        if (!apr_isalnum(text[i])) {
            return 0;
        }
    }
    return 1;
}

const char *ximss_log_mask_ids(const char *text, apr_pool_t *pool)
{
    char *masked = NULL;
    const char *from = text;
    const char *at;

    for (at = text; *at != '\0'; at++) {
        if (is_id(at)) {
            masked = apr_pstrcat(
                pool, masked != NULL ? masked : "",
                apr_pstrmemdup(pool, from, (apr_size_t)(at - from) + ID_DIGITS + 1), HIDDEN, NULL);
            at += XIMSS_URL_ID_LENGTH - 1;
            from = at + 1;
        }
    }
    return masked != NULL ? apr_pstrcat(pool, masked, from, NULL) : text;
}

/* ---- URIs ---- */

/* Parameters whose values may be seen. What is not listed is hidden with its name: the rest of a password
 * that was not encoded looks like one. */
static const char *const shown_parameters[] = {
    "userName",       "domain",           "errorAsXML",      "killOld", "loginAsGuest",
    "DisableIPWatch", "DisableUseCookie", "EnableUseCookie", "x2auth",  "canUpdatePwd",
    "version",        "reqSeq",           "ackSeq",          "maxWait", "syncAsync",
    "random",         "counter"};
static const char *const hidden_parameters[] = {"password", "authData", "nonce", "sessionid"};

static int is_listed(const char *name, apr_size_t length, const char *const *list, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (strlen(list[i]) == length && ap_cstr_casecmpn(name, list[i], length) == 0) {
            return 1;
        }
    }
    return 0;
}

#define IS_LISTED(name, length, list)                                                              \
    is_listed(name, length, list, (int)(sizeof(list) / sizeof((list)[0])))

static const char *mask_parameter(const char *pair, apr_size_t length, apr_pool_t *pool)
{
    const char *equals = memchr(pair, '=', length);
    apr_size_t name_length = equals != NULL ? (apr_size_t)(equals - pair) : length;

    if (length == 0) {
        return "";
    }
    if (IS_LISTED(pair, name_length, shown_parameters)) {
        return ximss_log_mask_ids(apr_pstrmemdup(pool, pair, length), pool);
    }
    if (IS_LISTED(pair, name_length, hidden_parameters)) {
        return apr_pstrcat(pool, apr_pstrmemdup(pool, pair, name_length), "=" HIDDEN, NULL);
    }
    return HIDDEN;
}

static const char *mask_query(const char *query, apr_pool_t *pool)
{
    apr_array_header_t *pairs = apr_array_make(pool, 8, sizeof(const char *));
    apr_size_t length;

    for (;;) {
        length = strcspn(query, "&");
        APR_ARRAY_PUSH(pairs, const char *) = mask_parameter(query, length, pool);
        if (query[length] == '\0') {
            break;
        }
        query += length + 1;
    }
    return apr_array_pstrcat(pool, pairs, '&');
}

/* Whether PATH is one of our realms, however it is written: what misses us by a second slash is meant for us
 * all the same. Queries of the rest of the site stay as they are. */
static int names_realm(const char *path, apr_pool_t *pool)
{
    const char *authority = path[0] != '/' ? strstr(path, "://") : NULL;
    char *segment;

    if (authority != NULL) {
        path = authority + 3 + strcspn(authority + 3, "/");
    }
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/')) {
        path++;
    }
    segment = apr_pstrmemdup(pool, path, strcspn(path, "/"));
    ap_unescape_url(segment);
    return ap_cstr_casecmp(segment, "XIMSSLogin") == 0 || ap_cstr_casecmp(segment, "Session") == 0;
}

const char *ximss_log_mask_uri(const char *uri, apr_pool_t *pool)
{
    apr_size_t length = strcspn(uri, "?");
    const char *path = apr_pstrmemdup(pool, uri, length);
    const char *query = uri[length] == '?' ? uri + length + 1 : NULL;

    if (query == NULL) {
        return ximss_log_mask_ids(uri, pool);
    }
    query = names_realm(path, pool) ? mask_query(query, pool) : ximss_log_mask_ids(query, pool);
    return apr_pstrcat(pool, ximss_log_mask_ids(path, pool), "?", query, NULL);
}

/* ---- what loggers see ---- */

/* The request line with its URI masked; the URI of a malformed line may hold blanks. */
static const char *mask_line(const char *line, apr_pool_t *pool)
{
    const char *uri = strchr(line, ' ');
    const char *end;
    const char *next;

    if (uri == NULL) {
        return ximss_log_mask_uri(line, pool);
    }
    uri++;
    end = line + strlen(line);
    for (next = strstr(uri, " HTTP/"); next != NULL; next = strstr(next + 1, " HTTP/")) {
        end = next;
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, line, (apr_size_t)(uri - line)),
                       ximss_log_mask_uri(apr_pstrmemdup(pool, uri, (apr_size_t)(end - uri)), pool),
                       end, NULL);
}

void ximss_log_hide(request_rec *r, const char *masked)
{
    apr_size_t length = strcspn(masked, "?");

    r->the_request = apr_pstrcat(r->pool, r->method, " ", masked, r->assbackwards ? NULL : " ",
                                 r->protocol, NULL);
    r->unparsed_uri = apr_pstrdup(r->pool, masked);
    r->args = masked[length] == '?' ? apr_pstrdup(r->pool, masked + length + 1) : NULL;
    r->parsed_uri.query = r->args;
    r->parsed_uri.fragment = NULL;
}

int ximss_log_hide_early(request_rec *r)
{
    const char *referer = apr_table_get(r->headers_in, "Referer");
    const char *masked;

    if (referer != NULL) {
        apr_table_setn(r->headers_in, "Referer", ximss_log_mask_uri(referer, r->pool));
    }
    if (r->the_request == NULL) {
        return 0;
    }
    masked = mask_line(r->the_request, r->pool);
    if (strcmp(masked, r->the_request) == 0) {
        return 0;
    }
    r->the_request = (char *)masked;
    return 1;
}

static int is_ours(const request_rec *r)
{
    for (; r != NULL; r = r->prev) {
        if (ximss_request_get(r) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The parts of a URI that log formats can name. */
static void hide_parts(request_rec *r)
{
    const char *masked;

    if (r->uri != NULL) {
        r->uri = (char *)ximss_log_mask_ids(r->uri, r->pool);
        r->parsed_uri.path = r->uri;
    }
    if (r->filename != NULL) {
        r->filename = (char *)ximss_log_mask_ids(r->filename, r->pool);
    }
    if (r->args != NULL) {
        masked = apr_pstrcat(r->pool, r->uri != NULL ? r->uri : "", "?", r->args, NULL);
        masked = ximss_log_mask_uri(masked, r->pool);
        r->args = (char *)strchr(masked, '?') + 1;
        r->parsed_uri.query = r->args;
    }
}

int ximss_log_transaction(request_rec *r)
{
    int hid;

    if (!started) {
        return DECLINED;
    }
    hid = ximss_log_hide_early(r);
    if (!is_ours(r)) {
        hide_parts(r);
    }
    /* The status page has taken the request line of one that failed early already. */
    if (hid) {
        ap_update_child_status(r->connection->sbh, SERVER_BUSY_LOG, r);
    }
    return DECLINED;
}
