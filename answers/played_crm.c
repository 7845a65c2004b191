// SPDX-License-Identifier: Apache-2.0
// One CRM of a played cluster: the daemon's own round on ports that lead to the played documents,
// leases and time. As ha-clusterd has them, without its network.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answers/played_cluster.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/ids.h"
#include "common/port/lease.h"
#include "crm/live_stats.h"
#include "crm/round.h"

// One port: the port's own struct first, so that its operations find the way back.
#define PLAYED_PORT(name, type)                                                                    \
    struct played_##name {                                                                         \
        struct type port;                                                                          \
        struct played_crm *crm;                                                                    \
    }
PLAYED_PORT(clock, clock);
PLAYED_PORT(store, store);
PLAYED_PORT(lease, lease);
PLAYED_PORT(membership, membership);
PLAYED_PORT(ids, ids);
PLAYED_PORT(events, event_sink);

struct played_crm {
    struct played_cluster *cluster;
    const struct played_node *node;
    struct played_clock clock;
    struct played_store store;
    struct played_lease lease;
    struct played_membership membership;
    struct played_ids ids;
    struct played_events events;
    struct live_stats *stats;
    struct crm_round *round;
    int64_t due_ms;
};

static int64_t played_clock_now_ms(struct clock *clock)
{
    return ((struct played_clock *)clock)->crm->cluster->now_ms;
}

static int64_t played_clock_wall_ms(struct clock *clock)
{
    const struct played_cluster *cluster = ((struct played_clock *)clock)->crm->cluster;
    return cluster->wall_ms + cluster->now_ms;
}

static int played_need_quorum(const struct played_cluster *cluster, struct error *err)
{
    return played_cluster_is_quorate(cluster) ? 0 : error_set(err, -EHOSTDOWN, "no quorum");
}

// ---- store

static int played_crm_refresh(struct store *store, struct error *err)
{
    return played_need_quorum(((struct played_store *)store)->crm->cluster, err);
}

static int played_crm_read(struct store *store, const char *prefix, uint64_t since,
                           struct arena *arena, struct store_entries *ret, struct error *err)
{
    const struct played_cluster *cluster = ((struct played_store *)store)->crm->cluster;
    (void)err; // never fails
    sim_store_read(&cluster->store, prefix, since, cluster->store.version, arena, ret);
    return 0;
}

static int played_crm_commit(struct store *store, const struct store_txn *txn,
                             uint64_t *ret_version, struct error *err)
{
    struct played_cluster *cluster = ((struct played_store *)store)->crm->cluster;
    int r = played_need_quorum(cluster, err);
    if (r == 0) {
        r = sim_store_commit(&cluster->store, &cluster->leases, txn, ret_version, err);
    }
    for (size_t i = 0; r == 0 && i < txn->count; i++) {
        played_cluster_notice(cluster, txn->ops[i].key);
    }
    return r;
}

// ---- leases

static bool played_is_there(const struct played_cluster *cluster, const char *name)
{
    const struct played_node *node = map_find(&cluster->nodes, name);
    return node != NULL && node->lives;
}

// What ha-clusterd does before it grants (cluster/server_ops.c): whoever works renews in time; the
// manager lease of a node that is gone, and what a master took of another's, goes to the next.
static void played_lease_prepare(const struct played_crm *crm, const char *name)
{
    struct played_cluster *cluster = crm->cluster;
    const struct sim_lease *held = sim_leases_find(&cluster->leases, name);
    if (held == NULL || strcmp(held->owner, crm->node->name) == 0) {
        return;
    }
    const struct played_node *owner = map_find(&cluster->nodes, held->owner);
    const char *own = arena_printf(cluster->scratch, LEASE_AGENT_FORMAT, held->owner);
    const struct sim_lease *manager = sim_leases_find(&cluster->leases, LEASE_MANAGER);
    bool is_manager = strcmp(name, LEASE_MANAGER) == 0;
    bool is_master = manager != NULL && strcmp(manager->owner, crm->node->name) == 0;
    if (is_manager ? owner == NULL || !owner->is_seen : strcmp(name, own) != 0 && is_master) {
        sim_leases_break(&cluster->leases, name);
    } else if (played_is_there(cluster, held->owner)) {
        uint64_t term;
        int64_t until_ms;
        const char *holder = arena_strdup(cluster->scratch, held->owner);
        ignore_result(sim_leases_acquire(&cluster->leases, name, holder, cluster->now_ms,
                                         cluster->timing.lease_ms, &term, &until_ms)); // renewed
    }
}

