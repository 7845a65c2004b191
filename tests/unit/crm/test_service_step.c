// SPDX-License-Identifier: Apache-2.0
// Every row of the service state machine, as a table: one service on node2 of three, one round, the
// moves it made.
#include <string.h>

#include "common/base/arena.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { NO_RESULT = 99, NODE2_DOWN_S = 60 };

enum health {
    ONLINE,
    WAITING,     // offline, not for long
    LOST,        // offline for too long
    MAINTENANCE, // its LRM says so
    MAINTENANCE_LOST,
};

struct row {
    const char *name;
    enum svc_state from;
    enum request_state request;
    enum health health; // of node2
    int64_t result;
    const char *moves;
    const char *node; // where it is in the end; NULL: node2
    // Rarely given:
    const char *command_target;
    enum service_command_kind command;
    enum lrm_mode mode; // of node2's LRM, where it is not active
    size_t failed;      // times it failed before
    const char *guest;  // where its guest is; NULL: where its record is
    bool vm;
    bool live;
    bool rebalance_on_start;
};

// Columns: what it is about, state, wanted, node2, result of the LRM, moves, and what is special.
#define ROW(title, state, wanted, how, code, path, ...)                                            \
    {                                                                                              \
        .name = title, .from = SVC_STATE_##state, .request = REQUEST_STATE_##wanted,               \
        .health = how, .result = code, .moves = path, __VA_ARGS__                                  \
    }
#define OK     LRM_CODE_SUCCESS
#define FAILED LRM_CODE_ERROR
#define STAYS  .node = "node2"
#define TO(to) .node = to

