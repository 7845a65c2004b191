// SPDX-License-Identifier: Apache-2.0
// Running a scenario to its end.
#pragma once

#include "common/base/macros.h"

struct error;
struct scenario;
struct sim_world;

// The reference's loop: fixed rounds, so that its scenarios replay to the second. -EINVAL: a
// command was wrong; -ETIME: no end in sight. Ends early when an invariant is broken
// (world->violation).
int sim_loop_run_classic(struct sim_world *world, const struct scenario *scenario,
                         struct error *err) WARN_UNUSED;
// For the live profiles: rounds run when something changed or when the daemon asked for one, and
// commands are executed at the times that the classic loop would give them.
int sim_loop_run_live(struct sim_world *world, const struct scenario *scenario,
                      struct error *err) WARN_UNUSED;
