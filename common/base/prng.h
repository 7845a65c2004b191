// SPDX-License-Identifier: Apache-2.0
// Repeatable pseudo-random numbers from a seed (splitmix64 seeding xoshiro256**, by Blackman and
// Vigna, public domain algorithms: https://prng.di.unimi.it/). Not for secrets.
#pragma once

#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
// Uniform in 0 … bound − 1; bound > 0.
uint64_t prng_below(struct prng *prng, uint64_t bound);
