/* The reader of replies: one byte at a time, so it does not matter how they arrive. */
#include "submit/smtp_reply.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

void ximss_smtp_reply_init(ximss_smtp_reply_t *reply)
{
    memset(reply, 0, sizeof(*reply));
}

/* The length of the enhanced status code (class.subject.detail, RFC 3463) at TEXT, 0 if it is none. */
static apr_size_t status_length(const char *text, char class)
{
    apr_size_t at = 1;
    if (text[0] != class || (class != '2' && class != '4' && class != '5')) {
        return 0;
    }
    for (int group = 0; group < 2; group++) {
        int digits = 0;
        if (text[at++] != '.') {
            return 0;
        }
        while (digits < 3 && apr_isdigit(text[at])) {
            at++;
            digits++;
        }
        if (digits == 0) {
            return 0;
        }
    }
    return text[at] == ' ' || text[at] == '\0' ? at : 0;
}

/* Takes the status code from the line that has just ended. */
static void take_status(ximss_smtp_reply_t *reply)
{
    char *line = reply->text + reply->line;
    reply->text[reply->length] = '\0';
    apr_size_t length = status_length(line, (char)('0' + reply->code / 100));
    if (length == 0) {
        return;
    }
    if (reply->lines == 0) {
        apr_cpystrn(reply->status, line, length + 1);
    }
    length += line[length] == ' ';
    memmove(line, line + length, reply->length - reply->line - length + 1);
    reply->length -= length;
}

static void put(ximss_smtp_reply_t *reply, char byte)
{
    if (reply->length < XIMSS_REPLY_TEXT_MAX) {
        reply->text[reply->length++] = byte;
    }
}

static ximss_reply_state_t end_line(ximss_smtp_reply_t *reply)
{
    if (reply->column < 3 || reply->line_code < 200 || reply->line_code > 599 ||
        (reply->lines > 0 && reply->line_code != reply->code)) {
        return XIMSS_REPLY_BAD;
    }
    reply->code = reply->line_code;
    reply->last |= reply->column == 3;
    take_status(reply);
    reply->lines++;
    if (reply->last) {
        return XIMSS_REPLY_DONE;
    }
    put(reply, '\n');
    reply->line = reply->length;
    reply->column = 0;
    reply->line_code = 0;
    return reply->lines < XIMSS_REPLY_LINES_MAX ? XIMSS_REPLY_MORE : XIMSS_REPLY_BAD;
}

static ximss_reply_state_t put_byte(ximss_smtp_reply_t *reply, char byte)
{
    apr_size_t column = reply->column++;
    if (column < 3) {
        reply->line_code = reply->line_code * 10 + (byte - '0');
        return apr_isdigit(byte) ? XIMSS_REPLY_MORE : XIMSS_REPLY_BAD;
    }
    if (column == 3) {
        reply->last = byte == ' ';
        return byte == ' ' || byte == '-' ? XIMSS_REPLY_MORE : XIMSS_REPLY_BAD;
    }
    put(reply, (unsigned char)byte < ' ' || byte == 0x7f ? ' ' : byte);
    return column < XIMSS_REPLY_LINE_MAX ? XIMSS_REPLY_MORE : XIMSS_REPLY_BAD;
}

static ximss_reply_state_t read_byte(ximss_smtp_reply_t *reply, char byte)
{
    int after_cr = reply->cr;
    reply->cr = byte == '\r';
    if (byte == '\n') {
        return end_line(reply);
    }
    if (after_cr) {
        ximss_reply_state_t state = put_byte(reply, ' ');
        if (state != XIMSS_REPLY_MORE) {
            return state;
        }
    }
    return byte == '\r' ? XIMSS_REPLY_MORE : put_byte(reply, byte);
}

ximss_reply_state_t ximss_smtp_reply_read(ximss_smtp_reply_t *reply, const char *data,
                                          apr_size_t length, apr_size_t *used)
{
    ximss_reply_state_t state = XIMSS_REPLY_MORE;
    for (*used = 0; *used < length && state == XIMSS_REPLY_MORE; ++*used) {
        state = read_byte(reply, data[*used]);
    }
    return state;
}

/* Whether the LENGTH bytes at WORD are NAME, letter case ignored. */
static int is_name(const char *word, apr_size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(word, name, length) == 0;
}

/* The next word at *AT of the line that ends at END; mechanisms were once written "AUTH=PLAIN". */
static apr_size_t next_word(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '=')) {
        ++*at;
    }
    const char *word = *at;
    while (word < end && *word != ' ' && *word != '=') {
        word++;
    }
    return (apr_size_t)(word - *at);
}

static void read_mechanisms(ximss_smtp_features_t *features, const char *at, const char *end)
{
    apr_size_t length;
    while ((length = next_word(&at, end)) > 0) {
        features->auth_plain |= is_name(at, length, "PLAIN");
        features->auth_login |= is_name(at, length, "LOGIN");
        at += length;
    }
}

/* A number that is none, or of more digits than any mailbox needs, is no limit. */
static apr_int64_t read_limit(const char *at, const char *end)
{
    apr_size_t length = next_word(&at, end);
    apr_int64_t limit = 0;
    for (apr_size_t i = 0; i < length; i++) {
        if (!apr_isdigit(at[i]) || i == 18) {
            return 0;
        }
        limit = limit * 10 + (at[i] - '0');
    }
    return limit;
}

static void read_feature(ximss_smtp_features_t *features, const char *at, const char *end)
{
    apr_size_t length = next_word(&at, end);
    features->pipelining |= is_name(at, length, "PIPELINING");
    features->eight_bit |= is_name(at, length, "8BITMIME");
    features->utf8 |= is_name(at, length, "SMTPUTF8");
    features->dsn |= is_name(at, length, "DSN");
    features->starttls |= is_name(at, length, "STARTTLS");
    if (is_name(at, length, "SIZE")) {
        features->size = 1;
        features->limit = read_limit(at + length, end);
    }
    else if (is_name(at, length, "AUTH")) {
        read_mechanisms(features, at + length, end);
    }
}

void ximss_smtp_features_read(ximss_smtp_features_t *features, const ximss_smtp_reply_t *reply)
{
    const char *line = strchr(reply->text, '\n');
    memset(features, 0, sizeof(*features));
    while (line != NULL) {
        line++;
        const char *end = strchr(line, '\n');
        read_feature(features, line, end != NULL ? end : line + strlen(line));
        line = end;
    }
}
