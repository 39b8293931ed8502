/* Part trees: real shapes, each trap of hostile mail in miniature, limits, packing and damage. */
#include "mime/digest.h"
#include "mime/structure.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static ximss_part_t *parse_n(const char *mail, apr_size_t length)
{
    /* A copy of exactly this length lets ASan and valgrind see any read behind it. */
    return ximss_structure_parse(apr_pmemdup(test_pool, mail, length), length, &limits, test_pool);
}

static ximss_part_t *parse(const char *mail)
{
    return parse_n(mail, strlen(mail));
}

/* The tree as "type/subtype[id:body](children)", with "!" where something was wrong. */
static const char *shape(const ximss_part_t *part, const char *mail)
{
    const char *children = "";
    const char *body = part->children != NULL ? ""
                                              : apr_pstrmemdup(test_pool, mail + part->body_offset,
                                                               (apr_size_t)part->body_length);
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        children = apr_pstrcat(test_pool, children, *children == '\0' ? "" : " ",
                               shape(child, mail), NULL);
    }
    return apr_pstrcat(test_pool, part->parse_error != NULL ? "!" : "", part->type, "/",
                       part->subtype, "[", part->part_id, ":", body, "]",
                       *children == '\0' ? "" : "(", children, *children == '\0' ? "" : ")", NULL);
}

static const char *shape_of(const char *mail)
{
    return shape(parse(mail), mail);
}

START_TEST(single_parts)
{
    ck_assert_str_eq(shape_of(""), "text/plain[:]");
    ck_assert_str_eq(shape_of("A: b\r\n\r\nbody\r\n"), "text/plain[:body\r\n]");
    ck_assert_str_eq(shape_of("A: b\n\nbody"), "text/plain[:body]");
    ck_assert_str_eq(shape_of("A: b"), "text/plain[:]");
    ck_assert_str_eq(shape_of("A: b\r\nB: c\n\r\nbody"), "text/plain[:body]");
    ck_assert_str_eq(shape_of("\nbody"), "text/plain[:body]");
    ck_assert_str_eq(shape_of("A: b\r c\rContent-Type: text/html\r\rbody\r"), "text/html[:body\r]");
    ck_assert_str_eq(shape_of("Content-Type: multipart/mixed; boundary=b\r\r--b\r\rx\r\r--b--\r"),
                     "multipart/mixed[:](text/plain[01:x\r])");
    ck_assert_str_eq(shape_of("no header at all\nbody\n"), "text/plain[:no header at all\nbody\n]");
    ck_assert_str_eq(shape_of("A: b\nno empty line\nbody\n"), "text/plain[:no empty line\nbody\n]");
    ck_assert_str_eq(shape_of("From x Thu Jan  1 00:00:00 1970\nA: b\n\nbody"),
                     "text/plain[:body]");
}
END_TEST

START_TEST(fields_of_a_header)
{
    const ximss_part_t *top = parse("A: b\n c\nno field\nB : d\nC:\n\n");
    ck_assert_int_eq(top->fields->nelts, 3);
    ck_assert_str_eq(ximss_fields_find(top->fields, "a")->text, "b c");
    ck_assert_str_eq(ximss_fields_find(top->fields, "b")->text, "d");
    ck_assert_str_eq(ximss_fields_find(top->fields, "C")->text, "");
    top = parse("A: b\n: x\nX Y: z\nX-\xc3\xa9: z\nB: c\n\nbody");
    ck_assert_int_eq(top->fields->nelts, 2);
    top = parse("A: b\nX Y: z\n tail\nB: c\n\n");
    ck_assert_str_eq(ximss_fields_find(top->fields, "A")->text, "b");
    ck_assert_str_eq(shape_of("A: b\na b: c\nd e: f\ng h: i\nj k: l\nm n: o\n"),
                     "text/plain[:a b: c\nd e: f\ng h: i\nj k: l\nm n: o\n]");
    top = parse_n("A: b\0c\n\nx", 9);
    ck_assert_str_eq(ximss_fields_find(top->fields, "A")->text, "b\xef\xbf\xbd"
                                                                "c");
}
END_TEST

