// SPDX-License-Identifier: Apache-2.0
// What becomes of a mutation: put together from its parts, accepted or refused on delivery by what
// was delivered before it, persisted and acknowledged, and committed once members with enough votes
// have acknowledged it.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/mutation.h"
#include "cluster/replica/replica_internal.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/port/store.h"

enum {
    GRAVES_MAX = 8192, // deleted keys that are remembered for readers
    ENTRY_BYTES = 128, // what an entry or a change takes beside its texts, about
    LEASE_ENTRIES_MAX = 65536,
};

static const uint64_t COUNTER_MASK = (UINT64_C(1) << REPLICA_EPOCH_SHIFT) - 1;

void log_init(struct log *log)
{
    *log = (struct log){0};
    table_init(&log->delivered);
    table_init(&log->committed);
    leases_init(&log->delivered_leases);
    leases_init(&log->committed_leases);
    map_init(&log->graves, table_row_free);
}

static void entry_done(struct log_entry *entry)
{
    for (size_t i = 0; i < entry->changes_count; i++) {
        free(entry->changes[i].key);
        table_row_free(entry->changes[i].row);
    }
    free(entry->changes);
    free(entry->lease);
    alloc_freep(&entry->record.owner);
}

void log_forget_entries(struct log *log)
{
    for (size_t i = 0; i < log->entries_count; i++) {
        entry_done(&log->entries[i]);
    }
    log->entries_count = 0;
    log->entries_bytes = 0;
}

void log_done(struct log *log)
{
    log_forget_entries(log);
    free(log->entries);
    table_done(&log->delivered);
    table_done(&log->committed);
    leases_done(&log->delivered_leases);
    leases_done(&log->committed_leases);
    map_done(&log->graves);
    recent_done(&log->recent);
}

struct message_position log_position(const struct log *log)
{
    return (struct message_position){
        .version = log->last_version,
        .digest = log->delivered.digest + log->delivered_leases.digest,
    };
}

void log_move(struct log *log, uint64_t version)
{
    log->last_version = version;
    struct message_position position = log_position(log);
    recent_add(&log->recent, NULL, &position);
}

// --- delivering ----------------------------------------------------------------------------------

static struct log_entry *log_append(struct log *log, uint64_t version)
{
    assert(version > log->last_version); // versions only grow
    if (log->entries_count == log->entries_capacity) {
        log->entries_capacity = 2 * log->entries_capacity + 16;
        log->entries = alloc_resize(log->entries, log->entries_capacity * sizeof(*log->entries));
    }
    struct log_entry *entry = &log->entries[log->entries_count++];
    *entry = (struct log_entry){.version = version};
    log->last_version = version;
    return entry;
}

static void log_change(struct replica *replica, enum replica_stream stream,
                       struct log_change *change, const char *key, struct table_row *row)
{
    struct log *log = &replica->logs[stream];
    *change = (struct log_change){.key = alloc_strdup(key), .row = row};
    if (row != NULL) {
        table_put(&log->delivered, key, table_row_share(row));
    } else {
        table_remove(&log->delivered, key);
    }
    if (stream == STREAM_DURABLE) {
        dirty_note(replica, key);
    }
}

// The entry is complete.
static void log_close(struct log *log, struct log_entry *entry)
{
    entry->size_bytes = ENTRY_BYTES;
    for (size_t i = 0; i < entry->changes_count; i++) {
        const struct log_change *change = &entry->changes[i];
        entry->size_bytes +=
            ENTRY_BYTES + strlen(change->key) + (change->row != NULL ? change->row->size_bytes : 0);
    }
    log->entries_bytes += entry->size_bytes;
    struct message_position position = log_position(log);
    recent_add(&log->recent, entry, &position);
}

void log_write_own(struct replica *replica, const char *key, const char *value, uint64_t version)
{
    struct log_entry *entry = log_append(&replica->logs[STREAM_DURABLE], version);
    entry->changes = alloc_zero(sizeof(*entry->changes));
    entry->changes_count = 1;
    log_change(replica, STREAM_DURABLE, entry->changes, key,
               table_row_new(key, value, strlen(value), version));
    log_close(&replica->logs[STREAM_DURABLE], entry);
}

// What is accepted waits in memory until enough members have acknowledged it. Acknowledgements are
// ordered like all else, so that all members are at the limit at the same point.
static int room_decide(const struct replica *replica, const struct replica_request *request,
                       const char **ret_reason)
{
    const struct log *log = &replica->logs[mutation_stream(request)];
    bool is_full = request->kind == REPLICA_REQUEST_TXN
                       ? log->entries_bytes > REPLICA_UNCOMMITTED_MAX
                       : log->entries_count > LEASE_ENTRIES_MAX;
    if (is_full) {
        *ret_reason = "too much waits for the other members to acknowledge it";
        return request->kind == REPLICA_REQUEST_TXN ? -EAGAIN : -EBUSY;
    }
    return 0;
}

