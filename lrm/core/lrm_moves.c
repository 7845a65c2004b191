// SPDX-License-Identifier: Apache-2.0
// The LRM's state table: which moves exist and when they happen.
#include <assert.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/macros.h"
#include "common/model/event.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/model/transition.h"
#include "lrm/core/lrm_internal.h"

// The only place where moves are allowed: expanded to the matrix that is enforced and to the rows
// with words.
#define LRM_ROWS(ROW)                                                                              \
    ROW(STARTUP, WAIT_FOR_AGENT_LOCK, "the daemon starts")                                         \
    ROW(WAIT_FOR_AGENT_LOCK, ACTIVE, "services are to run here; got the agent lease")              \
    ROW(WAIT_FOR_AGENT_LOCK, LOST_AGENT_LOCK,                                                      \
        "a deadline of the process before is about to pass, or the node is to be fenced under it " \
        "or has lost its lease in between")                                                        \
    ROW(ACTIVE, LOST_AGENT_LOCK,                                                                   \
        "the agent lease was not renewed in time, or lost in between, or a fence was ordered")     \
    ROW(ACTIVE, MAINTENANCE, "maintenance was asked for, or the node leaves by policy migrate")    \
    ROW(ACTIVE, WAIT_FOR_AGENT_LOCK, "nothing placed here for long, or disarmed")                  \
    ROW(MAINTENANCE, ACTIVE, "maintenance has ended")                                              \
    ROW(MAINTENANCE, LOST_AGENT_LOCK,                                                              \
        "the agent lease was not renewed in time, or lost in between, or a fence was ordered")     \
    ROW(MAINTENANCE, WAIT_FOR_AGENT_LOCK, "disarmed, and nothing is active here")                  \
    ROW(LOST_AGENT_LOCK, ACTIVE, "got the agent lease again")

#define LRM_ALLOWED(from, to, when) [LRM_STATE_##from * LRM_STATE_MAX + LRM_STATE_##to] = true,
#define LRM_ROW(from, to, when)     {LRM_STATE_##from, LRM_STATE_##to, when},

static const bool lrm_moves_allowed[LRM_STATE_MAX * LRM_STATE_MAX] = {LRM_ROWS(LRM_ALLOWED)};

const struct transition_table lrm_state_transitions = {&lrm_state_table, lrm_moves_allowed};
const struct transition_row lrm_state_rows[] = {LRM_ROWS(LRM_ROW)};
const size_t lrm_state_rows_count = ARRAY_SIZE(lrm_state_rows);

static void lrm_moves_to(const struct lrm_call *call, enum lrm_state to)
{
    struct lrm *lrm = call->lrm;
    struct event *event = lrm_call_emit(call, EVENT_LEVEL_INFO, "daemon-state");
    event_text(call->input->arena, event, "from", lrm_state_to_string((enum lrm_state)lrm->state));
    event_text(call->input->arena, event, "to", lrm_state_to_string(to));
    transition_move(&lrm_state_transitions, &lrm->state, (int)to);
    lrm->idle_rounds = 0;
}

static void lrm_moves_lose(const struct lrm_call *call, const char *reason)
{
    struct lrm *lrm = call->lrm;
    struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "lease-lost");
    event_text(call->input->arena, event, "lock",
               arena_printf(call->input->arena, LEASE_AGENT_FORMAT, lrm->node));
    event_text(call->input->arena, event, "reason", reason);
    // INV-5: the watchdog's deadline is moved no more; whatever runs here ends by it at the latest.
    lrm->lost_since_ms = call->input->now_ms;
    lrm_moves_to(call, LRM_STATE_LOST_AGENT_LOCK);
    if (lrm_stop_is_wanted(call) || lrm->lease_broken) {
        lrm_stop_begin(call);
    }
    assert(!lrm_may_start(lrm, call->input->now_ms)); // INV-2, INV-5
}

static void lrm_moves_leave(const struct lrm_call *call)
{
    lrm_moves_to(call, LRM_STATE_WAIT_FOR_AGENT_LOCK);
    lrm_give_back(call);
}

#define LRM_MOVES_FENCE "the master is about to fence this node"

// Stopping takes its time, so it begins before the authority ends.
static bool lrm_moves_lose_soon(const struct lrm_call *call)
{
    if (!lrm_stop_is_wanted(call) || !lrm_stop_is_near(call->lrm, call->input->now_ms)) {
        return false;
    }
    lrm_moves_lose(call, "the lease was not renewed in time");
    return true;
}

// Rounds in a row in which nothing at all is placed here. Rounds that follow each other faster than
// their usual time count once.
static bool lrm_moves_idle_too_long(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    // Classic replay: what cannot be read is what it was.
    bool known = (lrm->view_usable && call->input->view_ok) || !lrm->event_driven;
    // INV-5: what comes live comes to life here before the master's record names this node.
    bool needed = lrm->located_count > 0 || (lrm->event_driven && lrm->active_count > 0);
    if (!known || lrm_strays_pending(lrm) || needed || job_queue_remaining(&lrm->queue) > 0) {
        lrm->idle_rounds = 0;
        return false;
    }
    if (lrm->idle_rounds == 0 ||
        call->input->now_ms - lrm->idle_counted_ms >= lrm->timing.lrm_round_ms) {
        lrm->idle_rounds++;
        lrm->idle_counted_ms = call->input->now_ms;
    }
    return lrm->idle_rounds > lrm->timing.lrm_idle_rounds;
}

