// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_fence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/fence_config.h"
#include "common/model/manager_status.h"
#include "common/model/store_keys.h"
#include "common/port/fence.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_host.h"

enum { ACT_MS_MIN = 200, ACT_MS_MAX = 2500, ANSWER_MS_MAX = 500 };
enum { BOOT_S_MIN = 3, BOOT_S_MAX = 15 };

// What a device does once it was told to, whoever lives on to hear of it.
struct act {
    struct swarm_world *world;
    struct swarm_node *target;
    char *key;
    struct swarm_timer timer;
};

struct order {
    struct swarm_fence *fence;
    struct arena *arena; // holds all of it
    const char *node, *device, *key;
    int64_t timeout_us, delay_s, start_us;
    struct swarm_timer begin, done;
    enum fence_verdict verdict;
    const char *evidence;
};

struct ended {
    struct ended *next;
    struct arena *arena; // holds all of it
    struct fence_result result;
};

struct swarm_fence {
    struct fence port; // first
    struct swarm_node *node;
    struct swarm_client *client;
    void (*on_result)(void *userdata);
    void *userdata;
    struct map orders; // "<device>/<node>" → struct order *
    struct ended *first, **last;
};

// --- Devices.

static void act_free(void *value)
{
    struct act *act = value;
    swarm_timer_stop(&act->timer);
    free(act->key);
    free(act);
}

static void act_due(void *userdata)
{
    struct act *act = userdata;
    struct swarm_world *world = act->world;
    swarm_node_cut_power(act->target, "device");
    if (world->is_mended &&
        act->target->is_configured) { // somebody sees that and turns it on again
        swarm_node_boot_after(act->target,
                              swarm_random(world, BOOT_S_MIN * SWARM_S, BOOT_S_MAX * SWARM_S));
    }
    (void)map_remove(&world->acts, act->key); // frees it; it was there
}

static void act_begin(struct swarm_node *target, int64_t us)
{
    struct swarm_world *world = target->world;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct act *act = alloc_zero(sizeof(*act));
    if (world->acts.value_free == NULL) {
        map_init(&world->acts, act_free);
    }
    act->world = world;
    act->target = target;
    act->key =
        alloc_strdup(arena_printf(arena, "%020llu", (unsigned long long)++world->acts_given));
    swarm_timer_init(&act->timer, world->queue, NULL, act_due, act);
    swarm_timer_set(&act->timer, swarm_queue_now_us(world->queue) + us);
    map_put(&world->acts, act->key, act);
}

void swarm_acts_end(struct swarm_world *world)
{
    map_done(&world->acts);
    world->acts = (struct map){0};
}

// --- Orders.

static void order_free(void *value)
{
    struct order *order = value;
    swarm_timer_stop(&order->begin);
    swarm_timer_stop(&order->done);
    arena_free(order->arena);
}

static void ended_add(struct swarm_fence *fence, const struct order *order,
                      enum fence_verdict verdict, const char *evidence)
{
    struct arena *arena = arena_new();
    struct ended *ended = arena_new_of(arena, struct ended);
    int64_t took_us = swarm_queue_now_us(fence->node->world->queue) - order->start_us;
    ended->arena = arena;
    ended->result = (struct fence_result){.node = arena_strdup(arena, order->node),
                                          .device = arena_strdup(arena, order->device),
                                          .verdict = verdict,
                                          .evidence = arena_strdup(arena, evidence),
                                          .took_ms = took_us / SWARM_MS};
    *fence->last = ended;
    fence->last = &ended->next;
    fence->on_result(fence->userdata);
}

static void order_end(struct order *order, enum fence_verdict verdict, const char *evidence)
{
    struct swarm_fence *fence = order->fence;
    ended_add(fence, order, verdict, evidence);
    (void)map_remove(&fence->orders, order->key); // frees the order; it was there
}

static void order_done(void *userdata)
{
    struct order *order = userdata;
    order_end(order, order->verdict, order->evidence);
}

// As in production: an order is for the quorate part only, and after a delay the world may be
// another one.
static int order_check(struct order *order, struct error *err)
{
    struct member_list members;
    struct store_entries entries;
    struct manager_status *status = NULL;
    struct arena *arena = order->arena;
    int r = membership_get(swarm_client_membership(order->fence->client), arena, &members, err);
    if (r == 0 && !members.quorate) {
        r = error_set(err, -EHOSTDOWN, "not ordered: this node has no quorum");
    }
    if (r < 0 || order->delay_s == 0) {
        return r;
    }
    r = store_read(swarm_client_store(order->fence->client), STORE_KEY_MANAGER_STATUS, 0, arena,
                   &entries, err);
    if (r == 0 && entries.count > 0 && entries.entries[0].value != NULL) {
        r = manager_status_parse(arena, entries.entries[0].value, entries.entries[0].size_bytes,
                                 &status, err);
    }
    const struct manager_node *node = status != NULL ? map_find(&status->nodes, order->node) : NULL;
    if (r == 0 && (node == NULL || node->state != NODE_STATE_FENCE)) {
        r = error_set(err, -ECANCELED, "not ordered: the node was not to be fenced any more");
    }
    return r;
}

