// SPDX-License-Identifier: Apache-2.0
// How long work of one kind took: how often up to each of some bounds, and in all.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum latency_kind {
    LATENCY_KIND_ROUND,  // of ha-crm and ha-lrm: a round
    LATENCY_KIND_COMMIT, // of ha-clusterd: a client's transaction, until it took effect
    LATENCY_KIND_LEASE,  // likewise: a lease that a client asked for, or its renewal
    LATENCY_KIND_DISK,   // likewise: a batch, until it was durable on this node's disk
    LATENCY_KIND_MAX
};

enum { LATENCY_BOUNDS_COUNT = 15 };
// Ascending.
extern const int64_t latency_bounds_us[LATENCY_BOUNDS_COUNT];

struct latency {
    uint64_t counts[LATENCY_BOUNDS_COUNT + 1]; // up to each bound; the last: above all
    uint64_t sum_us;
    uint64_t size_bytes; // of what was written
};

// Of one daemon.
struct latency_figures {
    struct latency kinds[LATENCY_KIND_MAX];
};

// A time that is negative counts as none.
void latency_add(struct latency *latency, int64_t took_us, size_t size_bytes);
