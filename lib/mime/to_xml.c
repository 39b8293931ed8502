/* EMail and MIME elements. The depth of what is written follows from the tree,
 * whose nesting structure.c limits: EMail and MIME elements stay under 190 levels. */
#include "mime/to_xml.h"
#include "base/text.h"
#include "mime/content.h"
#include "mime/digest.h"
#include "mime/report.h"
#include "mime/vcard.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

/* One call of ximss_email_write() or ximss_part_write(). */
typedef struct writer_t {
    ximss_xml_t *xml;
    const ximss_to_xml_t *options;
    apr_int64_t left; /* of size_limit */
} writer_t;

static const ximss_error_t *write_mime(writer_t *writer, const ximss_part_t *part,
                                       apr_pool_t *pool);

void ximss_date_write(ximss_xml_t *xml, const char *name, apr_int64_t seconds,
                      const ximss_zone_t *zone, apr_pool_t *pool)
{
    ximss_xml_start(xml, name);
    ximss_xml_attr(xml, "localTime", ximss_time_local(seconds, zone, pool));
    ximss_xml_text(xml, ximss_time_gmt_z(seconds, pool));
    ximss_xml_end(xml);
}

static apr_size_t cut(const char *text, apr_size_t limit)
{
    apr_size_t length = strlen(text);
    return limit == 0 ? length : ximss_text_cut(text, length, limit);
}

static void write_date(ximss_xml_t *xml, const ximss_field_t *field,
                       const ximss_field_style_t *style, apr_pool_t *pool)
{
    if (!field->date_valid) {
        return;
    }
    ximss_xml_start(xml, style->element_name);
    ximss_xml_attr(xml, "localTime", ximss_time_local(field->seconds, style->zone, pool));
    if (style->with_shift) {
        ximss_xml_attr_int(xml, "timeShift", field->shift);
    }
    ximss_xml_text(xml, ximss_time_gmt_z(field->seconds, pool));
    ximss_xml_end(xml);
}

static void write_addresses(ximss_xml_t *xml, const ximss_field_t *field,
                            const ximss_field_style_t *style, apr_pool_t *pool)
{
    for (int i = 0; i < field->addresses->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(field->addresses, i, ximss_address_t);
        ximss_xml_start(xml, style->element_name);
        if (address->name != NULL) {
            apr_size_t length = cut(address->name, style->limit);
            ximss_xml_attr(xml, "realName", apr_pstrmemdup(pool, address->name, length));
        }
        ximss_xml_text_n(xml, address->addr, cut(address->addr, style->limit));
        ximss_xml_end(xml);
    }
}

void ximss_field_write(ximss_xml_t *xml, const ximss_field_t *field,
                       const ximss_field_style_t *style, apr_pool_t *pool)
{
    const char *text;
    if (field->kind == XIMSS_FIELD_DATE) {
        write_date(xml, field, style, pool);
        return;
    }
    if (field->kind == XIMSS_FIELD_ADDRESS && style->each_address && field->addresses->nelts > 0) {
        write_addresses(xml, field, style, pool);
        return;
    }
    text = ximss_field_value(field, 0, pool);
    ximss_xml_start(xml, style->element_name);
    ximss_xml_text_n(xml, text, cut(text, style->limit));
    ximss_xml_end(xml);
}

/* Names that stand for something else inside EMail, or in XML itself. */
static int is_reserved(const char *name)
{
    return strcasecmp(name, "MIME") == 0 || strcasecmp(name, "EMail") == 0 ||
           strcasecmp(name, "Pty") == 0 || strncasecmp(name, "xml", 3) == 0;
}

/* Fields that a message has once (RFC 5322, 3.6), by which others know it: were a second one shown, a
 * reader could see another sender than lists and filters do. Returns whether this is one more of them;
 * SEEN remembers. */
static int is_repeated(const char *name, unsigned int *seen)
{
    static const char *const once[] = {"From", "Sender", "Subject", "Date", "Message-ID"};
    for (unsigned int i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (strcasecmp(name, once[i]) == 0) {
            unsigned int bit = 1u << i;
            int repeated = (*seen & bit) != 0;
            *seen |= bit;
            return repeated;
        }
    }
    return 0;
}

