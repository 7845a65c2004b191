// SPDX-License-Identifier: Apache-2.0
// One look every METER_LOOK_MS: is this node's document there (it is volatile), and is load wanted?
// Load is an average over the time between two samples.
#include "lrm/load_meter.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/host/machine_facts.h"
#include "common/host/supervisor.h"
#include "common/model/guest.h"
#include "common/model/node_load.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    METER_LOOK_MS = 4000,
    METER_INTERVAL_MS = 20000, // from one published load to the next
    METER_RETRY_MS = 1000,     // ha-clusterd is not there, or nothing can be written now
    METER_RESTART_MS = 30000,
};

static const double US_PER_MS = 1000.0;
static const double MS_PER_S = 1000.0;

// The counters at one look.
struct meter_sample {
    int64_t at_ms;
    int64_t busy_ticks;
    struct map guests; // sid → int64_t *: processor time in microseconds
};

struct meter {
    const struct load_meter_spec *spec;
    struct clock clock;
    struct cluster_client *client; // NULL: not connected
    struct arena *arena;           // of this look
    struct arena *last_arena;      // of the look before
    struct meter_sample last;      // at_ms 0: there was none
    bool measured;                 // a load was published with it
};

// Cores in use between two counts of processor time.
static double meter_rate(int64_t before_us, int64_t now_us, int64_t elapsed_ms)
{
    if (now_us < before_us || elapsed_ms <= 0) {
        return 0.0; // it was started anew in between
    }
    return (double)(now_us - before_us) / ((double)elapsed_ms * US_PER_MS);
}

// Adds what the guests of this node use to the document, and what they have used to the sample.
static void meter_guests(struct meter *meter, const struct store_entries *guests,
                         struct meter_sample *sample, struct node_load *load)
{
    int64_t elapsed_ms = sample->at_ms - meter->last.at_ms;
    for (size_t i = 0; i < guests->count; i++) {
        struct guest *guest = NULL;
        bool running = false;
        int64_t mem_bytes = 0;
        int64_t *cpu_us = arena_new_of(meter->arena, int64_t);
        const struct store_entry *entry = &guests->entries[i];
        if (entry->value == NULL ||
            guest_parse(meter->arena, entry->value, entry->size_bytes, &guest, NULL) < 0 ||
            strcmp(guest->node, meter->spec->node) != 0 ||
            meter->spec->guest(guest->sid, &running, cpu_us, &mem_bytes, NULL) < 0 || !running) {
            continue;
        }
        map_put(&sample->guests, guest->sid, cpu_us);
        const int64_t *before_us =
            meter->last.at_ms != 0 ? map_find(&meter->last.guests, guest->sid) : NULL;
        struct guest_load *item = arena_new_of(meter->arena, struct guest_load);
        item->cpu = before_us != NULL ? meter_rate(*before_us, *cpu_us, elapsed_ms) : 0.0;
        item->mem = (double)mem_bytes;
        map_put(&load->guests, guest->sid, item);
    }
}

// Reads all counters. The load in the document counts from the look before.
static int meter_measure(struct meter *meter, struct store *store, struct node_load *load,
                         struct error *err)
{
    struct store_entries guests;
    int r = store_read(store, STORE_PREFIX_GUEST, 0, meter->arena, &guests, err);
    if (r < 0) {
        return r;
    }
    struct meter_sample sample = {.at_ms = clock_now_ms(&meter->clock)};
    map_init_arena(&sample.guests, meter->arena);
    struct machine_ticks ticks;
    int64_t total_bytes = 0;
    int64_t available_bytes = 0;
    r = machine_ticks_read(&ticks, err);
    if (r == 0) {
        r = machine_memory_read(&total_bytes, &available_bytes, err);
    }
    if (r < 0) {
        return r;
    }
    sample.busy_ticks = ticks.busy;
    meter_guests(meter, &guests, &sample, load);
    load->measured = meter->last.at_ms != 0;
    meter->measured = load->measured;
    double seconds = (double)(sample.at_ms - meter->last.at_ms) / MS_PER_S;
    if (load->measured && seconds > 0.0 && sample.busy_ticks >= meter->last.busy_ticks) {
        load->cpu = (double)(sample.busy_ticks - meter->last.busy_ticks) /
                    (double)sysconf(_SC_CLK_TCK) / seconds;
    }
    load->mem = (double)(total_bytes - available_bytes);
    meter->last = sample;
    return 0;
}

