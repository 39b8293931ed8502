/* Flag lists, and mbox files. */
#include "mime/flags.h"
#include "mime/mbox.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static ximss_flag_change_t parse(const char *list)
{
    ximss_flag_change_t change;
    ck_assert_ptr_eq(ximss_flags_parse(&change, list, 0, test_pool), NULL);
    return change;
}

static const char *format(unsigned int bits, const char *keywords)
{
    ximss_flags_t flags = {bits, keywords};
    return ximss_flags_format(&flags, test_pool);
}

START_TEST(flags_are_read)
{
    ximss_flag_change_t change = parse("seen,Unflagged, \\Deleted,$MDNSent,Drafts,NotJunk,Label2");
    ck_assert_uint_eq(change.set, XIMSS_FLAG_SEEN | XIMSS_FLAG_DELETED | XIMSS_FLAG_MDNSENT |
                                      XIMSS_FLAG_DRAFT | XIMSS_FLAG_LABEL2);
    ck_assert_uint_eq(change.clear, XIMSS_FLAG_FLAGGED | XIMSS_FLAG_JUNK);
    change = parse("Seen,Unread");
    ck_assert_uint_eq(change.set, 0);
    ck_assert_uint_eq(change.clear, XIMSS_FLAG_SEEN);
    change = parse("Unread,Seen");
    ck_assert_uint_eq(change.set, XIMSS_FLAG_SEEN);
    ck_assert_uint_eq(change.clear, 0);
    change = parse("-Seen,-Unflagged");
    ck_assert_uint_eq(change.clear, XIMSS_FLAG_SEEN);
    ck_assert_uint_eq(change.set, XIMSS_FLAG_FLAGGED);
    ck_assert_uint_eq(parse("").set, 0);
}
END_TEST

START_TEST(filters_take_every_word)
{
    static const char *const none[] = {"Seen,Unseen", "Unread,Read", "a,-a", "-a,a"};
    const ximss_flags_t flags[] = {{0, ""}, {XIMSS_FLAG_SEEN, "a"}};
    ximss_flag_change_t filter;
    for (apr_size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ck_assert_ptr_null(ximss_flags_parse(&filter, none[i], 1, test_pool));
        ck_assert_int_eq(ximss_flags_match(&flags[0], &filter), 0);
        ck_assert_int_eq(ximss_flags_match(&flags[1], &filter), 0);
    }
    ck_assert_ptr_null(ximss_flags_parse(&filter, "Recent,Seen", 1, test_pool));
    ck_assert_uint_eq(filter.set, XIMSS_FLAG_RECENT | XIMSS_FLAG_SEEN);
}
END_TEST

START_TEST(keywords_are_kept)
{
    ximss_flag_change_t change = parse("meetingCreated,-task.x,$own,Notmine,a,-a");
    ck_assert_int_eq(change.set_keywords->nelts, 3);
    ck_assert_str_eq(APR_ARRAY_IDX(change.set_keywords, 0, const char *), "meetingCreated");
    ck_assert_str_eq(APR_ARRAY_IDX(change.set_keywords, 2, const char *), "Notmine");
    ck_assert_int_eq(change.clear_keywords->nelts, 2);
}
END_TEST

START_TEST(wrong_flags_are_refused)
{
    static const char *const wrong[] = {"a<b", "\\Own", "-", "caf\xc3\xa9", "a/b"};
    ximss_flag_change_t change;
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const ximss_error_t *error = ximss_flags_parse(&change, wrong[i], 1, test_pool);
        ck_assert_ptr_ne(error, NULL);
        ck_assert_int_eq(error->code, XIMSS_E_BAD_REQUEST);
    }
    ck_assert_ptr_ne(ximss_flags_parse(&change, "Recent", 0, test_pool), NULL);
}
END_TEST

START_TEST(flags_are_written)
{
    ck_assert_str_eq(format(0, ""), "");
    ck_assert_str_eq(format(XIMSS_FLAG_FLAGGED | XIMSS_FLAG_RECENT | XIMSS_FLAG_SEEN, ""),
                     "Recent,Seen,Flagged");
    ck_assert_str_eq(format(XIMSS_FLAG_DRAFT | XIMSS_FLAG_MDNSENT, "a,b"), "Draft,MDNSent,a,b");
    ck_assert_str_eq(format(0, "a"), "a");
}
END_TEST

START_TEST(flags_match_and_change)
{
    ximss_flags_t flags = {XIMSS_FLAG_SEEN | XIMSS_FLAG_JUNK, "alpha,beta"};
    ximss_flag_change_t change = parse("Seen,Unflagged,beta,-gamma");
    ck_assert_int_eq(ximss_flags_match(&flags, &change), 1);
    change = parse("Unseen");
    ck_assert_int_eq(ximss_flags_match(&flags, &change), 0);
    change = parse("bet");
    ck_assert_int_eq(ximss_flags_match(&flags, &change), 0);
    change = parse("-ALPHA");
    ck_assert_int_eq(ximss_flags_match(&flags, &change), 0);
    change = parse("Flagged,NotJunk,-alpha,zeta,Beta,aa");
    flags = ximss_flags_apply(&flags, &change, test_pool);
    ck_assert_uint_eq(flags.bits, XIMSS_FLAG_SEEN | XIMSS_FLAG_FLAGGED);
    ck_assert_str_eq(flags.keywords, "aa,beta,zeta");
}
END_TEST

