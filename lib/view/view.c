/* Views. A lazy one is the blocks of an indexed order as they were in one read transaction: whatever
 * comes and goes later, block i keeps exactly its COUNT rows with created <= M < gone, so the position of
 * each row is fixed (ARCHITECTURE.md, "Views"). Every other view is an array of UIDs made at open. */
#include "base/clock.h"
#include "view/filter.h"
#include "view/folder.h"
#include "view/sort.h"

#include <apr_strings.h>

#include <string.h>

/* UIDs taken at once when a whole order is walked. */
#define WALK 4096

/* ---- building ---- */

typedef struct ximss_build_t {
    ximss_account_t *account;
    const ximss_filter_t *filter; /* NULL: none */
    ximss_sorter_t *sorter;
    apr_int64_t deadline; /* milliseconds of the monotonic clock */
    int seconds;
    apr_array_header_t *unseen; /* apr_uint32_t: rows come by UID */
    apr_pool_t *pool;
} ximss_build_t;

static const ximss_error_t *add_row(ximss_build_t *build, const ximss_message_t *message,
                                    apr_pool_t *scratch)
{
    ximss_row_t row = {.account = build->account, .message = message, .pool = scratch};
    int matches = 1;
    if (ximss_clock_ms() > build->deadline) {
        return ximss_error(scratch, XIMSS_E_LIMIT, "the search takes longer than %d seconds",
                           build->seconds);
    }
    if (build->filter != NULL) {
        XIMSS_TRY(ximss_filter_match(build->filter, &row, &matches));
    }
    if (!matches) {
        return NULL;
    }
    if (!(message->flags.bits & XIMSS_FLAG_SEEN)) {
        APR_ARRAY_PUSH(build->unseen, apr_uint32_t) = message->uid;
    }
    return ximss_sorter_add(build->sorter, &row);
}

static const ximss_error_t *build_row(void *baton, const ximss_message_t *message,
                                      apr_pool_t *scratch)
{
    ximss_build_t *build = baton;
    return ximss_row_error(add_row(build, message, scratch), build->pool);
}

static const ximss_error_t *build_array(ximss_folder_t *folder, ximss_account_t *account,
                                        const ximss_view_env_t *env, apr_pool_t *pool)
{
    ximss_build_t build = {
        .account = account, .seconds = env->limits->search_seconds, .pool = pool};
    ximss_filter_t *filter;
    const ximss_error_t *error;
    apr_size_t count;
    if (folder->spec.filter != NULL) {
        XIMSS_TRY(ximss_filter_make(&filter, &folder->spec, env, pool));
        build.filter = filter;
    }
    build.unseen = apr_array_make(pool, 64, sizeof(apr_uint32_t));
    build.sorter = ximss_sorter_make(folder->spec.sort_field, env->recent_since, pool);
    build.deadline = ximss_clock_ms() + (apr_int64_t)build.seconds * 1000;
    ximss_account_time_limit(account, build.seconds);
    error = ximss_message_scan(account, folder->mailbox, folder->modseq, folder->spec.uid_min,
                               build_row, &build, pool);
    ximss_account_time_limit(account, 0);
    if (error != NULL) {
        return error;
    }
    folder->uids = ximss_sorter_finish(build.sorter, folder->spec.descending, &count);
    folder->blocks = NULL;
    folder->messages = (apr_int64_t)count;
    folder->unseen = build.unseen->nelts;
    folder->unseen_uids = (const apr_uint32_t *)(const void *)build.unseen->elts;
    return NULL;
}

int ximss_view_spec_lazy(const ximss_view_spec_t *spec, ximss_order_t *order)
{
    int indexed = ximss_sort_order(spec->sort_field, order);
    return indexed && spec->filter == NULL && spec->uid_min <= 1;
}

int ximss_view_is_order(const ximss_folder_t *folder)
{
    return folder->blocks != NULL || folder->next_blocks != NULL;
}

