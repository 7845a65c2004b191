// SPDX-License-Identifier: Apache-2.0
// Two histories that meet: what may have been confirmed on the side that is overridden is set aside
// before anything of it is gone. And two versions of the program that meet.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

static const unsigned ALONE_3[NET_NODES_MAX] = {0, 0, 1, 0, 0};
static const unsigned NOTHING_KEPT[NET_NODES_MAX] = {0};

struct heard {
    size_t asides, resyncs, mismatches;
    unsigned node; // of the last of these
    char keys[128], remedy[128];
};

static void hear(struct net *net, unsigned node, const struct event *event, void *userdata)
{
    (void)net;
    struct heard *heard = userdata;
    size_t *count = strcmp(event->name, "store-set-aside") == 0   ? &heard->asides
                    : strcmp(event->name, "store-resync") == 0    ? &heard->resyncs
                    : strcmp(event->name, "format-mismatch") == 0 ? &heard->mismatches
                                                                  : NULL;
    if (count == NULL) {
        return;
    }
    (*count)++;
    heard->node = node;
    const char *keys = event_find(event, "keys");
    const char *remedy = event_find(event, "remedy");
    (void)snprintf(heard->keys, sizeof(heard->keys), "%s", keys != NULL ? keys : "");
    (void)snprintf(heard->remedy, sizeof(heard->remedy), "%s", remedy != NULL ? remedy : "");
}

static struct net *serving_net(unsigned nodes_count, struct heard *heard)
{
    struct net *net = net_new(nodes_count);
    *heard = (struct heard){0};
    net->on_event = hear;
    net->userdata = heard;
    net_settle(net);
    return net;
}

// Three nodes; 1 and 3 are forced on two sides, 2 is gone. Node 1's side is ahead.
static struct net *forced_net(struct heard *heard)
{
    struct net *net = serving_net(3, heard);
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
    assert_true(net_is_serving(net, 2));
    return net;
}

static int done(struct net *net, unsigned node, const char *key, const char *value)
{
    size_t request = net_put(net, node, key, value, STORE_ANY);
    for (unsigned i = 0; i < 20 && !net_answer(net, request)->is_answered; i++) {
        net_run(net);
        net_tick(net, 100);
    }
    assert_true(net_answer(net, request)->is_answered);
    return net_answer(net, request)->answer.code;
}

static void overridden_side_is_set_aside_before_it_goes(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = forced_net(&heard);
    assert_int_equal(done(net, 0, "left", "x"), 0);
    assert_int_equal(done(net, 2, "right", "y"), 0);
    assert_int_equal(done(net, 2, "common", "1"), 0);
    net_heal(net);
    while (net->nodes[2].asides_count == 0) {
        assert_true(map_has(&net->nodes[2].disk, "right")); // nothing is gone yet
        assert_false(map_has(&net->nodes[2].disk, "left"));
        bool has_moved = false;
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                has_moved = net_step(net, node, step) || has_moved;
            }
        }
        if (!has_moved) {
            net_tick(net, 100);
        }
    }
    net_settle(net);
    assert_int_equal(heard.asides, 1);
    assert_int_equal(heard.node, 2);
    assert_true(map_has(&net->nodes[2].aside, "right"));
    assert_string_equal(heard.keys, "common right");
    assert_int_equal(net->nodes[0].asides_count, 0);
    assert_string_equal(net_value(net, 2, "left", NULL), "x");
    assert_string_equal(net_value(net, 2, "common", NULL), "0");
    assert_null(net_value(net, 0, "right", NULL));
    net_start(net, 1);
    net_settle(net);
    net_check_equal(net);
    assert_int_equal(net->nodes[1].asides_count, 0);
    net_free(net);
}

static void side_that_wrote_nothing_leaves_no_file(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = forced_net(&heard);
    assert_int_equal(done(net, 0, "left", "x"), 0);
    net_heal(net);
    net_settle(net);
    assert_int_equal(heard.asides, 0);
    assert_true(heard.resyncs > 0);
    net_free(net);
}

static void tail_that_nobody_confirmed_leaves_no_file(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    (void)net_put(net, 2, "lonely", "x", STORE_ANY);
    assert_true(net_step(net, 2, NET_STEP_ORDER));
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    assert_true(map_has(&net->nodes[2].disk, "lonely"));
    net_heal(net);
    net_settle(net);
    assert_int_equal(heard.asides, 0);
    assert_true(heard.resyncs > 0);
    assert_null(net_value(net, 2, "lonely", NULL));
    net_free(net);
}

