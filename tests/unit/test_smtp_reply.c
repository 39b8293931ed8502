/* Replies of SMTP servers, and messages as they go out. */
#include "submit/smtp_reply.h"
#include "submit/wire.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

/* Reads TEXT in pieces of STEP bytes; *REST is what it left. */
static ximss_reply_state_t read_in_steps(ximss_smtp_reply_t *reply, const char *text,
                                         apr_size_t length, apr_size_t step, apr_size_t *rest)
{
    ximss_reply_state_t state = XIMSS_REPLY_MORE;
    apr_size_t at = 0;
    ximss_smtp_reply_init(reply);
    while (at < length && state == XIMSS_REPLY_MORE) {
        apr_size_t used;
        apr_size_t piece = length - at < step ? length - at : step;
        state = ximss_smtp_reply_read(reply, text + at, piece, &used);
        at += used;
    }
    *rest = length - at;
    return state;
}

typedef struct sample_t {
    const char *bytes;
    ximss_reply_state_t state;
    int code;
    const char *status;
    const char *text;
    apr_size_t rest;
} sample_t;

static const sample_t samples[] = {
    {"250 ok\r\n", XIMSS_REPLY_DONE, 250, "", "ok", 0},
    {"250 2.1.5 ok\r\n550 next", XIMSS_REPLY_DONE, 250, "2.1.5", "ok", 8},
    {"250\r\n", XIMSS_REPLY_DONE, 250, "", "", 0},
    {"250 \r\n", XIMSS_REPLY_DONE, 250, "", "", 0},
    {"250 2.0.0\r\n", XIMSS_REPLY_DONE, 250, "2.0.0", "", 0},
    {"354 go\n", XIMSS_REPLY_DONE, 354, "", "go", 0},
    {"550-5.1.1 no such\r\n550 5.1.1 user\r\n", XIMSS_REPLY_DONE, 550, "5.1.1", "no such\nuser", 0},
    {"250-a\r\n250-\r\n250 c\r\n", XIMSS_REPLY_DONE, 250, "", "a\n\nc", 0},
    {"550 4.1.1 class of another reply\r\n", XIMSS_REPLY_DONE, 550, "",
     "4.1.1 class of another reply", 0},
    {"550 5.1 short\r\n", XIMSS_REPLY_DONE, 550, "", "5.1 short", 0},
    {"550 5.1.1111 long\r\n", XIMSS_REPLY_DONE, 550, "", "5.1.1111 long", 0},
    {"250 a\rb\tc\x7f\r\n", XIMSS_REPLY_DONE, 250, "", "a b c ", 0},
    {"250 a\r\r\n", XIMSS_REPLY_DONE, 250, "", "a ", 0},
    {"250-a\r\n", XIMSS_REPLY_MORE, 250, "", "a\n", 0},
    {"250-a\r\n251 b\r\n", XIMSS_REPLY_BAD, 250, "", NULL, 0},
    {"25\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 0},
    {"\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 0},
    {"199 a\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 0},
    {"600 a\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 0},
    {"2x0 a\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 5},
    {"2500 a\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 4},
    {"SSH-2.0\r\n", XIMSS_REPLY_BAD, 0, "", NULL, 8},
};

START_TEST(replies_are_read_at_every_split)
{
    const sample_t *sample = &samples[_i];
    apr_size_t length = strlen(sample->bytes);
    for (apr_size_t step = 1; step <= length; step++) {
        ximss_smtp_reply_t reply;
        apr_size_t rest;
        ck_assert_int_eq(read_in_steps(&reply, sample->bytes, length, step, &rest), sample->state);
        ck_assert_uint_eq(rest, sample->rest);
        ck_assert_int_eq(reply.code, sample->code);
        if (sample->text != NULL) {
            ck_assert_str_eq(reply.status, sample->status);
            ck_assert_str_eq(reply.text, sample->text);
        }
    }
}
END_TEST

START_TEST(replies_are_bounded)
{
    ximss_smtp_reply_t reply;
    apr_size_t rest;
    char *endless = apr_palloc(test_pool, 3000);
    memset(endless, 'x', 3000);
    memcpy(endless, "250 ", 4);
    ck_assert_int_eq(read_in_steps(&reply, endless, 3000, 100, &rest), XIMSS_REPLY_BAD);
    char *many = apr_palloc(test_pool, 7 * XIMSS_REPLY_LINES_MAX);
    for (int i = 0; i < XIMSS_REPLY_LINES_MAX; i++) {
        memcpy(many + 7 * i, "250-a\r\n", 7);
    }
    ck_assert_int_eq(read_in_steps(&reply, many, 7 * XIMSS_REPLY_LINES_MAX, 100, &rest),
                     XIMSS_REPLY_BAD);
    /* text over the limit is cut, and the reply is complete all the same */
    const char *wide = "";
    for (int i = 0; i < 5; i++) {
        wide = apr_psprintf(test_pool, "%s250%c%01000d\r\n", wide, i < 4 ? '-' : ' ', i);
    }
    ck_assert_int_eq(read_in_steps(&reply, wide, strlen(wide), 100, &rest), XIMSS_REPLY_DONE);
    ck_assert_uint_eq(strlen(reply.text), XIMSS_REPLY_TEXT_MAX);
}
END_TEST

START_TEST(features_are_read)
{
    static const char text[] = "250-relay.example PIPELINING\r\n250-size 35882577\r\n250-dsn\r\n"
                               "250-AUTH CRAM-MD5 plain\r\n250-AUTH=LOGIN\r\n250-8BITMIME\r\n"
                               "250-STARTTLSX\r\n250-\r\n250 SMTPUTF8\r\n";
    ximss_smtp_reply_t reply;
    ximss_smtp_features_t features;
    apr_size_t rest;
    ck_assert_int_eq(read_in_steps(&reply, text, strlen(text), 7, &rest), XIMSS_REPLY_DONE);
    ximss_smtp_features_read(&features, &reply);
    ck_assert_int_eq(features.pipelining, 0);
    ck_assert_int_eq(features.size, 1);
    ck_assert_int_eq(features.limit, 35882577);
    ck_assert_int_eq(features.dsn, 1);
    ck_assert_int_eq(features.auth_plain, 1);
    ck_assert_int_eq(features.auth_login, 1);
    ck_assert_int_eq(features.eight_bit, 1);
    ck_assert_int_eq(features.starttls, 0);
    ck_assert_int_eq(features.utf8, 1);
    static const char odd[] = "250-a\r\n250 SIZE 99999999999999999999999\r\n";
    read_in_steps(&reply, odd, strlen(odd), 7, &rest);
    ximss_smtp_features_read(&features, &reply);
    ck_assert_int_eq(features.size, 1);
    ck_assert_int_eq(features.limit, 0);
}
END_TEST

/* --- messages ----------------------------------------------------------------------------------- */

static const char *wire_out(const char *data, apr_size_t length, ximss_wire_style_t style,
                            apr_size_t room)
{
    ximss_wire_t wire;
    char *piece = apr_palloc(test_pool, room);
    char *out = apr_palloc(test_pool, length * 4 + 8);
    apr_size_t all = 0;
    apr_size_t got;
    ximss_wire_init(&wire, data, length, style);
    while ((got = ximss_wire_read(&wire, piece, room)) > 0) {
        memcpy(out + all, piece, got);
        all += got;
    }
    out[all] = '\0';
    ck_assert_uint_eq(strlen(out), all);
    return out;
}

typedef struct wire_sample_t {
    const char *data;
    const char *smtp;
    const char *lf;
} wire_sample_t;

static const wire_sample_t wire_samples[] = {
    {"", "", ""},
    {"A: b", "A: b\r\n", "A: b\n"},
    {"A: b\n\nc\n", "A: b\r\n\r\nc\r\n", "A: b\n\nc\n"},
    {"A: b\r\n\r\nc", "A: b\r\n\r\nc\r\n", "A: b\n\nc\n"},
    {"A: b\r\r\n\r\nc\r\r\r\nd", "A: b\r\n\r\nc\r\nd\r\n", "A: b\n\nc\nd\n"},
    {"A: b\rBcc: x\r\n\r\nc\rd", "A: b Bcc: x\r\n\r\nc\r\nd\r\n", "A: b Bcc: x\n\nc\nd\n"},
    {"\rBcc: x\n\rx", " Bcc: x\r\n x\r\n", " Bcc: x\n x\n"},
    {"\n.\n.a\n..\n", "\r\n..\r\n..a\r\n...\r\n", "\n.\n.a\n..\n"},
    {"A: b\n\nc\r.\rd\n.\r\ne\r\n.\nf\r.\r\n.",
     "A: b\r\n\r\nc\r\n..\r\nd\r\n..\r\ne\r\n..\r\nf\r\n..\r\n..\r\n",
     "A: b\n\nc\n.\nd\n.\ne\n.\nf\n.\n.\n"},
    {".a: b\n", "..a: b\r\n", ".a: b\n"},
};

START_TEST(line_ends_and_dots_are_safe)
{
    const wire_sample_t *sample = &wire_samples[_i];
    apr_size_t length = strlen(sample->data);
    for (apr_size_t room = XIMSS_WIRE_ROOM_MIN; room < XIMSS_WIRE_ROOM_MIN + 8; room++) {
        ck_assert_str_eq(wire_out(sample->data, length, XIMSS_WIRE_SMTP, room), sample->smtp);
        ck_assert_str_eq(wire_out(sample->data, length, XIMSS_WIRE_LF, room), sample->lf);
    }
}
END_TEST

START_TEST(nul_is_a_blank)
{
    ck_assert_str_eq(wire_out("A: \0b\n\n\0", 8, XIMSS_WIRE_CRLF, 64), "A:  b\r\n\r\n \r\n");
}
END_TEST

/* A line of 998 bytes is legal and stays; a longer one is folded, between characters. */
START_TEST(long_lines_are_folded)
{
    char *fits = apr_psprintf(test_pool, "\n%0998d\n", 1);
    ck_assert_str_eq(wire_out(fits, strlen(fits), XIMSS_WIRE_SMTP, 64),
                     apr_psprintf(test_pool, "\r\n%0998d\r\n", 1));
    char *longer = apr_psprintf(test_pool, "\n%0998d.\n", 1);
    ck_assert_str_eq(wire_out(longer, strlen(longer), XIMSS_WIRE_SMTP, 64),
                     apr_psprintf(test_pool, "\r\n%0998d\r\n .\r\n", 1));
    ck_assert_str_eq(wire_out(longer, strlen(longer), XIMSS_WIRE_LF, 64), longer);
    char *wide = apr_psprintf(test_pool, "\n%0997d\xc3\xa9\n", 1);
    ck_assert_str_eq(wire_out(wide, strlen(wide), XIMSS_WIRE_SMTP, 64),
                     apr_psprintf(test_pool, "\r\n%0997d\r\n \xc3\xa9\r\n", 1));
}
END_TEST

/* A megabyte of CRs costs a few megabytes of work, not its square. */
START_TEST(many_crs_are_linear)
{
    enum { MANY = 1 << 20 };
    ximss_wire_t wire;
    char piece[4096];
    char *data = apr_palloc(test_pool, MANY);
    apr_size_t all = 0;
    apr_size_t got;
    memset(data, '\r', MANY);
    memcpy(data, "\n", 1);
    ximss_wire_init(&wire, data, MANY, XIMSS_WIRE_CRLF);
    while ((got = ximss_wire_read(&wire, piece, sizeof(piece))) > 0) {
        all += got;
    }
    ck_assert_uint_eq(all, 2 * MANY);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "reply");
    tcase_add_loop_test(tcase, replies_are_read_at_every_split, 0,
                        sizeof(samples) / sizeof(*samples));
    tcase_add_test(tcase, replies_are_bounded);
    tcase_add_test(tcase, features_are_read);
    tcase = suite_case(suite, "wire");
    tcase_add_loop_test(tcase, line_ends_and_dots_are_safe, 0,
                        sizeof(wire_samples) / sizeof(*wire_samples));
    tcase_add_test(tcase, nul_is_a_blank);
    tcase_add_test(tcase, long_lines_are_folded);
    tcase_add_test(tcase, many_crs_are_linear);
}
