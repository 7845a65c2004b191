// SPDX-License-Identifier: Apache-2.0
// Workers of the simulator: a job is carried out at once, by the same code as in a real worker
// process (lrm/execution.h), and its result waits to be collected.
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/sid.h"
#include "lrm/execution.h"
#include "sim/world.h"

static struct agent *sim_workers_agent_for(void *userdata, const char *type)
{
    static const char *const types[SIM_AGENT_MAX] = {
        [SIM_AGENT_VM] = "vm", [SIM_AGENT_CT] = "ct", [SIM_AGENT_FA] = "fa"};
    struct sim_daemon *daemon = userdata;
    for (size_t i = 0; i < SIM_AGENT_MAX; i++) {
        if (strcmp(type, types[i]) == 0) {
            return &daemon->agents[i].port;
        }
    }
    return NULL;
}

static struct store *sim_workers_store(struct sim_daemon *daemon)
{
    bool faulty = daemon->world->fault != NULL;
    return faulty ? &daemon->fault.worker_store.port : &daemon->worker_store.port;
}

static int sim_workers_spawn(struct workers *workers, const struct job *job, struct error *err)
{
    (void)err; // an inline job always begins
    struct sim_daemon *daemon = ((struct sim_workers_port *)workers)->daemon;
    struct arena *scratch CLEANUP(arena_freep) = arena_new();
    const struct execution_ports ports = {
        .store = sim_workers_store(daemon),
        .events = &daemon->events.port,
        .accept_moved = daemon->world->timing.profile != TIMING_PROFILE_CLASSIC,
        .agent_for = sim_workers_agent_for,
        .userdata = daemon,
    };
    const char *reason = NULL;
    daemon->killed = WORKERS_KILLED_NONE;
    enum lrm_code code = execution_run(scratch, daemon->node->name, job, &ports, &reason);
    if (daemon->results_count == daemon->results_capacity) {
        daemon->results_capacity = daemon->results_capacity > 0 ? 2 * daemon->results_capacity : 8;
        daemon->results =
            alloc_resize(daemon->results, daemon->results_capacity * sizeof(*daemon->results));
    }
    struct arena *arena = daemon->results_arena;
    daemon->results[daemon->results_count++] =
        (struct job_result){.sid = arena_strdup(arena, job->sid),
                            .uid = arena_strdup(arena, job->uid),
                            .state = job->state,
                            .exit_code = code,
                            .reason = arena_strdup(arena, reason)};
    return 0;
}

static void sim_workers_collect(struct workers *workers, struct arena *arena,
                                struct job_results *ret)
{
    struct sim_daemon *daemon = ((struct sim_workers_port *)workers)->daemon;
    struct job_results results = {.count = daemon->results_count};
    results.results = arena_array_of(arena, struct job_result, daemon->results_count);
    for (size_t i = 0; i < daemon->results_count; i++) {
        const struct job_result *from = &daemon->results[i];
        results.results[i] = *from;
        results.results[i].sid = arena_strdup(arena, from->sid);
        results.results[i].uid = arena_strdup(arena, from->uid);
        results.results[i].reason = arena_strdup(arena, from->reason);
    }
    daemon->results_count = 0;
    arena_clear(daemon->results_arena);
    *ret = results;
}

static void sim_workers_kill(struct workers *workers, const struct workers_guests *guests,
                             int64_t until_ms)
{
    struct sim_daemon *daemon = ((struct sim_workers_port *)workers)->daemon;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    daemon->results_count = 0;
    arena_clear(daemon->results_arena);
    daemon->killed = WORKERS_KILLED_PROVEN;
    for (size_t i = 0; i < guests->count; i++) {
        const char *sid = guests->sids[i];
        struct agent *agent = sim_workers_agent_for(daemon, sid_type(arena, sid));
        int r = agent->ops->kill(agent, sid, until_ms - daemon->clock_ms, NULL);
        if (r < 0) {
            daemon->killed = WORKERS_KILLED_FAILED;
        }
    }
}

static enum workers_killed sim_workers_look(struct workers *workers, struct arena *arena,
                                            const char **ret_reason)
{
    (void)arena; // there is no reason
    *ret_reason = NULL;
    return ((struct sim_workers_port *)workers)->daemon->killed;
}

static int sim_workers_note(struct workers *workers, const struct workers_guests *guests,
                            uint64_t term, struct error *err)
{
    (void)err; // never fails
    struct sim_node *node = ((struct sim_workers_port *)workers)->daemon->node;
    map_clear(&node->noted);
    for (size_t i = 0; i < guests->count; i++) {
        map_put(&node->noted, guests->sids[i], NULL);
    }
    node->noted_term = term;
    node->is_noted = true;
    return 0;
}

void sim_workers_port_init(struct sim_daemon *daemon)
{
    static const struct workers_ops ops = {.spawn = sim_workers_spawn,
                                           .collect = sim_workers_collect,
                                           .kill = sim_workers_kill,
                                           .look = sim_workers_look,
                                           .note = sim_workers_note};
    daemon->workers = (struct sim_workers_port){{&ops}, daemon};
}
