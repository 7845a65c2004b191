// SPDX-License-Identifier: Apache-2.0
// The sorted map: order, replacement, ownership, and agreement with a naive list over random
// operations.
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/prng.h"
#include "tests/lib/fixture.h"

static void map_iterates_in_bytewise_order(void **state)
{
    static const char *const keys[] = {"vm:101", "ct:100", "vm:1000", "fa:1", "", "\xc3\xa4", "z"};
    static const char *const sorted[] = {"",       "ct:100", "fa:1",    "vm:1000",
                                         "vm:101", "z",      "\xc3\xa4"};
    struct map map;
    map_init_arena(&map, *state);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        map_put(&map, keys[i], arena_strdup(*state, keys[i]));
    }
    size_t position = 0;
    map_each (e, &map) {
        assert_string_equal(e->key, sorted[position]);
        assert_string_equal(e->value, sorted[position]);
        position++;
    }
    assert_int_equal(position, ARRAY_SIZE(sorted));
}

static void map_all_zero_is_an_empty_heap_map(void **state)
{
    (void)state;
    struct map map = {0};
    map_each (e, &map) {
        fail();
    }
    assert_null(map_find(&map, "a"));
    assert_false(map_has(&map, "a"));
    assert_false(map_remove(&map, "a"));
    assert_null(map_take(&map, "a"));
    assert_int_equal(map_lower_bound(&map, "a"), 0);
    map_put(&map, "a", &map);
    assert_ptr_equal(map_find(&map, "a"), &map);
    map_done(&map);
    map_done(&map);
    map_put(&map, "b", &map); // and is one again afterwards
    assert_int_equal(map.count, 1);
    map_done(&map);
}

static void map_put_copies_the_key(void **state)
{
    (void)state;
    struct map map = {0};
    char key[] = "abc";
    map_put(&map, key, &map);
    key[0] = 'x';
    assert_true(map_has(&map, "abc"));
    map_done(&map);
}

static void count_free(void *value)
{
    ++*(int *)value;
}

static void map_releases_owned_values_once(void **state)
{
    (void)state;
    int a = 0;
    int b = 0;
    int c = 0;
    int d = 0;
    struct map map;
    map_init(&map, count_free);
    map_put(&map, "k", &a);
    map_put(&map, "k", &a); // the same value again is kept
    assert_int_equal(a, 0);
    map_put(&map, "k", &b);
    assert_int_equal(a, 1);
    map_put(&map, "l", &c);
    map_put(&map, "m", &d);
    map_put(&map, "n", NULL);
    assert_ptr_equal(map_take(&map, "l"), &c);
    assert_int_equal(c, 0);
    assert_true(map_remove(&map, "m"));
    assert_int_equal(d, 1);
    map_done(&map);
    assert_int_equal(a, 1);
    assert_int_equal(b, 1);
    assert_int_equal(c, 0);
    assert_int_equal(d, 1);
}

static void map_put_of_null_value_is_there(void **state)
{
    struct map map;
    map_init_arena(&map, *state);
    map_put(&map, "a", NULL);
    assert_null(map_find(&map, "a"));
    assert_true(map_has(&map, "a"));
    assert_true(map_remove(&map, "a"));
    assert_false(map_has(&map, "a"));
}

static void map_remove_by_its_own_key_works(void **state)
{
    (void)state;
    struct map map = {0};
    map_put(&map, "a", &map);
    map_put(&map, "b", &map);
    assert_true(map_remove(&map, map.entries[0].key));
    assert_int_equal(map.count, 1);
    assert_string_equal(map.entries[0].key, "b");
    map_done(&map);
}

static void map_lower_bound_is_the_first_not_less(void **state)
{
    struct map map;
    map_init_arena(&map, *state);
    map_put(&map, "b", NULL);
    map_put(&map, "d", NULL);
    assert_int_equal(map_lower_bound(&map, "a"), 0);
    assert_int_equal(map_lower_bound(&map, "b"), 0);
    assert_int_equal(map_lower_bound(&map, "c"), 1);
    assert_int_equal(map_lower_bound(&map, "d"), 1);
    assert_int_equal(map_lower_bound(&map, "e"), 2);
}

static void check_against_list(struct map *map, uint64_t seed)
{
    enum { KEYS = 60 };
    bool present[KEYS] = {false};
    char keys[KEYS][4];
    struct prng prng;
    prng_init(&prng, seed);
    for (size_t i = 0; i < KEYS; i++) {
        keys[i][0] = (char)('a' + i / 10);
        keys[i][1] = (char)('0' + i % 10);
        keys[i][2] = '\0';
    }
    for (int step = 0; step < 2000; step++) {
        size_t which = prng_below(&prng, KEYS);
        if (prng_below(&prng, 2) == 0) {
            map_put(map, keys[which], keys[which]);
            present[which] = true;
        } else {
            assert_int_equal(map_remove(map, keys[which]), present[which]);
            present[which] = false;
        }
        size_t count = 0;
        for (size_t i = 0; i < KEYS; i++) {
            assert_int_equal(map_has(map, keys[i]), present[i]);
            assert_ptr_equal(map_find(map, keys[i]), present[i] ? keys[i] : NULL);
            count += present[i] ? 1 : 0;
        }
        assert_int_equal(map->count, count);
        for (size_t i = 1; i < map->count; i++) {
            assert_true(strcmp(map->entries[i - 1].key, map->entries[i].key) < 0);
        }
    }
}

static void map_agrees_with_a_list(void **state)
{
    struct map heap = {0};
    struct map arena;
    map_init_arena(&arena, *state);
    check_against_list(&heap, 1);
    check_against_list(&arena, 2);
    map_done(&heap);
    map_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(map_iterates_in_bytewise_order),
        cmocka_unit_test(map_all_zero_is_an_empty_heap_map),
        cmocka_unit_test(map_put_copies_the_key),
        cmocka_unit_test(map_releases_owned_values_once),
        fixture_test(map_put_of_null_value_is_there),
        cmocka_unit_test(map_remove_by_its_own_key_works),
        fixture_test(map_lower_bound_is_the_first_not_less),
        fixture_test(map_agrees_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
