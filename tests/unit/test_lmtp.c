/* LMTP, from bytes to replies: each conversation is held at once, byte by byte and in uneven pieces. */
#include "submit/lmtp.h"
#include "submit/path.h"
#include "submit/spool.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 1000000

/* What the server was asked, and what went out. */
static const char *sent;
static const char *delivered;
static int hang_up_after; /* sends; -1: never */
static int sends_before_delivery;
static int sends;

static int send_bytes(void *client, const char *bytes, apr_size_t length)
{
    (void)client;
    sent = apr_pstrcat(test_pool, sent, apr_pstrmemdup(test_pool, bytes, length), NULL);
    sends++;
    return hang_up_after < 0 || sends <= hang_up_after;
}

static ximss_error_code_t fate(const char *address)
{
    static const struct {
        const char *start;
        ximss_error_code_t code;
    } fates[] = {{"unknown", XIMSS_E_NOT_FOUND}, {"full", XIMSS_E_OVER_QUOTA},
                 {"small", XIMSS_E_LIMIT},       {"busy", XIMSS_E_BUSY},
                 {"broken", XIMSS_E_INTERNAL},   {"loop", XIMSS_E_LOOP}};
    apr_size_t i;

    for (i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        if (strncmp(address, fates[i].start, strlen(fates[i].start)) == 0) {
            return fates[i].code;
        }
    }
    return XIMSS_E_COUNT;
}

static const ximss_error_t *recipient(void *mail, const char *address, apr_int64_t size,
                                      const char **account, apr_pool_t *pool)
{
    ximss_error_code_t code = fate(address);

    (void)mail;
    if (size == 4711) {
        return ximss_error(pool, XIMSS_E_OVER_QUOTA, "full\r\nof zoë");
    }
    *account = apr_pstrndup(pool, address, strcspn(address, "+@"));
    return code != XIMSS_E_COUNT ? ximss_error(pool, code, NULL) : NULL;
}

/* Addresses that begin with "late-" are refused here. */
static const ximss_error_t *deliver(void *mail, const ximss_delivery_t *delivery,
                                    const char *address, apr_pool_t *pool)
{
    (void)mail;
    sends_before_delivery = sends;
    if (strncmp(address, "late-", 5) == 0) {
        return ximss_error(pool, fate(address + 5), NULL);
    }
    delivered =
        apr_psprintf(test_pool, "%s{%s > %s|%s %s|%" APR_INT64_T_FMT "|%s}", delivered,
                     delivery->sender, address, delivery->received->from, delivery->received->with,
                     delivery->time, apr_pstrmemdup(test_pool, delivery->data, delivery->length));
    return NULL;
}

static apr_int64_t now(void)
{
    return 42;
}

static const ximss_lmtp_server_t server = {.name = "mx.test",
                                           .address = "127.0.0.1",
                                           .spool_dir = "/tmp",
                                           .message_bytes = LARGEST,
                                           .clock = now,
                                           .send = send_bytes,
                                           .recipient = recipient,
                                           .deliver = deliver};

/* Feeds INPUT in pieces of STEP bytes, 0: of uneven ones; returns whether the connection goes on. */
static int talk_in_pieces(const char *input, apr_size_t length, apr_size_t step)
{
    ximss_lmtp_t *lmtp;
    unsigned int seed = 1;
    int open = 1;

    sent = delivered = "";
    sends = 0;
    lmtp = ximss_lmtp_start(&server, test_pool);
    while (length > 0 && open) {
        apr_size_t piece = step > 0 ? step : (seed = seed * 1103515245 + 12345) % 7 + 1;

        piece = piece < length ? piece : length;
        open = ximss_lmtp_feed(lmtp, input, piece);
        input += piece;
        length -= piece;
    }
    return open;
}

/* Holds the conversation in all ways; leaves what was sent and delivered. */
static int talk_bytes(const char *input, apr_size_t length)
{
    int open = talk_in_pieces(input, length, length);
    const char *sent_at_once = sent;
    const char *delivered_at_once = delivered;
    apr_size_t step;

    for (step = 0; step < 2; step++) {
        ck_assert_int_eq(talk_in_pieces(input, length, step), open);
        ck_assert_str_eq(sent, sent_at_once);
        ck_assert_str_eq(delivered, delivered_at_once);
    }
    return open;
}

