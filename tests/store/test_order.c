/* The invariant of views, by a model: blocks and modseq of one moment fix the rows of each order for ever,
 * whatever is appended, copied, marked, expunged or undone later. */
#include "store/fixture.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX  40000
#define VIEWS_MAX 16

/* A message as the model knows it. */
typedef struct model_row_t {
    apr_uint32_t uid;
    unsigned int number; /* of fixture_digest */
    int live;
} model_row_t;

/* A mailbox as the model knows it. */
typedef struct model_t {
    apr_int64_t id;
    int rows;
    model_row_t row[ROWS_MAX];
} model_t;

/* A view taken at some moment. */
typedef struct view_t {
    apr_int64_t mailbox;
    apr_int64_t modseq;
    apr_array_header_t *blocks[XIMSS_ORDER_COUNT];
    apr_uint32_t *uids[XIMSS_ORDER_COUNT];
    apr_size_t count;
} view_t;

static model_t models[2];
static model_t saved[2];
static view_t views[VIEWS_MAX];
static int view_count;
static unsigned int seed;
static ximss_digest_t *digests[1000];
static int sorting;

static const ximss_digest_t *digest_of(unsigned int number)
{
    if (digests[number] == NULL) {
        digests[number] = fixture_digest(number, 0, test_pool);
    }
    return digests[number];
}

static apr_int64_t number_key(const model_row_t *row, int order)
{
    const ximss_digest_t *digest = digest_of(row->number);

    switch (order) {
    case XIMSS_ORDER_INTERNALDATE:
        return fixture_date(row->number);
    case XIMSS_ORDER_DATE:
        return digest->date_valid ? digest->date : fixture_date(row->number);
    case XIMSS_ORDER_SIZE:
        return (apr_int64_t)digest->length;
    default:
        return row->uid;
    }
}

static const char *text_key(const model_row_t *row, int order)
{
    const ximss_digest_t *digest = digest_of(row->number);

    switch (order) {
    case XIMSS_ORDER_FROM:
        return digest->key_from;
    case XIMSS_ORDER_TO:
        return digest->key_to;
    case XIMSS_ORDER_SUBJECT:
        return digest->key_subject;
    default:
        return "";
    }
}

static int compare(const void *left, const void *right)
{
    const model_row_t *a = *(const model_row_t *const *)left;
    const model_row_t *b = *(const model_row_t *const *)right;
    int by_text = strcmp(text_key(a, sorting), text_key(b, sorting));
    apr_int64_t an = number_key(a, sorting);
    apr_int64_t bn = number_key(b, sorting);

    if (by_text != 0) {
        return by_text;
    }
    if (sorting < XIMSS_ORDER_FROM && an != bn) {
        return an < bn ? -1 : 1;
    }
    return a->uid < b->uid ? -1 : a->uid > b->uid;
}

/* The model's live rows in ORDER. */
static apr_uint32_t *expected(const model_t *model, int order, apr_size_t *count)
{
    const model_row_t **live = apr_palloc(test_pool, sizeof(*live) * ROWS_MAX);
    apr_uint32_t *uids;
    apr_size_t i;
    int row;

    *count = 0;
    for (row = 0; row < model->rows; row++) {
        if (model->row[row].live) {
            live[(*count)++] = &model->row[row];
        }
    }
    sorting = order;
    qsort(live, *count, sizeof(*live), compare);
    uids = apr_palloc(test_pool, sizeof(*uids) * (*count + 1));
    for (i = 0; i < *count; i++) {
        uids[i] = live[i]->uid;
    }
    return uids;
}

static void take_view(model_t *model)
{
    view_t *view = &views[view_count++];
    ximss_mailbox_t *mailbox;
    int order;

    must(ximss_account_begin_read(test_account, test_pool));
    must(ximss_mailbox_get(test_account, model->id, &mailbox, test_pool));
    view->mailbox = model->id;
    view->modseq = mailbox->modseq;
    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        must(ximss_order_blocks(test_account, model->id, (ximss_order_t)order, &view->blocks[order],
                                test_pool));
        view->uids[order] = expected(model, order, &view->count);
    }
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(mailbox->messages, (apr_int64_t)view->count);
}

