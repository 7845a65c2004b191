// SPDX-License-Identifier: Apache-2.0
// The numbers of the profiles, and the inequalities at their edges.
#include <errno.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/timing.h"
#include "tests/lib/fixture.h"

static struct timing get(enum timing_profile profile)
{
    struct timing timing;
    memset(&timing, 0xaa, sizeof(timing));
    timing_get(profile, &timing);
    assert_int_equal(timing.profile, profile);
    return timing;
}

static void timing_live_profiles_are_safe_and_within_their_promise(void **state)
{
    (void)state;
    static const struct {
        enum timing_profile profile;
        int64_t failover_max_ms;
    } rows[] = {{TIMING_PROFILE_FAST, 6500},
                {TIMING_PROFILE_BALANCED, 16000},
                {TIMING_PROFILE_PATIENT, 70000}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *name = timing_profile_to_string(rows[i].profile);
        struct timing timing = get(rows[i].profile);
        struct error err = {0};
        if (timing_check(&timing, &err) < 0) {
            fail_msg("row '%s': %s", name, err.text);
        }
        fixture_row(name, timing_worst_failover_ms(&timing) <= rows[i].failover_max_ms);
        // The rule of the header, in plain floating point.
        double rho = TIMING_RHO_PER_MILLE / 1000.0;
        double held_ms =
            (double)(timing.authority_ms + 2 * timing.watchdog_ms + timing.granularity_ms);
        fixture_row(name, (double)timing.lease_ms / (1 + rho) >=
                              held_ms / (1 - rho) + (double)timing.reset_ms);
        fixture_row(name, (double)timing.authority_ms >= 2.2 * (double)timing.token_ms +
                                                             2 * (double)timing.renew_ms +
                                                             (double)timing.stop_ms);
        // Nobody is condemned who could still renew.
        fixture_row(name, 2.2 * (double)timing.token_ms + (double)timing.fence_delay_ms >=
                              (double)timing.authority_ms);
        // Rounds are what renews.
        fixture_row(name, timing.master_round_ms <= timing.renew_ms);
        fixture_row(name, timing.lrm_round_ms <= timing.renew_ms);
        fixture_row(name, timing.lrm_maintenance_round_ms <= timing.renew_ms);
    }
}

static void timing_fast_is_as_documented(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    assert_int_equal(timing.token_ms, 1000);
    assert_int_equal(timing.authority_ms, 3350);
    assert_int_equal(timing.stop_ms, 600);
    assert_int_equal(timing.watchdog_ms, 1000);
}

static void timing_patient_rides_out_a_minute(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_PATIENT);
    // 60 s of silence, a renewal that was one period old, time to merge and renew again, and K.
    assert_true(timing.authority_ms - timing.stop_ms >= 60000 + 2 * timing.renew_ms + 1000);
}

static void timing_classic_is_the_references(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_CLASSIC);
    assert_int_equal(timing.master_round_ms, 10000);
    assert_int_equal(timing.lrm_round_ms, 10000);
    assert_int_equal(timing.lrm_maintenance_round_ms, 5000);
    assert_int_equal(timing.idle_wait_ms, 5000);
    assert_int_equal(timing.fence_delay_ms, 60000);
    assert_int_equal(timing.lease_ms, 120000);
    assert_int_equal(timing.authority_ms, 60000);
    assert_int_equal(timing.watchdog_ms, 60000);
    assert_int_equal(timing.gone_ms, 3600000);
    assert_int_equal(timing.crm_idle_rounds, 90);
    assert_int_equal(timing.lrm_idle_rounds, 60);
    assert_int_equal(timing.stale_ms, 30000);
    assert_int_equal(timing.stop_timeout_s, 60);
    assert_int_equal(timing_check(&timing, NULL), 0);
}

static void timing_lease_at_the_edge(void **state)
{
    (void)state;
    // (3350 + 2·1000 + 100)/0.999 + 500 = 5955.5; times 1.001 = 5961.4.
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    timing.lease_ms = 5962;
    assert_int_equal(timing_check(&timing, &err), 0);
    timing.lease_ms = 5961;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text,
                        "unsafe timing: a lease could be broken while its holder still acts: "
                        "L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R does not hold: "
                        "5961/1.001 < (3350 + 2·1000 + 100)/0.999 + 500 ms; "
                        "L must be at least 5962 ms");
}

static void timing_authority_at_the_edge(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    timing.authority_ms = 3300;
    assert_int_equal(timing_check(&timing, &err), 0);
    timing.authority_ms = 3299;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text,
                        "unsafe timing: one node's death would stop the others' services: "
                        "A ≥ token + consensus + renewal period + retry + commit + K "
                        "does not hold: "
                        "3299 < 1000 + 1200 + 250 + 250 + 0 + 600 = 3300 ms");
}

