// SPDX-License-Identifier: Apache-2.0
// The ports of a client, as common/host/client_store.c, client_lease.c and client_membership.c have
// them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/timing.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_clusterd_internal.h"
#include "sim/swarm/swarm_fiber.h"

enum { COMMIT_PATIENCE_MS = 20 * 1000 }; // of those that are no daemons

static int64_t now_ms(const struct swarm_client *client)
{
    return swarm_clock_now_ms(client->spec.clock);
}

// A process that was killed finishes what it is at, without effect.
static bool is_dead(const struct swarm_client *client)
{
    return client->fiber != NULL && swarm_fiber_is_ended(client->fiber);
}

static int refuse_unconnected(struct error *err)
{
    return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
}

// ---- The store port.

static struct swarm_client *client_of_store(struct store *store)
{
    return (struct swarm_client *)((char *)store - offsetof(struct swarm_client, store));
}

static int port_refresh(struct store *store, struct error *err)
{
    const struct swarm_client *client = client_of_store(store);
    if (is_dead(client) || !swarm_client_is_ready(client)) {
        return refuse_unconnected(err);
    }
    return client->is_quorate ? 0 : error_set(err, -EHOSTDOWN, "no quorum");
}

static void replica_copy(const struct swarm_client *client, const char *prefix, uint64_t since,
                         struct arena *arena, struct store_entries *ret)
{
    const struct replica *replica = engine_replica(client->clusterd->engine);
    const struct replica_row *rows;
    size_t count;
    replica_read(replica, prefix, since < replica_horizon(replica) ? 0 : since, arena, &rows,
                 &count);
    struct store_entry *entries = arena_array_of(arena, struct store_entry, count);
    for (size_t i = 0; i < count; i++) {
        entries[i] = swarm_client_entry(&rows[i]);
        entries[i].key = arena_strdup(arena, rows[i].key);
        if (rows[i].value != NULL) {
            entries[i].value = arena_memdup(arena, rows[i].value, rows[i].size_bytes);
        }
    }
    *ret = (struct store_entries){entries, count, replica_version(replica)};
}

static int port_read(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                     struct store_entries *ret, struct error *err)
{
    const struct swarm_client *client = client_of_store(store);
    if (is_dead(client)) {
        return refuse_unconnected(err);
    }
    if (swarm_client_watches(client, prefix)) {
        // Without a connection the last view can still be read.
        if (!client->is_viewed) {
            return refuse_unconnected(err);
        }
        client_cache_read(&client->cache, prefix, since, arena, ret);
        return 0;
    }
    if (!swarm_client_is_ready(client)) {
        return refuse_unconnected(err);
    }
    replica_copy(client, prefix, since, arena, ret);
    return 0;
}

static void txn_copy(struct swarm_call *call, const struct store_txn *txn)
{
    struct arena *arena = call->arena;
    struct replica_op *ops = arena_array_of(arena, struct replica_op, txn->count);
    for (size_t i = 0; i < txn->count; i++) {
        const struct store_op *op = &txn->ops[i];
        ops[i] = (struct replica_op){
            .key = arena_strdup(arena, op->key),
            .value = op->value != NULL ? arena_memdup(arena, op->value, op->size_bytes) : NULL,
            .size_bytes = op->value != NULL ? op->size_bytes : 0,
            .expect = op->expect,
        };
    }
    call->request = (struct replica_request){
        .kind = REPLICA_REQUEST_TXN,
        .lease = arena_strdup(arena, txn->lease),
        .owner = arena_strdup(arena, txn->owner),
        .term = txn->term,
        .ops = ops,
        .ops_count = txn->count,
    };
}

static void timeout_due(void *userdata)
{
    struct swarm_call *call = userdata;
    ignore_result(error_set(&call->refusal, -ETIMEDOUT, "ha-clusterd did not answer in time"));
    swarm_fiber_resume(call->fiber);
}

// Waits in the fiber until the answer is there, the time is over, or the process is killed.
static int call_wait(struct swarm_client *client, struct swarm_call *call, uint64_t *ret_version,
                     struct error *err)
{
    struct swarm_fiber *fiber = client->fiber;
    bool is_daemon = swarm_client_is_daemon(client);
    int64_t timeout_ms = is_daemon ? client->patience.now_ms : COMMIT_PATIENCE_MS;
    int64_t begun_ms = now_ms(client);
    call->fiber = fiber;
    swarm_timer_init(&call->timeout, client->spec.queue, client->spec.gate, timeout_due, call);
    swarm_timer_set(&call->timeout,
                    swarm_clock_true_us(client->spec.clock, now_ms(client) + timeout_ms));
    client_cache_mark(&client->cache);
    client->is_calling = true;
    swarm_fiber_wait(fiber);
    client->fiber = fiber;
    client->is_calling = false;
    if (swarm_fiber_is_ended(fiber)) {
        swarm_call_forget(call);
        return refuse_unconnected(err);
    }
    if (client_cache_has_foreign(&client->cache, call->version)) {
        swarm_client_announce(client);
    }
    int r = call->refusal.code;
    if (is_daemon) {
        client_patience_note(&client->patience, r != -ETIMEDOUT, now_ms(client) - begun_ms);
    }
    if (r < 0) {
        ignore_result(error_set(err, r, "%s", call->refusal.text)); // it is r
    } else if (ret_version != NULL) {
        *ret_version = call->version;
    }
    swarm_call_forget(call);
    return r;
}

