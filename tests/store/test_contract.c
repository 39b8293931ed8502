/* The contract of store.h: what callers rely on, one function after the other, for the provider that
 * XIMSS_STORE_PROVIDER names (default: the first one). */
#include "store/fixture.h"
#include "store/prefs.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/stat.h>

/* ---- directory ---- */

START_TEST(directory_domains)
{
    apr_array_header_t *names;
    int exists;

    must(ximss_domain_create(test_store, "Alpha.Example", test_pool));
    must_fail(ximss_domain_create(test_store, "alpha.example", test_pool), XIMSS_E_ACCOUNT_EXISTS);
    must_fail(ximss_domain_create(test_store, "a b", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_domain_create(test_store, "a/b", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_domain_create(test_store, "a@b", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_domain_create(test_store, "", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_domain_create(test_store, "a\x01", test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_domain_create(test_store, "\xff\xfe", test_pool), XIMSS_E_BAD_REQUEST);
    must(ximss_domain_list(test_store, &names, test_pool));
    ck_assert_int_eq(names->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(names, 0, const char *), "alpha.example");
    ck_assert_str_eq(APR_ARRAY_IDX(names, 1, const char *), "example.org");
    must(ximss_domain_exists(test_store, "ALPHA.example", &exists, test_pool));
    ck_assert_int_eq(exists, 1);
    must_fail(ximss_domain_delete(test_store, "example.org", test_pool), XIMSS_E_ACCOUNT_EXISTS);
    must(ximss_domain_delete(test_store, "alpha.example", test_pool));
    must_fail(ximss_domain_delete(test_store, "alpha.example", test_pool), XIMSS_E_NOT_FOUND);
    must(ximss_domain_exists(test_store, "alpha.example", &exists, test_pool));
    ck_assert_int_eq(exists, 0);
    must(ximss_domain_exists(test_store, "not/a name", &exists, test_pool));
    ck_assert_int_eq(exists, 0);
}
END_TEST

START_TEST(directory_accounts)
{
    ximss_account_entry_t entry = {NULL, "Zoë'%_\xf0\x9f\x90\x87@EXAMPLE.org", NULL, "v1", 10, 1,
                                   0};
    ximss_account_entry_t *found;
    apr_array_header_t *entries;
    const char *id;

    must(ximss_account_create(test_store, &entry, &id, test_pool));
    must_fail(ximss_account_create(test_store, &entry, &id, test_pool), XIMSS_E_ACCOUNT_EXISTS);
    must(ximss_account_find(test_store, "zOË'%_\xf0\x9f\x90\x87@example.ORG", &found, test_pool));
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found->name, "zoë'%_\xf0\x9f\x90\x87@example.org");
    ck_assert_str_eq(found->id, id);
    ck_assert_ptr_null(found->real_name);
    ck_assert_str_eq(found->verifier, "v1");
    ck_assert_int_eq(found->quota, 10);
    ck_assert_int_eq(found->enabled, 1);
    found->real_name = "Zoë";
    found->verifier = "v2";
    found->quota = -1;
    found->enabled = 0;
    must(ximss_account_update(test_store, found, test_pool));
    must(ximss_account_list(test_store, NULL, &entries, test_pool));
    ck_assert_int_eq(entries->nelts, 2);
    found = APR_ARRAY_IDX(entries, 1, ximss_account_entry_t *);
    ck_assert_str_eq(found->real_name, "Zoë");
    ck_assert_str_eq(found->verifier, "v2");
    ck_assert_int_eq(found->quota, -1);
    ck_assert_int_eq(found->enabled, 0);
    must(ximss_account_list(test_store, "example.org", &entries, test_pool));
    ck_assert_int_eq(entries->nelts, 2);
    must_fail(ximss_account_list(test_store, "example.com", &entries, test_pool),
              XIMSS_E_NOT_FOUND);
    must(ximss_account_find(test_store, "nobody@example.org", &found, test_pool));
    ck_assert_ptr_null(found);
    must(ximss_account_find(test_store, "no name", &found, test_pool));
    ck_assert_ptr_null(found);
}
END_TEST

START_TEST(directory_refusals)
{
    ximss_account_entry_t entry = {NULL, "a@example.com", NULL, "*", -1, 1, 0};
    const char *const wrong[] = {"a",
                                 "@example.org",
                                 "a@",
                                 "a b@example.org",
                                 "a/b@example.org",
                                 "a@b@example.org",
                                 "\x80@example.org"};
    const char *id;
    apr_size_t i;

    must_fail(ximss_account_create(test_store, &entry, &id, test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_update(test_store, &entry, test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_delete(test_store, "a@example.com", test_pool), XIMSS_E_NOT_FOUND);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        entry.name = wrong[i];
        must_fail(ximss_account_create(test_store, &entry, &id, test_pool), XIMSS_E_BAD_REQUEST);
    }
    entry.name = apr_psprintf(test_pool, "%0300d@example.org", 1);
    must_fail(ximss_account_create(test_store, &entry, &id, test_pool), XIMSS_E_BAD_REQUEST);
}
END_TEST

START_TEST(directory_delete)
{
    ximss_account_entry_t *entry;
    ximss_account_t *account;

    ck_assert(!ximss_account_deleted(test_store, test_id, "user@example.org", test_pool));
    must(ximss_account_delete(test_store, "user@example.org", test_pool));
    must(ximss_account_find(test_store, "user@example.org", &entry, test_pool));
    ck_assert_ptr_null(entry);
    ck_assert(ximss_account_deleted(test_store, test_id, "user@example.org", test_pool));
    ck_assert(!ximss_account_deleted(test_store, "../x", "user@example.org", test_pool));
    must_fail(ximss_account_checkout(&account, test_store, test_id, test_pool), XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_checkout(&account, test_store, "../x", test_pool), XIMSS_E_NOT_FOUND);
    must(ximss_domain_delete(test_store, "example.org", test_pool));
}
END_TEST

/* ---- account data ---- */

START_TEST(account_logins)
{
    const ximss_login_t first = {100, "192.0.2.1"};
    const ximss_login_t second = {200, "192.0.2.2"};
    const ximss_login_t third = {300, "2001:db8::1"};
    ximss_login_t previous;
    ximss_login_t failed;

    must(ximss_account_logins(test_account, &previous, &failed, test_pool));
    ck_assert_int_eq(previous.when, 0);
    ck_assert_int_eq(failed.when, 0);
    must(ximss_account_record_login(test_account, &first, 0, &previous, test_pool));
    ck_assert_int_eq(previous.when, 0);
    must(ximss_account_record_login(test_account, &second, 1, NULL, test_pool));
    must(ximss_account_record_login(test_account, &third, 0, &previous, test_pool));
    ck_assert_int_eq(previous.when, 100);
    ck_assert_str_eq(previous.address, "192.0.2.1");
    must(ximss_account_logins(test_account, &previous, &failed, test_pool));
    ck_assert_int_eq(previous.when, 100);
    ck_assert_int_eq(failed.when, 200);
    ck_assert_str_eq(failed.address, "192.0.2.2");
    ck_assert_int_eq(ximss_account_in_transaction(test_account), 0);
}
END_TEST

START_TEST(account_prefs)
{
    const char *value;

    must(ximss_account_pref(test_account, "TrashBox", &value, test_pool));
    ck_assert_ptr_null(value);
    must(ximss_prefs_get(test_account, "TrashBox", &value, test_pool));
    ck_assert_str_eq(value, "Trash");
    must(ximss_prefs_get(test_account, "trashbox", &value, test_pool));
    ck_assert_ptr_null(value);
    ck_assert_str_eq(ximss_prefs_default("ArchiveBox"), "Archive");
    ck_assert_str_eq(ximss_prefs_default("IPWatch"), "YES");
    ck_assert_str_eq(ximss_prefs_default("InboxDisplay"), "INBOX");
    ck_assert_str_eq(ximss_prefs_default("SMIMEEncryptionType"), "RC2 40bit");
    ck_assert_str_eq(ximss_prefs_default("WorkDays"), "Mon,Tue,Wed,Thu,Fri");
    ck_assert_ptr_null(ximss_prefs_default("NoSuchThing"));
}
END_TEST

/* ---- live sessions ---- */

START_TEST(account_batches)
{
    ximss_batch_row_t row = {.session = 7, .seq = 1, .step = 2, .time = 1000000};

    must_fail(ximss_account_batch_put(test_account, &row, test_pool), XIMSS_E_INTERNAL);
    must(ximss_account_batch_get(test_account, 7, &row, test_pool));
    ck_assert_int_eq(row.seq, -1);
    row.seq = 0;
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_account_batch_put(test_account, &row, test_pool));
    row.seq = 3;
    row.step = 4;
    must(ximss_account_batch_put(test_account, &row, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    must(ximss_account_batch_get(test_account, 7, &row, test_pool));
    ck_assert_int_eq(row.seq, 3);
    ck_assert_int_eq(row.step, 4);
    /* undone with its transaction */
    row.seq = 9;
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_account_batch_put(test_account, &row, test_pool));
    ximss_account_rollback(test_account);
    must(ximss_account_batch_get(test_account, 7, &row, test_pool));
    ck_assert_int_eq(row.seq, 3);
    /* and forgotten long after */
    row.session = 8;
    row.time = 1000000 + 10 * 86400;
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_account_batch_put(test_account, &row, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    must(ximss_account_batch_get(test_account, 7, &row, test_pool));
    ck_assert_int_eq(row.seq, -1);
}
END_TEST

static const ximss_alert_t *alert_at(const apr_array_header_t *alerts, int i)
{
    ck_assert_int_gt(alerts->nelts, i);
    return &APR_ARRAY_IDX(alerts, i, ximss_alert_t);
}

START_TEST(account_alerts)
{
    apr_array_header_t *alerts;
    apr_int64_t second;

    must_fail(ximss_account_alert_post(test_account, "", 1, test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_account_alert_post(test_account, "a\xff", 1, test_pool), XIMSS_E_BAD_REQUEST);
    must(ximss_account_alert_post(test_account, "one", 1000, test_pool));
    must(ximss_account_alert_post(test_account, "two <&> \xc3\xa9", 1001, test_pool));
    must(ximss_account_alerts(test_account, 0, &alerts, test_pool));
    ck_assert_int_eq(alerts->nelts, 2);
    second = alert_at(alerts, 1)->id;
    ck_assert_str_eq(alert_at(alerts, 1)->text, "two <&> \xc3\xa9");
    ck_assert_int_eq(alert_at(alerts, 1)->time, 1001);
    must(ximss_account_alerts_confirm(test_account, second - 1, test_pool));
    must(ximss_account_alerts(test_account, 0, &alerts, test_pool));
    ck_assert_int_eq(alert_at(alerts, 0)->confirmed, 1);
    ck_assert_int_eq(alert_at(alerts, 1)->confirmed, 0);
    must(ximss_account_alerts(test_account, second, &alerts, test_pool));
    ck_assert_int_eq(alerts->nelts, 0);
    /* Old confirmed ones go, others wait for their reader; no id comes again. */
    must(ximss_account_alert_post(test_account, "three", 1000 + 30 * 86400, test_pool));
    must(ximss_account_alerts(test_account, 0, &alerts, test_pool));
    ck_assert_int_eq(alerts->nelts, 2);
    ck_assert_int_eq(alert_at(alerts, 0)->id, second);
    ck_assert_int_gt(alert_at(alerts, 1)->id, second);
}
END_TEST

/* ---- mailboxes ---- */

static const char *list_names(void)
{
    apr_array_header_t *mailboxes;
    const char *names = "";
    int i;

    must(ximss_mailbox_list(test_account, &mailboxes, test_pool));
    for (i = 0; i < mailboxes->nelts; i++) {
        const ximss_mailbox_t *mailbox = APR_ARRAY_IDX(mailboxes, i, ximss_mailbox_t *);

        names = apr_pstrcat(test_pool, names, i > 0 ? " " : "", mailbox->name,
                            mailbox->pure ? "/" : "", NULL);
    }
    return names;
}

static void create(const char *name)
{
    must(ximss_mailbox_create(test_account, name, "", test_pool));
}

START_TEST(mailbox_create)
{
    ximss_mailbox_t *mailbox;
    apr_int64_t id;

    must_fail(ximss_mailbox_create(test_account, "A", "", test_pool), XIMSS_E_INTERNAL);
    must(ximss_account_begin_write(test_account, test_pool));
    create("A/B/C");
    create("P/");
    must_fail(ximss_mailbox_create(test_account, "P/", "", test_pool), XIMSS_E_MAILBOX_EXISTS);
    must_fail(ximss_mailbox_create(test_account, "long", apr_psprintf(test_pool, "%256s", "x"),
                                   test_pool),
              XIMSS_E_BAD_REQUEST);
    must_fail(ximss_mailbox_create(test_account, "~b@example.org/A", "", test_pool),
              XIMSS_E_BAD_REQUEST);
    must_fail(ximss_mailbox_create(test_account, "A/B/C", "", test_pool), XIMSS_E_MAILBOX_EXISTS);
    must_fail(ximss_mailbox_create(test_account, "A/B/C/", "", test_pool), XIMSS_E_MAILBOX_EXISTS);
    must_fail(ximss_mailbox_create(test_account, "inbox", "", test_pool), XIMSS_E_MAILBOX_EXISTS);
    ck_assert_str_eq(list_names(), "INBOX A/ A/B/ A/B/C P/");
    id = fixture_mailbox(test_account, "A/B")->id;
    must(ximss_mailbox_create(test_account, "A/B", "IPF.Contact", test_pool));
    must(ximss_account_commit(test_account, test_pool));
    mailbox = fixture_mailbox(test_account, "A/B");
    ck_assert_int_eq(mailbox->pure, 0);
    ck_assert_int_eq(mailbox->id, id);
    ck_assert_str_eq(mailbox->mail_class, "IPF.Contact");
    ck_assert_int_eq(mailbox->uid_next, 1);
    ck_assert_str_eq(list_names(), "INBOX A/ A/B A/B/C P/");
    must(ximss_mailbox_get(test_account, id, &mailbox, test_pool));
    ck_assert_str_eq(mailbox->name, "A/B");
    must_fail(ximss_mailbox_get(test_account, 999, &mailbox, test_pool), XIMSS_E_NO_MAILBOX);
    must_fail(ximss_mailbox_find(test_account, "a/b", &mailbox, test_pool), XIMSS_E_NO_MAILBOX);
    ck_assert_str_eq(fixture_mailbox(test_account, "iNbOx")->name, "INBOX");
}
END_TEST

START_TEST(mailbox_names)
{
    const char *const wrong[] = {"",
                                 "/",
                                 "/a",
                                 "a//b",
                                 "a//",
                                 "a\x01"
                                 "b",
                                 "a\x7f",
                                 "\xc3",
                                 "a\nb",
                                 "\xed\xa0\x80",
                                 "a\xc2\x85"};
    const char *const right[] = {"it's 100% \"quoted\" \\ back",
                                 "\xf0\x9f\x93\xa7 \xe6\x97\xa5\xe6\x9c\xac",
                                 " blank ",
                                 "%_*?",
                                 "; DROP TABLE mailbox;--",
                                 "-",
                                 ".",
                                 ".."};
    const char *name;
    apr_size_t i;

    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        must_fail(ximss_mailbox_create(test_account, wrong[i], "", test_pool), XIMSS_E_BAD_REQUEST);
    }
    for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        create(right[i]);
        ck_assert_str_eq(fixture_mailbox(test_account, right[i])->name, right[i]);
        name = apr_pstrcat(test_pool, right[i], "/below", NULL);
        create(name);
        must(ximss_mailbox_rename(test_account, right[i], "moved", 1, test_pool));
        fixture_mailbox(test_account, "moved/below");
        must(ximss_mailbox_rename(test_account, "moved", right[i], 1, test_pool));
        fixture_mailbox(test_account, name);
    }
    name = apr_psprintf(test_pool, "%01000d", 1);
    create(name);
    ck_assert_str_eq(fixture_mailbox(test_account, name)->name, name);
    must_fail(
        ximss_mailbox_create(test_account, apr_psprintf(test_pool, "%01001d", 1), "", test_pool),
        XIMSS_E_BAD_REQUEST);
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(mailbox_rename)
{
    ximss_mailbox_t *old;
    ximss_mailbox_t *mailbox;
    const char *name;

    must(ximss_account_begin_write(test_account, test_pool));
    create("A");
    create("A/B");
    create("A/B/C");
    create("AB");
    fixture_append(test_account, fixture_mailbox(test_account, "A")->id, 1, 0);
    old = fixture_mailbox(test_account, "A");
    must_fail(ximss_mailbox_rename(test_account, "A", "A/X", 1, test_pool), XIMSS_E_BAD_REQUEST);
    must_fail(ximss_mailbox_rename(test_account, "A", "AB", 1, test_pool), XIMSS_E_MAILBOX_EXISTS);
    must_fail(ximss_mailbox_rename(test_account, "A", "A", 1, test_pool), XIMSS_E_MAILBOX_EXISTS);
    must_fail(ximss_mailbox_rename(test_account, "Q", "R", 1, test_pool), XIMSS_E_NO_MAILBOX);
    must(ximss_mailbox_rename(test_account, "A", "X/Y", 0, test_pool));
    ck_assert_str_eq(list_names(), "INBOX A/ A/B A/B/C AB X/ X/Y");
    mailbox = fixture_mailbox(test_account, "X/Y");
    ck_assert_int_eq(mailbox->id, old->id);
    ck_assert_int_eq(mailbox->uid_validity, old->uid_validity);
    ck_assert_int_eq(mailbox->messages, 1);
    must(ximss_mailbox_rename(test_account, "A", "Ä", 1, test_pool));
    ck_assert_str_eq(list_names(), "INBOX AB X/ X/Y Ä/ Ä/B Ä/B/C");
    name = apr_psprintf(test_pool, "%0999d", 1);
    must_fail(ximss_mailbox_rename(test_account, "Ä", name, 1, test_pool), XIMSS_E_BAD_REQUEST);
    must(ximss_mailbox_rename(test_account, "Ä", "A", 1, test_pool));
    /* INBOX leaves a new one behind. */
    fixture_append(test_account, fixture_mailbox(test_account, "INBOX")->id, 2, 0);
    old = fixture_mailbox(test_account, "INBOX");
    must(ximss_mailbox_rename(test_account, "Inbox", "Old", 0, test_pool));
    ck_assert_int_eq(fixture_mailbox(test_account, "Old")->id, old->id);
    mailbox = fixture_mailbox(test_account, "INBOX");
    ck_assert_int_ne(mailbox->id, old->id);
    ck_assert_int_eq(mailbox->messages, 0);
    ck_assert_int_gt(mailbox->uid_validity, old->uid_validity);
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(mailbox_remove)
{
    ximss_mailbox_t *old;
    apr_int64_t quota;
    apr_int64_t used;

    must(ximss_account_begin_write(test_account, test_pool));
    create("A");
    create("A/B");
    fixture_append(test_account, fixture_mailbox(test_account, "A")->id, 1, 0);
    fixture_append(test_account, fixture_mailbox(test_account, "A/B")->id, 1, 0);
    old = fixture_mailbox(test_account, "A");
    must_fail(ximss_mailbox_remove(test_account, "INBOX", 1, test_pool), XIMSS_E_DENIED);
    must_fail(ximss_mailbox_remove(test_account, "inbox", 1, test_pool), XIMSS_E_DENIED);
    must_fail(ximss_mailbox_remove(test_account, "Q", 1, test_pool), XIMSS_E_NO_MAILBOX);
    must(ximss_mailbox_remove(test_account, "A", 0, test_pool));
    ck_assert_str_eq(list_names(), "INBOX A/ A/B");
    must_fail(ximss_mailbox_remove(test_account, "A", 0, test_pool), XIMSS_E_DENIED);
    create("A");
    ck_assert_int_gt(fixture_mailbox(test_account, "A")->uid_validity, old->uid_validity);
    ck_assert_int_ne(fixture_mailbox(test_account, "A")->id, old->id);
    ck_assert_int_eq(fixture_append(test_account, fixture_mailbox(test_account, "A")->id, 1, 0), 1);
    must(ximss_mailbox_remove(test_account, "A", 1, test_pool));
    ck_assert_str_eq(list_names(), "INBOX");
    must(ximss_account_commit(test_account, test_pool));
    must(ximss_account_usage(test_account, &used, &quota, test_pool));
    ck_assert_int_eq(used, 0);
    ck_assert_int_eq(quota, -1);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* ---- messages ---- */

typedef struct seen_t {
    int rows;
    ximss_message_t last;
    char fields[64];
    apr_uint32_t uids[64];
} seen_t;

static const ximss_error_t *see(void *baton, const ximss_message_t *message, apr_pool_t *scratch)
{
    seen_t *seen = baton;

    ck_assert_ptr_nonnull(scratch);
    seen->uids[seen->rows % 64] = message->uid;
    seen->rows++;
    seen->last = *message;
    apr_cpystrn(seen->fields, message->fields_length > 0 ? message->fields : "",
                message->fields_length < 63 ? message->fields_length + 1 : 64);
    return NULL;
}

static seen_t see_one(apr_int64_t mailbox, apr_uint32_t uid)
{
    seen_t seen;

    memset(&seen, 0, sizeof(seen));
    must(ximss_message_rows(test_account, mailbox, &uid, 1, see, &seen, test_pool));
    return seen;
}

START_TEST(message_append)
{
    ximss_mailbox_t *mailbox = fixture_mailbox(test_account, "INBOX");
    const ximss_append_t append = {mailbox->id, -5000, {XIMSS_FLAG_FLAGGED, "work"}};
    ximss_digest_t *digest = fixture_digest(22, 700000, test_pool);
    const char *data;
    apr_size_t length;
    apr_uint32_t uid;
    seen_t seen;
    int known;

    must_fail(ximss_message_append(test_account, &append, digest, &uid, test_pool),
              XIMSS_E_INTERNAL);
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_message_append(test_account, &append, digest, &uid, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(uid, 1);
    seen = see_one(mailbox->id, 1);
    ck_assert_int_eq(seen.rows, 1);
    ck_assert_int_eq(seen.last.flags.bits, XIMSS_FLAG_FLAGGED | XIMSS_FLAG_MEDIA);
    ck_assert_int_eq(seen.last.size, 700000);
    ck_assert_int_eq(seen.last.internal_date, -5000);
    ck_assert_int_eq(seen.last.date, digest->date);
    ck_assert_int_gt(seen.last.stored, 1700000000);
    ck_assert_int_eq(seen.last.gone, 0);
    ck_assert_int_eq(seen.last.created, seen.last.modseq);
    ck_assert_str_eq(seen.fields, "fields of 22");
    must(ximss_blob_structure(test_account, seen.last.blob, &data, &length, test_pool));
    ck_assert_int_eq(length, strlen("structure of 22"));
    must(ximss_blob_read(test_account, seen.last.blob, 0, 700000, &data, test_pool));
    ck_assert_int_eq(memcmp(data, digest->data, 700000), 0);
    must(ximss_blob_read(test_account, seen.last.blob, 262100, 300000, &data, test_pool));
    ck_assert_int_eq(memcmp(data, digest->data + 262100, 300000), 0);
    must(ximss_blob_read(test_account, seen.last.blob, 700000, 0, &data, test_pool));
    must_fail(ximss_blob_read(test_account, seen.last.blob, 699999, 2, &data, test_pool),
              XIMSS_E_INTERNAL);
    must_fail(ximss_blob_read(test_account, seen.last.blob, -1, 1, &data, test_pool),
              XIMSS_E_INTERNAL);
    must_fail(ximss_blob_read(test_account, seen.last.blob, 0, (apr_size_t)-1, &data, test_pool),
              XIMSS_E_INTERNAL);
    must_fail(ximss_blob_read(test_account, 999, 0, 1, &data, test_pool), XIMSS_E_NO_MESSAGE);
    must_fail(ximss_blob_structure(test_account, 999, &data, &length, test_pool),
              XIMSS_E_NO_MESSAGE);
    must(ximss_message_known(test_account, mailbox->id, digest->sha256, &known, test_pool));
    ck_assert_int_eq(known, 1);
    must(ximss_message_known(test_account, mailbox->id + 1, digest->sha256, &known, test_pool));
    ck_assert_int_eq(known, 0);
    digest->sha256[0] ^= 1;
    must(ximss_message_known(test_account, mailbox->id, digest->sha256, &known, test_pool));
    ck_assert_int_eq(known, 0);
}
END_TEST

START_TEST(message_empty)
{
    ximss_mailbox_t *mailbox = fixture_mailbox(test_account, "INBOX");
    const ximss_append_t append = {mailbox->id, 0, {0, NULL}};
    ximss_digest_t digest;
    const char *data;
    apr_uint32_t uid;

    memset(&digest, 0, sizeof(digest));
    digest.data = "";
    digest.structure = "x";
    digest.structure_length = 1;
    digest.fields = "";
    digest.key_from = digest.key_to = digest.key_subject = "";
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_message_append(test_account, &append, &digest, &uid, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    must(
        ximss_blob_read(test_account, see_one(mailbox->id, uid).last.blob, 0, 0, &data, test_pool));
}
END_TEST

START_TEST(message_copy)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    const apr_uint32_t uids[] = {3, 1, 99, 3};
    const apr_uint32_t one = 1;
    apr_int64_t target;
    apr_size_t count;
    ximss_mailbox_t *mailbox;
    const char *data;
    seen_t source;
    seen_t copy;

    must(ximss_account_begin_write(test_account, test_pool));
    create("T");
    create("P/");
    target = fixture_mailbox(test_account, "T")->id;
    fixture_append(test_account, inbox, 1, 0);
    fixture_append(test_account, inbox, 2, 0);
    fixture_append(test_account, inbox, 3, XIMSS_FLAG_SEEN);
    must(ximss_message_copy(test_account, inbox, uids, 4, target, &count, test_pool));
    ck_assert_int_eq(count, 3);
    must_fail(ximss_message_copy(test_account, inbox, uids, 4,
                                 fixture_mailbox(test_account, "P")->id, &count, test_pool),
              XIMSS_E_NO_MAILBOX);
    must_fail(ximss_message_copy(test_account, inbox, uids, 4, 999, &count, test_pool),
              XIMSS_E_NO_MAILBOX);
    must(ximss_message_expunge(test_account, inbox, &one, 1, &count, test_pool));
    ck_assert_int_eq(count, 1);
    must(ximss_account_commit(test_account, test_pool));
    mailbox = fixture_mailbox(test_account, "T");
    ck_assert_int_eq(mailbox->messages, 3);
    ck_assert_int_eq(mailbox->unseen, 1);
    ck_assert_int_eq(mailbox->uid_next, 4);
    source = see_one(inbox, 1);
    copy = see_one(target, 2);
    ck_assert_int_gt(source.last.gone, 0);
    ck_assert_int_eq(source.last.blob, copy.last.blob);
    ck_assert_str_eq(copy.fields, "fields of 1");
    must(ximss_blob_read(test_account, copy.last.blob, 0, (apr_size_t)copy.last.size, &data,
                         test_pool));
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_mailbox_remove(test_account, "T", 0, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    must_fail(ximss_blob_read(test_account, copy.last.blob, 0, 1, &data, test_pool),
              XIMSS_E_NO_MESSAGE);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(message_mark)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    const apr_uint32_t uids[] = {1, 2, 3};
    ximss_flag_change_t change;
    ximss_mailbox_t *before;
    ximss_mailbox_t *after;
    apr_size_t changed;
    seen_t seen;

    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, inbox, 11, 0);
    fixture_append(test_account, inbox, 12, XIMSS_FLAG_SEEN);
    before = fixture_mailbox(test_account, "INBOX");
    ck_assert_int_eq(before->unseen, 1);
    ck_assert_int_eq(before->media, 1);
    ck_assert_int_eq(before->unseen_media, 1);
    must(ximss_flags_parse(&change, "Seen,work", 0, test_pool));
    must(ximss_message_mark(test_account, inbox, uids, 3, &change, &changed, test_pool));
    ck_assert_int_eq(changed, 2);
    must(ximss_message_mark(test_account, inbox, uids, 3, &change, &changed, test_pool));
    ck_assert_int_eq(changed, 0);
    must(ximss_account_commit(test_account, test_pool));
    after = fixture_mailbox(test_account, "INBOX");
    ck_assert_int_eq(after->unseen, 0);
    ck_assert_int_eq(after->unseen_media, 0);
    ck_assert_int_eq(after->media, 1);
    ck_assert_int_eq(after->modseq, before->modseq + 1);
    memset(&seen, 0, sizeof(seen));
    must(ximss_message_changes(test_account, inbox, before->modseq, see, &seen, test_pool));
    ck_assert_int_eq(seen.rows, 2);
    ck_assert_int_eq(seen.uids[0], 1);
    ck_assert_int_eq(seen.uids[1], 2);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(message_tombstones)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    const apr_uint32_t uids[] = {2, 2, 7, 5};
    ximss_mailbox_t *before;
    ximss_mailbox_t *after;
    apr_size_t removed;
    seen_t seen;
    int i;

    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 1; i <= 5; i++) {
        fixture_append(test_account, inbox, (unsigned int)i, 0);
    }
    must(ximss_account_commit(test_account, test_pool));
    before = fixture_mailbox(test_account, "INBOX");
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_message_expunge(test_account, inbox, uids, 4, &removed, test_pool));
    ck_assert_int_eq(removed, 2);
    ck_assert_int_eq(fixture_append(test_account, inbox, 6, 0), 6);
    must(ximss_account_commit(test_account, test_pool));
    after = fixture_mailbox(test_account, "INBOX");
    ck_assert_int_eq(after->messages, 4);
    memset(&seen, 0, sizeof(seen));
    must(ximss_message_scan(test_account, inbox, before->modseq, 0, see, &seen, test_pool));
    ck_assert_int_eq(seen.rows, 5);
    memset(&seen, 0, sizeof(seen));
    must(ximss_message_scan(test_account, inbox, after->modseq, 3, see, &seen, test_pool));
    ck_assert_int_eq(seen.rows, 3);
    ck_assert_int_eq(seen.uids[0], 3);
    ck_assert_int_eq(seen.uids[2], 6);
    memset(&seen, 0, sizeof(seen));
    must(ximss_message_changes(test_account, inbox, before->modseq, see, &seen, test_pool));
    ck_assert_int_eq(seen.rows, 3);
    ck_assert_int_gt(see_one(inbox, 5).last.gone, before->modseq);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* Purges INBOX with views as old as OLDEST; returns how many of messages 1 to 4 still have a row. */
static int rows_after_purge(ximss_account_t *account, apr_int64_t oldest)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    apr_uint32_t uid;
    int rows = 0;

    fixture_oldest_view = oldest;
    ximss_account_tidy(account);
    fixture_oldest_view = -1;
    for (uid = 1; uid <= 4; uid++) {
        rows += see_one(inbox, uid).rows;
    }
    return rows;
}

/* Removes message UID; returns the modseq of that. */
static apr_int64_t remove_one(apr_uint32_t uid)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;

    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_message_expunge(test_account, inbox, &uid, 1, NULL, test_pool));
    must(ximss_account_commit(test_account, test_pool));
    return fixture_mailbox(test_account, "INBOX")->modseq;
}

/* Of at least two tombstones (see the fixture). */
START_TEST(message_purge)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    ximss_account_t *other;
    apr_int64_t second;
    apr_int64_t third;

    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, inbox, 1, 0);
    fixture_append(test_account, inbox, 2, 0);
    fixture_append(test_account, inbox, 3, 0);
    fixture_append(test_account, inbox, 4, 0);
    must(ximss_account_commit(test_account, test_pool));
    remove_one(1);
    ck_assert_int_eq(rows_after_purge(test_account, APR_INT64_MAX), 4);
    second = remove_one(2);
    third = remove_one(3);
    ck_assert_int_eq(rows_after_purge(test_account, -1), 4);
    ck_assert_int_eq(rows_after_purge(test_account, second - 1), 4);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->purged, 0);
    must(ximss_account_checkout(&other, fixture_open(0, 1000, test_pool), test_id, test_pool));
    ck_assert_int_eq(rows_after_purge(other, APR_INT64_MAX), 4); /* not httpd */
    ximss_account_return(other);
    ck_assert_int_eq(rows_after_purge(test_account, second), 2);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->purged, second);
    remove_one(4);
    ck_assert_int_eq(rows_after_purge(test_account, third), 2);
    ck_assert_int_eq(rows_after_purge(test_account, APR_INT64_MAX), 0);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->purged, third + 1);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->uid_next, 5);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* What is found under NAME. */
