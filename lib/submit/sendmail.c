/* Spawns sendmail, feeds it the message, and reads what it complains about, all three with one time limit. */
#include "submit/sendmail.h"
#include "base/clock.h"
#include "submit/net.h"
#include "submit/result.h"
#include "submit/wire.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* The look at whether the program has ended, when it has closed its standard error. */
enum { BATCH = 100, CHUNK = 65536, COMPLAINT_MAX = 1000, LOOK_MILLISECONDS = 20 };

typedef struct run_t {
    const ximss_route_t *route;
    const ximss_envelope_t *envelope;
    apr_int64_t deadline;
    pid_t pid;
    int in;  /* our end of its standard input, -1: closed */
    int out; /* our end of its standard error, -1: closed */
    ximss_wire_t wire;
    char *chunk;
    apr_size_t chunk_at;
    apr_size_t chunk_length;
    char complaint[COMPLAINT_MAX + 1];
    apr_size_t complaint_length;
    int whole; /* the program may have the whole message */
} run_t;

/* Exim's sendmail gives the letters of the DSN options other meanings: -N would not deliver at all. */
static int takes_dsn(const char *sendmail)
{
    char *path = realpath(sendmail, NULL);
    const char *name = path != NULL ? strrchr(path, '/') : NULL;
    int takes = name == NULL || strncmp(name, "/exim", 5) != 0;
    free(path);
    return takes;
}

static const char *notify_words(unsigned int notify, apr_pool_t *pool)
{
    const char *words = apr_pstrcat(pool, notify & XIMSS_NOTIFY_SUCCESS ? ",success" : "",
                                    notify & XIMSS_NOTIFY_FAILURE ? ",failure" : "", NULL);
    return notify & XIMSS_NOTIFY_NEVER ? "never" : words + 1;
}

static int is_printable(const char *text)
{
    while ((unsigned char)*text > ' ' && (unsigned char)*text < 0x7f) {
        text++;
    }
    return *text == '\0';
}

/* The argument list for BATCH recipients (ximss_recipient_t *). "--" ends the options. */
static char *const *make_arguments(const run_t *run, const apr_array_header_t *batch, int dsn,
                                   apr_pool_t *pool)
{
    const ximss_recipient_t *first = APR_ARRAY_IDX(batch, 0, const ximss_recipient_t *);
    apr_array_header_t *list = apr_array_make(pool, batch->nelts + 16, sizeof(const char *));
    APR_ARRAY_PUSH(list, const char *) = run->route->sendmail;
    APR_ARRAY_PUSH(list, const char *) = "-i";
    APR_ARRAY_PUSH(list, const char *) = "-f";
    APR_ARRAY_PUSH(list, const char *) =
        *run->envelope->sender != '\0' ? run->envelope->sender : "<>";
    if (dsn && first->notify != 0) {
        APR_ARRAY_PUSH(list, const char *) = "-N";
        APR_ARRAY_PUSH(list, const char *) = notify_words(first->notify, pool);
        APR_ARRAY_PUSH(list, const char *) = "-R";
        APR_ARRAY_PUSH(list, const char *) = "hdrs";
        if (run->envelope->envid != NULL && is_printable(run->envelope->envid)) {
            APR_ARRAY_PUSH(list, const char *) = "-V";
            APR_ARRAY_PUSH(list, const char *) = run->envelope->envid;
        }
    }
    APR_ARRAY_PUSH(list, const char *) = "--";
    for (int i = 0; i < batch->nelts; i++) {
        APR_ARRAY_PUSH(list, const char *) = APR_ARRAY_IDX(batch, i, ximss_recipient_t *)->address;
    }
    APR_ARRAY_PUSH(list, const char *) = NULL;
    return (char *const *)list->elts;
}

