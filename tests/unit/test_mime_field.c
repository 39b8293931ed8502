/* Header fields: words, addresses, dates, parameters, and the packed form. */
#include "mime/decode.h"
#include "mime/digest.h"
#include "mime/field.h"
#include "mime/structure.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static ximss_field_t *field(const char *name, const char *value)
{
    return ximss_field_decode(name, strlen(name), value, strlen(value), &limits, test_pool);
}

static const char *text(const char *value)
{
    return field("subject", value)->text;
}

START_TEST(text_is_unfolded)
{
    ck_assert_str_eq(text(" a\r\n b"), "a b");
    ck_assert_str_eq(text(" a \r\n\t  b  "), "a b");
    ck_assert_str_eq(text("a\n b\r\n\r\n c"), "a b c");
    ck_assert_str_eq(text("a\tb"), "a b");
    ck_assert_str_eq(text("a\rb"), "a b");
    ck_assert_str_eq(text(""), "");
    ck_assert_str_eq(field("sUBJECT", "x")->name, "Subject");
    ck_assert_str_eq(field("message-id", "x")->name, "Message-ID");
    ck_assert_str_eq(field("X-oWn", "x")->name, "X-oWn");
}
END_TEST

START_TEST(text_is_always_utf8)
{
    ck_assert_str_eq(text("caf\xc3\xa9"), "caf\xc3\xa9");
    ck_assert_str_eq(text("caf\xe9"), "caf\xc3\xa9");
    ck_assert_str_eq(text("\x80"), "\xe2\x82\xac");
    ck_assert_str_eq(text("a\x01z"), "a\xef\xbf\xbdz");
    ck_assert_str_eq(ximss_field_decode("Subject", 7, "a\0b", 3, &limits, test_pool)->text,
                     "a\xef\xbf\xbd"
                     "b");
}
END_TEST

START_TEST(words_are_decoded)
{
    ck_assert_str_eq(text("=?utf-8?q?a=C3=A9_b?="), "a\xc3\xa9 b");
    ck_assert_str_eq(text("=?UTF-8?B?w6k=?="), "\xc3\xa9");
    ck_assert_str_eq(text("=?utf-8*de?q?x?="), "x");
    ck_assert_str_eq(text("a =?utf-8?q?b?= c"), "a b c");
    ck_assert_str_eq(text("=?utf-8?q?a?= =?utf-8?q?b?="), "ab");
    ck_assert_str_eq(text("=?utf-8?q?a?=\r\n =?iso-8859-1?q?=E9?="), "a\xc3\xa9");
    ck_assert_str_eq(text("=?utf-8?q?a?=b"), "ab");
    /* a character split over two words */
    ck_assert_str_eq(text("=?utf-8?B?ww==?= =?utf-8?B?qQ==?="), "\xc3\xa9");
    ck_assert_str_eq(text("=?utf-8?q?no end"), "=?utf-8?q?no end");
    ck_assert_str_eq(text("=?utf-8?x?a?="), "=?utf-8?x?a?=");
    ck_assert_str_eq(text("=??q?a?="), "a");
    ck_assert_str_eq(text("=?"), "=?");
    ck_assert_str_eq(text("=?utf-8?q?=4?="), "=4");
}
END_TEST

START_TEST(words_cannot_smuggle)
{
    ck_assert_str_eq(text("=?utf-8?q?a=0D=0ABcc:_x?="), "a  Bcc: x");
    ck_assert_str_eq(text("=?utf-8?q?a=00b?="), "a\xef\xbf\xbd"
                                                "b");
    /* UTF-7 is not decoded: it would give markup */
    ck_assert_str_eq(text("=?utf-7?q?+ADw-script+AD4-?="), "+ADw-script+AD4-");
    ck_assert_str_eq(text("=?x-none?q?=E9?="), "\xc3\xa9");
    /* iconv's suffixes do not reach it */
    ck_assert_str_eq(text("=?utf-8//IGNORE?q?=E9?="), "\xef\xbf\xbd");
    ck_assert_str_eq(text("=?koi8-r//TRANSLIT?q?=C1?="), "\xd0\xb0");
    /* overlong, surrogate, U+FFFE */
    ck_assert_ptr_eq(strstr(text("=?utf-8?q?=C0=BC=ED=A0=80=EF=BF=BE?="), "<"), NULL);
}
END_TEST

