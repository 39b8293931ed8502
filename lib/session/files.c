/* The folders of sessions below the runtime folder, and those of their uploads: s<slot>-<generation>, mode 0700. */
#include "base/log.h"
#include "session/slot.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 4 }; /* folders inside a session's folder */

static void folder_below(const char *dir, apr_uint32_t number, apr_uint64_t generation,
                         char *buffer, apr_size_t size)
{
    apr_snprintf(buffer, size, "%s/s%06u-%" APR_UINT64_T_FMT, dir, number, generation);
}

void ximss_slot_folder(const ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation,
                       char *buffer, apr_size_t size)
{
    folder_below(table->runtime_dir, number, generation, buffer, size);
}

void ximss_slot_uploads(const ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation,
                        char *buffer, apr_size_t size)
{
    folder_below(table->upload_dir, number, generation, buffer, size);
}

static int remove_at(int parent, const char *name, int depth);

/* Empties the folder open as DESCRIPTOR and closes it. */
static void empty(int descriptor, int depth)
{
    DIR *folder = fdopendir(descriptor);
    struct dirent *entry;

    if (folder == NULL) {
        close(descriptor);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_at(descriptor, entry->d_name, depth + 1);
        }
    }
    closedir(folder);
}

/* Removes a file, or a folder with what is in it. O_NOFOLLOW: a link goes, not what it names. */
static int remove_at(int parent, const char *name, int depth)
{
    int descriptor;

    if (unlinkat(parent, name, 0) == 0) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return errno;
    }
    descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor >= 0 && depth < DEPTH_MAX) {
        empty(descriptor, depth);
    }
    else if (descriptor >= 0) {
        close(descriptor);
    }
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

int ximss_slot_folder_make(const ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation)
{
    char path[PATH_MAX];

    ximss_slot_folder(table, number, generation, path, sizeof(path));
    if (mkdir(path, 0700) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return errno;
    }
    /* of another table's life: the generation is ours now */
    remove_at(AT_FDCWD, path, 0);
    return mkdir(path, 0700) == 0 ? 0 : errno;
}

static void remove_folder(const char *path)
{
    int status = remove_at(AT_FDCWD, path, 0);

    if (status != 0 && status != ENOENT) {
        ximss_log(XIMSS_LOG_WARN, 3002, "session folder %s is left for the sweep: %s", path,
                  strerror(status));
    }
}

void ximss_slot_folder_remove(const ximss_table_t *table, apr_uint32_t number,
                              apr_uint64_t generation)
{
    char path[PATH_MAX];

    ximss_slot_folder(table, number, generation, path, sizeof(path));
    remove_folder(path);
    if (table->upload_dir != NULL) {
        ximss_slot_uploads(table, number, generation, path, sizeof(path));
        remove_folder(path);
    }
}

/* Reads decimal digits up to END. Returns 0 when there is anything else. */
static int read_number(const char *text, char end, apr_uint64_t *value, const char **rest)
{
    const char *at = text;

    *value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (*value > (UINT64_MAX - 9) / 10) {
            return 0;
        }
        *value = *value * 10 + (apr_uint64_t)(*at - '0');
    }
    *rest = at + 1;
    return at > text && *at == end;
}

/* Whether NAME is a session folder whose session is over. Other names are not ours to remove. */
static int left_over(ximss_table_t *table, const char *name)
{
    apr_uint64_t number;
    apr_uint64_t generation;
    const char *rest;

    if (name[0] != 's' || !read_number(name + 1, '-', &number, &rest) ||
        !read_number(rest, '\0', &generation, &rest)) {
        return 0;
    }
    return number >= table->head->slots ||
           atomic_load(&table->marks[number].generation) != generation ||
           atomic_load(&table->marks[number].state) == XIMSS_SLOT_FREE;
}

static void sweep_below(ximss_table_t *table, const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;

    if (folder == NULL) {
        ximss_log(XIMSS_LOG_WARN, 3003, "cannot sweep %s: %s", dir, strerror(errno));
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (left_over(table, entry->d_name)) {
            remove_at(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}

void ximss_slot_folder_sweep(ximss_table_t *table)
{
    sweep_below(table, table->runtime_dir);
    if (table->upload_dir != NULL && access(table->upload_dir, F_OK) == 0) {
        sweep_below(table, table->upload_dir);
    }
}
