/* What the commands of ximssctl share: context, table rows, failing with one line, opening the store. */
#ifndef XIMSS_XIMSSCTL_CTL_H
#define XIMSS_XIMSSCTL_CTL_H

#include "store/store.h"

enum { XIMSS_CTL_OK = 0, XIMSS_CTL_FAILED = 1, XIMSS_CTL_USAGE = 2, XIMSS_CTL_TEMPORARY = 75 };

struct ximss_ctl_command_t;

typedef struct ximss_ctl_t {
    const struct ximss_ctl_command_t *command; /* the row that runs */
    const char *data_dir;
    ximss_store_t *store; /* NULL until ximss_ctl_open */
    apr_pool_t *pool;
} ximss_ctl_t;

/* argv[0] is the last word of the command's name; returns the exit code. */
typedef int (*ximss_ctl_fn_t)(ximss_ctl_t *ctl, int argc, char **argv);

typedef struct ximss_ctl_command_t {
    const char *group; /* first word */
    const char *verb;  /* second word, NULL if there is none */
    const char *usage; /* its arguments */
    const char *help;  /* one line */
    ximss_ctl_fn_t run;
} ximss_ctl_command_t;

int ximss_ctl_domain_create(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_domain_list(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_domain_delete(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_account_create(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_account_list(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_account_set(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_account_rename(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_account_delete(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_import(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_export(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_deliver(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_alert(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_check(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_queue_run(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_queue_list(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_queue_retry(ximss_ctl_t *ctl, int argc, char **argv);
int ximss_ctl_queue_drop(ximss_ctl_t *ctl, int argc, char **argv);

/* Prints the usage of the running command to standard error; returns XIMSS_CTL_USAGE. */
int ximss_ctl_wrong_usage(const ximss_ctl_t *ctl);

/* Prints "ximssctl: ..." as one line to standard error; returns XIMSS_CTL_FAILED. */
int ximss_ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error of lib/: "ximssctl: WHAT: text", with the log detail of internal errors. */
int ximss_ctl_fail_error(const ximss_ctl_t *ctl, const char *what, const ximss_error_t *error);

/* Whether the data folder is there; says so on standard error when not. */
int ximss_ctl_has_data(const ximss_ctl_t *ctl);

/* Becomes the owner of the data folder, for good (when run as root), and opens the store. 0, or an exit
 * code after printing why. Everything that needs the caller's rights must have been started before. */
int ximss_ctl_open(ximss_ctl_t *ctl);

/* Finds the account called NAME; exit code after printing why not. */
int ximss_ctl_find_account(ximss_ctl_t *ctl, const char *name, ximss_account_entry_t **entry);

/* The same, and checks a handle out. */
int ximss_ctl_checkout(ximss_ctl_t *ctl, const char *name, ximss_account_t **account);

#endif
