// SPDX-License-Identifier: Apache-2.0
// The order of things within a round: the master's word, the lease, the watchdog, the state table,
// jobs, the end.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "lrm/core/lrm_internal.h"

// A daemon that is to restart gives up waiting for a lost lease after this.
enum { LRM_LOST_GIVE_UP_MS = 90 * 1000 };
// After so many periods without one a renewal is late.
enum { LRM_RENEWALS_LATE = 3 };
// How often it is looked how far the stop of everything is, where nobody tells.
enum { LRM_STOP_LOOK_MS = 50 };

// Services whose state needs the lease of the nodes involved. Stopped and frozen ones need nobody,
// failed ones are the operator's, and those that only want to start are not placed for good yet.
static bool lrm_counts_as_active(enum svc_state state)
{
    switch (state) {
    case SVC_STATE_STOPPED:
    case SVC_STATE_FREEZE:
    case SVC_STATE_ERROR:
    case SVC_STATE_REQUEST_START:
        return false;
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_MAX:
        return true;
    }
    return true;
}

// The mode follows the master's word until the daemon has been asked to end. Maintenance beats
// disarming.
static void lrm_follow_mode(const struct lrm_call *call, const struct manager_node *own)
{
    if (call->lrm->shutdown_requested) {
        return;
    }
    if (own != NULL && own->maintenance_requested) {
        lrm_set_mode(call, LRM_MODE_MAINTENANCE);
    } else if (call->lrm->disarm) {
        lrm_set_mode(call, LRM_MODE_DISARM);
    } else {
        lrm_set_mode(call, LRM_MODE_ACTIVE);
    }
}

static void lrm_count_services(struct lrm *lrm, const struct map *services)
{
    lrm->active_count = 0;
    lrm->located_count = 0;
    map_each (e, services) {
        const struct service *service = e->value;
        bool here = strcmp(service->node, lrm->node) == 0;
        bool coming = service->target != NULL && strcmp(service->target, lrm->node) == 0;
        lrm->located_count += here ? 1 : 0;
        if ((here || coming) && lrm_counts_as_active(service->state)) {
            lrm->active_count++;
        }
        if (here && service->state == SVC_STATE_FENCE) {
            lrm->fence_requested = true;
        }
    }
}

// True when it begins and is to be told.
static bool lrm_set_trouble(struct lrm *lrm, enum lrm_trouble trouble)
{
    bool begins = trouble != LRM_TROUBLE_NONE && lrm->trouble != trouble;
    lrm->trouble = trouble;
    return begins;
}

static enum lrm_trouble lrm_find_trouble(const struct lrm *lrm, const struct lrm_input *input,
                                         uint64_t term)
{
    if (!input->readable) {
        return LRM_TROUBLE_UNREADABLE;
    }
    if (term < lrm->term_seen) {
        return LRM_TROUBLE_OLD_TERM;
    }
    bool matters = lrm->state == LRM_STATE_ACTIVE && !lrm->shutdown_requested;
    return matters && !input->view_ok ? LRM_TROUBLE_OUTDATED : LRM_TROUBLE_NONE;
}

static void lrm_tell_trouble(const struct lrm_call *call, uint64_t term)
{
    struct lrm *lrm = call->lrm;
    if (!lrm_set_trouble(lrm, lrm_find_trouble(lrm, call->input, term))) {
        return;
    }
    struct event *event = NULL;
    switch (lrm->trouble) {
    case LRM_TROUBLE_UNREADABLE:
        lrm_call_emit(call, EVENT_LEVEL_ERROR, "manager-status-unreadable");
        return;
    case LRM_TROUBLE_OLD_TERM:
        event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "manager-term-refused");
        event_int(event, "term", (int64_t)term);
        event_int(event, "newest", (int64_t)lrm->term_seen);
        return;
    case LRM_TROUBLE_OUTDATED:
        lrm_call_emit(call, EVENT_LEVEL_NOTICE, "view-outdated");
        return;
    case LRM_TROUBLE_NONE:
        return;
    }
}

