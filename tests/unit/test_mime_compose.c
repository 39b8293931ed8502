/* Composed mails: what the XML asks for, read back by our own parser; and that nothing gets out of its place. */
#include "base/text.h"
#include "mime/compose.h"
#include "mime/content.h"
#include "mime/flowed.h"
#include "mime/header_out.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

/* A stored message that tests copy from. */
static const char *stored;

static const ximss_error_t *upload(void *baton, const char *id, ximss_source_t *source,
                                   apr_pool_t *pool)
{
    (void)baton;
    if (strcmp(id, "none") == 0) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
    }
    source->type = strcmp(id, "mail") == 0 ? "message" : "image";
    source->subtype = strcmp(id, "mail") == 0 ? "rfc822" : "gif";
    source->file_name = "t\xc3\xa9st.gif";
    source->data = strcmp(id, "mail") == 0 ? "Subject: in\n\n\xff\n" : "GIF\0\r\n.\n";
    source->length = strcmp(id, "mail") == 0 ? 15 : 8;
    return NULL;
}

static const ximss_error_t *file(void *baton, const char *name, ximss_source_t *source,
                                 apr_pool_t *pool)
{
    (void)baton;
    (void)pool;
    ck_assert_str_eq(name, "private/MyFile.jpg");
    source->file_name = "secret name";
    source->data = "jpeg";
    source->length = 4;
    return NULL;
}

static const ximss_error_t *copy(void *baton, const char *folder, apr_uint32_t uid,
                                 const char *part_id, ximss_source_t *source, apr_pool_t *pool)
{
    (void)baton;
    ck_assert_str_eq(folder, "INBOX");
    ck_assert_uint_eq(uid, 156);
    source->data = stored;
    source->length = strlen(stored);
    if (part_id != NULL) {
        const ximss_part_t *top = ximss_structure_parse(stored, strlen(stored), &limits, pool);
        source->part = ximss_structure_find(top, part_id);
        source->data = stored + source->part->body_offset;
        source->length = (apr_size_t)source->part->body_length;
    }
    return NULL;
}

static ximss_compose_t setup(void)
{
    ximss_compose_t compose = {
        .limits = &limits,
        .zone = ximss_zone_get("GMT"),
        .now = 1150955484,
        .domain = "example.org",
        .upload = upload,
        .file = file,
        .copy = copy,
    };
    return compose;
}

static const ximss_element_t *parse(const char *xml)
{
    const ximss_element_t *root;
    const ximss_error_t *error = ximss_xml_parse(&root, xml, strlen(xml), &limits, test_pool);
    ck_assert_msg(error == NULL, "%s: %.200s", error == NULL ? "" : error->text, xml);
    return root;
}

/* Every line is ASCII unless EIGHT_BIT, ends with CRLF, and is short. */
static void check_bytes(const ximss_composed_t *mail, int eight_bit)
{
    apr_size_t start = 0;
    for (apr_size_t i = 0; i < mail->length; i++) {
        unsigned char c = (unsigned char)mail->data[i];
        int bare = (c == '\n' && (i == 0 || mail->data[i - 1] != '\r')) ||
                   (c == '\r' && mail->data[i + 1] != '\n');
        if (c == 0 || bare || (c >= 0x80 && !eight_bit) || (c == '\n' && i - start > 1000)) {
            ck_abort_msg("byte %d at %d of %.2000s", c, (int)i, mail->data + start);
        }
        start = c == '\n' ? i + 1 : start;
    }
}

static const ximss_composed_t *compose(const char *inside)
{
    ximss_compose_t how = setup();
    ximss_composed_t *mail;
    const ximss_error_t *error = ximss_compose(
        &mail, &how, parse(apr_pstrcat(test_pool, "<EMail>", inside, "</EMail>", NULL)), test_pool);
    ck_assert_msg(error == NULL, "%s: %.300s", error == NULL ? "" : error->text, inside);
    ck_assert_uint_eq(strlen(mail->data), mail->length);
    return mail;
}

static const ximss_part_t *tree(const ximss_composed_t *mail)
{
    return ximss_structure_parse(mail->data, mail->length, &limits, test_pool);
}

/* The error that composing INSIDE gives. */
static const ximss_error_t *refused(const char *inside)
{
    ximss_compose_t how = setup();
    ximss_composed_t *mail;
    const ximss_error_t *error = ximss_compose(
        &mail, &how, parse(apr_pstrcat(test_pool, "<EMail>", inside, "</EMail>", NULL)), test_pool);
    ck_assert_msg(error != NULL, "composed: %.300s", inside);
    return error;
}

static const char *decoded(const ximss_composed_t *mail, const ximss_part_t *part,
                           apr_size_t *length)
{
    apr_size_t room = ximss_decoder_bound((apr_size_t)part->body_length);
    char *out = apr_palloc(test_pool, room + 1);
    ximss_decoder_t decoder;
    ximss_decoder_init(&decoder, part->encoding);
    *length = ximss_decoder_run(&decoder, mail->data + part->body_offset,
                                (apr_size_t)part->body_length, 1, out);
    out[*length] = '\0';
    return out;
}

