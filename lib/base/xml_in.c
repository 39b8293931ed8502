/* Received XML becomes a tree of our own through libxml2's SAX interface. Nothing reaches libxml2 that
 * our rules refuse: the bytes are made UTF-8 here (so no converter of the system is ever named by a
 * client), and a scan bounds the attributes of a tag first, since libxml2 compares them pairwise. */
#include "base/xml_in.h"

#include "base/xml_decode.h"
#include "base/xml_scan.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <string.h>
#include <strings.h>

enum {
    CHUNK_BYTES = 65536, /* handed to libxml2 at a time, so that it stops early */
    DEPTH_MAX = 250,     /* libxml2 gives up at 256 */
    FIRST_TEXT_BYTES = 512
};

/* An open element and where its next child goes. */
typedef struct level_t {
    ximss_element_t *element;
    ximss_element_t **tail;
} level_t;

typedef struct reader_t {
    apr_pool_t *pool;
    const ximss_limits_t *limits;
    xmlParserCtxtPtr parser;
    ximss_element_t *root;
    level_t levels[DEPTH_MAX + 1];
    int depth;
    int elements;
    apr_size_t rest; /* bytes of the document from the chunk on that is being read */
    char *text;      /* character data not yet in the tree */
    apr_size_t text_length;
    apr_size_t text_room;
    const ximss_error_t *error;
} reader_t;

static void stop(reader_t *reader, const ximss_error_t *error)
{
    if (reader->error == NULL) {
        reader->error = error;
    }
    xmlStopParser(reader->parser);
}

static void add_child(reader_t *reader, ximss_element_t *child)
{
    level_t *level = &reader->levels[reader->depth - 1];
    *level->tail = child;
    level->tail = &child->next;
}

/* Runs of text come in pieces, cut by references, comments and chunk ends: they are one node. One that fills half of
 * the buffer takes it along instead of being copied. */
static void flush_text(reader_t *reader)
{
    if (reader->text_length == 0) {
        return;
    }
    ximss_element_t *node = apr_pcalloc(reader->pool, sizeof(*node));
    if (reader->text_length >= reader->text_room / 2) {
        reader->text[reader->text_length] = '\0';
        node->text = reader->text;
        reader->text_room = 0;
    }
    else {
        node->text = apr_pstrmemdup(reader->pool, reader->text, reader->text_length);
    }
    add_child(reader, node);
    reader->text_length = 0;
}

/* Makes room for MORE bytes of text. A long one gets room for as much as can follow: memory that is not written costs
 * little, copying does. */
static void reserve_text(reader_t *reader, apr_size_t more)
{
    apr_size_t needed = reader->text_length + more;
    if (needed <= reader->text_room) {
        return;
    }
    apr_size_t room = reader->text_room != 0 ? reader->text_room : FIRST_TEXT_BYTES;
    while (room < needed) {
        room *= 2;
    }
    if (room > CHUNK_BYTES && room < reader->text_length + reader->rest) {
        room = reader->text_length + reader->rest;
    }
    char *text = apr_palloc(reader->pool, room + 1);
    if (reader->text_length > 0) {
        memcpy(text, reader->text, reader->text_length);
    }
    reader->text = text;
    reader->text_room = room;
}

static void on_text(void *baton, const xmlChar *bytes, int length)
{
    reader_t *reader = baton;
    if (reader->depth == 0 || reader->error != NULL || length <= 0) {
        return;
    }
    reserve_text(reader, (apr_size_t)length);
    memcpy(reader->text + reader->text_length, bytes, (size_t)length);
    reader->text_length += (apr_size_t)length;
}

/* libxml2 gives five pointers an attribute: local name, prefix, URI, value, end of the value. */
static ximss_attr_t *copy_attributes(reader_t *reader, int count, const xmlChar **given)
{
    ximss_attr_t *first = NULL;
    ximss_attr_t **tail = &first;
    for (int i = 0; i < count; i++, given += 5) {
        ximss_attr_t *attr = apr_palloc(reader->pool, sizeof(*attr));
        attr->name = apr_pstrdup(reader->pool, (const char *)given[0]);
        attr->value =
            apr_pstrmemdup(reader->pool, (const char *)given[3], (apr_size_t)(given[4] - given[3]));
        attr->next = NULL;
        *tail = attr;
        tail = &attr->next;
    }
    return first;
}

