// SPDX-License-Identifier: Apache-2.0
// Orders die with the daemon that gave them, as its child processes do.
#include "sim/sim_fence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/fence_config.h"
#include "common/port/fence.h"
#include "sim/sim_command.h"
#include "sim/world.h"

enum { SIM_FENCE_TOOK_MAX_S = 3600 };

static void order_done(struct sim_fence_order *order)
{
    free(order->node);
    free(order->device);
    free(order->agent);
}

void sim_fences_done(struct sim_fences *fences)
{
    for (size_t i = 0; i < fences->count; i++) {
        order_done(&fences->orders[i]);
    }
    free(fences->orders);
}

static void fences_remove(struct sim_fences *fences, size_t at)
{
    order_done(&fences->orders[at]);
    for (size_t i = at + 1; i < fences->count; i++) {
        fences->orders[i - 1] = fences->orders[i];
    }
    fences->count--;
}

void sim_fences_forget(const struct sim_daemon *daemon)
{
    struct sim_fences *fences = &daemon->world->fences;
    for (size_t i = fences->count; i > 0; i--) {
        if (fences->orders[i - 1].daemon == daemon) {
            fences_remove(fences, i - 1);
        }
    }
}

static int64_t device_took_ms(const struct fence_device *device)
{
    const char *text = map_find(&device->params, "took");
    int64_t took_s = 1;
    if (strcmp(device->agent, "fence_hang") == 0) {
        return device->timeout_s * 1000;
    }
    if (text != NULL) {
        ignore_result(parse_int64(text, 0, SIM_FENCE_TOOK_MAX_S, &took_s)); // else 1
    }
    return took_s * 1000;
}

static int sim_fence_start(struct fence *fence, const struct fence_device *device, const char *node,
                           struct error *err)
{
    struct sim_daemon *daemon = ((struct sim_fence_port *)fence)->daemon;
    struct sim_fences *fences = &daemon->world->fences;
    for (size_t i = 0; i < fences->count; i++) {
        const struct sim_fence_order *order = &fences->orders[i];
        if (order->daemon == daemon && !order->ended && strcmp(order->node, node) == 0 &&
            strcmp(order->device, device->name) == 0) {
            return error_set(err, -EEXIST, "'%s' is at it already", device->name);
        }
    }
    if (fences->count == fences->capacity) {
        fences->capacity = fences->capacity == 0 ? 8 : fences->capacity * 2;
        struct sim_fence_order *orders = alloc_zero(fences->capacity * sizeof(*orders));
        for (size_t i = 0; i < fences->count; i++) {
            orders[i] = fences->orders[i];
        }
        free(fences->orders);
        fences->orders = orders;
    }
    int64_t now_ms = daemon->world->now_ms;
    fences->orders[fences->count++] = (struct sim_fence_order){
        .daemon = daemon,
        .node = alloc_strdup(node),
        .device = alloc_strdup(device->name),
        .agent = alloc_strdup(device->agent),
        .start_ms = now_ms,
        .due_ms = now_ms + device->delay_s * 1000 + device_took_ms(device),
    };
    return 0;
}

static struct fence_result order_result(struct arena *arena, const struct sim_fence_order *order)
{
    bool off = strcmp(order->agent, "fence_off") == 0 || strcmp(order->agent, "fence_lie") == 0;
    off = off && !order->cancelled;
    return (struct fence_result){
        .node = arena_strdup(arena, order->node),
        .device = arena_strdup(arena, order->device),
        .verdict = off ? FENCE_VERDICT_OFF : FENCE_VERDICT_FAILED,
        .evidence = off ? "status: off" : "no success",
        .took_ms = order->due_ms - order->start_ms,
    };
}

static void sim_fence_collect(struct fence *fence, struct arena *arena, struct fence_results *ret)
{
    struct sim_daemon *daemon = ((struct sim_fence_port *)fence)->daemon;
    struct sim_fences *fences = &daemon->world->fences;
    struct fence_results results = {.results =
                                        arena_array_of(arena, struct fence_result, fences->count)};
    size_t i = 0;
    while (i < fences->count) {
        const struct sim_fence_order *order = &fences->orders[i];
        if (order->daemon == daemon && order->ended) {
            results.results[results.count++] = order_result(arena, order);
            fences_remove(fences, i);
        } else {
            i++;
        }
    }
    *ret = results;
}

static void sim_fence_cancel(struct fence *fence, const char *node)
{
    struct sim_daemon *daemon = ((struct sim_fence_port *)fence)->daemon;
    struct sim_fences *fences = &daemon->world->fences;
    for (size_t i = 0; i < fences->count; i++) {
        struct sim_fence_order *order = &fences->orders[i];
        if (order->daemon == daemon && !order->ended && strcmp(order->node, node) == 0) {
            order->cancelled = true;
            order->due_ms = daemon->world->now_ms;
        }
    }
}

void sim_fence_port_init(struct sim_daemon *daemon)
{
    static const struct fence_ops ops = {sim_fence_start, sim_fence_collect, sim_fence_cancel};
    daemon->fence = (struct sim_fence_port){{&ops}, daemon};
}

int64_t sim_fences_next_ms(const struct sim_world *world)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < world->fences.count; i++) {
        const struct sim_fence_order *order = &world->fences.orders[i];
        next_ms = !order->ended && order->due_ms < next_ms ? order->due_ms : next_ms;
    }
    return next_ms;
}

static int order_carry_out(struct sim_world *world, struct sim_fence_order *order,
                           struct error *err)
{
    const struct sim_node *node = sim_world_find_node(world, order->node);
    order->ended = true;
    order->daemon->next_wake_ms = world->now_ms;
    if (strcmp(order->agent, "fence_off") != 0 || order->cancelled || !node->power) {
        return 0;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "power %s off", order->node);
    return sim_command_run(world, "fence", strbuf_text(&text), err);
}

int sim_fences_run(struct sim_world *world, struct error *err)
{
    size_t i = 0;
    int r = 0;
    while (i < world->fences.count && r == 0) {
        struct sim_fence_order *order = &world->fences.orders[i];
        if (!sim_daemon_exists(order->daemon)) {
            fences_remove(&world->fences, i);
            continue;
        }
        if (!order->ended && order->due_ms <= world->now_ms) {
            r = order_carry_out(world, order, err);
        }
        i++;
    }
    return r;
}
