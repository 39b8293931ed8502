/* One linear pass over a document before it is parsed. It need only agree with the parser as long as the
 * document is well-formed, for at the first error the parser stops. */
#include "base/xml_scan.h"

#include <string.h>

const ximss_error_t *ximss_xml_too_many_attributes(const ximss_limits_t *limits, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_LIMIT, "an element has more than %d attributes",
                       limits->request_attributes);
}

const ximss_error_t *ximss_xml_doctype_refused(apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_BAD_REQUEST, "a document type declaration is not allowed");
}

/* The first place behind CLOSE from AT on; END when it is missing. */
static const char *skip_past(const char *at, const char *end, const char *close)
{
    const char *found = memmem(at, (size_t)(end - at), close, strlen(close));
    return found != NULL ? found + strlen(close) : end;
}

static int begins(const char *at, const char *end, const char *with)
{
    size_t length = strlen(with);
    return (size_t)(end - at) >= length && memcmp(at, with, length) == 0;
}

/* Goes behind the tag at AT and counts its attributes by their equals signs. */
static const char *skip_tag(const char *at, const char *end, int *attributes)
{
    *attributes = 0;
    for (at++; at < end && *at != '>'; at++) {
        if (*at == '=') {
            ++*attributes;
        }
        else if (*at == '"' || *at == '\'') {
            at = memchr(at + 1, *at, (size_t)(end - at - 1));
            if (at == NULL) {
                return end;
            }
        }
    }
    return at;
}

const ximss_error_t *ximss_xml_scan(const char *data, apr_size_t length,
                                    const ximss_limits_t *limits, apr_pool_t *pool)
{
    const char *end = data + length;
    const char *at = data;
    while ((at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        if (begins(at, end, "<!--")) {
            at = skip_past(at + 4, end, "-->");
        }
        else if (begins(at, end, "<![CDATA[")) {
            at = skip_past(at + 9, end, "]]>");
        }
        else if (begins(at, end, "<!")) {
            return ximss_xml_doctype_refused(pool);
        }
        else if (begins(at, end, "<?")) {
            at = skip_past(at + 2, end, "?>");
        }
        else {
            int attributes;
            at = skip_tag(at, end, &attributes);
            if (attributes > limits->request_attributes) {
                return ximss_xml_too_many_attributes(limits, pool);
            }
        }
    }
    return NULL;
}
