/* A stored message as it goes out: line ends made uniform, so that no server can read an end of the message,
 * or another header field, where there was none. Internal to lib/submit.
 *
 * LF, CRLF, and a run of CR before a LF are one line end. Any other CR becomes a blank in the header, where a
 * line end could make a field of what was none, and a line end in the body. NUL becomes a blank. The
 * last line is ended. For SMTP, lines are folded before they exceed 998 bytes (RFC 5321, 4.5.3.1.6), by a
 * line end and a blank, and leading dots are doubled (4.5.2). */
#ifndef XIMSS_SUBMIT_WIRE_H
#define XIMSS_SUBMIT_WIRE_H

#include <apr.h>

typedef enum ximss_wire_style_t {
    XIMSS_WIRE_SMTP, /* CRLF, folded, dots doubled; the final dot is the caller's */
    XIMSS_WIRE_CRLF, /* CRLF */
    XIMSS_WIRE_LF    /* LF, for sendmail(1) */
} ximss_wire_style_t;

/* Least room of a read. */
#define XIMSS_WIRE_ROOM_MIN 16

typedef struct ximss_wire_t {
    const char *data;
    apr_size_t length;
    apr_size_t at;       /* bytes of data that are done */
    apr_size_t bare_end; /* CRs before this are known to have no LF behind them */
    apr_size_t column;   /* bytes of the line so far, without a doubled dot */
    int in_header;
    int has_8bit; /* bytes above 127 have been read */
    ximss_wire_style_t style;
} ximss_wire_t;

/* Starts at the first byte of the message; DATA must stay. */
void ximss_wire_init(ximss_wire_t *wire, const char *data, apr_size_t length,
                     ximss_wire_style_t style);

/* Writes as much as fits into the ROOM (at least XIMSS_WIRE_ROOM_MIN) bytes at OUT; returns how much, 0 at the
 * end. Linear in the whole. */
apr_size_t ximss_wire_read(ximss_wire_t *wire, char *out, apr_size_t room);

#endif
