/* The long poll: GET /Session/<urlID>/ and /get (http-binding 5). */
#include "mod_ximss/poll.h"

#include "mod_ximss/request.h"
#include "mod_ximss/session.h"
#include "mod_ximss/wait.h"

#include <apr_strings.h>
#include <string.h>

#define POLL_DEFAULT 20 /* seconds (wire-and-commands 2.6) */
#define POLL_MOST    120

int ximss_poll_try(ximss_request_t *request, int last, int *answer)
{
    if (!last) {
        return 0;
    }
    *answer = ximss_reply_xml(request, HTTP_OK, "<XIMSS/>", strlen("<XIMSS/>"));
    return 1;
}

static int poll_seconds(const ximss_request_t *request)
{
    apr_pool_t *pool = request->r->pool;
    apr_table_t *parameters = ximss_parameters_make(pool);
    const char *wanted;
    apr_int64_t seconds;

    ximss_parameters_read(parameters, request->query, pool);
    wanted = apr_table_get(parameters, "maxWait");
    if (wanted == NULL || wanted[0] == '\0') {
        return POLL_DEFAULT;
    }
    seconds = apr_atoi64(wanted);
    if (seconds < 0) {
        return 0;
    }
    return seconds > POLL_MOST ? POLL_MOST : (int)seconds;
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
        *answer = ximss_reply_lost(poll->request);
        return 1;
    case XIMSS_WAIT_TAKEN:
        /* what there is belongs to the newer poll */
        *answer = ximss_reply_xml(poll->request, HTTP_OK, "<XIMSS/>", strlen("<XIMSS/>"));
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
    int wait_ms = poll_seconds(request) * 1000;
    ximss_session_t *session;
    int answer;

    if (ximss_request_lock(request, &session, &answer) != OK) {
        return answer;
    }
    ximss_request_unlock(request, session);
    poll->request = request;
    if (!ximss_wait_begin(&poll->wait, request->context->table, request->url_id, wait_ms, 0)) {
        return ximss_reply_lost(request);
    }
    if (try_poll(poll, wait_ms == 0, &answer)) {
        return answer;
    }
    return ximss_wait_run(&poll->wait, ximss_wait_clock() + wait_ms, try_poll, poll);
}
