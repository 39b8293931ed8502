/* multipart/form-data: the same parts however the bytes are cut, text that looks like a delimiter, broken forms, and
 * the names of files as browsers send them. */
#include "mime/form.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

/* What a form gave, as text: "[name|file|type/subtype|charset]", the bytes, "." for each part. */
typedef struct log_t {
    char *text;
    apr_size_t length;
    int fails; /* begin fails */
} log_t;

enum { LOG_MAX = 2000 };

static void add(log_t *log, const char *data, apr_size_t length)
{
    ck_assert_uint_le(log->length + length, LOG_MAX);
    memcpy(log->text + log->length, data, length);
    log->length += length;
    log->text[log->length] = '\0';
}

static const ximss_error_t *on_begin(void *baton, const ximss_form_part_t *part)
{
    log_t *log = baton;
    const char *text = apr_psprintf(test_pool, "[%s|%s|%s/%s|%s]", part->name,
                                    part->file_name != NULL ? part->file_name : "-", part->type,
                                    part->subtype, part->charset != NULL ? part->charset : "-");

    if (log->fails) {
        return ximss_error(test_pool, XIMSS_E_LIMIT, "no more");
    }
    add(log, text, strlen(text));
    return NULL;
}

static const ximss_error_t *on_data(void *baton, const char *data, apr_size_t length)
{
    ck_assert_uint_gt(length, 0);
    add(baton, data, length);
    return NULL;
}

static const ximss_error_t *on_end(void *baton)
{
    add(baton, ".", 1);
    return NULL;
}

/* What the form gives in pieces that end at FIRST and SECOND, or of one byte each with FIRST 0; an error's text
 * follows a "!". */
static const char *read_form(const char *form, apr_size_t length, apr_size_t first,
                             apr_size_t second)
{
    log_t log = {.text = apr_pcalloc(test_pool, LOG_MAX + 1)};
    const ximss_form_sink_t sink = {on_begin, on_data, on_end, &log};
    ximss_form_t *reader = ximss_form_create("b", &sink, test_pool);
    const ximss_error_t *error = NULL;
    apr_size_t at = 0;

    while (error == NULL && at < length) {
        apr_size_t next = first == 0 ? at + 1 : at < first ? first : at < second ? second : length;

        error = ximss_form_feed(reader, form + at, (next < length ? next : length) - at);
        at = next;
    }
    if (error == NULL) {
        error = ximss_form_finish(reader);
    }
    if (error != NULL) {
        ck_assert_int_eq(error->code, XIMSS_E_BAD_REQUEST);
        add(&log, "!", 1);
        add(&log, error->text, strlen(error->text));
    }
    return log.text;
}

#define PLAIN "Content-Disposition: form-data; name=f; filename=n\r\n\r\n"
#define START "[f|n|application/octet-stream|-]"

static const struct {
    const char *form;
    const char *expected;
} forms[] = {
    {"--b\r\n" PLAIN "data\r\n--b--\r\n", START "data."},
    {"--b\r\n" PLAIN "data\r\n--b--", START "data."},
    {"--b\r\n" PLAIN "\r\n--b--", START "."},
    {"--b\r\n" PLAIN "--b--", START "."},
    {"--b\r\n\r\nx\r\n--b--", "[|-|application/octet-stream|-]x."},
    {"--b\r\n" PLAIN "\r\n\r\n--b--", START "\r\n."},
    {"--b\r\n" PLAIN "1\r\n--b\r\n" PLAIN "2\r\n--b--", START "1." START "2."},
    {"preamble\r\n--b\r\n" PLAIN "1\r\n--b--epilogue\r\n--b\r\n" PLAIN "2", START "1."},
    {"--b\r\n" PLAIN "\r\r\n\r\n--\r\n--\r\n--B\n--b\r--b\r\n-\r\n\r--b\r\n--b--",
     START "\r\r\n\r\n--\r\n--\r\n--B\n--b\r--b\r\n-\r\n\r--b."},
    {"--b\r\n" PLAIN "x\r\n--bc\r\n--b-\r\n--b-c\r\n--b\r\r\n--b\rx\r\n--b \r\n--b--",
     START "x\r\n--bc\r\n--b-\r\n--b-c\r\n--b\r\r\n--b\rx\r\n--b ."},
    {"--bx\r\n--b\r\n" PLAIN "--x\r\n--b--", START "--x."},
    {"--b\r\n" PLAIN "--b-x\r\n--b--", START "--b-x."},
    {"--b\r\nCONTENT-TYPE: Text/HTML; Charset=\"koi8-r\"\r\nX: y\r\ncontent-disposition: "
     "form-data;\r\n"
     "\tname=\"a b\"; filename=\"c\"\r\n\r\n<\r\n--b--",
     "[a b|c|text/html|koi8-r]<."},
    {"--b\r\n" PLAIN "data", START "data!the form ends before its last line"},
    {"--b\r\n" PLAIN "data\r\n--b", START "data!the form ends before its last line"},
    {"--b\r\n" PLAIN "data\r\n--b-", START "data!the form ends before its last line"},
    {"--b\r\nContent-Disposition: form-data", "!the form ends before its last line"},
    {"", "!the form ends before its last line"},
    {"anything", "!the form ends before its last line"},
    {"--b--", ""},
};

