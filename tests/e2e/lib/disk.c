/* A disk that fails, for LD_PRELOAD: writes below $DISK_DATA fail once as many of them have gone well as the first number
 * of the file $DISK_FAULT says (binary, 32 bits; below 0: none fails), with the second as errno. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile int *fault;

__attribute__((constructor)) static void load(void)
{
    const char *path = getenv("DISK_FAULT");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                        : MAP_FAILED;
    if (map != MAP_FAILED) {
        fault = map;
    }
}

static int fails(int fd)
{
    const char *data = getenv("DISK_DATA");
    char link[64];
    char path[4096];
    ssize_t length;
    if (fault == NULL || *fault < 0 || data == NULL) {
        return 0;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length < (ssize_t)strlen(data) || strncmp(path, data, strlen(data)) != 0) {
        return 0;
    }
    if (*fault > 0) {
        __atomic_fetch_sub(fault, 1, __ATOMIC_SEQ_CST);
        return 0;
    }
    errno = fault[1];
    return 1;
}

#define FAULTY(type, name, parameters, arguments)                                                  \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (fails(fd)) {                                                                           \
            return -1;                                                                             \
        }                                                                                          \
        if (real == NULL) {                                                                        \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        }                                                                                          \
        return real arguments;                                                                     \
    }

FAULTY(ssize_t, write, (int fd, const void *data, size_t length), (fd, data, length))
FAULTY(ssize_t, writev, (int fd, const struct iovec *data, int count), (fd, data, count))
FAULTY(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t at), (fd, data, length, at))
FAULTY(ssize_t, pwrite64, (int fd, const void *data, size_t length, off64_t at),
       (fd, data, length, at))
FAULTY(int, ftruncate, (int fd, off_t length), (fd, length))
FAULTY(int, ftruncate64, (int fd, off64_t length), (fd, length))
FAULTY(int, fallocate, (int fd, int mode, off_t at, off_t length), (fd, mode, at, length))
FAULTY(int, fallocate64, (int fd, int mode, off64_t at, off64_t length), (fd, mode, at, length))
FAULTY(int, fsync, (int fd), (fd))
FAULTY(int, fdatasync, (int fd), (fd))

/* These say what went wrong by their result. */
int posix_fallocate(int fd, off_t at, off_t length);
int posix_fallocate(int fd, off_t at, off_t length)
{
    return fallocate(fd, 0, at, length) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t at, off64_t length);
int posix_fallocate64(int fd, off64_t at, off64_t length)
{
    return fallocate64(fd, 0, at, length) == 0 ? 0 : errno;
}
