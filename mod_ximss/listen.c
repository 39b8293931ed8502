/* A thread for each data folder, which sleeps in recv() until ximssctl has changed something. */
#include "mod_ximss/listen.h"

#include "session/event.h"
#include "store/wake.h"

#include <apr_strings.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

typedef struct listener_t {
    struct listener_t *next;
    ximss_table_t *table;
    const char *data_dir;
    int descriptor;
    pthread_t thread;
} listener_t;

/* Of this child; grows while stores are opened, under the lock of that. */
static listener_t *listeners;

static void *listen_on(void *baton)
{
    const listener_t *listener = baton;
    ximss_wake_t wake;
    int got;

    while ((got = ximss_wake_receive(listener->descriptor, &wake)) >= 0) {
        if (got > 0) {
            ximss_event_changed(listener->table, wake.account, wake.mailboxes,
                                wake.all ? -1 : wake.count);
        }
    }
    return NULL;
}

void ximss_listen_stop(void)
{
    const listener_t *listener;

    for (listener = listeners; listener != NULL; listener = listener->next) {
        ximss_wake_shut(listener->descriptor, listener->data_dir);
    }
}

static apr_status_t end(void *data)
{
    listener_t *listener = data;
    listener_t **link = &listeners;

    while (*link != NULL && *link != listener) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = listener->next;
    }
    ximss_wake_shut(listener->descriptor, listener->data_dir);
    pthread_join(listener->thread, NULL);
    close(listener->descriptor);
    return APR_SUCCESS;
}

/* With all signals blocked: those of httpd are for its own threads. */
static int start_thread(listener_t *listener)
{
    sigset_t all;
    sigset_t before;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&listener->thread, NULL, listen_on, listener);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

const ximss_error_t *ximss_listen_start(const char *data_dir, ximss_table_t *table,
                                        apr_pool_t *pool)
{
    listener_t *listener = apr_pcalloc(pool, sizeof(*listener));
    int status;

    listener->table = table;
    listener->data_dir = apr_pstrdup(pool, data_dir);
    XIMSS_TRY(ximss_wake_open(&listener->descriptor, data_dir, pool));
    status = start_thread(listener);
    if (status != 0) {
        ximss_wake_shut(listener->descriptor, data_dir);
        close(listener->descriptor);
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "starting a listener");
    }
    listener->next = listeners;
    listeners = listener;
    apr_pool_cleanup_register(pool, listener, end, apr_pool_cleanup_null);
    return NULL;
}
