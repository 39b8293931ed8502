/* Finds the messages of an import: one file, an mbox, a Maildir, or every file of a tree. Links are
 * followed only where the caller named them; below, they are a way out of the tree. */
#include "ximssctl/walk.h"
#include "ximssctl/caller.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 200, /* folders in folders: each holds a file descriptor */
    OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
};

/* One entry of a folder. A folder's name carries a final "/", so that sorting the names of each folder gives
 * the byte order of whole relative paths ("a.b" before "a/c"). */
typedef struct entry_t {
    char *name;
    int from; /* which folder of a Maildir */
} entry_t;

typedef struct entries_t {
    entry_t *list;
    size_t count;
    size_t capacity;
} entries_t;

/* LINE and the path of the folder at hand, for reports. */
typedef struct walker_t {
    int line;
    char path[XIMSS_CALLER_TEXT_MAX];
} walker_t;

static int report(const walker_t *walker, int kind, const char *name, const char *why)
{
    char text[XIMSS_CALLER_TEXT_MAX];

    snprintf(text, sizeof text, "%.3000s%.1000s: %.300s", walker->path, name, why);
    return ximss_caller_send(walker->line, kind, -1, text);
}

static void free_entries(entries_t *entries)
{
    size_t i;

    for (i = 0; i < entries->count; i++) {
        free(entries->list[i].name);
    }
    free(entries->list);
}

static int add_entry(entries_t *entries, const char *name, int folder, int from)
{
    entry_t *entry;
    size_t length = strlen(name);

    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity * 2 + 64;
        entry_t *list = realloc(entries->list, capacity * sizeof *list);
        if (list == NULL) {
            return -1;
        }
        entries->list = list;
        entries->capacity = capacity;
    }
    entry = &entries->list[entries->count];
    entry->from = from;
    entry->name = malloc(length + 2);
    if (entry->name == NULL) {
        return -1;
    }
    memcpy(entry->name, name, length + 1);
    if (folder) {
        memcpy(entry->name + length, "/", 2);
    }
    entries->count++;
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry_t *)a)->name, ((const entry_t *)b)->name);
}

static void sort_entries(entries_t *entries)
{
    if (entries->count > 0) {
        qsort(entries->list, entries->count, sizeof *entries->list, compare_entries);
    }
}

static int is_folder(int fd, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

/* Of a Maildir neither folders nor hidden names count. */
static int is_wanted(int fd, const struct dirent *entry, int maildir)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
        return 0;
    }
    return !maildir || (entry->d_name[0] != '.' && !is_folder(fd, entry));
}

/* Adds the names in folder FD (which stays open). */
static int list_folder(int fd, int maildir, int from, entries_t *entries)
{
    int own = dup(fd);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;
    int result = 0;

    if (dir == NULL) {
        return -1;
    }
    while (result == 0) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            result = errno != 0 ? -1 : 0;
            break;
        }
        if (is_wanted(fd, entry, maildir)) {
            result = add_entry(entries, entry->d_name, is_folder(fd, entry), from);
        }
    }
    closedir(dir);
    return result;
}

/* Sends the file NAME of folder FD. */
static int send_file(walker_t *walker, int fd, const char *name, int kind)
{
    char text[XIMSS_CALLER_TEXT_MAX];
    struct stat info;
    int result;
    int file = openat(fd, name, OPEN_FLAGS | O_NOFOLLOW);

    if (file < 0) {
        return report(walker, XIMSS_WALK_PROBLEM, name,
                      errno == ELOOP ? "is a link" : strerror(errno));
    }
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return report(walker, XIMSS_WALK_PROBLEM, name, "is no regular file");
    }
    snprintf(text, sizeof text, "%.4000s%.300s", walker->path, name);
    result = ximss_caller_send(walker->line, kind, file, text);
    close(file);
    return result;
}

static int walk_folder(walker_t *walker, int fd, int depth);

static int enter_folder(walker_t *walker, int parent, const char *name, int depth)
{
    char bare[NAME_MAX + 2];
    size_t used = strlen(walker->path);
    int result;
    int fd;

    if (depth >= DEPTH_MAX) {
        return report(walker, XIMSS_WALK_PROBLEM, name, "too many folders in folders");
    }
    snprintf(bare, sizeof bare, "%.*s", (int)strlen(name) - 1, name);
    fd = openat(parent, bare, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) {
        return report(walker, XIMSS_WALK_PROBLEM, name, strerror(errno));
    }
    snprintf(walker->path + used, sizeof walker->path - used, "%s", name);
    result = walk_folder(walker, fd, depth + 1);
    walker->path[used] = '\0';
    close(fd);
    return result;
}

