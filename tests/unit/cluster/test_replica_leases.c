// SPDX-License-Identifier: Apache-2.0
// Leases: terms, and that no one is granted a lease while its holder may still believe in it,
// whatever was lost, late or delivered to its sender alone.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

static const char LEASE[] = "ha_manager_lock";

static const unsigned ALONE_1[NET_NODES_MAX] = {1, 0, 0, 0, 0};
static const unsigned ALONE_3[NET_NODES_MAX] = {0, 0, 1, 0, 0};
static const unsigned NOTHING_KEPT[NET_NODES_MAX] = {0};

// Serving for so long that every lease may be taken.
static struct net *ripe_net(unsigned nodes_count)
{
    struct net *net = net_new(nodes_count);
    net_settle(net);
    net_tick(net, NET_LEASE_MS);
    net_run(net);
    return net;
}

static const struct replica_answer *
ask(struct net *net, unsigned node, enum replica_request_kind kind, uint64_t term, uint64_t version)
{
    size_t request = net_lease(net, node, kind, LEASE, term, version);
    net_settle(net);
    assert_true(net_answer(net, request)->is_answered);
    return &net_answer(net, request)->answer;
}

static struct replica_lease look(const struct net *net, unsigned node)
{
    struct replica_lease lease;
    (void)replica_find_lease(net->nodes[node].replica, net_clock(net, node), LEASE, &lease);
    return lease;
}

static bool is_known(const struct net *net, unsigned node)
{
    struct replica_lease lease;
    return replica_find_lease(net->nodes[node].replica, net_clock(net, node), LEASE, &lease);
}

// --- the rule ------------------------------------------------------------------------------------

static void free_lease_is_granted_renewed_released_and_granted_with_higher_term(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    const struct replica_answer *granted = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    assert_int_equal(granted->code, 0);
    assert_int_equal(granted->term, granted->version);
    const struct replica_answer *renewed =
        ask(net, 0, REPLICA_REQUEST_LEASE_RENEW, granted->term, 0);
    assert_int_equal(renewed->code, 0);
    assert_int_equal(renewed->term, granted->term);
    assert_true(renewed->version > granted->version);
    const struct replica_answer *acquired = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    assert_int_equal(acquired->term, granted->term); // held already: as a renewal
    assert_string_equal(look(net, 2).owner, "node1");
    const struct replica_answer *released =
        ask(net, 0, REPLICA_REQUEST_LEASE_RELEASE, granted->term, 0);
    assert_int_equal(released->code, 0);
    assert_true(is_known(net, 1));
    assert_null(look(net, 1).owner);
    assert_int_equal(look(net, 1).breakable_in_ms, 0);
    const struct replica_answer *next = ask(net, 1, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    assert_int_equal(next->code, 0);
    assert_true(next->term > granted->term);
    net_free(net);
}

static void held_lease_is_refused_to_others(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->code, -EBUSY);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_RENEW, term, 0)->code, -EPERM);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_RELEASE, term, 0)->code, -EPERM);
    assert_int_equal(ask(net, 0, REPLICA_REQUEST_LEASE_RENEW, term - 1, 0)->code, -EPERM);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_BREAK, 0, term - 1)->code, -EAGAIN);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_BREAK, 0, 0)->code, -EAGAIN);
    net_free(net);
}

static void renewal_ordered_before_a_break_wins(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_tick(net, NET_LEASE_MS);
    assert_int_equal(look(net, 1).breakable_in_ms, 0);
    size_t renewal = net_lease(net, 0, REPLICA_REQUEST_LEASE_RENEW, LEASE, term, 0);
    assert_true(net_step(net, 0, NET_STEP_ORDER));
    size_t breaking = net_lease(net, 1, REPLICA_REQUEST_LEASE_BREAK, LEASE, 0, term);
    net_settle(net);
    assert_int_equal(net_answer(net, renewal)->answer.code, 0);
    assert_int_equal(net_answer(net, breaking)->answer.code, -EAGAIN);
    net_free(net);
}

