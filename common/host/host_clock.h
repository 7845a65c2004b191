// SPDX-License-Identifier: Apache-2.0
// The clock port on the real machine.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/clock.h"

void host_clock_init(struct clock *clock);

// For how long something takes: microseconds of a clock that begins anywhere, never goes back and
// stands still while the machine sleeps.
int64_t host_clock_us(void) WARN_UNUSED;

// Waits in a tool or a worker, never in a daemon's loop. A signal may end it early.
void host_sleep_ms(int64_t ms);
