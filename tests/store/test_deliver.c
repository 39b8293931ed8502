/* Delivery into accounts: whose an address is, what is written on top of a message, where it goes, and what is
 * refused. */
#include "store/fixture.h"
#include "submit/deliver.h"

#include <apr_strings.h>
#include <string.h>

#define NOW 1700000000

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

/* ---- addresses ---- */

static const char *resolve(const char *address)
{
    ximss_resolved_t resolved;

    must(ximss_address_resolve(&resolved, test_store, address, test_pool));
    ck_assert_int_eq(resolved.is_local, resolved.entry != NULL);
    return resolved.is_local
               ? apr_pstrcat(test_pool, resolved.entry->name, " ", resolved.detail, NULL)
               : "elsewhere";
}

static void add_account(const char *name, apr_int64_t quota)
{
    ximss_account_entry_t entry = {NULL, name, NULL, "*", quota, 1, 0};
    const char *id;

    must(ximss_account_create(test_store, &entry, &id, test_pool));
}

START_TEST(addresses)
{
    add_account("c++@example.org", -1);
    add_account("zoë@example.org", -1);
    ck_assert_str_eq(resolve("user@example.org"), "user@example.org ");
    ck_assert_str_eq(resolve("USER@Example.ORG"), "user@example.org ");
    ck_assert_str_eq(resolve("\"us\\er\"@example.org"), "user@example.org ");
    ck_assert_str_eq(resolve("ZO\xc3\x8b@example.org"), "zoë@example.org ");
    ck_assert_str_eq(resolve("user+Box@example.org"), "user@example.org Box");
    ck_assert_str_eq(resolve("user+a/b c+d@example.org"), "user@example.org a/b c+d");
    ck_assert_str_eq(resolve("\"user+a@b\"@example.org"), "user@example.org a@b");
    ck_assert_str_eq(resolve("user+@example.org"), "user@example.org ");
    ck_assert_str_eq(resolve("c++@example.org"), "c++@example.org ");
    ck_assert_str_eq(resolve("user@example.com"), "elsewhere");
    ck_assert_str_eq(resolve("user@[127.0.0.1]"), "elsewhere");
}
END_TEST

START_TEST(address_refusals)
{
    const char *const wrong[] = {"",         "user",      "@example.org",       "user@",
                                 "\"user",   "\"user\\",  "\"\"@example.org",   "a@b@example.org",
                                 "\"a\"b@c", "\"a\"@b@c", "\"user\"example.org"};
    const char *const unknown[] = {"nobody@example.org", "+user@example.org", "us er@example.org",
                                   "\"user@example.org\"@example.org", "\xff@example.org"};
    ximss_resolved_t resolved;
    apr_size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        must_fail(ximss_address_resolve(&resolved, test_store, wrong[i], test_pool),
                  XIMSS_E_BAD_REQUEST);
    }
    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        must_fail(ximss_address_resolve(&resolved, test_store, unknown[i], test_pool),
                  XIMSS_E_NOT_FOUND);
        ck_assert_int_eq(resolved.is_local, 1);
    }
}
END_TEST

/* ---- what is stored ---- */

static ximss_delivery_t message(const char *text)
{
    ximss_delivery_t delivery = {.sender = "from@example.com", .time = NOW};

    delivery.data = text;
    delivery.length = strlen(text);
    return delivery;
}

static void deliver(const char *text, const char *recipient)
{
    ximss_delivery_t delivery = message(text);

    must(ximss_deliver(test_store, &limits, &delivery, recipient, test_pool));
}

static const ximss_error_t *remember(void *baton, const ximss_message_t *row, apr_pool_t *scratch)
{
    (void)scratch;
    *(ximss_message_t *)baton = *row;
    return NULL;
}

/* The newest message of a mailbox, as text. */
static const char *newest(const char *name)
{
    ximss_mailbox_t *mailbox = fixture_mailbox(test_account, name);
    ximss_message_t row = {0};
    const char *data;

    must(ximss_message_scan(test_account, mailbox->id, mailbox->modseq, mailbox->uid_next - 1,
                            remember, &row, test_pool));
    if (row.uid == 0) {
        return "";
    }
    ck_assert_int_eq(row.internal_date, NOW);
    ck_assert_int_eq(row.flags.bits, 0);
    must(ximss_blob_read(test_account, row.blob, 0, (apr_size_t)row.size, &data, test_pool));
    return apr_pstrmemdup(test_pool, data, (apr_size_t)row.size);
}

