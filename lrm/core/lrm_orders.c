// SPDX-License-Identifier: Apache-2.0
// From the master's records to jobs, and from ended jobs to the results the master reads.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "lrm/core/lrm_internal.h"

// States in which the LRM has something to do. In the others the master decides first.
static bool lrm_orders_has_job(enum svc_state state)
{
    switch (state) {
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_FREEZE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
        return false;
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_ERROR:
        return true;
    case SVC_STATE_MAX:
        break;
    }
    abort(); // no such value
}

// What was reported of the service's present task, or NULL.
static const struct lrm_result *lrm_orders_result(const struct lrm *lrm,
                                                  const struct service *service)
{
    const struct lrm_result *result = map_find(&lrm->results, service->sid);
    bool present = result != NULL && service->uid != NULL && strcmp(result->uid, service->uid) == 0;
    return present ? result : NULL;
}

// An order is carried out once per uid. Exceptions: `stopped` is looked after in each round, and,
// where rounds follow changes, so is `started`: a guest that ended is started again without asking
// the master, whose next order may be far away, or never come while no master is there.
static bool lrm_orders_is_due(const struct lrm *lrm, const struct service *service,
                              const struct resource *resource, int64_t now_ms)
{
    const struct lrm_result *result = lrm_orders_result(lrm, service);
    const struct restart_trace *trace = restart_policy_find(&lrm->restarts, service->sid);
    bool started = service->state == SVC_STATE_STARTED;
    if (trace == NULL) {
        return result == NULL;
    }
    if (now_ms < trace->rerun_at_ms) {
        return false;
    }
    if (started && now_ms < trace->not_before_ms) {
        return false;
    }
    bool probed = started && resource != NULL && resource->probe != NULL;
    int64_t rest_ms = probed ? resource->probe_interval_s * 1000 : RESTART_CHECK_MS;
    bool rested = now_ms - trace->last_run_ms >= rest_ms;
    if (result == NULL) {
        // A renewed uid is no reason to check a guest twice within a round's time.
        return !started || !trace->last_run_fine || trace->exited || rested;
    }
    if (service->state == SVC_STATE_STOPPED) {
        return rested;
    }
    bool fine = started && result->exit_code == LRM_CODE_SUCCESS;
    return lrm->event_driven && fine && (trace->exited || rested);
}

// The node is going down and stops what is here: nothing of it is started again, but what can leave
// still leaves. Live profiles only.
static bool lrm_orders_comes_too_late(const struct lrm *lrm, enum svc_state state)
{
    return lrm->event_driven && lrm->shutdown_requested && lrm->stops_all &&
           state == SVC_STATE_STARTED;
}

// In words what the service's probe said, for whoever looks; NULL: it has none, or was not asked.
static const char *lrm_orders_health(const struct lrm_call *call, const struct job_result *result)
{
    const struct resource *resource = map_find(call->input->resources, result->sid);
    const struct restart_trace *trace = restart_policy_find(&call->lrm->restarts, result->sid);
    switch (result->probe) {
    case JOB_PROBE_NONE:
        return result->probe_words;
    case JOB_PROBE_GOOD:
        return "good";
    case JOB_PROBE_BAD:
        break;
    }
    return arena_printf(call->input->arena, "%lld of %lld failed: %s",
                        (long long)(trace != NULL ? trace->probe_failures : 0),
                        (long long)(resource != NULL ? resource->probe_failures : 0),
                        result->probe_words != NULL ? result->probe_words : "no reason was given");
}

static void lrm_orders_report(const struct lrm_call *call, const struct job_result *result)
{
    const struct lrm_result report = {.uid = result->uid,
                                      .sid = result->sid,
                                      .state = result->state,
                                      .exit_code = result->exit_code,
                                      .reason = result->reason,
                                      .output = result->output,
                                      .health = lrm_orders_health(call, result)};
    map_put(&call->lrm->results, result->sid, lrm_result_clone(&report));
}

