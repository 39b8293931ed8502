/* The files of open folders: a header, packed data, and the UIDs of an array view. A file is found by a hash
 * of the folder's name, is written whole under another name and renamed, and is only ever mapped for
 * reading: a full file system can then neither crash a reader nor leave half a view. */
#include "view/folder.h"

#include "base/io.h"

#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC   "XIMSSFLD"
#define VERSION 2

typedef struct ximss_file_header_t {
    char magic[8];
    apr_uint32_t version;
    apr_uint32_t uids; /* number of 32-bit words behind the data: the view, then its unseen ones */
    apr_uint64_t file_length; /* of the whole file */
    apr_uint64_t data_length; /* of the packed data, rounded up to 8 */
    apr_uint64_t sum;         /* of the packed data */
} ximss_file_header_t;

#define HASH_START 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

/* FNV-1a, 64 bits. A user who makes two names collide only loses his own first folder. */
static apr_uint64_t hash_name(const char *name)
{
    apr_uint64_t hash = HASH_START;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * HASH_PRIME;
    }
    return hash;
}

/* The same idea by words of eight bytes: against damage, not against malice. */
static apr_uint64_t sum_words(const char *data, apr_size_t length)
{
    apr_uint64_t sum = HASH_START;
    apr_size_t i;
    for (i = 0; i + sizeof(sum) <= length; i += sizeof(sum)) {
        apr_uint64_t word;
        memcpy(&word, data + i, sizeof(word));
        sum = (sum ^ word) * HASH_PRIME;
        sum ^= sum >> 32;
    }
    return sum;
}

const char *ximss_folder_file(const char *name, apr_pool_t *pool)
{
    return apr_psprintf(pool, "view-%016" APR_UINT64_T_HEX_FMT, hash_name(name));
}

static const char *file_path(const char *dir, const char *name, apr_pool_t *pool)
{
    return apr_pstrcat(pool, dir, "/", ximss_folder_file(name, pool), NULL);
}

/* ---- writing ---- */

typedef struct ximss_packer_t {
    char *data;
    apr_size_t length;
    apr_size_t room;
    apr_pool_t *pool;
} ximss_packer_t;

static void pack(ximss_packer_t *packer, const void *data, apr_size_t length)
{
    if (packer->room - packer->length < length) {
        apr_size_t room = 2 * (packer->room + length) + 1024;
        char *data_now = apr_palloc(packer->pool, room);
        if (packer->length > 0) {
            memcpy(data_now, packer->data, packer->length);
        }
        packer->data = data_now;
        packer->room = room;
    }
    memcpy(packer->data + packer->length, data, length);
    packer->length += length;
}

static void pack_number(ximss_packer_t *packer, apr_int64_t number)
{
    pack(packer, &number, sizeof(number));
}

/* The length with its NUL, 0 for NULL; then the bytes with the NUL. */
static void pack_text(ximss_packer_t *packer, const char *text)
{
    apr_uint32_t length = text != NULL ? (apr_uint32_t)strlen(text) + 1 : 0;
    pack(packer, &length, sizeof(length));
    if (length > 0) {
        pack(packer, text, length);
    }
}

/* The number of blocks, -1 for NULL, and the blocks. */
static void pack_blocks(ximss_packer_t *packer, const apr_array_header_t *blocks)
{
    int i;
    pack_number(packer, blocks != NULL ? blocks->nelts : -1);
    for (i = 0; blocks != NULL && i < blocks->nelts; i++) {
        const ximss_block_t *block = &APR_ARRAY_IDX(blocks, i, ximss_block_t);
        pack_number(packer, block->number);
        pack_number(packer, block->uid);
        pack_number(packer, block->count);
        pack_text(packer, block->text);
    }
}

static void pack_steps(ximss_packer_t *packer, const apr_array_header_t *steps)
{
    int i;
    pack_number(packer, steps != NULL ? steps->nelts : -1);
    for (i = 0; steps != NULL && i < steps->nelts; i++) {
        const ximss_step_t *step = &APR_ARRAY_IDX(steps, i, ximss_step_t);
        pack_number(packer, step->kind);
        pack_number(packer, step->uid);
        pack_number(packer, step->index);
    }
}

