/* The session table: forms of urlIDs, limits, death of holders and waiters, waits and wakes across
 * processes, idle sweep, folders, and memory kept over a restart. */
#include "base/log.h"
#include "base/robust.h"
#include "session/slot.h"
#include "session/table.h"
#include "unit/suite.h"
#include "unit/waits.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, SHARE = 5, IDLE = 600, LONG_MS = 20000 };

static apr_pool_t *pool;
static ximss_table_t *table;
static void *memory;
static apr_size_t memory_size;
static char runtime[] = "/tmp/ximss-table-XXXXXX";
static _Atomic apr_int64_t *test_time; /* shared with children */
static const ximss_table_options_t options = {SLOTS, SHARE, IDLE};

static apr_int64_t test_clock(void)
{
    return atomic_load(test_time);
}

static void *shared(apr_size_t size)
{
    void *result = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(result, MAP_FAILED);
    return result;
}

static void setup(void)
{
    pool = test_pool;
    ximss_log_set(NULL, NULL, XIMSS_LOG_ERROR);
    memcpy(runtime, "/tmp/ximss-table-XXXXXX", sizeof(runtime));
    ck_assert_ptr_nonnull(mkdtemp(runtime));
    memory_size = ximss_table_size(&options);
    memory = shared(memory_size);
    test_time = shared(sizeof(*test_time));
    atomic_store(test_time, 1000000);
    ck_assert_ptr_null(ximss_table_init(memory, memory_size, &options, pool));
    ck_assert_ptr_null(ximss_table_attach(&table, memory, memory_size, runtime, pool));
    ximss_table_set_clock(table, test_clock);
}

static void teardown(void)
{
    atomic_fetch_add(test_time, (apr_int64_t)10000 * 1000);
    ximss_table_sweep(table, NULL, 1, pool);
    ck_assert_int_eq(ximss_table_count(table), 0);
    ck_assert_int_eq(rmdir(runtime), 0); /* no folder is left */
    munmap(memory, memory_size);
    munmap(test_time, sizeof(*test_time));
}

static const ximss_error_t *create(const char *account, ximss_session_t *session)
{
    memset(session, 0, sizeof(*session));
    apr_cpystrn(session->account_id, account, sizeof(session->account_id));
    apr_cpystrn(session->user_name, "user@example.org", sizeof(session->user_name));
    return ximss_session_create(table, session, pool);
}

static char *make(const char *account)
{
    ximss_session_t session;

    ck_assert_ptr_null(create(account, &session));
    return apr_pstrdup(pool, session.url_id);
}

static ximss_session_t *lock(const char *url_id)
{
    ximss_session_t *session;

    ck_assert_ptr_null(ximss_session_lock(&session, table, url_id, LONG_MS, pool));
    return session;
}

static int lives(const char *url_id)
{
    ximss_session_t *session = lock(url_id);

    if (session != NULL) {
        ximss_session_unlock(table, session);
    }
    return session != NULL;
}

static ximss_slot_t *slot_of(const char *url_id)
{
    return &table->slots[strtol(url_id, NULL, 10)];
}

static ximss_slot_mark_t *mark_of(const char *url_id)
{
    return &table->marks[strtol(url_id, NULL, 10)];
}

static char *folder_of(const char *url_id)
{
    ximss_session_t *session = lock(url_id);
    const char *path = ximss_session_folder(table, session, pool);

    ximss_session_unlock(table, session);
    return apr_pstrdup(pool, path);
}

static int exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* Polls for a state that another process brings about. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int tries;                                                                                 \
        for (tries = 0; !(condition) && tries < 10000; tries++) {                                  \
            const struct timespec pause = {0, 1000000};                                            \
            nanosleep(&pause, NULL);                                                               \
        }                                                                                          \
        ck_assert_msg(condition, "never: " #condition);                                            \
    } while (0)

/* Runs FN(ARG) in a child whose exit code is what it returns. */
static pid_t spawn(int (*fn)(const char *), const char *arg)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        _exit(fn(arg));
    }
    return pid;
}

