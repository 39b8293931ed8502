/* Replies and forwards composed in advance: recipients, subject, references, quoting, and that nothing of a hostile
 * message gets into them but as text. */
#include "mime/answer.h"
#include "mime/quote.h"
#include "store/prefs.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define USER "user@example.org"

static op_rig_t *rig;
static ximss_session_t *session;

static void set_up(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, USER);
}

/* Stores RAW, and answers it by MODE with the attributes MORE. */
static const char *answer_with(const char *raw, const char *mode, const char *more)
{
    apr_uint32_t uid = op_rig_append(rig, USER, "INBOX", raw, OP_RIG_NOW);

    return op_rig_runf(rig, session,
                       "<folderOpen id=\"o\" folder=\"F\" mailbox=\"INBOX\"/>"
                       "<folderRead id=\"r\" folder=\"F\" UID=\"%u\" mode=\"%s\" %s/>"
                       "<folderClose id=\"c\" folder=\"F\"/>",
                       uid, mode, more);
}

static const char *answer(const char *raw, const char *mode)
{
    return answer_with(raw, mode, "");
}

/* The elements of the header between From and MIME. */
static const char *head(const char *raw, const char *mode)
{
    const char *reply = answer(raw, mode);
    const char *start = strstr(reply, "</From>");
    const char *end = start != NULL ? strstr(start, "<MIME") : NULL;

    ck_assert_msg(end != NULL, "no EMail: %s", reply);
    start += strlen("</From>");
    return apr_pstrmemdup(test_pool, start, (apr_size_t)(end - start));
}

/* The text of the answer, as it stands in the XML. */
static const char *body_with(const char *raw, const char *mode, const char *more)
{
    const char *reply = answer_with(raw, mode, more);
    const char *start = strstr(reply, "type=\"text\">");
    const char *end = start != NULL ? strstr(start, "</MIME>") : NULL;

    ck_assert_msg(end != NULL, "no text: %s", reply);
    start += strlen("type=\"text\">");
    return apr_pstrmemdup(test_pool, start, (apr_size_t)(end - start));
}

static const char *body(const char *raw, const char *mode)
{
    return body_with(raw, mode, "");
}

static void prefer(const char *name, const char *value)
{
    const ximss_pref_t pref = {.name = name, .value = value};
    apr_array_header_t *prefs = apr_array_make(test_pool, 1, sizeof(ximss_pref_t));
    ximss_account_t *account = op_rig_handle(rig, USER, rig->pool);

    APR_ARRAY_PUSH(prefs, ximss_pref_t) = pref;
    assert_ok(ximss_account_begin_write(account, test_pool));
    assert_ok(ximss_prefs_set(account, prefs, &rig->limits, test_pool));
    assert_ok(ximss_account_commit(account, test_pool));
}

#define SIMPLE                                                                                     \
    "From: Ann Other <ann@example.com>\nTo: user@example.org\nSubject: lunch\n"                    \
    "Date: Tue, 14 Nov 2023 20:00:00 +0000\nMessage-ID: <1@example.com>\n\none\n\n> two\n"

START_TEST(whole_reply)
{
    const char *reply = answer(SIMPLE, "replyFrom");

    assert_has(reply,
               "<folderMessage folder=\"F\" id=\"r\" mode=\"replyFrom\" UID=\"1\"><EMail>"
               "<From realName=\"A. User\">user@example.org</From>"
               "<To realName=\"Ann Other\">ann@example.com</To>"
               "<Subject>Re: lunch</Subject>"
               "<In-Reply-To>&lt;1@example.com&gt;</In-Reply-To>"
               "<References>&lt;1@example.com&gt;</References>"
               "<MIME charset=\"utf-8\" subtype=\"plain\" type=\"text\">"
               "On Tue, 14 Nov 2023 21:00:00 +0100\n Ann Other &lt;ann@example.com&gt; wrote:\n"
               "&gt; one\n&gt;\n&gt;&gt; two\n</MIME></EMail></folderMessage>"
               "<response id=\"r\"/>");
}
END_TEST

