/* From HTML to text in one pass over tags and text, without a tree: broken nesting cannot hurt. */
#include "mime/html_text.h"

#include "base/text.h"
#include "base/utf8.h"
#include "mime/buffer.h"
#include "mime/content.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <libxml/HTMLparser.h>
#include <string.h>
#include <strings.h>

enum {
    NAME_BYTES = 16,      /* of a tag; longer ones are none that we know */
    ENTITY_BYTES = 8,     /* "thetasym" */
    ENTITY_BYTES_MIN = 2, /* "lt" */
    QUOTES_MAX = 10
};

typedef struct reader_t {
    const char *at;
    const char *end;
    ximss_buffer_t out;
    int breaks; /* line ends that come before the next text */
    int blank;  /* white space since the last text */
    int quotes; /* open blockquotes */
    int before; /* as many were when the last text was written */
    int pre;    /* open pre elements */
    apr_pool_t *pool;
} reader_t;

/* What a tag does. */
typedef enum effect_t {
    NOTHING,
    LINE,      /* begins and ends a line */
    PARAGRAPH, /* the same with an empty line between */
    BREAK,
    RULE,
    ITEM,
    CELL,
    QUOTE,
    PRE,
    HIDDEN /* what is in it is no text */
} effect_t;

static const struct {
    const char *name;
    effect_t effect;
} tags[] = {
    {"address", LINE}, {"article", LINE},  {"aside", LINE},      {"blockquote", QUOTE},
    {"br", BREAK},     {"caption", LINE},  {"center", LINE},     {"dd", LINE},
    {"div", LINE},     {"dl", PARAGRAPH},  {"dt", LINE},         {"fieldset", LINE},
    {"figure", LINE},  {"footer", LINE},   {"form", LINE},       {"h1", PARAGRAPH},
    {"h2", PARAGRAPH}, {"h3", PARAGRAPH},  {"h4", PARAGRAPH},    {"h5", PARAGRAPH},
    {"h6", PARAGRAPH}, {"header", LINE},   {"hr", RULE},         {"li", ITEM},
    {"main", LINE},    {"nav", LINE},      {"ol", LINE},         {"p", PARAGRAPH},
    {"pre", PRE},      {"script", HIDDEN}, {"section", LINE},    {"style", HIDDEN},
    {"table", LINE},   {"td", CELL},       {"template", HIDDEN}, {"th", CELL},
    {"title", HIDDEN}, {"tr", LINE},       {"ul", LINE},
};

static effect_t find_effect(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcmp(tags[i].name, name) == 0) {
            return tags[i].effect;
        }
    }
    return NOTHING;
}

/* ---- writing ---- */

static void need_breaks(reader_t *reader, int count)
{
    if (reader->breaks < count) {
        reader->breaks = count;
    }
    reader->blank = 0;
}

static void put_marks(reader_t *reader, int count)
{
    for (; count > 0; count--) {
        ximss_buffer_put(&reader->out, '>');
    }
}

static void start_line(reader_t *reader)
{
    put_marks(reader, reader->quotes);
    if (reader->quotes > 0) {
        ximss_buffer_put(&reader->out, ' ');
    }
}

/* The line ends that are due; an empty line is quoted as the less quoted one of those around it. */
static void put_breaks(reader_t *reader)
{
    int quotes = reader->before < reader->quotes ? reader->before : reader->quotes;

    ximss_buffer_put(&reader->out, '\n');
    for (; reader->breaks > 1; reader->breaks--) {
        put_marks(reader, quotes);
        ximss_buffer_put(&reader->out, '\n');
    }
    start_line(reader);
}

/* Before a piece of text: the line ends or the blank that it needs. */
static void lead(reader_t *reader)
{
    if (reader->out.length == 0) {
        start_line(reader);
    }
    else if (reader->breaks > 0) {
        put_breaks(reader);
    }
    else if (reader->blank && reader->out.data[reader->out.length - 1] != ' ') {
        ximss_buffer_put(&reader->out, ' ');
    }
    reader->before = reader->quotes;
    reader->breaks = 0;
    reader->blank = 0;
}