static const struct row rows[] = {
    ROW("request_start starts where it is", REQUEST_START, STARTED, ONLINE, NO_RESULT,
        "request_start>started", STAYS),
    ROW("request_start asks for the best node", REQUEST_START, STARTED, ONLINE, NO_RESULT,
        "request_start>request_start_balance", .rebalance_on_start = true),
    ROW("request_start of one that is not wanted", REQUEST_START, STOPPED, ONLINE, NO_RESULT,
        "request_start>started started>request_stop", STAYS),
    ROW("balance moved", REQUEST_START_BALANCE, STARTED, ONLINE, OK,
        "request_start_balance>started", TO("node3")),
    ROW("balance moved, not wanted", REQUEST_START_BALANCE, STOPPED, ONLINE, OK,
        "request_start_balance>request_stop", TO("node3")),
    ROW("balance not needed", REQUEST_START_BALANCE, STARTED, ONLINE, LRM_CODE_IGNORED,
        "request_start_balance>started", STAYS),
    ROW("balance failed", REQUEST_START_BALANCE, STARTED, ONLINE, FAILED,
        "request_start_balance>started", STAYS),
    ROW("balance on the wrong node", REQUEST_START_BALANCE, STARTED, ONLINE, LRM_CODE_WRONG_NODE,
        "request_start_balance>error", STAYS),
    ROW("balance of a lost node", REQUEST_START_BALANCE, STARTED, LOST, NO_RESULT,
        "request_start_balance>fence", STAYS),
    ROW("balance in progress", REQUEST_START_BALANCE, STARTED, ONLINE, NO_RESULT, "", STAYS),
    ROW("started stays", STARTED, STARTED, ONLINE, NO_RESULT, "", STAYS),
    ROW("started is confirmed", STARTED, STARTED, ONLINE, OK, "", STAYS),
    ROW("started waits for its node", STARTED, STARTED, WAITING, NO_RESULT, "", STAYS),
    ROW("started on a lost node", STARTED, STARTED, LOST, NO_RESULT, "started>fence", STAYS),
    ROW("started, to be stopped", STARTED, STOPPED, ONLINE, NO_RESULT, "started>request_stop",
        STAYS),
    ROW("started, to be disabled", STARTED, DISABLED, ONLINE, NO_RESULT, "started>request_stop",
        STAYS),
    ROW("started, to be stopped, its node away", STARTED, STOPPED, WAITING, NO_RESULT, "", STAYS),
    ROW("started in maintenance moves", STARTED, STARTED, MAINTENANCE, NO_RESULT,
        "started>relocate", STAYS),
    ROW("started in maintenance migrates", STARTED, STARTED, MAINTENANCE, NO_RESULT,
        "started>migrate", .vm = true),
    ROW("started on a node lost in maintenance", STARTED, STARTED, MAINTENANCE_LOST, NO_RESULT,
        "started>fence fence>relocate relocate>fence", STAYS),
    ROW("the same, a vm", STARTED, STARTED, MAINTENANCE_LOST, NO_RESULT,
        "started>fence fence>migrate migrate>fence", .vm = true),
    ROW("the same, to be stopped", STARTED, STOPPED, MAINTENANCE_LOST, NO_RESULT,
        "started>fence fence>request_stop request_stop>fence", STAYS),
    ROW("the same, live", STARTED, STARTED, MAINTENANCE_LOST, NO_RESULT, "started>fence",
        .live = true),
    ROW("started, told to migrate", STARTED, STARTED, ONLINE, NO_RESULT, "started>migrate",
        .command_target = "node3", .command = SERVICE_COMMAND_MIGRATE),
    ROW("started, told to relocate", STARTED, STARTED, ONLINE, NO_RESULT, "started>relocate",
        .command_target = "node3", .command = SERVICE_COMMAND_RELOCATE),
    ROW("started, told to go where it is", STARTED, STARTED, ONLINE, NO_RESULT, "",
        .command_target = "node2", .command = SERVICE_COMMAND_MIGRATE),
    ROW("started, told to go nowhere", STARTED, STARTED, ONLINE, NO_RESULT, "",
        .command_target = "node9", .command = SERVICE_COMMAND_MIGRATE),
    ROW("started, told to go, but not wanted", STARTED, STOPPED, ONLINE, NO_RESULT,
        "started>request_stop", .command_target = "node3", .command = SERVICE_COMMAND_MIGRATE),
    ROW("started, told to stop", STARTED, STARTED, ONLINE, NO_RESULT, "started>request_stop",
        .command = SERVICE_COMMAND_STOP),
    ROW("started failed, tries the next node", STARTED, STARTED, ONLINE, FAILED, "started>relocate",
        STAYS),
    ROW("started failed as vm", STARTED, STARTED, ONLINE, FAILED, "started>migrate", .vm = true),
    ROW("started on the wrong node", STARTED, STARTED, ONLINE, LRM_CODE_WRONG_NODE,
        "started>relocate", STAYS),
    ROW("started on the wrong node, live, follows its guest", STARTED, STARTED, ONLINE,
        LRM_CODE_WRONG_NODE, "started>relocate", .guest = "node1", .live = true, .failed = 1),
    ROW("started failed too often", STARTED, STARTED, ONLINE, FAILED, "started>error", .failed = 1),
    ROW("started with a result that no retry helps", STARTED, STARTED, ONLINE,
        LRM_CODE_UNKNOWN_SERVICE, "started>error", STAYS),
    ROW("started, its worker died", STARTED, STARTED, ONLINE, LRM_CODE_FAILED_TO_RUN,
        "started>error", STAYS),
    ROW("started, its LRM restarts", STARTED, STARTED, ONLINE, NO_RESULT, "started>freeze",
        .mode = LRM_MODE_RESTART),
    ROW("started, its LRM shuts down", STARTED, STARTED, ONLINE, NO_RESULT, "",
        .mode = LRM_MODE_SHUTDOWN),
    ROW("request_stop done", REQUEST_STOP, STOPPED, ONLINE, OK, "request_stop>stopped", STAYS),
    ROW("request_stop done, disabled", REQUEST_STOP, DISABLED, ONLINE, OK, "request_stop>stopped",
        STAYS),
    ROW("request_stop done, wanted again", REQUEST_STOP, STARTED, ONLINE, OK,
        "request_stop>stopped stopped>request_start request_start>started", STAYS),
    ROW("request_stop failed", REQUEST_STOP, STOPPED, ONLINE, FAILED, "request_stop>error", STAYS),
    ROW("request_stop failed, disabled", REQUEST_STOP, DISABLED, ONLINE, FAILED,
        "request_stop>error error>stopped", STAYS),
    ROW("request_stop on the wrong node, live, follows its guest", REQUEST_STOP, STOPPED, ONLINE,
        LRM_CODE_WRONG_NODE, "request_stop>relocate", .guest = "node3", .live = true),
    ROW("request_stop on the wrong node", REQUEST_STOP, STOPPED, ONLINE, LRM_CODE_WRONG_NODE,
        "request_stop>error", .guest = "node3"),
    ROW("request_stop waits", REQUEST_STOP, STOPPED, ONLINE, NO_RESULT, "", STAYS),
    ROW("request_stop waits for its node", REQUEST_STOP, STOPPED, WAITING, NO_RESULT, "", STAYS),
    ROW("request_stop on a lost node", REQUEST_STOP, STOPPED, LOST, NO_RESULT, "request_stop>fence",
        STAYS),
    ROW("request_stop, its LRM restarts", REQUEST_STOP, STOPPED, ONLINE, NO_RESULT,
        "request_stop>freeze", .mode = LRM_MODE_RESTART),
    ROW("stopped stays", STOPPED, STOPPED, ONLINE, NO_RESULT, "", STAYS),
    ROW("stopped and disabled stays", STOPPED, DISABLED, ONLINE, NO_RESULT, "", STAYS),
    ROW("stopped and disabled on a lost node stays", STOPPED, DISABLED, LOST, NO_RESULT, "", STAYS),
    ROW("stopped on a lost node", STOPPED, STOPPED, LOST, NO_RESULT, "stopped>fence", STAYS),
    ROW("stopped on a node lost in maintenance", STOPPED, STOPPED, MAINTENANCE_LOST, NO_RESULT, "",
        STAYS),
    ROW("stopped, wanted started", STOPPED, STARTED, ONLINE, NO_RESULT,
        "stopped>request_start request_start>started", STAYS),
    ROW("stopped, told to migrate", STOPPED, STOPPED, ONLINE, NO_RESULT, "stopped>migrate",
        .command_target = "node3", .command = SERVICE_COMMAND_MIGRATE),
    ROW("stopped, told to relocate", STOPPED, DISABLED, ONLINE, NO_RESULT, "stopped>relocate",
        .command_target = "node3", .command = SERVICE_COMMAND_RELOCATE),
    ROW("stopped, told to go where it is", STOPPED, STOPPED, ONLINE, NO_RESULT, "",
        .command_target = "node2", .command = SERVICE_COMMAND_RELOCATE),
    ROW("stopped, told to go nowhere", STOPPED, STOPPED, ONLINE, NO_RESULT, "",
        .command_target = "node9", .command = SERVICE_COMMAND_RELOCATE),
    ROW("stopped, told to stop", STOPPED, STOPPED, ONLINE, NO_RESULT, "",
        .command = SERVICE_COMMAND_STOP),
    ROW("stopped, its LRM restarts", STOPPED, STOPPED, ONLINE, NO_RESULT, "stopped>freeze",
        .mode = LRM_MODE_RESTART),
    ROW("migrated", MIGRATE, STARTED, ONLINE, OK, "migrate>started", TO("node3")),
    ROW("migrated, not wanted", MIGRATE, STOPPED, ONLINE, OK, "migrate>request_stop", TO("node3")),
    ROW("migration failed", MIGRATE, STARTED, ONLINE, FAILED, "migrate>started", STAYS),
    ROW("migration failed, not wanted", MIGRATE, DISABLED, ONLINE, FAILED, "migrate>request_stop",
        STAYS),
    ROW("migration of a guest that is elsewhere", MIGRATE, STARTED, ONLINE, LRM_CODE_WRONG_NODE,
        "migrate>error", STAYS),
    ROW("migration from a lost node", MIGRATE, STARTED, LOST, NO_RESULT, "migrate>fence", STAYS),
    ROW("migration from a node that is away", MIGRATE, STARTED, WAITING, NO_RESULT, "", STAYS),
    ROW("migration not needed, its node lost since", MIGRATE, STARTED, LOST, LRM_CODE_IGNORED,
        "migrate>started started>fence", STAYS),
    ROW("wrong node, which is lost since", MIGRATE, STARTED, LOST, LRM_CODE_WRONG_NODE,
        "migrate>error error>fence", STAYS),
    ROW("wrong node, which is lost since, live", MIGRATE, STARTED, LOST, LRM_CODE_WRONG_NODE,
        "migrate>error", .live = true),
    ROW("relocated", RELOCATE, STARTED, ONLINE, OK, "relocate>started", TO("node3")),
    ROW("relocated, not wanted", RELOCATE, STOPPED, ONLINE, OK, "relocate>request_stop",
        TO("node3")),
    ROW("relocation failed", RELOCATE, STARTED, ONLINE, FAILED, "relocate>started", STAYS),
    ROW("relocation of a guest that is elsewhere", RELOCATE, STARTED, ONLINE, LRM_CODE_WRONG_NODE,
        "relocate>error", STAYS),
    ROW("relocation of a guest that is elsewhere, live, goes on from there", RELOCATE, STARTED,
        ONLINE, LRM_CODE_WRONG_NODE, "relocate>started", .guest = "node1", .live = true),
    ROW("relocation of a guest that is there but runs here, live", RELOCATE, STARTED, ONLINE,
        LRM_CODE_WRONG_NODE, "relocate>error", .guest = "node3", .live = true),
    ROW("relocation from a lost node", RELOCATE, STARTED, LOST, NO_RESULT, "relocate>fence", STAYS),
    ROW("frozen goes on", FREEZE, STARTED, ONLINE, NO_RESULT, "freeze>started", STAYS),
    ROW("frozen goes on, not wanted", FREEZE, STOPPED, ONLINE, NO_RESULT, "freeze>request_stop",
        STAYS),
    ROW("frozen while its LRM restarts", FREEZE, STARTED, ONLINE, NO_RESULT, "",
        .mode = LRM_MODE_RESTART),
    ROW("frozen while its LRM disarms", FREEZE, STARTED, ONLINE, NO_RESULT, "",
        .mode = LRM_MODE_DISARM),
    ROW("frozen in maintenance", FREEZE, STARTED, MAINTENANCE, NO_RESULT, "", STAYS),
    ROW("frozen in maintenance, live, leaves", FREEZE, STARTED, MAINTENANCE, NO_RESULT,
        "freeze>started started>relocate", .live = true),
    ROW("frozen in maintenance, live, not wanted", FREEZE, DISABLED, MAINTENANCE, NO_RESULT,
        "freeze>request_stop", .live = true),
    ROW("fence waits for the proof", FENCE, STARTED, LOST, NO_RESULT, "", STAYS),
    ROW("recovery finds a node", RECOVERY, STARTED, LOST, NO_RESULT, "recovery>started",
        TO("node3")),
    ROW("recovery of one that is to be stopped", RECOVERY, STOPPED, LOST, NO_RESULT,
        "recovery>request_stop", TO("node3")),
    ROW("recovery of a disabled one", RECOVERY, DISABLED, LOST, NO_RESULT, "recovery>request_stop",
        TO("node3")),
    ROW("error stays", ERROR, STARTED, ONLINE, NO_RESULT, "", STAYS),
    ROW("error stays when to be stopped", ERROR, STOPPED, ONLINE, NO_RESULT, "", STAYS),
    ROW("error on a lost node stays", ERROR, STARTED, LOST, NO_RESULT, "", STAYS),
    ROW("error is left by disabling", ERROR, DISABLED, ONLINE, NO_RESULT, "error>stopped",
        .failed = 2),
};

