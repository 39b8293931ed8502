/* The packed form of a part tree, which the store keeps and reading a message uses.
 *
 *   structure := version(1 byte) part
 *   part      := kind+4*encoding  flags  type  [params] [disposition params] [texts by flag]
 *                header-offset (less that of the part before)  body-offset (less header-offset)
 *                body-length  decoded-size (less body-length)  [fields]  child-count part*
 *   type      := number of a common one, or 0 and two texts
 *
 * Part ids are not kept: they follow from the tree. */
#include "mime/header.h"
#include "mime/packed.h"

#include "mime/structure.h"
#include <apr_strings.h>

#define VERSION   1
#define DEPTH_MAX 200

enum {
    HAS_PARAMS = 1,
    HAS_DISPOSITION = 2,
    HAS_ID = 4,
    HAS_DESCRIPTION = 8,
    HAS_LOCATION = 16,
    HAS_CLASS = 32,
    HAS_ERROR = 64,
    HAS_FIELDS = 128
};

/* The place in this table is what packed data hold: new types go to the end only. */
static const char *const types[][2] = {
    {"", ""},
    {"text", "plain"},
    {"text", "html"},
    {"multipart", "alternative"},
    {"multipart", "mixed"},
    {"multipart", "related"},
    {"multipart", "signed"},
    {"multipart", "report"},
    {"multipart", "digest"},
    {"message", "rfc822"},
    {"message", "delivery-status"},
    {"text", "calendar"},
    {"application", "octet-stream"},
    {"application", "pdf"},
    {"application", "pgp-signature"},
    {"application", "pkcs7-signature"},
    {"image", "jpeg"},
    {"image", "png"},
    {"image", "gif"},
    {"text", "rfc822-headers"},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static void pack_type(ximss_buffer_t *out, const ximss_part_t *part)
{
    for (apr_size_t i = 1; i < TYPES; i++) {
        if (strcmp(types[i][0], part->type) == 0 && strcmp(types[i][1], part->subtype) == 0) {
            ximss_pack_number(out, i);
            return;
        }
    }
    ximss_pack_number(out, 0);
    ximss_pack_text(out, part->type, strlen(part->type));
    ximss_pack_text(out, part->subtype, strlen(part->subtype));
}

static void unpack_type(ximss_unpacker_t *in, ximss_part_t *part)
{
    apr_uint64_t number = ximss_unpack_number(in);
    if (number > 0 && number < TYPES) {
        part->type = types[number][0];
        part->subtype = types[number][1];
        return;
    }
    in->bad |= number != 0;
    part->type = ximss_unpack_text(in);
    part->subtype = ximss_unpack_text(in);
}

static void pack_params(ximss_buffer_t *out, const apr_array_header_t *params)
{
    int count = params == NULL ? 0 : params->nelts;
    ximss_pack_number(out, (apr_uint64_t)count);
    for (int i = 0; i < count; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        ximss_pack_text(out, param->name, strlen(param->name));
        ximss_pack_text(out, param->value, strlen(param->value));
    }
}

static apr_array_header_t *unpack_params(ximss_unpacker_t *in, int present, apr_pool_t *pool)
{
    apr_uint64_t count = present ? ximss_unpack_number(in) : 0;
    apr_array_header_t *params;
    if (count > (apr_uint64_t)(in->end - in->at) / 4) {
        in->bad = 1;
        count = 0;
    }
    params = apr_array_make(pool, (int)count, sizeof(ximss_param_t));
    for (apr_uint64_t i = 0; i < count && !in->bad; i++) {
        ximss_param_t *param = apr_array_push(params);
        param->name = ximss_unpack_text(in);
        param->value = ximss_unpack_text(in);
    }
    return params;
}

static unsigned int flags_of(const ximss_part_t *part)
{
    unsigned int flags = 0;
    flags |= part->type_params != NULL && part->type_params->nelts > 0 ? HAS_PARAMS : 0;
    flags |= part->disposition != NULL ? HAS_DISPOSITION : 0;
    flags |= part->content_id != NULL ? HAS_ID : 0;
    flags |= part->description != NULL ? HAS_DESCRIPTION : 0;
    flags |= part->location != NULL ? HAS_LOCATION : 0;
    flags |= part->content_class != NULL ? HAS_CLASS : 0;
    flags |= part->parse_error != NULL ? HAS_ERROR : 0;
    flags |= part->fields != NULL ? HAS_FIELDS : 0;
    return flags;
}

static void pack_texts(ximss_buffer_t *out, const ximss_part_t *part)
{
    const char *texts[] = {part->content_id, part->description, part->location, part->content_class,
                           part->parse_error};
    for (int i = 0; i < 5; i++) {
        if (texts[i] != NULL) {
            ximss_pack_text(out, texts[i], strlen(texts[i]));
        }
    }
}

static const char *unpack_if(ximss_unpacker_t *in, unsigned int flags, unsigned int flag)
{
    return (flags & flag) != 0 ? ximss_unpack_text(in) : NULL;
}

static void pack_part(ximss_buffer_t *out, const ximss_part_t *part, apr_int64_t *before)
{
    unsigned int flags = flags_of(part);
    apr_uint64_t count = 0;
    ximss_pack_number(out, (apr_uint64_t)part->kind + 4 * (apr_uint64_t)part->encoding);
    ximss_pack_number(out, flags);
    pack_type(out, part);
    if ((flags & HAS_PARAMS) != 0) {
        pack_params(out, part->type_params);
    }
    if ((flags & HAS_DISPOSITION) != 0) {
        ximss_pack_text(out, part->disposition, strlen(part->disposition));
        pack_params(out, part->disposition_params);
    }
    pack_texts(out, part);
    ximss_pack_signed(out, part->header_offset - *before);
    *before = part->header_offset;
    ximss_pack_number(out, (apr_uint64_t)(part->body_offset - part->header_offset));
    ximss_pack_number(out, (apr_uint64_t)part->body_length);
    ximss_pack_signed(out, part->decoded_size - part->body_length);
    if ((flags & HAS_FIELDS) != 0) {
        ximss_fields_pack_into(out, part->fields);
    }
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        count++;
    }
    ximss_pack_number(out, count);
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        pack_part(out, child, before);
    }
}

