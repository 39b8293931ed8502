/* /Session/<urlID>/DOWNLOAD/: files of the file storage, read a piece at a time while they are
 * sent: no handle on the account and no transaction waits for the client. */
#include "mod_ximss/safe.h"
#include "mod_ximss/session.h"
#include "mod_ximss/stream.h"
#include "op/ops.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

static const ximss_error_t *read_piece(void *baton, apr_int64_t offset, apr_size_t length,
                                       const char **data, apr_size_t *read, apr_pool_t *pool)
{
    *read = length;
    return ximss_file_fetch_piece(baton, offset, length, data, pool);
}

static void set_headers(ximss_request_t *request, const ximss_file_t *file)
{
    request_rec *r = request->r;
    const char *slash = strrchr(file->name, '/');
    const ximss_served_t served = {
        .media_type = ximss_safe_type_of(file->name),
        .name = slash != NULL ? slash + 1 : file->name,
        .etag = apr_psprintf(r->pool, "f%" APR_UINT64_T_HEX_FMT, (apr_uint64_t)file->content)};

    ximss_safe_headers(request, &served);
    ap_update_mtime(r, apr_time_from_sec(file->modified));
    ap_set_last_modified(r);
}

int ximss_handle_download(ximss_request_t *request)
{
    request_rec *r = request->r;
    ximss_stream_t *stream = apr_palloc(r->pool, sizeof(*stream));
    ximss_file_source_t *source;
    const ximss_error_t *error;
    ximss_session_t session;
    const char *dir;
    int answer;

    if (ximss_request_peek(request, &session, &dir, &answer) != OK) {
        return answer;
    }
    error = ximss_file_fetch(request->context, &session,
                             apr_array_pstrcat(r->pool, request->segments, '/'), &source, r->pool);
    if (error != NULL) {
        return ximss_reply_error(request, error);
    }
    ap_discard_request_body(r);
    set_headers(request, source->file);
    if (ximss_safe_conditions(request, &answer) != OK) {
        return answer;
    }
    stream->length = source->file->size;
    stream->read = read_piece;
    stream->baton = source;
    return ximss_reply_stream(request, stream);
}
