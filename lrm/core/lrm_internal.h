// SPDX-License-Identifier: Apache-2.0
// Shared by the files of the LRM core, and by nobody else: the daemon's memory between two calls.
#pragma once

#include "common/model/event.h"
#include "common/model/timing.h"
#include "lrm/core/job_queue.h"
#include "lrm/core/lrm.h"
#include "lrm/core/restart_policy.h"

// Where in a round the next call goes on. A round passes them in ascending order.
enum lrm_phase {
    LRM_PHASE_BEGIN,
    LRM_PHASE_FIRST_STATUS, // the first status must be written before anything else
    LRM_PHASE_DECIDE,       // is the lease wanted?
    LRM_PHASE_LEASE,        // the lease's answer is in
    LRM_PHASE_WATCHDOG,     // the watchdog's answer is in
    LRM_PHASE_MOVE,         // the state may change
    LRM_PHASE_DRAIN,        // jobs that waited have been given out
    LRM_PHASE_WORK,
    LRM_PHASE_AFTER_WORK, // jobs have been given out
    LRM_PHASE_END,
};

// What keeps the LRM from working, told once when it begins.
enum lrm_trouble {
    LRM_TROUBLE_NONE,
    LRM_TROUBLE_UNREADABLE, // the master's word cannot be read
    LRM_TROUBLE_OLD_TERM,   // it is that of a master of the past
    LRM_TROUBLE_OUTDATED,   // the view of the cluster is not up to date
};

struct lrm {
    char *node;
    struct timing timing;
    int64_t workers_max;
    // Live profiles: rounds follow changes, so what the reference does once a round is spaced by
    // time instead, a running guest is checked again without a new uid, and a lease that cannot be
    // renewed counts until its authority ends.
    bool event_driven;

    int state; // enum lrm_state
    enum lrm_mode mode;
    enum lrm_phase phase;
    bool status_written; // by this process, at least once

    // The master's word, as last accepted.
    bool view_usable; // this round's could be read and is not of an older term
    enum lrm_trouble trouble;
    bool disarm;
    uint64_t term_seen;
    bool fence_requested;
    size_t active_count;  // services that need this node's lease
    size_t located_count; // services whose node this is

    bool lease_wanted, lease_ok; // of this round
    bool lease_held;
    int64_t authority_until_ms;
    int64_t retry_at_ms; // the lease is busy until then
    bool armed;          // the watchdog guards until armed_until_ms
    int64_t armed_until_ms;
    bool goodbye_said; // a deadline left by a process before this one has been withdrawn

    int64_t idle_rounds, idle_counted_ms;
    int64_t lost_since_ms;

    bool shutdown_requested;
    enum lrm_shutdown shutdown;
    size_t stop_failures; // stop jobs of the shutdown that failed
    bool blocked_told;    // that the end is blocked
    bool exiting;

    struct job_queue queue;
    struct restart_policy restarts;
    struct map results; // uid → struct lrm_result *
};

// One call of lrm_step().
struct lrm_call {
    struct lrm *lrm;
    const struct lrm_input *input;
    struct lrm_output *out;
};

struct lrm_action *lrm_call_push(const struct lrm_call *call, enum lrm_action_kind kind);
// A new event, already among the actions; the caller adds fields.
struct event *lrm_call_emit(const struct lrm_call *call, enum event_level level, const char *name);
// Tells of the change, if it is one.
void lrm_set_mode(const struct lrm_call *call, enum lrm_mode mode);
// Nothing here needs protection any more: the watchdog is disarmed and the lease released.
void lrm_give_back(const struct lrm_call *call);
// INV-2, INV-5: whether a job that brings a guest to life may be given out now.
bool lrm_may_start(const struct lrm *lrm, int64_t now_ms) WARN_UNUSED;

// lrm_orders.c: from the master's records to jobs, and from ended jobs to results.
void lrm_orders_queue(const struct lrm_call *call);
size_t lrm_orders_run(const struct lrm_call *call); // how many were given out
void lrm_orders_collect(const struct lrm_call *call);
// When the next job comes due by itself; INT64_MAX: none.
int64_t lrm_orders_due_ms(const struct lrm *lrm, int64_t now_ms) WARN_UNUSED;

// lrm_moves.c: the state table.
void lrm_moves_apply(const struct lrm_call *call);
