/* The shared segment (session table, login throttle) and the store handles of a child. The segment is made
 * once and kept over graceful restarts, since old children still use it; the module itself is
 * unloaded and loaded again in between, so nothing of it may hang on the process pool. */
#include "mod_ximss/shm.h"

#include "mod_ximss/config.h"
#include "mod_ximss/listen.h"
#include "mod_ximss/log.h"
#include "mod_ximss/queue.h"
#include "mod_ximss/wait.h"
#include "session/event.h"
#include "session/upload.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <http_core.h>
#include <http_log.h>
#include <mod_watchdog.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unixd.h>

APLOG_USE_MODULE(ximss);

#define RETAINED_KEY  "mod_ximss_segment_1" /* another segment_t needs another key */
#define SWEEP_SECONDS 5
#define FILES_SECONDS 3600
#define RETRY_SECONDS 2
#define HANDLE_FILES  3 /* descriptors of an open account: database, log, lock */
#define OTHER_FILES   256
#define SEGMENT_ALIGN 64
#define LAYOUT_TEXT   64
#define DIR_TEXT      1024

/* Kept by httpd over restarts: plain data only. */
typedef struct segment_t {
    char layout[LAYOUT_TEXT]; /* what shape the memory has: another version makes a new one */
    void *memory;
    apr_size_t table_size;
    apr_size_t auth_offset;
    apr_size_t auth_size;
    ximss_table_options_t options;
    int password_slots;
    char runtime_dir[DIR_TEXT];
} segment_t;

/* One store folder of this child. */
typedef struct opened_t {
    const char *data_dir;
    ximss_store_t *store;
    ximss_auth_t *auth;
    apr_time_t tried;
} opened_t;

/* What this child has; set up in child_init. */
static struct {
    apr_pool_t *pool;
    server_rec *server;
    apr_thread_mutex_t *mutex; /* guards the two below while stores are opened */
    apr_hash_t *stores;        /* data folder -> opened_t */
    apr_hash_t *contexts;      /* server_rec * -> ximss_context_t */
    ximss_table_t *table;
    int watchdog;
    volatile apr_uint32_t swept;
} child;

static segment_t *segment;

static apr_int64_t clock_seconds(void)
{
    return apr_time_sec(apr_time_now());
}

/* ---- parent ---- */

static apr_size_t aligned(apr_size_t size)
{
    return (size + SEGMENT_ALIGN - 1) / SEGMENT_ALIGN * SEGMENT_ALIGN;
}

static void describe(segment_t *wanted, const ximss_config_t *config)
{
    static const ximss_table_options_t smallest = {1, 1, 1};

    memset(wanted, 0, sizeof(*wanted));
    wanted->options.sessions = config->sessions;
    wanted->options.sessions_account = config->limits.sessions_account;
    wanted->options.idle_timeout = config->idle_timeout;
    wanted->password_slots = config->password_slots;
    apr_cpystrn(wanted->runtime_dir, config->runtime_dir, sizeof(wanted->runtime_dir));
    wanted->table_size = ximss_table_size(&wanted->options);
    wanted->auth_offset = aligned(wanted->table_size);
    wanted->auth_size = ximss_auth_size(wanted->password_slots);
    apr_snprintf(wanted->layout, sizeof(wanted->layout), "%s/%" APR_SIZE_T_FMT "/%" APR_SIZE_T_FMT,
                 XIMSS_VERSION, ximss_table_size(&smallest), ximss_auth_size(1));
}

static int make_segment(const segment_t *wanted, server_rec *server, apr_pool_t *pool)
{
    apr_size_t size = wanted->auth_offset + wanted->auth_size;
    const ximss_error_t *error;
    void *memory;

    if (wanted->table_size == 0 || wanted->auth_size == 0 || size < wanted->auth_offset) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server, "XM0602: XimssMaxSessions is too large");
        return 0;
    }
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, errno, server,
                     "XM0603: cannot get %" APR_SIZE_T_FMT " bytes of shared memory", size);
        return 0;
    }
    error = ximss_table_init(memory, wanted->table_size, &wanted->options, pool);
    if (error == NULL) {
        error = ximss_auth_init((char *)memory + wanted->auth_offset, wanted->auth_size,
                                wanted->password_slots, pool);
    }
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server, "XM0604: cannot set up shared memory: %s",
                     ximss_error_log_line(error, pool));
        munmap(memory, size);
        return 0;
    }
    *segment = *wanted;
    segment->memory = memory;
    return 1;
}

/* Makes the segment, or takes over that of before the restart. */
static int get_segment(server_rec *server, apr_pool_t *pool)
{
    segment_t wanted;

    describe(&wanted, ximss_config_get(server));
    segment = ap_retained_data_get(RETAINED_KEY);
    if (segment == NULL) {
        segment = ap_retained_data_create(RETAINED_KEY, sizeof(*segment));
    }
    if (segment->memory == NULL) {
        return make_segment(&wanted, server, pool);
    }
    if (strcmp(segment->layout, wanted.layout) != 0) {
        /* Old children go on with the old mapping; it goes when the last of them exits. */
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0605: another version of the module: sessions start afresh");
        return make_segment(&wanted, server, pool);
    }
    if (memcmp(&segment->options, &wanted.options, sizeof(wanted.options)) != 0 ||
        segment->password_slots != wanted.password_slots) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, server,
            "XM0606: XimssMaxSessions, XimssMaxSessionsPerAccount, XimssSessionTimeout and "
            "XimssPasswordSlots change only by a full stop and start");
    }
    return 1;
}