/* PIECE repeated to three million bytes. */
static void decode_repeated(const char *name, const char *piece)
{
    apr_size_t size = strlen(piece);
    apr_size_t count = 3000000 / size;
    char *value = apr_palloc(test_pool, size * count);
    for (apr_size_t i = 0; i < count; i++) {
        memcpy(value + i * size, piece, size);
    }
    ximss_field_decode(name, strlen(name), value, size * count, &limits, test_pool);
}

/* All of it takes a second if it is linear, and a quadratic decoder minutes for one piece: a
 * limit of the process's time, wide enough for valgrind, tells them apart. */
static void limit_cpu(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = (rlim_t)(clock() / CLOCKS_PER_SEC + 60);
    setrlimit(RLIMIT_CPU, &limit);
}

static void unlimit_cpu(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CPU, &limit);
}

START_TEST(decoding_is_linear)
{
    static const char *const pieces[] = {"=?",
                                         "=?a?q?",
                                         "=?a?q?b?= ",
                                         "=?a?q?x ",
                                         "=?utf-8?b?w6k=?= =?iso-8859-5?q?=E9?=",
                                         "(",
                                         ")",
                                         "\"",
                                         "<",
                                         ",",
                                         ":",
                                         "a@[",
                                         "<@a,",
                                         "a b <",
                                         "\\",
                                         "=?a?b?AAAA?=,a@b",
                                         "\r\n ",
                                         "a(b)<c>"};
    limit_cpu();
    for (apr_size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        decode_repeated("Subject", pieces[i]);
        decode_repeated("To", pieces[i]);
    }
    unlimit_cpu();
}
END_TEST

/* The addresses of VALUE as "name|addr;name|addr". */
static const char *addresses(const char *value)
{
    const apr_array_header_t *list = field("To", value)->addresses;
    const char *shown = "";
    for (int i = 0; i < list->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(list, i, ximss_address_t);
        shown = apr_pstrcat(test_pool, shown, i > 0 ? ";" : "",
                            address->name == NULL ? "-" : address->name, "|", address->addr, NULL);
    }
    return shown;
}

START_TEST(addresses_are_read)
{
    ck_assert_str_eq(addresses("a@b"), "-|a@b");
    ck_assert_str_eq(addresses("<a@b>"), "-|a@b");
    ck_assert_str_eq(addresses("A B <a@b>, c@d"), "A B|a@b;-|c@d");
    ck_assert_str_eq(addresses("\"B, A\" <a@b>"), "B, A|a@b");
    ck_assert_str_eq(addresses("\"a \\\"q\\\" b\"<a@b>"), "a \"q\" b|a@b");
    ck_assert_str_eq(addresses("a@b (Real (nested) Name)"), "Real (nested) Name|a@b");
    ck_assert_str_eq(addresses("a (x) . b @ c . d"), "x|a.b@c.d");
    ck_assert_str_eq(addresses("\"a b\"@c"), "-|\"a b\"@c");
    ck_assert_str_eq(addresses("<@x,@y:a@b>"), "-|a@b");
    ck_assert_str_eq(addresses("a@[127.0.0.1]"), "-|a@[127.0.0.1]");
    ck_assert_str_eq(addresses("a@[IPv6:::1], b@c"), "-|a@[IPv6:::1];-|b@c");
    ck_assert_str_eq(addresses("<>"), "-|");
    ck_assert_str_eq(addresses(" , ,a@b,, "), "-|a@b");
    ck_assert_str_eq(addresses("a@b;c@d"), "-|a@b;-|c@d");
    ck_assert_str_eq(addresses("MAILER-DAEMON"), "-|MAILER-DAEMON");
}
END_TEST

START_TEST(addresses_in_groups)
{
    ck_assert_str_eq(addresses("Team: a@b, C <c@d>; e@f"), "-|a@b;C|c@d;-|e@f");
    ck_assert_str_eq(addresses("undisclosed-recipients:;"), "");
    ck_assert_str_eq(field("To", "undisclosed-recipients:;")->text, "undisclosed-recipients:;");
    ck_assert_str_eq(addresses("none:; (a comment)"), "");
}
END_TEST

