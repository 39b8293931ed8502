/* Preferences: kept, given back with defaults, and obeyed. */
#include "store/prefs.h"
#include "unit/op_rig.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

static op_rig_t *rig;
static ximss_session_t *session;

static void begin(void)
{
    rig = op_rig_make();
    session = op_rig_session(rig, "user@example.org");
}

static const char *read_pref(const char *name)
{
    return op_rig_runf(rig, session, "<prefsRead id=\"r\"><name>%s</name></prefsRead>", name);
}

#define assert_reply(reply, inside) ck_assert_str_eq(reply, "<XIMSS>" inside "</XIMSS>")

#define assert_pref(name, element)                                                                 \
    assert_reply(read_pref(name), "<prefs id=\"r\">" element "</prefs><response id=\"r\"/>")
#define assert_no_pref(name) assert_reply(read_pref(name), "<prefs id=\"r\"/><response id=\"r\"/>")

static const char *store(const char *prefs)
{
    return op_rig_runf(rig, session, "<prefsStore id=\"s\">%s</prefsStore>", prefs);
}

#define assert_stored(prefs)     assert_reply(store(prefs), "<response id=\"s\"/>")
#define assert_refused(prefs, n) assert_has(store(prefs), "<response errorNum=\"" n "\"")

START_TEST(test_defaults)
{
    const char *all;
    begin();
    assert_pref("TrashBox", "<TrashBox>Trash</TrashBox>");
    assert_pref("Signature", "<Signature/>");
    assert_pref("WorkDays",
                "<WorkDays><subValue>Mon</subValue><subValue>Tue</subValue><subValue>Wed</subValue>"
                "<subValue>Thu</subValue><subValue>Fri</subValue></WorkDays>");
    assert_no_pref("ProntoDriveAlerts");
    assert_no_pref("no name");
    all = op_rig_run(rig, session, "<prefsRead id=\"1\"/>");
    assert_has(all, "<prefs id=\"1\"><ArchiveBox>Archive</ArchiveBox><AutoSavePeriod>5m");
    assert_has(all, "<LanguageMenu/>");
    ck_assert_int_eq(op_rig_count(all, "<TimeZone>HostOS</TimeZone>"), 1);
    assert_reply(op_rig_run(rig, session, "<prefsRead id=\"1\" type=\"custom\"/>"),
                 "<prefs id=\"1\" type=\"custom\"/><response id=\"1\"/>");
}
END_TEST

START_TEST(test_texts)
{
    begin();
    assert_stored("<timezone>Asia/Tokyo</timezone><Mine>a &lt;b&gt; &amp;#13;\n c</Mine><X.y-1> "
                  "</X.y-1>");
    assert_pref("TimeZone", "<TimeZone>Asia/Tokyo</TimeZone>");
    assert_pref("TIMEZONE", "<TimeZone>Asia/Tokyo</TimeZone>");
    assert_pref("Mine", "<Mine>a &lt;b&gt; &amp;#13;\n c</Mine>");
    assert_pref("X.y-1", "<X.y-1> </X.y-1>");
    assert_no_pref("mine");
    assert_reply(op_rig_run(rig, session, "<prefsRead id=\"1\" type=\"custom\"/>"),
                 "<prefs id=\"1\" type=\"custom\"><Mine>a &lt;b&gt; &amp;#13;\n c</Mine>"
                 "<X.y-1> </X.y-1></prefs><response id=\"1\"/>");
    assert_stored("<TimeZone/><Mine></Mine>");
    assert_pref("TimeZone", "<TimeZone>HostOS</TimeZone>");
    assert_no_pref("Mine");
    op_rig_account(rig, "other@example.org");
    session = op_rig_session(rig, "other@example.org");
    assert_no_pref("X.y-1");
}
END_TEST

