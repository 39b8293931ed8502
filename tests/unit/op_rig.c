/* The rig of the operation tests: everything real but httpd. */
#include "unit/op_rig.h"

#include "auth/password.h"
#include "base/log.h"
#include "session/event.h"
#include "session/upload.h"
#include "unit/suite.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static apr_int64_t rig_clock(void)
{
    return OP_RIG_NOW;
}

/* Removes a folder with all that is in it. */
static void remove_folder(const char *path, apr_pool_t *pool)
{
    apr_dir_t *dir;
    apr_finfo_t info;
    if (apr_dir_open(&dir, path, pool) == APR_SUCCESS) {
        while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
            const char *child = apr_pstrcat(pool, path, "/", info.name, NULL);
            if (strcmp(info.name, ".") == 0 || strcmp(info.name, "..") == 0) {
                continue;
            }
            if (info.filetype == APR_DIR) {
                remove_folder(child, pool);
            }
            else {
                apr_file_remove(child, pool);
            }
        }
        apr_dir_close(dir);
    }
    apr_dir_remove(path, pool);
}

static apr_status_t clean_up(void *data)
{
    op_rig_t *rig = data;
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    remove_folder(rig->dir, pool);
    apr_pool_destroy(pool);
    return APR_SUCCESS;
}

/* Lines below errors would only disturb the TAP. */
static void log_nothing(void *baton, ximss_log_level_t level, const char *line)
{
    (void)baton;
    (void)level;
    if (getenv("XIMSS_TEST_LOG") != NULL) {
        fprintf(stderr, "# %s\n", line);
    }
}

static apr_int64_t oldest_view(void *baton, const char *id, apr_int64_t mailbox)
{
    return ximss_event_oldest_view(((const op_rig_t *)baton)->context.table, id, mailbox);
}

/* Tombstones are purged as soon as that is allowed: all tests of operations are tests of that, too. */
static void make_store(op_rig_t *rig)
{
    ximss_store_options_t options = {
        .handle_cache = 8, .lock_wait_ms = 200, .server = 1, .tombstones = 1};
    const char *data = apr_pstrcat(rig->pool, rig->dir, "/data", NULL);
    options.oldest_view = oldest_view;
    options.oldest_view_baton = rig;
    ck_assert_int_eq(apr_dir_make(data, APR_FPROT_OS_DEFAULT, rig->pool), APR_SUCCESS);
    assert_ok(ximss_store_open(&rig->context.store, "sqlite", data, &options, rig->pool));
    assert_ok(ximss_domain_create(rig->context.store, "example.org", rig->pool));
}

static void make_table(op_rig_t *rig)
{
    ximss_table_options_t options = {.sessions = 16, .sessions_account = 8, .idle_timeout = 600};
    const char *runtime = apr_pstrcat(rig->pool, rig->dir, "/runtime", NULL);
    apr_size_t size = ximss_table_size(&options);
    /* shared: tests may fork; it goes with the test's process */
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(
        apr_dir_make(runtime, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, rig->pool),
        APR_SUCCESS);
    assert_ok(ximss_table_init(memory, size, &options, rig->pool));
    assert_ok(ximss_table_attach(&rig->context.table, memory, size, runtime, rig->pool));
    ximss_table_set_uploads(rig->context.table,
                            apr_pstrcat(rig->pool, rig->dir, "/data/uploads", NULL));
}

static void make_auth(op_rig_t *rig)
{
    apr_size_t size = ximss_auth_size(2);
    void *memory = apr_palloc(rig->pool, size + 4096);
    memory = (char *)memory + (4096 - (apr_uintptr_t)memory % 4096);
    memset(memory, 0, size);
    assert_ok(ximss_auth_init(memory, size, 2, rig->pool));
    assert_ok(ximss_auth_attach(&rig->context.auth, memory, size, rig->context.store, rig->pool));
}

op_rig_t *op_rig_make(void)
{
    op_rig_t *rig = apr_pcalloc(test_pool, sizeof(*rig));
    const char *top = getenv("TMPDIR");
    char *dir = apr_pstrcat(test_pool, top != NULL ? top : "/tmp", "/ximss-op-XXXXXX", NULL);
    ximss_log_set(log_nothing, NULL, XIMSS_LOG_DEBUG);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    rig->dir = dir;
    /* The folder goes last, after all that lives in the pool below. */
    apr_pool_cleanup_register(test_pool, rig, clean_up, apr_pool_cleanup_null);
    apr_pool_create(&rig->pool, test_pool);
    rig->limits = (ximss_limits_t)XIMSS_LIMITS_DEFAULT;
    rig->context.limits = &rig->limits;
    rig->context.default_domain = "example.org";
    rig->context.clock = rig_clock;
    rig->peer.host = "mail.example.org";
    rig->peer.address = "192.0.2.1";
    make_store(rig);
    make_table(rig);
    make_auth(rig);
    op_rig_account(rig, "user@example.org");
    return rig;
}

const char *op_rig_account(op_rig_t *rig, const char *name)
{
    ximss_account_entry_t entry = {.name = name, .quota = -1, .enabled = 1, .real_name = "A. User"};
    const char *id;
    assert_ok(ximss_password_hash("secret", &entry.verifier, rig->pool));
    assert_ok(ximss_account_create(rig->context.store, &entry, &id, rig->pool));
    return id;
}

