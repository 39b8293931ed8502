/* Text of format="flowed" (RFC 3676). Internal to lib/mime. */
#ifndef XIMSS_MIME_FLOWED_H
#define XIMSS_MIME_FLOWED_H

#include "mime/buffer.h"

/* Adds TEXT, one paragraph a line (LF), as flowed lines of at most 78 characters with LF ends: long ones are broken
 * behind a blank, which stays; lines that begin with a blank or "From " are stuffed; blanks at the end of a paragraph go,
 * but for those of "-- ". ">" at the start of a line quotes it, and goes with all of its lines. */
void ximss_flowed_put(ximss_buffer_t *out, const char *text, apr_size_t length);

/* The reverse: adds the lines of flowed TEXT (LF ends) to OUT, one a paragraph, with the ">" of a quoted one in front.
 * DELETE_SPACE: DelSp=yes, the blanks at which lines were broken are no part of the text. */
void ximss_flowed_join(ximss_buffer_t *out, const char *text, apr_size_t length, int delete_space);

#endif
