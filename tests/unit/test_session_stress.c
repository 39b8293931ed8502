/* Several processes make, use, await, end and sweep sessions at random while some are killed at any point.
 * Afterwards nothing may be lost: neither a slot, nor a mutex, nor a folder. */
#include "base/log.h"
#include "base/robust.h"
#include "session/slot.h"
#include "session/table.h"
#include "unit/suite.h"
#include "unit/waits.h"

#include <apr_strings.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 12, SHARE = 5, WORKERS = 4, KILLS = 150, STEPS_A_KILL = 60, BOARD = 16 };

/* What the processes of the test share beside the table. */
typedef struct board_t {
    _Atomic apr_int64_t time;
    _Atomic apr_uint32_t steps;
    char ids[BOARD][XIMSS_URL_ID_LENGTH +
                    1]; /* of sessions made lately; may be torn, as ids of attackers are */
} board_t;

static ximss_table_t *table;
static board_t *board;
static char runtime[] = "/tmp/ximss-stress-XXXXXX";
static apr_uint32_t seed;

static apr_int64_t test_clock(void)
{
    return atomic_load(&board->time);
}

static void *shared(apr_size_t size)
{
    void *result = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(result, MAP_FAILED);
    return result;
}

static apr_uint32_t draw(apr_uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void some_id(char *id)
{
    memcpy(id, board->ids[draw(BOARD)], XIMSS_URL_ID_LENGTH + 1);
    id[XIMSS_URL_ID_LENGTH] = '\0';
}

static const char *some_account(apr_pool_t *pool)
{
    return apr_psprintf(pool, "account%u", draw(4));
}

static void make_one(apr_pool_t *pool)
{
    ximss_session_t fresh;

    memset(&fresh, 0, sizeof(fresh));
    apr_cpystrn(fresh.account_id, some_account(pool), sizeof(fresh.account_id));
    if (ximss_session_create(table, &fresh, pool) == NULL) {
        memcpy(board->ids[draw(BOARD)], fresh.url_id, sizeof(fresh.url_id));
    }
}

/* Works in a session: changes it and writes a file, as a batch does. */
static void use_one(const char *id, int end, apr_pool_t *pool)
{
    ximss_session_t *session;
    const char *path;

    if (ximss_session_lock(&session, table, id, (int)draw(4), pool) != NULL || session == NULL) {
        return;
    }
    session->folders++;
    path = apr_psprintf(pool, "%s/view.%d", ximss_session_folder(table, session, pool),
                        (int)session->next_folder++);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    memset(session->user_name, 'x', draw(XIMSS_ACCOUNT_NAME_MAX));
    session->ended = end;
    ximss_session_unlock(table, session);
}

static void step(apr_pool_t *pool)
{
    char id[XIMSS_URL_ID_LENGTH + 1];

    some_id(id);
    switch (draw(10)) {
    case 0:
    case 1:
    case 2:
        make_one(pool);
        break;
    case 3:
    case 4:
    case 5:
        use_one(id, 0, pool);
        break;
    case 6:
        use_one(id, 1, pool);
        break;
    case 7:
        session_wait(table, id, (int)draw(3));
        break;
    case 8:
        ximss_session_wake(table, &table->slots[draw(SLOTS)].session);
        break;
    default:
        atomic_fetch_add(&board->time, 1000);
        ximss_table_sweep(table, draw(4) == 0 ? some_account(pool) : NULL, (int)draw(2), pool);
    }
    atomic_fetch_add(&board->steps, 1);
}

static pid_t spawn(apr_uint32_t number)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        seed = 88172645u + 977u * number;
        for (;;) {
            apr_pool_clear(test_pool);
            step(test_pool);
        }
    }
    return pid;
}

static void kill_one(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a worker failed by itself");
}

static int folders(void)
{
    DIR *folder = opendir(runtime);
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(folder)) != NULL) {
        count += entry->d_name[0] == 's';
    }
    closedir(folder);
    return count;
}

