// SPDX-License-Identifier: Apache-2.0
// The time model: when batches are executed, when daemons have their rounds, when a run ends.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "sim/simulation.h"
#include "tests/lib/fixture.h"
#include "tests/unit/sim/scenario_folder.h"

static const char nothing[] = "{}";

// Batches of one harmless command each show when they were executed.
static void batches_are_executed_at_the_documented_times(void **state)
{
    static const struct {
        const char *name;
        const char *cmdlist;
        const char *times[6]; // of "network node1 off"
        const char *end;
    } rows[] = {
        {"one", "[[\"network node1 off\"]]", {"20"}, "620"},
        {"three",
         "[[\"network node1 off\"],[\"network node1 off\"],[\"network node1 off\"]]",
         {"20", "120", "220"},
         "820"},
        {"empty batch takes its slot",
         "[[\"network node1 off\"],[],[\"network node1 off\"]]",
         {"20", "220"},
         "820"},
        {"empty batches at the end", "[[\"network node1 off\"],[],[]]", {"20"}, "620"},
        {"delay 0", "[[\"delay 0\"],[\"network node1 off\"]]", {"120"}, "720"},
        {"delay 20", "[[\"delay 20\"],[\"network node1 off\"]]", {"120"}, "720"},
        {"delay 100", "[[],[\"delay 100\"],[\"network node1 off\"]]", {"300"}, "900"},
        {"delay 95 waits for the end of a pass",
         "[[],[\"delay 95\"],[\"network node1 off\"]]",
         {"300"},
         "900"},
        {"delay in the middle of a batch",
         "[[\"delay 200\",\"network node1 off\"],[\"network node1 off\"]]",
         {"20", "300"},
         "900"},
        {"nothing at all", "[]", {NULL}, "520"},
    };
    struct scenario_folder *folder = *state;
    struct arena *arena = arena_new();
    folder_write(folder, "service_config", nothing);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        folder_write(folder, "cmdlist", rows[i].cmdlist);
        int r = folder_run(folder, TIMING_PROFILE_CLASSIC);
        const char *expected = "0 hardware run-start: timing=classic\n";
        size_t next = 0;
        // The commands themselves may be delays too: look at the one kind only.
        for (const char *p = strstr(strbuf_text(&folder->events), "text='network"); p != NULL;
             p = strstr(p + 1, "text='network")) {
            const char *line = p;
            while (line > strbuf_text(&folder->events) && line[-1] != '\n') {
                line--;
            }
            const char *time = arena_memdup(arena, line, strcspn(line, " "));
            fixture_row(rows[i].name,
                        rows[i].times[next] != NULL && strcmp(time, rows[i].times[next]) == 0);
            next++;
        }
        fixture_row(rows[i].name, r == SIMULATION_OUTCOME_DONE);
        fixture_row(rows[i].name,
                    strncmp(strbuf_text(&folder->events), expected, strlen(expected)) == 0);
        fixture_row(rows[i].name, rows[i].times[next] == NULL);
        fixture_row(rows[i].name,
                    folder_saw(folder, arena_printf(arena, "\n%s hardware run-end:", rows[i].end)));
    }
    arena_free(arena);
}

// Node i has its CRM at start + 2(i−1) and its LRM one second later; a missing daemon takes no
// time.
static void daemons_have_their_rounds_one_second_apart(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"},\"vm:102\":{\"node\":"
                 "\"node2\",\"state\":\"started\"},\"vm:103\":{\"node\":\"node3\",\"state\":"
                 "\"started\"}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "20 node1/crm daemon-state: from=wait_for_quorum to=master"));
    assert_true(folder_saw(folder, "21 node1/lrm started: sid=vm:101"));
    assert_true(folder_saw(folder, "22 node2/crm daemon-state: from=wait_for_quorum to=slave"));
    assert_true(folder_saw(folder, "23 node2/lrm started: sid=vm:102"));
    assert_true(folder_saw(folder, "25 node3/lrm started: sid=vm:103"));
    folder_write(folder, "cmdlist", "[[\"power node2 on\",\"power node3 on\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "20 node2/crm daemon-state: from=wait_for_quorum to=master"));
    assert_true(folder_saw(folder, "23 node3/lrm started: sid=vm:103"));
}

static const char *many_nodes(struct arena *arena, int count)
{
    const char *text = "{";
    for (int i = 0; i < count; i++) {
        text = arena_printf(arena, "%s%s\"n%02d\":{}", text, i > 0 ? "," : "", i);
    }
    return arena_printf(arena, "%s}", text);
}

static void pass_is_longer_with_more_than_ten_nodes(void **state)
{
    struct scenario_folder *folder = *state;
    struct arena *arena = arena_new();
    folder_write(folder, "service_config", nothing);
    folder_write(folder, "cmdlist", "[[\"network n01 off\"],[\"network n01 off\"]]");
    folder_write(folder, "hardware_status", many_nodes(arena, 15));
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "\n30 hardware hardware-command"));
    assert_true(folder_saw(folder, "\n180 hardware hardware-command"));
    folder_write(folder, "hardware_status", many_nodes(arena, 30));
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), -EINVAL);
    arena_free(arena);
}

static void rounds_are_skipped_as_often_as_said(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"}}");
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\",\"skip-round lrm 2\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    // Two passes without LRMs; each CRM still takes its second.
    assert_true(folder_saw(folder, "\n22 node3/crm daemon-state: from=wait_for_quorum to=slave"));
    assert_true(folder_saw(folder, "\n61 node1/lrm started: sid=vm:101"));
}

