/* Makes the files of an export with the caller's rights. Nothing that is there already is ever touched. */
#include "ximssctl/sink.h"
#include "ximssctl/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };

typedef struct sink_t {
    const char *path;
    int folder; /* where files are made, -1: none */
    int mbox;   /* -1: none */
} sink_t;

static int make_folder(sink_t *sink)
{
    if (mkdir(sink->path, 0700) != 0) {
        return -1;
    }
    sink->folder = open(sink->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return sink->folder < 0 ? -1 : 0;
}

static int make_maildir(sink_t *sink)
{
    if (make_folder(sink) != 0 || mkdirat(sink->folder, "cur", 0700) != 0 ||
        mkdirat(sink->folder, "new", 0700) != 0 || mkdirat(sink->folder, "tmp", 0700) != 0) {
        return -1;
    }
    return 0;
}

/* fsync of the folder that holds PATH: its name must last, too. */
static int sync_parent(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int result = fd >= 0 ? fsync(fd) : -1;

    if (fd >= 0) {
        close(fd);
    }
    free(copy);
    return result;
}

/* One syncfs costs less than a fsync for each of thousands of files. */
static int sync_all(const sink_t *sink)
{
    int result = sink->folder >= 0 ? syncfs(sink->folder) : fsync(sink->mbox);

    return result != 0 ? result : sync_parent(sink->path);
}

/* Serves one request: 0 or -1 with errno; *FD is a file to hand over. */
static int serve(sink_t *sink, const ximss_caller_record_t *request, int *fd)
{
    switch (request->kind) {
    case XIMSS_SINK_MBOX:
        sink->mbox = open(sink->path, FILE_FLAGS, 0600);
        *fd = sink->mbox;
        return sink->mbox < 0 ? -1 : 0;
    case XIMSS_SINK_MAILDIR:
        return make_maildir(sink);
    case XIMSS_SINK_FOLDER:
        return make_folder(sink);
    case XIMSS_SINK_FILE:
        *fd = openat(sink->folder, request->text, FILE_FLAGS, 0600);
        return *fd < 0 ? -1 : 0;
    case XIMSS_SINK_SYNC:
        return sync_all(sink);
    default:
        errno = EPROTO;
        return -1;
    }
}

int ximss_sink_run(int line, void *baton)
{
    sink_t sink = {.path = baton, .folder = -1, .mbox = -1};
    ximss_caller_record_t request;
    int result = 0;

    while (result == 0 && ximss_caller_receive(line, &request) > 0) {
        int fd = -1;
        if (serve(&sink, &request, &fd) == 0) {
            result = ximss_caller_send(line, XIMSS_SINK_DONE, fd, "");
        }
        else {
            result = ximss_caller_send(line, XIMSS_SINK_FAILED, -1, strerror(errno));
        }
        if (fd >= 0 && fd != sink.mbox) {
            close(fd);
        }
    }
    return result;
}
