// SPDX-License-Identifier: Apache-2.0
// Port: what can be done to a guest on this node. Verbs block; they are called in worker processes
// (or by the simulator), never in a daemon's loop. Each returns 0 or -errno with words.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct agent;
struct error;
struct guest;

struct agent_ops {
    // Does it run here? Proved by its processes, not by what a runtime's state file says.
    int (*check)(struct agent *agent, const struct guest *guest, bool *ret_running,
                 struct error *err);
    // Whether what runs also works, after check said that it runs: 0, or -errno with words, and
    // then it is stopped and started again. NULL: what runs, works.
    int (*health)(struct agent *agent, const struct guest *guest, struct error *err);
    // Whether what runs inside answers when it is asked there: 0, or -errno with words. -ENOTSUP:
    // nothing in there could; -EAGAIN: it has not come up yet. NULL: services of this type have no
    // inside.
    int (*ping)(struct agent *agent, const struct guest *guest, int64_t timeout_ms,
                struct error *err);
    // How long one job for it may take at most, in milliseconds, made of its verbs' own limits:
    // then the worker is killed. NULL: as long as any.
    int64_t (*limit_ms)(struct agent *agent, const struct guest *guest);
    // Starts it and returns when it runs. -EBUSY: the guest is locked.
    int (*start)(struct agent *agent, const struct guest *guest, struct error *err);
    // Stops it: gracefully for timeout_s, then hard; 0 is hard at once. Returns 0 only when nothing
    // of it runs any more.
    int (*stop)(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                struct error *err);
    // Asks it to end and waits for that, without force and without a lock: 0 when it has ended by
    // itself, -ESRCH when it does not run, -ETIMEDOUT when it still runs after the time. NULL:
    // services of this type cannot be asked.
    int (*ask)(struct agent *agent, const struct guest *guest, int64_t timeout_s,
               struct error *err);
    // Ends it, and whatever could start it again, hard and at once. Knows no more of it than its
    // name, since there may be no store to ask. Returns within about timeout_ms, and 0 only when it
    // was proven that nothing of it runs here, and that nothing it wrote to a storage that other
    // nodes write to as well is still on its way.
    int (*kill)(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err);
    // Moves it to the target node, live when `online`; changes the guest's place in the store as
    // its last step.
    int (*move)(struct agent *agent, const struct guest *guest, const char *target, bool online,
                struct error *err);
    // The other side of a live move: receives what another node's move offers to this one, and
    // returns when it runs here. NULL: it cannot be moved live.
    int (*receive)(struct agent *agent, const char *sid, struct error *err);
};

struct agent {
    const struct agent_ops *ops;
    const char *output; // the last lines that the verb which failed last has printed; NULL: none
};
