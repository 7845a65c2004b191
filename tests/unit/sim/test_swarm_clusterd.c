// SPDX-License-Identifier: Apache-2.0
// The production store, leases and membership on the simulated network, disks and clocks: what an
// observer with true time sees while power, network and processes fail.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/prng.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/event_sink.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_disk.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_net.h"
#include "sim/swarm/swarm_queue.h"
#include "tests/lib/test.h"

enum {
    NODES_MAX = 5,
    US_PER_MS = 1000,
    US_PER_S = 1000 * 1000,
    BOOT_S = 15,
    SEEDS = 20,
    KEPT_EACH = 7,
    AGAIN_KEYS = 40
};

// Not the manager's, which may be taken at once from a node that is not in the quorate part.
#define LEASE_NAME "test_lock"

struct world;

// A node with one client that holds the lease when it can and then writes numbered keys.
struct node {
    struct world *world;
    size_t index;
    char name[16];
    struct swarm_clock clock;
    struct swarm_disk *disk;
    struct swarm_gate gate, daemon_gate, client_gate;
    struct event_sink sink;
    struct swarm_clusterd *clusterd;
    struct swarm_client *client;
    struct swarm_fiber *fiber;
    struct swarm_timer round;
    bool is_on, is_waiting;
    int64_t authority_true_us; // until then it may act; 0: not
};

struct world {
    struct swarm_queue *queue;
    struct swarm_net *net;
    struct prng prng;
    struct timing timing;
    struct node nodes[NODES_MAX];
    size_t count;
    struct map written; // key → its value; acknowledged
    uint64_t writes, sum, masters;
    const char *failure;
};

static void world_fail(struct world *world, const char *words)
{
    if (world->failure == NULL) {
        world->failure = words;
    }
}

static void sum_add(struct world *world, const char *text)
{
    for (; *text != '\0'; text++) {
        world->sum = (world->sum ^ (unsigned char)*text) * 1099511628211U;
    }
}

static void sink_emit(struct event_sink *sink, const struct event *event)
{
    struct node *node = (struct node *)((char *)sink - offsetof(struct node, sink));
    char text[128];
    (void)snprintf(text, sizeof(text), "%" PRId64 " %s %s", // cut is fine
                   swarm_queue_now_us(node->world->queue), node->name, event->name);
    sum_add(node->world, text);
}

static const struct event_sink_ops sink_ops = {.emit = sink_emit};

// INV-2 rests on it: true authority never overlaps.
static void authority_note(struct node *node, int64_t until_ms)
{
    struct world *world = node->world;
    int64_t now_us = swarm_queue_now_us(world->queue);
    int64_t until_us = swarm_clock_true_us(&node->clock, until_ms);
    for (size_t i = 0; i < world->count; i++) {
        const struct node *other = &world->nodes[i];
        if (other != node && other->is_on && other->authority_true_us > now_us) {
            world_fail(world, "two nodes hold the lease at one time");
        }
    }
    world->masters += node->authority_true_us <= now_us;
    node->authority_true_us = until_us;
}

static void write_one(struct node *node, uint64_t term)
{
    struct world *world = node->world;
    char key[64];
    char value[64];
    // Some are written again and again, some once: what was lost must not be hidden by the next
    // one.
    uint64_t number = world->writes % KEPT_EACH == 0 ? world->writes : world->writes % AGAIN_KEYS;
    (void)snprintf(key, sizeof(key), "config/test/%06" PRIu64, number);               // fits
    (void)snprintf(value, sizeof(value), "%s %" PRIu64, node->name, ++world->writes); // fits
    const struct store_op op = {
        .key = key,
        .value = value,
        .size_bytes = strlen(value),
        .expect = STORE_ANY,
    };
    const struct store_txn txn = {
        .lease = LEASE_NAME,
        .owner = node->name,
        .term = term,
        .ops = &op,
        .count = 1,
    };
    uint64_t version = 0;
    // While the outcome is not known either value may be there.
    (void)map_remove(&world->written, key);
    int r = store_commit(swarm_client_store(node->client), &txn, &version, NULL);
    if (r == 0) {
        map_put(&world->written, key, alloc_strdup(value));
        sum_add(world, value);
    } else if (r != -ETIMEDOUT && !swarm_fiber_is_ended(node->fiber)) {
        sum_add(world, "refused");
    }
}

