// SPDX-License-Identifier: Apache-2.0
// Port: the watchdog. The daemon hands over an absolute deadline; when it passes without a later
// one, the node is reset.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct watchdog;

struct watchdog_ops {
    int (*arm)(struct watchdog *watchdog, int64_t deadline_ms, struct error *err);
    int (*disarm)(struct watchdog *watchdog, struct error *err);
};

struct watchdog {
    const struct watchdog_ops *ops;
};

// Sets or moves the deadline (own clock, clock_now_ms()). Moving it back is ignored. -ETIME when
// the last deadline has passed: the node is about to be reset. -ENOTCONN: ha-watchdogd is not
// reachable, so nothing may be started.
WARN_UNUSED static inline int watchdog_arm(struct watchdog *watchdog, int64_t deadline_ms,
                                           struct error *err)
{
    return watchdog->ops->arm(watchdog, deadline_ms, err);
}

// An orderly goodbye: nothing here needs protection any more. Fine when not armed.
WARN_UNUSED static inline int watchdog_disarm(struct watchdog *watchdog, struct error *err)
{
    return watchdog->ops->disarm(watchdog, err);
}
