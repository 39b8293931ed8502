/* ximssctl: the administrator's command. Here: the table of commands, and the way to a row of it. */
#include "base/log.h"
#include "ximssctl/ctl.h"

#include <apr_general.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const ximss_ctl_command_t commands[] = {
    {"domain", "create", "NAME", "create a mail domain", ximss_ctl_domain_create},
    {"domain", "list", "", "list the domains, a name a line", ximss_ctl_domain_list},
    {"domain", "delete", "NAME", "delete a domain that has no accounts", ximss_ctl_domain_delete},
    {"account", "create",
     "NAME@DOMAIN [--password P | --password-stdin] [--real-name R] [--quota BYTES[k|M|G]]",
     "create an account with an INBOX", ximss_ctl_account_create},
    {"account", "list", "[DOMAIN]", "list accounts, a name a line", ximss_ctl_account_list},
    {"account", "set",
     "NAME@DOMAIN [--password P | --password-stdin] [--real-name R] [--quota BYTES[k|M|G]|none]",
     "change what is named; a new password ends the sessions", ximss_ctl_account_set},
    {"account", "rename", "NAME@DOMAIN NEWNAME@DOMAIN",
     "give an account a new name; its sessions end", ximss_ctl_account_rename},
    {"account", "delete", "NAME@DOMAIN", "delete an account and its mail",
     ximss_ctl_account_delete},
    {"import", NULL, "ACCOUNT MAILBOX PATH... [--skip-duplicates]",
     "import mbox files, Maildirs, folders of messages, single messages", ximss_ctl_import},
    {"export", NULL, "ACCOUNT MAILBOX --to PATH --format mbox|maildir|eml",
     "export a mailbox to PATH, which must not exist", ximss_ctl_export},
    {"deliver", NULL, "ACCOUNT [-f SENDER]", "deliver the message on standard input",
     ximss_ctl_deliver},
    {"alert", NULL, "ACCOUNT TEXT", "show TEXT once to the user: now, or at the next login",
     ximss_ctl_alert},
    {"check", NULL, "[ACCOUNT...] [--rebuild]",
     "check all accounts or those named; --rebuild makes derived data again", ximss_ctl_check},
    {"queue", "run", "[--once]", "send what is due; without --once again and again",
     ximss_ctl_queue_run},
    {"queue", "list", "[ACCOUNT]", "list the mail that waits, a recipient a line",
     ximss_ctl_queue_list},
    {"queue", "retry", "ACCOUNT [MESSAGE [RECIPIENT]]",
     "send at once what waits or is held; MESSAGE and RECIPIENT are numbers of \"queue list\"",
     ximss_ctl_queue_retry},
    {"queue", "drop", "ACCOUNT [MESSAGE [RECIPIENT]]", "forget it without sending it",
     ximss_ctl_queue_drop},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    int i;

    fprintf(out, "usage: ximssctl [-d DATADIR] COMMAND ...\n\ncommands:\n");
    for (i = 0; i < COMMAND_COUNT; i++) {
        const ximss_ctl_command_t *row = &commands[i];
        fprintf(out, "  %s%s%s %s\n      %s\n", row->group, row->verb != NULL ? " " : "",
                row->verb != NULL ? row->verb : "", row->usage, row->help);
    }
    fprintf(out,
            "\n  -d DATADIR  the data folder (default %s)\n\n"
            "Run as root it opens PATHs as root and works as the owner of the data folder.\n"
            "Exit code: 0 done; 1 failed, one line on standard error says why; 2 wrong usage; 75\n"
            "(deliver) failed, but may work later.\n",
            XIMSS_DATA_DIR);
}

/* The row for the words at ARGV; *WORDS is how many of them name it. */
static const ximss_ctl_command_t *find_command(int argc, char **argv, int *words)
{
    int i;

    for (i = 0; i < COMMAND_COUNT && argc > 0; i++) {
        const ximss_ctl_command_t *row = &commands[i];
        if (strcmp(row->group, argv[0]) != 0) {
            continue;
        }
        if (row->verb == NULL) {
            *words = 1;
            return row;
        }
        if (argc > 1 && strcmp(row->verb, argv[1]) == 0) {
            *words = 2;
            return row;
        }
    }
    return NULL;
}

static void log_line(void *baton, ximss_log_level_t level, const char *line)
{
    (void)baton;
    (void)level;
    fprintf(stderr, "ximssctl: %s\n", line);
}

static int run_command(ximss_ctl_t *ctl, int argc, char **argv)
{
    int words = 0;

    ctl->command = find_command(argc, argv, &words);
    if (ctl->command == NULL) {
        fprintf(stderr, "%s\n", argc > 0 ? "ximssctl: unknown command" : "ximssctl: no command");
        print_help(stderr);
        return XIMSS_CTL_USAGE;
    }
    ximss_log_set(log_line, NULL, XIMSS_LOG_WARN);
    optind = 0;
    return ctl->command->run(ctl, argc - (words - 1), argv + (words - 1));
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
    ximss_ctl_t ctl = {.data_dir = XIMSS_DATA_DIR};
    int option;
    int result;

    while ((option = getopt_long(argc, argv, "+d:hV", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            ctl.data_dir = optarg;
            break;
        case 'h':
            print_help(stdout);
            return XIMSS_CTL_OK;
        case 'V':
            printf("ximssctl %s\n", XIMSS_VERSION);
            return XIMSS_CTL_OK;
        default:
            print_help(stderr);
            return XIMSS_CTL_USAGE;
        }
    }
    umask(077);
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&ctl.pool, NULL) != APR_SUCCESS) {
        return ximss_ctl_fail("cannot initialise APR");
    }
    result = run_command(&ctl, argc - optind, argv + optind);
    apr_pool_destroy(ctl.pool);
    if (fflush(stdout) != 0 && result == XIMSS_CTL_OK) {
        result = ximss_ctl_fail("cannot write to standard output");
    }
    return result;
}
