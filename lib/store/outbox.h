/* The outbox of an account: mail that was accepted and is not yet with all of its recipients. A message is a
 * reference to its raw bytes, which a copy in a mailbox shares; a recipient is a row that goes when nothing is left
 * to do for it, and the message goes with its last one. The directory keeps a hint of who has mail to send. */
#ifndef XIMSS_STORE_OUTBOX_H
#define XIMSS_STORE_OUTBOX_H

#include "store/store.h"

/* What is to be done for a recipient. */
typedef enum ximss_outbox_state_t {
    XIMSS_OUTBOX_WAITING, /* to be sent once it is due */
    XIMSS_OUTBOX_SENDING, /* handed over by the run of the queue that holds its lock */
    XIMSS_OUTBOX_HELD,    /* nobody knows whether it was sent: an administrator decides */
    XIMSS_OUTBOX_FAILED,  /* will not be sent; the sender is to be told */
    XIMSS_OUTBOX_DONE,    /* was delivered here; the sender is to be told */
    XIMSS_OUTBOX_RELAYED  /* was taken by a server that does not report; the sender is to be told */
} ximss_outbox_state_t;

typedef struct ximss_outbox_message_t {
    apr_int64_t id; /* grows, is never reused */
    apr_int64_t blob;
    apr_int64_t time;   /* seconds: when it was submitted */
    apr_int64_t size;   /* bytes; set by reading */
    const char *sender; /* of the envelope, "" for the null sender */
} ximss_outbox_message_t;

typedef struct ximss_outbox_recipient_t {
    apr_int64_t id; /* grows, is never reused */
    const char *address;
    unsigned int notify; /* XIMSS_NOTIFY_... of submit/transport.h */
    ximss_outbox_state_t state;
    int attempts;
    apr_int64_t due;    /* seconds: when to look at it again */
    apr_int64_t report; /* rows of the same number go into one report; 0: none yet */
    const char *status; /* of the last attempt, as RFC 3463; "" before it */
    const char *text;   /* the same in words, clean UTF-8 */
    const char *remote; /* the server that said it, "" for none */
} ximss_outbox_recipient_t;

/* Adds MESSAGE (sender and time are set; id and blob are filled in) with the bytes of DIGEST and RECIPIENTS
 * (ximss_outbox_recipient_t: address, notify, due; ids are filled in), at least one. Needs a write transaction. */
const ximss_error_t *ximss_outbox_add(ximss_account_t *account, ximss_outbox_message_t *message,
                                      const ximss_digest_t *digest, apr_array_header_t *recipients,
                                      apr_pool_t *pool);

/* The messages (ximss_outbox_message_t) that have a recipient due at NOW, held ones excepted, by id; ALL: every
 * message. */
const ximss_error_t *ximss_outbox_list(ximss_account_t *account, apr_int64_t now, int all,
                                       apr_array_header_t **messages, apr_pool_t *pool);

/* The recipients (ximss_outbox_recipient_t) of the message with ID, by id; none when it is gone. */
const ximss_error_t *ximss_outbox_recipients(ximss_account_t *account, apr_int64_t id,
                                             apr_array_header_t **recipients, apr_pool_t *pool);

/* Writes state, attempts, due, report, status, text and remote of RECIPIENT; nothing when its row is gone. Needs a write
 * transaction. */
const ximss_error_t *ximss_outbox_save(ximss_account_t *account,
                                       const ximss_outbox_recipient_t *recipient, apr_pool_t *pool);

/* Removes the row of a recipient, and with the last one the message. Gone already is no error. Needs a write
 * transaction. */
const ximss_error_t *ximss_outbox_remove(ximss_account_t *account, apr_int64_t recipient,
                                         apr_pool_t *pool);

/* When something is to be done next, held rows excepted; -1: nothing is. */
const ximss_error_t *ximss_outbox_due(ximss_account_t *account, apr_int64_t *due, apr_pool_t *pool);

/* Counts one more message in the hour that runs; XIMSS_E_LIMIT when there were LIMIT of them. Needs a write
 * transaction. */
const ximss_error_t *ximss_outbox_charge(ximss_account_t *account, apr_int64_t now, int limit,
                                         apr_pool_t *pool);

/* ---- the hint: who has mail to send ---- */

/* How long an announcement counts though its account shows no mail: between it and the commit lie the wait for the
 * account and the rest of a batch. */
#define XIMSS_OUTBOX_GRACE 120

typedef struct ximss_outbox_hint_t {
    const char *account; /* its id; "" stands for a look at all accounts */
    apr_int64_t due;
    apr_int64_t stamp; /* when it was announced last */
} ximss_outbox_hint_t;

/* Notes that ACCOUNT (an id) will have mail to send at DUE, before the mail is committed: so no crash leaves mail
 * that nobody looks for. Takes the directory's write lock, unless that is known already: hold no other. */
const ximss_error_t *ximss_outbox_announce(ximss_store_t *store, const char *account,
                                           apr_int64_t due, apr_int64_t now, apr_pool_t *pool);

/* The hints (ximss_outbox_hint_t) that are due at NOW. That of no account comes first; if it is not there, it is made,
 * under the directory's write lock, and due at once: so a lost directory loses no mail. */
const ximss_error_t *ximss_outbox_hints(ximss_store_t *store, apr_int64_t now,
                                        apr_array_header_t **hints, apr_pool_t *pool);

/* The account of HINT was seen to: it is due again at NEXT, -1: not at all. An announcement made since, or a short
 * while ago, stays. Takes the directory's write lock. */
const ximss_error_t *ximss_outbox_settle(ximss_store_t *store, const ximss_outbox_hint_t *hint,
                                         apr_int64_t next, apr_int64_t now, apr_pool_t *pool);

#endif