static void row_set_health(struct cluster *cluster, const struct row *row)
{
    switch (row->health) {
    case ONLINE:
        return;
    case WAITING:
        cluster_set_online(cluster, "node2", false);
        cluster_pass(cluster, row->live ? 0 : NODE2_DOWN_S - 1);
        return;
    case LOST:
        cluster_set_online(cluster, "node2", false);
        cluster_round(cluster); // notices it
        cluster_pass(cluster, NODE2_DOWN_S);
        return;
    case MAINTENANCE:
        (void)cluster_lrm(cluster, "node2", LRM_MODE_MAINTENANCE);
        cluster_round(cluster);
        return;
    case MAINTENANCE_LOST:
        (void)cluster_lrm(cluster, "node2", LRM_MODE_MAINTENANCE);
        cluster_round(cluster);
        cluster_set_online(cluster, "node2", false);
        cluster_round(cluster);
        cluster_pass(cluster, NODE2_DOWN_S);
        return;
    }
}

static void row_add_service(struct cluster *cluster, const struct row *row, const char *sid)
{
    struct service *record = cluster_service(cluster, sid, row->from, "node2", row->request);
    bool moving = row->from == SVC_STATE_MIGRATE || row->from == SVC_STATE_RELOCATE ||
                  row->from == SVC_STATE_REQUEST_START_BALANCE;
    record->target = moving ? "node3" : NULL;
    record->cmd = (struct service_command){.kind = row->command, .target = row->command_target};
    const char **failed = arena_array_of(cluster->arena, const char *, row->failed + 1);
    for (size_t i = 0; i < row->failed; i++) {
        failed[i] = "node3";
    }
    record->failed_nodes = failed;
    record->failed_nodes_count = row->failed;
    if (row->result != NO_RESULT) {
        cluster_result(cluster, sid, row->result);
    }
}