/* Every live session can be locked, or was dropped for being half changed. */
static int usable_sessions(void)
{
    int usable = 0;
    int i;

    for (i = 0; i < SLOTS; i++) {
        ximss_session_t *session;
        char id[XIMSS_URL_ID_LENGTH + 1];

        memcpy(id, table->slots[i].session.url_id, sizeof(id));
        ck_assert_ptr_null(ximss_session_lock(&session, table, id, 1000, test_pool));
        if (session != NULL) {
            usable++;
            ximss_session_unlock(table, session);
        }
    }
    return usable;
}

static void check_all_reusable(void)
{
    ximss_session_t fresh;
    int gate;
    int i;

    for (i = 0; i < SLOTS; i++) {
        memset(&fresh, 0, sizeof(fresh));
        apr_snprintf(fresh.account_id, sizeof(fresh.account_id), "after%d", i);
        ck_assert_ptr_null(ximss_session_create(table, &fresh, test_pool));
        for (gate = 0; gate < XIMSS_SLOT_WAITERS; gate++) {
            ck_assert_int_eq(ximss_robust_try(&table->slots[i].gates[gate], NULL), 0);
            ximss_robust_unlock(&table->slots[i].gates[gate]);
        }
    }
    ck_assert_int_eq(ximss_table_count(table), SLOTS);
    ck_assert_int_eq(usable_sessions(), SLOTS);
    ck_assert_int_eq(folders(), SLOTS);
}

static void set_up(void)
{
    const ximss_table_options_t options = {SLOTS, SHARE, 60};
    apr_size_t size = ximss_table_size(&options);
    void *memory = shared(size);

    ximss_log_set(NULL, NULL, XIMSS_LOG_ERROR); /* dropped sessions are expected */
    board = shared(sizeof(*board));
    atomic_store(&board->time, 1000000);
    ck_assert_ptr_nonnull(mkdtemp(runtime));
    ck_assert_ptr_null(ximss_table_init(memory, size, &options, test_pool));
    ck_assert_ptr_null(ximss_table_attach(&table, memory, size, runtime, test_pool));
    ximss_table_set_clock(table, test_clock);
}

START_TEST(killed_at_random)
{
    apr_pool_t *kept = test_pool;
    pid_t workers[WORKERS];
    apr_uint32_t spawned = 0;
    int kills;
    int i;

    set_up();
    apr_pool_create(&test_pool, kept); /* the one that workers clear */
    for (i = 0; i < WORKERS; i++) {
        workers[i] = spawn(spawned++);
    }
    for (kills = 0; kills < KILLS; kills++) {
        apr_uint32_t start = atomic_load(&board->steps);

        while (atomic_load(&board->steps) - start < STEPS_A_KILL) {
            sched_yield();
        }
        i = kills % WORKERS;
        kill_one(workers[i]);
        workers[i] = spawn(spawned++);
    }
    for (i = 0; i < WORKERS; i++) {
        kill_one(workers[i]);
    }
    ck_assert_int_eq(usable_sessions(), ximss_table_count(table));
    ximss_table_sweep(table, NULL, 1, test_pool);
    ck_assert_int_eq(folders(), ximss_table_count(table));
    atomic_fetch_add(&board->time, 3600 * 1000);
    ximss_table_sweep(table, NULL, 1, test_pool);
    ck_assert_int_eq(ximss_table_count(table), 0);
    ck_assert_int_eq(folders(), 0);
    check_all_reusable();
    atomic_fetch_add(&board->time, 3600 * 1000);
    ck_assert_int_eq(ximss_table_sweep(table, NULL, 0, test_pool), SLOTS);
    ck_assert_int_eq(rmdir(runtime), 0);
    apr_pool_destroy(test_pool);
    test_pool = kept;
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tests = suite_case(suite, "stress");

    tcase_add_test(tests, killed_at_random);
}
