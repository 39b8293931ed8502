/* A connection of LMTP from inside. Internal to lib/submit. */
#ifndef XIMSS_SUBMIT_LMTP_STATE_H
#define XIMSS_SUBMIT_LMTP_STATE_H

#include "submit/lmtp.h"
#include "submit/spool.h"

#include <apr_tables.h>

/* Where in the text of a message its next byte stands (RFC 5321, 4.5.2). Only CR LF ends a line: after anything else
 * a dot is text. */
typedef enum ximss_lmtp_text_t {
    XIMSS_LMTP_LINE,   /* at the start of a line */
    XIMSS_LMTP_DOT,    /* behind a dot there */
    XIMSS_LMTP_DOT_CR, /* behind a dot and CR there */
    XIMSS_LMTP_TEXT,   /* within a line */
    XIMSS_LMTP_CR      /* behind a CR within a line */
} ximss_lmtp_text_t;

typedef struct ximss_lmtp_recipient_t {
    const char *address;
    const char *account;
    int done; /* the account has the message */
} ximss_lmtp_recipient_t;

struct ximss_lmtp_t {
    const ximss_lmtp_server_t *server;
    apr_pool_t *transaction; /* cleared behind each message */
    apr_pool_t *scratch;     /* cleared before each command and delivery */

    char line[XIMSS_LMTP_LINE_MAX + 1];
    apr_size_t line_length;
    int overlong; /* more of the line came than it may have */
    int errors;
    int over;

    char client[256]; /* what it calls itself; "" before LHLO */
    const char
        *sender;      /* NULL: no message is under way; this and what follows live in transaction */
    int utf8;         /* SMTPUTF8 was said */
    apr_int64_t size; /* as announced; 0: not */
    apr_array_header_t *recipients; /* ximss_lmtp_recipient_t */
    ximss_spool_t *spool;           /* NULL: commands are read, not text */
    ximss_lmtp_text_t text;

    char out[2048];
    apr_size_t out_length;
};

/* lmtp.c: adds a reply, one whole line but for its end; sends what was added. */
void ximss_lmtp_reply(ximss_lmtp_t *lmtp, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ximss_lmtp_flush(ximss_lmtp_t *lmtp);

/* The same for the wrong commands, of which there may not be too many. */
void ximss_lmtp_wrong(ximss_lmtp_t *lmtp, const char *reply);

/* The same for an error of a recipient. */
void ximss_lmtp_refuse(ximss_lmtp_t *lmtp, const ximss_error_t *error);

/* Forgets the message that is under way. */
void ximss_lmtp_reset(ximss_lmtp_t *lmtp);

/* lmtp_command.c: runs a command, a line without its end and without control characters. */
void ximss_lmtp_command(ximss_lmtp_t *lmtp, const char *line);

/* lmtp_text.c: takes up to LENGTH bytes of the message's text, and returns how many; behind its end it is delivered. */
apr_size_t ximss_lmtp_text(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length);

#endif
