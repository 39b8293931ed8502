/* Orders: the blocks (table rank) that say how many rows are live between two keys, and the UIDs of a piece
 * of an order from its index. A block reaches from its key to the next one's; the first begins below
 * every key and always stays. */
#include "store/sqlite_mail.h"

#include <stdint.h>
#include <string.h>

/* Live rows of a block before it is split in the middle. */
#define BLOCK_MAX 1024

/* Live rows of a block when all are made again. */
#define BLOCK_FILL 768

/* The key of a row in one order. */
typedef struct rank_key_t {
    apr_int64_t number;
    const char *text; /* NULL: number counts */
    apr_int64_t uid;
} rank_key_t;

static int by_text(int order)
{
    return order == XIMSS_ORDER_FROM || order == XIMSS_ORDER_TO || order == XIMSS_ORDER_SUBJECT;
}

static rank_key_t lowest_key(int order)
{
    rank_key_t key = {INT64_MIN, by_text(order) ? "" : NULL, 0};

    return key;
}

static rank_key_t key_of(const ximss_sqlite_keys_t *keys, int order)
{
    rank_key_t key = {keys->uid, NULL, keys->uid};

    switch (order) {
    case XIMSS_ORDER_INTERNALDATE:
        key.number = keys->internal_date;
        break;
    case XIMSS_ORDER_DATE:
        key.number = keys->date;
        break;
    case XIMSS_ORDER_SIZE:
        key.number = keys->size;
        break;
    case XIMSS_ORDER_FROM:
        key.text = keys->from;
        break;
    case XIMSS_ORDER_TO:
        key.text = keys->to;
        break;
    case XIMSS_ORDER_SUBJECT:
        key.text = keys->subject;
        break;
    default:
        break;
    }
    return key;
}

static void bind_key(sqlite3_stmt *stmt, int at, const rank_key_t *key)
{
    if (key->text != NULL) {
        sqlite3_bind_text(stmt, at, key->text, -1, SQLITE_STATIC);
    }
    else {
        sqlite3_bind_int64(stmt, at, key->number);
    }
    sqlite3_bind_int64(stmt, at + 1, key->uid);
}

static rank_key_t read_key(sqlite3_stmt *stmt, int column, int order, apr_pool_t *pool)
{
    rank_key_t key = {0, NULL, sqlite3_column_int64(stmt, column + 1)};

    if (by_text(order)) {
        key.text = ximss_sqlite_text(stmt, column, pool);
    }
    else {
        key.number = sqlite3_column_int64(stmt, column);
    }
    return key;
}

/* One order of one mailbox. */
typedef struct rank_t {
    ximss_sqlite_t *db;
    apr_int64_t mailbox;
    int order;
    apr_pool_t *pool;
} rank_t;

/* Statement NUMBER with ?1 = mailbox, ?2 = order, ?3 and ?4 = KEY. */
static const ximss_error_t *use_key(sqlite3_stmt **stmt, const rank_t *rank, int number,
                                    const rank_key_t *key)
{
    const apr_int64_t numbers[] = {rank->mailbox, rank->order};

    XIMSS_TRY(ximss_sqlite_use(stmt, rank->db, number, rank->pool));
    ximss_sqlite_bind(*stmt, numbers, 2);
    bind_key(*stmt, 3, key);
    return NULL;
}

static const ximss_error_t *insert_block(const rank_t *rank, const rank_key_t *key,
                                         apr_int64_t live)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_key(&stmt, rank, XIMSS_ACCOUNT_QUERY_RANK_INSERT, key));
    sqlite3_bind_int64(stmt, 5, live);
    return ximss_sqlite_run(rank->db, stmt, rank->pool);
}

static const ximss_error_t *set_block(const rank_t *rank, const rank_key_t *key, apr_int64_t live)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_key(&stmt, rank, XIMSS_ACCOUNT_QUERY_RANK_SET, key));
    sqlite3_bind_int64(stmt, 5, live);
    return ximss_sqlite_run(rank->db, stmt, rank->pool);
}

