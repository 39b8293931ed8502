/* Flag names and keywords. */
#include "mime/flags.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEYWORD_MAX  100
#define KEYWORDS_MAX 100

typedef struct flag_name_t {
    const char *name;
    unsigned int bit;
    int clear; /* the name of its absence */
} flag_name_t;

/* The first name of a bit is the one that is written; Recent and Seen lead (SEED). */
static const flag_name_t names[] = {
    {"Recent", XIMSS_FLAG_RECENT, 0},
    {"NotRecent", XIMSS_FLAG_RECENT, 1},
    {"Seen", XIMSS_FLAG_SEEN, 0},
    {"Unseen", XIMSS_FLAG_SEEN, 1},
    {"Read", XIMSS_FLAG_SEEN, 0},
    {"Unread", XIMSS_FLAG_SEEN, 1},
    {"Answered", XIMSS_FLAG_ANSWERED, 0},
    {"Unanswered", XIMSS_FLAG_ANSWERED, 1},
    {"Flagged", XIMSS_FLAG_FLAGGED, 0},
    {"Unflagged", XIMSS_FLAG_FLAGGED, 1},
    {"Draft", XIMSS_FLAG_DRAFT, 0},
    {"Undraft", XIMSS_FLAG_DRAFT, 1},
    {"Drafts", XIMSS_FLAG_DRAFT, 0},
    {"Deleted", XIMSS_FLAG_DELETED, 0},
    {"Undeleted", XIMSS_FLAG_DELETED, 1},
    {"Redirected", XIMSS_FLAG_REDIRECTED, 0},
    {"UnRedirected", XIMSS_FLAG_REDIRECTED, 1},
    {"MDNSent", XIMSS_FLAG_MDNSENT, 0},
    {"NoMDNSent", XIMSS_FLAG_MDNSENT, 1},
    {"Hidden", XIMSS_FLAG_HIDDEN, 0},
    {"NotHidden", XIMSS_FLAG_HIDDEN, 1},
    {"Service", XIMSS_FLAG_SERVICE, 0},
    {"NotService", XIMSS_FLAG_SERVICE, 1},
    {"Media", XIMSS_FLAG_MEDIA, 0},
    {"NotMedia", XIMSS_FLAG_MEDIA, 1},
    {"Junk", XIMSS_FLAG_JUNK, 0},
    {"NotJunk", XIMSS_FLAG_JUNK, 1},
    {"Label1", XIMSS_FLAG_LABEL1, 0},
    {"NotLabel1", XIMSS_FLAG_LABEL1, 1},
    {"Label2", XIMSS_FLAG_LABEL2, 0},
    {"NotLabel2", XIMSS_FLAG_LABEL2, 1},
    {"Label3", XIMSS_FLAG_LABEL3, 0},
    {"NotLabel3", XIMSS_FLAG_LABEL3, 1},
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static const flag_name_t *find_name(const char *word)
{
    for (apr_size_t i = 0; i < NAMES; i++) {
        if (strcasecmp(names[i].name, word) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

static int find_keyword(const apr_array_header_t *keywords, const char *word)
{
    for (int i = 0; i < keywords->nelts; i++) {
        if (strcasecmp(APR_ARRAY_IDX(keywords, i, const char *), word) == 0) {
            return i;
        }
    }
    return -1;
}

static void drop_keyword(apr_array_header_t *keywords, const char *word)
{
    int i = find_keyword(keywords, word);
    if (i >= 0) {
        APR_ARRAY_IDX(keywords, i, const char *) =
            APR_ARRAY_IDX(keywords, keywords->nelts - 1, const char *);
        keywords->nelts--;
    }
}

static void add_keyword(apr_array_header_t *keywords, const char *word)
{
    if (find_keyword(keywords, word) < 0) {
        APR_ARRAY_PUSH(keywords, const char *) = word;
    }
}

static int keyword_ok(const char *word)
{
    apr_size_t length = strlen(word);
    for (const char *c = word; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && strchr("$_.-", *c) == NULL) {
            return 0;
        }
    }
    return length > 0 && length <= KEYWORD_MAX;
}

static const ximss_error_t *add_word(ximss_flag_change_t *change, char *word, int filter,
                                     apr_pool_t *pool)
{
    int clear = word[0] == '-';
    /* IMAP names: \Seen, $MDNSent, $Junk */
    const char *plain = word + clear + (word[clear] == '\\' || word[clear] == '$');
    const flag_name_t *flag = find_name(plain);
    apr_array_header_t *target;
    if (flag != NULL && (flag->bit != XIMSS_FLAG_RECENT || filter)) {
        unsigned int overruled = filter ? 0 : flag->bit;
        clear = clear != flag->clear;
        change->set = clear ? change->set & ~overruled : change->set | flag->bit;
        change->clear = clear ? change->clear | flag->bit : change->clear & ~overruled;
        return NULL;
    }
    if (flag != NULL || !keyword_ok(word + clear)) {
        return ximss_error(pool, XIMSS_E_BAD_REQUEST, "unknown flag: %.*s", KEYWORD_MAX, word);
    }
    target = clear ? change->clear_keywords : change->set_keywords;
    if (!filter) {
        drop_keyword(clear ? change->set_keywords : change->clear_keywords, word + clear);
    }
    if (target->nelts >= KEYWORDS_MAX) {
        return ximss_error(pool, XIMSS_E_LIMIT, "more than %d keywords", KEYWORDS_MAX);
    }
    add_keyword(target, word + clear);
    return NULL;
}

const ximss_error_t *ximss_flags_parse(ximss_flag_change_t *change, const char *list, int filter,
                                       apr_pool_t *pool)
{
    change->set = 0;
    change->clear = 0;
    change->set_keywords = apr_array_make(pool, 1, sizeof(const char *));
    change->clear_keywords = apr_array_make(pool, 1, sizeof(const char *));
    while (*list != '\0') {
        apr_size_t length = strcspn(list, ", ");
        if (length > 0) {
            XIMSS_TRY(add_word(change, apr_pstrmemdup(pool, list, length), filter, pool));
        }
        list += length;
        list += *list != '\0';
    }
    return NULL;
}

const char *ximss_flags_format(const ximss_flags_t *flags, apr_pool_t *pool)
{
    const char *text = "";
    unsigned int done = 0;
    for (apr_size_t i = 0; i < NAMES; i++) {
        unsigned int bit = names[i].bit;
        if ((flags->bits & bit) != 0 && (done & bit) == 0 && !names[i].clear) {
            text = apr_pstrcat(pool, text, *text == '\0' ? "" : ",", names[i].name, NULL);
            done |= bit;
        }
    }
    if (flags->keywords != NULL && *flags->keywords != '\0') {
        text = apr_pstrcat(pool, text, *text == '\0' ? "" : ",", flags->keywords, NULL);
    }
    return text;
}

static apr_array_header_t *split_keywords(const char *keywords, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));
    while (keywords != NULL && *keywords != '\0') {
        apr_size_t length = strcspn(keywords, ",");
        if (length > 0) {
            APR_ARRAY_PUSH(list, const char *) = apr_pstrmemdup(pool, keywords, length);
        }
        keywords += length;
        keywords += *keywords == ',';
    }
    return list;
}

/* Whether the comma-separated KEYWORDS have WORD. */
static int has_keyword(const char *keywords, const char *word)
{
    apr_size_t length = strlen(word);
    while (keywords != NULL && *keywords != '\0') {
        apr_size_t size = strcspn(keywords, ",");
        if (size == length && strncasecmp(keywords, word, length) == 0) {
            return 1;
        }
        keywords += size;
        keywords += *keywords == ',';
    }
    return 0;
}

int ximss_flags_match(const ximss_flags_t *flags, const ximss_flag_change_t *change)
{
    if ((flags->bits & change->set) != change->set || (flags->bits & change->clear) != 0) {
        return 0;
    }
    for (int i = 0; i < change->set_keywords->nelts; i++) {
        if (!has_keyword(flags->keywords, APR_ARRAY_IDX(change->set_keywords, i, const char *))) {
            return 0;
        }
    }
    for (int i = 0; i < change->clear_keywords->nelts; i++) {
        if (has_keyword(flags->keywords, APR_ARRAY_IDX(change->clear_keywords, i, const char *))) {
            return 0;
        }
    }
    return 1;
}

static int compare_words(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

ximss_flags_t ximss_flags_apply(const ximss_flags_t *flags, const ximss_flag_change_t *change,
                                apr_pool_t *pool)
{
    ximss_flags_t result = {(flags->bits | change->set) & ~change->clear, flags->keywords};
    apr_array_header_t *keywords;
    if (change->set_keywords->nelts == 0 && change->clear_keywords->nelts == 0) {
        return result;
    }
    keywords = split_keywords(flags->keywords, pool);
    for (int i = 0; i < change->clear_keywords->nelts; i++) {
        drop_keyword(keywords, APR_ARRAY_IDX(change->clear_keywords, i, const char *));
    }
    for (int i = 0; i < change->set_keywords->nelts && keywords->nelts < KEYWORDS_MAX; i++) {
        add_keyword(keywords, APR_ARRAY_IDX(change->set_keywords, i, const char *));
    }
    qsort(keywords->elts, (size_t)keywords->nelts, sizeof(const char *), compare_words);
    result.keywords = apr_array_pstrcat(pool, keywords, ',');
    return result;
}
