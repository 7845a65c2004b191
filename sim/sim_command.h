// SPDX-License-Identifier: Apache-2.0
// The commands of a scenario: what an operator does to the hardware and with the tools
// (docs/scenarios.md).
#pragma once

#include "common/base/macros.h"

struct error;
struct sim_world;

// Emits hardware-command with text and actor, then acts. `delay` and `skip-round` are the run
// loop's and not known here. -EINVAL: the text is not a command or names what does not exist.
int sim_command_run(struct sim_world *world, const char *actor, const char *text,
                    struct error *err) WARN_UNUSED;
