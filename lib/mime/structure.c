/* The part tree in one pass over the raw bytes. Open multiparts and messages lie on an explicit stack;
 * each line that begins with "--" is compared with the boundaries on it, innermost first. Depth, parts
 * and header bytes are limited; what is beyond is shown as text of its parent. */
#include "mime/structure.h"
#include "mime/content.h"
#include "mime/header.h"

#include <apr_strings.h>
#include <string.h>

/* XML readers refuse more than 256 levels and our output stays under 190: the elements around an EMail
 * are 3 levels, a multipart adds 1, a message 2, and 4 stay for a leaf and what it holds. */
#define XML_BASE     3
#define XML_MAX      180
#define STACK_MAX    XML_MAX
#define BOUNDARY_MAX 8000

/* Decoded fields of one message in all its headers: a bound on memory, not met by real mail. */
#define FIELDS_MAX      65536
#define ADDRESSES_TOTAL 5

#define ERROR_DEPTH       "nested too deeply: shown as text"
#define ERROR_PARTS       "too many parts: the rest is shown as text"
#define ERROR_NO_BOUNDARY "multipart without a boundary: shown as text"
#define ERROR_NO_PARTS    "boundary not found: shown as text"
#define ERROR_HEADER      "header too long: the rest of it is left out"

typedef struct frame_t {
    ximss_part_t *part;
    ximss_part_t **tail;  /* where the next child goes */
    const char *boundary; /* NULL for a message */
    apr_size_t boundary_length;
    int closed; /* its end line was met: only outer boundaries count */
    int full;   /* the part limit was met: no more children */
    int xml_depth;
} frame_t;

typedef struct parser_t {
    const char *data;
    apr_size_t length;
    apr_size_t at;
    char line_end;
    ximss_limits_t limits; /* addresses: counted down */
    apr_pool_t *pool;
    frame_t *frames;
    int depth;
    apr_uint64_t lengths; /* a bit for each length (modulo 64) of an open boundary */
    int parts;
    int fields_left;
    int addresses_left;
    apr_size_t header_left;
    ximss_part_t *leaf; /* whose body is being passed; NULL in a preamble or epilogue */
    apr_array_header_t *raw;
} parser_t;

/* A line that was found to be a boundary. */
typedef struct delimiter_t {
    int frame;
    int close;
    apr_size_t start;
    apr_size_t next;
} delimiter_t;

static void update_lengths(parser_t *parser)
{
    parser->lengths = 0;
    for (int i = 0; i < parser->depth; i++) {
        const frame_t *frame = &parser->frames[i];
        if (frame->boundary != NULL && !frame->closed) {
            parser->lengths |= (apr_uint64_t)1 << (frame->boundary_length & 63);
            parser->lengths |= (apr_uint64_t)1 << ((frame->boundary_length + 2) & 63);
        }
    }
}

/* Whether LINE (it begins with "--") is a boundary: the whole line but for blanks behind it has to
 * match, so that a boundary that begins like another is not taken for it. */
static int match_line(const parser_t *parser, const char *line, apr_size_t length,
                      delimiter_t *found)
{
    while (length > 2 && strchr(" \t\r", line[length - 1]) != NULL && line[length - 1] != '\0') {
        length--;
    }
    line += 2;
    length -= 2;
    if (((parser->lengths >> (length & 63)) & 1) == 0) {
        return 0;
    }
    for (int i = parser->depth - 1; i >= 0; i--) {
        const frame_t *frame = &parser->frames[i];
        apr_size_t size = frame->boundary_length;
        if (frame->boundary == NULL || frame->closed || (size != length && size + 2 != length) ||
            memcmp(line, frame->boundary, size) != 0) {
            continue;
        }
        found->close = size != length;
        if (found->close ? memcmp(line + size, "--", 2) == 0 : !frame->full) {
            found->frame = i;
            return 1;
        }
    }
    return 0;
}

