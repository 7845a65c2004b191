// SPDX-License-Identifier: Apache-2.0
// One child for each storage. A child that hangs in the kernel cannot be killed: its memory here is
// kept until it ends, and its storage is not looked at again before that.
#include "cluster/storage_probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/process.h"
#include "common/model/storage.h"
#include "common/port/clock.h"

enum { PROBES_MAX = 64, OUTPUT_MAX = 256 };

struct probe_item {
    char *storage, *path;
    struct process *process; // NULL: ended
    bool current;            // of the present round
    char *problem;           // NULL: it answered well
};

struct storage_probe {
    struct loop *loop;
    struct clock clock;
    int64_t end_ms;
    struct probe_item *items[PROBES_MAX]; // each alone in memory: a child holds on to it
    size_t count;
};

// In the child: what is printed is the problem.
static int folder_look(void *userdata, int output_fd)
{
    const struct probe_item *item = userdata;
    int r = file_try_directory(item->path);
    if (r < 0) {
        const char *words = strerror(-r);
        ignore_result(file_write_all(output_fd, words, strlen(words))); // or it is a silent failure
    }
    return r < 0 ? 1 : 0;
}

static void item_ended(void *userdata, const struct process_end *end)
{
    struct probe_item *item = userdata;
    free(item->problem);
    item->problem = NULL;
    if (end->wait_status != 0) {
        item->problem = alloc_strdup(end->output_bytes > 0 ? end->output : "cannot be read");
    }
    process_free(item->process);
    item->process = NULL;
}

static void item_free(struct probe_item *item)
{
    free(item->storage);
    free(item->path);
    free(item->problem);
    free(item);
}

struct storage_probe *storage_probe_new(struct loop *loop)
{
    struct storage_probe *probe = alloc_zero(sizeof(*probe));
    probe->loop = loop;
    host_clock_init(&probe->clock);
    return probe;
}

void storage_probe_free(struct storage_probe *probe)
{
    if (probe == NULL) {
        return;
    }
    for (size_t i = 0; i < probe->count; i++) {
        if (probe->items[i]->process == NULL) {
            item_free(probe->items[i]);
        } else {
            process_kill(probe->items[i]->process); // and nobody waits for it
        }
    }
    free(probe);
}

static struct probe_item *item_find(const struct storage_probe *probe, const char *storage)
{
    for (size_t i = 0; i < probe->count; i++) {
        if (strcmp(probe->items[i]->storage, storage) == 0) {
            return probe->items[i];
        }
    }
    return NULL;
}

// Forgets what has ended.
static void items_clear(struct storage_probe *probe)
{
    size_t kept = 0;
    for (size_t i = 0; i < probe->count; i++) {
        probe->items[i]->current = false;
        if (probe->items[i]->process == NULL) {
            item_free(probe->items[i]);
        } else {
            probe->items[kept++] = probe->items[i];
        }
    }
    probe->count = kept;
}

static void item_start(struct storage_probe *probe, const struct storage *storage)
{
    struct probe_item *item = item_find(probe, storage->id);
    struct error err = {0};
    if (item != NULL) { // still hangs
        item->current = true;
        return;
    }
    if (probe->count == PROBES_MAX) {
        return;
    }
    item = alloc_zero(sizeof(*item));
    item->storage = alloc_strdup(storage->id);
    item->path = alloc_strdup(storage->path);
    item->current = true;
    item->problem = alloc_strdup("no answer in time");
    probe->items[probe->count++] = item;
    const struct process_spec spec = {
        .main = folder_look,
        .main_userdata = item,
        .name = "ha-probe",
        .output_max_bytes = OUTPUT_MAX,
        .ended = item_ended,
        .userdata = item,
    };
    if (process_spawn(probe->loop, &probe->clock, &spec, &item->process, &err) < 0) {
        free(item->problem);
        item->problem = alloc_strdup(err.text);
        item->process = NULL;
    }
}

void storage_probe_start(struct storage_probe *probe, const struct replica_row *rows, size_t count)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    items_clear(probe);
    probe->end_ms = clock_now_ms(&probe->clock) + STORAGE_PROBE_MS;
    for (size_t i = 0; i < count; i++) {
        struct storage *storage;
        // One that cannot be read is told of by those who use it.
        if (rows[i].value != NULL && storage_parse(arena, rows[i].value, &storage, NULL) == 0) {
            item_start(probe, storage);
        }
    }
}

bool storage_probe_is_done(struct storage_probe *probe, int64_t now_ms)
{
    if (now_ms >= probe->end_ms) {
        return true;
    }
    for (size_t i = 0; i < probe->count; i++) {
        if (probe->items[i]->current && probe->items[i]->process != NULL) {
            return false;
        }
    }
    return true;
}

struct json *storage_probe_results(const struct storage_probe *probe, struct arena *arena)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < probe->count; i++) {
        const struct probe_item *item = probe->items[i];
        if (!item->current) {
            continue;
        }
        struct json *json = json_new_object(arena);
        json_put_string(json, "storage", item->storage);
        json_put_string(json, "path", item->path);
        json_put_string(json, "problem", item->problem); // absent: none
        json_append(list, json);
    }
    return list;
}