/* Makes folder PATH for the user that the children run as. What is there already is left as it is. */
static int make_folder(const char *path, server_rec *server, apr_pool_t *pool)
{
    struct stat info;
    apr_status_t status;

    if (stat(path, &info) == 0) {
        return 1;
    }
    status =
        apr_dir_make_recursive(path, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, pool);
    if (status == APR_SUCCESS && geteuid() == 0 &&
        chown(path, ap_unixd_config.user_id, ap_unixd_config.group_id) != 0) {
        status = errno;
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, status, server, "XM0607: cannot make folder %s",
                     path);
        return 0;
    }
    return 1;
}

static int make_folders(server_rec *server, apr_pool_t *pool)
{
    server_rec *each;

    if (!make_folder(ximss_config_get(server)->runtime_dir, server, pool)) {
        return 0;
    }
    for (each = server; each != NULL; each = each->next) {
        const ximss_config_t *config = ximss_config_get(each);

        if (config->engine && !make_folder(config->data_dir, each, pool)) {
            return 0;
        }
    }
    return 1;
}

static void warn_of_file_limit(server_rec *server)
{
    const ximss_config_t *config = ximss_config_get(server);
    struct rlimit limit;
    int threads = 1;
    apr_uint64_t needed;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    needed =
        (apr_uint64_t)config->handle_cache * HANDLE_FILES + (apr_uint64_t)threads * 4 + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < needed) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                     "XM0608: %" APR_UINT64_T_FMT " open files a child are allowed (ulimit -n), "
                     "XimssHandleCache %d needs about %" APR_UINT64_T_FMT,
                     (apr_uint64_t)limit.rlim_cur, config->handle_cache, needed);
    }
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *pool);

/* One child at a time runs the sweep, traffic or not. */
static void register_watchdog(server_rec *server, apr_pool_t *pconf)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add_callback =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;

    if (get_instance != NULL && add_callback != NULL &&
        get_instance(&watchdog, "_ximss_", 0, 1, pconf) == APR_SUCCESS &&
        add_callback(watchdog, apr_time_from_sec(SWEEP_SECONDS), server, on_watchdog) ==
            APR_SUCCESS) {
        child.watchdog = 1;
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, server,
                 "no mod_watchdog: idle sessions end when other requests come");
}

int ximss_shm_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *server)
{
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG ||
        !ximss_config_any_engine(server)) {
        return OK;
    }
    ximss_log_start(server);
    if (!make_folders(server, ptemp) || !get_segment(server, ptemp)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ximss_queue_configure(server, ptemp);
    warn_of_file_limit(server);
    register_watchdog(server, pconf);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, server, "mod_ximss %s, %d sessions", XIMSS_VERSION,
                 segment->options.sessions);
    return OK;
}

/* ---- child ---- */

static void on_change(void *baton, const char *id, const apr_int64_t *mailboxes, int count)
{
    ximss_event_changed(baton, id, mailboxes, count);
}

static apr_int64_t oldest_view(void *baton, const char *id, apr_int64_t mailbox)
{
    return ximss_event_oldest_view(baton, id, mailbox);
}

/* Without a listener all works but word from outside comes late. */
static void start_listener(const char *data_dir, apr_pool_t *pool)
{
    const ximss_error_t *error = ximss_listen_start(data_dir, child.table, pool);

    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, child.server,
                     "XM0618: changes from outside will be noticed late: %s",
                     ximss_error_log_line(error, pool));
    }
}

static const ximss_error_t *open_store(opened_t *opened, apr_pool_t *pool)
{
    ximss_store_options_t options = {.lock_wait_ms = 5000, .server = 1};
    ximss_store_t *store;

    options.handle_cache = ximss_config_get(child.server)->handle_cache;
    options.changed = on_change;
    options.changed_baton = child.table;
    options.oldest_view = oldest_view;
    options.oldest_view_baton = child.table;
    XIMSS_TRY(ximss_store_open(&store, "sqlite", opened->data_dir, &options, pool));
    XIMSS_TRY(ximss_auth_attach(&opened->auth, (char *)segment->memory + segment->auth_offset,
                                segment->auth_size, store, pool));
    opened->store = store;
    start_listener(opened->data_dir, pool);
    return NULL;
}

