/* /Session/<urlID>/MIME/: whole messages and decoded parts. */
#include "mod_ximss/safe.h"
#include "mod_ximss/session.h"
#include "op/ops.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#define PART_ID_MOST 1024

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

static void set_headers(ximss_request_t *request, const wanted_t *wanted,
                        const ximss_part_data_t *part)
{
    ximss_served_t served = {.media_type = part->media_type,
                             .charset = part->charset,
                             .name = part->file_name != NULL ? part->file_name : wanted->name,
                             .etag = part->etag,
                             .may_show = 1};

    if (wanted->part_id == NULL) {
        served.media_type = "text/plain";
        served.name = apr_psprintf(request->r->pool, "%u-P.txt", wanted->uid);
    }
    ximss_safe_headers(request, &served);
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
    if (ximss_safe_conditions(request, &answer) != OK) {
        return answer;
    }
    return ximss_reply_bytes(request, part->data, part->length);
}
