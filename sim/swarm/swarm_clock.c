// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_clock.h"

#include <assert.h>

#include "sim/swarm/swarm_queue.h"

enum { PPM = 1000 * 1000, DRIFT_MAX_PPM = 1000, US_PER_MS = 1000, US_PER_S = 1000 * 1000 };

// The wall clock at true time 0: a Thursday in January 2026.
static const int64_t wall_start_s = 1767225600;

// What the clock has counted since true time 0. Grows by 0, 1 or 2 with each microsecond.
static int64_t counted_us(const struct swarm_clock *clock, int64_t true_us)
{
    return true_us + true_us * clock->drift_ppm / PPM;
}

int64_t swarm_clock_now_ms(const struct swarm_clock *clock)
{
    return clock->offset_ms + counted_us(clock, swarm_queue_now_us(clock->queue)) / US_PER_MS;
}

int64_t swarm_clock_true_us(const struct swarm_clock *clock, int64_t at_ms)
{
    if (at_ms <= clock->offset_ms) {
        return 0;
    }
    int64_t wanted_us = (at_ms - clock->offset_ms) * US_PER_MS;
    int64_t rate = PPM + clock->drift_ppm;
    // Multiplied in two parts, so that centuries do not overflow.
    int64_t true_us = wanted_us / rate * PPM + wanted_us % rate * PPM / rate;
    while (counted_us(clock, true_us) < wanted_us) {
        true_us++;
    }
    while (true_us > 0 && counted_us(clock, true_us - 1) >= wanted_us) {
        true_us--;
    }
    return true_us;
}

static int64_t port_now_ms(struct clock *port)
{
    return swarm_clock_now_ms((const struct swarm_clock *)port);
}

static int64_t port_wall_ms(struct clock *port)
{
    const struct swarm_clock *clock = (const struct swarm_clock *)port;
    return (wall_start_s + clock->wall_offset_s) * 1000 +
           swarm_queue_now_us(clock->queue) / (US_PER_S / 1000);
}

static const struct clock_ops clock_ops = {.now_ms = port_now_ms, .wall_ms = port_wall_ms};

void swarm_clock_init(struct swarm_clock *clock, struct swarm_queue *queue, int64_t offset_ms,
                      int64_t drift_ppm)
{
    assert(offset_ms >= 0 && drift_ppm >= -DRIFT_MAX_PPM && drift_ppm <= DRIFT_MAX_PPM);
    *clock = (struct swarm_clock){
        .port = {.ops = &clock_ops},
        .queue = queue,
        .offset_ms = offset_ms,
        .drift_ppm = drift_ppm,
    };
}
