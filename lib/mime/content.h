/* Transfer decoding and charsets of part bodies. */
#ifndef XIMSS_MIME_CONTENT_H
#define XIMSS_MIME_CONTENT_H

#include "mime/structure.h"

/* State of a streaming transfer decoder. */
typedef struct ximss_decoder_t {
    ximss_encoding_t encoding;
    int state;
    unsigned int bits;
    int ended;
    char hold[80];
    int held;
} ximss_decoder_t;

/* Starts a decoder. */
void ximss_decoder_init(ximss_decoder_t *decoder, ximss_encoding_t encoding);

/* Decodes LENGTH bytes into OUT, which must hold ximss_decoder_bound(length) bytes; returns how many were
 * written. Lenient: junk in base64 is skipped, padding inside goes on with the next group. LAST: no more
 * input follows. */
apr_size_t ximss_decoder_run(ximss_decoder_t *decoder, const char *in, apr_size_t length, int last,
                             char *out);
apr_size_t ximss_decoder_bound(apr_size_t length);

/* The text of a text part in UTF-8 with LF line ends: RAW are its LENGTH raw body bytes. Unknown charset:
 * UTF-8 if valid, else windows-1252; UTF-7 is never decoded. Cleaned as ximss_text_clean does; a leading
 * BOM goes. In POOL. */
const char *ximss_content_text(const ximss_part_t *part, const char *raw, apr_size_t length,
                               apr_size_t *text_length, apr_pool_t *pool);

/* BYTES in CHARSET as clean UTF-8 in POOL, with the rules of ximss_content_text. CHARSET may be NULL. */
const char *ximss_charset_to_utf8(const char *charset, const char *bytes, apr_size_t length,
                                  apr_size_t *text_length, apr_pool_t *pool);

/* Charset names of knownValues, sorted, NULL-terminated. */
extern const char *const ximss_charset_names[];

#endif
