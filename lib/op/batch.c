/* The dispatcher: runs the requests of a document in order, groups writes into transactions, and turns
 * every outcome into data messages and one response (ARCHITECTURE.md, "Exactly once"). */
#include "op/batch.h"

#include "base/log.h"
#include "op/handlers.h"
#include "op/watch.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <string.h>

/* Longest id that is echoed; every data message repeats it. */
#define ID_MAX 1024

void ximss_response_write(ximss_xml_t *out, const char *id, const ximss_error_t *error)
{
    ximss_xml_start(out, "response");
    ximss_xml_attr(out, "id", id);
    if (error != NULL) {
        ximss_xml_attr_int(out, "errorNum", ximss_error_num(error));
        ximss_xml_attr(out, "errorText", error->text);
    }
    ximss_xml_end(out);
}

/* A copy of ERROR that lives as long as the batch. */
static const ximss_error_t *keep_error(ximss_batch_t *batch, const ximss_error_t *error)
{
    return error == NULL ? NULL : ximss_error(batch->pool, error->code, "%s", error->text);
}

static void log_details(const ximss_batch_t *batch, const char *what, const ximss_error_t *error,
                        apr_pool_t *pool)
{
    if (error != NULL && (error->code == XIMSS_E_INTERNAL || error->detail != NULL)) {
        int internal = error->code == XIMSS_E_INTERNAL;
        ximss_log(internal ? XIMSS_LOG_ERROR : XIMSS_LOG_WARN, internal ? 5001 : 5002,
                  "%s of %s: %s", what,
                  batch->session != NULL ? batch->session->user_name : "login",
                  ximss_error_log_line(error, pool));
    }
}

/* ---- transactions ---- */

static void segment_close(ximss_batch_t *batch)
{
    batch->in_segment = 0;
    apr_array_clear(batch->entries);
}

static ximss_batch_point_t point_now(const ximss_batch_t *batch)
{
    ximss_batch_point_t point = {.after = batch->after->nelts};
    if (batch->session != NULL) {
        point.changes = batch->stage.changes->nelts;
        point.session = ximss_progress_now(batch->session);
    }
    return point;
}

static void point_restore(ximss_batch_t *batch, const ximss_batch_point_t *point)
{
    batch->after->nelts = point->after;
    if (batch->session != NULL) {
        ximss_stage_rewind(&batch->stage, point->changes);
        ximss_progress_back(batch->session, &point->session);
    }
}

/* The segment's transaction is lost: each of its requests answers CAUSE instead of what it said. */
static void segment_lost(ximss_batch_t *batch, const ximss_error_t *cause)
{
    const ximss_error_t *undone =
        ximss_error(batch->pool, cause->code, "nothing was changed: %s", cause->text);
    int i;
    ximss_xml_rewind(batch->out, batch->segment_mark);
    point_restore(batch, &batch->segment_point);
    for (i = 0; i < batch->entries->nelts; i++) {
        const ximss_batch_entry_t *entry = &APR_ARRAY_IDX(batch->entries, i, ximss_batch_entry_t);
        ximss_response_write(batch->out, entry->id, entry->error != NULL ? entry->error : undone);
    }
    segment_close(batch);
}

/* What the batch has done up to now, as one step towards its end. */
static const ximss_error_t *step_prepare(ximss_batch_t *batch, ximss_replay_step_t *step,
                                         ximss_account_t *account, apr_pool_t *pool)
{
    step->done = batch->handled;
    step->complete = batch->complete;
    if (batch->replay.seq < 0) {
        return NULL;
    }
    if (ximss_xml_overflow(batch->out)) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "the reply is larger than %" APR_SIZE_T_FMT " bytes",
                           batch->context->limits->reply_bytes);
    }
    step->text.data = ximss_xml_data(batch->out, &step->text.length) + batch->start;
    step->text.length -= batch->start;
    return ximss_replay_prepare(&batch->replay, step, account, pool);
}

/* What the requests of the segment wanted done after its commit. */
static void segment_after(ximss_batch_t *batch, apr_pool_t *pool)
{
    apr_pool_t *iteration;
    int i;
    apr_pool_create(&iteration, pool);
    for (i = 0; i < batch->after->nelts; i++) {
        const ximss_batch_after_t *after = &APR_ARRAY_IDX(batch->after, i, ximss_batch_after_t);
        after->fn(after->baton, batch->account, iteration);
        apr_pool_clear(iteration);
    }
    apr_pool_destroy(iteration);
    apr_array_clear(batch->after);
}