static void write_text(reader_t *reader, const char *text, apr_size_t length)
{
    lead(reader);
    ximss_buffer_add(&reader->out, text, length);
}

/* ---- text ---- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void read_blanks(reader_t *reader)
{
    for (; reader->at < reader->end && is_blank(*reader->at); reader->at++) {
        if (!reader->pre) {
            reader->blank = 1;
        }
        else if (*reader->at == '\n') {
            reader->breaks++;
        }
        else if (*reader->at != '\r') {
            write_text(reader, " ", 1);
        }
    }
}

static void write_code(reader_t *reader, apr_uint32_t code)
{
    char byte = (char)code;
    unsigned char utf8[4];
    apr_size_t length;

    if (code >= 0x80 && code <= 0x9F) { /* meant as windows-1252, as the HTML standard has it */
        const char *text = ximss_charset_to_utf8("windows-1252", &byte, 1, &length, reader->pool);

        write_text(reader, text, length);
        return;
    }
    if (code < ' ') {
        reader->blank = 1;
        return;
    }
    if (code == 0xA0) {
        code = ' ';
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) || !ximss_utf8_xml_char(code)) {
        code = 0xFFFD;
    }
    length = ximss_utf8_encode(utf8, code);
    write_text(reader, (const char *)utf8, length);
}

/* Reads "#123" or "#x7B" at TEXT; returns its length, 0: none. */
static apr_size_t read_number(const char *text, const char *end, apr_uint32_t *code)
{
    int base = text + 1 < end && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    const char *start = text + (base == 16 ? 2 : 1);
    const char *at = start;

    *code = 0;
    for (; at < end && (base == 16 ? apr_isxdigit(*at) : apr_isdigit(*at)); at++) {
        int digit = apr_isdigit(*at) ? *at - '0' : (*at | 0x20) - 'a' + 10;

        *code = *code > 0x10FFFF ? *code : *code * (apr_uint32_t)base + (apr_uint32_t)digit;
    }
    return at > start ? (apr_size_t)(at - text) : 0;
}

static apr_size_t read_name(const char *text, const char *end, apr_uint32_t *code)
{
    const htmlEntityDesc *entity = NULL;
    char name[ENTITY_BYTES + 1];
    apr_size_t length = 0;

    while (text + length < end && length < ENTITY_BYTES && apr_isalnum(text[length])) {
        name[length] = text[length];
        length++;
    }
    name[length] = '\0';
    /* it looks through all of them, and a text may be nothing but "&" */
    if (length >= ENTITY_BYTES_MIN) {
        entity = htmlEntityLookup((const xmlChar *)name);
    }
    *code = entity != NULL ? entity->value : 0;
    return entity != NULL ? length : 0;
}

static void read_entity(reader_t *reader)
{
    const char *text = reader->at + 1;
    apr_uint32_t code = 0;
    apr_size_t length = text < reader->end && *text == '#' ? read_number(text, reader->end, &code)
                                                           : read_name(text, reader->end, &code);

    if (length == 0) {
        write_text(reader, "&", 1);
        reader->at++;
        return;
    }
    write_code(reader, code);
    reader->at = text + length;
    reader->at += reader->at < reader->end && *reader->at == ';';
}

static void read_run(reader_t *reader)
{
    const char *start = reader->at;

    while (reader->at < reader->end && *reader->at != '<' && *reader->at != '&' &&
           !is_blank(*reader->at)) {
        reader->at++;
    }
    write_text(reader, start, (apr_size_t)(reader->at - start));
}

/* ---- tags ---- */

/* Goes behind the next ">", but not of one in a quoted attribute. */
static void skip_tag(reader_t *reader)
{
    char quote = '\0';

    for (; reader->at < reader->end; reader->at++) {
        char c = *reader->at;

        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        }
        else if (c == '>') {
            reader->at++;
            return;
        }
        else if (c == '"' || c == '\'') {
            quote = c;
        }
    }
}

