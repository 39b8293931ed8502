/* What the requests that send mail share: a message with its envelope, checked before the account is locked, and put
 * into the outbox under the lock. Local recipients have it before the reply leaves; the queue sees to the others. */
#ifndef XIMSS_OP_SUBMISSION_H
#define XIMSS_OP_SUBMISSION_H

#include "op/call.h"
#include "store/outbox.h"

#include <apr_hash.h>

typedef struct ximss_submission_t {
    ximss_call_t *call;
    const char *sender;  /* of the envelope, "": none, so that nobody is told of failures */
    unsigned int notify; /* XIMSS_NOTIFY_... for each recipient */
    apr_array_header_t *recipients; /* ximss_outbox_recipient_t */
    apr_hash_t *seen;
    int remote;                   /* some are elsewhere */
    const ximss_digest_t *digest; /* the message */
} ximss_submission_t;

/* Begins one for CALL, in its pool. */
ximss_submission_t *ximss_submission_make(ximss_call_t *call, const char *sender);

/* Adds a recipient; one that is there already is not added again. XIMSS_E_SUBMISSION: no address, or one of a domain
 * of ours that nobody has; XIMSS_E_LIMIT: too many. */
const ximss_error_t *ximss_submission_add(ximss_submission_t *submission, const char *address);

/* Adds the addresses in the elements called NAME of the request. */
const ximss_error_t *ximss_submission_add_elements(ximss_submission_t *submission,
                                                   const char *name);

/* Ends the preparation: the message is the LENGTH bytes at DATA, in the call's pool. Notes that there will be mail to
 * send. XIMSS_E_SUBMISSION: there are no recipients; XIMSS_E_LIMIT: it is too large. */
const ximss_error_t *ximss_submission_prepare(ximss_submission_t *submission, const char *data,
                                              apr_size_t length);

/* Puts it into the outbox, inside the batch's write transaction. XIMSS_E_LIMIT: too many messages in this hour. */
const ximss_error_t *ximss_submission_put(ximss_submission_t *submission);

/* Whether ADDRESS is one of the session's own account: its name, or that with "+" and a mailbox. */
const ximss_error_t *ximss_submission_own(ximss_call_t *call, const char *address, int *own);

/* The session's own account in the directory. */
const ximss_error_t *ximss_submission_account(ximss_call_t *call, ximss_account_entry_t **entry);

/* The message that the attributes folder and UID name: its row and its raw bytes. XIMSS_E_NO_FOLDER,
 * XIMSS_E_NO_MESSAGE. */
typedef struct ximss_original_t {
    const char *folder;
    apr_int64_t mailbox;
    apr_int64_t uid;
    ximss_message_t row;
    const char *data;
} ximss_original_t;
const ximss_error_t *ximss_submission_original(ximss_call_t *call, ximss_original_t *original);

/* Refuses what is to be signed or encrypted (attributes of ELEMENT): XIMSS_E_SMIME. */
const ximss_error_t *ximss_submission_plain(ximss_call_t *call, const ximss_element_t *element);

#endif
