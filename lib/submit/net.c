/* Sockets that never block, poll() with the time that is left, and OpenSSL on top. */
#include "submit/net.h"
#include "base/clock.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ximss_net_t {
    int fd;
    int is_loopback;
    SSL_CTX *context;
    SSL *tls; /* NULL: in clear */
    apr_pool_t *pool;
};

#define net_error(pool, ...) ximss_error(pool, XIMSS_E_SUBMISSION, __VA_ARGS__)

static const char *reason(int number, apr_pool_t *pool)
{
    char text[200];
    return apr_pstrdup(pool, apr_strerror(number, text, sizeof(text)));
}

static apr_status_t close_net(void *baton)
{
    ximss_net_t *net = baton;
    SSL_free(net->tls);
    SSL_CTX_free(net->context);
    if (net->fd >= 0) {
        close(net->fd);
    }
    return APR_SUCCESS;
}

/* Waits until the socket can be read or written (EVENTS). */
static const ximss_error_t *wait_for(const ximss_net_t *net, short events, apr_int64_t deadline)
{
    struct pollfd entry = {.fd = net->fd, .events = events};
    for (;;) {
        apr_int64_t left = deadline - ximss_clock_ms();
        int ready = left > 0 ? poll(&entry, 1, (int)left) : 0;
        if (ready > 0) {
            return NULL;
        }
        if (ready == 0) {
            return net_error(net->pool, "no answer in time");
        }
        if (errno != EINTR) {
            return net_error(net->pool, "poll: %s", reason(errno, net->pool));
        }
    }
}

static int is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static const ximss_error_t *connect_to(ximss_net_t *net, const struct addrinfo *address,
                                       int milliseconds)
{
    static const int on = 1;
    int failure = 0;
    socklen_t length = sizeof(failure);
    net->is_loopback = is_loopback(address->ai_addr);
    net->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (net->fd < 0) {
        return net_error(net->pool, "socket: %s", reason(errno, net->pool));
    }
    setsockopt(net->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(net->fd, address->ai_addr, address->ai_addrlen) == 0) {
        return NULL;
    }
    if (errno != EINPROGRESS) {
        return net_error(net->pool, "%s", reason(errno, net->pool));
    }
    XIMSS_TRY(wait_for(net, POLLOUT, ximss_clock_ms() + milliseconds));
    getsockopt(net->fd, SOL_SOCKET, SO_ERROR, &failure, &length);
    return failure == 0 ? NULL : net_error(net->pool, "%s", reason(failure, net->pool));
}

/* Tries one address after the other; the error of the last one stands for all. */
static const ximss_error_t *connect_to_any(ximss_net_t *net, const struct addrinfo *addresses,
                                           int milliseconds)
{
    const ximss_error_t *error = NULL;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        error = connect_to(net, at, milliseconds);
        if (error == NULL) {
            return NULL;
        }
        if (net->fd >= 0) {
            close(net->fd);
            net->fd = -1;
        }
    }
    return error;
}

const ximss_error_t *ximss_net_open(ximss_net_t **opened, const char *host, int port,
                                    int milliseconds, apr_pool_t *pool)
{
    static const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    ximss_net_t *net = apr_pcalloc(pool, sizeof(*net));
    net->fd = -1;
    net->pool = pool;
    int failure = getaddrinfo(host, apr_itoa(pool, port), &hints, &addresses);
    if (failure != 0) {
        return net_error(pool, "%s: %s", host, gai_strerror(failure));
    }
    const ximss_error_t *error = connect_to_any(net, addresses, milliseconds);
    freeaddrinfo(addresses);
    if (error != NULL) {
        return net_error(pool, "%s port %d: %s", host, port, error->text);
    }
    apr_pool_cleanup_register(pool, net, close_net, apr_pool_cleanup_null);
    *opened = net;
    return NULL;
}

/* What OpenSSL says of the last failure, the certificate's fault first. */
static const ximss_error_t *tls_error(const ximss_net_t *net)
{
    char text[200];
    long fault = net->tls != NULL ? SSL_get_verify_result(net->tls) : X509_V_OK;
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (fault != X509_V_OK) {
        return net_error(net->pool, "the server's certificate is refused: %s",
                         X509_verify_cert_error_string(fault));
    }
    if (code == 0) {
        return net_error(net->pool, "the connection was lost");
    }
    ERR_error_string_n(code, text, sizeof(text));
    return net_error(net->pool, "TLS: %s", text);
}

