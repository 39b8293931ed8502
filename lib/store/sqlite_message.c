/* Changes of messages: append, copy, flags, expunge. Each keeps the mailbox's counters, the orders
 * and the blobs in step inside the caller's transaction, under one new modseq. */
#include "store/sqlite_mail.h"

#include <apr_strings.h>
#include <string.h>

/* A live row as its changes need it. */
typedef struct live_t {
    apr_int64_t id;
    ximss_flags_t flags;
    apr_int64_t blob;
    ximss_sqlite_keys_t keys;
} live_t;

/* What a call adds to a mailbox's counters. */
typedef struct counters_t {
    apr_int64_t messages;
    apr_int64_t unseen;
    apr_int64_t bytes;
    apr_int64_t media;
    apr_int64_t unseen_media;
    apr_int64_t arrived;
} counters_t;

static void count(counters_t *counters, const ximss_flags_t *flags, apr_int64_t size, int sign)
{
    int unseen = (flags->bits & XIMSS_FLAG_SEEN) == 0;
    int media = (flags->bits & XIMSS_FLAG_MEDIA) != 0;

    counters->messages += sign;
    counters->unseen += sign * unseen;
    counters->bytes += sign * size;
    counters->media += sign * media;
    counters->unseen_media += sign * (unseen && media);
}

static const ximss_error_t *adjust(ximss_sqlite_t *db, apr_int64_t mailbox,
                                   const counters_t *counters, apr_int64_t modseq, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {mailbox,         counters->messages, counters->unseen,
                                   counters->bytes, counters->media,    counters->unseen_media,
                                   modseq,          counters->arrived};
    sqlite3_stmt *stmt;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MAILBOX_ADJUST, pool));
    ximss_sqlite_bind(stmt, numbers, 8);
    ximss_sqlite_change_note(db, mailbox);
    return ximss_sqlite_run(db, stmt, pool);
}

static const ximss_error_t *check_quota(const ximss_sqlite_counters_t *account, apr_int64_t bytes,
                                        apr_pool_t *pool)
{
    if (account->quota >= 0 && bytes > account->quota - account->bytes) {
        return ximss_error(pool, XIMSS_E_OVER_QUOTA, NULL);
    }
    return NULL;
}

/* The next UID of MAILBOX, of which WANTED are wanted. */
static const ximss_error_t *next_uid(ximss_sqlite_t *db, apr_int64_t mailbox, apr_size_t wanted,
                                     apr_int64_t *uid, apr_pool_t *pool)
{
    int found;

    XIMSS_TRY(
        ximss_sqlite_ask(db, XIMSS_ACCOUNT_QUERY_MAILBOX_UID_NEXT, &mailbox, uid, &found, pool));
    if (!found) {
        return ximss_error_detail(pool, XIMSS_E_NO_MAILBOX,
                                  "mailbox %" APR_INT64_T_FMT " takes no messages", mailbox);
    }
    if (wanted > 0xffffffffu || *uid > (apr_int64_t)(0xffffffffu - wanted)) {
        return ximss_error(pool, XIMSS_E_LIMIT, "the mailbox has no UIDs left");
    }
    return NULL;
}

/* ---- append ---- */

static const ximss_error_t *insert_message(ximss_sqlite_t *db, const live_t *row,
                                           const ximss_digest_t *digest, apr_int64_t modseq,
                                           apr_pool_t *pool)
{
    const apr_int64_t head[] = {row->keys.mailbox, row->keys.uid, row->blob, modseq,
                                row->flags.bits};
    const apr_int64_t dates[] = {row->keys.size, row->keys.internal_date,
                                 apr_time_sec(apr_time_now()), row->keys.date};
    sqlite3_stmt *stmt;
    int i;

    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MESSAGE_INSERT, pool));
    ximss_sqlite_bind(stmt, head, 5);
    sqlite3_bind_text(stmt, 6, row->flags.keywords, -1, SQLITE_STATIC);
    for (i = 0; i < 4; i++) {
        sqlite3_bind_int64(stmt, 7 + i, dates[i]);
    }
    sqlite3_bind_text(stmt, 11, row->keys.from, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 12, row->keys.to, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 13, row->keys.subject, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 14, digest->fields_length > 0 ? digest->fields : "",
                        digest->fields_length, SQLITE_STATIC);
    return ximss_sqlite_run(db, stmt, pool);
}

static void describe(live_t *row, const ximss_append_t *append, const ximss_digest_t *digest)
{
    row->flags.bits = append->flags.bits & ~(unsigned int)XIMSS_FLAG_RECENT;
    if (digest->media) {
        row->flags.bits |= XIMSS_FLAG_MEDIA;
    }
    row->flags.keywords = append->flags.keywords != NULL ? append->flags.keywords : "";
    row->keys.mailbox = append->mailbox;
    row->keys.internal_date = append->internal_date;
    row->keys.date = digest->date_valid ? digest->date : append->internal_date;
    row->keys.size = (apr_int64_t)digest->length;
    row->keys.from = digest->key_from;
    row->keys.to = digest->key_to;
    row->keys.subject = digest->key_subject;
}