static int spawn(run_t *run, char *const *arguments, int in, int out)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char locale[] = "LC_ALL=C";
    char *const environment[] = {path, locale, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    int failure =
        posix_spawn(&run->pid, run->route->sendmail, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* Starts the program with pipes to it; returns errno's number. */
static int start(run_t *run, char *const *arguments)
{
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    int failure = 0;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        failure = errno;
    }
    else {
        failure = spawn(run, arguments, in[0], out[1]);
    }
    close_end(&in[0]);
    close_end(&out[1]);
    if (failure != 0) {
        close_end(&in[1]);
        close_end(&out[0]);
        return failure;
    }
    run->in = in[1];
    run->out = out[0];
    fcntl(run->in, F_SETFL, O_NONBLOCK);
    fcntl(run->out, F_SETFL, O_NONBLOCK);
    return 0;
}

/* Writes what the pipe takes. A program that closes it does not want more: its exit code says why. */
static void feed(run_t *run)
{
    if (run->chunk_at == run->chunk_length) {
        run->chunk_at = 0;
        run->chunk_length = ximss_wire_read(&run->wire, run->chunk, CHUNK);
        if (run->chunk_length == 0) {
            run->whole = 1;
            close_end(&run->in);
            return;
        }
    }
    ssize_t done = write(run->in, run->chunk + run->chunk_at, run->chunk_length - run->chunk_at);
    if (done > 0) {
        run->chunk_at += (apr_size_t)done;
    }
    else if (errno != EAGAIN && errno != EINTR) {
        close_end(&run->in);
    }
}

/* Keeps the first of what the program says, and lets it say the rest. */
static void listen_to(run_t *run)
{
    char text[1024];
    ssize_t got = read(run->out, text, sizeof(text));
    if (got > 0) {
        apr_size_t room = COMPLAINT_MAX - run->complaint_length;
        apr_size_t length = (apr_size_t)got < room ? (apr_size_t)got : room;
        memcpy(run->complaint + run->complaint_length, text, length);
        run->complaint_length += length;
    }
    else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_end(&run->out);
    }
}

/* Feeds and listens until the program has ended; returns its wait status, or -1 when it took too long and was
 * killed. A program that leaves others behind with its standard error is not waited for any longer. */
static int attend(run_t *run)
{
    int status = -1;
    while (ximss_clock_ms() < run->deadline) {
        struct pollfd entries[] = {{.fd = run->in, .events = POLLOUT},
                                   {.fd = run->out, .events = POLLIN}};
        poll(entries, 2, LOOK_MILLISECONDS);
        if (entries[1].revents != 0) {
            listen_to(run);
        }
        if (entries[0].revents != 0) {
            feed(run);
        }
        else if (entries[1].revents == 0 && waitpid(run->pid, &status, WNOHANG) == run->pid) {
            return status;
        }
    }
    kill(-run->pid, SIGKILL);
    waitpid(run->pid, &status, 0);
    return -1;
}

/* What a shell, and posix_spawn where it cannot tell at once, exits with when there is no such program. */
enum { EXIT_NO_PROGRAM = 127 };

/* What an exit code means (sysexits.h). A wrong option or a broken configuration is the administrator's to
 * mend: it must not send all mail back. */
static ximss_outcome_t judge_code(int code)
{
    switch (code) {
    case EX_OK:
        return (ximss_outcome_t){XIMSS_SENT, "2.0.0", "taken by sendmail", NULL};
    case EX_DATAERR:
        return (ximss_outcome_t){XIMSS_PERMANENT, "5.6.0", "sendmail refuses the message", NULL};
    case EX_NOUSER:
        return (ximss_outcome_t){XIMSS_PERMANENT, "5.1.1", "sendmail knows no such user", NULL};
    case EX_NOHOST:
        return (ximss_outcome_t){XIMSS_PERMANENT, "5.1.2", "sendmail knows no such host", NULL};
    case EX_UNAVAILABLE:
        return (ximss_outcome_t){XIMSS_PERMANENT, "5.0.0", "sendmail refuses the message", NULL};
    case EX_NOPERM:
        return (ximss_outcome_t){XIMSS_PERMANENT, "5.7.0", "sendmail does not permit it", NULL};
    case EX_USAGE:
    case EX_CONFIG:
    case EXIT_NO_PROGRAM:
        return (ximss_outcome_t){XIMSS_TEMPORARY, "4.3.5", "sendmail is not set up for this", NULL};
    default:
        return (ximss_outcome_t){XIMSS_TEMPORARY, "4.3.0", "sendmail failed", NULL};
    }
}

