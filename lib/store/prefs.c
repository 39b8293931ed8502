/* Preferences: the account's own value, else the default of the vendor's sample settings, in one table sorted by name. */
#include "store/prefs.h"
#include "base/text.h"
#include "base/xml_out.h"
#include "store/provider.h"

#include <apr_cstr.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 255

/* clang-format off */
const ximss_preference_t ximss_preferences[] = {
    {"ArchiveBox", "Archive", 0},
    {"AutoSavePeriod", "5m", 0},
    {"CalendarBox", "Calendar", 0},
    {"Charset", "utf-8", 0},
    {"ContactsBox", "Contacts", 0},
    {"DeleteMode", "Move To Trash", 0},
    {"DescSort", "NO", 0},
    {"DraftsBox", "Drafts", 0},
    {"EmptyJunk", "7d", 0},
    {"EmptyTrash", "15d", 0},
    {"Fields", "From,Sender,Subject,Date,To,Cc", 1},
    {"HistoryBox", "History", 0},
    {"IPWatch", "YES", 0},
    {"InboxDisplay", "INBOX", 0},
    {"JunkBox", "Junk", 0},
    {"KeepTimeInTrash", "NO", 0},
    {"Language", "", 0},
    {"LanguageMenu", "", 1},
    {"MailboxRefresh", "1m", 0},
    {"MailerWidth", "72", 0},
    {"MessagesInView", "20", 0},
    {"NotesBox", "Notes", 0},
    {"OutboxDisplay", "Outbox", 0},
    {"PublishFreeBusy", "60", 0},
    {"ReplyHeader", "On ^T^N ^F wrote:", 0},
    {"ReplyQuote", ">", 0},
    {"RosterIMMode", "everybody", 0},
    {"SMIMEEncryptionType", "RC2 40bit", 0},
    {"SendMDNMode", "Automatically", 0},
    {"SentBox", "Sent Items", 0},
    {"ShowSubscribed", "NO", 0},
    {"Signature", "", 0},
    {"SkinName", "XChange", 0},
    {"SortCol", "5", 0},
    {"TasksBox", "Tasks", 0},
    {"TimeZone", "HostOS", 0},
    {"TrashBox", "Trash", 0},
    {"UseCookie", "NO", 0},
    {"UseHTMLCompose", "NO", 0},
    {"WeekStart", "Mon", 0},
    {"WorkDayEnd", "61200", 0},
    {"WorkDayStart", "28800", 0},
    {"WorkDays", "Mon,Tue,Wed,Thu,Fri", 1},
    {NULL, NULL, 0},
};
/* clang-format on */

#define KNOWN (sizeof(ximss_preferences) / sizeof(ximss_preferences[0]) - 1)

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const ximss_preference_t *)row)->name);
}

const char *ximss_prefs_default(const char *name)
{
    const ximss_preference_t *found =
        bsearch(name, ximss_preferences, KNOWN, sizeof(ximss_preferences[0]), compare);

    return found != NULL ? found->value : NULL;
}

const ximss_preference_t *ximss_prefs_known(const char *name)
{
    const ximss_preference_t *known;

    for (known = ximss_preferences; known->name != NULL; known++) {
        if (apr_cstr_casecmp(known->name, name) == 0) {
            return known;
        }
    }
    return NULL;
}

const ximss_error_t *ximss_prefs_get(ximss_account_t *account, const char *name, const char **value,
                                     apr_pool_t *pool)
{
    XIMSS_TRY(ximss_account_pref(account, name, value, pool));
    if (*value == NULL) {
        *value = ximss_prefs_default(name);
    }
    return NULL;
}

static const ximss_error_t *check(const ximss_pref_t *pref, const ximss_preference_t *known,
                                  const ximss_limits_t *limits, apr_pool_t *pool)
{
    if (strlen(pref->name) > NAME_BYTES || !ximss_xml_name_ok(pref->name)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST,
                           "the name of a preference is an ASCII XML name of at most %d bytes",
                           NAME_BYTES);
    }
    if (pref->value == NULL) {
        return NULL;
    }
    if (pref->is_xml && known != NULL && !known->is_list) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "preference %s is a text", known->name);
    }
    if (strlen(pref->value) > limits->pref_bytes) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "preference %s has more than %" APR_SIZE_T_FMT " bytes", pref->name,
                           limits->pref_bytes);
    }
    return ximss_text_ok(pref->value, strlen(pref->value))
               ? NULL
               : ximss_error(pool, XIMSS_E_BAD_REQUEST, "preference %s is not UTF-8", pref->name);
}

static const ximss_error_t *too_many(const ximss_limits_t *limits, apr_pool_t *pool)
{
    return ximss_error(pool, XIMSS_E_LIMIT, "an account has at most %d preferences of its own",
                       limits->prefs);
}

static const ximss_error_t *check_total(ximss_account_t *account, const ximss_limits_t *limits,
                                        apr_pool_t *pool)
{
    apr_int64_t count;
    apr_int64_t bytes;

    XIMSS_TRY(account->store->provider->mail->pref_total(account, &count, &bytes, pool));
    if (count > limits->prefs) {
        return too_many(limits, pool);
    }
    return bytes <= (apr_int64_t)limits->prefs_bytes
               ? NULL
               : ximss_error(pool, XIMSS_E_LIMIT,
                             "the preferences of an account have at most %" APR_SIZE_T_FMT " bytes",
                             limits->prefs_bytes);
}

const ximss_error_t *ximss_prefs_set(ximss_account_t *account, const apr_array_header_t *prefs,
                                     const ximss_limits_t *limits, apr_pool_t *pool)
{
    int i;

    if (prefs->nelts > limits->prefs + (int)KNOWN) {
        return too_many(limits, pool);
    }
    for (i = 0; i < prefs->nelts; i++) {
        ximss_pref_t pref = APR_ARRAY_IDX(prefs, i, ximss_pref_t);
        const ximss_preference_t *known = ximss_prefs_known(pref.name);

        pref.name = known != NULL ? known->name : pref.name;
        XIMSS_TRY(check(&pref, known, limits, pool));
        XIMSS_TRY(ximss_account_pref_put(account, &pref, pool));
    }
    return check_total(account, limits, pool);
}
