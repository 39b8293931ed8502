/* A form that is sent as multipart/form-data (RFC 7578, RFC 2046), read as it comes in. */
#ifndef XIMSS_MIME_FORM_H
#define XIMSS_MIME_FORM_H

#include "base/error.h"

/* What the header of a file says about it. */
typedef struct ximss_form_part_t {
    const char *name;      /* of the form's field, "": none */
    const char *file_name; /* as ximss_file_name_clean gives it; NULL: none */
    const char *type;      /* lower case, as subtype; application/octet-stream where none is told */
    const char *subtype;
    const char *charset; /* NULL: none */
} ximss_form_part_t;

/* Who takes the form. An error of these ends the reading; PART lives until the next begin. */
typedef struct ximss_form_sink_t {
    const ximss_error_t *(*begin)(void *baton, const ximss_form_part_t *part);
    const ximss_error_t *(*data)(void *baton, const char *data, apr_size_t length);
    const ximss_error_t *(*end)(void *baton);
    void *baton;
} ximss_form_sink_t;

typedef struct ximss_form_t ximss_form_t; /* one thread at a time */

/* The boundary that a Content-Type value of a form names; NULL when it is no multipart/form-data or its boundary is
 * none (1 to 200 printable characters of ASCII). In POOL. */
const char *ximss_form_boundary(const char *content_type, apr_pool_t *pool);

/* Reads a part's, or a request's, Content-Type and Content-Disposition (each may be NULL). In POOL. */
void ximss_form_describe(ximss_form_part_t *part, const char *content_type,
                         const char *content_disposition, apr_pool_t *pool);

/* NAME (UTF-8) as the name of a file for people to see: what is behind the last / or \, without controls and
 * characters that turn the direction of writing, at most 255 bytes. NULL when nothing is left, or "." or "..". In POOL. */
const char *ximss_file_name_clean(const char *name, apr_pool_t *pool);

/* Starts reading a form of BOUNDARY for SINK, both of which must live as long as POOL. */
ximss_form_t *ximss_form_create(const char *boundary, const ximss_form_sink_t *sink,
                                apr_pool_t *pool);

/* Reads the next LENGTH bytes, any number of them. Memory is bounded, time linear. XIMSS_E_BAD_REQUEST when a
 * part's header is over 16 KB, else what the sink says; after an error the form takes no more. */
const ximss_error_t *ximss_form_feed(ximss_form_t *form, const char *data, apr_size_t length);

/* The body is over: XIMSS_E_BAD_REQUEST when the form is not. */
const ximss_error_t *ximss_form_finish(ximss_form_t *form);

#endif
