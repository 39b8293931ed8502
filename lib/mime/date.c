/* Dates of header fields (RFC 5322, 3.3 and 4.3) and of mbox "From " lines (asctime), read token by
 * token: what senders write in any order is taken if day, month, year and time are there. */
#include "mime/decode.h"

#include <apr_lib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct parts_t {
    int day; /* -1: not yet seen; alike below */
    int month;
    int year;
    int second_of_day;
    int zone_seen;
    int shift;
} parts_t;

typedef struct zone_name_t {
    const char *name;
    int hours;
} zone_name_t;

static const zone_name_t zone_names[] = {{"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"EST", -5},
                                         {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7},
                                         {"MDT", -6}, {"PST", -8}, {"PDT", -7}, {"CET", 1},
                                         {"CEST", 2}, {"BST", 1},  {"JST", 9}};

int ximss_date_month(const char *text)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (apr_size_t i = 0; i < 12; i++) {
        if (strncasecmp(text, months + 3 * i, 3) == 0) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar, with years that begin in March. */
static apr_int64_t days_from_civil(apr_int64_t year, int month, int day)
{
    apr_int64_t era;
    apr_int64_t year_of_era;
    apr_int64_t day_of_year;
    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

apr_int64_t ximss_date_seconds(int year, int month, int day, apr_int64_t second_of_day)
{
    return days_from_civil(year, month, day) * 86400 + second_of_day;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Digits at TEXT as a number; *DIGITS is how many there are. At most 9 count. */
static int read_number(const char *text, apr_size_t length, int *count)
{
    int value = 0;
    int n = 0;
    while (n < 9 && (apr_size_t)n < length && apr_isdigit(text[n])) {
        value = value * 10 + (text[n++] - '0');
    }
    *count = n;
    return value;
}

/* hh:mm, hh:mm:ss, also with fractions. */
static int read_time(parts_t *parts, const char *token, apr_size_t length)
{
    int value[3] = {0, 0, 0};
    apr_size_t at = 0;
    for (int i = 0; i < 3 && at < length; i++) {
        int count;
        value[i] = read_number(token + at, length - at, &count);
        at += (apr_size_t)count;
        if (count < 1 || count > 2) {
            return 0;
        }
        if (at < length && token[at] == ':') {
            at++;
        }
        else {
            break;
        }
    }
    if (value[0] > 24 || value[1] > 59 || value[2] > 60 || parts->second_of_day >= 0) {
        return 0;
    }
    parts->second_of_day = value[0] * 3600 + value[1] * 60 + value[2];
    return 1;
}

/* +hhmm or -hhmm, with a colon too. */
static void read_offset(parts_t *parts, const char *token, apr_size_t length)
{
    int count;
    int value = read_number(token + 1, length - 1, &count);
    if (count == 2 && length == 6 && token[3] == ':') {
        value = value * 100 + read_number(token + 4, 2, &count);
        count = 4;
    }
    if (count < 3 || count > 4 || value / 100 > 23 || value % 100 > 59) {
        return;
    }
    parts->shift = (value / 100 * 3600 + value % 100 * 60) * (token[0] == '-' ? -1 : 1);
    parts->zone_seen = 1;
}

/* RFC 5322, 4.3: two digits below 50 are 20xx, other two and three digits count from 1900. */
static void read_year(parts_t *parts, int value, int digits)
{
    if (digits <= 2) {
        value += value < 50 ? 2000 : 1900;
    }
    else if (digits == 3) {
        value += 1900;
    }
    parts->year = value;
}

/* "AM" and "PM" behind a time of twelve hours. */
static void read_half(parts_t *parts, char letter)
{
    const int noon = 12 * 3600;
    if ((letter == 'P' || letter == 'p') && parts->second_of_day < noon) {
        parts->second_of_day += noon;
    }
    else if ((letter == 'A' || letter == 'a') && parts->second_of_day >= noon) {
        parts->second_of_day -= noon;
    }
}

/* Day names and unknown zones say nothing (RFC 5322, 4.3). */
static void read_word(parts_t *parts, const char *token, apr_size_t length)
{
    if (length >= 3 && parts->month < 0 && ximss_date_month(token) > 0) {
        parts->month = ximss_date_month(token);
        return;
    }
    if (length == 2 && parts->second_of_day >= 0 && strncasecmp(token + 1, "M", 1) == 0) {
        read_half(parts, token[0]);
        return;
    }
    for (apr_size_t i = 0; parts->second_of_day >= 0 && !parts->zone_seen &&
                           i < sizeof(zone_names) / sizeof(zone_names[0]);
         i++) {
        if (strlen(zone_names[i].name) == length &&
            strncasecmp(zone_names[i].name, token, length) == 0) {
            parts->shift = zone_names[i].hours * 3600;
            parts->zone_seen = 1;
        }
    }
}

static int read_digits(parts_t *parts, const char *token, apr_size_t length)
{
    int count;
    int value;
    if (memchr(token, ':', length) != NULL) {
        return read_time(parts, token, length);
    }
    value = read_number(token, length, &count);
    if ((apr_size_t)count != length) {
        return 0;
    }
    if (parts->day < 0 && count <= 2) {
        parts->day = value;
        return 1;
    }
    if (parts->year < 0 && parts->month > 0 && count <= 4) {
        read_year(parts, value, count);
        return 1;
    }
    return parts->year >= 0;
}

/* Dashes part the tokens of "01-Jan-2000", but a "-" in front of digits behind the time is a zone. */
static apr_size_t token_length(const char *text, apr_size_t length, int time_seen)
{
    apr_size_t n = 0;
    if (time_seen && (text[0] == '+' || text[0] == '-')) {
        n = 1;
    }
    while (n < length && (apr_isalnum(text[n]) || text[n] == ':' || text[n] == '.')) {
        n++;
    }
    return n;
}

static int scan_tokens(parts_t *parts, const char *text, apr_size_t length)
{
    apr_size_t at = 0;
    while (at < length) {
        const char *token = text + at;
        apr_size_t n = token_length(token, length - at, parts->second_of_day >= 0);
        int good = 1;
        if (*token == '(') {
            break; /* a comment: only the zone's name stands there */
        }
        if (n == 0) {
            at++;
            continue;
        }
        if (apr_isdigit(*token)) {
            good = read_digits(parts, token, n);
        }
        else if (apr_isalpha(*token)) {
            read_word(parts, token, n);
        }
        else {
            /* "GMT+0100": the offset counts. A zone that cannot be read is unknown, thus GMT. */
            if (parts->shift == 0) {
                read_offset(parts, token, n);
            }
        }
        if (!good) {
            return 0;
        }
        at += n;
    }
    return 1;
}

int ximss_date_parse(const char *text, apr_size_t length, apr_int64_t *seconds, int *shift)
{
    parts_t parts = {-1, -1, -1, -1, 0, 0};
    if (length > 200 || !scan_tokens(&parts, text, length)) {
        return 0;
    }
    if (parts.day < 1 || parts.month < 1 || parts.year < 1 || parts.second_of_day < 0 ||
        parts.day > days_of_month(parts.year, parts.month)) {
        return 0;
    }
    *seconds =
        ximss_date_seconds(parts.year, parts.month, parts.day, parts.second_of_day) - parts.shift;
    *shift = parts.shift;
    return 1;
}
