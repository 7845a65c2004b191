// SPDX-License-Identifier: Apache-2.0
// Which node is chosen: fewest services, then the name; rules before scores; staying where it is;
// failback. Seen through whole rounds, by where a recovered, a started, or a failed service goes.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

// `counts[i]` services run on node<i+1>; the service that is looked at is ct:500.
static struct cluster *cluster_with_counts(struct arena *arena, const size_t *counts, size_t nodes)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, nodes);
    cluster_settle_nodes(cluster);
    for (size_t i = 0; i < nodes; i++) {
        for (size_t k = 0; k < counts[i]; k++) {
            const char *sid = arena_printf(arena, "ct:%zu%02zu", 10 + i, k);
            const char *node = arena_printf(arena, "node%zu", i + 1);
            (void)cluster_service(cluster, sid, SVC_STATE_STARTED, node, REQUEST_STATE_STARTED);
        }
    }
    return cluster;
}

struct count_row {
    const char *name;
    size_t counts[4]; // node4 is the lost one
    const char *node;
};

static const struct count_row count_rows[] = {
    {"all empty: by name", {0, 0, 0, 0}, "node1"},
    {"fewest", {2, 1, 3, 0}, "node2"},
    {"fewest, tie by name", {2, 1, 1, 0}, "node2"},
    {"last is fewest", {2, 2, 1, 0}, "node3"},
};

static void recovery_goes_to_fewest_services_then_name(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(count_rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_counts(*state, count_rows[i].counts, 4);
        (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node4",
                              REQUEST_STATE_STARTED);
        cluster_set_online(cluster, "node4", false);
        cluster_round(cluster);
        const char *node = cluster_record(cluster, "ct:500")->node;
        if (strcmp(node, count_rows[i].node) != 0) {
            fail_msg("row '%s': %s", count_rows[i].name, node);
        }
    }
}

// What counts for a node, by state: a service on node2, none on node3, and one that may go to
// either.
static void states_count_as_listed(void **state)
{
    for (int s = 0; s < SVC_STATE_MAX; s++) {
        bool counts = s != SVC_STATE_STOPPED && s != SVC_STATE_REQUEST_START &&
                      s != SVC_STATE_REQUEST_START_BALANCE;
        bool moves = s == SVC_STATE_MIGRATE || s == SVC_STATE_RELOCATE ||
                     s == SVC_STATE_REQUEST_START_BALANCE;
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 4);
        cluster_settle_nodes(cluster);
        // ct:600 comes after ct:500, so that it is still in its first state when ct:500 is placed.
        struct service *record =
            cluster_service(cluster, "ct:600", (enum svc_state)s, "node2", REQUEST_STATE_STARTED);
        record->target = moves ? "node3" : NULL;
        (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node4",
                              REQUEST_STATE_STARTED);
        cluster_set_online(cluster, "node4", false);
        cluster_rules(cluster,
                      "node-affinity: r1\n\tnodes node2,node3\n\tresources ct:500\n\tstrict 1\n\n");
        cluster_round(cluster);
        // A service that moves counts for both, a tie; one that is balanced before its start for
        // the target only.
        const char *expected = counts && !moves ? "node3" : "node2";
        if (strcmp(cluster_record(cluster, "ct:500")->node, expected) != 0) {
            fail_msg("state '%s'", svc_state_to_string((enum svc_state)s));
        }
    }
}

