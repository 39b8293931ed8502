/* Received XML: the tree, the charsets, everything that is refused. */
#include "base/xml_in.h"
#include "mime/buffer.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ximss_limits_t limits;

/* Tests change them, and need not run in a process of their own. */
static void default_limits(void)
{
    static const ximss_limits_t defaults = XIMSS_LIMITS_DEFAULT;
    limits = defaults;
}

static const ximss_element_t *parse_n(const char *xml, apr_size_t length)
{
    const ximss_element_t *root;
    const ximss_error_t *error = ximss_xml_parse(&root, xml, length, &limits, test_pool);
    ck_assert_msg(error == NULL, "%s", error == NULL ? "" : ximss_error_log_line(error, test_pool));
    return root;
}

static const ximss_element_t *parse(const char *xml)
{
    return parse_n(xml, strlen(xml));
}

static void refuse_n(const char *xml, apr_size_t length, ximss_error_code_t code)
{
    const ximss_element_t *root;
    const ximss_error_t *error = ximss_xml_parse(&root, xml, length, &limits, test_pool);
    ck_assert_msg(error != NULL, "accepted %.60s", xml);
    ck_assert_msg(error->code == code, "%.60s: %s", xml, error->text);
    ck_assert_ptr_null(root);
}

START_TEST(tree)
{
    const ximss_element_t *root =
        parse("<?xml version='1.0'?>\n<!-- c --><XIMSS a='1' B=\"two &amp; &#x41;&#13;\">x<b/>"
              "y&lt;<!-- cut -->z<![CDATA[<c>]]><x:D xmlns:x='u' x:e='5'/> </XIMSS>\n");
    ck_assert_str_eq(root->name, "XIMSS");
    ck_assert_str_eq(ximss_element_attr(root, "A"), "1");
    ck_assert_str_eq(ximss_element_attr(root, "b"), "two & A\r");
    ck_assert_ptr_null(ximss_element_attr(root, "c"));
    const ximss_element_t *node = root->children;
    ck_assert_str_eq(node->text, "x");
    ck_assert_ptr_null(node->name);
    node = node->next;
    ck_assert_str_eq(node->name, "b");
    ck_assert_ptr_null(node->children);
    node = node->next;
    ck_assert_str_eq(node->text, "y<z<c>");
    node = node->next;
    ck_assert_str_eq(node->name, "D");
    ck_assert_str_eq(ximss_element_attr(node, "e"), "5");
    ck_assert_str_eq(node->next->text, " ");
    ck_assert_ptr_null(node->next->next);
    ck_assert(ximss_element_is(ximss_element_child(root, NULL), "B"));
    ck_assert_ptr_eq(ximss_element_child(root, "d"), node);
    ck_assert_ptr_eq(ximss_element_next(ximss_element_child(root, "b"), NULL), node);
    ck_assert_ptr_null(ximss_element_next(node, NULL));
    ck_assert_str_eq(ximss_element_text(root, test_pool), "xy<z<c> ");
    ck_assert_str_eq(ximss_element_word(root, test_pool), "xy<z<c>");
    ck_assert_str_eq(ximss_element_text(node, test_pool), "");
}
END_TEST

START_TEST(charsets)
{
    ck_assert_str_eq(ximss_element_text(parse("\xef\xbb\xbf<a>\xc3\xa9</a>"), test_pool),
                     "\xc3\xa9");
    ck_assert_str_eq(
        ximss_element_text(parse("<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>"),
                           test_pool),
        "\xc3\xa9");
    ck_assert_str_eq(
        ximss_element_text(parse("<?xml version='1.0' encoding = \"Utf-8\" ?><a>\xc3\xa9</a>"),
                           test_pool),
        "\xc3\xa9");
    static const char little[] = "\xff\xfe<\0a\0>\0\xe9\0=\xd8\0\xde<\0/\0a\0>\0";
    ck_assert_str_eq(ximss_element_text(parse_n(little, sizeof(little) - 1), test_pool),
                     "\xc3\xa9\xf0\x9f\x98\x80");
    static const char big[] = "\xfe\xff\0<\0a\0/\0>";
    ck_assert_str_eq(parse_n(big, sizeof(big) - 1)->name, "a");
}
END_TEST

