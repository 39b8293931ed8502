/* The records of numbered batches, and what is done with them after a death. */
#include "op/replay.h"

#include "op/deliver.h"
#include "op/watch.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <openssl/sha.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x58694d5352657031)

#define RECORD     "reply"
#define RECORD_NEW "reply.new"

/* A record on file: this, the changes, the reply. Only processes of one machine and version share it. */
typedef struct record_t {
    apr_uint64_t magic;
    apr_uint64_t length; /* of the whole file */
    apr_int64_t seq;
    int done;
    int complete;
    ximss_progress_before_t after; /* what the step makes of the session */
    int ended;
    int changes;
} record_t;

/* A record in memory. */
typedef struct loaded_t {
    record_t head;
    const ximss_stage_change_t *changes;
    ximss_reply_text_t reply;
} loaded_t;

/* Names the session in its account for ever, and opens nothing. */
static apr_int64_t session_key(const ximss_session_t *session)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    apr_uint64_t key;

    SHA256((const unsigned char *)session->url_id, strlen(session->url_id), hash);
    memcpy(&key, hash, sizeof(key));
    return (apr_int64_t)(key >> 1);
}

static const char *path_of(const char *dir, const char *file, apr_pool_t *pool)
{
    return apr_pstrcat(pool, dir, "/", file, NULL);
}

static void drop(const char *dir, const char *file)
{
    char path[PATH_MAX];

    apr_snprintf(path, sizeof(path), "%s/%s", dir, file);
    unlink(path);
}

ximss_progress_before_t ximss_progress_now(const ximss_session_t *session)
{
    ximss_progress_before_t now = {.folders = session->folders,
                                   .idle_timeout = session->idle_timeout,
                                   .next_folder = session->next_folder};

    apr_cpystrn(now.zone, session->zone, sizeof(now.zone));
    return now;
}

void ximss_progress_back(ximss_session_t *session, const ximss_progress_before_t *before)
{
    session->folders = before->folders;
    session->idle_timeout = before->idle_timeout;
    session->next_folder = before->next_folder;
    apr_cpystrn(session->zone, before->zone, sizeof(session->zone));
}

/* ---- files ---- */

static const ximss_error_t *write_record(const char *path, const struct iovec *parts, int count,
                                         apr_pool_t *pool)
{
    apr_file_t *file;
    apr_size_t written;
    apr_status_t status =
        apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                      APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);

    if (status == APR_SUCCESS) {
        status = apr_file_writev_full(file, parts, (apr_size_t)count, &written);
        apr_file_close(file);
        if (status != APR_SUCCESS) {
            unlink(path);
        }
    }
    return status == APR_SUCCESS ? NULL : ximss_error_apr(pool, status, "writing a reply file");
}

static const ximss_error_t *save(const char *dir, loaded_t *record, const ximss_reply_text_t *more,
                                 apr_pool_t *pool)
{
    apr_size_t changes = (apr_size_t)record->head.changes * sizeof(ximss_stage_change_t);
    const struct iovec parts[] = {{&record->head, sizeof(record->head)},
                                  {(void *)(apr_uintptr_t)record->changes, changes},
                                  {(void *)(apr_uintptr_t)record->reply.data, record->reply.length},
                                  {(void *)(apr_uintptr_t)more->data, more->length}};

    record->head.magic = MAGIC;
    record->head.length = sizeof(record->head) + changes + record->reply.length + more->length;
    return write_record(path_of(dir, RECORD_NEW, pool), parts, 4, pool);
}

static const ximss_error_t *install(const char *dir, apr_pool_t *pool)
{
    if (rename(path_of(dir, RECORD_NEW, pool), path_of(dir, RECORD, pool)) != 0) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), "replacing a reply file");
    }
    return NULL;
}

/* The whole of FILE; *DATA is NULL when it cannot be read. */
static void read_file(const char *path, char **data, apr_size_t *length, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;

    *data = NULL;
    if (apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool) != APR_SUCCESS) {
        return;
    }
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS) {
        *length = (apr_size_t)info.size;
        *data = apr_palloc(pool, *length + 1);
        if (apr_file_read_full(file, *data, *length, NULL) != APR_SUCCESS) {
            *data = NULL;
        }
    }
    apr_file_close(file);
}

