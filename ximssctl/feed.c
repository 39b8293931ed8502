/* Runs in the reading thread of an import. Memory of a message is its chunk's; an mbox is mapped, and pages
 * that were read are given back at once, so that its size does not matter. */
#include "ximssctl/feed.h"
#include "mime/flags.h"
#include "mime/mbox.h"
#include "ximssctl/walk.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void note_problem(ximss_feed_t *feed, const char *path, const char *why)
{
    if (feed->failed++ == 0) {
        if (why != NULL) {
            snprintf(feed->problem, sizeof feed->problem, "%.4000s: %s", path, why);
        }
        else {
            apr_cpystrn(feed->problem, path, sizeof feed->problem);
        }
    }
}

/* Adds message fields of the letters of a Maildir name (the order of the letters is that of ASCII, but
 * not every program keeps it). */
void ximss_feed_maildir_name(const char *name, ximss_chunk_message_t *message)
{
    static const char letters[] = "DFPRST";
    static const unsigned int flags[] = {XIMSS_FLAG_DRAFT,      XIMSS_FLAG_FLAGGED,
                                         XIMSS_FLAG_REDIRECTED, XIMSS_FLAG_ANSWERED,
                                         XIMSS_FLAG_SEEN,       XIMSS_FLAG_DELETED};
    const char *info = strrchr(name, ':');
    apr_int64_t seconds = 0;
    int digits = 0;

    while (apr_isdigit(name[digits]) && digits < 12) {
        seconds = seconds * 10 + (name[digits] - '0');
        digits++;
    }
    if (digits > 0 && digits < 12 && name[digits] == '.') {
        message->date_valid = 1;
        message->date = seconds;
    }
    if (info == NULL || info[1] != '2' || info[2] != ',') {
        return;
    }
    for (info += 3; *info != '\0'; info++) {
        const char *letter = strchr(letters, *info);
        if (letter != NULL) {
            message->flags |= flags[letter - letters];
        }
    }
}

/* Adds the flags that the letters of a Status or X-Status value stand for. */
static unsigned int status_letters(const char *value, const char *end)
{
    unsigned int flags = 0;

    for (; value < end; value++) {
        switch (*value) {
        case 'R':
            flags |= XIMSS_FLAG_SEEN;
            break;
        case 'A':
            flags |= XIMSS_FLAG_ANSWERED;
            break;
        case 'F':
            flags |= XIMSS_FLAG_FLAGGED;
            break;
        case 'T':
            flags |= XIMSS_FLAG_DRAFT;
            break;
        case 'D':
            flags |= XIMSS_FLAG_DELETED;
            break;
        default: /* "O" is no flag of ours */
            break;
        }
    }
    return flags;
}

unsigned int ximss_feed_status_flags(const char *data, apr_size_t length)
{
    const char *const end = data + length;
    unsigned int flags = 0;

    while (data < end && *data != '\n' && *data != '\r') {
        const char *line_end = memchr(data, '\n', (size_t)(end - data));
        if (line_end == NULL) {
            line_end = end;
        }
        if (line_end - data > 7 && strncasecmp(data, "Status:", 7) == 0) {
            flags |= status_letters(data + 7, line_end);
        }
        else if (line_end - data > 9 && strncasecmp(data, "X-Status:", 9) == 0) {
            flags |= status_letters(data + 9, line_end);
        }
        data = line_end + (line_end < end);
    }
    return flags;
}

/* A place for a message of LENGTH bytes, in a chunk that may be a new one; NULL when the import stops. */
static ximss_chunk_message_t *place_message(ximss_feed_t *feed, const char *path, apr_size_t length)
{
    ximss_chunk_t *chunk = feed->chunk;
    ximss_chunk_message_t *message;

    if (chunk != NULL && (chunk->count == XIMSS_CHUNK_MESSAGES ||
                          (chunk->count > 0 && chunk->bytes + length > XIMSS_CHUNK_BYTES))) {
        ximss_pipeline_put(feed->pipeline, chunk);
        chunk = NULL;
    }
    if (chunk == NULL) {
        chunk = ximss_pipeline_fresh(feed->pipeline);
        feed->chunk = chunk;
        if (chunk == NULL) {
            return NULL;
        }
    }
    message = &chunk->messages[chunk->count++];
    memset(message, 0, sizeof *message);
    message->path = apr_pstrdup(chunk->pool, path);
    message->length = length;
    chunk->bytes += length;
    return message;
}

/* Whether a message of LENGTH bytes is one to import; counts it when not. */
static int is_wanted(ximss_feed_t *feed, const char *path, apr_size_t length)
{
    if (length == 0) {
        feed->empty++;
        return 0;
    }
    if (length > feed->limits->message_bytes) {
        note_problem(feed, path, "the message is larger than the limit");
        return 0;
    }
    return 1;
}

