/* Header fields on their way out: exact forms, and that nothing in a value ends a line. */
#include "mime/decode.h"
#include "mime/field.h"
#include "mime/header_out.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static ximss_out_t *buffer(void)
{
    ximss_out_t *out = apr_palloc(test_pool, sizeof(*out));
    ximss_buffer_init(out, 64, test_pool);
    return out;
}

static const char *text(const char *value)
{
    ximss_out_t *out = buffer();
    ximss_header_text(out, "Subject", value);
    return ximss_buffer_string(out);
}

static const char *raw(const char *value)
{
    ximss_out_t *out = buffer();
    ximss_header_raw_token(out, "References", value);
    return ximss_buffer_string(out);
}

static const char *address(const char *name, const char *addr)
{
    apr_array_header_t *list = apr_array_make(test_pool, 1, sizeof(ximss_address_t));
    ximss_address_t one = {name, addr};
    ximss_out_t *out = buffer();
    APR_ARRAY_PUSH(list, ximss_address_t) = one;
    ximss_header_addresses(out, "To", list);
    return ximss_buffer_string(out);
}

static const char *param(const char *name, const char *value)
{
    apr_array_header_t *list = apr_array_make(test_pool, 1, sizeof(ximss_param_t));
    ximss_param_t one = {name, value};
    ximss_out_t *out = buffer();
    APR_ARRAY_PUSH(list, ximss_param_t) = one;
    ximss_header_params(out, "Content-Type", "image/png", list);
    return ximss_buffer_string(out);
}

/* COUNT times TEXT. */
static const char *many(const char *piece, int count)
{
    ximss_buffer_t all;
    ximss_buffer_init(&all, strlen(piece) * (apr_size_t)count, test_pool);
    for (int i = 0; i < count; i++) {
        ximss_buffer_add(&all, piece, strlen(piece));
    }
    return ximss_buffer_string(&all);
}

/* One field: every line but the first begins with a blank, no line is empty, over LIMIT or holds more than
 * printable ASCII. Returns how many lines there are. */
static int check_lines(const char *field, apr_size_t limit)
{
    const char *stop = field + strlen(field);
    int lines = 0;
    while (field < stop) {
        const char *end = memchr(field, '\r', (apr_size_t)(stop - field));
        apr_size_t length = (apr_size_t)((end == NULL ? stop : end) - field);
        if (end == NULL || end[1] != '\n' || length > limit || !ximss_bytes_plain(field, length) ||
            (*field == ' ') != (lines > 0) || length == 1) {
            ck_abort_msg("line %d of %d bytes: %.100s", lines, (int)length, field);
        }
        field = end + 2;
        lines++;
    }
    return lines;
}

/* What a reader makes of FIELD. */
static const ximss_field_t *decode(const char *field)
{
    const char *colon = strchr(field, ':');
    return ximss_field_decode(field, (apr_size_t)(colon - field), colon + 1, strlen(colon + 1),
                              &limits, test_pool);
}

START_TEST(text_is_plain_where_it_can_be)
{
    ck_assert_str_eq(text("I'll be there!"), "Subject: I'll be there!\r\n");
    ck_assert_str_eq(text("  a  "), "Subject: a\r\n");
    ck_assert_str_eq(text(""), "Subject:\r\n");
    ck_assert_str_eq(text("caf\xc3\xa9 one"), "Subject: =?UTF-8?Q?caf=C3=A9?= one\r\n");
    ck_assert_str_eq(text("a \xc3\xa9 \xc3\xa9 b"), "Subject: a =?UTF-8?B?w6kgw6k=?= b\r\n");
    ck_assert_str_eq(decode(text("a  b \xc3\xa9"))->text, "a  b \xc3\xa9");
}
END_TEST

START_TEST(text_is_folded)
{
    const char *words = many("word ", 100);
    const char *long_word = many("x", 3000);
    const char *letters = many("\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80", 200);
    int lines = check_lines(text(words), 78);
    ck_assert_int_ge(lines, 7);
    ck_assert_str_eq(apr_pstrcat(test_pool, decode(text(words))->text, " ", NULL), words);
    check_lines(text(many("x", 900)), 998);
    check_lines(text(long_word), 78);
    ck_assert_str_eq(decode(text(long_word))->text, long_word);
    check_lines(text(letters), 78);
    ck_assert_str_eq(decode(text(letters))->text, letters);
}
END_TEST

