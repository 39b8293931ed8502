/* Sorting rows for views that no index gives: keys of any field, then UID. */
#ifndef XIMSS_VIEW_SORT_H
#define XIMSS_VIEW_SORT_H

#include "view/value.h"

typedef struct ximss_sorter_t ximss_sorter_t;

/* Starts sorting by SORT_FIELD (NULL: UID). Everything it keeps is in POOL. */
ximss_sorter_t *ximss_sorter_make(const char *sort_field, apr_int64_t recent_since,
                                  apr_pool_t *pool);

/* Adds a row. */
const ximss_error_t *ximss_sorter_add(ximss_sorter_t *sorter, ximss_row_t *row);

/* The UIDs of all rows in order, ascending or exactly reversed, in the sorter's pool. */
const apr_uint32_t *ximss_sorter_finish(ximss_sorter_t *sorter, int descending, apr_size_t *count);

/* Whether changing flags can change the order. */
int ximss_sorter_by_flags(const ximss_sorter_t *sorter);

/* Compares the row at POSITION of what ximss_sorter_finish gave with ROW, another one: *ORDER is below zero when
 * it comes first. DESCENDING as there. */
const ximss_error_t *ximss_sorter_compare(ximss_sorter_t *sorter, apr_size_t position,
                                          int descending, ximss_row_t *row, int *order);

/* The key order that SORT_FIELD (NULL: UID) has as an index; 0 when there is none. */
int ximss_sort_order(const char *sort_field, ximss_order_t *order);

#endif
