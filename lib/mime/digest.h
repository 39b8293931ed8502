/* All that the store keeps of a message beside its bytes, computed once, before any lock is taken. */
#ifndef XIMSS_MIME_DIGEST_H
#define XIMSS_MIME_DIGEST_H

#include "base/limits.h"
#include "mime/field.h"

#include <apr_pools.h>

/* Longest sort key in bytes; longer texts are cut there (at a character). */
#define XIMSS_SORT_KEY_MAX 512

typedef struct ximss_digest_t {
    const char *data; /* the raw bytes, the caller's */
    apr_size_t length;
    unsigned char sha256[32];
    const char *structure; /* packed part tree */
    apr_size_t structure_length;
    const char *fields; /* packed: the header fields that lists commonly show, each text cut to
                           LIMITS->viewer_bytes, long address lists cut alike */
    apr_size_t fields_length;
    int date_valid;
    apr_int64_t date; /* Date field, seconds since 1970 GMT */
    int received_valid;
    apr_int64_t received; /* date of the topmost Received field */
    const char *key_from; /* folded sort keys (see digest.c, ximss_sort_key), "" if missing */
    const char *key_to;
    const char *key_subject;
    const char *message_id; /* with < >, "" if missing */
    int media;              /* has an audio or video part: flag Media */
} ximss_digest_t;

/* Digests the LENGTH bytes at DATA; never fails. Everything in POOL but DATA itself. Any thread. */
ximss_digest_t *ximss_digest_make(const char *data, apr_size_t length, const ximss_limits_t *limits,
                                  apr_pool_t *pool);

/* The names of the fields that digest->fields may hold, NULL-terminated: a viewer field outside this
 * list is read from the structure. */
extern const char *const ximss_digest_fields[];

/* Whether NAME (letter case ignored) is in ximss_digest_fields. */
int ximss_digest_has_field(const char *name);

/* The text that stands for a header field in lists, filters and sorting (Mailbox Operations, viewer
 * fields): for addresses the real names, or the addresses where there is none, joined by ", "; with
 * ADDRESS_ONLY ("E-" fields) always the addresses; for a valid date YYYYMMDDTHHMMSSZ; else the text.
 * In POOL; "" when the field is NULL or empty. */
const char *ximss_field_value(const ximss_field_t *field, int address_only, apr_pool_t *pool);

/* The sort key of a value: simple case folding, cut to XIMSS_SORT_KEY_MAX. */
const char *ximss_sort_key(const char *value, apr_pool_t *pool);

#endif
