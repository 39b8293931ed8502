/* The reader of multipart/form-data. CR stands in a delimiter at its start only, so bytes that turn out to be none
 * need not be looked at again: they are those of the delimiter. */
#include "mime/form.h"

#include "base/text.h"
#include "mime/buffer.h"
#include "mime/decode.h"
#include "mime/header.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

enum { BOUNDARY_MAX = 200, HEADER_MAX = 16 * 1024, NAME_MAX_BYTES = 255 };

typedef enum form_state_t {
    IN_TEXT,  /* before the first delimiter, or in a part */
    AFTER,    /* a delimiter was read, and what follows decides whether it is one */
    AFTER_CR, /* the line end after it */
    AFTER_DASH,
    IN_HEADER,
    AT_END
} form_state_t;

struct ximss_form_t {
    const ximss_form_sink_t *sink;
    form_state_t state;
    int in_part;
    const char *delimiter; /* CRLF -- boundary */
    apr_size_t length;
    apr_size_t matched; /* bytes of it that were read last */
    apr_size_t
        assumed; /* of these, those that the body does not have: the CRLF where a text begins */
    ximss_buffer_t header;
    apr_pool_t *part_pool;
    apr_pool_t *pool;
};

/* ---- what headers say ---- */

static void add_field(apr_array_header_t *fields, const char *name, const char *value)
{
    ximss_raw_field_t *field;

    if (value != NULL) {
        field = apr_array_push(fields);
        field->name = name;
        field->name_length = strlen(name);
        field->value = value;
        field->value_length = strlen(value);
    }
}

static void describe(ximss_form_part_t *part, const apr_array_header_t *fields, apr_pool_t *pool)
{
    ximss_part_t *read = apr_pcalloc(pool, sizeof(*read));
    const char *name;

    ximss_part_describe(read, fields, 0, pool);
    name = ximss_param_get(read->disposition_params, "name");
    part->name = name != NULL ? name : "";
    name = ximss_part_file_name(read);
    part->file_name = name != NULL ? ximss_file_name_clean(name, pool) : NULL;
    part->type = read->type;
    part->subtype = read->subtype;
    part->charset = ximss_param_get(read->type_params, "charset");
}

/* Whether there is a Content-Type: without one a file is not taken for text. */
static int has_type(const apr_array_header_t *fields)
{
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const ximss_raw_field_t *field = &APR_ARRAY_IDX(fields, i, ximss_raw_field_t);

        if (field->name_length == 12 && apr_cstr_casecmpn(field->name, "Content-Type", 12) == 0) {
            return 1;
        }
    }
    return 0;
}

static void describe_fields(ximss_form_part_t *part, const apr_array_header_t *fields,
                            apr_pool_t *pool)
{
    describe(part, fields, pool);
    if (!has_type(fields)) {
        part->type = "application";
        part->subtype = "octet-stream";
    }
}

void ximss_form_describe(ximss_form_part_t *part, const char *content_type,
                         const char *content_disposition, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 2, sizeof(ximss_raw_field_t));

    add_field(fields, "Content-Type", content_type);
    add_field(fields, "Content-Disposition", content_disposition);
    describe_fields(part, fields, pool);
}

const char *ximss_form_boundary(const char *content_type, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 1, sizeof(ximss_raw_field_t));
    ximss_part_t *read = apr_pcalloc(pool, sizeof(*read));
    const char *boundary;
    const char *at;

    add_field(fields, "Content-Type", content_type);
    ximss_part_describe(read, fields, 0, pool);
    boundary = ximss_param_get(read->type_params, "boundary");
    if (strcmp(read->type, "multipart") != 0 || strcmp(read->subtype, "form-data") != 0 ||
        boundary == NULL || boundary[0] == '\0' || strlen(boundary) > BOUNDARY_MAX) {
        return NULL;
    }
    for (at = boundary; *at != '\0'; at++) {
        if (!apr_isprint(*at)) { /* ASCII: what was no such byte was replaced */
            return NULL;
        }
    }
    return boundary;
}

/* The bytes of the character at TEXT that must not stand in a name: a control, or one that turns the direction of
 * writing (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069); 0: it may. */
static int is_hidden(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7F) {
        return 1;
    }
    if (text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F) {
        return 2;
    }
    if (text[0] == 0xE2 && ((text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
                            (text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F)) ||
                            (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9))) {
        return 3;
    }
    return 0;
}

const char *ximss_file_name_clean(const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    const char *text = ximss_text_clean(name, &length, pool);
    char *clean = apr_palloc(pool, length + 1);
    apr_size_t used = 0;
    apr_size_t i = 0;

    while (i < length) {
        int hidden = text[i] == '\0' ? 1 : is_hidden((const unsigned char *)text + i);

        if (hidden == 0 && (text[i] == '/' || text[i] == '\\')) {
            used = 0;
            i++;
        }
        else if (hidden > 0) {
            i += (apr_size_t)hidden;
        }
        /* browsers send a quote as %22, and nothing else encoded but line ends */
        else if (strncmp(text + i, "%22", 3) == 0) {
            clean[used++] = '"';
            i += 3;
        }
        else {
            clean[used++] = text[i++];
        }
    }
    used = ximss_text_cut(clean, used, NAME_MAX_BYTES);
    clean[used] = '\0';
    return used == 0 || strcmp(clean, ".") == 0 || strcmp(clean, "..") == 0 ? NULL : clean;
}

/* ---- reading ---- */

