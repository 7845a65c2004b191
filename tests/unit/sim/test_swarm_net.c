// SPDX-License-Identifier: Apache-2.0
// What the modelled Corosync delivers to whom, and in which order.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/prng.h"
#include "sim/swarm/swarm_net.h"
#include "sim/swarm/swarm_queue.h"
#include "tests/lib/test.h"

enum {
    NODES = 3,
    LOG_MAX = 4000,
    TOKEN_MS = 1000,
    CONSENSUS_MS = 1200,
    SETTLE_US = 6 * 1000 * 1000,
    SEND_US = 300,
    SEEDS = 200,
};

// What one process was told: "a1" a message of its first node, "|12" a group of nodes 1 and 2, "Q"
// and "q" a quorum and none.
struct member {
    struct net_world *world;
    size_t index;
    struct swarm_gate gate, process_gate;
    struct transport *transport;
    struct swarm_timer sender;
    int left, sent;
    char log[LOG_MAX];
    bool is_quorate;
};

struct net_world {
    struct swarm_queue *queue;
    struct prng prng;
    struct swarm_net *net;
    struct member members[NODES];
};

static void log_add(struct member *member, const char *text)
{
    size_t length = strlen(member->log);
    assert_true(length + strlen(text) + 1 < LOG_MAX);
    memcpy(member->log + length, text, strlen(text) + 1);
}

static void on_configured(void *userdata, const struct replica_configuration *configuration)
{
    struct member *member = userdata;
    log_add(member, "|");
    for (size_t i = 0; i < configuration->count; i++) {
        const char id[] = {(char)('0' + configuration->members[i].id), '\0'};
        log_add(member, id);
    }
    log_add(member, configuration->quorate ? "Q " : "q ");
    member->is_quorate = configuration->quorate;
}

static void on_delivered(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes)
{
    struct member *member = userdata;
    char text[32];
    (void)snprintf(text, sizeof(text), "%c%.*s ", (char)('a' + sender - 1), (int)size_bytes,
                   (const char *)bytes); // fits
    log_add(member, text);
}

static void on_anything(void *userdata)
{
    (void)userdata; // not looked at
}

static void sender_due(void *userdata)
{
    struct member *member = userdata;
    char text[16];
    int size = snprintf(text, sizeof(text), "%d", ++member->sent);
    member->transport->ops->send(member->transport, text, (size_t)size);
    if (--member->left > 0) {
        swarm_timer_set(&member->sender, swarm_queue_now_us(member->world->queue) + SEND_US);
    }
}

static struct net_world *net_world_new(uint64_t seed)
{
    struct net_world *world = alloc_zero(sizeof(*world));
    world->queue = swarm_queue_new();
    prng_init(&world->prng, seed);
    const struct swarm_net_spec spec = {
        .queue = world->queue,
        .prng = &world->prng,
        .token_ms = TOKEN_MS,
        .consensus_ms = CONSENSUS_MS,
        .delay_us_min = 200,
        .delay_us_max = 2000,
    };
    world->net = swarm_net_new(&spec);
    for (size_t i = 0; i < NODES; i++) {
        static const char *const names[NODES] = {"node1", "node2", "node3"};
        swarm_net_add_node(world->net, names[i], 1, &world->members[i].gate);
    }
    for (size_t i = 0; i < NODES; i++) {
        struct member *member = &world->members[i];
        const struct transport_callbacks callbacks = {on_configured, on_delivered, on_anything,
                                                      on_anything, member};
        member->world = world;
        member->index = i;
        swarm_net_start(world->net, i);
        member->transport = swarm_net_open(world->net, i, &member->process_gate, &callbacks);
        swarm_timer_init(&member->sender, world->queue, &member->process_gate, sender_due, member);
    }
    return world;
}

static void net_world_free(struct net_world *world)
{
    for (size_t i = 0; i < NODES; i++) {
        swarm_timer_stop(&world->members[i].sender);
        world->members[i].transport->ops->free(world->members[i].transport);
    }
    swarm_net_free(world->net);
    swarm_queue_free(world->queue);
    free(world);
}

