/* Dates and time zones. */
#include "base/time.h"
#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

START_TEST(gmt_of_known_seconds)
{
    ck_assert_str_eq(ximss_time_gmt(0, test_pool), "19700101T000000");
    ck_assert_str_eq(ximss_time_gmt_z(-1, test_pool), "19691231T235959Z");
    ck_assert_str_eq(ximss_time_gmt(951782400, test_pool), "20000229T000000");
    ck_assert_str_eq(ximss_time_gmt(4102444800, test_pool), "21000101T000000");
    ck_assert_str_eq(ximss_time_gmt(-2208988800, test_pool), "19000101T000000");
    ck_assert_str_eq(ximss_time_gmt(-62135596800, test_pool), "00010101T000000");
    ck_assert_str_eq(ximss_time_gmt(253402300799, test_pool), "99991231T235959");
    ck_assert_str_eq(ximss_time_gmt(APR_INT64_MAX, test_pool), "99991231T235959");
    ck_assert_str_eq(ximss_time_gmt(APR_INT64_MIN, test_pool), "00010101T000000");
}
END_TEST

START_TEST(parse_reverses_gmt)
{
    /* A step that visits every year, all months and all times of day. */
    for (apr_int64_t at = -62135596800; at <= 253402300799; at += 7654321) {
        apr_int64_t back;
        ck_assert(ximss_time_parse(ximss_time_gmt_z(at, test_pool), &back));
        ck_assert_int_eq(back, at);
        apr_pool_clear(test_pool);
    }
}
END_TEST

START_TEST(parse_refuses)
{
    static const char *const bad[] = {"",
                                      "20200101",
                                      "20200101T00000",
                                      "20200101T0000000",
                                      "20200101T000000z",
                                      "20200101T000000ZZ",
                                      "20201301T000000",
                                      "20200001T000000",
                                      "20210229T000000",
                                      "21000229T000000",
                                      "20200100T000000",
                                      "20200101T240000",
                                      "20200101T006000",
                                      "20200101T000061",
                                      "00000101T000000",
                                      "2020-101T000000",
                                      "20200101 000000",
                                      "+0200101T000000"};
    apr_int64_t seconds;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!ximss_time_parse(bad[i], &seconds), "accepted \"%s\"", bad[i]);
    }
    ck_assert(ximss_time_parse("20200229T235959", &seconds));
    ck_assert_int_eq(seconds, 1583020799);
}
END_TEST

static const char *local(const char *gmt, const char *zone)
{
    apr_int64_t seconds;
    ck_assert(ximss_time_parse(gmt, &seconds));
    return ximss_time_local(seconds, ximss_zone_get(zone), test_pool);
}

START_TEST(local_times)
{
    ck_assert_str_eq(local("20240115T120000Z", "Europe/Berlin"), "20240115T130000");
    ck_assert_str_eq(local("20240715T120000Z", "Europe/Berlin"), "20240715T140000");
    ck_assert_str_eq(local("20240331T005959Z", "Europe/Berlin"), "20240331T015959");
    ck_assert_str_eq(local("20240331T010000Z", "Europe/Berlin"), "20240331T030000");
    ck_assert_str_eq(local("20240715T000000Z", "America/New_York"), "20240714T200000");
    ck_assert_str_eq(local("20240715T120000Z", "Asia/Kathmandu"), "20240715T174500");
    ck_assert_str_eq(local("19600715T120000Z", "Europe/Berlin"), "19600715T130000");
    ck_assert_str_eq(local("20500715T120000Z", "Europe/Berlin"), "20500715T140000");
    ck_assert_str_eq(local("99991231T235959Z", "Asia/Tokyo"), "99991231T235959");
    ck_assert_str_eq(local("20240715T120000Z", "UTC"), "20240715T120000");
}
END_TEST

START_TEST(unknown_zones_are_the_host)
{
    static const char *const names[] = {
        "HostOS",        "",       "No/Where", "../../etc/passwd", "/etc/localtime",
        "Europe/../UTC", "Europe", "+05:00",   "right/UTC",        "XYZ-5",
        "tzdata.zi"};
    const ximss_zone_t *host = ximss_zone_get(NULL);
    ck_assert_ptr_nonnull(host);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(ximss_zone_get(names[i]) == host, "%s is a zone", names[i]);
    }
    const ximss_zone_t *tokyo = ximss_zone_get("Asia/Tokyo");
    ck_assert_ptr_ne(tokyo, host);
    ck_assert_ptr_eq(tokyo, ximss_zone_get("Asia/Tokyo"));
}
END_TEST

static int listed(const apr_array_header_t *names, const char *name)
{
    int found = 0;
    for (int i = 0; i < names->nelts; i++) {
        found += strcmp(APR_ARRAY_IDX(names, i, const char *), name) == 0;
    }
    return found;
}

START_TEST(zone_list_is_sorted)
{
    apr_array_header_t *names = ximss_zone_list(test_pool);
    ck_assert_int_gt(names->nelts, 300);
    ck_assert_int_eq(listed(names, "Europe/Berlin"), 1);
    ck_assert_int_eq(listed(names, "America/Argentina/Buenos_Aires"), 1);
    for (int i = 1; i < names->nelts; i++) {
        ck_assert_int_lt(strcmp(APR_ARRAY_IDX(names, i - 1, const char *),
                                APR_ARRAY_IDX(names, i, const char *)),
                         0);
    }
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "time");
    tcase_add_test(tcase, gmt_of_known_seconds);
    tcase_add_test(tcase, parse_reverses_gmt);
    tcase_add_test(tcase, parse_refuses);
    tcase_add_test(tcase, local_times);
    tcase_add_test(tcase, unknown_zones_are_the_host);
    tcase_add_test(tcase, zone_list_is_sorted);
}
