/* The file storage: a row a file or directory, by its directory and its own name, and the bytes in pieces, so
 * that a large file is written and read without ever being in memory. */
#include "store/sqlite_mail.h"

#include <apr_strings.h>
#include <string.h>

/* The row of table file_storage. */
typedef struct storage_t {
    apr_int64_t next_content;
    apr_int64_t files;
    apr_int64_t bytes;
} storage_t;

/* Binds the directory and the last level of NAME to ?NUMBER and the one after it. */
static void bind_name(sqlite3_stmt *stmt, int number, const char *name)
{
    const char *slash = strrchr(name, '/');

    sqlite3_bind_text(stmt, number, name, slash != NULL ? (int)(slash - name) : 0, SQLITE_STATIC);
    sqlite3_bind_text(stmt, number + 1, slash != NULL ? slash + 1 : name, -1, SQLITE_STATIC);
}

/* ---- rows ---- */

/* The columns content, size and modified from FIRST on. */
static void read_row(ximss_file_t *file, sqlite3_stmt *stmt, int first)
{
    file->is_directory = sqlite3_column_type(stmt, first) == SQLITE_NULL;
    file->content = sqlite3_column_int64(stmt, first);
    file->size = sqlite3_column_int64(stmt, first + 1);
    file->modified = sqlite3_column_int64(stmt, first + 2);
}

static const ximss_error_t *find(ximss_account_t *account, const char *name, ximss_file_t **file,
                                 apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *file = NULL;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_FIND, pool));
    bind_name(stmt, 1, name);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return NULL;
    }
    *file = apr_pcalloc(pool, sizeof(**file));
    (*file)->name = apr_pstrdup(pool, name);
    (*file)->attributes = ximss_sqlite_text(stmt, 3, pool);
    read_row(*file, stmt, 0);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *list(ximss_account_t *account, const char *directory,
                                 const ximss_file_slice_t *slice, apr_array_header_t **files,
                                 apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {slice->position, slice->limit > 0 ? slice->limit : -1};
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *files = apr_array_make(pool, 16, sizeof(ximss_file_t));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_LIST, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_text(stmt, 3, directory, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        ximss_file_t *file = apr_array_push(*files);

        file->name = apr_pstrcat(pool, directory, *directory != '\0' ? "/" : "",
                                 (const char *)sqlite3_column_text(stmt, 0), NULL);
        file->attributes = NULL;
        read_row(file, stmt, 1);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

/* ---- counters ---- */

static const ximss_error_t *storage_get(ximss_sqlite_t *db, storage_t *storage, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_STORAGE_GET, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    if (!row) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "%s has no file_storage row", db->path);
    }
    storage->next_content = sqlite3_column_int64(stmt, 0);
    storage->files = sqlite3_column_int64(stmt, 1);
    storage->bytes = sqlite3_column_int64(stmt, 2);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *storage_set(ximss_sqlite_t *db, const storage_t *storage,
                                        apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {storage->next_content, storage->files, storage->bytes};

    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_FILE_STORAGE_SET, numbers, 3, pool);
}

/* FILES files and BYTES bytes more (or fewer), for the storage and for the account's quota. */
static const ximss_error_t *count(ximss_sqlite_t *db, apr_int64_t files, apr_int64_t bytes,
                                  apr_pool_t *pool)
{
    ximss_sqlite_counters_t counters;
    storage_t storage;

    XIMSS_TRY(storage_get(db, &storage, pool));
    storage.files += files;
    storage.bytes += bytes;
    XIMSS_TRY(storage_set(db, &storage, pool));
    XIMSS_TRY(ximss_sqlite_counters_get(db, &counters, pool));
    counters.bytes += bytes;
    return ximss_sqlite_counters_set(db, &counters, pool);
}

static const ximss_error_t *total(ximss_account_t *account, const char *directory,
                                  apr_int64_t *files, apr_int64_t *bytes, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    storage_t storage;
    int row;

    if (*directory == '\0') {
        XIMSS_TRY(storage_get(db, &storage, pool));
        *files = storage.files;
        *bytes = storage.bytes;
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_TOTAL, pool));
    sqlite3_bind_text(stmt, 1, directory, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    *files = sqlite3_column_int64(stmt, 0);
    *bytes = sqlite3_column_int64(stmt, 1);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *directories(ximss_account_t *account, apr_int64_t *found,
                                        apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_DIRECTORIES, pool));
    return ximss_sqlite_number(db, stmt, found, NULL, pool);
}

/* ---- bytes ---- */

static const ximss_error_t *new_content(ximss_account_t *account, apr_int64_t *content,
                                        apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    storage_t storage;

    XIMSS_TRY(storage_get(db, &storage, pool));
    *content = storage.next_content++;
    return storage_set(db, &storage, pool);
}

