// SPDX-License-Identifier: Apache-2.0
// Keeping the state of the disks, and deciding what may be asked of them.
#include "cluster/disk_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/engine.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/enum_table.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"

enum {
    LOOK_MS = 1000,
    SLOW_MS = 5000, // a disk that takes this long for a batch is told of
};

// Twice what the store may hold: a history that is adopted, and all that comes while it is written.
static const size_t waiting_bytes_max = (size_t)2 * REPLICA_STORE_MAX;

static const char *const health_names[DISK_HEALTH_MAX] = {
    [DISK_HEALTH_WELL] = "well",
    [DISK_HEALTH_LOW] = "low",
    [DISK_HEALTH_FULL] = "full",
    [DISK_HEALTH_SLOW] = "slow",
};
static const struct enum_table health_table = {health_names, DISK_HEALTH_MAX};

struct waiting {
    uint64_t batch;
    size_t size_bytes;
    int64_t since_ms;
};

struct disk_watch {
    struct engine *engine;
    struct waiting *waiting; // in the order of their numbers
    size_t count, capacity;
    size_t waiting_bytes;
    bool full, low;
    enum disk_health told; // by the last event
    int64_t look_ms;       // when to look next
    uint64_t report;       // the request under way; 0: none
};

struct disk_watch *disk_watch_new(struct engine *engine)
{
    struct disk_watch *watch = alloc_zero(sizeof(*watch));
    watch->engine = engine;
    return watch;
}

void disk_watch_free(struct disk_watch *watch)
{
    if (watch != NULL) {
        free(watch->waiting);
        free(watch);
    }
}

// ---- This node's disk.

void disk_watch_written(struct disk_watch *watch, uint64_t batch, size_t size_bytes)
{
    if (watch->count == watch->capacity) {
        watch->capacity = watch->capacity == 0 ? 64 : watch->capacity * 2;
        watch->waiting = alloc_resize(watch->waiting, watch->capacity * sizeof(*watch->waiting));
    }
    watch->waiting[watch->count++] = (struct waiting){
        .batch = batch,
        .size_bytes = size_bytes,
        .since_ms = engine_now_ms(watch->engine),
    };
    watch->waiting_bytes += size_bytes;
}

void disk_watch_persisted(struct disk_watch *watch, uint64_t batch)
{
    size_t done = 0;
    while (done < watch->count && watch->waiting[done].batch <= batch) {
        watch->waiting_bytes -= watch->waiting[done].size_bytes;
        done++;
    }
    watch->count -= done;
    if (watch->count > 0 && done > 0) {
        memmove(watch->waiting, watch->waiting + done, watch->count * sizeof(*watch->waiting));
        // The disk works: what waits now has waited for others' turn.
        int64_t now_ms = engine_now_ms(watch->engine);
        for (size_t i = 0; i < watch->count; i++) {
            watch->waiting[i].since_ms = now_ms;
        }
    }
    watch->look_ms = watch->told != DISK_HEALTH_WELL ? 0 : watch->look_ms;
}

void disk_watch_full(struct disk_watch *watch, bool full)
{
    watch->full = full;
    watch->look_ms = 0;
}

void disk_watch_low(struct disk_watch *watch, bool low)
{
    watch->low = low;
    watch->look_ms = 0;
}

bool disk_watch_is_hopeless(const struct disk_watch *watch)
{
    return watch->waiting_bytes > waiting_bytes_max;
}

static int64_t waiting_ms(const struct disk_watch *watch)
{
    return watch->count > 0 ? engine_now_ms(watch->engine) - watch->waiting[0].since_ms : 0;
}

enum disk_health disk_watch_health(const struct disk_watch *watch)
{
    if (watch->full) {
        return DISK_HEALTH_FULL;
    }
    if (waiting_ms(watch) >= SLOW_MS) {
        return DISK_HEALTH_SLOW;
    }
    return watch->low ? DISK_HEALTH_LOW : DISK_HEALTH_WELL;
}

static struct event *health_event(struct arena *arena, enum disk_health health)
{
    switch (health) {
    case DISK_HEALTH_WELL:
        return event_new(arena, EVENT_LEVEL_NOTICE, "store-disk-well");
    case DISK_HEALTH_LOW:
        return event_new(arena, EVENT_LEVEL_WARNING, "store-disk-low");
    case DISK_HEALTH_FULL:
        return event_new(arena, EVENT_LEVEL_ERROR, "store-disk-full");
    case DISK_HEALTH_SLOW:
    case DISK_HEALTH_MAX:
        break;
    }
    return event_new(arena, EVENT_LEVEL_WARNING, "store-disk-slow");
}

static void health_tell(struct disk_watch *watch, enum disk_health health)
{
    if (health == watch->told) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = health_event(arena, health);
    event_int(event, "waiting_batches", (int64_t)watch->count);
    event_int(event, "waiting_bytes", (int64_t)watch->waiting_bytes);
    event_emit(engine_events(watch->engine), event_int(event, "waiting_ms", waiting_ms(watch)));
    watch->told = health;
}

