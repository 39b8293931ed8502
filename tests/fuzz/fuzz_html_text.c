/* The text of HTML: clean, without controls but line ends, and bounded. The input is also flowed text that is joined
 * and quoted. */
#include "base/text.h"
#include "mime/flowed.h"
#include "mime/html_text.h"
#include "mime/quote.h"

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

static void check_html(const char *data, apr_size_t size, apr_pool_t *pool)
{
    apr_size_t length;
    const char *text = ximss_html_text(data, size, &length, pool);

    if (!ximss_text_ok(text, length) || text[length] != '\0') {
        fail("the text is not clean");
    }
    if (length > 0 && text[length - 1] != '\n') {
        fail("the last line does not end");
    }
    if (length > 12 * size + 100) {
        fail("the text is too long");
    }
}

static apr_size_t count_letters(const char *text, apr_size_t length)
{
    apr_size_t count = 0;
    apr_size_t i;

    for (i = 0; i < length; i++) {
        count += strchr(" >\n", text[i]) == NULL || text[i] == '\0';
    }
    return count;
}

/* All but blanks, marks and line ends comes through. */
static void check_quote(const char *data, apr_size_t size, apr_pool_t *pool)
{
    ximss_quote_text_t text = {.flows = 1};
    ximss_buffer_t joined;
    ximss_buffer_t quoted;

    ximss_buffer_init(&joined, size, pool);
    ximss_flowed_join(&joined, data, size, size % 2 == 1);
    text.text = ximss_buffer_string(&joined);
    text.length = joined.length;
    ximss_buffer_init(&quoted, size, pool);
    ximss_quote_write(&quoted, &text, ">", 40);
    if (count_letters(data, size) != count_letters(quoted.data, quoted.length)) {
        fail("text is lost");
    }
    if (quoted.length > 8 * size + 100) {
        fail("the quoted text is too long");
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
    check_html((const char *)data, size, pool);
    check_quote((const char *)data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
