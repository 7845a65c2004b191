// SPDX-License-Identifier: Apache-2.0
// The daemon's own state machine: when it may act, when it becomes master and ceases to be, and
// what it does to lease and watchdog on the way. Also: the same input gives the same bytes.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/store_keys.h"
#include "crm/core/node_set.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static struct cluster *cluster_with_service(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    return cluster;
}

// ---- may it act

enum situation {
    SITUATION_NOTHING, // nothing was ever configured
    SITUATION_RESOURCE,
    SITUATION_COMMAND,
    SITUATION_RECORD, // left-over of a removed resource
    SITUATION_DISARM,
    SITUATION_STALE_MAINTENANCE,
    SITUATION_REQUESTED_MAINTENANCE,
    SITUATION_COMMAND_OTHER_MASTER,      // that is online
    SITUATION_COMMAND_OTHER_MASTER_GONE, // that is not
    SITUATION_NO_QUORUM,
    SITUATION_NO_VIEW,
    SITUATION_NO_MEMBERS,
    SITUATION_UNREADABLE,
    SITUATION_CORRUPT_STATUS,
    SITUATION_OWN_SERVICE_IN_FENCE,
    SITUATION_OTHER_SERVICE_IN_FENCE,
    SITUATION_OWN_NODE_IN_FENCE,
};

struct act_row {
    const char *name;
    enum situation situation;
    enum crm_state state; // after one round in which the lease is busy
};

static const struct act_row act_rows[] = {
    {"an empty cluster", SITUATION_NOTHING, CRM_STATE_WAIT_FOR_QUORUM},
    {"a resource", SITUATION_RESOURCE, CRM_STATE_SLAVE},
    {"a command", SITUATION_COMMAND, CRM_STATE_SLAVE},
    {"a record without resource", SITUATION_RECORD, CRM_STATE_SLAVE},
    {"disarmed", SITUATION_DISARM, CRM_STATE_SLAVE},
    {"maintenance that nobody asked for", SITUATION_STALE_MAINTENANCE, CRM_STATE_SLAVE},
    {"maintenance that is asked for", SITUATION_REQUESTED_MAINTENANCE, CRM_STATE_WAIT_FOR_QUORUM},
    {"a command, another master", SITUATION_COMMAND_OTHER_MASTER, CRM_STATE_WAIT_FOR_QUORUM},
    {"a command, its master gone", SITUATION_COMMAND_OTHER_MASTER_GONE, CRM_STATE_SLAVE},
    {"no quorum", SITUATION_NO_QUORUM, CRM_STATE_WAIT_FOR_QUORUM},
    {"no current view", SITUATION_NO_VIEW, CRM_STATE_WAIT_FOR_QUORUM},
    {"no membership", SITUATION_NO_MEMBERS, CRM_STATE_WAIT_FOR_QUORUM},
    {"the store cannot be read", SITUATION_UNREADABLE, CRM_STATE_WAIT_FOR_QUORUM},
    {"a corrupt manager status", SITUATION_CORRUPT_STATUS, CRM_STATE_WAIT_FOR_QUORUM},
    {"a service here is in fence", SITUATION_OWN_SERVICE_IN_FENCE, CRM_STATE_WAIT_FOR_QUORUM},
    {"a service elsewhere is in fence", SITUATION_OTHER_SERVICE_IN_FENCE, CRM_STATE_SLAVE},
    {"this node is in fence", SITUATION_OWN_NODE_IN_FENCE, CRM_STATE_WAIT_FOR_QUORUM},
};

static void situation_set_documents(struct cluster *cluster, enum situation situation)
{
    bool other = situation == SITUATION_COMMAND_OTHER_MASTER ||
                 situation == SITUATION_COMMAND_OTHER_MASTER_GONE;
    cluster->status->master_node = other ? "node2" : NULL;
    if (other || situation == SITUATION_COMMAND) {
        cluster_command(cluster, "a", "arm-ha");
    }
    if (situation == SITUATION_COMMAND_OTHER_MASTER_GONE) {
        (void)cluster_node(cluster, "node2", NODE_STATE_UNKNOWN);
    }
    if (situation == SITUATION_RECORD) {
        (void)cluster_service(cluster, "ct:100", SVC_STATE_STOPPED, "node1", REQUEST_STATE_STOPPED);
        cluster_slot(cluster, "ct:100")->resource = NULL;
        cluster->documents.resources_count = 0;
    }
    if (situation == SITUATION_DISARM) {
        cluster->status->disarm = DISARM_MODE_FREEZE;
    }
    if (situation == SITUATION_STALE_MAINTENANCE || situation == SITUATION_REQUESTED_MAINTENANCE) {
        cluster_node(cluster, "node3", NODE_STATE_MAINTENANCE)->maintenance_requested =
            situation == SITUATION_REQUESTED_MAINTENANCE;
    }
}

