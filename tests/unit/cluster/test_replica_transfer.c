// SPDX-License-Identifier: Apache-2.0
// Histories on their way: what a member that missed little gets and what one that missed much, how
// much is sent, written and kept, and that leases go on meanwhile.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/message.h"
#include "common/base/alloc.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

enum {
    ROWS = 400,
    VALUE_BYTES = 8 * 1024, // 3 MiB in all: a dozen parts
    LARGE_BYTES = 1024 * 1024,
    LARGE_ROWS = 64,
};

static void fill(struct net *net, unsigned node, const char *prefix, unsigned count,
                 size_t size_bytes)
{
    char *value = alloc_zero(size_bytes + 1);
    memset(value, 'v', size_bytes);
    for (unsigned i = 0; i < count; i++) {
        char key[48];
        (void)snprintf(key, sizeof(key), "%s/%u", prefix, i);
        (void)net_put(net, node, key, value, STORE_ANY);
        net_run(net);
    }
    free(value);
}

static struct net *filled_net(unsigned nodes_count)
{
    struct net *net = net_new(nodes_count);
    net_settle(net);
    fill(net, 0, "row", ROWS, VALUE_BYTES);
    return net;
}

// What all nodes have sent since.
static size_t sent_bytes(const struct net *net)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < net->nodes_count; i++) {
        bytes += net->nodes[i].multicasts_bytes;
    }
    return bytes;
}

static void rejoin(struct net *net, unsigned node)
{
    net_start(net, node);
    net_settle(net);
    assert_true(net_is_serving(net, node));
    net_check_equal(net);
}

// --- catching up ---------------------------------------------------------------------------------

static void member_that_missed_little_gets_little(void **state)
{
    (void)state;
    struct net *net = filled_net(3);
    net_crash(net, 2, true, 0);
    net_settle(net);
    fill(net, 0, "new", 20, 100);
    (void)net_put(net, 0, "row/7", NULL, STORE_ANY);
    (void)net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
    net_settle(net);
    size_t before = sent_bytes(net);
    size_t rows = net->nodes[2].batches_rows;
    rejoin(net, 2);
    assert_string_equal(net_value(net, 2, "row/8", NULL), net_value(net, 0, "row/8", NULL));
    assert_non_null(net_value(net, 2, "new/19", NULL));
    assert_null(net_value(net, 2, "row/7", NULL));
    assert_false(map_has(&net->nodes[2].disk, "row/7"));
    assert_true(sent_bytes(net) - before < 20000); // of 3 MiB
    assert_in_range(net->nodes[2].batches_rows - rows, 21, 26);
    net_free(net);
}

// Its memory is new, so that it gets all that is volatile, but its disk has nearly all.
static void member_that_missed_much_gets_all_and_writes_what_differs(void **state)
{
    (void)state;
    struct net *net = filled_net(3);
    net_crash(net, 2, true, 0);
    net_settle(net);
    fill(net, 0, "often", 1, 10);
    for (unsigned i = 0; i < 4200; i++) { // more changes than are remembered
        (void)net_put(net, 0, "often/0", "x", STORE_ANY);
        net_run(net);
    }
    size_t before = sent_bytes(net);
    size_t rows = net->nodes[2].batches_rows;
    rejoin(net, 2);
    assert_true(sent_bytes(net) - before > (size_t)ROWS * VALUE_BYTES);
    assert_in_range(net->nodes[2].batches_rows - rows, 2, 6);
    assert_int_equal(net->nodes[2].disk.count, net->nodes[0].disk.count);
    net_free(net);
}

static void changes_too_large_to_remember_are_sent_as_all(void **state)
{
    (void)state;
    struct net *net = filled_net(3);
    net_crash(net, 2, true, 0);
    net_settle(net);
    fill(net, 0, "large", 10, LARGE_BYTES);
    size_t before = sent_bytes(net);
    rejoin(net, 2);
    assert_true(sent_bytes(net) - before > (size_t)ROWS * VALUE_BYTES);
    net_free(net);
}