static int result_of(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void kill_hard(pid_t pid)
{
    kill(pid, SIGKILL);
    ck_assert_int_eq(result_of(pid), -SIGKILL);
}

START_TEST(url_id_form)
{
    char *one = make("a");
    char *two = make("a");
    int i;

    ck_assert_uint_eq(strlen(one), XIMSS_URL_ID_LENGTH);
    for (i = 0; i < XIMSS_URL_ID_LENGTH; i++) {
        ck_assert(i < 6 ? isdigit((unsigned char)one[i])
                        : i == 6 || isalnum((unsigned char)one[i]));
    }
    ck_assert_int_eq(one[6], '-');
    ck_assert_str_ne(one + 7, two + 7);
    ck_assert(lives(one) && lives(two));
}
END_TEST

START_TEST(wrong_url_ids)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "000001",
                                        "000001-",
                                        "999999-Ab3dEf5hIj7kLm9nOp1q",
                                        "-00001-Ab3dEf5hIj7kLm9nOp1q",
                                        "0x0001-Ab3dEf5hIj7kLm9nOp1q",
                                        "000000-Ab3dEf5hIj7kLm9nOp1qr",
                                        "000000-Ab3dEf5hIj7kLm9nOp1q"};
    char *right = make("a");
    apr_size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert(!lives(wrong[i]));
        ck_assert_int_eq(session_wait(table, wrong[i], 0), 0);
    }
    for (i = 0; i < XIMSS_URL_ID_LENGTH; i++) {
        char *changed = apr_pstrdup(pool, right);

        changed[i] = changed[i] == '7' ? '8' : '7';
        ck_assert(!lives(changed));
    }
    ck_assert(!lives(apr_pstrcat(pool, right, "x", NULL)));
    ck_assert(!lives(apr_pstrndup(pool, right, XIMSS_URL_ID_LENGTH - 1)));
    ck_assert(lives(right));
}
END_TEST

/* The id of an empty slot is all NUL bytes; no text may equal it. */
START_TEST(empty_slot_has_no_id)
{
    char *id = make("a");
    ximss_session_t *session = lock(id);

    session->ended = 1;
    ximss_session_unlock(table, session);
    ck_assert(!lives(id));
    ck_assert_int_eq(slot_of(id)->session.url_id[0], 0);
}
END_TEST

START_TEST(filled_in)
{
    ximss_session_t fresh;
    ximss_session_t *session;

    ck_assert_ptr_null(create("a", &fresh));
    ck_assert_int_eq(fresh.idle_timeout, IDLE);
    ck_assert_int_gt(fresh.created, 0);
    session = lock(fresh.url_id);
    ck_assert_str_eq(session->user_name, "user@example.org");
    session->folders = 3;
    ximss_session_unlock(table, session);
    session = lock(fresh.url_id);
    ck_assert_int_eq(session->folders, 3);
    ximss_session_unlock(table, session);
}
END_TEST

START_TEST(sizes)
{
    ximss_table_options_t wrong = options;
    apr_size_t some = ximss_table_size(&options);

    wrong.sessions = 2 * SLOTS;
    ck_assert_uint_gt(ximss_table_size(&wrong), some);
    wrong.sessions = 0;
    ck_assert_uint_eq(ximss_table_size(&wrong), 0);
    wrong.sessions = -1;
    ck_assert_uint_eq(ximss_table_size(&wrong), 0);
    wrong.sessions = 1000000;
    ck_assert_uint_eq(ximss_table_size(&wrong), 0);
    wrong.sessions = 999999;
    ck_assert_uint_gt(ximss_table_size(&wrong), 999999 * sizeof(ximss_session_t));
}
END_TEST

