/* Writes header fields. Everything goes through put(), which folds, and everything that a user can choose through
 * clean(), so that no byte of it can end a line. */
#include "mime/header_out.h"
#include "base/random.h"
#include "base/text.h"
#include "base/zone.h"
#include "mime/addr_spec.h"
#include "mime/decode.h"
#include "mime/encode.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_LENGTH 77  /* 78 (RFC 5322, 2.1.1), one for a comma or semicolon */
#define WORD_MAX        75  /* an encoded word (RFC 2047, 2) */
#define WORD_FRAME      12  /* "=?UTF-8?Q?" and "?=" */
#define WORD_ROOM_MIN   32  /* less room on a line is not worth a word */
#define PLAIN_MAX       200 /* a longer parameter is written in pieces */
#define PHRASE_MAX      66  /* a longer name as encoded words, which can be folded */
#define TOKEN_MAX       900

/* ---- lines ---- */

typedef struct line_t {
    ximss_out_t *out;
    apr_size_t column; /* where the next byte goes; 0: the line is empty */
} line_t;

static void start(line_t *line, ximss_out_t *out, const char *name)
{
    line->out = out;
    line->column = strlen(name) + 1;
    ximss_buffer_add(out, name, strlen(name));
    ximss_buffer_put(out, ':');
}

static void end(line_t *line)
{
    ximss_buffer_add(line->out, "\r\n", 2);
}

static void fold(line_t *line)
{
    ximss_buffer_add(line->out, "\r\n", 2);
    line->column = 0;
}

/* Adds a blank and the word, on a new line where this one has no room. */
static void put(line_t *line, const char *word, apr_size_t length)
{
    if (line->column > 0 && line->column + 1 + length > LINE_MAX_LENGTH) {
        fold(line);
    }
    ximss_buffer_put(line->out, ' ');
    ximss_buffer_add(line->out, word, length);
    line->column += 1 + length;
}

/* Adds to the word before. */
static void put_close(line_t *line, char byte)
{
    ximss_buffer_put(line->out, byte);
    line->column++;
}

/* ---- values ---- */

static int is_control(unsigned char byte)
{
    return byte < ' ' || byte == 0x7F;
}

static void blank_controls(char *text, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (is_control((unsigned char)text[i])) {
            text[i] = ' ';
        }
    }
}