static int ends_header(void *baton, const char *line, apr_size_t length)
{
    delimiter_t found;
    return match_line(baton, line, length, &found);
}

/* The next boundary line at or behind parser->at. */
static int next_delimiter(const parser_t *parser, delimiter_t *found)
{
    const char *at = parser->data + parser->at;
    const char *end = parser->data + parser->length;
    while (at < end && parser->lengths != 0) {
        const char *next = memchr(at, parser->line_end, (apr_size_t)(end - at));
        const char *stop = next == NULL ? end : next;
        if (stop - at > 2 && at[0] == '-' && at[1] == '-' &&
            match_line(parser, at, (apr_size_t)(stop - at), found)) {
            found->start = (apr_size_t)(at - parser->data);
            found->next = (apr_size_t)(stop - parser->data) + (next != NULL);
            return 1;
        }
        at = stop + 1;
    }
    return 0;
}

/* The number of bytes that BODY decodes to. */
static apr_int64_t decoded_size(ximss_encoding_t encoding, const char *body, apr_size_t length)
{
    char scratch[8192];
    const apr_size_t most = sizeof(scratch) - 128;
    apr_int64_t size = 0;
    ximss_decoder_t decoder;
    if (encoding == XIMSS_ENCODING_NONE) {
        return (apr_int64_t)length;
    }
    ximss_decoder_init(&decoder, encoding);
    do {
        apr_size_t step = length < most ? length : most;
        length -= step;
        size += (apr_int64_t)ximss_decoder_run(&decoder, body, step, length == 0, scratch);
        body += step;
    } while (length > 0);
    return size;
}

static ximss_header_t header_at(parser_t *parser, apr_size_t at, apr_size_t end)
{
    ximss_header_t header = {.data = parser->data, .length = end, .at = at};
    header.room = parser->limits.header_bytes < parser->header_left ? parser->limits.header_bytes
                                                                    : parser->header_left;
    header.line_end = parser->line_end;
    header.fields = parser->raw;
    return header;
}

static void decode_fields(parser_t *parser, ximss_part_t *part)
{
    const apr_array_header_t *raw = parser->raw;
    part->fields = apr_array_make(parser->pool, raw->nelts + 1, sizeof(ximss_field_t *));
    for (int i = 0; i < raw->nelts; i++) {
        const ximss_raw_field_t *field = &APR_ARRAY_IDX(raw, i, ximss_raw_field_t);
        ximss_field_t *decoded;
        if (parser->fields_left-- <= 0) {
            part->parse_error = ERROR_HEADER;
            return;
        }
        if (parser->limits.addresses > parser->addresses_left) {
            parser->limits.addresses = parser->addresses_left;
        }
        decoded = ximss_field_decode(field->name, field->name_length, field->value,
                                     field->value_length, &parser->limits, parser->pool);
        parser->addresses_left -= decoded->addresses == NULL ? 0 : decoded->addresses->nelts;
        APR_ARRAY_PUSH(part->fields, ximss_field_t *) = decoded;
    }
}

/* Reads the header at parser->at into parser->raw. */
static void read_header(parser_t *parser, ximss_part_t *part)
{
    ximss_header_t header = header_at(parser, parser->at, parser->length);
    apr_size_t room = header.room;
    header.is_end = ends_header;
    header.baton = parser;
    part->header_offset = (apr_int64_t)parser->at;
    ximss_header_scan(&header);
    parser->header_left -= room - header.room;
    parser->at = header.at;
    part->body_offset = (apr_int64_t)parser->at;
    if (header.overflow) {
        part->parse_error = ERROR_HEADER;
    }
}

/* Makes PART a text of its own, for what cannot be shown as the parts that it claims. */
static void show_as_text(ximss_part_t *part, const char *why)
{
    part->kind = XIMSS_PART_LEAF;
    part->type = "text";
    part->subtype = "plain";
    part->encoding = XIMSS_ENCODING_NONE;
    apr_array_clear(part->type_params);
    part->parse_error = why;
}

