/* What a part is: its MIME header fields (RFC 2045, RFC 2183) with the defaults that RFC 2045, 5.2 and RFC
 * 2046, 5.1.5 give, and the ids and names by which clients ask for parts. */
#include "mime/content.h"
#include "mime/decode.h"
#include "mime/header.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX 100

const char *ximss_part_file_name(const ximss_part_t *part)
{
    const char *name = ximss_param_get(part->disposition_params, "filename");
    return name != NULL ? name : ximss_param_get(part->type_params, "name");
}

const apr_array_header_t *ximss_part_inner_fields(const ximss_part_t *part)
{
    int top = part->part_id[0] == '\0';
    return top && part->children != NULL ? part->children->fields : part->fields;
}

/* The token (RFC 2045, 5.1) at *AT in lower case, "" if there is none or it is too long. */
static const char *read_token(const char *text, apr_size_t length, apr_size_t *at, apr_pool_t *pool)
{
    apr_size_t start;
    char *token;
    while (*at < length && text[*at] == ' ') {
        ++*at;
    }
    start = *at;
    while (*at < length && text[*at] > ' ' && text[*at] < 0x7F &&
           strchr("()<>@,;:\\\"/[]?=", text[*at]) == NULL) {
        ++*at;
    }
    if (*at - start > TOKEN_MAX) {
        return "";
    }
    token = apr_pstrmemdup(pool, text + start, *at - start);
    for (char *c = token; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return token;
}

/* A subtype for a Content-Type that names none. */
static const char *default_subtype(const char *type)
{
    return strcmp(type, "text") == 0        ? "plain"
           : strcmp(type, "multipart") == 0 ? "mixed"
           : strcmp(type, "message") == 0   ? "rfc822"
                                            : "octet-stream";
}

static void set_type(ximss_part_t *part, const char *text, apr_size_t length, apr_pool_t *pool)
{
    apr_size_t at = 0;
    const char *type = read_token(text, length, &at, pool);
    const char *subtype = "";
    while (at < length && text[at] == ' ') {
        at++;
    }
    if (at < length && text[at] == '/') {
        at++;
        subtype = read_token(text, length, &at, pool);
    }
    /* Not a type at all counts as none, yet its parameters do: senders write only a charset. */
    if (*type != '\0' && !(at < length && text[at] == '=')) {
        part->type = type;
        part->subtype = *subtype == '\0' ? default_subtype(type) : subtype;
    }
    else {
        part->type = "text";
        part->subtype = "plain";
        at = 0;
    }
    part->type_params = ximss_params_parse(text + at, length - at, pool);
}

static void set_encoding(ximss_part_t *part, const char *text, apr_size_t length, apr_pool_t *pool)
{
    apr_size_t at = 0;
    const char *name = read_token(text, length, &at, pool);
    if (strcmp(name, "base64") == 0) {
        part->encoding = XIMSS_ENCODING_BASE64;
    }
    else if (strcmp(name, "quoted-printable") == 0) {
        part->encoding = XIMSS_ENCODING_QUOTED;
    }
    else if (strcmp(name, "x-uuencode") == 0 || strcmp(name, "uuencode") == 0 ||
             strcmp(name, "x-uue") == 0) {
        part->encoding = XIMSS_ENCODING_UU;
    }
}

static void set_id(ximss_part_t *part, char *text, apr_size_t length, apr_pool_t *pool)
{
    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        text++;
        length -= 2;
    }
    part->content_id = ximss_words_decode(text, length, pool);
}

/* The fields that describe a part, by their place in the bit set of those already seen. */
enum {
    IS_TYPE,
    IS_ENCODING,
    IS_DISPOSITION,
    IS_ID,
    IS_DESCRIPTION,
    IS_LOCATION,
    IS_CLASS,
    IS_OTHER
};

static int content_field(const ximss_raw_field_t *field)
{
    static const char *const names[] = {"Type",        "Transfer-Encoding", "Disposition", "ID",
                                        "Description", "Location",          "Class"};
    if (field->name_length < 10 || strncasecmp(field->name, "Content-", 8) != 0) {
        return IS_OTHER;
    }
    for (int i = 0; i < IS_OTHER; i++) {
        if (strlen(names[i]) == field->name_length - 8 &&
            strncasecmp(field->name + 8, names[i], field->name_length - 8) == 0) {
            return i;
        }
    }
    return IS_OTHER;
}

