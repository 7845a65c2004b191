// SPDX-License-Identifier: Apache-2.0
// A scenario's commands in the order of their batches.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/world.h"

struct error;
struct scenario;

struct sim_script {
    struct sim_world *world;
    const struct scenario *scenario;
    size_t next_batch;
    int64_t skips[SIM_DAEMON_MAX]; // rounds of this kind still to be left out
    int64_t delayed_until_ms;      // by the last delay command
    int64_t last_command_ms;
    bool ended; // no batch was left, long enough after the last command
};

// Executes the next batch, or finds out that the scenario is over.
int sim_script_run_batch(struct sim_script *script, struct error *err) WARN_UNUSED;
