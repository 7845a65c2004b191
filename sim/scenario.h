// SPDX-License-Identifier: Apache-2.0
// A scenario folder (docs/scenarios.md): reading it strictly, so that a mistake in a file is told
// with file and position, and setting a world up from it.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct error;
struct sim_world;

struct scenario_batch {
    const char **commands;
    size_t count;
};

struct scenario {
    const char *folder;
    const struct scenario_batch *batches;
    size_t batches_count;
};

// The profile that the folder's file `timing` names; classic when there is none. -EINVAL: it names
// none.
int scenario_find_timing(struct arena *arena, const char *folder, enum timing_profile *ret,
                         struct error *err) WARN_UNUSED;
// Reads all files of the folder and fills the world: nodes, documents, sizes, running guests. All
// memory of the scenario is in the arena. -ENOENT: no such folder or no cmdlist in it; -EINVAL
// names file and position.
int scenario_load(struct arena *arena, const char *folder, struct sim_world *world,
                  struct scenario **ret, struct error *err) WARN_UNUSED;
