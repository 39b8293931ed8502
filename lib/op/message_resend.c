/* messageRedirect and messageForward: a stored message goes to others, as it is below fields that say who passed it on
 * (RFC 5322, 3.6.6), or inside a new message (protocol text, Message Operations). */
#include "base/text.h"
#include "mime/header_out.h"
#include "op/compose.h"
#include "op/handlers.h"
#include "op/submission.h"
#include "submit/trace.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <string.h>

/* Most bytes of the XML that a forwarded message is composed from: names and addresses. */
#define EMAIL_XML_MAX 1048576

/* Bytes of the subject that a forwarded message takes over. */
#define SUBJECT_MAX 1000

/* A submission by the session's user to the To elements of the request. */
static const ximss_error_t *start(ximss_call_t *call, ximss_submission_t **submission)
{
    *submission = ximss_submission_make(call, call->session->user_name);
    call->prepared = *submission;
    XIMSS_TRY(ximss_submission_add_elements(*submission, "To"));
    return (*submission)->recipients->nelts > 0
               ? NULL
               : ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "there is no To element");
}

static void push_address(apr_array_header_t *list, const char *name, const char *addr)
{
    ximss_address_t *address = apr_array_push(list);
    address->name = name;
    address->addr = addr;
}

/* ---- messageRedirect ---- */

static apr_array_header_t *read_to(ximss_call_t *call)
{
    apr_array_header_t *list = apr_array_make(call->pool, 4, sizeof(ximss_address_t));
    const ximss_element_t *to;
    for (to = ximss_element_child(call->request, "To"); to != NULL;
         to = ximss_element_next(to, "To")) {
        push_address(list, ximss_element_attr(to, "realName"), ximss_element_word(to, call->pool));
    }
    return list;
}

static const ximss_error_t *write_resent(ximss_call_t *call, ximss_out_t *out)
{
    apr_array_header_t *from = apr_array_make(call->pool, 1, sizeof(ximss_address_t));
    const apr_int64_t now = call->context->clock();
    const char *domain = strrchr(call->session->user_name, '@');
    ximss_account_entry_t *entry;
    const char *id = ximss_message_id(now, domain != NULL ? domain + 1 : "localhost", call->pool);
    if (id == NULL) {
        return ximss_error_detail(call->pool, XIMSS_E_INTERNAL, "no randomness");
    }
    XIMSS_TRY(ximss_submission_account(call, &entry));
    push_address(from, entry->real_name, entry->name);
    ximss_header_date(out, "Resent-Date", now, call->zone);
    ximss_header_addresses(out, "Resent-From", from);
    ximss_header_addresses(out, "Resent-To", read_to(call));
    ximss_header_raw_token(out, "Resent-Message-ID", id);
    return NULL;
}

/* Adds the message as it is. Lines that end with a bare CR (old Macintosh mail) would all belong to the last line in
 * front of them: those get the line ends of mail. */
static void add_message(ximss_out_t *out, const char *data, apr_size_t length)
{
    apr_size_t i;
    if (memchr(data, '\n', length) != NULL) {
        ximss_buffer_add(out, data, length);
        return;
    }
    for (i = 0; i < length; i++) {
        ximss_buffer_put(out, data[i]);
        if (data[i] == '\r') {
            ximss_buffer_put(out, '\n');
        }
    }
}

const ximss_error_t *ximss_op_message_redirect_prepare(ximss_call_t *call)
{
    ximss_original_t original;
    ximss_submission_t *submission;
    ximss_out_t out;
    const char *data;
    apr_size_t length;
    XIMSS_TRY(ximss_submission_original(call, &original));
    XIMSS_TRY(start(call, &submission));
    data = original.data;
    length = (apr_size_t)original.row.size;
    ximss_trace_strip(&data, &length, call->context->limits, call->pool);
    ximss_buffer_init(&out, length + 1024, call->pool);
    XIMSS_TRY(write_resent(call, &out));
    add_message(&out, data, length);
    return ximss_submission_prepare(submission, out.data, out.length);
}

