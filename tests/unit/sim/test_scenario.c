// SPDX-License-Identifier: Apache-2.0
// Reading scenario folders: what is missing has its usual value, what is wrong is told with file
// and position.
#include <errno.h>
#include <string.h>

#include "sim/simulation.h"
#include "tests/lib/fixture.h"
#include "tests/unit/sim/scenario_folder.h"

static void folder_without_cmdlist_is_refused(void **state)
{
    struct scenario_folder *folder = *state;
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), -ENOENT);
    assert_non_null(strstr(folder->err.text, "no file 'cmdlist'"));
    assert_string_equal(strbuf_text(&folder->events), "");
}

static void missing_files_have_their_usual_content(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "service-added: sid=vm:106 node=node3"));
    // Without a requested state a service is disabled.
    assert_true(folder_saw(folder, "service-state: sid=vm:101 from=request_stop to=stopped"));
    assert_false(folder_saw(folder, " started:"));
}

static void each_broken_file_is_named_with_its_place(void **state)
{
    static const struct {
        const char *name;
        const char *file;
        const char *text;
        const char *error;
    } rows[] = {
        {"cmdlist no JSON", "cmdlist", "[[\"power node1 on\",]]", "cmdlist: line 1, column"},
        {"cmdlist no list", "cmdlist", "{}", "cmdlist: expected a list of batches"},
        {"batch no list", "cmdlist", "[[],\"x\"]", "cmdlist: batch 2: expected a list of commands"},
        {"command no text", "cmdlist", "[[\"power node1 on\",7]]",
         "cmdlist: batch 1, command 2: expected text"},
        {"unknown command", "cmdlist", "[[],[\"dance node1\"]]",
         "cmdlist: batch 2, command 1: 'dance node1'"},
        {"unknown node", "cmdlist", "[[\"power node9 on\"]]", "there is no node 'node9'"},
        {"hardware no object", "hardware_status", "[]", "hardware_status: expected an object"},
        {"hardware unknown key", "hardware_status", "{\"node1\":{\"colour\":\"red\"}}",
         "hardware_status: node 'node1': unknown key 'colour'"},
        {"hardware bad switch", "hardware_status", "{\"node1\":{\"power\":\"maybe\"}}",
         "hardware_status: node 'node1': key 'power'"},
        {"hardware bad name", "hardware_status", "{\"node_1\":{}}",
         "hardware_status: node 'node_1'"},
        {"hardware empty", "hardware_status", "{}", "hardware_status: no nodes"},
        {"service without node", "service_config", "{\"vm:101\":{}}",
         "service_config: service 'vm:101'"},
        {"service on no node", "service_config", "{\"vm:101\":{\"node\":\"x\"}}",
         "service_config: service 'vm:101': key 'node': there is no node 'x'"},
        {"service bad type", "service_config", "{\"xy:101\":{\"node\":\"node1\"}}",
         "service_config: service 'xy:101'"},
        {"service bad digits", "service_config", "{\"fa:1\":{\"node\":\"node1\"}}",
         "service_config: service 'fa:1'"},
        {"service bad state", "service_config",
         "{\"vm:101\":{\"node\":\"node1\",\"state\":\"lazy\"}}",
         "service_config: service 'vm:101': key 'state'"},
        {"service unknown key", "service_config", "{\"vm:101\":{\"node\":\"node1\",\"size\":1}}",
         "service_config: service 'vm:101': unknown key 'size'"},
        {"manager bad record", "manager_status",
         "{\"service_status\":{\"vm:101\":{\"state\":\"x\",\"node\":\"node1\"}}}",
         "manager_status: service 'vm:101'"},
        {"manager bad node state", "manager_status", "{\"node_status\":{\"node1\":\"asleep\"}}",
         "manager_status: "},
        {"options bad value", "datacenter.cfg", "{\"crs\":{\"ha-auto-rebalance\":\"perhaps\"}}",
         "datacenter.cfg: "},
        {"options nested", "datacenter.cfg", "{\"crs\":{\"ha\":[]}}",
         "datacenter.cfg: key 'crs': key 'ha'"},
        {"sizes unknown key", "static_service_stats", "{\"vm:101\":{\"disk\":1}}",
         "static_service_stats: service 'vm:101'"},
        {"running bad value", "service_status_node1", "{\"vm:101\":\"x\"}",
         "service_status_node1: "},
    };
    struct scenario_folder *folder = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        folder_write(folder, "cmdlist", "[[\"power node1 on\"]]");
        folder_write(folder, rows[i].file, rows[i].text);
        int r = folder_run(folder, TIMING_PROFILE_CLASSIC);
        if (r >= 0 || strstr(folder->err.text, rows[i].error) == NULL) {
            fail_msg("row '%s': %d '%s'", rows[i].name, r, folder->err.text);
        }
        folder_write(folder, rows[i].file, NULL);
    }
}

static void options_of_all_kinds_reach_the_daemons(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"shutdown node1\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"enabled\",\"max_restart\":\"2\","
                 "\"failback\":0}}");
    folder_write(folder, "datacenter.cfg",
                 "{\"ha\":{\"shutdown_policy\":\"migrate\"},\"crs\":{\"ha-auto-rebalance\":1,"
                 "\"ha-auto-rebalance-margin\":0.5}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(
        folder_saw(folder, "shutdown-requested: how=poweroff policy=migrate mode=maintenance"));
}

static void stored_state_of_the_reference_is_taken_over(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"disabled\"}}");
    folder_write(
        folder, "manager_status",
        "{\"master_node\":\"node1\",\"timestamp\":5,\"relocate_tried_nodes\":{},\"node_status\":{\"node1\":"
        "\"online\"},\"service_status\":{\"vm:101\":{\"state\":\"error\",\"node\":\"node1\",\"uid\":\"x\"}}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "service-state: sid=vm:101 from=error to=stopped"));
    assert_false(folder_saw(folder, "service-added"));
}

static void folder_names_its_own_timing(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_MAX), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "timing=classic"));
    folder_write(folder, "timing", "patient\n");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_MAX), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "timing=patient"));
    assert_int_equal(folder_run(folder, TIMING_PROFILE_FAST), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "timing=fast"));
    folder_write(folder, "timing", "hasty\n");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_MAX), -EINVAL);
    assert_non_null(strstr(folder->err.text, "timing: expected"));
}

static void guests_that_run_at_the_start_are_not_started(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"},"
                 "\"vm:102\":{\"node\":\"node1\",\"state\":\"started\"}}");
    folder_write(folder, "service_status_node1", "{\"vm:101\":1,\"vm:102\":0}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_false(folder_saw(folder, "started: sid=vm:101"));
    assert_true(folder_saw(folder, "started: sid=vm:102"));
}

static void guest_that_runs_twice_breaks_the_first_invariant(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"}}");
    // The cluster is not told of this one.
    folder_write(folder, "service_status_node2", "{\"vm:101\":1}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_INVARIANT);
    assert_non_null(strstr(folder->err.text, "INV-1 is broken: 'vm:101' runs on two nodes"));
    assert_non_null(strstr(folder->err.text, "started: sid=vm:101"));
}

#define folder_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(folder_without_cmdlist_is_refused),
        folder_test(missing_files_have_their_usual_content),
        folder_test(each_broken_file_is_named_with_its_place),
        folder_test(options_of_all_kinds_reach_the_daemons),
        folder_test(stored_state_of_the_reference_is_taken_over),
        folder_test(folder_names_its_own_timing),
        folder_test(guests_that_run_at_the_start_are_not_started),
        folder_test(guest_that_runs_twice_breaks_the_first_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
