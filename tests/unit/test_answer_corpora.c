/* Answers to real and hostile mail: every message of the corpora, answered in every mode, is well-formed XML of
 * bounded size that messageSubmit composes to a mail with no other header fields than an answer has. */
#include "base/xml_in.h"
#include "mime/answer.h"
#include "mime/compose.h"
#include "mime/mbox.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { UNDER_STEP = 40, XML_MAX = 256 * 1024 * 1024 };

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
static ximss_limits_t wide; /* for reading what was written */
static const char *current; /* the message that is answered */
static int answered;
static apr_pool_t *pool; /* of one answer */

typedef struct raw_t {
    const char *data;
    apr_size_t length;
    const ximss_part_t *top;
} raw_t;

static const ximss_error_t *read_raw(void *baton, apr_int64_t offset, apr_size_t length,
                                     const char **data, apr_pool_t *scratch)
{
    const raw_t *raw = baton;

    (void)scratch;
    ck_assert(offset >= 0 && (apr_size_t)offset <= raw->length &&
              length <= raw->length - (apr_size_t)offset);
    *data = raw->data + offset;
    return NULL;
}

static int is_own(void *baton, const char *address)
{
    (void)baton;
    return strcasecmp(address, "user@example.org") == 0;
}

static const ximss_error_t *copy(void *baton, const char *folder, apr_uint32_t uid,
                                 const char *part_id, ximss_source_t *source, apr_pool_t *scratch)
{
    const raw_t *raw = baton;
    const ximss_part_t *part = ximss_structure_find(raw->top, part_id);

    (void)scratch;
    ck_assert_str_eq(folder, "F");
    ck_assert_uint_eq(uid, 7);
    ck_assert_msg(part != NULL, "%s: no part %s", current, part_id);
    source->part = part_id != NULL ? part : NULL;
    source->data = raw->data + (part_id != NULL ? part->body_offset : 0);
    source->length = part_id != NULL ? (apr_size_t)part->body_length : raw->length;
    return NULL;
}

/* The EMail element of the answer. */
static const char *answer(const raw_t *raw, ximss_answer_kind_t kind, int html, apr_size_t *length)
{
    ximss_answer_t how = {.kind = kind,
                          .html = html,
                          .from = {"A. User", "user@example.org"},
                          .is_own = is_own,
                          .header = "On ^T^N ^F wrote:",
                          .mark = ">",
                          .signature = "A.",
                          .width = 72,
                          .folder = "F",
                          .uid = 7,
                          .addresses = 1000,
                          .options = {ximss_zone_get("UTC"), -1, read_raw, (void *)raw}};
    ximss_xml_t *xml = ximss_xml_create(XML_MAX, pool);

    assert_ok(ximss_answer_write(xml, raw->top, 0, &how, pool));
    ck_assert_int_eq(ximss_xml_depth(xml), 0);
    return ximss_xml_data(xml, length);
}

static void check_addresses(const ximss_element_t *email, const char *name, apr_hash_t *known)
{
    const ximss_element_t *child;

    for (child = ximss_element_child(email, name); child != NULL;
         child = ximss_element_next(child, name)) {
        char *address = apr_pstrdup(pool, ximss_element_text(child, pool));
        char *at;

        for (at = address; *at != '\0'; at++) {
            *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
        }
        ck_assert_msg(strchr(address, '@') != NULL && strpbrk(address, "\r\n<>,;") == NULL,
                      "%s: %s", current, address);
        ck_assert_msg(apr_hash_get(known, address, APR_HASH_KEY_STRING) == NULL, "%s: twice %s",
                      current, address);
        apr_hash_set(known, address, APR_HASH_KEY_STRING, address);
    }
}

static void check_head(const ximss_element_t *email, ximss_answer_kind_t kind)
{
    const char *subject = ximss_element_text(ximss_element_child(email, "Subject"), pool);
    apr_hash_t *known = apr_hash_make(pool);

    ck_assert_msg(strncmp(subject, kind == XIMSS_ANSWER_FORWARD ? "Fwd:" : "Re:", 3) == 0, "%s: %s",
                  current, subject);
    ck_assert_msg(strpbrk(subject, "\r\n") == NULL, "%s: %s", current, subject);
    check_addresses(email, "To", known);
    check_addresses(email, "Cc", known);
    if (kind == XIMSS_ANSWER_FORWARD) {
        ck_assert_int_eq(apr_hash_count(known), 0);
    }
    else if (apr_hash_count(known) > 1) {
        ck_assert_ptr_null(apr_hash_get(known, "user@example.org", APR_HASH_KEY_STRING));
    }
}

