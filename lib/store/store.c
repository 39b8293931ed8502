/* The store as its callers see it: checks arguments, names and transactions, then forwards to the backend.
 * The list of backends stands here. */
#include "store/store.h"
#include "store/names.h"
#include "store/provider.h"

#include <apr_strings.h>
#include <string.h>

enum { CLASS_MAX_BYTES = 255 };

const ximss_provider_t *const ximss_providers[] = {
    &ximss_provider_sqlite,
    NULL,
};

/* ---- opening ---- */

static const ximss_error_t *unknown_provider(const char *name, apr_pool_t *pool)
{
    const char *known = "";
    int i;

    for (i = 0; ximss_providers[i] != NULL; i++) {
        known = apr_pstrcat(pool, known, " ", ximss_providers[i]->name, NULL);
    }
    return ximss_error(pool, XIMSS_E_BAD_REQUEST, "unknown store \"%s\", known:%s", name, known);
}

const ximss_error_t *ximss_store_open(ximss_store_t **store, const char *provider,
                                      const char *data_dir, const ximss_store_options_t *options,
                                      apr_pool_t *pool)
{
    ximss_store_options_t chosen = {.handle_cache = 128, .lock_wait_ms = 5000, .tombstones = 256};
    int i;

    if (options != NULL) {
        chosen.server = options->server;
        chosen.changed = options->changed;
        chosen.changed_baton = options->changed_baton;
        chosen.oldest_view = options->oldest_view;
        chosen.oldest_view_baton = options->oldest_view_baton;
        chosen.tombstones = options->tombstones > 0 ? options->tombstones : chosen.tombstones;
        chosen.handle_cache =
            options->handle_cache > 0 ? options->handle_cache : chosen.handle_cache;
        chosen.lock_wait_ms =
            options->lock_wait_ms > 0 ? options->lock_wait_ms : chosen.lock_wait_ms;
    }
    for (i = 0; ximss_providers[i] != NULL; i++) {
        if (strcmp(ximss_providers[i]->name, provider) == 0) {
            XIMSS_TRY(ximss_providers[i]->directory->open(store, data_dir, &chosen, pool));
            (*store)->provider = ximss_providers[i];
            (*store)->options = chosen;
            return NULL;
        }
    }
    return unknown_provider(provider, pool);
}

/* ---- changes ---- */

const ximss_error_t *ximss_account_changes(ximss_store_t *store, const char *id,
                                           ximss_changes_t *changes, apr_pool_t *pool)
{
    return store->provider->directory->changes(store, id, changes, pool);
}

apr_uint64_t ximss_changes_of(const ximss_changes_t *changes, apr_int64_t mailbox)
{
    return changes->all + changes->some[mailbox % XIMSS_CHANGE_COUNTERS];
}

/* ---- directory ---- */

const ximss_error_t *ximss_domain_create(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_fold(&name, name, pool));
    return store->provider->directory->domain_create(store, name, pool);
}

const ximss_error_t *ximss_domain_delete(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_fold(&name, name, pool));
    return store->provider->directory->domain_delete(store, name, pool);
}

const ximss_error_t *ximss_domain_list(ximss_store_t *store, apr_array_header_t **names,
                                       apr_pool_t *pool)
{
    return store->provider->directory->domain_list(store, names, pool);
}

const ximss_error_t *ximss_domain_exists(ximss_store_t *store, const char *name, int *exists,
                                         apr_pool_t *pool)
{
    *exists = 0;
    if (ximss_name_fold(&name, name, pool) != NULL) {
        return NULL;
    }
    return store->provider->directory->domain_exists(store, name, exists, pool);
}

const ximss_error_t *ximss_account_create(ximss_store_t *store, const ximss_account_entry_t *entry,
                                          const char **id, apr_pool_t *pool)
{
    ximss_account_entry_t folded = *entry;
    const char *domain;

    XIMSS_TRY(ximss_name_account(&folded.name, &domain, entry->name, pool));
    if (folded.verifier == NULL) {
        folded.verifier = "";
    }
    return store->provider->directory->account_create(store, &folded, domain, id, pool);
}

