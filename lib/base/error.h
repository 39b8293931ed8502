/* The one error scheme of lib/: NULL is success, anything else is an error object in a pool. */
#ifndef XIMSS_BASE_ERROR_H
#define XIMSS_BASE_ERROR_H

#include <apr_pools.h>

typedef enum ximss_error_code_t {
#define XIMSS_ERROR(name, num, text) XIMSS_E_##name,
#include "base/errors.def"
#undef XIMSS_ERROR
    XIMSS_E_COUNT
} ximss_error_code_t;

typedef struct ximss_error_t {
    ximss_error_code_t code;
    const char *text;   /* for the client: plain English, says what to do, no secrets */
    const char *detail; /* for the log only (SQL, paths, errno); may be NULL */
    const struct ximss_error_t *cause; /* what it was made from; may be NULL */
    const char *file;
    int line;
} ximss_error_t;

/* Makes an error in POOL. FMT gives the text for the client; NULL takes the text of errors.def. */
#define ximss_error(pool, code, ...) ximss_error_make(pool, code, __FILE__, __LINE__, __VA_ARGS__)
const ximss_error_t *ximss_error_make(apr_pool_t *pool, ximss_error_code_t code, const char *file,
                                      int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Makes an error whose client text is that of errors.def and whose FMT goes to the log only. */
#define ximss_error_detail(pool, code, ...)                                                        \
    ximss_error_make_detail(pool, code, __FILE__, __LINE__, __VA_ARGS__)
const ximss_error_t *ximss_error_make_detail(apr_pool_t *pool, ximss_error_code_t code,
                                             const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Makes an error of CAUSE's code and text, with FMT as a log detail in front of the cause's. */
#define ximss_error_wrap(pool, cause, ...)                                                         \
    ximss_error_make_wrap(pool, cause, __FILE__, __LINE__, __VA_ARGS__)
const ximss_error_t *ximss_error_make_wrap(apr_pool_t *pool, const ximss_error_t *cause,
                                           const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* An XIMSS_E_INTERNAL error for a failed system or APR call; the detail holds WHAT and the reason. */
#define ximss_error_apr(pool, status, what)                                                        \
    ximss_error_make_apr(pool, status, __FILE__, __LINE__, what)
const ximss_error_t *ximss_error_make_apr(apr_pool_t *pool, apr_status_t status, const char *file,
                                          int line, const char *what);

/* The errorNum of the wire. */
int ximss_error_num(const ximss_error_t *error);

/* The whole chain of details on one line for the log, "file:line detail: ...", in POOL; control
 * bytes are escaped. */
const char *ximss_error_log_line(const ximss_error_t *error, apr_pool_t *pool);

/* Returns early with the error of EXPR. */
#define XIMSS_TRY(expr)                                                                            \
    do {                                                                                           \
        const ximss_error_t *ximss_try_error = (expr);                                             \
        if (ximss_try_error != NULL) {                                                             \
            return ximss_try_error;                                                                \
        }                                                                                          \
    } while (0)

#endif
