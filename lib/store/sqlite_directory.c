/* The directory: domains and accounts in directory.db. A few connections are kept; each call takes one. */
#include "store/sqlite.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ximss_sqlite_directory_t *make_connection(ximss_sqlite_store_t *store)
{
    ximss_sqlite_directory_t *directory;
    apr_pool_t *pool;

    apr_pool_create(&pool, NULL);
    directory = apr_pcalloc(pool, sizeof(*directory));
    directory->db.store = store;
    directory->db.kind = &ximss_sqlite_kind_directory;
    directory->db.pool = pool;
    directory->db.path = apr_pstrcat(pool, store->data_dir, "/directory.db", NULL);
    directory->db.lock_path = apr_pstrcat(pool, store->data_dir, "/directory.lock", NULL);
    directory->db.lock_key = "directory";
    directory->db.lock_file = -1;
    directory->db.prepared =
        apr_pcalloc(pool, sizeof(sqlite3_stmt *) * XIMSS_DIRECTORY_QUERY_COUNT);
    return directory;
}

/* Makes directory.db if it is missing, under its lock: of two processes one makes it. */
static const ximss_error_t *make_database(ximss_sqlite_t *db, apr_pool_t *pool)
{
    const ximss_error_t *error;
    struct stat info;
    int file = open(db->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (file < 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), db->lock_path);
    }
    close(file);
    XIMSS_TRY(ximss_sqlite_lock_take(db, db->store->options.lock_wait_ms, pool));
    error = stat(db->path, &info) == 0 ? ximss_sqlite_open(db, pool) : ximss_sqlite_make(db, pool);
    ximss_sqlite_lock_drop(db);
    return error;
}

void ximss_sqlite_directory_give(ximss_sqlite_directory_t *directory)
{
    ximss_sqlite_store_t *store = directory->db.store;

    ximss_sqlite_rollback(&directory->db);
    if (directory->db.db == NULL || directory->db.broken) {
        ximss_sqlite_close(&directory->db);
        apr_pool_destroy(directory->db.pool);
        return;
    }
    pthread_mutex_lock(&store->mutex);
    directory->next = store->directories;
    store->directories = directory;
    pthread_mutex_unlock(&store->mutex);
}

const ximss_error_t *ximss_sqlite_directory_take(ximss_sqlite_directory_t **result,
                                                 ximss_store_t *base, int write, apr_pool_t *pool)
{
    ximss_sqlite_store_t *store = (ximss_sqlite_store_t *)base;
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    pthread_mutex_lock(&store->mutex);
    directory = store->directories;
    if (directory != NULL) {
        store->directories = directory->next;
    }
    pthread_mutex_unlock(&store->mutex);
    if (directory == NULL) {
        directory = make_connection(store);
    }
    error = ximss_sqlite_follow(&directory->db, pool);
    if (error != NULL && error->code == XIMSS_E_NOT_FOUND) {
        error = make_database(&directory->db, pool);
    }
    if (error == NULL && write) {
        error = ximss_sqlite_begin(&directory->db, 1, pool);
    }
    if (error != NULL) {
        ximss_sqlite_directory_give(directory);
        return error;
    }
    *result = directory;
    return NULL;
}

const ximss_error_t *ximss_sqlite_directory_finish(ximss_sqlite_directory_t *directory,
                                                   const ximss_error_t *error, apr_pool_t *pool)
{
    if (error == NULL) {
        error = ximss_sqlite_commit(&directory->db, pool);
    }
    if (error == NULL) {
        ximss_sqlite_tidy(&directory->db);
    }
    ximss_sqlite_directory_give(directory);
    return error;
}

/* Statement NUMBER with ?1 = NAME. */
static const ximss_error_t *use_name(sqlite3_stmt **stmt, ximss_sqlite_directory_t *directory,
                                     int number, const char *name, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_sqlite_use(stmt, &directory->db, number, pool));
    sqlite3_bind_text(*stmt, 1, name, -1, SQLITE_STATIC);
    return NULL;
}

