/* Request XML: no input may harm the parser, and what it accepts, written by our writer, must be parsed
 * again to the same tree. */
#include "base/xml_in.h"
#include "base/xml_out.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static const char *attr_exact(const ximss_element_t *element, const char *name)
{
    for (const ximss_attr_t *attr = element->attributes; attr != NULL; attr = attr->next) {
        if (strcmp(attr->name, name) == 0) {
            return attr->value;
        }
    }
    return NULL;
}

/* Whether the writer can repeat the tree: it knows ASCII names only, and no attribute twice (which
 * prefixes, cut off, may have told apart). */
static int writable(const ximss_element_t *node)
{
    if (node->name == NULL) {
        return 1;
    }
    if (!ximss_xml_name_ok(node->name)) {
        return 0;
    }
    for (const ximss_attr_t *attr = node->attributes; attr != NULL; attr = attr->next) {
        if (!ximss_xml_name_ok(attr->name) || strcmp(attr->name, "xmlns") == 0 ||
            attr_exact(node, attr->name) != attr->value) {
            return 0;
        }
    }
    for (node = node->children; node != NULL; node = node->next) {
        if (!writable(node)) {
            return 0;
        }
    }
    return 1;
}

static void write_node(ximss_xml_t *out, const ximss_element_t *node)
{
    if (node->name == NULL) {
        ximss_xml_text(out, node->text);
        return;
    }
    ximss_xml_start(out, node->name);
    for (const ximss_attr_t *attr = node->attributes; attr != NULL; attr = attr->next) {
        ximss_xml_attr(out, attr->name, attr->value);
    }
    for (const ximss_element_t *child = node->children; child != NULL; child = child->next) {
        write_node(out, child);
    }
    ximss_xml_end(out);
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void compare(const ximss_element_t *one, const ximss_element_t *two)
{
    if ((one->name == NULL) != (two->name == NULL)) {
        fail("another kind of node", one->name != NULL ? one->name : one->text);
    }
    if (one->name == NULL) {
        if (strcmp(one->text, two->text) != 0) {
            fail("another text", one->text);
        }
        return;
    }
    if (strcmp(one->name, two->name) != 0) {
        fail("another name", one->name);
    }
    int count = 0;
    for (const ximss_attr_t *attr = one->attributes; attr != NULL; attr = attr->next, count++) {
        const char *value = attr_exact(two, attr->name);
        if (value == NULL || strcmp(value, attr->value) != 0) {
            fail("another value", attr->name);
        }
    }
    for (const ximss_attr_t *attr = two->attributes; attr != NULL; attr = attr->next, count--) {
    }
    if (count != 0) {
        fail("another number of attributes", one->name);
    }
    one = one->children;
    two = two->children;
    for (; one != NULL && two != NULL; one = one->next, two = two->next) {
        compare(one, two);
    }
    if (one != NULL || two != NULL) {
        fail("another number of children", "");
    }
}

static void check(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    const ximss_element_t *root;
    const ximss_error_t *error = ximss_xml_parse(&root, (const char *)data, size, &limits, pool);
    if (error != NULL) {
        if (error->code != XIMSS_E_BAD_REQUEST && error->code != XIMSS_E_LIMIT) {
            fail("another error", ximss_error_log_line(error, pool));
        }
        return;
    }
    if (!writable(root)) {
        return;
    }
    ximss_xml_t *out = ximss_xml_create(limits.request_bytes, pool);
    write_node(out, root);
    if (ximss_xml_overflow(out)) {
        return;
    }
    apr_size_t length;
    const char *written = ximss_xml_data(out, &length);
    const ximss_element_t *again;
    error = ximss_xml_parse(&again, written, length, &limits, pool);
    if (error != NULL) {
        fail(ximss_error_log_line(error, pool), written);
    }
    compare(root, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    check(data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