const ximss_error_t *ximss_sqlite_message_append(ximss_account_t *account,
                                                 const ximss_append_t *append,
                                                 const ximss_digest_t *digest, apr_uint32_t *uid,
                                                 apr_pool_t *pool)
{
    ximss_sqlite_t *db = ximss_sqlite_of(account);
    ximss_sqlite_counters_t counters;
    counters_t change = {.arrived = 1};
    apr_int64_t next;
    live_t row;

    describe(&row, append, digest);
    XIMSS_TRY(ximss_sqlite_counters_get(db, &counters, pool));
    XIMSS_TRY(check_quota(&counters, row.keys.size, pool));
    XIMSS_TRY(next_uid(db, append->mailbox, 1, &next, pool));
    row.keys.uid = (apr_uint32_t)next;
    counters.modseq++;
    counters.bytes += row.keys.size;
    XIMSS_TRY(ximss_sqlite_blob_put(db, digest, &counters, &row.blob, pool));
    XIMSS_TRY(insert_message(db, &row, digest, counters.modseq, pool));
    XIMSS_TRY(ximss_sqlite_rank_add(db, &row.keys, pool));
    count(&change, &row.flags, row.keys.size, 1);
    XIMSS_TRY(adjust(db, append->mailbox, &change, counters.modseq, pool));
    XIMSS_TRY(ximss_sqlite_counters_set(db, &counters, pool));
    *uid = row.keys.uid;
    return NULL;
}

/* ---- rows that are there ---- */

/* The live message UID of MAILBOX, texts in POOL; *FOUND is 0 when there is none. */
static const ximss_error_t *find_live(ximss_sqlite_t *db, apr_int64_t mailbox, apr_uint32_t uid,
                                      live_t *row, int *found, apr_pool_t *pool)
{
    sqlite3_stmt *stmt;

    row->id = mailbox << 32 | uid;
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_MESSAGE_LIVE, pool));
    ximss_sqlite_bind(stmt, &row->id, 1);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, found, pool));
    if (!*found) {
        return NULL;
    }
    row->keys.mailbox = mailbox;
    row->keys.uid = uid;
    row->flags.bits = (unsigned int)sqlite3_column_int64(stmt, 1);
    row->flags.keywords = ximss_sqlite_text(stmt, 2, pool);
    row->blob = sqlite3_column_int64(stmt, 3);
    row->keys.size = sqlite3_column_int64(stmt, 4);
    row->keys.internal_date = sqlite3_column_int64(stmt, 5);
    row->keys.date = sqlite3_column_int64(stmt, 6);
    row->keys.from = ximss_sqlite_text(stmt, 7, pool);
    row->keys.to = ximss_sqlite_text(stmt, 8, pool);
    row->keys.subject = ximss_sqlite_text(stmt, 9, pool);
    return ximss_sqlite_run(db, stmt, pool);
}

/* A change of several messages of one mailbox. */
typedef struct job_t {
    ximss_sqlite_t *db;
    apr_int64_t mailbox;
    apr_int64_t target;                /* copy */
    apr_int64_t next_uid;              /* copy */
    const ximss_flag_change_t *change; /* mark */
    ximss_sqlite_counters_t account;   /* with the job's own modseq */
    counters_t counters;
    apr_size_t done;
} job_t;

typedef const ximss_error_t *(*job_fn_t)(job_t *job, const live_t *row, apr_pool_t *pool);

/* Takes the modseq of the job. */
static const ximss_error_t *start(job_t *job, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_sqlite_counters_get(job->db, &job->account, pool));
    job->account.modseq++;
    return NULL;
}

/* Writes the counters of MAILBOX and the account, if the job changed anything. */
static const ximss_error_t *finish(job_t *job, apr_int64_t mailbox, apr_pool_t *pool)
{
    if (job->done == 0) {
        return NULL;
    }
    job->account.bytes += job->counters.bytes;
    XIMSS_TRY(adjust(job->db, mailbox, &job->counters, job->account.modseq, pool));
    return ximss_sqlite_counters_set(job->db, &job->account, pool);
}

/* Does FN for the live ones among UIDS, in the order given. */
static const ximss_error_t *for_each(job_t *job, const ximss_uids_t *uids, job_fn_t fn,
                                     apr_pool_t *pool)
{
    apr_pool_t *iteration;
    apr_size_t i;

    apr_pool_create(&iteration, pool);
    for (i = 0; i < uids->count; i++) {
        live_t row;
        int found;

        apr_pool_clear(iteration);
        XIMSS_TRY(find_live(job->db, job->mailbox, uids->uids[i], &row, &found, iteration));
        if (found) {
            XIMSS_TRY(fn(job, &row, iteration));
        }
    }
    apr_pool_destroy(iteration);
    return NULL;
}

/* ---- flags ---- */

static int same_flags(const ximss_flags_t *a, const ximss_flags_t *b)
{
    return a->bits == b->bits && strcmp(a->keywords, b->keywords) == 0;
}

