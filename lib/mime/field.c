/* One raw header field decoded to what clients see. The text of an address field is put together from
 * its addresses, so that it need not be stored beside them. */
#include "mime/field.h"
#include "mime/buffer.h"
#include "mime/decode.h"
#include "mime/names.h"

#include <apr_strings.h>
#include <string.h>
#include <strings.h>

ximss_field_kind_t ximss_field_kind(const char *name)
{
    return ximss_name_kind(ximss_name_find(name, strlen(name)));
}

int ximss_field_is(const ximss_field_t *field, const char *name)
{
    return strcasecmp(field->name, name) == 0;
}

const ximss_field_t *ximss_fields_find(const apr_array_header_t *fields, const char *name)
{
    for (int i = 0; fields != NULL && i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        if (ximss_field_is(field, name)) {
            return field;
        }
    }
    return NULL;
}

static const char *priority_of(const ximss_field_t *field)
{
    switch (field->text[0]) {
    case '1':
    case '2':
        return "High";
    case '4':
    case '5':
        return "Low";
    default:
        break;
    }
    if (strncasecmp(field->text, "high", 4) == 0 || strncasecmp(field->text, "urgent", 6) == 0) {
        return "High";
    }
    return strncasecmp(field->text, "low", 3) == 0 ||
                   strncasecmp(field->text, "non-urgent", 10) == 0
               ? "Low"
               : NULL;
}

const char *ximss_fields_priority(const apr_array_header_t *fields)
{
    static const char *const names[] = {"X-Priority", "Importance", "Priority"};
    for (int i = 0; i < 3; i++) {
        const ximss_field_t *field = ximss_fields_find(fields, names[i]);
        if (field != NULL) {
            return priority_of(field);
        }
    }
    return NULL;
}

const char *ximss_addresses_text(const apr_array_header_t *addresses, apr_pool_t *pool)
{
    ximss_buffer_t out;
    ximss_buffer_init(&out, (apr_size_t)addresses->nelts * 48, pool);
    for (int i = 0; i < addresses->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(addresses, i, ximss_address_t);
        if (i > 0) {
            ximss_buffer_add(&out, ", ", 2);
        }
        if (address->name != NULL) {
            ximss_buffer_add(&out, address->name, strlen(address->name));
            ximss_buffer_add(&out, " <", 2);
        }
        ximss_buffer_add(&out, address->addr, strlen(address->addr));
        if (address->name != NULL) {
            ximss_buffer_put(&out, '>');
        }
    }
    return ximss_buffer_string(&out);
}

ximss_field_t *ximss_field_decode(const char *name, apr_size_t name_length, const char *value,
                                  apr_size_t value_length, const ximss_limits_t *limits,
                                  apr_pool_t *pool)
{
    ximss_field_t *field = apr_pcalloc(pool, sizeof(*field));
    int number = ximss_name_find(name, name_length);
    apr_size_t length;
    char *text = ximss_value_unfold(value, value_length, &length, pool);
    field->name =
        number > 0 ? ximss_name_spelling(number) : apr_pstrmemdup(pool, name, name_length);
    field->kind = ximss_name_kind(number);
    field->text = text;
    if (field->kind == XIMSS_FIELD_ADDRESS) {
        field->addresses = ximss_addresses_parse(text, length, limits->addresses, pool);
        if (field->addresses->nelts > 0) {
            field->text = ximss_addresses_text(field->addresses, pool);
            return field;
        }
    }
    else if (field->kind == XIMSS_FIELD_DATE) {
        field->date_valid = ximss_date_parse(text, length, &field->seconds, &field->shift);
    }
    if (!ximss_bytes_plain(text, length) || memmem(text, length, "=?", 2) != NULL) {
        field->text = ximss_words_decode(text, length, pool);
    }
    return field;
}
