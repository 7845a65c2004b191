// SPDX-License-Identifier: Apache-2.0
// Strict reading of values: whole text, range, results unchanged on failure.
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/parse.h"
#include "tests/lib/fixture.h"

static void parse_int64_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        int result;
        int64_t value;
    } rows[] = {
        {"0", 0, 10, 0, 0},
        {"-0", -1, 1, 0, 0},
        {"10", 0, 10, 0, 10},
        {"11", 0, 10, -ERANGE, 0},
        {"-1", 0, 10, -ERANGE, 0},
        {"007", 0, 10, 0, 7},
        {"9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"", 0, 10, -EINVAL, 0},
        {"-", 0, 10, -EINVAL, 0},
        {"+1", 0, 10, -EINVAL, 0},
        {" 1", 0, 10, -EINVAL, 0},
        {"1 ", 0, 10, -EINVAL, 0},
        {"10x", 0, 100, -EINVAL, 0},
        {"0x10", 0, 100, -EINVAL, 0},
        {"1.0", 0, 100, -EINVAL, 0},
        {"--1", -10, 10, -EINVAL, 0},
        {"99999999999999999999x", 0, 10, -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t value = 4711;
        fixture_row(rows[i].text,
                    parse_int64(rows[i].text, rows[i].min, rows[i].max, &value) == rows[i].result);
        fixture_row(rows[i].text, value == (rows[i].result == 0 ? rows[i].value : 4711));
    }
}

static void parse_uint64_rows(void **state)
{
    (void)state;
    uint64_t value = 4711;
    assert_int_equal(parse_uint64("18446744073709551615", &value), 0);
    assert_true(value == UINT64_MAX);
    value = 4711;
    assert_int_equal(parse_uint64("18446744073709551616", &value), -ERANGE);
    assert_int_equal(parse_uint64("-1", &value), -EINVAL);
    assert_int_equal(parse_uint64("", &value), -EINVAL);
    assert_int_equal(parse_uint64("12 ", &value), -EINVAL);
    assert_int_equal(value, 4711);
}

static void parse_bool_rows(void **state)
{
    (void)state;
    static const char *const yes[] = {"1", "yes", "YES", "on", "On", "true", "TRUE"};
    static const char *const no[] = {"0", "no", "off", "false", "False"};
    static const char *const bad[] = {"", "2", "y", "00", " 1", "1 ", "truee"};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        bool value = false;
        fixture_row(yes[i], parse_bool(yes[i], &value) == 0 && value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
        bool value = true;
        fixture_row(no[i], parse_bool(no[i], &value) == 0 && !value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        bool value = true;
        fixture_row(bad[i], parse_bool(bad[i], &value) == -EINVAL && value);
    }
}

static void parse_double_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        double value;
    } rows[] = {
        {"0", 0, 0.0},       {"0.25", 0, 0.25},   {"24", 0, 24.0},     {"-1.5", 0, -1.5},
        {"", -EINVAL, 0},    {"-", -EINVAL, 0},   {".5", -EINVAL, 0},  {"1.", -EINVAL, 0},
        {"1e3", -EINVAL, 0}, {"nan", -EINVAL, 0}, {"inf", -EINVAL, 0}, {"0x1", -EINVAL, 0},
        {"1,5", -EINVAL, 0}, {" 1", -EINVAL, 0},  {"1 ", -EINVAL, 0},  {"1.2.3", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double value = 4711;
        fixture_row(rows[i].text, parse_double(rows[i].text, &value) == rows[i].result);
        fixture_row(rows[i].text, value == (rows[i].result == 0 ? rows[i].value : 4711));
    }
    char huge[400];
    memset(huge, '9', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    double value = 4711;
    assert_int_equal(parse_double(huge, &value), -ERANGE);
    assert_true(value == 4711);
}

static void parse_duration_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        int64_t ms;
    } rows[] = {
        {"5", 0, 5000},
        {"5s", 0, 5000},
        {"250ms", 0, 250},
        {"2m", 0, 120000},
        {"1h", 0, 3600000},
        {"0", 0, 0},
        {"", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"5 s", -EINVAL, 0},
        {"-5", -EINVAL, 0},
        {"1.5s", -EINVAL, 0},
        {"5d", -EINVAL, 0},
        {"5sec", -EINVAL, 0},
        {"9223372036854775807ms", 0, INT64_MAX},
        {"9223372036854775807", -ERANGE, 0},
        {"99999999999999999999h", -ERANGE, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t ms = 4711;
        fixture_row(rows[i].text, parse_duration_ms(rows[i].text, &ms) == rows[i].result);
        fixture_row(rows[i].text, ms == (rows[i].result == 0 ? rows[i].ms : 4711));
    }
}

static void parse_list_splits_at_any_separator(void **state)
{
    struct parse_words words = parse_list(*state, " ,a;;b\tc\n , d:1 ;");
    assert_int_equal(words.count, 4);
    assert_string_equal(words.words[0], "a");
    assert_string_equal(words.words[1], "b");
    assert_string_equal(words.words[2], "c");
    assert_string_equal(words.words[3], "d:1");
    assert_int_equal(parse_list(*state, "").count, 0);
    assert_int_equal(parse_list(*state, ",; \t").count, 0);
    assert_int_equal(parse_list(*state, "a,b,c,d,e").count, 5);
}

static void parse_fields_splits_at_blanks_only(void **state)
{
    struct parse_words words = parse_fields(*state, "  migrate ct:100,x\tnode2 ");
    assert_int_equal(words.count, 3);
    assert_string_equal(words.words[1], "ct:100,x");
    assert_int_equal(parse_fields(*state, "").count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_int64_rows),
        cmocka_unit_test(parse_uint64_rows),
        cmocka_unit_test(parse_bool_rows),
        cmocka_unit_test(parse_double_rows),
        cmocka_unit_test(parse_duration_rows),
        fixture_test(parse_list_splits_at_any_separator),
        fixture_test(parse_fields_splits_at_blanks_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
