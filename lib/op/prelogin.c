/* Operations before login (protocol text, Pre-Login Operations). */
#include "base/random.h"
#include "op/handlers.h"
#include "store/prefs.h"

#include <apr_strings.h>

/* Characters of a nonce: 119 random bits. It is opaque and kept nowhere: no mechanism offered uses it. */
#define NONCE_LENGTH 20

const ximss_error_t *ximss_op_list_features(ximss_call_t *call)
{
    const char *domain;
    char nonce[NONCE_LENGTH + 1];
    XIMSS_TRY(ximss_auth_domain(call->context->store, ximss_element_attr(call->request, "domain"),
                                call->peer->host, call->context->default_domain, &domain,
                                call->pool));
    if (!ximss_random_text(nonce, NONCE_LENGTH)) {
        return ximss_error_detail(call->pool, XIMSS_E_INTERNAL, "no random numbers");
    }
    /* The protocol text has the domain as an element, clients over HTTP know it as an attribute; the bytes that an
     * uploaded file may have are ours: clients read the elements that they know. */
    ximss_call_message(call, "features");
    ximss_xml_attr(call->out, "domain", domain);
    if (domain != NULL) {
        ximss_xml_element(call->out, "domain", domain);
    }
    ximss_xml_element(call->out, "language", "");
    ximss_xml_element(call->out, "nonce", nonce);
    ximss_xml_element(call->out, "sasl", "PLAIN");
    ximss_xml_element(
        call->out, "uploadLimit",
        apr_psprintf(call->pool, "%" APR_SIZE_T_FMT, call->context->limits->upload_bytes));
    ximss_xml_end(call->out);
    return NULL;
}

/* What the preference Language says. */
static const ximss_error_t *own_language(ximss_call_t *call, const char **language)
{
    ximss_account_t *account;
    const ximss_error_t *error;
    XIMSS_TRY(ximss_account_checkout(&account, call->context->store, call->session->account_id,
                                     call->pool));
    error = ximss_prefs_get(account, "Language", language, call->pool);
    ximss_account_return(account);
    return error;
}

/* There are no vocabularies: an empty one makes clients show their own words. */
const ximss_error_t *ximss_op_read_strings(ximss_call_t *call)
{
    const char *language = ximss_element_attr(call->request, "language");
    if (language == NULL && call->session != NULL) {
        XIMSS_TRY(own_language(call, &language));
    }
    ximss_call_message(call, "strings");
    ximss_xml_attr(call->out, "language", language != NULL ? language : "");
    ximss_xml_end(call->out);
    return NULL;
}
