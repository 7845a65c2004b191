// SPDX-License-Identifier: Apache-2.0
// The replicated store while all goes well: forming, writing, refusing, reading, joining.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

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

static int code_of_txn(struct net *net, const struct replica_op *ops, size_t count)
{
    size_t request = net_request(
        net, 0,
        &(struct replica_request){.kind = REPLICA_REQUEST_TXN, .ops = ops, .ops_count = count});
    net_settle(net);
    return code_of(net, request);
}

// --- writing -------------------------------------------------------------------------------------

static void cluster_formed_serves_and_commits(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t put = net_put(net, 0, "guest/ct:100", "here", STORE_ABSENT);
    net_settle(net);
    assert_int_equal(code_of(net, put), 0);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t version = 0;
        assert_string_equal(net_value(net, i, "guest/ct:100", &version), "here");
        assert_int_equal(version, net_answer(net, put)->answer.version);
        assert_int_equal(replica_version(net->nodes[i].replica), version);
        assert_int_equal(version >> REPLICA_EPOCH_SHIFT, replica_epoch(net->nodes[i].replica));
    }
    net_check_equal(net);
    net_free(net);
}

static void node_alone_serves_and_keeps_durable_rows(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    size_t durable = net_put(net, 0, "config/rules", "r", STORE_ABSENT);
    size_t in_memory = net_put(net, 0, "live/master", "m", STORE_ABSENT);
    net_settle(net);
    assert_int_equal(code_of(net, durable), 0);
    assert_int_equal(code_of(net, in_memory), 0);
    net_crash(net, 0, true, 0);
    net_start(net, 0);
    assert_string_equal(net_value(net, 0, "config/rules", NULL), "r"); // before there is a quorum
    net_settle(net);
    assert_string_equal(net_value(net, 0, "config/rules", NULL), "r");
    assert_null(net_value(net, 0, "live/master", NULL));
    net_free(net);
}

// INV-7: nothing is shown or answered before a quorum has it on disk.
static void write_on_one_disk_is_not_visible(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t put = net_put(net, 0, "guest/ct:1", "x", STORE_ABSENT);
    assert_true(net_step(net, 0, NET_STEP_ORDER));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(net_step(net, i, NET_STEP_DELIVER));
        assert_true(net_step(net, i, NET_STEP_FLUSH));
    }
    assert_true(net_step(net, 0, NET_STEP_DISK));
    assert_false(net_step(net, 1, NET_STEP_ORDER)); // acknowledges nothing that is not on its disk
    assert_true(net_step(net, 0, NET_STEP_ORDER));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(net_step(net, i, NET_STEP_DELIVER));
        assert_null(net_value(net, i, "guest/ct:1", NULL));
    }
    assert_false(net_answer(net, put)->is_answered);
    assert_true(net_step(net, 1, NET_STEP_DISK));
    assert_true(net_step(net, 1, NET_STEP_ORDER));
    assert_true(net_step(net, 2, NET_STEP_DELIVER));
    assert_string_equal(net_value(net, 2, "guest/ct:1", NULL), "x");
    net_free(net);
}

static void many_writes_of_one_turn_make_one_batch_and_one_acknowledgement(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t batches = net->nodes[1].batches_count;
    size_t multicasts = net->nodes[1].multicasts_count;
    for (int i = 0; i < 10; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "guest/ct:%d", i);
        (void)net_put(net, 0, key, "x", STORE_ABSENT);
        (void)net_step(net, 0, NET_STEP_ORDER);
    }
    while (net_step(net, 1, NET_STEP_DELIVER)) {
    }
    assert_true(net_step(net, 1, NET_STEP_FLUSH));
    assert_int_equal(net->nodes[1].batches_count, batches + 1);
    assert_int_equal(net->nodes[1].multicasts_count, multicasts);
    assert_true(net_step(net, 1, NET_STEP_DISK));
    assert_int_equal(net->nodes[1].multicasts_count, multicasts + 1);
    net_settle(net);
    assert_string_equal(net_value(net, 2, "guest/ct:9", NULL), "x");
    net_free(net);
}

static void idle_cluster_sends_and_writes_nothing(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t batches = net->nodes[0].batches_count;
    size_t multicasts = net->nodes[0].multicasts_count;
    for (int i = 0; i < 100; i++) {
        net_tick(net, 1000);
        net_run(net);
    }
    assert_int_equal(net->nodes[0].batches_count, batches);
    assert_int_equal(net->nodes[0].multicasts_count, multicasts);
    net_free(net);
}

