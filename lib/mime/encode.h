/* Transfer encodings on their way out (RFC 2045, 6). All grow the buffer that they are given. Any thread. */
#ifndef XIMSS_MIME_ENCODE_H
#define XIMSS_MIME_ENCODE_H

#include "mime/buffer.h"

/* Adds MARK and BYTE as two hexadecimal digits, upper case: "=0A". */
void ximss_hex_put(ximss_buffer_t *out, char mark, char byte);

/* Adds base64: LINES: 76 characters a line, each line with CRLF behind it; else no line end at all. */
void ximss_base64_put(ximss_buffer_t *out, const char *bytes, apr_size_t length, int lines);

/* Adds TEXT, whose lines end with LF, CRLF or CR, as quoted-printable with CRLF line ends; a last line without an
 * end gets none. Lines of at most 76 characters; "From " at the start of a line is encoded, so that no mbox touches it. */
void ximss_quoted_put(ximss_buffer_t *out, const char *text, apr_size_t length);

/* Adds TEXT with CRLF in place of LF, CRLF and CR. */
void ximss_lines_put(ximss_buffer_t *out, const char *text, apr_size_t length);

/* Adds TEXT with CRLF in place of CRLF and END (CR or LF); the other of the two, alone, stays as it is. */
void ximss_lines_end(ximss_buffer_t *out, const char *text, apr_size_t length, char end);

/* What bytes need on their way. */
typedef struct ximss_survey_t {
    int eight_bit;          /* bytes above 127 */
    int nul;                /* NUL */
    int controls;           /* NUL and other control characters than TAB, CR, LF */
    int from_line;          /* "From " at the start of a line */
    apr_size_t bare;        /* CRs and LFs that are not CRLF together */
    apr_size_t longest;     /* line, without its end */
    apr_size_t quoted_size; /* bytes that quoted-printable encodes */
} ximss_survey_t;

/* Looks through LENGTH bytes at DATA. */
void ximss_survey(ximss_survey_t *survey, const char *data, apr_size_t length);

#endif
