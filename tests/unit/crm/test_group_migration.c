// SPDX-License-Identifier: Apache-2.0
// What keeps groups from becoming rules, in words, and what the migration leaves in the resources.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static const char groups_good[] = "group: g1\n\tnodes node1:2,node2\n\n";

static struct cluster *cluster_with_groups(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 2);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_STARTED)->group = "g1";
    cluster_groups(cluster, groups_good);
    map_put(&cluster->documents.versions, "node1", arena_strdup(arena, "9.1.2"));
    map_put(&cluster->documents.versions, "node2", arena_strdup(arena, "9.1.2"));
    return cluster;
}

// All rounds of one try.
static void cluster_try(struct cluster *cluster)
{
    for (int i = 0; i < 3; i++) {
        cluster_round(cluster);
    }
}

// The same where rounds follow changes, and a try counts ticks.
static void cluster_try_live(struct cluster *cluster)
{
    for (int i = 0; i < 3; i++) {
        cluster_pass(cluster, i > 0 ? 10 : 0);
        cluster_round(cluster);
    }
}

struct version_row {
    const char *version;
    const char *reason; // NULL: it migrates
};

static const char unreadable[] = "its version cannot be read";

static const struct version_row version_rows[] = {
    {"9.0.0~16", NULL},
    {"9.0.1~1", NULL},
    {"9.1-1", NULL},
    {"8.99.99", "its version is too old"},
    {"9.0.0~15", "its version is too old"},
    {"", unreadable},
    {"9", unreadable},
    {"9-1-2", unreadable},
    {"9.x.1", unreadable},
    {"9.1", unreadable},
    {"9.1+2", unreadable},
    {"9.1.x", unreadable},
    {"9.0.0~x", unreadable},
    {"9.0.99999999999999999999", unreadable}, // does not fit
    {"9.0.0000000000000000000000000000000000000000000000000000000000000000000000001", unreadable},
};

static void version_is_compared_by_its_parts(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(version_rows); i++) {
        const struct version_row *row = &version_rows[i];
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
        map_put(&cluster->documents.versions, "node2", arena_strdup(*state, row->version));
        cluster_try(cluster);
        fixture_row(row->version, (cluster->documents.groups == NULL) == (row->reason == NULL));
        const char *told = cluster_events(cluster, "group-migration-failed");
        fixture_row(row->version,
                    row->reason == NULL ? strlen(told) == 0 : strstr(told, row->reason) != NULL);
    }
}

static void node_that_is_away_keeps_groups(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    cluster_set_online(cluster, "node2", false);
    cluster_try(cluster);
    assert_non_null(strstr(cluster_events(cluster, "group-migration-failed"), "it is not online"));
    assert_non_null(cluster->documents.groups);
}

static void node_without_lrm_keeps_groups(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    (void)map_remove(&cluster->documents.lrms, "node2");
    cluster_try(cluster);
    assert_non_null(
        strstr(cluster_events(cluster, "group-migration-failed"), "its LRM is not known"));
    assert_non_null(cluster->documents.groups);
}

struct busy_row {
    enum svc_state state;
    const char *node;
    const char *target;
    bool migrates;
};

static const struct busy_row busy_rows[] = {
    {SVC_STATE_STOPPED, "node2", NULL, true},     {SVC_STATE_ERROR, "node2", NULL, true},
    {SVC_STATE_STARTED, "node2", NULL, false},    {SVC_STATE_REQUEST_STOP, "node2", NULL, false},
    {SVC_STATE_STARTED, "node1", NULL, true},     {SVC_STATE_ERROR, "node9", NULL, true},
    {SVC_STATE_MIGRATE, "node1", "node2", false}, {SVC_STATE_RELOCATE, "node2", "node1", false},
};

static void idle_lrm_counts_only_where_nothing_is_active(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(busy_rows); i++) {
        const struct busy_row *row = &busy_rows[i];
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
        cluster_lrm(cluster, "node2", LRM_MODE_ACTIVE)->state = LRM_STATE_WAIT_FOR_AGENT_LOCK;
        bool stops = row->state == SVC_STATE_STOPPED || row->state == SVC_STATE_REQUEST_STOP;
        cluster_service(cluster, "ct:102", row->state, row->node,
                        stops ? REQUEST_STATE_STOPPED : REQUEST_STATE_STARTED)
            ->target = row->target;
        // Not known to the master: in nobody's way.
        (void)cluster_resource(cluster, "ct:103", "node2", REQUEST_STATE_IGNORED);
        cluster_try(cluster);
        fixture_row(arena_printf(*state, "%s on %s", svc_state_to_string(row->state), row->node),
                    (cluster->documents.groups == NULL) == row->migrates);
    }
}

static void live_cluster_needs_no_versions(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_BALANCED);
    map_init_arena(&cluster->documents.versions, *state);
    for (int i = 0; i < 5; i++) { // rounds within one tick do not count
        cluster_round(cluster);
        cluster->documents.generation++;
        assert_non_null(cluster->documents.groups);
    }
    for (int i = 0; i < 2; i++) {
        cluster_pass(cluster, 10);
        cluster_round(cluster);
    }
    assert_null(cluster->documents.groups);
}