/* Reads FILE. Returns 0 when there is none, or it was not written to its end. */
static int load(const char *dir, const char *file, loaded_t *record, apr_pool_t *pool)
{
    char *data;
    apr_size_t length;
    apr_size_t changes;

    read_file(path_of(dir, file, pool), &data, &length, pool);
    if (data == NULL || length < sizeof(record->head)) {
        return 0;
    }
    memcpy(&record->head, data, sizeof(record->head));
    if (record->head.magic != MAGIC || record->head.length != length || record->head.changes < 0) {
        return 0;
    }
    changes = (apr_size_t)record->head.changes * sizeof(ximss_stage_change_t);
    if (changes > length - sizeof(record->head)) {
        return 0;
    }
    record->changes = (const ximss_stage_change_t *)(const void *)(data + sizeof(record->head));
    record->reply.data = data + sizeof(record->head) + changes;
    record->reply.length = length - sizeof(record->head) - changes;
    return 1;
}

/* ---- after a death ---- */

/* Whether the account has the step of RECORD. */
static const ximss_error_t *is_committed(const ximss_context_t *context,
                                         const ximss_session_t *session, const record_t *record,
                                         int *committed, apr_pool_t *pool)
{
    ximss_batch_row_t row;
    ximss_account_t *account;
    const ximss_error_t *error;

    XIMSS_TRY(ximss_account_checkout(&account, context->store, session->account_id, pool));
    error = ximss_account_batch_get(account, session_key(session), &row, pool);
    ximss_account_return(account);
    *committed = error == NULL && row.seq == record->seq && row.step == record->done;
    return error;
}

/* A step that was being committed is made true or goes. */
static const ximss_error_t *resolve(const ximss_context_t *context, const ximss_session_t *session,
                                    const char *dir, apr_pool_t *pool)
{
    loaded_t record;
    int committed = 0;

    if (session->progress.running >= 0 && load(dir, RECORD_NEW, &record, pool) &&
        record.head.seq == session->progress.running) {
        XIMSS_TRY(is_committed(context, session, &record.head, &committed, pool));
    }
    if (committed) {
        return install(dir, pool);
    }
    drop(dir, RECORD_NEW);
    return NULL;
}

/* What a true step makes of the session. */
static void take_effect(ximss_session_t *session, const record_t *record)
{
    ximss_progress_t *progress = &session->progress;

    ximss_progress_back(session, &record->after);
    progress->before = record->after;
    if (record->ended) {
        session->ended = 1;
    }
    if (record->complete) {
        progress->last = record->seq;
        progress->partial = -1;
    }
    else {
        progress->partial = record->seq;
    }
}

static const ximss_error_t *recover(const ximss_context_t *context, ximss_session_t *session,
                                    const char *dir, apr_pool_t *pool)
{
    ximss_progress_t *progress = &session->progress;
    loaded_t record;

    XIMSS_TRY(resolve(context, session, dir, pool));
    if (progress->running >= 0 && load(dir, RECORD, &record, pool) &&
        record.head.seq == progress->running) {
        ximss_stage_apply(dir, record.changes, record.head.changes);
        take_effect(session, &record.head);
    }
    else {
        ximss_progress_back(session, &progress->before);
    }
    ximss_stage_sweep(dir);
    ximss_op_watch_settle(context->table, session, pool);
    progress->running = -1;
    progress->busy = 0;
    return NULL;
}

/* ---- the life of a batch ---- */

apr_int64_t ximss_replay_number(const char *text)
{
    apr_int64_t number = 0;
    const char *at;

    if (text == NULL) {
        return -1;
    }
    for (at = text; *at >= '0' && *at <= '9'; at++) {
        if (number > (APR_INT64_MAX - 9) / 10) {
            return -2;
        }
        number = number * 10 + (*at - '0');
    }
    return at > text && *at == '\0' ? number : -2;
}

static const ximss_error_t *stored(const char *dir, apr_int64_t seq, loaded_t *record,
                                   apr_pool_t *pool)
{
    if (!load(dir, RECORD, record, pool) || record->head.seq != seq) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "the stored reply in %s is lost", dir);
    }
    return NULL;
}

const ximss_error_t *ximss_replay_begin(const ximss_context_t *context, ximss_session_t *session,
                                        apr_int64_t seq, ximss_replay_verdict_t *verdict,
                                        ximss_reply_text_t *reply, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    ximss_progress_t *progress = &session->progress;
    loaded_t record;

    *verdict = XIMSS_REPLAY_RUN;
    reply->data = "";
    reply->length = 0;
    XIMSS_TRY(ximss_deliver_finish(context, session, pool));
    if (progress->busy) {
        XIMSS_TRY(recover(context, session, dir, pool));
    }
    if (seq >= 0 && (seq < progress->last || seq < progress->partial)) {
        *verdict = XIMSS_REPLAY_LATE;
        return NULL;
    }
    if (seq >= 0 && (seq == progress->last || seq == progress->partial)) {
        XIMSS_TRY(stored(dir, seq, &record, pool));
        *verdict = seq == progress->last ? XIMSS_REPLAY_STORED : XIMSS_REPLAY_RUN;
        *reply = record.reply;
    }
    progress->running = seq;
    return NULL;
}

