/* Marking: what an attempt comes to is written into rows that are read again inside the transaction: httpd, right after
 * a submission, and the queue may be at the same local recipients, and whoever comes second finds nothing to do. */
#include "submit/sending_rows.h"

#include "base/log.h"

#include <apr_general.h>

ximss_row_outcomes_t ximss_row_outcomes(ximss_outbox_state_t expected, int attempts,
                                        apr_pool_t *pool)
{
    ximss_row_outcomes_t outcomes = {apr_array_make(pool, 8, sizeof(ximss_row_outcome_t)), expected,
                                     attempts};

    return outcomes;
}

const ximss_error_t *ximss_sending_write(ximss_sending_t *sending, ximss_sending_fn_t fn,
                                         void *baton, apr_pool_t *pool)
{
    const ximss_error_t *error;

    XIMSS_TRY(ximss_account_begin_write(sending->account, pool));
    error = fn(sending, baton, pool);
    if (error == NULL) {
        error = ximss_account_commit(sending->account, pool);
    }
    if (error != NULL) {
        ximss_account_rollback(sending->account);
    }
    return error;
}

const ximss_error_t *ximss_sending_data(ximss_sending_t *sending, apr_pool_t *pool)
{
    return sending->data != NULL
               ? NULL
               : ximss_blob_read(sending->account, sending->message.blob, 0,
                                 (apr_size_t)sending->message.size, &sending->data, pool);
}

const ximss_error_t *ximss_sending_deliver(ximss_sending_t *sending, ximss_delivery_t *delivery,
                                           const char *recipient, apr_pool_t *pool)
{
    delivery->time = sending->clock();
    delivery->origin = sending->account_id;
    return ximss_deliver(sending->store, sending->limits, delivery, recipient, pool);
}

/* ---- marking ---- */

/* The pause after attempt number ATTEMPTS, give or take a fifth, so that what failed together does not come
 * back together. */
static apr_int64_t pause_after(const ximss_patience_t *patience, int attempts)
{
    apr_int64_t pause = patience->first_pause;
    apr_uint32_t dice = 0;

    while (--attempts > 0 && pause < patience->longest_pause) {
        pause *= 2;
    }
    if (pause > patience->longest_pause) {
        pause = patience->longest_pause;
    }
    apr_generate_random_bytes((unsigned char *)&dice, sizeof(dice));
    return pause * 4 / 5 + (apr_int64_t)dice % (pause * 2 / 5 + 1);
}

/* Whether the sender is to be told that ROW failed (RFC 3461, 4.1; RFC 5321, 4.5.5: never of a report). */
static int wants_failure(const ximss_sending_t *sending, const ximss_outbox_recipient_t *row)
{
    return *sending->message.sender != '\0' &&
           (row->notify == 0 || (row->notify & XIMSS_NOTIFY_FAILURE));
}

static int wants_success(const ximss_sending_t *sending, const ximss_outbox_recipient_t *row)
{
    return *sending->message.sender != '\0' && (row->notify & XIMSS_NOTIFY_SUCCESS);
}

/* Numbers of the reports that one marking begins. */
typedef struct reports_t {
    apr_int64_t failed;
    apr_int64_t done;
} reports_t;

/* ROW is to be reported: with the rows that get there in the same transaction, and no others, so that a report that
 * is repeated after a crash is the same. */
static void begin_report(ximss_outbox_recipient_t *row, apr_int64_t *report, apr_int64_t now)
{
    if (*report == 0) {
        *report = row->id;
    }
    row->report = *report;
    row->due = now;
}

/* Nobody knows whether the message was taken for ROW, and a second one would be worse than a late one. */
static void hold(ximss_sending_t *sending, ximss_outbox_recipient_t *row)
{
    sending->count.held++;
    row->state = XIMSS_OUTBOX_HELD;
    ximss_log(XIMSS_LOG_WARN, 7102,
              "queue: message %" APR_INT64_T_FMT " of account %s to %s is held: %s",
              sending->message.id, sending->account_id, row->address, row->text);
}