static void recoveries_of_one_round_see_each_other(void **state)
{
    static const size_t none[] = {0, 0, 0, 0};
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_counts(*state, none, 4);
    for (int i = 0; i < 9; i++) {
        const char *sid = arena_printf(*state, "ct:%d", 500 + i);
        (void)cluster_service(cluster, sid, SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    }
    cluster_set_online(cluster, "node4", false);
    cluster_round(cluster);
    for (int i = 0; i < 9; i++) {
        const char *node = cluster_record(cluster, arena_printf(*state, "ct:%d", 500 + i))->node;
        assert_string_equal(node, arena_printf(*state, "node%d", 1 + i % 3));
    }
}

struct rule_row {
    const char *name;
    const char *rules;
    bool failback_off;
    const char *node;    // the service is started on node1; where it is sent, or NULL: it stays
    const char *partner; // ct:400 runs there
};

static const struct rule_row rule_rows[] = {
    {"no rule", "", false, NULL, "node2"},
    {"preferred node", "node-affinity: r1\n\tnodes node3\n\tresources ct:500\n\n", false, "node3",
     "node2"},
    {"preferred node, no failback", "node-affinity: r1\n\tnodes node3\n\tresources ct:500\n\n",
     true, NULL, "node2"},
    {"strict node, no failback",
     "node-affinity: r1\n\tnodes node3\n\tresources ct:500\n\tstrict 1\n\n", true, "node3",
     "node2"},
    {"higher priority", "node-affinity: r1\n\tnodes node1:1,node2:2\n\tresources ct:500\n\n", false,
     "node2", "node3"},
    {"priority of the present one",
     "node-affinity: r1\n\tnodes node1:3,node2:2\n\tresources ct:500\n\n", false, NULL, "node3"},
    {"two of the same priority", "node-affinity: r1\n\tnodes node2,node3\n\tresources ct:500\n\n",
     false, "node3", "node2"},
    {"strict, none online", "node-affinity: r1\n\tnodes node9\n\tresources ct:500\n\tstrict 1\n\n",
     false, NULL, "node2"},
    {"disabled rule", "node-affinity: r1\n\tdisable\n\tnodes node3\n\tresources ct:500\n\n", false,
     NULL, "node2"},
    {"together", "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity positive\n\n", false,
     "node2", "node2"},
    {"together already",
     "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity positive\n\n", false, NULL,
     "node1"},
    {"apart", "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity negative\n\n", false,
     "node2", "node1"},
    {"apart already", "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity negative\n\n",
     false, NULL, "node2"},
    {"together, no failback",
     "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity positive\n\n", true, NULL,
     "node2"},
    {"together already, no failback",
     "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity positive\n\n", true, NULL,
     "node1"},
    {"apart, no failback",
     "resource-affinity: r1\n\tresources ct:400,ct:500\n\taffinity negative\n\n", true, "node2",
     "node1"},
};

static void started_service_follows_rules(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rule_rows); i++) {
        const struct rule_row *row = &rule_rows[i];
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
        cluster_settle_nodes(cluster);
        (void)cluster_service(cluster, "ct:400", SVC_STATE_ERROR, row->partner,
                              REQUEST_STATE_STARTED);
        (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
        cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED)->failback =
            !row->failback_off;
        cluster_rules(cluster, row->rules);
        cluster_round(cluster);
        const char *target = cluster_record(cluster, "ct:500")->target;
        bool same =
            row->node == NULL ? target == NULL : target != NULL && strcmp(target, row->node) == 0;
        if (!same) {
            fail_msg("row '%s': target %s", row->name, target != NULL ? target : "none");
        }
    }
}

// The reference's own test of failover: one service that prefers node1, scores all equal.
static void failed_service_tries_nodes_in_turn(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_resource(cluster, "ct:500", "node2", REQUEST_STATE_STARTED)->max_relocate = 5;
    cluster_become_master(cluster);
    static const char *const targets[] = {"node1", "node3", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        cluster_result(cluster, "ct:500", LRM_CODE_ERROR);
        cluster_round(cluster);
        const char *target = cluster_record(cluster, "ct:500")->target;
        if (targets[i] == NULL) {
            assert_null(target);
            assert_int_equal(cluster_events_count(cluster, "tried-all-nodes"), 1);
            return;
        }
        assert_string_equal(target, targets[i]);
        cluster_result(cluster, "ct:500", LRM_CODE_SUCCESS);
        cluster_round(cluster);
    }
}