const ximss_error_t *ximss_replay_amend(const ximss_context_t *context, ximss_session_t *session,
                                        const ximss_reply_text_t *text, apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    loaded_t record;

    XIMSS_TRY(stored(dir, session->progress.last, &record, pool));
    return save(dir, &record, text, pool);
}

const ximss_error_t *ximss_replay_amended(const ximss_context_t *context, ximss_session_t *session,
                                          apr_pool_t *pool)
{
    const char *dir = ximss_session_folder(context->table, session, pool);
    apr_finfo_t info;

    return apr_stat(&info, path_of(dir, RECORD_NEW, pool), APR_FINFO_TYPE, pool) == APR_SUCCESS
               ? install(dir, pool)
               : NULL;
}

const ximss_error_t *ximss_replay_start(ximss_replay_t *replay, const ximss_context_t *context,
                                        ximss_session_t *session, ximss_stage_t *stage,
                                        apr_pool_t *pool)
{
    ximss_progress_t *progress = &session->progress;
    loaded_t record;

    memset(replay, 0, sizeof(*replay));
    replay->table = context->table;
    replay->session = session;
    replay->dir = ximss_session_folder(context->table, session, pool);
    replay->stage = stage;
    replay->seq = progress->running;
    replay->now = context->clock();
    if (replay->seq >= 0 && replay->seq == progress->partial) {
        XIMSS_TRY(stored(replay->dir, replay->seq, &record, pool));
        replay->done = record.head.done;
        replay->earlier = record.reply;
    }
    progress->before = ximss_progress_now(session);
    progress->busy = 1;
    return NULL;
}

const ximss_error_t *ximss_replay_prepare(ximss_replay_t *replay, const ximss_replay_step_t *step,
                                          ximss_account_t *account, apr_pool_t *pool)
{
    const ximss_session_t *session = replay->session;
    apr_array_header_t *settled;
    loaded_t record = {.reply = replay->earlier};
    ximss_batch_row_t row = {.session = session_key(session),
                             .seq = replay->seq,
                             .step = step->done,
                             .time = replay->now};

    if (replay->seq < 0) {
        return NULL;
    }
    settled = ximss_stage_settle(replay->stage, pool);
    record.head.seq = replay->seq;
    record.head.done = step->done;
    record.head.complete = step->complete;
    record.head.after = ximss_progress_now(session);
    record.head.ended = session->ended;
    record.head.changes = settled->nelts;
    record.changes = (const ximss_stage_change_t *)(const void *)settled->elts;
    XIMSS_TRY(save(replay->dir, &record, &step->text, pool));
    return account != NULL ? ximss_account_batch_put(account, &row, pool) : NULL;
}

const ximss_error_t *ximss_replay_adopt(ximss_replay_t *replay, const ximss_replay_step_t *step,
                                        apr_pool_t *pool)
{
    apr_array_header_t *settled = ximss_stage_settle(replay->stage, pool);
    ximss_progress_t *progress = &replay->session->progress;

    if (replay->seq >= 0) {
        XIMSS_TRY(install(replay->dir, pool));
    }
    ximss_stage_apply(replay->dir, (const ximss_stage_change_t *)(const void *)settled->elts,
                      settled->nelts);
    if (settled->nelts < replay->stage->changes->nelts) {
        ximss_stage_rewind(replay->stage, 0);
    }
    apr_array_clear(replay->stage->changes);
    if (replay->seq >= 0) {
        record_t record = {.seq = replay->seq,
                           .complete = step->complete,
                           .after = ximss_progress_now(replay->session)};

        take_effect(replay->session, &record);
    }
    progress->before = ximss_progress_now(replay->session);
    replay->complete = step->complete;
    return NULL;
}

void ximss_replay_cancel(ximss_replay_t *replay)
{
    if (replay->seq >= 0) {
        drop(replay->dir, RECORD_NEW);
    }
}

void ximss_replay_finish(ximss_replay_t *replay)
{
    replay->session->progress.running = -1;
    replay->session->progress.busy = 0;
}