// One lacks little, another one all: both get what they need, in one session.
static void members_that_lack_little_and_all_are_served_at_once(void **state)
{
    (void)state;
    struct net *net = filled_net(5);
    net_crash(net, 3, true, 0);
    net_crash(net, 4, true, 0);
    net_wipe_disk(net, 4);
    net_settle(net);
    fill(net, 0, "new", 5, 100);
    net_start(net, 3);
    net_start(net, 4);
    net_settle(net);
    for (unsigned i = 3; i < 5; i++) {
        assert_true(net_is_serving(net, i));
        assert_non_null(net_value(net, i, "new/4", NULL));
        assert_non_null(net_value(net, i, "row/399", NULL));
        assert_int_equal(net->nodes[i].disk.count, net->nodes[0].disk.count);
    }
    net_check_equal(net);
    net_free(net);
}

// What it has beyond the others is not in their history: recent changes cannot help.
static void member_with_a_tail_of_its_own_gets_all(void **state)
{
    (void)state;
    struct net *net = filled_net(3);
    (void)net_put(net, 2, "lonely", "x", STORE_ANY);
    assert_true(net_step(net, 2, NET_STEP_ORDER));
    net_split(net, (const unsigned[NET_NODES_MAX]){0, 0, 1, 0, 0},
              (const unsigned[NET_NODES_MAX]){0});
    net_settle(net);
    fill(net, 0, "new", 5, 100);
    size_t before = sent_bytes(net);
    net_heal(net);
    net_settle(net);
    assert_true(sent_bytes(net) - before > (size_t)ROWS * VALUE_BYTES);
    assert_null(net_value(net, 2, "lonely", NULL));
    assert_false(map_has(&net->nodes[2].disk, "lonely"));
    net_check_equal(net);
    net_free(net);
}

// --- all of a large store ------------------------------------------------------------------------

// Until node 3, which gets 64 MiB, serves: what waits on the ring, and how long the others' leases
// and writes take. One round: each node puts one message on the ring, and all deliver it.
static void large_history_holds_up_nobody(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    net_settle(net);
    net_crash(net, 2, true, 0);
    net_settle(net);
    fill(net, 0, "large", LARGE_ROWS, LARGE_BYTES);
    net_tick(net, NET_LEASE_MS); // after the start of the cluster nobody knows of leases
    net_wipe_disk(net, 2);
    net_start(net, 2);
    size_t asked = 0;
    size_t rounds_asked = 0;
    size_t answered = 0;
    size_t queued_most = 0;
    size_t rounds = 0;
    for (; !net_is_serving(net, 2); rounds++) {
        assert_true(rounds < 5000);
        for (unsigned node = 0; node < 3; node++) {
            (void)net_step(net, node, NET_STEP_ORDER);
        }
        for (unsigned node = 0; node < 3; node++) {
            while (net_step(net, node, NET_STEP_DELIVER)) {
            }
            (void)net_step(net, node, NET_STEP_FLUSH);
            (void)net_step(net, node, NET_STEP_DISK);
            size_t queued = net->nodes[node].outbox.count;
            queued_most = queued > queued_most ? queued : queued_most;
        }
        if (net_is_serving(net, 0) && (asked == 0 || net_answer(net, asked)->is_answered)) {
            if (asked != 0) {
                assert_int_equal(net_answer(net, asked)->answer.code, 0);
                assert_true(rounds - rounds_asked < 20); // the donor's own renewal
                answered++;
            }
            // The donor's own: it stands behind the parts that it has sent.
            asked = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
            rounds_asked = rounds;
        }
    }
    assert_true(answered > 20);
    assert_in_range(queued_most, 4, 16); // parts ahead, never the whole history
    net_settle(net);
    net_check_equal(net);
    assert_non_null(net_value(net, 2, "large/63", NULL));
    net_free(net);
}

