/* UTF-8 text: cleaning and cutting, and the mailbox patterns of IMAP LIST. Case folding is in
 * text_fold.c. */
#include "base/text.h"

#include "base/utf8.h"

#include <string.h>

/* Bytes from TEXT on that may stay as they are. */
static apr_size_t clean_prefix(const unsigned char *text, const unsigned char *end)
{
    const unsigned char *at = text;
    while (at < end) {
        apr_uint32_t code;
        at += ximss_utf8_plain(at, end);
        if (at == end) {
            break;
        }
        unsigned length = ximss_utf8_decode(at, end, &code);
        if (length == 0 || !ximss_utf8_xml_char(code)) {
            break;
        }
        at += length;
    }
    return (apr_size_t)(at - text);
}

int ximss_text_ok(const char *text, apr_size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    return clean_prefix(at, at + length) == length;
}

const char *ximss_text_clean(const char *text, apr_size_t *length, apr_pool_t *pool)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + *length;
    apr_size_t good = clean_prefix(at, end);
    if (good == *length) {
        return text;
    }
    /* A bad byte grows to three. */
    char *clean = apr_palloc(pool, good + (*length - good) * XIMSS_UTF8_REPLACEMENT_LENGTH + 1);
    char *out = clean;
    for (;;) {
        memcpy(out, at, good);
        out += good;
        at += good;
        if (at >= end) {
            break;
        }
        apr_uint32_t code;
        unsigned bad = ximss_utf8_decode(at, end, &code);
        at += bad != 0 ? bad : 1;
        memcpy(out, XIMSS_UTF8_REPLACEMENT, XIMSS_UTF8_REPLACEMENT_LENGTH);
        out += XIMSS_UTF8_REPLACEMENT_LENGTH;
        good = clean_prefix(at, end);
    }
    *out = '\0';
    *length = (apr_size_t)(out - clean);
    return clean;
}

int ximss_text_is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

int ximss_text_is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

apr_size_t ximss_text_cut(const char *text, apr_size_t length, apr_size_t limit)
{
    if (length <= limit) {
        return length;
    }
    apr_size_t cut = limit;
    /* At most three steps: text that is no UTF-8 must not be cut away as a whole. */
    while (cut > 0 && limit - cut < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
        cut--;
    }
    return ((unsigned char)text[cut] & 0xc0) == 0x80 ? limit : cut;
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Bytes at the start of NAME whose letter case does not count: those of INBOX as first component. */
static apr_size_t inbox_length(const char *name)
{
    static const char inbox[] = "inbox";
    apr_size_t i = 0;
    while (i < sizeof(inbox) - 1 && ascii_lower(name[i]) == inbox[i]) {
        i++;
    }
    return i == sizeof(inbox) - 1 && (name[i] == '\0' || name[i] == '/') ? i : 0;
}

enum { PATTERN_BYTES = 2048 };

/* A wildcard may match nothing: what reaches it reaches the place behind it. */
static void skip_wildcards(unsigned char *reached, const char *pattern, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (pattern[i] == '*' || pattern[i] == '%') {
            reached[i + 1] |= reached[i];
        }
    }
}

/* Keeps the set of pattern places reached so far, so that no pattern makes it backtrack. */
int ximss_text_match_list(const char *pattern, const char *name)
{
    apr_size_t length = strlen(pattern);
    if (length > PATTERN_BYTES) {
        return 0;
    }
    unsigned char sets[2][PATTERN_BYTES + 1];
    unsigned char *reached = sets[0];
    unsigned char *next = sets[1];
    apr_size_t any_case = inbox_length(name);
    memset(reached, 0, length + 1);
    reached[0] = 1;
    skip_wildcards(reached, pattern, length);
    for (apr_size_t n = 0; name[n] != '\0'; n++) {
        memset(next, 0, length + 1);
        for (apr_size_t i = 0; i < length; i++) {
            if (pattern[i] == '*' || (pattern[i] == '%' && name[n] != '/')) {
                next[i] |= reached[i];
            }
            else if (pattern[i] == name[n] ||
                     (n < any_case && ascii_lower(pattern[i]) == ascii_lower(name[n]))) {
                next[i + 1] |= reached[i];
            }
        }
        skip_wildcards(next, pattern, length);
        unsigned char *swap = reached;
        reached = next;
        next = swap;
    }
    return reached[length];
}
