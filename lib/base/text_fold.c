/* Unicode simple case folding by a table of our own, frozen at Unicode 15.0: search indexes and sort
 * keys hold folded text, so the folding must not change with a library or a locale. */
#include "base/text.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct fold_run_t {
    apr_uint32_t first;
    apr_uint32_t last;
    int step;
    int shift;
} fold_run_t;

/* Sorted by code point. */
static const fold_run_t fold_runs[] = {
#include "base/casefold.inc"
};

enum {
    FOLD_RUNS = sizeof(fold_runs) / sizeof(fold_runs[0]),
    BLOCK_BYTES = 16384, /* folded at a time by a search */
    BLOCK_NEEDLE = 4096, /* the longest needle that such a block serves well */
    FOLD_GROWTH = 4      /* spare bytes that folding one character may need */
};

static apr_uint32_t fold_code(apr_uint32_t code)
{
    int low = 0;
    int high = FOLD_RUNS - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        const fold_run_t *run = &fold_runs[middle];
        if (code < run->first) {
            high = middle - 1;
        }
        else if (code > run->last) {
            low = middle + 1;
        }
        else if ((code - run->first) % (apr_uint32_t)run->step != 0) {
            return code;
        }
        else {
            return (apr_uint32_t)((apr_int64_t)code + run->shift);
        }
    }
    return code;
}

static unsigned char fold_ascii(unsigned char byte)
{
    return (unsigned char)(byte + ((unsigned)(byte - 'A') < 26 ? 'a' - 'A' : 0));
}

/* Folds the eight bytes at AT when all are ASCII; most text is. */
static int fold_eight(unsigned char *out, const unsigned char *at)
{
    apr_uint64_t word;
    memcpy(&word, at, sizeof(word));
    if ((word & APR_UINT64_C(0x8080808080808080)) != 0) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof(word); i++) {
        out[i] = fold_ascii(at[i]);
    }
    return 1;
}

/* Folds from *TEXT up to END or until OUT is nearly full (ROOM bytes, at least 8). Moves *TEXT and
 * returns the bytes written. A byte that is no UTF-8 stays as it is. */
static apr_size_t fold_some(unsigned char *out, apr_size_t room, const unsigned char **text,
                            const unsigned char *end)
{
    const unsigned char *at = *text;
    apr_size_t used = 0;
    while (at < end && room - used >= 8) {
        if (end - at >= 8 && fold_eight(out + used, at)) {
            at += 8;
            used += 8;
        }
        else if (*at < 0x80) {
            out[used++] = fold_ascii(*at++);
        }
        else {
            apr_uint32_t code;
            unsigned length = ximss_utf8_decode(at, end, &code);
            if (length == 0) {
                out[used++] = *at++;
            }
            else {
                used += ximss_utf8_encode(out + used, fold_code(code));
                at += length;
            }
        }
    }
    *text = at;
    return used;
}

char *ximss_text_fold(const char *text, apr_size_t length, apr_size_t *folded_length,
                      apr_pool_t *pool)
{
    /* Two bytes become three at worst (U+023A), and fold_some() keeps eight bytes free. */
    apr_size_t room = length + length / 2 + 8 + FOLD_GROWTH;
    unsigned char *folded = apr_palloc(pool, room);
    const unsigned char *at = (const unsigned char *)text;
    apr_size_t used = fold_some(folded, room, &at, at + length);
    folded[used] = '\0';
    if (folded_length != NULL) {
        *folded_length = used;
    }
    return (char *)folded;
}

/* Searches block by block, each beginning with the end of the one before: memmem() is linear, and
 * needs no table. */
static int contains_by_blocks(unsigned char *block, apr_size_t room, const char *haystack,
                              apr_size_t length, const char *needle, apr_size_t needle_length)
{
    const unsigned char *at = (const unsigned char *)haystack;
    const unsigned char *end = at + length;
    apr_size_t kept = 0;
    while (at < end) {
        apr_size_t filled = kept + fold_some(block + kept, room - kept, &at, end);
        if (memmem(block, filled, needle, needle_length) != NULL) {
            return 1;
        }
        kept = filled < needle_length - 1 ? filled : needle_length - 1;
        memmove(block, block + filled - kept, kept);
    }
    return 0;
}

int ximss_text_contains_folded(const char *haystack, apr_size_t length, const char *needle,
                               apr_size_t needle_length)
{
    if (needle_length == 0) {
        return 1;
    }
    if (needle_length > length + length / 2) {
        return 0;
    }
    if (needle_length <= BLOCK_NEEDLE) {
        unsigned char block[BLOCK_BYTES];
        return contains_by_blocks(block, sizeof(block), haystack, length, needle, needle_length);
    }
    apr_size_t room = needle_length * 4;
    unsigned char *block = malloc(room);
    if (block == NULL) {
        abort(); /* as APR pools do: a wrong answer would be worse */
    }
    int found = contains_by_blocks(block, room, haystack, length, needle, needle_length);
    free(block);
    return found;
}
