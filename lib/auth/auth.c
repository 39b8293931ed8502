/* A login from name and password to account. Unknown names and wrong passwords take the same way: the same
 * look-up, the same slot, one hash, one judgement, and no write before the answer. */
#include "auth/auth.h"

#include "auth/password.h"
#include "auth/shared.h"
#include "base/log.h"
#include "base/text.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <string.h>

enum { NAME_MAX_BYTES = 511 }; /* 255 for each of user and domain, and "@" */

/* One attempt. */
typedef struct attempt_t {
    ximss_auth_t *auth;
    const ximss_credentials_t *credentials;
    const char *name;             /* folded, user@domain if there is a domain */
    const char *address;          /* never NULL */
    ximss_account_entry_t *entry; /* NULL: no such account */
    const char *verifier;         /* NULL: no such account, or disabled */
    ximss_throttle_keys_t keys;
} attempt_t;

static const char *folded(const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    const char *clean = ximss_text_clean(text, &length, pool);

    return ximss_text_fold(clean, length, NULL, pool);
}

const ximss_error_t *ximss_auth_domain(ximss_store_t *store, const char *domain, const char *host,
                                       const char *fallback, const char **result, apr_pool_t *pool)
{
    const ximss_error_t *error;
    int known = 0;

    if (domain != NULL && domain[0] != '\0') {
        *result = folded(domain, pool);
        return NULL;
    }
    if (host != NULL && host[0] != '\0') {
        char *name = apr_pstrdup(pool, folded(host, pool));
        apr_size_t length = strlen(name);

        if (length > 0 && name[length - 1] == '.') { /* absolute form of a DNS name */
            name[length - 1] = '\0';
        }
        /* a Host header may be anything: what cannot be a domain name is just unknown */
        error = ximss_domain_exists(store, name, &known, pool);
        if (error != NULL && error->code != XIMSS_E_BAD_REQUEST) {
            return error;
        }
        if (error == NULL && known) {
            *result = name;
            return NULL;
        }
    }
    *result = fallback != NULL && fallback[0] != '\0' ? folded(fallback, pool) : NULL;
    return NULL;
}

/* The account called attempt->name. Its stamp is as of before its verifier was read: whoever changes the verifier
 * changes the stamp after that, so no session of an old password outlives it. */
static const ximss_error_t *find_entry(attempt_t *attempt, apr_pool_t *pool)
{
    ximss_store_t *store = attempt->auth->store;
    ximss_account_entry_t *first;
    apr_uint64_t stamp;

    XIMSS_TRY(ximss_account_find(store, attempt->name, &first, pool));
    stamp = first != NULL ? ximss_account_stamp(store, first->id, pool) : 0;
    XIMSS_TRY(ximss_account_find(store, attempt->name, &attempt->entry, pool));
    if (attempt->entry != NULL) {
        attempt->entry->stamp = stamp;
    }
    return NULL;
}

/* Finds out whose account it would be. */
static const ximss_error_t *identify(attempt_t *attempt, apr_pool_t *pool)
{
    const ximss_credentials_t *credentials = attempt->credentials;
    const char *user = credentials->user_name != NULL ? credentials->user_name : "";
    const char *domain = NULL;
    const ximss_error_t *error;

    if (strlen(user) > NAME_MAX_BYTES) {
        attempt->name = apr_pstrndup(pool, user, NAME_MAX_BYTES);
        return NULL;
    }
    attempt->name = folded(user, pool);
    if (strchr(user, '@') == NULL) {
        XIMSS_TRY(ximss_auth_domain(attempt->auth->store, credentials->domain, credentials->host,
                                    credentials->fallback, &domain, pool));
        if (domain == NULL) {
            return NULL;
        }
        attempt->name = apr_pstrcat(pool, attempt->name, "@", domain, NULL);
    }
    error = find_entry(attempt, pool);
    if (error != NULL) {
        attempt->entry = NULL;
        /* a name that no account can have is an unknown one */
        return error->code == XIMSS_E_BAD_REQUEST || error->code == XIMSS_E_NOT_FOUND ? NULL
                                                                                      : error;
    }
    if (attempt->entry != NULL) {
        /* as the directory spells it: other spellings of one name share its count */
        attempt->name = attempt->entry->name;
        attempt->verifier = attempt->entry->enabled ? attempt->entry->verifier : NULL;
    }
    return NULL;
}

