// SPDX-License-Identifier: Apache-2.0
// Arenas: alignment, zeroing after reuse, large requests, copies.
#include <stddef.h>
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/fixture.h"

static void arena_alloc_is_aligned_and_zeroed(void **state)
{
    struct arena *arena = *state;
    for (size_t size = 0; size < 200; size++) {
        char *p = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, size);
    }
}

static void arena_alloc_after_clear_is_zeroed(void **state)
{
    struct arena *arena = *state;
    for (int round = 0; round < 3; round++) {
        char *p = arena_alloc(arena, 5000);
        for (size_t i = 0; i < 5000; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, 5000);
        arena_clear(arena);
    }
}

static void arena_alloc_of_nothing_gives_distinct_pointers(void **state)
{
    struct arena *arena = *state;
    void *a = arena_alloc(arena, 0);
    void *b = arena_alloc(arena, 0);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
}

static void arena_alloc_larger_than_a_block_works(void **state)
{
    struct arena *arena = *state;
    char *small = arena_strdup(arena, "small");
    char *large = arena_alloc(arena, 1000000);
    memset(large, 1, 1000000);
    char *next = arena_strdup(arena, "next");
    assert_string_equal(small, "small");
    assert_string_equal(next, "next");
    assert_int_equal(large[999999], 1);
    arena_clear(arena);
    assert_string_equal(arena_strdup(arena, "again"), "again");
}

static void arena_copies_do_not_share(void **state)
{
    struct arena *arena = *state;
    char text[] = "abc";
    char *copy = arena_strdup(arena, text);
    char *bytes = arena_memdup(arena, text, 2);
    text[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_string_equal(bytes, "ab");
}

static void arena_strdup_of_null_is_null(void **state)
{
    assert_null(arena_strdup(*state, NULL));
}

static void arena_printf_formats_long_text(void **state)
{
    char *text = arena_printf(*state, "%0100000d|%s", 7, "end");
    assert_int_equal(strlen(text), 100004);
    assert_string_equal(text + 100000, "|end");
}

static void arena_free_accepts_null(void **state)
{
    (void)state;
    struct arena *arena = NULL;
    arena_free(arena);
    arena_freep(&arena);
    arena = arena_new();
    arena_freep(&arena);
    assert_null(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(arena_alloc_is_aligned_and_zeroed),
        fixture_test(arena_alloc_after_clear_is_zeroed),
        fixture_test(arena_alloc_of_nothing_gives_distinct_pointers),
        fixture_test(arena_alloc_larger_than_a_block_works),
        fixture_test(arena_copies_do_not_share),
        fixture_test(arena_strdup_of_null_is_null),
        fixture_test(arena_printf_formats_long_text),
        cmocka_unit_test(arena_free_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
