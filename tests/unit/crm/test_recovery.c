// SPDX-License-Identifier: Apache-2.0
// Recovery where guests are not where they should be, and how often it tells that it found no node.
#include <string.h>

#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

// ct:300 was on node3, which is gone.
static struct cluster *cluster_in_recovery(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_node(cluster, "node3", NODE_STATE_UNKNOWN);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_RECOVERY, "node3", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", false);
    return cluster;
}

static void failed_recovery_is_told_once_a_tick_when_rounds_follow_changes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, TIMING_PROFILE_BALANCED);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node3\n\tresources ct:300\n\tstrict 1\n\n");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "recover-failed"), 1);
    for (int i = 0; i < 5; i++) {
        cluster->documents.generation++;
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "recover-failed"), 0);
    }
    cluster_pass(cluster, 10);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "recover-failed"), 1);
}

static void failed_recovery_is_told_at_once_when_the_node_was_fenced(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, TIMING_PROFILE_BALANCED);
    (void)cluster_node(cluster, "node3", NODE_STATE_FENCE);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_FENCE, "node3", REQUEST_STATE_STARTED);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node3\n\tresources ct:300\n\tstrict 1\n\n");
    cluster_become_master(cluster);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster); // in the same tick
    assert_string_equal(cluster_moves(cluster, "ct:300"), "fence>recovery");
    assert_int_equal(cluster_events_count(cluster, "recover-failed"), 1);
}

static void recovery_without_guest_moves_the_record_only(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, TIMING_PROFILE_CLASSIC);
    cluster_slot(cluster, "ct:300")->guest_node = NULL;
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node1");
    assert_null(cluster_guest_write(cluster, "ct:300"));
}

// Rules force it to the node that was fenced and is back.
static void recovery_on_the_same_node_removes_the_lock_that_was_left(void **state)
{
    static const struct {
        const char *lock;
        bool removed;
    } rows[] = {{"backup", true}, {"suspended", true}, {"create", false}, {NULL, false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_in_recovery(*state, TIMING_PROFILE_CLASSIC);
        cluster_rules(cluster,
                      "node-affinity: r1\n\tnodes node3\n\tresources ct:300\n\tstrict 1\n\n");
        cluster_slot(cluster, "ct:300")->guest_lock = rows[i].lock;
        cluster_set_online(cluster, "node3", true);
        cluster_round(cluster);
        const char *name = rows[i].lock != NULL ? rows[i].lock : "none";
        fixture_row(name, strcmp(cluster_record(cluster, "ct:300")->node, "node3") == 0);
        const struct crm_write_guest *write = cluster_guest_write(cluster, "ct:300");
        fixture_row(name, (write != NULL) == rows[i].removed);
        fixture_row(name, write == NULL || (write->unlock && write->node == NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(failed_recovery_is_told_once_a_tick_when_rounds_follow_changes),
        fixture_test(failed_recovery_is_told_at_once_when_the_node_was_fenced),
        fixture_test(recovery_without_guest_moves_the_record_only),
        fixture_test(recovery_on_the_same_node_removes_the_lock_that_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
