/* Transfer decoders (RFC 2045, 6; uuencode), fed in pieces of any size, and text bodies. */
#include "mime/content.h"
#include "base/hex.h"
#include "mime/decode.h"

#include <apr_lib.h>
#include <string.h>

#define JUNK    0x80
#define PAD     0x40
#define UU_LINE 62

/* The value of each base64 digit; JUNK (X) outside the alphabet. */
#define X JUNK
static const unsigned char digits[256] = {
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  62, X,  X,  X,  63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,  X,  PAD, X,  X,  X,  0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,  21, 22, 23, 24, 25, X,  X,  X,  X,  X,
    X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,  39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,   X,  X,
};
#undef X

/* State of base64: number of digits held (0-3). State of quoted-printable: see below. */
enum { QP_TEXT, QP_EQUAL, QP_HEX, QP_SOFT };
enum { UU_SEEK, UU_DATA, UU_DONE };

void ximss_decoder_init(ximss_decoder_t *decoder, ximss_encoding_t encoding)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->encoding = encoding;
}

apr_size_t ximss_decoder_bound(apr_size_t length)
{
    return length + sizeof(((ximss_decoder_t *)0)->hold) + 4;
}

/* Gives the bytes of the digits held: 2 digits make 1 byte, 3 make 2. */
static char *flush_base64(ximss_decoder_t *decoder, char *to)
{
    if (decoder->state == 2) {
        *to++ = (char)(decoder->bits >> 4);
    }
    else if (decoder->state == 3) {
        *to++ = (char)(decoder->bits >> 10);
        *to++ = (char)(decoder->bits >> 2);
    }
    decoder->state = 0;
    decoder->bits = 0;
    return to;
}

static char *run_base64(ximss_decoder_t *decoder, const unsigned char *in, apr_size_t length,
                        char *to)
{
    const unsigned char *end = in + length;
    while (in < end) {
        unsigned char digit;
        while (decoder->state == 0 && end - in >= 4) {
            unsigned int a = digits[in[0]];
            unsigned int b = digits[in[1]];
            unsigned int c = digits[in[2]];
            unsigned int d = digits[in[3]];
            if ((a | b | c | d) > 63) {
                break;
            }
            to[0] = (char)(a << 2 | b >> 4);
            to[1] = (char)(b << 4 | c >> 2);
            to[2] = (char)(c << 6 | d);
            to += 3;
            in += 4;
        }
        if (in == end) {
            break;
        }
        digit = digits[*in++];
        if (digit == PAD) {
            to = flush_base64(decoder, to);
        }
        else if (digit != JUNK) {
            decoder->bits = decoder->bits << 6 | digit;
            if (++decoder->state == 4) {
                *to++ = (char)(decoder->bits >> 16);
                *to++ = (char)(decoder->bits >> 8);
                *to++ = (char)decoder->bits;
                decoder->state = 0;
                decoder->bits = 0;
            }
        }
    }
    return to;
}

static char *flush_hold(ximss_decoder_t *decoder, char *to)
{
    memcpy(to, decoder->hold, (apr_size_t)decoder->held);
    to += decoder->held;
    decoder->held = 0;
    return to;
}

/* One byte of plain quoted-printable text. White space is held, for it goes when the line ends there
 * (RFC 2045, 6.7 rule 3). */
static char *qp_text(ximss_decoder_t *decoder, unsigned char c, char *to)
{
    if (c == ' ' || c == '\t') {
        if (decoder->held == (int)sizeof(decoder->hold)) {
            to = flush_hold(decoder, to);
        }
        decoder->hold[decoder->held++] = (char)c;
        return to;
    }
    if (c == '\r' && decoder->held < (int)sizeof(decoder->hold)) {
        /* Decided by the next byte: a line end drops the white space before it. */
        decoder->hold[decoder->held++] = (char)c;
        return to;
    }
    if (c == '\n') {
        int cr = decoder->held > 0 && decoder->hold[decoder->held - 1] == '\r';
        decoder->held = 0;
        if (cr) {
            *to++ = '\r';
        }
        *to++ = '\n';
        return to;
    }
    to = flush_hold(decoder, to);
    if (c == '=') {
        decoder->state = QP_EQUAL;
        return to;
    }
    *to++ = (char)c;
    return to;
}

/* One byte behind "=": a digit, or the start of a soft line break, or junk that is kept. */
static char *qp_equal(ximss_decoder_t *decoder, unsigned char c, char *to)
{
    if (apr_isxdigit(c)) {
        decoder->bits = c;
        decoder->state = QP_HEX;
        return to;
    }
    if (c == '\n') {
        decoder->state = QP_TEXT;
        return to;
    }
    if (c == ' ' || c == '\t' || c == '\r') {
        decoder->state = QP_SOFT;
        decoder->hold[decoder->held++] = (char)c;
        return to;
    }
    *to++ = '=';
    decoder->state = QP_TEXT;
    return qp_text(decoder, c, to);
}

static char *qp_hex(ximss_decoder_t *decoder, unsigned char c, char *to)
{
    int byte = ximss_hex_byte((char)decoder->bits, (char)c);
    decoder->state = QP_TEXT;
    if (byte >= 0) {
        *to++ = (char)byte;
        return to;
    }
    *to++ = '=';
    *to++ = (char)decoder->bits;
    return qp_text(decoder, c, to);
}

