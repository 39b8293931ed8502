/* Out of the outbox, to accounts of this server and to the outside. */
#include "submit/sending_rows.h"

#include <apr_strings.h>
#include <string.h>

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

static void deliver_row(ximss_sending_t *sending, const ximss_outbox_recipient_t *row,
                        ximss_row_outcome_t *outcome, apr_pool_t *pool)
{
    ximss_delivery_t delivery = {.sender = sending->message.sender,
                                 .data = sending->data,
                                 .length = (apr_size_t)sending->message.size,
                                 .origin_id = sending->message.id};
    const ximss_error_t *error = ximss_sending_deliver(sending, &delivery, row->address, pool);
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
    ximss_row_outcomes_t outcomes = ximss_row_outcomes(XIMSS_OUTBOX_WAITING, 1, pool);
    apr_array_header_t *rows;
    apr_pool_t *iteration;
    int i;

    XIMSS_TRY(choose(sending, 1, &rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    XIMSS_TRY(ximss_sending_data(sending, pool));
    apr_pool_create(&iteration, pool);
    for (i = 0; i < rows->nelts; i++) {
        ximss_row_outcome_t *outcome = apr_array_push(outcomes.list);

        apr_pool_clear(iteration);
        deliver_row(sending, &APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t), outcome, iteration);
        outcome->status = apr_pstrdup(pool, outcome->status);
        outcome->text = apr_pstrdup(pool, outcome->text);
    }
    apr_pool_destroy(iteration);
    return ximss_sending_mark(sending, &outcomes, pool);
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
                      ximss_row_outcomes_t *outcomes, apr_pool_t *pool)
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
        ximss_row_outcome_t *outcome = apr_array_push(outcomes->list);

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
    ximss_row_outcomes_t outcomes = ximss_row_outcomes(XIMSS_OUTBOX_WAITING, 0, pool);
    int i;

    for (i = 0; i < rows->nelts; i++) {
        const ximss_row_outcome_t outcome = {APR_ARRAY_IDX(rows, i, ximss_outbox_recipient_t).id,
                                             XIMSS_TEMPORARY,
                                             "4.4.1",
                                             why,
                                             NULL,
                                             0};

        APR_ARRAY_PUSH(outcomes.list, ximss_row_outcome_t) = outcome;
    }
    return ximss_sending_mark(sending, &outcomes, pool);
}

const ximss_error_t *ximss_sending_remote(ximss_sending_t *sending, ximss_exit_t *way,
                                          apr_pool_t *pool)
{
    ximss_row_outcomes_t outcomes = ximss_row_outcomes(XIMSS_OUTBOX_SENDING, 0, pool);
    const char *why = way->route == NULL ? "no way out of this server is configured" : way->down;
    apr_array_header_t *rows;

    XIMSS_TRY(choose(sending, 0, &rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    if (why != NULL) {
        return put_off(sending, why, rows, pool);
    }
    XIMSS_TRY(ximss_sending_data(sending, pool));
    XIMSS_TRY(ximss_sending_write(sending, claim_rows, rows, pool));
    if (rows->nelts == 0) {
        return NULL;
    }
    hand_over(sending, way, rows, &outcomes, pool);
    return ximss_sending_mark(sending, &outcomes, pool);
}
