/* Files by their descriptors. */
#ifndef XIMSS_BASE_IO_H
#define XIMSS_BASE_IO_H

#include <apr.h>

/* Writes LENGTH bytes to FD where it stands, however many calls that takes. Returns 0, and errno says why, when it cannot. Any
 * thread. */
int ximss_write_all(int fd, const void *data, apr_size_t length);

#endif
