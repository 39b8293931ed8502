/* MIME and copyMIME elements. */
#include "mime/compose_part.h"
#include "base/text.h"
#include "base/xml_out.h"
#include "mime/flowed.h"
#include "mime/vcard.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TYPE_TOKEN_MAX 70
#define ID_MAX         900

#define wrong(pool, ...) ximss_error(pool, XIMSS_E_COMPOSITION, __VA_ARGS__)

/* ---- what an element says about its part ---- */

static const char *lower(const char *text, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text);
    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return copy;
}

/* Attribute NAME, NULL when it is missing or empty. */
static const char *attribute(const ximss_element_t *element, const char *name)
{
    const char *value = ximss_element_attr(element, name);
    return value == NULL || *value == '\0' ? NULL : value;
}

typedef struct media_t {
    const char *type;
    const char *subtype;
} media_t;

/* Reads type and subtype; what the element leaves open is what MEDIA says already. A client writes "attachment" for a
 * type, which is none. */
static const ximss_error_t *read_media(media_t *media, const ximss_element_t *element,
                                       apr_pool_t *pool)
{
    const char *type = attribute(element, "type");
    const char *subtype = attribute(element, "subtype");
    if (type != NULL && strcasecmp(type, "attachment") != 0) {
        media->type = lower(type, pool);
        media->subtype = strcmp(media->type, "text") == 0        ? "plain"
                         : strcmp(media->type, "multipart") == 0 ? "mixed"
                         : strcmp(media->type, "message") == 0   ? "rfc822"
                                                                 : "octet-stream";
    }
    if (subtype != NULL) {
        media->subtype = lower(subtype, pool);
    }
    if (!ximss_token_ok(media->type, TYPE_TOKEN_MAX) ||
        !ximss_token_ok(media->subtype, TYPE_TOKEN_MAX)) {
        return wrong(pool, "the type or subtype of a part is no MIME token");
    }
    return NULL;
}

static int media_is(const media_t *media, const char *type, const char *subtype)
{
    return strcmp(media->type, type) == 0 && strcmp(media->subtype, subtype) == 0;
}

/* A parameter that the attribute GIVEN, from behind its prefix, names. */
static const ximss_error_t *add_param(ximss_entity_t *entity, int to_type, const char *given,
                                      const char *value, apr_pool_t *pool)
{
    const char *name = lower(given, pool);
    if (to_type && (strcmp(name, "charset") == 0 || strcmp(name, "boundary") == 0)) {
        return NULL; /* these follow from the body */
    }
    if (!ximss_param_name_ok(name)) {
        return wrong(pool, "an attribute Type-NAME or Disposition-NAME names no MIME parameter");
    }
    if (strlen(value) > XIMSS_PARAM_VALUE_MAX) {
        return wrong(pool, "parameter %s is longer than %d bytes", name, XIMSS_PARAM_VALUE_MAX);
    }
    if (to_type) {
        ximss_entity_type_param(entity, name, value);
    }
    else {
        ximss_entity_disposition_param(entity, name, value);
    }
    return NULL;
}

static const ximss_error_t *read_params(ximss_entity_t *entity, const ximss_element_t *element,
                                        apr_pool_t *pool)
{
    int bare = ximss_element_attr(element, "disposition") != NULL &&
               strcasecmp(ximss_element_attr(element, "disposition"), "none") == 0;
    for (const ximss_attr_t *attr = element->attributes; attr != NULL; attr = attr->next) {
        if (strncasecmp(attr->name, "Type-", 5) == 0 &&
            !(bare && strcasecmp(attr->name, "Type-name") == 0)) {
            XIMSS_TRY(add_param(entity, 1, attr->name + 5, attr->value, pool));
        }
        else if (strncasecmp(attr->name, "Disposition-", 12) == 0 && *attr->value != '\0') {
            XIMSS_TRY(add_param(entity, 0, attr->name + 12, attr->value, pool));
        }
    }
    return NULL;
}

/* The disposition, and the file name in all its places. IS_FILE: an upload or a stored file. */
static const ximss_error_t *read_disposition(ximss_entity_t *entity, const ximss_element_t *element,
                                             const char *file_name, int is_file, apr_pool_t *pool)
{
    const char *given = attribute(element, "disposition");
    if (given != NULL && strcasecmp(given, "none") == 0) {
        return NULL;
    }
    if (given != NULL && !ximss_token_ok(given, TYPE_TOKEN_MAX)) {
        return wrong(pool, "the disposition of a part is no MIME token");
    }
    if (file_name != NULL && strlen(file_name) <= XIMSS_PARAM_VALUE_MAX) {
        ximss_entity_disposition_param(entity, "filename", file_name);
    }
    file_name = ximss_param_get(entity->about.disposition_params, "filename");
    if (file_name != NULL) {
        ximss_entity_type_param(entity, "name", file_name);
    }
    if (given != NULL || is_file || entity->about.disposition_params->nelts > 0) {
        entity->about.disposition = given != NULL ? lower(given, pool) : "attachment";
    }
    return NULL;
}