static void situation_set_troubles(struct cluster *cluster, enum situation situation)
{
    if (situation >= SITUATION_NO_QUORUM || situation == SITUATION_RESOURCE) {
        const char *node = situation == SITUATION_OTHER_SERVICE_IN_FENCE ? "node3" : "node1";
        bool fence = situation == SITUATION_OWN_SERVICE_IN_FENCE ||
                     situation == SITUATION_OTHER_SERVICE_IN_FENCE;
        (void)cluster_service(cluster, "ct:100", fence ? SVC_STATE_FENCE : SVC_STATE_STARTED, node,
                              REQUEST_STATE_STARTED);
    }
    cluster->input.members.quorate = situation != SITUATION_NO_QUORUM;
    cluster->input.view_ok = situation != SITUATION_NO_VIEW;
    cluster->input.member_ok = situation != SITUATION_NO_MEMBERS;
    cluster->documents.readable = situation != SITUATION_UNREADABLE;
    cluster->documents.status_unreadable = situation == SITUATION_CORRUPT_STATUS;
    if (situation == SITUATION_OWN_NODE_IN_FENCE) {
        (void)cluster_node(cluster, "node1", NODE_STATE_FENCE);
    }
}

static void slave_acts_only_when_it_may(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(act_rows); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
        cluster_settle_nodes(cluster);
        situation_set_documents(cluster, act_rows[i].situation);
        situation_set_troubles(cluster, act_rows[i].situation);
        cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
        cluster_round(cluster);
        fixture_row(act_rows[i].name, crm_state_get(cluster->crm) == act_rows[i].state);
        fixture_row(act_rows[i].name, !cluster->output.write.wanted);
        bool asked = cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE_MANAGER);
        fixture_row(act_rows[i].name, asked == (act_rows[i].state == CRM_STATE_SLAVE));
    }
}

static void slave_waits_again_when_there_is_nothing_to_do(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster->status->master_node = "node2";
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_SLAVE);
    cluster_slot(cluster, "ct:100")->resource = NULL;
    cluster->documents.resources_count = 0;
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, NULL),
                        "daemon-state: from=slave to=wait_for_quorum\n");
}

static void slave_asks_again_when_the_lease_can_be_had(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster);
    assert_int_equal(cluster->output.next_wake_ms, cluster->input.now_ms + 777);
}

// ---- being master

static void master_is_told_in_order_and_arms_watchdog_first(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, "lock-acquired"),
                        "lock-acquired: lock=ha_manager_lock\n");
    assert_string_equal(cluster_events(cluster, "daemon-state"),
                        "daemon-state: from=wait_for_quorum to=master\n");
    const struct crm_action *armed = NULL;
    for (size_t i = 0; i < cluster->actions.count; i++) {
        const struct crm_action *action = cluster->actions.items[i];
        armed = action->kind == CRM_ACTION_WATCHDOG_ARM ? action : armed;
    }
    assert_non_null(armed);
    assert_int_equal(armed->deadline_ms, cluster->input.now_ms + 60 * 1000);
    assert_int_equal(cluster->output.write.term, 1);
    assert_string_equal(cluster->output.write.status->master_node, "node1");
}

static void master_reads_again_after_it_got_the_lease(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    struct crm_output output = {0};
    crm_step(cluster->crm, &cluster->input, &output);
    assert_true(output.again);
    assert_false(output.reread);
    struct crm_lease_answer answer = {
        .lease = LEASE_MANAGER,
        .answer = LEASE_ACQUIRED,
        .grant = {.term = 5,
                  .authority_until_ms = cluster->input.now_ms + cluster->timing.authority_ms}};
    cluster->input.answers = &answer;
    cluster->input.answers_count = 1;
    output = (struct crm_output){0};
    crm_step(cluster->crm, &cluster->input, &output);
    assert_true(output.again);
    assert_true(output.reread);
    assert_false(output.write.wanted);
}

