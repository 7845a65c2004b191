// SPDX-License-Identifier: Apache-2.0
// One look every METER_LOOK_MS; what it finds is told when it has changed, and else now and then.
#include "api/endpoints/node_meter.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/guest_facts.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/host/machine_facts.h"
#include "common/host/paths.h"
#include "common/host/supervisor.h"
#include "common/model/guest.h"
#include "common/model/node_figures.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

enum {
    METER_LOOK_MS = 10000,
    METER_FIRST_MS = 1000, // a look that only begins to count processor time
    METER_REPEAT_S = 60,   // without a change
    METER_RETRY_MS = 5000, // ha-clusterd is not there, or nothing can be written now
    METER_RESTART_MS = 30000,
    METER_MS_PER_S = 1000,
};

static const double METER_US_PER_MS = 1000.0;

struct meter {
    const struct node_meter_spec *spec;
    struct clock clock;
    struct cluster_client *client; // NULL: not connected
    struct arena *arena;           // of what was counted and told last
    int64_t at_ms;                 // of the last look; 0: there was none
    struct machine_ticks ticks;
    struct map cpu_us;         // sid → int64_t *, processor time at the last look
    struct node_figures *told; // NULL: nothing yet
};

// The state that the next look starts from.
struct meter_look {
    struct arena *arena;
    int64_t now_ms;
    struct machine_ticks ticks;
    struct map cpu_us;
    struct node_figures *figures;
};

static void meter_guest(const struct meter *meter, struct meter_look *look,
                        const struct guest *guest)
{
    struct guest_facts facts;
    if (strcmp(guest->node, meter->spec->node) != 0 ||
        guest_facts_read(guest->sid, look->now_ms, &facts, NULL) < 0 || !facts.running) {
        return;
    }
    struct guest_figures *figures = arena_new_of(look->arena, struct guest_figures);
    int64_t *cpu_us = arena_new_of(look->arena, int64_t);
    const int64_t *before_us = meter->at_ms != 0 ? map_find(&meter->cpu_us, guest->sid) : NULL;
    int64_t elapsed_ms = look->now_ms - meter->at_ms;
    *cpu_us = facts.cpu_us;
    map_put(&look->cpu_us, guest->sid, cpu_us);
    if (before_us != NULL && elapsed_ms > 0 && facts.cpu_us >= *before_us) {
        figures->cpu = (double)(facts.cpu_us - *before_us) / ((double)elapsed_ms * METER_US_PER_MS);
    }
    figures->mem_bytes = facts.mem_bytes;
    figures->pid = facts.pid;
    figures->start_s = look->figures->at_s - facts.uptime_s;
    ignore_result(guest_facts_traffic(guest->sid, figures, NULL)); // else 0
    map_put(&look->figures->guests, guest->sid, figures);
}

static void meter_machine(const struct meter *meter, struct meter_look *look)
{
    struct machine_facts facts;
    struct node_figures *figures = look->figures;
    int64_t total = look->ticks.total - meter->ticks.total;
    machine_facts_read(look->arena, &facts);
    figures->boot_s = figures->at_s - look->now_ms / METER_MS_PER_S;
    figures->cpus = facts.cpus;
    figures->mem_max_bytes = facts.mem_total_bytes;
    figures->mem_bytes = facts.mem_total_bytes - facts.mem_available_bytes;
    figures->swap_max_bytes = facts.swap_total_bytes;
    figures->swap_bytes = facts.swap_total_bytes - facts.swap_free_bytes;
    figures->disk_max_bytes = facts.disk_total_bytes;
    figures->disk_bytes = facts.disk_total_bytes - facts.disk_free_bytes;
    int64_t local_max_bytes = 0;
    int64_t available_bytes = 0;
    if (machine_folder_size(paths_state_dir(), &local_max_bytes, &available_bytes) == 0) {
        figures->local_max_bytes = local_max_bytes;
        figures->local_bytes = local_max_bytes - available_bytes;
    }
    if (meter->at_ms != 0 && total > 0 && look->ticks.busy >= meter->ticks.busy) {
        figures->cpu = (double)(look->ticks.busy - meter->ticks.busy) / (double)total;
    }
    if (meter->at_ms != 0 && total > 0 && look->ticks.wait >= meter->ticks.wait) {
        figures->wait = (double)(look->ticks.wait - meter->ticks.wait) / (double)total;
    }
}

