/* The file storage of an account: files in directories, by names that are keys in its database and never paths.
 * Names are UTF-8, "/" between levels, at most 1000 bytes and 32 levels; one "/" in front and one at the end
 * are taken off. Levels "", "." and "..", control characters, and "~" first (the files of others):
 * XIMSS_E_BAD_REQUEST. Directories must be made; "private" is there from the start and stays. All that changes
 * needs a write transaction. Threads: as store.h says. */
#ifndef XIMSS_STORE_FILES_H
#define XIMSS_STORE_FILES_H

#include "base/limits.h"
#include "store/store.h"

/* One file or directory. */
typedef struct ximss_file_t {
    const char *name; /* the whole one */
    int is_directory;
    apr_int64_t size;     /* bytes; 0 for a directory */
    apr_int64_t modified; /* seconds: when its bytes came */
    apr_int64_t content; /* stands for these bytes: another number after each write, never reused */
    const char *attributes; /* what ximss_file_attributes_set kept, "" at first */
} ximss_file_t;

/* The one form of NAME under which a file is kept, in POOL; "" (the top) for "" and "/". */
const ximss_error_t *ximss_file_name(const char **clean, const char *name, apr_pool_t *pool);

/* The file or directory NAME, in POOL. XIMSS_E_NOT_FOUND; the top itself is not found, either. */
const ximss_error_t *ximss_file_find(ximss_account_t *account, const char *name,
                                     ximss_file_t **file, apr_pool_t *pool);

/* LENGTH bytes of FILE from OFFSET (both inside of it), in POOL, NUL-terminated. XIMSS_E_NOT_FOUND when FILE
 * was written anew or removed since it was found: then nothing of the new bytes is mixed in. */
const ximss_error_t *ximss_file_read(ximss_account_t *account, const ximss_file_t *file,
                                     apr_int64_t offset, apr_size_t length, const char **data,
                                     apr_pool_t *pool);

/* A part of what is in a directory. */
typedef struct ximss_file_slice_t {
    apr_int64_t position; /* entries to skip */
    apr_int64_t limit;    /* entries at most, 0: all that follow */
} ximss_file_slice_t;

/* What is in DIRECTORY ("": the top), sorted by name (by bytes): an array of ximss_file_t, attributes left out.
 * XIMSS_E_NOT_FOUND when there is no such directory. */
const ximss_error_t *ximss_file_list(ximss_account_t *account, const char *directory,
                                     const ximss_file_slice_t *slice, apr_array_header_t **files,
                                     apr_pool_t *pool);

/* How many files lie in DIRECTORY and below it, and their bytes. XIMSS_E_NOT_FOUND. */
const ximss_error_t *ximss_file_total(ximss_account_t *account, const char *directory,
                                      apr_int64_t *files, apr_int64_t *bytes, apr_pool_t *pool);

/* What is about to be written. */
typedef struct ximss_file_write_t {
    const char *name;
    apr_int64_t size; /* bytes that will come */
    apr_int64_t now;  /* seconds */
    const ximss_limits_t *limits;
} ximss_file_write_t;

typedef struct ximss_file_writer_t ximss_file_writer_t;

/* Begins to write a file, new or in place of one; its attributes stay. All that can be refused is refused here:
 * XIMSS_E_NOT_FOUND (no such directory), XIMSS_E_FILE_EXISTS (NAME is a directory), XIMSS_E_LIMIT,
 * XIMSS_E_OVER_QUOTA. *WRITER is in POOL. The file stands when finish returns NULL; whoever gives up before that
 * undoes his savepoint or transaction. Memory: one piece of 256 KB. */
const ximss_error_t *ximss_file_write_begin(ximss_file_writer_t **writer, ximss_account_t *account,
                                            const ximss_file_write_t *write, apr_pool_t *pool);
const ximss_error_t *ximss_file_write_add(ximss_file_writer_t *writer, const char *data,
                                          apr_size_t length, apr_pool_t *pool);
/* XIMSS_E_INTERNAL when other than the announced bytes came. */
const ximss_error_t *ximss_file_write_finish(ximss_file_writer_t *writer, apr_pool_t *pool);

/* The three in one, for bytes in memory. */
const ximss_error_t *ximss_file_write(ximss_account_t *account, const ximss_file_write_t *write,
                                      const char *data, apr_pool_t *pool);

/* Makes a directory. XIMSS_E_FILE_EXISTS, XIMSS_E_NOT_FOUND (the one above it), XIMSS_E_LIMIT. */
const ximss_error_t *ximss_file_mkdir(ximss_account_t *account, const ximss_file_write_t *write,
                                      apr_pool_t *pool);

/* Renames a file, or a directory with what is in it. XIMSS_E_NOT_FOUND (it, or the directory it goes to),
 * XIMSS_E_FILE_EXISTS, XIMSS_E_DENIED (private), XIMSS_E_BAD_REQUEST (into itself; names too long). */
const ximss_error_t *ximss_file_rename(ximss_account_t *account, const char *name,
                                       const char *new_name, apr_pool_t *pool);

/* Removes a file or an empty directory. XIMSS_E_NOT_FOUND, XIMSS_E_DENIED (private; not empty). */
const ximss_error_t *ximss_file_remove(ximss_account_t *account, const char *name,
                                       apr_pool_t *pool);

/* Keeps TEXT, which only the caller understands, with a file or directory. XIMSS_E_NOT_FOUND. */
const ximss_error_t *ximss_file_attributes_set(ximss_account_t *account, const char *name,
                                               const char *text, apr_pool_t *pool);

/* The subscriptions (const char *), sorted. They are names only, perhaps of files of others. */
const ximss_error_t *ximss_file_subscriptions(ximss_account_t *account, apr_array_header_t **names,
                                              apr_pool_t *pool);
typedef struct ximss_file_subscription_t {
    const char *name;
    int add; /* else it is taken away */
} ximss_file_subscription_t;
/* Adds those that are not there and takes away others: CHANGES is an array of ximss_file_subscription_t. Not UTF-8, empty,
 * or over 1000 bytes: XIMSS_E_BAD_REQUEST; more than MOST in the end: XIMSS_E_LIMIT; then the caller undoes it. */
const ximss_error_t *ximss_file_subscribe(ximss_account_t *account,
                                          const apr_array_header_t *changes, int most,
                                          apr_pool_t *pool);

#endif
