/* Attributes of stored files and subscriptions to them: kept and given back. Nothing here is
 * logged, as accessPwd is a secret. */
#include "op/handlers.h"
#include "op/tree.h"
#include "store/files.h"

#include <apr_cstr.h>

const ximss_error_t *ximss_op_file_attr_read(ximss_call_t *call)
{
    const char *name;
    ximss_file_t *file;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    XIMSS_TRY(ximss_file_find(call->account, name, &file, call->pool));
    ximss_call_message(call, "fileAttrData");
    ximss_xml_attr(call->out, "fileName", ximss_element_attr(call->request, "fileName"));
    if (*file->attributes != '\0') {
        XIMSS_TRY(ximss_tree_write(call->out, file->attributes, call->pool));
    }
    ximss_xml_end(call->out);
    return NULL;
}

/* Clients send all attributes at each change. */
const ximss_error_t *ximss_op_file_attr_write(ximss_call_t *call)
{
    const char *name;
    const char *text;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    XIMSS_TRY(ximss_tree_pack(&text, call->request, call->context->limits->pref_bytes,
                              "attributes of a file", call->pool));
    return ximss_file_attributes_set(call->account, name, text, call->pool);
}

const ximss_error_t *ximss_op_file_sub_list(ximss_call_t *call)
{
    apr_array_header_t *names;
    int i;
    XIMSS_TRY(ximss_file_subscriptions(call->account, &names, call->pool));
    for (i = 0; i < names->nelts; i++) {
        ximss_call_message(call, "fileSubscription");
        ximss_xml_attr(call->out, "fileName", APR_ARRAY_IDX(names, i, const char *));
        ximss_xml_end(call->out);
    }
    return NULL;
}

const ximss_error_t *ximss_op_file_sub_update(ximss_call_t *call)
{
    apr_array_header_t *changes = apr_array_make(call->pool, 8, sizeof(ximss_file_subscription_t));
    const ximss_element_t *element;
    for (element = ximss_element_child(call->request, "fileSubscription"); element != NULL;
         element = ximss_element_next(element, "fileSubscription")) {
        ximss_file_subscription_t *change = apr_array_push(changes);
        const char *mode = ximss_element_attr(element, "mode");
        change->name = ximss_element_attr(element, "fileName");
        change->add = mode != NULL && apr_cstr_casecmp(mode, "add") == 0;
        if (change->name == NULL) {
            return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                               "a fileSubscription needs a \"fileName\"");
        }
    }
    return ximss_file_subscribe(call->account, changes, call->context->limits->files, call->pool);
}