static int is_priority(const char *name)
{
    return strcasecmp(name, "X-Priority") == 0 || strcasecmp(name, "Importance") == 0 ||
           strcasecmp(name, "Priority") == 0;
}

/* The fields that the MIME element shows as its attributes. */
static int is_structural(const char *name)
{
    return strncasecmp(name, "Content-", 8) == 0 || strcasecmp(name, "MIME-Version") == 0;
}

static void write_fields(writer_t *writer, const apr_array_header_t *fields, apr_pool_t *pool)
{
    ximss_field_style_t style = {.each_address = 1, .with_shift = 1};
    const char *priority = ximss_fields_priority(fields);
    unsigned int seen = 0;
    apr_pool_t *scratch;
    style.zone = writer->options->zone;
    apr_pool_create(&scratch, pool);
    for (int i = 0; fields != NULL && i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        apr_pool_clear(scratch);
        if (priority != NULL && is_priority(field->name)) {
            ximss_xml_element(writer->xml, "Pty", priority);
            priority = NULL;
        }
        if (is_structural(field->name) || is_reserved(field->name) ||
            strcasecmp(field->name, "X-Priority") == 0 || !ximss_xml_name_ok(field->name) ||
            is_repeated(field->name, &seen)) {
            continue;
        }
        style.element_name = field->name;
        ximss_field_write(writer->xml, field, &style, scratch);
    }
    apr_pool_destroy(scratch);
}

/* An EMail element with the FIELDS and, if given, the BODY part. */
static const ximss_error_t *write_email(writer_t *writer, const char *part_id,
                                        const apr_array_header_t *fields, const ximss_part_t *body,
                                        apr_pool_t *pool)
{
    const ximss_error_t *error = NULL;
    ximss_xml_start(writer->xml, "EMail");
    ximss_xml_attr(writer->xml, "partID", part_id);
    write_fields(writer, fields, pool);
    if (body != NULL) {
        error = write_mime(writer, body, pool);
    }
    ximss_xml_end(writer->xml);
    return error;
}

/* The id of the EMail inside a message part; "01" when the whole message is such a part. */
static const char *inner_id(const ximss_part_t *part)
{
    return *part->part_id == '\0' ? "01" : part->part_id;
}

static void write_params(ximss_xml_t *xml, const char *prefix, const apr_array_header_t *params,
                         apr_pool_t *pool)
{
    for (int i = 0; params != NULL && i < params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        const char *name = apr_pstrcat(pool, prefix, param->name, NULL);
        if (ximss_xml_name_ok(name)) {
            ximss_xml_attr(xml, name, param->value);
        }
    }
}

/* The parameters of the type but for the charset, which has an attribute of its own, and the boundary,
 * which means nothing outside the raw bytes. */
static void write_type_params(ximss_xml_t *xml, const apr_array_header_t *params, apr_pool_t *pool)
{
    apr_array_header_t *shown = apr_array_make(pool, 4, sizeof(ximss_param_t));
    for (int i = 0; params != NULL && i < params->nelts; i++) {
        const ximss_param_t *param = &APR_ARRAY_IDX(params, i, ximss_param_t);
        if (strcmp(param->name, "charset") != 0 && strcmp(param->name, "boundary") != 0) {
            APR_ARRAY_PUSH(shown, ximss_param_t) = *param;
        }
    }
    write_params(xml, "Type-", shown, pool);
}

static void write_attributes(ximss_xml_t *xml, const ximss_part_t *part, apr_pool_t *pool)
{
    ximss_xml_attr(xml, "charset", ximss_param_get(part->type_params, "charset"));
    ximss_xml_attr(xml, "class", part->content_class);
    ximss_xml_attr(xml, "contentID", part->content_id);
    ximss_xml_attr(xml, "description", part->description);
    ximss_xml_attr(xml, "disposition", part->disposition);
    ximss_xml_attr_int(xml, "estimatedSize", part->decoded_size);
    ximss_xml_attr(xml, "location", part->location);
    ximss_xml_attr(xml, "parseError", part->parse_error);
    ximss_xml_attr(xml, "partID", *part->part_id == '\0' ? NULL : part->part_id);
    ximss_xml_attr(xml, "subtype", part->subtype);
    ximss_xml_attr(xml, "type", part->type);
    write_type_params(xml, part->type_params, pool);
    write_params(xml, "Disposition-", part->disposition_params, pool);
}