/* Commits the segment that is open, if any. */
static void segment_finish(ximss_batch_t *batch, apr_pool_t *pool)
{
    ximss_replay_step_t step;
    const ximss_error_t *error;
    if (!batch->in_segment) {
        return;
    }
    error = step_prepare(batch, &step, batch->account, pool);
    if (error == NULL) {
        error = ximss_account_commit(batch->account, pool);
    }
    if (error != NULL) {
        log_details(batch, "commit", error, pool);
        ximss_account_rollback(batch->account);
        ximss_replay_cancel(&batch->replay);
        segment_lost(batch, error);
        return;
    }
    batch->wrote = 1;
    log_details(batch, "after commit", ximss_replay_adopt(&batch->replay, &step, pool), pool);
    segment_close(batch);
    segment_after(batch, pool);
}

static const ximss_error_t *need_account(ximss_batch_t *batch)
{
    if (batch->account != NULL) {
        return NULL;
    }
    return ximss_account_checkout(&batch->account, batch->context->store,
                                  batch->session->account_id, batch->pool);
}

/* Brings the account into the transaction that OP needs. */
static const ximss_error_t *enter(ximss_batch_t *batch, const ximss_op_t *op, apr_size_t mark,
                                  apr_pool_t *pool)
{
    if (!(op->flags & (XIMSS_OP_READS | XIMSS_OP_WRITES))) {
        return NULL;
    }
    XIMSS_TRY(need_account(batch));
    if (op->flags & XIMSS_OP_READS) {
        return batch->in_segment ? NULL : ximss_account_begin_read(batch->account, pool);
    }
    if (!batch->in_segment) {
        XIMSS_TRY(ximss_account_begin_write(batch->account, pool));
        batch->in_segment = 1;
        batch->segment_mark = mark;
        batch->segment_point = batch->point;
    }
    return ximss_account_savepoint(batch->account, pool);
}

/* Ends what enter() began, after OP ended with ERROR; returns the outcome. */
static const ximss_error_t *leave(ximss_batch_t *batch, const ximss_op_t *op,
                                  const ximss_error_t *error, apr_pool_t *pool)
{
    if (op->flags & XIMSS_OP_WRITES) {
        if (error == NULL) {
            error = ximss_account_savepoint_release(batch->account, pool);
        }
        if (error != NULL && ximss_account_in_transaction(batch->account)) {
            ximss_account_savepoint_undo(batch->account);
        }
    }
    else if ((op->flags & XIMSS_OP_READS) && !batch->in_segment) {
        if (error == NULL && ximss_account_in_transaction(batch->account)) {
            return ximss_account_commit(batch->account, pool);
        }
        ximss_account_rollback(batch->account);
    }
    if (error == NULL && batch->in_segment && !ximss_account_in_transaction(batch->account)) {
        error = ximss_error_detail(pool, XIMSS_E_INTERNAL, "the transaction is gone after %s",
                                   op->name);
    }
    return error;
}

/* ---- one request ---- */

static const ximss_error_t *check_required(const ximss_call_t *call, const char *required)
{
    const char *name;
    char *rest;
    char *names = apr_pstrdup(call->pool, required != NULL ? required : "");
    for (name = apr_strtok(names, " ", &rest); name != NULL; name = apr_strtok(NULL, " ", &rest)) {
        if (ximss_element_attr(call->request, name) == NULL) {
            return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "attribute \"%s\" is missing",
                               name);
        }
    }
    return NULL;
}

/* Whether the request may run at all. */
static const ximss_error_t *admit(const ximss_call_t *call, const ximss_op_t *op)
{
    if (call->id == NULL) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "a request needs an \"id\" of at most %d bytes", ID_MAX);
    }
    if (op == NULL) {
        return ximss_error(call->pool, XIMSS_E_UNKNOWN_COMMAND, NULL);
    }
    if (!(op->flags & (call->session != NULL ? XIMSS_OP_SESSION : XIMSS_OP_PRELOGIN))) {
        return ximss_error(call->pool, XIMSS_E_PHASE, "this command is not allowed %s login",
                           call->session != NULL ? "after" : "before");
    }
    return check_required(call, op->required);
}

/* An error when the reply has outgrown its limit. The rest of the limit is kept for responses. */
static const ximss_error_t *check_size(ximss_batch_t *batch, apr_pool_t *pool)
{
    apr_size_t length;
    if (!ximss_xml_overflow(batch->out)) {
        (void)ximss_xml_data(batch->out, &length);
        if (length <= batch->data_limit) {
            return NULL;
        }
    }
    return ximss_error(pool, XIMSS_E_LIMIT,
                       "the reply is larger than %" APR_SIZE_T_FMT " bytes, ask for less at once",
                       batch->data_limit);
}

