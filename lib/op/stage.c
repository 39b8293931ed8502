/* Changes of folder files that wait for the commit of their batch. */
#include "op/stage.h"

#include "base/log.h"

#include <apr_strings.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "stage-"

static ximss_stage_change_t *change_at(const ximss_stage_t *stage, int i)
{
    return &APR_ARRAY_IDX(stage->changes, i, ximss_stage_change_t);
}

static void path_of(char *path, const char *dir, const char *file)
{
    apr_snprintf(path, PATH_MAX, "%s/%s", dir, file);
}

void ximss_stage_init(ximss_stage_t *stage, const char *dir, apr_int64_t *serial, apr_pool_t *pool)
{
    stage->dir = dir;
    stage->changes = apr_array_make(pool, 4, sizeof(ximss_stage_change_t));
    stage->serial = serial;
    stage->pool = pool;
}

const ximss_error_t *ximss_stage_load(const ximss_stage_t *stage, const char *name,
                                      ximss_folder_t **folder, apr_pool_t *pool)
{
    const char *target = ximss_folder_file(name, pool);
    const char *file = target;
    int i;

    for (i = stage->changes->nelts - 1; i >= 0; i--) {
        if (strcmp(change_at(stage, i)->target, target) == 0) {
            file = change_at(stage, i)->staged;
            break;
        }
    }
    *folder = NULL;
    if (*file == '\0') {
        return NULL;
    }
    return ximss_folder_read(folder, apr_pstrcat(pool, stage->dir, "/", file, NULL), name, pool);
}

static ximss_stage_change_t *add(ximss_stage_t *stage, const char *name)
{
    ximss_stage_change_t *change = apr_array_push(stage->changes);

    memset(change, 0, sizeof(*change));
    apr_cpystrn(change->target, ximss_folder_file(name, stage->pool), sizeof(change->target));
    return change;
}

const ximss_error_t *ximss_stage_save(ximss_stage_t *stage, const ximss_folder_t *folder,
                                      apr_pool_t *pool)
{
    const char *staged = apr_psprintf(pool, PREFIX "%" APR_INT64_T_FMT, (*stage->serial)++);

    XIMSS_TRY(ximss_folder_write(folder, apr_pstrcat(pool, stage->dir, "/", staged, NULL), pool));
    apr_cpystrn(add(stage, folder->name)->staged, staged, XIMSS_STAGE_NAME_MAX);
    return NULL;
}

void ximss_stage_remove(ximss_stage_t *stage, const char *name)
{
    add(stage, name);
}

static void discard(const ximss_stage_t *stage, const ximss_stage_change_t *change)
{
    char path[PATH_MAX];

    if (change->staged[0] != '\0') {
        path_of(path, stage->dir, change->staged);
        unlink(path);
    }
}

void ximss_stage_rewind(ximss_stage_t *stage, int count)
{
    while (stage->changes->nelts > count) {
        discard(stage, change_at(stage, stage->changes->nelts - 1));
        stage->changes->nelts--;
    }
}

/* Whether a later change than I is of the same file. */
static int superseded(const ximss_stage_t *stage, int i)
{
    int later;

    for (later = i + 1; later < stage->changes->nelts; later++) {
        if (strcmp(change_at(stage, later)->target, change_at(stage, i)->target) == 0) {
            return 1;
        }
    }
    return 0;
}

apr_array_header_t *ximss_stage_settle(const ximss_stage_t *stage, apr_pool_t *pool)
{
    apr_array_header_t *settled =
        apr_array_make(pool, stage->changes->nelts, sizeof(ximss_stage_change_t));
    int i;

    for (i = 0; i < stage->changes->nelts; i++) {
        if (!superseded(stage, i)) {
            APR_ARRAY_PUSH(settled, ximss_stage_change_t) = *change_at(stage, i);
        }
    }
    return settled;
}

void ximss_stage_apply(const char *dir, const ximss_stage_change_t *changes, int count)
{
    char target[PATH_MAX];
    char staged[PATH_MAX];
    int i;

    for (i = 0; i < count; i++) {
        int failed;

        path_of(target, dir, changes[i].target);
        path_of(staged, dir, changes[i].staged);
        failed = changes[i].staged[0] != '\0' ? rename(staged, target) : unlink(target);
        if (failed != 0 && errno != ENOENT) {
            ximss_log(XIMSS_LOG_ERROR, 5005, "a changed folder is lost: %s: %s", target,
                      strerror(errno));
        }
    }
}

void ximss_stage_sweep(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;

    if (folder == NULL) {
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}
