/* folderOpen, folderReopen, folderClose (protocol text, Mailbox Operations). The view is made and saved in a
 * read transaction; a mailbox that has to be created first is a commit of its own before that. */
#include "op/batch.h"
#include "op/handlers.h"
#include "op/watch.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

#define NAME_MAX_BYTES 1024
#define FIELDS_MAX     100

/* ---- what other operations need ---- */

const ximss_error_t *ximss_op_folder(ximss_call_t *call, ximss_folder_t **folder,
                                     ximss_mailbox_t **mailbox)
{
    const char *name;
    XIMSS_TRY(ximss_call_attr(call, "folder", &name));
    XIMSS_TRY(ximss_call_folder_load(call, name, folder));
    if (*folder == NULL) {
        return ximss_error(call->pool, XIMSS_E_NO_FOLDER, NULL);
    }
    XIMSS_TRY(ximss_mailbox_get(call->account, (*folder)->mailbox, mailbox, call->pool));
    if ((*mailbox)->epoch != (*folder)->epoch || (*folder)->modseq < (*mailbox)->purged) {
        return ximss_error(call->pool, XIMSS_E_NO_FOLDER,
                           "the mailbox was rebuilt, close the folder and open it again");
    }
    return NULL;
}

/* ---- reading the request ---- */

static const ximss_error_t *read_field(ximss_call_t *call, const ximss_element_t *element,
                                       apr_array_header_t *fields)
{
    const char *name = ximss_element_word(element, call->pool);
    if (!ximss_xml_name_ok(name)) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "\"%.100s\" is not a field name", name);
    }
    if (fields->nelts >= FIELDS_MAX) {
        return ximss_error(call->pool, XIMSS_E_LIMIT, "more than %d fields", FIELDS_MAX);
    }
    APR_ARRAY_PUSH(fields, const char *) = name;
    return NULL;
}

static const ximss_error_t *read_fields(ximss_call_t *call, apr_array_header_t **fields)
{
    const ximss_element_t *element;
    *fields = apr_array_make(call->pool, 8, sizeof(const char *));
    for (element = ximss_element_child(call->request, "field"); element != NULL;
         element = ximss_element_next(element, "field")) {
        XIMSS_TRY(read_field(call, element, *fields));
    }
    return NULL;
}

