/* The directives: one setter for all that directives.def lists, and the list of origins. */
#include "mod_ximss/config.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* Reads the digits at the start of TEXT; *REST is what follows. */
static int read_number(const char *text, const char **rest, apr_int64_t *number)
{
    char *end;

    if (!apr_isdigit(text[0])) {
        return 0;
    }
    errno = 0;
    *number = apr_strtoi64(text, &end, 10);
    *rest = end;
    return errno == 0;
}

static int read_size(const char *text, apr_int64_t *size)
{
    const char *rest;
    int shift;

    if (!read_number(text, &rest, size)) {
        return 0;
    }
    switch (apr_tolower(rest[0])) {
    case '\0':
        return 1;
    case 'k':
        shift = 10;
        break;
    case 'm':
        shift = 20;
        break;
    case 'g':
        shift = 30;
        break;
    default:
        return 0;
    }
    if (rest[1] != '\0' || *size > (APR_INT64_MAX >> shift)) {
        return 0;
    }
    *size <<= shift;
    return 1;
}

static int read_seconds(const char *text, apr_int64_t *seconds)
{
    apr_interval_time_t time;

    if (!apr_isdigit(text[0]) || ap_timeout_parameter_parse(text, &time, "s") != APR_SUCCESS) {
        return 0;
    }
    *seconds = apr_time_sec(time);
    return time == apr_time_from_sec(*seconds);
}

/* The words that a setting takes, each at its value. */
static const char *const *words_of(const ximss_setting_t *setting)
{
    static const char *const flag[] = {"Off", "On", NULL};
    static const char *const secure[] = {"Off", "On", "Auto", NULL};
    static const char *const http2[] = {"Wait", "HTTP11", NULL};

    switch (setting->kind) {
    case XIMSS_KIND_SECURE:
        return secure;
    case XIMSS_KIND_HTTP2:
        return http2;
    default:
        return flag;
    }
}

static int read_choice(const ximss_setting_t *setting, const char *text, apr_int64_t *choice)
{
    const char *const *words = words_of(setting);
    int i;

    for (i = 0; words[i] != NULL; i++) {
        if (ap_cstr_casecmp(text, words[i]) == 0) {
            *choice = i;
            return 1;
        }
    }
    return 0;
}

static int read_tls(const char *text, apr_int64_t *choice)
{
    int i;

    for (i = 0; ximss_tls_names[i] != NULL; i++) {
        if (ap_cstr_casecmp(ximss_tls_names[i], text) == 0) {
            *choice = i;
            return 1;
        }
    }
    return 0;
}

static void store_number(ximss_config_t *config, const ximss_setting_t *setting, apr_int64_t number)
{
    char *member = (char *)config + setting->offset;

    if (setting->kind == XIMSS_KIND_SIZE) {
        *(apr_size_t *)member = (apr_size_t)number;
    }
    else {
        *(int *)member = (int)number;
    }
}

static const char *set_number(cmd_parms *cmd, ximss_config_t *config,
                              const ximss_setting_t *setting, const char *text)
{
    apr_int64_t number = 0;
    const char *rest = "";
    const char *form;
    int fits;

    switch (setting->kind) {
    case XIMSS_KIND_FLAG:
        fits = read_choice(setting, text, &number);
        form = "On or Off";
        break;
    case XIMSS_KIND_SECURE:
        fits = read_choice(setting, text, &number);
        form = "On, Off or Auto";
        break;
    case XIMSS_KIND_HTTP2:
        fits = read_choice(setting, text, &number);
        form = "Wait or HTTP11";
        break;
    case XIMSS_KIND_SIZE:
        fits = read_size(text, &number);
        form = "a number of bytes (units K, M, G)";
        break;
    case XIMSS_KIND_SECONDS:
        fits = read_seconds(text, &number);
        form = "a time in whole seconds (units s, min, h)";
        break;
    case XIMSS_KIND_TLS:
        fits = read_tls(text, &number);
        form = "None, STARTTLS or SMTPS";
        break;
    default:
        fits = read_number(text, &rest, &number) && rest[0] == '\0';
        form = "a number";
        break;
    }
    if (!fits) {
        return apr_psprintf(cmd->pool, "%s takes %s, not \"%s\"", setting->name, form, text);
    }
    if (number < setting->least || number > setting->most) {
        return apr_psprintf(cmd->pool,
                            "%s must lie between %" APR_INT64_T_FMT " and %" APR_INT64_T_FMT,
                            setting->name, setting->least, setting->most);
    }
    store_number(config, setting, number);
    return NULL;
}

