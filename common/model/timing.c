// SPDX-License-Identifier: Apache-2.0
// The numbers of the profiles and the two inequalities that every set of numbers must satisfy: one
// that keeps a service from running twice, one that keeps healthy nodes alive while another one
// dies. docs/timing.md derives both.
#include "common/model/timing.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

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

// Corosync declares a node dead 2.2 tokens after it fell silent: the token itself and 1.2 of it to
// agree.
static int64_t timing_detection_ms(const struct timing *timing)
{
    return timing->token_ms * 22 / 10;
}

static void timing_get_live(enum timing_profile profile, struct timing *timing)
{
    switch (profile) {
    case TIMING_PROFILE_FAST:
        *timing = (struct timing){.token_ms = 1000,
                                  .authority_ms = 3000,
                                  .watchdog_ms = 1000,
                                  .granularity_ms = 100,
                                  .reset_ms = 500,
                                  .lease_ms = 6000,
                                  .renew_ms = 250};
        break;
    case TIMING_PROFILE_BALANCED:
        *timing = (struct timing){.token_ms = 2000,
                                  .authority_ms = 7000,
                                  .watchdog_ms = 3000,
                                  .granularity_ms = 250,
                                  .reset_ms = 1000,
                                  .lease_ms = 15000,
                                  .renew_ms = 500};
        break;
    case TIMING_PROFILE_PATIENT:
        // 60 s of silence, the last renewal one period old when it begins, and 3 s to merge and
        // renew after it.
        *timing = (struct timing){.token_ms = 1500,
                                  .authority_ms = 64000,
                                  .watchdog_ms = 2000,
                                  .granularity_ms = 250,
                                  .reset_ms = 500,
                                  .lease_ms = 69000,
                                  .renew_ms = 1000};
        break;
    case TIMING_PROFILE_CLASSIC:
    case TIMING_PROFILE_MAX:
        assert(profile != TIMING_PROFILE_CLASSIC);
        assert(profile != TIMING_PROFILE_MAX);
        break;
    }
    timing->profile = profile;
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

static int timing_check_positive(const struct timing *timing, struct error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } values[] = {
        {"token", timing->token_ms},
        {"authority", timing->authority_ms},
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

int timing_check(const struct timing *timing, struct error *err)
{
    if (timing->profile == TIMING_PROFILE_CLASSIC) {
        return 0;
    }
    int r = timing_check_positive(timing, err);
    if (r < 0) {
        return r;
    }
    // Both sides times (1+ρ)(1−ρ)·10⁶, so that the comparison is exact.
    int64_t slow = 1000 - TIMING_RHO_PER_MILLE;
    int64_t quick = 1000 + TIMING_RHO_PER_MILLE;
    int64_t held_ms = timing->authority_ms + 2 * timing->watchdog_ms + timing->granularity_ms;
    int64_t left = timing->lease_ms * slow * 1000;
    int64_t right = held_ms * quick * 1000 + timing->reset_ms * quick * slow;
    if (left < right) {
        return error_set(err, -EINVAL,
                         "unsafe timing: a lease could be broken while its holder still acts: "
                         "L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R does not hold: %" PRId64
                         "/1.001 < (%" PRId64 " + 2·%" PRId64 " + %" PRId64 ")/0.999 + %" PRId64
                         " ms; L must be at least %" PRId64 " ms",
                         timing->lease_ms, timing->authority_ms, timing->watchdog_ms,
                         timing->granularity_ms, timing->reset_ms,
                         (right + slow * 1000 - 1) / (slow * 1000));
    }
    // A renewal that is lost in the ring's change is repeated one period later.
    int64_t needed_ms = timing_detection_ms(timing) + 2 * timing->renew_ms;
    if (timing->authority_ms < needed_ms) {
        return error_set(err, -EINVAL,
                         "unsafe timing: one node's death would reset the others: "
                         "A ≥ 2.2·token + renewal period + retry does not hold: %" PRId64
                         " < 2.2·%" PRId64 " + %" PRId64 " + %" PRId64 " = %" PRId64 " ms",
                         timing->authority_ms, timing->token_ms, timing->renew_ms, timing->renew_ms,
                         needed_ms);
    }
    if (timing->fence_delay_ms + timing_detection_ms(timing) < timing->authority_ms) {
        return error_set(err, -EINVAL,
                         "unsafe timing: a node that could still renew would be condemned: "
                         "2.2·token + fence delay ≥ A does not hold: 2.2·%" PRId64 " + %" PRId64
                         " < %" PRId64 " ms",
                         timing->token_ms, timing->fence_delay_ms, timing->authority_ms);
    }
    return 0;
}

int64_t timing_worst_failover_ms(const struct timing *timing)
{
    int64_t condemned_ms = timing_detection_ms(timing) + timing->fence_delay_ms;
    int64_t waited_ms = timing->lease_ms > condemned_ms ? timing->lease_ms : condemned_ms;
    return waited_ms + TIMING_REACTION_MS;
}
