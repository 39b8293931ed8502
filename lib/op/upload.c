/* The uploaded file set (protocol text, Service Operations). */
#include "session/upload.h"

#include "op/handlers.h"

/* What was written before is committed by now (the row asks for no account): a message that was made of the files
 * is safe before they go. */
const ximss_error_t *ximss_op_clear_uploaded(ximss_call_t *call)
{
    return ximss_upload_remove(call->context->table, call->session,
                               ximss_element_attr(call->request, "uploadID"), call->pool);
}
