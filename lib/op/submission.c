/* See submission.h. The order of things is that of ARCHITECTURE.md: the hint in the directory, the commit that is
 * the promise, deliveries to accounts here, the queue. */
#include "op/submission.h"

#include "base/log.h"
#include "mime/header_out.h"
#include "op/handlers.h"
#include "submit/deliver.h"
#include "submit/sending.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* Seconds until the queue looks after recipients that are accounts here: they have their mail long before. */
#define LOCAL_DELAY 30

/* Longest address (RFC 5321, 4.5.3.1: local part and domain). */
#define ADDRESS_MAX 320

ximss_submission_t *ximss_submission_make(ximss_call_t *call, const char *sender)
{
    ximss_submission_t *submission = apr_pcalloc(call->pool, sizeof(*submission));
    submission->call = call;
    submission->sender = sender;
    submission->recipients = apr_array_make(call->pool, 4, sizeof(ximss_outbox_recipient_t));
    submission->seen = apr_hash_make(call->pool);
    return submission;
}

/* ---- recipients ---- */

static const ximss_error_t *bad_recipient(ximss_call_t *call, const char *address, const char *why)
{
    return ximss_error(call->pool, XIMSS_E_SUBMISSION, "recipient \"%.100s\": %s", address, why);
}

/* ADDRESS with its domain in lower case. */
static const char *fold_domain(const char *address, apr_pool_t *pool)
{
    char *folded = apr_pstrdup(pool, address);
    char *p;
    for (p = strrchr(folded, '@'); *p != '\0'; p++) {
        *p = (char)apr_tolower(*p);
    }
    return folded;
}

/* What two addresses of the same mailbox have in common. */
static const ximss_error_t *find_key(ximss_call_t *call, const char *address, const char **key,
                                     int *local)
{
    ximss_resolved_t resolved = {0};
    const ximss_error_t *error =
        ximss_address_resolve(&resolved, call->context->store, address, call->pool);
    if (error != NULL && error->code == XIMSS_E_NOT_FOUND) {
        return bad_recipient(call, address, "there is no such user");
    }
    if (error != NULL) {
        return error->code == XIMSS_E_BAD_REQUEST ? bad_recipient(call, address, error->text)
                                                  : error;
    }
    *local = resolved.is_local;
    *key = resolved.is_local
               ? apr_pstrcat(call->pool, resolved.entry->id, "+", resolved.detail, NULL)
               : fold_domain(address, call->pool);
    return NULL;
}

const ximss_error_t *ximss_submission_add(ximss_submission_t *submission, const char *address)
{
    ximss_call_t *call = submission->call;
    ximss_outbox_recipient_t *recipient;
    const char *key = NULL;
    int local = 0;
    if (strchr(address, '@') == NULL || strlen(address) > ADDRESS_MAX || !ximss_addr_ok(address)) {
        return bad_recipient(call, address, "this is no mail address");
    }
    XIMSS_TRY(find_key(call, address, &key, &local));
    if (apr_hash_get(submission->seen, key, APR_HASH_KEY_STRING) != NULL) {
        return NULL;
    }
    if (submission->recipients->nelts >= call->context->limits->recipients) {
        return ximss_error(call->pool, XIMSS_E_LIMIT, "a message may have %d recipients at most",
                           call->context->limits->recipients);
    }
    apr_hash_set(submission->seen, key, APR_HASH_KEY_STRING, key);
    recipient = apr_array_push(submission->recipients);
    memset(recipient, 0, sizeof(*recipient));
    recipient->address = address;
    submission->remote |= !local;
    return NULL;
}

const ximss_error_t *ximss_submission_add_elements(ximss_submission_t *submission, const char *name)
{
    ximss_call_t *call = submission->call;
    const ximss_element_t *element;
    for (element = ximss_element_child(call->request, name); element != NULL;
         element = ximss_element_next(element, name)) {
        XIMSS_TRY(ximss_submission_add(submission, ximss_element_word(element, call->pool)));
    }
    return NULL;
}

/* ---- the message ---- */

const ximss_error_t *ximss_submission_prepare(ximss_submission_t *submission, const char *data,
                                              apr_size_t length)
{
    ximss_call_t *call = submission->call;
    const ximss_limits_t *limits = call->context->limits;
    const apr_int64_t now = call->context->clock();
    if (submission->recipients->nelts == 0) {
        return ximss_error(call->pool, XIMSS_E_SUBMISSION, "the message has no recipients");
    }
    if (length > limits->message_bytes) {
        return ximss_error(call->pool, XIMSS_E_LIMIT,
                           "a message may have %" APR_SIZE_T_FMT " bytes at most",
                           limits->message_bytes);
    }
    submission->digest = ximss_digest_make(data, length, limits, call->pool);
    return ximss_outbox_announce(call->context->store, call->session->account_id,
                                 submission->remote ? now : now + LOCAL_DELAY, now, call->pool);
}

