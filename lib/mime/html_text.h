/* The text of an HTML document, for quoting it: nothing of it is run, loaded or kept as HTML. */
#ifndef XIMSS_MIME_HTML_TEXT_H
#define XIMSS_MIME_HTML_TEXT_H

#include <apr_pools.h>

/* The text of the LENGTH bytes of UTF-8 at HTML: clean UTF-8 in lines that end with LF, paragraphs apart by an empty
 * line, lines of a blockquote behind ">". Scripts, styles, comments and titles are left out. Linear time; at most
 * some times as long as HTML. NUL-terminated, in POOL. */
char *ximss_html_text(const char *html, apr_size_t length, apr_size_t *text_length,
                      apr_pool_t *pool);

#endif
