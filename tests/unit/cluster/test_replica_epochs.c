// SPDX-License-Identifier: Apache-2.0
// Epochs: which history is adopted, what becomes of writes under way, members that are silent,
// slow, new, or have lost their disk, and a quorum that was forced on two sides.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/message.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

static const unsigned TOGETHER[NET_NODES_MAX] = {0};
static const unsigned ALONE_1[NET_NODES_MAX] = {1, 0, 0, 0, 0};
static const unsigned ALONE_2[NET_NODES_MAX] = {0, 1, 0, 0, 0};
static const unsigned ALONE_3[NET_NODES_MAX] = {0, 0, 1, 0, 0};
static const unsigned NOTHING_KEPT[NET_NODES_MAX] = {0};
static const unsigned ALL_KEPT[NET_NODES_MAX] = {100, 100, 100, 100, 100};

enum { LARGE_BYTES = REPLICA_MESSAGE_MAX };

// The last event of a name.
struct heard {
    const char *name;
    size_t count;
    unsigned node;
    char keys[256];
    char blank[64];
    int64_t discarded;
};

static void hear(struct net *net, unsigned node, const struct event *event, void *userdata)
{
    (void)net;
    struct heard *heard = userdata;
    if (strcmp(event->name, heard->name) != 0) {
        return;
    }
    const char *keys = event_find(event, "keys");
    const char *blank = event_find(event, "blank");
    heard->count++;
    heard->node = node;
    (void)snprintf(heard->keys, sizeof(heard->keys), "%s", keys != NULL ? keys : "");
    (void)snprintf(heard->blank, sizeof(heard->blank), "%s", blank != NULL ? blank : "");
    for (size_t i = 0; i < event->fields_count; i++) {
        if (strcmp(event->fields[i].key, "discarded") == 0) {
            heard->discarded = event->fields[i].integer;
        }
    }
}

static void hear_of(struct net *net, struct heard *heard, const char *name)
{
    *heard = (struct heard){.name = name};
    net->on_event = hear;
    net->userdata = heard;
}

static struct net *serving_net(unsigned nodes_count)
{
    struct net *net = net_new(nodes_count);
    net_settle(net);
    return net;
}

static int code_of(const struct net *net, size_t request)
{
    assert_true(net_answer(net, request)->is_answered);
    return net_answer(net, request)->answer.code;
}

// All nodes but one take all steps they can.
static void run_without(struct net *net, unsigned silent)
{
    for (unsigned rounds = 0; rounds < 500; rounds++) {
        for (unsigned node = 0; node < net->nodes_count; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX && node != silent;
                 step++) {
                (void)net_step(net, node, step);
            }
        }
    }
}

// --- writes under way ----------------------------------------------------------------------------

static void write_not_ordered_before_a_change_is_done_once_after_it(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    size_t put = net_put(net, 0, "a", "1", STORE_ANY); // still in its node's queue
    net_crash(net, 2, true, 0);
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    assert_int_equal(replica_epoch(net->nodes[0].replica), epoch + 1);
    uint64_t version = 0;
    assert_string_equal(net_value(net, 1, "a", &version), "1");
    assert_int_equal(version, net_answer(net, put)->answer.version);
    net_free(net);
}

static void write_delivered_before_a_change_is_committed_with_it(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t put = net_put(net, 0, "a", "1", STORE_ANY);
    assert_true(net_step(net, 0, NET_STEP_ORDER));
    net_split(net, ALONE_3, ALL_KEPT);
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    assert_string_equal(net_value(net, 1, "a", NULL), "1");
    net_free(net);
}

static void write_waits_for_the_synchronisation(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    while (replica_mode(net->nodes[0].replica) != REPLICA_MODE_SYNCING) {
        assert_true(net_step(net, 0, NET_STEP_DELIVER));
    }
    size_t put = net_put(net, 0, "a", "1", STORE_ANY);
    assert_false(net_answer(net, put)->is_answered);
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    net_free(net);
}