/* The attribute, NULL when it is missing or empty. */
static const char *filled_attr(const ximss_call_t *call, const char *name)
{
    const char *value = ximss_element_attr(call->request, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static const ximss_error_t *read_spec(ximss_call_t *call, ximss_view_spec_t *spec)
{
    const char *order = ximss_element_attr(call->request, "sortOrder");
    apr_int64_t uid_min;
    memset(spec, 0, sizeof(*spec));
    spec->sort_field = filled_attr(call, "sortField");
    spec->descending = order != NULL && apr_cstr_casecmp(order, "desc") == 0;
    spec->filter = ximss_element_attr(call->request, "filter");
    spec->filter_field = filled_attr(call, "filterField");
    XIMSS_TRY(ximss_op_number(call, "UIDMin", APR_UINT32_MAX, 0, &uid_min));
    spec->uid_min = (apr_uint32_t)uid_min;
    return NULL;
}

/* UIDMin means UIDs of this UIDValidity only: without the attribute, or with another, it says nothing. */
static const ximss_error_t *check_uid_validity(ximss_call_t *call, ximss_view_spec_t *spec,
                                               const ximss_mailbox_t *mailbox)
{
    apr_int64_t uid_validity;
    XIMSS_TRY(ximss_op_number(call, "UIDValidity", APR_UINT32_MAX, 0, &uid_validity));
    if (uid_validity != mailbox->uid_validity) {
        spec->uid_min = 0;
    }
    return NULL;
}

/* ---- opening ---- */

/* Creates the mailbox in a transaction of its own and goes on reading after it. */
static const ximss_error_t *create_mailbox(ximss_call_t *call, const char *name,
                                           const char *mail_class)
{
    const ximss_error_t *error;
    XIMSS_TRY(ximss_account_begin_write(call->account, call->pool));
    error = ximss_mailbox_create(call->account, name, mail_class, call->pool);
    if (error == NULL) {
        error = ximss_account_commit(call->account, call->pool);
        call->batch->wrote = 1;
    }
    if (error != NULL) {
        ximss_account_rollback(call->account);
    }
    if (error != NULL && error->code != XIMSS_E_MAILBOX_EXISTS) {
        return error; /* when another session was quicker, its mailbox is opened */
    }
    return ximss_account_begin_read(call->account, call->pool);
}

static const ximss_error_t *find_mailbox(ximss_call_t *call, const char *name,
                                         ximss_mailbox_t **mailbox)
{
    const char *mail_class = ximss_element_attr(call->request, "mailboxClass");
    const ximss_error_t *error = ximss_mailbox_find(call->account, name, mailbox, call->pool);
    if (error == NULL && (*mailbox)->pure) {
        error = ximss_error(call->pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    if (error == NULL || error->code != XIMSS_E_NO_MAILBOX || mail_class == NULL) {
        return error;
    }
    XIMSS_TRY(create_mailbox(call, name, mail_class));
    return ximss_mailbox_find(call->account, name, mailbox, call->pool);
}

/* Builds the view of FOLDER, puts it in place of an older one of that name, and reports it. */
static const ximss_error_t *build_and_report(ximss_call_t *call, ximss_folder_t *folder,
                                             const ximss_mailbox_t *mailbox)
{
    ximss_view_env_t env = {.limits = call->context->limits,
                            .recent_since = call->session->previous_login};
    XIMSS_TRY(check_uid_validity(call, &folder->spec, mailbox));
    XIMSS_TRY(ximss_view_build(folder, call->account, mailbox, &env, call->pool));
    XIMSS_TRY(ximss_call_folder_save(call, folder));
    ximss_call_message(call, "folderReport");
    ximss_xml_attr(call->out, "folder", folder->name);
    ximss_xml_attr(call->out, "mode", "init");
    ximss_xml_attr_int(call->out, "messages", folder->messages);
    ximss_xml_attr_int(call->out, "unseen", folder->unseen);
    ximss_xml_attr_int(call->out, "UIDNext", mailbox->uid_next);
    ximss_xml_attr_int(call->out, "UIDValidity", mailbox->uid_validity);
    ximss_xml_end(call->out);
    return NULL;
}

/* Whether a folder called NAME may be opened now. */
static const ximss_error_t *check_new_folder(ximss_call_t *call, const char *name)
{
    ximss_folder_t *open_folder;
    if (*name == '\0' || strlen(name) > NAME_MAX_BYTES) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "a folder name has from 1 to %d bytes",
                           NAME_MAX_BYTES);
    }
    XIMSS_TRY(ximss_call_folder_load(call, name, &open_folder));
    if (open_folder != NULL) {
        return ximss_error(call->pool, XIMSS_E_FOLDER_EXISTS, NULL);
    }
    if (call->session->folders >= call->context->limits->folders) {
        return ximss_error(call->pool, XIMSS_E_LIMIT, "more than %d open folders",
                           call->context->limits->folders);
    }
    return NULL;
}

const ximss_error_t *ximss_op_folder_open(ximss_call_t *call)
{
    ximss_folder_t *folder = apr_pcalloc(call->pool, sizeof(*folder));
    const char *mailbox_attr = ximss_element_attr(call->request, "mailbox");
    ximss_mailbox_t *mailbox;
    ximss_changes_t before;
    XIMSS_TRY(ximss_call_attr(call, "folder", &folder->name));
    XIMSS_TRY(check_new_folder(call, folder->name));
    XIMSS_TRY(ximss_op_watch_begin(call, folder->name, &before));
    XIMSS_TRY(read_spec(call, &folder->spec));
    XIMSS_TRY(read_fields(call, &folder->fields));
    XIMSS_TRY(ximss_op_mailbox_name(call->session,
                                    mailbox_attr != NULL ? mailbox_attr : folder->name,
                                    &folder->mailbox_name, call->pool));
    XIMSS_TRY(find_mailbox(call, folder->mailbox_name, &mailbox));
    folder->account_id = call->session->account_id;
    folder->number = call->session->next_folder;
    XIMSS_TRY(build_and_report(call, folder, mailbox));
    XIMSS_TRY(ximss_op_watch_set(call, folder, &before));
    call->session->next_folder++;
    call->session->folders++;
    return NULL;
}

const ximss_error_t *ximss_op_folder_reopen(ximss_call_t *call)
{
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    apr_array_header_t *fields;
    ximss_changes_t before;
    const char *name;
    XIMSS_TRY(ximss_call_attr(call, "folder", &name));
    XIMSS_TRY(ximss_call_folder_load(call, name, &folder));
    if (folder == NULL) {
        return ximss_error(call->pool, XIMSS_E_NO_FOLDER, NULL);
    }
    XIMSS_TRY(ximss_op_watch_begin(call, name, &before));
    /* By its id: the mailbox may have been renamed; of any epoch: the view is made anew. */
    XIMSS_TRY(ximss_mailbox_get(call->account, folder->mailbox, &mailbox, call->pool));
    XIMSS_TRY(read_spec(call, &folder->spec));
    XIMSS_TRY(read_fields(call, &fields));
    if (fields->nelts > 0) {
        folder->fields = fields;
    }
    XIMSS_TRY(build_and_report(call, folder, mailbox));
    return ximss_op_watch_set(call, folder, &before);
}

const ximss_error_t *ximss_op_folder_close(ximss_call_t *call)
{
    const ximss_error_t *damage;
    ximss_folder_t *folder;
    const char *name;
    XIMSS_TRY(ximss_call_attr(call, "folder", &name));
    damage = ximss_call_folder_load(call, name, &folder);
    if (damage == NULL && folder == NULL) {
        return ximss_error(call->pool, XIMSS_E_NO_FOLDER, NULL);
    }
    /* One that cannot be read can still be closed. */
    ximss_call_folder_remove(call, name);
    ximss_op_watch_remove(call, name);
    call->session->folders--;
    return NULL;
}
