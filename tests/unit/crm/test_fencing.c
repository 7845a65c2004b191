// SPDX-License-Identifier: Apache-2.0
// Fencing: nothing leaves `fence` without the node's agent lease; two nodes at once; a node that
// returns meanwhile; the order of intent, proof and write where rounds follow events.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

#define LEASE3 "ha_agent_node3_lock"

// A master of four nodes, with a service on node2 and two on node3, and the nodes given down for
// long.
static struct cluster *cluster_with_lost(struct arena *arena, enum timing_profile profile,
                                         bool node2)
{
    struct cluster *cluster = cluster_new(arena, profile, 4);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:301", SVC_STATE_STARTED, "node3", REQUEST_STATE_STOPPED);
    cluster_become_master(cluster);
    cluster_set_online(cluster, "node3", false);
    cluster_set_online(cluster, "node2", !node2);
    cluster_round(cluster);
    cluster_pass(cluster, 60);
    return cluster;
}

static void fence_is_told_and_waits_for_the_lease(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, false);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
    assert_string_equal(cluster_events(cluster, "fence-begin"), "fence-begin: node=node3\n");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_FENCE);
    for (int i = 0; i < 10; i++) {
        cluster_pass(cluster, 10);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:300"), "");
        assert_int_equal(cluster_events_count(cluster, "fence-begin"), 0); // once
        assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    }
}

static void proof_moves_all_services_of_the_node_in_one_round(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, false);
    cluster_round(cluster);
    cluster_pass(cluster, 60);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "fence>recovery recovery>started");
    assert_string_equal(cluster_moves(cluster, "ct:301"), "fence>recovery recovery>request_stop");
    const char *expected = "lock-acquired: lock=ha_agent_node3_lock\n"
                           "fence-confirmed: node=node3 proof=lease term=2\n"
                           "node-state: node=node3 from=fence to=unknown\n";
    assert_true(strncmp(cluster_events(cluster, NULL), expected, strlen(expected)) == 0);
    // Placed one after the other, each seeing the one before; the guests go with them.
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node1");
    assert_string_equal(cluster_record(cluster, "ct:301")->node, "node4");
    assert_string_equal(cluster_slot(cluster, "ct:300")->guest_node, "node1");
    // In classic replay the lease stays with this master's node until it ends.
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE3));
}

static void two_nodes_are_fenced_each_by_its_own_proof(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, true);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "fence-begin"),
                        "fence-begin: node=node2\nfence-begin: node=node3\n");
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
    assert_string_equal(cluster_moves(cluster, "ct:300"), "fence>recovery recovery>started");
    assert_int_equal(cluster_node_state(cluster, "node2"), NODE_STATE_FENCE);
    cluster_agent_lease(cluster, "node2", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "fence>recovery recovery>started");
    assert_int_equal(cluster_node_state(cluster, "node2"), NODE_STATE_UNKNOWN);
}

// Coming back proves nothing: the services may still run there.
static void node_that_returns_while_fenced_stays_fenced(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, false);
    cluster_round(cluster);
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_FENCE);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "");
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "fence>recovery recovery>started");
    cluster_round(cluster);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_ONLINE);
}

static void lease_that_cannot_be_asked_for_is_no_proof(void **state)
{
    static const int answers[] = {LEASE_BUSY, -EHOSTDOWN, -ENOTCONN};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, false);
        cluster_round(cluster);
        cluster_agent_lease(cluster, "node3", answers[i]);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:300"), "");
    }
}

static void node_in_fence_without_services_is_fenced_too(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_node(cluster, "node3", NODE_STATE_FENCE);
    cluster_set_online(cluster, "node3", false);
    cluster_become_master(cluster);
    cluster_agent_lease(cluster, "node3", LEASE_RENEWED); // held by this node since before
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-confirmed"), 1);
    assert_int_equal(cluster_events_count(cluster, "lock-acquired"), 0);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_UNKNOWN);
}

// ---- where rounds follow events

// INV-2: the node's LRM must be able to read that it is to be fenced before its lease is taken.
static void intent_is_committed_before_proof_is_sought_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms); // at once
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    assert_string_equal(cluster_moves(cluster, "ct:300"), "fence>recovery recovery>started");
}

static void intent_that_was_not_committed_is_no_intent_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster->write_fails = true;
    for (int i = 0; i < 3; i++) {
        cluster->documents.generation++;
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
        assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    }
}

static void lease_is_given_back_after_the_write_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_round(cluster);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    const struct crm_action *release = NULL;
    for (size_t i = 0; i < cluster->actions.count; i++) {
        const struct crm_action *action = cluster->actions.items[i];
        release = action->kind == CRM_ACTION_LEASE_RELEASE ? action : release;
    }
    assert_non_null(release);
    assert_string_equal(release->lease, LEASE3);
    assert_true(release->after_write);
}

static void busy_lease_wakes_when_it_can_be_had_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_PATIENT, false);
    cluster_pass(cluster, 60);
    cluster_round(cluster);
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms + 777);
    // And the next round asks again although nothing else changed: the answer may be there.
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
}

