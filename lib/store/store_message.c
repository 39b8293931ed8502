/* The store as its callers see it, second half: messages, raw mail and orders. */
#include "store/provider.h"
#include "store/store.h"

static const ximss_mail_provider_t *mail(const ximss_account_t *account)
{
    return account->store->provider->mail;
}

static const ximss_error_t *need_write(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_account_in_write(account)
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "a change outside a write transaction");
}

static const ximss_error_t *need_order(ximss_order_t order, apr_pool_t *pool)
{
    return (unsigned int)order < XIMSS_ORDER_COUNT
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "unknown order %d", (int)order);
}

const ximss_error_t *ximss_message_append(ximss_account_t *account, const ximss_append_t *append,
                                          const ximss_digest_t *digest, apr_uint32_t *uid,
                                          apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->append(account, append, digest, uid, pool);
}

const ximss_error_t *ximss_message_known(ximss_account_t *account, apr_int64_t mailbox,
                                         const unsigned char *sha256, int *known, apr_pool_t *pool)
{
    return mail(account)->known(account, mailbox, sha256, known, pool);
}

const ximss_error_t *ximss_message_rows(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        ximss_message_fn_t fn, void *baton, apr_pool_t *pool)
{
    const ximss_uids_t chosen = {mailbox, uids, count};

    return mail(account)->rows(account, &chosen, fn, baton, pool);
}

const ximss_error_t *ximss_message_scan(ximss_account_t *account, apr_int64_t mailbox,
                                        apr_int64_t modseq, apr_uint32_t uid_min,
                                        ximss_message_fn_t fn, void *baton, apr_pool_t *pool)
{
    const ximss_selection_t selection = {mailbox, modseq, 0, uid_min};

    return mail(account)->walk(account, &selection, fn, baton, pool);
}

const ximss_error_t *ximss_message_changes(ximss_account_t *account, apr_int64_t mailbox,
                                           apr_int64_t since, ximss_message_fn_t fn, void *baton,
                                           apr_pool_t *pool)
{
    const ximss_selection_t selection = {mailbox, since, 1, 0};

    return mail(account)->walk(account, &selection, fn, baton, pool);
}

const ximss_error_t *ximss_message_mark(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        const ximss_flag_change_t *change, apr_size_t *changed,
                                        apr_pool_t *pool)
{
    const ximss_uids_t chosen = {mailbox, uids, count};
    apr_size_t done;

    XIMSS_TRY(need_write(account, pool));
    return mail(account)->mark(account, &chosen, change, changed != NULL ? changed : &done, pool);
}

const ximss_error_t *ximss_message_expunge(ximss_account_t *account, apr_int64_t mailbox,
                                           const apr_uint32_t *uids, apr_size_t count,
                                           apr_size_t *removed, apr_pool_t *pool)
{
    const ximss_uids_t chosen = {mailbox, uids, count};
    apr_size_t done;

    XIMSS_TRY(need_write(account, pool));
    return mail(account)->expunge(account, &chosen, removed != NULL ? removed : &done, pool);
}

const ximss_error_t *ximss_message_copy(ximss_account_t *account, apr_int64_t mailbox,
                                        const apr_uint32_t *uids, apr_size_t count,
                                        apr_int64_t target, apr_size_t *copied, apr_pool_t *pool)
{
    const ximss_uids_t chosen = {mailbox, uids, count};
    ximss_mailbox_t *found;
    apr_size_t done;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(ximss_mailbox_get(account, target, &found, pool));
    if (found->pure) {
        return ximss_error(pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    return mail(account)->copy(account, &chosen, target, copied != NULL ? copied : &done, pool);
}

const ximss_error_t *ximss_blob_structure(ximss_account_t *account, apr_int64_t blob,
                                          const char **data, apr_size_t *length, apr_pool_t *pool)
{
    return mail(account)->blob_structure(account, blob, data, length, pool);
}

const ximss_error_t *ximss_blob_read(ximss_account_t *account, apr_int64_t blob, apr_int64_t offset,
                                     apr_size_t length, const char **data, apr_pool_t *pool)
{
    return mail(account)->blob_read(account, blob, offset, length, data, pool);
}

const ximss_error_t *ximss_order_blocks(ximss_account_t *account, apr_int64_t mailbox,
                                        ximss_order_t order, apr_array_header_t **blocks,
                                        apr_pool_t *pool)
{
    XIMSS_TRY(need_order(order, pool));
    return mail(account)->order_blocks(account, mailbox, order, blocks, pool);
}

const ximss_error_t *ximss_order_uids(ximss_account_t *account, apr_int64_t mailbox,
                                      ximss_order_t order, apr_int64_t modseq,
                                      const ximss_block_t *block, apr_size_t skip, apr_size_t count,
                                      apr_uint32_t *uids, apr_size_t *found, apr_pool_t *pool)
{
    const ximss_slice_t slice = {mailbox, order, modseq, block, skip, count};

    XIMSS_TRY(need_order(order, pool));
    return mail(account)->order_uids(account, &slice, uids, found, pool);
}
