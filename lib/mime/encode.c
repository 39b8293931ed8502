/* base64, quoted-printable, and canonical line ends. */
#include "mime/encode.h"
#include "base/hex.h"

#include <string.h>

#define LINE_LENGTH 76

void ximss_hex_put(ximss_buffer_t *out, char mark, char byte)
{
    char digits[2];
    ximss_hex_write(digits, byte);
    ximss_buffer_put(out, mark);
    ximss_buffer_add(out, digits, 2);
}

static void put_group(char *to, const unsigned char *bytes, apr_size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned int bits = (unsigned int)bytes[0] << 16;
    bits |= length > 1 ? (unsigned int)bytes[1] << 8 : 0;
    bits |= length > 2 ? bytes[2] : 0;
    to[0] = alphabet[bits >> 18];
    to[1] = alphabet[bits >> 12 & 63];
    to[2] = length > 1 ? alphabet[bits >> 6 & 63] : '=';
    to[3] = length > 2 ? alphabet[bits & 63] : '=';
}

void ximss_base64_put(ximss_buffer_t *out, const char *bytes, apr_size_t length, int lines)
{
    apr_size_t column = 0;
    ximss_buffer_reserve(out, length / 3 * 4 + length / 28 + 8);
    for (apr_size_t at = 0; at < length; at += 3) {
        put_group(out->data + out->length, (const unsigned char *)bytes + at, length - at);
        out->length += 4;
        column += 4;
        if (lines && (column == LINE_LENGTH || at + 3 >= length)) {
            ximss_buffer_add(out, "\r\n", 2);
            column = 0;
        }
    }
}

/* The length of the line end at AT, 0 when there is none. */
static apr_size_t line_end(const char *text, apr_size_t length, apr_size_t at)
{
    if (text[at] == '\n') {
        return 1;
    }
    return text[at] != '\r' ? 0 : at + 1 < length && text[at + 1] == '\n' ? 2 : 1;
}

/* Whether the byte at AT, COLUMN characters behind the start of a line, cannot stand for itself. */
static int needs_quoting(const char *text, apr_size_t length, apr_size_t at, apr_size_t column)
{
    unsigned char c = (unsigned char)text[at];
    if (c == ' ' || c == '\t') {
        return at + 1 == length || line_end(text, length, at + 1) > 0;
    }
    if (column == 0 && c == 'F') {
        return length - at >= 5 && memcmp(text + at, "From ", 5) == 0;
    }
    return c < ' ' || c >= 0x7F || c == '=';
}

void ximss_quoted_put(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    apr_size_t column = 0;
    apr_size_t end;
    for (apr_size_t at = 0; at < length; at++) {
        end = line_end(text, length, at);
        if (end > 0) {
            ximss_buffer_add(out, "\r\n", 2);
            column = 0;
            at += end - 1;
            continue;
        }
        int quoted = needs_quoting(text, length, at, column);
        apr_size_t size = quoted ? 3 : 1;
        int last = at + 1 == length || line_end(text, length, at + 1) > 0;
        if (column + size + !last > LINE_LENGTH) {
            ximss_buffer_add(out, "=\r\n", 3);
            column = 0;
            quoted = needs_quoting(text, length, at, column);
            size = quoted ? 3 : 1;
        }
        if (quoted) {
            ximss_hex_put(out, '=', text[at]);
        }
        else {
            ximss_buffer_put(out, text[at]);
        }
        column += size;
    }
}

/* The first BYTE from AT on; END when there is none. */
static const char *find(const char *at, const char *end, char byte)
{
    const char *found = memchr(at, byte, (apr_size_t)(end - at));
    return found != NULL ? found : end;
}

void ximss_lines_put(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    const char *end = text + length;
    const char *cr = find(text, end, '\r');
    const char *lf = find(text, end, '\n');
    while (cr < end || lf < end) {
        const char *stop = cr < lf ? cr : lf;
        ximss_buffer_add(out, text, (apr_size_t)(stop - text));
        ximss_buffer_add(out, "\r\n", 2);
        text = stop + (lf == cr + 1 && lf < end ? 2 : 1);
        cr = cr < text ? find(text, end, '\r') : cr;
        lf = lf < text ? find(text, end, '\n') : lf;
    }
    ximss_buffer_add(out, text, (apr_size_t)(end - text));
}

void ximss_lines_end(ximss_buffer_t *out, const char *text, apr_size_t length, char end)
{
    apr_size_t start = 0;
    for (apr_size_t at = 0; at < length; at++) {
        apr_size_t size = line_end(text, length, at);
        if (size == 2 || (size == 1 && text[at] == end)) {
            ximss_buffer_add(out, text + start, at - start);
            ximss_buffer_add(out, "\r\n", 2);
            at += size - 1;
            start = at + 1;
        }
    }
    ximss_buffer_add(out, text + start, length - start);
}

/* Counts the line that ends before AT. */
static void end_line(ximss_survey_t *survey, const char *data, apr_size_t start, apr_size_t at)
{
    apr_size_t length = at - start;
    if (length > survey->longest) {
        survey->longest = length;
    }
    survey->from_line |= length >= 5 && memcmp(data + start, "From ", 5) == 0;
}

/* The first byte from AT on that the survey counts; letters and digits are not among them, and pass quickly: of eight
 * bytes at a time those with a high bit, DEL, those below a blank (a borrow), and '='. */
static apr_size_t skip_plain(const char *data, apr_size_t length, apr_size_t at)
{
    const apr_uint64_t ones = APR_UINT64_C(0x0101010101010101);
    for (; length - at >= 8; at += 8) {
        apr_uint64_t word;
        memcpy(&word, data + at, sizeof(word));
        apr_uint64_t equals = word ^ ones * '=';
        if ((word | (word + ones) | (word - ones * ' ') | ((equals - ones) & ~equals)) &
            ones * 0x80) {
            break;
        }
    }
    while (at < length && (unsigned char)(data[at] - ' ') < 0x7F - ' ' && data[at] != '=') {
        at++;
    }
    return at;
}

void ximss_survey(ximss_survey_t *survey, const char *data, apr_size_t length)
{
    apr_size_t start = 0;
    memset(survey, 0, sizeof(*survey));
    for (apr_size_t at = skip_plain(data, length, 0); at < length;
         at = skip_plain(data, length, at + 1)) {
        unsigned char c = (unsigned char)data[at];
        apr_size_t end = line_end(data, length, at);
        if (end > 0) {
            survey->bare += end == 1;
            end_line(survey, data, start, at);
            at += end - 1;
            start = at + 1;
            continue;
        }
        survey->eight_bit |= c >= 0x80;
        survey->nul |= c == '\0';
        survey->controls |= c == 0x7F || (c < ' ' && c != '\t');
        survey->quoted_size += c >= 0x7F || c == '=' || (c < ' ' && c != '\t');
    }
    end_line(survey, data, start, length);
}
