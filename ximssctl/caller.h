/* A process that keeps the caller's rights: it opens files and hands them over, while the process that
 * works on them may have given those rights up. */
#ifndef XIMSS_XIMSSCTL_CALLER_H
#define XIMSS_XIMSSCTL_CALLER_H

#include <sys/types.h>

/* Longest text of a record, with its end. */
#define XIMSS_CALLER_TEXT_MAX 4400

/* What goes over the line, either way: a kind (the user's own numbers), a text, perhaps an open file. */
typedef struct ximss_caller_record_t {
    int kind;
    int fd; /* -1: none */
    char text[XIMSS_CALLER_TEXT_MAX];
} ximss_caller_record_t;

typedef struct ximss_caller_t {
    pid_t pid;
    int line; /* this side's socket */
} ximss_caller_t;

/* Starts the process, which runs MAIN on its side's socket and exits with what it returns. Call it before
 * there are threads. 0, or -1 with errno. */
int ximss_caller_start(ximss_caller_t *caller, int (*main)(int line, void *baton), void *baton);

/* Closes the line and waits for the process; nonzero unless it ended with 0. */
int ximss_caller_end(ximss_caller_t *caller);

/* Sends a record; its file stays open on this side. 0, or -1 with errno. */
int ximss_caller_send(int line, int kind, int fd, const char *text);

/* Receives one: 1 when there was one, 0 when the other side is gone, -1 with errno. */
int ximss_caller_receive(int line, ximss_caller_record_t *record);

#endif
