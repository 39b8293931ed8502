/* Word of changes from programs outside httpd: a datagram to each child of httpd that listens. It is a hint:
 * whoever misses it finds the change by the counters of the account (ximss_account_changes). */
#ifndef XIMSS_STORE_WAKE_H
#define XIMSS_STORE_WAKE_H

#include "base/error.h"

#include <apr_pools.h>

enum {
    XIMSS_WAKE_MAILBOXES = 16 /* more at a time are reported as all */
};

/* What changed: COUNT mailboxes of an account, or all of it. */
typedef struct ximss_wake_t {
    char account[64];
    apr_int64_t mailboxes[XIMSS_WAKE_MAILBOXES];
    apr_int32_t count;
    apr_int32_t all;
} ximss_wake_t;

/* Sends WAKE to everyone who listens in DATA_DIR. Never waits, never fails. */
void ximss_wake_send(const char *data_dir, const ximss_wake_t *wake);

/* Listens in DATA_DIR under the number of this process. *DESCRIPTOR is the socket. */
const ximss_error_t *ximss_wake_open(int *descriptor, const char *data_dir, apr_pool_t *pool);

/* Waits for the next word. Returns 1 with *WAKE filled in, 0 for anything else, -1 when the socket was shut
 * down. */
int ximss_wake_receive(int descriptor, ximss_wake_t *wake);

/* Makes the thread in ximss_wake_receive return; only system calls. Nobody is sent there any more. */
void ximss_wake_shut(int descriptor, const char *data_dir);

#endif