/* Sets ROW to what OUTCOME makes of it; returns 0 when nothing is left to do for it. */
static int judge(ximss_sending_t *sending, ximss_outbox_recipient_t *row,
                 const ximss_row_outcome_t *outcome, reports_t *reports)
{
    const apr_int64_t now = sending->clock();
    const int late = now - sending->message.time >= sending->patience.give_up;

    row->status = outcome->status;
    row->text = outcome->text;
    row->remote = outcome->remote != NULL ? outcome->remote : "";
    if (outcome->result == XIMSS_SENT) {
        sending->count.sent++;
        row->state = row->state == XIMSS_OUTBOX_SENDING ? XIMSS_OUTBOX_RELAYED : XIMSS_OUTBOX_DONE;
        begin_report(row, &reports->done, now);
        return wants_success(sending, row) && !outcome->dsn_passed;
    }
    if (outcome->result == XIMSS_UNKNOWN) {
        hold(sending, row);
        return 1;
    }
    if (outcome->result == XIMSS_TEMPORARY && !late) {
        sending->count.waiting++;
        row->state = XIMSS_OUTBOX_WAITING;
        row->due = now + pause_after(&sending->patience, row->attempts);
        return 1;
    }
    sending->count.failed++;
    row->state = XIMSS_OUTBOX_FAILED;
    begin_report(row, &reports->failed, now);
    return wants_failure(sending, row);
}

/* The outcome for RECIPIENT; *AT is where to look for it, and for those with higher numbers after it. */
static const ximss_row_outcome_t *find_outcome(const ximss_row_outcomes_t *outcomes,
                                               apr_int64_t recipient, int *at)
{
    for (; *at < outcomes->list->nelts; ++*at) {
        const ximss_row_outcome_t *outcome =
            &APR_ARRAY_IDX(outcomes->list, *at, ximss_row_outcome_t);

        if (outcome->recipient >= recipient) {
            return outcome->recipient == recipient ? outcome : NULL;
        }
    }
    return NULL;
}

static const ximss_error_t *mark_rows(ximss_sending_t *sending, void *baton, apr_pool_t *pool)
{
    const ximss_row_outcomes_t *outcomes = baton;
    reports_t reports = {0, 0};
    apr_array_header_t *rows;
    int at = 0;
    int i;

    XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
    for (i = 0; i < rows->nelts; i++) {
        ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);
        const ximss_row_outcome_t *outcome = find_outcome(outcomes, row->id, &at);

        if (outcome == NULL || row->state != outcomes->expected) {
            continue;
        }
        row->attempts += outcomes->attempts;
        if (judge(sending, row, outcome, &reports)) {
            XIMSS_TRY(ximss_outbox_save(sending->account, row, pool));
        }
        else {
            XIMSS_TRY(ximss_outbox_remove(sending->account, row->id, pool));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_sending_mark(ximss_sending_t *sending, ximss_row_outcomes_t *outcomes,
                                        apr_pool_t *pool)
{
    return ximss_sending_write(sending, mark_rows, outcomes, pool);
}

/* ---- what a crash left ---- */

static const ximss_error_t *hold_rows(ximss_sending_t *sending, void *baton, apr_pool_t *pool)
{
    const apr_array_header_t *rows = baton;
    int i;

    for (i = 0; i < rows->nelts; i++) {
        ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);

        if (row->state != XIMSS_OUTBOX_SENDING) {
            continue;
        }
        row->text = "it may have been sent: the run of the queue that was at it died";
        hold(sending, row);
        XIMSS_TRY(ximss_outbox_save(sending->account, row, pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sending_hold(ximss_sending_t *sending, apr_pool_t *pool)
{
    apr_array_header_t *messages;
    int i;

    XIMSS_TRY(ximss_outbox_list(sending->account, sending->clock(), 0, &messages, pool));
    for (i = 0; i < messages->nelts; i++) {
        apr_array_header_t *rows;
        int marked = 0;
        int j;

        sending->message = APR_ARRAY_IDX(messages, i, ximss_outbox_message_t);
        XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
        for (j = 0; j < rows->nelts; j++) {
            marked |=
                APR_ARRAY_IDX(rows, j, ximss_outbox_recipient_t).state == XIMSS_OUTBOX_SENDING;
        }
        if (marked) {
            XIMSS_TRY(ximss_sending_write(sending, hold_rows, rows, pool));
        }
    }
    return NULL;
}