static void majority_of_company_decides_tie_by_name(void **state)
{
    static const struct {
        const char *places[3];
        const char *node;
    } rows[] = {{{"node3", "node3", "node2"}, "node3"},
                {{"node3", "node2", "node1"}, "node1"},
                {{"node3", "node2", "node9"}, "node2"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 4);
        cluster_settle_nodes(cluster);
        cluster_set_online(cluster, "node4", false);
        for (size_t k = 0; k < 3; k++) {
            // In error they stay where they are.
            (void)cluster_service(cluster, arena_printf(*state, "ct:%zu", 400 + k), SVC_STATE_ERROR,
                                  rows[i].places[k], REQUEST_STATE_STARTED);
        }
        (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node4",
                              REQUEST_STATE_STARTED);
        cluster_rules(
            cluster,
            "resource-affinity: r1\n\tresources ct:400,ct:401,ct:402,ct:500\n\taffinity positive\n\n");
        cluster_round(cluster);
        assert_string_equal(cluster_record(cluster, "ct:500")->node, rows[i].node);
    }
}

// INV-8: with as many services that must be apart as nodes, the loss of one leaves one without a
// place, never two together.
static void services_that_must_be_apart_never_share_a_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:401", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:402", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:403", SVC_STATE_RECOVERY, "node3", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", false);
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources ct:401,ct:402,ct:403\n\taffinity negative\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:403"), "");
    assert_int_equal(cluster_events_count(cluster, "recover-failed"), 1);
}

static void maintenance_node_comes_before_scores(void **state)
{
    static const size_t counts[] = {0, 0, 5, 0};
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_counts(*state, counts, 4);
    struct service *record =
        cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    record->maintenance_node = "node3";
    cluster_set_online(cluster, "node4", false);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node3");
}

static void dropped_rules_are_told_once_and_used_again_when_mended(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node2\n\tresources ct:500\n\n"
                           "node-affinity: r2\n\tnodes node3\n\tresources ct:500\n\n");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 2);
    assert_string_equal(cluster_moves(cluster, "ct:500"), "");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "rule-dropped"), 0);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node2\n\tresources ct:500\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->target, "node2");
}

// A rule that only prefers allows all known nodes besides, so that a node that joins is one of
// them.
static void node_that_joins_is_known_to_rules(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    (void)cluster_node(cluster, "node1", NODE_STATE_ONLINE);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node9", REQUEST_STATE_STARTED);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node8:1\n\tresources ct:500\n\n"
                           "node-affinity: r2\n\tnodes node1\n\tresources ct:501\n\tstrict 1\n\n");
    cluster_set_online(cluster, "node2", false);
    cluster_set_online(cluster, "node3", false);
    (void)cluster_service(cluster, "ct:400", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node1");
    (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node9", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", true);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node,
                        "node3"); // fewer services than node1
}

static void groups_act_as_rules(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:501", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED)->group = "g1";
    cluster_resource(cluster, "ct:501", "node1", REQUEST_STATE_STARTED)->group = "g2";
    cluster_groups(cluster,
                   "group: g1\n\tnodes node3\n\ngroup: g2\n\tnodes node3\n\tnofailback 1\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->target, "node3");
    assert_null(cluster_record(cluster, "ct:501")
                    ->target); // it may stay, since it does not return by itself
}

// ---- corners of rules

static struct cluster *cluster_with_one_to_place(struct arena *arena)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, 4);
    cluster_settle_nodes(cluster);
    cluster_set_online(cluster, "node4", false);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_RECOVERY, "node4", REQUEST_STATE_STARTED);
    return cluster;
}

// INV-8: one that moves takes both places, the one it leaves and the one it goes to.
static void place_that_another_one_goes_to_is_taken(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_one_to_place(*state);
    cluster_service(cluster, "ct:600", SVC_STATE_MIGRATE, "node2", REQUEST_STATE_STARTED)->target =
        "node1";
    (void)cluster_resource(cluster, "ct:601", "node3", REQUEST_STATE_IGNORED); // is in no one's way
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources ct:500,ct:600,ct:601\n\taffinity negative\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node3");
}

