/* Message flags: names, negatives, bits. */
#ifndef XIMSS_MIME_FLAGS_H
#define XIMSS_MIME_FLAGS_H

#include "base/error.h"

#include <apr_tables.h>

enum {
    XIMSS_FLAG_SEEN = 1 << 0,
    XIMSS_FLAG_ANSWERED = 1 << 1,
    XIMSS_FLAG_FLAGGED = 1 << 2,
    XIMSS_FLAG_DRAFT = 1 << 3,
    XIMSS_FLAG_DELETED = 1 << 4,
    XIMSS_FLAG_REDIRECTED = 1 << 5,
    XIMSS_FLAG_MDNSENT = 1 << 6,
    XIMSS_FLAG_HIDDEN = 1 << 7,
    XIMSS_FLAG_SERVICE = 1 << 8,
    XIMSS_FLAG_MEDIA = 1 << 9,
    XIMSS_FLAG_JUNK = 1 << 10,
    XIMSS_FLAG_LABEL1 = 1 << 11,
    XIMSS_FLAG_LABEL2 = 1 << 12,
    XIMSS_FLAG_LABEL3 = 1 << 13,
    XIMSS_FLAG_RECENT = 1 << 30 /* computed, never stored */
};

typedef struct ximss_flags_t {
    unsigned int bits;
    const char *keywords; /* other names, comma separated, sorted, "" if none */
} ximss_flags_t;

/* What a list of flag names asks for: names to set and names (negatives) to clear. */
typedef struct ximss_flag_change_t {
    unsigned int set;
    unsigned int clear;
    apr_array_header_t *set_keywords; /* const char * */
    apr_array_header_t *clear_keywords;
} ximss_flag_change_t;

/* Reads a comma-separated list of flag names and negative names, letter case ignored: every pair that the
 * protocol's clients know, "Read", "Drafts", IMAP names with a backslash or "$". Any other word of
 * [A-Za-z0-9$_.-] is a keyword, "Not" + keyword or "Un" + keyword is not taken as its negative, "-keyword"
 * is. In the list of a change later names win over earlier ones. With FILTER all of them count, so that a flag and its
 * negative match nothing, and Recent is known. XIMSS_E_BAD_REQUEST names the word that is wrong. In POOL. */
const ximss_error_t *ximss_flags_parse(ximss_flag_change_t *change, const char *list, int filter,
                                       apr_pool_t *pool);

/* The FLAGS text: positive names, comma separated without blanks, Recent and Seen first. In POOL. */
const char *ximss_flags_format(const ximss_flags_t *flags, apr_pool_t *pool);

/* Whether FLAGS has all that CHANGE sets and nothing that it clears (filterField FLAGS). */
int ximss_flags_match(const ximss_flags_t *flags, const ximss_flag_change_t *change);

/* FLAGS after CHANGE, in POOL. */
ximss_flags_t ximss_flags_apply(const ximss_flags_t *flags, const ximss_flag_change_t *change,
                                apr_pool_t *pool);

#endif