/* The replies to INPUT behind "LHLO client", as codes: "250 2.1.0" and the like, one a line. */
static const char *codes(const char *input)
{
    const char *replies = "";
    const char *line;

    input = apr_pstrcat(test_pool, "LHLO client\r\n", input, NULL);
    talk_bytes(input, strlen(input));
    line = strstr(sent, "250 SIZE");
    ck_assert_ptr_nonnull(line);
    for (line = strchr(line, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1) {
        apr_size_t length = strncmp(line, "354", 3) == 0 ? 3 : 9;

        ck_assert_ptr_nonnull(strstr(line, "\r\n"));
        replies = apr_pstrcat(test_pool, replies, *replies != '\0' ? "," : "",
                              apr_pstrmemdup(test_pool, line, length), NULL);
    }
    return replies;
}

#define START   "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
#define STARTED "250 2.1.0,250 2.1.5,354"

START_TEST(greeting)
{
    const char *input = "LHLO client\r\n";

    ck_assert(talk_bytes(input, strlen(input)));
    ck_assert_str_eq(sent, "220 mx.test LMTP\r\n"
                           "250-mx.test\r\n"
                           "250-PIPELINING\r\n"
                           "250-ENHANCEDSTATUSCODES\r\n"
                           "250-8BITMIME\r\n"
                           "250-SMTPUTF8\r\n"
                           "250 SIZE 1000000\r\n");
}
END_TEST

START_TEST(one_message)
{
    ck_assert_str_eq(codes(START "Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\nNOOP\r\n"),
                     STARTED ",250 2.0.0,221 2.0.0");
    ck_assert_str_eq(delivered, "{a@b > c@d|client LMTP|42|Subject: a\r\n\r\nb\r\n}");
}
END_TEST

START_TEST(several_recipients)
{
    ck_assert_str_eq(codes("mail from:<>\r\n"
                           "rcpt to:<one@d>\r\nrcpt to:<unknown@d>\r\nrcpt to:<full@d>\r\n"
                           "rcpt to:<late-busy@d>\r\nrcpt to:<small@d>\r\nrcpt to:<late-full@d>\r\n"
                           "rcpt to:<broken@d>\r\nrcpt to:<late-loop@d>\r\nrcpt to:<two@d>\r\n"
                           "data\r\nx\r\n.\r\n"),
                     "250 2.1.0,"
                     "250 2.1.5,550 5.1.1,452 4.2.2,250 2.1.5,552 5.2.3,250 2.1.5,451 4.3.0,"
                     "250 2.1.5,250 2.1.5,354,"
                     "250 2.0.0,451 4.2.0,452 4.2.2,554 5.4.6,250 2.0.0");
    ck_assert_str_eq(delivered, "{ > one@d|client LMTP|42|x\r\n}{ > two@d|client LMTP|42|x\r\n}");
}
END_TEST

/* One account, three addresses: the first that works gets it. */
START_TEST(once_an_account)
{
    ck_assert_str_eq(codes("MAIL FROM:<a@b>\r\nRCPT TO:<late-busy@d>\r\nRCPT TO:<c+x@d>\r\n"
                           "RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nRCPT TO:<c+x@d>\r\nDATA\r\n.\r\n"),
                     "250 2.1.0,250 2.1.5,250 2.1.5,250 2.1.5,250 2.1.5,250 2.1.5,354,"
                     "451 4.2.0,250 2.0.0,250 2.0.0,250 2.0.0,250 2.0.0");
    ck_assert_str_eq(delivered, "{a@b > c+x@d|client LMTP|42|}{a@b > e@d|client LMTP|42|}");
    codes("MAIL FROM:<a@b>\r\nRCPT TO:<late-busy@d>\r\nRCPT TO:<late-busy+x@d>\r\nDATA\r\n.\r\n");
    ck_assert_ptr_nonnull(strstr(sent, "451 4.2.0 the account is busy, try again\r\n451 4.2.0 "));
}
END_TEST

START_TEST(next_message)
{
    ck_assert_str_eq(codes(START "1\r\n.\r\n" START "2\r\n.\r\nRSET\r\n" START "3\r\n.\r\n"),
                     STARTED ",250 2.0.0," STARTED ",250 2.0.0,250 2.0.0," STARTED ",250 2.0.0");
    ck_assert_str_eq(delivered, "{a@b > c@d|client LMTP|42|1\r\n}{a@b > c@d|client LMTP|42|2\r\n}"
                                "{a@b > c@d|client LMTP|42|3\r\n}");
}
END_TEST

/* Only CR LF . CR LF ends a message, and only a dot at the start of a line is taken away. */
START_TEST(message_text)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"..\r\n", ".\r\n"},
        {".a\r\n..b\r\n...c\r\n", "a\r\n.b\r\n..c\r\n"},
        {"a.\r\n", "a.\r\n"},
        {"a\n.\nb\r\n", "a\n.\nb\r\n"},
        {"a\n.\r\nb\r\n", "a\n.\r\nb\r\n"},
        {"a\r.\r\nb\r\n", "a\r.\r\nb\r\n"},
        {"a\r.\rb\r\n", "a\r.\rb\r\n"},
        {"a\r\n.\nb\r\n", "a\r\n\nb\r\n"},
        {"a\r\n.\rb\r\n", "a\r\n\rb\r\n"},
        {"a\r\n.\r.\r\nb\r\n", "a\r\n\r.\r\nb\r\n"},
        {".\r\r\n", "\r\r\n"},
        {"\n.\r\n", "\n.\r\n"},
        {"a\r\r\n..b\r\n", "a\r\r\n.b\r\n"},
        {"MAIL FROM:<x@y>\r\n", "MAIL FROM:<x@y>\r\n"},
        {"\xff\x01\r\n", "\xff\x01\r\n"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        ck_assert_str_eq(codes(apr_pstrcat(test_pool, START, pairs[i][0], ".\r\n", NULL)),
                         STARTED ",250 2.0.0");
        ck_assert_str_eq(delivered, apr_pstrcat(test_pool, "{a@b > c@d|client LMTP|42|",
                                                pairs[i][1], "}", NULL));
    }
}
END_TEST

