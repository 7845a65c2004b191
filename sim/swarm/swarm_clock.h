// SPDX-License-Identifier: Apache-2.0
// A node's clocks: the one that never goes back (drifts within the bound that the timing counts
// with, and counts while the node is paused), and the wall clock, which is moved by hand.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/clock.h"

struct swarm_queue;

struct swarm_clock {
    struct clock port; // first
    struct swarm_queue *queue;
    int64_t offset_ms; // at true time 0: since boot, different on each node
    int64_t drift_ppm; // −1000 … 1000
    int64_t wall_offset_s;
};

void swarm_clock_init(struct swarm_clock *clock, struct swarm_queue *queue, int64_t offset_ms,
                      int64_t drift_ppm);
int64_t swarm_clock_now_ms(const struct swarm_clock *clock) WARN_UNUSED;
// The true time at which the clock will have reached that reading: the first microsecond.
int64_t swarm_clock_true_us(const struct swarm_clock *clock, int64_t at_ms) WARN_UNUSED;
