// SPDX-License-Identifier: Apache-2.0
// Keeping nodes with different times apart.
#include "cluster/profile_guard.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/engine.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"

enum { LOOK_MS = 1000 };

struct profile_guard {
    struct engine *engine;
    const char *profile;
    int64_t look_ms; // when to look next
    uint64_t write;  // the request under way; 0: none
    char *refusal;   // NULL: none
};

struct profile_guard *profile_guard_new(struct engine *engine, const char *profile)
{
    struct profile_guard *guard = alloc_zero(sizeof(*guard));
    guard->engine = engine;
    guard->profile = profile;
    return guard;
}

void profile_guard_free(struct profile_guard *guard)
{
    if (guard != NULL) {
        free(guard->refusal);
        free(guard);
    }
}

void profile_guard_request(struct profile_guard *guard)
{
    guard->look_ms = 0;
}

bool profile_guard_answered(struct profile_guard *guard, uint64_t request)
{
    if (request == 0 || request != guard->write) {
        return false;
    }
    guard->write = 0;
    guard->look_ms = 0;
    return true;
}

const char *profile_guard_refusal(const struct profile_guard *guard)
{
    return guard->refusal;
}

struct profile_value {
    const char *text; // NULL: absent
    uint64_t version;
};

static struct profile_value value_read(struct profile_guard *guard, struct arena *arena,
                                       const char *key)
{
    struct profile_value value = {.version = STORE_ABSENT};
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(guard->engine), key, 0, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0 && rows[i].value != NULL) {
            value.text = arena_memdup(arena, rows[i].value, rows[i].size_bytes);
            value.version = rows[i].version;
        }
    }
    return value;
}

static void value_write(struct profile_guard *guard, const char *key, uint64_t expect)
{
    struct replica_op op = {
        .key = key,
        .value = guard->profile,
        .size_bytes = strlen(guard->profile),
        .expect = expect,
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    guard->write = engine_reserve(guard->engine);
    engine_request(guard->engine, guard->write, &request);
}

static const char *node_key(struct arena *arena, const char *node)
{
    return arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_PROFILE, node);
}

// All nodes of the configuration are there and run with ours.
static bool all_agree(struct profile_guard *guard, struct arena *arena)
{
    struct engine_membership membership;
    engine_membership(guard->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        const struct engine_member *member = &membership.members[i];
        const char *theirs = value_read(guard, arena, node_key(arena, member->node->name)).text;
        if (!member->online || theirs == NULL || strcmp(theirs, guard->profile) != 0) {
            return false;
        }
    }
    return membership.quorate;
}

static void refusal_set(struct profile_guard *guard, const char *theirs)
{
    bool differs = theirs != NULL && strcmp(theirs, guard->profile) != 0;
    if (!differs) {
        free(guard->refusal);
        guard->refusal = NULL;
        return;
    }
    if (guard->refusal != NULL) {
        return; // told before
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    guard->refusal = alloc_strdup(
        arena_printf(arena,
                     "this node runs with timing profile '%s', the cluster with '%s': set the same "
                     "one in ha-manager.conf on all nodes and restart the daemons",
                     guard->profile, theirs));
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "profile-differs");
    event_text(arena, event, "profile", guard->profile);
    event_emit(engine_events(guard->engine), event_text(arena, event, "cluster_profile", theirs));
}

void profile_guard_turn(struct profile_guard *guard)
{
    int64_t now_ms = engine_now_ms(guard->engine);
    if (now_ms < guard->look_ms || guard->write != 0 || !engine_is_quorate(guard->engine)) {
        return;
    }
    guard->look_ms = now_ms + LOOK_MS;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *own_key = node_key(arena, engine_node(guard->engine));
    struct profile_value own = value_read(guard, arena, own_key);
    struct profile_value cluster = value_read(guard, arena, STORE_KEY_CLUSTER_PROFILE);
    refusal_set(guard, cluster.text);
    if (own.text == NULL || strcmp(own.text, guard->profile) != 0) {
        value_write(guard, own_key, STORE_ANY);
    } else if (engine_is_first(guard->engine) &&
               (cluster.text == NULL || (guard->refusal != NULL && all_agree(guard, arena)))) {
        value_write(guard, STORE_KEY_CLUSTER_PROFILE, cluster.version);
    }
}
