/* Breaks paragraphs into flowed lines. */
#include "mime/flowed.h"

#include <string.h>

#define LINE_MAX_LENGTH 78 /* characters, with the blank at the end (RFC 3676, 4.2) */

/* Characters of LENGTH bytes of UTF-8. */
static apr_size_t characters(const char *text, apr_size_t length)
{
    apr_size_t count = 0;
    for (apr_size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

static int needs_stuffing(const char *text, apr_size_t length, apr_size_t quotes)
{
    return quotes > 0 || (length > 0 && (*text == ' ' || *text == '>')) ||
           (length >= 5 && memcmp(text, "From ", 5) == 0);
}

/* The length of the first line of TEXT with ROOM characters: up to and with a blank, or all of it. A word that is
 * longer stays whole. */
static apr_size_t first_line(const char *text, apr_size_t length, apr_size_t room)
{
    apr_size_t fit = 0;
    apr_size_t used = 0;
    apr_size_t at = 0;
    while (at < length) {
        const char *blank = memchr(text + at, ' ', length - at);
        apr_size_t next = blank == NULL ? length : (apr_size_t)(blank - text) + 1;
        used += characters(text + at, next - at);
        if (used > room && fit > 0) {
            return fit;
        }
        fit = next;
        at = next;
    }
    return length;
}

/* TEXT without its QUOTES quote marks; at least one line, even if it is empty. */
static void put_paragraph(ximss_buffer_t *out, const char *text, apr_size_t length,
                          apr_size_t quotes)
{
    do {
        int stuffed = needs_stuffing(text, length, quotes);
        apr_size_t margin = quotes + (apr_size_t)stuffed;
        apr_size_t size =
            first_line(text, length, margin + 20 < LINE_MAX_LENGTH ? LINE_MAX_LENGTH - margin : 20);
        for (apr_size_t i = 0; i < quotes; i++) {
            ximss_buffer_put(out, '>');
        }
        if (stuffed && length > 0) {
            ximss_buffer_put(out, ' ');
        }
        ximss_buffer_add(out, text, size);
        text += size;
        length -= size;
        if (length > 0) {
            ximss_buffer_put(out, '\n');
        }
    } while (length > 0);
}

/* Quote marks are not repeated on more lines than the text has bytes for: deep ones are left alone. */
#define QUOTES_MAX 40

static void put_line(ximss_buffer_t *out, const char *line, apr_size_t length)
{
    apr_size_t quotes = 0;
    if (length != 3 || memcmp(line, "-- ", 3) != 0) {
        while (length > 0 && line[length - 1] == ' ') {
            length--;
        }
    }
    while (quotes < length && line[quotes] == '>') {
        quotes++;
    }
    if (quotes > QUOTES_MAX) {
        ximss_buffer_add(out, line, length);
        return;
    }
    line += quotes;
    length -= quotes;
    if (quotes > 0 && length > 0 && *line == ' ') {
        line++; /* the stuffing of whoever quoted it */
        length--;
    }
    put_paragraph(out, line, length, quotes);
}

void ximss_flowed_put(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        apr_size_t size = end == NULL ? length : (apr_size_t)(end - text);
        put_line(out, text, size);
        if (end != NULL) {
            ximss_buffer_put(out, '\n');
            size++;
        }
        text += size;
        length -= size;
    }
}
