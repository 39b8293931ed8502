/* The files of open folders: what is saved comes back, damage is an error and never a crash. */
#include "unit/op_rig.h"
#include "unit/suite.h"
#include "view/folder.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *make_dir(void)
{
    char *dir = apr_pstrdup(test_pool, "/tmp/ximss-view-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    return dir;
}

/* The only file in DIR, NULL when there is none; more than one fails the test. */
static const char *only_file(const char *dir)
{
    const char *found = NULL;
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(open_dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            ck_assert_ptr_null(found);
            found = apr_pstrcat(test_pool, dir, "/", entry->d_name, NULL);
        }
    }
    closedir(open_dir);
    return found;
}

static void remove_dir(const char *dir)
{
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(open_dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            unlink(apr_pstrcat(test_pool, dir, "/", entry->d_name, NULL));
        }
    }
    closedir(open_dir);
    ck_assert_int_eq(rmdir(dir), 0);
}

static ximss_folder_t *make_folder(const char *name)
{
    ximss_folder_t *folder = apr_pcalloc(test_pool, sizeof(*folder));
    folder->name = name;
    folder->mailbox_name = "INBOX/\xc3\xa4";
    folder->account_id = "0123";
    folder->mailbox = 7;
    folder->uid_validity = 4000000000u;
    folder->epoch = 3;
    folder->modseq = (apr_int64_t)1 << 40;
    folder->spec.sort_field = "Subject";
    folder->spec.descending = 1;
    folder->spec.filter = "";
    folder->spec.uid_min = 4294967295u;
    folder->fields = apr_array_make(test_pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(folder->fields, const char *) = "FLAGS";
    APR_ARRAY_PUSH(folder->fields, const char *) = "E-From";
    folder->number = 12;
    folder->unseen = 2;
    return folder;
}

static ximss_folder_t *make_array_folder(const char *name, apr_uint32_t count)
{
    ximss_folder_t *folder = make_folder(name);
    static const apr_uint32_t unseen[] = {1, 4};
    apr_uint32_t *uids = apr_palloc(test_pool, (count + 1) * sizeof(*uids));
    apr_uint32_t i;
    for (i = 0; i < count; i++) {
        uids[i] = i * 3 + 1;
    }
    folder->uids = uids;
    folder->unseen_uids = apr_pmemdup(test_pool, unseen, sizeof(unseen));
    folder->messages = count;
    return folder;
}

/* A sync with a limit stopped in its additions. */
static ximss_folder_t *make_pending_folder(const char *name, int lazy)
{
    ximss_folder_t *folder = make_array_folder(name, 5);
    static const ximss_step_t steps[] = {{XIMSS_STEP_ADDED, 900, 3}, {XIMSS_STEP_UPDATED, 4, 1}};
    folder->pending = apr_array_make(test_pool, 2, sizeof(ximss_step_t));
    APR_ARRAY_PUSH(folder->pending, ximss_step_t) = steps[0];
    APR_ARRAY_PUSH(folder->pending, ximss_step_t) = steps[1];
    if (lazy) {
        ximss_block_t *block;
        folder->unseen_uids = NULL;
        folder->next_blocks = apr_array_make(test_pool, 1, sizeof(ximss_block_t));
        block = apr_array_push(folder->next_blocks);
        memset(block, 0, sizeof(*block));
        block->count = 6;
        block->text = "k";
    }
    return folder;
}

static ximss_folder_t *make_lazy_folder(const char *name, int blocks)
{
    ximss_folder_t *folder = make_folder(name);
    int i;
    folder->order = XIMSS_ORDER_SUBJECT;
    folder->blocks = apr_array_make(test_pool, 4, sizeof(ximss_block_t));
    for (i = 0; i < blocks; i++) {
        ximss_block_t *block = apr_array_push(folder->blocks);
        memset(block, 0, sizeof(*block));
        block->text = i % 2 ? apr_psprintf(test_pool, "key %d", i) : NULL;
        block->number = -i;
        block->uid = (apr_uint32_t)i + 1;
        block->count = i * 10;
        folder->messages += block->count;
    }
    return folder;
}

static void assert_same_text(const char *a, const char *b)
{
    ck_assert((a == NULL) == (b == NULL));
    if (a != NULL) {
        ck_assert_str_eq(a, b);
    }
}

static void assert_same_blocks(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i;
    ck_assert((a == NULL) == (b == NULL));
    for (i = 0; a != NULL && i < a->nelts; i++) {
        const ximss_block_t *x = &APR_ARRAY_IDX(a, i, ximss_block_t);
        const ximss_block_t *y = &APR_ARRAY_IDX(b, i, ximss_block_t);
        assert_same_text(x->text, y->text);
        ck_assert_int_eq(x->number, y->number);
        ck_assert_uint_eq(x->uid, y->uid);
        ck_assert_int_eq(x->count, y->count);
    }
}

static void assert_same_steps(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i;
    ck_assert((a == NULL) == (b == NULL));
    ck_assert(a == NULL || a->nelts == b->nelts);
    for (i = 0; a != NULL && i < a->nelts; i++) {
        const ximss_step_t *x = &APR_ARRAY_IDX(a, i, ximss_step_t);
        const ximss_step_t *y = &APR_ARRAY_IDX(b, i, ximss_step_t);
        ck_assert_int_eq(x->kind, y->kind);
        ck_assert_uint_eq(x->uid, y->uid);
        ck_assert_int_eq(x->index, y->index);
    }
}

static void assert_same(const ximss_folder_t *a, const ximss_folder_t *b)
{
    int i;
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->mailbox_name, b->mailbox_name);
    ck_assert_str_eq(a->account_id, b->account_id);
    assert_same_text(a->spec.sort_field, b->spec.sort_field);
    assert_same_text(a->spec.filter, b->spec.filter);
    assert_same_text(a->spec.filter_field, b->spec.filter_field);
    ck_assert_int_eq(a->spec.descending, b->spec.descending);
    ck_assert_uint_eq(a->spec.uid_min, b->spec.uid_min);
    ck_assert_int_eq(a->mailbox, b->mailbox);
    ck_assert_uint_eq(a->uid_validity, b->uid_validity);
    ck_assert_int_eq(a->epoch, b->epoch);
    ck_assert_int_eq(a->modseq, b->modseq);
    ck_assert_int_eq(a->number, b->number);
    ck_assert_int_eq(a->messages, b->messages);
    ck_assert_int_eq(a->unseen, b->unseen);
    ck_assert_int_eq(a->order, b->order);
    ck_assert_int_eq(a->fields->nelts, b->fields->nelts);
    for (i = 0; i < a->fields->nelts; i++) {
        ck_assert_str_eq(APR_ARRAY_IDX(a->fields, i, const char *),
                         APR_ARRAY_IDX(b->fields, i, const char *));
    }
    assert_same_blocks(a->blocks, b->blocks);
    assert_same_blocks(a->next_blocks, b->next_blocks);
    assert_same_steps(a->pending, b->pending);
    ck_assert((a->uids == NULL) == (b->uids == NULL));
    ck_assert((a->unseen_uids == NULL) == (b->unseen_uids == NULL));
    if (a->unseen_uids != NULL) {
        ck_assert_mem_eq(a->unseen_uids, b->unseen_uids,
                         (size_t)a->unseen * sizeof(*a->unseen_uids));
    }
    if (a->uids != NULL) {
        ck_assert_mem_eq(a->uids, b->uids, (size_t)a->messages * sizeof(*a->uids));
    }
}