static int played_lease_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                                struct error *err)
{
    const struct played_crm *crm = ((struct played_lease *)lease)->crm;
    struct played_cluster *cluster = crm->cluster;
    struct lease_grant grant = {0};
    int64_t until_ms = 0;
    int r = played_need_quorum(cluster, err);
    if (r < 0) {
        return r;
    }
    played_lease_prepare(crm, name);
    int answer = sim_leases_acquire(&cluster->leases, name, crm->node->name, cluster->now_ms,
                                    cluster->timing.lease_ms, &grant.term, &until_ms);
    if (answer == LEASE_BUSY) {
        grant.retry_at_ms = until_ms + 1;
    } else {
        grant.authority_until_ms = cluster->now_ms + cluster->timing.authority_ms;
        grant.origin = sim_leases_find(&cluster->leases, name)->origin;
    }
    *ret = grant;
    return answer;
}

static int played_lease_release(struct lease *lease, const char *name, struct error *err)
{
    const struct played_crm *crm = ((struct played_lease *)lease)->crm;
    struct played_cluster *cluster = crm->cluster;
    int r = played_need_quorum(cluster, err);
    return r < 0 ? r
                 : sim_leases_release(&cluster->leases, name, crm->node->name, cluster->now_ms,
                                      cluster->timing.lease_ms, err);
}

// ---- the rest

static int played_membership_get(struct membership *membership, struct arena *arena,
                                 struct member_list *ret, struct error *err)
{
    (void)err; // never fails
    *ret = played_cluster_members(((struct played_membership *)membership)->crm->cluster, arena);
    return 0;
}

static const char *played_ids_next(struct ids *ids, struct arena *arena)
{
    struct played_cluster *cluster = ((struct played_ids *)ids)->crm->cluster;
    return arena_printf(arena, "played%" PRIu64, ++cluster->ids_given);
}

static void played_events_emit(struct event_sink *sink, const struct event *event)
{
    (void)sink; // what came of it is what counts
    (void)event;
}

struct played_crm *played_crm_new(struct played_cluster *cluster, const struct played_node *node)
{
    static const struct clock_ops clock_ops = {played_clock_now_ms, played_clock_wall_ms};
    static const struct store_ops store_ops = {played_crm_refresh, played_crm_read,
                                               played_crm_commit};
    static const struct lease_ops lease_ops = {played_lease_acquire, played_lease_release};
    static const struct membership_ops membership_ops = {played_membership_get};
    static const struct ids_ops ids_ops = {played_ids_next};
    static const struct event_sink_ops events_ops = {played_events_emit};
    struct played_crm *crm = alloc_zero(sizeof(*crm));
    crm->cluster = cluster;
    crm->node = node;
    crm->due_ms = cluster->now_ms;
    crm->clock = (struct played_clock){{&clock_ops}, crm};
    crm->store = (struct played_store){{&store_ops}, crm};
    crm->lease = (struct played_lease){{&lease_ops}, crm};
    crm->membership = (struct played_membership){{&membership_ops}, crm};
    crm->ids = (struct played_ids){{&ids_ops}, crm};
    crm->events = (struct played_events){{&events_ops}, crm};
    crm->stats = live_stats_new(&crm->store.port);
    const struct crm_ports ports = {.clock = &crm->clock.port,
                                    .store = &crm->store.port,
                                    .lease = &crm->lease.port,
                                    .membership = &crm->membership.port,
                                    .stats = live_stats_port(crm->stats),
                                    .ids = &crm->ids.port,
                                    .events = &crm->events.port};
    crm->round = crm_round_new(node->name, &cluster->timing, &ports);
    return crm;
}

void played_crm_free(struct played_crm *crm)
{
    if (crm == NULL) {
        return;
    }
    crm_round_free(crm->round);
    live_stats_free(crm->stats);
    free(crm);
}

const struct played_node *played_crm_node(const struct played_crm *crm)
{
    return crm->node;
}

int64_t played_crm_due_ms(const struct played_crm *crm)
{
    return crm->due_ms;
}

void played_crm_wake(struct played_crm *crm, int64_t at_ms)
{
    crm->due_ms = at_ms < crm->due_ms ? at_ms : crm->due_ms;
}

void played_crm_run(struct played_crm *crm)
{
    struct crm_round_result result;
    crm->due_ms = INT64_MAX; // a change in the round itself brings the next one
    crm_round_run(crm->round, &result);
    // A round that wants to go on at once does so a little later, as it would.
    int64_t next_ms =
        result.next_wake_ms > crm->cluster->now_ms ? result.next_wake_ms : crm->cluster->now_ms + 1;
    played_crm_wake(crm, next_ms);
}
