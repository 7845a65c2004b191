// SPDX-License-Identifier: Apache-2.0
// Ports of the engine. What is kept, sent and decided is the engine's business.
#include "cluster/engine_host.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/database.h"
#include "cluster/storage/store_writer.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/random.h"
#include "common/port/clock.h"

enum {
    STANDALONE_ID = 1, // of the only node there is
    ALIVE_MS = 5000,   // between words to the service manager's watchdog
    TIMED_MAX = 64,    // batches under way whose times are counted; a disk has few
};

// A batch that is not durable yet.
struct timed_batch {
    uint64_t batch;
    int64_t since_us;
    size_t size_bytes;
};

struct host_disk {
    struct engine_disk base;
    struct engine_host *host;
    struct store_writer *writer;
    struct engine_disk_callbacks callbacks;
    struct latency_page *times; // where they are counted; NULL: nowhere
    struct timed_batch timed[TIMED_MAX];
    size_t timed_count;
};

struct engine_host {
    struct engine_host_spec spec; // its strings are ours
    struct arena *arena;
    struct clock clock;
    struct host_disk disk;
    struct engine *engine;
    struct loop_source *tick;
    int64_t alive_told_ms;
};

// ---- The disk.

static void disk_persisted(void *userdata, uint64_t batch)
{
    struct host_disk *disk = userdata;
    size_t done = 0;
    int64_t now_us = host_clock_us();
    while (done < disk->timed_count && disk->timed[done].batch <= batch) {
        latency_page_add(disk->times, LATENCY_KIND_DISK, now_us - disk->timed[done].since_us,
                         disk->timed[done].size_bytes);
        done++;
    }
    disk->timed_count -= done;
    memmove(disk->timed, disk->timed + done, disk->timed_count * sizeof(disk->timed[0]));
    disk->callbacks.persisted(disk->callbacks.userdata, batch);
}

static void disk_trouble(void *userdata, int code, const char *words)
{
    struct host_disk *disk = userdata;
    disk->callbacks.trouble(disk->callbacks.userdata, code, words);
}

static void disk_room(void *userdata, bool low)
{
    struct host_disk *disk = userdata;
    disk->callbacks.room(disk->callbacks.userdata, low);
}

static int disk_open(struct engine_disk *base, const struct engine_disk_callbacks *callbacks,
                     struct arena *arena, struct engine_state *ret, struct error *err)
{
    struct host_disk *disk = (struct host_disk *)base;
    const struct engine_host_spec *spec = &disk->host->spec;
    struct database database;
    const struct database_spec database_spec = {
        .path = spec->database,
        .history = spec->history,
        .nodes_count = spec->nodes.count,
        .wall_s = clock_wall_s(&disk->host->clock),
        .events = spec->events,
    };
    int r = database_prepare(&database_spec, arena, &database, err);
    if (r < 0) {
        return r;
    }
    const struct store_writer_callbacks writer_callbacks = {
        .persisted = disk_persisted,
        .trouble = disk_trouble,
        .room = disk_room,
        .userdata = disk,
    };
    disk->callbacks = *callbacks;
    r = store_writer_start(spec->loop, spec->database, &writer_callbacks, &disk->writer, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(database.label.history, spec->history) != 0) {
        store_writer_label(disk->writer, spec->history);
    }
    *ret = (struct engine_state){
        .epoch = database.label.epoch,
        .last_version = database.label.last_version,
        .rows = database.rows,
        .rows_count = database.rows_count,
    };
    return 0;
}

static size_t disk_write(struct engine_disk *base, const struct replica_effect *effect)
{
    struct host_disk *disk = (struct host_disk *)base;
    int64_t since_us = host_clock_us();
    size_t size_bytes = store_writer_write(disk->writer, effect);
    if (disk->timed_count < TIMED_MAX) {
        disk->timed[disk->timed_count++] = (struct timed_batch){
            .batch = effect->batch, .since_us = since_us, .size_bytes = size_bytes};
    }
    return size_bytes;
}

// It takes as long as the disk takes, while this node serves nobody anyway.
static int disk_set_aside(struct engine_disk *base, const struct replica_effect *effect,
                          struct arena *arena, const char **ret_kept, struct error *err)
{
    struct engine_host *host = ((struct host_disk *)base)->host;
    const struct database_overridden overridden = {
        .path = host->spec.database,
        .history = host->spec.history,
        .wall_s = clock_wall_s(&host->clock),
        .epoch = effect->epoch,
        .last_version = effect->last_version,
        .rows = effect->rows,
        .rows_count = effect->rows_count,
    };
    return database_set_aside(&overridden, arena, ret_kept, err);
}

