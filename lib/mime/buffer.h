/* A growing run of bytes in a pool, for the decoders of this folder. */
#ifndef XIMSS_MIME_BUFFER_H
#define XIMSS_MIME_BUFFER_H

#include <apr_pools.h>
#include <string.h>

typedef struct ximss_buffer_t {
    char *data;
    apr_size_t length;
    apr_size_t room;
    apr_pool_t *pool;
} ximss_buffer_t;

/* Starts an empty buffer that holds ROOM bytes before it has to grow. */
static inline void ximss_buffer_init(ximss_buffer_t *buffer, apr_size_t room, apr_pool_t *pool)
{
    buffer->data = apr_palloc(pool, room + 1);
    buffer->length = 0;
    buffer->room = room;
    buffer->pool = pool;
}

/* Makes space for MORE bytes. Doubling keeps the sum of what the pool gives linear. */
static inline void ximss_buffer_reserve(ximss_buffer_t *buffer, apr_size_t more)
{
    if (buffer->room - buffer->length < more) {
        apr_size_t room = buffer->room * 2 + more;
        char *data = apr_palloc(buffer->pool, room + 1);
        memcpy(data, buffer->data, buffer->length);
        buffer->data = data;
        buffer->room = room;
    }
}

static inline void ximss_buffer_put(ximss_buffer_t *buffer, char byte)
{
    ximss_buffer_reserve(buffer, 1);
    buffer->data[buffer->length++] = byte;
}

static inline void ximss_buffer_add(ximss_buffer_t *buffer, const char *bytes, apr_size_t length)
{
    if (length > 0) {
        ximss_buffer_reserve(buffer, length);
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
    }
}

/* The bytes with a NUL behind them. */
static inline char *ximss_buffer_string(ximss_buffer_t *buffer)
{
    buffer->data[buffer->length] = '\0';
    return buffer->data;
}

#endif
