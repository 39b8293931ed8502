/* Repeated failures. Attackers write here as fast as they can: every table is of fixed
 * size, a full set gives up its least entry, and nothing depends on an entry being there.
 *
 * A holder that dies leaves at most one entry half written: a wrong count or key, which time heals. So an
 * orphaned mutex needs no repair. */
#include "auth/throttle.h"

#include "base/robust.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { LOCK_MS = 2000 };

int ximss_throttle_init(ximss_throttle_t *throttle)
{
    if (RAND_bytes(throttle->secret, sizeof(throttle->secret)) != 1) {
        return EIO;
    }
    return ximss_robust_init(&throttle->mutex);
}

/* ---- keys ---- */

/* What of ADDRESS counts: *SIZE bytes in BYTES, or the text itself. */
static const void *address_bytes(const char *address, struct in6_addr *bytes, apr_size_t *size)
{
    if (inet_pton(AF_INET6, address, bytes) != 1) {
        *size = strlen(address);
        return address;
    }
    if (IN6_IS_ADDR_V4MAPPED(bytes)) {
        char *text = (char *)bytes; /* 16 bytes hold "a.b.c.d" and its NUL */
        struct in_addr v4;

        memcpy(&v4, bytes->s6_addr + 12, sizeof(v4));
        inet_ntop(AF_INET, &v4, text, sizeof(*bytes));
        *size = strlen(text);
        return text;
    }
    *size = 8;
    return bytes;
}

/* SHA-256 of the secret, what KIND, and both texts; NAME ends with its NUL, so no pair looks like another. */
static void make_key(const ximss_throttle_t *throttle, const char *name, const void *address,
                     apr_size_t size, ximss_throttle_key_t *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    memset(digest, 0, sizeof(digest));
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1) {
        EVP_DigestUpdate(context, throttle->secret, sizeof(throttle->secret));
        EVP_DigestUpdate(context, name, strlen(name) + 1);
        EVP_DigestUpdate(context, address, size);
        EVP_DigestFinal_ex(context, digest, NULL);
    }
    EVP_MD_CTX_free(context);
    memcpy(key, digest, sizeof(*key));
}

void ximss_throttle_keys(const ximss_throttle_t *throttle, const char *account, const char *address,
                         ximss_throttle_keys_t *keys)
{
    struct in6_addr buffer;
    apr_size_t size;
    const void *bytes = address_bytes(address, &buffer, &size);

    make_key(throttle, account, "", 0, &keys->account);
    make_key(throttle, "", bytes, size, &keys->address);
    make_key(throttle, account, bytes, size, &keys->pair);
}

/* ---- entries; the mutex is held ---- */

static ximss_throttle_entry_t *set_of(ximss_throttle_t *throttle, ximss_throttle_kind_t kind,
                                      const ximss_throttle_key_t *key)
{
    return throttle->entries[kind][key->word[0] % XIMSS_THROTTLE_SETS];
}

/* Whether an entry still says something. KNOWN ones do not age: the oldest makes room. */
static int fresh(const ximss_throttle_entry_t *entry, ximss_throttle_kind_t kind, apr_int64_t now)
{
    return entry->used &&
           (kind == XIMSS_THROTTLE_KNOWN || now - entry->last <= XIMSS_THROTTLE_FORGET);
}