static int meter_tell(struct meter *meter, const struct meter_look *look, bool *ret_told,
                      struct error *err)
{
    const struct node_figures *last = meter->told;
    const char *key = arena_printf(look->arena, STORE_PREFIX_LIVE_NODE "%s", meter->spec->node);
    // The store forgets what was told when all nodes were off, and has never heard it when this
    // node has joined a cluster meanwhile.
    const struct store_entry *known = NULL;
    int r = store_read_key(cluster_client_store(meter->client), key, look->arena, &known, err);
    if (r < 0) {
        return r;
    }
    if (known != NULL && last != NULL && look->figures->at_s - last->at_s < METER_REPEAT_S &&
        node_figures_is_near(look->figures, last)) {
        return 0;
    }
    char *text = node_figures_format(look->arena, look->figures);
    struct store_op op = {
        .key = key, .value = text, .size_bytes = strlen(text), .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    r = store_commit(cluster_client_store(meter->client), &txn, NULL, err);
    *ret_told = r == 0;
    return r;
}

static int meter_look(struct meter *meter, struct meter_look *look, bool *ret_told,
                      struct error *err)
{
    struct store_entries guests;
    int r = store_read(cluster_client_store(meter->client), STORE_PREFIX_GUEST, 0, look->arena,
                       &guests, err);
    if (r == 0) {
        r = machine_ticks_read(&look->ticks, err);
    }
    for (size_t i = 0; r == 0 && i < guests.count; i++) {
        const struct store_entry *entry = &guests.entries[i];
        struct guest *guest = NULL;
        if (entry->value != NULL &&
            guest_parse(look->arena, entry->value, entry->size_bytes, &guest, NULL) == 0) {
            meter_guest(meter, look, guest);
        }
    }
    if (r < 0) {
        return r;
    }
    meter_machine(meter, look);
    return meter->at_ms != 0 ? meter_tell(meter, look, ret_told, err) : 0;
}

// What the next look needs goes to an arena of its own.
static void meter_keep(struct meter *meter, const struct meter_look *look, bool told)
{
    struct arena *arena = arena_new();
    struct map cpu_us;
    struct node_figures *kept = NULL;
    const struct node_figures *last = told ? look->figures : meter->told;
    map_init_arena(&cpu_us, arena);
    map_each (e, &look->cpu_us) {
        map_put(&cpu_us, e->key, arena_memdup(arena, e->value, sizeof(int64_t)));
    }
    if (last != NULL) {
        char *text = node_figures_format(arena, last);
        if (node_figures_parse(arena, text, strlen(text), &kept, NULL) < 0) {
            kept = NULL; // not reached: we wrote it
        }
    }
    arena_free(meter->arena);
    meter->arena = arena;
    meter->cpu_us = cpu_us;
    meter->told = kept;
    meter->ticks = look->ticks;
    meter->at_ms = look->now_ms;
}

// How long to wait for the next look.
static int64_t meter_turn(struct meter *meter)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct meter_look look = {.arena = arena, .now_ms = clock_now_ms(&meter->clock)};
    struct error err = {0};
    bool told = false;
    bool first = meter->at_ms == 0;
    map_init_arena(&look.cpu_us, arena);
    look.figures = node_figures_new(arena);
    look.figures->at_s = clock_wall_s(&meter->clock);
    int r = meter->client == NULL ? cluster_client_connect(&meter->client, &err) : 0;
    if (r == 0) {
        r = meter_look(meter, &look, &told, &err);
    }
    if (r < 0) {
        cluster_client_free(meter->client); // anew with the next look
        meter->client = NULL;
        return METER_RETRY_MS;
    }
    meter_keep(meter, &look, told);
    return first ? METER_FIRST_MS : METER_LOOK_MS;
}

static int meter_main(int fd, void *userdata)
{
    struct meter meter = {.spec = userdata};
    host_clock_init(&meter.clock);
    struct pollfd parent = {.fd = fd, .events = POLLIN};
    while (poll(&parent, 1, (int)meter_turn(&meter)) <= 0) {
        continue;
    }
    cluster_client_free(meter.client);
    arena_free(meter.arena);
    return 0; // the daemon has closed its side
}

// ---- in the daemon

struct node_meter {
    struct node_meter_spec spec;
    struct supervisor *supervisor;
};

struct node_meter *node_meter_new(const struct node_meter_spec *spec)
{
    struct node_meter *node_meter = alloc_zero(sizeof(*node_meter));
    node_meter->spec = *spec;
    node_meter->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = spec->loop,
        .name = "ha-execd-meter",
        .main = meter_main,
        .main_userdata = &node_meter->spec,
        .restart_ms = METER_RESTART_MS,
    });
    supervisor_start(node_meter->supervisor);
    return node_meter;
}

void node_meter_free(struct node_meter *node_meter)
{
    if (node_meter == NULL) {
        return;
    }
    supervisor_free(node_meter->supervisor);
    free(node_meter);
}