static const char *set_text(cmd_parms *cmd, ximss_config_t *config, const ximss_setting_t *setting,
                            const char *text)
{
    const char **member = (const char **)(void *)((char *)config + setting->offset);

    if (text[0] == '\0') {
        return apr_psprintf(cmd->pool, "%s must not be empty", setting->name);
    }
    if (setting->kind == XIMSS_KIND_PROGRAM && ap_cstr_casecmp(text, "None") == 0) {
        text = NULL;
    }
    else if (setting->kind == XIMSS_KIND_PATH || setting->kind == XIMSS_KIND_PROGRAM) {
        text = ap_server_root_relative(cmd->pool, text);
        if (text == NULL || strcmp(text, "/") == 0) {
            return apr_psprintf(cmd->pool, "%s is not a usable path", setting->name);
        }
    }
    else if (strpbrk(text, " /@:") != NULL) {
        return apr_psprintf(cmd->pool, "%s takes a domain name, not \"%s\"", setting->name, text);
    }
    *member = text;
    return NULL;
}

static const char *set_value(cmd_parms *cmd, void *unused, const char *text)
{
    ximss_config_t *config = ximss_config_get(cmd->server);
    const ximss_setting_t *setting;
    const char *wrong;
    int i = 0;

    (void)unused;
    while (ap_cstr_casecmp(ximss_settings[i].name, cmd->cmd->name) != 0) {
        i++;
    }
    setting = &ximss_settings[i];
    wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT |
                                          (setting->scope == XIMSS_SCOPE_GLOBAL ? GLOBAL_ONLY : 0));
    if (wrong != NULL) {
        return wrong;
    }
    if (setting->kind == XIMSS_KIND_PATH || setting->kind == XIMSS_KIND_PROGRAM ||
        setting->kind == XIMSS_KIND_WORD) {
        wrong = set_text(cmd, config, setting, text);
    }
    else {
        wrong = set_number(cmd, config, setting, text);
    }
    config->given |= (apr_uint64_t)1 << i;
    return wrong;
}

/* An origin is scheme://host[:port] (RFC 6454), compared as it stands. */
static const char *set_origin(cmd_parms *cmd, void *unused, const char *text)
{
    ximss_config_t *config = ximss_config_get(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    const char *host = strstr(text, "://");

    (void)unused;
    if (wrong != NULL) {
        return wrong;
    }
    if (strcmp(text, "*") == 0) {
        config->origins = NULL;
    }
    else {
        if (config->origins == NULL) {
            config->origins = apr_array_make(cmd->pool, 4, sizeof(const char *));
        }
        if (ap_cstr_casecmp(text, "None") != 0) {
            if (host == NULL || host == text || host[3] == '\0' ||
                strpbrk(host + 3, "/ \",") != NULL) {
                return apr_psprintf(
                    cmd->pool, "XimssAllowOrigin takes *, None or scheme://host[:port], not \"%s\"",
                    text);
            }
            APR_ARRAY_PUSH(config->origins, const char *) = text;
        }
    }
    config->origins_set = 1;
    return NULL;
}

const command_rec ximss_directives[] = {
#define XIMSS_SETTING(name, member, kind, least, most, scope, help)                                \
    AP_INIT_TAKE1(name, set_value, NULL, RSRC_CONF, help),
#include "mod_ximss/directives.def"
#undef XIMSS_SETTING
    AP_INIT_ITERATE("XimssAllowOrigin", set_origin, NULL, RSRC_CONF,
                    "* or None or origins whose pages may use the server"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};