// Takes the master's word over, or keeps the old one when it cannot be read or is that of a master
// of the past (INV-4).
static void lrm_observe(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    const struct lrm_input *input = call->input;
    const struct manager_status *manager = input->manager;
    uint64_t term = manager != NULL ? manager->term : 0;
    lrm_tell_trouble(call, term);
    lrm->view_usable = input->readable && term >= lrm->term_seen;
    if (!lrm->view_usable) {
        return;
    }
    lrm->term_seen = term;
    const struct manager_node *own = manager != NULL ? map_find(&manager->nodes, lrm->node) : NULL;
    lrm->fence_requested = own != NULL && own->state == NODE_STATE_FENCE;
    lrm_count_services(lrm, input->services);
    lrm->disarm = lrm_moves_disarmed(lrm, input);
    lrm_follow_mode(call, own);
}

// --- The phases of a round. Each returns whether the next one follows in the same call. ---

// Whether the master's word of now is known. Live profiles: without it a daemon that holds no lease
// says nothing. Nothing that it is told is done, and its silence is what tells the master so
// (crm/core/presence.h). INV-15.
static bool lrm_sees(const struct lrm_call *call)
{
    return !call->lrm->event_driven || (call->lrm->view_usable && call->input->view_ok);
}

static bool lrm_phase_begin(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    lrm->lease_wanted = false;
    lrm->lease_ok = false;
    lrm->lease_broken = false;
    lrm->retry_at_ms = 0;
    lrm_observe(call);
    // A write may wait for a cluster that is not there, and what ends this node's authority does
    // not.
    if (lrm->status_written || !lrm_sees(call) || lrm_stop_is_running(lrm) ||
        (lrm_stop_is_wanted(call) && lrm_stop_is_near(lrm, call->input->now_ms))) {
        lrm->phase = LRM_PHASE_DECIDE;
        return true;
    }
    // What a process before this one left there (its mode!) must be gone before the master reads it
    // again.
    lrm_call_push(call, LRM_ACTION_WRITE_STATUS);
    lrm->phase = LRM_PHASE_FIRST_STATUS;
    call->out->again = true;
    return false;
}

static bool lrm_phase_first_status(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    assert(call->input->status_answer != 0);
    if (call->input->status_answer > 0) {
        lrm->status_written = true;
        lrm->phase = LRM_PHASE_DECIDE;
        return true;
    }
    lrm->exiting = lrm->shutdown_requested;
    lrm->phase = LRM_PHASE_END;
    return true;
}

static bool lrm_wants_lease(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    bool quorate = call->input->quorate;
    if (lrm_stop_is_running(lrm)) {
        return false;
    }
    switch ((enum lrm_state)lrm->state) {
    case LRM_STATE_WAIT_FOR_AGENT_LOCK:
        // What may run by a process before this one goes on; else nothing could be started.
        return lrm->mode != LRM_MODE_DISARM && !lrm->fence_requested && lrm->active_count > 0 &&
               quorate && (lrm->armed_until_ms != 0 || lrm_sees(call));
    case LRM_STATE_LOST_AGENT_LOCK:
        // Who has stopped everything, and cannot read what is to run here, would only keep others
        // from running it.
        return !lrm->fence_requested && quorate &&
               (lrm->stop.phase != LRM_STOP_DONE || lrm_sees(call));
    case LRM_STATE_ACTIVE:
        return !lrm->fence_requested;
    case LRM_STATE_MAINTENANCE:
        return !lrm->fence_requested &&
               (lrm->active_count > 0 || lrm->queue.running.count > 0 ||
                (lrm->mode != LRM_MODE_MAINTENANCE && lrm->mode != LRM_MODE_DISARM));
    case LRM_STATE_STARTUP:
    case LRM_STATE_MAX:
        break;
    }
    abort(); // no such value
}

static bool lrm_phase_decide(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    lrm->lease_wanted = lrm_wants_lease(call);
    if (!lrm->lease_wanted) {
        lrm->phase = LRM_PHASE_NOTE;
        return true;
    }
    lrm_call_push(call, LRM_ACTION_ACQUIRE_LEASE);
    lrm->phase = LRM_PHASE_LEASE;
    call->out->again = true;
    return false;
}

