/* How the queue sends: a small file in the data folder, which the module writes from its directives and ximssctl reads.
 * Lines of "name value"; "#" begins a comment. Passwords stand in a file of their own. */
#ifndef XIMSS_SUBMIT_QUEUE_CONFIG_H
#define XIMSS_SUBMIT_QUEUE_CONFIG_H

#include "submit/sending.h"

typedef struct ximss_queue_config_t {
    const char *sendmail; /* path of the program; NULL: none */
    const char *relay;    /* name or address of an SMTP server, goes before sendmail; NULL: none */
    int port;             /* of the relay; 0: the usual one for tls */
    ximss_tls_t tls;      /* of the relay */
    const char
        *ca_file; /* PEM file of authorities for the relay's certificate; NULL: the system's */
    const char *auth_file;  /* one line "user:password" for the relay; NULL: no login */
    const char *local_name; /* of this machine; NULL: that of the system */
    ximss_patience_t patience;
    int message_bytes; /* of the largest message that an account takes */
} ximss_queue_config_t;

/* The names of the values of ximss_tls_t, in order, NULL-terminated: "none", "starttls", "smtps". */
extern const char *const ximss_tls_names[];

/* The configuration when nothing is said: sendmail where it is installed. */
ximss_queue_config_t ximss_queue_config_default(void);

/* Reads that of the data folder; it is the default when there is no file. XIMSS_E_BAD_REQUEST names the line that is
 * wrong. Texts in POOL. */
const ximss_error_t *ximss_queue_config_read(ximss_queue_config_t *config, const char *data_dir,
                                             apr_pool_t *pool);

/* Replaces the file, for the user and group OWNER, GROUP (-1: as it comes). */
const ximss_error_t *ximss_queue_config_write(const ximss_queue_config_t *config,
                                              const char *data_dir, int owner, int group,
                                              apr_pool_t *pool);

/* The route that CONFIG describes, with the login read; *ROUTE is NULL when there is no way out. XIMSS_E_BAD_REQUEST:
 * the file with the login is missing, malformed, or open to others. In POOL. */
const ximss_error_t *ximss_queue_config_route(const ximss_queue_config_t *config,
                                              const ximss_route_t **route, apr_pool_t *pool);

#endif
