/* Splits mbox files. A "From " line counts only behind an empty line and with a date at its end; that
 * is the strict rule of RFC 4155, which text in bodies hardly meets. Some exporters write no dates: where the
 * first line has none, "From " and a single word count as well. */
#include "mime/mbox.h"
#include "mime/buffer.h"
#include "mime/decode.h"

#include <apr_lib.h>

struct ximss_mbox_t {
    const char *data;
    apr_size_t length;
    apr_size_t at;           /* of the next "From " line */
    int dateless;            /* the first "From " line has no date */
    ximss_buffer_t unquoted; /* reused for each message that has quoted lines */
    apr_pool_t *pool;
};

/* The end of the line at AT, with its line end. */
static apr_size_t line_end(const ximss_mbox_t *mbox, apr_size_t at)
{
    const char *end = memchr(mbox->data + at, '\n', mbox->length - at);
    return end == NULL ? mbox->length : (apr_size_t)(end - mbox->data) + 1;
}

static int starts_from(const ximss_mbox_t *mbox, apr_size_t at)
{
    return mbox->length - at >= 5 && memcmp(mbox->data + at, "From ", 5) == 0;
}

/* Whether ASCII letters and a space stand at TEXT like a day or month name. */
static int is_day_name(const char *text)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    for (apr_size_t i = 0; i < 7; i++) {
        if (memcmp(text, days + 3 * i, 3) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The date of the "From " line of LENGTH bytes: it begins with the last name of a day that has the name of
 * a month behind it. Returns 0 if there is none. */
static int from_date(const char *line, apr_size_t length, apr_int64_t *date)
{
    int shift;
    while (length > 0 && apr_isspace(line[length - 1])) {
        length--;
    }
    for (apr_size_t at = length < 200 ? 5 : length - 195; at + 20 <= length; at++) {
        const char *text = line + at;
        if ((text[-1] == ' ' || text[-1] == '\t') && is_day_name(text) && text[3] == ' ' &&
            ximss_date_month(text + 4) > 0 && apr_isdigit(line[length - 1]) &&
            ximss_date_parse(text, length - at, date, &shift)) {
            return 1;
        }
    }
    return 0;
}

/* Whether the line of LENGTH bytes is "From " and a single word. */
static int is_bare_from(const char *line, apr_size_t length)
{
    apr_size_t at = 5;
    while (length > 0 && apr_isspace(line[length - 1])) {
        length--;
    }
    while (at < length && !apr_isspace(line[at])) {
        at++;
    }
    return length > 5 && at == length;
}

/* Whether the "From " line of LENGTH bytes begins a message. */
static int separates(const ximss_mbox_t *mbox, const char *line, apr_size_t length)
{
    apr_int64_t date;
    return from_date(line, length, &date) || (mbox->dateless && is_bare_from(line, length));
}

ximss_mbox_t *ximss_mbox_open(const char *data, apr_size_t length, apr_pool_t *pool)
{
    ximss_mbox_t *mbox = apr_pcalloc(pool, sizeof(*mbox));
    mbox->data = data;
    mbox->length = length;
    mbox->pool = pool;
    if (starts_from(mbox, 0)) {
        apr_int64_t date;
        mbox->dateless = !from_date(data, line_end(mbox, 0), &date);
    }
    return mbox;
}

/* Whether the line of LENGTH bytes has nothing but a line end. */
static int is_empty(const char *line, apr_size_t length)
{
    return length > 0 && (line[0] == '\n' || (length == 2 && line[0] == '\r' && line[1] == '\n'));
}

static int is_quoted(const char *line, apr_size_t length)
{
    apr_size_t n = 0;
    while (n < length && line[n] == '>') {
        n++;
    }
    return n > 0 && length - n >= 5 && memcmp(line + n, "From ", 5) == 0;
}

/* Finds the end of the message that begins at START; *QUOTED: it has lines with quoting to undo. The
 * empty line before the next "From " line is left out. */
static apr_size_t message_end(const ximss_mbox_t *mbox, apr_size_t start, apr_size_t *next,
                              int *quoted)
{
    apr_size_t at = start;
    apr_size_t empty = start; /* of the empty line just passed; start: none */
    int behind_empty = 0;
    *quoted = 0;
    while (at < mbox->length) {
        apr_size_t end = line_end(mbox, at);
        const char *line = mbox->data + at;
        if (behind_empty && *line == 'F' && starts_from(mbox, at) &&
            separates(mbox, line, end - at)) {
            *next = at;
            return empty;
        }
        *quoted |= *line == '>' && is_quoted(line, end - at);
        behind_empty = is_empty(line, end - at);
        empty = at;
        at = end;
    }
    *next = mbox->length;
    return behind_empty && empty > start ? empty : mbox->length;
}

/* Takes one ">" from each quoted line. */
static void unquote(ximss_mbox_t *mbox, apr_size_t start, apr_size_t end)
{
    ximss_buffer_t *out = &mbox->unquoted;
    if (out->data == NULL) {
        ximss_buffer_init(out, end - start, mbox->pool);
    }
    out->length = 0;
    while (start < end) {
        apr_size_t next = line_end(mbox, start);
        next = next > end ? end : next;
        start += mbox->data[start] == '>' && is_quoted(mbox->data + start, next - start);
        ximss_buffer_add(out, mbox->data + start, next - start);
        start = next;
    }
}

int ximss_mbox_next(ximss_mbox_t *mbox, ximss_mbox_message_t *message)
{
    apr_size_t start = mbox->at;
    apr_size_t end;
    int quoted;
    message->date_valid = 0;
    message->date = 0;
    if (start >= mbox->length) {
        return 0;
    }
    if (starts_from(mbox, start)) {
        start = line_end(mbox, start);
        message->date_valid = from_date(mbox->data + mbox->at, start - mbox->at, &message->date);
    }
    end = message_end(mbox, start, &mbox->at, &quoted);
    message->data = mbox->data + start;
    message->length = end - start;
    if (quoted) {
        unquote(mbox, start, end);
        message->data = mbox->unquoted.data;
        message->length = mbox->unquoted.length;
    }
    return 1;
}

apr_size_t ximss_mbox_offset(const ximss_mbox_t *mbox)
{
    return mbox->at;
}
