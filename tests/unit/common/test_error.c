// SPDX-License-Identifier: Apache-2.0
// Error texts: set, prefix, cut, without a receiver.
#include <errno.h>
#include <string.h>

#include "common/base/error.h"
#include "tests/lib/fixture.h"

static void error_set_returns_the_code(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, -EINVAL, "key '%s'", "x"), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.text, "key 'x'");
}

static void error_set_errno_appends_the_systems_words(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set_errno(&err, -ENOENT, "cannot open '%s'", "f"), -ENOENT);
    assert_string_equal(err.text, "cannot open 'f': No such file or directory");
    assert_int_equal(error_set_errno(&err, -99999, "odd"), -99999);
    assert_string_equal(err.text, "odd: unknown error");
}

static void error_prefix_keeps_the_code(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set(&err, -ERANGE, "too large"); // the code is checked below
    assert_int_equal(error_prefix(&err, "line %d", 4), -ERANGE);
    assert_int_equal(error_prefix(&err, "rules"), -ERANGE);
    assert_string_equal(err.text, "rules: line 4: too large");
    assert_int_equal(err.code, -ERANGE);
}

static void error_set_from_its_own_text_works(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set(&err, -EIO, "first");               // the text is checked below
    (void)error_set(&err, -EIO, "%s, again", err.text); // likewise
    assert_string_equal(err.text, "first, again");
}

static void error_too_long_is_cut(void **state)
{
    (void)state;
    struct error err = {0};
    char text[2 * ERROR_TEXT_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(error_set(&err, -EINVAL, "%s", text), -EINVAL);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    assert_int_equal(error_prefix(&err, "%s", text), -EINVAL);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
}

static void error_without_receiver_returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, -EBUSY, "x"), -EBUSY);
    assert_int_equal(error_set_errno(NULL, -EBUSY, "x"), -EBUSY);
    assert_int_equal(error_prefix(NULL, "x"), -EINVAL);
    error_clear(NULL);
}

static void error_clear_forgets(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set(&err, -EIO, "x"); // forgotten next
    error_clear(&err);
    assert_int_equal(err.code, 0);
    assert_string_equal(err.text, "");
}

static void set_success(void *data)
{
    (void)error_set(data, 0, "no error"); // must not return
}

static void error_set_with_success_aborts(void **state)
{
    (void)state;
    assert_true(fixture_aborts(set_success, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_returns_the_code),
        cmocka_unit_test(error_set_errno_appends_the_systems_words),
        cmocka_unit_test(error_prefix_keeps_the_code),
        cmocka_unit_test(error_set_from_its_own_text_works),
        cmocka_unit_test(error_too_long_is_cut),
        cmocka_unit_test(error_without_receiver_returns_the_code),
        cmocka_unit_test(error_clear_forgets),
        cmocka_unit_test(error_set_with_success_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
