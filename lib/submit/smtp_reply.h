/* Replies of an SMTP server (RFC 5321, 4.2), read piece by piece. Internal to lib/submit. */
#ifndef XIMSS_SUBMIT_SMTP_REPLY_H
#define XIMSS_SUBMIT_SMTP_REPLY_H

#include <apr.h>

/* A server that exceeds the first two is not listened to; what exceeds the last is cut. */
#define XIMSS_REPLY_LINE_MAX  2048 /* bytes; the protocol allows 512 */
#define XIMSS_REPLY_LINES_MAX 128
#define XIMSS_REPLY_TEXT_MAX  4096

typedef enum ximss_reply_state_t {
    XIMSS_REPLY_MORE, /* not yet complete */
    XIMSS_REPLY_DONE,
    XIMSS_REPLY_BAD /* no reply of SMTP, or over a limit */
} ximss_reply_state_t;

typedef struct ximss_smtp_reply_t {
    int code;        /* 200 to 599 */
    char status[12]; /* enhanced status code (RFC 2034) of the first line, "" if there is none */
    char text[XIMSS_REPLY_TEXT_MAX +
              1]; /* lines without their codes, parted by LF; controls are blanks */
    /* The reader's: */
    apr_size_t length; /* of text */
    apr_size_t line;   /* where its last line begins */
    apr_size_t column;
    int line_code;
    int lines;
    int last; /* this line is the last */
    int cr;   /* the byte before was a CR */
} ximss_smtp_reply_t;

/* Prepares REPLY for the next one. */
void ximss_smtp_reply_init(ximss_smtp_reply_t *reply);

/* Reads the LENGTH bytes at DATA, up to the end of one reply at most; *USED is how many that were. After any
 * other answer than XIMSS_REPLY_MORE it must not be called again without ximss_smtp_reply_init. */
ximss_reply_state_t ximss_smtp_reply_read(ximss_smtp_reply_t *reply, const char *data,
                                          apr_size_t length, apr_size_t *used);

typedef struct ximss_smtp_features_t {
    int pipelining;    /* RFC 2920 */
    int eight_bit;     /* 8BITMIME, RFC 6152 */
    int utf8;          /* SMTPUTF8, RFC 6531 */
    int dsn;           /* RFC 3461 */
    int starttls;      /* RFC 3207 */
    int size;          /* RFC 1870 */
    apr_int64_t limit; /* of SIZE in bytes, 0: none told */
    int auth_plain;    /* RFC 4616 */
    int auth_login;
} ximss_smtp_features_t;

/* What the reply to EHLO offers: each line but the first is a keyword with parameters. */
void ximss_smtp_features_read(ximss_smtp_features_t *features, const ximss_smtp_reply_t *reply);

#endif
