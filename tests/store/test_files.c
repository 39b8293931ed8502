/* The contract of files.h, and what a check of an account finds wrong with its files. */
#include "store/files.h"
#include "store/fixture.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 262144

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static const ximss_error_t *try_write(const char *name, const char *data, apr_size_t length)
{
    const ximss_file_write_t write = {name, (apr_int64_t)length, 1000, &limits};

    return ximss_file_write(test_account, &write, data, test_pool);
}

static void write_file(const char *name, const char *data)
{
    must(try_write(name, data, strlen(data)));
}

static const ximss_error_t *try_mkdir(const char *name)
{
    const ximss_file_write_t write = {name, 0, 2000, &limits};

    return ximss_file_mkdir(test_account, &write, test_pool);
}

static void begin(void)
{
    must(ximss_account_begin_write(test_account, test_pool));
}

static void commit(void)
{
    must(ximss_account_commit(test_account, test_pool));
}

static ximss_file_t *find(const char *name)
{
    ximss_file_t *file;

    must(ximss_file_find(test_account, name, &file, test_pool));
    return file;
}

static const char *content_of(const char *name)
{
    ximss_file_t *file = find(name);
    const char *data;

    must(ximss_file_read(test_account, file, 0, (apr_size_t)file->size, &data, test_pool));
    return data;
}

/* The names in DIRECTORY, with blanks between. */
static const char *names_in(const char *directory, apr_int64_t position, apr_int64_t limit)
{
    const ximss_file_slice_t slice = {position, limit};
    apr_array_header_t *files;
    const char *names = "";
    int i;

    must(ximss_file_list(test_account, directory, &slice, &files, test_pool));
    for (i = 0; i < files->nelts; i++) {
        names = apr_pstrcat(test_pool, names, *names != '\0' ? " " : "",
                            APR_ARRAY_IDX(files, i, ximss_file_t).name, NULL);
    }
    return names;
}

static apr_int64_t used(void)
{
    apr_int64_t bytes;
    apr_int64_t quota;

    must(ximss_account_usage(test_account, &bytes, &quota, test_pool));
    return bytes;
}

static void assert_total(const char *directory, apr_int64_t files, apr_int64_t bytes)
{
    apr_int64_t found_files;
    apr_int64_t found_bytes;

    must(ximss_file_total(test_account, directory, &found_files, &found_bytes, test_pool));
    ck_assert_int_eq(found_files, files);
    ck_assert_int_eq(found_bytes, bytes);
}

/* LENGTH bytes that differ from piece to piece. */
static char *pattern(apr_size_t length)
{
    char *data = apr_palloc(test_pool, length + 1);
    unsigned int seed = 7;
    apr_size_t i;

    for (i = 0; i < length; i++) {
        data[i] = (char)fixture_random(&seed);
    }
    return data;
}

