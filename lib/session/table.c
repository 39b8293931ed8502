/* The session table as a piece of memory: its layout, making it, attaching to it, finding a slot. */
#include "session/table.h"

#include "base/clock.h"
#include "base/robust.h"
#include "session/slot.h"
#include "session/wait.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <limits.h>
#include <linux/futex.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TABLE_MAGIC   UINT64_C(0x58494d5353746231)
#define TABLE_VERSION 4

/* Adds COUNT items of ITEM bytes behind *SIZE, on a cache line of their own. Returns 0 on overflow. */
static int layout_add(apr_uint64_t *size, apr_uint64_t *offset, apr_uint64_t count,
                      apr_uint64_t item)
{
    apr_uint64_t bytes;

    if (__builtin_add_overflow(*size, 63, offset)) {
        return 0;
    }
    *offset &= ~UINT64_C(63);
    return !__builtin_mul_overflow(count, item, &bytes) &&
           !__builtin_add_overflow(*offset, bytes, size);
}

/* The shape that a table of SLOTS has. Returns 0 when there can be none. */
static int layout(ximss_table_head_t *head, int slots)
{
    apr_uint64_t size = sizeof(*head);

    if (slots < 1 || slots > XIMSS_SLOT_MAX) {
        return 0;
    }
    head->version = TABLE_VERSION;
    head->slots = (apr_uint32_t)slots;
    head->mark_size = sizeof(ximss_slot_mark_t);
    head->slot_size = sizeof(ximss_slot_t);
    head->event_size = sizeof(ximss_slot_event_t);
    if (!layout_add(&size, &head->marks_offset, head->slots, head->mark_size) ||
        !layout_add(&size, &head->slots_offset, head->slots, head->slot_size) ||
        !layout_add(&size, &head->events_offset, head->slots, head->event_size) ||
        size > SIZE_MAX) {
        return 0;
    }
    head->size = size;
    return 1;
}

static int same_layout(const ximss_table_head_t *a, const ximss_table_head_t *b)
{
    return a->version == b->version && a->slots == b->slots && a->size == b->size &&
           a->marks_offset == b->marks_offset && a->slots_offset == b->slots_offset &&
           a->events_offset == b->events_offset && a->mark_size == b->mark_size &&
           a->slot_size == b->slot_size && a->event_size == b->event_size;
}

apr_size_t ximss_table_size(const ximss_table_options_t *options)
{
    ximss_table_head_t head;

    return layout(&head, options->sessions) ? (apr_size_t)head.size : 0;
}

static int all_zero(const void *memory, apr_size_t size)
{
    const unsigned char *bytes = memory;

    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void set_options(ximss_table_head_t *head, const ximss_table_options_t *options)
{
    atomic_store(&head->sessions_account, options->sessions_account);
    atomic_store(&head->idle_timeout, options->idle_timeout);
}

static int make_mutexes(ximss_table_head_t *head)
{
    ximss_slot_t *slots = (ximss_slot_t *)((char *)head + head->slots_offset);
    int status = ximss_robust_init(&head->alloc);
    apr_uint32_t i;
    int gate;

    for (i = 0; status == 0 && i < head->slots; i++) {
        status = ximss_robust_init(&slots[i].mutex);
        for (gate = 0; status == 0 && gate < XIMSS_SLOT_WAITERS; gate++) {
            status = ximss_robust_init(&slots[i].gates[gate]);
        }
    }
    return status;
}

const ximss_error_t *ximss_table_init(void *memory, apr_size_t size,
                                      const ximss_table_options_t *options, apr_pool_t *pool)
{
    ximss_table_head_t *head = memory;
    ximss_table_head_t shape;
    int status;

    if (!layout(&shape, options->sessions) || shape.size > size || options->sessions_account < 1 ||
        options->idle_timeout < 1) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "session table: %d sessions, %d an account, idle %d s do not fit "
                                  "%" APR_SIZE_T_FMT " bytes",
                                  options->sessions, options->sessions_account,
                                  options->idle_timeout, size);
    }
    if (atomic_load(&head->magic) == TABLE_MAGIC && same_layout(head, &shape)) {
        set_options(head, options);
        return NULL;
    }
    if (!all_zero(memory, size)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "session table: the memory holds something else, perhaps a "
                                  "table of another version or size; restart the server fully");
    }
    memcpy(head, &shape, offsetof(ximss_table_head_t, sessions_account));
    atomic_store(&head->magic, 0);
    /* later than that of any table before it, so folders of an earlier run never carry a new name */
    head->first_generation = (apr_uint64_t)apr_time_sec(apr_time_now()) << 20;
    set_options(head, options);
    status = make_mutexes(head);
    if (status != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "making session mutexes");
    }
    atomic_store(&head->magic, TABLE_MAGIC);
    return NULL;
}

