/* ximssctl account create|list|set|rename|delete. Passwords are hashed here and never shown or logged. */
#include "auth/password.h"
#include "base/text.h"
#include "ximssctl/ctl.h"

#include <apr_strings.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the options of create and set say; NULL and quota_given 0: not named. */
typedef struct account_options_t {
    const char *name;
    char *password;
    const char *real_name;
    int quota_given;
    apr_int64_t quota;
} account_options_t;

/* "10", "10k", "10M", "10G"; "none" only where ALLOW_NONE. */
static int parse_quota(const char *text, int allow_none, apr_int64_t *quota)
{
    const char *const units = "kMG";
    const char *unit;
    char *end;
    long long value;
    int shift = 0;

    if (allow_none && strcmp(text, "none") == 0) {
        *quota = -1;
        return 1;
    }
    if (text[0] < '0' || text[0] > '9') {
        return 0;
    }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (*end != '\0') {
        unit = strchr(units, *end);
        if (unit == NULL || end[1] != '\0') {
            return 0;
        }
        shift = 10 * (int)(unit - units + 1);
    }
    if (errno != 0 || value > (APR_INT64_MAX >> shift)) {
        return 0;
    }
    *quota = (apr_int64_t)value << shift;
    return 1;
}

/* One line of standard input, without its line end. */
static char *read_password(apr_pool_t *pool)
{
    char line[1024];
    char *password = NULL;

    if (fgets(line, sizeof line, stdin) != NULL && strlen(line) < sizeof line - 1) {
        line[strcspn(line, "\r\n")] = '\0';
        password = apr_pstrdup(pool, line);
    }
    explicit_bzero(line, sizeof line);
    return password;
}

/* Takes a password from the command line, where every user of the machine could read it. */
static char *take_password(char *argument, apr_pool_t *pool)
{
    char *password = apr_pstrdup(pool, argument);

    explicit_bzero(argument, strlen(argument));
    return password;
}

static int check_options(const account_options_t *options)
{
    apr_size_t length;

    if (options->password != NULL && options->password[0] == '\0') {
        return ximss_ctl_fail("the password is empty");
    }
    if (options->real_name != NULL) {
        length = strlen(options->real_name);
        if (length > 255 || strpbrk(options->real_name, "\r\n\t") != NULL) {
            return ximss_ctl_fail("the real name is longer than 255 bytes or has line ends");
        }
    }
    return 0;
}

static int clean_real_name(const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);

    return ximss_text_clean(name, &length, pool) == name;
}

/* Reads the options of create and set. 0, or an exit code. */
static int parse_options(ximss_ctl_t *ctl, int argc, char **argv, account_options_t *options)
{
    static const struct option known[] = {{"password", required_argument, NULL, 'p'},
                                          {"password-stdin", no_argument, NULL, 'i'},
                                          {"real-name", required_argument, NULL, 'r'},
                                          {"quota", required_argument, NULL, 'q'},
                                          {NULL, 0, NULL, 0}};
    const int allow_none = strcmp(ctl->command->verb, "set") == 0;
    int from_stdin = 0;
    int option;

    memset(options, 0, sizeof *options);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'p') {
            options->password = take_password(optarg, ctl->pool);
        }
        else if (option == 'i') {
            from_stdin = 1;
        }
        else if (option == 'r') {
            options->real_name = optarg;
        }
        else if (option == 'q' && parse_quota(optarg, allow_none, &options->quota)) {
            options->quota_given = 1;
        }
        else {
            return ximss_ctl_wrong_usage(ctl);
        }
    }
    if (argc - optind != 1 || (from_stdin && options->password != NULL)) {
        return ximss_ctl_wrong_usage(ctl);
    }
    options->name = argv[optind];
    if (from_stdin && (options->password = read_password(ctl->pool)) == NULL) {
        return ximss_ctl_fail("no password line of up to 1000 bytes on standard input");
    }
    if (options->real_name != NULL && !clean_real_name(options->real_name, ctl->pool)) {
        return ximss_ctl_fail("the real name is not UTF-8 text");
    }
    return check_options(options);
}

/* Puts what OPTIONS name into ENTRY. */
static const ximss_error_t *apply_options(const account_options_t *options,
                                          ximss_account_entry_t *entry, apr_pool_t *pool)
{
    if (options->real_name != NULL) {
        entry->real_name = options->real_name[0] != '\0' ? options->real_name : NULL;
    }
    if (options->quota_given) {
        entry->quota = options->quota;
    }
    if (options->password != NULL) {
        const ximss_error_t *error = ximss_password_hash(options->password, &entry->verifier, pool);
        explicit_bzero(options->password, strlen(options->password));
        return error;
    }
    return NULL;
}

