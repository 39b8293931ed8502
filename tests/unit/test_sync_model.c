/* Random operations by many folders on one mailbox against an oracle: each client keeps an array that only
 * the reports of folderSync change, and it must be the server's view, index by index, at every step, while
 * tombstones are purged as far as the folder that is most behind allows. XIMSS_SEED chooses other operations. */
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define USER     "user@example.org"
#define MESSAGES 60000
#define FOLDERS  10

typedef struct model_message_t {
    int alive;
    unsigned int flags;
    int subject;
    int size;
    apr_int64_t internal_date;
    apr_int64_t date;
} model_message_t;

typedef struct model_spec_t {
    const char *sort;
    int descending;
    const char *filter;
    const char *filter_field;
    apr_uint32_t uid_min;
} model_spec_t;

typedef struct model_folder_t {
    const model_spec_t *spec;
    ximss_session_t *session;
    int number;
    apr_uint32_t uids[MESSAGES]; /* what the client has */
    int count;
    const char *flags[MESSAGES]; /* by UID: what the client was told */
    apr_uint32_t known;          /* UIDs from here on may be newer than the view */
    int settled;                 /* the last sync left nothing */
} model_folder_t;

static const model_spec_t specs[] = {
    {NULL, 0, NULL, NULL, 0},
    {"Subject", 1, NULL, NULL, 0},
    {"INTERNALDATE", 0, NULL, NULL, 0},
    {"SIZE", 1, NULL, NULL, 0},
    {"Subject", 0, "Unseen", "FLAGS", 0},
    {"FLAGS", 0, NULL, NULL, 0},
    {"UID", 1, "s1", "Subject", 0},
    {"Date", 0, NULL, NULL, 20},
    {"X-Odd", 1, "Flagged,Undeleted", "FLAGS", 0},
    {"FLAGS", 1, "Unanswered", "FLAGS", 5},
    {"Date", 1, NULL, NULL, 0},
    {"From", 0, NULL, NULL, 0},
    {"X-Odd", 0, NULL, NULL, 0},
};
#define SPECS (int)(sizeof(specs) / sizeof(specs[0]))

static op_rig_t *rig;
static model_message_t messages[MESSAGES]; /* by UID */
static apr_uint32_t uid_next;
static model_folder_t folders[FOLDERS];
static const char *uid_validity;
static unsigned int seed;

static int pick(int below)
{
    seed = seed * 1103515245u + 12345u;
    return (int)((seed >> 8) % (unsigned int)below);
}

static const char *run(model_folder_t *folder, const char *xml)
{
    return op_rig_run(rig, folder->session, xml);
}

static const ximss_element_t *parse(const char *reply)
{
    ximss_limits_t wide = XIMSS_LIMITS_DEFAULT;
    const ximss_element_t *root;
    wide.request_elements = 1 << 24;
    wide.request_bytes = 1u << 30;
    assert_ok(ximss_xml_parse(&root, reply, strlen(reply), &wide, test_pool));
    return root;
}

static int number(const ximss_element_t *element, const char *name)
{
    const char *value = ximss_element_attr(element, name);
    ck_assert_msg(value != NULL, "no %s", name);
    return (int)strtol(value, NULL, 10);
}

/* ---- the oracle ---- */

static const char *flags_text(apr_uint32_t uid)
{
    ximss_flags_t flags = {messages[uid].flags | (unsigned int)XIMSS_FLAG_RECENT, ""};
    return ximss_flags_format(&flags, test_pool);
}

