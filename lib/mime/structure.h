/* The part tree of a message (RFC 5322, RFC 2045-2046, RFC 2231), made once at append, and its packed
 * form. Offsets point into the raw bytes. */
#ifndef XIMSS_MIME_STRUCTURE_H
#define XIMSS_MIME_STRUCTURE_H

#include "base/error.h"
#include "base/limits.h"
#include "mime/field.h"

typedef enum ximss_part_kind_t {
    XIMSS_PART_LEAF,      /* text, image, ... */
    XIMSS_PART_MULTIPART, /* children are parts */
    XIMSS_PART_MESSAGE, /* message/rfc822, message/global: one child, the inner message's body part,
                             and the fields of the inner header */
    XIMSS_PART_HEADERS  /* text/rfc822-headers: fields, no child */
} ximss_part_kind_t;

typedef enum ximss_encoding_t {
    XIMSS_ENCODING_NONE, /* 7bit, 8bit, binary, and what is unknown */
    XIMSS_ENCODING_BASE64,
    XIMSS_ENCODING_QUOTED,
    XIMSS_ENCODING_UU
} ximss_encoding_t;

typedef struct ximss_param_t {
    const char *name; /* lower case */
    const char *value;
} ximss_param_t;

typedef struct ximss_part_t {
    ximss_part_kind_t kind;
    const char *part_id; /* "01-02"; "" for the top */
    const char *type;    /* lower case, e.g. "text"; defaults of RFC 2045 and 2046 applied */
    const char *subtype;
    apr_array_header_t *type_params; /* ximss_param_t: RFC 2231 and 2047 decoded, first of a name */
    const char *disposition;         /* lower case, NULL if absent */
    apr_array_header_t *disposition_params;
    const char *content_id;    /* without < >, NULL if absent */
    const char *description;   /* decoded; NULL */
    const char *location;      /* NULL */
    const char *content_class; /* Content-Class; NULL */
    ximss_encoding_t encoding;
    apr_int64_t
        header_offset; /* of the part's own header in the raw bytes (equal to body_offset if none) */
    apr_int64_t body_offset;
    apr_int64_t body_length;  /* raw bytes, without the line end before the boundary */
    apr_int64_t decoded_size; /* after transfer decoding, exact */
    const char *parse_error;  /* what was wrong or left out (limits), NULL: nothing */
    apr_array_header_t
        *fields; /* ximss_field_t *: header of the message, of the inner message, or of
                                   text/rfc822-headers; NULL elsewhere. Content-* fields included.
                                   A top part of kind XIMSS_PART_MESSAGE holds those of the outer
                                   header; its child holds those of the inner one. */
    struct ximss_part_t *children;
    struct ximss_part_t *next;
} ximss_part_t;

/* Parses the LENGTH bytes at DATA: never fails, whatever the bytes are; what exceeds LIMITS (depth,
 * parts, header bytes) or is broken is shown as text of its parent, with parse_error. The result is the
 * top part with the message's fields. Linear time; memory bounded by the limits. Everything in POOL.
 * Any thread. */
ximss_part_t *ximss_structure_parse(const char *data, apr_size_t length,
                                    const ximss_limits_t *limits, apr_pool_t *pool);

/* The packed form of the tree, in POOL. */
void ximss_structure_pack(const ximss_part_t *part, const char **data, apr_size_t *length,
                          apr_pool_t *pool);

/* The tree of packed bytes; damaged ones give XIMSS_E_INTERNAL. */
const ximss_error_t *ximss_structure_unpack(ximss_part_t **part, const char *data,
                                            apr_size_t length, apr_pool_t *pool);

/* The part whose id is PART_ID ("" or NULL: the top; "1" is taken for "01"), or NULL. For a message of one
 * single part, "01" is the top itself. For a message part "03" with one single inner part, "03-01" is
 * that inner part. */
const ximss_part_t *ximss_structure_find(const ximss_part_t *top, const char *part_id);

/* The fields of the message inside PART (XIMSS_PART_MESSAGE) or listed in it (XIMSS_PART_HEADERS). */
const apr_array_header_t *ximss_part_inner_fields(const ximss_part_t *part);

/* The value of parameter NAME in PARAMS (type_params or disposition_params), or NULL. */
const char *ximss_param_get(const apr_array_header_t *params, const char *name);

/* The file name of a part for a user: filename of the disposition, else name of the type, else NULL. */
const char *ximss_part_file_name(const ximss_part_t *part);

#endif
