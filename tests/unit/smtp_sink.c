/* The server's side of SMTP as far as the client of lib/submit needs it. */
#include "unit/smtp_sink.h"

#include <check.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

void sink_init(sink_t *sink)
{
    memset(sink, 0, sizeof(*sink));
    sink->features = "PIPELINING|8BITMIME|SIZE 1000000|DSN|SMTPUTF8|ENHANCEDSTATUSCODES";
    sink->drop = SINK_STEPS;
    sink->hang = SINK_STEPS;
}

static int get_byte(sink_t *sink)
{
    unsigned char byte;
    if (sink->ssl != NULL) {
        return SSL_read(sink->ssl, &byte, 1) == 1 ? byte : -1;
    }
    return recv(sink->fd, &byte, 1, 0) == 1 ? byte : -1;
}

static void put_text(sink_t *sink, const char *text)
{
    if (sink->ssl != NULL) {
        SSL_write(sink->ssl, text, (int)strlen(text));
    }
    else {
        send(sink->fd, text, strlen(text), MSG_NOSIGNAL);
    }
}

/* Whether the talk goes on: 0 when the script drops the connection here, or nothing more is said. */
static int goes_on(sink_t *sink, sink_step_t step)
{
    if (sink->drop == step) {
        return 0;
    }
    if (sink->hang == step && step == SINK_BODY) {
        struct pollfd entry = {.fd = sink->listener, .events = 0}; /* until sink_stop */
        poll(&entry, 1, -1);
        return 0;
    }
    if (sink->hang == step) {
        while (get_byte(sink) >= 0) {
        }
        return 0;
    }
    return 1;
}

static int answer(sink_t *sink, sink_step_t step, const char *usual)
{
    char line[2048];
    if (!goes_on(sink, step)) {
        return 0;
    }
    snprintf(line, sizeof(line), "%s\r\n",
             sink->answers[step] != NULL ? sink->answers[step] : usual);
    put_text(sink, line);
    return 1;
}

/* A command without its line end. */
static int get_line(sink_t *sink, char *line, apr_size_t room)
{
    apr_size_t length = 0;
    int byte;
    while ((byte = get_byte(sink)) >= 0 && byte != '\n') {
        if (length + 1 < room && byte != '\r') {
            line[length++] = (char)byte;
        }
    }
    line[length] = '\0';
    return byte >= 0;
}

/* Whether the message ends with the byte that came last. */
static int is_end(const sink_t *sink, apr_size_t start)
{
    const char *data = sink->data + start;
    apr_size_t length = sink->data_length - start;
    if (!sink->lax) {
        return (length == 3 && memcmp(data, ".\r\n", 3) == 0) ||
               (length >= 5 && memcmp(data + length - 5, "\r\n.\r\n", 5) == 0);
    }
    return length >= 3 && data[length - 2] == '.' && strchr("\r\n", data[length - 1]) != NULL &&
           strchr("\r\n", data[length - 3]) != NULL;
}

static int get_message(sink_t *sink)
{
    apr_size_t start = sink->data_length;
    int byte;
    if (!goes_on(sink, SINK_BODY)) {
        return 0;
    }
    while ((byte = get_byte(sink)) >= 0) {
        ck_assert_uint_lt(sink->data_length, sizeof(sink->data) - 1);
        sink->data[sink->data_length++] = (char)byte;
        if (is_end(sink, start)) {
            sink->messages++;
            return answer(sink, SINK_DOT, "250 2.0.0 queued as 1");
        }
    }
    return 0;
}

static int start_tls(sink_t *sink)
{
    sink->ssl = SSL_new(sink->tls);
    SSL_set_fd(sink->ssl, sink->fd);
    sink->tls_used = SSL_accept(sink->ssl) == 1;
    return sink->tls_used;
}

static int say_features(sink_t *sink)
{
    char text[1024];
    if (sink->answers[SINK_EHLO] != NULL || !goes_on(sink, SINK_EHLO)) {
        return answer(sink, SINK_EHLO, "");
    }
    snprintf(text, sizeof(text), "250-sink.example|%s|HELP", sink->features);
    for (char *at = strchr(text, '|'); at != NULL; at = strchr(at, '|')) {
        *at = '\n';
    }
    for (char *at = text; *at != '\0';) {
        char *end = strchr(at, '\n');
        char line[256];
        snprintf(line, sizeof(line), "250%c%.*s\r\n", end != NULL ? '-' : ' ',
                 end != NULL ? (int)(end - at) : (int)strlen(at), at == text ? "sink" : at);
        put_text(sink, line);
        at = end != NULL ? end + 1 : at + strlen(at);
    }
    return 1;
}

