/* The uploads of a session that are in place. */
#include "session/upload_file.h"

#include "base/text.h"
#include "session/slot.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "XIMSSUP1"

enum {
    TEXT_MAX = 1024, /* bytes of a property */
    STRINGS = 5
};

void ximss_table_set_uploads(ximss_table_t *table, const char *dir)
{
    table->upload_dir = strlen(dir) <= PATH_MAX - XIMSS_SLOT_FOLDER_MAX ? dir : NULL;
}

/* ---- folders and names ---- */

/* Ids are any text: their hash is what the file is called. */
void ximss_upload_name(const char *id, char *target)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int i;

    SHA256((const unsigned char *)id, strlen(id), hash);
    for (i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        target[2 * i] = digits[hash[i] >> 4];
        target[2 * i + 1] = digits[hash[i] & 15];
    }
    target[2 * i] = '\0';
}

int ximss_upload_is_new(const char *name)
{
    return strncmp(name, XIMSS_UPLOAD_NEW, strlen(XIMSS_UPLOAD_NEW)) == 0;
}

/* Opens the folder of the session, -1 and errno when there is none. */
static int open_folder(ximss_table_t *table, const ximss_session_t *session)
{
    char path[PATH_MAX];
    apr_uint64_t generation;
    apr_uint32_t slot;

    if (table->upload_dir == NULL || !ximss_slot_find(table, session->url_id, &slot, &generation)) {
        errno = ENOENT;
        return -1;
    }
    ximss_slot_uploads(table, slot, generation, path, sizeof(path));
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- the block in front ---- */

void ximss_upload_pack(const ximss_upload_t *what, char *header)
{
    const char *strings[STRINGS] = {what->id, what->type, what->subtype, what->charset,
                                    what->file_name};
    char *at = header + strlen(MAGIC);
    int i;

    memset(header, 0, XIMSS_UPLOAD_HEADER);
    memcpy(header, MAGIC, strlen(MAGIC));
    for (i = 0; i < STRINGS; i++) {
        const char *text = strings[i] != NULL ? strings[i] : "";
        apr_size_t length =
            ximss_text_cut(text, strlen(text), i < STRINGS - 1 ? XIMSS_UPLOAD_ID_MAX : TEXT_MAX);

        memcpy(at, text, length);
        at += length + 1;
    }
}

static int unpack_header(const char *header, ximss_upload_t *upload, apr_pool_t *pool)
{
    const char **strings[STRINGS] = {&upload->id, &upload->type, &upload->subtype, &upload->charset,
                                     &upload->file_name};
    const char *at = header + strlen(MAGIC);
    int i;

    if (memcmp(header, MAGIC, strlen(MAGIC)) != 0 || header[XIMSS_UPLOAD_HEADER - 1] != '\0') {
        return 0;
    }
    for (i = 0; i < STRINGS; i++) {
        *strings[i] = apr_pstrdup(pool, at);
        at += strlen(at) + 1;
        if (at >= header + XIMSS_UPLOAD_HEADER) {
            return 0;
        }
    }
    upload->charset = upload->charset[0] != '\0' ? upload->charset : NULL;
    upload->file_name = upload->file_name[0] != '\0' ? upload->file_name : NULL;
    return 1;
}

/* ---- reading ---- */

static apr_status_t close_upload(void *data)
{
    close(((ximss_upload_t *)data)->descriptor);
    return APR_SUCCESS;
}

static const ximss_error_t *not_found(apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_NOT_FOUND, "no file was uploaded with this uploadID");
}