START_TEST(full_table_and_share)
{
    ximss_session_t session;
    const ximss_error_t *error;
    char *last = NULL;
    int i;

    for (i = 0; i < SHARE; i++) {
        last = make("a");
    }
    error = create("a", &session);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(error->text, "account"));
    for (i = SHARE; i < SLOTS; i++) {
        make("b");
    }
    error = create("c", &session);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(error->text, "server"));
    ck_assert_int_eq(ximss_table_count(table), SLOTS);

    lock(last)->ended = 1;
    ximss_session_unlock(table, &slot_of(last)->session);
    make("c");
    ck_assert_int_eq(ximss_table_count(table), SLOTS);
}
END_TEST

/* A full table takes a login as soon as one session is idle too long, sweep or not. */
START_TEST(full_table_drops_idle)
{
    int i;

    for (i = 0; i < SLOTS; i++) {
        make(i % 2 ? "a" : "b");
    }
    atomic_fetch_add(test_time, (apr_int64_t)(IDLE + 1) * 1000);
    make("c");
    ck_assert_int_eq(ximss_table_count(table), 1);
}
END_TEST

START_TEST(generation_grows)
{
    apr_uint64_t before[SLOTS];
    char *old[SLOTS];
    int round;
    int i;

    memset(before, 0, sizeof(before));
    for (round = 0; round < 3; round++) {
        for (i = 0; i < SLOTS; i++) {
            old[i] = make(i % 2 ? "a" : "b");
        }
        for (i = 0; i < SLOTS; i++) {
            ck_assert_uint_gt(atomic_load(&table->marks[i].generation), before[i]);
            before[i] = atomic_load(&table->marks[i].generation);
        }
        ck_assert_int_eq(ximss_table_sweep(table, "a", 0, pool), SLOTS / 2);
        ck_assert_int_eq(ximss_table_sweep(table, "b", 0, pool), SLOTS / 2);
        for (i = 0; i < SLOTS; i++) {
            ck_assert(!lives(old[i]));
        }
    }
}
END_TEST

START_TEST(folder_life)
{
    char *id = make("a");
    char *path = folder_of(id);
    char *inner = apr_pstrcat(pool, path, "/inner", NULL);
    struct stat info;
    ximss_session_t *session;

    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0700);
    ck_assert_ptr_null(strstr(path, id + 7));
    ck_assert_int_eq(mkdir(inner, 0700), 0);
    ck_assert_int_eq(symlink("/etc", apr_pstrcat(pool, inner, "/link", NULL)), 0);
    close(open(apr_pstrcat(pool, path, "/view.1", NULL), O_CREAT | O_WRONLY, 0600));
    session = lock(id);
    session->ended = 1;
    ximss_session_unlock(table, session);
    ck_assert(!exists(path));
    ck_assert(exists("/etc/passwd"));
}
END_TEST

START_TEST(folder_sweep)
{
    static const char *const left[] = {"s000001-7", "s999999-1", "s0-0"};
    static const char *const kept[] = {"s000001", "other", "s1-2x", "s-1", "sx-1"};
    char *path = folder_of(make("a"));
    apr_size_t i;

    for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        mkdir(apr_pstrcat(pool, runtime, "/", left[i], NULL), 0700);
    }
    for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        mkdir(apr_pstrcat(pool, runtime, "/", kept[i], NULL), 0700);
    }
    ximss_table_sweep(table, NULL, 0, pool);
    ck_assert(exists(apr_pstrcat(pool, runtime, "/", left[0], NULL)));
    ximss_table_sweep(table, NULL, 1, pool);
    for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        ck_assert(!exists(apr_pstrcat(pool, runtime, "/", left[i], NULL)));
    }
    for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        ck_assert_int_eq(rmdir(apr_pstrcat(pool, runtime, "/", kept[i], NULL)), 0);
    }
    ck_assert(exists(path));
}
END_TEST

START_TEST(no_runtime_folder)
{
    ximss_session_t session;
    ximss_table_t *other;
    const ximss_error_t *error;

    ck_assert_ptr_null(ximss_table_attach(&other, memory, memory_size, "/nonexistent/ximss", pool));
    memset(&session, 0, sizeof(session));
    error = ximss_session_create(other, &session, pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_INTERNAL);
    ck_assert_int_eq(ximss_table_count(table), 0);
}
END_TEST

