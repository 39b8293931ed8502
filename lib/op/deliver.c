/* Delivering asynchronous messages. A batch is written to the session's folder before its number is, so that it can
 * be sent again unchanged; what it holds counts as told after that. */
#include "op/deliver.h"

#include "op/alert.h"
#include "op/ops.h"
#include "op/replay.h"
#include "session/event.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdatomic.h>
#include <string.h>

#define QUEUE_MOST   1000 /* replies of asynchronous batches that wait */
#define WAIT_DEFAULT 20   /* seconds */
#define WAIT_MOST    120

/* ---- files ---- */

static const char *batch_path(const char *dir, apr_pool_t *pool)
{
    return apr_pstrcat(pool, dir, "/events", NULL);
}

static const char *async_path(const char *dir, apr_int64_t number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s/async-%" APR_INT64_T_FMT, dir, number);
}

static const char *name_path(const char *dir, apr_uint64_t key, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s/name-%016" APR_UINT64_T_HEX_FMT, dir, key);
}

static const char *new_path(const char *path, apr_pool_t *pool)
{
    return apr_pstrcat(pool, path, ".new", NULL);
}

/* Writes what is to become PATH. */
static const ximss_error_t *write_new(const char *path, const ximss_delivery_t *text,
                                      apr_pool_t *pool)
{
    apr_status_t status;
    apr_status_t closed;
    apr_file_t *file;

    status = apr_file_open(&file, new_path(path, pool),
                           APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                           APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);
    if (status == APR_SUCCESS) {
        status = apr_file_write_full(file, text->data, text->length, NULL);
        closed = apr_file_close(file);
        status = status != APR_SUCCESS ? status : closed;
    }
    return status == APR_SUCCESS ? NULL : ximss_error_apr(pool, status, path);
}

/* Makes it PATH, unless that was done. */
static const ximss_error_t *put_in_place(const char *path, apr_pool_t *pool)
{
    apr_status_t status = apr_file_rename(new_path(path, pool), path, pool);

    return status == APR_SUCCESS || APR_STATUS_IS_ENOENT(status)
               ? NULL
               : ximss_error_apr(pool, status, path);
}

/* Writes PATH whole: a reader finds the old file or the new one. */
static const ximss_error_t *write_file(const char *path, const ximss_delivery_t *text,
                                       apr_pool_t *pool)
{
    XIMSS_TRY(write_new(path, text, pool));
    return put_in_place(path, pool);
}

static const ximss_error_t *read_file(const char *path, ximss_delivery_t *text, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t status;
    char *data = NULL;

    status = apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool);
    if (status != APR_SUCCESS) {
        return ximss_error_apr(pool, status, path);
    }
    status = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (status == APR_SUCCESS) {
        data = apr_palloc(pool, (apr_size_t)info.size + 1);
        data[info.size] = '\0';
        status = apr_file_read_full(file, data, (apr_size_t)info.size, NULL);
    }
    apr_file_close(file);
    text->data = data;
    text->length = (apr_size_t)info.size;
    return status == APR_SUCCESS || (status == APR_EOF && info.size == 0)
               ? NULL
               : ximss_error_apr(pool, status, path);
}

const ximss_error_t *ximss_deliver_name(const char *dir, const char *folder, apr_pool_t *pool)
{
    const ximss_delivery_t text = {folder, strlen(folder)};
    const char *path = name_path(dir, ximss_watch_key(folder), pool);
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, pool) == APR_SUCCESS) {
        return NULL;
    }
    return write_file(path, &text, pool);
}

int ximss_deliver_named(const char *dir, apr_uint64_t key, const char **name, apr_pool_t *pool)
{
    const char *path = name_path(dir, key, pool);
    ximss_delivery_t text;
    apr_finfo_t info;

    *name = NULL;
    if (read_file(path, &text, pool) == NULL) {
        *name = text.data;
        return 1;
    }
    return APR_STATUS_IS_ENOENT(apr_stat(&info, path, APR_FINFO_TYPE, pool));
}

void ximss_deliver_unname(const char *dir, apr_uint64_t key, apr_pool_t *pool)
{
    apr_file_remove(name_path(dir, key, pool), pool);
}

/* ---- what is pending ---- */

/* What a delivery takes, and the texts of it. */
typedef struct ximss_pending_t {
    apr_array_header_t *texts; /* ximss_delivery_t: elements in order */
    ximss_receipt_t receipt;
} ximss_pending_t;

/* Finds changes that no word of came: their process died, or it was not of this server. XIMSS_E_NOT_FOUND when
 * the account is gone. */
static const ximss_error_t *look_for_changes(ximss_pending_t *pending,
                                             const ximss_context_t *context,
                                             ximss_session_t *session, apr_pool_t *pool)
{
    ximss_watch_t watches[XIMSS_WATCH_MOST];
    int count = ximss_watch_list(context->table, session, 0, watches);
    ximss_changes_t changes;
    int i;

    XIMSS_TRY(ximss_account_changes(context->store, session->account_id, &changes, pool));
    for (i = 0; i < count; i++) {
        if (ximss_changes_of(&changes, watches[i].mailbox) != watches[i].counter) {
            ximss_watch_notify(context->table, session, watches[i].key);
        }
    }
    pending->receipt.alert_counter = ximss_changes_of(&changes, XIMSS_CHANGE_ALERT);
    return NULL;
}

