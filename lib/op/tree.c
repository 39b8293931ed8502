/* Arrays and dictionaries of preferences and the attributes of files: the server only
 * keeps them. */
#include "op/tree.h"
#include "base/text.h"

#include <apr_cstr.h>
#include <string.h>

/* Levels of elements inside of what is kept. */
#define DEPTH 32

/* The element around what is kept. */
#define ROOT "v"

static const char *const spellings[] = {"ACL", "accessPwd", "key", "subKey", "subValue"};

static const char *spelling(const char *name)
{
    size_t i;
    for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        if (apr_cstr_casecmp(spellings[i], name) == 0) {
            return spellings[i];
        }
    }
    return name;
}

/* Whether all names of ELEMENT's inside can be written, DEPTH levels down at most. */
static int can_keep(const ximss_element_t *element, int depth)
{
    const ximss_element_t *child;
    const ximss_attr_t *attr;
    for (child = ximss_element_child(element, NULL); child != NULL;
         child = ximss_element_next(child, NULL)) {
        if (depth == 0 || !ximss_xml_name_ok(child->name)) {
            return 0;
        }
        for (attr = child->attributes; attr != NULL; attr = attr->next) {
            if (!ximss_xml_name_ok(attr->name)) {
                return 0;
            }
        }
        if (!can_keep(child, depth - 1)) {
            return 0;
        }
    }
    return 1;
}

static void write_inside(ximss_xml_t *out, const ximss_element_t *element)
{
    int has_elements = ximss_element_child(element, NULL) != NULL;
    const ximss_element_t *child;
    const ximss_attr_t *attr;
    for (child = element->children; child != NULL; child = child->next) {
        if (child->name == NULL) {
            if (!has_elements || !ximss_text_is_blank(child->text)) {
                ximss_xml_text(out, child->text);
            }
            continue;
        }
        ximss_xml_start(out, spelling(child->name));
        for (attr = child->attributes; attr != NULL; attr = attr->next) {
            ximss_xml_attr(out, spelling(attr->name), attr->value);
        }
        write_inside(out, child);
        ximss_xml_end(out);
    }
}

const ximss_error_t *ximss_tree_pack(const char **text, const ximss_element_t *element,
                                     apr_size_t most, const char *what, apr_pool_t *pool)
{
    ximss_xml_t *out = ximss_xml_create(most + sizeof("<" ROOT "></" ROOT ">"), pool);
    apr_size_t length;
    if (!can_keep(element, DEPTH)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "%s: names must be ASCII XML names, at most %d levels deep", what,
                           DEPTH);
    }
    ximss_xml_start(out, ROOT);
    write_inside(out, element);
    ximss_xml_end(out);
    if (ximss_xml_overflow(out)) {
        return ximss_error(pool, XIMSS_E_LIMIT, "%s: more than %" APR_SIZE_T_FMT " bytes", what,
                           most);
    }
    *text = ximss_xml_data(out, &length);
    return NULL;
}

const ximss_error_t *ximss_tree_write(ximss_xml_t *out, const char *text, apr_pool_t *scratch)
{
    /* what was kept under other limits must be readable for ever */
    ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    const ximss_element_t *root;
    const ximss_error_t *error;
    limits.request_attributes = 10000;
    limits.request_elements = 10000000;
    error = ximss_xml_parse(&root, text, strlen(text), &limits, scratch);
    if (error != NULL) {
        return ximss_error_detail(scratch, XIMSS_E_INTERNAL, "kept XML cannot be read: %s",
                                  error->text);
    }
    write_inside(out, root);
    return NULL;
}
