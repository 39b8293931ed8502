/* ximssctl queue: sends what is due, shows what waits, and lets the administrator decide about it. */
#include "submit/queue.h"
#include "submit/queue_config.h"
#include "ximssctl/ctl.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Accounts that are seen to at a time, and the longest sleep between two runs in seconds. */
#define THREADS    4
#define SLEEP_MOST 5

static apr_int64_t now(void)
{
    return apr_time_sec(apr_time_now());
}

static int open_store(ximss_ctl_t *ctl)
{
    return ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
}

/* ---- run ---- */

static void show_progress(const ximss_queue_progress_t *progress)
{
    fprintf(stderr, "\r%d of %d accounts, %d sent ", progress->done, progress->accounts,
            progress->count.sent);
    if (progress->done == progress->accounts) {
        fputc('\n', stderr);
    }
}

/* What a run needs, as queue.conf says now; LIMITS outlives it. */
static const ximss_error_t *prepare_run(ximss_ctl_t *ctl, ximss_queue_t *queue,
                                        ximss_limits_t *limits, apr_pool_t *pool)
{
    ximss_queue_config_t config;

    XIMSS_TRY(ximss_queue_config_read(&config, ctl->data_dir, pool));
    XIMSS_TRY(ximss_queue_config_route(&config, &queue->route, pool));
    *limits = (ximss_limits_t)XIMSS_LIMITS_DEFAULT;
    limits->message_bytes = (apr_size_t)config.message_bytes;
    queue->store = ctl->store;
    queue->data_dir = ctl->data_dir;
    queue->limits = limits;
    queue->patience = config.patience;
    queue->clock = now;
    queue->send = ximss_transport_send;
    queue->threads = THREADS;
    queue->progress = isatty(STDERR_FILENO) ? show_progress : NULL;
    return NULL;
}

static int run_once(ximss_ctl_t *ctl, int quiet, apr_pool_t *pool)
{
    ximss_queue_progress_t result = {0, 0, {0, 0, 0, 0}};
    ximss_queue_t queue = {0};
    ximss_limits_t limits;
    const ximss_error_t *error = prepare_run(ctl, &queue, &limits, pool);

    if (error == NULL) {
        error = ximss_queue_run(&queue, &result, pool);
    }
    if (error != NULL && error->code != XIMSS_E_BUSY) {
        return ximss_ctl_fail_error(ctl, "queue", error);
    }
    if (error != NULL) {
        printf("%s\n", error->text);
    }
    else if (!quiet || result.accounts > 0) {
        printf("sent %d, failed %d, waiting %d, held %d\n", result.count.sent, result.count.failed,
               result.count.waiting, result.count.held);
    }
    fflush(stdout);
    return XIMSS_CTL_OK;
}

/* Runs until it is killed: whatever it does is safe against that. */
static int run_on(ximss_ctl_t *ctl)
{
    apr_pool_t *pool;
    int code = XIMSS_CTL_OK;

    apr_pool_create(&pool, ctl->pool);
    while (code == XIMSS_CTL_OK) {
        const ximss_error_t *error;
        apr_int64_t seconds;

        apr_pool_clear(pool);
        code = run_once(ctl, 1, pool);
        error = ximss_queue_idle(ctl->store, now(), SLEEP_MOST, &seconds, pool);
        if (error != NULL) {
            return ximss_ctl_fail_error(ctl, "queue", error);
        }
        sleep(seconds > 0 ? (unsigned int)seconds : 1);
    }
    return code;
}