static void write_survives_that_the_quorum_is_told_late(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    net->tell_quorum_late = true;
    size_t sent = net_put(net, 0, "a", "1", STORE_ANY);
    net_split(net, ALONE_3, ALL_KEPT);
    while (net_step(net, 0, NET_STEP_DELIVER)) {
    }
    assert_int_equal(replica_mode(net->nodes[0].replica), REPLICA_MODE_SYNCING);
    size_t waiting = net_put(net, 0, "b", "1", STORE_ANY);
    net_settle(net);
    assert_int_equal(code_of(net, sent), 0);
    assert_int_equal(code_of(net, waiting), 0);
    net_free(net);
}

static void write_of_a_node_that_loses_quorum_has_no_known_outcome(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t put = net_put(net, 2, "a", "1", STORE_ANY);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    assert_int_equal(code_of(net, put), -ETIMEDOUT);
    net_heal(net);
    net_settle(net);
    assert_null(net_value(net, 0, "a", NULL)); // late, of another epoch: dropped by all
    net_free(net);
}

// INV-3: whatever was sent in an epoch does nothing in a later one, were it still under way.
static void late_write_of_a_former_epoch_does_nothing(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t put = net_put(net, 0, "a", "1", STORE_ANY);
    assert_true(net_hold(net, 0, MESSAGE_MUTATION));
    net_crash(net, 2, true, 0);
    net_settle(net);
    assert_int_equal(code_of(net, put), 0); // sent again
    uint64_t version = 0;
    assert_string_equal(net_value(net, 1, "a", &version), "1");
    net_let_go(net, 0);
    net_settle(net);
    uint64_t later = 0;
    assert_string_equal(net_value(net, 1, "a", &later), "1");
    assert_int_equal(later, version);
    assert_int_equal(replica_version(net->nodes[0].replica), version);
    net_free(net);
}

static void late_ready_of_a_former_epoch_does_not_count(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    net_crash(net, 2, true, 0);
    bool is_held = false;
    for (unsigned rounds = 0; !is_held; rounds++) {
        assert_true(rounds < 100);
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
            is_held = is_held || net_hold(net, 1, MESSAGE_READY);
            (void)net_step(net, 0, step);
            (void)net_step(net, 1, step);
        }
    }
    net_start(net, 2);
    net_crash(net, 2, true, 0); // and so another epoch, in which node 2's disk stands still
    for (unsigned rounds = 0; rounds < 100; rounds++) {
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
            (void)net_step(net, 0, step);
            bool is_promised = net->nodes[1].disk_epoch == net->nodes[0].disk_epoch;
            (void)(step == NET_STEP_DISK && is_promised ? false : net_step(net, 1, step));
        }
    }
    assert_false(net_is_serving(net, 0));
    net_let_go(net, 1);
    for (unsigned rounds = 0; rounds < 100; rounds++) {
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_DISK; step++) {
            (void)net_step(net, 0, step);
            (void)net_step(net, 1, step);
        }
    }
    assert_false(net_is_serving(net, 0)); // one disk alone has the epoch
    net_settle(net);
    assert_true(net_is_serving(net, 0));
    net_free(net);
}

// What one alone delivered, and persisted, was promised to nobody.
static void tail_that_only_one_has_is_discarded_and_told(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    struct heard heard;
    hear_of(net, &heard, "store-resync");
    (void)net_put(net, 2, "lonely/1", "x", STORE_ANY);
    (void)net_step(net, 2, NET_STEP_ORDER);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    assert_true(map_has(&net->nodes[2].disk, "lonely/1"));
    (void)net_put(net, 0, "common/1", "y", STORE_ANY);
    net_settle(net);
    net_heal(net);
    net_settle(net);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.node, 2);
    assert_null(net_value(net, 2, "lonely/1", NULL));
    assert_string_equal(net_value(net, 2, "common/1", NULL), "y");
    assert_false(map_has(&net->nodes[2].disk, "lonely/1"));
    net_check_equal(net);
    net_free(net);
}

// --- members -------------------------------------------------------------------------------------

static void silent_member_is_left_behind_and_joins_when_it_wakes(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    net_crash(net, 1, true, 0);
    net_start(net, 1);
    run_without(net, 2); // node 3 is in the group, and stands still
    assert_false(net_is_serving(net, 0));
    net_tick(net, 600);
    run_without(net, 2);
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 1));
    size_t put = net_put(net, 0, "b", "2", STORE_ANY);
    run_without(net, 2);
    assert_int_equal(code_of(net, put), 0);
    net_run(net); // it wakes, and needs no time to be one of them
    assert_true(net_is_serving(net, 2));
    assert_string_equal(net_value(net, 2, "b", NULL), "2");
    net_check_equal(net);
    net_free(net);
}

