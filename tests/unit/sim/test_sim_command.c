// SPDX-License-Identifier: Apache-2.0
// Each command of a scenario: what it does, and that a wrong one ends the run with its place.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "sim/simulation.h"
#include "tests/lib/fixture.h"
#include "tests/unit/sim/scenario_folder.h"

static const char all_on[] = "\"power node1 on\",\"power node2 on\",\"power node3 on\"";
static const char one_vm[] = "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"}}";

// A run with all nodes on at 20 and the command at 120, and another at 220.
static int run_with(struct scenario_folder *folder, const char *at_120, const char *at_220)
{
    struct arena *arena = arena_new();
    folder_write(folder, "cmdlist",
                 arena_printf(arena, "[[%s],[\"%s\"],[\"%s\"]]", all_on, at_120, at_220));
    folder_write(folder, "service_config", one_vm);
    int r = folder_run(folder, TIMING_PROFILE_CLASSIC);
    arena_free(arena);
    return r;
}

static void each_command_has_its_effect(void **state)
{
    static const struct {
        const char *at_120;
        const char *at_220;
        const char *saw;
    } rows[] = {
        {"power node1 off", "delay 0", "120 node1/crm daemon-killed"},
        {"power node2 off", "power node2 on",
         "220 node2/crm daemon-state: from=startup to=wait_for_quorum"},
        {"network node2 off", "network node2 on",
         "node2/crm daemon-state: from=slave to=wait_for_quorum"},
        {"crm node1 stop", "crm node1 start",
         "220 node1/crm daemon-state: from=startup to=wait_for_quorum"},
        {"crm node1 enable-node-maintenance", "crm node1 disable-node-maintenance",
         "node1/crm node-state: node=node1 from=maintenance to=online"},
        {"crm node1 disarm-ha freeze", "crm node1 arm-ha",
         "node1/crm service-state: sid=vm:101 from=freeze to=started"},
        {"crm node1 disarm-ha ignore", "service vm:101 manual-migrate node2",
         "hardware-command: text='service vm:101"},
        {"reboot node1", "delay 0", "hardware-command: text='power node1 on' actor=reboot"},
        {"shutdown node1", "delay 0", "hardware-command: text='power node1 off' actor=shutdown"},
        {"restart-lrm node1", "delay 0",
         "node1/lrm daemon-state: from=startup to=wait_for_agent_lock"},
        {"service vm:101 stopped", "service vm:101 started",
         "sid=vm:101 from=stopped to=request_start"},
        {"service vm:101 disabled", "delay 0", "sid=vm:101 from=request_stop to=stopped"},
        {"service vm:101 ignored", "service vm:101 manual-migrate node2",
         "service-removed: sid=vm:101"},
        {"service vm:101 migrate node2", "delay 0", "move-end: sid=vm:101 node=node2 how=migrate"},
        {"service vm:101 relocate node2", "delay 0",
         "move-end: sid=vm:101 node=node2 how=relocate"},
        {"service vm:101 stop 0", "delay 0", "from=started to=request_stop timeout=0"},
        {"service vm:102 add node2", "delay 0", "started: sid=vm:102"},
        {"service vm:102 add node2 stopped 1", "delay 0", "node2/lrm stopped: sid=vm:102"},
        {"service vm:101 delete", "delay 0", "service-removed: sid=vm:101"},
        {"service vm:101 lock", "service vm:101 migrate node2",
         "guest-locked: sid=vm:101 reason=backup"},
        {"service vm:101 crash", "delay 0", "node1/lrm start: sid=vm:101"},
        {"pve-manager-version node1 set 9.1.0", "delay 0", "run-end"},
        {"service vm:101 set-static-stats maxcpu 2 maxmem 512",
         "service vm:101 set-dynamic-stats cpu 0.5", "run-end"},
        {"cfs node1 rw fail", "cfs node1 rw work", "run-end"},
        {"cfs node1 update fail", "cfs node1 update work", "run-end"},
        {"skip-round crm", "skip-round lrm 3", "round-skipped: daemon=lrm"},
    };
    struct scenario_folder *folder = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = run_with(folder, rows[i].at_120, rows[i].at_220);
        if (r != SIMULATION_OUTCOME_DONE) {
            fail_msg("row '%s': %s", rows[i].at_120, folder->err.text);
        }
        fixture_row(rows[i].at_120, folder_saw(folder, rows[i].saw));
    }
}

static void each_wrong_command_ends_the_run_with_its_place(void **state)
{
    static const char *const rows[] = {
        "power node1",
        "power node1 on now",
        "power node1 up",
        "power node9 on",
        "network node1 slow",
        "delay",
        "delay soon",
        "delay -1",
        "skip-round",
        "skip-round crm 0",
        "skip-round agent",
        "cfs node1 rw",
        "cfs node1 rx fail",
        "cfs node1 rw maybe",
        "crm node1",
        "crm node1 dance",
        "crm node1 disarm-ha",
        "crm node1 disarm-ha gently",
        "crm node1 stop now",
        "reboot",
        "reboot node9",
        "shutdown node9",
        "restart-lrm node9",
        "pve-manager-version node1 9.1.0",
        "pve-manager-version node1 get 9.1.0",
        "expected 0",
        "expected 4",
        "service vm:101",
        "service vm:101 dance",
        "service vm:999 started",
        "service xy:101 started",
        "service vm:101 migrate",
        "service vm:101 migrate node9",
        "service vm:101 stop",
        "service vm:101 stop soon",
        "service vm:101 add node1",
        "service vm:102 add node9",
        "service vm:102 add node1 lazy",
        "service vm:102 add node1 started maybe",
        "service vm:101 manual-migrate node2",
        "service vm:101 set-static-stats maxcpu",
        "service vm:101 set-static-stats cpu 1",
        "service vm:101 set-dynamic-stats cpu much",
        "dance",
        "",
    };
    struct scenario_folder *folder = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = run_with(folder, rows[i], "delay 0");
        if (r != -EINVAL || strstr(folder->err.text, "cmdlist: batch 2, command 1: '") == NULL) {
            fail_msg("row '%s': %d '%s'", rows[i], r, folder->err.text);
        }
        fixture_row(rows[i], folder_saw(folder, "hardware run-failed: reason="));
    }
}

static void operator_who_expects_fewer_votes_gives_the_rest_its_quorum(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config", one_vm);
    folder_write(folder, "cmdlist",
                 "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],"
                 "[\"power node1 off\",\"power node2 off\"],[],[],[\"expected 1\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_false(folder_saw(folder, "320 node3"));
    assert_true(folder_saw(folder, "node3/lrm started: sid=vm:101"));
}

static void returning_nodes_raise_what_is_expected(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config", one_vm);
    // Back to two of three, the one that stays behind alone has no quorum.
    folder_write(folder, "cmdlist",
                 "[[\"expected 1\",\"power node1 on\"],[\"power node2 on\",\"power node3 on\"],"
                 "[\"network node1 off\",\"network node2 off\",\"network node3 off\"],"
                 "[\"network node1 on\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "21 node1/lrm started: sid=vm:101"));
}

#define folder_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(each_command_has_its_effect),
        folder_test(each_wrong_command_ends_the_run_with_its_place),
        folder_test(operator_who_expects_fewer_votes_gives_the_rest_its_quorum),
        folder_test(returning_nodes_raise_what_is_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
