/* ximssctl domain create|list|delete */
#include "ximssctl/ctl.h"

#include <stdio.h>

int ximss_ctl_domain_create(ximss_ctl_t *ctl, int argc, char **argv)
{
    const ximss_error_t *error;
    int result;

    if (argc != 2 || argv[1][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_open(ctl);
    if (result != 0) {
        return result;
    }
    error = ximss_domain_create(ctl->store, argv[1], ctl->pool);
    return error != NULL ? ximss_ctl_fail_error(ctl, argv[1], error) : XIMSS_CTL_OK;
}

int ximss_ctl_domain_list(ximss_ctl_t *ctl, int argc, char **argv)
{
    const ximss_error_t *error;
    apr_array_header_t *names;
    int result;
    int i;

    (void)argv;
    if (argc != 1) {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result != 0) {
        return result;
    }
    error = ximss_domain_list(ctl->store, &names, ctl->pool);
    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, "domain list", error);
    }
    for (i = 0; i < names->nelts; i++) {
        puts(APR_ARRAY_IDX(names, i, const char *));
    }
    return XIMSS_CTL_OK;
}

int ximss_ctl_domain_delete(ximss_ctl_t *ctl, int argc, char **argv)
{
    const ximss_error_t *error;
    int result;

    if (argc != 2 || argv[1][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result != 0) {
        return result;
    }
    error = ximss_domain_delete(ctl->store, argv[1], ctl->pool);
    return error != NULL ? ximss_ctl_fail_error(ctl, argv[1], error) : XIMSS_CTL_OK;
}