// ---- What the nodes tell each other.

static const char *report_key(struct arena *arena, const char *node)
{
    return arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_DISK, node);
}

// What the store says of a node's disk; a word that is not known is as bad as "full".
static enum disk_health reported_health(struct disk_watch *watch, struct arena *arena,
                                        const char *node)
{
    const char *key = report_key(arena, node);
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(watch->engine), key, 0, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0 && rows[i].value != NULL) {
            int value = enum_table_value(
                &health_table, arena_printf(arena, "%.*s", (int)rows[i].size_bytes, rows[i].value));
            return value < 0 ? DISK_HEALTH_FULL : (enum disk_health)value;
        }
    }
    return DISK_HEALTH_WELL;
}

static void health_report(struct disk_watch *watch, struct arena *arena, enum disk_health health)
{
    const char *node = engine_node(watch->engine);
    if (watch->report != 0 || !engine_is_quorate(watch->engine) ||
        reported_health(watch, arena, node) == health) {
        return;
    }
    const char *word = health == DISK_HEALTH_WELL ? NULL : health_names[health];
    struct replica_op op = {
        .key = report_key(arena, node),
        .value = word,
        .size_bytes = word != NULL ? strlen(word) : 0,
        .expect = STORE_ANY,
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    watch->report = engine_reserve(watch->engine);
    engine_request(watch->engine, watch->report, &request);
}

bool disk_watch_answered(struct disk_watch *watch, uint64_t request)
{
    if (request == 0 || request != watch->report) {
        return false;
    }
    watch->report = 0;
    return true;
}

void disk_watch_turn(struct disk_watch *watch)
{
    int64_t now_ms = engine_now_ms(watch->engine);
    if (now_ms < watch->look_ms) {
        return;
    }
    watch->look_ms = now_ms + LOOK_MS;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    enum disk_health health = disk_watch_health(watch);
    health_tell(watch, health);
    health_report(watch, arena, health);
}

// ---- What may be asked.

static enum disk_health member_health(struct disk_watch *watch, struct arena *arena,
                                      const struct engine_member *member)
{
    const char *node = member->node->name;
    // What one knows of oneself is newer.
    return strcmp(node, engine_node(watch->engine)) == 0 ? disk_watch_health(watch)
                                                         : reported_health(watch, arena, node);
}

static bool can_take(enum disk_health health, bool guarded)
{
    switch (health) {
    case DISK_HEALTH_WELL:
        return true;
    case DISK_HEALTH_LOW:
        return guarded;
    case DISK_HEALTH_FULL:
    case DISK_HEALTH_SLOW:
    case DISK_HEALTH_MAX:
        break;
    }
    return false;
}

static bool is_durable(const struct replica_request *request)
{
    return request->kind == REPLICA_REQUEST_TXN && request->ops_count > 0 &&
           strncmp(request->ops[0].key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) != 0;
}

int disk_watch_check(struct disk_watch *watch, const struct replica_request *request,
                     struct error *err)
{
    if (!is_durable(request)) {
        return 0;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf blamed CLEANUP(strbuf_done) = {0};
    struct engine_membership membership;
    uint32_t votes = 0;
    bool slow = false;
    engine_membership(watch->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        const struct engine_member *member = &membership.members[i];
        if (!member->online) {
            continue;
        }
        enum disk_health health = member_health(watch, arena, member);
        if (can_take(health, request->lease != NULL)) {
            votes += member->node->votes;
            continue;
        }
        slow = slow || health == DISK_HEALTH_SLOW;
        strbuf_appendf(&blamed, "%s%s (%s)", blamed.size_bytes > 0 ? ", " : "", member->node->name,
                       health_names[health]);
    }
    // Without quorum it is refused for that.
    if (blamed.size_bytes == 0 || !membership.quorate ||
        votes >= engine_quorum_votes(watch->engine)) {
        return 0;
    }
    if (slow) {
        return error_set(err, -EBUSY,
                         "the disks of a quorum do not take it now: %s; nothing was changed",
                         strbuf_text(&blamed));
    }
    return error_set(err, -ENOSPC,
                     "the store finds no room on the disks of a quorum: %s; nothing was changed: "
                     "make room below /var/lib/ha-manager there",
                     strbuf_text(&blamed));
}

void disk_watch_describe(struct disk_watch *watch, struct json *status)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf unwell CLEANUP(strbuf_done) = {0};
    struct engine_membership membership;
    engine_membership(watch->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        enum disk_health health = member_health(watch, arena, &membership.members[i]);
        if (health != DISK_HEALTH_WELL) {
            strbuf_appendf(&unwell, "%s%s: %s", unwell.size_bytes > 0 ? ", " : "",
                           membership.members[i].node->name, health_names[health]);
        }
    }
    if (unwell.size_bytes > 0) {
        json_put_string(status, "store_disks", strbuf_text(&unwell));
    }
    enum disk_health own = disk_watch_health(watch);
    json_put_string(status, "store_trouble", own != DISK_HEALTH_WELL ? health_names[own] : NULL);
}
