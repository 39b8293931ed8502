/* The file storage as its callers see it: names, limits and what may not be, then the backend. */
#include "base/text.h"
#include "store/names.h"
#include "store/provider.h"

#include <apr_strings.h>
#include <stddef.h>
#include <string.h>

/* The directory that is always there. */
#define PRIVATE "private"

struct ximss_file_writer_t {
    ximss_account_t *account;
    ximss_file_t file;
    ximss_file_t *old; /* what it takes the place of; NULL: nothing */
    apr_int64_t got;
    apr_size_t used; /* bytes of PIECE that are filled */
    char piece[XIMSS_FILE_PIECE];
};

static const ximss_file_provider_t *files_of(const ximss_account_t *account)
{
    return account->store->provider->files;
}

static const ximss_error_t *need_write(ximss_account_t *account, apr_pool_t *pool)
{
    return ximss_account_in_write(account)
               ? NULL
               : ximss_error_detail(pool, XIMSS_E_INTERNAL, "a change outside a write transaction");
}

/* ---- names ---- */

const ximss_error_t *ximss_file_name(const char **clean, const char *name, apr_pool_t *pool)
{
    return ximss_name_file(clean, name, pool);
}

/* A name that is not the top's. */
static const ximss_error_t *clean_name(const char **clean, const char *name, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_file(clean, name, pool));
    return **clean != '\0' ? NULL : ximss_error(pool, XIMSS_E_BAD_REQUEST, "a file needs a name");
}

static const ximss_error_t *no_directory(apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_NOT_FOUND, "directory is not found");
}

static const ximss_error_t *need_directory(ximss_account_t *account, const char *name,
                                           apr_pool_t *pool)
{
    ximss_file_t *file;

    if (*name == '\0') {
        return NULL;
    }
    XIMSS_TRY(files_of(account)->find(account, name, &file, pool));
    return file != NULL && file->is_directory ? NULL : no_directory(pool);
}

/* The directory that NAME lies in must be there. */
static const ximss_error_t *need_parent(ximss_account_t *account, const char *name,
                                        apr_pool_t *pool)
{
    const char *slash = strrchr(name, '/');

    return slash == NULL
               ? NULL
               : need_directory(account, apr_pstrmemdup(pool, name, (apr_size_t)(slash - name)),
                                pool);
}

static const ximss_error_t *need_free(ximss_account_t *account, const char *name, apr_pool_t *pool)
{
    ximss_file_t *file;

    XIMSS_TRY(files_of(account)->find(account, name, &file, pool));
    return file == NULL ? NULL : ximss_error(pool, XIMSS_E_FILE_EXISTS, NULL);
}

static const ximss_error_t *need_movable(const char *name, apr_pool_t *pool)
{
    return strcmp(name, PRIVATE) != 0
               ? NULL
               : ximss_error(pool, XIMSS_E_DENIED, "the directory " PRIVATE " must stay");
}

/* ---- reading ---- */

/* Finds what is kept under the clean NAME. */
static const ximss_error_t *get(ximss_account_t *account, const char *name, ximss_file_t **file,
                                apr_pool_t *pool)
{
    XIMSS_TRY(files_of(account)->find(account, name, file, pool));
    return *file != NULL ? NULL : ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
}

const ximss_error_t *ximss_file_find(ximss_account_t *account, const char *name,
                                     ximss_file_t **file, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_file(&name, name, pool));
    return get(account, name, file, pool);
}

const ximss_error_t *ximss_file_read(ximss_account_t *account, const ximss_file_t *file,
                                     apr_int64_t offset, apr_size_t length, const char **data,
                                     apr_pool_t *pool)
{
    if (file->is_directory || offset < 0 || offset > file->size ||
        length > (apr_uint64_t)(file->size - offset)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a file is read outside of it");
    }
    return files_of(account)->read(account, file->content, offset, length, data, pool);
}

const ximss_error_t *ximss_file_list(ximss_account_t *account, const char *directory,
                                     const ximss_file_slice_t *slice, apr_array_header_t **files,
                                     apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_file(&directory, directory, pool));
    XIMSS_TRY(need_directory(account, directory, pool));
    return files_of(account)->list(account, directory, slice, files, pool);
}

const ximss_error_t *ximss_file_total(ximss_account_t *account, const char *directory,
                                      apr_int64_t *files, apr_int64_t *bytes, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_name_file(&directory, directory, pool));
    XIMSS_TRY(need_directory(account, directory, pool));
    return files_of(account)->total(account, directory, files, bytes, pool);
}

/* ---- writing ---- */