static void volatile_write_reaches_no_disk_and_waits_for_none(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t durable = net_put(net, 0, "guest/ct:1", "x", STORE_ANY);
    size_t in_memory = net_put(net, 1, "live/lrm/node2", "y", STORE_ANY);
    for (int i = 0; i < 100; i++) {
        for (unsigned n = 0; n < 3; n++) { // all but the disks
            (void)net_step(net, n, NET_STEP_ORDER);
            (void)net_step(net, n, NET_STEP_DELIVER);
            (void)net_step(net, n, NET_STEP_FLUSH);
        }
    }
    assert_int_equal(code_of(net, in_memory), 0);
    assert_false(net_answer(net, durable)->is_answered);
    // A reader that goes on from here must not miss the durable one, whose version is lower.
    assert_true(replica_version(net->nodes[0].replica) <
                net_answer(net, in_memory)->answer.version);
    net_settle(net);
    assert_int_equal(code_of(net, durable), 0);
    assert_false(map_has(&net->nodes[0].disk, "live/lrm/node2"));
    assert_true(map_has(&net->nodes[0].disk, "guest/ct:1"));
    net_free(net);
}

static void large_transaction_travels_in_parts(void **state)
{
    (void)state;
    enum { OPS = 9 };
    struct net *net = serving_net(3);
    char *value = alloc_zero(STORE_VALUE_MAX + 1);
    memset(value, 'v', STORE_VALUE_MAX);
    struct replica_op ops[OPS];
    char keys[OPS][16];
    for (int i = 0; i < OPS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k/%d", i);
        ops[i] = (struct replica_op){keys[i], value, STORE_VALUE_MAX, STORE_ABSENT};
    }
    assert_int_equal(code_of_txn(net, ops, OPS), 0);
    assert_string_equal(net_value(net, 2, "k/8", NULL), value);
    net_crash(net, 2, true, 0);
    (void)net_put(net, 0, "k/0", "small", STORE_ANY);
    net_settle(net);
    net_start(net, 2); // and gets all of it as a history
    net_settle(net);
    assert_string_equal(net_value(net, 2, "k/8", NULL), value);
    assert_string_equal(net_value(net, 2, "k/0", NULL), "small");
    net_check_equal(net);
    free(value);
    net_free(net);
}

static void last_of_several_writes_of_one_key_wins(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    const struct replica_op ops[] = {
        {"b", "1", 1, STORE_ABSENT}, {"a", "1", 1, STORE_ABSENT}, {"b", "2", 1, STORE_ABSENT}};
    assert_int_equal(code_of_txn(net, ops, ARRAY_SIZE(ops)), 0);
    assert_string_equal(net_value(net, 2, "b", NULL), "2");
    assert_string_equal(net_value(net, 2, "a", NULL), "1");
    net_check_equal(net);
    net_free(net);
}

// --- refusing ------------------------------------------------------------------------------------