START_TEST(types)
{
    ck_assert_str_eq(shape_of("Content-Type: TEXT/HTML; charset=x\n\n"), "text/html[:]");
    ck_assert_str_eq(shape_of("Content-Type: text\n\n"), "text/plain[:]");
    ck_assert_str_eq(shape_of("Content-Type: image\n\n"), "image/octet-stream[:]");
    ck_assert_str_eq(shape_of("Content-Type: ;;\n\n"), "text/plain[:]");
    ck_assert_str_eq(shape_of("Content-Type: text/html\nContent-Type: text/plain\n\n"),
                     "text/html[:]");
    ck_assert_str_eq(ximss_param_get(parse("Content-Type: charset=x\n\n")->type_params, "charset"),
                     "x");
    ck_assert_str_eq(shape_of("Content-Type: multipart/mixed\n\nbody"), "!text/plain[:body]");
    ck_assert_str_eq(shape_of("Content-Type: multipart/mixed; boundary=x\n\nbody"),
                     "!text/plain[:body]");
}
END_TEST

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"

START_TEST(multiparts)
{
    ck_assert_str_eq(
        shape_of(MIXED "pre\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\npost"),
        "multipart/mixed[:](text/plain[01:one] text/html[02:two])");
    ck_assert_str_eq(shape_of(MIXED "--b \t\r\n\r\none\r\n\r\n--b--"),
                     "multipart/mixed[:](text/plain[01:one\r\n])");
    /* no end, no text, no header, a last boundary without its dashes */
    ck_assert_str_eq(shape_of(MIXED "--b\n\none"), "multipart/mixed[:](text/plain[01:one])");
    ck_assert_str_eq(shape_of(MIXED "--b\n--b--"), "multipart/mixed[:](text/plain[01:])");
    ck_assert_str_eq(shape_of(MIXED "--b\nno header\n--b--"),
                     "multipart/mixed[:](text/plain[01:no header])");
    ck_assert_str_eq(shape_of(MIXED "--b\n\none\n--b\n"), "multipart/mixed[:](text/plain[01:one])");
    /* what looks like a boundary */
    ck_assert_str_eq(shape_of(MIXED "--b\n\n --b\nx--b\n--bb\n--\n--b--x\n--b--"),
                     "multipart/mixed[:](text/plain[01: --b\nx--b\n--bb\n--\n--b--x])");
    /* after the end there is nothing more */
    ck_assert_str_eq(shape_of(MIXED "--b\n\none\n--b--\n--b\n\ntwo\n--b--"),
                     "multipart/mixed[:](text/plain[01:one])");
}
END_TEST

START_TEST(nested_multiparts)
{
    const char *mail = MIXED "--b\nContent-Type: multipart/alternative; boundary=bb\n\n"
                             "--bb\n\none\n--bb\n\ntwo\n--bb--\n--b\n\nthree\n--b--\n";
    ck_assert_str_eq(shape_of(mail),
                     "multipart/mixed[:](multipart/alternative[01:](text/plain[01-01:one] "
                     "text/plain[01-02:two]) text/plain[02:three])");
    /* the outer boundary ends an inner multipart without end */
    mail = MIXED "--b\nContent-Type: multipart/alternative; boundary=bb\n\n"
                 "--bb\n\none\n--b\n\nthree\n--b--\n";
    ck_assert_str_eq(shape_of(mail),
                     "multipart/mixed[:](multipart/alternative[01:](text/plain[01-01:one]) "
                     "text/plain[02:three])");
    /* as long as another boundary, and yet none */
    mail = "Content-Type: multipart/mixed; boundary=long\n\n--long\n" MIXED
           "--b\n\n--b--x\n--bong\n--b--";
    ck_assert_str_eq(shape_of(mail), "multipart/mixed[:](multipart/mixed[01:]("
                                     "text/plain[01-01:--b--x\n--bong]))");
    /* one boundary for both: the innermost open one has it */
    mail = MIXED "--b\n" MIXED "--b\n\none\n--b--\n--b--\n";
    ck_assert_str_eq(shape_of(mail),
                     "multipart/mixed[:](multipart/mixed[01:](text/plain[01-01:one]))");
}
END_TEST