static const char *id_of(const char *name)
{
    ximss_account_entry_t *entry;

    must(ximss_account_find(test_store, name, &entry, test_pool));
    return entry != NULL ? entry->id : "";
}

START_TEST(account_rename)
{
    ximss_account_entry_t other = {NULL, "other@example.org", NULL, "", -1, 1, 0};
    apr_uint64_t stamp;
    apr_uint64_t next;
    const char *id;

    must(ximss_account_create(test_store, &other, &id, test_pool));
    must(ximss_domain_create(test_store, "example.net", test_pool));
    stamp = ximss_account_stamp(test_store, test_id, test_pool);
    must_fail(ximss_account_rename(test_store, "none@example.org", "x@example.org", test_pool),
              XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_rename(test_store, "user@example.org", "x@nowhere.org", test_pool),
              XIMSS_E_NOT_FOUND);
    must_fail(ximss_account_rename(test_store, "user@example.org", "Other@example.org", test_pool),
              XIMSS_E_ACCOUNT_EXISTS);
    must_fail(ximss_account_rename(test_store, "user@example.org", "bad name", test_pool),
              XIMSS_E_BAD_REQUEST);
    ck_assert_uint_eq(ximss_account_stamp(test_store, test_id, test_pool), stamp);
    must(ximss_account_rename(test_store, "User@example.org", "New@example.net", test_pool));
    ck_assert_str_eq(id_of("user@example.org"), "");
    ck_assert_str_eq(id_of("new@example.net"), test_id);
    next = ximss_account_stamp(test_store, test_id, test_pool);
    ck_assert_uint_ne(next, stamp);
    must(ximss_account_end_sessions(test_store, test_id, test_pool));
    ck_assert_uint_ne(ximss_account_stamp(test_store, test_id, test_pool), next);
    ck_assert_uint_eq(ximss_account_stamp(test_store, id, test_pool), 0);
    /* the domain is that of the new name */
    must_fail(ximss_domain_delete(test_store, "example.net", test_pool), XIMSS_E_ACCOUNT_EXISTS);
    must(ximss_account_delete(test_store, "new@example.net", test_pool));
    must(ximss_domain_delete(test_store, "example.net", test_pool));
}
END_TEST

