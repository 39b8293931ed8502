/* vCard text: whatever it is, its XML is well-formed, and what has been through both directions once stays as it is. */
#include "mime/vcard.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The XML of the cards in TEXT, parsed. */
static const ximss_element_t *to_xml(const char *text, apr_size_t length, const char **xml,
                                     apr_pool_t *pool)
{
    ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_xml_t *out = ximss_xml_create(64 * 1024 * 1024, pool);
    const ximss_element_t *root;
    apr_size_t xml_length;
    limits.request_elements = 100000000;
    limits.request_bytes = 64 * 1024 * 1024;
    ximss_xml_start(out, "v");
    ximss_vcard_write(out, text, length, pool);
    ximss_xml_end(out);
    *xml = ximss_xml_data(out, &xml_length);
    if (ximss_xml_parse(&root, *xml, xml_length, &limits, pool) != NULL) {
        fprintf(stderr, "not well-formed: %s\n", *xml);
        abort();
    }
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    const char *text = (const char *)data;
    const char *xml[3];
    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (int i = 0; i < 3; i++) {
        const ximss_element_t *root = to_xml(text, size, &xml[i], pool);
        text = ximss_vcard_text(root, pool);
        size = strlen(text);
    }
    if (strcmp(xml[1], xml[2]) != 0) {
        fprintf(stderr, "it does not stay:\n%s\n%s\n", xml[1], xml[2]);
        abort();
    }
    apr_pool_destroy(pool);
    return 0;
}
