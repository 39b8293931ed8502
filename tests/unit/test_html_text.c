/* The text of HTML: what readers see of it, in lines. */
#include "mime/html_text.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static const char *text_of(const char *html)
{
    apr_size_t length;
    const char *text = ximss_html_text(html, strlen(html), &length, test_pool);

    ck_assert_uint_eq(length, strlen(text));
    return text;
}

static const struct {
    const char *html;
    const char *text;
} documents[] = {
    {"", ""},
    {" \n ", ""},
    {"plain", "plain\n"},
    {"  two \r\n\t words  ", "two words\n"},
    {"<p>one</p>\n<p>two</p>", "one\n\ntwo\n"},
    {"<div>one</div><div>two<div>three</div></div>", "one\ntwo\nthree\n"},
    {"one<br>two<BR/>three<br />\nfour", "one\ntwo\nthree\nfour\n"},
    {"one<br><br>two", "one\n\ntwo\n"},
    {"one<br></div>two", "one\ntwo\n"},
    {"a <b>bold</b> <i>word</i>, <u>a</u>nd", "a bold word, and\n"},
    {"<h1>Title</h1>text", "Title\n\ntext\n"},
    {"<ul><li>one<li>two</ul>three", "* one\n* two\nthree\n"},
    {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"},
    {"above<hr>below", "above\n----\nbelow\n"},
    {"x<blockquote>quoted<br>more<blockquote>deep</blockquote></blockquote>y",
     "x\n\n> quoted\n> more\n>\n>> deep\n\ny\n"},
    {"<pre>  two\n    lines </pre>end", "  two\n    lines \n\nend\n"},
    {"&lt;&gt;&amp;&quot;&apos; &euro;&nbsp;&eacute;&#65;&#x42;&#X43;;",
     "<>&\"' \xE2\x82\xAC \xC3\xA9"
     "ABC;\n"},
    {"&amp &ampx &unknown; &; & &#; &#x; &#128; &#xD800; &#0; &#99999999999;",
     "& &ampx &unknown; &; & &#; &#x; \xE2\x82\xAC \xEF\xBF\xBD \xEF\xBF\xBD\n"},
    {"a<!-- <p>no</p> -->b<!doctype html>c<?xml no?>d</>e", "abcde\n"},
    {"a<!-- never ends <p>b", "a\n"},
    {"a<script>if (a<b) '</p>'</script >b<STYLE>p{}</style>c<title>t</title>", "abc\n"},
    {"a<script>never ends", "a\n"},
    {"a<b title='>' class=\">\">c</b>d", "acd\n"},
    {"a<b title=\"never ends>c", "a\n"},
    {"1 < 2 <3 <- >", "1 < 2 <3 <- >\n"},
    {"a</p", "a\n"},
    {"</blockquote></blockquote>a<", "a<\n"},
    {"a\xFF"
     "b\x01",
     "a\xEF\xBF\xBD"
     "b\xEF\xBF\xBD\n"},
    {"<a href=\"http://x/\">link</a> <img src=y alt=z>.", "link .\n"},
};

START_TEST(document)
{
    ck_assert_str_eq(text_of(documents[_i].html), documents[_i].text);
}
END_TEST

/* What is written may not grow without bounds over what is read, and each byte is read about once. */
START_TEST(bounded)
{
    static const char *const pieces[] = {
        "<blockquote>", "<br>", "<blockquote>a",  "<!--",  "<script>",
        "<a b=\"",      "&#9;", "<pre>\n",        "&",     "<",
        "<li>",         "\n",   "</blockquote>a", "<p>a ", "<hr>"};
    apr_size_t i;

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        apr_size_t size = strlen(pieces[i]);
        apr_size_t count = 1000000 / size;
        char *html = apr_palloc(test_pool, count * size + 1);
        apr_size_t length;
        apr_size_t k;

        for (k = 0; k < count; k++) {
            memcpy(html + k * size, pieces[i], size);
        }
        ximss_html_text(html, count * size, &length, test_pool);
        ck_assert_msg(length <= 12 * count * size + 100, "%s: %d", pieces[i], (int)length);
        apr_pool_clear(test_pool);
    }
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *cases = suite_case(suite, "html_text");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, document, 0, sizeof(documents) / sizeof(documents[0]));
    tcase_add_test(cases, bounded);
}
