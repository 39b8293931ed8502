/* Groups of fields (RFC 3464, RFC 8098) as MIMEReport elements. */
#include "mime/report.h"
#include "mime/header.h"

#include <apr_strings.h>
#include <string.h>

/* Bytes of a report that are shown, and groups: a bounce to a long list has one for each recipient. */
#define REPORT_BYTES_MAX ((apr_size_t)1024 * 1024)
#define GROUPS_MAX       10000

int ximss_report_is(const ximss_part_t *part)
{
    const char *subtype = part->subtype;
    if (strcmp(part->type, "message") != 0) {
        return 0;
    }
    subtype += strncmp(subtype, "global-", 7) == 0 ? 7 : 0;
    return strcmp(subtype, "delivery-status") == 0 ||
           strcmp(subtype, "disposition-notification") == 0;
}

static void write_group(ximss_xml_t *xml, const apr_array_header_t *fields, apr_pool_t *pool)
{
    const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;
    ximss_xml_start(xml, "MIMEReport");
    for (int i = 0; i < fields->nelts; i++) {
        const ximss_raw_field_t *raw = &APR_ARRAY_IDX(fields, i, ximss_raw_field_t);
        const ximss_field_t *field = ximss_field_decode(raw->name, raw->name_length, raw->value,
                                                        raw->value_length, &limits, pool);
        if (ximss_xml_name_ok(field->name)) {
            ximss_xml_element(xml, field->name, field->text);
        }
    }
    ximss_xml_end(xml);
}

/* Writes the groups of TEXT, and skips lines that belong to none; returns how many there were. */
static int write_groups(ximss_xml_t *xml, ximss_header_t *header, apr_pool_t *pool)
{
    apr_pool_t *scratch;
    int groups = 0;
    apr_pool_create(&scratch, pool);
    while (groups < GROUPS_MAX && header->at < header->length) {
        apr_size_t before = header->at;
        apr_pool_clear(scratch);
        ximss_header_scan(header);
        if (header->fields->nelts > 0) {
            write_group(xml, header->fields, scratch);
            groups++;
        }
        if (header->at == before) {
            const char *end = memchr(header->data + before, '\n', header->length - before);
            header->at = end == NULL ? header->length : (apr_size_t)(end - header->data) + 1;
        }
    }
    apr_pool_destroy(scratch);
    return groups;
}

void ximss_report_write(ximss_xml_t *xml, const char *text, apr_size_t length, apr_pool_t *pool)
{
    ximss_header_t header = {.data = text, .length = length, .room = REPORT_BYTES_MAX};
    header.line_end = '\n';
    header.fields = apr_array_make(pool, 16, sizeof(ximss_raw_field_t));
    if (write_groups(xml, &header, pool) == 0) {
        ximss_xml_text_n(xml, text, length);
    }
}