/* The block that KEY falls into: where it begins, and its live rows. */
static const ximss_error_t *find_block(const rank_t *rank, const rank_key_t *key, rank_key_t *block,
                                       apr_int64_t *live)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(use_key(&stmt, rank, XIMSS_ACCOUNT_QUERY_RANK_FIND, key));
    XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    if (!row) {
        return ximss_error_detail(rank->pool, XIMSS_E_INTERNAL,
                                  "%s: mailbox %" APR_INT64_T_FMT " has no block of order %d",
                                  rank->db->path, rank->mailbox, rank->order);
    }
    *block = read_key(stmt, 0, rank->order, rank->pool);
    *live = sqlite3_column_int64(stmt, 2);
    return ximss_sqlite_run(rank->db, stmt, rank->pool);
}

/* The key of the live row that comes after SKIP others from BLOCK on. */
static const ximss_error_t *key_at(const rank_t *rank, const rank_key_t *block, apr_int64_t skip,
                                   rank_key_t *key)
{
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(
        ximss_sqlite_use(&stmt, rank->db, XIMSS_ACCOUNT_QUERY_LIVE_UID + rank->order, rank->pool));
    sqlite3_bind_int64(stmt, 1, rank->mailbox);
    bind_key(stmt, 2, block);
    sqlite3_bind_int64(stmt, 5, 1);
    sqlite3_bind_int64(stmt, 6, skip);
    XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    if (!row) {
        return ximss_error_detail(rank->pool, XIMSS_E_INTERNAL, "%s: order %d counts too much",
                                  rank->db->path, rank->order);
    }
    *key = read_key(stmt, 0, rank->order, rank->pool);
    return ximss_sqlite_run(rank->db, stmt, rank->pool);
}

static const ximss_error_t *split(const rank_t *rank, const rank_key_t *block, apr_int64_t live)
{
    apr_int64_t lower = live / 2;
    rank_key_t middle;

    XIMSS_TRY(key_at(rank, block, lower, &middle));
    XIMSS_TRY(set_block(rank, block, lower));
    return insert_block(rank, &middle, live - lower);
}

static const ximss_error_t *delete_block(const rank_t *rank, const rank_key_t *key)
{
    sqlite3_stmt *stmt;

    XIMSS_TRY(use_key(&stmt, rank, XIMSS_ACCOUNT_QUERY_RANK_DELETE, key));
    return ximss_sqlite_run(rank->db, stmt, rank->pool);
}

static int is_lowest(const rank_key_t *key, int order)
{
    rank_key_t lowest = lowest_key(order);

    return key->uid == lowest.uid &&
           (key->text != NULL ? key->text[0] == '\0' : key->number == lowest.number);
}

const ximss_error_t *ximss_sqlite_rank_create(ximss_sqlite_t *db, apr_int64_t mailbox,
                                              apr_pool_t *pool)
{
    int order;

    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        rank_t rank = {db, mailbox, order, pool};
        rank_key_t lowest = lowest_key(order);

        XIMSS_TRY(insert_block(&rank, &lowest, 0));
    }
    return NULL;
}

