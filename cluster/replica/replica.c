// SPDX-License-Identifier: Apache-2.0
// The inputs of the replica, told to the parts, and the making of effects.
#include "cluster/replica/replica.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"

enum {
    STALL_MS_MIN = 2000,
    BACKLOG_MAX_BYTES =
        2 * REPLICA_TXN_MAX, // what a member that is still receiving a history keeps
    BATCHES_MAX = 4, // under way; while a disk stands still the changes of a key are collected
    BATCHES_MAX_BYTES = REPLICA_TXN_MAX,
    DIRTY_MAX = 65536, // keys beyond the rows there are, for which it is easier to write all
};

// --- effects -------------------------------------------------------------------------------------

struct replica_effect *effect_add(const struct turn *turn, enum replica_effect_kind kind)
{
    struct replica_effects *out = turn->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? 2 * out->capacity : 8;
        struct replica_effect *effects =
            arena_array_of(turn->arena, struct replica_effect, capacity);
        if (out->count > 0) {
            memcpy(effects, out->effects, out->count * sizeof(*effects));
        }
        out->effects = effects;
        out->capacity = capacity;
    }
    struct replica_effect *effect = &out->effects[out->count++];
    *effect = (struct replica_effect){.kind = kind};
    return effect;
}

void effect_add_event(const struct turn *turn, const struct event *event)
{
    effect_add(turn, REPLICA_EFFECT_EVENT)->event = event;
}

void message_send(struct replica *replica, const struct turn *turn, struct message *message)
{
    message->boot_id = replica->boot_id;
    if (message->kind != MESSAGE_STATE && message->kind != MESSAGE_DECISION) {
        message->format = replica->session.format;
    }
    if (message->kind == MESSAGE_STATE || message->kind == MESSAGE_DECISION) {
        message->ring = replica->ring;
        message->epoch = replica->promised;
    } else {
        message->ring = replica->session.id;
        message->epoch = replica->session.epoch;
        replica->session.own_sent++;
        if (message->kind == MESSAGE_ACK) {
            extent_ack_sent(&replica->extent);
        }
    }
    struct replica_effect *effect = effect_add(turn, REPLICA_EFFECT_MULTICAST);
    message_format(message, turn->arena, &effect->bytes, &effect->size_bytes);
}

void message_ignored(const struct turn *turn, uint32_t sender, size_t size_bytes,
                     const char *reason)
{
    struct event *event = event_new(turn->arena, EVENT_LEVEL_WARNING, "store-message-ignored");
    event_int(event, "node_id", sender);
    event_int(event, "size", (int64_t)size_bytes);
    event_text(turn->arena, event, "reason", reason);
    effect_add_event(turn, event);
}

void dirty_note(struct replica *replica, const char *key)
{
    if (replica->dirty_all) {
        return;
    }
    map_put(&replica->dirty, key, NULL);
    if (replica->dirty.count > replica->logs[STREAM_DURABLE].delivered.rows.count + DIRTY_MAX) {
        map_clear(&replica->dirty);
        replica->dirty_all = true;
    }
}

static void batch_done(struct batch *batch)
{
    for (size_t i = 0; i < batch->changes_count; i++) {
        free(batch->changes[i].key);
        table_row_free(batch->changes[i].row);
    }
    free(batch->changes);
}

static struct batch *batch_add(struct replica *replica, enum batch_kind kind)
{
    if (replica->batches_count == replica->batches_capacity) {
        replica->batches_capacity = 2 * replica->batches_capacity + 4;
        replica->batches =
            alloc_resize(replica->batches, replica->batches_capacity * sizeof(*replica->batches));
    }
    struct batch *batch = &replica->batches[replica->batches_count++];
    *batch = (struct batch){
        .number = ++replica->batch_number,
        .kind = kind,
        .session = replica->session.id,
        .last_version = replica->logs[STREAM_DURABLE].last_version,
    };
    return batch;
}

static void batch_add_change(struct batch *batch, const char *key, struct table_row *row)
{
    struct log_change *change = &batch->changes[batch->changes_count++];
    *change = (struct log_change){.key = alloc_strdup(key), .row = row};
    batch->size_bytes += strlen(key) + (row != NULL ? row->size_bytes : 0);
}

