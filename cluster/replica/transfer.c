// SPDX-License-Identifier: Apache-2.0
// A history on its way: the donor multicasts the rows (and leases) it had when the session began in
// parts, a few ahead of what it has seen delivered itself; who needs them puts them together and
// checks the sum.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "cluster/replica/wire.h"
#include "common/base/arena.h"
#include "common/model/event.h"

enum {
    TRANSFER_WINDOW = 4,     // parts on their way
    DISCARDED_TOLD_MAX = 20, // keys an event names
};

void transfer_done(struct transfer *transfer)
{
    strbuf_done(&transfer->bytes);
    table_done(&transfer->table);
    leases_done(&transfer->leases);
    *transfer = (struct transfer){0};
}

static void transfer_send_next(struct replica *replica, const struct turn *turn,
                               enum replica_stream stream)
{
    struct transfer *sending = &replica->session.sending[stream];
    size_t offset = (size_t)sending->next_part * MESSAGE_PART_MAX;
    if (sending->next_part >= sending->parts) {
        return;
    }
    size_t left_bytes = sending->bytes.size_bytes - offset;
    struct message message = {.kind = MESSAGE_SNAPSHOT};
    message.part = (struct message_part){
        .stream = stream,
        .part = sending->next_part++,
        .parts = sending->parts,
        .bytes = sending->bytes.text + offset,
        .size_bytes = left_bytes < MESSAGE_PART_MAX ? left_bytes : MESSAGE_PART_MAX,
    };
    message_send(replica, turn, &message);
}

void transfer_begin(struct replica *replica, const struct turn *turn)
{
    const struct message_decision *decision = &replica->session.decision;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        struct transfer *sending = &replica->session.sending[i];
        if (!decision->transfer[i] || decision->donors[i] != replica->self) {
            continue;
        }
        table_format(&replica->logs[i].delivered, &sending->bytes);
        leases_format(&replica->logs[i].delivered_leases, &sending->bytes);
        sending->parts =
            (uint32_t)((sending->bytes.size_bytes + MESSAGE_PART_MAX - 1) / MESSAGE_PART_MAX);
        assert(sending->parts <= MESSAGE_PARTS_MAX);
        for (size_t n = 0; n < TRANSFER_WINDOW; n++) {
            transfer_send_next(replica, turn, (enum replica_stream)i);
        }
    }
}

// Reads what is complete now. False when it is not what was announced.
static bool transfer_read(struct transfer *receiving, struct arena *arena,
                          const struct message_position *announced)
{
    table_init(&receiving->table);
    leases_init(&receiving->leases);
    struct wire_reader reader = wire_reader_of(receiving->bytes.text, receiving->bytes.size_bytes);
    bool is_good = table_parse(&reader, arena, &receiving->table) == 0 &&
                   leases_parse(&reader, arena, &receiving->leases) == 0 &&
                   wire_is_complete(&reader) &&
                   receiving->table.digest + receiving->leases.digest == announced->digest;
    strbuf_done(&receiving->bytes);
    return is_good;
}

void transfer_deliver(struct replica *replica, const struct turn *turn, const struct member *member,
                      const struct message_part *part)
{
    struct session *session = &replica->session;
    struct transfer *receiving = &session->receiving[part->stream];
    if (member->id != session->decision.donors[part->stream]) {
        return;
    }
    if (member->id == replica->self) {
        transfer_send_next(replica, turn, part->stream);
        if (part->part + 1 == part->parts) {
            transfer_done(&session->sending[part->stream]);
        }
        return;
    }
    if (!receiving->needed || receiving->complete || part->part != receiving->next_part) {
        return;
    }
    strbuf_append_bytes(&receiving->bytes, part->bytes, part->size_bytes);
    receiving->next_part++;
    if (receiving->next_part < part->parts) {
        return;
    }
    if (transfer_read(receiving, turn->arena, &session->decision.streams[part->stream])) {
        receiving->complete = true;
        adoption_try(replica, turn);
    } else {
        message_ignored(turn, member->id, part->size_bytes,
                        "a history that is not what was announced");
        synchronisation_restart(replica, turn);
    }
}

// --- adopting ------------------------------------------------------------------------------------

