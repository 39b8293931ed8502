/* Delivers one message to one account, see deliver.h. All that takes time - the trace fields, parsing, hashing -
 * is done before the account's write lock is taken. */
#include "submit/deliver.h"

#include "base/text.h"
#include "mime/addr_spec.h"
#include "submit/trace.h"

#include <string.h>

/* ---- room ---- */

/* SIZE more bytes into ACCOUNT. What could never fit is another error than what may fit after a clean-up. */
static const ximss_error_t *check_room(ximss_account_t *account, apr_int64_t size, apr_pool_t *pool)
{
    apr_int64_t used;
    apr_int64_t quota;

    XIMSS_TRY(ximss_account_usage(account, &used, &quota, pool));
    if (quota < 0) {
        return NULL;
    }
    if (size > quota) {
        return ximss_error(pool, XIMSS_E_LIMIT, "the message is larger than the account's quota");
    }
    return size > quota - used ? ximss_error(pool, XIMSS_E_OVER_QUOTA, NULL) : NULL;
}

static const ximss_error_t *check_size(const ximss_limits_t *limits, apr_int64_t size,
                                       apr_pool_t *pool)
{
    return size <= (apr_int64_t)limits->message_bytes
               ? NULL
               : ximss_error(pool, XIMSS_E_LIMIT, "a message has at most %" APR_SIZE_T_FMT " bytes",
                             limits->message_bytes);
}

const ximss_error_t *ximss_deliver_room(ximss_store_t *store, const ximss_limits_t *limits,
                                        const ximss_account_entry_t *entry, apr_int64_t size,
                                        apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;

    XIMSS_TRY(check_size(limits, size, pool));
    XIMSS_TRY(ximss_account_checkout(&account, store, entry->id, pool));
    error = check_room(account, size > 0 ? size : 1, pool);
    ximss_account_return(account);
    return error;
}

/* ---- mailbox ---- */

/* Contacts, notes and the like are not for strangers to fill. */
static int takes_mail(const ximss_mailbox_t *mailbox)
{
    return !mailbox->pure && mailbox->mail_class[0] == '\0';
}

/* The mailbox that DETAIL names in another letter case; NULL: none. */
static const ximss_error_t *find_folded(ximss_account_t *account, const char *detail,
                                        const ximss_mailbox_t **found, apr_pool_t *pool)
{
    const char *wanted = ximss_text_fold(detail, strlen(detail), NULL, pool);
    apr_array_header_t *mailboxes;
    int i;

    *found = NULL;
    XIMSS_TRY(ximss_mailbox_list(account, &mailboxes, pool));
    for (i = 0; i < mailboxes->nelts && *found == NULL; i++) {
        const ximss_mailbox_t *mailbox = APR_ARRAY_IDX(mailboxes, i, const ximss_mailbox_t *);

        if (takes_mail(mailbox) &&
            strcmp(ximss_text_fold(mailbox->name, strlen(mailbox->name), NULL, pool), wanted) ==
                0) {
            *found = mailbox;
        }
    }
    return NULL;
}

/* The mailbox of mail that DETAIL names; NULL: none. */
static const ximss_error_t *find_mailbox(ximss_account_t *account, const char *detail,
                                         const ximss_mailbox_t **found, apr_pool_t *pool)
{
    ximss_mailbox_t *exact;
    const ximss_error_t *error;

    *found = NULL;
    if (detail[0] == '\0' || !ximss_text_ok(detail, strlen(detail))) {
        return NULL;
    }
    error = ximss_mailbox_find(account, detail, &exact, pool);
    if (error != NULL && error->code != XIMSS_E_NO_MAILBOX) {
        return error;
    }
    if (error == NULL && takes_mail(exact)) {
        *found = exact;
        return NULL;
    }
    return find_folded(account, detail, found, pool);
}

static const ximss_error_t *choose_mailbox(ximss_account_t *account, const char *detail,
                                           apr_int64_t *id, apr_pool_t *pool)
{
    const ximss_mailbox_t *named;
    ximss_mailbox_t *inbox;

    XIMSS_TRY(find_mailbox(account, detail, &named, pool));
    if (named == NULL) {
        XIMSS_TRY(ximss_mailbox_find(account, "INBOX", &inbox, pool));
        named = inbox;
    }
    *id = named->id;
    return NULL;
}

