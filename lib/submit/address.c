/* Whose an address is, see deliver.h. */
#include "submit/deliver.h"

#include "mime/addr_spec.h"

#include <apr_strings.h>

#include <string.h>

static const ximss_error_t *no_address(apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_BAD_REQUEST, "this is no mail address");
}

/* Undoes a quoted local part (RFC 5321, 4.1.2); *REST is what follows its quote. 0: it has no end. */
static int unquote(const char *quoted, char *plain, const char **rest)
{
    for (quoted++; *quoted != '"'; quoted++) {
        if (*quoted == '\\') {
            quoted++;
        }
        if (*quoted == '\0') {
            return 0;
        }
        *plain++ = *quoted;
    }
    *plain = '\0';
    *rest = quoted + 1;
    return 1;
}

static const ximss_error_t *split(const char *address, char **user, const char **domain,
                                  apr_pool_t *pool)
{
    const char *at = strrchr(address, '@');

    if (address[0] == '"') {
        *user = apr_palloc(pool, strlen(address));
        if (!unquote(address, *user, &at) || at[0] != '@' || strchr(at + 1, '@') != NULL) {
            return no_address(pool);
        }
    }
    else {
        if (at == NULL || memchr(address, '@', (apr_size_t)(at - address)) != NULL) {
            return no_address(pool);
        }
        *user = apr_pstrmemdup(pool, address, (apr_size_t)(at - address));
    }
    *domain = at + 1;
    return **user != '\0' && **domain != '\0' ? NULL : no_address(pool);
}

static const ximss_error_t *find(ximss_resolved_t *resolved, ximss_store_t *store, const char *user,
                                 const char *domain, apr_pool_t *pool)
{
    return ximss_account_find(store, apr_pstrcat(pool, user, "@", domain, NULL), &resolved->entry,
                              pool);
}

const ximss_error_t *ximss_address_resolve(ximss_resolved_t *resolved, ximss_store_t *store,
                                           const char *address, apr_pool_t *pool)
{
    const char *domain = NULL;
    char *user = NULL;
    char *plus;

    memset(resolved, 0, sizeof(*resolved));
    resolved->detail = "";
    if (strlen(address) > XIMSS_ADDR_MAX) {
        return no_address(pool);
    }
    XIMSS_TRY(split(address, &user, &domain, pool));
    XIMSS_TRY(ximss_domain_exists(store, domain, &resolved->is_local, pool));
    if (!resolved->is_local) {
        return NULL;
    }
    XIMSS_TRY(find(resolved, store, user, domain, pool));
    plus = strchr(user, '+');
    if (resolved->entry == NULL && plus != NULL) {
        *plus = '\0';
        resolved->detail = plus + 1;
        XIMSS_TRY(find(resolved, store, user, domain, pool));
    }
    return resolved->entry != NULL
               ? NULL
               : ximss_error(pool, XIMSS_E_NOT_FOUND, "there is no such user here");
}
