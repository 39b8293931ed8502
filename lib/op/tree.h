/* XML of a client's own that is kept and given back: the inside of an element as text. */
#ifndef XIMSS_OP_TREE_H
#define XIMSS_OP_TREE_H

#include "base/error.h"
#include "base/xml_in.h"
#include "base/xml_out.h"

/* What is inside of ELEMENT, as text in POOL: all elements with their attributes, and character data where it is no
 * white space between elements; names that the server knows in its spelling. XIMSS_E_BAD_REQUEST: a name
 * that is no ASCII XML name, or too deep; XIMSS_E_LIMIT: over MOST bytes. WHAT names it in the error's text. */
const ximss_error_t *ximss_tree_pack(const char **text, const ximss_element_t *element,
                                     apr_size_t most, const char *what, apr_pool_t *pool);

/* Writes that inside into the element that is open in OUT. XIMSS_E_INTERNAL when TEXT was not made by
 * ximss_tree_pack. SCRATCH is not needed afterwards. */
const ximss_error_t *ximss_tree_write(ximss_xml_t *out, const char *text, apr_pool_t *scratch);

#endif
