// SPDX-License-Identifier: Apache-2.0
// The rows that are durable, and the batches that the writer commits, all that wait at once.
#include "sim/swarm/swarm_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/prng.h"
#include "sim/swarm/swarm_queue.h"

enum { US_PER_MS = 1000, RETRY_US = 1000 * 1000 };

struct disk_row {
    uint64_t version;
    char *value;
    size_t size_bytes;
};

// The rows are the replica's, until it is told that they are persisted or ends.
struct disk_batch {
    uint64_t number, epoch, last_version;
    bool replace_all;
    struct arena *arena; // holds the rows
    const struct replica_row *rows;
    size_t count;
};

struct swarm_disk {
    struct engine_disk base;
    struct swarm_queue *queue;
    struct prng *prng;
    int64_t min_ms, max_ms;
    bool is_full;
    uint64_t rows_written, asides;
    // Durable:
    uint64_t epoch, last_version;
    struct map rows;
    // The process that has it open:
    bool is_open, is_full_told;
    struct engine_disk_callbacks callbacks;
    struct swarm_timer timer;
    struct disk_batch *batches; // not durable yet, in their order
    size_t count, capacity;
    size_t committing; // of these, with the commit under way
};

static void row_free(void *value)
{
    struct disk_row *row = value;
    free(row->value);
    free(row);
}

// A deletion is not kept: who reads the rows at a start has no use for it.
static void row_put(struct swarm_disk *disk, const struct replica_row *row)
{
    disk->rows_written++;
    if (row->value == NULL) {
        (void)map_remove(&disk->rows, row->key); // if it was there
        return;
    }
    struct disk_row *kept = alloc_zero(sizeof(*kept));
    kept->version = row->version;
    kept->value = alloc_zero(row->size_bytes + 1);
    memcpy(kept->value, row->value, row->size_bytes);
    kept->size_bytes = row->size_bytes;
    map_put(&disk->rows, row->key, kept);
}

static void batch_store(struct swarm_disk *disk, const struct disk_batch *batch)
{
    if (batch->replace_all) {
        map_clear(&disk->rows);
    }
    for (size_t i = 0; i < batch->count; i++) {
        row_put(disk, &batch->rows[i]);
    }
    disk->epoch = batch->epoch;
    disk->last_version = batch->last_version;
}

// The first batches become durable. The number of the last one.
static uint64_t batches_store(struct swarm_disk *disk, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        batch_store(disk, &disk->batches[i]);
        number = disk->batches[i].number;
        arena_free(disk->batches[i].arena);
    }
    disk->count -= count;
    memmove(disk->batches, disk->batches + count, disk->count * sizeof(*disk->batches));
    return number;
}

// The rest never becomes durable.
static void batches_drop(struct swarm_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        arena_free(disk->batches[i].arena);
    }
    disk->count = 0;
    disk->committing = 0;
    swarm_timer_stop(&disk->timer);
}

static void commit_begin(struct swarm_disk *disk)
{
    int64_t span_us = (disk->max_ms - disk->min_ms) * US_PER_MS;
    int64_t took_us = disk->min_ms * US_PER_MS;
    if (span_us > 0) {
        took_us += (int64_t)prng_below(disk->prng, (uint64_t)span_us);
    }
    disk->committing = disk->count;
    swarm_timer_set(&disk->timer, swarm_queue_now_us(disk->queue) + took_us);
}

static void trouble_tell(struct swarm_disk *disk, bool is_full)
{
    if (disk->is_full_told != is_full) {
        disk->is_full_told = is_full;
        disk->callbacks.trouble(disk->callbacks.userdata, is_full ? -ENOSPC : 0,
                                is_full ? "no space left on device" : "");
    }
}

static void commit_due(void *userdata)
{
    struct swarm_disk *disk = userdata;
    if (disk->is_full) {
        swarm_timer_set(&disk->timer, swarm_queue_now_us(disk->queue) + RETRY_US);
        trouble_tell(disk, true);
        return;
    }
    uint64_t number = batches_store(disk, disk->committing);
    disk->committing = 0;
    if (disk->count > 0) {
        commit_begin(disk);
    }
    trouble_tell(disk, false);
    disk->callbacks.persisted(disk->callbacks.userdata, number);
}

// ---- The engine's port.

static int disk_open(struct engine_disk *base, const struct engine_disk_callbacks *callbacks,
                     struct arena *arena, struct engine_state *ret, struct error *err)
{
    (void)err; // it can always be read
    struct swarm_disk *disk = (struct swarm_disk *)base;
    struct replica_row *rows = arena_array_of(arena, struct replica_row, disk->rows.count);
    size_t count = 0;
    map_each (e, &disk->rows) {
        const struct disk_row *row = e->value;
        rows[count++] = (struct replica_row){
            .key = e->key,
            .value = row->value,
            .size_bytes = row->size_bytes,
            .version = row->version,
        };
    }
    disk->is_open = true;
    disk->is_full_told = false;
    disk->callbacks = *callbacks;
    *ret = (struct engine_state){
        .epoch = disk->epoch,
        .last_version = disk->last_version,
        .rows = rows,
        .rows_count = count,
    };
    return 0;
}

