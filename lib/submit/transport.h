/* Hands one message to the outside for several recipients: to the machine's sendmail(1), or by SMTP to a
 * relay. It blocks, spawns and resolves names, so it runs in the queue's own process, never in httpd. */
#ifndef XIMSS_SUBMIT_TRANSPORT_H
#define XIMSS_SUBMIT_TRANSPORT_H

#include "base/error.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* When the sender wants a report of a recipient (NOTIFY of RFC 3461, 4.1). 0: not said, failures only. */
#define XIMSS_NOTIFY_NEVER   0x01u /* stands alone */
#define XIMSS_NOTIFY_SUCCESS 0x02u
#define XIMSS_NOTIFY_FAILURE 0x04u

typedef enum ximss_result_t {
    XIMSS_PENDING = 0, /* before the call, never after it */
    XIMSS_SENT,        /* the other side has taken the responsibility */
    XIMSS_TEMPORARY,   /* try again later */
    XIMSS_PERMANENT,   /* trying again is of no use */
    XIMSS_UNKNOWN /* the connection was lost after the whole message was handed over: it may have been
                     taken, so sending it again may double it */
} ximss_result_t;

typedef struct ximss_recipient_t {
    const char *address; /* local@domain, UTF-8 */
    unsigned int notify; /* XIMSS_NOTIFY_ bits */
    const char *orcpt;   /* "rfc822;address" as the sender gave it, not yet as xtext; or NULL */
    /* Results, in the pool of the call: */
    ximss_result_t result;
    const char *status; /* enhanced status code (RFC 3463), "5.1.1"; never NULL */
    const char *
        text; /* one line of clean UTF-8: what the server said with its codes, or what went wrong */
    const char *remote; /* the server whose answer TEXT is; NULL: TEXT is our own */
    int dsn_passed;     /* the other side took the wish for reports over: we make none on success */
} ximss_recipient_t;

typedef struct ximss_envelope_t {
    const char *sender; /* "": the null sender of reports */
    const char *envid;  /* envelope identifier for reports, not yet as xtext; or NULL */
    const char *data;   /* the message; any line ends, see wire.h */
    apr_size_t length;
    apr_array_header_t *recipients; /* ximss_recipient_t; only those XIMSS_PENDING are looked at */
} ximss_envelope_t;

typedef enum ximss_route_kind_t { XIMSS_ROUTE_SENDMAIL, XIMSS_ROUTE_SMTP } ximss_route_kind_t;

/* There is no "TLS if offered": who may read along may also hide the offer. */
typedef enum ximss_tls_t { XIMSS_TLS_NONE, XIMSS_TLS_STARTTLS, XIMSS_TLS_SMTPS } ximss_tls_t;

typedef struct ximss_route_t {
    ximss_route_kind_t kind;
    const char *sendmail;     /* path of the program */
    const char *host;         /* name or address of the relay */
    int port;                 /* 25, 465, 587, ... */
    ximss_tls_t tls;          /* the certificate must be valid, and for HOST */
    const char *ca_file;      /* PEM file of trusted authorities; NULL: those of the system */
    const char *user;         /* NULL: no login. Never sent in clear but to this machine */
    const char *password;     /* of USER */
    const char *local_name;   /* says EHLO; NULL: "localhost" */
    int connect_milliseconds; /* for each address of HOST, and for the TLS handshake */
    int reply_milliseconds;   /* for each reply and each block of data */
    int end_milliseconds; /* for the reply to the whole message, and for sendmail in all; short is
                                 dangerous: after it nobody knows whether the message was taken */
} ximss_route_t;

/* Times are below those of RFC 5321, 4.5.3.2 (5 minutes a reply), but for the last one. */
#define XIMSS_ROUTE_DEFAULT                                                                        \
    {                                                                                              \
        .kind = XIMSS_ROUTE_SENDMAIL, .sendmail = "/usr/sbin/sendmail", .port = 25,                \
        .connect_milliseconds = 30000, .reply_milliseconds = 120000, .end_milliseconds = 600000    \
    }

/* Sends ENVELOPE by ROUTE and writes the results into each recipient that was XIMSS_PENDING. NULL also
 * when all of them failed; an error is a fault of this machine (no memory for TLS, ...), and then those
 * that are still XIMSS_PENDING were not tried. What fails before the server looks at the envelope (no
 * connection, certificate, login) is temporary for every recipient: it says nothing about the message.
 * Results live in POOL. Blocks for as long as the limits of ROUTE allow; any thread. */
const ximss_error_t *ximss_transport_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                          apr_pool_t *pool);

#endif
