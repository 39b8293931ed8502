/* Shared parts of the commands. Run as root, the process that touches the databases and parses mail gives
 * up root for good before it does either: files come out with the right owner, and a fault in a parser is
 * no way to root. PATHs are opened for it by a process of their own (caller.h). */
#include "ximssctl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ximss_ctl_wrong_usage(const ximss_ctl_t *ctl)
{
    const ximss_ctl_command_t *command = ctl->command;

    fprintf(stderr, "usage: ximssctl [-d DATADIR] %s%s%s %s\n", command->group,
            command->verb != NULL ? " " : "", command->verb != NULL ? command->verb : "",
            command->usage);
    return XIMSS_CTL_USAGE;
}

/* One line, whatever the text holds: names of files and accounts may hold line ends. */
static void print_line(const char *text)
{
    char line[8192];
    size_t used = 0;

    for (; *text != '\0' && used + 5 < sizeof line; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= ' ' && c != 0x7f) {
            line[used++] = (char)c;
        }
        else {
            used += (size_t)snprintf(line + used, sizeof line - used, "\\x%02x", c);
        }
    }
    line[used] = '\0';
    fprintf(stderr, "ximssctl: %s\n", line);
}

int ximss_ctl_fail(const char *fmt, ...)
{
    char text[8192];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_line(text);
    return XIMSS_CTL_FAILED;
}

int ximss_ctl_fail_error(const ximss_ctl_t *ctl, const char *what, const ximss_error_t *error)
{
    if (error->code == XIMSS_E_INTERNAL) {
        return ximss_ctl_fail("%s: %s (%s)", what, error->text,
                              ximss_error_log_line(error, ctl->pool));
    }
    return ximss_ctl_fail("%s: %s", what, error->text);
}

int ximss_ctl_has_data(const ximss_ctl_t *ctl)
{
    struct stat info;

    if (stat(ctl->data_dir, &info) != 0) {
        ximss_ctl_fail("data folder %s: %s (\"domain create\" makes it)", ctl->data_dir,
                       strerror(errno));
        return 0;
    }
    if (!S_ISDIR(info.st_mode)) {
        ximss_ctl_fail("data folder %s is not a folder", ctl->data_dir);
        return 0;
    }
    return 1;
}

static int become_owner(const char *data_dir)
{
    struct stat info;

    if (geteuid() != 0 || stat(data_dir, &info) != 0 || info.st_uid == 0) {
        return 0;
    }
    if (setgroups(0, NULL) != 0 || setresgid(info.st_gid, info.st_gid, info.st_gid) != 0 ||
        setresuid(info.st_uid, info.st_uid, info.st_uid) != 0) {
        return ximss_ctl_fail("cannot become the owner of %s: %s", data_dir, strerror(errno));
    }
    return 0;
}

int ximss_ctl_open(ximss_ctl_t *ctl)
{
    const ximss_store_options_t options = {.handle_cache = 4, .lock_wait_ms = 5000, .server = 0};
    const ximss_error_t *error;
    int result = become_owner(ctl->data_dir);

    if (result != 0) {
        return result;
    }
    if (access(ctl->data_dir, F_OK) == 0 && access(ctl->data_dir, R_OK | W_OK | X_OK) != 0) {
        return ximss_ctl_fail("data folder %s: %s (run as its owner or as root)", ctl->data_dir,
                              strerror(errno));
    }
    error = ximss_store_open(&ctl->store, "sqlite", ctl->data_dir, &options, ctl->pool);
    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, ctl->data_dir, error);
    }
    return 0;
}

int ximss_ctl_find_account(ximss_ctl_t *ctl, const char *name, ximss_account_entry_t **entry)
{
    const ximss_error_t *error = ximss_account_find(ctl->store, name, entry, ctl->pool);

    if (error != NULL) {
        return ximss_ctl_fail_error(ctl, name, error);
    }
    if (*entry == NULL) {
        return ximss_ctl_fail("%s: no such account", name);
    }
    return 0;
}

int ximss_ctl_checkout(ximss_ctl_t *ctl, const char *name, ximss_account_t **account)
{
    ximss_account_entry_t *entry;
    const ximss_error_t *error;
    int result = ximss_ctl_find_account(ctl, name, &entry);

    if (result != 0) {
        return result;
    }
    error = ximss_account_checkout(account, ctl->store, entry->id, ctl->pool);
    return error != NULL ? ximss_ctl_fail_error(ctl, name, error) : 0;
}
