// SPDX-License-Identifier: Apache-2.0
// Counting.
#include "common/model/latency.h"

const int64_t latency_bounds_us[LATENCY_BOUNDS_COUNT] = {
    100,   250,    500,    1000,   2500,    5000,    10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

void latency_add(struct latency *latency, int64_t took_us, size_t size_bytes)
{
    size_t at = 0;
    while (at < LATENCY_BOUNDS_COUNT && took_us > latency_bounds_us[at]) {
        at++;
    }
    latency->counts[at]++;
    latency->sum_us += (uint64_t)(took_us > 0 ? took_us : 0);
    latency->size_bytes += size_bytes;
}
