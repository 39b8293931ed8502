/* Password verifiers: scheme, salts, odd verifiers, and that a check without a verifier costs a hash. */
#include "auth/password.h"
#include "unit/suite.h"

#include <apr_strings.h>
#include <crypt.h>
#include <string.h>

static const char *hash(const char *password)
{
    const char *verifier = NULL;

    ck_assert_ptr_null(ximss_password_hash(password, &verifier, test_pool));
    return verifier;
}

/* A verifier by any setting of libcrypt. */
static const char *hash_by(const char *password, const char *setting)
{
    static struct crypt_data data;
    const char *result = crypt_r(password, setting, &data);

    ck_assert_int_ne(result[0], '*');
    return apr_pstrdup(test_pool, result);
}

START_TEST(fits_only_itself)
{
    const char *verifier = hash("Gr\xc3\xbc\xc3\x9f Gott");

    ck_assert_int_eq(strncmp(verifier, "$y$", 3), 0);
    ck_assert(ximss_password_check("Gr\xc3\xbc\xc3\x9f Gott", verifier));
    ck_assert(!ximss_password_check("Gr\xc3\xbc\xc3\x9f Got", verifier));
    ck_assert(!ximss_password_check("gr\xc3\xbc\xc3\x9f gott", verifier));
    ck_assert(!ximss_password_check("", verifier));
    ck_assert(!ximss_password_check(verifier, verifier));
}
END_TEST

START_TEST(salted)
{
    ck_assert_str_ne(hash("demo"), hash("demo"));
}
END_TEST

START_TEST(unfit_passwords)
{
    char *text = apr_pcalloc(test_pool, 600);
    const char *verifier;

    ck_assert_int_eq(ximss_password_hash("", &verifier, test_pool)->code, XIMSS_E_BAD_REQUEST);
    memset(text, 'x', 599);
    ck_assert_int_eq(ximss_password_hash(text, &verifier, test_pool)->code, XIMSS_E_LIMIT);
    ck_assert(!ximss_password_check(text, hash("x")));
    text[511] = '\0';
    verifier = hash(text);
    ck_assert(ximss_password_check(text, verifier));
    text[510] = 'y';
    ck_assert(!ximss_password_check(text, verifier));
}
END_TEST

/* What is no verifier never fits, not even its own text, and costs as much as one. */
START_TEST(no_verifier)
{
    static const char *const odd[] = {NULL, "",    "*",       "!",    "x",      "*0",
                                      "*1", "$y$", "$9$abc$", "demo", "$y$j9T$"};
    apr_size_t i;

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        apr_uint64_t before = ximss_password_runs();

        ck_assert(!ximss_password_check("demo", odd[i]));
        ck_assert_uint_eq(ximss_password_runs(), before + 1);
    }
    ck_assert(!ximss_password_check("*0", "*0"));
    ck_assert(!ximss_password_check("", ""));
}
END_TEST

START_TEST(one_run_a_check)
{
    const char *verifier = hash("demo");
    apr_uint64_t before = ximss_password_runs();

    ximss_password_check("demo", verifier);
    ck_assert_uint_eq(ximss_password_runs(), before + 1);
    ximss_password_check("wrong", verifier);
    ck_assert_uint_eq(ximss_password_runs(), before + 2);
}
END_TEST

START_TEST(other_schemes)
{
    const char *sha512 = hash_by("demo", "$6$abcdefgh");
    const char *cheap = hash_by("demo", "$y$j8T$abcdefgh");

    ck_assert(ximss_password_check("demo", sha512));
    ck_assert(!ximss_password_check("Demo", sha512));
    ck_assert(ximss_password_check("demo", cheap));
    ck_assert(ximss_password_weak(sha512));
    ck_assert(ximss_password_weak(cheap));
    ck_assert(ximss_password_weak(""));
    ck_assert(!ximss_password_weak(hash("demo")));
    ck_assert(!ximss_password_weak("$y$jAT$abcdefgh$"));
    ck_assert(!ximss_password_weak("$y$"));
}
END_TEST

void suite_fill(Suite *suite)
{
    TCase *tests = suite_case(suite, "password");

    tcase_add_test(tests, fits_only_itself);
    tcase_add_test(tests, salted);
    tcase_add_test(tests, unfit_passwords);
    tcase_add_test(tests, no_verifier);
    tcase_add_test(tests, one_run_a_check);
    tcase_add_test(tests, other_schemes);
}
