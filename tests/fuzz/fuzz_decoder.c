/* Transfer decoders and charsets. The first byte chooses the encoding and the size of the pieces, the
 * second a charset: pieces of any size give the same bytes, never more than promised, and the text is
 * clean. */
#include "base/text.h"
#include "mime/content.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Decodes in pieces of STEP bytes, each into a buffer of exactly the promised size. */
static apr_size_t decode(ximss_encoding_t encoding, const char *in, apr_size_t size,
                         apr_size_t step, char *out)
{
    ximss_decoder_t decoder;
    apr_size_t length = 0;
    apr_size_t at = 0;
    ximss_decoder_init(&decoder, encoding);
    do {
        apr_size_t piece = size - at < step ? size - at : step;
        char *exact = malloc(ximss_decoder_bound(piece));
        apr_size_t got;
        if (exact == NULL) {
            fail("no memory");
        }
        got = ximss_decoder_run(&decoder, in + at, piece, at + piece == size, exact);
        memcpy(out + length, exact, got);
        free(exact);
        length += got;
        at += piece;
    } while (at < size);
    return length;
}

static void check(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    ximss_encoding_t encoding = (ximss_encoding_t)(data[0] & 3);
    apr_size_t step = (apr_size_t)(data[0] >> 2) + 1;
    const char *in = (const char *)data + 2;
    const char *charset = NULL;
    char *whole = apr_palloc(pool, ximss_decoder_bound(size));
    char *pieces = apr_palloc(pool, ximss_decoder_bound(size));
    apr_size_t length;
    apr_size_t text_length;
    apr_size_t clean_length;
    const char *text;
    size -= 2;
    length = decode(encoding, in, size, size + 1, whole);
    if (length != decode(encoding, in, size, step, pieces) || memcmp(whole, pieces, length) != 0) {
        fail("pieces give other bytes");
    }
    for (int i = 0; i <= data[1] && ximss_charset_names[i] != NULL; i++) {
        charset = ximss_charset_names[i];
    }
    text = ximss_charset_to_utf8(charset, whole, length, &text_length, pool);
    clean_length = text_length;
    if (ximss_text_clean(text, &clean_length, pool) != text || text[text_length] != '\0') {
        fail("the text is not clean");
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
    if (size < 2) {
        return 0;
    }
    apr_pool_create(&pool, NULL);
    check(data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