const ximss_error_t *ximss_table_attach(ximss_table_t **table, void *memory, apr_size_t size,
                                        const char *runtime_dir, apr_pool_t *pool)
{
    ximss_table_head_t *head = memory;
    ximss_table_head_t shape;
    ximss_table_t *result;

    if (size < sizeof(*head) || atomic_load(&head->magic) != TABLE_MAGIC ||
        head->slots > XIMSS_SLOT_MAX || !layout(&shape, (int)head->slots) || shape.size > size ||
        !same_layout(head, &shape)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "session table: not a table");
    }
    if (strlen(runtime_dir) > PATH_MAX - XIMSS_SLOT_FOLDER_MAX) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "session table: path too long: %s",
                                  runtime_dir);
    }
    result = apr_pcalloc(pool, sizeof(*result));
    result->head = head;
    result->marks = (ximss_slot_mark_t *)((char *)memory + head->marks_offset);
    result->slots = (ximss_slot_t *)((char *)memory + head->slots_offset);
    result->events = (ximss_slot_event_t *)((char *)memory + head->events_offset);
    result->runtime_dir = apr_pstrdup(pool, runtime_dir);
    result->clock = ximss_clock_ms;
    *table = result;
    return NULL;
}

void ximss_table_set_clock(ximss_table_t *table, apr_int64_t (*clock)(void))
{
    table->clock = clock != NULL ? clock : ximss_clock_ms;
}

int ximss_table_count(ximss_table_t *table)
{
    apr_uint32_t i;
    int live = 0;

    for (i = 0; i < table->head->slots; i++) {
        live += atomic_load(&table->marks[i].state) == XIMSS_SLOT_LIVE;
    }
    return live;
}

apr_uint64_t ximss_slot_account(const char *account_id)
{
    apr_uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: the ids are random and ours */

    for (; *account_id != '\0'; account_id++) {
        hash = (hash ^ (unsigned char)*account_id) * UINT64_C(1099511628211);
    }
    return hash;
}

apr_int64_t ximss_slot_of(const char *url_id)
{
    apr_int64_t number = 0;
    int i;

    for (i = 0; i < 6; i++) {
        if (url_id[i] < '0' || url_id[i] > '9') {
            return -1;
        }
        number = number * 10 + (url_id[i] - '0');
    }
    return url_id[6] == '-' && strlen(url_id) == XIMSS_URL_ID_LENGTH ? number : -1;
}

int ximss_slot_find(ximss_table_t *table, const char *url_id, apr_uint32_t *number,
                    apr_uint64_t *generation)
{
    apr_int64_t slot = ximss_slot_of(url_id);
    ximss_slot_mark_t *mark;
    char stored[XIMSS_URL_ID_LENGTH];
    int same;
    int i;

    if (slot < 0 || slot >= (apr_int64_t)table->head->slots) {
        return 0;
    }
    mark = &table->marks[slot];
    *number = (apr_uint32_t)slot;
    *generation = atomic_load(&mark->generation);
    if (atomic_load(&mark->state) != XIMSS_SLOT_LIVE) {
        return 0;
    }
    /* without the lock: the session may end meanwhile, so the generation is compared again and whoever takes
     * the lock looks again */
    for (i = 0; i < XIMSS_URL_ID_LENGTH; i++) {
        stored[i] = __atomic_load_n(&table->slots[slot].session.url_id[i], __ATOMIC_RELAXED);
    }
    atomic_thread_fence(memory_order_acquire);
    same = CRYPTO_memcmp(stored, url_id, XIMSS_URL_ID_LENGTH) == 0;
    OPENSSL_cleanse(stored, sizeof(stored));
    return same && atomic_load(&mark->state) == XIMSS_SLOT_LIVE &&
           atomic_load(&mark->generation) == *generation;
}

void ximss_table_set_waker(ximss_table_t *table, ximss_waker_t *waker)
{
    table->waker = waker;
}

void ximss_slot_nudge(ximss_table_t *table, apr_uint32_t number, apr_uint64_t poll)
{
    ximss_slot_mark_t *mark = &table->marks[number];

    atomic_fetch_add(&mark->word, 1);
    syscall(SYS_futex, &mark->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    if (table->waker != NULL && XIMSS_POLL_PLACE(poll) != 0 && XIMSS_POLL_UNTIL(poll) != 0) {
        ximss_waker_wake(table->waker, XIMSS_POLL_PLACE(poll), number);
    }
}

void ximss_table_stop_waits(ximss_table_t *table)
{
    apr_uint32_t i;

    atomic_store(&table->stopped, 1);
    /* moving the word, not only waking: a waiter between its look at the flag and its sleep must not sleep.
     * Waiters of other processes look and sleep again. */
    for (i = 0; i < table->head->slots; i++) {
        if (XIMSS_POLL_UNTIL(atomic_load(&table->marks[i].poll)) != 0) {
            ximss_slot_nudge(table, i, 0);
        }
    }
}
