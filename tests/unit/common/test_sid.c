// SPDX-License-Identifier: Apache-2.0
// Forms of names: accepted and refused ones.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/sid.h"
#include "tests/lib/fixture.h"

static const char long_name[] =
    "ct:"
    "1234567890123456789012345678901234567890123456789012345678901234567890"
    "1234567890123456789012345678901234567890123456789012345678901234567890"
    "1234567890123456789012345678901234567890123456789012345678901234567890"
    "123456789012345678901234567890123456789012"; // 255

static void sid_rows(void **state)
{
    (void)state;
    static const char *const good[] = {"ct:100",
                                       "vm:10",
                                       "fa:1",
                                       "unit:nginx.service",
                                       "ocf:db1",
                                       "fa:a:b",
                                       "unit:a@b-1.service",
                                       "unit:dev-\\x2ddisk.service",
                                       "ocf:DB_1.main-a",
                                       "ocf:_x",
                                       "fa:\xc3\xa4",
                                       long_name};
    static const char *const bad[] = {"",
                                      ":",
                                      "ct:",
                                      ":100",
                                      "100",
                                      "ct",
                                      "ct 100",
                                      "ct: 100",
                                      "CT:100",
                                      "c1:100",
                                      "ct:1",
                                      "ct:0100",
                                      "vm:10a",
                                      "vm:-10",
                                      "unit:nginx",
                                      "unit:.service",
                                      "unit:a@.service",
                                      "unit:@b.service",
                                      "unit:a/b.service",
                                      "unit:a.socket",
                                      "unit:a b.service",
                                      "unit:\xc3\xa4.service",
                                      "ocf:a/b",
                                      "ocf:..",
                                      "ocf:-a",
                                      "ocf:a:b",
                                      "ocf:\xc3\xa4",
                                      "fa:a b",
                                      "fa:a\tb",
                                      "fa:a\n",
                                      "fa:\x7f",
                                      "fa:a\x01z",
                                      "fa:\xff",
                                      "fa:\xc3"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        fixture_row(good[i], sid_check(good[i], NULL) == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        fixture_row(bad[i], sid_check(bad[i], NULL) == -EINVAL);
    }
    char longer[SID_MAX + 2];
    (void)memcpy(longer, long_name, sizeof(long_name));
    longer[SID_MAX] = '3';
    longer[SID_MAX + 1] = '\0';
    assert_int_equal(strlen(long_name), SID_MAX);
    assert_int_equal(sid_check(longer, NULL), -EINVAL);
}

static void sid_error_says_the_form(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(sid_check("ct", &err), -EINVAL);
    assert_string_equal(err.text, "invalid service id 'ct': expected <type>:<name>");
    assert_int_equal(sid_check("vm:1", &err), -EINVAL);
    assert_string_equal(
        err.text,
        "invalid service id 'vm:1': expected a number of at least two digits after 'vm:'");
    assert_int_equal(sid_check("unit:nginx", &err), -EINVAL);
    assert_string_equal(err.text, "invalid service id 'unit:nginx': expected the name of a unit "
                                  "after 'unit:', such as 'unit:nginx.service'");
    assert_int_equal(sid_check("ocf:a/b", &err), -EINVAL);
    assert_string_equal(err.text, "invalid service id 'ocf:a/b': expected letters, digits, '.', "
                                  "'_' and '-' after 'ocf:', and no sign at the start");
}

static void sid_parts(void **state)
{
    assert_string_equal(sid_type(*state, "ct:100"), "ct");
    assert_string_equal(sid_name("ct:100"), "100");
    assert_string_equal(sid_type(*state, "fa:a:b"), "fa");
    assert_string_equal(sid_name("fa:a:b"), "a:b");
}

static void node_name_rows(void **state)
{
    (void)state;
    static const char *const good[] = {
        "n",        "node1",
        "a-b",      "N-1",
        "1",        "a--b",
        "az-AZ-09", "123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {
        "",
        "-",
        "-a",
        "a-",
        "a.b",
        "a_b",
        "a b",
        "n\xc3\xa4",
        "a\n",
        "node1:2",
        "1234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        fixture_row(good[i], node_name_check(good[i], NULL) == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        fixture_row(bad[i], node_name_check(bad[i], NULL) == -EINVAL);
    }
}

static void config_id_rows(void **state)
{
    (void)state;
    static const char *const good[] = {"ab", "a1", "A_-9", "a-", "keep-them_apart2"};
    static const char *const bad[] = {"",    "a",   "1a",        "_a",  "-a",
                                      "a.b", "a b", "a\xc3\xa4", "a:b", "ab\n"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        fixture_row(good[i], config_id_check(good[i], NULL) == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        fixture_row(bad[i], config_id_check(bad[i], NULL) == -EINVAL);
    }
}

static void sid_is_of_its_own_type_only(void **state)
{
    (void)state;
    assert_true(sid_is_of("vm:100", "vm"));
    assert_false(sid_is_of("vm:100", "ct"));
    assert_false(sid_is_of("vmx:100", "vm"));
    assert_false(sid_is_of("v:100", "vm"));
    assert_false(sid_is_of("vm", "vm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sid_rows),       cmocka_unit_test(sid_error_says_the_form),
        fixture_test(sid_parts),          cmocka_unit_test(node_name_rows),
        cmocka_unit_test(config_id_rows), cmocka_unit_test(sid_is_of_its_own_type_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
