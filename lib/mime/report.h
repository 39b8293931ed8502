/* Reports of delivery and disposition as XML. Internal to lib/mime. */
#ifndef XIMSS_MIME_REPORT_H
#define XIMSS_MIME_REPORT_H

#include "base/xml_out.h"
#include "mime/structure.h"

/* Whether PART is message/delivery-status or message/disposition-notification (or their "global-"
 * forms, RFC 6533). */
int ximss_report_is(const ximss_part_t *part);

/* Writes one MIMEReport element for each group of fields in TEXT (RFC 3464, 2.1: groups are parted by
 * empty lines; the first is about the message, each other one about a recipient), with one element for
 * each field, called like it, that holds its decoded text. Names that are not XML names are left out; a text
 * without any field is written as it is. */
void ximss_report_write(ximss_xml_t *xml, const char *text, apr_size_t length, apr_pool_t *pool);

#endif
