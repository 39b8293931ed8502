/* Dates as XIMSS writes them, and time zones from the system's database. */
#ifndef XIMSS_BASE_TIME_H
#define XIMSS_BASE_TIME_H

#include <apr.h>
#include <apr_pools.h>
#include <apr_tables.h>

typedef struct ximss_zone_t ximss_zone_t;

/* YYYYMMDDTHHMMSS in GMT of SECONDS since 1970 (may be negative, years 0001 to 9999; beyond is
 * clamped), in POOL. */
const char *ximss_time_gmt(apr_int64_t seconds, apr_pool_t *pool);

/* The same with a Z at the end. */
const char *ximss_time_gmt_z(apr_int64_t seconds, apr_pool_t *pool);

/* YYYYMMDDTHHMMSS in ZONE, in POOL. */
const char *ximss_time_local(apr_int64_t seconds, const ximss_zone_t *zone, apr_pool_t *pool);

/* The date of a mail (RFC 5322, 3.3) "Wed, 21 Jun 2006 21:51:24 -0800" of SECONDS since 1970, with an offset of
 * SHIFT seconds east of GMT taken to whole minutes (a day or more: none), in POOL. */
const char *ximss_time_mail(apr_int64_t seconds, apr_int64_t shift, apr_pool_t *pool);

/* Reads YYYYMMDDTHHMMSS[Z] as GMT. Returns 0 when TEXT is not such a date. */
int ximss_time_parse(const char *text, apr_int64_t *seconds);

/* The zone called NAME in the system's tz database; "HostOS", NULL, "" and unknown names give that of
 * the machine. Never NULL; owned by the process, never freed; any thread. */
const ximss_zone_t *ximss_zone_get(const char *name);

/* All zone names of the system's database, sorted (const char *), in POOL. */
apr_array_header_t *ximss_zone_list(apr_pool_t *pool);

#endif