static int port_commit(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                       struct error *err)
{
    struct swarm_client *client = client_of_store(store);
    if (client->fiber == NULL || is_dead(client) || !swarm_client_is_ready(client)) {
        return refuse_unconnected(err);
    }
    struct swarm_call *call = swarm_call_new(SWARM_CALL_TXN);
    txn_copy(call, txn);
    swarm_client_send(client, call);
    return call_wait(client, call, ret_version, err);
}

static const struct store_ops store_ops = {
    .refresh = port_refresh,
    .read = port_read,
    .commit = port_commit,
};

// ---- The lease port.

static struct swarm_client *client_of_lease(struct lease *lease)
{
    return (struct swarm_client *)((char *)lease - offsetof(struct swarm_client, lease));
}

static struct client_claim *claim_get(struct swarm_client *client, const char *name)
{
    struct client_claim *claim = map_find(&client->claims, name);
    if (claim == NULL) {
        claim = alloc_zero(sizeof(*claim));
        map_put(&client->claims, name, claim);
    }
    return claim;
}

static void claim_ask(struct swarm_client *client, const char *name, struct client_claim *claim)
{
    if (claim->asked != NULL) {
        swarm_call_forget(claim->asked); // lost
    }
    int64_t before_ms = now_ms(client);
    if (client->spec.asked != NULL) {
        client->spec.asked(client->spec.userdata, name);
    }
    struct swarm_call *call = swarm_call_new(SWARM_CALL_ACQUIRE);
    call->lease = arena_strdup(call->arena, name);
    swarm_client_send(client, call);
    claim->asked = call;
    lease_claim_asked(&claim->claim, before_ms, client->spec.timing->renew_ms);
}

static int port_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                        struct error *err)
{
    struct swarm_client *client = client_of_lease(lease);
    if (is_dead(client)) {
        return refuse_unconnected(err);
    }
    struct client_claim *claim = claim_get(client, name);
    int64_t at_ms = now_ms(client);
    lease_claim_want(&claim->claim);
    if (swarm_client_is_ready(client) && lease_claim_is_due(&claim->claim, at_ms)) {
        claim_ask(client, name, claim);
    }
    lease_claim_expire(&claim->claim, at_ms);
    bool no_quorum = swarm_client_is_ready(client) && !client->is_quorate;
    if (no_quorum || !claim->claim.is_held) {
        if (!swarm_client_is_ready(client)) {
            return refuse_unconnected(err);
        }
        if (no_quorum) {
            return error_set(err, -EHOSTDOWN, "no quorum");
        }
    }
    return lease_claim_answer(&claim->claim, at_ms, ret, err);
}

static int port_release(struct lease *lease, const char *name, struct error *err)
{
    struct swarm_client *client = client_of_lease(lease);
    if (is_dead(client)) {
        return refuse_unconnected(err);
    }
    struct client_claim *claim = map_find(&client->claims, name);
    uint64_t term = 0;
    if (claim == NULL || !lease_claim_release(&claim->claim, &term)) {
        return error_set(err, -ENOENT, "lease '%s' is not held", name);
    }
    if (claim->asked != NULL) {
        swarm_call_forget(claim->asked); // the answer means nothing any more
        claim->asked = NULL;
    }
    if (!swarm_client_is_ready(client)) {
        return refuse_unconnected(err);
    }
    swarm_client_send_release(client, name, term);
    return 0;
}

static const struct lease_ops lease_ops = {.acquire = port_acquire, .release = port_release};

// ---- The membership port.

static int port_members(struct membership *membership, struct arena *arena, struct member_list *ret,
                        struct error *err)
{
    const struct swarm_client *client =
        (struct swarm_client *)((char *)membership - offsetof(struct swarm_client, membership));
    if (is_dead(client) || !client->is_known) {
        return refuse_unconnected(err);
    }
    struct member_list list = {
        .members = arena_array_of(arena, struct member, client->members_count),
        .count = client->members_count,
        .quorate = client->is_quorate,
        .epoch = client->epoch,
        .forced = client->is_forced,
    };
    for (size_t i = 0; i < list.count; i++) {
        list.members[i] = (struct member){
            .node = arena_strdup(arena, client->members[i].node),
            .online = client->is_quorate && client->members[i].is_online,
            .present = client->members[i].is_present,
        };
    }
    *ret = list;
    return 0;
}

static const struct membership_ops membership_ops = {.get = port_members};

void swarm_client_ports_init(struct swarm_client *client)
{
    client->store.ops = &store_ops;
    client->lease.ops = &lease_ops;
    client->membership.ops = &membership_ops;
}
