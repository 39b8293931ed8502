/* Charsets of received documents, decoded here and not by the XML parser: a client must not be able
 * to name a converter of the system (UTF-7 and the like hide markup from every check). */
#include "base/xml_decode.h"

#include "base/text.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

enum { DECLARATION_BYTES = 256, NAME_BYTES = 40 };

typedef enum charset_t { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_UTF16, CHARSET_UNKNOWN } charset_t;

typedef struct charset_row_t {
    const char *name;
    charset_t charset;
} charset_row_t;

static const charset_row_t charset_rows[] = {
    {"UTF-8", CHARSET_UTF8},         {"UTF8", CHARSET_UTF8},         {"US-ASCII", CHARSET_UTF8},
    {"ASCII", CHARSET_UTF8},         {"ISO-8859-1", CHARSET_LATIN1}, {"ISO_8859-1", CHARSET_LATIN1},
    {"ISO-LATIN-1", CHARSET_LATIN1}, {"UTF-16", CHARSET_UTF16},      {"UTF16", CHARSET_UTF16},
};

static charset_t charset_of(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(charset_rows) / sizeof(charset_rows[0]); i++) {
        if (strlen(charset_rows[i].name) == length &&
            strncasecmp(charset_rows[i].name, name, length) == 0) {
            return charset_rows[i].charset;
        }
    }
    return CHARSET_UNKNOWN;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The charset that the XML declaration names; UTF-8 when it names none or there is none. A declaration
 * that cannot be read here counts as unknown: the parser must not understand it otherwise. */
static charset_t declared_charset(const char *data, apr_size_t length)
{
    if (length < 6 || memcmp(data, "<?xml", 5) != 0 || !is_space(data[5])) {
        return CHARSET_UTF8;
    }
    apr_size_t window = length < DECLARATION_BYTES ? length : DECLARATION_BYTES;
    const char *end = memchr(data, '>', window);
    if (end == NULL) {
        return CHARSET_UNKNOWN;
    }
    static const char word[] = "encoding";
    const char *at = memmem(data, (size_t)(end - data), word, sizeof(word) - 1);
    if (at == NULL) {
        return CHARSET_UTF8;
    }
    for (at += sizeof(word) - 1; at < end && (is_space(*at) || *at == '='); at++) {
    }
    if (at >= end || (*at != '"' && *at != '\'')) {
        return CHARSET_UNKNOWN;
    }
    const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
    return close != NULL ? charset_of(at + 1, (size_t)(close - at - 1)) : CHARSET_UNKNOWN;
}

static void decode_latin1(const char **data, apr_size_t *length, apr_pool_t *scratch)
{
    unsigned char *decoded = apr_palloc(scratch, *length * 2 + 1);
    unsigned char *out = decoded;
    for (apr_size_t i = 0; i < *length; i++) {
        out += ximss_utf8_encode(out, (unsigned char)(*data)[i]);
    }
    *data = (const char *)decoded;
    *length = (apr_size_t)(out - decoded);
}

static apr_uint32_t unit_at(const unsigned char *at, int big)
{
    return big ? (apr_uint32_t)at[0] << 8 | at[1] : (apr_uint32_t)at[1] << 8 | at[0];
}

/* A lone surrogate becomes the byte 0xFF, which is refused as any invalid UTF-8 is. */
static void decode_utf16(const char **data, apr_size_t *length, int big, apr_pool_t *scratch)
{
    const unsigned char *at = (const unsigned char *)*data;
    const unsigned char *end = at + *length / 2 * 2;
    unsigned char *decoded = apr_palloc(scratch, *length * 2 + 4);
    unsigned char *out = decoded;
    while (at < end) {
        apr_uint32_t code = unit_at(at, big);
        at += 2;
        if (code < 0xd800 || code > 0xdfff) {
            out += ximss_utf8_encode(out, code);
            continue;
        }
        apr_uint32_t low = at < end ? unit_at(at, big) : 0;
        if (code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
            out += ximss_utf8_encode(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            at += 2;
        }
        else {
            *out++ = 0xff;
        }
    }
    if (*length % 2 != 0) {
        *out++ = 0xff;
    }
    *data = (const char *)decoded;
    *length = (apr_size_t)(out - decoded);
}

const ximss_error_t *ximss_xml_decode(const char **data, apr_size_t *length, apr_pool_t *pool,
                                      apr_pool_t *scratch)
{
    const unsigned char *bytes = (const unsigned char *)*data;
    charset_t allowed = CHARSET_UTF8;
    if (*length >= 2 &&
        ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff))) {
        int big = bytes[0] == 0xfe;
        *data += 2;
        *length -= 2;
        decode_utf16(data, length, big, scratch);
        allowed = CHARSET_UTF16;
    }
    else if (*length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        *data += 3;
        *length -= 3;
    }
    charset_t declared = declared_charset(*data, *length);
    if (declared == CHARSET_LATIN1 && *data == (const char *)bytes) {
        decode_latin1(data, length, scratch);
    }
    else if (declared != CHARSET_UTF8 && declared != allowed) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "the charset of the request is not known; send UTF-8");
    }
    if (*length == 0 || ((*data)[0] != '<' && !is_space((*data)[0]))) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the request is not an XML document");
    }
    /* libxml2 lets overlong forms pass inside CDATA. */
    if (!ximss_text_ok(*data, *length)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the request is not valid UTF-8");
    }
    return NULL;
}