static const char *text_of(const ximss_composed_t *mail, const ximss_part_t *part)
{
    apr_size_t length;
    return ximss_content_text(part, mail->data + part->body_offset, (apr_size_t)part->body_length,
                              &length, test_pool);
}

static const char *header(const ximss_composed_t *mail, const char *name)
{
    const ximss_field_t *field = ximss_fields_find(tree(mail)->fields, name);
    return field == NULL ? NULL : field->text;
}

static const char *many(const char *piece, int count)
{
    char *all = apr_palloc(test_pool, strlen(piece) * (apr_size_t)count + 1);
    for (int i = 0; i < count; i++) {
        memcpy(all + strlen(piece) * (apr_size_t)i, piece, strlen(piece));
    }
    all[strlen(piece) * (apr_size_t)count] = '\0';
    return all;
}

/* ---- the header ---- */

START_TEST(simple_text)
{
    const ximss_composed_t *mail = compose(
        "<From realName='Sender Name'>fromName@domain</From><Subject>I'll be there!</Subject>"
        "<To realName='Recipient Name'>toName@domain</To><X-Mailer>SuperClient v7.77</X-Mailer>"
        "<Message-ID>1@x</Message-ID><Date timeShift='-28800'>20060622T055124Z</Date>"
        "<MIME type='text' subtype='plain'>Dear Susan,&#x0A;&#x0A;Mary.&#x0A;</MIME>");
    ck_assert_str_eq(mail->data, "From: \"Sender Name\" <fromName@domain>\r\n"
                                 "Subject: I'll be there!\r\n"
                                 "To: \"Recipient Name\" <toName@domain>\r\n"
                                 "X-Mailer: SuperClient v7.77\r\n"
                                 "Message-ID: <1@x>\r\n"
                                 "Date: Wed, 21 Jun 2006 21:51:24 -0800\r\n"
                                 "MIME-Version: 1.0\r\n"
                                 "Content-Type: text/plain; charset=\"utf-8\"\r\n"
                                 "\r\n"
                                 "Dear Susan,\r\n\r\nMary.\r\n");
    ck_assert_str_eq(mail->message_id, "<1@x>");
}
END_TEST

START_TEST(fields_are_made)
{
    const ximss_composed_t *mail =
        compose("<Subject>x</Subject><Message-ID> </Message-ID><Date/><Resent-Date/>");
    ck_assert_str_eq(header(mail, "Date"), "Thu, 22 Jun 2006 05:51:24 +0000");
    ck_assert_str_eq(header(mail, "Message-ID"), mail->message_id);
    ck_assert_ptr_nonnull(strstr(mail->message_id, "@example.org>"));
    ck_assert_int_eq(mail->from->nelts, 0);
    ck_assert_int_eq(mail->recipients->nelts, 0);
}
END_TEST

START_TEST(addresses)
{
    const ximss_composed_t *mail =
        compose("<TO>a@b.c</TO><bcc realName='B'>secret@b.c</bcc><cc>d@e.f, G &lt;g@h.i&gt;</cc>"
                "<from>me@x.y</from><To realName='J\xc3\xbcrgen, \"X\"'>j@b.c</To>"
                "<Reply-To/><Sender realName='only'/>");
    ck_assert_str_eq(header(mail, "To"), "a@b.c, J\xc3\xbcrgen, \"X\" <j@b.c>");
    ck_assert_str_eq(header(mail, "Cc"), "d@e.f, G <g@h.i>");
    ck_assert_str_eq(header(mail, "Sender"), "only");
    ck_assert_ptr_null(header(mail, "Bcc"));
    ck_assert_ptr_null(header(mail, "Reply-To"));
    ck_assert_ptr_null(strstr(mail->data, "secret"));
    ck_assert_int_eq(strncmp(mail->data, "To: a@b.c, ", 11), 0);
    ck_assert_int_eq(mail->from->nelts, 1);
    ck_assert_int_eq(mail->recipients->nelts, 5);
    ck_assert_str_eq(APR_ARRAY_IDX(mail->recipients, 1, ximss_address_t).addr, "j@b.c");
    ck_assert_str_eq(APR_ARRAY_IDX(mail->recipients, 4, ximss_address_t).addr, "secret@b.c");
}
END_TEST

START_TEST(a_draft_keeps_its_bcc)
{
    ximss_compose_t how = setup();
    ximss_composed_t *mail;
    how.keep_bcc = 1;
    ck_assert_ptr_null(
        ximss_compose(&mail, &how, parse("<EMail><Bcc>a@b</Bcc></EMail>"), test_pool));
    ck_assert_str_eq(header(mail, "Bcc"), "a@b");
}
END_TEST