static int is_type(const ximss_part_t *part, const char *type, const char *subtype)
{
    return strcmp(part->type, type) == 0 && strcmp(part->subtype, subtype) == 0;
}

/* What PART claims to be. Encoded messages stay opaque: their parts have no place in the raw bytes. */
static ximss_part_kind_t claimed_kind(const ximss_part_t *part, int top)
{
    if (strcmp(part->type, "multipart") == 0) {
        return XIMSS_PART_MULTIPART;
    }
    if (part->encoding != XIMSS_ENCODING_NONE) {
        return XIMSS_PART_LEAF;
    }
    if (is_type(part, "message", "rfc822") || is_type(part, "message", "global") ||
        is_type(part, "message", "news")) {
        return XIMSS_PART_MESSAGE;
    }
    return is_type(part, "text", "rfc822-headers") && !top ? XIMSS_PART_HEADERS : XIMSS_PART_LEAF;
}

/* Puts PART on the stack. Returns 0, and makes it text, when a limit forbids that. */
static int push(parser_t *parser, ximss_part_t *part)
{
    int message = part->kind == XIMSS_PART_MESSAGE;
    int outer = parser->depth == 0 ? XML_BASE : parser->frames[parser->depth - 1].xml_depth;
    frame_t frame = {.part = part, .tail = &part->children};
    frame.xml_depth = outer + (message ? 2 : 1);
    if (parser->depth >= parser->limits.mime_depth || frame.xml_depth > XML_MAX) {
        show_as_text(part, ERROR_DEPTH);
        return 0;
    }
    if (message && parser->parts >= parser->limits.mime_parts) {
        show_as_text(part, ERROR_PARTS);
        return 0;
    }
    if (!message) {
        frame.boundary = ximss_param_get(part->type_params, "boundary");
        frame.boundary_length = frame.boundary == NULL ? 0 : strlen(frame.boundary);
        /* RFC 2046, 5.1.1: blanks at its end do not belong to a boundary. */
        while (frame.boundary_length > 0 && frame.boundary[frame.boundary_length - 1] == ' ') {
            frame.boundary_length--;
        }
        if (frame.boundary_length == 0 || frame.boundary_length > BOUNDARY_MAX) {
            show_as_text(part, ERROR_NO_BOUNDARY);
            return 0;
        }
    }
    parser->frames[parser->depth++] = frame;
    update_lengths(parser);
    return 1;
}

static ximss_part_t *add_child(parser_t *parser)
{
    frame_t *frame = &parser->frames[parser->depth - 1];
    ximss_part_t *part = apr_pcalloc(parser->pool, sizeof(*part));
    *frame->tail = part;
    frame->tail = &part->next;
    parser->parts++;
    return part;
}

/* Starts PART at parser->at: its header, and for a message the message inside. FIELDS_OF: the part
 * that gets the decoded header fields, NULL for a part that is no message. */
static void begin_part(parser_t *parser, ximss_part_t *part, ximss_part_t *fields_of, int in_digest)
{
    int open = 1;
    while (open) {
        int top = parser->depth == 0;
        read_header(parser, part);
        ximss_part_describe(part, parser->raw, in_digest, parser->pool);
        if (fields_of != NULL) {
            decode_fields(parser, fields_of);
        }
        part->kind = claimed_kind(part, top);
        if (part->kind == XIMSS_PART_MULTIPART) {
            part->encoding = XIMSS_ENCODING_NONE; /* RFC 2045, 6.4: none other is allowed */
        }
        open = (part->kind == XIMSS_PART_MULTIPART || part->kind == XIMSS_PART_MESSAGE) &&
               push(parser, part);
        if (!open) {
            parser->leaf = part;
        }
        else if (part->kind == XIMSS_PART_MESSAGE) {
            ximss_part_t *inner = add_child(parser);
            fields_of = top ? inner : part;
            part = inner;
            in_digest = 0;
        }
        else {
            parser->leaf = NULL;
            open = 0;
        }
    }
}

