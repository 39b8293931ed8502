/* messageConfirm: tells the sender of a message that it was displayed (RFC 8098), once, and where that is safe: a mail
 * list, a robot or a forger would turn confirmations into a tool (security of RFC 8098, 2.1 and 6). */
#include "mime/structure.h"
#include "op/handlers.h"
#include "op/submission.h"
#include "store/prefs.h"
#include "submit/report.h"
#include "submit/transport.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

typedef struct confirmation_t {
    ximss_submission_t *submission;
    ximss_original_t original;
    int automatic; /* nobody was asked */
} confirmation_t;

static const ximss_error_t *refuse(ximss_call_t *call, const char *why)
{
    return ximss_error(call->pool, XIMSS_E_SUBMISSION, "no confirmation: %s", why);
}

/* ---- what the user wants ---- */

static const ximss_error_t *read_type(ximss_call_t *call, int *automatic)
{
    const char *type = ximss_element_attr(call->request, "type");
    *automatic = type == NULL || apr_cstr_casecmp(type, "auto") == 0;
    return *automatic || apr_cstr_casecmp(type, "manual") == 0
               ? NULL
               : ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                             "attribute \"type\" must be auto or manual");
}

static const ximss_error_t *check_mode(ximss_call_t *call, int automatic)
{
    const char *mode;
    XIMSS_TRY(ximss_prefs_get(call->account, "SendMDNMode", &mode, call->pool));
    if (apr_cstr_casecmp(mode, "Automatically") == 0 ||
        (!automatic && apr_cstr_casecmp(mode, "Manually") == 0)) {
        return NULL;
    }
    return refuse(call, "the preference SendMDNMode forbids it");
}

/* ---- what the message is ---- */

/* Whether field NAME begins with WORD, comments and parameters behind it left alone. */
static int field_says(const apr_array_header_t *fields, const char *name, const char *word)
{
    const ximss_field_t *field = ximss_fields_find(fields, name);
    apr_size_t length = strlen(word);
    return field != NULL && field->text != NULL &&
           apr_cstr_casecmpn(field->text, word, length) == 0 && !apr_isalnum(field->text[length]);
}

/* Whether it came from a list or a machine (RFC 2919, 3834). */
static int is_automatic(const ximss_part_t *top)
{
    static const char *const lists[] = {"List-Id", "List-Post", "List-Unsubscribe", "List-Help"};
    const ximss_field_t *field = ximss_fields_find(top->fields, "Auto-Submitted");
    apr_size_t i;
    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (ximss_fields_find(top->fields, lists[i]) != NULL) {
            return 1;
        }
    }
    return (field != NULL && !field_says(top->fields, "Auto-Submitted", "no")) ||
           field_says(top->fields, "Precedence", "bulk") ||
           field_says(top->fields, "Precedence", "list") ||
           field_says(top->fields, "Precedence", "junk") ||
           field_says(top->fields, "Content-Type", "multipart/report");
}

/* The only address of field NAME, NULL when it has none or several. */
static const char *single_address(const apr_array_header_t *fields, const char *name)
{
    const ximss_field_t *field = ximss_fields_find(fields, name);
    return field != NULL && field->addresses != NULL && field->addresses->nelts == 1
               ? APR_ARRAY_IDX(field->addresses, 0, ximss_address_t).addr
               : NULL;
}

/* Whether A and B are the same: letter case counts before the "@" only (RFC 8098, 2.1). */
static int same_address(const char *a, const char *b)
{
    const char *at_a = strrchr(a, '@');
    const char *at_b = strrchr(b, '@');
    return at_a != NULL && at_b != NULL && at_a - a == at_b - b &&
           strncmp(a, b, (apr_size_t)(at_a - a)) == 0 && apr_cstr_casecmp(at_a, at_b) == 0;
}

