/* The handlers that the dispatch table names, and what they share. */
#ifndef XIMSS_OP_HANDLERS_H
#define XIMSS_OP_HANDLERS_H

#include "op/call.h"
#include "view/folder.h"

/* Answers that the request is known and not built. */
const ximss_error_t *ximss_op_unsupported(ximss_call_t *call);

const ximss_error_t *ximss_op_bye(ximss_call_t *call);
const ximss_error_t *ximss_op_clear_uploaded(ximss_call_t *call);
const ximss_error_t *ximss_op_empty_trash(ximss_call_t *call);
const ximss_error_t *ximss_op_file_attr_read(ximss_call_t *call);
const ximss_error_t *ximss_op_file_attr_write(ximss_call_t *call);
const ximss_error_t *ximss_op_file_dir_create(ximss_call_t *call);
const ximss_error_t *ximss_op_file_dir_info(ximss_call_t *call);
const ximss_error_t *ximss_op_file_list(ximss_call_t *call);
const ximss_error_t *ximss_op_file_read(ximss_call_t *call);
const ximss_error_t *ximss_op_file_remove(ximss_call_t *call);
const ximss_error_t *ximss_op_file_rename(ximss_call_t *call);
const ximss_error_t *ximss_op_file_store_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_file_sub_list(ximss_call_t *call);
const ximss_error_t *ximss_op_file_sub_update(ximss_call_t *call);
const ximss_error_t *ximss_op_file_write(ximss_call_t *call);
const ximss_error_t *ximss_op_file_write_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_browse(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_close(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_expunge(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_open(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_read(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_reopen(ximss_call_t *call);
const ximss_error_t *ximss_op_folder_sync(ximss_call_t *call);
const ximss_error_t *ximss_op_list_features(ximss_call_t *call);
const ximss_error_t *ximss_op_list_known_values(ximss_call_t *call);
const ximss_error_t *ximss_op_login(ximss_call_t *call);
const ximss_error_t *ximss_op_mailbox_create(ximss_call_t *call);
const ximss_error_t *ximss_op_mailbox_list(ximss_call_t *call);
const ximss_error_t *ximss_op_mailbox_remove(ximss_call_t *call);
const ximss_error_t *ximss_op_mailbox_rename(ximss_call_t *call);
const ximss_error_t *ximss_op_message_append(ximss_call_t *call);
const ximss_error_t *ximss_op_message_append_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_message_confirm(ximss_call_t *call);
const ximss_error_t *ximss_op_message_confirm_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_message_copy(ximss_call_t *call);
const ximss_error_t *ximss_op_message_forward(ximss_call_t *call);
const ximss_error_t *ximss_op_message_forward_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_message_mark(ximss_call_t *call);
const ximss_error_t *ximss_op_message_move(ximss_call_t *call);
const ximss_error_t *ximss_op_message_redirect(ximss_call_t *call);
const ximss_error_t *ximss_op_message_redirect_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_message_remove(ximss_call_t *call);
const ximss_error_t *ximss_op_message_submit(ximss_call_t *call);
const ximss_error_t *ximss_op_message_submit_prepare(ximss_call_t *call);
const ximss_error_t *ximss_op_noop(ximss_call_t *call);
const ximss_error_t *ximss_op_prefs_read(ximss_call_t *call);
const ximss_error_t *ximss_op_prefs_store(ximss_call_t *call);
const ximss_error_t *ximss_op_read_status(ximss_call_t *call);
const ximss_error_t *ximss_op_read_strings(ximss_call_t *call);
const ximss_error_t *ximss_op_read_time(ximss_call_t *call);
const ximss_error_t *ximss_op_set_client_name(ximss_call_t *call);
const ximss_error_t *ximss_op_set_session_option(ximss_call_t *call);

/* The open folder NAME as the requests before this one left it; *FOLDER is NULL when there is none. */
const ximss_error_t *ximss_call_folder_load(ximss_call_t *call, const char *name,
                                            ximss_folder_t **folder);

/* Opens or replaces FOLDER, or closes the folder NAME: for the requests that follow in this batch; for good
 * together with what the batch commits (op/replay.h). */
const ximss_error_t *ximss_call_folder_save(ximss_call_t *call, const ximss_folder_t *folder);
void ximss_call_folder_remove(ximss_call_t *call, const char *name);

/* The mailbox of the session's own account that GIVEN names: "~user@domain/" or "~user/" of the user himself is
 * taken off. XIMSS_E_DENIED for the mailboxes of others. */
const ximss_error_t *ximss_op_mailbox_name(const ximss_session_t *session, const char *given,
                                           const char **name, apr_pool_t *pool);

/* The same for the name of a stored file; and for the one that ATTRIBUTE of the request holds (XIMSS_E_BAD_REQUEST:
 * there is none). */
const ximss_error_t *ximss_op_file_name(const ximss_session_t *session, const char *given,
                                        const char **name, apr_pool_t *pool);
const ximss_error_t *ximss_op_file_attr(ximss_call_t *call, const char *attribute,
                                        const char **name);

/* Gives SESSION the time zone that the account's preference names. */
const ximss_error_t *ximss_op_session_zone(ximss_session_t *session, ximss_account_t *account,
                                           apr_pool_t *pool);

/* The id of the mailbox called NAME, which may hold messages: *TARGET. One that is missing is created with the class
 * MAIL_CLASS, unless that is NULL: XIMSS_E_NO_MAILBOX. Needs the write transaction. */
const ximss_error_t *ximss_op_target_mailbox(ximss_call_t *call, const char *name,
                                             const char *mail_class, apr_int64_t *target);

/* The folder that the request's "folder" attribute names; XIMSS_E_NO_FOLDER when it is not open. Its mailbox
 * must be there still and of the same epoch: *MAILBOX. */
const ximss_error_t *ximss_op_folder(ximss_call_t *call, ximss_folder_t **folder,
                                     ximss_mailbox_t **mailbox);

/* Message UID of FOLDER: copied to *MESSAGE in POOL. XIMSS_E_NO_MESSAGE when it is gone or not in the view;
 * FOLDER NULL: of the mailbox. */
const ximss_error_t *ximss_op_message(ximss_account_t *account, const ximss_folder_t *folder,
                                      apr_int64_t mailbox, apr_uint32_t uid,
                                      ximss_message_t *message, apr_pool_t *pool);

/* Reads attribute NAME as a number 0..MAX; FALLBACK when it is missing. */
const ximss_error_t *ximss_op_number(ximss_call_t *call, const char *name, apr_int64_t max,
                                     apr_int64_t fallback, apr_int64_t *value);

#endif
