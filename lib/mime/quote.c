/* Quoting: which part, its lines, and the marks in front of them. */
#include "mime/quote.h"

#include "mime/content.h"
#include "mime/flowed.h"
#include "mime/html_text.h"

#include <string.h>
#include <strings.h>

/* More marks in front of a line than these are its text: a line that is broken repeats them. */
enum { MARKS_MAX = 30, ROOM_MIN = 20 };

/* ---- which part ---- */

static int is_subtype(const ximss_part_t *part, const char *subtype)
{
    return strcmp(part->subtype, subtype) == 0;
}

/* Whether a reader is shown PART as the text of the message. */
static int is_text(const ximss_part_t *part)
{
    return part->kind == XIMSS_PART_LEAF && strcmp(part->type, "text") == 0 &&
           (is_subtype(part, "plain") || is_subtype(part, "html")) &&
           (part->disposition == NULL || strcmp(part->disposition, "attachment") != 0);
}

static const ximss_part_t *find_plain(const ximss_part_t *part)
{
    const ximss_part_t *found = NULL;
    const ximss_part_t *child;

    if (part->kind != XIMSS_PART_MULTIPART) {
        return is_text(part) && is_subtype(part, "plain") ? part : NULL;
    }
    for (child = part->children; child != NULL && found == NULL; child = child->next) {
        found = find_plain(child);
    }
    return found;
}

/* Recursion is bounded by the depth limit of the tree. */
const ximss_part_t *ximss_quote_part(const ximss_part_t *body)
{
    const ximss_part_t *found = NULL;
    const ximss_part_t *child;

    if (body->kind != XIMSS_PART_MULTIPART) {
        return is_text(body) ? body : NULL;
    }
    if (is_subtype(body, "alternative")) {
        found = find_plain(body);
    }
    for (child = body->children; child != NULL && found == NULL; child = child->next) {
        found = ximss_quote_part(child);
    }
    return found;
}

/* ---- its text ---- */

/* The line that begins at AT; returns where the next one does. */
static const char *next_line(const char *at, const char *end, apr_size_t *length)
{
    const char *lf = memchr(at, '\n', (apr_size_t)(end - at));

    *length = (apr_size_t)((lf != NULL ? lf : end) - at);
    return lf != NULL ? lf + 1 : end;
}

static apr_size_t count_marks(const char *line, apr_size_t length)
{
    apr_size_t marks = 0;

    while (marks < length && marks < MARKS_MAX && line[marks] == '>') {
        marks++;
    }
    return marks;
}

static void join_flowed(ximss_quote_text_t *text, int delete_space, apr_pool_t *pool)
{
    ximss_buffer_t out;

    ximss_buffer_init(&out, text->length + 16, pool);
    ximss_flowed_join(&out, text->text, text->length, delete_space);
    text->text = ximss_buffer_string(&out);
    text->length = out.length;
}

static int has_param(const ximss_part_t *part, const char *name, const char *value)
{
    const char *found = ximss_param_get(part->type_params, name);

    return found != NULL && strcasecmp(found, value) == 0;
}

void ximss_quote_read(ximss_quote_text_t *text, const ximss_part_t *part, const char *raw,
                      apr_size_t length, apr_pool_t *pool)
{
    text->text = ximss_content_text(part, raw, length, &text->length, pool);
    text->flows = 0;
    if (is_subtype(part, "html")) {
        text->text = ximss_html_text(text->text, text->length, &text->length, pool);
        text->flows = 1;
    }
    else if (has_param(part, "format", "flowed")) {
        join_flowed(text, has_param(part, "delsp", "yes"), pool);
        text->flows = 1;
    }
}

/* ---- the marks ---- */

static int is_character_start(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

/* The bytes of LINE that fit in WIDTH characters, whole words and at least one. */
static apr_size_t break_at(const char *line, apr_size_t length, apr_size_t width)
{
    apr_size_t characters = 0;
    apr_size_t blank = 0;
    apr_size_t i;

    for (i = 0; i < length; i++) {
        if (characters > width && blank > 0) {
            return blank;
        }
        if (line[i] == ' ' && i > 0) {
            blank = i;
        }
        characters += (apr_size_t)is_character_start(line[i]);
    }
    return characters > width && blank > 0 ? blank : length;
}

static void put_line(ximss_buffer_t *out, const char *mark, const char *marks,
                     apr_size_t marks_length, const char *line, apr_size_t length)
{
    apr_size_t mark_length = strlen(mark);
    int apart = length > 0 && marks_length == 0 && mark_length > 0 && mark[mark_length - 1] == '>';

    ximss_buffer_add(out, mark, mark_length);
    ximss_buffer_add(out, marks, marks_length);
    if (apart || (marks_length > 0 && length > 0)) {
        ximss_buffer_put(out, ' ');
    }
    ximss_buffer_add(out, line, length);
    ximss_buffer_put(out, '\n');
}

static void write_line(ximss_buffer_t *out, const ximss_quote_text_t *text, const char *line,
                       apr_size_t length, const char *mark, int width)
{
    apr_size_t marks = count_marks(line, length);
    apr_size_t used = strlen(mark) + marks + 1;
    apr_size_t room = (apr_size_t)width > used + ROOM_MIN ? (apr_size_t)width - used : ROOM_MIN;
    const char *start = line;

    line += marks;
    length -= marks;
    if (marks > 0 && length > 0 && line[0] == ' ') {
        line++;
        length--;
    }
    while (text->flows && length > 0) {
        apr_size_t part = break_at(line, length, room);

        put_line(out, mark, start, marks, line, part);
        part += part < length; /* the blank */
        line += part;
        length -= part;
        if (length == 0) {
            return;
        }
    }
    put_line(out, mark, start, marks, line, length);
}

void ximss_quote_write(ximss_buffer_t *out, const ximss_quote_text_t *text, const char *mark,
                       int width)
{
    const char *at = text->text;
    const char *end = at + text->length;

    while (at < end) {
        apr_size_t length;
        const char *next = next_line(at, end, &length);

        write_line(out, text, at, length, mark, width);
        at = next;
    }
}
