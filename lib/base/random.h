/* Secrets from the system's random generator. */
#ifndef XIMSS_BASE_RANDOM_H
#define XIMSS_BASE_RANDOM_H

#include <apr.h>

/* Writes LENGTH characters of [A-Za-z0-9], each equally likely (5.95 bits), and a NUL to TEXT. Returns 0 when
 * there is no randomness: then TEXT is empty and must not be used. */
int ximss_random_text(char *text, apr_size_t length);

#endif
