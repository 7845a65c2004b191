// SPDX-License-Identifier: Apache-2.0
// Corners of the loads: figures that are missing, huge or zero, who counts for which node, and when
// balancing has nothing to do or is refused.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { GIB = 1024 * 1024 * 1024 };

static struct cluster *cluster_of(struct arena *arena, enum timing_profile profile, size_t nodes,
                                  enum scheduler_mode mode)
{
    struct cluster *cluster = cluster_new(arena, profile, nodes);
    cluster_settle_nodes(cluster);
    cluster->options.scheduler = mode;
    for (size_t i = 1; i <= nodes; i++) {
        cluster_stats_node(cluster, arena_printf(arena, "node%zu", i), 0, 0);
    }
    return cluster;
}

static struct cluster *cluster_of_three(struct arena *arena, enum scheduler_mode mode)
{
    return cluster_of(arena, TIMING_PROFILE_CLASSIC, 3, mode);
}

static struct service *add_running(struct cluster *cluster, const char *sid, const char *node,
                                   double cpu, double gib)
{
    struct service *record =
        cluster_service(cluster, sid, SVC_STATE_STARTED, node, REQUEST_STATE_STARTED);
    record->running = true;
    cluster_stats_guest(cluster, sid, node, cpu, gib * GIB);
    return record;
}

// ct:300 looks for a place, and takes node1 unless that has more load than node2.
static const char *cluster_place(struct cluster *cluster)
{
    (void)cluster_service(cluster, "ct:300", SVC_STATE_RECOVERY, "node3", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", false);
    cluster_round(cluster);
    return cluster_record(cluster, "ct:300")->node;
}

// ---- figures

static void guest_without_limit_may_use_all_cores(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    (void)add_running(cluster, "ct:101", "node1", 0, 1);
    (void)add_running(cluster, "ct:201", "node2", 8, 1);
    cluster_stats_guest(cluster, "ct:300", "node3", 0, 1);
    assert_string_equal(cluster_place(cluster), "node2");
}

static void guest_without_figures_may_use_all_cores(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    (void)add_running(cluster, "ct:201", "node2", 8, 1);
    assert_string_equal(cluster_place(cluster), "node2");
}

static void figures_that_cannot_be_compared_make_it_count(void **state)
{
    static const char *const rows[] = {"none at all", "no cores", "no memory"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_of_three(*state, SCHEDULER_MODE_STATIC);
        cluster->stats_missing = i == 0;
        struct node_stats *stats = map_find(&cluster->stats.nodes, "node2");
        stats->maxcpu = i == 1 ? 0 : stats->maxcpu;
        stats->maxmem = i == 2 ? 0 : stats->maxmem;
        (void)add_running(cluster, "ct:101", "node1", 1, 1);
        (void)add_running(cluster, "ct:102", "node1", 1, 1);
        (void)add_running(cluster, "ct:201", "node2", 8, 32);
        fixture_row(rows[i], strcmp(cluster_place(cluster), "node2") == 0);
        fixture_row(rows[i], cluster_events_count(cluster, "scheduler-fallback") == 1);
    }
}

static void huge_figures_are_the_highest_that_count(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_DYNAMIC);
    cluster_stats_node(cluster, "node1", 1e30, 1e30);
    assert_string_equal(cluster_place(cluster), "node2");
}

// ---- who counts

static void other_guests_count_where_they_run_only(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_STATIC);
    cluster_stats_guest(cluster, "ct:900", "node1", 8, 32.0 * GIB);
    struct guest_stats *stopped = map_find(&cluster->stats.guests, "ct:900");
    stopped->running = false;
    cluster_stats_guest(cluster, "ct:901", "node9", 8, 32.0 * GIB); // not a node of the cluster
    // A service that the master leaves alone counts like one that is not under HA.
    (void)cluster_resource(cluster, "ct:902", "node2", REQUEST_STATE_IGNORED);
    cluster_stats_guest(cluster, "ct:902", "node2", 1, 1.0 * GIB);
    assert_string_equal(cluster_place(cluster), "node1");
}

