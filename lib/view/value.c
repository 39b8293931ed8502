/* Names of fields, and their values in rows: from the row's cached header fields where they are, else from
 * the stored structure. Mail is never parsed here. */
#include "view/value.h"

#include "base/time.h"
#include "mime/digest.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

static const struct {
    const char *name;
    ximss_value_kind_t kind;
    const char *header;
} special[] = {
    {"UID", XIMSS_VALUE_UID, NULL},
    {"SIZE", XIMSS_VALUE_SIZE, NULL},
    {"INTERNALDATE", XIMSS_VALUE_INTERNALDATE, NULL},
    {"FLAGS", XIMSS_VALUE_FLAGS, NULL},
    {"Pty", XIMSS_VALUE_PRIORITY, "X-Priority"},
};

/* "E-From" and the like; "E-Mail" is a header field of that name. */
static int is_address_only(const char *name)
{
    return apr_cstr_casecmpn(name, "E-", 2) == 0 &&
           ximss_field_kind(name + 2) == XIMSS_FIELD_ADDRESS;
}

void ximss_value_parse(ximss_value_t *value, const char *name)
{
    apr_size_t i;
    memset(value, 0, sizeof(*value));
    value->name = name;
    value->kind = XIMSS_VALUE_HEADER;
    value->header = name;
    for (i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (apr_cstr_casecmp(name, special[i].name) == 0) {
            value->kind = special[i].kind;
            value->header = special[i].header;
        }
    }
    if (value->header == NULL) {
        return;
    }
    if (is_address_only(name)) {
        value->address_only = 1;
        value->header = name + 2;
    }
    value->field_kind = ximss_field_kind(value->header);
    value->cached = ximss_digest_has_field(value->header);
    if (value->kind == XIMSS_VALUE_PRIORITY) {
        value->cached = value->cached && ximss_digest_has_field("Importance") &&
                        ximss_digest_has_field("Priority");
    }
}

const ximss_error_t *ximss_row_structure(ximss_row_t *row, const ximss_part_t **top)
{
    if (row->top == NULL) {
        const char *packed;
        apr_size_t length;
        XIMSS_TRY(
            ximss_blob_structure(row->account, row->message->blob, &packed, &length, row->pool));
        XIMSS_TRY(ximss_structure_unpack(&row->top, packed, length, row->pool));
    }
    *top = row->top;
    return NULL;
}

const ximss_error_t *ximss_row_fields(ximss_row_t *row, const ximss_value_t *value,
                                      const apr_array_header_t **fields)
{
    const ximss_message_t *message = row->message;
    if (!value->cached) {
        const ximss_part_t *top;
        XIMSS_TRY(ximss_row_structure(row, &top));
        *fields = top->fields;
    }
    else if (row->cached != NULL) {
        *fields = row->cached;
    }
    else {
        *fields =
            ximss_fields_unpack(message->fields, message->fields_length, value->header, row->pool);
    }
    return NULL;
}

const ximss_error_t *ximss_row_field(ximss_row_t *row, const ximss_value_t *value,
                                     const ximss_field_t **field)
{
    const apr_array_header_t *fields;
    XIMSS_TRY(ximss_row_fields(row, value, &fields));
    *field = ximss_fields_find(fields, value->header);
    return NULL;
}

ximss_flags_t ximss_row_flags(const ximss_message_t *message, apr_int64_t recent_since)
{
    ximss_flags_t flags = message->flags;
    if (message->stored > recent_since) {
        flags.bits |= XIMSS_FLAG_RECENT;
    }
    return flags;
}

/* All fields are looked at: what X-Priority does not say, others may. */
static const ximss_error_t *priority_text(ximss_row_t *row, const ximss_value_t *value,
                                          const char **text)
{
    const ximss_message_t *message = row->message;
    const apr_array_header_t *fields;
    const char *priority;
    if (value->cached && row->cached == NULL) {
        row->cached = ximss_fields_unpack(message->fields, message->fields_length, NULL, row->pool);
    }
    XIMSS_TRY(ximss_row_fields(row, value, &fields));
    priority = ximss_fields_priority(fields);
    *text = priority != NULL ? priority : "";
    return NULL;
}

const ximss_error_t *ximss_row_text(ximss_row_t *row, const ximss_value_t *value,
                                    apr_int64_t recent_since, const char **text)
{
    const ximss_message_t *message = row->message;
    const ximss_field_t *field;
    ximss_flags_t flags;
    switch (value->kind) {
    case XIMSS_VALUE_UID:
        *text = apr_psprintf(row->pool, "%u", message->uid);
        return NULL;
    case XIMSS_VALUE_SIZE:
        *text = apr_psprintf(row->pool, "%" APR_INT64_T_FMT, message->size);
        return NULL;
    case XIMSS_VALUE_INTERNALDATE:
        *text = ximss_time_gmt_z(message->internal_date, row->pool);
        return NULL;
    case XIMSS_VALUE_FLAGS:
        flags = ximss_row_flags(message, recent_since);
        *text = ximss_flags_format(&flags, row->pool);
        return NULL;
    case XIMSS_VALUE_PRIORITY:
        return priority_text(row, value, text);
    default:
        XIMSS_TRY(ximss_row_field(row, value, &field));
        *text = ximss_field_value(field, value->address_only, row->pool);
        return NULL;
    }
}

const ximss_error_t *ximss_row_error(const ximss_error_t *error, apr_pool_t *pool)
{
    ximss_error_t *copy;
    if (error == NULL) {
        return NULL;
    }
    copy = apr_pmemdup(pool, error, sizeof(*copy));
    copy->text = apr_pstrdup(pool, error->text);
    copy->detail = error->detail != NULL ? apr_pstrdup(pool, error->detail) : NULL;
    copy->cause = ximss_row_error(error->cause, pool);
    return copy;
}
