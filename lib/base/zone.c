/* Time zones of the system's tz database, read by GLib once each and kept for the life of the
 * process: a lookup on the way of every date must not read files. */
#include "base/zone.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct ximss_zone_t {
    GTimeZone *zone;
};

enum { ZONE_NAME_BYTES = 64, ZONE_LINE_BYTES = 1024, ZONE_DEPTH = 3 };

static pthread_mutex_t zone_mutex = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *zone_table; /* name -> ximss_zone_t *; at most as many as there are files */
static ximss_zone_t zone_host;

/* GLib looks at the same variable. */
static const char *zone_folder(void)
{
    const char *folder = getenv("TZDIR");
    return folder != NULL && folder[0] == '/' ? folder : "/usr/share/zoneinfo";
}

/* Whether NAME may be looked up as a file: no way out of the folder, none of the rules that GLib would
 * read from a name ("+01:00", "CET-1CEST"), none of the leap-second copies. */
static int name_safe(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= ZONE_NAME_BYTES || !g_ascii_isalpha(name[0])) {
        return 0;
    }
    if (strncmp(name, "right/", 6) == 0 || strncmp(name, "posix/", 6) == 0) {
        return 0;
    }
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
           length;
}

/* Whether the folder holds a compiled zone of that name. */
static int name_known(const char *name)
{
    if (!name_safe(name)) {
        return 0;
    }
    char path[1024];
    int length = snprintf(path, sizeof(path), "%s/%s", zone_folder(), name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return 0;
    }
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static const ximss_zone_t *host_locked(void)
{
    if (zone_host.zone == NULL) {
        zone_host.zone = g_time_zone_new_local();
    }
    return &zone_host;
}

static const ximss_zone_t *get_locked(const char *name)
{
    /* the default: not looked up as a file at each request */
    if (name == NULL || name[0] == '\0' || strcmp(name, "HostOS") == 0) {
        return host_locked();
    }
    if (zone_table == NULL) {
        zone_table = g_hash_table_new(g_str_hash, g_str_equal);
    }
    ximss_zone_t *zone = g_hash_table_lookup(zone_table, name);
    if (zone != NULL) {
        return zone;
    }
    GTimeZone *made = name_known(name) ? g_time_zone_new_identifier(name) : NULL;
    if (made == NULL) {
        return host_locked();
    }
    zone = g_new(ximss_zone_t, 1);
    zone->zone = made;
    g_hash_table_insert(zone_table, g_strdup(name), zone);
    return zone;
}

const ximss_zone_t *ximss_zone_get(const char *name)
{
    pthread_mutex_lock(&zone_mutex);
    const ximss_zone_t *zone = get_locked(name);
    pthread_mutex_unlock(&zone_mutex);
    return zone;
}

apr_int64_t ximss_zone_offset(const ximss_zone_t *zone, apr_int64_t seconds)
{
    int interval = g_time_zone_find_interval(zone->zone, G_TIME_TYPE_UNIVERSAL, seconds);
    return interval < 0 ? 0 : g_time_zone_get_offset(zone->zone, interval);
}

static void add_name(apr_array_header_t *names, const char *name, apr_pool_t *pool)
{
    if (name_known(name)) {
        APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, name);
    }
}

/* The zone that a line of tzdata.zi ("Z name ...", "L target name") or of zone.tab (third column) names,
 * in LINE itself; NULL: none. */
static const char *line_name(char *line, int compact)
{
    char *save;
    const char *separators = compact ? " \t\n" : "\t\n";
    const char *first = strtok_r(line, separators, &save);
    if (first == NULL || first[0] == '#') {
        return NULL;
    }
    const char *second = strtok_r(NULL, separators, &save);
    if (!compact) {
        return strtok_r(NULL, separators, &save);
    }
    if (strcmp(first, "Z") == 0) {
        return second;
    }
    return strcmp(first, "L") == 0 ? strtok_r(NULL, separators, &save) : NULL;
}

static void add_from_file(apr_array_header_t *names, const char *base, int compact,
                          apr_pool_t *pool)
{
    const char *path = apr_psprintf(pool, "%s/%s", zone_folder(), base);
    apr_file_t *file;
    if (apr_file_open(&file, path, APR_READ | APR_BUFFERED, 0, pool) != APR_SUCCESS) {
        return;
    }
    char line[ZONE_LINE_BYTES];
    while (apr_file_gets(line, sizeof(line), file) == APR_SUCCESS) {
        const char *name = line_name(line, compact);
        if (name != NULL) {
            add_name(names, name, pool);
        }
    }
    apr_file_close(file);
}

/* Without any table of names the files themselves tell, capitals first: the rest are tables. */
static void add_from_folder(apr_array_header_t *names, const char *prefix, int depth,
                            apr_pool_t *pool)
{
    apr_dir_t *folder;
    const char *path = apr_pstrcat(pool, zone_folder(), "/", prefix, NULL);
    if (depth == 0 || apr_dir_open(&folder, path, pool) != APR_SUCCESS) {
        return;
    }
    apr_finfo_t entry;
    while (apr_dir_read(&entry, APR_FINFO_NAME, folder) == APR_SUCCESS) {
        if (!g_ascii_isupper(entry.name[0])) {
            continue;
        }
        const char *name = apr_pstrcat(pool, prefix, entry.name, NULL);
        add_name(names, name, pool);
        add_from_folder(names, apr_pstrcat(pool, name, "/", NULL), depth - 1, pool);
    }
    apr_dir_close(folder);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

apr_array_header_t *ximss_zone_list(apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 700, sizeof(const char *));
    add_from_file(names, "tzdata.zi", 1, pool);
    if (names->nelts == 0) {
        add_from_file(names, "zone1970.tab", 0, pool);
        add_from_file(names, "zone.tab", 0, pool);
    }
    if (names->nelts == 0) {
        add_from_folder(names, "", ZONE_DEPTH, pool);
    }
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), compare_names);
    apr_array_header_t *unique = apr_array_make(pool, names->nelts + 1, sizeof(const char *));
    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (i == 0 || strcmp(name, APR_ARRAY_IDX(names, i - 1, const char *)) != 0) {
            APR_ARRAY_PUSH(unique, const char *) = name;
        }
    }
    return unique;
}
