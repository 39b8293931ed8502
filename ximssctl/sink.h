/* The target of an export, made by the process with the caller's rights. */
#ifndef XIMSS_XIMSSCTL_SINK_H
#define XIMSS_XIMSSCTL_SINK_H

/* Asked for with a record of that kind; the answer is SINK_DONE (perhaps with a file) or SINK_FAILED with
 * the reason as text. */
enum {
    XIMSS_SINK_MBOX = 1, /* makes the file PATH, and hands it over */
    XIMSS_SINK_MAILDIR,  /* makes the folder PATH with cur, new and tmp */
    XIMSS_SINK_FOLDER,   /* makes the folder PATH */
    XIMSS_SINK_FILE,     /* makes the file called by the text in the folder, and hands it over */
    XIMSS_SINK_SYNC,     /* puts everything on stable storage */
    XIMSS_SINK_DONE,
    XIMSS_SINK_FAILED
};

/* Serves requests until the line closes; BATON is PATH. */
int ximss_sink_run(int line, void *baton);

#endif
