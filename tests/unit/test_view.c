/* Views against a model: an array of messages, sorted and filtered by plain code. Views of every order and
 * filter are made, the mailbox goes on changing, and each view must stay what it was. */
#include "base/text.h"
#include "unit/op_rig.h"
#include "unit/suite.h"
#include "view/folder.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USER "user@example.org"

typedef struct model_message_t {
    apr_uint32_t uid;
    const char *from_name; /* NULL: none */
    const char *from_addr; /* NULL: no From field */
    const char *to_addr;
    const char *cc_name;
    const char *subject; /* NULL: no field */
    const char *thing;   /* X-Thing, which no row holds */
    const char *priority;
    const char *body;
    int date_valid;
    apr_int64_t date;
    int resent_valid;
    apr_int64_t resent;
    apr_int64_t internal_date;
    apr_int64_t size;
    unsigned int flags;
    int gone;
} model_message_t;

typedef struct model_t {
    op_rig_t *rig;
    ximss_account_t *account;
    ximss_mailbox_t *mailbox;
    ximss_view_env_t env;
    apr_array_header_t *messages; /* model_message_t */
    apr_uint64_t random;
} model_t;

static unsigned int next_random(model_t *model, unsigned int range)
{
    model->random = model->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned int)(model->random >> 33) % range;
}

#define PICK(model, list) (list)[next_random((model), sizeof(list) / sizeof((list)[0]))]

/* ---- messages ---- */

static const char *rfc_date(apr_int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;
    char text[64];
    gmtime_r(&when, &parts);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return apr_pstrdup(test_pool, text);
}

static void random_message(model_t *model, model_message_t *message)
{
    static const char *const names[] = {"alice",      "Bob", "bob", "\xc3\x84rger", "\xc3\xa4rger",
                                        "Zo\xc3\xab", "_x",  NULL,  NULL,           "Alice Qux"};
    static const char *const addrs[] = {"a@x.org", "B@x.org", "b@x.org", "qux@y.org", NULL};
    static const char *const subjects[] = {
        "",          "re: x", "Re: X", "\xc3\x84pfel", "\xc3\xa4pfel",    "zzz",
        "the quxes", "a",     "A",     NULL,           "\xf0\x9f\x98\x80"};
    static const char *const things[] = {NULL, NULL, "one", "TWO", "qux three"};
    static const char *const bodies[] = {"plain", "has QUX in it", "\xc3\x84RGER everywhere", "",
                                         "b"};
    static const char *const priorities[] = {NULL, NULL, "1", "3 (Normal)", "5"};
    static const apr_int64_t dates[] = {-100000000, -1,         0,          1,
                                        1000000000, 4102444800, 3000000000, 86400};
    memset(message, 0, sizeof(*message));
    message->from_name = PICK(model, names);
    message->from_addr = PICK(model, addrs);
    message->to_addr = PICK(model, addrs);
    message->cc_name = PICK(model, names);
    message->subject = PICK(model, subjects);
    message->thing = PICK(model, things);
    message->body = PICK(model, bodies);
    message->priority = PICK(model, priorities);
    message->date_valid = next_random(model, 4) != 0;
    message->date = PICK(model, dates) + next_random(model, 3);
    message->resent_valid = next_random(model, 3) == 0;
    message->resent = PICK(model, dates);
    message->internal_date = PICK(model, dates) + next_random(model, 2);
    if (next_random(model, 2)) {
        message->flags |= XIMSS_FLAG_SEEN;
    }
    if (next_random(model, 3) == 0) {
        message->flags |= XIMSS_FLAG_FLAGGED;
    }
}

static const char *header(const char *name, const char *value)
{
    return value != NULL ? apr_pstrcat(test_pool, name, ": ", value, "\r\n", NULL) : "";
}

static const char *address(const char *name, const char *addr)
{
    if (addr == NULL || name == NULL) {
        return addr;
    }
    return apr_pstrcat(test_pool, "\"", name, "\" <", addr, ">", NULL);
}

static const char *raw_message(const model_message_t *message)
{
    return apr_pstrcat(
        test_pool, header("From", address(message->from_name, message->from_addr)),
        header("To", message->to_addr),
        header("Cc", message->cc_name != NULL ? address(message->cc_name, "c@c.org") : NULL),
        header("Subject", message->subject), header("X-Thing", message->thing),
        header("X-Priority", message->priority),
        message->date_valid ? header("Date", rfc_date(message->date)) : "",
        message->resent_valid ? header("Resent-Date", rfc_date(message->resent)) : "",
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n",
        message->body, "\r\n", NULL);
}

