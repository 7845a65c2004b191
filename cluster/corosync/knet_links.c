// SPDX-License-Identifier: Apache-2.0
// The process reads "stats.knet.node<id>.link<n>.<what>", by the nodes' ids, so that only a few
// keys of the many are asked for. The two sides are of one program and exchange plain structures,
// each a frame: ids to the process, readings back.
#include "cluster/corosync/knet_links.h"

#include <assert.h>
#include <corosync/cmap.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "cluster/transport.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/supervisor.h"
#include "common/model/corosync_conf.h"

enum {
    SAMPLES_MIN = 10,    // since a reading, else it says nothing
    SAMPLES_WINDOW = 60, // between two readings that are kept
    READ_MS = 5000,
    OLD_MS = 3 * READ_MS,
    RESTART_MS = 10000,
};

// One link, as it goes from the process to the daemon.
struct link_reading {
    uint32_t id; // of the node
    int32_t link;
    int64_t latency_us;
    bool connected;
};

// ---- The process.

struct reading {
    int64_t samples, sum_us;
};

// Older and newer reading of a link: what came since the older one is averaged.
struct history {
    struct reading older, newer;
};

struct reader {
    struct ipc_stream *stream;
    struct map histories; // the stem of a link's keys → struct history *
    uint32_t ids[REPLICA_MEMBERS_MAX];
    size_t ids_count;
};

// Corosync rounds its average down each time, so that after hours the sum is too small, never too
// large: then the average itself is the better word.
static int64_t latency_recent_us(struct history *history, int64_t average_us, int64_t samples)
{
    struct reading now = {.samples = samples, .sum_us = average_us * samples};
    if (samples < history->newer.samples) {
        *history = (struct history){0}; // the link began anew
    }
    if (history->newer.samples == 0) {
        history->older = history->newer = now;
    } else if (samples - history->newer.samples >= SAMPLES_WINDOW) {
        history->older = history->newer;
        history->newer = now;
    }
    int64_t count = samples - history->older.samples;
    if (count < SAMPLES_MIN) {
        return 0;
    }
    int64_t recent_us = (now.sum_us - history->older.sum_us) / count;
    return recent_us > 0 && recent_us < average_us ? recent_us : average_us;
}

static struct history *history_of(struct reader *reader, const char *stem)
{
    struct history *history = map_find(&reader->histories, stem);
    if (history == NULL) {
        history = alloc_zero(sizeof(*history));
        map_put(&reader->histories, stem, history);
    }
    return history;
}

// False: the node has no such link.
static bool link_read(struct reader *reader, cmap_handle_t map, uint32_t id, int link,
                      struct link_reading *ret)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    uint8_t enabled = 0;
    uint8_t connected = 0;
    uint32_t average_us = 0;
    uint32_t samples = 0;
    const char *stem = arena_printf(arena, "stats.knet.node%u.link%d", id, link);
    if (cmap_get_uint8(map, arena_printf(arena, "%s.enabled", stem), &enabled) != CS_OK ||
        enabled == 0) {
        return false;
    }
    // All stay 0: not known.
    (void)cmap_get_uint8(map, arena_printf(arena, "%s.connected", stem), &connected);
    (void)cmap_get_uint32(map, arena_printf(arena, "%s.latency_ave", stem), &average_us);
    (void)cmap_get_uint32(map, arena_printf(arena, "%s.latency_samples", stem), &samples);
    ret->id = id;
    ret->link = link;
    ret->connected = connected != 0;
    ret->latency_us = latency_recent_us(history_of(reader, stem), average_us, samples);
    return true;
}

