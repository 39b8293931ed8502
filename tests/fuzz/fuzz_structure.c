/* Messages: whatever the bytes are, the part tree survives packing, each part lies inside the bytes, and the
 * XML is well-formed UTF-8 of bounded depth. The input is also taken for packed bytes. */
#include "base/text.h"
#include "mime/content.h"
#include "mime/digest.h"
#include "mime/to_xml.h"

#include <apr_general.h>
#include <libxml/parser.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small ones, so that inputs of a few kilobytes reach them. */
static const ximss_limits_t limits = {
    .mime_depth = 12, .mime_parts = 30, .header_bytes = 2000, .addresses = 20, .viewer_bytes = 60};

typedef struct input_t {
    const char *data;
    apr_size_t length;
} input_t;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static const ximss_error_t *read_raw(void *baton, apr_int64_t offset, apr_size_t length,
                                     const char **data, apr_pool_t *pool)
{
    const input_t *input = baton;
    (void)pool;
    if (offset < 0 || (apr_size_t)offset > input->length ||
        length > input->length - (apr_size_t)offset) {
        fail("a body outside of the message");
    }
    *data = input->data + offset;
    return NULL;
}

static void check_parts(const ximss_part_t *top, const ximss_part_t *part, const input_t *input)
{
    if (part->header_offset < 0 || part->body_offset < part->header_offset ||
        part->body_length < 0 ||
        part->body_offset + part->body_length > (apr_int64_t)input->length) {
        fail("a part outside of the message");
    }
    if (ximss_structure_find(top, part->part_id) == NULL) {
        fail("a part that is not found");
    }
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        check_parts(top, child, input);
    }
}

static void check_size(const ximss_part_t *part, const input_t *input, apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)part->body_length;
    char *out = apr_palloc(pool, ximss_decoder_bound(length));
    ximss_decoder_t decoder;
    ximss_decoder_init(&decoder, part->encoding);
    if (ximss_decoder_run(&decoder, input->data + part->body_offset, length, 1, out) !=
        (apr_size_t)part->decoded_size) {
        fail("another decoded size");
    }
}

static void check_xml(const ximss_part_t *top, const input_t *input, apr_pool_t *pool)
{
    ximss_to_xml_t options = {ximss_zone_get("UTC"), -1, read_raw, (void *)input};
    ximss_xml_t *xml = ximss_xml_create(16 * 1024 * 1024, pool);
    apr_size_t length;
    apr_size_t clean_length;
    const char *data;
    xmlDocPtr document;
    if (ximss_email_write(xml, top, &options, pool) != NULL || ximss_xml_depth(xml) != 0) {
        fail("the message cannot be written");
    }
    data = ximss_xml_data(xml, &length);
    clean_length = length;
    if (ximss_xml_overflow(xml)) {
        return;
    }
    if (ximss_text_clean(data, &clean_length, pool) != data) {
        fail("the XML has bad characters");
    }
    document = xmlReadMemory(data, (int)length, "mail", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    if (document == NULL) {
        fail("the XML is not well-formed");
    }
    xmlFreeDoc(document);
}

static void check(const input_t *input, apr_pool_t *pool)
{
    const ximss_digest_t *digest = ximss_digest_make(input->data, input->length, &limits, pool);
    ximss_part_t *top;
    const char *again;
    apr_size_t length;
    if (ximss_structure_unpack(&top, digest->structure, digest->structure_length, pool) != NULL) {
        fail("the structure cannot be unpacked");
    }
    ximss_structure_pack(top, &again, &length, pool);
    if (length != digest->structure_length || memcmp(again, digest->structure, length) != 0) {
        fail("the structure changes");
    }
    check_parts(top, top, input);
    check_size(top, input, pool);
    check_xml(top, input, pool);
    if (ximss_structure_unpack(&top, input->data, input->length, pool) == NULL) {
        ximss_structure_find(top, "01-01");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    apr_pool_t *pool;
    input_t input = {(const char *)data, size};
    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    apr_pool_create(&pool, NULL);
    check(&input, pool);
    apr_pool_destroy(pool);
    return 0;
}
