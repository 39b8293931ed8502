/* Names of domains, accounts and mailboxes, see names.h. */
#include "store/names.h"
#include "base/text.h"

#include <apr_strings.h>
#include <string.h>
#include <strings.h>

/* Longest domain name or account name, and mailbox name, in bytes. */
#define ACCOUNT_MAX 255
#define MAILBOX_MAX 1000
#define ID_MAX      63

/* Whether NAME is valid UTF-8 (of characters that XML can carry) without control characters. */
static int clean_text(const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    const unsigned char *c;

    if (ximss_text_clean(name, &length, pool) != name) {
        return 0;
    }
    for (c = (const unsigned char *)name; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) {
            return 0;
        }
    }
    return 1;
}

static const ximss_error_t *bad_name(const char *what, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_BAD_REQUEST, "this %s name is not allowed", what);
}

const ximss_error_t *ximss_name_fold(const char **folded, const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);

    if (length == 0 || length > ACCOUNT_MAX || strpbrk(name, " /@") != NULL ||
        !clean_text(name, pool)) {
        return bad_name("domain or account", pool);
    }
    *folded = ximss_text_fold(name, length, &length, pool);
    return length <= ACCOUNT_MAX ? NULL : bad_name("domain or account", pool);
}

const ximss_error_t *ximss_name_account(const char **folded, const char **domain, const char *name,
                                        apr_pool_t *pool)
{
    const char *at = strchr(name, '@');
    const char *user;

    if (at == NULL) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "an account name is user@domain");
    }
    XIMSS_TRY(ximss_name_fold(&user, apr_pstrmemdup(pool, name, (apr_size_t)(at - name)), pool));
    XIMSS_TRY(ximss_name_fold(domain, at + 1, pool));
    *folded = apr_pstrcat(pool, user, "@", *domain, NULL);
    return strlen(*folded) <= ACCOUNT_MAX ? NULL : bad_name("account", pool);
}

const char *ximss_name_inbox(const char *name, apr_pool_t *pool)
{
    if (strncasecmp(name, "INBOX", 5) != 0 || (name[5] != '\0' && name[5] != '/')) {
        return name;
    }
    return apr_pstrcat(pool, "INBOX", name + 5, NULL);
}

const ximss_error_t *ximss_name_mailbox(const char **clean, int *pure, const char *name,
                                        apr_pool_t *pool)
{
    apr_size_t length = strlen(name);

    *pure = length > 1 && name[length - 1] == '/';
    if (*pure) {
        length--;
        name = apr_pstrmemdup(pool, name, length);
    }
    /* "~" begins the name of another account's mailbox: nobody could reach this one by it */
    if (length == 0 || length > MAILBOX_MAX || name[0] == '/' || name[0] == '~' ||
        name[length - 1] == '/' || strstr(name, "//") != NULL || !clean_text(name, pool)) {
        return bad_name("mailbox", pool);
    }
    *clean = ximss_name_inbox(name, pool);
    return NULL;
}

/* Whether the LENGTH bytes at LEVEL can be one level of a file's name. */
static int is_level(const char *level, apr_size_t length)
{
    return length > 2 || (length == 1 && level[0] != '.') ||
           (length == 2 && strncmp(level, "..", 2) != 0);
}

const ximss_error_t *ximss_name_file(const char **clean, const char *name, apr_pool_t *pool)
{
    apr_size_t length;
    const char *level;
    int levels = 0;

    name += name[0] == '/';
    length = strlen(name);
    length -= length > 0 && name[length - 1] == '/';
    *clean = name = apr_pstrmemdup(pool, name, length);
    if (length == 0) {
        return NULL;
    }
    if (length > XIMSS_FILE_NAME_BYTES || name[0] == '~' || !clean_text(name, pool)) {
        return bad_name("file", pool);
    }
    for (level = name; level != NULL; level = level[length] == '/' ? level + length + 1 : NULL) {
        length = strcspn(level, "/");
        if (!is_level(level, length) || ++levels > XIMSS_FILE_NAME_LEVELS) {
            return bad_name("file", pool);
        }
    }
    return NULL;
}

int ximss_name_id_ok(const char *id)
{
    apr_size_t length;

    if (id == NULL) {
        return 0;
    }
    length = strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    return length > 0 && length <= ID_MAX && id[length] == '\0';
}