// The rows are shared with the batch, which lives until it is persisted.
static void batch_fill(struct replica *replica, const struct turn *turn, struct batch *batch,
                       const struct map *keys)
{
    const struct table *delivered = &replica->logs[STREAM_DURABLE].delivered;
    batch->changes = alloc_zero((keys->count + 1) * sizeof(*batch->changes));
    map_each (entry, keys) {
        struct table_row *row = table_find(delivered, entry->key);
        batch_add_change(batch, entry->key, row != NULL ? table_row_share(row) : NULL);
    }
    const char *extent = extent_format(&replica->extent, turn->arena);
    if (extent != NULL) {
        batch_add_change(
            batch, REPLICA_KEY_EXTENT,
            table_row_new(REPLICA_KEY_EXTENT, extent, strlen(extent), batch->last_version));
    }
    replica->batches_bytes += batch->size_bytes;
}

void batch_write(struct replica *replica, const struct turn *turn, enum batch_kind kind)
{
    struct batch *batch = batch_add(replica, kind);
    batch_fill(replica, turn, batch,
               replica->dirty_all ? &replica->logs[STREAM_DURABLE].delivered.rows
                                  : &replica->dirty);
    struct replica_row *rows =
        arena_array_of(turn->arena, struct replica_row, batch->changes_count);
    for (size_t i = 0; i < batch->changes_count; i++) {
        const struct table_row *row = batch->changes[i].row;
        rows[i] = (struct replica_row){
            .key = batch->changes[i].key,
            .value = row != NULL ? row->value : NULL,
            .size_bytes = row != NULL ? row->size_bytes : 0,
            .version = row != NULL ? row->version : batch->last_version,
        };
    }
    struct replica_effect *effect = effect_add(turn, REPLICA_EFFECT_PERSIST);
    effect->batch = batch->number;
    effect->replace_all = replica->dirty_all;
    effect->epoch = replica->promised;
    effect->last_version = batch->last_version;
    effect->rows = rows;
    effect->rows_count = batch->changes_count;
    map_clear(&replica->dirty);
    replica->dirty_all = false;
}

void acks_send(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    if (session->phase != SESSION_SERVING) {
        return;
    }
    // A durable change counts only when it is on this disk (INV-7), a volatile one when it is in
    // this memory.
    uint64_t acks[STREAM_MAX] = {
        [STREAM_DURABLE] = session->persisted_version,
        [STREAM_VOLATILE] = replica->logs[STREAM_VOLATILE].last_version,
    };
    if (planted_is(PLANTED_ACK_BEFORE_PERSIST)) {
        acks[STREAM_DURABLE] = replica->logs[STREAM_DURABLE].last_version;
    }
    if (memcmp(acks, session->acked, sizeof(acks)) == 0) {
        return;
    }
    memcpy(session->acked, acks, sizeof(acks));
    struct message message = {.kind = MESSAGE_ACK};
    memcpy(message.acks, acks, sizeof(acks));
    message_send(replica, turn, &message);
}

// --- life ----------------------------------------------------------------------------------------

struct replica *replica_new(uint32_t self, uint64_t boot_id, int64_t lease_ms)
{
    struct replica *replica = alloc_zero(sizeof(*replica));
    replica->self = self;
    replica->boot_id = boot_id;
    replica->lease_ms = lease_ms;
    replica->stall_ms = STALL_MS_MIN;
    replica->formats = (struct message_formats){MESSAGE_FORMAT_LOWEST, MESSAGE_FORMAT_HIGHEST};
    for (size_t i = 0; i < STREAM_MAX; i++) {
        log_init(&replica->logs[i]);
    }
    map_init(&replica->dirty, NULL);
    return replica;
}

void replica_free(struct replica *replica)
{
    if (replica == NULL) {
        return;
    }
    synchronisation_done(replica);
    requests_done(replica);
    for (size_t i = 0; i < STREAM_MAX; i++) {
        log_done(&replica->logs[i]);
    }
    map_done(&replica->dirty);
    for (size_t i = 0; i < replica->batches_count; i++) {
        batch_done(&replica->batches[i]);
    }
    free(replica->batches);
    free(replica);
}

void replica_speak(struct replica *replica, uint8_t lowest_format, uint8_t highest_format)
{
    assert(!replica->configured);
    assert(lowest_format > 0 && lowest_format <= highest_format);
    replica->formats = (struct message_formats){lowest_format, highest_format};
}

