/* EMail elements: the header, and the mail as a whole. */
#include "mime/compose.h"
#include "mime/compose_part.h"
#include "mime/decode.h"
#include "mime/header_out.h"
#include "mime/names.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_ID_MAX 900

#define wrong(pool, ...) ximss_error(pool, XIMSS_E_COMPOSITION, __VA_ARGS__)

/* One field to be: what the elements of its name say. */
typedef struct field_t {
    const char *name;
    const ximss_element_t *element;
    apr_array_header_t *addresses; /* ximss_address_t; NULL for the other kinds */
} field_t;

/* A header that is put together. */
typedef struct head_t {
    ximss_composer_t *composer;
    ximss_composed_t *top; /* NULL: of a mail inside */
    ximss_out_t *out;
    apr_array_header_t *fields; /* field_t, in order */
    apr_array_header_t *lists;  /* field_t: those that are addresses; few names are of this kind */
    unsigned int seen;          /* bits of single_names */
} head_t;

/* Fields that a mail has once (RFC 5322, 3.6). */
static const char *const single_names[] = {"Subject", "Date", "Message-ID", "In-Reply-To",
                                           "References"};
enum { DATE = 1, MESSAGE_ID = 2, SINGLES = sizeof(single_names) / sizeof(single_names[0]) };

/* ---- which fields ---- */

static int is_body(const ximss_element_t *element)
{
    return ximss_element_is(element, "MIME") || ximss_element_is(element, "copyMIME") ||
           ximss_element_is(element, "EMail");
}

static const ximss_error_t *check_name(const char *name, apr_pool_t *pool)
{
    if (!ximss_header_name_ok(name)) {
        return wrong(pool, "a header element is no name for a field: ASCII of at most %d bytes",
                     XIMSS_HEADER_NAME_MAX);
    }
    if (strncasecmp(name, "Content-", 8) == 0 || strcasecmp(name, "MIME-Version") == 0) {
        return wrong(pool, "the field %s is made from the MIME element", name);
    }
    return NULL;
}

static const ximss_error_t *check_single(head_t *head, const char *name)
{
    for (unsigned int i = 0; i < SINGLES; i++) {
        if (strcasecmp(name, single_names[i]) == 0) {
            if (head->seen & 1u << i) {
                return wrong(head->composer->pool, "there are two %s elements", single_names[i]);
            }
            head->seen |= 1u << i;
        }
    }
    return NULL;
}

/* The addresses of the field NAME, which starts here if there is none yet. */
static apr_array_header_t *addresses_of(head_t *head, const char *name)
{
    field_t field = {.name = name};
    for (int i = 0; i < head->lists->nelts; i++) {
        field_t *list = &APR_ARRAY_IDX(head->lists, i, field_t);
        if (strcmp(list->name, name) == 0) {
            return list->addresses;
        }
    }
    field.addresses = apr_array_make(head->composer->pool, 2, sizeof(ximss_address_t));
    APR_ARRAY_PUSH(head->lists, field_t) = field;
    APR_ARRAY_PUSH(head->fields, field_t) = field;
    return field.addresses;
}

/* An element is one address, with its name as an attribute; a client that writes a whole list into one is understood,
 * too. */
static void read_addresses(apr_array_header_t *list, const ximss_element_t *element, int limit,
                           apr_pool_t *pool)
{
    const char *name = ximss_element_attr(element, "realName");
    const char *given = ximss_element_text(element, pool);
    apr_size_t length;
    const char *text = ximss_value_unfold(given, strlen(given), &length, pool);
    apr_array_header_t *found = ximss_addresses_parse(text, length, limit, pool);
    if (found->nelts == 0 && (length > 0 || (name != NULL && *name != '\0'))) {
        ximss_address_t raw = {NULL, length > 0 ? text : name};
        APR_ARRAY_PUSH(found, ximss_address_t) = raw;
    }
    else if (found->nelts == 1 && name != NULL && *name != '\0') {
        APR_ARRAY_IDX(found, 0, ximss_address_t).name = name;
    }
    apr_array_cat(list, found);
}

static const ximss_error_t *add_addresses(head_t *head, const char *name,
                                          const ximss_element_t *element)
{
    const ximss_compose_t *compose = head->composer->compose;
    apr_array_header_t *list = addresses_of(head, name);
    read_addresses(list, element, compose->limits->addresses, head->composer->pool);
    if (list->nelts > compose->limits->addresses) {
        return ximss_error(head->composer->pool, XIMSS_E_LIMIT, "%s has more than %d addresses",
                           name, compose->limits->addresses);
    }
    return NULL;
}

/* A date or id without a text counts as missing: some clients write every element that they know. */
static int is_blank(const field_t *field, apr_pool_t *pool)
{
    return (ximss_field_kind(field->name) == XIMSS_FIELD_DATE ||
            strcasecmp(field->name, "Message-ID") == 0) &&
           *ximss_element_word(field->element, pool) == '\0';
}