static const ximss_error_t *refuse(const attempt_t *attempt, const char *why, apr_pool_t *pool)
{
    ximss_log(XIMSS_LOG_INFO, 0, "login of \"%.100s\" from %s refused: %s", attempt->name,
              attempt->address, why);
    return ximss_error_detail(pool, XIMSS_E_BAD_LOGIN, "%s", why);
}

static const char *password_of(const attempt_t *attempt)
{
    return attempt->credentials->password != NULL ? attempt->credentials->password : "";
}

/* Checks the password in one of the machine's slots. */
static const ximss_error_t *compare(const attempt_t *attempt, int *matched, apr_pool_t *pool)
{
    int slot = ximss_auth_slot_take(attempt->auth);

    if (slot < 0) {
        return ximss_error(pool, XIMSS_E_BUSY, "too many users are logging in, try again");
    }
    *matched = ximss_password_check(password_of(attempt), attempt->verifier);
    ximss_auth_slot_give(attempt->auth, slot);
    return NULL;
}

/* Keeps a failure of an existing account, to be written later. */
static void keep_failure(const attempt_t *attempt)
{
    ximss_throttle_pending_t failure;

    if (attempt->entry == NULL) {
        return;
    }
    memset(&failure, 0, sizeof(failure));
    apr_cpystrn(failure.account_id, attempt->entry->id, sizeof(failure.account_id));
    apr_cpystrn(failure.address, attempt->address, sizeof(failure.address));
    failure.when = apr_time_sec(apr_time_now());
    ximss_throttle_note(&attempt->auth->shared->throttle, &failure);
}

static const ximss_error_t *make_verifier(const attempt_t *attempt, const char **verifier,
                                          apr_pool_t *pool)
{
    const ximss_error_t *error;
    int slot = ximss_auth_slot_take(attempt->auth);

    if (slot < 0) {
        return ximss_error(pool, XIMSS_E_BUSY, NULL);
    }
    error = ximss_password_hash(password_of(attempt), verifier, pool);
    ximss_auth_slot_give(attempt->auth, slot);
    return error;
}

/* Makes a better verifier of a password that fits and stores it, unless the password was changed since it was
 * read. Failure leaves the old one for the next login. */
static void renew(const attempt_t *attempt, apr_pool_t *pool)
{
    ximss_account_entry_t *entry = NULL;
    const char *verifier = NULL;
    const ximss_error_t *error = make_verifier(attempt, &verifier, pool);

    if (error == NULL) {
        error = ximss_account_find(attempt->auth->store, attempt->name, &entry, pool);
    }
    if (error == NULL && entry != NULL && entry->verifier != NULL &&
        strcmp(entry->verifier, attempt->verifier) == 0) {
        entry->verifier = verifier;
        error = ximss_account_update(attempt->auth->store, entry, pool);
    }
    if (error != NULL) {
        ximss_log(XIMSS_LOG_WARN, 3101, "verifier of %s is not renewed: %s", attempt->name,
                  ximss_error_log_line(error, pool));
    }
}

static const ximss_error_t *write_login(ximss_auth_t *auth, const char *account_id,
                                        const ximss_login_t *now, int failed,
                                        ximss_login_t *previous, apr_pool_t *pool)
{
    const ximss_error_t *error;
    ximss_account_t *account;

    XIMSS_TRY(ximss_account_checkout(&account, auth->store, account_id, pool));
    error = ximss_account_record_login(account, now, failed, previous, pool);
    ximss_account_return(account);
    return error;
}

