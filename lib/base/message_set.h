/* Message sets of requests: UID or index elements, single or ranges (Mailbox Operations). */
#ifndef XIMSS_BASE_MESSAGE_SET_H
#define XIMSS_BASE_MESSAGE_SET_H

#include "base/xml_in.h"

#include <apr_tables.h>

typedef struct ximss_range_t {
    apr_int64_t from; /* both ends belong to it; from > till is empty */
    apr_int64_t till;
} ximss_range_t;

typedef struct ximss_message_set_t {
    int by_uid;                 /* UID elements, else index elements */
    apr_array_header_t *ranges; /* ximss_range_t, in the order given */
} ximss_message_set_t;

/* Reads the set in the body of REQUEST; everything in POOL. Both kinds at once, no element at all, a
 * value that is no number: XIMSS_E_BAD_REQUEST. A missing "till" means "from" only. A range that
 * begins below 0 begins at 0; one that ends below 0 is empty. */
const ximss_error_t *ximss_message_set_read(ximss_message_set_t *set,
                                            const ximss_element_t *request, apr_pool_t *pool);

/* Sorts the ranges and makes one of those that overlap: then nothing is in the set twice. */
void ximss_message_set_merge(ximss_message_set_t *set);

#endif
