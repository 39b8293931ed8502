/* A mail on its way out: a tree of parts whose bodies are encoded already, and its bytes. Internal to lib/mime. */
#ifndef XIMSS_MIME_ENTITY_H
#define XIMSS_MIME_ENTITY_H

#include "base/error.h"
#include "mime/header_out.h"
#include "mime/structure.h"

/* A part with children is a multipart, or (type "message") holds one mail; one without is a leaf. */
typedef struct ximss_entity_t {
    ximss_part_t about; /* type, subtype, type_params, disposition, disposition_params, content_id,
                             description, location, content_class: what its header says */
    const ximss_out_t *head; /* of a mail: the fields before those of the part; else NULL */
    const char *
        encoding; /* Content-Transfer-Encoding of a leaf; NULL: none, the bytes are sent as they are */
    const char *body; /* of a leaf, as it is sent; lines end with CRLF, unless BARE */
    apr_size_t length;
    apr_size_t bare;      /* line ends of the body that are a CR or LF: CRLF is written */
    int eight_bit;        /* the body has bytes above 127 */
    const char *boundary; /* of a multipart with children; set by ximss_entity_write */
    struct ximss_entity_t *children;
    struct ximss_entity_t *last; /* of the children */
    struct ximss_entity_t *next;
} ximss_entity_t;

/* An entity without a body in POOL. TYPE and SUBTYPE must be tokens. */
ximss_entity_t *ximss_entity_make(const char *type, const char *subtype, apr_pool_t *pool);

/* Adds a parameter to the type or the disposition; NAME must pass ximss_param_name_ok. One that is there stays as it
 * is. Nothing is copied. */
void ximss_entity_type_param(ximss_entity_t *entity, const char *name, const char *value);
void ximss_entity_disposition_param(ximss_entity_t *entity, const char *name, const char *value);

void ximss_entity_add(ximss_entity_t *parent, ximss_entity_t *child);

/* Sets a body of text, with the least encoding that every transport leaves alone: none (7bit), quoted-printable, or
 * base64. LF, CRLF and CR end its lines. TEXT may stay in use until the mail is written. */
void ximss_entity_text(ximss_entity_t *entity, const char *text, apr_size_t length,
                       apr_pool_t *pool);

/* Sets a body of bytes: base64. */
void ximss_entity_bytes(ximss_entity_t *entity, const char *bytes, apr_size_t length,
                        apr_pool_t *pool);

/* Sets a body that is sent as it is. Returns 0, and sets nothing, when no transport takes it: NUL, a bare CR, lines
 * of over 998 bytes. Bare LFs become CRLF; CRs do where there is no LF at all. */
int ximss_entity_raw(ximss_entity_t *entity, const char *bytes, apr_size_t length,
                     apr_pool_t *pool);

/* The bytes of the mail TOP, in POOL. Boundaries are random and found in no body. XIMSS_E_LIMIT when it is larger than
 * MAX bytes. */
const ximss_error_t *ximss_entity_write(const char **data, apr_size_t *length, ximss_entity_t *top,
                                        apr_size_t max, apr_pool_t *pool);

#endif
