/* UTF-8 text: cleaning, cutting, folding, searching, mailbox patterns. */
#include "base/text.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define FFFD "\xef\xbf\xbd"

static const char *clean(const char *text, apr_size_t length)
{
    const char *cleaned = ximss_text_clean(text, &length, test_pool);
    return apr_pstrmemdup(test_pool, cleaned, length);
}

START_TEST(clean_keeps_good_text)
{
    const char *good = "tab\t lf\n \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf";
    apr_size_t length = strlen(good);
    ck_assert_ptr_eq(ximss_text_clean(good, &length, test_pool), good);
    ck_assert_uint_eq(length, strlen(good));
}
END_TEST

START_TEST(clean_replaces_bad_text)
{
    ck_assert_str_eq(clean("a\0b", 3), "a" FFFD "b");
    ck_assert_str_eq(clean("\x01\x1f", 2), FFFD FFFD);
    ck_assert_str_eq(clean("\xc0\x80", 2), FFFD FFFD);          /* overlong */
    ck_assert_str_eq(clean("\xed\xa0\x80", 3), FFFD FFFD FFFD); /* surrogate */
    ck_assert_str_eq(clean("\xef\xbf\xbe|\xef\xbf\xbf", 7), FFFD "|" FFFD);
    ck_assert_str_eq(clean("\xf4\x90\x80\x80", 4), FFFD FFFD FFFD FFFD); /* over U+10FFFF */
    ck_assert_str_eq(clean("ok\xe2\x82", 4), "ok" FFFD FFFD);            /* cut */
    ck_assert_str_eq(clean("\xff", 1), FFFD);
}
END_TEST