static void pack_folder(ximss_packer_t *packer, const ximss_folder_t *folder)
{
    int i;
    pack_text(packer, folder->name);
    pack_text(packer, folder->mailbox_name);
    pack_text(packer, folder->account_id);
    pack_text(packer, folder->spec.sort_field);
    pack_text(packer, folder->spec.filter);
    pack_text(packer, folder->spec.filter_field);
    pack_number(packer, folder->spec.descending);
    pack_number(packer, folder->spec.uid_min);
    pack_number(packer, folder->mailbox);
    pack_number(packer, folder->uid_validity);
    pack_number(packer, folder->epoch);
    pack_number(packer, folder->modseq);
    pack_number(packer, folder->number);
    pack_number(packer, folder->messages);
    pack_number(packer, folder->unseen);
    pack_number(packer, folder->order);
    pack_number(packer, folder->fields->nelts);
    for (i = 0; i < folder->fields->nelts; i++) {
        pack_text(packer, APR_ARRAY_IDX(folder->fields, i, const char *));
    }
    pack_blocks(packer, folder->blocks);
    pack_blocks(packer, folder->next_blocks);
    pack_steps(packer, folder->pending);
}

/* The UIDs that the file of FOLDER holds: of the view, and of the unseen messages in it. */
static apr_uint32_t view_uids(const ximss_folder_t *folder)
{
    return folder->uids != NULL ? (apr_uint32_t)folder->messages : 0;
}

static apr_uint32_t unseen_uids(const ximss_folder_t *folder)
{
    return folder->unseen_uids != NULL ? (apr_uint32_t)folder->unseen : 0;
}

/* Opens PATH for writing. The folder of a live session may have been swept away by a cleaner of temporary files: then
 * it is made again, so that the session can go on with new folders. */
static int open_file(const char *path, apr_pool_t *pool)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        const char *slash = strrchr(path, '/');
        if (slash != NULL && mkdir(apr_pstrmemdup(pool, path, slash - path), 0700) == 0) {
            fd = open(path, flags, 0600);
        }
    }
    return fd;
}

static const ximss_error_t *write_file(const char *path, const ximss_folder_t *folder,
                                       const ximss_packer_t *packer)
{
    ximss_file_header_t header = {.version = VERSION};
    apr_size_t view_length = (apr_size_t)view_uids(folder) * sizeof(*folder->uids);
    apr_size_t unseen_length = (apr_size_t)unseen_uids(folder) * sizeof(*folder->unseen_uids);
    int fd = open_file(path, packer->pool);
    int reason;
    int ok;
    memcpy(header.magic, MAGIC, sizeof(header.magic));
    header.uids = view_uids(folder) + unseen_uids(folder);
    header.data_length = packer->length;
    header.file_length = sizeof(header) + packer->length + view_length + unseen_length;
    header.sum = sum_words(packer->data, packer->length);
    ok = fd >= 0 && ximss_write_all(fd, &header, sizeof(header)) &&
         ximss_write_all(fd, packer->data, packer->length) &&
         ximss_write_all(fd, folder->uids, view_length) &&
         ximss_write_all(fd, folder->unseen_uids, unseen_length);
    reason = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        unlink(path);
        return ximss_error_apr(packer->pool, APR_FROM_OS_ERROR(reason), "writing a folder file");
    }
    return NULL;
}

const ximss_error_t *ximss_folder_write(const ximss_folder_t *folder, const char *path,
                                        apr_pool_t *pool)
{
    ximss_packer_t packer = {.pool = pool};
    const char zeros[8] = "";
    pack_folder(&packer, folder);
    pack(&packer, zeros, (8 - packer.length % 8) % 8);
    return write_file(path, folder, &packer);
}

/* ---- reading ---- */

typedef struct ximss_unpacker_t {
    const char *at;
    const char *end;
    int damaged;
} ximss_unpacker_t;

static const char *take(ximss_unpacker_t *unpacker, apr_size_t length)
{
    const char *at = unpacker->at;
    if (unpacker->damaged || (apr_size_t)(unpacker->end - at) < length) {
        unpacker->damaged = 1;
        return NULL;
    }
    unpacker->at += length;
    return at;
}

static apr_int64_t take_number(ximss_unpacker_t *unpacker)
{
    apr_int64_t number = 0;
    const char *at = take(unpacker, sizeof(number));
    if (at != NULL) {
        memcpy(&number, at, sizeof(number));
    }
    return number;
}