// Confirmed in a common epoch, by two of whom none was there when the third was told to go on.
static void confirmed_end_of_a_common_epoch_is_set_aside(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    size_t request = net_put(net, 0, "confirmed", "x", STORE_ANY);
    for (unsigned i = 0; i < 100; i++) { // node 3 stands still
        for (unsigned node = 0; node < 2; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    assert_int_equal(net_answer(net, request)->answer.code, 0);
    assert_true(net_answer(net, request)->is_answered);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_crash(net, 0, true, 9);
    net_crash(net, 1, true, 9);
    net_settle(net);
    net_force_expected(net, 2, 1);
    net_settle(net);
    assert_int_equal(done(net, 2, "alone", "y"), 0);
    net_heal(net);
    net_start(net, 0);
    net_start(net, 1);
    net_settle(net);
    for (unsigned node = 0; node < 2; node++) {
        assert_int_equal(net->nodes[node].asides_count, 1);
        assert_true(map_has(&net->nodes[node].aside, "confirmed"));
        assert_string_equal(net_value(net, node, "alone", NULL), "y");
    }
    net_free(net);
}

// Node 2 stands still.
static void run_without_2(struct net *net)
{
    static const unsigned running[] = {0, 3};
    for (unsigned i = 0; i < 100; i++) {
        for (size_t n = 0; n < ARRAY_SIZE(running); n++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, running[n], step);
            }
        }
    }
}

// Four nodes of which three are expected: 1 and 4 are a quorum, and so are 2 and 3. What the first
// two confirm is missing to the others, who have something else of the same version.
static void half_that_was_not_expected_is_set_aside_and_its_leases_are_unknown(void **state)
{
    (void)state;
    static const unsigned halves[NET_NODES_MAX] = {0, 1, 1, 0, 0};
    struct heard heard;
    struct net *net = serving_net(4, &heard);
    net_tick(net, NET_LEASE_MS); // since nobody remembers a lease
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    net_force_expected(net, 0, 3);
    net_settle(net);
    size_t lease = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "lease", 0, 0);
    net_settle(net);
    assert_int_equal(net_answer(net, lease)->answer.code, 0);
    size_t confirmed = net_put(net, 0, "confirmed", "x", STORE_ANY);
    assert_true(net_step(net, 0, NET_STEP_ORDER));
    (void)net_put(net, 1, "gap", "y", STORE_ANY);
    assert_true(net_step(net, 1, NET_STEP_ORDER));
    run_without_2(net);
    assert_true(net_answer(net, confirmed)->is_answered);
    assert_int_equal(net_answer(net, confirmed)->answer.code, 0);
    net_split(net, halves, NOTHING_KEPT);
    net_force_expected(net, 1, 3);
    net_crash(net, 0, true, 9);
    net_crash(net, 3, true, 9);
    net_settle(net);
    assert_true(net_is_serving(net, 1));
    struct replica_lease record;
    assert_false(replica_find_lease(net->nodes[1].replica, net_clock(net, 1), "lease", &record));
    assert_int_equal(done(net, 1, "after", "z"), 0);
    net_heal(net);
    net_start(net, 0);
    net_start(net, 3);
    net_settle(net);
    assert_string_equal(net_value(net, 0, "after", NULL), "z");
    assert_null(net_value(net, 0, "confirmed", NULL));
    assert_true(map_has(&net->nodes[0].aside, "confirmed"));
    assert_true(map_has(&net->nodes[3].aside, "confirmed"));
    net_free(net);
}

// Two of five nodes by force: whatever an operator says of votes after that, they know what they
// have granted.
static void same_members_of_a_forced_quorum_keep_their_leases_until_it_is_lost(void **state)
{
    (void)state;
    static const unsigned parts[NET_NODES_MAX] = {0, 0, 1, 1, 1};
    static const unsigned apart[NET_NODES_MAX] = {2, 3, 1, 1, 1};
    struct heard heard;
    struct net *net = serving_net(5, &heard);
    net_split(net, parts, NOTHING_KEPT);
    net_force_expected(net, 0, 2);
    net_settle(net);
    net_tick(net, NET_LEASE_MS);
    size_t lease = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "lease", 0, 0);
    net_settle(net);
    assert_int_equal(net_answer(net, lease)->answer.code, 0);
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    net_force_expected(net, 0, 3);
    net_settle(net);
    assert_true(replica_epoch(net->nodes[0].replica) > epoch);
    struct replica_lease record;
    assert_true(replica_find_lease(net->nodes[0].replica, net_clock(net, 0), "lease", &record));
    // They lose the quorum, and it is forced anew: others may have had it meanwhile.
    net_split(net, apart, NOTHING_KEPT);
    net_settle(net);
    assert_false(net_is_serving(net, 0));
    net_tick(net, 3000);
    net_split(net, parts, NOTHING_KEPT);
    net_force_expected(net, 0, 2);
    net_settle(net);
    assert_true(net_is_serving(net, 0));
    assert_false(replica_find_lease(net->nodes[0].replica, net_clock(net, 0), "lease", &record));
    net_free(net);
}

