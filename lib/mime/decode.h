/* The decoders that header fields are made of. Internal to lib/mime. All are linear, take any bytes,
 * and return what lies in POOL. */
#ifndef XIMSS_MIME_DECODE_H
#define XIMSS_MIME_DECODE_H

#include "base/limits.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* Whether all bytes are ASCII without control characters (the case that needs no work). */
int ximss_bytes_plain(const char *bytes, apr_size_t length);

/* Whether BYTES is strict UTF-8 (RFC 3629). */
int ximss_utf8_valid(const char *bytes, apr_size_t length);

/* Undoes folding (RFC 5322, 2.2.3) and white space around the value; raw 8-bit text is made UTF-8.
 * NUL-terminated; may hold control characters. */
char *ximss_value_unfold(const char *value, apr_size_t length, apr_size_t *text_length,
                         apr_pool_t *pool);

/* The length of the encoded word (RFC 2047) that starts at TEXT, 0 if there is none. *NO_END is the
 * caller's memory between calls on the same text: set once no end of a word follows any more. */
apr_size_t ximss_word_length(const char *text, apr_size_t length, int *no_end);

/* UTF-8 TEXT with its encoded words decoded: clean UTF-8 on one line, NUL-terminated. */
char *ximss_words_decode(const char *text, apr_size_t length, apr_pool_t *pool);

/* The addresses (ximss_address_t) of an unfolded UTF-8 value, at most LIMIT of them. What is no
 * address stands as the raw text in addr. */
apr_array_header_t *ximss_addresses_parse(const char *text, apr_size_t length, int limit,
                                          apr_pool_t *pool);

/* Reads a date (RFC 5322, 3.3 and 4.3, asctime, and mixtures of both). Returns 0 if it is none. */
int ximss_date_parse(const char *text, apr_size_t length, apr_int64_t *seconds, int *shift);

/* Seconds since 1970 of a date in GMT; any year. */
apr_int64_t ximss_date_seconds(int year, int month, int day, apr_int64_t second_of_day);

/* The number (1-12) of the month whose English name begins with the three letters at TEXT, or 0. */
int ximss_date_month(const char *text);

/* The parameters (ximss_param_t) of an unfolded value, from behind its first word. RFC 2231 with
 * continuations, RFC 2047 words in values as mail programs write them; the first of a name wins. */
apr_array_header_t *ximss_params_parse(const char *text, apr_size_t length, apr_pool_t *pool);

#endif
