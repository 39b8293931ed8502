/* Writes header fields: texts, addresses, dates, identifiers. */
#include "mime/header_out.h"
#include "base/random.h"
#include "base/zone.h"
#include "mime/header_line.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define PHRASE_MAX 66 /* a longer name as encoded words, which can be folded */
#define TOKEN_MAX  900

int ximss_header_name_ok(const char *name)
{
    apr_size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (name[length] <= ' ' || name[length] >= 0x7F || name[length] == ':' ||
            length == XIMSS_HEADER_NAME_MAX) {
            return 0;
        }
    }
    return length > 0;
}

/* ---- unstructured text ---- */

static apr_size_t word_end(const char *text, apr_size_t length, apr_size_t at)
{
    const char *blank = memchr(text + at, ' ', length - at);
    return blank == NULL ? length : (apr_size_t)(blank - text);
}

static int is_plain_word(const char *word, apr_size_t length)
{
    return length <= TOKEN_MAX && ximss_head_is_plain(word, length);
}

/* Words that need encoding and follow each other are encoded together: the blanks between encoded words are not
 * part of the text. */
static void put_text(ximss_head_line_t *line, const char *text, apr_size_t length)
{
    apr_size_t at = 0;
    if (memmem(text, length, "  ", 2) != NULL) {
        ximss_head_put_encoded(line, text, length, "", ""); /* folding would lose blanks */
        return;
    }
    while (at < length) {
        apr_size_t till = word_end(text, length, at);
        if (is_plain_word(text + at, till - at)) {
            ximss_head_put(line, text + at, till - at);
        }
        else {
            while (till < length) {
                apr_size_t next = word_end(text, length, till + 1);
                if (is_plain_word(text + till + 1, next - till - 1)) {
                    break;
                }
                till = next;
            }
            ximss_head_put_encoded(line, text + at, till - at, "", "");
        }
        at = till + 1;
    }
}

void ximss_header_text(ximss_out_t *out, const char *name, const char *utf8)
{
    apr_size_t length = strlen(utf8);
    ximss_head_line_t line;
    const char *text = ximss_head_clean(utf8, &length, out->pool);
    if (!ximss_header_name_ok(name)) {
        return;
    }
    ximss_head_start(&line, out, name);
    put_text(&line, text, length);
    ximss_head_end(&line);
}

/* ---- addresses ---- */

/* A display name: quoted when it is short and plain, else encoded. */
static void put_phrase(ximss_head_line_t *line, const char *text, apr_size_t length,
                       const char *after)
{
    ximss_buffer_t quoted;
    if (!ximss_head_is_plain(text, length) || length > PHRASE_MAX) {
        ximss_head_put_encoded(line, text, length, "", after);
        return;
    }
    ximss_buffer_init(&quoted, length * 2 + 8, line->out->pool);
    ximss_head_quote(&quoted, text, length);
    ximss_buffer_add(&quoted, after, strlen(after));
    ximss_head_put(line, quoted.data, quoted.length);
}

/* Whether TEXT is ASCII atoms with single blanks between them. */
static int is_words(const char *text, apr_size_t length)
{
    if (length > PHRASE_MAX || !ximss_head_is_plain(text, length) ||
        memmem(text, length, "  ", 2) != NULL) {
        return 0;
    }
    for (apr_size_t i = 0; i < length; i++) {
        if (!ximss_addr_atext(text[i]) && text[i] != ' ' && text[i] != '.') {
            return 0;
        }
    }
    return 1;
}

