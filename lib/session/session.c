/* A session's life: made in a free slot, locked by a request, ended at an unlock. */
#include "base/log.h"
#include "base/random.h"
#include "base/robust.h"
#include "session/slot.h"
#include "session/table.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#define GUARD UINT64_C(0x5e5510f6a3d1b007)

int ximss_slot_doomed(const ximss_slot_mark_t *mark)
{
    return atomic_load(&mark->doomed) == atomic_load(&mark->generation);
}

int ximss_slot_expired(ximss_table_t *table, apr_uint32_t number)
{
    ximss_slot_mark_t *mark = &table->marks[number];
    apr_int64_t now = table->clock();
    /* until: a wait that was killed counts to the end of its time at most */
    apr_int64_t until = (apr_int64_t)XIMSS_POLL_UNTIL(atomic_load(&mark->poll)) * 1000;

    return now > until &&
           now - atomic_load(&mark->activity) > (apr_int64_t)atomic_load(&mark->idle) * 1000;
}

static int ends(const char *text, apr_size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* Whether what a dead holder left can be used on: it may have died in the middle of a store. */
static int sound(ximss_table_t *table, apr_uint32_t number)
{
    const ximss_slot_t *slot = &table->slots[number];
    const ximss_session_t *session = &slot->session;
    apr_uint64_t guard = GUARD ^ atomic_load(&table->marks[number].generation);
    char hint[8];

    apr_snprintf(hint, sizeof(hint), "%06u-", number);
    return slot->guard == guard && slot->guard_behind == guard &&
           strncmp(session->url_id, hint, 7) == 0 &&
           memchr(session->url_id, '\0', sizeof(session->url_id)) ==
               session->url_id + XIMSS_URL_ID_LENGTH &&
           ends(session->account_id, sizeof(session->account_id)) &&
           ends(session->user_name, sizeof(session->user_name)) &&
           ends(session->address, sizeof(session->address)) &&
           ends(session->cookie, sizeof(session->cookie)) &&
           ends(session->zone, sizeof(session->zone)) &&
           ximss_slot_account(session->account_id) == atomic_load(&table->marks[number].account) &&
           session->idle_timeout > 0 && session->created > 0 && session->folders >= 0 &&
           session->next_folder > 0;
}

int ximss_slot_usable(ximss_table_t *table, apr_uint32_t number, int orphaned)
{
    if (orphaned && !sound(table, number)) {
        ximss_log(XIMSS_LOG_WARN, 3001,
                  "session in slot %u dropped: a process died while it changed it", number);
        return 0;
    }
    return atomic_load(&table->marks[number].state) == XIMSS_SLOT_LIVE &&
           !table->slots[number].session.ended && !ximss_slot_doomed(&table->marks[number]) &&
           !ximss_slot_expired(table, number);
}

/* Frees a slot whose mutex is held. First the state, so that nobody finds it; the secrets go with it. */
static void clear(ximss_table_t *table, apr_uint32_t number)
{
    ximss_slot_mark_t *mark = &table->marks[number];
    ximss_slot_t *slot = &table->slots[number];
    apr_uint64_t poll;

    ximss_slot_leave_bye(table, number);
    atomic_store(&mark->state, XIMSS_SLOT_FREE);
    atomic_store(&mark->account, 0);
    poll = atomic_fetch_and(&mark->poll, XIMSS_POLL_OVER(~UINT64_C(0)));
    slot->guard = 0;
    OPENSSL_cleanse(&slot->session, sizeof(slot->session));
    ximss_slot_nudge(table, number, poll);
}

void ximss_slot_end(ximss_table_t *table, apr_uint32_t number)
{
    apr_uint64_t generation = atomic_load(&table->marks[number].generation);

    clear(table, number);
    ximss_robust_unlock(&table->slots[number].mutex);
    /* its generation is over: no other session can own the folder, a crash here leaves it to the sweep */
    ximss_slot_folder_remove(table, number, generation);
}

int ximss_slot_try(ximss_table_t *table, apr_uint32_t number)
{
    int orphaned;
    int status = ximss_robust_try(&table->slots[number].mutex, &orphaned);

    if (status != 0) {
        return status;
    }
    if (atomic_load(&table->marks[number].state) == XIMSS_SLOT_FREE) {
        return 0;
    }
    if (!ximss_slot_usable(table, number, orphaned)) {
        ximss_slot_end(table, number);
        return ESRCH;
    }
    return 0;
}

/* Takes a free slot: on success its mutex is held and it is MAKING. */
static int take_free(ximss_table_t *table, apr_uint64_t account, apr_uint32_t *number)
{
    ximss_table_head_t *head = table->head;
    apr_uint32_t start = 0;
    apr_uint32_t i;
    int orphaned;

    /* anywhere: the number in a urlID then tells nothing about how many there are */
    RAND_bytes((unsigned char *)&start, sizeof(start));
    for (i = 0; i < head->slots; i++) {
        apr_uint32_t slot = (apr_uint32_t)(((apr_uint64_t)start + i) % head->slots);
        ximss_slot_mark_t *mark = &table->marks[slot];

        /* MAKING and free to take: its creator died */
        if (atomic_load(&mark->state) == XIMSS_SLOT_LIVE ||
            ximss_robust_try(&table->slots[slot].mutex, &orphaned) != 0) {
            continue;
        }
        if (atomic_load(&mark->state) != XIMSS_SLOT_LIVE) {
            apr_uint64_t generation = atomic_load(&mark->generation);

            generation = generation == 0 ? head->first_generation : generation + 1;
            atomic_store(&mark->generation, generation);
            atomic_store(&mark->account, account);
            atomic_store(&mark->state, XIMSS_SLOT_MAKING);
            *number = slot;
            return 1;
        }
        /* published since the look at it: nobody else may miss that its holder died */
        if (ximss_slot_usable(table, slot, orphaned)) {
            ximss_robust_unlock(&table->slots[slot].mutex);
        }
        else {
            ximss_slot_end(table, slot);
        }
    }
    return 0;
}

static const ximss_error_t *take(ximss_table_t *table, const char *account_id, apr_uint32_t *number,
                                 apr_pool_t *pool)
{
    ximss_table_head_t *head = table->head;
    apr_uint64_t account = ximss_slot_account(account_id);
    int share = atomic_load(&head->sessions_account);
    apr_uint32_t i;
    int used = 0;
    int taken;

    /* nothing to mend after a death in it: it only makes count and take one step */
    if (ximss_robust_lock(&head->alloc, XIMSS_SLOT_ALLOC_MS, NULL) != 0) {
        return ximss_error(pool, XIMSS_E_BUSY, "the server is busy, try again");
    }
    for (i = 0; i < head->slots; i++) {
        used += atomic_load(&table->marks[i].account) == account &&
                atomic_load(&table->marks[i].state) != XIMSS_SLOT_FREE;
    }
    taken = used < share && take_free(table, account, number);
    ximss_robust_unlock(&head->alloc);
    if (taken) {
        return NULL;
    }
    if (used >= share) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "too many sessions of this account are open (at most %d): close one or "
                           "wait until one expires",
                           share);
    }
    return ximss_error(pool, XIMSS_E_LIMIT,
                       "too many sessions are open on this server (at most %u), try again later",
                       head->slots);
}

