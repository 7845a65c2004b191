// SPDX-License-Identifier: Apache-2.0
// Somebody does not read, does not write or does not acknowledge, for ever: what piles up stays
// bounded, what does not fit is refused, and all goes on when it wakes.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/alloc.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

enum { LARGE_BYTES = 1024 * 1024, MANY = 70000, ROUNDS_MAX = 4000 };

static struct net *serving_net(unsigned nodes_count)
{
    struct net *net = net_new(nodes_count);
    net_settle(net);
    net_tick(net, NET_LEASE_MS);
    return net;
}

// All steps but the disks of those from `first_stuck` on, until there are none.
static void run_without_disks(struct net *net, unsigned first_stuck)
{
    bool has_moved = true;
    for (unsigned round = 0; has_moved; round++) {
        assert_true(round < ROUNDS_MAX);
        has_moved = false;
        for (unsigned node = 0; node < net->nodes_count; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                bool is_stuck = step == NET_STEP_DISK && node >= first_stuck;
                has_moved = (!is_stuck && net_step(net, node, step)) || has_moved;
            }
        }
    }
}

// INV-7 holds all the same: what was acknowledged is on the disk; what is not written yet waits as
// keys, however often they are written.
static void disk_that_stands_still_makes_few_batches(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k/%u", i % 10);
        size_t put = net_put(net, 0, key, i == 999 ? "last" : "x", STORE_ANY);
        run_without_disks(net, 2);
        assert_int_equal(net_answer(net, put)->answer.code, 0); // two disks are a quorum
    }
    assert_in_range(net->nodes[2].batches.count, 1, 4);
    assert_false(map_has(&net->nodes[2].disk, "k/9"));
    size_t rows = net->nodes[2].batches_rows;
    net_settle(net);
    assert_in_range(net->nodes[2].batches_rows - rows, 10, 12);
    assert_int_equal(net->nodes[2].disk_version, net->nodes[0].disk_version);
    net_crash(net, 2, true, 0);
    net_start(net, 2);
    assert_string_equal(net_value(net, 2, "k/9", NULL), "last");
    net_free(net);
}

static void write_many(struct net *net, bool is_delete, unsigned first_stuck)
{
    struct replica_op *ops = alloc_zero(MANY * sizeof(*ops));
    char *keys = alloc_zero((size_t)MANY * 16);
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(keys + i * 16, 16, "many/%zu", i);
        ops[i] = (struct replica_op){keys + i * 16, is_delete ? NULL : "x", is_delete ? 0 : 1,
                                     STORE_ANY};
    }
    size_t request = net_request(
        net, 0,
        &(struct replica_request){.kind = REPLICA_REQUEST_TXN, .ops = ops, .ops_count = MANY});
    run_without_disks(net, first_stuck);
    assert_int_equal(net_answer(net, request)->answer.code, 0);
    free(ops);
    free(keys);
}

// More keys come and go than there is room to remember: then all rows are written.
static void keys_that_come_and_go_while_the_disk_stands_still_do_not_pile_up(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    (void)net_put(net, 0, "stays", "x", STORE_ANY);
    net_settle(net);
    for (unsigned i = 0; i < 4; i++) { // fills the batches that may be under way
        (void)net_put(net, 0, "often", "x", STORE_ANY);
        run_without_disks(net, 2);
    }
    write_many(net, false, 2);
    write_many(net, true, 2);
    (void)net_put(net, 0, "after", "x", STORE_ANY);
    run_without_disks(net, 2);
    size_t rows = net->nodes[2].batches_rows;
    net_settle(net);
    assert_true(net->nodes[2].batches_rows - rows < 10);
    assert_int_equal(net->nodes[2].disk.count, net->nodes[0].disk.count);
    assert_true(map_has(&net->nodes[2].disk, "stays"));
    assert_true(map_has(&net->nodes[2].disk, "after"));
    assert_false(map_has(&net->nodes[2].disk, "many/7"));
    net_free(net);
}

