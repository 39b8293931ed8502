/* Mailbox management (protocol text, Mailbox Management). */
#include "base/text.h"
#include "op/handlers.h"

#include <apr_cstr.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>

/* Whether "user@domain" or "user", LENGTH bytes at ACCOUNT, names the user called SELF. */
static int is_self(const char *self, const char *account, apr_size_t length)
{
    const char *at = strchr(self, '@');
    apr_size_t user = at != NULL ? (apr_size_t)(at - self) : strlen(self);
    if (memchr(account, '@', length) == NULL) {
        return length == user && apr_cstr_casecmpn(self, account, length) == 0;
    }
    return length == strlen(self) && apr_cstr_casecmpn(self, account, length) == 0;
}

const ximss_error_t *ximss_op_mailbox_name(const ximss_session_t *session, const char *given,
                                           const char **name, apr_pool_t *pool)
{
    const char *slash;
    *name = given;
    if (given[0] != '~') {
        return NULL;
    }
    slash = strchr(given, '/');
    if (slash == NULL || !is_self(session->user_name, given + 1, (apr_size_t)(slash - given - 1))) {
        return ximss_error(pool, XIMSS_E_DENIED, NULL);
    }
    *name = slash + 1;
    return NULL;
}

static const ximss_error_t *name_attr(ximss_call_t *call, const char *attribute, const char **name)
{
    const char *given;
    XIMSS_TRY(ximss_call_attr(call, attribute, &given));
    return ximss_op_mailbox_name(call->session, given, name, call->pool);
}

const ximss_error_t *ximss_op_mailbox_create(ximss_call_t *call)
{
    const char *name;
    const char *mail_class = ximss_element_attr(call->request, "mailboxClass");
    XIMSS_TRY(name_attr(call, "mailbox", &name));
    return ximss_mailbox_create(call->account, name, mail_class != NULL ? mail_class : "",
                                call->pool);
}

const ximss_error_t *ximss_op_mailbox_rename(ximss_call_t *call)
{
    const char *name;
    const char *new_name;
    int children = ximss_element_attr(call->request, "children") != NULL;
    XIMSS_TRY(name_attr(call, "mailbox", &name));
    XIMSS_TRY(name_attr(call, "newName", &new_name));
    return ximss_mailbox_rename(call->account, name, new_name, children, call->pool);
}

const ximss_error_t *ximss_op_mailbox_remove(ximss_call_t *call)
{
    const char *name;
    int children = ximss_element_attr(call->request, "children") != NULL;
    XIMSS_TRY(name_attr(call, "mailbox", &name));
    return ximss_mailbox_remove(call->account, name, children, call->pool);
}

/* ---- mailboxList ---- */

typedef struct ximss_list_t {
    const char *filter;     /* NULL: all */
    const char *mail_class; /* NULL: any */
    int pure;               /* pure folders are listed */
    apr_hash_t *parents;    /* names that have something below them */
} ximss_list_t;

/* Adds every level above NAME. */
static void add_parents(apr_hash_t *parents, const char *name, apr_pool_t *pool)
{
    const char *slash;
    for (slash = strrchr(name, '/'); slash != NULL;) {
        const char *parent = apr_pstrmemdup(pool, name, (apr_size_t)(slash - name));
        if (apr_hash_get(parents, parent, slash - name) != NULL) {
            return; /* then the levels above it are known, too */
        }
        apr_hash_set(parents, parent, slash - name, parent);
        slash = strrchr(parent, '/');
        name = parent;
    }
}

static void write_mailbox(ximss_call_t *call, const ximss_mailbox_t *mailbox, int pure, int parent)
{
    ximss_xml_t *out = call->out;
    ximss_call_message(call, "mailbox");
    ximss_xml_attr(out, "mailbox", mailbox->name);
    if (pure) {
        ximss_xml_attr(out, "pureFolder", "yes");
        ximss_xml_end(out);
        return;
    }
    ximss_xml_attr_int(out, "UIDVALIDITY", mailbox->uid_validity);
    ximss_xml_attr_int(out, "MESSAGES", mailbox->messages);
    ximss_xml_attr_int(out, "UIDNEXT", mailbox->uid_next);
    ximss_xml_attr_int(out, "UNSEEN", mailbox->unseen);
    ximss_xml_attr_int(out, "INTERNALSIZE", mailbox->bytes);
    ximss_xml_attr(out, "CLASS", mailbox->mail_class);
    ximss_xml_attr_int(out, "MEDIA", mailbox->media);
    ximss_xml_attr_int(out, "UNSEENMEDIA", mailbox->unseen_media);
    if (mailbox->messages > 0) {
        /* Without the T of other dates. */
        const char *oldest = ximss_time_gmt(mailbox->oldest, call->pool);
        ximss_xml_attr(out, "OLDEST", apr_psprintf(call->pool, "%.8s%s", oldest, oldest + 9));
    }
    ximss_xml_attr(out, "isFolder", parent ? "yes" : NULL);
    ximss_xml_end(out);
}

/* A mailbox of another class than the one asked for is only a step on the way to those below it. */
static void list_mailbox(ximss_call_t *call, const ximss_list_t *list,
                         const ximss_mailbox_t *mailbox)
{
    int parent = apr_hash_get(list->parents, mailbox->name, APR_HASH_KEY_STRING) != NULL;
    int other = !mailbox->pure && list->mail_class != NULL &&
                apr_cstr_casecmp(list->mail_class, mailbox->mail_class) != 0;
    int pure = mailbox->pure || other;
    if ((other && !parent) || (pure && !list->pure)) {
        return;
    }
    if (list->filter == NULL || ximss_text_match_list(list->filter, mailbox->name)) {
        write_mailbox(call, mailbox, pure, parent);
    }
}

const ximss_error_t *ximss_op_mailbox_list(ximss_call_t *call)
{
    ximss_list_t list = {.parents = apr_hash_make(call->pool)};
    const char *filter = ximss_element_attr(call->request, "filter");
    const char *pure = ximss_element_attr(call->request, "pureFolder");
    apr_array_header_t *mailboxes;
    int i;
    if (filter != NULL) {
        XIMSS_TRY(ximss_op_mailbox_name(call->session, filter, &list.filter, call->pool));
    }
    list.mail_class = ximss_element_attr(call->request, "mailboxClass");
    list.pure = pure == NULL || apr_cstr_casecmp(pure, "no") != 0;
    XIMSS_TRY(ximss_mailbox_list(call->account, &mailboxes, call->pool));
    for (i = 0; i < mailboxes->nelts; i++) {
        add_parents(list.parents, APR_ARRAY_IDX(mailboxes, i, ximss_mailbox_t *)->name, call->pool);
    }
    for (i = 0; i < mailboxes->nelts; i++) {
        list_mailbox(call, &list, APR_ARRAY_IDX(mailboxes, i, ximss_mailbox_t *));
    }
    return NULL;
}
