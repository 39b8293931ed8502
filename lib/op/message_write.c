/* messageAppend (protocol text, Message Operations): a mail is composed before the account's lock is taken, and
 * stored in its transaction. */
#include "mime/digest.h"
#include "op/compose.h"
#include "op/handlers.h"

#include <apr_cstr.h>

/* What the preparation leaves for the handler. */
typedef struct ximss_appending_t {
    ximss_digest_t *digest;
    ximss_op_storing_t storing;
    apr_uint32_t replaces; /* 0: none */
    int check_old;
    int report;
} ximss_appending_t;

/* An attribute that may have one value only. */
static const ximss_error_t *read_word(ximss_call_t *call, const char *name, const char *word,
                                      int *given)
{
    const char *value = ximss_element_attr(call->request, name);
    *given = value != NULL && *value != '\0';
    if (*given && apr_cstr_casecmp(value, word) != 0) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "attribute \"%s\" must be %s", name,
                           word);
    }
    return NULL;
}

/* replacesUID, checkOld and report speak of the folder. */
static const ximss_error_t *read_attributes(ximss_call_t *call, ximss_appending_t *appending)
{
    int in_folder = ximss_element_attr(call->request, "folder") != NULL;
    apr_int64_t replaces;
    if (!in_folder && ximss_element_attr(call->request, "targetMailbox") == NULL) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "attribute \"folder\" or \"targetMailbox\" is missing");
    }
    XIMSS_TRY(ximss_op_number(call, "replacesUID", APR_UINT32_MAX, 0, &replaces));
    XIMSS_TRY(read_word(call, "checkOld", "yes", &appending->check_old));
    XIMSS_TRY(read_word(call, "report", "uid", &appending->report));
    appending->replaces = (apr_uint32_t)replaces;
    if (!in_folder && (replaces > 0 || appending->check_old || appending->report)) {
        return ximss_error(
            call->pool, XIMSS_E_BAD_REQUEST,
            "attributes \"replacesUID\", \"checkOld\" and \"report\" need a \"folder\"");
    }
    if (appending->check_old && replaces == 0) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "attribute \"checkOld\" needs \"replacesUID\"");
    }
    return ximss_op_storing(call, &appending->storing);
}

const ximss_error_t *ximss_op_message_append_prepare(ximss_call_t *call)
{
    ximss_appending_t *appending = apr_pcalloc(call->pool, sizeof(*appending));
    ximss_composed_t *composed;
    XIMSS_TRY(read_attributes(call, appending));
    /* a draft keeps its Bcc: it is sent by another request */
    XIMSS_TRY(ximss_op_compose_draft(call, ximss_element_child(call->request, "EMail"),
                                     (appending->storing.flags.bits & XIMSS_FLAG_DRAFT) != 0,
                                     &composed));
    appending->digest =
        ximss_digest_make(composed->data, composed->length, call->context->limits, call->pool);
    call->prepared = appending;
    return NULL;
}

/* Removes the message that the new one replaces. */
static const ximss_error_t *remove_old(ximss_call_t *call, const ximss_appending_t *appending,
                                       apr_int64_t mailbox)
{
    ximss_message_t old;
    if (appending->check_old) {
        XIMSS_TRY(
            ximss_op_message(call->account, NULL, mailbox, appending->replaces, &old, call->pool));
    }
    return ximss_message_expunge(call->account, mailbox, &appending->replaces, 1, NULL, call->pool);
}

static const ximss_error_t *append_to_folder(ximss_call_t *call, const ximss_appending_t *appending)
{
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    ximss_append_t append = {0};
    apr_uint32_t uid;
    XIMSS_TRY(ximss_op_folder(call, &folder, &mailbox));
    append.mailbox = mailbox->id;
    append.flags = appending->storing.flags;
    append.internal_date = appending->storing.internal_date;
    if (appending->replaces > 0) {
        XIMSS_TRY(remove_old(call, appending, mailbox->id));
    }
    XIMSS_TRY(ximss_message_append(call->account, &append, appending->digest, &uid, call->pool));
    if (appending->report) {
        ximss_call_message(call, "messageAdded");
        ximss_xml_attr(call->out, "folder", folder->name);
        ximss_xml_attr_int(call->out, "UID", uid);
        ximss_xml_end(call->out);
    }
    return NULL;
}

const ximss_error_t *ximss_op_message_append(ximss_call_t *call)
{
    const ximss_appending_t *appending = call->prepared;
    if (ximss_element_attr(call->request, "folder") != NULL) {
        return append_to_folder(call, appending);
    }
    return ximss_op_append_copy(call, appending->digest, NULL);
}
