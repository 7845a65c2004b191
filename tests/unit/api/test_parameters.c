// SPDX-License-Identifier: Apache-2.0
// What a client gave, against rows: values with their types, or the words that clients know.
#include <string.h>

#include "api/call/method.h"
#include "api/call/parameters.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"

#define UNKNOWN                                                                                    \
    "property is not defined in schema and the schema does not allow additional properties"

static const char *const colours[] = {"red", "blue", NULL};

static const struct parameter rows[] = {
    {.name = "node", .format = PARAMETER_FORMAT_NODE, .required = true},
    {.name = "count",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 0,
     .has_maximum = true,
     .maximum = 10},
    {.name = "ratio", .type = PARAMETER_TYPE_NUMBER},
    {.name = "flag", .type = PARAMETER_TYPE_BOOLEAN},
    {.name = "name", .length_max = 5},
    {.name = "text", .format = PARAMETER_FORMAT_TEXT},
    {.name = "colour", .values = colours},
    {.name = "list", .type = PARAMETER_TYPE_LIST},
    {.name = "colours", .type = PARAMETER_TYPE_LIST, .values = colours},
    {.name = "vmid", .type = PARAMETER_TYPE_INTEGER, .format = PARAMETER_FORMAT_VMID},
    {.name = "sid", .format = PARAMETER_FORMAT_SID},
    {.name = "id", .format = PARAMETER_FORMAT_ID},
    {.name = "nodes", .format = PARAMETER_FORMAT_NODE_LIST},
    {.name = "userid", .format = PARAMETER_FORMAT_USERID},
    {.name = "tokenid", .format = PARAMETER_FORMAT_TOKENID},
    {.name = "role", .format = PARAMETER_FORMAT_ROLE},
    {.name = "path", .format = PARAMETER_FORMAT_ACL_PATH},
    {.name = "address", .format = PARAMETER_FORMAT_ADDRESS},
    {.name = "link[n]", .format = PARAMETER_FORMAT_LINK, .maximum = 7},
    {.name = "fingerprint", .format = PARAMETER_FORMAT_FINGERPRINT},
    {.name = "upid", .format = PARAMETER_FORMAT_UPID},
    {.name = "digest", .format = PARAMETER_FORMAT_DIGEST},
    {.name = "priv", .format = PARAMETER_FORMAT_PRIVILEGE},
};
static const struct method method = {
    .path = "/nodes/{node}/x", .parameters = rows, .parameters_count = ARRAY_SIZE(rows)};

static bool check(struct arena *arena, const char *path, const char *given, struct json **ret)
{
    struct json *path_json = NULL, *given_json = NULL;
    assert_int_equal(json_parse(arena, path, strlen(path), &path_json, NULL), 0);
    if (given != NULL) {
        assert_int_equal(json_parse(arena, given, strlen(given), &given_json, NULL), 0);
    }
    return parameters_check(arena, &method, path_json, given_json, ret);
}