static ximss_folder_t *load(const char *dir, const char *name)
{
    ximss_folder_t *folder;
    assert_ok(ximss_folder_load(&folder, dir, name, test_pool));
    return folder;
}

/* Puts FOLDER in place as the stage of a batch does: written beside the old file, then renamed. */
static const ximss_error_t *save(const ximss_folder_t *folder, const char *in, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, in, "/", ximss_folder_file(folder->name, pool), NULL);
    const char *next = apr_pstrcat(pool, path, ".new", NULL);

    XIMSS_TRY(ximss_folder_write(folder, next, pool));
    ck_assert_int_eq(rename(next, path), 0);
    return NULL;
}

static void drop(const char *in, const char *name, apr_pool_t *pool)
{
    unlink(apr_pstrcat(pool, in, "/", ximss_folder_file(name, pool), NULL));
}

START_TEST(test_round_trip)
{
    const char *dir = make_dir();
    char *huge = apr_palloc(test_pool, 2001);
    const char *names[] = {"INBOX", "a/b%\"'<>&", "\xf0\x9f\x93\xa7 emoji", "..", ".", "/", NULL};
    int i;
    memset(huge, 'n', 2000);
    huge[2000] = '\0';
    names[6] = huge;
    for (i = 0; i < 7; i++) {
        ck_assert_ptr_null(load(dir, names[i]));
        assert_ok(save(make_array_folder(names[i], (apr_uint32_t)i * 1000), dir, test_pool));
        assert_same(make_array_folder(names[i], (apr_uint32_t)i * 1000), load(dir, names[i]));
    }
    for (i = 0; i < 7; i++) { /* replaced by another kind */
        assert_ok(save(make_lazy_folder(names[i], i * 50), dir, test_pool));
    }
    for (i = 0; i < 7; i++) {
        assert_same(make_lazy_folder(names[i], i * 50), load(dir, names[i]));
        assert_ok(save(make_pending_folder(names[i], i % 2), dir, test_pool));
        assert_same(make_pending_folder(names[i], i % 2), load(dir, names[i]));
        drop(dir, names[i], test_pool);
        ck_assert_ptr_null(load(dir, names[i]));
    }
    ck_assert_ptr_null(only_file(dir));
    drop(dir, "INBOX", test_pool);
    remove_dir(dir);
}
END_TEST

