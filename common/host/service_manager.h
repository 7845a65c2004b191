// SPDX-License-Identifier: Apache-2.0
// Asking the machine's service manager to run something. Where systemd does not run the machine, a
// supervisor of the machine's own is expected to start Corosync as soon as its configuration is
// there.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct error;

// Whether systemd runs this machine.
bool service_manager_is_systemd(void) WARN_UNUSED;
// Enables the unit and starts it, or restarts it when it runs. Waits for the outcome. -ENOTSUP
// without systemd.
int service_manager_enable(const char *unit, struct error *err) WARN_UNUSED;
// Stops the unit and keeps it from being started at boot.
int service_manager_disable(const char *unit, struct error *err) WARN_UNUSED;
