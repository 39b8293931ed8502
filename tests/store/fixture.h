/* What the store's tests share: a store in a folder of its own, one account, and messages made up from a
 * number, digested without the MIME parser. */
#ifndef XIMSS_TESTS_STORE_FIXTURE_H
#define XIMSS_TESTS_STORE_FIXTURE_H

#include "store/store.h"

#include <check.h>

/* Each program defines it. */
void fixture_fill(Suite *suite);

/* Of the running test: set up before it, removed after it. */
extern apr_pool_t *test_pool;
extern const char *test_dir;
extern ximss_store_t *test_store;
extern const char *test_id;
extern ximss_account_t *test_account;

/* A test case of SUITE with these. */
TCase *fixture_case(Suite *suite, const char *name);

/* Gives test_account back and closes test_store, so that a child process may open its own. */
void fixture_close(void);

/* Opens both again. */
void fixture_reopen(void);

/* What stores for a server are told of views: below 0, nothing may be purged. From two tombstones on they purge. */
extern apr_int64_t fixture_oldest_view;

/* Opens another store on the same folder, in POOL. */
ximss_store_t *fixture_open(int server, int lock_wait_ms, apr_pool_t *pool);

/* Fails the test with the error's log line. */
#define must(expr) fixture_must((expr), #expr, __LINE__)
void fixture_must(const ximss_error_t *error, const char *what, int line);
#define must_fail(expr, code) fixture_must_fail((expr), (code), #expr, __LINE__)
void fixture_must_fail(const ximss_error_t *error, ximss_error_code_t code, const char *what,
                       int line);

/* The message called NUMBER, of SIZE bytes or (0) some hundred; its keys depend on NUMBER so that many
 * are equal. */
ximss_digest_t *fixture_digest(unsigned int number, apr_size_t size, apr_pool_t *pool);

/* INTERNALDATE of message NUMBER. */
apr_int64_t fixture_date(unsigned int number);

/* Appends message NUMBER inside the open write transaction. */
apr_uint32_t fixture_append(ximss_account_t *account, apr_int64_t mailbox, unsigned int number,
                            unsigned int bits);

ximss_mailbox_t *fixture_mailbox(ximss_account_t *account, const char *name);

/* Runs a check; returns the number of faults. */
apr_int64_t fixture_check(ximss_account_t *account, int repair);

/* A number that follows from *SEED. */
unsigned int fixture_random(unsigned int *seed);

/* Runs SQL, which must change something, on mail.db of the account behind the store's back. */
void fixture_spoil(const char *sql);

#endif
