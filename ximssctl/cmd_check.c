/* ximssctl check: looks for damage in accounts, and makes derived data again on request. Faults go to
 * standard output, a line each. */
#include "ximssctl/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

typedef struct check_run_t {
    ximss_ctl_t *ctl;
    int rebuild;
    const char *account_name;
    apr_int64_t accounts;
    ximss_check_t total;
} check_run_t;

static void print_fault(void *baton, const char *line)
{
    const check_run_t *run = baton;

    printf("%s: %s\n", run->account_name, line);
}

static void check_account(check_run_t *run, const ximss_account_entry_t *entry)
{
    static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_check_t result = {0, 0, 0};
    ximss_account_t *account;
    const ximss_error_t *error;
    apr_pool_t *pool;

    apr_pool_create(&pool, run->ctl->pool);
    run->account_name = entry->name;
    run->accounts++;
    error = ximss_account_checkout(&account, run->ctl->store, entry->id, pool);
    if (error == NULL) {
        error =
            ximss_account_check(account, run->rebuild, &limits, print_fault, run, &result, pool);
    }
    if (error != NULL) {
        printf("%s: %s\n", entry->name, ximss_error_log_line(error, pool));
        result.damaged++;
    }
    run->total.messages += result.messages;
    run->total.damaged += result.damaged;
    run->total.repaired += result.repaired;
    apr_pool_destroy(pool);
}

/* Checks the accounts NAMES, all when there are none. */
static int check_accounts(check_run_t *run, int count, char **names)
{
    ximss_account_entry_t *entry;
    apr_array_header_t *entries;
    const ximss_error_t *error;
    int result = 0;
    int i;

    for (i = 0; i < count; i++) {
        result = ximss_ctl_find_account(run->ctl, names[i], &entry);
        if (result != 0) {
            return result;
        }
    }
    for (i = 0; i < count; i++) {
        if (ximss_ctl_find_account(run->ctl, names[i], &entry) == 0) {
            check_account(run, entry);
        }
    }
    if (count > 0) {
        return 0;
    }
    error = ximss_account_list(run->ctl->store, NULL, &entries, run->ctl->pool);
    if (error != NULL) {
        return ximss_ctl_fail_error(run->ctl, "check", error);
    }
    for (i = 0; i < entries->nelts; i++) {
        check_account(run, APR_ARRAY_IDX(entries, i, ximss_account_entry_t *));
    }
    return 0;
}

int ximss_ctl_check(ximss_ctl_t *ctl, int argc, char **argv)
{
    static const struct option known[] = {{"rebuild", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    check_run_t run = {.ctl = ctl};
    int option;
    int result;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 'r') {
            return ximss_ctl_wrong_usage(ctl);
        }
        run.rebuild = 1;
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result == 0) {
        result = check_accounts(&run, argc - optind, argv + optind);
    }
    if (result != 0) {
        return result;
    }
    printf("checked %" APR_INT64_T_FMT " accounts, %" APR_INT64_T_FMT " messages: %" APR_INT64_T_FMT
           " faults, %" APR_INT64_T_FMT " mended\n",
           run.accounts, run.total.messages, run.total.damaged, run.total.repaired);
    if (run.total.damaged > run.total.repaired) {
        return ximss_ctl_fail("%" APR_INT64_T_FMT " faults are not mended",
                              run.total.damaged - run.total.repaired);
    }
    return XIMSS_CTL_OK;
}
