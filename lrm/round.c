// SPDX-License-Identifier: Apache-2.0
// Between the LRM core and the ports: reads what changed, calls the core until its round is over,
// carries its actions out in their order. What went wrong on a port becomes an answer to the core
// or an event.
#include "lrm/round.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "common/port/watchdog.h"
#include "common/port/workers.h"
#include "lrm/core/lrm.h"
#include "lrm/report.h"
#include "lrm/view.h"

// A status is written again unchanged so often that nobody takes it for a stale one.
enum { LRM_STATUS_PER_STALE = 3 };

struct lrm_round {
    char *node;
    char *lease_name;
    struct timing timing;
    struct lrm_ports ports;
    struct lrm *lrm;
    struct lrm_view view;
    struct lrm_report *report;
    struct arena *arena; // of the running round
    bool write_failed;   // and said so
    bool lease_failed;   // likewise
    bool note_failed;
    bool watchdog_failed;
    bool goodbye_owed; // a deadline may stand of which the core does not know
};

struct lrm_round *lrm_round_new(const char *node, const struct timing *timing, int64_t workers_max,
                                const struct lrm_ports *ports)
{
    struct lrm_round *round = alloc_zero(sizeof(*round));
    round->arena = arena_new();
    round->node = alloc_strdup(node);
    round->lease_name = alloc_strdup(arena_printf(round->arena, LEASE_AGENT_FORMAT, node));
    round->report = lrm_report_new(node, timing->stale_ms / LRM_STATUS_PER_STALE);
    round->timing = *timing;
    round->ports = *ports;
    round->lrm = lrm_new(node, timing, workers_max);
    lrm_view_init(&round->view, node);
    struct lrm_output out;
    lrm_begin(round->lrm, round->arena, &out);
    for (size_t i = 0; i < out.count; i++) {
        assert(out.actions[i].kind == LRM_ACTION_EMIT);
        event_emit(ports->events, out.actions[i].event);
    }
    return round;
}

void lrm_round_free(struct lrm_round *round)
{
    if (round == NULL) {
        return;
    }
    lrm_free(round->lrm);
    lrm_view_done(&round->view);
    lrm_report_free(round->report);
    arena_free(round->arena);
    free(round->lease_name);
    free(round->node);
    free(round);
}

// Says once that something fails, and once that it works again.
static void lrm_round_tell(struct lrm_round *round, bool *failed, bool fails, const char *what,
                           const char *reason)
{
    if (*failed == fails) {
        return;
    }
    *failed = fails;
    struct event *event = event_new(round->arena, fails ? EVENT_LEVEL_ERROR : EVENT_LEVEL_NOTICE,
                                    fails ? "port-failed" : "port-works-again");
    event_text(round->arena, event, "port", what);
    if (fails) {
        event_text(round->arena, event, "reason", reason);
    }
    event_emit(round->ports.events, event);
}

static int lrm_round_report(struct lrm_round *round, struct error *err)
{
    struct lrm_status *status = lrm_build_status(round->lrm, round->arena);
    status->timestamp_s = clock_wall_s(round->ports.clock);
    return lrm_report_write(round->report, round->ports.store, status, lrm_get_results(round->lrm),
                            round->arena, clock_now_ms(round->ports.clock), err);
}

static void lrm_round_spawn(struct lrm_round *round, const struct job *job,
                            struct lrm_input *answers)
{
    struct error err = {0};
    if (workers_spawn(round->ports.workers, job, &err) == 0) {
        return;
    }
    // A job that could not even begin has ended, and the core is told so.
    struct job_result *results =
        arena_array_of(round->arena, struct job_result, answers->finished.count + 1);
    for (size_t i = 0; i < answers->finished.count; i++) {
        results[i] = answers->finished.results[i];
    }
    // Copies: the job belongs to the core, which forgets it when it takes the result.
    results[answers->finished.count] =
        (struct job_result){.sid = arena_strdup(round->arena, job->sid),
                            .uid = arena_strdup(round->arena, job->uid),
                            .state = job->state,
                            .exit_code = LRM_CODE_FAILED_TO_RUN,
                            .reason = arena_strdup(round->arena, err.text)};
    answers->finished.results = results;
    answers->finished.count++;
}

