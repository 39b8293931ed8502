/* The file queue.conf. */
#include "submit/queue_config.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME   "queue.conf"
#define SENDMAIL    "/usr/sbin/sendmail"
#define FILE_MAX    65536
#define SECONDS_MAX (366 * 86400)

const char *const ximss_tls_names[] = {"none", "starttls", "smtps", NULL};

typedef enum line_kind_t { LINE_TEXT, LINE_NUMBER, LINE_TLS } line_kind_t;

/* What a line may be, and where it goes. */
typedef struct line_t {
    const char *name;
    apr_size_t offset;
    line_kind_t kind;
    int most;
} line_t;

#define MEMBER(member) offsetof(ximss_queue_config_t, member)

static const line_t lines[] = {
    {"sendmail", MEMBER(sendmail), LINE_TEXT, 0},
    {"relay", MEMBER(relay), LINE_TEXT, 0},
    {"port", MEMBER(port), LINE_NUMBER, 65535},
    {"tls", MEMBER(tls), LINE_TLS, 0},
    {"ca-file", MEMBER(ca_file), LINE_TEXT, 0},
    {"auth-file", MEMBER(auth_file), LINE_TEXT, 0},
    {"local-name", MEMBER(local_name), LINE_TEXT, 0},
    {"first-pause", MEMBER(patience.first_pause), LINE_NUMBER, SECONDS_MAX},
    {"longest-pause", MEMBER(patience.longest_pause), LINE_NUMBER, SECONDS_MAX},
    {"give-up", MEMBER(patience.give_up), LINE_NUMBER, SECONDS_MAX},
    {"message-size", MEMBER(message_bytes), LINE_NUMBER, APR_INT32_MAX},
};

enum { LINES = sizeof(lines) / sizeof(lines[0]) };

ximss_queue_config_t ximss_queue_config_default(void)
{
    static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_queue_config_t config = {.tls = XIMSS_TLS_NONE, .patience = XIMSS_PATIENCE_DEFAULT};

    config.message_bytes = (int)limits.message_bytes;
    config.sendmail = access(SENDMAIL, X_OK) == 0 ? SENDMAIL : NULL;
    return config;
}

/* ---- reading ---- */

static int read_number(const char *text, int most, int *number)
{
    apr_int64_t value;
    char *end;

    if (!apr_isdigit(text[0])) {
        return 0;
    }
    errno = 0;
    value = apr_strtoi64(text, &end, 10);
    *number = (int)value;
    return errno == 0 && *end == '\0' && value <= most;
}

static int read_tls(const char *text, ximss_tls_t *tls)
{
    int i;

    for (i = 0; ximss_tls_names[i] != NULL; i++) {
        if (strcmp(ximss_tls_names[i], text) == 0) {
            *tls = (ximss_tls_t)i;
            return 1;
        }
    }
    return 0;
}

/* Sets the member that LINE is for; returns 0 when VALUE cannot be its value. */
static int read_value(ximss_queue_config_t *config, const line_t *line, const char *value)
{
    char *member = (char *)config + line->offset;

    switch (line->kind) {
    case LINE_NUMBER:
        return read_number(value, line->most, (int *)(void *)member);
    case LINE_TLS:
        return read_tls(value, (ximss_tls_t *)(void *)member);
    default:
        *(const char **)(void *)member = value;
        return *value != '\0';
    }
}

/* Reads one line, without its end. */
static int read_line(ximss_queue_config_t *config, char *text)
{
    char *value;
    int i;

    text += strspn(text, " \t");
    if (*text == '\0' || *text == '#') {
        return 1;
    }
    value = text + strcspn(text, " \t");
    if (*value != '\0') {
        *value++ = '\0';
        value += strspn(value, " \t");
    }
    for (i = 0; i < LINES; i++) {
        if (strcmp(lines[i].name, text) == 0) {
            return read_value(config, &lines[i], value);
        }
    }
    return 0;
}

/* The whole of a small file, in POOL; *TEXT is NULL when there is none. */
static const ximss_error_t *read_file(const char *path, char **text, apr_pool_t *pool)
{
    apr_size_t length = FILE_MAX;
    apr_file_t *file;
    apr_status_t status = apr_file_open(&file, path, APR_FOPEN_READ, 0, pool);

    *text = NULL;
    if (status != APR_SUCCESS) {
        return APR_STATUS_IS_ENOENT(status) ? NULL : ximss_error_apr(pool, status, path);
    }
    *text = apr_palloc(pool, length + 1);
    status = apr_file_read_full(file, *text, length, &length);
    apr_file_close(file);
    if (status != APR_SUCCESS && !APR_STATUS_IS_EOF(status)) {
        return ximss_error_apr(pool, status, path);
    }
    (*text)[length] = '\0';
    return length < FILE_MAX ? NULL
                             : ximss_error(pool, XIMSS_E_BAD_REQUEST, "%s is too large", path);
}