static void add_text(ximss_pending_t *pending, const char *data, apr_size_t length)
{
    ximss_delivery_t *text = apr_array_push(pending->texts);

    text->data = data;
    text->length = length;
}

/* Adds the message that a folder changed. One whose name is gone was closed. */
static const ximss_error_t *add_notify(ximss_pending_t *pending, const char *dir, apr_uint64_t key,
                                       apr_pool_t *pool)
{
    ximss_xml_t *xml = ximss_xml_create(64 * 1024, pool);
    const char *name;
    apr_size_t length;
    const char *data;

    if (!ximss_deliver_named(dir, key, &name, pool)) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "a name in %s cannot be read", dir);
    }
    if (name == NULL) {
        return NULL;
    }
    ximss_xml_start(xml, "folderReport");
    ximss_xml_attr(xml, "folder", name);
    ximss_xml_attr(xml, "mode", "notify");
    ximss_xml_end(xml);
    data = ximss_xml_data(xml, &length);
    add_text(pending, data, length);
    return NULL;
}

/* Adds the alerts, if any may be new. */
static const ximss_error_t *add_alerts(ximss_pending_t *pending, const ximss_context_t *context,
                                       const ximss_session_t *session, apr_pool_t *pool)
{
    ximss_xml_t *xml;
    apr_size_t length;
    const char *data;

    pending->receipt.alert_seen = session->alert_seen;
    if (pending->receipt.alert_counter == session->alert_counter) {
        return NULL;
    }
    xml = ximss_xml_create(context->limits->reply_bytes, pool);
    XIMSS_TRY(ximss_alert_write_new(context, session, xml, &pending->receipt.alert_seen, pool));
    data = ximss_xml_data(xml, &length);
    if (length > 0) {
        add_text(pending, data, length);
    }
    return NULL;
}

static const ximss_error_t *collect(ximss_pending_t *pending, const ximss_context_t *context,
                                    ximss_session_t *session, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    ximss_watch_t watches[XIMSS_WATCH_MOST];
    apr_int64_t number;
    int i;

    memset(&pending->receipt, 0, sizeof(pending->receipt));
    pending->texts = apr_array_make(pool, 8, sizeof(ximss_delivery_t));
    XIMSS_TRY(look_for_changes(pending, context, session, pool));
    XIMSS_TRY(add_alerts(pending, context, session, pool));
    for (number = session->async_first; number < session->async_next; number++) {
        ximss_delivery_t text;

        XIMSS_TRY(read_file(async_path(dir, number, pool), &text, pool));
        add_text(pending, text.data, text.length);
    }
    pending->receipt.async_next = session->async_next;
    pending->receipt.watched = ximss_watch_list(context->table, session, 1, watches);
    for (i = 0; i < pending->receipt.watched; i++) {
        pending->receipt.watches[i] = watches[i].key;
        XIMSS_TRY(add_notify(pending, dir, watches[i].key, pool));
    }
    return NULL;
}

/* What RECEIPT says is delivered. */
static void settle(const ximss_context_t *context, ximss_session_t *session,
                   const ximss_receipt_t *receipt, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    apr_int64_t number;
    int i;

    session->alert_counter = receipt->alert_counter;
    session->alert_seen = receipt->alert_seen;
    for (number = session->async_first; number < receipt->async_next; number++) {
        apr_file_remove(async_path(dir, number, pool), pool);
    }
    session->async_first = receipt->async_next;
    session->async_bytes = 0;
    for (i = 0; i < receipt->watched; i++) {
        ximss_watch_told(context->table, session, receipt->watches[i]);
    }
}

/* The file that tells of the events is whole: it takes its name, and they count as delivered. Each step may be
 * repeated. */
const ximss_error_t *ximss_deliver_finish(const ximss_context_t *context, ximss_session_t *session,
                                          apr_pool_t *pool)
{
    ximss_receipt_t *receipt = &session->taking;

    if (receipt->by == XIMSS_TAKER_NONE) {
        return NULL;
    }
    if (receipt->by == XIMSS_TAKER_REPLY) {
        XIMSS_TRY(ximss_replay_amended(context, session, pool));
    }
    else {
        XIMSS_TRY(put_in_place(
            batch_path(ximss_session_folder(context->table, session, pool), pool), pool));
        session->resp_seq = receipt->resp_seq;
        session->resp_kept = 1;
    }
    settle(context, session, receipt, pool);
    receipt->by = XIMSS_TAKER_NONE;
    return NULL;
}

