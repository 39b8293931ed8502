/* A connection to a port with "lmtp" behind it in Listen speaks LMTP. On any other port the kernel hands a connection
 * over only once the client has said something, and here the server begins. A connection holds a worker, so few may
 * be open; one that has no message under way ends when the child does. */
#include "mod_ximss/lmtp.h"

#include "mod_ximss/config.h"
#include "mod_ximss/shm.h"
#include "submit/lmtp_store.h"

#include <ap_listen.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_portable.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <mpm_common.h>
#include <poll.h>
#include <scoreboard.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

APLOG_USE_MODULE(ximss);

#define CHUNK 16384

/* The ports, as apr_sockaddr_t *; NULL: none. Set in the parent. */
static apr_array_header_t *ports;

/* What this child has. */
static struct {
    int stopping; /* eventfd that can be read once the child stops; -1: none */
    volatile apr_uint32_t now;
    apr_uint32_t most;
} child = {.stopping = -1};

typedef struct client_t {
    conn_rec *c;
    int descriptor;
    int idle_ms;
    apr_bucket_brigade *in;
    apr_bucket_brigade *out;
} client_t;

/* ---- ports ---- */

/* Whether a connection to ADDRESS comes in at PORT, which may be any address of the machine. */
static int is_at(const apr_sockaddr_t *port, const apr_sockaddr_t *address)
{
    return port->port == address->port &&
           (apr_sockaddr_is_wildcard(port) || apr_sockaddr_equal(port, address));
}

static int is_lmtp(const conn_rec *c)
{
    int i;

    for (i = 0; ports != NULL && i < ports->nelts; i++) {
        if (is_at(APR_ARRAY_IDX(ports, i, apr_sockaddr_t *), c->local_addr)) {
            return 1;
        }
    }
    return 0;
}

/* Whether a connection to PORT may belong to virtual host SERVER. */
static int serves(const server_rec *server, const apr_sockaddr_t *port)
{
    const server_addr_rec *each;

    for (each = server->addrs; each != NULL; each = each->next) {
        if ((each->host_port == 0 || each->host_port == port->port) &&
            (apr_sockaddr_is_wildcard(each->host_addr) || apr_sockaddr_is_wildcard(port) ||
             apr_sockaddr_equal(each->host_addr, port))) {
            return 1;
        }
    }
    return 0;
}

/* Whether mail that comes in at PORT finds a store. */
static int has_engine(const server_rec *server, const apr_sockaddr_t *port)
{
    const server_rec *each;
    int hosts = 0;

    for (each = server->next; each != NULL; each = each->next) {
        if (serves(each, port)) {
            hosts++;
            if (ximss_config_get(each)->engine) {
                return 1;
            }
        }
    }
    return hosts == 0 && ximss_config_get(server)->engine;
}

static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *server)
{
    const ap_listen_rec *each;

    (void)plog, (void)ptemp;
    ports = apr_array_make(pconf, 2, sizeof(apr_sockaddr_t *));
    for (each = ap_listeners; each != NULL; each = each->next) {
        if (each->protocol == NULL || strcmp(each->protocol, "lmtp") != 0) {
            continue;
        }
        if (!has_engine(server, each->bind_addr)) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server,
                         "XM0640: Listen %pI lmtp: there is no mail behind this port: set "
                         "XimssEngine On in the main server, or in a <VirtualHost %pI>",
                         each->bind_addr, each->bind_addr);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        APR_ARRAY_PUSH(ports, apr_sockaddr_t *) = each->bind_addr;
    }
    return OK;
}

/* ---- a connection ---- */

static int send_bytes(void *baton, const char *bytes, apr_size_t length)
{
    client_t *client = baton;
    apr_status_t status = apr_brigade_write(client->out, NULL, NULL, bytes, length);

    if (status == APR_SUCCESS) {
        status = ap_fflush(client->c->output_filters, client->out);
    }
    apr_brigade_cleanup(client->out);
    return status == APR_SUCCESS && !client->c->aborted;
}

static int is_stopping(void)
{
    int state = AP_MPMQ_RUNNING;

    ap_mpm_query(AP_MPMQ_MPM_STATE, &state);
    return state == AP_MPMQ_STOPPING;
}

