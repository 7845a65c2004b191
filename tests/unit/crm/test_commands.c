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

// ---- who is not concerned

static void service_that_the_master_does_not_know_cannot_be_commanded(void **state)
{
    static const char *const texts[] = {"migrate ct:600 node1", "stop ct:600 60"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
        (void)cluster_resource(cluster, "ct:600", "node2", REQUEST_STATE_IGNORED);
        cluster_command(cluster, "id1", texts[i]);
        cluster_round(cluster);
        assert_string_equal(cluster_answer(cluster, "id1"), "no service 'ct:600'");
    }
}

static void node_that_only_a_record_names_has_no_maintenance(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    (void)cluster_service(cluster, "ct:900", SVC_STATE_ERROR, "node9", REQUEST_STATE_STARTED);
    cluster_command(cluster, "id1", "enable-node-maintenance node9");
    cluster_command(cluster, "id2", "disable-node-maintenance node9");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id1"), "node 'node9' is not online");
    assert_string_equal(cluster_answer(cluster, "id2"), "no node 'node9'");
}

static void company_that_is_there_or_goes_there_is_not_asked(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
    cluster_service(cluster, "ct:202", SVC_STATE_MIGRATE, "node2", REQUEST_STATE_STARTED)->target =
        "node1";
    cluster_service(cluster, "ct:203", SVC_STATE_MIGRATE, "node2", REQUEST_STATE_STARTED)->target =
        "node3";
    (void)cluster_resource(cluster, "ct:204", "node2", REQUEST_STATE_IGNORED);
    cluster_rules(cluster, "resource-affinity: r1\n\tresources "
                           "ct:200,ct:201,ct:202,ct:203,ct:204\n\taffinity positive\n\n");
    cluster_command(cluster, "id1", "migrate ct:200 node1");
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "command-comigrate"),
                        "command-comigrate: sid=ct:203 node=node1 with=ct:200\n");
}

static void one_elsewhere_or_unknown_does_not_block(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    (void)cluster_resource(cluster, "ct:600", "node1", REQUEST_STATE_IGNORED);
    cluster_rules(
        cluster,
        "resource-affinity: r1\n\tresources ct:200,ct:300,ct:600\n\taffinity negative\n\n");
    cluster_command(cluster, "id1", "migrate ct:200 node1");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id1"), "");
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>migrate");
}

static void disarm_is_refused_when_all_have_let_go(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
    cluster_command(cluster, "id1", "disarm-ha freeze");
    for (int i = 1; i <= 3; i++) {
        (void)cluster_lrm(cluster, arena_printf(*state, "node%d", i), LRM_MODE_DISARM);
    }
    cluster_round(cluster);
    cluster_command(cluster, "id2", "disarm-ha freeze");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id2"), "already disarmed");
}

// INV-2: what ran while nobody looked is guarded only from its next order on.
static void arming_after_ignore_leaves_unknown_places_and_orders_anew(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    cluster_command(cluster, "id1", "disarm-ha ignore");
    // It came while the command was on its way, and has no record to suspend.
    (void)cluster_resource(cluster, "ct:600", "node1", REQUEST_STATE_IGNORED);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "disarm-suspend"), "disarm-suspend: sid=ct:200\n");
    const char *uid = cluster_record(cluster, "ct:200")->uid;
    cluster_slot(cluster, "ct:200")->guest_node = NULL;
    cluster_command(cluster, "id2", "arm-ha");
    cluster_round(cluster);
    assert_string_equal(cluster_answer(cluster, "id2"), "");
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node2");
    assert_true(cluster_record(cluster, "ct:200")->unguarded);
    assert_string_not_equal(cluster_record(cluster, "ct:200")->uid, uid);
    assert_int_equal(cluster_events_count(cluster, "service-node-fixed"), 0);
}

// INV-1: an LRM in maintenance without anything that needs its lease does not have it. What runs
// there without a guard is waited for when the node is lost.
static void frozen_in_maintenance_is_unguarded_until_its_lrm_says_something(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_FREEZE, "node2", REQUEST_STATE_DISABLED);
    cluster_become_master(cluster);
    cluster_lrm(cluster, "node2", LRM_MODE_MAINTENANCE)->state = LRM_STATE_MAINTENANCE;
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_REQUEST_STOP);
    assert_true(cluster_record(cluster, "ct:200")->unguarded);
    cluster_set_online(cluster, "node2", false);
    cluster_round(cluster);
    cluster_pass(cluster, 1000);
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:200")->state, SVC_STATE_REQUEST_STOP);
    assert_int_equal(cluster_events_count(cluster, "fence-begin"), 0);
}

static void deferral_is_told_once_a_tick_when_rounds_follow_changes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    cluster_service(cluster, "ct:200", SVC_STATE_MIGRATE, "node2", REQUEST_STATE_STARTED)->target =
        "node1";
    cluster->status->disarm = DISARM_MODE_FREEZE;
    static const size_t told[] = {1, 0, 0};
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "disarm-deferred"), told[i]);
        cluster->documents.generation++;
    }
    cluster_pass(cluster, 10);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "disarm-deferred"), 1);
}

