/* A message or a part as EMail/MIME XML (protocol text, Message Operations). */
#ifndef XIMSS_MIME_TO_XML_H
#define XIMSS_MIME_TO_XML_H

#include "base/time.h"
#include "base/xml_out.h"
#include "mime/structure.h"

/* Reads LENGTH raw bytes of the message from OFFSET; *DATA is in POOL. */
typedef const ximss_error_t *(*ximss_raw_read_t)(void *baton, apr_int64_t offset, apr_size_t length,
                                                 const char **data, apr_pool_t *pool);

typedef struct ximss_to_xml_t {
    const ximss_zone_t *zone; /* for localTime */
    apr_int64_t size_limit;   /* totalSizeLimit: bodies beyond it are left empty; negative: none */
    ximss_raw_read_t read;
    void *baton;
} ximss_to_xml_t;

/* Writes the whole message as an EMail element. Header fields in the order of the message; names that
 * are not XML names are left out, and so are a second From, Sender, Subject, Date or Message-ID; never more than 190 levels. Only bodies that are shown are read. */
const ximss_error_t *ximss_email_write(ximss_xml_t *xml, const ximss_part_t *top,
                                       const ximss_to_xml_t *options, apr_pool_t *pool);

/* Writes one part: the MIME element, or for a message part the EMail inside it (with its partID). */
const ximss_error_t *ximss_part_write(ximss_xml_t *xml, const ximss_part_t *part,
                                      const ximss_to_xml_t *options, apr_pool_t *pool);

/* Writes a header field as elements called ELEMENT_NAME (EMail children and viewer fields alike): address
 * fields one element an address with realName when EACH_ADDRESS, else one element with
 * ximss_field_value(); dates with localTime, and with timeShift when WITH_SHIFT. Texts are cut to LIMIT
 * bytes (0: no limit). A date that is not valid writes nothing. */
typedef struct ximss_field_style_t {
    const char *element_name;
    int each_address;
    int with_shift;
    const ximss_zone_t *zone;
    apr_size_t limit;
} ximss_field_style_t;
void ximss_field_write(ximss_xml_t *xml, const ximss_field_t *field,
                       const ximss_field_style_t *style, apr_pool_t *pool);

/* Writes a date element: <NAME localTime="...">YYYYMMDDTHHMMSSZ</NAME>. */
void ximss_date_write(ximss_xml_t *xml, const char *name, apr_int64_t seconds,
                      const ximss_zone_t *zone, apr_pool_t *pool);

#endif
