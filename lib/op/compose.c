/* Where the sources of a composed mail come from, and where it is stored. */
#include "op/compose.h"

#include "op/handlers.h"
#include "session/upload.h"
#include "store/files.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

/* ---- sources ---- */

typedef struct sources_t {
    ximss_call_t *call;
    apr_hash_t *trees;    /* ximss_part_t by blob, of messages that parts were copied from */
    apr_size_t tree_room; /* bytes that further trees may take, packed */
} sources_t;

static const ximss_error_t *too_large(const ximss_call_t *call, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_LIMIT, "the message is larger than %" APR_SIZE_T_FMT " bytes",
                       call->context->limits->message_bytes);
}

static const ximss_error_t *find_upload(void *baton, const char *id, ximss_source_t *source,
                                        apr_pool_t *pool)
{
    const ximss_call_t *call = ((const sources_t *)baton)->call;
    ximss_upload_t *upload;
    XIMSS_TRY(ximss_upload_find(call->context->table, call->session, id, &upload, pool));
    source->type = upload->type;
    source->subtype = upload->subtype;
    source->charset = upload->charset;
    source->file_name = upload->file_name;
    source->length = (apr_size_t)upload->size;
    return ximss_upload_read(upload, &source->data, pool);
}

static const ximss_error_t *find_file(void *baton, const char *name, ximss_source_t *source,
                                      apr_pool_t *pool)
{
    const ximss_call_t *call = ((const sources_t *)baton)->call;
    const char *own;
    ximss_file_t *file;
    XIMSS_TRY(ximss_op_file_name(call->session, name, &own, pool));
    XIMSS_TRY(ximss_file_find(call->account, own, &file, pool));
    if (file->is_directory) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
    }
    if ((apr_uint64_t)file->size > call->context->limits->message_bytes) {
        return too_large(call, pool);
    }
    source->length = (apr_size_t)file->size;
    return ximss_file_read(call->account, file, 0, source->length, &source->data, pool);
}

/* An open folder, else a mailbox. */
static const ximss_error_t *find_mailbox(ximss_call_t *call, const char *name, apr_int64_t *mailbox,
                                         apr_pool_t *pool)
{
    ximss_folder_t *folder;
    ximss_mailbox_t *found;
    const char *own;
    XIMSS_TRY(ximss_call_folder_load(call, name, &folder));
    if (folder != NULL) {
        *mailbox = folder->mailbox;
        return NULL;
    }
    XIMSS_TRY(ximss_op_mailbox_name(call->session, name, &own, pool));
    XIMSS_TRY(ximss_mailbox_find(call->account, own, &found, pool));
    *mailbox = found->id;
    return NULL;
}

/* The part tree of a message. It is as large as its sender likes and many parts may be copied: it is read once. */
static const ximss_error_t *read_tree(sources_t *sources, apr_int64_t blob, ximss_part_t **top,
                                      apr_pool_t *pool)
{
    const char *packed;
    apr_size_t length;
    *top = apr_hash_get(sources->trees, &blob, sizeof(blob));
    if (*top != NULL) {
        return NULL;
    }
    XIMSS_TRY(ximss_blob_structure(sources->call->account, blob, &packed, &length, pool));
    if (length > sources->tree_room) {
        return too_large(sources->call, pool);
    }
    sources->tree_room -= length;
    XIMSS_TRY(ximss_structure_unpack(top, packed, length, pool));
    apr_hash_set(sources->trees, apr_pmemdup(pool, &blob, sizeof(blob)), sizeof(blob), *top);
    return NULL;
}

