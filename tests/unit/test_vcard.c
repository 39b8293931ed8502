/* vCard text to XML and back. */
#include "mime/vcard.h"
#include "unit/suite.h"

#include <apr_strings.h>

#include <string.h>

static const char *to_xml(const char *text, int cards)
{
    ximss_xml_t *out = ximss_xml_create(1000000, test_pool);
    apr_size_t length;
    ximss_xml_start(out, "v");
    ck_assert_int_eq(ximss_vcard_write(out, text, strlen(text), test_pool), cards);
    ximss_xml_end(out);
    return ximss_xml_data(out, &length);
}

static const char *to_text(const char *xml)
{
    const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    const ximss_element_t *root;
    ck_assert_ptr_null(ximss_xml_parse(&root, xml, strlen(xml), &limits, test_pool));
    return ximss_vcard_text(root, test_pool);
}

#define CARD(lines) "BEGIN:VCARD\r\nVERSION:3.0\r\n" lines "END:VCARD\r\n"
#define assert_card(lines, xml)                                                                    \
    ck_assert_str_eq(to_xml(CARD(lines), 1), "<v><vCard>" xml "</vCard></v>")

START_TEST(test_properties)
{
    assert_card("FN:A B\r\n", "<FN><VALUE>A B</VALUE></FN>");
    assert_card("N:B;A;M;Dr.;jr\r\n", "<N><FAMILY>B</FAMILY><GIVEN>A</GIVEN><MIDDLE>M</MIDDLE>"
                                      "<PREFIX>Dr.</PREFIX><SUFFIX>jr</SUFFIX></N>");
    assert_card("EMAIL;TYPE=HOME:a@d\r\n",
                "<EMAIL><HOME/><USERID>a@d</USERID><VALUE>a@d</VALUE></EMAIL>");
    assert_card("TEL;WORK;CELL:123\r\n",
                "<TEL><WORK/><CELL/><NUMBER>123</NUMBER><VALUE>123</VALUE></TEL>");
    assert_card("item1.ADR;TYPE=\"home,x-9\":;;S;L;;1;C\r\n",
                "<ADR><HOME/><X-9/><POBOX/><EXTADD/><STREET>S</STREET><LOCALITY>L</LOCALITY>"
                "<REGION/><PCODE>1</PCODE><CTRY>C</CTRY></ADR>");
    assert_card("ORG:O;U;V\r\n", "<ORG><ORGNAME>O</ORGNAME><ORGUNIT>U</ORGUNIT>"
                                 "<ORGUNIT>V</ORGUNIT></ORG>");
    assert_card("PHOTO;ENCODING=b;TYPE=JPEG:AAEC\r\n",
                "<PHOTO><JPEG/><BINVAL>AAEC</BINVAL></PHOTO>");
    assert_card("PHOTO;VALUE=uri:http://x/\r\n", "<PHOTO><EXTVAL>http://x/</EXTVAL></PHOTO>");
    assert_card("x-file-as:B\\, A\r\n", "<X-FILE-AS><VALUE>B, A</VALUE></X-FILE-AS>");
}
END_TEST

START_TEST(test_lines)
{
    assert_card("NOTE:a\\nb\\;c\\\\d &<\r\n", "<NOTE><VALUE>a\nb;c\\d &amp;&lt;</VALUE></NOTE>");
    assert_card("NOTE:lo\r\n ng\r\n\t er\r\n", "<NOTE><VALUE>long er</VALUE></NOTE>");
    assert_card("N:B\\;C;A\n", "<N><FAMILY>B;C</FAMILY><GIVEN>A</GIVEN></N>");
    assert_card("no colon\r\n:x\r\n1A:x\r\nFN\r\n-x:y\r\nA b:c\r\nB:\r\n", "<B><VALUE/></B>");
    assert_card("TEL;TYPE=VALUE,1,a b:1\r\n",
                "<TEL><A/><B/><NUMBER>1</NUMBER><VALUE>1</VALUE></TEL>");
    assert_card("FN:\xff\x01\r\n", "<FN><VALUE>\xef\xbf\xbd\xef\xbf\xbd</VALUE></FN>");
    ck_assert_str_eq(to_xml("junk\nFN:x\nbegin:vcard\nFN:y\nEND:VCARD\nFN:z\nBEGIN:VCARD\nFN:w", 2),
                     "<v><vCard><FN><VALUE>y</VALUE></FN></vCard>"
                     "<vCard><FN><VALUE>w</VALUE></FN></vCard></v>");
    ck_assert_str_eq(to_xml("", 0), "<v/>");
    ck_assert_str_eq(to_xml("BEGIN:VCALENDAR\nFN:x\nEND:VCALENDAR\n", 0), "<v/>");
}
END_TEST

START_TEST(test_group)
{
    ck_assert_str_eq(
        to_xml(
            "BEGIN:VGROUP\nNAME:Team\nFN:Team\nMEMBER;CN=\"A;B: C\":a@d\nMEMBER:b@d\nEND:VGROUP\n",
            1),
        "<v><vCardGroup><FN><VALUE>Team</VALUE></FN><NAME><VALUE>Team</VALUE></NAME>"
        "<MEMBER CN=\"A;B: C\"><VALUE>a@d</VALUE></MEMBER><MEMBER><VALUE>b@d</VALUE></MEMBER>"
        "</vCardGroup></v>");
}
END_TEST

/* What a client wrote as XML comes back as it was. */
START_TEST(test_both_ways)
{
    const char *xml =
        "<v><vCard><FN><VALUE>A \xc3\x84, \"B\"</VALUE></FN>"
        "<N><FAMILY>B;\\</FAMILY><GIVEN>A</GIVEN><MIDDLE/><PREFIX/><SUFFIX/></N>"
        "<EMAIL><WORK/><USERID>a@d</USERID><VALUE>a@d</VALUE></EMAIL>"
        "<URL><VALUE>http://x/?a,b;c</VALUE></URL><CATEGORIES><VALUE>a,b</VALUE></CATEGORIES>"
        "<NOTE><VALUE>one\ntwo, a line that is longer than the seventy-five bytes that a line of "
        "text may have</VALUE></NOTE><ORG><ORGNAME>O</ORGNAME><ORGUNIT>U</ORGUNIT></ORG>"
        "</vCard></v>";
    ck_assert_str_eq(to_xml(to_text(xml), 1), xml);
}
END_TEST

/* Long lines and many parameters cost what they are long. */
START_TEST(test_large)
{
    char *text = apr_palloc(test_pool, 2000001);
    int i;
    memcpy(text, "BEGIN:VCARD\nA", 13);
    for (i = 13; i < 2000000; i++) {
        text[i] = ";,=\" x\n \\:"[i % 10];
    }
    text[2000000] = '\0';
    (void)to_xml(text, 1);
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *vcard = suite_case(suite, "vcard");
    tcase_add_test(vcard, test_properties);
    tcase_add_test(vcard, test_lines);
    tcase_add_test(vcard, test_group);
    tcase_add_test(vcard, test_both_ways);
    tcase_add_test(vcard, test_large);
}
