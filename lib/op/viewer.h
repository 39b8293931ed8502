/* The viewer fields of a folder's rows as XML: what folderBrowse and folderSync report of a message. */
#ifndef XIMSS_OP_VIEWER_H
#define XIMSS_OP_VIEWER_H

#include "mime/to_xml.h"
#include "op/call.h"
#include "view/folder.h"
#include "view/value.h"

typedef struct ximss_viewer_t {
    ximss_call_t *call;
    const ximss_folder_t *folder;
    ximss_value_t *values; /* the viewer fields, parsed */
    int unpack;            /* several are in the row: unpack it once */
    ximss_field_style_t style;
} ximss_viewer_t;

/* Prepares VIEWER for rows of FOLDER; what it needs lies in the request's pool. */
void ximss_viewer_init(ximss_viewer_t *viewer, ximss_call_t *call, const ximss_folder_t *folder);

/* Writes the viewer fields of MESSAGE, a row that is there, in the order asked. */
const ximss_error_t *ximss_viewer_write(ximss_viewer_t *viewer, const ximss_message_t *message,
                                        apr_pool_t *scratch);

#endif
