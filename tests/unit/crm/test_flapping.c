// SPDX-License-Identifier: Apache-2.0
// Who is waited for after quorum was regained, and what a node gets that comes and goes.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static struct cluster *cluster_on(struct arena *arena, const char *node)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_BALANCED, 4);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, node, REQUEST_STATE_STARTED);
    return cluster;
}

static bool is_condemned(const struct cluster *cluster)
{
    return cluster_record(cluster, "ct:100")->state == SVC_STATE_FENCE;
}

static void cluster_quorum(struct cluster *cluster, bool quorate)
{
    cluster->input.members.quorate = quorate;
    for (size_t i = 0; i < cluster->input.members.count; i++) {
        cluster->members[i].online = quorate && i != 2;
    }
    cluster_round(cluster);
}

// ---- the time to come back

static void node_that_was_never_seen_has_the_grace_time(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_set_online(cluster, "node3", false);
    cluster_become_master(cluster);
    cluster_pass_ms(cluster, cluster->timing.startup_grace_ms - 1);
    cluster_round(cluster);
    assert_false(is_condemned(cluster));
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms + 1);
    cluster_pass_ms(cluster, 1);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

// One that was taken out of the configuration, and whose services were left behind.
static void node_that_is_no_member_has_the_grace_time_too(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster->input.members.count = 2;
    cluster_become_master(cluster);
    cluster_pass_ms(cluster, cluster->timing.startup_grace_ms - 1);
    cluster_round(cluster);
    assert_false(is_condemned(cluster));
    cluster_pass_ms(cluster, 1);
    cluster_round(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

static void node_that_was_seen_since_has_none(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_become_master(cluster);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

// An operator's word that the others are off is worth more than the hope that they come.
static void forced_quorum_waits_for_nobody(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_set_online(cluster, "node3", false);
    cluster->input.members.forced = true;
    cluster_become_master(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

static void all_are_waited_for_after_an_outage_of_all(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_become_master(cluster);
    cluster_quorum(cluster, false);
    cluster_pass(cluster, 60);
    cluster_quorum(cluster, true);
    cluster_pass_ms(cluster, cluster->timing.startup_grace_ms - 1);
    cluster_round(cluster);
    assert_false(is_condemned(cluster));
    cluster_set_online(cluster, "node3", true);
    cluster_pass_ms(cluster, 1);
    cluster_round(cluster);
    assert_false(is_condemned(cluster));
    // Once it was there the usual times are in force.
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

// A new ring may cost quorum for a moment; a node that died just then is fenced as any other.
static void blink_of_quorum_changes_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_become_master(cluster);
    cluster_quorum(cluster, false);
    cluster_pass_ms(cluster, cluster->timing.token_ms - 1);
    cluster_quorum(cluster, true);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

static void classic_replay_knows_no_grace(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", false);
    cluster_become_master(cluster);
    cluster_pass(cluster, 60);
    cluster_round(cluster);
    assert_true(is_condemned(cluster));
}

// INV-10: no switch hits a node in maintenance that is there.
static void node_in_maintenance_that_is_there_is_not_lost(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    (void)cluster_device(cluster, "ipmi3", "node3", 1);
    (void)cluster_node(cluster, "node3", NODE_STATE_MAINTENANCE);
    (void)cluster_lrm(cluster, "node3", LRM_MODE_MAINTENANCE);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_REQUEST_STOP, "node3",
                          REQUEST_STATE_STOPPED);
    for (int i = 0; i < 5; i++) {
        cluster_round(cluster);
        cluster_pass(cluster, 10);
        assert_int_equal(cluster_record(cluster, "ct:101")->state, SVC_STATE_REQUEST_STOP);
        assert_string_equal(cluster_orders(cluster), "");
    }
}

// ---- flapping

static void cluster_flap(struct cluster *cluster, const char *node)
{
    cluster_set_online(cluster, node, false);
    cluster_round(cluster);
    cluster_pass_ms(cluster, 500);
    cluster_set_online(cluster, node, true);
    cluster_round(cluster);
}

static int64_t held_for_s(struct cluster *cluster, const char *node)
{
    const struct manager_node *entry = map_find(&cluster->documents.status->nodes, node);
    return entry->held_off_until_s > 0 ? entry->held_off_until_s - cluster->input.wall_s : 0;
}

static void each_leave_doubles_the_hold(void **state)
{
    static const int64_t seconds[] = {0, 20, 40, 80, 160, 320, 600, 600};
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
        cluster_flap(cluster, "node3");
        assert_in_range(held_for_s(cluster, "node3"), (unsigned long)seconds[i],
                        (unsigned long)seconds[i] + 1);
        assert_int_equal(cluster_events_count(cluster, "node-held-off"), seconds[i] > 0 ? 1 : 0);
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "node-held-off"), 0); // told once
    }
}

static void hold_ends_and_wakes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    cluster_flap(cluster, "node3");
    cluster_flap(cluster, "node3");
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms + 20 * 1000);
    cluster_pass(cluster, 20);
    cluster_round(cluster);
    assert_int_equal(held_for_s(cluster, "node3"), 0);
}

