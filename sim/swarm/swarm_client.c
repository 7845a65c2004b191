// SPDX-License-Identifier: Apache-2.0
// A process that talks to ha-clusterd: the ports as common/host/client_*.c has them, with the
// production view and lease claims, and fibers that wait where those block.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/prng.h"
#include "common/model/timing.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_clusterd_internal.h"
#include "sim/swarm/swarm_fiber.h"

enum {
    CONNECT_US_MAX = 200 * 1000, // of a daemon, which looks every so often; others do at once
    CALL_US_MIN = 20,
    CALL_US_MAX = 300,
    WAKE_US_MAX = 100,
};

static int64_t now_us(const struct swarm_client *client)
{
    return swarm_queue_now_us(client->spec.queue);
}

static int64_t now_ms(const struct swarm_client *client)
{
    return swarm_clock_now_ms(client->spec.clock);
}

static int64_t soon_us(struct swarm_client *client, int64_t min_us, int64_t max_us)
{
    return now_us(client) + min_us +
           (int64_t)prng_below(client->spec.prng, (uint64_t)(max_us - min_us));
}

void swarm_client_announce(struct swarm_client *client)
{
    if (!swarm_timer_is_set(&client->announce)) {
        swarm_timer_set(&client->announce, soon_us(client, 0, WAKE_US_MAX));
    }
}

static void announce_due(void *userdata)
{
    struct swarm_client *client = userdata;
    client->spec.changed(client->spec.userdata);
}

bool swarm_client_is_ready(const struct swarm_client *client)
{
    return client->clusterd != NULL && client->is_loaded;
}

// ---- Calls.

struct swarm_call *swarm_call_new(enum swarm_call_kind kind)
{
    struct swarm_call *call = alloc_zero(sizeof(*call));
    call->kind = kind;
    call->arena = arena_new();
    return call;
}

void swarm_call_free(struct swarm_call *call)
{
    swarm_timer_stop(&call->timer);
    if (call->timeout.queue != NULL) {
        swarm_timer_stop(&call->timeout);
    }
    arena_free(call->arena);
    free(call);
}

void swarm_client_send(struct swarm_client *client, struct swarm_call *call)
{
    call->client = client;
    swarm_clusterd_take(client->clusterd, call);
}

// Nobody waits for it any more. It is done all the same, or its answer is dropped.
void swarm_call_forget(struct swarm_call *call)
{
    call->client = NULL;
    call->fiber = NULL;
    if (call->timeout.queue != NULL) {
        swarm_timer_stop(&call->timeout);
    }
    if (call->clusterd == NULL) {
        swarm_call_free(call);
    }
}

// ---- The view.

bool swarm_client_is_daemon(const struct swarm_client *client)
{
    return client->spec.prefixes != NULL && client->spec.prefixes[0] != NULL;
}