/* Whether statement NUMBER has a row for NAME. */
static const ximss_error_t *look(ximss_sqlite_directory_t *directory, int number, const char *name,
                                 int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    apr_int64_t ignored;

    XIMSS_TRY(use_name(&stmt, directory, number, name, pool));
    return ximss_sqlite_number(&directory->db, stmt, &ignored, found, pool);
}

/* Runs statement NUMBER for NAME; *ROWS is how many rows it changed. */
static const ximss_error_t *change(ximss_sqlite_directory_t *directory, int number,
                                   const char *name, int *rows, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_name(&stmt, directory, number, name, pool));
    XIMSS_TRY(ximss_sqlite_run(&directory->db, stmt, pool));
    *rows = sqlite3_changes(directory->db.db);
    return NULL;
}

/* ---- domains ---- */

static const ximss_error_t *domain_insert(ximss_sqlite_directory_t *directory, const char *name,
                                          apr_pool_t *pool)
{
    int rows;

    XIMSS_TRY(change(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_INSERT, name, &rows, pool));
    return rows == 1 ? NULL
                     : ximss_error(pool, XIMSS_E_ACCOUNT_EXISTS, "domain %s already exists", name);
}

static const ximss_error_t *domain_create(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    return ximss_sqlite_directory_finish(directory, domain_insert(directory, name, pool), pool);
}

static const ximss_error_t *domain_remove(ximss_sqlite_directory_t *directory, const char *name,
                                          apr_pool_t *pool)
{
    int used;
    int rows;

    XIMSS_TRY(look(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_USED, name, &used, pool));
    if (used) {
        return ximss_error(pool, XIMSS_E_ACCOUNT_EXISTS, "domain %s still holds accounts", name);
    }
    XIMSS_TRY(change(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_DELETE, name, &rows, pool));
    return rows == 1 ? NULL : ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no domain %s", name);
}

static const ximss_error_t *domain_delete(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    return ximss_sqlite_directory_finish(directory, domain_remove(directory, name, pool), pool);
}

