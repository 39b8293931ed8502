/* LMTP (RFC 2033) as a server speaks it, from bytes to replies: no sockets, no store. */
#ifndef XIMSS_SUBMIT_LMTP_H
#define XIMSS_SUBMIT_LMTP_H

#include "submit/deliver.h"

#define XIMSS_LMTP_LINE_MAX       2048 /* bytes of a command with its line end */
#define XIMSS_LMTP_RECIPIENTS_MAX 1000 /* of one message */
#define XIMSS_LMTP_ERRORS_MAX     20   /* wrong commands after which a connection is closed */

/* What the protocol needs of the server. */
typedef struct ximss_lmtp_server_t {
    const char *name;         /* this host */
    const char *address;      /* of the client */
    const char *spool_dir;    /* for messages that are large */
    apr_size_t message_bytes; /* the largest message */
    apr_int64_t (*clock)(void);

    void *client;
    /* Sends replies. 0: the client is gone. */
    int (*send)(void *client, const char *bytes, apr_size_t length);

    void *mail;
    /* Whether mail of SIZE bytes (0: unknown) for ADDRESS is taken; *ACCOUNT, in POOL, is the same for addresses
     * that are the same account's. */
    const ximss_error_t *(*recipient)(void *mail, const char *address, apr_int64_t size,
                                      const char **account, apr_pool_t *pool);
    /* As ximss_deliver. */
    const ximss_error_t *(*deliver)(void *mail, const ximss_delivery_t *delivery,
                                    const char *recipient, apr_pool_t *pool);
} ximss_lmtp_server_t;

typedef struct ximss_lmtp_t ximss_lmtp_t; /* one connection; one thread at a time */

/* Begins a connection: sends the greeting. SERVER must outlive it; it goes with POOL. */
ximss_lmtp_t *ximss_lmtp_start(const ximss_lmtp_server_t *server, apr_pool_t *pool);

/* Takes LENGTH bytes from the client, of any number of commands and messages, and sends the replies: no reply waits
 * while a message is delivered or when this returns. An account gets a message once, whatever number of its addresses
 * are recipients. Memory does not depend on what a client sends. Returns 0 when the connection is over. */
int ximss_lmtp_feed(ximss_lmtp_t *lmtp, const char *bytes, apr_size_t length);

/* Whether no message is under way: then the server may end the connection. */
int ximss_lmtp_is_idle(const ximss_lmtp_t *lmtp);

/* Ends it: sends REPLY, a whole line but for its end. */
void ximss_lmtp_end(ximss_lmtp_t *lmtp, const char *reply);

#endif