static int meter_publish(struct meter *meter, struct store *store, const char *key,
                         const struct node_load *load, struct error *err)
{
    char *text = node_load_format(meter->arena, load);
    struct store_op op = {
        .key = key, .value = text, .size_bytes = strlen(text), .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    return store_commit(store, &txn, NULL, err);
}

static bool meter_load_is_wanted(struct meter *meter, const struct store_entry *config)
{
    struct options options;
    options_init(&options);
    return config != NULL && options_parse(meter->arena, config->value, &options, NULL) == 0 &&
           options.scheduler == SCHEDULER_MODE_DYNAMIC;
}

static int meter_look(struct meter *meter, struct error *err)
{
    struct store *store = cluster_client_store(meter->client);
    const char *key = arena_printf(meter->arena, "%s%s", STORE_PREFIX_LOAD, meter->spec->node);
    const struct store_entry *published = NULL;
    const struct store_entry *config = NULL;
    int r = store_read_key(store, key, meter->arena, &published, err);
    if (r == 0) {
        r = store_read_key(store, STORE_KEY_DATACENTER, meter->arena, &config, err);
    }
    if (r < 0) {
        return r;
    }
    bool wanted = meter_load_is_wanted(meter, config);
    if (!wanted) {
        meter->last.at_ms = 0;
    }
    bool fresh = meter->last.at_ms != 0 && meter->measured &&
                 clock_now_ms(&meter->clock) - meter->last.at_ms < METER_INTERVAL_MS;
    if (published != NULL && (!wanted || fresh)) {
        return 0;
    }
    struct node_load *load = node_load_new(meter->arena);
    int64_t total_bytes = 0;
    int64_t available_bytes = 0;
    load->maxcpu = (double)sysconf(_SC_NPROCESSORS_ONLN);
    r = machine_memory_read(&total_bytes, &available_bytes, err);
    if (r < 0) {
        return r;
    }
    load->maxmem = (double)total_bytes;
    r = wanted ? meter_measure(meter, store, load, err) : 0;
    return r < 0 ? r : meter_publish(meter, store, key, load, err);
}

// How long to wait for the next look.
static int64_t meter_turn(struct meter *meter)
{
    struct error err = {0};
    int64_t before_ms = meter->last.at_ms;
    int r = meter->client == NULL ? cluster_client_connect(&meter->client, &err) : 0;
    meter->arena = arena_new();
    if (r == 0) {
        r = meter_look(meter, &err);
    }
    if (r < 0 && meter->client != NULL) {
        cluster_client_free(meter->client); // anew with the next look
        meter->client = NULL;
    }
    if (r == 0 && meter->last.at_ms == before_ms) {
        arena_freep(&meter->arena); // no new sample
        return METER_LOOK_MS;
    }
    if (r == 0 && meter->last.at_ms != 0) {
        struct arena *old = meter->last_arena; // the new sample lives in this look's arena
        meter->last_arena = meter->arena;
        meter->arena = old;
    } else {
        meter->last.at_ms = 0;
    }
    arena_freep(&meter->arena);
    return r < 0 ? METER_RETRY_MS : METER_LOOK_MS;
}

static int meter_main(int fd, void *userdata)
{
    struct meter meter = {.spec = userdata};
    host_clock_init(&meter.clock);
    struct pollfd parent = {.fd = fd, .events = POLLIN};
    while (poll(&parent, 1, (int)meter_turn(&meter)) <= 0) {
        continue;
    }
    return 0; // the daemon has closed its side
}

// ---- in the daemon

struct load_meter {
    struct load_meter_spec spec;
    struct supervisor *supervisor;
};

struct load_meter *load_meter_new(const struct load_meter_spec *spec)
{
    struct load_meter *load_meter = alloc_zero(sizeof(*load_meter));
    load_meter->spec = *spec;
    load_meter->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = spec->loop,
        .name = "ha-lrm-load",
        .main = meter_main,
        .main_userdata = &load_meter->spec,
        .restart_ms = METER_RESTART_MS,
    });
    supervisor_start(load_meter->supervisor);
    return load_meter;
}

void load_meter_free(struct load_meter *load_meter)
{
    if (load_meter == NULL) {
        return;
    }
    supervisor_free(load_meter->supervisor);
    free(load_meter);
}