static void order_begin(void *userdata)
{
    struct order *order = userdata;
    struct swarm_world *world = order->fence->node->world;
    struct swarm_node *target = swarm_world_find_node(world, order->node);
    struct error err = {0};
    int64_t act_us = swarm_random(world, ACT_MS_MIN * SWARM_MS, ACT_MS_MAX * SWARM_MS);
    int64_t answer_us = act_us + swarm_random(world, 0, ANSWER_MS_MAX * SWARM_MS);
    order->verdict = FENCE_VERDICT_FAILED;
    if (order_check(order, &err) < 0 || target == NULL) {
        order_end(order, FENCE_VERDICT_FAILED, target == NULL ? "no such plug" : err.text);
        return;
    }
    switch (target->power_switch) {
    case SWARM_SWITCH_WORKS:
        act_begin(target, act_us);
        order->verdict = FENCE_VERDICT_OFF;
        order->evidence = "status: off";
        answer_us = answer_us > act_us ? answer_us : act_us + 1;
        break;
    case SWARM_SWITCH_FAILS:
        order->evidence = "login failed";
        break;
    case SWARM_SWITCH_HANGS:
        order->evidence = "it took too long";
        answer_us = order->timeout_us;
        break;
    case SWARM_SWITCH_LIES:
        order->verdict = FENCE_VERDICT_OFF;
        order->evidence = "status: off, it says";
        break;
    }
    swarm_timer_set(&order->done, swarm_queue_now_us(world->queue) + answer_us);
}

static int fence_port_start(struct fence *port, const struct fence_device *device, const char *node,
                            struct error *err)
{
    struct swarm_fence *fence = (struct swarm_fence *)port;
    struct swarm_queue *queue = fence->node->world->queue;
    struct arena *arena = arena_new();
    struct order *order = arena_new_of(arena, struct order);
    *order = (struct order){.fence = fence,
                            .arena = arena,
                            .node = arena_strdup(arena, node),
                            .device = arena_strdup(arena, device->name),
                            .key = arena_printf(arena, "%s/%s", device->name, node),
                            .timeout_us = device->timeout_s * SWARM_S,
                            .delay_s = device->delay_s,
                            .start_us = swarm_queue_now_us(queue)};
    if (map_has(&fence->orders, order->key)) {
        int r = error_set(err, -EEXIST, "device '%s' is switching node '%s' off already",
                          device->name, node);
        arena_free(arena);
        return r;
    }
    swarm_timer_init(&order->begin, queue, &fence->node->gate, order_begin, order);
    swarm_timer_init(&order->done, queue, &fence->node->processes[SWARM_PROCESS_CRM].gate,
                     order_done, order);
    swarm_timer_set(&order->begin, order->start_us + order->delay_s * SWARM_S);
    map_put(&fence->orders, order->key, order);
    return 0;
}

static void fence_port_collect(struct fence *port, struct arena *arena, struct fence_results *ret)
{
    struct swarm_fence *fence = (struct swarm_fence *)port;
    size_t count = 0;
    for (const struct ended *ended = fence->first; ended != NULL; ended = ended->next) {
        count++;
    }
    struct fence_results results = {.results = arena_array_of(arena, struct fence_result, count)};
    while (fence->first != NULL) {
        struct ended *ended = fence->first;
        struct fence_result *to = &results.results[results.count++];
        fence->first = ended->next;
        *to = ended->result;
        to->node = arena_strdup(arena, to->node);
        to->device = arena_strdup(arena, to->device);
        to->evidence = arena_strdup(arena, to->evidence);
        arena_free(ended->arena);
    }
    fence->last = &fence->first;
    *ret = results;
}

static void fence_port_cancel(struct fence *port, const char *node)
{
    struct swarm_fence *fence = (struct swarm_fence *)port;
    size_t i = 0;
    while (i < fence->orders.count) {
        struct order *order = fence->orders.entries[i].value;
        if (strcmp(order->node, node) == 0) {
            order_end(order, FENCE_VERDICT_FAILED, "ended, since the node is back");
        } else {
            i++;
        }
    }
}

struct swarm_fence *swarm_fence_new(struct swarm_node *node, struct swarm_client *client,
                                    void (*on_result)(void *userdata), void *userdata)
{
    static const struct fence_ops ops = {
        .start = fence_port_start, .collect = fence_port_collect, .cancel = fence_port_cancel};
    struct swarm_fence *fence = alloc_zero(sizeof(*fence));
    fence->port.ops = &ops;
    fence->node = node;
    fence->client = client;
    fence->on_result = on_result;
    fence->userdata = userdata;
    fence->last = &fence->first;
    map_init(&fence->orders, order_free);
    return fence;
}

void swarm_fence_free(struct swarm_fence *fence)
{
    map_done(&fence->orders);
    while (fence->first != NULL) {
        struct ended *ended = fence->first;
        fence->first = ended->next;
        arena_free(ended->arena);
    }
    free(fence);
}

struct fence *swarm_fence_port(struct swarm_fence *fence)
{
    return &fence->port;
}
