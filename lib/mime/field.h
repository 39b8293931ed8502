/* Decoded header fields, and their packed form that the store keeps. */
#ifndef XIMSS_MIME_FIELD_H
#define XIMSS_MIME_FIELD_H

#include "base/limits.h"

#include <apr_pools.h>
#include <apr_tables.h>

typedef enum ximss_field_kind_t {
    XIMSS_FIELD_TEXT,    /* decoded text */
    XIMSS_FIELD_ADDRESS, /* a list of addresses */
    XIMSS_FIELD_DATE     /* Date, Resent-Date */
} ximss_field_kind_t;

typedef struct ximss_address_t {
    const char *name; /* decoded real name, NULL if none */
    const char *addr; /* the bare address, never NULL */
} ximss_address_t;

typedef struct ximss_field_t {
    const char *name; /* canonical spelling for known fields, else as written */
    ximss_field_kind_t kind;
    const char *text; /* decoded, unfolded, clean UTF-8; of every kind (addresses: put together
                         again by ximss_addresses_text) */
    apr_array_header_t *addresses; /* ximss_address_t, XIMSS_FIELD_ADDRESS only */
    int date_valid;                /* XIMSS_FIELD_DATE only: the next two are set */
    apr_int64_t seconds;           /* since 1970, GMT */
    int shift;                     /* seconds east of GMT that the field names */
} ximss_field_t;

/* The kind of the field called NAME, letter case ignored. */
ximss_field_kind_t ximss_field_kind(const char *name);

/* Whether A and B name the same field (letter case ignored). */
int ximss_field_is(const ximss_field_t *field, const char *name);

/* Decodes one raw field: NAME and VALUE as they stand in the message (folded, any bytes): RFC 2047
 * words, addresses (RFC 5322, at most LIMITS->addresses), dates; raw 8-bit text is taken as UTF-8, else
 * as windows-1252. Linear time. Everything in POOL. */
ximss_field_t *ximss_field_decode(const char *name, apr_size_t name_length, const char *value,
                                  apr_size_t value_length, const ximss_limits_t *limits,
                                  apr_pool_t *pool);

/* The first field called NAME of FIELDS (ximss_field_t *), or NULL. */
const ximss_field_t *ximss_fields_find(const apr_array_header_t *fields, const char *name);

/* "High", "Low" or NULL: what the first X-Priority says, else the first Importance, else Priority. */
const char *ximss_fields_priority(const apr_array_header_t *fields);

/* ADDRESSES as one text: "Real Name <address>, address". In POOL. */
const char *ximss_addresses_text(const apr_array_header_t *addresses, apr_pool_t *pool);

/* Packs FIELDS (ximss_field_t *) into bytes in POOL. The form is versioned; see field.c. */
void ximss_fields_pack(const apr_array_header_t *fields, const char **data, apr_size_t *length,
                       apr_pool_t *pool);

/* Unpacks what ximss_fields_pack made; damaged bytes give what was read before the damage, never a
 * read outside. With NAME, only fields of that name are unpacked. Everything in POOL; texts are
 * copied. */
apr_array_header_t *ximss_fields_unpack(const char *data, apr_size_t length, const char *name,
                                        apr_pool_t *pool);

#endif