static apr_int64_t take_range(ximss_unpacker_t *unpacker, apr_int64_t low, apr_int64_t high)
{
    apr_int64_t number = take_number(unpacker);
    if (number < low || number > high) {
        unpacker->damaged = 1;
        return low;
    }
    return number;
}

/* Points into the mapping. */
static const char *take_text(ximss_unpacker_t *unpacker)
{
    apr_uint32_t length = 0;
    const char *at = take(unpacker, sizeof(length));
    if (at == NULL) {
        return NULL;
    }
    memcpy(&length, at, sizeof(length));
    if (length == 0) {
        return NULL;
    }
    at = take(unpacker, length);
    if (at != NULL && memchr(at, '\0', length) != at + length - 1) {
        unpacker->damaged = 1;
        return NULL;
    }
    return at;
}

static void take_fields(ximss_unpacker_t *unpacker, ximss_folder_t *folder, apr_pool_t *pool)
{
    apr_int64_t count = take_range(unpacker, 0, unpacker->end - unpacker->at);
    folder->fields = apr_array_make(pool, 8, sizeof(const char *));
    for (; count > 0 && !unpacker->damaged; count--) {
        const char *field = take_text(unpacker);
        unpacker->damaged |= field == NULL;
        APR_ARRAY_PUSH(folder->fields, const char *) = field;
    }
}

/* *ROWS is how many rows the blocks hold. */
static apr_array_header_t *take_blocks(ximss_unpacker_t *unpacker, apr_int64_t *rows,
                                       apr_pool_t *pool)
{
    apr_int64_t count = take_range(unpacker, -1, unpacker->end - unpacker->at);
    apr_array_header_t *blocks;
    *rows = 0;
    if (count < 0) {
        return NULL;
    }
    blocks = apr_array_make(pool, count < 4096 ? (int)count + 1 : 4096, sizeof(ximss_block_t));
    for (; count > 0 && !unpacker->damaged; count--) {
        ximss_block_t *block = apr_array_push(blocks);
        block->number = take_number(unpacker);
        block->uid = (apr_uint32_t)take_range(unpacker, 0, APR_UINT32_MAX);
        block->count = take_range(unpacker, 0, APR_UINT32_MAX - *rows);
        block->text = take_text(unpacker);
        *rows += block->count;
    }
    return blocks;
}

static apr_array_header_t *take_steps(ximss_unpacker_t *unpacker, apr_pool_t *pool)
{
    apr_int64_t count = take_range(unpacker, -1, unpacker->end - unpacker->at);
    apr_array_header_t *steps;
    if (count < 0) {
        return NULL;
    }
    steps = apr_array_make(pool, count < 4096 ? (int)count + 1 : 4096, sizeof(ximss_step_t));
    for (; count > 0 && !unpacker->damaged; count--) {
        ximss_step_t *step = apr_array_push(steps);
        step->kind = (ximss_step_kind_t)take_range(unpacker, 0, XIMSS_STEP_UPDATED);
        step->uid = (apr_uint32_t)take_range(unpacker, 0, APR_UINT32_MAX);
        step->index = take_range(unpacker, 0, APR_UINT32_MAX);
    }
    return steps;
}

static void take_folder(ximss_unpacker_t *unpacker, ximss_folder_t *folder, apr_pool_t *pool)
{
    apr_int64_t rows;
    folder->name = take_text(unpacker);
    folder->mailbox_name = take_text(unpacker);
    folder->account_id = take_text(unpacker);
    folder->spec.sort_field = take_text(unpacker);
    folder->spec.filter = take_text(unpacker);
    folder->spec.filter_field = take_text(unpacker);
    folder->spec.descending = (int)take_range(unpacker, 0, 1);
    folder->spec.uid_min = (apr_uint32_t)take_range(unpacker, 0, APR_UINT32_MAX);
    folder->mailbox = take_number(unpacker);
    folder->uid_validity = (apr_uint32_t)take_range(unpacker, 0, APR_UINT32_MAX);
    folder->epoch = take_number(unpacker);
    folder->modseq = take_number(unpacker);
    folder->number = take_number(unpacker);
    folder->messages = take_range(unpacker, 0, APR_UINT32_MAX);
    folder->unseen = take_range(unpacker, 0, APR_UINT32_MAX);
    folder->order = (ximss_order_t)take_range(unpacker, 0, XIMSS_ORDER_COUNT - 1);
    take_fields(unpacker, folder, pool);
    folder->blocks = take_blocks(unpacker, &rows, pool);
    unpacker->damaged |= folder->blocks != NULL && rows != folder->messages;
    folder->next_blocks = take_blocks(unpacker, &rows, pool);
    folder->pending = take_steps(unpacker, pool);
    unpacker->damaged |=
        folder->name == NULL || folder->mailbox_name == NULL || folder->account_id == NULL;
}

