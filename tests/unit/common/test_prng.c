// SPDX-License-Identifier: Apache-2.0
// Random numbers: the same for the same seed, for ever, and evenly spread.
#include "common/base/prng.h"
#include "tests/lib/fixture.h"

static void prng_of_a_seed_is_fixed(void **state)
{
    (void)state;
    // splitmix64 of seed 0 starts with these four numbers (published with the algorithm).
    struct prng prng;
    prng_init(&prng, 0);
    assert_true(prng.s[0] == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(prng.s[1] == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(prng.s[2] == UINT64_C(0x06c45d188009454f));
    assert_true(prng.s[3] == UINT64_C(0xf88bb8a8724c81ec));
}

static void prng_of_a_known_state_is_the_published_sequence(void **state)
{
    (void)state;
    // xoshiro256** from the state 1, 2, 3, 4.
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    struct prng prng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(prng_next(&prng) == expected[i]);
    }
}

static void prng_below_is_even(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    int counts[BOUND] = {0};
    struct prng prng;
    prng_init(&prng, 42);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t value = prng_below(&prng, BOUND);
        assert_true(value < BOUND);
        counts[value]++;
    }
    for (int i = 0; i < BOUND; i++) {
        assert_in_range(counts[i], DRAWS / BOUND * 95 / 100, DRAWS / BOUND * 105 / 100);
    }
    assert_int_equal(prng_below(&prng, 1), 0);
    assert_true(prng_below(&prng, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prng_of_a_seed_is_fixed),
        cmocka_unit_test(prng_of_a_known_state_is_the_published_sequence),
        cmocka_unit_test(prng_below_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
