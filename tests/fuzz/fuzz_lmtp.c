/* LMTP: the same bytes get the same replies in whatever pieces they come, every reply is a line of ASCII, and what is
 * delivered was announced, and is no more than what came in. The first byte says how large the pieces are. */
#include "submit/lmtp.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What one conversation led to. */
typedef struct trace_t {
    apr_uint64_t hash; /* of the replies and deliveries */
    apr_size_t delivered;
    int after_cr;
} trace_t;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void mix(trace_t *trace, const char *bytes, apr_size_t length)
{
    apr_size_t i;

    for (i = 0; i < length; i++) {
        trace->hash = (trace->hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    }
}

static int send_bytes(void *client, const char *bytes, apr_size_t length)
{
    trace_t *trace = client;
    apr_size_t i;

    mix(trace, bytes, length);
    for (i = 0; i < length; i++) {
        if (trace->after_cr != (bytes[i] == '\n') ||
            (bytes[i] != '\r' && bytes[i] != '\n' && (bytes[i] < ' ' || bytes[i] > '~'))) {
            fail("a reply is no line of ASCII");
        }
        trace->after_cr = bytes[i] == '\r';
    }
    return 1;
}

static const ximss_error_t *recipient(void *mail, const char *address, apr_int64_t size,
                                      const char **account, apr_pool_t *pool)
{
    (void)mail, (void)size;
    *account = apr_pstrndup(pool, address, 1);
    return *address == 'x' ? ximss_error(pool, XIMSS_E_NOT_FOUND, "no %s", address) : NULL;
}

static const ximss_error_t *deliver(void *mail, const ximss_delivery_t *delivery,
                                    const char *address, apr_pool_t *pool)
{
    trace_t *trace = mail;

    if (*address == 'x' || strpbrk(address, "\r\n") != NULL ||
        strpbrk(delivery->sender, "\r\n") != NULL) {
        fail("a delivery that was not announced");
    }
    mix(trace, delivery->sender, strlen(delivery->sender));
    mix(trace, address, strlen(address));
    mix(trace, delivery->data, delivery->length);
    trace->delivered += delivery->length;
    return *address == 'y' ? ximss_error(pool, XIMSS_E_BUSY, NULL) : NULL;
}

static apr_int64_t now(void)
{
    return 0;
}

static void talk(trace_t *trace, const char *bytes, apr_size_t length, apr_size_t piece)
{
    const ximss_lmtp_server_t server = {.name = "name",
                                        .address = "address",
                                        .spool_dir = "/no/such/folder",
                                        .message_bytes = 1000,
                                        .clock = now,
                                        .client = trace,
                                        .send = send_bytes,
                                        .mail = trace,
                                        .recipient = recipient,
                                        .deliver = deliver};
    apr_pool_t *pool;
    ximss_lmtp_t *lmtp;
    int open = 1;

    memset(trace, 0, sizeof(*trace));
    apr_pool_create(&pool, NULL);
    lmtp = ximss_lmtp_start(&server, pool);
    while (open && length > 0) {
        apr_size_t part = piece < length ? piece : length;
        char *copy = malloc(part);

        memcpy(copy, bytes, part);
        open = ximss_lmtp_feed(lmtp, copy, part);
        free(copy);
        bytes += part;
        length -= part;
    }
    ximss_lmtp_end(lmtp, "421 end");
    apr_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    trace_t whole;
    trace_t pieces;

    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    if (size < 2) {
        return 0;
    }
    talk(&whole, (const char *)data + 1, size - 1, size);
    talk(&pieces, (const char *)data + 1, size - 1, data[0] % 16 + 1u);
    if (whole.hash != pieces.hash) {
        fail("pieces matter");
    }
    if (whole.delivered > XIMSS_LMTP_RECIPIENTS_MAX * size) {
        fail("more came out than went in");
    }
    return 0;
}
