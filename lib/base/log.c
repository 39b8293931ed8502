/* The log of lib/: formats a line, makes it harmless and hands it to the sink. The sink is set once
 * before threads start, so reading it needs no lock. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum { LINE_BYTES = 4096 };

static ximss_log_sink_t log_sink;
static void *log_baton;
static ximss_log_level_t log_level = XIMSS_LOG_INFO;

void ximss_log_set(ximss_log_sink_t sink, void *baton, ximss_log_level_t level)
{
    log_sink = sink;
    log_baton = baton;
    log_level = level;
}

/* Replaces instead of lengthening, as the line lies in a fixed buffer. */
static void blank_control(char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char byte = (unsigned char)*line;
        if (byte < 0x20 || byte == 0x7f) {
            *line = '?';
        }
    }
}

void ximss_log(ximss_log_level_t level, int number, const char *fmt, ...)
{
    if (level > log_level) {
        return;
    }
    char line[LINE_BYTES];
    int used = number > 0 ? snprintf(line, sizeof(line), "XM%04d: ", number) : 0;
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, args);
    va_end(args);
    if (length < 0) {
        line[used] = '\0';
    }
    blank_control(line);
    if (log_sink != NULL) {
        log_sink(log_baton, level, line);
    }
    else {
        fprintf(stderr, "%s\n", line);
    }
}
