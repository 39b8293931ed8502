/* folderRead: a message or a part of it as XML, from the stored structure (protocol text, Message
 * Operations). No flag changes. */
#include "mime/to_xml.h"
#include "op/answer.h"
#include "op/handlers.h"

#include <stdlib.h>
#include <string.h>

typedef struct ximss_wanted_t {
    ximss_message_t *message;
    int found;
} ximss_wanted_t;

static const ximss_error_t *take_message(void *baton, const ximss_message_t *message,
                                         apr_pool_t *scratch)
{
    ximss_wanted_t *wanted = baton;
    (void)scratch;
    *wanted->message = *message;
    /* Texts are valid during this call only, and nobody needs them after it. */
    wanted->message->fields = NULL;
    wanted->message->key_from = wanted->message->key_to = wanted->message->key_subject = NULL;
    wanted->message->flags.keywords = "";
    wanted->found = 1;
    return NULL;
}

const ximss_error_t *ximss_op_message(ximss_account_t *account, const ximss_folder_t *folder,
                                      apr_int64_t mailbox, apr_uint32_t uid,
                                      ximss_message_t *message, apr_pool_t *pool)
{
    ximss_wanted_t wanted = {.message = message};
    XIMSS_TRY(ximss_message_rows(account, mailbox, &uid, 1, take_message, &wanted, pool));
    if (!wanted.found || message->gone != 0 ||
        (folder != NULL && !ximss_view_has(folder, message))) {
        return ximss_error(pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    return NULL;
}

typedef struct ximss_raw_t {
    ximss_account_t *account;
    apr_int64_t blob;
} ximss_raw_t;

static const ximss_error_t *read_raw(void *baton, apr_int64_t offset, apr_size_t length,
                                     const char **data, apr_pool_t *pool)
{
    const ximss_raw_t *raw = baton;
    return ximss_blob_read(raw->account, raw->blob, offset, length, data, pool);
}

/* A limit that is missing or negative is none. */
static const ximss_error_t *read_size_limit(ximss_call_t *call, apr_int64_t *limit)
{
    const char *text = ximss_element_attr(call->request, "totalSizeLimit");
    *limit = -1;
    if (text == NULL || *text == '\0' || *text == '-') {
        return NULL;
    }
    return ximss_op_number(call, "totalSizeLimit", APR_INT64_MAX / 16, -1, limit);
}

static const ximss_error_t *read_structure(ximss_call_t *call, apr_int64_t blob, ximss_part_t **top)
{
    const char *packed;
    apr_size_t length;
    XIMSS_TRY(ximss_blob_structure(call->account, blob, &packed, &length, call->pool));
    return ximss_structure_unpack(top, packed, length, call->pool);
}

static const ximss_error_t *write_content(ximss_call_t *call, const ximss_part_t *top,
                                          const char *part_id, const ximss_to_xml_t *options)
{
    const ximss_part_t *part;
    if (part_id == NULL || *part_id == '\0') {
        return ximss_email_write(call->out, top, options, call->pool);
    }
    part = ximss_structure_find(top, part_id);
    if (part == NULL) {
        return ximss_error(call->pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    return ximss_part_write(call->out, part, options, call->pool);
}

const ximss_error_t *ximss_op_folder_read(ximss_call_t *call)
{
    const char *part_id = ximss_element_attr(call->request, "partID");
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    ximss_message_t message;
    ximss_part_t *top;
    ximss_raw_t raw;
    ximss_to_xml_t options = {.zone = call->zone, .read = read_raw, .baton = &raw};
    ximss_answer_t answer = {.html = 0};
    apr_int64_t uid;
    int answers;
    XIMSS_TRY(ximss_op_answer_mode(call, &answer, &answers));
    XIMSS_TRY(ximss_op_number(call, "UID", APR_UINT32_MAX, 0, &uid));
    XIMSS_TRY(read_size_limit(call, &options.size_limit));
    XIMSS_TRY(ximss_op_folder(call, &folder, &mailbox));
    XIMSS_TRY(ximss_op_message(call->account, folder, folder->mailbox, (apr_uint32_t)uid, &message,
                               call->pool));
    XIMSS_TRY(read_structure(call, message.blob, &top));
    raw.account = call->account;
    raw.blob = message.blob;
    ximss_call_message(call, "folderMessage");
    ximss_xml_attr(call->out, "folder", folder->name);
    ximss_xml_attr_int(call->out, "UID", uid);
    ximss_xml_attr(call->out, "partID", part_id);
    ximss_xml_attr(call->out, "mode", ximss_element_attr(call->request, "mode"));
    if (answers) {
        answer.options = options;
        answer.folder = folder->name;
        answer.uid = message.uid;
        answer.date = message.internal_date;
        XIMSS_TRY(ximss_op_answer_write(call, &answer, top));
    }
    else {
        XIMSS_TRY(write_content(call, top, part_id, &options));
    }
    ximss_xml_end(call->out);
    return NULL;
}