START_TEST(other_fields)
{
    const ximss_composed_t *mail =
        compose("<Pty>High</Pty><references>a@b &lt;c@d&gt;&#10;e@f</references>"
                "<In-Reply-To>g@h</In-Reply-To><X-Autogenerated>yes</X-Autogenerated>"
                "<Disposition-Notification-To>me@x.y</Disposition-Notification-To>"
                "<X-Two>1</X-Two><X-Two>2</X-Two><message-id>&lt;x@y&gt;</message-id>");
    ck_assert_str_eq(header(mail, "X-Priority"), "1");
    ck_assert_str_eq(header(mail, "References"), "<a@b> <c@d> <e@f>");
    ck_assert_str_eq(header(mail, "In-Reply-To"), "<g@h>");
    ck_assert_str_eq(header(mail, "Message-ID"), "<x@y>");
    ck_assert_ptr_nonnull(strstr(mail->data, "X-Two: 1\r\nX-Two: 2\r\n"));
    ck_assert_ptr_null(strstr(compose("<Pty>Normal</Pty>")->data, "X-Priority"));
    ck_assert_str_eq(header(compose("<Pty>low</Pty>"), "X-Priority"), "5");
}
END_TEST

START_TEST(wrong_headers_are_refused)
{
    static const char *const bad[] = {
        "<Subject>a</Subject><subject>b</subject>",
        "<Date>yesterday</Date>",
        "<Message-ID>a b@c</Message-ID>",
        "<Message-ID>\xc3\xa9@c</Message-ID>",
        "<Message-ID>none</Message-ID>",
        "<Content-Type>text/html</Content-Type>",
        "<mime-version>2.0</mime-version>",
        "<X-\xc3\xa9>a</X-\xc3\xa9>",
        "<EMail><Subject>x</Subject></EMail>",
        "<MIME/><MIME/>",
        "<MIME type='multipart'/>",
        "<MIME type='multipart'><b/></MIME>",
        "<MIME type='text'><MIME/></MIME>",
        "<MIME type='te xt'/>",
        "<MIME type='text' subtype='a;b'/>",
        "<MIME type='text' disposition='in line'/>",
        "<MIME contentID='a b'/>",
        "<MIME contentID='a&gt;b'/>",
        "<MIME contentID='a&#13;&#10;X: y'/>",
        "<MIME type='text' subtype='calendar'><iCalendar/></MIME>",
        "<copyMIME UID='156'/>",
        "<copyMIME folder='INBOX'/>",
        "<copyMIME folder='INBOX' UID='0'/>",
        "<copyMIME folder='INBOX' UID='4294967296'/>",
        "<copyMIME folder='INBOX' UID='-1'/>",
    };
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const ximss_error_t *error = refused(bad[i]);
        ck_assert_msg(error->code == XIMSS_E_COMPOSITION, "%s: %s", bad[i], error->text);
    }
    ck_assert_int_eq(refused("<MIME uploadID='none'/>")->code, XIMSS_E_NOT_FOUND);
    ck_assert_int_eq(refused(apr_pstrcat(test_pool, "<", many("x", 77), "/>", NULL))->code,
                     XIMSS_E_COMPOSITION);
    ck_assert_int_eq(refused(many("<To>a@b</To>", 10001))->code, XIMSS_E_LIMIT);
    ck_assert_int_eq(
        refused(apr_pstrcat(test_pool, "<X-A>", many("a ", 300000), "</X-A>", NULL))->code,
        XIMSS_E_LIMIT);
}
END_TEST

START_TEST(secure_mail_is_refused)
{
    static const char *const asking[] = {"<EMail sign='yes'/>", "<EMail encrypt='yes'/>",
                                         "<EMail SIGN='1'/>"};
    ximss_compose_t how = setup();
    ximss_composed_t *mail;
    for (int i = 0; i < 3; i++) {
        const ximss_error_t *error = ximss_compose(&mail, &how, parse(asking[i]), test_pool);
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(error->code, XIMSS_E_SMIME);
    }
    ck_assert_ptr_null(ximss_compose(&mail, &how, parse("<EMail sign='no'/>"), test_pool));
    ck_assert_int_eq(refused("<MIME type='message'><EMail sign='yes'/></MIME>")->code,
                     XIMSS_E_SMIME);
}
END_TEST

/* ---- bodies ---- */

