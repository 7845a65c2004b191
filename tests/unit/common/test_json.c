// SPDX-License-Identifier: Apache-2.0
// JSON: what is read, what is refused and where, the one form of writing, typed access.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/lib/fixture.h"

static struct json *parse_ok(struct arena *arena, const char *text)
{
    struct json *json = NULL;
    struct error err = {0};
    if (json_parse(arena, text, strlen(text), &json, &err) < 0) {
        fail_msg("row '%s': %s", text, err.text);
    }
    return json;
}

static void json_is_written_in_one_form(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } rows[] = {
        {"null", "null"},
        {" true ", "true"},
        {"\t\r\nfalse", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"-17", "-17"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0.1", "0.1"},
        {"1.0", "1.0"},
        {"-0.0", "-0.0"},
        {"100.0", "100.0"},
        {"1e2", "100.0"},
        {"1E+2", "100.0"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1e300", "1e+300"},
        {"5e-324", "5e-324"},
        {"1e-400", "0.0"},
        {"1234567.5", "1234567.5"},
        {"\"\"", "\"\""},
        {"\"a b!\"", "\"a b!\""},
        {"\"a\\u0041\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "\"aA\\n\\t\\\"\\\\/\\b\\f\\r\""},
        {"\"\\u0001\\u001f\\u007f\"", "\"\\u0001\\u001f\x7f\""},
        {"\"\\u00e4\\u20AC\\ud83d\\ude00\"", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\u9fAF\\udBff\\uDFFF\"", "\"\xe9\xbe\xaf\xf4\x8f\xbf\xbf\""},
        {"[]", "[]"},
        {"{ }", "{}"},
        {"[ 1 , [ ] , { } , [2,[3]] ]", "[1,[],{},[2,[3]]]"},
        {"{\"b\":1,\"a\":{\"d\":[],\"c\":2}}", "{\"a\":{\"c\":2,\"d\":[]},\"b\":1}"},
        {"{\"\":1}", "{\"\":1}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *written = json_to_text(*state, parse_ok(*state, rows[i].text));
        if (strcmp(written, rows[i].written) != 0) {
            fail_msg("row '%s': written as '%s'", rows[i].text, written);
        }
        // The written form is a fixed point.
        fixture_row(rows[i].text,
                    strcmp(json_to_text(*state, parse_ok(*state, written)), written) == 0);
    }
}

static void json_bad_text_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } rows[] = {
        {"", "line 1, column 1: the text ends too early"},
        {" \n ", "line 2, column 2: the text ends too early"},
        {"nul", "line 1, column 1: expected a value"},
        {"True", "line 1, column 1: expected a value"},
        {"NaN", "line 1, column 1: expected a value"},
        {"-Infinity", "line 1, column 1: expected a value"},
        {"'a'", "line 1, column 1: expected a value"},
        {"01", "line 1, column 1: expected a value"},
        {"-01", "line 1, column 1: expected a value"},
        {"1.", "line 1, column 1: expected a value"},
        {".5", "line 1, column 1: expected a value"},
        {"+1", "line 1, column 1: expected a value"},
        {"1e", "line 1, column 1: expected a value"},
        {"1e+", "line 1, column 1: expected a value"},
        {"1e400", "line 1, column 1: a number is too large"},
        {"9223372036854775808", "line 1, column 1: number is too large"},
        {"1 2", "line 1, column 3: unexpected character"},
        {"{}x", "line 1, column 3: expected a value"},
        {"[1,]", "line 1, column 4: unexpected character"},
        {"[1 2]", "line 1, column 4: array value separator ',' expected"},
        {"[1", "line 1, column 3: the text ends too early"},
        {"[1}", "line 1, column 3: array value separator ',' expected"},
        {"{\"a\":1,}", "line 1, column 8: unexpected character"},
        {"{\"a\" 1}", "line 1, column 6: object property name separator ':' expected"},
        {"{\"a\":}", "line 1, column 6: unexpected character"},
        {"{a:1}", "line 1, column 2: expected a value"},
        {"{\"a\":1]", "line 1, column 7: object value separator ',' expected"},
        {"{\"a\":1,\n\"\\u0061\":2}", "line 1, column 1: an object has a key twice"},
        {"\"a", "line 1, column 3: string has no end"},
        {"\"a\nb\"", "line 1, column 3: control character in a string"},
        {"\"\\x\"", "line 1, column 3: unknown escape"},
        {"\"\\", "line 1, column 3: unknown escape"},
        {"\"\\u12g4\"", "line 1, column 6: expected four hexadecimal digits"},
        {"\"\\u0000\"", "line 1, column 8: NUL characters are not allowed"},
        {"\"\\ud800\"", "line 1, column 8: high surrogate without a low one"},
        {"\"\\ud800\\u0041\"", "line 1, column 14: high surrogate without a low one"},
        {"\"\\ud800xu0041\"", "line 1, column 8: high surrogate without a low one"},
        {"\"\\udc00\"", "line 1, column 8: low surrogate without a high one"},
        {"\"\xff\"", "line 1, column 2: text is not UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: text is not UTF-8"},
        {"\xef\xbb\xbf[]", "line 1, column 1: expected a value"},
        {"/**/1", "line 1, column 1: expected a value"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *json = NULL;
        struct error err = {0};
        fixture_row(rows[i].text,
                    json_parse(*state, rows[i].text, strlen(rows[i].text), &json, &err) == -EINVAL);
        fixture_row(rows[i].text, json == NULL);
        if (strcmp(err.text, rows[i].reason) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void json_nul_byte_in_the_text_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {{"1\0", 2}, {"\0", 1}, {"\"a\0b\"", 5}, {"[1,\0 2]", 7}, {"{\"a\0\":1}", 8}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *json = NULL;
        fixture_row(rows[i].text,
                    json_parse(*state, rows[i].text, rows[i].size, &json, NULL) == -EINVAL);
    }
}

static void json_size_ends_the_text(void **state)
{
    struct json *json = NULL;
    assert_int_equal(json_parse(*state, "12345", 2, &json, NULL), 0);
    assert_int_equal(json->integer, 12);
    assert_int_equal(json_parse(*state, "truex", 4, &json, NULL), 0);
    assert_int_equal(json_parse(*state, "true", 3, &json, NULL), -EINVAL);
    assert_int_equal(json_parse(*state, "\"abc\"", 4, &json, NULL), -EINVAL);
}

static void json_depth_is_bounded(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    for (int extra = 0; extra < 2; extra++) {
        size_t depth = JSON_DEPTH_MAX + (size_t)extra;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        struct json *json = NULL;
        struct error err = {0};
        int r = json_parse(*state, text, 2 * depth, &json, &err);
        if (extra == 0) {
            assert_int_equal(r, 0);
            assert_string_equal(json_to_text(*state, json), text);
        } else {
            assert_int_equal(r, -EINVAL);
            assert_string_equal(err.text, "line 1, column 1: too many levels");
        }
    }
}

static void json_pretty_is_indented(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(parse_ok(*state, "{\"b\":[1,{}],\"a\":{\"c\":null}}"), JSON_STYLE_PRETTY, &text);
    assert_string_equal(strbuf_text(&text), "{\n"
                                            "  \"a\": {\n"
                                            "    \"c\": null\n"
                                            "  },\n"
                                            "  \"b\": [\n"
                                            "    1,\n"
                                            "    {}\n"
                                            "  ]\n"
                                            "}");
}

static void json_made_by_hand_is_written(void **state)
{
    struct json *object = json_new_object(*state);
    json_put_string(object, "text", "a\"b");
    json_put_string(object, "absent", NULL);
    json_put_int(object, "int", INT64_MIN);
    json_put_bool(object, "bool", true);
    json_put(object, "null", json_new_null(*state));
    json_put(object, "real", json_new_double(*state, 0.5));
    struct json *array = json_new_array(*state);
    for (int i = 0; i < 20; i++) {
        json_append(array, json_new_int(*state, i));
    }
    json_put(object, "list", array);
    json_put_int(object, "bool", 7); // replaces
    assert_string_equal(json_to_text(*state, object),
                        "{\"bool\":7,\"int\":-9223372036854775808,"
                        "\"list\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19],"
                        "\"null\":null,\"real\":0.5,\"text\":\"a\\\"b\"}");
}

static void json_bytes_that_are_no_text_are_replaced(void **state)
{
    struct json *json = json_new_string(*state, "a\xff\xc3(z");
    const char *text = json_to_text(*state, json);
    assert_string_equal(text, "\"a\xef\xbf\xbd\xef\xbf\xbd(z\"");
    assert_string_equal(parse_ok(*state, text)->string, "a\xef\xbf\xbd\xef\xbf\xbd(z");
}

static void json_typed_reading_accepts_what_fits(void **state)
{
    struct json *json =
        parse_ok(*state, "{\"i\":5,\"it\":\"-5\",\"s\":\"x\",\"d\":1.5,\"dt\":\"0.25\","
                         "\"t\":true,\"b1\":1,\"bt\":\"off\"}");
    struct error err = {0};
    int64_t integer = 0;
    const char *string = NULL;
    double real = 0;
    bool boolean = false;
    assert_int_equal(json_get_int(json, "i", 0, 5, &integer, &err), 0);
    assert_int_equal(integer, 5);
    assert_int_equal(json_get_int(json, "it", -5, 5, &integer, &err), 0);
    assert_int_equal(integer, -5);
    assert_int_equal(json_get_string(json, "s", &string, &err), 0);
    assert_string_equal(string, "x");
    assert_int_equal(json_get_double_if(json, "d", &real, &err), 0);
    assert_true(real == 1.5);
    assert_int_equal(json_get_double_if(json, "dt", &real, &err), 0);
    assert_true(real == 0.25);
    assert_int_equal(json_get_double_if(json, "i", &real, &err), 0);
    assert_true(real == 5.0);
    assert_int_equal(json_get_bool_if(json, "b1", &boolean, &err), 0);
    assert_true(boolean);
    assert_int_equal(json_get_bool_if(json, "bt", &boolean, &err), 0);
    assert_false(boolean);
    assert_int_equal(json_get_bool_if(json, "t", &boolean, &err), 0);
    assert_true(boolean);
    assert_string_equal(json_find_string(json, "s"), "x");
    assert_null(json_find_string(json, "i"));
    assert_null(json_find(json, "absent"));
    assert_null(json_find(parse_ok(*state, "[1]"), "i"));
}

static void json_typed_reading_names_what_is_wrong(void **state)
{
    struct json *json = parse_ok(*state, "{\"i\":6,\"s\":\"x\",\"n\":null,\"d\":1.5,\"two\":2}");
    struct error err = {0};
    int64_t integer = 4711;
    const char *string = "unchanged";
    double real = 4711;
    bool boolean = true;
    assert_int_equal(json_get_int(json, "absent", 0, 5, &integer, &err), -EINVAL);
    assert_string_equal(err.text, "key 'absent' is missing");
    assert_int_equal(json_get_string(json, "absent", &string, &err), -EINVAL);
    assert_int_equal(json_get_int(json, "i", 0, 5, &integer, &err), -EINVAL);
    assert_string_equal(err.text, "key 'i': expected a whole number from 0 to 5");
    assert_int_equal(json_get_int_if(json, "s", 0, 5, &integer, &err), -EINVAL);
    assert_int_equal(json_get_int_if(json, "d", 0, 5, &integer, &err), -EINVAL);
    assert_int_equal(json_get_int_if(json, "n", 0, 5, &integer, &err), -EINVAL);
    assert_int_equal(json_get_string_if(json, "i", &string, &err), -EINVAL);
    assert_string_equal(err.text, "key 'i': expected a string");
    assert_int_equal(json_get_double_if(json, "s", &real, &err), -EINVAL);
    assert_string_equal(err.text, "key 's': expected a number");
    assert_int_equal(json_get_bool_if(json, "two", &boolean, &err), -EINVAL);
    assert_string_equal(err.text, "key 'two': expected true or false");
    assert_int_equal(json_get_int_if(json, "absent", 0, 5, &integer, &err), 0);
    assert_int_equal(json_get_string_if(json, "absent", &string, &err), 0);
    assert_int_equal(json_get_double_if(json, "absent", &real, &err), 0);
    assert_int_equal(json_get_bool_if(json, "absent", &boolean, &err), 0);
    assert_int_equal(integer, 4711);
    assert_string_equal(string, "unchanged");
    assert_true(real == 4711);
    assert_true(boolean);
}

static void json_object_in_an_object_is_read_when_it_is_one(void **state)
{
    struct json *json = parse_ok(*state, "{\"o\":{\"i\":1},\"n\":null,\"a\":[]}");
    struct error err = {0};
    const struct json *object = NULL;
    assert_int_equal(json_get_object_if(json, "absent", &object, &err), 0);
    assert_null(object);
    assert_int_equal(json_get_object_if(json, "n", &object, &err), -EINVAL);
    assert_string_equal(err.text, "key 'n': expected an object");
    assert_int_equal(json_get_object_if(json, "a", &object, &err), -EINVAL);
    assert_null(object);
    assert_int_equal(json_get_object_if(json, "o", &object, &err), 0);
    assert_ptr_equal(object, json_find(json, "o"));
}

static void json_document_that_has_to_be_an_object_is_one(void **state)
{
    struct json *json = NULL;
    struct error err = {0};
    static const char *const rows[] = {"[]", "null", "\"{}\"", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i],
                    json_parse_object(*state, rows[i], strlen(rows[i]), &json, &err) == -EINVAL);
        assert_string_equal(err.text, "expected an object");
        assert_null(json);
    }
    assert_int_equal(json_parse_object(*state, "{", 1, &json, &err), -EINVAL);
    assert_int_equal(json_parse_object(*state, "{}", 2, &json, &err), 0);
    assert_int_equal(json->type, JSON_TYPE_OBJECT);
}

static void json_each_is_sorted(void **state)
{
    struct json *json = parse_ok(*state, "{\"b\":1,\"c\":2,\"a\":3}");
    char keys[4] = "";
    size_t count = 0;
    json_each (e, json) {
        keys[count++] = e->key[0];
    }
    assert_string_equal(keys, "abc");
}

static void write_infinity(void *data)
{
    struct json *json = json_new_double(data, 1e308 * 10);
    (void)json; // must not come to be
}

static void json_double_that_is_not_finite_aborts(void **state)
{
    assert_true(fixture_aborts(write_infinity, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(json_is_written_in_one_form),
        fixture_test(json_bad_text_is_refused_with_its_place),
        fixture_test(json_nul_byte_in_the_text_is_refused),
        fixture_test(json_size_ends_the_text),
        fixture_test(json_depth_is_bounded),
        fixture_test(json_pretty_is_indented),
        fixture_test(json_made_by_hand_is_written),
        fixture_test(json_bytes_that_are_no_text_are_replaced),
        fixture_test(json_typed_reading_accepts_what_fits),
        fixture_test(json_typed_reading_names_what_is_wrong),
        fixture_test(json_object_in_an_object_is_read_when_it_is_one),
        fixture_test(json_document_that_has_to_be_an_object_is_one),
        fixture_test(json_each_is_sorted),
        fixture_test(json_double_that_is_not_finite_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