static const ximss_error_t *add_piece(ximss_account_t *account, apr_int64_t content,
                                      apr_int64_t number, const char *data, apr_size_t length,
                                      apr_pool_t *pool)
{
    const apr_int64_t id = (content << 16) + number;
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_DATA_INSERT, pool));
    ximss_sqlite_bind(stmt, &id, 1);
    sqlite3_bind_blob(stmt, 2, data, (int)length, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *drop_content(ximss_sqlite_t *db, apr_int64_t content, apr_pool_t *pool)
{
    return ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_FILE_DATA_DELETE, &content, 1, pool);
}

/* Pieces are never changed and their content's number never comes again, so no snapshot is needed. */
static const ximss_error_t *read_content(ximss_account_t *account, apr_int64_t content,
                                         apr_int64_t offset, apr_size_t length, const char **data,
                                         apr_pool_t *pool)
{
    apr_int64_t end = offset + (apr_int64_t)length;
    char *target = apr_palloc(pool, length + 1);

    *data = target;
    while (offset < end) {
        apr_int64_t from = offset % XIMSS_FILE_PIECE;
        apr_int64_t room = XIMSS_FILE_PIECE - from;
        apr_int64_t step = end - offset < room ? end - offset : room;
        const ximss_sqlite_piece_t piece = {XIMSS_ACCOUNT_QUERY_FILE_DATA_READ,
                                            (content << 16) + offset / XIMSS_FILE_PIECE, from,
                                            step};
        int found;

        XIMSS_TRY(ximss_sqlite_piece_copy(ximss_sqlite_of(account), &piece, target, &found, pool));
        if (!found) {
            return ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
        }
        target += step;
        offset += step;
    }
    *target = '\0';
    return NULL;
}

/* ---- changes ---- */

static const ximss_error_t *put(ximss_account_t *account, const ximss_file_t *file,
                                const ximss_file_t *old, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {file->content, file->size, file->modified};
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_PUT, pool));
    ximss_sqlite_bind(stmt, numbers, 3);
    if (file->is_directory) {
        sqlite3_bind_null(stmt, 1);
    }
    bind_name(stmt, 4, file->name);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    if (old != NULL) {
        XIMSS_TRY(drop_content(db, old->content, pool));
        return count(db, 0, file->size - old->size, pool);
    }
    return file->is_directory ? NULL : count(db, 1, file->size, pool);
}

static const ximss_error_t *remove_file(ximss_account_t *account, const ximss_file_t *file,
                                        apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_DELETE, pool));
    bind_name(stmt, 1, file->name);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    if (file->is_directory) {
        return NULL;
    }
    XIMSS_TRY(drop_content(db, file->content, pool));
    return count(db, -1, -file->size, pool);
}

static const ximss_error_t *rename_file(ximss_account_t *account, const ximss_file_t *file,
                                        const char *new_name, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_MOVE, pool));
    bind_name(stmt, 1, file->name);
    bind_name(stmt, 3, new_name);
    XIMSS_TRY(ximss_sqlite_run(db, stmt, pool));
    if (!file->is_directory) {
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_MOVE_BELOW, pool));
    sqlite3_bind_text(stmt, 1, file->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, new_name, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *longest(ximss_account_t *account, const char *directory,
                                    apr_int64_t *bytes, apr_int64_t *levels, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_LONGEST, pool));
    sqlite3_bind_text(stmt, 1, directory, -1, SQLITE_STATIC);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    *bytes = sqlite3_column_int64(stmt, 0);
    *levels = sqlite3_column_int64(stmt, 1);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *set_attributes(ximss_account_t *account, const char *name,
                                           const char *text, apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_ATTRIBUTES, pool));
    bind_name(stmt, 1, name);
    sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

/* ---- subscriptions ---- */

static const ximss_error_t *subscriptions(ximss_account_t *account, apr_array_header_t **names,
                                          apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;
    int row;

    *names = apr_array_make(pool, 8, sizeof(const char *));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_FILE_SUBSCRIPTION_LIST, pool));
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        APR_ARRAY_PUSH(*names, const char *) = ximss_sqlite_text(stmt, 0, pool);
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

static const ximss_error_t *subscribe(ximss_account_t *account, const char *name, int add,
                                      apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db,
                               add ? XIMSS_ACCOUNT_QUERY_FILE_SUBSCRIPTION_PUT
                                   : XIMSS_ACCOUNT_QUERY_FILE_SUBSCRIPTION_DELETE,
                               pool));
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

const ximss_file_provider_t ximss_sqlite_files = {
    .find = find,
    .list = list,
    .total = total,
    .directories = directories,
    .content = new_content,
    .piece = add_piece,
    .read = read_content,
    .put = put,
    .remove = remove_file,
    .rename = rename_file,
    .longest = longest,
    .attributes = set_attributes,
    .subscriptions = subscriptions,
    .subscribe = subscribe,
};
