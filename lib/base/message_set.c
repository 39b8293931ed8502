/* Reads the message sets of requests ("Mailbox Operations" of the protocol): UID or index elements,
 * single or ranges. Other elements of a request's body are none of its business. */
#include "base/message_set.h"

#include <ctype.h>
#include <stdlib.h>

/* A decimal number with white space around it; beyond 64 bits it is clamped, for a client may well
 * say "all" by a huge number. */
static int read_number(const char *text, apr_int64_t *number)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits)) {
        return 0;
    }
    char *end;
    long long value = strtoll(text, &end, 10);
    while (isspace((unsigned char)*end)) {
        end++;
    }
    *number = value;
    return *end == '\0';
}

static const ximss_error_t *read_range(ximss_range_t *range, const ximss_element_t *element,
                                       apr_pool_t *pool)
{
    const char *from = ximss_element_attr(element, "from");
    const char *till = ximss_element_attr(element, "till");
    if (from == NULL) {
        from = ximss_element_text(element, pool);
    }
    if (till == NULL) {
        till = from;
    }
    if (!read_number(from, &range->from) || !read_number(till, &range->till)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "an element \"%s\" of the message set holds no number", element->name);
    }
    if (range->till < 0) {
        /* -1 is what clients have for "not found": it must never name the first message */
        range->from = 1;
        range->till = 0;
    }
    else if (range->from < 0) {
        range->from = 0;
    }
    return NULL;
}

const ximss_error_t *ximss_message_set_read(ximss_message_set_t *set,
                                            const ximss_element_t *request, apr_pool_t *pool)
{
    set->by_uid = 0;
    set->ranges = apr_array_make(pool, 8, sizeof(ximss_range_t));
    const ximss_element_t *element = ximss_element_child(request, NULL);
    for (; element != NULL; element = ximss_element_next(element, NULL)) {
        int uid = ximss_element_is(element, "UID");
        if (!uid && !ximss_element_is(element, "index")) {
            continue;
        }
        if (set->ranges->nelts > 0 && set->by_uid != uid) {
            return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                               "a message set holds UID or index elements, not both");
        }
        set->by_uid = uid;
        XIMSS_TRY(read_range(&APR_ARRAY_PUSH(set->ranges, ximss_range_t), element, pool));
    }
    if (set->ranges->nelts == 0) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the message set is missing");
    }
    return NULL;
}

static int compare_ranges(const void *a, const void *b)
{
    const ximss_range_t *x = a;
    const ximss_range_t *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

void ximss_message_set_merge(ximss_message_set_t *set)
{
    ximss_range_t *ranges = (ximss_range_t *)(void *)set->ranges->elts;
    int merged = 0;
    int i;
    qsort(ranges, (size_t)set->ranges->nelts, sizeof(*ranges), compare_ranges);
    for (i = 1; i < set->ranges->nelts; i++) {
        if (ranges[i].from > ranges[merged].till) {
            ranges[++merged] = ranges[i];
        }
        else if (ranges[i].till > ranges[merged].till) {
            ranges[merged].till = ranges[i].till;
        }
    }
    set->ranges->nelts = merged + 1;
}
