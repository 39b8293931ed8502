/* /Session/<urlID>/MIME/: whole messages and decoded parts (http-binding 7). What a mail brings is never
 * shown as an active page of the site: types from a list, no sniffing, a sandbox. */
#include "mod_ximss/session.h"

#include "base/text.h"
#include "op/ops.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#define NAME_BYTES   200 /* longest file name that is offered */
#define PART_ID_MOST 1024
#define TYPE_UNKNOWN "application/octet-stream"

/* What a URL below MIME/ asks for. */
typedef struct wanted_t {
    const char *folder;
    apr_uint32_t uid;
    const char *part_id; /* NULL: the whole message */
    const char *name;    /* offered by the URL; NULL: none */
} wanted_t;

/* ---- the URL ---- */

/* Reads "UID-" at TEXT; *REST is what follows. */
static int read_uid(const char *text, apr_uint32_t *uid, const char **rest)
{
    apr_uint64_t number = 0;

    while (apr_isdigit(*text)) {
        number = number * 10 + (apr_uint64_t)(*text++ - '0');
        if (number > APR_UINT32_MAX) {
            return 0;
        }
    }
    *uid = (apr_uint32_t)number;
    *rest = text + 1;
    return number > 0 && *text == '-';
}

/* "<UID>-P" with any extension: the whole message. */
static int is_whole(const char *segment, wanted_t *wanted)
{
    const char *rest;

    return read_uid(segment, &wanted->uid, &rest) && rest[0] == 'P' &&
           (rest[1] == '\0' || rest[1] == '.');
}

/* "<UID>-<partID>-B"; without a part id the one part of a simple message. */
static int is_part(const char *segment, wanted_t *wanted, apr_pool_t *pool)
{
    const char *rest;
    apr_size_t length;

    if (!read_uid(segment, &wanted->uid, &rest)) {
        return 0;
    }
    length = strspn(rest, "0123456789-");
    if (strcmp(rest + length, "B") != 0 || length > PART_ID_MOST) {
        return 0;
    }
    wanted->part_id = length > 1 ? apr_pstrmemdup(pool, rest, length - 1) : "01";
    return length < 2 || rest[length - 1] == '-';
}

/* The COUNT first segments as one folder name: a "/" in it came as it is or encoded. */
static const char *join(const apr_array_header_t *segments, int count, apr_pool_t *pool)
{
    apr_array_header_t first = *segments;

    first.nelts = count;
    return apr_array_pstrcat(pool, &first, '/');
}

/* A part is looked for first: the name that follows it may look like anything. */
static int read_wanted(const apr_array_header_t *segments, wanted_t *wanted, apr_pool_t *pool)
{
    int count = segments->nelts;
    const char *last = count > 0 ? APR_ARRAY_IDX(segments, count - 1, const char *) : "";

    memset(wanted, 0, sizeof(*wanted));
    if (count >= 3 && is_part(APR_ARRAY_IDX(segments, count - 2, const char *), wanted, pool)) {
        wanted->name = last;
        count -= 2;
    }
    else if (count >= 2 && is_part(last, wanted, pool)) {
        count -= 1;
    }
    else if (count >= 2 && is_whole(last, wanted)) {
        wanted->part_id = NULL;
        count -= 1;
    }
    else {
        return 0;
    }
    wanted->folder = join(segments, count, pool);
    return 1;
}

/* ---- what is sent ---- */

static const char *const plain_types[] = {"application/gzip",
                                          "application/json",
                                          "application/msword",
                                          "application/ogg",
                                          "application/pdf",
                                          "application/pgp-signature",
                                          "application/pkcs7-mime",
                                          "application/pkcs7-signature",
                                          "application/rtf",
                                          "application/vnd.ms-excel",
                                          "application/vnd.ms-powerpoint",
                                          "application/zip",
                                          "image/bmp",
                                          "image/gif",
                                          "image/heic",
                                          "image/jpeg",
                                          "image/png",
                                          "image/tiff",
                                          "image/webp",
                                          "text/calendar",
                                          "text/csv",
                                          "text/plain",
                                          "text/vcard"};
static const char *const shown_types[] = {"image/gif", "image/jpeg", "image/png", "image/webp"};

/* Families whose members browsers play or save, and never run. */
static const char *const plain_families[] = {"audio/", "video/",
                                             "application/vnd.oasis.opendocument.",
                                             "application/vnd.openxmlformats-officedocument."};