static void hold_is_not_told_of_a_node_that_is_away(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    cluster_flap(cluster, "node3");
    cluster_flap(cluster, "node3");
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    assert_int_equal(held_for_s(cluster, "node3"), 0);
}

static void leaves_of_long_ago_do_not_count(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    for (int i = 0; i < 40; i++) { // more than are remembered
        cluster_flap(cluster, "node3");
        cluster_pass(cluster, 3600);
    }
    assert_int_equal(held_for_s(cluster, "node3"), 0);
}

// However long it was away: what counts is how often it left of late.
static void node_that_was_away_for_long_is_not_held(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    cluster_flap(cluster, "node3");
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    cluster_pass(cluster, 2 * 3600);
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_int_equal(held_for_s(cluster, "node3"), 0);
}

static void more_leaves_than_are_remembered_are_held_off_longest(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    for (int i = 0; i < 40; i++) {
        cluster_flap(cluster, "node3");
    }
    assert_in_range(held_for_s(cluster, "node3"), 600, 601);
}

static void orderly_leaves_do_not_count(void **state)
{
    static const enum lrm_mode modes[] = {LRM_MODE_MAINTENANCE, LRM_MODE_RESTART,
                                          LRM_MODE_SHUTDOWN};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
        cluster_become_master(cluster);
        (void)cluster_lrm(cluster, "node3", modes[i]);
        cluster_flap(cluster, "node3");
        cluster_flap(cluster, "node3");
        cluster_flap(cluster, "node3");
        assert_int_equal(held_for_s(cluster, "node3"), 0);
    }
}

static void node_without_lrm_status_counts(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    (void)map_remove(&cluster->documents.lrms, "node3");
    cluster_flap(cluster, "node3");
    cluster_flap(cluster, "node3");
    assert_true(held_for_s(cluster, "node3") > 0);
}

// Those who were missed while this node was cut off did not leave.
static void own_cut_is_nobodys_leave(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    for (int i = 0; i < 4; i++) {
        cluster_quorum(cluster, false);
        cluster_pass(cluster, 10);
        cluster_quorum(cluster, true); // node3 is there some seconds later
        cluster_pass(cluster, 2);
        cluster_set_online(cluster, "node3", true);
        cluster_round(cluster);
        cluster_pass(cluster, 10);
    }
    assert_int_equal(held_for_s(cluster, "node3"), 0);
}

// A node that is cut off sees the others go before it knows that it has lost quorum itself.
static void leaves_just_before_the_own_cut_are_nobodys(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_become_master(cluster);
    cluster_flap(cluster, "node3"); // this one counts
    cluster_pass(cluster, 60);
    for (int i = 0; i < 4; i++) {
        cluster_set_online(cluster, "node3", false);
        cluster_round(cluster);
        cluster_pass(cluster, 2);
        cluster_quorum(cluster, false);
        cluster_pass(cluster, 10);
        cluster_quorum(cluster, true);
        cluster_set_online(cluster, "node3", true);
        cluster_round(cluster);
        cluster_pass(cluster, 10);
        assert_int_equal(held_for_s(cluster, "node3"), 0);
    }
    cluster_flap(cluster, "node3");
    assert_true(held_for_s(cluster, "node3") > 0); // it is the second
}

