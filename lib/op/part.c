/* Message parts by URL: the stored bytes or a decoded part. */
#include "mime/content.h"
#include "op/handlers.h"
#include "op/ops.h"

#include <apr_strings.h>

#include <string.h>

/* An open folder of the session, else a mailbox. */
static const ximss_error_t *find_source(const ximss_part_query_t *query, ximss_account_t *account,
                                        ximss_folder_t **folder, ximss_mailbox_t **mailbox,
                                        apr_pool_t *pool)
{
    const char *name;
    XIMSS_TRY(ximss_folder_load(folder, query->session_dir, query->folder, pool));
    if (*folder == NULL) {
        XIMSS_TRY(ximss_op_mailbox_name(query->session, query->folder, &name, pool));
        return ximss_mailbox_find(account, name, mailbox, pool);
    }
    return ximss_mailbox_get(account, (*folder)->mailbox, mailbox, pool);
}

static void describe_part(ximss_part_data_t *data, const ximss_part_t *part, apr_pool_t *pool)
{
    data->media_type = apr_pstrcat(pool, part->type, "/", part->subtype, NULL);
    data->file_name = ximss_part_file_name(part);
    if (strcmp(part->type, "text") == 0) {
        data->charset = ximss_param_get(part->type_params, "charset");
    }
}

static const ximss_error_t *decode_part(ximss_part_data_t *data, ximss_account_t *account,
                                        apr_int64_t blob, const ximss_part_t *part,
                                        apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)part->body_length;
    ximss_decoder_t decoder;
    const char *raw;
    char *decoded;
    XIMSS_TRY(ximss_blob_read(account, blob, part->body_offset, length, &raw, pool));
    data->data = raw;
    data->length = length;
    if (part->encoding != XIMSS_ENCODING_NONE) {
        decoded = apr_palloc(pool, ximss_decoder_bound(length) + 1);
        ximss_decoder_init(&decoder, part->encoding);
        data->length = ximss_decoder_run(&decoder, raw, length, 1, decoded);
        data->data = decoded;
    }
    return NULL;
}

static const ximss_error_t *read_part(const ximss_part_query_t *query, ximss_account_t *account,
                                      const ximss_message_t *message, ximss_part_data_t *data,
                                      apr_pool_t *pool)
{
    const ximss_part_t *part;
    ximss_part_t *top;
    const char *packed;
    apr_size_t length;
    XIMSS_TRY(ximss_blob_structure(account, message->blob, &packed, &length, pool));
    XIMSS_TRY(ximss_structure_unpack(&top, packed, length, pool));
    part = ximss_structure_find(top, query->part_id);
    if (part == NULL) {
        return ximss_error(pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    describe_part(data, part, pool);
    data->etag = apr_pstrcat(pool, data->etag, "-", part->part_id, NULL);
    return decode_part(data, account, message->blob, part, pool);
}

static const ximss_error_t *fetch(const ximss_part_query_t *query, ximss_account_t *account,
                                  ximss_part_data_t *data, apr_pool_t *pool)
{
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    ximss_message_t message;
    XIMSS_TRY(find_source(query, account, &folder, &mailbox, pool));
    XIMSS_TRY(ximss_op_message(account, folder, mailbox->id, query->uid, &message, pool));
    data->etag = apr_psprintf(pool, "%" APR_UINT64_T_HEX_FMT "-%x-%x", (apr_uint64_t)mailbox->id,
                              mailbox->uid_validity, message.uid);
    if (query->part_id != NULL) {
        return read_part(query, account, &message, data, pool);
    }
    data->media_type = "message/rfc822";
    data->length = (apr_size_t)message.size;
    return ximss_blob_read(account, message.blob, 0, data->length, &data->data, pool);
}

const ximss_error_t *ximss_part_fetch(const ximss_context_t *context,
                                      const ximss_part_query_t *query, ximss_part_data_t **part,
                                      apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    *part = apr_pcalloc(pool, sizeof(**part));
    XIMSS_TRY(ximss_account_checkout(&account, context->store, query->session->account_id, pool));
    error = ximss_account_begin_read(account, pool);
    if (error == NULL) {
        error = fetch(query, account, *part, pool);
        ximss_account_rollback(account);
    }
    ximss_account_return(account);
    return error;
}
