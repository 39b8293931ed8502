/* Bodies with their transfer encodings, boundaries, and the bytes of the whole. Recursion follows the tree, whose
 * depth the limits of requests and of stored structures bound. */
#include "mime/entity.h"
#include "base/random.h"
#include "mime/encode.h"
#include "mime/header.h"

#include <apr_strings.h>
#include <string.h>

#define LINE_MAX_LENGTH   998 /* RFC 5322, 2.1.1 */
#define BOUNDARY_RANDOM   24
#define BOUNDARY_ATTEMPTS 8
#define QUOTED_SHARE      6 /* quoted-printable is longer than base64 when more than a sixth is quoted */

ximss_entity_t *ximss_entity_make(const char *type, const char *subtype, apr_pool_t *pool)
{
    ximss_entity_t *entity = apr_pcalloc(pool, sizeof(*entity));
    entity->about.type = type;
    entity->about.subtype = subtype;
    entity->about.type_params = apr_array_make(pool, 2, sizeof(ximss_param_t));
    entity->about.disposition_params = apr_array_make(pool, 1, sizeof(ximss_param_t));
    entity->body = "";
    return entity;
}

static void add_param(apr_array_header_t *params, const char *name, const char *value)
{
    if (ximss_param_get(params, name) == NULL) {
        ximss_param_t param = {name, value};
        APR_ARRAY_PUSH(params, ximss_param_t) = param;
    }
}

void ximss_entity_type_param(ximss_entity_t *entity, const char *name, const char *value)
{
    add_param(entity->about.type_params, name, value);
}

void ximss_entity_disposition_param(ximss_entity_t *entity, const char *name, const char *value)
{
    add_param(entity->about.disposition_params, name, value);
}

void ximss_entity_add(ximss_entity_t *parent, ximss_entity_t *child)
{
    if (parent->children == NULL) {
        parent->children = child;
    }
    else {
        parent->last->next = child;
    }
    parent->last = child;
}

/* ---- bodies ---- */

static void set_body(ximss_entity_t *entity, const char *encoding, const ximss_buffer_t *body)
{
    entity->encoding = encoding;
    entity->body = body->data;
    entity->length = body->length;
}

void ximss_entity_bytes(ximss_entity_t *entity, const char *bytes, apr_size_t length,
                        apr_pool_t *pool)
{
    ximss_buffer_t body;
    ximss_buffer_init(&body, length / 3 * 4 + length / 28 + 8, pool);
    ximss_base64_put(&body, bytes, length, 1);
    set_body(entity, "base64", &body);
}

void ximss_entity_text(ximss_entity_t *entity, const char *text, apr_size_t length,
                       apr_pool_t *pool)
{
    ximss_survey_t survey;
    ximss_buffer_t lines;
    apr_size_t size;
    ximss_survey(&survey, text, length);
    size = length + survey.bare;
    if (!survey.eight_bit && !survey.controls && !survey.from_line &&
        survey.longest <= LINE_MAX_LENGTH) {
        entity->encoding = NULL;
        entity->body = text;
        entity->length = length;
        entity->bare = survey.bare;
    }
    else if (survey.quoted_size * QUOTED_SHARE <= size) {
        ximss_buffer_init(&lines, size + size / 2, pool);
        ximss_quoted_put(&lines, text, length);
        set_body(entity, "quoted-printable", &lines);
    }
    else {
        ximss_buffer_init(&lines, size, pool);
        ximss_lines_put(&lines, text, length);
        ximss_entity_bytes(entity, lines.data, lines.length, pool);
    }
}

int ximss_entity_raw(ximss_entity_t *entity, const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    ximss_survey_t survey;
    ximss_buffer_t lines;
    ximss_survey(&survey, bytes, length);
    if (survey.nul || survey.bare > 0) {
        /* a CR stays where LFs end the lines, and is found by the second look */
        ximss_buffer_init(&lines, length + length / 16, pool);
        ximss_lines_end(&lines, bytes, length, ximss_line_end(bytes, length));
        bytes = lines.data;
        length = lines.length;
        ximss_survey(&survey, bytes, length);
    }
    if (survey.nul || survey.bare > 0 || survey.longest > LINE_MAX_LENGTH) {
        return 0;
    }
    entity->encoding = NULL;
    entity->body = bytes;
    entity->length = length;
    entity->eight_bit = survey.eight_bit;
    return 1;
}

/* ---- the tree before it is written ---- */

/* Names the boundaries after SECRET, and carries upwards which parts hold 8-bit ones. */
static void settle(ximss_entity_t *entity, const char *secret, int *number, apr_pool_t *pool)
{
    ximss_entity_t *child;
    if (entity->children == NULL) {
        return;
    }
    if (strcmp(entity->about.type, "message") != 0) {
        /* "=_" stands in no encoded text (RFC 2045, 6.7) */
        entity->boundary = apr_psprintf(pool, "=_%d_%s", ++*number, secret);
    }
    entity->eight_bit = 0;
    for (child = entity->children; child != NULL; child = child->next) {
        settle(child, secret, number, pool);
        entity->eight_bit |= child->eight_bit;
    }
}