static void broken_lease_leaves_its_holder_without_authority(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_tick(net, NET_LEASE_MS - 1);
    assert_int_equal(look(net, 1).breakable_in_ms, 1);
    net_tick(net, 1);
    const struct replica_answer *broken = ask(net, 1, REPLICA_REQUEST_LEASE_BREAK, 0, term);
    assert_int_equal(broken->code, 0);
    assert_true(broken->term > term);
    assert_int_equal(ask(net, 0, REPLICA_REQUEST_LEASE_RENEW, term, 0)->code, -EPERM);
    const struct replica_op op = {"manager/status", "{}", 2, STORE_ANY};
    struct replica_request write = {.kind = REPLICA_REQUEST_TXN,
                                    .lease = LEASE,
                                    .owner = "node1",
                                    .term = term,
                                    .ops = &op,
                                    .ops_count = 1};
    size_t old_manager = net_request(net, 0, &write); // INV-4
    write.owner = "node2";
    write.term = broken->term;
    size_t new_manager = net_request(net, 1, &write);
    net_settle(net);
    assert_int_equal(net_answer(net, old_manager)->answer.code, -EPERM);
    assert_int_equal(net_answer(net, new_manager)->answer.code, 0);
    net_free(net);
}

// --- what counts as heard ------------------------------------------------------------------------

// A renewal that only its sender delivered must not count for it, since nobody else waits for it.
static void renewal_delivered_to_its_sender_alone_does_not_count(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 2, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    size_t renewal = net_lease(net, 2, REPLICA_REQUEST_LEASE_RENEW, LEASE, term, 0);
    assert_true(net_step(net, 2, NET_STEP_ORDER));
    net_split(net, ALONE_3, NOTHING_KEPT); // on the others' side it is lost
    assert_true(net_step(net, 2, NET_STEP_DELIVER));
    assert_true(net_step(net, 2, NET_STEP_FLUSH));
    assert_true(net_step(net, 2, NET_STEP_ORDER)); // its own acknowledgement
    assert_false(net_answer(net, renewal)->is_answered);
    net_settle(net);
    assert_int_equal(net_answer(net, renewal)->answer.code, -ETIMEDOUT);
    net_free(net);
}

// The paused node's case: it believes in its quorum for a while after it woke, and what it sends
// then is delivered to all after the merge.
static void renewal_of_a_paused_holder_comes_too_late(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_split(net, ALONE_1, NOTHING_KEPT); // node 1 stands still and takes nothing
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned node = 1; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    assert_true(net_is_serving(net, 1));
    net_tick(net, NET_LEASE_MS);
    size_t breaking = net_lease(net, 1, REPLICA_REQUEST_LEASE_BREAK, LEASE, 0, term);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned node = 1; node < 3; node++) {
            for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
                (void)net_step(net, node, step);
            }
        }
    }
    assert_int_equal(net_answer(net, breaking)->answer.code, 0);
    assert_true(net_is_serving(net, 0)); // as it believes
    size_t renewal = net_lease(net, 0, REPLICA_REQUEST_LEASE_RENEW, LEASE, term, 0);
    size_t write = net_put(net, 0, "key", "late", STORE_ANY);
    net_heal(net);
    net_settle(net);
    // It was told in between that it had no quorum; what became of the two it could not know.
    assert_int_equal(net_answer(net, renewal)->answer.code, -ETIMEDOUT);
    assert_int_equal(net_answer(net, write)->answer.code, -ETIMEDOUT);
    assert_string_equal(look(net, 0).owner, "node2");
    assert_null(net_value(net, 1, "key", NULL));
    net_free(net);
}

static void silence_is_counted_over_epochs_by_those_who_heard(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    (void)ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    net_tick(net, NET_LEASE_MS - 1000);
    net_crash(net, 0, true, 0);
    net_settle(net);
    assert_true(look(net, 1).breakable_in_ms <= 1000);
    net_start(net, 0); // it comes back, and has heard nothing itself
    net_settle(net);
    assert_true(look(net, 1).breakable_in_ms <= 1000);
    assert_int_equal(look(net, 0).breakable_in_ms, NET_LEASE_MS);
    net_free(net);
}

static void silence_is_counted_anew_by_those_who_were_away(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    net_tick(net, NET_LEASE_MS);
    assert_int_equal(ask(net, 0, REPLICA_REQUEST_LEASE_RENEW, term, 0)->code, 0);
    assert_int_equal(look(net, 2).breakable_in_ms, NET_LEASE_MS); // not while it does not serve
    net_heal(net);
    net_settle(net);
    assert_int_equal(look(net, 2).breakable_in_ms, NET_LEASE_MS);
    assert_int_equal(look(net, 2).silent_ms, 0);
    net_free(net);
}

// --- lost memory ---------------------------------------------------------------------------------

static void lease_time_must_pass_after_a_start_of_all(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    (void)ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        net_crash(net, i, true, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        net_start(net, i);
    }
    net_settle(net);
    assert_false(is_known(net, 1));
    assert_int_equal(look(net, 1).breakable_in_ms, NET_LEASE_MS);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->code, -EBUSY);
    net_tick(net, NET_LEASE_MS);
    assert_int_equal(look(net, 1).breakable_in_ms, 0);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->code, 0);
    net_free(net);
}