/* Not even the encoded words that a value brings are decoded by anybody. */
START_TEST(text_holds_one_field)
{
    static const char *const hostile[] = {
        "a\r\nX-Evil: 1",
        "a\nX-Evil: 1",
        "a\rX-Evil: 1",
        "a\r\n\r\nbody",
        "a\x0b\x0c\x7f\x01z",
        "=?utf-8?Q?=0D=0AX-Evil:_1?=",
        "=?utf-8?B?DQpYLUV2aWw6IDE=?=",
        "\xff\xfe\r\nX: y",
        "a\xc3\r\n\xa9",
        "=?utf-8?Q?a?=\r\n=?utf-8?Q?=0A?=",
    };
    for (apr_size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        const char *decoded;
        check_lines(text(hostile[i]), 78);
        check_lines(raw(hostile[i]), 78);
        check_lines(param("name", hostile[i]), 78);
        check_lines(address(hostile[i], "a@b.c"), 78);
        check_lines(address(NULL, hostile[i]), 78);
        decoded = decode(text(hostile[i]))->text;
        ck_assert_ptr_null(strpbrk(decoded, "\r\n"));
    }
    ck_assert_str_eq(text("a\r\nX-Evil: 1"), "Subject: =?UTF-8?Q?a__X-Evil=3A_1?=\r\n");
    ck_assert_str_eq(decode(text("=?utf-8?Q?=0D=0AX?="))->text, "=?utf-8?Q?=0D=0AX?=");
}
END_TEST

START_TEST(a_megabyte_is_folded)
{
    static const char *const pieces[] = {"a", "a ", "\xc3\xa9", "\"", "\\", "a@b,", "\r\n", "=?"};
    for (apr_size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const char *value = many(pieces[i], 1024 * 1024 / (int)strlen(pieces[i]));
        check_lines(text(value), 998);
        check_lines(raw(value), 998);
        check_lines(param("filename", value), 998);
        check_lines(address(value, "a@b.c"), 998);
        check_lines(address(NULL, value), 998);
        ck_assert_uint_lt(strlen(param("filename", value)), 12000);
    }
}
END_TEST

START_TEST(names_are_checked)
{
    ximss_out_t *out = buffer();
    apr_array_header_t *none = apr_array_make(test_pool, 1, sizeof(ximss_address_t));
    ximss_header_text(out, "X\r\nY", "a");
    ximss_header_text(out, "X:", "a");
    ximss_header_text(out, "", "a");
    ximss_header_text(out, "X-\xc3\xa9", "a");
    ximss_header_text(out, many("x", 77), "a");
    ximss_header_raw_token(out, "X Y", "a");
    ximss_header_params(out, "X Y", "a/b", NULL);
    ximss_header_date_shift(out, "X Y", 0, 0);
    ximss_header_addresses(out, "To", none);
    ck_assert_uint_eq(out->length, 0);
    ximss_header_text(out, many("x", 76), "a");
    ck_assert_uint_gt(out->length, 0);
}
END_TEST

START_TEST(addresses_are_written)
{
    ck_assert_str_eq(address(NULL, "a@example.org"), "To: a@example.org\r\n");
    ck_assert_str_eq(address("", "a@example.org"), "To: a@example.org\r\n");
    ck_assert_str_eq(address("Sender Name", "a@b.c"), "To: \"Sender Name\" <a@b.c>\r\n");
    ck_assert_str_eq(address("A \"B\" \\", "a@b.c"), "To: \"A \\\"B\\\" \\\\\" <a@b.c>\r\n");
    ck_assert_str_eq(address("J\xc3\xbcrgen", "a@b.c"), "To: =?UTF-8?Q?J=C3=BCrgen?= <a@b.c>\r\n");
    ck_assert_str_eq(address(NULL, "\"a b\"@b.c"), "To: \"a b\"@b.c\r\n");
    ck_assert_str_eq(address(NULL, "a@[1.2.3.4]"), "To: a@[1.2.3.4]\r\n");
    ck_assert_str_eq(address(NULL, "root"), "To: root\r\n");
}
END_TEST

