// SPDX-License-Identifier: Apache-2.0
// Counters and waiting times, one trace a service.
#include "lrm/core/restart_policy.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/planted.h"
#include "common/model/lrm_status.h"

enum {
    RESTART_PAUSE_FIRST_MS = 1000,
    RESTART_PAUSE_DOUBLINGS_MAX = 16,
    RESTART_FAILED_RUNS_MAX = 8, // about 45 s: a store that restarts is back by then
};

void restart_policy_init(struct restart_policy *policy)
{
    map_init(&policy->traces, free);
}

void restart_policy_done(struct restart_policy *policy)
{
    map_done(&policy->traces);
}

static struct restart_trace *restart_policy_get(struct restart_policy *policy, const char *sid)
{
    struct restart_trace *trace = map_find(&policy->traces, sid);
    if (trace == NULL) {
        trace = alloc_zero(sizeof(*trace));
        map_put(&policy->traces, sid, trace);
    }
    return trace;
}

// 0, then one second, doubled each time.
static int64_t restart_policy_pause(int64_t failures)
{
    if (failures <= 0) {
        return 0;
    }
    int64_t doublings = failures - 1;
    if (doublings > RESTART_PAUSE_DOUBLINGS_MAX) {
        doublings = RESTART_PAUSE_DOUBLINGS_MAX;
    }
    int64_t pause_ms = (int64_t)RESTART_PAUSE_FIRST_MS << doublings;
    return pause_ms < RESTART_CHECK_MS ? pause_ms : RESTART_CHECK_MS;
}

enum restart_verdict restart_policy_judge(struct restart_policy *policy, const char *sid,
                                          int64_t exit_code, int64_t max_restart, int64_t now_ms,
                                          int64_t *ret_tries)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    *ret_tries = trace->tries;
    if (exit_code == LRM_CODE_SUCCESS) {
        trace->tries = 0;
        return RESTART_VERDICT_REPORT;
    }
    if (exit_code != LRM_CODE_ERROR) {
        return RESTART_VERDICT_REPORT;
    }
    *ret_tries = trace->tries + 1;
    if (trace->tries >= max_restart) {
        trace->tries = 0;
        return RESTART_VERDICT_GIVE_UP;
    }
    trace->tries += planted_is(PLANTED_RESTARTS_UNCOUNTED) ? 0 : 1;
    trace->not_before_ms = now_ms + restart_policy_pause(trace->tries);
    return RESTART_VERDICT_RETRY;
}

void restart_policy_note_run(struct restart_policy *policy, const char *sid, int64_t now_ms,
                             bool fine)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    trace->last_run_ms = now_ms;
    trace->last_run_fine = fine;
    if (fine && !trace->alive) {
        trace->alive_since_ms = now_ms;
    }
    trace->alive = fine;
}

void restart_policy_note_probe(struct restart_policy *policy, const char *sid, bool good)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    trace->probe_failures = good ? 0 : trace->probe_failures + 1;
}

void restart_policy_note_restart(struct restart_policy *policy, const char *sid, int64_t now_ms)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    trace->probe_failures = 0;
    trace->alive_since_ms = now_ms;
    if (trace->exited) {
        trace->exited = false; // the end that was noted meanwhile was a part of it
        return;
    }
    trace->restarts_ms[trace->restarts_count % RESTART_TIMES_MAX] = now_ms;
    trace->restarts_count++;
}

int64_t restart_policy_count(const struct restart_policy *policy, const char *sid,
                             int64_t window_ms, int64_t now_ms)
{
    const struct restart_trace *trace = map_find(&policy->traces, sid);
    int64_t count = 0;
    for (size_t i = 0; trace != NULL && i < trace->restarts_count && i < RESTART_TIMES_MAX; i++) {
        count += now_ms - trace->restarts_ms[i] < window_ms ? 1 : 0;
    }
    return count;
}

void restart_policy_forget_restarts(struct restart_policy *policy, const char *sid)
{
    struct restart_trace *trace = map_find(&policy->traces, sid);
    if (trace != NULL) {
        trace->restarts_count = 0;
    }
}

void restart_policy_note_exit(struct restart_policy *policy, const char *sid, int64_t now_ms)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    if (trace->exited) {
        return; // told twice, nothing was started in between
    }
    trace->restarts_ms[trace->restarts_count % RESTART_TIMES_MAX] = now_ms;
    trace->restarts_count++;
    trace->probe_failures = 0;
    bool is_short = trace->alive && now_ms - trace->alive_since_ms < RESTART_CHECK_MS;
    trace->short_lives = is_short ? trace->short_lives + 1 : 0;
    trace->alive = false;
    trace->exited = true;
    // The first one may be somebody's hand.
    int64_t not_before_ms = now_ms + restart_policy_pause(trace->short_lives - 1);
    if (not_before_ms > trace->not_before_ms) {
        trace->not_before_ms = not_before_ms;
    }
}

void restart_policy_note_spawn(struct restart_policy *policy, const char *sid)
{
    restart_policy_get(policy, sid)->exited = false;
}

bool restart_policy_retry_run(struct restart_policy *policy, const char *sid, int64_t now_ms)
{
    struct restart_trace *trace = restart_policy_get(policy, sid);
    if (trace->failed_runs >= RESTART_FAILED_RUNS_MAX) {
        trace->failed_runs = 0;
        return false;
    }
    trace->failed_runs++;
    trace->exited = true; // or not: what it was to see is still to be seen
    trace->rerun_at_ms = now_ms + restart_policy_pause(trace->failed_runs);
    return true;
}

void restart_policy_note_result(struct restart_policy *policy, const char *sid)
{
    restart_policy_get(policy, sid)->failed_runs = 0;
}

const struct restart_trace *restart_policy_find(const struct restart_policy *policy,
                                                const char *sid)
{
    return map_find(&policy->traces, sid);
}

void restart_policy_prune(struct restart_policy *policy, const struct map *services)
{
    for (size_t i = policy->traces.count; i > 0; i--) {
        const char *sid = policy->traces.entries[i - 1].key;
        if (!map_has(services, sid)) {
            (void)map_remove(&policy->traces, sid); // it is there
        }
    }
}