static int compare_numbers(apr_int64_t a, apr_int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const char *sort, apr_uint32_t a, apr_uint32_t b)
{
    const model_message_t *x = &messages[a];
    const model_message_t *y = &messages[b];
    if (sort == NULL || strcmp(sort, "UID") == 0) {
        return 0;
    }
    if (strcmp(sort, "SIZE") == 0) {
        return compare_numbers(x->size, y->size);
    }
    if (strcmp(sort, "INTERNALDATE") == 0) {
        return compare_numbers(x->internal_date, y->internal_date);
    }
    if (strcmp(sort, "Date") == 0) {
        return compare_numbers(x->date, y->date);
    }
    if (strcmp(sort, "FLAGS") == 0) {
        return strcasecmp(flags_text(a), flags_text(b));
    }
    if (strcmp(sort, "From") == 0) {
        return compare_numbers(y->subject, x->subject); /* see make_raw */
    }
    return compare_numbers(x->subject, y->subject); /* Subject and X-Odd say the same */
}

static const model_spec_t *sorting;

static int compare_uids(const void *a, const void *b)
{
    apr_uint32_t x = *(const apr_uint32_t *)a;
    apr_uint32_t y = *(const apr_uint32_t *)b;
    int order = compare_keys(sorting->sort, x, y);
    if (order == 0) {
        order = compare_numbers(x, y);
    }
    return sorting->descending ? -order : order;
}

static int belongs(const model_spec_t *spec, apr_uint32_t uid)
{
    const model_message_t *message = &messages[uid];
    if (!message->alive || uid < spec->uid_min) {
        return 0;
    }
    if (spec->filter == NULL) {
        return 1;
    }
    if (strcmp(spec->filter, "Unseen") == 0) {
        return !(message->flags & XIMSS_FLAG_SEEN);
    }
    if (strcmp(spec->filter, "Unanswered") == 0) {
        return !(message->flags & XIMSS_FLAG_ANSWERED);
    }
    if (strcmp(spec->filter, "s1") == 0) {
        return message->subject >= 10 && message->subject < 20;
    }
    return (message->flags & (XIMSS_FLAG_FLAGGED | XIMSS_FLAG_DELETED)) == XIMSS_FLAG_FLAGGED;
}

/* What the view must be now. */
static int oracle_view(const model_spec_t *spec, apr_uint32_t *uids, int *unseen)
{
    int count = 0;
    apr_uint32_t uid;
    *unseen = 0;
    for (uid = 1; uid < uid_next; uid++) {
        if (belongs(spec, uid)) {
            uids[count++] = uid;
            *unseen += !(messages[uid].flags & XIMSS_FLAG_SEEN);
        }
    }
    sorting = spec;
    qsort(uids, (size_t)count, sizeof(*uids), compare_uids);
    return count;
}

/* ---- clients ---- */

static void check_view(model_folder_t *folder, int unseen)
{
    static apr_uint32_t expected[MESSAGES];
    int all_unseen;
    int count = oracle_view(folder->spec, expected, &all_unseen);
    int i;
    ck_assert_int_eq(folder->count, count);
    for (i = 0; i < count; i++) {
        ck_assert_msg(folder->uids[i] == expected[i], "folder %d index %d: %u, expected %u",
                      folder->number, i, folder->uids[i], expected[i]);
        if (folder->flags[expected[i]] != NULL) {
            ck_assert_str_eq(folder->flags[expected[i]], flags_text(expected[i]));
        }
    }
    if (unseen >= 0) {
        ck_assert_int_eq(unseen, all_unseen);
    }
    folder->known = uid_next;
    folder->settled = 1;
}

/* Reads positions FROM..TILL and compares their UIDs with the client's. */
static void browse(model_folder_t *folder, int from, int till)
{
    const char *reply = run(folder, apr_psprintf(test_pool,
                                                 "<folderBrowse id=\"b\" folder=\"f%d\">"
                                                 "<index from=\"%d\" till=\"%d\"/></folderBrowse>",
                                                 folder->number, from, till));
    const ximss_element_t *root = parse(reply);
    const ximss_element_t *report = ximss_element_child(root, "folderReport");
    int i;
    for (i = from; i <= till && i < folder->count; i++) {
        ck_assert_msg(report != NULL, "index %d of %d is missing", i, folder->count);
        ck_assert_int_eq(number(report, "index"), i);
        ck_assert_int_eq(number(report, "UID"), (int)folder->uids[i]);
        ck_assert((ximss_element_child(report, "FLAGS") != NULL) ==
                  messages[folder->uids[i]].alive);
        report = ximss_element_next(report, "folderReport");
    }
    ck_assert_ptr_null(report);
}