/* What is no address reaches nobody, and a draft keeps it through any number of saves. */
START_TEST(other_texts_are_no_addresses)
{
    ck_assert_str_eq(address(NULL, "John Smith"), "To: John Smith\r\n");
    ck_assert_str_eq(address(NULL, "a@b <x>"), "To: =?UTF-8?Q?a=40b_=3Cx=3E?=:;\r\n");
    ck_assert_str_eq(address(NULL, "a, <x>"), "To: \"a, <x>\":;\r\n");
    ck_assert_str_eq(address(NULL, "\"a, <x>\":;"), "To: \"a, <x>\":;\r\n");
    ck_assert_str_eq(address("Only a name", ""), "To: Only a name\r\n");
    ck_assert_str_eq(address(NULL, "undisclosed-recipients:;"), "To: undisclosed-recipients\r\n");
    ck_assert_str_eq(address(NULL, ""), "To: ?\r\n");
    ck_assert_str_eq(address(NULL, "a..b@c"), "To: a..b@c\r\n");
    ck_assert_int_eq(decode(address(NULL, "a@b, <x@y>"))->addresses->nelts, 0);
}
END_TEST

START_TEST(addr_spec)
{
    static const char *const good[] = {"a@b",          "a.b+c@d.e",    "a",
                                       "\"x\\\"y\"@b", "a@[IPv6:::1]", "\xc3\xa9@\xc3\xa9.org",
                                       "a'b/c=d@e-f.g"};
    static const char *const bad[] = {
        "",
        "@b",
        "a@",
        "a b@c",
        "a@b c",
        "a@b,c",
        "<a@b>",
        "a@b>",
        "a@b\r\n",
        "a@b\"",
        "a@b(c)",
        "a;b@c",
        "a@[1.2",
        "a@[\\]",
        "\"a@b",
        "a@b@c",
        "a@.b",
        "a@b..c",
        "\"a\"b@c",
        "a:b@c",
        "a@[x\n]",
        "a@b\xff",
        "=?utf-8?B?DQpY?=",
        "a@=?utf-8?B?DQpY?=",
    };
    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(ximss_addr_ok(good[i]), "%s", good[i]);
    }
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!ximss_addr_ok(bad[i]), "%s", bad[i]);
    }
    ck_assert(!ximss_addr_ok(apr_pstrcat(test_pool, many("a", 600), "@b", NULL)));
}
END_TEST

START_TEST(dates_have_the_zone)
{
    ximss_out_t *out = buffer();
    ximss_header_date_shift(out, "Date", 1150955484, -8 * 3600);
    ximss_header_date_shift(out, "Date", 0, 5 * 3600 + 45 * 60);
    ximss_header_date_shift(out, "Date", -1, 0);
    ximss_header_date_shift(out, "Date", 0, 86400);
    ximss_header_date(out, "Date", 1150955484, ximss_zone_get("Europe/Berlin"));
    ck_assert_str_eq(ximss_buffer_string(out), "Date: Wed, 21 Jun 2006 21:51:24 -0800\r\n"
                                               "Date: Thu, 1 Jan 1970 05:45:00 +0545\r\n"
                                               "Date: Wed, 31 Dec 1969 23:59:59 +0000\r\n"
                                               "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
                                               "Date: Thu, 22 Jun 2006 07:51:24 +0200\r\n");
    out->length = 0;
    ximss_header_date_shift(out, "Date", APR_INT64_MAX, 3600);
    ximss_header_date_shift(out, "Date", APR_INT64_MIN, -3600);
    ck_assert_str_eq(ximss_buffer_string(out), "Date: Fri, 31 Dec 9999 23:59:59 +0100\r\n"
                                               "Date: Mon, 1 Jan 0001 00:00:00 -0100\r\n");
}
END_TEST

START_TEST(raw_words_are_kept)
{
    ck_assert_str_eq(raw("<a.b@c> <d@e>"), "References: <a.b@c> <d@e>\r\n");
    ck_assert_str_eq(raw(" <a@b>\r\nX: y "), "References: <a@b> X: y\r\n");
    ck_assert_str_eq(raw("<\xc3\xa9@b>"), "References: <__@b>\r\n");
    ck_assert_str_eq(raw("<=?utf-8?Q?=0A?=@b>"), "References: <=_utf-8?Q?=0A?=@b>\r\n");
    ck_assert_str_eq(raw(many("x", 901)), "");
    check_lines(raw(many("<0123456789@example.org> ", 1000)), 78);
}
END_TEST

