/* What is checked of a document's bytes before the XML parser reads them. */
#ifndef XIMSS_BASE_XML_SCAN_H
#define XIMSS_BASE_XML_SCAN_H

#include "base/error.h"
#include "base/limits.h"

/* Refuses a DOCTYPE and a tag with more attributes than LIMITS allows, in one pass over the LENGTH bytes
 * of UTF-8 at DATA. Says nothing about whether the rest is well-formed. */
const ximss_error_t *ximss_xml_scan(const char *data, apr_size_t length,
                                    const ximss_limits_t *limits, apr_pool_t *pool);

/* The two errors, for the parser's own checks. */
const ximss_error_t *ximss_xml_too_many_attributes(const ximss_limits_t *limits, apr_pool_t *pool);
const ximss_error_t *ximss_xml_doctype_refused(apr_pool_t *pool);

#endif
