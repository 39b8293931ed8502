/* The folder of an account: made with its files, retired under the write lock, removed. */
#include "base/random.h"
#include "store/sqlite_mail.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders of uploads and files nest no deeper than this. */
#define REMOVE_DEPTH 16

static const char *live_path(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, store->data_dir, "/accounts/", id, NULL);
}

/* No id holds a dot, so a retired folder cannot be checked out. */
static const char *retired_path(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, store->data_dir, "/accounts/", id, ".gone", NULL);
}

/* Brings new names in folder PATH to stable storage; SQLite does that for its log only. */
static const ximss_error_t *sync_folder(const char *path, apr_pool_t *pool)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = folder < 0 || fsync(folder) != 0 ? errno : 0;

    if (folder >= 0) {
        close(folder);
    }
    return code == 0 ? NULL : ximss_error_apr(pool, APR_FROM_OS_ERROR(code), path);
}

static const ximss_error_t *fill(ximss_sqlite_t *db, apr_int64_t quota, apr_pool_t *pool)
{
    const apr_int64_t row[] = {apr_time_sec(apr_time_now()), quota};

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_ACCOUNT_INSERT, row, 2, pool));
    return ximss_sqlite_mailbox_insert(db, "INBOX", 0, "", pool);
}

static const ximss_error_t *make_files(ximss_sqlite_store_t *store, ximss_sqlite_t *db,
                                       const char *dir, apr_int64_t quota, apr_pool_t *pool)
{
    int file = open(db->lock_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const ximss_error_t *error;

    if (file < 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), db->lock_path);
    }
    close(file);
    XIMSS_TRY(ximss_sqlite_lock_take(db, store->options.lock_wait_ms, pool));
    error = ximss_sqlite_make(db, pool);
    ximss_sqlite_lock_drop(db);
    XIMSS_TRY(error);
    XIMSS_TRY(ximss_sqlite_begin(db, 1, pool));
    error = fill(db, quota, pool);
    if (error != NULL) {
        ximss_sqlite_rollback(db);
        return error;
    }
    XIMSS_TRY(ximss_sqlite_commit(db, pool));
    XIMSS_TRY(sync_folder(dir, pool));
    return sync_folder(apr_pstrcat(pool, store->data_dir, "/accounts", NULL), pool);
}

const ximss_error_t *ximss_sqlite_folder_create(ximss_sqlite_store_t *store, apr_int64_t quota,
                                                const char **id, apr_pool_t *pool)
{
    char *name = apr_palloc(pool, 21);
    ximss_sqlite_account_t *handle;
    const ximss_error_t *error;
    const char *dir;

    if (!ximss_random_text(name, 20)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no random bytes");
    }
    dir = live_path(store, name, pool);
    if (mkdir(dir, 0700) != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), dir);
    }
    handle = ximss_sqlite_account_make(store, name, dir);
    error = make_files(store, &handle->db, dir, quota, pool);
    ximss_sqlite_close(&handle->db);
    apr_pool_destroy(handle->db.pool);
    if (error != NULL) {
        ximss_sqlite_folder_remove(store, name, pool);
        return error;
    }
    *id = name;
    return NULL;
}

static const ximss_error_t *write_quota(ximss_sqlite_t *db, apr_int64_t quota, apr_pool_t *pool)
{
    ximss_sqlite_counters_t counters;

    XIMSS_TRY(ximss_sqlite_counters_get(db, &counters, pool));
    counters.quota = quota;
    return ximss_sqlite_counters_set(db, &counters, pool);
}

/* The handle is given back after an error, which ends the transaction. */
static const ximss_error_t *set_quota(ximss_sqlite_t *db, apr_int64_t quota, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_sqlite_begin(db, 1, pool));
    XIMSS_TRY(write_quota(db, quota, pool));
    return ximss_sqlite_commit(db, pool);
}

const ximss_error_t *ximss_sqlite_folder_quota(ximss_store_t *store, const char *id,
                                               apr_int64_t quota, apr_pool_t *pool)
{
    const ximss_error_t *error;
    ximss_account_t *account;

    XIMSS_TRY(ximss_sqlite_account_checkout(&account, store, id, pool));
    error = set_quota(&((ximss_sqlite_account_t *)account)->db, quota, pool);
    ximss_sqlite_account_give_back(account);
    return error;
}