static void row_run(struct arena *arena, const struct row *row)
{
    enum timing_profile profile = row->live ? TIMING_PROFILE_BALANCED : TIMING_PROFILE_CLASSIC;
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(arena, profile, 3);
    const char *sid = row->vm ? "vm:200" : "ct:200";
    cluster_settle_nodes(cluster);
    (void)cluster_resource(cluster, "ct:100", "node1",
                           REQUEST_STATE_STOPPED); // somebody must be there
    cluster_become_master(cluster);
    row_set_health(cluster, row);
    row_add_service(cluster, row, sid);
    cluster->options.rebalance_on_start = row->rebalance_on_start;
    if (row->rebalance_on_start) {
        (void)cluster_service(cluster, "ct:300", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    }
    if (row->mode != LRM_MODE_ACTIVE) {
        (void)cluster_lrm(cluster, "node2", row->mode);
    }
    if (row->guest != NULL) {
        cluster_slot(cluster, sid)->guest_node = row->guest;
    }
    const char *uid = cluster_record(cluster, sid)->uid;
    cluster_round(cluster);
    const char *moves = cluster_moves(cluster, sid);
    const char *node = cluster_record(cluster, sid)->node;
    const char *expected = row->node != NULL ? row->node : "node2";
    if (strcmp(moves, row->moves) != 0 || strcmp(node, expected) != 0) {
        fail_msg("row '%s': moves '%s' to %s, expected '%s' to %s", row->name, moves, node,
                 row->moves, expected);
    }
    // A change of state is a new task for the LRM, and ends what was asked of the old one.
    if (strlen(moves) > 0) {
        fixture_row(row->name, strcmp(cluster_record(cluster, sid)->uid, uid) != 0);
    }
    fixture_row(row->name, cluster_record(cluster, sid)->cmd.kind == SERVICE_COMMAND_NONE);
}

static void step_each_row_moves_as_listed(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        row_run(*state, &rows[i]);
    }
}

