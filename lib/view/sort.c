/* Sort keys as bytes: numbers as nine bytes that compare like the numbers, texts folded;
 * a missing value is the empty key and comes first. */
#include "view/sort.h"

#include "mime/digest.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/* The first eight bytes decide most comparisons without following the pointer. */
typedef struct ximss_sort_entry_t {
    apr_uint64_t prefix;
    const char *key;
    apr_uint32_t length;
    apr_uint32_t uid;
} ximss_sort_entry_t;

struct ximss_sorter_t {
    ximss_value_t value;
    apr_int64_t recent_since;
    int by_uid;
    apr_array_header_t *entries;
    apr_pool_t *pool;
};

static const struct {
    const char *name;
    ximss_order_t order;
} orders[] = {
    {"UID", XIMSS_ORDER_UID},         {"INTERNALDATE", XIMSS_ORDER_INTERNALDATE},
    {"Date", XIMSS_ORDER_DATE},       {"SIZE", XIMSS_ORDER_SIZE},
    {"From", XIMSS_ORDER_FROM},       {"To", XIMSS_ORDER_TO},
    {"Subject", XIMSS_ORDER_SUBJECT},
};

int ximss_sort_order(const char *sort_field, ximss_order_t *order)
{
    apr_size_t i;
    *order = XIMSS_ORDER_UID;
    if (sort_field == NULL) {
        return 1;
    }
    for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (apr_cstr_casecmp(sort_field, orders[i].name) == 0) {
            *order = orders[i].order;
            return 1;
        }
    }
    return 0;
}

ximss_sorter_t *ximss_sorter_make(const char *sort_field, apr_int64_t recent_since,
                                  apr_pool_t *pool)
{
    ximss_sorter_t *sorter = apr_pcalloc(pool, sizeof(*sorter));
    ximss_value_parse(&sorter->value, sort_field != NULL ? sort_field : "UID");
    sorter->by_uid = sorter->value.kind == XIMSS_VALUE_UID;
    sorter->recent_since = recent_since;
    sorter->entries = apr_array_make(pool, 256, sizeof(ximss_sort_entry_t));
    sorter->pool = pool;
    return sorter;
}

static void set_key(ximss_sort_entry_t *entry, const char *key, apr_size_t length)
{
    apr_size_t i;
    entry->key = key;
    entry->length = (apr_uint32_t)length;
    entry->prefix = 0;
    for (i = 0; i < 8; i++) {
        entry->prefix = entry->prefix << 8 | (i < length ? (unsigned char)key[i] : 0);
    }
}

static void set_number(ximss_sort_entry_t *entry, apr_int64_t number, apr_pool_t *pool)
{
    /* The sign bit is turned so that negative numbers come before positive ones. */
    apr_uint64_t bits = (apr_uint64_t)number ^ ((apr_uint64_t)1 << 63);
    char *key = apr_palloc(pool, 9);
    int i;
    key[0] = 1;
    for (i = 8; i > 0; i--) {
        key[i] = (char)(bits & 0xff);
        bits >>= 8;
    }
    set_key(entry, key, 9);
}

/* A message without a Date field has its internal date, as in the indexed order; a message without any
 * other date field has none. */
static const ximss_error_t *set_date(const ximss_sorter_t *sorter, ximss_sort_entry_t *entry,
                                     ximss_row_t *row)
{
    const ximss_field_t *field;
    if (apr_cstr_casecmp(sorter->value.header, "Date") == 0) {
        set_number(entry, row->message->date, row->pool);
        return NULL;
    }
    XIMSS_TRY(ximss_row_field(row, &sorter->value, &field));
    if (field != NULL && field->date_valid) {
        set_number(entry, field->seconds, row->pool);
    }
    return NULL;
}

/* The entry of ROW; its key lies in the row's pool. */
static const ximss_error_t *make_entry(const ximss_sorter_t *sorter, ximss_row_t *row,
                                       ximss_sort_entry_t *entry)
{
    const char *text;
    memset(entry, 0, sizeof(*entry));
    entry->uid = row->message->uid;
    if (sorter->value.kind == XIMSS_VALUE_SIZE) {
        set_number(entry, row->message->size, row->pool);
    }
    else if (sorter->value.kind == XIMSS_VALUE_INTERNALDATE) {
        set_number(entry, row->message->internal_date, row->pool);
    }
    else if (sorter->value.kind == XIMSS_VALUE_HEADER &&
             sorter->value.field_kind == XIMSS_FIELD_DATE) {
        return set_date(sorter, entry, row);
    }
    else if (!sorter->by_uid) {
        XIMSS_TRY(ximss_row_text(row, &sorter->value, sorter->recent_since, &text));
        text = ximss_sort_key(text, row->pool);
        set_key(entry, text, strlen(text));
    }
    return NULL;
}

const ximss_error_t *ximss_sorter_add(ximss_sorter_t *sorter, ximss_row_t *row)
{
    ximss_sort_entry_t entry;
    XIMSS_TRY(make_entry(sorter, row, &entry));
    if (entry.length > 0) {
        entry.key = apr_pmemdup(sorter->pool, entry.key, entry.length);
    }
    APR_ARRAY_PUSH(sorter->entries, ximss_sort_entry_t) = entry;
    return NULL;
}

static int compare_entries(const void *a, const void *b)
{
    const ximss_sort_entry_t *x = a;
    const ximss_sort_entry_t *y = b;
    apr_uint32_t shorter = x->length < y->length ? x->length : y->length;
    int order;
    if (x->prefix != y->prefix) {
        return x->prefix < y->prefix ? -1 : 1;
    }
    order = shorter > 8 ? memcmp(x->key + 8, y->key + 8, shorter - 8) : 0;
    if (order == 0) {
        order = (x->length > y->length) - (x->length < y->length);
    }
    return order != 0 ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

const apr_uint32_t *ximss_sorter_finish(ximss_sorter_t *sorter, int descending, apr_size_t *count)
{
    ximss_sort_entry_t *entries = (ximss_sort_entry_t *)(void *)sorter->entries->elts;
    apr_size_t n = (apr_size_t)sorter->entries->nelts;
    apr_uint32_t *uids = apr_palloc(sorter->pool, (n + 1) * sizeof(*uids));
    apr_size_t i;
    if (!sorter->by_uid) { /* rows come by UID */
        qsort(entries, n, sizeof(*entries), compare_entries);
    }
    for (i = 0; i < n; i++) {
        uids[descending ? n - 1 - i : i] = entries[i].uid;
    }
    *count = n;
    return uids;
}

int ximss_sorter_by_flags(const ximss_sorter_t *sorter)
{
    return sorter->value.kind == XIMSS_VALUE_FLAGS;
}

const ximss_error_t *ximss_sorter_compare(ximss_sorter_t *sorter, apr_size_t position,
                                          int descending, ximss_row_t *row, int *order)
{
    const ximss_sort_entry_t *entries =
        (const ximss_sort_entry_t *)(const void *)sorter->entries->elts;
    apr_size_t at = descending ? (apr_size_t)sorter->entries->nelts - 1 - position : position;
    ximss_sort_entry_t other;
    XIMSS_TRY(make_entry(sorter, row, &other));
    *order = compare_entries(&entries[at], &other);
    if (descending) {
        *order = -*order;
    }
    return NULL;
}