// It was restarted too often here: the master is told as of a start that failed, and decides
// whether it goes elsewhere. Should it come back, or stay, it is counted anew.
static bool lrm_orders_is_spent(const struct lrm_call *call, const struct service *service,
                                const struct resource *resource)
{
    struct lrm *lrm = call->lrm;
    if (!lrm->event_driven || service->state != SVC_STATE_STARTED || resource == NULL ||
        resource->restart_limit == 0) {
        return false;
    }
    int64_t count = restart_policy_count(&lrm->restarts, service->sid,
                                         resource->restart_window_s * 1000, call->input->now_ms);
    if (count <= resource->restart_limit) {
        return false;
    }
    const char *reason =
        arena_printf(call->input->arena, "it was restarted %lld times within %lld s",
                     (long long)count, (long long)resource->restart_window_s);
    struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "restarts-spent");
    event_text(call->input->arena, event, "sid", service->sid);
    event_int(event, "n", count);
    event_text(call->input->arena, event, "reason", reason);
    const struct job_result result = {.sid = service->sid,
                                      .uid = service->uid,
                                      .state = SVC_STATE_STARTED,
                                      .exit_code = LRM_CODE_ERROR,
                                      .reason = reason};
    restart_policy_forget_restarts(&lrm->restarts, service->sid);
    lrm_orders_report(call, &result);
    return true;
}

// Whether the next probe that fails is the last that is put up with.
static bool lrm_orders_heals(const struct lrm *lrm, const struct service *service,
                             const struct resource *resource)
{
    const struct restart_trace *trace = restart_policy_find(&lrm->restarts, service->sid);
    int64_t before = trace != NULL ? trace->probe_failures : 0;
    return service->state == SVC_STATE_STARTED && resource != NULL && resource->probe != NULL &&
           before + 1 >= resource->probe_failures;
}

void lrm_orders_queue(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    restart_policy_prune(&lrm->restarts, call->input->services);
    job_queue_unconfirm(&lrm->queue);
    map_each (e, call->input->services) {
        const struct service *service = e->value;
        if (strcmp(service->node, lrm->node) != 0 || service->uid == NULL ||
            !lrm_orders_has_job(service->state) || lrm_orders_comes_too_late(lrm, service->state)) {
            continue;
        }
        const struct resource *resource = map_find(call->input->resources, service->sid);
        if (!lrm_orders_is_due(lrm, service, resource, call->input->now_ms) ||
            lrm_orders_is_spent(call, service, resource)) {
            continue;
        }
        struct job job = {.sid = service->sid,
                          .uid = service->uid,
                          .state = service->state,
                          .target = service->target,
                          .timeout_s = service->timeout_s,
                          .heal = lrm_orders_heals(lrm, service, resource)};
        if (job.timeout_s == SERVICE_TIMEOUT_NONE) {
            job.timeout_s = lrm->timing.stop_timeout_s;
        }
        job_queue_put(&lrm->queue, &job);
    }
    job_queue_drop_unconfirmed(&lrm->queue);
}

size_t lrm_orders_run(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    size_t limit = SIZE_MAX; // inline: all, one after the other
    if (lrm->workers_max > 0) {
        int64_t configured = call->input->options->max_workers;
        limit = (size_t)(configured > 0 ? configured : lrm->workers_max);
    }
    bool may_start = lrm_may_start(lrm, call->input->now_ms);
    size_t spawned = 0;
    while (lrm->queue.running.count < limit) {
        const struct job *job = job_queue_take(&lrm->queue, may_start);
        if (job == NULL) {
            break;
        }
        // INV-2, INV-5: nothing comes to life here, or leaves from here, without the lease.
        assert(!job_needs_authority(job) || lrm_may_start(lrm, call->input->now_ms));
        restart_policy_note_spawn(&lrm->restarts, job->sid);
        (void)map_remove(&lrm->ended, job->sid); // or it was not there
        lrm_call_push(call, LRM_ACTION_SPAWN)->job = *job;
        spawned++;
    }
    job_queue_count_turn(&lrm->queue);
    return spawned;
}

static int64_t lrm_orders_max_restart(const struct map *resources, const char *sid)
{
    const struct resource *resource = map_find(resources, sid);
    return resource != NULL ? resource->max_restart : RESOURCE_TRIES_DEFAULT;
}

// Whether the job has proven that nothing of the guest runs here.
static bool lrm_orders_proves_end(const struct job_result *result)
{
    switch (result->state) {
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_REQUEST_START_BALANCE:
        return result->exit_code == LRM_CODE_SUCCESS;
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_FREEZE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        return false;
    }
    return false;
}

