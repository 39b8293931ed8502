/* Parking a request in the event MPM: its connection becomes one that waits to be read, but the descriptor that the MPM
 * polls meanwhile is an eventfd of ours. Without such an MPM nothing here does anything. */
#include "mod_ximss/park.h"
#include "base/clock.h"

#include "mod_ximss/carry.h"
#include "mod_ximss/config.h"
#include "mod_ximss/shm.h"
#include "mod_ximss/waiters.h"

#include <ap_mpm.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mpm_common.h>

APLOG_USE_MODULE(ximss);

/* Makes ready what parking needs; whether that can be done here. */
static int prepare(server_rec *server);

static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *server)
{
    const ximss_config_t *config = ximss_config_get(server);
    int parks;

    (void)pconf, (void)plog, (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG || ximss_shm_slots() == 0 ||
        !ximss_config_any_engine(server)) {
        return OK;
    }
    parks = config->async != XIMSS_SECURE_OFF && prepare(server);
    if (config->async == XIMSS_SECURE_ON && !parks) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0616: XimssAsync On: this MPM cannot park polls, they block threads");
    }
    ximss_carry_check(server, parks);
    return OK;
}

/* XIMSS_BLOCKING_ONLY: as if httpd were older, for tests */
#if defined(AP_MPMQ_CAN_WAITIO) && !defined(XIMSS_BLOCKING_ONLY)

#include <apr_portable.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETAINED_KEY  "mod_ximss_waker_1"
#define NUDGE_PERCENT 80 /* of the time after which the MPM would close the connection */

/* What a connection has for the requests on it. */
typedef struct parked_t {
    int in_run;  /* our process_connection hook is around the running one */
    int signal;  /* eventfd, made for the first wait; -1: none */
    int client;  /* while SWAPPED: the client's descriptor */
    int swapped; /* the socket carries the eventfd */
    int number;  /* of the waiter; 0: no request is parked */
    int gone;    /* the client is */
    request_rec *request;
    const ximss_wait_t *wait;
    apr_int64_t deadline;
    ximss_wait_try_t *try_it;
    void *baton;
} parked_t;

static ximss_waker_t *waker; /* lives in memory that httpd's restarts keep */
static int place;            /* of this child */

static parked_t *parked_of(const conn_rec *c)
{
    return ap_get_module_config(c->conn_config, &ximss_module);
}

/* ---- the swap ---- */

/* The MPM lets go of the connection: it is about to poll its socket. */
static void on_suspend(conn_rec *c, request_rec *r)
{
    parked_t *parked = parked_of(c);
    apr_socket_t *socket = ap_get_conn_socket(c);

    (void)r;
    if (parked == NULL || parked->number == 0 || parked->swapped ||
        c->cs->state != CONN_STATE_ASYNC_WAITIO ||
        apr_os_sock_get(&parked->client, socket) != APR_SUCCESS) {
        return;
    }
    apr_os_sock_put(&socket, &parked->signal, c->pool);
    parked->swapped = 1;
}

/* A worker has it again, or the MPM is about to close it. */
static void on_resume(conn_rec *c, request_rec *r)
{
    parked_t *parked = parked_of(c);
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_os_sock_t now = -1;

    (void)r;
    if (parked == NULL || !parked->swapped) {
        return;
    }
    parked->gone = ximss_waiters_take(parked->number);
    parked->swapped = 0;
    apr_os_sock_get(&now, socket);
    if (now == -1) {
        /* the MPM could not poll it and closed what it thought to be the client */
        close(parked->client);
        parked->signal = -1;
        return;
    }
    apr_os_sock_put(&socket, &parked->client, c->pool);
}

/* ---- a parked request ---- */

static apr_status_t close_signal(void *data)
{
    parked_t *parked = data;

    if (parked->signal >= 0) {
        close(parked->signal);
        parked->signal = -1;
    }
    return APR_SUCCESS;
}

