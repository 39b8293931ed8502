/* Composing: an EMail document becomes a mail that any transport takes, in which our own parser finds the fields and the
 * parts that the document has, and no other. */
#include "mime/compose.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static const char stored[] =
    "Subject: =?utf-8?q?=0D=0AX:_y?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; name=\"=?utf-8?q?=0D=0AX:_y?=\"\r\nX-Other: 1\r\n\r\n\xe9\r\n"
    "--b\r\nContent-Type: multipart/x; boundary=\"c\"\r\n\r\n--c\r\n\r\na\rb\r\n--c--\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n";

static const ximss_error_t *upload(void *baton, const char *id, ximss_source_t *source,
                                   apr_pool_t *pool)
{
    (void)baton;
    (void)pool;
    source->type = *id == 'm' ? "message" : "text";
    source->subtype = *id == 'm' ? "rfc822" : "csv";
    source->charset = "utf-8\r\nX: y";
    source->file_name = "a\r\nX: y";
    source->data = stored;
    source->length = sizeof(stored) - (*id == 'm');
    return NULL;
}

static const ximss_error_t *copy(void *baton, const char *folder, apr_uint32_t uid,
                                 const char *part_id, ximss_source_t *source, apr_pool_t *pool)
{
    const ximss_part_t *top = ximss_structure_parse(stored, sizeof(stored) - 1, &limits, pool);
    (void)baton;
    (void)folder;
    (void)uid;
    source->data = stored;
    source->length = sizeof(stored) - 1;
    if (part_id != NULL) {
        source->part = ximss_structure_find(top, part_id);
        if (source->part == NULL) {
            return ximss_error(pool, XIMSS_E_NO_MESSAGE, NULL);
        }
        source->data += source->part->body_offset;
        source->length = (apr_size_t)source->part->body_length;
    }
    return NULL;
}

static void fail(const char *what, const ximss_composed_t *mail)
{
    fprintf(stderr, "%s:\n%s\n", what, mail->data);
    abort();
}

static void check_bytes(const ximss_composed_t *mail)
{
    apr_size_t start = 0;
    if (strlen(mail->data) != mail->length) {
        fail("a NUL", mail);
    }
    for (apr_size_t i = 0; i < mail->length; i++) {
        if ((mail->data[i] == '\n' && (i == 0 || mail->data[i - 1] != '\r')) ||
            (mail->data[i] == '\r' && mail->data[i + 1] != '\n')) {
            fail("a bare CR or LF", mail);
        }
        if (mail->data[i] == '\n') {
            if (i - start > 999) {
                fail("a long line", mail);
            }
            start = i + 1;
        }
    }
}

static int is_part(const ximss_element_t *element)
{
    return ximss_element_is(element, "MIME") || ximss_element_is(element, "copyMIME");
}

/* Elements of EMAIL called NAME. */
static int count_elements(const ximss_element_t *email, const char *name)
{
    int count = 0;
    const ximss_element_t *element;
    for (element = ximss_element_child(email, name); element != NULL;
         element = ximss_element_next(element, name)) {
        count++;
    }
    return count;
}

/* Fields that a mail has whatever its document says. */
static int is_made(const char *name)
{
    static const char *const made[] = {"Date", "Message-ID", "MIME-Version", "X-Priority"};
    for (apr_size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        if (strcasecmp(name, made[i]) == 0) {
            return 1;
        }
    }
    return strncasecmp(name, "Content-", 8) == 0;
}

static void check_fields(const ximss_composed_t *mail, const apr_array_header_t *fields,
                         const ximss_element_t *email)
{
    for (int i = 0; i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        int same = 0;
        for (int j = 0; j < fields->nelts; j++) {
            same += ximss_field_is(APR_ARRAY_IDX(fields, j, const ximss_field_t *), field->name);
        }
        if (same > count_elements(email, field->name) + is_made(field->name)) {
            fail("a field that nobody asked for", mail);
        }
    }
}

static void check_part(const ximss_composed_t *mail, const ximss_part_t *part,
                       const ximss_element_t *element);

/* PART is the body of the mail that EMAIL describes, FIELDS its header. */
static void check_email(const ximss_composed_t *mail, const apr_array_header_t *fields,
                        const ximss_part_t *part, const ximss_element_t *email)
{
    const ximss_element_t *element = ximss_element_child(email, "MIME");
    check_fields(mail, fields, email);
    if (element != NULL) {
        check_part(mail, part, element);
    }
    else if (ximss_element_child(email, "copyMIME") == NULL && part->children != NULL) {
        fail("parts out of nothing", mail);
    }
}

static void check_part(const ximss_composed_t *mail, const ximss_part_t *part,
                       const ximss_element_t *element)
{
    const ximss_element_t *email = ximss_element_child(element, "EMail");
    const ximss_part_t *child = part->children;
    int leaf = 1;
    if (!ximss_element_is(element, "MIME") || ximss_element_attr(element, "uploadID") != NULL) {
        return; /* copies are what they are */
    }
    if (part->kind == XIMSS_PART_MESSAGE) {
        if (email != NULL) {
            check_email(
                mail, part->fields != NULL && *part->part_id != '\0' ? part->fields : child->fields,
                child, email);
        }
        return;
    }
    for (element = ximss_element_child(element, NULL); element != NULL;
         element = ximss_element_next(element, NULL)) {
        if (is_part(element)) {
            leaf = 0;
            if (child == NULL) {
                fail("a part is missing", mail);
            }
            check_part(mail, child, element);
            child = child->next;
        }
    }
    if (child != NULL && (leaf || part->kind == XIMSS_PART_MULTIPART)) {
        fail("a part too much", mail);
    }
}

static void check(const char *data, apr_size_t size, apr_pool_t *pool)
{
    ximss_compose_t compose = {
        .limits = &limits,
        .zone = ximss_zone_get("GMT"),
        .domain = "example.org",
        .upload = upload,
        .copy = copy,
    };
    const ximss_element_t *email;
    ximss_composed_t *mail;
    const ximss_part_t *top;
    if (ximss_xml_parse(&email, data, size, &limits, pool) != NULL ||
        ximss_compose(&mail, &compose, email, pool) != NULL) {
        return;
    }
    check_bytes(mail);
    top = ximss_structure_parse(mail->data, mail->length, &limits, pool);
    check_email(mail, top->fields, top, email);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    apr_pool_t *pool;
    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    apr_pool_create(&pool, NULL);
    check((const char *)data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