static const ximss_error_t *stop(void *baton, const ximss_message_t *message, apr_pool_t *scratch)
{
    (*(int *)baton)++;
    return ximss_error(scratch, XIMSS_E_LIMIT, "stop at %u", message->uid);
}

START_TEST(message_walk_ends)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    const apr_uint32_t uids[] = {1, 2};
    const ximss_error_t *error;
    int calls = 0;

    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, inbox, 1, 0);
    fixture_append(test_account, inbox, 2, 0);
    must(ximss_account_commit(test_account, test_pool));
    error = ximss_message_scan(test_account, inbox, 100, 0, stop, &calls, test_pool);
    must_fail(error, XIMSS_E_LIMIT);
    ck_assert_str_eq(error->text, "stop at 1");
    must_fail(ximss_message_rows(test_account, inbox, uids, 2, stop, &calls, test_pool),
              XIMSS_E_LIMIT);
    ck_assert_int_eq(calls, 2);
    ck_assert_int_eq(ximss_account_in_transaction(test_account), 0);
    ck_assert_int_eq(see_one(inbox, 1).rows, 1);
}
END_TEST

START_TEST(message_quota)
{
    ximss_account_entry_t *entry;
    ximss_mailbox_t *mailbox = fixture_mailbox(test_account, "INBOX");
    const ximss_append_t append = {mailbox->id, 0, {0, ""}};
    const apr_uint32_t one = 1;
    apr_int64_t quota;
    apr_int64_t used;
    apr_uint32_t uid;
    apr_size_t count;

    must(ximss_account_find(test_store, "user@example.org", &entry, test_pool));
    entry->quota = 2500;
    must(ximss_account_update(test_store, entry, test_pool));
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_message_append(test_account, &append, fixture_digest(1, 1000, test_pool), &uid,
                              test_pool));
    must(ximss_message_append(test_account, &append, fixture_digest(2, 1000, test_pool), &uid,
                              test_pool));
    must_fail(ximss_message_append(test_account, &append, fixture_digest(3, 501, test_pool), &uid,
                                   test_pool),
              XIMSS_E_OVER_QUOTA);
    must_fail(
        ximss_message_copy(test_account, mailbox->id, &one, 1, mailbox->id, &count, test_pool),
        XIMSS_E_OVER_QUOTA);
    ck_assert_int_eq(ximss_account_in_write(test_account), 1);
    must(ximss_message_append(test_account, &append, fixture_digest(3, 500, test_pool), &uid,
                              test_pool));
    must(ximss_account_commit(test_account, test_pool));
    must(ximss_account_usage(test_account, &used, &quota, test_pool));
    ck_assert_int_eq(used, 2500);
    ck_assert_int_eq(quota, 2500);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

