/* Filters of views (protocol text, folderOpen: filter and filterField). */
#ifndef XIMSS_VIEW_FILTER_H
#define XIMSS_VIEW_FILTER_H

#include "view/folder.h"
#include "view/value.h"

typedef struct ximss_filter_t ximss_filter_t;

/* Makes the filter of SPEC, which has one. XIMSS_E_BAD_REQUEST for a FLAGS list that is wrong. */
const ximss_error_t *ximss_filter_make(ximss_filter_t **filter, const ximss_view_spec_t *spec,
                                       const ximss_view_env_t *env, apr_pool_t *pool);

/* Whether changing flags can change what passes. */
int ximss_filter_by_flags(const ximss_filter_t *filter);

/* Whether ROW passes. Bodies are read in pieces and freed at once. */
const ximss_error_t *ximss_filter_match(const ximss_filter_t *filter, ximss_row_t *row,
                                        int *matches);

#endif