static void run(struct net_world *world, int64_t us)
{
    int64_t until_us = swarm_queue_now_us(world->queue) + us;
    while (swarm_queue_run_next(world->queue, until_us)) {
    }
}

static void logs_clear(struct net_world *world)
{
    for (size_t i = 0; i < NODES; i++) {
        world->members[i].log[0] = '\0';
    }
}

static void send(struct net_world *world, size_t node, int count)
{
    world->members[node].left = count;
    swarm_timer_set(&world->members[node].sender, swarm_queue_now_us(world->queue));
}

static void cut(struct net_world *world, size_t node, bool is_open)
{
    for (size_t i = 0; i < NODES; i++) {
        if (i != node) {
            swarm_net_set_path(world->net, i, node, is_open);
            swarm_net_set_path(world->net, node, i, is_open);
        }
    }
}

static void pause_node(struct net_world *world, size_t node, bool is_paused)
{
    void (*move)(struct swarm_gate * gate) = is_paused ? swarm_gate_close : swarm_gate_open;
    move(&world->members[node].gate);
    move(&world->members[node].process_gate);
}

static size_t count_of(const char *log, const char *text)
{
    size_t count = 0;
    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void ring_whole_gives_all_one_order(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(1);
    run(world, SETTLE_US);
    logs_clear(world);
    for (size_t i = 0; i < NODES; i++) {
        send(world, i, 50);
    }
    run(world, SETTLE_US);
    assert_string_equal(world->members[0].log, world->members[1].log);
    assert_string_equal(world->members[0].log, world->members[2].log);
    assert_int_equal(count_of(world->members[0].log, " "), 150);
    assert_non_null(strstr(world->members[0].log, "b50 "));
    net_world_free(world);
}

// Up to the change of the group.
static char *old_part(const struct member *member)
{
    char *text = alloc_strdup(member->log);
    text[strcspn(text, "|")] = '\0';
    return text;
}

static bool has_only(const char *log, const char *senders)
{
    for (const char *at = log; *at != '\0'; at += strcspn(at, " ") + 1) {
        if (strchr(senders, *at) == NULL) {
            return false;
        }
    }
    return true;
}

// Virtual synchrony: those who stay together have the same, and both sides a part of the same.
static void ring_cut_gives_sides_the_same_part_and_their_own(void **state)
{
    (void)state;
    size_t gaps = 0;
    size_t late = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct net_world *world = net_world_new(seed);
        run(world, SETTLE_US);
        logs_clear(world);
        for (size_t i = 0; i < NODES; i++) {
            send(world, i, 20);
        }
        run(world, 1 + (int64_t)prng_below(&world->prng, 8000));
        cut(world, 2, false);
        run(world, SETTLE_US);
        char *a = old_part(&world->members[0]);
        char *b = old_part(&world->members[1]);
        char *c = old_part(&world->members[2]);
        assert_string_equal(a, b);
        size_t same = 0;
        while (a[same] != '\0' && a[same] == c[same]) {
            same++;
        }
        while (same > 0 && a[same - 1] != ' ') {
            same--;
        }
        // Behind what both have, one of the sides has its own only.
        bool is_own_here = has_only(c + same, "c");
        bool is_own_there = has_only(a + same, "ab");
        assert_true(is_own_here || is_own_there);
        gaps += c[same] != '\0' || a[same] != '\0';
        // Nothing is lost to its sender, and nothing comes twice.
        assert_int_equal(count_of(world->members[2].log, "c"), 20);
        assert_int_equal(count_of(world->members[0].log, "a"), 20);
        late += count_of(strchr(world->members[0].log, '|'), "a") > 0;
        free(a);
        free(b);
        free(c);
        net_world_free(world);
    }
    assert_true(gaps > 0); // both things do happen
    assert_true(late > 0);
}

