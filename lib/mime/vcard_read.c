/* vCard text to vCard XML: lines are unfolded, then each is a property with parameters and a value. */
#include "base/text.h"
#include "mime/vcard.h"
#include "mime/vcard_property.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

/* Parameters of one property that are looked at. */
#define PARAMETERS_MOST 32

typedef struct parameter_t {
    const char *name; /* "" for a bare value, as in vCard 2.1 */
    const char *value;
} parameter_t;

/* One property. */
typedef struct line_t {
    char *name; /* upper case */
    char *value;
    parameter_t parameters[PARAMETERS_MOST];
    int count;
} line_t;

/* ---- lines ---- */

/* The next line at *AT before END, unfolded, in POOL; NUL bytes end it early. NULL at the end. */
static char *next_line(const char **at, const char *end, apr_pool_t *pool)
{
    const char *stop = *at;
    apr_size_t used = 0;
    char *line;
    if (*at == end) {
        return NULL;
    }
    /* to the end of a line that no blank follows */
    do {
        stop = memchr(stop, '\n', (apr_size_t)(end - stop));
        stop = stop != NULL ? stop + 1 : end;
    } while (stop < end && (*stop == ' ' || *stop == '\t'));
    line = apr_palloc(pool, (apr_size_t)(stop - *at) + 1);
    while (*at < stop) {
        const char *feed = memchr(*at, '\n', (apr_size_t)(stop - *at));
        apr_size_t length = (apr_size_t)((feed != NULL ? feed : stop) - *at);
        memcpy(line + used, *at, length);
        used += length;
        used -= used > 0 && line[used - 1] == '\r';
        *at += length;
        *at += feed != NULL ? 1 + (feed + 1 < stop) : 0; /* the blank that folds */
    }
    line[used] = '\0';
    return line;
}

static void upper(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (char)apr_toupper(*text);
    }
}

/* Ends a parameter at TEXT, quotes and all, with a NUL; returns what follows it, and in *MARK the byte that ended it. */
static char *cut_parameter(char *text, char *mark)
{
    int quoted = 0;
    while (*text != '\0' && (quoted || (*text != ';' && *text != ':'))) {
        quoted ^= *text == '"';
        text++;
    }
    *mark = *text;
    if (*text != '\0') {
        *text++ = '\0';
    }
    return text;
}

static void add_parameter(line_t *line, char *text)
{
    char *equals = strchr(text, '=');
    parameter_t *parameter;
    if (line->count == PARAMETERS_MOST) {
        return;
    }
    parameter = &line->parameters[line->count++];
    parameter->name = "";
    parameter->value = text;
    if (equals != NULL) {
        *equals = '\0';
        parameter->name = text;
        parameter->value = equals + 1;
    }
}

/* Reads "[group.]NAME[;parameters]:value" in TEXT itself. Returns 0 when it is none. */
static int read_line(line_t *line, char *text)
{
    char mark;
    char *dot;
    char *rest = cut_parameter(text, &mark);
    dot = strchr(text, '.');
    line->name = dot != NULL ? dot + 1 : text;
    line->count = 0;
    while (mark == ';') {
        char *parameter = rest;
        rest = cut_parameter(parameter, &mark);
        add_parameter(line, parameter);
    }
    upper(line->name);
    line->value = rest;
    return mark == ':' && ximss_vcard_is_name(line->name) && ximss_xml_name_ok(line->name);
}