/* The store in DATA_DIR, opened if need be; a failure is tried again after a while. */
static opened_t *get_store(const char *data_dir)
{
    opened_t *opened = apr_hash_get(child.stores, data_dir, APR_HASH_KEY_STRING);
    apr_time_t now = apr_time_now();
    const ximss_error_t *error;
    apr_pool_t *pool;

    if (opened == NULL) {
        opened = apr_pcalloc(child.pool, sizeof(*opened));
        opened->data_dir = data_dir;
        apr_hash_set(child.stores, data_dir, APR_HASH_KEY_STRING, opened);
    }
    if (opened->store != NULL) {
        return opened;
    }
    if (opened->tried != 0 && now - opened->tried < apr_time_from_sec(RETRY_SECONDS)) {
        return NULL;
    }
    opened->tried = now;
    apr_pool_create(&pool, child.pool);
    error = open_store(opened, pool);
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, child.server,
                     "XM0609: cannot open the store in %s: %s", data_dir,
                     ximss_error_log_line(error, pool));
        apr_pool_destroy(pool);
        return NULL;
    }
    return opened;
}

static ximss_context_t *make_context(const server_rec *server)
{
    const ximss_config_t *config = ximss_config_get(server);
    opened_t *opened = get_store(config->data_dir);
    ximss_context_t *context;

    if (opened == NULL) {
        return NULL;
    }
    context = apr_pcalloc(child.pool, sizeof(*context));
    context->store = opened->store;
    context->auth = opened->auth;
    context->table = child.table;
    context->limits = &config->limits;
    context->default_domain = config->default_domain;
    context->rewrite_sender = config->rewrite_sender;
    context->clock = clock_seconds;
    return context;
}

const ximss_context_t *ximss_shm_context(const server_rec *server)
{
    ximss_context_t *context;

    if (child.table == NULL) {
        return NULL;
    }
    apr_thread_mutex_lock(child.mutex);
    context = apr_hash_get(child.contexts, &server, sizeof(void *));
    if (context == NULL) {
        context = make_context(server);
        if (context != NULL) {
            const server_rec **key = apr_palloc(child.pool, sizeof(*key));

            *key = server;
            apr_hash_set(child.contexts, key, sizeof(void *), context);
        }
    }
    apr_thread_mutex_unlock(child.mutex);
    return context;
}

/* One for the sessions of all virtual hosts: below the data folder of the first that serves mail. */
static const char *upload_dir(const server_rec *server)
{
    while (!ximss_config_get(server)->engine) {
        server = server->next;
    }
    return apr_pstrcat(child.pool, ximss_config_get(server)->data_dir, "/uploads", NULL);
}

void ximss_shm_child_init(apr_pool_t *pchild, server_rec *server)
{
    const ximss_config_t *config = ximss_config_get(server);
    const ximss_error_t *error;
    server_rec *each;

    if (!ximss_config_any_engine(server) || segment == NULL || segment->memory == NULL) {
        return;
    }
    apr_pool_create(&child.pool, pchild);
    child.server = server;
    child.stores = apr_hash_make(child.pool);
    child.contexts = apr_hash_make(child.pool);
    apr_thread_mutex_create(&child.mutex, APR_THREAD_MUTEX_DEFAULT, child.pool);
    error = ximss_table_attach(&child.table, segment->memory, segment->table_size,
                               segment->runtime_dir, child.pool);
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, server, "XM0610: cannot attach to the sessions: %s",
                     ximss_error_log_line(error, child.pool));
        child.table = NULL;
        return;
    }
    ximss_table_set_uploads(child.table, upload_dir(server));
    ximss_wait_init(config->polls);
    for (each = server; each != NULL; each = each->next) {
        if (ximss_config_get(each)->engine) {
            ximss_shm_context(each);
        }
    }
}

void ximss_shm_child_stopping(apr_pool_t *pchild, int graceful)
{
    (void)pchild, (void)graceful;
    ximss_listen_stop();
    if (child.table != NULL) {
        ximss_table_stop_waits(child.table);
    }
}

ximss_table_t *ximss_shm_table(void)
{
    return child.table;
}

int ximss_shm_slots(void)
{
    return segment != NULL ? segment->options.sessions : 0;
}

/* ---- sweep ---- */

/* Files of sessions that are gone (a full stop, a crash) go at start and hourly. */
static void sweep(apr_pool_t *pool)
{
    static volatile apr_uint32_t files_at;
    apr_uint32_t now = (apr_uint32_t)clock_seconds();
    int files = files_at == 0 || now - files_at >= FILES_SECONDS;

    if (files) {
        apr_atomic_set32(&files_at, now);
    }
    ximss_table_sweep(child.table, NULL, files, pool);
    ximss_queue_tick(child.server, pool);
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    if (state != AP_WATCHDOG_STATE_STOPPING && child.table != NULL) {
        sweep(pool);
    }
    return APR_SUCCESS;
}

void ximss_shm_sweep_if_due(apr_pool_t *pool)
{
    apr_uint32_t now = (apr_uint32_t)clock_seconds();
    apr_uint32_t last = apr_atomic_read32(&child.swept);

    if (!child.watchdog && child.table != NULL && now - last >= SWEEP_SECONDS &&
        apr_atomic_cas32(&child.swept, now, last) == last) {
        sweep(pool);
    }
}
