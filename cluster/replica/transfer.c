// SPDX-License-Identifier: Apache-2.0
// A history on its way. The donor multicasts the last changes if they are all that some participant
// lacks, and all rows (and leases) if another one lacks more, in parts, a few ahead of what it has
// seen delivered itself. Who needs them puts them together and checks the sum.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "cluster/replica/wire.h"
#include "common/base/arena.h"
#include "common/model/event.h"

enum {
    TRANSFER_WINDOW = 4,                                     // parts on their way, of each kind
    RECEIVED_MAX_BYTES = 2 * 1024 * 1024 + MESSAGE_PART_MAX, // a row, and what came with its end
};

// --- sending -------------------------------------------------------------------------------------

static void sending_done(struct sending *sending)
{
    strbuf_done(&sending->bytes);
    table_done(&sending->table);
    leases_done(&sending->leases);
    *sending = (struct sending){0};
}

static void receiving_done(struct receiving *receiving)
{
    strbuf_done(&receiving->bytes);
    strbuf_done(&receiving->recent);
    table_done(&receiving->table);
    leases_done(&receiving->leases);
    *receiving = (struct receiving){0};
}

void transfers_done(struct session *session)
{
    for (size_t i = 0; i < STREAM_MAX; i++) {
        receiving_done(&session->receiving[i]);
        sending_done(&session->sending[i][0]);
        sending_done(&session->sending[i][1]);
    }
}

static uint32_t parts_of(size_t size_bytes)
{
    size_t parts = (size_bytes + MESSAGE_PART_MAX - 1) / MESSAGE_PART_MAX;
    assert(parts <= MESSAGE_PARTS_MAX);
    return (uint32_t)parts;
}

// Makes bytes until a part is full or there are no more.
static void sending_fill(struct sending *sending)
{
    const struct map *rows = &sending->table.rows;
    while (sending->next_row < rows->count && sending->bytes.size_bytes < MESSAGE_PART_MAX) {
        const struct map_entry *entry = &rows->entries[sending->next_row++];
        table_format_row(entry->key, entry->value, &sending->bytes);
    }
    if (!sending->recent && sending->next_row == rows->count && !sending->are_leases_in) {
        sending->are_leases_in = true;
        leases_format(&sending->leases, &sending->bytes);
    }
}

static void sending_next(struct replica *replica, const struct turn *turn,
                         enum replica_stream stream, struct sending *sending)
{
    if (sending->next_part >= sending->parts) {
        return;
    }
    sending_fill(sending);
    size_t made_bytes = sending->bytes.size_bytes;
    struct message message = {.kind = MESSAGE_SNAPSHOT};
    message.part = (struct message_part){
        .stream = stream,
        .recent = sending->recent,
        .part = sending->next_part++,
        .parts = sending->parts,
        .bytes = sending->bytes.text,
        .size_bytes = made_bytes < MESSAGE_PART_MAX ? made_bytes : MESSAGE_PART_MAX,
    };
    message_send(replica, turn, &message);
    struct strbuf rest = {0};
    strbuf_append_bytes(&rest, sending->bytes.text + message.part.size_bytes,
                        made_bytes - message.part.size_bytes);
    strbuf_done(&sending->bytes);
    sending->bytes = rest;
}

static void sending_begin(struct replica *replica, const struct turn *turn,
                          enum replica_stream stream, struct sending *sending)
{
    for (size_t n = 0; n < TRANSFER_WINDOW; n++) {
        sending_next(replica, turn, stream, sending);
    }
}

static void recent_send(struct replica *replica, const struct turn *turn,
                        enum replica_stream stream, uint64_t version)
{
    struct sending *sending = &replica->session.sending[stream][0];
    sending->recent = true;
    recent_format(&replica->logs[stream].recent, version, &sending->bytes);
    sending->parts = parts_of(sending->bytes.size_bytes);
    sending_begin(replica, turn, stream, sending);
}

static void rows_send(struct replica *replica, const struct turn *turn, enum replica_stream stream)
{
    struct sending *sending = &replica->session.sending[stream][1];
    const struct log *log = &replica->logs[stream];
    table_init(&sending->table);
    leases_init(&sending->leases);
    table_copy(&sending->table, &log->delivered);
    leases_copy(&sending->leases, &log->delivered_leases);
    struct strbuf leases = {0};
    leases_format(&sending->leases, &leases);
    sending->parts = parts_of(table_format_size(&sending->table) + leases.size_bytes);
    strbuf_done(&leases);
    wire_put_u32(&sending->bytes, (uint32_t)sending->table.rows.count);
    sending_begin(replica, turn, stream, sending);
}

void transfer_begin(struct replica *replica, const struct turn *turn,
                    const struct message_state *const *participants, size_t count)
{
    const struct message_decision *decision = &replica->session.decision;
    for (size_t s = 0; s < STREAM_MAX; s++) {
        enum replica_stream stream = (enum replica_stream)s;
        const struct log *log = &replica->logs[s];
        uint64_t oldest = UINT64_MAX; // of those who lack recent changes only
        bool is_all_needed = false;
        for (size_t i = 0; i < count; i++) {
            const struct message_position *position = &participants[i]->streams[s];
            bool has_it = position->version == decision->streams[s].version &&
                          position->digest == decision->streams[s].digest;
            bool is_near = !participants[i]->whole && recent_covers(&log->recent, position);
            if (!has_it && is_near) {
                oldest = position->version < oldest ? position->version : oldest;
            }
            is_all_needed = is_all_needed || (!has_it && !is_near);
        }
        if (!decision->transfer[s] || decision->donors[s] != replica->self) {
            continue;
        }
        if (oldest < UINT64_MAX) {
            recent_send(replica, turn, stream, oldest);
        }
        if (is_all_needed) {
            rows_send(replica, turn, stream);
        }
    }
}