/* Sends every file below FD in byte order of the relative path. */
static int walk_folder(walker_t *walker, int fd, int depth)
{
    entries_t entries = {NULL, 0, 0};
    int result = 0;
    size_t i;

    if (list_folder(fd, 0, 0, &entries) != 0) {
        result = report(walker, XIMSS_WALK_PROBLEM, "", strerror(errno));
    }
    sort_entries(&entries);
    for (i = 0; result == 0 && i < entries.count; i++) {
        const char *name = entries.list[i].name;
        if (name[strlen(name) - 1] == '/') {
            result = enter_folder(walker, fd, name, depth);
        }
        else {
            result = send_file(walker, fd, name, XIMSS_WALK_MESSAGE);
        }
    }
    free_entries(&entries);
    return result;
}

/* Sends the files of cur and new together by name, which begins with the time of arrival. */
static int walk_maildir(walker_t *walker, int fd)
{
    static const char *const names[2] = {"cur", "new"};
    entries_t entries = {NULL, 0, 0};
    size_t used = strlen(walker->path);
    int folders[2];
    int result = 0;
    size_t i;

    for (i = 0; i < 2; i++) {
        folders[i] = openat(fd, names[i], O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
        if (folders[i] < 0 || list_folder(folders[i], 1, (int)i, &entries) != 0) {
            result |= report(walker, XIMSS_WALK_PROBLEM, names[i], strerror(errno));
        }
    }
    sort_entries(&entries);
    for (i = 0; result == 0 && i < entries.count; i++) {
        int from = entries.list[i].from;
        snprintf(walker->path + used, sizeof walker->path - used, "%s/", names[from]);
        result = send_file(walker, folders[from], entries.list[i].name, XIMSS_WALK_MAILDIR);
    }
    walker->path[used] = '\0';
    free_entries(&entries);
    close(folders[0]);
    close(folders[1]);
    return result;
}

static int has_folder(int fd, const char *name)
{
    struct stat info;

    return fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

static int is_mbox(int fd)
{
    char start[5];

    return pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
           memcmp(start, "From ", sizeof start) == 0;
}

/* Sends what is at PATH, whose open file is FD. */
static int walk_path(walker_t *walker, int fd, const char *path)
{
    size_t length = strlen(path);
    struct stat info;

    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        return ximss_caller_send(walker->line, is_mbox(fd) ? XIMSS_WALK_MBOX : XIMSS_WALK_MESSAGE,
                                 fd, path);
    }
    snprintf(walker->path, sizeof walker->path, "%.4000s%s", path,
             length > 0 && path[length - 1] == '/' ? "" : "/");
    if (has_folder(fd, "cur") && has_folder(fd, "new")) {
        return walk_maildir(walker, fd);
    }
    return walk_folder(walker, fd, 0);
}

/* Opens PATH; -1 after a report when it is not there or of no use. */
static int open_path(walker_t *walker, const char *path)
{
    struct stat info;
    int fd = open(path, OPEN_FLAGS);

    if (fd < 0) {
        report(walker, XIMSS_WALK_FATAL, path, strerror(errno));
    }
    else if (fstat(fd, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
        report(walker, XIMSS_WALK_FATAL, path, "is neither a file nor a folder");
        close(fd);
        fd = -1;
    }
    return fd;
}

int ximss_walk_run(int line, void *baton)
{
    const ximss_walk_t *walk = baton;
    walker_t walker = {.line = line};
    int fd;
    int i;

    /* All are tried first: a mistyped PATH must not show up after half of the import. */
    for (i = 0; i < walk->count; i++) {
        fd = open_path(&walker, walk->paths[i]);
        if (fd < 0) {
            return 0;
        }
        close(fd);
    }
    for (i = 0; i < walk->count; i++) {
        walker.path[0] = '\0';
        fd = open(walk->paths[i], OPEN_FLAGS);
        if (fd < 0) {
            if (report(&walker, XIMSS_WALK_PROBLEM, walk->paths[i], strerror(errno)) != 0) {
                return 1;
            }
            continue;
        }
        if (walk_path(&walker, fd, walk->paths[i]) != 0) {
            return 1;
        }
        close(fd);
    }
    return ximss_caller_send(line, XIMSS_WALK_END, -1, "") == 0 ? 0 : 1;
}
