/* A run of the queue is a process of its own: sending resolves names, waits for strangers and starts sendmail, which a
 * child full of threads had better not. posix_spawn, as fork is slow in a large process. */
#include "mod_ximss/queue.h"

#include "mod_ximss/config.h"
#include "mod_ximss/shm.h"
#include "store/outbox.h"

#include <apr_atomic.h>
#include <errno.h>
#include <fcntl.h>
#include <http_log.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unixd.h>

APLOG_USE_MODULE(ximss);

/* Data folders that a child remembers a run of; further ones rely on the queue's own lock. */
#define RUNS_MAX 64

/* The run that this child started last for a data folder. */
typedef struct run_t {
    const char *data_dir;
    pid_t process; /* 0: it is over */
} run_t;

static run_t runs[RUNS_MAX];
static volatile apr_uint32_t ticking;
static int complained;

/* Whether SERVER is the first that serves its data folder: its directives count. */
static int is_first(const server_rec *server, const server_rec *main_server)
{
    const ximss_config_t *config = ximss_config_get(server);

    if (!config->engine || !config->queue) {
        return 0;
    }
    for (; main_server != server; main_server = main_server->next) {
        const ximss_config_t *before = ximss_config_get(main_server);

        if (before->engine && strcmp(before->data_dir, config->data_dir) == 0) {
            return 0;
        }
    }
    return 1;
}

void ximss_queue_configure(server_rec *server, apr_pool_t *pool)
{
    const int owner = geteuid() == 0 ? (int)ap_unixd_config.user_id : -1;
    server_rec *each;

    for (each = server; each != NULL; each = each->next) {
        const ximss_config_t *config = ximss_config_get(each);
        ximss_queue_config_t sending = config->sending;
        const ximss_error_t *error;

        if (!is_first(each, server)) {
            continue;
        }
        sending.message_bytes = (int)config->limits.message_bytes;
        error = ximss_queue_config_write(&sending, config->data_dir, owner,
                                         (int)ap_unixd_config.group_id, pool);
        if (error != NULL) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, each,
                         "XM0630: the queue is not told how mail leaves: %s",
                         ximss_error_log_line(error, pool));
        }
    }
}

/* The entry of DATA_DIR, NULL when there are too many. */
static run_t *find_run(const char *data_dir)
{
    int i;

    for (i = 0; i < RUNS_MAX && runs[i].data_dir != NULL; i++) {
        if (strcmp(runs[i].data_dir, data_dir) == 0) {
            return &runs[i];
        }
    }
    if (i == RUNS_MAX) {
        return NULL;
    }
    runs[i].data_dir = data_dir;
    return &runs[i];
}

/* Whether the run still goes on; takes what is left of it if not. */
static int still_runs(run_t *run)
{
    if (run->process != 0 && waitpid(run->process, NULL, WNOHANG) != 0) {
        run->process = 0;
    }
    return run->process != 0;
}

/* In a session of its own, with httpd's signals undone: what stops httpd is not meant for it. */
static int spawn(const ximss_config_t *config, pid_t *process)
{
    char *arguments[] = {(char *)config->queue_command,
                         (char *)"-d",
                         (char *)config->data_dir,
                         (char *)"queue",
                         (char *)"run",
                         (char *)"--once",
                         NULL};
    char *environment[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigset_t none;
    int status;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    status =
        posix_spawn(process, config->queue_command, &files, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return status;
}

/* Starts a run for the data folder of SERVER if something is due there. */
static void start_if_due(server_rec *server, apr_pool_t *pool)
{
    const ximss_config_t *config = ximss_config_get(server);
    const ximss_context_t *context = ximss_shm_context(server);
    run_t *run = find_run(config->data_dir);
    apr_array_header_t *hints;
    int status;

    if (context == NULL || run == NULL || still_runs(run) ||
        ximss_outbox_hints(context->store, context->clock(), &hints, pool) != NULL ||
        hints->nelts == 0) {
        return;
    }
    status = spawn(config, &run->process);
    if (status != 0) {
        run->process = 0;
        ap_log_error(APLOG_MARK, complained ? APLOG_DEBUG : APLOG_WARNING, status, server,
                     "XM0631: mail waits: cannot start %s", config->queue_command);
        complained = 1;
    }
}

void ximss_queue_tick(server_rec *server, apr_pool_t *pool)
{
    apr_pool_t *scratch;
    server_rec *each;

    if (apr_atomic_cas32(&ticking, 1, 0) != 0) {
        return;
    }
    apr_pool_create(&scratch, pool);
    for (each = server; each != NULL; each = each->next) {
        if (is_first(each, server)) {
            start_if_due(each, scratch);
        }
    }
    apr_pool_destroy(scratch);
    apr_atomic_set32(&ticking, 0);
}