// Whether the answer says that the term under which services run here has ended. A lease that was
// forgotten with all others was nobody else's: if it had been taken from this node, the records
// say so, and the master's term was forgotten with it.
static bool lrm_lease_is_broken(const struct lrm *lrm, const struct lrm_input *input)
{
    if (!lrm->event_driven || lrm->lease_term == 0) {
        return false;
    }
    if (input->lease_answer == LEASE_BUSY) {
        // Somebody else's, though by the clock it would still be this node's.
        return lrm->lease_held && input->now_ms < lrm->authority_until_ms;
    }
    return input->lease_answer > 0 && input->grant.term != lrm->lease_term &&
           input->grant.origin != LEASE_ORIGIN_FORGOTTEN;
}

// An answer that comes late leaves little authority: who has nothing to protect yet would have to
// stop again at once what it starts by it, perhaps with too little time for that.
static bool lrm_lease_is_spent(const struct lrm *lrm, const struct lrm_input *input)
{
    bool idle = lrm->state == LRM_STATE_WAIT_FOR_AGENT_LOCK ||
                lrm->state == LRM_STATE_LOST_AGENT_LOCK ||
                (lrm->state == LRM_STATE_MAINTENANCE && lrm->armed_until_ms == 0);
    return lrm->event_driven && idle && !lrm->armed &&
           input->grant.authority_until_ms - input->now_ms < 2 * lrm->timing.stop_ms;
}

static bool lrm_phase_lease(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    const struct lrm_input *input = call->input;
    int answer = input->lease_answer;
    assert(answer != 0);
    lrm->phase = LRM_PHASE_NOTE;
    lrm->lease_broken = lrm_lease_is_broken(lrm, input);
    if (lrm->lease_broken) {
        lrm->lease_held = false;
        return true;
    }
    if (answer != LEASE_ACQUIRED && answer != LEASE_RENEWED) {
        lrm->retry_at_ms = answer == LEASE_BUSY ? input->grant.retry_at_ms : 0;
        // A renewal that is only late: nobody else can hold the lease before its authority has
        // ended.
        lrm->lease_held =
            lrm->event_driven && lrm->lease_held && input->now_ms < lrm->authority_until_ms;
        lrm->lease_ok = lrm->lease_held;
        return true;
    }
    if (answer == LEASE_ACQUIRED) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_INFO, "lock-acquired");
        const char *name = arena_printf(input->arena, LEASE_AGENT_FORMAT, lrm->node);
        event_text(input->arena, event, "lock", name);
    }
    lrm->lease_term = input->grant.term;
    if (lrm_lease_is_spent(lrm, input)) {
        lrm->lease_held = false;
        lrm->lease_ok = false;
        return true;
    }
    lrm->lease_held = true;
    lrm->lease_ok = true;
    lrm->authority_until_ms = input->grant.authority_until_ms;
    if (planted_is(PLANTED_DEADLINE_FROM_NOW)) {
        lrm->authority_until_ms = input->now_ms + lrm->timing.authority_ms;
    }
    if (lrm->armed && lrm->armed_until_ms == lrm->authority_until_ms) {
        return true;
    }
    lrm_call_push(call, LRM_ACTION_ARM_WATCHDOG)->deadline_ms = lrm->authority_until_ms;
    lrm->phase = LRM_PHASE_WATCHDOG;
    call->out->again = true;
    return false;
}

static bool lrm_phase_watchdog(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    assert(call->input->watchdog_answer != 0);
    lrm->armed = call->input->watchdog_answer > 0;
    if (lrm->armed) {
        lrm->armed_until_ms = lrm->authority_until_ms;
    }
    // Without a watchdog nothing is started (lrm_may_start()); what runs is guarded by the last
    // deadline that was accepted, if there was one.
    lrm->phase = LRM_PHASE_NOTE;
    return true;
}

static bool lrm_phase_note(const struct lrm_call *call)
{
    call->out->again = lrm_stop_note(call);
    call->lrm->phase = call->out->again ? LRM_PHASE_NOTED : LRM_PHASE_MOVE;
    return !call->out->again;
}

