// SPDX-License-Identifier: Apache-2.0
// Counting the calls, and hitting the one.
#include "sim/sim_fault.h"

#include "common/base/arena.h"
#include "crm/round.h"
#include "sim/world.h"

static enum fault_verdict sim_fault_ask(void *userdata, enum fault_call call, const char *what)
{
    const struct sim_daemon *daemon = userdata;
    struct sim_fault *fault = daemon->world->fault;
    uint64_t position = ++fault->calls;
    if (fault->called != NULL) {
        fault->called(fault->userdata, daemon, position, call, what);
    }
    if (position != fault->position) {
        return FAULT_VERDICT_NONE;
    }
    fault->happened = true;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    sim_world_emit_hardware(daemon->world, "planned-fault", "fault",
                            fault_verdict_name(fault->verdict), "call",
                            arena_printf(arena, "%s %s", fault_call_name(call), what), "daemon",
                            daemon->at, (const char *)NULL);
    return fault->verdict;
}

static void sim_fault_init(struct sim_daemon *daemon)
{
    const struct fault_inner inner = {.store = &daemon->store.port,
                                      .worker_store = &daemon->worker_store.port,
                                      .lease = &daemon->lease.port,
                                      .membership = &daemon->membership.port,
                                      .watchdog = &daemon->watchdog.port,
                                      .stats = &daemon->stats.port,
                                      .fence = &daemon->fence.port,
                                      .workers = &daemon->workers.port};
    fault_ports_init(&daemon->fault, &inner, sim_fault_ask, daemon);
}

void sim_fault_wrap_crm(struct sim_daemon *daemon, struct crm_ports *ports)
{
    if (daemon->world->fault == NULL) {
        return;
    }
    sim_fault_init(daemon);
    ports->store = &daemon->fault.store.port;
    ports->lease = &daemon->fault.lease.port;
    ports->membership = &daemon->fault.membership.port;
    ports->watchdog = ports->watchdog != NULL ? &daemon->fault.watchdog.port : NULL;
    ports->stats = &daemon->fault.stats.port;
    ports->fence = ports->fence != NULL ? &daemon->fault.fence.port : NULL;
}

void sim_fault_wrap_lrm(struct sim_daemon *daemon, struct lrm_ports *ports)
{
    if (daemon->world->fault == NULL) {
        return;
    }
    sim_fault_init(daemon);
    ports->store = &daemon->fault.store.port;
    ports->lease = &daemon->fault.lease.port;
    ports->membership = &daemon->fault.membership.port;
    ports->watchdog = &daemon->fault.watchdog.port;
    ports->workers = &daemon->fault.workers.port;
}

bool sim_fault_has_crashed(const struct sim_daemon *daemon)
{
    return daemon->world->fault != NULL && daemon->fault.is_crashed;
}
