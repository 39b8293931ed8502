/* The outbox: mail and recipients that wait, shared bytes, the hint of who has mail to send, and what a check finds. */
#include "store/fixture.h"
#include "store/outbox.h"

#include <apr_strings.h>
#include <string.h>

#define NOW 1000000

/* Puts message NUMBER into the outbox for COUNT recipients. */
static ximss_outbox_message_t put(unsigned int number, int count, apr_array_header_t **rows)
{
    ximss_outbox_message_t message = {.time = NOW, .sender = "user@example.org"};
    int i;

    *rows = apr_array_make(test_pool, 4, sizeof(ximss_outbox_recipient_t));
    for (i = 0; i < count; i++) {
        ximss_outbox_recipient_t *row = apr_array_push(*rows);

        memset(row, 0, sizeof(*row));
        row->address = apr_psprintf(test_pool, "r%d@example.com", i);
        row->notify = (unsigned int)i;
        row->due = NOW + i;
    }
    must(ximss_outbox_add(test_account, &message, fixture_digest(number, 0, test_pool), *rows,
                          test_pool));
    return message;
}

static void begin(void)
{
    must(ximss_account_begin_write(test_account, test_pool));
}

static void commit(void)
{
    must(ximss_account_commit(test_account, test_pool));
}

static apr_array_header_t *list(apr_int64_t now, int all)
{
    apr_array_header_t *messages;

    must(ximss_outbox_list(test_account, now, all, &messages, test_pool));
    return messages;
}

static apr_int64_t due(void)
{
    apr_int64_t time;

    must(ximss_outbox_due(test_account, &time, test_pool));
    return time;
}

START_TEST(outbox_rows)
{
    const ximss_digest_t *digest = fixture_digest(1, 0, test_pool);
    ximss_outbox_message_t message;
    ximss_outbox_recipient_t *row;
    apr_array_header_t *added;
    apr_array_header_t *rows;
    const char *data;

    must_fail(ximss_outbox_add(test_account, &message, digest,
                               apr_array_make(test_pool, 1, sizeof(*row)), test_pool),
              XIMSS_E_INTERNAL);
    ck_assert_int_eq(due(), -1);
    begin();
    must_fail(ximss_outbox_add(test_account, &message, digest,
                               apr_array_make(test_pool, 1, sizeof(*row)), test_pool),
              XIMSS_E_SUBMISSION);
    message = put(1, 2, &added);
    commit();
    ck_assert_int_eq(due(), NOW);
    ck_assert_int_eq(list(NOW - 1, 0)->nelts, 0);
    ck_assert_int_eq(list(NOW, 0)->nelts, 1);
    ck_assert_int_eq(list(0, 1)->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(list(0, 1), 0, ximss_outbox_message_t).sender,
                     "user@example.org");
    ck_assert_int_eq(APR_ARRAY_IDX(list(0, 1), 0, ximss_outbox_message_t).size, digest->length);
    must(ximss_outbox_recipients(test_account, message.id, &rows, test_pool));
    ck_assert_int_eq(rows->nelts, 2);
    row = &APR_ARRAY_IDX(rows, 1, ximss_outbox_recipient_t);
    ck_assert_str_eq(row->address, "r1@example.com");
    ck_assert_int_eq(row->notify, 1);
    ck_assert_int_eq(row->id, APR_ARRAY_IDX(added, 1, ximss_outbox_recipient_t).id);
    ck_assert_int_eq(row->state, XIMSS_OUTBOX_WAITING);
    ck_assert_int_eq(row->attempts, 0);
    must(ximss_blob_read(test_account, message.blob, 0, digest->length, &data, test_pool));
    ck_assert_mem_eq(data, digest->data, digest->length);
}
END_TEST

