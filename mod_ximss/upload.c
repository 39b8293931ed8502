/* POST /Session/<urlID>/UPLOAD/<uploadID>: a form with the file in its part "fileData", or the file
 * itself. The body goes to disk as it comes, and no lock is held meanwhile. */
#include "mod_ximss/session.h"

#include "mime/form.h"
#include "session/upload.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>

#define PART_NAME "fileData"

/* What a form may have besides its file. */
#define FORM_BYTES ((apr_off_t)1024 * 1024)

/* An upload under way. */
typedef struct intake_t {
    ximss_request_t *request;
    const ximss_session_t *session;
    const char *id;
    apr_off_t announced; /* of the body, -1: unknown */
    apr_off_t besides;   /* bytes of a form that are not its file */
    ximss_form_t *form;  /* NULL: the body is the file */
    ximss_uploading_t *uploading;
    int in_file;
    const ximss_error_t *error;
} intake_t;

static const ximss_error_t *begin_file(intake_t *intake, const ximss_form_part_t *part,
                                       apr_off_t size)
{
    const ximss_request_t *request = intake->request;
    const ximss_upload_t what = {.id = intake->id,
                                 .type = part->type,
                                 .subtype = part->subtype,
                                 .charset = part->charset,
                                 .file_name = part->file_name,
                                 .size = size};

    return ximss_upload_begin(&intake->uploading, request->context->table, intake->session, &what,
                              &request->config->limits, request->r->pool);
}

/* ---- a form ---- */

/* A form tells its own length only: its file has that, but for what stands around it. */
static apr_off_t least_size(const intake_t *intake)
{
    return intake->announced > FORM_BYTES ? intake->announced - FORM_BYTES : -1;
}

static const ximss_error_t *on_begin(void *baton, const ximss_form_part_t *part)
{
    intake_t *intake = baton;

    if (strcmp(part->name, PART_NAME) != 0 || intake->uploading != NULL) {
        return NULL;
    }
    intake->in_file = 1;
    return begin_file(intake, part, least_size(intake));
}

static const ximss_error_t *on_data(void *baton, const char *data, apr_size_t length)
{
    intake_t *intake = baton;

    if (intake->in_file) {
        return ximss_upload_write(intake->uploading, data, length);
    }
    intake->besides += (apr_off_t)length;
    if (intake->besides > FORM_BYTES) {
        return ximss_error(intake->request->r->pool, XIMSS_E_LIMIT,
                           "the form has more than its file (at most %ld bytes)", (long)FORM_BYTES);
    }
    return NULL;
}

static const ximss_error_t *on_end(void *baton)
{
    ((intake_t *)baton)->in_file = 0;
    return NULL;
}

static void start_form(intake_t *intake, const char *boundary)
{
    apr_pool_t *pool = intake->request->r->pool;
    ximss_form_sink_t *sink = apr_pcalloc(pool, sizeof(*sink));

    sink->begin = on_begin;
    sink->data = on_data;
    sink->end = on_end;
    sink->baton = intake;
    intake->form = ximss_form_create(boundary, sink, pool);
}

/* A body of which the file must be too large is refused before it comes. */
static const ximss_error_t *check_announced(const intake_t *intake)
{
    apr_size_t most = intake->request->config->limits.upload_bytes;

    if (least_size(intake) <= (apr_off_t)most) {
        return NULL;
    }
    return ximss_error(intake->request->r->pool, XIMSS_E_LIMIT,
                       "the file is too large (at most %" APR_SIZE_T_FMT " bytes)", most);
}

/* ---- the file itself ---- */

static const ximss_error_t *start_file(intake_t *intake, const char *content_type)
{
    const ximss_request_t *request = intake->request;
    apr_pool_t *pool = request->r->pool;
    apr_table_t *parameters = ximss_parameters_make(pool);
    ximss_form_part_t part;
    const char *name;

    ximss_form_describe(&part, content_type,
                        apr_table_get(request->r->headers_in, "Content-Disposition"), pool);
    /* the type that tools send when nobody told them one */
    if (strcmp(part.subtype, "x-www-form-urlencoded") == 0) {
        part.subtype = "octet-stream";
    }
    ximss_parameters_read(parameters, request->query, pool);
    name = apr_table_get(parameters, "fileName");
    if (part.file_name == NULL && name != NULL) {
        part.file_name = ximss_file_name_clean(name, pool);
    }
    return begin_file(intake, &part, intake->announced);
}

/* ---- both ---- */

static int take(void *baton, const char *data, apr_size_t length)
{
    intake_t *intake = baton;

    intake->error = intake->form != NULL ? ximss_form_feed(intake->form, data, length)
                                         : ximss_upload_write(intake->uploading, data, length);
    return intake->error == NULL ? OK : HTTP_BAD_REQUEST;
}

static const ximss_error_t *start(intake_t *intake)
{
    request_rec *r = intake->request->r;
    const char *content_type = apr_table_get(r->headers_in, "Content-Type");
    const char *boundary = ximss_form_boundary(content_type, r->pool);

    if (boundary == NULL) {
        return start_file(intake, content_type);
    }
    start_form(intake, boundary);
    return check_announced(intake);
}

static const ximss_error_t *finish(intake_t *intake)
{
    if (intake->form != NULL) {
        XIMSS_TRY(ximss_form_finish(intake->form));
    }
    if (intake->uploading == NULL) {
        return ximss_error(intake->request->r->pool, XIMSS_E_BAD_REQUEST,
                           "the form has no part named " PART_NAME);
    }
    return ximss_upload_finish(intake->uploading);
}

static int answer_error(ximss_request_t *request, const ximss_error_t *error)
{
    return error->code == XIMSS_E_PHASE ? ximss_reply_lost(request)
                                        : ximss_reply_error(request, error);
}

static int run(intake_t *intake)
{
    ximss_request_t *request = intake->request;
    int answer = OK;

    intake->error = start(intake);
    if (intake->error == NULL) {
        answer = ximss_body_stream(request, take, intake);
    }
    if (answer == OK && intake->error == NULL) {
        intake->error = finish(intake);
    }
    if (intake->uploading != NULL) {
        ximss_upload_abort(intake->uploading);
    }
    if (intake->error != NULL) {
        return answer_error(request, intake->error);
    }
    if (answer == AP_FILTER_ERROR) {
        return answer; /* a filter has answered, or nobody listens */
    }
    if (answer != OK) {
        return ximss_reply_text(request, answer, "the body cannot be read");
    }
    request->r->connection->keepalive = AP_CONN_UNKNOWN;
    return ximss_reply_empty(request);
}

int ximss_handle_upload(ximss_request_t *request)
{
    ximss_session_t session;
    intake_t intake = {.request = request, .session = &session};
    const char *dir;
    int answer;

    /* Until all of the body was read: it must not be read only to be thrown away. */
    request->r->connection->keepalive = AP_CONN_CLOSE;
    if (ximss_request_peek(request, &session, &dir, &answer) != OK) {
        return answer;
    }
    intake.id = apr_array_pstrcat(request->r->pool, request->segments, '/');
    intake.announced = ximss_body_announced(request);
    return run(&intake);
}