static void forgotten_agent_lease_is_its_nodes_own_at_once(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    net_settle(net);
    size_t other = net_lease(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, "ha_agent_node2_lock", 0, 0);
    size_t own = net_lease(net, 1, REPLICA_REQUEST_LEASE_ACQUIRE, "ha_agent_node2_lock", 0, 0);
    net_settle(net);
    assert_int_equal(net_answer(net, other)->answer.code, -EBUSY);
    assert_int_equal(net_answer(net, own)->answer.code, 0);
    net_free(net);
}

static void forgotten_lease_is_broken_by_who_answers_for_it(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    net_settle(net);
    assert_int_equal(ask(net, 1, REPLICA_REQUEST_LEASE_BREAK, 0, 0)->code, 0);
    assert_int_equal(ask(net, 2, REPLICA_REQUEST_LEASE_BREAK, 0, 0)->code, -EAGAIN);
    net_free(net);
}

static void restart_of_one_forgets_no_lease(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_crash(net, 0, false, 0);
    net_start(net, 0);
    net_settle(net);
    assert_true(is_known(net, 0));
    assert_string_equal(look(net, 0).owner, "node1");
    assert_int_equal(ask(net, 0, REPLICA_REQUEST_LEASE_RENEW, term, 0)->code, 0);
    (void)ask(net, 0, REPLICA_REQUEST_LEASE_RELEASE, term, 0);
    net_crash(net, 1, false, 0);
    net_start(net, 1);
    net_settle(net);
    assert_true(is_known(net, 1)); // as released
    assert_null(look(net, 1).owner);
    net_free(net);
}

// Node 3 was away while nodes 1 and 2 went on. Node 1 is gone and node 2 has lost its memory: what
// node 3 remembers is old, and must not be taken for the truth.
static void old_memory_is_no_proof(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    uint64_t term = ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->term;
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    net_tick(net, NET_LEASE_MS);
    size_t renewal = net_lease(net, 0, REPLICA_REQUEST_LEASE_RENEW, LEASE, term, 0);
    net_settle(net);
    assert_int_equal(net_answer(net, renewal)->answer.code, 0);
    net_crash(net, 0, true, 0);
    net_crash(net, 1, true, 0);
    net_start(net, 1);
    net_heal(net);
    net_settle(net);
    assert_true(net_is_serving(net, 2));
    assert_false(is_known(net, 2));
    assert_int_equal(look(net, 2).breakable_in_ms, NET_LEASE_MS);
    assert_int_equal(ask(net, 2, REPLICA_REQUEST_LEASE_BREAK, 0, term)->code, -EAGAIN);
    assert_int_equal(ask(net, 2, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0)->code, -EBUSY);
    net_free(net);
}

static void forced_quorum_waits_for_a_lease_time(void **state)
{
    (void)state;
    struct net *net = ripe_net(3);
    (void)ask(net, 0, REPLICA_REQUEST_LEASE_ACQUIRE, 0, 0);
    net_split(net, ALONE_3, NOTHING_KEPT);
    net_settle(net);
    net_tick(net, 60000);
    net_force_expected(net, 2, 1);
    net_settle(net);
    assert_true(net_is_serving(net, 2));
    assert_false(is_known(net, 2)); // nodes 1 and 2 may have gone on until just now
    assert_int_equal(look(net, 2).breakable_in_ms, NET_LEASE_MS);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_lease_is_granted_renewed_released_and_granted_with_higher_term),
        cmocka_unit_test(held_lease_is_refused_to_others),
        cmocka_unit_test(renewal_ordered_before_a_break_wins),
        cmocka_unit_test(broken_lease_leaves_its_holder_without_authority),
        cmocka_unit_test(renewal_delivered_to_its_sender_alone_does_not_count),
        cmocka_unit_test(renewal_of_a_paused_holder_comes_too_late),
        cmocka_unit_test(silence_is_counted_over_epochs_by_those_who_heard),
        cmocka_unit_test(silence_is_counted_anew_by_those_who_were_away),
        cmocka_unit_test(lease_time_must_pass_after_a_start_of_all),
        cmocka_unit_test(forgotten_agent_lease_is_its_nodes_own_at_once),
        cmocka_unit_test(forgotten_lease_is_broken_by_who_answers_for_it),
        cmocka_unit_test(restart_of_one_forgets_no_lease),
        cmocka_unit_test(old_memory_is_no_proof),
        cmocka_unit_test(forced_quorum_waits_for_a_lease_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
