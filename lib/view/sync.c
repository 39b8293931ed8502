/* The steps of folderSync (ARCHITECTURE.md, "Syncs"): rows that changed since the view's modseq are read, found in
 * the old and in the new view, and become removals from the highest index down, then additions upwards at
 * their final indices, then updates. */
#include "view/sync.h"

#include "view/filter.h"
#include "view/sort.h"

#include <apr_strings.h>

#include <stdlib.h>

/* UIDs taken at once when a view is walked. */
#define WALK 4096

/* Looking up one row in a lazy view costs about as much as walking over so many. */
#define LOOKUP_COST 512

/* Finding the place of one row in an array costs so many rows read one by one at most. */
#define SEARCH_COST 16

enum { OLD, NEW };

/* A row that changed. */
typedef struct ximss_changed_t {
    apr_uint32_t uid;
    unsigned char fresh;   /* it came after the old view */
    unsigned char there;   /* it is live */
    unsigned char unseen;  /* it is live and not seen */
    unsigned char judged;  /* the filter was asked: */
    unsigned char matches; /* what it said */
    unsigned char moves;   /* its key may have changed */
    unsigned char was;     /* in the old view */
    unsigned char is;      /* in the new view */
    apr_int64_t index[2];  /* in the old view and in the new one, -1: unknown */
} ximss_changed_t;

typedef struct ximss_diff_t {
    ximss_account_t *account;
    const ximss_folder_t *old;
    ximss_folder_t *next;
    const ximss_view_env_t *env;
    ximss_filter_t *filter;      /* NULL: none */
    ximss_sorter_t *sorter;      /* of array views: the rows to add */
    apr_array_header_t *changes; /* ximss_changed_t, by UID */
    apr_pool_t *pool;
} ximss_diff_t;

static ximss_changed_t *change_at(const ximss_diff_t *diff, int i)
{
    return &APR_ARRAY_IDX(diff->changes, i, ximss_changed_t);
}

/* ---- what changed ---- */

/* Only what a change of flags can change is asked again about rows that the old view knew. */
static const ximss_error_t *judge(ximss_diff_t *diff, const ximss_message_t *message,
                                  ximss_changed_t *change, apr_pool_t *scratch)
{
    ximss_row_t row = {.account = diff->account, .message = message, .pool = scratch};
    int matches = 1;
    if (!change->there ||
        (!change->fresh && (diff->filter == NULL || !ximss_filter_by_flags(diff->filter)))) {
        return NULL;
    }
    change->judged = 1;
    if (message->uid < diff->old->spec.uid_min) {
        matches = 0;
    }
    else if (diff->filter != NULL) {
        XIMSS_TRY(ximss_filter_match(diff->filter, &row, &matches));
    }
    change->matches = matches != 0;
    return NULL;
}

static const ximss_error_t *collect(void *baton, const ximss_message_t *message,
                                    apr_pool_t *scratch)
{
    ximss_diff_t *diff = baton;
    ximss_changed_t change = {.uid = message->uid, .index = {-1, -1}};
    change.fresh = message->created > diff->old->modseq;
    change.there = message->gone == 0;
    change.unseen = change.there && !(message->flags.bits & XIMSS_FLAG_SEEN);
    if (change.fresh && !change.there) {
        return NULL; /* nobody ever saw it */
    }
    XIMSS_TRY(ximss_row_error(judge(diff, message, &change, scratch), diff->pool));
    APR_ARRAY_PUSH(diff->changes, ximss_changed_t) = change;
    return NULL;
}

static const ximss_error_t *collect_all(ximss_diff_t *diff)
{
    const ximss_error_t *error;
    diff->changes = apr_array_make(diff->pool, 16, sizeof(ximss_changed_t));
    ximss_account_time_limit(diff->account, diff->env->limits->search_seconds);
    error = ximss_message_changes(diff->account, diff->old->mailbox, diff->old->modseq, collect,
                                  diff, diff->pool);
    ximss_account_time_limit(diff->account, 0);
    return error;
}

/* ---- where it is ---- */

static ximss_changed_t *find_change(const ximss_diff_t *diff, apr_uint32_t uid)
{
    ximss_changed_t *changes = (ximss_changed_t *)(void *)diff->changes->elts;
    int low = 0;
    int high = diff->changes->nelts;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (changes[middle].uid < uid) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low < diff->changes->nelts && changes[low].uid == uid ? &changes[low] : NULL;
}

