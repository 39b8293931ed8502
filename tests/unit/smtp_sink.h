/* A scripted SMTP server for one connection, in a thread of the test. */
#ifndef XIMSS_UNIT_SMTP_SINK_H
#define XIMSS_UNIT_SMTP_SINK_H

#include <apr.h>
#include <openssl/ssl.h>
#include <pthread.h>

/* What the server comes to: each can be answered otherwise, or not at all. */
typedef enum sink_step_t {
    SINK_GREETING,
    SINK_EHLO,
    SINK_STARTTLS,
    SINK_AUTH,
    SINK_MAIL,
    SINK_RCPT,
    SINK_DATA,
    SINK_BODY, /* the first line of the message */
    SINK_DOT,
    SINK_STEPS
} sink_step_t;

typedef struct sink_t {
    /* Set by the test before sink_start: */
    const char *features; /* lines of the reply to EHLO, parted by "|" */
    const char
        *answers[SINK_STEPS]; /* instead of the usual ones, without the line end. A recipient whose
                                         address begins with a digit is answered "<address> says so" */
    sink_step_t drop;         /* closes the connection at this step; SINK_STEPS: never */
    sink_step_t hang;         /* says nothing from this step on */
    int lax;                  /* takes a dot between any CR and LF as the end of a message */
    int smtps;                /* TLS from the start */
    SSL_CTX *tls;
    /* What it saw, to be read after sink_stop: */
    int port;
    char commands[65536]; /* a line each */
    char data[262144];    /* of all messages, dots as they came, cut */
    apr_size_t data_length;
    int messages;
    int tls_used;
    /* Its own: */
    apr_size_t commands_length;
    int listener;
    int fd;
    SSL *ssl;
    pthread_t thread;
} sink_t;

/* A sink with usual answers; the test changes what it wants, then starts it. */
void sink_init(sink_t *sink);
void sink_start(sink_t *sink);

/* Ends the thread; the client must have closed its connection. */
void sink_stop(sink_t *sink);

/* Makes a certificate for NAME (a host name, or "127.0.0.1") with its own key, signed by a new authority whose
 * certificate goes to FILE (PEM). Returns the context of a server that shows it; the caller frees it. */
SSL_CTX *sink_tls(const char *name, const char *file);

#endif