START_TEST(cut_keeps_characters)
{
    const char *text = "a\xe2\x82\xac"
                       "b";
    ck_assert_uint_eq(ximss_text_cut(text, 5, 9), 5);
    ck_assert_uint_eq(ximss_text_cut(text, 5, 4), 4);
    ck_assert_uint_eq(ximss_text_cut(text, 5, 3), 1);
    ck_assert_uint_eq(ximss_text_cut(text, 5, 2), 1);
    ck_assert_uint_eq(ximss_text_cut(text, 5, 0), 0);
    ck_assert_uint_eq(ximss_text_cut("\xf0\x9f\x98\x80!", 5, 3), 0);
    ck_assert_uint_eq(ximss_text_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
}
END_TEST

static const char *fold(const char *text)
{
    apr_size_t length;
    const char *folded = ximss_text_fold(text, strlen(text), &length, test_pool);
    ck_assert_uint_eq(length, strlen(folded));
    return folded;
}

START_TEST(fold_maps_every_kind_of_run)
{
    ck_assert_str_eq(fold("Hello, WORLD [0-9] @Z`{"), "hello, world [0-9] @z`{");
    ck_assert_str_eq(fold("\xc3\x84\xc3\x96\xc3\x97\xc3\x9f"), "\xc3\xa4\xc3\xb6\xc3\x97\xc3\x9f");
    ck_assert_str_eq(fold("\xc4\x80\xc4\x81\xc4\x82"),
                     "\xc4\x81\xc4\x81\xc4\x83");                   /* each second */
    ck_assert_str_eq(fold("\xe1\xba\x9e"), "\xc3\x9f");             /* capital sharp s: shorter */
    ck_assert_str_eq(fold("\xe2\x84\xaa"), "k");                    /* Kelvin */
    ck_assert_str_eq(fold("\xc8\xba"), "\xe2\xb1\xa5");             /* longer */
    ck_assert_str_eq(fold("\xce\xa3\xcf\x82"), "\xcf\x83\xcf\x83"); /* both sigmas */
    ck_assert_str_eq(fold("\xd0\x96"), "\xd0\xb6");
    ck_assert_str_eq(fold("\xf0\x90\x90\x80"), "\xf0\x90\x90\xa8"); /* Deseret */
    ck_assert_str_eq(fold("\xc4\xb0"), "\xc4\xb0"); /* I with dot: no simple folding */
    ck_assert_str_eq(fold("\xe4\xb8\xad\xf0\x9f\x98\x80"), "\xe4\xb8\xad\xf0\x9f\x98\x80");
    ck_assert_str_eq(fold("\xff"
                          "A"),
                     "\xff"
                     "a");
}
END_TEST

START_TEST(fold_growing_text_fits)
{
    char text[2001];
    for (int i = 0; i < 2000; i += 2) {
        memcpy(text + i, "\xc8\xba", 2);
    }
    text[2000] = '\0';
    ck_assert_uint_eq(strlen(fold(text)), 3000);
}
END_TEST

static int contains(const char *haystack, const char *needle)
{
    return ximss_text_contains_folded(haystack, strlen(haystack), needle, strlen(needle));
}

START_TEST(contains_small)
{
    ck_assert(contains("", ""));
    ck_assert(contains("x", ""));
    ck_assert(!contains("", "x"));
    ck_assert(contains("Subject: HELLO", "hello"));
    ck_assert(contains("GR\xc3\x9c\xc3\x9f"
                       "E",
                       "gr\xc3\xbc\xc3\x9f"
                       "e"));
    ck_assert(!contains("hell", "hello"));
    ck_assert(contains("\xc8\xba", "\xe2\xb1\xa5")); /* the needle is longer than the haystack */
}
END_TEST

/* At each offset around the edges of the blocks that the search folds at a time. */
START_TEST(contains_across_blocks)
{
    enum { SIZE = 70000 };
    char *text = malloc(SIZE);
    for (int offset = 15000; offset < 50000; offset += offset % 16384 < 40 ? 1 : 331) {
        memset(text, 'N', SIZE);
        memcpy(text + offset,
               "N\xc3\x89"
               "EDLE",
               7);
        ck_assert(ximss_text_contains_folded(text, SIZE,
                                             "n\xc3\xa9"
                                             "edle",
                                             7));
        ck_assert(!ximss_text_contains_folded(text, SIZE,
                                              "n\xc3\xa9"
                                              "edlf",
                                              7));
    }
    free(text);
}
END_TEST

START_TEST(contains_long_needle)
{
    enum { SIZE = 100000, NEEDLE = 9000 };
    char *text = malloc(SIZE);
    char *needle = malloc(NEEDLE);
    memset(text, 'A', SIZE);
    memset(needle, 'a', NEEDLE);
    needle[NEEDLE - 1] = 'b';
    ck_assert(!ximss_text_contains_folded(text, SIZE, needle, NEEDLE));
    text[SIZE - 1] = 'B';
    ck_assert(ximss_text_contains_folded(text, SIZE, needle, NEEDLE));
    free(text);
    free(needle);
}
END_TEST

START_TEST(list_patterns)
{
    ck_assert(ximss_text_match_list("*", "a/b/c"));
    ck_assert(ximss_text_match_list("*", ""));
    ck_assert(ximss_text_match_list("%", "abc"));
    ck_assert(!ximss_text_match_list("%", "a/b"));
    ck_assert(ximss_text_match_list("a/%", "a/b"));
    ck_assert(!ximss_text_match_list("a/%", "a/b/c"));
    ck_assert(ximss_text_match_list("a/*c", "a/b/c"));
    ck_assert(ximss_text_match_list("%/%", "a/b"));
    ck_assert(ximss_text_match_list("*%b", "x/y/b"));
    ck_assert(ximss_text_match_list("%*", "x/y"));
    ck_assert(!ximss_text_match_list("a", "ab"));
    ck_assert(!ximss_text_match_list("ab", "a"));
    ck_assert(!ximss_text_match_list("Sent", "sent"));
    ck_assert(ximss_text_match_list("inbox", "INBOX"));
    ck_assert(ximss_text_match_list("INBOX/A", "inbox/A"));
    ck_assert(!ximss_text_match_list("INBOX/A", "inbox/a"));
    ck_assert(!ximss_text_match_list("inboxes", "INBOXES"));
    ck_assert(ximss_text_match_list("100%", "100%"));
}
END_TEST

/* A pattern that backtracks for ever in a naive matcher; the test's time limit would end it. */
START_TEST(list_pattern_is_cheap)
{
    char pattern[1001];
    char name[1001];
    for (int i = 0; i < 1000; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
        name[i] = 'a';
    }
    pattern[999] = 'b';
    pattern[1000] = '\0';
    name[1000] = '\0';
    ck_assert(!ximss_text_match_list(pattern, name));
    char huge[3001];
    memset(huge, '*', 3000);
    huge[3000] = '\0';
    ck_assert(!ximss_text_match_list(huge, "a"));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "text");
    tcase_add_test(tcase, clean_keeps_good_text);
    tcase_add_test(tcase, clean_replaces_bad_text);
    tcase_add_test(tcase, cut_keeps_characters);
    tcase_add_test(tcase, fold_maps_every_kind_of_run);
    tcase_add_test(tcase, fold_growing_text_fits);
    tcase_add_test(tcase, contains_small);
    tcase_add_test(tcase, contains_across_blocks);
    tcase_add_test(tcase, contains_long_needle);
    tcase_add_test(tcase, list_patterns);
    tcase_add_test(tcase, list_pattern_is_cheap);
}