const ximss_error_t *ximss_view_build(ximss_folder_t *folder, ximss_account_t *account,
                                      const ximss_mailbox_t *mailbox, const ximss_view_env_t *env,
                                      apr_pool_t *pool)
{
    folder->mailbox = mailbox->id;
    folder->uid_validity = mailbox->uid_validity;
    folder->epoch = mailbox->epoch;
    folder->modseq = mailbox->modseq;
    folder->pending = NULL;
    folder->next_blocks = NULL;
    folder->unseen_uids = NULL;
    if (!ximss_view_spec_lazy(&folder->spec, &folder->order)) {
        return build_array(folder, account, env, pool);
    }
    XIMSS_TRY(ximss_order_blocks(account, mailbox->id, folder->order, &folder->blocks, pool));
    folder->uids = NULL;
    folder->messages = mailbox->messages;
    folder->unseen = mailbox->unseen;
    return NULL;
}

/* ---- positions to UIDs ---- */

/* The COUNT UIDs from ascending position FROM of a lazy view. */
static const ximss_error_t *lazy_uids(const ximss_folder_t *folder, ximss_account_t *account,
                                      apr_int64_t from, apr_size_t count, apr_uint32_t *uids,
                                      apr_pool_t *pool)
{
    const ximss_block_t *block = NULL;
    apr_size_t found;
    int i;
    for (i = 0; i < folder->blocks->nelts; i++) {
        block = &APR_ARRAY_IDX(folder->blocks, i, const ximss_block_t);
        if (from < block->count) {
            break;
        }
        from -= block->count;
    }
    XIMSS_TRY(ximss_order_uids(account, folder->mailbox, folder->order, folder->modseq, block,
                               (apr_size_t)from, count, uids, &found, pool));
    if (found != count) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL,
                                  "view of mailbox %" APR_INT64_T_FMT " at %" APR_INT64_T_FMT
                                  " has lost rows",
                                  folder->mailbox, folder->modseq);
    }
    return NULL;
}

static void reverse(apr_uint32_t *uids, apr_size_t count)
{
    apr_size_t i;
    for (i = 0; i < count / 2; i++) {
        apr_uint32_t uid = uids[i];
        uids[i] = uids[count - 1 - i];
        uids[count - 1 - i] = uid;
    }
}

const ximss_error_t *ximss_view_uids(const ximss_folder_t *folder, ximss_account_t *account,
                                     apr_int64_t from, apr_int64_t till, apr_uint32_t **uids,
                                     apr_pool_t *pool)
{
    apr_size_t count;
    if (from < 0 || till < from || till >= folder->messages) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "positions outside the view");
    }
    count = (apr_size_t)(till - from + 1);
    *uids = apr_palloc(pool, count * sizeof(**uids));
    if (folder->uids != NULL) {
        memcpy(*uids, folder->uids + from, count * sizeof(**uids));
        return NULL;
    }
    if (folder->spec.descending) {
        from = folder->messages - 1 - till;
    }
    XIMSS_TRY(lazy_uids(folder, account, from, count, *uids, pool));
    if (folder->spec.descending) {
        reverse(*uids, count);
    }
    return NULL;
}

/* ---- UIDs to positions ---- */

/* What the order compares a message by. */
typedef struct ximss_place_t {
    const ximss_folder_t *folder;
    apr_uint32_t uid;
    int there; /* the row was found and belongs to the view */
    apr_int64_t number;
    const char *text;
    apr_pool_t *pool;
} ximss_place_t;

static int in_snapshot(const ximss_folder_t *folder, const ximss_message_t *message)
{
    return message->created <= folder->modseq &&
           (message->gone == 0 || message->gone > folder->modseq);
}