/* Waits until there is something to read; else the reply that ends the connection. */
static const char *wait_for_client(const client_t *client, int idle)
{
    static const char stopping[] = "421 4.3.2 the server stops";
    struct pollfd files[2] = {{.fd = client->descriptor, .events = POLLIN},
                              {.fd = child.stopping, .events = POLLIN}};
    int ready;

    do {
        /* In prefork a stop is a signal, which interrupts poll. */
        if (idle && is_stopping()) {
            return stopping;
        }
        ready = poll(files, idle ? 2 : 1, client->idle_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return "421 4.4.2 idle for too long";
    }
    return files[0].revents != 0 ? NULL : stopping;
}

/* Feeds LMTP with what there is in client->in; 0: the connection is over. */
static int feed(client_t *client, ximss_lmtp_t *lmtp)
{
    apr_bucket *bucket;
    int open = 1;

    for (bucket = APR_BRIGADE_FIRST(client->in); open && bucket != APR_BRIGADE_SENTINEL(client->in);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char *bytes;
        apr_size_t length;

        if (APR_BUCKET_IS_EOS(bucket) ||
            apr_bucket_read(bucket, &bytes, &length, APR_BLOCK_READ) != APR_SUCCESS) {
            open = 0;
        }
        else {
            open = ximss_lmtp_feed(lmtp, bytes, length);
        }
    }
    apr_brigade_cleanup(client->in);
    return open;
}

static void talk(client_t *client, ximss_lmtp_t *lmtp)
{
    const char *farewell = NULL;
    int open = 1;

    while (open) {
        apr_status_t status = ap_get_brigade(client->c->input_filters, client->in,
                                             AP_MODE_READBYTES, APR_NONBLOCK_READ, CHUNK);

        if (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(client->in)) {
            open = feed(client, lmtp);
        }
        else if (status == APR_SUCCESS || APR_STATUS_IS_EAGAIN(status)) {
            farewell = wait_for_client(client, ximss_lmtp_is_idle(lmtp));
            open = farewell == NULL;
        }
        else {
            open = 0;
        }
    }
    if (farewell != NULL) {
        ximss_lmtp_end(lmtp, farewell);
    }
}

static apr_int64_t clock_seconds(void)
{
    return apr_time_sec(apr_time_now());
}

/* Serves CLIENT from the store of its server. */
static void serve(client_t *client, const ximss_config_t *config, const ximss_context_t *context)
{
    const server_rec *server = client->c->base_server;
    ximss_lmtp_store_t store = {.store = context->store, .limits = context->limits};
    ximss_lmtp_server_t lmtp = {.address = client->c->client_ip,
                                .spool_dir = config->data_dir,
                                .message_bytes = context->limits->message_bytes,
                                .clock = clock_seconds,
                                .client = client,
                                .send = send_bytes};

    lmtp.name = server->server_hostname != NULL ? server->server_hostname : "localhost";
    ximss_lmtp_into_store(&lmtp, &store);
    talk(client, ximss_lmtp_start(&lmtp, client->c->pool));
}

static void refuse(client_t *client, const char *reply)
{
    send_bytes(client, reply, strlen(reply));
}

static void serve_or_refuse(client_t *client)
{
    const ximss_config_t *config = ximss_config_get(client->c->base_server);
    const ximss_context_t *context =
        config->engine ? ximss_shm_context(client->c->base_server) : NULL;

    client->idle_ms = config->lmtp_timeout * 1000;
    if (apr_atomic_inc32(&child.now) >= child.most) {
        ap_log_cerror(APLOG_MARK, APLOG_WARNING, 0, client->c,
                      "XM0641: refused: %u connections of LMTP are open in this child "
                      "(XimssMaxLMTPConnections)",
                      child.most);
        refuse(client, "421 4.3.2 too many connections\r\n");
    }
    else if (context == NULL) {
        refuse(client, "421 4.3.0 the mail store cannot be opened\r\n");
    }
    else {
        serve(client, config, context);
    }
    apr_atomic_dec32(&child.now);
}

static int on_connection(conn_rec *c)
{
    client_t client = {.c = c};
    apr_socket_t *socket = ap_get_conn_socket(c);

    if (c->master != NULL || socket == NULL || !is_lmtp(c)) {
        return DECLINED;
    }
    ap_update_child_status_from_conn(c->sbh, SERVER_BUSY_READ, c);
    apr_os_sock_get(&client.descriptor, socket);
    apr_socket_timeout_set(socket,
                           apr_time_from_sec(ximss_config_get(c->base_server)->lmtp_timeout));
    client.in = apr_brigade_create(c->pool, c->bucket_alloc);
    client.out = apr_brigade_create(c->pool, c->bucket_alloc);
    serve_or_refuse(&client);
    c->keepalive = AP_CONN_CLOSE;
    if (c->cs != NULL) {
        c->cs->state = CONN_STATE_LINGER;
    }
    return OK;
}

/* ---- life cycle ---- */

static void on_child_init(apr_pool_t *pchild, server_rec *server)
{
    int most = ximss_config_get(server)->lmtp_connections;
    int threads = 1;

    (void)pchild;
    if (ports == NULL || ports->nelts == 0) {
        return;
    }
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (most == 0) {
        most = threads > 16 ? threads / 8 : 2;
    }
    child.most = (apr_uint32_t)most;
    child.stopping = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void on_child_stopping(apr_pool_t *pchild, int graceful)
{
    uint64_t one = 1;

    (void)pchild, (void)graceful;
    if (child.stopping >= 0 && write(child.stopping, &one, sizeof(one)) < 0) {
        ap_log_error(APLOG_MARK, APLOG_DEBUG, errno, ap_server_conf,
                     "idle connections of LMTP end by their time");
    }
}

void ximss_lmtp_register(void)
{
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(on_child_init, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_stopping(on_child_stopping, NULL, NULL, APR_HOOK_LAST);
    ap_hook_process_connection(on_connection, NULL, NULL, APR_HOOK_FIRST);
}
