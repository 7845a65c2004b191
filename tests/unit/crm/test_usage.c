// SPDX-License-Identifier: Apache-2.0
// Static and dynamic scheduling: scores that follow sizes and loads, the fall back to counting,
// starts on the best node, and balancing with its threshold, hold and margin.
#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "crm/core/topsis.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { GIB = 1024 * 1024 * 1024 };

static struct cluster *cluster_of_three(struct arena *arena, enum scheduler_mode mode)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    cluster->options.scheduler = mode;
    for (int i = 1; i <= 3; i++) {
        cluster_stats_node(cluster, arena_printf(arena, "node%d", i), 0, 0);
    }
    return cluster;
}

static void add_running(struct cluster *cluster, const char *sid, const char *node, double cpu,
                        double gib)
{
    struct service *record =
        cluster_service(cluster, sid, SVC_STATE_STARTED, node, REQUEST_STATE_STARTED);
    record->running = true;
    cluster_stats_guest(cluster, sid, node, cpu, gib * GIB);
}

// ---- TOPSIS

static void topsis_prefers_the_row_that_is_best_in_all(void **state)
{
    (void)state;
    struct topsis_row rows[] = {
        {{1.2, 1.5, 1.2, 1.5}}, {{1.1, 1.2, 1.1, 1.2}}, {{1.3, 1.6, 1.3, 1.6}}};
    double closeness[3] = {-1, -1, -1};
    topsis_rank(rows, 3, closeness);
    assert_true(closeness[1] > closeness[0]);
    assert_true(closeness[0] > closeness[2]);
    assert_true(fabs(closeness[1] - 1.0) < 1e-12);
    assert_true(fabs(closeness[2]) < 1e-12);
}

static void topsis_of_equal_rows_is_zero(void **state)
{
    (void)state;
    struct topsis_row rows[] = {{{1, 2, 3, 4}}, {{1, 2, 3, 4}}};
    double closeness[2] = {-1, -1};
    topsis_rank(rows, 2, closeness);
    assert_true(closeness[0] == 0.0);
    assert_true(closeness[1] == 0.0);
}

static void topsis_of_nothing_or_of_zeros_is_no_division(void **state)
{
    (void)state;
    struct topsis_row rows[2] = {{{0.0}}, {{0.0}}};
    double closeness[2] = {-1.0, -1.0};
    topsis_rank(rows, 0, closeness);
    assert_true(closeness[0] < 0.0); // untouched
    topsis_rank(rows, 2, closeness);
    assert_true(closeness[0] == 0.0);
    assert_true(closeness[1] == 0.0);
}

static void topsis_weighs_highest_memory_most(void **state)
{
    (void)state;
    // The first is worst in memory, the second in CPU, by the same factor.
    struct topsis_row rows[] = {{{1.1, 1.1, 1.2, 1.2}}, {{1.2, 1.2, 1.1, 1.1}}};
    double closeness[2];
    topsis_rank(rows, 2, closeness);
    assert_true(closeness[1] > closeness[0]);
}

static void topsis_criteria_are_average_and_highest(void **state)
{
    (void)state;
    static const double cpu[] = {0.5, 0.5};
    static const double mem[] = {0.0, 1.0};
    struct topsis_row row = topsis_row_of(cpu, mem, 2);
    assert_true(fabs(row.values[0] - 1.5) < 1e-12);
    assert_true(fabs(row.values[1] - 1.5) < 1e-12);
    assert_true(fabs(row.values[2] - (1.0 + sqrt(0.5))) < 1e-12);
    assert_true(fabs(row.values[3] - 2.0) < 1e-12);
}

// ---- placement

static void recover_third(struct cluster *cluster, const char *sid, double cpu, double gib)
{
    (void)cluster_service(cluster, sid, SVC_STATE_RECOVERY, "node3", REQUEST_STATE_STARTED);
    cluster_stats_guest(cluster, sid, "node3", cpu, gib * GIB);
    cluster_set_online(cluster, "node3", false);
}

