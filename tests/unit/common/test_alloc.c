// SPDX-License-Identifier: Apache-2.0
// The heap: sizes of nothing, copies, release through the address of a pointer.
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/lib/fixture.h"

static void alloc_zero_gives_zeroed_memory(void **state)
{
    (void)state;
    char *p = alloc_zero(100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    free(p);
}

static void alloc_of_nothing_is_not_null(void **state)
{
    (void)state;
    void *a = alloc_zero(0);
    void *b = alloc_resize(NULL, 0);
    void *c = alloc_memdup("", 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    free(a);
    free(b);
    free(c);
}

static void alloc_resize_keeps_the_content(void **state)
{
    (void)state;
    char *p = alloc_strdup("abc");
    p = alloc_resize(p, 100000);
    assert_string_equal(p, "abc");
    free(p);
}

static void alloc_freep_leaves_null(void **state)
{
    (void)state;
    char *p = alloc_strdup("abc");
    alloc_freep(&p);
    assert_null(p);
    alloc_freep(&p);
    assert_null(p);
}

// The address sanitizer asks for this: it shall give NULL as other heaps do, and not end the
// process itself.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void alloc_too_much(void *data)
{
    (void)data;
    // Larger than any address space.
    void *p = alloc_zero(SIZE_MAX / 2);
    free(p);
}

static void alloc_without_memory_ends_the_process(void **state)
{
    (void)state;
    assert_true(fixture_aborts(alloc_too_much, NULL));
}

static void steal_ptr_leaves_null(void **state)
{
    (void)state;
    char *p CLEANUP(alloc_freep) = alloc_strdup("abc");
    char *q = steal_ptr(p);
    assert_null(p);
    assert_string_equal(q, "abc");
    free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_zero_gives_zeroed_memory),
        cmocka_unit_test(alloc_of_nothing_is_not_null),
        cmocka_unit_test(alloc_resize_keeps_the_content),
        cmocka_unit_test(alloc_freep_leaves_null),
        cmocka_unit_test(alloc_without_memory_ends_the_process),
        cmocka_unit_test(steal_ptr_leaves_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
