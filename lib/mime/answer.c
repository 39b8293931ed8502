/* The EMail element of an answer. */
#include "mime/answer.h"

#include "base/text.h"
#include "base/zone.h"
#include "mime/buffer.h"
#include "mime/quote.h"

#include <apr_strings.h>
#include <string.h>

enum {
    FIELD_BYTES = 1000,
    MARK_BYTES = 20,
    COPIES_MAX = 1000,
    QUOTED_BYTES = 4 * 1024 * 1024 /* of text, and all that is made of it lies in memory */
};

typedef struct writer_t {
    ximss_xml_t *xml;
    const ximss_answer_t *answer;
    const apr_array_header_t *fields; /* of the message that is answered */
    const char *part_id;              /* of the part that it is, NULL: the whole */
    const ximss_part_t *body;         /* NULL: it has none */
    const ximss_part_t *quoted;       /* the part that is quoted, NULL: none */
    apr_pool_t *pool;
} writer_t;

static const char *field_text(const writer_t *writer, const char *name)
{
    const ximss_field_t *field = ximss_fields_find(writer->fields, name);

    return field != NULL ? field->text : NULL;
}

/* ---- the text ---- */

static void add(ximss_buffer_t *out, const char *text)
{
    ximss_buffer_add(out, text, strlen(text));
}

static const char *date_text(const writer_t *writer)
{
    const ximss_field_t *date = ximss_fields_find(writer->fields, "Date");
    const ximss_zone_t *zone = writer->answer->options.zone;
    apr_int64_t seconds = date != NULL && date->date_valid ? date->seconds : writer->answer->date;

    return ximss_time_mail(seconds, ximss_zone_offset(zone, seconds), writer->pool);
}

/* The preference ReplyHeader. */
static void add_reply_header(const writer_t *writer, ximss_buffer_t *out)
{
    const char *from = field_text(writer, "From");
    const char *at;

    from = from != NULL ? from : "";
    for (at = writer->answer->header; *at != '\0'; at++) {
        char code = *at == '^' ? at[1] : '\0';

        if (code == 'T') {
            add(out, date_text(writer));
        }
        else if (code == 'F') {
            ximss_buffer_add(out, from, ximss_text_cut(from, strlen(from), FIELD_BYTES));
        }
        else if (code == 'N') {
            add(out, "\n");
        }
        else {
            ximss_buffer_put(out, *at);
            continue;
        }
        at++;
    }
    add(out, "\n");
}

static void add_field(const writer_t *writer, ximss_buffer_t *out, const char *name)
{
    const char *text = field_text(writer, name);
    apr_size_t length = text != NULL ? strlen(text) : 0;

    if (length > 0) {
        apr_size_t cut = ximss_text_cut(text, length, FIELD_BYTES);

        add(out, name);
        add(out, ": ");
        ximss_buffer_add(out, text, cut);
        add(out, cut < length ? " ...\n" : "\n");
    }
}

static void add_forward_header(const writer_t *writer, ximss_buffer_t *out)
{
    add(out, "-------- Forwarded message --------\n");
    add_field(writer, out, "From");
    add(out, "Date: ");
    add(out, date_text(writer));
    add(out, "\n");
    add_field(writer, out, "Subject");
    add_field(writer, out, "To");
    add_field(writer, out, "Cc");
}

static int is_forward(const writer_t *writer)
{
    return writer->answer->kind == XIMSS_ANSWER_FORWARD;
}

/* What stands above the text of the message. */
static const char *header_text(const writer_t *writer)
{
    ximss_buffer_t out;

    ximss_buffer_init(&out, 256, writer->pool);
    if (is_forward(writer)) {
        add_forward_header(writer, &out);
    }
    else {
        add_reply_header(writer, &out);
    }
    return ximss_buffer_string(&out);
}

/* The signature behind the line that begins one (RFC 3676, 4.3). */
static const char *signature_text(const writer_t *writer)
{
    const char *text = writer->answer->signature;
    const char *start =
        strncmp(text, "--\n", 3) == 0 || strncmp(text, "-- \n", 4) == 0 ? "" : "-- \n";

    return *text == '\0' ? "" : apr_pstrcat(writer->pool, "\n", start, text, "\n", NULL);
}

static const ximss_error_t *read_quoted(const writer_t *writer, ximss_quote_text_t *text)
{
    const ximss_to_xml_t *options = &writer->answer->options;
    const ximss_part_t *part = writer->quoted;
    const char *raw;

    text->text = "";
    text->length = 0;
    text->flows = 0;
    if (part == NULL) {
        return NULL;
    }
    XIMSS_TRY(options->read(options->baton, part->body_offset, (apr_size_t)part->body_length, &raw,
                            writer->pool));
    ximss_quote_read(text, part, raw, (apr_size_t)part->body_length, writer->pool);
    return NULL;
}

