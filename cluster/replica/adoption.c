// SPDX-License-Identifier: Apache-2.0
// Putting another history in the place of one's own: what is lost by it is told, what may have been
// confirmed is set aside before, and only what differs is written to the disk.
#include <assert.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/arena.h"
#include "common/model/event.h"

enum {
    DISCARDED_TOLD_MAX = 20, // keys an event names
    ASIDE_RETRY_MS = 5000,
};

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

static bool is_own_key(const char *key)
{
    return strcmp(key, REPLICA_KEY_CHRONICLE) == 0;
}

// The epoch of the last change that is not the store's own.
static uint64_t epoch_written(const struct table *table)
{
    uint64_t epoch = 0;
    map_each (entry, &table->rows) {
        const struct table_row *row = entry->value;
        uint64_t written = row->version >> REPLICA_EPOCH_SHIFT;
        epoch = !is_own_key(entry->key) && written > epoch ? written : epoch;
    }
    return epoch;
}

// What may be missing in another history that goes as far or further, of the last epoch written
// here: rows that are not there and were not written over in a later epoch, and rows that are there
// and were deleted here. More is found than is lost: what was deleted there later.
static void uncertain_collect(const struct replica *replica, const struct table *theirs,
                              struct discarded *ret)
{
    const struct log *log = &replica->logs[STREAM_DURABLE];
    uint64_t epoch = epoch_written(&log->delivered);
    map_each (entry, &log->delivered.rows) {
        const struct table_row *ours = entry->value;
        const struct table_row *row = table_find(theirs, entry->key);
        bool is_kept = row != NULL &&
                       (row->digest == ours->digest || row->version >> REPLICA_EPOCH_SHIFT > epoch);
        if (ours->version >> REPLICA_EPOCH_SHIFT == epoch && !is_own_key(entry->key) && !is_kept) {
            discarded_add(ret, entry->key);
        }
    }
    map_each (entry, &theirs->rows) {
        const struct table_row *row = entry->value;
        if (table_find(&log->delivered, entry->key) == NULL && row->version <= log->last_version) {
            discarded_add(ret, entry->key);
        }
    }
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
        if (!is_equal && !is_own_key(entry->key) &&
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

static void table_chronicle(const struct table *table, struct arena *arena, struct chronicle *ret)
{
    const struct table_row *row = table_find(table, REPLICA_KEY_CHRONICLE);
    chronicle_parse(ret, arena, row != NULL ? row->value : NULL);
}

// From where to where, with the sessions, so that both sides' logs can be laid side by side.
static void ends_tell(const struct replica *replica, struct arena *arena, struct event *event,
                      const struct chronicle *theirs)
{
    const struct message_decision *decision = &replica->session.decision;
    const struct chronicle_epoch ours = chronicle_last(&replica->chronicle);
    const struct chronicle_epoch adopted = chronicle_last(theirs);
    event_int(event, "from_node_id", decision->donors[STREAM_DURABLE]);
    event_int(event, "version", (int64_t)replica->logs[STREAM_DURABLE].last_version);
    event_text(arena, event, "session",
               arena_printf(arena, "%016llx", (unsigned long long)ours.session));
    event_int(event, "adopted_version", (int64_t)decision->streams[STREAM_DURABLE].version);
    event_text(arena, event, "adopted_session",
               arena_printf(arena, "%016llx", (unsigned long long)adopted.session));
}

static void resync_tell(const struct replica *replica, const struct turn *turn,
                        const struct table *theirs, const struct chronicle *their_chronicle)
{
    uint64_t their_version = replica->session.decision.streams[STREAM_DURABLE].version;
    struct discarded discarded = {0};
    discarded_collect(replica, theirs, their_chronicle, their_version, &discarded);
    struct event *event =
        event_new(turn->arena, discarded.count > 0 ? EVENT_LEVEL_WARNING : EVENT_LEVEL_NOTICE,
                  "store-resync");
    ends_tell(replica, turn->arena, event, their_chronicle);
    event_int(event, "discarded", (int64_t)discarded.count);
    event_text(turn->arena, event, "keys", discarded.count > 0 ? discarded.keys.text : NULL);
    effect_add_event(turn, event);
    strbuf_done(&discarded.keys);
}

// --- setting aside -------------------------------------------------------------------------------

static void aside_ask(struct replica *replica, const struct turn *turn,
                      const struct chronicle *theirs, const struct discarded *discarded)
{
    const struct log *log = &replica->logs[STREAM_DURABLE];
    struct event *event = event_new(turn->arena, EVENT_LEVEL_ERROR, "store-set-aside");
    ends_tell(replica, turn->arena, event, theirs);
    event_int(event, "discarded", (int64_t)discarded->count);
    event_text(turn->arena, event, "keys", discarded->count > 0 ? discarded->keys.text : NULL);
    event_text(turn->arena, event, "reason",
               "the cluster went on without what may have been confirmed here: the quorum was "
               "forced, or a disk was lost");
    struct replica_row *rows =
        arena_array_of(turn->arena, struct replica_row, log->delivered.rows.count);
    struct replica_effect *effect = effect_add(turn, REPLICA_EFFECT_SET_ASIDE);
    effect->aside = event;
    effect->epoch = replica->promised;
    effect->last_version = log->last_version;
    effect->rows = rows;
    map_each (entry, &log->delivered.rows) {
        const struct table_row *row = entry->value;
        rows[effect->rows_count++] = (struct replica_row){
            .key = entry->key,
            .value = row->value,
            .size_bytes = row->size_bytes,
            .version = row->version,
        };
    }
}

// Whether something that may have been confirmed is to be given up, and what.
static bool adoption_loses(const struct replica *replica, const struct chronicle *theirs,
                           struct discarded *ret)
{
    const struct session *session = &replica->session;
    const struct receiving *receiving = &session->receiving[STREAM_DURABLE];
    uint64_t their_version = session->decision.streams[STREAM_DURABLE].version;
    enum chronicle_loss loss = chronicle_compare(
        &replica->chronicle, replica->logs[STREAM_DURABLE].last_version, theirs, their_version);
    if (loss == CHRONICLE_LOSS_CONFIRMED) {
        discarded_collect(replica, &receiving->table, theirs, their_version, ret);
        return true;
    }
    bool is_uncertain = loss == CHRONICLE_LOSS_UNKNOWN || session->decision.unsure;
    if (is_uncertain && !receiving->is_continuation) {
        uncertain_collect(replica, &receiving->table, ret);
    }
    return ret->count > 0;
}

bool adoption_waits(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    if (session->aside_done || !session->receiving[STREAM_DURABLE].needed) {
        return false;
    }
    if (session->aside_asked || turn->now_ms < session->aside_retry_ms) {
        return true;
    }
    struct chronicle theirs;
    table_chronicle(&session->receiving[STREAM_DURABLE].table, turn->arena, &theirs);
    struct discarded discarded = {0};
    session->aside_asked = adoption_loses(replica, &theirs, &discarded);
    if (session->aside_asked) {
        aside_ask(replica, turn, &theirs, &discarded);
    }
    strbuf_done(&discarded.keys);
    return session->aside_asked;
}

void replica_was_set_aside(struct replica *replica, int64_t now_ms, bool is_kept,
                           struct arena *arena, struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    struct session *session = &replica->session;
    if (!session->aside_asked) {
        return; // of a session that was left
    }
    session->aside_asked = false;
    session->aside_done = is_kept;
    session->aside_retry_ms = now_ms + ASIDE_RETRY_MS;
    session->progress_ms = now_ms;
    if (is_kept) {
        adoption_try(replica, &turn);
        backlog_try(replica, &turn);
    }
}

// --- taking over ---------------------------------------------------------------------------------

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

// What is on the disk are the rows as delivered: only what differs needs to be written.
static void difference_note(struct replica *replica, const struct table *before,
                            const struct table *after)
{
    map_each (entry, &before->rows) {
        if (table_find(after, entry->key) == NULL) {
            dirty_note(replica, entry->key);
        }
    }
    map_each (entry, &after->rows) {
        const struct table_row *row = entry->value;
        const struct table_row *ours = table_find(before, entry->key);
        if (ours == NULL || ours->digest != row->digest) {
            dirty_note(replica, entry->key);
        }
    }
}

void adoption_take(struct replica *replica, const struct turn *turn, enum replica_stream stream)
{
    struct receiving *receiving = &replica->session.receiving[stream];
    struct log *log = &replica->logs[stream];
    assert(receiving->complete);
    if (stream == STREAM_DURABLE) {
        struct chronicle chronicle;
        table_chronicle(&receiving->table, turn->arena, &chronicle);
        resync_tell(replica, turn, &receiving->table, &chronicle);
        replica->chronicle = chronicle;
        difference_note(replica, &log->delivered, &receiving->table);
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
    struct message_position position = log_position(log);
    recent_reset(&log->recent, &position);
    requests_lose_delivered(replica, turn, stream);
}
