/* The walk over the PATHs of an import, run by the process with the caller's rights. */
#ifndef XIMSS_XIMSSCTL_WALK_H
#define XIMSS_XIMSSCTL_WALK_H

/* The records of a walk, in order of import. The text is the path, for a problem what is wrong. */
enum {
    XIMSS_WALK_MESSAGE = 1, /* the file is one message */
    XIMSS_WALK_MAILDIR,     /* the same, and its name tells date and flags */
    XIMSS_WALK_MBOX,        /* the file is an mbox */
    XIMSS_WALK_PROBLEM,     /* something below a PATH cannot be read; the walk goes on */
    XIMSS_WALK_FATAL,       /* a PATH is wrong; nothing was sent before it */
    XIMSS_WALK_END
};

typedef struct ximss_walk_t {
    char **paths;
    int count;
} ximss_walk_t;

/* Sends the records of all paths of BATON (ximss_walk_t) over LINE; 0 when the other side got them all. */
int ximss_walk_run(int line, void *baton);

#endif
