/* Preferences with defaults. */
#ifndef XIMSS_STORE_PREFS_H
#define XIMSS_STORE_PREFS_H

#include "base/limits.h"
#include "store/store.h"

/* The value of preference NAME (letter case counts): the account's own text, else the default, else NULL. What the
 * account keeps as an array or dictionary is no text. */
const ximss_error_t *ximss_prefs_get(ximss_account_t *account, const char *name, const char **value,
                                     apr_pool_t *pool);

/* The default of NAME, or NULL. Static. */
const char *ximss_prefs_default(const char *name);

/* What is known of a preference. */
typedef struct ximss_preference_t {
    const char *name;
    const char *value; /* its default */
    int is_list;       /* of words: an array on the wire, with "," between in VALUE */
} ximss_preference_t;

/* Those with a default, by name; the last one has no name. */
extern const ximss_preference_t ximss_preferences[];

/* The known preference that NAME means in any letter case, or NULL. */
const ximss_preference_t *ximss_prefs_known(const char *name);

/* Sets or (value NULL) forgets PREFS, an array of ximss_pref_t, known ones by their own names. XIMSS_E_BAD_REQUEST:
 * a name that is no ASCII XML name of at most 255 bytes, a value that is not UTF-8, or no text where one is
 * expected; XIMSS_E_LIMIT: a value too long, or too many or too large ones in all; then the caller undoes what
 * was set. Needs a write transaction. */
const ximss_error_t *ximss_prefs_set(ximss_account_t *account, const apr_array_header_t *prefs,
                                     const ximss_limits_t *limits, apr_pool_t *pool);

#endif
