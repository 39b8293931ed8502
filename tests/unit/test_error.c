/* The error scheme: what the client reads, what the log holds. */
#include "base/error.h"
#include "base/log.h"
#include "unit/suite.h"

#include <apr_errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(text_and_number)
{
    const ximss_error_t *plain = ximss_error(test_pool, XIMSS_E_NO_MAILBOX, NULL);
    ck_assert_str_eq(plain->text, "mailbox is not found");
    ck_assert_int_eq(ximss_error_num(plain), 510);
    const ximss_error_t *said = ximss_error(test_pool, XIMSS_E_LIMIT, "over %d %s", 7, "things");
    ck_assert_str_eq(said->text, "over 7 things");
    ck_assert_int_eq(ximss_error_num(said), 502);
    ck_assert_ptr_null(said->detail);
    ck_assert_int_eq(ximss_error_num(ximss_error(test_pool, XIMSS_E_INTERNAL, NULL)), 590);
}
END_TEST

START_TEST(detail_never_is_text)
{
    const ximss_error_t *error =
        ximss_error_detail(test_pool, XIMSS_E_INTERNAL, "path %s", "/secret");
    ck_assert_str_eq(error->text, "internal error");
    ck_assert_str_eq(error->detail, "path /secret");
    const ximss_error_t *wrapped = ximss_error_wrap(test_pool, error, "while %s", "opening");
    ck_assert_int_eq(wrapped->code, XIMSS_E_INTERNAL);
    ck_assert_str_eq(wrapped->text, "internal error");
    ck_assert_ptr_eq(wrapped->cause, error);
    const ximss_error_t *system = ximss_error_apr(test_pool, APR_ENOENT, "open");
    ck_assert_str_eq(system->text, "internal error");
    ck_assert_ptr_nonnull(strstr(system->detail, "open: "));
}
END_TEST

START_TEST(log_line_holds_the_chain)
{
    const ximss_error_t *error =
        ximss_error_detail(test_pool, XIMSS_E_BUSY, "line\nbreak \x1b[1m\x7f");
    error = ximss_error_wrap(test_pool, error, "outer");
    const char *line = ximss_error_log_line(error, test_pool);
    ck_assert_ptr_eq(strstr(line, "test_error.c:"), line);
    ck_assert_ptr_nonnull(strstr(line, " outer < test_error.c:"));
    ck_assert_ptr_nonnull(strstr(line, "line\\x0abreak \\x1b[1m\\x7f"));
    ck_assert_ptr_null(strchr(line, '\n'));
}
END_TEST

static const ximss_error_t *fails(apr_pool_t *pool, int *went_on)
{
    XIMSS_TRY(NULL);
    XIMSS_TRY(ximss_error(pool, XIMSS_E_DENIED, NULL));
    *went_on = 1;
    return NULL;
}

START_TEST(try_returns_early)
{
    int went_on = 0;
    ck_assert_int_eq(fails(test_pool, &went_on)->code, XIMSS_E_DENIED);
    ck_assert_int_eq(went_on, 0);
}
END_TEST

static char seen[8192];
static int seen_lines;

static void sink(void *baton, ximss_log_level_t level, const char *line)
{
    ck_assert_ptr_eq(baton, &seen_lines);
    ck_assert_int_le(level, XIMSS_LOG_WARN);
    strncpy(seen, line, sizeof(seen) - 1);
    seen_lines++;
}

START_TEST(log_goes_to_the_sink)
{
    ximss_log_set(sink, &seen_lines, XIMSS_LOG_WARN);
    ximss_log(XIMSS_LOG_INFO, 0, "not wanted");
    ck_assert_int_eq(seen_lines, 0);
    ximss_log(XIMSS_LOG_WARN, 7, "a\nb %d", 5);
    ck_assert_str_eq(seen, "XM0007: a?b 5");
    char *huge = calloc(1, 20001);
    memset(huge, 'x', 20000);
    ximss_log(XIMSS_LOG_ERROR, 0, "%s", huge);
    free(huge);
    ck_assert_uint_eq(strlen(seen), 4095);
    ck_assert_int_eq(seen_lines, 2);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "error");
    tcase_add_test(tcase, text_and_number);
    tcase_add_test(tcase, detail_never_is_text);
    tcase_add_test(tcase, log_line_holds_the_chain);
    tcase_add_test(tcase, try_returns_early);
    tcase_add_test(tcase, log_goes_to_the_sink);
}
