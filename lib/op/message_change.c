/* messageMark, messageCopy, messageMove, messageRemove, folderExpunge, emptyTrash (protocol text, Mailbox
 * Operations). Each runs inside the dispatcher's savepoint, so one that fails has changed nothing. Messages
 * are named through the folder's logical view and taken a piece at a time, so memory does not grow with
 * the set. */
#include "base/message_set.h"
#include "op/handlers.h"
#include "store/prefs.h"

#include <apr_cstr.h>

/* UIDs that are changed at once. */
#define PIECE 4096

typedef struct ximss_change_t ximss_change_t;

/* Changes COUNT messages of change->mailbox. */
typedef const ximss_error_t *(*ximss_change_fn_t)(ximss_change_t *change, const apr_uint32_t *uids,
                                                  apr_size_t count, apr_pool_t *pool);

struct ximss_change_t {
    ximss_call_t *call;
    ximss_folder_t *folder; /* NULL: a mailbox that is not looked at through a folder */
    ximss_mailbox_t *mailbox;
    ximss_change_fn_t fn;
    ximss_flag_change_t flags; /* mark */
    apr_int64_t target;        /* copy, move */
};

/* ---- what is done ---- */

static const ximss_error_t *mark(ximss_change_t *change, const apr_uint32_t *uids, apr_size_t count,
                                 apr_pool_t *pool)
{
    return ximss_message_mark(change->call->account, change->mailbox->id, uids, count,
                              &change->flags, NULL, pool);
}

static const ximss_error_t *copy(ximss_change_t *change, const apr_uint32_t *uids, apr_size_t count,
                                 apr_pool_t *pool)
{
    return ximss_message_copy(change->call->account, change->mailbox->id, uids, count,
                              change->target, NULL, pool);
}

static const ximss_error_t *expunge(ximss_change_t *change, const apr_uint32_t *uids,
                                    apr_size_t count, apr_pool_t *pool)
{
    return ximss_message_expunge(change->call->account, change->mailbox->id, uids, count, NULL,
                                 pool);
}

static const ximss_error_t *move(ximss_change_t *change, const apr_uint32_t *uids, apr_size_t count,
                                 apr_pool_t *pool)
{
    XIMSS_TRY(copy(change, uids, count, pool));
    return expunge(change, uids, count, pool);
}

/* ---- which messages ---- */

/* Positions FROM..TILL, clamped to the view. */
static const ximss_error_t *change_indices(ximss_change_t *change, apr_int64_t from,
                                           apr_int64_t till, apr_pool_t *pool)
{
    if (till >= change->folder->messages) {
        till = change->folder->messages - 1;
    }
    while (from <= till) {
        apr_int64_t last = till - from >= PIECE ? from + PIECE - 1 : till;
        apr_uint32_t *uids;
        apr_pool_clear(pool);
        XIMSS_TRY(ximss_view_uids(change->folder, change->call->account, from, last, &uids, pool));
        XIMSS_TRY(change->fn(change, uids, (apr_size_t)(last - from + 1), pool));
        from = last + 1;
    }
    return NULL;
}

/* The messages FROM..TILL that the mailbox held at MODSEQ. */
static const ximss_error_t *change_uid_range(ximss_change_t *change, apr_int64_t modseq,
                                             const ximss_range_t *range, apr_pool_t *pool)
{
    ximss_block_t start = {.number = range->from, .uid = (apr_uint32_t)range->from};
    apr_uint32_t uids[PIECE];
    apr_size_t found = PIECE;
    while (found == PIECE && start.number <= range->till) {
        apr_size_t count;
        apr_pool_clear(pool);
        XIMSS_TRY(ximss_order_uids(change->call->account, change->mailbox->id, XIMSS_ORDER_UID,
                                   modseq, &start, 0, PIECE, uids, &found, pool));
        for (count = found; count > 0 && uids[count - 1] > range->till;) {
            count--;
        }
        if (count > 0) {
            start.number = (apr_int64_t)uids[count - 1] + 1;
            start.uid = (apr_uint32_t)start.number;
            XIMSS_TRY(change->fn(change, uids, count, pool));
        }
        found = count;
    }
    return NULL;
}

/* Single UIDs of a set that are collected. */
typedef struct ximss_singles_t {
    apr_uint32_t uids[PIECE];
    apr_size_t count;
} ximss_singles_t;

static const ximss_error_t *flush(ximss_change_t *change, ximss_singles_t *singles,
                                  apr_pool_t *pool)
{
    apr_size_t count = singles->count;
    singles->count = 0;
    apr_pool_clear(pool);
    return count > 0 ? change->fn(change, singles->uids, count, pool) : NULL;
}