// Tells the daemon all links, or nothing while Corosync cannot be asked.
static int reader_tell(struct reader *reader)
{
    cmap_handle_t map;
    if (cmap_initialize_map(&map, CMAP_MAP_STATS) != CS_OK) {
        return 0;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct link_reading *list =
        arena_array_of(arena, struct link_reading, reader->ids_count * COROSYNC_LINKS_MAX + 2);
    size_t count = 1; // the first is no link: a frame is never empty
    for (size_t i = 0; i < reader->ids_count; i++) {
        for (int k = 0; k < COROSYNC_LINKS_MAX; k++) {
            // Numbers may have gaps in a configuration made by hand.
            count += link_read(reader, map, reader->ids[i], k, &list[count]) ? 1 : 0;
        }
    }
    (void)cmap_finalize(map); // a handle is only freed
    int r = ipc_stream_send(reader->stream, list, count * sizeof(*list));
    while (r == 0 && ipc_stream_is_pending(reader->stream)) {
        r = ipc_stream_wait(reader->stream, READ_MS) < 0 ? -EPIPE
                                                         : ipc_stream_flush(reader->stream);
    }
    return r;
}

// Takes the newest ids. -EPIPE: the daemon has closed its side.
static int reader_take(struct reader *reader)
{
    const char *frame;
    size_t size_bytes;
    int r = ipc_stream_fill(reader->stream);
    while (r == 0 && ipc_stream_next(reader->stream, &frame, &size_bytes, NULL) == 1) {
        assert(size_bytes >= sizeof(uint32_t));
        size_t count = size_bytes / sizeof(uint32_t) - 1; // the first is no id, likewise
        reader->ids_count = count < REPLICA_MEMBERS_MAX ? count : REPLICA_MEMBERS_MAX;
        memcpy(reader->ids, frame + sizeof(uint32_t), reader->ids_count * sizeof(uint32_t));
    }
    return r;
}

static int reader_main(int fd, void *userdata)
{
    (void)userdata;
    struct reader reader = {.stream = ipc_stream_new(fd)};
    map_init(&reader.histories, free);
    int r = 0;
    while (r == 0) {
        int ready = ipc_stream_wait(reader.stream, READ_MS);
        r = ready > 0 ? reader_take(&reader) : 0;
        if (r == 0) {
            r = reader_tell(&reader);
        }
    }
    return 0; // the daemon is gone, or wants no more
}

// ---- The daemon's side.

struct knet_links {
    struct clock clock;
    struct supervisor *supervisor;
    uint32_t ids[REPLICA_MEMBERS_MAX];
    size_t ids_count;
    struct link_reading *readings;
    size_t readings_count;
    int64_t read_at_ms; // 0: never
};

static void links_send(void *userdata)
{
    struct knet_links *links = userdata;
    uint32_t frame[REPLICA_MEMBERS_MAX + 1] = {0};
    memcpy(&frame[1], links->ids, links->ids_count * sizeof(*frame));
    // A process that does not read is noticed by what it does not tell.
    supervisor_send(links->supervisor, frame, (links->ids_count + 1) * sizeof(*frame));
}

static void links_take(void *userdata, const char *frame, size_t size_bytes)
{
    struct knet_links *links = userdata;
    assert(size_bytes >= sizeof(struct link_reading));
    size_t count = size_bytes / sizeof(struct link_reading) - 1;
    free(links->readings);
    links->readings =
        alloc_memdup(frame + sizeof(struct link_reading), count * sizeof(struct link_reading));
    links->readings_count = count;
    links->read_at_ms = clock_now_ms(&links->clock);
}

struct knet_links *knet_links_new(struct loop *loop)
{
    struct knet_links *links = alloc_zero(sizeof(*links));
    host_clock_init(&links->clock);
    links->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = loop,
        .name = "ha-clusterd-net",
        .main = reader_main, // all it needs comes through the socket
        .restart_ms = RESTART_MS,
        .frame = links_take,
        .begun = links_send,
        .userdata = links,
    });
    supervisor_start(links->supervisor);
    return links;
}

void knet_links_free(struct knet_links *links)
{
    if (links == NULL) {
        return;
    }
    supervisor_free(links->supervisor);
    free(links->readings);
    free(links);
}

void knet_links_watch(struct knet_links *links, const struct transport_nodes *nodes, uint32_t self)
{
    uint32_t ids[REPLICA_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < nodes->count && count < REPLICA_MEMBERS_MAX; i++) {
        if (nodes->nodes[i].id != self) {
            ids[count++] = nodes->nodes[i].id;
        }
    }
    if (count == links->ids_count && memcmp(ids, links->ids, count * sizeof(*ids)) == 0) {
        return;
    }
    memcpy(links->ids, ids, count * sizeof(*ids));
    links->ids_count = count;
    links_send(links);
}

void knet_links_get(struct knet_links *links, struct arena *arena,
                    const struct transport_nodes *nodes, const struct transport_link **ret_links,
                    size_t *ret_count)
{
    struct transport_link *list =
        arena_array_of(arena, struct transport_link, links->readings_count + 1);
    size_t count = 0;
    bool old = links->read_at_ms == 0 || clock_now_ms(&links->clock) - links->read_at_ms > OLD_MS;
    for (size_t i = 0; i < nodes->count && !old; i++) {
        for (size_t k = 0; k < links->readings_count; k++) {
            const struct link_reading *reading = &links->readings[k];
            if (reading->id == nodes->nodes[i].id) {
                list[count++] = (struct transport_link){
                    .node = nodes->nodes[i].name,
                    .link = reading->link,
                    .connected = reading->connected,
                    .latency_us = reading->latency_us,
                };
            }
        }
    }
    *ret_links = list;
    *ret_count = count;
}
