// SPDX-License-Identifier: Apache-2.0
// Carrying out one job on the agent: check, start or stop or move, check again, and the exit code
// that tells how it went. Runs in a worker process, or inline in the simulator. Blocks as long as
// the agent's verbs do.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/model/lrm_status.h"
#include "common/port/workers.h"

struct agent;
struct arena;
struct error;
struct probe;
struct event_sink;
struct job;
struct store;

// What else there is to say of a job. In the arena.
struct execution_notes {
    const char *output; // the last lines that a failed verb printed; NULL: none
    enum job_probe probe;
    const char *probe_words; // why it is not good, or not asked; NULL: it is, or there is none
    bool restarted;
};

struct execution_ports {
    struct store *store; // to read the guest's definition and place
    struct event_sink
        *events; // start, started, start-failed, stop, stopped, stop-failed, move-failed, …
    // A move whose guest is found on its target and does not run here counts as done: a worker that
    // ended after its last step did it. So does the daemon's own stop of a guest that has moved
    // away meanwhile. Without this it is the reference's answer, wrong node.
    bool accept_moved;
    struct execution_notes *notes; // or NULL
    // Carries the service's probe out, unless its own agent does: 0, or -errno with words. NULL:
    // services are not probed.
    int (*probe)(struct arena *arena, const struct probe *probe, const char *sid,
                 int64_t timeout_ms, struct error *err);
    // Told before a job that may take another time than jobs usually do; or NULL.
    void (*limit)(void *userdata, int64_t limit_ms);
    // The agent for a type, or NULL when there is no such type.
    struct agent *(*agent_for)(void *userdata, const char *type);
    void *userdata;
};

// Returns the exit code; *ret_reason is words for the operator when it is not success, in the
// arena, or NULL.
enum lrm_code execution_run(struct arena *arena, const char *node, const struct job *job,
                            const struct execution_ports *ports,
                            const char **ret_reason) WARN_UNUSED;
