/* The header fields whose spelling and kind are known. Internal to lib/mime. */
#ifndef XIMSS_MIME_NAMES_H
#define XIMSS_MIME_NAMES_H

#include "mime/field.h"

/* The number of the field called NAME, letter case ignored; 0 if it is not known. The numbers stand in
 * packed data: they never change. */
int ximss_name_find(const char *name, apr_size_t length);

/* The canonical spelling of field NUMBER, NULL if there is no such number. */
const char *ximss_name_spelling(int number);

/* The kind of field NUMBER; XIMSS_FIELD_TEXT for 0. */
ximss_field_kind_t ximss_name_kind(int number);

#endif