static void static_placement_follows_sizes_not_numbers(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    add_running(cluster, "ct:101", "node1", 8, 32);
    add_running(cluster, "ct:201", "node2", 1, 1);
    add_running(cluster, "ct:202", "node2", 1, 1);
    recover_third(cluster, "ct:300", 2, 4);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
    assert_int_equal(cluster_events_count(cluster, "scheduler-mode"), 1);
}

static void static_recoveries_of_one_round_see_each_other(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    (void)cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_IGNORED);
    recover_third(cluster, "ct:300", 2, 16);
    recover_third(cluster, "ct:301", 2, 8);
    recover_third(cluster, "ct:302", 2, 8);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node1");
    assert_string_equal(cluster_record(cluster, "ct:301")->node, "node2");
    assert_string_equal(cluster_record(cluster, "ct:302")->node, "node2");
}

static void static_placement_counts_running_guests_that_are_not_under_ha(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    cluster_stats_guest(cluster, "ct:900", "node1", 8, 32.0 * GIB);
    recover_third(cluster, "ct:300", 2, 4);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
}

static void dynamic_placement_follows_measured_load(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_DYNAMIC);
    cluster_stats_node(cluster, "node1", 12, 48.0 * GIB);
    add_running(cluster, "ct:201", "node2", 1, 1);
    add_running(cluster, "ct:202", "node2", 1, 1);
    recover_third(cluster, "ct:300", 2, 4);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
}

static void node_without_figures_makes_it_count_again(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    (void)map_remove(&cluster->stats.nodes, "node2");
    add_running(cluster, "ct:101", "node1", 1, 1);
    add_running(cluster, "ct:102", "node1", 1, 1);
    add_running(cluster, "ct:201", "node2", 8, 32);
    recover_third(cluster, "ct:300", 2, 4);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "scheduler-fallback"), 1);
    assert_string_equal(cluster_record(cluster, "ct:300")->node, "node2");
}

static void start_goes_to_the_best_node_when_asked_for(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_of_three(*state, SCHEDULER_MODE_BASIC);
    cluster->options.rebalance_on_start = true;
    add_running(cluster, "ct:101", "node1", 1, 1);
    (void)cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED);
    (void)cluster_resource(cluster, "ct:501", "node3", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "rebalance-on-start"),
                        "rebalance-on-start: sid=ct:500 node=node2\n"
                        "rebalance-on-start: sid=ct:501 node=node3\n");
    assert_string_equal(cluster_moves(cluster, "ct:500"), "request_start>request_start_balance");
    assert_string_equal(cluster_record(cluster, "ct:500")->target, "node2");
    assert_string_equal(cluster_moves(cluster, "ct:501"), "request_start>started");
}

// ---- balancing

// Three services on node1, none elsewhere.
static struct cluster *cluster_uneven(struct arena *arena)
{
    struct cluster *cluster = cluster_of_three(arena, SCHEDULER_MODE_STATIC);
    cluster->options.auto_rebalance = true;
    cluster->options.auto_rebalance_hold_rounds = 3;
    add_running(cluster, "ct:101", "node1", 4, 8);
    add_running(cluster, "ct:102", "node1", 4, 8);
    add_running(cluster, "vm:103", "node1", 8, 16);
    cluster_become_master(cluster); // the first of the uneven rounds
    return cluster;
}

static void uneven_load_is_balanced_after_the_hold(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven(*state);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 0);
    cluster_round(cluster);
    assert_string_equal(
        cluster_events(cluster, "auto-rebalance"),
        "auto-rebalance: sid=vm:103 node=node2 how=migrate imbalance=1.41 expected=0.71\n");
    assert_string_equal(cluster_moves(cluster, "vm:103"), "started>migrate");
    // Nothing more while something moves.
    for (int i = 0; i < 5; i++) {
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 0);
    }
    cluster_result(cluster, "vm:103", LRM_CODE_SUCCESS);
    cluster_stats_guest(cluster, "vm:103", "node2", 8, 16.0 * GIB);
    cluster_round(cluster);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 0);
        cluster_round(cluster);
    }
    cluster_round(cluster);
    assert_string_equal(
        cluster_events(cluster, "auto-rebalance"),
        "auto-rebalance: sid=ct:101 node=node3 how=relocate imbalance=0.71 expected=0.35\n");
}

