// SPDX-License-Identifier: Apache-2.0
// The LRM object, and the request to end. The order of things within a round is in lrm_step.c, the
// state table in lrm_moves.c, jobs are in lrm_orders.c.
#include "lrm/core/lrm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/service.h"
#include "common/model/timing.h"
#include "common/model/transition.h"
#include "lrm/core/lrm_internal.h"
#include "lrm/core/shutdown_plan.h"

enum { LRM_ACTIONS_CAPACITY_MIN = 8 };

struct lrm *lrm_new(const char *node, const struct timing *timing, int64_t workers_max)
{
    assert(workers_max >= 0);
    struct lrm *lrm = alloc_zero(sizeof(*lrm));
    lrm->node = alloc_strdup(node);
    lrm->timing = *timing;
    lrm->workers_max = workers_max;
    lrm->event_driven = timing->profile != TIMING_PROFILE_CLASSIC;
    lrm->state = LRM_STATE_STARTUP;
    lrm->mode = LRM_MODE_ACTIVE;
    lrm->phase = LRM_PHASE_END;
    lrm->idle_counted_ms = INT64_MIN / 2;
    job_queue_init(&lrm->queue);
    lrm->queue.orders_beat_stops = !lrm->event_driven;
    restart_policy_init(&lrm->restarts);
    map_init(&lrm->results, free);
    map_init(&lrm->noted, NULL);
    map_init(&lrm->strays, free);
    map_init(&lrm->ended, NULL);
    return lrm;
}

void lrm_free(struct lrm *lrm)
{
    if (lrm == NULL) {
        return;
    }
    job_queue_done(&lrm->queue);
    restart_policy_done(&lrm->restarts);
    map_done(&lrm->results);
    map_done(&lrm->noted);
    map_done(&lrm->strays);
    map_done(&lrm->ended);
    free(lrm->node);
    free(lrm);
}

struct lrm_action *lrm_call_push(const struct lrm_call *call, enum lrm_action_kind kind)
{
    struct lrm_output *out = call->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? 2 * out->capacity : LRM_ACTIONS_CAPACITY_MIN;
        struct lrm_action *actions =
            arena_array_of(call->input->arena, struct lrm_action, capacity);
        if (out->count > 0) {
            memcpy(actions, out->actions, out->count * sizeof(*actions));
        }
        out->actions = actions;
        out->capacity = capacity;
    }
    struct lrm_action *action = &out->actions[out->count++];
    action->kind = kind;
    return action;
}

struct event *lrm_call_emit(const struct lrm_call *call, enum event_level level, const char *name)
{
    struct lrm_action *action = lrm_call_push(call, LRM_ACTION_EMIT);
    action->event = event_new(call->input->arena, level, name);
    return action->event;
}

bool lrm_may_start(const struct lrm *lrm, int64_t now_ms)
{
    bool protects = lrm->state == LRM_STATE_ACTIVE || lrm->state == LRM_STATE_MAINTENANCE;
    bool noted = !lrm->event_driven || lrm->noted_ok;
    return protects && lrm->lease_held && now_ms < lrm->authority_until_ms && lrm->armed && noted;
}

bool lrm_may_receive(const struct lrm *lrm, const char *sid, int64_t now_ms)
{
    return lrm_may_start(lrm, now_ms) && map_has(&lrm->noted, sid);
}

void lrm_give_back(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    assert(!lrm_strays_pending(lrm)); // INV-1
    // First the watchdog, then the lease: ending in between costs waiting time, never a reset.
    lrm_call_push(call, LRM_ACTION_DISARM_WATCHDOG);
    lrm_call_push(call, LRM_ACTION_RELEASE_LEASE);
    lrm->armed = false;
    lrm->armed_until_ms = 0;
    lrm->lease_held = false;
    lrm->lease_ok = false;
    lrm->lease_term = 0;
    lrm->goodbye_said = true;
    assert(!lrm_may_start(lrm, call->input->now_ms)); // INV-2
}

void lrm_begin(struct lrm *lrm, struct arena *arena, struct lrm_output *ret)
{
    *ret = (struct lrm_output){0};
    const struct lrm_input input = {.arena = arena};
    const struct lrm_call call = {lrm, &input, ret};
    struct event *event = lrm_call_emit(&call, EVENT_LEVEL_INFO, "daemon-state");
    event_text(arena, event, "from", lrm_state_to_string((enum lrm_state)lrm->state));
    transition_move(&lrm_state_transitions, &lrm->state, LRM_STATE_WAIT_FOR_AGENT_LOCK);
    event_text(arena, event, "to", lrm_state_to_string((enum lrm_state)lrm->state));
}

