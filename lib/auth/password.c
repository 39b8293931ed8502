/* Password verifiers: yescrypt by libcrypt at its default cost, and any other scheme of libcrypt for checking, so
 * that verifiers of other servers can be taken over. */
#include "auth/password.h"

#include <apr_strings.h>
#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { COST_AT = 4 }; /* of the letter for N in "$y$j9T$" */

static const char scheme[] = "$y$";

/* Orders the letters of crypt(3) numbers. */
static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static _Atomic apr_uint64_t runs;
static pthread_once_t dummy_once = PTHREAD_ONCE_INIT;

/* A setting with a salt of this process; should the system give no random bytes, that of nobody's password. */
static char dummy[CRYPT_GENSALT_OUTPUT_SIZE] = "$y$j9T$0Wn3Vd6oYkDl5kQmWbX2u.";

static void make_dummy(void)
{
    char *setting = crypt_gensalt_ra(scheme, 0, NULL, 0);

    if (setting != NULL) {
        apr_cpystrn(dummy, setting, sizeof(dummy));
        free(setting);
    }
}

static const char *dummy_setting(void)
{
    pthread_once(&dummy_once, make_dummy);
    return dummy;
}

/* What a run of crypt(3) works in; holds traces of the password. */
typedef struct work_t {
    void *data;
    int size;
} work_t;

/* Hashes PASSWORD by SETTING, NULL when SETTING is none. The result lives in WORK. */
static const char *run(work_t *work, const char *password, const char *setting)
{
    const char *hash;

    work->data = NULL;
    work->size = 0;
    hash = crypt_ra(password, setting, &work->data, &work->size);
    if (hash == NULL || hash[0] == '*') {
        return NULL;
    }
    atomic_fetch_add(&runs, 1);
    return hash;
}

static void wipe(work_t *work)
{
    if (work->data != NULL && work->size > 0) {
        OPENSSL_cleanse(work->data, (size_t)work->size);
    }
    free(work->data);
}

const ximss_error_t *ximss_password_hash(const char *password, const char **verifier,
                                         apr_pool_t *pool)
{
    char *setting;
    const char *hash;
    work_t work;

    if (password[0] == '\0') {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "the password is empty");
    }
    if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE) {
        return ximss_error(pool, XIMSS_E_LIMIT, "the password is longer than %d bytes",
                           CRYPT_MAX_PASSPHRASE_SIZE - 1);
    }
    setting = crypt_gensalt_ra(scheme, 0, NULL, 0);
    if (setting == NULL) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), "making a password salt");
    }
    hash = run(&work, password, setting);
    *verifier = hash != NULL ? apr_pstrdup(pool, hash) : NULL;
    wipe(&work);
    free(setting);
    if (*verifier == NULL) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "libcrypt cannot hash a password");
    }
    return NULL;
}

/* The length may show: it is that of the scheme, not of the secret. */
static int same(const char *a, const char *b)
{
    size_t length = strlen(a);

    return length == strlen(b) && CRYPTO_memcmp(a, b, length) == 0;
}

int ximss_password_check(const char *password, const char *verifier)
{
    const char *hash = NULL;
    work_t work = {NULL, 0};
    int fits;

    if (verifier != NULL) {
        hash = run(&work, password, verifier);
    }
    fits = hash != NULL && same(hash, verifier);
    wipe(&work);
    if (hash == NULL) {
        run(&work, password, dummy_setting());
        wipe(&work);
    }
    return fits;
}

int ximss_password_weak(const char *verifier)
{
    const char *now = dummy_setting();
    const char *cost;

    if (strncmp(verifier, scheme, strlen(scheme)) != 0) {
        return 1;
    }
    /* the same flavour and block size, less N; what looks otherwise was chosen by an administrator */
    if (strlen(verifier) <= COST_AT || verifier[COST_AT - 1] != now[COST_AT - 1] ||
        strncmp(verifier + COST_AT + 1, now + COST_AT + 1, 2) != 0) {
        return 0;
    }
    cost = strchr(letters, verifier[COST_AT]);
    return cost != NULL && cost < strchr(letters, now[COST_AT]);
}

apr_uint64_t ximss_password_runs(void)
{
    return atomic_load(&runs);
}