static const ximss_error_t *check_limits(const reader_t *reader, int attributes)
{
    const ximss_limits_t *limits = reader->limits;
    int depth = limits->request_depth < DEPTH_MAX ? limits->request_depth : DEPTH_MAX;
    if (reader->depth >= depth) {
        return ximss_error(reader->pool, XIMSS_E_LIMIT,
                           "the request is nested deeper than %d elements", depth);
    }
    if (reader->elements >= limits->request_elements) {
        return ximss_error(reader->pool, XIMSS_E_LIMIT, "the request has more than %d elements",
                           limits->request_elements);
    }
    return attributes <= limits->request_attributes
               ? NULL
               : ximss_xml_too_many_attributes(limits, reader->pool);
}

/* The signature is libxml2's. */
static void on_start(void *baton, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace_pairs, int attributes, int defaulted,
                     const xmlChar **given)
{
    (void)prefix;
    (void)uri;
    (void)namespace_pairs;
    (void)defaulted;
    reader_t *reader = baton;
    if (reader->error != NULL) {
        return;
    }
    const ximss_error_t *error = check_limits(reader, attributes + namespaces);
    if (error != NULL) {
        stop(reader, error);
        return;
    }
    ximss_element_t *element = apr_pcalloc(reader->pool, sizeof(*element));
    element->name = apr_pstrdup(reader->pool, (const char *)name);
    element->attributes = copy_attributes(reader, attributes, given);
    reader->elements++;
    if (reader->depth == 0) {
        reader->root = element;
    }
    else {
        flush_text(reader);
        add_child(reader, element);
    }
    level_t *level = &reader->levels[reader->depth++];
    level->element = element;
    level->tail = &element->children;
}

static void on_end(void *baton, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name;
    (void)prefix;
    (void)uri;
    reader_t *reader = baton;
    if (reader->error != NULL || reader->depth == 0) {
        return;
    }
    flush_text(reader);
    reader->depth--;
}

/* Called before anything inside a DOCTYPE is read. The scan refuses it earlier; this is the second
 * lock on the door, should the two ever read a document differently. */
static void on_doctype(void *baton, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    reader_t *reader = baton;
    stop(reader, ximss_xml_doctype_refused(reader->pool));
}

/* Errors are read from the parser afterwards; without a handler libxml2 prints them. */
static void ignore_error(void *baton, xmlErrorPtr error)
{
    (void)baton;
    (void)error;
}

static const ximss_error_t *parser_error(const reader_t *reader)
{
    const xmlError *last = xmlCtxtGetLastError(reader->parser);
    const ximss_error_t *error =
        last != NULL && last->line > 0
            ? ximss_error(reader->pool, XIMSS_E_BAD_REQUEST,
                          "the request is not well-formed XML (line %d)", last->line)
            : ximss_error(reader->pool, XIMSS_E_BAD_REQUEST, "the request is not well-formed XML");
    if (last == NULL || last->message == NULL) {
        return error;
    }
    return ximss_error_wrap(reader->pool, error, "libxml2 error %d: %.200s", last->code,
                            last->message);
}

static const ximss_error_t *feed(reader_t *reader, const char *data, apr_size_t length)
{
    apr_size_t done = 0;
    int failed = 0;
    while (done < length && !failed) {
        apr_size_t size = length - done < CHUNK_BYTES ? length - done : CHUNK_BYTES;
        reader->rest = length - done;
        failed = xmlParseChunk(reader->parser, data + done, (int)size, 0) != 0 &&
                 !reader->parser->wellFormed;
        done += size;
    }
    if (!failed && reader->error == NULL) {
        xmlParseChunk(reader->parser, NULL, 0, 1);
    }
    if (reader->error != NULL) {
        return reader->error;
    }
    if (!reader->parser->wellFormed || reader->root == NULL || reader->depth != 0) {
        return parser_error(reader);
    }
    return NULL;
}

/* libxml2's handlers for what has no parser at hand belong to the thread; others in this process may
 * have set them. */
static const ximss_error_t *feed_silently(reader_t *reader, const char *data, apr_size_t length)
{
    xmlStructuredErrorFunc handler = xmlStructuredError;
    void *context = xmlStructuredErrorContext;
    xmlSetStructuredErrorFunc(NULL, ignore_error);
    const ximss_error_t *error = feed(reader, data, length);
    xmlSetStructuredErrorFunc(context, handler);
    return error;
}

