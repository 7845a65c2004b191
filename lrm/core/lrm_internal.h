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
    LRM_PHASE_NOTE,         // what may run here is noted before it is started
    LRM_PHASE_NOTED,        // the note's answer is in
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

// Fencing by stopping, lrm_stop.c. Once begun it goes on to its end: late renewals change nothing.
enum lrm_stop_phase {
    LRM_STOP_NONE,
    LRM_STOP_DUE,     // workers and guests are to be killed
    LRM_STOP_KILLING, // that was ordered
    LRM_STOP_GOODBYE, // all is proven to have ended, and the watchdog is to be told
    LRM_STOP_DONE,    // nothing runs here, and nothing guards it
    LRM_STOP_FAILED,  // not proven in time: the watchdog resets the node
};

struct lrm_stop {
    enum lrm_stop_phase phase;
    int64_t began_ms;
    int64_t until_ms; // the proof must be there
    int64_t retry_at_ms;
    size_t guests_count;
    bool failure_told;
    bool broken;   // the lease was lost in between
    bool released; // the lease was given back: the node's own word
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
    bool lease_broken;           // likewise: the term held has ended, and another has begun since
    bool lease_held;
    // The term under which what may run here was started or found; 0: nothing was, or all of it was
    // proven to have ended, or given back.
    uint64_t lease_term;
    int64_t authority_until_ms;
    int64_t retry_at_ms; // the lease is busy until then
    bool armed;          // the watchdog guards as long as this process has authority
    // The last deadline that the watchdog took, from this process or one before it; 0: none, or it
    // was told goodbye. When it passes the node is reset.
    int64_t armed_until_ms;
    bool goodbye_said; // a deadline left by a process before this one has been withdrawn

    // sids that may run here, as noted on this machine; NULL: one that is only expected to come
    struct map noted;
    bool noted_ok; // … and the note is there
    uint64_t noted_term;
    bool noted_unknown; // a process before this one may have started what was not noted
    struct map strays;  // sid → struct stray *: noted, but another node's; lrm_strays.c
    struct map ended;   // sids that are noted, but whose last job proved that they do not run here
    struct lrm_stop stop;

    int64_t idle_rounds, idle_counted_ms;
    int64_t lost_since_ms;

    bool shutdown_requested;
    bool stops_all; // and all that is located here is stopped for it
    enum lrm_shutdown shutdown;
    size_t stop_failures; // stop jobs of the shutdown that failed
    bool blocked_told;    // that the end is blocked
    bool exiting;

    struct job_queue queue;
    struct restart_policy restarts;
    struct map results; // sid → struct lrm_result *: of its present task, or of one before
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

// lrm_stop.c: what may run here, and its end when authority ends.
// Into `noted`: it may run here already.
void lrm_note_here(struct lrm *lrm, const char *sid);
// Whether this node stops its services when it loses its lease.
bool lrm_stop_is_wanted(const struct lrm_call *call) WARN_UNUSED;
// K before the end of what the node may do.
bool lrm_stop_is_near(const struct lrm *lrm, int64_t now_ms) WARN_UNUSED;
int64_t lrm_stop_near_ms(const struct lrm *lrm) WARN_UNUSED; // when that is; INT64_MAX: never
// Whether it is under way, or has failed: nothing may be asked or started.
bool lrm_stop_is_running(const struct lrm *lrm) WARN_UNUSED;
void lrm_stop_begin(const struct lrm_call *call);
// Whether all that is active here by the records is known not to run here.
bool lrm_stop_leaves_nothing(const struct lrm_call *call) WARN_UNUSED;
// True when an answer must be waited for, which goes to lrm_stop_take_goodbye().
bool lrm_stop_go_on(const struct lrm_call *call) WARN_UNUSED;
void lrm_stop_take_goodbye(const struct lrm_call *call);
// Notes what may run here when that has changed. True: an answer must be waited for.
bool lrm_stop_note(const struct lrm_call *call) WARN_UNUSED;

// lrm_strays.c: what may run here and belongs to another node.
// Looks for them in what is noted, before it is noted anew.
void lrm_strays_find(const struct lrm_call *call);
// While true nothing here is given back.
bool lrm_strays_pending(const struct lrm *lrm) WARN_UNUSED;
size_t lrm_strays_run(const struct lrm_call *call); // how many jobs were given out
// False: it is not that of a stray.
bool lrm_strays_take_result(const struct lrm_call *call,
                            const struct job_result *result) WARN_UNUSED;
int64_t lrm_strays_due_ms(const struct lrm *lrm) WARN_UNUSED; // when one is tried next

// lrm_moves.c: the state table.
void lrm_moves_apply(const struct lrm_call *call);
// Whether nobody looks after the services here any more, by the master's word and the records.
bool lrm_moves_disarmed(const struct lrm *lrm, const struct lrm_input *input) WARN_UNUSED;
