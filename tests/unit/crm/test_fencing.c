// SPDX-License-Identifier: Apache-2.0
// Fencing: nothing leaves `fence` without a proof, the node's agent lease or a switch; two nodes at
// once; a node that returns meanwhile; the order of intent, proof and write where rounds follow
// events.
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
                           "fence-confirmed: node=node3 proof=lease evidence='its lease was held "
                           "by nobody (term 2)' term=2\n"
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
    (void)cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_IGNORED);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_int_equal(cluster_node_state(cluster, "node1"), NODE_STATE_ONLINE);
    assert_string_equal(cluster_moves(cluster, "ct:100"), "fence>recovery recovery>started");
    assert_string_equal(cluster_record(cluster, "ct:100")->node, "node1");
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, "ha_agent_node1_lock"));
    // The others' services need their proof all the same.
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
}

// ---- proofs

// What a lease says depends on how it was got.
static void origin_of_the_lease_names_the_proof_live(void **state)
{
    static const struct {
        const char *name;
        enum lease_origin origin;
        const char *proof, *words;
    } rows[] = {
        {"nobody's", LEASE_ORIGIN_NONE, "lease", "its lease was held by nobody (term 2)"},
        {"released", LEASE_ORIGIN_RELEASED, "released", "it gave its lease back (term 2)"},
        {"expired", LEASE_ORIGIN_EXPIRED, "lease", "it was silent for the lease time (term 2)"},
        {"inherited", LEASE_ORIGIN_INHERITED, "lease",
         "the master before had taken its lease (term 2)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
        cluster->origin = rows[i].origin;
        cluster_round(cluster);
        cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
        cluster_round(cluster);
        const char *expected =
            arena_printf(*state, "fence-proof: node=node3 proof=%s evidence='%s'\n", rows[i].proof,
                         rows[i].words);
        fixture_row(rows[i].name, strcmp(cluster_events(cluster, "fence-proof"), expected) == 0);
        const struct manager_node *node = map_find(&cluster->documents.status->nodes, "node3");
        fixture_row(rows[i].name, strcmp(node->fence_proof, rows[i].proof) == 0);
        fixture_row(rows[i].name, strcmp(node->fence_evidence, rows[i].words) == 0);
        expected = arena_printf(*state, "recover: sid=ct:300 from=node3 to=node1 proof=%s\n",
                                rows[i].proof);
        fixture_row(rows[i].name, strstr(cluster_events(cluster, "recover"), expected) != NULL);
    }
}

// A cluster where node3 is away and has these devices, and no round has missed it yet.
static struct cluster *cluster_with_device(struct arena *arena, const char *device)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_BALANCED, 4);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    (void)cluster_device(cluster, device, "node3", 1);
    cluster_become_master(cluster);
    cluster_set_online(cluster, "node3", false);
    return cluster;
}

static bool has_recovered(struct cluster *cluster)
{
    return strcmp(cluster_moves(cluster, "ct:300"), "fence>recovery recovery>started") == 0;
}

// The delay is for those who could still renew; a switch asks nobody.
static void device_needs_no_fence_delay_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
    assert_string_equal(cluster_orders(cluster), ""); // INV-2: the intent is not committed yet
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms);
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3)); // at the same time
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), ""); // once
}

// Its ha-clusterd died and is being started again: no reason to shoot.
static void device_waits_for_a_node_that_corosync_sees_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster->members[2].present = true;
    cluster_round(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms - 1);
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:300")->state, SVC_STATE_STARTED);
    cluster_pass_ms(cluster, 1);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>fence");
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
}

static void device_that_says_off_is_a_proof_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "fence-device"),
                        "fence-device: node=node3 device=ipmi3 level=1 result=off took_ms=5 "
                        "evidence='is off'\n");
    assert_string_equal(cluster_events(cluster, "fence-proof"),
                        "fence-proof: node=node3 proof=device evidence='ipmi3: is off'\n");
    assert_string_equal(cluster_events(cluster, "fence-confirmed"),
                        "fence-confirmed: node=node3 proof=device evidence='ipmi3: is off'\n");
    assert_true(has_recovered(cluster));
    assert_int_equal(cluster_events_count(cluster, "lock-acquired"), 0);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE3)); // if it came meanwhile
    // It is off, and stays so without another order.
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "");
    assert_false(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
}

static void lease_does_not_wait_for_a_device_that_hangs_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster->origin = LEASE_ORIGIN_EXPIRED;
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_true(has_recovered(cluster));
    assert_non_null(strstr(cluster_events(cluster, "fence-confirmed"), "proof=lease"));
    cluster_round(cluster);
    // The answer that comes later is about an intent that is over.
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "fence-device"), "result=void"));
    assert_int_equal(cluster_events_count(cluster, "fence-proof"), 0);
}

static void lease_does_not_wait_for_a_device_that_fails_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_FAILED);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "fence-device"), "result=failed"));
    assert_true(has_recovered(cluster));
}

static void device_that_failed_is_tried_again_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_FAILED);
    cluster_round(cluster);
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms + 2000);
    cluster_pass(cluster, 2);
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
}

// INV-2: whoever is there again was not off, or is not any more. And INV-10: the late order is
// called back.
static void node_that_came_back_voids_the_device_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_FENCE_CANCEL, NULL));
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3)); // its own word counts
    cluster_set_online(cluster, "node3", false);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-confirmed"), 0);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3"); // anew
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_true(has_recovered(cluster));
}

// The device lies: the node is there. Nothing is proven, and the result is not kept for later.
static void device_is_not_believed_against_what_is_seen_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_set_online(cluster, "node3", true);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-proof"), 0);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-proof"), 0);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
}

