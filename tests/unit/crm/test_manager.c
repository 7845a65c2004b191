// SPDX-License-Identifier: Apache-2.0
// What a master tells once a tick where rounds follow changes, and services it cannot take or
// place.
#include <string.h>

#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static struct cluster *cluster_live(struct arena *arena)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    return cluster;
}

// Once in the first round, not in the next of the same tick, once in the next tick.
static void check_told_once_a_tick(struct cluster *cluster, const char *event)
{
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, event), 1);
    cluster->documents.generation++;
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, event), 0);
    cluster_pass(cluster, 10);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, event), 1);
}

static void unknown_scheduler_is_told_once_a_tick(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    cluster->options.scheduler_unknown = "best";
    check_told_once_a_tick(cluster, "scheduler-unknown");
}

static void missing_figures_are_told_once_a_tick(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    cluster->options.scheduler = SCHEDULER_MODE_STATIC;
    cluster->stats_missing = true;
    check_told_once_a_tick(cluster, "scheduler-fallback");
}

// INV-2: what may run unguarded on a node that is away is not taken.
static void service_on_a_node_that_is_away_is_not_taken(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    cluster_set_online(cluster, "node3", false);
    (void)cluster_resource(cluster, "ct:300", "node3", REQUEST_STATE_STARTED);
    check_told_once_a_tick(cluster, "service-add-deferred");
    assert_null(cluster_record(cluster, "ct:300"));
}

static void resource_without_guest_is_not_taken(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    (void)cluster_resource(cluster, "ct:300", "node1", REQUEST_STATE_STARTED);
    cluster_slot(cluster, "ct:300")->guest_node = NULL;
    cluster_round(cluster);
    assert_null(cluster_record(cluster, "ct:300"));
    assert_non_null(cluster_record(cluster, "ct:100"));
}

static void stopped_service_without_guest_stays_where_it_was(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_STOPPED, "node2", REQUEST_STATE_STOPPED);
    cluster_slot(cluster, "ct:300")->guest_node = NULL;
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
    assert_string_equal(cluster_moves(cluster, "ct:300"), "");
}

static void master_that_does_not_know_the_members_decides_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_live(*state);
    cluster_become_master(cluster);
    cluster->input.member_ok = false;
    cluster_command(cluster, "id1", "migrate ct:100 node2");
    cluster_round(cluster);
    assert_false(cluster->output.write.wanted);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    cluster->input.member_ok = true;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "started>migrate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(unknown_scheduler_is_told_once_a_tick),
        fixture_test(missing_figures_are_told_once_a_tick),
        fixture_test(service_on_a_node_that_is_away_is_not_taken),
        fixture_test(resource_without_guest_is_not_taken),
        fixture_test(stopped_service_without_guest_stays_where_it_was),
        fixture_test(master_that_does_not_know_the_members_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
