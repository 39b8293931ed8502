/* Messages that the server itself writes about others: delivery status notifications (RFC 3464) and message
 * disposition notifications (RFC 8098), each a multipart/report (RFC 6522) with a text for people, fields for
 * programs, and the message in question or its header. They are sent with the null sender, and say
 * Auto-Submitted, so that nothing answers them. English; no text of a message or server can add a field or a part.
 * Any thread. */
#ifndef XIMSS_SUBMIT_REPORT_H
#define XIMSS_SUBMIT_REPORT_H

#include "base/error.h"
#include "base/time.h"
#include "mime/field.h"
#include "submit/transport.h"

/* More of a header than this is left out of a report, and so is a message that is longer than the latter. */
#define XIMSS_REPORT_HEADER_MAX  65536
#define XIMSS_REPORT_MESSAGE_MAX 1048576

/* What the report is about. */
typedef struct ximss_reported_t {
    const char *data; /* the message as it is stored */
    apr_size_t length;
    const char *host; /* this server's name */
    apr_int64_t now;  /* seconds since 1970: Date of the report */
    const ximss_zone_t *zone;
} ximss_reported_t;

typedef enum ximss_dsn_action_t {
    XIMSS_DSN_FAILED,
    XIMSS_DSN_DELIVERED, /* into a mailbox here */
    XIMSS_DSN_RELAYED    /* to a server that will not report success */
} ximss_dsn_action_t;

typedef struct ximss_dsn_t {
    ximss_reported_t message;
    ximss_dsn_action_t action;
    const char *sender;  /* whom to tell: the envelope sender of the message */
    apr_int64_t arrival; /* when the message was submitted */
    int full;            /* the whole message goes back, unless it is too long; only if it failed */
    const apr_array_header_t
        *recipients; /* ximss_recipient_t: address, orcpt, status, text, remote */
} ximss_dsn_t;

/* Writes the report DSN into *DATA, in POOL, CRLF line ends. XIMSS_E_INTERNAL: no randomness. */
const ximss_error_t *ximss_dsn_make(const char **data, apr_size_t *length, const ximss_dsn_t *dsn,
                                    apr_pool_t *pool);

typedef enum ximss_mdn_action_t {
    XIMSS_MDN_MANUAL,   /* the user said so */
    XIMSS_MDN_AUTOMATIC /* a program did, as the user has set it */
} ximss_mdn_action_t;

typedef struct ximss_mdn_t {
    ximss_reported_t message;
    ximss_mdn_action_t action;
    const ximss_address_t *from; /* the user who has the message */
    const ximss_address_t *to;   /* whom its Disposition-Notification-To names */
    const char
        *original_recipient; /* value of its Original-Recipient field, "rfc822;address"; or NULL */
    const char *message_id;  /* of the message, with < >; "" if it has none */
    const char *subject;     /* of the message, decoded UTF-8; "" if it has none */
    const char *text;        /* for people, UTF-8, LF line ends; NULL: our own */
} ximss_mdn_t;

/* Writes the notification that the message was displayed into *DATA, in POOL, CRLF line ends. Whether one may be
 * sent at all (RFC 8098, 2.1) is for the caller to judge. XIMSS_E_INTERNAL: no randomness. */
const ximss_error_t *ximss_mdn_make(const char **data, apr_size_t *length, const ximss_mdn_t *mdn,
                                    apr_pool_t *pool);

#endif