START_TEST(whole_html_reply)
{
    assert_has(
        answer(SIMPLE, "replyAllHTML"),
        "<MIME charset=\"utf-8\" subtype=\"html\" type=\"text\">&lt;html&gt;&lt;body&gt;&lt;p&gt;"
        "On Tue, 14 Nov 2023 21:00:00 +0100&lt;br&gt;\n&amp;nbsp;Ann Other "
        "&amp;lt;ann@example.com&amp;gt; wrote:&lt;/p&gt;\n"
        "&lt;blockquote type=\"cite\"&gt;one&lt;br&gt;\n&lt;br&gt;\n&amp;gt; "
        "two&lt;/blockquote&gt;\n"
        "&lt;/body&gt;&lt;/html&gt;\n</MIME>");
}
END_TEST

START_TEST(whole_forward)
{
    const char *reply = answer(SIMPLE, "forward");

    assert_has(reply, "<From realName=\"A. User\">user@example.org</From>"
                      "<Subject>Fwd: lunch</Subject>"
                      "<MIME charset=\"utf-8\" subtype=\"plain\" type=\"text\">"
                      "-------- Forwarded message --------\n"
                      "From: Ann Other &lt;ann@example.com&gt;\n"
                      "Date: Tue, 14 Nov 2023 21:00:00 +0100\n"
                      "Subject: lunch\nTo: user@example.org\n\none\n\n&gt; two\n</MIME></EMail>");
}
END_TEST

START_TEST(modes)
{
    assert_has(answer(SIMPLE, "REPLYALLhtml"), "subtype=\"html\"");
    assert_has(answer(SIMPLE, "forwardHTML"), "subtype=\"html\"");
    assert_has(answer(SIMPLE, "replyNobody"), "errorNum=\"501\"");
    assert_has(answer(SIMPLE, "forwards"), "errorNum=\"501\"");
    assert_has(answer(SIMPLE, "text"), "<Subject>lunch</Subject>");
    assert_has(answer(SIMPLE, ""), "<Subject>lunch</Subject>");
}
END_TEST

#define LIST  "List-Post: <mailto:list@lists.example>\n"
#define TO(a) "<To>" a "</To>"
#define CC(a) "<Cc>" a "</Cc>"

/* Header fields, and the recipients of a reply to the sender and to all. */
static const struct {
    const char *fields;
    const char *sender;
    const char *all;
} recipients[] = {
    {"From: a@x\nTo: user@example.org, b@x\nCc: c@x\n", TO("a@x"), TO("a@x") CC("b@x") CC("c@x")},
    {"From: a@x\nReply-To: r@x, s@x\nTo: b@x\n", TO("r@x") TO("s@x"),
     TO("r@x") TO("s@x") CC("b@x")},
    {"From: a@x\nTo: A@X, b@x, B@x\nCc: b@X, USER+box@Example.ORG\n", TO("a@x"),
     TO("a@x") CC("b@x")},
    {"From: a@x\nMail-Reply-To: m@x\nReply-To: r@x\n", TO("m@x"), TO("m@x")},
    {"From: a@x\nMail-Followup-To: f@x, user@example.org\nReply-To: r@x\nTo: b@x\n", TO("r@x"),
     TO("f@x")},
    {"From: a@x\nMail-Followup-To: user@example.org\nTo: b@x\n", TO("a@x"), TO("a@x") CC("b@x")},
    {"From: a@x\nReply-To: list@lists.example\nTo: List@lists.example\n" LIST, TO("a@x"),
     TO("a@x") CC("List@lists.example")},
    {"From: a@x\nTo: user@example.org\n" LIST, TO("a@x"), TO("a@x") CC("list@lists.example")},
    {"From: a@x\nReply-To: a@x, list@lists.example\n" LIST, TO("a@x") TO("list@lists.example"),
     TO("a@x") TO("list@lists.example")},
    {"From: a@x\nReply-To: list@lists.example\nList-Post: NO\n", TO("list@lists.example"),
     TO("list@lists.example")},
    {"From: a@x\nReply-To: list@lists.example\n", TO("list@lists.example"),
     TO("list@lists.example")},
    {"From: user@example.org\nTo: b@x, c@x\nCc: d@x\n", TO("b@x") TO("c@x"),
     TO("b@x") TO("c@x") CC("d@x")},
    {"From: user@example.org\nCc: d@x\n", TO("d@x"), TO("d@x")},
    {"From: user@example.org\nTo: user@example.org\n", TO("user@example.org"),
     TO("user@example.org")},
    {"From: a@x\nReply-To: user@example.org\n", TO("a@x"), TO("a@x")},
    {"Sender: s@x\nTo: undisclosed-recipients:;\n", TO("s@x"), TO("s@x")},
    {"From: \"nobody\"\nTo: b@x\n", "", TO("b@x")},
    {"Subject: none\n", "", ""},
    {"From: a@x\nTo: not an address, <>, @x, y@, \"a b\"@x\n", TO("a@x"),
     TO("a@x") CC("\"a b\"@x")},
};