// What runs was measured already; what is about to start was not.
static void measured_load_is_completed_by_what_is_about_to_start(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_of_three(*state, SCHEDULER_MODE_DYNAMIC);
    cluster_service(cluster, "ct:101", SVC_STATE_REQUEST_START_BALANCE, "node2",
                    REQUEST_STATE_STARTED)
        ->target = "node1";
    cluster_stats_guest(cluster, "ct:101", "node2", 8, 32.0 * GIB);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_ERROR, "node2", REQUEST_STATE_STARTED);
    cluster_stats_guest(cluster, "ct:201", "node2", 15, 60.0 * GIB);
    assert_string_equal(cluster_place(cluster), "node2");
}

static void target_that_is_away_counts_for_nobody(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_of_three(*state, SCHEDULER_MODE_BASIC);
    cluster_service(cluster, "ct:101", SVC_STATE_MIGRATE, "node1", REQUEST_STATE_STARTED)->target =
        "node3";
    (void)cluster_service(cluster, "ct:201", SVC_STATE_ERROR, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:202", SVC_STATE_ERROR, "node2", REQUEST_STATE_STARTED);
    assert_string_equal(cluster_place(cluster), "node1");
}

// ---- balancing

// Three services on node1, none elsewhere; balancing is due in each round.
static struct cluster *cluster_uneven(struct arena *arena, enum timing_profile profile,
                                      enum scheduler_mode mode)
{
    struct cluster *cluster = cluster_of(arena, profile, 3, mode);
    cluster->options.auto_rebalance = true;
    cluster->options.auto_rebalance_hold_rounds = 0;
    (void)add_running(cluster, "ct:101", "node1", 4, 8);
    (void)add_running(cluster, "ct:102", "node1", 4, 8);
    (void)add_running(cluster, "vm:103", "node1", 8, 16);
    return cluster;
}

static struct cluster *cluster_uneven_static(struct arena *arena)
{
    return cluster_uneven(arena, TIMING_PROFILE_CLASSIC, SCHEDULER_MODE_STATIC);
}

static void dynamic_balancing_moves_by_what_is_measured(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_uneven(*state, TIMING_PROFILE_CLASSIC, SCHEDULER_MODE_DYNAMIC);
    cluster_stats_node(cluster, "node1", 14, 30.0 * GIB);
    struct guest_stats *busy = map_find(&cluster->stats.guests, "ct:102");
    *busy = (struct guest_stats){
        .node = "node1", .running = true, .cpu = 7, .maxcpu = 8, .mem = 15.0 * GIB, .maxmem = GIB};
    struct guest_stats *lazy = map_find(&cluster->stats.guests, "vm:103");
    lazy->cpu = 0.1;
    lazy->mem = 0.1 * GIB;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:102"), "started>relocate");
    assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 1);
}

static void cluster_without_load_or_second_node_is_even(void **state)
{
    struct cluster *lonely CLEANUP(cluster_freep) =
        cluster_of(*state, TIMING_PROFILE_CLASSIC, 1, SCHEDULER_MODE_STATIC);
    lonely->options.auto_rebalance = true;
    lonely->options.auto_rebalance_hold_rounds = 0;
    (void)add_running(lonely, "ct:101", "node1", 16, 60);
    cluster_round(lonely);
    assert_int_equal(cluster_events_count(lonely, "auto-rebalance"), 0);
    struct cluster *calm CLEANUP(cluster_freep) =
        cluster_uneven(*state, TIMING_PROFILE_CLASSIC, SCHEDULER_MODE_DYNAMIC);
    cluster_round(calm);
    assert_int_equal(cluster_events_count(calm, "auto-rebalance"), 0);
}

static void hold_is_counted_in_ticks_when_rounds_follow_changes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_uneven(*state, TIMING_PROFILE_BALANCED, SCHEDULER_MODE_STATIC);
    cluster->options.auto_rebalance_hold_rounds = 2;
    for (int i = 0; i < 5; i++) {
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 0);
        cluster->documents.generation++;
    }
    cluster_pass(cluster, 10);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 1);
}

static void nothing_is_balanced_where_all_are_bound(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven_static(*state);
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node1\n\tresources ct:101,ct:102,vm:103\n"
                           "\tstrict 1\n\n");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "auto-rebalance"), 0);
    assert_string_equal(cluster_moves(cluster, "vm:103"), "");
}

