/* What the store keeps beside a message's bytes. A sort key is the field's value (real names before
 * addresses) after simple case folding, cut to XIMSS_SORT_KEY_MAX bytes. */
#include "mime/digest.h"
#include "base/text.h"
#include "base/time.h"
#include "mime/buffer.h"
#include "mime/decode.h"
#include "mime/structure.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

/* Folding shrinks a text to no less than a third: more than this never reaches a key. */
#define KEY_SOURCE_MAX ((apr_size_t)3 * XIMSS_SORT_KEY_MAX)

#define MESSAGE_ID_MAX 1000

const char *const ximss_digest_fields[] = {"From",
                                           "To",
                                           "Cc",
                                           "Bcc",
                                           "Sender",
                                           "Reply-To",
                                           "Subject",
                                           "Date",
                                           "Resent-Date",
                                           "Resent-From",
                                           "Resent-To",
                                           "Message-ID",
                                           "In-Reply-To",
                                           "X-Priority",
                                           "Priority",
                                           "Importance",
                                           "Content-Type",
                                           "Content-Class",
                                           "Return-Path",
                                           "Errors-To",
                                           "Return-Receipt-To",
                                           "Disposition-Notification-To",
                                           "List-ID",
                                           "X-Telnum",
                                           NULL};

#define FIELDS_COUNT ((int)(sizeof(ximss_digest_fields) / sizeof(ximss_digest_fields[0])) - 1)

/* The place of NAME in ximss_digest_fields, -1 if it is not there. */
static int field_index(const char *name)
{
    for (int i = 0; i < FIELDS_COUNT; i++) {
        if (apr_tolower(name[0]) == apr_tolower(ximss_digest_fields[i][0]) &&
            strcasecmp(name, ximss_digest_fields[i]) == 0) {
            return i;
        }
    }
    return -1;
}

int ximss_digest_has_field(const char *name)
{
    return field_index(name) >= 0;
}

static const char *addresses_value(const apr_array_header_t *addresses, int address_only,
                                   apr_pool_t *pool)
{
    ximss_buffer_t out;
    ximss_buffer_init(&out, (apr_size_t)addresses->nelts * 32, pool);
    for (int i = 0; i < addresses->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(addresses, i, ximss_address_t);
        const char *shown = address->name == NULL || address_only ? address->addr : address->name;
        if (i > 0) {
            ximss_buffer_add(&out, ", ", 2);
        }
        ximss_buffer_add(&out, shown, strlen(shown));
    }
    return ximss_buffer_string(&out);
}

const char *ximss_field_value(const ximss_field_t *field, int address_only, apr_pool_t *pool)
{
    if (field == NULL) {
        return "";
    }
    if (field->kind == XIMSS_FIELD_ADDRESS && field->addresses != NULL &&
        field->addresses->nelts > 0) {
        return addresses_value(field->addresses, address_only, pool);
    }
    if (field->kind == XIMSS_FIELD_DATE && field->date_valid) {
        return ximss_time_gmt_z(field->seconds, pool);
    }
    return field->text;
}

const char *ximss_sort_key(const char *value, apr_pool_t *pool)
{
    apr_size_t length = ximss_text_cut(value, strlen(value), KEY_SOURCE_MAX);
    apr_size_t folded_length;
    char *folded = ximss_text_fold(value, length, &folded_length, pool);
    folded[ximss_text_cut(folded, folded_length, XIMSS_SORT_KEY_MAX)] = '\0';
    return folded;
}

/* As many of the addresses as fit in *ROOM bytes, each name and address cut to it; counts *ROOM down. */
static apr_array_header_t *cut_addresses(const apr_array_header_t *addresses, apr_size_t *room,
                                         apr_pool_t *pool)
{
    apr_array_header_t *kept = apr_array_make(pool, 1, sizeof(ximss_address_t));
    for (int i = 0; i<addresses->nelts && * room> 0; i++) {
        ximss_address_t address = APR_ARRAY_IDX(addresses, i, ximss_address_t);
        apr_size_t name = address.name == NULL ? 0 : strlen(address.name);
        apr_size_t addr = strlen(address.addr);
        if (name + addr > *room && i > 0) {
            *room = 0;
            break;
        }
        if (name + addr > *room) {
            addr = ximss_text_cut(address.addr, addr, *room);
            name = name == 0 ? 0 : ximss_text_cut(address.name, name, *room - addr);
            address.addr = apr_pstrmemdup(pool, address.addr, addr);
            address.name = name == 0 ? NULL : apr_pstrmemdup(pool, address.name, name);
        }
        APR_ARRAY_PUSH(kept, ximss_address_t) = address;
        *room -= name + addr;
    }
    return kept;
}

