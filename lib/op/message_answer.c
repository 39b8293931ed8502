/* Answers to messages (protocol text, folderRead mode): who the user is and how he likes
 * to quote. */
#include "op/answer.h"

#include "op/submission.h"
#include "store/prefs.h"

#include <apr_cstr.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODE_HTML "HTML"

/* Columns of quoted text where the preference says none. */
enum { WIDTH = 72, WIDTH_MAX = 1000 };

static const struct {
    const char *name;
    ximss_answer_kind_t kind;
} modes[] = {{"replyFrom", XIMSS_ANSWER_SENDER},
             {"replyAll", XIMSS_ANSWER_ALL},
             {"forward", XIMSS_ANSWER_FORWARD}};

/* Whether MODE is mode NAME or its HTML twin. */
static int is_mode(const char *mode, const char *name, int *html)
{
    apr_size_t length = strlen(name);

    *html = strncasecmp(mode, name, length) == 0 && strcasecmp(mode + length, MODE_HTML) == 0;
    return *html || apr_cstr_casecmp(mode, name) == 0;
}

const ximss_error_t *ximss_op_answer_mode(ximss_call_t *call, ximss_answer_t *answer, int *answers)
{
    const char *mode = ximss_element_attr(call->request, "mode");
    apr_size_t i;

    *answers = 0;
    for (i = 0; mode != NULL && !*answers && i < sizeof(modes) / sizeof(modes[0]); i++) {
        *answers = is_mode(mode, modes[i].name, &answer->html);
        answer->kind = modes[i].kind;
    }
    if (mode != NULL && !*answers &&
        (strncasecmp(mode, "reply", 5) == 0 || strncasecmp(mode, "forward", 7) == 0)) {
        return ximss_error(
            call->pool, XIMSS_E_BAD_REQUEST,
            "mode is replyFrom, replyAll or forward, or one of these with HTML behind");
    }
    return NULL;
}

/* One that cannot be looked up is taken for another's: it stands in the answer, where the user sees it. */
static int is_own(void *baton, const char *address)
{
    int own;

    return ximss_submission_own(baton, address, &own) == NULL && own;
}

static const ximss_error_t *read_pref(ximss_call_t *call, const char *name, const char **value)
{
    XIMSS_TRY(ximss_prefs_get(call->account, name, value, call->pool));
    *value = *value != NULL ? *value : "";
    return NULL;
}

static const ximss_error_t *read_prefs(ximss_call_t *call, ximss_answer_t *answer)
{
    const char *width;
    long columns;

    XIMSS_TRY(read_pref(call, "ReplyHeader", &answer->header));
    XIMSS_TRY(read_pref(call, "ReplyQuote", &answer->mark));
    XIMSS_TRY(read_pref(call, "Signature", &answer->signature));
    XIMSS_TRY(read_pref(call, "MailerWidth", &width));
    columns = strtol(width, NULL, 10);
    answer->width = columns > 0 && columns <= WIDTH_MAX ? (int)columns : WIDTH;
    return NULL;
}

static const ximss_error_t *fill_in(ximss_call_t *call, ximss_answer_t *answer)
{
    ximss_account_entry_t *entry;

    XIMSS_TRY(
        ximss_account_find(call->context->store, call->session->user_name, &entry, call->pool));
    answer->from.addr = call->session->user_name;
    answer->from.name = entry->real_name;
    answer->is_own = is_own;
    answer->own_baton = call;
    answer->addresses = call->context->limits->addresses;
    return read_prefs(call, answer);
}

/* The message that partID names. */
static const ximss_error_t *find_message(ximss_call_t *call, const ximss_part_t *top,
                                         const ximss_part_t **message, int *inner)
{
    const char *part_id = ximss_element_attr(call->request, "partID");

    *inner = part_id != NULL && *part_id != '\0';
    *message = ximss_structure_find(top, part_id);
    if (*message == NULL) {
        return ximss_error(call->pool, XIMSS_E_NO_MESSAGE, NULL);
    }
    if (*inner && (*message)->kind != XIMSS_PART_MESSAGE) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                           "only a message can be answered: partID names another part");
    }
    return NULL;
}

const ximss_error_t *ximss_op_answer_write(ximss_call_t *call, ximss_answer_t *answer,
                                           const ximss_part_t *top)
{
    const ximss_part_t *message;
    int inner;

    XIMSS_TRY(find_message(call, top, &message, &inner));
    XIMSS_TRY(fill_in(call, answer));
    return ximss_answer_write(call->out, message, inner, answer, call->pool);
}
