/* Create, merge and check the configuration of a server. Which members were given is kept apart from
 * their values, so that zero and "Off" are values like any other. */
#include "mod_ximss/config.h"

#include <apr_strings.h>
#include <http_log.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(ximss);

#ifndef XIMSS_DATA_DIR
#error "the build defines XIMSS_DATA_DIR"
#endif

#ifndef XIMSS_COMMAND
#error "the build defines XIMSS_COMMAND"
#endif

#define DEFAULT_RUNTIME_DIR "/run/ximss"

const ximss_setting_t ximss_settings[] = {
#define XIMSS_SETTING(name, member, kind, least, most, scope, help)                                \
    {name,                                                                                         \
     offsetof(ximss_config_t, member),                                                             \
     sizeof(((ximss_config_t *)0)->member),                                                        \
     XIMSS_KIND_##kind,                                                                            \
     XIMSS_SCOPE_##scope,                                                                          \
     least,                                                                                        \
     most},
#include "mod_ximss/directives.def"
#undef XIMSS_SETTING
};
const int ximss_settings_count = sizeof(ximss_settings) / sizeof(ximss_settings[0]);

void *ximss_config_create(apr_pool_t *pool, server_rec *server)
{
    static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_config_t *config = apr_pcalloc(pool, sizeof(*config));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    (void)server;
    config->data_dir = XIMSS_DATA_DIR;
    config->runtime_dir = DEFAULT_RUNTIME_DIR;
    config->sessions = 10000;
    config->idle_timeout = 600;
    config->password_slots = cores > 0 && cores <= 1024 ? (int)cores : 2;
    config->handle_cache = 128;
    config->polls = -1; /* half of the threads of a child */
    config->parked = -1;
    config->async = XIMSS_SECURE_AUTO;
    config->http2_poll = XIMSS_HTTP2_WAIT;
    config->http2_wait = 10;
    config->get_login = 1;
    config->lmtp_timeout = 30;
    config->cookie_secure = XIMSS_SECURE_AUTO;
    config->queue = 1;
    config->queue_command = XIMSS_COMMAND;
    config->sending = ximss_queue_config_default();
    config->limits = limits;
    return config;
}

void *ximss_config_merge(apr_pool_t *pool, void *base, void *add)
{
    const ximss_config_t *above = base;
    const ximss_config_t *own = add;
    ximss_config_t *config = apr_pmemdup(pool, above, sizeof(*above));
    int i;

    for (i = 0; i < ximss_settings_count; i++) {
        if ((own->given & ((apr_uint64_t)1 << i)) != 0) {
            memcpy((char *)config + ximss_settings[i].offset,
                   (const char *)own + ximss_settings[i].offset, ximss_settings[i].size);
        }
    }
    if (own->origins_set) {
        config->origins = own->origins;
    }
    config->origins_set = above->origins_set || own->origins_set;
    config->given = above->given | own->given;
    return config;
}

ximss_config_t *ximss_config_get(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &ximss_module);
}

int ximss_config_any_engine(const server_rec *server)
{
    for (; server != NULL; server = server->next) {
        if (ximss_config_get(server)->engine) {
            return 1;
        }
    }
    return 0;
}

int ximss_config_foreign(const char *directive, int otherwise)
{
    const ap_directive_t *each;
    int number = otherwise;

    for (each = ap_conftree; each != NULL; each = each->next) {
        if (ap_cstr_casecmp(each->directive, directive) == 0) {
            number = (int)strtod(each->args, NULL);
        }
    }
    return number;
}

/* Whether folder INNER is DIR itself or below it. */
static int is_below(const char *inner, const char *dir)
{
    apr_size_t length = strlen(dir);

    while (length > 1 && dir[length - 1] == '/') {
        length--;
    }
    return strncmp(inner, dir, length) == 0 && (inner[length] == '\0' || inner[length] == '/');
}

int ximss_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server)
{
    const ximss_config_t *main_config = ximss_config_get(server);
    server_rec *each;

    (void)pconf, (void)plog, (void)ptemp;
    for (each = server; each != NULL; each = each->next) {
        const ximss_config_t *config = ximss_config_get(each);

        /* The sweep removes what it does not know in the runtime folder. */
        if (config->engine && (is_below(config->data_dir, main_config->runtime_dir) ||
                               is_below(main_config->runtime_dir, config->data_dir))) {
            ap_log_error(
                APLOG_MARK, APLOG_EMERG, 0, each,
                "XM0601: XimssDataDir %s and XimssRuntimeDir %s must not lie in each other",
                config->data_dir, main_config->runtime_dir);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (config->engine && config->limits.message_bytes > config->limits.reply_bytes) {
            ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, each,
                         "a message may be larger than a reply: folderRead needs totalSizeLimit "
                         "for such messages");
        }
    }
    return OK;
}