/* The messages of an mbox, each in brackets. */
static const char *split(const char *data)
{
    ximss_mbox_t *mbox = ximss_mbox_open(data, strlen(data), test_pool);
    ximss_mbox_message_t message;
    const char *shown = "";
    while (ximss_mbox_next(mbox, &message)) {
        shown = apr_pstrcat(test_pool, shown, "[",
                            apr_pstrmemdup(test_pool, message.data, message.length), "]", NULL);
    }
    ck_assert_uint_eq(ximss_mbox_offset(mbox), strlen(data));
    return shown;
}

#define FROM "From a@b Thu Jan  1 00:00:10 1970\n"

START_TEST(mbox_is_split)
{
    ck_assert_str_eq(split(""), "");
    ck_assert_str_eq(split(FROM "A: b\n\nc\n\n" FROM "D: e\n\nf\n"), "[A: b\n\nc\n][D: e\n\nf\n]");
    ck_assert_str_eq(split(FROM "A: b\n\n" FROM "C: d"), "[A: b\n][C: d]");
    ck_assert_str_eq(
        split("From a@b Thu Jan  1 00:00:10 1970\r\nA: b\r\n\r\nc\r\n\r\n" FROM "D: e\n"),
        "[A: b\r\n\r\nc\r\n][D: e\n]");
    ck_assert_str_eq(split(FROM), "[]");
}
END_TEST

START_TEST(mbox_from_in_bodies)
{
    ck_assert_str_eq(split(FROM "A: b\n\n>From x\n>>From y\n> From z\n"),
                     "[A: b\n\nFrom x\n>From y\n> From z\n]");
    ck_assert_str_eq(split(FROM "A: b\n\nFrom the start of a sentence\n"),
                     "[A: b\n\nFrom the start of a sentence\n]");
    ck_assert_str_eq(split(FROM "A: b\n\nx\n" FROM), "[A: b\n\nx\n" FROM "]");
    ck_assert_str_eq(split(FROM "Content-Length: 999\n\nx\n\n" FROM "A: b\n"),
                     "[Content-Length: 999\n\nx\n][A: b\n]");
}
END_TEST

START_TEST(mbox_dates)
{
    static const char *const lines[] = {
        "From a Thu Jan  1 00:00:10 1970\n", "From \"a b\"@c  Thu Jan 01 00:00:10 1970\r\n",
        "From a Thu Jan 1 01:00:10 1970 +0100\n", "From Mon Thu Jan 1 00:00:10 GMT 1970"};
    for (apr_size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ximss_mbox_message_t message;
        ximss_mbox_t *mbox = ximss_mbox_open(lines[i], strlen(lines[i]), test_pool);
        ck_assert_int_eq(ximss_mbox_next(mbox, &message), 1);
        ck_assert_int_eq(message.date_valid, 1);
        ck_assert_int_eq(message.date, 10);
        ck_assert_int_eq(ximss_mbox_next(mbox, &message), 0);
    }
}
END_TEST

/* Some exporters write no dates: then a single word behind "From " separates, but text does not. */
START_TEST(mbox_without_dates)
{
    static const char text[] = "From 184@xxx\nA: 1\n\nx\n\nFrom 185@xxx\nA: 2\n\nFrom here on\n";
    ximss_mbox_t *mbox = ximss_mbox_open(text, sizeof(text) - 1, test_pool);
    ximss_mbox_message_t message;
    ck_assert_int_eq(ximss_mbox_next(mbox, &message), 1);
    ck_assert_int_eq(message.date_valid, 0);
    ck_assert_uint_eq(message.length, strlen("A: 1\n\nx\n"));
    ck_assert_int_eq(ximss_mbox_next(mbox, &message), 1);
    ck_assert_uint_eq(message.length, strlen("A: 2\n\nFrom here on\n"));
    ck_assert_int_eq(ximss_mbox_next(mbox, &message), 0);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *flags = suite_case(suite, "flags");
    TCase *mbox = suite_case(suite, "mbox");
    tcase_add_test(flags, flags_are_read);
    tcase_add_test(flags, filters_take_every_word);
    tcase_add_test(flags, keywords_are_kept);
    tcase_add_test(flags, wrong_flags_are_refused);
    tcase_add_test(flags, flags_are_written);
    tcase_add_test(flags, flags_match_and_change);
    tcase_add_test(mbox, mbox_is_split);
    tcase_add_test(mbox, mbox_from_in_bodies);
    tcase_add_test(mbox, mbox_dates);
    tcase_add_test(mbox, mbox_without_dates);
}