/* The header of the composed mail has the fields of an answer only. */
static void check_mail(const ximss_composed_t *mail)
{
    static const char *const allowed[] = {"From",
                                          "To",
                                          "Cc",
                                          "Subject",
                                          "In-Reply-To",
                                          "References",
                                          "Date",
                                          "Message-ID",
                                          "MIME-Version",
                                          "Content-Type",
                                          "Content-Transfer-Encoding",
                                          "Content-Disposition"};
    const ximss_part_t *top = ximss_structure_parse(mail->data, mail->length, &limits, pool);
    int i;

    for (i = 0; i < top->fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(top->fields, i, const ximss_field_t *);
        apr_size_t k = 0;

        while (k < sizeof(allowed) / sizeof(allowed[0]) && !ximss_field_is(field, allowed[k])) {
            k++;
        }
        ck_assert_msg(k < sizeof(allowed) / sizeof(allowed[0]), "%s: %s", current, field->name);
    }
}

static void check_answer(const raw_t *raw, ximss_answer_kind_t kind, int html)
{
    ximss_compose_t how = {.limits = &limits,
                           .zone = ximss_zone_get("UTC"),
                           .now = 1700000000,
                           .domain = "example.org",
                           .baton = (void *)raw,
                           .copy = copy};
    const ximss_element_t *email;
    ximss_composed_t *mail;
    apr_size_t length;
    const char *xml = answer(raw, kind, html, &length);

    ck_assert_msg(length <= 12 * raw->length + 20000, "%s: %d bytes of %d", current, (int)length,
                  (int)raw->length);
    assert_ok(ximss_xml_parse(&email, xml, length, &wide, pool));
    check_head(email, kind);
    assert_ok(ximss_compose(&mail, &how, email, pool));
    check_mail(mail);
}

static void check_message(const char *data, apr_size_t length)
{
    raw_t raw = {.data = data, .length = length};
    int mode;

    for (mode = 0; mode < 6; mode++) {
        apr_pool_clear(pool);
        raw.top = ximss_structure_parse(data, length, &limits, pool);
        check_answer(&raw, (ximss_answer_kind_t)(mode / 2), mode % 2);
    }
    answered++;
}

static const char *corpora(void)
{
    const char *given = getenv("XIMSS_CORPORA");

    return given != NULL ? given : suite_source("../shared/corpora");
}

/* The bytes of the file at PATH, NULL when there is none. */
static char *read_file(const char *path, apr_size_t *length, apr_pool_t *file_pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *data;

    if (apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT,
                      file_pool) != APR_SUCCESS) {
        return NULL;
    }
    ck_assert_int_eq(apr_file_info_get(&info, APR_FINFO_SIZE, file), APR_SUCCESS);
    *length = (apr_size_t)info.size;
    data = apr_palloc(file_pool, *length + 1);
    ck_assert_int_eq(apr_file_read_full(file, data, *length, NULL), APR_SUCCESS);
    data[*length] = '\0';
    apr_file_close(file);
    return data;
}

static void check_file(const char *kind, const char *path)
{
    apr_pool_t *file_pool;
    apr_size_t length;
    char *data;

    apr_pool_create(&file_pool, NULL);
    data = read_file(path, &length, file_pool);
    ck_assert_msg(data != NULL, "no %s", path);
    current = path;
    if (strcmp(kind, "message") == 0) {
        check_message(data, length);
    }
    else {
        ximss_mbox_t *mbox = ximss_mbox_open(data, length, file_pool);
        ximss_mbox_message_t message;

        while (ximss_mbox_next(mbox, &message)) {
            check_message(message.data, message.length);
        }
    }
    apr_pool_destroy(file_pool);
}

/* One of so many rows is read. */
static int step(void)
{
    return getenv("XIMSS_UNDER") != NULL ? UNDER_STEP : 1;
}

START_TEST(every_message)
{
    apr_size_t length;
    char *manifest =
        read_file(apr_pstrcat(test_pool, corpora(), "/MANIFEST.tsv", NULL), &length, test_pool);
    char *last;
    char *row;
    int rows = 0;

    if (manifest == NULL) {
        printf("# the corpora are not here\n");
        return;
    }
    apr_pool_create(&pool, test_pool);
    wide = limits;
    wide.request_bytes = XML_MAX;
    wide.request_elements = 1000000;
    for (row = apr_strtok(manifest, "\n", &last); row != NULL;
         row = apr_strtok(NULL, "\n", &last)) {
        char *fields;
        const char *source = apr_strtok(row, "\t", &fields);
        const char *path = apr_strtok(NULL, "\t", &fields);
        const char *kind = apr_strtok(NULL, "\t", &fields);

        if ((strcmp(kind, "message") == 0 || strcmp(kind, "mbox") == 0) && rows++ % step() == 0) {
            check_file(kind, apr_pstrcat(test_pool, corpora(), "/", source, "/", path, NULL));
        }
    }
    ck_assert_int_gt(answered, rows / step());
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *cases = suite_case(suite, "answer_corpora");

    tcase_set_timeout(cases, 600);
    tcase_add_test(cases, every_message);
}
