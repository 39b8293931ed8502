/* Log lines of lib/ go to one sink, which httpd or the command sets. */
#ifndef XIMSS_BASE_LOG_H
#define XIMSS_BASE_LOG_H

typedef enum ximss_log_level_t {
    XIMSS_LOG_ERROR, /* someone must act */
    XIMSS_LOG_WARN,  /* handled, but wrong */
    XIMSS_LOG_INFO,  /* login, logout, start */
    XIMSS_LOG_DEBUG  /* one line an operation */
} ximss_log_level_t;

/* Receives a finished line without a line end; may be called from any thread. */
typedef void (*ximss_log_sink_t)(void *baton, ximss_log_level_t level, const char *line);

/* Sets the sink of this process (NULL: standard error) and the highest level that is formatted. Call
 * it before threads start. */
void ximss_log_set(ximss_log_sink_t sink, void *baton, ximss_log_level_t level);

/* Logs one line. NUMBER is the line's permanent number (XMnnnn), 0 for info and debug. Control bytes
 * become "?"; passwords, bodies and whole urlIDs never belong here. A line over 4 KB is cut. */
void ximss_log(ximss_log_level_t level, int number, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
