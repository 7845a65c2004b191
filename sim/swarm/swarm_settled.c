// SPDX-License-Identifier: Apache-2.0
// Whether all is well, and the sum of a moment.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_net.h"
#include "sim/swarm/swarm_watchdog.h"

// The nodes that are on are in one part, which serves. The first of them, or NULL.
static const struct swarm_node *nodes_are_well(const struct swarm_world *world)
{
    const struct swarm_node *first = NULL;
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *node = world->nodes[i];
        // One that is to leave has left, or was turned on again, when all is well.
        if (node->is_joining || swarm_timer_is_set(&node->leave)) {
            return NULL;
        }
        if (!node->is_configured || !node->is_on) {
            continue;
        }
        if (node->is_paused || node->is_stopping || node->reset_why != NULL ||
            node->clusterd == NULL || node->lrm == NULL || node->crm == NULL ||
            node->watchdogd == NULL || !swarm_clusterd_is_serving(node->clusterd) ||
            !swarm_net_is_quorate(world->net, node->place)) {
            return NULL;
        }
        first = first != NULL ? first : node;
        if (!swarm_net_shares_ring(world->net, first->place, node->place)) {
            return NULL;
        }
    }
    return first;
}

static bool is_quiet(const struct swarm_world *world)
{
    bool quiet = world->operators.count == 0 && world->acts.count == 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *node = world->nodes[i];
        if (node->is_on) {
            quiet = quiet && swarm_crm_is_quiet(node->crm) && swarm_lrm_is_quiet(node->lrm);
        }
    }
    return quiet;
}

// On how many nodes it runs, and whether on that one.
static size_t guest_runs(const struct swarm_world *world, const char *sid, const char *node,
                         bool *ret_there)
{
    size_t count = 0;
    *ret_there = false;
    for (size_t i = 0; i < world->count; i++) {
        if (swarm_guest_is_up(world->nodes[i], sid)) {
            count++;
            *ret_there = *ret_there || strcmp(world->nodes[i]->name, node) == 0;
        }
    }
    return count;
}

static bool service_is_well(const struct swarm_world *world, const struct resource *resource,
                            const struct service *service)
{
    bool there = false;
    size_t count = guest_runs(world, service->sid, service->node, &there);
    if (service->state == SVC_STATE_ERROR || service->state == SVC_STATE_RECOVERY ||
        service->state == SVC_STATE_FREEZE) {
        return true; // its blocker has a name
    }
    if (resource->state == REQUEST_STATE_STARTED) {
        return service->state == SVC_STATE_STARTED && count == 1 && there;
    }
    return service->state == SVC_STATE_STOPPED && count == 0;
}

static bool guest_is_well(const struct swarm_world *world, const struct swarm_node *node,
                          struct arena *arena, const char *sid)
{
    struct resource *resource = NULL;
    struct service *service = NULL;
    const char *key = arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid);
    const char *text = swarm_clusterd_peek(node->clusterd, key, NULL);
    if (text == NULL || resource_parse(arena, text, &resource, NULL) < 0 ||
        resource->state == REQUEST_STATE_IGNORED) {
        return true; // not under HA
    }
    key = arena_printf(arena, STORE_PREFIX_SERVICE "%s", sid);
    text = swarm_clusterd_peek(node->clusterd, key, NULL);
    return text != NULL && service_parse(arena, sid, text, strlen(text), &service, NULL) == 0 &&
           service_is_well(world, resource, service);
}

static bool services_are_well(const struct swarm_world *world, const struct swarm_node *node)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct manager_status *status = NULL;
    const char *text = swarm_clusterd_peek(node->clusterd, STORE_KEY_MANAGER_STATUS, NULL);
    if (text == NULL || manager_status_parse(arena, text, strlen(text), &status, NULL) < 0) {
        return false;
    }
    if (status->disarm != DISARM_MODE_NONE && status->disarmed) {
        return true; // nobody looks after them
    }
    map_each (e, &world->guests) {
        if (!guest_is_well(world, node, arena, e->key)) {
            return false;
        }
    }
    return true;
}

// What one has committed is on its way to nobody.
static bool stores_are_equal(const struct swarm_world *world, const struct swarm_node *first)
{
    uint64_t first_version = 0;
    uint64_t first_sum = swarm_clusterd_checksum(first->clusterd, &first_version);
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *node = world->nodes[i];
        uint64_t version = 0;
        if (node->is_on && (swarm_clusterd_checksum(node->clusterd, &version) != first_sum ||
                            version != first_version)) {
            return false;
        }
    }
    return true;
}

// Nothing that was is still to end in a reset.
static bool guards_are_well(const struct swarm_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *node = world->nodes[i];
        if (node->is_on && (swarm_device_is_expired(node->device) ||
                            (node->lrm != NULL && !swarm_lrm_is_fresh(node->lrm)))) {
            return false;
        }
    }
    return true;
}

bool swarm_world_is_settled(const struct swarm_world *world)
{
    const struct swarm_node *node = nodes_are_well(world);
    return node != NULL && is_quiet(world) && stores_are_equal(world, node) &&
           services_are_well(world, node) && guards_are_well(world);
}

static void sum_add(uint64_t *sum, uint64_t value)
{
    enum { SHIFT = 29 };
    *sum = (*sum ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    *sum ^= *sum >> SHIFT;
}

uint64_t swarm_world_sum(const struct swarm_world *world)
{
    uint64_t sum = 0;
    const struct swarm_node *first = nodes_are_well(world);
    if (first == NULL || !is_quiet(world)) {
        return swarm_queue_count(world->queue); // like no other moment
    }
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *node = world->nodes[i];
        uint64_t version = 0; // grows with what is volatile too
        sum_add(&sum, node->is_on);
        if (!node->is_on) {
            continue;
        }
        sum_add(&sum, swarm_clusterd_checksum(node->clusterd, &version));
        sum_add(&sum, swarm_crm_sum(node->crm));
        sum_add(&sum, swarm_lrm_sum(node->lrm));
        sum_add(&sum, node->noted_term);
        map_each (e, &node->runs) {
            const struct swarm_run *run = e->value;
            sum_add(&sum, (uint64_t)run->state);
            for (const char *c = e->key; *c != '\0'; c++) {
                sum_add(&sum, (uint64_t)(unsigned char)*c);
            }
        }
    }
    return sum;
}
