/* Preferences: known names have defaults, other names are the client's own. A text is
 * kept as it is, an array (subValue) or dictionary (subKey) as XML. */
#include "store/prefs.h"
#include "base/text.h"
#include "op/handlers.h"
#include "op/tree.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/* ---- prefsRead ---- */

static int compare_pref(const void *name, const void *pref)
{
    return strcmp(name, ((const ximss_pref_t *)pref)->name);
}

/* OWN is sorted by name. */
static const ximss_pref_t *find_own(const apr_array_header_t *own, const char *name)
{
    return bsearch(name, own->elts, (size_t)own->nelts, sizeof(ximss_pref_t), compare_pref);
}

/* A list of words as an array. */
static void write_list(ximss_call_t *call, const char *words)
{
    char *rest;
    char *text = apr_pstrdup(call->pool, words);
    const char *word;
    for (word = apr_strtok(text, ",", &rest); word != NULL; word = apr_strtok(NULL, ",", &rest)) {
        ximss_xml_element(call->out, "subValue", word);
    }
}

static const ximss_error_t *write_own(ximss_call_t *call, const ximss_pref_t *pref)
{
    apr_pool_t *scratch;
    const ximss_error_t *error;
    if (!pref->is_xml) {
        ximss_xml_element(call->out, pref->name, pref->value);
        return NULL;
    }
    apr_pool_create(&scratch, call->pool);
    ximss_xml_start(call->out, pref->name);
    error = ximss_tree_write(call->out, pref->value, scratch);
    ximss_xml_end(call->out);
    if (error == NULL) {
        apr_pool_destroy(scratch);
    }
    return error;
}

static void write_default(ximss_call_t *call, const ximss_preference_t *known)
{
    if (!known->is_list) {
        ximss_xml_element(call->out, known->name, known->value);
        return;
    }
    ximss_xml_start(call->out, known->name);
    write_list(call, known->value);
    ximss_xml_end(call->out);
}

/* The preference NAME; without a value of its own and a default it is left out. */
static const ximss_error_t *write_named(ximss_call_t *call, const apr_array_header_t *own,
                                        const char *name)
{
    const ximss_preference_t *known = ximss_prefs_known(name);
    const ximss_pref_t *pref = find_own(own, known != NULL ? known->name : name);
    if (pref != NULL) {
        return write_own(call, pref);
    }
    if (known != NULL) {
        write_default(call, known);
    }
    return NULL;
}

/* All of them; CUSTOM: those that the client made up. */
static const ximss_error_t *write_all(ximss_call_t *call, const apr_array_header_t *own, int custom)
{
    const ximss_preference_t *known;
    int i;
    for (known = ximss_preferences; known->name != NULL && !custom; known++) {
        XIMSS_TRY(write_named(call, own, known->name));
    }
    for (i = 0; i < own->nelts; i++) {
        const ximss_pref_t *pref = &APR_ARRAY_IDX(own, i, ximss_pref_t);
        if (ximss_prefs_known(pref->name) == NULL) {
            XIMSS_TRY(write_own(call, pref));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_op_prefs_read(ximss_call_t *call)
{
    const ximss_element_t *name = ximss_element_child(call->request, "name");
    const char *type = ximss_element_attr(call->request, "type");
    apr_array_header_t *own;
    XIMSS_TRY(ximss_account_prefs(call->account, &own, call->pool));
    ximss_call_message(call, "prefs");
    ximss_xml_attr(call->out, "type", type);
    if (name == NULL) {
        XIMSS_TRY(write_all(call, own, type != NULL && apr_cstr_casecmp(type, "custom") == 0));
    }
    for (; name != NULL && !ximss_xml_overflow(call->out);
         name = ximss_element_next(name, "name")) {
        XIMSS_TRY(write_named(call, own, ximss_element_word(name, call->pool)));
    }
    ximss_xml_end(call->out);
    return NULL;
}

/* ---- prefsStore ---- */

/* Whether ELEMENT holds an array or dictionary of such, all the way down. */
static int is_structure(const ximss_element_t *element)
{
    const ximss_element_t *child;
    for (child = element->children; child != NULL; child = child->next) {
        if (child->name == NULL) {
            if (!ximss_text_is_blank(child->text)) {
                return 0;
            }
            continue;
        }
        if (!ximss_element_is(child, "subValue") &&
            !(ximss_element_is(child, "subKey") && ximss_element_attr(child, "key") != NULL)) {
            return 0;
        }
        if (ximss_element_child(child, NULL) != NULL && !is_structure(child)) {
            return 0;
        }
    }
    return 1;
}

static const ximss_error_t *read_pref(ximss_call_t *call, const ximss_element_t *element,
                                      ximss_pref_t *pref)
{
    memset(pref, 0, sizeof(*pref));
    pref->name = element->name;
    if (ximss_element_child(element, NULL) == NULL) {
        pref->value = ximss_element_text(element, call->pool);
        if (*pref->value == '\0') {
            pref->value = NULL;
        }
        return NULL;
    }
    if (!is_structure(element)) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "preference %.255s: a value is a text, or subValue elements, or subKey "
                           "elements with \"key\"",
                           element->name);
    }
    pref->is_xml = 1;
    return ximss_tree_pack(&pref->value, element, call->context->limits->pref_bytes,
                           apr_psprintf(call->pool, "preference %.255s", element->name),
                           call->pool);
}

const ximss_error_t *ximss_op_session_zone(ximss_session_t *session, ximss_account_t *account,
                                           apr_pool_t *pool)
{
    const char *zone;
    XIMSS_TRY(ximss_prefs_get(account, "TimeZone", &zone, pool));
    /* names that nobody knows are the machine's zone, and no zone has a longer one */
    apr_cpystrn(session->zone, strlen(zone) < sizeof(session->zone) ? zone : "",
                sizeof(session->zone));
    return NULL;
}

/* The batch's replay keeps and undoes the session's zone together with what it commits. */
const ximss_error_t *ximss_op_prefs_store(ximss_call_t *call)
{
    apr_array_header_t *prefs = apr_array_make(call->pool, 8, sizeof(ximss_pref_t));
    const ximss_element_t *element;
    for (element = ximss_element_child(call->request, NULL); element != NULL;
         element = ximss_element_next(element, NULL)) {
        XIMSS_TRY(read_pref(call, element, apr_array_push(prefs)));
    }
    XIMSS_TRY(ximss_prefs_set(call->account, prefs, call->context->limits, call->pool));
    return ximss_op_session_zone(call->session, call->account, call->pool);
}