static void silent_decider_is_stepped_over(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    net_crash(net, 2, true, 0);
    net_start(net, 2);
    run_without(net, 0); // node 1 would decide
    net_tick(net, 600);
    run_without(net, 0);
    assert_true(net_is_serving(net, 1));
    assert_true(net_is_serving(net, 2));
    net_run(net);
    assert_true(net_is_serving(net, 0));
    net_free(net);
}

static void silent_donor_is_replaced(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    (void)net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    (void)net_put(net, 0, "b", "2", STORE_ANY);
    net_settle(net);
    net_heal(net);
    // Node 1, which is the donor, stands still once its decision is ordered.
    for (int i = 0; i < 200 && replica_mode(net->nodes[2].replica) != REPLICA_MODE_SERVING; i++) {
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)(node == 0 && i > 4 ? false : net_step(net, node, step));
            }
        }
    }
    for (int i = 0; i < 100 && !net_is_serving(net, 2); i++) {
        net_tick(net, 250);
        run_without(net, 0);
    }
    assert_true(net_is_serving(net, 2));
    assert_string_equal(net_value(net, 2, "b", NULL), "2");
    net_settle(net);
    net_check_equal(net);
    net_free(net);
}

// A store whose history travels in many parts, and node 3 about to join it.
static struct net *net_with_joiner(void)
{
    struct net *net = serving_net(3);
    net_crash(net, 2, true, 0);
    net_settle(net);
    char *large = alloc_zero(LARGE_BYTES + 1);
    memset(large, 'x', LARGE_BYTES);
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "large/%d", i);
        (void)net_put(net, 0, key, large, STORE_ANY);
    }
    free(large);
    net_settle(net);
    net_start(net, 2);
    return net;
}

// One step of each kind for each node, until node 1 serves.
static void serve_again(struct net *net)
{
    for (unsigned rounds = 0; rounds < 50; rounds++) {
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
        if (rounds > 2 && net_is_serving(net, 0)) {
            return;
        }
    }
    fail_msg("node 1 does not serve");
}

// While one member is still receiving the history the others serve, and it misses nothing.
static void slow_joiner_blocks_no_one_and_misses_nothing(void **state)
{
    (void)state;
    struct net *net = net_with_joiner();
    serve_again(net);
    assert_false(net_is_serving(net, 2));
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    size_t put = 0;
    for (int i = 0; i < 5; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "b/%d", i);
        put = net_put(net, 1, key, "2", STORE_ANY);
    }
    for (unsigned rounds = 0; !net_is_serving(net, 2); rounds++) {
        assert_true(rounds < 200);
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    assert_int_equal(code_of(net, put), 0); // before it had all of the history
    net_settle(net);
    assert_int_equal(replica_epoch(net->nodes[0].replica), epoch); // it needed no other one
    assert_string_equal(net_value(net, 2, "b/4", NULL), "2");
    net_check_equal(net);
    net_free(net);
}