/* Does what OP can do before the account's write lock is taken: others wait for that lock. */
static const ximss_error_t *prepare(ximss_call_t *call, const ximss_op_t *op)
{
    ximss_batch_t *batch = call->batch;
    const ximss_error_t *error;
    if (op->prepare == NULL) {
        return NULL;
    }
    XIMSS_TRY(need_account(batch));
    call->account = batch->account;
    if (batch->in_segment) {
        return op->prepare(call);
    }
    XIMSS_TRY(ximss_account_begin_read(batch->account, call->pool));
    error = op->prepare(call);
    ximss_account_rollback(batch->account);
    return error;
}

/* Runs an admitted request inside the transaction that its row asks for. */
static const ximss_error_t *execute(ximss_call_t *call, const ximss_op_t *op, apr_size_t mark)
{
    ximss_batch_t *batch = call->batch;
    const ximss_error_t *error;
    if (!(op->flags & (XIMSS_OP_READS | XIMSS_OP_WRITES)) || (op->flags & XIMSS_OP_LONG)) {
        segment_finish(batch, call->pool);
        mark = ximss_xml_mark(batch->out);
        batch->point = point_now(batch);
    }
    XIMSS_TRY(prepare(call, op));
    XIMSS_TRY(enter(batch, op, mark, call->pool));
    call->account = batch->account;
    error = op->handler(call);
    if (error == NULL) {
        error = check_size(batch, call->pool);
    }
    return leave(batch, op, error, call->pool);
}

static void close_elements(ximss_xml_t *out, int depth)
{
    while (ximss_xml_depth(out) > depth) {
        ximss_xml_end(out);
    }
}

/* Settles the outcome of a request: takes back what a failed one wrote, adds its response, and sees whether
 * the transaction is there still (a full disk undoes all of it). */
static void settle(ximss_call_t *call, const ximss_error_t *error, apr_size_t mark)
{
    ximss_batch_t *batch = call->batch;
    if (error != NULL) {
        ximss_xml_rewind(batch->out, mark);
        point_restore(batch, &batch->point);
    }
    if (batch->in_segment && !ximss_account_in_transaction(batch->account)) {
        segment_lost(batch, error);
    }
    ximss_response_write(batch->out, call->id, error);
    if (batch->in_segment) {
        ximss_batch_entry_t *entry = apr_array_push(batch->entries);
        entry->id = apr_pstrdup(batch->pool, call->id);
        entry->error = keep_error(batch, error);
    }
}

static void log_request(const ximss_call_t *call, const ximss_op_t *op, const ximss_error_t *error,
                        apr_time_t start)
{
    log_details(call->batch, op != NULL ? op->name : "request", error, call->pool);
    /* The slot digits of the urlID tell sessions apart and open nothing. */
    ximss_log(XIMSS_LOG_DEBUG, 0, "%.6s %s %d %s %" APR_TIME_T_FMT "us",
              call->session != NULL ? call->session->url_id : "login",
              op != NULL ? op->name : "unknown", error != NULL ? ximss_error_num(error) : 0,
              error != NULL ? error->text : "", apr_time_now() - start);
}

static void handle(ximss_batch_t *batch, const ximss_element_t *request, apr_pool_t *pool)
{
    apr_time_t start = apr_time_now();
    const ximss_op_t *op = ximss_op_find(request->name);
    const char *id = ximss_element_attr(request, "id");
    int depth = ximss_xml_depth(batch->out);
    apr_size_t mark;
    const ximss_error_t *error;
    ximss_call_t call = {
        .context = batch->context,
        .peer = batch->peer,
        .session = batch->session,
        .zone = ximss_zone_get(batch->session != NULL ? batch->session->zone : NULL),
        .request = request,
        .out = batch->out,
        .batch = batch,
        .pool = pool,
    };
    if (id != NULL && *id != '\0' && strlen(id) <= ID_MAX) {
        call.id = id;
    }
    mark = ximss_xml_mark(batch->out);
    batch->point = point_now(batch);
    error = admit(&call, op);
    if (error == NULL) {
        error = execute(&call, op, mark);
    }
    close_elements(batch->out, depth);
    settle(&call, error, mark);
    log_request(&call, op, error, start);
}

/* ---- the batch ---- */