static void apply_field(ximss_part_t *part, int which, const ximss_raw_field_t *field,
                        apr_pool_t *pool)
{
    apr_size_t at = 0;
    apr_size_t length;
    char *text = ximss_value_unfold(field->value, field->value_length, &length, pool);
    switch (which) {
    case IS_TYPE:
        set_type(part, text, length, pool);
        break;
    case IS_ENCODING:
        set_encoding(part, text, length, pool);
        break;
    case IS_DISPOSITION:
        part->disposition = read_token(text, length, &at, pool);
        at = at < length && text[at] == '=' ? 0 : at; /* "filename=x" alone */
        part->disposition =
            at == 0 || *part->disposition == '\0' ? "attachment" : part->disposition;
        part->disposition_params = ximss_params_parse(text + at, length - at, pool);
        break;
    case IS_ID:
        set_id(part, text, length, pool);
        break;
    case IS_DESCRIPTION:
        part->description = ximss_words_decode(text, length, pool);
        break;
    case IS_LOCATION:
        part->location = ximss_words_decode(text, length, pool);
        break;
    default:
        part->content_class = ximss_words_decode(text, length, pool);
        break;
    }
}

void ximss_part_describe(ximss_part_t *part, const apr_array_header_t *fields, int in_digest,
                         apr_pool_t *pool)
{
    unsigned int seen = 0;
    part->type = in_digest ? "message" : "text";
    part->subtype = in_digest ? "rfc822" : "plain";
    for (int i = 0; i < fields->nelts; i++) {
        const ximss_raw_field_t *field = &APR_ARRAY_IDX(fields, i, ximss_raw_field_t);
        int which = content_field(field);
        if (which != IS_OTHER && (seen & (1u << which)) == 0) {
            seen |= 1u << which;
            apply_field(part, which, field, pool);
        }
    }
    if (part->type_params == NULL) {
        part->type_params = apr_array_make(pool, 0, sizeof(ximss_param_t));
    }
    if (part->disposition_params == NULL) {
        part->disposition_params = apr_array_make(pool, 0, sizeof(ximss_param_t));
    }
}

static const char *child_id(const char *parent, int number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s%s%02d", parent, *parent == '\0' ? "" : "-", number);
}

/* Ids below PART, whose own id for that purpose is ID ("01" for a top that is a message). The depth of
 * the tree is limited where it is made, so recursion is safe. */
static void number_children(ximss_part_t *part, const char *id, apr_pool_t *pool)
{
    int number = 0;
    for (ximss_part_t *child = part->children; child != NULL; child = child->next) {
        number++;
        child->part_id = part->kind == XIMSS_PART_MESSAGE && child->kind == XIMSS_PART_MULTIPART
                             ? id
                             : child_id(id, number, pool);
        number_children(child, child->part_id, pool);
    }
}

void ximss_parts_number(ximss_part_t *top, apr_pool_t *pool)
{
    top->part_id = "";
    number_children(top, top->kind == XIMSS_PART_MESSAGE ? "01" : "", pool);
}

/* Part NUMBER of PART: a child of a multipart, or what a message holds. */
static const ximss_part_t *step(const ximss_part_t *part, long number)
{
    if (part->kind == XIMSS_PART_MESSAGE) {
        part = part->children;
        if (part != NULL && part->kind != XIMSS_PART_MULTIPART) {
            return number == 1 ? part : NULL;
        }
    }
    if (part == NULL || part->kind != XIMSS_PART_MULTIPART || number < 1) {
        return NULL;
    }
    part = part->children;
    while (part != NULL && --number > 0) {
        part = part->next;
    }
    return part;
}

/* Reads one number of an id, at most 6 digits; 0 if there is none. */
static long read_component(const char **at)
{
    long number = 0;
    int digits = 0;
    while (apr_isdigit(**at) && digits++ < 6) {
        number = number * 10 + (*(*at)++ - '0');
    }
    return number;
}

const ximss_part_t *ximss_structure_find(const ximss_part_t *top, const char *part_id)
{
    const ximss_part_t *part = top;
    int first = 1;
    const char *at = part_id;
    if (part_id == NULL || *part_id == '\0') {
        return top;
    }
    do {
        long number = read_component(&at);
        if (first && top->kind != XIMSS_PART_MULTIPART) {
            part = number == 1 ? top : NULL;
        }
        else {
            part = step(part, number);
        }
        first = 0;
    } while (part != NULL && *at == '-' && at++ != NULL);
    return *at == '\0' ? part : NULL;
}
