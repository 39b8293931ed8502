/* Mail into the accounts of this server: whose an address is, and the one way in for messages from outside (LMTP,
 * ximssctl deliver) and from other accounts. */
#ifndef XIMSS_SUBMIT_DELIVER_H
#define XIMSS_SUBMIT_DELIVER_H

#include "base/limits.h"
#include "store/store.h"

/* More Received fields than this are a loop (RFC 5321, 6.3 asks for 100 at least). */
#define XIMSS_DELIVER_HOPS_MAX 100

typedef struct ximss_resolved_t {
    int is_local;                 /* the domain is one of ours */
    ximss_account_entry_t *entry; /* NULL: not local */
    const char *detail; /* what follows the "+" in user+detail@domain, "" if nothing does */
} ximss_resolved_t;

/* Whether ADDRESS (RFC 5321 Mailbox without < >; quotes of the local part are undone, letter case is ignored) is
 * local, and whose. An account that has the whole local part as its name goes before one with a detail. Texts in
 * POOL. XIMSS_E_BAD_REQUEST: no address, or too long a one; XIMSS_E_NOT_FOUND: a domain of ours without such a user. Any thread. */
const ximss_error_t *ximss_address_resolve(ximss_resolved_t *resolved, ximss_store_t *store,
                                           const char *address, apr_pool_t *pool);

/* How the message came to this server: the parts of a Received field (RFC 5321, 4.4). */
typedef struct ximss_received_t {
    const char *from;    /* what the client calls itself */
    const char *address; /* its network address */
    const char *by;      /* this host */
    const char *with;    /* protocol, e.g. LMTP */
} ximss_received_t;

typedef struct ximss_delivery_t {
    const char *sender; /* envelope sender without < >, "" for none */
    const char *data;   /* the message as it came; a "From " line and Return-Path fields go */
    apr_size_t length;
    apr_int64_t time;                 /* seconds: now; becomes INTERNALDATE */
    const char *origin;               /* id of the account that sent it; NULL: from outside */
    apr_int64_t origin_id;            /* of the sender's outbox; only with ORIGIN */
    const ximss_received_t *received; /* NULL: no Received field is written */
} ximss_delivery_t;

/* Delivers to RECIPIENT (as ximss_address_resolve takes it) of this server: to the mailbox of mail that its detail
 * names (exactly, else in another letter case), else to INBOX. Return-Path, Delivered-To and perhaps Received are
 * written on top, with line ends like those of the message. On stable storage when it returns NULL, and sessions
 * know. With an origin it is done once: again for the same (origin, origin_id, recipient) changes nothing and is
 * NULL. POOL takes some times the message's size. Any thread; waits for the account's write lock.
 * XIMSS_E_BAD_REQUEST: an address; XIMSS_E_NOT_FOUND: no such recipient here; XIMSS_E_OVER_QUOTA: no room now; XIMSS_E_LIMIT: larger than any
 * message or the whole quota may be; XIMSS_E_LOOP: it was delivered to RECIPIENT before (its Delivered-To says) or
 * has too many Received fields; XIMSS_E_BUSY: try later. */
const ximss_error_t *ximss_deliver(ximss_store_t *store, const ximss_limits_t *limits,
                                   const ximss_delivery_t *delivery, const char *recipient,
                                   apr_pool_t *pool);

/* Whether a message of SIZE bytes (0: not known) would be let in now: NULL, XIMSS_E_OVER_QUOTA, XIMSS_E_LIMIT, or
 * what kept it from looking. */
const ximss_error_t *ximss_deliver_room(ximss_store_t *store, const ximss_limits_t *limits,
                                        const ximss_account_entry_t *entry, apr_int64_t size,
                                        apr_pool_t *pool);

/* The reply code and the enhanced status (RFC 3463) that stand for ERROR of a delivery, e.g. "550 5.1.1"; it
 * begins with a 4 when the same may work later. NULL: "250 2.1.5". */
const char *ximss_deliver_status(const ximss_error_t *error);

#endif