START_TEST(recipients_of_replies)
{
    const char *raw = apr_pstrcat(test_pool, recipients[_i].fields, "\ntext\n", NULL);
    const char *subject = strstr(raw, "Subject") != NULL ? "Re: none" : "Re:";

    ck_assert_str_eq(head(raw, "replyFrom"), apr_pstrcat(test_pool, recipients[_i].sender,
                                                         "<Subject>", subject, "</Subject>", NULL));
    ck_assert_str_eq(head(raw, "replyAll"), apr_pstrcat(test_pool, recipients[_i].all, "<Subject>",
                                                        subject, "</Subject>", NULL));
    ck_assert_str_eq(head(raw, "forward"), subject[3] != '\0' ? "<Subject>Fwd: none</Subject>"
                                                              : "<Subject>Fwd:</Subject>");
}
END_TEST

START_TEST(many_recipients)
{
    char *long_name = apr_palloc(test_pool, 70001);
    ximss_buffer_t raw;
    const char *reply;
    int i;

    ximss_buffer_init(&raw, 1000, test_pool);
    ximss_buffer_add(&raw, "From: a@x\nTo: b0@x", 18);
    for (i = 0; i < 9000; i++) {
        const char *two = apr_psprintf(test_pool, ",\n b%d@example.com, B%d@EXAMPLE.COM", i, i);

        ximss_buffer_add(&raw, two, strlen(two));
    }
    ximss_buffer_add(&raw, "\n\ntext\n", 7);
    reply = answer(ximss_buffer_string(&raw), "replyAll");
    ck_assert_int_gt(op_rig_count(reply, "<Cc>"), 4000);
    ck_assert_int_lt(strlen(reply), 300000);
    ck_assert_int_eq(op_rig_count(reply, "<Cc>b1@example.com</Cc>"), 1);
    memset(long_name, 'n', 70000);
    long_name[70000] = '\0';
    reply = answer(
        apr_pstrcat(test_pool, "From: ", long_name, " <a@x>\nSubject: ", long_name, "\n\n", NULL),
        "replyAll");
    ck_assert_int_lt(strlen(reply), 7000);
    assert_has(reply, "n\">a@x</To>");
}
END_TEST

/* Whose an address is costs a look into the directory: not more of them than a mail may name. */
START_TEST(many_own_addresses)
{
    ximss_buffer_t raw;
    const char *reply;
    int i;

    ximss_buffer_init(&raw, 1000, test_pool);
    ximss_buffer_add(&raw, "From: a@x\nTo: b@x", 17);
    for (i = 0; i < 9000; i++) {
        const char *own = apr_psprintf(test_pool, ",\n user+%d@example.org", i);

        ximss_buffer_add(&raw, own, strlen(own));
    }
    ximss_buffer_add(&raw, "\nCc: c@x\n\ntext\n", 15);
    reply = answer(ximss_buffer_string(&raw), "replyAll");
    assert_has(reply, "<Cc>b@x</Cc>");
    assert_not(reply, "example.org</Cc>");
    assert_not(reply, "c@x");
}
END_TEST