START_TEST(outbox_states)
{
    ximss_outbox_recipient_t row;
    apr_array_header_t *rows;
    ximss_outbox_message_t message;

    begin();
    message = put(1, 2, &rows);
    row = APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t);
    row.state = XIMSS_OUTBOX_HELD;
    row.attempts = 3;
    row.report = 9;
    row.status = "4.4.1";
    row.text = "no answer";
    row.remote = "mx.example.com";
    must(ximss_outbox_save(test_account, &row, test_pool));
    commit();
    must(ximss_outbox_recipients(test_account, message.id, &rows, test_pool));
    ck_assert_int_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).state, XIMSS_OUTBOX_HELD);
    ck_assert_int_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).attempts, 3);
    ck_assert_int_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).report, 9);
    ck_assert_str_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).status, "4.4.1");
    ck_assert_str_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).text, "no answer");
    ck_assert_str_eq(APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).remote, "mx.example.com");
    ck_assert_int_eq(APR_ARRAY_IDX(rows, 1, ximss_outbox_recipient_t).attempts, 0);
    /* a held row is never due */
    ck_assert_int_eq(due(), NOW + 1);
    ck_assert_int_eq(list(NOW, 0)->nelts, 0);
    ck_assert_int_eq(list(NOW, 1)->nelts, 1);
    must_fail(ximss_outbox_save(test_account, &row, test_pool), XIMSS_E_INTERNAL);
    must_fail(ximss_outbox_remove(test_account, row.id, test_pool), XIMSS_E_INTERNAL);
    begin();
    must(ximss_outbox_remove(test_account, row.id, test_pool));
    must(ximss_outbox_remove(test_account, row.id, test_pool));
    must(ximss_outbox_save(test_account, &row, test_pool));
    commit();
    must(ximss_outbox_recipients(test_account, message.id, &rows, test_pool));
    ck_assert_int_eq(rows->nelts, 1);
}
END_TEST

/* Whether the bytes of MESSAGE are there. */
static int has_bytes(const ximss_outbox_message_t *message)
{
    const char *data;

    return ximss_blob_read(test_account, message->blob, 0, 1, &data, test_pool) == NULL;
}

START_TEST(outbox_shares_bytes)
{
    apr_array_header_t *rows;
    ximss_outbox_message_t message;
    ximss_outbox_message_t second;
    apr_uint32_t uid;

    begin();
    message = put(1, 1, &rows);
    uid = fixture_append(test_account, 1, 1, 0);
    commit();
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    begin();
    must(ximss_message_expunge(test_account, 1, &uid, 1, NULL, test_pool));
    commit();
    ck_assert(has_bytes(&message));
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    begin();
    must(ximss_outbox_remove(test_account, APR_ARRAY_IDX(rows, 0, ximss_outbox_recipient_t).id,
                             test_pool));
    second = put(1, 1, &rows);
    commit();
    ck_assert_int_gt(second.id, message.id);
    ck_assert(!has_bytes(&message));
    ck_assert(has_bytes(&second));
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
}
END_TEST

START_TEST(outbox_charges)
{
    begin();
    must(ximss_outbox_charge(test_account, 7200, 2, test_pool));
    must(ximss_outbox_charge(test_account, 7201, 2, test_pool));
    must(ximss_account_savepoint(test_account, test_pool));
    must_fail(ximss_outbox_charge(test_account, 10799, 2, test_pool), XIMSS_E_LIMIT);
    ximss_account_savepoint_undo(test_account);
    must(ximss_outbox_charge(test_account, 10800, 2, test_pool));
    commit();
    must_fail(ximss_outbox_charge(test_account, 10800, 2, test_pool), XIMSS_E_INTERNAL);
}
END_TEST

/* The hint number INDEX of those due at NOW_. */
static ximss_outbox_hint_t hint(apr_int64_t now, int index, int count)
{
    apr_array_header_t *hints;

    must(ximss_outbox_hints(test_store, now, &hints, test_pool));
    ck_assert_int_eq(hints->nelts, count);
    return APR_ARRAY_IDX(hints, index, ximss_outbox_hint_t);
}

