/* Out of the outbox. What an attempt comes to is written into rows that are read again inside the transaction: httpd,
 * right after a submission, and the queue may be at the same local recipients, and whoever comes second finds
 * nothing to do. */
#include "submit/sending.h"

#include "base/log.h"
#include "store/prefs.h"
#include "submit/deliver.h"
#include "submit/report.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

/* Seconds after which a report that could not be delivered is tried again. */
#define REPORT_PAUSE 3600

/* What became of a recipient. */
typedef struct outcome_t {
    apr_int64_t recipient;
    ximss_result_t result;
    const char *status;
    const char *text;
    const char *remote; /* NULL: none */
    int dsn_passed;
} outcome_t;

/* Outcomes to be marked, and which rows they are for: those in that state. */
typedef struct outcomes_t {
    apr_array_header_t *list; /* outcome_t, by recipient */
    ximss_outbox_state_t expected;
    int attempts; /* that are to be counted */
} outcomes_t;

static outcomes_t no_outcomes(ximss_outbox_state_t expected, int attempts, apr_pool_t *pool)
{
    outcomes_t outcomes = {apr_array_make(pool, 8, sizeof(outcome_t)), expected, attempts};

    return outcomes;
}

/* ---- transactions ---- */

typedef const ximss_error_t *(*write_fn_t)(ximss_sending_t *sending, void *baton, apr_pool_t *pool);

/* Runs FN in one write transaction of the sender's account. */
static const ximss_error_t *write_rows(ximss_sending_t *sending, write_fn_t fn, void *baton,
                                       apr_pool_t *pool)
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

