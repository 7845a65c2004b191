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
struct error;
struct store;

struct ct_agent_config {
    const char *node; // this node
    // Where storages are looked up and where move changes the container's place. Borrowed.
    struct store *store;
    // The term under which this node holds its agent lease; move writes under its guard. 0: no
    // lease is held, and move is refused.
    uint64_t lease_term;
    int64_t stop_timeout_s; // of the graceful stop before a move
    // As in volume_claim.h.
    int (*is_fenced)(void *userdata, const char *node, bool *ret, struct error *err);
    void *is_fenced_userdata;
};

// The agent for one worker process or tool. Never NULL.
struct agent *ct_agent_new(const struct ct_agent_config *config) WARN_UNUSED;
void ct_agent_free(struct agent *agent);
void ct_agent_freep(struct agent **agent);

// The number of the container's first process as this process sees it, for watching its end; 0 when
// it does not run here or cannot be seen.
pid_t ct_agent_init_pid(const char *sid) WARN_UNUSED;