START_TEST(out_of_turn)
{
    const char *input = "MAIL FROM:<a@b>\r\n";

    ck_assert(talk_bytes(input, strlen(input)));
    ck_assert_str_eq(sent, "220 mx.test LMTP\r\n503 5.5.1 not now\r\n");
    ck_assert_str_eq(codes("RCPT TO:<c@d>\r\nDATA\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\n"
                           "RCPT TO:<unknown@d>\r\nDATA\r\nLHLO again\r\n"),
                     "503 5.5.1,503 5.5.1,250 2.1.0,503 5.5.1,503 5.5.1,550 5.1.1,503 5.5.1,"
                     "250-mx.te,250-PIPEL,250-ENHAN,250-8BITM,250-SMTPU,250 SIZE ");
    ck_assert_str_eq(codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nDATA\r\nRCPT TO:<c@d>\r\n"),
                     "250 2.1.0,250 2.1.5,250 2.0.0,503 5.5.1,503 5.5.1");
}
END_TEST

START_TEST(wrong_commands)
{
    static const char *const pairs[][2] = {
        {"\r\n", "500 5.5.1"},
        {"WHAT\r\n", "500 5.5.1"},
        {"MAILX FROM:<a@b>\r\n", "500 5.5.1"},
        {"EHLO a\r\n", "500 5.5.1"},
        {"LHLO\r\n", "501 5.5.4"},
        {"LHLO \xc3\xab\r\n", "501 5.5.4"},
        {"MAIL\r\n", "501 5.1.7"},
        {"MAIL FROM:a@b\r\n", "501 5.1.7"},
        {"MAIL FROM:<a@b\r\n", "501 5.1.7"},
        {"MAIL FROM:<a@b>x\r\n", "501 5.1.7"},
        {"MAIL FROM:<a@b> X=1\r\n", "555 5.5.4"},
        {"MAIL FROM:<a@b> BODY=BINARYMIME\r\n", "555 5.5.4"},
        {"MAIL FROM:<a@b> SIZE=\r\n", "501 5.5.4"},
        {"MAIL FROM:<a@b> SIZE=-1\r\n", "501 5.5.4"},
        {"MAIL FROM:<a@b> SIZE=1x\r\n", "501 5.5.4"},
        {"MAIL FROM:<a@b> SIZE=1000001\r\n", "552 5.3.4"},
        {"MAIL FROM:<a@b> SIZE=99999999999999999999\r\n", "552 5.3.4"},
        {"MAIL FROM:<zo\xc3\xab@b>\r\n", "553 5.6.7"},
        {"MAIL FROM:<zo\xeb@b> SMTPUTF8\r\n", "501 5.1.7"},
        {"NOOP\n", "500 5.5.2"},
        {"NOOP\rX\r\n", "500 5.5.2"},
        {"NOOP \t\r\n", "500 5.5.2"},
        {"QUIT now\r\n", "501 5.5.4"},
        {"VRFY x\r\n", "252 2.5.0"},
        {"noop x y\r\n", "250 2.0.0"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        /* whatever was wrong leaves no trace */
        const char *expected = apr_pstrcat(test_pool, pairs[i][1], ",250 2.1.0", NULL);

        ck_assert_str_eq(
            codes(apr_pstrcat(test_pool, pairs[i][0], "MAIL FROM:<a@b> SIZE=1000000\r\n", NULL)),
            expected);
    }
    ck_assert_str_eq(codes("MAIL FROM:<a@b>\r\nRCPT TO:<>\r\nRCPT TO:c@d\r\nRCPT TO:<c@d> X=1\r\n"
                           "RCPT TO:<zo\xc3\xab@b>\r\n"),
                     "250 2.1.0,501 5.1.7,501 5.1.7,555 5.5.4,553 5.6.7");
}
END_TEST

START_TEST(parameters)
{
    codes("MAIL FROM:<zo\xc3\xab@b> size=5 body=8bitmime smtputf8\r\nRCPT TO:<zo\xc3\xab@d>\r\n"
          "DATA\r\nx\r\n.\r\n");
    ck_assert_str_eq(delivered, "{zo\xc3\xab@b > zo\xc3\xab@d|client UTF8LMTP|42|x\r\n}");
    ck_assert_str_eq(codes("MAIL FROM: <a@b> SIZE=4711\r\nRCPT TO:<c@d>\r\n"),
                     "250 2.1.0,452 4.2.2");
    ck_assert_ptr_nonnull(strstr(sent, "\r\n452 4.2.2 full??of zo??\r\n"));
}
END_TEST

START_TEST(long_lines)
{
    char *name = apr_palloc(test_pool, 100000);
    const char *fits;
    apr_size_t spare = XIMSS_LMTP_LINE_MAX - strlen("NOOP \r\n");

    memset(name, 'x', 100000);
    fits = apr_psprintf(test_pool, "NOOP %.*s\r\n", (int)spare, name);
    ck_assert_str_eq(codes(fits), "250 2.0.0");
    ck_assert_str_eq(codes(apr_psprintf(test_pool, "NOOP %.*s\r\nNOOP\r\n", (int)spare + 1, name)),
                     "500 5.5.2,250 2.0.0");
    ck_assert_str_eq(codes(apr_psprintf(test_pool, "NOOP %.*s\r\nNOOP\r\n", 99999, name)),
                     "500 5.5.2,250 2.0.0");
    codes(apr_psprintf(test_pool, START "%.*s\r\n.\r\n", 99999, name));
    ck_assert_int_eq(strlen(delivered), strlen("{a@b > c@d|client LMTP|42|}") + 99999 + 2);
}
END_TEST

/* NUL is no end of anything. */
START_TEST(nul)
{
    static const char command[] = "LHLO c\r\nNOOP\0\r\n";
    static const char message[] = "LHLO c\r\n" START "a\0b\r\n.\r\n";

    talk_bytes(command, sizeof(command) - 1);
    ck_assert_ptr_nonnull(strstr(sent, "\r\n500 5.5.2 "));
    talk_bytes(message, sizeof(message) - 1);
    ck_assert_ptr_nonnull(strstr(sent, "\r\n250 2.0.0 delivered\r\n"));
}
END_TEST

START_TEST(too_large)
{
    char *text = apr_palloc(test_pool, LARGEST + 100);
    const char *input;

    memset(text, 'x', LARGEST + 100);
    text[LARGEST + 100 - 1] = '\0';
    input = apr_psprintf(test_pool, START "%.*s\r\n.\r\n", LARGEST - 2, text);
    ck_assert_str_eq(codes(input), STARTED ",250 2.0.0");
    input = apr_psprintf(test_pool,
                         "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n"
                         "%.*s\r\n.\r\nNOOP\r\n",
                         LARGEST - 1, text);
    ck_assert_str_eq(codes(input),
                     "250 2.1.0,250 2.1.5,250 2.1.5,354,552 5.2.3,552 5.2.3,250 2.0.0");
    ck_assert_str_eq(delivered, "");
}
END_TEST

START_TEST(many_recipients)
{
    const char *line = "RCPT TO:<c@d>\r\n";
    char *input = apr_pcalloc(test_pool, 100 + strlen(line) * (XIMSS_LMTP_RECIPIENTS_MAX + 1));
    char *end = apr_cpystrn(input, "LHLO c\r\nMAIL FROM:<a@b>\r\n", 100);
    int i;

    for (i = 0; i <= XIMSS_LMTP_RECIPIENTS_MAX; i++) {
        memcpy(end, line, strlen(line));
        end += strlen(line);
    }
    talk_in_pieces(input, strlen(input), 1000);
    ck_assert_str_eq(sent + strlen(sent) - strlen("452 4.5.3 too many recipients\r\n"),
                     "452 4.5.3 too many recipients\r\n");
}
END_TEST

START_TEST(many_errors)
{
    const char *input = "";
    int i;

    for (i = 0; i < XIMSS_LMTP_ERRORS_MAX; i++) {
        input = apr_pstrcat(test_pool, input, "WHAT\r\n", NULL);
    }
    ck_assert(talk_bytes(input, strlen(input) - 1));
    input = apr_pstrcat(test_pool, input, "NOOP\r\n", NULL);
    ck_assert(!talk_bytes(input, strlen(input)));
    ck_assert_str_eq(sent + strlen(sent) - strlen("421 4.7.0 too many errors\r\n"),
                     "421 4.7.0 too many errors\r\n");
}
END_TEST

/* Replies go out before what takes time, not after it. */
START_TEST(no_reply_waits)
{
    const char *input = "LHLO c\r\n" START "x\r\n.\r\nMAIL FROM:<a@b>\r\n"
                        "RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n.\r\n";

    talk_in_pieces(input, strlen(input), strlen(input));
    /* greeting; replies up to DATA; the first 250 and the replies up to the second DATA; the second 250 */
    ck_assert_int_eq(sends_before_delivery, 4);
    ck_assert_int_eq(sends, 5);
}
END_TEST

/* To whom the replies cannot be sent no more is delivered: he will come again. */
START_TEST(gone_client)
{
    const char *input = "LHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\n"
                        "RCPT TO:<f@d>\r\nDATA\r\n.\r\nNOOP\r\n";

    hang_up_after = 2;
    ck_assert(!talk_in_pieces(input, strlen(input), strlen(input)));
    ck_assert_str_eq(delivered, "{a@b > c@d|c LMTP|42|}");
    hang_up_after = 1;
    ck_assert(!talk_in_pieces(input, strlen(input), strlen(input)));
    ck_assert_str_eq(delivered, "");
    hang_up_after = -1;
}
END_TEST

START_TEST(ending)
{
    ximss_lmtp_t *lmtp;

    sent = delivered = "";
    lmtp = ximss_lmtp_start(&server, test_pool);
    ck_assert(ximss_lmtp_is_idle(lmtp));
    ck_assert(ximss_lmtp_feed(lmtp, "LHLO c\r\nMAIL FROM:<a@b>\r\n", 25));
    ck_assert(!ximss_lmtp_is_idle(lmtp));
    ck_assert(ximss_lmtp_feed(lmtp, "RSET\r\nNO", 8));
    ck_assert(ximss_lmtp_is_idle(lmtp));
    ximss_lmtp_end(lmtp, "421 4.3.2 bye");
    ck_assert_str_eq(sent + strlen(sent) - strlen("\r\n421 4.3.2 bye\r\n"),
                     "\r\n421 4.3.2 bye\r\n");
    sent = "";
    ximss_lmtp_end(lmtp, "421 4.3.2 bye");
    ck_assert(!ximss_lmtp_feed(lmtp, "OP\r\n", 4));
    ck_assert_str_eq(sent, "");
}
END_TEST

START_TEST(paths)
{
    static const char *const good[][2] = {
        {"<a@b>rest", "a@b"},
        {"<>rest", ""},
        {"<@x,@y:a@b>rest", "a@b"},
        {"<\"a b\\\"c>\"@d.e>rest", "\"a b\\\"c>\"@d.e"},
        {"<a.b+c/d=e@[IPv6:::1]>rest", "a.b+c/d=e@[IPv6:::1]"},
        {"<zo\xc3\xab@b>rest", "zo\xc3\xab@b"},
    };
    static const char *const bad[] = {
        "",        "<",         "a@b>",     "<a>",      "<a@>",          "<@b>",      "<a@b",
        "<a b@c>", "<a@b c>",   "<a@b@c>",  "<\"a@b>",  "<\"a\\",        "<a\"b@c>",  "<<a@b>>",
        "<a@b\r>", "<a\x01@b>", "<\xff@b>", "<@x a@b>", "<\"a\x01\"@b>", "<\"a\"b@c>"};
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *text = good[i][0];

        ck_assert_str_eq(ximss_path_read(&text, test_pool), good[i][1]);
        ck_assert_str_eq(text, "rest");
    }
    {
        const char *text = apr_psprintf(test_pool, "<%0600d@b>", 1);

        ck_assert_ptr_null(ximss_path_read(&text, test_pool));
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text = bad[i];

        ck_assert_msg(ximss_path_read(&text, test_pool) == NULL, "%s", bad[i]);
        ck_assert_ptr_eq(text, bad[i]);
    }
}
END_TEST