// --- receiving -----------------------------------------------------------------------------------

static bool receiving_is_right(const struct receiving *receiving,
                               const struct message_position *announced)
{
    return receiving->table.digest + receiving->leases.digest == announced->digest;
}

static void row_take(const struct table *ours, struct table *table, const char *key,
                     struct table_row *row)
{
    struct table_row *known = table_find(ours, key);
    if (known != NULL && known->digest == row->digest) {
        table_row_free(row);
        row = table_row_share(known);
    }
    table_put(table, key, row);
}

static void bytes_skip(struct strbuf *bytes, const struct wire_reader *reader)
{
    struct strbuf rest = {0};
    strbuf_append_bytes(&rest, reader->at, reader->left_bytes);
    strbuf_done(bytes);
    *bytes = rest;
}

// Takes all rows that are whole. False when they are not ascending.
static bool rows_take(struct receiving *receiving, const struct table *ours, struct arena *arena,
                      struct wire_reader *whole)
{
    if (!receiving->is_count_read) {
        struct wire_reader reader = *whole;
        receiving->rows_left = wire_get_u32(&reader);
        if (reader.failed) {
            return true;
        }
        receiving->is_count_read = true;
        *whole = reader;
    }
    while (receiving->rows_left > 0) {
        struct wire_reader reader = *whole;
        const char *key = NULL;
        struct table_row *row = table_parse_row(&reader, arena, &key);
        if (row == NULL) {
            return true;
        }
        const struct map *rows = &receiving->table.rows;
        if (rows->count > 0 && strcmp(rows->entries[rows->count - 1].key, key) >= 0) {
            table_row_free(row);
            return false;
        }
        row_take(ours, &receiving->table, key, row);
        receiving->rows_left--;
        *whole = reader;
    }
    return true;
}

// One more part of all rows. False when it is not what was announced.
static bool rows_deliver(struct receiving *receiving, const struct table *ours, struct arena *arena,
                         const struct message_part *part, const struct message_position *announced)
{
    if (receiving->next_part == 0) {
        table_init(&receiving->table);
        leases_init(&receiving->leases);
    }
    strbuf_append_bytes(&receiving->bytes, part->bytes, part->size_bytes);
    receiving->next_part++;
    struct wire_reader whole = wire_reader_of(receiving->bytes.text, receiving->bytes.size_bytes);
    bool is_good = rows_take(receiving, ours, arena, &whole);
    if (receiving->next_part < part->parts) {
        bytes_skip(&receiving->bytes, &whole);
        return is_good && receiving->bytes.size_bytes <= RECEIVED_MAX_BYTES;
    }
    is_good = is_good && receiving->rows_left == 0 && receiving->is_count_read &&
              leases_parse(&whole, arena, &receiving->leases) == 0 && wire_is_complete(&whole) &&
              receiving_is_right(receiving, announced);
    strbuf_done(&receiving->bytes);
    receiving->complete = is_good;
    return is_good;
}

// One more part of the recent changes. False when they do not lead from here to what was announced.
static bool recent_deliver(struct receiving *receiving, const struct log *log, struct arena *arena,
                           const struct message_part *part,
                           const struct message_position *announced)
{
    strbuf_append_bytes(&receiving->recent, part->bytes, part->size_bytes);
    receiving->next_recent++;
    if (receiving->next_recent < part->parts) {
        return true;
    }
    struct receiving result = {.needed = true, .complete = true, .is_continuation = true};
    table_init(&result.table);
    leases_init(&result.leases);
    table_copy(&result.table, &log->delivered);
    leases_copy(&result.leases, &log->delivered_leases);
    int rc = recent_apply(receiving->recent.text, receiving->recent.size_bytes, log->last_version,
                          arena, &result.table, &result.leases);
    if (rc < 0 || !receiving_is_right(&result, announced)) {
        receiving_done(&result);
        strbuf_done(&receiving->recent);
        return rc == 0; // for someone else
    }
    receiving_done(receiving);
    *receiving = result;
    return true;
}

static void transfer_refuse(struct replica *replica, const struct turn *turn, uint32_t sender,
                            size_t size_bytes)
{
    message_ignored(turn, sender, size_bytes, "a history that is not what was announced");
    replica->wants_whole = true;
    synchronisation_restart(replica, turn);
}

void transfer_deliver(struct replica *replica, const struct turn *turn, const struct member *member,
                      const struct message_part *part)
{
    struct session *session = &replica->session;
    struct receiving *receiving = &session->receiving[part->stream];
    const struct message_position *announced = &session->decision.streams[part->stream];
    const struct log *log = &replica->logs[part->stream];
    if (member->id != session->decision.donors[part->stream]) {
        return;
    }
    if (member->id == replica->self) {
        struct sending *sending = &session->sending[part->stream][part->recent ? 0 : 1];
        sending_next(replica, turn, part->stream, sending);
        if (part->part + 1 == part->parts) {
            sending_done(sending);
        }
        return;
    }
    uint32_t expected = part->recent ? receiving->next_recent : receiving->next_part;
    if (!receiving->needed || receiving->complete || part->part != expected) {
        return;
    }
    bool is_good = part->recent
                       ? recent_deliver(receiving, log, turn->arena, part, announced)
                       : rows_deliver(receiving, &log->delivered, turn->arena, part, announced);
    if (!is_good) {
        transfer_refuse(replica, turn, member->id, part->size_bytes);
    } else if (receiving->complete) {
        adoption_try(replica, turn);
    }
}
