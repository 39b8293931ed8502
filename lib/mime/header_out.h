/* Header fields on their way out: the one place of the program that writes them (RFC 5322, 2045, 2047, 2231), but for
 * those that submit/trace.h puts on top of mail that comes in.
 *
 * Whatever a value holds, exactly one field comes of it: CR, LF, NUL, and other control characters become
 * blanks, and so do those that hide in invalid UTF-8. What looks like an encoded word is encoded itself, so that
 * a reader sees what was given and decodes nothing else. Lines end with CRLF, are folded at 78 characters where they
 * can be, and never reach 998. All but the addresses themselves is ASCII. Any thread. */
#ifndef XIMSS_MIME_HEADER_OUT_H
#define XIMSS_MIME_HEADER_OUT_H

#include "base/time.h"
#include "mime/addr_spec.h"
#include "mime/buffer.h"
#include "mime/structure.h"

typedef ximss_buffer_t ximss_out_t;

/* Longest name of a field, of a parameter, and value of a parameter. */
#define XIMSS_HEADER_NAME_MAX 76
#define XIMSS_PARAM_NAME_MAX  40
#define XIMSS_PARAM_VALUE_MAX 1000

/* Whether NAME can name a field (RFC 5322, 2.2: printable ASCII without a colon) of at most
 * XIMSS_HEADER_NAME_MAX bytes. The functions below write nothing when it cannot. */
int ximss_header_name_ok(const char *name);

/* Whether TEXT is a token (RFC 2045, 5.1) of at most MAX bytes, as types and parameter names are. */
int ximss_token_ok(const char *text, apr_size_t max);

/* Whether NAME can name a parameter. */
int ximss_param_name_ok(const char *name);

/* An unstructured field (Subject, X-...), UTF8 as RFC 2047 words where ASCII does not do. */
void ximss_header_text(ximss_out_t *out, const char *name, const char *utf8);

/* A list of ximss_address_t. What is no address (ximss_addr_ok) stands as words when it is some, else as the name of
 * an empty group (RFC 5322, 3.4): it reaches nobody. An empty list writes nothing. */
void ximss_header_addresses(ximss_out_t *out, const char *name,
                            const apr_array_header_t *addresses);

/* A date, SECONDS since 1970, with the offset that ZONE has then. */
void ximss_header_date(ximss_out_t *out, const char *name, apr_int64_t seconds,
                       const ximss_zone_t *zone);

/* The same with an offset of SHIFT seconds east of GMT, taken to whole minutes; over a day: GMT. */
void ximss_header_date_shift(ximss_out_t *out, const char *name, apr_int64_t seconds,
                             apr_int64_t shift);

/* Words that are kept byte for byte: Message-ID, References, Content-ID. Controls become blanks between words,
 * bytes above 127 and the "?" of "=?" become "_"; words of over 900 bytes are left out. Without a word nothing is
 * written. */
void ximss_header_raw_token(ximss_out_t *out, const char *name, const char *value);

/* VALUE ("text/plain", "attachment") with PARAMS (ximss_param_t; NULL: none). Values that are not short ASCII are
 * written as RFC 2231 says, those of name and filename also as RFC 2047 words for readers that know no
 * better. Parameters whose names are no tokens are left out, values cut at XIMSS_PARAM_VALUE_MAX bytes. */
void ximss_header_params(ximss_out_t *out, const char *name, const char *value,
                         const apr_array_header_t *params);

/* A new "<...@DOMAIN>" in POOL; NULL when there is no randomness. Bytes that have no place in a domain are left
 * out. */
const char *ximss_message_id(apr_int64_t now, const char *domain, apr_pool_t *pool);

#endif