static bool lrm_phase_noted(const struct lrm_call *call)
{
    assert(call->input->note_answer != 0);
    // Without the note nothing is started (lrm_may_start()), and the next round tries again.
    call->lrm->noted_ok = call->input->note_answer > 0;
    call->lrm->phase = LRM_PHASE_MOVE;
    return true;
}

// Where the state may change for lack of work, jobs that still wait are given out first.
static bool lrm_drains(const struct lrm *lrm)
{
    if (lrm->fence_requested || lrm->lease_broken) {
        return false;
    }
    bool disarming =
        lrm->state == LRM_STATE_ACTIVE && lrm->lease_ok && lrm->mode == LRM_MODE_DISARM;
    bool emptied = lrm->state == LRM_STATE_MAINTENANCE && lrm->active_count == 0;
    return disarming || emptied;
}

static bool lrm_phase_move(const struct lrm_call *call)
{
    call->lrm->phase = LRM_PHASE_DRAIN;
    call->out->again = lrm_drains(call->lrm) && lrm_orders_run(call) > 0;
    return !call->out->again;
}

static bool lrm_phase_drain(const struct lrm_call *call)
{
    lrm_moves_apply(call);
    call->lrm->phase = LRM_PHASE_WORK;
    return true;
}

// A deadline that a process before this one left in the watchdog would reset a node on which
// nothing needs protection.
static void lrm_say_goodbye(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    bool idle = lrm->active_count == 0 || lrm->mode == LRM_MODE_DISARM;
    bool known = lrm->view_usable && call->input->view_ok && call->input->quorate;
    // One that did not arrive was decided on what was known then, and nothing was started since.
    bool repeated = lrm->goodbye_said && call->input->goodbye_owed;
    if ((lrm->goodbye_said && !repeated) || !idle || lrm_strays_pending(lrm) ||
        !(known || repeated)) {
        return;
    }
    lrm_call_push(call, LRM_ACTION_DISARM_WATCHDOG);
    lrm->armed_until_ms = 0;
    lrm->goodbye_said = true;
}

// The node's own word that nothing runs here, when the master asks for just that: with the lease
// the services are the others'.
static void lrm_give_lease_back(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->stop.phase == LRM_STOP_DONE && lrm->fence_requested && !lrm->stop.released) {
        lrm_call_push(call, LRM_ACTION_RELEASE_LEASE);
        lrm->stop.released = true;
    }
}

static void lrm_work_lost(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (!lrm->shutdown_requested) {
        return;
    }
    if (lrm->stop.phase == LRM_STOP_DONE) {
        lrm->exiting = true;
        return;
    }
    if (lrm->active_count == 0 && lrm->stop.phase == LRM_STOP_NONE && !lrm_strays_pending(lrm)) {
        lrm_call_push(call, LRM_ACTION_DISARM_WATCHDOG);
        lrm->armed = false;
        lrm->armed_until_ms = 0;
        lrm->exiting = true;
        return;
    }
    if (!lrm->blocked_told) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "shutdown-blocked");
        event_text(call->input->arena, event, "reason",
                   "the agent lease is lost and services may be running");
        event_int(event, "services", (int64_t)lrm->active_count);
        lrm->blocked_told = true;
    }
    bool waited = call->input->now_ms - lrm->lost_since_ms > LRM_LOST_GIVE_UP_MS;
    lrm->exiting = lrm->mode == LRM_MODE_RESTART && waited;
}

// Jobs for the states active and maintenance; how many were given out.
static size_t lrm_work_orders(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    bool leaving = lrm->state == LRM_STATE_ACTIVE && lrm->shutdown_requested;
    if (!lrm->view_usable) {
        return 0;
    }
    if (!leaving) {
        if (lrm->state == LRM_STATE_ACTIVE && !call->input->view_ok) {
            return 0;
        }
        if (lrm->mode != LRM_MODE_DISARM) {
            lrm_orders_queue(call);
        }
    }
    return lrm_orders_run(call);
}

// True when answers must be waited for.
static bool lrm_work_jobs(const struct lrm_call *call)
{
    size_t strays = lrm_strays_run(call);
    return lrm_work_orders(call) + strays > 0;
}