static const struct {
    const char *subject;
    const char *reply;
    const char *forward;
} subjects[] = {
    {"lunch", "Re: lunch", "Fwd: lunch"},
    {"Re: lunch", "Re: lunch", "Fwd: Re: lunch"},
    {"RE: re:Re : lunch", "Re: lunch", "Fwd: RE: re:Re : lunch"},
    {"Aw: lunch", "Re: lunch", "Fwd: Aw: lunch"},
    {"AW: Re: SV: Antwort: lunch", "Re: lunch", "Fwd: AW: Re: SV: Antwort: lunch"},
    {"Re[2]: lunch", "Re: lunch", "Fwd: Re[2]: lunch"},
    {"Re(10): Re^3: Re [4] : lunch", "Re: lunch", "Fwd: Re(10): Re^3: Re [4] : lunch"},
    {"回复： 午饭", "Re: 午饭", "Fwd: 回复： 午饭"},
    {"Fwd: lunch", "Re: Fwd: lunch", "Fwd: lunch"},
    {"Fwd: FW: WG: lunch", "Re: Fwd: FW: WG: lunch", "Fwd: lunch"},
    {"Recipes: bread", "Re: Recipes: bread", "Fwd: Recipes: bread"},
    {"Re 2024: plan", "Re: Re 2024: plan", "Fwd: Re 2024: plan"},
    {"Re[x]: plan", "Re: Re[x]: plan", "Fwd: Re[x]: plan"},
    {"Re", "Re: Re", "Fwd: Re"},
    {"Re:", "Re:", "Fwd: Re:"},
    {"  ", "Re:", "Fwd:"},
    {"", "Re:", "Fwd:"},
};

START_TEST(subject)
{
    ck_assert_str_eq(ximss_subject_answer(subjects[_i].subject, XIMSS_ANSWER_ALL, test_pool),
                     subjects[_i].reply);
    ck_assert_str_eq(ximss_subject_answer(subjects[_i].subject, XIMSS_ANSWER_FORWARD, test_pool),
                     subjects[_i].forward);
}
END_TEST

START_TEST(references)
{
    assert_has(
        head("From: a@x\nMessage-ID: <3@x>\nReferences: <1@x>\n\t<2@x>\nIn-Reply-To: <9@x>\n\n",
             "replyFrom"),
        "<References>&lt;1@x&gt; &lt;2@x&gt; &lt;3@x&gt;</References>");
    assert_has(head("From: a@x\nMessage-ID: <3@x>\nIn-Reply-To: <9@x>\n\n", "replyFrom"),
               "<In-Reply-To>&lt;3@x&gt;</In-Reply-To>"
               "<References>&lt;9@x&gt; &lt;3@x&gt;</References>");
    assert_has(head("From: a@x\nMessage-ID: <3@x>\nIn-Reply-To: <8@x> <9@x>\n\n", "replyFrom"),
               "<References>&lt;3@x&gt;</References>");
    assert_not(head("From: a@x\nMessage-ID: 3@x\n\n", "replyFrom"), "References");
    assert_not(head("From: a@x\nMessage-ID: <a b@x>\n\n", "replyFrom"), "Reply-To");
    assert_not(head("From: a@x\nMessage-ID: <3@x>\nReferences: <1@x>\n\n", "forward"),
               "References");
}
END_TEST

START_TEST(long_references)
{
    char *raw = apr_pstrdup(test_pool, "From: a@x\nMessage-ID: <last@x>\nReferences: <first@x>");
    const char *found;
    int i;

    for (i = 0; i < 100; i++) {
        raw = apr_psprintf(test_pool, "%s\n <%d@x>", raw, i);
    }
    found = head(apr_pstrcat(test_pool, raw, "\n\n", NULL), "replyFrom");
    assert_has(found, "<References>&lt;first@x&gt; &lt;82@x&gt;");
    assert_has(found, "&lt;99@x&gt; &lt;last@x&gt;</References>");
}
END_TEST

START_TEST(preferences)
{
    prefer("ReplyHeader", "^F^N(^T) ^X ^");
    prefer("ReplyQuote", "| ");
    prefer("Signature", "Yours\nA.");
    ck_assert_str_eq(body(SIMPLE, "replyFrom"),
                     "Ann Other &lt;ann@example.com&gt;\n(Tue, 14 Nov 2023 21:00:00 +0100) ^X ^\n"
                     "| one\n| \n| &gt; two\n\n-- \nYours\nA.\n");
    assert_has(body(SIMPLE, "forward"), "&gt; two\n\n-- \nYours\nA.\n");
    assert_has(body(SIMPLE, "replyFromHTML"),
               "&lt;div&gt;-- &lt;br&gt;\nYours&lt;br&gt;\nA.&lt;/div&gt;");
    prefer("Signature", "-- \nA.");
    ck_assert_int_eq(op_rig_count(body(SIMPLE, "replyFrom"), "-- "), 1);
}
END_TEST