static void joiner_that_cannot_keep_up_asks_again(void **state)
{
    (void)state;
    struct net *net = net_with_joiner();
    serve_again(net);
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    char *large = alloc_zero(LARGE_BYTES + 1);
    memset(large, 'y', LARGE_BYTES);
    for (size_t i = 0; i < 3 * (size_t)REPLICA_TXN_MAX / LARGE_BYTES; i++) {
        (void)net_put(net, 1, "live/large", large, STORE_ANY);
    }
    free(large);
    for (unsigned rounds = 0; replica_epoch(net->nodes[0].replica) == epoch; rounds++) {
        assert_true(rounds < 5000);
        while (net_hold(net, 0, MESSAGE_SNAPSHOT)) { // all before the next part of the history
        }
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    net_let_go(net, 0);
    net_settle(net);
    assert_true(net_is_serving(net, 2));
    assert_true(replica_epoch(net->nodes[0].replica) > epoch);
    net_check_equal(net);
    net_free(net);
}

static void nodes_are_added_and_removed(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    (void)net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    for (unsigned node = 1; node < 4; node++) {
        net_add_node(net);
        net_start(net, node);
        net_settle(net);
        assert_true(net_is_serving(net, node));
        assert_string_equal(net_value(net, node, "a", NULL), "1");
    }
    net_crash(net, 3, true, 0);
    net_settle(net);
    net_remove_node(net);
    net_settle(net);
    net_crash(net, 2, true, 0);
    net_settle(net); // two of three are a quorum again
    assert_true(net_is_serving(net, 0));
    net_free(net);
}

// --- lost disks ----------------------------------------------------------------------------------

static void member_without_disk_does_not_vouch_for_what_it_lost(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    struct heard heard;
    hear_of(net, &heard, "store-waiting");
    net_crash(net, 2, true, 0);
    net_settle(net);
    size_t put = net_put(net, 0, "a", "1", STORE_ANY); // on the disks of nodes 1 and 2
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    net_crash(net, 0, true, 0);
    net_crash(net, 1, true, 0);
    net_wipe_disk(net, 1);
    net_start(net, 1);
    net_start(net, 2); // quorate, and neither has it
    for (int i = 0; i < 100; i++) {
        net_run(net);
        net_tick(net, 250);
    }
    assert_false(net_is_serving(net, 1));
    assert_false(net_is_serving(net, 2));
    assert_true(heard.count > 0);
    assert_string_equal(heard.blank, "2");
    net_start(net, 0);
    net_settle(net);
    assert_string_equal(net_value(net, 1, "a", NULL), "1");
    assert_string_equal(net_value(net, 2, "a", NULL), "1");
    net_free(net);
}

static void member_without_disk_gets_it_back_from_a_quorum(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    (void)net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    net_crash(net, 0, true, 0);
    net_wipe_disk(net, 0);
    net_start(net, 0);
    net_settle(net);
    assert_string_equal(net_value(net, 0, "a", NULL), "1");
    assert_true(map_has(&net->nodes[0].disk, "a"));
    net_free(net);
}

static void two_nodes_survive_the_loss_of_one_disk(void **state)
{
    (void)state;
    struct net *net = serving_net(2);
    (void)net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    net_crash(net, 0, true, 0);
    net_wipe_disk(net, 0);
    net_start(net, 0);
    net_settle(net);
    assert_string_equal(net_value(net, 0, "a", NULL), "1");
    net_free(net);
}

// --- forced quorum -------------------------------------------------------------------------------

static void forced_sides_merge_to_the_more_advanced_history(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    struct heard heard;
    (void)net_put(net, 0, "common", "0", STORE_ANY);
    net_settle(net);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    net_crash(net, 1, true, 0);
    net_settle(net);
    net_force_expected(net, 0, 1);
    net_force_expected(net, 2, 1);
    net_settle(net);
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 2)); // both believe to be the cluster
    (void)net_put(net, 0, "left/1", "x", STORE_ANY);
    (void)net_put(net, 2, "right/1", "y", STORE_ANY);
    (void)net_put(net, 2, "right/2", "y", STORE_ANY);
    (void)net_put(net, 2, "common", NULL, STORE_ANY);
    net_settle(net);
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    bool left_wins = epoch > replica_epoch(net->nodes[2].replica);
    assert_true(left_wins); // it has served one epoch more, with node 2
    hear_of(net, &heard, "store-resync");
    net_heal(net);
    net_settle(net);
    assert_string_equal(net_value(net, 2, "left/1", NULL), "x");
    assert_null(net_value(net, 0, "right/1", NULL));
    assert_string_equal(net_value(net, 2, "common", NULL), "0");
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.node, 2);
    assert_string_equal(heard.keys, "right/1 right/2 common");
    assert_int_equal(heard.discarded, 3);
    net_check_equal(net);
    net_free(net);
}

static void forced_sides_of_equal_length_merge_to_the_lowest_id(void **state)
{
    (void)state;
    struct net *net = serving_net(2);
    net_split(net, ALONE_2, NOTHING_KEPT);
    net_settle(net);
    net_force_expected(net, 0, 1);
    net_force_expected(net, 1, 1);
    net_settle(net);
    (void)net_put(net, 0, "left", "x", STORE_ANY);
    (void)net_put(net, 1, "right", "y", STORE_ANY);
    net_settle(net);
    net_split(net, TOGETHER, ALL_KEPT);
    net_settle(net);
    assert_string_equal(net_value(net, 1, "left", NULL), "x");
    assert_null(net_value(net, 0, "right", NULL));
    net_check_equal(net);
    net_free(net);
}

