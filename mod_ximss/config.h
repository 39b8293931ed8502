/* Configuration of a server: what the directives set. */
#ifndef XIMSS_MOD_XIMSS_CONFIG_H
#define XIMSS_MOD_XIMSS_CONFIG_H

#include "base/limits.h"
#include "submit/queue_config.h"

#include <httpd.h>

#include <http_config.h>

/* Values of XimssCookieSecure and XimssAsync. */
enum { XIMSS_SECURE_OFF, XIMSS_SECURE_ON, XIMSS_SECURE_AUTO };

/* Values of XimssHTTP2Poll. */
enum { XIMSS_HTTP2_WAIT, XIMSS_HTTP2_REFUSE };

typedef struct ximss_config_t {
    int engine;
    const char *data_dir;
    const char *runtime_dir;
    const char *default_domain; /* NULL: none */
    int sessions;
    int idle_timeout; /* seconds */
    int password_slots;
    int handle_cache;
    int polls;
    int parked; /* -1: as many as sessions */
    int async;
    int http2_poll;
    int http2_wait; /* seconds */
    int get_login;
    int lmtp_connections; /* 0: an eighth of the threads of a child */
    int lmtp_timeout;     /* seconds */
    int cookie_secure;
    apr_array_header_t *origins; /* const char *; NULL: any; empty: none */
    int origins_set;
    int rewrite_sender;
    int queue;                    /* httpd runs the queue */
    const char *queue_command;    /* path of ximssctl */
    ximss_queue_config_t sending; /* how mail leaves */
    ximss_limits_t limits;
    apr_uint64_t given; /* bit i: setting i of directives.def was given here */
} ximss_config_t;

/* The one symbol that httpd looks up; all others are hidden. */
extern module AP_MODULE_DECLARE_DATA ximss_module __attribute__((visibility("default")));

/* Per-server configuration for the module record. */
void *ximss_config_create(apr_pool_t *pool, server_rec *server);
void *ximss_config_merge(apr_pool_t *pool, void *base, void *add);

/* The configuration of SERVER. */
ximss_config_t *ximss_config_get(const server_rec *server);

/* Whether the engine is on in SERVER or any server after it. */
int ximss_config_any_engine(const server_rec *server);

/* The number of a directive of httpd or another module that has no getter, from the main server; OTHERWISE when it is
 * not given. After the configuration was read. */
int ximss_config_foreign(const char *directive, int otherwise);

/* What is wrong with the configuration as a whole (check_config hook: also at "apachectl -t"). */
int ximss_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server);

extern const command_rec ximss_directives[];

/* What a value of a directive is. */
typedef enum ximss_setting_kind_t {
    XIMSS_KIND_FLAG,
    XIMSS_KIND_PATH,
    XIMSS_KIND_PROGRAM, /* a path, or None */
    XIMSS_KIND_WORD,
    XIMSS_KIND_COUNT,
    XIMSS_KIND_SECONDS,
    XIMSS_KIND_SECURE,
    XIMSS_KIND_HTTP2,
    XIMSS_KIND_SIZE,
    XIMSS_KIND_TLS
} ximss_setting_kind_t;

typedef enum ximss_setting_scope_t { XIMSS_SCOPE_VHOST, XIMSS_SCOPE_GLOBAL } ximss_setting_scope_t;

typedef struct ximss_setting_t {
    const char *name;
    apr_size_t offset; /* of the member */
    apr_size_t size;
    ximss_setting_kind_t kind;
    ximss_setting_scope_t scope;
    apr_int64_t least;
    apr_int64_t most;
} ximss_setting_t;

extern const ximss_setting_t ximss_settings[];
extern const int ximss_settings_count;

#endif