// The deadline is 60 s after the last feeding; the check follows each node's turn.
static void watchdog_of_a_node_that_was_cut_off_takes_its_power(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config",
                 "{\"vm:103\":{\"node\":\"node3\",\"state\":\"started\"}}");
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"network node3 off\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "\n125 node3/lrm daemon-state: from=active to=lost_agent_lock"));
    // Fed last at 105; 166 is the first check after 165.
    assert_true(folder_saw(folder, "\n166 hardware watchdog-poweroff: node=node3"));
}

// A daemon that a power-on inside a pass creates has the clock it had before.
static void clocks_outlive_their_daemons(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config",
                 "{\"vm:103\":{\"node\":\"node3\",\"state\":\"started\"}}");
    folder_write(folder, "datacenter.cfg", "{\"ha\":{\"shutdown_policy\":\"failover\"}}");
    folder_write(folder, "cmdlist",
                 "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"reboot node3\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "\n126 node3/lrm daemon-exit:"));
    assert_true(folder_saw(folder, "\n145 node3/crm daemon-exit:"));
    assert_true(
        folder_saw(folder, "\n145 node3/crm daemon-state: from=startup to=wait_for_quorum"));
    assert_true(
        folder_saw(folder, "\n140 node3/lrm daemon-state: from=startup to=wait_for_agent_lock"));
}

static void scenario_without_end_is_stopped(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config", nothing);
    folder_write(folder, "cmdlist", "[[\"delay 9990\"],[\"network node1 off\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_CLASSIC), -ETIME);
}

static void same_input_gives_the_same_bytes(void **state)
{
    static const enum timing_profile profiles[] = {TIMING_PROFILE_CLASSIC, TIMING_PROFILE_BALANCED};
    struct scenario_folder *folder = *state;
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"power node1 off\"]]");
    folder_write(folder, "service_config",
                 "{\"ct:100\":{\"node\":\"node1\",\"state\":\"started\"}}");
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        assert_int_equal(folder_run(folder, profiles[i]), SIMULATION_OUTCOME_DONE);
        char *first = strbuf_steal(&folder->events);
        assert_int_equal(folder_run(folder, profiles[i]), SIMULATION_OUTCOME_DONE);
        assert_string_equal(first, strbuf_text(&folder->events));
        free(first);
    }
}

// --- Live profiles ---

static void live_commands_keep_the_times_of_the_classic_loop(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(folder, "service_config", nothing);
    folder_write(folder, "cmdlist",
                 "[[\"delay 100\"],[\"network node1 off\"],[\"network node1 off\"]]");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_BALANCED), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "\n200 hardware hardware-command: text='network"));
    assert_true(folder_saw(folder, "\n300 hardware hardware-command: text='network"));
    assert_true(folder_saw(folder, "\n900 hardware run-end"));
}

static void live_node_without_power_is_recovered_within_the_bound(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"power node2 off\"]]");
    folder_write(folder, "service_config",
                 "{\"ct:100\":{\"node\":\"node2\",\"state\":\"started\"}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_FAST), SIMULATION_OUTCOME_DONE);
    // Lease 6 s, last renewed at most 0.25 s before the cut at 120 s.
    assert_true(folder_saw(folder, "\n125 node1/lrm started: sid=ct:100") ||
                folder_saw(folder, "\n126 node1/lrm started: sid=ct:100"));
}

static void live_crash_is_followed_by_a_start_at_once(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"service ct:100 crash\"]]");
    folder_write(folder, "service_config",
                 "{\"ct:100\":{\"node\":\"node2\",\"state\":\"started\"}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_BALANCED), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder,
                           "120 node2/lrm guest-exit: sid=ct:100\n120 node2/lrm start: sid=ct:100\n"
                           "120 node2/lrm started: sid=ct:100\n"));
}

static void live_node_without_quorum_sees_nothing_new(void **state)
{
    struct scenario_folder *folder = *state;
    folder_write(
        folder, "cmdlist",
        "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"],[\"network node3 off\"]]");
    folder_write(folder, "service_config",
                 "{\"ct:100\":{\"node\":\"node3\",\"state\":\"started\"}}");
    assert_int_equal(folder_run(folder, TIMING_PROFILE_BALANCED), SIMULATION_OUTCOME_DONE);
    assert_true(folder_saw(folder, "node1/crm fence-begin: node=node3"));
    assert_true(folder_saw(
        folder, "lease-lost: lock=ha_agent_node3_lock reason='the lease was not renewed in time'"));
}

#define folder_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(batches_are_executed_at_the_documented_times),
        folder_test(daemons_have_their_rounds_one_second_apart),
        folder_test(pass_is_longer_with_more_than_ten_nodes),
        folder_test(rounds_are_skipped_as_often_as_said),
        folder_test(watchdog_of_a_node_that_was_cut_off_takes_its_power),
        folder_test(clocks_outlive_their_daemons),
        folder_test(scenario_without_end_is_stopped),
        folder_test(same_input_gives_the_same_bytes),
        folder_test(live_commands_keep_the_times_of_the_classic_loop),
        folder_test(live_node_without_power_is_recovered_within_the_bound),
        folder_test(live_crash_is_followed_by_a_start_at_once),
        folder_test(live_node_without_quorum_sees_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