static int holds(const ximss_entity_t *entity, const char *secret)
{
    const ximss_entity_t *child;
    if (memmem(entity->body, entity->length, secret, strlen(secret)) != NULL) {
        return 1;
    }
    for (child = entity->children; child != NULL; child = child->next) {
        if (holds(child, secret)) {
            return 1;
        }
    }
    return 0;
}

static const ximss_error_t *choose_secret(char *secret, const ximss_entity_t *top, apr_pool_t *pool)
{
    for (int i = 0; i < BOUNDARY_ATTEMPTS; i++) {
        if (!ximss_random_text(secret, BOUNDARY_RANDOM)) {
            return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no randomness for a boundary");
        }
        if (!holds(top, secret)) {
            return NULL;
        }
    }
    return ximss_error_detail(pool, XIMSS_E_INTERNAL, "every boundary stands in the text");
}

/* The bytes of all bodies: most of the whole. */
static apr_size_t body_size(const ximss_entity_t *entity)
{
    apr_size_t size = entity->length + entity->bare;
    const ximss_entity_t *child;
    for (child = entity->children; child != NULL; child = child->next) {
        size += body_size(child);
    }
    return size;
}

/* ---- writing ---- */

static void write_type(ximss_out_t *out, const ximss_entity_t *entity)
{
    const ximss_part_t *about = &entity->about;
    const char *type = apr_pstrcat(out->pool, about->type, "/", about->subtype, NULL);
    apr_array_header_t *params = about->type_params;
    if (entity->boundary != NULL) {
        params = apr_array_copy(out->pool, params);
        add_param(params, "boundary", entity->boundary);
    }
    ximss_header_params(out, "Content-Type", type, params);
}

static void write_header(ximss_out_t *out, const ximss_entity_t *entity)
{
    const ximss_part_t *about = &entity->about;
    if (entity->head != NULL) {
        ximss_buffer_add(out, entity->head->data, entity->head->length);
    }
    write_type(out, entity);
    if (entity->encoding != NULL || entity->eight_bit) {
        ximss_header_raw_token(out, "Content-Transfer-Encoding",
                               entity->encoding != NULL ? entity->encoding : "8bit");
    }
    if (about->disposition != NULL) {
        ximss_header_params(out, "Content-Disposition", about->disposition,
                            about->disposition_params);
    }
    if (about->content_id != NULL) {
        ximss_header_raw_token(out, "Content-ID",
                               apr_pstrcat(out->pool, "<", about->content_id, ">", NULL));
    }
    if (about->description != NULL) {
        ximss_header_text(out, "Content-Description", about->description);
    }
    if (about->location != NULL) {
        ximss_header_text(out, "Content-Location", about->location);
    }
    if (about->content_class != NULL) {
        ximss_header_text(out, "Content-Class", about->content_class);
    }
    ximss_buffer_add(out, "\r\n", 2);
}

static void write_boundary(ximss_out_t *out, const char *boundary, const char *end)
{
    ximss_buffer_add(out, "--", 2);
    ximss_buffer_add(out, boundary, strlen(boundary));
    ximss_buffer_add(out, end, strlen(end));
}

static void write_entity(ximss_out_t *out, const ximss_entity_t *entity)
{
    const ximss_entity_t *child;
    write_header(out, entity);
    if (entity->bare > 0) {
        ximss_lines_put(out, entity->body, entity->length);
    }
    else {
        ximss_buffer_add(out, entity->body, entity->length);
    }
    for (child = entity->children; child != NULL; child = child->next) {
        if (entity->boundary == NULL) {
            write_entity(out, child);
            continue;
        }
        write_boundary(out, entity->boundary, "\r\n");
        write_entity(out, child);
        ximss_buffer_add(out, "\r\n", 2);
    }
    if (entity->boundary != NULL) {
        write_boundary(out, entity->boundary, "--\r\n");
    }
}

static const ximss_error_t *too_large(apr_size_t max, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_LIMIT, "the message is larger than %" APR_SIZE_T_FMT " bytes",
                       max);
}

const ximss_error_t *ximss_entity_write(const char **data, apr_size_t *length, ximss_entity_t *top,
                                        apr_size_t max, apr_pool_t *pool)
{
    char secret[BOUNDARY_RANDOM + 1];
    apr_size_t size = body_size(top);
    int number = 0;
    ximss_out_t out;
    if (size > max) {
        return too_large(max, pool);
    }
    if (top->children != NULL) {
        XIMSS_TRY(choose_secret(secret, top, pool));
        settle(top, secret, &number, pool);
    }
    ximss_buffer_init(&out, size + 4096, pool);
    write_entity(&out, top);
    if (out.length > max) {
        return too_large(max, pool);
    }
    *data = ximss_buffer_string(&out);
    *length = out.length;
    return NULL;
}