START_TEST(idle_sweep)
{
    char *idle = make("a");
    char *busy = make("a");
    char *longer = make("a");
    ximss_session_t *session = lock(longer);

    session->idle_timeout = 10 * IDLE;
    ximss_session_unlock(table, session);
    atomic_fetch_add(test_time, (apr_int64_t)IDLE * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 0);
    ck_assert(lives(busy));
    atomic_fetch_add(test_time, 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 1);
    ck_assert(!lives(idle) && lives(busy) && lives(longer));
}
END_TEST

/* Idle too long counts from then on, not from the next sweep on. */
START_TEST(idle_is_lost_before_sweep)
{
    char *id = make("a");

    atomic_fetch_add(test_time, (apr_int64_t)(IDLE + 1) * 1000);
    ck_assert_int_eq(session_wait(table, id, 0), 0);
    ck_assert(!lives(id));
    ck_assert_int_eq(ximss_table_count(table), 0);
}
END_TEST

/* A locked session of an account that goes is ended by its holder. */
START_TEST(account_sweep_of_locked)
{
    char *id = make("a");
    char *other = make("b");
    ximss_session_t *session = lock(id);

    ck_assert_int_eq(ximss_table_sweep(table, "a", 0, pool), 1);
    ck_assert_int_eq(ximss_table_sweep(table, "a", 0, pool), 0);
    ck_assert_int_eq(session_wait(table, id, LONG_MS), 0);
    ximss_session_unlock(table, session);
    ck_assert_int_eq(ximss_table_count(table), 1);
    ck_assert(!lives(id) && lives(other));
}
END_TEST

static int hold(const char *id)
{
    ximss_session_t *session = lock(id);

    if (session == NULL) {
        return 1;
    }
    session->folders = 7;
    pause();
    return 0;
}

static int hold_torn(const char *id)
{
    ximss_session_t *session = lock(id);

    memset(session->user_name, 'x', sizeof(session->user_name));
    session->folders = 7;
    pause();
    return 0;
}

static int hold_ending(const char *id)
{
    ximss_session_t *session = lock(id);

    session->ended = 1;
    session->folders = 7;
    pause();
    return 0;
}

START_TEST(holder_killed)
{
    char *id = make("a");
    pid_t child = spawn(hold, id);

    UNTIL(slot_of(id)->session.folders == 7);
    kill_hard(child);
    ck_assert(lives(id));
    ck_assert(lives(id));
}
END_TEST

START_TEST(holder_killed_and_unsound)
{
    char *id = make("a");
    char *path = folder_of(id);
    pid_t child = spawn(hold_torn, id);

    UNTIL(slot_of(id)->session.folders == 7);
    kill_hard(child);
    ck_assert(!lives(id));
    ck_assert(!exists(path));
    ck_assert_int_eq(ximss_table_count(table), 0);
}
END_TEST

START_TEST(holder_killed_while_ending)
{
    char *id = make("a");
    pid_t child = spawn(hold_ending, id);

    UNTIL(slot_of(id)->session.folders == 7);
    kill_hard(child);
    ck_assert(!lives(id));
    ck_assert_int_eq(ximss_table_count(table), 0);
}
END_TEST

/* A creator that dies leaves a slot that is neither lost nor counted for ever. */
static int half_make(const char *id)
{
    ximss_slot_mark_t *mark = &table->marks[3];

    (void)id;
    ximss_robust_try(&table->slots[3].mutex, NULL);
    atomic_store(&mark->account, ximss_slot_account("a"));
    atomic_fetch_add(&mark->generation, 1);
    ximss_slot_folder_make(table, 3, atomic_load(&mark->generation));
    atomic_store(&mark->idle, IDLE);
    atomic_store(&mark->activity, test_clock());
    atomic_store(&mark->state, XIMSS_SLOT_MAKING);
    kill(getpid(), SIGKILL);
    return 0;
}