START_TEST(addresses_with_words)
{
    ck_assert_str_eq(addresses("=?utf-8?q?=C3=A9?= <a@b>"), "\xc3\xa9|a@b");
    ck_assert_str_eq(addresses("\"=?utf-8?q?=C3=A9?=\" <a@b>"), "\xc3\xa9|a@b");
    ck_assert_str_eq(addresses("=?utf-8?q?A,_B?= <a@b>"), "A, B|a@b");
    ck_assert_str_eq(addresses("a@b (=?utf-8?q?=C3=A9?=)"), "\xc3\xa9|a@b");
    ck_assert_str_eq(addresses("=?utf-8?q?x=0D=0ABcc:_evil=40e?= <a@b>"), "x  Bcc: evil@e|a@b");
    /* not in an address: it could forge the domain */
    ck_assert_str_eq(addresses("=?utf-8?q?a=40bank?=@evil"), "-|=?utf-8?q?a=40bank?=@evil");
    ck_assert_str_eq(addresses("<=?utf-8?q?a=40bank?=@evil>"), "-|=?utf-8?q?a=40bank?=@evil");
    ck_assert_str_eq(addresses("J\xf6rg <a@b>"), "J\xc3\xb6rg|a@b");
}
END_TEST

START_TEST(addresses_that_are_none)
{
    ck_assert_str_eq(addresses("\"unterminated <a@b>"), "-|\"unterminated <a@b>");
    ck_assert_str_eq(addresses("a@b, (open c@d"), "-|a@b;-|(open c@d");
    ck_assert_str_eq(addresses("the whole team"), "-|the whole team");
    ck_assert_str_eq(addresses("A <a@b, C <c@d>"), "A|a@b;C|c@d");
    ck_assert_str_eq(addresses(""), "");
}
END_TEST

START_TEST(addresses_are_limited)
{
    ximss_limits_t few = limits;
    ximss_field_t *decoded;
    few.addresses = 2;
    decoded = ximss_field_decode("To", 2, "a@b,c@d,e@f", 11, &few, test_pool);
    ck_assert_int_eq(decoded->addresses->nelts, 2);
}
END_TEST

static const char *date(const char *value)
{
    ximss_field_t *decoded = field("Date", value);
    ck_assert_int_eq(decoded->kind, XIMSS_FIELD_DATE);
    return decoded->date_valid
               ? apr_psprintf(test_pool, "%s %d", ximss_field_value(decoded, 0, test_pool),
                              decoded->shift)
               : "invalid";
}

START_TEST(dates_are_read)
{
    ck_assert_str_eq(date("Fri, 21 Nov 1997 09:55:06 -0600"), "19971121T155506Z -21600");
    ck_assert_str_eq(date("21 Nov 1997 09:55:06 +0130 (comment)"), "19971121T082506Z 5400");
    ck_assert_str_eq(date("Fri, 21 Nov 97 09:55 GMT"), "19971121T095500Z 0");
    ck_assert_str_eq(date("21 Nov 49 09:55:06 EST"), "20491121T145506Z -18000");
    ck_assert_str_eq(date("21 Nov 103 09:55:06 Z"), "20031121T095506Z 0");
    ck_assert_str_eq(date("Thu Jan  1 00:00:00 1970"), "19700101T000000Z 0");
    ck_assert_str_eq(date("Mon, 1 Jan 1900 00:00:00 +0000"), "19000101T000000Z 0");
    ck_assert_str_eq(date("Mon, 31 Dec 2099 23:59:60 +0000"), "21000101T000000Z 0");
    ck_assert_str_eq(date("29 Feb 2024 12:00:00 +01:00"), "20240229T110000Z 3600");
    ck_assert_str_eq(date("1 Jan 2001 00:00:00 GMT+0200"), "20001231T220000Z 7200");
    ck_assert_str_eq(date("Wed 29 May 2019 06:09:22 PM EDT"), "20190529T220922Z -14400");
    ck_assert_str_eq(date("29 May 2019 12:09:22 AM"), "20190529T000922Z 0");
    ck_assert_str_eq(date("1 Jan 2001 00:00:00"), "20010101T000000Z 0");
}
END_TEST