const ximss_error_t *ximss_account_find(ximss_store_t *store, const char *name,
                                        ximss_account_entry_t **entry, apr_pool_t *pool)
{
    const char *domain;

    *entry = NULL;
    if (ximss_name_account(&name, &domain, name, pool) != NULL) {
        return NULL;
    }
    return store->provider->directory->account_find(store, name, entry, pool);
}

const ximss_error_t *ximss_account_list(ximss_store_t *store, const char *domain,
                                        apr_array_header_t **entries, apr_pool_t *pool)
{
    if (domain != NULL) {
        int exists;

        XIMSS_TRY(ximss_name_fold(&domain, domain, pool));
        XIMSS_TRY(store->provider->directory->domain_exists(store, domain, &exists, pool));
        if (!exists) {
            return ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no domain %s", domain);
        }
    }
    return store->provider->directory->account_list(store, domain, entries, pool);
}

const ximss_error_t *ximss_account_update(ximss_store_t *store, const ximss_account_entry_t *entry,
                                          apr_pool_t *pool)
{
    ximss_account_entry_t folded = *entry;
    const char *domain;

    XIMSS_TRY(ximss_name_account(&folded.name, &domain, entry->name, pool));
    if (folded.verifier == NULL) {
        folded.verifier = "";
    }
    return store->provider->directory->account_update(store, &folded, pool);
}

int ximss_account_deleted(ximss_store_t *store, const char *id, const char *name, apr_pool_t *pool)
{
    ximss_account_entry_t *entry;

    if (!ximss_name_id_ok(id) || store->provider->directory->account_present(store, id, pool)) {
        return 0;
    }
    return ximss_account_find(store, name, &entry, pool) == NULL &&
           (entry == NULL || strcmp(entry->id, id) != 0);
}

const ximss_error_t *ximss_account_rename(ximss_store_t *store, const char *name,
                                          const char *new_name, apr_pool_t *pool)
{
    const char *domain;

    XIMSS_TRY(ximss_name_account(&name, &domain, name, pool));
    XIMSS_TRY(ximss_name_account(&new_name, &domain, new_name, pool));
    return store->provider->directory->account_rename(store, name, new_name, domain, pool);
}

const ximss_error_t *ximss_account_end_sessions(ximss_store_t *store, const char *id,
                                                apr_pool_t *pool)
{
    return store->provider->directory->account_restamp(store, id, pool);
}

apr_uint64_t ximss_account_stamp(ximss_store_t *store, const char *id, apr_pool_t *pool)
{
    return ximss_name_id_ok(id) ? store->provider->directory->account_stamp(store, id, pool) : 0;
}

const ximss_error_t *ximss_account_delete(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    const char *domain;

    XIMSS_TRY(ximss_name_account(&name, &domain, name, pool));
    return store->provider->directory->account_delete(store, name, pool);
}

/* ---- handles ---- */

static apr_status_t give_back(void *baton)
{
    ximss_account_t *account = baton;

    account->pool = NULL;
    account->store->provider->directory->give_back(account);
    return APR_SUCCESS;
}

const ximss_error_t *ximss_account_checkout(ximss_account_t **account, ximss_store_t *store,
                                            const char *id, apr_pool_t *pool)
{
    if (!ximss_name_id_ok(id)) {
        return ximss_error_detail(pool, XIMSS_E_NOT_FOUND, "no account id");
    }
    XIMSS_TRY(store->provider->directory->checkout(account, store, id, pool));
    (*account)->store = store;
    (*account)->pool = pool;
    apr_pool_cleanup_register(pool, *account, give_back, apr_pool_cleanup_null);
    return NULL;
}

void ximss_account_return(ximss_account_t *account)
{
    apr_pool_cleanup_run(account->pool, account, give_back);
}