// INV-2: a service whose intent came later is not proven by an order from before.
static void intent_that_grows_is_proven_anew_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    (void)cluster_service(cluster, "ct:301", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:301"), "started>fence");
    assert_string_equal(cluster_moves(cluster, "ct:300"), "");
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_true(has_recovered(cluster));
    assert_string_equal(cluster_moves(cluster, "ct:301"), "fence>recovery recovery>started");
}

// What was not written has not happened; what was proven stays so.
static void proof_outlives_a_write_that_failed_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster->write_fails = true;
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:300")->state, SVC_STATE_FENCE);
    cluster->write_fails = false;
    cluster_round(cluster);
    assert_true(has_recovered(cluster));
}

// A new term is a new master: what was ordered before says nothing to it.
static void new_term_orders_anew_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    // Heard before the term was known to be new, and void with it.
    assert_int_equal(cluster_events_count(cluster, "fence-confirmed"), 0);
    assert_string_equal(cluster_orders(cluster), "ipmi3>node3");
}

// INV-10: the next master knows nothing of orders of this one, and would not call them back.
static void lost_lease_calls_the_orders_back_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
    assert_true(cluster_acted(cluster, CRM_ACTION_FENCE_CANCEL, NULL));
    cluster_round(cluster);
    assert_false(cluster_acted(cluster, CRM_ACTION_FENCE_CANCEL, NULL)); // once
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "fence-device"), "result=void"));
}

static void device_of_a_node_that_is_there_is_left_alone_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_FENCE, "node3", REQUEST_STATE_STARTED);
    (void)cluster_node(cluster, "node3", NODE_STATE_FENCE);
    (void)cluster_device(cluster, "ipmi3", "node3", 1);
    cluster_become_master(cluster);
    for (int i = 0; i < 3; i++) {
        cluster_round(cluster);
        assert_string_equal(cluster_orders(cluster), "");
        assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE3));
    }
}

static void devices_need_a_port_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster->input.can_fence = false;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:300"), ""); // the delay is waited for
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "");
}

static void classic_replay_orders_no_device(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_CLASSIC, false);
    (void)cluster_device(cluster, "ipmi3", "node3", 1);
    cluster_round(cluster);
    cluster_round(cluster);
    assert_string_equal(cluster_orders(cluster), "");
}

// Pass by pass: it failed to move, and only then its node turns out to be lost. The proof of the
// others, which is there by then, is older than this intent.
static void service_that_joins_after_the_proof_waits_for_its_own_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_round(cluster);
    struct service *moving =
        cluster_service(cluster, "ct:302", SVC_STATE_MIGRATE, "node3", REQUEST_STATE_STARTED);
    moving->target = "node4";
    cluster_result(cluster, "ct:302", LRM_CODE_ERROR);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_round(cluster);
    assert_true(has_recovered(cluster));
    assert_string_equal(cluster_moves(cluster, "ct:302"), "migrate>started started>fence");
    assert_true(cluster->output.next_wake_ms <= cluster->input.now_ms);
    for (int i = 0; i < 3 && cluster_record(cluster, "ct:302")->state == SVC_STATE_FENCE; i++) {
        cluster_round(cluster);
    }
    assert_int_equal(cluster_record(cluster, "ct:302")->state, SVC_STATE_STARTED);
}

static void node_in_fence_without_services_is_told_now_and_then_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_node(cluster, "node3", NODE_STATE_FENCE);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-no-service"), 1);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "fence-no-service"), 0);
}

// A node that is taken out of everything while a device is at work for it.
static void node_that_is_forgotten_voids_the_device_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_device(*state, "ipmi3");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster->input.members.count = 2;
    (void)map_remove(&cluster->status->nodes, "node3");
    cluster->documents.status = cluster->status;
    (void)cluster_service(cluster, "ct:300", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    cluster_fence_result(cluster, "ipmi3", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "fence-device"), "result=void"));
}

// A result for a device that is not configured any more is told all the same.
static void result_without_device_is_told(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_lost(*state, TIMING_PROFILE_BALANCED, false);
    cluster_fence_result(cluster, "gone", "node3", FENCE_VERDICT_OFF);
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "fence-device"), "level=0 result=void"));
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
        fixture_test(origin_of_the_lease_names_the_proof_live),
        fixture_test(device_needs_no_fence_delay_live),
        fixture_test(device_waits_for_a_node_that_corosync_sees_live),
        fixture_test(device_that_says_off_is_a_proof_live),
        fixture_test(lease_does_not_wait_for_a_device_that_hangs_live),
        fixture_test(lease_does_not_wait_for_a_device_that_fails_live),
        fixture_test(device_that_failed_is_tried_again_live),
        fixture_test(node_that_came_back_voids_the_device_live),
        fixture_test(device_is_not_believed_against_what_is_seen_live),
        fixture_test(intent_that_grows_is_proven_anew_live),
        fixture_test(proof_outlives_a_write_that_failed_live),
        fixture_test(new_term_orders_anew_live),
        fixture_test(lost_lease_calls_the_orders_back_live),
        fixture_test(device_of_a_node_that_is_there_is_left_alone_live),
        fixture_test(devices_need_a_port_live),
        fixture_test(classic_replay_orders_no_device),
        fixture_test(service_that_joins_after_the_proof_waits_for_its_own_live),
        fixture_test(node_in_fence_without_services_is_told_now_and_then_live),
        fixture_test(node_that_is_forgotten_voids_the_device_live),
        fixture_test(result_without_device_is_told),
        fixture_test(recovery_without_node_fails_and_goes_on_trying),
        fixture_test(recovery_of_disabled_without_node_ends_in_stopped),
        fixture_test(recovery_removes_left_locks_only),
        fixture_test(recovery_follows_a_guest_that_had_been_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
