/* A mail out of its EMail XML (protocol text, Message Operations). */
#ifndef XIMSS_MIME_COMPOSE_H
#define XIMSS_MIME_COMPOSE_H

#include "base/error.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/xml_in.h"
#include "mime/structure.h"

/* What a part is made from: an upload, a stored file, a stored message or a part of one. What is not known is NULL.
 * Everything lives as long as the pool that was given. */
typedef struct ximss_source_t {
    const char *type; /* upload, file */
    const char *subtype;
    const char *charset;
    const char *file_name;    /* for the reader of the mail */
    const ximss_part_t *part; /* of a copied part; NULL for a whole message */
    const char
        *data; /* bytes of the upload, file or message; of a part its body as it is stored, from
                                 part->body_offset on */
    apr_size_t length;
} ximss_source_t;

/* How to get at the sources, and what else a mail needs to know. Any error of a callback becomes the result; one that
 * is NULL answers XIMSS_E_NOT_FOUND. */
typedef struct ximss_compose_t {
    const ximss_limits_t *limits;
    const ximss_zone_t *zone; /* of the Date field that is made */
    apr_int64_t now;          /* seconds since 1970 */
    const char *domain;       /* of the Message-ID that is made */
    int keep_bcc;             /* Bcc stands in the mail: a draft that is not sent */
    void *baton;
    const ximss_error_t *(*upload)(void *baton, const char *id, ximss_source_t *source,
                                   apr_pool_t *pool);
    const ximss_error_t *(*file)(void *baton, const char *name, ximss_source_t *source,
                                 apr_pool_t *pool);
    /* FOLDER is what the attribute folder or calendar says; PART_ID NULL: the whole message. */
    const ximss_error_t *(*copy)(void *baton, const char *folder, apr_uint32_t uid,
                                 const char *part_id, ximss_source_t *source, apr_pool_t *pool);
} ximss_compose_t;

typedef struct ximss_composed_t {
    const char *
        data; /* the mail; lines end with CRLF and are at most 998 bytes long; no NUL, no bare CR or LF */
    apr_size_t length;
    const apr_array_header_t *from; /* ximss_address_t; may be empty */
    const apr_array_header_t
        *recipients;        /* ximss_address_t: To, then Cc, then Bcc. A draft may hold
                                             what is no address: see ximss_addr_ok */
    const char *message_id; /* with < > */
} ximss_composed_t;

/* Composes EMAIL, the EMail element, into *COMPOSED; everything in POOL. Linear time, and memory of some times the
 * size of the result. Header elements count in any letter case; text and attributes, whatever they hold, end up in
 * the field or part that they are meant for. XIMSS_E_COMPOSITION with a text that says what is wrong, XIMSS_E_SMIME
 * for "sign" and "encrypt", XIMSS_E_LIMIT for what is too large. Any thread. */
const ximss_error_t *ximss_compose(ximss_composed_t **composed, const ximss_compose_t *compose,
                                   const ximss_element_t *email, apr_pool_t *pool);

#endif