static void seal(char *text, apr_size_t size)
{
    text[size - 1] = '\0';
}

/* Fills in what FRESH lacks. */
static const ximss_error_t *complete(ximss_table_t *table, ximss_session_t *fresh,
                                     apr_uint32_t number, apr_pool_t *pool)
{
    char secret[XIMSS_URL_ID_LENGTH - 7 + 1];

    if (!ximss_random_text(secret, sizeof(secret) - 1)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no randomness for a urlID");
    }
    apr_snprintf(fresh->url_id, sizeof(fresh->url_id), "%06u-%s", number, secret);
    OPENSSL_cleanse(secret, sizeof(secret));
    seal(fresh->user_name, sizeof(fresh->user_name));
    seal(fresh->address, sizeof(fresh->address));
    seal(fresh->cookie, sizeof(fresh->cookie));
    seal(fresh->zone, sizeof(fresh->zone));
    if (fresh->idle_timeout <= 0) {
        fresh->idle_timeout = atomic_load(&table->head->idle_timeout);
    }
    fresh->created = apr_time_sec(apr_time_now());
    fresh->folders = 0;
    fresh->next_folder = 1;
    memset(&fresh->progress, 0, sizeof(fresh->progress));
    fresh->progress.last = fresh->progress.partial = fresh->progress.running = -1;
    fresh->resp_seq = 0;
    fresh->resp_kept = 0;
    fresh->async_first = 0;
    fresh->async_next = 0;
    fresh->async_bytes = 0;
    fresh->async_seq = -1;
    memset(&fresh->taking, 0, sizeof(fresh->taking));
    fresh->ended = 0;
    return NULL;
}