START_TEST(messages_inside)
{
    const char *mail = MIXED "--b\nContent-Type: message/rfc822\n\nSubject: in\n\nbody\n--b--";
    const ximss_part_t *top = parse(mail);
    ck_assert_str_eq(shape(top, mail),
                     "multipart/mixed[:](message/rfc822[01:](text/plain[01-01:body]))");
    ck_assert_str_eq(ximss_fields_find(ximss_part_inner_fields(top->children), "Subject")->text,
                     "in");
    mail = MIXED "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; "
                 "boundary=c\n\n--c\n\none\n--c\n\ntwo\n--c--\n--b--";
    ck_assert_str_eq(shape_of(mail), "multipart/mixed[:](message/rfc822[01:](multipart/mixed[01:]("
                                     "text/plain[01-01:one] text/plain[01-02:two])))");
    mail = "Subject: out\nContent-Type: message/rfc822\n\nSubject: in\n\nbody";
    top = parse(mail);
    ck_assert_str_eq(shape(top, mail), "message/rfc822[:](text/plain[01-01:body])");
    ck_assert_str_eq(ximss_fields_find(top->fields, "Subject")->text, "out");
    ck_assert_str_eq(ximss_fields_find(ximss_part_inner_fields(top), "Subject")->text, "in");
    /* in base64 it stays opaque */
    mail = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoK";
    ck_assert_str_eq(shape_of(mail), "message/rfc822[:QTogYgoK]");
    ck_assert_int_eq(parse(mail)->decoded_size, 6);
}
END_TEST

START_TEST(digests_and_headers)
{
    const char *mail = "Content-Type: multipart/digest; boundary=b\n\n"
                       "--b\n\nA: b\n\nbody\n--b\nContent-Type: text/html\n\nx\n--b--";
    const ximss_part_t *part;
    ck_assert_str_eq(shape_of(mail),
                     "multipart/digest[:](message/rfc822[01:](text/plain[01-01:body])"
                     " text/html[02:x])");
    mail = MIXED "--b\nContent-Type: text/rfc822-headers\n\nSubject: s\nX: y\n--b--";
    part = parse(mail)->children;
    ck_assert_int_eq(part->kind, XIMSS_PART_HEADERS);
    ck_assert_str_eq(ximss_fields_find(part->fields, "x")->text, "y");
}
END_TEST

START_TEST(properties)
{
    const ximss_part_t *part =
        parse("Content-Type: application/x; name=\"n\"\nContent-ID: <i@d>\n"
              "Content-Description: =?utf-8?q?=C3=A9?=\nContent-Location: http://x\n"
              "Content-Disposition: INLINE; filename*=utf-8''%C3%A9\nContent-Class: c\n"
              "Content-Transfer-Encoding: BASE64\nContent-Transfer-Encoding: 7bit\n\nYWJj\nZA==\n");
    ck_assert_str_eq(part->content_id, "i@d");
    ck_assert_str_eq(part->description, "\xc3\xa9");
    ck_assert_str_eq(part->location, "http://x");
    ck_assert_str_eq(part->content_class, "c");
    ck_assert_str_eq(part->disposition, "inline");
    ck_assert_str_eq(ximss_part_file_name(part), "\xc3\xa9");
    ck_assert_int_eq(part->encoding, XIMSS_ENCODING_BASE64);
    ck_assert_int_eq(part->decoded_size, 4);
    part = parse(MIXED "--b\nContent-Transfer-Encoding: x-rot13\n\nuryyb\n--b--");
    ck_assert_int_eq(part->children->encoding, XIMSS_ENCODING_NONE);
    part = parse("Content-Transfer-Encoding: base64\n" MIXED "--b\n\none\n--b--");
    ck_assert_int_eq(part->encoding, XIMSS_ENCODING_NONE);
    ck_assert_ptr_eq(ximss_part_file_name(part), NULL);
}
END_TEST

static const char *find(const ximss_part_t *top, const char *id)
{
    const ximss_part_t *part = ximss_structure_find(top, id);
    return part == NULL ? "none" : apr_pstrcat(test_pool, part->type, "/", part->subtype, NULL);
}