/* Behind "=" and white space: only a line end makes it a soft line break. */
static char *qp_soft(ximss_decoder_t *decoder, unsigned char c, char *to)
{
    if (c == '\n') {
        decoder->state = QP_TEXT;
        decoder->held = 0;
        return to;
    }
    if (decoder->hold[decoder->held - 1] == '\r') { /* a line end of old Macintosh mail */
        decoder->state = QP_TEXT;
        decoder->held = 0;
        return qp_text(decoder, c, to);
    }
    if ((c == ' ' || c == '\t' || c == '\r') && decoder->held < (int)sizeof(decoder->hold)) {
        decoder->hold[decoder->held++] = (char)c;
        return to;
    }
    *to++ = '=';
    decoder->state = QP_TEXT;
    to = flush_hold(decoder, to);
    return qp_text(decoder, c, to);
}

static char *run_quoted(ximss_decoder_t *decoder, const unsigned char *in, apr_size_t length,
                        char *to)
{
    for (apr_size_t i = 0; i < length; i++) {
        unsigned char c = in[i];
        switch (decoder->state) {
        case QP_TEXT:
            if (c > ' ' && c != '=' && decoder->held == 0) {
                *to++ = (char)c;
            }
            else {
                to = qp_text(decoder, c, to);
            }
            break;
        case QP_EQUAL:
            to = qp_equal(decoder, c, to);
            break;
        case QP_HEX:
            to = qp_hex(decoder, c, to);
            break;
        default:
            to = qp_soft(decoder, c, to);
            break;
        }
    }
    return to;
}

static char *finish_quoted(ximss_decoder_t *decoder, char *to)
{
    if (decoder->state == QP_HEX) {
        *to++ = '=';
        *to++ = (char)decoder->bits;
    }
    else if (decoder->state == QP_TEXT && decoder->held > 0 &&
             decoder->hold[decoder->held - 1] == '\r') {
        to = flush_hold(decoder, to);
    }
    decoder->held = 0;
    decoder->state = QP_TEXT;
    return to;
}

static unsigned int uu_digit(const ximss_decoder_t *decoder, int at)
{
    return at < decoder->held ? ((unsigned int)decoder->hold[at] - ' ') & 63 : 0;
}

/* One whole line of uuencoded data, at most 62 bytes of it held. */
static char *uu_line(ximss_decoder_t *decoder, char *to)
{
    int count = (int)uu_digit(decoder, 0);
    if (decoder->state == UU_SEEK) {
        if (decoder->held >= 6 && memcmp(decoder->hold, "begin ", 6) == 0) {
            decoder->state = UU_DATA;
        }
        return to;
    }
    if (decoder->state == UU_DONE || decoder->held == 0) {
        return to;
    }
    if (count == 0 || (decoder->held == 3 && memcmp(decoder->hold, "end", 3) == 0)) {
        decoder->state = UU_DONE;
        return to;
    }
    for (int at = 1; count > 0 && at < decoder->held; at += 4) {
        unsigned int bits = uu_digit(decoder, at) << 18 | uu_digit(decoder, at + 1) << 12 |
                            uu_digit(decoder, at + 2) << 6 | uu_digit(decoder, at + 3);
        for (int shift = 16; shift >= 0 && count > 0; shift -= 8) {
            *to++ = (char)(bits >> shift);
            count--;
        }
    }
    return to;
}

static char *run_uu(ximss_decoder_t *decoder, const unsigned char *in, apr_size_t length, char *to)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (in[i] == '\n') {
            to = uu_line(decoder, to);
            decoder->held = 0;
        }
        else if (in[i] != '\r' && decoder->held < UU_LINE) {
            decoder->hold[decoder->held++] = (char)in[i];
        }
    }
    return to;
}

apr_size_t ximss_decoder_run(ximss_decoder_t *decoder, const char *in, apr_size_t length, int last,
                             char *out)
{
    const unsigned char *bytes = (const unsigned char *)in;
    char *to = out;
    switch (decoder->encoding) {
    case XIMSS_ENCODING_BASE64:
        to = run_base64(decoder, bytes, length, to);
        to = last ? flush_base64(decoder, to) : to;
        break;
    case XIMSS_ENCODING_QUOTED:
        to = run_quoted(decoder, bytes, length, to);
        to = last ? finish_quoted(decoder, to) : to;
        break;
    case XIMSS_ENCODING_UU:
        to = run_uu(decoder, bytes, length, to);
        if (last) {
            to = uu_line(decoder, to);
            decoder->held = 0;
        }
        break;
    case XIMSS_ENCODING_NONE:
        if (length > 0) {
            memcpy(to, in, length);
            to += length;
        }
        break;
    }
    return (apr_size_t)(to - out);
}

/* CR LF becomes LF, in place; a CR alone is a line end of its own (old Macintosh mail). */
static apr_size_t unify_line_ends(char *text, apr_size_t length)
{
    char *from = text;
    char *end = text + length;
    char *to = text;
    while (from < end) {
        char *found = memchr(from, '\r', (apr_size_t)(end - from));
        apr_size_t line = (apr_size_t)((found != NULL ? found : end) - from);
        memmove(to, from, line);
        to += line;
        if (found == NULL) {
            break;
        }
        *to++ = '\n';
        from = found + 1;
        if (from < end && *from == '\n') {
            from++;
        }
    }
    return (apr_size_t)(to - text);
}

const char *ximss_content_text(const ximss_part_t *part, const char *raw, apr_size_t length,
                               apr_size_t *text_length, apr_pool_t *pool)
{
    const char *bytes = raw;
    char *text;
    ximss_decoder_t decoder;
    if (part->encoding != XIMSS_ENCODING_NONE) {
        char *decoded = apr_palloc(pool, ximss_decoder_bound(length));
        ximss_decoder_init(&decoder, part->encoding);
        length = ximss_decoder_run(&decoder, raw, length, 1, decoded);
        bytes = decoded;
    }
    text = (char *)ximss_charset_to_utf8(ximss_param_get(part->type_params, "charset"), bytes,
                                         length, &length, pool);
    *text_length = unify_line_ends(text, length);
    text[*text_length] = '\0';
    return text;
}
