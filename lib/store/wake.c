/* Datagrams on Unix sockets <data>/wake/<process number>. A path may be longer than the address of a socket
 * holds, so the folder is opened and named through /proc. */
#include "store/wake.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_folder(const char *data_dir)
{
    char path[PATH_MAX];

    apr_snprintf(path, sizeof(path), "%s/wake", data_dir);
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The address of NAME in the open FOLDER. Returns 0 when it is too long. */
static int set_address(struct sockaddr_un *address, int folder, const char *name)
{
    int length;

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    length = apr_snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
                          folder, name);
    return length < (int)sizeof(address->sun_path) - 1;
}

static void send_to(int descriptor, int folder, const char *name, const ximss_wake_t *wake)
{
    struct sockaddr_un address;

    if (set_address(&address, folder, name) &&
        sendto(descriptor, wake, sizeof(*wake), MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&address, sizeof(address)) < 0 &&
        errno == ECONNREFUSED) {
        unlinkat(folder, name, 0); /* of a process that is gone */
    }
}

void ximss_wake_send(const char *data_dir, const ximss_wake_t *wake)
{
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int folder = open_folder(data_dir);
    DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
    struct dirent *entry;

    while (descriptor >= 0 && list != NULL && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            send_to(descriptor, folder, entry->d_name, wake);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    else if (folder >= 0) {
        close(folder);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
}

static int bind_in(int folder, int descriptor)
{
    struct sockaddr_un address;
    char name[24];
    int status;

    apr_snprintf(name, sizeof(name), "%ld", (long)getpid());
    if (!set_address(&address, folder, name)) {
        return ENAMETOOLONG;
    }
    unlinkat(folder, name, 0); /* of an earlier process of this number */
    status = bind(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    return status;
}

const ximss_error_t *ximss_wake_open(int *descriptor, const char *data_dir, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, data_dir, "/wake", NULL);
    int status = 0;
    int folder;

    *descriptor = -1;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), path);
    }
    folder = open_folder(data_dir);
    if (folder >= 0) {
        *descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    if (*descriptor < 0) {
        status = errno;
    }
    else {
        status = bind_in(folder, *descriptor);
    }
    if (folder >= 0) {
        close(folder);
    }
    if (status != 0 && *descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
    return status != 0 ? ximss_error_apr(pool, APR_FROM_OS_ERROR(status), path) : NULL;
}

int ximss_wake_receive(int descriptor, ximss_wake_t *wake)
{
    ssize_t length = recv(descriptor, wake, sizeof(*wake), 0);

    /* shut down: 0 for ever; nobody sends an empty word */
    if (length == 0 || (length < 0 && errno != EINTR)) {
        return -1;
    }
    return length == (ssize_t)sizeof(*wake) &&
           memchr(wake->account, '\0', sizeof(wake->account)) != NULL && wake->count >= 0 &&
           wake->count <= XIMSS_WAKE_MAILBOXES;
}

void ximss_wake_shut(int descriptor, const char *data_dir)
{
    char path[PATH_MAX];

    apr_snprintf(path, sizeof(path), "%s/wake/%ld", data_dir, (long)getpid());
    unlink(path);
    shutdown(descriptor, SHUT_RDWR);
}
