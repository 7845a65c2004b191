// SPDX-License-Identifier: Apache-2.0
// The committed state, for readers. A reader without quorum sees what was committed last, as far as
// this node knows.
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/planted.h"

enum replica_mode replica_mode(const struct replica *replica)
{
    switch (replica->session.phase) {
    case SESSION_NONE:
        return replica->undecided ? REPLICA_MODE_SYNCING : REPLICA_MODE_NO_QUORUM;
    case SESSION_GATHER:
    case SESSION_JOINED:
    case SESSION_ADOPTED:
        return REPLICA_MODE_SYNCING;
    case SESSION_SERVING:
        return REPLICA_MODE_SERVING;
    }
    assert(false);
    return REPLICA_MODE_NO_QUORUM;
}

uint32_t replica_threshold_votes(const struct replica *replica)
{
    return replica->threshold_votes;
}

uint64_t replica_epoch(const struct replica *replica)
{
    return replica->logs[STREAM_DURABLE].last_version >> REPLICA_EPOCH_SHIFT;
}

uint64_t replica_version(const struct replica *replica)
{
    return replica->version;
}

uint64_t replica_horizon(const struct replica *replica)
{
    return replica->horizon;
}

struct cursor {
    const struct map *rows;
    size_t at;
    bool are_graves;
};

static bool cursor_is_inside(const struct cursor *cursor, const char *prefix)
{
    return cursor->at < cursor->rows->count &&
           strncmp(cursor->rows->entries[cursor->at].key, prefix, strlen(prefix)) == 0;
}

// The cursor that stands on the lowest key, or NULL when all have left the prefix.
static struct cursor *cursors_lowest(struct cursor *cursors, size_t count, const char *prefix)
{
    struct cursor *lowest = NULL;
    for (size_t i = 0; i < count; i++) {
        struct cursor *cursor = &cursors[i];
        if (cursor_is_inside(cursor, prefix) &&
            (lowest == NULL || strcmp(cursor->rows->entries[cursor->at].key,
                                      lowest->rows->entries[lowest->at].key) < 0)) {
            lowest = cursor;
        }
    }
    return lowest;
}

void replica_read(const struct replica *replica, const char *prefix, uint64_t since,
                  struct arena *arena, const struct replica_row **ret_rows, size_t *ret_count)
{
    struct cursor cursors[2 * STREAM_MAX];
    size_t most = 0;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        const struct log *log = &replica->logs[i];
        cursors[2 * i] = (struct cursor){.rows = &log->committed.rows};
        cursors[2 * i + 1] = (struct cursor){.rows = &log->graves, .are_graves = true};
    }
    for (size_t i = 0; i < 2 * STREAM_MAX; i++) {
        struct cursor *cursor = &cursors[i];
        cursor->at = map_lower_bound(cursor->rows, prefix);
        for (struct cursor end = *cursor; cursor_is_inside(&end, prefix); end.at++) {
            most++;
        }
    }
    struct replica_row *rows = arena_array_of(arena, struct replica_row, most);
    size_t count = 0;
    for (struct cursor *cursor = cursors_lowest(cursors, 2 * STREAM_MAX, prefix); cursor != NULL;
         cursor = cursors_lowest(cursors, 2 * STREAM_MAX, prefix)) {
        const struct map_entry *entry = &cursor->rows->entries[cursor->at++];
        const struct table_row *row = entry->value;
        if (row->version > since && (since > 0 || !cursor->are_graves)) {
            rows[count++] = (struct replica_row){
                .key = entry->key,
                .value = cursor->are_graves ? NULL : row->value,
                .size_bytes = row->size_bytes,
                .version = row->version,
            };
        }
    }
    *ret_rows = rows;
    *ret_count = count;
}

bool replica_find_lease(const struct replica *replica, int64_t now_ms, const char *name,
                        struct replica_lease *ret)
{
    const struct log *log = &replica->logs[STREAM_VOLATILE];
    const struct lease_record *record = leases_find(&log->committed_leases, name);
    *ret = (struct replica_lease){.name = name};
    bool is_serving = replica->session.phase == SESSION_SERVING;
    int64_t since_ms = replica->leases_unknown_ms;
    if (record != NULL) {
        // A renewal that is delivered and not committed yet counts as heard.
        const struct lease_record *delivered = leases_find(&log->delivered_leases, name);
        since_ms = delivered != NULL ? delivered->heard_ms : now_ms;
        ret->owner = record->owner;
        ret->term = record->term;
        ret->version = record->version;
        ret->silent_ms = now_ms - since_ms;
    }
    int64_t left_ms = since_ms + replica->lease_ms - now_ms;
    if (planted_is(PLANTED_BREAK_EARLY)) {
        left_ms -= replica->lease_ms / 2;
    }
    if (!is_serving) {
        left_ms = replica->lease_ms; // what was renewed meanwhile is not known here
    } else if (record != NULL && record->owner == NULL) {
        left_ms = 0;
    }
    ret->breakable_in_ms = left_ms > 0 ? left_ms : 0;
    return record != NULL;
}

uint64_t replica_checksum(const struct replica *replica)
{
    return replica->logs[STREAM_DURABLE].committed.digest;
}

static void digest_add(struct strbuf *digests, struct arena *arena, const struct table *table)
{
    map_each (entry, &table->rows) {
        const struct table_row *row = entry->value;
        struct strbuf text;
        strbuf_init(&text);
        strbuf_appendf(&text, "%s %" PRIu64 " %zu ", entry->key, row->version, row->size_bytes);
        strbuf_append_bytes(&text, row->value, row->size_bytes);
        strbuf_append(digests, digest_sha256_hex(arena, text.text, text.size_bytes));
        strbuf_done(&text);
    }
}

char *replica_digest(const struct replica *replica, bool durable_only, struct arena *arena)
{
    struct arena *scratch CLEANUP(arena_freep) = arena_new();
    struct strbuf digests;
    strbuf_init(&digests);
    digest_add(&digests, scratch, &replica->logs[STREAM_DURABLE].committed);
    if (!durable_only) {
        digest_add(&digests, scratch, &replica->logs[STREAM_VOLATILE].committed);
    }
    char *hex = digest_sha256_hex(arena, strbuf_text(&digests), digests.size_bytes);
    strbuf_done(&digests);
    return hex;
}
