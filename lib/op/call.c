/* What handlers call to read their request and to write their data messages. */
#include "op/call.h"

#include "op/batch.h"
#include "op/handlers.h"

void ximss_call_message(ximss_call_t *call, const char *name)
{
    ximss_xml_start(call->out, name);
    ximss_xml_attr(call->out, "id", call->id);
}

const ximss_error_t *ximss_call_attr(ximss_call_t *call, const char *name, const char **value)
{
    *value = ximss_element_attr(call->request, name);
    if (*value == NULL) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "attribute \"%s\" is missing", name);
    }
    return NULL;
}

void ximss_call_after_commit(ximss_call_t *call, ximss_after_fn_t fn, void *baton)
{
    ximss_batch_after_t *after = apr_array_push(call->batch->after);
    after->fn = fn;
    after->baton = baton;
}

apr_pool_t *ximss_call_batch_pool(const ximss_call_t *call)
{
    return call->batch->pool;
}

const ximss_error_t *ximss_call_folder_load(ximss_call_t *call, const char *name,
                                            ximss_folder_t **folder)
{
    return ximss_stage_load(&call->batch->stage, name, folder, call->pool);
}

const ximss_error_t *ximss_call_folder_save(ximss_call_t *call, const ximss_folder_t *folder)
{
    return ximss_stage_save(&call->batch->stage, folder, call->pool);
}

void ximss_call_folder_remove(ximss_call_t *call, const char *name)
{
    ximss_stage_remove(&call->batch->stage, name);
}

const ximss_error_t *ximss_op_number(ximss_call_t *call, const char *name, apr_int64_t max,
                                     apr_int64_t fallback, apr_int64_t *value)
{
    const char *text = ximss_element_attr(call->request, name);
    const char *p;
    *value = fallback;
    if (text == NULL) {
        return NULL;
    }
    *value = 0;
    for (p = text; *p >= '0' && *p <= '9' && *value <= max; p++) {
        *value = *value * 10 + (*p - '0');
    }
    if (p == text || *p != '\0' || *value > max) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "attribute \"%s\" must be a number from 0 to %" APR_INT64_T_FMT, name,
                           max);
    }
    return NULL;
}
