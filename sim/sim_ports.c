// SPDX-License-Identifier: Apache-2.0
// The daemons' view of the simulated world: clock, store, leases, membership, watchdog,
// identifiers, events.
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "sim/world.h"

static int64_t sim_clock_now_ms(struct clock *clock)
{
    const struct sim_clock_port *port = (struct sim_clock_port *)clock;
    return port->daemon->clock_ms;
}

// --- Store: a node without quorum reads what it has, and cannot write. Faults are the scenario's.
// ---

// In the reference's simulator all nodes see the newest, quorum or not.
static uint64_t sim_node_view(const struct sim_world *world, const struct sim_node *node)
{
    bool cut = world->store.keeps_history && !sim_node_is_quorate(world, node);
    return cut ? node->view_version : world->store.version;
}

static bool sim_daemon_is_blind(const struct sim_daemon *daemon)
{
    return daemon->kind == SIM_DAEMON_LRM && daemon->node->lrm_blind;
}

static int sim_store_port_refresh(struct store *store, struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_store_port *)store)->daemon;
    if (daemon->node->view_broken || sim_daemon_is_blind(daemon)) {
        return error_set(err, -EIO, "the view of the cluster cannot be updated");
    }
    if (!sim_node_is_quorate(daemon->world, daemon->node)) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    return 0;
}

// A worker has a connection of its own, which the fault of its daemon's view does not touch.
static int sim_store_port_refresh_worker(struct store *store, struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_store_port *)store)->daemon;
    bool quorate = sim_node_is_quorate(daemon->world, daemon->node);
    return quorate ? 0 : error_set(err, -EHOSTDOWN, "no quorum");
}

static int sim_store_port_read(struct store *store, const char *prefix, uint64_t since,
                               struct arena *arena, struct store_entries *ret, struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_store_port *)store)->daemon;
    if (daemon->node->store_broken || sim_daemon_is_blind(daemon)) {
        return error_set(err, -EIO, "the store cannot be read");
    }
    sim_store_read(&daemon->world->store, prefix, since, sim_node_view(daemon->world, daemon->node),
                   arena, ret);
    return 0;
}

static void sim_store_port_count(struct sim_world *world, const struct store_txn *txn)
{
    const char *prefix = STORE_PREFIX_VOLATILE;
    bool passes = txn->count > 0 && strncmp(txn->ops[0].key, prefix, strlen(prefix)) == 0;
    struct sim_traffic *traffic = passes ? &world->passing : &world->durable;
    uint64_t bytes = 0;
    for (size_t i = 0; i < txn->count; i++) {
        const char *value = txn->ops[i].value;
        bytes += strlen(txn->ops[i].key) + (value != NULL ? strlen(value) : 0);
    }
    traffic->transactions++;
    traffic->keys += txn->count;
    traffic->bytes += bytes;
    traffic->bytes_max = bytes > traffic->bytes_max ? bytes : traffic->bytes_max;
}

static int sim_store_port_commit(struct store *store, const struct store_txn *txn,
                                 uint64_t *ret_version, struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_store_port *)store)->daemon;
    struct sim_world *world = daemon->world;
    if (daemon->node->store_broken) {
        return error_set(err, -EIO, "the store cannot be written");
    }
    if (!sim_node_is_quorate(world, daemon->node)) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    int r = sim_store_commit(&world->store, &world->leases, txn, ret_version, err);
    if (r == 0) {
        sim_store_port_count(world, txn);
        sim_world_wake(world, txn->ops, txn->count);
    }
    return r;
}

// --- Leases ---

// As ha-clusterd does it (cluster/server_ops.c). All that a manager does is written under its term,
// so that one that is out of the quorate part can be followed at once; and what it had proven by
// taking the lease of another node is proven for the one that follows.
static bool sim_lease_can_be_broken(const struct sim_world *world, const struct sim_node *node,
                                    const char *name)
{
    const struct sim_lease *held = sim_leases_find(&world->leases, name);
    if (world->timing.profile == TIMING_PROFILE_CLASSIC || held == NULL ||
        strcmp(held->owner, node->name) == 0) {
        return false;
    }
    if (strcmp(name, LEASE_MANAGER) == 0) {
        return !sim_node_is_quorate(world, sim_world_find_node(world, held->owner));
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct sim_lease *manager = sim_leases_find(&world->leases, LEASE_MANAGER);
    return strcmp(name, arena_printf(arena, LEASE_AGENT_FORMAT, held->owner)) != 0 &&
           manager != NULL && strcmp(manager->owner, node->name) == 0;
}

static int sim_lease_port_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                                  struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_lease_port *)lease)->daemon;
    struct sim_world *world = daemon->world;
    if (!sim_node_is_quorate(world, daemon->node)) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    if (sim_lease_can_be_broken(world, daemon->node, name)) {
        sim_leases_break(&world->leases, name);
    }
    int64_t until_ms = 0;
    struct lease_grant grant = {0};
    int answer = sim_leases_acquire(&world->leases, name, daemon->node->name, daemon->clock_ms,
                                    world->timing.lease_ms, &grant.term, &until_ms);
    if (answer == LEASE_BUSY) {
        grant.retry_at_ms = until_ms + 1;
    } else {
        grant.authority_until_ms = daemon->clock_ms + world->timing.authority_ms;
        grant.origin = sim_leases_find(&world->leases, name)->origin;
    }
    *ret = grant;
    return answer;
}

