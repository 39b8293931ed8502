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

int ximss_handle_poll(ximss_request_t *request)
{
    ximss_session_t *session;
    int answer;

    if (ximss_request_lock(request, &session, &answer) != OK) {
        return answer;
    }
    ximss_request_unlock(request, session);
    if (ximss_poll_try(request, 0, &answer)) {
        return answer;
    }
    if (!ximss_wait_session(request->context->table, request->url_id,
                            poll_seconds(request) * 1000)) {
        return ximss_reply_lost(request);
    }
    ximss_poll_try(request, 1, &answer);
    return answer;
}