static void append_some(model_t *model, int count)
{
    assert_ok(ximss_account_begin_write(model->account, test_pool));
    for (; count > 0; count--) {
        model_message_t *message = apr_array_push(model->messages);
        ximss_append_t append = {.mailbox = model->mailbox->id};
        const char *raw;
        random_message(model, message);
        raw = raw_message(message);
        message->size = (apr_int64_t)strlen(raw);
        append.internal_date = message->internal_date;
        append.flags.bits = message->flags;
        append.flags.keywords = "";
        assert_ok(ximss_message_append(
            model->account, &append,
            ximss_digest_make(raw, strlen(raw), &model->rig->limits, test_pool), &message->uid,
            test_pool));
    }
    assert_ok(ximss_account_commit(model->account, test_pool));
}

static void expunge_some(model_t *model, int count)
{
    assert_ok(ximss_account_begin_write(model->account, test_pool));
    for (; count > 0; count--) {
        model_message_t *message = &APR_ARRAY_IDX(
            model->messages, next_random(model, (unsigned int)model->messages->nelts),
            model_message_t);
        apr_size_t removed;
        assert_ok(ximss_message_expunge(model->account, model->mailbox->id, &message->uid, 1,
                                        &removed, test_pool));
        ck_assert_uint_eq(removed, !message->gone);
        message->gone = 1;
    }
    assert_ok(ximss_account_commit(model->account, test_pool));
}

static void mark_some(model_t *model, int count)
{
    assert_ok(ximss_account_begin_write(model->account, test_pool));
    for (; count > 0; count--) {
        model_message_t *message = &APR_ARRAY_IDX(
            model->messages, next_random(model, (unsigned int)model->messages->nelts),
            model_message_t);
        ximss_flag_change_t change;
        int seen = next_random(model, 2) == 0;
        assert_ok(ximss_flags_parse(&change, seen ? "Seen" : "Unseen", 0, test_pool));
        assert_ok(ximss_message_mark(model->account, model->mailbox->id, &message->uid, 1, &change,
                                     NULL, test_pool));
        if (!message->gone) {
            message->flags = seen ? message->flags | XIMSS_FLAG_SEEN
                                  : message->flags & ~(unsigned int)XIMSS_FLAG_SEEN;
        }
    }
    assert_ok(ximss_account_commit(model->account, test_pool));
}

/* ---- what the answers should be ---- */

static const char *fold(const char *text)
{
    return ximss_text_fold(text, strlen(text), NULL, test_pool);
}

static int holds(const char *text, const char *needle)
{
    return text != NULL && strstr(fold(text), fold(needle)) != NULL;
}

typedef struct oracle_row_t {
    apr_uint32_t uid;
    int numeric;
    int missing;
    apr_int64_t number;
    const char *text;
} oracle_row_t;

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void oracle_number(oracle_row_t *row, int valid, apr_int64_t number)
{
    row->numeric = 1;
    row->missing = !valid;
    row->number = number;
}

static const char *oracle_flags(const model_t *model, const model_message_t *message)
{
    ximss_flags_t flags = {message->flags, ""};
    if (model->env.recent_since == 0) {
        flags.bits |= XIMSS_FLAG_RECENT;
    }
    return ximss_flags_format(&flags, test_pool);
}

static const char *oracle_priority(const model_message_t *message)
{
    if (message->priority == NULL || message->priority[0] == '3') {
        return "";
    }
    return message->priority[0] == '1' ? "High" : "Low";
}

static const char *oracle_from(const model_message_t *message)
{
    if (message->from_addr == NULL) {
        return "";
    }
    return message->from_name != NULL ? message->from_name : message->from_addr;
}

static const char *oracle_text(const model_t *model, const model_message_t *message,
                               const char *field)
{
    if (strcmp(field, "From") == 0) {
        return oracle_from(message);
    }
    if (strcmp(field, "E-From") == 0) {
        return or_empty(message->from_addr);
    }
    if (strcmp(field, "To") == 0) {
        return or_empty(message->to_addr);
    }
    if (strcmp(field, "Cc") == 0) {
        return or_empty(message->cc_name);
    }
    if (strcmp(field, "subject") == 0) {
        return or_empty(message->subject);
    }
    if (strcmp(field, "X-Thing") == 0) {
        return or_empty(message->thing);
    }
    if (strcmp(field, "Pty") == 0) {
        return oracle_priority(message);
    }
    if (strcmp(field, "FLAGS") == 0) {
        return oracle_flags(model, message);
    }
    return "";
}

