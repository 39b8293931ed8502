/* The parts of a mail that is composed. Internal to lib/mime. */
#ifndef XIMSS_MIME_COMPOSE_PART_H
#define XIMSS_MIME_COMPOSE_PART_H

#include "mime/compose.h"
#include "mime/entity.h"

/* One call of ximss_compose(). */
typedef struct ximss_composer_t {
    const ximss_compose_t *compose;
    int parts;       /* made so far */
    apr_size_t room; /* bytes of uploads, files and copies that still may come */
    apr_pool_t *pool;
} ximss_composer_t;

/* The entity of a MIME or copyMIME element. */
const ximss_error_t *ximss_compose_part(ximss_entity_t **entity, ximss_composer_t *composer,
                                        const ximss_element_t *element);

/* The header of EMAIL, an EMail element, with MIME-Version and without the fields of its body. With TOP it is the mail that is
 * sent: TOP gets addresses and Message-ID, and a missing Date or Message-ID is made. */
const ximss_error_t *ximss_compose_head(ximss_out_t **head, ximss_composer_t *composer,
                                        const ximss_element_t *email, ximss_composed_t *top);

/* The entity of the mail EMAIL with its header; see ximss_compose_head. */
const ximss_error_t *ximss_compose_email(ximss_entity_t **entity, ximss_composer_t *composer,
                                         const ximss_element_t *email, ximss_composed_t *top);

/* A message as message/rfc822, never encoded (RFC 2046, 5.2.1). One that no transport takes as it is becomes
 * message/global in base64 (RFC 6532, 3.7), byte for byte. */
ximss_entity_t *ximss_compose_message(const char *data, apr_size_t length, apr_pool_t *pool);

/* A copy of the stored PART whose body, from part->body_offset on, is BODY. What is fit to be sent is sent as it
 * stands: signatures stay valid. */
ximss_entity_t *ximss_compose_copy(const ximss_part_t *part, const char *body, apr_pool_t *pool);

#endif