static const ximss_error_t *parse(const ximss_element_t **root, const char *data, apr_size_t length,
                                  const ximss_limits_t *limits, apr_pool_t *pool,
                                  apr_pool_t *scratch)
{
    XIMSS_TRY(ximss_xml_decode(&data, &length, pool, scratch));
    XIMSS_TRY(ximss_xml_scan(data, length, limits, pool));
    xmlSAXHandler handler = {.startElementNs = on_start,
                             .endElementNs = on_end,
                             .characters = on_text,
                             .ignorableWhitespace = on_text,
                             .cdataBlock = on_text,
                             .internalSubset = on_doctype,
                             .externalSubset = on_doctype,
                             .serror = ignore_error,
                             .initialized = XML_SAX2_MAGIC};
    reader_t *reader = apr_pcalloc(scratch, sizeof(*reader));
    reader->pool = pool;
    reader->limits = limits;
    reader->parser = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    if (reader->parser == NULL) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no memory for an XML parser");
    }
    /* NOENT replaces the five entities of XML itself in attributes; there can be no others. */
    xmlCtxtUseOptions(reader->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOENT);
    const ximss_error_t *error = feed_silently(reader, data, length);
    xmlFreeDoc(reader->parser->myDoc);
    xmlFreeParserCtxt(reader->parser);
    *root = reader->root;
    return error;
}

const ximss_error_t *ximss_xml_parse(const ximss_element_t **root, const char *data,
                                     apr_size_t length, const ximss_limits_t *limits,
                                     apr_pool_t *pool)
{
    *root = NULL;
    if (length > limits->request_bytes) {
        return ximss_error(pool, XIMSS_E_LIMIT, "the request is longer than %lu bytes",
                           (unsigned long)limits->request_bytes);
    }
    apr_pool_t *scratch;
    apr_pool_create(&scratch, pool);
    const ximss_error_t *error = parse(root, data, length, limits, pool, scratch);
    apr_pool_destroy(scratch);
    if (error != NULL) {
        *root = NULL;
    }
    return error;
}

const char *ximss_element_attr(const ximss_element_t *element, const char *name)
{
    for (const ximss_attr_t *attr = element->attributes; attr != NULL; attr = attr->next) {
        if (strcasecmp(attr->name, name) == 0) {
            return attr->value;
        }
    }
    return NULL;
}

/* The first element called NAME from NODE on. */
static const ximss_element_t *first_from(const ximss_element_t *node, const char *name)
{
    while (node != NULL &&
           (node->name == NULL || (name != NULL && !ximss_element_is(node, name)))) {
        node = node->next;
    }
    return node;
}

const ximss_element_t *ximss_element_child(const ximss_element_t *element, const char *name)
{
    return first_from(element->children, name);
}

const ximss_element_t *ximss_element_next(const ximss_element_t *element, const char *name)
{
    return first_from(element->next, name);
}

int ximss_element_is(const ximss_element_t *element, const char *name)
{
    return element->name != NULL && strcasecmp(element->name, name) == 0;
}

const char *ximss_element_text(const ximss_element_t *element, apr_pool_t *pool)
{
    apr_size_t length = 0;
    const ximss_element_t *child = element->children;
    if (child != NULL && child->next == NULL && child->text != NULL) {
        return child->text;
    }
    for (child = element->children; child != NULL; child = child->next) {
        length += child->text != NULL ? strlen(child->text) : 0;
    }
    char *text = apr_palloc(pool, length + 1);
    char *out = text;
    for (child = element->children; child != NULL; child = child->next) {
        if (child->text != NULL) {
            apr_size_t bytes = strlen(child->text);
            memcpy(out, child->text, bytes);
            out += bytes;
        }
    }
    *out = '\0';
    return text;
}

const char *ximss_element_word(const ximss_element_t *element, apr_pool_t *pool)
{
    const char *text = ximss_element_text(element, pool);
    while (apr_isspace(*text)) {
        text++;
    }
    apr_size_t length = strlen(text);
    while (length > 0 && apr_isspace(text[length - 1])) {
        length--;
    }
    return apr_pstrmemdup(pool, text, length);
}
