/* /Session/<urlID>/: batches, KILL; the cookie and the lock of a session. */
#include "mod_ximss/session.h"

#include "base/log.h"
#include "base/random.h"
#include "mod_ximss/poll.h"
#include "mod_ximss/shm.h"
#include "op/deliver.h"
#include "op/ops.h"
#include "op/replay.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>

#define LOCK_WAIT_MS  15000
#define COOKIE_NAME   "CGateProWebUser"
#define COOKIE_LENGTH 20

/* ---- cookie ---- */

static void set_cookie(ximss_request_t *request, const ximss_session_t *session)
{
    const ximss_config_t *config = request->config;
    int secure = config->cookie_secure == XIMSS_SECURE_ON ||
                 (config->cookie_secure == XIMSS_SECURE_AUTO && ximss_request_peer(request).secure);

    apr_table_addn(request->r->headers_out, "Set-Cookie",
                   apr_psprintf(request->r->pool,
                                COOKIE_NAME "=%s; Path=/Session/%s; HttpOnly; SameSite=Strict%s",
                                session->cookie, session->url_id, secure ? "; Secure" : ""));
}

const ximss_error_t *ximss_cookie_make(ximss_request_t *request, const ximss_session_t *session)
{
    apr_pool_t *pool = request->r->pool;
    ximss_table_t *table = request->context->table;
    ximss_session_t *locked;
    int made;

    if (!session->use_cookie) {
        return NULL;
    }
    XIMSS_TRY(ximss_session_lock(&locked, table, session->url_id, LOCK_WAIT_MS, pool));
    if (locked == NULL) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "the new session is gone");
    }
    made = locked->cookie[0] != '\0' || ximss_random_text(locked->cookie, COOKIE_LENGTH);
    if (made) {
        set_cookie(request, locked);
    }
    else {
        locked->ended = 1;
    }
    ximss_session_unlock(table, locked);
    return made ? NULL : ximss_error_detail(pool, XIMSS_E_INTERNAL, "no random bytes");
}

/* Whether the LENGTH bytes of A and B are equal, in equal time. */
static int is_same_secret(const char *a, const char *b, apr_size_t length)
{
    unsigned char differs = 0;
    apr_size_t i;

    for (i = 0; i < length; i++) {
        differs |= (unsigned char)(a[i] ^ b[i]);
    }
    return differs == 0;
}

/* Whether one of the cookies sent is that of SESSION; a browser may send several of the name. */
static int has_cookie(const ximss_request_t *request, const ximss_session_t *session)
{
    const char *header = apr_table_get(request->r->headers_in, "Cookie");
    apr_size_t name = strlen(COOKIE_NAME "=");
    apr_size_t length = strlen(session->cookie);

    while (header != NULL && *header != '\0') {
        apr_size_t pair = strcspn(header, ";");
        apr_size_t value = pair > name ? pair - name : 0;

        if (value >= length && strncmp(header, COOKIE_NAME "=", name) == 0 &&
            strspn(header + name + length, " ") == value - length &&
            is_same_secret(header + name, session->cookie, length)) {
            return 1;
        }
        header += pair;
        header += strspn(header, "; ");
    }
    return 0;
}

/* The first request may lack the cookie: some clients log in on another host and take the cookie from this
 * answer. */
static int check_cookie(ximss_request_t *request, ximss_session_t *session)
{
    if (!session->use_cookie || session->cookie[0] == '\0') {
        return 1;
    }
    if (has_cookie(request, session)) {
        session->cookie_seen = 1;
        return 1;
    }
    if (session->cookie_seen) {
        return 0;
    }
    session->cookie_seen = 1;
    set_cookie(request, session);
    return 1;
}

const ximss_error_t *ximss_cookie_vouches(ximss_request_t *request, const char *url_id,
                                          int *vouches)
{
    ximss_table_t *table = request->context->table;
    ximss_session_t *locked;

    XIMSS_TRY(ximss_session_lock(&locked, table, url_id, LOCK_WAIT_MS, request->r->pool));
    *vouches = locked == NULL || !locked->use_cookie || locked->cookie[0] == '\0' ||
               has_cookie(request, locked);
    if (locked != NULL) {
        ximss_session_unlock(table, locked);
    }
    return NULL;
}

/* ---- locking ---- */

static int is_of_address(const ximss_request_t *request, const ximss_session_t *session)
{
    return !session->ip_watch || strcmp(session->address, request->r->useragent_ip) == 0;
}

/* Ends a session that its account ends. */
static int has_account(ximss_request_t *request, ximss_session_t *session)
{
    if (!session->ended && ximss_session_is_over(request->context, session, request->r->pool)) {
        session->ended = XIMSS_ENDED_BY_SERVER;
    }
    return !session->ended;
}