static const ximss_error_t *add_element(head_t *head, const ximss_element_t *element)
{
    int number = ximss_name_find(element->name, strlen(element->name));
    const char *name = number > 0 ? ximss_name_spelling(number) : element->name;
    field_t field = {.name = name, .element = element};
    XIMSS_TRY(check_name(name, head->composer->pool));
    if (is_blank(&field, head->composer->pool)) {
        return NULL;
    }
    XIMSS_TRY(check_single(head, name));
    if (ximss_name_kind(number) == XIMSS_FIELD_ADDRESS) {
        return add_addresses(head, name, element);
    }
    APR_ARRAY_PUSH(head->fields, field_t) = field;
    return NULL;
}

/* ---- writing them ---- */

/* Pty: what other programs read as X-Priority. Anything but High and Low is normal. */
static void write_priority(head_t *head, const char *value)
{
    if (strcasecmp(value, "High") == 0) {
        ximss_header_text(head->out, "X-Priority", "1");
    }
    else if (strcasecmp(value, "Low") == 0) {
        ximss_header_text(head->out, "X-Priority", "5");
    }
}

/* A date as XIMSS writes it, GMT with the offset of the sender's clock in timeShift, or as mails do. */
static const ximss_error_t *write_date(head_t *head, const field_t *field)
{
    apr_pool_t *pool = head->composer->pool;
    const char *text = ximss_element_word(field->element, pool);
    const char *given = ximss_element_attr(field->element, "timeShift");
    apr_int64_t seconds;
    int shift = 0;
    if (ximss_time_parse(text, &seconds)) {
        if (given == NULL) {
            ximss_header_date(head->out, field->name, seconds, head->composer->compose->zone);
            return NULL;
        }
        shift = (int)strtol(given, NULL, 10);
    }
    else if (!ximss_date_parse(text, strlen(text), &seconds, &shift)) {
        return wrong(pool, "%s is no date: YYYYMMDDTHHMMSSZ is asked for", field->name);
    }
    ximss_header_date_shift(head->out, field->name, seconds, shift);
    return NULL;
}

static const char *with_brackets(const char *id, apr_pool_t *pool)
{
    return *id == '<' || strchr(id, '@') == NULL ? id : apr_pstrcat(pool, "<", id, ">", NULL);
}

static const ximss_error_t *write_message_id(head_t *head, const field_t *field)
{
    apr_pool_t *pool = head->composer->pool;
    const char *id = with_brackets(ximss_element_word(field->element, pool), pool);
    if (!ximss_bytes_plain(id, strlen(id)) || strchr(id, ' ') != NULL || strstr(id, "=?") != NULL ||
        strlen(id) > MESSAGE_ID_MAX || *id != '<') {
        return wrong(pool, "%s is not of the form <left@right>", field->name);
    }
    ximss_header_raw_token(head->out, field->name, id);
    if (head->top != NULL && strcmp(field->name, "Message-ID") == 0) {
        head->top->message_id = id;
    }
    return NULL;
}

/* References and In-Reply-To: ids, which clients write with and without their brackets. */
static void write_ids(head_t *head, const field_t *field)
{
    apr_pool_t *pool = head->composer->pool;
    char *text = apr_pstrdup(pool, ximss_element_text(field->element, pool));
    ximss_buffer_t ids;
    char *rest;
    ximss_buffer_init(&ids, strlen(text) + 16, pool);
    for (const char *id = apr_strtok(text, " \t\r\n,", &rest); id != NULL;
         id = apr_strtok(NULL, " \t\r\n,", &rest)) {
        const char *whole = with_brackets(id, pool);
        ximss_buffer_add(&ids, whole, strlen(whole));
        ximss_buffer_put(&ids, ' ');
    }
    if (ids.length > 0) {
        ximss_header_raw_token(head->out, field->name, ximss_buffer_string(&ids));
    }
}

/* Whether the addresses of FIELD go into the mail. */
static int is_shown(const head_t *head, const field_t *field)
{
    return head->composer->compose->keep_bcc || strcasecmp(field->name, "Bcc") != 0;
}

static const ximss_error_t *write_field(head_t *head, const field_t *field)
{
    const char *text;
    if (field->addresses != NULL) {
        if (is_shown(head, field)) {
            ximss_header_addresses(head->out, field->name, field->addresses);
        }
        return NULL;
    }
    if (ximss_field_kind(field->name) == XIMSS_FIELD_DATE) {
        return write_date(head, field);
    }
    if (strcasecmp(field->name, "Message-ID") == 0 ||
        strcasecmp(field->name, "Resent-Message-ID") == 0) {
        return write_message_id(head, field);
    }
    if (strcasecmp(field->name, "References") == 0 || strcasecmp(field->name, "In-Reply-To") == 0) {
        write_ids(head, field);
        return NULL;
    }
    text = ximss_element_text(field->element, head->composer->pool);
    if (strcasecmp(field->name, "Pty") == 0) {
        write_priority(head, text);
    }
    else {
        ximss_header_text(head->out, field->name, text);
    }
    return NULL;
}

/* ---- the header ---- */

