/* UTF-8 text: cleaning, cutting, case folding, comparing. */
#ifndef XIMSS_BASE_TEXT_H
#define XIMSS_BASE_TEXT_H

#include <apr.h>
#include <apr_pools.h>

/* TEXT as valid UTF-8 that XML 1.0 can carry: each other byte or character becomes U+FFFD. Returns
 * TEXT itself when nothing had to change (then not NUL-terminated by us), else a copy in POOL.
 * *LENGTH is updated. */
const char *ximss_text_clean(const char *text, apr_size_t *length, apr_pool_t *pool);

/* Whether TEXT is valid UTF-8 of characters that XML 1.0 can carry. */
int ximss_text_ok(const char *text, apr_size_t length);

/* Whether no byte of TEXT is above 127. */
int ximss_text_is_ascii(const char *text);

/* Whether TEXT is white space of XML, or nothing. */
int ximss_text_is_blank(const char *text);

/* Unicode simple case folding (frozen table, see text_fold.c) of valid UTF-8; in POOL, NUL-terminated;
 * *FOLDED_LENGTH may be NULL. The folded forms compare by bytes = by code points. */
char *ximss_text_fold(const char *text, apr_size_t length, apr_size_t *folded_length,
                      apr_pool_t *pool);

/* Whether folded NEEDLE occurs in HAYSTACK after folding it; both UTF-8. An empty needle always does.
 * Linear time; allocates nothing unless the needle is longer than 4 KB. */
int ximss_text_contains_folded(const char *haystack, apr_size_t length, const char *needle,
                               apr_size_t needle_length);

/* The longest prefix of at most LIMIT bytes that does not cut a character. */
apr_size_t ximss_text_cut(const char *text, apr_size_t length, apr_size_t limit);

/* IMAP LIST pattern (RFC 3501, 6.3.8): "*" matches anything, "%" anything without "/". Linear in
 * the length of NAME times that of PATTERN at worst. Letter case counts, except of a leading INBOX.
 * A pattern of more than 2048 bytes matches nothing. */
int ximss_text_match_list(const char *pattern, const char *name);

#endif