static void lrm_round_acquire(struct lrm_round *round, struct lrm_input *answers)
{
    struct error err = {0};
    int answer = lease_acquire(round->ports.lease, round->lease_name, &answers->grant, &err);
    assert(answer != 0);
    answers->lease_answer = answer;
    lrm_round_tell(round, &round->lease_failed, answer < 0, "lease", err.text);
}

static void lrm_round_arm(struct lrm_round *round, int64_t deadline_ms, struct lrm_input *answers)
{
    struct error err = {0};
    int r = watchdog_arm(round->ports.watchdog, deadline_ms, &err);
    answers->watchdog_answer = r < 0 ? r : 1;
    // An answer that did not come leaves it open whether a deadline stands.
    round->goodbye_owed = r < 0 && r != -ETIME;
    bool begins = r < 0 && !round->watchdog_failed;
    round->watchdog_failed = r < 0;
    if (begins) {
        struct event *event = event_new(round->arena, EVENT_LEVEL_ERROR, "watchdog-failed");
        event_text(round->arena, event, "reason", err.text);
        event_emit(round->ports.events, event);
    }
}

static void lrm_round_note(struct lrm_round *round, const struct lrm_action *action,
                           struct lrm_input *answers)
{
    struct error err = {0};
    int r = workers_note(round->ports.workers, &action->guests, action->term, &err);
    answers->note_answer = r < 0 ? r : 1;
    lrm_round_tell(round, &round->note_failed, r < 0, "services-note", err.text);
}

// What fails here has no answer: the lease ends by itself, and a goodbye is said again (it is
// owed).
static void lrm_round_try(struct lrm_round *round, int r, const char *what, const struct error *err)
{
    if (r < 0 && r != -ENOENT) {
        struct event *event = event_new(round->arena, EVENT_LEVEL_WARNING, "release-failed");
        event_text(round->arena, event, "what", what);
        event_text(round->arena, event, "reason", err->text);
        event_emit(round->ports.events, event);
    }
}

static void lrm_round_act(struct lrm_round *round, const struct lrm_action *action,
                          struct lrm_input *answers)
{
    struct error err = {0};
    switch (action->kind) {
    case LRM_ACTION_EMIT:
        event_emit(round->ports.events, action->event);
        return;
    case LRM_ACTION_ACQUIRE_LEASE:
        lrm_round_acquire(round, answers);
        return;
    case LRM_ACTION_ARM_WATCHDOG:
        lrm_round_arm(round, action->deadline_ms, answers);
        return;
    case LRM_ACTION_NOTE:
        lrm_round_note(round, action, answers);
        return;
    case LRM_ACTION_SPAWN:
        lrm_round_spawn(round, &action->job, answers);
        return;
    case LRM_ACTION_KILL:
        workers_kill(round->ports.workers, &action->guests, action->deadline_ms);
        return;
    case LRM_ACTION_DISARM_WATCHDOG: {
        int r = watchdog_disarm(round->ports.watchdog, &err);
        round->goodbye_owed = r < 0 && r != -ETIME;
        answers->disarm_answer = r < 0 ? r : 1;
        lrm_round_try(round, r, "watchdog", &err);
        return;
    }
    case LRM_ACTION_RELEASE_LEASE:
        lrm_round_try(round, lease_release(round->ports.lease, round->lease_name, &err),
                      round->lease_name, &err);
        return;
    case LRM_ACTION_WRITE_STATUS: {
        int r = lrm_round_report(round, &err);
        answers->status_answer = r < 0 ? r : 1;
        lrm_round_tell(round, &round->write_failed, r < 0, "status", err.text);
        return;
    }
    case LRM_ACTION_MAX:
        break;
    }
    abort(); // no such value
}

// Adds the workers that ended to the answers.
static void lrm_round_collect(struct lrm_round *round, struct lrm_input *answers)
{
    struct job_results ended = {0};
    workers_collect(round->ports.workers, round->arena, &ended);
    if (ended.count == 0) {
        return;
    }
    size_t before = answers->finished.count;
    struct job_result *results =
        arena_array_of(round->arena, struct job_result, before + ended.count);
    for (size_t i = 0; i < before; i++) {
        results[i] = answers->finished.results[i];
    }
    for (size_t i = 0; i < ended.count; i++) {
        results[before + i] = ended.results[i];
    }
    answers->finished = (struct job_results){results, before + ended.count};
}