START_TEST(creator_killed)
{
    int i;

    ck_assert_int_eq(result_of(spawn(half_make, NULL)), -SIGKILL);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 0);
    ck_assert_int_eq(atomic_load(&table->marks[3].state), XIMSS_SLOT_FREE);
    ck_assert_int_eq(result_of(spawn(half_make, NULL)), -SIGKILL);
    for (i = 0; i < SLOTS; i++) {
        make(i % 2 ? "b" : "c");
    }
}
END_TEST

static int die_allocating(const char *unused)
{
    (void)unused;
    ximss_robust_lock(&table->head->alloc, LONG_MS, NULL);
    kill(getpid(), SIGKILL);
    return 0;
}

START_TEST(allocator_killed)
{
    ck_assert_int_eq(result_of(spawn(die_allocating, NULL)), -SIGKILL);
    ck_assert(lives(make("a")));
}
END_TEST

static int wait_for_lock(const char *id)
{
    return lives(id) ? 0 : 1;
}

static int gates_taken(const char *id)
{
    int taken = 0;
    int i;

    for (i = 0; i < XIMSS_SLOT_WAITERS; i++) {
        if (ximss_robust_try(&slot_of(id)->gates[i], NULL) == EBUSY) {
            taken++;
        }
        else {
            ximss_robust_unlock(&slot_of(id)->gates[i]);
        }
    }
    return taken;
}

START_TEST(two_waiters_and_no_more)
{
    char *id = make("a");
    ximss_session_t *session = lock(id);
    ximss_session_t *none;
    const ximss_error_t *error;
    pid_t child[XIMSS_SLOT_WAITERS];
    int i;

    for (i = 0; i < XIMSS_SLOT_WAITERS; i++) {
        child[i] = spawn(wait_for_lock, id);
        UNTIL(gates_taken(id) == i + 1);
    }
    error = ximss_session_lock(&none, table, id, LONG_MS, pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_BUSY);
    ck_assert_ptr_null(none);

    /* a killed waiter's place is free again */
    kill_hard(child[0]);
    ck_assert_int_eq(gates_taken(id), 1);
    child[0] = spawn(wait_for_lock, id);
    UNTIL(gates_taken(id) == 2);
    ximss_session_unlock(table, session);
    for (i = 0; i < XIMSS_SLOT_WAITERS; i++) {
        ck_assert_int_eq(result_of(child[i]), 0);
    }
    ck_assert_int_eq(gates_taken(id), 0);
}
END_TEST

START_TEST(peek_waits_for_nobody)
{
    char *id = make("a");
    char *wrong = apr_pstrdup(pool, id);
    ximss_session_t *session = lock(id);
    ximss_session_t copy;
    const char *dir;

    ck_assert_int_eq(ximss_session_peek(table, id, &copy, &dir, pool), 1);
    ck_assert_str_eq(copy.url_id, id);
    ck_assert_str_eq(copy.account_id, "a");
    ck_assert_str_eq(dir, ximss_session_folder(table, session, pool));
    wrong[XIMSS_URL_ID_LENGTH - 1] ^= 1;
    ck_assert_int_eq(ximss_session_peek(table, wrong, &copy, &dir, pool), 0);

    /* it counts as activity, and sees that a session is over */
    atomic_fetch_add(test_time, (IDLE - 1) * 1000);
    ck_assert_int_eq(ximss_session_peek(table, id, &copy, &dir, pool), 1);
    atomic_fetch_add(test_time, 2000);
    ck_assert_int_eq(ximss_session_peek(table, id, &copy, &dir, pool), 1);
    session->ended = 1;
    ck_assert_int_eq(ximss_session_peek(table, id, &copy, &dir, pool), 0);
    ximss_session_unlock(table, session);
    ck_assert_int_eq(ximss_session_peek(table, id, &copy, &dir, pool), 0);
}
END_TEST

START_TEST(lock_times_out)
{
    char *id = make("a");
    ximss_session_t *session = lock(id);
    ximss_session_t *none;
    const ximss_error_t *error = ximss_session_lock(&none, table, id, 5, pool);

    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_BUSY);
    ck_assert_int_eq(gates_taken(id), 0);
    ximss_session_unlock(table, session);
    ck_assert(lives(id));
}
END_TEST