START_TEST(dates_that_are_none)
{
    ck_assert_str_eq(date(""), "invalid");
    ck_assert_str_eq(date("yesterday"), "invalid");
    ck_assert_str_eq(date("30 Feb 2024 12:00:00 +0000"), "invalid");
    ck_assert_str_eq(date("1 Jan 2024"), "invalid");
    ck_assert_str_eq(date("1 Jan 2024 99:00:00"), "invalid");
    ck_assert_str_eq(date("0 Jan 2024 10:00:00"), "invalid");
    ck_assert_str_eq(date("1 Jan 99999 10:00:00"), "invalid");
    ck_assert_str_eq(date("99999999999999999999 Jan 2024 10:00:00"), "invalid");
}
END_TEST

static const char *param(const char *value, const char *name)
{
    return ximss_param_get(ximss_params_parse(value, strlen(value), test_pool), name);
}

START_TEST(params_are_read)
{
    ck_assert_str_eq(param("; charset=utf-8", "charset"), "utf-8");
    ck_assert_str_eq(param("; Charset = \"utf-8\" ; x=y", "charset"), "utf-8");
    ck_assert_str_eq(param("; name=\"a \\\"b\\\" c:\\d\"", "name"), "a \"b\" c:\\d");
    ck_assert_str_eq(param("; name=two words.txt; x=y", "name"), "two words.txt");
    ck_assert_str_eq(param("; charset=us-ascii format=flowed", "charset"), "us-ascii");
    ck_assert_str_eq(param("; charset=us-ascii (plain) ; x=y", "charset"), "us-ascii");
    ck_assert_str_eq(param("; boundary=one; boundary=two", "boundary"), "one");
    ck_assert_str_eq(param("; name=\"no end", "name"), "no end");
    ck_assert_str_eq(param("; name=\"=?utf-8?q?=C3=A9?=.txt\"", "name"), "\xc3\xa9.txt");
    ck_assert_ptr_eq(param("; ; =x; junk; (", "name"), NULL);
}
END_TEST

START_TEST(params_of_rfc2231)
{
    ck_assert_str_eq(param("; filename*=utf-8'en'a%C3%A9%20b", "filename"), "a\xc3\xa9 b");
    ck_assert_str_eq(param("; filename*=iso-8859-1''%E9", "filename"), "\xc3\xa9");
    ck_assert_str_eq(param("; filename*=x-bad''%E9", "filename"), "\xc3\xa9");
    ck_assert_str_eq(param("; f*2=c; f*0=a; f*1=b", "f"), "abc");
    ck_assert_str_eq(param("; f*0=a; f*2=c", "f"), "a");
    ck_assert_str_eq(param("; f*0*=utf-8''%C3; f*1*=%A9; f*2=\"%41\"", "f"), "\xc3\xa9%41");
    ck_assert_str_eq(param("; f=plain; f*=utf-8''extended", "f"), "extended");
    ck_assert_str_eq(param("; f*0=a; f*0=b; f*1=c", "f"), "ac");
    ck_assert_str_eq(param("; f*99999999999=a", "f*99999999999"), "a");
    ck_assert_str_eq(param("; f*=%41%4", "f"), "A%4");
}
END_TEST

static void add(apr_array_header_t *fields, const char *name, const char *value)
{
    APR_ARRAY_PUSH(fields, ximss_field_t *) = field(name, value);
}

static apr_array_header_t *some_fields(void)
{
    apr_array_header_t *fields = apr_array_make(test_pool, 4, sizeof(ximss_field_t *));
    add(fields, "From", "A B <a@b>, c@d");
    add(fields, "X-Own", "=?utf-8?q?=C3=A9?=");
    add(fields, "Date", "Fri, 21 Nov 1897 09:55:06 -0600");
    add(fields, "To", "nobody:;");
    add(fields, "X-Own", "second");
    return fields;
}