// Everything here was stopped, since the node is going down, and what the master ordered to leave
// has left: what remains cannot leave, and will not be started here any more.
static bool lrm_has_stopped_all(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    if (!lrm->event_driven || !lrm->shutdown_requested || !lrm->stops_all) {
        return false;
    }
    map_each (e, call->input->services) {
        const struct service *service = e->value;
        bool here = strcmp(service->node, lrm->node) == 0;
        bool leaves = service->state == SVC_STATE_MIGRATE || service->state == SVC_STATE_RELOCATE;
        if (here && leaves) {
            return false;
        }
    }
    return true;
}

// In maintenance the lease is given back as soon as nothing here needs it. True: the daemon ends.
static bool lrm_work_maintenance_release(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (!lrm->view_usable && !lrm->event_driven) {
        // The reference's daemon ends when it cannot read the manager's word here.
        lrm->exiting = true;
        return true;
    }
    bool needed = lrm->active_count > 0 && !lrm_has_stopped_all(call);
    if (!lrm->view_usable || lrm_strays_pending(lrm) || needed ||
        job_queue_remaining(&lrm->queue) > 0) {
        return false;
    }
    if (lrm->event_driven && !call->input->view_ok) {
        return false;
    }
    // With a service that could not be stopped, watchdog and lease stay: the node will be fenced.
    bool stopped = !lrm->event_driven || lrm->stop_failures == 0;
    if (stopped && (lrm->lease_held || lrm->armed || call->input->goodbye_owed)) {
        lrm_give_back(call);
    }
    lrm->exiting = lrm->shutdown_requested;
    return lrm->exiting;
}

static bool lrm_phase_work(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    lrm->phase = LRM_PHASE_AFTER_WORK;
    switch ((enum lrm_state)lrm->state) {
    case LRM_STATE_WAIT_FOR_AGENT_LOCK:
        lrm->exiting = lrm->shutdown_requested && !lrm_strays_pending(lrm);
        if (!lrm->lease_wanted) {
            lrm_say_goodbye(call);
        }
        call->out->again = lrm_strays_run(call) > 0;
        return !call->out->again;
    case LRM_STATE_LOST_AGENT_LOCK:
        call->out->again = lrm_stop_go_on(call);
        return !call->out->again;
    case LRM_STATE_MAINTENANCE:
        if (lrm_work_maintenance_release(call)) {
            return true;
        }
        call->out->again = lrm_work_jobs(call);
        return !call->out->again;
    case LRM_STATE_ACTIVE:
        call->out->again = lrm_work_jobs(call);
        return !call->out->again;
    case LRM_STATE_STARTUP:
    case LRM_STATE_MAX:
        break;
    }
    abort(); // no such value
}

// Whether the daemon may end, once the jobs of this round have been given out.
static void lrm_finish_shutdown(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->state != LRM_STATE_ACTIVE || !lrm->shutdown_requested || !lrm->view_usable ||
        lrm_strays_pending(lrm) || job_queue_remaining(&lrm->queue) > 0) {
        return;
    }
    if (lrm->mode == LRM_MODE_RESTART) {
        // The master freezes the services; then nothing here needs the lease.
        lrm->exiting = lrm_stop_leaves_nothing(call);
    } else {
        lrm->exiting = true;
    }
    // With a service that could not be stopped, watchdog and lease stay: the node will be fenced.
    if (lrm->exiting && (lrm->mode == LRM_MODE_RESTART || lrm->stop_failures == 0)) {
        lrm_give_back(call);
    }
}

// A lease that was asked for and should have been renewed by now tells that the cluster commits
// nothing. To wait for a write now would use up the time that is left to stop.
static bool lrm_renews_late(const struct lrm *lrm, int64_t now_ms)
{
    int64_t age_ms = lrm->timing.authority_ms - (lrm->authority_until_ms - now_ms);
    return lrm->event_driven && lrm->lease_wanted && lrm->lease_held &&
           age_ms > LRM_RENEWALS_LATE * lrm->timing.renew_ms;
}

