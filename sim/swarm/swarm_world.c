// SPDX-License-Identifier: Apache-2.0
// The world as a whole: its start and end, its run, and what an observer may look at.
#include "sim/swarm/swarm_world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/model/sid.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_disk.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_net.h"

enum {
    FIRST_BOOT_MS_MAX = 2000,
    DELAY_US_MIN = 150, // of a message on the ring
    DELAY_US_MAX = 3000,
    LIVE_GUESTS_EACH = 3, // one of so many moves live
};

// --- Randomness and waiting.

int64_t swarm_random(struct swarm_world *world, int64_t from, int64_t to)
{
    return from < to ? from + (int64_t)prng_below(&world->prng, (uint64_t)(to - from) + 1) : from;
}

bool swarm_chance(struct swarm_world *world, int64_t percent)
{
    return swarm_random(world, 0, 99) < percent;
}

struct nap {
    struct swarm_timer timer;
    struct swarm_fiber *fiber;
    bool is_over;
};

static void nap_due(void *userdata)
{
    struct nap *nap = userdata;
    nap->is_over = true;
    swarm_fiber_resume(nap->fiber);
}

bool swarm_sleep(struct swarm_world *world, struct swarm_gate *gate, struct swarm_fiber *fiber,
                 int64_t us)
{
    struct nap nap = {.fiber = fiber};
    if (swarm_fiber_is_ended(fiber)) {
        return false;
    }
    swarm_timer_init(&nap.timer, world->queue, gate, nap_due, &nap);
    swarm_timer_set(&nap.timer, swarm_queue_now_us(world->queue) + us);
    while (!nap.is_over && !swarm_fiber_is_ended(fiber)) {
        swarm_fiber_wait(fiber);
    }
    swarm_timer_stop(&nap.timer);
    return !swarm_fiber_is_ended(fiber);
}

// --- What the observer is told.

static int64_t now_us(const struct swarm_node *node)
{
    return swarm_queue_now_us(node->world->queue);
}

void swarm_tell_guest(const struct swarm_node *node, const char *sid, bool runs)
{
    const struct swarm_observer *observer = &node->world->observer;
    if (observer->guest != NULL) {
        observer->guest(observer->userdata, now_us(node), node->index, sid, runs);
    }
}

void swarm_tell_power(const struct swarm_node *node, const char *why)
{
    const struct swarm_observer *observer = &node->world->observer;
    if (observer->power != NULL) {
        observer->power(observer->userdata, now_us(node), node->index, node->is_on, why);
    }
}

void swarm_tell_committed(const struct swarm_node *node, int code, uint64_t version)
{
    const struct swarm_observer *observer = &node->world->observer;
    node->world->figures.commits++;
    if (observer->committed != NULL) {
        observer->committed(observer->userdata, now_us(node), node->index, code, version);
    }
}

void swarm_tell_authority(struct swarm_node *node, const char *lease, uint64_t term,
                          int64_t until_ms)
{
    const struct swarm_observer *observer = &node->world->observer;
    if (observer->authority != NULL) {
        observer->authority(observer->userdata, now_us(node), node->index, lease, term,
                            swarm_clock_true_us(&node->clock, until_ms));
    }
}

void swarm_tell_asked(const struct swarm_node *node, const char *lease)
{
    const struct swarm_observer *observer = &node->world->observer;
    if (observer->asked != NULL) {
        observer->asked(observer->userdata, now_us(node), node->index, lease);
    }
}

static void sink_emit(struct event_sink *port, const struct event *event)
{
    const struct swarm_sink *sink = (const struct swarm_sink *)port;
    const struct swarm_observer *observer = &sink->world->observer;
    if (!sink->is_muted && observer->event != NULL) {
        observer->event(observer->userdata, swarm_queue_now_us(sink->world->queue), sink->at,
                        event);
    }
}

void swarm_sink_init(struct swarm_sink *sink, struct swarm_world *world, const char *node,
                     const char *daemon)
{
    static const struct event_sink_ops ops = {.emit = sink_emit};
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    *sink = (struct swarm_sink){
        {&ops}, world, alloc_strdup(arena_printf(arena, "%s/%s", node, daemon)), false};
}

void swarm_sink_done(struct swarm_sink *sink)
{
    free(sink->at);
}

static const char *ids_port_next(struct ids *port, struct arena *arena)
{
    struct swarm_ids *ids = (struct swarm_ids *)port;
    return arena_printf(arena, "id%08" PRIu64, ++ids->given);
}

// --- Start and end.

static void guest_free(void *value)
{
    struct swarm_guest *guest = value;
    free(guest->sid);
    free(guest);
}

struct swarm_guest *swarm_world_guest(struct swarm_world *world, const char *sid)
{
    struct swarm_guest *guest = map_find(&world->guests, sid);
    if (guest == NULL) {
        int64_t number = 0;
        guest = alloc_zero(sizeof(*guest));
        guest->sid = alloc_strdup(sid);
        bool is_number = parse_int64(sid_name(sid), 0, INT32_MAX, &number) == 0;
        uint64_t dice = (uint64_t)number + world->cluster.seed;
        guest->moves_live = is_number && dice % LIVE_GUESTS_EACH == 0;
        map_put(&world->guests, sid, guest);
    }
    return guest;
}

