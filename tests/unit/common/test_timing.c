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
        fixture_row(name, (double)timing.authority_ms >=
                              2.2 * (double)timing.token_ms + 2 * (double)timing.renew_ms);
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
    assert_int_equal(timing.authority_ms, 3000);
    assert_int_equal(timing.watchdog_ms, 1000);
}

static void timing_patient_rides_out_a_minute(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_PATIENT);
    // 60 s of silence, a renewal that was one period old, and time to merge and renew again.
    assert_true(timing.authority_ms >= 60000 + 2 * timing.renew_ms + 1000);
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
    // (3000 + 2·1000 + 100)/0.999 + 500 = 5605.1; times 1.001 = 5610.7.
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    timing.lease_ms = 5611;
    assert_int_equal(timing_check(&timing, &err), 0);
    timing.lease_ms = 5610;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text,
                        "unsafe timing: a lease could be broken while its holder still acts: "
                        "L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R does not hold: "
                        "5610/1.001 < (3000 + 2·1000 + 100)/0.999 + 500 ms; "
                        "L must be at least 5611 ms");
}

static void timing_authority_at_the_edge(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    timing.authority_ms = 2700;
    assert_int_equal(timing_check(&timing, &err), 0);
    timing.authority_ms = 2699;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text, "unsafe timing: one node's death would reset the others: "
                                  "A ≥ 2.2·token + renewal period + retry does not hold: "
                                  "2699 < 2.2·1000 + 250 + 250 = 2700 ms");
}

static void timing_fence_delay_at_the_edge(void **state)
{
    (void)state;
    struct timing timing = get(TIMING_PROFILE_FAST);
    struct error err = {0};
    assert_int_equal(timing.fence_delay_ms, 800);
    timing.fence_delay_ms = 799;
    assert_int_equal(timing_check(&timing, &err), -EINVAL);
    assert_string_equal(err.text,
                        "unsafe timing: a node that could still renew would be condemned: "
                        "2.2·token + fence delay ≥ A does not hold: 2.2·1000 + 799 < 3000 ms");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
