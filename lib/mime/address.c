/* Address lists (RFC 5322, 3.4 and 4.4), in one pass and with every leniency that real mail asks for.
 * What cannot be an address is kept as the raw text, so that a reader sees what the sender wrote. */
#include "base/text.h"
#include "mime/buffer.h"
#include "mime/decode.h"
#include "mime/field.h"

#include <apr_strings.h>
#include <string.h>

#define DOMAIN_LITERAL_MAX 255

/* The mailbox that is being read, and the place in the text. */
typedef struct reader_t {
    const char *text;
    apr_size_t length;
    apr_size_t at;
    apr_size_t start;       /* of this mailbox, for the raw text */
    ximss_buffer_t phrase;  /* display name, quotes undone */
    ximss_buffer_t spec;    /* the address as written outside <>, without comments and blanks */
    ximss_buffer_t angle;   /* the address inside <> */
    ximss_buffer_t comment; /* the last comment: a name in old style */
    int has_angle;
    int words;  /* spec is several words, so it is no address */
    int gap;    /* white space since the last byte of spec */
    int broken; /* cannot be read: raw text */
    int no_end; /* for ximss_word_length() */
    apr_array_header_t *list;
    int limit;
} reader_t;

static void reset(reader_t *reader)
{
    reader->phrase.length = 0;
    reader->spec.length = 0;
    reader->angle.length = 0;
    reader->comment.length = 0;
    reader->has_angle = 0;
    reader->words = 0;
    reader->gap = 0;
    reader->broken = 0;
    reader->start = reader->at;
}

static const char *decode(const char *text, apr_size_t length, apr_pool_t *pool)
{
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    return ximss_words_decode(text, length, pool);
}

/* An address as it stands: encoded words have no place in one (RFC 2047, 5), and decoding them would let
 * a sender forge its domain. */
static const char *keep(const ximss_buffer_t *bytes, apr_pool_t *pool)
{
    apr_size_t length = bytes->length;
    const char *clean = ximss_text_clean(bytes->data, &length, pool);
    return apr_pstrmemdup(pool, clean, length);
}

/* Ends the mailbox before byte END. */
static void emit(reader_t *reader, apr_size_t end)
{
    apr_pool_t *pool = reader->list->pool;
    ximss_address_t address = {NULL, NULL};
    int raw = reader->broken || (reader->words && !reader->has_angle);
    if (reader->spec.length == 0 && !reader->has_angle && !reader->broken) {
        return; /* nothing, or a comment alone */
    }
    if (raw) {
        address.addr = decode(reader->text + reader->start, end - reader->start, pool);
    }
    else {
        ximss_buffer_t *name =
            reader->has_angle && reader->phrase.length > 0 ? &reader->phrase : &reader->comment;
        ximss_buffer_t *addr = reader->has_angle ? &reader->angle : &reader->spec;
        const char *decoded = decode(name->data, name->length, pool);
        address.addr = keep(addr, pool);
        address.name = *decoded == '\0' ? NULL : decoded;
    }
    if (reader->list->nelts < reader->limit) {
        APR_ARRAY_PUSH(reader->list, ximss_address_t) = address;
    }
}

static void break_off(reader_t *reader)
{
    reader->broken = 1;
    reader->at = reader->length;
}

/* Adds to the address outside <>; a blank between two atoms makes it several words. */
static void add_spec(reader_t *reader, const char *bytes, apr_size_t length)
{
    ximss_buffer_t *spec = &reader->spec;
    if (reader->gap && spec->length > 0) {
        char before = spec->data[spec->length - 1];
        reader->words |= strchr(".@", before) == NULL && strchr(".@", bytes[0]) == NULL;
    }
    reader->gap = 0;
    ximss_buffer_add(spec, bytes, length);
}

static void read_blank(reader_t *reader)
{
    ximss_buffer_t *phrase = &reader->phrase;
    reader->gap = 1;
    if (phrase->length > 0 && phrase->data[phrase->length - 1] != ' ') {
        ximss_buffer_put(phrase, ' ');
    }
    reader->at++;
}

static void read_quoted(reader_t *reader)
{
    apr_size_t at = reader->at + 1;
    apr_size_t start = reader->at;
    while (at < reader->length && reader->text[at] != '"') {
        if (reader->text[at] == '\\' && at + 1 < reader->length) {
            at++;
        }
        ximss_buffer_put(&reader->phrase, reader->text[at++]);
    }
    if (at >= reader->length) {
        break_off(reader);
        return;
    }
    reader->at = at + 1;
    add_spec(reader, reader->text + start, reader->at - start);
}