/* Gives the top mail its addresses, and the fields that are missing. */
static const ximss_error_t *complete(head_t *head)
{
    const ximss_compose_t *compose = head->composer->compose;
    ximss_composed_t *top = head->top;
    apr_pool_t *pool = head->composer->pool;
    apr_array_header_t *recipients = apr_array_make(pool, 4, sizeof(ximss_address_t));
    static const char *const names[] = {"To", "Cc", "Bcc"};
    top->from = addresses_of(head, "From");
    for (int i = 0; i < 3; i++) {
        apr_array_cat(recipients, addresses_of(head, names[i]));
    }
    top->recipients = recipients;
    if (!(head->seen & 1u << DATE)) {
        ximss_header_date(head->out, "Date", compose->now, compose->zone);
    }
    if (!(head->seen & 1u << MESSAGE_ID)) {
        top->message_id = ximss_message_id(compose->now, compose->domain, pool);
        if (top->message_id == NULL) {
            return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no randomness for a Message-ID");
        }
        ximss_header_raw_token(head->out, "Message-ID", top->message_id);
    }
    return NULL;
}

const ximss_error_t *ximss_compose_head(ximss_out_t **out, ximss_composer_t *composer,
                                        const ximss_element_t *email, ximss_composed_t *top)
{
    apr_pool_t *pool = composer->pool;
    apr_size_t limit = composer->compose->limits->header_bytes;
    const ximss_element_t *element;
    head_t head = {.composer = composer, .top = top};
    head.fields = apr_array_make(pool, 16, sizeof(field_t));
    head.lists = apr_array_make(pool, 4, sizeof(field_t));
    head.out = apr_palloc(pool, sizeof(*head.out));
    ximss_buffer_init(head.out, 1024, pool);
    for (element = ximss_element_child(email, NULL); element != NULL;
         element = ximss_element_next(element, NULL)) {
        if (!is_body(element)) {
            XIMSS_TRY(add_element(&head, element));
        }
    }
    for (int i = 0; i < head.fields->nelts; i++) {
        XIMSS_TRY(write_field(&head, &APR_ARRAY_IDX(head.fields, i, field_t)));
    }
    if (top != NULL) {
        XIMSS_TRY(complete(&head));
    }
    ximss_header_text(head.out, "MIME-Version", "1.0");
    if (head.out->length > limit / 2) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "the header is larger than %" APR_SIZE_T_FMT " bytes", limit / 2);
    }
    *out = head.out;
    return NULL;
}

/* ---- the mail ---- */

static int asks_for(const ximss_element_t *email, const char *attribute)
{
    const char *value = ximss_element_attr(email, attribute);
    return value != NULL && *value != '\0' && strcasecmp(value, "no") != 0;
}

/* The one element of EMAIL that is its body; NULL: it has none. */
static const ximss_error_t *find_body(const ximss_element_t **body, const ximss_element_t *email,
                                      apr_pool_t *pool)
{
    const ximss_element_t *element;
    *body = NULL;
    for (element = ximss_element_child(email, NULL); element != NULL;
         element = ximss_element_next(element, NULL)) {
        if (ximss_element_is(element, "EMail")) {
            return wrong(pool, "an EMail inside an EMail needs a MIME element around it");
        }
        if (is_body(element)) {
            if (*body != NULL) {
                return wrong(pool, "an EMail has one MIME or copyMIME element");
            }
            *body = element;
        }
    }
    return NULL;
}

const ximss_error_t *ximss_compose_email(ximss_entity_t **entity, ximss_composer_t *composer,
                                         const ximss_element_t *email, ximss_composed_t *top)
{
    apr_pool_t *pool = composer->pool;
    const ximss_element_t *body;
    ximss_out_t *head;
    if (asks_for(email, "sign") || asks_for(email, "encrypt")) {
        return ximss_error(pool, XIMSS_E_SMIME, NULL);
    }
    XIMSS_TRY(ximss_compose_head(&head, composer, email, top));
    XIMSS_TRY(find_body(&body, email, pool));
    if (body != NULL) {
        XIMSS_TRY(ximss_compose_part(entity, composer, body));
    }
    else {
        *entity = ximss_entity_make("text", "plain", pool);
        ximss_entity_type_param(*entity, "charset", "utf-8");
    }
    (*entity)->head = head;
    return NULL;
}

const ximss_error_t *ximss_compose(ximss_composed_t **composed, const ximss_compose_t *compose,
                                   const ximss_element_t *email, apr_pool_t *pool)
{
    ximss_composer_t composer = {.compose = compose, .pool = pool};
    ximss_composed_t *result = apr_pcalloc(pool, sizeof(*result));
    ximss_entity_t *top;
    composer.room = compose->limits->message_bytes;
    if (!ximss_element_is(email, "EMail")) {
        return wrong(pool, "there is no EMail element");
    }
    XIMSS_TRY(ximss_compose_email(&top, &composer, email, result));
    XIMSS_TRY(ximss_entity_write(&result->data, &result->length, top,
                                 compose->limits->message_bytes, pool));
    *composed = result;
    return NULL;
}
