/* Uploads that come in. Meanwhile a file has another name, is locked by its writer, and is as long as what was promised
 * to it: so whoever counts the folder counts it, too, and a file that nobody locks was left by a process that died. The
 * folder is locked while its files are counted. */
#include "session/upload_file.h"

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "session/slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STEP_BYTES = 4 * 1024 * 1024,
    RANDOM_LENGTH = 16,
    NEW_SIZE = sizeof(XIMSS_UPLOAD_NEW) + RANDOM_LENGTH
};

struct ximss_uploading_t {
    ximss_table_t *table;
    apr_uint32_t slot;
    apr_uint64_t generation;
    const ximss_limits_t *limits;
    char path[PATH_MAX]; /* of the session's folder */
    int folder;
    int file; /* -1: over */
    char name[NEW_SIZE];
    char target[XIMSS_UPLOAD_NAME_SIZE];
    apr_int64_t size;
    apr_int64_t promised; /* bytes that it may have already */
    apr_pool_t *pool;
};

static const ximss_error_t *lost(const ximss_uploading_t *uploading)
{
    return ximss_error(uploading->pool, XIMSS_E_PHASE, "the session is over");
}

/* Whether the session is there still. It frees its slot before it removes its folder: so what is made while it is
 * there is removed with the folder, and what is made later is removed by us. */
static int is_live(const ximss_uploading_t *uploading)
{
    ximss_slot_mark_t *mark = &uploading->table->marks[uploading->slot];

    return atomic_load(&mark->state) == XIMSS_SLOT_LIVE &&
           atomic_load(&mark->generation) == uploading->generation && !ximss_slot_doomed(mark);
}

static const ximss_error_t *failed(const ximss_uploading_t *uploading, int status, const char *what)
{
    if (!is_live(uploading)) {
        return lost(uploading);
    }
    if (status == ENOSPC || status == EDQUOT || status == EFBIG) {
        ximss_log(XIMSS_LOG_WARN, 3301, "no space for uploads below %s: %s",
                  uploading->table->upload_dir, strerror(status));
        return ximss_error(uploading->pool, XIMSS_E_OVER_QUOTA,
                           "the server has no space for uploads now, try again later");
    }
    return ximss_error_apr(uploading->pool, APR_FROM_OS_ERROR(status), what);
}

/* Whether file NAME, which is not in place, was left by a process that died. */
static int is_stale(int folder, const char *name)
{
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int stale = file >= 0 && flock(file, LOCK_SH | LOCK_NB) == 0;

    if (file >= 0) {
        close(file);
    }
    return stale;
}

