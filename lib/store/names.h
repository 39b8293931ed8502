/* Names of domains, accounts and mailboxes: what is allowed, and the one form under which each is kept. */
#ifndef XIMSS_STORE_NAMES_H
#define XIMSS_STORE_NAMES_H

#include "base/error.h"

#include <apr_pools.h>

/* The folded form of a domain's name, or of the part of an account's name before "@", in POOL. */
const ximss_error_t *ximss_name_fold(const char **folded, const char *name, apr_pool_t *pool);

/* The folded form of user@domain, and where its domain begins. */
const ximss_error_t *ximss_name_account(const char **folded, const char **domain, const char *name,
                                        apr_pool_t *pool);

/* A mailbox name with a leading INBOX in capitals and without the "/" at its end that *PURE tells of. */
const ximss_error_t *ximss_name_mailbox(const char **clean, int *pure, const char *name,
                                        apr_pool_t *pool);

/* Longest name of a stored file, and how many levels it may have. */
#define XIMSS_FILE_NAME_BYTES  1000
#define XIMSS_FILE_NAME_LEVELS 32

/* The one form of the name of a stored file (files.h). */
const ximss_error_t *ximss_name_file(const char **clean, const char *name, apr_pool_t *pool);

/* NAME with a leading INBOX in capitals. */
const char *ximss_name_inbox(const char *name, apr_pool_t *pool);

/* Whether ID can be an account's id: letters and digits only, so it stays inside its folder. */
int ximss_name_id_ok(const char *id);

#endif
