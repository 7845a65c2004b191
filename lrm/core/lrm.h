// SPDX-License-Identifier: Apache-2.0
// The decisions of the LRM, pure: whether this node holds its agent lease, which job runs next,
// what is told to the master, and when the daemon may end. lrm/round.c builds the input from the
// ports, carries the actions out in their order and calls again, in the same round, while the
// output says so.
//
// What is kept here (docs/invariants.md):
//
// INV-2, INV-5: A job that may start or move a guest is given out only in the states active and
// maintenance, with the agent lease held, authority left, the watchdog armed for it, and the guest
// noted on this machine. A lost lease means no new starts.
//
// INV-5: When authority is about to end, everything of HA on this node is killed. Only when all of
// it is proven to have ended, and in time, the watchdog is told goodbye. The same when the lease
// turns out to have been lost in between: another term than the one held is not used before.
//
// INV-1: What is noted to run here, but belongs to another node, is killed and proven to have ended
// before lease or watchdog are given back.
//
// INV-4: A view of the cluster written under an older manager term than the newest seen is not
// acted on.
//
// INV-6: A worker's result counts once, and only for the job that was given out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/lrm_status.h"
#include "common/model/transition.h"
#include "common/port/lease.h"
#include "common/port/workers.h"
#include "lrm/round.h"

struct arena;
struct event;
struct lrm;
struct manager_status;
struct options;
struct timing;

// What the daemon sees. Everything is borrowed for the call.
struct lrm_input {
    struct arena *arena; // of the round: actions and events are made in it
    int64_t now_ms;
    bool begins;  // first call of a round; false: the answers to the actions of the call before
    bool view_ok; // the view of the cluster is up to date
    bool quorate;
    bool readable; // manager status and service records could be read; false: `manager`, `services`
                   // are the last ones
    const struct manager_status *manager; // NULL: there is none yet
    // sid → const struct service *: the master's records of what is here or coming, and of what was
    // since this process began, or was noted before; of others as well, or not.
    const struct map *services;
    // While the master disarms the cluster: a record, of whatever node, makes it wait with that.
    bool unsettled;
    const struct map *resources; // sid → const struct resource *
    const struct options *options;
    // Answers; 0 where nothing was asked.
    int lease_answer; // enum lease_answer or -errno
    struct lease_grant grant;
    int watchdog_answer; // 1 armed, or -errno
    // The last goodbye to the watchdog may not have reached it: a deadline may stand that would
    // reset a node on which nothing needs protection.
    bool goodbye_owed;
    int disarm_answer;           // 1 disarmed, or -errno
    int note_answer;             // 1 noted, or -errno
    int status_answer;           // 1 written, or -errno
    struct job_results finished; // workers that ended since the last call
    enum workers_killed killed;  // how far the last order to kill is
    const char *killed_reason;   // or NULL
};

// Whether the master lets go of a disarmed cluster only after this service has arrived somewhere.
bool lrm_defers_disarming(enum svc_state state) WARN_UNUSED;

enum lrm_action_kind {
    LRM_ACTION_EMIT,
    LRM_ACTION_ACQUIRE_LEASE,
    LRM_ACTION_ARM_WATCHDOG, // deadline_ms
    LRM_ACTION_NOTE,         // guests, term
    LRM_ACTION_SPAWN,        // job
    LRM_ACTION_KILL,         // guests, deadline_ms
    LRM_ACTION_DISARM_WATCHDOG,
    LRM_ACTION_RELEASE_LEASE,
    LRM_ACTION_WRITE_STATUS, // lrm_build_status(), lrm_get_results()
    LRM_ACTION_MAX
};

struct lrm_action {
    enum lrm_action_kind kind;
    struct event *event;
    int64_t deadline_ms;
    struct job job;
    struct workers_guests guests;
    uint64_t term;
};

struct lrm_output {
    struct lrm_action *actions;
    size_t count;
    size_t capacity;
    bool again; // carry the actions out and call again with their answers
    bool exit;  // the daemon is to end, orderly
    int64_t next_wake_ms;
};

// No round has more calls than this: begin, first status, lease, watchdog, note, queued jobs, new
// jobs or goodbye, end.
enum { LRM_STEPS_MAX = 9 };

// Node and timing are copied. workers_max as in lrm_round_new().
struct lrm *lrm_new(const char *node, const struct timing *timing, int64_t workers_max) WARN_UNUSED;
void lrm_free(struct lrm *lrm);
// The first event, startup → wait_for_agent_lock.
void lrm_begin(struct lrm *lrm, struct arena *arena, struct lrm_output *ret);
// A process before this one left this deadline in the watchdog (0: none), and noted these guests
// and this term of the lease; `known`: it did note them. Before the first step.
void lrm_inherit(struct lrm *lrm, int64_t deadline_ms, const struct workers_guests *guests,
                 uint64_t term, bool known);
void lrm_step(struct lrm *lrm, const struct lrm_input *input, struct lrm_output *ret);
// Chooses the mode by the shutdown policy and queues the stop jobs; later rounds carry it out.
// Executed once, a second request changes nothing. Of the input: arena, now_ms, services, options.
void lrm_request_shutdown(struct lrm *lrm, const struct lrm_input *input, enum lrm_shutdown how,
                          struct lrm_output *ret);
// The guest of a service that should run has ended by itself: its check is due at once, whatever
// was reported for its uid before. Classic timing waits for the master's next order instead.
void lrm_note_guest_exit(struct lrm *lrm, const char *sid, int64_t now_ms);

// Whether its end would be news, told by somebody who knows nothing of jobs: it runs, as far as is
// known, and none is at work that ends it.
bool lrm_is_alive(const struct lrm *lrm, const char *sid) WARN_UNUSED;

// Whether a guest that another node moves here live may come to life here now: this node may start
// guests, and it is noted that this one comes.
bool lrm_may_receive(const struct lrm *lrm, const char *sid, int64_t now_ms) WARN_UNUSED;
enum lrm_state lrm_get_state(const struct lrm *lrm) WARN_UNUSED;
enum lrm_mode lrm_get_mode(const struct lrm *lrm) WARN_UNUSED;
// What the LRM says of itself, in the arena, without results. The timestamp is the caller's.
struct lrm_status *lrm_build_status(const struct lrm *lrm, struct arena *arena) WARN_UNUSED;
// sid → struct lrm_result *: what it says of its services. Borrowed until the next call.
const struct map *lrm_get_results(const struct lrm *lrm) WARN_UNUSED;
extern const struct transition_table lrm_state_transitions;
// The same with words.
extern const struct transition_row lrm_state_rows[];
extern const size_t lrm_state_rows_count;
