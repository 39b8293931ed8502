/* What an operation sees: never httpd. */
#ifndef XIMSS_OP_CALL_H
#define XIMSS_OP_CALL_H

#include "auth/auth.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/xml_in.h"
#include "base/xml_out.h"
#include "session/table.h"
#include "store/store.h"

/* One a process and virtual host: everything that outlives a request. */
typedef struct ximss_context_t {
    ximss_store_t *store;
    ximss_auth_t *auth;
    ximss_table_t *table;
    const ximss_limits_t *limits;
    const char *default_domain; /* NULL: none */
    int rewrite_sender; /* a From that is not the user's becomes his own, instead of an error */
    apr_int64_t (*clock)(void); /* seconds since 1970; tests set it */
} ximss_context_t;

/* Where a request came from. */
typedef struct ximss_peer_t {
    const char *host;    /* Host header without port; may be NULL */
    const char *address; /* client address */
    int secure;          /* TLS */
} ximss_peer_t;

typedef struct ximss_batch_t ximss_batch_t;

typedef struct ximss_call_t {
    const ximss_context_t *context;
    const ximss_peer_t *peer;
    ximss_session_t *session; /* locked; NULL before login */
    const ximss_zone_t *zone; /* the user's time zone */
    const ximss_element_t *request;
    const char *id; /* of the request, NULL if it has none */
    ximss_xml_t *out;
    ximss_account_t
        *account; /* the session's account, checked out; a transaction as the row says */
    ximss_batch_t *batch;
    void *prepared;   /* what the row's prepare function left for its handler */
    apr_pool_t *pool; /* lives as long as the request element is handled */
} ximss_call_t;

/* An operation: writes its data messages to call->out, not the response. On error what it wrote is taken
 * back and the dispatcher writes the response. */
typedef const ximss_error_t *(*ximss_op_fn_t)(ximss_call_t *call);

/* Has FN done with BATON once what the request wrote is committed, before the reply leaves; not at all when the request
 * or the commit fails, and perhaps not when the process dies. No transaction and no write lock is held then, so FN may
 * take any; ACCOUNT is the session's own. BATON lives in ximss_call_batch_pool. Only for rows with
 * XIMSS_OP_WRITES. */
typedef void (*ximss_after_fn_t)(void *baton, ximss_account_t *account, apr_pool_t *pool);
void ximss_call_after_commit(ximss_call_t *call, ximss_after_fn_t fn, void *baton);

/* A pool that lives as long as the batch. */
apr_pool_t *ximss_call_batch_pool(const ximss_call_t *call);

/* Starts a data message: the element with the id of the request. */
void ximss_call_message(ximss_call_t *call, const char *name);

/* The attribute NAME of the request, XIMSS_E_BAD_REQUEST when it is missing. */
const ximss_error_t *ximss_call_attr(ximss_call_t *call, const char *name, const char **value);

#endif