static const ximss_error_t *mark_one(job_t *job, const live_t *row, apr_pool_t *pool)
{
    ximss_flags_t flags = ximss_flags_apply(&row->flags, job->change, pool);
    apr_int64_t numbers[2] = {row->id, 0};
    sqlite3_stmt *stmt;

    flags.bits &= ~(unsigned int)XIMSS_FLAG_RECENT;
    if (flags.keywords == NULL) {
        flags.keywords = "";
    }
    if (same_flags(&row->flags, &flags)) {
        return NULL;
    }
    numbers[1] = flags.bits;
    XIMSS_TRY(ximss_sqlite_use(&stmt, job->db, XIMSS_ACCOUNT_QUERY_MESSAGE_FLAGS, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    sqlite3_bind_text(stmt, 3, flags.keywords, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, job->account.modseq);
    XIMSS_TRY(ximss_sqlite_run(job->db, stmt, pool));
    count(&job->counters, &row->flags, row->keys.size, -1);
    count(&job->counters, &flags, row->keys.size, 1);
    job->done++;
    return NULL;
}

const ximss_error_t *ximss_sqlite_message_mark(ximss_account_t *account, const ximss_uids_t *uids,
                                               const ximss_flag_change_t *change,
                                               apr_size_t *changed, apr_pool_t *pool)
{
    job_t job = {.db = ximss_sqlite_of(account), .mailbox = uids->mailbox, .change = change};

    XIMSS_TRY(start(&job, pool));
    XIMSS_TRY(for_each(&job, uids, mark_one, pool));
    XIMSS_TRY(finish(&job, job.mailbox, pool));
    *changed = job.done;
    return NULL;
}

/* ---- expunge ---- */

static const ximss_error_t *bury_one(job_t *job, const live_t *row, apr_pool_t *pool)
{
    apr_int64_t numbers[2] = {row->id, 0};

    numbers[1] = job->account.modseq;
    XIMSS_TRY(ximss_sqlite_do(job->db, XIMSS_ACCOUNT_QUERY_MESSAGE_BURY, numbers, 2, pool));
    XIMSS_TRY(ximss_sqlite_rank_subtract(job->db, &row->keys, pool));
    XIMSS_TRY(ximss_sqlite_blob_drop(job->db, row->blob, pool));
    count(&job->counters, &row->flags, row->keys.size, -1);
    job->done++;
    return NULL;
}

const ximss_error_t *ximss_sqlite_message_expunge(ximss_account_t *account,
                                                  const ximss_uids_t *uids, apr_size_t *removed,
                                                  apr_pool_t *pool)
{
    job_t job = {.db = ximss_sqlite_of(account), .mailbox = uids->mailbox};

    XIMSS_TRY(start(&job, pool));
    XIMSS_TRY(for_each(&job, uids, bury_one, pool));
    XIMSS_TRY(finish(&job, job.mailbox, pool));
    *removed = job.done;
    return NULL;
}

/* ---- copy ---- */

static const ximss_error_t *measure_one(job_t *job, const live_t *row, apr_pool_t *pool)
{
    (void)pool;
    job->counters.bytes += row->keys.size;
    job->done++;
    return NULL;
}

static const ximss_error_t *copy_one(job_t *job, const live_t *row, apr_pool_t *pool)
{
    const apr_int64_t numbers[] = {row->id, job->target, job->next_uid, job->account.modseq,
                                   apr_time_sec(apr_time_now())};
    ximss_sqlite_keys_t keys = row->keys;

    XIMSS_TRY(ximss_sqlite_do(job->db, XIMSS_ACCOUNT_QUERY_MESSAGE_COPY, numbers, 5, pool));
    keys.mailbox = job->target;
    keys.uid = (apr_uint32_t)job->next_uid++;
    XIMSS_TRY(ximss_sqlite_rank_add(job->db, &keys, pool));
    XIMSS_TRY(ximss_sqlite_blob_hold(job->db, row->blob, pool));
    count(&job->counters, &row->flags, row->keys.size, 1);
    job->counters.arrived++;
    job->done++;
    return NULL;
}

const ximss_error_t *ximss_sqlite_message_copy(ximss_account_t *account, const ximss_uids_t *uids,
                                               apr_int64_t target, apr_size_t *copied,
                                               apr_pool_t *pool)
{
    job_t measure = {.db = ximss_sqlite_of(account), .mailbox = uids->mailbox};
    job_t job = {.db = ximss_sqlite_of(account), .mailbox = uids->mailbox, .target = target};

    XIMSS_TRY(start(&job, pool));
    XIMSS_TRY(for_each(&measure, uids, measure_one, pool));
    XIMSS_TRY(check_quota(&job.account, measure.counters.bytes, pool));
    XIMSS_TRY(next_uid(job.db, target, measure.done, &job.next_uid, pool));
    XIMSS_TRY(for_each(&job, uids, copy_one, pool));
    XIMSS_TRY(finish(&job, target, pool));
    *copied = job.done;
    return NULL;
}
