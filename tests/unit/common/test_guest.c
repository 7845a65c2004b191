// SPDX-License-Identifier: Apache-2.0
// The guest document.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/guest.h"
#include "tests/lib/fixture.h"

static void guest_made_by_hand_is_written(void **state)
{
    struct guest *guest = guest_new(*state, "ct:100", "node1");
    assert_string_equal(guest_format(*state, guest),
                        "{\"config\":{},\"node\":\"node1\",\"sid\":\"ct:100\"}");
    guest->lock = "backup";
    map_put(&guest->config, "memory", arena_strdup(*state, "512"));
    map_put(&guest->config, "hostname", arena_strdup(*state, "web"));
    assert_string_equal(guest_format(*state, guest),
                        "{\"config\":{\"hostname\":\"web\",\"memory\":\"512\"},\"lock\":\"backup\","
                        "\"node\":\"node1\",\"sid\":\"ct:100\"}");
}

static void guest_text_is_read(void **state)
{
    static const char text[] =
        "{\"sid\":\"ct:100\",\"node\":\"n2\",\"lock\":\"migrate\",\"other\":[1],"
        "\"config\":{\"memory\":512,\"hostname\":\"web\"}}";
    struct guest *guest = NULL;
    assert_int_equal(guest_parse(*state, text, strlen(text), &guest, NULL), 0);
    assert_string_equal(guest->sid, "ct:100");
    assert_string_equal(guest->node, "n2");
    assert_string_equal(guest->lock, "migrate");
    assert_string_equal(map_find(&guest->config, "memory"), "512");
    assert_string_equal(map_find(&guest->config, "hostname"), "web");
    assert_int_equal(guest->config.count, 2);
}

static void guest_arrival_is_kept_and_copied(void **state)
{
    static const char text[] =
        "{\"arrival\":\"m1\",\"config\":{\"memory\":\"64\"},\"lock\":\"backup\","
        "\"node\":\"n1\",\"sid\":\"vm:101\"}";
    struct guest *guest = NULL;
    assert_int_equal(guest_parse(*state, text, strlen(text), &guest, NULL), 0);
    assert_string_equal(guest->arrival, "m1");
    struct guest *clone = guest_clone(*state, guest);
    guest->arrival = NULL;
    map_clear(&guest->config);
    assert_string_equal(guest_format(*state, clone), text);
}

static void guest_without_config_has_an_empty_one(void **state)
{
    static const char text[] = "{\"sid\":\"vm:101\",\"node\":\"n1\"}";
    struct guest *guest = NULL;
    assert_int_equal(guest_parse(*state, text, strlen(text), &guest, NULL), 0);
    assert_int_equal(guest->config.count, 0);
    assert_null(guest->lock);
}

static void guest_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"{", "line 1, column 2: the text ends too early"},
        {"[]", "key 'sid' is missing"},
        {"{\"node\":\"n\"}", "key 'sid' is missing"},
        {"{\"sid\":\"ct:100\"}", "key 'node' is missing"},
        {"{\"sid\":\"ct\",\"node\":\"n\"}",
         "key 'sid': invalid service id 'ct': expected <type>:<name>"},
        {"{\"sid\":\"ct:100\",\"node\":\"\"}",
         "key 'node': invalid node name '': expected letters, digits and inner '-', at most 63"},
        {"{\"sid\":\"ct:100\",\"node\":\"n\",\"lock\":1}", "key 'lock': expected a string"},
        {"{\"sid\":\"ct:100\",\"node\":\"n\",\"config\":[]}", "key 'config': expected an object"},
        {"{\"sid\":\"ct:100\",\"node\":\"n\",\"config\":{\"a\":[]}}",
         "key 'config': key 'a': expected a string"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guest *guest = NULL;
        struct error err = {0};
        fixture_row(rows[i].text, guest_parse(*state, rows[i].text, strlen(rows[i].text), &guest,
                                              &err) == -EINVAL);
        fixture_row(rows[i].text, guest == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(guest_made_by_hand_is_written),
        fixture_test(guest_text_is_read),
        fixture_test(guest_arrival_is_kept_and_copied),
        fixture_test(guest_without_config_has_an_empty_one),
        fixture_test(guest_bad_text_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