/* Records the login. That it cannot be written (full disk, an import at work) locks nobody out. */
static const ximss_error_t *record_success(const attempt_t *attempt, ximss_login_t *previous,
                                           apr_pool_t *pool)
{
    ximss_login_t now = {apr_time_sec(apr_time_now()), attempt->address};
    const ximss_error_t *error;

    error = write_login(attempt->auth, attempt->entry->id, &now, 0, previous, pool);
    if (error == NULL) {
        ximss_auth_record_failures(attempt->auth, attempt->entry->id, 1, pool);
        return NULL;
    }
    if (error->code == XIMSS_E_NOT_FOUND) {
        return refuse(attempt, "the account has gone", pool);
    }
    memset(previous, 0, sizeof(*previous));
    ximss_log(XIMSS_LOG_WARN, 3102, "login of %s is not recorded: %s", attempt->name,
              ximss_error_log_line(error, pool));
    return NULL;
}

const ximss_error_t *ximss_auth_login(ximss_auth_t *auth, const ximss_credentials_t *credentials,
                                      ximss_account_entry_t **entry, ximss_login_t *previous,
                                      apr_pool_t *pool)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    attempt_t attempt = {.auth = auth, .credentials = credentials};
    ximss_verdict_t verdict;
    int matched = 0;

    *entry = NULL;
    memset(previous, 0, sizeof(*previous));
    attempt.address = credentials->address != NULL ? credentials->address : "";
    XIMSS_TRY(identify(&attempt, pool));
    ximss_throttle_keys(throttle, attempt.name, attempt.address, &attempt.keys);
    if (!ximss_throttle_admit(throttle, &attempt.keys, auth->clock())) {
        return refuse(&attempt, "too many failures", pool);
    }
    XIMSS_TRY(compare(&attempt, &matched, pool));
    verdict = ximss_throttle_judge(throttle, &attempt.keys, auth->clock(), matched);
    if (verdict == XIMSS_VERDICT_REFUSED) {
        return refuse(&attempt, "too many failures", pool);
    }
    if (verdict == XIMSS_VERDICT_FAILED) {
        keep_failure(&attempt);
        return refuse(&attempt, "wrong name or password", pool);
    }
    if (ximss_password_weak(attempt.verifier)) {
        renew(&attempt, pool);
    }
    XIMSS_TRY(record_success(&attempt, previous, pool));
    *entry = attempt.entry;
    return NULL;
}

int ximss_auth_record_failures(ximss_auth_t *auth, const char *account_id, int most,
                               apr_pool_t *pool)
{
    ximss_throttle_t *throttle = &auth->shared->throttle;
    ximss_throttle_pending_t failure;
    ximss_throttle_pending_t again[XIMSS_THROTTLE_PENDING];
    apr_pool_t *scratch;
    int recorded = 0;
    int busy = 0;

    apr_pool_create(&scratch, pool);
    most = most < XIMSS_THROTTLE_PENDING ? most : XIMSS_THROTTLE_PENDING;
    for (; most > 0 && ximss_throttle_take(throttle, account_id, &failure); most--) {
        ximss_login_t when = {failure.when, failure.address};
        ximss_login_t previous;
        const ximss_error_t *error;

        apr_pool_clear(scratch);
        error = write_login(auth, failure.account_id, &when, 1, &previous, scratch);
        recorded += error == NULL;
        if (error != NULL && error->code == XIMSS_E_BUSY) {
            again[busy++] = failure;
        }
        else if (error != NULL && error->code != XIMSS_E_NOT_FOUND) {
            ximss_log(XIMSS_LOG_WARN, 3103, "a failed login is not recorded: %s",
                      ximss_error_log_line(error, scratch));
        }
    }
    /* somebody writes for long there: next time, if none newer comes; only now, so that one such account does
     * not keep the others waiting */
    while (busy > 0) {
        ximss_throttle_note(throttle, &again[--busy]);
    }
    apr_pool_destroy(scratch);
    return recorded;
}