static oracle_row_t oracle_row(const model_t *model, const model_message_t *message,
                               const char *field)
{
    oracle_row_t row = {.uid = message->uid, .text = ""};
    if (field == NULL || strcmp(field, "UID") == 0) {
        oracle_number(&row, 1, message->uid);
    }
    else if (strcmp(field, "INTERNALDATE") == 0) {
        oracle_number(&row, 1, message->internal_date);
    }
    else if (strcmp(field, "SIZE") == 0) {
        oracle_number(&row, 1, message->size);
    }
    else if (strcmp(field, "Date") == 0) {
        oracle_number(&row, 1, message->date_valid ? message->date : message->internal_date);
    }
    else if (strcmp(field, "Resent-Date") == 0) {
        oracle_number(&row, message->resent_valid, message->resent);
    }
    else {
        row.text = fold(oracle_text(model, message, field));
    }
    return row;
}

static int compare_oracle(const void *a, const void *b)
{
    const oracle_row_t *x = a;
    const oracle_row_t *y = b;
    int order;
    if (!x->numeric) {
        order = strcmp(x->text, y->text);
    }
    else if (x->missing || y->missing) {
        order = y->missing - x->missing;
    }
    else {
        order = (x->number > y->number) - (x->number < y->number);
    }
    return order != 0 ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

static int oracle_any(const model_message_t *message, const char *needle)
{
    return holds(message->from_name != NULL && message->from_addr != NULL ? message->from_name
                                                                          : NULL,
                 needle) ||
           holds(message->from_addr, needle) || holds(message->to_addr, needle) ||
           holds(message->cc_name, needle) || holds(message->subject, needle) ||
           holds(message->thing, needle) || holds(message->body, needle);
}

static int oracle_flag_list(const model_t *model, const model_message_t *message, const char *list)
{
    if (strcmp(list, "Unseen,Flagged") == 0) {
        return !(message->flags & XIMSS_FLAG_SEEN) && (message->flags & XIMSS_FLAG_FLAGGED);
    }
    if (strcmp(list, "Recent") == 0) {
        return model->env.recent_since == 0;
    }
    return (message->flags & XIMSS_FLAG_SEEN) != 0; /* "seen" */
}

static int oracle_matches(const model_t *model, const model_message_t *message,
                          const ximss_view_spec_t *spec)
{
    if (message->gone || message->uid < spec->uid_min) {
        return 0;
    }
    if (spec->filter == NULL) {
        return 1;
    }
    if (spec->filter_field == NULL) {
        return oracle_any(message, spec->filter);
    }
    if (strcmp(spec->filter_field, "FLAGS") == 0) {
        return oracle_flag_list(model, message, spec->filter);
    }
    if (strcmp(spec->filter_field, "body") == 0) {
        return holds(message->body, spec->filter);
    }
    if (strcmp(spec->filter_field, "From") == 0) {
        return message->from_addr != NULL &&
               (holds(message->from_name, spec->filter) || holds(message->from_addr, spec->filter));
    }
    if (strcmp(spec->filter_field, "E-From") == 0) {
        return holds(message->from_addr, spec->filter);
    }
    if (strcmp(spec->filter_field, "subject") == 0) {
        return holds(message->subject, spec->filter);
    }
    return holds(message->thing, spec->filter); /* X-Thing */
}

typedef struct kept_t {
    ximss_folder_t *folder;
    apr_uint32_t *expected;
    const char *what;
} kept_t;

static apr_uint32_t *oracle_uids(const model_t *model, const ximss_view_spec_t *spec,
                                 apr_int64_t *count, apr_int64_t *unseen)
{
    int total = model->messages->nelts;
    oracle_row_t *rows = apr_palloc(test_pool, (size_t)(total + 1) * sizeof(*rows));
    apr_uint32_t *uids = apr_palloc(test_pool, (size_t)(total + 1) * sizeof(*uids));
    apr_int64_t i;
    *count = 0;
    *unseen = 0;
    for (i = 0; i < total; i++) {
        const model_message_t *message = &APR_ARRAY_IDX(model->messages, i, model_message_t);
        if (oracle_matches(model, message, spec)) {
            rows[(*count)++] = oracle_row(model, message, spec->sort_field);
            *unseen += !(message->flags & XIMSS_FLAG_SEEN);
        }
    }
    qsort(rows, (size_t)*count, sizeof(*rows), compare_oracle);
    for (i = 0; i < *count; i++) {
        uids[spec->descending ? *count - 1 - i : i] = rows[i].uid;
    }
    return uids;
}

/* ---- views ---- */

static void check_page(const model_t *model, const kept_t *kept, apr_int64_t from, apr_int64_t till)
{
    apr_uint32_t *uids;
    apr_int64_t i;
    assert_ok(ximss_view_uids(kept->folder, model->account, from, till, &uids, test_pool));
    for (i = from; i <= till; i++) {
        ck_assert_msg(uids[i - from] == kept->expected[i], "%s: %u at %d and not %u", kept->what,
                      uids[i - from], (int)i, kept->expected[i]);
    }
}

static void check_view(model_t *model, const kept_t *kept)
{
    apr_int64_t n = kept->folder->messages;
    int i;
    if (n == 0) {
        return;
    }
    check_page(model, kept, 0, n - 1);
    for (i = 0; i < 3; i++) {
        apr_int64_t from = next_random(model, (unsigned int)n);
        apr_int64_t till = from + next_random(model, (unsigned int)(n - from));
        apr_int64_t index;
        check_page(model, kept, from, till);
        assert_ok(ximss_view_index(kept->folder, model->account, kept->expected[from], &index,
                                   test_pool));
        ck_assert_msg(index == from, "%s: index %d and not %d", kept->what, (int)index, (int)from);
    }
}

/* Opens a view, compares it, and keeps it as its file gives it back. */
static void open_view(model_t *model, const char *dir, const ximss_view_spec_t *spec, kept_t *kept,
                      int number)
{
    ximss_folder_t *folder = apr_pcalloc(test_pool, sizeof(*folder));
    apr_int64_t count;
    apr_int64_t unseen;
    folder->name = apr_psprintf(test_pool, "view %d", number);
    folder->mailbox_name = "INBOX";
    folder->account_id = "x";
    folder->number = number;
    folder->fields = apr_array_make(test_pool, 1, sizeof(const char *));
    folder->spec = *spec;
    kept->what = apr_psprintf(test_pool, "sort %s %s filter %s in %s min %u",
                              or_empty(spec->sort_field), spec->descending ? "desc" : "asc",
                              or_empty(spec->filter), or_empty(spec->filter_field), spec->uid_min);
    assert_ok(ximss_account_begin_read(model->account, test_pool));
    assert_ok(ximss_mailbox_get(model->account, model->mailbox->id, &model->mailbox, test_pool));
    assert_ok(ximss_view_build(folder, model->account, model->mailbox, &model->env, test_pool));
    ximss_account_rollback(model->account);
    assert_ok(ximss_folder_write(
        folder, apr_pstrcat(test_pool, dir, "/", ximss_folder_file(folder->name, test_pool), NULL),
        test_pool));
    assert_ok(ximss_folder_load(&kept->folder, dir, folder->name, test_pool));
    kept->expected = oracle_uids(model, spec, &count, &unseen);
    ck_assert_msg(folder->messages == count, "%s: %d messages and not %d", kept->what,
                  (int)folder->messages, (int)count);
    ck_assert_msg(folder->unseen == unseen, "%s: %d unseen and not %d", kept->what,
                  (int)folder->unseen, (int)unseen);
    ck_assert_int_eq(kept->folder->messages, count);
    check_view(model, kept);
}

static const char *const sort_fields[] = {NULL,   "UID",   "INTERNALDATE", "Date",   "SIZE",
                                          "From", "To",    "subject",      "Cc",     "E-From",
                                          "Pty",  "FLAGS", "Resent-Date",  "X-Thing"};

static const struct {
    const char *filter;
    const char *field;
} filters[] = {{NULL, NULL},
               {"qux", NULL},
               {"QUX", "From"},
               {"qux", "E-From"},
               {"\xc3\xa4", "subject"},
               {"", "X-Thing"},
               {"e", "X-Thing"},
               {"\xc3\xa4rger", "body"},
               {"seen", "FLAGS"},
               {"Unseen,Flagged", "FLAGS"},
               {"Recent", "FLAGS"},
               {"nowhere at all", NULL}};

static model_t *make_model(apr_uint64_t seed)
{
    model_t *model = apr_pcalloc(test_pool, sizeof(*model));
    model->rig = op_rig_make();
    model->account = op_rig_handle(model->rig, USER, model->rig->pool);
    model->random = seed;
    model->env.limits = &model->rig->limits;
    model->messages = apr_array_make(test_pool, 512, sizeof(model_message_t));
    assert_ok(ximss_mailbox_find(model->account, "INBOX", &model->mailbox, test_pool));
    return model;
}

/* Everything about views, for messages COUNT at the start. */
static void run_model(apr_uint64_t seed, int count)
{
    model_t *model = make_model(seed);
    apr_array_header_t *kept = apr_array_make(test_pool, 64, sizeof(kept_t));
    size_t sorts = sizeof(sort_fields) / sizeof(sort_fields[0]);
    size_t kinds = sizeof(filters) / sizeof(filters[0]);
    const char *dir = model->rig->dir;
    int round;
    int i;
    append_some(model, count);
    for (round = 0; round < 4; round++) {
        size_t sort;
        model->env.recent_since = round % 2 ? 0 : (apr_int64_t)1 << 60;
        for (sort = 0; sort < sorts; sort++) {
            size_t kind;
            for (kind = 0; kind < kinds; kind++) {
                ximss_view_spec_t spec = {sort_fields[sort], (int)next_random(model, 2),
                                          filters[kind].filter, filters[kind].field, 0};
                if (next_random(model, 6) == 0) {
                    spec.uid_min = next_random(model, (unsigned int)model->messages->nelts + 1);
                }
                if (kind > 0 && (kind + sort) % 3 != (size_t)round % 3) {
                    continue; /* each pair in some round */
                }
                open_view(model, dir, &spec, apr_array_push(kept), kept->nelts);
            }
        }
        append_some(model, (int)next_random(model, 60));
        expunge_some(model, (int)next_random(model, 60));
        mark_some(model, (int)next_random(model, 40));
        for (i = 0; i < kept->nelts; i++) {
            check_view(model, &APR_ARRAY_IDX(kept, i, kept_t));
        }
    }
}

START_TEST(test_small_model)
{
    run_model((apr_uint64_t)_i + 1, _i * 7 + 1);
}
END_TEST

START_TEST(test_large_model)
{
    run_model(77, 1500);
}
END_TEST

START_TEST(test_empty_mailbox)
{
    model_t *model = make_model(5);
    size_t sorts = sizeof(sort_fields) / sizeof(sort_fields[0]);
    size_t i;
    for (i = 0; i < sorts; i++) {
        ximss_view_spec_t spec = {.sort_field = sort_fields[i], .descending = (int)(i % 2)};
        kept_t kept;
        apr_int64_t index;
        apr_uint32_t *uids;
        open_view(model, model->rig->dir, &spec, &kept, (int)i);
        ck_assert_int_eq(kept.folder->messages, 0);
        assert_ok(ximss_view_index(kept.folder, model->account, 1, &index, test_pool));
        ck_assert_int_eq(index, -1);
        ck_assert_ptr_nonnull(ximss_view_uids(kept.folder, model->account, 0, 0, &uids, test_pool));
    }
}
END_TEST

/* Messages outside a view have no position in it and do not belong to it. */
START_TEST(test_outside)
{
    model_t *model = make_model(6);
    ximss_view_spec_t lazy = {.sort_field = "From"};
    ximss_view_spec_t array = {.filter = "Seen", .filter_field = "FLAGS"};
    kept_t kept[2];
    ximss_message_t message = {0};
    apr_int64_t index;
    int i;
    append_some(model, 20);
    open_view(model, model->rig->dir, &lazy, &kept[0], 0);
    open_view(model, model->rig->dir, &array, &kept[1], 1);
    append_some(model, 1);
    for (i = 0; i < 2; i++) {
        assert_ok(ximss_view_index(kept[i].folder, model->account, 21, &index, test_pool));
        ck_assert_int_eq(index, -1);
        assert_ok(ximss_view_index(kept[i].folder, model->account, 99, &index, test_pool));
        ck_assert_int_eq(index, -1);
    }
    message.uid = 1;
    message.created = kept[0].folder->modseq;
    ck_assert(ximss_view_has(kept[0].folder, &message));
    message.created++;
    ck_assert(!ximss_view_has(kept[0].folder, &message));
    message.created = 1;
    message.gone = kept[0].folder->modseq + 5;
    ck_assert(!ximss_view_has(kept[0].folder, &message));
    message.gone = 0;
    for (i = 0; i < 20; i++) {
        const model_message_t *row = &APR_ARRAY_IDX(model->messages, i, model_message_t);
        message.uid = row->uid;
        ck_assert_int_eq(ximss_view_has(kept[1].folder, &message),
                         (row->flags & XIMSS_FLAG_SEEN) != 0);
    }
}
END_TEST

/* ---- bodies ---- */

static void check_body(model_t *model, const char *raw, const char *needle, int matches)
{
    ximss_folder_t folder = {.spec = {.filter = needle, .filter_field = "body"}};
    apr_uint32_t uid = op_rig_append(model->rig, USER, "INBOX", raw, 0);
    assert_ok(ximss_mailbox_get(model->account, model->mailbox->id, &model->mailbox, test_pool));
    folder.spec.uid_min = uid;
    assert_ok(ximss_view_build(&folder, model->account, model->mailbox, &model->env, test_pool));
    ck_assert_msg(folder.messages == matches, "%s in %.200s", needle, raw);
}

START_TEST(test_body_kinds)
{
    model_t *model = make_model(7);
    const char *multi =
        "Subject: in the header\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "preamble\n--b\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nM=FCnchen am Abe=\nnd\n"
        "--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        "PGI+R3LDvMOfZTwvYj4=\n"
        "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nc2VjcmV0\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: inner words\nTo: Deep <deep@x.org>\n\nvery "
        "deep\n"
        "--b--\nepilogue\n";
    check_body(model, multi, "m\xc3\xbcnchen", 1);
    check_body(model, multi, "ABEND", 1);
    check_body(model, multi,
               "gr\xc3\xbc\xc3\x9f"
               "e",
               1);
    check_body(model, multi, "inner WORDS", 1);
    check_body(model, multi, "deep@x", 1);
    check_body(model, multi, "very deep", 1);
    check_body(model, multi, "in the header", 0);
    check_body(model, multi, "secret", 0);
    check_body(model, multi, "preamble", 0);
    check_body(model, "no header", "x", 0);
    check_body(model, "\n\nonly a body", "ONLY A", 1);
}
END_TEST

/* A needle across the edge of the pieces in which a large part is decoded. */
START_TEST(test_large_body)
{
    model_t *model = make_model(8);
    size_t size = 3 * 1024 * 1024;
    char *raw = apr_palloc(test_pool, size + 1);
    size_t at;
    int lines;
    for (lines = 0; lines < 2; lines++) {
        for (at = 1024 * 1024 - 40; at < 1024 * 1024 + 40; at += 13) {
            size_t i;
            memset(raw, 'x', size);
            for (i = 70; lines && i < size; i += 71) {
                raw[i] = '\n';
            }
            memcpy(raw, "Subject: a\n\n", 12);
            memcpy(raw + at, "the needle here", 15);
            raw[size] = '\0';
            check_body(model, raw, "The Needle Here", 1);
        }
    }
    check_body(model, raw, "another needle", 0);
}
END_TEST

START_TEST(test_limits)
{
    model_t *model = make_model(9);
    ximss_folder_t folder = {.spec = {.filter = "x", .filter_field = "body"}};
    const ximss_error_t *error;
    append_some(model, 50);
    assert_ok(ximss_mailbox_get(model->account, model->mailbox->id, &model->mailbox, test_pool));
    folder.spec.filter_field = "FLAGS";
    folder.spec.filter = "Seen,no/flag";
    error = ximss_view_build(&folder, model->account, model->mailbox, &model->env, test_pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_BAD_REQUEST);
    model->rig->limits.search_seconds = -1; /* the time is over before it begins */
    folder.spec.filter_field = "body";
    error = ximss_view_build(&folder, model->account, model->mailbox, &model->env, test_pool);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, XIMSS_E_LIMIT);
    /* Without a search there is nothing to limit. */
    folder.spec.filter = NULL;
    assert_ok(ximss_view_build(&folder, model->account, model->mailbox, &model->env, test_pool));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "view");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_small_model, 0, 6);
    tcase_add_test(tcase, test_large_model);
    tcase_add_test(tcase, test_empty_mailbox);
    tcase_add_test(tcase, test_outside);
    tcase_add_test(tcase, test_body_kinds);
    tcase_add_test(tcase, test_large_body);
    tcase_add_test(tcase, test_limits);
}