static void round_run(void *userdata)
{
    struct node *node = userdata;
    struct lease_grant grant = {0};
    struct lease *lease = swarm_client_lease(node->client);
    swarm_client_set_fiber(node->client, node->fiber);
    int answer = lease_acquire(lease, LEASE_NAME, &grant, NULL);
    if (answer == LEASE_ACQUIRED || answer == LEASE_RENEWED) {
        authority_note(node, grant.authority_until_ms);
        write_one(node, grant.term);
    }
    node->is_waiting = false;
}

static void round_due(void *userdata)
{
    struct node *node = userdata;
    int64_t now_us = swarm_queue_now_us(node->world->queue);
    swarm_timer_set(&node->round, now_us + node->world->timing.renew_ms * US_PER_MS);
    if (node->is_waiting) {
        return; // the last one is not over
    }
    node->is_waiting = true;
    if (swarm_fiber_is_done(node->fiber)) {
        swarm_fiber_restart(node->fiber);
    }
    swarm_fiber_resume(node->fiber);
}

static void client_changed(void *userdata)
{
    struct node *node = userdata;
    if (!node->is_waiting) {
        swarm_timer_set(&node->round, swarm_queue_now_us(node->world->queue));
    }
}

static void clusterd_start(struct node *node);

static void clusterd_ended(void *userdata)
{
    struct node *node = userdata;
    swarm_clusterd_kill(node->clusterd);
    clusterd_start(node);
}

static void clusterd_start(struct node *node)
{
    struct world *world = node->world;
    const struct swarm_clusterd_spec spec = {
        .queue = world->queue,
        .prng = &world->prng,
        .gate = &node->daemon_gate,
        .net = world->net,
        .node = node->index,
        .name = node->name,
        .disk = node->disk,
        .clock = &node->clock,
        .events = &node->sink,
        .timing = &world->timing,
        .ended = clusterd_ended,
        .userdata = node,
    };
    node->clusterd = swarm_clusterd_start(&spec);
    if (node->client != NULL) {
        swarm_client_connect(node->client, node->clusterd);
    }
}

static void client_start(struct node *node)
{
    static const char *const prefixes[] = {"config/", NULL};
    struct world *world = node->world;
    const struct swarm_client_spec spec = {
        .queue = world->queue,
        .prng = &world->prng,
        .gate = &node->client_gate,
        .clock = &node->clock,
        .owner = node->name,
        .timing = &world->timing,
        .prefixes = prefixes,
        .changed = client_changed,
        .userdata = node,
    };
    node->client = swarm_client_new(&spec);
    node->fiber = swarm_fiber_new(round_run, node);
    node->is_waiting = false;
    swarm_timer_init(&node->round, world->queue, &node->client_gate, round_due, node);
    swarm_timer_set(&node->round, swarm_queue_now_us(world->queue));
    swarm_client_connect(node->client, node->clusterd);
}

static void node_on(struct node *node)
{
    node->is_on = true;
    node->authority_true_us = 0;
    swarm_net_start(node->world->net, node->index);
    clusterd_start(node);
    client_start(node);
}

static void node_off(struct node *node)
{
    if (!node->is_on) {
        return;
    }
    node->is_on = false;
    swarm_net_kill(node->world->net, node->index);
    swarm_disk_cut_power(node->disk);
    swarm_timer_stop(&node->round);
    if (!swarm_fiber_is_done(node->fiber)) {
        swarm_fiber_end(node->fiber);
    }
    swarm_fiber_free(node->fiber);
    swarm_client_free(node->client);
    swarm_clusterd_kill(node->clusterd);
    node->client = NULL;
    node->clusterd = NULL;
    swarm_gate_open(&node->gate);
    swarm_gate_open(&node->daemon_gate);
    swarm_gate_open(&node->client_gate);
}

static void node_pause(struct node *node, bool is_paused)
{
    void (*move)(struct swarm_gate * gate) = is_paused ? swarm_gate_close : swarm_gate_open;
    move(&node->gate);
    move(&node->daemon_gate);
    move(&node->client_gate);
}