// Each allowed move is made by some row here, or by a test of disarming, which has its own.
static void step_rows_cover_every_state(void **state)
{
    (void)state;
    for (int from = 0; from < SVC_STATE_MAX; from++) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            found = found || (int)rows[i].from == from;
        }
        assert_true(found);
    }
}

static struct cluster *started_cluster(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    cluster_become_master(cluster);
    return cluster;
}

static void started_success_is_noted_and_renews_uid_in_classic(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    const char *uid = cluster_record(cluster, "ct:200")->uid;
    cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_true(cluster_record(cluster, "ct:200")->running);
    assert_string_not_equal(cluster_record(cluster, "ct:200")->uid, uid);
}

static void started_success_is_noted_once_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_BALANCED);
    const char *uid = cluster_record(cluster, "ct:200")->uid;
    cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_true(cluster->output.write.wanted);
    assert_true(cluster_record(cluster, "ct:200")->running);
    assert_string_equal(cluster_record(cluster, "ct:200")->uid, uid);
    cluster_pass(cluster, 20);
    cluster_round(cluster);
    assert_false(cluster->output.write.wanted); // the same result again says nothing new
}

static void started_failure_after_success_is_seen_under_same_uid_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_BALANCED);
    cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
    assert_int_equal(cluster_record(cluster, "ct:200")->failed_nodes_count, 1);
}

static void started_success_clears_failed_nodes(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    static const char *failed[] = {"node1"};
    struct service *record =
        cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    record->failed_nodes = failed;
    record->failed_nodes_count = 1;
    cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_int_equal(cluster_record(cluster, "ct:200")->failed_nodes_count, 0);
    assert_int_equal(cluster_events_count(cluster, "relocation-succeeded"), 1);
}

// INV-11: max_relocate relocations, each to a node where it did not fail, then error.
static void started_failures_end_in_error_after_max_relocate(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    cluster_resource(cluster, "ct:200", "node2", REQUEST_STATE_STARTED)->max_relocate = 2;
    static const char *const nodes[] = {"node1", "node3"};
    for (size_t i = 0; i < 2; i++) {
        cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
        assert_string_equal(cluster_record(cluster, "ct:200")->target, nodes[i]);
        cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
        cluster_round(cluster);
        assert_string_equal(cluster_record(cluster, "ct:200")->node, nodes[i]);
    }
    cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>error");
    assert_string_equal(cluster_events(cluster, "relocation-exhausted"),
                        "relocation-exhausted: sid=ct:200 nodes=node2,node1,node3\n");
}