/* Goes behind TEXT, or to the end. */
static void skip_to(reader_t *reader, const char *text)
{
    apr_size_t length = strlen(text);

    while ((apr_size_t)(reader->end - reader->at) >= length) {
        if (strncasecmp(reader->at, text, length) == 0) {
            reader->at += length;
            return;
        }
        reader->at++;
    }
    reader->at = reader->end;
}

static void quote(reader_t *reader, int closing)
{
    need_breaks(reader, 2);
    if (closing && reader->quotes > 0) {
        reader->quotes--;
    }
    else if (!closing && reader->quotes < QUOTES_MAX) {
        reader->quotes++;
    }
}

static void apply(reader_t *reader, effect_t effect, int closing)
{
    switch (effect) {
    case LINE:
        need_breaks(reader, 1);
        break;
    case PARAGRAPH:
        need_breaks(reader, 2);
        break;
    case BREAK:
        need_breaks(reader, reader->breaks + 1);
        break;
    case RULE:
        need_breaks(reader, 1);
        write_text(reader, "----", 4);
        need_breaks(reader, 1);
        break;
    case ITEM:
        need_breaks(reader, 1);
        if (!closing) {
            write_text(reader, "* ", 2);
        }
        break;
    case CELL:
        reader->blank = 1;
        break;
    case QUOTE:
        quote(reader, closing);
        break;
    case PRE:
        need_breaks(reader, 2);
        reader->pre = !closing;
        break;
    default:
        break;
    }
}

static void read_tag(reader_t *reader)
{
    char name[NAME_BYTES + 3] = "</";
    int closing = reader->at[1] == '/';
    apr_size_t length = 0;
    effect_t effect;

    reader->at += closing ? 2 : 1;
    while (reader->at < reader->end && apr_isalnum(*reader->at)) {
        if (length < NAME_BYTES) {
            name[2 + length++] = (char)apr_tolower(*reader->at);
        }
        reader->at++;
    }
    name[2 + length] = '\0';
    effect = find_effect(name + 2);
    skip_tag(reader);
    if (effect == HIDDEN && !closing) {
        skip_to(reader, name);
        skip_tag(reader);
    }
    else {
        apply(reader, effect, closing);
    }
}

static void read_markup(reader_t *reader)
{
    char next = reader->at + 1 < reader->end ? reader->at[1] : '\0';

    if (apr_isalpha(next) ||
        (next == '/' && reader->at + 2 < reader->end && apr_isalpha(reader->at[2]))) {
        read_tag(reader);
    }
    else if (next == '!' && reader->end - reader->at >= 4 && memcmp(reader->at, "<!--", 4) == 0) {
        reader->at += 2;
        skip_to(reader, "-->");
    }
    else if (next == '!' || next == '?' || next == '/') {
        const char *close = memchr(reader->at, '>', (apr_size_t)(reader->end - reader->at));

        reader->at = close != NULL ? close + 1 : reader->end;
    }
    else {
        write_text(reader, "<", 1);
        reader->at++;
    }
}

char *ximss_html_text(const char *html, apr_size_t length, apr_size_t *text_length,
                      apr_pool_t *pool)
{
    reader_t reader = {.at = html, .end = html + length, .pool = pool};
    const char *clean;

    ximss_buffer_init(&reader.out, length / 2 + 16, pool);
    while (reader.at < reader.end) {
        if (is_blank(*reader.at)) {
            read_blanks(&reader);
        }
        else if (*reader.at == '<') {
            read_markup(&reader);
        }
        else if (*reader.at == '&') {
            read_entity(&reader);
        }
        else {
            read_run(&reader);
        }
    }
    if (reader.out.length > 0) {
        ximss_buffer_put(&reader.out, '\n');
    }
    *text_length = reader.out.length;
    clean = ximss_text_clean(ximss_buffer_string(&reader.out), text_length, pool);
    return (char *)clean;
}