START_TEST(message_without_date)
{
    assert_has(body("From: a@x\nDate: never\n\ntext\n", "replyFrom"),
               "On Tue, 14 Nov 2023 23:13:20 +0100\n a@x wrote:\n&gt; text\n");
}
END_TEST

START_TEST(flowed_text)
{
    const char *raw = "From: a@x\nContent-Type: text/plain; format=flowed\n\n"
                      "one \ntwo\n  stuffed\n> quoted \n> more\n>> deeper \nout\n-- \nsign\n";

    assert_has(body(raw, "replyFrom"), "&gt; one two\n&gt;  stuffed\n&gt;&gt; quoted more\n"
                                       "&gt;&gt;&gt; deeper \n&gt; out\n&gt; -- \n&gt; sign\n");
    assert_has(body("From: a@x\nContent-Type: text/plain; format=Flowed; DelSp=Yes\n\nJa \npan\n",
                    "forward"),
               "\nJapan\n");
    assert_has(body("From: a@x\nContent-Type: text/plain\n\none \ntwo\n", "replyFrom"),
               "&gt; one \n&gt; two\n");
}
END_TEST

START_TEST(long_lines)
{
    const char *words = "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd";
    const char *fixed = apr_pstrcat(test_pool, "From: a@x\n\n", words, "\n", NULL);
    const char *flowed =
        apr_pstrcat(test_pool, "From: a@x\nContent-Type: text/plain; format=flowed\n\n", words,
                    "\n> ", words, "\n", NULL);

    prefer("MailerWidth", "24");
    assert_has(body(fixed, "replyFrom"), "&gt; aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd\n");
    assert_has(body(flowed, "replyFrom"),
               "&gt; aaaaaaaaa bbbbbbbbb\n&gt; ccccccccc ddddddddd\n"
               "&gt;&gt; aaaaaaaaa bbbbbbbbb\n&gt;&gt; ccccccccc ddddddddd\n");
    prefer("MailerWidth", "nonsense");
    assert_has(body(flowed, "replyFrom"), "&gt; aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd\n");
}
END_TEST

#define MIXED(parts)                                                                               \
    "From: a@x\nMessage-ID: <1@x>\nContent-Type: multipart/mixed; boundary=b\n\n" parts "--b--\n"
#define PART(type, text) "--b\nContent-Type: " type "\n\n" text "\n"
#define ALTERNATIVE                                                                                \
    "--b\nContent-Type: multipart/alternative; boundary=c\n\n"                                     \
    "--c\nContent-Type: text/html\n\n<p>as <b>html</b></p>\n"                                      \
    "--c\nContent-Type: text/plain\n\nas plain\n--c--\n"

START_TEST(first_text_only)
{
    const char *two =
        body(MIXED(PART("text/plain", "first") PART("text/plain", "secret")), "replyFrom");

    assert_has(two, "&gt; first\n");
    assert_not(two, "secret");
    assert_has(body(MIXED(PART("application/pdf", "%PDF") ALTERNATIVE), "replyFrom"),
               "&gt; as plain\n");
    assert_has(
        body(MIXED("--b\nContent-Type: text/plain\nContent-Disposition: attachment\n\nfile\n" PART(
                 "text/html", "<p>hello &amp; bye</p>")),
             "replyFrom"),
        "&gt; hello &amp; bye\n");
    assert_not(body(MIXED(PART("message/rfc822", "Subject: s\n\ninner")), "replyFrom"), "inner");
    assert_has(body(MIXED(PART("image/png", "x")), "replyFrom"), "wrote:\n");
}
END_TEST

/* A message that joins what it wants decrypted to a link of its own (EFAIL). */
START_TEST(parts_are_never_joined)
{
    const char *raw = MIXED(PART("text/html", "<img src=\"http://x/") PART("text/plain", "secret")
                                PART("text/html", "\">"));

    assert_not(answer(raw, "replyAll"), "secret");
    assert_not(answer(raw, "replyAllHTML"), "secret");
    assert_not(answer(raw, "replyAllHTML"), "http://x/");
}
END_TEST