/* Opens or reopens: the whole array is read once. */
static void fill(model_folder_t *folder, const char *request)
{
    const model_spec_t *spec = folder->spec;
    const char *reply =
        run(folder,
            apr_psprintf(test_pool,
                         "<%s id=\"o\" folder=\"f%d\" %s sortField=\"%s\" sortOrder=\"%s\" "
                         "%s UIDMin=\"%u\" UIDValidity=\"%s\"><field>FLAGS</field></%s>"
                         "<folderBrowse id=\"b\" folder=\"f%d\">"
                         "<index from=\"0\" till=\"%d\"/></folderBrowse>",
                         request, folder->number,
                         strcmp(request, "folderOpen") == 0 ? "mailbox=\"INBOX\"" : "",
                         spec->sort != NULL ? spec->sort : "", spec->descending ? "desc" : "asc",
                         spec->filter != NULL
                             ? apr_psprintf(test_pool, "filter=\"%s\" filterField=\"%s\"",
                                            spec->filter, spec->filter_field)
                             : "",
                         spec->uid_min, uid_validity, request, folder->number, MESSAGES));
    const ximss_element_t *report = ximss_element_child(parse(reply), "folderReport");
    int unseen = number(report, "unseen");
    int count = number(report, "messages");
    memset(folder->flags, 0, sizeof(folder->flags));
    folder->count = 0;
    for (report = ximss_element_next(report, "folderReport"); report != NULL;
         report = ximss_element_next(report, "folderReport")) {
        apr_uint32_t uid = (apr_uint32_t)number(report, "UID");
        ck_assert_int_eq(number(report, "index"), folder->count);
        folder->uids[folder->count++] = uid;
        folder->flags[uid] = ximss_element_text(ximss_element_child(report, "FLAGS"), test_pool);
    }
    ck_assert_int_eq(folder->count, count);
    check_view(folder, unseen);
}

static void apply(model_folder_t *folder, const ximss_element_t *report)
{
    const char *mode = ximss_element_attr(report, "mode");
    const ximss_element_t *flags = ximss_element_child(report, "FLAGS");
    apr_uint32_t uid = (apr_uint32_t)number(report, "UID");
    int index = number(report, "index");
    size_t tail;
    if (strcmp(mode, "added") == 0) {
        ck_assert_int_le(index, folder->count);
        tail = (size_t)(folder->count++ - index) * sizeof(uid);
        memmove(&folder->uids[index + 1], &folder->uids[index], tail);
        folder->uids[index] = uid;
    }
    ck_assert_int_lt(index, folder->count);
    ck_assert_msg(folder->uids[index] == uid, "folder %d: %s of %u at %d, where %u is",
                  folder->number, mode, uid, index, folder->uids[index]);
    if (strcmp(mode, "removed") == 0) {
        ck_assert_ptr_null(report->children);
        tail = (size_t)(--folder->count - index) * sizeof(uid);
        memmove(&folder->uids[index], &folder->uids[index + 1], tail);
    }
    else {
        ck_assert((flags != NULL) == messages[uid].alive);
        folder->flags[uid] = flags != NULL ? ximss_element_text(flags, test_pool) : NULL;
    }
    if (strcmp(mode, "updated") == 0) {
        ck_assert_ptr_null(ximss_element_attr(report, "messages"));
    }
    else {
        ck_assert_int_eq(number(report, "messages"), folder->count);
    }
}