START_TEST(test_structures)
{
    begin();
    assert_stored("<Fields><subValue>From</subValue> <SubValue>a &amp; b</SubValue></Fields>"
                  "<ProntoDriveAlerts><subKey key=\"~u@d/file\">x</subKey>\n"
                  "<subKey key=\"&quot;&lt;\"><subValue>1</subValue><subValue><subKey KEY=\"k\"/>"
                  "</subValue></subKey></ProntoDriveAlerts>");
    assert_pref("Fields",
                "<Fields><subValue>From</subValue><subValue>a &amp; b</subValue></Fields>");
    assert_pref("ProntoDriveAlerts",
                "<ProntoDriveAlerts><subKey key=\"~u@d/file\">x</subKey><subKey "
                "key=\"&quot;&lt;\"><subValue>1</subValue><subValue><subKey key=\"k\"/></subValue>"
                "</subKey></ProntoDriveAlerts>");
    /* a new value takes the place of all of the old one */
    assert_stored("<ProntoDriveAlerts><subKey key=\"b\">y</subKey></ProntoDriveAlerts>");
    assert_pref("ProntoDriveAlerts",
                "<ProntoDriveAlerts><subKey key=\"b\">y</subKey></ProntoDriveAlerts>");
    assert_stored("<Fields>From,To</Fields>");
    assert_pref("Fields", "<Fields>From,To</Fields>");
}
END_TEST

static const char *const wrong[] = {
    "<Good>1</Good><A><b>x</b></A>",
    "<Good>1</Good><A><subKey>no key</subKey></A>",
    "<Good>1</Good><A>text <subValue>x</subValue></A>",
    "<Good>1</Good><A><subValue>x<other/></subValue></A>",
    "<Good>1</Good><TimeZone><subValue>x</subValue></TimeZone>",
    "<Good>1</Good><a\xc3\xa4>x</a\xc3\xa4>",
};

START_TEST(test_refused)
{
    begin();
    assert_refused(wrong[_i], "501");
    assert_no_pref("Good");
}
END_TEST

static char *filled(int length)
{
    char *text = apr_palloc(test_pool, (apr_size_t)length + 1);
    memset(text, 'x', (apr_size_t)length);
    text[length] = '\0';
    return text;
}

START_TEST(test_limits)
{
    begin();
    rig->limits.pref_bytes = 1000;
    rig->limits.prefs_bytes = 2500;
    rig->limits.prefs = 3;
    assert_stored(apr_psprintf(test_pool, "<A>%s</A>", filled(1000)));
    assert_refused(apr_psprintf(test_pool, "<B>%s</B>", filled(1001)), "502");
    assert_refused(apr_psprintf(test_pool, "<B><subValue>%s</subValue></B>", filled(1000)), "502");
    assert_refused(apr_psprintf(test_pool, "<B>%s</B><C>%s</C>", filled(1000), filled(1000)),
                   "502");
    assert_no_pref("B");
    assert_stored("<B>1</B><C>2</C>");
    assert_refused("<D>3</D>", "502");
    assert_no_pref("D");
    assert_stored("<D>3</D><B/>");
    assert_refused(apr_psprintf(test_pool, "<%s>x</%s>", filled(256), filled(256)), "501");
}
END_TEST

/* A tree that is too deep to be read again is not taken. */
START_TEST(test_depth)
{
    const char *inner = "";
    int i;
    begin();
    for (i = 0; i < 32; i++) {
        inner = apr_pstrcat(test_pool, "<subValue>", inner, "</subValue>", NULL);
    }
    assert_stored(apr_pstrcat(test_pool, "<A>", inner, "</A>", NULL));
    ck_assert_int_eq(op_rig_count(read_pref("A"), "<subValue"), 32);
    assert_refused(apr_pstrcat(test_pool, "<A><subValue>", inner, "</subValue></A>", NULL), "501");
}
END_TEST