static const ximss_error_t *copy_part(sources_t *sources, apr_int64_t blob, const char *part_id,
                                      ximss_source_t *source, apr_pool_t *pool)
{
    ximss_part_t *top;
    XIMSS_TRY(read_tree(sources, blob, &top, pool));
    source->part = ximss_structure_find(top, part_id);
    if (source->part == NULL) {
        return ximss_error(pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    source->length = (apr_size_t)source->part->body_length;
    return ximss_blob_read(sources->call->account, blob, source->part->body_offset, source->length,
                           &source->data, pool);
}

/* A UID means that message of the mailbox, whatever the folder's view shows. */
static const ximss_error_t *copy_message(void *baton, const char *folder, apr_uint32_t uid,
                                         const char *part_id, ximss_source_t *source,
                                         apr_pool_t *pool)
{
    sources_t *sources = baton;
    ximss_call_t *call = sources->call;
    ximss_message_t message;
    apr_int64_t mailbox;
    XIMSS_TRY(find_mailbox(call, folder, &mailbox, pool));
    XIMSS_TRY(ximss_op_message(call->account, NULL, mailbox, uid, &message, pool));
    if (part_id != NULL) {
        return copy_part(sources, message.blob, part_id, source, pool);
    }
    source->length = (apr_size_t)message.size;
    return ximss_blob_read(call->account, message.blob, 0, source->length, &source->data, pool);
}

const ximss_error_t *ximss_op_compose_draft(ximss_call_t *call, const ximss_element_t *email,
                                            int keep_bcc, ximss_composed_t **composed)
{
    const char *at = strchr(call->session->user_name, '@');
    sources_t sources = {.call = call,
                         .trees = apr_hash_make(call->pool),
                         .tree_room = call->context->limits->message_bytes};
    ximss_compose_t compose = {
        .limits = call->context->limits,
        .zone = call->zone,
        .now = call->context->clock(),
        .domain = at != NULL ? at + 1 : call->session->user_name,
        .keep_bcc = keep_bcc,
        .baton = &sources,
        .upload = find_upload,
        .file = find_file,
        .copy = copy_message,
    };
    if (email == NULL) {
        return ximss_error(call->pool, XIMSS_E_COMPOSITION, "there is no EMail element");
    }
    return ximss_compose(composed, &compose, email, call->pool);
}

const ximss_error_t *ximss_op_compose(ximss_call_t *call, const ximss_element_t *email,
                                      ximss_composed_t **composed)
{
    return ximss_op_compose_draft(call, email, 0, composed);
}

/* ---- storing ---- */

const ximss_error_t *ximss_op_storing(ximss_call_t *call, ximss_op_storing_t *storing)
{
    const char *names = ximss_element_attr(call->request, "flags");
    const char *date = ximss_element_attr(call->request, "internalDate");
    ximss_flags_t none = {.keywords = ""};
    ximss_flag_change_t change;
    XIMSS_TRY(ximss_flags_parse(&change, names != NULL ? names : "", 0, call->pool));
    storing->flags = ximss_flags_apply(&none, &change, call->pool);
    storing->internal_date = call->context->clock();
    if (date != NULL && *date != '\0' && !ximss_time_parse(date, &storing->internal_date)) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "attribute \"internalDate\" must be of the form YYYYMMDDTHHMMSSZ");
    }
    return NULL;
}

const ximss_error_t *ximss_op_append_copy(ximss_call_t *call, const ximss_digest_t *digest,
                                          apr_uint32_t *uid)
{
    const char *mail_class = ximss_element_attr(call->request, "mailboxClass");
    ximss_op_storing_t storing;
    ximss_append_t append = {0};
    apr_uint32_t ignored;
    const char *given;
    const char *name;
    XIMSS_TRY(ximss_op_storing(call, &storing));
    XIMSS_TRY(ximss_call_attr(call, "targetMailbox", &given));
    XIMSS_TRY(ximss_op_mailbox_name(call->session, given, &name, call->pool));
    XIMSS_TRY(ximss_op_target_mailbox(call, name, mail_class, &append.mailbox));
    append.flags = storing.flags;
    append.internal_date = storing.internal_date;
    return ximss_message_append(call->account, &append, digest, uid != NULL ? uid : &ignored,
                                call->pool);
}
