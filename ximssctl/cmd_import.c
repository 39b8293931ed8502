/* ximssctl import: writes what feed.c reads and pipeline.c digests, a chunk a transaction. Nothing is parsed
 * or waited for under the account's write lock, and between transactions others get a turn at it. */
#include "ximssctl/caller.h"
#include "ximssctl/ctl.h"
#include "ximssctl/feed.h"
#include "ximssctl/walk.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Who waits for the write lock asks for it every 16 ms at the longest (sqlite_lock.c): when it was held for
 * HOLD_MAX, all in all, it is left alone for a little longer than that. */
#define TURN_OF_OTHERS apr_time_from_msec(18)
#define HOLD_MAX       apr_time_from_msec(250)

/* How often a busy account is asked again, five seconds each time: a backup may hold it long. */
enum { BUSY_TRIES = 12 };

typedef struct import_t {
    ximss_ctl_t *ctl;
    const char *account_name;
    const char *mailbox_name;
    int skip_duplicates;
    ximss_account_t *account;
    apr_int64_t mailbox;
    ximss_feed_t feed;
    apr_int64_t imported;
    apr_int64_t duplicates;
    apr_int64_t bytes;
    int show_progress;
    apr_time_t started;
    apr_time_t committed;       /* when the write lock was given back */
    apr_time_t turn;            /* when others last had their turn */
    const ximss_error_t *error; /* what ended it early; lives in the ctl pool */
} import_t;

/* Lets others take the write lock, unless they had or will soon have the time for it anyway. */
static void give_turn(import_t *import)
{
    apr_time_t now = apr_time_now();
    apr_time_t gap = now - import->committed;

    if (gap >= 0 && gap < TURN_OF_OTHERS) {
        if (now - import->turn < HOLD_MAX) {
            return;
        }
        apr_sleep(TURN_OF_OTHERS - gap);
        now = apr_time_now();
    }
    import->turn = now;
}

static const ximss_error_t *begin_write(import_t *import, apr_pool_t *pool)
{
    const ximss_error_t *error;
    int tries = 0;

    give_turn(import);
    do {
        error = ximss_account_begin_write(import->account, pool);
    } while (error != NULL && error->code == XIMSS_E_BUSY && ++tries < BUSY_TRIES);
    return error;
}

static const ximss_error_t *commit(import_t *import, apr_pool_t *pool)
{
    XIMSS_TRY(ximss_account_commit(import->account, pool));
    ximss_account_tidy(import->account);
    import->committed = apr_time_now();
    return NULL;
}

/* Makes the mailbox if it is missing or a pure folder, and finds its id. */
static const ximss_error_t *prepare_mailbox(import_t *import)
{
    apr_pool_t *pool = import->ctl->pool;
    ximss_mailbox_t *mailbox = NULL;
    const ximss_error_t *error;

    error = ximss_mailbox_find(import->account, import->mailbox_name, &mailbox, pool);
    if (error != NULL && error->code != XIMSS_E_NO_MAILBOX) {
        return error;
    }
    if (error != NULL || mailbox->pure) {
        XIMSS_TRY(begin_write(import, pool));
        error = ximss_mailbox_create(import->account, import->mailbox_name, "", pool);
        if (error != NULL && error->code != XIMSS_E_MAILBOX_EXISTS) {
            return error;
        }
        XIMSS_TRY(commit(import, pool));
        XIMSS_TRY(ximss_mailbox_find(import->account, import->mailbox_name, &mailbox, pool));
    }
    import->mailbox = mailbox->id;
    return NULL;
}

static apr_int64_t choose_date(const ximss_chunk_message_t *message)
{
    if (message->date_valid) {
        return message->date;
    }
    if (message->digest->received_valid) {
        return message->digest->received;
    }
    if (message->digest->date_valid) {
        return message->digest->date;
    }
    return apr_time_sec(apr_time_now());
}

/* Appends one message unless it is known; *ADDED says which. */
static const ximss_error_t *append_message(import_t *import, const ximss_chunk_message_t *message,
                                           int *added, apr_pool_t *pool)
{
    ximss_append_t append = {.mailbox = import->mailbox,
                             .internal_date = choose_date(message),
                             .flags = {.bits = message->flags, .keywords = ""}};
    apr_uint32_t uid;
    int known = 0;

    *added = 0;
    if (import->skip_duplicates) {
        XIMSS_TRY(ximss_message_known(import->account, import->mailbox, message->digest->sha256,
                                      &known, pool));
        if (known) {
            return NULL;
        }
    }
    XIMSS_TRY(ximss_message_append(import->account, &append, message->digest, &uid, pool));
    *added = 1;
    return NULL;
}

