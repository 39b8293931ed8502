/* Composing the mail of a request: what messageAppend and messageSubmit share. */
#ifndef XIMSS_OP_COMPOSE_H
#define XIMSS_OP_COMPOSE_H

#include "mime/compose.h"
#include "op/call.h"

/* Composes EMAIL (NULL: XIMSS_E_COMPOSITION) for CALL, in its pool: with the uploads of the session, the files of the
 * account, and the messages of its open folders, or of its mailboxes where no folder is called so. For a `prepare`
 * function: it reads the account and writes nothing. KEEP_BCC: see ximss_compose_t. Errors as of ximss_compose. */
const ximss_error_t *ximss_op_compose_draft(ximss_call_t *call, const ximss_element_t *email,
                                            int keep_bcc, ximss_composed_t **composed);

/* The same for a mail that is sent: no Bcc in it. */
const ximss_error_t *ximss_op_compose(ximss_call_t *call, const ximss_element_t *email,
                                      ximss_composed_t **composed);

/* How a mail is stored: attributes of messageAppend and messageSubmit. */
typedef struct ximss_op_storing_t {
    ximss_flags_t flags;
    apr_int64_t internal_date; /* seconds */
} ximss_op_storing_t;

/* Reads flags and internalDate of the request. XIMSS_E_BAD_REQUEST. */
const ximss_error_t *ximss_op_storing(ximss_call_t *call, ximss_op_storing_t *storing);

/* Appends DIGEST to the mailbox that targetMailbox names, with the attributes mailboxClass (a missing mailbox is
 * created), flags, and internalDate. In the write transaction of a handler. XIMSS_E_NO_MAILBOX, XIMSS_E_DENIED,
 * XIMSS_E_BAD_REQUEST, XIMSS_E_OVER_QUOTA. *UID may be NULL. */
const ximss_error_t *ximss_op_append_copy(ximss_call_t *call, const ximss_digest_t *digest,
                                          apr_uint32_t *uid);

#endif