/* To whom the confirmation goes. */
static const ximss_error_t *find_receiver(ximss_call_t *call, const ximss_part_t *top,
                                          int automatic, const char **receiver)
{
    const char *sender = single_address(top->fields, "Return-Path");
    if (ximss_fields_find(top->fields, "Disposition-Notification-To") == NULL) {
        return refuse(call, "the message asks for none");
    }
    *receiver = single_address(top->fields, "Disposition-Notification-To");
    if (*receiver == NULL) {
        return refuse(call, "the message does not name one address for it");
    }
    if (is_automatic(top)) {
        return refuse(call, "the message came from a mail list or was made by a program");
    }
    if (automatic && (sender == NULL || !same_address(sender, *receiver))) {
        return refuse(call, "it would go to another address than the sender's; ask the user");
    }
    return NULL;
}

static const ximss_error_t *check_sent(ximss_call_t *call, const ximss_message_t *message)
{
    return message->flags.bits & XIMSS_FLAG_MDNSENT ? refuse(call, "it was sent already") : NULL;
}

/* ---- the confirmation ---- */

static const char *text_of(const apr_array_header_t *fields, const char *name, const char *missing)
{
    const ximss_field_t *field = ximss_fields_find(fields, name);
    return field != NULL && field->text != NULL ? field->text : missing;
}

static const ximss_error_t *make(ximss_call_t *call, const confirmation_t *confirmation,
                                 const ximss_part_t *top, const char *receiver)
{
    const char *at = strrchr(call->session->user_name, '@');
    const ximss_address_t to = {NULL, receiver};
    ximss_address_t from;
    ximss_account_entry_t *entry;
    ximss_mdn_t mdn = {.message = {.data = confirmation->original.data,
                                   .length = (apr_size_t)confirmation->original.row.size,
                                   .host = at != NULL ? at + 1 : "localhost",
                                   .now = call->context->clock(),
                                   .zone = call->zone},
                       .action = confirmation->automatic ? XIMSS_MDN_AUTOMATIC : XIMSS_MDN_MANUAL,
                       .from = &from,
                       .to = &to,
                       .original_recipient = text_of(top->fields, "Original-Recipient", NULL),
                       .message_id = text_of(top->fields, "Message-ID", ""),
                       .subject = text_of(top->fields, "Subject", "")};
    const char *data;
    apr_size_t length;
    XIMSS_TRY(ximss_submission_account(call, &entry));
    from.name = entry->real_name;
    from.addr = entry->name;
    XIMSS_TRY(ximss_mdn_make(&data, &length, &mdn, call->pool));
    return ximss_submission_prepare(confirmation->submission, data, length);
}

const ximss_error_t *ximss_op_message_confirm_prepare(ximss_call_t *call)
{
    confirmation_t *confirmation = apr_pcalloc(call->pool, sizeof(*confirmation));
    ximss_original_t *original = &confirmation->original;
    const char *receiver = NULL;
    const char *packed;
    apr_size_t length;
    ximss_part_t *top;
    XIMSS_TRY(read_type(call, &confirmation->automatic));
    XIMSS_TRY(check_mode(call, confirmation->automatic));
    XIMSS_TRY(ximss_submission_original(call, original));
    XIMSS_TRY(check_sent(call, &original->row));
    XIMSS_TRY(
        ximss_blob_structure(call->account, original->row.blob, &packed, &length, call->pool));
    XIMSS_TRY(ximss_structure_unpack(&top, packed, length, call->pool));
    XIMSS_TRY(find_receiver(call, top, confirmation->automatic, &receiver));
    confirmation->submission = ximss_submission_make(call, "");
    confirmation->submission->notify = XIMSS_NOTIFY_NEVER;
    XIMSS_TRY(ximss_submission_add(confirmation->submission, receiver));
    call->prepared = confirmation;
    return make(call, confirmation, top, receiver);
}

const ximss_error_t *ximss_op_message_confirm(ximss_call_t *call)
{
    ximss_flag_change_t sent;
    const confirmation_t *confirmation = call->prepared;
    const apr_uint32_t uid = (apr_uint32_t)confirmation->original.uid;
    apr_size_t changed;
    XIMSS_TRY(ximss_flags_parse(&sent, "MDNSent", 0, call->pool));
    XIMSS_TRY(ximss_message_mark(call->account, confirmation->original.mailbox, &uid, 1, &sent,
                                 &changed, call->pool));
    if (changed == 0) {
        return refuse(call, "it was sent already, or the message is gone");
    }
    return ximss_submission_put(confirmation->submission);
}