// Whether a transaction is accepted: by the lease that guards it and the versions it expects. Sets
// what the refusal follows from, so that it can be answered when that is committed.
static int txn_decide(const struct replica *replica, const struct replica_request *request,
                      enum replica_stream *ret_cause, const char **ret_reason)
{
    const struct log *log = &replica->logs[mutation_stream(request)];
    const struct leases *leases = &replica->logs[STREAM_VOLATILE].delivered_leases;
    if (request->lease != NULL && planted_is(PLANTED_TERM_UNCHECKED)) {
        return 0;
    }
    if (request->lease != NULL &&
        !leases_allow(leases, request->lease, request->owner, request->term)) {
        *ret_cause = STREAM_VOLATILE;
        *ret_reason = "the lease is not held with this term"; // INV-4
        return -EPERM;
    }
    *ret_cause = mutation_stream(request);
    size_t size_bytes = log->delivered.size_bytes;
    for (size_t i = 0; i < request->ops_count; i++) {
        const struct replica_op *op = &request->ops[i];
        const struct table_row *row = table_find(&log->delivered, op->key);
        uint64_t version = row != NULL ? row->version : STORE_ABSENT;
        if (op->expect != STORE_ANY && op->expect != version) {
            *ret_reason = "a key has been changed meanwhile";
            return -EAGAIN;
        }
        size_bytes += op->value != NULL ? strlen(op->key) + op->size_bytes + TABLE_ROW_BYTES : 0;
    }
    if (size_bytes > REPLICA_STORE_MAX) {
        *ret_reason = "the store is full";
        return -E2BIG;
    }
    return 0;
}

static void log_commit(struct replica *replica, const struct turn *turn, struct log *log,
                       uint64_t version);

// By key, and among equal ones as they stood.
static int ops_compare(const void *a, const void *b)
{
    const struct replica_op *left = *(const struct replica_op *const *)a;
    const struct replica_op *right = *(const struct replica_op *const *)b;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : (left > right) - (left < right);
}

// Ascending, since tables are sorted arrays: what is added at the end costs least. Of several
// writes of one key only the last one is a change: one version of a key has one value.
static const struct replica_op **ops_sort(const struct replica_request *request,
                                          struct arena *arena, size_t *ret_count)
{
    const struct replica_op **sorted =
        arena_array_of(arena, const struct replica_op *, request->ops_count);
    for (size_t i = 0; i < request->ops_count; i++) {
        sorted[i] = &request->ops[i];
    }
    qsort(sorted, request->ops_count, sizeof(*sorted), ops_compare);
    size_t count = 0;
    for (size_t i = 0; i < request->ops_count; i++) {
        bool is_last =
            i + 1 == request->ops_count || strcmp(sorted[i]->key, sorted[i + 1]->key) != 0;
        if (is_last) {
            sorted[count++] = sorted[i];
        }
    }
    *ret_count = count;
    return sorted;
}

static void txn_accept(struct replica *replica, const struct turn *turn,
                       const struct replica_request *request, struct log_entry *entry)
{
    size_t count;
    const struct replica_op **ops = ops_sort(request, turn->arena, &count);
    entry->changes = alloc_zero(count * sizeof(*entry->changes));
    entry->changes_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct replica_op *op = ops[i];
        struct table_row *row =
            op->value == NULL ? NULL
                              : table_row_new(op->key, op->value, op->size_bytes, entry->version);
        log_change(replica, mutation_stream(request), &entry->changes[i], op->key, row);
    }
}

static void lease_accept(struct replica *replica, const struct turn *turn, const char *name,
                         const struct lease_record *record, struct log_entry *entry)
{
    struct lease_record heard = *record;
    heard.heard_ms = turn->now_ms;
    leases_put(&replica->logs[STREAM_VOLATILE].delivered_leases, name, &heard);
    entry->lease = alloc_strdup(name);
    entry->record = heard;
    entry->record.owner = heard.owner != NULL ? alloc_strdup(heard.owner) : NULL;
}

static void mutation_apply(struct replica *replica, const struct turn *turn,
                           const struct replica_request *request, uint64_t sequence)
{
    struct session *session = &replica->session;
    enum replica_stream stream = mutation_stream(request);
    enum replica_stream cause = STREAM_VOLATILE;
    const char *reason = NULL;
    struct lease_record record;
    assert(session->counter < COUNTER_MASK);
    uint64_t version = (session->epoch << REPLICA_EPOCH_SHIFT) | (session->counter + 1);
    int rc = room_decide(replica, request, &reason);
    if (rc < 0) {
        request_refused_now(replica, turn, sequence, rc, reason);
        return;
    }
    rc = request->kind == REPLICA_REQUEST_TXN
             ? txn_decide(replica, request, &cause, &reason)
             : leases_decide(&replica->logs[STREAM_VOLATILE].delivered_leases, request, version,
                             &record, &reason);
    if (rc < 0) {
        request_refused(replica, sequence, rc, reason, cause);
        return;
    }
    session->counter++;
    struct log_entry *entry = log_append(&replica->logs[stream], version);
    entry->sequence = sequence;
    if (request->kind == REPLICA_REQUEST_TXN) {
        txn_accept(replica, turn, request, entry);
    } else {
        lease_accept(replica, turn, request->lease, &record, entry);
    }
    log_close(&replica->logs[stream], entry);
    request_accepted(replica, sequence);
}