static const ximss_error_t *read_data(ximss_sending_t *sending, apr_pool_t *pool)
{
    return sending->data != NULL
               ? NULL
               : ximss_blob_read(sending->account, sending->message.blob, 0,
                                 (apr_size_t)sending->message.size, &sending->data, pool);
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
static int judge(ximss_sending_t *sending, ximss_outbox_recipient_t *row, const outcome_t *outcome,
                 reports_t *reports)
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
static const outcome_t *find_outcome(const outcomes_t *outcomes, apr_int64_t recipient, int *at)
{
    for (; *at < outcomes->list->nelts; ++*at) {
        const outcome_t *outcome = &APR_ARRAY_IDX(outcomes->list, *at, outcome_t);

        if (outcome->recipient >= recipient) {
            return outcome->recipient == recipient ? outcome : NULL;
        }
    }
    return NULL;
}

static const ximss_error_t *mark_rows(ximss_sending_t *sending, void *baton, apr_pool_t *pool)
{
    const outcomes_t *outcomes = baton;
    reports_t reports = {0, 0};
    apr_array_header_t *rows;
    int at = 0;
    int i;

    XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
    for (i = 0; i < rows->nelts; i++) {
        ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);
        const outcome_t *outcome = find_outcome(outcomes, row->id, &at);

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

/* The rows that are waiting and due, and (LOCAL) are for this server, or are not. */
static const ximss_error_t *choose(ximss_sending_t *sending, int local, apr_array_header_t **chosen,
                                   apr_pool_t *pool)
{
    const apr_int64_t now = sending->clock();
    apr_array_header_t *rows;
    int i;

    *chosen = apr_array_make(pool, 8, sizeof(ximss_outbox_recipient_t));
    XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
    for (i = 0; i < rows->nelts; i++) {
        const ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);
        ximss_resolved_t resolved = {0};
        const ximss_error_t *error;

        if (row->state != XIMSS_OUTBOX_WAITING || row->due > now) {
            continue;
        }
        error = ximss_address_resolve(&resolved, sending->store, row->address, pool);
        if (error != NULL && error->code != XIMSS_E_NOT_FOUND &&
            error->code != XIMSS_E_BAD_REQUEST) {
            return error;
        }
        /* an address that is none goes to nobody: let the delivery say so */
        if ((error != NULL || resolved.is_local) == local) {
            APR_ARRAY_PUSH(*chosen, ximss_outbox_recipient_t) = *row;
        }
    }
    return NULL;
}

/* ---- to accounts of this server ---- */

/* Delivers the message, or (DATA) a report about it. */
static const ximss_error_t *deliver(ximss_sending_t *sending, ximss_delivery_t *delivery,
                                    const char *recipient, apr_pool_t *pool)
{
    delivery->time = sending->clock();
    delivery->origin = sending->account_id;
    return ximss_deliver(sending->store, sending->limits, delivery, recipient, pool);
}

static void deliver_row(ximss_sending_t *sending, const ximss_outbox_recipient_t *row,
                        outcome_t *outcome, apr_pool_t *pool)
{
    ximss_delivery_t delivery = {.sender = sending->message.sender,
                                 .data = sending->data,
                                 .length = (apr_size_t)sending->message.size,
                                 .origin_id = sending->message.id};
    const ximss_error_t *error = deliver(sending, &delivery, row->address, pool);
    const char *status = ximss_deliver_status(error);

    outcome->recipient = row->id;
    outcome->result = error == NULL      ? XIMSS_SENT
                      : status[0] == '4' ? XIMSS_TEMPORARY
                                         : XIMSS_PERMANENT;
    outcome->status = status + 4;
    outcome->text = error != NULL ? error->text : "delivered";
    outcome->remote = NULL;
    outcome->dsn_passed = 0;
}

const ximss_error_t *ximss_sending_local(ximss_sending_t *sending, apr_pool_t *pool)
{
    outcomes_t outcomes = no_outcomes(XIMSS_OUTBOX_WAITING, 1, pool);
    apr_array_header_t *rows;
    apr_pool_t *iteration;
    int i;

    XIMSS_TRY(choose(sending, 1, &rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    XIMSS_TRY(read_data(sending, pool));
    apr_pool_create(&iteration, pool);
    for (i = 0; i < rows->nelts; i++) {
        outcome_t *outcome = apr_array_push(outcomes.list);

        apr_pool_clear(iteration);
        deliver_row(sending, &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t), outcome, iteration);
        outcome->status = apr_pstrdup(pool, outcome->status);
        outcome->text = apr_pstrdup(pool, outcome->text);
    }
    apr_pool_destroy(iteration);
    return write_rows(sending, mark_rows, &outcomes, pool);
}

/* ---- to the outside ---- */

/* Marks the rows of BATON as being sent; those that somebody else has changed are taken out of it. */
static const ximss_error_t *claim_rows(ximss_sending_t *sending, void *baton, apr_pool_t *pool)
{
    apr_array_header_t *chosen = baton;
    apr_array_header_t *rows;
    int claimed = 0;
    int at = 0;
    int i;

    XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
    for (i = 0; i < rows->nelts && at < chosen->nelts; i++) {
        ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);

        while (at < chosen->nelts &&
               APR_ARRAY_IDX(chosen, at, ximss_outbox_recipient_t).id < row->id) {
            at++;
        }
        if (at == chosen->nelts ||
            APR_ARRAY_IDX(chosen, at, ximss_outbox_recipient_t).id != row->id ||
            row->state != XIMSS_OUTBOX_WAITING) {
            continue;
        }
        row->state = XIMSS_OUTBOX_SENDING;
        row->attempts++;
        XIMSS_TRY(ximss_outbox_save(sending->account, row, pool));
        APR_ARRAY_IDX(chosen, claimed++, ximss_outbox_recipient_t) = *row;
    }
    chosen->nelts = claimed;
    return NULL;
}

static void add_recipients(ximss_envelope_t *envelope, const apr_array_header_t *rows,
                           apr_pool_t *pool)
{
    int i;

    envelope->recipients = apr_array_make(pool, rows->nelts, sizeof(ximss_recipient_t));
    for (i = 0; i < rows->nelts; i++) {
        const ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);
        ximss_recipient_t *recipient = apr_array_push(envelope->recipients);

        memset(recipient, 0, sizeof(*recipient));
        recipient->address = row->address;
        recipient->notify = row->notify;
        recipient->orcpt =
            row->notify != 0 ? apr_pstrcat(pool, "rfc822;", row->address, NULL) : NULL;
    }
}

/* A relay that was not reached is not reached for the next message either. */
static void learn(ximss_exit_t *way, const ximss_envelope_t *envelope)
{
    const char *why = NULL;
    int i;

    if (way->route->kind != XIMSS_ROUTE_SMTP) {
        return;
    }
    for (i = 0; i < envelope->recipients->nelts; i++) {
        const ximss_recipient_t *recipient =
            &APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t);

        if (recipient->result != XIMSS_TEMPORARY || recipient->remote != NULL) {
            return;
        }
        why = recipient->text;
    }
    way->down = apr_pstrdup(way->pool, why);
}