static void master_without_lease_stops_at_once(void **state)
{
    static const int answers[] = {LEASE_BUSY, -EHOSTDOWN};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_service(*state, TIMING_PROFILE_BALANCED);
        cluster_become_master(cluster);
        cluster_set_online(cluster, "node3", false);
        cluster_lease(cluster, LEASE_MANAGER, answers[i]);
        cluster_round(cluster);
        assert_string_equal(cluster_events(cluster, NULL),
                            "daemon-state: from=master to=lost_manager_lock\n"
                            "daemon-state: from=lost_manager_lock to=wait_for_quorum\n");
        assert_false(cluster_acted(cluster, CRM_ACTION_WATCHDOG_DISARM, NULL)); // never armed
        assert_false(cluster->output.write.wanted);                             // INV-4
        assert_false(cluster->output.sign_of_life);
    }
}

// What a live master does is guarded by its term alone: nothing of it can reset its node.
static void live_master_has_no_watchdog(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    for (int i = 0; i < 6; i++) {
        cluster->status->disarm = i == 2 ? DISARM_MODE_FREEZE : DISARM_MODE_NONE;
        cluster->status->disarmed = i == 2;
        cluster->input.shutdown = i == 5;
        cluster_round(cluster);
        assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
        assert_false(cluster_acted(cluster, CRM_ACTION_WATCHDOG_ARM, NULL));
        assert_false(cluster_acted(cluster, CRM_ACTION_WATCHDOG_DISARM, NULL));
        cluster->input.now_ms += 1000;
    }
    assert_true(cluster->output.exit);
}

static void master_outlives_silence_of_lease_service_within_authority(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_become_master(cluster);
    cluster_lease(cluster, LEASE_MANAGER, -ENOTCONN);
    cluster->input.now_ms += cluster->timing.authority_ms - 1;
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_false(cluster->output.write.wanted);
    cluster->input.now_ms += 1;
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
}

static void master_skips_rounds_it_cannot_see_in(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster->input.view_ok = false;
    cluster_slot(cluster, "ct:100")->resource = NULL;
    cluster_round(cluster);
    assert_string_equal(cluster_events(cluster, NULL), "view-not-current:\n");
    assert_false(cluster->output.write.wanted);
    cluster->input.view_ok = true;
    cluster->documents.readable = false;
    cluster->documents.reason = "broken";
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_false(cluster->output.write.wanted);
}

// What a live master cannot see.
struct blind_row {
    const char *name;
    enum situation situation;
};

static const struct blind_row blind_rows[] = {
    {"no current view", SITUATION_NO_VIEW},
    {"no membership", SITUATION_NO_MEMBERS},
    {"the store cannot be read", SITUATION_UNREADABLE},
    {"a corrupt manager status", SITUATION_CORRUPT_STATUS},
};

static void blind_master_yields_after_the_lease_time(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(blind_rows); i++) {
        const char *name = blind_rows[i].name;
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_service(*state, TIMING_PROFILE_BALANCED);
        cluster_become_master(cluster);
        situation_set_troubles(cluster, blind_rows[i].situation);
        cluster_round(cluster);
        fixture_row(name, crm_state_get(cluster->crm) == CRM_STATE_MASTER);
        cluster->input.now_ms += cluster->timing.lease_ms - 1;
        cluster_round(cluster);
        fixture_row(name, crm_state_get(cluster->crm) == CRM_STATE_MASTER);
        fixture_row(name, cluster->output.next_wake_ms == cluster->input.now_ms + 1);
        fixture_row(name, !cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE_MANAGER));
        cluster->input.now_ms += 1;
        cluster_round(cluster);
        fixture_row(name, crm_state_get(cluster->crm) == CRM_STATE_WAIT_FOR_QUORUM);
        fixture_row(name, cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE_MANAGER));
        fixture_row(name, cluster_events_count(cluster, "master-yields") == 1);
        fixture_row(name, !cluster->output.write.wanted);
        cluster_round(cluster); // and does not ask for it again before it can read
        fixture_row(name, !cluster_acted(cluster, CRM_ACTION_LEASE_ACQUIRE, LEASE_MANAGER));
        situation_set_troubles(cluster, SITUATION_RESOURCE);
        cluster_round(cluster);
        fixture_row(name, crm_state_get(cluster->crm) == CRM_STATE_MASTER);
    }
}

// Short troubles do not add up.
static void master_that_reads_in_between_stays(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_FAST);
    cluster_become_master(cluster);
    for (int i = 0; i < 4; i++) {
        cluster->input.view_ok = i % 2 == 1;
        cluster_round(cluster);
        cluster->input.now_ms += cluster->timing.lease_ms - 1;
    }
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
}

// The reference keeps its lock however long it cannot read.
static void blind_master_stays_in_classic_replay(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster->input.view_ok = false;
    cluster_round(cluster);
    cluster_pass(cluster, 3600);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
}

