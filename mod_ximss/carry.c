/* What waiting polls need of httpd's and the machine's settings: an administrator who asks for a number of
 * them is told at start, not by clients on a busy day. */
#include "mod_ximss/carry.h"

#include "mod_ximss/config.h"

#include <ap_mpm.h>
#include <http_log.h>
#include <sys/resource.h>

APLOG_USE_MODULE(ximss);

#define DEFAULT_FACTOR    2 /* AsyncRequestWorkerFactor */
#define SHORT_TIMEOUT     5 /* seconds: httpd may close a poll before a busy worker has looked at it */
#define LOOKS_MOST        1000 /* a second and child: some 5 % of a processor */
#define DESCRIPTORS_POLL  2
#define DESCRIPTORS_OTHER 256

static int query(int code)
{
    int value = 0;

    return ap_mpm_query(code, &value) == APR_SUCCESS ? value : 0;
}

/* Connections that a child takes when half of its threads are busy. */
static void check_connections(server_rec *server, int parked)
{
    int threads = query(AP_MPMQ_MAX_THREADS);
    int room =
        threads + threads / 2 * ximss_config_foreign("AsyncRequestWorkerFactor", DEFAULT_FACTOR);

    if (room < parked) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, server,
            "XM0613: XimssMaxParkedPolls %d: a child with half of its threads busy takes %d "
            "connections (ThreadsPerChild, AsyncRequestWorkerFactor)",
            parked, room);
    }
}

/* To the MPM a thread whose connections are all parked is a spare one. */
static void check_spare(server_rec *server)
{
    int workers = query(AP_MPMQ_MAX_DAEMONS) * query(AP_MPMQ_MAX_THREADS);
    int spare = query(AP_MPMQ_MAX_SPARE_THREADS);

    if (spare < workers) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0619: MaxSpareThreads %d below MaxRequestWorkers %d: httpd ends children "
                     "that hold parked polls, whose clients come again",
                     spare, workers);
    }
}

static void check_files(server_rec *server, const ximss_config_t *config)
{
    apr_uint64_t files = (apr_uint64_t)config->parked * DESCRIPTORS_POLL +
                         (apr_uint64_t)config->handle_cache * 3 + DESCRIPTORS_OTHER;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < files) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0614: XimssMaxParkedPolls %d needs about %" APR_UINT64_T_FMT
                     " open files a child, %" APR_UINT64_T_FMT " are allowed (ulimit -n)",
                     config->parked, files, (apr_uint64_t)limit.rlim_cur);
    }
}

/* The shortest Timeout of the servers that serve us, in seconds. */
static int shortest_timeout(const server_rec *server)
{
    apr_interval_time_t shortest = server->timeout;

    for (; server != NULL; server = server->next) {
        if (ximss_config_get(server)->engine && server->timeout < shortest) {
            shortest = server->timeout;
        }
    }
    return (int)apr_time_sec(shortest);
}

/* The MPM closes a parked connection after Timeout, so a worker looks at it before. */
static void check_timeout(server_rec *server, int parked)
{
    int timeout = shortest_timeout(server);
    int looks = timeout > 0 ? parked / timeout : parked;

    if (timeout < SHORT_TIMEOUT || looks > LOOKS_MOST) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0615: Timeout %d: XimssMaxParkedPolls %d cost a child %d looks a second",
                     timeout, parked, looks);
    }
}

void ximss_carry_check(server_rec *server, int parks)
{
    const ximss_config_t *config = ximss_config_get(server);
    int threads = query(AP_MPMQ_MAX_THREADS);

    if (threads > 1 && config->polls >= threads) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0620: XimssMaxPolls %d: polls may block all %d threads of a child",
                     config->polls, threads);
    }
    if (parks && config->parked >= 0) {
        check_connections(server, config->parked);
        check_spare(server);
        check_files(server, config);
        check_timeout(server, config->parked);
    }
}