/* Opens file ID, -1 and errno when there is none. */
static int open_file(ximss_table_t *table, const ximss_session_t *session, const char *id)
{
    int folder = open_folder(table, session);
    char target[XIMSS_UPLOAD_NAME_SIZE];
    int file;

    if (folder < 0) {
        return -1;
    }
    ximss_upload_name(id, target);
    file = openat(folder, target, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    close(folder);
    return file;
}

const ximss_error_t *ximss_upload_find(ximss_table_t *table, const ximss_session_t *session,
                                       const char *id, ximss_upload_t **upload, apr_pool_t *pool)
{
    int file = open_file(table, session, id);
    char header[XIMSS_UPLOAD_HEADER];
    struct stat info;

    if (file < 0) {
        return errno == ENOENT
                   ? not_found(pool)
                   : ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), "opening an upload");
    }
    *upload = apr_pcalloc(pool, sizeof(**upload));
    (*upload)->descriptor = file;
    apr_pool_cleanup_register(pool, *upload, close_upload, apr_pool_cleanup_null);
    if (pread(file, header, sizeof(header), 0) != XIMSS_UPLOAD_HEADER || fstat(file, &info) != 0 ||
        !unpack_header(header, *upload, pool) || strcmp((*upload)->id, id) != 0) {
        return ximss_error_detail(pool, XIMSS_E_INTERNAL, "an upload is damaged");
    }
    (*upload)->size = info.st_size - XIMSS_UPLOAD_HEADER;
    return NULL;
}

typedef struct mapping_t {
    void *memory;
    apr_size_t length;
} mapping_t;

static apr_status_t unmap(void *data)
{
    mapping_t *mapping = data;

    munmap(mapping->memory, mapping->length);
    return APR_SUCCESS;
}

const ximss_error_t *ximss_upload_read(const ximss_upload_t *upload, const char **data,
                                       apr_pool_t *pool)
{
    mapping_t *mapping = apr_palloc(pool, sizeof(*mapping));

    *data = "";
    if (upload->size == 0) {
        return NULL;
    }
    /* what is in place is never written again, so the mapping cannot lose its end */
    mapping->length = (apr_size_t)upload->size;
    mapping->memory = mmap(NULL, mapping->length, PROT_READ, MAP_PRIVATE, upload->descriptor,
                           XIMSS_UPLOAD_HEADER);
    if (mapping->memory == MAP_FAILED) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), "mapping an upload");
    }
    apr_pool_cleanup_register(pool, mapping, unmap, apr_pool_cleanup_null);
    *data = mapping->memory;
    return NULL;
}

const ximss_error_t *ximss_upload_copy(const ximss_upload_t *upload, apr_int64_t offset,
                                       char *buffer, apr_size_t length, apr_pool_t *pool)
{
    apr_size_t done = 0;

    while (done < length) {
        ssize_t got = pread(upload->descriptor, buffer + done, length - done,
                            XIMSS_UPLOAD_HEADER + offset + (apr_int64_t)done);

        if (got == 0 || (got < 0 && errno != EINTR)) {
            return ximss_error_apr(pool, got == 0 ? APR_EOF : APR_FROM_OS_ERROR(errno),
                                   "reading an upload");
        }
        done += got > 0 ? (apr_size_t)got : 0;
    }
    return NULL;
}

/* Removes what is in place in the open folder; what still comes in goes on. */
static int remove_all(int folder)
{
    DIR *list = fdopendir(folder);
    struct dirent *entry;
    int status = 0;

    if (list == NULL) {
        close(folder);
        return errno;
    }
    while ((entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.' && !ximss_upload_is_new(entry->d_name) &&
            unlinkat(dirfd(list), entry->d_name, 0) != 0 && errno != ENOENT) {
            status = errno;
        }
    }
    closedir(list);
    return status;
}

const ximss_error_t *ximss_upload_remove(ximss_table_t *table, const ximss_session_t *session,
                                         const char *id, apr_pool_t *pool)
{
    int folder = open_folder(table, session);
    char target[XIMSS_UPLOAD_NAME_SIZE];
    int status;

    if (folder < 0) {
        status = errno;
    }
    else if (id == NULL) {
        status = remove_all(folder);
    }
    else {
        ximss_upload_name(id, target);
        status = unlinkat(folder, target, 0) == 0 ? 0 : errno;
        close(folder);
    }
    if (status != 0 && status != ENOENT) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(status), "removing uploads");
    }
    return NULL;
}
