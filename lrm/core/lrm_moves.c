// SPDX-License-Identifier: Apache-2.0
// The LRM's state table: which moves exist and when they happen.
#include <assert.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/macros.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/model/transition.h"
#include "lrm/core/lrm_internal.h"

// The only place where moves are allowed: expanded to the matrix that is enforced and to the rows
// with words.
#define LRM_ROWS(ROW)                                                                              \
    ROW(STARTUP, WAIT_FOR_AGENT_LOCK, "the daemon starts")                                         \
    ROW(WAIT_FOR_AGENT_LOCK, ACTIVE, "services are to run here; got the agent lease")              \
    ROW(ACTIVE, LOST_AGENT_LOCK, "the agent lease was not renewed, or the node is to be fenced")   \
    ROW(ACTIVE, MAINTENANCE, "maintenance was asked for, or the node leaves by policy migrate")    \
    ROW(ACTIVE, WAIT_FOR_AGENT_LOCK, "nothing placed here for long, or disarmed")                  \
    ROW(MAINTENANCE, ACTIVE, "maintenance has ended")                                              \
    ROW(MAINTENANCE, LOST_AGENT_LOCK,                                                              \
        "the agent lease was not renewed, or the node is to be fenced")                            \
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
    // INV-5: the watchdog stays armed and is fed no more; whatever runs here ends by its deadline
    // at the latest.
    lrm->lost_since_ms = call->input->now_ms;
    lrm_moves_to(call, LRM_STATE_LOST_AGENT_LOCK);
    assert(!lrm_may_start(lrm, call->input->now_ms)); // INV-2, INV-5
}

static void lrm_moves_leave(const struct lrm_call *call)
{
    lrm_moves_to(call, LRM_STATE_WAIT_FOR_AGENT_LOCK);
    lrm_give_back(call);
}

// Rounds in a row in which nothing at all is placed here. Rounds that follow each other faster than
// their usual time count once.
static bool lrm_moves_idle_too_long(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (!lrm->view_usable || lrm->located_count > 0 || job_queue_remaining(&lrm->queue) > 0) {
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

static void lrm_moves_from_active(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->fence_requested) {
        lrm_moves_lose(call, "the master is about to fence this node");
    } else if (!lrm->lease_ok) {
        lrm_moves_lose(call, "the lease could not be renewed");
    } else if (lrm->mode == LRM_MODE_MAINTENANCE) {
        lrm_moves_to(call, LRM_STATE_MAINTENANCE);
    } else if (lrm->mode == LRM_MODE_DISARM) {
        if (job_queue_remaining(&lrm->queue) == 0) {
            lrm_moves_leave(call);
        }
    } else if (lrm_moves_idle_too_long(call)) {
        lrm_call_emit(call, EVENT_LEVEL_INFO, "lrm-idle");
        lrm_moves_leave(call);
    }
}

static void lrm_moves_from_maintenance(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    bool busy = lrm->active_count > 0 || job_queue_remaining(&lrm->queue) > 0;
    if (lrm->fence_requested) {
        lrm_moves_lose(call, "the master is about to fence this node");
    } else if (lrm->mode == LRM_MODE_DISARM && !busy) {
        lrm_moves_leave(call);
    } else if (lrm->lease_wanted && !lrm->lease_ok) {
        lrm_moves_lose(call, "the lease could not be renewed");
    } else if (lrm->mode != LRM_MODE_MAINTENANCE && lrm->mode != LRM_MODE_DISARM &&
               (!busy || lrm->event_driven)) {
        // The reference stays in maintenance while there are services; nothing but the word
        // differs.
        lrm_moves_to(call, LRM_STATE_ACTIVE);
    }
}

void lrm_moves_apply(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    switch ((enum lrm_state)lrm->state) {
    case LRM_STATE_WAIT_FOR_AGENT_LOCK:
    case LRM_STATE_LOST_AGENT_LOCK:
        // Without an armed watchdog nothing could be started anyway.
        if (lrm->lease_wanted && lrm->lease_ok && lrm->armed) {
            lrm_moves_to(call, LRM_STATE_ACTIVE);
        }
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
