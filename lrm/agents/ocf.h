// SPDX-License-Identifier: Apache-2.0
// The agent for services of type "ocf": any installed resource agent of the Open Cluster Framework.
// docs/agents.md says how one is defined and written.
//
// Two things tell whether something of a service runs: its agent's monitor, and a control group of
// its own that everything is in which the agent's start has left. INV-2: stop and move report
// success only when the agent's stop succeeded, the group is empty and the monitor says "not
// running". What is started is noted below the run folder, so that it can be stopped as it was
// started: after a change of its definition, or without a store.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct agent;
struct agent_context;
struct arena;
struct error;
struct guest;
struct ocf_metadata;

// The agent for one worker process or tool; service_agent_free() ends it. Never NULL.
struct agent *ocf_agent_new(const struct agent_context *context) WARN_UNUSED;

// The process to watch: the oldest that the agent's start has left. 0: none.
pid_t ocf_agent_init_pid(const char *sid) WARN_UNUSED;

// What the agent "<provider>:<type>" says of itself. -ENOENT: not installed on this node.
int ocf_agent_metadata(struct arena *arena, const char *name, struct ocf_metadata *ret,
                       struct error *err) WARN_UNUSED;
// The whole check of a definition on this node: its form, its parameters against the agent's
// metadata, and when `thorough` the agent's own validate-all. One precise line.
int ocf_agent_validate(const struct guest *guest, const char *node, bool thorough,
                       struct error *err) WARN_UNUSED;
