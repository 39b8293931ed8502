/* Dates as XIMSS writes them, by civil-date arithmetic of our own: the C library's depends on the
 * locale, the process's zone and the width of its types. */
#include "base/time.h"

#include "base/zone.h"

#include <apr_strings.h>
#include <string.h>

enum { DAY_SECONDS = 86400 };

typedef struct civil_t {
    int year;
    int month;
    int day;
} civil_t;

/* The first and last second that four digits of year can say. */
static const apr_int64_t first_second = APR_INT64_C(-62135596800);
static const apr_int64_t last_second = APR_INT64_C(253402300799);

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, years from 1 on. Counting
 * years from March puts the leap day last. */
static apr_int64_t days_of(const civil_t *date)
{
    int year = date->year - (date->month <= 2);
    int month = (date->month + 9) % 12;
    apr_int64_t days = 365 * (apr_int64_t)year + year / 4 - year / 100 + year / 400;
    return days + (153 * month + 2) / 5 + date->day - 1 - 719468;
}

static civil_t civil_of(apr_int64_t days)
{
    apr_int64_t shifted = days + 719468; /* since 0000-03-01; positive for years from 1 on */
    apr_int64_t era = shifted / 146097;  /* of 400 years */
    int day = (int)(shifted % 146097);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int month = (5 * day + 2) / 153;
    civil_t date = {.year = (int)(era * 400) + year + (month >= 10),
                    .month = month < 10 ? month + 3 : month - 9,
                    .day = day - (153 * month + 2) / 5 + 1};
    return date;
}

static apr_int64_t clamp(apr_int64_t seconds)
{
    if (seconds < first_second) {
        return first_second;
    }
    return seconds > last_second ? last_second : seconds;
}

/* Writes the last COUNT digits of VALUE at TEXT. */
static void put_digits(char *text, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* By hand, for lists have several dates a row and printf took a sixth of a page's time. */
static const char *format_date(apr_int64_t seconds, const char *suffix, apr_pool_t *pool)
{
    seconds = clamp(seconds);
    apr_int64_t days = seconds / DAY_SECONDS;
    int rest = (int)(seconds % DAY_SECONDS);
    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    civil_t date = civil_of(days);
    char text[] = "YYYYMMDDTHHMMSS";
    put_digits(text, date.year, 4);
    put_digits(text + 4, date.month, 2);
    put_digits(text + 6, date.day, 2);
    put_digits(text + 9, rest / 3600, 2);
    put_digits(text + 11, rest / 60 % 60, 2);
    put_digits(text + 13, rest % 60, 2);
    return apr_pstrcat(pool, text, suffix, NULL);
}

const char *ximss_time_gmt(apr_int64_t seconds, apr_pool_t *pool)
{
    return format_date(seconds, "", pool);
}

const char *ximss_time_gmt_z(apr_int64_t seconds, apr_pool_t *pool)
{
    return format_date(seconds, "Z", pool);
}

const char *ximss_time_local(apr_int64_t seconds, const ximss_zone_t *zone, apr_pool_t *pool)
{
    seconds = clamp(seconds);
    return format_date(seconds + ximss_zone_offset(zone, seconds), "", pool);
}

const char *ximss_time_mail(apr_int64_t seconds, apr_int64_t shift, apr_pool_t *pool)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int minutes = shift > -DAY_SECONDS && shift < DAY_SECONDS ? (int)(shift / 60) : 0;
    int distance = minutes < 0 ? -minutes : minutes;
    apr_int64_t local = clamp(clamp(seconds) + (apr_int64_t)minutes * 60);
    apr_int64_t day = local / DAY_SECONDS - (local % DAY_SECONDS < 0);
    int rest = (int)(local - day * DAY_SECONDS);
    civil_t date = civil_of(day);
    return apr_psprintf(pool, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d", days[(day % 7 + 7) % 7],
                        date.day, months[date.month - 1], date.year, rest / 3600, rest / 60 % 60,
                        rest % 60, minutes < 0 ? '-' : '+', distance / 60, distance % 60);
}

/* COUNT digits at TEXT as a number, -1 if one is none. */
static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

int ximss_time_parse(const char *text, apr_int64_t *seconds)
{
    size_t length = strlen(text);
    if ((length != 15 && !(length == 16 && text[15] == 'Z')) || text[8] != 'T') {
        return 0;
    }
    civil_t date = {digits(text, 4), digits(text + 4, 2), digits(text + 6, 2)};
    int hour = digits(text + 9, 2);
    int minute = digits(text + 11, 2);
    int second = digits(text + 13, 2);
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > month_days(date.year, date.month)) {
        return 0;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return 0;
    }
    int rest = hour * 3600 + minute * 60 + second;
    *seconds = days_of(&date) * DAY_SECONDS + rest;
    return 1;
}
