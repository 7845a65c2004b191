// SPDX-License-Identifier: Apache-2.0
// xoshiro256** seeded by splitmix64.
#include "common/base/prng.h"

#include <assert.h>

static uint64_t prng_rotate(uint64_t x, int count)
{
    return (x << count) | (x >> (64 - count));
}

void prng_init(struct prng *prng, uint64_t seed)
{
    uint64_t x = seed;
    for (int i = 0; i < 4; i++) {
        x += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = x;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        prng->s[i] = z ^ (z >> 31);
    }
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->s;
    uint64_t result = prng_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = prng_rotate(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    assert(bound > 0);
    // Numbers below 2^64 mod bound are thrown away, so that each remainder is equally likely.
    uint64_t reject = (UINT64_MAX - bound + 1) % bound;
    uint64_t value = prng_next(prng);
    while (value < reject) {
        value = prng_next(prng);
    }
    return value % bound;
}
