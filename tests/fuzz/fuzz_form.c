/* multipart/form-data of boundary "b". The first byte chooses the size of the pieces: pieces of any size must give the
 * same parts, with clean names, and never more bytes than came in. The input is also taken for a Content-Type and a
 * Content-Disposition. */
#include "base/text.h"
#include "mime/form.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was given, one after the other. */
typedef struct taken_t {
    char *text;
    apr_size_t length;
    apr_size_t data;
    apr_pool_t *pool;
} taken_t;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void add(taken_t *taken, const char *data, apr_size_t length)
{
    char *text = apr_palloc(taken->pool, taken->length + length + 1);

    memcpy(text, taken->text, taken->length);
    memcpy(text + taken->length, data, length);
    taken->text = text;
    taken->length += length;
}

static void check_text(const char *text)
{
    if (text != NULL && !ximss_text_ok(text, strlen(text))) {
        fail("a text is not clean");
    }
}

static void check_part(const ximss_form_part_t *part)
{
    check_text(part->name);
    check_text(part->file_name);
    check_text(part->type);
    check_text(part->subtype);
    check_text(part->charset);
    if (part->file_name != NULL &&
        (part->file_name[0] == '\0' || strpbrk(part->file_name, "/\\\r\n") != NULL)) {
        fail("a file name is none");
    }
}

static const ximss_error_t *on_begin(void *baton, const ximss_form_part_t *part)
{
    taken_t *taken = baton;

    check_part(part);
    add(taken, part->name, strlen(part->name) + 1);
    add(taken, part->type, strlen(part->type) + 1);
    return NULL;
}

static const ximss_error_t *on_data(void *baton, const char *data, apr_size_t length)
{
    taken_t *taken = baton;

    taken->data += length;
    add(taken, data, length);
    return NULL;
}

static const ximss_error_t *on_end(void *baton)
{
    add(baton, "", 1);
    return NULL;
}

static void read_form(const char *data, apr_size_t size, apr_size_t step, taken_t *taken)
{
    const ximss_form_sink_t sink = {on_begin, on_data, on_end, taken};
    ximss_form_t *form = ximss_form_create("b", &sink, taken->pool);
    const ximss_error_t *error = NULL;
    apr_size_t at;

    taken->text = apr_palloc(taken->pool, 1);
    for (at = 0; at < size && error == NULL; at += step) {
        error = ximss_form_feed(form, data + at, size - at < step ? size - at : step);
    }
    if (error == NULL) {
        error = ximss_form_finish(form);
    }
    if (error != NULL) {
        add(taken, error->text, strlen(error->text));
    }
    if (taken->data > size) {
        fail("more bytes than came in");
    }
}

static void check(const char *data, apr_size_t size, apr_pool_t *pool)
{
    const char *text = apr_pstrmemdup(pool, data, size);
    taken_t whole = {.pool = pool};
    taken_t pieces = {.pool = pool};
    ximss_form_part_t part;

    ximss_form_boundary(text, pool);
    ximss_form_describe(&part, text, text, pool);
    check_part(&part);
    if (size < 1) {
        return;
    }
    read_form(data + 1, size - 1, size, &whole);
    read_form(data + 1, size - 1, 1 + (unsigned char)data[0] % 16, &pieces);
    if (whole.length != pieces.length || memcmp(whole.text, pieces.text, whole.length) != 0) {
        fail("pieces give something else");
    }
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