START_TEST(text_is_encoded_when_it_must)
{
    static const struct {
        const char *text;
        const char *encoding;
    } cases[] = {
        {"plain ASCII\n", NULL},
        {"a\tb\n-- \nsig", NULL},
        {"caf\xc3\xa9 is mostly ASCII, so that it stays readable\n", "quoted-printable"},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\n", "base64"},
        {"From me\n", "quoted-printable"},
        {"", NULL},
        {".\n..\n", NULL},
    };
    const char *far = many("x", 5000);
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const ximss_composed_t *mail =
            compose(apr_pstrcat(test_pool, "<MIME type='text'>", cases[i].text, "</MIME>", NULL));
        check_bytes(mail, 0);
        ck_assert_str_eq(text_of(mail, tree(mail)), cases[i].text);
        if (cases[i].encoding == NULL) {
            ck_assert_ptr_null(header(mail, "Content-Transfer-Encoding"));
        }
        else {
            ck_assert_str_eq(header(mail, "Content-Transfer-Encoding"), cases[i].encoding);
        }
    }
    far = apr_pstrcat(test_pool, far, " \n", far, NULL);
    {
        const ximss_composed_t *mail =
            compose(apr_pstrcat(test_pool, "<MIME>", far, "</MIME>", NULL));
        check_bytes(mail, 0);
        ck_assert_str_eq(text_of(mail, tree(mail)), far);
    }
}
END_TEST

START_TEST(attachments)
{
    const ximss_composed_t *mail = compose(
        "<MIME type='multipart' subtype='mixed'>\n <MIME type='multipart' subtype='alternative'>"
        "<MIME type='text' subtype='plain'>p</MIME><MIME type='text' "
        "subtype='html'>&lt;b&gt;</MIME>"
        "</MIME><MIME uploadID='att01'/><MIME uploadID='att02' type='application' subtype='PDF' "
        "disposition='inline' disposition-filename='x.pdf' contentID='&lt;i@d&gt;' "
        "description='Ein gro\xc3\x9f' location='http://x/' class='c'/>"
        "<MIME type='image' subtype='jpeg' fileName='private/MyFile.jpg'/>"
        "<MIME uploadID='a' disposition='none'/></MIME>");
    const ximss_part_t *top = tree(mail);
    const ximss_part_t *part = ximss_structure_find(top, "02");
    apr_size_t length;
    check_bytes(mail, 0);
    ck_assert_str_eq(ximss_structure_find(top, "01-02")->subtype, "html");
    ck_assert_str_eq(part->disposition, "attachment");
    ck_assert_str_eq(ximss_param_get(part->disposition_params, "filename"), "t\xc3\xa9st.gif");
    ck_assert_str_eq(ximss_param_get(part->type_params, "name"), "t\xc3\xa9st.gif");
    ck_assert_int_eq(memcmp(decoded(mail, part, &length), "GIF\0\r\n.\n", 8), 0);
    ck_assert_uint_eq(length, 8);
    part = ximss_structure_find(top, "03");
    ck_assert_str_eq(part->subtype, "pdf");
    ck_assert_str_eq(part->disposition, "inline");
    ck_assert_str_eq(ximss_part_file_name(part), "x.pdf");
    ck_assert_str_eq(part->content_id, "i@d");
    ck_assert_str_eq(part->description, "Ein gro\xc3\x9f");
    ck_assert_str_eq(part->location, "http://x/");
    ck_assert_str_eq(part->content_class, "c");
    part = ximss_structure_find(top, "04");
    ck_assert_ptr_null(ximss_part_file_name(part));
    ck_assert_str_eq(part->disposition, "attachment");
    part = ximss_structure_find(top, "05");
    ck_assert_ptr_null(part->disposition);
    ck_assert_ptr_null(ximss_part_file_name(part));
    ck_assert_ptr_null(part->next);
    ck_assert_ptr_null(strstr(mail->data, "secret name"));
}
END_TEST

START_TEST(parameters)
{
    const ximss_part_t *part = tree(
        compose("<MIME type='text' subtype='plain' Type-Format='x' Type-charset='evil' "
                "Type-boundary='b' Disposition-size='3' Disposition-FileName='a.txt'>x</MIME>"));
    ck_assert_str_eq(ximss_param_get(part->type_params, "format"), "x");
    ck_assert_str_eq(ximss_param_get(part->type_params, "charset"), "utf-8");
    ck_assert_ptr_null(ximss_param_get(part->type_params, "boundary"));
    ck_assert_str_eq(ximss_param_get(part->disposition_params, "size"), "3");
    ck_assert_str_eq(ximss_param_get(part->type_params, "name"), "a.txt");
    ck_assert_int_eq(refused("<MIME Type-0123456789012345678901234567890123456789x='x'/>")->code,
                     XIMSS_E_COMPOSITION);
}
END_TEST

START_TEST(related_names_its_root)
{
    const ximss_part_t *top = tree(
        compose("<MIME type='multipart' subtype='related'><MIME type='text' subtype='html'>x</MIME>"
                "<MIME uploadID='a' contentID='i@d' disposition='inline'/></MIME>"));
    ck_assert_str_eq(ximss_param_get(top->type_params, "type"), "text/html");
}
END_TEST