void ximss_structure_pack(const ximss_part_t *part, const char **data, apr_size_t *length,
                          apr_pool_t *pool)
{
    ximss_buffer_t out;
    apr_int64_t before = 0;
    ximss_buffer_init(&out, 2048, pool);
    ximss_buffer_put(&out, VERSION);
    pack_part(&out, part, &before);
    *data = ximss_buffer_string(&out);
    *length = out.length;
}

typedef struct unpack_t {
    ximss_unpacker_t in;
    apr_int64_t before; /* header offset of the part before */
    apr_pool_t *pool;
} unpack_t;

static void unpack_offsets(unpack_t *unpack, ximss_part_t *part)
{
    const apr_int64_t most = (apr_int64_t)1 << 48;
    ximss_unpacker_t *in = &unpack->in;
    apr_int64_t delta = ximss_unpack_signed(in);
    apr_uint64_t header = ximss_unpack_number(in);
    apr_uint64_t body = ximss_unpack_number(in);
    apr_int64_t grown = ximss_unpack_signed(in);
    if (delta > most || delta < -most || header > (apr_uint64_t)most || body > (apr_uint64_t)most ||
        grown > most || grown < -most) {
        in->bad = 1;
        return;
    }
    part->header_offset = unpack->before + delta;
    part->body_offset = part->header_offset + (apr_int64_t)header;
    part->body_length = (apr_int64_t)body;
    part->decoded_size = part->body_length + grown;
    unpack->before = part->header_offset;
    in->bad |= part->header_offset < 0 || part->header_offset > most || part->decoded_size < 0;
}

static void unpack_properties(unpack_t *unpack, ximss_part_t *part)
{
    ximss_unpacker_t *in = &unpack->in;
    apr_uint64_t kind = ximss_unpack_number(in);
    unsigned int flags = (unsigned int)(ximss_unpack_number(in) & 0xFF);
    in->bad |= kind > 15;
    part->kind = (ximss_part_kind_t)(kind & 3);
    part->encoding = (ximss_encoding_t)((kind >> 2) & 3);
    unpack_type(in, part);
    part->type_params = unpack_params(in, (flags & HAS_PARAMS) != 0, unpack->pool);
    part->disposition = unpack_if(in, flags, HAS_DISPOSITION);
    part->disposition_params = unpack_params(in, part->disposition != NULL, unpack->pool);
    part->content_id = unpack_if(in, flags, HAS_ID);
    part->description = unpack_if(in, flags, HAS_DESCRIPTION);
    part->location = unpack_if(in, flags, HAS_LOCATION);
    part->content_class = unpack_if(in, flags, HAS_CLASS);
    part->parse_error = unpack_if(in, flags, HAS_ERROR);
    unpack_offsets(unpack, part);
    if ((flags & HAS_FIELDS) != 0 && !in->bad) {
        part->fields = ximss_fields_unpack_from(in, NULL, unpack->pool);
    }
}

/* Depth is checked, so the recursion is bounded whatever the bytes are; each part takes bytes, so their
 * number is too. */
static ximss_part_t *unpack_part(unpack_t *unpack, int depth)
{
    ximss_part_t *part = apr_pcalloc(unpack->pool, sizeof(*part));
    ximss_part_t **tail = &part->children;
    apr_uint64_t count;
    unpack_properties(unpack, part);
    count = ximss_unpack_number(&unpack->in);
    unpack->in.bad |= depth > DEPTH_MAX;
    for (apr_uint64_t i = 0; i < count && !unpack->in.bad; i++) {
        *tail = unpack_part(unpack, depth + 1);
        tail = &(*tail)->next;
    }
    return part;
}

const ximss_error_t *ximss_structure_unpack(ximss_part_t **part, const char *data,
                                            apr_size_t length, apr_pool_t *pool)
{
    unpack_t unpack = {.pool = pool};
    if (length == 0 || data[0] != VERSION) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "structure: unknown version");
    }
    unpack.in.at = (const char *)apr_pmemdup(pool, data, length) + 1;
    unpack.in.end = unpack.in.at + length - 1;
    *part = unpack_part(&unpack, 0);
    if (unpack.in.bad || unpack.in.at != unpack.in.end) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "structure: damaged bytes");
    }
    ximss_parts_number(*part, pool);
    return NULL;
}
