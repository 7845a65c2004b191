// SPDX-License-Identifier: Apache-2.0
// Node states: every row of the two tables, when a node counts as lost, and what survives a change
// of the master.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

struct row {
    const char *name;
    enum node_state from;
    bool online;
    bool listed;
    enum lrm_mode mode;
    enum node_state to;
};

static const struct row rows[] = {
    {"unknown comes online", NODE_STATE_UNKNOWN, true, true, LRM_MODE_ACTIVE, NODE_STATE_ONLINE},
    {"unknown in maintenance mode comes online first", NODE_STATE_UNKNOWN, true, true,
     LRM_MODE_MAINTENANCE, NODE_STATE_ONLINE},
    {"gone comes back", NODE_STATE_GONE, true, true, LRM_MODE_ACTIVE, NODE_STATE_ONLINE},
    {"online stays", NODE_STATE_ONLINE, true, true, LRM_MODE_ACTIVE, NODE_STATE_ONLINE},
    {"online goes to maintenance", NODE_STATE_ONLINE, true, true, LRM_MODE_MAINTENANCE,
     NODE_STATE_MAINTENANCE},
    {"online with a restarting LRM stays", NODE_STATE_ONLINE, true, true, LRM_MODE_RESTART,
     NODE_STATE_ONLINE},
    {"maintenance stays", NODE_STATE_MAINTENANCE, true, true, LRM_MODE_MAINTENANCE,
     NODE_STATE_MAINTENANCE},
    {"maintenance ends", NODE_STATE_MAINTENANCE, true, true, LRM_MODE_ACTIVE, NODE_STATE_ONLINE},
    {"fence stays although it is back", NODE_STATE_FENCE, true, true, LRM_MODE_ACTIVE,
     NODE_STATE_FENCE},
    {"online goes away", NODE_STATE_ONLINE, false, true, LRM_MODE_ACTIVE, NODE_STATE_UNKNOWN},
    {"maintenance goes away by policy", NODE_STATE_MAINTENANCE, false, true, LRM_MODE_MAINTENANCE,
     NODE_STATE_MAINTENANCE},
    {"maintenance goes away after it ended", NODE_STATE_MAINTENANCE, false, true, LRM_MODE_ACTIVE,
     NODE_STATE_UNKNOWN},
    {"unknown stays", NODE_STATE_UNKNOWN, false, true, LRM_MODE_ACTIVE, NODE_STATE_UNKNOWN},
    {"unknown is no longer a member", NODE_STATE_UNKNOWN, false, false, LRM_MODE_ACTIVE,
     NODE_STATE_GONE},
    {"gone stays at first", NODE_STATE_GONE, false, false, LRM_MODE_ACTIVE, NODE_STATE_GONE},
    {"fence stays while away", NODE_STATE_FENCE, false, true, LRM_MODE_ACTIVE, NODE_STATE_FENCE},
};

static void each_row_moves_as_listed(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        // node3 is the one that is looked at.
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, row->listed ? 3 : 2);
        cluster_settle_nodes(cluster);
        (void)cluster_resource(cluster, "ct:100", "node1", REQUEST_STATE_STARTED);
        (void)cluster_node(cluster, "node3", row->from);
        (void)cluster_lrm(cluster, "node3", row->mode);
        cluster_set_online(cluster, row->listed ? "node3" : "node2",
                           row->listed ? row->online : true);
        cluster_round(cluster);
        fixture_row(row->name, cluster_node_state(cluster, "node3") == row->to);
        size_t told = cluster_events_count(cluster, "node-state");
        fixture_row(row->name, told == (row->from != row->to ? 1 : 0));
    }
}

static void nodes_never_seen_come_online_in_order(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    (void)cluster_resource(cluster, "ct:100", "node1", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node2", false);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "node-state"),
                        "node-state: node=node1 from=unknown to=online\n"
                        "node-state: node=node3 from=unknown to=online\n");
    assert_null(map_find(&cluster->documents.status->nodes, "node2"));
}

static void gone_node_is_forgotten_after_an_hour(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 2);
    cluster_settle_nodes(cluster);
    (void)cluster_resource(cluster, "ct:100", "node1", REQUEST_STATE_STARTED);
    (void)cluster_node(cluster, "node3", NODE_STATE_GONE);
    cluster_round(cluster);
    cluster_pass(cluster, 3599);
    cluster_round(cluster);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_GONE);
    cluster_pass(cluster, 1);
    cluster_round(cluster);
    assert_null(map_find(&cluster->documents.status->nodes, "node3"));
}

static struct cluster *cluster_on_node3(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    return cluster;
}

static void lost_node_is_fenced_a_minute_after_it_was_seen_in_classic(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_on_node3(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster_pass(cluster, 20);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_UNKNOWN);
    cluster_pass(cluster, 39);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    cluster_pass(cluster, 1);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "started>fence");
}

static void new_master_starts_the_minute_anew_in_classic(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_on_node3(*state, TIMING_PROFILE_CLASSIC);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster);
    cluster_set_online(cluster, "node3", false);
    cluster_pass(cluster, 100);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    cluster_lease(cluster, LEASE_MANAGER, LEASE_RENEWED);
    cluster_pass(cluster, 60);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "started>fence");
}

static void new_master_knows_since_when_a_node_is_gone_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_on_node3(*state, TIMING_PROFILE_BALANCED);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster); // a slave that sees all
    cluster_set_online(cluster, "node3", false);
    cluster_pass(cluster, 1000); // a slave's rounds are far apart; the node counts as seen until
                                 // the one that misses it
    cluster_round(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    cluster->input.now_ms += cluster->timing.fence_delay_ms - 1;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    cluster_lease(cluster, LEASE_MANAGER, LEASE_RENEWED);
    cluster->input.now_ms += 1;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "started>fence");
}

static void node_that_returns_in_time_is_not_fenced(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_on_node3(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster_set_online(cluster, "node3", false);
    for (int i = 0; i < 5; i++) {
        cluster_pass(cluster, 10);
        cluster_round(cluster);
    }
    cluster_set_online(cluster, "node3", true);
    cluster_pass(cluster, 10);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_ONLINE);
    cluster_set_online(cluster, "node3", false);
    cluster_pass(cluster, 59);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:100"), ""); // counted from its return
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(each_row_moves_as_listed),
        fixture_test(nodes_never_seen_come_online_in_order),
        fixture_test(gone_node_is_forgotten_after_an_hour),
        fixture_test(lost_node_is_fenced_a_minute_after_it_was_seen_in_classic),
        fixture_test(new_master_starts_the_minute_anew_in_classic),
        fixture_test(new_master_knows_since_when_a_node_is_gone_live),
        fixture_test(node_that_returns_in_time_is_not_fenced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