const ximss_error_t *ximss_op_message_redirect(ximss_call_t *call)
{
    return ximss_submission_put(call->prepared);
}

/* ---- messageForward ---- */

static const ximss_error_t *read_subject(ximss_call_t *call, const ximss_original_t *original,
                                         const char **subject)
{
    const ximss_field_t *field;
    const char *packed;
    apr_size_t length;
    ximss_part_t *top;
    XIMSS_TRY(
        ximss_blob_structure(call->account, original->row.blob, &packed, &length, call->pool));
    XIMSS_TRY(ximss_structure_unpack(&top, packed, length, call->pool));
    field = top->fields != NULL ? ximss_fields_find(top->fields, "Subject") : NULL;
    *subject = field != NULL ? field->text : "";
    length = ximss_text_cut(*subject, strlen(*subject), SUBJECT_MAX);
    *subject = apr_pstrmemdup(call->pool, *subject, length);
    if (apr_cstr_casecmpn(*subject, "Fwd:", 4) != 0) {
        *subject = apr_pstrcat(call->pool, "Fwd: ", *subject, NULL);
    }
    return NULL;
}

static void write_address(ximss_xml_t *xml, const char *name, const char *real_name,
                          const char *address)
{
    ximss_xml_start(xml, name);
    ximss_xml_attr(xml, "realName", real_name);
    ximss_xml_text(xml, address);
    ximss_xml_end(xml);
}

/* The EMail element of the new message, as a client would send it. */
static const ximss_error_t *write_forward(ximss_call_t *call, const ximss_original_t *original,
                                          ximss_xml_t *xml)
{
    const ximss_element_t *to;
    ximss_account_entry_t *entry;
    const char *subject;
    XIMSS_TRY(ximss_submission_account(call, &entry));
    XIMSS_TRY(read_subject(call, original, &subject));
    ximss_xml_start(xml, "EMail");
    write_address(xml, "From", entry->real_name, entry->name);
    for (to = ximss_element_child(call->request, "To"); to != NULL;
         to = ximss_element_next(to, "To")) {
        write_address(xml, "To", ximss_element_attr(to, "realName"),
                      ximss_element_word(to, call->pool));
    }
    ximss_xml_element(xml, "Subject", subject);
    ximss_xml_start(xml, "MIME");
    ximss_xml_attr(xml, "type", "multipart");
    ximss_xml_attr(xml, "subtype", "mixed");
    ximss_xml_start(xml, "copyMIME");
    ximss_xml_attr(xml, "folder", original->folder);
    ximss_xml_attr_int(xml, "UID", original->uid);
    ximss_xml_end(xml);
    ximss_xml_end(xml);
    ximss_xml_end(xml);
    return ximss_xml_overflow(xml)
               ? ximss_error(call->pool, XIMSS_E_LIMIT, "the names and addresses are too long")
               : NULL;
}

static const ximss_error_t *compose_forward(ximss_call_t *call, const ximss_original_t *original,
                                            ximss_composed_t **composed)
{
    ximss_xml_t *xml = ximss_xml_create(EMAIL_XML_MAX, call->pool);
    const ximss_element_t *email;
    const char *text;
    apr_size_t length;
    XIMSS_TRY(write_forward(call, original, xml));
    text = ximss_xml_data(xml, &length);
    XIMSS_TRY(ximss_xml_parse(&email, text, length, call->context->limits, call->pool));
    return ximss_op_compose(call, email, composed);
}

const ximss_error_t *ximss_op_message_forward_prepare(ximss_call_t *call)
{
    ximss_original_t original;
    ximss_submission_t *submission;
    ximss_composed_t *composed;
    XIMSS_TRY(ximss_submission_original(call, &original));
    XIMSS_TRY(start(call, &submission));
    XIMSS_TRY(compose_forward(call, &original, &composed));
    return ximss_submission_prepare(submission, composed->data, composed->length);
}

const ximss_error_t *ximss_op_message_forward(ximss_call_t *call)
{
    return ximss_submission_put(call->prepared);
}