/* After a TLS call answered RESULT: waits for what it waits for, or says what failed. */
static const ximss_error_t *tls_wait(const ximss_net_t *net, int result, apr_int64_t deadline)
{
    switch (SSL_get_error(net->tls, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(net, POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(net, POLLOUT, deadline);
    case SSL_ERROR_ZERO_RETURN:
        return net_error(net->pool, "the server closed the connection");
    default:
        return tls_error(net);
    }
}

static int make_context(ximss_net_t *net, const char *ca_file)
{
    net->context = SSL_CTX_new(TLS_client_method());
    if (net->context == NULL) {
        return 0;
    }
    SSL_CTX_set_verify(net->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(net->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    return SSL_CTX_set_min_proto_version(net->context, TLS1_2_VERSION) &&
           (ca_file != NULL ? SSL_CTX_load_verify_locations(net->context, ca_file, NULL)
                            : SSL_CTX_set_default_verify_paths(net->context));
}

/* The certificate must be for HOST, a name or an address. */
static int make_tls(ximss_net_t *net, const char *host)
{
    net->tls = SSL_new(net->context);
    if (net->tls == NULL || !SSL_set_fd(net->tls, net->fd)) {
        return 0;
    }
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(net->tls), host)) {
        return 1;
    }
    ERR_clear_error();
    SSL_set_hostflags(net->tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(net->tls, host) && SSL_set_tlsext_host_name(net->tls, host);
}

const ximss_error_t *ximss_net_start_tls(ximss_net_t *net, const char *host, const char *ca_file,
                                         int milliseconds)
{
    apr_int64_t deadline = ximss_clock_ms() + milliseconds;
    int result;
    if (!make_context(net, ca_file) || !make_tls(net, host)) {
        return tls_error(net);
    }
    ERR_clear_error();
    while ((result = SSL_connect(net->tls)) != 1) {
        XIMSS_TRY(tls_wait(net, result, deadline));
    }
    return NULL;
}

int ximss_net_is_private(const ximss_net_t *net)
{
    return net->tls != NULL || net->is_loopback;
}

/* One attempt; *DONE is 0 when it had to wait. */
static const ximss_error_t *write_some(ximss_net_t *net, const char *data, apr_size_t length,
                                       apr_size_t *done, apr_int64_t deadline)
{
    *done = 0;
    if (net->tls != NULL) {
        ERR_clear_error();
        int result = SSL_write_ex(net->tls, data, length, done);
        return result == 1 ? NULL : tls_wait(net, result, deadline);
    }
    ssize_t sent = send(net->fd, data, length, MSG_NOSIGNAL);
    if (sent >= 0) {
        *done = (apr_size_t)sent;
        return NULL;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return wait_for(net, POLLOUT, deadline);
    }
    return net_error(net->pool, "the connection was lost: %s", reason(errno, net->pool));
}

const ximss_error_t *ximss_net_write(ximss_net_t *net, const char *data, apr_size_t length,
                                     int milliseconds)
{
    apr_int64_t deadline = ximss_clock_ms() + milliseconds;
    while (length > 0) {
        apr_size_t done;
        XIMSS_TRY(write_some(net, data, length, &done, deadline));
        data += done;
        length -= done;
    }
    return NULL;
}

static const ximss_error_t *read_some(ximss_net_t *net, char *data, apr_size_t room,
                                      apr_size_t *length, apr_int64_t deadline)
{
    *length = 0;
    if (net->tls != NULL) {
        ERR_clear_error();
        int result = SSL_read_ex(net->tls, data, room, length);
        return result == 1 ? NULL : tls_wait(net, result, deadline);
    }
    ssize_t got = recv(net->fd, data, room, 0);
    if (got > 0) {
        *length = (apr_size_t)got;
        return NULL;
    }
    if (got == 0) {
        return net_error(net->pool, "the server closed the connection");
    }
    if (errno == EAGAIN || errno == EINTR) {
        return wait_for(net, POLLIN, deadline);
    }
    return net_error(net->pool, "the connection was lost: %s", reason(errno, net->pool));
}

const ximss_error_t *ximss_net_read(ximss_net_t *net, char *data, apr_size_t room,
                                    apr_size_t *length, apr_int64_t deadline)
{
    do {
        XIMSS_TRY(read_some(net, data, room, length, deadline));
    } while (*length == 0);
    return NULL;
}