/* ---- transactions ---- */

START_TEST(transaction_rules)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;

    must_fail(ximss_account_commit(test_account, test_pool), XIMSS_E_INTERNAL);
    must(ximss_account_begin_read(test_account, test_pool));
    must_fail(ximss_account_begin_read(test_account, test_pool), XIMSS_E_INTERNAL);
    ck_assert_int_eq(ximss_account_in_transaction(test_account), 1);
    ck_assert_int_eq(ximss_account_in_write(test_account), 0);
    must(ximss_account_begin_write(test_account, test_pool));
    ck_assert_int_eq(ximss_account_in_write(test_account), 1);
    must_fail(ximss_account_begin_write(test_account, test_pool), XIMSS_E_INTERNAL);
    fixture_append(test_account, inbox, 1, 0);
    ximss_account_rollback(test_account);
    ck_assert_int_eq(ximss_account_in_transaction(test_account), 0);
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 0);
    ximss_account_rollback(test_account);
    must(ximss_account_begin_read(test_account, test_pool));
    must(ximss_account_commit(test_account, test_pool));
}
END_TEST

START_TEST(transaction_savepoints)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    int i;

    must_fail(ximss_account_savepoint(test_account, test_pool), XIMSS_E_INTERNAL);
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_account_savepoint(test_account, test_pool));
    fixture_append(test_account, inbox, 1, 0);
    must(ximss_account_savepoint_release(test_account, test_pool));
    must(ximss_account_savepoint(test_account, test_pool));
    for (i = 0; i < 3000; i++) {
        fixture_append(test_account, inbox, (unsigned int)i, 0);
    }
    ximss_account_savepoint_undo(test_account);
    ck_assert_int_eq(ximss_account_in_write(test_account), 1);
    must(ximss_account_savepoint(test_account, test_pool));
    ck_assert_int_eq(fixture_append(test_account, inbox, 5, 0), 2);
    must(ximss_account_savepoint_release(test_account, test_pool));
    must_fail(ximss_account_savepoint_release(test_account, test_pool), XIMSS_E_INTERNAL);
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(fixture_mailbox(test_account, "INBOX")->messages, 2);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(transaction_snapshot)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    ximss_account_t *reader;

    must(ximss_account_checkout(&reader, test_store, test_id, test_pool));
    must(ximss_account_begin_read(reader, test_pool));
    ck_assert_int_eq(fixture_mailbox(reader, "INBOX")->messages, 0);
    must(ximss_account_begin_write(test_account, test_pool));
    fixture_append(test_account, inbox, 1, 0);
    must(ximss_account_commit(test_account, test_pool));
    ck_assert_int_eq(fixture_mailbox(reader, "INBOX")->messages, 0);
    must(ximss_account_commit(reader, test_pool));
    ck_assert_int_eq(fixture_mailbox(reader, "INBOX")->messages, 1);
    ximss_account_return(reader);
}
END_TEST