// With a quorum of one vote a member that was cut off and does not know it yet is still no quorum
// in a group of two.
static void quorum_of_one_vote_needs_a_majority_of_those_present(void **state)
{
    (void)state;
    struct net *net = serving_net(2);
    net_split(net, ALONE_2, NOTHING_KEPT);
    net_settle(net);
    net_force_expected(net, 0, 1);
    net_settle(net);
    net_split(net, TOGETHER, ALL_KEPT);
    for (unsigned part = 0; part < NET_NODES_MAX; part++) {
        net->part_expected[part] = 1; // as the option for two nodes does
    }
    net_settle(net);
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 1));
    size_t put = net_put(net, 1, "a", "1", STORE_ANY);
    for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
        (void)net_step(net, 1, step);
    }
    for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
        (void)net_step(net, 1, step); // delivers its own acknowledgement
    }
    assert_false(net_answer(net, put)->is_answered);
    assert_null(net_value(net, 1, "a", NULL));
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    net_free(net);
}

// --- promises ------------------------------------------------------------------------------------

// An epoch that is on any disk is promised on the disks of a quorum, so that its number is not used
// again, whoever crashes.
// --- a history with a gap ------------------------------------------------------------------------

static void steps(struct net *net, unsigned node, const enum net_step *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(net_step(net, node, list[i]));
    }
}

// Two members confirm a write of which the third, slow one has heard nothing when it is cut off; it
// then delivers its own three, which are in the order behind that. Afterwards no two have the same,
// and that third one's history is the longest.
static void confirm_beside_a_gap(struct net *net)
{
    static const enum net_step write[] = {NET_STEP_ORDER, NET_STEP_DELIVER, NET_STEP_FLUSH,
                                          NET_STEP_DISK, NET_STEP_ORDER};
    static const enum net_step acknowledge[] = {NET_STEP_DELIVER, NET_STEP_FLUSH, NET_STEP_DISK,
                                                NET_STEP_ORDER};
    size_t put = net_put(net, 0, "confirmed", "x", STORE_ANY);
    steps(net, 0, write, ARRAY_SIZE(write));
    steps(net, 1, acknowledge, ARRAY_SIZE(acknowledge));
    while (!net_answer(net, put)->is_answered) {
        assert_true(net_step(net, 0, NET_STEP_DELIVER));
    }
    assert_int_equal(code_of(net, put), 0);
    (void)net_put(net, 1, "tail", "x", STORE_ANY);
    while (net_step(net, 1, NET_STEP_ORDER) || net_step(net, 1, NET_STEP_DELIVER)) {
    }
    (void)net_put(net, 2, "a", "x", STORE_ANY);
    (void)net_put(net, 2, "b", "x", STORE_ANY);
    (void)net_put(net, 2, "c", "x", STORE_ANY);
    while (net_step(net, 2, NET_STEP_ORDER)) {
    }
    net_split(net, ALONE_3, NOTHING_KEPT);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(net_step(net, 2, NET_STEP_DELIVER));
    }
    (void)net_step(net, 1, NET_STEP_FLUSH);
    assert_true(net_step(net, 2, NET_STEP_FLUSH));
    assert_true(net_step(net, 2, NET_STEP_DISK));
}

static void lose_all_power(struct net *net)
{
    for (unsigned node = 0; node < 3; node++) {
        net_crash(net, node, true, 9);
    }
    net_heal(net);
    net_start(net, 1);
    net_start(net, 2);
    assert_true(net->nodes[2].disk_version > net->nodes[1].disk_version);
    assert_true(net->nodes[1].disk_version > net->nodes[0].disk_version);
}

static void longest_history_does_not_win_if_its_member_knows_of_the_gap(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    confirm_beside_a_gap(net);
    assert_true(net_step(net, 2, NET_STEP_DELIVER)); // it is alone: of its own nothing arrived
    assert_true(net_step(net, 2, NET_STEP_FLUSH));
    assert_true(net_step(net, 2, NET_STEP_DISK));
    lose_all_power(net);
    net_settle(net);
    assert_string_equal(net_value(net, 2, "confirmed", NULL), "x");
    assert_string_equal(net_value(net, 2, "tail", NULL), "x");
    assert_null(net_value(net, 1, "a", NULL));
    net_free(net);
}