/* LIMIT 0: none. */
static void sync_folder(model_folder_t *folder, int limit)
{
    const char *reply =
        run(folder, apr_psprintf(test_pool, "<folderSync id=\"s\" folder=\"f%d\" limit=\"%d\"/>",
                                 folder->number, limit));
    const ximss_element_t *report = ximss_element_child(parse(reply), "folderReport");
    int unseen = -1;
    int count = 0;
    assert_has(reply, "<response id=\"s\"/>");
    for (; report != NULL; report = ximss_element_next(report, "folderReport")) {
        apply(folder, report);
        ck_assert(unseen < 0 || unseen == number(report, "unseen"));
        unseen = number(report, "unseen");
        count++;
    }
    folder->settled = 0;
    if (limit == 0 || count < limit) {
        check_view(folder, unseen);
    }
    ck_assert(limit == 0 || count <= limit);
}

/* ---- changes ---- */

static void append_fill(ximss_append_t *append, model_message_t *message)
{
    memset(message, 0, sizeof(*message));
    message->alive = 1;
    message->subject = 10 + pick(20);
    message->internal_date = 1000000 + pick(50) * 1000;
    message->date = pick(2) ? message->internal_date : pick(40) * 86400;
    append->internal_date = message->internal_date;
    append->flags.bits = 0;
    append->flags.keywords = "";
}

static const char *make_raw(const model_message_t *message)
{
    const char *date = "";
    char *body = apr_palloc(test_pool, 64);
    int length = pick(30);
    if (message->date != message->internal_date) {
        apr_time_exp_t exploded;
        char text[APR_RFC822_DATE_LEN];
        apr_rfc822_date(text, apr_time_from_sec(message->date));
        apr_time_exp_gmt(&exploded, apr_time_from_sec(message->date));
        date = apr_psprintf(test_pool, "Date: %s\n", text);
    }
    memset(body, 'b', (size_t)length);
    body[length] = '\0';
    return apr_psprintf(test_pool, "Subject: s%d\nFrom: s%d\nX-Odd: s%d\n%s\n%s\n",
                        message->subject, 60 - message->subject, message->subject, date, body);
}

/* COUNT messages in one transaction. */
static void append(int count)
{
    apr_pool_t *pool;
    ximss_account_t *handle;
    ximss_mailbox_t *inbox;
    apr_pool_create(&pool, rig->pool);
    handle = op_rig_handle(rig, USER, pool);
    assert_ok(ximss_account_begin_write(handle, pool));
    assert_ok(ximss_mailbox_find(handle, "INBOX", &inbox, pool));
    for (; count > 0; count--) {
        model_message_t *message = &messages[uid_next];
        ximss_append_t new_one = {.mailbox = inbox->id};
        apr_uint32_t uid;
        const char *raw;
        append_fill(&new_one, message);
        raw = make_raw(message);
        message->size = (int)strlen(raw);
        assert_ok(ximss_message_append(
            handle, &new_one, ximss_digest_make(raw, strlen(raw), &rig->limits, pool), &uid, pool));
        ck_assert_uint_eq(uid, uid_next);
        uid_next++;
    }
    assert_ok(ximss_account_commit(handle, pool));
    apr_pool_destroy(pool);
}

static int compare_plain(const void *a, const void *b)
{
    return compare_numbers(*(const apr_uint32_t *)a, *(const apr_uint32_t *)b);
}

/* A random set: its XML, and in CHOSEN the live messages that it means, in the order they are taken. */
static const char *make_set(model_folder_t *folder, apr_uint32_t *chosen, int *count)
{
    static unsigned char taken[MESSAGES];
    const char *xml = "";
    int by_uid = pick(2);
    int top = by_uid ? (int)folder->known : folder->count;
    int ranges = 1 + pick(3);
    int i;
    memset(taken, 0, sizeof(taken));
    for (; ranges > 0 && top > 0; ranges--) {
        int from = pick(top);
        int till = from + (pick(2) ? 0 : pick(pick(4) ? 8 : top));
        int element = by_uid && till >= top ? top - 1 : till; /* newer ones are another matter */
        xml = apr_pstrcat(
            test_pool, xml,
            from == element && pick(2)
                ? apr_psprintf(test_pool, by_uid ? "<UID>%d</UID>" : "<index>%d</index>", from)
                : apr_psprintf(test_pool, "<%s from=\"%d\" till=\"%d\"/>", by_uid ? "UID" : "index",
                               from, element),
            NULL);
        for (i = from; i <= element && i < top; i++) {
            taken[by_uid ? (apr_uint32_t)i : folder->uids[i]] = 1;
        }
    }
    *count = 0;
    for (i = 0; i < (by_uid ? top : folder->count); i++) {
        apr_uint32_t uid = by_uid ? (apr_uint32_t)i : folder->uids[i];
        if (taken[uid] && messages[uid].alive) {
            chosen[(*count)++] = uid;
        }
    }
    if (by_uid) {
        qsort(chosen, (size_t)*count, sizeof(*chosen), compare_plain);
    }
    return *xml != '\0' ? xml : "<index>0</index>";
}