START_TEST(written_and_read)
{
    ximss_file_t *file;
    ximss_file_t *again;

    ck_assert_int_eq(find("private")->is_directory, 1);
    begin();
    write_file("/a.txt", "first");
    must(try_mkdir("docs/"));
    write_file("docs/B ü?.txt", "second");
    must(try_write("docs/empty", "", 0));
    commit();
    file = find("/a.txt");
    ck_assert_str_eq(file->name, "a.txt");
    ck_assert_int_eq(file->size, 5);
    ck_assert_int_eq(file->modified, 1000);
    ck_assert_int_eq(file->is_directory, 0);
    ck_assert_str_eq(file->attributes, "");
    ck_assert_str_eq(content_of("docs/B ü?.txt"), "second");
    ck_assert_str_eq(content_of("docs/empty"), "");
    ck_assert_str_eq(names_in("", 0, 0), "a.txt docs private");
    ck_assert_str_eq(names_in("/docs/", 0, 0), "docs/B ü?.txt docs/empty");
    ck_assert_str_eq(names_in("", 1, 1), "docs");
    ck_assert_str_eq(names_in("", 3, 5), "");
    assert_total("", 3, 11);
    assert_total("docs", 2, 6);
    ck_assert_int_eq(used(), 11);
    begin();
    must(ximss_file_attributes_set(test_account, "a.txt", "<x/>", test_pool));
    write_file("a.txt", "third time");
    commit();
    again = find("a.txt");
    ck_assert_int_ne(again->content, file->content);
    ck_assert_str_eq(again->attributes, "<x/>");
    ck_assert_str_eq(content_of("a.txt"), "third time");
    assert_total("", 3, 16);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* A reader that found the file before it was written anew gets the old bytes or an error, never new ones. */
START_TEST(another_writing)
{
    ximss_file_t *file;
    const char *data;

    begin();
    write_file("a", "old bytes");
    commit();
    file = find("a");
    begin();
    write_file("a", "new bytes");
    must(ximss_file_read(test_account, find("a"), 4, 3, &data, test_pool));
    ck_assert_str_eq(data, "byt");
    commit();
    must_fail(ximss_file_read(test_account, file, 0, 9, &data, test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_file_read(test_account, find("a"), 5, 5, &data, test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_file_read(test_account, find("a"), -1, 1, &data, test_pool), XIMSS_E_INTERNAL);
}
END_TEST

START_TEST(pieces)
{
    static const apr_size_t sizes[] = {1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7};
    char *data = pattern(3 * PIECE + 7);
    apr_size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const ximss_file_write_t write = {"big", (apr_int64_t)sizes[i], 1, &limits};
        ximss_file_writer_t *writer;
        const char *read;
        apr_size_t done;

        begin();
        must(ximss_file_write_begin(&writer, test_account, &write, test_pool));
        for (done = 0; done < sizes[i]; done += 1000) {
            apr_size_t rest = sizes[i] - done;

            must(ximss_file_write_add(writer, data + done, rest < 1000 ? rest : 1000, test_pool));
        }
        must(ximss_file_write_finish(writer, test_pool));
        commit();
        must(ximss_file_read(test_account, find("big"), 0, sizes[i], &read, test_pool));
        ck_assert(memcmp(read, data, sizes[i]) == 0);
        if (sizes[i] > PIECE) {
            must(ximss_file_read(test_account, find("big"), PIECE - 5, 6, &read, test_pool));
            ck_assert(memcmp(read, data + PIECE - 5, 6) == 0);
        }
        ck_assert_int_eq(fixture_check(test_account, 0), 0);
    }
}
END_TEST

START_TEST(announced_size)
{
    const ximss_file_write_t write = {"a", 3, 1, &limits};
    ximss_file_writer_t *writer;

    begin();
    must(ximss_file_write_begin(&writer, test_account, &write, test_pool));
    must_fail(ximss_file_write_add(writer, "1234", 4, test_pool), XIMSS_E_INTERNAL);
    must(ximss_file_write_add(writer, "12", 2, test_pool));
    must_fail(ximss_file_write_finish(writer, test_pool), XIMSS_E_INTERNAL);
    ximss_account_rollback(test_account);
    ck_assert_str_eq(names_in("", 0, 0), "private");
}
END_TEST

START_TEST(refused_names)
{
    static const char *const wrong[] = {"..",    ".",    "a/..", "../a",       "a/./b",
                                        "a//b",  "//a",  "a//",  "~x",         "~",
                                        "a\x01", "a\nb", "\xff", "a\xc2\x80z", "a/\xed\xa0\x80"};
    const char *clean;
    apr_size_t i;

    begin();
    must(try_mkdir("a"));
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        must_fail(try_write(wrong[i], "x", 1), XIMSS_E_BAD_REQUEST);
        must_fail(try_mkdir(wrong[i]), XIMSS_E_BAD_REQUEST);
        must_fail(ximss_file_remove(test_account, wrong[i], test_pool), XIMSS_E_BAD_REQUEST);
        must_fail(ximss_file_rename(test_account, "a", wrong[i], test_pool), XIMSS_E_BAD_REQUEST);
        must_fail(ximss_file_name(&clean, wrong[i], test_pool), XIMSS_E_BAD_REQUEST);
    }
    must_fail(try_write("", "x", 1), XIMSS_E_BAD_REQUEST);
    must_fail(try_write("/", "x", 1), XIMSS_E_BAD_REQUEST);
    write_file("...", "x");
    write_file("a/~b", "x");
    write_file("a/..b", "x");
    write_file("a\\b%2e%2e", "x");
    write_file(apr_psprintf(test_pool, "%01000d", 1), "x");
    must_fail(try_write(apr_psprintf(test_pool, "%01001d", 1), "x", 1), XIMSS_E_BAD_REQUEST);
    commit();
}
END_TEST

START_TEST(directories)
{
    begin();
    must_fail(try_write("no/a", "x", 1), XIMSS_E_NOT_FOUND);
    must_fail(try_mkdir("no/a"), XIMSS_E_NOT_FOUND);
    must(try_mkdir("a"));
    must_fail(try_mkdir("/a/"), XIMSS_E_FILE_EXISTS);
    must_fail(try_mkdir("private"), XIMSS_E_FILE_EXISTS);
    must_fail(try_write("a", "x", 1), XIMSS_E_FILE_EXISTS);
    write_file("a/b", "x");
    must_fail(try_write("a/b/c", "x", 1), XIMSS_E_NOT_FOUND);
    must_fail(try_mkdir("a/b"), XIMSS_E_FILE_EXISTS);
    must_fail(ximss_file_remove(test_account, "a", test_pool), XIMSS_E_DENIED);
    must_fail(ximss_file_remove(test_account, "a/c", test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_file_remove(test_account, "private", test_pool), XIMSS_E_DENIED);
    must_fail(ximss_file_rename(test_account, "private", "p", test_pool), XIMSS_E_DENIED);
    must(ximss_file_remove(test_account, "a/b", test_pool));
    must(ximss_file_remove(test_account, "a", test_pool));
    commit();
    ck_assert_str_eq(names_in("", 0, 0), "private");
    ck_assert_int_eq(used(), 0);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(renamed)
{
    begin();
    must(try_mkdir("a"));
    must(try_mkdir("a/b"));
    must(try_mkdir("ab"));
    must(try_mkdir("c"));
    write_file("a/f", "1");
    write_file("a/b/g", "22");
    write_file("ab/h", "333");
    must_fail(ximss_file_rename(test_account, "a", "ab", test_pool), XIMSS_E_FILE_EXISTS);
    must_fail(ximss_file_rename(test_account, "a", "a", test_pool), XIMSS_E_FILE_EXISTS);
    must_fail(ximss_file_rename(test_account, "a", "a/x", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_file_rename(test_account, "a", "no/x", test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_file_rename(test_account, "no", "x", test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_file_rename(test_account, "a/f", "ab/h/x", test_pool), XIMSS_E_NOT_FOUND);
    must(ximss_file_rename(test_account, "a", "c/ö", test_pool));
    must(ximss_file_rename(test_account, "c/ö/f", "c/ö/f2", test_pool));
    commit();
    ck_assert_str_eq(names_in("", 0, 0), "ab c private");
    ck_assert_str_eq(names_in("c/ö", 0, 0), "c/ö/b c/ö/f2");
    ck_assert_str_eq(content_of("c/ö/b/g"), "22");
    ck_assert_str_eq(content_of("ab/h"), "333");
    assert_total("c", 2, 3);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(renamed_too_far)
{
    const char *name = "d";
    int i;

    begin();
    must(try_mkdir("d"));
    for (i = 2; i <= 31; i++) {
        name = apr_pstrcat(test_pool, name, "/d", NULL);
        must(try_mkdir(name));
    }
    write_file(apr_pstrcat(test_pool, name, "/f", NULL), "x");
    must_fail(try_write(apr_pstrcat(test_pool, name, "/f/f", NULL), "x", 1), XIMSS_E_BAD_REQUEST);
    must(try_mkdir("e"));
    must_fail(ximss_file_rename(test_account, "d", "e/d", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_file_rename(test_account, "d", apr_psprintf(test_pool, "%0990d", 1), test_pool),
              XIMSS_E_BAD_REQUEST);
    must(ximss_file_rename(test_account, "d", "f", test_pool));
    commit();
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(bounded)
{
    ximss_limits_t few = limits;
    ximss_file_write_t write = {"a", 1, 1, &few};

    few.files = 2;
    few.file_bytes = 10;
    begin();
    must(ximss_file_write(test_account, &write, "x", test_pool));
    write.name = "b";
    must(ximss_file_write(test_account, &write, "x", test_pool));
    write.name = "c";
    must_fail(ximss_file_write(test_account, &write, "x", test_pool), XIMSS_E_LIMIT);
    must(ximss_file_mkdir(test_account, &write, test_pool));
    write.name = "d";
    must_fail(ximss_file_mkdir(test_account, &write, test_pool), XIMSS_E_LIMIT);
    write.name = "b";
    write.size = 10;
    must(ximss_file_write(test_account, &write, "0123456789", test_pool));
    write.size = 11;
    must_fail(ximss_file_write(test_account, &write, "0123456789.", test_pool), XIMSS_E_LIMIT);
    commit();
    ck_assert_str_eq(content_of("b"), "0123456789");
}
END_TEST

START_TEST(over_quota)
{
    const ximss_account_entry_t entry = {NULL, "user@example.org", NULL, "*", 100, 1, 0};
    const ximss_append_t append = {1, 0, {0, ""}};
    apr_uint32_t uid;

    must(ximss_account_update(test_store, &entry, test_pool));
    begin();
    must(try_write("a", pattern(60), 60));
    must_fail(try_write("b", pattern(41), 41), XIMSS_E_OVER_QUOTA);
    must_fail(try_write("a", pattern(101), 101), XIMSS_E_OVER_QUOTA);
    must_fail(ximss_message_append(test_account, &append, fixture_digest(1, 41, test_pool), &uid,
                                   test_pool),
              XIMSS_E_OVER_QUOTA);
    must(ximss_message_append(test_account, &append, fixture_digest(1, 40, test_pool), &uid,
                              test_pool));
    must_fail(try_write("b", "x", 1), XIMSS_E_OVER_QUOTA);
    must(try_write("a", pattern(50), 50));
    must(try_write("b", pattern(10), 10));
    must(ximss_file_remove(test_account, "a", test_pool));
    commit();
    ck_assert_int_eq(used(), 50);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

static const ximss_error_t *subscribe(const char *name, int add)
{
    apr_array_header_t *changes = apr_array_make(test_pool, 1, sizeof(ximss_file_subscription_t));
    const ximss_file_subscription_t change = {name, add};

    APR_ARRAY_PUSH(changes, ximss_file_subscription_t) = change;
    return ximss_file_subscribe(test_account, changes, 2, test_pool);
}

START_TEST(subscribed)
{
    apr_array_header_t *names;

    begin();
    must(subscribe("b", 1));
    must(subscribe("~x@example.org/../a", 1));
    must(subscribe("b", 1));
    must_fail(subscribe("", 1), XIMSS_E_BAD_REQUEST);
    must_fail(subscribe("\xff", 1), XIMSS_E_BAD_REQUEST);
    must(ximss_account_savepoint(test_account, test_pool));
    must_fail(subscribe("c", 1), XIMSS_E_LIMIT);
    ximss_account_savepoint_undo(test_account);
    must(subscribe("nothing", 0));
    must(ximss_file_subscriptions(test_account, &names, test_pool));
    ck_assert_int_eq(names->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(names, 0, const char *), "b");
    must(subscribe("b", 0));
    must(ximss_file_subscriptions(test_account, &names, test_pool));
    ck_assert_int_eq(names->nelts, 1);
    commit();
}
END_TEST

START_TEST(only_in_a_transaction)
{
    must_fail(try_write("a", "x", 1), XIMSS_E_INTERNAL);
    must_fail(try_mkdir("a"), XIMSS_E_INTERNAL);
    must_fail(ximss_file_remove(test_account, "private", test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_file_rename(test_account, "private", "a", test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_file_attributes_set(test_account, "private", "", test_pool), XIMSS_E_INTERNAL);
    must_fail(subscribe("a", 1), XIMSS_E_INTERNAL);
}
END_TEST

/* A writer that dies leaves what was there; one whose commit returned leaves the new bytes. */
START_TEST(killed)
{
    char *data = pattern(3 * PIECE);
    int round;

    begin();
    write_file("a", "before");
    commit();
    for (round = 0; round < 2; round++) {
        pid_t child;
        int status;

        fixture_close();
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            fixture_reopen();
            begin();
            must(try_write("a", data, 3 * PIECE));
            if (round == 1) {
                commit();
            }
            kill(getpid(), SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        fixture_reopen();
        ck_assert_int_eq(find("a")->size, round == 0 ? 6 : 3 * PIECE);
        ck_assert(memcmp(content_of("a"), round == 0 ? "before" : data,
                         (apr_size_t)find("a")->size) == 0);
        ck_assert_int_eq(fixture_check(test_account, 0), 0);
    }
}
END_TEST

/* ---- checking ---- */

static void make_tree(void)
{
    begin();
    must(try_mkdir("a"));
    must(try_mkdir("a/b"));
    must(try_mkdir("a/b/c"));
    write_file("a/b/c/f", "text");
    must(try_write("big", pattern(2 * PIECE + 5), 2 * PIECE + 5));
    commit();
}

static const char *const mended_by_check[] = {
    "INSERT INTO file_data (id, data) VALUES (99 << 16, 'x')",
    "UPDATE file_storage SET files = 7",
    "UPDATE file_storage SET bytes = 7",
    "UPDATE file_storage SET next_content = 1",
    "DELETE FROM file WHERE name IN ('a', 'b')",
    "DELETE FROM file WHERE name = 'c'",
};

START_TEST(mended)
{
    make_tree();
    fixture_spoil(mended_by_check[_i]);
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    ck_assert_int_gt(fixture_check(test_account, 1), 0);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    ck_assert_str_eq(content_of("a/b/c/f"), "text");
    ck_assert_str_eq(names_in("a", 0, 0), "a/b");
    begin();
    write_file("a/new", "x");
    commit();
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

static const char *const found_by_check[] = {
    "DELETE FROM file_data WHERE id & 65535 = 1",
    "DELETE FROM file_data WHERE id & 65535 = 2",
    "UPDATE file_data SET data = substr(data, 2) WHERE id & 65535 = 1",
    "UPDATE file_data SET id = id + 5 WHERE id & 65535 = 2",
};

START_TEST(found)
{
    make_tree();
    fixture_spoil(found_by_check[_i]);
    ck_assert_int_gt(fixture_check(test_account, 1), 0);
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    ck_assert_str_eq(content_of("a/b/c/f"), "text");
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

void fixture_fill(Suite *suite)
{
    TCase *contract = fixture_case(suite, "files");
    TCase *check = fixture_case(suite, "check");

    tcase_add_test(contract, written_and_read);
    tcase_add_test(contract, another_writing);
    tcase_add_test(contract, pieces);
    tcase_add_test(contract, announced_size);
    tcase_add_test(contract, refused_names);
    tcase_add_test(contract, directories);
    tcase_add_test(contract, renamed);
    tcase_add_test(contract, renamed_too_far);
    tcase_add_test(contract, bounded);
    tcase_add_test(contract, over_quota);
    tcase_add_test(contract, subscribed);
    tcase_add_test(contract, only_in_a_transaction);
    tcase_add_test(contract, killed);
    tcase_add_loop_test(check, mended, 0, COUNT(mended_by_check));
    tcase_add_loop_test(check, found, 0, COUNT(found_by_check));
}
