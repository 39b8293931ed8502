/* See spool.h. The file is unlinked as soon as it is made, and mapped once it is whole: nobody else can cut it. */
#include "submit/spool.h"

#include "base/io.h"
#include "base/random.h"
#include "mime/buffer.h"

#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Most mail is smaller than that. */
enum { MEMORY_FIRST = 16 * 1024, MEMORY_MAX = 256 * 1024 };

struct ximss_spool_t {
    const char *dir;
    apr_size_t limit;
    apr_size_t length;
    ximss_buffer_t memory; /* until there is a file: then what is not written yet */
    int file;              /* -1: none */
    void *mapped;
    const ximss_error_t *error;
    apr_pool_t *pool;
};

static apr_status_t release(void *baton)
{
    ximss_spool_t *spool = baton;

    if (spool->mapped != NULL) {
        munmap(spool->mapped, spool->length);
    }
    if (spool->file >= 0) {
        close(spool->file);
    }
    return APR_SUCCESS;
}

ximss_spool_t *ximss_spool_make(const char *dir, apr_size_t limit, apr_pool_t *pool)
{
    ximss_spool_t *spool = apr_pcalloc(pool, sizeof(*spool));

    spool->dir = dir;
    spool->limit = limit;
    spool->file = -1;
    spool->pool = pool;
    ximss_buffer_init(&spool->memory, MEMORY_FIRST, pool);
    apr_pool_cleanup_register(pool, spool, release, apr_pool_cleanup_null);
    return spool;
}

static const ximss_error_t *failed(ximss_spool_t *spool, const char *what)
{
    return ximss_error_apr(spool->pool, APR_FROM_OS_ERROR(errno), what);
}

static const ximss_error_t *make_file(ximss_spool_t *spool)
{
    char end[21];
    const char *name;

    if (!ximss_random_text(end, sizeof(end) - 1)) {
        return ximss_error_detail(spool->pool, XIMSS_E_INTERNAL, "no randomness");
    }
    name = apr_pstrcat(spool->pool, spool->dir, "/spool.", end, NULL);
    spool->file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (spool->file < 0 || unlink(name) != 0) {
        return failed(spool, name);
    }
    return NULL;
}

/* Moves what is in memory to the file. */
static const ximss_error_t *flush(ximss_spool_t *spool)
{
    if (spool->file < 0) {
        XIMSS_TRY(make_file(spool));
    }
    if (!ximss_write_all(spool->file, spool->memory.data, spool->memory.length)) {
        return failed(spool, "writing a message that comes in");
    }
    spool->memory.length = 0;
    return NULL;
}

static const ximss_error_t *add(ximss_spool_t *spool, const char *bytes, apr_size_t length)
{
    while (length > 0) {
        apr_size_t room = MEMORY_MAX - spool->memory.length;
        apr_size_t part = length < room ? length : room;

        ximss_buffer_add(&spool->memory, bytes, part);
        bytes += part;
        length -= part;
        if (spool->memory.length == MEMORY_MAX) {
            XIMSS_TRY(flush(spool));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_spool_write(ximss_spool_t *spool, const char *bytes, apr_size_t length)
{
    if (spool->error == NULL && length > spool->limit - spool->length) {
        spool->error = ximss_error(spool->pool, XIMSS_E_LIMIT,
                                   "a message has at most %" APR_SIZE_T_FMT " bytes", spool->limit);
    }
    if (spool->error == NULL) {
        spool->error = add(spool, bytes, length);
        spool->length += length;
    }
    return spool->error;
}

const ximss_error_t *ximss_spool_read(ximss_spool_t *spool, const char **data, apr_size_t *length)
{
    if (spool->error == NULL && spool->file >= 0 && spool->mapped == NULL) {
        spool->error = flush(spool);
        if (spool->error == NULL) {
            spool->mapped = mmap(NULL, spool->length, PROT_READ, MAP_PRIVATE, spool->file, 0);
        }
        if (spool->mapped == MAP_FAILED) {
            spool->mapped = NULL;
            spool->error = failed(spool, "mapping a message that came in");
        }
    }
    if (spool->error != NULL) {
        return spool->error;
    }
    *data = spool->mapped != NULL ? spool->mapped : spool->memory.data;
    *length = spool->length;
    return NULL;
}
