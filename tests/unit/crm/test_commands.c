// SPDX-License-Identifier: Apache-2.0
// Operators' commands: what each does, what is refused and with which words, and that each is
// answered and consumed once.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

// ct:200 runs on node2, ct:300 on node3; node4 is offline.
static struct cluster *cluster_with_two(struct arena *arena)
{
    struct cluster *cluster = cluster_new(arena, TIMING_PROFILE_CLASSIC, 4);
    cluster_settle_nodes(cluster);
    cluster_set_online(cluster, "node4", false);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:300", SVC_STATE_STARTED, "node3", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    return cluster;
}

struct row {
    const char *text;
    const char *answer; // "": accepted
    const char *moves;  // of ct:200
};

static const struct row rows[] = {
    {"migrate ct:200 node1", "", "started>migrate"},
    {"relocate ct:200 node3", "", "started>relocate"},
    {"migrate ct:200 node2", "", ""},
    {"migrate ct:999 node1", "no service 'ct:999'", ""},
    {"migrate ct:200 node4", "node 'node4' is not online", ""},
    {"migrate ct:200 node9", "node 'node9' is not online", ""},
    {"stop ct:200 0", "", "started>request_stop"},
    {"stop ct:200 60", "", "started>request_stop"},
    {"stop ct:999 60", "no service 'ct:999'", ""},
    {"enable-node-maintenance node3", "", ""},
    {"enable-node-maintenance node4", "node 'node4' is not online", ""},
    {"enable-node-maintenance node9", "node 'node9' is not online", ""},
    {"disable-node-maintenance node3", "", ""},
    {"disable-node-maintenance node9", "no node 'node9'", ""},
    {"disarm-ha freeze", "", ""},
    {"disarm-ha ignore", "", ""},
    {"arm-ha", "not disarmed", ""},
};

static void each_command_is_answered_and_consumed(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
        cluster_command(cluster, "id1", rows[i].text);
        cluster_round(cluster);
        const char *answer = cluster_answer(cluster, "id1");
        fixture_row(rows[i].text, answer != NULL);
        if (strcmp(answer, rows[i].answer) != 0) {
            fail_msg("'%s' answered '%s', expected '%s'", rows[i].text, answer, rows[i].answer);
        }
        fixture_row(rows[i].text, strcmp(cluster_moves(cluster, "ct:200"), rows[i].moves) == 0);
        const char *name = strlen(rows[i].answer) > 0 ? "command-refused" : "command";
        fixture_row(rows[i].text, cluster_events_count(cluster, name) == 1);
        fixture_row(rows[i].text, cluster->documents.commands_count == 0);
    }
}

static void unreadable_command_is_refused_with_the_reason(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "dance ct:200");
    cluster_round(cluster);
    assert_true(strlen(cluster_answer(cluster, "id1")) > 0);
    assert_int_equal(cluster->documents.commands_count, 0);
}

static void later_command_for_the_same_service_wins_and_both_are_answered(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "migrate ct:200 node1");
    cluster_command(cluster, "id2", "migrate ct:200 node3");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->target, "node3");
    assert_string_equal(cluster_answer(cluster, "id1"), "");
    assert_string_equal(cluster_answer(cluster, "id2"), "");
    assert_int_equal(cluster_events_count(cluster, "command-replaced"), 1); // not silently
}

static void move_takes_company_along(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources ct:200,ct:201\n\taffinity positive\n\n");
    cluster_command(cluster, "id1", "relocate ct:201 node1");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->target, "node1");
    assert_string_equal(cluster_record(cluster, "ct:201")->target, "node1");
    assert_string_equal(cluster_events(cluster, "command-comigrate"),
                        "command-comigrate: sid=ct:200 node=node1 with=ct:201\n");
}

static void move_to_a_node_of_one_that_must_be_apart_is_refused(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources ct:200,ct:300\n\taffinity negative\n\n");
    cluster_command(cluster, "id1", "migrate ct:200 node3");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id1"),
                        "'ct:200' must not be with 'ct:300', which is on 'node3'");
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
}

static void one_that_is_leaving_does_not_block(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_rules(cluster,
                  "resource-affinity: r1\n\tresources ct:200,ct:300\n\taffinity negative\n\n");
    struct service *leaving =
        cluster_service(cluster, "ct:300", SVC_STATE_MIGRATE, "node3", REQUEST_STATE_STARTED);
    leaving->target = "node1";
    cluster_command(cluster, "id1", "migrate ct:200 node3");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id1"), "");
}

static void maintenance_request_is_kept_until_it_is_taken_back(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "enable-node-maintenance node3");
    cluster_round(cluster);
    const struct manager_node *node = map_find(&cluster->documents.status->nodes, "node3");
    assert_true(node->maintenance_requested);
    (void)cluster_lrm(cluster, "node3", LRM_MODE_MAINTENANCE);
    cluster_round(cluster);
    assert_int_equal(cluster_node_state(cluster, "node3"), NODE_STATE_MAINTENANCE);
    assert_string_equal(cluster_moves(cluster, "ct:300"), "started>relocate");
    cluster_command(cluster, "id2", "enable-node-maintenance node3");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id2"), "");
    cluster_command(cluster, "id3", "disable-node-maintenance node3");
    cluster_round(cluster);
    node = map_find(&cluster->documents.status->nodes, "node3");
    assert_false(node->maintenance_requested);
}

// INV-6: a command whose write failed is still there and takes effect with the next one, once.
static void command_outlives_a_failed_write(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "relocate ct:200 node1");
    cluster->write_fails = true;
    cluster_round(cluster);
    assert_int_equal(cluster->documents.commands_count, 1);
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
    cluster->write_fails = false;
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
    assert_int_equal(cluster->documents.commands_count, 0);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
}