static const struct replica_row *rows_copy(struct arena *arena, const struct replica_row *rows,
                                           size_t count)
{
    struct replica_row *copies = arena_array_of(arena, struct replica_row, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = rows[i];
        copies[i].key = arena_strdup(arena, rows[i].key);
        if (rows[i].value != NULL) {
            copies[i].value = arena_memdup(arena, rows[i].value, rows[i].size_bytes);
        }
    }
    return copies;
}

static size_t disk_write(struct engine_disk *base, const struct replica_effect *effect)
{
    struct swarm_disk *disk = (struct swarm_disk *)base;
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 8 : 2 * disk->capacity;
        disk->batches = alloc_resize(disk->batches, disk->capacity * sizeof(*disk->batches));
    }
    struct arena *arena = arena_new();
    disk->batches[disk->count++] = (struct disk_batch){
        .number = effect->batch,
        .epoch = effect->epoch,
        .last_version = effect->last_version,
        .replace_all = effect->replace_all,
        .arena = arena,
        .rows = rows_copy(arena, effect->rows, effect->rows_count),
        .count = effect->rows_count,
    };
    if (!swarm_timer_is_set(&disk->timer)) {
        commit_begin(disk);
    }
    size_t size_bytes = sizeof(struct disk_batch);
    for (size_t i = 0; i < effect->rows_count; i++) {
        size_bytes += strlen(effect->rows[i].key) + effect->rows[i].size_bytes;
    }
    return size_bytes;
}

static int disk_set_aside(struct engine_disk *base, const struct replica_effect *effect,
                          struct arena *arena, const char **ret_kept, struct error *err)
{
    struct swarm_disk *disk = (struct swarm_disk *)base;
    (void)effect; // nobody asks for it again
    if (disk->is_full) {
        return error_set(err, -ENOSPC, "no space left on device");
    }
    *ret_kept = arena_printf(arena, "set-aside/%llu", (unsigned long long)++disk->asides);
    return 0;
}

// What is under way when the process or the power goes: any number of batches from the oldest.
static void under_way_decide(struct swarm_disk *disk)
{
    if (disk->count > 0) {
        size_t kept = disk->is_full ? 0 : (size_t)prng_below(disk->prng, disk->count + 1);
        (void)batches_store(disk, kept); // nobody is told
    }
    batches_drop(disk);
}

static void disk_close(struct engine_disk *base)
{
    struct swarm_disk *disk = (struct swarm_disk *)base;
    if (disk->is_open) {
        under_way_decide(disk);
        disk->is_open = false;
    }
}

static const struct engine_disk_ops disk_ops = {
    .open = disk_open,
    .write = disk_write,
    .set_aside = disk_set_aside,
    .close = disk_close,
};

struct engine_disk *swarm_disk_port(struct swarm_disk *disk, struct swarm_gate *gate)
{
    swarm_timer_stop(&disk->timer);
    swarm_timer_init(&disk->timer, disk->queue, gate, commit_due, disk);
    return &disk->base;
}

// ---- What happens to it.

struct swarm_disk *swarm_disk_new(struct swarm_queue *queue, struct prng *prng)
{
    struct swarm_disk *disk = alloc_zero(sizeof(*disk));
    disk->base.ops = &disk_ops;
    disk->queue = queue;
    disk->prng = prng;
    disk->min_ms = 1;
    disk->max_ms = 4;
    map_init(&disk->rows, row_free);
    swarm_timer_init(&disk->timer, queue, NULL, commit_due, disk);
    return disk;
}

void swarm_disk_free(struct swarm_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    batches_drop(disk);
    map_done(&disk->rows);
    free(disk->batches);
    free(disk);
}

void swarm_disk_set_speed(struct swarm_disk *disk, int64_t min_ms, int64_t max_ms)
{
    disk->min_ms = min_ms;
    disk->max_ms = max_ms;
}

void swarm_disk_set_full(struct swarm_disk *disk, bool is_full)
{
    disk->is_full = is_full;
}

void swarm_disk_cut_power(struct swarm_disk *disk)
{
    under_way_decide(disk);
}

void swarm_disk_wipe(struct swarm_disk *disk)
{
    batches_drop(disk);
    map_clear(&disk->rows);
    disk->epoch = 0;
    disk->last_version = 0;
}

uint64_t swarm_disk_rows_written(const struct swarm_disk *disk)
{
    return disk->rows_written;
}
