// SPDX-License-Identifier: Apache-2.0
// Port: carrying out jobs besides the daemon's loop. Live: a forked process each; the simulator: at
// once, inline.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/lrm_status.h"
#include "common/model/service.h"

struct arena;
struct error;
struct workers;

// One order of the master for one service.
struct job {
    const char *sid;
    const char *uid; // NULL: a stop job of the node's own shutdown, whose result nobody is told
    enum svc_state
        state; // started, request_stop, stopped, migrate, relocate, request_start_balance, error
    const char *target;
    int64_t timeout_s; // SERVICE_TIMEOUT_NONE: the default
};

struct job_result {
    const char *sid;
    const char *uid;
    enum svc_state state;
    int64_t exit_code;  // enum lrm_code
    const char *reason; // or NULL
};

struct job_results {
    struct job_result *results;
    size_t count;
};

struct workers_ops {
    int (*spawn)(struct workers *workers, const struct job *job, struct error *err);
    void (*collect)(struct workers *workers, struct arena *arena, struct job_results *ret);
};

struct workers {
    const struct workers_ops *ops;
};

// Starts a worker for the job. The job is copied. A failure to fork is a result with
// LRM_CODE_FAILED_TO_RUN, not an error; -EEXIST: a worker for this sid is running (a service never
// has two).
WARN_UNUSED static inline int workers_spawn(struct workers *workers, const struct job *job,
                                            struct error *err)
{
    return workers->ops->spawn(workers, job, err);
}

// The jobs that ended since the last call, in the order of their ending. Each is returned once.
static inline void workers_collect(struct workers *workers, struct arena *arena,
                                   struct job_results *ret)
{
    workers->ops->collect(workers, arena, ret);
}