START_TEST(xml_bodies)
{
    const ximss_composed_t *mail =
        compose("<MIME type='application' subtype='pronto+xml' disposition='inline'> "
                "<syncRequest id='1'><a b='&lt;&quot;'>\xc3\xa9&amp;</a></syncRequest> </MIME>");
    apr_size_t length;
    check_bytes(mail, 0);
    ck_assert_str_eq(decoded(mail, tree(mail), &length),
                     "<syncRequest id=\"1\"><a b=\"&lt;&quot;\">\xc3\xa9&amp;</a></syncRequest>");
}
END_TEST

START_TEST(mail_in_mail)
{
    const ximss_composed_t *mail =
        compose("<MIME type='multipart'><MIME type='message' subtype='rfc822'><EMail>"
                "<Subject>in\xc3\xa9</Subject><Bcc>b@c</Bcc><MIME type='text'>\xc3\xa9</MIME>"
                "</EMail></MIME><MIME uploadID='mail'/>"
                "<MIME type='text' subtype='rfc822-headers'><EMail><Subject>h</Subject></EMail>"
                "</MIME></MIME>");
    const ximss_part_t *top = tree(mail);
    const ximss_part_t *part = ximss_structure_find(top, "01");
    check_bytes(mail, 1);
    ck_assert_int_eq(part->kind, XIMSS_PART_MESSAGE);
    ck_assert_str_eq(ximss_fields_find(part->fields, "Subject")->text, "in\xc3\xa9");
    ck_assert_ptr_null(ximss_fields_find(part->fields, "Bcc"));
    ck_assert_str_eq(text_of(mail, part->children), "\xc3\xa9");
    part = ximss_structure_find(top, "02");
    ck_assert_int_eq(part->kind, XIMSS_PART_MESSAGE);
    ck_assert_str_eq(ximss_fields_find(part->fields, "Subject")->text, "in");
    ck_assert_str_eq(header(mail, "Content-Transfer-Encoding"), "8bit");
    ck_assert_int_eq(ximss_structure_find(top, "03")->kind, XIMSS_PART_HEADERS);
}
END_TEST

START_TEST(many_uploads_are_limited)
{
    limits.message_bytes = 1000;
    ck_assert_int_eq(refused(apr_pstrcat(test_pool, "<MIME type='multipart'>",
                                         many("<MIME uploadID='a'/>", 200), "</MIME>", NULL))
                         ->code,
                     XIMSS_E_LIMIT);
    ck_assert_int_eq(
        refused(apr_pstrcat(test_pool, "<MIME>", many("x", 1001), "</MIME>", NULL))->code,
        XIMSS_E_LIMIT);
    limits.message_bytes = 100 * 1024 * 1024;
    limits.mime_parts = 10;
    ck_assert_int_eq(refused(apr_pstrcat(test_pool, "<MIME type='multipart'>",
                                         many("<MIME uploadID='a'/>", 10), "</MIME>", NULL))
                         ->code,
                     XIMSS_E_LIMIT);
    limits.mime_parts = 10000;
}
END_TEST

/* ---- copies ---- */

static const ximss_composed_t *compose_copy(const char *message, const char *attributes)
{
    stored = message;
    return compose(apr_pstrcat(test_pool,
                               "<MIME type='multipart'><copyMIME folder='INBOX' UID='156' ",
                               attributes, "/></MIME>", NULL));
}

static const char *body_of(const ximss_composed_t *mail, const ximss_part_t *part)
{
    return apr_pstrmemdup(test_pool, mail->data + part->body_offset, (apr_size_t)part->body_length);
}

START_TEST(messages_are_copied)
{
    static const char *const fit[][2] = {
        {"Subject: a\r\n\r\nb\r\n", "Subject: a\r\n\r\nb\r\n"},
        {"Subject: a\n\nb", "Subject: a\r\n\r\nb"},
        {"Subject: a\r\rb", "Subject: a\r\n\r\nb"},
        {"Subject: a\n\n\xff\n", "Subject: a\r\n\r\n\xff\r\n"},
    };
    const char *unfit[] = {"Subject: a\r\n\r\nb\rc\r\n", "Subject: a\n\r\rX: y\n\nb\n",
                           apr_pstrcat(test_pool, "S: a\r\n\r\n", many("x", 999), NULL)};
    for (int i = 0; i < 4; i++) {
        const ximss_composed_t *mail = compose_copy(fit[i][0], "");
        const ximss_part_t *part = ximss_structure_find(tree(mail), "01");
        check_bytes(mail, 1);
        ck_assert_int_eq(part->kind, XIMSS_PART_MESSAGE);
        ck_assert_str_eq(body_of(mail, part), fit[i][1]);
    }
    for (int i = 0; i < 3; i++) {
        const ximss_composed_t *mail = compose_copy(unfit[i], "");
        const ximss_part_t *part = ximss_structure_find(tree(mail), "01");
        apr_size_t length;
        check_bytes(mail, 0);
        ck_assert_str_eq(part->subtype, "global");
        ck_assert_str_eq(decoded(mail, part, &length), unfit[i]);
    }
}
END_TEST

