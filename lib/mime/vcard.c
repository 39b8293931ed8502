/* vCard XML to vCard text (RFC 2426). */
#include "mime/vcard.h"
#include "base/text.h"
#include "mime/buffer.h"
#include "mime/vcard_property.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_LENGTH 75

/* ---- lines ---- */

static void put_text(ximss_buffer_t *out, const char *text)
{
    ximss_buffer_add(out, text, strlen(text));
}

static void put_upper(ximss_buffer_t *out, const char *text)
{
    for (; *text != '\0'; text++) {
        ximss_buffer_put(out, (char)apr_toupper(*text));
    }
}

/* VALUE with its special bytes behind backslashes, but for those in PLAIN. */
static void put_value(ximss_buffer_t *out, const char *value, const char *plain)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n' || (*value == '\r' && value[1] != '\n')) {
            put_text(out, "\\n");
        }
        else if ((unsigned char)*value >= ' ' || *value == '\t') {
            if (strchr("\\,;", *value) != NULL && strchr(plain, *value) == NULL) {
                ximss_buffer_put(out, '\\');
            }
            ximss_buffer_put(out, *value);
        }
    }
}

/* Moves LINE to OUT, folded at characters. */
static void flush(ximss_buffer_t *out, ximss_buffer_t *line)
{
    apr_size_t at = 0;
    apr_size_t room = LINE_MAX_LENGTH;
    while (at < line->length) {
        apr_size_t size = ximss_text_cut(line->data + at, line->length - at, room);
        if (at > 0) {
            put_text(out, "\n ");
        }
        ximss_buffer_add(out, line->data + at, size);
        at += size;
        room = LINE_MAX_LENGTH - 1;
    }
    ximss_buffer_put(out, '\n');
    line->length = 0;
}

/* ---- properties ---- */

static void put_types(ximss_buffer_t *line, const ximss_vcard_property_t *property,
                      const ximss_element_t *element)
{
    const ximss_element_t *child;
    const char *before = ";TYPE=";
    for (child = ximss_element_child(element, NULL); child != NULL;
         child = ximss_element_next(child, NULL)) {
        if (!ximss_vcard_is_field(property, child->name) && ximss_vcard_is_name(child->name)) {
            put_text(line, before);
            put_upper(line, child->name);
            before = ",";
        }
    }
}

/* The values of all children called NAME, joined by ";" (an organisation may have several units). */
static void put_field(ximss_buffer_t *line, const ximss_element_t *element, const char *name,
                      const char *plain, apr_pool_t *pool)
{
    const ximss_element_t *child = ximss_element_child(element, name);
    while (child != NULL) {
        put_value(line, ximss_element_text(child, pool), plain);
        child = ximss_element_next(child, name);
        if (child != NULL) {
            ximss_buffer_put(line, ';');
        }
    }
}

/* A value of one element: VALUE, or what stands for it, or the text of the property. */
static const char *single_value(const ximss_element_t *element, apr_pool_t *pool)
{
    static const char *const names[] = {"VALUE", "USERID", "NUMBER", "EXTVAL"};
    for (int i = 0; i < 4; i++) {
        const ximss_element_t *child = ximss_element_child(element, names[i]);
        if (child != NULL) {
            return ximss_element_text(child, pool);
        }
    }
    return ximss_element_word(element, pool);
}

static void put_base64(ximss_buffer_t *line, const char *text)
{
    put_text(line, ";ENCODING=b:");
    for (; *text != '\0'; text++) {
        if (apr_isalnum(*text) || *text == '+' || *text == '/' || *text == '=') {
            ximss_buffer_put(line, *text);
        }
    }
}

static void put_property(ximss_buffer_t *line, const ximss_element_t *element, apr_pool_t *pool)
{
    const ximss_vcard_property_t *property = ximss_vcard_property(element->name);
    const ximss_element_t *binary = ximss_element_child(element, "BINVAL");
    put_upper(line, element->name);
    put_types(line, property, element);
    if (binary != NULL) {
        put_base64(line, ximss_element_text(binary, pool));
        return;
    }
    if (ximss_element_child(element, "EXTVAL") != NULL) {
        put_text(line, ";VALUE=uri");
    }
    ximss_buffer_put(line, ':');
    if (property->fields[1] == NULL) {
        put_value(line, single_value(element, pool), property->plain);
        return;
    }
    for (int i = 0; i < 8 && property->fields[i] != NULL; i++) {
        if (i > 0) {
            ximss_buffer_put(line, ';');
        }
        put_field(line, element, property->fields[i], property->plain, pool);
    }
}

/* A member of a group: address, and the name in a parameter. */
static void put_member(ximss_buffer_t *line, const ximss_element_t *element, apr_pool_t *pool)
{
    const char *name = ximss_element_attr(element, "CN");
    put_text(line, "MEMBER");
    if (name != NULL && *name != '\0') {
        put_text(line, ";CN=\"");
        for (; *name != '\0'; name++) {
            if ((unsigned char)*name >= ' ' && *name != '"') {
                ximss_buffer_put(line, *name);
            }
        }
        ximss_buffer_put(line, '"');
    }
    ximss_buffer_put(line, ':');
    put_value(line, single_value(element, pool), "");
}

static int is_frame(const char *name)
{
    return strcasecmp(name, "begin") == 0 || strcasecmp(name, "end") == 0 ||
           strcasecmp(name, "version") == 0;
}

static void put_card(ximss_buffer_t *out, const ximss_element_t *card, const char *kind,
                     apr_pool_t *pool)
{
    const ximss_element_t *element;
    ximss_buffer_t line;
    ximss_buffer_init(&line, 256, pool);
    put_text(out, "BEGIN:");
    put_text(out, kind);
    put_text(out, "\nVERSION:3.0\n");
    for (element = ximss_element_child(card, NULL); element != NULL;
         element = ximss_element_next(element, NULL)) {
        if (!ximss_vcard_is_name(element->name) || is_frame(element->name)) {
            continue;
        }
        if (ximss_element_is(element, "MEMBER")) {
            put_member(&line, element, pool);
        }
        else {
            put_property(&line, element, pool);
        }
        flush(out, &line);
    }
    put_text(out, "END:");
    put_text(out, kind);
    ximss_buffer_put(out, '\n');
}

const char *ximss_vcard_text(const ximss_element_t *parent, apr_pool_t *pool)
{
    const ximss_element_t *card;
    ximss_buffer_t out;
    ximss_buffer_init(&out, 1024, pool);
    for (card = ximss_element_child(parent, NULL); card != NULL;
         card = ximss_element_next(card, NULL)) {
        if (ximss_element_is(card, "vCard")) {
            put_card(&out, card, "VCARD", pool);
        }
        else if (ximss_element_is(card, "vCardGroup")) {
            put_card(&out, card, "VGROUP", pool);
        }
    }
    return ximss_buffer_string(&out);
}