/* ---- delivery ---- */

/* What is known of a delivery when the write lock is taken. */
typedef struct job_t {
    const ximss_delivery_t *delivery;
    const char *recipient;
    const char *detail;
    const ximss_digest_t *digest;
} job_t;

/* Whether the sender's outbox tries it again after it was done. */
static const ximss_error_t *is_known(ximss_account_t *account, const job_t *job, int *known,
                                     apr_pool_t *pool)
{
    const ximss_delivery_key_t key = {job->delivery->origin, job->delivery->origin_id,
                                      job->recipient, job->delivery->time};
    int is_new = 1;

    if (key.origin != NULL) {
        XIMSS_TRY(ximss_account_delivery_put(account, &key, &is_new, pool));
    }
    *known = !is_new;
    return NULL;
}

static const ximss_error_t *write_message(ximss_account_t *account, const job_t *job,
                                          apr_pool_t *pool)
{
    ximss_append_t append = {.internal_date = job->delivery->time, .flags = {.keywords = ""}};
    apr_uint32_t uid;
    int known;

    XIMSS_TRY(is_known(account, job, &known, pool));
    if (known) {
        return NULL;
    }
    XIMSS_TRY(check_room(account, (apr_int64_t)job->digest->length, pool));
    XIMSS_TRY(choose_mailbox(account, job->detail, &append.mailbox, pool));
    return ximss_message_append(account, &append, job->digest, &uid, pool);
}

static const ximss_error_t *write_and_commit(ximss_account_t *account, const job_t *job,
                                             apr_pool_t *pool)
{
    const ximss_error_t *error;

    XIMSS_TRY(ximss_account_begin_write(account, pool));
    error = write_message(account, job, pool);
    if (error == NULL) {
        error = ximss_account_commit(account, pool);
    }
    if (error != NULL) {
        ximss_account_rollback(account);
        return error;
    }
    ximss_account_tidy(account);
    return NULL;
}

const ximss_error_t *ximss_deliver(ximss_store_t *store, const ximss_limits_t *limits,
                                   const ximss_delivery_t *delivery, const char *recipient,
                                   apr_pool_t *pool)
{
    job_t job = {.delivery = delivery, .recipient = recipient};
    ximss_resolved_t resolved;
    ximss_account_t *account;
    const ximss_error_t *error;
    const char *data;
    apr_size_t length;

    XIMSS_TRY(check_size(limits, (apr_int64_t)delivery->length, pool));
    if (strlen(delivery->sender) > XIMSS_ADDR_MAX) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the sender's address is too long");
    }
    XIMSS_TRY(ximss_address_resolve(&resolved, store, recipient, pool));
    if (resolved.entry == NULL) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, "this server has no such domain");
    }
    job.detail = resolved.detail;
    XIMSS_TRY(ximss_trace_write(&data, &length, delivery, recipient, limits, pool));
    job.digest = ximss_digest_make(data, length, limits, pool);
    XIMSS_TRY(ximss_account_checkout(&account, store, resolved.entry->id, pool));
    error = write_and_commit(account, &job, pool);
    ximss_account_return(account);
    return error;
}

/* ---- status ---- */

const char *ximss_deliver_status(const ximss_error_t *error)
{
    if (error == NULL) {
        return "250 2.1.5";
    }
    switch (error->code) {
    case XIMSS_E_NOT_FOUND:
        return "550 5.1.1";
    case XIMSS_E_BAD_REQUEST:
        return "553 5.1.3";
    case XIMSS_E_OVER_QUOTA:
        return "452 4.2.2";
    case XIMSS_E_LIMIT:
        return "552 5.2.3";
    case XIMSS_E_LOOP:
        return "554 5.4.6";
    case XIMSS_E_BUSY:
        return "451 4.2.0";
    default:
        return "451 4.3.0";
    }
}