static const char mixed[] =
    "Content-Type: multipart/mixed; boundary=b; x=y\r\nX-Top: 1\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nX-Evil: 1\r\nContent-ID: <c@d>\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n"
    "--b\r\nContent-Type: image/png; name=\"=?utf-8?q?=0D=0AX:_y?=\"\r\n"
    "Content-Transfer-Encoding: BASE64\r\nContent-Disposition: inline\r\n\r\nAAEC\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\n8bit \xe9\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n"
    "--b--\r\n";

START_TEST(parts_are_copied)
{
    const ximss_composed_t *mail = compose_copy(mixed, "partID='01'");
    const ximss_part_t *part = ximss_structure_find(tree(mail), "01");
    apr_size_t length;
    check_bytes(mail, 0);
    ck_assert_str_eq(body_of(mail, part), "caf=E9");
    ck_assert_str_eq(text_of(mail, part), "caf\xc3\xa9");
    ck_assert_str_eq(part->content_id, "c@d");
    ck_assert_ptr_null(strstr(mail->data, "X-Evil"));
    mail = compose_copy(mixed, "partID='2'");
    part = ximss_structure_find(tree(mail), "01");
    check_bytes(mail, 0);
    ck_assert_str_eq(body_of(mail, part), "AAEC");
    ck_assert_str_eq(part->disposition, "inline");
    ck_assert_ptr_null(strstr(mail->data, "\nX:"));
    mail = compose_copy(mixed, "partID='03'");
    part = ximss_structure_find(tree(mail), "01");
    check_bytes(mail, 0);
    ck_assert_str_eq(decoded(mail, part, &length), "8bit \xe9");
    mail = compose_copy(mixed, "partID='04'");
    part = ximss_structure_find(tree(mail), "01");
    ck_assert_int_eq(part->kind, XIMSS_PART_MESSAGE);
    ck_assert_str_eq(body_of(mail, part), "Subject: in\r\n\r\nx");
}
END_TEST

/* A multipart goes as it stands, so that signatures hold; one that no transport takes is made anew. */
START_TEST(multiparts_are_copied)
{
    const char *message =
        apr_pstrcat(test_pool, "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n", mixed,
                    "\r\n--o--\r\n", NULL);
    const ximss_composed_t *mail = compose_copy(message, "partID='01'");
    const ximss_part_t *part = ximss_structure_find(tree(mail), "01");
    check_bytes(mail, 1);
    ck_assert_ptr_nonnull(strstr(body_of(mail, part), "X-Evil: 1"));
    ck_assert_str_eq(ximss_param_get(part->type_params, "boundary"), "b");
    ck_assert_ptr_nonnull(ximss_structure_find(tree(mail), "01-04"));
    ck_assert_ptr_null(strstr(mail->data, "X-Top"));
    message =
        apr_pstrcat(test_pool,
                    "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
                    "Content-Type: multipart/x; boundary=\"\xc3\xa9\"\r\n\r\n--\xc3\xa9\r\n\r\n",
                    many("y", 1200), "\r\n--\xc3\xa9--\r\n--o--\r\n", NULL);
    mail = compose_copy(message, "partID='01'");
    check_bytes(mail, 0);
    part = ximss_structure_find(tree(mail), "01-01");
    ck_assert_ptr_nonnull(part);
    ck_assert_str_eq(text_of(mail, part), many("y", 1200));
}
END_TEST

START_TEST(a_copy_may_be_the_whole_body)
{
    const ximss_composed_t *mail;
    stored = mixed;
    mail = compose("<Subject>s</Subject><copyMIME calendar='INBOX' uid='156' partid='01'/>");
    ck_assert_str_eq(text_of(mail, tree(mail)), "caf\xc3\xa9");
    ck_assert_ptr_null(strstr(mail->data, "X-Evil"));
    ck_assert_str_eq(header(mail, "Subject"), "s");
}
END_TEST

/* ---- nothing gets out of its place ---- */

static const char *const attributes[] = {
    "type",          "subtype",
    "charset",       "disposition",
    "contentID",     "description",
    "location",      "class",
    "format",        "Type-name",
    "Type-x",        "partID",
    "estimatedSize", "Disposition-filename",
    "Disposition-y", "realName",
    "encrypt2",
};

/* With VALUE in any place the mail keeps its shape: the fields it has anyway, one part. */
static void check_shape(const char *inside, const char *value)
{
    ximss_compose_t how = setup();
    ximss_composed_t *mail;
    const ximss_part_t *top;
    if (ximss_compose(&mail, &how, parse(inside), test_pool) != NULL) {
        return; /* refused */
    }
    check_bytes(mail, 0);
    top = tree(mail);
    ck_assert_msg(ximss_fields_find(top->fields, "X-Evil") == NULL, "%.200s: %.2000s", value,
                  mail->data);
    ck_assert_msg(ximss_fields_find(top->fields, "Bcc") == NULL, "%.2000s", mail->data);
    ck_assert_ptr_nonnull(ximss_fields_find(top->fields, "Message-ID"));
    ck_assert_int_le(top->fields->nelts, 11);
    ck_assert_ptr_null(top->children);
}

