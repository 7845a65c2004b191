// SPDX-License-Identifier: Apache-2.0
// A bounded queue of changes, and its form on the wire: version, lease or none, changes.
#include "cluster/replica/recent.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "cluster/replica/wire.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"

enum { ENTRY_BYTES = 96 }; // what an entry or a change takes beside its texts, about

static void recent_entry_done(struct recent_entry *entry)
{
    for (size_t i = 0; i < entry->changes_count; i++) {
        free(entry->changes[i].key);
        table_row_free(entry->changes[i].row);
    }
    free(entry->changes);
    free(entry->lease);
    alloc_freep(&entry->record.owner);
}

static const struct recent_entry *recent_at(const struct recent *recent, size_t index)
{
    return &recent->entries[recent->first + index];
}

static void recent_forget_first(struct recent *recent)
{
    struct recent_entry *entry = &recent->entries[recent->first++];
    recent->count--;
    recent->base = entry->position;
    recent->changes_count -= entry->changes_count + 1;
    recent->size_bytes -= entry->size_bytes;
    recent_entry_done(entry);
}

void recent_done(struct recent *recent)
{
    while (recent->count > 0) {
        recent_forget_first(recent);
    }
    free(recent->entries);
    *recent = (struct recent){0};
}

void recent_reset(struct recent *recent, const struct message_position *position)
{
    recent_done(recent);
    recent->base = *position;
}

static struct recent_entry *recent_append(struct recent *recent)
{
    if (recent->first + recent->count == recent->capacity) {
        if (recent->first > recent->count) {
            memmove(recent->entries, recent->entries + recent->first,
                    recent->count * sizeof(*recent->entries));
            recent->first = 0;
        } else {
            recent->capacity = 2 * recent->capacity + 16;
            recent->entries =
                alloc_resize(recent->entries, recent->capacity * sizeof(*recent->entries));
        }
    }
    struct recent_entry *entry = &recent->entries[recent->first + recent->count++];
    *entry = (struct recent_entry){.size_bytes = ENTRY_BYTES};
    return entry;
}

static void recent_entry_copy(struct recent_entry *copy, const struct log_entry *entry)
{
    copy->changes = alloc_zero(entry->changes_count * sizeof(*copy->changes));
    copy->changes_count = entry->changes_count;
    for (size_t i = 0; i < entry->changes_count; i++) {
        const struct log_change *change = &entry->changes[i];
        copy->changes[i].key = alloc_strdup(change->key);
        copy->changes[i].row = change->row != NULL ? table_row_share(change->row) : NULL;
        copy->size_bytes +=
            ENTRY_BYTES + strlen(change->key) + (change->row != NULL ? change->row->size_bytes : 0);
    }
    if (entry->lease != NULL) {
        copy->lease = alloc_strdup(entry->lease);
        copy->record = entry->record;
        copy->record.owner = entry->record.owner != NULL ? alloc_strdup(entry->record.owner) : NULL;
        copy->size_bytes += strlen(entry->lease);
    }
}

void recent_add(struct recent *recent, const struct log_entry *entry,
                const struct message_position *position)
{
    struct recent_entry *added = recent_append(recent);
    added->position = *position;
    if (entry != NULL) {
        recent_entry_copy(added, entry);
    }
    recent->changes_count += added->changes_count + 1;
    recent->size_bytes += added->size_bytes;
    while (recent->count > 0 &&
           (recent->changes_count > RECENT_CHANGES_MAX || recent->size_bytes > RECENT_BYTES_MAX)) {
        recent_forget_first(recent);
    }
}

static bool position_is(const struct message_position *a, const struct message_position *b)
{
    return a->version == b->version && a->digest == b->digest;
}

// The first entry that is younger than the version.
static size_t recent_after(const struct recent *recent, uint64_t version)
{
    size_t low = 0;
    size_t high = recent->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recent_at(recent, middle)->position.version <= version) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool recent_covers(const struct recent *recent, const struct message_position *position)
{
    if (position->version == 0) {
        return false;
    }
    size_t next = recent_after(recent, position->version);
    const struct message_position *here =
        next > 0 ? &recent_at(recent, next - 1)->position : &recent->base;
    return position_is(here, position);
}

void recent_format(const struct recent *recent, uint64_t version, struct strbuf *out)
{
    size_t first = recent_after(recent, version);
    wire_put_u32(out, (uint32_t)(recent->count - first));
    for (size_t i = first; i < recent->count; i++) {
        const struct recent_entry *entry = recent_at(recent, i);
        wire_put_u64(out, entry->position.version);
        wire_put_text(out, entry->lease);
        if (entry->lease != NULL) {
            wire_put_text(out, entry->record.owner);
            wire_put_u64(out, entry->record.term);
            wire_put_u64(out, entry->record.version);
        }
        wire_put_u32(out, (uint32_t)entry->changes_count);
        for (size_t n = 0; n < entry->changes_count; n++) {
            const struct recent_change *change = &entry->changes[n];
            wire_put_text(out, change->key);
            wire_put_u8(out, change->row != NULL ? 1 : 0);
            if (change->row != NULL) {
                wire_put_bytes(out, change->row->value, change->row->size_bytes);
            }
        }
    }
}

static void change_apply(struct wire_reader *reader, struct arena *arena, bool is_new,
                         uint64_t version, struct table *table)
{
    const char *key = wire_get_text(reader, arena);
    uint8_t has_value = wire_get_u8(reader);
    size_t size_bytes = 0;
    const void *value = has_value == 1 ? wire_get_bytes(reader, &size_bytes) : NULL;
    if (key == NULL || has_value > 1) {
        reader->failed = true;
    }
    if (reader->failed || !is_new) {
        return;
    }
    if (value != NULL) {
        table_put(table, key, table_row_new(key, value, size_bytes, version));
    } else {
        table_remove(table, key);
    }
}

static void entry_apply(struct wire_reader *reader, struct arena *arena, uint64_t after,
                        struct table *table, struct leases *leases)
{
    uint64_t version = wire_get_u64(reader);
    const char *lease = wire_get_text(reader, arena);
    bool is_new = version > after;
    if (lease != NULL) {
        struct lease_record record = {.owner = wire_get_text(reader, arena)};
        record.term = wire_get_u64(reader);
        record.version = wire_get_u64(reader);
        if (!reader->failed && is_new) {
            leases_put(leases, lease, &record);
        }
    }
    size_t count = wire_get_u32(reader);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        change_apply(reader, arena, is_new, version, table);
    }
}

int recent_apply(const void *bytes, size_t size_bytes, uint64_t version, struct arena *arena,
                 struct table *table, struct leases *leases)
{
    struct wire_reader reader = wire_reader_of(bytes, size_bytes);
    size_t count = wire_get_u32(&reader);
    for (size_t i = 0; i < count && !reader.failed; i++) {
        entry_apply(&reader, arena, version, table, leases);
    }
    return wire_is_complete(&reader) ? 0 : -EBADMSG;
}