/* A file more: when the account has room for it. */
static const ximss_error_t *check_count(ximss_account_t *account, const ximss_limits_t *limits,
                                        apr_pool_t *pool)
{
    apr_int64_t files;
    apr_int64_t bytes;

    XIMSS_TRY(files_of(account)->total(account, "", &files, &bytes, pool));
    return files < limits->files
               ? NULL
               : ximss_error(pool, XIMSS_E_LIMIT, "an account has at most %d files", limits->files);
}

static const ximss_error_t *check_quota(ximss_account_t *account, apr_int64_t more,
                                        apr_pool_t *pool)
{
    apr_int64_t used;
    apr_int64_t quota;

    XIMSS_TRY(ximss_account_usage(account, &used, &quota, pool));
    return more <= 0 || quota < 0 || more <= quota - used
               ? NULL
               : ximss_error(pool, XIMSS_E_OVER_QUOTA, NULL);
}

static const ximss_error_t *check_write(const ximss_file_writer_t *writer,
                                        const ximss_file_write_t *write, apr_pool_t *pool)
{
    ximss_account_t *account = writer->account;

    if (write->size < 0 || (apr_uint64_t)write->size > write->limits->file_bytes) {
        return ximss_error(pool, XIMSS_E_LIMIT, "a file has at most %" APR_SIZE_T_FMT " bytes",
                           write->limits->file_bytes);
    }
    if (writer->old == NULL) {
        XIMSS_TRY(need_parent(account, writer->file.name, pool));
        XIMSS_TRY(check_count(account, write->limits, pool));
        return check_quota(account, write->size, pool);
    }
    if (writer->old->is_directory) {
        return ximss_error(pool, XIMSS_E_FILE_EXISTS, "a directory has this name");
    }
    return check_quota(account, write->size - writer->old->size, pool);
}

const ximss_error_t *ximss_file_write_begin(ximss_file_writer_t **result, ximss_account_t *account,
                                            const ximss_file_write_t *write, apr_pool_t *pool)
{
    ximss_file_writer_t *writer = apr_palloc(pool, sizeof(*writer));

    XIMSS_TRY(need_write(account, pool));
    memset(writer, 0, offsetof(ximss_file_writer_t, piece));
    writer->account = account;
    writer->file.size = write->size;
    writer->file.modified = write->now;
    XIMSS_TRY(clean_name(&writer->file.name, write->name, pool));
    XIMSS_TRY(files_of(account)->find(account, writer->file.name, &writer->old, pool));
    XIMSS_TRY(check_write(writer, write, pool));
    *result = writer;
    return files_of(account)->content(account, &writer->file.content, pool);
}

/* Stores the piece that is filled, in part if it is the last. */
static const ximss_error_t *flush(ximss_file_writer_t *writer, apr_pool_t *pool)
{
    apr_int64_t number = (writer->got - 1) / XIMSS_FILE_PIECE;

    XIMSS_TRY(files_of(writer->account)
                  ->piece(writer->account, writer->file.content, number, writer->piece,
                          writer->used, pool));
    writer->used = 0;
    return NULL;
}

const ximss_error_t *ximss_file_write_add(ximss_file_writer_t *writer, const char *data,
                                          apr_size_t length, apr_pool_t *pool)
{
    if (length > (apr_uint64_t)(writer->file.size - writer->got)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "more bytes than announced");
    }
    while (length > 0) {
        apr_size_t room = XIMSS_FILE_PIECE - writer->used;
        apr_size_t step = length < room ? length : room;

        memcpy(writer->piece + writer->used, data, step);
        writer->used += step;
        writer->got += (apr_int64_t)step;
        data += step;
        length -= step;
        if (writer->used == XIMSS_FILE_PIECE) {
            XIMSS_TRY(flush(writer, pool));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_file_write_finish(ximss_file_writer_t *writer, apr_pool_t *pool)
{
    if (writer->got != writer->file.size) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "fewer bytes than announced");
    }
    if (writer->used > 0) {
        XIMSS_TRY(flush(writer, pool));
    }
    return files_of(writer->account)->put(writer->account, &writer->file, writer->old, pool);
}

const ximss_error_t *ximss_file_write(ximss_account_t *account, const ximss_file_write_t *write,
                                      const char *data, apr_pool_t *pool)
{
    ximss_file_writer_t *writer;

    XIMSS_TRY(ximss_file_write_begin(&writer, account, write, pool));
    XIMSS_TRY(ximss_file_write_add(writer, data, (apr_size_t)write->size, pool));
    return ximss_file_write_finish(writer, pool);
}

/* ---- directories and names ---- */