/* Whoever waits for a session that ends finds it lost. */
START_TEST(ends_before_waiter)
{
    char *id = make("a");
    ximss_session_t *session = lock(id);
    pid_t child = spawn(wait_for_lock, id);

    UNTIL(gates_taken(id) == 1);
    session->ended = 1;
    ximss_session_unlock(table, session);
    ck_assert_int_eq(result_of(child), 1);
}
END_TEST

/* Who knows only the slot number cannot get into the queue. */
START_TEST(guess_does_not_queue)
{
    char *id = make("a");
    char *guess = apr_pstrdup(pool, id);
    ximss_session_t *session = lock(id);
    ximss_session_t *none;

    guess[10] = guess[10] == 'x' ? 'y' : 'x';
    ck_assert_ptr_null(ximss_session_lock(&none, table, guess, LONG_MS, pool));
    ck_assert_ptr_null(none);
    ximss_session_unlock(table, session);
}
END_TEST

static int polling(const char *id)
{
    return (atomic_load(&mark_of(id)->poll) & 0xffffffff) != 0;
}

static apr_uint32_t poll_number(const char *id)
{
    return (apr_uint32_t)XIMSS_POLL_NUMBER(atomic_load(&mark_of(id)->poll));
}

static int poll_long(const char *id)
{
    return session_wait(table, id, 600 * 1000);
}

START_TEST(wake_across_processes)
{
    char *id = make("a");
    pid_t child = spawn(poll_long, id);
    ximss_session_t *session;

    UNTIL(polling(id));
    session = lock(id); /* a poll does not hold the session */
    ximss_session_wake(table, session);
    ximss_session_unlock(table, session);
    ck_assert_int_eq(result_of(child), 1);
    ck_assert(!polling(id));
}
END_TEST

START_TEST(wake_between_waits)
{
    char *id = make("a");

    ximss_session_wake(table, &slot_of(id)->session);
    ck_assert_int_eq(session_wait(table, id, 600 * 1000), 1);
    ck_assert_uint_eq(atomic_load(&mark_of(id)->seen), atomic_load(&mark_of(id)->events));
    ck_assert_int_eq(session_wait(table, id, 1), 1);
}
END_TEST

/* Whatever may end a wait moves the word, so that no sleeper has to wait for its next look. */
START_TEST(word_moves)
{
    char *id = make("a");
    ximss_slot_mark_t *mark = mark_of(id);
    apr_uint32_t before = atomic_load(&mark->word);
    ximss_session_t *session;

    session_wait(table, id, 0);
    ck_assert_uint_ne(atomic_load(&mark->word), before);
    before = atomic_load(&mark->word);
    ximss_session_wake(table, &slot_of(id)->session);
    ck_assert_uint_ne(atomic_load(&mark->word), before);
    before = atomic_load(&mark->word);
    session = lock(id);
    session->ended = 1;
    ximss_session_unlock(table, session);
    ck_assert_uint_ne(atomic_load(&mark->word), before);
}
END_TEST

START_TEST(second_wait_ends_first)
{
    char *id = make("a");
    pid_t first = spawn(poll_long, id);
    pid_t second;

    UNTIL(poll_number(id) == 1);
    second = spawn(poll_long, id);
    ck_assert_int_eq(result_of(first), 1);
    ck_assert_uint_eq(poll_number(id), 2);
    ck_assert(polling(id)); /* the end of the first is not the end of the second */
    ximss_session_wake(table, &slot_of(id)->session);
    ck_assert_int_eq(result_of(second), 1);
}
END_TEST

START_TEST(end_ends_wait)
{
    char *id = make("a");
    pid_t child = spawn(poll_long, id);
    ximss_session_t *session;

    UNTIL(polling(id));
    session = lock(id);
    session->ended = 1;
    ximss_session_unlock(table, session);
    ck_assert_int_eq(result_of(child), 0);
}
END_TEST

