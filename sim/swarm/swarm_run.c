// SPDX-License-Identifier: Apache-2.0
// Carries out the steps at their times, skips quiet hours, waits at each settle until all is well,
// and sums up all that is observed.
#include "sim/swarm/swarm_run.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/event.h"
#include "sim/swarm/campaign.h"

enum {
    RUN_MS = 1000,
    RUN_QUIET_EQUAL = 3,     // so many equal sums, one renewal apart each, and it goes on for ever
    RUN_QUIET_LOOKS = 4000,  // then the wait is computed as a whole
    RUN_SETTLE_LOOK_MS = 50, // how often it is asked whether all is well
};

struct swarm_run {
    const struct campaign *campaign;
    const struct swarm_listener *listener;
    struct swarm_world *world;
    struct swarm_checks *checks;
    uint64_t digest;
    int64_t base_us; // true time at which the present round began, less what was skipped
    int64_t skipped_us;
    bool is_fresh; // nothing was done since all was well
};

// --- the sum of all that happens -----------------------------------------------------------------

static void run_add(struct swarm_run *run, const void *data, size_t size_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++) { // FNV-1a
        run->digest = (run->digest ^ bytes[i]) * 0x100000001b3U;
    }
}

static void run_add_text(struct swarm_run *run, const char *text)
{
    run_add(run, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static void run_add_number(struct swarm_run *run, uint64_t number)
{
    run_add(run, &number, sizeof(number));
}

static void on_event(void *userdata, int64_t true_us, const char *at, const struct event *event)
{
    struct swarm_run *run = userdata;
    const struct swarm_observer *next = &run->listener->observer;
    run_add_number(run, (uint64_t)true_us);
    run_add_text(run, at);
    run_add_text(run, event->name);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        run_add_text(run, field->key);
        if (field->type == EVENT_FIELD_INT) {
            run_add_number(run, (uint64_t)field->integer);
        } else {
            run_add_text(run, field->text);
        }
    }
    if (next->event != NULL) {
        next->event(next->userdata, true_us, at, event);
    }
}

static void on_guest(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs)
{
    struct swarm_run *run = userdata;
    const struct swarm_observer *next = &run->listener->observer;
    run_add_number(run, (uint64_t)true_us);
    run_add_number(run, 2 * node + (runs ? 1 : 0));
    run_add_text(run, sid);
    if (next->guest != NULL) {
        next->guest(next->userdata, true_us, node, sid, runs);
    }
}

static void on_power(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why)
{
    struct swarm_run *run = userdata;
    const struct swarm_observer *next = &run->listener->observer;
    run_add_number(run, (uint64_t)true_us);
    run_add_number(run, 2 * node + (is_on ? 1 : 0));
    run_add_text(run, why);
    if (next->power != NULL) {
        next->power(next->userdata, true_us, node, is_on, why);
    }
}

static void on_committed(void *userdata, int64_t true_us, size_t node, int code, uint64_t version)
{
    struct swarm_run *run = userdata;
    const struct swarm_observer *next = &run->listener->observer;
    run_add_number(run, (uint64_t)true_us);
    run_add_number(run, node);
    run_add_number(run, (uint64_t)(int64_t)code);
    run_add_number(run, version);
    if (next->committed != NULL) {
        next->committed(next->userdata, true_us, node, code, version);
    }
}

static void on_authority(void *userdata, int64_t true_us, size_t node, const char *lease,
                         uint64_t term, int64_t until_us)
{
    struct swarm_run *run = userdata;
    const struct swarm_observer *next = &run->listener->observer;
    run_add_number(run, (uint64_t)true_us);
    run_add_number(run, node);
    run_add_text(run, lease);
    run_add_number(run, term);
    run_add_number(run, (uint64_t)until_us);
    if (next->authority != NULL) {
        next->authority(next->userdata, true_us, node, lease, term, until_us);
    }
}

// --- time ----------------------------------------------------------------------------------------

static bool run_is_over(const struct swarm_run *run)
{
    return swarm_checks_violation(run->checks) != NULL;
}

// Runs renewal period after renewal period until nothing differs any more, or until then. What is
// left of the wait is skipped.
static void run_quiet(struct swarm_run *run, int64_t until_us)
{
    int64_t period_us = swarm_world_timing(run->world)->renew_ms * RUN_MS;
    uint64_t before = swarm_world_sum(run->world);
    int equal = 0;
    for (int i = 0; i < RUN_QUIET_LOOKS && equal < RUN_QUIET_EQUAL; i++) {
        int64_t next_us = swarm_world_now_us(run->world) + period_us;
        if (next_us > until_us || !swarm_world_run(run->world, next_us)) {
            return;
        }
        uint64_t sum = swarm_world_sum(run->world);
        equal = sum == before && swarm_world_is_settled(run->world) ? equal + 1 : 0;
        before = sum;
    }
    int64_t left_us = until_us - swarm_world_now_us(run->world);
    if (equal == RUN_QUIET_EQUAL && left_us > 0) {
        run->skipped_us += left_us;
        run->base_us -= left_us;
        if (run->listener->skipped != NULL) {
            run->listener->skipped(run->listener->userdata, swarm_world_now_us(run->world),
                                   left_us);
        }
    }
}

static void run_wait(struct swarm_run *run, int64_t at_ms)
{
    if (run->is_fresh) {
        run_quiet(run, run->base_us + at_ms * RUN_MS);
    }
    // Skipping has moved the base.
    int64_t until_us = run->base_us + at_ms * RUN_MS;
    if (!run_is_over(run) && until_us > swarm_world_now_us(run->world)) {
        bool is_stopped = !swarm_world_run(run->world, until_us);
        assert(!is_stopped || run_is_over(run));
    }
}

// --- steps ---------------------------------------------------------------------------------------

static enum swarm_outcome run_settle(struct swarm_run *run)
{
    swarm_world_mend(run->world);
    int64_t until_us = swarm_checks_settle_until_us(run->checks);
    bool is_well = false;
    while (!is_well && !run_is_over(run) && swarm_world_now_us(run->world) < until_us) {
        int64_t next_us = swarm_world_now_us(run->world) + RUN_SETTLE_LOOK_MS * RUN_MS;
        is_well = swarm_world_run(run->world, next_us < until_us ? next_us : until_us) &&
                  swarm_checks_is_well(run->checks);
    }
    enum swarm_outcome outcome = swarm_checks_settled(run->checks);
    run->base_us = swarm_world_now_us(run->world);
    run->is_fresh = true;
    if (run->listener->settled != NULL && outcome == SWARM_OUTCOME_CLEAN) {
        run->listener->settled(run->listener->userdata, run->base_us);
    }
    return outcome;
}

static enum swarm_outcome run_step(struct swarm_run *run, const struct campaign_step *step)
{
    struct error err = {0};
    run_wait(run, step->at_ms);
    if (run_is_over(run)) {
        return SWARM_OUTCOME_INVARIANT;
    }
    if (run->listener->step != NULL) {
        run->listener->step(run->listener->userdata, swarm_world_now_us(run->world), step);
    }
    if (campaign_step_is(step, "settle")) {
        return run_settle(run);
    }
    run->is_fresh = false;
    swarm_checks_note_step(run->checks, step);
    if (swarm_world_do(run->world, step, &err) < 0) {
        // A step that names what is not there any more: nothing happens. The bytes tell it.
        run_add_text(run, err.text);
    }
    return run_is_over(run) ? SWARM_OUTCOME_INVARIANT : SWARM_OUTCOME_CLEAN;
}

void swarm_run(const struct campaign *campaign, const struct swarm_listener *listener,
               struct swarm_verdict *ret)
{
    static const struct swarm_listener nobody = {0};
    struct swarm_run run = {.campaign = campaign,
                            .listener = listener != NULL ? listener : &nobody,
                            .digest = 0xcbf29ce484222325U,
                            .is_fresh = true};
    const struct swarm_observer mine = {.event = on_event,
                                        .guest = on_guest,
                                        .power = on_power,
                                        .committed = on_committed,
                                        .authority = on_authority,
                                        .userdata = &run};
    enum swarm_outcome outcome = SWARM_OUTCOME_CLEAN;
    run.checks = swarm_checks_new(&campaign->cluster);
    const struct swarm_observer observer = swarm_checks_observer(run.checks, &mine);
    run.world = swarm_world_start(&campaign->cluster, &observer);
    swarm_checks_set_world(run.checks, run.world);
    int64_t settles = 0;
    for (size_t i = 0; i < campaign->count && outcome == SWARM_OUTCOME_CLEAN; i++) {
        outcome = run_step(&run, &campaign->steps[i]);
        settles += campaign_step_is(&campaign->steps[i], "settle") ? 1 : 0;
    }
    *ret = (struct swarm_verdict){.outcome = outcome,
                                  .digest = run.digest,
                                  .computed_us = swarm_world_now_us(run.world),
                                  .skipped_us = run.skipped_us,
                                  .settles = settles};
    const char *violation = swarm_checks_violation(run.checks);
    (void)snprintf(ret->words, sizeof(ret->words), "%s", violation != NULL ? violation : "");
    swarm_world_figures(run.world, &ret->figures);
    swarm_world_end(run.world);
    swarm_checks_free(run.checks);
}

const char *swarm_outcome_to_text(enum swarm_outcome outcome)
{
    switch (outcome) {
    case SWARM_OUTCOME_CLEAN:
        return "clean";
    case SWARM_OUTCOME_INVARIANT:
        return "invariant";
    case SWARM_OUTCOME_LIVENESS:
        return "liveness";
    case SWARM_OUTCOME_NONDETERMINISM:
        return "nondeterminism";
    case SWARM_OUTCOME_CRASH:
        break;
    }
    return "crash";
}

void swarm_verdict_kind(const struct swarm_verdict *verdict, char *buffer, size_t size_bytes)
{
    const char *words = verdict->words;
    if (verdict->outcome == SWARM_OUTCOME_INVARIANT && strncmp(words, "INV-", 4) == 0) {
        (void)snprintf(buffer, size_bytes, "%.*s", (int)strcspn(words, ":"), words);
    } else {
        (void)snprintf(buffer, size_bytes, "%s", swarm_outcome_to_text(verdict->outcome));
    }
}