/* A UID given by itself means that message whatever the view shows: the client may know it from elsewhere. A
 * range means what the mailbox held when the view was made: nobody removes mail that he has not seen. */
static const ximss_error_t *change_uids(ximss_change_t *change, const ximss_message_set_t *set,
                                        apr_pool_t *pool)
{
    ximss_singles_t *singles = apr_palloc(change->call->pool, sizeof(*singles));
    int i;
    singles->count = 0;
    for (i = 0; i < set->ranges->nelts; i++) {
        const ximss_range_t *range = &APR_ARRAY_IDX(set->ranges, i, ximss_range_t);
        if (range->from >= change->mailbox->uid_next) {
            break; /* the ranges are sorted; copies that are made here are not meant */
        }
        if (range->from == range->till) {
            singles->uids[singles->count++] = (apr_uint32_t)range->from;
        }
        if (singles->count == PIECE || range->from != range->till) {
            XIMSS_TRY(flush(change, singles, pool));
        }
        if (range->from < range->till) {
            XIMSS_TRY(change_uid_range(change, change->folder->modseq, range, pool));
        }
    }
    return flush(change, singles, pool);
}

/* Does change->fn for the messages that the body of the request names. */
static const ximss_error_t *change_set(ximss_change_t *change)
{
    ximss_call_t *call = change->call;
    ximss_message_set_t set;
    apr_pool_t *pool;
    int i;
    XIMSS_TRY(ximss_message_set_read(&set, call->request, call->pool));
    ximss_message_set_merge(&set);
    apr_pool_create(&pool, call->pool);
    if (set.by_uid) {
        return change_uids(change, &set, pool);
    }
    for (i = 0; i < set.ranges->nelts; i++) {
        const ximss_range_t *range = &APR_ARRAY_IDX(set.ranges, i, ximss_range_t);
        XIMSS_TRY(change_indices(change, range->from, range->till, pool));
    }
    return NULL;
}

/* ---- messageMark ---- */

static const ximss_error_t *start(ximss_change_t *change, ximss_call_t *call, ximss_change_fn_t fn)
{
    change->call = call;
    change->fn = fn;
    return ximss_op_folder(call, &change->folder, &change->mailbox);
}

const ximss_error_t *ximss_op_message_mark(ximss_call_t *call)
{
    ximss_change_t change = {0};
    const char *flags;
    XIMSS_TRY(start(&change, call, mark));
    XIMSS_TRY(ximss_call_attr(call, "flags", &flags));
    XIMSS_TRY(ximss_flags_parse(&change.flags, flags, 0, call->pool));
    return change_set(&change);
}

/* ---- messageCopy, messageMove ---- */

const ximss_error_t *ximss_op_target_mailbox(ximss_call_t *call, const char *name,
                                             const char *mail_class, apr_int64_t *target)
{
    ximss_mailbox_t *mailbox;
    const ximss_error_t *error = ximss_mailbox_find(call->account, name, &mailbox, call->pool);
    if (error == NULL && mailbox->pure) {
        error = ximss_error(call->pool, XIMSS_E_NO_MAILBOX, NULL);
    }
    if (error != NULL && error->code == XIMSS_E_NO_MAILBOX && mail_class != NULL) {
        XIMSS_TRY(ximss_mailbox_create(call->account, name, mail_class, call->pool));
        error = ximss_mailbox_find(call->account, name, &mailbox, call->pool);
    }
    if (error == NULL) {
        *target = mailbox->id;
    }
    return error;
}

static const ximss_error_t *copy_or_move(ximss_call_t *call, ximss_change_fn_t fn)
{
    ximss_change_t change = {0};
    const char *encrypt = ximss_element_attr(call->request, "encrypt");
    const char *given;
    const char *name;
    XIMSS_TRY(start(&change, call, fn));
    if (encrypt != NULL && apr_cstr_casecmp(encrypt, "yes") == 0) {
        return ximss_error(call->pool, XIMSS_E_SMIME, NULL);
    }
    XIMSS_TRY(ximss_call_attr(call, "targetMailbox", &given));
    XIMSS_TRY(ximss_op_mailbox_name(call->session, given, &name, call->pool));
    XIMSS_TRY(ximss_op_target_mailbox(call, name, ximss_element_attr(call->request, "mailboxClass"),
                                      &change.target));
    return change_set(&change);
}

const ximss_error_t *ximss_op_message_copy(ximss_call_t *call)
{
    return copy_or_move(call, copy);
}

const ximss_error_t *ximss_op_message_move(ximss_call_t *call)
{
    return copy_or_move(call, move);
}

/* ---- messageRemove ---- */

static const char *const remove_modes[] = {"Immediately", "Move To Trash", "Mark"};

