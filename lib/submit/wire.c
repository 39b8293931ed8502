/* Line ends, dots and folding of what goes out. */
#include "submit/wire.h"

#include <string.h>

enum { LINE_MAX_BYTES = 998, LONGEST_STEP = 8 };

void ximss_wire_init(ximss_wire_t *wire, const char *data, apr_size_t length,
                     ximss_wire_style_t style)
{
    memset(wire, 0, sizeof(*wire));
    wire->data = data;
    wire->length = length;
    wire->in_header = 1;
    wire->style = style;
}

static char *put_line_end(ximss_wire_t *wire, char *out)
{
    if (wire->column == 0) {
        wire->in_header = 0;
    }
    wire->column = 0;
    if (wire->style != XIMSS_WIRE_LF) {
        *out++ = '\r';
    }
    *out++ = '\n';
    return out;
}

/* How many bytes the character that BYTE begins wants to have on its line. */
static apr_size_t character_length(unsigned char byte)
{
    return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

static char *put_byte(ximss_wire_t *wire, char *out, char byte)
{
    if (wire->style == XIMSS_WIRE_SMTP) {
        if (wire->column + character_length((unsigned char)byte) > LINE_MAX_BYTES) {
            *out++ = '\r';
            *out++ = '\n';
            *out++ = ' ';
            wire->column = 1;
        }
        if (wire->column == 0 && byte == '.') {
            *out++ = '.';
        }
    }
    wire->column++;
    wire->has_8bit |= (unsigned char)byte >= 0x80;
    *out++ = byte;
    return out;
}

/* Whether the CR at the reader's place belongs to a line end; then the place moves to its LF. */
static int skip_to_lf(ximss_wire_t *wire)
{
    if (wire->at < wire->bare_end) {
        return 0;
    }
    apr_size_t end = wire->at;
    while (end < wire->length && wire->data[end] == '\r') {
        end++;
    }
    if (end < wire->length && wire->data[end] == '\n') {
        wire->at = end;
        return 1;
    }
    wire->bare_end = end;
    return 0;
}

static char *put_next(ximss_wire_t *wire, char *out)
{
    char byte = wire->data[wire->at];
    if (byte == '\r') {
        out = skip_to_lf(wire) || !wire->in_header ? put_line_end(wire, out)
                                                   : put_byte(wire, out, ' ');
    }
    else if (byte == '\n') {
        out = put_line_end(wire, out);
    }
    else {
        out = put_byte(wire, out, byte != '\0' ? byte : ' ');
    }
    wire->at++;
    return out;
}

apr_size_t ximss_wire_read(ximss_wire_t *wire, char *out, apr_size_t room)
{
    char *start = out;
    char *full = out + room - LONGEST_STEP;
    while (wire->at < wire->length && out <= full) {
        out = put_next(wire, out);
    }
    if (wire->at == wire->length && wire->column > 0 && out <= full) {
        out = put_line_end(wire, out);
    }
    return (apr_size_t)(out - start);
}