bool lrm_defers_disarming(enum svc_state state)
{
    switch (state) {
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
        return true;
    case SVC_STATE_STOPPED:
    case SVC_STATE_FREEZE:
    case SVC_STATE_ERROR:
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_MAX:
        return false;
    }
    return false;
}

// INV-2: while the master defers it, records count as before. A lease that was given back would
// prove that nothing runs here, as soon as this node is lost or all is armed again. Classic replay
// lets go at once.
bool lrm_moves_disarmed(const struct lrm *lrm, const struct lrm_input *input)
{
    if (input->manager == NULL || input->manager->disarm == DISARM_MODE_NONE) {
        return false;
    }
    if (!lrm->event_driven) {
        return true;
    }
    if (input->unsettled) {
        return false;
    }
    map_each (e, input->services) {
        const struct service *service = e->value;
        if (lrm_defers_disarming(service->state)) {
            return false;
        }
    }
    return input->manager->disarm != DISARM_MODE_FREEZE || lrm->active_count == 0;
}

static void lrm_moves_from_active(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->fence_requested) {
        lrm_moves_lose(call, LRM_MOVES_FENCE);
    } else if (lrm_moves_lose_soon(call)) {
        return;
    } else if (!lrm->lease_ok) {
        lrm_moves_lose(call, "the lease could not be renewed");
    } else if (lrm->mode == LRM_MODE_MAINTENANCE) {
        lrm_moves_to(call, LRM_STATE_MAINTENANCE);
    } else if (lrm->mode == LRM_MODE_DISARM) {
        if (job_queue_remaining(&lrm->queue) == 0 && !lrm_strays_pending(lrm)) {
            lrm_moves_leave(call);
        }
    } else if (lrm_moves_idle_too_long(call)) {
        lrm_call_emit(call, EVENT_LEVEL_INFO, "lrm-idle");
        lrm_moves_leave(call);
    }
}

// In maintenance the lease is given back while nothing needs it. Asking for it anew loses nothing:
// nothing was started meanwhile, nothing is before it is there (lrm_may_start()), and what runs all
// the same was disarmed and is to go on. A daemon that is to end does not wait for a quorum.
static bool lrm_moves_had_lease(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    return !lrm->event_driven || lrm->armed_until_ms != 0 ||
           (lrm->shutdown_requested && !call->input->quorate);
}

static void lrm_moves_from_maintenance(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    bool busy =
        lrm->active_count > 0 || job_queue_remaining(&lrm->queue) > 0 || lrm_strays_pending(lrm);
    if (lrm->fence_requested) {
        lrm_moves_lose(call, LRM_MOVES_FENCE);
    } else if (lrm->mode == LRM_MODE_DISARM && !busy) {
        lrm_moves_leave(call);
    } else if (lrm_moves_lose_soon(call)) {
        return;
    } else if (lrm->lease_wanted && !lrm->lease_ok) {
        if (lrm_moves_had_lease(call)) {
            lrm_moves_lose(call, "the lease could not be renewed");
        }
    } else if (lrm->mode != LRM_MODE_MAINTENANCE && lrm->mode != LRM_MODE_DISARM &&
               (!busy || lrm->event_driven)) {
        // The reference stays in maintenance while there are services; nothing but the word
        // differs.
        lrm_moves_to(call, LRM_STATE_ACTIVE);
    }
}

// Without a lease of its own this process is bound by a deadline that one before it left.
static bool lrm_moves_lose_inherited(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    if (lrm->fence_requested && lrm->armed_until_ms != 0 && lrm_stop_is_wanted(call)) {
        lrm_moves_lose(call, LRM_MOVES_FENCE);
        return true;
    }
    return lrm_moves_lose_soon(call);
}

static void lrm_moves_begin(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    // Without an armed watchdog nothing could be started anyway.
    if (lrm->lease_wanted && lrm->lease_ok && lrm->armed) {
        lrm->stop.phase = LRM_STOP_NONE;
        lrm_moves_to(call, LRM_STATE_ACTIVE);
    }
}

// INV-5: while this node had no lease, others may have acted on that. What runs here under the term
// that has ended is killed and proven to have ended before another one is used or given back,
// whatever the node does otherwise when it loses its lease.
static void lrm_moves_broken(const struct lrm_call *call)
{
    if (call->lrm->state == LRM_STATE_LOST_AGENT_LOCK) {
        lrm_stop_begin(call);
    } else {
        lrm_moves_lose(call, "it was lost in between: this node's term has ended");
    }
}

void lrm_moves_apply(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->lease_broken) {
        lrm_moves_broken(call);
        return;
    }
    switch ((enum lrm_state)lrm->state) {
    case LRM_STATE_WAIT_FOR_AGENT_LOCK:
        if (!lrm_moves_lose_inherited(call)) {
            lrm_moves_begin(call);
        }
        return;
    case LRM_STATE_LOST_AGENT_LOCK:
        lrm_moves_begin(call);
        return;
    case LRM_STATE_ACTIVE:
        lrm_moves_from_active(call);
        return;
    case LRM_STATE_MAINTENANCE:
        lrm_moves_from_maintenance(call);
        return;
    case LRM_STATE_STARTUP:
    case LRM_STATE_MAX:
        break;
    }
    abort(); // no such value
}