static const ximss_error_t *read_place(void *baton, const ximss_message_t *message,
                                       apr_pool_t *scratch)
{
    ximss_place_t *place = baton;
    (void)scratch;
    place->there = in_snapshot(place->folder, message);
    switch (place->folder->order) {
    case XIMSS_ORDER_INTERNALDATE:
        place->number = message->internal_date;
        break;
    case XIMSS_ORDER_DATE:
        place->number = message->date;
        break;
    case XIMSS_ORDER_SIZE:
        place->number = message->size;
        break;
    case XIMSS_ORDER_FROM:
        place->text = apr_pstrdup(place->pool, message->key_from);
        break;
    case XIMSS_ORDER_TO:
        place->text = apr_pstrdup(place->pool, message->key_to);
        break;
    case XIMSS_ORDER_SUBJECT:
        place->text = apr_pstrdup(place->pool, message->key_subject);
        break;
    default:
        break;
    }
    return NULL;
}

/* Whether BLOCK begins after the place. */
static int begins_after(const ximss_block_t *block, const ximss_place_t *place)
{
    int order;
    if (place->folder->order == XIMSS_ORDER_UID) {
        order = 0;
    }
    else if (place->text != NULL) {
        order = strcmp(block->text != NULL ? block->text : "", place->text);
    }
    else {
        order = (block->number > place->number) - (block->number < place->number);
    }
    return order != 0 ? order > 0 : block->uid > place->uid;
}

/* Looks for UID among COUNT rows from ascending position FROM; *INDEX stays where it is not there. */
static const ximss_error_t *find_in(const ximss_place_t *place, ximss_account_t *account,
                                    apr_int64_t from, apr_int64_t count, apr_int64_t *index)
{
    apr_uint32_t *uids = apr_palloc(place->pool, WALK * sizeof(*uids));
    while (count > 0 && *index < 0) {
        apr_size_t some = (apr_size_t)(count < WALK ? count : WALK);
        apr_size_t i;
        XIMSS_TRY(lazy_uids(place->folder, account, from, some, uids, place->pool));
        for (i = 0; i < some; i++) {
            if (uids[i] == place->uid) {
                *index = from + (apr_int64_t)i;
            }
        }
        from += (apr_int64_t)some;
        count -= (apr_int64_t)some;
    }
    return NULL;
}

static const ximss_error_t *lazy_index(const ximss_folder_t *folder, ximss_account_t *account,
                                       apr_uint32_t uid, apr_int64_t *index, apr_pool_t *pool)
{
    ximss_place_t place = {.folder = folder, .uid = uid, .pool = pool};
    apr_int64_t before = 0;
    int i;
    XIMSS_TRY(ximss_message_rows(account, folder->mailbox, &uid, 1, read_place, &place, pool));
    if (!place.there) {
        return NULL;
    }
    for (i = 0; i + 1 < folder->blocks->nelts; i++) {
        if (begins_after(&APR_ARRAY_IDX(folder->blocks, i + 1, ximss_block_t), &place)) {
            break;
        }
        before += APR_ARRAY_IDX(folder->blocks, i, ximss_block_t).count;
    }
    if (i < folder->blocks->nelts) {
        XIMSS_TRY(find_in(&place, account, before,
                          APR_ARRAY_IDX(folder->blocks, i, ximss_block_t).count, index));
    }
    if (*index >= 0 && folder->spec.descending) {
        *index = folder->messages - 1 - *index;
    }
    return NULL;
}

static apr_int64_t array_index(const ximss_folder_t *folder, apr_uint32_t uid)
{
    apr_int64_t i;
    for (i = 0; i < folder->messages; i++) {
        if (folder->uids[i] == uid) {
            return i;
        }
    }
    return -1;
}

const ximss_error_t *ximss_view_index(const ximss_folder_t *folder, ximss_account_t *account,
                                      apr_uint32_t uid, apr_int64_t *index, apr_pool_t *pool)
{
    *index = -1;
    if (folder->uids != NULL) {
        *index = array_index(folder, uid);
        return NULL;
    }
    return lazy_index(folder, account, uid, index, pool);
}

int ximss_view_has(const ximss_folder_t *folder, const ximss_message_t *message)
{
    if (message->gone != 0 || message->created > folder->modseq) {
        return 0;
    }
    return folder->uids == NULL || array_index(folder, message->uid) >= 0;
}
