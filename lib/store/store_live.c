/* What an account keeps so that things are done once, as callers see it: batches, alerts, deliveries. */
#include "base/text.h"
#include "store/provider.h"

#include <string.h>

#define ALERT_BYTES 4096

static const ximss_mail_provider_t *mail(const ximss_account_t *account)
{
    return account->store->provider->mail;
}

const ximss_error_t *ximss_account_batch_get(ximss_account_t *account, apr_int64_t session,
                                             ximss_batch_row_t *row, apr_pool_t *pool)
{
    return mail(account)->batch_get(account, session, row, pool);
}

static const ximss_error_t *need_write(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_account_in_write(account)
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "a change outside a write transaction");
}

const ximss_error_t *ximss_account_batch_put(ximss_account_t *account, const ximss_batch_row_t *row,
                                             apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->batch_put(account, row, pool);
}

/* Ends a write transaction in which ERROR came out. */
static const ximss_error_t *end_write(ximss_account_t *account, const ximss_error_t *error,
                                      apr_pool_t *pool)
{
    if (error == NULL) {
        error = ximss_account_commit(account, pool);
    }
    if (error != NULL) {
        ximss_account_rollback(account);
    }
    return error;
}

const ximss_error_t *ximss_account_alert_post(ximss_account_t *account, const char *text,
                                              apr_int64_t now, apr_pool_t *pool)
{
    ximss_alert_t alert = {.time = now, .text = text};
    apr_size_t length = strlen(text);

    if (length == 0 || length > ALERT_BYTES || ximss_text_clean(text, &length, pool) != text) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "the text of an alert is UTF-8 of 1 to %d bytes", ALERT_BYTES);
    }
    XIMSS_TRY(ximss_account_begin_write(account, pool));
    return end_write(account, mail(account)->alert_put(account, &alert, pool), pool);
}

const ximss_error_t *ximss_account_alerts(ximss_account_t *account, apr_int64_t after,
                                          apr_array_header_t **alerts, apr_pool_t *pool)
{
    return mail(account)->alert_list(account, after, alerts, pool);
}

const ximss_error_t *ximss_account_alerts_confirm(ximss_account_t *account, apr_int64_t last,
                                                  apr_pool_t *pool)
{
    XIMSS_TRY(ximss_account_begin_write(account, pool));
    return end_write(account, mail(account)->alert_confirm(account, last, pool), pool);
}

const ximss_error_t *ximss_account_delivery_put(ximss_account_t *account,
                                                const ximss_delivery_key_t *key, int *is_new,
                                                apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->delivery_put(account, key, is_new, pool);
}