/* What is left to do after the commit. */
typedef struct after_t {
    const ximss_context_t *context;
    const char *account_id;
    ximss_outbox_message_t message;
} after_t;

/* Whatever fails here waits in the outbox for the queue. */
static void deliver_now(void *baton, ximss_account_t *account, apr_pool_t *pool)
{
    const after_t *after = baton;
    const ximss_error_t *error;
    ximss_sending_t sending = {.store = after->context->store,
                               .limits = after->context->limits,
                               .patience = XIMSS_PATIENCE_DEFAULT,
                               .clock = after->context->clock,
                               .account_id = after->account_id,
                               .account = account,
                               .message = after->message};
    error = ximss_sending_local(&sending, pool);
    if (error == NULL) {
        error = ximss_sending_report(&sending, pool);
    }
    if (error != NULL) {
        ximss_log(XIMSS_LOG_WARN, 5006, "message %" APR_INT64_T_FMT " of account %s waits: %s",
                  after->message.id, after->account_id, ximss_error_log_line(error, pool));
    }
}

const ximss_error_t *ximss_submission_put(ximss_submission_t *submission)
{
    ximss_call_t *call = submission->call;
    apr_pool_t *pool = ximss_call_batch_pool(call);
    const apr_int64_t now = call->context->clock();
    after_t *after = apr_pcalloc(pool, sizeof(*after));
    int i;
    XIMSS_TRY(ximss_outbox_charge(call->account, now, call->context->limits->submissions_hour,
                                  call->pool));
    for (i = 0; i < submission->recipients->nelts; i++) {
        ximss_outbox_recipient_t *recipient =
            &APR_ARRAY_IDX(submission->recipients, i, ximss_outbox_recipient_t);
        recipient->notify = submission->notify;
        recipient->due = now;
    }
    after->message.time = now;
    after->message.sender = apr_pstrdup(pool, submission->sender);
    XIMSS_TRY(ximss_outbox_add(call->account, &after->message, submission->digest,
                               submission->recipients, call->pool));
    after->context = call->context;
    after->account_id = apr_pstrdup(pool, call->session->account_id);
    ximss_call_after_commit(call, deliver_now, after);
    return NULL;
}

/* ---- who sends, and what ---- */

const ximss_error_t *ximss_submission_own(ximss_call_t *call, const char *address, int *own)
{
    ximss_resolved_t resolved = {0};
    const ximss_error_t *error =
        ximss_address_resolve(&resolved, call->context->store, address, call->pool);
    if (error != NULL && error->code != XIMSS_E_NOT_FOUND && error->code != XIMSS_E_BAD_REQUEST) {
        return error;
    }
    *own = error == NULL && resolved.entry != NULL && ximss_addr_ok(address) &&
           strcmp(resolved.entry->id, call->session->account_id) == 0;
    return NULL;
}

const ximss_error_t *ximss_submission_account(ximss_call_t *call, ximss_account_entry_t **entry)
{
    XIMSS_TRY(
        ximss_account_find(call->context->store, call->session->user_name, entry, call->pool));
    return *entry != NULL ? NULL
                          : ximss_error_detail(call->pool, XIMSS_E_INTERNAL, "%s has no account",
                                               call->session->user_name);
}

const ximss_error_t *ximss_submission_original(ximss_call_t *call, ximss_original_t *original)
{
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    XIMSS_TRY(ximss_op_number(call, "UID", APR_UINT32_MAX, 0, &original->uid));
    XIMSS_TRY(ximss_op_folder(call, &folder, &mailbox));
    XIMSS_TRY(ximss_op_message(call->account, folder, folder->mailbox, (apr_uint32_t)original->uid,
                               &original->row, call->pool));
    original->folder = folder->name;
    original->mailbox = folder->mailbox;
    return ximss_blob_read(call->account, original->row.blob, 0, (apr_size_t)original->row.size,
                           &original->data, call->pool);
}

static int says_yes(const ximss_element_t *element, const char *name)
{
    const char *value = ximss_element_attr(element, name);
    return value != NULL && apr_cstr_casecmp(value, "yes") == 0;
}

const ximss_error_t *ximss_submission_plain(ximss_call_t *call, const ximss_element_t *element)
{
    return says_yes(element, "sign") || says_yes(element, "encrypt")
               ? ximss_error(call->pool, XIMSS_E_SMIME, NULL)
               : NULL;
}