static int is_in(const char *type, const char *const *list, apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(type, list[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

#define IS_IN(type, list) is_in(type, list, sizeof(list) / sizeof((list)[0]))

/* Whether TEXT is of the characters that may stand in a media type or charset (RFC 6838, 4.2). */
static int is_token(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789!#$&-^_.+/")] == '\0';
}

static const char *safe_type(const ximss_part_data_t *part, apr_pool_t *pool)
{
    const char *type = part->media_type != NULL ? part->media_type : TYPE_UNKNOWN;
    apr_size_t i;

    if (strcmp(type, "text/plain") == 0 && part->charset != NULL && strlen(part->charset) < 40 &&
        is_token(part->charset)) {
        return apr_pstrcat(pool, "text/plain;charset=", part->charset, NULL);
    }
    if (IS_IN(type, plain_types)) {
        return type;
    }
    for (i = 0; i < sizeof(plain_families) / sizeof(plain_families[0]); i++) {
        if (strncmp(type, plain_families[i], strlen(plain_families[i])) == 0 && is_token(type)) {
            return type;
        }
    }
    return TYPE_UNKNOWN;
}

/* Whether the character at TEXT turns the direction of writing, which hides the true ending of a name. */
static int is_direction(const unsigned char *text)
{
    return text[0] == 0xE2 && ((text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
                               (text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F)) ||
                               (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9));
}

/* NAME as a file name that means nothing to a shell or a file system. */
static const char *safe_name(const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    const char *clean = ximss_text_clean(name, &length, pool);
    char *safe = apr_pstrmemdup(pool, clean, ximss_text_cut(clean, length, NAME_BYTES));
    char *at;

    for (at = safe; *at != '\0'; at++) {
        if (is_direction((const unsigned char *)at)) {
            memmove(at + 1, at + 3, strlen(at + 3) + 1);
            *at = '_';
        }
        else if ((unsigned char)*at < 0x20 || *at == 0x7F || strchr("/\\\"<>:|?*", *at) != NULL) {
            *at = '_';
        }
    }
    if (safe[0] == '.') {
        safe[0] = '_';
    }
    return safe[0] != '\0' ? safe : "part";
}

/* The file name for clients that know RFC 8187 only in its absence: ASCII. */
static const char *ascii_name(const char *name, apr_pool_t *pool)
{
    char *ascii = apr_pstrdup(pool, name);
    char *at;

    for (at = ascii; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80 || *at == '%') {
            *at = '_';
        }
    }
    return ascii;
}

/* NAME as the value-chars of RFC 8187. */
static const char *encoded_name(const char *name, apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = apr_palloc(pool, strlen(name) * 3 + 1);
    char *to = encoded;

    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;

        if (apr_isalnum(byte) || strchr("-._~", byte) != NULL) {
            *to++ = *name;
        }
        else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    *to = '\0';
    return encoded;
}

/* RFC 6266. */
static const char *disposition(const char *type, const char *name, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s; filename=\"%s\"; filename*=UTF-8''%s",
                        IS_IN(type, shown_types) ? "inline" : "attachment", ascii_name(name, pool),
                        encoded_name(name, pool));
}

static void set_headers(ximss_request_t *request, const wanted_t *wanted,
                        const ximss_part_data_t *part)
{
    request_rec *r = request->r;
    apr_table_t *headers = r->headers_out;
    const char *type = wanted->part_id != NULL ? safe_type(part, r->pool) : "text/plain";
    const char *name = part->file_name != NULL ? part->file_name : wanted->name;

    if (wanted->part_id == NULL) {
        name = apr_psprintf(r->pool, "%u-P.txt", wanted->uid);
    }
    ap_set_content_type(r, type);
    apr_table_setn(headers, "Content-Disposition",
                   disposition(type, safe_name(name != NULL ? name : "part", r->pool), r->pool));
    apr_table_setn(headers, "Content-Security-Policy", "sandbox; default-src 'none'");
    apr_table_setn(headers, "Cache-Control", "private, no-cache");
    apr_table_unset(headers, "Pragma");
    apr_table_setn(headers, "Accept-Ranges", "bytes");
    apr_table_setn(headers, "ETag", apr_pstrcat(r->pool, "\"", part->etag, "\"", NULL));
}

int ximss_handle_mime(ximss_request_t *request)
{
    request_rec *r = request->r;
    const ximss_error_t *error;
    ximss_part_data_t *part;
    ximss_session_t session;
    ximss_part_query_t query = {.session = &session};
    wanted_t wanted;
    int answer;

    if (ximss_request_peek(request, &session, &query.session_dir, &answer) != OK) {
        return answer;
    }
    if (!read_wanted(request->segments, &wanted, r->pool)) {
        return ximss_reply_text(request, HTTP_NOT_FOUND, "no such message or part");
    }
    query.folder = wanted.folder;
    query.uid = wanted.uid;
    query.part_id = wanted.part_id;
    error = ximss_part_fetch(request->context, &query, &part, r->pool);
    if (error != NULL) {
        return ximss_reply_error(request, error);
    }
    ap_discard_request_body(r);
    set_headers(request, &wanted, part);
    answer = ap_meets_conditions(r);
    if (answer == HTTP_NOT_MODIFIED) {
        return answer;
    }
    if (answer != OK) {
        return ximss_reply_text(request, answer, "the condition of the request does not hold");
    }
    return ximss_reply_bytes(request, part->data, part->length);
}
