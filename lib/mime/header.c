/* Finds the fields of a header block (RFC 5322, 2.2), line by line. Lines end with LF or CR LF; see
 * ximss_line_end(). */
#include "mime/header.h"

#include <string.h>

/* So many lines in a row that are no fields are a body that lacks the empty line before it. */
#define JUNK_MAX 4

typedef struct line_t {
    const char *text;
    apr_size_t length; /* without line end */
    apr_size_t next;   /* offset of the next line */
} line_t;

char ximss_line_end(const char *data, apr_size_t length)
{
    return memchr(data, '\n', length) == NULL && memchr(data, '\r', length) != NULL ? '\r' : '\n';
}

static void read_line(const ximss_header_t *header, apr_size_t at, line_t *line)
{
    const char *start = header->data + at;
    const char *end = memchr(start, header->line_end, header->length - at);
    line->text = start;
    line->length = end == NULL ? header->length - at : (apr_size_t)(end - start);
    line->next = at + line->length + (end != NULL);
    if (line->length > 0 && start[line->length - 1] == '\r') {
        line->length--;
    }
}

/* The length of the field name that LINE begins with, 0 if it begins with none. RFC 5322, 4.5: blanks
 * may stand before the colon. */
static apr_size_t name_length(const line_t *line, apr_size_t *colon)
{
    apr_size_t n = 0;
    apr_size_t at;
    while (n < line->length && line->text[n] > ' ' && line->text[n] < 0x7F &&
           line->text[n] != ':') {
        n++;
    }
    for (at = n; at < line->length && (line->text[at] == ' ' || line->text[at] == '\t');) {
        at++;
    }
    *colon = at;
    return at < line->length && line->text[at] == ':' ? n : 0;
}

/* A line that may be a boundary, of a multipart whose header this is. */
static int is_dashes(const line_t *line)
{
    return line->length > 2 && line->text[0] == '-' && line->text[1] == '-';
}

static int is_boundary(const ximss_header_t *header, const line_t *line)
{
    return header->is_end != NULL && is_dashes(line) &&
           header->is_end(header->baton, line->text, line->length);
}

/* Whether the header goes on with or behind a line that is no field: it may be one under a name that
 * cannot be, or a field follows. */
static int goes_on(const ximss_header_t *header, const line_t *junk)
{
    line_t next;
    apr_size_t colon;
    if (header->fields->nelts > 0 && memchr(junk->text, ':', junk->length) != NULL) {
        return 1;
    }
    if (junk->next >= header->length) {
        return 0;
    }
    read_line(header, junk->next, &next);
    return name_length(&next, &colon) > 0;
}

static apr_size_t take(ximss_header_t *header, apr_size_t length)
{
    if (length > header->room) {
        header->overflow = 1;
        length = header->room;
    }
    header->room -= length;
    return length;
}

static void add_field(ximss_header_t *header, const line_t *line, apr_size_t name, apr_size_t colon)
{
    ximss_raw_field_t *field;
    if (header->overflow || header->room <= colon + 1) {
        header->overflow = 1;
        return;
    }
    field = apr_array_push(header->fields);
    field->name = line->text;
    field->name_length = name;
    field->value = line->text + colon + 1;
    field->value_length = take(header, line->length) - colon - 1;
}

static void add_continuation(ximss_header_t *header, const line_t *line)
{
    ximss_raw_field_t *field;
    apr_size_t reach;
    if (header->overflow || header->fields->nelts == 0) {
        return;
    }
    field = &APR_ARRAY_IDX(header->fields, header->fields->nelts - 1, ximss_raw_field_t);
    reach = (apr_size_t)(line->text + line->length - field->value);
    field->value_length += take(header, reach - field->value_length);
}

/* The first line cannot continue another: blanks before a field there are a sender's slip. */
static void skip_indent(line_t *line)
{
    line_t field = *line;
    apr_size_t colon;
    while (field.length > 0 && (*field.text == ' ' || *field.text == '\t')) {
        field.text++;
        field.length--;
    }
    if (name_length(&field, &colon) > 0) {
        *line = field;
    }
}

static int is_mbox_line(const line_t *line)
{
    apr_size_t skip = line->length > 0 && line->text[0] == '>';
    return line->length > skip + 5 && memcmp(line->text + skip, "From ", 5) == 0 &&
           line->text[skip + 5] != ':';
}

/* What a line of a header is. */
typedef enum line_kind_t { LINE_FIELD, LINE_CONTINUATION, LINE_JUNK, LINE_END } line_kind_t;

/* Judges LINE, which is not empty, and takes it if it belongs to a field. BEHIND_JUNK: the line before
 * was no field, so a continuation continues nothing. */
static line_kind_t take_line(ximss_header_t *header, line_t *line, int first, int behind_junk)
{
    apr_size_t colon;
    apr_size_t name;
    if (first) {
        skip_indent(line);
    }
    name = name_length(line, &colon);
    if (is_boundary(header, line)) {
        return LINE_END;
    }
    if (!first && (line->text[0] == ' ' || line->text[0] == '\t')) {
        if (!behind_junk) {
            add_continuation(header, line);
        }
        return LINE_CONTINUATION;
    }
    if (name > 0) {
        add_field(header, line, name, colon);
        return LINE_FIELD;
    }
    if (first && is_mbox_line(line)) {
        return LINE_JUNK;
    }
    return is_dashes(line) || !goes_on(header, line) ? LINE_END : LINE_JUNK;
}

void ximss_header_scan(ximss_header_t *header)
{
    int first = 1;
    int junk = 0;
    apr_size_t junk_start = header->at;
    apr_array_clear(header->fields);
    header->overflow = 0;
    for (; header->at < header->length; first = 0) {
        line_t line;
        line_kind_t kind;
        read_line(header, header->at, &line);
        if (line.length == 0) {
            header->at = line.next;
            return;
        }
        kind = take_line(header, &line, first, junk > 0);
        if (kind == LINE_FIELD) {
            junk = 0;
        }
        else if (kind == LINE_JUNK) {
            junk_start = junk == 0 ? header->at : junk_start;
            junk++;
        }
        if (kind == LINE_END || junk > JUNK_MAX) {
            header->at = junk > 0 ? junk_start : header->at;
            return;
        }
        header->at = line.next;
    }
}
