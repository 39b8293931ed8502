/* main() of every unit test program: runs its suite and prints TAP. */
#include "unit/suite.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

apr_pool_t *test_pool;

static void set_up(void)
{
    apr_pool_create(&test_pool, NULL);
}

static void tear_down(void)
{
    apr_pool_destroy(test_pool);
    test_pool = NULL;
}

TCase *suite_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

const char *suite_source(const char *path)
{
    const char *root = getenv("XIMSS_SRC");
    return apr_pstrcat(test_pool, root != NULL ? root : XIMSS_TEST_SRCDIR, "/", path, NULL);
}

int main(void)
{
    apr_initialize();
    Suite *suite = suite_create("unit");
    suite_fill(suite);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