static void two_ends_of_a_history_wait_for_the_third_member(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    struct heard heard;
    hear_of(net, &heard, "store-waiting");
    confirm_beside_a_gap(net);
    lose_all_power(net); // before it knows that it is alone
    for (unsigned i = 0; i < 100; i++) {
        net_run(net);
        net_tick(net, 100);
    }
    assert_true(net_is_quorate(net, 1));
    assert_false(net_is_serving(net, 1));
    assert_true(heard.count > 0);
    net_start(net, 0);
    net_settle(net);
    assert_string_equal(net_value(net, 2, "confirmed", NULL), "x");
    assert_null(net_value(net, 1, "a", NULL));
    net_free(net);
}

static void epoch_is_promised_by_a_quorum_before_it_is_adopted(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    uint64_t before = net->nodes[0].disk_version;
    net_split(net, ALONE_3, NOTHING_KEPT);
    for (int i = 0; i < 200; i++) {
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
            (void)net_step(net, 0, step);
            (void)(step == NET_STEP_DISK ? false : net_step(net, 1, step));
        }
    }
    assert_int_equal(net->nodes[0].disk_version, before); // promised, not adopted
    assert_int_equal(net->nodes[0].disk_epoch, (before >> REPLICA_EPOCH_SHIFT) + 1);
    assert_true(net_step(net, 1, NET_STEP_DISK));
    for (int i = 0; i < 200; i++) {
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
            (void)net_step(net, 0, step);
            (void)(step == NET_STEP_DISK ? false : net_step(net, 1, step));
        }
    }
    assert_true(net->nodes[0].disk_version > before);
    assert_false(net_is_serving(net, 0)); // one disk alone has it
    uint64_t adopted = net->nodes[0].disk_version >> REPLICA_EPOCH_SHIFT;
    net_crash(net, 0, true, 0);
    net_crash(net, 1, true, 0);
    net_start(net, 1);
    net_split(net, ALONE_1, NOTHING_KEPT);
    net_settle(net);
    assert_true(net_is_serving(net, 2));
    assert_true(replica_epoch(net->nodes[2].replica) > adopted);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_not_ordered_before_a_change_is_done_once_after_it),
        cmocka_unit_test(write_delivered_before_a_change_is_committed_with_it),
        cmocka_unit_test(write_waits_for_the_synchronisation),
        cmocka_unit_test(write_survives_that_the_quorum_is_told_late),
        cmocka_unit_test(write_of_a_node_that_loses_quorum_has_no_known_outcome),
        cmocka_unit_test(late_write_of_a_former_epoch_does_nothing),
        cmocka_unit_test(late_ready_of_a_former_epoch_does_not_count),
        cmocka_unit_test(tail_that_only_one_has_is_discarded_and_told),
        cmocka_unit_test(silent_member_is_left_behind_and_joins_when_it_wakes),
        cmocka_unit_test(silent_decider_is_stepped_over),
        cmocka_unit_test(silent_donor_is_replaced),
        cmocka_unit_test(slow_joiner_blocks_no_one_and_misses_nothing),
        cmocka_unit_test(joiner_that_cannot_keep_up_asks_again),
        cmocka_unit_test(nodes_are_added_and_removed),
        cmocka_unit_test(member_without_disk_does_not_vouch_for_what_it_lost),
        cmocka_unit_test(member_without_disk_gets_it_back_from_a_quorum),
        cmocka_unit_test(two_nodes_survive_the_loss_of_one_disk),
        cmocka_unit_test(forced_sides_merge_to_the_more_advanced_history),
        cmocka_unit_test(forced_sides_of_equal_length_merge_to_the_lowest_id),
        cmocka_unit_test(quorum_of_one_vote_needs_a_majority_of_those_present),
        cmocka_unit_test(longest_history_does_not_win_if_its_member_knows_of_the_gap),
        cmocka_unit_test(two_ends_of_a_history_wait_for_the_third_member),
        cmocka_unit_test(epoch_is_promised_by_a_quorum_before_it_is_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