struct balance_row {
    const char *name;
    double threshold;
    double margin;
    enum rebalance_method method;
    bool method_unknown;
    enum scheduler_mode mode;
    bool moves;
};

static const struct balance_row balance_rows[] = {
    {"defaults", 0.3, 0.1, REBALANCE_METHOD_BRUTEFORCE, false, SCHEDULER_MODE_STATIC, true},
    {"by topsis", 0.3, 0.1, REBALANCE_METHOD_TOPSIS, false, SCHEDULER_MODE_STATIC, true},
    {"threshold too high", 1.5, 0.1, REBALANCE_METHOD_BRUTEFORCE, false, SCHEDULER_MODE_STATIC,
     false},
    {"margin too high", 0.3, 0.6, REBALANCE_METHOD_BRUTEFORCE, false, SCHEDULER_MODE_STATIC, false},
    {"unknown method", 0.3, 0.1, REBALANCE_METHOD_BRUTEFORCE, true, SCHEDULER_MODE_STATIC, false},
    {"basic has no load", 0.3, 0.1, REBALANCE_METHOD_BRUTEFORCE, false, SCHEDULER_MODE_BASIC,
     false},
};

static void balancing_obeys_its_options(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(balance_rows); i++) {
        const struct balance_row *row = &balance_rows[i];
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven(*state);
        cluster->options.auto_rebalance_threshold = row->threshold;
        cluster->options.auto_rebalance_margin = row->margin;
        cluster->options.auto_rebalance_method = row->method;
        cluster->options.auto_rebalance_method_unknown = row->method_unknown;
        cluster->options.scheduler = row->mode;
        bool moved = false;
        for (int k = 0; k < 6; k++) {
            cluster_round(cluster);
            moved = moved || cluster_events_count(cluster, "auto-rebalance") > 0;
        }
        fixture_row(row->name, moved == row->moves);
    }
}

static void topsis_chooses_the_move_that_is_best_in_all(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven(*state);
    cluster->options.auto_rebalance_method = REBALANCE_METHOD_TOPSIS;
    cluster->options.auto_rebalance_hold_rounds = 0;
    cluster_round(cluster);
    // Half of the load goes; less would leave node1 higher.
    assert_string_equal(
        cluster_events(cluster, "auto-rebalance"),
        "auto-rebalance: sid=vm:103 node=node2 how=migrate imbalance=1.41 expected=0.71\n");
}

static void company_is_balanced_together_and_rules_are_kept(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven(*state);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources ct:101,ct:102\n\taffinity positive\n\n"
                  "node-affinity: r2\n\tnodes node1\n\tresources vm:103\n\tstrict 1\n\n");
    cluster->options.auto_rebalance_hold_rounds = 0;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:101"), "started>relocate");
    assert_string_equal(cluster_moves(cluster, "ct:102"), "started>relocate");
    assert_string_equal(cluster_record(cluster, "ct:101")->target, "node2");
    assert_string_equal(cluster_record(cluster, "ct:102")->target, "node2");
    assert_string_equal(cluster_moves(cluster, "vm:103"), "");
}

// Too many candidates to weigh them all: then only the busiest node's services are looked at.
static void large_cluster_balances_its_busiest_node(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_CLASSIC, 100);
    cluster_settle_nodes(cluster);
    cluster->options.scheduler = SCHEDULER_MODE_STATIC;
    cluster->options.auto_rebalance = true;
    cluster->options.auto_rebalance_hold_rounds = 0;
    cluster->options.auto_rebalance_margin = 0.0;
    for (int i = 1; i <= 100; i++) {
        cluster_stats_node(cluster, arena_printf(*state, "node%d", i), 0, 0);
    }
    for (int i = 0; i < 6000; i++) { // 6000 × 100 × 100 is more than the bound
        const char *sid = arena_printf(*state, "ct:%d", 10000 + i);
        add_running(cluster, sid,
                    i % 2 == 0 ? "node50" : arena_printf(*state, "node%d", 1 + i % 100), 0.01,
                    0.01);
    }
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 1);
    const char *moved = cluster_moves(cluster, "ct:10000"); // the first by name on node50
    assert_string_equal(moved, "started>relocate");
}

