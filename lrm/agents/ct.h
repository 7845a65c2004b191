// SPDX-License-Identifier: Apache-2.0
// The agent for containers ("ct"), through liblxc. A container runs or does not run by what its
// control groups say (ct_cgroup.h), never by LXC's word alone.
//
// INV-1, on this node: start, stop and move of one container exclude each other by a lock file, and
// a start is made only when neither a process nor a monitor of it is left. INV-2: stop and move
// report success only after both are proved gone.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct agent;
struct agent_context;
struct error;

// The agent for one worker process or tool; service_agent_free() ends it. Never NULL.
struct agent *ct_agent_new(const struct agent_context *context) WARN_UNUSED;

// The number of the container's first process as this process sees it, for watching its end; 0 when
// it does not run here or cannot be seen.
pid_t ct_agent_init_pid(const char *sid) WARN_UNUSED;
