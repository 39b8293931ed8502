/* See path.h. Wider than the grammar where that does no harm (dots in a row), never as to where an address ends. */
#include "submit/path.h"

#include "base/text.h"
#include "mime/addr_spec.h"

#include <apr_strings.h>

#include <string.h>

/* Characters that stand in no local part or domain outside quotes. */
static int is_plain(char byte)
{
    return (unsigned char)byte > ' ' && byte != 0x7f && strchr("<>()\\\"@,;", byte) == NULL;
}

static const char *skip_plain(const char *text)
{
    while (is_plain(*text)) {
        text++;
    }
    return text;
}

/* Behind "@one,@two:" at TEXT; TEXT itself when it is none. */
static const char *skip_route(const char *text)
{
    const char *colon = strchr(text, ':');
    const char *end = strchr(text, '>');

    return *text == '@' && colon != NULL && (end == NULL || colon < end) ? colon + 1 : text;
}

/* Behind the mailbox at TEXT; NULL: there is none. */
static const char *skip_mailbox(const char *text)
{
    const char *at = *text == '"' ? ximss_addr_quoted_end(text) : skip_plain(text);
    const char *end;

    if (at == NULL || at == text || *at != '@') {
        return NULL;
    }
    end = skip_plain(at + 1);
    return end > at + 1 ? end : NULL;
}

const char *ximss_path_read(const char **text, apr_pool_t *pool)
{
    const char *start = *text;
    const char *end;

    if (*start != '<') {
        return NULL;
    }
    start = skip_route(start + 1);
    end = *start == '>' ? start : skip_mailbox(start);
    if (end == NULL || *end != '>' || end - start > XIMSS_ADDR_MAX ||
        !ximss_text_ok(start, (apr_size_t)(end - start))) {
        return NULL;
    }
    *text = end + 1;
    return apr_pstrmemdup(pool, start, (apr_size_t)(end - start));
}
