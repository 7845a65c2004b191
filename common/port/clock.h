// SPDX-License-Identifier: Apache-2.0
// Port: time. Only common/host and sim implement it.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct clock;

struct clock_ops {
    int64_t (*now_ms)(struct clock *clock);
    int64_t (*wall_ms)(struct clock *clock);
};

struct clock {
    const struct clock_ops *ops;
};

// Milliseconds that never go back and count suspended time (CLOCK_BOOTTIME). The only time
// decisions are made by.
WARN_UNUSED static inline int64_t clock_now_ms(struct clock *clock)
{
    return clock->ops->now_ms(clock);
}

// Milliseconds since 1970, for display and timestamps only.
WARN_UNUSED static inline int64_t clock_wall_ms(struct clock *clock)
{
    return clock->ops->wall_ms(clock);
}

// Likewise in seconds.
WARN_UNUSED static inline int64_t clock_wall_s(struct clock *clock)
{
    return clock->ops->wall_ms(clock) / 1000;
}
