/* mbox files: messages lie in their order, the offset grows, and no more comes out than went in. */
#include "mime/mbox.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *data, apr_size_t size, apr_pool_t *pool)
{
    ximss_mbox_t *mbox = ximss_mbox_open(data, size, pool);
    ximss_mbox_message_t message;
    apr_size_t before = 0;
    apr_size_t sum = 0;
    volatile char last = 0;
    while (ximss_mbox_next(mbox, &message)) {
        if (ximss_mbox_offset(mbox) <= before) {
            fprintf(stderr, "no progress\n");
            abort();
        }
        before = ximss_mbox_offset(mbox);
        sum += message.length;
        last = message.length > 0 ? message.data[message.length - 1] : last;
    }
    if (before != size || sum > size) {
        fprintf(stderr, "%lu of %lu bytes\n", (unsigned long)sum, (unsigned long)size);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    apr_pool_t *pool;
    if (!initialized) {
        apr_initialize();
        initialized = 1;
    }
    apr_pool_create(&pool, NULL);
    check((const char *)data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
