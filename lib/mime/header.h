/* Header blocks of messages and parts, taken apart into raw fields. For lib/mime and lib/submit. */
#ifndef XIMSS_MIME_HEADER_H
#define XIMSS_MIME_HEADER_H

#include "mime/structure.h"

typedef struct ximss_raw_field_t {
    const char *name;
    apr_size_t name_length;
    const char *value; /* from behind the colon, folded */
    apr_size_t value_length;
} ximss_raw_field_t;

/* Whether a line that begins with "--" ends the header; LENGTH without its line end. */
typedef int (*ximss_boundary_test_t)(void *baton, const char *line, apr_size_t length);

typedef struct ximss_header_t {
    const char *data;
    apr_size_t length;            /* of data */
    apr_size_t at;                /* in: where the header begins; out: where the body begins */
    apr_size_t room;              /* bytes of fields that are still taken; counted down */
    int overflow;                 /* out: fields were cut or left out */
    char line_end;                /* ximss_line_end() of the message */
    ximss_boundary_test_t is_end; /* may be NULL */
    void *baton;
    apr_array_header_t *fields; /* ximss_raw_field_t, emptied first */
} ximss_header_t;

/* The byte that ends lines: LF, but CR where there is no LF at all (old Macintosh mail). */
char ximss_line_end(const char *data, apr_size_t length);

/* Reads the header at header->at. A header without an empty line behind it ends where a line can be
 * neither field nor continuation, unless a field follows that line. */
void ximss_header_scan(ximss_header_t *header);

/* Fills type, disposition, encoding and the other MIME properties of PART from FIELDS
 * (ximss_raw_field_t); the first field of a name counts. IN_DIGEST: a part without Content-Type is
 * message/rfc822 (RFC 2046, 5.1.5). */
void ximss_part_describe(ximss_part_t *part, const apr_array_header_t *fields, int in_digest,
                         apr_pool_t *pool);

/* Sets the part ids of the whole tree under TOP. */
void ximss_parts_number(ximss_part_t *top, apr_pool_t *pool);

#endif