int ximss_request_lock(ximss_request_t *request, ximss_session_t **session, int *answer)
{
    request_rec *r = request->r;
    ximss_table_t *table = request->context->table;
    const ximss_error_t *error =
        ximss_session_lock(session, table, request->url_id, LOCK_WAIT_MS, r->pool);

    if (error != NULL) {
        *answer = ximss_reply_error(request, error);
        return DECLINED;
    }
    if (*session == NULL) {
        *answer = ximss_poll_lost(request);
        return DECLINED;
    }
    if (!is_of_address(request, *session) || !check_cookie(request, *session) ||
        !has_account(request, *session)) {
        ximss_session_unlock(table, *session);
        *answer = ximss_poll_lost(request);
        return DECLINED;
    }
    return OK;
}

void ximss_request_unlock(ximss_request_t *request, ximss_session_t *session)
{
    ximss_session_unlock(request->context->table, session);
}

int ximss_request_peek(ximss_request_t *request, ximss_session_t *copy, const char **dir,
                       int *answer)
{
    ximss_session_t *locked;

    if (!ximss_session_peek(request->context->table, request->url_id, copy, dir,
                            request->r->pool)) {
        *answer = ximss_reply_lost(request);
        return DECLINED;
    }
    if (is_of_address(request, copy) && has_account(request, copy) &&
        (!copy->use_cookie || has_cookie(request, copy))) {
        return OK;
    }
    /* lost, or the one request that may come without a cookie: both are told to the session */
    if (ximss_request_lock(request, &locked, answer) != OK) {
        return DECLINED;
    }
    ximss_request_unlock(request, locked);
    return OK;
}

/* ---- batches ---- */

/* The root element around COUNT pieces of text. */
static int reply_joined(ximss_request_t *request, int status, const ximss_reply_text_t *pieces,
                        int count)
{
    apr_size_t whole = strlen("<XIMSS></XIMSS>");
    char *document;
    char *at;
    int i;

    for (i = 0; i < count; i++) {
        whole += pieces[i].length;
    }
    document = apr_palloc(request->r->pool, whole);
    memcpy(document, "<XIMSS>", 7);
    at = document + 7;
    for (i = 0; i < count; i++) {
        memcpy(at, pieces[i].data, pieces[i].length);
        at += pieces[i].length;
    }
    memcpy(at, "</XIMSS>", 8);
    return ximss_reply_xml(request, status, document, whole);
}

int ximss_reply_root(ximss_request_t *request, int status, ximss_xml_t *out)
{
    ximss_reply_text_t inner;

    inner.data = ximss_xml_data(out, &inner.length);
    return reply_joined(request, status, &inner, 1);
}

/* The reqSeq of the batch, in the query or (some clients) at its root. */
static apr_int64_t read_number(const ximss_request_t *request, const ximss_element_t *root)
{
    apr_table_t *parameters = ximss_parameters_make(request->r->pool);
    const char *text;

    ximss_parameters_read(parameters, request->query, request->r->pool);
    text = apr_table_get(parameters, "reqSeq");
    return ximss_replay_number(text != NULL ? text : ximss_element_attr(root, "reqSeq"));
}

/* A batch and its reply. */
typedef struct batch_t {
    apr_int64_t number; /* -1: none */
    int stored;         /* it ran before: its reply is known */
    /* of earlier runs, of this one, messages that go with it */
    ximss_reply_text_t pieces[3];
} batch_t;

enum { EARLIER, NOW, PENDING, PIECES };

/* Runs the batch, unless its reply is known. */
static const ximss_error_t *run_batch(ximss_request_t *request, ximss_session_t *session,
                                      const ximss_element_t *root, batch_t *batch)
{
    apr_pool_t *pool = request->r->pool;
    const ximss_peer_t peer = ximss_request_peer(request);
    ximss_replay_verdict_t verdict = XIMSS_REPLAY_LATE;
    ximss_xml_t *out;

    batch->number = read_number(request, root);
    if (batch->number >= -1) {
        XIMSS_TRY(ximss_replay_begin(request->context, session, batch->number, &verdict,
                                     &batch->pieces[EARLIER], pool));
    }
    if (verdict == XIMSS_REPLAY_LATE) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "XIMSS request sequence error");
    }
    batch->stored = verdict == XIMSS_REPLAY_STORED;
    if (batch->stored) {
        return NULL;
    }
    out = ximss_xml_create(request->config->limits.reply_bytes, pool);
    XIMSS_TRY(ximss_batch_run(request->context, &peer, session, root, out, pool));
    batch->pieces[NOW].data = ximss_xml_data(out, &batch->pieces[NOW].length);
    return NULL;
}

/* Whether there is such a session: a body for none is not worth reading into memory. */
static int is_live(const ximss_request_t *request)
{
    ximss_session_t *session;
    const ximss_error_t *error =
        ximss_session_lock(&session, request->context->table, request->url_id, 0, request->r->pool);

    if (error == NULL && session != NULL) {
        ximss_session_unlock(request->context->table, session);
    }
    return error != NULL || session != NULL;
}

