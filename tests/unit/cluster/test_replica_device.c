// SPDX-License-Identifier: Apache-2.0
// A quorum device: two nodes of which one goes on alone, if and only if the other one cannot have
// done so before.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

static const unsigned APART[NET_NODES_MAX] = {0, 1, 0, 0, 0};
static const unsigned NOTHING_KEPT[NET_NODES_MAX] = {0};

enum { TICK_MS = 100, LONG_MS = 2 * NET_DEVICE_WAIT_MS };

static void count_waiting(struct net *net, unsigned node, const struct event *event, void *userdata)
{
    (void)net;
    (void)node;
    size_t *count = userdata;
    *count += strcmp(event->name, "store-waiting") == 0 ? 1 : 0;
}

// Time passes and everything moves, but for the steps of one node (or of none: −1), which only
// hears its clock.
static void pass(struct net *net, int64_t ms, int standing)
{
    for (int64_t left_ms = ms; left_ms > 0; left_ms -= TICK_MS) {
        net_tick(net, TICK_MS);
        for (unsigned round = 0; round < 20; round++) {
            for (unsigned node = 0; node < net->nodes_count; node++) {
                for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                    (void)((int)node == standing ? false : net_step(net, node, step));
                }
            }
        }
    }
}

static struct net *device_net(void)
{
    struct net *net = net_new(2);
    net_give_device(net, 0);
    net_settle(net);
    pass(net, 1000, -1);
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 1));
    return net;
}

static int put(struct net *net, unsigned node, const char *key)
{
    size_t request = net_put(net, node, key, "x", STORE_ANY);
    pass(net, 500, -1);
    assert_true(net_answer(net, request)->is_answered);
    return net_answer(net, request)->answer.code;
}

static void survivor_goes_on_with_the_device_after_the_wait(void **state)
{
    (void)state;
    struct net *net = device_net();
    assert_int_equal(put(net, 0, "a"), 0);
    net_crash(net, 1, true, 0);
    pass(net, NET_DEVICE_WAIT_MS - 500, -1);
    assert_false(net_is_serving(net, 0));
    pass(net, 1000, -1);
    assert_true(net_is_serving(net, 0));
    assert_int_equal(put(net, 0, "b"), 0);
    net_start(net, 1);
    net_settle(net);
    assert_string_equal(net_value(net, 1, "b", NULL), "x");
    net_check_equal(net);
    net_free(net);
}

// Nobody else can have gone on: whoever was alone with the device says so on its disk.
static void survivor_goes_on_after_its_own_restart(void **state)
{
    (void)state;
    struct net *net = device_net();
    net_crash(net, 1, true, 0);
    pass(net, NET_DEVICE_WAIT_MS + 1000, -1);
    assert_int_equal(put(net, 0, "a"), 0);
    net_crash(net, 0, true, 0);
    net_start(net, 0);
    pass(net, NET_DEVICE_WAIT_MS + 1000, -1);
    assert_true(net_is_serving(net, 0));
    assert_int_equal(put(net, 0, "b"), 0);
    net_free(net);
}

static void node_that_was_without_the_device_meanwhile_waits(void **state)
{
    (void)state;
    size_t waiting = 0;
    struct net *net = device_net();
    net->on_event = count_waiting;
    net->userdata = &waiting;
    net_split(net, APART, NOTHING_KEPT);
    net_give_device(net, 0);
    pass(net, NET_DEVICE_WAIT_MS + 1000, -1);
    assert_int_equal(put(net, 0, "a"), 0); // alone
    net_crash(net, 0, true, 0);
    net_give_device(net, 1);
    pass(net, LONG_MS, -1);
    assert_false(net_is_serving(net, 1)); // it does not know of "a"
    assert_int_equal(waiting, 1);
    net_start(net, 0);
    net_heal(net);
    net_give_device(net, 0);
    net_settle(net);
    assert_string_equal(net_value(net, 1, "a", NULL), "x");
    net_free(net);
}

// The vote has been with the other one between two looks, and nobody has told this node: its
// Corosync stood still while the process did not.
static void node_whose_ring_stood_still_waits(void **state)
{
    (void)state;
    struct net *net = device_net();
    net_split(net, APART, NOTHING_KEPT);
    net->device_part = 1;
    pass(net, NET_DEVICE_WAIT_MS + 1000, 0);
    assert_true(net_is_serving(net, 1));
    size_t request = net_put(net, 1, "a", "x", STORE_ANY);
    pass(net, 500, 0);
    assert_int_equal(net_answer(net, request)->answer.code, 0);
    net_crash(net, 1, true, 0);
    net->device_part = 0;
    pass(net, LONG_MS, -1);
    assert_true(net_is_quorate(net, 0));
    assert_false(net_is_serving(net, 0));
    net_free(net);
}

static void node_that_stood_still_waits(void **state)
{
    (void)state;
    struct net *net = device_net();
    net_tick(net, 20000); // and the other one as well
    net_run(net);
    net_crash(net, 1, true, 0);
    pass(net, LONG_MS, -1);
    assert_false(net_is_serving(net, 0));
    net_free(net);
}

static void restarted_node_waits(void **state)
{
    (void)state;
    struct net *net = device_net();
    net_crash(net, 1, true, 0);
    net_crash(net, 0, true, 0);
    net_start(net, 0);
    pass(net, LONG_MS, -1);
    assert_false(net_is_serving(net, 0));
    net_force_expected(net, 0, 1); // the operator knows better
    net_settle(net);
    assert_true(net_is_serving(net, 0));
    net_free(net);
}

// While it waits the vote goes away and comes back: in between the other one may have had it.
static void vote_that_goes_away_during_the_wait_does_not_count_again(void **state)
{
    (void)state;
    struct net *net = device_net();
    net_split(net, APART, NOTHING_KEPT);
    net_give_device(net, 0);
    pass(net, NET_DEVICE_WAIT_MS / 2, -1);
    net_give_device(net, 1);
    pass(net, 1000, -1);
    net_give_device(net, 0);
    pass(net, LONG_MS, -1);
    assert_false(net_is_serving(net, 0));
    assert_false(net_is_serving(net, 1));
    net_heal(net);
    net_give_device(net, 0);
    net_settle(net);
    assert_true(net_is_serving(net, 1));
    net_free(net);
}

static void without_a_device_nothing_is_sent_while_idle(void **state)
{
    (void)state;
    struct net *with = device_net();
    struct net *without = net_new(2);
    net_settle(without);
    size_t before = without->nodes[0].multicasts_count;
    size_t batches = with->nodes[0].batches_count;
    size_t pulses = with->nodes[0].multicasts_count;
    pass(without, 5000, -1);
    pass(with, 5000, -1);
    assert_int_equal(without->nodes[0].multicasts_count, before);
    assert_in_range(with->nodes[0].multicasts_count - pulses, 10, 25);
    assert_int_equal(with->nodes[0].batches_count, batches);
    net_free(with);
    net_free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survivor_goes_on_with_the_device_after_the_wait),
        cmocka_unit_test(survivor_goes_on_after_its_own_restart),
        cmocka_unit_test(node_that_was_without_the_device_meanwhile_waits),
        cmocka_unit_test(node_whose_ring_stood_still_waits),
        cmocka_unit_test(node_that_stood_still_waits),
        cmocka_unit_test(restarted_node_waits),
        cmocka_unit_test(vote_that_goes_away_during_the_wait_does_not_count_again),
        cmocka_unit_test(without_a_device_nothing_is_sent_while_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