typedef enum ximss_remove_mode_t {
    XIMSS_REMOVE_NOW,
    XIMSS_REMOVE_TO_TRASH,
    XIMSS_REMOVE_MARK,
    XIMSS_REMOVE_MODES
} ximss_remove_mode_t;

static ximss_remove_mode_t find_mode(const char *name)
{
    int mode = 0;
    while (mode < XIMSS_REMOVE_MODES && apr_cstr_casecmp(name, remove_modes[mode]) != 0) {
        mode++;
    }
    return (ximss_remove_mode_t)mode;
}

/* The attribute counts before the preference; a preference that nobody understands removes nothing for ever. */
static const ximss_error_t *read_mode(ximss_call_t *call, ximss_remove_mode_t *mode)
{
    const char *name = ximss_element_attr(call->request, "mode");
    if (name != NULL) {
        *mode = find_mode(name);
        return *mode < XIMSS_REMOVE_MODES
                   ? NULL
                   : ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                                 "attribute \"mode\" must be Immediately, Move To Trash, or Mark");
    }
    XIMSS_TRY(ximss_prefs_get(call->account, "DeleteMode", &name, call->pool));
    *mode = find_mode(name);
    if (*mode == XIMSS_REMOVE_MODES) {
        *mode = XIMSS_REMOVE_TO_TRASH;
    }
    return NULL;
}

/* The name of the Trash mailbox, "" when there is none. */
static const ximss_error_t *trash_name(ximss_call_t *call, const char **name)
{
    const char *given;
    XIMSS_TRY(ximss_prefs_get(call->account, "TrashBox", &given, call->pool));
    return ximss_op_mailbox_name(call->session, given, name, call->pool);
}

/* What is in the Trash already is removed for good. */
static const ximss_error_t *prepare_trash(ximss_change_t *change)
{
    ximss_call_t *call = change->call;
    const char *name;
    XIMSS_TRY(trash_name(call, &name));
    if (*name == '\0') {
        return ximss_error(call->pool, XIMSS_E_NO_MAILBOX,
                           "there is no Trash mailbox, set the TrashBox preference");
    }
    XIMSS_TRY(ximss_op_target_mailbox(call, name, "", &change->target));
    change->fn = change->target == change->mailbox->id ? expunge : move;
    return NULL;
}

const ximss_error_t *ximss_op_message_remove(ximss_call_t *call)
{
    ximss_change_t change = {0};
    ximss_remove_mode_t mode;
    XIMSS_TRY(start(&change, call, expunge));
    XIMSS_TRY(read_mode(call, &mode));
    if (mode == XIMSS_REMOVE_MARK) {
        XIMSS_TRY(ximss_flags_parse(&change.flags, "Deleted", 0, call->pool));
        change.fn = mark;
    }
    else if (mode == XIMSS_REMOVE_TO_TRASH) {
        XIMSS_TRY(prepare_trash(&change));
    }
    return change_set(&change);
}

/* ---- folderExpunge, emptyTrash ---- */

static const ximss_error_t *collect_deleted(void *baton, const ximss_message_t *message,
                                            apr_pool_t *scratch)
{
    apr_array_header_t *uids = baton;
    (void)scratch;
    if (message->flags.bits & XIMSS_FLAG_DELETED) {
        APR_ARRAY_PUSH(uids, apr_uint32_t) = message->uid;
    }
    return NULL;
}

const ximss_error_t *ximss_op_folder_expunge(ximss_call_t *call)
{
    apr_array_header_t *uids = apr_array_make(call->pool, 64, sizeof(apr_uint32_t));
    ximss_change_t change = {0};
    XIMSS_TRY(start(&change, call, expunge));
    XIMSS_TRY(ximss_message_scan(call->account, change.mailbox->id, change.mailbox->modseq, 0,
                                 collect_deleted, uids, call->pool));
    return expunge(&change, (const apr_uint32_t *)(const void *)uids->elts, (apr_size_t)uids->nelts,
                   call->pool);
}

const ximss_error_t *ximss_op_empty_trash(ximss_call_t *call)
{
    ximss_change_t change = {.call = call, .fn = expunge};
    ximss_range_t all = {0, APR_UINT32_MAX};
    const ximss_error_t *error;
    const char *name;
    apr_pool_t *pool;
    XIMSS_TRY(trash_name(call, &name));
    if (*name == '\0') {
        return NULL;
    }
    error = ximss_mailbox_find(call->account, name, &change.mailbox, call->pool);
    if (error != NULL) {
        return error->code == XIMSS_E_NO_MAILBOX ? NULL : error;
    }
    apr_pool_create(&pool, call->pool);
    return change_uid_range(&change, change.mailbox->modseq, &all, pool);
}
