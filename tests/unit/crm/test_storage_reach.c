// SPDX-License-Identifier: Apache-2.0
// Services stay away from nodes without their storages, and leave one that has lost them.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

// ct:100 runs on node1 and has its volume on nas1; all three nodes are well.
static struct cluster *cluster_with_storage(struct arena *arena, const char *sid)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_FAST, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, sid, SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_guest_storage(cluster, sid, "nas1");
    cluster_become_master(cluster);
    return cluster;
}

static const char *others[] = {"node2", "node3"};

static const struct loss {
    const char *name;
    const char *lost[3]; // nodes
    bool is_kept, is_stopped, is_disabled, is_elsewhere;
    const char *moves;
} losses[] = {
    {.name = "all have it", .moves = ""},
    {.name = "another node lost it", .lost = {"node2"}, .moves = ""},
    {.name = "its node lost it", .lost = {"node1"}, .moves = "started>relocate"},
    {.name = "all lost it", .lost = {"node1", "node2", "node3"}, .moves = ""},
    {.name = "it waits there", .lost = {"node1"}, .is_kept = true, .moves = ""},
    {.name = "it is stopped there",
     .lost = {"node1"},
     .is_stopped = true,
     .moves = "started>request_stop"},
    {.name = "it is stopped where it is lost only",
     .lost = {"node2"},
     .is_stopped = true,
     .moves = ""},
    {.name = "nobody looks at it", .lost = {"node1"}, .is_disabled = true, .moves = ""},
    {.name = "its node is not to have it", .is_elsewhere = true, .moves = "started>relocate"},
};

static void loss_of_storage_moves_the_service_that_needs_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
        struct storage *storage = cluster_storage(cluster, "nas1");
        storage->on_loss = losses[i].is_kept      ? STORAGE_LOSS_KEEP
                           : losses[i].is_stopped ? STORAGE_LOSS_STOP
                                                  : STORAGE_LOSS_MOVE;
        storage->disabled = losses[i].is_disabled;
        storage->nodes = others;
        storage->nodes_count = losses[i].is_elsewhere ? ARRAY_SIZE(others) : 0;
        for (size_t k = 0; k < ARRAY_SIZE(losses[i].lost) && losses[i].lost[k] != NULL; k++) {
            cluster_storage_state(cluster, losses[i].lost[k], "nas1", STORAGE_CONDITION_STALLED);
        }
        cluster_round(cluster);
        if (strcmp(cluster_moves(cluster, "ct:100"), losses[i].moves) != 0) {
            fail_msg("row '%s': %s", losses[i].name, cluster_moves(cluster, "ct:100"));
        }
    }
}

static void loss_of_storage_ends_a_machine_that_would_move_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "vm:100");
    (void)cluster_storage(cluster, "nas1");
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "vm:100"), "started>relocate");
}

static void service_stopped_for_want_of_its_storage_starts_when_it_is_back(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    cluster_storage(cluster, "nas1")->on_loss = STORAGE_LOSS_STOP;
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "storage-stop"), "storage=nas1"));
    cluster_result(cluster, "ct:100", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "request_stop>stopped");
    assert_string_equal(cluster_record(cluster, "ct:100")->halted_by, "nas1");
    cluster_pass(cluster, 100);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_READY);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"),
                        "stopped>request_start request_start>started");
    assert_string_equal(cluster_record(cluster, "ct:100")->node, "node1");
    assert_null(cluster_record(cluster, "ct:100")->halted_by);
}

static void service_stopped_for_want_of_its_storage_goes_where_its_operator_wants(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    cluster_storage(cluster, "nas1")->on_loss = STORAGE_LOSS_STOP;
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    cluster_result(cluster, "ct:100", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    cluster_command(cluster, "c1", "relocate ct:100 node2");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "stopped>relocate");
}

static void storage_that_comes_back_ends_the_wish_to_move(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    (void)cluster_storage(cluster, "nas1");
    cluster_storage_state(cluster, "node2", "nas1", STORAGE_CONDITION_MISSING);
    cluster_storage_state(cluster, "node3", "nas1", STORAGE_CONDITION_MISSING);
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_READY);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
}

static void recovery_goes_only_where_the_storage_is(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    (void)cluster_storage(cluster, "nas1");
    cluster_slot(cluster, "ct:100")->guest_node = "node3";
    cluster_storage_state(cluster, "node2", "nas1", STORAGE_CONDITION_MISSING);
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:100")->target, "node3");
}

static void rule_next_priority_counts_where_the_first_lacks_it(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    (void)cluster_storage(cluster, "nas1");
    cluster_rules(cluster,
                  "node-affinity: r1\n\tresources ct:100\n\tnodes node1:3,node2:2,node3:1\n");
    cluster_storage_state(cluster, "node1", "nas1", STORAGE_CONDITION_MISSING);
    cluster_storage_state(cluster, "node2", "nas1", STORAGE_CONDITION_MISSING);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:100")->target, "node3");
}

static void order_to_move_where_it_lacks_is_refused(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_storage(*state, "ct:100");
    (void)cluster_storage(cluster, "nas1");
    cluster_storage_state(cluster, "node2", "nas1", STORAGE_CONDITION_MISSING);
    cluster_command(cluster, "c1", "relocate ct:100 node2");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    assert_non_null(
        strstr(cluster_events(cluster, "move-refused"), "the target has not all of its storages"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(loss_of_storage_moves_the_service_that_needs_it),
        fixture_test(loss_of_storage_ends_a_machine_that_would_move_live),
        fixture_test(service_stopped_for_want_of_its_storage_starts_when_it_is_back),
        fixture_test(service_stopped_for_want_of_its_storage_goes_where_its_operator_wants),
        fixture_test(storage_that_comes_back_ends_the_wish_to_move),
        fixture_test(recovery_goes_only_where_the_storage_is),
        fixture_test(rule_next_priority_counts_where_the_first_lacks_it),
        fixture_test(order_to_move_where_it_lacks_is_refused),
    };
    return cmocka_run_group_tests_name("storage_reach", tests, NULL, NULL);
}
