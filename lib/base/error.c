/* Makes error objects. They live in the caller's pool, so there is nothing to free, and they keep
 * what the client may read apart from what only the log may hold. */
#include "base/error.h"

#include <apr_errno.h>
#include <apr_strings.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct error_row_t {
    int num;
    const char *text;
} error_row_t;

static const error_row_t error_rows[] = {
#define XIMSS_ERROR(name, num, text) {num, text},
#include "base/errors.def"
#undef XIMSS_ERROR
};

/* The C library's formatter and not APR's: the compiler checks the former's conversions. */
static const char *format_text(apr_pool_t *pool, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *format_text(apr_pool_t *pool, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (length < 0) {
        return "(unprintable)";
    }
    char *text = apr_palloc(pool, (apr_size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, fmt, args);
    return text;
}

static ximss_error_t *make(apr_pool_t *pool, ximss_error_code_t code, const char *file, int line)
{
    ximss_error_t *error = apr_pcalloc(pool, sizeof(*error));
    error->code = code;
    error->text = error_rows[code].text;
    error->file = file;
    error->line = line;
    return error;
}

const ximss_error_t *ximss_error_make(apr_pool_t *pool, ximss_error_code_t code, const char *file,
                                      int line, const char *fmt, ...)
{
    ximss_error_t *error = make(pool, code, file, line);
    if (fmt != NULL) {
        va_list args;
        va_start(args, fmt);
        error->text = format_text(pool, fmt, args);
        va_end(args);
    }
    return error;
}

const ximss_error_t *ximss_error_make_detail(apr_pool_t *pool, ximss_error_code_t code,
                                             const char *file, int line, const char *fmt, ...)
{
    ximss_error_t *error = make(pool, code, file, line);
    va_list args;
    va_start(args, fmt);
    error->detail = format_text(pool, fmt, args);
    va_end(args);
    return error;
}

const ximss_error_t *ximss_error_make_wrap(apr_pool_t *pool, const ximss_error_t *cause,
                                           const char *file, int line, const char *fmt, ...)
{
    ximss_error_t *error = make(pool, cause->code, file, line);
    error->text = cause->text;
    error->cause = cause;
    va_list args;
    va_start(args, fmt);
    error->detail = format_text(pool, fmt, args);
    va_end(args);
    return error;
}

const ximss_error_t *ximss_error_make_apr(apr_pool_t *pool, apr_status_t status, const char *file,
                                          int line, const char *what)
{
    char reason[200];
    apr_strerror(status, reason, sizeof(reason));
    return ximss_error_make_detail(pool, XIMSS_E_INTERNAL, file, line, "%s: %s (%d)", what, reason,
                                   (int)status);
}

int ximss_error_num(const ximss_error_t *error)
{
    return error_rows[error->code].num;
}

/* One error of the chain: the text for the client too, for it says what a bare detail does not. */
static const char *describe(const ximss_error_t *error, apr_pool_t *pool)
{
    const char *name = strrchr(error->file, '/');
    name = name != NULL ? name + 1 : error->file;
    if (error->detail == NULL) {
        return apr_psprintf(pool, "%s:%d %s", name, error->line, error->text);
    }
    if (error->cause != NULL) {
        return apr_psprintf(pool, "%s:%d %s", name, error->line, error->detail);
    }
    return apr_psprintf(pool, "%s:%d %s: %s", name, error->line, error->text, error->detail);
}

/* A log line must stay one line whatever a client sent. */
static const char *escape_control(const char *text, apr_pool_t *pool)
{
    static const char hex[] = "0123456789abcdef";
    char *escaped = apr_palloc(pool, strlen(text) * 4 + 1);
    char *out = escaped;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte != 0x7f) {
            *out++ = *text;
        }
        else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 15];
        }
    }
    *out = '\0';
    return escaped;
}

const char *ximss_error_log_line(const ximss_error_t *error, apr_pool_t *pool)
{
    const char *line = describe(error, pool);
    for (error = error->cause; error != NULL; error = error->cause) {
        line = apr_pstrcat(pool, line, " < ", describe(error, pool), NULL);
    }
    return escape_control(line, pool);
}
