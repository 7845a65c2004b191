// SPDX-License-Identifier: Apache-2.0
// Carrying out one job on the agent: check, start or stop or move, check again, and the exit code
// that tells how it went. Runs in a worker process, or inline in the simulator. Blocks as long as
// the agent's verbs do.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/model/lrm_status.h"

struct agent;
struct arena;
struct event_sink;
struct job;
struct store;

struct execution_ports {
    struct store *store; // to read the guest's definition and place
    struct event_sink
        *events; // start, started, start-failed, stop, stopped, stop-failed, move-failed, …
    // A move whose guest is found on its target and does not run here counts as done: a worker that
    // ended after its last step did it. Without this it is the reference's answer, wrong node.
    bool accept_moved;
    // The agent for a type, or NULL when there is no such type.
    struct agent *(*agent_for)(void *userdata, const char *type);
    void *userdata;
};

// Returns the exit code; *ret_reason is words for the operator when it is not success, in the
// arena, or NULL.
enum lrm_code execution_run(struct arena *arena, const char *node, const struct job *job,
                            const struct execution_ports *ports,
                            const char **ret_reason) WARN_UNUSED;
