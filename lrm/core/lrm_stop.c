// SPDX-License-Identifier: Apache-2.0
// Fencing by stopping: what may run on this node, and how it all ends before the node's authority
// does. The guests are killed through the workers port; when and for what reason this begins is the
// state table's matter (lrm_moves.c).
//
// INV-5: the watchdog is told goodbye only when everything that may run here was proven to have
// ended, and it judges by its own clock whether that came in time. It was not told of any of this
// before: whatever becomes of this process meanwhile, the deadline stands, and the node is reset.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/service.h"
#include "lrm/core/lrm_internal.h"

// What failed before its time was over is tried again.
enum { LRM_STOP_RETRY_MS = 50 };

bool lrm_stop_is_wanted(const struct lrm_call *call)
{
    return call->lrm->event_driven && call->input->options->lease_loss == LEASE_LOSS_STOP;
}

int64_t lrm_stop_near_ms(const struct lrm *lrm)
{
    if (lrm->armed_until_ms == 0) {
        return INT64_MAX;
    }
    // A deadline that could not be moved on is the watchdog's matter: while the lease is renewed,
    // that will be tried again.
    bool longer = lrm->lease_held && lrm->authority_until_ms > lrm->armed_until_ms;
    return (longer ? lrm->authority_until_ms : lrm->armed_until_ms) - lrm->timing.stop_ms;
}

bool lrm_stop_is_near(const struct lrm *lrm, int64_t now_ms)
{
    return now_ms >= lrm_stop_near_ms(lrm);
}

bool lrm_stop_is_running(const struct lrm *lrm)
{
    return lrm->stop.phase != LRM_STOP_NONE && lrm->stop.phase != LRM_STOP_DONE;
}

void lrm_note_here(struct lrm *lrm, const char *sid)
{
    map_put(&lrm->noted, sid, lrm); // any value
}

// Adds what may run here by the master's records, and what workers are at. A record is here until
// its guest was proven to have ended here, so nothing else can be (INV-1).
static void lrm_stop_collect(const struct lrm_call *call, struct map *sids)
{
    struct lrm *lrm = call->lrm;
    map_each (e, call->input->services) {
        const struct service *service = e->value;
        bool here = strcmp(service->node, lrm->node) == 0;
        bool coming = service->target != NULL && strcmp(service->target, lrm->node) == 0;
        if (here || coming) {
            map_put(sids, e->key, here ? lrm : NULL);
        }
    }
    map_each (e, &lrm->queue.running) {
        map_put(sids, e->key, lrm);
    }
}

static bool lrm_stop_is_same(const struct map *left, const struct map *right)
{
    if (left->count != right->count) {
        return false;
    }
    for (size_t i = 0; i < left->count; i++) {
        if (strcmp(left->entries[i].key, right->entries[i].key) != 0) {
            return false;
        }
    }
    return true;
}

static struct workers_guests lrm_stop_list(struct arena *arena, const struct map *sids)
{
    const char **list = arena_array_of(arena, const char *, sids->count);
    for (size_t i = 0; i < sids->count; i++) {
        list[i] = arena_strdup(arena, sids->entries[i].key);
    }
    return (struct workers_guests){list, sids->count};
}

bool lrm_stop_note(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    lrm_strays_find(call);
    if (!lrm->event_driven || !lrm->view_usable || !call->input->view_ok) {
        return false;
    }
    lrm->noted_unknown = false; // these records say what a process before this one may have started
    // Jobs are given out under the lease only.
    if (!lrm->lease_ok) {
        return false;
    }
    struct map sids;
    map_init_arena(&sids, call->input->arena);
    lrm_stop_collect(call, &sids);
    map_each (e, &lrm->strays) {
        map_put(&sids, e->key, lrm);
    }
    map_each (e, &sids) {
        if (e->value != NULL && map_has(&lrm->noted, e->key)) {
            lrm_note_here(lrm, e->key);
        }
    }
    if (lrm->noted_ok && lrm->noted_term == lrm->lease_term &&
        lrm_stop_is_same(&sids, &lrm->noted)) {
        return false;
    }
    map_clear(&lrm->noted);
    map_each (e, &sids) {
        map_put(&lrm->noted, e->key, e->value);
    }
    lrm->noted_ok = false;
    lrm->noted_term = lrm->lease_term;
    struct lrm_action *action = lrm_call_push(call, LRM_ACTION_NOTE);
    action->guests = lrm_stop_list(call->input->arena, &lrm->noted);
    action->term = lrm->noted_term;
    return true;
}

// What the master does not freeze, and yet does not run here: it waits for a node to recover on, or
// was to leave when the node's own stop of it was under way already.
static bool lrm_stop_has_ended(const struct lrm *lrm, const struct service *service)
{
    bool here = strcmp(service->node, lrm->node) == 0;
    bool leaves = service->state == SVC_STATE_MIGRATE || service->state == SVC_STATE_RELOCATE ||
                  service->state == SVC_STATE_REQUEST_START_BALANCE;
    bool ended = lrm->stops_all && map_has(&lrm->ended, service->sid); // INV-1
    return here && (service->state == SVC_STATE_RECOVERY || (leaves && ended));
}

bool lrm_stop_leaves_nothing(const struct lrm_call *call)
{
    const struct lrm *lrm = call->lrm;
    size_t ended = 0;
    map_each (e, call->input->services) {
        ended += lrm_stop_has_ended(lrm, e->value) ? 1 : 0;
    }
    return lrm->active_count == (lrm->event_driven ? ended : 0);
}