static void write_plain(const writer_t *writer, const ximss_quote_text_t *text)
{
    const char *mark = writer->answer->mark;
    ximss_buffer_t out;

    ximss_buffer_init(&out, text->length + 1024, writer->pool);
    add(&out, header_text(writer));
    if (is_forward(writer)) {
        add(&out, "\n");
        ximss_buffer_add(&out, text->text, text->length);
        add(&out, text->length > 0 && text->text[text->length - 1] != '\n' ? "\n" : "");
    }
    else {
        mark = apr_pstrmemdup(writer->pool, mark, ximss_text_cut(mark, strlen(mark), MARK_BYTES));
        ximss_quote_write(&out, text, mark, writer->answer->width);
    }
    add(&out, signature_text(writer));
    ximss_xml_text_n(writer->xml, out.data, out.length);
}

/* ---- the text as HTML ---- */

/* Text as it is, in HTML: of what a sender wrote, nothing becomes markup. */
static void add_escaped(ximss_buffer_t *out, const char *text, apr_size_t length)
{
    const char *end = text + length;
    const char *at;

    for (at = text; at < end; at++) {
        int first = at == text || at[-1] == '\n' || at[-1] == ' ';

        switch (*at) {
        case '<':
            add(out, "&lt;");
            break;
        case '>':
            add(out, "&gt;");
            break;
        case '&':
            add(out, "&amp;");
            break;
        case '"':
            add(out, "&quot;");
            break;
        case '\n':
            add(out, "<br>\n");
            break;
        case ' ':
            add(out, first ? "&nbsp;" : " ");
            break;
        default:
            ximss_buffer_put(out, *at);
            break;
        }
    }
}

/* TEXT in an element, without the line end at its end. */
static void add_element(ximss_buffer_t *out, const char *start, const char *text, apr_size_t length,
                        const char *end)
{
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    add(out, start);
    add_escaped(out, text, length);
    add(out, end);
}

static void write_html(const writer_t *writer, const ximss_quote_text_t *text)
{
    const char *header = header_text(writer);
    const char *signature = signature_text(writer);
    ximss_buffer_t out;

    ximss_buffer_init(&out, text->length * 2 + 1024, writer->pool);
    add(&out, "<html><body>");
    add_element(&out, "<p>", header, strlen(header), "</p>\n");
    if (is_forward(writer)) {
        add_element(&out, "<div>", text->text, text->length, "</div>\n");
    }
    else {
        add_element(&out, "<blockquote type=\"cite\">", text->text, text->length,
                    "</blockquote>\n");
    }
    if (*signature != '\0') {
        add_element(&out, "<div>", signature + 1, strlen(signature + 1), "</div>\n");
    }
    add(&out, "</body></html>\n");
    ximss_xml_text_n(writer->xml, out.data, out.length);
}

static const ximss_error_t *write_text(const writer_t *writer)
{
    ximss_quote_text_t text;

    XIMSS_TRY(read_quoted(writer, &text));
    ximss_xml_start(writer->xml, "MIME");
    ximss_xml_attr(writer->xml, "charset", "utf-8");
    ximss_xml_attr(writer->xml, "subtype", writer->answer->html ? "html" : "plain");
    ximss_xml_attr(writer->xml, "type", "text");
    if (writer->answer->html) {
        write_html(writer, &text);
    }
    else {
        write_plain(writer, &text);
    }
    ximss_xml_end(writer->xml);
    return NULL;
}

/* ---- what a forward brings along ---- */

static int holds(const ximss_part_t *part, const ximss_part_t *wanted)
{
    const ximss_part_t *child;

    if (part == wanted) {
        return 1;
    }
    for (child = part->kind == XIMSS_PART_MULTIPART ? part->children : NULL; child != NULL;
         child = child->next) {
        if (holds(child, wanted)) {
            return 1;
        }
    }
    return 0;
}

/* The signature of what is taken apart, or another form of the quoted text; REPLACED: it is an alternative of that. */
static int is_left_out(const writer_t *writer, const ximss_part_t *part, int replaced)
{
    if (part == writer->quoted || strcmp(part->subtype, "pgp-signature") == 0 ||
        strcmp(part->subtype, "pkcs7-signature") == 0 ||
        strcmp(part->subtype, "x-pkcs7-signature") == 0) {
        return 1;
    }
    return replaced && strcmp(part->type, "text") == 0 &&
           (part->disposition == NULL || strcmp(part->disposition, "attachment") != 0);
}

static void start_copy(const writer_t *writer, const char *part_id)
{
    ximss_xml_start(writer->xml, "copyMIME");
    ximss_xml_attr_int(writer->xml, "UID", (apr_int64_t)writer->answer->uid);
    ximss_xml_attr(writer->xml, "folder", writer->answer->folder);
    ximss_xml_attr(writer->xml, "partID", part_id);
}

/* A copy of PART, with what a client shows of it. */
static void write_copy(const writer_t *writer, const ximss_part_t *part)
{
    start_copy(writer, *part->part_id != '\0' ? part->part_id : "01");
    ximss_xml_attr(writer->xml, "Disposition-filename", ximss_part_file_name(part));
    ximss_xml_attr_int(writer->xml, "estimatedSize", part->decoded_size);
    ximss_xml_attr(writer->xml, "subtype", part->subtype);
    ximss_xml_attr(writer->xml, "type", part->type);
    ximss_xml_end(writer->xml);
}

