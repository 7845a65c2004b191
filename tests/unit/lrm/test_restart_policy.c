// SPDX-License-Identifier: Apache-2.0
// How often starts are repeated, and how long they pause.
#include "common/model/lrm_status.h"
#include "lrm/core/restart_policy.h"
#include "tests/lib/fixture.h"

enum { NOW_MS = 50000 };

static int policy_setup(void **state)
{
    static struct restart_policy policy;
    restart_policy_init(&policy);
    *state = &policy;
    return 0;
}

static int policy_teardown(void **state)
{
    restart_policy_done(*state);
    return 0;
}

static enum restart_verdict judge(struct restart_policy *policy, int64_t code, int64_t max_restart)
{
    int64_t tries = -1;
    return restart_policy_judge(policy, "ct:100", code, max_restart, NOW_MS, &tries);
}

static void errors_are_retried_as_often_as_allowed_then_reported(void **state)
{
    struct restart_policy *policy = *state;
    int64_t tries = 0;
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(restart_policy_judge(policy, "ct:100", LRM_CODE_ERROR, 3, NOW_MS, &tries),
                         RESTART_VERDICT_RETRY);
        assert_int_equal(tries, i);
    }
    assert_int_equal(restart_policy_judge(policy, "ct:100", LRM_CODE_ERROR, 3, NOW_MS, &tries),
                     RESTART_VERDICT_GIVE_UP);
    assert_int_equal(tries, 4);
    // Counted anew after that.
    assert_int_equal(judge(policy, LRM_CODE_ERROR, 3), RESTART_VERDICT_RETRY);
}

static void no_restart_allowed_reports_at_once(void **state)
{
    assert_int_equal(judge(*state, LRM_CODE_ERROR, 0), RESTART_VERDICT_GIVE_UP);
}

static void success_forgets_the_failures(void **state)
{
    assert_int_equal(judge(*state, LRM_CODE_ERROR, 1), RESTART_VERDICT_RETRY);
    assert_int_equal(judge(*state, LRM_CODE_SUCCESS, 1), RESTART_VERDICT_REPORT);
    assert_int_equal(judge(*state, LRM_CODE_ERROR, 1), RESTART_VERDICT_RETRY);
}

static void workers_that_cannot_run_are_tried_again_for_a_while(void **state)
{
    struct restart_policy *policy = *state;
    int64_t at_ms = NOW_MS;
    int64_t tries = 0;
    while (restart_policy_retry_run(policy, "ct:100", at_ms)) {
        const struct restart_trace *trace = restart_policy_find(policy, "ct:100");
        assert_true(trace->rerun_at_ms > at_ms);
        assert_true(trace->rerun_at_ms <= at_ms + RESTART_CHECK_MS);
        at_ms = trace->rerun_at_ms;
        assert_true(++tries < 20);
    }
    assert_in_range(at_ms - NOW_MS, 30 * 1000, 60 * 1000); // longer than a daemon's restart takes
    // A result ends the row.
    assert_true(restart_policy_retry_run(policy, "ct:101", NOW_MS));
    assert_true(restart_policy_retry_run(policy, "ct:101", NOW_MS));
    restart_policy_note_result(policy, "ct:101");
    assert_true(restart_policy_retry_run(policy, "ct:101", NOW_MS));
    assert_int_equal(restart_policy_find(policy, "ct:101")->rerun_at_ms, NOW_MS + 1000);
}

static void other_codes_are_reported_and_not_counted(void **state)
{
    static const int64_t codes[] = {LRM_CODE_FAILED_TO_RUN, LRM_CODE_WRONG_NODE,
                                    LRM_CODE_UNKNOWN_TYPE, LRM_CODE_UNKNOWN_SERVICE};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_int_equal(judge(*state, codes[i], 1), RESTART_VERDICT_REPORT);
    }
    assert_int_equal(judge(*state, LRM_CODE_ERROR, 1), RESTART_VERDICT_RETRY);
}

static void retries_pause_ever_longer_up_to_a_bound(void **state)
{
    static const int64_t pauses_ms[] = {1000, 2000, 4000, 8000, 10000, 10000};
    struct restart_policy *policy = *state;
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        assert_int_equal(judge(policy, LRM_CODE_ERROR, 1000), RESTART_VERDICT_RETRY);
        assert_int_equal(restart_policy_find(policy, "ct:100")->not_before_ms,
                         NOW_MS + pauses_ms[i]);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(judge(policy, LRM_CODE_ERROR, 1000), RESTART_VERDICT_RETRY);
    }
    assert_int_equal(restart_policy_find(policy, "ct:100")->not_before_ms, NOW_MS + 10000);
}

