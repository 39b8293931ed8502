/* Making and attaching the shared memory of logins, and the machine-wide slots for hashing: 16 MiB and 27 ms
 * each, so a crowd of logins takes neither all memory nor all cores. */
#include "auth/shared.h"

#include "base/robust.h"

#include <string.h>
#include <time.h>

#define AUTH_MAGIC   UINT64_C(0x58494d5341757431)
#define AUTH_VERSION 1

enum {
    SLOTS_MAX = 1024,
    SLOT_ROUND_MS = 20,  /* wait for one slot before all are looked at again */
    SLOT_WAIT_MS = 10000 /* longest wait for any */
};

static apr_int64_t machine_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec;
}

apr_size_t ximss_auth_size(int hash_slots)
{
    if (hash_slots < 1 || hash_slots > SLOTS_MAX) {
        return 0;
    }
    return sizeof(ximss_auth_shared_t) + (apr_size_t)hash_slots * sizeof(pthread_mutex_t);
}

static int same_shape(const ximss_auth_shared_t *shared, apr_size_t size)
{
    return size >= sizeof(*shared) && atomic_load(&shared->magic) == AUTH_MAGIC &&
           shared->version == AUTH_VERSION && shared->hash_slots >= 1 &&
           shared->hash_slots <= SLOTS_MAX &&
           shared->size == ximss_auth_size((int)shared->hash_slots) && shared->size <= size;
}

static int all_zero(const void *memory, apr_size_t size)
{
    const unsigned char *bytes = memory;

    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

const ximss_error_t *ximss_auth_init(void *memory, apr_size_t size, int hash_slots,
                                     apr_pool_t *pool)
{
    ximss_auth_shared_t *shared = memory;
    apr_size_t needed = ximss_auth_size(hash_slots);
    int status;
    int i;

    if (needed == 0 || needed > size) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "login table: %d password slots do not fit %" APR_SIZE_T_FMT
                                  " bytes",
                                  hash_slots, size);
    }
    if (same_shape(shared, size) && shared->hash_slots == (apr_uint32_t)hash_slots) {
        return NULL;
    }
    if (!all_zero(memory, size)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "login table: the memory holds something else, perhaps a table "
                                  "of another version; restart the server fully");
    }
    status = ximss_throttle_init(&shared->throttle);
    for (i = 0; status == 0 && i < hash_slots; i++) {
        status = ximss_robust_init(&shared->slots[i]);
    }
    if (status != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "making the login table");
    }
    shared->version = AUTH_VERSION;
    shared->hash_slots = (apr_uint32_t)hash_slots;
    shared->size = needed;
    atomic_store(&shared->magic, AUTH_MAGIC);
    return NULL;
}

const ximss_error_t *ximss_auth_attach(ximss_auth_t **auth, void *memory, apr_size_t size,
                                       ximss_store_t *store, apr_pool_t *pool)
{
    if (!same_shape(memory, size)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "login table: not a table");
    }
    *auth = apr_pcalloc(pool, sizeof(**auth));
    (*auth)->shared = memory;
    (*auth)->store = store;
    (*auth)->clock = machine_clock;
    return NULL;
}

void ximss_auth_set_clock(ximss_auth_t *auth, apr_int64_t (*clock)(void))
{
    auth->clock = clock != NULL ? clock : machine_clock;
}

int ximss_auth_slot_take(ximss_auth_t *auth)
{
    ximss_auth_shared_t *shared = auth->shared;
    int count = (int)shared->hash_slots;
    int next = 0; /* the slot to wait for: each in its turn */
    int waited;
    int i;

    for (waited = 0; waited <= SLOT_WAIT_MS; waited += SLOT_ROUND_MS) {
        for (i = 0; i < count; i++) {
            if (ximss_robust_try(&shared->slots[i], NULL) == 0) {
                return i;
            }
        }
        if (ximss_robust_lock(&shared->slots[next], SLOT_ROUND_MS, NULL) == 0) {
            return next;
        }
        next = next + 1 < count ? next + 1 : 0;
    }
    return -1;
}

void ximss_auth_slot_give(ximss_auth_t *auth, int slot)
{
    ximss_robust_unlock(&auth->shared->slots[slot]);
}