START_TEST(disguises)
{
    static const char *const bad[] = {"<?xml version='1.0' encoding='UTF-7'?><a/>",
                                      "<?xml version='1.0' encoding='UTF-16'?><a/>",
                                      "<?xml version='1.0' encoding='IBM037'?><a/>",
                                      "<?xml version='1.0' encoding='windows-1252'?><a/>",
                                      "<?xml version='1.0' encoding=UTF-8?><a/>",
                                      "<?xml version='1.0' encoding='UTF-8\"?><a/>",
                                      "\x4c\x6f\xa7\x94",
                                      "+ADw-a/+AD4-",
                                      "<a>\xe9</a>",
                                      "<a>\xed\xa0\x80</a>",
                                      "<a>\xc0\xbc</a>",
                                      "<a><![CDATA[\xc1\xbf]]></a>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse_n(bad[i], strlen(bad[i]), XIMSS_E_BAD_REQUEST);
    }
    refuse_n("\0<\0a\0/\0>", 8, XIMSS_E_BAD_REQUEST);
    refuse_n("<\0a\0/\0>\0", 8, XIMSS_E_BAD_REQUEST);
    refuse_n("\0\0\0<\0\0\0a", 8, XIMSS_E_BAD_REQUEST);
    refuse_n("\xff\xfe<\0a\0>\0=\xd8<\0/\0a\0>\0", 18, XIMSS_E_BAD_REQUEST); /* lone surrogate */
    refuse_n("\xff\xfe<\0a\0/\0>\0x", 11, XIMSS_E_BAD_REQUEST);
    refuse_n("<a>\0</a>", 8, XIMSS_E_BAD_REQUEST);
}
END_TEST

START_TEST(malformed)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "<",
                                      "<a",
                                      "<a>",
                                      "<a></b>",
                                      "<a/><b/>",
                                      "<a/>x",
                                      "<a b/>",
                                      "<a b=c/>",
                                      "<a b='1' b='2'/>",
                                      "<a>&x;</a>",
                                      "<a>&#0;</a>",
                                      "<a>&#xD800;</a>",
                                      "<a b='&x;'/>",
                                      "<a b='<'/>",
                                      "<a>]]></a>",
                                      "<!-- -->",
                                      "<a><!-- -- --></a>",
                                      "<a>\x01</a>",
                                      "<a><![CDATA[</a>",
                                      "</a>",
                                      "<?xml?><a/>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse_n(bad[i], strlen(bad[i]), XIMSS_E_BAD_REQUEST);
    }
}
END_TEST

START_TEST(doctypes)
{
    static const char *const bad[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x'><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<?xml version='1.0'?><!-- --><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]><a/>",
        "<!DOCTYPE lolz [<!ENTITY l 'lol'><!ENTITY m '&l;&l;&l;&l;'>]><lolz>&m;</lolz>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse_n(bad[i], strlen(bad[i]), XIMSS_E_BAD_REQUEST);
    }
    parse("<a><!-- <!DOCTYPE --><![CDATA[<!DOCTYPE]]><?pi <!DOCTYPE ?></a>");
}
END_TEST

/* COUNT times TEXT between BEFORE and AFTER. */
static char *repeat(const char *before, const char *text, int count, const char *after)
{
    size_t step = strlen(text);
    size_t start = strlen(before);
    char *all = apr_palloc(test_pool, start + step * (size_t)count + strlen(after) + 1);
    memcpy(all, before, start);
    for (int i = 0; i < count; i++) {
        memcpy(all + start + step * (size_t)i, text, step);
    }
    memcpy(all + start + step * (size_t)count, after, strlen(after) + 1);
    return all;
}

static char *nested(int depth)
{
    return apr_pstrcat(test_pool, repeat("", "<a>", depth, ""), repeat("", "</a>", depth, ""),
                       NULL);
}

START_TEST(limits_are_exact)
{
    limits.request_depth = 10;
    parse(nested(10));
    char *deep = nested(11);
    refuse_n(deep, strlen(deep), XIMSS_E_LIMIT);
    limits.request_depth = 100000;
    parse(nested(250));
    deep = nested(251);
    refuse_n(deep, strlen(deep), XIMSS_E_LIMIT);
    limits.request_elements = 5;
    parse("<a><b/><b/><b/><b/></a>");
    refuse_n("<a><b/><b/><b/><b/><b/></a>", 27, XIMSS_E_LIMIT);
    limits.request_attributes = 2;
    parse("<a b='=' c='=='/>");
    refuse_n("<a b='' c='' d=''/>", 19, XIMSS_E_LIMIT);
    limits.request_bytes = 8;
    parse("<a></a> ");
    refuse_n("<a></a>  ", 9, XIMSS_E_LIMIT);
}
END_TEST

START_TEST(big_documents)
{
    char *text = repeat("<a>", "0123456789abcde\n", 900000, "</a>");
    const ximss_element_t *root = parse(text);
    ck_assert_uint_eq(strlen(root->children->text), 14400000);
    ck_assert_ptr_null(root->children->next);
    parse(repeat("<a>", "<b c='d'>e</b>", 90000, "</a>"));
    parse(repeat("<a b='", "0123456789abcdef", 300000, "'/>"));
    parse(repeat("<a>", "&lt;", 2000000, "</a>"));
}
END_TEST