static void disk_close(struct engine_disk *base)
{
    struct host_disk *disk = (struct host_disk *)base;
    store_writer_stop(disk->writer);
    disk->writer = NULL;
}

static const struct engine_disk_ops disk_ops = {
    .open = disk_open,
    .write = disk_write,
    .set_aside = disk_set_aside,
    .close = disk_close,
};

// ---- The rest.

static int transport_open(void *userdata, const struct transport_callbacks *callbacks,
                          struct transport **ret, struct error *err)
{
    const struct engine_host_spec *spec = &((struct engine_host *)userdata)->spec;
    if (spec->history[0] == '\0') {
        *ret = loopback_new(spec->loop, spec->node, callbacks);
        return 0;
    }
    return corosync_new(spec->loop, spec->id, &spec->nodes, spec->events, callbacks, ret, err);
}

static void quit(void *userdata)
{
    struct engine_host *host = userdata;
    loop_quit(host->spec.loop, 1);
}

static void tick_due(void *userdata)
{
    struct engine_host *host = userdata;
    int64_t now_ms = clock_now_ms(&host->clock);
    loop_timer_set(host->tick, now_ms + ENGINE_TICK_MS);
    if (now_ms - host->alive_told_ms >= ALIVE_MS) {
        host->alive_told_ms = now_ms;
        loop_notify("WATCHDOG=1");
    }
    engine_tick(host->engine);
}

static void spec_copy(struct engine_host *host, const struct engine_host_spec *spec)
{
    host->spec = *spec;
    host->spec.node = arena_strdup(host->arena, spec->node);
    host->spec.database = arena_strdup(host->arena, spec->database);
    host->spec.history = arena_strdup(host->arena, spec->history);
    struct transport_node *nodes =
        arena_array_of(host->arena, struct transport_node, spec->nodes.count);
    for (size_t i = 0; i < spec->nodes.count; i++) {
        nodes[i] = spec->nodes.nodes[i];
        nodes[i].name = arena_strdup(host->arena, nodes[i].name);
        nodes[i].address = arena_strdup(host->arena, nodes[i].address);
    }
    host->spec.nodes.nodes = nodes;
}

static uint64_t boot_id_new(void)
{
    uint64_t boot_id = 0;
    struct error err = {0};
    int r = random_bytes(&boot_id, sizeof(boot_id), &err);
    assert(r == 0); // a kernel that has none by now is not one we run on
    return boot_id;
}

int engine_host_open(const struct engine_host_spec *spec, struct engine_host **ret,
                     struct error *err)
{
    struct engine_host *host = alloc_zero(sizeof(*host));
    host->arena = arena_new();
    spec_copy(host, spec);
    host_clock_init(&host->clock);
    host->disk = (struct host_disk){.base = {.ops = &disk_ops}, .host = host};
    const struct engine_spec engine_spec = {
        .ports =
            {
                .clock = &host->clock,
                .disk = &host->disk.base,
                .open_transport = transport_open,
                .quit = quit,
                .userdata = host,
            },
        .events = spec->events,
        .node = spec->node,
        .database = spec->database,
        .is_standalone = spec->history[0] == '\0',
        .id = spec->id != 0 ? spec->id : STANDALONE_ID,
        .boot_id = boot_id_new(),
        .lease_ms = spec->lease_ms,
        .token_ms = spec->token_ms,
        .callbacks = spec->callbacks,
    };
    int r = engine_open(&engine_spec, &host->engine, err);
    if (r < 0) {
        engine_host_close(host);
        return r;
    }
    host->tick = loop_add_timer(spec->loop, tick_due, host);
    loop_timer_set(host->tick, clock_now_ms(&host->clock) + ENGINE_TICK_MS);
    *ret = host;
    return 0;
}

void engine_host_close(struct engine_host *host)
{
    if (host == NULL) {
        return;
    }
    loop_source_free(host->tick);
    engine_close(host->engine);
    arena_free(host->arena);
    free(host);
}

void engine_host_count(struct engine_host *host, struct latency_page *page)
{
    host->disk.times = page;
}

struct engine *engine_host_engine(struct engine_host *host)
{
    return host->engine;
}
