/* Charsets of mail to UTF-8: names as mail writes them, iconv(3) for the conversion. Only charsets of
 * our own table reach iconv: UTF-7 (hidden markup) and iconv's suffixes ("//IGNORE") never do. */
#include "base/text.h"
#include "base/utf8.h"
#include "mime/buffer.h"
#include "mime/content.h"
#include "mime/decode.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>

/* After so many bad sequences a text is taken to be in another charset: bounds the cost of junk. */
#define BAD_MAX 2000

typedef struct charset_t {
    const char *alias;
    const char *iconv_name;
} charset_t;

#define UTF8  "UTF-8"
#define LATIN "CP1252"
#define UTF16 "UTF-16"
#define UTF32 "UTF-32"

/* Sorted by alias (byte order). Supersets stand for the charsets that mail programs mislabel:
 * windows-1252 for iso-8859-1, gb18030 for gb2312, cp949 for ks_c_5601, cp932 for shift_jis. */
static const charset_t charsets[] = {
    {"ansi", LATIN},
    {"ansi-x3.4-1968", UTF8},
    {"armscii-8", "ARMSCII-8"},
    {"ascii", UTF8},
    {"big5", "CP950"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"cn-big5", "CP950"},
    {"cn-gb", "GB18030"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"cp1252", LATIN},
    {"cp1253", "CP1253"},
    {"cp1254", "CP1254"},
    {"cp1255", "CP1255"},
    {"cp1256", "CP1256"},
    {"cp1257", "CP1257"},
    {"cp1258", "CP1258"},
    {"cp437", "CP437"},
    {"cp50220", "ISO-2022-JP-3"},
    {"cp50221", "ISO-2022-JP-3"},
    {"cp850", "CP850"},
    {"cp852", "CP852"},
    {"cp855", "CP855"},
    {"cp862", "CP862"},
    {"cp866", "CP866"},
    {"cp874", "CP874"},
    {"cp932", "CP932"},
    {"cp936", "GB18030"},
    {"cp949", "UHC"},
    {"cp950", "CP950"},
    {"euc-cn", "GB18030"},
    {"euc-jp", "EUC-JP-MS"},
    {"euc-kr", "UHC"},
    {"euc-tw", "EUC-TW"},
    {"gb18030", "GB18030"},
    {"gb2312", "GB18030"},
    {"gb2312-80", "GB18030"},
    {"gbk", "GB18030"},
    {"georgian-academy", "GEORGIAN-ACADEMY"},
    {"georgian-ps", "GEORGIAN-PS"},
    {"ibm437", "CP437"},
    {"ibm850", "CP850"},
    {"ibm852", "CP852"},
    {"ibm855", "CP855"},
    {"ibm862", "CP862"},
    {"ibm866", "CP866"},
    {"iso-2022-cn", "ISO-2022-CN"},
    {"iso-2022-jp", "ISO-2022-JP-3"},
    {"iso-2022-jp-1", "ISO-2022-JP-3"},
    {"iso-2022-jp-2", "ISO-2022-JP-2"},
    {"iso-2022-jp-3", "ISO-2022-JP-3"},
    {"iso-2022-jp-ms", "ISO-2022-JP-3"},
    {"iso-2022-kr", "ISO-2022-KR"},
    {"iso-8859-1", LATIN},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-11", "CP874"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-6-i", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-8-e", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-9", "CP1254"},
    {"iso-ir-100", LATIN},
    {"johab", "JOHAB"},
    {"koi8-r", "KOI8-R"},
    {"koi8-ru", "KOI8-U"},
    {"koi8-t", "KOI8-T"},
    {"koi8-u", "KOI8-U"},
    {"koi8r", "KOI8-R"},
    {"ks-c-5601", "UHC"},
    {"ks-c-5601-1987", "UHC"},
    {"ks-c-5601-1989", "UHC"},
    {"ksc-5601", "UHC"},
    {"ksc5601", "UHC"},
    {"l1", LATIN},
    {"latin-1", LATIN},
    {"latin1", LATIN},
    {"latin2", "ISO-8859-2"},
    {"latin5", "CP1254"},
    {"latin9", "ISO-8859-15"},
    {"mac", "MACINTOSH"},
    {"mac-cyrillic", "MAC-CYRILLIC"},
    {"mac-roman", "MACINTOSH"},
    {"macintosh", "MACINTOSH"},
    {"ms-ansi", LATIN},
    {"ms-kanji", "CP932"},
    {"pt154", "PT154"},
    {"ptcp154", "PT154"},
    {"shift-jis", "CP932"},
    {"shiftjis", "CP932"},
    {"sjis", "CP932"},
    {"tcvn", "TCVN"},
    {"tis-620", "CP874"},
    {"tis620", "CP874"},
    {"ucs-2", UTF16},
    {"uhc", "UHC"},
    {"unicode-1-1-utf-8", UTF8},
    {"us-ascii", UTF8},
    {"utf-16", UTF16},
    {"utf-16be", "UTF-16BE"},
    {"utf-16le", "UTF-16LE"},
    {"utf-32", UTF32},
    {"utf-32be", "UTF-32BE"},
    {"utf-32le", "UTF-32LE"},
    {"utf-8", UTF8},
    {"utf16", UTF16},
    {"utf8", UTF8},
    {"utf8mb4", UTF8},
    {"viscii", "VISCII"},
    {"windows-1250", "CP1250"},
    {"windows-1251", "CP1251"},
    {"windows-1252", LATIN},
    {"windows-1253", "CP1253"},
    {"windows-1254", "CP1254"},
    {"windows-1255", "CP1255"},
    {"windows-1256", "CP1256"},
    {"windows-1257", "CP1257"},
    {"windows-1258", "CP1258"},
    {"windows-31j", "CP932"},
    {"windows-874", "CP874"},
    {"windows-949", "UHC"},
};

