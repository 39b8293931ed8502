/* Preferences with the defaults of message-details 2.7. */
#ifndef XIMSS_STORE_PREFS_H
#define XIMSS_STORE_PREFS_H

#include "store/store.h"

/* The value of preference NAME (letter case counts): the account's own, else the default, else NULL. */
const ximss_error_t *ximss_prefs_get(ximss_account_t *account, const char *name, const char **value,
                                     apr_pool_t *pool);

/* The default of NAME, or NULL. Static. */
const char *ximss_prefs_default(const char *name);

#endif