static void master_shutdown_releases_lease_after_watchdog(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster->input.shutdown = true;
    cluster_round(cluster);
    assert_true(cluster->output.exit);
    assert_false(cluster->output.write.wanted);
    size_t count = cluster->actions.count;
    const struct crm_action *last = cluster->actions.items[count - 1];
    const struct crm_action *before = cluster->actions.items[count - 2];
    assert_int_equal(last->kind, CRM_ACTION_LEASE_RELEASE);
    assert_int_equal(before->kind, CRM_ACTION_WATCHDOG_DISARM);
}

static void others_end_when_asked(void **state)
{
    struct cluster *idle CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    idle->input.shutdown = true;
    cluster_round(idle);
    assert_true(idle->output.exit);
    struct cluster *slave CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_lease(slave, LEASE_MANAGER, LEASE_BUSY);
    slave->input.shutdown = true;
    cluster_round(slave);
    assert_true(slave->output.exit);
}

static void master_goes_idle_after_ninety_rounds_of_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster_slot(cluster, "ct:100")->resource = NULL;
    cluster->documents.resources_count = 0;
    cluster_round(cluster); // removes the record
    assert_null(cluster_record(cluster, "ct:100"));
    for (int i = 0; i < 90; i++) {
        cluster_round(cluster);
        assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    }
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
    assert_true(cluster_acted(cluster, CRM_ACTION_LEASE_RELEASE, LEASE_MANAGER));
}

static void master_goes_idle_by_time_where_rounds_follow_events(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_become_master(cluster);
    cluster_slot(cluster, "ct:100")->resource = NULL;
    cluster->documents.resources_count = 0;
    cluster_round(cluster);
    for (int i = 0; i < 3000; i++) { // many rounds, little time
        cluster->input.now_ms += 10;
        cluster_round(cluster);
    }
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    cluster_pass(cluster, 900);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
}

static void new_master_of_a_disarmed_cluster_arms_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster->status->disarm = DISARM_MODE_FREEZE;
    cluster->status->disarmed = true;
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_false(cluster_acted(cluster, CRM_ACTION_WATCHDOG_ARM, NULL));
    assert_int_equal(cluster_events_count(cluster, "crm-disarmed"), 1);
    // Also later, should the answer to the write that let it go have been lost.
    cluster_round(cluster);
    assert_true(cluster_acted(cluster, CRM_ACTION_WATCHDOG_DISARM, NULL));
}

static void master_that_is_to_end_ends_when_it_lost_the_lease(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_become_master(cluster);
    cluster->input.shutdown = true;
    cluster_lease(cluster, LEASE_MANAGER, LEASE_BUSY);
    cluster_round(cluster);
    assert_true(cluster->output.exit);
    assert_true(cluster_acted(cluster, CRM_ACTION_WATCHDOG_DISARM, NULL));
}

static void more_nodes_than_fit_stop_the_round(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    for (int i = 0; i < NODE_SET_MAX; i++) {
        (void)cluster_node(cluster, arena_printf(*state, "other%d", i), NODE_STATE_UNKNOWN);
    }
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "too-many-nodes"), 1);
    assert_false(cluster->output.write.wanted);
}

// ---- rounds

// INV-12
static void same_input_gives_same_bytes(void **state)
{
    const char *texts[2][2];
    for (size_t i = 0; i < 2; i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 5);
        for (int k = 0; k < 40; k++) {
            const char *sid = arena_printf(*state, "ct:%d", 100 + k);
            const char *node = arena_printf(*state, "node%d", 1 + k % 5);
            (void)cluster_resource(cluster, sid, node, (enum request_state)(k % 3));
        }
        cluster_rules(
            cluster,
            "resource-affinity: apart\n\tresources ct:100,ct:105\n\taffinity negative\n\n");
        cluster_round(cluster);
        texts[i][0] = cluster_events(cluster, NULL);
        texts[i][1] = cluster_write_text(cluster);
    }
    assert_string_equal(texts[0][0], texts[1][0]);
    assert_string_equal(texts[0][1], texts[1][1]);
    assert_true(strlen(texts[0][1]) > 1000);
}

static void idle_round_writes_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_become_master(cluster);
    cluster_result(cluster, "ct:100", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_true(cluster->output.write.wanted);
    for (int i = 0; i < 30; i++) {
        cluster_pass(cluster, 1);
        cluster_round(cluster);
        assert_false(cluster->output.write.wanted);
        assert_true(cluster->output.sign_of_life);
        assert_int_equal(cluster->output.write.term, cluster->term);
    }
}