START_TEST(same_however_cut)
{
    const char *form = forms[_i].form;
    apr_size_t length = strlen(form);
    apr_size_t first;
    apr_size_t second;

    ck_assert_str_eq(read_form(form, length, length, length), forms[_i].expected);
    ck_assert_str_eq(read_form(form, length, 0, 0), forms[_i].expected);
    for (first = 1; first < length; first++) {
        for (second = first; second < length; second++) {
            const char *got = read_form(form, length, first, second);

            ck_assert_msg(strcmp(got, forms[_i].expected) == 0, "cut at %d and %d: %s", (int)first,
                          (int)second, got);
        }
        apr_pool_clear(test_pool);
    }
}
END_TEST

START_TEST(any_bytes)
{
    char form[1000] = "--b\r\n" PLAIN;
    apr_size_t start = strlen(form);
    log_t log = {.text = apr_pcalloc(test_pool, LOG_MAX + 1)};
    const ximss_form_sink_t sink = {on_begin, on_data, on_end, &log};
    ximss_form_t *reader = ximss_form_create("b", &sink, test_pool);
    int i;

    for (i = 0; i < 256; i++) {
        form[start + (apr_size_t)i] = (char)i;
    }
    memcpy(form + start + 256, "\r\n--b--", 7);
    ck_assert_ptr_null(ximss_form_feed(reader, form, start + 256 + 7));
    ck_assert_ptr_null(ximss_form_finish(reader));
    ck_assert_uint_eq(log.length, strlen(START) + 256 + 1);
    ck_assert_mem_eq(log.text + strlen(START), form + start, 256);
}
END_TEST

START_TEST(long_header_is_refused)
{
    log_t log = {.text = apr_pcalloc(test_pool, LOG_MAX + 1)};
    const ximss_form_sink_t sink = {on_begin, on_data, on_end, &log};
    ximss_form_t *reader = ximss_form_create("b", &sink, test_pool);
    char *line = apr_palloc(test_pool, 20000);
    const ximss_error_t *error;

    memset(line, 'x', 20000);
    ck_assert_ptr_null(ximss_form_feed(reader, "--b\r\n", 5));
    error = ximss_form_feed(reader, line, 20000);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_BAD_REQUEST);
    ck_assert_uint_eq(log.length, 0);
}
END_TEST

START_TEST(sink_ends_it)
{
    log_t log = {.text = apr_pcalloc(test_pool, LOG_MAX + 1), .fails = 1};
    const ximss_form_sink_t sink = {on_begin, on_data, on_end, &log};
    ximss_form_t *reader = ximss_form_create("b", &sink, test_pool);
    const char *form = "--b\r\n" PLAIN "x";
    const ximss_error_t *error = ximss_form_feed(reader, form, strlen(form));

    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(error->text, "no more");
    ck_assert_uint_eq(log.length, 0);
}
END_TEST

static const struct {
    const char *type;
    const char *boundary; /* NULL: none */
} boundaries[] = {
    {"multipart/form-data; boundary=b", "b"},
    {"Multipart/Form-Data; charset=utf-8; Boundary=\"a'b c\"", "a'b c"},
    {"multipart/form-data;boundary=----WebKitFormBoundaryAbC", "----WebKitFormBoundaryAbC"},
    {"multipart/form-data", NULL},
    {"multipart/form-data; boundary=", NULL},
    {"multipart/form-data; boundary=\"a\x01\"", NULL},
    {"multipart/mixed; boundary=b", NULL},
    {"text/plain; boundary=b", NULL},
    {"", NULL},
    {NULL, NULL},
};