static const ximss_mail_provider_t *mail(const ximss_account_t *account)
{
    return account->store->provider->mail;
}

/* What changes an account must be inside a write transaction. */
static const ximss_error_t *need_write(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_account_in_write(account)
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "a change outside a write transaction");
}

const ximss_error_t *ximss_account_begin_read(ximss_account_t *account, apr_pool_t *pool)
{
    if (ximss_account_in_transaction(account)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a transaction is open already");
    }
    return mail(account)->begin(account, 0, pool);
}

const ximss_error_t *ximss_account_begin_write(ximss_account_t *account, apr_pool_t *pool)
{
    if (ximss_account_in_write(account)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a write transaction is open already");
    }
    if (ximss_account_in_transaction(account)) {
        mail(account)->rollback(account);
    }
    return mail(account)->begin(account, 1, pool);
}

const ximss_error_t *ximss_account_commit(ximss_account_t *account, apr_pool_t *pool)
{
    if (!ximss_account_in_transaction(account)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no transaction to commit");
    }
    return mail(account)->commit(account, pool);
}

void ximss_account_rollback(ximss_account_t *account)
{
    mail(account)->rollback(account);
}

int ximss_account_in_transaction(ximss_account_t *account)
{
    return mail(account)->transaction(account) != XIMSS_TRANSACTION_NONE;
}

int ximss_account_in_write(ximss_account_t *account)
{
    return mail(account)->transaction(account) == XIMSS_TRANSACTION_WRITE;
}

const ximss_error_t *ximss_account_savepoint(ximss_account_t *account, apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->savepoint(account, XIMSS_SAVEPOINT_SET, pool);
}

const ximss_error_t *ximss_account_savepoint_release(ximss_account_t *account, apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->savepoint(account, XIMSS_SAVEPOINT_RELEASE, pool);
}

void ximss_account_savepoint_undo(ximss_account_t *account)
{
    apr_pool_t *scratch;

    if (!ximss_account_in_write(account)) {
        return;
    }
    apr_pool_create(&scratch, account->pool);
    if (mail(account)->savepoint(account, XIMSS_SAVEPOINT_UNDO, scratch) != NULL) {
        mail(account)->rollback(account);
    }
    apr_pool_destroy(scratch);
}

void ximss_account_tidy(ximss_account_t *account)
{
    if (!ximss_account_in_transaction(account)) {
        mail(account)->tidy(account);
    }
}

void ximss_account_time_limit(ximss_account_t *account, int seconds)
{
    mail(account)->time_limit(account, seconds);
}

/* ---- account data ---- */

const ximss_error_t *ximss_account_usage(ximss_account_t *account, apr_int64_t *used,
                                         apr_int64_t *quota, apr_pool_t *pool)
{
    return mail(account)->usage(account, used, quota, pool);
}

const ximss_error_t *ximss_account_record_login(ximss_account_t *account, const ximss_login_t *now,
                                                int failed, ximss_login_t *previous,
                                                apr_pool_t *pool)
{
    ximss_login_t last = {0, ""};
    ximss_login_t older;
    ximss_login_t failure;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_account_begin_write(account, pool));
    error = mail(account)->login_get(account, &last, &older, &failure, pool);
    if (error == NULL) {
        error = mail(account)->login_put(account, now, failed, pool);
    }
    if (error != NULL) {
        ximss_account_rollback(account);
        return error;
    }
    XIMSS_TRY(ximss_account_commit(account, pool));
    if (previous != NULL) {
        *previous = failed ? failure : last;
    }
    return NULL;
}

const ximss_error_t *ximss_account_logins(ximss_account_t *account, ximss_login_t *previous,
                                          ximss_login_t *failed, apr_pool_t *pool)
{
    ximss_login_t newest;

    return mail(account)->login_get(account, &newest, previous, failed, pool);
}

