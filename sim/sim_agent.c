// SPDX-License-Identifier: Apache-2.0
// The agents of the simulator: guests are flags on nodes. vm, ct and fa differ in how they move and
// fail.
#include <assert.h>
#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "sim/world.h"

static struct sim_daemon *sim_agent_daemon(struct agent *agent)
{
    return ((struct sim_agent_port *)agent)->daemon;
}

static enum sim_agent_kind sim_agent_kind(struct agent *agent)
{
    const struct sim_agent_port *port = (struct sim_agent_port *)agent;
    return (enum sim_agent_kind)(port - port->daemon->agents);
}

// The digits of a failing resource; all zero for the others, which never fail.
static struct sim_fa sim_agent_faults(struct agent *agent, const struct guest *guest)
{
    struct sim_fa fa = {0};
    if (sim_agent_kind(agent) == SIM_AGENT_FA &&
        sim_fa_parse(sid_name(guest->sid), &fa, NULL) < 0) {
        assert(fa.failing_starts == 0); // the scenario reader has checked the digits
    }
    return fa;
}

static void sim_agent_tell(struct sim_daemon *daemon, enum event_level level, const char *name,
                           const struct guest *guest, const char *target, const char *how,
                           const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_text(arena, event, "sid", guest->sid);
    event_text(arena, event, "node", target);
    event_text(arena, event, "how", how);
    event_text(arena, event, "reason", reason);
    event_emit(&daemon->events.port, event);
}

static int sim_agent_refuse_locked(struct sim_daemon *daemon, const struct guest *guest,
                                   struct error *err)
{
    if (guest->lock == NULL) {
        return 0;
    }
    sim_agent_tell(daemon, EVENT_LEVEL_ERROR, "guest-locked", guest, NULL, NULL, guest->lock);
    return error_set(err, -EBUSY, "it is locked: '%s'", guest->lock);
}

// A worker ends with its daemon: what it would do next is not done.
static int sim_agent_refuse_crashed(const struct sim_daemon *daemon, struct error *err)
{
    bool crashed = sim_fault_has_crashed(daemon);
    return crashed ? error_set(err, -ECANCELED, "the process has ended") : 0;
}

static int sim_agent_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                           struct error *err)
{
    const struct sim_daemon *daemon = sim_agent_daemon(agent);
    *ret_running = sim_guests_runs(&daemon->world->guests, daemon->node->name, guest->sid);
    return sim_agent_refuse_crashed(daemon, err);
}

static int sim_agent_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct sim_daemon *daemon = sim_agent_daemon(agent);
    struct sim_guests *guests = &daemon->world->guests;
    const struct sim_fa fa = sim_agent_faults(agent, guest);
    int r = sim_agent_refuse_crashed(daemon, err);
    if (r < 0) {
        return r;
    }
    if (sim_agent_kind(agent) == SIM_AGENT_FA &&
        !sim_fa_attempt(guests, "start", guest->sid, fa.failing_starts, &fa, daemon->node->name)) {
        return error_set(err, -EIO, "it fails to start, as its digits say");
    }
    r = sim_agent_refuse_locked(daemon, guest, err);
    if (r == 0) {
        sim_guests_set(guests, daemon->node->name, guest->sid, true);
    }
    return r;
}

static int sim_agent_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                          struct error *err)
{
    (void)timeout_s; // guests of the simulator stop at once
    struct sim_daemon *daemon = sim_agent_daemon(agent);
    const struct sim_fa fa = sim_agent_faults(agent, guest);
    if (fa.unstoppable) {
        return error_set(err, -EIO, "it cannot be stopped, as its digits say");
    }
    int r = sim_agent_refuse_crashed(daemon, err);
    if (r == 0) {
        r = sim_agent_refuse_locked(daemon, guest, err);
    }
    if (r == 0) {
        sim_guests_set(&daemon->world->guests, daemon->node->name, guest->sid, false);
    }
    return r;
}

// No lock and no digit is in the way of the node's own end of all.
static int sim_agent_kill(struct agent *agent, const char *sid, int64_t timeout_ms,
                          struct error *err)
{
    (void)timeout_ms; // it takes no time
    struct sim_daemon *daemon = sim_agent_daemon(agent);
    int r = sim_agent_refuse_crashed(daemon, err);
    if (r == 0) {
        sim_guests_set(&daemon->world->guests, daemon->node->name, sid, false);
    }
    return r;
}

// The last step of a move.
static void sim_agent_change_place(struct sim_daemon *daemon, const struct guest *guest,
                                   const char *target)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest moved = *guest;
    moved.node = target;
    sim_world_put(daemon->world, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, guest->sid),
                  guest_format(arena, &moved));
}

static int sim_agent_move(struct agent *agent, const struct guest *guest, const char *target,
                          bool online, struct error *err)
{
    struct sim_daemon *daemon = sim_agent_daemon(agent);
    struct sim_guests *guests = &daemon->world->guests;
    const char *here = daemon->node->name;
    const struct sim_fa fa = sim_agent_faults(agent, guest);
    int r = sim_agent_refuse_crashed(daemon, err);
    if (r < 0) {
        return r;
    }
    if (sim_agent_kind(agent) == SIM_AGENT_FA &&
        !sim_fa_attempt(guests, "move", guest->sid, fa.failing_moves, &fa, here)) {
        return error_set(err, -EIO, "it fails to move, as its digits say");
    }
    bool running = sim_guests_runs(guests, here, guest->sid);
    if (sim_agent_kind(agent) == SIM_AGENT_CT && online && running) {
        sim_agent_tell(daemon, EVENT_LEVEL_WARNING, "move-changed", guest, target, "relocate",
                       "a running container cannot be moved live");
        online = false;
    }
    const char *how = online ? "migrate" : "relocate";
    sim_agent_tell(daemon, EVENT_LEVEL_INFO, "move-begin", guest, target, how, NULL);
    r = sim_agent_refuse_locked(daemon, guest, err);
    if (r < 0) {
        return r;
    }
    if (!online && running) {
        sim_agent_tell(daemon, EVENT_LEVEL_INFO, "stop", guest, NULL, NULL, NULL);
        // One that cannot be stopped is moved all the same, as the scenarios expect.
        (void)sim_agent_stop(agent, guest, 0, NULL);
        sim_agent_tell(daemon, EVENT_LEVEL_INFO, "stopped", guest, NULL, NULL, NULL);
    }
    sim_agent_change_place(daemon, guest, target);
    sim_agent_tell(daemon, EVENT_LEVEL_INFO, "move-end", guest, target, how, NULL);
    // After a live move too, the target's LRM is the one to find it running or to start it.
    sim_guests_set(guests, here, guest->sid, false);
    return 0;
}

void sim_agent_ports_init(struct sim_daemon *daemon)
{
    static const struct agent_ops ops = {.check = sim_agent_check,
                                         .start = sim_agent_start,
                                         .stop = sim_agent_stop,
                                         .kill = sim_agent_kill,
                                         .move = sim_agent_move};
    for (size_t i = 0; i < SIM_AGENT_MAX; i++) {
        daemon->agents[i] = (struct sim_agent_port){{.ops = &ops}, daemon};
    }
}