/* The request goes before it was answered: the MPM closed its connection. */
static apr_status_t on_request_gone(void *data)
{
    parked_t *parked = data;

    if (ximss_waiters_running()) {
        ximss_waiters_drop(parked->number);
        ximss_wait_end(parked->wait);
    }
    parked->number = 0;
    return APR_SUCCESS;
}

static int make_signal(conn_rec *c, parked_t *parked)
{
    if (parked->signal < 0) {
        parked->signal = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (parked->signal < 0) {
            return 0;
        }
        apr_pool_cleanup_register(c->pool, parked, close_signal, apr_pool_cleanup_null);
    }
    return 1;
}

int ximss_park_place(const request_rec *r)
{
    const conn_rec *c = r->connection;
    const parked_t *parked = parked_of(c);

    /* streams of HTTP/2 and sub-requests run inside a call that waits for them */
    return place != 0 && c->master == NULL && r->main == NULL && parked != NULL && parked->in_run &&
                   !c->clogging_input_filters
               ? place
               : 0;
}

static int nudge_of(const request_rec *r)
{
    apr_interval_time_t most = r->server->timeout;

    if (r->connection->base_server->timeout < most) {
        most = r->connection->base_server->timeout;
    }
    return (int)(apr_time_as_msec(most) * NUDGE_PERCENT / 100);
}

int ximss_park(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
               ximss_wait_try_t *try_it, void *baton)
{
    conn_rec *c = r->connection;
    parked_t *parked = parked_of(c);
    apr_os_sock_t client;

    if (ximss_park_place(r) == 0 || !make_signal(c, parked) ||
        apr_os_sock_get(&client, ap_get_conn_socket(c)) != APR_SUCCESS) {
        return 0;
    }
    parked->request = r;
    parked->wait = wait;
    parked->deadline = deadline;
    parked->try_it = try_it;
    parked->baton = baton;
    parked->gone = 0;
    parked->number = ximss_waiters_add(wait, client, parked->signal, deadline, nudge_of(r));
    if (parked->number == 0) {
        return 0;
    }
    apr_pool_cleanup_register(r->pool, parked, on_request_gone, apr_pool_cleanup_null);
    return 1;
}

static void wait_for_signal(conn_rec *c)
{
    c->cs->state = CONN_STATE_ASYNC_WAITIO;
    c->cs->sense = CONN_SENSE_WANT_READ;
}

/* What httpd does after a handler. R is gone when it returns. */
static void finish(request_rec *r, int answer)
{
    if (answer == OK || answer == DONE) {
        ap_finalize_request_protocol(r);
    }
    else {
        r->status = HTTP_OK;
        ap_die(answer, r);
    }
    ap_process_request_after_handler(r);
}

/* A worker has the connection of a parked request. */
static void go_on(conn_rec *c, parked_t *parked)
{
    request_rec *r = parked->request;
    /* again, as the MPM may not have come to poll it */
    int gone = ximss_waiters_take(parked->number) || parked->gone;
    int answer = OK;
    uint64_t count;
    ssize_t got = read(parked->signal, &count, sizeof(count));

    (void)got; /* nothing there: the MPM woke it by itself */
    if (!gone && !parked->try_it(parked->baton, ximss_clock_ms() >= parked->deadline, &answer)) {
        wait_for_signal(c);
        ximss_waiters_again(parked->number);
        return;
    }
    apr_pool_cleanup_run(r->pool, parked, on_request_gone);
    if (gone) {
        ximss_wait_gone(r);
        ap_process_request_after_handler(r);
    }
    else {
        finish(r, answer);
    }
}

/* Around all others, since it is httpd's core that sets SUSPENDED, after the handler. */
static int on_connection(conn_rec *c)
{
    parked_t *parked = parked_of(c);
    int result;

    if (place == 0 || c->master != NULL || c->cs == NULL || (parked != NULL && parked->in_run)) {
        return DECLINED;
    }
    if (parked == NULL) {
        parked = apr_pcalloc(c->pool, sizeof(*parked));
        parked->signal = -1;
        ap_set_module_config(c->conn_config, &ximss_module, parked);
    }
    if (parked->number != 0) {
        go_on(c, parked);
        return OK;
    }
    parked->in_run = 1;
    result = ap_run_process_connection(c);
    parked->in_run = 0;
    if (result == OK && parked->number != 0 && c->cs->state == CONN_STATE_SUSPENDED) {
        wait_for_signal(c);
    }
    return result;
}