struct discarded {
    struct strbuf keys;
    size_t count;
};

static void discarded_add(struct discarded *discarded, const char *key)
{
    if (discarded->count < DISCARDED_TOLD_MAX) {
        strbuf_appendf(&discarded->keys, "%s%s", discarded->count > 0 ? " " : "", key);
    }
    discarded->count++;
}

// What this replica had and the adopted history never had: rows written, and rows deleted.
static void discarded_collect(const struct replica *replica, const struct table *theirs,
                              const struct chronicle *their_chronicle, uint64_t their_version,
                              struct discarded *ret)
{
    const struct log *log = &replica->logs[STREAM_DURABLE];
    map_each (entry, &log->delivered.rows) {
        const struct table_row *ours = entry->value;
        const struct table_row *row = table_find(theirs, entry->key);
        bool is_equal = row != NULL && row->digest == ours->digest;
        if (!is_equal && strcmp(entry->key, REPLICA_KEY_CHRONICLE) != 0 &&
            !chronicle_covers(their_chronicle, their_version, &replica->chronicle, ours->version)) {
            discarded_add(ret, entry->key);
        }
    }
    map_each (entry, &theirs->rows) {
        const struct table_row *row = entry->value;
        if (table_find(&log->delivered, entry->key) == NULL && row->version <= log->last_version &&
            chronicle_covers(&replica->chronicle, log->last_version, their_chronicle,
                             row->version)) {
            discarded_add(ret, entry->key);
        }
    }
}

static void resync_tell(const struct replica *replica, const struct turn *turn,
                        const struct table *theirs, const struct chronicle *their_chronicle)
{
    const struct message_decision *decision = &replica->session.decision;
    uint64_t their_version = decision->streams[STREAM_DURABLE].version;
    struct discarded discarded = {0};
    discarded_collect(replica, theirs, their_chronicle, their_version, &discarded);
    struct event *event =
        event_new(turn->arena, discarded.count > 0 ? EVENT_LEVEL_WARNING : EVENT_LEVEL_NOTICE,
                  "store-resync");
    event_int(event, "from_node_id", decision->donors[STREAM_DURABLE]);
    event_int(event, "version", (int64_t)replica->logs[STREAM_DURABLE].last_version);
    event_int(event, "adopted_version", (int64_t)their_version);
    event_int(event, "discarded", (int64_t)discarded.count);
    event_text(turn->arena, event, "keys", discarded.count > 0 ? discarded.keys.text : NULL);
    effect_add_event(turn, event);
    strbuf_done(&discarded.keys);
}

// A lease whose last renewal this replica delivered itself has been silent since then; of another
// one it hears now.
static void leases_hear(struct leases *leases, const struct leases *before, int64_t now_ms)
{
    map_each (entry, &leases->records) {
        struct lease_record *record = entry->value;
        const struct lease_record *known = leases_find(before, entry->key);
        record->heard_ms =
            known != NULL && known->version == record->version ? known->heard_ms : now_ms;
    }
}

void transfer_adopt(struct replica *replica, const struct turn *turn, enum replica_stream stream)
{
    struct transfer *receiving = &replica->session.receiving[stream];
    struct log *log = &replica->logs[stream];
    assert(receiving->complete);
    if (stream == STREAM_DURABLE) {
        const struct table_row *row = table_find(&receiving->table, REPLICA_KEY_CHRONICLE);
        struct chronicle chronicle;
        chronicle_parse(&chronicle, turn->arena, row != NULL ? row->value : NULL);
        resync_tell(replica, turn, &receiving->table, &chronicle);
        replica->chronicle = chronicle;
        map_clear(&replica->dirty); // all of it is written anew
    }
    leases_hear(&receiving->leases, &log->delivered_leases, turn->now_ms);
    table_done(&log->delivered);
    leases_done(&log->delivered_leases);
    log->delivered = receiving->table;
    log->delivered_leases = receiving->leases;
    receiving->table = (struct table){0};
    receiving->leases = (struct leases){0};
    log->last_version = replica->session.decision.streams[stream].version;
    log_forget_entries(log);
    log->replaced = true;
    requests_lose_delivered(replica, turn, stream);
}
