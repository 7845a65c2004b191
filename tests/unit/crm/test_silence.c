// SPDX-License-Identifier: Apache-2.0
// Nodes that are there and whose LRM says nothing: when they count as gone, what the end of their
// lease proves then and what not, and who else may have been deaf.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { STEP_S = 10, SILENCE_S = 60 }; // between what LRMs say; twice the age of a stale status

// Time passes in steps, in which all LRMs but one say that they are there.
static void pass(struct cluster *cluster, int64_t seconds, const char *silent)
{
    for (int64_t passed_s = 0; passed_s < seconds; passed_s += STEP_S) {
        cluster_pass(cluster, STEP_S);
        map_each (e, &cluster->documents.lrms) {
            struct lrm_status *lrm = e->value;
            if (silent == NULL || strcmp(e->key, silent) != 0) {
                lrm->timestamp_s += STEP_S;
            }
        }
        cluster_round(cluster);
    }
}

// A service on the node, which has been heard until now.
static struct cluster *cluster_on(struct arena *arena, const char *node)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, node, REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    pass(cluster, SILENCE_S, NULL);
    return cluster;
}

static const char *node_of(const struct cluster *cluster)
{
    return cluster_record(cluster, "ct:100")->node;
}

static enum svc_state state_of(const struct cluster *cluster)
{
    return cluster_record(cluster, "ct:100")->state;
}

static void service_of_a_silent_lrm_is_recovered_by_the_end_of_its_lease(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    pass(cluster, SILENCE_S - STEP_S, "node3");
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
    pass(cluster, STEP_S, "node3");
    assert_int_equal(cluster_events_count(cluster, "lrm-silent"), 1);
    assert_int_equal(state_of(cluster), SVC_STATE_FENCE);
    pass(cluster, SILENCE_S, "node3"); // INV-2: while it renews its lease, nothing is proven
    assert_int_equal(state_of(cluster), SVC_STATE_FENCE);
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    pass(cluster, 2 * STEP_S, "node3");
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
    assert_string_not_equal(node_of(cluster), "node3");
    pass(cluster, SILENCE_S, "node3");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_UNKNOWN); // gets nothing
    pass(cluster, STEP_S, NULL);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_ONLINE);
}

static void node_of_a_silent_lrm_is_not_switched_off(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    (void)cluster_device(cluster, "pdu", "node3", 1);
    for (int i = 0; i < 2 * SILENCE_S / STEP_S; i++) {
        pass(cluster, STEP_S, "node3");
        assert_string_equal(cluster_orders(cluster), "");
    }
    assert_int_equal(state_of(cluster), SVC_STATE_FENCE);
}

static void lease_of_an_lrm_that_did_not_have_it_proves_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_lrm(cluster, "node3", LRM_MODE_ACTIVE)->state = LRM_STATE_WAIT_FOR_AGENT_LOCK;
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    pass(cluster, 2 * SILENCE_S, "node3");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_UNKNOWN);
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
    assert_string_equal(node_of(cluster), "node3");
}

// It was put under HA, or thawed, when the LRM was silent already.
static void service_that_may_run_unguarded_is_waited_for(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    struct service *record =
        cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    record->unguarded = true;
    pass(cluster, 2 * SILENCE_S, "node3");
    assert_string_not_equal(node_of(cluster), "node3");
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node3");
}

// The LRM that said so may have ended, with its lease and all that it knew, before this service was
// put under HA.
static void service_that_is_newer_than_what_its_lrm_said_is_waited_for(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node2");
    struct service *record =
        cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    record->unguarded = true;
    cluster_slot(cluster, "ct:200")->record_version = 8;
    cluster_lrm(cluster, "node3", LRM_MODE_ACTIVE)->version = 7;
    cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
    cluster_set_online(cluster, "node3", false);
    pass(cluster, SILENCE_S, NULL);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node3");
    cluster_lrm(cluster, "node3", LRM_MODE_ACTIVE)->version = 9;
    pass(cluster, SILENCE_S, NULL);
    assert_string_not_equal(cluster_record(cluster, "ct:200")->node, "node3");
}

