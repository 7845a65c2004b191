// SPDX-License-Identifier: Apache-2.0
// What is noted to run here, but belongs to another node by the master's records, and is neither
// coming nor going by an order: this node went on while the others had to take it for dead, by an
// operator's word or a fence device's, and now reads what they decided. It is killed and proven to
// have ended at once, in a worker of its own, beside whatever else runs here.
//
// INV-1, INV-5: while one is left, the lease is not given back, the watchdog is told nothing, and
// the daemon does not end.
#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/service.h"
#include "lrm/core/lrm_internal.h"

enum { STRAY_TIMEOUT_S = 10, STRAY_RETRY_MS = 1000 };

struct stray {
    int64_t retry_at_ms;
    bool running; // its worker
    bool told;    // that it failed
};

// A record that is gone says that the service is HA's no more: it is left alone.
static bool stray_is_one(const struct lrm_call *call, const char *sid)
{
    const struct lrm *lrm = call->lrm;
    const struct service *service = map_find(call->input->services, sid);
    if (service == NULL || map_has(&lrm->ended, sid)) {
        return false;
    }
    bool here = strcmp(service->node, lrm->node) == 0;
    // One that comes may be here in part: its move's matter. One that may have run here before is
    // not what comes.
    bool coming = service->target != NULL && strcmp(service->target, lrm->node) == 0;
    return !here && (!coming || map_find(&lrm->noted, sid) != NULL);
}

static void strays_prune(const struct lrm_call *call, bool all)
{
    struct lrm *lrm = call->lrm;
    for (size_t i = lrm->strays.count; i > 0; i--) {
        const struct map_entry *e = &lrm->strays.entries[i - 1];
        const struct stray *stray = e->value;
        if (!stray->running && (all || !stray_is_one(call, e->key))) {
            (void)map_remove(&lrm->strays, e->key); // it is there
        }
    }
    for (size_t i = lrm->ended.count; i > 0; i--) {
        const char *sid = lrm->ended.entries[i - 1].key;
        if (!map_has(&lrm->noted, sid)) {
            (void)map_remove(&lrm->ended, sid); // it is there
        }
    }
}

void lrm_strays_find(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    const struct lrm_input *input = call->input;
    if (!lrm->event_driven || lrm_stop_is_running(lrm) || planted_is(PLANTED_STRAYS_KEPT)) {
        return;
    }
    if (lrm->mode == LRM_MODE_DISARM) {
        strays_prune(call, true); // disarmed: what runs, runs
        return;
    }
    if (!lrm->view_usable || !input->view_ok || !input->quorate) {
        return;
    }
    strays_prune(call, false);
    map_each (e, &lrm->noted) {
        if (!map_has(&lrm->strays, e->key) && stray_is_one(call, e->key)) {
            struct stray *stray = alloc_zero(sizeof(*stray));
            stray->retry_at_ms = input->now_ms;
            map_put(&lrm->strays, e->key, stray);
        }
    }
}

bool lrm_strays_pending(const struct lrm *lrm)
{
    return lrm->strays.count > 0;
}

size_t lrm_strays_run(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    size_t spawned = 0;
    map_each (e, &lrm->strays) {
        struct stray *stray = e->value;
        if (stray->running || call->input->now_ms < stray->retry_at_ms ||
            job_queue_is_running(&lrm->queue, e->key)) {
            continue;
        }
        const struct job job = {.sid = e->key,
                                .state = SVC_STATE_REQUEST_STOP,
                                .timeout_s = STRAY_TIMEOUT_S,
                                .kill = true};
        stray->running = true;
        lrm_call_push(call, LRM_ACTION_SPAWN)->job = *job_queue_begin(&lrm->queue, &job);
        spawned++;
    }
    return spawned;
}

bool lrm_strays_take_result(const struct lrm_call *call, const struct job_result *result)
{
    struct lrm *lrm = call->lrm;
    struct stray *stray = map_find(&lrm->strays, result->sid);
    if (result->uid != NULL || stray == NULL || !stray->running) {
        return false;
    }
    if (result->exit_code == LRM_CODE_SUCCESS) {
        map_put(&lrm->ended, result->sid, NULL);
        (void)map_remove(&lrm->strays, result->sid);
        // Should it come back: what was known of its runs is not true any more.
        (void)map_remove(&lrm->restarts.traces, result->sid);
        return true;
    }
    stray->running = false;
    stray->retry_at_ms = call->input->now_ms + STRAY_RETRY_MS;
    if (!stray->told) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "stray-kill-failed");
        event_text(call->input->arena, event, "sid", result->sid);
        event_text(call->input->arena, event, "reason", result->reason);
        stray->told = true;
    }
    return true;
}

int64_t lrm_strays_due_ms(const struct lrm *lrm)
{
    int64_t due_ms = INT64_MAX;
    map_each (e, &lrm->strays) {
        const struct stray *stray = e->value;
        // Another job of its service goes first, and its end makes a round.
        bool waits = !stray->running && !job_queue_is_running(&lrm->queue, e->key);
        if (waits && stray->retry_at_ms < due_ms) {
            due_ms = stray->retry_at_ms;
        }
    }
    return due_ms;
}
