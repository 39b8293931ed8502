/* Evaluates filters: flags and cached header fields from the row, other fields from the structure, text
 * parts from the mail itself. Everything is compared as case-folded substrings of decoded text. */
#include "view/filter.h"

#include "base/text.h"
#include "mime/content.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

/* Raw bytes of a text part that are decoded and searched at once. */
#define PIECE (1024 * 1024)

typedef enum ximss_filter_kind_t {
    XIMSS_FILTER_FLAGS,
    XIMSS_FILTER_FIELD,
    XIMSS_FILTER_BODY,
    XIMSS_FILTER_ANY
} ximss_filter_kind_t;

struct ximss_filter_t {
    ximss_filter_kind_t kind;
    const char *needle; /* folded */
    apr_size_t needle_length;
    ximss_value_t value;
    ximss_value_t uncached; /* the same, read from the structure */
    ximss_flag_change_t flags;
    const ximss_view_env_t *env;
};

const ximss_error_t *ximss_filter_make(ximss_filter_t **filter, const ximss_view_spec_t *spec,
                                       const ximss_view_env_t *env, apr_pool_t *pool)
{
    ximss_filter_t *made = apr_pcalloc(pool, sizeof(*made));
    made->env = env;
    made->needle = ximss_text_fold(spec->filter, strlen(spec->filter), &made->needle_length, pool);
    if (spec->filter_field == NULL || spec->filter_field[0] == '\0') {
        made->kind = XIMSS_FILTER_ANY;
    }
    else if (apr_cstr_casecmp(spec->filter_field, "FLAGS") == 0) {
        made->kind = XIMSS_FILTER_FLAGS;
        XIMSS_TRY(ximss_flags_parse(&made->flags, spec->filter, 1, pool));
    }
    else if (apr_cstr_casecmp(spec->filter_field, "body") == 0) {
        made->kind = XIMSS_FILTER_BODY;
    }
    else {
        made->kind = XIMSS_FILTER_FIELD;
        ximss_value_parse(&made->value, spec->filter_field);
        made->uncached = made->value;
        made->uncached.cached = 0;
    }
    *filter = made;
    return NULL;
}

int ximss_filter_by_flags(const ximss_filter_t *filter)
{
    return filter->kind == XIMSS_FILTER_FLAGS;
}

static int contains(const ximss_filter_t *filter, const char *text)
{
    return text != NULL &&
           ximss_text_contains_folded(text, strlen(text), filter->needle, filter->needle_length);
}

/* ---- header fields ---- */

static int address_matches(const ximss_filter_t *filter, const ximss_field_t *field)
{
    int i;
    for (i = 0; field->addresses != NULL && i < field->addresses->nelts; i++) {
        if (contains(filter, APR_ARRAY_IDX(field->addresses, i, ximss_address_t).addr)) {
            return 1;
        }
    }
    return 0;
}

/* The text of an address field holds names and addresses; dates are searched in both spellings. */
static int field_matches(const ximss_filter_t *filter, const ximss_field_t *field, int address_only,
                         apr_pool_t *pool)
{
    if (filter->needle_length == 0) {
        return 1;
    }
    if (address_only) {
        return address_matches(filter, field);
    }
    return contains(filter, field->text) ||
           (field->kind == XIMSS_FIELD_DATE && contains(filter, ximss_field_value(field, 0, pool)));
}

/* Whether one of FIELDS passes; NAME NULL: of any name. */
static int fields_match(const ximss_filter_t *filter, const apr_array_header_t *fields,
                        const char *name, apr_pool_t *pool)
{
    int i;
    for (i = 0; fields != NULL && i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        if ((name == NULL || ximss_field_is(field, name)) &&
            field_matches(filter, field, name != NULL && filter->value.address_only, pool)) {
            return 1;
        }
    }
    return 0;
}

static const ximss_error_t *match_field(const ximss_filter_t *filter, ximss_row_t *row,
                                        int *matches)
{
    const ximss_value_t *value = &filter->value;
    const apr_array_header_t *fields;
    if (value->kind != XIMSS_VALUE_HEADER) {
        const char *text;
        XIMSS_TRY(ximss_row_text(row, value, filter->env->recent_since, &text));
        *matches = *text != '\0' && contains(filter, text);
        return NULL;
    }
    XIMSS_TRY(ximss_row_fields(row, value, &fields));
    *matches = fields_match(filter, fields, value->header, row->pool);
    /* The cache cuts long fields: only then the whole field has to be looked at. */
    if (!*matches && value->cached &&
        row->message->fields_length > filter->env->limits->viewer_bytes / 2 &&
        ximss_fields_find(fields, value->header) != NULL) {
        XIMSS_TRY(ximss_row_fields(row, &filter->uncached, &fields));
        *matches = fields_match(filter, fields, value->header, row->pool);
    }
    return NULL;
}

/* ---- bodies ---- */

/* A text part on its way through the decoder. */
typedef struct ximss_search_t {
    const ximss_filter_t *filter;
    const char *charset;
    char *bytes; /* decoded, not searched yet */
    apr_size_t held;
    char *tail; /* end of the text searched before: a match may begin there */
    apr_size_t tail_length;
    apr_size_t tail_max;
} ximss_search_t;

/* How many of the held bytes may be converted alone: to the last line end, where charsets with shift
 * states start anew; a piece without any is cut where it ends. */
