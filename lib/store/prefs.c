/* Preferences: the account's own value, else the default of message-details 2.7 (the vendor's sample
 * settings), in one table sorted by name. */
#include "store/prefs.h"

#include <stdlib.h>
#include <string.h>

typedef struct preference_t {
    const char *name;
    const char *value;
} preference_t;

/* clang-format off */
static const preference_t defaults[] = {
    {"ArchiveBox", "Archive"},
    {"AutoSavePeriod", "5m"},
    {"CalendarBox", "Calendar"},
    {"Charset", "utf-8"},
    {"ContactsBox", "Contacts"},
    {"DeleteMode", "Move To Trash"},
    {"DescSort", "NO"},
    {"DraftsBox", "Drafts"},
    {"EmptyJunk", "7d"},
    {"EmptyTrash", "15d"},
    {"Fields", "From,Sender,Subject,Date,To,Cc"},
    {"HistoryBox", "History"},
    {"IPWatch", "YES"},
    {"InboxDisplay", "INBOX"},
    {"JunkBox", "Junk"},
    {"KeepTimeInTrash", "NO"},
    {"Language", ""},
    {"LanguageMenu", ""},
    {"MailboxRefresh", "1m"},
    {"MailerWidth", "72"},
    {"MessagesInView", "20"},
    {"NotesBox", "Notes"},
    {"OutboxDisplay", "Outbox"},
    {"PublishFreeBusy", "60"},
    {"ReplyHeader", "On ^T^N ^F wrote:"},
    {"ReplyQuote", ">"},
    {"RosterIMMode", "everybody"},
    {"SMIMEEncryptionType", "RC2 40bit"},
    {"SendMDNMode", "Automatically"},
    {"SentBox", "Sent Items"},
    {"ShowSubscribed", "NO"},
    {"Signature", ""},
    {"SkinName", "XChange"},
    {"SortCol", "5"},
    {"TasksBox", "Tasks"},
    {"TimeZone", "HostOS"},
    {"TrashBox", "Trash"},
    {"UseCookie", "NO"},
    {"UseHTMLCompose", "NO"},
    {"WeekStart", "Mon"},
    {"WorkDayEnd", "61200"},
    {"WorkDayStart", "28800"},
    {"WorkDays", "Mon,Tue,Wed,Thu,Fri"},
};
/* clang-format on */

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const preference_t *)row)->name);
}

const char *ximss_prefs_default(const char *name)
{
    const preference_t *found = bsearch(name, defaults, sizeof(defaults) / sizeof(defaults[0]),
                                        sizeof(defaults[0]), compare);

    return found != NULL ? found->value : NULL;
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