/* Writes a chunk. When a message is refused (quota), those before it are kept. */
static const ximss_error_t *write_chunk(import_t *import, const ximss_chunk_t *chunk)
{
    const ximss_error_t *error = NULL;
    apr_int64_t imported = 0;
    apr_int64_t bytes = 0;
    apr_pool_t *pool;
    int added = 0;
    int i;

    XIMSS_TRY(begin_write(import, import->ctl->pool));
    apr_pool_create(&pool, import->ctl->pool);
    for (i = 0; i < chunk->count; i++) {
        apr_pool_clear(pool);
        error = append_message(import, &chunk->messages[i], &added, pool);
        if (error != NULL) {
            error = ximss_error_wrap(import->ctl->pool, error, "%s", chunk->messages[i].path);
            break;
        }
        imported += added;
        bytes += added ? (apr_int64_t)chunk->messages[i].length : 0;
    }
    apr_pool_destroy(pool);
    if (error != NULL && error->code != XIMSS_E_OVER_QUOTA) {
        ximss_account_rollback(import->account);
        return error;
    }
    XIMSS_TRY(commit(import, import->ctl->pool));
    import->imported += imported;
    import->duplicates += i - imported;
    import->bytes += bytes;
    return error;
}

static void print_progress(const import_t *import, int last)
{
    double seconds = (double)(apr_time_now() - import->started) / APR_USEC_PER_SEC;

    if (!import->show_progress) {
        return;
    }
    fprintf(stderr, "\r%" APR_INT64_T_FMT " messages, %" APR_INT64_T_FMT " MB, %.0f/s  ",
            import->imported, import->bytes / 1000000,
            seconds > 0 ? (double)import->imported / seconds : 0.0);
    if (last) {
        fputc('\n', stderr);
    }
    fflush(stderr);
}

static void write_chunks(import_t *import, ximss_pipeline_t *pipeline)
{
    ximss_chunk_t *chunk;

    while (import->error == NULL && (chunk = ximss_pipeline_take(pipeline)) != NULL) {
        import->error = write_chunk(import, chunk);
        ximss_pipeline_give_back(pipeline, chunk);
        print_progress(import, 0);
    }
    print_progress(import, 1);
}

/* Says what came of it; the exit code. */
static int report_result(const import_t *import)
{
    const ximss_feed_t *feed = &import->feed;

    if (!feed->fatal || import->imported > 0) {
        printf("imported %" APR_INT64_T_FMT ", skipped %" APR_INT64_T_FMT "\n", import->imported,
               import->duplicates + feed->empty);
    }
    if (import->error != NULL) {
        return ximss_ctl_fail_error(import->ctl, import->account_name, import->error);
    }
    if (feed->fatal || feed->failed == 1) {
        return ximss_ctl_fail("%s", feed->problem);
    }
    if (feed->failed > 1) {
        return ximss_ctl_fail("%" APR_INT64_T_FMT " files were not imported, first: %s",
                              feed->failed, feed->problem);
    }
    return XIMSS_CTL_OK;
}

static int run_import(import_t *import)
{
    static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_pipeline_t *pipeline;
    const ximss_error_t *error;
    int result = ximss_ctl_open(import->ctl);

    if (result == 0) {
        result = ximss_ctl_checkout(import->ctl, import->account_name, &import->account);
    }
    if (result != 0) {
        return result;
    }
    error = prepare_mailbox(import);
    if (error != NULL) {
        return ximss_ctl_fail_error(import->ctl, import->mailbox_name, error);
    }
    import->feed.limits = &limits;
    import->started = apr_time_now();
    pipeline = ximss_pipeline_start(ximss_feed_run, &import->feed, &limits, import->ctl->pool);
    if (pipeline == NULL) {
        return ximss_ctl_fail("cannot start threads: %s", strerror(errno));
    }
    write_chunks(import, pipeline);
    /* The reading thread may wait for the next record. */
    shutdown(import->feed.line, SHUT_RDWR);
    ximss_pipeline_stop(pipeline);
    return report_result(import);
}

/* Moves the options' values into IMPORT; the index of the first word, or -1. */
static int parse_options(int argc, char **argv, import_t *import)
{
    static const struct option known[] = {{"skip-duplicates", no_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 's') {
            return -1;
        }
        import->skip_duplicates = 1;
    }
    return argc - optind >= 3 ? optind : -1;
}

int ximss_ctl_import(ximss_ctl_t *ctl, int argc, char **argv)
{
    import_t import = {.ctl = ctl, .show_progress = isatty(STDERR_FILENO)};
    ximss_caller_t caller;
    ximss_walk_t walk;
    int first = parse_options(argc, argv, &import);
    int result;

    if (first < 0) {
        return ximss_ctl_wrong_usage(ctl);
    }
    import.account_name = argv[first];
    import.mailbox_name = argv[first + 1];
    walk.paths = argv + first + 2;
    walk.count = argc - first - 2;
    if (!ximss_ctl_has_data(ctl)) {
        return XIMSS_CTL_FAILED;
    }
    if (ximss_caller_start(&caller, ximss_walk_run, &walk) != 0) {
        return ximss_ctl_fail("cannot start a process: %s", strerror(errno));
    }
    import.feed.line = caller.line;
    result = run_import(&import);
    ximss_caller_end(&caller);
    return result;
}
