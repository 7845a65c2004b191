// SPDX-License-Identifier: Apache-2.0
// What resets the machine when it is not fed: a hardware watchdog, or for machines without one the
// process itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct device;
struct error;

struct device_ops {
    // Begins to count down, or takes a countdown over that goes on already, and feeds. -EINVAL: the
    // device does not take a timeout of at most H; -ENOTTY: not a watchdog; -EBUSY: another program
    // has it. Then it is stopped if possible.
    int (*arm)(struct device *device, struct error *err);
    // Sets the countdown back to its start.
    int (*feed)(struct device *device, struct error *err);
    // Ends the countdown in order. *ret_counting is true when the device cannot be stopped: it must
    // be fed for ever.
    int (*disarm)(struct device *device, bool *ret_counting, struct error *err);
    // A deadline has passed. The software watchdog resets the machine and does not return; a device
    // is left to run out.
    void (*expire)(struct device *device);
    // The device should have reset the machine by now. Both kinds do it themselves and do not
    // return.
    void (*overdue)(struct device *device);
    void (*free)(struct device *device); // leaves a device that counts counting
};

struct device {
    const struct device_ops *ops;
    const char *name;
    // Whether it resets the machine without this process. When not, the process must not end while
    // it is armed.
    bool independent;
    int64_t timeout_ms; // H: as the driver said when it was armed last; else what was asked for
};

// `timeout_ms` is H of the timing rule: how long the device may go on without food. Nothing is
// opened yet.
struct device *device_hardware_new(const char *path, int64_t timeout_ms) WARN_UNUSED;
// -EPERM: this process may not reset the machine.
int device_soft_new(struct device **ret, struct error *err) WARN_UNUSED;
void device_free(struct device *device);
void device_freep(struct device **device);
