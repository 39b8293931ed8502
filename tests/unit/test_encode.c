/* Line ends and the survey of a text, against a byte at a time. */
#include "mime/encode.h"
#include "unit/suite.h"

#include <string.h>

/* Bytes that mean something to one of the two, and some that do not. */
static const char bytes[] = {'a',  '=',  '\r', '\n', '\t',       ' ',
                             '\0', 0x1F, 0x7F, '~',  (char)0x80, (char)0xFF};
enum { BYTES = sizeof(bytes) };

static apr_size_t end_at(const char *text, apr_size_t length, apr_size_t at)
{
    if (text[at] == '\n') {
        return 1;
    }
    return text[at] != '\r' ? 0 : at + 1 < length && text[at + 1] == '\n' ? 2 : 1;
}

static void check_survey(const char *text, apr_size_t length)
{
    ximss_survey_t expected = {0};
    ximss_survey_t found;
    apr_size_t start = 0;
    for (apr_size_t at = 0; at <= length; at++) {
        unsigned char c = at < length ? (unsigned char)text[at] : 'x';
        apr_size_t end = at < length ? end_at(text, length, at) : 1;
        if (end > 0) {
            expected.longest = at - start > expected.longest ? at - start : expected.longest;
            expected.from_line |= at - start >= 5 && memcmp(text + start, "From ", 5) == 0;
            expected.bare += at < length && end == 1;
            at += end - 1;
            start = at + 1;
            continue;
        }
        expected.eight_bit |= c >= 0x80;
        expected.nul |= c == 0;
        expected.controls |= c == 0x7F || (c < ' ' && c != '\t');
        expected.quoted_size += c >= 0x7F || c == '=' || (c < ' ' && c != '\t');
    }
    ximss_survey(&found, text, length);
    ck_assert_int_eq(found.eight_bit, expected.eight_bit);
    ck_assert_int_eq(found.nul, expected.nul);
    ck_assert_int_eq(found.controls, expected.controls);
    ck_assert_int_eq(found.from_line, expected.from_line);
    ck_assert_uint_eq(found.bare, expected.bare);
    ck_assert_uint_eq(found.longest, expected.longest);
    ck_assert_uint_eq(found.quoted_size, expected.quoted_size);
}

static void check_lines(const char *text, apr_size_t length)
{
    char expected[64];
    apr_size_t size = 0;
    ximss_buffer_t found;
    for (apr_size_t at = 0; at < length; at++) {
        apr_size_t end = end_at(text, length, at);
        memcpy(expected + size, end > 0 ? "\r\n" : text + at, end > 0 ? 2 : 1);
        size += end > 0 ? 2 : 1;
        at += end > 0 ? end - 1 : 0;
    }
    ximss_buffer_init(&found, 1, test_pool);
    ximss_lines_put(&found, text, length);
    ck_assert_uint_eq(found.length, size);
    ck_assert(memcmp(found.data, expected, size) == 0);
}

/* Every two bytes at every two places of a text of three words. */
START_TEST(every_place)
{
    char text[24];
    for (unsigned int n = 0; n < BYTES * BYTES * sizeof(text) * sizeof(text); n++) {
        unsigned int at = n / BYTES / BYTES;
        apr_size_t first = at / sizeof(text);
        apr_size_t second = at % sizeof(text);
        memset(text, 'b', sizeof(text));
        text[first] = bytes[n % BYTES];
        text[second] = bytes[n / BYTES % BYTES];
        check_survey(text, sizeof(text));
        check_survey(text, second);
    }
}
END_TEST

/* All short texts of line ends and others. */
START_TEST(line_ends)
{
    char text[8];
    for (apr_size_t length = 0; length <= 7; length++) {
        for (unsigned int n = 0; n < 1u << (2 * length); n++) {
            for (apr_size_t at = 0; at < length; at++) {
                text[at] = "\r\nFx"[n >> (2 * at) & 3];
            }
            check_lines(text, length);
            check_survey(text, length);
        }
        apr_pool_clear(test_pool);
    }
}
END_TEST

START_TEST(from_lines)
{
    check_survey("From x", 6);
    check_survey("From", 4);
    check_survey("a\nFrom ", 7);
    check_survey("a\rFrom b\r\nFrom\r\n", 17);
    check_survey(">From x\n", 8);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "encode");
    tcase_add_test(tcase, every_place);
    tcase_add_test(tcase, line_ends);
    tcase_add_test(tcase, from_lines);
}