static void mark_some(model_folder_t *folder)
{
    static apr_uint32_t chosen[MESSAGES];
    static const struct {
        const char *text;
        unsigned int set;
        unsigned int clear;
    } changes[] = {
        {"Seen", XIMSS_FLAG_SEEN, 0},
        {"Unseen,Flagged", XIMSS_FLAG_FLAGGED, XIMSS_FLAG_SEEN},
        {"Deleted", XIMSS_FLAG_DELETED, 0},
        {"Undeleted,Answered", XIMSS_FLAG_ANSWERED, XIMSS_FLAG_DELETED},
        {"Unanswered,Unflagged,Read", XIMSS_FLAG_SEEN, XIMSS_FLAG_ANSWERED | XIMSS_FLAG_FLAGGED},
    };
    int kind = pick(5);
    int count;
    int i;
    const char *set = make_set(folder, chosen, &count);
    const char *reply = run(
        folder, apr_psprintf(test_pool,
                             "<messageMark id=\"m\" folder=\"f%d\" flags=\"%s\">%s</messageMark>",
                             folder->number, changes[kind].text, set));
    assert_has(reply, "<response id=\"m\"/>");
    for (i = 0; i < count; i++) {
        messages[chosen[i]].flags =
            (messages[chosen[i]].flags & ~changes[kind].clear) | changes[kind].set;
    }
}

/* Copies, moves, or removes. */
static void take_some(model_folder_t *folder)
{
    static apr_uint32_t chosen[MESSAGES];
    static const struct {
        const char *request;
        const char *attributes;
        int copies;
        int removes;
    } kinds[] = {
        {"messageCopy", "targetMailbox=\"Other\" mailboxClass=\"\"", 0, 0},
        {"messageCopy", "targetMailbox=\"INBOX\"", 1, 0},
        {"messageMove", "targetMailbox=\"Other\" mailboxClass=\"\"", 0, 1},
        {"messageMove", "targetMailbox=\"INBOX\"", 1, 1},
        {"messageRemove", "mode=\"immediately\"", 0, 1},
        {"messageRemove", "", 0, 1},
    };
    int kind = pick(6);
    int count;
    int i;
    const char *set = make_set(folder, chosen, &count);
    if (count > 40 && kinds[kind].copies) {
        return; /* the mailbox would grow and grow */
    }
    assert_has(run(folder, apr_psprintf(test_pool, "<%s id=\"m\" folder=\"f%d\" %s>%s</%s>",
                                        kinds[kind].request, folder->number, kinds[kind].attributes,
                                        set, kinds[kind].request)),
               "<response id=\"m\"/>");
    for (i = 0; i < count; i++) {
        if (kinds[kind].copies) {
            messages[uid_next++] = messages[chosen[i]];
        }
    }
    for (i = 0; i < count && kinds[kind].removes; i++) {
        messages[chosen[i]].alive = 0;
    }
}

static void expunge(model_folder_t *folder)
{
    apr_uint32_t uid;
    assert_has(run(folder, apr_psprintf(test_pool, "<folderExpunge id=\"e\" folder=\"f%d\"/>",
                                        folder->number)),
               "<response id=\"e\"/>");
    for (uid = 1; uid < uid_next; uid++) {
        messages[uid].alive = messages[uid].alive && !(messages[uid].flags & XIMSS_FLAG_DELETED);
    }
}

