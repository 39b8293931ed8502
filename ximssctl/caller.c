/* Records over a pair of SOCK_SEQPACKET sockets: boundaries are kept, a full socket holds the sender back,
 * and the death of either side is seen by the other. */
#include "ximssctl/caller.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int ximss_caller_start(ximss_caller_t *caller, int (*main)(int line, void *baton), void *baton)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    caller->pid = fork();
    if (caller->pid == 0) {
        close(pair[0]);
        _exit(main(pair[1], baton));
    }
    close(pair[1]);
    caller->line = pair[0];
    if (caller->pid < 0) {
        close(pair[0]);
        return -1;
    }
    return 0;
}

int ximss_caller_end(ximss_caller_t *caller)
{
    int status;

    close(caller->line);
    while (waitpid(caller->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

int ximss_caller_send(int line, int kind, int fd, const char *text)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    size_t length = strnlen(text, XIMSS_CALLER_TEXT_MAX - 1);
    struct iovec parts[2] = {{&kind, sizeof kind}, {(void *)(size_t)text, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;

    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    do {
        sent = sendmsg(line, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int ximss_caller_receive(int line, ximss_caller_record_t *record)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec parts[2] = {{&record->kind, sizeof record->kind},
                             {record->text, sizeof record->text - 1}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    const struct cmsghdr *header;
    ssize_t got;

    do {
        got = recvmsg(line, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return (int)got;
    }
    record->fd = -1;
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        memcpy(&record->fd, CMSG_DATA(header), sizeof record->fd);
    }
    if ((size_t)got < sizeof record->kind || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        errno = EPROTO;
        return -1;
    }
    record->text[(size_t)got - sizeof record->kind] = '\0';
    return 1;
}