static void started_failure_without_other_node_tries_again_here(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    cluster_set_online(cluster, "node1", true);
    cluster_set_online(cluster, "node3", false);
    cluster_rules(cluster,
                  "node-affinity: only2\n\tnodes node2\n\tresources ct:200\n\tstrict 1\n\n");
    const char *uid = cluster_record(cluster, "ct:200")->uid;
    cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
    assert_int_equal(cluster_events_count(cluster, "tried-all-nodes"), 1);
    assert_string_not_equal(cluster_record(cluster, "ct:200")->uid, uid);
}

static void started_stop_command_keeps_timeout_and_sets_request(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    cluster_command(cluster, "a", "stop ct:200 7");
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>request_stop");
    assert_int_equal(cluster_record(cluster, "ct:200")->timeout_s, 7);
    assert_int_equal(cluster_slot(cluster, "ct:200")->resource->state, REQUEST_STATE_STOPPED);
}

static void stopped_follows_guest_that_was_moved_by_hand(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    (void)cluster_service(cluster, "ct:201", SVC_STATE_STOPPED, "node2", REQUEST_STATE_STOPPED);
    cluster_slot(cluster, "ct:201")->guest_node = "node3";
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:201")->node, "node3");
    assert_string_equal(cluster_moves(cluster, "ct:201"), "");
}

static void maintenance_service_returns_when_it_is_over(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    (void)cluster_lrm(cluster, "node2", LRM_MODE_MAINTENANCE);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
    assert_string_equal(cluster_record(cluster, "ct:200")->maintenance_node, "node2");
    cluster_result(cluster, "ct:200", LRM_CODE_SUCCESS);
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->node, "node1");
    (void)cluster_lrm(cluster, "node2", LRM_MODE_ACTIVE);
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
    assert_string_equal(cluster_record(cluster, "ct:200")->target, "node2");
    assert_null(cluster_record(cluster, "ct:200")->maintenance_node);
    assert_int_equal(cluster_events_count(cluster, "maintenance-return"), 1);
}

static void maintenance_node_is_forgotten_by_a_move_elsewhere(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    struct service *record =
        cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    record->maintenance_node = "node1";
    cluster_rules(cluster, "node-affinity: only3\n\tnodes node3\n\tresources ct:200\n\n");
    cluster_round(cluster);
    assert_string_equal(cluster_record(cluster, "ct:200")->target, "node3");
    assert_null(cluster_record(cluster, "ct:200")->maintenance_node);
    assert_int_equal(cluster_events_count(cluster, "maintenance-node-dropped"), 1);
}

static void maintenance_note_is_removed_when_it_never_left(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_CLASSIC);
    struct service *record =
        cluster_service(cluster, "ct:200", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED);
    record->maintenance_node = "node2";
    cluster_round(cluster);
    assert_null(cluster_record(cluster, "ct:200")->maintenance_node);
    assert_string_equal(cluster_moves(cluster, "ct:200"), "");
}

static void failed_placement_move_backs_off_live(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        started_cluster(*state, TIMING_PROFILE_BALANCED);
    cluster_rules(cluster, "node-affinity: only3\n\tnodes node3\n\tresources ct:200\n\n");
    static const int64_t waits_s[] = {10, 20, 40};
    cluster_round(cluster);
    for (size_t i = 0; i < ARRAY_SIZE(waits_s); i++) {
        assert_string_equal(cluster_moves(cluster, "ct:200"), "started>relocate");
        cluster_result(cluster, "ct:200", LRM_CODE_ERROR);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:200"), "relocate>started");
        cluster_pass(cluster, waits_s[i] - 1);
        cluster_round(cluster);
        assert_string_equal(cluster_moves(cluster, "ct:200"), "");
        cluster_pass(cluster, 1);
        cluster_round(cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(step_each_row_moves_as_listed),
        fixture_test(step_rows_cover_every_state),
        fixture_test(started_success_is_noted_and_renews_uid_in_classic),
        fixture_test(started_success_is_noted_once_live),
        fixture_test(started_failure_after_success_is_seen_under_same_uid_live),
        fixture_test(started_success_clears_failed_nodes),
        fixture_test(started_failures_end_in_error_after_max_relocate),
        fixture_test(started_failure_without_other_node_tries_again_here),
        fixture_test(started_stop_command_keeps_timeout_and_sets_request),
        fixture_test(stopped_follows_guest_that_was_moved_by_hand),
        fixture_test(maintenance_service_returns_when_it_is_over),
        fixture_test(maintenance_node_is_forgotten_by_a_move_elsewhere),
        fixture_test(maintenance_note_is_removed_when_it_never_left),
        fixture_test(failed_placement_move_backs_off_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