static void nothing_is_balanced_while_one_moves_or_is_told_to(void **state)
{
    static const char *const rows[] = {"one relocates", "migrate vm:103 node3",
                                       "relocate ct:101 node2"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven_static(*state);
        if (i == 0) {
            cluster_service(cluster, "ct:400", SVC_STATE_RELOCATE, "node2", REQUEST_STATE_STARTED)
                ->target = "node3";
        } else {
            cluster_command(cluster, "id1", rows[i]);
        }
        cluster_round(cluster);
        fixture_row(rows[i], cluster_events_count(cluster, "auto-rebalance") == 0);
    }
}

// As far as the loads go, the others would be even with the lost node's service on node2.
static void what_is_on_a_lost_node_is_not_balanced(void **state)
{
    static const enum timing_profile rows[] = {TIMING_PROFILE_CLASSIC, TIMING_PROFILE_BALANCED};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_uneven(*state, rows[i], SCHEDULER_MODE_STATIC);
        (void)add_running(cluster, "ct:100", "node3", 16, 32);
        cluster_set_online(cluster, "node3", false);
        cluster_round(cluster);
        const char *name = timing_profile_to_string(rows[i]);
        bool classic = rows[i] == TIMING_PROFILE_CLASSIC; // which then moves nothing
        fixture_row(name, cluster_events_count(cluster, "auto-rebalance") == (classic ? 0 : 1));
        fixture_row(name, strstr(cluster_events(cluster, "auto-rebalance"), "ct:100") == NULL);
    }
}

static void company_that_does_not_run_or_is_apart_is_not_weighed(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven_static(*state);
    (void)cluster_service(cluster, "ct:401", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    (void)cluster_resource(cluster, "ct:402", "node1", REQUEST_STATE_IGNORED);
    (void)cluster_service(cluster, "ct:403", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources vm:103,ct:401,ct:402\n\taffinity positive\n\n");
    cluster_round(cluster);
    assert_non_null(strstr(cluster_events(cluster, "auto-rebalance"), "sid=vm:103"));

    struct cluster *apart CLEANUP(cluster_freep) = cluster_uneven_static(*state);
    (void)add_running(apart, "vm:203", "node2", 1, 1);
    cluster_rules(apart,
                  "resource-affinity: r1\n\tresources vm:103,vm:203\n\taffinity positive\n\n");
    cluster_round(apart);
    assert_null(strstr(cluster_events(apart, "auto-rebalance"), "sid=vm:"));
}

// INV-8: the best place may be that of one that does not run there now and must be apart.
static void balancing_to_one_that_must_be_apart_is_refused(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_uneven_static(*state);
    (void)cluster_service(cluster, "ct:400", SVC_STATE_STOPPED, "node2", REQUEST_STATE_STOPPED);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources vm:103,ct:400\n\taffinity negative\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "move-refused"),
                        "move-refused: sid=vm:103 node=node2 reason=''vm:103' must not be with "
                        "'ct:400', which is on 'node2''\n");
    assert_string_equal(cluster_moves(cluster, "vm:103"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(guest_without_limit_may_use_all_cores),
        fixture_test(guest_without_figures_may_use_all_cores),
        fixture_test(figures_that_cannot_be_compared_make_it_count),
        fixture_test(huge_figures_are_the_highest_that_count),
        fixture_test(other_guests_count_where_they_run_only),
        fixture_test(measured_load_is_completed_by_what_is_about_to_start),
        fixture_test(target_that_is_away_counts_for_nobody),
        fixture_test(dynamic_balancing_moves_by_what_is_measured),
        fixture_test(cluster_without_load_or_second_node_is_even),
        fixture_test(hold_is_counted_in_ticks_when_rounds_follow_changes),
        fixture_test(nothing_is_balanced_where_all_are_bound),
        fixture_test(nothing_is_balanced_while_one_moves_or_is_told_to),
        fixture_test(what_is_on_a_lost_node_is_not_balanced),
        fixture_test(company_that_does_not_run_or_is_apart_is_not_weighed),
        fixture_test(balancing_to_one_that_must_be_apart_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