static const ximss_error_t *locate_by_walk(ximss_diff_t *diff, const ximss_folder_t *view, int side)
{
    apr_int64_t from;
    apr_pool_t *pool;
    apr_pool_create(&pool, diff->pool);
    for (from = 0; from < view->messages; from += WALK) {
        apr_int64_t till = view->messages - from > WALK ? from + WALK - 1 : view->messages - 1;
        apr_uint32_t *uids;
        apr_int64_t i;
        apr_pool_clear(pool);
        XIMSS_TRY(ximss_view_uids(view, diff->account, from, till, &uids, pool));
        for (i = from; i <= till; i++) {
            ximss_changed_t *change = find_change(diff, uids[i - from]);
            if (change != NULL) {
                change->index[side] = i;
            }
        }
    }
    apr_pool_destroy(pool);
    return NULL;
}

/* Whether the index of a change in the view of SIDE has to be known. */
static int wanted(const ximss_changed_t *change, int side)
{
    return side == OLD ? change->was && !change->is : change->is;
}

static const ximss_error_t *locate_by_lookup(ximss_diff_t *diff, const ximss_folder_t *view,
                                             int side)
{
    apr_pool_t *pool;
    int i;
    apr_pool_create(&pool, diff->pool);
    for (i = 0; i < diff->changes->nelts; i++) {
        ximss_changed_t *change = change_at(diff, i);
        if (wanted(change, side)) {
            apr_pool_clear(pool);
            XIMSS_TRY(
                ximss_view_index(view, diff->account, change->uid, &change->index[side], pool));
        }
    }
    apr_pool_destroy(pool);
    return NULL;
}

static const ximss_error_t *locate_lazy(ximss_diff_t *diff, const ximss_folder_t *view, int side)
{
    apr_int64_t lookups = 0;
    int i;
    for (i = 0; i < diff->changes->nelts; i++) {
        lookups += wanted(change_at(diff, i), side);
    }
    if (lookups * LOOKUP_COST > view->messages) {
        return locate_by_walk(diff, view, side);
    }
    return locate_by_lookup(diff, view, side);
}

/* ---- the steps ---- */