static apr_int64_t count(const char *name)
{
    return fixture_mailbox(test_account, name)->messages;
}

#define TOP      "Return-Path: <from@example.com>\r\nDelivered-To: user@example.org\r\n"
#define TOP_UNIX "Return-Path: <from@example.com>\nDelivered-To: user@example.org\n"

START_TEST(trace_fields)
{
    static const char *const pairs[][2] = {
        {"Subject: a\r\n\r\nbody\r\n", TOP "Subject: a\r\n\r\nbody\r\n"},
        {"Subject: a\n\nbody", TOP_UNIX "Subject: a\n\nbody"},
        {"", TOP},
        {"\r\nbody", TOP "\r\nbody"},
        {"no header", TOP "no header"},
        {"A: 1\r\nreturn-PATH : <x@y>\r\n\tfolded\r\nB: 2\r\n\r\nReturn-Path: <body>\r\n",
         TOP "A: 1\r\nB: 2\r\n\r\nReturn-Path: <body>\r\n"},
        {"Return-Path: a\nReturn-Path: b\n\nReturn-Path: c\n", TOP_UNIX "\nReturn-Path: c\n"},
        {"Return-Path: <last>", TOP},
        {"From x Mon Jan  1 00:00:00 2024\nSubject: a\n\nb", TOP_UNIX "Subject: a\n\nb"},
        {"From: x\n\nFrom y Mon Jan  1 00:00:00 2024\n",
         TOP_UNIX "From: x\n\nFrom y Mon Jan  1 00:00:00 2024\n"},
        {"From : x\n\nb", TOP_UNIX "From : x\n\nb"},
        {"Delivered-To: other@example.org\n\n", TOP_UNIX "Delivered-To: other@example.org\n\n"},
        {"A: 1\n\nDelivered-To: user@example.org\n",
         TOP_UNIX "A: 1\n\nDelivered-To: user@example.org\n"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        deliver(pairs[i][0], "user@example.org");
        ck_assert_str_eq(newest("INBOX"), pairs[i][1]);
    }
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(no_sender)
{
    ximss_delivery_t delivery = message("A: 1\n\n");

    delivery.sender = "";
    must(ximss_deliver(test_store, &limits, &delivery, "user@example.org", test_pool));
    ck_assert_str_eq(newest("INBOX"), "Return-Path: <>\nDelivered-To: user@example.org\nA: 1\n\n");
}
END_TEST

/* Nothing of the envelope begins a field of its own. */
START_TEST(no_injection)
{
    const ximss_received_t received = {"x\r\nX-A: 1", "10.0.0.1\nX-B: 2", "h\rX-C: 3", "LMTP\177"};
    ximss_delivery_t delivery = message("A: 1\n\n");

    delivery.sender = "a\r\nX-D: 4\n\nb";
    delivery.received = &received;
    must(ximss_deliver(test_store, &limits, &delivery, "user+\nX-E: 5@example.org", test_pool));
    ck_assert_str_eq(newest("INBOX"), "Return-Path: <a??X-D: 4??b>\n"
                                      "Delivered-To: user+?X-E: 5@example.org\n"
                                      "Received: from x??X-A: 1 ([10.0.0.1?X-B: 2])\n"
                                      " by h?X-C: 3 with LMTP?;\n"
                                      " Tue, 14 Nov 2023 22:13:20 +0000\n"
                                      "A: 1\n\n");
}
END_TEST

/* ---- where it goes ---- */

static void make_mailbox(const char *name, const char *mail_class)
{
    must(ximss_account_begin_write(test_account, test_pool));
    must(ximss_mailbox_create(test_account, name, mail_class, test_pool));
    must(ximss_account_commit(test_account, test_pool));
}

START_TEST(details)
{
    make_mailbox("Lists/Čas", "");
    make_mailbox("work", "");
    make_mailbox("Work", "");
    make_mailbox("Contacts", "IPF.Contact");
    make_mailbox("Pure/", "");
    deliver("A: 1\n\n", "user+Lists/Čas@example.org");
    deliver("A: 2\n\n", "user+lISTS/\xc4\x8d\x41S@example.org");
    ck_assert_int_eq(count("Lists/Čas"), 2);
    deliver("A: 3\n\n", "user+Work@example.org");
    deliver("A: 4\n\n", "user+work@example.org");
    deliver("A: 5\n\n", "user+wORK@example.org");
    ck_assert_int_eq(count("work") + count("Work"), 3);
    ck_assert(count("work") >= 1 && count("Work") >= 1);
    deliver("A: 6\n\n", "user+Contacts@example.org");
    deliver("A: 7\n\n", "user+pure@example.org");
    deliver("A: 8\n\n", "user+no such@example.org");
    deliver("A: 9\n\n", "user+\xff@example.org");
    deliver("A: 10\n\n", "user+inbox@example.org");
    ck_assert_int_eq(count("INBOX"), 5);
    ck_assert_int_eq(count("Contacts"), 0);
    ck_assert_str_eq(
        newest("work"),
        "Return-Path: <from@example.com>\nDelivered-To: user+work@example.org\nA: 4\n\n");
}
END_TEST

/* ---- refusals ---- */

static void refuse(const char *text, const char *recipient, ximss_error_code_t code,
                   const char *status)
{
    ximss_delivery_t delivery = message(text);
    const ximss_error_t *error =
        ximss_deliver(test_store, &limits, &delivery, recipient, test_pool);

    must_fail(error, code);
    ck_assert_str_eq(ximss_deliver_status(error), status);
    ck_assert_int_eq(count("INBOX"), 0);
}

START_TEST(refusals)
{
    ximss_delivery_t delivery = message("A: 1\n\n");

    refuse("A: 1\n\n", "nobody@example.org", XIMSS_E_NOT_FOUND, "550 5.1.1");
    refuse("A: 1\n\n", "user@example.com", XIMSS_E_NOT_FOUND, "550 5.1.1");
    refuse("A: 1\n\n", "user", XIMSS_E_BAD_REQUEST, "553 5.1.3");
    refuse("A: 1\n\n", apr_psprintf(test_pool, "user+%0600d@example.org", 1), XIMSS_E_BAD_REQUEST,
           "553 5.1.3");
    delivery.sender = apr_psprintf(test_pool, "%0600d@example.org", 1);
    must_fail(ximss_deliver(test_store, &limits, &delivery, "user@example.org", test_pool),
              XIMSS_E_BAD_REQUEST);
    ck_assert_str_eq(ximss_deliver_status(NULL), "250 2.1.5");
}
END_TEST

START_TEST(loops)
{
    const char *hops = "";
    int i;

    refuse("Delivered-To: user@example.org\n\n", "user@example.org", XIMSS_E_LOOP, "554 5.4.6");
    refuse("A: 1\r\ndelivered-to:\r\n <USER@example.org> \r\n\r\n", "user@example.org",
           XIMSS_E_LOOP, "554 5.4.6");
    for (i = 0; i <= XIMSS_DELIVER_HOPS_MAX; i++) {
        hops = apr_pstrcat(test_pool, hops, "Received: by x\n", NULL);
    }
    refuse(apr_pstrcat(test_pool, hops, "\n", NULL), "user@example.org", XIMSS_E_LOOP, "554 5.4.6");
    deliver(apr_pstrcat(test_pool, strchr(hops, '\n') + 1, "\n", NULL), "user@example.org");
    deliver("Delivered-To: user+a@example.org\n\n", "user@example.org");
    ck_assert_int_eq(count("INBOX"), 2);
}
END_TEST

static void set_quota(apr_int64_t quota)
{
    ximss_account_entry_t *entry;

    must(ximss_account_find(test_store, "user@example.org", &entry, test_pool));
    entry->quota = quota;
    must(ximss_account_update(test_store, entry, test_pool));
}

/* Over quota is temporary, unless the message is larger than the quota; the trace fields count. */
START_TEST(quota)
{
    ximss_account_entry_t *entry;
    const char *text = "A: 1\n\nbody";
    apr_int64_t size = (apr_int64_t)strlen(TOP_UNIX) + (apr_int64_t)strlen(text);

    set_quota(size - 1);
    refuse(text, "user@example.org", XIMSS_E_LIMIT, "552 5.2.3");
    set_quota(size);
    deliver(text, "user@example.org");
    must(ximss_account_find(test_store, "user@example.org", &entry, test_pool));
    must_fail(ximss_deliver_room(test_store, &limits, entry, 0, test_pool), XIMSS_E_OVER_QUOTA);
    must_fail(ximss_deliver_room(test_store, &limits, entry, size + 1, test_pool), XIMSS_E_LIMIT);
    set_quota(size * 2 - 1);
    must(ximss_deliver_room(test_store, &limits, entry, 0, test_pool));
    must_fail(ximss_deliver_room(test_store, &limits, entry, size, test_pool), XIMSS_E_OVER_QUOTA);
    {
        ximss_delivery_t delivery = message(text);

        must_fail(ximss_deliver(test_store, &limits, &delivery, "user@example.org", test_pool),
                  XIMSS_E_OVER_QUOTA);
    }
    ck_assert_int_eq(count("INBOX"), 1);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(too_large)
{
    ximss_limits_t small = limits;
    ximss_delivery_t delivery = message("A: 1\n\n");
    ximss_account_entry_t *entry;

    small.message_bytes = delivery.length - 1;
    must_fail(ximss_deliver(test_store, &small, &delivery, "user@example.org", test_pool),
              XIMSS_E_LIMIT);
    must(ximss_account_find(test_store, "user@example.org", &entry, test_pool));
    must_fail(
        ximss_deliver_room(test_store, &small, entry, (apr_int64_t)delivery.length, test_pool),
        XIMSS_E_LIMIT);
    small.message_bytes++;
    must(ximss_deliver(test_store, &small, &delivery, "user@example.org", test_pool));
}
END_TEST

START_TEST(busy)
{
    ximss_delivery_t delivery = message("A: 1\n\n");
    ximss_store_t *other = fixture_open(0, 50, test_pool);
    const ximss_error_t *error;

    must(ximss_account_begin_write(test_account, test_pool));
    error = ximss_deliver(other, &limits, &delivery, "user@example.org", test_pool);
    must_fail(error, XIMSS_E_BUSY);
    ck_assert_str_eq(ximss_deliver_status(error), "451 4.2.0");
    ximss_account_rollback(test_account);
    must(ximss_deliver(other, &limits, &delivery, "user@example.org", test_pool));
}
END_TEST

/* ---- once ---- */

static void send_from(const char *origin, apr_int64_t number, apr_int64_t time,
                      const char *recipient)
{
    ximss_delivery_t delivery = message("A: 1\n\n");

    delivery.origin = origin;
    delivery.origin_id = number;
    delivery.time = time;
    must(ximss_deliver(test_store, &limits, &delivery, recipient, test_pool));
}

START_TEST(once)
{
    send_from("one", 7, NOW, "user@example.org");
    send_from("one", 7, NOW + 86400, "user@example.org");
    ck_assert_int_eq(count("INBOX"), 1);
    send_from("one", 8, NOW, "user@example.org");
    send_from("two", 7, NOW, "user@example.org");
    send_from("one", 7, NOW, "user+x@example.org");
    ck_assert_int_eq(count("INBOX"), 4);
    /* a failure leaves no key */
    set_quota(1);
    {
        ximss_delivery_t delivery = message("A: 1\n\n");

        delivery.origin = "three";
        must_fail(ximss_deliver(test_store, &limits, &delivery, "user@example.org", test_pool),
                  XIMSS_E_LIMIT);
        /* nor does a repeat meet the quota */
        send_from("one", 8, NOW, "user@example.org");
    }
    set_quota(-1);
    send_from("three", 0, NOW, "user@example.org");
    ck_assert_int_eq(count("INBOX"), 5);
}
END_TEST

START_TEST(keys_age)
{
    const apr_int64_t age = 90 * 86400;

    send_from("one", 1, NOW, "user@example.org");
    send_from("one", 2, NOW + age, "user@example.org");
    send_from("one", 1, NOW + age, "user@example.org");
    ck_assert_int_eq(count("INBOX"), 2);
    send_from("one", 3, NOW + age + 1, "user@example.org");
    send_from("one", 1, NOW + age + 1, "user@example.org");
    ck_assert_int_eq(count("INBOX"), 4);
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *tcase = fixture_case(suite, "deliver");

    tcase_add_test(tcase, addresses);
    tcase_add_test(tcase, address_refusals);
    tcase_add_test(tcase, trace_fields);
    tcase_add_test(tcase, no_sender);
    tcase_add_test(tcase, no_injection);
    tcase_add_test(tcase, details);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, loops);
    tcase_add_test(tcase, quota);
    tcase_add_test(tcase, too_large);
    tcase_add_test(tcase, busy);
    tcase_add_test(tcase, once);
    tcase_add_test(tcase, keys_age);
}
