// SPDX-License-Identifier: Apache-2.0
// Runs a program of the fence-agents family: options as "key=value" lines on its standard input
// (never on the command line or in the environment, where others could read secrets), "action="
// among them; exit status 0 done or on, 2 off, anything else failed. Programs are looked for in
// /usr/sbin, /sbin and /usr/local/sbin; for tests in HA_MANAGER_FENCE_DIR before these.
// Source: FenceAgentAPI.md of the fence-agents project.
//
// For worker processes and tools, never for a daemon's loop: calls block, and all children that the
// calling process has got meanwhile are ended with the agent, also those that the agent detached.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct fence_device;
struct fence_metadata;

enum fence_action {
    FENCE_ACTION_STATUS,
    FENCE_ACTION_OFF,
    FENCE_ACTION_ON,
    FENCE_ACTION_MONITOR,
    FENCE_ACTION_METADATA,
    FENCE_ACTION_MAX
};

enum fence_power { FENCE_POWER_OFF = 1, FENCE_POWER_ON, FENCE_POWER_DONE };

// How a run went, whatever its result; all in the arena.
struct fence_answer {
    const char *words; // what it printed, in one line, at most 4 KiB, secrets replaced by "***"
    int exit_status;   // -1: it did not end by itself
    int64_t took_ms;
};

// The program of that name, in the arena. -ENOENT with the folders that were searched.
int fence_agent_find(struct arena *arena, const char *agent, char **ret_path,
                     struct error *err) WARN_UNUSED;

// One run for at most timeout_ms; the program and all its children are killed when it takes longer.
// `node` may be NULL for MONITOR. Returns for STATUS FENCE_POWER_ON or FENCE_POWER_OFF and for the
// others FENCE_POWER_DONE, or -ETIMEDOUT, -ENOENT (no such program), -EIO (it failed; the error has
// its last words). `ret` is set in any case; may be NULL.
int fence_agent_run(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, const char *node, enum fence_action action,
                    int64_t timeout_ms, struct fence_answer *ret, struct error *err) WARN_UNUSED;
// The node's power: FENCE_POWER_ON, FENCE_POWER_OFF, or -errno as above. Off is believed only when
// the device answers "monitor" well too, see the next one.
int fence_agent_status(struct arena *arena, const struct fence_device *device,
                       const struct map *secrets, const char *node, struct fence_answer *ret,
                       struct error *err) WARN_UNUSED;
// Off, and then status until it says off or the device's timeout is over. FENCE_POWER_OFF only when
// the order itself ended well and the status said so afterwards: an agent that fails on everything
// with status 2, as many programs do when they dislike their options, proves nothing. Otherwise
// -errno as above.
int fence_agent_off(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, const char *node, struct fence_answer *ret,
                    struct error *err) WARN_UNUSED;
// What the agent says of itself.
int fence_agent_metadata(struct arena *arena, const char *agent, struct fence_metadata *ret,
                         struct error *err) WARN_UNUSED;
