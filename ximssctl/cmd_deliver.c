/* ximssctl deliver: one message on standard input into an account, for the pipe of a mail server. Whatever may be
 * better later is EX_TEMPFAIL, so that the mail server keeps the message. */
#include "submit/deliver.h"
#include "submit/spool.h"
#include "submit/trace.h"
#include "ximssctl/ctl.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static int failed(const ximss_ctl_t *ctl, const char *what, const ximss_error_t *error)
{
    ximss_ctl_fail_error(ctl, what, error);
    return ximss_deliver_status(error)[0] == '5' ? XIMSS_CTL_FAILED : XIMSS_CTL_TEMPORARY;
}

/* Reads standard input to its end, or to where it is too much. */
static int read_message(ximss_ctl_t *ctl, ximss_delivery_t *delivery)
{
    ximss_spool_t *spool = ximss_spool_make(ctl->data_dir, limits.message_bytes, ctl->pool);
    const ximss_error_t *error = NULL;
    char bytes[65536];
    ssize_t got;

    do {
        got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got > 0) {
            error = ximss_spool_write(spool, bytes, (apr_size_t)got);
        }
    } while (error == NULL && (got > 0 || (got < 0 && errno == EINTR)));
    if (error == NULL && got < 0) {
        ximss_ctl_fail("cannot read standard input: %s", strerror(errno));
        return XIMSS_CTL_TEMPORARY;
    }
    if (error == NULL) {
        error = ximss_spool_read(spool, &delivery->data, &delivery->length);
    }
    return error != NULL ? failed(ctl, "standard input", error) : XIMSS_CTL_OK;
}

/* The address in TEXT of LENGTH bytes: without < >, and "" for the sender of bounces as mbox files call it. */
static const char *clean_sender(const char *text, apr_size_t length, apr_pool_t *pool)
{
    if (length > 1 && text[0] == '<' && text[length - 1] == '>') {
        text++;
        length -= 2;
    }
    return length == 13 && memcmp(text, "MAILER-DAEMON", 13) == 0
               ? ""
               : apr_pstrmemdup(pool, text, length);
}

/* Who sent it: what the command says, or the environment, or the "From " line. */
static const char *find_sender(const char *given, const ximss_delivery_t *delivery,
                               apr_pool_t *pool)
{
    const char *start;
    apr_size_t length = 0;

    if (given == NULL) {
        given = getenv("SENDER");
    }
    if (given != NULL) {
        return clean_sender(given, strlen(given), pool);
    }
    if (!ximss_trace_has_from_line(delivery->data, delivery->length)) {
        return "";
    }
    start = delivery->data + 5;
    while (length < delivery->length - 5 && strchr(" \t\r\n", start[length]) == NULL) {
        length++;
    }
    return clean_sender(start, length, pool);
}

/* The index of the account's word, -1 on wrong usage. */
static int parse_options(int argc, char **argv, const char **sender)
{
    static const struct option known[] = {{NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "f:", known, NULL)) != -1) {
        if (option != 'f') {
            return -1;
        }
        *sender = optarg;
    }
    return argc - optind == 1 ? optind : -1;
}

int ximss_ctl_deliver(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_delivery_t delivery = {.time = apr_time_sec(apr_time_now())};
    const char *sender = NULL;
    const ximss_error_t *error;
    int word = parse_options(argc, argv, &sender);
    int result;

    if (word < 0) {
        return ximss_ctl_wrong_usage(ctl);
    }
    if (!ximss_ctl_has_data(ctl) || ximss_ctl_open(ctl) != 0) {
        return XIMSS_CTL_TEMPORARY;
    }
    result = read_message(ctl, &delivery);
    if (result != XIMSS_CTL_OK) {
        return result;
    }
    delivery.sender = find_sender(sender, &delivery, ctl->pool);
    error = ximss_deliver(ctl->store, &limits, &delivery, argv[word], ctl->pool);
    return error != NULL ? failed(ctl, argv[word], error) : XIMSS_CTL_OK;
}