int ximss_ctl_queue_run(ximss_ctl_t *ctl, int argc, char **argv)
{
    static const struct option known[] = {{"once", no_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    int once = 0;
    int option;
    int result;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 'o') {
            return ximss_ctl_wrong_usage(ctl);
        }
        once = 1;
    }
    if (optind != argc) {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = open_store(ctl);
    if (result != 0) {
        return result;
    }
    return once ? run_once(ctl, 0, ctl->pool) : run_on(ctl);
}

/* ---- list, retry, drop ---- */

/* Which rows are meant. */
typedef struct choice_t {
    ximss_ctl_t *ctl;
    const char *name; /* of the account */
    const char *id;   /* of the account */
    ximss_account_t *account;
    apr_int64_t message;   /* 0: all */
    apr_int64_t recipient; /* 0: all */
    int changed;
    int busy;
} choice_t;

typedef const ximss_error_t *(*row_fn_t)(choice_t *choice, const ximss_outbox_message_t *message,
                                         ximss_outbox_recipient_t *row, apr_pool_t *pool);

static const ximss_error_t *each_row(choice_t *choice, row_fn_t fn, apr_pool_t *pool)
{
    apr_array_header_t *messages;
    int i;

    XIMSS_TRY(ximss_outbox_list(choice->account, 0, 1, &messages, pool));
    for (i = 0; i < messages->nelts; i++) {
        const ximss_outbox_message_t *message = &APR_ARRAY_IDX(messages, i, ximss_outbox_message_t);
        apr_array_header_t *rows;
        int j;

        if (choice->message != 0 && choice->message != message->id) {
            continue;
        }
        XIMSS_TRY(ximss_outbox_recipients(choice->account, message->id, &rows, pool));
        for (j = 0; j < rows->nelts; j++) {
            ximss_outbox_recipient_t *row = &APR_ARRAY_IDX(rows, j, ximss_outbox_recipient_t);

            if (choice->recipient == 0 || choice->recipient == row->id) {
                XIMSS_TRY(fn(choice, message, row, pool));
            }
        }
    }
    return NULL;
}

static const char *format_time(apr_int64_t seconds, apr_pool_t *pool)
{
    apr_time_exp_t parts;
    apr_size_t length;
    char text[32];

    if (apr_time_exp_gmt(&parts, apr_time_from_sec(seconds)) != APR_SUCCESS ||
        apr_strftime(text, &length, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) != APR_SUCCESS) {
        return "-";
    }
    return apr_pstrdup(pool, text);
}

static const ximss_error_t *print_row(choice_t *choice, const ximss_outbox_message_t *message,
                                      ximss_outbox_recipient_t *row, apr_pool_t *pool)
{
    static const char *const states[] = {"waiting", "sending",   "held",
                                         "failed",  "delivered", "relayed"};

    printf("%s %" APR_INT64_T_FMT " %" APR_INT64_T_FMT " %s <%s> <%s> attempts=%d since=%s%s%s",
           choice->name, message->id, row->id, states[row->state], message->sender, row->address,
           row->attempts, format_time(message->time, pool),
           row->state == XIMSS_OUTBOX_WAITING ? " next=" : "",
           row->state == XIMSS_OUTBOX_WAITING ? format_time(row->due, pool) : "");
    printf("%s%s%s%s\n", *row->status != '\0' ? " " : "", row->status,
           *row->text != '\0' ? " " : "", row->text);
    return NULL;
}

static int list_account(ximss_ctl_t *ctl, const ximss_account_entry_t *entry)
{
    choice_t choice = {.ctl = ctl, .name = entry->name};
    const ximss_error_t *error;
    apr_pool_t *pool;
    int result = XIMSS_CTL_OK;

    apr_pool_create(&pool, ctl->pool);
    error = ximss_account_checkout(&choice.account, ctl->store, entry->id, pool);
    if (error == NULL) {
        error = each_row(&choice, print_row, pool);
    }
    if (error != NULL && error->code != XIMSS_E_NOT_FOUND) {
        result = ximss_ctl_fail_error(ctl, entry->name, error);
    }
    apr_pool_destroy(pool);
    return result;
}

int ximss_ctl_queue_list(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_account_entry_t *entry;
    apr_array_header_t *entries;
    const ximss_error_t *error;
    int result;
    int i;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = open_store(ctl);
    if (result == 0 && argc == 2) {
        result = ximss_ctl_find_account(ctl, argv[1], &entry);
        return result == 0 ? list_account(ctl, entry) : result;
    }
    if (result != 0) {
        return result;
    }
    error = ximss_account_list(ctl->store, NULL, &entries, ctl->pool);
    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, "queue", error);
    }
    for (i = 0; i < entries->nelts && result == 0; i++) {
        result = list_account(ctl, APR_ARRAY_IDX(entries, i, ximss_account_entry_t *));
    }
    return result;
}