ximss_form_t *ximss_form_create(const char *boundary, const ximss_form_sink_t *sink,
                                apr_pool_t *pool)
{
    ximss_form_t *form = apr_pcalloc(pool, sizeof(*form));

    form->sink = sink;
    form->delimiter = apr_pstrcat(pool, "\r\n--", boundary, NULL);
    form->length = strlen(form->delimiter);
    form->state = IN_TEXT;
    form->matched = form->assumed = 2;
    form->pool = pool;
    apr_pool_create(&form->part_pool, pool);
    ximss_buffer_init(&form->header, HEADER_MAX, pool);
    return form;
}

static const ximss_error_t *give(ximss_form_t *form, const char *data, apr_size_t length)
{
    if (!form->in_part || length == 0) {
        return NULL;
    }
    return form->sink->data(form->sink->baton, data, length);
}

/* What was read as a delimiter is text after all. */
static const ximss_error_t *give_matched(ximss_form_t *form)
{
    apr_size_t assumed = form->assumed;
    apr_size_t matched = form->matched;

    form->matched = form->assumed = 0;
    form->state = IN_TEXT;
    return give(form, form->delimiter + assumed, matched - assumed);
}

/* Takes text up to what may be a delimiter. */
static const ximss_error_t *read_text(ximss_form_t *form, const char **at, const char *end)
{
    const char *start = *at;

    if (form->matched == 0) {
        const char *cr = memchr(start, '\r', (apr_size_t)(end - start));

        form->matched = cr != NULL;
        *at = cr != NULL ? cr + 1 : end;
        return give(form, start, (apr_size_t)((cr != NULL ? cr : end) - start));
    }
    if (*start != form->delimiter[form->matched]) {
        return give_matched(form);
    }
    ++*at;
    form->matched++;
    if (form->matched == form->length) {
        form->state = AFTER;
    }
    return NULL;
}

/* A delimiter: the part before it is over. */
static const ximss_error_t *end_part(ximss_form_t *form, form_state_t next)
{
    int was_in_part = form->in_part;

    form->in_part = 0;
    form->state = next;
    form->header.length = 0;
    return was_in_part ? form->sink->end(form->sink->baton) : NULL;
}

/* Behind the bytes of a delimiter stand a line end or two dashes, else it is the text of a part. (RFC 2046 allows
 * blanks there for mail that passed through gateways; nobody sends a form with them.) */
static const ximss_error_t *read_after(ximss_form_t *form, const char **at)
{
    char c = **at;

    if (form->state == AFTER && (c == '\r' || c == '-')) {
        ++*at;
        form->state = c == '\r' ? AFTER_CR : AFTER_DASH;
        return NULL;
    }
    if (form->state == AFTER_CR && c == '\n') {
        ++*at;
        return end_part(form, IN_HEADER);
    }
    if (form->state == AFTER_DASH && c == '-') {
        ++*at;
        return end_part(form, AT_END);
    }
    if (form->state == AFTER_CR) {
        XIMSS_TRY(give_matched(form));
        form->matched = 1;
        return NULL;
    }
    if (form->state == AFTER_DASH) {
        XIMSS_TRY(give_matched(form));
        return give(form, "-", 1);
    }
    return give_matched(form);
}

static int ends_header(const ximss_buffer_t *header)
{
    return (header->length == 2 && memcmp(header->data, "\r\n", 2) == 0) ||
           (header->length >= 4 && memcmp(header->data + header->length - 4, "\r\n\r\n", 4) == 0);
}

static const ximss_error_t *begin_part(ximss_form_t *form)
{
    ximss_header_t header = {.data = form->header.data,
                             .length = form->header.length,
                             .room = form->header.length,
                             .line_end = '\n'};
    ximss_form_part_t *part;

    apr_pool_clear(form->part_pool);
    part = apr_pcalloc(form->part_pool, sizeof(*part));
    header.fields = apr_array_make(form->part_pool, 4, sizeof(ximss_raw_field_t));
    ximss_header_scan(&header);
    describe_fields(part, header.fields, form->part_pool);
    form->state = IN_TEXT;
    form->in_part = 1;
    form->matched = form->assumed = 2;
    return form->sink->begin(form->sink->baton, part);
}

static const ximss_error_t *read_header(ximss_form_t *form, const char **at)
{
    if (form->header.length == HEADER_MAX) {
        return ximss_error(form->pool, XIMSS_E_BAD_REQUEST,
                           "a part of the form has too long a header");
    }
    ximss_buffer_put(&form->header, *(*at)++);
    return ends_header(&form->header) ? begin_part(form) : NULL;
}

static const ximss_error_t *read_next(ximss_form_t *form, const char **at, const char *end)
{
    switch (form->state) {
    case IN_TEXT:
        return read_text(form, at, end);
    case IN_HEADER:
        return read_header(form, at);
    case AT_END:
        *at = end;
        return NULL;
    default:
        return read_after(form, at);
    }
}

const ximss_error_t *ximss_form_feed(ximss_form_t *form, const char *data, apr_size_t length)
{
    const char *at = data;
    const char *end = data + length;

    while (at < end) {
        XIMSS_TRY(read_next(form, &at, end));
    }
    return NULL;
}

const ximss_error_t *ximss_form_finish(ximss_form_t *form)
{
    return form->state == AT_END
               ? NULL
               : ximss_error(form->pool, XIMSS_E_BAD_REQUEST, "the form ends before its last line");
}