struct swarm_world *swarm_world_start(const struct campaign_cluster *cluster,
                                      const struct swarm_observer *observer)
{
    static const struct ids_ops ids_ops = {.next = ids_port_next};
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct swarm_world *world = alloc_zero(sizeof(*world));
    world->cluster = *cluster;
    world->observer = observer != NULL ? *observer : (struct swarm_observer){0};
    timing_get(cluster->profile, &world->timing);
    world->queue = swarm_queue_new();
    world->fibers = swarm_fiber_pool_new();
    prng_init(&world->prng, cluster->seed);
    world->ids.port.ops = &ids_ops;
    world->has_hardware_watchdogs = swarm_chance(world, 50);
    map_init(&world->guests, guest_free);
    const struct swarm_net_spec net = {.queue = world->queue,
                                       .prng = &world->prng,
                                       .token_ms = world->timing.token_ms,
                                       .consensus_ms = world->timing.consensus_ms,
                                       .delay_us_min = DELAY_US_MIN,
                                       .delay_us_max = DELAY_US_MAX};
    world->net = swarm_net_new(&net);
    for (int64_t i = 1; i <= cluster->nodes; i++) {
        swarm_node_join(swarm_node_new(world, arena_printf(arena, "node%" PRId64, i)));
    }
    for (size_t i = 0; i < world->count; i++) {
        swarm_node_boot_after(world->nodes[i],
                              swarm_random(world, 0, FIRST_BOOT_MS_MAX * SWARM_MS));
    }
    swarm_operator_set_up(world);
    return world;
}

void swarm_world_end(struct swarm_world *world)
{
    if (world == NULL) {
        return;
    }
    world->observer = (struct swarm_observer){0};
    swarm_operators_end(world);
    swarm_acts_end(world);
    for (size_t i = 0; i < world->count; i++) {
        swarm_node_cut_power(world->nodes[i], "end");
    }
    swarm_operators_end(world);
    swarm_net_free(world->net); // it knows the nodes' gates
    for (size_t i = 0; i < world->count; i++) {
        swarm_node_free(world->nodes[i]);
    }
    free(world->nodes);
    map_done(&world->guests);
    swarm_queue_free(world->queue);
    swarm_fiber_pool_free(world->fibers);
    free(world);
}

// --- Time.

int64_t swarm_world_now_us(const struct swarm_world *world)
{
    return swarm_queue_now_us(world->queue);
}

bool swarm_world_run(struct swarm_world *world, int64_t until_us)
{
    while (!world->is_stopped && swarm_queue_run_next(world->queue, until_us)) {
        if (world->observer.after != NULL) {
            world->observer.after(world->observer.userdata, swarm_queue_now_us(world->queue));
        }
    }
    return !world->is_stopped;
}

void swarm_world_stop(struct swarm_world *world)
{
    world->is_stopped = true;
}

// --- What an observer may look at.

size_t swarm_world_nodes(const struct swarm_world *world)
{
    return world->count;
}

const char *swarm_world_node_name(const struct swarm_world *world, size_t node)
{
    return world->nodes[node]->name;
}

bool swarm_world_is_on(const struct swarm_world *world, size_t node)
{
    return world->nodes[node]->is_on;
}

bool swarm_world_is_paused(const struct swarm_world *world, size_t node)
{
    return world->nodes[node]->is_paused;
}

bool swarm_world_guest_runs(const struct swarm_world *world, size_t node, const char *sid)
{
    return swarm_guest_is_up(world->nodes[node], sid);
}

const struct timing *swarm_world_timing(const struct swarm_world *world)
{
    return &world->timing;
}

const char *swarm_world_peek(const struct swarm_world *world, size_t node, const char *key,
                             uint64_t *ret_version)
{
    const struct swarm_clusterd *clusterd = world->nodes[node]->clusterd;
    return clusterd != NULL ? swarm_clusterd_peek(clusterd, key, ret_version) : NULL;
}

bool swarm_world_is_quorate(const struct swarm_world *world, size_t node)
{
    const struct swarm_clusterd *clusterd = world->nodes[node]->clusterd;
    return clusterd != NULL && swarm_clusterd_is_quorate(clusterd);
}

bool swarm_world_is_serving(const struct swarm_world *world, size_t node)
{
    const struct swarm_clusterd *clusterd = world->nodes[node]->clusterd;
    return clusterd != NULL && swarm_clusterd_is_serving(clusterd);
}

uint64_t swarm_world_checksum(const struct swarm_world *world, size_t node, uint64_t *ret_version)
{
    const struct swarm_clusterd *clusterd = world->nodes[node]->clusterd;
    if (clusterd == NULL) {
        *ret_version = 0;
        return 0;
    }
    return swarm_clusterd_checksum(clusterd, ret_version);
}

struct swarm_node *swarm_world_find_node(struct swarm_world *world, const char *name)
{
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->nodes[i]->name, name) == 0) {
            return world->nodes[i];
        }
    }
    return NULL;
}

void swarm_world_figures(const struct swarm_world *world, struct swarm_figures *ret)
{
    *ret = world->figures;
    ret->happenings = swarm_queue_count(world->queue);
    ret->messages = swarm_net_messages(world->net);
    ret->message_bytes = swarm_net_bytes(world->net);
    for (size_t i = 0; i < world->count; i++) {
        ret->rows_written += swarm_disk_rows_written(world->nodes[i]->disk);
    }
}