const char *const ximss_charset_names[] = {"big5",
                                           "cp866",
                                           "euc-jp",
                                           "euc-kr",
                                           "euc-tw",
                                           "gb18030",
                                           "gb2312",
                                           "gbk",
                                           "iso-2022-jp",
                                           "iso-2022-kr",
                                           "iso-8859-1",
                                           "iso-8859-10",
                                           "iso-8859-11",
                                           "iso-8859-13",
                                           "iso-8859-14",
                                           "iso-8859-15",
                                           "iso-8859-16",
                                           "iso-8859-2",
                                           "iso-8859-3",
                                           "iso-8859-4",
                                           "iso-8859-5",
                                           "iso-8859-6",
                                           "iso-8859-7",
                                           "iso-8859-8",
                                           "iso-8859-9",
                                           "koi8-r",
                                           "koi8-u",
                                           "ks_c_5601-1987",
                                           "shift_jis",
                                           "utf-8",
                                           "windows-1250",
                                           "windows-1251",
                                           "windows-1252",
                                           "windows-1253",
                                           "windows-1254",
                                           "windows-1255",
                                           "windows-1256",
                                           "windows-1257",
                                           "windows-1258",
                                           "windows-874",
                                           NULL};

/* Windows-1252 at 0x80 to 0x9F; the five free places are C1 characters, as in HTML. */
static const unsigned short latin_high[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

/* Eight bytes at a time: most of all header text passes here. A borrow between bytes needs a byte that is
 * bad already. */
int ximss_bytes_plain(const char *bytes, apr_size_t length)
{
    const apr_uint64_t ones = 0x0101010101010101ULL;
    apr_uint64_t bad = 0;
    for (; length >= 8; bytes += 8, length -= 8) {
        apr_uint64_t word;
        memcpy(&word, bytes, 8);
        bad |= word | (word - ones * 0x20) | (word + ones);
    }
    for (; length > 0; bytes++, length--) {
        unsigned char c = (unsigned char)*bytes;
        bad |= c < 0x20 || c > 0x7E ? 0x80 : 0;
    }
    return (bad & (ones * 0x80)) == 0;
}

/* The length of the UTF-8 sequence at BYTES (of LENGTH > 0), 0 if it is none. */
static apr_size_t sequence_length(const unsigned char *bytes, apr_size_t length)
{
    unsigned char c = bytes[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    apr_size_t need = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (need <= 1 || need > length) {
        return need > length ? 0 : need;
    }
    low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : low;
    high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : high;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (apr_size_t i = 2; i < need; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return need;
}

int ximss_utf8_valid(const char *bytes, apr_size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    const unsigned char *end = at + length;
    while (at < end) {
        apr_size_t step = 1;
        at += ximss_utf8_plain(at, end);
        if (at == end) {
            break;
        }
        if (*at >= 0x80) {
            step = sequence_length(at, (apr_size_t)(end - at));
            if (step == 0) {
                return 0;
            }
        }
        at += step;
    }
    return 1;
}

static int compare_alias(const void *key, const void *row)
{
    return strcmp(key, ((const charset_t *)row)->alias);
}

static const char *find_alias(const char *alias)
{
    const charset_t *found = bsearch(alias, charsets, sizeof(charsets) / sizeof(charsets[0]),
                                     sizeof(charsets[0]), compare_alias);
    return found == NULL ? NULL : found->iconv_name;
}

/* The iconv name for a charset name as mail writes it: quotes, "x-", "_", "iso8859-1"; NULL if it is
 * not in the table. */
static const char *find_charset(const char *charset)
{
    char name[40];
    apr_size_t length = 0;
    const char *found;
    for (; *charset != '\0' && length < sizeof(name) - 1; charset++) {
        char c = *charset;
        if (c == '_') {
            name[length++] = '-';
        }
        else if (apr_isalnum(c) || c == '-' || c == '.') {
            name[length++] = (char)apr_tolower(c);
        }
        else if (c != '"' && c != '\'' && c != ' ') {
            break;
        }
    }
    name[length] = '\0';
    found = find_alias(name);
    if (found == NULL && strncmp(name, "x-", 2) == 0) {
        found = find_alias(name + 2);
    }
    if (found == NULL && strncmp(name, "iso8859", 7) == 0 && length + 1 < sizeof(name)) {
        memmove(name + 4, name + 3, length - 3 + 1);
        name[3] = '-';
        found = find_alias(name);
    }
    return found;
}

static void put_character(ximss_buffer_t *out, unsigned int c)
{
    char bytes[3];
    if (c < 0x80) {
        ximss_buffer_put(out, (char)c);
        return;
    }
    if (c < 0x800) {
        bytes[0] = (char)(0xC0 | (c >> 6));
        bytes[1] = (char)(0x80 | (c & 0x3F));
        ximss_buffer_add(out, bytes, 2);
        return;
    }
    bytes[0] = (char)(0xE0 | (c >> 12));
    bytes[1] = (char)(0x80 | ((c >> 6) & 0x3F));
    bytes[2] = (char)(0x80 | (c & 0x3F));
    ximss_buffer_add(out, bytes, 3);
}

static void add_latin(ximss_buffer_t *out, const char *bytes, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        put_character(out, c >= 0x80 && c < 0xA0 ? latin_high[c - 0x80] : c);
    }
}

/* Charsets that combine characters (windows-1258, TCVN) hold the last one back. */
static void flush_handle(ximss_buffer_t *out, iconv_t handle)
{
    char *to;
    size_t room;
    ximss_buffer_reserve(out, 64);
    to = out->data + out->length;
    room = out->room - out->length;
    iconv(handle, NULL, NULL, &to, &room);
    out->length = (apr_size_t)(to - out->data);
}

/* Converts as far as it goes; each bad byte becomes U+FFFD, and after BAD_MAX of them the rest is
 * taken for windows-1252. */
static void add_converted(ximss_buffer_t *out, iconv_t handle, const char *bytes, apr_size_t length)
{
    char *in = (char *)bytes;
    size_t left = length;
    int bad = 0;
    while (left > 0 && bad < BAD_MAX) {
        char *to;
        size_t room;
        size_t done;
        ximss_buffer_reserve(out, 64 + left);
        to = out->data + out->length;
        room = out->room - out->length;
        done = iconv(handle, &in, &left, &to, &room);
        out->length = (apr_size_t)(to - out->data);
        if (done == (size_t)-1 && errno != E2BIG && left > 0) {
            put_character(out, 0xFFFD);
            in++;
            left--;
            bad++;
        }
    }
    flush_handle(out, handle);
    add_latin(out, in, left);
}

/* UTF-16 and UTF-32 without a byte order in the name: the mark decides, else the side where most zero
 * bytes are (RFC 2781 would say big-endian; senders without a mark are mostly little-endian). */
static const char *guess_order(const char *name, const char *bytes, apr_size_t length)
{
    apr_size_t zeros[2] = {0, 0};
    int little;
    if (strcmp(name, UTF16) == 0 && length >= 2 &&
        (unsigned char)bytes[0] + (unsigned char)bytes[1] == 0xFE + 0xFF) {
        return (unsigned char)bytes[0] == 0xFF ? "UTF-16LE" : "UTF-16BE";
    }
    for (apr_size_t i = 0; i < length && i < 4096; i++) {
        zeros[i & 1] += bytes[i] == '\0';
    }
    little = zeros[1] > zeros[0];
    if (strcmp(name, UTF32) == 0) {
        little = length > 0 && bytes[0] != '\0';
        return little ? "UTF-32LE" : "UTF-32BE";
    }
    return little ? "UTF-16LE" : "UTF-16BE";
}

/* Drops a byte order mark, cleans, and terminates; OWN: the text may be given back as it is. */
static const char *finish(const char *text, apr_size_t length, int own, apr_size_t *text_length,
                          apr_pool_t *pool)
{
    const char *clean;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    clean = ximss_text_clean(text, &length, pool);
    *text_length = length;
    return clean == text && !own ? apr_pstrmemdup(pool, text, length) : clean;
}

const char *ximss_charset_to_utf8(const char *charset, const char *bytes, apr_size_t length,
                                  apr_size_t *text_length, apr_pool_t *pool)
{
    const char *name = charset == NULL ? NULL : find_charset(charset);
    ximss_buffer_t out;
    iconv_t handle;
    if (name == NULL || strcmp(name, UTF8) == 0) {
        /* Declared UTF-8 keeps its good parts; an unknown or ASCII label says nothing about 8 bits. */
        int declared = name != NULL && apr_tolower(charset[charset[0] == '"']) == 'u' &&
                       strncasecmp(charset + (charset[0] == '"'), "us", 2) != 0;
        if (declared || ximss_utf8_valid(bytes, length)) {
            return finish(bytes, length, 0, text_length, pool);
        }
        name = LATIN;
    }
    ximss_buffer_init(&out, length + length / 8 + 16, pool);
    if (strcmp(name, UTF16) == 0 || strcmp(name, UTF32) == 0) {
        name = guess_order(name, bytes, length);
    }
    handle = strcmp(name, LATIN) == 0 ? (iconv_t)-1 : iconv_open("UTF-8", name);
    if (handle == (iconv_t)-1) {
        add_latin(&out, bytes, length);
    }
    else {
        add_converted(&out, handle, bytes, length);
        iconv_close(handle);
    }
    return finish(ximss_buffer_string(&out), out.length, 1, text_length, pool);
}
