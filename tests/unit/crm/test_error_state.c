// SPDX-License-Identifier: Apache-2.0
// What the record says of a service in error, and how it gets out: by its operator, or, when that
// is wanted, after a while, through a stop that proves that nothing of it is left.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { INTERVAL_S = 30 };
#define SID "ct:200"

static void set_options(struct cluster *cluster, enum request_state state, int64_t interval_s)
{
    cluster_resource(cluster, SID, "node2", state)->retry_interval_s = interval_s;
    cluster->documents.generation++;
}

// It is on node2, and no start of it helps.
static struct cluster *cluster_with_service(struct arena *arena, enum timing_profile profile,
                                            int64_t interval_s)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, SID, SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    set_options(cluster, REQUEST_STATE_STARTED, interval_s);
    cluster_become_master(cluster);
    return cluster;
}

static void report(struct cluster *cluster, int64_t code, const char *moves)
{
    cluster_result(cluster, SID, code);
    cluster_round(cluster);
    if (strcmp(cluster_moves(cluster, SID), moves) != 0) {
        fail_msg("code %lld: %s", (long long)code, cluster_moves(cluster, SID));
    }
}

static void start_fails(struct cluster *cluster)
{
    report(cluster, LRM_CODE_UNKNOWN_SERVICE, "started>error");
}

static void expect_moves(struct cluster *cluster, int64_t seconds, const char *moves)
{
    cluster_pass(cluster, seconds);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, SID), moves);
}

static void error_is_counted_and_told(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, 0);
    start_fails(cluster);
    assert_int_equal(cluster_record(cluster, SID)->attempts, 1);
    assert_int_equal(cluster_record(cluster, SID)->retry_at_s, 0);
    const char *told = cluster_events(cluster, "service-error");
    assert_non_null(strstr(told, "attempts=1"));
    assert_null(strstr(told, "retry_s"));
    expect_moves(cluster, 100000, "");
}

static void error_in_classic_replay_is_the_end(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC, INTERVAL_S);
    start_fails(cluster);
    assert_int_equal(cluster_record(cluster, SID)->attempts, 0);
    expect_moves(cluster, 100000, "");
}

// INV-2: out of error by way of a stop, and started only when that is proven.
static void error_is_tried_again_after_its_end_was_proven(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    assert_non_null(strstr(cluster_events(cluster, "service-error"), "retry_s=30"));
    assert_true(cluster_record(cluster, SID)->retry_at_s > 0);
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms + INTERVAL_S * 1000);
    expect_moves(cluster, INTERVAL_S - 1, "");
    expect_moves(cluster, 1, "error>request_stop");
    const struct service *record = cluster_record(cluster, SID);
    assert_string_equal(record->node, "node2");
    assert_true(record->unguarded);
    assert_int_equal(record->retry_at_s, 0);
    assert_int_equal(record->failed_nodes_count, 0);
    assert_null(record->error);
    assert_non_null(strstr(cluster_events(cluster, "error-retry"), "attempts=1"));
    expect_moves(cluster, 1000, ""); // nobody has answered
    report(cluster, LRM_CODE_SUCCESS,
           "request_stop>stopped stopped>request_start request_start>started");
    assert_int_equal(cluster_record(cluster, SID)->attempts, 1);
    start_fails(cluster);
    assert_int_equal(cluster_record(cluster, SID)->attempts, 2);
    expect_moves(cluster, INTERVAL_S, "error>request_stop");
}

static void error_that_runs_again_is_forgotten(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    expect_moves(cluster, INTERVAL_S, "error>request_stop");
    report(cluster, LRM_CODE_SUCCESS,
           "request_stop>stopped stopped>request_start request_start>started");
    report(cluster, LRM_CODE_SUCCESS, "");
    assert_int_equal(cluster_record(cluster, SID)->attempts, 0);
}

static void error_whose_stop_fails_stays_and_is_tried_later(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    expect_moves(cluster, INTERVAL_S, "error>request_stop");
    report(cluster, LRM_CODE_ERROR, "request_stop>error");
    assert_int_equal(cluster_record(cluster, SID)->attempts, 2);
    expect_moves(cluster, INTERVAL_S - 1, "");
    expect_moves(cluster, 1, "error>request_stop");
}

// It is neither started elsewhere nor fenced for: whether it runs there nobody knows.
static void error_waits_for_its_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    cluster_set_online(cluster, "node2", false);
    cluster_round(cluster);
    expect_moves(cluster, INTERVAL_S * 100, "");
    assert_int_equal(cluster_node_state(cluster, "node2"), NODE_STATE_UNKNOWN);
    cluster_set_online(cluster, "node2", true);
    cluster_round(cluster);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, SID)->node, "node2");
    assert_int_equal(cluster_record(cluster, SID)->state, SVC_STATE_REQUEST_STOP);
}

// INV-2: it was left alone, so a free lease of its node proves nothing until its LRM has answered.
static void error_whose_node_goes_while_it_is_tried_waits_for_it(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    cluster_lrm(cluster, "node2", LRM_MODE_ACTIVE)->state = LRM_STATE_WAIT_FOR_AGENT_LOCK;
    expect_moves(cluster, INTERVAL_S, "error>request_stop");
    cluster_set_online(cluster, "node2", false);
    cluster_round(cluster);
    expect_moves(cluster, 1000, "");
}

static void error_of_one_that_is_to_be_stopped_is_tried_until_it_is(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    set_options(cluster, REQUEST_STATE_STOPPED, INTERVAL_S);
    expect_moves(cluster, INTERVAL_S, "error>request_stop");
    report(cluster, LRM_CODE_SUCCESS, "request_stop>stopped");
    assert_int_equal(cluster_record(cluster, SID)->attempts, 0);
}

static void error_left_by_its_operator_counts_from_the_beginning(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    set_options(cluster, REQUEST_STATE_DISABLED, INTERVAL_S);
    expect_moves(cluster, 1, "error>stopped");
    assert_int_equal(cluster_record(cluster, SID)->attempts, 0);
    assert_int_equal(cluster_record(cluster, SID)->retry_at_s, 0);
    expect_moves(cluster, INTERVAL_S, "");
}

static void error_with_another_interval_waits_anew(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST, INTERVAL_S);
    start_fails(cluster);
    set_options(cluster, REQUEST_STATE_STARTED, 2 * INTERVAL_S);
    expect_moves(cluster, INTERVAL_S - 1, "");
    expect_moves(cluster, INTERVAL_S, "");
    set_options(cluster, REQUEST_STATE_STARTED, 0);
    expect_moves(cluster, 10 * INTERVAL_S, "");
    assert_int_equal(cluster_record(cluster, SID)->retry_at_s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(error_is_counted_and_told),
        fixture_test(error_in_classic_replay_is_the_end),
        fixture_test(error_is_tried_again_after_its_end_was_proven),
        fixture_test(error_that_runs_again_is_forgotten),
        fixture_test(error_whose_stop_fails_stays_and_is_tried_later),
        fixture_test(error_waits_for_its_node),
        fixture_test(error_whose_node_goes_while_it_is_tried_waits_for_it),
        fixture_test(error_of_one_that_is_to_be_stopped_is_tried_until_it_is),
        fixture_test(error_left_by_its_operator_counts_from_the_beginning),
        fixture_test(error_with_another_interval_waits_anew),
    };
    return cmocka_run_group_tests_name("error_state", tests, NULL, NULL);
}