static void compare_piece(const view_t *view, int order, const ximss_block_t *block,
                          apr_size_t skip, apr_size_t count, apr_size_t at)
{
    static apr_uint32_t uids[ROWS_MAX];
    apr_size_t found;

    must(ximss_order_uids(test_account, view->mailbox, (ximss_order_t)order, view->modseq, block,
                          skip, count, uids, &found, test_pool));
    ck_assert_msg(found == (count < view->count - at ? count : view->count - at),
                  "order %d: %d of %d rows from %d of %d", order, (int)found, (int)count, (int)at,
                  (int)view->count);
    ck_assert_msg(memcmp(uids, view->uids[order] + at, found * sizeof(uids[0])) == 0,
                  "order %d: wrong rows from %d", order, (int)at);
}

static void verify_order(const view_t *view, int order)
{
    apr_size_t at = 0;
    int i;

    for (i = 0; i < view->blocks[order]->nelts; i++) {
        const ximss_block_t *block = &APR_ARRAY_IDX(view->blocks[order], i, ximss_block_t);
        apr_size_t skip = fixture_random(&seed) % (apr_size_t)block->count;

        ck_assert_int_gt(block->count, 0);
        ck_assert_int_le(block->count, 2048);
        compare_piece(view, order, block, 0, (apr_size_t)block->count, at);
        compare_piece(view, order, block, skip, 50, at + skip);
        at += (apr_size_t)block->count;
    }
    ck_assert_int_eq(at, view->count);
    compare_piece(view, order, NULL, 0, ROWS_MAX, 0);
    compare_piece(view, order, NULL, view->count / 3, 50, view->count / 3);
}

static void verify_views(void)
{
    int order;
    int i;

    for (i = 0; i < view_count; i++) {
        for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
            verify_order(&views[i], order);
        }
    }
}

/* ---- random changes ---- */

static void add_row(model_t *model, apr_uint32_t uid, unsigned int number)
{
    model_row_t *row = &model->row[model->rows++];

    ck_assert_int_le(model->rows, ROWS_MAX);
    row->uid = uid;
    row->number = number;
    row->live = 1;
}

static void append_some(model_t *model)
{
    unsigned int count = 1 + fixture_random(&seed) % 300;

    while (count-- > 0) {
        unsigned int number = fixture_random(&seed) % 1000;
        const ximss_append_t append = {model->id, fixture_date(number), {0, ""}};
        apr_uint32_t uid;

        must(ximss_message_append(test_account, &append, digest_of(number), &uid, test_pool));
        ck_assert_int_eq(uid, model->rows + 1);
        add_row(model, uid, number);
    }
}

/* Some UIDs of MODEL, in a run or anywhere; each once. */
static apr_size_t choose(const model_t *model, apr_uint32_t *uids, unsigned int limit)
{
    unsigned int count = model->rows > 0 ? fixture_random(&seed) % limit : 0;
    int run = fixture_random(&seed) % 2 == 0;
    unsigned int at = model->rows > 0 ? fixture_random(&seed) % (unsigned int)model->rows : 0;
    apr_size_t chosen = 0;

    while (count-- > 0) {
        if (at >= (unsigned int)model->rows) {
            break;
        }
        uids[chosen++] = model->row[at].uid;
        at += run ? 1 : 1 + fixture_random(&seed) % 7;
    }
    return chosen;
}

static void expunge_some(model_t *model)
{
    apr_uint32_t uids[1500];
    apr_size_t count = choose(model, uids, fixture_random(&seed) % 9 == 0 ? 1500 : 200);
    apr_size_t removed;
    apr_size_t live = 0;
    apr_size_t i;

    for (i = 0; i < count; i++) {
        live += (apr_size_t)model->row[uids[i] - 1].live;
        model->row[uids[i] - 1].live = 0;
    }
    must(ximss_message_expunge(test_account, model->id, uids, count, &removed, test_pool));
    ck_assert_int_eq(removed, live);
}

