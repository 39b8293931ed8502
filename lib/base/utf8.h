/* Decoding and encoding one UTF-8 character: shared by the text functions and the XML writer. */
#ifndef XIMSS_BASE_UTF8_H
#define XIMSS_BASE_UTF8_H

#include <apr.h>
#include <string.h>

#define XIMSS_UTF8_REPLACEMENT        "\xef\xbf\xbd"
#define XIMSS_UTF8_REPLACEMENT_LENGTH 3

/* Bytes from TEXT on that are certainly printable ASCII or DEL, eight at a time: what most text is made of
 * needs no look at each byte. */
static inline apr_size_t ximss_utf8_plain(const unsigned char *text, const unsigned char *end)
{
    const unsigned char *at = text;
    while (end - at >= 8) {
        apr_uint64_t word;
        memcpy(&word, at, sizeof(word));
        /* a high bit, or a borrow from a byte below 0x20 */
        if (((word - APR_UINT64_C(0x2020202020202020)) | word) & APR_UINT64_C(0x8080808080808080)) {
            break;
        }
        at += 8;
    }
    return (apr_size_t)(at - text);
}

/* The length of the well-formed character at TEXT (no overlong form, no surrogate, at most U+10FFFF)
 * and its code point; 0 when there is none within END. TEXT < END. */
static inline unsigned ximss_utf8_decode(const unsigned char *text, const unsigned char *end,
                                         apr_uint32_t *code)
{
    apr_size_t room = (apr_size_t)(end - text);
    if (text[0] < 0x80) {
        *code = text[0];
        return 1;
    }
    if (text[0] < 0xc2 || room < 2 || (text[1] & 0xc0) != 0x80) {
        return 0;
    }
    if (text[0] < 0xe0) {
        *code = ((text[0] & 0x1fu) << 6) | (text[1] & 0x3fu);
        return 2;
    }
    if (room < 3 || (text[2] & 0xc0) != 0x80) {
        return 0;
    }
    if (text[0] < 0xf0) {
        *code = ((text[0] & 0x0fu) << 12) | ((text[1] & 0x3fu) << 6) | (text[2] & 0x3fu);
        return *code >= 0x800 && (*code < 0xd800 || *code > 0xdfff) ? 3 : 0;
    }
    if (text[0] > 0xf4 || room < 4 || (text[3] & 0xc0) != 0x80) {
        return 0;
    }
    *code = ((text[0] & 0x07u) << 18) | ((text[1] & 0x3fu) << 12) | ((text[2] & 0x3fu) << 6) |
            (text[3] & 0x3fu);
    return *code >= 0x10000 && *code <= 0x10ffff ? 4 : 0;
}

/* Writes CODE (a valid scalar value) at OUT, which has room for four bytes. Returns its length. */
static inline unsigned ximss_utf8_encode(unsigned char *out, apr_uint32_t code)
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xc0 | (code >> 6));
        out[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xe0 | (code >> 12));
        out[1] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | (code >> 18));
    out[1] = (unsigned char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

/* Whether XML 1.0 can carry the character, as itself or as a reference. */
static inline int ximss_utf8_xml_char(apr_uint32_t code)
{
    if (code < 0x20) {
        return code == '\t' || code == '\n' || code == '\r';
    }
    return code != 0xfffe && code != 0xffff;
}

#endif
