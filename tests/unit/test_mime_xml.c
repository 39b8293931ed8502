/* Messages as EMail and MIME elements. */
#include "mime/digest.h"
#include "mime/to_xml.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <string.h>

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
static const char *raw;
static const ximss_error_t *read_fails; /* what reading a body gives, NULL: the bytes */

static const ximss_error_t *read_raw(void *baton, apr_int64_t offset, apr_size_t length,
                                     const char **data, apr_pool_t *pool)
{
    (void)baton;
    *data = apr_pmemdup(pool, raw + offset, length);
    return read_fails;
}

static const ximss_error_t *write_into(ximss_xml_t *xml, const char *mail, const char *part_id,
                                       apr_int64_t size_limit)
{
    ximss_to_xml_t options = {ximss_zone_get("Asia/Tokyo"), size_limit, read_raw, NULL};
    const ximss_part_t *top = ximss_structure_parse(mail, strlen(mail), &limits, test_pool);
    raw = mail;
    if (part_id != NULL) {
        return ximss_part_write(xml, ximss_structure_find(top, part_id), &options, test_pool);
    }
    return ximss_email_write(xml, top, &options, test_pool);
}

static const char *finish(ximss_xml_t *xml)
{
    apr_size_t length;
    const char *data = ximss_xml_data(xml, &length);
    ck_assert_int_eq(ximss_xml_depth(xml), 0);
    return apr_pstrmemdup(test_pool, data, length);
}

static const char *write_part(const char *mail, const char *part_id, apr_int64_t size_limit)
{
    ximss_xml_t *xml = ximss_xml_create(1000000, test_pool);
    ck_assert_ptr_eq(write_into(xml, mail, part_id, size_limit), NULL);
    return finish(xml);
}

static const char *write_mail(const char *mail)
{
    return write_part(mail, NULL, -1);
}

#define BODY "<MIME estimatedSize=\"1\" subtype=\"plain\" type=\"text\">x</MIME>"

START_TEST(fields_in_their_order)
{
    ck_assert_str_eq(
        write_mail("Received: r\nfrom: A <a@b>, c@d\nX-Own: <&>\nMIME-Version: 1.0\n\nx"),
        "<EMail><Received>r</Received><From realName=\"A\">a@b</From><From>c@d</From>"
        "<X-Own>&lt;&amp;&gt;</X-Own>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("Date: Thu, 1 Jan 1970 02:00:00 +0200\nDate: x\n\nx"),
                     "<EMail><Date localTime=\"19700101T090000\" timeShift=\"7200\">"
                     "19700101T000000Z</Date>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("To: a@b\nTo: c@d\nFrom: e@f\nFrom: g@h\n\nx"),
                     "<EMail><To>a@b</To><To>c@d</To><From>e@f</From>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("Date: junk\nSubject:\n\nx"), "<EMail><Subject/>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("To: group:;\nCc: \"open\n\nx"),
                     "<EMail><To>group:;</To><Cc>\"open</Cc>" BODY "</EMail>");
}
END_TEST