/* ---- life cycle ---- */

static int can_wait(void)
{
    int async = 0;
    int waits = 0;

    /* others answer that they do not know the question */
    return ap_mpm_query(AP_MPMQ_IS_ASYNC, &async) == APR_SUCCESS && async > 0 &&
           ap_mpm_query(AP_MPMQ_CAN_WAITIO, &waits) == APR_SUCCESS && waits > 0;
}

static int get_waker(server_rec *server)
{
    ximss_waker_t **kept = ap_retained_data_get(RETAINED_KEY);
    apr_uint32_t slots = (apr_uint32_t)ximss_shm_slots();
    int processes = 1;

    if (kept == NULL) {
        kept = ap_retained_data_create(RETAINED_KEY, sizeof(*kept));
    }
    /* old and new children overlap in a restart */
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &processes);
    processes = processes < XIMSS_WAKER_MOST / 2 ? processes * 2 : XIMSS_WAKER_MOST;
    if (*kept == NULL || ximss_waker_slots(*kept) != slots ||
        ximss_waker_processes(*kept) < processes) {
        /* old children go on with the old one */
        *kept = ximss_waker_make(processes, slots);
    }
    waker = *kept;
    if (waker == NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, server,
                     "XM0612: cannot make what parked polls are woken by: polls block threads");
    }
    return waker != NULL;
}

static int prepare(server_rec *server)
{
    return can_wait() && get_waker(server);
}

static apr_status_t on_child_exit(void *unused)
{
    (void)unused;
    ximss_waiters_quit();
    ximss_waker_release(waker, getpid());
    return APR_SUCCESS;
}

static void on_child_init(apr_pool_t *pchild, server_rec *server)
{
    const ximss_config_t *config = ximss_config_get(server);
    ximss_waiters_options_t options = {.waker = waker};
    int threads = 1;
    int status;

    if (waker == NULL || ximss_shm_table() == NULL) {
        return;
    }
    /* also where this child cannot park: it wakes the polls of others */
    ximss_table_set_waker(ximss_shm_table(), waker);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    options.place = ximss_waker_claim(waker);
    options.most = config->parked >= 0 ? config->parked : ximss_shm_slots();
    options.in_flight = threads > 1 ? threads / 2 : 1;
    status = options.place != 0 ? ximss_waiters_start(&options) : ENOSPC;
    if (status != 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, server,
                     "XM0617: a child cannot park polls: they block its threads");
        ximss_waker_release(waker, getpid());
        return;
    }
    place = options.place;
    apr_pool_pre_cleanup_register(pchild, NULL, on_child_exit);
}

static void on_child_stopping(apr_pool_t *pchild, int graceful)
{
    (void)pchild;
    ximss_waiters_stop(graceful);
}

/* In the parent: a child that crashed freed nothing. */
static void on_child_status(server_rec *server, pid_t pid, ap_generation_t generation, int slot,
                            mpm_child_status state)
{
    (void)server, (void)generation, (void)slot;
    if (state == MPM_CHILD_EXITED && waker != NULL) {
        ximss_waker_release(waker, pid);
    }
}

void ximss_park_register(void)
{
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(on_child_init, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_stopping(on_child_stopping, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_status(on_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_process_connection(on_connection, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_suspend_connection(on_suspend, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_resume_connection(on_resume, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

#else

static int prepare(server_rec *server)
{
    (void)server;
    return 0;
}

void ximss_park_register(void)
{
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_LAST);
}

int ximss_park_place(const request_rec *r)
{
    (void)r;
    return 0;
}

int ximss_park(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
               ximss_wait_try_t *try_it, void *baton)
{
    (void)r, (void)wait, (void)deadline, (void)try_it, (void)baton;
    return 0;
}

#endif