// Adds a part; true when the mutation is complete.
static bool assembly_add(struct assembly *assembly, const struct message_part *part)
{
    if (part->part == 0) {
        strbuf_clear(&assembly->bytes);
        assembly->sequence = part->sequence;
        assembly->next_part = 0;
    }
    // Members send their parts in order. One whose beginning belongs to an earlier session is not
    // completed by anyone.
    if (part->sequence != assembly->sequence || part->part != assembly->next_part ||
        assembly->bytes.size_bytes > 2 * (size_t)REPLICA_TXN_MAX) {
        assembly->next_part = 0;
        assembly->sequence = 0;
        return false;
    }
    strbuf_append_bytes(&assembly->bytes, part->bytes, part->size_bytes);
    assembly->next_part++;
    return assembly->next_part == part->parts;
}

static void mutation_take(struct replica *replica, const struct turn *turn, uint32_t sender,
                          uint64_t sequence, const void *bytes, size_t size_bytes)
{
    struct replica_request request;
    int rc = mutation_parse(bytes, size_bytes, turn->arena, &request);
    if (rc < 0) {
        message_ignored(turn, sender, size_bytes, "malformed mutation");
        return;
    }
    mutation_apply(replica, turn, &request, sender == replica->self ? sequence : 0);
    requests_answer_refused(replica, turn);
}

void mutation_deliver(struct replica *replica, const struct turn *turn, uint32_t sender,
                      struct member *member, const struct message_part *part)
{
    struct assembly *assembly = &member->assembly;
    if (sender == replica->self) {
        request_part_delivered(replica, part->size_bytes);
    }
    if (part->parts == 1) {
        // Leases overtake what travels in parts.
        mutation_take(replica, turn, sender, part->sequence, part->bytes, part->size_bytes);
    } else if (assembly_add(assembly, part)) {
        mutation_take(replica, turn, sender, part->sequence, strbuf_text(&assembly->bytes),
                      assembly->bytes.size_bytes);
        strbuf_done(&assembly->bytes);
        *assembly = (struct assembly){0};
    }
    if (sender == replica->self) {
        requests_send(replica, turn);
    }
    if (sender == replica->self && planted_is(PLANTED_RENEWAL_ALONE)) {
        log_commit(replica, turn, &replica->logs[STREAM_VOLATILE], UINT64_MAX);
    }
    if (sender == replica->self && planted_is(PLANTED_COMMIT_ALONE)) {
        log_commit(replica, turn, &replica->logs[STREAM_DURABLE], UINT64_MAX);
    }
}

// --- committing ----------------------------------------------------------------------------------

static void graves_limit(struct replica *replica, struct log *log)
{
    if (log->graves.count > GRAVES_MAX) {
        map_clear(&log->graves);
        replica->horizon = log->last_version; // readers will have to read all
    }
}

static void change_commit(struct log *log, const char *key, struct table_row *row, uint64_t version)
{
    if (row != NULL) {
        table_put(&log->committed, key, table_row_share(row));
        (void)map_remove(&log->graves, key); // if it was there
    } else if (table_find(&log->committed, key) != NULL) {
        table_remove(&log->committed, key);
        map_put(&log->graves, key, table_row_new(key, "", 0, version));
    }
}

struct notice {
    struct replica_row *rows;
    size_t count;
};

static void notice_add(const struct turn *turn, struct notice *notice, const char *key,
                       const struct table_row *row, uint64_t version)
{
    struct replica_row *copy = &notice->rows[notice->count++];
    *copy = (struct replica_row){.key = arena_strdup(turn->arena, key), .version = version};
    if (row != NULL) {
        copy->value = arena_memdup(turn->arena, row->value, row->size_bytes);
        copy->size_bytes = row->size_bytes;
    }
}

static void notice_send(const struct turn *turn, const struct notice *notice)
{
    if (notice->count > 0) {
        struct replica_effect *effect = effect_add(turn, REPLICA_EFFECT_NOTIFY);
        effect->rows = notice->rows;
        effect->rows_count = notice->count;
    }
}

