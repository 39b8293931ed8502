/* Writes XML into memory: always well-formed, valid UTF-8, attributes in case-insensitive
 * alphabetical order, no white space of its own. */
#ifndef XIMSS_BASE_XML_OUT_H
#define XIMSS_BASE_XML_OUT_H

#include <apr.h>
#include <apr_pools.h>

typedef struct ximss_xml_t ximss_xml_t;

/* Makes a writer that holds at most LIMIT bytes. Its memory goes with POOL. One thread at a time. */
ximss_xml_t *ximss_xml_create(apr_size_t limit, apr_pool_t *pool);

/* Starts an element. NAME must be an XML name (see ximss_xml_name_ok); what is none becomes "_". */
void ximss_xml_start(ximss_xml_t *xml, const char *name);

/* Adds an attribute to the element just started; VALUE NULL adds nothing. Order of calls is free. What
 * would not be well-formed adds nothing either: a name given twice or no XML name, no tag to hold it. */
void ximss_xml_attr(ximss_xml_t *xml, const char *name, const char *value);
void ximss_xml_attr_int(ximss_xml_t *xml, const char *name, apr_int64_t value);

/* Adds character data. Bytes that are not UTF-8, and characters that XML 1.0 does not know, become
 * U+FFFD; CR is written as a character reference. */
void ximss_xml_text(ximss_xml_t *xml, const char *text);
void ximss_xml_text_n(ximss_xml_t *xml, const char *text, apr_size_t length);

/* Ends the innermost element: "<a/>" when nothing was put inside. */
void ximss_xml_end(ximss_xml_t *xml);

/* <name>text</name>; without text: <name/>. */
void ximss_xml_element(ximss_xml_t *xml, const char *name, const char *text);

/* A place to return to: everything written after ximss_xml_mark() goes at ximss_xml_rewind(), and the
 * elements opened since are no longer open. It stands between elements: the start tag before it takes no
 * more attributes. An element open at the mark must not have ended at the rewind. */
apr_size_t ximss_xml_mark(ximss_xml_t *xml);
void ximss_xml_rewind(ximss_xml_t *xml, apr_size_t mark);

/* Open elements now. */
int ximss_xml_depth(const ximss_xml_t *xml);

/* Whether the limit was crossed; what was written since is incomplete and must be rewound. A rewind to
 * a mark from before clears it. */
int ximss_xml_overflow(const ximss_xml_t *xml);

/* The bytes written so far, and a NUL; valid until the next call, owned by the writer. A start tag that
 * nothing followed is not closed yet. */
const char *ximss_xml_data(const ximss_xml_t *xml, apr_size_t *length);

/* Whether NAME can stand as an element or attribute name: an ASCII NCName, without colon. */
int ximss_xml_name_ok(const char *name);

#endif