static void value_gets_its_type(void **state)
{
    static const struct {
        const char *given, *expected;
    } table[] = {
        {"{}", "{}"},
        {"{\"count\":\"7\"}", "{\"count\":7}"},
        {"{\"count\":7}", "{\"count\":7}"},
        {"{\"ratio\":\"0.5\"}", "{\"ratio\":0.5}"},
        {"{\"ratio\":2}", "{\"ratio\":2.0}"},
        {"{\"flag\":\"1\"}", "{\"flag\":true}"},
        {"{\"flag\":0}", "{\"flag\":false}"},
        {"{\"flag\":true}", "{\"flag\":true}"},
        {"{\"name\":5}", "{\"name\":\"5\"}"},
        {"{\"name\":null}", "{}"},
        {"{\"name\":\"\"}", "{\"name\":\"\"}"},
        {"{\"text\":\"a\\nb\"}", "{\"text\":\"a\\nb\"}"},
        {"{\"list\":\"a,b; c\"}", "{\"list\":[\"a\",\"b\",\"c\"]}"},
        {"{\"list\":[\"a\",1]}", "{\"list\":[\"a\",\"1\"]}"},
        {"{\"list\":\"\"}", "{\"list\":[]}"},
        {"{\"colours\":\"red blue\"}", "{\"colours\":[\"red\",\"blue\"]}"},
        {"{\"vmid\":\"100\"}", "{\"vmid\":100}"},
        {"{\"sid\":100}", "{\"sid\":\"100\"}"},
        {"{\"sid\":\"ct:100\"}", "{\"sid\":\"ct:100\"}"},
        {"{\"link0\":\"10.0.0.1\",\"link7\":\"fe80::1,priority=3\"}",
         "{\"link0\":\"10.0.0.1\",\"link7\":\"fe80::1,priority=3\"}"},
        {"{\"nodes\":\"n1:2,n2\"}", "{\"nodes\":\"n1:2,n2\"}"},
        {"{\"userid\":\"a.b@pve\"}", "{\"userid\":\"a.b@pve\"}"},
        {"{\"path\":\"/vms/100\"}", "{\"path\":\"/vms/100\"}"},
        {"{\"address\":\"host.example\"}", "{\"address\":\"host.example\"}"},
        {"{\"priv\":\"Sys.Audit\"}", "{\"priv\":\"Sys.Audit\"}"},
        {"{\"upid\":\"UPID:n1:00000001:00000002:5F000000:vzstart:100:root@pam:\"}",
         "{\"upid\":\"UPID:n1:00000001:00000002:5F000000:vzstart:100:root@pam:\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct json *values = NULL, *expected = NULL;
        fixture_row(table[i].given, check(*state, "{\"node\":\"n1\"}", table[i].given, &values));
        assert_int_equal(
            json_parse(*state, table[i].expected, strlen(table[i].expected), &expected, NULL), 0);
        json_put_string(expected, "node", "n1");
        fixture_row(table[i].given,
                    strcmp(json_to_text(*state, values), json_to_text(*state, expected)) == 0);
    }
}

static void fault_has_the_words_of_the_field(void **state)
{
    static const struct {
        const char *given, *name, *words;
    } table[] = {
        {"{\"x\":1}", "x", UNKNOWN},
        {"{\"link8\":\"a\"}", "link8", UNKNOWN},
        {"{\"link\":\"a\"}", "link", UNKNOWN},
        {"{\"link00\":\"a\"}", "link00", UNKNOWN},
        {"{\"link[n]\":\"a\"}", "link[n]", UNKNOWN},
        {"{\"link+1\":\"a\"}", "link+1", UNKNOWN},
        {"{\"count\":\"abc\"}", "count", "type check ('integer') failed - got 'abc'"},
        {"{\"count\":1.5}", "count", "type check ('integer') failed - got '1.5'"},
        {"{\"count\":\"\"}", "count", "type check ('integer') failed - got ''"},
        {"{\"count\":true}", "count", "type check ('integer') failed - got '1'"},
        {"{\"count\":\"99999999999999999999\"}", "count",
         "type check ('integer') failed - got '99999999999999999999'"},
        {"{\"count\":-1}", "count", "value must have a minimum value of 0"},
        {"{\"count\":\"11\"}", "count", "value must have a maximum value of 10"},
        {"{\"ratio\":\"x\"}", "ratio", "type check ('number') failed - got 'x'"},
        {"{\"flag\":\"yes\"}", "flag", "type check ('boolean') failed - got 'yes'"},
        {"{\"flag\":2}", "flag", "type check ('boolean') failed - got '2'"},
        {"{\"flag\":{}}", "flag", "type check ('boolean') failed - got '{}'"},
        {"{\"name\":[\"a\"]}", "name", "type check ('string') failed - got '[\"a\"]'"},
        {"{\"name\":\"abcdef\"}", "name", "value may only be 5 characters long"},
        {"{\"name\":\"a\\nb\"}", "name", "invalid format - value has control characters"},
        {"{\"text\":\"a\\u0001\"}", "text", "invalid format - value has control characters"},
        {"{\"colour\":\"green\"}", "colour",
         "value 'green' does not have a value in the enumeration 'red, blue'"},
        {"{\"colours\":\"red,green\"}", "colours",
         "value 'green' does not have a value in the enumeration 'red, blue'"},
        {"{\"list\":{}}", "list", "type check ('array') failed - got '{}'"},
        {"{\"list\":[[]]}", "list", NULL},
        {"{\"vmid\":99}", "vmid", "invalid format - value does not look like a valid VM ID"},
        {"{\"vmid\":\"0100\"}", "vmid", "invalid format - value does not look like a valid VM ID"},
        {"{\"sid\":\"99\"}", "sid", NULL},
        {"{\"sid\":\"xx\"}", "sid", NULL},
        {"{\"id\":\"-\"}", "id", "invalid format - invalid configuration ID '-'"},
        {"{\"nodes\":\"n1:x\"}", "nodes", NULL},
        {"{\"nodes\":\"\"}", "nodes", NULL},
        {"{\"userid\":\"root\"}", "userid",
         "invalid format - value does not look like a valid user name"},
        {"{\"userid\":\"a!b@pam\"}", "userid", NULL},
        {"{\"userid\":\"a/b@pam\"}", "userid", NULL},
        {"{\"tokenid\":\"1a\"}", "tokenid", NULL},
        {"{\"role\":\"a b\"}", "role", NULL},
        {"{\"path\":\"vms\"}", "path", NULL},
        {"{\"path\":\"/a//b\"}", "path", NULL},
        {"{\"path\":\"/a/\"}", "path", NULL},
        {"{\"address\":\"a b\"}", "address", NULL},
        {"{\"address\":\"-x\"}", "address", NULL},
        {"{\"link0\":\"a,prio=1\"}", "link0", NULL},
        {"{\"link0\":\"a,priority=256\"}", "link0", NULL},
        {"{\"fingerprint\":\"AA:BB\"}", "fingerprint", NULL},
        {"{\"upid\":\"UPID:x\"}", "upid", "unable to parse worker upid"},
        {"{\"digest\":\"12\"}", "digest", NULL},
        {"{\"priv\":\"Sys.None\"}", "priv", "invalid format - invalid privilege 'Sys.None'"},
        {"{\"node\":\"n2\"}", "node", "given twice with different values"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct json *errors = NULL;
        fixture_row(table[i].given, !check(*state, "{\"node\":\"n1\"}", table[i].given, &errors));
        const char *words = json_find_string(errors, table[i].name);
        fixture_row(table[i].given, words != NULL);
        fixture_row(table[i].given, table[i].words == NULL || strcmp(words, table[i].words) == 0);
        fixture_row(table[i].given, errors->members.count == 1);
    }
}

static void required_is_missed_only_when_all_was_given(void **state)
{
    struct json *result = NULL;
    assert_false(check(*state, "{}", "{}", &result));
    assert_string_equal(json_find_string(result, "node"),
                        "property is missing and it is not optional");
    assert_true(check(*state, "{}", NULL, &result));
    assert_false(check(*state, "{\"node\":\"-\"}", NULL, &result));
    assert_string_equal(json_find_string(result, "node"),
                        "invalid format - value does not look like a valid node name");
}

static void all_faults_are_told_together(void **state)
{
    struct json *errors = NULL;
    assert_false(check(*state, "{}", "{\"count\":\"a\",\"y\":1}", &errors));
    assert_int_equal(errors->members.count, 3);
}

static void part_of_the_path_may_be_given_again(void **state)
{
    struct json *values = NULL;
    assert_true(check(*state, "{\"node\":\"n1\"}", "{\"node\":\"n1\"}", &values));
}

static void names_of_rows_round_trip(void **state)
{
    (void)state;
    fixture_check_enum_table(&method_verb_table);
    fixture_check_enum_table(&parameter_type_table);
    fixture_check_enum_table(&parameter_format_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(value_gets_its_type),
        fixture_test(fault_has_the_words_of_the_field),
        fixture_test(required_is_missed_only_when_all_was_given),
        fixture_test(all_faults_are_told_together),
        fixture_test(part_of_the_path_may_be_given_again),
        fixture_test(names_of_rows_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
