// SPDX-License-Identifier: Apache-2.0
// The campaign language: what is read, what is refused and with which words, and that writing and
// reading again changes nothing.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign.h"
#include "tests/lib/fixture.h"

#define CLUSTER "cluster nodes 3 services 4 profile fast seed 17\n"

static void whole_campaign_is_read(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    struct error err = {0};
    static const char text[] =
        "# what this shows\n"
        "cluster nodes 3 services 4 profile balanced seed 18446744073709551615 drift 500 "
        "fence-devices on lease-loss reset\n"
        "\n"
        "12.5 power-off node2   # the master\n"
        "12.500 cut node1 in\n"
        "20 settle\n"
        "3600.025 expected node3 1 force\n"
        "3700 settle\n";
    assert_int_equal(campaign_parse(arena, text, &campaign, &err), 0);
    assert_int_equal(campaign->cluster.nodes, 3);
    assert_int_equal(campaign->cluster.services, 4);
    assert_int_equal(campaign->cluster.profile, TIMING_PROFILE_BALANCED);
    assert_true(campaign->cluster.seed == UINT64_MAX);
    assert_int_equal(campaign->cluster.drift_ppm_max, 500);
    assert_true(campaign->cluster.has_fence_devices);
    assert_true(campaign->cluster.lease_loss_resets);
    assert_int_equal(campaign->count, 5);
    assert_int_equal(campaign->steps[0].at_ms, 12500);
    assert_true(campaign_step_is(&campaign->steps[0], "power-off"));
    assert_int_equal(campaign->steps[1].count, 3);
    assert_string_equal(campaign->steps[1].words[2], "in");
    assert_int_equal(campaign->steps[3].at_ms, 3600025);
}

