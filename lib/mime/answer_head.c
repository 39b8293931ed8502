/* Subject and References of an answer, see answer.h. */
#include "mime/answer.h"

#include "base/text.h"
#include "mime/buffer.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

enum {
    SUBJECT_BYTES = 4096,
    REFERENCES_MAX = 20,
    ID_BYTES = 250 /* of one that is kept: a line of mail holds it */
};

/* ---- subject ---- */

/* What mail programs put in front of subjects, in lower case. Words that a subject may well begin with itself are
 * left out: nothing that somebody wrote should go. */
static const char *const reply_words[] = {"re",  "aw",   "antw", "antwort", "sv",   "odp",
                                          "ynt", "回复", "回覆", "答复",    "返信", NULL};
static const char *const forward_words[] = {"fwd", "fw", "wg", "转发", "轉寄", NULL};

/* The length of a count at TEXT ("[2]", "(2)", "^2"), 0: none. */
static apr_size_t count_length(const char *text)
{
    apr_size_t digits;

    if (strchr("[(^", *text) == NULL || *text == '\0') {
        return 0;
    }
    digits = strspn(text + 1, "0123456789");
    if (digits == 0 || (*text == '[' && text[1 + digits] != ']') ||
        (*text == '(' && text[1 + digits] != ')')) {
        return 0;
    }
    return 1 + digits + (*text != '^');
}

/* The length of one of WORDS at TEXT with its count and colon ("Re[2]: ", "AW:", "Re^2:"), 0: none. */
static apr_size_t prefix_length(const char *text, const char *const *words)
{
    static const char wide[] = "\xEF\xBC\x9A"; /* a colon of East Asian width */

    for (; *words != NULL; words++) {
        apr_size_t length = strlen(*words);
        const char *at = text + length;

        if (strncasecmp(text, *words, length) != 0) {
            continue;
        }
        at += strspn(at, " ");
        at += count_length(at);
        at += strspn(at, " ");
        if (*at == ':') {
            return (apr_size_t)(at + 1 - text);
        }
        if (strncmp(at, wide, sizeof(wide) - 1) == 0) {
            return (apr_size_t)(at - text) + sizeof(wide) - 1;
        }
    }
    return 0;
}

const char *ximss_subject_answer(const char *subject, ximss_answer_kind_t kind, apr_pool_t *pool)
{
    int forward = kind == XIMSS_ANSWER_FORWARD;
    const char *const *words = forward ? forward_words : reply_words;
    apr_size_t length;

    do {
        subject += strspn(subject, " \t");
        length = prefix_length(subject, words);
        subject += length;
    } while (length > 0);
    subject =
        apr_pstrmemdup(pool, subject, ximss_text_cut(subject, strlen(subject), SUBJECT_BYTES));
    return apr_pstrcat(pool, forward ? "Fwd:" : "Re:", *subject != '\0' ? " " : "", subject, NULL);
}

/* ---- references ---- */

/* The message id that begins at TEXT, its length; 0: none that a header may have. */
static apr_size_t id_length(const char *text)
{
    apr_size_t length = 1;

    while (length < ID_BYTES && text[length] > ' ' && text[length] < 0x7F && text[length] != '<' &&
           text[length] != '>') {
        length++;
    }
    return text[length] == '>' && length > 1 ? length + 1 : 0;
}

/* Adds the ids in the field called NAME to IDS (const char *). */
static void add_ids(apr_array_header_t *ids, const apr_array_header_t *fields, const char *name,
                    apr_pool_t *pool)
{
    const ximss_field_t *field = ximss_fields_find(fields, name);
    const char *at = field != NULL ? strchr(field->text, '<') : NULL;

    while (at != NULL) {
        apr_size_t length = id_length(at);

        if (length > 0) {
            APR_ARRAY_PUSH(ids, const char *) = apr_pstrmemdup(pool, at, length);
        }
        at = strchr(at + (length > 0 ? length : 1), '<');
    }
}

/* The first one, which is the thread's, and the last ones. */
static const char *join_ids(const apr_array_header_t *ids, apr_pool_t *pool)
{
    ximss_buffer_t out;
    int i;

    ximss_buffer_init(&out, 256, pool);
    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        if (i == 0 || i > ids->nelts - REFERENCES_MAX) {
            ximss_buffer_add(&out, " ", out.length > 0);
            ximss_buffer_add(&out, id, strlen(id));
        }
    }
    return ximss_buffer_string(&out);
}

void ximss_references_answer(const apr_array_header_t *fields, const char **in_reply_to,
                             const char **references, apr_pool_t *pool)
{
    apr_array_header_t *own = apr_array_make(pool, 1, sizeof(const char *));
    apr_array_header_t *ids = apr_array_make(pool, 8, sizeof(const char *));

    add_ids(own, fields, "Message-ID", pool);
    *in_reply_to = own->nelts > 0 ? APR_ARRAY_IDX(own, 0, const char *) : NULL;
    add_ids(ids, fields, "References", pool);
    if (ids->nelts == 0) {
        add_ids(ids, fields, "In-Reply-To", pool);
        if (ids->nelts > 1) { /* RFC 5322: only a single one can be meant */
            apr_array_clear(ids);
        }
    }
    if (*in_reply_to != NULL) {
        APR_ARRAY_PUSH(ids, const char *) = *in_reply_to;
    }
    *references = ids->nelts > 0 ? join_ids(ids, pool) : NULL;
}
