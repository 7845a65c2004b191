// SPDX-License-Identifier: Apache-2.0
// The workers port of the live LRM (what ends all at once is host_kill.h): each job in a forked
// process with its own connection to ha-clusterd, which dies with the LRM, is killed when it takes
// too long, and runs in its own control group where there are any. Also the watches on the guests
// that were found running: their end is told at once.
//
// INV-1: a sid never has two workers. Within one process of the LRM the table says so; between two
// of them, a worker dies with its LRM (PR_SET_PDEATHSIG), host_workers_sweep() ends what a dead
// worker had begun, and the agents lock each guest.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "common/port/workers.h"

struct agent;
struct arena;
struct clock;
struct error;
struct event_sink;
struct host_workers;
struct loop;
struct store;
struct timing;

// What a worker may use, made anew in its process.
struct host_worker_context {
    const char *node;
    const struct timing *timing;
    struct store *store;       // NULL: there is none, and the agent is only for kill
    struct event_sink *events; // likewise
    uint64_t lease_term;       // of this node's agent lease; 0: none is held
};

// The agents, told apart by the type of a service. Both run in the worker.
struct host_worker_agents {
    // The agent for the type, or NULL.
    struct agent *(*open)(const struct host_worker_context *context, const char *type);
    // The first process of a running guest, to watch for its end; 0: it cannot be watched.
    pid_t (*init_pid)(const char *sid);
};

struct host_workers_spec {
    const char *node; // borrowed, as all pointers here
    const struct timing *timing;
    struct loop *loop;
    struct clock *clock;
    struct event_sink *events;
    struct host_worker_agents agents;
    // A store of its own for each worker: opened in the worker, which ends without closing it.
    int (*open_store)(struct store **ret, struct error *err);
    // How the control groups of workers are named, different for each LRM that shares a group: all
    // that is left in groups of this name is ended at the start.
    const char *group_prefix;
    // Where to note what may run here, and of which boot that is. NULL: it is not noted (tests).
    const char *note_path;
    const char *boot_id;
    void (*ended)(void *userdata);                         // a result waits to be collected
    void (*guest_exited)(void *userdata, const char *sid); // a watched guest ended by itself
    void *userdata;
};

// Ends what workers of an earlier process of this daemon left half done; until that has succeeded,
// jobs fail. Where there are no control groups only the agents guard against it.
struct host_workers *host_workers_new(const struct host_workers_spec *spec) WARN_UNUSED;
// Kills the workers that still run.
void host_workers_free(struct host_workers *workers);
void host_workers_freep(struct host_workers **workers);
struct workers *host_workers_port(struct host_workers *workers) WARN_UNUSED;
// The term under which jobs given out from now on may write.
void host_workers_set_term(struct host_workers *workers, uint64_t lease_term);
// Looks after what other nodes move here live (lrm/host_receive.h); to be called after each round.
void host_workers_receive(struct host_workers *workers, struct store *store,
                          bool (*may)(void *userdata, const char *sid), void *userdata);
