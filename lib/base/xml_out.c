/* The XML writer. A start tag is held open until something follows it: its attributes are written
 * escaped as they come and put in order when the tag closes, which costs no copy when they came in
 * order. */
#include "base/xml_out.h"

#include "base/utf8.h"

#include <apr_tables.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 8192, FIRST_DEPTH = 32, FIRST_ATTRIBUTES = 16 };

/* Offset of what came after the limit was crossed: each rewind drops such an element, and a mark taken
 * there leads nowhere, so that only a mark from before clears the overflow. */
static const apr_size_t nowhere = ~(apr_size_t)0;

typedef struct open_element_t {
    apr_size_t start; /* of its "<", which the name follows */
    apr_size_t name_length;
    apr_size_t content; /* behind the ">" of its start tag; 0 while that is held open */
} open_element_t;

/* One attribute in the buffer: ' name="value"'. */
typedef struct held_attr_t {
    apr_size_t start;
    apr_size_t length;
    apr_size_t name_length;
} held_attr_t;

struct ximss_xml_t {
    apr_pool_t *pool;
    char *data;
    apr_size_t length;
    apr_size_t capacity;
    apr_size_t limit;
    int overflow;
    int tag_open;                   /* the innermost element's start tag is held open */
    int tag_unsorted;               /* its attributes did not come in order */
    apr_array_header_t *elements;   /* open_element_t */
    apr_array_header_t *attributes; /* held_attr_t of the held tag */
};

/* What a byte needs: nothing, a look at the UTF-8, or a reference. */
enum { PLAIN, REFERENCE, REFERENCE_IN_ATTRIBUTE, HIGH, INVALID };

static const unsigned char byte_class[256] = {[0 ... 8] = INVALID,
                                              ['\t'] = REFERENCE_IN_ATTRIBUTE,
                                              ['\n'] = REFERENCE_IN_ATTRIBUTE,
                                              [11 ... 12] = INVALID,
                                              ['\r'] = REFERENCE,
                                              [14 ... 31] = INVALID,
                                              ['"'] = REFERENCE_IN_ATTRIBUTE,
                                              ['&'] = REFERENCE,
                                              ['<'] = REFERENCE,
                                              ['>'] = REFERENCE,
                                              [128 ... 255] = HIGH};

static apr_status_t free_buffer(void *baton)
{
    ximss_xml_t *xml = baton;
    free(xml->data);
    xml->data = NULL;
    return APR_SUCCESS;
}

ximss_xml_t *ximss_xml_create(apr_size_t limit, apr_pool_t *pool)
{
    ximss_xml_t *xml = apr_pcalloc(pool, sizeof(*xml));
    xml->pool = pool;
    xml->limit = limit;
    xml->elements = apr_array_make(pool, FIRST_DEPTH, sizeof(open_element_t));
    xml->attributes = apr_array_make(pool, FIRST_ATTRIBUTES, sizeof(held_attr_t));
    apr_pool_cleanup_register(pool, xml, free_buffer, apr_pool_cleanup_null);
    return xml;
}

/* Room for MORE bytes and a NUL; the heap and not the pool, for it can grow in place. */
static int grow(ximss_xml_t *xml, apr_size_t more)
{
    apr_size_t capacity = xml->capacity != 0 ? xml->capacity : FIRST_CAPACITY;
    while (capacity - xml->length <= more) {
        capacity *= 2;
    }
    char *data = realloc(xml->data, capacity);
    if (data == NULL) {
        return 0;
    }
    xml->data = data;
    xml->capacity = capacity;
    return 1;
}

/* Whether LENGTH more bytes may be written; there is room for them then. */
static int reserve(ximss_xml_t *xml, apr_size_t length)
{
    if (xml->overflow) {
        return 0;
    }
    if (length > xml->limit - xml->length ||
        (xml->capacity - xml->length <= length && !grow(xml, length))) {
        xml->overflow = 1;
        return 0;
    }
    return 1;
}

static void put(ximss_xml_t *xml, const char *bytes, apr_size_t length)
{
    if (reserve(xml, length)) {
        memcpy(xml->data + xml->length, bytes, length);
        xml->length += length;
    }
}

static void put_reference(ximss_xml_t *xml, unsigned char byte)
{
    switch (byte) {
    case '&':
        put(xml, "&amp;", 5);
        break;
    case '<':
        put(xml, "&lt;", 4);
        break;
    case '>':
        put(xml, "&gt;", 4);
        break;
    case '"':
        put(xml, "&quot;", 6);
        break;
    case '\t':
        put(xml, "&#9;", 4);
        break;
    case '\n':
        put(xml, "&#10;", 5);
        break;
    default:
        put(xml, "&#13;", 5);
        break;
    }
}

