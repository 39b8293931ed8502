/* Who gets a reply, see answer.h. */
#include "mime/answer.h"

#include "base/text.h"
#include "mime/decode.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

enum {
    ADDRESS_BYTES = 320, /* RFC 5321, 4.5.3.1: 64 @ 255 */
    NAME_BYTES = 200,
    RECIPIENT_BYTES = 100000 /* of all, so that the answer can be sent */
};

typedef struct finder_t {
    const apr_array_header_t *fields;
    const ximss_answer_t *answer;
    ximss_recipients_t *recipients;
    apr_hash_t *known; /* addresses that are taken or skipped, in lower case */
    const char *list;  /* address of the mailing list, NULL: none */
    int own;           /* his own addresses are taken, too */
    apr_size_t room;   /* bytes of addresses that may still be taken */
    apr_pool_t *pool;
} finder_t;

/* Whether mail can be sent to TEXT at all: real messages have all kinds of things where an address belongs. */
static int is_address(const char *text)
{
    const char *at = strrchr(text, '@');
    const char *c;

    if (at == NULL || at == text || at[1] == '\0' || strlen(text) > ADDRESS_BYTES) {
        return 0;
    }
    for (c = text; *c != '\0'; c++) {
        if (apr_iscntrl(*c) || strchr("<>,;", *c) != NULL || (*c == ' ' && text[0] != '"')) {
            return 0;
        }
    }
    return 1;
}

static char *lower(const char *text, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text);
    char *at;

    for (at = copy; *at != '\0'; at++) {
        *at = (char)apr_tolower(*at);
    }
    return copy;
}

/* ADDRESS with its name cut to what a reader looks at. */
static ximss_address_t shorten(const ximss_address_t *address, apr_pool_t *pool)
{
    ximss_address_t shorter = *address;
    apr_size_t length = address->name != NULL ? strlen(address->name) : 0;

    if (length > NAME_BYTES) {
        length = ximss_text_cut(address->name, length, NAME_BYTES);
        shorter.name = apr_pstrmemdup(pool, address->name, length);
    }
    return shorter;
}

static void push(finder_t *finder, apr_array_header_t *list, const ximss_address_t *address)
{
    ximss_address_t taken = shorten(address, finder->pool);
    apr_size_t size = strlen(taken.addr) + (taken.name != NULL ? strlen(taken.name) : 0);

    if (size <= finder->room) {
        finder->room -= size;
        APR_ARRAY_PUSH(list, ximss_address_t) = taken;
    }
}

static void take(finder_t *finder, apr_array_header_t *list, const ximss_address_t *address)
{
    const ximss_answer_t *answer = finder->answer;
    const char *key;

    if (!is_address(address->addr) || finder->room < ADDRESS_BYTES) {
        return;
    }
    key = lower(address->addr, finder->pool);
    if (apr_hash_get(finder->known, key, APR_HASH_KEY_STRING) != NULL) {
        return;
    }
    apr_hash_set(finder->known, key, APR_HASH_KEY_STRING, key);
    if (finder->own || !answer->is_own(answer->own_baton, address->addr)) {
        push(finder, list, address);
    }
    else {
        finder->room -=
            strlen(address->addr); /* asking cost something, and there may be very many */
    }
}

/* The addresses of a field; those of fields that are not known as such are in its text. */
static const apr_array_header_t *addresses_of(const finder_t *finder, const ximss_field_t *field)
{
    if (field->kind == XIMSS_FIELD_ADDRESS) {
        return field->addresses;
    }
    return ximss_addresses_parse(field->text, strlen(field->text), finder->answer->addresses,
                                 finder->pool);
}

static void take_field(finder_t *finder, apr_array_header_t *list, const char *name)
{
    int i;
    int k;

    for (i = 0; i < finder->fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(finder->fields, i, const ximss_field_t *);
        const apr_array_header_t *addresses;

        if (!ximss_field_is(field, name)) {
            continue;
        }
        addresses = addresses_of(finder, field);
        for (k = 0; k < addresses->nelts; k++) {
            take(finder, list, &APR_ARRAY_IDX(addresses, k, const ximss_address_t));
        }
    }
}

