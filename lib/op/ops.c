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
    {"accountACLList",        ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"accountACLUpdate",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"accountRightsGet",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"auth",                  ximss_op_unsupported,          PRELOGIN,                        NULL,                   NULL},
    {"bannerRead",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"bye",                   ximss_op_bye,                  SESSION,                         NULL,                   NULL},
    {"calendarCancel",        ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"calendarClose",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"calendarOpen",          ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"calendarPublish",       ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"calendarReadItem",      ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"clearUploaded",         ximss_op_clear_uploaded,       SESSION,                         NULL,                   NULL},
    {"cliExecute",            ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"contactAppend",         ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"contactFind",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"contactsImport",        ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"emptyTrash",            ximss_op_empty_trash,          SESSION | WRITES,                NULL,                   NULL},
    {"fileAttrRead",           ximss_op_file_attr_read,       SESSION | READS | EXTENSION,     "fileName",             NULL},
    {"fileAttrWrite",          ximss_op_file_attr_write,      SESSION | WRITES | EXTENSION,    "fileName",             NULL},
    {"fileDirCreate",          ximss_op_file_dir_create,      SESSION | WRITES | EXTENSION,    "fileName",             NULL},
    {"fileDirInfo",            ximss_op_file_dir_info,        SESSION | READS | EXTENSION,     NULL,                   NULL},
    {"fileList",               ximss_op_file_list,            SESSION | READS | EXTENSION,     NULL,                   NULL},
    {"fileRead",               ximss_op_file_read,            SESSION | READS | EXTENSION,     "fileName",             NULL},
    {"fileRemove",             ximss_op_file_remove,          SESSION | WRITES | EXTENSION,    "fileName",             NULL},
    {"fileRename",             ximss_op_file_rename,          SESSION | WRITES | EXTENSION,    "fileName newName",     NULL},
    {"fileStore",              ximss_op_file_write,           SESSION | WRITES | EXTENSION,    "fileName uploadID",    ximss_op_file_store_prepare},
    {"fileSubList",            ximss_op_file_sub_list,        SESSION | READS | EXTENSION,     NULL,                   NULL},
    {"fileSubUpdate",          ximss_op_file_sub_update,      SESSION | WRITES | EXTENSION,    NULL,                   NULL},
    {"fileWrite",              ximss_op_file_write,           SESSION | WRITES | EXTENSION,    "fileName",             ximss_op_file_write_prepare},
    {"findEvents",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"findTasks",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"folderBrowse",          ximss_op_folder_browse,        SESSION | READS,                 "folder",               NULL},
    {"folderClose",           ximss_op_folder_close,         SESSION,                         "folder",               NULL},
    {"folderExpunge",         ximss_op_folder_expunge,       SESSION | WRITES,                "folder",               NULL},
    {"folderOpen",            ximss_op_folder_open,          SESSION | READS | LONG,          "folder",               NULL},
    {"folderRead",            ximss_op_folder_read,          SESSION | READS,                 "folder UID",           NULL},
    {"folderReopen",          ximss_op_folder_reopen,        SESSION | READS | LONG,          "folder",               NULL},
    {"folderSearch",          ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"folderSync",            ximss_op_folder_sync,          SESSION | READS | LONG,          "folder",               NULL},
    {"listFeatures",          ximss_op_list_features,        PRELOGIN,                        NULL,                   NULL},
    {"listKnownValues",       ximss_op_list_known_values,    SESSION,                         NULL,                   NULL},
    {"login",                 ximss_op_login,                PRELOGIN,                        "authData",             NULL},
    {"mailboxACLList",        ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxACLUpdate",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxAliasList",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxAliasUpdate",    ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxCreate",         ximss_op_mailbox_create,       SESSION | WRITES,                "mailbox",              NULL},
    {"mailboxList",           ximss_op_mailbox_list,         SESSION | READS,                 NULL,                   NULL},
    {"mailboxRemove",         ximss_op_mailbox_remove,       SESSION | WRITES,                "mailbox",              NULL},
    {"mailboxRename",         ximss_op_mailbox_rename,       SESSION | WRITES,                "mailbox newName",      NULL},
    {"mailboxRightsGet",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxSubList",        ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"mailboxSubUpdate",      ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"messageAppend",         ximss_op_message_append,       SESSION | WRITES,                NULL,                   ximss_op_message_append_prepare},
    {"messageConfirm",        ximss_op_message_confirm,      SESSION | WRITES | LONG,         "folder UID",           ximss_op_message_confirm_prepare},
    {"messageCopy",           ximss_op_message_copy,         SESSION | WRITES,                "folder targetMailbox", NULL},
    {"messageForward",        ximss_op_message_forward,      SESSION | WRITES | LONG,         "folder UID",           ximss_op_message_forward_prepare},
    {"messageMark",           ximss_op_message_mark,         SESSION | WRITES,                "folder flags",         NULL},
    {"messageMove",           ximss_op_message_move,         SESSION | WRITES,                "folder targetMailbox", NULL},
    {"messageRedirect",       ximss_op_message_redirect,     SESSION | WRITES | LONG,         "folder UID",           ximss_op_message_redirect_prepare},
    {"messageRemove",         ximss_op_message_remove,       SESSION | WRITES,                "folder",               NULL},
    {"messageSubmit",         ximss_op_message_submit,       SESSION | WRITES | LONG,         NULL,                   ximss_op_message_submit_prepare},
    {"noop",                  ximss_op_noop,                 SESSION,                         NULL,                   NULL},
    {"passwordModify",        ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"prefsRead",              ximss_op_prefs_read,           SESSION | READS | EXTENSION,     NULL,                   NULL},
    {"prefsStore",             ximss_op_prefs_store,          SESSION | WRITES | EXTENSION,    NULL,                   NULL},
    {"presenceSet",           ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"readStatus",            ximss_op_read_status,          SESSION | READS | LONG,          NULL,                   NULL},
    {"readStrings",           ximss_op_read_strings,         PRELOGIN | SESSION,              NULL,                   NULL},
    {"readTime",              ximss_op_read_time,            SESSION,                         NULL,                   NULL},
    {"recoverPassword",       ximss_op_unsupported,          PRELOGIN,                        NULL,                   NULL},
    {"retrieveURL",           ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"retrieveXML",           ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"rosterList",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"rosterSet",             ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"ruleList",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"ruleRead",              ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"ruleRemove",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"ruleRename",            ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"ruleSet",               ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"sendIM",                ximss_op_unsupported,          SESSION | EXTENSION,             NULL,                   NULL},
    {"setClientName",         ximss_op_set_client_name,      SESSION | EXTENSION,             NULL,                   NULL},
    {"setSessionOption",      ximss_op_set_session_option,   SESSION | EXTENSION,             "name",                 NULL},
    {"signup",                ximss_op_unsupported,          PRELOGIN,                        NULL,                   NULL},
    {"skinFileList",          ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"skinFileRead",          ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"skinList",              ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"SMIMELock",             ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"SMIMEModifyPassword",   ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"SMIMEUnlock",           ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"spellerCheck",          ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"spellerList",           ximss_op_unsupported,          SESSION,                         NULL,                   NULL},
    {"starttls",              ximss_op_unsupported,          PRELOGIN,                        NULL,                   NULL},
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
