/* messageSubmit: composes a message, puts it into the outbox, and perhaps a copy into a mailbox, in one commit (protocol
 * text, Message Operations). Addresses of Bcc get the message and do not stand in it. */
#include "op/compose.h"
#include "op/handlers.h"
#include "op/submission.h"
#include "submit/transport.h"

#include <apr_cstr.h>
#include <apr_strings.h>

/* ---- who sends it ---- */

static ximss_attr_t *make_attr(const char *name, const char *value, apr_pool_t *pool)
{
    ximss_attr_t *attr = apr_pcalloc(pool, sizeof(*attr));
    attr->name = name;
    attr->value = value;
    return attr;
}

/* An element NAME that holds TEXT. */
static ximss_element_t *make_element(const char *name, const char *text, apr_pool_t *pool)
{
    ximss_element_t *element = apr_pcalloc(pool, sizeof(*element));
    element->name = name;
    element->children = apr_pcalloc(pool, sizeof(*element));
    element->children->text = text;
    return element;
}

/* FROM, or what stands in its place when its address is not the account's: its name with the account's own. */
static const ximss_error_t *check_from(ximss_call_t *call, ximss_element_t *from)
{
    const char *address = ximss_element_word(from, call->pool);
    int own;
    XIMSS_TRY(ximss_submission_own(call, address, &own));
    if (own) {
        return NULL;
    }
    if (!call->context->rewrite_sender) {
        return ximss_error(call->pool, XIMSS_E_SUBMISSION,
                           "%s \"%.100s\" is no address of this account", from->name, address);
    }
    from->children = make_element(from->name, call->session->user_name, call->pool)->children;
    return NULL;
}

static const ximss_error_t *add_from(ximss_call_t *call, ximss_element_t *email)
{
    ximss_element_t *from = make_element("From", call->session->user_name, call->pool);
    ximss_account_entry_t *entry;
    XIMSS_TRY(ximss_submission_account(call, &entry));
    if (entry->real_name != NULL) {
        from->attributes = make_attr("realName", entry->real_name, call->pool);
    }
    from->next = email->children;
    email->children = from;
    return NULL;
}

/* A copy of EMAIL that says who sends it: From, and Sender if there is one, are the account's. *SENDER is the address of
 * the first From. */
static const ximss_error_t *own_email(ximss_call_t *call, const ximss_element_t *email,
                                      ximss_element_t **copy, const char **sender)
{
    const ximss_element_t *child;
    ximss_element_t **link;
    *copy = apr_pmemdup(call->pool, email, sizeof(*email));
    link = &(*copy)->children;
    for (child = email->children; child != NULL; child = child->next) {
        *link = apr_pmemdup(call->pool, child, sizeof(*child));
        if (child->name != NULL &&
            (ximss_element_is(child, "From") || ximss_element_is(child, "Sender"))) {
            XIMSS_TRY(check_from(call, *link));
        }
        link = &(*link)->next;
    }
    if (ximss_element_child(*copy, "From") == NULL) {
        XIMSS_TRY(add_from(call, *copy));
    }
    *sender = ximss_element_word(ximss_element_child(*copy, "From"), call->pool);
    return NULL;
}

/* What was composed is looked at again: whatever a reader takes for the authors is the user. */
static const ximss_error_t *check_authors(ximss_call_t *call, const ximss_composed_t *composed)
{
    int own = composed->from->nelts > 0;
    int i;
    for (i = 0; i < composed->from->nelts && own; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(composed->from, i, ximss_address_t);
        XIMSS_TRY(ximss_submission_own(call, address->addr, &own));
    }
    return own ? NULL
               : ximss_error(call->pool, XIMSS_E_SUBMISSION,
                             "the message is not from an address of this account");
}

/* ---- to whom ---- */

/* Envelope-To, else the addresses of To, Cc and Bcc. */
static const ximss_error_t *add_recipients(ximss_submission_t *submission,
                                           const ximss_composed_t *composed)
{
    int i;
    XIMSS_TRY(ximss_submission_add_elements(submission, "Envelope-To"));
    if (submission->recipients->nelts > 0) {
        return NULL;
    }
    for (i = 0; i < composed->recipients->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(composed->recipients, i, ximss_address_t);
        XIMSS_TRY(ximss_submission_add(submission, address->addr));
    }
    return NULL;
}

const ximss_error_t *ximss_op_message_submit_prepare(ximss_call_t *call)
{
    const ximss_element_t *given = ximss_element_child(call->request, "EMail");
    const char *dsn = ximss_element_attr(call->request, "useDSN");
    ximss_submission_t *submission;
    ximss_composed_t *composed;
    ximss_element_t *email;
    const char *sender;
    if (given == NULL) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "there is no EMail element");
    }
    XIMSS_TRY(ximss_submission_plain(call, given));
    XIMSS_TRY(own_email(call, given, &email, &sender));
    XIMSS_TRY(ximss_op_compose(call, email, &composed));
    XIMSS_TRY(check_authors(call, composed));
    submission = ximss_submission_make(call, sender);
    if (dsn != NULL && apr_cstr_casecmp(dsn, "yes") == 0) {
        submission->notify = XIMSS_NOTIFY_SUCCESS | XIMSS_NOTIFY_FAILURE;
    }
    XIMSS_TRY(add_recipients(submission, composed));
    call->prepared = submission;
    return ximss_submission_prepare(submission, composed->data, composed->length);
}

const ximss_error_t *ximss_op_message_submit(ximss_call_t *call)
{
    ximss_submission_t *submission = call->prepared;
    apr_uint32_t uid;
    if (ximss_element_attr(call->request, "targetMailbox") != NULL) {
        XIMSS_TRY(ximss_op_append_copy(call, submission->digest, &uid));
    }
    return ximss_submission_put(submission);
}