static apr_status_t tidy(void *data)
{
    ximss_batch_t *batch = data;
    ximss_account_tidy(batch->account);
    return APR_SUCCESS;
}

static ximss_batch_t *batch_make(const ximss_context_t *context, const ximss_peer_t *peer,
                                 ximss_session_t *session, ximss_xml_t *out, apr_pool_t *pool)
{
    ximss_batch_t *batch = apr_pcalloc(pool, sizeof(*batch));
    batch->context = context;
    batch->peer = peer;
    batch->session = session;
    batch->out = out;
    batch->data_limit = context->limits->reply_bytes - context->limits->reply_bytes / 8;
    batch->entries = apr_array_make(pool, 4, sizeof(ximss_batch_entry_t));
    batch->after = apr_array_make(pool, 1, sizeof(ximss_batch_after_t));
    batch->pool = pool;
    return batch;
}

/* Finds out what of the batch an earlier run of it has done. */
static const ximss_error_t *batch_start(ximss_batch_t *batch)
{
    ximss_session_t *session = batch->session;
    batch->start = ximss_xml_mark(batch->out);
    batch->replay.seq = -1;
    if (session == NULL) {
        return NULL;
    }
    ximss_stage_init(&batch->stage,
                     ximss_session_folder(batch->context->table, session, batch->pool),
                     &session->progress.serial, batch->pool);
    return ximss_replay_start(&batch->replay, batch->context, session, &batch->stage, batch->pool);
}

/* Commits what is left, and has the reply kept. */
static const ximss_error_t *batch_finish(ximss_batch_t *batch, apr_pool_t *pool)
{
    ximss_replay_step_t step;
    const ximss_error_t *error = NULL;
    batch->complete = 1;
    segment_finish(batch, pool);
    if (batch->session == NULL) {
        return NULL;
    }
    if (!batch->replay.complete && !batch->session->ended) {
        error = step_prepare(batch, &step, NULL, pool);
        if (error == NULL) {
            error = ximss_replay_adopt(&batch->replay, &step, pool);
        }
    }
    if (error != NULL) {
        ximss_replay_cancel(&batch->replay);
        ximss_stage_rewind(&batch->stage, 0);
        ximss_progress_back(batch->session, &batch->session->progress.before);
    }
    batch->folders_changed = ximss_op_watch_settle(batch->context->table, batch->session, pool) > 0;
    ximss_replay_finish(&batch->replay);
    return error;
}

static void batch_end(ximss_batch_t *batch)
{
    if (batch->account == NULL) {
        return;
    }
    if (batch->wrote || batch->folders_changed) {
        /* The pool goes after the reply has left: nobody waits for a checkpoint or a purge then. */
        apr_pool_pre_cleanup_register(batch->pool, batch, tidy);
    }
    else {
        ximss_account_return(batch->account);
    }
}

static int count_requests(const ximss_element_t *root)
{
    const ximss_element_t *request;
    int count = 0;
    for (request = ximss_element_child(root, NULL); request != NULL;
         request = ximss_element_next(request, NULL)) {
        count++;
    }
    return count;
}

const ximss_error_t *ximss_batch_run(const ximss_context_t *context, const ximss_peer_t *peer,
                                     ximss_session_t *session, const ximss_element_t *root,
                                     ximss_xml_t *out, apr_pool_t *pool)
{
    const ximss_element_t *request;
    const ximss_error_t *error;
    ximss_batch_t *batch;
    apr_pool_t *request_pool;
    if (count_requests(root) > context->limits->batch_requests) {
        return ximss_error(pool, XIMSS_E_LIMIT, "more than %d requests in one document",
                           context->limits->batch_requests);
    }
    batch = batch_make(context, peer, session, out, pool);
    XIMSS_TRY(batch_start(batch));
    apr_pool_create(&request_pool, pool);
    for (request = ximss_element_child(root, NULL); request != NULL;
         request = ximss_element_next(request, NULL)) {
        if (batch->handled >= batch->replay.done) {
            handle(batch, request, request_pool);
            apr_pool_clear(request_pool);
        }
        batch->handled++;
        if (session != NULL && session->ended) {
            break;
        }
    }
    apr_pool_destroy(request_pool);
    error = batch_finish(batch, pool);
    batch_end(batch);
    XIMSS_TRY(error);
    if (ximss_xml_overflow(out)) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "the reply is larger than %" APR_SIZE_T_FMT " bytes",
                           context->limits->reply_bytes);
    }
    return NULL;
}
