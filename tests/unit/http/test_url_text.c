// SPDX-License-Identifier: Apache-2.0
// Percent-encoded text.
#include <errno.h>
#include <string.h>

#include "api/http/parse/url_text.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"

static void text_is_decoded_once(void **state)
{
    static const struct {
        const char *text;
        bool plus;
        const char *decoded; // NULL: refused
    } table[] = {
        {"abc", false, "abc"},      {"a%20b", false, "a b"}, {"a+b", false, "a+b"},
        {"a+b", true, "a b"},       {"%2B", true, "+"},      {"%252B", true, "%2B"},
        {"100%", true, "100%"},     {"%zz", true, "%zz"},    {"%4", true, "%4"},
        {"%c3%a9", true, "\u00e9"}, {"%00", true, NULL},     {"%c3", true, NULL},
        {"%c0%af", false, NULL},    {"", true, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char *decoded = NULL;
        int r =
            url_decode(*state, table[i].text, strlen(table[i].text), table[i].plus, &decoded, NULL);
        if (table[i].decoded == NULL) {
            fixture_row(table[i].text, r == -EINVAL && decoded == NULL);
        } else {
            fixture_row(table[i].text, r == 0 && strcmp(decoded, table[i].decoded) == 0);
        }
    }
}

static void text_encoded_is_decoded_to_itself(void **state)
{
    static const char text[] = "PVE:a@b!c=+/ \u00e9%\"\r\n";
    char *decoded;
    const char *encoded = url_encode(*state, text);
    assert_null(strpbrk(encoded, " \r\n\"+/=:"));
    assert_int_equal(url_decode(*state, encoded, strlen(encoded), false, &decoded, NULL), 0);
    assert_string_equal(decoded, text);
}

static void path_loses_its_empty_parts(void **state)
{
    static const struct {
        const char *text;
        const char *path;
    } table[] = {
        {"/", "/"},
        {"", "/"},
        {"//a///b/", "/a/b"},
        {"/a%2Fb", "/a/b"},
        {"/%2e%2e/x", "/../x"},
        {"/UPID%3An%40", "/UPID:n@"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char *path;
        fixture_row(table[i].text,
                    url_path_read(*state, table[i].text, strlen(table[i].text), &path, NULL) == 0);
        fixture_row(table[i].text, strcmp(path, table[i].path) == 0);
    }
}

static int pairs_of(struct arena *arena, const char *text, const char **ret, struct error *err)
{
    struct json *object = json_new_object(arena);
    int r = url_pairs_read(arena, text, strlen(text), object, err);
    *ret = json_to_text(arena, object);
    return r;
}

static void pairs_become_members(void **state)
{
    const char *text;
    assert_int_equal(pairs_of(*state, "b=2&a=x+y&&c&=z&a=x%20y", &text, NULL), 0);
    assert_string_equal(text, "{\"a\":\"x y\",\"b\":\"2\",\"c\":\"\"}");
}

static void pair_that_differs_from_one_before_is_refused(void **state)
{
    struct error err = {0};
    const char *text;
    assert_int_equal(pairs_of(*state, "a=1&a=2", &text, &err), -EEXIST);
    assert_string_equal(err.text, "a");
}

static void pairs_without_end_are_refused(void **state)
{
    struct json *object = json_new_object(*state);
    int r = 0;
    size_t count = 0;
    while (r == 0 && count <= URL_PARAMETERS_MAX) {
        const char *text = arena_printf(*state, "a%zu=1", count++);
        r = url_pairs_read(*state, text, strlen(text), object, NULL);
    }
    assert_int_equal(r, -EINVAL);
    assert_int_equal(object->members.count, URL_PARAMETERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(text_is_decoded_once),
        fixture_test(text_encoded_is_decoded_to_itself),
        fixture_test(path_loses_its_empty_parts),
        fixture_test(pairs_become_members),
        fixture_test(pair_that_differs_from_one_before_is_refused),
        fixture_test(pairs_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
