/* A store, a session table and accounts in a folder of their own, and requests run against them as the
 * server runs them: what the tests of operations share. */
#ifndef XIMSS_UNIT_OP_RIG_H
#define XIMSS_UNIT_OP_RIG_H

#include "op/ops.h"

/* What the rig's clock says: 2023-11-14 22:13:20 GMT. */
#define OP_RIG_NOW 1700000000

typedef struct op_rig_t {
    ximss_context_t context;
    ximss_limits_t limits; /* context.limits points here */
    ximss_peer_t peer;
    const char *dir;
    apr_pool_t *pool;
} op_rig_t;

/* A rig with domain example.org and account user@example.org (password "secret"); it is removed with the
 * test's pool. */
op_rig_t *op_rig_make(void);

/* Adds an account; returns its id. */
const char *op_rig_account(op_rig_t *rig, const char *name);

/* A session of the account called NAME, locked; unlocked with the pool. */
ximss_session_t *op_rig_session(op_rig_t *rig, const char *name);

/* The children of the reply to the requests XML, in test_pool; SESSION NULL: before login. Fails the test when the
 * reply is not well-formed or the batch fails as a whole. */
const char *op_rig_run(op_rig_t *rig, ximss_session_t *session, const char *xml);

/* The same by printf. */
const char *op_rig_runf(op_rig_t *rig, ximss_session_t *session, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The outcome of a batch, for those that may fail. */
const ximss_error_t *op_rig_try(op_rig_t *rig, ximss_session_t *session, const char *xml,
                                const char **reply);

/* A handle on the account called NAME, returned with POOL, which must go before the store (rig->pool will do). */
ximss_account_t *op_rig_handle(op_rig_t *rig, const char *name, apr_pool_t *pool);

/* Stores a message in its own transaction; returns its UID. */
apr_uint32_t op_rig_append(op_rig_t *rig, const char *account, const char *mailbox, const char *raw,
                           apr_int64_t internal_date);

/* Whether TEXT holds PART. */
int op_rig_has(const char *text, const char *part);

/* How often it does. */
int op_rig_count(const char *text, const char *part);

#define assert_has(text, part)                                                                     \
    ck_assert_msg(op_rig_has(text, part), "no %s in: %.3000s", part, text)
#define assert_not(text, part)                                                                     \
    ck_assert_msg(!op_rig_has(text, part), "there is %s in: %.3000s", part, text)
#define assert_ok(error)                                                                           \
    do {                                                                                           \
        const ximss_error_t *rig_error = (error);                                                  \
        ck_assert_msg(rig_error == NULL, "%s",                                                     \
                      rig_error != NULL ? ximss_error_log_line(rig_error, test_pool) : "");        \
    } while (0)

#endif