/* Writes the session into its MAKING slot and opens it. */
static void publish(ximss_table_t *table, const ximss_session_t *fresh, apr_uint32_t number)
{
    ximss_slot_mark_t *mark = &table->marks[number];
    ximss_slot_t *slot = &table->slots[number];

    ximss_slot_clear_events(table, number);
    memcpy(&slot->session, fresh, sizeof(slot->session));
    slot->guard = GUARD ^ atomic_load(&mark->generation);
    slot->guard_behind = slot->guard;
    atomic_store(&mark->idle, fresh->idle_timeout);
    atomic_store(&mark->activity, table->clock());
    atomic_store(&mark->seen, atomic_load(&mark->events));
    atomic_store(&mark->state, XIMSS_SLOT_LIVE);
}

const ximss_error_t *ximss_session_create(ximss_table_t *table, ximss_session_t *fresh,
                                          apr_pool_t *pool)
{
    const ximss_error_t *error;
    apr_uint32_t number = 0;
    int status;

    seal(fresh->account_id, sizeof(fresh->account_id));
    error = take(table, fresh->account_id, &number, pool);
    if (error != NULL && error->code == XIMSS_E_LIMIT &&
        ximss_table_sweep(table, NULL, 0, pool) > 0) {
        error = take(table, fresh->account_id, &number, pool);
    }
    XIMSS_TRY(error);
    error = complete(table, fresh, number, pool);
    if (error == NULL) {
        status =
            ximss_slot_folder_make(table, number, atomic_load(&table->marks[number].generation));
        if (status != 0) {
            error =
                ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "making the folder of a session");
        }
    }
    if (error != NULL) {
        ximss_slot_end(table, number);
        return error;
    }
    publish(table, fresh, number);
    ximss_robust_unlock(&table->slots[number].mutex);
    return NULL;
}

/* Takes the slot's mutex; EBUSY when too many wait for it already, ETIMEDOUT. */
static int wait_turn(ximss_slot_t *slot, int wait_ms, int *orphaned)
{
    int status = ximss_robust_try(&slot->mutex, orphaned);
    int gate;

    if (status != EBUSY || wait_ms <= 0) {
        return status;
    }
    for (gate = 0; gate < XIMSS_SLOT_WAITERS; gate++) {
        if (ximss_robust_try(&slot->gates[gate], NULL) == 0) {
            status = ximss_robust_lock(&slot->mutex, wait_ms, orphaned);
            ximss_robust_unlock(&slot->gates[gate]);
            return status;
        }
    }
    return EBUSY;
}