START_TEST(hints_are_announced)
{
    ximss_outbox_hint_t all = hint(NOW, 0, 1);
    ximss_outbox_hint_t own;

    ck_assert_str_eq(all.account, "");
    must(ximss_outbox_settle(test_store, &all, NOW + 86400, NOW, test_pool));
    must(ximss_outbox_announce(test_store, test_id, NOW + 5, NOW, test_pool));
    must_fail(ximss_outbox_announce(test_store, "", NOW, NOW, test_pool), XIMSS_E_NOT_FOUND);
    own = hint(NOW + 5, 0, 1);
    ck_assert_str_eq(own.account, test_id);
    ck_assert_int_eq(own.due, NOW + 5);
    /* a later time moves nothing, an earlier one does */
    must(ximss_outbox_announce(test_store, test_id, NOW + 9, NOW + 1, test_pool));
    ck_assert_int_eq(hint(NOW + 5, 0, 1).due, NOW + 5);
    must(ximss_outbox_announce(test_store, test_id, NOW + 2, NOW + 2, test_pool));
    own = hint(NOW + 2, 0, 1);
    ck_assert_int_eq(own.stamp, NOW + 2);
    ck_assert_int_eq(hint(NOW + 86400, 0, 2).due, NOW + 86400);
}
END_TEST

START_TEST(hints_are_settled)
{
    ximss_outbox_hint_t all = hint(NOW, 0, 1);
    ximss_outbox_hint_t own;
    ximss_outbox_hint_t older;
    apr_array_header_t *hints;

    must(ximss_outbox_settle(test_store, &all, NOW * 2, NOW, test_pool));
    must(ximss_outbox_announce(test_store, test_id, NOW, NOW, test_pool));
    older = hint(NOW, 0, 1);
    /* mail that was announced a moment ago may not be there yet */
    must(ximss_outbox_settle(test_store, &older, -1, NOW + 1, test_pool));
    own = hint(NOW + XIMSS_OUTBOX_GRACE, 0, 1);
    ck_assert_int_eq(own.due, NOW + XIMSS_OUTBOX_GRACE);
    /* announced since it was looked at */
    must(ximss_outbox_announce(test_store, test_id, NOW + 70, NOW + 70, test_pool));
    must(ximss_outbox_settle(test_store, &own, -1, NOW + 1000, test_pool));
    own = hint(NOW + 70, 0, 1);
    must(ximss_outbox_settle(test_store, &own, NOW + 2000, NOW + 1000, test_pool));
    own = hint(NOW + 2000, 0, 1);
    must(ximss_outbox_settle(test_store, &own, -1, NOW + 1000, test_pool));
    must(ximss_outbox_hints(test_store, NOW + 9000, &hints, test_pool));
    ck_assert_int_eq(hints->nelts, 0);
}
END_TEST

static const char *const damage[] = {
    "DELETE FROM outbox_recipient",
    "DELETE FROM outbox",
    "UPDATE blob SET refs = 7",
    "DELETE FROM blob",
};

/* What is found, and mended in one run. Message 1 is only in the outbox, so its bytes may go with its row. */
START_TEST(check_finds_damage)
{
    apr_array_header_t *rows;

    begin();
    put(1, 2, &rows);
    commit();
    fixture_spoil(damage[_i]);
    ck_assert_int_gt(fixture_check(test_account, 0), 0);
    fixture_check(test_account, 1);
    ck_assert_int_eq(fixture_check(test_account, 0), 0);
    ck_assert_int_eq(list(0, 1)->nelts, _i < 2 ? 0 : 1);
}
END_TEST

void fixture_fill(Suite *suite)
{
    TCase *outbox = fixture_case(suite, "outbox");
    TCase *hints = fixture_case(suite, "hint");

    tcase_add_test(outbox, outbox_rows);
    tcase_add_test(outbox, outbox_states);
    tcase_add_test(outbox, outbox_shares_bytes);
    tcase_add_test(outbox, outbox_charges);
    tcase_add_loop_test(outbox, check_finds_damage, 0, sizeof(damage) / sizeof(damage[0]));
    tcase_add_test(hints, hints_are_announced);
    tcase_add_test(hints, hints_are_settled);
}