/* Counts the files but our own and the one that ours will replace. */
static void count_file(const ximss_uploading_t *uploading, const char *name, int *files,
                       apr_int64_t *bytes)
{
    struct stat info;

    if (name[0] == '.' || strcmp(name, uploading->name) == 0 ||
        strcmp(name, uploading->target) == 0) {
        return;
    }
    if (ximss_upload_is_new(name) && is_stale(uploading->folder, name)) {
        unlinkat(uploading->folder, name, 0);
        return;
    }
    if (fstatat(uploading->folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        ++*files;
        *bytes += info.st_size > XIMSS_UPLOAD_HEADER ? info.st_size - XIMSS_UPLOAD_HEADER : 0;
    }
}

static int count_files(const ximss_uploading_t *uploading, int *files, apr_int64_t *bytes)
{
    int folder = openat(uploading->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
    struct dirent *entry;

    *files = 0;
    *bytes = 0;
    if (list == NULL) {
        int status = errno;

        if (folder >= 0) {
            close(folder);
        }
        return status;
    }
    while ((entry = readdir(list)) != NULL) {
        count_file(uploading, entry->d_name, files, bytes);
    }
    closedir(list);
    return 0;
}

/* Makes the file as long as a size of PROMISED bytes needs, and takes the space, where the file system can. */
static int grow(const ximss_uploading_t *uploading, apr_int64_t promised)
{
    off_t length = XIMSS_UPLOAD_HEADER + promised;

    if (fallocate(uploading->file, 0, 0, length) == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) {
        return errno;
    }
    return ftruncate(uploading->file, length) == 0 ? 0 : errno;
}

/* Promises NEEDED bytes in all, and up to WANTED, beside OTHERS bytes of other files; the folder is locked. */
static const ximss_error_t *promise(ximss_uploading_t *uploading, apr_int64_t needed,
                                    apr_int64_t wanted, apr_int64_t others)
{
    const ximss_limits_t *limits = uploading->limits;
    apr_int64_t most = (apr_int64_t)limits->upload_total - others;
    int status;

    if (needed > most) {
        return ximss_error(uploading->pool, XIMSS_E_LIMIT,
                           "the uploaded files of this session are too large together (at most "
                           "%" APR_SIZE_T_FMT " bytes)",
                           limits->upload_total);
    }
    most = most < (apr_int64_t)limits->upload_bytes ? most : (apr_int64_t)limits->upload_bytes;
    wanted = wanted < most ? wanted : most;
    status = grow(uploading, wanted);
    if (status == ENOSPC && needed < wanted) {
        wanted = needed;
        status = grow(uploading, wanted);
    }
    if (status != 0) {
        return failed(uploading, status, "making room for an upload");
    }
    uploading->promised = wanted;
    return NULL;
}

/* Promises more to a file that is there; the folder is locked. */
static const ximss_error_t *promise_more(ximss_uploading_t *uploading, apr_int64_t needed)
{
    apr_int64_t bytes;
    int files;
    int status = count_files(uploading, &files, &bytes);

    if (status != 0) {
        return failed(uploading, status, "counting uploads");
    }
    return promise(uploading, needed, needed + STEP_BYTES, bytes);
}

static const ximss_error_t *check_size(const ximss_uploading_t *uploading, apr_int64_t size)
{
    apr_size_t most = uploading->limits->upload_bytes;

    if (size <= (apr_int64_t)most) {
        return NULL;
    }
    return ximss_error(uploading->pool, XIMSS_E_LIMIT,
                       "the file is too large (at most %" APR_SIZE_T_FMT " bytes)", most);
}

static int lock_folder(const ximss_uploading_t *uploading)
{
    while (flock(uploading->folder, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* Opens the folder of uploads of the session, made if need be. */
static const ximss_error_t *enter(ximss_uploading_t *uploading)
{
    const char *dir = uploading->table->upload_dir;

    ximss_slot_uploads(uploading->table, uploading->slot, uploading->generation, uploading->path,
                       sizeof(uploading->path));
    if ((mkdir(dir, 0700) != 0 && errno != EEXIST) ||
        (mkdir(uploading->path, 0700) != 0 && errno != EEXIST)) {
        return failed(uploading, errno, "making the folder of uploads");
    }
    uploading->folder = open(uploading->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return uploading->folder >= 0 ? NULL
                                  : failed(uploading, errno, "opening the folder of uploads");
}

/* Makes the file, locked; the folder is locked. */
static const ximss_error_t *make_file(ximss_uploading_t *uploading)
{
    memcpy(uploading->name, XIMSS_UPLOAD_NEW, strlen(XIMSS_UPLOAD_NEW));
    if (!ximss_random_text(uploading->name + strlen(XIMSS_UPLOAD_NEW), RANDOM_LENGTH)) {
        return ximss_error_detail(uploading->pool, XIMSS_E_INTERNAL, "no random numbers");
    }
    uploading->file = openat(uploading->folder, uploading->name,
                             O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (uploading->file < 0 || flock(uploading->file, LOCK_EX | LOCK_NB) != 0) {
        return failed(uploading, errno, "making an upload");
    }
    return NULL;
}

static const ximss_error_t *put(const ximss_uploading_t *uploading, const char *data,
                                apr_size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t written = pwrite(uploading->file, data, length, offset);

        if (written < 0 && errno != EINTR) {
            return failed(uploading, errno, "writing an upload");
        }
        if (written > 0) {
            data += written;
            offset += written;
            length -= (apr_size_t)written;
        }
    }
    return NULL;
}

/* Makes the file as long as it will be; the folder is locked. */
static const ximss_error_t *start(ximss_uploading_t *uploading, const ximss_upload_t *what)
{
    apr_int64_t announced = what->size > 0 ? what->size : 0;
    char header[XIMSS_UPLOAD_HEADER];
    apr_int64_t bytes;
    int files;
    int status = count_files(uploading, &files, &bytes);

    if (status != 0) {
        return failed(uploading, status, "counting uploads");
    }
    if (files >= uploading->limits->uploads) {
        return ximss_error(uploading->pool, XIMSS_E_LIMIT,
                           "too many files are uploaded in this session (at most %d)",
                           uploading->limits->uploads);
    }
    XIMSS_TRY(make_file(uploading));
    XIMSS_TRY(promise(uploading, announced, announced, bytes));
    ximss_upload_pack(what, header);
    return put(uploading, header, sizeof(header), 0);
}

static apr_status_t abort_cleanup(void *data)
{
    ximss_upload_abort(data);
    return APR_SUCCESS;
}

const ximss_error_t *ximss_upload_begin(ximss_uploading_t **result, ximss_table_t *table,
                                        const ximss_session_t *session, const ximss_upload_t *what,
                                        const ximss_limits_t *limits, apr_pool_t *pool)
{
    ximss_uploading_t *uploading = apr_pcalloc(pool, sizeof(*uploading));
    apr_size_t length = strlen(what->id);
    const ximss_error_t *error;
    int status;

    uploading->table = table;
    uploading->limits = limits;
    uploading->pool = pool;
    uploading->folder = uploading->file = -1;
    if (length == 0 || length > XIMSS_UPLOAD_ID_MAX || !ximss_text_ok(what->id, length)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "an uploadID is 1 to %d bytes of text in UTF-8", XIMSS_UPLOAD_ID_MAX);
    }
    if (table->upload_dir == NULL) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "no folder for uploads");
    }
    XIMSS_TRY(check_size(uploading, what->size));
    if (!ximss_slot_find(table, session->url_id, &uploading->slot, &uploading->generation)) {
        return lost(uploading);
    }
    ximss_upload_name(what->id, uploading->target);
    apr_pool_cleanup_register(pool, uploading, abort_cleanup, apr_pool_cleanup_null);
    XIMSS_TRY(enter(uploading));
    status = lock_folder(uploading);
    if (status != 0) {
        return failed(uploading, status, "locking the folder of uploads");
    }
    error = start(uploading, what);
    flock(uploading->folder, LOCK_UN);
    if (error == NULL && !is_live(uploading)) {
        error = lost(uploading);
    }
    if (error != NULL) {
        ximss_upload_abort(uploading);
    }
    *result = uploading;
    return error;
}

const ximss_error_t *ximss_upload_write(ximss_uploading_t *uploading, const char *data,
                                        apr_size_t length)
{
    ximss_slot_mark_t *mark = &uploading->table->marks[uploading->slot];
    apr_int64_t size = uploading->size + (apr_int64_t)length;

    if (!is_live(uploading)) {
        return lost(uploading);
    }
    atomic_store(&mark->activity, uploading->table->clock());
    XIMSS_TRY(check_size(uploading, size));
    if (size > uploading->promised) {
        const ximss_error_t *error;
        int status = lock_folder(uploading);

        if (status != 0) {
            return failed(uploading, status, "locking the folder of uploads");
        }
        error = promise_more(uploading, size);
        flock(uploading->folder, LOCK_UN);
        XIMSS_TRY(error);
    }
    XIMSS_TRY(put(uploading, data, length, XIMSS_UPLOAD_HEADER + uploading->size));
    uploading->size = size;
    return NULL;
}

/* Gives the file its name; the folder is locked. */
static int place(ximss_uploading_t *uploading)
{
    if (ftruncate(uploading->file, XIMSS_UPLOAD_HEADER + uploading->size) != 0 ||
        renameat(uploading->folder, uploading->name, uploading->folder, uploading->target) != 0) {
        return errno;
    }
    uploading->name[0] = '\0';
    if (!is_live(uploading)) {
        unlinkat(uploading->folder, uploading->target, 0);
        return ENOENT;
    }
    return 0;
}

const ximss_error_t *ximss_upload_finish(ximss_uploading_t *uploading)
{
    const ximss_error_t *error = NULL;
    int status = lock_folder(uploading);

    if (status == 0) {
        status = place(uploading);
        flock(uploading->folder, LOCK_UN);
    }
    if (status != 0) {
        error = failed(uploading, status, "putting an upload in place");
    }
    ximss_upload_abort(uploading);
    return error;
}

void ximss_upload_abort(ximss_uploading_t *uploading)
{
    if (uploading->file >= 0) {
        if (uploading->name[0] != '\0') {
            unlinkat(uploading->folder, uploading->name, 0);
        }
        close(uploading->file);
    }
    if (uploading->folder >= 0) {
        close(uploading->folder);
        if (!is_live(uploading)) {
            rmdir(uploading->path);
        }
    }
    uploading->file = uploading->folder = -1;
}