static ximss_throttle_entry_t *find(ximss_throttle_t *throttle, ximss_throttle_kind_t kind,
                                    const ximss_throttle_key_t *key, apr_int64_t now)
{
    ximss_throttle_entry_t *set = set_of(throttle, kind, key);
    int i;

    for (i = 0; i < XIMSS_THROTTLE_WAYS; i++) {
        if (fresh(&set[i], kind, now) && memcmp(&set[i].key, key, sizeof(*key)) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

/* Whether A makes room before B: few failures before many, so that a flood of names that fail once cannot wash
 * out one that is under attack; then the older. */
static int lesser(const ximss_throttle_entry_t *a, const ximss_throttle_entry_t *b)
{
    return a->failures != b->failures ? a->failures < b->failures : a->last < b->last;
}

static ximss_throttle_entry_t *find_or_add(ximss_throttle_t *throttle, ximss_throttle_kind_t kind,
                                           const ximss_throttle_key_t *key, apr_int64_t now)
{
    ximss_throttle_entry_t *set = set_of(throttle, kind, key);
    ximss_throttle_entry_t *entry = find(throttle, kind, key, now);
    int i;

    if (entry != NULL) {
        return entry;
    }
    entry = &set[0];
    for (i = 0; i < XIMSS_THROTTLE_WAYS && fresh(entry, kind, now); i++) {
        if (!fresh(&set[i], kind, now) || lesser(&set[i], entry)) {
            entry = &set[i];
        }
    }
    memset(entry, 0, sizeof(*entry));
    entry->key = *key;
    entry->used = 1;
    return entry;
}

static void count_failure(ximss_throttle_t *throttle, ximss_throttle_kind_t kind,
                          const ximss_throttle_key_t *key, apr_int64_t now)
{
    ximss_throttle_entry_t *entry = find_or_add(throttle, kind, key, now);

    entry->last = now;
    if (entry->failures < APR_UINT32_MAX) {
        entry->failures++;
    }
}

/* Whether KIND's entry refuses attempts now, ALLOWED failures being free. */
static int blocked(ximss_throttle_t *throttle, ximss_throttle_kind_t kind,
                   const ximss_throttle_key_t *key, apr_uint32_t allowed, apr_int64_t now)
{
    const ximss_throttle_entry_t *entry = find(throttle, kind, key, now);
    apr_int64_t delay = XIMSS_THROTTLE_DELAY_MAX;

    if (entry == NULL || entry->failures < allowed) {
        return 0;
    }
    if (entry->failures - allowed < 9) {
        delay = (apr_int64_t)2 << (entry->failures - allowed);
    }
    return now < entry->last + delay;
}

/* A pair that logged in before is held to its own count only: others who fail on the account or from the
 * address cannot lock its user out. */
static int admitted(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys, apr_int64_t now)
{
    if (find(throttle, XIMSS_THROTTLE_KNOWN, &keys->pair, now) != NULL) {
        return !blocked(throttle, XIMSS_THROTTLE_PAIR, &keys->pair, XIMSS_THROTTLE_FREE_KNOWN, now);
    }
    return !blocked(throttle, XIMSS_THROTTLE_ACCOUNT, &keys->account, XIMSS_THROTTLE_FREE, now) &&
           !blocked(throttle, XIMSS_THROTTLE_ADDRESS, &keys->address, XIMSS_THROTTLE_FREE, now);
}

/* A success forgives the account its failures, and the address those of this very account only: who owns one
 * account must not wash the address clean of his guesses at others. */
static void forgive(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys, apr_int64_t now)
{
    ximss_throttle_entry_t *account = find(throttle, XIMSS_THROTTLE_ACCOUNT, &keys->account, now);
    ximss_throttle_entry_t *address = find(throttle, XIMSS_THROTTLE_ADDRESS, &keys->address, now);
    ximss_throttle_entry_t *pair = find(throttle, XIMSS_THROTTLE_PAIR, &keys->pair, now);

    if (account != NULL) {
        account->used = 0;
    }
    if (pair != NULL) {
        if (address != NULL) {
            address->failures -=
                pair->failures < address->failures ? pair->failures : address->failures;
        }
        pair->used = 0;
    }
    find_or_add(throttle, XIMSS_THROTTLE_KNOWN, &keys->pair, now)->last = now;
}

/* ---- judging ---- */

int ximss_throttle_admit(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys,
                         apr_int64_t now)
{
    int result;

    if (ximss_robust_lock(&throttle->mutex, LOCK_MS, NULL) != 0) {
        return 0;
    }
    result = admitted(throttle, keys, now);
    ximss_robust_unlock(&throttle->mutex);
    return result;
}

ximss_verdict_t ximss_throttle_judge(ximss_throttle_t *throttle, const ximss_throttle_keys_t *keys,
                                     apr_int64_t now, int matched)
{
    ximss_verdict_t verdict = XIMSS_VERDICT_REFUSED;

    if (ximss_robust_lock(&throttle->mutex, LOCK_MS, NULL) != 0) {
        return verdict;
    }
    if (admitted(throttle, keys, now)) {
        verdict = matched ? XIMSS_VERDICT_PASSED : XIMSS_VERDICT_FAILED;
    }
    if (verdict == XIMSS_VERDICT_PASSED) {
        forgive(throttle, keys, now);
    }
    else if (verdict == XIMSS_VERDICT_FAILED) {
        count_failure(throttle, XIMSS_THROTTLE_ACCOUNT, &keys->account, now);
        count_failure(throttle, XIMSS_THROTTLE_ADDRESS, &keys->address, now);
        count_failure(throttle, XIMSS_THROTTLE_PAIR, &keys->pair, now);
    }
    ximss_robust_unlock(&throttle->mutex);
    return verdict;
}

/* ---- failures to be recorded ---- */

static int is_of(ximss_throttle_pending_t *pending, const char *account_id)
{
    /* a holder may have died while it wrote the text */
    pending->account_id[sizeof(pending->account_id) - 1] = '\0';
    return strcmp(pending->account_id, account_id) == 0;
}

void ximss_throttle_note(ximss_throttle_t *throttle, const ximss_throttle_pending_t *failure)
{
    ximss_throttle_pending_t *place = NULL;
    int i;

    if (ximss_robust_lock(&throttle->mutex, LOCK_MS, NULL) != 0) {
        return;
    }
    for (i = 0; i < XIMSS_THROTTLE_PENDING; i++) {
        ximss_throttle_pending_t *pending = &throttle->pending[i];

        if (is_of(pending, failure->account_id)) {
            place = pending;
            break;
        }
        if (place == NULL || pending->account_id[0] == '\0' ||
            (place->account_id[0] != '\0' && pending->when < place->when)) {
            place = pending;
        }
    }
    if (!is_of(place, failure->account_id) || place->when <= failure->when) {
        *place = *failure;
    }
    ximss_robust_unlock(&throttle->mutex);
}

int ximss_throttle_take(ximss_throttle_t *throttle, const char *account_id,
                        ximss_throttle_pending_t *failure)
{
    int found = 0;
    int i;

    if (ximss_robust_lock(&throttle->mutex, LOCK_MS, NULL) != 0) {
        return 0;
    }
    for (i = 0; i < XIMSS_THROTTLE_PENDING && !found; i++) {
        ximss_throttle_pending_t *pending = &throttle->pending[i];

        if (pending->account_id[0] != '\0' && (account_id == NULL || is_of(pending, account_id))) {
            *failure = *pending;
            failure->account_id[sizeof(failure->account_id) - 1] = '\0';
            failure->address[sizeof(failure->address) - 1] = '\0';
            memset(pending, 0, sizeof(*pending));
            found = 1;
        }
    }
    ximss_robust_unlock(&throttle->mutex);
    return found;
}