static size_t entries_up_to(const struct log *log, uint64_t version)
{
    size_t count = 0;
    while (count < log->entries_count && log->entries[count].version <= version) {
        count++;
    }
    return count;
}

static void entry_commit(struct log *log, const struct turn *turn, const struct log_entry *entry,
                         struct notice *notice)
{
    for (size_t i = 0; i < entry->changes_count; i++) {
        const struct log_change *change = &entry->changes[i];
        change_commit(log, change->key, change->row, entry->version);
        notice_add(turn, notice, change->key, change->row, entry->version);
    }
    if (entry->lease != NULL) {
        leases_put(&log->committed_leases, entry->lease, &entry->record);
    }
}

static void log_commit(struct replica *replica, const struct turn *turn, struct log *log,
                       uint64_t version)
{
    size_t count = entries_up_to(log, version);
    size_t changes = 0;
    for (size_t i = 0; i < count; i++) {
        changes += log->entries[i].changes_count;
    }
    struct notice notice = {.rows = arena_array_of(turn->arena, struct replica_row, changes)};
    for (size_t i = 0; i < count; i++) {
        entry_commit(log, turn, &log->entries[i], &notice);
    }
    notice_send(turn, &notice);
    for (size_t i = 0; i < count; i++) {
        struct log_entry *entry = &log->entries[i];
        if (entry->sequence != 0) {
            request_committed(replica, turn, entry->sequence, entry->version, entry->record.term);
        }
        log->entries_bytes -= entry->size_bytes;
        entry_done(entry);
    }
    log->entries_count -= count;
    if (log->entries_count > 0) {
        memmove(log->entries, log->entries + count, log->entries_count * sizeof(*log->entries));
    }
    graves_limit(replica, log);
}

// Another history becomes visible: readers are told the difference.
static void log_commit_replaced(struct replica *replica, const struct turn *turn, struct log *log,
                                uint64_t version)
{
    size_t most = log->committed.rows.count + log->delivered.rows.count;
    struct notice notice = {.rows = arena_array_of(turn->arena, struct replica_row, most)};
    map_each (entry, &log->committed.rows) {
        if (table_find(&log->delivered, entry->key) == NULL) {
            notice_add(turn, &notice, entry->key, NULL, version);
        }
    }
    map_each (entry, &log->delivered.rows) {
        const struct table_row *row = entry->value;
        const struct table_row *before = table_find(&log->committed, entry->key);
        if (before == NULL || before->digest != row->digest) {
            notice_add(turn, &notice, entry->key, row, row->version);
        }
    }
    table_copy(&log->committed, &log->delivered);
    leases_copy(&log->committed_leases, &log->delivered_leases);
    map_clear(&log->graves);
    log_forget_entries(log);
    log->replaced = false;
    replica->horizon = version;
    notice_send(turn, &notice);
}

static void version_update(struct replica *replica)
{
    uint64_t version = 0;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        const struct log *log = &replica->logs[i];
        version = log->last_version > version ? log->last_version : version;
    }
    for (size_t i = 0; i < STREAM_MAX; i++) {
        const struct log *log = &replica->logs[i];
        if (log->entries_count > 0 && log->entries[0].version <= version) {
            version = log->entries[0].version - 1;
        }
    }
    assert(version >= replica->version); // INV-7
    replica->version = version;
}

void log_commit_all(struct replica *replica, const struct turn *turn)
{
    uint64_t version = replica->session.epoch << REPLICA_EPOCH_SHIFT;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        struct log *log = &replica->logs[i];
        if (log->replaced) {
            log_commit_replaced(replica, turn, log, version);
        } else {
            log_commit(replica, turn, log, version);
        }
    }
    version_update(replica);
}

// The highest version that members with enough votes have acknowledged.
static uint64_t acks_agreed(const struct replica *replica, enum replica_stream stream)
{
    uint64_t agreed = 0;
    for (size_t i = 0; i < replica->members_count; i++) {
        uint64_t version = replica->members[i].acks[stream];
        uint32_t votes = 0;
        for (size_t n = 0; n < replica->members_count; n++) {
            const struct member *member = &replica->members[n];
            votes += member->acks[stream] >= version ? member->votes : 0;
        }
        if (votes >= replica->session.threshold_votes && version > agreed) {
            agreed = version;
        }
    }
    return agreed;
}

void ack_deliver(struct replica *replica, const struct turn *turn, struct member *member,
                 const uint64_t *acks)
{
    for (size_t i = 0; i < STREAM_MAX; i++) {
        struct log *log = &replica->logs[i];
        // Nobody can have what was not delivered here before its acknowledgement.
        if (acks[i] > member->acks[i] && acks[i] <= log->last_version) {
            member->acks[i] = acks[i];
            log_commit(replica, turn, log, acks_agreed(replica, (enum replica_stream)i));
        }
    }
    version_update(replica);
    requests_answer_refused(replica, turn);
}