/* Whether the byte at AT, which is not PLAIN, goes out as it is, *LENGTH bytes at once. */
static int stays(const unsigned char *at, const unsigned char *end, int in_attribute,
                 unsigned *length)
{
    unsigned char what = byte_class[*at];
    *length = 1;
    if (what == REFERENCE_IN_ATTRIBUTE && !in_attribute) {
        return 1;
    }
    if (what != HIGH) {
        return 0;
    }
    apr_uint32_t code;
    unsigned bytes = ximss_utf8_decode(at, end, &code);
    *length = bytes != 0 ? bytes : 1;
    return bytes != 0 && ximss_utf8_xml_char(code);
}

static void put_escaped(ximss_xml_t *xml, const char *text, apr_size_t length, int in_attribute)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + length;
    const unsigned char *run = at;
    while (!xml->overflow) {
        unsigned step;
        while (at < end && byte_class[*at] == PLAIN) {
            at++;
        }
        if (at == end) {
            break;
        }
        if (stays(at, end, in_attribute, &step)) {
            at += step;
            continue;
        }
        put(xml, (const char *)run, (apr_size_t)(at - run));
        if (byte_class[*at] == HIGH || byte_class[*at] == INVALID) {
            put(xml, XIMSS_UTF8_REPLACEMENT, XIMSS_UTF8_REPLACEMENT_LENGTH);
        }
        else {
            put_reference(xml, *at);
        }
        at += step;
        run = at;
    }
    put(xml, (const char *)run, (apr_size_t)(at - run));
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