static void company_that_moves_is_followed_to_where_it_goes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_one_to_place(*state);
    cluster_service(cluster, "ct:600", SVC_STATE_MIGRATE, "node1", REQUEST_STATE_STARTED)->target =
        "node3";
    (void)cluster_resource(cluster, "ct:601", "node2", REQUEST_STATE_IGNORED); // leads nobody
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources ct:500,ct:600,ct:601\n\taffinity positive\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node3");
}

// INV-8: being apart comes before being together.
static void company_with_one_to_stay_apart_from_is_not_joined(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_one_to_place(*state);
    (void)cluster_service(cluster, "ct:600", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:601", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources ct:500,ct:600\n\taffinity positive\n\n"
                  "resource-affinity: r2\n\tresources ct:500,ct:601\n\taffinity negative\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node2");
}

static void node_that_was_tried_and_is_no_more_does_not_matter(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    static const char *tried[] = {"node9", "node1"};
    struct service *record =
        cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    record->failed_nodes = tried;
    record->failed_nodes_count = ARRAY_SIZE(tried);
    cluster_resource(cluster, "ct:500", "node2", REQUEST_STATE_STARTED)->max_relocate = 5;
    cluster_result(cluster, "ct:500", LRM_CODE_ERROR);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->target, "node3");
}

static void groups_that_change_act_at_once(void **state)
{
    static const enum timing_profile profiles[] = {TIMING_PROFILE_CLASSIC, TIMING_PROFILE_BALANCED};
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, profiles[i], 3);
        cluster_settle_nodes(cluster);
        (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
        cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED)->group = "g1";
        cluster_groups(cluster, "group: g1\n\tnodes node1\n\ngroup: g2\n\tnodes node2\n\n");
        cluster_round(cluster);
        assert_null(cluster_record(cluster, "ct:500")->target);
        cluster_groups(cluster, "group: g1\n\tnodes node3\n\ngroup: g2\n\tnodes node2\n\n");
        cluster_round(cluster);
        assert_string_equal(cluster_record(cluster, "ct:500")->target, "node3");
    }
}

static void resource_that_changes_its_group_follows_the_new_one(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:500", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED)->group = "g1";
    cluster_groups(cluster, "group: g1\n\tnodes node1\n\ngroup: g2\n\tnodes node2\n\n");
    cluster_round(cluster);
    assert_null(cluster_record(cluster, "ct:500")->target);
    cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED)->group = "g2";
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->target, "node2");
}

// A rule may name services that are not there (any more, or yet).
static void absent_company_does_not_matter(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_one_to_place(*state);
    (void)cluster_service(cluster, "ct:600", SVC_STATE_ERROR, "node3", REQUEST_STATE_STARTED);
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources ct:400,ct:500,ct:550,ct:600\n\taffinity positive\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:500")->node, "node3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(recovery_goes_to_fewest_services_then_name),
        fixture_test(states_count_as_listed),
        fixture_test(recoveries_of_one_round_see_each_other),
        fixture_test(started_service_follows_rules),
        fixture_test(failed_service_tries_nodes_in_turn),
        fixture_test(majority_of_company_decides_tie_by_name),
        fixture_test(services_that_must_be_apart_never_share_a_node),
        fixture_test(maintenance_node_comes_before_scores),
        fixture_test(dropped_rules_are_told_once_and_used_again_when_mended),
        fixture_test(node_that_joins_is_known_to_rules),
        fixture_test(groups_act_as_rules),
        fixture_test(place_that_another_one_goes_to_is_taken),
        fixture_test(company_that_moves_is_followed_to_where_it_goes),
        fixture_test(company_with_one_to_stay_apart_from_is_not_joined),
        fixture_test(node_that_was_tried_and_is_no_more_does_not_matter),
        fixture_test(groups_that_change_act_at_once),
        fixture_test(resource_that_changes_its_group_follows_the_new_one),
        fixture_test(absent_company_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