/* Reads at most LENGTH bytes; how many, or -1. */
static apr_ssize_t read_whole(int fd, char *data, apr_size_t length)
{
    apr_size_t done = 0;

    while (done < length) {
        ssize_t got = read(fd, data + done, length - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (apr_ssize_t)done;
        }
        done += (apr_size_t)got;
    }
    return (apr_ssize_t)done;
}

/* One file, one message. Nonzero when the import stops. */
static int feed_file(ximss_feed_t *feed, const ximss_caller_record_t *record)
{
    ximss_chunk_message_t *message;
    struct stat info;
    apr_ssize_t got;
    char *data;

    if (fstat(record->fd, &info) != 0) {
        note_problem(feed, record->text, strerror(errno));
        return 0;
    }
    if (!is_wanted(feed, record->text, (apr_size_t)info.st_size)) {
        return 0;
    }
    message = place_message(feed, record->text, (apr_size_t)info.st_size);
    if (message == NULL) {
        return 1;
    }
    data = apr_palloc(feed->chunk->pool, message->length);
    got = data != NULL ? read_whole(record->fd, data, message->length) : -1;
    if (got <= 0) {
        note_problem(feed, record->text, got < 0 ? strerror(errno) : "was emptied meanwhile");
        feed->chunk->count--;
        return 0;
    }
    message->data = data;
    message->length = (apr_size_t)got;
    if (record->kind == XIMSS_WALK_MAILDIR) {
        const char *name = strrchr(record->text, '/');
        ximss_feed_maildir_name(name != NULL ? name + 1 : record->text, message);
    }
    return 0;
}

/* One message of an mbox; nonzero when the import stops. */
static int feed_mbox_message(ximss_feed_t *feed, const char *path,
                             const ximss_mbox_message_t *source)
{
    ximss_chunk_message_t *message;

    if (!is_wanted(feed, path, source->length)) {
        return 0;
    }
    message = place_message(feed, path, source->length);
    if (message == NULL) {
        return 1;
    }
    message->data = apr_pmemdup(feed->chunk->pool, source->data, source->length);
    message->date_valid = source->date_valid;
    message->date = source->date;
    message->flags = ximss_feed_status_flags(message->data, message->length);
    return 0;
}

/* Gives back the pages of MAP from *DROPPED to OFFSET, in large steps. */
static void drop_pages(char *map, apr_size_t offset, apr_size_t *dropped)
{
    const apr_size_t step = 4 * 1024 * 1024;

    while (offset - *dropped >= 2 * step) {
        madvise(map + *dropped, step, MADV_DONTNEED);
        *dropped += step;
    }
}

static int feed_mbox(ximss_feed_t *feed, const ximss_caller_record_t *record)
{
    ximss_mbox_message_t message;
    apr_size_t dropped = 0;
    apr_size_t length;
    apr_pool_t *pool;
    ximss_mbox_t *mbox;
    struct stat info;
    int stopped = 0;
    char *map;

    map = MAP_FAILED;
    if (fstat(record->fd, &info) == 0) {
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, record->fd, 0);
    }
    if (map == MAP_FAILED) {
        note_problem(feed, record->text, strerror(errno));
        return 0;
    }
    length = (apr_size_t)info.st_size;
    madvise(map, length, MADV_SEQUENTIAL);
    apr_pool_create(&pool, NULL);
    mbox = ximss_mbox_open(map, length, pool);
    while (!stopped && ximss_mbox_next(mbox, &message)) {
        stopped = feed_mbox_message(feed, record->text, &message);
        drop_pages(map, ximss_mbox_offset(mbox), &dropped);
    }
    apr_pool_destroy(pool);
    munmap(map, length);
    return stopped;
}

/* Handles one record of the walk; nonzero at the end. */
static int feed_record(ximss_feed_t *feed, const ximss_caller_record_t *record)
{
    switch (record->kind) {
    case XIMSS_WALK_MESSAGE:
    case XIMSS_WALK_MAILDIR:
        return feed_file(feed, record);
    case XIMSS_WALK_MBOX:
        return feed_mbox(feed, record);
    case XIMSS_WALK_PROBLEM:
        note_problem(feed, record->text, NULL);
        return 0;
    case XIMSS_WALK_FATAL:
        feed->fatal = 1;
        note_problem(feed, record->text, NULL);
        return 1;
    default:
        return 1;
    }
}

void ximss_feed_run(ximss_pipeline_t *pipeline, void *baton)
{
    ximss_feed_t *feed = baton;
    ximss_caller_record_t record;
    int ended = 0;

    feed->pipeline = pipeline;
    while (!ended) {
        if (ximss_caller_receive(feed->line, &record) <= 0) {
            feed->fatal = 1;
            note_problem(feed, "the process that reads the PATHs ended early", NULL);
            break;
        }
        ended = feed_record(feed, &record);
        if (record.fd >= 0) {
            close(record.fd);
        }
    }
    if (feed->chunk != NULL) {
        ximss_pipeline_put(pipeline, feed->chunk);
    }
}
