/* Who may log in: credentials to an account, with throttling that all processes share. */
#ifndef XIMSS_AUTH_AUTH_H
#define XIMSS_AUTH_AUTH_H

#include "store/store.h"

typedef struct ximss_auth_t ximss_auth_t;

/* Bytes of shared memory for the throttle table and the HASH_SLOTS password slots (passwords hashed at the same
 * time on this machine: its cores); 0 when HASH_SLOTS is not 1 to 1024. */
apr_size_t ximss_auth_size(int hash_slots);

/* Makes it in zeroed memory (by the parent). Memory that holds one of the same shape already (graceful restart)
 * is kept; anything else in it is refused. */
const ximss_error_t *ximss_auth_init(void *memory, apr_size_t size, int hash_slots,
                                     apr_pool_t *pool);

/* Attaches to it. *AUTH lives as long as POOL; any thread. */
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

/* The domain of a login: DOMAIN, else HOST when it is a known domain, else FALLBACK;
 * NULL when none. In POOL. */
const ximss_error_t *ximss_auth_domain(ximss_store_t *store, const char *domain, const char *host,
                                       const char *fallback, const char **result, apr_pool_t *pool);

/* Checks CREDENTIALS; a domain in user_name counts before all others. *ENTRY is the account. XIMSS_E_BAD_LOGIN
 * for a wrong name or password alike, in equal time, and while repeated failures are throttled;
 * XIMSS_E_BUSY when too many others log in. Records success in the account, *PREVIOUS is the last login
 * before; a failure is kept for ximss_auth_record_failures. Blocks: call without locks. */
const ximss_error_t *ximss_auth_login(ximss_auth_t *auth, const ximss_credentials_t *credentials,
                                      ximss_account_entry_t **entry, ximss_login_t *previous,
                                      apr_pool_t *pool);

/* Records kept failures in their accounts, at most MOST, those of ACCOUNT_ID only unless it is NULL (then AUTH's
 * store must hold all accounts that share the memory). Not done by the failing login itself: the write would take
 * longer for accounts that exist, and attackers could make many. A login does it for its own account; call it
 * with an account before its last failure is shown. Returns how many were recorded. Blocks: call without locks. */
int ximss_auth_record_failures(ximss_auth_t *auth, const char *account_id, int most,
                               apr_pool_t *pool);

/* For tests: takes the seconds by which throttling is measured from CLOCK (NULL: the monotonic clock of the
 * machine). Call it before threads and forks. */
void ximss_auth_set_clock(ximss_auth_t *auth, apr_int64_t (*clock)(void));

#endif