// The parts of the input that hold for the whole round.
static struct lrm_input lrm_round_observe(struct lrm_round *round)
{
    struct error err = {0};
    struct lrm_input input = {.arena = round->arena};
    struct member_list members = {0};
    int refreshed = store_refresh(round->ports.store, &err);
    input.view_ok = refreshed == 0;
    if (refreshed == -ENOTCONN) {
        // A store that restarts alone forgets what is volatile: it is written anew then.
        lrm_report_forget(round->report);
    }
    input.quorate = membership_get(round->ports.membership, round->arena, &members, &err) == 0 &&
                    members.quorate;
    lrm_view_refresh(&round->view, round->ports.store, round->ports.events);
    lrm_view_fill(&round->view, &input);
    return input;
}

void lrm_round_run(struct lrm_round *round, struct lrm_round_result *ret)
{
    arena_clear(round->arena);
    const struct lrm_input base = lrm_round_observe(round);
    struct lrm_input input = base;
    input.begins = true;
    struct lrm_output out = {.again = true};
    for (size_t step = 0; out.again; step++) {
        assert(step < LRM_STEPS_MAX); // rounds end
        lrm_round_collect(round, &input);
        input.killed = workers_look(round->ports.workers, round->arena, &input.killed_reason);
        if (input.killed == WORKERS_KILLED_PENDING && planted_is(PLANTED_STOP_UNPROVEN)) {
            input.killed = WORKERS_KILLED_PROVEN;
        }
        input.now_ms = clock_now_ms(round->ports.clock);
        input.goodbye_owed = round->goodbye_owed;
        lrm_step(round->lrm, &input, &out);
        struct lrm_input answers = base;
        for (size_t i = 0; i < out.count; i++) {
            lrm_round_act(round, &out.actions[i], &answers);
        }
        input = answers;
    }
    *ret = (struct lrm_round_result){.exit = out.exit, .next_wake_ms = out.next_wake_ms};
    int64_t retry_ms = clock_now_ms(round->ports.clock) + round->timing.renew_ms;
    if (round->goodbye_owed && retry_ms < ret->next_wake_ms) {
        ret->next_wake_ms = retry_ms;
    }
}

void lrm_round_inherit(struct lrm_round *round, int64_t deadline_ms,
                       const struct workers_guests *guests, uint64_t term, bool known)
{
    lrm_view_expect(&round->view, guests);
    lrm_inherit(round->lrm, deadline_ms, guests, term, known);
}

void lrm_round_request_shutdown(struct lrm_round *round, enum lrm_shutdown how)
{
    arena_clear(round->arena);
    // The services as last read, but the policy as it is now: the daemon may not have had a round
    // yet.
    lrm_view_refresh_options(&round->view, round->ports.store, round->ports.events, round->arena);
    struct lrm_input input = {.arena = round->arena, .now_ms = clock_now_ms(round->ports.clock)};
    lrm_view_fill(&round->view, &input);
    struct lrm_output out;
    lrm_request_shutdown(round->lrm, &input, how, &out);
    struct lrm_input answers = {0};
    for (size_t i = 0; i < out.count; i++) {
        lrm_round_act(round, &out.actions[i], &answers);
    }
}

void lrm_round_note_guest_exit(struct lrm_round *round, const char *sid)
{
    arena_clear(round->arena);
    struct event *event = event_new(round->arena, EVENT_LEVEL_NOTICE, "guest-exit");
    event_text(round->arena, event, "sid", sid);
    event_emit(round->ports.events, event);
    lrm_note_guest_exit(round->lrm, sid, clock_now_ms(round->ports.clock));
}

bool lrm_round_is_alive(const struct lrm_round *round, const char *sid)
{
    return lrm_is_alive(round->lrm, sid);
}

bool lrm_round_has_type(const struct lrm_round *round, const char *type)
{
    size_t length = strlen(type);
    map_each (e, &round->view.services) {
        const struct service *service = e->value;
        if (strncmp(e->key, type, length) == 0 && e->key[length] == ':' &&
            strcmp(service->node, round->node) == 0) {
            return true;
        }
    }
    return false;
}

bool lrm_round_may_receive(const struct lrm_round *round, const char *sid)
{
    return lrm_may_receive(round->lrm, sid, clock_now_ms(round->ports.clock));
}

enum lrm_state lrm_round_state(const struct lrm_round *round)
{
    return lrm_get_state(round->lrm);
}