static int sim_lease_port_release(struct lease *lease, const char *name, struct error *err)
{
    const struct sim_daemon *daemon = ((struct sim_lease_port *)lease)->daemon;
    struct sim_world *world = daemon->world;
    if (!sim_node_is_quorate(world, daemon->node)) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    return sim_leases_release(&world->leases, name, daemon->node->name, daemon->clock_ms,
                              world->timing.lease_ms, err);
}

// --- Membership ---

static int sim_membership_port_get(struct membership *membership, struct arena *arena,
                                   struct member_list *ret, struct error *err)
{
    (void)err; // never fails
    const struct sim_daemon *daemon = ((struct sim_membership_port *)membership)->daemon;
    const struct sim_world *world = daemon->world;
    struct member_list list = {.quorate = sim_node_is_quorate(world, daemon->node),
                               .epoch = world->epoch,
                               .forced = world->expected_votes > 0 &&
                                         world->expected_votes < world->nodes.count};
    list.members = arena_array_of(arena, struct member, world->nodes.count);
    map_each (e, &world->nodes) {
        struct member *member = &list.members[list.count++];
        member->node = arena_strdup(arena, e->key);
        member->online = list.quorate && sim_node_is_online(e->value);
        member->present = sim_node_is_online(e->value);
    }
    *ret = list;
    return 0;
}

// --- Watchdog: deadlines are kept on the hardware's clock, since a daemon's own may lag behind it.
// ---

// In the reference a node that gave its watchdog back is free to be recovered from, whatever runs
// there: a replay of its scenarios is not to stumble over that. The live profiles get no such
// allowance.
static void sim_watchdog_port_guard(struct sim_daemon *daemon)
{
    struct sim_world *world = daemon->world;
    if (daemon->kind == SIM_DAEMON_LRM && world->timing.profile == TIMING_PROFILE_CLASSIC) {
        sim_guests_guard_node(&world->guests, daemon->node->name, daemon->armed);
    }
}

static int sim_watchdog_port_arm(struct watchdog *watchdog, int64_t deadline_ms, struct error *err)
{
    struct sim_daemon *daemon = ((struct sim_watchdog_port *)watchdog)->daemon;
    int64_t now_ms = daemon->world->now_ms;
    int64_t at_ms = now_ms + (deadline_ms - daemon->clock_ms);
    if (daemon->armed && now_ms > daemon->deadline_ms) {
        return error_set(err, -ETIME, "the deadline has passed");
    }
    if (!daemon->armed || at_ms > daemon->deadline_ms) {
        daemon->deadline_ms = at_ms;
    }
    daemon->armed = true;
    sim_watchdog_port_guard(daemon);
    return 0;
}

static int sim_watchdog_port_disarm(struct watchdog *watchdog, struct error *err)
{
    struct sim_daemon *daemon = ((struct sim_watchdog_port *)watchdog)->daemon;
    bool live = daemon->world->timing.profile != TIMING_PROFILE_CLASSIC;
    if (live && daemon->armed && daemon->world->now_ms >= daemon->deadline_ms) {
        return error_set(err, -ETIME, "the deadline has passed");
    }
    daemon->armed = false;
    sim_watchdog_port_guard(daemon);
    return 0;
}

// --- Identifiers and events ---

static const char *sim_ids_port_next(struct ids *ids, struct arena *arena)
{
    struct sim_world *world = ((struct sim_ids_port *)ids)->daemon->world;
    return arena_printf(arena, "id%08" PRIu64, ++world->ids_given);
}

static void sim_events_port_emit(struct event_sink *sink, const struct event *event)
{
    const struct sim_daemon *daemon = ((struct sim_events_port *)sink)->daemon;
    if (sim_fault_has_crashed(daemon)) {
        return;
    }
    sim_world_emit(daemon->world, daemon->clock_ms, daemon->at, event);
}

void sim_ports_init(struct sim_daemon *daemon)
{
    static const struct clock_ops clock_ops = {sim_clock_now_ms, sim_clock_now_ms};
    static const struct store_ops store_ops = {sim_store_port_refresh, sim_store_port_read,
                                               sim_store_port_commit};
    static const struct store_ops worker_store_ops = {sim_store_port_refresh_worker,
                                                      sim_store_port_read, sim_store_port_commit};
    static const struct lease_ops lease_ops = {sim_lease_port_acquire, sim_lease_port_release};
    static const struct membership_ops membership_ops = {sim_membership_port_get};
    static const struct watchdog_ops watchdog_ops = {sim_watchdog_port_arm,
                                                     sim_watchdog_port_disarm};
    static const struct ids_ops ids_ops = {sim_ids_port_next};
    static const struct event_sink_ops events_ops = {sim_events_port_emit};
    daemon->clock = (struct sim_clock_port){{&clock_ops}, daemon};
    daemon->store = (struct sim_store_port){{&store_ops}, daemon};
    daemon->worker_store = (struct sim_store_port){{&worker_store_ops}, daemon};
    daemon->lease = (struct sim_lease_port){{&lease_ops}, daemon};
    daemon->membership = (struct sim_membership_port){{&membership_ops}, daemon};
    daemon->watchdog = (struct sim_watchdog_port){{&watchdog_ops}, daemon};
    daemon->ids = (struct sim_ids_port){{&ids_ops}, daemon};
    daemon->events = (struct sim_events_port){{&events_ops}, daemon};
    sim_stats_port_init(daemon);
    sim_fence_port_init(daemon);
    sim_agent_ports_init(daemon);
    sim_workers_port_init(daemon);
}