// No quorum writes to disk: what was accepted waits, up to the limit; leases go on.
static void changes_that_nobody_acknowledges_are_refused_at_the_limit(void **state)
{
    (void)state;
    enum { EACH = 40 };
    struct net *net = serving_net(3);
    char *value = alloc_zero(LARGE_BYTES + 1);
    memset(value, 'v', LARGE_BYTES);
    size_t refused = 0;
    size_t requests[2 * EACH];
    for (unsigned i = 0; i < 2 * EACH; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k/%u", i);
        requests[i] = net_put(net, i / EACH, key, value, STORE_ANY); // nodes 1 and 2
        run_without_disks(net, 1);
    }
    for (unsigned i = 0; i < 2 * EACH; i++) {
        const struct net_request *request = net_answer(net, requests[i]);
        refused += request->is_answered ? 1 : 0;
        assert_int_equal(request->answer.code, request->is_answered ? -EAGAIN : 0);
    }
    assert_in_range(refused, 2 * EACH - 66, 2 * EACH - 62);
    size_t lease = net_lease(net, 2, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
    run_without_disks(net, 1);
    assert_true(net_answer(net, lease)->is_answered);
    assert_int_equal(net_answer(net, lease)->answer.code, 0);
    net_settle(net);
    net_check_equal(net);
    assert_int_equal(net_answer(net, requests[0])->answer.code, 0);
    assert_true(net_answer(net, requests[0])->is_answered);
    size_t after = net_put(net, 0, "after", value, STORE_ANY);
    net_settle(net);
    assert_int_equal(net_answer(net, after)->answer.code, 0);
    free(value);
    net_free(net);
}

// The ring takes nothing, for hours: requests are answered in time, and what was handed over for
// sending does not grow.
static void ring_that_takes_nothing_gets_no_more_than_the_window(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    char *value = alloc_zero(LARGE_BYTES + 1);
    memset(value, 'v', LARGE_BYTES);
    size_t before = net->nodes[0].multicasts_bytes;
    size_t answered = 0;
    for (unsigned i = 0; i < 200; i++) {
        size_t put = net_put(net, 0, "k", value, STORE_ANY);
        size_t lease = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "mutex", 0, 0);
        net_tick(net, 31000);
        answered += net_answer(net, put)->answer.code == -ETIMEDOUT ||
                            net_answer(net, put)->answer.code == -EHOSTDOWN
                        ? 1
                        : 0;
        assert_true(net_answer(net, lease)->is_answered);
    }
    assert_int_equal(answered, 200);
    assert_true(net->nodes[0].multicasts_bytes - before < 3 * (size_t)LARGE_BYTES);
    net_settle(net);
    net_check_equal(net);
    size_t after = net_put(net, 0, "after", "x", STORE_ANY);
    net_settle(net);
    assert_int_equal(net_answer(net, after)->answer.code, 0);
    free(value);
    net_free(net);
}

static void requests_that_wait_are_limited_in_bytes(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    char *value = alloc_zero(LARGE_BYTES + 1);
    memset(value, 'v', LARGE_BYTES);
    unsigned taken = 0;
    size_t request = 0;
    do {
        request = net_put(net, 0, "k", value, STORE_ANY);
        taken++;
    } while (!net_answer(net, request)->is_answered && taken < 100);
    assert_in_range(taken, 64, 67);
    assert_int_equal(net_answer(net, request)->answer.code, -EAGAIN);
    net_settle(net);
    assert_int_equal(net_answer(net, 0)->answer.code, 0);
    free(value);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_that_stands_still_makes_few_batches),
        cmocka_unit_test(keys_that_come_and_go_while_the_disk_stands_still_do_not_pile_up),
        cmocka_unit_test(changes_that_nobody_acknowledges_are_refused_at_the_limit),
        cmocka_unit_test(ring_that_takes_nothing_gets_no_more_than_the_window),
        cmocka_unit_test(requests_that_wait_are_limited_in_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
