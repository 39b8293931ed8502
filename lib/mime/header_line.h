/* The lines of a header field, for the files that write fields. Internal to lib/mime. */
#ifndef XIMSS_MIME_HEADER_LINE_H
#define XIMSS_MIME_HEADER_LINE_H

#include "mime/header_out.h"

/* 78 (RFC 5322, 2.1.1), less one for a comma or semicolon. */
#define XIMSS_HEAD_LINE_MAX 77

typedef struct ximss_head_line_t {
    ximss_out_t *out;
    apr_size_t column; /* where the next byte goes; 0: the line is empty */
} ximss_head_line_t;

/* Begins the field NAME; ends it. */
void ximss_head_start(ximss_head_line_t *line, ximss_out_t *out, const char *name);
void ximss_head_end(ximss_head_line_t *line);

/* Adds a blank and the word, on a new line where this one has no room. */
void ximss_head_put(ximss_head_line_t *line, const char *word, apr_size_t length);

/* Adds BYTE to the word before. */
void ximss_head_attach(ximss_head_line_t *line, char byte);

/* Writes TEXT as encoded words (RFC 2047), BEFORE in front of the first and AFTER behind the last. */
void ximss_head_put_encoded(ximss_head_line_t *line, const char *text, apr_size_t length,
                            const char *before, const char *after);

/* Adds TEXT as a quoted string (RFC 5322, 3.2.4). */
void ximss_head_quote(ximss_buffer_t *out, const char *text, apr_size_t length);

/* Makes blanks of the control characters of TEXT. */
void ximss_head_blank_controls(char *text, apr_size_t length);

/* VALUE as one line of valid UTF-8 without controls, blanks around it taken off, in POOL. */
const char *ximss_head_clean(const char *value, apr_size_t *length, apr_pool_t *pool);

/* Whether TEXT may stand as it is: printable ASCII, nothing in it like an encoded word. */
int ximss_head_is_plain(const char *text, apr_size_t length);

#endif