/* Hands the message over for ROWS; the results of all of them go to OUTCOMES. */
static void hand_over(ximss_sending_t *sending, ximss_exit_t *way, const apr_array_header_t *rows,
                      outcomes_t *outcomes, apr_pool_t *pool)
{
    ximss_envelope_t envelope = {.sender = sending->message.sender,
                                 .data = sending->data,
                                 .length = (apr_size_t)sending->message.size};
    const ximss_error_t *error;
    int i;

    envelope.envid =
        apr_psprintf(pool, "%s-%" APR_INT64_T_FMT, sending->account_id, sending->message.id);
    add_recipients(&envelope, rows, pool);
    error = way->send(way->route, &envelope, pool);
    for (i = 0; i < rows->nelts; i++) {
        const ximss_recipient_t *recipient =
            &APR_ARRAY_IDX(envelope.recipients, i, ximss_recipient_t);
        outcome_t *outcome = apr_array_push(outcomes->list);

        outcome->recipient = APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t).id;
        outcome->result = recipient->result;
        outcome->status = recipient->status;
        outcome->text = recipient->text;
        outcome->remote = recipient->remote;
        outcome->dsn_passed = recipient->dsn_passed;
        if (recipient->result == XIMSS_PENDING) {
            outcome->result = XIMSS_TEMPORARY;
            outcome->status = "4.3.0";
            outcome->text = error != NULL ? error->text : "it was not tried";
        }
    }
    if (error == NULL) {
        learn(way, &envelope);
    }
}

/* Puts off ROWS without an attempt. */
static const ximss_error_t *put_off(ximss_sending_t *sending, const char *why,
                                    const apr_array_header_t *rows, apr_pool_t *pool)
{
    outcomes_t outcomes = no_outcomes(XIMSS_OUTBOX_WAITING, 0, pool);
    int i;

    for (i = 0; i < rows->nelts; i++) {
        const outcome_t outcome = {APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t).id,
                                   XIMSS_TEMPORARY,
                                   "4.4.1",
                                   why,
                                   NULL,
                                   0};

        APR_ARRAY_PUSH(outcomes.list, outcome_t) = outcome;
    }
    return write_rows(sending, mark_rows, &outcomes, pool);
}