typedef struct held_t {
    op_rig_t *rig;
    ximss_session_t *session;
} held_t;

static apr_status_t let_go(void *data)
{
    held_t *held = data;
    ximss_session_unlock(held->rig->context.table, held->session);
    return APR_SUCCESS;
}

ximss_session_t *op_rig_session(op_rig_t *rig, const char *name)
{
    ximss_session_t fresh = {.previous_login = OP_RIG_NOW - 86400};
    held_t *held = apr_pcalloc(rig->pool, sizeof(*held));
    ximss_account_entry_t *entry;
    assert_ok(ximss_account_find(rig->context.store, name, &entry, rig->pool));
    ck_assert_ptr_nonnull(entry);
    apr_cpystrn(fresh.account_id, entry->id, sizeof(fresh.account_id));
    apr_cpystrn(fresh.user_name, entry->name, sizeof(fresh.user_name));
    apr_cpystrn(fresh.zone, "Europe/Berlin", sizeof(fresh.zone));
    apr_cpystrn(fresh.address, rig->peer.address, sizeof(fresh.address));
    assert_ok(ximss_session_create(rig->context.table, &fresh, rig->pool));
    held->rig = rig;
    assert_ok(
        ximss_session_lock(&held->session, rig->context.table, fresh.url_id, 1000, rig->pool));
    ck_assert_ptr_nonnull(held->session);
    apr_pool_pre_cleanup_register(rig->pool, held, let_go);
    return held->session;
}

const ximss_error_t *op_rig_try(op_rig_t *rig, ximss_session_t *session, const char *xml,
                                const char **reply)
{
    const char *document = apr_pstrcat(test_pool, "<XIMSS>", xml, "</XIMSS>", NULL);
    const ximss_element_t *root;
    const ximss_error_t *error;
    apr_size_t length;
    apr_pool_t *pool;
    ximss_xml_t *out;
    assert_ok(ximss_xml_parse(&root, document, strlen(document), &rig->limits, test_pool));
    apr_pool_create(&pool, rig->pool);
    out = ximss_xml_create(rig->limits.reply_bytes, pool);
    ximss_xml_start(out, "XIMSS");
    error = ximss_batch_run(&rig->context, &rig->peer, session, root, out, pool);
    if (error != NULL) {
        error = ximss_error(test_pool, error->code, "%s", error->text);
    }
    else {
        ck_assert_int_eq(ximss_xml_depth(out), 1);
        ximss_xml_end(out);
        *reply = ximss_xml_data(out, &length);
        *reply = apr_pstrmemdup(test_pool, *reply, length);
    }
    apr_pool_destroy(pool);
    return error;
}

const char *op_rig_run(op_rig_t *rig, ximss_session_t *session, const char *xml)
{
    ximss_limits_t wide = XIMSS_LIMITS_DEFAULT;
    const ximss_element_t *root;
    const char *reply = "";
    assert_ok(op_rig_try(rig, session, xml, &reply));
    wide.request_depth = 256;
    wide.request_bytes = 1u << 30;
    wide.request_elements = 1 << 24;
    assert_ok(ximss_xml_parse(&root, reply, strlen(reply), &wide, test_pool));
    return reply;
}

const char *op_rig_runf(op_rig_t *rig, ximss_session_t *session, const char *fmt, ...)
{
    va_list args;
    const char *xml;
    va_start(args, fmt);
    xml = apr_pvsprintf(test_pool, fmt, args);
    va_end(args);
    return op_rig_run(rig, session, xml);
}

ximss_account_t *op_rig_handle(op_rig_t *rig, const char *name, apr_pool_t *pool)
{
    ximss_account_entry_t *entry;
    ximss_account_t *account;
    assert_ok(ximss_account_find(rig->context.store, name, &entry, pool));
    assert_ok(ximss_account_checkout(&account, rig->context.store, entry->id, pool));
    return account;
}

apr_uint32_t op_rig_append(op_rig_t *rig, const char *account, const char *mailbox, const char *raw,
                           apr_int64_t internal_date)
{
    ximss_append_t append = {.internal_date = internal_date, .flags = {0, ""}};
    ximss_digest_t *digest;
    ximss_account_t *handle;
    ximss_mailbox_t *found;
    apr_uint32_t uid;
    apr_pool_t *pool;
    apr_pool_create(&pool, rig->pool);
    handle = op_rig_handle(rig, account, pool);
    digest = ximss_digest_make(raw, strlen(raw), &rig->limits, pool);
    assert_ok(ximss_account_begin_write(handle, pool));
    assert_ok(ximss_mailbox_find(handle, mailbox, &found, pool));
    append.mailbox = found->id;
    assert_ok(ximss_message_append(handle, &append, digest, &uid, pool));
    assert_ok(ximss_account_commit(handle, pool));
    apr_pool_destroy(pool);
    return uid;
}

int op_rig_has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

int op_rig_count(const char *text, const char *part)
{
    int count = 0;
    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        count++;
    }
    return count;
}