/* Reads the batch; *ROOT is NULL when it is empty. Returns DECLINED when it answered. The tree holds nothing of the body,
 * so a large message is made in the same memory. */
static int read_batch(ximss_request_t *request, const ximss_element_t **root,
                      const ximss_error_t **error, int *answer)
{
    apr_pool_t *scratch;
    ximss_body_t body;
    int status;

    *root = NULL;
    *error = NULL;
    if (!is_live(request)) {
        *answer = ximss_reply_lost(request);
        return DECLINED;
    }
    apr_pool_create(&scratch, request->r->pool);
    status = ximss_body_read(request, request->config->limits.request_bytes, &body, scratch);
    if (status != OK) {
        *answer = ximss_reply_text(request, status, "the body cannot be read or is too large");
        return DECLINED;
    }
    if (body.length > strspn(body.data, " \t\r\n")) {
        *error = ximss_body_parse(request, &body, root);
    }
    apr_pool_destroy(scratch);
    return OK;
}

static int wants_pending(const ximss_request_t *request)
{
    apr_table_t *parameters = ximss_parameters_make(request->r->pool);

    ximss_parameters_read(parameters, request->query, request->r->pool);
    return ximss_parameter_on(parameters, "syncAsync");
}

/* After a synchronous batch: adds what is pending if the client asks for it; a repetition is answered like the first
 * time. What was done is done, so an error leaves the rest for later. */
static void finish_sync(ximss_request_t *request, ximss_session_t *session, batch_t *batch)
{
    ximss_reply_text_t *added = &batch->pieces[PENDING];
    const ximss_error_t *error;
    ximss_delivery_t taken;

    if (batch->stored || !wants_pending(request)) {
        return;
    }
    error = ximss_deliver_take(request->context, session, batch->number >= 0 && !session->ended,
                               &taken, request->r->pool);
    if (error == NULL && taken.data != NULL) {
        added->data = taken.data;
        added->length = taken.length;
    }
    if (error != NULL) {
        ximss_log(XIMSS_LOG_WARN, 5003, "pending messages: %s",
                  ximss_error_log_line(error, request->r->pool));
    }
}

/* After an asynchronous batch: the poll gets the reply, once, also if a process died between the two. */
static const ximss_error_t *finish_async(ximss_request_t *request, ximss_session_t *session,
                                         batch_t *batch)
{
    const ximss_reply_text_t *earlier = &batch->pieces[EARLIER];
    const ximss_reply_text_t *now = &batch->pieces[NOW];
    apr_size_t length = earlier->length + now->length;
    char *text = apr_palloc(request->r->pool, length + 1);
    const ximss_delivery_t reply = {text, length};

    memcpy(text, earlier->data, earlier->length);
    memcpy(text + earlier->length, now->data, now->length);
    memset(batch->pieces, 0, sizeof(batch->pieces));
    batch->pieces[EARLIER].data = batch->pieces[NOW].data = batch->pieces[PENDING].data = "";
    if (length == 0 || (batch->stored && session->async_seq == batch->number)) {
        return NULL;
    }
    XIMSS_TRY(ximss_deliver_add(request->context, session, &reply, request->r->pool));
    session->async_seq = batch->number;
    return NULL;
}

static int handle_batch(ximss_request_t *request, int async)
{
    batch_t batch = {.number = -1, .pieces = {{"", 0}, {"", 0}, {"", 0}}};
    const ximss_element_t *root;
    const ximss_error_t *error;
    ximss_session_t *session;
    int answer;

    if (read_batch(request, &root, &error, &answer) != OK ||
        ximss_request_lock(request, &session, &answer) != OK) {
        return answer;
    }
    if (error == NULL && root != NULL) {
        error = run_batch(request, session, root, &batch);
    }
    if (error == NULL && async) {
        error = finish_async(request, session, &batch);
    }
    else if (error == NULL) {
        finish_sync(request, session, &batch);
    }
    ximss_request_unlock(request, session);
    if (error != NULL) {
        return ximss_reply_error(request, error);
    }
    return reply_joined(request, HTTP_OK, batch.pieces, PIECES);
}

int ximss_handle_sync(ximss_request_t *request)
{
    return handle_batch(request, 0);
}

int ximss_handle_async(ximss_request_t *request)
{
    return handle_batch(request, 1);
}

int ximss_handle_missing(ximss_request_t *request)
{
    return ximss_reply_text(request, HTTP_NOT_IMPLEMENTED, "not supported by this server");
}

int ximss_handle_kill(ximss_request_t *request)
{
    ximss_session_t *session;
    int answer;

    if (ximss_request_lock(request, &session, &answer) != OK) {
        return answer;
    }
    session->ended = XIMSS_ENDED_BY_CLIENT;
    ximss_request_unlock(request, session);
    return ximss_reply_empty(request);
}
