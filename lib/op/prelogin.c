/* Operations before login (protocol text, Pre-Login Operations; http-binding 2). */
#include "op/handlers.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Random bytes of a nonce: 160 bits. */
#define NONCE_BYTES 20

/* A nonce in hexadecimal digits. It is opaque and kept nowhere: no mechanism offered uses it. */
static const ximss_error_t *make_nonce(char *text, apr_pool_t *pool)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[NONCE_BYTES];
    int i;
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), "getrandom");
    }
    for (i = 0; i < NONCE_BYTES; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * NONCE_BYTES] = '\0';
    return NULL;
}

const ximss_error_t *ximss_op_list_features(ximss_call_t *call)
{
    const char *domain;
    char nonce[2 * NONCE_BYTES + 1];
    XIMSS_TRY(ximss_auth_domain(call->context->store, ximss_element_attr(call->request, "domain"),
                                call->peer->host, call->context->default_domain, &domain,
                                call->pool));
    XIMSS_TRY(make_nonce(nonce, call->pool));
    /* The protocol text has the domain as an element, clients over HTTP know it as an attribute. */
    ximss_call_message(call, "features");
    ximss_xml_attr(call->out, "domain", domain);
    if (domain != NULL) {
        ximss_xml_element(call->out, "domain", domain);
    }
    ximss_xml_element(call->out, "language", "");
    ximss_xml_element(call->out, "nonce", nonce);
    ximss_xml_element(call->out, "sasl", "PLAIN");
    ximss_xml_end(call->out);
    return NULL;
}

/* There are no vocabularies: an empty one makes clients show their own words (message-details 2.8). */
const ximss_error_t *ximss_op_read_strings(ximss_call_t *call)
{
    const char *language = ximss_element_attr(call->request, "language");
    ximss_call_message(call, "strings");
    ximss_xml_attr(call->out, "language", language != NULL ? language : "");
    ximss_xml_end(call->out);
    return NULL;
}
