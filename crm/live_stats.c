// SPDX-License-Identifier: Apache-2.0
// A guest's size is what its definition allows it: `cores` and `memory`. Without `cores` it may
// take all of its node (0, as the scheduler has it); without `memory` it counts with 512 MiB.
#include "crm/live_stats.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "common/model/node_load.h"
#include "common/model/store_keys.h"
#include "common/port/stats.h"
#include "common/port/store.h"

static const double MIB = 1024.0 * 1024.0;
static const int64_t MEMORY_DEFAULT_MIB = 512;

// A document that is kept from round to round, with the arena it lives in.
struct kept_load {
    struct arena *arena;
    struct node_load *load;
};

struct kept_guest {
    char *node;
    double maxcpu, maxmem;
};

struct live_stats {
    struct stats port; // first
    struct store *store;
    uint64_t loads_since, guests_since;
    struct map loads;  // node → struct kept_load *
    struct map guests; // sid → struct kept_guest *
};

static void kept_load_free(void *item)
{
    struct kept_load *kept = item;
    arena_free(kept->arena);
    free(kept);
}

static void kept_guest_free(void *item)
{
    struct kept_guest *kept = item;
    free(kept->node);
    free(kept);
}

static void take_load(struct live_stats *stats, const struct store_entry *entry)
{
    const char *node = entry->key + strlen(STORE_PREFIX_LOAD);
    struct kept_load *kept = alloc_zero(sizeof(*kept));
    kept->arena = arena_new();
    if (entry->value == NULL ||
        node_load_parse(kept->arena, entry->value, entry->size_bytes, &kept->load, NULL) < 0) {
        kept_load_free(kept);
        (void)map_remove(&stats->loads, node); // it may be missing
        return;
    }
    map_put(&stats->loads, node, kept);
}

static double guest_number(const struct guest *guest, const char *key, int64_t absent)
{
    const char *text = map_find(&guest->config, key);
    int64_t value = absent;
    if (text != NULL && parse_int64(text, 0, INT32_MAX, &value) < 0) {
        value = absent; // refused where it is defined; here it only weighs
    }
    return (double)value;
}

static void take_guest(struct live_stats *stats, const struct store_entry *entry)
{
    const char *sid = entry->key + strlen(STORE_PREFIX_GUEST);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = NULL;
    if (entry->value == NULL ||
        guest_parse(arena, entry->value, entry->size_bytes, &guest, NULL) < 0) {
        (void)map_remove(&stats->guests, sid); // it may be missing
        return;
    }
    struct kept_guest *kept = alloc_zero(sizeof(*kept));
    kept->node = alloc_strdup(guest->node);
    kept->maxcpu = guest_number(guest, "cores", 0);
    kept->maxmem = guest_number(guest, "memory", MEMORY_DEFAULT_MIB) * MIB;
    map_put(&stats->guests, sid, kept);
}

static int update(struct live_stats *stats, struct arena *arena, struct error *err)
{
    struct store_entries loads;
    struct store_entries guests;
    int r = store_read(stats->store, STORE_PREFIX_LOAD, stats->loads_since, arena, &loads, err);
    if (r == 0) {
        r = store_read(stats->store, STORE_PREFIX_GUEST, stats->guests_since, arena, &guests, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < loads.count; i++) {
        take_load(stats, &loads.entries[i]);
    }
    for (size_t i = 0; i < guests.count; i++) {
        take_guest(stats, &guests.entries[i]);
    }
    stats->loads_since = loads.version;
    stats->guests_since = guests.version;
    return 0;
}

static void add_nodes(const struct live_stats *stats, struct arena *arena, bool dynamic,
                      struct stats_view *view)
{
    map_each (e, &stats->loads) {
        const struct node_load *load = ((const struct kept_load *)e->value)->load;
        if (dynamic && !load->measured) {
            continue;
        }
        struct node_stats *node = arena_new_of(arena, struct node_stats);
        node->has_static = true;
        node->maxcpu = load->maxcpu;
        node->maxmem = load->maxmem;
        node->cpu = dynamic ? load->cpu : 0.0;
        node->mem = dynamic ? load->mem : 0.0;
        map_put(&view->nodes, e->key, node);
    }
}

static void add_guests(const struct live_stats *stats, struct arena *arena, bool dynamic,
                       struct stats_view *view)
{
    map_each (e, &stats->guests) {
        const struct kept_guest *kept = e->value;
        const struct kept_load *on = map_find(&stats->loads, kept->node);
        const struct guest_load *load = on != NULL ? map_find(&on->load->guests, e->key) : NULL;
        struct guest_stats *guest = arena_new_of(arena, struct guest_stats);
        guest->node = kept->node;
        guest->running = load != NULL;
        guest->maxcpu = kept->maxcpu;
        guest->maxmem = kept->maxmem;
        if (dynamic && load != NULL) {
            guest->cpu = load->cpu;
            guest->mem = load->mem;
        }
        map_put(&view->guests, e->key, guest);
    }
}

static int get(struct stats *port, struct arena *arena, bool dynamic, struct stats_view *ret,
               struct error *err)
{
    struct live_stats *stats = (struct live_stats *)port;
    int r = update(stats, arena, err);
    if (r < 0) {
        return r;
    }
    struct stats_view view;
    map_init_arena(&view.nodes, arena);
    map_init_arena(&view.guests, arena);
    add_nodes(stats, arena, dynamic, &view);
    add_guests(stats, arena, dynamic, &view);
    *ret = view;
    return 0;
}

static int get_static(struct stats *port, struct arena *arena, struct stats_view *ret,
                      struct error *err)
{
    return get(port, arena, false, ret, err);
}

static int get_dynamic(struct stats *port, struct arena *arena, struct stats_view *ret,
                       struct error *err)
{
    return get(port, arena, true, ret, err);
}

struct live_stats *live_stats_new(struct store *store)
{
    static const struct stats_ops ops = {.get_static = get_static, .get_dynamic = get_dynamic};
    struct live_stats *stats = alloc_zero(sizeof(*stats));
    stats->port.ops = &ops;
    stats->store = store;
    map_init(&stats->loads, kept_load_free);
    map_init(&stats->guests, kept_guest_free);
    return stats;
}

void live_stats_free(struct live_stats *stats)
{
    if (stats == NULL) {
        return;
    }
    map_done(&stats->loads);
    map_done(&stats->guests);
    free(stats);
}

struct stats *live_stats_port(struct live_stats *stats)
{
    return &stats->port;
}