START_TEST(boundary)
{
    const char *found = ximss_form_boundary(boundaries[_i].type, test_pool);

    if (boundaries[_i].boundary == NULL) {
        ck_assert_ptr_null(found);
    }
    else {
        ck_assert_ptr_nonnull(found);
        ck_assert_str_eq(found, boundaries[_i].boundary);
    }
}
END_TEST

START_TEST(long_boundary)
{
    char *type = apr_pstrcat(test_pool, "multipart/form-data; boundary=", NULL);
    char *long_one = apr_palloc(test_pool, 202);

    memset(long_one, 'x', 201);
    long_one[201] = '\0';
    ck_assert_ptr_null(
        ximss_form_boundary(apr_pstrcat(test_pool, type, long_one, NULL), test_pool));
    ck_assert_str_eq(
        ximss_form_boundary(apr_pstrcat(test_pool, type, long_one + 1, NULL), test_pool),
        long_one + 1);
}
END_TEST

static const struct {
    const char *disposition;
    const char *name; /* NULL: none */
} names[] = {
    {"form-data; name=\"fileData\"; filename=\"plain.txt\"", "plain.txt"},
    {"form-data; name=fileData; filename=plain.txt", "plain.txt"},
    {"form-data; filename=\"na\xC3\xAFve \xE2\x82\xAC.txt\"", "na\xC3\xAFve \xE2\x82\xAC.txt"},
    {"form-data; filename=\"na\xEFve.txt\"", "na\xC3\xAFve.txt"},
    {"form-data; filename=\"x\"; filename*=UTF-8''%e2%82%ac%20rates.txt", "\xE2\x82\xAC rates.txt"},
    {"form-data; filename*=iso-8859-1'en'%A3%20rates", "\xC2\xA3 rates"},
    {"form-data; filename*0=\"long\"; filename*1=\" name\"", "long name"},
    {"form-data; filename=\"=?utf-8?B?w6k=?=.pdf\"", "\xC3\xA9.pdf"},
    {"form-data; filename=\"say %22hi%22.txt\"", "say \"hi\".txt"},
    {"form-data; filename=\"say \\\"hi\\\".txt\"", "say \"hi\".txt"},
    {"form-data; filename=\"C:\\Documents and Settings\\me\\a.doc\"", "a.doc"},
    {"form-data; filename=\"../../etc/passwd\"", "passwd"},
    {"form-data; filename=\"a/\"", NULL},
    {"form-data; filename=\"..\"", NULL},
    {"form-data; filename=\"\"", NULL},
    {"form-data; filename*=utf-8''a%0d%0aBcc:%20x%00y", "a  Bcc: x\xEF\xBF\xBDy"},
    {"form-data; filename*=utf-8''invoice%e2%80%aefdp.exe", "invoicefdp.exe"},
    {"form-data; name=fileData", NULL},
    {"form-data; filename=\"semi;colon.txt\"; name=x", "semi;colon.txt"},
    {NULL, NULL},
};

START_TEST(file_names)
{
    ximss_form_part_t part;

    ximss_form_describe(&part, "image/png", names[_i].disposition, test_pool);
    ck_assert_str_eq(part.type, "image");
    if (names[_i].name == NULL) {
        ck_assert_ptr_null(part.file_name);
    }
    else {
        ck_assert_ptr_nonnull(part.file_name);
        ck_assert_str_eq(part.file_name, names[_i].name);
    }
}
END_TEST

START_TEST(long_name_is_cut)
{
    char *name = apr_palloc(test_pool, 1001);
    int i;

    for (i = 0; i < 1000; i += 2) {
        memcpy(name + i, "\xC3\xA9", 3);
    }
    ck_assert_int_eq(strlen(ximss_file_name_clean(name, test_pool)), 254);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *cases = suite_case(suite, "form");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, same_however_cut, 0, sizeof(forms) / sizeof(forms[0]));
    tcase_add_test(cases, any_bytes);
    tcase_add_test(cases, long_header_is_refused);
    tcase_add_test(cases, sink_ends_it);
    tcase_add_loop_test(cases, boundary, 0, sizeof(boundaries) / sizeof(boundaries[0]));
    tcase_add_test(cases, long_boundary);
    tcase_add_loop_test(cases, file_names, 0, sizeof(names) / sizeof(names[0]));
    tcase_add_test(cases, long_name_is_cut);
}