static void ring_cut_is_told_after_token_and_consensus(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(3);
    run(world, SETTLE_US);
    assert_true(world->members[2].is_quorate);
    cut(world, 2, false);
    run(world, (TOKEN_MS + CONSENSUS_MS) * 1000);
    assert_true(world->members[2].is_quorate);
    assert_true(swarm_net_shares_ring(world->net, 0, 2));
    run(world, 300 * 1000);
    assert_false(world->members[2].is_quorate);
    assert_true(world->members[0].is_quorate);
    assert_false(swarm_net_shares_ring(world->net, 0, 2));
    cut(world, 2, true);
    run(world, SETTLE_US);
    assert_true(world->members[2].is_quorate);
    net_world_free(world);
}

static void ring_cut_shorter_than_the_token_loses_nothing(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(4);
    run(world, SETTLE_US);
    logs_clear(world);
    cut(world, 2, false);
    send(world, 0, 5);
    send(world, 2, 5);
    run(world, TOKEN_MS * 500);
    cut(world, 2, true);
    run(world, SETTLE_US);
    assert_string_equal(world->members[0].log, world->members[2].log);
    assert_int_equal(count_of(world->members[0].log, " "), 10);
    net_world_free(world);
}

static void node_paused_speaks_to_the_next_ring_when_it_wakes(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(5);
    run(world, SETTLE_US);
    logs_clear(world);
    pause_node(world, 2, true);
    send(world, 2, 1); // behind its gate
    send(world, 0, 3);
    run(world, SETTLE_US);
    assert_true(world->members[0].is_quorate);
    assert_true(world->members[2].is_quorate); // it has heard nothing else
    pause_node(world, 2, false);
    run(world, SETTLE_US);
    const char *log = world->members[0].log;
    const char *again = strstr(log, "|123");
    assert_non_null(again);
    assert_non_null(strstr(again, "c1 ")); // late, and on a ring it was not sent on
    assert_null(strstr(world->members[2].log, "a3 "));
    net_world_free(world);
}

static void process_gone_leaves_the_group_behind_what_it_sent(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(6);
    run(world, SETTLE_US);
    logs_clear(world);
    send(world, 2, 1);
    run(world, 10);
    world->members[2].transport->ops->free(world->members[2].transport);
    run(world, SETTLE_US / 2);
    assert_string_equal(world->members[0].log, "c1 |12Q ");
    const struct transport_callbacks callbacks = {on_configured, on_delivered, on_anything,
                                                  on_anything, &world->members[2]};
    world->members[2].transport =
        swarm_net_open(world->net, 2, &world->members[2].process_gate, &callbacks);
    run(world, SETTLE_US / 2);
    assert_string_equal(world->members[0].log, "c1 |12Q |123Q ");
    assert_true(world->members[2].is_quorate);
    net_world_free(world);
}

static void corosync_killed_is_told_its_process_at_once(void **state)
{
    (void)state;
    struct net_world *world = net_world_new(7);
    run(world, SETTLE_US);
    swarm_net_kill(world->net, 2);
    run(world, 20 * 1000);
    assert_false(world->members[2].is_quorate);
    assert_true(swarm_net_shares_ring(world->net, 0, 1));
    run(world, SETTLE_US);
    assert_false(swarm_net_is_quorate(world->net, 2));
    swarm_net_start(world->net, 2);
    run(world, SETTLE_US);
    assert_true(world->members[2].is_quorate);
    net_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_whole_gives_all_one_order),
        cmocka_unit_test(ring_cut_gives_sides_the_same_part_and_their_own),
        cmocka_unit_test(ring_cut_is_told_after_token_and_consensus),
        cmocka_unit_test(ring_cut_shorter_than_the_token_loses_nothing),
        cmocka_unit_test(node_paused_speaks_to_the_next_ring_when_it_wakes),
        cmocka_unit_test(process_gone_leaves_the_group_behind_what_it_sent),
        cmocka_unit_test(corosync_killed_is_told_its_process_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
