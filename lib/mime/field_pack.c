/* The packed form of decoded fields.
 *
 *   fields := version(1 byte) list;  list := count field*
 *   field  := size(of what follows) name kind payload
 *   name   := number of names.c, or 0 and a text
 *   payload: text: text; address: count (optional-name text-address)*, and a text if count is 0;
 *            date: valid seconds shift text
 *
 * Numbers are varints; texts have their length in front and a NUL behind. */
#include "mime/field.h"
#include "mime/names.h"
#include "mime/packed.h"

#include <apr_strings.h>
#include <strings.h>

#define VERSION 1

static void pack_payload(ximss_buffer_t *out, const ximss_field_t *field)
{
    const apr_array_header_t *addresses = field->addresses;
    int count = addresses == NULL ? 0 : addresses->nelts;
    if (field->kind == XIMSS_FIELD_ADDRESS) {
        ximss_pack_number(out, (apr_uint64_t)count);
        for (int i = 0; i < count; i++) {
            const ximss_address_t *address = &APR_ARRAY_IDX(addresses, i, ximss_address_t);
            ximss_pack_optional(out, address->name);
            ximss_pack_text(out, address->addr, strlen(address->addr));
        }
        if (count > 0) {
            return;
        }
    }
    else if (field->kind == XIMSS_FIELD_DATE) {
        ximss_pack_number(out, field->date_valid ? 1 : 0);
        ximss_pack_signed(out, field->seconds);
        ximss_pack_signed(out, field->shift);
    }
    ximss_pack_text(out, field->text, strlen(field->text));
}

static void pack_field(ximss_buffer_t *out, ximss_buffer_t *scratch, const ximss_field_t *field)
{
    apr_size_t name_length = strlen(field->name);
    int number = ximss_name_find(field->name, name_length);
    scratch->length = 0;
    ximss_pack_number(scratch, (apr_uint64_t)number);
    if (number == 0) {
        ximss_pack_text(scratch, field->name, name_length);
    }
    ximss_pack_number(scratch, field->kind);
    pack_payload(scratch, field);
    ximss_pack_number(out, scratch->length);
    ximss_buffer_add(out, scratch->data, scratch->length);
}

void ximss_fields_pack_into(ximss_buffer_t *out, const apr_array_header_t *fields)
{
    ximss_buffer_t scratch;
    ximss_buffer_init(&scratch, 256, out->pool);
    ximss_pack_number(out, (apr_uint64_t)fields->nelts);
    for (int i = 0; i < fields->nelts; i++) {
        pack_field(out, &scratch, APR_ARRAY_IDX(fields, i, const ximss_field_t *));
    }
}

void ximss_fields_pack(const apr_array_header_t *fields, const char **data, apr_size_t *length,
                       apr_pool_t *pool)
{
    ximss_buffer_t out;
    ximss_buffer_init(&out, 512, pool);
    ximss_buffer_put(&out, VERSION);
    ximss_fields_pack_into(&out, fields);
    *data = ximss_buffer_string(&out);
    *length = out.length;
}

static void unpack_addresses(ximss_unpacker_t *in, ximss_field_t *field, apr_pool_t *pool)
{
    apr_uint64_t count = ximss_unpack_number(in);
    /* An address takes three bytes at least: a damaged count cannot ask for more memory than that. */
    if (count > (apr_uint64_t)(in->end - in->at) / 3) {
        in->bad = 1;
        count = 0;
    }
    field->addresses = apr_array_make(pool, (int)count + 1, sizeof(ximss_address_t));
    for (apr_uint64_t i = 0; i < count && !in->bad; i++) {
        ximss_address_t *address = apr_array_push(field->addresses);
        address->name = ximss_unpack_optional(in);
        address->addr = ximss_unpack_text(in);
    }
    field->text = count > 0 ? ximss_addresses_text(field->addresses, pool) : ximss_unpack_text(in);
}

/* Reads one field; NULL when NAME is given and is another, or when the bytes are damaged. */
static ximss_field_t *unpack_field(ximss_unpacker_t *in, const char *name, int wanted,
                                   apr_pool_t *pool)
{
    apr_uint64_t number = ximss_unpack_number(in);
    const char *spelling = number == 0 ? ximss_unpack_text(in)
                                       : ximss_name_spelling(number > 0xFFFF ? -1 : (int)number);
    ximss_field_t *field;
    if (spelling == NULL || in->bad) {
        in->bad = 1;
        return NULL;
    }
    if (name != NULL && (wanted != (int)number || strcasecmp(spelling, name) != 0)) {
        return NULL;
    }
    field = apr_pcalloc(pool, sizeof(*field));
    field->name = spelling;
    if (name != NULL) {
        apr_size_t left = (apr_size_t)(in->end - in->at);
        field->name = number == 0 ? apr_pstrdup(pool, spelling) : spelling;
        in->at = apr_pmemdup(pool, in->at, left);
        in->end = in->at + left;
    }
    switch (ximss_unpack_number(in)) {
    case XIMSS_FIELD_TEXT:
        field->text = ximss_unpack_text(in);
        break;
    case XIMSS_FIELD_ADDRESS:
        field->kind = XIMSS_FIELD_ADDRESS;
        unpack_addresses(in, field, pool);
        break;
    case XIMSS_FIELD_DATE:
        field->kind = XIMSS_FIELD_DATE;
        field->date_valid = ximss_unpack_number(in) == 1;
        field->seconds = ximss_unpack_signed(in);
        field->shift = (int)ximss_unpack_signed(in);
        field->text = ximss_unpack_text(in);
        break;
    default:
        in->bad = 1;
        break;
    }
    return in->bad ? NULL : field;
}

apr_array_header_t *ximss_fields_unpack_from(ximss_unpacker_t *in, const char *name,
                                             apr_pool_t *pool)
{
    apr_uint64_t count = ximss_unpack_number(in);
    int wanted = name == NULL ? 0 : ximss_name_find(name, strlen(name));
    apr_array_header_t *fields;
    if (count > (apr_uint64_t)(in->end - in->at)) {
        in->bad = 1;
        count = 0;
    }
    fields = apr_array_make(pool, name == NULL ? (int)count + 1 : 1, sizeof(ximss_field_t *));
    for (apr_uint64_t i = 0; i < count && !in->bad; i++) {
        apr_uint64_t size = ximss_unpack_number(in);
        ximss_unpacker_t inner = {in->at, in->at, 0};
        ximss_field_t *field;
        if (in->bad || size > (apr_uint64_t)(in->end - in->at)) {
            in->bad = 1;
            break;
        }
        inner.end += size;
        field = unpack_field(&inner, name, wanted, pool);
        in->bad |= inner.bad;
        in->at += size;
        if (field != NULL) {
            APR_ARRAY_PUSH(fields, ximss_field_t *) = field;
        }
    }
    return fields;
}

apr_array_header_t *ximss_fields_unpack(const char *data, apr_size_t length, const char *name,
                                        apr_pool_t *pool)
{
    ximss_unpacker_t in = {data, data + length, 0};
    if (length == 0 || data[0] != VERSION) {
        return apr_array_make(pool, 1, sizeof(ximss_field_t *));
    }
    if (name == NULL) {
        in.at = apr_pmemdup(pool, data, length);
        in.end = in.at + length;
        in.at++;
        return ximss_fields_unpack_from(&in, NULL, pool);
    }
    in.at++;
    return ximss_fields_unpack_from(&in, name, pool);
}
