/* Reports about what was sent, to whom sent it. */
#include "base/log.h"
#include "store/prefs.h"
#include "submit/report.h"
#include "submit/sending_rows.h"

#include <string.h>

/* Seconds after which a report that could not be delivered is tried again. */
#define REPORT_PAUSE 3600

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

    XIMSS_TRY(ximss_sending_data(sending, pool));
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
    error = ximss_sending_deliver(sending, &delivery, sending->message.sender, pool);
    report->again = try_again(sending, error);
    if (error != NULL) {
        ximss_log(XIMSS_LOG_WARN, 7101,
                  "queue: a report to %s about message %" APR_INT64_T_FMT " %s: %s",
                  sending->message.sender, sending->message.id,
                  report->again != 0 ? "waits" : "is given up", ximss_error_log_line(error, pool));
    }
    return ximss_sending_write(sending, finish_report, report, pool);
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