static int alive(void)
{
    int count = 0;
    apr_uint32_t uid;
    for (uid = 1; uid < uid_next; uid++) {
        count += messages[uid].alive;
    }
    return count;
}

static void one_operation(int least)
{
    model_folder_t *folder = &folders[pick(FOLDERS)];
    int kind = pick(20);
    int from;
    if (kind < 4 || alive() < least) {
        append(1 + pick(4) + (alive() < least ? least - alive() : 0));
    }
    else if (kind < 8) {
        mark_some(folder);
    }
    else if (kind < 10) {
        take_some(folder);
    }
    else if (kind == 10) {
        expunge(folder);
    }
    else if (kind < 14) {
        sync_folder(folder, 0);
    }
    else if (kind < 17) {
        sync_folder(folder, 1 + pick(6));
    }
    else if (kind < 19 || pick(4) > 0) {
        from = pick(folder->count + 1);
        browse(folder, from, from + pick(50));
    }
    else {
        folder->spec = &specs[pick(SPECS)];
        fill(folder, "folderReopen");
    }
}

static const ximss_error_t *count_row(void *baton, const ximss_message_t *message,
                                      apr_pool_t *scratch)
{
    (void)message, (void)scratch;
    (*(int *)baton)++;
    return NULL;
}

/* All folders are in step: no tombstone is left. */
static void check_purged(void)
{
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);
    ximss_mailbox_t *inbox;
    int rows = 0;
    assert_ok(ximss_mailbox_find(account, "INBOX", &inbox, test_pool));
    assert_ok(ximss_message_changes(account, inbox->id, 0, count_row, &rows, test_pool));
    ximss_account_return(account);
    ck_assert_int_eq(rows, alive());
    ck_assert_int_gt(inbox->purged, 0);
}

static void play(int start_with, int least, int operations, int first_spec)
{
    ximss_session_t *sessions[2];
    const char *reply;
    int i;
    const char *given = getenv("XIMSS_SEED");
    seed = given != NULL ? (unsigned int)strtoul(given, NULL, 10) : 1;
    rig = op_rig_make();
    sessions[0] = op_rig_session(rig, USER);
    sessions[1] = op_rig_session(rig, USER);
    reply = op_rig_run(rig, sessions[0], "<mailboxList id=\"1\" filter=\"INBOX\"/>");
    uid_validity = ximss_element_attr(ximss_element_child(parse(reply), "mailbox"), "UIDVALIDITY");
    uid_next = 1;
    append(start_with);
    for (i = 0; i < FOLDERS; i++) {
        folders[i].number = i;
        folders[i].session = sessions[i % 2];
        folders[i].spec = &specs[(i + first_spec) % SPECS];
        fill(&folders[i], "folderOpen");
    }
    for (i = 0; i < operations && uid_next < MESSAGES - 8000; i++) {
        one_operation(least);
        if (start_with > 1000) { /* few changes a sync: their rows are looked up one by one */
            sync_folder(&folders[pick(6)], 0);
        }
    }
    for (i = 0; i < FOLDERS; i++) {
        browse(&folders[i], 0, 200);
        sync_folder(&folders[i], 0);
        sync_folder(&folders[i], 3);
        ck_assert(folders[i].settled);
    }
    check_purged();
}

START_TEST(test_small)
{
    play(30, 10, 3000, 0);
}
END_TEST

/* More messages than a block of an order holds: here rows are looked up one by one. */
START_TEST(test_large)
{
    play(2500, 2000, 400, 10);
}
END_TEST

START_TEST(test_empty)
{
    play(0, 0, 1000, 0);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "model");
    tcase_add_test(tcase, test_empty);
    tcase_add_test(tcase, test_small);
    tcase_add_test(tcase, test_large);
}
