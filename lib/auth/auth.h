/* Who may log in: credentials to an account, with throttling that all processes share. */
#ifndef XIMSS_AUTH_AUTH_H
#define XIMSS_AUTH_AUTH_H

#include "store/store.h"

typedef struct ximss_auth_t ximss_auth_t;

/* Bytes of shared memory for the throttle table and the HASH_SLOTS password slots. */
apr_size_t ximss_auth_size(int hash_slots);

/* Makes it in zeroed memory (once, by the parent). */
const ximss_error_t *ximss_auth_init(void *memory, apr_size_t size, int hash_slots,
                                     apr_pool_t *pool);

/* Attaches to it. */
const ximss_error_t *ximss_auth_attach(ximss_auth_t **auth, void *memory, apr_size_t size,
                                       ximss_store_t *store, apr_pool_t *pool);

typedef struct ximss_credentials_t {
    const char *user_name; /* user or user@domain */
    const char *password;
    const char *domain;   /* of the login element, or NULL */
    const char *host;     /* Host header without port, or NULL */
    const char *fallback; /* configured default domain, or NULL */
    const char *address;  /* client address */
} ximss_credentials_t;

/* The domain of a login: DOMAIN, else HOST when it is a known domain, else FALLBACK
 * (wire-and-commands 2.1); NULL when none. In POOL. */
const ximss_error_t *ximss_auth_domain(ximss_store_t *store, const char *domain, const char *host,
                                       const char *fallback, const char **result, apr_pool_t *pool);

/* Checks CREDENTIALS. *ENTRY is the account. XIMSS_E_BAD_LOGIN for a wrong name or password alike, in equal
 * time, and while repeated failures are throttled (wire-and-commands 2.4). Records success and failure in
 * the account; *PREVIOUS is the last login before. Blocks: call without locks. */
const ximss_error_t *ximss_auth_login(ximss_auth_t *auth, const ximss_credentials_t *credentials,
                                      ximss_account_entry_t **entry, ximss_login_t *previous,
                                      apr_pool_t *pool);

#endif