static int rows_compare(const void *a, const void *b)
{
    const struct replica_row *const *left = a;
    const struct replica_row *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

void replica_load(struct replica *replica, uint64_t epoch, uint64_t last_version,
                  const struct replica_row *rows, size_t rows_count)
{
    struct log *log = &replica->logs[STREAM_DURABLE];
    assert(!replica->configured);
    assert(log->delivered.rows.count == 0);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct replica_row **sorted =
        arena_array_of(arena, const struct replica_row *, rows_count);
    for (size_t i = 0; i < rows_count; i++) {
        sorted[i] = &rows[i];
    }
    if (rows_count > 0) {
        qsort(sorted, rows_count, sizeof(*sorted), rows_compare);
    }
    for (size_t i = 0; i < rows_count; i++) {
        const struct replica_row *row = sorted[i];
        if (strcmp(row->key, REPLICA_KEY_EXTENT) == 0) {
            extent_load(&replica->extent, arena, row->value != NULL ? row->value : "");
        } else if (row->value != NULL) {
            table_put(&log->delivered, row->key,
                      table_row_new(row->key, row->value, row->size_bytes, row->version));
        }
    }
    table_copy(&log->committed, &log->delivered);
    log->last_version = last_version;
    uint64_t adopted = last_version >> REPLICA_EPOCH_SHIFT;
    replica->promised = epoch > adopted ? epoch : adopted;
    replica->version = last_version;
    replica->horizon = last_version;
    struct message_position position = log_position(log);
    recent_reset(&log->recent, &position);
    const struct table_row *chronicle = table_find(&log->delivered, REPLICA_KEY_CHRONICLE);
    chronicle_parse(&replica->chronicle, arena, chronicle != NULL ? chronicle->value : NULL);
}

// --- inputs --------------------------------------------------------------------------------------

// INV-3: what was sent in another configuration, epoch or life of its sender has no effect, however
// late it comes.
static bool message_is_of_session(const struct replica *replica, const struct member *member,
                                  const struct message *message)
{
    const struct session *session = &replica->session;
    return session->phase >= SESSION_JOINED && message->ring == session->id &&
           message->epoch == session->epoch && message->format == session->format &&
           member->participates && member->boot_id == message->boot_id;
}

static void backlog_add(struct replica *replica, const struct turn *turn, uint32_t sender,
                        const void *bytes, size_t size_bytes)
{
    struct session *session = &replica->session;
    if (session->abandoned) {
        return;
    }
    if (session->backlog_bytes + size_bytes > BACKLOG_MAX_BYTES) {
        synchronisation_restart(replica, turn);
        return;
    }
    if (session->backlog_count == session->backlog_capacity) {
        session->backlog_capacity = 2 * session->backlog_capacity + 16;
        session->backlog =
            alloc_resize(session->backlog, session->backlog_capacity * sizeof(*session->backlog));
    }
    session->backlog[session->backlog_count++] = (struct backlog_message){
        .sender = sender,
        .bytes = alloc_memdup(bytes, size_bytes),
        .size_bytes = size_bytes,
    };
    session->backlog_bytes += size_bytes;
}

// By these a history is made. They come in one order, which a member may also go through later.
static bool message_can_wait(const struct message *message)
{
    return message->kind == MESSAGE_MUTATION || message->kind == MESSAGE_ACK;
}

static void session_deliver(struct replica *replica, const struct turn *turn, uint32_t sender,
                            struct member *member, const struct message *message)
{
    if (message_can_wait(message)) {
        extent_add(&replica->extent, sender);
    }
    switch (message->kind) {
    case MESSAGE_PROMISE:
        promise_deliver(replica, turn, member);
        break;
    case MESSAGE_READY:
        ready_deliver(replica, turn, member);
        break;
    case MESSAGE_SNAPSHOT:
        transfer_deliver(replica, turn, member, &message->part);
        break;
    case MESSAGE_MUTATION:
        mutation_deliver(replica, turn, sender, member, &message->part);
        break;
    case MESSAGE_ACK:
        ack_deliver(replica, turn, member, message->acks);
        break;
    case MESSAGE_STATE:
    case MESSAGE_DECISION:
    case MESSAGE_KIND_MAX:
        break;
    }
}

// What others have done in this epoch while this member was still receiving its history.
static void backlog_deliver(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    for (size_t i = 0; i < session->backlog_count; i++) {
        const struct backlog_message *waiting = &session->backlog[i];
        struct message message;
        int rc = message_parse(waiting->bytes, waiting->size_bytes, &replica->formats, turn->arena,
                               &message);
        assert(rc == 0); // it was parsed before
        struct member *member = member_find(replica, waiting->sender);
        session_deliver(replica, turn, waiting->sender, member, &message);
    }
    for (size_t i = 0; i < session->backlog_count; i++) {
        free(session->backlog[i].bytes);
    }
    session->backlog_count = 0;
    session->backlog_bytes = 0;
}

void backlog_try(struct replica *replica, const struct turn *turn)
{
    if (replica->session.phase == SESSION_SERVING && replica->session.backlog_count > 0) {
        backlog_deliver(replica, turn);
    }
}

// Of another version of the program. Who sends that has told its formats in its state; only a
// decision says something here: that the others go on without this member.
static void message_refuse(struct replica *replica, const struct turn *turn, uint32_t sender,
                           const void *bytes, size_t size_bytes)
{
    struct message header;
    if (message_parse_header(bytes, size_bytes, &header) < 0) {
        message_ignored(turn, sender, size_bytes, "malformed");
    } else if (header.kind == MESSAGE_DECISION) {
        decision_refuse(replica, turn, &header, sender);
    }
}

void replica_deliver(struct replica *replica, int64_t now_ms, uint32_t sender, const void *bytes,
                     size_t size_bytes, struct arena *arena, struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    struct message message;
    exclusive_wake(replica, now_ms);
    int rc = message_parse(bytes, size_bytes, &replica->formats, arena, &message);
    struct member *member = member_find(replica, sender);
    if (rc == -EBADMSG) {
        message_ignored(&turn, sender, size_bytes, "malformed");
        return;
    }
    if (member == NULL) {
        return;
    }
    if (rc < 0) {
        message_refuse(replica, &turn, sender, bytes, size_bytes);
        return;
    }
    if (message.kind == MESSAGE_ACK && sender == replica->self &&
        message.boot_id == replica->boot_id && message.ring == replica->extent.now.session) {
        extent_ack_returned(&replica->extent); // also one of a session that was left
    }
    if (message.kind == MESSAGE_STATE) {
        state_deliver(replica, &turn, sender, &message);
    } else if (message.kind == MESSAGE_DECISION) {
        decision_deliver(replica, &turn, &message, bytes, size_bytes);
    } else if (message_is_of_session(replica, member, &message)) {
        if (replica->session.phase < SESSION_SERVING && message_can_wait(&message)) {
            backlog_add(replica, &turn, sender, bytes, size_bytes);
        } else {
            replica->session.progress_ms = now_ms;
            session_deliver(replica, &turn, sender, member, &message);
        }
        if (sender == replica->self) {
            exclusive_heard_self(replica);
        }
    }
    backlog_try(replica, &turn);
}

static void batch_persisted(struct replica *replica, const struct turn *turn,
                            const struct batch *batch)
{
    struct session *session = &replica->session;
    if (session->phase < SESSION_JOINED || batch->session != session->id) {
        return; // of an epoch that was left; nobody waits for it
    }
    struct message message = {.kind = MESSAGE_PROMISE};
    switch (batch->kind) {
    case BATCH_PROMISE:
        message_send(replica, turn, &message);
        break;
    case BATCH_ADOPTION:
        session->persisted_version = batch->last_version;
        message.kind = MESSAGE_READY;
        message_send(replica, turn, &message);
        break;
    case BATCH_ENTRIES:
        session->persisted_version = batch->last_version;
        break;
    }
}

void replica_persisted(struct replica *replica, int64_t now_ms, uint64_t batch, struct arena *arena,
                       struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    exclusive_wake(replica, now_ms);
    size_t done = 0;
    while (done < replica->batches_count && replica->batches[done].number <= batch) {
        batch_persisted(replica, &turn, &replica->batches[done]);
        replica->batches_bytes -= replica->batches[done].size_bytes;
        batch_done(&replica->batches[done]);
        done++;
    }
    replica->batches_count -= done;
    memmove(replica->batches, replica->batches + done,
            replica->batches_count * sizeof(*replica->batches));
    acks_send(replica, &turn);
}

void replica_flush(struct replica *replica, int64_t now_ms, struct arena *arena,
                   struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    exclusive_wake(replica, now_ms);
    acks_send(replica, &turn); // before the batch: leases never wait for a disk
    bool is_dirty = replica->dirty.count > 0 || replica->dirty_all || replica->extent.is_dirty;
    if (is_dirty && replica->batches_count < BATCHES_MAX &&
        replica->batches_bytes < BATCHES_MAX_BYTES) {
        batch_write(replica, &turn, BATCH_ENTRIES);
    }
}

void replica_tick(struct replica *replica, int64_t now_ms, struct arena *arena,
                  struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    exclusive_wake(replica, now_ms);
    synchronisation_tick(replica, &turn);
    exclusive_tick(replica, &turn);
    requests_tick(replica, &turn);
}