START_TEST(account_sweep_ends_wait)
{
    char *id = make("a");
    pid_t child = spawn(poll_long, id);

    UNTIL(polling(id));
    ck_assert_int_eq(ximss_table_sweep(table, "a", 0, pool), 1);
    ck_assert_int_eq(result_of(child), 0);
}
END_TEST

static void *stopper(void *id)
{
    while (!polling(id)) {
        sched_yield();
    }
    ximss_table_stop_waits(table);
    return NULL;
}

static int poll_and_stop(const char *id)
{
    pthread_t thread;
    char *copy = apr_pstrdup(pool, id);

    if (pthread_create(&thread, NULL, stopper, copy) != 0 || !poll_long(id)) {
        return 1;
    }
    pthread_join(thread, NULL);
    return poll_long(id) ? 0 : 1;
}

/* Stopping one process ends its own waits only. */
START_TEST(stop_is_of_one_process)
{
    char *id = make("a");
    char *other = make("a");
    pid_t bystander = spawn(poll_long, other);

    UNTIL(polling(other));
    ck_assert_int_eq(result_of(spawn(poll_and_stop, id)), 0);
    ck_assert(polling(other));
    ck_assert_int_eq(waitpid(bystander, NULL, WNOHANG), 0);
    ximss_session_wake(table, &slot_of(other)->session);
    ck_assert_int_eq(result_of(bystander), 1);
}
END_TEST

START_TEST(running_wait_is_activity)
{
    char *id = make("a");
    ximss_session_t *session = lock(id);
    pid_t child;

    session->idle_timeout = 60;
    ximss_session_unlock(table, session);
    child = spawn(poll_long, id); /* 600 s */
    UNTIL(polling(id));
    atomic_fetch_add(test_time, (apr_int64_t)590 * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 0);
    ximss_session_wake(table, &slot_of(id)->session);
    ck_assert_int_eq(result_of(child), 1);
    atomic_fetch_add(test_time, (apr_int64_t)59 * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 0);
    atomic_fetch_add(test_time, (apr_int64_t)2 * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 1);
}
END_TEST

START_TEST(killed_wait_is_no_activity_for_ever)
{
    char *id = make("a");
    pid_t child = spawn(poll_long, id);

    UNTIL(polling(id));
    kill_hard(child);
    atomic_fetch_add(test_time, (apr_int64_t)(IDLE + 2) * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, pool), 1);
}
END_TEST

START_TEST(kept_over_restart)
{
    char *id = make("a");
    ximss_table_options_t changed = options;
    ximss_table_t *other;
    ximss_session_t session;

    changed.sessions_account = 1;
    changed.idle_timeout = 99;
    ck_assert_ptr_null(ximss_table_init(memory, memory_size, &changed, pool));
    ck_assert_ptr_null(ximss_table_attach(&other, memory, memory_size, runtime, pool));
    ck_assert_int_eq(ximss_table_count(other), 1);
    ck_assert(lives(id));
    ck_assert_int_eq(create("a", &session)->code, XIMSS_E_LIMIT);
    ck_assert_ptr_null(create("b", &session));
    ck_assert_int_eq(session.idle_timeout, 99);

    changed.sessions = SLOTS - 1; /* another shape */
    ck_assert_ptr_nonnull(ximss_table_init(memory, memory_size, &changed, pool));
    ck_assert(lives(id));
}
END_TEST

START_TEST(refused_memory)
{
    char *other = apr_pcalloc(pool, memory_size);
    ximss_table_head_t *head = (ximss_table_head_t *)memory;
    ximss_table_t *none;

    ck_assert_ptr_nonnull(ximss_table_attach(&none, other, memory_size, runtime, pool));
    ck_assert_ptr_nonnull(ximss_table_attach(&none, memory, memory_size - 1, runtime, pool));
    ck_assert_ptr_nonnull(ximss_table_attach(&none, memory, 7, runtime, pool));
    ck_assert_ptr_nonnull(ximss_table_init(other, memory_size - 1, &options, pool));
    other[memory_size - 1] = 1;
    ck_assert_ptr_nonnull(ximss_table_init(other, memory_size, &options, pool));
    head->version++;
    ck_assert_ptr_nonnull(ximss_table_init(memory, memory_size, &options, pool));
    ck_assert_ptr_nonnull(ximss_table_attach(&none, memory, memory_size, runtime, pool));
    head->version--;
    ck_assert_ptr_null(ximss_table_attach(&none, memory, memory_size, runtime, pool));
}
END_TEST