/* AUTH LOGIN asks twice. */
static int check_login(sink_t *sink, const char *line)
{
    char secret[1024];
    if (strncasecmp(line, "AUTH LOGIN", 10) == 0) {
        for (int i = 0; i < 2; i++) {
            put_text(sink, "334 go on\r\n");
            if (!get_line(sink, secret, sizeof(secret))) {
                return 0;
            }
            sink->commands_length += (apr_size_t)snprintf(
                sink->commands + sink->commands_length,
                sizeof(sink->commands) - sink->commands_length, "%s\n", secret);
        }
    }
    return answer(sink, SINK_AUTH, "235 2.7.0 welcome");
}

static int take_recipient(sink_t *sink, const char *line)
{
    const char *address = strchr(line, '<');
    char text[256];
    if (address != NULL && isdigit((unsigned char)address[1])) {
        snprintf(text, sizeof(text), "%.3s says so\r\n", address + 1);
        put_text(sink, text);
        return 1;
    }
    return answer(sink, SINK_RCPT, "250 2.1.5 ok");
}

static int obey(sink_t *sink, const char *line)
{
    if (strncasecmp(line, "EHLO ", 5) == 0) {
        return say_features(sink);
    }
    if (strcasecmp(line, "STARTTLS") == 0) {
        return answer(sink, SINK_STARTTLS, "220 go ahead") &&
               (sink->answers[SINK_STARTTLS] != NULL || start_tls(sink));
    }
    if (strncasecmp(line, "AUTH ", 5) == 0) {
        return check_login(sink, line);
    }
    if (strncasecmp(line, "MAIL ", 5) == 0) {
        return answer(sink, SINK_MAIL, "250 2.1.0 ok");
    }
    if (strncasecmp(line, "RCPT ", 5) == 0) {
        return take_recipient(sink, line);
    }
    if (strcasecmp(line, "DATA") == 0) {
        return answer(sink, SINK_DATA, "354 send it") &&
               (sink->answers[SINK_DATA] != NULL || get_message(sink));
    }
    put_text(sink, strcasecmp(line, "QUIT") == 0 ? "221 bye\r\n" : "250 ok\r\n");
    return strcasecmp(line, "QUIT") != 0;
}

static void talk(sink_t *sink)
{
    char line[4096];
    if ((sink->smtps && !start_tls(sink)) || !answer(sink, SINK_GREETING, "220 sink ESMTP")) {
        return;
    }
    do {
        if (!get_line(sink, line, sizeof(line))) {
            return;
        }
        if (*line == '\0') {
            continue; /* the LF behind a CR that a lax sink took for the end of a message */
        }
        sink->commands_length +=
            (apr_size_t)snprintf(sink->commands + sink->commands_length,
                                 sizeof(sink->commands) - sink->commands_length, "%s\n", line);
    } while (*line == '\0' || obey(sink, line));
}

static void *run(void *baton)
{
    sink_t *sink = baton;
    sink->fd = accept(sink->listener, NULL, NULL);
    if (sink->fd >= 0) {
        static const int on = 1;
        setsockopt(sink->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        talk(sink);
        SSL_free(sink->ssl);
        close(sink->fd);
    }
    return NULL;
}

void sink_start(sink_t *sink)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(sink->listener, (struct sockaddr *)(void *)&address, length), 0);
    ck_assert_int_eq(listen(sink->listener, 1), 0);
    getsockname(sink->listener, (struct sockaddr *)(void *)&address, &length);
    sink->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&sink->thread, NULL, run, sink), 0);
}

void sink_stop(sink_t *sink)
{
    shutdown(sink->listener, SHUT_RDWR);
    pthread_join(sink->thread, NULL);
    close(sink->listener);
}

/* A certificate for KEY, signed by the issuer's key. */
static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    char alternative[128];
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer != NULL ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    snprintf(alternative, sizeof(alternative), "%s:%s",
             isdigit((unsigned char)*name) ? "IP" : "DNS", name);
    X509_EXTENSION *extension =
        issuer != NULL ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative)
                       : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert_int_gt(X509_sign(certificate, issuer_key, EVP_sha256()), 0);
    return certificate;
}

SSL_CTX *sink_tls(const char *name, const char *file)
{
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *authority = make_certificate("Test authority", authority_key, NULL, authority_key);
    X509 *certificate = make_certificate(name, key, authority, authority_key);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    PEM_write_X509(out, authority);
    fclose(out);
    ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(authority);
    X509_free(certificate);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
    return context;
}
