// SPDX-License-Identifier: Apache-2.0
// Faults at the seams: ports that stand before the real ones and ask for each call what is to
// become of it. For tests; who asks for which fault when is decided by the one who gives the hook.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/port/fence.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/stats.h"
#include "common/port/store.h"
#include "common/port/watchdog.h"
#include "common/port/workers.h"

enum fault_call {
    FAULT_CALL_STORE_REFRESH,
    FAULT_CALL_STORE_READ,
    FAULT_CALL_STORE_COMMIT,
    FAULT_CALL_WORKER_REFRESH, // the same three of a worker
    FAULT_CALL_WORKER_READ,
    FAULT_CALL_WORKER_COMMIT,
    FAULT_CALL_LEASE_ACQUIRE,
    FAULT_CALL_LEASE_RELEASE,
    FAULT_CALL_MEMBERSHIP_GET,
    FAULT_CALL_WATCHDOG_ARM,
    FAULT_CALL_WATCHDOG_DISARM,
    FAULT_CALL_STATS_GET,
    FAULT_CALL_FENCE_START,
    FAULT_CALL_FENCE_CANCEL,
    FAULT_CALL_WORKERS_SPAWN,
    FAULT_CALL_WORKERS_COLLECT,
    FAULT_CALL_WORKERS_KILL,
    FAULT_CALL_WORKERS_NOTE,
    FAULT_CALL_MAX
};

enum fault_verdict {
    FAULT_VERDICT_NONE,  // as it is
    FAULT_VERDICT_FAIL,  // no effect, and an error
    FAULT_VERDICT_LOSE,  // takes effect, and the answer is an error that leaves it open
    FAULT_VERDICT_CRASH, // takes effect, and is the last thing that this process did
    FAULT_VERDICT_MAX
};

// "store-commit", "lose"; for people and for command lines.
const char *fault_call_name(enum fault_call call) WARN_UNUSED;
const char *fault_verdict_name(enum fault_verdict verdict) WARN_UNUSED;
// Whether the verdict means anything for the call: an answer can only be lost where there is an
// effect.
bool fault_verdict_fits(enum fault_verdict verdict, enum fault_call call) WARN_UNUSED;

// Asked before each call. `what`: the key, lease, sid or node that it is about, or "".
typedef enum fault_verdict (*fault_hook)(void *userdata, enum fault_call call, const char *what);

struct fault_ports;
#define FAULT_PORT(name, type)                                                                     \
    struct fault_##name {                                                                          \
        struct type port;                                                                          \
        struct type *inner;                                                                        \
        struct fault_ports *ports;                                                                 \
    }
struct fault_store {
    struct store port;
    struct store *inner;
    struct fault_ports *ports;
    enum fault_call refresh, read, commit; // what its calls are called
};
FAULT_PORT(lease, lease);
FAULT_PORT(membership, membership);
FAULT_PORT(watchdog, watchdog);
FAULT_PORT(stats, stats);
FAULT_PORT(fence, fence);
FAULT_PORT(workers, workers);

// The ports of one process. After a crash every call is refused without effect, until its functions
// have returned and the owner throws the process away.
struct fault_ports {
    fault_hook hook;
    void *userdata;
    bool is_crashed;
    bool kill_failed; // the last order to kill; the workers know nothing of it
    struct fault_store store, worker_store;
    struct fault_lease lease;
    struct fault_membership membership;
    struct fault_watchdog watchdog;
    struct fault_stats stats;
    struct fault_fence fence;
    struct fault_workers workers;
};

// What stands behind; those that are not used may be NULL. Borrowed.
struct fault_inner {
    struct store *store, *worker_store;
    struct lease *lease;
    struct membership *membership;
    struct watchdog *watchdog;
    struct stats *stats;
    struct fence *fence;
    struct workers *workers;
};

void fault_ports_init(struct fault_ports *ports, const struct fault_inner *inner, fault_hook hook,
                      void *userdata);
