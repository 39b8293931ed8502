/* Checking the file storage of an account. */
#include "store/sqlite_check.h"

/* Files whose bytes are not all there. */
static const ximss_error_t *check_file_pieces(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, check->db, XIMSS_ACCOUNT_QUERY_CHECK_FILE_PIECES, pool));
    XIMSS_TRY(ximss_sqlite_step(check->db, stmt, &row, pool));
    while (row) {
        ximss_check_fault(check, 0, pool, "file %s: its pieces do not give its size",
                          ximss_sqlite_text(stmt, 0, pool));
        XIMSS_TRY(ximss_sqlite_step(check->db, stmt, &row, pool));
    }
    return NULL;
}

/* Each round makes the directories one level above those that are there. */
static const ximss_error_t *restore_directories(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    do {
        XIMSS_TRY(
            ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_FILE_DIRECTORIES, NULL, 0, pool));
    } while (sqlite3_changes(check->db->db) > 0);
    return NULL;
}

const ximss_error_t *ximss_check_files(ximss_sqlite_check_t *check, apr_pool_t *pool)
{
    int repair = check->run->repair;
    apr_int64_t orphans;
    apr_int64_t homeless;
    apr_int64_t right;

    XIMSS_TRY(check_file_pieces(check, pool));
    XIMSS_TRY(
        ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_FILE_ORPHANS, NULL, &orphans, 1, pool));
    XIMSS_TRY(ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_FILE_DIRECTORIES, NULL, &homeless, 1,
                              pool));
    XIMSS_TRY(
        ximss_check_ask(check, XIMSS_ACCOUNT_QUERY_CHECK_FILE_STORAGE, NULL, &right, 1, pool));
    if (orphans > 0) {
        ximss_check_fault(check, repair, pool, "%" APR_INT64_T_FMT " pieces belong to no file",
                          orphans);
    }
    if (homeless > 0) {
        ximss_check_fault(check, repair, pool,
                          "%" APR_INT64_T_FMT " files have lost their directory", homeless);
    }
    if (!right) {
        ximss_check_fault(check, repair, pool, "file storage: its counters were wrong");
    }
    if (!repair) {
        return NULL;
    }
    XIMSS_TRY(ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_FILE_ORPHANS, NULL, 0, pool));
    XIMSS_TRY(restore_directories(check, pool));
    return ximss_sqlite_do(check->db, XIMSS_ACCOUNT_QUERY_REPAIR_FILE_STORAGE, NULL, 0, pool);
}