// INV-9: no left-over of a task is carried out after a disarming that kept the states.
static void disarm_ignore_drops_what_belongs_to_a_task(void **state)
{
    static const char *failed[] = {"node3"};
    static const struct service left[] = {
        {.state = SVC_STATE_REQUEST_START_BALANCE,
         .target = "node1",
         .timeout_s = SERVICE_TIMEOUT_NONE},
        {.state = SVC_STATE_REQUEST_STOP, .timeout_s = 60},
        {.state = SVC_STATE_ERROR,
         .timeout_s = SERVICE_TIMEOUT_NONE,
         .cmd = {.kind = SERVICE_COMMAND_MIGRATE, .target = "node1"}},
        {.state = SVC_STATE_STARTED, .timeout_s = SERVICE_TIMEOUT_NONE, .running = true},
        {.state = SVC_STATE_STARTED,
         .timeout_s = SERVICE_TIMEOUT_NONE,
         .failed_nodes = failed,
         .failed_nodes_count = 1},
        {.state = SVC_STATE_STOPPED, .timeout_s = SERVICE_TIMEOUT_NONE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) = cluster_with_two(*state);
        struct service *record =
            cluster_service(cluster, "ct:400", left[i].state, "node2", REQUEST_STATE_STARTED);
        const char *uid = record->uid;
        record->target = left[i].target;
        record->timeout_s = left[i].timeout_s;
        record->cmd = left[i].cmd;
        record->running = left[i].running;
        record->failed_nodes = left[i].failed_nodes;
        record->failed_nodes_count = left[i].failed_nodes_count;
        cluster_command(cluster, "id1", "disarm-ha ignore");
        cluster_round(cluster);
        const struct service *now = cluster_record(cluster, "ct:400");
        const char *name = arena_printf(*state, "%zu", i);
        fixture_row(name, now->state == left[i].state && strcmp(now->uid, uid) == 0);
        fixture_row(name, now->target == NULL && now->timeout_s == SERVICE_TIMEOUT_NONE);
        fixture_row(name, now->cmd.kind == SERVICE_COMMAND_NONE && !now->running);
        fixture_row(name, now->failed_nodes_count == 0);
    }
}

enum { WRITE_RECORDS_MAX = 4000 };

// Only so many records fit into one write; the disarming is done when all are frozen.
// What a record has already is not written again.
static void command_that_is_queued_already_changes_no_record(void **state)
{
    static const struct {
        const char *name;
        int64_t timeout_s; // as stored; the command says 30
        const char *failed;
        bool running, written;
    } stored[] = {{"the same", 30, NULL, false, false},
                  {"the same after failures", 30, "node2", false, false},
                  {"another time", 10, NULL, false, true}};
    for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
        cluster_settle_nodes(cluster);
        struct service *record =
            cluster_service(cluster, "ct:100", SVC_STATE_ERROR, "node1", REQUEST_STATE_STARTED);
        record->cmd = (struct service_command){.kind = SERVICE_COMMAND_STOP,
                                               .timeout_s = stored[i].timeout_s};
        const char *failed[] = {stored[i].failed};
        record->failed_nodes = failed;
        record->failed_nodes_count = stored[i].failed != NULL ? 1 : 0;
        cluster_become_master(cluster);
        cluster_command(cluster, "c1", "stop ct:100 30");
        cluster_round(cluster);
        fixture_row(stored[i].name, (cluster->output.write.records.count > 0) == stored[i].written);
        fixture_row(stored[i].name, cluster_record(cluster, "ct:100")->cmd.timeout_s == 30);
    }
}

// It is at the target and goes nowhere else, whatever its record says.
static void one_that_goes_where_it_is_blocks(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    cluster_service(cluster, "ct:101", SVC_STATE_RELOCATE, "node2", REQUEST_STATE_STARTED)->target =
        "node2"; // no round leaves that, but a record can say so
    cluster_rules(cluster,
                  "resource-affinity: r1\n\taffinity negative\n\tresources ct:100,ct:101\n\n");
    cluster_become_master(cluster);
    cluster_command(cluster, "c1", "migrate ct:100 node2");
    cluster_round(cluster);
    assert_non_null(strstr(cluster_answer(cluster, "c1"), "must not be with 'ct:101'"));
}

static void disarm_of_many_goes_on_in_the_next_round(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 1);
    cluster_settle_nodes(cluster);
    for (int i = 0; i < WRITE_RECORDS_MAX + 1; i++) {
        (void)cluster_service(cluster, arena_printf(*state, "ct:%d", 10000 + i), SVC_STATE_ERROR,
                              "node1", REQUEST_STATE_STARTED);
    }
    cluster_become_master(cluster);
    for (int i = 0; i < WRITE_RECORDS_MAX + 1; i++) {
        (void)cluster_service(cluster, arena_printf(*state, "ct:%d", 10000 + i), SVC_STATE_STOPPED,
                              "node1", REQUEST_STATE_STOPPED);
    }
    (void)cluster_lrm(cluster, "node1", LRM_MODE_DISARM);
    cluster_command(cluster, "id1", "disarm-ha freeze");
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "disarm-freeze"), WRITE_RECORDS_MAX);
    assert_int_equal(cluster_events_count(cluster, "disarm-done"), 0);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "disarm-freeze"), 1);
    assert_int_equal(cluster_events_count(cluster, "disarm-done"), 1);
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
        fixture_test(service_that_the_master_does_not_know_cannot_be_commanded),
        fixture_test(node_that_only_a_record_names_has_no_maintenance),
        fixture_test(company_that_is_there_or_goes_there_is_not_asked),
        fixture_test(one_elsewhere_or_unknown_does_not_block),
        fixture_test(disarm_is_refused_when_all_have_let_go),
        fixture_test(arming_after_ignore_leaves_unknown_places_and_orders_anew),
        fixture_test(frozen_in_maintenance_is_unguarded_until_its_lrm_says_something),
        fixture_test(deferral_is_told_once_a_tick_when_rounds_follow_changes),
        fixture_test(disarm_ignore_drops_what_belongs_to_a_task),
        fixture_test(command_that_is_queued_already_changes_no_record),
        fixture_test(one_that_goes_where_it_is_blocks),
        fixture_test(disarm_of_many_goes_on_in_the_next_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