START_TEST(parts_are_found)
{
    const ximss_part_t *top = parse(
        MIXED "--b\nContent-Type: text/html\n\n--b\nContent-Type: message/rfc822\n\n"
              "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: image/png\n\n"
              "--c--\n--b\nContent-Type: message/rfc822\n\nContent-Type: text/css\n\n\n--b--");
    ck_assert_str_eq(find(top, NULL), "multipart/mixed");
    ck_assert_str_eq(find(top, ""), "multipart/mixed");
    ck_assert_str_eq(find(top, "01"), "text/html");
    ck_assert_str_eq(find(top, "1"), "text/html");
    ck_assert_str_eq(find(top, "02"), "message/rfc822");
    ck_assert_str_eq(find(top, "02-01"), "image/png");
    ck_assert_str_eq(find(top, "03-01"), "text/css");
    ck_assert_str_eq(find(top, "03-02"), "none");
    ck_assert_str_eq(find(top, "04"), "none");
    ck_assert_str_eq(find(top, "00"), "none");
    ck_assert_str_eq(find(top, "01-01"), "none");
    ck_assert_str_eq(find(top, "01-"), "none");
    ck_assert_str_eq(find(top, "-01"), "none");
    ck_assert_str_eq(find(top, "x"), "none");
    ck_assert_str_eq(find(top, "99999999999999999999"), "none");
    ck_assert_str_eq(find(parse("A: b\n\nx"), "01"), "text/plain");
    ck_assert_str_eq(find(parse("A: b\n\nx"), "02"), "none");
    top = parse("Content-Type: message/rfc822\n\nContent-Type: text/css\n\n");
    ck_assert_str_eq(find(top, "01"), "message/rfc822");
    ck_assert_str_eq(find(top, "01-01"), "text/css");
}
END_TEST