/* ---- spool ---- */

START_TEST(spool)
{
    static const apr_size_t sizes[] = {0, 1, 262143, 262144, 262145, 1000000};
    char *bytes = apr_palloc(test_pool, 1000000);
    apr_size_t i;

    for (i = 0; i < 1000000; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ximss_spool_t *one = ximss_spool_make("/tmp", sizes[i], test_pool);
        ximss_spool_t *two = ximss_spool_make("/tmp", sizes[i], test_pool);
        const char *data;
        apr_size_t length;
        apr_size_t at;

        ck_assert_ptr_null(ximss_spool_write(one, bytes, sizes[i]));
        for (at = 0; at < sizes[i]; at += 100000) {
            ck_assert_ptr_null(ximss_spool_write(two, bytes + at,
                                                 sizes[i] - at < 100000 ? sizes[i] - at : 100000));
        }
        ck_assert_ptr_null(ximss_spool_read(one, &data, &length));
        ck_assert_int_eq(length, sizes[i]);
        ck_assert_int_eq(memcmp(data, bytes, length), 0);
        ck_assert_ptr_null(ximss_spool_read(two, &data, &length));
        ck_assert_int_eq(length, sizes[i]);
        ck_assert_int_eq(memcmp(data, bytes, length), 0);
    }
}
END_TEST