// This node's LRM holds its lease under the node's name; asking for it would renew it and prove
// nothing.
static void own_lease_is_never_asked_for(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_FENCE, "node1", REQUEST_STATE_STARTED);
    cluster_agent_lease(cluster, "node1", LEASE_RENEWED);
    cluster_round(cluster);
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, "ha_agent_node1_lock"));
    assert_string_equal(cluster_moves(cluster, "ct:100"), "");
}

// INV-2: nobody held a lease for a guest that was not under HA, so that a free lease proves nothing
// about it.
static void service_on_an_offline_node_is_not_added_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    cluster_set_online(cluster, "node3", false);
    (void)cluster_resource(cluster, "ct:300", "node3", REQUEST_STATE_STARTED);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    for (int i = 0; i < 20; i++) {
        cluster_round(cluster);
        assert_null(cluster_record(cluster, "ct:300"));
        cluster_pass(cluster, 10);
    }
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node3");
}

// INV-15: it was about to be fenced when the others died, and is all that is left (its operator
// forced quorum).
static void fencing_of_the_only_node_is_called_off_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_node(cluster, "node1", NODE_STATE_FENCE);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_FENCE, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm),
                     CRM_STATE_WAIT_FOR_QUORUM); // another one can do it
    cluster_set_online(cluster, "node2", false);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_int_equal(cluster_node_state(cluster, "node1"), NODE_STATE_ONLINE);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "fence>recovery recovery>started");
    assert_string_equal(cluster_record(cluster, "ct:100")->node, "node1");
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, "ha_agent_node1_lock"));
    // The others' services need their proof all the same.
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
}

// ---- recovery

static struct cluster *cluster_in_recovery(struct arena *arena, enum request_state request)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    cluster_set_online(cluster, "node3", false);
    (void)cluster_node(cluster, "node3", NODE_STATE_UNKNOWN);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_RECOVERY, "node3", request);
    return cluster;
}

static void recovery_without_node_fails_and_goes_on_trying(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, REQUEST_STATE_STARTED);
    cluster_rules(cluster,
                  "node-affinity: only3\n\tnodes node3\n\tresources ct:300\n\tstrict 1\n\n");
    for (int i = 0; i < 3; i++) {
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:300"), "");
        assert_string_equal(cluster_events(cluster, "recover-failed"),
                            "recover-failed: sid=ct:300 from=node3\n");
    }
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "recover"),
                        "recover: sid=ct:300 from=node3 to=node3\n");
}

static void recovery_of_disabled_without_node_ends_in_stopped(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, REQUEST_STATE_DISABLED);
    cluster_rules(cluster,
                  "node-affinity: only3\n\tnodes node3\n\tresources ct:300\n\tstrict 1\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "recovery>stopped");
}

static void recovery_removes_left_locks_only(void **state)
{
    static const struct {
        const char *lock;
        bool removed;
    } locks[] = {{"backup", true},          {"migrate", true},   {"snapshot", true},
                 {"snapshot-delete", true}, {"suspended", true}, {"create", false},
                 {"disk", false},           {NULL, false}};
    for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_in_recovery(*state, REQUEST_STATE_STARTED);
        cluster_slot(cluster, "ct:300")->guest_lock = locks[i].lock;
        cluster_round(cluster);
        const struct crm_write_guest *write = cluster_guest_write(cluster, "ct:300");
        assert_non_null(write);
        assert_int_equal(write->unlock, locks[i].removed);
        assert_string_equal(write->from, "node3");
    }
}

// INV-1: it was moved just before its node died and may run there.
static void recovery_follows_a_guest_that_had_been_moved(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_in_recovery(*state, REQUEST_STATE_STARTED);
    cluster_slot(cluster, "ct:300")->guest_node = "node2";
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "recovery>started");
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
    assert_null(cluster_guest_write(cluster, "ct:300"));
}

// The cut-off node may still run its services: nothing there is guarded.
static void node_that_gave_its_lease_back_disarmed_is_waited_for_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_lrm(cluster, "node3", LRM_MODE_DISARM);
    for (int i = 0; i < 3; i++) {
        cluster_pass(cluster, 60);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:300"), "");
        assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    }
    cluster_lrm(cluster, "node3", LRM_MODE_ACTIVE);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(fence_is_told_and_waits_for_the_lease),
        fixture_test(proof_moves_all_services_of_the_node_in_one_round),
        fixture_test(two_nodes_are_fenced_each_by_its_own_proof),
        fixture_test(node_that_returns_while_fenced_stays_fenced),
        fixture_test(lease_that_cannot_be_asked_for_is_no_proof),
        fixture_test(node_in_fence_without_services_is_fenced_too),
        fixture_test(intent_is_committed_before_proof_is_sought_live),
        fixture_test(intent_that_was_not_committed_is_no_intent_live),
        fixture_test(lease_is_given_back_after_the_write_live),
        fixture_test(busy_lease_wakes_when_it_can_be_had_live),
        fixture_test(own_lease_is_never_asked_for),
        fixture_test(service_on_an_offline_node_is_not_added_live),
        fixture_test(fencing_of_the_only_node_is_called_off_live),
        fixture_test(node_that_gave_its_lease_back_disarmed_is_waited_for_live),
        fixture_test(recovery_without_node_fails_and_goes_on_trying),
        fixture_test(recovery_of_disabled_without_node_ends_in_stopped),
        fixture_test(recovery_removes_left_locks_only),
        fixture_test(recovery_follows_a_guest_that_had_been_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