const ximss_error_t *ximss_session_lock(ximss_session_t **session, ximss_table_t *table,
                                        const char *url_id, int wait_ms, apr_pool_t *pool)
{
    apr_uint32_t number;
    apr_uint64_t generation;
    ximss_slot_t *slot;
    int orphaned;
    int status;

    *session = NULL;
    if (!ximss_slot_find(table, url_id, &number, &generation)) {
        return NULL;
    }
    slot = &table->slots[number];
    status = wait_turn(slot, wait_ms, &orphaned);
    if (status == EBUSY || status == ETIMEDOUT) {
        return ximss_error(pool, XIMSS_E_BUSY,
                           "the session is busy with other requests, try again");
    }
    if (status != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "locking a session");
    }
    if (atomic_load(&table->marks[number].state) == XIMSS_SLOT_FREE) {
        ximss_robust_unlock(&slot->mutex);
        return NULL;
    }
    if (!ximss_slot_usable(table, number, orphaned)) {
        ximss_slot_end(table, number);
        return NULL;
    }
    if (atomic_load(&table->marks[number].generation) != generation ||
        CRYPTO_memcmp(slot->session.url_id, url_id, XIMSS_URL_ID_LENGTH) != 0) {
        ximss_robust_unlock(&slot->mutex);
        return NULL;
    }
    atomic_store(&table->marks[number].activity, table->clock());
    *session = &slot->session;
    return NULL;
}

apr_uint32_t ximss_slot_number(const ximss_table_t *table, const ximss_session_t *session)
{
    return (apr_uint32_t)(((const char *)session - (const char *)table->slots) /
                          (apr_ssize_t)sizeof(ximss_slot_t));
}

void ximss_session_unlock(ximss_table_t *table, ximss_session_t *session)
{
    apr_uint32_t number = ximss_slot_number(table, session);
    ximss_slot_mark_t *mark = &table->marks[number];

    if (session->ended || ximss_slot_doomed(mark)) {
        ximss_slot_end(table, number);
        return;
    }
    if (session->idle_timeout <= 0) {
        session->idle_timeout = atomic_load(&table->head->idle_timeout);
    }
    atomic_store(&mark->idle, session->idle_timeout);
    atomic_store(&mark->activity, table->clock());
    ximss_robust_unlock(&table->slots[number].mutex);
    ximss_slot_unlocked(table, number);
}

static const char *folder_of(ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation,
                             apr_pool_t *pool)
{
    char path[PATH_MAX];

    ximss_slot_folder(table, number, generation, path, sizeof(path));
    return apr_pstrdup(pool, path);
}

const char *ximss_session_folder(ximss_table_t *table, const ximss_session_t *session,
                                 apr_pool_t *pool)
{
    apr_uint32_t number = ximss_slot_number(table, session);

    return folder_of(table, number, atomic_load(&table->marks[number].generation), pool);
}

int ximss_session_peek(ximss_table_t *table, const char *url_id, ximss_session_t *copy,
                       const char **dir, apr_pool_t *pool)
{
    apr_uint64_t generation;
    apr_uint64_t again;
    apr_uint32_t number;

    if (!ximss_slot_find(table, url_id, &number, &generation)) {
        return 0;
    }
    memcpy(copy, &table->slots[number].session, sizeof(*copy));
    /* a slot that was freed and filled anew in between has another generation */
    if (!ximss_slot_usable(table, number, 0) || !ximss_slot_find(table, url_id, &number, &again) ||
        again != generation) {
        OPENSSL_cleanse(copy, sizeof(*copy));
        return 0;
    }
    atomic_store(&table->marks[number].activity, table->clock());
    *dir = folder_of(table, number, generation, pool);
    return 1;
}

void ximss_session_wake(ximss_table_t *table, const ximss_session_t *session)
{
    apr_uint32_t number = ximss_slot_number(table, session);
    ximss_slot_mark_t *mark = &table->marks[number];

    /* first the event, then the look at who waits: a wait that begins in between looks after it began */
    atomic_fetch_add(&mark->events, 1);
    ximss_slot_nudge(table, number, atomic_load(&mark->poll));
}