/* The body of a leaf in LEAF_POOL, NULL when it is not shown: no text, or beyond the size limit. A
 * failure to read stands in the element, but a busy store fails the request, which can be repeated. */
static const ximss_error_t *read_body(writer_t *writer, const ximss_part_t *part, const char **body,
                                      apr_pool_t *pool)
{
    const ximss_error_t *error;
    int shown = strcmp(part->type, "text") == 0 || ximss_report_is(part);
    *body = NULL;
    if (!shown || ximss_xml_overflow(writer->xml)) {
        return NULL;
    }
    if (writer->options->size_limit >= 0) {
        if (part->decoded_size > writer->left) {
            return NULL;
        }
        writer->left -= part->decoded_size;
    }
    error = writer->options->read(writer->options->baton, part->body_offset,
                                  (apr_size_t)part->body_length, body, pool);
    if (error != NULL && error->code != XIMSS_E_BUSY) {
        ximss_xml_attr(writer->xml, "readError", error->text);
        *body = NULL;
        return NULL;
    }
    return error;
}

/* Whether PART is of a type that carries vCards or a group of them. */
static int is_vcard(const ximss_part_t *part)
{
    static const char *const subtypes[] = {"directory", "x-vcard", "vcard", "x-vgroup"};
    for (int i = 0; i < 4 && strcmp(part->type, "text") == 0; i++) {
        if (strcmp(part->subtype, subtypes[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static const ximss_error_t *write_leaf(writer_t *writer, const ximss_part_t *part, apr_pool_t *pool)
{
    const char *body;
    const char *text;
    apr_size_t length;
    XIMSS_TRY(read_body(writer, part, &body, pool));
    if (body == NULL) {
        return NULL;
    }
    text = ximss_content_text(part, body, (apr_size_t)part->body_length, &length, pool);
    if (ximss_report_is(part)) {
        ximss_report_write(writer->xml, text, length, pool);
    }
    else if (!is_vcard(part) || ximss_vcard_write(writer->xml, text, length, pool) == 0) {
        ximss_xml_text_n(writer->xml, text, length);
    }
    return NULL;
}

static const ximss_error_t *write_children(writer_t *writer, const ximss_part_t *part,
                                           apr_pool_t *pool)
{
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        XIMSS_TRY(write_mime(writer, child, pool));
    }
    return NULL;
}

/* Recursion is bounded by the depth limit of the tree. Each leaf has a pool of its own, so that the
 * bodies of a message never lie in memory together; an error lives in it, so it stays. */
static const ximss_error_t *write_mime(writer_t *writer, const ximss_part_t *part, apr_pool_t *pool)
{
    const ximss_error_t *error;
    apr_pool_t *scratch = pool;
    if (part->kind == XIMSS_PART_LEAF) {
        apr_pool_create(&scratch, pool);
    }
    ximss_xml_start(writer->xml, "MIME");
    write_attributes(writer->xml, part, scratch);
    switch (part->kind) {
    case XIMSS_PART_MULTIPART:
        error = write_children(writer, part, pool);
        break;
    case XIMSS_PART_MESSAGE:
    case XIMSS_PART_HEADERS:
        error = write_email(writer, inner_id(part), ximss_part_inner_fields(part), part->children,
                            pool);
        break;
    default:
        error = write_leaf(writer, part, scratch);
        break;
    }
    ximss_xml_end(writer->xml);
    if (scratch != pool && error == NULL) {
        apr_pool_destroy(scratch);
    }
    return error;
}

const ximss_error_t *ximss_email_write(ximss_xml_t *xml, const ximss_part_t *top,
                                       const ximss_to_xml_t *options, apr_pool_t *pool)
{
    writer_t writer = {xml, options, options->size_limit};
    return write_email(&writer, NULL, top->fields, top, pool);
}

const ximss_error_t *ximss_part_write(ximss_xml_t *xml, const ximss_part_t *part,
                                      const ximss_to_xml_t *options, apr_pool_t *pool)
{
    writer_t writer = {xml, options, options->size_limit};
    if (part->kind == XIMSS_PART_MESSAGE) {
        return write_email(&writer, inner_id(part), ximss_part_inner_fields(part), part->children,
                           pool);
    }
    return write_mime(&writer, part, pool);
}