/* Texts that take the buffer along, that are copied out of it, and that outgrow it; each of its own bytes. */
START_TEST(texts_keep_to_themselves)
{
    static const int lengths[] = {1, 255, 256, 300, 5, 513, 90000, 3, 200000, 70000, 1, 40000, 64};
    enum { TEXTS = sizeof(lengths) / sizeof(lengths[0]) };
    ximss_buffer_t xml;
    ximss_buffer_init(&xml, 500000, test_pool);
    ximss_buffer_add(&xml, "<x>", 3);
    for (int i = 0; i < TEXTS; i++) {
        ximss_buffer_add(&xml, "<t>", 3);
        for (int n = 0; n < lengths[i]; n++) {
            const char letter = (char)('a' + i);
            ximss_buffer_add(&xml, n % 1000 == 999 ? "&amp;" : &letter, n % 1000 == 999 ? 5 : 1);
        }
        ximss_buffer_add(&xml, "</t>", 4);
    }
    ximss_buffer_add(&xml, "</x>", 4);
    const ximss_element_t *text = ximss_element_child(parse_n(xml.data, xml.length), "t");
    for (int i = 0; i < TEXTS; i++, text = ximss_element_next(text, NULL)) {
        const char *bytes = ximss_element_text(text, test_pool);
        ck_assert_ptr_eq(bytes, text->children->text);
        ck_assert_uint_eq(strlen(bytes), (size_t)lengths[i]);
        for (int n = 0; n < lengths[i]; n++) {
            ck_assert_int_eq(bytes[n], n % 1000 == 999 ? '&' : 'a' + i);
        }
    }
    ck_assert_ptr_null(text);
}
END_TEST

/* Quadratic work would run into the test's time limit by minutes. */
START_TEST(hostile_documents)
{
    char *attributes = apr_palloc(test_pool, 8000100);
    char *at = attributes;
    memcpy(at, "<a", 2);
    at += 2;
    for (int i = 0; i < 500000; i++) {
        at += snprintf(at, 16, " a%d=''", i);
    }
    memcpy(at, "/>", 3);
    refuse_n(attributes, strlen(attributes), XIMSS_E_LIMIT);
    char *open = repeat("", "<a>", 3000000, "");
    refuse_n(open, strlen(open), XIMSS_E_LIMIT);
    char *comment = repeat("<a><!--", "- ", 4000000, "");
    refuse_n(comment, strlen(comment), XIMSS_E_BAD_REQUEST);
    char *angle = repeat("<a b='", ">", 4000000, "");
    refuse_n(angle, strlen(angle), XIMSS_E_BAD_REQUEST);
    char *name = repeat("<", "a", 4000000, "/>");
    refuse_n(name, strlen(name), XIMSS_E_BAD_REQUEST);
    char *cdata = repeat("<a>", "<![CDATA[]]>", 1000000, "</a>");
    parse(cdata);
}
END_TEST

/* Whatever is wrong, libxml2 must not print into the error log of httpd. */
START_TEST(silent)
{
    char path[] = "/tmp/ximss-test-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    unlink(path);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    refuse_n("<a>&x;</a>", 10, XIMSS_E_BAD_REQUEST);
    refuse_n("<a>\xff\xfe</a>", 9, XIMSS_E_BAD_REQUEST);
    refuse_n("<a:b/><", 7, XIMSS_E_BAD_REQUEST);
    refuse_n("<?xml version='1.0' encoding='UTF-7'?><a/>", 42, XIMSS_E_BAD_REQUEST);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ck_assert_int_eq(lseek(file, 0, SEEK_END), 0);
    close(file);
}
END_TEST

/* Text may end anywhere in a chunk that libxml2 is fed. */
START_TEST(chunk_edges)
{
    static const char tail[] = "&lt;\xe2\x82\xac<e a='1'>\xc3\xa9</e>\r\n</r>";
    char *xml = apr_palloc(test_pool, 70000);
    for (int pad = 65480; pad < 65540; pad++) {
        memcpy(xml, "<r>", 3);
        memset(xml + 3, 'x', (size_t)pad);
        memcpy(xml + 3 + pad, tail, sizeof(tail));
        const ximss_element_t *root = parse(xml);
        ck_assert_uint_eq(strlen(root->children->text), (size_t)pad + 4);
        ck_assert_str_eq(ximss_element_attr(root->children->next, "a"), "1");
        ck_assert_str_eq(ximss_element_text(root->children->next, test_pool), "\xc3\xa9");
        ck_assert_str_eq(root->children->next->next->text, "\n");
    }
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "XML in");
    tcase_add_checked_fixture(tcase, default_limits, NULL);
    tcase_add_test(tcase, tree);
    tcase_add_test(tcase, charsets);
    tcase_add_test(tcase, disguises);
    tcase_add_test(tcase, malformed);
    tcase_add_test(tcase, doctypes);
    tcase_add_test(tcase, limits_are_exact);
    tcase_add_test(tcase, big_documents);
    tcase_add_test(tcase, texts_keep_to_themselves);
    tcase_add_test(tcase, hostile_documents);
    tcase_add_test(tcase, silent);
    tcase_add_test(tcase, chunk_edges);
}
