/* Transfer decoders, at once and byte by byte, and charsets. */
#include "mime/content.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

#define FFFD "\xef\xbf\xbd"

/* Decodes IN in pieces of STEP bytes. */
static char *run(ximss_encoding_t encoding, const char *in, apr_size_t step, apr_size_t *length)
{
    apr_size_t size = strlen(in);
    char *out = apr_palloc(test_pool, ximss_decoder_bound(size) * 2);
    ximss_decoder_t decoder;
    *length = 0;
    ximss_decoder_init(&decoder, encoding);
    for (apr_size_t at = 0; at < size || at == 0; at += step) {
        apr_size_t piece = size - at < step ? size - at : step;
        apr_size_t got =
            ximss_decoder_run(&decoder, in + at, piece, at + step >= size, out + *length);
        ck_assert_uint_le(got, ximss_decoder_bound(piece));
        *length += got;
    }
    out[*length] = '\0';
    return out;
}

/* The result, which must be the same for all step sizes. */
static const char *decode(ximss_encoding_t encoding, const char *in)
{
    apr_size_t length;
    apr_size_t other_length;
    const char *whole = run(encoding, in, strlen(in) + 1, &length);
    for (apr_size_t step = 1; step < 9; step++) {
        const char *other = run(encoding, in, step, &other_length);
        ck_assert_uint_eq(length, other_length);
        ck_assert_int_eq(memcmp(whole, other, length), 0);
    }
    return whole;
}

static const char *base64(const char *in)
{
    return decode(XIMSS_ENCODING_BASE64, in);
}

START_TEST(base64_is_decoded)
{
    ck_assert_str_eq(base64(""), "");
    ck_assert_str_eq(base64("YWJj"), "abc");
    ck_assert_str_eq(base64("YWI="), "ab");
    ck_assert_str_eq(base64("YQ=="), "a");
    ck_assert_str_eq(base64("YWJj\r\nZGVm\r\n"), "abcdef");
}
END_TEST

START_TEST(base64_is_lenient)
{
    ck_assert_str_eq(base64("Y W*J\xff j!"), "abc");
    ck_assert_str_eq(base64("YQ"), "a");
    ck_assert_str_eq(base64("YWI"), "ab");
    ck_assert_str_eq(base64("Y"), "");
    ck_assert_str_eq(base64("YQ==YWI=YWJj"), "aababc");
    ck_assert_str_eq(base64("===="), "");
    ck_assert_str_eq(base64("YWJjY=YWJj"), "abcabc");
}
END_TEST

static const char *quoted(const char *in)
{
    return decode(XIMSS_ENCODING_QUOTED, in);
}

START_TEST(quoted_is_decoded)
{
    ck_assert_str_eq(quoted("a=3Db"), "a=b");
    ck_assert_str_eq(quoted("a=3db"), "a=b");
    ck_assert_str_eq(quoted("a=\r\nb"), "ab");
    ck_assert_str_eq(quoted("a=\nb"), "ab");
    ck_assert_str_eq(quoted("a= \t\r\nb"), "ab");
    ck_assert_str_eq(quoted("a \t\r\nb  c"), "a\r\nb  c");
    ck_assert_str_eq(quoted("a  \nb"), "a\nb");
    ck_assert_str_eq(quoted("a\rb"), "a\rb");
    ck_assert_str_eq(quoted("a=\rb= \rc"), "abc");
}
END_TEST

START_TEST(quoted_is_lenient)
{
    ck_assert_str_eq(quoted("a=zb"), "a=zb");
    ck_assert_str_eq(quoted("a=4zb"), "a=4zb");
    ck_assert_str_eq(quoted("a=4=3D"), "a=4=");
    ck_assert_str_eq(quoted("a==3D"), "a==");
    ck_assert_str_eq(quoted("a= b"), "a= b");
    ck_assert_str_eq(quoted("a="), "a");
    ck_assert_str_eq(quoted("a=4"), "a=4");
    ck_assert_str_eq(quoted("\xe9"), "\xe9");
    /* more white space than can be held is kept */
    ck_assert_uint_ge(strlen(quoted(apr_psprintf(test_pool, "a%200s\n", ""))), 2);
}
END_TEST

START_TEST(uuencoded_is_decoded)
{
    ck_assert_str_eq(decode(XIMSS_ENCODING_UU, "x\nbegin 644 f\n#86)C\n`\nend\n#86)C\n"), "abc");
    ck_assert_str_eq(decode(XIMSS_ENCODING_UU, "begin 644 f\r\n!80``\r\n \r\nend"), "a");
    ck_assert_str_eq(decode(XIMSS_ENCODING_UU, "#86)C\n"), "");
    ck_assert_str_eq(decode(XIMSS_ENCODING_NONE, "as = is"), "as = is");
}
END_TEST

static const char *utf8(const char *charset, const char *bytes, apr_size_t length)
{
    const char *text = ximss_charset_to_utf8(charset, bytes, length, &length, test_pool);
    ck_assert_int_eq(text[length], '\0');
    return text;
}

