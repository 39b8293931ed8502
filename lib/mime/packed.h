/* Reading and writing packed bytes: varints, and texts with a NUL behind them. Readers never leave the
 * bytes they were given; a damaged one sets "bad" and yields zeros. Internal to lib/mime. */
#ifndef XIMSS_MIME_PACKED_H
#define XIMSS_MIME_PACKED_H

#include "mime/buffer.h"

#include <apr_tables.h>

typedef struct ximss_unpacker_t {
    const char *at;
    const char *end;
    int bad;
} ximss_unpacker_t;

static inline void ximss_pack_number(ximss_buffer_t *out, apr_uint64_t value)
{
    ximss_buffer_reserve(out, 10);
    while (value >= 0x80) {
        out->data[out->length++] = (char)(value | 0x80);
        value >>= 7;
    }
    out->data[out->length++] = (char)value;
}

/* Small negative numbers stay short (zigzag). */
static inline void ximss_pack_signed(ximss_buffer_t *out, apr_int64_t value)
{
    ximss_pack_number(out, ((apr_uint64_t)value << 1) ^ (apr_uint64_t)(value >> 63));
}

static inline void ximss_pack_text(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    ximss_pack_number(out, length);
    ximss_buffer_add(out, text, length);
    ximss_buffer_put(out, '\0');
}

/* A text that may be NULL. */
static inline void ximss_pack_optional(ximss_buffer_t *out, const char *text)
{
    if (text == NULL) {
        ximss_pack_number(out, 0);
        return;
    }
    ximss_pack_number(out, 1);
    ximss_pack_text(out, text, strlen(text));
}

static inline apr_uint64_t ximss_unpack_number(ximss_unpacker_t *in)
{
    apr_uint64_t value = 0;
    for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char byte = (unsigned char)*in->at++;
        value |= (apr_uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    in->bad = 1;
    return 0;
}

static inline apr_int64_t ximss_unpack_signed(ximss_unpacker_t *in)
{
    apr_uint64_t value = ximss_unpack_number(in);
    return (apr_int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

/* A text where it lies in the bytes; "" when damaged. */
static inline const char *ximss_unpack_text(ximss_unpacker_t *in)
{
    apr_uint64_t length = ximss_unpack_number(in);
    const char *text = in->at;
    if (in->bad || length >= (apr_uint64_t)(in->end - in->at) || text[length] != '\0') {
        in->bad = 1;
        return "";
    }
    in->at += length + 1;
    return text;
}

static inline const char *ximss_unpack_optional(ximss_unpacker_t *in)
{
    return ximss_unpack_number(in) == 1 ? ximss_unpack_text(in) : NULL;
}

/* Adds one packed field per element of FIELDS (ximss_field_t *) behind their number. */
void ximss_fields_pack_into(ximss_buffer_t *out, const apr_array_header_t *fields);

/* Reads what ximss_fields_pack_into wrote, with texts that point into the bytes; with NAME
 * (see ximss_fields_unpack) the texts are copies. */
apr_array_header_t *ximss_fields_unpack_from(ximss_unpacker_t *in, const char *name,
                                             apr_pool_t *pool);

#endif