const ximss_error_t *ximss_queue_config_read(ximss_queue_config_t *config, const char *data_dir,
                                             apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, data_dir, "/" FILE_NAME, NULL);
    int number = 0;
    char *text;
    char *next;

    *config = ximss_queue_config_default();
    XIMSS_TRY(read_file(path, &text, pool));
    if (text == NULL) {
        return NULL;
    }
    config->sendmail = NULL; /* the file says it all */
    for (; text != NULL; text = next) {
        next = strchr(text, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        number++;
        if (!read_line(config, text)) {
            return ximss_error(pool, XIMSS_E_BAD_REQUEST, "%s: line %d is wrong", path, number);
        }
    }
    return NULL;
}

/* ---- writing ---- */

/* The line for a member, NULL when there is nothing to say. */
static const char *format_line(const ximss_queue_config_t *config, const line_t *line,
                               apr_pool_t *pool)
{
    const char *member = (const char *)config + line->offset;
    const char *text;

    switch (line->kind) {
    case LINE_NUMBER:
        return apr_psprintf(pool, "%s %d\n", line->name, *(const int *)(const void *)member);
    case LINE_TLS:
        return apr_psprintf(pool, "%s %s\n", line->name,
                            ximss_tls_names[*(const ximss_tls_t *)(const void *)member]);
    default:
        text = *(const char *const *)(const void *)member;
        return text != NULL ? apr_psprintf(pool, "%s %s\n", line->name, text) : NULL;
    }
}

static int write_lines(FILE *file, const ximss_queue_config_t *config, apr_pool_t *pool)
{
    int i;

    fputs("# Written by mod_ximss at each start, from its directives.\n", file);
    for (i = 0; i < LINES; i++) {
        const char *line = format_line(config, &lines[i], pool);

        if (line != NULL) {
            fputs(line, file);
        }
    }
    return ferror(file) == 0;
}

const ximss_error_t *ximss_queue_config_write(const ximss_queue_config_t *config,
                                              const char *data_dir, int owner, int group,
                                              apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, data_dir, "/" FILE_NAME, NULL);
    const char *fresh = apr_pstrcat(pool, path, ".new", NULL);
    FILE *file;
    int descriptor;
    int done;

    /* Root writes here into a folder of another user: never through what stands there. */
    unlink(fresh);
    descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

    if (file == NULL) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), fresh);
    }
    done = write_lines(file, config, pool) &&
           (owner < 0 || fchown(descriptor, (uid_t)owner, (gid_t)group) == 0);
    done = fclose(file) == 0 && done;
    if (!done || rename(fresh, path) != 0) {
        const ximss_error_t *error = ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), path);

        unlink(fresh);
        return error;
    }
    return NULL;
}

/* ---- the route ---- */

/* The login of the relay. Whoever else may read the file may use it. */
static const ximss_error_t *read_login(const char *path, ximss_route_t *route, apr_pool_t *pool)
{
    struct stat info;
    char *password;
    char *text;

    if (stat(path, &info) == 0 && (info.st_mode & S_IRWXO) != 0) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "%s is open to all users of the machine",
                           path);
    }
    XIMSS_TRY(read_file(path, &text, pool));
    password = text != NULL ? strchr(text, ':') : NULL;
    if (password == NULL || password == text) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "%s: no line \"user:password\"", path);
    }
    *password++ = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    route->user = text;
    route->password = password;
    return NULL;
}

static const char *host_name(apr_pool_t *pool)
{
    char name[256];

    if (gethostname(name, sizeof(name)) != 0) {
        return "localhost";
    }
    name[sizeof(name) - 1] = '\0';
    return apr_pstrdup(pool, name);
}

const ximss_error_t *ximss_queue_config_route(const ximss_queue_config_t *config,
                                              const ximss_route_t **result, apr_pool_t *pool)
{
    static const ximss_route_t standard = XIMSS_ROUTE_DEFAULT;
    static const int ports[] = {25, 587, 465};
    ximss_route_t *route = apr_pmemdup(pool, &standard, sizeof(standard));

    *result = config->relay != NULL || config->sendmail != NULL ? route : NULL;
    route->local_name = config->local_name != NULL ? config->local_name : host_name(pool);
    route->sendmail = config->sendmail;
    if (config->relay == NULL) {
        return NULL;
    }
    route->kind = XIMSS_ROUTE_SMTP;
    route->host = config->relay;
    route->tls = config->tls;
    route->port = config->port != 0 ? config->port : ports[config->tls];
    route->ca_file = config->ca_file;
    return config->auth_file != NULL ? read_login(config->auth_file, route, pool) : NULL;
}
