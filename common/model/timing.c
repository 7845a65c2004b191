// SPDX-License-Identifier: Apache-2.0
// The numbers of the profiles and the two inequalities that every set of numbers must satisfy: one
// that keeps a service from running twice, one that keeps healthy nodes' services running while
// another one dies. docs/timing.md derives both.
#include "common/model/timing.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "common/base/arena.h"
#include "common/base/error.h"

ENUM_TABLE(
    timing_profile,
    TIMING_PROFILE_MAX, [TIMING_PROFILE_FAST] = "fast", [TIMING_PROFILE_BALANCED] = "balanced",
    [TIMING_PROFILE_PATIENT] = "patient", [TIMING_PROFILE_CLASSIC] = "classic");

enum {
    TIMING_GONE_MS = 3600 * 1000,
    TIMING_STALE_MS = 30 * 1000,
    TIMING_STOP_TIMEOUT_S = 60,
    TIMING_CRM_IDLE_MS = 900 * 1000,
    // A node without services gives its lease back soon, so that losing quorum does not reset it.
    TIMING_LRM_IDLE_MS = 5 * 1000,
    // From the end of the wait to the start of the services: one break of a lease and two commits,
    // with room.
    TIMING_REACTION_MS = 500,
};

// Corosync declares a node dead when the token was away for its time, and the others have agreed.
int64_t timing_detection_ms(const struct timing *timing)
{
    return timing->token_ms + timing->consensus_ms;
}

static int64_t timing_default_consensus_ms(int64_t token_ms)
{
    return token_ms * 12 / 10;
}

static void timing_get_live(enum timing_profile profile, struct timing *timing)
{
    switch (profile) {
    case TIMING_PROFILE_FAST:
        *timing = (struct timing){.token_ms = 1000,
                                  .authority_ms = 3350,
                                  .stop_ms = 600,
                                  .watchdog_ms = 1000,
                                  .granularity_ms = 100,
                                  .reset_ms = 500,
                                  .lease_ms = 6000,
                                  .renew_ms = 250,
                                  .startup_grace_ms = 10 * 1000};
        break;
    case TIMING_PROFILE_BALANCED:
        *timing = (struct timing){.token_ms = 1500,
                                  .authority_ms = 8000,
                                  .stop_ms = 1500,
                                  .watchdog_ms = 3000,
                                  .granularity_ms = 250,
                                  .reset_ms = 1000,
                                  .lease_ms = 15300,
                                  .renew_ms = 500,
                                  .startup_grace_ms = 30 * 1000};
        break;
    case TIMING_PROFILE_PATIENT:
        // 60 s of silence, the last renewal one period old when it begins, 2 s to merge and renew
        // after it, and K.
        *timing = (struct timing){.token_ms = 1500,
                                  .authority_ms = 64500,
                                  .stop_ms = 2000,
                                  .watchdog_ms = 2000,
                                  .granularity_ms = 250,
                                  .reset_ms = 500,
                                  .lease_ms = 69400,
                                  .renew_ms = 500,
                                  .startup_grace_ms = 60 * 1000};
        break;
    case TIMING_PROFILE_CLASSIC:
    case TIMING_PROFILE_MAX:
        assert(profile != TIMING_PROFILE_CLASSIC);
        assert(profile != TIMING_PROFILE_MAX);
        break;
    }
    timing->profile = profile;
    timing->consensus_ms = timing_default_consensus_ms(timing->token_ms);
    // Nobody is condemned who could still renew.
    int64_t delay_ms = timing->authority_ms - timing_detection_ms(timing);
    timing->fence_delay_ms = delay_ms > 0 ? delay_ms : 0;
    timing->master_round_ms = timing->renew_ms;
    timing->lrm_round_ms = timing->renew_ms;
    timing->lrm_maintenance_round_ms = timing->renew_ms;
    timing->idle_wait_ms = 1000;
    timing->crm_idle_rounds = TIMING_CRM_IDLE_MS / timing->renew_ms;
    timing->lrm_idle_rounds = TIMING_LRM_IDLE_MS / timing->renew_ms;
}

void timing_get(enum timing_profile profile, struct timing *ret_timing)
{
    if (profile == TIMING_PROFILE_CLASSIC) {
        *ret_timing = (struct timing){
            .profile = profile,
            .token_ms = 3000,
            .consensus_ms = 3600,
            .authority_ms = 60 * 1000,
            .watchdog_ms = 60 * 1000,
            .granularity_ms = 1000,
            .lease_ms = 120 * 1000,
            .renew_ms = 10 * 1000,
            .fence_delay_ms = 60 * 1000,
            .master_round_ms = 10 * 1000,
            .lrm_round_ms = 10 * 1000,
            .lrm_maintenance_round_ms = 5 * 1000,
            .idle_wait_ms = 5 * 1000,
            .crm_idle_rounds = 90,
            .lrm_idle_rounds = 60,
        };
    } else {
        timing_get_live(profile, ret_timing);
    }
    ret_timing->gone_ms = TIMING_GONE_MS;
    ret_timing->stale_ms = TIMING_STALE_MS;
    ret_timing->stop_timeout_s = TIMING_STOP_TIMEOUT_S;
}

void timing_measure(struct timing *timing, const struct timing_facts *facts)
{
    if (facts->token_ms > 0) {
        timing->token_ms = facts->token_ms;
        timing->consensus_ms = facts->consensus_ms > 0
                                   ? facts->consensus_ms
                                   : timing_default_consensus_ms(facts->token_ms);
    }
    if (facts->watchdog_ms > 0) {
        timing->watchdog_ms = facts->watchdog_ms;
    }
    if (facts->latency_us > 0 && facts->nodes_count > 1) {
        // The token goes round once until the renewal is on the ring, and once more until it is
        // acknowledged; a hop takes half a round trip.
        int64_t count = facts->nodes_count < INT16_MAX ? facts->nodes_count : INT16_MAX;
        int64_t latency_us = facts->latency_us < INT32_MAX ? facts->latency_us : INT32_MAX;
        timing->commit_ms = (count * latency_us + 999) / 1000;
    }
}