START_TEST(priorities)
{
    ck_assert_str_eq(write_mail("X-Priority: 1 (Highest)\nA: b\n\nx"),
                     "<EMail><Pty>High</Pty><A>b</A>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("X-Priority: 5\nX-Priority: 1\n\nx"),
                     "<EMail><Pty>Low</Pty>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("X-Priority: 3\n\nx"), "<EMail>" BODY "</EMail>");
    ck_assert_str_eq(write_mail("Importance: high\n\nx"),
                     "<EMail><Pty>High</Pty><Importance>high</Importance>" BODY "</EMail>");
}
END_TEST

START_TEST(names_that_are_no_elements)
{
    ck_assert_str_eq(write_mail("A: b\n1a: c\na:b: c\na$b: c\nMIME: c\nemail: c\nPty: c\nxmlns: c\n"
                                "<evil/>: c\n\nx"),
                     "<EMail><A>b</A><a>b: c</a>" BODY "</EMail>");
}
END_TEST

START_TEST(attributes_of_parts)
{
    ck_assert_str_eq(
        write_mail(
            "Content-Type: image/png; name=\"a\\\"b\"; charset=c; 1x=y\nContent-ID: <i>\n"
            "Content-Disposition: attachment; filename=f\nContent-Description: d\n"
            "Content-Location: l\nContent-Class: k\nContent-Transfer-Encoding: base64\n\nYWI="),
        "<EMail><MIME charset=\"c\" class=\"k\" contentID=\"i\" description=\"d\" "
        "disposition=\"attachment\" Disposition-filename=\"f\" estimatedSize=\"2\" location=\"l\" "
        "subtype=\"png\" type=\"image\" Type-1x=\"y\" Type-name=\"a&quot;b\"/></EMail>");
}
END_TEST

START_TEST(bodies)
{
    ck_assert_str_eq(write_part("Content-Type: text/html; charset=iso-8859-1\n"
                                "Content-Transfer-Encoding: quoted-printable\n\n=E9\r\n=00",
                                "", -1),
                     "<MIME charset=\"iso-8859-1\" estimatedSize=\"4\" subtype=\"html\" "
                     "type=\"text\">\xc3\xa9\n\xef\xbf\xbd</MIME>");
    ck_assert_str_eq(
        write_part("Content-Type: multipart/mixed\n\nbody", "", -1),
        "<MIME estimatedSize=\"4\" parseError=\"multipart without a boundary: shown as "
        "text\" subtype=\"plain\" type=\"text\">body</MIME>");
}
END_TEST

START_TEST(vcards)
{
    ck_assert_str_eq(write_part("Content-Type: text/directory\n\n"
                                "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\\, B\r\n"
                                "EMAIL;TYPE=HOME:a@d\r\nEND:VCARD\r\n",
                                "", -1),
                     "<MIME estimatedSize=\"68\" subtype=\"directory\" type=\"text\"><vCard>"
                     "<FN><VALUE>A, B</VALUE></FN><EMAIL><HOME/><USERID>a@d</USERID>"
                     "<VALUE>a@d</VALUE></EMAIL></vCard></MIME>");
    ck_assert_str_eq(write_part("Content-Type: text/x-vcard\n\nno card", "", -1),
                     "<MIME estimatedSize=\"7\" subtype=\"x-vcard\" type=\"text\">no card</MIME>");
}
END_TEST

#define INNER                                                                                      \
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: "                 \
    "message/rfc822\n\nSubject: in\n\ntwo\n--b\nContent-Type: text/rfc822-headers\n\nA: b\n--b--"

START_TEST(nested_parts)
{
    ck_assert_str_eq(
        write_mail(INNER),
        "<EMail><MIME estimatedSize=\"109\" subtype=\"mixed\" type=\"multipart\">"
        "<MIME estimatedSize=\"3\" partID=\"01\" subtype=\"plain\" type=\"text\">one</MIME>"
        "<MIME estimatedSize=\"16\" partID=\"02\" subtype=\"rfc822\" type=\"message\">"
        "<EMail partID=\"02\"><Subject>in</Subject><MIME estimatedSize=\"3\" partID=\"02-01\" "
        "subtype=\"plain\" type=\"text\">two</MIME></EMail></MIME><MIME estimatedSize=\"4\" "
        "partID=\"03\" subtype=\"rfc822-headers\" type=\"text\"><EMail partID=\"03\"><A>b</A>"
        "</EMail></MIME></MIME></EMail>");
    ck_assert_str_eq(write_part(INNER, "02", -1),
                     "<EMail partID=\"02\"><Subject>in</Subject><MIME estimatedSize=\"3\" "
                     "partID=\"02-01\" subtype=\"plain\" type=\"text\">two</MIME></EMail>");
    ck_assert_str_eq(write_part("Content-Type: message/rfc822\nA: b\n\nC: d\n\nx", "01", -1),
                     "<EMail partID=\"01\"><C>d</C><MIME estimatedSize=\"1\" partID=\"01-01\" "
                     "subtype=\"plain\" type=\"text\">x</MIME></EMail>");
}
END_TEST

START_TEST(sizes_are_limited)
{
    const char *mail =
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\nthree\n--b\n\n"
        "two\n--b--";
    const char *shown = write_part(mail, NULL, 6);
    ck_assert_ptr_ne(strstr(shown, ">one</MIME>"), NULL);
    ck_assert_ptr_ne(strstr(shown, "estimatedSize=\"5\" partID=\"02\" subtype=\"plain\" "
                                   "type=\"text\"/>"),
                     NULL);
    ck_assert_ptr_ne(strstr(shown, ">two</MIME>"), NULL);
    ck_assert_ptr_eq(strstr(write_part(mail, NULL, 0), "one"), NULL);
}
END_TEST

START_TEST(failures_to_read)
{
    ximss_xml_t *xml = ximss_xml_create(100000, test_pool);
    read_fails = ximss_error(test_pool, XIMSS_E_INTERNAL, "gone");
    ck_assert_str_eq(write_mail("\nx"), "<EMail><MIME estimatedSize=\"1\" readError=\"gone\" "
                                        "subtype=\"plain\" type=\"text\"/></EMail>");
    read_fails = ximss_error(test_pool, XIMSS_E_BUSY, NULL);
    ck_assert_ptr_ne(write_into(xml, "\nx", NULL, -1), NULL);
    ck_assert_int_eq(ximss_xml_depth(xml), 0);
    read_fails = NULL;
}
END_TEST

START_TEST(reports)
{
    ck_assert_str_eq(
        write_part("Content-Type: message/delivery-status\n\nReporting-MTA: dns; =?utf-8?q?x?=\n\n"
                   "Final-Recipient: rfc822;\n a@b\nAction: failed\n\n\n",
                   "", -1),
        "<MIME estimatedSize=\"82\" subtype=\"delivery-status\" type=\"message\"><MIMEReport>"
        "<Reporting-MTA>dns; x</Reporting-MTA></MIMEReport><MIMEReport><Final-Recipient>rfc822; "
        "a@b</Final-Recipient><Action>failed</Action></MIMEReport></MIME>");
    ck_assert_str_eq(write_part("Content-Type: message/disposition-notification\n\njunk", "", -1),
                     "<MIME estimatedSize=\"4\" subtype=\"disposition-notification\" "
                     "type=\"message\">junk</MIME>");
    ck_assert_ptr_ne(
        strstr(write_part("Content-Type: message/delivery-status\n\nb c\n\nA: b\n", "", -1),
               "<MIMEReport><A>b</A></MIMEReport>"),
        NULL);
}
END_TEST

/* The deepest nest that the limits let through stays under what XML readers accept. */
START_TEST(depth_of_elements)
{
    const char *mail = "";
    const char *shown;
    int depth = 0;
    int deepest = 0;
    for (int i = 0; i < 300; i++) {
        mail = apr_pstrcat(test_pool, mail, "Content-Type: message/rfc822\n\n", NULL);
    }
    shown = write_mail(mail);
    for (const char *at = strchr(shown, '<'); at != NULL; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
        deepest = depth > deepest ? depth : deepest;
    }
    ck_assert_int_eq(depth, 0);
    ck_assert_int_gt(deepest, 150);
    ck_assert_int_lt(deepest, 188);
}
END_TEST

static const char *write_field(const char *name, const char *value, int each, apr_size_t limit)
{
    ximss_xml_t *xml = ximss_xml_create(100000, test_pool);
    ximss_field_style_t style = {"X", each, 0, ximss_zone_get("UTC"), limit};
    ximss_field_write(
        xml, ximss_field_decode(name, strlen(name), value, strlen(value), &limits, test_pool),
        &style, test_pool);
    return finish(xml);
}

START_TEST(fields_of_lists)
{
    ck_assert_str_eq(write_field("To", "A <a@b>, c@d", 1, 0),
                     "<X realName=\"A\">a@b</X><X>c@d</X>");
    ck_assert_str_eq(write_field("To", "A <a@b>, c@d", 0, 0), "<X>A, c@d</X>");
    ck_assert_str_eq(write_field("To", "A <a@b>, c@d", 0, 3), "<X>A, </X>");
    ck_assert_str_eq(write_field("Subject", "\xc3\xa4\xc3\xa4", 1, 3), "<X>\xc3\xa4</X>");
    ck_assert_str_eq(write_field("Date", "Thu, 1 Jan 1970 02:00:00 +0200", 1, 3),
                     "<X localTime=\"19700101T000000\">19700101T000000Z</X>");
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *xml = suite_case(suite, "xml");
    tcase_add_test(xml, fields_in_their_order);
    tcase_add_test(xml, priorities);
    tcase_add_test(xml, names_that_are_no_elements);
    tcase_add_test(xml, attributes_of_parts);
    tcase_add_test(xml, bodies);
    tcase_add_test(xml, vcards);
    tcase_add_test(xml, nested_parts);
    tcase_add_test(xml, sizes_are_limited);
    tcase_add_test(xml, failures_to_read);
    tcase_add_test(xml, reports);
    tcase_add_test(xml, depth_of_elements);
    tcase_add_test(xml, fields_of_lists);
}
