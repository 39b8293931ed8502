/* Stored files by URL: found once, then read a piece at a time. */
#include "op/handlers.h"
#include "op/ops.h"

#include <apr_strings.h>

static const ximss_error_t *find(ximss_account_t *account, const ximss_session_t *session,
                                 const char *given, ximss_file_t **file, apr_pool_t *pool)
{
    const char *name;
    const char *clean;
    XIMSS_TRY(ximss_op_file_name(session, given, &name, pool));
    if (ximss_file_name(&clean, name, pool) != NULL) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
    }
    XIMSS_TRY(ximss_file_find(account, clean, file, pool));
    return (*file)->is_directory ? ximss_error(pool, XIMSS_E_NOT_FOUND, "this is a directory")
                                 : NULL;
}

const ximss_error_t *ximss_file_fetch(const ximss_context_t *context,
                                      const ximss_session_t *session, const char *given,
                                      ximss_file_source_t **source, apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    *source = apr_palloc(pool, sizeof(**source));
    (*source)->context = context;
    (*source)->account_id = apr_pstrdup(pool, session->account_id);
    XIMSS_TRY(ximss_account_checkout(&account, context->store, session->account_id, pool));
    error = find(account, session, given, &(*source)->file, pool);
    ximss_account_return(account);
    return error;
}

const ximss_error_t *ximss_file_fetch_piece(const ximss_file_source_t *source, apr_int64_t offset,
                                            apr_size_t length, const char **data, apr_pool_t *pool)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    XIMSS_TRY(ximss_account_checkout(&account, source->context->store, source->account_id, pool));
    error = ximss_file_read(account, source->file, offset, length, data, pool);
    ximss_account_return(account);
    return error;
}