START_TEST(html_is_never_passed_on)
{
    const char *raw =
        "From: \"<script>alert(1)</script>\" <a@x>\nSubject: <b>x</b>\n"
        "Content-Type: text/html\n\n"
        "<p onclick=\"a()\">one<script>evil()</script></p><img src=x onerror=y>&lt;i&gt;\n";
    const char *html = body(raw, "replyFromHTML");

    /* as it stands in the XML: what is "&lt;" here is "<" in the HTML */
    assert_not(html, "&lt;script");
    assert_not(html, "&lt;img");
    assert_not(html, "onclick");
    assert_not(html, "evil");
    assert_has(html, "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;");
    assert_has(html, "one");
    assert_has(html, "&amp;lt;i&amp;gt;");
    assert_has(body(raw, "forwardHTML"), "Subject: &amp;lt;b&amp;gt;x&amp;lt;/b&amp;gt;");
}
END_TEST

START_TEST(forward_copies_parts)
{
    const char *reply = answer(
        MIXED(
            ALTERNATIVE PART("image/png; name=\"a&b.png\"", "PNG") PART("message/rfc822",
                                                                        "Subject: s\n\ninner")
                PART("multipart/alternative; boundary=d",
                     "--d\nContent-Type: text/plain\n\n1\n--d\nContent-Type: text/html\n\n2\n--d--")
                    PART("application/pkcs7-signature", "sig")),
        "forward");

    assert_has(
        reply,
        "<MIME subtype=\"mixed\" type=\"multipart\"><MIME charset=\"utf-8\" subtype=\"plain\"");
    assert_has(reply,
               "\n\nas plain\n</MIME>"
               "<copyMIME Disposition-filename=\"a&amp;b.png\" estimatedSize=\"3\" folder=\"F\" "
               "partID=\"02\" subtype=\"png\" type=\"image\" UID=\"1\"/>"
               "<copyMIME estimatedSize=\"17\" folder=\"F\" partID=\"03\" subtype=\"rfc822\" "
               "type=\"message\" UID=\"1\"/>"
               "<copyMIME estimatedSize=\"1\" folder=\"F\" partID=\"04-01\" subtype=\"plain\" "
               "type=\"text\" UID=\"1\"/>"
               "<copyMIME estimatedSize=\"1\" folder=\"F\" partID=\"04-02\" subtype=\"html\" "
               "type=\"text\" UID=\"1\"/></MIME></EMail>");
    assert_not(answer(MIXED(PART("image/png", "PNG")), "replyAll"), "copyMIME");
}
END_TEST

/* Pictures and files in an alternative (as Apple's mail program sends them) are no other form of its text. */
START_TEST(forward_keeps_files_of_alternatives)
{
    const char *reply = answer(
        "From: a@x\nContent-Type: multipart/alternative; boundary=b\n\n" PART("text/plain", "text")
            PART("multipart/mixed; boundary=c",
                 "--c\nContent-Type: text/html\n\nhtml\n--c\nContent-Type: "
                 "application/pdf\n\nPDF\n--c--") "--b--\n",
        "forward");

    assert_has(reply, "partID=\"02-02\" subtype=\"pdf\"");
    ck_assert_int_eq(op_rig_count(reply, "<copyMIME"), 1);
}
END_TEST

START_TEST(forward_of_one_part)
{
    const char *reply = answer("From: a@x\nContent-Type: application/pdf\n\nPDF\n", "forward");

    assert_has(reply, "partID=\"01\" subtype=\"pdf\"");
    assert_has(reply, "-------- Forwarded message --------\nFrom: a@x\n");
}
END_TEST

