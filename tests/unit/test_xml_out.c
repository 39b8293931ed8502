/* The XML writer. */
#include "base/xml_out.h"
#include "unit/suite.h"

#include <string.h>

#define FFFD "\xef\xbf\xbd"

static ximss_xml_t *create(void)
{
    return ximss_xml_create(1 << 20, test_pool);
}

static const char *data(const ximss_xml_t *xml)
{
    apr_size_t length;
    const char *bytes = ximss_xml_data(xml, &length);
    ck_assert_uint_eq(strlen(bytes), length);
    return bytes;
}

START_TEST(elements_and_attributes)
{
    ximss_xml_t *xml = create();
    ck_assert_str_eq(data(xml), "");
    ximss_xml_start(xml, "XIMSS");
    ximss_xml_attr(xml, "zulu", "1");
    ximss_xml_attr(xml, "Bravo", "2");
    ximss_xml_attr(xml, "alpha", "3");
    ximss_xml_attr(xml, "alphabet", "4");
    ximss_xml_attr(xml, "none", NULL);
    ximss_xml_attr_int(xml, "count", APR_INT64_MIN);
    ck_assert_int_eq(ximss_xml_depth(xml), 1);
    ximss_xml_element(xml, "empty", NULL);
    ximss_xml_element(xml, "blank", "");
    ximss_xml_element(xml, "x", "text");
    ximss_xml_end(xml);
    ximss_xml_end(xml);
    ck_assert_int_eq(ximss_xml_depth(xml), 0);
    ck_assert_str_eq(data(xml), "<XIMSS alpha=\"3\" alphabet=\"4\" Bravo=\"2\""
                                " count=\"-9223372036854775808\" zulu=\"1\">"
                                "<empty/><blank/><x>text</x></XIMSS>");
}
END_TEST

START_TEST(escapes)
{
    ximss_xml_t *xml = create();
    ximss_xml_start(xml, "a");
    ximss_xml_attr(xml, "v", "<>&\"'\t\n\r\x01\xff\xc3\xa9");
    ximss_xml_text(xml, "<>&\"'\t\n\r\x01\xff\xc3\xa9]]>");
    ximss_xml_text_n(xml, "\0\xe2\x82", 3);
    ximss_xml_text(xml, "\xed\xa0\x80|\xef\xbf\xbe|\x7f");
    ximss_xml_end(xml);
    ck_assert_str_eq(data(xml),
                     "<a v=\"&lt;&gt;&amp;&quot;'&#9;&#10;&#13;" FFFD FFFD "\xc3\xa9\">"
                     "&lt;&gt;&amp;\"'\t\n&#13;" FFFD FFFD
                     "\xc3\xa9]]&gt;" FFFD FFFD FFFD FFFD FFFD FFFD "|" FFFD "|\x7f</a>");
}
END_TEST

START_TEST(stays_well_formed)
{
    ximss_xml_t *xml = create();
    ximss_xml_start(xml, "a b");
    ximss_xml_attr(xml, "x", "1");
    ximss_xml_attr(xml, "x", "2");
    ximss_xml_attr(xml, "not ok", "3");
    ximss_xml_text(xml, "t");
    ximss_xml_attr(xml, "late", "4");
    ximss_xml_end(xml);
    ck_assert_str_eq(data(xml), "<_ x=\"1\">t</_>");
    ck_assert(ximss_xml_name_ok("E-From_1.x"));
    static const char *const bad[] = {"", "1a", "-a", "a:b", "a b", "\xc3\xa9", "a>", ".a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!ximss_xml_name_ok(bad[i]), "%s", bad[i]);
    }
}
END_TEST

