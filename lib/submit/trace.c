/* Reads the old trace fields of a message and writes the new ones. Line ends are those of the message, so that a
 * file of either kind stays one. */
#include "submit/trace.h"

#include "mime/buffer.h"
#include "mime/header.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <string.h>
#include <strings.h>

typedef struct trace_t {
    const char *data; /* what is left of the message to be copied */
    apr_size_t length;
    const char *end_of_line;
    ximss_buffer_t out;
} trace_t;

static int is_field(const ximss_raw_field_t *field, const char *name)
{
    return field->name_length == strlen(name) &&
           strncasecmp(field->name, name, field->name_length) == 0;
}

/* Whether the value is TEXT, but for blanks around it, < > and letter case. */
static int value_is(const ximss_raw_field_t *field, const char *text)
{
    const char *value = field->value;
    apr_size_t length = field->value_length;

    while (length > 0 && strchr(" \t\r\n<", *value) != NULL) {
        value++;
        length--;
    }
    while (length > 0 && strchr(" \t\r\n>", value[length - 1]) != NULL) {
        length--;
    }
    return length == strlen(text) && strncasecmp(value, text, length) == 0;
}

static const ximss_error_t *check_loop(const apr_array_header_t *fields, const char *recipient,
                                       apr_pool_t *pool)
{
    int hops = 0;
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const ximss_raw_field_t *field = &APR_ARRAY_IDX(fields, i, ximss_raw_field_t);

        if (is_field(field, "Delivered-To") && value_is(field, recipient)) {
            return ximss_error(pool, XIMSS_E_LOOP, "the message was delivered to %s before",
                               recipient);
        }
        hops += is_field(field, "Received");
    }
    return hops <= XIMSS_DELIVER_HOPS_MAX
               ? NULL
               : ximss_error(pool, XIMSS_E_LOOP, "the message has come over %d hosts", hops);
}

/* Copies up to END of the message, and skips to NEXT. */
static void copy_to(trace_t *trace, const char *end, const char *next)
{
    apr_size_t passed = (apr_size_t)(next - trace->data);

    ximss_buffer_add(&trace->out, trace->data, (apr_size_t)(end - trace->data));
    trace->data = next;
    trace->length -= passed;
}

/* Behind the line end at AT, if there is one. */
static const char *skip_line_end(const trace_t *trace, const char *at)
{
    const char *end = trace->data + trace->length;

    at += at < end && *at == '\r';
    at += at < end && *at == '\n';
    return at;
}

/* Copies the message without its Return-Path fields, and those called OTHER unless it is NULL. */
static void copy_message(trace_t *trace, const apr_array_header_t *fields, const char *other)
{
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const ximss_raw_field_t *field = &APR_ARRAY_IDX(fields, i, ximss_raw_field_t);

        if (is_field(field, "Return-Path") || (other != NULL && is_field(field, other))) {
            copy_to(trace, field->name, skip_line_end(trace, field->value + field->value_length));
        }
    }
    copy_to(trace, trace->data + trace->length, trace->data + trace->length);
}

/* Control characters would end the field, and begin another. */
static void put_clean(trace_t *trace, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        ximss_buffer_put(&trace->out, c < ' ' || c == 0x7f ? '?' : *text);
    }
}

/* NAME and TEXTS up to NULL, as one line. */
static void put_line(trace_t *trace, const char *const *texts)
{
    for (; *texts != NULL; texts++) {
        put_clean(trace, *texts);
    }
    ximss_buffer_add(&trace->out, trace->end_of_line, strlen(trace->end_of_line));
}

static void put_received(trace_t *trace, const ximss_received_t *received, apr_int64_t time)
{
    char date[APR_RFC822_DATE_LEN];
    const char *const from[] = {"Received: from ", received->from, " ([",
                                received->address, "])",           NULL};
    const char *const by[] = {" by ", received->by, " with ", received->with, ";", NULL};
    const char *const when[] = {" ", date, " +0000", NULL};

    apr_rfc822_date(date, apr_time_from_sec(time));
    date[strlen(date) - strlen(" GMT")] = '\0';
    put_line(trace, from);
    put_line(trace, by);
    put_line(trace, when);
}

int ximss_trace_has_from_line(const char *data, apr_size_t length)
{
    return length > 5 && memcmp(data, "From ", 5) == 0 && data[5] != ':';
}

static void skip_from_line(trace_t *trace)
{
    const char *end;

    if (ximss_trace_has_from_line(trace->data, trace->length)) {
        end = memchr(trace->data, ximss_line_end(trace->data, trace->length), trace->length);
        if (end != NULL) {
            trace->length -= (apr_size_t)(end + 1 - trace->data);
            trace->data = end + 1;
        }
    }
}

static const char *line_end_of(const char *data, apr_size_t length)
{
    const char *end = memchr(data, '\n', length);

    return end != NULL && (end == data || end[-1] != '\r') ? "\n" : "\r\n";
}

/* Begins with the message of LENGTH bytes at DATA behind any "From " line; *FIELDS (ximss_raw_field_t) are those of its
 * header. */
static void start(trace_t *trace, apr_array_header_t **fields, const ximss_limits_t *limits,
                  apr_pool_t *pool)
{
    ximss_header_t header = {.room = limits->header_bytes};

    skip_from_line(trace);
    *fields = apr_array_make(pool, 32, sizeof(ximss_raw_field_t));
    header.data = trace->data;
    header.length = trace->length;
    header.line_end = ximss_line_end(trace->data, trace->length);
    header.fields = *fields;
    ximss_header_scan(&header);
    ximss_buffer_init(&trace->out, trace->length + 1024, pool);
}

const ximss_error_t *ximss_trace_write(const char **data, apr_size_t *length,
                                       const ximss_delivery_t *delivery, const char *recipient,
                                       const ximss_limits_t *limits, apr_pool_t *pool)
{
    const char *const path[] = {"Return-Path: <", delivery->sender, ">", NULL};
    const char *const to[] = {"Delivered-To: ", recipient, NULL};
    trace_t trace = {.data = delivery->data, .length = delivery->length};
    apr_array_header_t *fields;

    start(&trace, &fields, limits, pool);
    trace.end_of_line = line_end_of(trace.data, trace.length);
    XIMSS_TRY(check_loop(fields, recipient, pool));
    put_line(&trace, path);
    put_line(&trace, to);
    if (delivery->received != NULL) {
        put_received(&trace, delivery->received, delivery->time);
    }
    copy_message(&trace, fields, NULL);
    *data = trace.out.data;
    *length = trace.out.length;
    return NULL;
}

void ximss_trace_strip(const char **data, apr_size_t *length, const ximss_limits_t *limits,
                       apr_pool_t *pool)
{
    trace_t trace = {.data = *data, .length = *length};
    apr_array_header_t *fields;

    start(&trace, &fields, limits, pool);
    copy_message(&trace, fields, "Delivered-To");
    *data = trace.out.data;
    *length = trace.out.length;
}