static bool lrm_phase_after_work(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    if (lrm->state == LRM_STATE_LOST_AGENT_LOCK) {
        lrm_stop_take_goodbye(call);
        lrm_give_lease_back(call);
        lrm_work_lost(call);
        lrm->phase = LRM_PHASE_END;
        return true;
    }
    lrm_finish_shutdown(call);
    bool waits = lrm->state == LRM_STATE_WAIT_FOR_AGENT_LOCK;
    bool says = !waits || (!lrm->exiting && lrm_sees(call));
    if (says && !lrm_renews_late(lrm, call->input->now_ms)) {
        lrm_call_push(call, LRM_ACTION_WRITE_STATUS);
    }
    lrm->phase = LRM_PHASE_END;
    return true;
}

static int64_t lrm_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void lrm_phase_end(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    int64_t now_ms = call->input->now_ms;
    int64_t wake_ms = now_ms + lrm->timing.idle_wait_ms;
    if (lrm->state == LRM_STATE_ACTIVE) {
        wake_ms = now_ms + lrm->timing.lrm_round_ms;
    } else if (lrm->state == LRM_STATE_MAINTENANCE) {
        wake_ms = now_ms + lrm->timing.lrm_maintenance_round_ms;
    }
    if (lrm->lease_held) {
        wake_ms = lrm_min(wake_ms, now_ms + lrm->timing.renew_ms);
    }
    if (lrm->retry_at_ms > now_ms) {
        wake_ms = lrm_min(wake_ms, lrm->retry_at_ms);
    }
    if (lrm_stop_is_running(lrm)) {
        wake_ms = lrm_min(wake_ms, now_ms + LRM_STOP_LOOK_MS);
    } else if (lrm_stop_is_wanted(call) && !lrm_stop_is_near(lrm, now_ms)) {
        wake_ms = lrm_min(wake_ms, lrm_stop_near_ms(lrm));
    }
    if (lrm->state == LRM_STATE_ACTIVE || lrm->state == LRM_STATE_MAINTENANCE) {
        wake_ms = lrm_min(wake_ms, lrm_orders_due_ms(lrm, now_ms));
    }
    if (lrm->state != LRM_STATE_LOST_AGENT_LOCK) {
        wake_ms = lrm_min(wake_ms, lrm_strays_due_ms(lrm));
    }
    call->out->next_wake_ms = wake_ms;
    call->out->exit = lrm->exiting;
}

void lrm_step(struct lrm *lrm, const struct lrm_input *input, struct lrm_output *ret)
{
    *ret = (struct lrm_output){0};
    const struct lrm_call call = {lrm, input, ret};
    assert(lrm->state != LRM_STATE_STARTUP);
    if (input->begins) {
        lrm->phase = LRM_PHASE_BEGIN;
        lrm->exiting = false;
    }
    lrm_orders_collect(&call);
    bool next = true;
    while (next) {
        enum lrm_phase before = lrm->phase;
        switch (lrm->phase) {
        case LRM_PHASE_BEGIN:
            next = lrm_phase_begin(&call);
            break;
        case LRM_PHASE_FIRST_STATUS:
            next = lrm_phase_first_status(&call);
            break;
        case LRM_PHASE_DECIDE:
            next = lrm_phase_decide(&call);
            break;
        case LRM_PHASE_LEASE:
            next = lrm_phase_lease(&call);
            break;
        case LRM_PHASE_WATCHDOG:
            next = lrm_phase_watchdog(&call);
            break;
        case LRM_PHASE_NOTE:
            next = lrm_phase_note(&call);
            break;
        case LRM_PHASE_NOTED:
            next = lrm_phase_noted(&call);
            break;
        case LRM_PHASE_MOVE:
            next = lrm_phase_move(&call);
            break;
        case LRM_PHASE_DRAIN:
            next = lrm_phase_drain(&call);
            break;
        case LRM_PHASE_WORK:
            next = lrm_phase_work(&call);
            break;
        case LRM_PHASE_AFTER_WORK:
            next = lrm_phase_after_work(&call);
            break;
        case LRM_PHASE_END:
            lrm_phase_end(&call);
            next = false;
            break;
        }
        assert(!next || lrm->phase > before); // rounds end
    }
}
