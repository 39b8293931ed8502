/* The bytes of a received document as UTF-8. */
#ifndef XIMSS_BASE_XML_DECODE_H
#define XIMSS_BASE_XML_DECODE_H

#include "base/error.h"

/* Turns the LENGTH bytes at *DATA into UTF-8 by byte order mark, else by the XML declaration: UTF-8,
 * US-ASCII, ISO-8859-1 and UTF-16 are known, any other charset is XIMSS_E_BAD_REQUEST. *DATA stays as
 * it is where nothing need change, else it is a copy in SCRATCH. Invalid UTF-8, and characters that XML
 * does not know: XIMSS_E_BAD_REQUEST. Errors are in POOL. */
const ximss_error_t *ximss_xml_decode(const char **data, apr_size_t *length, apr_pool_t *pool,
                                      apr_pool_t *scratch);

#endif
