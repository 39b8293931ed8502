/* Header fields: the first line of the input is the name, the rest the value. The texts must be clean, and
 * packing must keep them. The input is also taken for packed bytes, parameters and flags. */
#include "base/text.h"
#include "mime/decode.h"
#include "mime/digest.h"
#include "mime/flags.h"
#include "mime/structure.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static void check_text(const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    if (ximss_text_clean(text, &length, pool) != text) {
        fprintf(stderr, "not clean: %s\n", text);
        abort();
    }
    if (strpbrk(text, "\r\n") != NULL) {
        fprintf(stderr, "more than one line: %s\n", text);
        abort();
    }
}

static void check_field(const ximss_field_t *field, apr_pool_t *pool)
{
    check_text(field->text, pool);
    for (int i = 0; field->addresses != NULL && i < field->addresses->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(field->addresses, i, ximss_address_t);
        check_text(address->addr, pool);
        check_text(address->name == NULL ? "" : address->name, pool);
    }
    check_text(ximss_field_value(field, 1, pool), pool);
    ximss_sort_key(ximss_field_value(field, 0, pool), pool);
}

static void check_packing(const ximss_field_t *field, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 1, sizeof(ximss_field_t *));
    const ximss_field_t *again;
    const char *packed;
    apr_size_t length;
    APR_ARRAY_PUSH(fields, const ximss_field_t *) = field;
    ximss_fields_pack(fields, &packed, &length, pool);
    fields = ximss_fields_unpack(packed, length, field->name, pool);
    again = fields->nelts == 1 ? APR_ARRAY_IDX(fields, 0, const ximss_field_t *) : NULL;
    if (again == NULL || strcmp(again->text, field->text) != 0 || again->kind != field->kind ||
        again->seconds != field->seconds || again->shift != field->shift) {
        fprintf(stderr, "packing changes %s: %s\n", field->name, field->text);
        abort();
    }
}

static void check(const char *data, apr_size_t size, apr_pool_t *pool)
{
    const char *end = memchr(data, '\n', size);
    apr_size_t name = end == NULL ? 0 : (apr_size_t)(end - data);
    apr_size_t skip = end == NULL ? 0 : name + 1;
    ximss_flag_change_t change;
    const ximss_field_t *field =
        ximss_field_decode(data, name, data + skip, size - skip, &limits, pool);
    const apr_array_header_t *params;
    apr_size_t length;
    const char *text = ximss_value_unfold(data, size, &length, pool);
    check_field(field, pool);
    check_packing(field, pool);
    params = ximss_params_parse(text, length, pool);
    for (int i = 0; i < params->nelts; i++) {
        check_text(APR_ARRAY_IDX(params, i, ximss_param_t).value, pool);
    }
    ximss_fields_unpack(data, size, NULL, pool);
    ximss_fields_unpack(data, size, "From", pool);
    ximss_flags_parse(&change, apr_pstrmemdup(pool, data, size), 1, pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    apr_pool_t *pool;
    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    apr_pool_create(&pool, NULL);
    check((const char *)data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
