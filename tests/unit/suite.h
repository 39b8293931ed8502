/* What every unit test program shares: a pool a test, and a main() that prints TAP. */
#ifndef XIMSS_UNIT_SUITE_H
#define XIMSS_UNIT_SUITE_H

#include <apr_pools.h>
#include <check.h>

/* The pool of the running test, made and destroyed around it. */
extern apr_pool_t *test_pool;

/* Adds the test cases of this program to SUITE; each program defines it. */
void suite_fill(Suite *suite);

/* A test case of SUITE with the pool fixture. */
TCase *suite_case(Suite *suite, const char *name);

/* A path below the source folder (XIMSS_SRC, else where it was compiled). */
const char *suite_source(const char *path);

#endif