START_TEST(no_value_gets_out_of_its_place)
{
    static const char *const hostile[] = {
        "a&#13;&#10;X-Evil: 1",
        "a&#10;X-Evil: 1",
        "a&#13;X-Evil: 1",
        "a&#13;&#10;&#13;&#10;body",
        "=?utf-8?Q?=0D=0AX-Evil:_1?=",
        "=?utf-8?B?DQpYLUV2aWw6IDE=?=",
        "a\"; X-Evil=\"1",
        "a&gt;,&#10; X-Evil: 1",
        "a@b&gt;&#13;&#10;Bcc: &lt;evil@x.y",
        "\xe2\x80\xa8X-Evil: 1\xc2\x85X-Evil: 1",
        "=&#13;&#10;?utf-8?Q?=0D=0AX-Evil:_1?=",
        "--=_1_",
    };
    apr_size_t count = sizeof(hostile) / sizeof(hostile[0]);
    for (apr_size_t i = 0; i <= count; i++) {
        const char *value = i < count ? hostile[i] : many("\xc3\xa9@ ,", 1024 * 1024 / 5);
        for (apr_size_t j = 0; j < sizeof(attributes) / sizeof(attributes[0]); j++) {
            check_shape(apr_psprintf(test_pool,
                                     "<EMail><From>a@b</From><MIME %s='%s'>text</MIME></EMail>",
                                     attributes[j], value),
                        value);
            check_shape(apr_psprintf(test_pool,
                                     "<EMail><From>a@b</From><MIME uploadID='u' %s='%s'/></EMail>",
                                     attributes[j], value),
                        value);
        }
        check_shape(apr_psprintf(test_pool,
                                 "<EMail><From realName='%s'>a@b</From><To>%s</To></EMail>", value,
                                 value),
                    value);
        check_shape(apr_psprintf(test_pool,
                                 "<EMail><Subject>%s</Subject><References>%s</References>"
                                 "<X-A>%s</X-A><In-Reply-To>%s</In-Reply-To></EMail>",
                                 value, value, value, value),
                    value);
        check_shape(apr_psprintf(test_pool, "<EMail><Message-ID>%s</Message-ID></EMail>", value),
                    value);
        check_shape(apr_psprintf(test_pool,
                                 "<EMail><Date timeShift='%s'>%s</Date><Pty>%s</Pty></EMail>",
                                 value, value, value),
                    value);
        check_shape(apr_psprintf(test_pool, "<EMail><MIME>%s</MIME></EMail>", value), value);
        apr_pool_clear(test_pool);
    }
}
END_TEST

/* ---- flowed text ---- */

static const char *flow(const char *text)
{
    ximss_buffer_t out;
    ximss_buffer_init(&out, 16, test_pool);
    ximss_flowed_put(&out, text, strlen(text));
    return ximss_buffer_string(&out);
}

/* What a reader makes of flowed text (RFC 3676, 4.4). */
static const char *unflow(const char *text)
{
    char *out = apr_palloc(test_pool, strlen(text) + 1);
    char *to = out;
    int soft = 0;
    while (*text != '\0') {
        apr_size_t length = strcspn(text, "\n");
        apr_size_t quotes = strspn(text, ">");
        const char *end = text + length;
        if (!soft) {
            memcpy(to, text, quotes);
            to += quotes;
        }
        text += quotes;
        text += *text == ' ' && text < end;
        memcpy(to, text, (apr_size_t)(end - text));
        to += end - text;
        soft = end > text && end[-1] == ' ' && strncmp(text, "-- \n", 4) != 0;
        text = *end == '\n' ? end + 1 : end;
        if (!soft && *end == '\n') {
            *to++ = '\n';
        }
    }
    *to = '\0';
    return out;
}