static int compare_up(const void *a, const void *b)
{
    const ximss_step_t *x = a;
    const ximss_step_t *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_down(const void *a, const void *b)
{
    return compare_up(b, a);
}

static int takes_step(const ximss_changed_t *change, ximss_step_kind_t kind)
{
    switch (kind) {
    case XIMSS_STEP_REMOVED:
        return change->was && (!change->is || change->moves);
    case XIMSS_STEP_ADDED:
        return change->is && (!change->was || change->moves);
    default:
        return change->was && change->is && !change->moves;
    }
}

/* Adds the steps of one kind to STEPS. */
static const ximss_error_t *add_steps(const ximss_diff_t *diff, ximss_step_kind_t kind,
                                      apr_array_header_t *steps)
{
    int side = kind == XIMSS_STEP_REMOVED ? OLD : NEW;
    int first = steps->nelts;
    int i;
    for (i = 0; i < diff->changes->nelts; i++) {
        const ximss_changed_t *change = change_at(diff, i);
        ximss_step_t step = {.kind = kind, .uid = change->uid, .index = change->index[side]};
        if (!takes_step(change, kind)) {
            continue;
        }
        if (step.index < 0) {
            return ximss_error_detail(diff->pool, XIMSS_E_INTERNAL,
                                      "message %u of mailbox %" APR_INT64_T_FMT
                                      " is not where the sync expects it",
                                      change->uid, diff->old->mailbox);
        }
        APR_ARRAY_PUSH(steps, ximss_step_t) = step;
    }
    if (steps->nelts > first) {
        qsort(&APR_ARRAY_IDX(steps, first, ximss_step_t), (size_t)(steps->nelts - first),
              sizeof(ximss_step_t), side == OLD ? compare_down : compare_up);
    }
    return NULL;
}

/* ---- lazy views ---- */

static const ximss_error_t *diff_lazy(ximss_diff_t *diff, const ximss_mailbox_t *mailbox,
                                      apr_array_header_t *steps)
{
    int i;
    XIMSS_TRY(ximss_view_build(diff->next, diff->account, mailbox, diff->env, diff->pool));
    XIMSS_TRY(collect_all(diff));
    for (i = 0; i < diff->changes->nelts; i++) {
        ximss_changed_t *change = change_at(diff, i);
        change->was = !change->fresh;
        change->is = change->there;
    }
    XIMSS_TRY(locate_lazy(diff, diff->old, OLD));
    XIMSS_TRY(locate_lazy(diff, diff->next, NEW));
    XIMSS_TRY(add_steps(diff, XIMSS_STEP_REMOVED, steps));
    XIMSS_TRY(add_steps(diff, XIMSS_STEP_ADDED, steps));
    return add_steps(diff, XIMSS_STEP_UPDATED, steps);
}

/* ---- array views ---- */

/* A row that is compared with, or added to, the sorter. */
typedef struct ximss_sorting_t {
    ximss_diff_t *diff;
    ximss_sorter_t *sorter;
    apr_size_t position; /* of the row to compare with */
    int order;
    int found;
} ximss_sorting_t;

static const ximss_error_t *add_row(void *baton, const ximss_message_t *message,
                                    apr_pool_t *scratch)
{
    ximss_sorting_t *sorting = baton;
    ximss_row_t row = {.account = sorting->diff->account, .message = message, .pool = scratch};
    return ximss_row_error(ximss_sorter_add(sorting->sorter, &row), sorting->diff->pool);
}

static const ximss_error_t *compare_row(void *baton, const ximss_message_t *message,
                                        apr_pool_t *scratch)
{
    ximss_sorting_t *sorting = baton;
    ximss_row_t row = {.account = sorting->diff->account, .message = message, .pool = scratch};
    const ximss_error_t *error =
        ximss_sorter_compare(sorting->sorter, sorting->position,
                             sorting->diff->old->spec.descending, &row, &sorting->order);
    sorting->found = 1;
    return ximss_row_error(error, sorting->diff->pool);
}

/* Whether the view goes by UID, so that no row has to be read. */
static int by_uid(const ximss_diff_t *diff)
{
    ximss_order_t order;
    return ximss_sort_order(diff->old->spec.sort_field, &order) && order == XIMSS_ORDER_UID;
}

/* Compares the added row at sorting->position with message UID. */
static const ximss_error_t *compare_uid(ximss_sorting_t *sorting, apr_uint32_t uid,
                                        apr_pool_t *pool)
{
    ximss_diff_t *diff = sorting->diff;
    sorting->found = 0;
    apr_pool_clear(pool);
    if (by_uid(diff)) {
        const ximss_message_t message = {.uid = uid};
        return compare_row(sorting, &message, pool);
    }
    XIMSS_TRY(
        ximss_message_rows(diff->account, diff->old->mailbox, &uid, 1, compare_row, sorting, pool));
    if (!sorting->found) {
        return ximss_error_detail(diff->pool, XIMSS_E_INTERNAL, "row %u of a view is lost", uid);
    }
    return NULL;
}

/* The first of BASE from LOW that comes after the added row; in *PLACE. */
static const ximss_error_t *search(ximss_sorting_t *sorting, const apr_uint32_t *base,
                                   apr_size_t length, apr_size_t *place, apr_pool_t *pool)
{
    apr_size_t low = *place;
    apr_size_t high = length;
    while (low < high) {
        apr_size_t middle = low + (high - low) / 2;
        XIMSS_TRY(compare_uid(sorting, base[middle], pool));
        if (sorting->order > 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    *place = low;
    return NULL;
}

/* Puts the COUNT rows ADDED, in order, between those of BASE. */
static const ximss_error_t *merge(ximss_diff_t *diff, const apr_uint32_t *base, apr_size_t length,
                                  const apr_uint32_t *added, apr_size_t count)
{
    ximss_sorting_t sorting = {.diff = diff, .sorter = diff->sorter};
    ximss_step_t *steps = apr_palloc(diff->pool, (count + 1) * sizeof(*steps));
    apr_uint32_t *uids;
    apr_size_t place = 0;
    apr_size_t i;
    apr_pool_t *pool;
    apr_pool_create(&pool, diff->pool);
    for (i = 0; i < count; i++) {
        sorting.position = i;
        XIMSS_TRY(search(&sorting, base, length, &place, pool));
        steps[i].kind = XIMSS_STEP_ADDED;
        steps[i].uid = added[i];
        steps[i].index = (apr_int64_t)(place + i);
    }
    apr_pool_destroy(pool);
    XIMSS_TRY(ximss_steps_apply(base, &length, steps, count, &uids, diff->pool));
    diff->next->uids = uids;
    diff->next->messages = (apr_int64_t)length;
    return NULL;
}

/* Sorts BASE and the ADDED rows anew: with many of those that is less work. */
static const ximss_error_t *sort_all(ximss_diff_t *diff, const apr_uint32_t *base,
                                     apr_size_t length)
{
    const ximss_folder_t *old = diff->old;
    ximss_sorting_t sorting = {.diff = diff, .sorter = diff->sorter};
    apr_size_t count;
    XIMSS_TRY(ximss_message_rows(diff->account, old->mailbox, base, length, add_row, &sorting,
                                 diff->pool));
    diff->next->uids = ximss_sorter_finish(diff->sorter, old->spec.descending, &count);
    diff->next->messages = (apr_int64_t)count;
    return NULL;
}

/* Makes the array of the new view from BASE, the rows of the old one that stay where they are. */
static const ximss_error_t *make_array(ximss_diff_t *diff, const apr_uint32_t *base,
                                       apr_size_t length)
{
    ximss_sorting_t sorting = {.diff = diff, .sorter = diff->sorter};
    apr_array_header_t *fresh = apr_array_make(diff->pool, 16, sizeof(apr_uint32_t));
    const apr_uint32_t *added;
    apr_size_t count;
    int i;
    for (i = 0; i < diff->changes->nelts; i++) {
        if (takes_step(change_at(diff, i), XIMSS_STEP_ADDED)) {
            APR_ARRAY_PUSH(fresh, apr_uint32_t) = change_at(diff, i)->uid;
        }
    }
    XIMSS_TRY(ximss_message_rows(diff->account, diff->old->mailbox,
                                 (const apr_uint32_t *)(const void *)fresh->elts,
                                 (apr_size_t)fresh->nelts, add_row, &sorting, diff->pool));
    if (!by_uid(diff) && (apr_size_t)fresh->nelts > length / SEARCH_COST) {
        return sort_all(diff, base, length);
    }
    added = ximss_sorter_finish(diff->sorter, diff->old->spec.descending, &count);
    return merge(diff, base, length, added, count);
}

/* The unseen messages of the new view: those of the old one that did not change, and changed ones. */
static void count_unseen(ximss_diff_t *diff)
{
    const ximss_folder_t *old = diff->old;
    apr_size_t room = (apr_size_t)old->unseen + (apr_size_t)diff->changes->nelts + 1;
    apr_uint32_t *uids = apr_palloc(diff->pool, room * sizeof(*uids));
    apr_size_t count = 0;
    apr_int64_t at = 0;
    int i;
    for (i = 0; i < diff->changes->nelts; i++) {
        const ximss_changed_t *change = change_at(diff, i);
        while (at < old->unseen && old->unseen_uids[at] < change->uid) {
            uids[count++] = old->unseen_uids[at++];
        }
        if (at < old->unseen && old->unseen_uids[at] == change->uid) {
            at++;
        }
        if (change->is && change->unseen) {
            uids[count++] = change->uid;
        }
    }
    while (at < old->unseen) {
        uids[count++] = old->unseen_uids[at++];
    }
    diff->next->unseen_uids = uids;
    diff->next->unseen = (apr_int64_t)count;
}

static void decide(ximss_diff_t *diff)
{
    int moves = ximss_sorter_by_flags(diff->sorter);
    int i;
    for (i = 0; i < diff->changes->nelts; i++) {
        ximss_changed_t *change = change_at(diff, i);
        change->was = change->index[OLD] >= 0;
        change->is = change->there && (change->judged ? change->matches : change->was);
        change->moves = moves && change->was && change->is;
    }
}

static const ximss_error_t *diff_array(ximss_diff_t *diff, const ximss_mailbox_t *mailbox,
                                       apr_array_header_t *steps)
{
    const ximss_folder_t *old = diff->old;
    apr_size_t length = (apr_size_t)old->messages;
    int first = steps->nelts;
    apr_uint32_t *base;
    diff->next->modseq = mailbox->modseq;
    if (old->spec.filter != NULL) {
        XIMSS_TRY(ximss_filter_make(&diff->filter, &old->spec, diff->env, diff->pool));
    }
    diff->sorter = ximss_sorter_make(old->spec.sort_field, diff->env->recent_since, diff->pool);
    XIMSS_TRY(collect_all(diff));
    if (diff->changes->nelts == 0) {
        return NULL;
    }
    XIMSS_TRY(locate_by_walk(diff, old, OLD));
    decide(diff);
    XIMSS_TRY(add_steps(diff, XIMSS_STEP_REMOVED, steps));
    XIMSS_TRY(ximss_steps_apply(old->uids, &length, &APR_ARRAY_IDX(steps, first, ximss_step_t),
                                (apr_size_t)(steps->nelts - first), &base, diff->pool));
    XIMSS_TRY(make_array(diff, base, length));
    XIMSS_TRY(locate_by_walk(diff, diff->next, NEW));
    count_unseen(diff);
    XIMSS_TRY(add_steps(diff, XIMSS_STEP_ADDED, steps));
    return add_steps(diff, XIMSS_STEP_UPDATED, steps);
}

/* ---- syncs with a limit ---- */

/* FOLDER when all its pending steps were done. */
static const ximss_error_t *finish_pending(const ximss_folder_t *folder, ximss_folder_t *end,
                                           apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)folder->messages;
    apr_uint32_t *uids;
    int i;
    *end = *folder;
    end->pending = NULL;
    end->next_blocks = NULL;
    if (folder->next_blocks != NULL) {
        end->blocks = folder->next_blocks;
        end->uids = NULL;
        end->messages = 0;
        for (i = 0; i < end->blocks->nelts; i++) {
            end->messages += APR_ARRAY_IDX(end->blocks, i, ximss_block_t).count;
        }
    }
    else if (folder->pending != NULL) {
        XIMSS_TRY(ximss_steps_apply(folder->uids, &length,
                                    (const ximss_step_t *)(const void *)folder->pending->elts,
                                    (apr_size_t)folder->pending->nelts, &uids, pool));
        end->uids = uids;
        end->messages = (apr_int64_t)length;
    }
    return NULL;
}

/* Turns sync->next, the view at the end, into what FOLDER is after the first sync->count steps. */
static const ximss_error_t *stop_between(ximss_sync_t *sync, const ximss_folder_t *folder,
                                         ximss_account_t *account, apr_pool_t *pool)
{
    ximss_folder_t *next = sync->next;
    apr_size_t length = (apr_size_t)folder->messages;
    apr_uint32_t *uids = NULL;
    int i;
    if (folder->uids == NULL && folder->messages > 0) {
        XIMSS_TRY(ximss_view_uids(folder, account, 0, folder->messages - 1, &uids, pool));
    }
    XIMSS_TRY(ximss_steps_apply(folder->uids != NULL ? folder->uids : uids, &length,
                                (const ximss_step_t *)(const void *)sync->steps->elts,
                                (apr_size_t)sync->count, &uids, pool));
    next->next_blocks = next->blocks;
    next->blocks = NULL;
    next->uids = uids;
    next->messages = (apr_int64_t)length;
    next->pending = apr_array_make(pool, sync->steps->nelts - sync->count, sizeof(ximss_step_t));
    for (i = sync->count; i < sync->steps->nelts; i++) {
        APR_ARRAY_PUSH(next->pending, ximss_step_t) = APR_ARRAY_IDX(sync->steps, i, ximss_step_t);
    }
    return NULL;
}

const ximss_error_t *ximss_view_sync(ximss_sync_t *sync, const ximss_folder_t *folder,
                                     ximss_account_t *account, const ximss_mailbox_t *mailbox,
                                     const ximss_view_env_t *env, apr_pool_t *pool)
{
    ximss_folder_t *end = apr_palloc(pool, sizeof(*end));
    ximss_diff_t diff = {.account = account, .old = end, .env = env, .pool = pool};
    sync->steps = folder->pending != NULL ? apr_array_copy(pool, folder->pending)
                                          : apr_array_make(pool, 16, sizeof(ximss_step_t));
    XIMSS_TRY(finish_pending(folder, end, pool));
    sync->next = end;
    /* Newer changes wait until the old ones are reported: the rest cannot grow without end. */
    if (sync->limit > sync->steps->nelts && mailbox->modseq != end->modseq) {
        diff.next = sync->next = apr_pmemdup(pool, end, sizeof(*end));
        XIMSS_TRY(ximss_view_is_order(end) ? diff_lazy(&diff, mailbox, sync->steps)
                                           : diff_array(&diff, mailbox, sync->steps));
    }
    sync->unseen = sync->next->unseen;
    sync->count = sync->limit < sync->steps->nelts ? (int)sync->limit : sync->steps->nelts;
    return sync->count < sync->steps->nelts ? stop_between(sync, folder, account, pool) : NULL;
}
