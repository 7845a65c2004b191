// SPDX-License-Identifier: Apache-2.0
// The order of places is that of the placement itself, and each place has what is against it.
#include <string.h>

#include "common/base/arena.h"
#include "crm/core/explanation.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static struct explanation explain(struct cluster *cluster, const char *sid)
{
    struct explanation explanation = {0};
    cluster->input.documents = &cluster->documents;
    cluster->input.arena = cluster->arena;
    assert_true(explanation_make(&cluster->input, &cluster->timing, sid, &explanation));
    return explanation;
}

static const char *order(struct arena *arena, const struct explanation *explanation)
{
    const char *text = "";
    for (size_t rank = 1; rank <= explanation->count; rank++) {
        for (size_t i = 0; i < explanation->count; i++) {
            if (explanation->nodes[i].rank == rank) {
                text = arena_printf(arena, "%s%s ", text, explanation->nodes[i].name);
            }
        }
    }
    return text;
}

static struct cluster *four_nodes(void **state)
{
    struct cluster *cluster = cluster_new(*state, TIMING_PROFILE_FAST, 4);
    cluster_settle_nodes(cluster);
    cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_service(cluster, "ct:102", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_service(cluster, "ct:103", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_round(cluster); // the documents are filled in
    return cluster;
}

static void order_is_by_priority_then_load_then_name(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = four_nodes(state);
    struct explanation explanation = explain(cluster, "ct:100");
    assert_string_equal(order(*state, &explanation), "node4 node1 node3 node2 ");
    assert_string_equal(explanation.place, "node1"); // it may stay
    cluster_rules(cluster,
                  "node-affinity: r1\n\tnodes node2:5,node3:5,node1\n\tresources ct:100\n");
    explanation = explain(cluster, "ct:100");
    assert_string_equal(order(*state, &explanation), "node3 node2 node1 node4 ");
    assert_string_equal(explanation.place, "node3");
    assert_int_equal(explanation.nodes[1].priority, 5);
}

static void node_that_cannot_have_it_has_no_rank_and_a_reason(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = four_nodes(state);
    cluster_node(cluster, "node4", NODE_STATE_MAINTENANCE);
    cluster_storage(cluster, "disk");
    cluster_guest_storage(cluster, "ct:100", "disk");
    cluster_storage_state(cluster, "node3", "disk", STORAGE_CONDITION_MISSING);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\taffinity negative\n\tresources ct:100,ct:101\n");
    struct explanation explanation = explain(cluster, "ct:100");
    assert_string_equal(order(*state, &explanation), "node1 ");
    assert_string_equal(explanation.nodes[1].reason,
                        "ct:101 is there, and a rule keeps them apart");
    assert_string_equal(explanation.nodes[2].reason, "storage 'disk' is not there");
    assert_string_equal(explanation.nodes[2].lacks, "disk");
    assert_string_equal(explanation.nodes[3].reason, "its state is maintenance");
    assert_null(explanation.nodes[0].reason);
}

static void company_draws_it_to_one_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = four_nodes(state);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\taffinity positive\n\tresources ct:100,ct:101\n");
    struct explanation explanation = explain(cluster, "ct:100");
    assert_int_equal(explanation.nodes[1].rank, 1);
    assert_int_equal(explanation.nodes[1].together, 1);
    assert_string_equal(explanation.place, "node2");
}

static void unknown_service_has_no_explanation(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = four_nodes(state);
    struct explanation explanation;
    cluster->input.documents = &cluster->documents;
    assert_false(explanation_make(&cluster->input, &cluster->timing, "ct:9", &explanation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(order_is_by_priority_then_load_then_name),
        fixture_test(node_that_cannot_have_it_has_no_rank_and_a_reason),
        fixture_test(company_draws_it_to_one_node),
        fixture_test(unknown_service_has_no_explanation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
