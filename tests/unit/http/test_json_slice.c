// SPDX-License-Identifier: Apache-2.0
// Members of JSON text, found without reading the rest.
#include <errno.h>
#include <string.h>

#include "api/http/parse/json_slice.h"
#include "common/base/arena.h"
#include "tests/lib/fixture.h"

static void members_are_found_as_they_stand(void **state)
{
    static const char *const names[] = {"id", "data", "nothing"};
    static const char text[] =
        " { \"x\" : \"}\\\"]\" , \"data\":[{\"id\":2},\"a,b\"] ,\"id\": 17 } ";
    struct json_slice slices[3];
    (void)state;
    assert_int_equal(json_slice_members(text, strlen(text), names, slices, 3), 0);
    assert_int_equal(slices[0].size_bytes, 3);
    assert_memory_equal(slices[0].text, "17 ", 3);
    assert_memory_equal(slices[1].text, "[{\"id\":2},\"a,b\"]", 16);
    assert_null(slices[2].text);
}

static void text_that_is_no_object_is_refused(void **state)
{
    static const char *const names[] = {"id"};
    static const char *const texts[] = {
        "",           "[]",     "{",          "{\"id\":",   "{\"id\":1",  "{\"id\":[1}",
        "{\"id\" 1}", "{id:1}", "{\"id\":\"", "{\"id\":,}", "{\"id\":1,}"};
    struct json_slice slice;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        fixture_row(texts[i],
                    json_slice_members(texts[i], strlen(texts[i]), names, &slice, 1) == -EINVAL);
    }
}

static void weight_counts_values_outside_of_strings(void **state)
{
    static const char text[] = "{\"a,:\":[1,2],\"b\":\"\\\",,\"}";
    (void)state;
    assert_int_equal(json_weigh(text, strlen(text)), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_as_they_stand),
        cmocka_unit_test(text_that_is_no_object_is_refused),
        cmocka_unit_test(weight_counts_values_outside_of_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
