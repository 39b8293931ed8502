/* The dispatch table: every request of the protocol text and the extensions that are built or meant to be.
 * A request without a handler of its own answers "not supported": the gaps are the rows that say so. */
#include "op/ops.h"

#include "op/handlers.h"

#include <apr_cstr.h>

#include <stdlib.h>

#define PRELOGIN  XIMSS_OP_PRELOGIN
#define SESSION   XIMSS_OP_SESSION
#define READS     XIMSS_OP_READS
#define WRITES    XIMSS_OP_WRITES
#define LONG      XIMSS_OP_LONG
#define EXTENSION XIMSS_OP_EXTENSION

/* clang-format off */
const ximss_op_t ximss_ops[] = {
    {"accountACLList",        ximss_op_unsupported,          SESSION,                         NULL},
    {"accountACLUpdate",      ximss_op_unsupported,          SESSION,                         NULL},
    {"accountRightsGet",      ximss_op_unsupported,          SESSION,                         NULL},
    {"auth",                  ximss_op_unsupported,          PRELOGIN,                        NULL},
    {"bannerRead",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"bye",                   ximss_op_bye,                  SESSION,                         NULL},
    {"calendarCancel",        ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"calendarClose",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"calendarOpen",          ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"calendarPublish",       ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"calendarReadItem",      ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"clearUploaded",         ximss_op_unsupported,          SESSION,                         NULL},
    {"cliExecute",            ximss_op_unsupported,          SESSION,                         NULL},
    {"contactAppend",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"contactFind",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"contactsImport",        ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"emptyTrash",            ximss_op_empty_trash,          SESSION | WRITES,                NULL},
    {"fileAttrRead",          ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileAttrWrite",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileDirCreate",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileDirInfo",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileList",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileRead",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileRemove",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileStore",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileSubList",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileSubUpdate",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"fileWrite",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"findEvents",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"findTasks",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"folderBrowse",          ximss_op_folder_browse,        SESSION | READS,                 "folder"},
    {"folderClose",           ximss_op_folder_close,         SESSION,                         "folder"},
    {"folderExpunge",         ximss_op_folder_expunge,       SESSION | WRITES,                "folder"},
    {"folderOpen",            ximss_op_folder_open,          SESSION | READS | LONG,          "folder"},
    {"folderRead",            ximss_op_folder_read,          SESSION | READS,                 "folder UID"},
    {"folderReopen",          ximss_op_folder_reopen,        SESSION | READS | LONG,          "folder"},
    {"folderSearch",          ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"folderSync",            ximss_op_folder_sync,          SESSION | READS | LONG,          "folder"},
    {"listFeatures",          ximss_op_list_features,        PRELOGIN,                        NULL},
    {"listKnownValues",       ximss_op_list_known_values,    SESSION,                         NULL},
    {"login",                 ximss_op_login,                PRELOGIN,                        "authData"},
    {"mailboxACLList",        ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxACLUpdate",      ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxAliasList",      ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxAliasUpdate",    ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxCreate",         ximss_op_mailbox_create,       SESSION | WRITES,                "mailbox"},
    {"mailboxList",           ximss_op_mailbox_list,         SESSION | READS,                 NULL},
    {"mailboxRemove",         ximss_op_mailbox_remove,       SESSION | WRITES,                "mailbox"},
    {"mailboxRename",         ximss_op_mailbox_rename,       SESSION | WRITES,                "mailbox newName"},
    {"mailboxRightsGet",      ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxSubList",        ximss_op_unsupported,          SESSION,                         NULL},
    {"mailboxSubUpdate",      ximss_op_unsupported,          SESSION,                         NULL},
    {"messageAppend",         ximss_op_unsupported,          SESSION,                         NULL},
    {"messageConfirm",        ximss_op_unsupported,          SESSION,                         NULL},
    {"messageCopy",           ximss_op_message_copy,         SESSION | WRITES,                "folder targetMailbox"},
    {"messageForward",        ximss_op_unsupported,          SESSION,                         NULL},
    {"messageMark",           ximss_op_message_mark,         SESSION | WRITES,                "folder flags"},
    {"messageMove",           ximss_op_message_move,         SESSION | WRITES,                "folder targetMailbox"},
    {"messageRedirect",       ximss_op_unsupported,          SESSION,                         NULL},
    {"messageRemove",         ximss_op_message_remove,       SESSION | WRITES,                "folder"},
    {"messageSubmit",         ximss_op_unsupported,          SESSION,                         NULL},
    {"noop",                  ximss_op_noop,                 SESSION,                         NULL},
    {"passwordModify",        ximss_op_unsupported,          SESSION,                         NULL},
    {"prefsRead",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"prefsStore",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"presenceSet",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"readStatus",            ximss_op_read_status,          SESSION | READS | LONG,          NULL},
    {"readStrings",           ximss_op_read_strings,         PRELOGIN | SESSION,              NULL},
    {"readTime",              ximss_op_read_time,            SESSION,                         NULL},
    {"recoverPassword",       ximss_op_unsupported,          PRELOGIN,                        NULL},
    {"retrieveURL",           ximss_op_unsupported,          SESSION,                         NULL},
    {"retrieveXML",           ximss_op_unsupported,          SESSION,                         NULL},
    {"rosterList",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"rosterSet",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"ruleList",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"ruleRead",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"ruleRemove",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"ruleRename",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"ruleSet",               ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"sendIM",                ximss_op_unsupported,          SESSION | EXTENSION,             NULL},
    {"setClientName",         ximss_op_set_client_name,      SESSION | EXTENSION,             NULL},
    {"setSessionOption",      ximss_op_set_session_option,   SESSION | EXTENSION,             "name"},
    {"signup",                ximss_op_unsupported,          PRELOGIN,                        NULL},
    {"skinFileList",          ximss_op_unsupported,          SESSION,                         NULL},
    {"skinFileRead",          ximss_op_unsupported,          SESSION,                         NULL},
    {"skinList",              ximss_op_unsupported,          SESSION,                         NULL},
    {"SMIMELock",             ximss_op_unsupported,          SESSION,                         NULL},
    {"SMIMEModifyPassword",   ximss_op_unsupported,          SESSION,                         NULL},
    {"SMIMEUnlock",           ximss_op_unsupported,          SESSION,                         NULL},
    {"spellerCheck",          ximss_op_unsupported,          SESSION,                         NULL},
    {"spellerList",           ximss_op_unsupported,          SESSION,                         NULL},
    {"starttls",              ximss_op_unsupported,          PRELOGIN,                        NULL},
};
/* clang-format on */

const int ximss_ops_count = sizeof(ximss_ops) / sizeof(ximss_ops[0]);

static int compare_name(const void *name, const void *row)
{
    return apr_cstr_casecmp(name, ((const ximss_op_t *)row)->name);
}

const ximss_op_t *ximss_op_find(const char *name)
{
    return bsearch(name, ximss_ops, (size_t)ximss_ops_count, sizeof(ximss_ops[0]), compare_name);
}

const ximss_error_t *ximss_op_unsupported(ximss_call_t *call)
{
    return ximss_error(call->pool, XIMSS_E_NOT_SUPPORTED, NULL);
}
