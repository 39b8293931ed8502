/* A wait is parked where that can be done; else it blocks a thread, and few may. */
#include "mod_ximss/wait.h"
#include "base/clock.h"

#include "mod_ximss/config.h"
#include "mod_ximss/park.h"
#include "mod_ximss/waiters.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_portable.h>
#include <http_core.h>
#include <poll.h>

#define LOOK_MS       500 /* how long a client that went keeps a thread */
#define STREAMS_SHARE 3   /* of the threads of HTTP/2: the others answer */
#define STATUS_NOBODY 499

/* How many requests block, and how many may. */
typedef struct blocked_t {
    volatile apr_uint32_t now;
    apr_uint32_t most;
} blocked_t;

static blocked_t all; /* a stream, too, holds one of httpd's threads: that of its connection */
static blocked_t streams;

/* The threads that mod_http2 starts in a child at most, by its own rules. */
static int http2_threads(int child_threads)
{
    int most = ximss_config_foreign("H2MaxWorkers", 0);
    int least = ximss_config_foreign("H2MinWorkers", 0);

    return most > 0 ? most : (least > 0 ? least : child_threads) * 3 / 2;
}

void ximss_wait_init(int most)
{
    int child_threads = 1;
    int share;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &child_threads);
    if (most < 0) {
        most = child_threads > 1 ? child_threads / 2 : 1;
    }
    share = http2_threads(child_threads) / STREAMS_SHARE;
    all.most = (apr_uint32_t)most;
    streams.most = (apr_uint32_t)share;
}

int ximss_wait_is_stream(const request_rec *r)
{
    return r->connection->master != NULL;
}

void ximss_wait_gone(request_rec *r)
{
    r->connection->aborted = 1;
    r->connection->keepalive = AP_CONN_CLOSE;
    r->status = STATUS_NOBODY;
}

static int is_gone(const request_rec *r)
{
    conn_rec *c = r->connection;
    struct pollfd client = {.events = POLLRDHUP};

    if (c->aborted || ximss_wait_is_stream(r)) {
        return c->aborted; /* that of a stream is set when the client resets it, or goes */
    }
    return apr_os_sock_get(&client.fd, ap_get_conn_socket(c)) == APR_SUCCESS &&
           poll(&client, 1, 0) > 0 && (client.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Whether this child is to go: prefork tells its modules only when it goes. */
static int is_stopping(void)
{
    int state;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING;
}

/* Blocks until there is something, the child stops, or it is DEADLINE; 0 when the client went. */
static int block(const request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline)
{
    apr_int64_t left;

    do {
        left = deadline - ximss_clock_ms();
        ximss_wait_block(wait, left < LOOK_MS ? left : LOOK_MS);
        if (is_gone(r)) {
            return 0;
        }
    } while (left > LOOK_MS && !is_stopping() && ximss_wait_look(wait) == XIMSS_WAIT_NOTHING);
    return 1;
}

int ximss_wait_run(request_rec *r, const ximss_wait_t *wait, apr_int64_t deadline,
                   ximss_wait_try_t *try_it, void *baton)
{
    int stream = ximss_wait_is_stream(r);
    int too_many;
    int answer;

    if (ximss_park(r, wait, deadline, try_it, baton)) {
        return SUSPENDED;
    }
    too_many = apr_atomic_inc32(&all.now) >= all.most;
    too_many |= stream && apr_atomic_inc32(&streams.now) >= streams.most;
    while (!try_it(baton, too_many || is_stopping() || ximss_clock_ms() >= deadline, &answer)) {
        if (!block(r, wait, deadline)) {
            ximss_wait_end(wait);
            ximss_wait_gone(r);
            answer = DONE;
            break;
        }
    }
    apr_atomic_dec32(&all.now);
    if (stream) {
        apr_atomic_dec32(&streams.now);
    }
    return answer;
}

int ximss_wait_count(void)
{
    return (int)apr_atomic_read32(&all.now) + ximss_waiters_count();
}
