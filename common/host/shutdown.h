// SPDX-License-Identifier: Apache-2.0
// Why this daemon is asked to end.
#pragma once

#include "common/base/macros.h"

enum shutdown_kind {
    SHUTDOWN_KIND_DAEMON,   // only the daemon; also where no service manager can tell
    SHUTDOWN_KIND_POWEROFF, // the machine is going down
    SHUTDOWN_KIND_REBOOT,   // the machine is going down and comes back
};

// Asks systemd, when it runs this machine, for its jobs; waits a few seconds at most. Does not need
// D-Bus, which may be gone by then.
enum shutdown_kind shutdown_find(void) WARN_UNUSED;