static void nothing_is_adopted_while_the_file_cannot_be_written(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = forced_net(&heard);
    assert_int_equal(done(net, 2, "right", "y"), 0);
    assert_int_equal(done(net, 0, "left", "x"), 0);
    net_start(net, 1); // so that the others are a quorum without node 3
    net->nodes[2].is_aside_refused = true;
    net_heal(net);
    for (unsigned i = 0; i < 300; i++) {
        net_run(net);
        net_tick(net, 100);
    }
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 1));
    assert_false(net_is_serving(net, 2));
    assert_true(map_has(&net->nodes[2].disk, "right"));
    assert_int_equal(net->nodes[2].asides_count, 0);
    assert_int_equal(done(net, 0, "meanwhile", "z"), 0);
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    net->nodes[2].is_aside_refused = false;
    net_settle(net);
    assert_int_equal(net->nodes[2].asides_count, 1);
    assert_int_equal(replica_epoch(net->nodes[0].replica), epoch); // nobody was disturbed
    assert_string_equal(net_value(net, 2, "meanwhile", NULL), "z");
    net_check_equal(net);
    net_free(net);
}

// Power is cut after the file is written and before the other history is.
static void power_cut_after_setting_aside_sets_aside_again(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = forced_net(&heard);
    assert_int_equal(done(net, 2, "right", "y"), 0);
    assert_int_equal(done(net, 0, "left", "x"), 0);
    net_heal(net);
    for (unsigned i = 0; net->nodes[2].asides_count == 0; i++) {
        assert_true(i < 1000);
        net_tick(net, 10);
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)(net->nodes[2].asides_count == 0 ? net_step(net, node, step) : false);
            }
        }
    }
    net_crash(net, 2, true, 0);
    net_start(net, 2);
    net_settle(net);
    assert_int_equal(net->nodes[2].asides_count, 2);
    assert_true(map_has(&net->nodes[2].aside, "right"));
    assert_string_equal(net_value(net, 2, "left", NULL), "x");
    net_free(net);
}

// Else an empty store, begun by a node that has just come, could override the real one.
static void empty_node_begins_no_store_by_force(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    net_crash(net, 2, true, 0);
    net_wipe_disk(net, 2);
    assert_int_equal(done(net, 0, "a", "x"), 0);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_start(net, 2);
    net_run(net);
    net_force_expected(net, 2, 1);
    for (unsigned i = 0; i < 100; i++) {
        net_run(net);
        net_tick(net, 100);
    }
    assert_true(net_is_quorate(net, 2));
    assert_false(net_is_serving(net, 2));
    net_heal(net);
    net_settle(net);
    assert_string_equal(net_value(net, 2, "a", NULL), "x");
    net_free(net);
}

// --- versions of the program ---------------------------------------------------------------------

static void restart_speaking(struct net *net, unsigned node, uint8_t lowest, uint8_t highest)
{
    if (net->nodes[node].is_alive) {
        net_crash(net, node, true, 9);
        net_run(net);
    }
    net->nodes[node].lowest_format = lowest;
    net->nodes[node].highest_format = highest;
    net_start(net, node);
}