START_TEST(spool_failures)
{
    ximss_spool_t *small = ximss_spool_make("/tmp", 10, test_pool);
    ximss_spool_t *nowhere = ximss_spool_make("/no/such/folder", 10000000, test_pool);
    char *bytes = apr_pcalloc(test_pool, 300000);
    const ximss_error_t *error;
    const char *data;
    apr_size_t length;

    ck_assert_ptr_null(ximss_spool_write(small, bytes, 9));
    error = ximss_spool_write(small, bytes, 2);
    ck_assert_int_eq(error->code, XIMSS_E_LIMIT);
    ck_assert_ptr_eq(ximss_spool_write(small, bytes, 1), error);
    ck_assert_ptr_eq(ximss_spool_read(small, &data, &length), error);
    error = ximss_spool_write(nowhere, bytes, 300000);
    ck_assert_int_eq(error->code, XIMSS_E_INTERNAL);
    ck_assert_ptr_eq(ximss_spool_read(nowhere, &data, &length), error);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "lmtp");

    hang_up_after = -1;
    tcase_add_test(tcase, greeting);
    tcase_add_test(tcase, one_message);
    tcase_add_test(tcase, several_recipients);
    tcase_add_test(tcase, once_an_account);
    tcase_add_test(tcase, next_message);
    tcase_add_test(tcase, message_text);
    tcase_add_test(tcase, out_of_turn);
    tcase_add_test(tcase, wrong_commands);
    tcase_add_test(tcase, parameters);
    tcase_add_test(tcase, long_lines);
    tcase_add_test(tcase, nul);
    tcase_add_test(tcase, too_large);
    tcase_add_test(tcase, many_recipients);
    tcase_add_test(tcase, many_errors);
    tcase_add_test(tcase, no_reply_waits);
    tcase_add_test(tcase, gone_client);
    tcase_add_test(tcase, ending);
    tcase = suite_case(suite, "path");
    tcase_add_test(tcase, paths);
    tcase = suite_case(suite, "spool");
    tcase_add_test(tcase, spool);
    tcase_add_test(tcase, spool_failures);
}