/* VALUE as one line of valid UTF-8 without controls, blanks around it taken off, in POOL. */
static const char *clean(const char *value, apr_size_t *length, apr_pool_t *pool)
{
    char *bytes = apr_pstrmemdup(pool, value, *length);
    const char *text;
    blank_controls(bytes, *length);
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

/* Whether TEXT may stand as it is: printable ASCII, nothing in it like an encoded word. */
static int is_plain(const char *text, apr_size_t length)
{
    return ximss_bytes_plain(text, length) && memmem(text, length, "=?", 2) == NULL;
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

/* Writes TEXT as encoded words, BEFORE in front of the first and AFTER behind the last. */
static void put_encoded(line_t *line, const char *text, apr_size_t length, const char *before,
                        const char *after)
{
    int q = suits_q(text, length);
    ximss_buffer_t word;
    ximss_buffer_init(&word, WORD_MAX * 2, line->out->pool);
    do {
        apr_size_t used = line->column + 1 + strlen(before) + strlen(after);
        apr_size_t room = WORD_MAX - strlen(before) - strlen(after);
        apr_size_t size;
        if (line->column > 0 && used + WORD_ROOM_MIN > LINE_MAX_LENGTH) {
            fold(line);
        }
        else if (line->column > 0 && LINE_MAX_LENGTH - used < room) {
            room = LINE_MAX_LENGTH - used;
        }
        size = fitting(text, length, room - WORD_FRAME, q);
        word.length = 0;
        ximss_buffer_add(&word, before, strlen(before));
        encode_word(&word, text, size, q);
        text += size;
        length -= size;
        before = "";
        ximss_buffer_add(&word, after, length == 0 ? strlen(after) : 0);
        put(line, word.data, word.length);
    } while (length > 0);
}

/* ---- unstructured text ---- */

static apr_size_t word_end(const char *text, apr_size_t length, apr_size_t at)
{
    const char *blank = memchr(text + at, ' ', length - at);
    return blank == NULL ? length : (apr_size_t)(blank - text);
}

static int is_plain_word(const char *word, apr_size_t length)
{
    return length <= TOKEN_MAX && is_plain(word, length);
}

/* Words that need encoding and follow each other are encoded together: the blanks between encoded words are not
 * part of the text. */
static void put_text(line_t *line, const char *text, apr_size_t length)
{
    apr_size_t at = 0;
    if (memmem(text, length, "  ", 2) != NULL) {
        put_encoded(line, text, length, "", ""); /* folding would lose blanks */
        return;
    }
    while (at < length) {
        apr_size_t till = word_end(text, length, at);
        if (is_plain_word(text + at, till - at)) {
            put(line, text + at, till - at);
        }
        else {
            while (till < length) {
                apr_size_t next = word_end(text, length, till + 1);
                if (is_plain_word(text + till + 1, next - till - 1)) {
                    break;
                }
                till = next;
            }
            put_encoded(line, text + at, till - at, "", "");
        }
        at = till + 1;
    }
}

void ximss_header_text(ximss_out_t *out, const char *name, const char *utf8)
{
    apr_size_t length = strlen(utf8);
    line_t line;
    const char *text = clean(utf8, &length, out->pool);
    if (!ximss_header_name_ok(name)) {
        return;
    }
    start(&line, out, name);
    put_text(&line, text, length);
    end(&line);
}

/* ---- addresses ---- */

/* A display name: quoted when it is short and plain, else encoded. */
static void put_phrase(line_t *line, const char *text, apr_size_t length, const char *after)
{
    ximss_buffer_t quoted;
    if (!is_plain(text, length) || length > PHRASE_MAX) {
        put_encoded(line, text, length, "", after);
        return;
    }
    ximss_buffer_init(&quoted, length * 2 + 8, line->out->pool);
    ximss_buffer_put(&quoted, '"');
    for (apr_size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            ximss_buffer_put(&quoted, '\\');
        }
        ximss_buffer_put(&quoted, text[i]);
    }
    ximss_buffer_put(&quoted, '"');
    ximss_buffer_add(&quoted, after, strlen(after));
    put(line, quoted.data, quoted.length);
}

/* Whether TEXT is ASCII atoms with single blanks between them. */
static int is_words(const char *text, apr_size_t length)
{
    if (length > PHRASE_MAX || !is_plain(text, length) || memmem(text, length, "  ", 2) != NULL) {
        return 0;
    }
    for (apr_size_t i = 0; i < length; i++) {
        if (!ximss_addr_atext(text[i]) && text[i] != ' ' && text[i] != '.') {
            return 0;
        }
    }
    return 1;
}

/* What is no address. A draft that comes back and forth stays what it is: the marks of a group go first. */
static void put_no_address(line_t *line, const char *text, apr_size_t length)
{
    while (length > 0 && strchr(";: ", text[length - 1]) != NULL) {
        length--;
    }
    if (length > 1 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    if (length == 0) {
        text = "?";
        length = 1;
    }
    if (is_words(text, length)) {
        put(line, text, length);
    }
    else if (memchr(text, '@', length) != NULL) {
        put_encoded(line, text, length, "", ":;"); /* no careless reader finds an address in it */
    }
    else {
        put_phrase(line, text, length, ":;");
    }
}

static void put_address(line_t *line, const ximss_address_t *address)
{
    apr_pool_t *pool = line->out->pool;
    apr_size_t addr_length = strlen(address->addr);
    apr_size_t name_length = address->name == NULL ? 0 : strlen(address->name);
    const char *addr = clean(address->addr, &addr_length, pool);
    const char *name = name_length == 0 ? "" : clean(address->name, &name_length, pool);
    if (!ximss_addr_ok(addr)) {
        put_no_address(line, addr_length > 0 ? addr : name,
                       addr_length > 0 ? addr_length : name_length);
    }
    else if (name_length == 0) {
        put(line, addr, addr_length);
    }
    else {
        put_phrase(line, name, name_length, "");
        addr = apr_pstrcat(pool, "<", addr, ">", NULL);
        put(line, addr, addr_length + 2);
    }
}

void ximss_header_addresses(ximss_out_t *out, const char *name, const apr_array_header_t *addresses)
{
    line_t line;
    if (!ximss_header_name_ok(name) || addresses->nelts == 0) {
        return;
    }
    start(&line, out, name);
    for (int i = 0; i < addresses->nelts; i++) {
        put_address(&line, &APR_ARRAY_IDX(addresses, i, ximss_address_t));
        if (i + 1 < addresses->nelts) {
            put_close(&line, ',');
        }
    }
    end(&line);
}

/* ---- dates and raw words ---- */

void ximss_header_date_shift(ximss_out_t *out, const char *name, apr_int64_t seconds,
                             apr_int64_t shift)
{
    line_t line;
    const char *text;
    if (!ximss_header_name_ok(name)) {
        return;
    }
    text = ximss_time_mail(seconds, shift, out->pool);
    start(&line, out, name);
    put(&line, text, strlen(text));
    end(&line);
}

void ximss_header_date(ximss_out_t *out, const char *name, apr_int64_t seconds,
                       const ximss_zone_t *zone)
{
    ximss_header_date_shift(out, name, seconds, ximss_zone_offset(zone, seconds));
}

void ximss_header_raw_token(ximss_out_t *out, const char *name, const char *value)
{
    apr_size_t length = strlen(value);
    char *text = apr_pstrmemdup(out->pool, value, length);
    apr_size_t before = out->length;
    apr_size_t empty;
    line_t line;
    if (!ximss_header_name_ok(name)) {
        return;
    }
    blank_controls(text, length);
    for (apr_size_t i = 0; i < length; i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '_';
        if (text[i] == '?' && i > 0 && text[i - 1] == '=') {
            text[i] = '_';
        }
    }
    start(&line, out, name);
    empty = out->length;
    for (apr_size_t at = 0, till; at < length; at = till + 1) {
        till = word_end(text, length, at);
        if (till > at && till - at <= TOKEN_MAX) {
            put(&line, text + at, till - at);
        }
    }
    if (out->length == empty) {
        out->length = before;
        return;
    }
    end(&line);
}

/* ---- parameters ---- */

int ximss_header_name_ok(const char *name)
{
    apr_size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (name[length] <= ' ' || name[length] >= 0x7F || name[length] == ':' ||
            length == XIMSS_HEADER_NAME_MAX) {
            return 0;
        }
    }
    return length > 0;
}

int ximss_token_ok(const char *text, apr_size_t max)
{
    apr_size_t length = 0;
    for (; text[length] != '\0'; length++) {
        if (text[length] <= ' ' || text[length] >= 0x7F || length == max ||
            strchr("()<>@,;:\\\"/[]?=", text[length]) != NULL) {
            return 0;
        }
    }
    return length > 0;
}

int ximss_param_name_ok(const char *name)
{
    return ximss_token_ok(name, XIMSS_PARAM_NAME_MAX) && strpbrk(name, "*'%") == NULL;
}

/* The character at TEXT as RFC 2231 writes it. Returns its bytes. */
static apr_size_t extend(ximss_buffer_t *piece, const char *text, apr_size_t length)
{
    apr_size_t size = 1;
    while (size < length && ((unsigned char)text[size] & 0xC0) == 0x80) {
        size++;
    }
    for (apr_size_t i = 0; i < size; i++) {
        if (apr_isalnum(text[i]) || strchr("-._", text[i]) != NULL) {
            ximss_buffer_put(piece, text[i]);
        }
        else {
            ximss_hex_put(piece, '%', text[i]);
        }
    }
    return size;
}

/* NAME*=UTF-8''..., in pieces NAME*0*=, NAME*1*= where that is too long for a line. No piece ends inside of a
 * character: some readers decode each by itself. */
static void put_extended(line_t *line, const char *name, const char *value, apr_size_t length)
{
    ximss_buffer_t piece;
    int pieces = strlen(name) + length * 3 + 10 > LINE_MAX_LENGTH - 2;
    int number = 0;
    apr_size_t at = 0;
    ximss_buffer_init(&piece, LINE_MAX_LENGTH + 8, line->out->pool);
    do {
        const char *head = pieces ? apr_psprintf(line->out->pool, "%s*%d*=%s", name, number,
                                                 number == 0 ? "UTF-8''" : "")
                                  : apr_pstrcat(line->out->pool, name, "*=UTF-8''", NULL);
        put_close(line, ';');
        piece.length = 0;
        ximss_buffer_add(&piece, head, strlen(head));
        while (at < length && piece.length + 12 < LINE_MAX_LENGTH) {
            at += extend(&piece, value + at, length - at);
        }
        put(line, piece.data, piece.length);
        number++;
    } while (at < length);
}

static void put_param(line_t *line, const ximss_param_t *param)
{
    apr_pool_t *pool = line->out->pool;
    apr_size_t length = strnlen(param->value, XIMSS_PARAM_VALUE_MAX + 1);
    const char *value;
    length = ximss_text_cut(param->value, length, XIMSS_PARAM_VALUE_MAX);
    value = clean(param->value, &length, pool);
    if (length <= PLAIN_MAX && is_plain(value, length)) {
        ximss_buffer_t quoted;
        ximss_buffer_init(&quoted, length * 2 + XIMSS_PARAM_NAME_MAX + 8, pool);
        ximss_buffer_add(&quoted, param->name, strlen(param->name));
        ximss_buffer_add(&quoted, "=\"", 2);
        for (apr_size_t i = 0; i < length; i++) {
            if (value[i] == '"' || value[i] == '\\') {
                ximss_buffer_put(&quoted, '\\');
            }
            ximss_buffer_put(&quoted, value[i]);
        }
        ximss_buffer_put(&quoted, '"');
        put_close(line, ';');
        put(line, quoted.data, quoted.length);
        return;
    }
    /* The extended form first: readers that know both take the first. */
    put_extended(line, param->name, value, length);
    if (strcasecmp(param->name, "name") == 0 || strcasecmp(param->name, "filename") == 0) {
        put_close(line, ';');
        put_encoded(line, value, length, apr_pstrcat(pool, param->name, "=\"", NULL), "\"");
    }
}

void ximss_header_params(ximss_out_t *out, const char *name, const char *value,
                         const apr_array_header_t *params)
{
    apr_size_t length = strnlen(value, XIMSS_PARAM_VALUE_MAX + 1);
    line_t line;
    char *type;
    if (!ximss_header_name_ok(name)) {
        return;
    }
    length = length > XIMSS_HEADER_NAME_MAX * 2 ? XIMSS_HEADER_NAME_MAX * 2 : length;
    type = apr_pstrmemdup(out->pool, value, length);
    for (char *c = type; *c != '\0'; c++) {
        char one[2] = {*c, '\0'};
        *c = *c == '/' || ximss_token_ok(one, 1) ? *c : '_';
    }
    start(&line, out, name);
    put(&line, type, length);
    for (int i = 0; params != NULL && i < params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        if (ximss_param_name_ok(param->name)) {
            put_param(&line, param);
        }
    }
    end(&line);
}

/* ---- message ids ---- */

const char *ximss_message_id(apr_int64_t now, const char *domain, apr_pool_t *pool)
{
    char secret[21];
    char *clean_domain = apr_pstrmemdup(pool, domain, strnlen(domain, 255));
    char *to = clean_domain;
    if (!ximss_random_text(secret, sizeof(secret) - 1)) {
        return NULL;
    }
    for (const char *c = clean_domain; *c != '\0'; c++) {
        if (apr_isalnum(*c) || *c == '-' || (*c == '.' && to > clean_domain && to[-1] != '.')) {
            *to++ = *c;
        }
    }
    while (to > clean_domain && to[-1] == '.') {
        to--;
    }
    *to = '\0';
    return apr_psprintf(pool, "<%" APR_INT64_T_FMT ".%s@%s>", now, secret,
                        to > clean_domain ? clean_domain : "localhost");
}