static void rolling_upgrade_speaks_the_old_format_until_all_know_the_new_one(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    assert_int_equal(net->nodes[0].format, 2);
    for (unsigned node = 0; node < 3; node++) { // back to the version before
        restart_speaking(net, node, 1, 1);
    }
    net_settle(net);
    assert_int_equal(done(net, 0, "a", "w"), 0);
    assert_int_equal(net->nodes[0].format, 1);
    for (unsigned node = 0; node < 3; node++) {
        restart_speaking(net, node, 1, 2);
        net_settle(net);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(net_is_serving(net, i));
        }
        assert_int_equal(done(net, node, "a", "x"), 0);
        assert_int_equal(net->nodes[node].format, node < 2 ? 1 : 2);
    }
    for (unsigned node = 0; node < 3; node++) { // the next version drops format 1
        restart_speaking(net, node, 2, 3);
        net_settle(net);
        assert_int_equal(done(net, node, "a", "y"), 0);
        assert_int_equal(net->nodes[node].format, node < 2 ? 2 : 3);
    }
    assert_int_equal(heard.mismatches, 0);
    net_check_equal(net);
    net_free(net);
}

static void node_without_a_common_format_is_refused_once_and_disturbs_nobody(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    restart_speaking(net, 2, 3, 4);
    for (unsigned i = 0; i < 20; i++) {
        net_run(net);
        net_tick(net, 100);
    }
    assert_true(net_is_serving(net, 0));
    assert_true(net_is_serving(net, 1));
    assert_false(net_is_serving(net, 2));
    assert_int_equal(heard.mismatches, 4); // two of one, one of two
    uint64_t epoch = replica_epoch(net->nodes[0].replica);
    for (unsigned i = 0; i < 1000; i++) {
        net_run(net);
        net_tick(net, 200);
    }
    assert_int_equal(done(net, 0, "a", "x"), 0);
    assert_int_equal(heard.mismatches, 4);
    assert_int_equal(replica_epoch(net->nodes[0].replica), epoch);
    size_t refused = net_put(net, 2, "b", "x", STORE_ANY);
    net_tick(net, 31000);
    net_run(net);
    assert_int_equal(net_answer(net, refused)->answer.code, -EHOSTDOWN);
    restart_speaking(net, 2, 1, 4);
    net_settle(net);
    assert_true(net_is_serving(net, 2));
    assert_string_equal(net_value(net, 2, "a", NULL), "x");
    net_free(net);
}

static void votes_of_a_node_without_a_common_format_do_not_count(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(3, &heard);
    restart_speaking(net, 2, 3, 4);
    net_run(net);
    net_crash(net, 1, true, 9);
    for (unsigned i = 0; i < 100; i++) {
        net_run(net);
        net_tick(net, 200);
    }
    assert_true(net_is_quorate(net, 0)); // two are there
    assert_false(net_is_serving(net, 0));
    assert_false(net_is_serving(net, 2));
    net_free(net);
}

static void side_with_more_votes_goes_on_and_of_equal_ones_the_older(void **state)
{
    (void)state;
    struct heard heard;
    struct net *net = serving_net(5, &heard);
    restart_speaking(net, 0, 3, 3);
    restart_speaking(net, 1, 1, 2);
    restart_speaking(net, 2, 2, 3);
    restart_speaking(net, 3, 1, 1);
    restart_speaking(net, 4, 1, 1);
    for (unsigned i = 0; i < 30; i++) {
        net_run(net);
        net_tick(net, 200);
    }
    assert_true(net_is_serving(net, 1)); // with 4 and 5, in format 1
    assert_true(net_is_serving(net, 4));
    assert_false(net_is_serving(net, 0));
    assert_false(net_is_serving(net, 2));
    assert_int_equal(net->nodes[1].format, 1);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overridden_side_is_set_aside_before_it_goes),
        cmocka_unit_test(side_that_wrote_nothing_leaves_no_file),
        cmocka_unit_test(tail_that_nobody_confirmed_leaves_no_file),
        cmocka_unit_test(confirmed_end_of_a_common_epoch_is_set_aside),
        cmocka_unit_test(half_that_was_not_expected_is_set_aside_and_its_leases_are_unknown),
        cmocka_unit_test(same_members_of_a_forced_quorum_keep_their_leases_until_it_is_lost),
        cmocka_unit_test(nothing_is_adopted_while_the_file_cannot_be_written),
        cmocka_unit_test(power_cut_after_setting_aside_sets_aside_again),
        cmocka_unit_test(empty_node_begins_no_store_by_force),
        cmocka_unit_test(rolling_upgrade_speaks_the_old_format_until_all_know_the_new_one),
        cmocka_unit_test(node_without_a_common_format_is_refused_once_and_disturbs_nobody),
        cmocka_unit_test(votes_of_a_node_without_a_common_format_do_not_count),
        cmocka_unit_test(side_with_more_votes_goes_on_and_of_equal_ones_the_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