void lrm_stop_begin(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    int64_t now_ms = call->input->now_ms;
    // The proof must be there a little before the deadline, for the goodbye and for the report of a
    // failure. Where nothing guards, there is only the wish to be quick.
    bool guarded = lrm->armed_until_ms != 0;
    int64_t until_ms =
        guarded ? lrm->armed_until_ms - lrm->timing.granularity_ms : now_ms + lrm->timing.stop_ms;
    struct map sids;
    map_init_arena(&sids, call->input->arena);
    lrm_stop_collect(call, &sids);
    map_each (e, &sids) {
        map_put(&lrm->noted, e->key, e->value);
    }
    lrm->noted_ok = false; // before anything is started again it is noted anew
    lrm->stop = (struct lrm_stop){.phase = LRM_STOP_DUE,
                                  .began_ms = now_ms,
                                  .until_ms = until_ms,
                                  .retry_at_ms = now_ms,
                                  .broken = lrm->lease_broken,
                                  .guests_count = lrm->noted.count};
    // Nothing that was ordered, found or reported before is true afterwards: what is still this
    // node's when the lease is back is looked at and started anew, and its end was no failure.
    map_clear(&lrm->queue.waiting);
    map_clear(&lrm->queue.running);
    map_clear(&lrm->strays); // they are noted
    map_clear(&lrm->restarts.traces);
    map_clear(&lrm->results);
    assert(!lrm_may_start(lrm, now_ms));
}

static void lrm_stop_fail(const struct lrm_call *call, const char *reason)
{
    struct lrm *lrm = call->lrm;
    struct lrm_stop *stop = &lrm->stop;
    if (!stop->failure_told) {
        struct event *event = lrm_call_emit(call, EVENT_LEVEL_ERROR, "fence-stop-failed");
        event_int(event, "services", (int64_t)stop->guests_count);
        event_text(call->input->arena, event, "reason",
                   reason != NULL ? reason : "it took too long");
        stop->failure_told = true;
    }
    if (lrm->armed_until_ms != 0) {
        stop->phase = LRM_STOP_FAILED;
        return;
    }
    // No watchdog was armed, so none will help: go on trying.
    stop->phase = LRM_STOP_DUE;
    stop->retry_at_ms = call->input->now_ms + lrm->timing.stop_ms;
    stop->until_ms = stop->retry_at_ms + lrm->timing.stop_ms;
}

// What the workers say of the last order.
static void lrm_stop_look(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    struct lrm_stop *stop = &lrm->stop;
    bool late = call->input->now_ms >= stop->until_ms;
    switch (call->input->killed) {
    case WORKERS_KILLED_PENDING:
        if (late) {
            lrm_stop_fail(call, NULL);
        }
        return;
    case WORKERS_KILLED_PROVEN:
        if (lrm->noted_unknown) {
            lrm_stop_fail(call, "what a process before this one started here is not known");
            return;
        }
        stop->phase = LRM_STOP_GOODBYE;
        return;
    case WORKERS_KILLED_NONE:
    case WORKERS_KILLED_FAILED:
        if (late) {
            lrm_stop_fail(call, call->input->killed_reason);
            return;
        }
        stop->phase = LRM_STOP_DUE;
        stop->retry_at_ms = call->input->now_ms + LRM_STOP_RETRY_MS;
        return;
    }
    abort(); // no such value
}

bool lrm_stop_go_on(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    struct lrm_stop *stop = &lrm->stop;
    int64_t now_ms = call->input->now_ms;
    if (stop->phase == LRM_STOP_KILLING) {
        lrm_stop_look(call);
    }
    if (stop->phase == LRM_STOP_DUE && now_ms >= stop->retry_at_ms) {
        struct lrm_action *action = lrm_call_push(call, LRM_ACTION_KILL);
        action->guests = lrm_stop_list(call->input->arena, &lrm->noted);
        action->deadline_ms = stop->until_ms;
        stop->phase = LRM_STOP_KILLING;
        return false;
    }
    if (stop->phase != LRM_STOP_GOODBYE) {
        return false;
    }
    if (lrm->armed_until_ms != 0 && now_ms >= lrm->armed_until_ms) {
        lrm_stop_fail(call, "all had ended, but the watchdog could not be told in time");
        return false;
    }
    lrm_call_push(call, LRM_ACTION_DISARM_WATCHDOG);
    return true;
}

void lrm_stop_take_goodbye(const struct lrm_call *call)
{
    struct lrm *lrm = call->lrm;
    struct lrm_stop *stop = &lrm->stop;
    int answer = call->input->disarm_answer;
    if (stop->phase != LRM_STOP_GOODBYE) {
        return;
    }
    assert(answer != 0);
    if (answer == -ETIME) {
        lrm_stop_fail(call, "all had ended, but the watchdog's deadline had passed");
        return;
    }
    if (answer < 0) {
        return; // not reachable: it is tried until the deadline
    }
    assert(call->input->killed == WORKERS_KILLED_PROVEN); // INV-5
    stop->phase = LRM_STOP_DONE;
    lrm->armed = false;
    lrm->armed_until_ms = 0;
    lrm->lease_held = false;
    lrm->lease_term = 0;
    lrm->goodbye_said = true;
    map_clear(&lrm->noted);
    map_clear(&lrm->ended);
    if (stop->broken) {
        // The store may have given up the history in which that term was seen, and nothing that was
        // ordered under it is left.
        lrm->term_seen = 0;
    }
    struct event *event = lrm_call_emit(call, EVENT_LEVEL_WARNING, "fence-stopped");
    event_int(event, "services", (int64_t)stop->guests_count);
    event_int(event, "took_ms", call->input->now_ms - stop->began_ms);
}
