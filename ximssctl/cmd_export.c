/* ximssctl export: a mailbox as an mbox (mboxrd), a Maildir or a folder of messages. The UIDs are read first,
 * then the messages in small transactions, so that a long export holds nobody up. */
#include "base/io.h"
#include "ximssctl/caller.h"
#include "ximssctl/ctl.h"
#include "ximssctl/sink.h"

#include <apr_strings.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { UIDS_AT_ONCE = 64 };

struct export_t;

typedef struct export_format_t {
    const char *name;
    int sink; /* what to ask the sink for at first */
    /* Writes one message. 0, or -1 with errno. */
    int (*write)(struct export_t *export, const ximss_message_t *message, const char *data,
                 apr_pool_t *pool);
} export_format_t;

typedef struct export_t {
    ximss_ctl_t *ctl;
    const char *path;
    const export_format_t *format;
    ximss_account_t *account;
    int line; /* to the sink */
    FILE *mbox;
    apr_array_header_t *uids; /* apr_uint32_t */
    apr_int64_t exported;
} export_t;

/* Asks the sink; 0 with its file in *FD (-1: none), or an exit code after printing why. */
static int ask_sink(const export_t *export, int kind, const char *name, int *fd)
{
    ximss_caller_record_t answer = {.fd = -1};

    *fd = -1;
    if (ximss_caller_send(export->line, kind, -1, name) != 0 ||
        ximss_caller_receive(export->line, &answer) <= 0) {
        return ximss_ctl_fail("%s: the process that writes ended early", export->path);
    }
    if (answer.kind != XIMSS_SINK_DONE) {
        return ximss_ctl_fail("%s: %s", export->path, answer.text);
    }
    *fd = answer.fd;
    return 0;
}

static int write_file(const export_t *export, const char *name, const char *data, apr_size_t length)
{
    int result;
    int fd;

    if (ask_sink(export, XIMSS_SINK_FILE, name, &fd) != 0) {
        return -1;
    }
    result = ximss_write_all(fd, data, length) ? 0 : -1;
    if (result != 0) {
        ximss_ctl_fail("%s: %s", export->path, strerror(errno));
    }
    close(fd);
    return result;
}

static int write_eml(export_t *export, const ximss_message_t *message, const char *data,
                     apr_pool_t *pool)
{
    return write_file(export, apr_psprintf(pool, "%u.eml", message->uid), data,
                      (apr_size_t)message->size);
}

/* The letters come in the order of ASCII, as readers of Maildirs expect. */
static int write_maildir(export_t *export, const ximss_message_t *message, const char *data,
                         apr_pool_t *pool)
{
    static const struct {
        unsigned int flag;
        char letter;
    } letters[] = {{XIMSS_FLAG_DRAFT, 'D'},      {XIMSS_FLAG_FLAGGED, 'F'},
                   {XIMSS_FLAG_REDIRECTED, 'P'}, {XIMSS_FLAG_ANSWERED, 'R'},
                   {XIMSS_FLAG_SEEN, 'S'},       {XIMSS_FLAG_DELETED, 'T'}};
    apr_int64_t date = message->internal_date > 0 ? message->internal_date : 0;
    char flags[8];
    size_t used = 0;
    size_t i;

    for (i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if ((message->flags.bits & letters[i].flag) != 0) {
            flags[used++] = letters[i].letter;
        }
    }
    flags[used] = '\0';
    return write_file(export,
                      apr_psprintf(pool,
                                   "cur/%" APR_INT64_T_FMT ".U%u.ximss,S=%" APR_INT64_T_FMT ":2,%s",
                                   date, message->uid, message->size, flags),
                      data, (apr_size_t)message->size);
}

/* mboxrd: every line of any number of ">" and "From " gets one more ">". */
static int is_from_line(const char *line, const char *end)
{
    while (line < end && *line == '>') {
        line++;
    }
    return end - line >= 5 && memcmp(line, "From ", 5) == 0;
}

static void write_quoted(FILE *out, const char *data, apr_size_t length)
{
    const char *const end = data + length;

    while (data < end) {
        const char *line_end = memchr(data, '\n', (size_t)(end - data));
        const char *next = line_end != NULL ? line_end + 1 : end;
        if (is_from_line(data, end)) {
            putc('>', out);
        }
        fwrite(data, 1, (size_t)(next - data), out);
        data = next;
    }
}

static int write_mbox(export_t *export, const ximss_message_t *message, const char *data,
                      apr_pool_t *pool)
{
    const apr_int64_t year_9999 = 253402300799;
    const apr_int64_t date = message->internal_date;
    time_t when = (time_t)(date < 0 ? 0 : date > year_9999 ? year_9999 : date);
    struct tm parts;
    char text[64];

    (void)pool;
    gmtime_r(&when, &parts);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts);
    fprintf(export->mbox, "From MAILER-DAEMON %s\n", text);
    write_quoted(export->mbox, data, (apr_size_t)message->size);
    if (message->size > 0 && data[message->size - 1] != '\n') {
        putc('\n', export->mbox);
    }
    putc('\n', export->mbox);
    if (ferror(export->mbox)) {
        ximss_ctl_fail("%s: %s", export->path, strerror(errno));
        return -1;
    }
    return 0;
}

static const export_format_t formats[] = {{"mbox", XIMSS_SINK_MBOX, write_mbox},
                                          {"maildir", XIMSS_SINK_MAILDIR, write_maildir},
                                          {"eml", XIMSS_SINK_FOLDER, write_eml}};