/* Takes what was collected; the file that tells of it is written. */
static const ximss_error_t *take(ximss_pending_t *pending, ximss_taker_t by,
                                 const ximss_context_t *context, ximss_session_t *session,
                                 apr_pool_t *pool)
{
    session->taking = pending->receipt;
    atomic_signal_fence(memory_order_seq_cst);
    session->taking.by = by;
    return ximss_deliver_finish(context, session, pool);
}

/* HEAD, what was collected, TAIL, in one piece. */
static void join(const ximss_pending_t *pending, const char *head, const char *tail,
                 ximss_delivery_t *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(head) + strlen(tail);
    char *data;
    int i;

    for (i = 0; i < pending->texts->nelts; i++) {
        length += APR_ARRAY_IDX(pending->texts, i, ximss_delivery_t).length;
    }
    data = apr_palloc(pool, length + 1);
    text->data = data;
    text->length = length;
    data = apr_cpystrn(data, head, strlen(head) + 1);
    for (i = 0; i < pending->texts->nelts; i++) {
        const ximss_delivery_t *part = &APR_ARRAY_IDX(pending->texts, i, ximss_delivery_t);

        memcpy(data, part->data, part->length);
        data += part->length;
    }
    apr_cpystrn(data, tail, strlen(tail) + 1);
}

const ximss_error_t *ximss_deliver_take(const ximss_context_t *context, ximss_session_t *session,
                                        int numbered, ximss_delivery_t *elements, apr_pool_t *pool)
{
    ximss_pending_t pending;

    elements->data = NULL;
    elements->length = 0;
    XIMSS_TRY(collect(&pending, context, session, pool));
    if (pending.texts->nelts > 0) {
        join(&pending, "", "", elements, pool);
    }
    if (elements->length > 0 && numbered) {
        const ximss_reply_text_t text = {elements->data, elements->length};

        XIMSS_TRY(ximss_replay_amend(context, session, &text, pool));
        return take(&pending, XIMSS_TAKER_REPLY, context, session, pool);
    }
    settle(context, session, &pending.receipt, pool);
    return NULL;
}

/* ---- batches ---- */

int ximss_deliver_seconds(const char *max_wait)
{
    apr_int64_t seconds;

    if (max_wait == NULL || max_wait[0] == '\0') {
        return WAIT_DEFAULT;
    }
    seconds = apr_atoi64(max_wait);
    if (seconds < 0) {
        return 0;
    }
    return seconds > WAIT_MOST ? WAIT_MOST : (int)seconds;
}

/* Makes the next batch if there is anything for it. */
static const ximss_error_t *next_batch(const ximss_context_t *context, ximss_session_t *session,
                                       ximss_delivery_t *document, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    ximss_pending_t pending;

    XIMSS_TRY(collect(&pending, context, session, pool));
    if (pending.texts->nelts == 0) {
        settle(context, session, &pending.receipt, pool);
        return NULL;
    }
    pending.receipt.resp_seq = session->resp_seq + 1;
    join(&pending,
         apr_psprintf(pool, "<XIMSS respSeq=\"%" APR_INT64_T_FMT "\">", pending.receipt.resp_seq),
         "</XIMSS>", document, pool);
    XIMSS_TRY(write_new(batch_path(dir, pool), document, pool));
    return take(&pending, XIMSS_TAKER_POLL, context, session, pool);
}

const ximss_error_t *ximss_deliver_poll(const ximss_context_t *context, ximss_session_t *session,
                                        apr_int64_t ack, ximss_delivery_t *document,
                                        apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    const ximss_error_t *error;

    document->data = NULL;
    if (ximss_session_is_over(context, session, pool)) {
        session->ended = XIMSS_ENDED_BY_SERVER;
        return NULL;
    }
    XIMSS_TRY(ximss_deliver_finish(context, session, pool));
    if (session->resp_kept && ack >= 0 && ack < session->resp_seq) {
        return read_file(batch_path(dir, pool), document, pool);
    }
    if (session->resp_kept) {
        session->resp_kept = 0;
        apr_file_remove(batch_path(dir, pool), pool);
    }
    error = next_batch(context, session, document, pool);
    if (error != NULL && error->code == XIMSS_E_NOT_FOUND) {
        session->ended = XIMSS_ENDED_BY_SERVER;
        return NULL;
    }
    return error;
}

const ximss_error_t *ximss_deliver_add(const ximss_context_t *context, ximss_session_t *session,
                                       const ximss_delivery_t *elements, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    const ximss_error_t *error;

    if (session->async_next - session->async_first >= QUEUE_MOST ||
        session->async_bytes + (apr_int64_t)elements->length >
            (apr_int64_t)context->limits->reply_bytes) {
        session->ended = XIMSS_ENDED_BY_SERVER;
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "too many replies wait for the client: the session is ended");
    }
    error = write_file(async_path(dir, session->async_next, pool), elements, pool);
    if (error != NULL) {
        /* what was done is done, and the client cannot learn it any more */
        session->ended = XIMSS_ENDED_BY_SERVER;
        return error;
    }
    session->async_bytes += (apr_int64_t)elements->length;
    session->async_next++;
    ximss_session_wake(context->table, session);
    return NULL;
}