START_TEST(rewind_leaves_no_trace)
{
    ximss_xml_t *xml = create();
    ximss_xml_start(xml, "XIMSS");
    ximss_xml_attr(xml, "a", "1");
    apr_size_t mark = ximss_xml_mark(xml);
    ximss_xml_element(xml, "gone", "text");
    ximss_xml_start(xml, "open");
    ximss_xml_start(xml, "deeper");
    ximss_xml_rewind(xml, mark);
    ck_assert_int_eq(ximss_xml_depth(xml), 1);
    ximss_xml_end(xml);
    ck_assert_str_eq(data(xml), "<XIMSS a=\"1\"/>");
}
END_TEST

START_TEST(overflow_and_recovery)
{
    ximss_xml_t *xml = ximss_xml_create(60, test_pool);
    ximss_xml_start(xml, "XIMSS");
    ximss_xml_element(xml, "kept", "1");
    apr_size_t mark = ximss_xml_mark(xml);
    ximss_xml_start(xml, "long");
    ximss_xml_attr(xml, "b", "0123456789012345678901234567890123456789");
    ximss_xml_attr(xml, "a", "0");
    ck_assert(ximss_xml_overflow(xml));
    ximss_xml_start(xml, "inner");
    ximss_xml_text(xml, "x");
    apr_size_t late = ximss_xml_mark(xml);
    ximss_xml_element(xml, "more", "x");
    ximss_xml_rewind(xml, late);
    ck_assert(ximss_xml_overflow(xml));
    ck_assert_int_eq(ximss_xml_depth(xml), 3);
    ximss_xml_end(xml);
    ck_assert_int_eq(ximss_xml_depth(xml), 2);
    ximss_xml_rewind(xml, mark);
    ck_assert(!ximss_xml_overflow(xml));
    ck_assert_int_eq(ximss_xml_depth(xml), 1);
    ximss_xml_element(xml, "e", "error");
    ximss_xml_end(xml);
    ck_assert(!ximss_xml_overflow(xml));
    ck_assert_str_eq(data(xml), "<XIMSS><kept>1</kept><e>error</e></XIMSS>");
}
END_TEST

/* Every limit is kept to the byte, whatever is written when it is reached. */
START_TEST(limit_is_exact)
{
    static const char whole[] = "<a b=\"1\" c=\"2\"><d>text</d>&lt;</a>";
    for (apr_size_t limit = 0; limit <= sizeof(whole); limit++) {
        ximss_xml_t *xml = ximss_xml_create(limit, test_pool);
        ximss_xml_start(xml, "a");
        ximss_xml_attr(xml, "c", "2");
        ximss_xml_attr(xml, "b", "1");
        ximss_xml_element(xml, "d", "text");
        ximss_xml_text(xml, "<");
        ximss_xml_end(xml);
        apr_size_t length;
        const char *bytes = ximss_xml_data(xml, &length);
        ck_assert_uint_le(length, limit);
        ck_assert_int_eq(ximss_xml_overflow(xml), limit < sizeof(whole) - 1);
        ck_assert_int_eq(ximss_xml_depth(xml), 0);
        if (limit >= sizeof(whole) - 1) {
            ck_assert_str_eq(bytes, whole);
        }
    }
}
END_TEST

START_TEST(grows)
{
    ximss_xml_t *xml = create();
    ximss_xml_start(xml, "root");
    for (int i = 0; i < 20000; i++) {
        ximss_xml_start(xml, "e");
        ximss_xml_attr_int(xml, "n", i % 10);
        ximss_xml_text(xml, "0123456789");
        ximss_xml_end(xml);
    }
    ximss_xml_end(xml);
    ck_assert_uint_eq(strlen(data(xml)), 13 + 20000 * (sizeof("<e n=\"1\">0123456789</e>") - 1));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "XML out");
    tcase_add_test(tcase, elements_and_attributes);
    tcase_add_test(tcase, escapes);
    tcase_add_test(tcase, stays_well_formed);
    tcase_add_test(tcase, rewind_leaves_no_trace);
    tcase_add_test(tcase, overflow_and_recovery);
    tcase_add_test(tcase, limit_is_exact);
    tcase_add_test(tcase, grows);
}