/* A program that was ended once it had the whole message may have taken it. */
static ximss_outcome_t judge(const run_t *run, int status, apr_pool_t *pool)
{
    ximss_outcome_t outcome = {run->whole ? XIMSS_UNKNOWN : XIMSS_TEMPORARY, "4.3.0",
                               status == -1 ? "sendmail took too long and was ended"
                                            : "sendmail was ended by a signal",
                               NULL};
    if (status != -1 && WIFEXITED(status)) {
        outcome = judge_code(WEXITSTATUS(status));
        if (outcome.result == XIMSS_SENT && !run->whole) {
            outcome = (ximss_outcome_t){XIMSS_TEMPORARY, "4.3.0",
                                        "sendmail did not read the whole message", NULL};
        }
        else if (outcome.result != XIMSS_SENT) {
            outcome.text =
                apr_psprintf(pool, "%s (exit code %d)", outcome.text, WEXITSTATUS(status));
        }
    }
    if (run->complaint_length > 0) {
        outcome.text =
            apr_pstrcat(pool, outcome.text, ": ",
                        apr_pstrmemdup(pool, run->complaint, run->complaint_length), NULL);
    }
    return outcome;
}

/* Runs the program once for BATCH. */
static ximss_outcome_t run_once(run_t *run, const apr_array_header_t *batch, int dsn,
                                apr_pool_t *pool)
{
    int failure = start(run, make_arguments(run, batch, dsn, pool));
    if (failure != 0) {
        char text[200];
        apr_strerror(failure, text, sizeof(text));
        return (ximss_outcome_t){XIMSS_TEMPORARY, "4.3.5",
                                 apr_psprintf(pool, "%s: %s", run->route->sendmail, text), NULL};
    }
    ximss_wire_init(&run->wire, run->envelope->data, run->envelope->length, XIMSS_WIRE_LF);
    int status = attend(run);
    close_end(&run->in);
    close_end(&run->out);
    return judge(run, status, pool);
}

/* A leading "-" would be an option to programs that do not know "--". */
static void refuse_options(ximss_envelope_t *envelope, apr_pool_t *pool)
{
    static const ximss_outcome_t refused = {
        XIMSS_PERMANENT, "5.1.3", "addresses that begin with - cannot be given to sendmail", NULL};
    if (*envelope->sender == '-') {
        ximss_recipients_finish(envelope, &refused, pool);
    }
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING && *recipient->address == '-') {
            ximss_recipient_finish(recipient, &refused, pool);
        }
    }
}

/* The first recipients that wait and share their wishes for reports. */
static apr_array_header_t *gather(const ximss_envelope_t *envelope, apr_pool_t *pool)
{
    apr_array_header_t *batch = apr_array_make(pool, BATCH, sizeof(ximss_recipient_t *));
    for (int i = 0; i < envelope->recipients->nelts && batch->nelts < BATCH; i++) {
        ximss_recipient_t *recipient = &APR_ARRAY_IDX(envelope->recipients, i, ximss_recipient_t);
        if (recipient->result == XIMSS_PENDING &&
            (batch->nelts == 0 ||
             APR_ARRAY_IDX(batch, 0, ximss_recipient_t *)->notify == recipient->notify)) {
            APR_ARRAY_PUSH(batch, ximss_recipient_t *) = recipient;
        }
    }
    return batch;
}

const ximss_error_t *ximss_sendmail_send(const ximss_route_t *route, ximss_envelope_t *envelope,
                                         apr_pool_t *pool)
{
    int dsn = takes_dsn(route->sendmail);
    apr_pool_t *scratch;
    refuse_options(envelope, pool);
    apr_pool_create(&scratch, pool);
    for (;;) {
        apr_pool_clear(scratch);
        apr_array_header_t *batch = gather(envelope, scratch);
        if (batch->nelts == 0) {
            break;
        }
        run_t run = {.route = route,
                     .envelope = envelope,
                     .in = -1,
                     .out = -1,
                     .deadline = ximss_clock_ms() + route->end_milliseconds};
        run.chunk = apr_palloc(scratch, CHUNK);
        ximss_outcome_t outcome = run_once(&run, batch, dsn, scratch);
        for (int i = 0; i < batch->nelts; i++) {
            ximss_recipient_t *recipient = APR_ARRAY_IDX(batch, i, ximss_recipient_t *);
            ximss_recipient_finish(recipient, &outcome, pool);
            recipient->dsn_passed = outcome.result == XIMSS_SENT && dsn && recipient->notify != 0;
        }
    }
    apr_pool_destroy(scratch);
    return NULL;
}
