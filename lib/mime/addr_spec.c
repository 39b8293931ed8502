/* See addr_spec.h. */
#include "mime/addr_spec.h"

#include "base/text.h"

#include <apr_lib.h>
#include <string.h>

int ximss_addr_atext(char c)
{
    return apr_isalnum(c) || (unsigned char)c >= 0x80 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

const char *ximss_addr_local_end(const char *text)
{
    const char *start = text;
    while (ximss_addr_atext(*text) || *text == '.') {
        text++;
    }
    return text > start ? text : NULL;
}

const char *ximss_addr_quoted_end(const char *text)
{
    for (text++; *text != '"'; text++) {
        text += *text == '\\';
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            return NULL;
        }
    }
    return text + 1;
}

/* Behind the domain at TEXT: atoms with single dots between them. NULL when there is none. */
static const char *skip_domain(const char *text)
{
    while (ximss_addr_atext(*text)) {
        while (ximss_addr_atext(*text)) {
            text++;
        }
        if (*text != '.') {
            return text;
        }
        text++;
    }
    return NULL;
}

/* Behind the domain literal at TEXT, NULL when it is none. */
static const char *skip_literal(const char *text)
{
    for (text++; *text != ']'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7F ||
            strchr("[\\", *text) != NULL) {
            return NULL;
        }
    }
    return text + 1;
}

int ximss_addr_ok(const char *addr)
{
    apr_size_t length = strnlen(addr, XIMSS_ADDR_MAX + 1);
    if (length == 0 || length > XIMSS_ADDR_MAX || !ximss_text_ok(addr, length) ||
        strstr(addr, "=?") != NULL) {
        return 0;
    }
    addr = *addr == '"' ? ximss_addr_quoted_end(addr) : ximss_addr_local_end(addr);
    if (addr != NULL && *addr == '@') {
        addr = addr[1] == '[' ? skip_literal(addr + 1) : skip_domain(addr + 1);
    }
    return addr != NULL && *addr == '\0';
}
