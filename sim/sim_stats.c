// SPDX-License-Identifier: Apache-2.0
// Figures for the schedulers, from the scenario's files and from what runs at the moment.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/store_keys.h"
#include "sim/world.h"

static const double SIM_MIB = 1024.0 * 1024.0;
static const double SIM_NODE_MAXCPU = 24.0;
static const double SIM_NODE_MAXMEM_MIB = 131072.0;
static const double SIM_GUEST_MAXCPU = 4.0;
static const double SIM_GUEST_MAXMEM_MIB = 4096.0;
static const double SIM_GUEST_CPU = 2.0;
static const double SIM_GUEST_MEM_MIB = 2048.0;

struct sim_sizes sim_sizes_default(void)
{
    return (struct sim_sizes){.maxcpu = SIM_GUEST_MAXCPU,
                              .maxmem = SIM_GUEST_MAXMEM_MIB * SIM_MIB,
                              .cpu = SIM_GUEST_CPU,
                              .mem = SIM_GUEST_MEM_MIB * SIM_MIB};
}

static void sim_stats_add_nodes(const struct sim_world *world, struct arena *arena, bool dynamic,
                                struct stats_view *view)
{
    map_each (e, &world->nodes) {
        const struct sim_node *node = e->value;
        struct node_stats *stats = arena_new_of(arena, struct node_stats);
        stats->maxcpu = node->maxcpu;
        stats->maxmem = node->maxmem;
        stats->has_static = node->has_sizes;
        if (dynamic && !(node->maxcpu > 0.0)) {
            stats->maxcpu = SIM_NODE_MAXCPU;
        }
        if (dynamic && !(node->maxmem > 0.0)) {
            stats->maxmem = SIM_NODE_MAXMEM_MIB * SIM_MIB;
        }
        stats->has_static = stats->has_static || dynamic;
        map_put(&view->nodes, e->key, stats);
    }
}

// Every guest that is configured. The load of the running ones is that of their node.
static void sim_stats_add_guests(const struct sim_world *world, struct arena *arena, bool dynamic,
                                 struct stats_view *view)
{
    struct store_entries entries;
    sim_store_read(&world->store, STORE_PREFIX_RESOURCE, 0, world->store.version, arena, &entries);
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_RESOURCE);
        const char *text =
            sim_store_find(&world->store, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, sid));
        struct resource *resource = NULL;
        struct guest *guest = NULL;
        if (text == NULL || guest_parse(arena, text, strlen(text), &guest, NULL) < 0 ||
            resource_parse(arena, entries.entries[i].value, &resource, NULL) < 0) {
            continue; // not one of the scenario's
        }
        const struct sim_sizes *sizes = map_find(&world->sizes, sid);
        const struct sim_sizes usual = sim_sizes_default();
        sizes = sizes != NULL ? sizes : &usual;
        struct guest_stats *stats = arena_new_of(arena, struct guest_stats);
        stats->node = guest->node;
        stats->running = resource->state == REQUEST_STATE_STARTED;
        stats->maxcpu = sizes->maxcpu;
        stats->maxmem = sizes->maxmem;
        if (dynamic) {
            stats->cpu = sizes->cpu;
            stats->mem = sizes->mem;
        }
        map_put(&view->guests, sid, stats);
        struct node_stats *node = map_find(&view->nodes, guest->node);
        if (dynamic && node != NULL && sim_guests_runs(&world->guests, guest->node, sid)) {
            node->cpu += sizes->cpu;
            node->mem += sizes->mem;
        }
    }
}

static int sim_stats_get(struct stats *port, struct arena *arena, bool dynamic,
                         struct stats_view *ret)
{
    const struct sim_world *world = ((struct sim_stats_port *)port)->daemon->world;
    struct stats_view view;
    map_init_arena(&view.nodes, arena);
    map_init_arena(&view.guests, arena);
    sim_stats_add_nodes(world, arena, dynamic, &view);
    sim_stats_add_guests(world, arena, dynamic, &view);
    *ret = view;
    return 0;
}

static int sim_stats_get_static(struct stats *port, struct arena *arena, struct stats_view *ret,
                                struct error *err)
{
    (void)err; // never fails
    return sim_stats_get(port, arena, false, ret);
}

static int sim_stats_get_dynamic(struct stats *port, struct arena *arena, struct stats_view *ret,
                                 struct error *err)
{
    (void)err; // never fails
    return sim_stats_get(port, arena, true, ret);
}

void sim_stats_port_init(struct sim_daemon *daemon)
{
    static const struct stats_ops ops = {sim_stats_get_static, sim_stats_get_dynamic};
    daemon->stats = (struct sim_stats_port){{&ops}, daemon};
}