const ximss_error_t *ximss_file_mkdir(ximss_account_t *account, const ximss_file_write_t *write,
                                      apr_pool_t *pool)
{
    ximss_file_t file = {.is_directory = 1, .modified = write->now};
    apr_int64_t count;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(clean_name(&file.name, write->name, pool));
    XIMSS_TRY(need_free(account, file.name, pool));
    XIMSS_TRY(need_parent(account, file.name, pool));
    XIMSS_TRY(files_of(account)->directories(account, &count, pool));
    if (count >= write->limits->files) {
        return ximss_error(pool, XIMSS_E_LIMIT, "an account has at most %d directories",
                           write->limits->files);
    }
    return files_of(account)->put(account, &file, NULL, pool);
}

static int count_levels(const char *name)
{
    int levels = 1;

    for (name = strchr(name, '/'); name != NULL; name = strchr(name + 1, '/')) {
        levels++;
    }
    return levels;
}

/* What is in the directory NAME must not get too long names when it becomes NEW_NAME. */
static const ximss_error_t *check_below(ximss_account_t *account, const char *name,
                                        const char *new_name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    apr_int64_t bytes;
    apr_int64_t levels;

    if (strncmp(new_name, name, length) == 0 && new_name[length] == '/') {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "a directory cannot move into itself");
    }
    XIMSS_TRY(files_of(account)->longest(account, name, &bytes, &levels, pool));
    if (bytes - (apr_int64_t)length + (apr_int64_t)strlen(new_name) > XIMSS_FILE_NAME_BYTES ||
        levels - count_levels(name) + count_levels(new_name) > XIMSS_FILE_NAME_LEVELS) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "names in this directory would become too long");
    }
    return NULL;
}

const ximss_error_t *ximss_file_rename(ximss_account_t *account, const char *name,
                                       const char *new_name, apr_pool_t *pool)
{
    ximss_file_t *file;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(clean_name(&name, name, pool));
    XIMSS_TRY(clean_name(&new_name, new_name, pool));
    XIMSS_TRY(get(account, name, &file, pool));
    XIMSS_TRY(need_movable(name, pool));
    XIMSS_TRY(need_free(account, new_name, pool));
    XIMSS_TRY(need_parent(account, new_name, pool));
    if (file->is_directory) {
        XIMSS_TRY(check_below(account, name, new_name, pool));
    }
    return files_of(account)->rename(account, file, new_name, pool);
}

const ximss_error_t *ximss_file_remove(ximss_account_t *account, const char *name, apr_pool_t *pool)
{
    const ximss_file_slice_t first = {0, 1};
    apr_array_header_t *inside;
    ximss_file_t *file;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(clean_name(&name, name, pool));
    XIMSS_TRY(get(account, name, &file, pool));
    XIMSS_TRY(need_movable(name, pool));
    if (file->is_directory) {
        XIMSS_TRY(files_of(account)->list(account, name, &first, &inside, pool));
        if (inside->nelts > 0) {
            return ximss_error(pool, XIMSS_E_DENIED, "the directory is not empty");
        }
    }
    return files_of(account)->remove(account, file, pool);
}

const ximss_error_t *ximss_file_attributes_set(ximss_account_t *account, const char *name,
                                               const char *text, apr_pool_t *pool)
{
    ximss_file_t *file;

    XIMSS_TRY(need_write(account, pool));
    XIMSS_TRY(clean_name(&name, name, pool));
    XIMSS_TRY(get(account, name, &file, pool));
    return files_of(account)->attributes(account, name, text, pool);
}

/* ---- subscriptions ---- */

const ximss_error_t *ximss_file_subscriptions(ximss_account_t *account, apr_array_header_t **names,
                                              apr_pool_t *pool)
{
    return files_of(account)->subscriptions(account, names, pool);
}

const ximss_error_t *ximss_file_subscribe(ximss_account_t *account,
                                          const apr_array_header_t *changes, int most,
                                          apr_pool_t *pool)
{
    apr_array_header_t *names;
    int i;

    XIMSS_TRY(need_write(account, pool));
    for (i = 0; i < changes->nelts; i++) {
        const ximss_file_subscription_t *change =
            &APR_ARRAY_IDX(changes, i, ximss_file_subscription_t);
        apr_size_t length = strlen(change->name);

        if (length == 0 || length > XIMSS_FILE_NAME_BYTES || !ximss_text_ok(change->name, length)) {
            return ximss_error(pool, XIMSS_E_BAD_REQUEST, "this file name is not allowed");
        }
        XIMSS_TRY(files_of(account)->subscribe(account, change->name, change->add, pool));
    }
    XIMSS_TRY(files_of(account)->subscriptions(account, &names, pool));
    return names->nelts <= most ? NULL
                                : ximss_error(pool, XIMSS_E_LIMIT,
                                              "an account has at most %d file subscriptions", most);
}
