/* Password verifiers by libcrypt. Costly on purpose: never inside a lock or a transaction. */
#ifndef XIMSS_AUTH_PASSWORD_H
#define XIMSS_AUTH_PASSWORD_H

#include "base/error.h"

/* A yescrypt verifier of PASSWORD in POOL. XIMSS_E_BAD_REQUEST for an empty password, XIMSS_E_LIMIT for one of
 * more than 511 bytes. */
const ximss_error_t *ximss_password_hash(const char *password, const char **verifier,
                                         apr_pool_t *pool);

/* Whether PASSWORD fits VERIFIER; VERIFIER NULL or one that is no verifier spends the same time on a dummy and
 * never fits. Compares in constant time; wipes its buffers. */
int ximss_password_check(const char *password, const char *verifier);

/* Whether VERIFIER is of a weaker scheme or lower cost than those made now, so that it should be made anew
 * when its password is at hand. */
int ximss_password_weak(const char *verifier);

/* How many passwords this process has hashed, dummies too. Tests count by it that unknown users cost as much as
 * wrong passwords. */
apr_uint64_t ximss_password_runs(void);

#endif