/* FIELD with its text or addresses cut to *ROOM bytes; NULL when nothing is left of it. */
static ximss_field_t *cut_field(const ximss_field_t *field, apr_size_t *room, apr_pool_t *pool)
{
    ximss_field_t *copy = apr_pmemdup(pool, field, sizeof(*field));
    apr_size_t length = strlen(field->text);
    if (length <= *room) {
        *room -= length;
        return copy;
    }
    if (field->kind == XIMSS_FIELD_ADDRESS && field->addresses->nelts > 0) {
        copy->addresses = cut_addresses(field->addresses, room, pool);
        return copy->addresses->nelts == 0 ? NULL : copy;
    }
    copy->text = apr_pstrmemdup(pool, field->text, ximss_text_cut(field->text, length, *room));
    *room = 0;
    return copy;
}

/* Whether several fields of this name make one list. */
static int is_list(const ximss_field_t *field)
{
    return field->kind == XIMSS_FIELD_ADDRESS &&
           (ximss_field_is(field, "To") || ximss_field_is(field, "Cc") ||
            ximss_field_is(field, "Bcc") || ximss_field_is(field, "Reply-To"));
}

/* The fields that lists show. The first of a name counts, but those of recipients and Reply-To are
 * one list that fills viewer_bytes in all. */
static void pack_fields(ximss_digest_t *digest, const apr_array_header_t *fields,
                        const ximss_limits_t *limits, apr_pool_t *pool)
{
    apr_array_header_t *kept = apr_array_make(pool, 16, sizeof(ximss_field_t *));
    apr_size_t room[FIELDS_COUNT];
    for (int i = 0; i < FIELDS_COUNT; i++) {
        room[i] = limits->viewer_bytes;
    }
    for (int i = 0; i < fields->nelts; i++) {
        const ximss_field_t *field = APR_ARRAY_IDX(fields, i, const ximss_field_t *);
        int index = field_index(field->name);
        ximss_field_t *cut;
        if (index < 0 || room[index] == 0) {
            continue;
        }
        cut = cut_field(field, &room[index], pool);
        if (cut != NULL) {
            APR_ARRAY_PUSH(kept, ximss_field_t *) = cut;
        }
        if (!is_list(field)) {
            room[index] = 0;
        }
        else if (room[index] > 0) {
            room[index]--; /* empty fields count too */
        }
    }
    ximss_fields_pack(kept, &digest->fields, &digest->fields_length, pool);
}

static const char *key_of(const apr_array_header_t *fields, const char *name, apr_pool_t *pool)
{
    return ximss_sort_key(ximss_field_value(ximss_fields_find(fields, name), 0, pool), pool);
}

/* The id with its brackets, which some senders forget. */
static const char *message_id_of(const apr_array_header_t *fields, apr_pool_t *pool)
{
    const ximss_field_t *field = ximss_fields_find(fields, "Message-ID");
    const char *start = field == NULL ? NULL : strchr(field->text, '<');
    const char *end = start == NULL ? NULL : strchr(start, '>');
    apr_size_t length;
    if (field == NULL || field->text[0] == '\0') {
        return "";
    }
    if (end != NULL) {
        length = (apr_size_t)(end + 1 - start);
        return apr_pstrmemdup(pool, start, ximss_text_cut(start, length, MESSAGE_ID_MAX));
    }
    length = ximss_text_cut(field->text, strlen(field->text), MESSAGE_ID_MAX);
    return apr_psprintf(pool, "<%.*s>", (int)length, field->text);
}

/* RFC 5321, 4.4: the date stands behind the last semicolon. */
static void set_received(ximss_digest_t *digest, const apr_array_header_t *fields)
{
    const ximss_field_t *field = ximss_fields_find(fields, "Received");
    const char *date = field == NULL ? NULL : strrchr(field->text, ';');
    int shift;
    if (date != NULL) {
        digest->received_valid =
            ximss_date_parse(date + 1, strlen(date + 1), &digest->received, &shift);
    }
}

/* Recursion is bounded by the depth limit of the tree. */
static int has_media(const ximss_part_t *part)
{
    if (strcmp(part->type, "audio") == 0 || strcmp(part->type, "video") == 0) {
        return 1;
    }
    for (const ximss_part_t *child = part->children; child != NULL; child = child->next) {
        if (has_media(child)) {
            return 1;
        }
    }
    return 0;
}

ximss_digest_t *ximss_digest_make(const char *data, apr_size_t length, const ximss_limits_t *limits,
                                  apr_pool_t *pool)
{
    ximss_digest_t *digest = apr_pcalloc(pool, sizeof(*digest));
    const ximss_part_t *top = ximss_structure_parse(data, length, limits, pool);
    const ximss_field_t *date = ximss_fields_find(top->fields, "Date");
    digest->data = data;
    digest->length = length;
    SHA256((const unsigned char *)data, length, digest->sha256);
    ximss_structure_pack(top, &digest->structure, &digest->structure_length, pool);
    pack_fields(digest, top->fields, limits, pool);
    if (date != NULL && date->date_valid) {
        digest->date_valid = 1;
        digest->date = date->seconds;
    }
    set_received(digest, top->fields);
    digest->key_from = key_of(top->fields, "From", pool);
    digest->key_to = key_of(top->fields, "To", pool);
    digest->key_subject = key_of(top->fields, "Subject", pool);
    digest->message_id = message_id_of(top->fields, pool);
    digest->media = has_media(top);
    return digest;
}
