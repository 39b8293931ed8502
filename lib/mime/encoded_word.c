/* Unfolding of header values and encoded words (RFC 2047), as lenient as mail is: words inside quoted
 * strings, without blanks around, with blanks inside, with a character split over two words. */
#include "base/hex.h"
#include "base/text.h"
#include "mime/buffer.h"
#include "mime/content.h"
#include "mime/decode.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define CHARSET_MAX 60

/* An encoded word taken apart; offsets from its start. */
typedef struct word_t {
    apr_size_t charset_length; /* without the language of RFC 2231 */
    char encoding;
    apr_size_t text;
    apr_size_t text_length;
    apr_size_t length;
} word_t;

/* The usual value: one line of printable ASCII between blanks. */
static char *unfold_plain(const char *value, apr_size_t length, apr_size_t *text_length,
                          apr_pool_t *pool)
{
    while (length > 0 && *value == ' ') {
        value++;
        length--;
    }
    while (length > 0 && value[length - 1] == ' ') {
        length--;
    }
    *text_length = length;
    return ximss_bytes_plain(value, length) ? apr_pstrmemdup(pool, value, length) : NULL;
}

/* VALUE in TEXT, with each fold as one blank. Returns the end of it. */
static char *unfold(char *text, const char *value, apr_size_t length)
{
    char *to = text;
    int folded = 0;
    for (apr_size_t i = 0; i < length; i++) {
        char c = value[i];
        int blank = c == ' ' || c == '\t';
        if (c == '\n' || c == '\r') {
            folded = 1;
        }
        else if (!folded || !blank) {
            if (folded && to > text && to[-1] != ' ') {
                *to++ = ' ';
            }
            folded = 0;
            *to++ = blank ? ' ' : c;
        }
    }
    return to;
}

char *ximss_value_unfold(const char *value, apr_size_t length, apr_size_t *text_length,
                         apr_pool_t *pool)
{
    char *text = unfold_plain(value, length, text_length, pool);
    char *end;
    if (text != NULL) {
        return text;
    }
    text = apr_palloc(pool, length + 1);
    end = unfold(text, value, length);
    while (end > text && end[-1] == ' ') {
        end--;
    }
    *end = '\0';
    while (*text == ' ') {
        text++;
    }
    *text_length = (apr_size_t)(end - text);
    if (!ximss_bytes_plain(text, *text_length) && !ximss_utf8_valid(text, *text_length)) {
        text = (char *)ximss_charset_to_utf8("windows-1252", text, *text_length, text_length, pool);
    }
    return text;
}

/* Splits the encoded word at TEXT. Returns 0 if it is none. */
static int split_word(word_t *word, const char *text, apr_size_t length, int *no_end)
{
    apr_size_t at = 2;
    const char *end;
    if (length < 8 || text[0] != '=' || text[1] != '?' || *no_end) {
        return 0;
    }
    word->charset_length = 0;
    while (at < length && at < CHARSET_MAX && text[at] != '?') {
        if (text[at] == '*' && word->charset_length == 0) {
            word->charset_length = at - 2;
        }
        if ((unsigned char)text[at] <= ' ' || text[at] == '=') {
            return 0;
        }
        at++;
    }
    if (at + 3 > length || text[at] != '?' || text[at + 2] != '?' ||
        strchr("bBqQ", text[at + 1]) == NULL || text[at + 1] == '\0') {
        return 0;
    }
    if (word->charset_length == 0) {
        word->charset_length = at - 2;
    }
    word->encoding = (char)apr_tolower(text[at + 1]);
    word->text = at + 3;
    end = memmem(text + word->text, length - word->text, "?=", 2);
    if (end == NULL) {
        *no_end = 1;
        return 0;
    }
    word->text_length = (apr_size_t)(end - text) - word->text;
    word->length = word->text + word->text_length + 2;
    return 1;
}

apr_size_t ximss_word_length(const char *text, apr_size_t length, int *no_end)
{
    word_t word;
    return split_word(&word, text, length, no_end) ? word.length : 0;
}

static void decode_q(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        int byte = text[i] == '=' && i + 2 < length ? ximss_hex_byte(text[i + 1], text[i + 2]) : -1;
        if (byte >= 0) {
            ximss_buffer_put(out, (char)byte);
            i += 2;
        }
        else {
            ximss_buffer_put(out, text[i] == '_' ? ' ' : text[i]);
        }
    }
}

static void decode_b(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    ximss_decoder_t decoder;
    ximss_decoder_init(&decoder, XIMSS_ENCODING_BASE64);
    ximss_buffer_reserve(out, ximss_decoder_bound(length));
    out->length += ximss_decoder_run(&decoder, text, length, 1, out->data + out->length);
}

/* Bytes of adjacent words in one charset, converted together. */
typedef struct run_t {
    ximss_buffer_t bytes;
    char charset[CHARSET_MAX + 1];
} run_t;

static void flush_run(ximss_buffer_t *out, run_t *run)
{
    apr_size_t length;
    const char *text;
    if (run->bytes.length == 0) {
        return;
    }
    text =
        ximss_charset_to_utf8(run->charset, run->bytes.data, run->bytes.length, &length, out->pool);
    ximss_buffer_add(out, text, length);
    run->bytes.length = 0;
}

static void add_word(ximss_buffer_t *out, run_t *run, const char *text, const word_t *word)
{
    if (strncasecmp(run->charset, text + 2, word->charset_length) != 0 ||
        run->charset[word->charset_length] != '\0') {
        flush_run(out, run);
        memcpy(run->charset, text + 2, word->charset_length);
        run->charset[word->charset_length] = '\0';
    }
    if (word->encoding == 'q') {
        decode_q(&run->bytes, text + word->text, word->text_length);
    }
    else {
        decode_b(&run->bytes, text + word->text, word->text_length);
    }
}

/* One line of clean text: what was decoded may hold line ends, which would forge fields or rows. */
static char *finish(ximss_buffer_t *out)
{
    apr_size_t length = out->length;
    char *text = ximss_buffer_string(out);
    const char *clean;
    for (apr_size_t i = 0; i < length; i++) {
        if (text[i] == '\r' || text[i] == '\n' || text[i] == '\t') {
            text[i] = ' ';
        }
    }
    clean = ximss_text_clean(text, &length, out->pool);
    return clean == text ? text : apr_pstrmemdup(out->pool, clean, length);
}

char *ximss_words_decode(const char *text, apr_size_t length, apr_pool_t *pool)
{
    ximss_buffer_t out;
    run_t run;
    int no_end = 0;
    apr_size_t at = 0;
    apr_size_t blanks = 0; /* white space behind a word: dropped if another word follows */
    int behind_word = 0;
    ximss_buffer_init(&out, length + 16, pool);
    if (memmem(text, length, "=?", 2) == NULL) {
        ximss_buffer_add(&out, text, length);
        return finish(&out);
    }
    ximss_buffer_init(&run.bytes, length, pool);
    memset(run.charset, 0, sizeof(run.charset));
    while (at < length) {
        word_t word;
        if (text[at] == '=' && split_word(&word, text + at, length - at, &no_end)) {
            add_word(&out, &run, text + at, &word);
            at += word.length;
            blanks = 0;
            behind_word = 1;
        }
        else if (behind_word && text[at] == ' ') {
            blanks++;
            at++;
        }
        else {
            flush_run(&out, &run);
            ximss_buffer_add(&out, text + at - blanks, blanks + 1);
            blanks = 0;
            behind_word = 0;
            at++;
        }
    }
    flush_run(&out, &run);
    return finish(&out);
}
