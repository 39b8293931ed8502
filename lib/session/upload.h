/* The uploaded file set of a session (protocol text, clearUploaded): files under names that the client chose, on
 * disk below <data>/uploads/s<slot>-<generation>/, gone with the session. No function needs the session's lock, nor
 * takes it: SESSION may be a copy (ximss_session_peek). */
#ifndef XIMSS_SESSION_UPLOAD_H
#define XIMSS_SESSION_UPLOAD_H

#include "base/limits.h"
#include "session/table.h"

#define XIMSS_UPLOAD_ID_MAX 255 /* bytes of an id */

typedef struct ximss_upload_t {
    const char *id;
    const char *type; /* lower case, as subtype; both are always there */
    const char *subtype;
    const char *charset;   /* NULL: none was told */
    const char *file_name; /* clean UTF-8 without folders; NULL: none was told */
    apr_int64_t size;      /* bytes */
    int descriptor;        /* open as long as the pool of ximss_upload_find lives */
} ximss_upload_t;

/* Sets the folder under which uploads lie; without one there are none. It is made when the first file comes. */
void ximss_table_set_uploads(ximss_table_t *table, const char *dir);

/* Finds the file ID. *UPLOAD lives in POOL and stays what it is when the file is replaced or removed meanwhile.
 * XIMSS_E_NOT_FOUND. */
const ximss_error_t *ximss_upload_find(ximss_table_t *table, const ximss_session_t *session,
                                       const char *id, ximss_upload_t **upload, apr_pool_t *pool);

/* Maps the upload->size bytes to memory until POOL goes; never NULL. */
const ximss_error_t *ximss_upload_read(const ximss_upload_t *upload, const char **data,
                                       apr_pool_t *pool);

/* Copies LENGTH bytes from OFFSET on, both inside of it, to BUFFER. */
const ximss_error_t *ximss_upload_copy(const ximss_upload_t *upload, apr_int64_t offset,
                                       char *buffer, apr_size_t length, apr_pool_t *pool);

/* Removes the file ID, or all with NULL. One that is not there is removed already. */
const ximss_error_t *ximss_upload_remove(ximss_table_t *table, const ximss_session_t *session,
                                         const char *id, apr_pool_t *pool);

/* ---- a file that comes in ---- */

typedef struct ximss_uploading_t ximss_uploading_t; /* one thread at a time */

/* Begins a file with the properties of WHAT; what->size is what was announced, -1: unknown. Its place within
 * LIMITS (upload_bytes, uploads, upload_total) is kept for it from then on, and its space on disk. Aborted when POOL
 * goes. XIMSS_E_BAD_REQUEST: the id; XIMSS_E_LIMIT: with a text that says which; XIMSS_E_OVER_QUOTA: the disk is full;
 * XIMSS_E_PHASE: the session is over, now as in the calls that follow. */
const ximss_error_t *ximss_upload_begin(ximss_uploading_t **uploading, ximss_table_t *table,
                                        const ximss_session_t *session, const ximss_upload_t *what,
                                        const ximss_limits_t *limits, apr_pool_t *pool);

/* Adds LENGTH bytes, and keeps the session from being idle. Errors as above, in the pool of begin. */
const ximss_error_t *ximss_upload_write(ximss_uploading_t *uploading, const char *data,
                                        apr_size_t length);

/* Puts the file in place of the one of the same id, if there is one. */
const ximss_error_t *ximss_upload_finish(ximss_uploading_t *uploading);

/* Forgets what came in; after a finish it does nothing. */
void ximss_upload_abort(ximss_uploading_t *uploading);

#endif
