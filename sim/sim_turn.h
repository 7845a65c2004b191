// SPDX-License-Identifier: Apache-2.0
// What both run loops do around a daemon's round.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct sim_daemon;
struct sim_world;

// The daemon has asked to exit: it is gone, and the node goes down or a new daemon is made, as was
// ordered.
int sim_turn_end(struct sim_daemon *daemon, struct error *err) WARN_UNUSED;
// Takes the power from each node of which a watchdog's deadline passed longer than slack_ms ago.
int sim_turn_check_watchdogs(struct sim_world *world, int64_t slack_ms,
                             struct error *err) WARN_UNUSED;