static struct world *world_new(uint64_t seed, size_t count)
{
    struct world *world = alloc_zero(sizeof(*world));
    world->queue = swarm_queue_new();
    world->count = count;
    prng_init(&world->prng, seed);
    timing_get(TIMING_PROFILE_FAST, &world->timing);
    map_init(&world->written, free);
    const struct swarm_net_spec spec = {
        .queue = world->queue,
        .prng = &world->prng,
        .token_ms = world->timing.token_ms,
        .consensus_ms = world->timing.consensus_ms,
        .delay_us_min = 200,
        .delay_us_max = 2000,
    };
    world->net = swarm_net_new(&spec);
    for (size_t i = 0; i < count; i++) {
        struct node *node = &world->nodes[i];
        node->world = world;
        node->index = i;
        node->sink.ops = &sink_ops;
        (void)snprintf(node->name, sizeof(node->name), "node%zu", i + 1); // fits
        swarm_clock_init(&node->clock, world->queue, 1000 * (int64_t)(i + 1),
                         (int64_t)prng_below(&world->prng, 2001) - 1000);
        node->disk = swarm_disk_new(world->queue, &world->prng);
        swarm_net_add_node(world->net, node->name, 1, &node->gate);
    }
    for (size_t i = 0; i < count; i++) {
        node_on(&world->nodes[i]);
    }
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        node_off(&world->nodes[i]);
        swarm_disk_free(world->nodes[i].disk);
    }
    swarm_net_free(world->net);
    swarm_queue_free(world->queue);
    map_done(&world->written);
    free(world);
}

static void world_run(struct world *world, int64_t us)
{
    int64_t until_us = swarm_queue_now_us(world->queue) + us;
    while (swarm_queue_run_next(world->queue, until_us)) {
    }
    if (world->failure != NULL) {
        fail_msg("%s at %" PRId64 " us", world->failure, swarm_queue_now_us(world->queue));
    }
}

static void world_mend(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t k = 0; k < world->count; k++) {
            swarm_net_set_path(world->net, i, k, true);
        }
        swarm_disk_set_full(world->nodes[i].disk, false);
        node_pause(&world->nodes[i], false);
    }
    swarm_net_set_loss(world->net, 0);
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        if (!node->is_on) {
            node_on(node);
        } else if (!swarm_net_is_up(world->net, i)) {
            swarm_net_start(world->net, i);
        }
    }
}

// All serve, are equal, and have what was acknowledged.
static void world_check(struct world *world)
{
    uint64_t first = 0;
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        uint64_t version = 0;
        assert_true(swarm_clusterd_is_serving(node->clusterd));
        assert_true(swarm_net_is_quorate(world->net, i));
        map_each (e, &world->written) {
            const char *value = swarm_clusterd_peek(node->clusterd, e->key, NULL);
            assert_non_null(value);
            assert_string_equal(value, e->value);
        }
        uint64_t sum = swarm_clusterd_checksum(node->clusterd, &version);
        first = i == 0 ? sum : first;
        assert_int_equal(sum, first);
    }
}

// Until nobody writes.
static void world_settle(struct world *world)
{
    world_run(world, 60 * (int64_t)US_PER_S);
    for (size_t i = 0; i < world->count; i++) {
        swarm_timer_stop(&world->nodes[i].round);
        world->nodes[i].is_waiting = true;
    }
    world_run(world, 5 * (int64_t)US_PER_S);
    world_check(world);
}

static size_t masters_now(const struct world *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->count; i++) {
        count += world->nodes[i].authority_true_us > swarm_queue_now_us(world->queue);
    }
    return count;
}

static void nodes_started_form_and_elect_one(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 3, 5};
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        struct world *world = world_new(i + 1, counts[i]);
        world_run(world, BOOT_S * (int64_t)US_PER_S);
        assert_int_equal(masters_now(world), 1);
        assert_true(world->written.count > 0);
        assert_true(swarm_net_shares_ring(world->net, 0, counts[i] - 1));
        world_settle(world);
        world_free(world);
    }
}

