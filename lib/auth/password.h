/* Password verifiers by libcrypt. Costly on purpose: never inside a lock or a transaction. */
#ifndef XIMSS_AUTH_PASSWORD_H
#define XIMSS_AUTH_PASSWORD_H

#include "base/error.h"

/* A yescrypt verifier of PASSWORD in POOL. */
const ximss_error_t *ximss_password_hash(const char *password, const char **verifier,
                                         apr_pool_t *pool);

/* Whether PASSWORD fits VERIFIER; VERIFIER NULL spends the same time on a dummy and never fits. Compares
 * in constant time; wipes its buffers. */
int ximss_password_check(const char *password, const char *verifier);

#endif
