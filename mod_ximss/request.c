/* Bodies in with a limit, replies out with the headers that clients need. */
#include "mod_ximss/request.h"
#include "base/hex.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>
#include <util_script.h>

APLOG_USE_MODULE(ximss);

#define STATUS_LOST      550
#define STATUS_LOST_LINE "550 Session is lost"
#define FIRST_BODY_BYTES 8192
#define READ_BYTES       65536

/* ---- bodies ---- */

/* Gives what is in BRIGADE to TAKE; *ENDED is set at its end of stream. Returns OK, an HTTP status, or what TAKE
 * returned. */
static int take_brigade(apr_bucket_brigade *brigade, int *ended, ximss_body_take_t take,
                        void *baton)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char *data;
        apr_size_t length;
        apr_status_t status;
        int answer;

        if (APR_BUCKET_IS_EOS(bucket)) {
            *ended = 1;
            return OK;
        }
        if (APR_BUCKET_IS_METADATA(bucket)) {
            continue;
        }
        status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
        if (status != APR_SUCCESS) {
            return ap_map_http_request_error(status, HTTP_BAD_REQUEST);
        }
        answer = take(baton, data, length);
        if (answer != OK) {
            return answer;
        }
    }
    return OK;
}

apr_off_t ximss_body_announced(const ximss_request_t *request)
{
    const char *header = apr_table_get(request->r->headers_in, "Content-Length");
    apr_off_t length;

    return header != NULL && ap_parse_strict_length(&length, header) ? length : -1;
}

int ximss_body_stream(ximss_request_t *request, ximss_body_take_t take, void *baton)
{
    request_rec *r = request->r;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    int ended = 0;
    int answer = OK;

    while (answer == OK && !ended) {
        apr_status_t status = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES,
                                             APR_BLOCK_READ, READ_BYTES);

        if (status != APR_SUCCESS) {
            answer = ap_map_http_request_error(status, HTTP_BAD_REQUEST);
            break;
        }
        answer = take_brigade(brigade, &ended, take, baton);
        apr_brigade_cleanup(brigade);
    }
    apr_brigade_destroy(brigade);
    return answer;
}

typedef struct growing_t {
    char *data;
    apr_size_t length;
    apr_size_t room;
    apr_size_t limit;
    apr_pool_t *pool;
} growing_t;

static int grow(void *baton, const char *data, apr_size_t length)
{
    growing_t *body = baton;

    if (length > body->limit - body->length) {
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    if (body->length + length >= body->room) {
        apr_size_t room = (body->length + length + 1) * 2;
        char *larger = apr_palloc(body->pool, room);

        memcpy(larger, body->data, body->length);
        body->data = larger;
        body->room = room;
    }
    memcpy(body->data + body->length, data, length);
    body->length += length;
    return OK;
}

int ximss_body_read(ximss_request_t *request, apr_size_t limit, ximss_body_t *body,
                    apr_pool_t *pool)
{
    apr_off_t announced = ximss_body_announced(request);
    growing_t got = {.limit = limit, .room = FIRST_BODY_BYTES, .pool = pool};
    int status;

    if (announced > 0) {
        if ((apr_uint64_t)announced > limit) {
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
        /* the text of a message grows by its line ends: it fits here when this is given back */
        got.room += (apr_size_t)(announced + announced / 32);
    }
    got.data = apr_palloc(got.pool, got.room);
    status = ximss_body_stream(request, grow, &got);
    if (status != OK) {
        return status;
    }
    got.data[got.length] = '\0';
    body->data = got.data;
    body->length = got.length;
    return OK;
}

int ximss_body_is_xml(const ximss_body_t *body)
{
    const unsigned char *at = (const unsigned char *)body->data;
    const unsigned char *end = at + body->length;

    if (end - at >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
    }
    while (at < end && apr_isspace(*at)) {
        at++;
    }
    return at < end && (*at == '<' || *at == 0 || *at >= 0xFE);
}

const ximss_error_t *ximss_body_parse(const ximss_request_t *request, const ximss_body_t *body,
                                      const ximss_element_t **root)
{
    apr_pool_t *pool = request->r->pool;

    XIMSS_TRY(ximss_xml_parse(root, body->data, body->length, &request->config->limits, pool));
    if (!ximss_element_is(*root, "XIMSS")) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the root element must be XIMSS");
    }
    return NULL;
}

/* ---- parameters ---- */

apr_table_t *ximss_parameters_make(apr_pool_t *pool)
{
    return apr_table_make(pool, 16);
}

/* Decodes a form value (application/x-www-form-urlencoded); a bad escape stays as it is, as some clients do not
 * encode at all. NUL bytes end the value. */
static char *decode_value(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *value = apr_pstrmemdup(pool, text, length);
    char *to = value;
    const char *from;

    for (from = value; *from != '\0'; from++) {
        if (*from == '+') {
            *to++ = ' ';
        }
        else if (*from == '%' && from[1] != '\0' && ximss_hex_byte(from[1], from[2]) >= 0) {
            *to++ = (char)ximss_hex_byte(from[1], from[2]);
            from += 2;
        }
        else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return value;
}

void ximss_parameters_read(apr_table_t *parameters, const char *text, apr_pool_t *pool)
{
    while (text != NULL && *text != '\0') {
        apr_size_t length = strcspn(text, "&");
        apr_size_t name_length = strcspn(text, "=&");

        if (name_length < length) {
            apr_table_setn(parameters, decode_value(text, name_length, pool),
                           decode_value(text + name_length + 1, length - name_length - 1, pool));
        }
        text += length;
        text += *text == '&';
    }
}

int ximss_parameter_on(const apr_table_t *parameters, const char *name)
{
    const char *value = apr_table_get(parameters, name);

    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0 &&
           ap_cstr_casecmp(value, "no") != 0;
}

ximss_peer_t ximss_request_peer(const ximss_request_t *request)
{
    request_rec *r = request->r;
    ximss_peer_t peer = {.host = r->hostname, .address = r->useragent_ip};

    peer.secure = strcmp(ap_http_scheme(r), "https") == 0;
    return peer;
}

/* ---- replies ---- */

/* The Access-Control-Allow-Origin for this request, NULL for none. */
static const char *allowed_origin(const ximss_request_t *request)
{
    const apr_array_header_t *origins = request->config->origins;
    const char *origin = apr_table_get(request->r->headers_in, "Origin");
    int i;

    if (origins == NULL) {
        return "*";
    }
    for (i = 0; origin != NULL && i < origins->nelts; i++) {
        if (ap_cstr_casecmp(origin, APR_ARRAY_IDX(origins, i, const char *)) == 0) {
            return origin;
        }
    }
    return NULL;
}

void ximss_reply_headers(ximss_request_t *request)
{
    apr_table_t *headers = request->r->headers_out;
    const char *origin = allowed_origin(request);

    if (origin != NULL) {
        apr_table_setn(headers, "Access-Control-Allow-Origin", origin);
    }
    if (request->config->origins != NULL) {
        apr_table_mergen(headers, "Vary", "Origin");
    }
    apr_table_setn(headers, "Cache-Control", "no-cache");
    apr_table_setn(headers, "Pragma", "no-cache");
    /* In the past, and given: else mod_expires adds its own, and a max-age. */
    apr_table_setn(headers, "Expires", "Thu, 01 Jan 1970 00:00:00 GMT");
    apr_table_setn(headers, "Referrer-Policy", "no-referrer");
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
}

int ximss_reply_bytes(ximss_request_t *request, const char *data, apr_size_t length)
{
    request_rec *r = request->r;
    conn_rec *c = r->connection;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, c->bucket_alloc);

    ap_set_content_length(r, (apr_off_t)length);
    if (length > 0 && !r->header_only) {
        APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_immortal_create(data, length, c->bucket_alloc));
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(c->bucket_alloc));
    ap_pass_brigade(r->output_filters, brigade);
    return OK;
}

