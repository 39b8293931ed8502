/* The part of the time zones that needs no other than dates. */
#ifndef XIMSS_BASE_ZONE_H
#define XIMSS_BASE_ZONE_H

#include "base/time.h"

/* Seconds to add to GMT for the local time of ZONE at SECONDS since 1970 in GMT. */
apr_int64_t ximss_zone_offset(const ximss_zone_t *zone, apr_int64_t seconds);

#endif
