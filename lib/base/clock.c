/* See clock.h. */
#include "base/clock.h"

#include <time.h>

apr_int64_t ximss_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
