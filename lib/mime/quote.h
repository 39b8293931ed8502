/* What of a message an answer quotes, as plain text. */
#ifndef XIMSS_MIME_QUOTE_H
#define XIMSS_MIME_QUOTE_H

#include "mime/buffer.h"
#include "mime/structure.h"

/* The first text part of BODY that a reader is shown (plain before HTML where they are alternatives), NULL: there is
 * none. Only ever one part: what others hold, perhaps decrypted, must not leave with an answer. */
const ximss_part_t *ximss_quote_part(const ximss_part_t *body);

typedef struct ximss_quote_text_t {
    const char *text; /* clean UTF-8, LF line ends */
    apr_size_t length;
    int flows; /* its lines are paragraphs of any length */
} ximss_quote_text_t;

/* The text of PART, whose LENGTH raw bytes are RAW: HTML as its text, format=flowed (RFC 3676) with its lines joined.
 * In POOL. */
void ximss_quote_read(ximss_quote_text_t *text, const ximss_part_t *part, const char *raw,
                      apr_size_t length, apr_pool_t *pool);

/* Appends TEXT to OUT with MARK in front of each line; a line that flows is broken at blanks to WIDTH characters. */
void ximss_quote_write(ximss_buffer_t *out, const ximss_quote_text_t *text, const char *mark,
                       int width);

#endif