/* What a forward says is what messageAppend understands. */
START_TEST(forward_can_be_sent)
{
    const char *reply = answer(MIXED(PART("text/plain", "text") PART("image/png; name=p.png", "PNG")
                                         PART("message/rfc822", "Subject: s\n\ninner")),
                               "forward");
    const char *start = strstr(reply, "<EMail>");
    const char *end = strstr(reply, "</folderMessage>");
    const char *stored;

    ck_assert(start != NULL && end != NULL);
    op_rig_run(rig, session, "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>");
    stored = op_rig_runf(
        rig, session,
        "<messageAppend id=\"2\" targetMailbox=\"D\" mailboxClass=\"\">%s</messageAppend>"
        "<folderOpen id=\"3\" folder=\"D\" mailbox=\"D\"/>"
        "<folderRead id=\"4\" folder=\"D\" UID=\"1\"/>",
        apr_pstrmemdup(test_pool, start, (apr_size_t)(end - start)));
    assert_not(stored, "errorNum");
    assert_has(stored, "<Subject>Fwd:</Subject>");
    assert_has(stored, "Type-name=\"p.png\"");
    assert_has(stored, "estimatedSize=\"3\"");
    assert_has(stored, ">inner");
}
END_TEST

START_TEST(message_in_a_part)
{
    const char *raw =
        "From: outer@x\nSubject: outer\nContent-Type: multipart/mixed; boundary=b\n\n" PART(
            "text/plain", "outer text")
            PART("message/rfc822",
                 "From: inner@x\nSubject: inner\nMessage-ID: <i@x>\nContent-Type: multipart/mixed; "
                 "boundary=e\n\n"
                 "--e\n\ninner text\n--e\nContent-Type: image/gif\n\nGIF\n--e--") "--b--\n";
    const char *reply = answer_with(raw, "replyFrom", "partID=\"02\"");

    assert_has(reply, "partID=\"02\" UID=\"1\"><EMail>");
    assert_has(reply, "<To>inner@x</To><Subject>Re: inner</Subject><In-Reply-To>&lt;i@x&gt;");
    assert_has(reply, "&gt; inner text\n</MIME>");
    assert_has(answer_with(raw, "forward", "partID=\"02\""), "partID=\"02-02\" subtype=\"gif\"");
    assert_has(answer_with(raw, "replyFrom", "partID=\"01\""), "errorNum=\"501\"");
    assert_has(answer_with(raw, "replyFrom", "partID=\"07\""), "errorNum=\"514\"");
    assert_has(answer_with("From: outer@x\nContent-Type: message/rfc822\n\nFrom: in@x\n\nhello\n",
                           "replyFrom", "partID=\"01\""),
               "<To>in@x</To>");
}
END_TEST

START_TEST(size_limit)
{
    assert_not(body_with(SIMPLE, "replyFrom", "totalSizeLimit=\"5\""), "one");
    assert_has(body_with(SIMPLE, "replyFrom", "totalSizeLimit=\"5\""), "wrote:\n");
    assert_has(body_with(SIMPLE, "replyFrom", "totalSizeLimit=\"-1\""), "one");
    assert_has(body_with(SIMPLE, "forwardHTML", "totalSizeLimit=\"5000\""), "one");
    assert_has(answer_with(SIMPLE, "forward", "totalSizeLimit=\"5\""),
               "partID=\"01\" subtype=\"plain\" type=\"text\"");
}
END_TEST

START_TEST(huge_text)
{
    apr_size_t length = 5 * 1024 * 1024;
    char *raw = apr_palloc(test_pool, length + 100);
    const char *reply;

    memcpy(raw, "From: a@x\n\n", 11);
    memset(raw + 11, 'x', length);
    raw[11 + length] = '\0';
    ck_assert_int_lt(strlen(answer(raw, "replyFrom")), 2000);
    reply = answer(raw, "forward");
    ck_assert_int_lt(strlen(reply), 2000);
    assert_has(reply, "partID=\"01\" subtype=\"plain\"");
}
END_TEST

/* What headers, decoded, may hold: line ends of all kinds, in texts, names and addresses. */
static const char *const nasty[] = {
    "From: =?utf-8?Q?a=0D=0ABcc:_evil@x?= <a@x>\nSubject: =?utf-8?Q?s=0D=0ABcc:_evil@x?=\n",
    "From: \"a\\\r\nBcc: evil@x\" <a@x>\nSubject: a\rBcc: evil@x\n",
    "From: a@x\nReply-To: <\"r\r\n Bcc: evil@x\"@x>\nSubject: s\xE2\x80\xA8"
    "Bcc: evil@x\n",
    "From: a@x\nReply-To: =?utf-8?Q?r=40x=0D=0ABcc=3A_evil=40x?=\nSubject: s\n",
    "From: a@x\nMail-Reply-To: =?utf-8?Q?r=40x=0D=0ABcc=3A_evil=40x?=\nSubject: s\n",
    "From: a@x\nMessage-ID: <a\rBcc:evil@x>\nReferences: <=0D=0ABcc:evil@x>\nSubject: s\n",
    "From: a@x\nList-Post: <mailto:l@x%0d%0aBcc:evil@x>\nSubject: s\n",
};