/* Points FOLDER to the COUNT UIDs behind the packed data. */
static void take_uids(ximss_unpacker_t *unpacker, ximss_folder_t *folder, apr_uint32_t count)
{
    const apr_uint32_t *uids = (const apr_uint32_t *)(const void *)unpacker->end;
    apr_int64_t all = folder->blocks == NULL ? folder->messages : 0;
    apr_int64_t unseen = ximss_view_is_order(folder) ? 0 : folder->unseen;
    if (all + unseen != count) {
        unpacker->damaged = 1;
        return;
    }
    folder->uids = folder->blocks == NULL ? uids : NULL;
    folder->unseen_uids = ximss_view_is_order(folder) ? NULL : uids + all;
}

static const ximss_error_t *damaged(const char *path, apr_pool_t *pool)
{
    return ximss_error_detail(pool, XIMSS_E_INTERNAL, "folder file %s is damaged", path);
}

typedef struct ximss_mapping_t {
    void *data;
    apr_size_t length;
} ximss_mapping_t;

static apr_status_t unmap(void *data)
{
    ximss_mapping_t *mapping = data;
    munmap(mapping->data, mapping->length);
    return APR_SUCCESS;
}

/* Maps the file at PATH until POOL goes; *MAPPING is NULL when there is none. */
static const ximss_error_t *map_file(ximss_mapping_t **mapping, const char *path, apr_pool_t *pool)
{
    struct stat info;
    void *data = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int reason = errno;
    *mapping = NULL;
    if (fd < 0 && reason == ENOENT) {
        return NULL;
    }
    if (fd >= 0) {
        if (fstat(fd, &info) == 0 && info.st_size >= (off_t)sizeof(ximss_file_header_t)) {
            data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        }
        reason = errno;
        close(fd);
    }
    if (data == MAP_FAILED) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(reason), "mapping a folder file");
    }
    *mapping = apr_palloc(pool, sizeof(**mapping));
    (*mapping)->data = data;
    (*mapping)->length = (apr_size_t)info.st_size;
    apr_pool_cleanup_register(pool, *mapping, unmap, apr_pool_cleanup_null);
    return NULL;
}

/* Whether the lengths of the header fit the file and the packed data are what was written. */
static int header_ok(const ximss_file_header_t *header, apr_size_t length)
{
    apr_uint64_t uids_length = (apr_uint64_t)header->uids * sizeof(apr_uint32_t);
    return memcmp(header->magic, MAGIC, sizeof(header->magic)) == 0 && header->version == VERSION &&
           header->file_length == length && header->data_length % 8 == 0 &&
           header->data_length <= length &&
           sizeof(*header) + header->data_length + uids_length == length &&
           header->sum == sum_words((const char *)(header + 1), (apr_size_t)header->data_length);
}

const ximss_error_t *ximss_folder_read(ximss_folder_t **folder, const char *path, const char *name,
                                       apr_pool_t *pool)
{
    const ximss_file_header_t *header;
    ximss_unpacker_t unpacker = {0};
    ximss_mapping_t *mapping;
    ximss_folder_t *loaded;
    *folder = NULL;
    XIMSS_TRY(map_file(&mapping, path, pool));
    if (mapping == NULL) {
        return NULL;
    }
    header = mapping->data;
    if (!header_ok(header, mapping->length)) {
        return damaged(path, pool);
    }
    loaded = apr_pcalloc(pool, sizeof(*loaded));
    unpacker.at = (const char *)(header + 1);
    unpacker.end = unpacker.at + header->data_length;
    take_folder(&unpacker, loaded, pool);
    take_uids(&unpacker, loaded, header->uids);
    if (unpacker.damaged) {
        return damaged(path, pool);
    }
    if (strcmp(loaded->name, name) == 0) {
        *folder = loaded;
    }
    return NULL;
}

const ximss_error_t *ximss_folder_load(ximss_folder_t **folder, const char *dir, const char *name,
                                       apr_pool_t *pool)
{
    return ximss_folder_read(folder, file_path(dir, name, pool), name, pool);
}