START_TEST(transaction_busy)
{
    ximss_store_t *other = fixture_open(1, 50, test_pool);
    ximss_account_t *account;
    ximss_account_t *same;

    must(ximss_account_checkout(&account, other, test_id, test_pool));
    must(ximss_account_checkout(&same, other, test_id, test_pool));
    must(ximss_account_begin_write(test_account, test_pool));
    must_fail(ximss_account_begin_write(account, test_pool), XIMSS_E_BUSY);
    ximss_account_rollback(test_account);
    must(ximss_account_begin_write(account, test_pool));
    must_fail(ximss_account_begin_write(same, test_pool), XIMSS_E_BUSY);
    /* Giving a handle back ends its transaction and frees the lock. */
    ximss_account_return(account);
    must(ximss_account_begin_write(same, test_pool));
    ximss_account_rollback(same);
}
END_TEST

/* Lets the time of a limit of one second pass inside the walk. */
static const ximss_error_t *dawdle(void *baton, const ximss_message_t *message, apr_pool_t *scratch)
{
    apr_time_t until = apr_time_now() + apr_time_from_msec(1100);

    (void)message;
    (void)scratch;
    if ((*(int *)baton)++ == 0) {
        while (apr_time_now() < until) {
        }
    }
    return NULL;
}

START_TEST(transaction_time_limit)
{
    apr_int64_t inbox = fixture_mailbox(test_account, "INBOX")->id;
    int calls = 0;
    int i;

    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 0; i < 500; i++) {
        fixture_append(test_account, inbox, (unsigned int)i, 0);
    }
    must(ximss_account_commit(test_account, test_pool));
    ximss_account_time_limit(test_account, 1);
    must_fail(ximss_message_scan(test_account, inbox, 1000, 0, dawdle, &calls, test_pool),
              XIMSS_E_LIMIT);
    ck_assert_int_lt(calls, 500);
    /* Writes are never interrupted. */
    must(ximss_account_begin_write(test_account, test_pool));
    for (i = 0; i < 500; i++) {
        fixture_append(test_account, inbox, (unsigned int)i, 0);
    }
    must(ximss_account_commit(test_account, test_pool));
    ximss_account_time_limit(test_account, 0);
    calls = 1;
    must(ximss_message_scan(test_account, inbox, 1000000, 0, dawdle, &calls, test_pool));
    ck_assert_int_eq(calls, 1001);
}
END_TEST