// ---- groups become rules

static struct cluster *cluster_with_groups(struct arena *arena)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, 2);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_STARTED)->group = "g1";
    cluster_groups(cluster, "group: g1\n\tnodes node1:2,node2\n\tnofailback 1\n\trestricted 1\n\n");
    map_put(&cluster->documents.versions, "node1", (void *)(uintptr_t) "9.1.2");
    map_put(&cluster->documents.versions, "node2", (void *)(uintptr_t) "9.0.0~16");
    return cluster;
}

static void groups_become_rules_in_the_third_round(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_groups(*state);
    cluster_round(cluster);
    cluster_round(cluster);
    assert_non_null(cluster->documents.groups);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "group-migration-done"), 1);
    assert_null(cluster->documents.groups);
    assert_non_null(strstr(cluster->documents.rules, "node-affinity: ha-group-g1"));
    assert_non_null(strstr(cluster->documents.rules, "node1:2,node2"));
    assert_null(cluster_slot(cluster, "ct:101")->resource->group);
    assert_false(cluster_slot(cluster, "ct:101")->resource->failback);
}

struct obstacle_row {
    const char *name;
    const char *version; // of node2; NULL: not known
    enum lrm_mode mode;
    enum lrm_state lrm;
    bool migrates;
};

static const struct obstacle_row obstacle_rows[] = {
    {"new enough", "9.0.0~16", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, true},
    {"newer", "10.0.1", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, true},
    {"released", "9.0.0", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, true},
    {"with a dash", "9.1-2", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, true},
    {"too old by revision", "9.0.0~15", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, false},
    {"too old", "8.4.1", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, false},
    {"no version", NULL, LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, false},
    {"not a version", "newest", LRM_MODE_ACTIVE, LRM_STATE_ACTIVE, false},
    {"in maintenance mode", "9.1.2", LRM_MODE_RESTART, LRM_STATE_ACTIVE, false},
    {"idle", "9.1.2", LRM_MODE_ACTIVE, LRM_STATE_WAIT_FOR_AGENT_LOCK, true},
    {"lost its lease", "9.1.2", LRM_MODE_ACTIVE, LRM_STATE_LOST_AGENT_LOCK, false},
};

static void group_migration_waits_for_every_node(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(obstacle_rows); i++) {
        const struct obstacle_row *row = &obstacle_rows[i];
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_groups(*state);
        (void)map_remove(&cluster->documents.versions, "node2");
        if (row->version != NULL) {
            map_put(&cluster->documents.versions, "node2", arena_strdup(*state, row->version));
        }
        cluster_lrm(cluster, "node2", row->mode)->state = row->lrm;
        for (int k = 0; k < 3; k++) {
            cluster_round(cluster);
        }
        fixture_row(row->name, (cluster->documents.groups == NULL) == row->migrates);
        fixture_row(row->name, (cluster_events_count(cluster, "group-migration-failed") == 0) ==
                                   row->migrates);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(topsis_prefers_the_row_that_is_best_in_all),
        fixture_test(topsis_of_equal_rows_is_zero),
        fixture_test(topsis_of_nothing_or_of_zeros_is_no_division),
        fixture_test(topsis_weighs_highest_memory_most),
        fixture_test(topsis_criteria_are_average_and_highest),
        fixture_test(static_placement_follows_sizes_not_numbers),
        fixture_test(static_recoveries_of_one_round_see_each_other),
        fixture_test(static_placement_counts_running_guests_that_are_not_under_ha),
        fixture_test(dynamic_placement_follows_measured_load),
        fixture_test(node_without_figures_makes_it_count_again),
        fixture_test(start_goes_to_the_best_node_when_asked_for),
        fixture_test(uneven_load_is_balanced_after_the_hold),
        fixture_test(balancing_obeys_its_options),
        fixture_test(topsis_chooses_the_move_that_is_best_in_all),
        fixture_test(company_is_balanced_together_and_rules_are_kept),
        fixture_test(large_cluster_balances_its_busiest_node),
        fixture_test(groups_become_rules_in_the_third_round),
        fixture_test(group_migration_waits_for_every_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