static void writes_that_no_store_accepts_are_refused(void **state)
{
    (void)state;
    enum { MANY = 17 };
    struct net *net = serving_net(1);
    char *large = alloc_zero(STORE_VALUE_MAX + 2);
    char long_key[STORE_KEY_MAX + 2] = {0};
    memset(long_key, 'k', STORE_KEY_MAX + 1);
    struct replica_op many[MANY];
    for (int i = 0; i < MANY; i++) {
        many[i] = (struct replica_op){"k", large, STORE_VALUE_MAX, STORE_ANY};
    }
    const struct {
        const char *name;
        struct replica_op ops[2];
        size_t count;
        int code;
    } rows[] = {
        {"empty", {{NULL, NULL, 0, 0}}, 0, -EINVAL},
        {"no key", {{NULL, "v", 1, STORE_ANY}}, 1, -EINVAL},
        {"empty key", {{"", "v", 1, STORE_ANY}}, 1, -EINVAL},
        {"long key", {{long_key, "v", 1, STORE_ANY}}, 1, -EINVAL},
        {"both classes", {{"a", "v", 1, STORE_ANY}, {"live/a", "v", 1, STORE_ANY}}, 2, -EINVAL},
        {"chronicle", {{REPLICA_KEY_CHRONICLE, "v", 1, STORE_ANY}}, 1, -EINVAL},
        {"large value", {{"a", large, STORE_VALUE_MAX + 1, STORE_ANY}}, 1, -E2BIG},
        {"largest value", {{"a", large, STORE_VALUE_MAX, STORE_ANY}}, 1, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int code = code_of_txn(net, rows[i].ops, rows[i].count);
        if (code != rows[i].code) {
            fail_msg("row '%s': %d", rows[i].name, code);
        }
    }
    assert_int_equal(code_of_txn(net, many, MANY), -E2BIG);
    free(large);
    net_free(net);
}

static void write_expecting_another_version_is_refused(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t first = net_put(net, 0, "a", "1", STORE_ABSENT);
    net_settle(net);
    uint64_t version = net_answer(net, first)->answer.version;
    size_t second = net_put(net, 1, "a", "2", version);
    size_t third = net_put(net, 2, "a", "3", version); // the slower of two
    size_t absent = net_put(net, 0, "a", "4", STORE_ABSENT);
    net_settle(net);
    assert_int_equal(code_of(net, second) + code_of(net, third), -EAGAIN);
    assert_int_equal(code_of(net, absent), -EAGAIN);
    assert_non_null(net_answer(net, absent)->answer.reason);
    size_t deleted = net_put(net, 0, "a", NULL, STORE_ANY);
    net_settle(net);
    assert_int_equal(code_of(net, deleted), 0);
    size_t again = net_put(net, 0, "a", "5", STORE_ABSENT);
    net_settle(net);
    assert_int_equal(code_of(net, again), 0);
    net_free(net);
}

static void refused_writer_can_see_why(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    (void)net_put(net, 0, "a", "1", STORE_ABSENT);
    size_t late = net_put(net, 0, "a", "2", STORE_ABSENT);
    (void)net_step(net, 0, NET_STEP_ORDER);
    (void)net_step(net, 0, NET_STEP_ORDER);
    (void)net_step(net, 0, NET_STEP_DELIVER);
    (void)net_step(net, 0, NET_STEP_DELIVER);
    assert_false(net_answer(net, late)->is_answered); // it lost against what is not committed yet
    while (!net_answer(net, late)->is_answered) {
        assert_null(net_value(net, 0, "a", NULL));
        net_settle(net);
    }
    assert_int_equal(code_of(net, late), -EAGAIN);
    assert_string_equal(net_value(net, 0, "a", NULL), "1");
    net_free(net);
}

static void write_without_quorum_is_refused_at_once_and_reads_go_on(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    (void)net_put(net, 0, "a", "1", STORE_ABSENT);
    net_settle(net);
    net_split(net, (const unsigned[NET_NODES_MAX]){0, 0, 1, 0, 0},
              (const unsigned[NET_NODES_MAX]){0});
    net_settle(net);
    assert_int_equal(replica_mode(net->nodes[2].replica), REPLICA_MODE_NO_QUORUM);
    assert_int_equal(code_of(net, net_put(net, 2, "a", "2", STORE_ANY)), -EHOSTDOWN);
    assert_string_equal(net_value(net, 2, "a", NULL), "1");
    net_free(net);
}

static void more_requests_than_can_wait_are_refused(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    size_t last = 0;
    for (size_t i = 0; i <= REPLICA_WAITING_MAX; i++) {
        last = net_put(net, 0, "a", "1", STORE_ANY);
    }
    assert_int_equal(code_of(net, last), -EAGAIN);
    assert_false(net_answer(net, last - 1)->is_answered);
    net_settle(net);
    assert_int_equal(code_of(net, last - 1), 0);
    net_free(net);
}

static void request_without_outcome_is_answered_in_time(void **state)
{
    (void)state;
    struct net *net = serving_net(3);
    size_t sent = net_put(net, 0, "a", "1", STORE_ANY); // and nothing moves any more
    net_tick(net, 29000);
    assert_false(net_answer(net, sent)->is_answered);
    net_tick(net, 2000);
    assert_int_equal(code_of(net, sent), -ETIMEDOUT);
    net_free(net);
}

static void malformed_message_is_told_and_ignored(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    struct arena *arena = arena_new();
    struct replica_effects effects = {0};
    replica_deliver(net->nodes[0].replica, net_clock(net, 0), 1, "HHAR", 4, arena, &effects);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.effects[0].kind, REPLICA_EFFECT_EVENT);
    assert_string_equal(effects.effects[0].event->name, "store-message-ignored");
    assert_true(net_is_serving(net, 0));
    arena_free(arena);
    net_free(net);
}

