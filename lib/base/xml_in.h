/* A received XML document as a tree in a pool: libxml2 behind our rules. */
#ifndef XIMSS_BASE_XML_IN_H
#define XIMSS_BASE_XML_IN_H

#include "base/error.h"
#include "base/limits.h"

#include <apr_pools.h>

typedef struct ximss_attr_t {
    const char *name;
    const char *value; /* UTF-8 */
    struct ximss_attr_t *next;
} ximss_attr_t;

/* An element, or (name == NULL) a run of character data. */
typedef struct ximss_element_t {
    const char *name; /* as written; local part without a namespace prefix */
    const char *text; /* character data of a text node, NULL in an element */
    ximss_attr_t *attributes;
    struct ximss_element_t *children; /* elements and text in document order */
    struct ximss_element_t *next;
} ximss_element_t;

/* Parses LENGTH bytes at DATA into *ROOT, in POOL. UTF-8 unless the document declares another known
 * charset. Any DOCTYPE, unknown entity, or crossing of LIMITS is an error (XIMSS_E_BAD_REQUEST or
 * XIMSS_E_LIMIT); nothing is ever loaded. Any thread. */
const ximss_error_t *ximss_xml_parse(const ximss_element_t **root, const char *data,
                                     apr_size_t length, const ximss_limits_t *limits,
                                     apr_pool_t *pool);

/* The value of attribute NAME (letter case ignored), NULL if absent. Lives as long as the tree. */
const char *ximss_element_attr(const ximss_element_t *element, const char *name);

/* The first child element called NAME (letter case ignored; NULL: any element), or NULL. */
const ximss_element_t *ximss_element_child(const ximss_element_t *element, const char *name);

/* The next sibling element called NAME (letter case ignored; NULL: any element), or NULL. */
const ximss_element_t *ximss_element_next(const ximss_element_t *element, const char *name);

/* Whether the element is called NAME, letter case ignored. */
int ximss_element_is(const ximss_element_t *element, const char *name);

/* The character data directly inside the element, concatenated; never NULL. In POOL, or the tree's own where it is
 * one run. */
const char *ximss_element_text(const ximss_element_t *element, apr_pool_t *pool);

/* The same without white space around it. */
const char *ximss_element_word(const ximss_element_t *element, apr_pool_t *pool);

#endif