static const ximss_error_t *list_domains(ximss_sqlite_directory_t *directory,
                                         apr_array_header_t *names, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, &directory->db, XIMSS_DIRECTORY_QUERY_DOMAIN_LIST, pool));
    XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    while (row) {
        APR_ARRAY_PUSH(names, const char *) = ximss_sqlite_text(stmt, 0, pool);
        XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *domain_list(ximss_store_t *store, apr_array_header_t **names,
                                        apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    *names = apr_array_make(pool, 8, sizeof(const char *));
    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = list_domains(directory, *names, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}

static const ximss_error_t *domain_exists(ximss_store_t *store, const char *name, int *exists,
                                          apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = look(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_EXISTS, name, exists, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}

/* ---- accounts ---- */

static ximss_account_entry_t *read_entry(sqlite3_stmt *stmt, apr_pool_t *pool)
{
    ximss_account_entry_t *entry = apr_pcalloc(pool, sizeof(*entry));

    entry->id = ximss_sqlite_text(stmt, 0, pool);
    entry->name = ximss_sqlite_text(stmt, 1, pool);
    entry->real_name = ximss_sqlite_text(stmt, 2, pool);
    entry->verifier = ximss_sqlite_text(stmt, 3, pool);
    entry->quota = sqlite3_column_int64(stmt, 4);
    entry->enabled = sqlite3_column_int(stmt, 5);
    return entry;
}

static const ximss_error_t *find_entry(ximss_sqlite_directory_t *directory, const char *name,
                                       ximss_account_entry_t **entry, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    *entry = NULL;
    XIMSS_TRY(use_name(&stmt, directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_FIND, name, pool));
    XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    if (!row) {
        return NULL;
    }
    *entry = read_entry(stmt, pool);
    return ximss_sqlite_run(&directory->db, stmt, pool);
}

static const ximss_error_t *account_find(ximss_store_t *store, const char *name,
                                         ximss_account_entry_t **entry, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = find_entry(directory, name, entry, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}

static const ximss_error_t *list_entries(ximss_sqlite_directory_t *directory, const char *domain,
                                         apr_array_header_t *entries, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    if (domain != NULL) {
        XIMSS_TRY(
            use_name(&stmt, directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_LIST_DOMAIN, domain, pool));
    }
    else {
        XIMSS_TRY(
            ximss_sqlite_use(&stmt, &directory->db, XIMSS_DIRECTORY_QUERY_ACCOUNT_LIST, pool));
    }
    XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    while (row) {
        APR_ARRAY_PUSH(entries, ximss_account_entry_t *) = read_entry(stmt, pool);
        XIMSS_TRY(ximss_sqlite_step(&directory->db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *account_list(ximss_store_t *store, const char *domain,
                                         apr_array_header_t **entries, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    *entries = apr_array_make(pool, 8, sizeof(ximss_account_entry_t *));
    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 0, pool));
    error = list_entries(directory, domain, *entries, pool);
    ximss_sqlite_directory_give(directory);
    return error;
}

/* The row of a new account; all is checked again inside the transaction. */
static const ximss_error_t *insert_entry(ximss_sqlite_directory_t *directory,
                                         const ximss_account_entry_t *entry, const char *domain,
                                         const char *id, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int exists;

    XIMSS_TRY(look(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_EXISTS, domain, &exists, pool));
    if (!exists) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no domain %s", domain);
    }
    XIMSS_TRY(use_name(&stmt, directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_INSERT, entry->name, pool));
    sqlite3_bind_text(stmt, 2, domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, entry->real_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, entry->verifier, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 6, entry->quota);
    sqlite3_bind_int(stmt, 7, entry->enabled != 0);
    XIMSS_TRY(ximss_sqlite_run(&directory->db, stmt, pool));
    return sqlite3_changes(directory->db.db) == 1
               ? NULL
               : ximss_error(pool, XIMSS_E_ACCOUNT_EXISTS, "account %s already exists",
                             entry->name);
}

/* Refuses early what insert_entry would refuse after the folder was made. */
static const ximss_error_t *check_new(ximss_store_t *store, const char *name, const char *domain,
                                      apr_pool_t *pool)
{
    ximss_account_entry_t *entry;
    int exists;

    XIMSS_TRY(domain_exists(store, domain, &exists, pool));
    if (!exists) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no domain %s", domain);
    }
    XIMSS_TRY(account_find(store, name, &entry, pool));
    return entry == NULL
               ? NULL
               : ximss_error(pool, XIMSS_E_ACCOUNT_EXISTS, "account %s already exists", name);
}

static const ximss_error_t *account_create(ximss_store_t *store, const ximss_account_entry_t *entry,
                                           const char *domain, const char **id, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    const ximss_error_t *error;

    XIMSS_TRY(check_new(store, entry->name, domain, pool));
    XIMSS_TRY(ximss_sqlite_folder_create((ximss_sqlite_store_t *)store, entry->quota, id, pool));
    error = ximss_sqlite_directory_take(&directory, store, 1, pool);
    if (error == NULL) {
        error = ximss_sqlite_directory_finish(
            directory, insert_entry(directory, entry, domain, *id, pool), pool);
    }
    if (error != NULL) {
        ximss_sqlite_folder_remove((ximss_sqlite_store_t *)store, *id, pool);
    }
    return error;
}

static const ximss_error_t *missing(const char *name, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no account %s", name);
}

static const ximss_error_t *update_entry(ximss_sqlite_directory_t *directory,
                                         const ximss_account_entry_t *entry, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_name(&stmt, directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_UPDATE, entry->name, pool));
    sqlite3_bind_text(stmt, 2, entry->real_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, entry->verifier, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, entry->quota);
    sqlite3_bind_int(stmt, 5, entry->enabled != 0);
    XIMSS_TRY(ximss_sqlite_run(&directory->db, stmt, pool));
    return sqlite3_changes(directory->db.db) == 1 ? NULL : missing(entry->name, pool);
}

static const ximss_error_t *account_update(ximss_store_t *store, const ximss_account_entry_t *entry,
                                           apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    ximss_account_entry_t *old;

    XIMSS_TRY(account_find(store, entry->name, &old, pool));
    if (old == NULL) {
        return missing(entry->name, pool);
    }
    if (old->quota != entry->quota) {
        XIMSS_TRY(ximss_sqlite_folder_quota(store, old->id, entry->quota, pool));
    }
    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    return ximss_sqlite_directory_finish(directory, update_entry(directory, entry, pool), pool);
}

static const ximss_error_t *rename_entry(ximss_sqlite_directory_t *directory, const char *name,
                                         const char *new_name, const char *domain, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int exists;

    XIMSS_TRY(look(directory, XIMSS_DIRECTORY_QUERY_DOMAIN_EXISTS, domain, &exists, pool));
    if (!exists) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no domain %s", domain);
    }
    XIMSS_TRY(use_name(&stmt, directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_RENAME, name, pool));
    sqlite3_bind_text(stmt, 2, new_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, domain, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_run(&directory->db, stmt, pool));
    return sqlite3_changes(directory->db.db) == 1
               ? NULL
               : ximss_error(pool, XIMSS_E_ACCOUNT_EXISTS, "account %s already exists", new_name);
}

/* First the name, then its sessions: those that begin in between are ended, too. */
static const ximss_error_t *account_rename(ximss_store_t *store, const char *name,
                                           const char *new_name, const char *domain,
                                           apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    ximss_account_entry_t *entry;

    XIMSS_TRY(account_find(store, name, &entry, pool));
    if (entry == NULL) {
        return missing(name, pool);
    }
    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    XIMSS_TRY(ximss_sqlite_directory_finish(
        directory, rename_entry(directory, name, new_name, domain, pool), pool));
    return ximss_sqlite_folder_restamp(store, entry->id, pool);
}

static const ximss_error_t *delete_entry(ximss_store_t *store, const char *name, apr_pool_t *pool)
{
    ximss_sqlite_directory_t *directory;
    int rows;

    XIMSS_TRY(ximss_sqlite_directory_take(&directory, store, 1, pool));
    return ximss_sqlite_directory_finish(
        directory, change(directory, XIMSS_DIRECTORY_QUERY_ACCOUNT_DELETE, name, &rows, pool),
        pool);
}

/* The folder is put out of reach under its lock, then the name goes, then the files: whatever interrupts
 * that, a second call completes it. */
static const ximss_error_t *account_delete(ximss_store_t *base, const char *name, apr_pool_t *pool)
{
    ximss_sqlite_store_t *store = (ximss_sqlite_store_t *)base;
    ximss_wake_t everything = {.all = 1};
    ximss_account_entry_t *entry;
    const ximss_error_t *error;

    XIMSS_TRY(account_find(base, name, &entry, pool));
    if (entry == NULL) {
        return missing(name, pool);
    }
    XIMSS_TRY(ximss_sqlite_folder_retire(store, entry->id, pool));
    error = delete_entry(base, name, pool);
    if (error != NULL) {
        ximss_sqlite_folder_restore(store, entry->id, pool);
        return error;
    }
    ximss_sqlite_folder_remove(store, entry->id, pool);
    ximss_sqlite_change_tell(store, entry->id, &everything);
    return NULL;
}

const ximss_directory_provider_t ximss_sqlite_directory = {
    .open = ximss_sqlite_store_open,
    .domain_create = domain_create,
    .domain_delete = domain_delete,
    .domain_list = domain_list,
    .domain_exists = domain_exists,
    .account_create = account_create,
    .account_find = account_find,
    .account_list = account_list,
    .account_present = ximss_sqlite_folder_present,
    .account_update = account_update,
    .account_rename = account_rename,
    .account_restamp = ximss_sqlite_folder_restamp,
    .account_stamp = ximss_sqlite_folder_stamp,
    .account_delete = account_delete,
    .checkout = ximss_sqlite_account_checkout,
    .give_back = ximss_sqlite_account_give_back,
    .changes = ximss_sqlite_changes,
};
