/* Writes viewer fields. A row costs no statement of its own unless a field is asked
 * for that the row does not hold. */
#include "op/viewer.h"

#include "mime/digest.h"

void ximss_viewer_init(ximss_viewer_t *viewer, ximss_call_t *call, const ximss_folder_t *folder)
{
    int cached = 0;
    int i;
    viewer->call = call;
    viewer->folder = folder;
    viewer->values =
        apr_palloc(call->pool, (apr_size_t)(folder->fields->nelts + 1) * sizeof(*viewer->values));
    for (i = 0; i < folder->fields->nelts; i++) {
        ximss_value_parse(&viewer->values[i], APR_ARRAY_IDX(folder->fields, i, const char *));
        cached += viewer->values[i].cached;
    }
    viewer->unpack = cached > 1;
    viewer->style.zone = call->zone;
    viewer->style.limit = call->context->limits->viewer_bytes;
}

/* One element, or for an "E-" field one an address of every such header field. */
static const ximss_error_t *write_header(ximss_viewer_t *viewer, ximss_row_t *row,
                                         const ximss_value_t *value)
{
    const apr_array_header_t *fields;
    int i;
    XIMSS_TRY(ximss_row_fields(row, value, &fields));
    viewer->style.element_name = value->name;
    viewer->style.each_address = value->address_only;
    for (i = 0; fields != NULL && i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        if (ximss_field_is(field, value->header)) {
            ximss_field_write(viewer->call->out, field, &viewer->style, row->pool);
            if (!value->address_only) {
                break;
            }
        }
    }
    return NULL;
}

static const ximss_error_t *write_value(ximss_viewer_t *viewer, ximss_row_t *row,
                                        const ximss_value_t *value)
{
    ximss_call_t *call = viewer->call;
    const char *text;
    if (value->kind == XIMSS_VALUE_HEADER) {
        return write_header(viewer, row, value);
    }
    if (value->kind == XIMSS_VALUE_INTERNALDATE) {
        ximss_date_write(call->out, value->name, row->message->internal_date, call->zone,
                         row->pool);
        return NULL;
    }
    XIMSS_TRY(ximss_row_text(row, value, call->session->previous_login, &text));
    if (*text != '\0' || value->kind == XIMSS_VALUE_FLAGS) {
        ximss_xml_element(call->out, value->name, text);
    }
    return NULL;
}

static const ximss_error_t *write_values(ximss_viewer_t *viewer, const ximss_message_t *message,
                                         apr_pool_t *scratch)
{
    ximss_row_t row = {.account = viewer->call->account, .message = message, .pool = scratch};
    int i;
    if (viewer->unpack) {
        row.cached = ximss_fields_unpack(message->fields, message->fields_length, NULL, scratch);
    }
    for (i = 0; i < viewer->folder->fields->nelts; i++) {
        XIMSS_TRY(write_value(viewer, &row, &viewer->values[i]));
    }
    return NULL;
}

const ximss_error_t *ximss_viewer_write(ximss_viewer_t *viewer, const ximss_message_t *message,
                                        apr_pool_t *scratch)
{
    return ximss_row_error(write_values(viewer, message, scratch), viewer->call->pool);
}