static int timing_check_positive(const struct timing *timing, struct error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } values[] = {
        {"token", timing->token_ms},
        {"consensus", timing->consensus_ms},
        {"authority", timing->authority_ms},
        {"stop", timing->stop_ms},
        {"watchdog", timing->watchdog_ms},
        {"granularity", timing->granularity_ms},
        {"reset", timing->reset_ms},
        {"lease", timing->lease_ms},
        {"renew", timing->renew_ms},
        {"master round", timing->master_round_ms},
        {"lrm round", timing->lrm_round_ms},
        {"idle wait", timing->idle_wait_ms},
        {"maintenance round", timing->lrm_maintenance_round_ms},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        // The upper bound keeps the products below from overflowing.
        if (values[i].value < 1 || values[i].value > INT32_MAX) {
            return error_set(err, -EINVAL,
                             "unsafe timing: %s must be from 1 to %d ms, not %" PRId64,
                             values[i].name, INT32_MAX, values[i].value);
        }
    }
    return 0;
}

// Both sides of the lease's rule times (1+ρ)(1−ρ)·10⁶, so that the comparison is exact.
enum { TIMING_SLOW = 1000 - TIMING_RHO_PER_MILLE, TIMING_QUICK = 1000 + TIMING_RHO_PER_MILLE };

int64_t timing_lease_needed_ms(const struct timing *timing)
{
    int64_t held_ms = timing->authority_ms + 2 * timing->watchdog_ms + timing->granularity_ms;
    int64_t right = held_ms * TIMING_QUICK * 1000 + timing->reset_ms * TIMING_QUICK * TIMING_SLOW;
    return (right + TIMING_SLOW * 1000 - 1) / (TIMING_SLOW * 1000);
}

// A renewal that is lost in the ring's change is repeated one period later. K before the end of A a
// node begins to stop its services, so the renewal must have come before that.
int64_t timing_authority_needed_ms(const struct timing *timing)
{
    return timing_detection_ms(timing) + 2 * timing->renew_ms + timing->commit_ms + timing->stop_ms;
}

char *timing_lease_rule(struct arena *arena, const struct timing *timing)
{
    bool holds = timing->lease_ms >= timing_lease_needed_ms(timing);
    return arena_printf(arena,
                        "%" PRId64 "/1.001 %s (%" PRId64 " + 2·%" PRId64 " + %" PRId64
                        ")/0.999 + %" PRId64 " ms",
                        timing->lease_ms, holds ? "≥" : "<", timing->authority_ms,
                        timing->watchdog_ms, timing->granularity_ms, timing->reset_ms);
}

char *timing_authority_rule(struct arena *arena, const struct timing *timing)
{
    int64_t needed_ms = timing_authority_needed_ms(timing);
    return arena_printf(arena,
                        "%" PRId64 " %s %" PRId64 " + %" PRId64 " + %" PRId64 " + %" PRId64
                        " + %" PRId64 " + %" PRId64 " = %" PRId64 " ms",
                        timing->authority_ms, timing->authority_ms >= needed_ms ? "≥" : "<",
                        timing->token_ms, timing->consensus_ms, timing->renew_ms, timing->renew_ms,
                        timing->commit_ms, timing->stop_ms, needed_ms);
}

int timing_check(const struct timing *timing, struct error *err)
{
    if (timing->profile == TIMING_PROFILE_CLASSIC) {
        return 0;
    }
    int r = timing_check_positive(timing, err);
    if (r < 0) {
        return r;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (timing->lease_ms < timing_lease_needed_ms(timing)) {
        return error_set(err, -EINVAL,
                         "unsafe timing: a lease could be broken while its holder still acts: "
                         "L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R does not hold: %s; L must be at least "
                         "%" PRId64 " ms",
                         timing_lease_rule(arena, timing), timing_lease_needed_ms(timing));
    }
    if (timing->authority_ms < timing_authority_needed_ms(timing)) {
        return error_set(err, -EINVAL,
                         "unsafe timing: one node's death would stop the others' services: "
                         "A ≥ token + consensus + renewal period + retry + commit + K does not "
                         "hold: "
                         "%s",
                         timing_authority_rule(arena, timing));
    }
    if (timing->fence_delay_ms + timing_detection_ms(timing) < timing->authority_ms) {
        return error_set(err, -EINVAL,
                         "unsafe timing: a node that could still renew would be condemned: "
                         "token + consensus + fence delay ≥ A does not hold: %" PRId64 " + %" PRId64
                         " + %" PRId64 " < %" PRId64 " ms",
                         timing->token_ms, timing->consensus_ms, timing->fence_delay_ms,
                         timing->authority_ms);
    }
    return 0;
}

// What is left of A − K when the last renewal was one period old and the next needs a try more.
int64_t timing_blackout_ms(const struct timing *timing)
{
    return timing->authority_ms - timing->stop_ms - 2 * timing->renew_ms;
}

int64_t timing_worst_failover_ms(const struct timing *timing)
{
    int64_t condemned_ms = timing_detection_ms(timing) + timing->fence_delay_ms;
    int64_t waited_ms = timing->lease_ms > condemned_ms ? timing->lease_ms : condemned_ms;
    return waited_ms + TIMING_REACTION_MS;
}
