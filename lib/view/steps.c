/* Doing the steps of a sync to an array of UIDs: each run of removals or additions in one pass. */
#include "view/sync.h"

#include <string.h>

static const ximss_error_t *misfit(apr_pool_t *pool)
{
    return ximss_error_detail(pool, XIMSS_E_INTERNAL, "the steps of a sync do not fit the view");
}

/* How many steps can be done in one pass: of one kind, removals from the end and additions from the start. */
static apr_size_t run_length(const ximss_step_t *steps, apr_size_t count)
{
    apr_size_t i;
    for (i = 1; i < count && steps[i].kind == steps[0].kind; i++) {
        if (steps[0].kind == XIMSS_STEP_REMOVED && steps[i].index >= steps[i - 1].index) {
            break;
        }
        if (steps[0].kind == XIMSS_STEP_ADDED && steps[i].index <= steps[i - 1].index) {
            break;
        }
    }
    return i;
}

static const ximss_error_t *take_out(apr_uint32_t *uids, apr_size_t *length,
                                     const ximss_step_t *steps, apr_size_t count, apr_pool_t *pool)
{
    apr_size_t from = 0;
    apr_size_t to = 0;
    apr_size_t i;
    for (i = count; i > 0; i--) {
        apr_size_t index = (apr_size_t)steps[i - 1].index;
        if (index >= *length || uids[index] != steps[i - 1].uid) {
            return misfit(pool);
        }
        memmove(uids + to, uids + from, (index - from) * sizeof(*uids));
        to += index - from;
        from = index + 1;
    }
    memmove(uids + to, uids + from, (*length - from) * sizeof(*uids));
    *length -= count;
    return NULL;
}

static const ximss_error_t *put_in(apr_uint32_t **uids, apr_size_t *length,
                                   const ximss_step_t *steps, apr_size_t count, apr_pool_t *pool)
{
    apr_uint32_t *result = apr_palloc(pool, (*length + count) * sizeof(*result));
    apr_size_t from = 0;
    apr_size_t i;
    for (i = 0; i < count; i++) {
        apr_size_t till = (apr_size_t)steps[i].index - i; /* of the old array */
        if (till > *length) {
            return misfit(pool);
        }
        memcpy(result + from + i, *uids + from, (till - from) * sizeof(*result));
        result[steps[i].index] = steps[i].uid;
        from = till;
    }
    memcpy(result + from + i, *uids + from, (*length - from) * sizeof(*result));
    *uids = result;
    *length += count;
    return NULL;
}

const ximss_error_t *ximss_steps_apply(const apr_uint32_t *uids, apr_size_t *length,
                                       const ximss_step_t *steps, apr_size_t count,
                                       apr_uint32_t **result, apr_pool_t *pool)
{
    apr_size_t done = 0;
    *result = apr_palloc(pool, (*length + 1) * sizeof(**result));
    if (*length > 0) { /* else there may be no array */
        memcpy(*result, uids, *length * sizeof(**result));
    }
    while (done < count) {
        apr_size_t run = run_length(steps + done, count - done);
        if (steps[done].kind == XIMSS_STEP_REMOVED) {
            XIMSS_TRY(take_out(*result, length, steps + done, run, pool));
        }
        else if (steps[done].kind == XIMSS_STEP_ADDED) {
            XIMSS_TRY(put_in(result, length, steps + done, run, pool));
        }
        done += run;
    }
    return NULL;
}