static void first_exit_is_followed_by_a_start_at_once(void **state)
{
    struct restart_policy *policy = *state;
    restart_policy_note_exit(policy, "ct:100", NOW_MS);
    const struct restart_trace *trace = restart_policy_find(policy, "ct:100");
    assert_true(trace->exited);
    assert_int_equal(trace->not_before_ms, NOW_MS);
    restart_policy_note_spawn(policy, "ct:100");
    assert_false(trace->exited);
}

static void short_lives_pause_and_a_long_one_forgets_them(void **state)
{
    struct restart_policy *policy = *state;
    int64_t now_ms = NOW_MS;
    static const int64_t pauses_ms[] = {0, 1000, 2000, 4000, 8000, 10000};
    const struct restart_trace *trace = NULL;
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        restart_policy_note_spawn(policy, "ct:100");
        restart_policy_note_run(policy, "ct:100", now_ms, true);
        now_ms += RESTART_CHECK_MS - 1;
        restart_policy_note_exit(policy, "ct:100", now_ms);
        trace = restart_policy_find(policy, "ct:100");
        assert_int_equal(trace->not_before_ms, now_ms + pauses_ms[i]);
        now_ms = trace->not_before_ms;
    }
    restart_policy_note_spawn(policy, "ct:100");
    restart_policy_note_run(policy, "ct:100", now_ms, true);
    // Checks in between do not make it a new life.
    restart_policy_note_run(policy, "ct:100", now_ms + RESTART_CHECK_MS - 1, true);
    now_ms += RESTART_CHECK_MS;
    restart_policy_note_exit(policy, "ct:100", now_ms);
    assert_int_equal(trace->short_lives, 0);
    assert_int_equal(trace->not_before_ms, now_ms);
}

static void exit_told_twice_counts_once(void **state)
{
    struct restart_policy *policy = *state;
    restart_policy_note_run(policy, "ct:100", NOW_MS, true);
    restart_policy_note_exit(policy, "ct:100", NOW_MS);
    restart_policy_note_exit(policy, "ct:100", NOW_MS + 1);
    assert_int_equal(restart_policy_find(policy, "ct:100")->short_lives, 1);
}

static void services_that_are_gone_are_forgotten(void **state)
{
    struct restart_policy *policy = *state;
    struct map services;
    map_init(&services, NULL);
    map_put(&services, "ct:101", policy);
    restart_policy_note_run(policy, "ct:100", NOW_MS, true);
    restart_policy_note_run(policy, "ct:101", NOW_MS, true);
    restart_policy_prune(policy, &services);
    assert_null(restart_policy_find(policy, "ct:100"));
    assert_non_null(restart_policy_find(policy, "ct:101"));
    map_done(&services);
}

// What is told of the end while it is restarted for its health is a part of the restart.
static void restart_and_its_end_count_once(void **state)
{
    struct restart_policy *policy = *state;
    restart_policy_note_run(policy, "ct:100", 0, true);
    restart_policy_note_spawn(policy, "ct:100");
    restart_policy_note_exit(policy, "ct:100", 100);
    restart_policy_note_restart(policy, "ct:100", 200);
    assert_int_equal(restart_policy_count(policy, "ct:100", 1000, 300), 1);
    assert_false(restart_policy_find(policy, "ct:100")->exited);
    restart_policy_note_restart(policy, "ct:100", 900);
    assert_int_equal(restart_policy_count(policy, "ct:100", 1000, 1000), 2);
    assert_int_equal(restart_policy_count(policy, "ct:100", 1000, 1150), 1);
    for (int64_t i = 0; i < 100; i++) {
        restart_policy_note_restart(policy, "ct:100", 2000 + i);
    }
    assert_int_equal(restart_policy_count(policy, "ct:100", 1000, 2100), RESTART_TIMES_MAX);
    restart_policy_forget_restarts(policy, "ct:100");
    assert_int_equal(restart_policy_count(policy, "ct:100", 1000, 2100), 0);
}

#define policy_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, policy_setup, policy_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        policy_test(errors_are_retried_as_often_as_allowed_then_reported),
        policy_test(restart_and_its_end_count_once),
        policy_test(no_restart_allowed_reports_at_once),
        policy_test(success_forgets_the_failures),
        policy_test(workers_that_cannot_run_are_tried_again_for_a_while),
        policy_test(other_codes_are_reported_and_not_counted),
        policy_test(retries_pause_ever_longer_up_to_a_bound),
        policy_test(first_exit_is_followed_by_a_start_at_once),
        policy_test(short_lives_pause_and_a_long_one_forgets_them),
        policy_test(exit_told_twice_counts_once),
        policy_test(services_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