static void lease_overtakes_a_large_transaction_of_its_own_node(void **state)
{
    (void)state;
    enum { OPS = 15 };
    struct net *net = net_new(3);
    net_settle(net);
    char *value = alloc_zero(LARGE_BYTES + 1);
    memset(value, 'v', LARGE_BYTES);
    struct replica_op ops[OPS];
    char keys[OPS][16];
    for (int i = 0; i < OPS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k/%d", i);
        ops[i] = (struct replica_op){keys[i], value, LARGE_BYTES, STORE_ANY};
    }
    const struct replica_request large = {
        .kind = REPLICA_REQUEST_TXN, .ops = ops, .ops_count = OPS};
    size_t first = net_request(net, 0, &large);
    size_t second = net_request(net, 0, &large);
    size_t small = net_put(net, 0, "small", "x", STORE_ANY); // in the order in which it was asked
    size_t lease = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
    assert_in_range(net->nodes[0].outbox.count, 2, 8); // of 120 parts
    unsigned rounds = 0;
    while (!net_answer(net, lease)->is_answered) {
        assert_true(++rounds < 20);
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    assert_false(net_answer(net, first)->is_answered);
    net_settle(net);
    assert_int_equal(net_answer(net, first)->answer.code, 0);
    assert_true(net_answer(net, first)->answer.version < net_answer(net, second)->answer.version);
    assert_true(net_answer(net, second)->answer.version < net_answer(net, small)->answer.version);
    net_check_equal(net);
    free(value);
    net_free(net);
}

// The release stands behind what was written under the lease.
static void release_overtakes_nothing(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    net_settle(net);
    size_t got = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
    net_tick(net, NET_LEASE_MS);
    net_settle(net);
    got = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
    net_settle(net);
    uint64_t term = net_answer(net, got)->answer.term;
    assert_true(term > 0);
    char *value = alloc_zero(LARGE_BYTES + 1);
    memset(value, 'v', LARGE_BYTES);
    struct replica_op op = {"k", value, LARGE_BYTES, STORE_ANY};
    size_t last = 0;
    for (int i = 0; i < 8; i++) {
        last = net_request(net, 0,
                           &(struct replica_request){.kind = REPLICA_REQUEST_TXN,
                                                     .lease = "mutex",
                                                     .owner = "node1",
                                                     .term = term,
                                                     .ops = &op,
                                                     .ops_count = 1});
    }
    size_t release = net_lease(net, 0, REPLICA_REQUEST_LEASE_RELEASE, "mutex", term, 0);
    net_settle(net);
    assert_int_equal(net_answer(net, last)->answer.code, 0);
    assert_int_equal(net_answer(net, release)->answer.code, 0);
    free(value);
    net_free(net);
}

// --- interrupted ---------------------------------------------------------------------------------

// After so many steps of the transfer someone dies; nothing of the half history is used.
static void interrupted(unsigned victim, unsigned steps)
{
    struct net *net = filled_net(3);
    net_crash(net, 2, true, 0);
    net_wipe_disk(net, 2);
    net_settle(net);
    net_start(net, 2);
    for (unsigned i = 0; i < steps; i++) {
        for (unsigned node = 0; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    net_crash(net, victim, true, 0);
    net_run(net); // without the donor nobody knows whether node 2 has all
    net_tick(net, 1000);
    net_run(net);
    net_start(net, victim);
    net_settle(net);
    for (unsigned node = 0; node < 3; node++) {
        assert_true(net_is_serving(net, node));
        assert_non_null(net_value(net, node, "row/399", NULL));
        assert_int_equal(net->nodes[node].disk.count, net->nodes[0].disk.count);
    }
    net_check_equal(net);
    net_free(net);
}

static void donor_or_receiver_that_dies_leaves_nothing_half(void **state)
{
    (void)state;
    for (unsigned steps = 1; steps < 26; steps += 4) {
        interrupted(0, steps);
        interrupted(2, steps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_that_missed_little_gets_little),
        cmocka_unit_test(member_that_missed_much_gets_all_and_writes_what_differs),
        cmocka_unit_test(changes_too_large_to_remember_are_sent_as_all),
        cmocka_unit_test(members_that_lack_little_and_all_are_served_at_once),
        cmocka_unit_test(member_with_a_tail_of_its_own_gets_all),
        cmocka_unit_test(large_history_holds_up_nobody),
        cmocka_unit_test(lease_overtakes_a_large_transaction_of_its_own_node),
        cmocka_unit_test(release_overtakes_nothing),
        cmocka_unit_test(donor_or_receiver_that_dies_leaves_nothing_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
