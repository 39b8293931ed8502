/* Bytes of stored files: read in slices, written, stored from an upload. */
#include "base/text.h"
#include "mime/vcard.h"
#include "op/handlers.h"
#include "session/upload.h"
#include "store/files.h"

#include <apr_base64.h>
#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

/* Bytes that are encoded, or taken from an upload, at a time: a multiple of 3. */
#define STEP 49152

/* ---- fileRead ---- */

/* How many of the LENGTH bytes at DATA are whole characters of UTF-8, if they are UTF-8 at all. */
static apr_size_t whole_characters(const char *data, apr_size_t length)
{
    apr_size_t lead = length;
    apr_size_t needed;
    unsigned char first;
    while (lead > 0 && length - lead < 3 && ((unsigned char)data[lead - 1] & 0xC0) == 0x80) {
        lead--;
    }
    if (lead == 0 || (unsigned char)data[lead - 1] < 0xC0) {
        return length;
    }
    first = (unsigned char)data[--lead];
    needed = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    return length - lead < needed ? lead : length;
}

static void write_base64(ximss_call_t *call, const char *data, apr_size_t length)
{
    char encoded[STEP / 3 * 4 + 1];
    ximss_xml_start(call->out, "base64");
    while (length > 0) {
        apr_size_t step = length < STEP ? length : STEP;
        int written = apr_base64_encode_binary(encoded, (const unsigned char *)data, (int)step);
        ximss_xml_text_n(call->out, encoded, (apr_size_t)written - 1);
        data += step;
        length -= step;
    }
    ximss_xml_end(call->out);
}

static const ximss_error_t *read_slice(ximss_call_t *call, const ximss_file_t *file,
                                       apr_int64_t *position, apr_size_t *length)
{
    apr_size_t most = call->context->limits->reply_bytes / 2;
    apr_int64_t limit;
    XIMSS_TRY(ximss_op_number(call, "position", APR_INT64_MAX / 10 - 1, 0, position));
    XIMSS_TRY(ximss_op_number(call, "limit", APR_INT64_MAX / 10 - 1, 0, &limit));
    if (*position > file->size) {
        *position = file->size;
    }
    if (limit == 0 || limit > file->size - *position) {
        limit = file->size - *position;
    }
    if ((apr_uint64_t)limit > most) {
        return ximss_error(call->pool, XIMSS_E_LIMIT,
                           "read at most %" APR_SIZE_T_FMT
                           " bytes at once, or the whole file by its DOWNLOAD address",
                           most);
    }
    *length = (apr_size_t)limit;
    return NULL;
}

/* Text is sent as such when it is UTF-8 that XML can carry, but for type "binary"; a slice ends at a character. */
static int is_text(const char *type, const char *data, apr_size_t length, apr_size_t *whole)
{
    *whole = whole_characters(data, length);
    if (*whole == 0 && length > 0) {
        return 0;
    }
    return (type == NULL || apr_cstr_casecmp(type, "binary") != 0) && ximss_text_ok(data, *whole);
}

/* The bytes as what they are: cards that were asked for, text, or anything. */
static void write_body(ximss_call_t *call, const char *type, const char *data, apr_size_t length,
                       int text)
{
    if (text && type != NULL && apr_cstr_casecmp(type, "vcard") == 0 &&
        ximss_vcard_write(call->out, data, length, call->pool) > 0) {
        return;
    }
    if (text) {
        ximss_xml_text_n(call->out, data, length);
    }
    else {
        write_base64(call, data, length);
    }
}

const ximss_error_t *ximss_op_file_read(ximss_call_t *call)
{
    const char *type = ximss_element_attr(call->request, "type");
    const char *name;
    ximss_file_t *file;
    apr_int64_t position;
    apr_size_t length = 0;
    apr_size_t whole;
    const char *data;
    int text;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    XIMSS_TRY(ximss_file_find(call->account, name, &file, call->pool));
    if (file->is_directory) {
        return ximss_error(call->pool, XIMSS_E_NOT_FOUND, "this is a directory");
    }
    XIMSS_TRY(read_slice(call, file, &position, &length));
    XIMSS_TRY(ximss_file_read(call->account, file, position, length, &data, call->pool));
    text = is_text(type, data, length, &whole);
    length = text ? whole : length;
    ximss_call_message(call, "fileData");
    ximss_xml_attr(call->out, "fileName", ximss_element_attr(call->request, "fileName"));
    ximss_xml_attr(call->out, "type", type);
    ximss_xml_attr_int(call->out, "position", position);
    ximss_xml_attr_int(call->out, "slice", (apr_int64_t)length);
    ximss_xml_attr_int(call->out, "size", file->size);
    ximss_xml_attr(call->out, "timeModified", ximss_time_gmt(file->modified, call->pool));
    write_body(call, type, data, length, text);
    ximss_xml_end(call->out);
    return NULL;
}

