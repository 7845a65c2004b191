// SPDX-License-Identifier: Apache-2.0
// The agent of the simulated world. Some guests stop for a move, some move live. Each verb takes
// time, in the fiber of its worker, and may end in the middle with it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/agent.h"

struct store;
struct swarm_fiber;
struct swarm_node;

struct swarm_agent {
    struct agent port; // first
    struct swarm_node *node;
    struct swarm_fiber *fiber;
    struct store *store;
    uint64_t lease_term;   // 0: none is held
    const bool *is_killed; // the worker got its signal
};

enum { SWARM_KILL_US_MIN = 5 * 1000, SWARM_KILL_US_MAX = 60 * 1000 };

void swarm_agent_init(struct swarm_agent *agent);
