/* The clock by which waits are measured. */
#ifndef XIMSS_BASE_CLOCK_H
#define XIMSS_BASE_CLOCK_H

#include <apr.h>

/* Milliseconds of a clock that nobody sets, the same for all processes of the machine. Any thread. */
apr_int64_t ximss_clock_ms(void);

#endif
