// SPDX-License-Identifier: Apache-2.0
// Who may run what where is decided by others; that a guest runs once is what these verbs promise
// as the production's do: the place changes after the proof that nothing runs here, or, when it
// moves live, while nothing executes on either side. INV-1.
#include "sim/swarm/swarm_agent.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"

enum {
    START_MS_MIN = 50,
    START_MS_MAX = 2000,
    STOP_MS_MIN = 50,
    STOP_MS_MAX = 1500,
    COPY_MS_MIN = 300,
    COPY_MS_MAX = 4000,
    STUCK_MS = 10 * 1000, // for killed processes to vanish
};

static struct swarm_agent *agent_of(struct agent *port)
{
    return (struct swarm_agent *)port;
}

static bool agent_is_gone(const struct swarm_agent *agent)
{
    return *agent->is_killed || swarm_fiber_is_ended(agent->fiber);
}

// -ECANCELED: the worker is no more, and does nothing more.
static int agent_take(struct swarm_agent *agent, int64_t us, struct error *err)
{
    struct swarm_node *node = agent->node;
    bool there = swarm_sleep(node->world, &node->gate, agent->fiber, us);
    return there && !agent_is_gone(agent) ? 0 : error_set(err, -ECANCELED, "killed");
}

static int64_t agent_random_us(struct swarm_agent *agent, int64_t min_ms, int64_t max_ms)
{
    return swarm_random(agent->node->world, min_ms * SWARM_MS, max_ms * SWARM_MS);
}

static int agent_check(struct agent *port, const struct guest *guest, bool *ret_running,
                       struct error *err)
{
    struct swarm_agent *agent = agent_of(port);
    if (agent_is_gone(agent)) {
        return error_set(err, -ECANCELED, "killed");
    }
    *ret_running = swarm_guest_is_up(agent->node, guest->sid);
    return 0;
}

static int agent_check_place(const struct swarm_agent *agent, const struct guest *guest,
                             struct error *err)
{
    if (strcmp(guest->node, agent->node->name) != 0) {
        return error_set(err, -EXDEV, "it belongs to node '%s'", guest->node);
    }
    return guest->lock != NULL ? error_set(err, -EBUSY, "it is locked: %s", guest->lock) : 0;
}

static int agent_start(struct agent *port, const struct guest *guest, struct error *err)
{
    struct swarm_agent *agent = agent_of(port);
    struct swarm_node *node = agent->node;
    struct swarm_guest *kind = swarm_world_guest(node->world, guest->sid);
    int64_t start_us = agent_random_us(agent, START_MS_MIN, START_MS_MAX) + kind->start_us;
    int r = agent_is_gone(agent) ? error_set(err, -ECANCELED, "killed")
                                 : agent_check_place(agent, guest, err);
    if (r < 0) {
        return r;
    }
    swarm_guest_sweep(node, guest->sid);
    if (swarm_guest_is_up(node, guest->sid)) {
        return 0;
    }
    if (kind->failing_starts > 0) {
        kind->failing_starts--;
        r = agent_take(agent, start_us / 2, err);
        return r < 0 ? r : error_set(err, -EIO, "it does not come up");
    }
    swarm_guest_begin(node, guest->sid, start_us);
    r = agent_take(agent, start_us + SWARM_MS, err);
    return r < 0 || swarm_guest_is_up(node, guest->sid) ? r
                                                        : error_set(err, -EIO, "it ended at once");
}

// Without a look at who asks: this node's own end of it.
static int agent_end(struct swarm_agent *agent, const char *sid, int64_t timeout_us,
                     struct error *err)
{
    struct swarm_node *node = agent->node;
    const struct swarm_guest *kind = swarm_world_guest(node->world, sid);
    int64_t stop_us = agent_random_us(agent, STOP_MS_MIN, STOP_MS_MAX) + kind->stop_us;
    int64_t wait_us = kind->hangs || stop_us > timeout_us ? timeout_us : stop_us;
    if (agent_is_gone(agent)) {
        return error_set(err, -ECANCELED, "killed");
    }
    swarm_guest_sweep(node, sid);
    if (!swarm_guest_is_up(node, sid)) {
        return 0;
    }
    if (!kind->hangs && stop_us <= timeout_us) {
        swarm_guest_ask_to_end(node, sid, stop_us);
    }
    int r = agent_take(agent, wait_us + SWARM_MS, err);
    if (r == 0 && swarm_guest_is_up(node, sid)) {
        r = agent_take(agent, swarm_random(node->world, SWARM_KILL_US_MIN, SWARM_KILL_US_MAX), err);
    }
    if (r < 0 || swarm_guest_kill(node, sid)) {
        return r;
    }
    r = agent_take(agent, STUCK_MS * SWARM_MS, err);
    return r < 0 || swarm_guest_kill(node, sid)
               ? r
               : error_set(err, -ETIMEDOUT, "its processes do not go");
}

static int agent_stop(struct agent *port, const struct guest *guest, int64_t timeout_s,
                      struct error *err)
{
    return agent_end(agent_of(port), guest->sid, timeout_s * SWARM_S, err);
}