static const ximss_error_t *collect_uid(void *baton, const ximss_message_t *message,
                                        apr_pool_t *scratch)
{
    export_t *export = baton;

    (void)scratch;
    APR_ARRAY_PUSH(export->uids, apr_uint32_t) = message->uid;
    return NULL;
}

static const ximss_error_t *list_uids(export_t *export, const char *mailbox_name,
                                      ximss_mailbox_t **mailbox)
{
    apr_pool_t *pool = export->ctl->pool;

    XIMSS_TRY(ximss_account_begin_read(export->account, pool));
    XIMSS_TRY(ximss_mailbox_find(export->account, mailbox_name, mailbox, pool));
    XIMSS_TRY(ximss_message_scan(export->account, (*mailbox)->id, (*mailbox)->modseq, 1,
                                 collect_uid, export, pool));
    return ximss_account_commit(export->account, pool);
}

/* Tells a failure that was printed already from one of lib/. */
static const ximss_error_t printed = {.code = XIMSS_E_INTERNAL};

static const ximss_error_t *export_message(void *baton, const ximss_message_t *message,
                                           apr_pool_t *scratch)
{
    export_t *export = baton;
    const char *data;

    if (message->gone != 0) {
        return NULL;
    }
    XIMSS_TRY(ximss_blob_read(export->account, message->blob, 0, (apr_size_t)message->size, &data,
                              scratch));
    if (export->format->write(export, message, data, scratch) != 0) {
        return &printed;
    }
    export->exported++;
    return NULL;
}

static const ximss_error_t *export_messages(export_t *export, apr_int64_t mailbox)
{
    const apr_uint32_t *uids = (const apr_uint32_t *)(const void *)export->uids->elts;
    const ximss_error_t *error = NULL;
    apr_pool_t *pool;
    int done;

    apr_pool_create(&pool, export->ctl->pool);
    for (done = 0; error == NULL && done < export->uids->nelts; done += UIDS_AT_ONCE) {
        int count = export->uids->nelts - done;
        apr_pool_clear(pool);
        error = ximss_account_begin_read(export->account, pool);
        if (error == NULL) {
            error = ximss_message_rows(export->account, mailbox, uids + done,
                                       (apr_size_t)(count < UIDS_AT_ONCE ? count : UIDS_AT_ONCE),
                                       export_message, export, pool);
        }
        if (error == NULL) {
            error = ximss_account_commit(export->account, pool);
        }
    }
    return error;
}

/* Makes the target and fills it. */
static int fill_target(export_t *export, const ximss_mailbox_t *mailbox)
{
    const ximss_error_t *error;
    int fd;

    if (ask_sink(export, export->format->sink, "", &fd) != 0) {
        return XIMSS_CTL_FAILED;
    }
    if (fd >= 0 && (export->mbox = fdopen(fd, "w")) == NULL) {
        return ximss_ctl_fail("%s: %s", export->path, strerror(errno));
    }
    error = export_messages(export, mailbox->id);
    if (error != NULL) {
        return error == &printed ? XIMSS_CTL_FAILED
                                 : ximss_ctl_fail_error(export->ctl, export->path, error);
    }
    if (export->mbox != NULL && fclose(export->mbox) != 0) {
        return ximss_ctl_fail("%s: %s", export->path, strerror(errno));
    }
    if (ask_sink(export, XIMSS_SINK_SYNC, "", &fd) != 0) {
        return XIMSS_CTL_FAILED;
    }
    printf("exported %" APR_INT64_T_FMT "\n", export->exported);
    return XIMSS_CTL_OK;
}

static int run_export(export_t *export, const char *account_name, const char *mailbox_name)
{
    ximss_mailbox_t *mailbox;
    const ximss_error_t *error;
    int result = ximss_ctl_open(export->ctl);

    if (result == 0) {
        result = ximss_ctl_checkout(export->ctl, account_name, &export->account);
    }
    if (result != 0) {
        return result;
    }
    export->uids = apr_array_make(export->ctl->pool, 1024, sizeof(apr_uint32_t));
    error = list_uids(export, mailbox_name, &mailbox);
    if (error != NULL) {
        return ximss_ctl_fail_error(export->ctl, mailbox_name, error);
    }
    return fill_target(export, mailbox);
}

static const export_format_t *find_format(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

/* The index of the first word, or -1 for wrong usage. */
static int parse_options(int argc, char **argv, export_t *export)
{
    static const struct option known[] = {{"to", required_argument, NULL, 't'},
                                          {"format", required_argument, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 't') {
            export->path = optarg;
        }
        else if (option == 'f') {
            export->format = find_format(optarg);
        }
        else {
            return -1;
        }
    }
    return argc - optind == 2 && export->path != NULL && export->format != NULL ? optind : -1;
}

int ximss_ctl_export(ximss_ctl_t *ctl, int argc, char **argv)
{
    export_t export = {.ctl = ctl};
    ximss_caller_t caller;
    int first = parse_options(argc, argv, &export);
    int result;

    if (first < 0) {
        return ximss_ctl_wrong_usage(ctl);
    }
    if (!ximss_ctl_has_data(ctl)) {
        return XIMSS_CTL_FAILED;
    }
    if (ximss_caller_start(&caller, ximss_sink_run, (void *)(size_t) export.path) != 0) {
        return ximss_ctl_fail("cannot start a process: %s", strerror(errno));
    }
    export.line = caller.line;
    result = run_export(&export, argv[first], argv[first + 1]);
    ximss_caller_end(&caller);
    return result;
}