static const ximss_error_t *read_content_id(ximss_entity_t *entity, const ximss_element_t *element,
                                            apr_pool_t *pool)
{
    const char *given = attribute(element, "contentID");
    apr_size_t length = given == NULL ? 0 : strlen(given);
    if (given == NULL) {
        return NULL;
    }
    if (length > 2 && given[0] == '<' && given[length - 1] == '>') {
        given = apr_pstrmemdup(pool, given + 1, length - 2);
    }
    for (const char *c = given; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7F || *c == '<' || *c == '>') {
            return wrong(pool, "a contentID is printable ASCII without blanks and angle brackets");
        }
    }
    if (length > ID_MAX) {
        return wrong(pool, "a contentID is longer than %d bytes", ID_MAX);
    }
    entity->about.content_id = given;
    return NULL;
}

static const ximss_error_t *describe(ximss_entity_t *entity, const ximss_element_t *element,
                                     const char *file_name, int is_file, apr_pool_t *pool)
{
    XIMSS_TRY(read_params(entity, element, pool));
    XIMSS_TRY(read_disposition(entity, element, file_name, is_file, pool));
    XIMSS_TRY(read_content_id(entity, element, pool));
    entity->about.description = attribute(element, "description");
    entity->about.location = attribute(element, "location");
    entity->about.content_class = attribute(element, "class");
    return NULL;
}

/* ---- uploads, stored files, copies ---- */

/* One upload may be named many times: what is too large in sum is refused before it is encoded. */
static const ximss_error_t *take_room(ximss_composer_t *composer, const ximss_source_t *source)
{
    if (source->length > composer->room) {
        return ximss_error(composer->pool, XIMSS_E_LIMIT,
                           "the message is larger than %" APR_SIZE_T_FMT " bytes",
                           composer->compose->limits->message_bytes);
    }
    composer->room -= source->length;
    return NULL;
}

/* Whether a part of this type is sent in base64: composite ones must not be. */
static int is_plain_file(const media_t *media)
{
    return strcmp(media->type, "multipart") != 0 && strcmp(media->type, "message") != 0;
}

static const ximss_error_t *compose_file(ximss_entity_t **entity, const ximss_source_t *source,
                                         const ximss_element_t *element, apr_pool_t *pool)
{
    media_t media = {"application", "octet-stream"};
    const char *charset = attribute(element, "charset");
    if (source->type != NULL && source->subtype != NULL) {
        media.type = lower(source->type, pool);
        media.subtype = lower(source->subtype, pool);
    }
    XIMSS_TRY(read_media(&media, element, pool));
    if (media_is(&media, "message", "rfc822")) {
        *entity = ximss_compose_message(source->data, source->length, pool);
        return describe(*entity, element, source->file_name, 1, pool);
    }
    if (!is_plain_file(&media)) {
        media.type = "application";
        media.subtype = "octet-stream";
    }
    *entity = ximss_entity_make(media.type, media.subtype, pool);
    charset = charset != NULL ? charset : source->charset;
    if (strcmp(media.type, "text") == 0 && charset != NULL && ximss_token_ok(charset, 60)) {
        ximss_entity_type_param(*entity, "charset", charset);
    }
    ximss_entity_bytes(*entity, source->data, source->length, pool);
    return describe(*entity, element, source->file_name, 1, pool);
}

static const ximss_error_t *compose_upload(ximss_entity_t **entity, ximss_composer_t *composer,
                                           const ximss_element_t *element, const char *id)
{
    const ximss_compose_t *compose = composer->compose;
    ximss_source_t source = {0};
    if (compose->upload == NULL) {
        return ximss_error(composer->pool, XIMSS_E_NOT_FOUND, "no such upload");
    }
    XIMSS_TRY(compose->upload(compose->baton, id, &source, composer->pool));
    XIMSS_TRY(take_room(composer, &source));
    return compose_file(entity, &source, element, composer->pool);
}

/* The name in the store is nobody's business: it does not name the attachment. */
static const ximss_error_t *compose_stored(ximss_entity_t **entity, ximss_composer_t *composer,
                                           const ximss_element_t *element, const char *name)
{
    const ximss_compose_t *compose = composer->compose;
    ximss_source_t source = {0};
    if (compose->file == NULL) {
        return ximss_error(composer->pool, XIMSS_E_NOT_FOUND, NULL);
    }
    XIMSS_TRY(compose->file(compose->baton, name, &source, composer->pool));
    XIMSS_TRY(take_room(composer, &source));
    source.file_name = NULL;
    return compose_file(entity, &source, element, composer->pool);
}

