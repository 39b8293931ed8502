/* The folder files that a batch changes: written beside those that are there, seen by the requests that follow,
 * and put in place together. */
#ifndef XIMSS_OP_STAGE_H
#define XIMSS_OP_STAGE_H

#include "view/folder.h"

#include <apr_tables.h>

#define XIMSS_STAGE_NAME_MAX 32

/* What becomes of one file of the session's folder. Plain data: it is kept in files, too. */
typedef struct ximss_stage_change_t {
    char target[XIMSS_STAGE_NAME_MAX]; /* the file that is made, replaced or removed */
    char staged[XIMSS_STAGE_NAME_MAX]; /* the file that takes its name, "": none, it is removed */
} ximss_stage_change_t;

typedef struct ximss_stage_t {
    const char *dir;
    apr_array_header_t *changes; /* ximss_stage_change_t, oldest first */
    apr_int64_t *serial;         /* of the next file; no name comes again in a session */
    apr_pool_t *pool;
} ximss_stage_t;

void ximss_stage_init(ximss_stage_t *stage, const char *dir, apr_int64_t *serial, apr_pool_t *pool);

/* The folder NAME as it is after all changes; *FOLDER is NULL when there is none. */
const ximss_error_t *ximss_stage_load(const ximss_stage_t *stage, const char *name,
                                      ximss_folder_t **folder, apr_pool_t *pool);

const ximss_error_t *ximss_stage_save(ximss_stage_t *stage, const ximss_folder_t *folder,
                                      apr_pool_t *pool);
void ximss_stage_remove(ximss_stage_t *stage, const char *name);

/* Takes back all changes but the first COUNT. */
void ximss_stage_rewind(ximss_stage_t *stage, int count);

/* The newest change of each file: doing those may be repeated. In POOL. */
apr_array_header_t *ximss_stage_settle(const ximss_stage_t *stage, apr_pool_t *pool);

/* Does COUNT settled CHANGES in DIR; those done already do no harm. */
void ximss_stage_apply(const char *dir, const ximss_stage_change_t *changes, int count);

/* Removes the staged files in DIR that nothing will adopt. */
void ximss_stage_sweep(const char *dir);

#endif