// Live, a round on an input that decided nothing is not made again, but any change ends that.
static void quiet_master_notices_every_kind_of_change(void **state)
{
    for (int change = 0; change < 4; change++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_service(*state, TIMING_PROFILE_BALANCED);
        cluster_become_master(cluster);
        cluster_result(cluster, "ct:100", LRM_CODE_SUCCESS);
        cluster_round(cluster);
        cluster_round(cluster);
        cluster_round(cluster);
        assert_int_equal(cluster->events.count, 0);
        if (change == 0) {
            cluster_set_online(cluster, "node3", false);
        } else if (change == 1) {
            (void)cluster_lrm(cluster, "node3", LRM_MODE_MAINTENANCE);
        } else if (change == 2) {
            cluster_command(cluster, "a", "relocate ct:100 node2");
        } else {
            cluster_result(cluster, "ct:100", LRM_CODE_ERROR);
        }
        cluster_round(cluster);
        assert_true(cluster->events.count > 0);
        assert_true(cluster->output.write.wanted);
    }
}

// One write stays within what a transaction may hold; the rest follows at once.
static void many_changes_are_spread_over_rounds_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    for (int i = 0; i < 10000; i++) {
        (void)cluster_resource(cluster, arena_printf(*state, "ct:%d", 10000 + i), "node2",
                               REQUEST_STATE_STARTED);
    }
    for (size_t left = 10000; left > 0; left -= left < 4000 ? left : 4000) {
        cluster_round(cluster);
        assert_int_equal(cluster->output.write.records.count, left < 4000 ? left : 4000);
        assert_true(left <= 4000 || cluster->output.next_wake_ms <= cluster->input.now_ms);
    }
    assert_int_equal(cluster->documents.records_count, 10000);
    cluster_round(cluster);
    assert_false(cluster->output.write.wanted);
}

static void unreadable_service_blocks_no_other(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    (void)cluster_resource(cluster, "ct:101", "node2", REQUEST_STATE_STARTED);
    (void)cluster_resource(cluster, "ct:102", "node3", REQUEST_STATE_STARTED);
    cluster_slot(cluster, "ct:101")->unreadable = true;
    cluster_round(cluster);
    assert_null(cluster_record(cluster, "ct:101"));
    assert_non_null(cluster_record(cluster, "ct:102"));
}

static void failed_write_is_decided_anew(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_become_master(cluster);
    cluster_slot(cluster, "ct:100")->resource = NULL;
    cluster->write_fails = true;
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "service-removed"), 1);
    for (size_t i = 0; i < cluster->events.count; i++) {
        const struct crm_output_event *entry = cluster->events.items[i];
        assert_true(entry->decided); // so that the driver does not tell it
    }
    cluster->write_fails = false;
    cluster->documents.generation++; // the driver reads all anew
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "service-removed"), 1);
    assert_null(cluster_record(cluster, "ct:100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(slave_acts_only_when_it_may),
        fixture_test(slave_waits_again_when_there_is_nothing_to_do),
        fixture_test(slave_asks_again_when_the_lease_can_be_had),
        fixture_test(master_is_told_in_order_and_arms_watchdog_first),
        fixture_test(master_reads_again_after_it_got_the_lease),
        fixture_test(master_without_lease_stops_at_once),
        fixture_test(live_master_has_no_watchdog),
        fixture_test(master_outlives_silence_of_lease_service_within_authority),
        fixture_test(master_skips_rounds_it_cannot_see_in),
        fixture_test(blind_master_yields_after_the_lease_time),
        fixture_test(master_that_reads_in_between_stays),
        fixture_test(blind_master_stays_in_classic_replay),
        fixture_test(master_shutdown_releases_lease_after_watchdog),
        fixture_test(others_end_when_asked),
        fixture_test(master_goes_idle_after_ninety_rounds_of_nothing),
        fixture_test(master_goes_idle_by_time_where_rounds_follow_events),
        fixture_test(new_master_of_a_disarmed_cluster_arms_nothing),
        fixture_test(master_that_is_to_end_ends_when_it_lost_the_lease),
        fixture_test(more_nodes_than_fit_stop_the_round),
        fixture_test(same_input_gives_same_bytes),
        fixture_test(idle_round_writes_nothing),
        fixture_test(quiet_master_notices_every_kind_of_change),
        fixture_test(many_changes_are_spread_over_rounds_live),
        fixture_test(unreadable_service_blocks_no_other),
        fixture_test(failed_write_is_decided_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
