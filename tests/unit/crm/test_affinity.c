// SPDX-License-Identifier: Apache-2.0
// When rules are compiled anew, and what groups say about going back.
#include <string.h>

#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static const char apart[] =
    "resource-affinity: r1\n\taffinity negative\n\tresources ct:101,ct:102,ct:103\n\n";

// Three that must be apart, and node3 has never been seen.
static struct cluster *cluster_of_two(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_set_online(cluster, "node3", false);
    (void)cluster_node(cluster, "node1", NODE_STATE_ONLINE);
    (void)cluster_node(cluster, "node2", NODE_STATE_ONLINE);
    (void)cluster_lrm(cluster, "node1", LRM_MODE_ACTIVE);
    (void)cluster_lrm(cluster, "node2", LRM_MODE_ACTIVE);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:102", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:103", SVC_STATE_ERROR, "node2", REQUEST_STATE_STARTED);
    cluster_rules(cluster, apart);
    return cluster;
}

static void rule_that_needs_more_nodes_comes_back_with_the_node(void **state)
{
    static const enum timing_profile profiles[] = {TIMING_PROFILE_CLASSIC, TIMING_PROFILE_BALANCED};
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_of_two(*state, profiles[i]);
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 1);
        cluster_set_online(cluster, "node3", true);
        cluster->documents.generation++;
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 0);
        // ct:102 and ct:103 are on one node now, and may not be.
        assert_string_equal(cluster_moves(cluster, "ct:102"), "started>relocate");
    }
}

// node3 gets known by being fenced only, which the reference does not notice.
static void node_known_by_fencing_is_not_noticed_in_classic_replay(void **state)
{
    static const struct {
        const char *name;
        enum timing_profile profile;
        const char *moves;
    } rows[] = {{"classic", TIMING_PROFILE_CLASSIC, ""},
                {"balanced", TIMING_PROFILE_BALANCED, "started>relocate"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_of_two(*state, rows[i].profile);
        (void)cluster_service(cluster, "ct:104", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
        cluster_agent_lease(cluster, "node3", LEASE_ACQUIRED);
        for (int k = 0; k < 12; k++) {
            cluster_round(cluster);
            cluster->documents.generation++;
            cluster_pass(cluster, 10);
        }
        fixture_row(rows[i].name, strcmp(cluster_record(cluster, "ct:104")->node, "node3") != 0);
        cluster_set_online(cluster, "node3", true);
        cluster_round(cluster);
        fixture_row(rows[i].name, strcmp(cluster_moves(cluster, "ct:102"), rows[i].moves) == 0);
    }
}

static void node_that_is_forgotten_is_known_no_more(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_two(*state, TIMING_PROFILE_BALANCED);
    (void)cluster_node(cluster, "node9", NODE_STATE_GONE); // no member
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 0);
    cluster_pass(cluster, 3600);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "node-forgotten"), 1);
    assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 1);
}

// A group that there is not has nothing against going back, whatever the resource says itself; in
// live profiles the resource's word counts when there are no groups at all.
static void missing_group_lets_services_go_back(void **state)
{
    static const struct {
        const char *name;
        enum timing_profile profile;
        const char *groups;
        const char *moves;
    } rows[] = {
        {"classic", TIMING_PROFILE_CLASSIC, NULL, "started>relocate"},
        {"no groups", TIMING_PROFILE_BALANCED, NULL, ""},
        {"other groups", TIMING_PROFILE_BALANCED, "group: g2\n\tnodes node1\n\n",
         "started>relocate"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, rows[i].profile, 3);
        cluster_settle_nodes(cluster);
        (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
        struct resource *resource =
            cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_STARTED);
        resource->failback = false;
        resource->group = "g1";
        cluster_rules(cluster, "node-affinity: r1\n\tnodes node2\n\tresources ct:101\n\n");
        if (rows[i].groups != NULL) {
            cluster_groups(cluster, rows[i].groups);
        }
        cluster_round(cluster);
        fixture_row(rows[i].name, strcmp(cluster_moves(cluster, "ct:101"), rows[i].moves) == 0);
    }
}

// Which resource is in which group stands in the resources, which the reference does not look at.
static void check_new_member(struct arena *arena, enum timing_profile profile, const char *moves)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:102", SVC_STATE_STOPPED, "node1", REQUEST_STATE_STOPPED);
    cluster_slot(cluster, "ct:102")->resource = NULL;
    cluster_groups(cluster, "group: g1\n\tnodes node2\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:101"), "");
    cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_STARTED)->group = "g1";
    cluster->documents.generation++;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:101"), moves);
}

static void group_gets_members_while_it_is_in_force(void **state)
{
    check_new_member(*state, TIMING_PROFILE_BALANCED, "started>relocate");
    check_new_member(*state, TIMING_PROFILE_CLASSIC, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(rule_that_needs_more_nodes_comes_back_with_the_node),
        fixture_test(node_known_by_fencing_is_not_noticed_in_classic_replay),
        fixture_test(node_that_is_forgotten_is_known_no_more),
        fixture_test(missing_group_lets_services_go_back),
        fixture_test(group_gets_members_while_it_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
