/* Parameters of Content-Type and Content-Disposition (RFC 2045, 5.1; RFC 2231). A field takes part with
 * its first PARTS_MAX pieces: real mail has under ten, and the sort below stays cheap. */
#include "base/hex.h"
#include "mime/buffer.h"
#include "mime/content.h"
#include "mime/decode.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX       128
#define NAME_MAX_LENGTH 60

/* One "name*number*=value" as written. */
typedef struct piece_t {
    const char *name;
    int number;   /* of a continuation, -1: none */
    int extended; /* "%41" and, in the first piece, charset'language' */
    int order;
    const char *value;
    apr_size_t length;
} piece_t;

typedef struct scan_t {
    const char *text;
    apr_size_t length;
    apr_size_t at;
    apr_pool_t *pool;
} scan_t;

const char *ximss_param_get(const apr_array_header_t *params, const char *name)
{
    for (int i = 0; params != NULL && i < params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        if (strcmp(param->name, name) == 0) {
            return param->value;
        }
    }
    return NULL;
}

/* Skips blanks, comments and semicolons between parameters. */
static void skip_between(scan_t *scan)
{
    int depth = 0;
    for (; scan->at < scan->length; scan->at++) {
        char c = scan->text[scan->at];
        if (c == '(') {
            depth++;
        }
        else if (c == ')' && depth > 0) {
            depth--;
        }
        else if (depth == 0 && c != ' ' && c != ';' && c != '\t') {
            break;
        }
    }
}

/* Reads "name*0*" up to the "="; 0 when there is none before the next ";". */
static int read_name(scan_t *scan, piece_t *piece)
{
    apr_size_t start = scan->at;
    apr_size_t length;
    char *name;
    char *star;
    while (scan->at < scan->length && scan->text[scan->at] != '=' && scan->text[scan->at] != ';') {
        scan->at++;
    }
    if (scan->at >= scan->length || scan->text[scan->at] == ';') {
        return 0;
    }
    length = scan->at++ - start;
    while (length > 0 && scan->text[start + length - 1] == ' ') {
        length--;
    }
    if (length == 0 || length > NAME_MAX_LENGTH) {
        return 0;
    }
    name = apr_pstrmemdup(scan->pool, scan->text + start, length);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    piece->extended = length > 1 && name[length - 1] == '*';
    if (piece->extended) {
        name[length - 1] = '\0';
    }
    piece->number = -1;
    star = strchr(name, '*');
    if (star != NULL && apr_isdigit(star[1]) && strlen(star) < 6) {
        piece->number = (int)strtol(star + 1, NULL, 10);
        *star = '\0';
    }
    piece->name = name;
    return 1;
}

static void read_quoted(scan_t *scan, piece_t *piece)
{
    apr_size_t end = scan->at + 1;
    char *to;
    while (end < scan->length && scan->text[end] != '"') {
        end += scan->text[end] == '\\' && end + 1 < scan->length ? 2 : 1;
    }
    to = apr_palloc(scan->pool, end - scan->at);
    piece->value = to;
    for (scan->at++; scan->at < end; scan->at++) {
        /* Backslashes of Windows paths stay; only quotes and backslashes are ever quoted. */
        if (scan->text[scan->at] == '\\' && scan->at + 1 < end &&
            strchr("\\\"", scan->text[scan->at + 1]) != NULL) {
            scan->at++;
        }
        *to++ = scan->text[scan->at];
    }
    scan->at = end + (end < scan->length);
    piece->length = (apr_size_t)(to - piece->value);
}

/* Whether "name=" follows at AT: then a ";" was forgotten before it. */
static int name_follows(const scan_t *scan, apr_size_t at)
{
    apr_size_t start = at;
    while (at < scan->length && at - start < NAME_MAX_LENGTH &&
           (apr_isalnum(scan->text[at]) || strchr("-*_", scan->text[at]) != NULL) &&
           scan->text[at] != '\0') {
        at++;
    }
    return at > start && at < scan->length && scan->text[at] == '=';
}

/* A value without quotes; blanks inside belong to it, as senders of file names forget the quotes. */
static void read_plain(scan_t *scan, piece_t *piece)
{
    apr_size_t start = scan->at;
    apr_size_t end;
    for (; scan->at < scan->length && scan->text[scan->at] != ';'; scan->at++) {
        char c = scan->text[scan->at];
        if (c == ' ' && scan->at + 1 < scan->length &&
            (scan->text[scan->at + 1] == '(' || name_follows(scan, scan->at + 1))) {
            break;
        }
    }
    end = scan->at;
    while (end > start && scan->text[end - 1] == ' ') {
        end--;
    }
    piece->value = scan->text + start;
    piece->length = end - start;
}