START_TEST(charsets_are_known)
{
    ck_assert_str_eq(utf8("iso-8859-1", "\xe9\x80", 2), "\xc3\xa9\xe2\x82\xac");
    ck_assert_str_eq(utf8("\"UTF-8\"", "\xc3\xa9", 2), "\xc3\xa9");
    ck_assert_str_eq(utf8("utf8", "\xc3\xa9", 2), "\xc3\xa9");
    ck_assert_str_eq(utf8("ISO8859-15", "\xa4", 1), "\xe2\x82\xac");
    ck_assert_str_eq(utf8("iso_8859-2", "\xb1", 1), "\xc4\x85");
    ck_assert_str_eq(utf8("x-sjis", "\x82\xa0", 2), "\xe3\x81\x82");
    ck_assert_str_eq(utf8("ks_c_5601-1987", "\xb0\xa1", 2), "\xea\xb0\x80");
    ck_assert_str_eq(utf8("gb2312", "\x81\x30\x81\x30", 4), "\xc2\x80");
    ck_assert_str_eq(utf8("iso-2022-jp", "\x1b$B$\"\x1b(B", 8), "\xe3\x81\x82");
    ck_assert_str_eq(utf8("koi8-r", "\xc1", 1), "\xd0\xb0");
}
END_TEST

START_TEST(charsets_unknown_or_wrong)
{
    ck_assert_str_eq(utf8(NULL, "\xc3\xa9", 2), "\xc3\xa9");
    ck_assert_str_eq(utf8(NULL, "\xe9", 1), "\xc3\xa9");
    ck_assert_str_eq(utf8("us-ascii", "\xe9", 1), "\xc3\xa9");
    ck_assert_str_eq(utf8("no such", "\xe9", 1), "\xc3\xa9");
    ck_assert_str_eq(utf8("", "\xe9", 1), "\xc3\xa9");
    ck_assert_str_eq(utf8("utf-8", "\xe9", 1), FFFD);
    ck_assert_str_eq(utf8("utf-7", "+ADw-", 5), "+ADw-");
    ck_assert_str_eq(utf8("utf-8", "\xc0\xbc", 2), FFFD FFFD);
    ck_assert_str_eq(utf8("shift_jis", "a\x82", 2), "a" FFFD);
    ck_assert_str_eq(utf8("iso-8859-8-i", "\xff", 1), FFFD);
}
END_TEST

START_TEST(charsets_of_wide_characters)
{
    ck_assert_str_eq(utf8("utf-16", "\xff\xfe\x61\x00", 4), "a");
    ck_assert_str_eq(utf8("utf-16", "\xfe\xff\x00\x61", 4), "a");
    ck_assert_str_eq(utf8("utf-16", "a\0b\0", 4), "ab");
    ck_assert_str_eq(utf8("utf-16", "\0a\0b", 4), "ab");
    ck_assert_str_eq(utf8("utf-16le", "\x00\xd8", 2), FFFD FFFD);
    ck_assert_str_eq(utf8("utf-16", "a", 1), FFFD);
    ck_assert_str_eq(utf8("utf-8",
                          "\xef\xbb\xbf"
                          "a",
                          4),
                     "a");
}
END_TEST

/* A megabyte that is wrong in each byte ends soon, in another charset. */
START_TEST(junk_is_cheap)
{
    apr_size_t length = 1000000;
    char *bytes = apr_palloc(test_pool, length);
    const char *text;
    memset(bytes, 0xFF, length);
    text = ximss_charset_to_utf8("euc-jp", bytes, length, &length, test_pool);
    ck_assert_uint_gt(length, 1000000);
    ck_assert_str_eq(text + length - 2, "\xc3\xbf");
}
END_TEST

START_TEST(charset_names_are_sorted)
{
    for (int i = 0; ximss_charset_names[i + 1] != NULL; i++) {
        ck_assert_int_lt(strcmp(ximss_charset_names[i], ximss_charset_names[i + 1]), 0);
    }
    for (int i = 0; ximss_charset_names[i] != NULL; i++) {
        const char *ascii = utf8(ximss_charset_names[i], "abc", 3);
        ck_assert_msg(strcmp(ascii, "abc") == 0, "%s", ximss_charset_names[i]);
    }
}
END_TEST

START_TEST(text_bodies)
{
    ximss_part_t part = {.encoding = XIMSS_ENCODING_QUOTED};
    ximss_param_t charset = {"charset", "iso-8859-1"};
    apr_size_t length;
    const char *text;
    part.type_params = apr_array_make(test_pool, 1, sizeof(ximss_param_t));
    APR_ARRAY_PUSH(part.type_params, ximss_param_t) = charset;
    text = ximss_content_text(&part, "a=E9\r\nb\rc\n", 10, &length, test_pool);
    ck_assert_str_eq(text, "a\xc3\xa9\nb\nc\n");
    ck_assert_uint_eq(length, strlen(text));
    text = ximss_content_text(&part, "", 0, &length, test_pool);
    ck_assert_str_eq(text, "");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *decoders = suite_case(suite, "decoders");
    TCase *charsets = suite_case(suite, "charsets");
    tcase_add_test(decoders, base64_is_decoded);
    tcase_add_test(decoders, base64_is_lenient);
    tcase_add_test(decoders, quoted_is_decoded);
    tcase_add_test(decoders, quoted_is_lenient);
    tcase_add_test(decoders, uuencoded_is_decoded);
    tcase_add_test(charsets, charsets_are_known);
    tcase_add_test(charsets, charsets_unknown_or_wrong);
    tcase_add_test(charsets, charsets_of_wide_characters);
    tcase_add_test(charsets, junk_is_cheap);
    tcase_add_test(charsets, charset_names_are_sorted);
    tcase_add_test(charsets, text_bodies);
}