const ximss_error_t *ximss_sqlite_folder_retire(ximss_sqlite_store_t *store, const char *id,
                                                apr_pool_t *pool)
{
    const char *dir = live_path(store, id, pool);
    ximss_sqlite_account_t *handle = ximss_sqlite_account_make(store, id, dir);
    const ximss_error_t *error;

    error = ximss_sqlite_lock_take(&handle->db, store->options.lock_wait_ms, pool);
    if (error == NULL && rename(dir, retired_path(store, id, pool)) != 0) {
        error = ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), dir);
    }
    ximss_sqlite_lock_drop(&handle->db);
    apr_pool_destroy(handle->db.pool);
    if (error != NULL && error->code != XIMSS_E_NOT_FOUND) {
        return error;
    }
    ximss_sqlite_account_forget(store, id);
    return NULL;
}

void ximss_sqlite_folder_restore(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool)
{
    (void)rename(retired_path(store, id, pool), live_path(store, id, pool));
}

/* Removes PATH with what is below it; best effort, as what stays is out of reach. */
static void remove_tree(const char *path, int depth, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_dir_t *dir;

    if (depth == 0 || apr_dir_open(&dir, path, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
        const char *child = apr_pstrcat(pool, path, "/", info.name, NULL);

        if (strcmp(info.name, ".") == 0 || strcmp(info.name, "..") == 0) {
            continue;
        }
        if (info.filetype == APR_DIR) {
            remove_tree(child, depth - 1, pool);
        }
        else {
            (void)unlink(child);
        }
    }
    apr_dir_close(dir);
    (void)rmdir(path);
}

int ximss_sqlite_folder_present(ximss_store_t *store, const char *id, apr_pool_t *pool)
{
    struct stat info;

    return stat(live_path((ximss_sqlite_store_t *)store, id, pool), &info) == 0;
}

static const char *stamp_path(ximss_store_t *store, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, live_path((ximss_sqlite_store_t *)store, id, pool), "/ended", NULL);
}

/* Makes PATH a new, empty file. The old one is there until then, so that the new one is another one. */
static int replace_file(const char *path, apr_pool_t *pool)
{
    char name[] = "1234567890";
    const char *fresh;
    int file;
    int code;

    if (!ximss_random_text(name, sizeof(name) - 1)) {
        return EIO;
    }
    fresh = apr_pstrcat(pool, path, ".", name, NULL);
    file = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    code = file < 0 || fsync(file) != 0 || rename(fresh, path) != 0 ? errno : 0;

    if (file >= 0) {
        close(file);
        if (code != 0) {
            (void)unlink(fresh);
        }
    }
    return code;
}

const ximss_error_t *ximss_sqlite_folder_restamp(ximss_store_t *store, const char *id,
                                                 apr_pool_t *pool)
{
    const char *path = stamp_path(store, id, pool);
    ximss_wake_t account = {.mailboxes = {XIMSS_CHANGE_ALERT}, .count = 1};
    int code = replace_file(path, pool);

    if (code != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(code), path);
    }
    ximss_sqlite_change_tell((ximss_sqlite_store_t *)store, id, &account);
    return NULL;
}

apr_uint64_t ximss_sqlite_folder_stamp(ximss_store_t *store, const char *id, apr_pool_t *pool)
{
    struct stat info;

    if (stat(stamp_path(store, id, pool), &info) != 0) {
        return 0;
    }
    return ((apr_uint64_t)info.st_mtim.tv_sec * 1000000000 + (apr_uint64_t)info.st_mtim.tv_nsec) ^
           (apr_uint64_t)info.st_ino << 32;
}

void ximss_sqlite_folder_remove(ximss_sqlite_store_t *store, const char *id, apr_pool_t *pool)
{
    remove_tree(live_path(store, id, pool), REMOVE_DEPTH, pool);
    remove_tree(retired_path(store, id, pool), REMOVE_DEPTH, pool);
}
