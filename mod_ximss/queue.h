/* The queue's runs: httpd tells ximssctl how mail leaves, and starts it when something is due. It never sends itself. */
#ifndef XIMSS_MOD_XIMSS_QUEUE_H
#define XIMSS_MOD_XIMSS_QUEUE_H

#include <httpd.h>

/* In the parent, after the data folders were made: writes queue.conf in each of them whose queue we run. A failure is
 * logged; the queue goes on with the file of before. */
void ximss_queue_configure(server_rec *server, apr_pool_t *pool);

/* In a child, every few seconds, by any thread: starts "ximssctl queue run --once" for each data folder that
 * has something due, unless the one started before still runs. */
void ximss_queue_tick(server_rec *server, apr_pool_t *pool);

#endif
