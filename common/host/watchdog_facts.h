// SPDX-License-Identifier: Apache-2.0
// What ha-watchdogd tells the rest of the node about its device: a file beside its socket, written
// when the device was tried and its timeout read back, and valid while that process lives.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct watchdog_facts {
    const char *device; // path, or "soft"
    bool soft;
    int64_t timeout_ms; // as read back from the driver; of the software watchdog what it was told
};

// For ha-watchdogd.
int watchdog_facts_write(const struct watchdog_facts *facts, struct error *err) WARN_UNUSED;
// In the arena. -ENOENT: ha-watchdogd does not run; -EBADMSG: the file makes no sense.
int watchdog_facts_read(struct arena *arena, struct watchdog_facts *ret,
                        struct error *err) WARN_UNUSED;
