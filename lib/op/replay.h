/* Numbered batches run exactly once (ARCHITECTURE.md). What a batch does becomes true in steps, one a
 * commit. Before a step the batch's record is written to the session's folder as "reply.new": the reply so far, how
 * many requests it answers, and what becomes of the folder files and the session. The commit point is the
 * transaction of the account, which then holds the number of the batch and of the step, or, where nothing is
 * written to the account, the rename to "reply". After a death in between, the next request finds which of both
 * sides of that point it was, and finishes the step or takes it back. */
#ifndef XIMSS_OP_REPLAY_H
#define XIMSS_OP_REPLAY_H

#include "op/call.h"
#include "op/stage.h"

typedef enum ximss_replay_verdict_t {
    XIMSS_REPLAY_RUN,    /* run the batch */
    XIMSS_REPLAY_STORED, /* it ran: send the stored reply */
    XIMSS_REPLAY_LATE    /* an older number: refuse it */
} ximss_replay_verdict_t;

/* Bytes of a reply without its root. */
typedef struct ximss_reply_text_t {
    const char *data;
    apr_size_t length;
} ximss_reply_text_t;

/* Before ximss_batch_run, on a locked session: mends what a process left that died in a batch, and sets the
 * session to run batch SEQ (-1: one without number). *REPLY is the stored reply, or with XIMSS_REPLAY_RUN what
 * an earlier run of this batch committed: it stands before what the batch will write now. In POOL. */
const ximss_error_t *ximss_replay_begin(const ximss_context_t *context, ximss_session_t *session,
                                        apr_int64_t seq, ximss_replay_verdict_t *verdict,
                                        ximss_reply_text_t *reply, apr_pool_t *pool);

/* Writes the stored reply of the batch that ran last anew, with TEXT at its end: asynchronous messages that go with it;
 * and puts it in place of the old one, which may be repeated. */
const ximss_error_t *ximss_replay_amend(const ximss_context_t *context, ximss_session_t *session,
                                        const ximss_reply_text_t *text, apr_pool_t *pool);
const ximss_error_t *ximss_replay_amended(const ximss_context_t *context, ximss_session_t *session,
                                          apr_pool_t *pool);

/* A reqSeq as sent: -1 for NULL, -2 when it is no number. */
apr_int64_t ximss_replay_number(const char *text);

/* ---- for the dispatcher ---- */

/* What of SESSION goes back when requests fail. */
ximss_progress_before_t ximss_progress_now(const ximss_session_t *session);
void ximss_progress_back(ximss_session_t *session, const ximss_progress_before_t *before);

typedef struct ximss_replay_t {
    ximss_table_t *table;
    ximss_session_t *session;
    const char *dir;
    ximss_stage_t *stage;
    apr_int64_t seq;            /* -1: not numbered */
    apr_int64_t now;            /* seconds since 1970 */
    int done;                   /* requests that earlier runs of the batch answered */
    ximss_reply_text_t earlier; /* and how */
    int complete;               /* the record of the whole batch is in place */
} ximss_replay_t;

/* Starts the batch that ximss_replay_begin has set. */
const ximss_error_t *ximss_replay_start(ximss_replay_t *replay, const ximss_context_t *context,
                                        ximss_session_t *session, ximss_stage_t *stage,
                                        apr_pool_t *pool);

/* Writes the record of a step: DONE requests are answered, by TEXT after what earlier runs wrote; COMPLETE: that
 * is all of them. With ACCOUNT, in a write transaction, the step becomes true with its commit. */
typedef struct ximss_replay_step_t {
    int done;
    int complete;
    ximss_reply_text_t text;
} ximss_replay_step_t;
const ximss_error_t *ximss_replay_prepare(ximss_replay_t *replay, const ximss_replay_step_t *step,
                                          ximss_account_t *account, apr_pool_t *pool);

/* The step is true: everything in it takes effect. Or it failed: the record goes. */
const ximss_error_t *ximss_replay_adopt(ximss_replay_t *replay, const ximss_replay_step_t *step,
                                        apr_pool_t *pool);
void ximss_replay_cancel(ximss_replay_t *replay);

/* The batch is over. */
void ximss_replay_finish(ximss_replay_t *replay);

#endif