// A slave counts as well: the next master knows who flaps.
static void new_master_knows_who_flaps(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    cluster_lease(cluster, "ha_manager_lock", LEASE_BUSY);
    cluster_round(cluster);
    cluster_flap(cluster, "node3");
    cluster_flap(cluster, "node3");
    cluster_lease(cluster, "ha_manager_lock", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_int_equal(cluster_events_count(cluster, "node-held-off"), 1);
}

static void classic_replay_counts_no_leaves(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    for (int i = 0; i < 4; i++) {
        cluster_flap(cluster, "node3");
        assert_int_equal(held_for_s(cluster, "node3"), 0);
    }
}

// ---- what a node that is held off gets

static struct cluster *cluster_held(struct arena *arena, const char *node)
{
    struct cluster *cluster = cluster_on(arena, "node1");
    cluster_become_master(cluster);
    cluster_flap(cluster, node);
    cluster_flap(cluster, node);
    return cluster;
}

static void held_node_gets_nothing_while_there_are_others(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_node(cluster, "node4", NODE_STATE_UNKNOWN);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node4", false);
    cluster_round(cluster);
    // Without the hold node2 would get one of them: node1 has a service already.
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node3");
    assert_string_not_equal(cluster_record(cluster, "ct:201")->node, "node2");
}

static void held_node_is_better_than_none(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_service(cluster, "ct:200", SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    cluster_rules(cluster,
                  "node-affinity: only2\n\tnodes node2\n\tresources ct:200\n\tstrict 1\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node2");
}

// The next lower priority of its rule is better than a node that comes and goes.
static void failback_waits_for_the_end_of_the_hold(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_rules(
        cluster,
        "node-affinity: pair\n\tnodes node2:2,node3:1\n\tresources ct:200\n\tstrict 1\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
    cluster_pass(cluster, 21);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
}

static void services_on_a_held_node_stay(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_rules(
        cluster,
        "node-affinity: pair\n\tnodes node2:2,node3:1\n\tresources ct:201\n\tstrict 1\n\n");
    for (int i = 0; i < 3; i++) {
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:200"), "");
        assert_string_equal(cluster_moves(cluster, "ct:201"), "");
    }
}

// INV-8 and INV-11 are stronger than the hold.
static void strict_rules_take_services_off_a_held_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_rules(cluster,
                  "node-affinity: only3\n\tnodes node3\n\tresources ct:200\n\tstrict 1\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
}

static void service_that_fails_leaves_a_held_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
}

// An operator may move what he wants where he wants.
static void command_moves_to_a_held_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_held(*state, "node2");
    cluster_command(cluster, "c1", "relocate ct:100 node2");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "c1"), "");
    assert_string_equal(cluster_moves(cluster, "ct:100"), "started>relocate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(node_that_was_never_seen_has_the_grace_time),
        fixture_test(node_that_is_no_member_has_the_grace_time_too),
        fixture_test(node_that_was_seen_since_has_none),
        fixture_test(forced_quorum_waits_for_nobody),
        fixture_test(all_are_waited_for_after_an_outage_of_all),
        fixture_test(blink_of_quorum_changes_nothing),
        fixture_test(classic_replay_knows_no_grace),
        fixture_test(node_in_maintenance_that_is_there_is_not_lost),
        fixture_test(each_leave_doubles_the_hold),
        fixture_test(hold_ends_and_wakes),
        fixture_test(hold_is_not_told_of_a_node_that_is_away),
        fixture_test(leaves_of_long_ago_do_not_count),
        fixture_test(node_that_was_away_for_long_is_not_held),
        fixture_test(more_leaves_than_are_remembered_are_held_off_longest),
        fixture_test(orderly_leaves_do_not_count),
        fixture_test(node_without_lrm_status_counts),
        fixture_test(own_cut_is_nobodys_leave),
        fixture_test(leaves_just_before_the_own_cut_are_nobodys),
        fixture_test(new_master_knows_who_flaps),
        fixture_test(classic_replay_counts_no_leaves),
        fixture_test(held_node_gets_nothing_while_there_are_others),
        fixture_test(held_node_is_better_than_none),
        fixture_test(failback_waits_for_the_end_of_the_hold),
        fixture_test(services_on_a_held_node_stay),
        fixture_test(strict_rules_take_services_off_a_held_node),
        fixture_test(service_that_fails_leaves_a_held_node),
        fixture_test(command_moves_to_a_held_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