START_TEST(fields_survive_packing)
{
    const char *packed;
    apr_size_t length;
    const ximss_field_t *found;
    apr_array_header_t *fields;
    ximss_fields_pack(some_fields(), &packed, &length, test_pool);
    fields = ximss_fields_unpack(packed, length, NULL, test_pool);
    ck_assert_int_eq(fields->nelts, 5);
    found = ximss_fields_find(fields, "FROM");
    ck_assert_int_eq(found->addresses->nelts, 2);
    ck_assert_str_eq(found->text, "A B <a@b>, c@d");
    ck_assert_str_eq(ximss_fields_find(fields, "To")->text, "nobody:;");
    found = ximss_fields_find(fields, "date");
    ck_assert_int_eq(found->shift, -21600);
    ck_assert_int_lt(found->seconds, 0);
    fields = ximss_fields_unpack(packed, length, "x-own", test_pool);
    ck_assert_int_eq(fields->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(fields, 0, ximss_field_t *)->text, "\xc3\xa9");
    ck_assert_str_eq(APR_ARRAY_IDX(fields, 1, ximss_field_t *)->text, "second");
}
END_TEST

/* Every cut and every changed byte: read up to the damage, and never outside (valgrind and ASan see). */
START_TEST(fields_survive_damage)
{
    const char *packed;
    apr_size_t length;
    ximss_fields_pack(some_fields(), &packed, &length, test_pool);
    for (apr_size_t i = 0; i < length; i++) {
        char *copy = apr_pmemdup(test_pool, packed, length);
        ck_assert_int_le(
            ximss_fields_unpack(apr_pmemdup(test_pool, packed, i), i, NULL, test_pool)->nelts, 5);
        copy[i] = (char)(copy[i] ^ 0x85);
        ximss_fields_unpack(copy, length, NULL, test_pool);
        copy[i] = (char)0xFF;
        ximss_fields_unpack(copy, length, "From", test_pool);
    }
}
END_TEST

START_TEST(priority_is_high_or_low)
{
    apr_array_header_t *fields = apr_array_make(test_pool, 1, sizeof(ximss_field_t *));
    ck_assert_ptr_eq(ximss_fields_priority(fields), NULL);
    add(fields, "Importance", "Low");
    ck_assert_str_eq(ximss_fields_priority(fields), "Low");
    add(fields, "X-Priority", "2 (High)");
    ck_assert_str_eq(ximss_fields_priority(fields), "High");
    APR_ARRAY_IDX(fields, 1, ximss_field_t *) = field("X-Priority", "3");
    ck_assert_ptr_eq(ximss_fields_priority(fields), NULL);
}
END_TEST

START_TEST(values_for_lists)
{
    ck_assert_str_eq(ximss_field_value(field("To", "A <a@b>, c@d"), 0, test_pool), "A, c@d");
    ck_assert_str_eq(ximss_field_value(field("To", "A <a@b>, c@d"), 1, test_pool), "a@b, c@d");
    ck_assert_str_eq(ximss_field_value(field("Date", "junk"), 0, test_pool), "junk");
    ck_assert_str_eq(ximss_field_value(NULL, 0, test_pool), "");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *words = suite_case(suite, "words");
    TCase *lists = suite_case(suite, "addresses");
    TCase *dates = suite_case(suite, "dates");
    TCase *packing = suite_case(suite, "packing");
    tcase_add_test(words, text_is_unfolded);
    tcase_add_test(words, text_is_always_utf8);
    tcase_add_test(words, words_are_decoded);
    tcase_add_test(words, words_cannot_smuggle);
    tcase_add_test(words, decoding_is_linear);
    tcase_add_test(lists, addresses_are_read);
    tcase_add_test(lists, addresses_in_groups);
    tcase_add_test(lists, addresses_with_words);
    tcase_add_test(lists, addresses_that_are_none);
    tcase_add_test(lists, addresses_are_limited);
    tcase_add_test(dates, dates_are_read);
    tcase_add_test(dates, dates_that_are_none);
    tcase_add_test(dates, params_are_read);
    tcase_add_test(dates, params_of_rfc2231);
    tcase_add_test(packing, fields_survive_packing);
    tcase_add_test(packing, fields_survive_damage);
    tcase_add_test(packing, priority_is_high_or_low);
    tcase_add_test(packing, values_for_lists);
}