const ximss_error_t *ximss_sending_remote(ximss_sending_t *sending, ximss_exit_t *way,
                                          apr_pool_t *pool)
{
    outcomes_t outcomes = no_outcomes(XIMSS_OUTBOX_SENDING, 0, pool);
    const char *why = way->route == NULL ? "no way out of this server is configured" : way->down;
    apr_array_header_t *rows;

    XIMSS_TRY(choose(sending, 0, &rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    if (why != NULL) {
        return put_off(sending, why, rows, pool);
    }
    XIMSS_TRY(read_data(sending, pool));
    XIMSS_TRY(write_rows(sending, claim_rows, rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    sending->clock();
    hand_over(sending, way, rows, &outcomes, pool);
    return write_rows(sending, mark_rows, &outcomes, pool);
}

/* ---- reports ---- */

/* The rows of one report. */
typedef struct report_t {
    apr_int64_t number;
    apr_array_header_t *rows; /* ximss_outbox_recipient_t */
    apr_int64_t again;        /* 0: it is done with; else when to try again */
} report_t;

/* The next report that is due among ROWS, with a number above AFTER; its rows are taken together whatever their own
 * times. Returns 0 when there is none. */
static int next_report(report_t *report, const apr_array_header_t *rows, apr_int64_t after,
                       apr_int64_t now, apr_pool_t *pool)
{
    int i;

    report->number = 0;
    report->rows = apr_array_make(pool, 4, sizeof(ximss_outbox_recipient_t));
    for (i = 0; i < rows->nelts; i++) {
        const ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t);

        if (row->state < XIMSS_OUTBOX_FAILED || row->report <= after || row->due > now ||
            (report->number != 0 && row->report > report->number)) {
            continue;
        }
        if (row->report != report->number) {
            apr_array_clear(report->rows);
        }
        report->number = row->report;
        APR_ARRAY_PUSH(report->rows, ximss_outbox_recipient_t) = *row;
    }
    return report->number != 0;
}

static const ximss_error_t *finish_report(ximss_sending_t *sending, void *baton, apr_pool_t *pool)
{
    report_t *report = baton;
    int i;

    for (i = 0; i < report->rows->nelts; i++) {
        ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(report->rows, i, ximss_outbox_recipient_t);

        if (report->again == 0) {
            XIMSS_TRY(ximss_outbox_remove(sending->account, row->id, pool));
        }
        else {
            row->due = report->again;
            XIMSS_TRY(ximss_outbox_save(sending->account, row, pool));
        }
    }
    return NULL;
}

/* The rows of REPORT as the builder of reports takes them. */
static apr_array_header_t *list_recipients(const report_t *report, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, report->rows->nelts, sizeof(ximss_recipient_t));
    int i;

    for (i = 0; i < report->rows->nelts; i++) {
        const ximss_outbox_recipient_t *row =
            &APR_ARRAY_IDX(report->rows, i, ximss_outbox_recipient_t);
        const ximss_recipient_t recipient = {.address = row->address,
                                             .status = row->status,
                                             .text = row->text,
                                             .remote = *row->remote != '\0' ? row->remote : NULL};

        APR_ARRAY_PUSH(list, ximss_recipient_t) = recipient;
    }
    return list;
}

static ximss_dsn_action_t find_action(const report_t *report)
{
    switch (APR_ARRAY_IDX(report->rows, 0, ximss_outbox_recipient_t).state) {
    case XIMSS_OUTBOX_DONE:
        return XIMSS_DSN_DELIVERED;
    case XIMSS_OUTBOX_RELAYED:
        return XIMSS_DSN_RELAYED;
    default:
        return XIMSS_DSN_FAILED;
    }
}

static const ximss_error_t *make_report(ximss_sending_t *sending, const report_t *report,
                                        ximss_delivery_t *delivery, apr_pool_t *pool)
{
    const char *at = strrchr(sending->message.sender, '@');
    ximss_dsn_t dsn = {.action = find_action(report),
                       .sender = sending->message.sender,
                       .arrival = sending->message.time,
                       .full = 1,
                       .recipients = list_recipients(report, pool)};
    const char *zone;

    XIMSS_TRY(read_data(sending, pool));
    XIMSS_TRY(ximss_prefs_get(sending->account, "TimeZone", &zone, pool));
    dsn.message.data = sending->data;
    dsn.message.length = (apr_size_t)sending->message.size;
    dsn.message.host = at != NULL ? at + 1 : "localhost";
    dsn.message.now = sending->clock();
    dsn.message.zone = ximss_zone_get(zone);
    return ximss_dsn_make(&delivery->data, &delivery->length, &dsn, pool);
}

/* Whether a report that did not get through is tried again: the account may be full for a while. */
static apr_int64_t try_again(const ximss_sending_t *sending, const ximss_error_t *error)
{
    const apr_int64_t now = sending->clock();

    return error != NULL && *ximss_deliver_status(error) == '4' &&
                   now - sending->message.time < 2 * (apr_int64_t)sending->patience.give_up
               ? now + REPORT_PAUSE
               : 0;
}

static const ximss_error_t *send_report(ximss_sending_t *sending, report_t *report,
                                        apr_pool_t *pool)
{
    ximss_delivery_t delivery = {.sender = "", .origin_id = -report->number};
    const ximss_error_t *error;

    XIMSS_TRY(make_report(sending, report, &delivery, pool));
    error = deliver(sending, &delivery, sending->message.sender, pool);
    report->again = try_again(sending, error);
    if (error != NULL) {
        ximss_log(XIMSS_LOG_WARN, 7101,
                  "queue: a report to %s about message %" APR_INT64_T_FMT " %s: %s",
                  sending->message.sender, sending->message.id,
                  report->again != 0 ? "waits" : "is given up", ximss_error_log_line(error, pool));
    }
    return write_rows(sending, finish_report, report, pool);
}

const ximss_error_t *ximss_sending_report(ximss_sending_t *sending, apr_pool_t *pool)
{
    const apr_int64_t now = sending->clock();
    report_t report = {0, NULL, 0};
    apr_array_header_t *rows;

    XIMSS_TRY(ximss_outbox_recipients(sending->account, sending->message.id, &rows, pool));
    while (next_report(&report, rows, report.number, now, pool)) {
        XIMSS_TRY(send_report(sending, &report, pool));
    }
    return NULL;
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
            XIMSS_TRY(write_rows(sending, hold_rows, rows, pool));
        }
    }
    return NULL;
}
