/* See lmtp_store.h. */
#include "submit/lmtp_store.h"

#include "base/log.h"

/* A fault of ours is for the administrator to see; what a sender did wrong he is told. */
static const ximss_error_t *log_fault(const char *address, const ximss_error_t *error,
                                      apr_pool_t *pool)
{
    if (error != NULL && error->code == XIMSS_E_INTERNAL) {
        ximss_log(XIMSS_LOG_ERROR, 5501, "mail to %.300s is put off: %s", address,
                  ximss_error_log_line(error, pool));
    }
    return error;
}

static const ximss_error_t *look(const ximss_lmtp_store_t *store, const char *address,
                                 apr_int64_t size, const char **account, apr_pool_t *pool)
{
    ximss_resolved_t resolved;

    XIMSS_TRY(ximss_address_resolve(&resolved, store->store, address, pool));
    if (resolved.entry == NULL) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, "this server has no such domain");
    }
    *account = resolved.entry->id;
    return ximss_deliver_room(store->store, store->limits, resolved.entry, size, pool);
}

static const ximss_error_t *recipient(void *mail, const char *address, apr_int64_t size,
                                      const char **account, apr_pool_t *pool)
{
    return log_fault(address, look(mail, address, size, account, pool), pool);
}

static const ximss_error_t *deliver(void *mail, const ximss_delivery_t *delivery,
                                    const char *address, apr_pool_t *pool)
{
    const ximss_lmtp_store_t *store = mail;
    const ximss_error_t *error =
        ximss_deliver(store->store, store->limits, delivery, address, pool);

    ximss_log(XIMSS_LOG_INFO, 0,
              "LMTP from %s: <%.300s> to <%.300s>, %" APR_SIZE_T_FMT " bytes: %s",
              delivery->received->address, delivery->sender, address, delivery->length,
              error != NULL ? error->text : "delivered");
    return log_fault(address, error, pool);
}

void ximss_lmtp_into_store(ximss_lmtp_server_t *server, ximss_lmtp_store_t *store)
{
    server->mail = store;
    server->recipient = recipient;
    server->deliver = deliver;
}