/* Counts one row more or less in its block of each order. */
static const ximss_error_t *count_row(ximss_sqlite_t *db, const ximss_sqlite_keys_t *keys,
                                      int change, apr_pool_t *pool)
{
    int order;

    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        rank_t rank = {db, keys->mailbox, order, pool};
        rank_key_t key = key_of(keys, order);
        rank_key_t block;
        apr_int64_t live = 0;

        XIMSS_TRY(find_block(&rank, &key, &block, &live));
        live += change;
        if (live > BLOCK_MAX) {
            XIMSS_TRY(split(&rank, &block, live));
        }
        else if (live <= 0 && !is_lowest(&block, order)) {
            XIMSS_TRY(delete_block(&rank, &block));
        }
        else {
            XIMSS_TRY(set_block(&rank, &block, live));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_rank_add(ximss_sqlite_t *db, const ximss_sqlite_keys_t *keys,
                                           apr_pool_t *pool)
{
    return count_row(db, keys, 1, pool);
}

const ximss_error_t *ximss_sqlite_rank_subtract(ximss_sqlite_t *db, const ximss_sqlite_keys_t *keys,
                                                apr_pool_t *pool)
{
    return count_row(db, keys, -1, pool);
}

/* ---- checking ---- */

/* A block as stored, and the live rows that are really in it. */
typedef struct counted_t {
    rank_key_t key;
    apr_int64_t live;
    apr_int64_t found;
} counted_t;

static int compare_keys(const rank_key_t *a, const rank_key_t *b)
{
    int order = 0;

    if (a->text != NULL && b->text != NULL) {
        order = strcmp(a->text, b->text);
    }
    else if (a->number != b->number) {
        order = a->number < b->number ? -1 : 1;
    }
    if (order == 0 && a->uid != b->uid) {
        order = a->uid < b->uid ? -1 : 1;
    }
    return order;
}

static const ximss_error_t *load_blocks(const rank_t *rank, apr_array_header_t *blocks)
{
    const apr_int64_t numbers[] = {rank->mailbox, rank->order};
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(ximss_sqlite_use(&stmt, rank->db, XIMSS_ACCOUNT_QUERY_RANK_LIST, rank->pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    while (row) {
        counted_t *block = apr_array_push(blocks);

        block->key = read_key(stmt, 0, rank->order, rank->pool);
        block->live = sqlite3_column_int64(stmt, 2);
        block->found = 0;
        XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    }
    return NULL;
}

/* The live rows of RANK from the first one, (key, uid) each. */
static const ximss_error_t *use_live(sqlite3_stmt **stmt, const rank_t *rank,
                                     const rank_key_t *lowest)
{
    XIMSS_TRY(
        ximss_sqlite_use(stmt, rank->db, XIMSS_ACCOUNT_QUERY_LIVE_UID + rank->order, rank->pool));
    sqlite3_bind_int64(*stmt, 1, rank->mailbox);
    bind_key(*stmt, 2, lowest);
    sqlite3_bind_int64(*stmt, 5, -1);
    sqlite3_bind_int64(*stmt, 6, 0);
    return NULL;
}

/* The key of the row that STMT is on; its text is SQLite's until the next step. */
static rank_key_t peek_key(sqlite3_stmt *stmt, int order)
{
    rank_key_t key = {0, NULL, sqlite3_column_int64(stmt, 1)};

    if (by_text(order)) {
        key.text = (const char *)sqlite3_column_text(stmt, 0);
        key.text = key.text != NULL ? key.text : "";
    }
    else {
        key.number = sqlite3_column_int64(stmt, 0);
    }
    return key;
}

static const ximss_error_t *count_live(const rank_t *rank, apr_array_header_t *blocks)
{
    rank_key_t lowest = lowest_key(rank->order);
    counted_t *block = (counted_t *)blocks->elts;
    counted_t *last = block + blocks->nelts - 1;
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(use_live(&stmt, rank, &lowest));
    XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    while (row) {
        rank_key_t key = peek_key(stmt, rank->order);

        while (block < last && compare_keys(&block[1].key, &key) <= 0) {
            block++;
        }
        block->found++;
        XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_rank_verify(ximss_sqlite_t *db, apr_int64_t mailbox, int order,
                                              apr_int64_t *wrong, apr_pool_t *pool)
{
    rank_t rank = {db, mailbox, order, pool};
    apr_array_header_t *blocks = apr_array_make(pool, 64, sizeof(counted_t));
    int i;

    *wrong = 0;
    XIMSS_TRY(load_blocks(&rank, blocks));
    if (blocks->nelts == 0 || !is_lowest(&APR_ARRAY_IDX(blocks, 0, counted_t).key, order)) {
        *wrong = 1;
        return NULL;
    }
    XIMSS_TRY(count_live(&rank, blocks));
    for (i = 0; i < blocks->nelts; i++) {
        const counted_t *block = &APR_ARRAY_IDX(blocks, i, counted_t);

        *wrong += block->live != block->found;
    }
    return NULL;
}

static const ximss_error_t *rebuild_order(const rank_t *rank)
{
    rank_key_t key = lowest_key(rank->order);
    apr_int64_t live = 0;
    sqlite3_stmt *stmt;
    int row;

    XIMSS_TRY(use_live(&stmt, rank, &key));
    XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    while (row) {
        if (live == BLOCK_FILL) {
            const ximss_error_t *error = insert_block(rank, &key, live);

            if (error != NULL) {
                sqlite3_reset(stmt);
                return error;
            }
            key = read_key(stmt, 0, rank->order, rank->pool);
            live = 0;
        }
        live++;
        XIMSS_TRY(ximss_sqlite_step(rank->db, stmt, &row, rank->pool));
    }
    return insert_block(rank, &key, live);
}

const ximss_error_t *ximss_sqlite_rank_rebuild(ximss_sqlite_t *db, apr_int64_t mailbox,
                                               apr_pool_t *pool)
{
    int order;

    XIMSS_TRY(ximss_sqlite_do(db, XIMSS_ACCOUNT_QUERY_RANK_DELETE_ALL, &mailbox, 1, pool));
    for (order = 0; order < XIMSS_ORDER_COUNT; order++) {
        rank_t rank = {db, mailbox, order, pool};

        XIMSS_TRY(rebuild_order(&rank));
    }
    return NULL;
}

/* ---- reading ---- */

const ximss_error_t *ximss_sqlite_order_blocks(ximss_account_t *account, apr_int64_t mailbox,
                                               ximss_order_t order, apr_array_header_t **blocks,
                                               apr_pool_t *pool)
{
    ximss_sqlite_t *db = &((ximss_sqlite_account_t *)account)->db;
    const apr_int64_t numbers[] = {mailbox, order};
    sqlite3_stmt *stmt;
    int row;

    *blocks = apr_array_make(pool, 64, sizeof(ximss_block_t));
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_RANK_LIST, pool));
    ximss_sqlite_bind(stmt, numbers, 2);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        rank_key_t key = read_key(stmt, 0, order, pool);
        apr_int64_t live = sqlite3_column_int64(stmt, 2);

        if (live > 0) {
            ximss_block_t *block = apr_array_push(*blocks);

            block->number = key.number;
            block->text = key.text;
            block->uid = (apr_uint32_t)key.uid;
            block->count = live;
        }
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    return NULL;
}

const ximss_error_t *ximss_sqlite_order_uids(ximss_account_t *account, const ximss_slice_t *slice,
                                             apr_uint32_t *uids, apr_size_t *found,
                                             apr_pool_t *pool)
{
    ximss_sqlite_t *db = &((ximss_sqlite_account_t *)account)->db;
    rank_key_t key = lowest_key(slice->order);
    apr_size_t count = 0;
    sqlite3_stmt *stmt;
    int row;

    if (slice->block != NULL) {
        key.number = slice->block->number;
        key.text = slice->block->text;
        key.uid = slice->block->uid;
    }
    XIMSS_TRY(ximss_sqlite_use(&stmt, db, XIMSS_ACCOUNT_QUERY_UIDS_UID + (int)slice->order, pool));
    sqlite3_bind_int64(stmt, 1, slice->mailbox);
    bind_key(stmt, 2, &key);
    sqlite3_bind_int64(stmt, 4, slice->modseq);
    sqlite3_bind_int64(stmt, 5, (apr_int64_t)slice->count);
    sqlite3_bind_int64(stmt, 6, (apr_int64_t)slice->skip);
    XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    while (row) {
        if (count < slice->count) {
            uids[count++] = (apr_uint32_t)sqlite3_column_int64(stmt, 0);
        }
        XIMSS_TRY(ximss_sqlite_step(db, stmt, &row, pool));
    }
    *found = count;
    return NULL;
}