// --- reading -------------------------------------------------------------------------------------

static void check_read(struct net *net, const char *prefix, uint64_t since, const char *expected)
{
    struct arena *arena = arena_new();
    const struct replica_row *rows;
    size_t count;
    char text[256] = "";
    replica_read(net->nodes[0].replica, prefix, since, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s=%s ", rows[i].key,
                       rows[i].value != NULL ? rows[i].value : "-");
    }
    assert_string_equal(text, expected);
    arena_free(arena);
}

static void reader_gets_prefix_changes_and_deletions_in_order(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    (void)net_put(net, 0, "command/1", "a", STORE_ANY);
    (void)net_put(net, 0, "live/lrm/node1", "l", STORE_ANY);
    (void)net_put(net, 0, "command/2", "b", STORE_ANY);
    (void)net_put(net, 0, "commander", "c", STORE_ANY);
    net_settle(net);
    check_read(net, "command/", 0, "command/1=a command/2=b ");
    check_read(net, "l", 0, "live/lrm/node1=l ");
    check_read(net, "c", 0, "command/1=a command/2=b commander=c ");
    check_read(net, "nothing", 0, "");
    uint64_t since = replica_version(net->nodes[0].replica);
    check_read(net, "", since, "");
    (void)net_put(net, 0, "command/1", NULL, STORE_ANY);
    (void)net_put(net, 0, "command/3", "d", STORE_ANY);
    (void)net_put(net, 0, "live/lrm/node1", NULL, STORE_ANY);
    net_settle(net);
    check_read(net, "", since, "command/1=- command/3=d live/lrm/node1=- ");
    check_read(net, "command/", 0, "command/2=b command/3=d ");
    assert_true(replica_horizon(net->nodes[0].replica) <= since);
    net_free(net);
}

static void reader_that_missed_too_many_deletions_is_sent_back(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    uint64_t since = replica_version(net->nodes[0].replica);
    for (int i = 0; i < 9000; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "live/%d", i);
        (void)net_put(net, 0, key, "x", STORE_ANY);
        (void)net_put(net, 0, key, NULL, STORE_ANY);
        net_run(net);
    }
    assert_true(replica_horizon(net->nodes[0].replica) > since);
    net_free(net);
}

static void digests_tell_content_apart(void **state)
{
    (void)state;
    struct net *net = serving_net(1);
    struct arena *arena = arena_new();
    const char *durable = replica_digest(net->nodes[0].replica, true, arena);
    const char *all = replica_digest(net->nodes[0].replica, false, arena);
    (void)net_put(net, 0, "live/a", "1", STORE_ANY);
    net_settle(net);
    assert_string_equal(replica_digest(net->nodes[0].replica, true, arena), durable);
    assert_string_not_equal(replica_digest(net->nodes[0].replica, false, arena), all);
    (void)net_put(net, 0, "a", "1", STORE_ANY);
    net_settle(net);
    assert_string_not_equal(replica_digest(net->nodes[0].replica, true, arena), durable);
    assert_int_equal(strlen(durable), 64);
    arena_free(arena);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster_formed_serves_and_commits),
        cmocka_unit_test(node_alone_serves_and_keeps_durable_rows),
        cmocka_unit_test(write_on_one_disk_is_not_visible),
        cmocka_unit_test(many_writes_of_one_turn_make_one_batch_and_one_acknowledgement),
        cmocka_unit_test(idle_cluster_sends_and_writes_nothing),
        cmocka_unit_test(volatile_write_reaches_no_disk_and_waits_for_none),
        cmocka_unit_test(large_transaction_travels_in_parts),
        cmocka_unit_test(last_of_several_writes_of_one_key_wins),
        cmocka_unit_test(writes_that_no_store_accepts_are_refused),
        cmocka_unit_test(write_expecting_another_version_is_refused),
        cmocka_unit_test(refused_writer_can_see_why),
        cmocka_unit_test(write_without_quorum_is_refused_at_once_and_reads_go_on),
        cmocka_unit_test(more_requests_than_can_wait_are_refused),
        cmocka_unit_test(request_without_outcome_is_answered_in_time),
        cmocka_unit_test(malformed_message_is_told_and_ignored),
        cmocka_unit_test(reader_gets_prefix_changes_and_deletions_in_order),
        cmocka_unit_test(reader_that_missed_too_many_deletions_is_sent_back),
        cmocka_unit_test(digests_tell_content_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