/* Comments nest; they are counted, not recursed into. */
static void read_comment(reader_t *reader)
{
    apr_size_t at = reader->at + 1;
    int depth = 1;
    reader->comment.length = 0;
    for (; at < reader->length && depth > 0; at++) {
        char c = reader->text[at];
        if (c == '\\' && at + 1 < reader->length) {
            c = reader->text[++at];
        }
        else {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
        if (depth > 0) {
            ximss_buffer_put(&reader->comment, c);
        }
    }
    reader->gap = 1;
    reader->at = at;
    if (depth > 0) {
        break_off(reader);
    }
}

/* Skips a comment inside <>. */
static apr_size_t skip_comment(const reader_t *reader, apr_size_t at)
{
    int depth = 0;
    do {
        depth += reader->text[at] == '(' ? 1 : reader->text[at] == ')' ? -1 : 0;
        at++;
    } while (at < reader->length && depth > 0);
    return at;
}

/* The part in <>: up to ">", or where it is missing up to the next mailbox. A route "@a,@b:" goes. */
static void read_angle(reader_t *reader)
{
    apr_size_t at = reader->at + 1;
    int quoted = 0;
    int route = 0;
    while (at < reader->length) {
        char c = reader->text[at];
        if (c == '"') {
            quoted = !quoted;
        }
        else if (!quoted && (c == '>' || (c == ',' && !route) || c == '<')) {
            break;
        }
        else if (!quoted && c == '(') {
            at = skip_comment(reader, at);
            continue;
        }
        route |= c == '@' && reader->angle.length == 0;
        if (c == ':' && route && !quoted) {
            reader->angle.length = 0;
            route = 0;
        }
        else if (quoted || c != ' ') {
            ximss_buffer_put(&reader->angle, c);
        }
        at++;
    }
    reader->broken |= quoted;
    reader->has_angle = 1;
    reader->at = at + (at < reader->length && reader->text[at] == '>');
}

/* One byte of an atom, or a whole encoded word or domain literal, which may hold special bytes. */
static void read_atom(reader_t *reader)
{
    const char *from = reader->text + reader->at;
    apr_size_t left = reader->length - reader->at;
    apr_size_t length = 1;
    if (*from == '=') {
        length = ximss_word_length(from, left, &reader->no_end);
        length = length == 0 ? 1 : length;
    }
    else if (*from == '[' && reader->spec.length > 0 &&
             reader->spec.data[reader->spec.length - 1] == '@') {
        apr_size_t reach = left < DOMAIN_LITERAL_MAX ? left : DOMAIN_LITERAL_MAX;
        const char *end = memchr(from, ']', reach);
        length = end == NULL ? 1 : (apr_size_t)(end - from) + 1;
    }
    else if (*from == '\\' && left > 1) {
        from++;
        reader->at++;
    }
    ximss_buffer_add(&reader->phrase, from, length);
    add_spec(reader, from, length);
    reader->at += length;
}

/* ":" ends the name of a group, whose members follow; anywhere else it is a byte like others. */
static void read_colon(reader_t *reader)
{
    if (reader->has_angle || memchr(reader->spec.data, '@', reader->spec.length) != NULL) {
        read_atom(reader);
        return;
    }
    reader->at++;
    reset(reader);
}

static void read_separator(reader_t *reader)
{
    emit(reader, reader->at);
    reader->at++;
    reset(reader);
}

static void read_next(reader_t *reader)
{
    switch (reader->text[reader->at]) {
    case ' ':
    case '\t':
        read_blank(reader);
        break;
    case '"':
        read_quoted(reader);
        break;
    case '(':
        read_comment(reader);
        break;
    case ',':
    case ';':
        read_separator(reader);
        break;
    case ':':
        read_colon(reader);
        break;
    case '<':
        if (!reader->has_angle) {
            read_angle(reader);
            break;
        }
        emit(reader, reader->at);
        reset(reader);
        break;
    default:
        read_atom(reader);
        break;
    }
}

apr_array_header_t *ximss_addresses_parse(const char *text, apr_size_t length, int limit,
                                          apr_pool_t *pool)
{
    reader_t reader = {.text = text, .length = length, .limit = limit};
    reader.list = apr_array_make(pool, 1, sizeof(ximss_address_t));
    ximss_buffer_init(&reader.phrase, 64, pool);
    ximss_buffer_init(&reader.spec, 64, pool);
    ximss_buffer_init(&reader.angle, 64, pool);
    ximss_buffer_init(&reader.comment, 32, pool);
    while (reader.at < length && reader.list->nelts < limit) {
        read_next(&reader);
    }
    if (reader.list->nelts < limit) {
        emit(&reader, length);
    }
    return reader.list;
}