static void timing_fence_delay_at_the_edge(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    assert_int_equal(timing.fence_delay_ms, 1150);
    timing.fence_delay_ms = 1149;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text,
                        "unsafe timing: a node that could still renew would be condemned: "
                        "token + consensus + fence delay ≥ A does not hold: "
                        "1000 + 1200 + 1149 < 3350 ms");
}

static void timing_nonsense_is_refused(void **state)
{
    (void)state;
    static const int64_t values[] = {0, -1, INT64_MIN, INT64_MAX, (int64_t)INT32_MAX + 1};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct timing timing = get(TIMING_PROFILE_BALANCED);
        timing.watchdog_ms = values[i];
        assert_int_equal(timing_check(&timing, NULL), -EINVAL);
        timing = get(TIMING_PROFILE_BALANCED);
        timing.token_ms = values[i];
        assert_int_equal(timing_check(&timing, NULL), -EINVAL);
        timing = get(TIMING_PROFILE_BALANCED);
        timing.lease_ms = values[i];
        assert_int_equal(timing_check(&timing, NULL), -EINVAL);
    }
}

static void timing_failover_grows_with_what_it_waits_for(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    int64_t before_ms = timing_worst_failover_ms(&timing);
    assert_int_equal(before_ms, 6000 + 500);
    timing.lease_ms += 1000;
    assert_int_equal(timing_worst_failover_ms(&timing), before_ms + 1000);
    timing.fence_delay_ms = 20000;
    assert_int_equal(timing_worst_failover_ms(&timing), 2200 + 20000 + before_ms - 6000);
}

struct measured_row {
    const char *name;
    struct timing_facts facts;
    const char *refusal; // a part of it; NULL: safe
};

static void timing_measured_facts_are_judged(void **state)
{
    (void)state;
    static const struct measured_row rows[] = {
        {"nothing known", {0}, NULL},
        {"as configured", {.token_ms = 1500, .consensus_ms = 1800, .watchdog_ms = 3000}, NULL},
        {"longer token", {.token_ms = 3000}, "8000 < 3000 + 3600 + 500 + 500 + 0 + 1500 = 9100 ms"},
        {"longer consensus",
         {.token_ms = 1500, .consensus_ms = 4001},
         "8000 < 1500 + 4001 + 500 + 500 + 0 + 1500 = 8001 ms"},
        {"shorter token", {.token_ms = 1000}, "1000 + 1200 + 4700 < 8000 ms"},
        {"longer watchdog", {.watchdog_ms = 4000}, "15300/1.001 < (8000 + 2·4000 + 250)/0.999"},
        {"shorter watchdog", {.watchdog_ms = 1000}, NULL},
        {"slow network", {.nodes_count = 32, .latency_us = 68750}, NULL},
        {"too slow network",
         {.nodes_count = 32, .latency_us = 68751},
         "8000 < 1500 + 1800 + 500 + 500 + 2201 + 1500 = 8001 ms"},
        {"alone", {.nodes_count = 1, .latency_us = 1000000}, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct timing timing = get(TIMING_PROFILE_BALANCED);
        struct error err = {0};
        timing_measure(&timing, &rows[i].facts);
        int r = timing_check(&timing, &err);
        fixture_row(rows[i].name, (r == 0) == (rows[i].refusal == NULL));
        if (rows[i].refusal != NULL) {
            fixture_row(rows[i].name, strstr(err.text, rows[i].refusal) != NULL);
        }
        assert_int_equal(timing.authority_ms, 8000);
        assert_int_equal(timing.lease_ms, 15300);
    }
}

static void timing_needed_is_the_edge(void **state)
{
    (void)state;
    for (int i = TIMING_PROFILE_FAST; i < TIMING_PROFILE_CLASSIC; i++) {
        struct timing timing = get((enum timing_profile)i);
        const char *name = timing_profile_to_string((enum timing_profile)i);
        struct timing edge = timing;
        edge.lease_ms = timing_lease_needed_ms(&timing);
        fixture_row(name, timing_check(&edge, NULL) == 0);
        edge.lease_ms--;
        fixture_row(name, timing_check(&edge, NULL) < 0);
        fixture_row(name, timing_blackout_ms(&timing) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timing_measured_facts_are_judged),
        cmocka_unit_test(timing_needed_is_the_edge),
        cmocka_unit_test(timing_live_profiles_are_safe_and_within_their_promise),
        cmocka_unit_test(timing_fast_is_as_documented),
        cmocka_unit_test(timing_patient_rides_out_a_minute),
        cmocka_unit_test(timing_classic_is_the_references),
        cmocka_unit_test(timing_lease_at_the_edge),
        cmocka_unit_test(timing_authority_at_the_edge),
        cmocka_unit_test(timing_fence_delay_at_the_edge),
        cmocka_unit_test(timing_nonsense_is_refused),
        cmocka_unit_test(timing_failover_grows_with_what_it_waits_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
