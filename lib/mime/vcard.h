/* vCard and vCardGroup elements and the texts that mails carry. */
#ifndef XIMSS_MIME_VCARD_H
#define XIMSS_MIME_VCARD_H

#include "base/xml_in.h"
#include "base/xml_out.h"

/* The vCard (RFC 2426) or vCardGroup elements inside PARENT as text, lines ended by LF and folded at 75 bytes; in POOL.
 * No value can end its line. */
const char *ximss_vcard_text(const ximss_element_t *parent, apr_pool_t *pool);

/* The cards in the LENGTH bytes of TEXT (RFC 2426 and like it; UTF-8) as vCard and vCardGroup elements: types first, VALUE
 * last, as clients expect it. Returns how many there were; what is no card is passed over.
 * Linear time; SCRATCH is not needed afterwards. */
int ximss_vcard_write(ximss_xml_t *out, const char *text, apr_size_t length, apr_pool_t *scratch);

#endif