START_TEST(no_header_can_be_smuggled)
{
    static const char *const names[] = {"replyAll", "forward", "replyAllHTML", "forwardHTML"};
    const char *raw = apr_pstrcat(test_pool, nasty[_i], "\ntext\n", NULL);
    apr_size_t i;

    op_rig_run(rig, session, "<mailboxCreate id=\"1\" mailbox=\"D\"/>");
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *reply = answer(raw, names[i]);
        const char *start = strstr(reply, "<EMail>");
        const char *end = strstr(reply, "</folderMessage>");
        const char *stored;

        ck_assert_msg(start != NULL && end != NULL, "%s", reply);
        assert_not(reply, "<Bcc");
        assert_not(reply, "&#13;");
        assert_not(reply, "&#xD;");
        stored = op_rig_runf(
            rig, session,
            "<messageAppend id=\"2\" targetMailbox=\"D\">%s</messageAppend>"
            "<folderOpen id=\"3\" folder=\"D\" mailbox=\"D\"/>"
            "<folderRead id=\"4\" folder=\"D\" UID=\"%d\"/><folderClose id=\"5\" folder=\"D\"/>",
            apr_pstrmemdup(test_pool, start, (apr_size_t)(end - start)), (int)i + 1);
        assert_not(stored, "errorNum");
        assert_not(stored, "<Bcc");
        ck_assert_int_le(op_rig_count(stored, "<From"), 1);
    }
}
END_TEST

/* Marks that are repeated in front of each piece of a long line must not multiply it. */
START_TEST(marks_are_bounded)
{
    ximss_quote_text_t text = {.flows = 1};
    char *line = apr_palloc(test_pool, 200001);
    ximss_buffer_t out;
    int i;

    memset(line, '>', 100000);
    for (i = 0; i < 100000; i++) {
        line[100000 + i] = i % 2 == 0 ? 'x' : ' ';
    }
    text.text = line;
    text.length = 200000;
    ximss_buffer_init(&out, 100, test_pool);
    ximss_quote_write(&out, &text, ">", 72);
    ck_assert_uint_lt(out.length, 1000000);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *cases = suite_case(suite, "answer");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, whole_reply);
    tcase_add_test(cases, whole_html_reply);
    tcase_add_test(cases, whole_forward);
    tcase_add_test(cases, modes);
    tcase_add_loop_test(cases, recipients_of_replies, 0,
                        sizeof(recipients) / sizeof(recipients[0]));
    tcase_add_test(cases, many_recipients);
    tcase_add_test(cases, many_own_addresses);
    tcase_add_loop_test(cases, subject, 0, sizeof(subjects) / sizeof(subjects[0]));
    tcase_add_test(cases, references);
    tcase_add_test(cases, long_references);
    tcase_add_test(cases, preferences);
    tcase_add_test(cases, message_without_date);
    tcase_add_test(cases, flowed_text);
    tcase_add_test(cases, long_lines);
    tcase_add_test(cases, first_text_only);
    tcase_add_test(cases, parts_are_never_joined);
    tcase_add_test(cases, html_is_never_passed_on);
    tcase_add_test(cases, forward_copies_parts);
    tcase_add_test(cases, forward_keeps_files_of_alternatives);
    tcase_add_test(cases, forward_of_one_part);
    tcase_add_test(cases, forward_can_be_sent);
    tcase_add_test(cases, message_in_a_part);
    tcase_add_test(cases, size_limit);
    tcase_add_test(cases, huge_text);
    tcase_add_loop_test(cases, no_header_can_be_smuggled, 0, sizeof(nasty) / sizeof(nasty[0]));
    tcase_add_test(cases, marks_are_bounded);
}