/* Alphabetical order of two names in the buffer, letter case ignored. */
static int compare_held(const char *data, const held_attr_t *a, const held_attr_t *b)
{
    const char *one = data + a->start + 1;
    const char *two = data + b->start + 1;
    for (apr_size_t i = 0; i < a->name_length && i < b->name_length; i++) {
        if (lower(one[i]) != lower(two[i])) {
            return lower(one[i]) - lower(two[i]);
        }
    }
    return (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static void sort_attributes(ximss_xml_t *xml)
{
    held_attr_t *held = (held_attr_t *)xml->attributes->elts;
    int count = xml->attributes->nelts;
    apr_size_t start = held[0].start;
    apr_size_t total = xml->length - start;
    char *copy = malloc(total);
    if (copy == NULL) {
        xml->overflow = 1;
        return;
    }
    for (int i = 1; i < count; i++) {
        held_attr_t moved = held[i];
        int j = i;
        for (; j > 0 && compare_held(xml->data, &held[j - 1], &moved) > 0; j--) {
            held[j] = held[j - 1];
        }
        held[j] = moved;
    }
    memcpy(copy, xml->data + start, total);
    char *out = xml->data + start;
    for (int i = 0; i < count; i++) {
        memcpy(out, copy + (held[i].start - start), held[i].length);
        out += held[i].length;
    }
    free(copy);
}

static open_element_t *innermost(const ximss_xml_t *xml)
{
    return &APR_ARRAY_IDX(xml->elements, xml->elements->nelts - 1, open_element_t);
}

/* Ends the held start tag, for something follows. */
static void close_tag(ximss_xml_t *xml)
{
    if (!xml->tag_open) {
        return;
    }
    if (xml->tag_unsorted && !xml->overflow) {
        sort_attributes(xml);
    }
    xml->tag_open = 0;
    put(xml, ">", 1);
    innermost(xml)->content = xml->length;
}

void ximss_xml_start(ximss_xml_t *xml, const char *name)
{
    close_tag(xml);
    name = ximss_xml_name_ok(name) ? name : "_";
    open_element_t *element = &APR_ARRAY_PUSH(xml->elements, open_element_t);
    element->start = xml->overflow ? nowhere : xml->length;
    element->name_length = strlen(name);
    element->content = 0;
    put(xml, "<", 1);
    put(xml, name, element->name_length);
    xml->tag_open = 1;
    xml->tag_unsorted = 0;
    xml->attributes->nelts = 0;
}

static int held_already(const ximss_xml_t *xml, const char *name, apr_size_t length)
{
    for (int i = 0; i < xml->attributes->nelts; i++) {
        const held_attr_t *held = &APR_ARRAY_IDX(xml->attributes, i, held_attr_t);
        if (held->name_length == length && memcmp(xml->data + held->start + 1, name, length) == 0) {
            return 1;
        }
    }
    return 0;
}

void ximss_xml_attr(ximss_xml_t *xml, const char *name, const char *value)
{
    apr_size_t name_length = strlen(name);
    if (value == NULL || !xml->tag_open || xml->overflow || !ximss_xml_name_ok(name) ||
        held_already(xml, name, name_length)) {
        return;
    }
    held_attr_t held = {xml->length, 0, name_length};
    put(xml, " ", 1);
    put(xml, name, name_length);
    put(xml, "=\"", 2);
    put_escaped(xml, value, strlen(value), 1);
    put(xml, "\"", 1);
    if (xml->overflow) {
        return;
    }
    held.length = xml->length - held.start;
    if (xml->attributes->nelts > 0) {
        const held_attr_t *last =
            &APR_ARRAY_IDX(xml->attributes, xml->attributes->nelts - 1, held_attr_t);
        xml->tag_unsorted |= compare_held(xml->data, last, &held) > 0;
    }
    APR_ARRAY_PUSH(xml->attributes, held_attr_t) = held;
}

void ximss_xml_attr_int(ximss_xml_t *xml, const char *name, apr_int64_t value)
{
    char text[24];
    char *at = text + sizeof(text) - 1;
    apr_uint64_t rest = value < 0 ? 0 - (apr_uint64_t)value : (apr_uint64_t)value;
    /* By hand: a list has two numbers a row, and printf costs more than the row's other attributes. */
    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        *--at = '-';
    }
    ximss_xml_attr(xml, name, at);
}

void ximss_xml_text_n(ximss_xml_t *xml, const char *text, apr_size_t length)
{
    if (length == 0) {
        return;
    }
    close_tag(xml);
    put_escaped(xml, text, length, 0);
}

void ximss_xml_text(ximss_xml_t *xml, const char *text)
{
    ximss_xml_text_n(xml, text, strlen(text));
}

/* The name is copied from the start tag, so that nobody need keep it. */
static void put_end_tag(ximss_xml_t *xml, const open_element_t *element)
{
    apr_size_t length = element->name_length;
    if (reserve(xml, length + 3)) {
        char *out = xml->data + xml->length;
        out[0] = '<';
        out[1] = '/';
        memcpy(out + 2, xml->data + element->start + 1, length);
        out[2 + length] = '>';
        xml->length += length + 3;
    }
}

void ximss_xml_end(ximss_xml_t *xml)
{
    if (xml->elements->nelts == 0) {
        return;
    }
    close_tag(xml);
    const open_element_t *element = innermost(xml);
    if (!xml->overflow && element->content == xml->length) {
        xml->length--;
        put(xml, "/>", 2);
    }
    else {
        put_end_tag(xml, element);
    }
    xml->elements->nelts--;
}

void ximss_xml_element(ximss_xml_t *xml, const char *name, const char *text)
{
    ximss_xml_start(xml, name);
    if (text != NULL) {
        ximss_xml_text(xml, text);
    }
    ximss_xml_end(xml);
}

apr_size_t ximss_xml_mark(ximss_xml_t *xml)
{
    close_tag(xml);
    return xml->overflow ? nowhere : xml->length;
}

void ximss_xml_rewind(ximss_xml_t *xml, apr_size_t mark)
{
    if (mark == nowhere) {
        return;
    }
    while (xml->elements->nelts > 0 && innermost(xml)->start >= mark) {
        xml->elements->nelts--;
    }
    xml->length = mark;
    xml->overflow = 0;
    xml->tag_open = 0;
}

int ximss_xml_depth(const ximss_xml_t *xml)
{
    return xml->elements->nelts;
}

int ximss_xml_overflow(const ximss_xml_t *xml)
{
    return xml->overflow;
}

const char *ximss_xml_data(const ximss_xml_t *xml, apr_size_t *length)
{
    *length = xml->length;
    if (xml->data == NULL) {
        return "";
    }
    xml->data[xml->length] = '\0';
    return xml->data;
}

static int name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

int ximss_xml_name_ok(const char *name)
{
    if (!name_start(name[0])) {
        return 0;
    }
    for (name++; *name != '\0'; name++) {
        if (!name_start(*name) && !(*name >= '0' && *name <= '9') && *name != '-' && *name != '.') {
            return 0;
        }
    }
    return 1;
}