/* The segment may be mapped elsewhere: nothing in it is an address. */
START_TEST(mapped_twice)
{
    FILE *file = tmpfile();
    void *map[2];
    ximss_table_t *view[2];
    ximss_session_t fresh;
    ximss_session_t *session;
    int i;

    ck_assert_int_eq(ftruncate(fileno(file), (off_t)memory_size), 0);
    for (i = 0; i < 2; i++) {
        map[i] = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    }
    ck_assert_ptr_null(ximss_table_init(map[0], memory_size, &options, pool));
    for (i = 0; i < 2; i++) {
        ck_assert_ptr_null(ximss_table_attach(&view[i], map[i], memory_size, runtime, pool));
    }
    memset(&fresh, 0, sizeof(fresh));
    ck_assert_ptr_null(ximss_session_create(view[0], &fresh, pool));
    ck_assert_ptr_null(ximss_session_lock(&session, view[1], fresh.url_id, 0, pool));
    ck_assert_ptr_nonnull(session);
    session->ended = 1;
    ximss_session_unlock(view[1], session);
    ck_assert_int_eq(ximss_table_count(view[0]), 0);
    munmap(map[0], memory_size);
    munmap(map[1], memory_size);
    fclose(file);
}
END_TEST

static void add_sessions(TCase *tests)
{
    tcase_add_test(tests, url_id_form);
    tcase_add_test(tests, wrong_url_ids);
    tcase_add_test(tests, empty_slot_has_no_id);
    tcase_add_test(tests, filled_in);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, full_table_and_share);
    tcase_add_test(tests, full_table_drops_idle);
    tcase_add_test(tests, generation_grows);
    tcase_add_test(tests, folder_life);
    tcase_add_test(tests, folder_sweep);
    tcase_add_test(tests, no_runtime_folder);
    tcase_add_test(tests, idle_sweep);
    tcase_add_test(tests, idle_is_lost_before_sweep);
    tcase_add_test(tests, account_sweep_of_locked);
    tcase_add_test(tests, kept_over_restart);
    tcase_add_test(tests, refused_memory);
    tcase_add_test(tests, mapped_twice);
}

static void add_processes(TCase *tests)
{
    tcase_add_test(tests, holder_killed);
    tcase_add_test(tests, holder_killed_and_unsound);
    tcase_add_test(tests, holder_killed_while_ending);
    tcase_add_test(tests, creator_killed);
    tcase_add_test(tests, allocator_killed);
    tcase_add_test(tests, two_waiters_and_no_more);
    tcase_add_test(tests, peek_waits_for_nobody);
    tcase_add_test(tests, lock_times_out);
    tcase_add_test(tests, ends_before_waiter);
    tcase_add_test(tests, guess_does_not_queue);
    tcase_add_test(tests, wake_across_processes);
    tcase_add_test(tests, wake_between_waits);
    tcase_add_test(tests, word_moves);
    tcase_add_test(tests, second_wait_ends_first);
    tcase_add_test(tests, end_ends_wait);
    tcase_add_test(tests, account_sweep_ends_wait);
    tcase_add_test(tests, stop_is_of_one_process);
    tcase_add_test(tests, running_wait_is_activity);
    tcase_add_test(tests, killed_wait_is_no_activity_for_ever);
}

void suite_fill(Suite *suite)
{
    TCase *sessions = suite_case(suite, "sessions");
    TCase *processes = suite_case(suite, "processes");

    tcase_add_checked_fixture(sessions, setup, teardown);
    tcase_add_checked_fixture(processes, setup, teardown);
    add_sessions(sessions);
    add_processes(processes);
}
