/* Wakes across processes: the place of a process, its bits, its descriptor; whom a slot wakes. */
#include "session/slot.h"
#include "session/wait.h"
#include "suite.h"

#include <apr_strings.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 3, SLOTS = 130 };

static ximss_waker_t *waker;
static uint32_t told[SLOTS];
static int told_count;

static void setup(void)
{
    waker = ximss_waker_make(PROCESSES, SLOTS);
    ck_assert_ptr_nonnull(waker);
    told_count = 0;
}

static void note(void *baton, uint32_t slot)
{
    (void)baton;
    ck_assert_int_lt(told_count, SLOTS);
    told[told_count++] = slot;
}

static int readable(int place)
{
    struct pollfd fd = {.fd = ximss_waker_fd(waker, place), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

START_TEST(wake_reaches_its_place)
{
    int mine = ximss_waker_claim(waker);
    int status;
    pid_t child;

    ck_assert_int_gt(mine, 0);
    ck_assert(!readable(mine));
    child = fork();
    if (child == 0) {
        int own = ximss_waker_claim(waker);

        ximss_waker_wake(waker, mine, 0);
        ximss_waker_wake(waker, mine, 64);
        ximss_waker_wake(waker, mine, SLOTS - 1);
        ximss_waker_wake(waker, mine, SLOTS);      /* no such slot */
        ximss_waker_wake(waker, PROCESSES + 1, 1); /* no such place */
        ximss_waker_wake(waker, 0, 1);
        _exit(own == mine || own == 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(readable(mine));
    ximss_waker_drain(waker, mine);
    ck_assert(!readable(mine));
    ximss_waker_take(waker, mine, note, NULL);
    ck_assert_int_eq(told_count, 3);
    ck_assert_uint_eq(told[0], 0);
    ck_assert_uint_eq(told[1], 64);
    ck_assert_uint_eq(told[2], SLOTS - 1);
    ximss_waker_take(waker, mine, note, NULL);
    ck_assert_int_eq(told_count, 3);
}
END_TEST

START_TEST(places_end_and_come_back)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        _exit(ximss_waker_claim(waker));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
    ximss_waker_wake(waker, 1, 5);
    ck_assert_int_eq(ximss_waker_claim(waker), 1); /* its process is dead */
    ck_assert(!readable(1));
    ximss_waker_take(waker, 1, note, NULL);
    ck_assert_int_eq(told_count, 0);
    ck_assert_int_eq(ximss_waker_claim(waker), 2);
    ck_assert_int_eq(ximss_waker_claim(waker), 3);
    ck_assert_int_eq(ximss_waker_claim(waker), 0);
    ximss_waker_release(waker, getpid());
    ck_assert_int_eq(ximss_waker_claim(waker), 1);
}
END_TEST

/* ---- waits of a session ---- */

static ximss_table_t *table;

static char *make_session(void)
{
    char *folder = apr_pstrdup(test_pool, "/tmp/ximss-waker.XXXXXX");
    ximss_table_options_t options = {SLOTS, SLOTS, 60};
    apr_size_t size = ximss_table_size(&options);
    ximss_session_t fresh = {.account_id = "a"};
    void *memory;

    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_ptr_null(ximss_table_init(memory, size, &options, test_pool));
    ck_assert_ptr_null(ximss_table_attach(&table, memory, size, folder, test_pool));
    ximss_table_set_waker(table, waker);
    ck_assert_ptr_null(ximss_session_create(table, &fresh, test_pool));
    return apr_pstrdup(test_pool, fresh.url_id);
}

static void end_session(const char *id)
{
    ximss_session_t *session;

    ck_assert_ptr_null(ximss_session_lock(&session, table, id, 0, test_pool));
    if (session != NULL) {
        session->ended = 1;
        ximss_session_unlock(table, session);
    }
    rmdir(table->runtime_dir);
}

/* Whether place PLACE was woken for SLOT, and only for it. */
static int woken(int place, apr_uint32_t slot)
{
    int was = readable(place);

    told_count = 0;
    ximss_waker_drain(waker, place);
    ximss_waker_take(waker, place, note, NULL);
    return was && told_count == 1 && told[0] == slot;
}

START_TEST(wait_is_woken_where_it_is_parked)
{
    char *id = make_session();
    ximss_wait_t first;
    ximss_wait_t second;
    const ximss_session_t *session;

    ck_assert(ximss_wait_begin(&first, table, id, 60000, 1));
    ck_assert_int_eq(ximss_wait_look(&first), XIMSS_WAIT_NOTHING);
    session = &table->slots[first.slot].session;
    ck_assert(!readable(1));
    ximss_session_wake(table, session);
    ck_assert(woken(1, first.slot));
    ck_assert_int_eq(ximss_wait_look(&first), XIMSS_WAIT_EVENT);
    ck_assert_int_eq(ximss_wait_take(&first), XIMSS_WAIT_EVENT);
    ck_assert_int_eq(ximss_wait_take(&first), XIMSS_WAIT_NOTHING);
    ck_assert(ximss_wait_begin(&second, table, id, 60000, 2));
    ck_assert(woken(1, first.slot)); /* the first is over, and told */
    ck_assert_int_eq(ximss_wait_look(&first), XIMSS_WAIT_TAKEN);
    ximss_session_wake(table, session);
    ck_assert(!readable(1));
    ck_assert(woken(2, first.slot));
    ximss_wait_end(&first); /* is not the end of the second */
    ck_assert_int_eq(ximss_wait_take(&second), XIMSS_WAIT_EVENT);
    ximss_wait_end(&second);
    ximss_session_wake(table, session);
    ck_assert(!readable(2)); /* nobody waits */
    ck_assert(ximss_wait_begin(&first, table, id, 60000, 3));
    ck_assert_int_eq(ximss_wait_take(&first), XIMSS_WAIT_EVENT); /* nor is it lost */
    end_session(id);
    ck_assert(woken(3, first.slot));
    ck_assert_int_eq(ximss_wait_look(&first), XIMSS_WAIT_LOST);
}
END_TEST

START_TEST(doom_wakes)
{
    char *id = make_session();
    ximss_wait_t wait;

    ck_assert(ximss_wait_begin(&wait, table, id, 60000, 2));
    ck_assert_int_eq(ximss_table_sweep(table, "a", 0, test_pool), 1);
    ck_assert(woken(2, wait.slot));
    ck_assert_int_eq(ximss_wait_look(&wait), XIMSS_WAIT_LOST);
    end_session(id);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tests = suite_case(suite, "waker");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, wake_reaches_its_place);
    tcase_add_test(tests, places_end_and_come_back);
    tcase_add_test(tests, wait_is_woken_where_it_is_parked);
    tcase_add_test(tests, doom_wakes);
}