static void refused_migration_is_tried_again_six_rounds_later(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    map_put(&cluster->documents.versions, "node2", arena_strdup(*state, "8.0.0"));
    cluster_try(cluster);
    assert_int_equal(cluster_events_count(cluster, "group-migration-failed"), 1);
    for (int i = 0; i < 5; i++) {
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "group-migration-failed"), 0);
    }
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "group-migration-failed"), 1);
}

static void empty_groups_are_left_alone(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    cluster_groups(cluster, "");
    cluster_try(cluster);
    assert_int_equal(cluster_events_count(cluster, "group-migration-done"), 0);
    assert_string_equal(cluster->documents.groups, "");
}

// The reference takes what it can read.
static void groups_with_mistakes_are_migrated_in_classic_replay(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    cluster_groups(cluster, "group: g1\n\tnodes node1\n\tcolour red\n\n");
    cluster_try(cluster);
    assert_int_equal(cluster_events_count(cluster, "group-migration-done"), 1);
    assert_null(cluster->documents.groups);
}

static void groups_that_cannot_be_read_are_kept(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_BALANCED);
    cluster_groups(cluster, "group: g1\n\tnodes node1\n\tcolour red\n\n");
    cluster_try_live(cluster);
    assert_non_null(strstr(cluster_events(cluster, "group-migration-failed"), "groups: line"));
    assert_non_null(cluster->documents.groups);
    assert_string_equal(cluster_slot(cluster, "ct:101")->resource->group, "g1");
}

static void rules_that_cannot_be_read_are_not_written_over(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_BALANCED);
    cluster_rules(cluster,
                  "node-affinity: r1\n\tnodes node1\n\tcolour red\n\tresources ct:101\n\n");
    cluster_try_live(cluster);
    assert_non_null(strstr(cluster_events(cluster, "group-migration-failed"), "rules: line"));
    assert_non_null(cluster->documents.groups);
    assert_non_null(strstr(cluster->documents.rules, "colour red"));
}

static void groups_are_left_alone_without_quorum(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster->input.members.quorate = false; // and the lease is still answered
    cluster_try(cluster);
    assert_non_null(cluster->documents.groups);
    cluster->input.members.quorate = true;
    cluster_try(cluster);
    cluster_try(cluster);
    assert_null(cluster->documents.groups);
}

static void resource_that_does_not_go_back_keeps_that(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    struct resource *resource = cluster_resource(cluster, "ct:101", "node1", REQUEST_STATE_STARTED);
    resource->failback = false;
    resource->group = "g1";
    cluster_resource(cluster, "ct:102", "node1", REQUEST_STATE_STOPPED)->group = "none";
    cluster_try(cluster);
    assert_null(cluster->documents.groups);
    assert_false(cluster_slot(cluster, "ct:101")->resource->failback);
}

// The group's word on failback becomes the resource's; where there is no such group, its own stays.
static void failback_is_taken_over_from_the_group(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_groups(*state, TIMING_PROFILE_CLASSIC);
    static const struct {
        const char *sid;
        const char *group;
        bool failback;
    } rows[] = {{"ct:111", "g1", true}, {"ct:112", "g2", false}, {"ct:113", "none", true}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)cluster_service(cluster, rows[i].sid, SVC_STATE_STARTED, "node1",
                              REQUEST_STATE_STARTED);
        cluster_resource(cluster, rows[i].sid, "node1", REQUEST_STATE_STARTED)->group =
            rows[i].group;
    }
    (void)cluster_service(cluster, "ct:114", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    // A record without resource has no group.
    (void)cluster_service(cluster, "ct:115", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    cluster_groups(cluster, "group: g1\n\tnodes node1\n\n"
                            "group: g2\n\tnodes node1\n\tnofailback 1\n\n");
    cluster_rules(cluster, "node-affinity: r1\n\tnodes node1\n\tresources ct:114\n\n");
    cluster_round(cluster);
    cluster_round(cluster);
    cluster_slot(cluster, "ct:115")->resource = NULL;
    cluster_round(cluster);
    assert_null(cluster->documents.groups);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct resource *resource = cluster_slot(cluster, rows[i].sid)->resource;
        fixture_row(rows[i].sid, resource->group == NULL);
        fixture_row(rows[i].sid, resource->failback == rows[i].failback);
    }
    assert_non_null(strstr(cluster->documents.rules, "node-affinity: r1"));
    assert_non_null(strstr(cluster->documents.rules, "node-affinity: ha-group-g2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(version_is_compared_by_its_parts),
        fixture_test(node_that_is_away_keeps_groups),
        fixture_test(node_without_lrm_keeps_groups),
        fixture_test(idle_lrm_counts_only_where_nothing_is_active),
        fixture_test(live_cluster_needs_no_versions),
        fixture_test(refused_migration_is_tried_again_six_rounds_later),
        fixture_test(empty_groups_are_left_alone),
        fixture_test(groups_with_mistakes_are_migrated_in_classic_replay),
        fixture_test(groups_that_cannot_be_read_are_kept),
        fixture_test(rules_that_cannot_be_read_are_not_written_over),
        fixture_test(groups_are_left_alone_without_quorum),
        fixture_test(resource_that_does_not_go_back_keeps_that),
        fixture_test(failback_is_taken_over_from_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