static void copy_some(model_t *source, model_t *target)
{
    apr_uint32_t uids[150];
    apr_size_t count = choose(source, uids, 150);
    apr_size_t copied;
    apr_size_t live = 0;
    apr_size_t i;

    for (i = 0; i < count; i++) {
        const model_row_t *row = &source->row[uids[i] - 1];

        if (row->live) {
            add_row(target, (apr_uint32_t)target->rows + 1, row->number);
            live++;
        }
    }
    must(ximss_message_copy(test_account, source->id, uids, count, target->id, &copied, test_pool));
    ck_assert_int_eq(copied, live);
}

static void mark_some(model_t *model)
{
    apr_uint32_t uids[100];
    apr_size_t count = choose(model, uids, 100);
    ximss_flag_change_t change;

    must(ximss_flags_parse(&change, "Seen", 0, test_pool));
    must(ximss_message_mark(test_account, model->id, uids, count, &change, NULL, test_pool));
}

static void change_something(void)
{
    int at = (int)(fixture_random(&seed) % 2);

    switch (fixture_random(&seed) % 6) {
    case 0:
        expunge_some(&models[at]);
        break;
    case 1:
        copy_some(&models[at], &models[1 - at]);
        break;
    case 2:
        mark_some(&models[at]);
        break;
    default:
        append_some(&models[at]);
        break;
    }
}

/* A request that is done, or done and undone. */
static void run_request(void)
{
    memcpy(saved, models, sizeof(models));
    must(ximss_account_savepoint(test_account, test_pool));
    change_something();
    if (fixture_random(&seed) % 5 == 0) {
        ximss_account_savepoint_undo(test_account);
        memcpy(models, saved, sizeof(models));
    }
    else {
        must(ximss_account_savepoint_release(test_account, test_pool));
    }
}

static void run_batch(void)
{
    static model_t before[2];
    unsigned int requests = 1 + fixture_random(&seed) % 4;

    memcpy(before, models, sizeof(models));
    must(ximss_account_begin_write(test_account, test_pool));
    while (requests-- > 0) {
        run_request();
    }
    if (fixture_random(&seed) % 8 == 0) {
        ximss_account_rollback(test_account);
        memcpy(models, before, sizeof(models));
    }
    else {
        must(ximss_account_commit(test_account, test_pool));
        ximss_account_tidy(test_account);
    }
}

START_TEST(views_stay)
{
    int i;

    seed = 20261123u + (unsigned int)_i;
    view_count = 0;
    memset(models, 0, sizeof(models));
    memset(digests, 0, sizeof(digests));
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_mailbox_create(test_account, "Other", "", test_pool));
    must(ximss_account_commit(test_account, test_pool));
    models[0].id = fixture_mailbox(test_account, "INBOX")->id;
    models[1].id = fixture_mailbox(test_account, "Other")->id;
    for (i = 0; i < 60; i++) {
        run_batch();
        if (i % 8 == 7) {
            take_view(&models[i / 8 % 2]);
        }
    }
    verify_views();
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(empty_mailbox)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    apr_array_header_t *blocks;
    apr_uint32_t uids[4];
    apr_size_t found;
    int order;

    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        must(ximss_order_blocks(test_account, inbox, (ximss_order_t)order, &blocks, test_pool));
        ck_assert_int_eq(blocks->nelts, 0);
        must(ximss_order_uids(test_account, inbox, (ximss_order_t)order, 100, NULL, 0, 4, uids,
                              &found, test_pool));
        ck_assert_int_eq(found, 0);
    }
    must_fail(ximss_order_blocks(test_account, inbox, XIMSS_ORDER_COUNT, &blocks, test_pool),
              XIMSS_E_INTERNAL);
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *tcase = fixture_case(suite, "order");

    tcase_add_test(tcase, empty_mailbox);
    tcase_add_loop_test(tcase, views_stay, 0, 3);
}