void lrm_inherit(struct lrm *lrm, int64_t deadline_ms, const struct workers_guests *guests,
                 uint64_t term, bool known)
{
    if (lrm->armed_until_ms != 0) {
        return; // this process has handed over a later one since
    }
    lrm->armed_until_ms = deadline_ms;
    if (deadline_ms != 0) {
        lrm->noted_unknown = !known;
        lrm->lease_term = lrm->lease_term == 0 ? term : lrm->lease_term;
    }
    for (size_t i = 0; i < guests->count && !planted_is(PLANTED_NOTE_UNREAD); i++) {
        lrm_note_here(lrm, guests->sids[i]);
    }
}

void lrm_set_mode(const struct lrm_call *call, enum lrm_mode mode)
{
    struct lrm *lrm = call->lrm;
    if (lrm->mode == mode) {
        return;
    }
    struct event *event = lrm_call_emit(call, EVENT_LEVEL_NOTICE, "lrm-mode");
    event_text(call->input->arena, event, "from", lrm_mode_to_string(lrm->mode));
    event_text(call->input->arena, event, "to", lrm_mode_to_string(mode));
    lrm->mode = mode;
}

void lrm_request_shutdown(struct lrm *lrm, const struct lrm_input *input, enum lrm_shutdown how,
                          struct lrm_output *ret)
{
    *ret = (struct lrm_output){0};
    const struct lrm_call call = {lrm, input, ret};
    if (lrm->shutdown_requested) {
        return;
    }
    static const char *const words[] = {[LRM_SHUTDOWN_RESTART] = "restart",
                                        [LRM_SHUTDOWN_POWEROFF] = "poweroff",
                                        [LRM_SHUTDOWN_REBOOT] = "reboot"};
    lrm->shutdown_requested = true;
    lrm->shutdown = how;
    struct shutdown_plan plan;
    shutdown_plan_choose(how, input->options->shutdown_policy, lrm->mode, &plan);
    const char *unknown = input->options->shutdown_policy_unknown;
    enum event_level level = unknown != NULL ? EVENT_LEVEL_ERROR : EVENT_LEVEL_NOTICE;
    struct event *event = lrm_call_emit(&call, level, "shutdown-requested");
    event_text(input->arena, event, "how", words[how]);
    event_text(input->arena, event, "policy",
               shutdown_policy_to_string(input->options->shutdown_policy));
    event_text(input->arena, event, "unknown_policy", unknown);
    event_text(input->arena, event, "mode", lrm_mode_to_string(plan.mode));
    event_int(event, "mode_kept", plan.mode_kept ? 1 : 0);
    lrm_set_mode(&call, plan.mode);
    lrm->stops_all = plan.stop_all;
    map_each (e, input->services) {
        const struct service *service = e->value;
        if (plan.stop_all && strcmp(service->node, lrm->node) == 0) {
            const struct job job = {.sid = service->sid,
                                    .state = SVC_STATE_REQUEST_STOP,
                                    .timeout_s = lrm->timing.stop_timeout_s};
            job_queue_put(&lrm->queue, &job);
        }
    }
    lrm_call_push(&call, LRM_ACTION_WRITE_STATUS);
}

void lrm_note_guest_exit(struct lrm *lrm, const char *sid, int64_t now_ms)
{
    // What was killed with everything else has not failed.
    if (lrm->state != LRM_STATE_LOST_AGENT_LOCK) {
        restart_policy_note_exit(&lrm->restarts, sid, now_ms);
    }
}

bool lrm_is_alive(const struct lrm *lrm, const char *sid)
{
    const struct restart_trace *trace = restart_policy_find(&lrm->restarts, sid);
    const struct queued_job *running = map_find(&lrm->queue.running, sid);
    bool ends = running != NULL && (running->job.kill || running->job.state != SVC_STATE_STARTED);
    return trace != NULL && trace->alive && !ends;
}

enum lrm_state lrm_get_state(const struct lrm *lrm)
{
    return (enum lrm_state)lrm->state;
}

enum lrm_mode lrm_get_mode(const struct lrm *lrm)
{
    return lrm->mode;
}

struct lrm_status *lrm_build_status(const struct lrm *lrm, struct arena *arena)
{
    struct lrm_status *status = lrm_status_new(arena);
    status->state = (enum lrm_state)lrm->state;
    status->mode = lrm->mode;
    return status;
}

const struct map *lrm_get_results(const struct lrm *lrm)
{
    return &lrm->results;
}
