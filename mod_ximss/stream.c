/* Buckets that stand for bytes in the store. httpd cuts ranges out of them without reading; a filter behind it
 * reads them, a piece at a time, and passes each on before it reads the next: the filters to the network
 * would read on until they had hundreds of pieces. */
#include "mod_ximss/stream.h"

#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>

APLOG_USE_MODULE(ximss);

#define FILTER "XIMSS_STREAM"

/* Bytes read at a time, at most. */
#define PIECE 262144

/* What the buckets of one answer share. */
typedef struct source_t {
    apr_bucket_refcount refcount;
    const ximss_stream_t *stream;
    request_rec *r;
} source_t;

static apr_status_t read_bucket(apr_bucket *bucket, const char **data, apr_size_t *length,
                                apr_read_type_e block);

static void destroy_source(void *data)
{
    source_t *source = data;

    if (apr_bucket_shared_destroy(source)) {
        apr_bucket_free(source);
    }
}

/* What it reads from lives as long as the request, whose end comes behind it in every queue. */
static const apr_bucket_type_t stream_bucket = {"XIMSS",
                                                5,
                                                APR_BUCKET_DATA,
                                                destroy_source,
                                                read_bucket,
                                                apr_bucket_setaside_noop,
                                                apr_bucket_shared_split,
                                                apr_bucket_shared_copy};

static const ximss_error_t *read_some(apr_bucket *bucket, const char **data, apr_size_t *length,
                                      apr_pool_t *pool)
{
    const ximss_stream_t *stream = ((source_t *)bucket->data)->stream;

    return stream->read(stream->baton, bucket->start,
                        bucket->length < PIECE ? bucket->length : PIECE, data, length, pool);
}

static void log_end(request_rec *r, const ximss_error_t *error, apr_pool_t *pool)
{
    const char *line = ximss_error_log_line(error, pool);

    if (error->code == XIMSS_E_NOT_FOUND) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "replaced while it was sent: %s", line);
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "XM0621: an answer ends before its end: %s",
                      line);
    }
}

/* Makes the bucket one of the bytes read, with one for the rest behind it. */
static apr_status_t read_bucket(apr_bucket *bucket, const char **data, apr_size_t *length,
                                apr_read_type_e block)
{
    source_t *source = bucket->data;
    const ximss_error_t *error;
    apr_pool_t *scratch;
    const char *bytes;

    (void)block;
    apr_pool_create(&scratch, source->r->pool);
    error = read_some(bucket, &bytes, length, scratch);
    if (error != NULL) {
        log_end(source->r, error, scratch);
        apr_pool_destroy(scratch);
        return APR_EGENERAL;
    }
    if (*length < bucket->length) {
        apr_bucket_split(bucket, *length);
    }
    apr_bucket_heap_make(bucket, bytes, *length, NULL);
    destroy_source(source);
    apr_pool_destroy(scratch);
    return apr_bucket_read(bucket, data, length, APR_BLOCK_READ);
}

/* Passes on what came, a piece at a time. */
static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    apr_bucket_brigade *piece = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
    apr_status_t status = APR_SUCCESS;

    while (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(brigade)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(brigade);

        if (bucket->type == &stream_bucket) {
            const char *data;
            apr_size_t length;

            status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
        }
        if (status == APR_SUCCESS) {
            APR_BUCKET_REMOVE(bucket);
            APR_BRIGADE_INSERT_TAIL(piece, bucket);
            status = ap_pass_brigade(f->next, piece);
            apr_brigade_cleanup(piece);
        }
        else {
            /* the client learns that it has not all by the end of the connection */
            f->c->keepalive = AP_CONN_CLOSE;
            f->c->aborted = 1;
        }
    }
    apr_brigade_destroy(piece);
    return status;
}

void ximss_stream_register(void)
{
    /* behind the one that cuts ranges and the one that sends the header */
    ap_register_output_filter(FILTER, filter, NULL, AP_FTYPE_PROTOCOL + 5);
}

int ximss_reply_stream(ximss_request_t *request, const ximss_stream_t *stream)
{
    request_rec *r = request->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);

    ap_set_content_length(r, stream->length);
    if (stream->length > 0 && !r->header_only) {
        apr_bucket *bucket = apr_bucket_alloc(sizeof(*bucket), alloc);
        source_t *source = apr_bucket_alloc(sizeof(*source), alloc);

        APR_BUCKET_INIT(bucket);
        bucket->free = apr_bucket_free;
        bucket->list = alloc;
        source->stream = stream;
        source->r = r;
        bucket = apr_bucket_shared_make(bucket, source, 0, (apr_size_t)stream->length);
        bucket->type = &stream_bucket;
        APR_BRIGADE_INSERT_TAIL(brigade, bucket);
        ap_add_output_filter(FILTER, NULL, r, r->connection);
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(alloc));
    ap_pass_brigade(r->output_filters, brigade);
    return OK;
}