// Each form of each step, as it is written: reading and writing gives the same text.
static void every_step_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const char text[] = CLUSTER
        "0 power-off node1\n0 power-on node1\n0 reboot node2\n0 cut node1\n0 cut node1 in\n"
        "0 cut node1 out\n0 mend node1\n0 split node1 node2\n0 heal\n0 loss 5\n0 loss 0\n"
        "0 pause node3 2.5\n0 hold node1 watchdogd 3\n0 kill node1 corosync\n"
        "0 kill node1 clusterd\n0 kill node1 crm\n0 kill node1 lrm\n0 kill-guest ct:103\n"
        "0 hang-guest ct:100 on\n0 hang-guest ct:100 off\n0 start-fails ct:100 2\n"
        "0 start-slow ct:100 1.25\n0 stop-slow ct:100 1\n0 disk-full node1 on\n"
        "0 disk-full node1 off\n0 disk-slow node1 500\n0 disk-lost node1\n0 blind node1 on\n0 blind node1 off\n"
        "0 wall-clock node1 -3600\n0 fence-device node1 lies\n0 set ct:100 state stopped\n"
        "0 set ct:100 max_restart 3\n0 add ct:300\n0 remove ct:300\n0 migrate ct:100 node2\n"
        "0 relocate ct:101 node3\n0 stop ct:102\n"
        "0 rule add node-affinity home --resources ct:100 --nodes node1:2,node2 --strict 1\n"
        "0 rule add resource-affinity apart --resources ct:100,ct:101 --affinity negative\n"
        "0 rule remove home\n0 maintenance node1 on\n0 disarm\n0 arm\n0 expected node1 1\n"
        "0 expected node1 2 force\n0 node-join node4\n0 cut node4\n0 node-leave node4\n"
        "0 node-reinstall node2\n0.001 settle\n";
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf out CLEANUP(strbuf_done) = {0};
    struct campaign *campaign = NULL;
    struct error err = {0};
    int r = campaign_parse(arena, text, &campaign, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(r, 0);
    campaign_format(campaign, &out);
    assert_string_equal(strbuf_text(&out), text);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "the line 'cluster …' is missing"},
        {"1 power-off node1\n", "line 1: the first line must be 'cluster"},
        {"cluster nodes 3 services 4 profile fast\n1 settle\n", "line 1: 'seed' is missing"},
        {"cluster nodes 3 nodes 3\n", "line 1: nodes: given twice"},
        {"cluster nodes\n", "line 1: nodes: a value is missing"},
        {"cluster nodes 0\n", "line 1: nodes: expected a number from 1 to 1000, not '0'"},
        {"cluster knots 3\n", "line 1: unknown word 'knots'; allowed are nodes, services"},
        {"cluster profile classic\n", "line 1: profile: expected fast, balanced or patient"},
        {"cluster drift 1001\n", "line 1: drift: expected a number from 0 to 1000"},
        {"cluster lease-loss no\n", "line 1: lease-loss: expected stop or reset, not 'no'"},
        {CLUSTER, "the last step must be 'settle'"},
        {CLUSTER "1 settle\n2 heal\n", "the last step must be 'settle'"},
        {CLUSTER CLUSTER, "line 2: expected a time in seconds"},
        {CLUSTER "1.2345 settle\n", "line 2: expected a time in seconds"},
        {CLUSTER "-1 settle\n", "line 2: expected a time in seconds"},
        {CLUSTER "1. settle\n", "line 2: expected a time in seconds"},
        {CLUSTER "2 heal\n1 settle\n", "line 3: 1 is before the step above"},
        {CLUSTER "2\n", "line 2: expected a step of 1 to 16 words"},
        {CLUSTER "2 dance\n", "line 2: unknown step 'dance'; there are add, arm"},
        {CLUSTER "2 heal node1\n", "line 2: 'node1' is too much; expected: heal"},
        {CLUSTER "2 cut\n", "line 2: expected: cut NODE [in|out]"},
        {CLUSTER "2 cut node4\n", "line 2: cut: 'node4' is no node: there are node1 to node3"},
        {CLUSTER "2 cut node01\n", "line 2: cut: 'node01' is no node"},
        {CLUSTER "2 cut node1 up\n", "line 2: cut: expected in or out, not 'up'"},
        {CLUSTER "2 kill node1 ha-crm\n", "expected corosync, clusterd, crm, lrm or watchdogd"},
        {CLUSTER "2 stop ct:104\n", "line 2: stop: 'ct:104' is no service: there are 4"},
        {CLUSTER "2 stop vm:100\n", "line 2: stop: 'vm:100' is no service"},
        {CLUSTER "2 loss 101\n", "line 2: loss: expected a percentage from 0 to 100"},
        {CLUSTER "2 pause node1 x\n", "line 2: pause: expected seconds"},
        {CLUSTER "2 set ct:100 state\n", "line 2: set: a value for 'state' is missing"},
        {CLUSTER "2 set ct:100 state up\n", "line 2: set: "},
        {CLUSTER "2 set ct:100 colour red\n", "line 2: set: "},
        {CLUSTER "2 rule add x y\n", "line 2: rule: expected: rule add"},
        {CLUSTER "2 rule add node-affinity home --nodes node1\n", "line 2: rule: "},
        {CLUSTER "2 rule drop home\n", "line 2: rule: expected 'rule add"},
        {CLUSTER "2 expected node1 1 now\n", "line 2: expected: expected force or nothing"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct campaign *campaign = NULL;
        struct error err = {0};
        print_message("# %s\n", rows[i].words);
        assert_int_equal(campaign_parse(arena, rows[i].text, &campaign, &err), -EINVAL);
        assert_non_null(strstr(err.text, rows[i].words));
        assert_null(campaign);
    }
}

static void seconds_are_milliseconds(void **state)
{
    (void)state;
    int64_t ms = -1;
    assert_int_equal(campaign_parse_seconds("12", 20000, &ms), 0);
    assert_int_equal(ms, 12000);
    assert_int_equal(campaign_parse_seconds("0.05", 20000, &ms), 0);
    assert_int_equal(ms, 50);
    assert_int_equal(campaign_parse_seconds("21", 20000, &ms), -ERANGE);
    assert_int_equal(campaign_parse_seconds(".5", 20000, &ms), -EINVAL);
    assert_int_equal(campaign_parse_seconds("1e3", 20000, &ms), -EINVAL);
    assert_int_equal(ms, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_campaign_is_read),
        cmocka_unit_test(every_step_is_written_as_it_was_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(seconds_are_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