/* A copy of the whole message that is forwarded. */
static void write_whole(const writer_t *writer)
{
    start_copy(writer, writer->part_id);
    ximss_xml_attr(writer->xml, "subtype", "rfc822");
    ximss_xml_attr(writer->xml, "type", "message");
    ximss_xml_end(writer->xml);
}

/* Writes the parts that are brought along, when WRITE; returns how many there are. Recursion is bounded by the depth
 * limit of the tree. */
static int walk_copies(const writer_t *writer, const ximss_part_t *part, int replaced, int write)
{
    const ximss_part_t *child;
    int count = 0;

    if (part->kind != XIMSS_PART_MULTIPART) {
        if (is_left_out(writer, part, replaced)) {
            return 0;
        }
        if (write) {
            write_copy(writer, part);
        }
        return 1;
    }
    if (strcmp(part->subtype, "alternative") == 0 && writer->quoted != NULL &&
        holds(part, writer->quoted)) {
        replaced = 1;
    }
    for (child = part->children; child != NULL; child = child->next) {
        count += walk_copies(writer, child, replaced, write);
    }
    return count;
}

static const ximss_error_t *write_body(const writer_t *writer)
{
    const ximss_part_t *body = writer->body;
    int copies = is_forward(writer) && body != NULL ? walk_copies(writer, body, 0, 0) : 0;

    if (copies == 0) {
        return write_text(writer);
    }
    ximss_xml_start(writer->xml, "MIME");
    ximss_xml_attr(writer->xml, "subtype", "mixed");
    ximss_xml_attr(writer->xml, "type", "multipart");
    XIMSS_TRY(write_text(writer));
    if (copies <= COPIES_MAX) {
        walk_copies(writer, body, 0, 1);
    }
    else {
        write_whole(writer);
    }
    ximss_xml_end(writer->xml);
    return NULL;
}

/* ---- the header ---- */

static void write_addresses(ximss_xml_t *xml, const char *name, const apr_array_header_t *addresses)
{
    int i;

    for (i = 0; i < addresses->nelts; i++) {
        const ximss_address_t *address = &APR_ARRAY_IDX(addresses, i, ximss_address_t);

        ximss_xml_start(xml, name);
        ximss_xml_attr(xml, "realName", address->name);
        ximss_xml_text(xml, address->addr);
        ximss_xml_end(xml);
    }
}

static void write_header(const writer_t *writer)
{
    apr_array_header_t *from = apr_array_make(writer->pool, 1, sizeof(ximss_address_t));
    const char *subject = field_text(writer, "Subject");
    ximss_recipients_t recipients;
    const char *in_reply_to;
    const char *references;

    APR_ARRAY_PUSH(from, ximss_address_t) = writer->answer->from;
    write_addresses(writer->xml, "From", from);
    if (!is_forward(writer)) {
        ximss_recipients_find(&recipients, writer->fields, writer->answer, writer->pool);
        write_addresses(writer->xml, "To", recipients.to);
        write_addresses(writer->xml, "Cc", recipients.cc);
    }
    ximss_xml_element(
        writer->xml, "Subject",
        ximss_subject_answer(subject != NULL ? subject : "", writer->answer->kind, writer->pool));
    ximss_references_answer(writer->fields, &in_reply_to, &references, writer->pool);
    if (!is_forward(writer) && in_reply_to != NULL) {
        ximss_xml_element(writer->xml, "In-Reply-To", in_reply_to);
    }
    if (!is_forward(writer) && references != NULL) {
        ximss_xml_element(writer->xml, "References", references);
    }
}

/* The part that is quoted; NULL when it is too large: a forward copies it then. */
static const ximss_part_t *find_quoted(const writer_t *writer)
{
    const ximss_part_t *part = writer->body != NULL ? ximss_quote_part(writer->body) : NULL;
    apr_int64_t limit = writer->answer->options.size_limit;

    limit = limit < 0 || limit > QUOTED_BYTES ? QUOTED_BYTES : limit;
    return part != NULL && part->decoded_size <= limit ? part : NULL;
}

const ximss_error_t *ximss_answer_write(ximss_xml_t *xml, const ximss_part_t *message, int inner,
                                        const ximss_answer_t *answer, apr_pool_t *pool)
{
    writer_t writer = {.xml = xml, .answer = answer, .pool = pool};

    writer.part_id = !inner ? NULL : *message->part_id != '\0' ? message->part_id : "01";
    writer.body = inner ? message->children : message;
    writer.fields = inner ? ximss_part_inner_fields(message) : message->fields;
    if (writer.fields == NULL) {
        writer.fields = apr_array_make(pool, 0, sizeof(ximss_field_t *));
    }
    writer.quoted = find_quoted(&writer);
    ximss_xml_start(xml, "EMail");
    write_header(&writer);
    XIMSS_TRY(write_body(&writer));
    ximss_xml_end(xml);
    return NULL;
}