static int read_piece(scan_t *scan, piece_t *piece)
{
    skip_between(scan);
    if (scan->at >= scan->length || !read_name(scan, piece)) {
        return 0;
    }
    while (scan->at < scan->length && scan->text[scan->at] == ' ') {
        scan->at++;
    }
    if (scan->at < scan->length && scan->text[scan->at] == '"') {
        read_quoted(scan, piece);
    }
    else {
        read_plain(scan, piece);
    }
    return 1;
}

/* By name; of one name the extended and continued forms first (senders put a plain one beside them for
 * old readers), in number order, the first of a number first. */
static int compare_pieces(const void *left, const void *right)
{
    const piece_t *a = left;
    const piece_t *b = right;
    int by_name = strcmp(a->name, b->name);
    int plain_a = a->number < 0 && !a->extended;
    int plain_b = b->number < 0 && !b->extended;
    if (by_name != 0 || plain_a != plain_b) {
        return by_name != 0 ? by_name : plain_a - plain_b;
    }
    return a->number != b->number ? a->number - b->number : a->order - b->order;
}

static void add_percent(ximss_buffer_t *out, const char *value, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        int byte =
            value[i] == '%' && i + 2 < length ? ximss_hex_byte(value[i + 1], value[i + 2]) : -1;
        ximss_buffer_put(out, byte >= 0 ? (char)byte : value[i]);
        i += byte >= 0 ? 2 : 0;
    }
}

/* The charset of charset'language'text; *SKIP is the length of both with their quotes. */
static const char *split_charset(const piece_t *piece, apr_size_t *skip, apr_pool_t *pool)
{
    const char *first = memchr(piece->value, '\'', piece->length);
    const char *second;
    apr_size_t left;
    *skip = 0;
    if (first == NULL) {
        return NULL;
    }
    left = piece->length - (apr_size_t)(first + 1 - piece->value);
    second = memchr(first + 1, '\'', left);
    if (second == NULL) {
        return NULL;
    }
    *skip = (apr_size_t)(second + 1 - piece->value);
    return apr_pstrmemdup(pool, piece->value, (apr_size_t)(first - piece->value));
}

/* The value that the COUNT pieces of one name make, in order; a gap in the numbers ends it. */
static const char *join_pieces(const piece_t *pieces, int count, apr_pool_t *pool)
{
    const char *charset = NULL;
    apr_size_t skip = 0;
    apr_size_t length;
    int expected = pieces[0].number;
    ximss_buffer_t out;
    const char *text;
    if (pieces[0].number < 0 && !pieces[0].extended) {
        return ximss_words_decode(pieces[0].value, pieces[0].length, pool);
    }
    if (pieces[0].extended) {
        charset = split_charset(&pieces[0], &skip, pool);
    }
    ximss_buffer_init(&out, pieces[0].length, pool);
    for (int i = 0; i < count && pieces[i].number <= expected; i++) {
        if (pieces[i].number == expected || i == 0) {
            const char *value = pieces[i].value + (i == 0 ? skip : 0);
            apr_size_t size = pieces[i].length - (i == 0 ? skip : 0);
            if (pieces[i].extended) {
                add_percent(&out, value, size);
            }
            else {
                ximss_buffer_add(&out, value, size);
            }
            expected = pieces[i].number + 1;
        }
        if (pieces[i].number < 0) {
            break;
        }
    }
    text = ximss_charset_to_utf8(charset, out.data, out.length, &length, pool);
    return ximss_words_decode(text, length, pool);
}

apr_array_header_t *ximss_params_parse(const char *text, apr_size_t length, apr_pool_t *pool)
{
    apr_array_header_t *params = apr_array_make(pool, 2, sizeof(ximss_param_t));
    piece_t pieces[PARTS_MAX];
    scan_t scan = {text, length, 0, pool};
    int count = 0;
    skip_between(&scan);
    while (count < PARTS_MAX && scan.at < length) {
        if (read_piece(&scan, &pieces[count])) {
            pieces[count].order = count;
            count++;
        }
        else if (scan.at < length && scan.text[scan.at] == ';') {
            scan.at++;
        }
    }
    if (count > 1) {
        qsort(pieces, (size_t)count, sizeof(pieces[0]), compare_pieces);
    }
    for (int i = 0, next; i < count; i = next) {
        ximss_param_t *param;
        for (next = i + 1; next < count && strcmp(pieces[i].name, pieces[next].name) == 0;) {
            next++;
        }
        param = apr_array_push(params);
        param->name = pieces[i].name;
        param->value = join_pieces(pieces + i, next - i, pool);
    }
    return params;
}