/* Sends a document that is no file: never in ranges. A body that nobody read must not become the next
 * request on the connection. */
static int send_document(ximss_request_t *request, int status, const char *type, const char *data,
                         apr_size_t length)
{
    request_rec *r = request->r;

    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "Request-Range");
    r->status = status;
    ap_discard_request_body(r); /* not with a status that closes the connection */
    if (type != NULL) {
        ap_set_content_type(r, type);
    }
    return ximss_reply_bytes(request, data, length);
}

int ximss_reply_text(ximss_request_t *request, int status, const char *text)
{
    const char *body = apr_pstrcat(request->r->pool, text, "\r\n", NULL);

    return send_document(request, status, "text/plain;charset=utf-8", body, strlen(body));
}

int ximss_reply_options(ximss_request_t *request)
{
    apr_table_t *headers = request->r->headers_out;

    apr_table_setn(headers, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    apr_table_setn(headers, "Access-Control-Allow-Headers", "Content-Type, Authorization");
    apr_table_setn(headers, "Access-Control-Max-Age", "86400");
    apr_table_setn(headers, "Allow", "GET, POST, OPTIONS");
    return send_document(request, HTTP_NO_CONTENT, NULL, "", 0);
}

int ximss_reply_empty(ximss_request_t *request)
{
    return send_document(request, HTTP_OK, "text/plain;charset=utf-8", "", 0);
}

int ximss_reply_xml(ximss_request_t *request, int status, const char *data, apr_size_t length)
{
    char *body = apr_palloc(request->r->pool, length + 2);

    memcpy(body, data, length);
    memcpy(body + length, "\r\n", 2);
    return send_document(request, status, "text/xml;charset=utf-8", body, length + 2);
}

/* 550 stands in no table of httpd: a handler that returned it would make it 500. */
int ximss_reply_lost(ximss_request_t *request)
{
    request->r->status_line = STATUS_LOST_LINE;
    return ximss_reply_text(request, STATUS_LOST, "session is lost");
}

int ximss_reply_error(ximss_request_t *request, const ximss_error_t *error)
{
    request_rec *r = request->r;
    int status;

    switch (error->code) {
    case XIMSS_E_BAD_REQUEST:
        status = HTTP_BAD_REQUEST;
        break;
    case XIMSS_E_LIMIT:
        status = HTTP_REQUEST_ENTITY_TOO_LARGE;
        break;
    case XIMSS_E_BUSY:
        apr_table_setn(r->headers_out, "Retry-After", "1");
        status = HTTP_SERVICE_UNAVAILABLE;
        break;
    case XIMSS_E_NO_FOLDER:
    case XIMSS_E_NO_MAILBOX:
    case XIMSS_E_NO_MESSAGE:
    case XIMSS_E_NOT_FOUND:
        status = HTTP_NOT_FOUND;
        break;
    case XIMSS_E_OVER_QUOTA:
        status = HTTP_INSUFFICIENT_STORAGE;
        break;
    case XIMSS_E_DENIED:
        status = HTTP_FORBIDDEN;
        break;
    case XIMSS_E_NOT_SUPPORTED:
        status = HTTP_NOT_IMPLEMENTED;
        break;
    default:
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, r->server, "XM0611: request failed: %s",
                     ximss_error_log_line(error, r->pool));
        status = HTTP_INTERNAL_SERVER_ERROR;
        break;
    }
    return ximss_reply_text(request, status, error->text);
}