/* A reader keeps what it has mapped while the folder is replaced and removed. */
START_TEST(test_replace_under_reader)
{
    const char *dir = make_dir();
    ximss_folder_t *reader;
    assert_ok(save(make_array_folder("F", 100000), dir, test_pool));
    reader = load(dir, "F");
    assert_ok(save(make_array_folder("F", 1), dir, test_pool));
    assert_same(make_array_folder("F", 100000), reader);
    ck_assert_int_eq(load(dir, "F")->messages, 1);
    drop(dir, "F", test_pool);
    assert_same(make_array_folder("F", 100000), reader);
    remove_dir(dir);
}
END_TEST

static void write_bytes(const char *path, const char *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static size_t read_bytes(const char *path, char *data, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t length;
    ck_assert_ptr_nonnull(file);
    length = fread(data, 1, room, file);
    fclose(file);
    ck_assert_uint_lt(length, room);
    return length;
}

/* Every bit of the header and the packed data counts. */
static void check_damage(const ximss_folder_t *folder, size_t array_bytes)
{
    const char *dir = make_dir();
    char *data = apr_palloc(test_pool, 100000);
    const char *path;
    size_t length;
    size_t i;
    assert_ok(save(folder, dir, test_pool));
    path = only_file(dir);
    length = read_bytes(path, data, 100000);
    for (i = 0; i < length - array_bytes; i++) {
        ximss_folder_t *loaded;
        const ximss_error_t *error;
        data[i] ^= (char)(1 << (i % 8));
        write_bytes(path, data, length);
        error = ximss_folder_load(&loaded, dir, folder->name, test_pool);
        ck_assert_msg(error != NULL && error->code == XIMSS_E_INTERNAL, "byte %zu", i);
        data[i] ^= (char)(1 << (i % 8));
    }
    for (i = 0; i < length; i++) {
        ximss_folder_t *loaded;
        write_bytes(path, data, i);
        ck_assert_msg(ximss_folder_load(&loaded, dir, folder->name, test_pool) != NULL,
                      "cut at %zu", i);
    }
    write_bytes(path, data, length);
    assert_same(folder, load(dir, folder->name));
    remove_dir(dir);
}

START_TEST(test_damage)
{
    check_damage(make_array_folder("F", 5), 7 * sizeof(apr_uint32_t));
    check_damage(make_pending_folder("F", 0), 7 * sizeof(apr_uint32_t));
    check_damage(make_pending_folder("F", 1), 5 * sizeof(apr_uint32_t));
    check_damage(make_lazy_folder("F", 5), 0);
}
END_TEST

/* A full file system: an error, and the folder that was there stays. */
START_TEST(test_no_room)
{
    const char *dir = make_dir();
    struct rlimit tight = {1000, RLIM_INFINITY};
    struct rlimit loose = {RLIM_INFINITY, RLIM_INFINITY};
    const ximss_error_t *error;
    assert_ok(save(make_array_folder("F", 10), dir, test_pool));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    error = save(make_array_folder("F", 1000), dir, test_pool);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &loose), 0);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_INTERNAL);
    ck_assert_ptr_nonnull(only_file(dir));
    assert_same(make_array_folder("F", 10), load(dir, "F"));
    remove_dir(dir);
}
END_TEST

/* A cleaner of temporary files may take the folder of a live session. */
START_TEST(test_folder_swept_away)
{
    const char *dir = make_dir();
    assert_ok(save(make_array_folder("F", 10), dir, test_pool));
    remove_dir(dir);
    assert_ok(save(make_array_folder("G", 10), dir, test_pool));
    assert_same(make_array_folder("G", 10), load(dir, "G"));
    remove_dir(dir);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "folder file");
    tcase_add_test(tcase, test_round_trip);
    tcase_add_test(tcase, test_replace_under_reader);
    tcase_add_test(tcase, test_damage);
    tcase_add_test(tcase, test_no_room);
    tcase_add_test(tcase, test_folder_swept_away);
}