static int agent_kill(struct agent *port, const char *sid, int64_t timeout_ms, struct error *err)
{
    struct swarm_agent *agent = agent_of(port);
    struct swarm_node *node = agent->node;
    int r = agent_take(agent, swarm_random(node->world, SWARM_KILL_US_MIN, SWARM_KILL_US_MAX), err);
    if (r < 0 || swarm_guest_kill(node, sid)) {
        return r;
    }
    r = agent_take(agent, timeout_ms * SWARM_MS, err);
    return r < 0 || swarm_guest_kill(node, sid)
               ? r
               : error_set(err, -ETIMEDOUT, "its processes do not go");
}

static int agent_read_guest(struct swarm_agent *agent, struct arena *arena, const char *key,
                            struct guest **ret, uint64_t *ret_version, struct error *err)
{
    struct store_entries entries;
    int r = store_refresh(agent->store, err);
    if (r == 0) {
        r = store_read(agent->store, key, 0, arena, &entries, err);
    }
    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, key) == 0 && entry->value != NULL) {
            *ret_version = entry->version;
            return guest_parse(arena, entry->value, entry->size_bytes, ret, err);
        }
    }
    return r < 0 ? r : error_set(err, -ENOENT, "it is not defined any more");
}

// By compare-and-swap, under the guard of this node's agent lease.
static int agent_hand_over(struct swarm_agent *agent, const char *sid, const char *target,
                           struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = NULL;
    uint64_t version = 0;
    const char *node = agent->node->name;
    const char *key = arena_printf(arena, STORE_PREFIX_GUEST "%s", sid);
    int r = agent_read_guest(agent, arena, key, &guest, &version, err);
    if (r < 0 || strcmp(guest->node, target) == 0) {
        return r;
    }
    r = agent_check_place(agent, guest, err);
    if (r < 0) {
        return r;
    }
    guest->node = target;
    const char *value = guest_format(arena, guest);
    const struct store_op op = {
        .key = key, .value = value, .size_bytes = strlen(value), .expect = version};
    const struct store_txn txn = {.lease = arena_printf(arena, LEASE_AGENT_FORMAT, node),
                                  .owner = node,
                                  .term = agent->lease_term,
                                  .ops = &op,
                                  .count = 1};
    return store_commit(agent->store, &txn, NULL, err);
}

static bool code_is_definite(int code)
{
    return code == -EAGAIN || code == -EPERM || code == -ENOSPC || code == -EBUSY ||
           code == -EXDEV || code == -ENOENT;
}

// Both sides are prepared; nothing executes while the place changes. When nobody can say whether it
// changed, neither side goes on: whoever has the place starts it anew.
static int agent_move_live(struct swarm_agent *agent, const struct guest *guest, const char *target,
                           struct error *err)
{
    struct swarm_node *node = agent->node;
    int r = agent_take(agent, agent_random_us(agent, COPY_MS_MIN, COPY_MS_MAX), err);
    if (r == 0 && !swarm_guest_is_up(node, guest->sid)) {
        r = error_set(err, -EIO, "it ended while it was copied");
    }
    const struct swarm_node *other = swarm_world_find_node(node->world, target);
    if (r == 0 && (other == NULL || !other->is_on)) {
        r = error_set(err, -EHOSTUNREACH, "node '%s' is not reachable", target);
    }
    if (r == 0 && (other->lrm == NULL || !swarm_lrm_may_receive(other->lrm, guest->sid))) {
        r = error_set(err, -EHOSTUNREACH, "node '%s' takes no guests now", target);
    }
    if (r < 0) {
        return r;
    }
    swarm_guest_still(node, guest->sid, true);
    r = agent_hand_over(agent, guest->sid, target, err);
    if (agent_is_gone(agent)) {
        return -ECANCELED; // what is left of it here executes nothing
    }
    if (r == 0) {
        swarm_guest_sweep(node, guest->sid);
        swarm_guest_receive(swarm_world_find_node(node->world, target), guest->sid);
    } else if (code_is_definite(r)) {
        swarm_guest_still(node, guest->sid, false);
    } else {
        swarm_guest_sweep(node, guest->sid);
    }
    return r;
}

static int agent_move(struct agent *port, const struct guest *guest, const char *target,
                      bool online, struct error *err)
{
    struct swarm_agent *agent = agent_of(port);
    int r = agent_is_gone(agent) ? error_set(err, -ECANCELED, "killed")
                                 : agent_check_place(agent, guest, err);
    if (r == 0 && agent->lease_term == 0) {
        r = error_set(err, -EPERM, "this node does not hold its agent lease");
    }
    if (r < 0) {
        return r;
    }
    bool moves_live = swarm_world_guest(agent->node->world, guest->sid)->moves_live;
    if (online && moves_live && swarm_guest_is_up(agent->node, guest->sid)) {
        return agent_move_live(agent, guest, target, err);
    }
    r = agent_end(agent, guest->sid, agent->node->world->timing.stop_timeout_s * SWARM_S, err);
    return r < 0 ? r : agent_hand_over(agent, guest->sid, target, err);
}

void swarm_agent_init(struct swarm_agent *agent)
{
    static const struct agent_ops ops = {.check = agent_check,
                                         .start = agent_start,
                                         .stop = agent_stop,
                                         .kill = agent_kill,
                                         .move = agent_move};
    agent->port.ops = &ops;
}
