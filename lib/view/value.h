/* What a viewer, sort or filter field stands for, and its value in a row (protocol text, Mailbox
 * Operations). */
#ifndef XIMSS_VIEW_VALUE_H
#define XIMSS_VIEW_VALUE_H

#include "mime/structure.h"
#include "store/store.h"

typedef enum ximss_value_kind_t {
    XIMSS_VALUE_UID,
    XIMSS_VALUE_SIZE,
    XIMSS_VALUE_INTERNALDATE,
    XIMSS_VALUE_FLAGS,
    XIMSS_VALUE_PRIORITY, /* Pty: from X-Priority and its like */
    XIMSS_VALUE_HEADER
} ximss_value_kind_t;

typedef struct ximss_value_t {
    ximss_value_kind_t kind;
    const char *name;   /* as the client spelled it */
    const char *header; /* the header field it is read from, NULL for the row's own data */
    ximss_field_kind_t field_kind;
    int address_only; /* an "E-" field */
    int cached;       /* the row holds the field: no need for the structure */
} ximss_value_t;

/* Says what NAME, letter case ignored, stands for. VALUE keeps NAME. */
void ximss_value_parse(ximss_value_t *value, const char *name);

/* A row whose values are looked at; set the first three and zero the rest. */
typedef struct ximss_row_t {
    ximss_account_t *account;
    const ximss_message_t *message;
    apr_pool_t *pool;
    apr_array_header_t *cached; /* of the row, when it was unpacked whole */
    ximss_part_t *top;          /* when the structure was read */
} ximss_row_t;

/* The structure of the row's message, read once. */
const ximss_error_t *ximss_row_structure(ximss_row_t *row, const ximss_part_t **top);

/* The header fields that hold VALUE and possibly others (use ximss_fields_find): from the row, or from
 * the structure. */
const ximss_error_t *ximss_row_fields(ximss_row_t *row, const ximss_value_t *value,
                                      const apr_array_header_t **fields);

/* The first header field of VALUE, NULL when the message has none. */
const ximss_error_t *ximss_row_field(ximss_row_t *row, const ximss_value_t *value,
                                     const ximss_field_t **field);

/* Flags of a row with Recent: it came after RECENT_SINCE. */
ximss_flags_t ximss_row_flags(const ximss_message_t *message, apr_int64_t recent_since);

/* The value as text, for filters and sorting; never NULL. In ROW's pool. */
const ximss_error_t *ximss_row_text(ximss_row_t *row, const ximss_value_t *value,
                                    apr_int64_t recent_since, const char **text);

/* ERROR, made in the scratch pool of a row, as a copy in POOL that outlives the walk. */
const ximss_error_t *ximss_row_error(const ximss_error_t *error, apr_pool_t *pool);

#endif
