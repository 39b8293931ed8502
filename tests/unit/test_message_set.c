/* Message sets of requests. */
#include "base/message_set.h"
#include "unit/suite.h"

#include <string.h>

static const ximss_error_t *read_set(const char *xml, ximss_message_set_t *set)
{
    static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    const ximss_element_t *root;
    ck_assert_ptr_null(ximss_xml_parse(&root, xml, strlen(xml), &limits, test_pool));
    return ximss_message_set_read(set, root, test_pool);
}

static void expect_range(const ximss_message_set_t *set, int i, apr_int64_t from, apr_int64_t till)
{
    ck_assert_int_lt(i, set->ranges->nelts);
    const ximss_range_t *range = &APR_ARRAY_IDX(set->ranges, i, ximss_range_t);
    ck_assert_int_eq(range->from, from);
    ck_assert_int_eq(range->till, till);
}

START_TEST(singles_and_ranges)
{
    ximss_message_set_t set;
    ck_assert_ptr_null(read_set("<a><UID>12377</UID> <uid from='5' till='9'/><flags/>"
                                "<UID From='7'/></a>",
                                &set));
    ck_assert(set.by_uid);
    ck_assert_int_eq(set.ranges->nelts, 3);
    expect_range(&set, 0, 12377, 12377);
    expect_range(&set, 1, 5, 9);
    expect_range(&set, 2, 7, 7);
    ck_assert_ptr_null(read_set("<a><INDEX from=' 0 ' till='99999999999999999999'/></a>", &set));
    ck_assert(!set.by_uid);
    expect_range(&set, 0, 0, APR_INT64_MAX);
    ck_assert_ptr_null(read_set("<a><index from='-3' till='2'/><index>\n 4 </index></a>", &set));
    expect_range(&set, 0, 0, 2);
    expect_range(&set, 1, 4, 4);
    /* wholly below 0: empty, not the first message */
    ck_assert_ptr_null(read_set("<a><index from='-3' till='-1'/><index>-1</index></a>", &set));
    expect_range(&set, 0, 1, 0);
    expect_range(&set, 1, 1, 0);
}
END_TEST

START_TEST(wrong_sets)
{
    static const char *const bad[] = {"<a/>",
                                      "<a>5</a>",
                                      "<a><x>5</x></a>",
                                      "<a><UID/></a>",
                                      "<a><UID>x</UID></a>",
                                      "<a><UID>5x</UID></a>",
                                      "<a><UID>5 6</UID></a>",
                                      "<a><UID>0x10</UID></a>",
                                      "<a><UID>-</UID></a>",
                                      "<a><UID from='1' till=''/></a>",
                                      "<a><UID till='4'/></a>",
                                      "<a><UID>1</UID><index>1</index></a>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ximss_message_set_t set;
        const ximss_error_t *error = read_set(bad[i], &set);
        ck_assert_msg(error != NULL, "accepted %s", bad[i]);
        ck_assert_int_eq(error->code, XIMSS_E_BAD_REQUEST);
    }
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "message set");
    tcase_add_test(tcase, singles_and_ranges);
    tcase_add_test(tcase, wrong_sets);
}