int ximss_ctl_account_create(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_account_entry_t entry = {.quota = -1, .enabled = 1};
    account_options_t options;
    const ximss_error_t *error;
    const char *id;
    int result = parse_options(ctl, argc, argv, &options);

    if (result != 0) {
        return result;
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result != 0) {
        return result;
    }
    entry.name = options.name;
    error = apply_options(&options, &entry, ctl->pool);
    if (error == NULL) {
        error = ximss_account_create(ctl->store, &entry, &id, ctl->pool);
    }
    if (error != NULL && error->code == XIMSS_E_NOT_FOUND) {
        return ximss_ctl_fail("%s: there is no such domain", options.name);
    }
    return error != NULL ? ximss_ctl_fail_error(ctl, options.name, error) : XIMSS_CTL_OK;
}

int ximss_ctl_account_list(ximss_ctl_t *ctl, int argc, char **argv)
{
    const char *domain = argc == 2 ? argv[1] : NULL;
    apr_array_header_t *entries;
    const ximss_error_t *error;
    int exists = 1;
    int result;
    int i;

    if (argc > 2 || (domain != NULL && domain[0] == '-')) {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result != 0) {
        return result;
    }
    error = domain != NULL ? ximss_domain_exists(ctl->store, domain, &exists, ctl->pool) : NULL;
    if (error == NULL && !exists) {
        return ximss_ctl_fail("%s: there is no such domain", domain);
    }
    if (error == NULL) {
        error = ximss_account_list(ctl->store, domain, &entries, ctl->pool);
    }
    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, "account list", error);
    }
    for (i = 0; i < entries->nelts; i++) {
        puts(APR_ARRAY_IDX(entries, i, ximss_account_entry_t *)->name);
    }
    return XIMSS_CTL_OK;
}

int ximss_ctl_account_set(ximss_ctl_t *ctl, int argc, char **argv)
{
    account_options_t options;
    ximss_account_entry_t *entry;
    const ximss_error_t *error;
    int result = parse_options(ctl, argc, argv, &options);

    if (result != 0) {
        return result;
    }
    if (options.password == NULL && options.real_name == NULL && !options.quota_given) {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result == 0) {
        result = ximss_ctl_find_account(ctl, options.name, &entry);
    }
    if (result != 0) {
        return result;
    }
    error = apply_options(&options, entry, ctl->pool);
    if (error == NULL) {
        error = ximss_account_update(ctl->store, entry, ctl->pool);
    }
    if (error == NULL && options.password != NULL) {
        /* who knows the old one only is out */
        error = ximss_account_end_sessions(ctl->store, entry->id, ctl->pool);
    }
    return error != NULL ? ximss_ctl_fail_error(ctl, options.name, error) : XIMSS_CTL_OK;
}

int ximss_ctl_account_delete(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_account_entry_t *entry;
    const ximss_error_t *error;
    int result;

    if (argc != 2 || argv[1][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result == 0) {
        result = ximss_ctl_find_account(ctl, argv[1], &entry);
    }
    if (result != 0) {
        return result;
    }
    error = ximss_account_delete(ctl->store, entry->name, ctl->pool);
    return error != NULL ? ximss_ctl_fail_error(ctl, argv[1], error) : XIMSS_CTL_OK;
}

int ximss_ctl_account_rename(ximss_ctl_t *ctl, int argc, char **argv)
{
    ximss_account_entry_t *entry;
    const ximss_error_t *error;
    int result;

    if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-') {
        return ximss_ctl_wrong_usage(ctl);
    }
    result = ximss_ctl_has_data(ctl) ? ximss_ctl_open(ctl) : XIMSS_CTL_FAILED;
    if (result == 0) {
        result = ximss_ctl_find_account(ctl, argv[1], &entry);
    }
    if (result != 0) {
        return result;
    }
    error = ximss_account_rename(ctl->store, entry->name, argv[2], ctl->pool);
    if (error != NULL && error->code == XIMSS_E_NOT_FOUND) {
        return ximss_ctl_fail("%s: there is no such domain", argv[2]);
    }
    return error != NULL ? ximss_ctl_fail_error(ctl, argv[2], error) : XIMSS_CTL_OK;
}