// Whether the master is told. A failed start is repeated here first.
static bool lrm_orders_judge(const struct lrm_call *call, const struct job_result *result)
{
    struct lrm *lrm = call->lrm;
    struct arena *arena = call->input->arena;
    int64_t tries = 0;
    int64_t max_restart = lrm_orders_max_restart(call->input->resources, result->sid);
    enum restart_verdict verdict = restart_policy_judge(
        &lrm->restarts, result->sid, result->exit_code, max_restart, call->input->now_ms, &tries);
    struct event *event = NULL;
    switch (verdict) {
    case RESTART_VERDICT_REPORT:
        return true;
    case RESTART_VERDICT_GIVE_UP:
        event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "start-gave-up");
        break;
    case RESTART_VERDICT_RETRY:
        event = lrm_call_emit(call, EVENT_LEVEL_WARNING, "start-retry");
        break;
    }
    event_text(arena, event, "sid", result->sid);
    event_int(event, "n", tries);
    event_int(event, "max_restart", max_restart);
    event_text(arena, event, "reason", result->reason);
    return verdict == RESTART_VERDICT_GIVE_UP;
}

// Live profiles: what says nothing of the service does not put it in error, it is tried again
// (INV-13). A shutdown counts its own stop jobs.
static bool lrm_orders_runs_again(const struct lrm_call *call, const struct job_result *result)
{
    struct restart_policy *restarts = &call->lrm->restarts;
    if (!call->lrm->event_driven || result->uid == NULL) {
        return false;
    }
    if (result->exit_code != LRM_CODE_FAILED_TO_RUN) {
        restart_policy_note_result(restarts, result->sid);
        return false;
    }
    return restart_policy_retry_run(restarts, result->sid, call->input->now_ms);
}

static void lrm_orders_take_result(const struct lrm_call *call, const struct job_result *result)
{
    struct lrm *lrm = call->lrm;
    struct arena *arena = call->input->arena;
    if (!job_queue_finish(&lrm->queue, result->sid, result->uid)) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_WARNING, "result-ignored");
        event_text(arena, event, "sid", result->sid);
        event_text(arena, event, "uid", result->uid);
        return;
    }
    if (lrm_strays_take_result(call, result)) {
        return;
    }
    if (lrm_orders_proves_end(result)) {
        map_put(&lrm->ended, result->sid, NULL);
        restart_policy_forget_restarts(&lrm->restarts, result->sid); // what comes next is new
    }
    if (result->exit_code == LRM_CODE_FAILED_TO_RUN) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "worker-failed");
        event_text(arena, event, "sid", result->sid);
        event_text(arena, event, "reason", result->reason);
    }
    if (lrm_orders_runs_again(call, result)) {
        return;
    }
    bool fine = result->state == SVC_STATE_STARTED && result->exit_code == LRM_CODE_SUCCESS;
    if (result->probe != JOB_PROBE_NONE) {
        restart_policy_note_probe(&lrm->restarts, result->sid, result->probe == JOB_PROBE_GOOD);
    }
    if (result->restarted) {
        restart_policy_note_restart(&lrm->restarts, result->sid, call->input->now_ms);
    }
    restart_policy_note_run(&lrm->restarts, result->sid, call->input->now_ms, fine);
    if (result->uid == NULL) {
        lrm->stop_failures += result->exit_code != LRM_CODE_SUCCESS ? 1 : 0;
        return;
    }
    if (result->state == SVC_STATE_STARTED && !lrm_orders_judge(call, result)) {
        return;
    }
    lrm_orders_report(call, result);
}

// Results whose uid the master no longer has were consumed, or are of no use any more.
static void lrm_orders_prune(struct lrm *lrm, const struct map *services)
{
    for (size_t i = lrm->results.count; i > 0; i--) {
        const char *sid = lrm->results.entries[i - 1].key;
        const struct service *service = map_find(services, sid);
        if (service == NULL || lrm_orders_result(lrm, service) == NULL) {
            (void)map_remove(&lrm->results, sid); // it is there
        }
    }
}

void lrm_orders_collect(const struct lrm_call *call)
{
    const struct job_results *finished = &call->input->finished;
    for (size_t i = 0; i < finished->count; i++) {
        lrm_orders_take_result(call, &finished->results[i]);
    }
    if (finished->count > 0) {
        lrm_orders_prune(call->lrm, call->input->services);
    }
}

int64_t lrm_orders_due_ms(const struct lrm *lrm, int64_t now_ms)
{
    int64_t due_ms = INT64_MAX;
    map_each (e, &lrm->restarts.traces) {
        const struct restart_trace *trace = e->value;
        if (trace->not_before_ms > now_ms && trace->not_before_ms < due_ms) {
            due_ms = trace->not_before_ms;
        }
        if (trace->rerun_at_ms > now_ms && trace->rerun_at_ms < due_ms) {
            due_ms = trace->rerun_at_ms;
        }
    }
    return due_ms;
}
