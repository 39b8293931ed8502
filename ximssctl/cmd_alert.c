/* ximssctl alert: a message to the user of an account, shown once. */
#include "ximssctl/ctl.h"

#include <apr_time.h>

int ximss_ctl_alert(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    int result;

    if (argc != 3 || argv[1][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result == 0) {
        result = ximss_ctl_checkout(ctl, argv[1], &account);
    }
    if (result != 0) {
        return result;
    }
    error = ximss_account_alert_post(account, argv[2], apr_time_sec(apr_time_now()), ctl->pool);
    return error != NULL ? ximss_ctl_fail_error(ctl, argv[1], error) : XIMSS_CTL_OK;
}