START_TEST(test_reply_limit)
{
    const char *reply;
    const char *names = "";
    int i;
    begin();
    assert_stored(apr_psprintf(test_pool, "<A>%s</A>", filled(60000)));
    for (i = 0; i < 20; i++) {
        names = apr_pstrcat(test_pool, names, "<name>A</name>", NULL);
    }
    rig->limits.reply_bytes = 200000;
    reply = op_rig_runf(rig, session, "<prefsRead id=\"1\">%s</prefsRead><noop id=\"2\"/>", names);
    assert_has(reply, "errorNum=\"502\"");
    assert_has(reply, "<response id=\"2\"/>");
    ck_assert_int_lt(strlen(reply), 1000);
}
END_TEST

/* ---- obeyed ---- */

START_TEST(test_time_zone)
{
    begin(); /* the rig's sessions begin in Europe */
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231114T231320\"");
    assert_has(op_rig_run(rig, session,
                          "<prefsStore id=\"1\"><TimeZone>Asia/Tokyo</TimeZone></prefsStore>"
                          "<readTime id=\"2\"/>"),
               "localTime=\"20231115T071320\"");
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231115T071320\"");
    assert_stored("<TimeZone>../../etc/passwd</TimeZone>");
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231114T221320\"");
    assert_stored(apr_psprintf(test_pool, "<TimeZone>Asia/Tokyo%s</TimeZone>", filled(60000)));
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231114T221320\"");
    assert_stored("<TimeZone>Asia/Tokyo</TimeZone>");
    assert_stored("<TimeZone>HostOS</TimeZone>");
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231114T221320\"");
}
END_TEST

/* What is not committed does not move the session's clock. */
START_TEST(test_time_zone_undone)
{
    begin();
    rig->limits.prefs = 1;
    assert_refused("<TimeZone>Asia/Tokyo</TimeZone><B>2</B>", "502");
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231114T231320\"");
    assert_stored("<TimeZone>Asia/Tokyo</TimeZone>");
    assert_refused("<TimeZone>UTC</TimeZone><B>2</B>", "502");
    assert_has(op_rig_run(rig, session, "<readTime id=\"1\"/>"), "localTime=\"20231115T071320\"");
}
END_TEST

START_TEST(test_language)
{
    begin();
    assert_reply(op_rig_run(rig, session, "<readStrings id=\"1\"/>"),
                 "<strings id=\"1\" language=\"\"/><response id=\"1\"/>");
    assert_reply(op_rig_run(rig, session,
                            "<prefsStore id=\"1\"><Language>Russian</Language></prefsStore>"
                            "<readStrings id=\"2\"/><readStrings id=\"3\" language=\"x\"/>"),
                 "<response id=\"1\"/><strings id=\"2\" language=\"Russian\"/>"
                 "<response id=\"2\"/><strings id=\"3\" language=\"x\"/><response id=\"3\"/>");
    assert_reply(op_rig_run(rig, NULL, "<readStrings id=\"1\"/>"),
                 "<strings id=\"1\" language=\"\"/><response id=\"1\"/>");
}
END_TEST

static void open_inbox(void)
{
    int i;
    for (i = 0; i < 3; i++) {
        op_rig_append(rig, "user@example.org", "INBOX", "Subject: x\r\n\r\ny\r\n", OP_RIG_NOW);
    }
    assert_has(op_rig_run(rig, session, "<folderOpen id=\"1\" folder=\"F\" mailbox=\"INBOX\"/>"),
               "<response id=\"1\"/>");
}

static const char *remove_one(int uid)
{
    return op_rig_runf(rig, session,
                       "<messageRemove id=\"r\" folder=\"F\"><UID>%d</UID></messageRemove>"
                       "<mailboxList id=\"l\" filter=\"*\"/>",
                       uid);
}