static apr_size_t convertible(const ximss_search_t *search, int last)
{
    const char *end = last ? NULL : memrchr(search->bytes, '\n', search->held);
    return end != NULL ? (apr_size_t)(end + 1 - search->bytes) : search->held;
}

/* Converts and searches what can be, keeps the rest. Returns whether the needle is there. */
static int search_piece(ximss_search_t *search, int last, apr_pool_t *pool)
{
    apr_size_t ready = convertible(search, last);
    apr_size_t text_length;
    apr_size_t all_length;
    apr_size_t keep;
    char *all;
    const char *text =
        ximss_charset_to_utf8(search->charset, search->bytes, ready, &text_length, pool);
    all_length = search->tail_length + text_length;
    all = apr_palloc(pool, all_length + 1);
    memcpy(all, search->tail, search->tail_length);
    memcpy(all + search->tail_length, text, text_length);
    memmove(search->bytes, search->bytes + ready, search->held - ready);
    search->held -= ready;
    if (ximss_text_contains_folded(all, all_length, search->filter->needle,
                                   search->filter->needle_length)) {
        return 1;
    }
    keep = all_length < search->tail_max ? all_length : search->tail_max;
    while (keep > 0 && (all[all_length - keep] & 0xc0) == 0x80) {
        keep--; /* not in the middle of a character */
    }
    memcpy(search->tail, all + all_length - keep, keep);
    search->tail_length = keep;
    return 0;
}

static const ximss_error_t *match_text_part(const ximss_filter_t *filter, ximss_row_t *row,
                                            const ximss_part_t *part, int *matches)
{
    ximss_search_t search = {.filter = filter};
    ximss_decoder_t decoder;
    apr_int64_t offset;
    apr_pool_t *pool;
    apr_pool_t *piece;
    const ximss_error_t *error = NULL;
    apr_size_t whole = (apr_size_t)(part->body_length < PIECE ? part->body_length : PIECE);
    apr_pool_create(&pool, row->pool);
    apr_pool_create(&piece, pool);
    search.charset = ximss_param_get(part->type_params, "charset");
    search.bytes = apr_palloc(pool, 2 * ximss_decoder_bound(whole) + 1);
    /* Folding changes the length of a character by less than a factor of three. */
    search.tail_max = 3 * filter->needle_length;
    search.tail = apr_palloc(pool, search.tail_max + 1);
    ximss_decoder_init(&decoder, part->encoding);
    for (offset = 0; offset < part->body_length && error == NULL && !*matches; offset += PIECE) {
        apr_int64_t rest = part->body_length - offset;
        apr_size_t length = (apr_size_t)(rest < PIECE ? rest : PIECE);
        int last = length == (apr_size_t)rest;
        const char *raw;
        apr_pool_clear(piece);
        error = ximss_blob_read(row->account, row->message->blob, part->body_offset + offset,
                                length, &raw, piece);
        if (error == NULL) {
            search.held +=
                ximss_decoder_run(&decoder, raw, length, last, search.bytes + search.held);
            *matches = search_piece(&search, last, piece);
        }
    }
    apr_pool_destroy(pool);
    return error;
}

/* Headers of inner messages are part of the body; of other parts only text is searched. */
static const ximss_error_t *match_body_part(const ximss_filter_t *filter, ximss_row_t *row,
                                            const ximss_part_t *part, int *matches)
{
    if (part->kind == XIMSS_PART_MESSAGE || part->kind == XIMSS_PART_HEADERS) {
        *matches = fields_match(filter, part->fields, NULL, row->pool);
        return NULL;
    }
    if (part->kind == XIMSS_PART_LEAF &&
        (strcmp(part->type, "text") == 0 || strcmp(part->type, "message") == 0)) {
        return match_text_part(filter, row, part, matches);
    }
    return NULL;
}

/* Parts are nested at most limits->mime_depth deep. */
static const ximss_error_t *match_parts(const ximss_filter_t *filter, ximss_row_t *row,
                                        const ximss_part_t *part, int *matches)
{
    for (; part != NULL && !*matches; part = part->next) {
        XIMSS_TRY(match_body_part(filter, row, part, matches));
        if (!*matches) {
            XIMSS_TRY(match_parts(filter, row, part->children, matches));
        }
    }
    return NULL;
}

static const ximss_error_t *match_mail(const ximss_filter_t *filter, ximss_row_t *row, int *matches)
{
    const ximss_part_t *top;
    if (filter->needle_length == 0) {
        *matches = 1;
        return NULL;
    }
    XIMSS_TRY(ximss_row_structure(row, &top));
    if (filter->kind == XIMSS_FILTER_ANY) {
        *matches = fields_match(filter, top->fields, NULL, row->pool);
    }
    return *matches ? NULL : match_parts(filter, row, top, matches);
}

const ximss_error_t *ximss_filter_match(const ximss_filter_t *filter, ximss_row_t *row,
                                        int *matches)
{
    ximss_flags_t flags;
    *matches = 0;
    switch (filter->kind) {
    case XIMSS_FILTER_FLAGS:
        flags = ximss_row_flags(row->message, filter->env->recent_since);
        *matches = ximss_flags_match(&flags, &filter->flags);
        return NULL;
    case XIMSS_FILTER_FIELD:
        return match_field(filter, row, matches);
    default:
        return match_mail(filter, row, matches);
    }
}