bool swarm_client_watches(const struct swarm_client *client, const char *key)
{
    for (size_t i = 0; client->spec.prefixes != NULL && client->spec.prefixes[i] != NULL; i++) {
        if (strncmp(key, client->spec.prefixes[i], strlen(client->spec.prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

struct store_entry swarm_client_entry(const struct replica_row *row)
{
    return (struct store_entry){
        .key = row->key,
        .value = row->value,
        .size_bytes = row->size_bytes,
        .version = row->version,
    };
}

void swarm_client_take_rows(struct swarm_client *client, const struct replica_row *rows,
                            size_t count)
{
    if (!client->is_loaded) {
        return;
    }
    struct arena *arena = client->clusterd->scratch;
    struct store_entry *entries = arena_array_of(arena, struct store_entry, count);
    size_t watched = 0;
    for (size_t i = 0; i < count; i++) {
        if (swarm_client_watches(client, rows[i].key)) {
            entries[watched++] = swarm_client_entry(&rows[i]);
        }
    }
    uint64_t version = replica_version(engine_replica(client->clusterd->engine));
    bool is_news =
        watched > 0 && client_cache_apply_entries(&client->cache, entries, watched, version);
    arena_clear(arena);
    // Within a call it is decided at the end whether this is news.
    if (is_news && !client->is_calling) {
        swarm_client_announce(client);
    }
}

static void membership_copy(struct swarm_client *client)
{
    struct engine_membership membership;
    struct arena *arena = client->members_arena;
    arena_clear(arena);
    engine_membership(client->clusterd->engine, arena, &membership);
    client->members = arena_array_of(arena, struct client_member, membership.count);
    client->members_count = membership.count;
    for (size_t i = 0; i < membership.count; i++) {
        const struct engine_member *member = &membership.members[i];
        client->members[i] = (struct client_member){
            .node = arena_strdup(arena, member->node->name),
            .is_online = member->online,
            .is_present = member->node->online,
        };
    }
    client->is_quorate = membership.quorate;
    client->is_forced = membership.forced;
    client->epoch = membership.epoch;
    client->is_known = true;
}

static void claims_wake(struct swarm_client *client, const char *name)
{
    map_each (e, &client->claims) {
        struct client_claim *claim = e->value;
        if (name == NULL || strcmp(name, e->key) == 0) {
            struct swarm_call *asked = claim->asked;
            if (asked != NULL && asked->clusterd == NULL && asked->is_busy) {
                asked->retry_in_ms = 0; // this word comes behind an answer that is under way
            }
            lease_claim_wake(&claim->claim, now_ms(client));
        }
    }
}

void swarm_client_take_membership(struct swarm_client *client)
{
    if (client->is_loaded) {
        membership_copy(client);
        claims_wake(client, NULL);
        swarm_client_announce(client);
    }
}

void swarm_client_take_lease(struct swarm_client *client, const char *name)
{
    claims_wake(client, name);
    swarm_client_announce(client);
}

// ---- Connecting.

static void hello_answered(struct swarm_client *client, struct swarm_call *hello)
{
    client->hello = NULL;
    swarm_call_free(hello);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica *replica = engine_replica(client->clusterd->engine);
    client_cache_load_begin(&client->cache);
    for (size_t i = 0; client->spec.prefixes != NULL && client->spec.prefixes[i] != NULL; i++) {
        const struct replica_row *rows;
        size_t count;
        replica_read(replica, client->spec.prefixes[i], 0, arena, &rows, &count);
        for (size_t k = 0; k < count; k++) {
            const struct store_entry entry = swarm_client_entry(&rows[k]);
            client_cache_load_entry(&client->cache, &entry);
        }
    }
    (void)client_cache_load_end(&client->cache, replica_version(replica)); // it is news anyway
    client->is_loaded = true;
    client->is_viewed = true;
    membership_copy(client);
    claims_wake(client, NULL);
    swarm_client_announce(client);
}

static void client_disconnected(struct swarm_client *client)
{
    client->is_loaded = false;
    client->is_known = false;
    map_each (e, &client->claims) {
        struct client_claim *claim = e->value;
        if (claim->asked != NULL) {
            swarm_call_forget(claim->asked);
            claim->asked = NULL;
        }
        lease_claim_disconnected(&claim->claim);
    }
    swarm_client_announce(client);
}

static void lost_due(void *userdata)
{
    client_disconnected(userdata);
}

// Behind what has been answered already.
void swarm_client_cut(struct swarm_client *client)
{
    int64_t at_us = soon_us(client, CALL_US_MIN, CALL_US_MAX);
    client->clusterd = NULL;
    if (client->hello != NULL) {
        swarm_call_forget(client->hello);
        client->hello = NULL;
    }
    map_each (e, &client->claims) {
        struct client_claim *claim = e->value;
        if (claim->asked != NULL && claim->asked->clusterd != NULL) {
            swarm_call_forget(claim->asked); // it will not be answered
            claim->asked = NULL;
        }
    }
    client->answered_us = at_us > client->answered_us ? at_us : client->answered_us;
    swarm_timer_set(&client->lost, client->answered_us);
}

static void connect_due(void *userdata)
{
    struct swarm_call *hello = userdata;
    swarm_client_send(hello->client, hello);
}

void swarm_client_connect(struct swarm_client *client, struct swarm_clusterd *clusterd)
{
    if (client->clusterd == clusterd) {
        return;
    }
    if (client->clusterd != NULL) {
        swarm_clusterd_remove_client(client->clusterd, client);
    }
    if (clusterd == NULL) {
        return;
    }
    if (swarm_timer_is_set(&client->lost)) {
        swarm_timer_stop(&client->lost); // it sees the end of the old one before the new one
        client_disconnected(client);
    }
    client->clusterd = clusterd;
    swarm_clusterd_add_client(clusterd, client);
    struct swarm_call *hello = swarm_call_new(SWARM_CALL_HELLO);
    hello->client = client;
    swarm_timer_init(&hello->timer, client->spec.queue, client->spec.gate, connect_due, hello);
    swarm_timer_set(&hello->timer,
                    soon_us(client, CALL_US_MIN,
                            swarm_client_is_daemon(client) ? CONNECT_US_MAX : CALL_US_MAX));
    client->hello = hello;
}

// ---- Answers.

static enum lease_origin origin_of(const char *word)
{
    static const struct {
        const char *word;
        enum lease_origin origin;
    } words[] = {
        {"released", LEASE_ORIGIN_RELEASED},
        {"expired", LEASE_ORIGIN_EXPIRED},
        {"inherited", LEASE_ORIGIN_INHERITED},
        {"forgotten", LEASE_ORIGIN_FORGOTTEN},
    };
    for (size_t i = 0; word != NULL && i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].origin;
        }
    }
    return LEASE_ORIGIN_NONE;
}

void swarm_client_send_release(struct swarm_client *client, const char *name, uint64_t term)
{
    struct swarm_call *call = swarm_call_new(SWARM_CALL_RELEASE);
    call->lease = arena_strdup(call->arena, name);
    call->term = term;
    swarm_client_send(client, call);
}

static struct client_claim *claim_of(const struct swarm_client *client,
                                     const struct swarm_call *call)
{
    map_each (e, &client->claims) {
        struct client_claim *claim = e->value;
        if (claim->asked == call) {
            return claim;
        }
    }
    return NULL;
}

static void acquire_answered(struct swarm_client *client, struct swarm_call *call)
{
    struct client_claim *claim = claim_of(client, call);
    assert(claim != NULL); // else the call was forgotten
    int64_t at_ms = now_ms(client);
    claim->asked = NULL;
    if (call->refusal.code < 0) {
        lease_claim_failed(&claim->claim, at_ms, &call->refusal);
        swarm_timer_set(&client->retry,
                        swarm_clock_true_us(client->spec.clock, claim->claim.ask_at_ms));
    } else if (call->is_busy) {
        lease_claim_busy(&claim->claim, at_ms, call->retry_in_ms);
    } else if (lease_claim_granted(&claim->claim, at_ms, client->spec.timing->authority_ms,
                                   call->granted_term, origin_of(call->origin)) &&
               swarm_client_is_ready(client)) {
        swarm_client_send_release(client, call->lease, call->granted_term); // or it ends by itself
        if (client->spec.gave_back != NULL) {
            client->spec.gave_back(client->spec.userdata, call->lease);
        }
    }
    swarm_client_announce(client);
    swarm_call_free(call);
}

static void txn_answered(struct swarm_call *call)
{
    swarm_timer_stop(&call->timeout);
    call->is_answered = true;
    swarm_fiber_resume(call->fiber); // who waits releases it
}

static void answered_due(void *userdata)
{
    struct swarm_call *call = userdata;
    switch (call->kind) {
    case SWARM_CALL_HELLO:
        hello_answered(call->client, call);
        break;
    case SWARM_CALL_TXN:
        txn_answered(call);
        break;
    case SWARM_CALL_ACQUIRE:
        acquire_answered(call->client, call);
        break;
    case SWARM_CALL_RELEASE:
        swarm_call_free(call);
        break;
    }
}

void swarm_client_answer(struct swarm_client *client, struct swarm_call *call)
{
    if (call->kind == SWARM_CALL_RELEASE) {
        swarm_call_free(call); // nobody listens
        return;
    }
    int64_t at_us = soon_us(client, CALL_US_MIN, CALL_US_MAX);
    client->answered_us = at_us > client->answered_us ? at_us : client->answered_us;
    swarm_timer_init(&call->timer, client->spec.queue, client->spec.gate, answered_due, call);
    swarm_timer_set(&call->timer, client->answered_us);
}

// ---- Life.

static void claim_free(void *value)
{
    free(value);
}

struct swarm_client *swarm_client_new(const struct swarm_client_spec *spec)
{
    struct swarm_client *client = alloc_zero(sizeof(*client));
    client->spec = *spec;
    swarm_client_ports_init(client);
    client->members_arena = arena_new();
    client_cache_init(&client->cache);
    client_patience_init(&client->patience,
                         spec->patience_ms != 0 ? spec->patience_ms : SWARM_COMMIT_TIMEOUT_MS,
                         SWARM_COMMIT_TIMEOUT_MS);
    map_init(&client->claims, claim_free);
    map_init(&client->waits, NULL);
    swarm_timer_init(&client->announce, spec->queue, spec->gate, announce_due, client);
    swarm_timer_init(&client->lost, spec->queue, spec->gate, lost_due, client);
    swarm_timer_init(&client->retry, spec->queue, spec->gate, announce_due, client);
    return client;
}

void swarm_client_free(struct swarm_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->clusterd != NULL) {
        swarm_clusterd_remove_client(client->clusterd, client);
    }
    client_disconnected(client); // lets go of what is under way
    swarm_timer_stop(&client->announce);
    swarm_timer_stop(&client->lost);
    swarm_timer_stop(&client->retry);
    client_cache_done(&client->cache);
    map_done(&client->claims);
    map_done(&client->waits);
    arena_free(client->members_arena);
    free(client);
}

void swarm_client_set_fiber(struct swarm_client *client, struct swarm_fiber *fiber)
{
    client->fiber = fiber;
}

struct store *swarm_client_store(struct swarm_client *client)
{
    return &client->store;
}

struct lease *swarm_client_lease(struct swarm_client *client)
{
    return &client->lease;
}

struct membership *swarm_client_membership(struct swarm_client *client)
{
    return &client->membership;
}