static void commands_are_told_before_what_they_lead_to(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "migrate ct:200 node1");
    cluster_round(cluster);
    const struct crm_output_event *first = cluster->events.items[0];
    assert_string_equal(event_find(first->event, "id"), "id1");
}

// ---- disarming

static void disarm_freezes_and_ends_when_all_lrms_let_go(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "disarm-ha freeze");
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_FREEZE);
    assert_int_equal(cluster_events_count(cluster, "disarm-freeze"), 2);
    assert_string_equal(cluster_moves(cluster, "ct:200"), ""); // no service-state event
    assert_false(cluster->documents.status->disarmed);
    for (int i = 1; i <= 3; i++) {
        assert_false(cluster->documents.status->disarmed);
        (void)cluster_lrm(cluster, arena_printf(*state, "node%d", i), LRM_MODE_DISARM);
        cluster_round(cluster);
    }
    assert_true(cluster->documents.status->disarmed);
    assert_int_equal(cluster_events_count(cluster, "disarm-done"), 1);
    assert_true(cluster_acted(cluster, CRM_ACTION_WATCHDOG_DISARM, NULL));
    cluster_round(cluster);
    assert_false(cluster_acted(cluster, CRM_ACTION_WATCHDOG_ARM,
                               NULL)); // the lease is renewed, nothing is armed
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, "ha_manager_lock"));
    cluster_command(cluster, "id2", "arm-ha");
    cluster_round(cluster);
    assert_int_equal(cluster->documents.status->disarm, DISARM_MODE_NONE);
    for (int i = 1; i <= 3; i++) {
        (void)cluster_lrm(cluster, arena_printf(*state, "node%d", i), LRM_MODE_ACTIVE);
    }
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_WATCHDOG_ARM, NULL));
    assert_string_equal(cluster_moves(cluster, "ct:200"), "freeze>started");
}

static void disarm_waits_for_what_is_in_transit(void **state)
{
    static const enum svc_state states[] = {SVC_STATE_MIGRATE, SVC_STATE_RELOCATE, SVC_STATE_FENCE,
                                            SVC_STATE_RECOVERY};
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
        struct service *record =
            cluster_service(cluster, "ct:400", states[i], "node4", REQUEST_STATE_STARTED);
        record->target = "node1";
        cluster_rules(cluster,
                      "node-affinity: r1\n\tnodes node4\n\tresources ct:400\n\tstrict 1\n\n");
        cluster_command(cluster, "id1", "disarm-ha freeze");
        cluster_command(cluster, "id2", "migrate ct:200 node1");
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "disarm-deferred"), 1);
        // Nobody else is frozen or moved meanwhile.
        assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
        assert_int_equal(cluster_record(cluster, "ct:400")->state, states[i]);
    }
}

static void disarm_ignore_keeps_states_and_arming_takes_places_over(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "disarm-ha ignore");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "disarm-suspend"), 2);
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_STARTED);
    assert_false(cluster_record(cluster, "ct:200")->running);
    cluster_slot(cluster, "ct:200")->guest_node = "node1"; // moved by hand
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node2");
    cluster_command(cluster, "id2", "arm-ha");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node1");
    assert_int_equal(cluster_events_count(cluster, "service-node-fixed"), 1);
}

// INV-9: what is disarmed is neither added, removed, moved nor fenced.
static void disarmed_services_are_left_alone(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "disarm-ha freeze");
    cluster_round(cluster);
    cluster_slot(cluster, "ct:200")->resource = NULL;
    (void)cluster_resource(cluster, "ct:500", "node1", REQUEST_STATE_STARTED);
    cluster_set_online(cluster, "node3", false);
    cluster_pass(cluster, 1000);
    cluster_round(cluster);
    assert_non_null(cluster_record(cluster, "ct:200"));
    assert_null(cluster_record(cluster, "ct:500"));
    assert_int_equal(cluster_record(cluster, "ct:300")->state, SVC_STATE_FREEZE);
    assert_int_equal(cluster_events_count(cluster, "fence-begin"), 0);
}

static void disarm_is_refused_when_it_is_so_already(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "disarm-ha freeze");
    cluster_round(cluster);
    cluster_command(cluster, "id2", "disarm-ha ignore");
    cluster_command(cluster, "id3", "enable-node-maintenance node3");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id2"), "already disarming");
    assert_string_equal(cluster_answer(cluster, "id3"), "disarmed");
    assert_int_equal(cluster->documents.status->disarm, DISARM_MODE_FREEZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(each_command_is_answered_and_consumed),
        fixture_test(unreadable_command_is_refused_with_the_reason),
        fixture_test(later_command_for_the_same_service_wins_and_both_are_answered),
        fixture_test(move_takes_company_along),
        fixture_test(move_to_a_node_of_one_that_must_be_apart_is_refused),
        fixture_test(one_that_is_leaving_does_not_block),
        fixture_test(maintenance_request_is_kept_until_it_is_taken_back),
        fixture_test(command_outlives_a_failed_write),
        fixture_test(commands_are_told_before_what_they_lead_to),
        fixture_test(disarm_freezes_and_ends_when_all_lrms_let_go),
        fixture_test(disarm_waits_for_what_is_in_transit),
        fixture_test(disarm_ignore_keeps_states_and_arming_takes_places_over),
        fixture_test(disarmed_services_are_left_alone),
        fixture_test(disarm_is_refused_when_it_is_so_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