/* ---- fileWrite ---- */

/* What is to be written: bytes, or an upload. */
typedef struct ximss_file_body_t {
    const char *data;
    apr_size_t length;
    ximss_upload_t *upload;
} ximss_file_body_t;

/* Base64 with white space anywhere; nothing else is passed over in silence. */
static const ximss_error_t *decode_base64(ximss_call_t *call, const char *text,
                                          ximss_file_body_t *body)
{
    apr_size_t length = strlen(text);
    char *packed = apr_palloc(call->pool, length + 1);
    unsigned char *data = apr_palloc(call->pool, length + 4);
    apr_size_t used = 0;
    apr_size_t digits;
    for (; *text != '\0'; text++) {
        if (strchr(" \t\r\n", *text) == NULL) {
            packed[used++] = *text;
        }
    }
    packed[used] = '\0';
    digits = strspn(packed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    if (digits % 4 == 1 || digits + strspn(packed + digits, "=") != used ||
        (used > digits && (used % 4 != 0 || used - digits > 2))) {
        return ximss_error(call->pool, XIMSS_E_BAD_REQUEST, "the body is not base64");
    }
    body->length = (apr_size_t)apr_base64_decode_binary(data, packed);
    body->data = (const char *)data;
    return NULL;
}

/* Parts of a file cannot be replaced: whoever asks for that must not lose the rest. */
const ximss_error_t *ximss_op_file_write_prepare(ximss_call_t *call)
{
    const ximss_element_t *inner = ximss_element_child(call->request, NULL);
    ximss_file_body_t *body = apr_pcalloc(call->pool, sizeof(*body));
    call->prepared = body;
    if (ximss_element_attr(call->request, "position") != NULL) {
        return ximss_error(call->pool, XIMSS_E_NOT_SUPPORTED,
                           "fileWrite with \"position\" is not supported by this server");
    }
    if (inner == NULL) {
        body->data = ximss_element_text(call->request, call->pool);
        body->length = strlen(body->data);
        return NULL;
    }
    if (ximss_element_is(inner, "base64")) {
        return decode_base64(call, ximss_element_text(inner, call->pool), body);
    }
    if (ximss_element_is(inner, "vCard") || ximss_element_is(inner, "vCardGroup")) {
        body->data = ximss_vcard_text(call->request, call->pool);
        body->length = strlen(body->data);
        return NULL;
    }
    return ximss_error(call->pool, XIMSS_E_BAD_REQUEST,
                       "the body of a file is text, base64, vCard or vCardGroup");
}

const ximss_error_t *ximss_op_file_store_prepare(ximss_call_t *call)
{
    ximss_file_body_t *body = apr_pcalloc(call->pool, sizeof(*body));
    const char *id;
    call->prepared = body;
    XIMSS_TRY(ximss_call_attr(call, "uploadID", &id));
    return ximss_upload_find(call->context->table, call->session, id, &body->upload, call->pool);
}

/* An upload is never in memory as a whole. */
static const ximss_error_t *copy_upload(ximss_call_t *call, ximss_file_writer_t *writer,
                                        const ximss_upload_t *upload)
{
    char *buffer = apr_palloc(call->pool, STEP);
    apr_int64_t done = 0;
    while (done < upload->size) {
        apr_int64_t rest = upload->size - done;
        apr_size_t step = rest < STEP ? (apr_size_t)rest : STEP;
        XIMSS_TRY(ximss_upload_copy(upload, done, buffer, step, call->pool));
        XIMSS_TRY(ximss_file_write_add(writer, buffer, step, call->pool));
        done += (apr_int64_t)step;
    }
    return NULL;
}

/* fileWrite and fileStore. */
const ximss_error_t *ximss_op_file_write(ximss_call_t *call)
{
    const ximss_file_body_t *body = call->prepared;
    ximss_file_write_t write = {.now = call->context->clock(), .limits = call->context->limits};
    ximss_file_writer_t *writer;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &write.name));
    write.size = body->upload != NULL ? body->upload->size : (apr_int64_t)body->length;
    if (body->upload == NULL) {
        return ximss_file_write(call->account, &write, body->data, call->pool);
    }
    XIMSS_TRY(ximss_file_write_begin(&writer, call->account, &write, call->pool));
    XIMSS_TRY(copy_upload(call, writer, body->upload));
    return ximss_file_write_finish(writer, call->pool);
}
