/* Copies of stored messages and parts. What they hold was written by strangers: their headers are written anew, and
 * their bodies go out as they stand only where no transport can trip over them. */
#include "mime/compose_part.h"
#include "mime/content.h"
#include "mime/decode.h"

#include <apr_strings.h>
#include <string.h>

#define BOUNDARY_MAX   70 /* RFC 2046, 5.1.1 */
#define TYPE_TOKEN_MAX 70

ximss_entity_t *ximss_compose_message(const char *data, apr_size_t length, apr_pool_t *pool)
{
    ximss_entity_t *entity = ximss_entity_make("message", "rfc822", pool);
    if (!ximss_entity_raw(entity, data, length, pool)) {
        entity->about.subtype = "global";
        ximss_entity_bytes(entity, data, length, pool);
    }
    return entity;
}

/* An entity that says about itself what PART does. */
static ximss_entity_t *describe(const ximss_part_t *part, apr_pool_t *pool)
{
    ximss_entity_t *entity = ximss_entity_make(part->type, part->subtype, pool);
    entity->about = *part;
    entity->about.next = entity->about.children = NULL;
    if (!ximss_token_ok(part->type, TYPE_TOKEN_MAX) ||
        !ximss_token_ok(part->subtype, TYPE_TOKEN_MAX)) {
        entity->about.type = "application";
        entity->about.subtype = "octet-stream";
    }
    return entity;
}

static const char *decode(const ximss_part_t *part, const char *body, apr_size_t *length,
                          apr_pool_t *pool)
{
    ximss_decoder_t decoder;
    char *decoded;
    if (part->encoding == XIMSS_ENCODING_NONE) {
        return body;
    }
    decoded = apr_palloc(pool, ximss_decoder_bound(*length) + 1);
    ximss_decoder_init(&decoder, part->encoding);
    *length = ximss_decoder_run(&decoder, body, *length, 1, decoded);
    return decoded;
}

static int is_message(const ximss_part_t *part)
{
    return strcmp(part->type, "message") == 0 &&
           (strcmp(part->subtype, "rfc822") == 0 || strcmp(part->subtype, "global") == 0 ||
            strcmp(part->subtype, "news") == 0);
}

/* The message in PART, which may be encoded although it must not. */
static ximss_entity_t *copy_message(const ximss_part_t *part, const char *body, apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)part->body_length;
    const char *data = decode(part, body, &length, pool);
    ximss_entity_t *message = ximss_compose_message(data, length, pool);
    ximss_entity_t *entity = describe(part, pool);
    entity->about.subtype = message->about.subtype;
    entity->encoding = message->encoding;
    entity->body = message->body;
    entity->length = message->length;
    entity->eight_bit = message->eight_bit;
    return entity;
}

static ximss_entity_t *copy_leaf(const ximss_part_t *part, const char *body, apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)part->body_length;
    ximss_entity_t *entity = describe(part, pool);
    const char *data;
    if (part->encoding != XIMSS_ENCODING_UU && ximss_entity_raw(entity, body, length, pool) &&
        !entity->eight_bit) {
        entity->encoding = part->encoding == XIMSS_ENCODING_BASE64   ? "base64"
                           : part->encoding == XIMSS_ENCODING_QUOTED ? "quoted-printable"
                                                                     : NULL;
        return entity;
    }
    entity->eight_bit = 0;
    data = decode(part, body, &length, pool);
    ximss_entity_bytes(entity, data, length, pool);
    if (strcmp(entity->about.type, "message") == 0) {
        entity->about.type = "application"; /* message types are never encoded */
        entity->about.subtype = "octet-stream";
    }
    return entity;
}

/* Whether our header writer gives BOUNDARY back as it is. */
static int is_boundary(const char *boundary)
{
    apr_size_t length = boundary == NULL ? 0 : strlen(boundary);
    return length > 0 && length <= BOUNDARY_MAX && ximss_bytes_plain(boundary, length) &&
           strstr(boundary, "=?") == NULL && boundary[0] != ' ' && boundary[length - 1] != ' ';
}

static ximss_entity_t *copy_multipart(const ximss_part_t *part, const char *body, apr_pool_t *pool)
{
    ximss_entity_t *entity = describe(part, pool);
    const ximss_part_t *child;
    if (is_boundary(ximss_param_get(part->type_params, "boundary")) &&
        ximss_entity_raw(entity, body, (apr_size_t)part->body_length, pool)) {
        return entity;
    }
    entity->about.type_params =
        apr_array_make(pool, part->type_params->nelts + 1, sizeof(ximss_param_t));
    for (int i = 0; i < part->type_params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(part->type_params, i, ximss_param_t);
        if (strcmp(param->name, "boundary") != 0) {
            APR_ARRAY_PUSH(entity->about.type_params, ximss_param_t) = *param;
        }
    }
    for (child = part->children; child != NULL; child = child->next) {
        const char *child_body = body + (child->body_offset - part->body_offset);
        ximss_entity_add(entity, ximss_compose_copy(child, child_body, pool));
    }
    return entity;
}

ximss_entity_t *ximss_compose_copy(const ximss_part_t *part, const char *body, apr_pool_t *pool)
{
    if (part->kind == XIMSS_PART_MULTIPART) {
        return copy_multipart(part, body, pool);
    }
    return is_message(part) ? copy_message(part, body, pool) : copy_leaf(part, body, pool);
}
