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
    bool kill;         // whatever is left of it here is killed, wherever its place is
    bool heal;         // should its probe fail, it is restarted; else that is only told
};

enum job_probe { JOB_PROBE_NONE, JOB_PROBE_GOOD, JOB_PROBE_BAD };

struct job_result {
    const char *sid;
    const char *uid;
    enum svc_state state;
    int64_t exit_code;       // enum lrm_code
    const char *reason;      // or NULL
    const char *output;      // the last lines that a failed verb printed; NULL: none
    enum job_probe probe;    // what the service's probe said, when there is one
    const char *probe_words; // why it is not good, or was not asked; or NULL
    bool restarted;          // it ran and did not work, so it was stopped and started
};

struct job_results {
    struct job_result *results;
    size_t count;
};

// Names of guests. Borrowed.
struct workers_guests {
    const char *const *sids;
    size_t count;
};

enum workers_killed {
    WORKERS_KILLED_NONE, // nothing was ordered since the last job
    WORKERS_KILLED_PENDING,
    WORKERS_KILLED_PROVEN, // no worker and nothing of the guests runs
    WORKERS_KILLED_FAILED, // some may
};

struct workers_ops {
    int (*spawn)(struct workers *workers, const struct job *job, struct error *err);
    void (*collect)(struct workers *workers, struct arena *arena, struct job_results *ret);
    void (*kill)(struct workers *workers, const struct workers_guests *guests, int64_t until_ms);
    enum workers_killed (*look)(struct workers *workers, struct arena *arena,
                                const char **ret_reason);
    int (*note)(struct workers *workers, const struct workers_guests *guests, uint64_t term,
                struct error *err);
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

// Ends all workers that run, with what they started; their jobs have no results. Then ends each of
// the guests, hard, all at the same time. What is not proven to have ended until then (own clock)
// has failed. One at a time; what was ordered before and is pending goes on.
static inline void workers_kill(struct workers *workers, const struct workers_guests *guests,
                                int64_t until_ms)
{
    workers->ops->kill(workers, guests, until_ms);
}

// How far that is. `ret_reason`: what failed, in the arena, else NULL.
WARN_UNUSED static inline enum workers_killed
workers_look(struct workers *workers, struct arena *arena, const char **ret_reason)
{
    return workers->ops->look(workers, arena, ret_reason);
}

// Notes on this machine which guests may run on it, and the term of the agent lease under which, in
// place of what was noted before, for the process after this one: it may have to end them without a
// store to ask.
WARN_UNUSED static inline int workers_note(struct workers *workers,
                                           const struct workers_guests *guests, uint64_t term,
                                           struct error *err)
{
    return workers->ops->note(workers, guests, term, err);
}