static int depth_of(const ximss_part_t *part)
{
    int deepest = 0;
    for (part = part->children; part != NULL; part = part->next) {
        int depth = depth_of(part);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static int count_of(const ximss_part_t *part)
{
    int count = 1;
    for (part = part->children; part != NULL; part = part->next) {
        count += count_of(part);
    }
    return count;
}

static const ximss_part_t *last_of(const ximss_part_t *part)
{
    while (part->children != NULL || part->next != NULL) {
        part = part->next != NULL ? part->next : part->children;
    }
    return part;
}

START_TEST(depth_is_limited)
{
    const char *mail = "";
    const ximss_part_t *top;
    for (int i = 0; i < 300; i++) {
        mail = apr_psprintf(test_pool, "%sContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\n",
                            mail, i, i);
    }
    top = parse(mail);
    ck_assert_int_eq(depth_of(top), limits.mime_depth + 1);
    ck_assert_str_eq(last_of(top)->type, "text");
    ck_assert_ptr_ne(last_of(top)->parse_error, NULL);
    mail = "";
    for (int i = 0; i < 300; i++) {
        mail = apr_pstrcat(test_pool, mail, "Content-Type: message/rfc822\n\n", NULL);
    }
    top = parse(mail);
    ck_assert_int_le(depth_of(top), 95); /* two levels of XML each */
    ck_assert_ptr_ne(last_of(top)->parse_error, NULL);
}
END_TEST

START_TEST(parts_are_limited)
{
    ximss_limits_t few = limits;
    char *mail = apr_pstrcat(test_pool, MIXED, NULL);
    const ximss_part_t *top;
    for (int i = 0; i < 20; i++) {
        mail = apr_pstrcat(test_pool, mail, "--b\n\nx\n", NULL);
    }
    mail = apr_pstrcat(test_pool, mail, "--b--\n", NULL);
    few.mime_parts = 10;
    top = ximss_structure_parse(mail, strlen(mail), &few, test_pool);
    ck_assert_int_eq(count_of(top), 11);
    ck_assert_ptr_ne(last_of(top)->parse_error, NULL);
    ck_assert_int_eq(last_of(top)->body_length, 11 * 7 - 1 - 4);
}
END_TEST

START_TEST(headers_are_limited)
{
    ximss_limits_t few = limits;
    const char *mail = "Subject: 0123456789\nA: b\n\nbody";
    const ximss_part_t *top;
    few.header_bytes = 15;
    top = ximss_structure_parse(mail, strlen(mail), &few, test_pool);
    ck_assert_ptr_ne(top->parse_error, NULL);
    ck_assert_int_eq(top->fields->nelts, 1);
    ck_assert_str_eq(ximss_fields_find(top->fields, "Subject")->text, "012345");
    ck_assert_str_eq(shape(top, mail), "!text/plain[:body]");
}
END_TEST

static const char rich[] =
    "From: A <a@b>\nSubject: s\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: message/rfc822\nContent-ID: <x>\n\nX-Own: y\nDate: Thu, 1 Jan 1970 "
    "00:00:01 +0100\nContent-Type: image/x-own; name=n\nContent-Disposition: attachment; "
    "filename=f\nContent-Transfer-Encoding: base64\n\nYWJj\n--b\nContent-Type: "
    "text/rfc822-headers\n\nA: b\n--b\nContent-Type: multipart/alternative\n\nbroken\n--b--\n";

START_TEST(trees_survive_packing)
{
    ximss_part_t *unpacked;
    const char *packed;
    const char *again;
    apr_size_t length;
    apr_size_t again_length;
    ximss_structure_pack(parse(rich), &packed, &length, test_pool);
    ck_assert_ptr_eq(ximss_structure_unpack(&unpacked, packed, length, test_pool), NULL);
    ck_assert_str_eq(shape(unpacked, rich), shape_of(rich));
    ck_assert_str_eq(unpacked->children->content_id, "x");
    ck_assert_str_eq(ximss_fields_find(unpacked->children->fields, "X-Own")->text, "y");
    ck_assert_str_eq(ximss_part_file_name(unpacked->children->children), "f");
    ck_assert_int_eq(unpacked->children->children->decoded_size, 3);
    ximss_structure_pack(unpacked, &again, &again_length, test_pool);
    ck_assert_uint_eq(again_length, length);
    ck_assert_int_eq(memcmp(again, packed, length), 0);
}
END_TEST

START_TEST(trees_survive_damage)
{
    ximss_part_t *part;
    const char *packed;
    apr_size_t length;
    ximss_structure_pack(parse(rich), &packed, &length, test_pool);
    ck_assert_ptr_ne(ximss_structure_unpack(&part, packed, 0, test_pool), NULL);
    for (apr_size_t i = 1; i < length; i++) {
        const ximss_error_t *error =
            ximss_structure_unpack(&part, apr_pmemdup(test_pool, packed, i), i, test_pool);
        ck_assert_ptr_ne(error, NULL);
        ck_assert_int_eq(error->code, XIMSS_E_INTERNAL);
    }
    for (apr_size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            char *copy = apr_pmemdup(test_pool, packed, length);
            copy[i] = (char)(copy[i] ^ (1 << bit));
            ximss_structure_unpack(&part, copy, length, test_pool);
        }
    }
}
END_TEST

/* Packed bytes cannot make the reader recurse without bound. */
START_TEST(packed_depth_is_limited)
{
    ximss_part_t *part = apr_pcalloc(test_pool, sizeof(*part));
    const char *packed;
    apr_size_t length;
    part->type = "text";
    part->subtype = "plain";
    for (int i = 0; i < 1000; i++) {
        ximss_part_t *outer = apr_pmemdup(test_pool, part, sizeof(*part));
        outer->children = part;
        part = outer;
    }
    ximss_structure_pack(part, &packed, &length, test_pool);
    ck_assert_ptr_ne(ximss_structure_unpack(&part, packed, length, test_pool), NULL);
}
END_TEST

START_TEST(digests)
{
    const char *mail =
        "Received: from x; Thu, 1 Jan 1970 00:00:20 +0000\nReceived: y; Fri, 2 Jan 1970 00:00:00 "
        "+0000\nFrom: \xc3\x89mile <e@x>\nTo: b@y\nTo: C <c@y>\nSubject: =?utf-8?q?=C3=84B?=\n"
        "Message-ID: junk <i@x> more\nMessage-ID: <second>\nFrom: second@x\n"
        "Date: Thu, 1 Jan 1970 00:00:10 +0000\nContent-Type: audio/x\n\nbody";
    const ximss_digest_t *digest = ximss_digest_make(mail, strlen(mail), &limits, test_pool);
    const apr_array_header_t *fields;
    ck_assert_int_eq(digest->date_valid, 1);
    ck_assert_int_eq(digest->date, 10);
    ck_assert_int_eq(digest->received_valid, 1);
    ck_assert_int_eq(digest->received, 20);
    ck_assert_str_eq(digest->key_from, "\xc3\xa9mile");
    ck_assert_str_eq(digest->key_to, "b@y");
    ck_assert_str_eq(digest->key_subject, "\xc3\xa4"
                                          "b");
    ck_assert_str_eq(digest->message_id, "<i@x>");
    ck_assert_int_eq(digest->media, 1);
    fields = ximss_fields_unpack(digest->fields, digest->fields_length, "to", test_pool);
    ck_assert_int_eq(fields->nelts, 2);
    fields = ximss_fields_unpack(digest->fields, digest->fields_length, "From", test_pool);
    ck_assert_int_eq(fields->nelts, 1);
    ck_assert_int_eq(ximss_digest_has_field("e-FROM" + 2), 1);
    ck_assert_int_eq(ximss_digest_has_field("Received"), 0);
    digest = ximss_digest_make("Message-ID: x@y\n\n", 17, &limits, test_pool);
    ck_assert_str_eq(digest->message_id, "<x@y>");
    digest = ximss_digest_make("", 0, &limits, test_pool);
    ck_assert_str_eq(digest->message_id, "");
    ck_assert_str_eq(digest->key_from, "");
    ck_assert_int_eq(digest->date_valid, 0);
}
END_TEST

/* VALUE repeated COUNT times as field NAME of a message. */
static const ximss_digest_t *digest_of(const char *name, const char *value, int count)
{
    apr_size_t size = strlen(value);
    char *mail = apr_palloc(test_pool, size * (apr_size_t)count + 100);
    apr_size_t at = strlen(name);
    memcpy(mail, name, at);
    for (int i = 0; i < count; i++) {
        memcpy(mail + at, value, size);
        at += size;
    }
    memcpy(mail + at, "\n\n", 2);
    return ximss_digest_make(mail, at + 2, &limits, test_pool);
}

START_TEST(digests_are_cut)
{
    const ximss_digest_t *digest = digest_of("Subject: ", "\xc3\xa4", 100000);
    const apr_array_header_t *fields =
        ximss_fields_unpack(digest->fields, digest->fields_length, "Subject", test_pool);
    const ximss_field_t *field = APR_ARRAY_IDX(fields, 0, const ximss_field_t *);
    ck_assert_uint_eq(strlen(field->text), limits.viewer_bytes);
    ck_assert_uint_eq(strlen(digest->key_subject), XIMSS_SORT_KEY_MAX);
    digest = digest_of("To: ", "Some Name <someone@example.org>, ", 10000);
    ck_assert_uint_lt(digest->fields_length, limits.viewer_bytes * 2);
    ck_assert_uint_le(strlen(digest->key_to), XIMSS_SORT_KEY_MAX);
    digest = digest_of("To: x@y", "\nTo: z@y", 20000);
    ck_assert_uint_lt(digest->fields_length, limits.viewer_bytes * 4);
    digest = digest_of("Message-ID: <", "x", 100000);
    ck_assert_uint_lt(strlen(digest->message_id), 1100);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *trees = suite_case(suite, "trees");
    TCase *bounds = suite_case(suite, "limits");
    TCase *packing = suite_case(suite, "packing");
    tcase_add_test(trees, single_parts);
    tcase_add_test(trees, fields_of_a_header);
    tcase_add_test(trees, types);
    tcase_add_test(trees, multiparts);
    tcase_add_test(trees, nested_multiparts);
    tcase_add_test(trees, messages_inside);
    tcase_add_test(trees, digests_and_headers);
    tcase_add_test(trees, properties);
    tcase_add_test(trees, parts_are_found);
    tcase_add_test(bounds, depth_is_limited);
    tcase_add_test(bounds, parts_are_limited);
    tcase_add_test(bounds, headers_are_limited);
    tcase_add_test(packing, trees_survive_packing);
    tcase_add_test(packing, trees_survive_damage);
    tcase_add_test(packing, packed_depth_is_limited);
    tcase_add_test(packing, digests);
    tcase_add_test(packing, digests_are_cut);
}