static const ximss_error_t *read_uid(apr_uint32_t *uid, const ximss_element_t *element,
                                     apr_pool_t *pool)
{
    const char *text = ximss_element_attr(element, "UID");
    apr_uint64_t value;
    if (text == NULL || strlen(text) > 10 || strspn(text, "0123456789") != strlen(text) ||
        (value = strtoull(text, NULL, 10)) == 0 || value > APR_UINT32_MAX) {
        return wrong(pool, "copyMIME needs a UID");
    }
    *uid = (apr_uint32_t)value;
    return NULL;
}

static const ximss_error_t *compose_copy(ximss_entity_t **entity, ximss_composer_t *composer,
                                         const ximss_element_t *element)
{
    const ximss_compose_t *compose = composer->compose;
    const char *folder = attribute(element, "folder");
    ximss_source_t source = {0};
    apr_uint32_t uid = 0;
    if (folder == NULL) {
        folder = attribute(element, "calendar");
    }
    if (folder == NULL) {
        return wrong(composer->pool, "copyMIME needs a folder");
    }
    XIMSS_TRY(read_uid(&uid, element, composer->pool));
    if (compose->copy == NULL) {
        return ximss_error(composer->pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    XIMSS_TRY(compose->copy(compose->baton, folder, uid, attribute(element, "partID"), &source,
                            composer->pool));
    XIMSS_TRY(take_room(composer, &source));
    *entity = source.part != NULL
                  ? ximss_compose_copy(source.part, source.data, composer->pool)
                  : ximss_compose_message(source.data, source.length, composer->pool);
    return NULL;
}

/* ---- bodies in the request ---- */

static void serialise(ximss_xml_t *xml, const ximss_element_t *element)
{
    const ximss_element_t *child;
    if (element->name == NULL) {
        ximss_xml_text(xml, element->text);
        return;
    }
    ximss_xml_start(xml, element->name);
    for (const ximss_attr_t *attr = element->attributes; attr != NULL; attr = attr->next) {
        ximss_xml_attr(xml, attr->name, attr->value);
    }
    for (child = element->children; child != NULL; child = child->next) {
        serialise(xml, child);
    }
    ximss_xml_end(xml);
}

/* What ELEMENT holds as XML text; white space around its elements goes. */
static const char *serialise_children(const ximss_element_t *element, apr_size_t limit,
                                      apr_pool_t *pool)
{
    ximss_xml_t *xml = ximss_xml_create(limit, pool);
    const ximss_element_t *child;
    apr_size_t length;
    for (child = element->children; child != NULL; child = child->next) {
        if (child->name != NULL || !ximss_text_is_blank(child->text)) {
            serialise(xml, child);
        }
    }
    return ximss_xml_data(xml, &length);
}

/* The text of a leaf: character data, or what its elements stand for. */
static const char *leaf_text(const ximss_composer_t *composer, const media_t *media,
                             const ximss_element_t *element)
{
    apr_pool_t *pool = composer->pool;
    if (ximss_element_child(element, NULL) == NULL) {
        return ximss_element_text(element, pool);
    }
    if (strcmp(media->type, "text") == 0 && (ximss_element_child(element, "vCard") != NULL ||
                                             ximss_element_child(element, "vCardGroup") != NULL)) {
        return ximss_vcard_text(element, pool);
    }
    return serialise_children(element, composer->compose->limits->message_bytes, pool);
}

static const ximss_error_t *compose_leaf(ximss_entity_t **entity, ximss_composer_t *composer,
                                         const ximss_element_t *element, const media_t *media)
{
    const char *format = attribute(element, "format");
    ximss_buffer_t flowed;
    const char *text;
    apr_size_t length;
    if (media_is(media, "text", "calendar") && ximss_element_child(element, NULL) != NULL) {
        return wrong(composer->pool, "iCalendar elements are not supported by this server");
    }
    text = leaf_text(composer, media, element);
    length = strlen(text);
    *entity = ximss_entity_make(media->type, media->subtype, composer->pool);
    if (strcmp(media->type, "text") == 0) {
        ximss_entity_type_param(*entity, "charset", "utf-8");
    }
    if (format != NULL && strcasecmp(format, "flowed") == 0 && media_is(media, "text", "plain")) {
        ximss_buffer_init(&flowed, length + length / 16, composer->pool);
        ximss_flowed_put(&flowed, text, length);
        text = flowed.data;
        length = flowed.length;
        ximss_entity_type_param(*entity, "format", "flowed");
    }
    ximss_entity_text(*entity, text, length, composer->pool);
    return describe(*entity, element, NULL, 0, composer->pool);
}

/* A mail inside the mail: an EMail element, or its bytes as text. */
static const ximss_error_t *compose_message(ximss_entity_t **entity, ximss_composer_t *composer,
                                            const ximss_element_t *element, const media_t *media)
{
    const ximss_element_t *email = ximss_element_child(element, "EMail");
    apr_pool_t *pool = composer->pool;
    ximss_entity_t *inner;
    const char *text;
    if (email != NULL) {
        XIMSS_TRY(ximss_compose_email(&inner, composer, email, NULL));
        *entity = ximss_entity_make("message", "rfc822", pool);
        ximss_entity_add(*entity, inner);
    }
    else {
        text = ximss_element_text(element, pool);
        *entity = ximss_compose_message(text, strlen(text), pool);
        if (!media_is(media, "message", "rfc822")) {
            if ((*entity)->encoding != NULL) {
                return wrong(pool, "the text of a message part has lines that are too long");
            }
            (*entity)->about.subtype = media->subtype;
        }
    }
    return describe(*entity, element, NULL, 0, pool);
}

static const ximss_error_t *compose_header_part(ximss_entity_t **entity, ximss_composer_t *composer,
                                                const ximss_element_t *element)
{
    ximss_out_t *head;
    XIMSS_TRY(ximss_compose_head(&head, composer, ximss_element_child(element, "EMail"), NULL));
    *entity = ximss_entity_make("text", "rfc822-headers", composer->pool);
    ximss_entity_text(*entity, head->data, head->length, composer->pool);
    return describe(*entity, element, NULL, 0, composer->pool);
}

static int is_part(const ximss_element_t *element)
{
    return ximss_element_is(element, "MIME") || ximss_element_is(element, "copyMIME");
}

static int has_parts(const ximss_element_t *element)
{
    return ximss_element_child(element, "MIME") != NULL ||
           ximss_element_child(element, "copyMIME") != NULL;
}

static const ximss_error_t *compose_multipart(ximss_entity_t **entity, ximss_composer_t *composer,
                                              const ximss_element_t *element, const media_t *media)
{
    apr_pool_t *pool = composer->pool;
    const ximss_element_t *child;
    ximss_entity_t *part;
    *entity = ximss_entity_make(media->type, media->subtype, pool);
    for (child = ximss_element_child(element, NULL); child != NULL;
         child = ximss_element_next(child, NULL)) {
        if (!is_part(child)) {
            return wrong(pool, "a multipart holds MIME and copyMIME elements only");
        }
        XIMSS_TRY(ximss_compose_part(&part, composer, child));
        ximss_entity_add(*entity, part);
    }
    if ((*entity)->children == NULL) {
        return wrong(pool, "a multipart needs parts");
    }
    XIMSS_TRY(describe(*entity, element, NULL, 0, pool));
    if (strcmp(media->subtype, "related") == 0) {
        /* RFC 2387, 3.1: the type of the root is asked for */
        const ximss_part_t *root = &(*entity)->children->about;
        ximss_entity_type_param(*entity, "type",
                                apr_pstrcat(pool, root->type, "/", root->subtype, NULL));
    }
    return NULL;
}

static const ximss_error_t *compose_mime(ximss_entity_t **entity, ximss_composer_t *composer,
                                         const ximss_element_t *element)
{
    const char *upload = attribute(element, "uploadID");
    const char *file = attribute(element, "fileName");
    media_t media = {"text", "plain"};
    if (upload != NULL) {
        return compose_upload(entity, composer, element, upload);
    }
    if (file != NULL) {
        return compose_stored(entity, composer, element, file);
    }
    if (has_parts(element)) {
        media.type = "multipart";
        media.subtype = "mixed";
    }
    XIMSS_TRY(read_media(&media, element, composer->pool));
    if (strcmp(media.type, "multipart") == 0) {
        return compose_multipart(entity, composer, element, &media);
    }
    if (has_parts(element)) {
        return wrong(composer->pool, "only a multipart holds MIME elements");
    }
    if (strcmp(media.type, "message") == 0) {
        return compose_message(entity, composer, element, &media);
    }
    if (media_is(&media, "text", "rfc822-headers") &&
        ximss_element_child(element, "EMail") != NULL) {
        return compose_header_part(entity, composer, element);
    }
    return compose_leaf(entity, composer, element, &media);
}

const ximss_error_t *ximss_compose_part(ximss_entity_t **entity, ximss_composer_t *composer,
                                        const ximss_element_t *element)
{
    int limit = composer->compose->limits->mime_parts;
    if (++composer->parts > limit) {
        return ximss_error(composer->pool, XIMSS_E_LIMIT, "the message has more than %d parts",
                           limit);
    }
    return ximss_element_is(element, "MIME") ? compose_mime(entity, composer, element)
                                             : compose_copy(entity, composer, element);
}
