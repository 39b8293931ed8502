/* The SQLite backend: one store a process, its list of idle account handles (the least recently used one
 * is closed when there are too many), and the tables of methods. */
#include "store/sqlite.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

/* Takes HANDLE out of the list of idle ones; the mutex is held. */
static void unlink_idle(ximss_sqlite_store_t *store, ximss_sqlite_account_t *handle)
{
    if (handle->newer != NULL) {
        handle->newer->older = handle->older;
    }
    else {
        store->newest = handle->older;
    }
    if (handle->older != NULL) {
        handle->older->newer = handle->newer;
    }
    else {
        store->oldest = handle->newer;
    }
    handle->newer = NULL;
    handle->older = NULL;
    store->idle--;
}

static void link_newest(ximss_sqlite_store_t *store, ximss_sqlite_account_t *handle)
{
    handle->newer = NULL;
    handle->older = store->newest;
    if (store->newest != NULL) {
        store->newest->newer = handle;
    }
    else {
        store->oldest = handle;
    }
    store->newest = handle;
    store->idle++;
}

/* An idle handle on account ID, taken out of the list; NULL if there is none. */
static ximss_sqlite_account_t *take_idle(ximss_sqlite_store_t *store, const char *id)
{
    ximss_sqlite_account_t *handle;

    pthread_mutex_lock(&store->mutex);
    handle = store->newest;
    while (handle != NULL && strcmp(handle->id, id) != 0) {
        handle = handle->older;
    }
    if (handle != NULL) {
        unlink_idle(store, handle);
    }
    pthread_mutex_unlock(&store->mutex);
    return handle;
}

static void destroy(ximss_sqlite_account_t *handle)
{
    ximss_sqlite_close(&handle->db);
    apr_pool_destroy(handle->db.pool);
}

void ximss_sqlite_account_forget(ximss_sqlite_store_t *store, const char *id)
{
    ximss_sqlite_account_t *handle;

    while ((handle = take_idle(store, id)) != NULL) {
        destroy(handle);
    }
}

/* Handles outlive the pools of their users, so each has a root pool of its own. */
ximss_sqlite_account_t *ximss_sqlite_account_make(ximss_sqlite_store_t *store, const char *id,
                                                  const char *dir)
{
    ximss_sqlite_account_t *handle;
    apr_pool_t *pool;

    apr_pool_create(&pool, NULL);
    handle = apr_pcalloc(pool, sizeof(*handle));
    handle->base.store = &store->base;
    handle->id = apr_pstrdup(pool, id);
    handle->db.store = store;
    handle->db.kind = &ximss_sqlite_kind_account;
    handle->db.pool = pool;
    handle->db.path = apr_pstrcat(pool, dir, "/mail.db", NULL);
    handle->db.lock_path = apr_pstrcat(pool, dir, "/lock", NULL);
    handle->db.lock_key = handle->id;
    handle->db.changes_path = apr_pstrcat(pool, dir, "/changes", NULL);
    handle->db.lock_file = -1;
    handle->db.prepared = apr_pcalloc(pool, sizeof(sqlite3_stmt *) * XIMSS_ACCOUNT_QUERY_COUNT);
    return handle;
}

static ximss_sqlite_account_t *make_for(ximss_sqlite_store_t *store, const char *id,
                                        apr_pool_t *pool)
{
    return ximss_sqlite_account_make(store, id,
                                     apr_pstrcat(pool, store->data_dir, "/accounts/", id, NULL));
}

const ximss_error_t *ximss_sqlite_account_checkout(ximss_account_t **account, ximss_store_t *base,
                                                   const char *id, apr_pool_t *pool)
{
    ximss_sqlite_store_t *store = (ximss_sqlite_store_t *)base;
    ximss_sqlite_account_t *handle = take_idle(store, id);
    const ximss_error_t *error;

    if (handle == NULL) {
        handle = make_for(store, id, pool);
        error = ximss_sqlite_open(&handle->db, pool);
    }
    else {
        error = ximss_sqlite_follow(&handle->db, pool);
    }
    if (error != NULL) {
        destroy(handle);
        if (error->code == XIMSS_E_NOT_FOUND) {
            ximss_sqlite_account_forget(store, id);
        }
        return error;
    }
    *account = &handle->base;
    return NULL;
}

void ximss_sqlite_account_give_back(ximss_account_t *account)
{
    ximss_sqlite_account_t *handle = (ximss_sqlite_account_t *)account;
    ximss_sqlite_store_t *store = handle->db.store;
    ximss_sqlite_account_t *victim = NULL;

    ximss_sqlite_rollback(&handle->db);
    ximss_sqlite_time_limit(&handle->db, 0);
    if (handle->db.db == NULL || handle->db.broken) {
        destroy(handle);
        return;
    }
    pthread_mutex_lock(&store->mutex);
    link_newest(store, handle);
    if (store->idle > store->options.handle_cache) {
        victim = store->oldest;
        unlink_idle(store, victim);
    }
    pthread_mutex_unlock(&store->mutex);
    if (victim != NULL) {
        destroy(victim);
    }
}

static apr_status_t close_store(void *baton)
{
    ximss_sqlite_store_t *store = baton;

    while (store->newest != NULL) {
        ximss_sqlite_account_t *handle = store->newest;

        unlink_idle(store, handle);
        destroy(handle);
    }
    while (store->directories != NULL) {
        ximss_sqlite_directory_t *directory = store->directories;

        store->directories = directory->next;
        ximss_sqlite_close(&directory->db);
        apr_pool_destroy(directory->db.pool);
    }
    pthread_mutex_destroy(&store->mutex);
    apr_pool_destroy(store->pool);
    return APR_SUCCESS;
}

static const ximss_error_t *make_folders(const char *data_dir, apr_pool_t *pool)
{
    const char *accounts = apr_pstrcat(pool, data_dir, "/accounts", NULL);
    apr_fileperms_t mode = APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE;
    apr_status_t status = apr_dir_make_recursive(accounts, mode, pool);

    return status == APR_SUCCESS ? NULL : ximss_error_apr(pool, status, accounts);
}

const ximss_error_t *ximss_sqlite_store_open(ximss_store_t **result, const char *data_dir,
                                             const ximss_store_options_t *options, apr_pool_t *pool)
{
    ximss_sqlite_store_t *store = apr_pcalloc(pool, sizeof(*store));

    XIMSS_TRY(make_folders(data_dir, pool));
    apr_pool_create(&store->pool, NULL); /* of any thread, under the mutex: not below POOL */
    store->data_dir = apr_pstrdup(pool, data_dir);
    store->options = *options;
    store->locks = apr_hash_make(store->pool);
    pthread_mutex_init(&store->mutex, NULL);
    apr_pool_cleanup_register(pool, store, close_store, apr_pool_cleanup_null);
    *result = &store->base;
    return NULL;
}

const ximss_provider_t ximss_provider_sqlite = {
    .name = "sqlite",
    .directory = &ximss_sqlite_directory,
    .mail = &ximss_sqlite_mail,
    .outbox = &ximss_sqlite_outbox,
    .files = &ximss_sqlite_files,
};
