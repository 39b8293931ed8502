/* Joins the lines of format=flowed (RFC 3676), see flowed.h. */
#include "mime/flowed.h"

#include <string.h>

/* Further marks in front of a line are its text. */
enum { MARKS_MAX = 30 };

/* A paragraph of flowed text that is being put together. */
typedef struct paragraph_t {
    ximss_buffer_t *out;
    int open;
    apr_size_t marks;
} paragraph_t;

static void start_paragraph(paragraph_t *paragraph, apr_size_t marks)
{
    apr_size_t i;

    paragraph->marks = marks;
    for (i = 0; i < marks; i++) {
        ximss_buffer_put(paragraph->out, '>');
    }
    if (marks > 0) {
        ximss_buffer_put(paragraph->out, ' ');
    }
}

/* Adds a line without its line end (RFC 3676, 4.1 to 4.5). */
static void add_line(paragraph_t *paragraph, const char *line, apr_size_t length, int delete_space)
{
    apr_size_t marks = 0;
    apr_size_t start;
    const char *text;
    int is_signature;
    int flows;

    while (marks < length && marks < MARKS_MAX && line[marks] == '>') {
        marks++;
    }
    start = marks < length && line[marks] == ' ' ? marks + 1 : marks;
    text = line + start;
    length -= start;
    is_signature = length == 3 && memcmp(text, "-- ", 3) == 0;
    flows = length > 0 && text[length - 1] == ' ' && !is_signature;
    if (paragraph->open && (marks != paragraph->marks || is_signature)) {
        ximss_buffer_put(paragraph->out, '\n');
        paragraph->open = 0;
    }
    if (!paragraph->open) {
        start_paragraph(paragraph, marks);
    }
    ximss_buffer_add(paragraph->out, text, length - (flows && delete_space));
    if (!flows) {
        ximss_buffer_put(paragraph->out, '\n');
    }
    paragraph->open = flows;
}

void ximss_flowed_join(ximss_buffer_t *out, const char *text, apr_size_t length, int delete_space)
{
    const char *at = text;
    const char *end = text + length;
    paragraph_t paragraph = {.out = out};

    while (at < end) {
        const char *lf = memchr(at, '\n', (apr_size_t)(end - at));
        const char *line_end = lf != NULL ? lf : end;

        add_line(&paragraph, at, (apr_size_t)(line_end - at), delete_space);
        at = lf != NULL ? lf + 1 : end;
    }
}
