// SPDX-License-Identifier: Apache-2.0
// The agent for services of type "unit": services of the service manager (systemd), which starts,
// stops and watches their processes; HA says where and when. docs/agents.md.
//
// INV-2: stop and move report success only when the unit is inactive and its control group is
// empty. A unit that is enabled would start by itself when its node boots, wherever HA runs it: it
// is refused, when it is put under HA and at every start.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct agent;
struct agent_context;
struct error;
struct guest;

// The agent for one worker process or tool; service_agent_free() ends it. Never NULL.
struct agent *unit_agent_new(const struct agent_context *context) WARN_UNUSED;

// The unit's main process. 0: it has none.
pid_t unit_agent_init_pid(const char *sid) WARN_UNUSED;
// Tells the ends of units; struct agent_type says more.
int unit_agent_watch(int fd, void *userdata) WARN_UNUSED;
// A unit's definition is its name alone.
int unit_agent_check_definition(const struct guest *guest, struct error *err) WARN_UNUSED;
// Whether the unit exists on this node, can be started, and is not enabled.
int unit_agent_validate(const struct guest *guest, const char *node, bool thorough,
                        struct error *err) WARN_UNUSED;
