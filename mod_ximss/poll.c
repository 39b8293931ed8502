/* The long poll: GET /Session/<urlID>/ and /get. */
#include "mod_ximss/poll.h"
#include "base/clock.h"

#include "mod_ximss/park.h"
#include "mod_ximss/request.h"
#include "mod_ximss/session.h"
#include "mod_ximss/wait.h"
#include "op/deliver.h"
#include "session/event.h"

#include <apr_strings.h>
#include <string.h>

static const char *parameter(const ximss_request_t *request, const char *name)
{
    apr_table_t *parameters = ximss_parameters_make(request->r->pool);

    ximss_parameters_read(parameters, request->query, request->r->pool);
    return apr_table_get(parameters, name);
}

/* What the client has, -1: it does not say. */
static apr_int64_t acknowledged(const ximss_request_t *request)
{
    const char *text = parameter(request, "ackSeq");

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return -1;
    }
    return apr_atoi64(text);
}

static int reply_nothing(ximss_request_t *request)
{
    return ximss_reply_xml(request, HTTP_OK, "<XIMSS/>", strlen("<XIMSS/>"));
}

int ximss_poll_lost(ximss_request_t *request)
{
    apr_int64_t seq;
    const char *text;

    if (request->route == NULL || request->route->handler != ximss_handle_poll ||
        !ximss_event_take_bye(request->context->table, request->url_id, &seq)) {
        return ximss_reply_lost(request);
    }
    text = apr_psprintf(request->r->pool, "<XIMSS respSeq=\"%" APR_INT64_T_FMT "\"><bye/></XIMSS>",
                        seq);
    return ximss_reply_xml(request, HTTP_OK, text, strlen(text));
}

/* Looks what there is for the locked SESSION, and unlocks it. */
static int deliver(ximss_request_t *request, ximss_session_t *session, int last, int *answer)
{
    ximss_delivery_t document;
    const ximss_error_t *error = ximss_deliver_poll(
        request->context, session, acknowledged(request), &document, request->r->pool);
    int ended = session->ended;

    ximss_request_unlock(request, session);
    if (ended) {
        *answer = ximss_poll_lost(request);
    }
    else if (error != NULL) {
        *answer = ximss_reply_error(request, error);
    }
    else if (document.data != NULL) {
        *answer = ximss_reply_xml(request, HTTP_OK, document.data, document.length);
    }
    else if (last) {
        *answer = reply_nothing(request);
    }
    else {
        return 0;
    }
    return 1;
}

int ximss_poll_try(ximss_request_t *request, int last, int *answer)
{
    ximss_session_t *session;
    const ximss_error_t *error;
    int busy;

    error = ximss_event_lock(&session, request->context->table, request->url_id, &busy,
                             request->r->pool);
    if (error != NULL) {
        *answer = ximss_reply_error(request, error);
        return 1;
    }
    if (session != NULL) {
        return deliver(request, session, last, answer);
    }
    if (!busy) {
        *answer = ximss_poll_lost(request);
        return 1;
    }
    if (last) {
        *answer = reply_nothing(request);
    }
    return last;
}

static int wait_seconds(const ximss_request_t *request)
{
    int seconds = ximss_deliver_seconds(parameter(request, "maxWait"));
    int most = request->config->http2_wait;

    return ximss_wait_is_stream(request->r) && seconds > most ? most : seconds;
}

/* Has the client repeat the request over HTTP/1.1, where it can be parked. mod_http2 makes HTTP_1_1_REQUIRED of this
 * status with a note that is mod_ssl's. */
static int refuse_stream(ximss_request_t *request)
{
    apr_table_setn(request->r->notes, "ssl-renegotiate-forbidden", "XimssHTTP2Poll");
    return ximss_reply_text(request, HTTP_FORBIDDEN, "long polls need HTTP/1.1");
}

/* A poll that waits; lives as long as its request. */
typedef struct poll_t {
    ximss_request_t *request;
    ximss_wait_t wait;
} poll_t;

static int try_poll(void *baton, int last, int *answer)
{
    const poll_t *poll = baton;

    /* before the look at what is there: an event after it wakes again */
    switch (ximss_wait_take(&poll->wait)) {
    case XIMSS_WAIT_LOST:
        *answer = ximss_poll_lost(poll->request);
        return 1;
    case XIMSS_WAIT_TAKEN:
        /* what there is belongs to the newer poll */
        *answer = reply_nothing(poll->request);
        return 1;
    case XIMSS_WAIT_STOPPED:
        last = 1;
        break;
    default:
        break;
    }
    if (!ximss_poll_try(poll->request, last, answer)) {
        return 0;
    }
    ximss_wait_end(&poll->wait);
    return 1;
}

int ximss_handle_poll(ximss_request_t *request)
{
    poll_t *poll = apr_pcalloc(request->r->pool, sizeof(*poll));
    int wait_ms = wait_seconds(request) * 1000;
    ximss_session_t *session;
    int answer;

    if (ximss_request_lock(request, &session, &answer) != OK) {
        return answer;
    }
    ximss_request_unlock(request, session);
    poll->request = request;
    if (!ximss_wait_begin(&poll->wait, request->context->table, request->url_id, wait_ms,
                          ximss_park_place(request->r))) {
        return ximss_poll_lost(request);
    }
    if (try_poll(poll, wait_ms == 0, &answer)) {
        return answer;
    }
    if (request->config->http2_poll == XIMSS_HTTP2_REFUSE && ximss_wait_is_stream(request->r)) {
        ximss_wait_end(&poll->wait);
        return refuse_stream(request);
    }
    return ximss_wait_run(request->r, &poll->wait, ximss_clock_ms() + wait_ms, try_poll, poll);
}
