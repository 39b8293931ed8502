/* See io.h. */
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

int ximss_write_all(int fd, const void *data, apr_size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t written = write(fd, at, length);

        if (written < 0 && errno != EINTR) {
            return 0;
        }
        if (written > 0) {
            at += written;
            length -= (apr_size_t)written;
        }
    }
    return 1;
}
