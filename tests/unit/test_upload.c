/* The uploaded file set: what is kept of a file, replacing, limits that count what still comes in, and that nothing
 * is left of uploads whose end never comes, nor of sessions. */
#include "session/slot.h"
#include "session/upload.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER "user@example.org"

static op_rig_t *rig;
static ximss_table_t *table;
static ximss_session_t session; /* a copy, as an upload has it */

static void fresh_session(void)
{
    ximss_account_entry_t *entry;

    memset(&session, 0, sizeof(session));
    assert_ok(ximss_account_find(rig->context.store, USER, &entry, test_pool));
    apr_cpystrn(session.account_id, entry->id, sizeof(session.account_id));
    apr_cpystrn(session.user_name, entry->name, sizeof(session.user_name));
    assert_ok(ximss_session_create(table, &session, test_pool));
}

static void set_up(void)
{
    rig = op_rig_make();
    table = rig->context.table;
    fresh_session();
}

static void end_session(void)
{
    ximss_session_t *locked;

    assert_ok(ximss_session_lock(&locked, table, session.url_id, 1000, test_pool));
    ck_assert_ptr_nonnull(locked);
    locked->ended = XIMSS_ENDED_BY_CLIENT;
    ximss_session_unlock(table, locked);
}

static const char *uploads(void)
{
    return apr_pstrcat(test_pool, rig->dir, "/data/uploads", NULL);
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (dir == NULL) {
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

/* The folder of the one session that has uploads. */
static const char *session_uploads(void)
{
    char path[1024];
    ximss_session_t *locked;

    assert_ok(ximss_session_lock(&locked, table, session.url_id, 1000, test_pool));
    ximss_slot_uploads(table, ximss_slot_number(table, locked),
                       atomic_load(&table->marks[ximss_slot_number(table, locked)].generation),
                       path, sizeof(path));
    ximss_session_unlock(table, locked);
    return apr_pstrdup(test_pool, path);
}

static const ximss_error_t *begin(ximss_uploading_t **uploading, const char *id, apr_int64_t size)
{
    const ximss_upload_t what = {.id = id, .type = "text", .subtype = "plain", .size = size};

    return ximss_upload_begin(uploading, table, &session, &what, &rig->limits, rig->pool);
}

static void put(const char *id, const char *text)
{
    ximss_uploading_t *uploading;

    assert_ok(begin(&uploading, id, -1));
    assert_ok(ximss_upload_write(uploading, text, strlen(text)));
    assert_ok(ximss_upload_finish(uploading));
}

static const char *get(const char *id)
{
    ximss_upload_t *upload;
    const char *data;
    const ximss_error_t *error = ximss_upload_find(table, &session, id, &upload, test_pool);

    if (error != NULL) {
        ck_assert_int_eq(error->code, XIMSS_E_NOT_FOUND);
        return NULL;
    }
    assert_ok(ximss_upload_read(upload, &data, test_pool));
    return apr_pstrmemdup(test_pool, data, (apr_size_t)upload->size);
}

static void assert_code(const ximss_error_t *error, ximss_error_code_t code)
{
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->code == code, "%s", ximss_error_log_line(error, test_pool));
}

START_TEST(keeps_properties)
{
    const ximss_upload_t what = {.id = "../../etc/\xC3\xA9",
                                 .type = "text",
                                 .subtype = "csv",
                                 .charset = "utf-8",
                                 .file_name = "na\xC3\xAFve.csv",
                                 .size = 6};
    ximss_uploading_t *uploading;
    ximss_upload_t *upload;
    const char *data;

    assert_ok(ximss_upload_begin(&uploading, table, &session, &what, &rig->limits, test_pool));
    assert_ok(ximss_upload_write(uploading, "a\0b", 3));
    assert_ok(ximss_upload_write(uploading, "", 0));
    assert_ok(ximss_upload_write(uploading, "cd\n", 3));
    ck_assert_ptr_null(get(what.id));
    assert_ok(ximss_upload_finish(uploading));
    assert_ok(ximss_upload_find(table, &session, what.id, &upload, test_pool));
    ck_assert_str_eq(upload->id, what.id);
    ck_assert_str_eq(upload->type, "text");
    ck_assert_str_eq(upload->subtype, "csv");
    ck_assert_str_eq(upload->charset, "utf-8");
    ck_assert_str_eq(upload->file_name, what.file_name);
    ck_assert_int_eq(upload->size, 6);
    assert_ok(ximss_upload_read(upload, &data, test_pool));
    ck_assert_mem_eq(data, "a\0bcd\n", 6);
    ck_assert_int_eq(count_entries(uploads()), 1);
    ck_assert_int_eq(count_entries(session_uploads()), 1);
}
END_TEST

START_TEST(empty_file)
{
    ximss_upload_t *upload;
    const char *data;

    put("a", "");
    assert_ok(ximss_upload_find(table, &session, "a", &upload, test_pool));
    ck_assert_int_eq(upload->size, 0);
    ck_assert_ptr_null(upload->charset);
    ck_assert_ptr_null(upload->file_name);
    assert_ok(ximss_upload_read(upload, &data, test_pool));
    ck_assert_ptr_nonnull(data);
}
END_TEST

START_TEST(long_name_is_cut)
{
    char *name = apr_palloc(test_pool, 5000);
    ximss_upload_t what = {.id = "a", .type = "a", .subtype = "b", .size = -1};
    ximss_uploading_t *uploading;
    ximss_upload_t *upload;
    int i;

    for (i = 0; i < 4998; i += 2) {
        memcpy(name + i, "\xC3\xA9", 3);
    }
    what.file_name = what.charset = name;
    assert_ok(ximss_upload_begin(&uploading, table, &session, &what, &rig->limits, test_pool));
    assert_ok(ximss_upload_finish(uploading));
    assert_ok(ximss_upload_find(table, &session, "a", &upload, test_pool));
    ck_assert_int_eq(strlen(upload->file_name), 1024);
    ck_assert_int_eq(strlen(upload->charset), 254);
}
END_TEST

START_TEST(replaces_whole)
{
    ximss_upload_t *before;
    const char *data;

    put("a", "first");
    assert_ok(ximss_upload_find(table, &session, "a", &before, test_pool));
    put("a", "second one");
    ck_assert_str_eq(get("a"), "second one");
    assert_ok(ximss_upload_read(before, &data, test_pool));
    ck_assert_mem_eq(data, "first", 5);
    ck_assert_int_eq(count_entries(session_uploads()), 1);
}
END_TEST

START_TEST(removes)
{
    assert_ok(ximss_upload_remove(table, &session, NULL, test_pool));
    assert_ok(ximss_upload_remove(table, &session, "a", test_pool));
    put("a", "1");
    put("A", "2");
    put("b", "3");
    assert_ok(ximss_upload_remove(table, &session, "a", test_pool));
    ck_assert_ptr_null(get("a"));
    ck_assert_str_eq(get("A"), "2");
    assert_ok(ximss_upload_remove(table, &session, NULL, test_pool));
    ck_assert_ptr_null(get("A"));
    ck_assert_ptr_null(get("b"));
    ck_assert_int_eq(count_entries(session_uploads()), 0);
}
END_TEST

START_TEST(clear_leaves_what_comes_in)
{
    ximss_uploading_t *uploading;

    put("a", "1");
    assert_ok(begin(&uploading, "b", -1));
    assert_ok(ximss_upload_remove(table, &session, NULL, test_pool));
    assert_ok(ximss_upload_write(uploading, "2", 1));
    assert_ok(ximss_upload_finish(uploading));
    ck_assert_ptr_null(get("a"));
    ck_assert_str_eq(get("b"), "2");
}
END_TEST

START_TEST(refuses_bad_ids)
{
    char *name = apr_palloc(test_pool, 257);
    ximss_uploading_t *uploading;

    memset(name, 'a', 256);
    name[256] = '\0';
    assert_code(begin(&uploading, "", -1), XIMSS_E_BAD_REQUEST);
    assert_code(begin(&uploading, "\xFF", -1), XIMSS_E_BAD_REQUEST);
    assert_code(begin(&uploading, "a\x01", -1), XIMSS_E_BAD_REQUEST);
    assert_code(begin(&uploading, name, -1), XIMSS_E_BAD_REQUEST);
    put(name + 1, "x");
    ck_assert_str_eq(get(name + 1), "x");
    ck_assert_ptr_null(get(name));
}
END_TEST

START_TEST(size_limit)
{
    const ximss_error_t *error;
    ximss_uploading_t *uploading;

    rig->limits.upload_bytes = 10;
    error = begin(&uploading, "a", 11);
    assert_code(error, XIMSS_E_LIMIT);
    assert_has(error->text, "at most 10 bytes");
    ck_assert_int_eq(count_entries(uploads()), 0);
    assert_ok(begin(&uploading, "a", -1));
    assert_ok(ximss_upload_write(uploading, "1234567890", 10));
    assert_code(ximss_upload_write(uploading, "1", 1), XIMSS_E_LIMIT);
    ximss_upload_abort(uploading);
    put("a", "1234567890");
}
END_TEST

START_TEST(count_limit)
{
    ximss_uploading_t *first;
    ximss_uploading_t *second;
    const ximss_error_t *error;

    rig->limits.uploads = 2;
    put("a", "1");
    assert_ok(begin(&first, "b", -1));
    error = begin(&second, "c", -1);
    assert_code(error, XIMSS_E_LIMIT);
    assert_has(error->text, "at most 2");
    put("a", "another");
    ximss_upload_abort(first);
    put("c", "3");
    assert_code(begin(&second, "b", -1), XIMSS_E_LIMIT);
}
END_TEST

/* A file that is being replaced is there twice for a while, which must not break others off. */
START_TEST(replacing_disturbs_no_other)
{
    ximss_uploading_t *growing;
    ximss_uploading_t *replacing;

    rig->limits.uploads = 2;
    put("a", "1");
    assert_ok(begin(&growing, "b", -1));
    assert_ok(begin(&replacing, "a", -1));
    assert_ok(ximss_upload_write(growing, "2", 1));
    assert_ok(ximss_upload_finish(growing));
    assert_ok(ximss_upload_finish(replacing));
    ck_assert_str_eq(get("b"), "2");
    ck_assert_str_eq(get("a"), "");
}
END_TEST

START_TEST(total_counts_what_comes_in)
{
    ximss_uploading_t *first;
    ximss_uploading_t *second;
    const ximss_error_t *error;

    rig->limits.upload_total = 20;
    put("a", "12345");
    assert_ok(begin(&first, "b", 10));
    error = begin(&second, "c", 6);
    assert_code(error, XIMSS_E_LIMIT);
    assert_has(error->text, "at most 20 bytes");
    assert_ok(begin(&second, "c", -1));
    assert_ok(ximss_upload_write(second, "12345", 5));
    assert_code(ximss_upload_write(second, "6", 1), XIMSS_E_LIMIT);
    /* what it replaces does not count */
    ximss_upload_abort(second);
    put("a", "1234567890");
    assert_ok(ximss_upload_write(first, "1", 1));
    assert_ok(ximss_upload_finish(first));
    /* and no more than what came does, whatever was announced */
    put("c", "123456789");
    assert_code(begin(&second, "d", 1), XIMSS_E_LIMIT);
}
END_TEST

/* An unknown size is promised in steps, which must not keep others out for longer than it lasts. */
START_TEST(steps_end_at_the_limits)
{
    ximss_uploading_t *first;
    ximss_uploading_t *second;
    char *block = apr_pcalloc(test_pool, 1024 * 1024);

    rig->limits.upload_total = 3 * 1024 * 1024;
    assert_ok(begin(&first, "a", -1));
    assert_ok(ximss_upload_write(first, block, 1024 * 1024));
    assert_code(begin(&second, "b", 1), XIMSS_E_LIMIT);
    assert_ok(ximss_upload_write(first, block, 1024 * 1024));
    assert_ok(ximss_upload_finish(first));
    assert_ok(begin(&second, "b", 1024 * 1024));
    ximss_upload_abort(second);
}
END_TEST

START_TEST(abort_leaves_nothing)
{
    ximss_uploading_t *uploading;
    const ximss_upload_t what = {.id = "a", .type = "a", .subtype = "b", .size = -1};
    apr_pool_t *pool;

    apr_pool_create(&pool, test_pool);
    put("a", "old");
    assert_ok(ximss_upload_begin(&uploading, table, &session, &what, &rig->limits, pool));
    assert_ok(ximss_upload_write(uploading, "new", 3));
    ck_assert_int_eq(count_entries(session_uploads()), 2);
    apr_pool_destroy(pool);
    ck_assert_int_eq(count_entries(session_uploads()), 1);
    ck_assert_str_eq(get("a"), "old");
}
END_TEST

/* Runs WHAT in another process, which is killed after it. */
static void killed_after(void (*what)(void))
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        what();
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void upload_half(void)
{
    ximss_uploading_t *uploading;

    if (begin(&uploading, "a", 10) == NULL) {
        ximss_upload_write(uploading, "12345", 5);
    }
}

START_TEST(killed_upload_leaves_nothing)
{
    rig->limits.uploads = 1;
    killed_after(upload_half);
    ck_assert_int_eq(count_entries(session_uploads()), 1);
    ck_assert_ptr_null(get("a"));
    put("b", "x");
    ck_assert_int_eq(count_entries(session_uploads()), 1);
}
END_TEST

START_TEST(gone_with_the_session)
{
    ximss_uploading_t *uploading;
    ximss_upload_t *upload;

    put("a", "1");
    end_session();
    ck_assert_int_eq(count_entries(uploads()), 0);
    assert_code(ximss_upload_find(table, &session, "a", &upload, test_pool), XIMSS_E_NOT_FOUND);
    assert_code(begin(&uploading, "a", -1), XIMSS_E_PHASE);
    ck_assert_int_eq(count_entries(uploads()), 0);
}
END_TEST

START_TEST(session_ends_meanwhile)
{
    ximss_uploading_t *writing;
    ximss_uploading_t *finishing;

    assert_ok(begin(&writing, "a", -1));
    assert_ok(begin(&finishing, "b", -1));
    assert_ok(ximss_upload_write(finishing, "1", 1));
    end_session();
    assert_code(ximss_upload_write(writing, "1", 1), XIMSS_E_PHASE);
    assert_code(ximss_upload_finish(finishing), XIMSS_E_PHASE);
    ximss_upload_abort(writing);
    ck_assert_int_eq(count_entries(uploads()), 0);
}
END_TEST

/* The session frees its slot first and removes its folder then: a file that is put in place between the two. */
START_TEST(session_ends_before_the_last_step)
{
    ximss_uploading_t *uploading;
    ximss_slot_mark_t *mark = &table->marks[strtol(session.url_id, NULL, 10)];

    assert_ok(begin(&uploading, "a", -1));
    atomic_store(&mark->state, XIMSS_SLOT_FREE);
    assert_code(ximss_upload_finish(uploading), XIMSS_E_PHASE);
    ck_assert_int_eq(count_entries(uploads()), 0);
}
END_TEST

static apr_int64_t later;

static apr_int64_t test_clock(void)
{
    return later;
}

START_TEST(upload_is_activity)
{
    ximss_uploading_t *uploading;
    int i;

    later = 1000;
    ximss_table_set_clock(table, test_clock);
    end_session();
    fresh_session();
    assert_ok(begin(&uploading, "a", -1));
    for (i = 0; i < 5; i++) {
        later += 500 * 1000;
        assert_ok(ximss_upload_write(uploading, "1", 1));
        ximss_table_sweep(table, NULL, 1, test_pool);
    }
    assert_ok(ximss_upload_finish(uploading));
    ck_assert_str_eq(get("a"), "11111");
    later += 700 * 1000;
    ximss_table_sweep(table, NULL, 1, test_pool);
    ck_assert_int_eq(count_entries(uploads()), 0);
}
END_TEST

START_TEST(sweep_removes_what_no_session_has)
{
    const char *left = apr_pstrcat(test_pool, uploads(), "/s000001-77", NULL);
    const char *file = apr_pstrcat(test_pool, left, "/new-abc", NULL);
    const char *other = apr_pstrcat(test_pool, uploads(), "/notes", NULL);

    put("a", "1");
    ck_assert_int_eq(apr_dir_make(left, APR_FPROT_OS_DEFAULT, test_pool), APR_SUCCESS);
    ck_assert_int_eq(symlink("/etc/passwd", file), 0);
    ck_assert_int_eq(apr_dir_make(other, APR_FPROT_OS_DEFAULT, test_pool), APR_SUCCESS);
    ximss_table_sweep(table, NULL, 1, test_pool);
    ck_assert_int_eq(access(left, F_OK), -1);
    ck_assert_int_eq(access(other, F_OK), 0);
    ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
    ck_assert_str_eq(get("a"), "1");
}
END_TEST

START_TEST(full_disk)
{
    const struct rlimit small = {8192, 8192};
    pid_t child = fork();
    int status;

    if (child == 0) {
        const ximss_error_t *error;
        ximss_uploading_t *uploading;
        int right;

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        error = begin(&uploading, "a", 5000);
        right = error != NULL && error->code == XIMSS_E_OVER_QUOTA &&
                strstr(error->text, "no space") != NULL && count_entries(session_uploads()) == 0;
        _exit(right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

static void upload_many(void)
{
    char *block = apr_palloc(test_pool, 100000);
    int i;

    for (i = 0; i < 200; i++) {
        ximss_uploading_t *uploading;

        memset(block, 'a' + i % 26, 100000);
        if (begin(&uploading, "a", -1) != NULL ||
            ximss_upload_write(uploading, block, (apr_size_t)(1000 + i * 400)) != NULL ||
            ximss_upload_finish(uploading) != NULL) {
            _exit(3);
        }
    }
}

/* Two processes replace a file: whoever reads it sees one of them, whole. */
START_TEST(readers_see_whole_files)
{
    pid_t child[2];
    int running = 2;
    int i;

    put("a", "a");
    for (i = 0; i < 2; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            upload_many();
            _exit(0);
        }
    }
    while (running > 0) {
        apr_pool_t *pool;
        ximss_upload_t *upload;
        const char *data;
        int status;

        apr_pool_create(&pool, test_pool);
        assert_ok(ximss_upload_find(table, &session, "a", &upload, pool));
        assert_ok(ximss_upload_read(upload, &data, pool));
        ck_assert_int_gt(upload->size, 0);
        for (i = 1; i < upload->size; i++) {
            ck_assert_int_eq(data[i], data[0]);
        }
        apr_pool_destroy(pool);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            ck_assert_int_eq(status, 0);
            running--;
        }
    }
    ck_assert_int_eq(count_entries(session_uploads()), 1);
}
END_TEST

START_TEST(clear_uploaded)
{
    ximss_session_t *locked = op_rig_session(rig, USER);

    session = *locked;
    put("a", "1");
    put("b", "2");
    put("c", "3");
    ck_assert_str_eq(op_rig_run(rig, locked,
                                "<clearUploaded id=\"1\" uploadID=\"a\"/>"
                                "<clearUploaded id=\"2\" UploadId=\"x\"/>"),
                     "<XIMSS><response id=\"1\"/><response id=\"2\"/></XIMSS>");
    ck_assert_ptr_null(get("a"));
    ck_assert_str_eq(get("b"), "2");
    ck_assert_str_eq(op_rig_run(rig, locked, "<clearUploaded id=\"1\"/>"),
                     "<XIMSS><response id=\"1\"/></XIMSS>");
    ck_assert_ptr_null(get("b"));
    ck_assert_ptr_null(get("c"));
}
END_TEST

START_TEST(features_tell_the_limit)
{
    rig->limits.upload_bytes = 12345;
    assert_has(op_rig_run(rig, NULL, "<listFeatures id=\"1\"/>"),
               "<uploadLimit>12345</uploadLimit>");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *cases = suite_case(suite, "upload");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, keeps_properties);
    tcase_add_test(cases, empty_file);
    tcase_add_test(cases, long_name_is_cut);
    tcase_add_test(cases, replaces_whole);
    tcase_add_test(cases, removes);
    tcase_add_test(cases, clear_leaves_what_comes_in);
    tcase_add_test(cases, refuses_bad_ids);
    tcase_add_test(cases, size_limit);
    tcase_add_test(cases, count_limit);
    tcase_add_test(cases, replacing_disturbs_no_other);
    tcase_add_test(cases, total_counts_what_comes_in);
    tcase_add_test(cases, steps_end_at_the_limits);
    tcase_add_test(cases, abort_leaves_nothing);
    tcase_add_test(cases, killed_upload_leaves_nothing);
    tcase_add_test(cases, gone_with_the_session);
    tcase_add_test(cases, session_ends_meanwhile);
    tcase_add_test(cases, session_ends_before_the_last_step);
    tcase_add_test(cases, upload_is_activity);
    tcase_add_test(cases, sweep_removes_what_no_session_has);
    tcase_add_test(cases, full_disk);
    tcase_add_test(cases, readers_see_whole_files);
    tcase_add_test(cases, clear_uploaded);
    tcase_add_test(cases, features_tell_the_limit);
}