const ximss_error_t *ximss_account_pref(ximss_account_t *account, const char *name,
                                        const char **value, apr_pool_t *pool)
{
    return mail(account)->pref(account, name, value, pool);
}

const ximss_error_t *ximss_account_prefs(ximss_account_t *account, apr_array_header_t **prefs,
                                         apr_pool_t *pool)
{
    return mail(account)->pref_list(account, prefs, pool);
}

const ximss_error_t *ximss_account_pref_put(ximss_account_t *account, const ximss_pref_t *pref,
                                            apr_pool_t *pool)
{
    XIMSS_TRY(need_write(account, pool));
    return mail(account)->pref_put(account, pref, pool);
}

const ximss_error_t *ximss_account_check(ximss_account_t *account, int repair,
                                         const ximss_limits_t *limits,
                                         void (*report)(void *baton, const char *line), void *baton,
                                         ximss_check_t *result, apr_pool_t *pool)
{
    const ximss_check_run_t run = {repair, limits, report, baton};

    memset(result, 0, sizeof(*result));
    if (ximss_account_in_transaction(account)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a check inside a transaction");
    }
    return mail(account)->check(account, &run, result, pool);
}

/* ---- mailboxes ---- */

static const ximss_error_t *found_mailbox(const ximss_error_t *error,
                                          const ximss_mailbox_t *mailbox, apr_pool_t *pool)
{
    if (error != NULL) {
        return error;
    }
    return mailbox != NULL ? NULL : ximss_error(pool, XIMSS_E_NO_MAILBOX, NULL);
}

const ximss_error_t *ximss_mailbox_find(ximss_account_t *account, const char *name,
                                        ximss_mailbox_t **mailbox, apr_pool_t *pool)
{
    const ximss_error_t *error;

    *mailbox = NULL;
    name = ximss_name_inbox(name, pool);
    error = mail(account)->mailbox_find(account, name, 0, mailbox, pool);
    return found_mailbox(error, *mailbox, pool);
}

const ximss_error_t *ximss_mailbox_get(ximss_account_t *account, apr_int64_t id,
                                       ximss_mailbox_t **mailbox, apr_pool_t *pool)
{
    const ximss_error_t *error;

    *mailbox = NULL;
    error = mail(account)->mailbox_find(account, NULL, id, mailbox, pool);
    return found_mailbox(error, *mailbox, pool);
}

const ximss_error_t *ximss_mailbox_create(ximss_account_t *account, const char *name,
                                          const char *mail_class, apr_pool_t *pool)
{
    int pure;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(ximss_name_mailbox(&name, &pure, name, pool));
    if (mail_class != NULL && strlen(mail_class) > CLASS_MAX_BYTES) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "a mailbox class has at most %d bytes",
                           CLASS_MAX_BYTES);
    }
    return mail(account)->mailbox_create(account, name, pure, mail_class != NULL ? mail_class : "",
                                         pool);
}

const ximss_error_t *ximss_mailbox_rename(ximss_account_t *account, const char *name,
                                          const char *new_name, int children, apr_pool_t *pool)
{
    int pure;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(ximss_name_mailbox(&name, &pure, name, pool));
    XIMSS_TRY(ximss_name_mailbox(&new_name, &pure, new_name, pool));
    return mail(account)->mailbox_rename(account, name, new_name, children, pool);
}

const ximss_error_t *ximss_mailbox_remove(ximss_account_t *account, const char *name, int children,
                                          apr_pool_t *pool)
{
    int pure;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(ximss_name_mailbox(&name, &pure, name, pool));
    if (strcmp(name, "INBOX") == 0) {
        return ximss_error(pool, XIMSS_E_DENIED, "INBOX cannot be removed");
    }
    return mail(account)->mailbox_remove(account, name, children, pool);
}

const ximss_error_t *ximss_mailbox_list(ximss_account_t *account, apr_array_header_t **mailboxes,
                                        apr_pool_t *pool)
{
    return mail(account)->mailbox_list(account, mailboxes, pool);
}
