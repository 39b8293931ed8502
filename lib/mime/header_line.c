/* Everything of a field goes through ximss_head_put(), which folds, and everything that a user can choose through
 * ximss_head_clean(), so that no byte of it can end a line. */
#include "mime/header_line.h"
#include "base/text.h"
#include "mime/decode.h"
#include "mime/encode.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define WORD_MAX      75 /* an encoded word (RFC 2047, 2) */
#define WORD_FRAME    12 /* "=?UTF-8?Q?" and "?=" */
#define WORD_ROOM_MIN 32 /* less room on a line is not worth a word */

/* ---- lines ---- */

void ximss_head_start(ximss_head_line_t *line, ximss_out_t *out, const char *name)
{
    line->out = out;
    line->column = strlen(name) + 1;
    ximss_buffer_add(out, name, strlen(name));
    ximss_buffer_put(out, ':');
}

void ximss_head_end(ximss_head_line_t *line)
{
    ximss_buffer_add(line->out, "\r\n", 2);
}

static void fold(ximss_head_line_t *line)
{
    ximss_buffer_add(line->out, "\r\n", 2);
    line->column = 0;
}

void ximss_head_put(ximss_head_line_t *line, const char *word, apr_size_t length)
{
    if (line->column > 0 && line->column + 1 + length > XIMSS_HEAD_LINE_MAX) {
        fold(line);
    }
    ximss_buffer_put(line->out, ' ');
    ximss_buffer_add(line->out, word, length);
    line->column += 1 + length;
}

void ximss_head_attach(ximss_head_line_t *line, char byte)
{
    ximss_buffer_put(line->out, byte);
    line->column++;
}

/* ---- values ---- */

static int is_control(unsigned char byte)
{
    return byte < ' ' || byte == 0x7F;
}

void ximss_head_blank_controls(char *text, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (is_control((unsigned char)text[i])) {
            text[i] = ' ';
        }
    }
}

const char *ximss_head_clean(const char *value, apr_size_t *length, apr_pool_t *pool)
{
    char *bytes = apr_pstrmemdup(pool, value, *length);
    const char *text;
    ximss_head_blank_controls(bytes, *length);
    text = ximss_text_clean(bytes, length, pool);
    while (*length > 0 && text[*length - 1] == ' ') {
        --*length;
    }
    while (*length > 0 && *text == ' ') {
        text++;
        --*length;
    }
    return apr_pstrmemdup(pool, text, *length);
}

int ximss_head_is_plain(const char *text, apr_size_t length)
{
    return ximss_bytes_plain(text, length) && memmem(text, length, "=?", 2) == NULL;
}

void ximss_head_quote(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    ximss_buffer_put(out, '"');
    for (apr_size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            ximss_buffer_put(out, '\\');
        }
        ximss_buffer_put(out, text[i]);
    }
    ximss_buffer_put(out, '"');
}

/* ---- encoded words (RFC 2047) ---- */

/* What may stand for itself even inside a phrase (RFC 2047, 5, rule 3). */
static int is_q_plain(char c)
{
    return apr_isalnum(c) || (c != '\0' && strchr("!*+-/", c) != NULL);
}

/* Whether TEXT is readable in Q: at most half of it is encoded. */
static int suits_q(const char *text, apr_size_t length)
{
    apr_size_t encoded = 0;
    for (apr_size_t i = 0; i < length; i++) {
        encoded += !is_q_plain(text[i]) && text[i] != ' ';
    }
    return encoded * 2 <= length;
}

/* How many bytes of TEXT, whole characters, fit a word with ROOM characters of content. */
static apr_size_t fitting(const char *text, apr_size_t length, apr_size_t room, int q)
{
    apr_size_t fit = 0;
    apr_size_t used = 0;
    if (!q) {
        return ximss_text_cut(text, length, room / 4 * 3);
    }
    while (fit < length) {
        used += is_q_plain(text[fit]) || text[fit] == ' ' ? 1 : 3;
        if (used > room) {
            break;
        }
        fit++;
    }
    return ximss_text_cut(text, length, fit);
}

static void encode_word(ximss_buffer_t *word, const char *text, apr_size_t length, int q)
{
    ximss_buffer_add(word, q ? "=?UTF-8?Q?" : "=?UTF-8?B?", 10);
    if (q) {
        for (apr_size_t i = 0; i < length; i++) {
            if (is_q_plain(text[i])) {
                ximss_buffer_put(word, text[i]);
            }
            else if (text[i] == ' ') {
                ximss_buffer_put(word, '_');
            }
            else {
                ximss_hex_put(word, '=', text[i]);
            }
        }
    }
    else {
        ximss_base64_put(word, text, length, 0);
    }
    ximss_buffer_add(word, "?=", 2);
}

void ximss_head_put_encoded(ximss_head_line_t *line, const char *text, apr_size_t length,
                            const char *before, const char *after)
{
    int q = suits_q(text, length);
    ximss_buffer_t word;
    ximss_buffer_init(&word, WORD_MAX * 2, line->out->pool);
    do {
        apr_size_t used = line->column + 1 + strlen(before) + strlen(after);
        apr_size_t room = WORD_MAX - strlen(before) - strlen(after);
        apr_size_t size;
        if (line->column > 0 && used + WORD_ROOM_MIN > XIMSS_HEAD_LINE_MAX) {
            fold(line);
        }
        else if (line->column > 0 && XIMSS_HEAD_LINE_MAX - used < room) {
            room = XIMSS_HEAD_LINE_MAX - used;
        }
        size = fitting(text, length, room - WORD_FRAME, q);
        word.length = 0;
        ximss_buffer_add(&word, before, strlen(before));
        encode_word(&word, text, size, q);
        text += size;
        length -= size;
        before = "";
        ximss_buffer_add(&word, after, length == 0 ? strlen(after) : 0);
        ximss_head_put(line, word.data, word.length);
    } while (length > 0);
}
