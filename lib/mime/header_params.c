/* Writes header fields with parameters. */
#include "base/text.h"
#include "mime/encode.h"
#include "mime/header_line.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define PLAIN_MAX 200 /* a longer parameter is written in pieces */

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
static void put_extended(ximss_head_line_t *line, const char *name, const char *value,
                         apr_size_t length)
{
    ximss_buffer_t piece;
    int pieces = strlen(name) + length * 3 + 10 > XIMSS_HEAD_LINE_MAX - 2;
    int number = 0;
    apr_size_t at = 0;
    ximss_buffer_init(&piece, XIMSS_HEAD_LINE_MAX + 8, line->out->pool);
    do {
        const char *head = pieces ? apr_psprintf(line->out->pool, "%s*%d*=%s", name, number,
                                                 number == 0 ? "UTF-8''" : "")
                                  : apr_pstrcat(line->out->pool, name, "*=UTF-8''", NULL);
        ximss_head_attach(line, ';');
        piece.length = 0;
        ximss_buffer_add(&piece, head, strlen(head));
        while (at < length && piece.length + 12 < XIMSS_HEAD_LINE_MAX) {
            at += extend(&piece, value + at, length - at);
        }
        ximss_head_put(line, piece.data, piece.length);
        number++;
    } while (at < length);
}

static void put_param(ximss_head_line_t *line, const ximss_param_t *param)
{
    apr_pool_t *pool = line->out->pool;
    apr_size_t length = strnlen(param->value, XIMSS_PARAM_VALUE_MAX + 1);
    const char *value;
    length = ximss_text_cut(param->value, length, XIMSS_PARAM_VALUE_MAX);
    value = ximss_head_clean(param->value, &length, pool);
    if (length <= PLAIN_MAX && ximss_head_is_plain(value, length)) {
        ximss_buffer_t quoted;
        ximss_buffer_init(&quoted, length * 2 + XIMSS_PARAM_NAME_MAX + 8, pool);
        ximss_buffer_add(&quoted, param->name, strlen(param->name));
        ximss_buffer_put(&quoted, '=');
        ximss_head_quote(&quoted, value, length);
        ximss_head_attach(line, ';');
        ximss_head_put(line, quoted.data, quoted.length);
        return;
    }
    /* The extended form first: readers that know both take the first. */
    put_extended(line, param->name, value, length);
    if (strcasecmp(param->name, "name") == 0 || strcasecmp(param->name, "filename") == 0) {
        ximss_head_attach(line, ';');
        ximss_head_put_encoded(line, value, length, apr_pstrcat(pool, param->name, "=\"", NULL),
                               "\"");
    }
}

void ximss_header_params(ximss_out_t *out, const char *name, const char *value,
                         const apr_array_header_t *params)
{
    apr_size_t length = strnlen(value, XIMSS_PARAM_VALUE_MAX + 1);
    ximss_head_line_t line;
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
    ximss_head_start(&line, out, name);
    ximss_head_put(&line, type, length);
    for (int i = 0; params != NULL && i < params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        if (ximss_param_name_ok(param->name)) {
            put_param(&line, param);
        }
    }
    ximss_head_end(&line);
}
