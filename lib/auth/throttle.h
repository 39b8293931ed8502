/* Who failed to log in, in memory that all processes share: fixed tables that cannot fill up. Only lib/auth
 * sees it. */
#ifndef XIMSS_AUTH_THROTTLE_H
#define XIMSS_AUTH_THROTTLE_H

#include <apr.h>
#include <pthread.h>

enum {
    XIMSS_THROTTLE_SETS = 1024, /* of each kind; a name may only lie in one set */
    XIMSS_THROTTLE_WAYS = 8,
    XIMSS_THROTTLE_FREE = 5,         /* failures of an account or address without delay */
    XIMSS_THROTTLE_FREE_KNOWN = 100, /* of an account from an address where it logged in before */
    XIMSS_THROTTLE_DELAY_MAX = 900,  /* seconds */
    XIMSS_THROTTLE_FORGET = 3600,    /* seconds without a failure */
    XIMSS_THROTTLE_PENDING = 64,     /* failures that wait for being recorded */
    XIMSS_THROTTLE_ID_MAX = 64,
    XIMSS_THROTTLE_ADDRESS_MAX = 46
};

typedef enum ximss_throttle_kind_t {
    XIMSS_THROTTLE_ACCOUNT, /* failures of an account name, existing or not */
    XIMSS_THROTTLE_ADDRESS, /* failures from an address */
    XIMSS_THROTTLE_PAIR,    /* failures of a name from an address */
    XIMSS_THROTTLE_KNOWN,   /* name and address that logged in */
    XIMSS_THROTTLE_KINDS
} ximss_throttle_kind_t;

/* Keyed hash of a name: nobody outside can choose names that share a set. */
typedef struct ximss_throttle_key_t {
    apr_uint64_t word[2];
} ximss_throttle_key_t;

typedef struct ximss_throttle_entry_t {
    ximss_throttle_key_t key;
    apr_int64_t last; /* second of the last failure, or success for KNOWN */
    apr_uint32_t failures;
    apr_uint32_t used;
} ximss_throttle_entry_t;

/* A failure of an existing account, not yet in its mail store. */
typedef struct ximss_throttle_pending_t {
    char account_id[XIMSS_THROTTLE_ID_MAX]; /* "": free */
    char address[XIMSS_THROTTLE_ADDRESS_MAX];
    apr_int64_t when; /* seconds since 1970 */
} ximss_throttle_pending_t;

typedef struct ximss_throttle_t {
    pthread_mutex_t mutex;
    unsigned char secret[16]; /* of the keys */
    ximss_throttle_entry_t entries[XIMSS_THROTTLE_KINDS][XIMSS_THROTTLE_SETS][XIMSS_THROTTLE_WAYS];
    ximss_throttle_pending_t pending[XIMSS_THROTTLE_PENDING];
} ximss_throttle_t;

/* The keys of one attempt: PAIR serves for KNOWN, too. */
typedef struct ximss_throttle_keys_t {
    ximss_throttle_key_t account;
    ximss_throttle_key_t address;
    ximss_throttle_key_t pair;
} ximss_throttle_keys_t;

typedef enum ximss_verdict_t {
    XIMSS_VERDICT_REFUSED, /* throttled: nothing was counted, whatever the password was */
    XIMSS_VERDICT_FAILED,
    XIMSS_VERDICT_PASSED
} ximss_verdict_t;

/* Makes it in zeroed memory. Returns 0 or an errno. */
int ximss_throttle_init(ximss_throttle_t *throttle);

/* The keys of ACCOUNT (folded name) and ADDRESS. An IPv6 address counts as its /64: one customer has it all. */
void ximss_throttle_keys(const ximss_throttle_t *throttle, const char *account, const char *address,
                         ximss_throttle_keys_t *keys);

/* Whether an attempt may be tried at second NOW. */
int ximss_throttle_admit(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys,
                         apr_int64_t now);

/* Judges an attempt whose password was MATCHED or not. Attempts that ran side by side are judged one by one here,
 * so that many at once are worth no more than the same number in turn. */
ximss_verdict_t ximss_throttle_judge(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys,
                                     apr_int64_t now, int matched);

/* Keeps a failure until it is taken; the newest of an account, of too many accounts the newest ones. */
void ximss_throttle_note(ximss_throttle_t *throttle, const ximss_throttle_pending_t *failure);

/* Takes a kept failure, of ACCOUNT_ID unless that is NULL. Returns 0 when there is none. */
int ximss_throttle_take(ximss_throttle_t *throttle, const char *account_id,
                        ximss_throttle_pending_t *failure);

#endif