static int has_parameter(const line_t *line, const char *name, const char *value)
{
    int i;
    for (i = 0; i < line->count; i++) {
        if (strcasecmp(line->parameters[i].name, name) == 0 &&
            strcasecmp(line->parameters[i].value, value) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- values ---- */

/* Undoes the backslashes of VALUE in itself up to a bare byte SEPARATOR (NUL: none); returns what follows that, NULL at
 * the end. */
static char *unescape(char *value, char separator)
{
    char *to = value;
    for (; *value != '\0'; value++) {
        if (*value == '\\' && value[1] != '\0') {
            value++;
            *to++ = *value == 'n' || *value == 'N' ? '\n' : *value;
        }
        else if (*value == separator) {
            *to = '\0';
            return value + 1;
        }
        else {
            *to++ = *value;
        }
    }
    *to = '\0';
    return NULL;
}

/* Empty elements for the comma-separated TYPES. */
static void write_types(ximss_xml_t *out, const ximss_vcard_property_t *property, const char *types,
                        apr_pool_t *pool)
{
    char *rest;
    char *type = apr_strtok(apr_pstrdup(pool, types), ",\" ", &rest);
    for (; type != NULL; type = apr_strtok(NULL, ",\" ", &rest)) {
        upper(type);
        if (ximss_vcard_is_name(type) && ximss_xml_name_ok(type) &&
            !ximss_vcard_is_field(property, type)) {
            ximss_xml_element(out, type, "");
        }
    }
}

/* Parts of a structured value; the last field takes those that are left (units of an organisation). */
static void write_fields(ximss_xml_t *out, const ximss_vcard_property_t *property, char *value)
{
    int i = 0;
    while (value != NULL) {
        char *rest = unescape(value, ';');
        ximss_xml_element(out, property->fields[i], value);
        i += i + 1 < 8 && property->fields[i + 1] != NULL;
        value = rest;
    }
}

static void write_value(ximss_xml_t *out, const line_t *line,
                        const ximss_vcard_property_t *property)
{
    if (has_parameter(line, "ENCODING", "b") || has_parameter(line, "ENCODING", "BASE64") ||
        has_parameter(line, "", "BASE64")) {
        ximss_xml_element(out, "BINVAL", line->value);
        return;
    }
    if (property->fields[1] != NULL) {
        write_fields(out, property, line->value);
        return;
    }
    (void)unescape(line->value, '\0');
    if (has_parameter(line, "VALUE", "uri")) {
        ximss_xml_element(out, "EXTVAL", line->value);
        return;
    }
    if (strcmp(line->name, "EMAIL") == 0) {
        ximss_xml_element(out, "USERID", line->value);
    }
    if (strcmp(line->name, "TEL") == 0) {
        ximss_xml_element(out, "NUMBER", line->value);
    }
    ximss_xml_element(out, "VALUE", line->value);
}

static void write_property(ximss_xml_t *out, const line_t *line, apr_pool_t *pool)
{
    const ximss_vcard_property_t *property = ximss_vcard_property(line->name);
    int i;
    ximss_xml_start(out, line->name);
    for (i = 0; i < line->count; i++) {
        const parameter_t *parameter = &line->parameters[i];
        if (strcasecmp(parameter->name, "TYPE") == 0 ||
            (*parameter->name == '\0' && strcasecmp(parameter->value, "BASE64") != 0)) {
            write_types(out, property, parameter->value, pool);
        }
    }
    write_value(out, line, property);
    ximss_xml_end(out);
}

/* ---- groups ---- */

static void write_member(ximss_xml_t *out, const line_t *line)
{
    int i;
    ximss_xml_start(out, "MEMBER");
    for (i = 0; i < line->count; i++) {
        const parameter_t *parameter = &line->parameters[i];
        apr_size_t length = strlen(parameter->value);
        if (strcasecmp(parameter->name, "CN") == 0) {
            char *name = (char *)(apr_uintptr_t)parameter->value;
            if (length >= 2 && name[0] == '"' && name[length - 1] == '"') {
                name[length - 1] = '\0';
                name++;
            }
            ximss_xml_attr(out, "CN", name);
        }
    }
    (void)unescape(line->value, '\0');
    ximss_xml_element(out, "VALUE", line->value);
    ximss_xml_end(out);
}

/* Some clients read the name of a group as FN, some as NAME. */
static void write_group_name(ximss_xml_t *out, const line_t *line)
{
    static const char *const names[] = {"FN", "NAME"};
    int i;
    (void)unescape(line->value, '\0');
    for (i = 0; i < 2; i++) {
        ximss_xml_start(out, names[i]);
        ximss_xml_element(out, "VALUE", line->value);
        ximss_xml_end(out);
    }
}

/* ---- cards ---- */

enum { NO_CARD, CARD, GROUP };

/* What "BEGIN:" or "END:" a kind of card stands for. */
static int kind_of(const char *value)
{
    apr_size_t length = strcspn(value, " \t");
    if (length == 5 && strncasecmp(value, "VCARD", 5) == 0) {
        return CARD;
    }
    return length == 6 && strncasecmp(value, "VGROUP", 6) == 0 ? GROUP : NO_CARD;
}

/* The reading of a text. */
typedef struct reading_t {
    ximss_xml_t *out;
    int kind;  /* of the card that is open */
    int named; /* it is a group that has its name */
    int cards;
} reading_t;

static void begin_card(reading_t *reading, int kind)
{
    if (reading->kind == NO_CARD && kind != NO_CARD) {
        ximss_xml_start(reading->out, kind == CARD ? "vCard" : "vCardGroup");
        reading->kind = kind;
        reading->named = 0;
        reading->cards++;
    }
}

static void end_card(reading_t *reading)
{
    if (reading->kind != NO_CARD) {
        ximss_xml_end(reading->out);
        reading->kind = NO_CARD;
    }
}

static void write_line(reading_t *reading, const line_t *line, apr_pool_t *pool)
{
    if (reading->kind == GROUP && strcmp(line->name, "MEMBER") == 0) {
        write_member(reading->out, line);
    }
    else if (reading->kind == GROUP &&
             (strcmp(line->name, "NAME") == 0 || strcmp(line->name, "FN") == 0)) {
        if (!reading->named) {
            write_group_name(reading->out, line);
        }
        reading->named = 1;
    }
    else if (reading->kind != NO_CARD && strcmp(line->name, "VERSION") != 0) {
        write_property(reading->out, line, pool);
    }
}

static void take_line(reading_t *reading, const line_t *line, apr_pool_t *pool)
{
    if (strcasecmp(line->name, "begin") == 0) {
        begin_card(reading, kind_of(line->value));
    }
    else if (strcasecmp(line->name, "end") == 0) {
        end_card(reading);
    }
    else {
        write_line(reading, line, pool);
    }
}

int ximss_vcard_write(ximss_xml_t *out, const char *text, apr_size_t length, apr_pool_t *scratch)
{
    reading_t reading = {.out = out};
    const char *end = text + length;
    apr_pool_t *pool;
    line_t line;
    char *next;
    apr_pool_create(&pool, scratch);
    while ((next = next_line(&text, end, pool)) != NULL) {
        if (read_line(&line, next)) {
            take_line(&reading, &line, pool);
        }
        apr_pool_clear(pool);
    }
    end_card(&reading);
    apr_pool_destroy(pool);
    return reading.cards;
}