/* Ends PART before byte END. */
static void end_part(parser_t *parser, ximss_part_t *part, apr_size_t end)
{
    apr_size_t start = (apr_size_t)part->body_offset;
    apr_size_t length = end > start ? end - start : 0;
    part->body_length = (apr_int64_t)length;
    if (part->kind == XIMSS_PART_MULTIPART && part->children == NULL) {
        show_as_text(part, ERROR_NO_PARTS);
    }
    else if (part->kind == XIMSS_PART_HEADERS) {
        ximss_header_t header = header_at(parser, start, start + length);
        apr_size_t room = header.room;
        ximss_header_scan(&header);
        parser->header_left -= room - header.room;
        decode_fields(parser, part);
    }
    part->decoded_size = decoded_size(part->encoding, parser->data + start, length);
}

/* Ends the leaf and all open parts above frame KEEP before byte END. */
static void end_parts(parser_t *parser, int keep, apr_size_t end)
{
    if (parser->leaf != NULL) {
        end_part(parser, parser->leaf, end);
        parser->leaf = NULL;
    }
    while (parser->depth > keep) {
        end_part(parser, parser->frames[--parser->depth].part, end);
    }
    update_lengths(parser);
}

/* The end of what lies before the boundary line at START: the line end belongs to the boundary. */
static apr_size_t end_before(const parser_t *parser, apr_size_t start)
{
    if (start > 0 && parser->data[start - 1] == parser->line_end) {
        start--;
        if (parser->line_end == '\n' && start > 0 && parser->data[start - 1] == '\r') {
            start--;
        }
    }
    return start;
}

/* Beyond the part limit, the rest of a multipart is one last text. */
static void begin_rest(parser_t *parser)
{
    frame_t *frame = &parser->frames[parser->depth - 1];
    ximss_part_t *part = add_child(parser);
    frame->full = 1;
    parser->raw->nelts = 0;
    ximss_part_describe(part, parser->raw, 0, parser->pool);
    part->header_offset = (apr_int64_t)parser->at;
    part->body_offset = (apr_int64_t)parser->at;
    show_as_text(part, ERROR_PARTS);
    parser->leaf = part;
}

static void follow_delimiter(parser_t *parser, const delimiter_t *found)
{
    frame_t *frame = &parser->frames[found->frame];
    end_parts(parser, found->frame + 1, end_before(parser, found->start));
    parser->at = found->next;
    if (found->close) {
        frame->closed = 1;
        update_lengths(parser);
    }
    else if (parser->at == parser->length && frame->part->children != NULL) {
        return; /* a last boundary that lacks its dashes, not one more part */
    }
    else if (parser->parts >= parser->limits.mime_parts) {
        begin_rest(parser);
    }
    else {
        begin_part(parser, add_child(parser), NULL, is_type(frame->part, "multipart", "digest"));
    }
}

ximss_part_t *ximss_structure_parse(const char *data, apr_size_t length,
                                    const ximss_limits_t *limits, apr_pool_t *pool)
{
    parser_t parser = {.data = data, .length = length, .limits = *limits, .pool = pool};
    ximss_part_t *top = apr_pcalloc(pool, sizeof(*top));
    delimiter_t found;
    parser.line_end = ximss_line_end(data, length);
    parser.frames = apr_palloc(pool, STACK_MAX * sizeof(frame_t));
    parser.raw = apr_array_make(pool, 32, sizeof(ximss_raw_field_t));
    parser.fields_left = FIELDS_MAX;
    parser.addresses_left = limits->addresses * ADDRESSES_TOTAL;
    parser.header_left = limits->header_bytes * 4 + length / 2;
    parser.parts = 1;
    begin_part(&parser, top, top, 0);
    while (next_delimiter(&parser, &found)) {
        follow_delimiter(&parser, &found);
    }
    end_parts(&parser, 0, length);
    ximss_parts_number(top, pool);
    return top;
}