/* The address in List-Post (RFC 2369): "<mailto:list@example.org?subject=x>", or "NO". */
static const char *find_list(const apr_array_header_t *fields, apr_pool_t *pool)
{
    const ximss_field_t *field = ximss_fields_find(fields, "List-Post");
    const char *start = field != NULL ? strstr(field->text, "<mailto:") : NULL;
    const char *address;

    if (start == NULL) {
        return NULL;
    }
    start += strlen("<mailto:");
    address = apr_pstrmemdup(pool, start, strcspn(start, ">?"));
    return is_address(address) ? address : NULL;
}

/* Whether field NAME has no address but that of the list, which wrote it over what the sender had. */
static int is_list_only(const finder_t *finder, const char *name)
{
    const ximss_field_t *field = ximss_fields_find(finder->fields, name);
    const apr_array_header_t *addresses;

    if (finder->list == NULL || field == NULL) {
        return 0;
    }
    addresses = addresses_of(finder, field);
    return addresses->nelts == 1 &&
           strcasecmp(APR_ARRAY_IDX(addresses, 0, ximss_address_t).addr, finder->list) == 0;
}

static int is_from_self(const finder_t *finder)
{
    const ximss_field_t *from = ximss_fields_find(finder->fields, "From");

    return from != NULL && from->addresses != NULL && from->addresses->nelts > 0 &&
           finder->answer->is_own(finder->answer->own_baton,
                                  APR_ARRAY_IDX(from->addresses, 0, ximss_address_t).addr);
}

static void take_sender(finder_t *finder)
{
    static const char *const names[] = {"Mail-Reply-To", "Reply-To", "From", "Sender"};
    apr_array_header_t *to = finder->recipients->to;
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]) && to->nelts == 0; i++) {
        if (strcmp(names[i], "Reply-To") != 0 || !is_list_only(finder, names[i])) {
            take_field(finder, to, names[i]);
        }
    }
}

static void take_all(finder_t *finder)
{
    ximss_recipients_t *recipients = finder->recipients;
    ximss_address_t list = {NULL, finder->list};

    take_field(finder, recipients->to, "Mail-Followup-To");
    if (recipients->to->nelts > 0) {
        return;
    }
    take_sender(finder);
    take_field(finder, recipients->cc, "To");
    take_field(finder, recipients->cc, "Cc");
    if (finder->list != NULL) {
        take(finder, recipients->cc, &list);
    }
}

static void find(finder_t *finder)
{
    ximss_recipients_t *recipients = finder->recipients;

    if (is_from_self(finder)) {
        take_field(finder, recipients->to, "To");
        if (finder->answer->kind == XIMSS_ANSWER_ALL || recipients->to->nelts == 0) {
            take_field(finder, recipients->cc, "Cc");
        }
    }
    else if (finder->answer->kind == XIMSS_ANSWER_ALL) {
        take_all(finder);
    }
    else {
        take_sender(finder);
    }
}

void ximss_recipients_find(ximss_recipients_t *recipients, const apr_array_header_t *fields,
                           const ximss_answer_t *answer, apr_pool_t *pool)
{
    finder_t finder = {.fields = fields,
                       .answer = answer,
                       .recipients = recipients,
                       .room = RECIPIENT_BYTES,
                       .pool = pool};

    recipients->to = apr_array_make(pool, 4, sizeof(ximss_address_t));
    recipients->cc = apr_array_make(pool, 4, sizeof(ximss_address_t));
    finder.list = find_list(fields, pool);
    finder.known = apr_hash_make(pool);
    find(&finder);
    if (recipients->to->nelts == 0 && recipients->cc->nelts == 0) {
        finder.own = 1;
        finder.room = RECIPIENT_BYTES;
        finder.known = apr_hash_make(pool);
        take_sender(&finder);
    }
    if (recipients->to->nelts == 0) {
        apr_array_header_t *cc = recipients->cc;

        recipients->cc = recipients->to;
        recipients->to = cc;
    }
}