START_TEST(test_delete_mode)
{
    const char *reply;
    begin();
    open_inbox();
    assert_stored("<DeleteMode>Immediately</DeleteMode>");
    reply = remove_one(1);
    assert_has(reply, "<response id=\"r\"/>");
    assert_has(reply, "MESSAGES=\"2\"");
    assert_not(reply, "mailbox=\"Trash\"");
    assert_stored("<DeleteMode>Mark</DeleteMode>");
    reply = remove_one(2);
    assert_has(reply, "MESSAGES=\"2\"");
    assert_not(reply, "mailbox=\"Trash\"");
    assert_has(op_rig_run(rig, session, "<folderRead id=\"1\" folder=\"F\" UID=\"2\"/>"),
               "Subject");
    assert_stored("<DeleteMode/>");
    reply = remove_one(3);
    assert_has(reply, "mailbox=\"Trash\"");
}
END_TEST

START_TEST(test_trash_box)
{
    const char *reply;
    begin();
    open_inbox();
    assert_stored("<TrashBox>Old/Thrown away</TrashBox>");
    reply = remove_one(1);
    assert_has(reply, "mailbox=\"Old/Thrown away\"");
    assert_not(reply, "mailbox=\"Trash\"");
    assert_has(op_rig_run(rig, session, "<emptyTrash id=\"1\"/>"), "<response id=\"1\"/>");
    reply = op_rig_run(rig, session, "<mailboxList id=\"l\" filter=\"Old/*\"/>");
    assert_has(reply, "MESSAGES=\"0\"");
    assert_stored("<TrashBox>~other@example.org/Trash</TrashBox>");
    assert_has(remove_one(2), "errorNum=\"516\"");
    assert_stored("<TrashBox>a//b</TrashBox>");
    assert_has(remove_one(2), "errorNum=\"501\"");
    assert_has(remove_one(2), "MESSAGES=\"2\"");
}
END_TEST

/* A session of user@example.org by a password login. */
static ximss_session_t *log_in(int use_cookie, int disable_ip_watch)
{
    const ximss_login_request_t request = {.credentials = {.user_name = "user@example.org",
                                                           .password = "secret",
                                                           .host = "example.org",
                                                           .address = "192.0.2.1"},
                                           .use_cookie = use_cookie,
                                           .disable_ip_watch = disable_ip_watch};
    ximss_session_t *fresh;
    const char *real_name;
    assert_ok(ximss_login(&rig->context, &request, &fresh, &real_name, rig->pool));
    return fresh;
}

START_TEST(test_login_options)
{
    const ximss_session_t *fresh;
    begin();
    fresh = log_in(-1, 0);
    ck_assert_int_eq(fresh->ip_watch, 1);
    ck_assert_int_eq(fresh->use_cookie, 0);
    assert_stored("<IPWatch>NO</IPWatch><UseCookie>YES</UseCookie><TimeZone>Asia/Tokyo</TimeZone>");
    fresh = log_in(-1, 0);
    ck_assert_int_eq(fresh->ip_watch, 0);
    ck_assert_int_eq(fresh->use_cookie, 1);
    ck_assert_str_eq(fresh->zone, "Asia/Tokyo");
    ck_assert_int_eq(log_in(0, 0)->use_cookie, 0);
    assert_stored("<IPWatch>yes</IPWatch>");
    ck_assert_int_eq(log_in(-1, 0)->ip_watch, 1);
    ck_assert_int_eq(log_in(-1, 1)->ip_watch, 0);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *kept = suite_case(suite, "kept");
    TCase *obeyed = suite_case(suite, "obeyed");

    setenv("TZ", "UTC", 1); /* what HostOS is */
    tcase_add_test(kept, test_defaults);
    tcase_add_test(kept, test_texts);
    tcase_add_test(kept, test_structures);
    tcase_add_loop_test(kept, test_refused, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(kept, test_limits);
    tcase_add_test(kept, test_depth);
    tcase_add_test(kept, test_reply_limit);
    tcase_add_test(obeyed, test_time_zone);
    tcase_add_test(obeyed, test_time_zone_undone);
    tcase_add_test(obeyed, test_language);
    tcase_add_test(obeyed, test_delete_mode);
    tcase_add_test(obeyed, test_trash_box);
    tcase_add_test(obeyed, test_login_options);
}