static const char *get(const char *field, const char *name)
{
    apr_size_t length;
    const char *value =
        ximss_value_unfold(strchr(field, ' '), strlen(strchr(field, ' ')), &length, test_pool);
    const char *params = strchr(value, ';');
    return params == NULL
               ? NULL
               : ximss_param_get(ximss_params_parse(params, strlen(params), test_pool), name);
}

START_TEST(params_are_written)
{
    ck_assert_str_eq(param("name", "a b.png"), "Content-Type: image/png; name=\"a b.png\"\r\n");
    ck_assert_str_eq(param("name", "a\"\\"), "Content-Type: image/png; name=\"a\\\"\\\\\"\r\n");
    ck_assert_str_eq(param("x y", "a"), "Content-Type: image/png\r\n");
    ck_assert_str_eq(param("x*", "a"), "Content-Type: image/png\r\n");
    ck_assert_str_eq(param("x;y", "a"), "Content-Type: image/png\r\n");
    ck_assert_str_eq(param("name", "\xc3\xa9.png"),
                     "Content-Type: image/png; name*=UTF-8''%C3%A9.png;\r\n"
                     " name=\"=?UTF-8?Q?=C3=A9=2Epng?=\"\r\n");
    ck_assert_str_eq(param("title", "\xc3\xa9"),
                     "Content-Type: image/png; title*=UTF-8''%C3%A9\r\n");
}
END_TEST

START_TEST(params_come_back)
{
    static const char *const values[] = {
        "",
        "a;b=c\"d\\e",
        "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe9\x95\xb7\xe3\x81\x84\xe5\x90\x8d.pdf",
        "%41'b*c",
    };
    const char *far = many("\xf0\x9f\x98\x80 name ", 40);
    const char *twin;
    for (apr_size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_str_eq(get(param("filename", values[i]), "filename"), values[i]);
    }
    check_lines(param("filename", far), 78);
    ck_assert_str_eq(apr_pstrcat(test_pool, get(param("filename", far), "filename"), " ", NULL),
                     far);
    /* the form for readers that know RFC 2047 only */
    twin = strstr(param("filename", far), " filename=\"");
    ck_assert_str_eq(apr_pstrcat(test_pool,
                                 get(apr_pstrcat(test_pool, "X: y;", twin, NULL), "filename"), " ",
                                 NULL),
                     far);
}
END_TEST

START_TEST(types_are_tokens)
{
    ximss_out_t *out = buffer();
    ximss_header_params(out, "Content-Type", "text/pl ain\r\nX: y", NULL);
    ck_assert_str_eq(ximss_buffer_string(out), "Content-Type: text/pl_ain__X__y\r\n");
    ck_assert(ximss_token_ok("x-mac-type", 20));
    ck_assert(!ximss_token_ok("x-mac-type", 5));
    ck_assert(!ximss_token_ok("a/b", 20));
    ck_assert(!ximss_token_ok("", 20));
}
END_TEST

START_TEST(message_ids_are_new)
{
    const char *first = ximss_message_id(1700000000, "example.org", test_pool);
    const char *second = ximss_message_id(1700000000, "example.org", test_pool);
    ck_assert_str_ne(first, second);
    ck_assert(strncmp(first, "<1700000000.", 12) == 0);
    ck_assert_str_eq(strchr(first, '@'), "@example.org>");
    ck_assert_str_eq(strchr(ximss_message_id(1, "a>\r\n..b.", test_pool), '@'), "@a.b>");
    ck_assert_str_eq(strchr(ximss_message_id(1, "", test_pool), '@'), "@localhost>");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "header_out");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, text_is_plain_where_it_can_be);
    tcase_add_test(tcase, text_is_folded);
    tcase_add_test(tcase, text_holds_one_field);
    tcase_add_test(tcase, a_megabyte_is_folded);
    tcase_add_test(tcase, names_are_checked);
    tcase_add_test(tcase, addresses_are_written);
    tcase_add_test(tcase, other_texts_are_no_addresses);
    tcase_add_test(tcase, addr_spec);
    tcase_add_test(tcase, dates_have_the_zone);
    tcase_add_test(tcase, raw_words_are_kept);
    tcase_add_test(tcase, params_are_written);
    tcase_add_test(tcase, params_come_back);
    tcase_add_test(tcase, types_are_tokens);
    tcase_add_test(tcase, message_ids_are_new);
}
