/* What the properties of vCards are made of: one table for both directions. */
#ifndef XIMSS_MIME_VCARD_PROPERTY_H
#define XIMSS_MIME_VCARD_PROPERTY_H

/* The elements that make the value of a property, in the order of the text; other children are types. */
typedef struct ximss_vcard_property_t {
    const char *name;
    const char *fields[8];
    const char *plain; /* bytes that need no backslash although they part values elsewhere */
} ximss_vcard_property_t;

/* The property NAME, letter case ignored; never NULL. Static. */
const ximss_vcard_property_t *ximss_vcard_property(const char *name);

/* Whether the child NAME of a property holds a value, in any letter case. */
int ximss_vcard_is_field(const ximss_vcard_property_t *property, const char *name);

/* Whether NAME can be that of a property or type: letters, digits and "-", at most 40. */
int ximss_vcard_is_name(const char *name);

#endif