static size_t master_of(const struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        if (world->nodes[i].authority_true_us > swarm_queue_now_us(world->queue)) {
            return i;
        }
    }
    fail_msg("there is no master");
    return 0;
}

static void master_powered_off_is_followed_by_another(void **state)
{
    (void)state;
    struct world *world = world_new(7, 3);
    world_run(world, BOOT_S * (int64_t)US_PER_S);
    size_t master = master_of(world);
    node_off(&world->nodes[master]);
    world->nodes[master].authority_true_us = 0;
    world_run(world, 10 * (int64_t)US_PER_S);
    assert_int_equal(masters_now(world), 1);
    assert_int_not_equal(master_of(world), master);
    node_on(&world->nodes[master]);
    world_settle(world);
    world_free(world);
}

static void cut_set(struct world *world, size_t node, bool is_open)
{
    for (size_t i = 0; i < world->count; i++) {
        if (i != node) {
            swarm_net_set_path(world->net, i, node, is_open);
            swarm_net_set_path(world->net, node, i, is_open);
        }
    }
}

static bool is_told_quorate(const struct node *node, size_t *ret_online)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct member_list list = {0};
    swarm_client_set_fiber(node->client, NULL);
    if (membership_get(swarm_client_membership(node->client), arena, &list, NULL) < 0) {
        return false;
    }
    *ret_online = 0;
    for (size_t i = 0; i < list.count; i++) {
        *ret_online += list.members[i].online;
    }
    return list.quorate;
}

static void node_cut_loses_quorum_when_the_others_see_it(void **state)
{
    (void)state;
    struct world *world = world_new(8, 3);
    size_t online = 0;
    world_run(world, BOOT_S * (int64_t)US_PER_S);
    cut_set(world, 2, false);
    world_run(world, 1800 * US_PER_MS);
    assert_true(is_told_quorate(&world->nodes[2], &online));
    world_run(world, 1200 * US_PER_MS);
    assert_false(is_told_quorate(&world->nodes[2], &online));
    assert_int_equal(online, 0);
    assert_true(is_told_quorate(&world->nodes[0], &online));
    assert_int_equal(online, 2);
    assert_false(swarm_net_shares_ring(world->net, 0, 2));
    cut_set(world, 2, true);
    world_run(world, 4 * (int64_t)US_PER_S);
    assert_true(is_told_quorate(&world->nodes[2], &online));
    assert_int_equal(online, 3);
    world_settle(world);
    world_free(world);
}

static void node_heard_by_one_only_takes_part_with_nobody(void **state)
{
    (void)state;
    struct world *world = world_new(9, 3);
    world_run(world, BOOT_S * (int64_t)US_PER_S);
    swarm_net_set_path(world->net, 0, 2, false); // one way
    world_run(world, 5 * (int64_t)US_PER_S);
    assert_true(swarm_net_shares_ring(world->net, 0, 1));
    assert_false(swarm_net_shares_ring(world->net, 1, 2));
    world_run(world, 20 * (int64_t)US_PER_S); // and that stays so
    assert_true(swarm_net_shares_ring(world->net, 0, 1));
    world_mend(world);
    world_settle(world);
    world_free(world);
}

static void node_paused_is_left_behind_and_comes_back(void **state)
{
    (void)state;
    struct world *world = world_new(10, 3);
    size_t online = 0;
    world_run(world, BOOT_S * (int64_t)US_PER_S);
    size_t master = master_of(world);
    node_pause(&world->nodes[master], true);
    world_run(world, 12 * (int64_t)US_PER_S);
    world->nodes[master].authority_true_us = 0;
    assert_int_equal(masters_now(world), 1);
    assert_false(swarm_net_shares_ring(world->net, master, (master + 1) % 3));
    assert_true(is_told_quorate(&world->nodes[(master + 1) % 3], &online));
    assert_int_equal(online, 2);
    node_pause(&world->nodes[master], false);
    world_settle(world);
    world_free(world);
}

