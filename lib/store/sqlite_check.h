/* What the files of the check of an account share. Internal to the SQLite backend. */
#ifndef XIMSS_STORE_SQLITE_CHECK_H
#define XIMSS_STORE_SQLITE_CHECK_H

#include "store/sqlite_mail.h"

typedef struct ximss_sqlite_check_t {
    ximss_sqlite_t *db;
    ximss_account_t *account;
    const ximss_check_run_t *run;
    ximss_check_t *result;
} ximss_sqlite_check_t;

/* A fault was found; MENDED: and put right by this run. */
void ximss_check_fault(ximss_sqlite_check_t *check, int mended, apr_pool_t *pool, const char *fmt,
                       ...) __attribute__((format(printf, 4, 5)));

/* Runs statement NUMBER with ARGUMENT (NULL: it takes none); its only row's columns go to VALUES, WIDTH of them. */
const ximss_error_t *ximss_check_ask(ximss_sqlite_check_t *check, int number,
                                     const apr_int64_t *argument, apr_int64_t *values, int width,
                                     apr_pool_t *pool);

/* The outbox, looked at before references to blobs are counted; and the file storage. */
const ximss_error_t *ximss_check_outbox(ximss_sqlite_check_t *check, apr_pool_t *pool);
const ximss_error_t *ximss_check_files(ximss_sqlite_check_t *check, apr_pool_t *pool);

#endif