START_TEST(files_are_private)
{
    struct stat info;
    const char *folder = apr_pstrcat(test_pool, test_dir, "/accounts/", test_id, NULL);

    ck_assert_int_eq(stat(folder, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0700);
    ck_assert_int_eq(stat(apr_pstrcat(test_pool, folder, "/lock", NULL), &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(apr_pstrcat(test_pool, test_dir, "/accounts", NULL), &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0700);
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *directory = fixture_case(suite, "directory");
    TCase *mailbox = fixture_case(suite, "mailbox");
    TCase *message = fixture_case(suite, "message");
    TCase *transaction = fixture_case(suite, "transaction");

    tcase_add_test(directory, directory_domains);
    tcase_add_test(directory, directory_accounts);
    tcase_add_test(directory, account_rename);
    tcase_add_test(directory, directory_refusals);
    tcase_add_test(directory, directory_delete);
    tcase_add_test(directory, account_logins);
    tcase_add_test(directory, account_prefs);
    tcase_add_test(directory, account_batches);
    tcase_add_test(directory, account_alerts);
    tcase_add_test(directory, files_are_private);
    tcase_add_test(mailbox, mailbox_create);
    tcase_add_test(mailbox, mailbox_names);
    tcase_add_test(mailbox, mailbox_rename);
    tcase_add_test(mailbox, mailbox_remove);
    tcase_add_test(message, message_append);
    tcase_add_test(message, message_empty);
    tcase_add_test(message, message_copy);
    tcase_add_test(message, message_mark);
    tcase_add_test(message, message_tombstones);
    tcase_add_test(message, message_purge);
    tcase_add_test(message, message_walk_ends);
    tcase_add_test(message, message_quota);
    tcase_add_test(transaction, transaction_rules);
    tcase_add_test(transaction, transaction_savepoints);
    tcase_add_test(transaction, transaction_snapshot);
    tcase_add_test(transaction, transaction_busy);
    tcase_add_test(transaction, transaction_time_limit);
}