/* What is no address. A draft that comes back and forth stays what it is: the marks of a group go first. */
static void put_no_address(ximss_head_line_t *line, const char *text, apr_size_t length)
{
    while (length > 0 && strchr(";: ", text[length - 1]) != NULL) {
        length--;
    }
    if (length > 1 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    if (length == 0) {
        text = "?";
        length = 1;
    }
    if (is_words(text, length)) {
        ximss_head_put(line, text, length);
    }
    else if (memchr(text, '@', length) != NULL) {
        ximss_head_put_encoded(line, text, length, "",
                               ":;"); /* no careless reader finds an address in it */
    }
    else {
        put_phrase(line, text, length, ":;");
    }
}

static void put_address(ximss_head_line_t *line, const ximss_address_t *address)
{
    apr_pool_t *pool = line->out->pool;
    apr_size_t addr_length = strlen(address->addr);
    apr_size_t name_length = address->name == NULL ? 0 : strlen(address->name);
    const char *addr = ximss_head_clean(address->addr, &addr_length, pool);
    const char *name = name_length == 0 ? "" : ximss_head_clean(address->name, &name_length, pool);
    if (!ximss_addr_ok(addr)) {
        put_no_address(line, addr_length > 0 ? addr : name,
                       addr_length > 0 ? addr_length : name_length);
    }
    else if (name_length == 0) {
        ximss_head_put(line, addr, addr_length);
    }
    else {
        put_phrase(line, name, name_length, "");
        addr = apr_pstrcat(pool, "<", addr, ">", NULL);
        ximss_head_put(line, addr, addr_length + 2);
    }
}

void ximss_header_addresses(ximss_out_t *out, const char *name, const apr_array_header_t *addresses)
{
    ximss_head_line_t line;
    if (!ximss_header_name_ok(name) || addresses->nelts == 0) {
        return;
    }
    ximss_head_start(&line, out, name);
    for (int i = 0; i < addresses->nelts; i++) {
        put_address(&line, &APR_ARRAY_IDX(addresses, i, ximss_address_t));
        if (i + 1 < addresses->nelts) {
            ximss_head_attach(&line, ',');
        }
    }
    ximss_head_end(&line);
}

/* ---- dates and raw words ---- */

void ximss_header_date_shift(ximss_out_t *out, const char *name, apr_int64_t seconds,
                             apr_int64_t shift)
{
    ximss_head_line_t line;
    const char *text;
    if (!ximss_header_name_ok(name)) {
        return;
    }
    text = ximss_time_mail(seconds, shift, out->pool);
    ximss_head_start(&line, out, name);
    ximss_head_put(&line, text, strlen(text));
    ximss_head_end(&line);
}

void ximss_header_date(ximss_out_t *out, const char *name, apr_int64_t seconds,
                       const ximss_zone_t *zone)
{
    ximss_header_date_shift(out, name, seconds, ximss_zone_offset(zone, seconds));
}

void ximss_header_raw_token(ximss_out_t *out, const char *name, const char *value)
{
    apr_size_t length = strlen(value);
    char *text = apr_pstrmemdup(out->pool, value, length);
    apr_size_t before = out->length;
    apr_size_t empty;
    ximss_head_line_t line;
    if (!ximss_header_name_ok(name)) {
        return;
    }
    ximss_head_blank_controls(text, length);
    for (apr_size_t i = 0; i < length; i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '_';
        if (text[i] == '?' && i > 0 && text[i - 1] == '=') {
            text[i] = '_';
        }
    }
    ximss_head_start(&line, out, name);
    empty = out->length;
    for (apr_size_t at = 0, till; at < length; at = till + 1) {
        till = word_end(text, length, at);
        if (till > at && till - at <= TOKEN_MAX) {
            ximss_head_put(&line, text + at, till - at);
        }
    }
    if (out->length == empty) {
        out->length = before;
        return;
    }
    ximss_head_end(&line);
}

/* ---- message ids ---- */

const char *ximss_message_id(apr_int64_t now, const char *domain, apr_pool_t *pool)
{
    char secret[21];
    char *clean_domain = apr_pstrmemdup(pool, domain, strnlen(domain, 255));
    char *to = clean_domain;
    if (!ximss_random_text(secret, sizeof(secret) - 1)) {
        return NULL;
    }
    for (const char *c = clean_domain; *c != '\0'; c++) {
        if (apr_isalnum(*c) || *c == '-' || (*c == '.' && to > clean_domain && to[-1] != '.')) {
            *to++ = *c;
        }
    }
    while (to > clean_domain && to[-1] == '.') {
        to--;
    }
    *to = '\0';
    return apr_psprintf(pool, "<%" APR_INT64_T_FMT ".%s@%s>", now, secret,
                        to > clean_domain ? clean_domain : "localhost");
}
