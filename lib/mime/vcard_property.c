/* The table of properties, see vcard_property.h. */
#include "mime/vcard_property.h"

#include <apr.h>
#include <apr_lib.h>
#include <strings.h>

#define NAME_MAX_LENGTH 40

static const ximss_vcard_property_t properties[] = {
    {"N", {"FAMILY", "GIVEN", "MIDDLE", "PREFIX", "SUFFIX"}, ""},
    {"ADR", {"POBOX", "EXTADD", "STREET", "LOCALITY", "REGION", "PCODE", "CTRY"}, ""},
    {"ORG", {"ORGNAME", "ORGUNIT"}, ""},
    {"GEO", {"VALUE"}, ";"},
    {"CATEGORIES", {"VALUE"}, ","},
    {"NICKNAME", {"VALUE"}, ","},
    {"URL", {"VALUE"}, ",;"},
    {"", {"VALUE"}, ""},
};

const ximss_vcard_property_t *ximss_vcard_property(const char *name)
{
    const ximss_vcard_property_t *property = properties;
    while (*property->name != '\0' && strcasecmp(property->name, name) != 0) {
        property++;
    }
    return property;
}

int ximss_vcard_is_field(const ximss_vcard_property_t *property, const char *name)
{
    static const char *const values[] = {"VALUE", "USERID", "NUMBER", "BINVAL", "EXTVAL"};
    for (int i = 0; i < 5; i++) {
        if (strcasecmp(values[i], name) == 0) {
            return 1;
        }
    }
    for (int i = 0; i < 8 && property->fields[i] != NULL; i++) {
        if (strcasecmp(property->fields[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

int ximss_vcard_is_name(const char *name)
{
    apr_size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (length == NAME_MAX_LENGTH || (!apr_isalnum(name[length]) && name[length] != '-') ||
            (unsigned char)name[length] >= 0x80) {
            return 0;
        }
    }
    return length > 0;
}
