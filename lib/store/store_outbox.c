/* The outbox as its callers see it, and the rules of the hint. */
#include "store/outbox.h"

#include "store/names.h"
#include "store/provider.h"

static const ximss_outbox_provider_t *outbox(const ximss_store_t *store)
{
    return store->provider->outbox;
}

static const ximss_error_t *need_write(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_account_in_write(account)
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "a change outside a write transaction");
}

const ximss_error_t *ximss_outbox_add(ximss_account_t *account, ximss_outbox_message_t *message,
                                      const ximss_digest_t *digest, apr_array_header_t *recipients,
                                      apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    if (recipients->nelts == 0) {
        return ximss_error(pool, XIMSS_E_SUBMISSION, "the message has no recipients");
    }
    return outbox(account->store)->add(account, message, digest, recipients, pool);
}

const ximss_error_t *ximss_outbox_list(ximss_account_t *account, apr_int64_t now, int all,
                                       apr_array_header_t **messages, apr_pool_t *pool)
{
    return outbox(account->store)->list(account, now, all, messages, pool);
}

const ximss_error_t *ximss_outbox_recipients(ximss_account_t *account, apr_int64_t id,
                                             apr_array_header_t **recipients, apr_pool_t *pool)
{
    return outbox(account->store)->recipients(account, id, recipients, pool);
}

const ximss_error_t *ximss_outbox_save(ximss_account_t *account,
                                       const ximss_outbox_recipient_t *recipient, apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return outbox(account->store)->save(account, recipient, pool);
}

const ximss_error_t *ximss_outbox_remove(ximss_account_t *account, apr_int64_t recipient,
                                         apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return outbox(account->store)->remove(account, recipient, pool);
}

const ximss_error_t *ximss_outbox_due(ximss_account_t *account, apr_int64_t *due, apr_pool_t *pool)
{
    return outbox(account->store)->due(account, due, pool);
}

const ximss_error_t *ximss_outbox_charge(ximss_account_t *account, apr_int64_t now, int limit,
                                         apr_pool_t *pool)
{
    apr_int64_t messages;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(outbox(account->store)->charge(account, now, &messages, pool));
    return messages <= limit
               ? NULL
               : ximss_error(pool, XIMSS_E_LIMIT,
                             "%d messages were sent in this hour, no more are allowed", limit);
}

/* ---- the hint ---- */

const ximss_error_t *ximss_outbox_announce(ximss_store_t *store, const char *account,
                                           apr_int64_t due, apr_int64_t now, apr_pool_t *pool)
{
    ximss_outbox_hint_t hint = {.account = account};
    int found;

    if (!ximss_name_id_ok(account)) {
        return ximss_error_detail(pool, XIMSS_E_NOT_FOUND, "no account id");
    }
    XIMSS_TRY(outbox(store)->hint_get(store, &hint, &found, pool));
    /* half of the grace is left for what follows */
    if (found && hint.due <= due && hint.stamp > now - XIMSS_OUTBOX_GRACE / 2 &&
        hint.stamp <= now) {
        return NULL;
    }
    hint.due = due;
    hint.stamp = now;
    return outbox(store)->hint_put(store, &hint, pool);
}

const ximss_error_t *ximss_outbox_hints(ximss_store_t *store, apr_int64_t now,
                                        apr_array_header_t **hints, apr_pool_t *pool)
{
    ximss_outbox_hint_t all = {.account = ""};
    int found;

    XIMSS_TRY(outbox(store)->hint_get(store, &all, &found, pool));
    if (!found) {
        XIMSS_TRY(outbox(store)->hint_put(store, &all, pool));
    }
    return outbox(store)->hint_list(store, now, hints, pool);
}

const ximss_error_t *ximss_outbox_settle(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                         apr_int64_t next, apr_int64_t now, apr_pool_t *pool)
{
    const apr_int64_t grace = hint->stamp + XIMSS_OUTBOX_GRACE;

    if (grace > now && (next < 0 || next > grace)) {
        next = grace;
    }
    return outbox(store)->hint_settle(store, hint, next, pool);
}
