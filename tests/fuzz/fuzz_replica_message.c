// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message, and as what messages carry: reading, writing, reading is a fixed point.
// And any bytes delivered to a replica that serves: it never falls over what another one sends.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cluster/replica/leases.h"
#include "cluster/replica/message.h"
#include "cluster/replica/mutation.h"
#include "cluster/replica/recent.h"
#include "cluster/replica/replica.h"
#include "cluster/replica/table.h"
#include "cluster/replica/wire.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_message(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    struct message message;
    if (message_parse(data, size_bytes, NULL, arena, &message) < 0) {
        return;
    }
    const void *bytes;
    size_t bytes_size;
    message_format(&message, arena, &bytes, &bytes_size);
    assert(bytes_size == size_bytes);
    assert(memcmp(bytes, data, size_bytes) == 0);
}

static void fuzz_mutation(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    struct replica_request request;
    if (mutation_parse(data, size_bytes, arena, &request) < 0) {
        return;
    }
    struct strbuf bytes CLEANUP(strbuf_done) = {0};
    mutation_format(&request, &bytes);
    assert(bytes.size_bytes == size_bytes);
    assert(memcmp(bytes.text, data, size_bytes) == 0);
}

static void fuzz_history(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    struct table table;
    struct leases leases;
    struct strbuf bytes CLEANUP(strbuf_done) = {0};
    table_init(&table);
    leases_init(&leases);
    struct wire_reader reader = wire_reader_of(data, size_bytes);
    if (table_parse(&reader, arena, &table) == 0 && leases_parse(&reader, arena, &leases) == 0 &&
        wire_is_complete(&reader)) {
        table_format(&table, &bytes);
        leases_format(&leases, &bytes);
        assert(bytes.size_bytes == size_bytes);
        assert(memcmp(bytes.text, data, size_bytes) == 0);
    }
    table_done(&table);
    leases_done(&leases);
}

// Recent changes, applied to an empty history.
static void fuzz_recent(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    struct table table;
    struct leases leases;
    table_init(&table);
    leases_init(&leases);
    int r = recent_apply(data, size_bytes, 0, arena, &table, &leases);
    assert(r == 0 || r == -EBADMSG);
    table_done(&table);
    leases_done(&leases);
}

// A replica alone with its quorum, brought to serving by its own messages.
static struct replica *serving_replica(struct arena *arena)
{
    struct replica *replica = replica_new(1, 1, 1000);
    struct replica_effects effects = {0};
    const struct replica_member member = {.id = 1, .votes = 1};
    replica_configure(
        replica, 0,
        &(struct replica_configuration){
            .ring = 1, .members = &member, .count = 1, .quorate = true, .quorum_votes = 1},
        arena, &effects);
    for (size_t i = 0; i < effects.count; i++) {
        const struct replica_effect effect = effects.effects[i];
        if (effect.kind == REPLICA_EFFECT_MULTICAST) {
            replica_deliver(replica, 0, 1, effect.bytes, effect.size_bytes, arena, &effects);
        } else if (effect.kind == REPLICA_EFFECT_PERSIST) {
            replica_persisted(replica, 0, effect.batch, arena, &effects);
        }
    }
    assert(replica_mode(replica) == REPLICA_MODE_SERVING);
    return replica;
}

// The bytes as they are, and once more with the header of this session, so that they get further.
static void fuzz_delivery(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    struct replica *replica = serving_replica(arena);
    struct replica_effects effects = {0};
    replica_deliver(replica, 1, 1, data, size_bytes, arena, &effects);
    struct replica_op op = {.key = "a", .value = "b", .size_bytes = 1, .expect = UINT64_MAX};
    replica_request(
        replica, 1, 1,
        &(struct replica_request){.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1}, arena,
        &effects);
    enum { HEADER_BYTES = 32 };
    for (size_t i = 0; i < effects.count && size_bytes > HEADER_BYTES; i++) {
        const struct replica_effect *effect = &effects.effects[i];
        if (effect->kind == REPLICA_EFFECT_MULTICAST && effect->size_bytes > HEADER_BYTES) {
            uint8_t *forged = (uint8_t *)arena_memdup(arena, data, size_bytes);
            memcpy(forged + 8, (const uint8_t *)effect->bytes + 8, HEADER_BYTES - 8);
            struct replica_effects ignored = {0};
            replica_deliver(replica, 1, 1, forged, size_bytes, arena, &ignored);
            break;
        }
    }
    replica_flush(replica, 1, arena, &effects);
    replica_tick(replica, 100000, arena, &effects);
    replica_free(replica);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    fuzz_message(arena, data, size_bytes);
    fuzz_mutation(arena, data, size_bytes);
    fuzz_history(arena, data, size_bytes);
    fuzz_recent(arena, data, size_bytes);
    fuzz_delivery(arena, data, size_bytes);
    return 0;
}