static void expected_votes_are_guarded_and_rise_again(void **state)
{
    (void)state;
    struct world *world = world_new(11, 3);
    struct error err = {0};
    size_t online = 0;
    world_run(world, BOOT_S * (int64_t)US_PER_S);
    node_off(&world->nodes[0]);
    node_off(&world->nodes[1]);
    world->nodes[0].authority_true_us = 0;
    world->nodes[1].authority_true_us = 0;
    world_run(world, 4 * (int64_t)US_PER_S);
    assert_false(is_told_quorate(&world->nodes[2], &online));
    assert_int_equal(swarm_clusterd_expect(world->nodes[2].clusterd, 1, false, &err), -EBUSY);
    world_run(world, 10 * (int64_t)US_PER_S);
    assert_int_equal(swarm_clusterd_expect(world->nodes[2].clusterd, 1, false, &err), 0);
    world_run(world, 5 * (int64_t)US_PER_S);
    assert_true(is_told_quorate(&world->nodes[2], &online));
    node_on(&world->nodes[0]);
    world_run(world, 10 * (int64_t)US_PER_S);
    assert_true(swarm_net_shares_ring(world->net, 0, 2));
    node_on(&world->nodes[1]);
    world_settle(world);
    world_free(world);
}

// ---- Seeds.

static void all_off(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        node_off(&world->nodes[i]);
        world->nodes[i].authority_true_us = 0;
    }
}

static void fault_draw(struct world *world)
{
    struct prng *prng = &world->prng;
    size_t index = (size_t)prng_below(prng, world->count);
    struct node *node = &world->nodes[index];
    size_t other = (size_t)prng_below(prng, world->count);
    switch (prng_below(prng, 11)) {
    case 0:
        node_off(node);
        node->authority_true_us = 0; // what is off does nothing
        break;
    case 1:
        cut_set(world, index, false);
        break;
    case 2:
        swarm_net_set_path(world->net, index, other, false);
        break;
    case 3:
        node_pause(node, true);
        break;
    case 4:
        swarm_gate_close(&node->daemon_gate);
        break;
    case 5:
        if (node->is_on) {
            clusterd_ended(node);
        }
        break;
    case 6:
        swarm_net_kill(world->net, index);
        break;
    case 7:
        swarm_net_set_loss(world->net, (int64_t)prng_below(prng, 20));
        break;
    case 8:
        swarm_disk_set_full(node->disk, true);
        break;
    case 9:
        all_off(world);
        break;
    default:
        world_mend(world);
        break;
    }
}

static uint64_t campaign_run(uint64_t seed, size_t nodes)
{
    struct world *world = world_new(seed, nodes);
    for (int i = 0; i < 40; i++) {
        world_run(world, (int64_t)prng_below(&world->prng, 8 * US_PER_S));
        fault_draw(world);
    }
    world_mend(world);
    world_settle(world);
    uint64_t sum = world->sum + swarm_queue_count(world->queue) + swarm_net_bytes(world->net);
    world_free(world);
    return sum;
}

static uint64_t first_seed, last_seed;

static void seeds_run_keep_their_promises(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
        print_message("# seed %" PRIu64 "\n", seed);
        (void)campaign_run(seed, seed % 2 == 0 ? 3 : 5); // it fails by itself
    }
}

static void seed_run_twice_gives_the_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + 3; seed++) {
        assert_int_equal(campaign_run(seed, 5), campaign_run(seed, 5));
    }
}

static uint64_t argument(int argc, char *argv[], int at, uint64_t usual)
{
    uint64_t value = usual;
    if (argc > at && parse_uint64(argv[at], &value) < 0) {
        print_error("usage: test_swarm_clusterd [FIRST [LAST]]\n");
    }
    return value;
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_started_form_and_elect_one),
        cmocka_unit_test(master_powered_off_is_followed_by_another),
        cmocka_unit_test(node_cut_loses_quorum_when_the_others_see_it),
        cmocka_unit_test(node_heard_by_one_only_takes_part_with_nobody),
        cmocka_unit_test(node_paused_is_left_behind_and_comes_back),
        cmocka_unit_test(expected_votes_are_guarded_and_rise_again),
        cmocka_unit_test(seeds_run_keep_their_promises),
        cmocka_unit_test(seed_run_twice_gives_the_same_bytes),
    };
    first_seed = argument(argc, argv, 1, 1);
    last_seed = argument(argc, argv, 2, first_seed + SEEDS - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
