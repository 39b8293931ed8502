/* The shared memory of lib/auth; only lib/auth sees it. */
#ifndef XIMSS_AUTH_SHARED_H
#define XIMSS_AUTH_SHARED_H

#include "auth/auth.h"
#include "auth/throttle.h"

#include <stdatomic.h>

typedef struct ximss_auth_shared_t {
    _Atomic apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t hash_slots;
    apr_uint64_t size;
    ximss_throttle_t throttle;
    pthread_mutex_t slots[]; /* whoever hashes a password holds one; a killed holder frees it */
} ximss_auth_shared_t;

struct ximss_auth_t {
    ximss_auth_shared_t *shared;
    ximss_store_t *store;
    apr_int64_t (*clock)(void);
};

/* Takes one of the machine's password slots, waiting some seconds at most. Returns its number, -1 when all
 * stay taken. */
int ximss_auth_slot_take(ximss_auth_t *auth);

/* Gives it back; by the thread that took it. */
void ximss_auth_slot_give(ximss_auth_t *auth, int slot);

#endif