static void service_is_not_put_under_ha_on_the_node_of_a_silent_lrm(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node2");
    pass(cluster, SILENCE_S, "node3");
    (void)cluster_resource(cluster, "ct:300", "node3", REQUEST_STATE_STARTED);
    pass(cluster, STEP_S, "node3");
    assert_null(cluster_record(cluster, "ct:300"));
    pass(cluster, STEP_S, NULL);
    assert_non_null(cluster_record(cluster, "ct:300"));
}

// INV-10.
static void what_could_not_be_heard_was_not_left_unsaid(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node3");
    struct {
        const char *name;
        bool *works;
    } rows[] = {{"quorum", &cluster->input.members.quorate},
                {"view", &cluster->input.view_ok},
                {"documents", &cluster->documents.readable}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        *rows[i].works = false;
        pass(cluster, 2 * SILENCE_S, "node3");
        *rows[i].works = true;
        cluster_round(cluster);
        pass(cluster, SILENCE_S - STEP_S, "node3");
        fixture_row(rows[i].name, state_of(cluster) == SVC_STATE_STARTED);
        pass(cluster, SILENCE_S, NULL);
    }
    cluster_pass(cluster, 2 * SILENCE_S); // this daemon stood still
    pass(cluster, SILENCE_S - STEP_S, "node3");
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
    pass(cluster, 2 * STEP_S, "node3");
    assert_int_equal(state_of(cluster), SVC_STATE_FENCE);
}

static void node_that_has_just_come_has_time_to_speak(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node2");
    cluster_set_online(cluster, "node3", false);
    pass(cluster, 2 * SILENCE_S, "node3");
    cluster_set_online(cluster, "node3", true);
    pass(cluster, SILENCE_S, "node3");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_ONLINE);
    pass(cluster, STEP_S, "node3");
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_UNKNOWN);
}

// Nobody would prove the end of the master's own node.
static void master_beside_a_silent_lrm_leaves_it_to_another(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    pass(cluster, SILENCE_S, "node1");
    assert_int_equal(cluster_events_count(cluster, "master-yields"), 1);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE_MANAGER));
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    pass(cluster, STEP_S, "node1");
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
    pass(cluster, STEP_S, "node1"); // nobody took it
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
}

static void master_stays_when_no_lrm_speaks(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_on(*state, "node1");
    for (int i = 0; i < 2 * SILENCE_S / STEP_S; i++) {
        cluster_pass(cluster, STEP_S);
        cluster_round(cluster);
    }
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_int_equal(cluster_node_state(cluster, "node1"), NODE_STATE_ONLINE);
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
}

static void silence_means_nothing_in_classic_replay(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    pass(cluster, SILENCE_S, NULL);
    pass(cluster, 10 * SILENCE_S, "node3");
    assert_int_equal(state_of(cluster), SVC_STATE_STARTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(service_of_a_silent_lrm_is_recovered_by_the_end_of_its_lease),
        fixture_test(node_of_a_silent_lrm_is_not_switched_off),
        fixture_test(lease_of_an_lrm_that_did_not_have_it_proves_nothing),
        fixture_test(service_that_may_run_unguarded_is_waited_for),
        fixture_test(service_that_is_newer_than_what_its_lrm_said_is_waited_for),
        fixture_test(service_is_not_put_under_ha_on_the_node_of_a_silent_lrm),
        fixture_test(what_could_not_be_heard_was_not_left_unsaid),
        fixture_test(node_that_has_just_come_has_time_to_speak),
        fixture_test(master_beside_a_silent_lrm_leaves_it_to_another),
        fixture_test(master_stays_when_no_lrm_speaks),
        fixture_test(silence_means_nothing_in_classic_replay),
    };
    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
