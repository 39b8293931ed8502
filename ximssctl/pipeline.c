/* A ring of chunks; each step takes them in ring order, so the order of the messages is kept whatever
 * thread is faster. One mutex and one condition serve all: they are touched a few times a chunk. */
#include "ximssctl/pipeline.h"

#include <apr_allocator.h>

#include <pthread.h>
#include <unistd.h>

/* Beyond IN_FLIGHT_BYTES the reader waits: a chunk can be one huge message. KEPT_BYTES of free memory stay
 * with an idle chunk, so that the next needs no new pages. */
enum {
    CHUNKS = 4,
    WORKERS_MAX = 4,
    IN_FLIGHT_BYTES = 32 * 1024 * 1024,
    KEPT_BYTES = 24 * 1024 * 1024
};

enum { CHUNK_FREE, CHUNK_FILLED, CHUNK_BUSY, CHUNK_DONE };

struct ximss_pipeline_t {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    ximss_chunk_t chunks[CHUNKS];
    unsigned int put; /* chunks so far */
    unsigned int digested;
    unsigned int taken;
    apr_size_t in_flight;
    int ended;   /* the reader has put its last chunk */
    int stopped; /* the writer wants no more */
    void (*reader)(ximss_pipeline_t *pipeline, void *baton);
    void *baton;
    const ximss_limits_t *limits;
    pthread_t threads[WORKERS_MAX + 1];
    int thread_count;
};

static void *run_reader(void *data)
{
    ximss_pipeline_t *pipeline = data;

    pipeline->reader(pipeline, pipeline->baton);
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->ended = 1;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

static void digest_chunk(const ximss_pipeline_t *pipeline, ximss_chunk_t *chunk)
{
    int i;

    for (i = 0; i < chunk->count; i++) {
        ximss_chunk_message_t *message = &chunk->messages[i];
        message->digest =
            ximss_digest_make(message->data, message->length, pipeline->limits, chunk->pool);
    }
}

static void *run_worker(void *data)
{
    ximss_pipeline_t *pipeline = data;
    ximss_chunk_t *chunk;

    pthread_mutex_lock(&pipeline->mutex);
    for (;;) {
        while (!pipeline->stopped && !pipeline->ended && pipeline->digested == pipeline->put) {
            pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
        }
        if (pipeline->stopped || pipeline->digested == pipeline->put) {
            break;
        }
        chunk = &pipeline->chunks[pipeline->digested++ % CHUNKS];
        chunk->state = CHUNK_BUSY;
        pthread_mutex_unlock(&pipeline->mutex);
        digest_chunk(pipeline, chunk);
        pthread_mutex_lock(&pipeline->mutex);
        chunk->state = CHUNK_DONE;
        pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

/* Each chunk's pool has its own allocator: pools of different threads share nothing. */
static int make_chunk_pool(ximss_chunk_t *chunk)
{
    apr_allocator_t *allocator;

    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return 0;
    }
    apr_allocator_max_free_set(allocator, KEPT_BYTES);
    if (apr_pool_create_ex(&chunk->pool, NULL, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return 0;
    }
    apr_allocator_owner_set(allocator, chunk->pool);
    return 1;
}

ximss_pipeline_t *ximss_pipeline_start(void (*reader)(ximss_pipeline_t *pipeline, void *baton),
                                       void *baton, const ximss_limits_t *limits, apr_pool_t *pool)
{
    ximss_pipeline_t *pipeline = apr_pcalloc(pool, sizeof *pipeline);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (int)cores;
    int i;

    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_cond_init(&pipeline->changed, NULL);
    pipeline->reader = reader;
    pipeline->baton = baton;
    pipeline->limits = limits;
    for (i = 0; i < CHUNKS; i++) {
        if (!make_chunk_pool(&pipeline->chunks[i])) {
            return NULL;
        }
    }
    for (i = 0; i <= workers; i++) {
        if (pthread_create(&pipeline->threads[i], NULL, i == 0 ? run_reader : run_worker,
                           pipeline) != 0) {
            ximss_pipeline_stop(pipeline);
            return NULL;
        }
        pipeline->thread_count++;
    }
    return pipeline;
}

ximss_chunk_t *ximss_pipeline_fresh(ximss_pipeline_t *pipeline)
{
    ximss_chunk_t *chunk = &pipeline->chunks[pipeline->put % CHUNKS];
    int stopped;

    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->stopped &&
           (chunk->state != CHUNK_FREE || pipeline->in_flight > IN_FLIGHT_BYTES)) {
        pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
    }
    stopped = pipeline->stopped;
    pthread_mutex_unlock(&pipeline->mutex);
    if (stopped) {
        return NULL;
    }
    apr_pool_clear(chunk->pool);
    chunk->count = 0;
    chunk->bytes = 0;
    return chunk;
}

void ximss_pipeline_put(ximss_pipeline_t *pipeline, ximss_chunk_t *chunk)
{
    pthread_mutex_lock(&pipeline->mutex);
    chunk->state = CHUNK_FILLED;
    pipeline->in_flight += chunk->bytes;
    pipeline->put++;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->mutex);
}

ximss_chunk_t *ximss_pipeline_take(ximss_pipeline_t *pipeline)
{
    ximss_chunk_t *chunk = &pipeline->chunks[pipeline->taken % CHUNKS];

    pthread_mutex_lock(&pipeline->mutex);
    while (chunk->state != CHUNK_DONE && !(pipeline->ended && pipeline->taken == pipeline->put)) {
        pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
    }
    if (chunk->state != CHUNK_DONE) {
        chunk = NULL;
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return chunk;
}

void ximss_pipeline_give_back(ximss_pipeline_t *pipeline, ximss_chunk_t *chunk)
{
    apr_pool_clear(chunk->pool);
    pthread_mutex_lock(&pipeline->mutex);
    chunk->state = CHUNK_FREE;
    pipeline->in_flight -= chunk->bytes;
    pipeline->taken++;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->mutex);
}

void ximss_pipeline_stop(ximss_pipeline_t *pipeline)
{
    int i;

    pthread_mutex_lock(&pipeline->mutex);
    pipeline->stopped = 1;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->mutex);
    for (i = 0; i < pipeline->thread_count; i++) {
        pthread_join(pipeline->threads[i], NULL);
    }
    for (i = 0; i < CHUNKS; i++) {
        if (pipeline->chunks[i].pool != NULL) {
            apr_pool_destroy(pipeline->chunks[i].pool);
        }
    }
}