START_TEST(flowed)
{
    static const char *const texts[] = {
        "short\n", "",         "\n\n", " leading\nFrom me\n>quoted\n>> deeper\n-- \nsig\n",
        "no end",  "a  b   c",
    };
    const char *far = many("word ", 50);
    const ximss_composed_t *mail;
    ck_assert_str_eq(flow("This is a very long long long long long long long long long long "
                          "superlong long long long long long long line, followed with a shorter "
                          "line:\nThis is a shorter line."),
                     "This is a very long long long long long long long long long long superlong \n"
                     "long long long long long long line, followed with a shorter line:\n"
                     "This is a shorter line.");
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *expect = strcmp(texts[i], texts[3]) == 0
                                 ? " leading\nFrom me\n>quoted\n>>deeper\n-- \nsig\n"
                                 : texts[i];
        ck_assert_str_eq(unflow(flow(texts[i])), expect);
    }
    far = apr_pstrcat(test_pool, "> ", far, "x\n", many("y", 100), "\n", many("\xc3\xa9 ", 100),
                      "z", NULL);
    ck_assert_str_eq(unflow(flow(far)), apr_pstrcat(test_pool, ">", far + 2, NULL));
    ck_assert_str_eq(flow("blanks  \n"), "blanks\n");
    mail = compose("<MIME type='text' subtype='plain' format='flowed'>a\n</MIME>");
    ck_assert_str_eq(ximss_param_get(tree(mail)->type_params, "format"), "flowed");
    ck_assert_ptr_null(strstr(
        compose("<MIME type='text' subtype='html' format='flowed'>a</MIME>")->data, "flowed"));
}
END_TEST

/* ---- vCards ---- */

START_TEST(vcards)
{
    const ximss_composed_t *mail = compose(
        "<MIME type='text' subtype='directory'><vCard><FN><VALUE>A, B</VALUE></FN>"
        "<N><GIVEN>A</GIVEN><FAMILY>B;C</FAMILY></N><EMAIL><HOME/><USERID>a@d</USERID>"
        "<VALUE>a@d</VALUE></EMAIL><TEL><VALUE>1</VALUE><WORK></WORK><FAX/></TEL>"
        "<ADR><HOME/><STREET>S&#10;T</STREET><PCODE>1</PCODE></ADR>"
        "<ORG><ORGUNIT>U</ORGUNIT><ORGNAME>O</ORGNAME><ORGUNIT>V</ORGUNIT></ORG>"
        "<PHOTO><JPEG/><BINVAL>AAEC\nAw==</BINVAL></PHOTO><X-FILE-AS><VALUE>f</VALUE></X-FILE-AS>"
        "<x:bad.name><VALUE>n</VALUE></x:bad.name><END><VALUE>VCARD</VALUE></END></vCard></MIME>");
    ck_assert_str_eq(text_of(mail, tree(mail)), "BEGIN:VCARD\n"
                                                "VERSION:3.0\n"
                                                "FN:A\\, B\n"
                                                "N:B\\;C;A;;;\n"
                                                "EMAIL;TYPE=HOME:a@d\n"
                                                "TEL;TYPE=WORK,FAX:1\n"
                                                "ADR;TYPE=HOME:;;S\\nT;;;1;\n"
                                                "ORG:O;U;V\n"
                                                "PHOTO;TYPE=JPEG;ENCODING=b:AAECAw==\n"
                                                "X-FILE-AS:f\n"
                                                "END:VCARD\n");
    mail = compose("<MIME type='text' subtype='x-vgroup'><vCardGroup><NAME><VALUE>T</VALUE></NAME>"
                   "<MEMBER CN='A \"B\"&#10;X'>a@d</MEMBER></vCardGroup></MIME>");
    ck_assert_str_eq(text_of(mail, tree(mail)), "BEGIN:VGROUP\n"
                                                "VERSION:3.0\n"
                                                "NAME:T\n"
                                                "MEMBER;CN=\"A BX\":a@d\n"
                                                "END:VGROUP\n");
    mail = compose(apr_pstrcat(
        test_pool, "<MIME type='text' subtype='directory'><vCard><NOTE><VALUE>",
        many("\xc3\xa9", 100), "&#13;&#10;END:VCARD</VALUE></NOTE></vCard></MIME>", NULL));
    ck_assert_ptr_nonnull(strstr(text_of(mail, tree(mail)), "\\nEND:VCARD\nEND:VCARD\n"));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tcase = suite_case(suite, "compose");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, simple_text);
    tcase_add_test(tcase, fields_are_made);
    tcase_add_test(tcase, addresses);
    tcase_add_test(tcase, a_draft_keeps_its_bcc);
    tcase_add_test(tcase, other_fields);
    tcase_add_test(tcase, wrong_headers_are_refused);
    tcase_add_test(tcase, secure_mail_is_refused);
    tcase_add_test(tcase, text_is_encoded_when_it_must);
    tcase_add_test(tcase, attachments);
    tcase_add_test(tcase, parameters);
    tcase_add_test(tcase, related_names_its_root);
    tcase_add_test(tcase, xml_bodies);
    tcase_add_test(tcase, mail_in_mail);
    tcase_add_test(tcase, many_uploads_are_limited);
    tcase_add_test(tcase, messages_are_copied);
    tcase_add_test(tcase, parts_are_copied);
    tcase_add_test(tcase, multiparts_are_copied);
    tcase_add_test(tcase, a_copy_may_be_the_whole_body);
    tcase_add_test(tcase, no_value_gets_out_of_its_place);
    tcase_add_test(tcase, flowed);
    tcase_add_test(tcase, vcards);
}