static const ximss_error_t *retry_row(choice_t *choice, const ximss_outbox_message_t *message,
                                      ximss_outbox_recipient_t *row, apr_pool_t *pool)
{
    (void)message;
    if (row->state == XIMSS_OUTBOX_SENDING) {
        choice->busy++;
        return NULL;
    }
    if (row->state == XIMSS_OUTBOX_HELD) {
        row->state = XIMSS_OUTBOX_WAITING;
    }
    row->due = now();
    choice->changed++;
    return ximss_outbox_save(choice->account, row, pool);
}

static const ximss_error_t *drop_row(choice_t *choice, const ximss_outbox_message_t *message,
                                     ximss_outbox_recipient_t *row, apr_pool_t *pool)
{
    (void)message;
    if (row->state == XIMSS_OUTBOX_SENDING) {
        choice->busy++;
        return NULL;
    }
    choice->changed++;
    return ximss_outbox_remove(choice->account, row->id, pool);
}

/* Reads ACCOUNT [MESSAGE [RECIPIENT]]. */
static int read_choice(choice_t *choice, ximss_ctl_t *ctl, int argc, char **argv)
{
    char *end = NULL;

    choice->ctl = ctl;
    if (argc < 2 || argc > 4 || argv[1][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    choice->name = argv[1];
    if (argc > 2) {
        choice->message = apr_strtoi64(argv[2], &end, 10);
        if (*end != '\0' || choice->message <= 0) {
            return ximss_ctl_wrong_usage(ctl);
        }
    }
    if (argc > 3) {
        choice->recipient = apr_strtoi64(argv[3], &end, 10);
        if (*end != '\0' || choice->recipient <= 0) {
            return ximss_ctl_wrong_usage(ctl);
        }
    }
    return 0;
}

static const ximss_error_t *change_rows(choice_t *choice, row_fn_t fn, apr_pool_t *pool)
{
    const ximss_error_t *error;

    XIMSS_TRY(ximss_outbox_announce(choice->ctl->store, choice->id, now(), now(), pool));
    XIMSS_TRY(ximss_account_begin_write(choice->account, pool));
    error = each_row(choice, fn, pool);
    return error != NULL ? error : ximss_account_commit(choice->account, pool);
}

static int change(ximss_ctl_t *ctl, int argc, char **argv, row_fn_t fn, const char *done)
{
    choice_t choice = {0};
    ximss_account_entry_t *entry;
    const ximss_error_t *error;
    int result = read_choice(&choice, ctl, argc, argv);

    if (result == 0) {
        result = open_store(ctl);
    }
    if (result == 0) {
        result = ximss_ctl_find_account(ctl, choice.name, &entry);
    }
    if (result != 0) {
        return result;
    }
    choice.id = entry->id;
    error = ximss_account_checkout(&choice.account, ctl->store, entry->id, ctl->pool);
    if (error == NULL) {
        error = change_rows(&choice, fn, ctl->pool);
    }
    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, choice.name, error);
    }
    if (choice.busy > 0) {
        return ximss_ctl_fail(
            "%d recipients are being sent to: if no run of the queue is going on, "
            "\"queue run --once\" holds them",
            choice.busy);
    }
    if (choice.changed == 0) {
        return ximss_ctl_fail("%s: there is nothing of that kind in the queue", choice.name);
    }
    printf("%s %d\n", done, choice.changed);
    return XIMSS_CTL_OK;
}

int ximss_ctl_queue_retry(ximss_ctl_t *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, retry_row, "to be tried at once:");
}

int ximss_ctl_queue_drop(ximss_ctl_t *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, drop_row, "dropped:");
}
